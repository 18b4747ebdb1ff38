"""What a time step adds to the potential: ½ k (u − c)·M (u − c) + f·u. A step is then an equilibrium like any other."""

import jax
import jax.numpy as jnp

from msjax.fe.elements import ElementMatrices
from msjax.fe.loads import Action, FacetStiffness, Posed
from msjax.fe.problem import Problem, balance
from msjax.fe.solve import Solution
from msjax.typing import Array, Float, PyTree, Scalar


class Inertia(Posed):
    """``factor`` k on the ``mass`` M, the ``centre`` c (n, c) where it pulls nowhere, and constant nodal ``forces`` f
    (n, c)."""

    mass: ElementMatrices
    factor: Scalar
    centre: Float[Array, "n c"]
    forces: Float[Array, "n c"]

    def act(self, mesh, u):
        """Element by element."""
        away = u - self.centre
        pulled = self.factor * self.mass.apply(away)
        count, k = mesh.cells.shape
        owners = jnp.arange(count, dtype=jnp.int32)
        local = jnp.broadcast_to(jnp.arange(k, dtype=jnp.int32), (count, k))
        stiffness = FacetStiffness(self.factor * self.mass.matrices, owners, local)
        energy = 0.5 * jnp.vdot(away, pulled) + jnp.vdot(self.forces, u)
        return Action(energy, pulled + self.forces, stiffness)

    def scaled(self, factor):
        """It is no load."""
        return self


def constant(problem: Problem, time: Scalar) -> Problem:
    """The same problem at all times."""
    return problem


def without(solution: Solution, inertia: Inertia, problem: Problem) -> tuple[Float[Array, "n c"], Scalar]:
    """Residual forces (n, c) and potential of the problem alone, at the equilibrium with inertia."""
    action = inertia.act(problem.mesh, solution.u)
    return solution.reactions - action.forces, solution.energy - action.energy


def first_balance(problem: Problem, u: Float[Array, "n c"], states: PyTree, inputs: PyTree):
    """Residual forces and potential at the beginning."""
    found = balance(problem, u, states, inputs)
    return found.residual, found.energy


def scanned(step, carry: PyTree, times: Float[Array, " s"], checkpointed: bool) -> PyTree:
    """``step(carry, (time, time step))`` over all but the first of the times."""
    body = jax.checkpoint(step) if checkpointed else step
    _, path = jax.lax.scan(body, carry, (times[1:], jnp.diff(times)))
    return path


def started(first: PyTree, rest: PyTree) -> PyTree:
    """A history with its first entry in front."""
    return jax.tree.map(lambda a, b: jnp.concatenate([a[None], b]), first, rest)
