"""Load stepping on the device: given steps in a scan, differentiable through the whole history."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax.fe.linear import LinearSolver, default_solver
from msjax.fe.load_path import At, check_times
from msjax.fe.problem import Problem
from msjax.fe.solve import Solution, equilibrate, guard_floats
from msjax.fe.support import check_supported
from msjax.status import Code, Status, check
from msjax.typing import Array, Int, PyTree, Scalar, concrete


def load_steps(
    problem: Problem,
    times: Any,
    at: At = Problem.scaled,
    state: PyTree = None,
    start: Any = None,
    inputs: Callable[[Scalar, Scalar], Any] | Any = None,
    *,
    solver: LinearSolver | None = None,
    tolerance: float = 1e-8,
    max_steps: int = 25,
    checkpointed: bool = False,
    throw: bool = True,
) -> Solution:
    """Equilibria at the ``times`` (s,), one after the other, committing the states of the materials: a
    :class:`~msjax.fe.Solution` whose leaves have the steps on their first axis.

    One ``lax.scan`` without cut-back, differentiable through the history and to be batched with ``eqx.filter_vmap``;
    arguments as for :func:`~msjax.fe.march`. Every step starts from the extrapolation of the two before. After a step
    that failed everything is NaN, and all later statuses repeat its code. ``state`` in the result is that of every
    step; ``checkpointed`` keeps only it and u for reverse mode and solves each step again there.

    The time step given to ``inputs`` is 0 in the first step.

    Raises:
        ValueError: as :func:`~msjax.fe.march`. SolveError: where a step of a concrete path fails, unless ``throw`` is
            false.

    >>> import msjax as ms
    >>> bar = ms.fe.interval(1.0, 2)
    >>> pull = [ms.fe.Dirichlet("x-"), ms.fe.Dirichlet("x+", 0.5)]
    >>> path = load_steps(ms.fe.Problem(bar, ms.NeoHooke(mu=1.0, lam=0.0, dim=1), pull), [0.0, 0.5, 1.0])
    >>> path.u.shape, round(float(path.reactions[-1, 2, 0]), 6)  # 1.5 − 1/1.5
    ((3, 3, 1), 0.833333)
    """
    moments = jnp.asarray(times, float)
    if concrete(moments):
        check_times(moments)
    first = at(problem, moments[0])
    if concrete(first.mesh.points, first.affine.weights):
        check_supported(first)
    solver = default_solver(first) if solver is None else solver
    states = problem.initial_state() if state is None else state
    shape = problem.affine.free.shape
    u = jnp.zeros(shape) if start is None else jnp.asarray(start, float)
    if u.shape != shape:
        raise ValueError(f"start: expected shape {shape}, got {u.shape}")
    given = inputs if callable(inputs) else lambda time, step: inputs
    path = _steps(problem, solver, states, u, moments, at, given, float(tolerance), int(max_steps), checkpointed)
    check(path.status, "load_steps", throw)
    return path


@eqx.filter_jit
def _steps(problem, solver, states, start, times, at, given, tolerance, max_steps, checkpointed):
    def one(carry, moment):
        u, before, states, code = carry
        time, step, ratio = moment
        begin = jax.lax.stop_gradient(u + ratio * (u - before))
        found = equilibrate(at(problem, time), solver, states, begin, given(time, step), tolerance, max_steps)
        found, code = after_failure(found, code)
        return (found.u, u, found.state, code), found

    steps = jnp.diff(times, prepend=times[:1])
    ratios = jnp.where(jnp.arange(times.shape[0]) > 1, steps / jnp.roll(jnp.where(steps > 0, steps, 1.0), 1), 0.0)
    body = jax.checkpoint(one) if checkpointed else one
    none = jnp.zeros((), jnp.int32)
    _, path = jax.lax.scan(body, (start, start, states, none), (times, steps, ratios))
    return path


def after_failure(found: Solution, code: Int[Array, ""]) -> tuple[Solution, Int[Array, ""]]:
    """A step of a path whose earlier steps had this code: what follows a failure is NaN and repeats the code."""
    lost = code > Code.UNSTABLE.value
    code = jnp.where(lost, code, found.status.code)
    status = Status(code, found.status.iterations, found.status.residual)
    u, reactions, energy, state = guard_floats((found.u, found.reactions, found.energy, found.state), lost)
    return Solution(u, reactions, energy, state, status), code
