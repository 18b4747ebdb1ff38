"""Adaptive solution: solve, estimate, mark, refine."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from msjax.fe.errors.dual_weighted import Goal, ProblemOn, goal_estimate
from msjax.fe.errors.estimate import Estimate, marked
from msjax.fe.errors.history import History, Round
from msjax.fe.errors.recovered import recovery_estimate
from msjax.fe.linear import LinearSolver
from msjax.fe.mesh import Mesh
from msjax.fe.problem import Problem
from msjax.fe.solve import Solution, solve
from msjax.fe.subdivision import Projection, quadratic, refine


class Adaptation(NamedTuple):
    """The last ``mesh``, ``problem`` and ``solution`` with its ``estimate``, the ``history`` of all rounds, and why it
    ended: "tolerance", "unknowns", "rounds" or "degree"."""

    mesh: Mesh
    problem: Problem
    solution: Solution
    estimate: Estimate
    history: History
    reason: str


def adapt(
    problem_on: ProblemOn,
    mesh: Mesh,
    goal: Goal | str = "energy",
    tolerance: float = 0.01,
    *,
    refinement: str = "h",
    degree: int | None = None,
    share: float = 0.5,
    most_unknowns: int = 50_000,
    most_rounds: int = 30,
    exact: float | Callable[[Problem, Solution], float] | None = None,
    onto: Mapping[str, Projection] | None = None,
    solver: LinearSolver | None = None,
    progress: Callable[[Round], None] | None = None,
) -> Adaptation:
    """Refine a mesh until the estimated error is below ``tolerance`` times the value.

    Args:
        problem_on: poses the problem on a mesh; boundaries and regions of ``mesh`` are kept under their names.
        mesh: to start from. For ``refinement`` "h" triangles or tetrahedra of degree 1.
        goal: "energy", the energy norm estimated by :func:`~msjax.fe.recovery_estimate`; or a functional
            ``goal(problem, solution)`` estimated by :func:`~msjax.fe.goal_estimate`.
        tolerance: of the estimate, relative to the norm of the solution or the goal.
        refinement: "h" marks and bisects (Dörfler, bulk ``share``), "uniform" cuts every cell, "p" raises the degree
            of all elements.
        degree: of the elements, by default the mesh's; 2 on a mesh of degree 1 refines that one and solves on
            :func:`~msjax.fe.quadratic` of it.
        most_unknowns, most_rounds: give up beyond.
        exact: the true value of the goal; for "energy" the true potential energy of a linear problem, from which
            ‖e‖² = 2(Π_h − Π); or a function that returns the true error. It only goes into the history.
        onto: boundaries to follow, as in :func:`~msjax.fe.quadratic`.
        progress: called with every :class:`Round`; nothing is printed.

    Raises:
        ValueError: arguments out of range, a mesh that ``refinement`` cannot refine.
        SolveError: a solve failed.

    >>> import msjax as ms
    >>> def problem_on(mesh):
    ...     return ms.fe.Problem(mesh, ms.Conductor(1.0, dim=2), [ms.fe.Dirichlet("x-")], [ms.fe.BodyForce(1.0)])
    >>> square = ms.fe.rectangle((1.0, 1.0), (2, 2))
    >>> found = adapt(problem_on, square, tolerance=0.2, refinement="uniform", exact=-1 / 6)
    >>> found.reason, found.history[-1].unknowns
    ('tolerance', 20)
    """
    _check_arguments(mesh, goal, tolerance, refinement, degree)
    wanted = mesh.cell.degree if degree is None else degree
    rounds: list[Round] = []
    while True:
        posed = quadratic(mesh, onto) if wanted > mesh.cell.degree else mesh
        problem = problem_on(posed)
        solution = solve(problem, solver=solver)
        if isinstance(goal, str):
            estimate = recovery_estimate(problem, solution)
        else:
            estimate = goal_estimate(problem_on, solution, goal, posed, onto=onto, solver=solver)
        error = _true_error(exact, goal, problem, solution, estimate)
        cells = int(posed.cells.shape[0])
        rounds.append(Round(problem.unknowns, cells, posed.kind, estimate.value, estimate.error, error))
        if progress is not None:
            progress(rounds[-1])
        reason = _reason(estimate, tolerance, rounds, most_unknowns, most_rounds)
        if reason is None and refinement == "p" and wanted == 2:
            reason = "degree"
        if reason is not None:
            return Adaptation(posed, problem, solution, estimate, History(rounds), reason)
        if refinement == "p":
            wanted = 2
        elif refinement == "uniform":
            mesh = refine(mesh, onto)
        else:
            mesh = _bisected(mesh, marked(estimate.indicators, share), onto)


def _check_arguments(mesh: Mesh, goal: Any, tolerance: float, refinement: str, degree: int | None) -> None:
    if goal != "energy" and not callable(goal):
        raise ValueError(f"goal: expected 'energy' or a function of (problem, solution), got {goal!r}")
    if not tolerance > 0:
        raise ValueError(f"tolerance: must be positive, got {tolerance}")
    if refinement not in ("h", "uniform", "p"):
        raise ValueError(f"refinement: expected 'h', 'uniform' or 'p', got {refinement!r}")
    if refinement == "h" and not (mesh.cell.simplex and mesh.cell.degree == 1):
        raise ValueError(f"mesh: bisection needs tri3 or tet4 (with degree=2 for quadratic elements), got {mesh.kind}")
    if degree not in (None, 1, 2) or (degree is not None and degree < mesh.cell.degree):
        raise ValueError(f"degree: expected {' or '.join(map(str, range(mesh.cell.degree, 3)))}, got {degree}")


def _true_error(exact: Any, goal: Any, problem: Problem, solution: Solution, estimate: Estimate) -> float:
    if exact is None:
        return np.nan
    if callable(exact):
        return float(exact(problem, solution))  # type: ignore[arg-type]
    if goal == "energy":
        return float(np.sqrt(max(2.0 * (float(solution.energy) - exact), 0.0)))
    return float(exact) - estimate.value


def _reason(estimate: Estimate, tolerance: float, rounds: list[Round], unknowns: int, most: int) -> str | None:
    if estimate.relative <= tolerance:
        return "tolerance"
    if rounds[-1].unknowns >= unknowns:
        return "unknowns"
    return "rounds" if len(rounds) >= most else None


def _bisected(mesh: Mesh, cells: np.ndarray, onto: Mapping[str, Projection] | None) -> Mesh:
    from msjax.fe.bisection import bisect

    finer = bisect(mesh, cells).mesh
    if not onto:
        return finer
    points = np.array(finer.points)
    for name, projection in onto.items():
        nodes = finer.nodes_of(name)
        points[nodes] = projection(points[nodes])
    return finer.moved(lambda _: points)
