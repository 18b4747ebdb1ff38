"""Fields of a solution: strain, stress and energy density at quadrature points, as means of cells, and at nodes."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax.fe.evaluate import Formulation, over_cells, respond_points
from msjax.fe.geometry import cell_geometry
from msjax.fe.mesh import Mesh
from msjax.fe.nodal_inputs import CellInputs
from msjax.fe.problem import Problem
from msjax.fe.recovery import recovery, sampling_order
from msjax.fe.solve import Solution
from msjax.material.response import Material, Response
from msjax.material.stress_driven import StressDriven
from msjax.status import guard
from msjax.tensors import det
from msjax.typing import Array, Float, PyTree


class AtPoints(NamedTuple):
    """Of all cells at their quadrature points: volumes (m, q), positions (m, q, d), and a quantity (m, q, …)."""

    weights: Float[Array, "m q"]
    positions: Float[Array, "m q d"]
    values: PyTree


def strain(problem: Problem, solution: Any, at: str = "points") -> Array:
    """The strain that the material takes: the deformation gradient F of a solid (3 × 3 in plane strain and axial
    symmetry), the gradient of a scalar field.

    ``solution`` is a :class:`~msjax.fe.Solution` or nodal values (n, c). ``at`` "points" gives (m, q, …) at the
    quadrature points of the m cells, "cells" their means (m, …), "nodes" (n, …) by superconvergent patch recovery in
    every region, averaged where regions meet (see :func:`~msjax.fe.recovery.recovery`). Differentiable in the solution.

    Raises ``ValueError`` for values of a wrong shape and another ``at``.

    >>> import msjax as ms
    >>> mesh = ms.fe.rectangle((2.0, 1.0), (2, 1))
    >>> problem = ms.fe.Problem(mesh, ms.IsotropicElastic(1.0, 0.3, dim=2), [ms.fe.Dirichlet("x-")])
    >>> strain(problem, 0.1 * mesh.points, at="nodes")[0].round(12).tolist()
    [[1.1, 0.0], [0.0, 1.1]]
    """
    return _field(problem, solution, "strain", at, None, None)


def stress(problem: Problem, solution: Any, at: str = "points", state: PyTree = None, inputs: Any = None) -> Array:
    """First Piola–Kirchhoff stress P, of the shape of the strain; the stress of small strains, the flux (less its sign)
    of a scalar field.

    ``state`` and ``inputs`` are what the solution was found from: those given to :func:`msjax.solve`. ``at`` as in
    :func:`strain`; with a history, nodal values are recovered from the quadrature points.

    >>> import msjax as ms
    >>> mesh = ms.fe.rectangle((2.0, 1.0), (2, 1))
    >>> pull = [ms.fe.Dirichlet("x-", 0.0, "x"), ms.fe.Dirichlet("x+", 0.2, "x"), ms.fe.Dirichlet([0], 0.0, "y")]
    >>> problem = ms.fe.Problem(mesh, ms.PlaneStress(ms.IsotropicElastic(1.0, 0.3)), pull)
    >>> stress(problem, ms.solve(problem), at="cells")[0].round(6).tolist()
    [[0.1, 0.0], [0.0, 0.0]]
    """
    return _field(problem, solution, "stress", at, state, inputs)


def cauchy_stress(
    problem: Problem, solution: Any, at: str = "points", state: PyTree = None, inputs: Any = None
) -> Array:
    """Cauchy stress P Fᵀ / det F of materials that are objective; small strains know one stress, P.

    Plane stress divides by the stretch of the thickness too. ``ValueError`` for a scalar field.
    """
    if problem.parts[0].one.reference_strain.shape[0] == 1 and problem.mesh.dim > 1:
        raise ValueError("cauchy_stress: of a displacement, not of a scalar field")
    return _field(problem, solution, "cauchy_stress", at, state, inputs)


def energy_density(
    problem: Problem, solution: Any, at: str = "points", state: PyTree = None, inputs: Any = None
) -> Array:
    """Energy W per reference volume: (m, q), (m,) or (n,)."""
    return _field(problem, solution, "energy", at, state, inputs)


def nodal_values(problem: Problem, solution: Any) -> Float[Array, "n c"]:
    """u of a solution, or nodal values as they are; ``ValueError`` for another shape."""
    u = solution.u if isinstance(solution, Solution) else jnp.asarray(solution, float)
    if u.shape != problem.affine.free.shape:
        raise ValueError(f"solution: expected nodal values of shape {problem.affine.free.shape}, got {u.shape}")
    return u


def at_points(
    problem: Problem, u: Float[Array, "n c"], wanted: str, state: Any = None, inputs: Any = None, order: Any = None
) -> AtPoints:
    """A quantity at the quadrature points: "gradient" H (extended, see :mod:`msjax.fe.kinematics`), "strain", "energy",
    "stress", "cauchy_stress", "tangent" ∂²W/∂H², or "linearised", the pair of H and the tangent.

    ``order`` of the rule, by default the problem's own; a history exists at the points of that one only.
    """
    if wanted in ("gradient", "strain"):
        states = tuple(None for _ in problem.parts)
    else:
        states = problem.initial_state() if state is None else state
    if order is not None and jax.tree.leaves(states):
        raise ValueError("state: a history exists at the problem's own quadrature points only")
    return _at_points(problem, u, states, inputs, wanted, order)


@eqx.filter_jit
def _at_points(problem: Problem, u, states, inputs, wanted: str, order: int | None) -> AtPoints:
    mesh = problem.mesh
    kin = problem.formulation.kinematics
    rule = _formulation(problem, order).rule(mesh)

    def one(nodes, values, state, material, given):
        geometry = cell_geometry(mesh.cell, rule, nodes)
        gradients, weights = kin.extended(geometry)
        h = jnp.einsum("ai,qaJ->qiJ", values, gradients)
        if wanted == "gradient":
            return AtPoints(weights, geometry.positions, h)
        strains = kin.strains(h, material.reference_strain)
        if wanted == "strain":
            return AtPoints(weights, geometry.positions, strains)
        response = respond_points(kin, material, gradients, values, state, CellInputs(given, geometry.values))
        if wanted == "tangent":
            return AtPoints(weights, geometry.positions, kin.pulled_tangent(response.tangent))
        if wanted == "linearised":
            return AtPoints(weights, geometry.positions, (h, kin.pulled_tangent(response.tangent)))
        if wanted == "cauchy_stress":
            return AtPoints(
                weights, geometry.positions, jax.vmap(lambda f, r: _true(material, f, r))(strains, response)
            )
        return AtPoints(weights, geometry.positions, getattr(response, wanted))

    found = [over_cells(one, mesh, part, u, state, inputs) for part, state in zip(problem.parts, states, strict=True)]
    if len(found) == 1 and problem.parts[0].index is None:
        return found[0]
    index = jnp.concatenate([part.index for part in problem.parts if part.index is not None])
    order_back = jnp.argsort(index)
    return jax.tree.map(lambda *parts: jnp.concatenate(parts)[order_back], *found)


def _formulation(problem: Problem, order: int | None) -> Formulation:
    return problem.formulation if order is None else problem.formulation._replace(order=order)


def _true(material: Material, strain: Array, response: Response) -> Array:
    """Cauchy stress at one point."""
    if not _large(material):
        return response.stress
    whole = strain
    if isinstance(material, StressDriven):
        whole = material.deformation(strain, response.state.free)
    return guard(response.stress @ strain.T / det(whole), response.status.failed)


def _large(material: Material) -> bool:
    """Whether P and Cauchy's stress are told apart."""
    return material.material.objective if isinstance(material, StressDriven) else material.objective


def _field(problem: Problem, solution: Any, wanted: str, at: str, state: PyTree, inputs: Any) -> Array:
    u = nodal_values(problem, solution)
    if at == "points":
        return at_points(problem, u, wanted, state, inputs).values
    if at == "cells":
        return cell_means(at_points(problem, u, wanted, state, inputs))
    if at != "nodes":
        raise ValueError(f"at: expected 'points', 'cells' or 'nodes', got {at!r}")
    if wanted != "strain" and jax.tree.leaves(problem.initial_state() if state is None else state):
        found, rule = at_points(problem, u, wanted, state, inputs), problem.formulation.rule(problem.mesh)
        return recovery(problem.mesh, rule).at_nodes(found.values)
    found = at_points(problem, u, wanted, state, inputs, sampling_order(problem.mesh.cell))
    return recovery(problem.mesh).at_nodes(found.values)


@eqx.filter_jit
def cell_means(found: AtPoints) -> Array:
    """Means over the cells (m, …) of values at their points."""
    share = found.weights / jnp.sum(found.weights, axis=1, keepdims=True)
    return jnp.einsum("mq,mq...->m...", share, found.values)


@eqx.filter_jit
def volumes(mesh: Mesh) -> Float[Array, " m"]:
    """Lengths, areas or volumes of the cells."""
    rule = mesh.cell.quadrature(2 * mesh.cell.degree)
    return jax.vmap(lambda x: jnp.sum(cell_geometry(mesh.cell, rule, x).weights))(mesh.points[mesh.cells])
