"""The error budget: what refinement can remove, what it cannot, and where the effort belongs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from msjax.fe.errors.dual_weighted import Goal, ProblemOn
from msjax.fe.fields import at_points, nodal_values
from msjax.fe.linear import LinearSolver
from msjax.fe.mesh import Mesh
from msjax.fe.norms import cell_energies
from msjax.fe.problem import Problem
from msjax.fe.solve import Solution, solve
from msjax.fe.subdivision import Projection, quadratic, refine

Finer = ProblemOn | Problem | float
"""The finer-scale model: posed on any mesh, posed on a mesh of its own, or just its value of the goal."""

_WORDS = {"h": "h, cells cut", "p": "p, degree 2", "model": "model"}


class Item(NamedTuple):
    """One kind of error: ``amount`` (a norm, or what is missing from the goal, with its sign), ``uncertainty`` of it
    (NaN where unknown), and the ``unknowns`` of the computation that is without it (0: none was made)."""

    amount: float
    uncertainty: float
    unknowns: int


@dataclass(frozen=True)
class Budget:
    """Of :func:`error_budget`; ``str()`` is the report.

    ``value``: norm of the solution, or the goal, of ``unknowns`` on cells of ``kind``. ``items`` by name: "h", what
    cutting every cell changes; "p", what one degree more changes; "model", what the finer-scale model changes.
    ``tolerance`` relative to the value, below which nothing needs doing.
    """

    goal: str
    value: float
    unknowns: int
    kind: str
    items: Mapping[str, Item]
    tolerance: float

    @property
    def discretisation(self) -> float:
        """Size of the discretisation error, at least: the larger of what h and p remove."""
        return max(abs(self.items[name].amount) for name in ("h", "p") if name in self.items)

    @property
    def modelling(self) -> float:
        """Size of the modelling error, NaN without a finer model."""
        return abs(self.items["model"].amount) if "model" in self.items else np.nan

    @property
    def spend_on(self) -> Literal["h", "p", "model", "nothing"]:
        """The model if its error is larger than the discretisation's; else h or p, whichever removes more for every
        unknown it adds; nothing if both are within the tolerance."""
        if max(self.discretisation, np.nan_to_num(self.modelling)) <= self.tolerance * abs(self.value):
            return "nothing"
        if self.modelling > self.discretisation:
            return "model"
        gains = {
            name: abs(item.amount) / max(item.unknowns - self.unknowns, 1)
            for name, item in self.items.items()
            if name != "model"
        }
        return max(gains, key=gains.__getitem__)  # type: ignore[return-value]

    @property
    def verdict(self) -> str:
        """What to spend effort on, and why, in one sentence."""
        choice, disc, model = self.spend_on, self.discretisation, self.modelling
        if choice == "nothing":
            return f"nothing: all errors are below {100 * self.tolerance:g} % of the value"
        if choice == "model":
            item = self.items["model"]
            cost = f" ({item.unknowns:,} unknowns)" if item.unknowns else ""
            if disc <= 1e-9 * model:
                return f"the model{cost}: a finer mesh removes nothing"
            ratio = f"{model / disc:.2g} times"
            doubt = "" if not item.uncertainty > abs(model - disc) else "; close, and within its uncertainty"
            return f"the model{cost}: its error is {ratio} what a finer mesh removes{doubt}"
        cost = f"{self.items[choice].unknowns:,} unknowns"
        other = "" if np.isnan(model) else f"; the model's error is {model / disc:.2g} times it"
        return f"{'finer cells' if choice == 'h' else 'a higher degree'} ({cost}): it removes {disc:.3g}{other}"

    def __str__(self) -> str:
        head = f"{self.goal} {self.value:.6g} with {self.unknowns:,} unknowns ({self.kind})"
        lines = [head, f"{'error':<14}{'amount':>11}{'of value':>11}{'unknowns then':>16}"]
        for name, item in self.items.items():
            part = f"{100 * abs(item.amount / self.value):.2g} %" if self.value else ""
            cost = f"{item.unknowns:,}" if item.unknowns else "–"
            doubt = f"   ± {item.uncertainty:.1g}" if np.isfinite(item.uncertainty) else ""
            lines.append(f"{_WORDS[name]:<14}{item.amount:>+11.3g}{part:>11}{cost:>16}{doubt}")
        return "\n".join([*lines, f"spend on {self.verdict}"])

    __repr__ = __str__


def error_budget(
    problem_on: ProblemOn,
    mesh: Mesh,
    goal: Goal | str = "energy",
    *,
    finer: Finer | None = None,
    finer_goal: Goal | None = None,
    tolerance: float = 0.0,
    onto: Mapping[str, Projection] | None = None,
    solver: LinearSolver | None = None,
) -> Budget:
    """Discretisation error, h and p apart, beside modelling error, all in one norm or one goal.

    Three solutions of the model: as it is, with every cell cut, and (from degree 1) with degree 2. How far they differ
    is what h and p can remove, a lower bound of the discretisation error. The modelling error is the difference
    between ``finer`` and the model on the richest mesh at hand, where discretisation hardly speaks.

    Args:
        problem_on: poses the model on a mesh.
        mesh: the mesh in question.
        goal: "energy", or a functional ``goal(problem, solution)``. In the norm, differences are measured with the
            tangent of the finer model (of the model itself without one), at the richer solution.
        finer: the finer-scale model of the same piece: ``finer(mesh)`` poses it on the same meshes (another material,
            finite strains); a :class:`~msjax.fe.Problem` on its own mesh (resolved microstructure, in 3-D instead of
            plane stress), taken as it is; or the goal's value, from elsewhere.
        finer_goal: the goal for a finer model that needs it said differently; by default ``goal``.
        tolerance: relative to the value, see :attr:`Budget.spend_on`.
        onto: boundaries to follow, see :func:`~msjax.fe.quadratic`.

    Raises:
        ValueError: a goal or model that does not fit.
        SolveError: a solve failed.

    >>> import msjax as ms
    >>> def bar(material):
    ...     held = [ms.fe.Dirichlet("x-", 0.0, "x"), ms.fe.Dirichlet([0], 0.0, "y"), ms.fe.Dirichlet("x+", 0.2, "x")]
    ...     return lambda mesh: ms.fe.Problem(mesh, material, held)
    >>> force = lambda problem, solution: ms.fe.resultant(problem, solution, "x+").force[0]
    >>> strained, stressed = ms.IsotropicElastic(1.0, 0.3, dim=2), ms.PlaneStress(ms.IsotropicElastic(1.0, 0.3))
    >>> print(error_budget(bar(strained), ms.fe.rectangle((2.0, 1.0), (2, 1)), force, finer=bar(stressed)))
    goal 0.10989 with 7 unknowns (quad4)
    error              amount   of value   unknowns then
    h, cells cut   ...
    p, degree 2    ...
    model            -0.00989        9 %              23   ± ...
    spend on the model (23 unknowns): a finer mesh removes nothing
    """
    if not tolerance >= 0:
        raise ValueError(f"tolerance: expected at least 0, got {tolerance}")
    if goal != "energy" and not callable(goal):
        raise ValueError(f"goal: expected 'energy' or a function of (problem, solution), got {goal!r}")
    metric = finer if callable(finer) and not isinstance(finer, Problem) else problem_on
    measure = _Measure(goal, finer_goal, metric)
    base = _solved(problem_on, mesh, solver)
    richer = {"h": _solved(problem_on, refine(mesh, onto), solver)}
    if mesh.cell.degree == 1:
        richer["p"] = _solved(problem_on, quadratic(mesh, onto), solver)
    items = {name: Item(measure.change(base, other), np.nan, other.problem.unknowns) for name, other in richer.items()}
    if finer is not None:
        best = richer.get("p", richer["h"])
        items["model"] = _modelling(measure, finer, base, best, solver)
    name = "energy norm" if goal == "energy" else "goal"
    return Budget(name, measure.size(base), base.problem.unknowns, mesh.kind, items, float(tolerance))


class _Solved(NamedTuple):
    problem: Problem
    solution: Solution


def _solved(problem_on: ProblemOn, mesh: Mesh, solver: LinearSolver | None) -> _Solved:
    problem = problem_on(mesh)
    return _Solved(problem, solve(problem, solver=solver))


@dataclass(frozen=True)
class _Measure:
    """How two solutions differ."""

    goal: Any
    finer_goal: Goal | None
    metric: Callable[[Mesh], Problem]

    def size(self, one: _Solved) -> float:
        """The goal, or the energy norm."""
        if self.goal != "energy":
            return _number(self.goal, one)
        problem, u = self.metric(one.problem.mesh), nodal_values(one.problem, one.solution)
        h, tangent = at_points(problem, u, "gradient"), at_points(problem, u, "tangent").values
        return float(np.sqrt(np.einsum("mq,mqiJ,mqiJkL,mqkL->", h.weights, h.values, tangent, h.values)))

    def change(self, one: _Solved, other: _Solved) -> float:
        """From a solution to a richer one of the same model."""
        if self.goal != "energy":
            return _number(self.goal, other) - _number(self.goal, one)
        return self.distance(one, self.metric(other.problem.mesh), other.solution)

    def distance(self, one: _Solved, measured_in: Problem, other: Solution) -> float:
        """The energy norm of the difference, integrated over the mesh of the other."""
        squared = cell_energies(one.problem, one.solution, (measured_in, other))
        return float(np.sqrt(max(float(np.sum(squared)), 0.0)))

    def to_finer(self, one: _Solved, finer: _Solved) -> float:
        """From the model to the finer one."""
        if self.goal != "energy":
            return _number(self.finer_goal or self.goal, finer) - _number(self.goal, one)
        return self.distance(one, finer.problem, finer.solution)


def _number(goal: Goal, one: _Solved) -> float:
    found = np.asarray(goal(one.problem, one.solution))
    if found.shape != ():
        raise ValueError(f"goal: expected one number, got shape {found.shape}")
    return float(found)


def _modelling(measure: _Measure, finer: Any, base: _Solved, best: _Solved, solver: LinearSolver | None) -> Item:
    if isinstance(finer, Problem):
        other = _Solved(finer, solve(finer, solver=solver))
        return Item(measure.to_finer(best, other), np.nan, finer.unknowns)
    if callable(finer):
        finer_on: ProblemOn = finer  # type: ignore[assignment]
        other = _solved(finer_on, best.problem.mesh, solver)
        amount = measure.to_finer(best, other)
        coarse = measure.to_finer(base, _solved(finer_on, base.problem.mesh, solver))
        return Item(amount, abs(amount - coarse), other.problem.unknowns)
    if measure.goal == "energy":
        raise ValueError("finer: a number can be compared with a goal, not with a solution in the energy norm")
    return Item(float(finer) - _number(measure.goal, best), np.nan, 0)
