"""First order in time: transient heat conduction and diffusion by the generalised trapezoidal rule."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax.fe.inertia import Inertia, constant, first_balance, scanned, started, without
from msjax.fe.linear import LinearSolver, default_solver
from msjax.fe.load_path import At, check_times
from msjax.fe.load_steps import after_failure
from msjax.fe.mass import Density, mass_matrix
from msjax.fe.problem import Problem
from msjax.fe.solve import equilibrate
from msjax.status import Code, Status, check
from msjax.typing import Array, Float, PyTree, Scalar, concrete


class Transient(eqx.Module):
    """Of :func:`transient`: ``u`` (s, n, c) at the ``times`` (s,), ``reactions`` (s, n, c): what the constraints put in
    (a rate), the committed ``state`` of the last time, and the ``status`` of every step (s − 1,)."""

    times: Float[Array, " s"]
    u: Float[Array, "s n c"]
    reactions: Float[Array, "s n c"]
    state: PyTree
    status: Status


def transient(
    problem: Problem,
    capacity: Density,
    times: Any,
    initial: Any = 0.0,
    at: At = constant,
    state: PyTree = None,
    inputs: Callable[[Scalar, Scalar], Any] | Any = None,
    *,
    theta: float = 1.0,
    lumped: bool = False,
    solver: LinearSolver | None = None,
    tolerance: float = 1e-8,
    max_steps: int = 25,
    checkpointed: bool = False,
    throw: bool = True,
) -> Transient:
    """Integrate C u̇ + r(u, t) = 0 with the residual forces r of the problem, for heat C Ṫ = div q + source.

    The generalised trapezoidal rule C (u₁ − u₀)/Δt + θ r₁ + (1 − θ) r₀ = 0 (T. J. R. Hughes, The Finite Element Method,
    ch. 8): each step makes Π(u) + |u − u₀|²_C/(2 θ Δt) + (1 − θ)/θ r₀·u stationary, so that nonlinear problems, states,
    and derivatives to any order come as in :func:`msjax.solve`. One scan over the steps, to be differentiated and
    batched.

    Args:
        problem: what conducts.
        capacity: as the density of :func:`~msjax.fe.mass_matrix`: heat capacity per volume.
        times: (s,) ascending; steps may differ.
        initial: a number, one per component, or values (n, c); they need not satisfy the constraints.
        at: the problem at a time (sources, prescribed values); by default the same at all times.
        state, inputs, solver, tolerance, max_steps: as in :func:`msjax.solve`; ``inputs`` may be a function of (time,
            time step).
        theta: from ½, Crank–Nicolson (order 2), to 1, backward Euler (order 1, no oscillations). Where the initial
            values jump to prescribed ones, begin with some short steps of backward Euler.
        lumped: a diagonal capacity, which keeps the maximum principle with backward Euler on good meshes.
        checkpointed: reverse mode solves each step again instead of keeping what it needs.
        throw: raise ``SolveError`` where a concrete step fails; all after it is NaN in any case.

    Raises:
        ValueError: times that do not ascend, theta out of range, a wrong shape.

    >>> import jax.numpy as jnp, msjax as ms
    >>> slab = ms.fe.Problem(ms.fe.rectangle((1.0, 0.1), (8, 1)), ms.Conductor(1.0, dim=2),
    ...                      [ms.fe.Dirichlet("x-", 0.0), ms.fe.Dirichlet("x+", 0.0)])
    >>> wave = jnp.sin(jnp.pi * slab.mesh.points[:, :1])
    >>> cooling = transient(slab, 1.0, jnp.linspace(0.0, 0.1, 11), wave, theta=0.5)
    >>> round(float(cooling.u[-1, 8, 0]), 2)  # exp(−π² t) in the middle
    0.37
    """
    if not 0.5 <= theta <= 1.0:
        raise ValueError(f"theta: expected a number from 0.5 to 1, got {theta}")
    moments, begin = start_of(problem, times, initial, "initial")
    states = problem.initial_state() if state is None else state
    solver = default_solver(problem) if solver is None else solver
    given = inputs if callable(inputs) else lambda time, step: inputs
    mass = mass_matrix(problem, capacity, lumped)
    settings = float(theta), float(tolerance), int(max_steps), bool(checkpointed)
    path = _transient(problem, mass, solver, states, begin, moments, at, given, settings)
    check(path.status, "transient", throw)
    return path


def start_of(problem: Problem, times: Any, initial: Any, name: str) -> tuple[Float[Array, " s"], Float[Array, "n c"]]:
    """Times and nodal values, checked."""
    moments, shape = jnp.asarray(times, float), problem.affine.free.shape
    if concrete(moments):
        check_times(moments)
    values = jnp.asarray(initial, float)
    if values.shape not in ((), shape[1:], shape):
        raise ValueError(f"{name}: expected a number, shape {shape[1:]} or {shape}, got {values.shape}")
    return moments, jnp.broadcast_to(values.reshape((1,) * (2 - values.ndim) + values.shape), shape)


@eqx.filter_jit
def _transient(problem, mass, solver, states, begin, times, at, given, settings):
    theta, tolerance, max_steps, checkpointed = settings

    def step(carry, moment):
        u, forces, states, code = carry
        time, h = moment
        posed = at(problem, time)
        inertia = Inertia(mass, 1.0 / (theta * h), u, (1.0 - theta) / theta * forces)
        found = equilibrate(posed.loaded(inertia), solver, states, u, given(time, h), tolerance, max_steps)
        found, code = after_failure(found, code)
        forces, _ = without(found, inertia, posed)
        return (found.u, forces, found.state, code), (found.u, found.reactions, found.state, found.status)

    first = at(problem, times[0])
    forces, _ = first_balance(first, begin, states, given(times[0], jnp.zeros(())))
    carry = (begin, forces, states, jnp.asarray(Code.CONVERGED.value, jnp.int32))
    u, reactions, kept, status = scanned(step, carry, times, checkpointed)
    last = last_of(kept)
    return Transient(times, started(begin, u), started(jnp.zeros_like(begin), reactions), last, status)


def last_of(states: PyTree) -> PyTree:
    """The last entry of a stacked history."""
    return jax.tree.map(lambda x: x[-1], states)
