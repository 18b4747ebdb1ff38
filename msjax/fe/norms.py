"""Norms of the difference between a solution and a function or a finer solution."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.fe.cells import CellType
from msjax.fe.fields import at_points, nodal_values
from msjax.fe.geometry import cell_geometry
from msjax.fe.interpolation import invert, locate
from msjax.fe.mesh import Mesh
from msjax.fe.problem import Problem
from msjax.typing import Array, Float, PyTree, Scalar

Exact = Any
"""A function of a position (d,) that returns the field (c,), or a pair (problem, solution) on a finer mesh."""


class Difference(NamedTuple):
    """At the points of integration (m, q) of a mesh: volumes, differences of the fields (m, q, c) and of their
    gradients (m, q, c, d)."""

    weights: Float[Array, "m q"]
    values: Float[Array, "m q c"]
    gradients: Float[Array, "m q c d"]


def l2_error(problem: Problem, solution: Any, exact: Exact, *, order: int | None = None) -> Scalar:
    """√∫ |u − u_exact|² dV.

    ``exact`` is a function of a position (d,) that JAX can differentiate, or a pair (problem, solution) on a finer mesh
    of the same body; then the integral is over that mesh, and exact if the one refines the other. ``order`` of the
    quadrature: by default 2p + 4 for a function. In axial symmetry the volume is that of the whole body.

    >>> import msjax as ms
    >>> mesh = ms.fe.rectangle((1.0, 1.0), (2, 2))
    >>> problem = ms.fe.Problem(mesh, ms.Conductor(1.0, dim=2), [ms.fe.Dirichlet("x-")])
    >>> round(float(l2_error(problem, mesh.points[:, :1] ** 2, lambda x: x[0] ** 2)), 9)  # h² / √30
    0.045643546
    """
    found = difference(problem, solution, exact, order)
    return jnp.sqrt(jnp.einsum("mq,mqc,mqc->", found.weights, found.values, found.values))


def h1_error(problem: Problem, solution: Any, exact: Exact, *, order: int | None = None) -> Scalar:
    """√∫ |∇u − ∇u_exact|² dV, the seminorm of H¹; arguments as of :func:`l2_error`."""
    found = difference(problem, solution, exact, order)
    return jnp.sqrt(jnp.einsum("mq,mqcj,mqcj->", found.weights, found.gradients, found.gradients))


def energy_error(
    problem: Problem, solution: Any, exact: Exact, *, order: int | None = None, state: PyTree = None, inputs: Any = None
) -> Scalar:
    """√∫ ∇e : A : ∇e dV with e = u − u_exact: for linear materials √(2 × the strain energy of the error).

    A is the tangent at the more accurate of the two: at the finer solution, or at the exact one on the given mesh's
    quadrature. ``state`` and ``inputs`` belong to that. For materials that are not linear this is the norm of the
    linearised problem. Other arguments as of :func:`l2_error`.
    """
    return jnp.sqrt(jnp.sum(cell_energies(problem, solution, exact, order=order, state=state, inputs=inputs)))


def cell_energies(
    problem: Problem, solution: Any, exact: Exact, *, order: int | None = None, state: PyTree = None, inputs: Any = None
) -> Float[Array, " m"]:
    """The squared energy norm of the error cell by cell, of the finer mesh if ``exact`` is a solution."""
    kin = problem.formulation.kinematics
    found = difference(problem, solution, exact, order)
    if isinstance(exact, tuple):
        problem, reference = exact
        reference = nodal_values(problem, reference)
    else:
        reference = jax.vmap(lambda x: jnp.reshape(exact(x), (-1,)))(problem.mesh.points)
    points = problem.formulation.rule(problem.mesh) if isinstance(exact, tuple) else None
    chosen = None if points is not None else _order(problem.mesh.cell, order)
    tangent = at_points(problem, reference, "tangent", state, inputs, chosen).values
    h = found.gradients
    if kin.axisymmetric:
        position = at_points(problem, reference, "gradient", state, inputs, chosen).positions
        h = jnp.concatenate([h, _hoop(found.values, position)], axis=3)
    return _form(found.weights, h, tangent)


@eqx.filter_jit
def _form(weights: Array, h: Array, tangent: Array) -> Array:
    """∫ h : A : h of the cells."""
    return jnp.einsum("mq,mqiJ,mqiJkL,mqkL->m", weights, h, tangent, h)


def _hoop(values: Array, positions: Array) -> Array:
    column = jnp.zeros((*values.shape, 1))
    return column.at[..., 0, 0].set(values[..., 0] / positions[..., 0])


def difference(problem: Problem, solution: Any, exact: Exact, order: int | None = None) -> Difference:
    """The error and its gradient at points of integration."""
    u = nodal_values(problem, solution)
    if isinstance(exact, tuple):
        fine, other = exact
        return _from_solution(problem.mesh, u, fine, nodal_values(fine, other))
    if not callable(exact):
        raise ValueError(f"exact: expected a function or (problem, solution), got {type(exact).__name__}")
    return _from_function(problem, u, exact, _order(problem.mesh.cell, order))


def _order(cell: CellType, order: int | None) -> int:
    return 2 * cell.degree + 4 if order is None else order


def _from_function(problem: Problem, u: Array, exact: Callable, order: int) -> Difference:
    mesh = problem.mesh
    rule = mesh.cell.quadrature(order)
    turned = problem.formulation.kinematics.axisymmetric

    def field(x):
        return jnp.reshape(jnp.asarray(exact(x), float), (-1,))

    if jax.eval_shape(field, jnp.zeros(mesh.dim)).shape != (problem.components,):
        raise ValueError(f"exact: expected {problem.components} components at a position ({mesh.dim},)")

    def one(nodes, values):
        geometry = cell_geometry(mesh.cell, rule, nodes)
        own, slope = geometry.values @ values, jnp.einsum("ai,qaj->qij", values, geometry.gradients)
        weights = geometry.weights * (2.0 * jnp.pi * geometry.positions[:, 0] if turned else 1.0)
        there, slopes = jax.vmap(field)(geometry.positions), jax.vmap(jax.jacfwd(field))(geometry.positions)
        return Difference(weights, own - there, slope - slopes)

    return jax.jit(jax.vmap(one))(mesh.points[mesh.cells], u[mesh.cells])


def _from_solution(mesh: Mesh, u: Array, fine: Problem, other: Array) -> Difference:
    if mesh.dim != fine.mesh.dim or u.shape[1] != other.shape[1]:
        raise ValueError(f"exact: a field of {other.shape[1]} components in {fine.mesh.dim}-D, the solution has "
                         f"{u.shape[1]} in {mesh.dim}-D")  # fmt: skip
    positions, weights, there, slopes = _sampled(fine, other)
    own, slope = evaluate_in(mesh, u, np.asarray(positions))
    return Difference(weights, own - there, slope - slopes)


@eqx.filter_jit
def _sampled(problem: Problem, u: Array) -> tuple[Array, Array, Array, Array]:
    """Positions and weights of the points of integration, values and gradients of nodal values there."""
    mesh = problem.mesh
    rule, turned = problem.formulation.rule(mesh), problem.formulation.kinematics.axisymmetric
    geometry = jax.vmap(lambda x: cell_geometry(mesh.cell, rule, x))(mesh.points[mesh.cells])
    values = jnp.einsum("mqa,mac->mqc", geometry.values, u[mesh.cells])
    slopes = jnp.einsum("mai,mqaj->mqij", u[mesh.cells], geometry.gradients)
    weights = geometry.weights * (2.0 * jnp.pi * geometry.positions[..., 0] if turned else 1.0)
    return geometry.positions, weights, values, slopes


def evaluate_in(mesh: Mesh, u: Array, positions: np.ndarray, cells: np.ndarray | None = None) -> tuple[Array, Array]:
    """Values (…, c) and gradients (…, c, d) of nodal values at positions (…, d) of another mesh's points, in given
    cells (…) or in those that hold them."""
    flat = positions.reshape(-1, mesh.dim)
    if cells is None:
        where, xi = locate(mesh, flat, nearest=True)
        lost = np.flatnonzero(where < 0)
        if lost.size:
            raise ValueError(
                f"mesh: {flat[lost[0]]} of the other mesh (and {lost.size - 1} more) lies far outside of it"
            )
    else:
        where = np.broadcast_to(cells, positions.shape[:-1]).reshape(-1)
        xi, _ = invert(mesh, where, flat)
    cell = mesh.cell
    values, slopes = _evaluated(mesh, u, where, cell.values(xi), cell.gradients(xi))
    return values.reshape(*positions.shape[:-1], -1), slopes.reshape(*positions.shape[:-1], u.shape[1], -1)


@eqx.filter_jit
def _evaluated(mesh: Mesh, u: Array, where: Any, shape: Any, reference: Any) -> tuple[Array, Array]:
    """Values and gradients from shape functions and their gradients in the reference cells of ``where``."""
    nodes = mesh.cells[where]
    jacobian = jnp.einsum("pai,paj->pij", mesh.points[nodes], reference)
    gradients = jnp.einsum("paj,pji->pai", reference, jnp.linalg.inv(jacobian))
    return jnp.einsum("pa,pac->pc", shape, u[nodes]), jnp.einsum("pac,paj->pcj", u[nodes], gradients)
