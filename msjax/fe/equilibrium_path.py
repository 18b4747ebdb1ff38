"""Equilibrium paths through limit points and snap-back, traced from the host."""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.fe.continuation import (
    ArcLength,
    Control,
    Dissipation,
    Place,
    Step,
    System,
    advance,
    place_minus,
    place_plus,
    product,
)
from msjax.fe.critical import CriticalPoint, critical_points, negatives
from msjax.fe.linear import Direct, LinearSolver
from msjax.fe.load_path import At
from msjax.fe.mesh import Where
from msjax.fe.problem import Problem
from msjax.fe.solve import equilibrate
from msjax.fe.support import check_supported
from msjax.status import MEANING, Code, SolveError, Status, check
from msjax.typing import Array, Float, Int, PyTree


class EquilibriumPath(eqx.Module):
    """The converged points of :func:`trace`, the first at load factor 0: ``factors`` (s,), ``u`` and ``reactions``
    (s, n, c), ``energy`` (s,), ``negative`` (s,), how many eigenvalues of the stiffness are negative (of an unsymmetric
    one 0 or 1 by the sign of its determinant), and ``dissipated`` (s,), the energy that each step dissipated by
    :class:`~msjax.fe.Dissipation`'s measure.

    ``points`` are the limit points and bifurcations on the way, ``state`` that of the last point. ``status`` and
    ``stopped`` say why the path ends where it does.
    """

    factors: Float[Array, " s"]
    u: Float[Array, "s n c"]
    reactions: Float[Array, "s n c"]
    energy: Float[Array, " s"]
    negative: Int[Array, " s"]
    dissipated: Float[Array, " s"]
    points: tuple[CriticalPoint, ...]
    state: PyTree
    status: Status
    stopped: str = eqx.field(static=True)

    @property
    def stable(self) -> np.ndarray:
        """Whether each point is a minimum under given loads (s,)."""
        return np.asarray(self.negative) == 0

    @property
    def limit_loads(self) -> np.ndarray:
        """Load factors of the limit points, in the order of the path."""
        return np.array([float(p.factor) for p in self.points if p.kind != "bifurcation"])

    def displacement(self, problem: Problem, where: Where, component: int) -> Float[Array, " s"]:
        """Mean displacement of the selected nodes along the path, for plots."""
        return jnp.mean(self.u[:, problem.mesh.nodes_of(where), component], axis=1)


def trace(
    problem: Problem,
    at: At = Problem.scaled,
    state: PyTree = None,
    start: Any = None,
    inputs: Any = None,
    *,
    control: Control = ArcLength(),  # noqa: B008
    first: float = 0.1,
    steps: int = 100,
    largest: float = 10.0,
    smallest: float = 1e-4,
    desired: int = 5,
    stop: Callable[[float, Array], bool] | None = None,
    refine: float | None = 1e-6,
    solver: LinearSolver | None = None,
    tolerance: float = 1e-8,
    max_steps: int = 15,
    progress: Callable[[int, float], None] | None = None,
    throw: bool = False,
) -> EquilibriumPath:
    """Trace the equilibrium path of a problem from load factor 0, through limit points, snap-through and snap-back.

    The load factor is an unknown (:mod:`msjax.fe.continuation`). Steps grow and shrink with the iterations they take
    and are halved where they fail; the direction is that of the last increment. Where the rate of the load factor
    changes sign there is a limit point, and it is located; where the number of negative eigenvalues changes by more
    than that, there is a bifurcation, and the path goes on along its own branch.

    With :class:`~msjax.fe.Dissipation` as control, for materials that soften, steps follow the arc length as long as
    hardly anything is dissipated, and then the dissipated energy, which also leads around sharp corners.

    Args:
        problem, at: the problem at a load factor, as for :func:`~msjax.fe.march`; by default proportional loading.
            ``at`` is traced and differentiated in the factor.
        state, start, inputs, tolerance: as in :func:`msjax.solve`.
        solver: by default a factorisation: the stiffness becomes indefinite.
        control: how steps are measured.
        first: load factor of the first step, negative to go the other way.
        steps: largest number of steps.
        largest, smallest: bounds of the step relative to the first.
        desired: iterations a step should take.
        stop: ends the path where ``stop(load factor, u)`` is true.
        refine: relative accuracy to which critical points are located; None leaves them out.
        max_steps: iterations after which a step has failed.
        progress: called with (number, load factor) after every step.
        throw: raise ``SolveError`` where the path cannot be continued.

    Raises:
        ValueError: settings out of range, and as :func:`msjax.solve`.

    >>> import msjax as ms
    >>> arch = ms.fe.Mesh([[-1.0, 0.0], [0.0, 0.2], [1.0, 0.0]], [[0, 1], [1, 2]], "line2")
    >>> rods = ms.fe.Bar(ms.NeoHooke(mu=1.0, lam=0.0, dim=1))
    >>> held = [ms.fe.Dirichlet([0, 2]), ms.fe.Dirichlet([1], 0.0, "x")]
    >>> problem = ms.fe.Problem(arch, rods, held, [ms.fe.NodalForce([1], [0.0, -1e-3])])
    >>> path = trace(problem, steps=30, first=1.0, stop=lambda factor, u: u[1, 1] < -0.41)
    >>> [p.kind for p in path.points], path.stopped.split(" at")[0]
    (['maximum', 'minimum'], 'stopped as asked')
    """
    for name, value in (("largest", largest), ("smallest", smallest), ("tolerance", tolerance)):
        if not value > 0:
            raise ValueError(f"{name}: must be positive, got {value}")
    if not (np.isfinite(first) and first != 0):
        raise ValueError(f"first: expected a load factor that is not zero, got {first}")
    if int(steps) < 1 or int(max_steps) < 1 or int(desired) < 1:
        raise ValueError(f"steps, max_steps, desired: must be at least 1, got {steps}, {max_steps}, {desired}")
    if isinstance(control, Dissipation) and not all(load.conservative for load in problem.loads):
        raise ValueError("control: Dissipation needs loads that do not follow")
    tracer = _Tracer(problem, at, control, inputs, solver, float(tolerance), int(max_steps))
    tracer.begin(state, start, float(first))
    path = tracer.run(int(steps), largest, smallest, desired, stop, refine, progress)
    check(path.status, f"trace: {path.stopped}", throw)
    return path


def limit_load(problem: Problem, at: At = Problem.scaled, *, first: float = 0.1, steps: int = 200,
               control: Control = ArcLength(), refine: float = 1e-6,  # noqa: B008
               solver: LinearSolver | None = None) -> CriticalPoint:  # fmt: skip
    """The first limit point of the load on the path from 0, to the relative accuracy ``refine``.

    Arguments as for :func:`trace`. Raises ``SolveError`` where there is none on the path.
    """
    tracer = _Tracer(problem, at, control, None, solver, 1e-8, 15)
    tracer.begin(None, None, float(first))

    def found() -> bool:
        return any(p.kind != "bifurcation" for p in tracer.points)

    path = tracer.run(int(steps), 10.0, 1e-4, 5, lambda factor, u: found(), refine, None)
    if not found():
        raise SolveError(f"limit_load: no limit point up to load factor {float(path.factors[-1]):.6g}; "
                         f"{path.stopped}", Code.MAX_STEPS)  # fmt: skip
    return next(p for p in tracer.points if p.kind != "bifurcation")


class _Tracer:
    """The state of a path while it is traced."""

    def __init__(self, problem, at, control, inputs, solver, tolerance, max_steps):
        base = at(problem, jnp.zeros(()))
        check_supported(base)
        solver = Direct(symmetric=problem.symmetric) if solver is None else solver
        self.system, self.at, self.control = System(problem, solver, inputs), at, control
        self.arc = control.arc if isinstance(control, Dissipation) else control
        if not isinstance(self.arc, ArcLength):
            self.arc = ArcLength()
        self.tolerance, self.max_steps = tolerance, max_steps
        self.points: list[CriticalPoint] = []
        self.kept: list[tuple[Step, int]] = []

    def advance(self, control: Control, last: Place, begin: Place, size: float, scale: Array) -> Step:
        """One step from the committed states."""
        size_ = jnp.asarray(size, float)
        return advance(
            self.system, self.at, control, self.arc, self.states, last, begin, size_, scale, self.tolerance,
            self.max_steps,
        )  # fmt: skip

    def begin(self, state: PyTree, start: Any, first: float) -> None:
        """Equilibrium at load factor 0, and the length of the first step."""
        problem = self.system.problem
        shape = problem.affine.free.shape
        self.states = problem.initial_state() if state is None else state
        u = jnp.zeros(shape) if start is None else jnp.asarray(start, float)
        if u.shape != shape:
            raise ValueError(f"start: expected shape {shape}, got {u.shape}")
        zero = jnp.zeros(())
        base = self.at(problem, zero)
        found = equilibrate(base, self.system.solver, self.states, u, self.system.inputs, self.tolerance, 50)
        check(found.status, "trace: at load factor 0")
        q = jnp.where(problem.affine.free, found.u, 0.0)
        place = Place(q, zero, found.u, jnp.zeros(shape))
        step = self.advance(self.arc, place, place, 0.0, jnp.ones(()))
        check(step.status, "trace: at load factor 0")
        self.states = step.states
        self.scale = jnp.sqrt(jnp.vdot(step.heading.q, step.heading.q)) / jnp.abs(step.heading.factor)
        length = jnp.sqrt(product(self.arc, step.heading, step.heading, self.scale))
        heading = jax.tree.map(lambda x: np.sign(first) / length * x, step.heading)
        self.size = abs(first / float(heading.factor))
        self.kept.append((step._replace(heading=heading), self.count(step)))

    def count(self, step: Step) -> int:
        """Negative eigenvalues of the stiffness."""
        problem = self.system.problem
        return negatives(step.stiffness, problem)

    def run(self, steps, largest, smallest, desired, stop, refine, progress) -> EquilibriumPath:
        """The loop of steps."""
        arc_size, longest, shortest = self.size, largest * self.size, smallest * self.size
        dissipating, quantum, stopped, status = False, 0.0, "", None
        while len(self.kept) <= steps and not stopped:
            last, before = self.kept[-1]
            control = self.control if dissipating else self.arc
            size = quantum if dissipating else arc_size
            step = self.advance(control, last.place, self._guess(control, last, size, arc_size), size, self.scale)
            failed = bool(step.status.failed) or self._turned(control, last, step)
            if failed and isinstance(self.control, Dissipation) and not dissipating and len(self.kept) > 1:
                # the load that the arc cannot pass may be a corner: from here the dissipation leads
                tried = self._around(last, arc_size)
                if tried is not None:
                    step, quantum, dissipating, control, failed = *tried, True, self.control, False
                    size = quantum
            if failed:
                code = Code(int(step.status.code)) if bool(step.status.failed) else Code.MAX_STEPS
                if dissipating:
                    quantum *= 0.5
                    if quantum < 1e-3 * self.quantum:
                        dissipating, arc_size = False, max(arc_size, shortest)
                else:
                    arc_size *= 0.5
                    if arc_size < shortest:
                        stopped, status = f"no step further: {MEANING[code]}", Status.of(code, 0, step.status.residual)
                continue
            after = self.count(step)
            if refine is not None:
                self.points += critical_points(self, control, size, last, before, step, after, refine)
            self.states = step.states
            self.kept.append((step, after))
            grow = float(np.clip(np.sqrt(desired / max(int(step.status.iterations), 1)), 0.5, 1.5))
            arc_size = min(arc_size * grow, longest) if not dissipating else arc_size
            dissipating, quantum = self._mode(last, step, dissipating, size, grow)
            if progress is not None:
                progress(len(self.kept) - 1, float(step.place.factor))
            if stop is not None and stop(float(step.place.factor), step.place.u):
                stopped = "stopped as asked"
        return self._collect(stopped or "made all steps", status)

    def _guess(self, control: Control, last: Step, size: float, arc_size: float) -> Place:
        """Along the tangent."""
        length = size
        if isinstance(control, Dissipation):
            rate = float(control.measure(place_plus(last.place, last.heading, jnp.ones(())), last.place, self.scale))
            length = size / rate if rate > 0 and size < 4 * arc_size * rate else arc_size
        return place_plus(last.place, last.heading, jnp.asarray(length))

    def _turned(self, control: Control, last: Step, step: Step) -> bool:
        """Whether a step along the arc went back where it came from."""
        if isinstance(control, Dissipation):
            return False
        increment = place_minus(step.place, last.place)
        return float(product(self.arc, increment, last.heading, self.scale)) <= 0

    def _around(self, last: Step, arc_size: float) -> tuple[Step, float] | None:
        """A first step by dissipation, of a small part of what is stored; None where none converges."""
        stored = 0.5 * abs(float(jnp.vdot(last.place.forces, last.place.u)))
        for part in (0.1, 0.03, 0.01, 1e-3):
            guess = place_plus(last.place, last.heading, jnp.asarray(arc_size))
            step = self.advance(self.control, last.place, guess, part * stored, self.scale)
            if not bool(step.status.failed):
                self.quantum = part * stored
                return step, part * stored
        return None

    def _mode(self, last: Step, step: Step, dissipating: bool, size: float, grow: float):
        """Whether the next step is one of dissipation, and of how much."""
        if not isinstance(self.control, Dissipation):
            return False, 0.0
        if dissipating:
            return True, min(size * grow, 100 * self.quantum)
        moved = step.place.u - last.place.u
        work = 0.5 * abs(float(jnp.vdot(step.place.forces + last.place.forces, moved)))
        dissipated = float(step.dissipated)
        if dissipated > self.control.threshold * work:
            self.quantum = dissipated
            return True, dissipated
        return False, 0.0

    def _collect(self, stopped: str, status: Status | None) -> EquilibriumPath:
        steps = [step for step, _ in self.kept]
        places = [step.place for step in steps]
        factor = float(places[-1].factor)
        total = sum(int(step.status.iterations) for step in steps)
        status = Status.of() if status is None else status
        return EquilibriumPath(
            jnp.stack([p.factor for p in places]),
            jnp.stack([p.u for p in places]),
            jnp.stack([step.reactions for step in steps]),
            jnp.stack([step.energy for step in steps]),
            jnp.asarray([count for _, count in self.kept], jnp.int32),
            jnp.stack([step.dissipated for step in steps]),
            tuple(self.points),
            self.states,
            Status(status.code, jnp.asarray(total, jnp.int32), status.residual),
            f"{stopped} at load factor {factor:.6g} after {len(steps) - 1} steps",
        )
