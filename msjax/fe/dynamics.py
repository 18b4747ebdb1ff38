"""Second order in time: implicit dynamics by Newmark's method and the generalised-α method."""

import dataclasses
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from msjax.fe.inertia import Inertia, constant, first_balance, scanned, started, without
from msjax.fe.linear import LinearSolver, default_solver
from msjax.fe.load_path import At
from msjax.fe.load_steps import after_failure
from msjax.fe.mass import Density, mass_matrix
from msjax.fe.problem import Problem
from msjax.fe.solve import equilibrate
from msjax.fe.transient import last_of, start_of
from msjax.fe.vibration import linear_solve
from msjax.status import Status, check
from msjax.typing import Array, Float, PyTree, Scalar


@dataclasses.dataclass(frozen=True)
class Newmark:
    """β and γ of Newmark's method (doi:10.1061/JMCEA3.0000098), with α_m and α_f of the generalised-α method.

    The default, the average acceleration, is of order 2, unconditionally stable for linear problems and conserves
    their energy.
    """

    beta: float = 0.25
    gamma: float = 0.5
    alpha_m: float = 0.0
    alpha_f: float = 0.0

    def __post_init__(self):
        if not (self.beta > 0 and self.alpha_f < 1 and self.alpha_m < 1):
            raise ValueError(f"scheme: needs beta > 0 and alphas below 1, got {self}")


def generalised_alpha(rho: float = 0.8) -> Newmark:
    """The scheme of Chung and Hulbert (doi:10.1115/1.2900803): order 2, with the spectral radius ``rho`` from 0 to 1 at
    high frequencies, which are damped the more the smaller it is.

    >>> generalised_alpha(1.0).beta
    0.25
    """
    if not 0 <= rho <= 1:
        raise ValueError(f"rho: expected a number from 0 to 1, got {rho}")
    alpha_m, alpha_f = (2 * rho - 1) / (rho + 1), rho / (rho + 1)
    return Newmark(0.25 * (1 - alpha_m + alpha_f) ** 2, 0.5 - alpha_m + alpha_f, alpha_m, alpha_f)


class Motion(eqx.Module):
    """Of :func:`dynamics` at the ``times`` (s,): displacements ``u``, velocities ``v`` and accelerations ``a``
    (s, n, c), ``kinetic`` energy ½ v·M v and the ``potential`` Π = ∫W − L (s,), the committed ``state`` of the last
    time, and the ``status`` of every step (s − 1,)."""

    times: Float[Array, " s"]
    u: Float[Array, "s n c"]
    v: Float[Array, "s n c"]
    a: Float[Array, "s n c"]
    kinetic: Float[Array, " s"]
    potential: Float[Array, " s"]
    state: PyTree
    status: Status


def dynamics(
    problem: Problem,
    density: Density,
    times: Any,
    initial: Any = 0.0,
    velocity: Any = 0.0,
    at: At = constant,
    state: PyTree = None,
    inputs: Callable[[Scalar, Scalar], Any] | Any = None,
    *,
    scheme: Newmark = Newmark(),  # noqa: B008
    lumped: bool = False,
    solver: LinearSolver | None = None,
    tolerance: float = 1e-8,
    max_steps: int = 25,
    checkpointed: bool = False,
    throw: bool = True,
) -> Motion:
    """Integrate M ü + r(u, t) = 0 with the residual forces r of the problem.

    A step makes Π(u) + k/2 |u − ũ|²_M + f·u stationary, with the predictor ũ = u₀ + h v₀ + h² (½ − β) a₀,
    k = (1 − α_m)/((1 − α_f) β h²) and f = (α_m M a₀ + α_f r₀)/(1 − α_f): an equilibrium as in :func:`msjax.solve`,
    so that nonlinear materials, states and derivatives to any order come along. One scan over the steps, to be
    differentiated (the adjoint in time is its reverse mode) and batched. The first acceleration balances the forces at
    the beginning; prescribed components begin with none.

    Args:
        problem: the body; it needs no supports.
        density: as for :func:`~msjax.fe.mass_matrix`.
        times: (s,) ascending; steps may differ.
        initial, velocity: displacements and velocities at the beginning: a number, one per component, or (n, c).
        at: the problem at a time (loads, prescribed motion); by default the same at all times.
        state, inputs, solver, tolerance, max_steps: as in :func:`msjax.solve`; ``inputs`` may be a function of (time,
            time step).
        scheme: :class:`~msjax.fe.Newmark` or :func:`~msjax.fe.generalised_alpha`.
        lumped: a diagonal mass matrix.
        checkpointed: reverse mode solves each step again instead of keeping what it needs.
        throw: raise ``SolveError`` where a concrete step fails; all after it is NaN in any case.

    Raises:
        ValueError: times that do not ascend, a wrong shape.

    >>> import jax.numpy as jnp, msjax as ms
    >>> rod = ms.fe.Problem(ms.fe.interval(1.0, 4), ms.NeoHooke(mu=0.5, lam=0.0, dim=1))
    >>> flight = dynamics(rod, 2.0, jnp.linspace(0.0, 3.0, 4), velocity=0.5)
    >>> round(float(flight.u[-1].mean()), 6), round(float(flight.kinetic[-1]), 6)
    (1.5, 0.25)
    """
    moments, u = start_of(problem, times, initial, "initial")
    _, v = start_of(problem, times, velocity, "velocity")
    states = problem.initial_state() if state is None else state
    solver = default_solver(problem) if solver is None else solver
    given = inputs if callable(inputs) else lambda time, step: inputs
    mass = mass_matrix(problem, density, lumped)
    settings = scheme, float(tolerance), int(max_steps), bool(checkpointed)
    motion = _dynamics(problem, mass, solver, states, u, v, moments, at, given, settings)
    check(motion.status, "dynamics", throw)
    return motion


@eqx.filter_jit
def _dynamics(problem, mass, solver, states, u, v, times, at, given, settings):
    scheme, tolerance, max_steps, checkpointed = settings
    beta, gamma, alpha_m, alpha_f = scheme.beta, scheme.gamma, scheme.alpha_m, scheme.alpha_f

    def kinetic(v: Float[Array, "n c"]) -> Scalar:
        return 0.5 * jnp.vdot(v, mass.apply(v))

    def step(carry, moment):
        u, v, a, forces, states, code = carry
        time, h = moment
        posed = at(problem, time)
        predicted = u + h * v + h**2 * (0.5 - beta) * a
        factor = (1.0 - alpha_m) / ((1.0 - alpha_f) * beta * h**2)
        before = (alpha_m * mass.apply(a) + alpha_f * forces) / (1.0 - alpha_f)
        inertia = Inertia(mass, factor, predicted, before)
        begin = u + h * v
        found = equilibrate(posed.loaded(inertia), solver, states, begin, given(time, h), tolerance, max_steps)
        found, code = after_failure(found, code)
        after = (found.u - predicted) / (beta * h**2)
        speed = v + h * ((1.0 - gamma) * a + gamma * after)
        forces, potential = without(found, inertia, posed)
        row = found.u, speed, after, kinetic(speed), potential
        return (found.u, speed, after, forces, found.state, code), (row, found.state, found.status)

    first = at(problem, times[0])
    forces, potential = first_balance(first, u, states, given(times[0], jnp.zeros(())))
    q, of_start = linear_solve(solver, mass, problem.affine, -problem.affine.fold(forces))
    a = problem.affine.expand(q)
    begin = u, v, a, kinetic(v), potential
    rows, kept, status = scanned(step, (u, v, a, forces, states, of_start.code), times, checkpointed)
    u, v, a, energy, potential = started(begin, rows)
    return Motion(times, u, v, a, energy, potential, last_of(kept), status)
