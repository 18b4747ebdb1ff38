"""``solve``: the equilibrium of a problem, its reactions and energy, with exact derivatives."""

import dataclasses
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.fe.congruent import congruent
from msjax.fe.equilibrium import Equilibrium, Given
from msjax.fe.linear import Direct, LinearSolver, default_solver
from msjax.fe.problem import Problem
from msjax.fe.support import check_supported
from msjax.solvers.stationary import at_stationary, stationary_field
from msjax.status import Code, Status, check, guard
from msjax.typing import Array, Float, PyTree, Scalar, concrete


class Solution(eqx.Module):
    """Of :func:`solve`: ``u`` (n, c), ``reactions`` (n, c), the forces that the constraints exert on the nodes (to the
    solver's tolerance zero where nothing is prescribed), the potential ``energy`` Π = ∫W − L, the trial ``state`` of
    the materials and the ``status``.

    A failed solve is NaN in value and gradient. ``energy`` is stationary in u: its gradient needs no further solve.
    """

    u: Float[Array, "n c"]
    reactions: Float[Array, "n c"]
    energy: Scalar
    state: PyTree
    status: Status


def solve(
    problem: Problem,
    state: PyTree = None,
    start: Any = None,
    inputs: Any = None,
    *,
    solver: LinearSolver | None = None,
    tolerance: float = 1e-8,
    max_steps: int = 50,
    throw: bool = True,
) -> Solution:
    """Equilibrium of a finite-element problem.

    Linear problems take one linear solve, others Newton's method with line search. The result is differentiable to any
    order, forward and reverse, in all array leaves of the problem, in ``state`` and ``inputs``; ``start`` is a warm
    start with zero derivative. Batch with ``jax.vmap`` over problems (``eqx.filter_vmap``): a failed member leaves the
    others alone.

    Args:
        problem: what to solve.
        state: committed states of the materials, as in an earlier ``Solution.state`` (default: virgin).
        start: displacements (n, c) to start from; they need not satisfy the constraints. Where one is not finite, as
            after a failed solve, the start is zero.
        inputs: what the materials' ``respond`` takes besides, for instance a time step; what varies over the body
            (a temperature) as :class:`~msjax.fe.AtNodes`.
        solver: of the linear systems (:mod:`msjax.fe.linear`); by default one that suits the problem, and outside of
            transformations a factorisation where that fails.
        tolerance: residual forces relative to the forces that they are the sum of (linear: to the right-hand side).
        max_steps: of Newton's method, damped ones counted.
        throw: raise where the solve fails; otherwise, and under transformations, the status says so.

    Raises:
        ValueError: a wrong shape, a state that is not one of this problem, or constraints that leave rigid motions
            free (named).
        SolveError: the solve failed, with its code.

    >>> import msjax as ms
    >>> mesh = ms.fe.box((1.0, 1.0, 1.0), (2, 2, 2))
    >>> held = [ms.fe.Dirichlet("z-"), ms.fe.Dirichlet("z+", 0.1, "z")]
    >>> solution = ms.solve(ms.fe.Problem(mesh, ms.IsotropicElastic(1.0, 0.3), held))
    >>> round(float(solution.reactions[mesh.nodes_of("z+"), 2].sum()), 4)
    0.1059
    """
    shape = problem.affine.free.shape
    if not tolerance > 0:
        raise ValueError(f"tolerance: must be positive, got {tolerance}")
    if int(max_steps) < 1:
        raise ValueError(f"max_steps: expected a positive integer, got {max_steps}")
    begin = jnp.zeros(shape) if start is None else jnp.asarray(start, float)
    if begin.shape != shape:
        raise ValueError(f"start: expected shape {shape}, got {begin.shape}")
    if concrete(problem.mesh.points, problem.affine.weights):
        check_supported(problem)
    virgin = problem.initial_state()
    states = virgin if state is None else _check_state(state, virgin)
    problem, states, inputs = _strong((problem, states, inputs))
    numbers = (float(tolerance), int(max_steps), congruent(problem))
    chosen = default_solver(problem) if solver is None else solver
    solution = equilibrate(problem, chosen, states, begin, inputs, *numbers)
    if solver is None and not isinstance(chosen, Direct) and _may_be_the_solver(solution.status):
        solution = equilibrate(problem, Direct(symmetric=problem.symmetric), states, begin, inputs, *numbers)
    check(solution.status, "solve", throw)
    return solution


def _strong(tree: PyTree) -> PyTree:
    """The arrays with types of their own: a weak one, as ``jnp.asarray(1.2)`` has, would compile everything anew."""

    def one(x):
        if not getattr(x, "weak_type", False):
            return x
        # over the host where there is a value, since an operation would be compiled too
        return jnp.asarray(np.asarray(x)) if concrete(x) else jax.lax.convert_element_type(x, x.dtype)

    return jax.tree.map(one, tree)


def _may_be_the_solver(status: Status) -> bool:
    """Whether an iteration failed that a factorisation might not: near incompressibility, or past a limit point."""
    one = concrete(status.code) and not np.ndim(status.code)
    return one and int(status.code) in (Code.SINGULAR, Code.MAX_STEPS)


def _check_state(state: PyTree, virgin: PyTree) -> PyTree:
    found, expected = (jax.tree.map(lambda x: jnp.shape(x), tree) for tree in (state, virgin))
    if jax.tree.structure(state) != jax.tree.structure(virgin) or found != expected:
        raise ValueError(f"state: expected one of this problem, as in Solution.state or Problem.initial_state(), with "
                         f"shapes {expected}, got {found}")  # fmt: skip
    return state


@eqx.filter_jit
def equilibrate(
    problem: Problem,
    solver: LinearSolver,
    states: PyTree,
    start: Float[Array, "n c"],
    inputs: Any,
    tolerance: float,
    max_steps: int,
    copies: bool = False,
) -> Solution:
    """:func:`solve` without checks of its input: one step of a path. ``copies``: the problem is
    :func:`~msjax.fe.congruent.congruent`."""
    arrays, structure = eqx.partition((problem, solver), eqx.is_array)
    (arrays, states, inputs), finite = _finite((arrays, states, inputs))
    equilibrium = Equilibrium(structure, tolerance, max_steps, congruent=copies)
    usable = jnp.all(jnp.isfinite(start))
    given = Given(arrays, states, inputs)
    q, status = stationary_field(equilibrium, jnp.where(usable, start, jnp.zeros_like(start)), given)
    status = Status(jnp.where(finite, status.code, Code.NONFINITE.value), status.iterations, status.residual)
    energy, (u, reactions, trial) = at_stationary(_Results(equilibrium), q, given)
    u, reactions, energy, trial = guard_floats((u, reactions, energy, trial), status.failed)
    return Solution(u, reactions, energy, trial, status)


@dataclasses.dataclass(frozen=True)
class _Results:
    """Energy, a stationary value where there is a potential, and the rest."""

    equilibrium: Equilibrium

    def __call__(self, q, given):
        problem, _ = self.equilibrium.restore(given)
        u = problem.affine.displacement(q)
        found = self.equilibrium.balance(problem, u, given)
        if problem.conservative:
            return found.energy, (u, found.residual, found.states)
        return jnp.zeros(()), (u, found.residual, found.states)


def _finite(arrays: PyTree) -> tuple[PyTree, Array]:
    """The arrays with numbers in place of those that are not finite, and whether there were none.

    A failed member is evaluated at a point where nothing is NaN, so that a zero cotangent stays zero.
    """
    floats, rest = eqx.partition(arrays, eqx.is_inexact_array)
    finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves(floats)]))
    safe = jax.tree.map(lambda x: jnp.where(jnp.isfinite(x), x, jnp.ones_like(x)), floats)
    return eqx.combine(safe, rest), finite


def guard_floats(tree: PyTree, failed: Array) -> PyTree:
    """:func:`msjax.status.guard` on the leaves that are numbers; counters in states stay."""
    floats, rest = eqx.partition(tree, eqx.is_inexact_array)
    return eqx.combine(guard(floats, failed), rest)
