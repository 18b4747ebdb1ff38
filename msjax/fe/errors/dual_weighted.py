"""The dual-weighted residual: how far a goal is off, and which cells are to blame."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.fe.affine import AffineMap
from msjax.fe.errors.enrichment import Transfer, enriched
from msjax.fe.errors.estimate import Estimate
from msjax.fe.linear import LinearSolver, default_solver
from msjax.fe.mesh import Mesh
from msjax.fe.problem import Balance, Problem, balance
from msjax.fe.solve import Solution
from msjax.fe.subdivision import Projection
from msjax.status import Status, check
from msjax.typing import Array, Float, Scalar

Goal = Callable[[Problem, Solution], Any]
"""A functional J of a solution of a problem, on any mesh; differentiable by JAX in ``solution``'s fields."""

ProblemOn = Callable[[Mesh], Problem]
"""Poses the problem on a mesh."""


def goal_estimate(
    problem_on: ProblemOn,
    solution: Solution,
    goal: Goal,
    mesh: Mesh,
    *,
    by: str | None = None,
    onto: Mapping[str, Projection] | None = None,
    solver: LinearSolver | None = None,
) -> Estimate:
    """J(u) − J(u_h) by the dual-weighted residual (R. Becker and R. Rannacher, Acta Numerica 10 (2001) 1,
    doi:10.1017/S0962492901000010).

    In a richer space (``by`` "p": degree 2, "h": every cell cut), with the residual R and the stiffness K at u_h,
    the adjoint Kᵀz = ∂J/∂u weights the residual: −z·R is the first-order change of J. One Newton step δ with the same
    stiffness then adds what is of second order, J(u_h + δ) − J(u_h) − z·R(u_h + δ): goals and materials may be
    nonlinear (where both are linear it adds nothing). Two linear solves, no equilibrium in the richer space.

    ``goal(problem, solution)`` may use displacements, reactions, energy and all fields of :mod:`msjax.fe`. Indicators
    are the residual times what the mesh cannot represent of the adjoint, node by node, shared out among the cells of
    each node (in the spirit of T. Richter and T. Wick, J. Comput. Appl. Math. 279 (2015) 192,
    doi:10.1016/j.cam.2014.11.008), in absolute value. ``onto``: see :func:`~msjax.fe.quadratic`; the error of curved
    boundaries is estimated only where they are followed.

    Raises ``ValueError`` for materials with a history, a goal that is not one number, :class:`SolveError` for a linear
    solve that fails.

    >>> import msjax as ms
    >>> def problem_on(mesh):
    ...     return ms.fe.Problem(mesh, ms.Conductor(1.0, dim=2), [ms.fe.Dirichlet("x-")], [ms.fe.BodyForce(1.0)])
    >>> mesh = ms.fe.rectangle((1.0, 1.0), (2, 2))
    >>> at_end = lambda problem, solution: ms.fe.interpolate(problem.mesh, solution.u[:, 0] ** 2, [[0.75, 0.5]])[0]
    >>> estimate = goal_estimate(problem_on, ms.solve(problem_on(mesh)), at_end, mesh)
    >>> round(estimate.value, 6), round(estimate.value + estimate.error, 6)
    (0.195312, 0.219727)
    """
    coarse, finer = problem_on(mesh), enriched(mesh, by, onto)
    fine = problem_on(finer.mesh)
    if jax.tree.leaves(fine.initial_state()):
        raise ValueError("problem_on: materials with a history are not carried to another mesh")
    if solver is None:
        solver = default_solver(fine)
    value = float(_number(goal(coarse, solution)))
    u = finer.transfer.apply(solution.u)
    at = _balance(fine, u)
    slopes = jax.grad(lambda *x: _goal(goal, fine, *x), argnums=(0, 1, 2))(u, at.residual, at.energy)
    found = _duality(solver, fine.affine, fine.symmetric, at, u, *slopes)
    check(found.status, "goal_estimate, linear solve in the richer space")
    corrected = u + found.step
    after = _balance(fine, corrected)
    best = _goal(goal, fine, corrected, after.residual, after.energy) - jnp.vdot(found.adjoint, after.residual)
    shares = _shares(finer.transfer, fine.mesh, found, slopes[1], mesh.cells.shape[0])
    return Estimate(float(best) - value, value, np.abs(np.asarray(shares)), coarse.unknowns)


def _goal(goal: Goal, problem: Problem, u: Array, reactions: Array, energy: Array) -> Scalar:
    """The goal at any displacement; reactions are residual forces then."""
    return _number(goal(problem, Solution(u, reactions, energy, problem.initial_state(), Status.of())))


def _number(value: Any) -> Scalar:
    found = jnp.asarray(value, float)
    if found.shape != ():
        raise ValueError(f"goal: expected one number, got shape {found.shape}")
    return found


@eqx.filter_jit
def _balance(problem: Problem, u: Array) -> Balance:
    return balance(problem, u, problem.initial_state())


class _Dual(NamedTuple):
    """``adjoint`` z (n, c), Newton's ``step``, the ``residual`` with the gap to prescribed values in it, nodal
    contributions ``moved`` (n,) of that gap, and the worse ``status`` of the two solves."""

    adjoint: Float[Array, "n c"]
    step: Float[Array, "n c"]
    residual: Float[Array, "n c"]
    moved: Float[Array, " n"]
    status: Status


@eqx.filter_jit
def _duality(solver, affine: AffineMap, symmetric: bool, at: Balance, u, of_u, of_reactions, of_energy) -> _Dual:
    stiffness = at.stiffness
    gap = affine.displacement(u) - u
    if symmetric:
        through = stiffness.apply(of_reactions)
    else:
        (through,) = jax.linear_transpose(stiffness.apply, u)(of_reactions)
    slope = of_u + through + of_energy * at.residual
    residual = at.residual + stiffness.apply(gap)
    prepared = solver.prepare(stiffness, affine)
    start = jnp.zeros_like(u)
    dual = solver.solve if symmetric else solver.solve_transposed
    z, of_dual = dual(prepared, affine.fold(slope), start)
    dq, of_step = solver.solve(prepared, -affine.fold(residual), start)
    worse = jnp.maximum(of_dual.code, of_step.code)
    status = Status(worse, of_dual.iterations + of_step.iterations, jnp.maximum(of_dual.residual, of_step.residual))
    return _Dual(affine.expand(z), affine.expand(dq) + gap, residual, jnp.sum(slope * gap, axis=1), status)


@eqx.filter_jit
def _shares(transfer: Transfer, mesh: Mesh, found: _Dual, of_reactions: Array, count: int) -> Float[Array, " m"]:
    """The first-order estimate, cell by cell of the coarse mesh.

    Reactions are consistent fluxes: their weight ω belongs to the adjoint, ζ = z − ω, which is then as smooth at a
    boundary as elsewhere. What the coarse mesh has of ζ meets a residual that vanishes, up to the linear solver and the
    quadrature; only the rest counts.
    """
    zeta = found.adjoint - of_reactions
    rest = zeta - transfer.apply(zeta[transfer.kept])
    nodal = found.moved - jnp.sum(rest * found.residual, axis=1)
    coarse = jnp.sum(found.adjoint[transfer.kept] * transfer.transposed(found.residual), axis=1)
    nodal = nodal.at[transfer.kept].add(-coarse)
    number = jnp.zeros(mesh.points.shape[0]).at[mesh.cells].add(1.0)
    of_cells = jnp.sum((nodal / number)[mesh.cells], axis=1)
    return jnp.zeros(count).at[transfer.parents].add(of_cells)
