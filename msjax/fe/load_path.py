"""Load stepping from the host: warm starts, cut-back of steps that fail, growth after easy ones."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.fe.congruent import congruent
from msjax.fe.linear import LinearSolver, default_solver
from msjax.fe.problem import Problem
from msjax.fe.solve import Solution, equilibrate
from msjax.fe.support import check_supported
from msjax.status import MEANING, Code, Status, check
from msjax.typing import Array, Float, Int, PyTree, Scalar, concrete

At = Callable[[Problem, Scalar], Problem]
"""The problem at a time or load factor. It may change numbers, never the structure: each step then runs one program."""


class Rejected(NamedTuple):
    """A step that did not converge: the time it aimed at, its size, and why."""

    time: float
    step: float
    code: Code


class LoadPath(eqx.Module):
    """All converged steps of :func:`march`: ``times`` (s,), ``u`` and ``reactions`` (s, n, c), ``energy`` (s,) and
    Newton's ``iterations`` (s,); the committed ``state`` of the last one.

    ``status`` has the code of the step that could not be made, or says that the end was reached; ``stopped`` says it in
    words, with the time. What is here is converged in either case. ``rejected`` are the steps that were cut back.
    """

    times: Float[Array, " s"]
    u: Float[Array, "s n c"]
    reactions: Float[Array, "s n c"]
    energy: Float[Array, " s"]
    iterations: Int[Array, " s"]
    state: PyTree
    status: Status
    stopped: str = eqx.field(static=True)
    rejected: tuple[Rejected, ...] = eqx.field(static=True)


def march(
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
    easy: int = 6,
    smallest: float = 1e-6,
    progress: Callable[[float, float], None] | None = None,
    throw: bool = False,
) -> LoadPath:
    """Follow a problem through the ``times``, committing the states of the materials after every step.

    A step starts from the linear extrapolation of the two before; one that fails is halved, and starts from where it
    stands. Steps grow by half where Newton's method took at most ``easy`` iterations, up to the next of the ``times``
    (all of which are met) and to their widest distance. The last good step is always kept: a path that ends early is a
    valid result up to there.

    Not differentiable, since the steps depend on the outcome: see :func:`~msjax.fe.load_steps` for that. Beyond a
    limit point of the load use :func:`~msjax.fe.trace`.

    Args:
        problem: the problem in full.
        times: ascending (≥ 2); the first is solved as well, from ``start`` and ``state``.
        at: the problem at a time; by default loads and prescribed values times it. For another law say for instance
            ``lambda p, t: p.prescribe(t**2 * values)``.
        state, start, inputs: as in :func:`msjax.solve`; ``inputs`` may be a function of (time, time step).
        solver, tolerance, max_steps: as in :func:`msjax.solve`.
        easy: iterations up to which the next step grows.
        smallest: smallest step relative to the whole span.
        progress: called with (time, last of the times) after every converged step.
        throw: raise ``SolveError`` where the end is not reached, instead of returning what was.

    Raises:
        ValueError: times that do not ascend, and as :func:`msjax.solve`.

    >>> import msjax as ms
    >>> bar = ms.fe.interval(1.0, 2)
    >>> pull = [ms.fe.Dirichlet("x-"), ms.fe.Dirichlet("x+", 0.5)]
    >>> path = march(ms.fe.Problem(bar, ms.NeoHooke(mu=1.0, lam=0.0, dim=1), pull), [0.0, 0.5, 1.0])
    >>> path.times.tolist(), path.stopped
    ([0.0, 0.5, 1.0], 'reached the end at 1')
    """
    targets = check_times(times)
    if not 0 < smallest < 1:
        raise ValueError(f"smallest: expected a number between 0 and 1, got {smallest}")
    first = at(problem, jnp.asarray(targets[0]))
    if concrete(first.mesh.points, first.affine.weights):
        check_supported(first)
    solver = default_solver(first) if solver is None else solver
    states = problem.initial_state() if state is None else state
    u = jnp.zeros(problem.affine.free.shape) if start is None else jnp.asarray(start, float)
    if u.shape != problem.affine.free.shape:
        raise ValueError(f"start: expected shape {problem.affine.free.shape}, got {u.shape}")
    given = inputs if callable(inputs) else lambda time, step: inputs

    def attempt(time: float, step: float, begin: Array, states: PyTree) -> Solution:
        t, h = jnp.asarray(time), jnp.asarray(step)
        posed = at(problem, t)
        numbers = float(tolerance), int(max_steps)
        return equilibrate(posed, solver, states, begin, given(t, h), *numbers, congruent(posed))

    kept: list[tuple[float, Solution]] = []
    rejected: list[Rejected] = []
    span = float(targets[-1] - targets[0])
    widest = float(np.max(np.diff(targets)))
    time, size, failure = float(targets[0]), float(targets[1] - targets[0]), None
    reached, plain = 0, True  # targets met; whether the next step starts from where it stands
    while reached < len(targets):
        gap = float(targets[reached]) - time
        # a remainder too small to be a step of its own goes along
        step = gap if not kept or gap <= size * (1 + 1e-9) else min(size, max(gap - smallest * span, 0.5 * gap))
        goal = float(targets[reached]) if step == gap else time + step
        begin = u if plain or len(kept) < 2 else _extrapolated(kept, goal)
        found = attempt(goal, step, begin, states)
        if bool(found.status.failed):
            rejected.append(Rejected(goal, step, Code(int(found.status.code))))
            size, plain = 0.5 * step, True
            if not kept or size < smallest * span:
                failure = found.status
                break
            continue
        time, u, states, plain = goal, found.u, found.state, False
        kept.append((time, Solution(found.u, found.reactions, found.energy, None, found.status)))
        if step == gap:
            reached += 1
        if int(found.status.iterations) <= easy:
            size = min(1.5 * max(size, step), widest)
        if progress is not None:
            progress(time, float(targets[-1]))
    path = _collect(problem, kept, states, failure, rejected)
    check(path.status, f"march: {path.stopped}", throw)
    return path


def check_times(times: Any) -> np.ndarray:
    """Ascending finite times as an array; ``ValueError`` otherwise."""
    found = np.asarray(times, float)
    if found.ndim != 1 or len(found) < 2 or not np.all(np.isfinite(found)) or not np.all(np.diff(found) > 0):
        raise ValueError(f"times: expected at least two ascending finite numbers, got {times}")
    return found


def _extrapolated(kept: list[tuple[float, Solution]], time: float) -> Array:
    (before, first), (now, second) = kept[-2:]
    return second.u + (time - now) / (now - before) * (second.u - first.u)


def _collect(problem: Problem, kept, states: PyTree, failure: Status | None, rejected: list[Rejected]) -> LoadPath:
    shape = problem.affine.free.shape
    solutions = [solution for _, solution in kept]
    time = f"{kept[-1][0]:.6g}" if kept else "no time at all"
    if failure is None:
        status, stopped = Status.of(Code.CONVERGED, 0, solutions[-1].status.residual), f"reached the end at {time}"
    else:
        last = rejected[-1]
        status = failure
        stopped = f"stopped at {time}: a step of {last.step:.2g} to {last.time:.6g} failed, {MEANING[last.code]}"

    def stacked(of: Callable[[Solution], Array], empty: tuple[int, ...]) -> Array:
        return jnp.stack([of(s) for s in solutions]) if solutions else jnp.zeros((0, *empty))

    iterations = np.array([int(s.status.iterations) for s in solutions], np.int32)
    status = Status(status.code, jnp.asarray(int(iterations.sum()), jnp.int32), status.residual)
    return LoadPath(
        jnp.asarray([t for t, _ in kept], float),
        stacked(lambda s: s.u, shape),
        stacked(lambda s: s.reactions, shape),
        stacked(lambda s: s.energy, ()),
        jnp.asarray(iterations),
        states,
        status,
        stopped,
        tuple(rejected),
    )
