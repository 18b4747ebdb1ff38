"""Shape functions of the cells in space: gradients and weights at quadrature points, facets and their normals."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.fe.cells import CellType, cell_type
from msjax.fe.quadrature import Quadrature
from msjax.tensors import det, inverse
from msjax.typing import Array, Float


class CellGeometry(NamedTuple):
    """Of ONE cell at its quadrature points: positions (q, d), gradients ∂N_a/∂X_J (q, k, d), weights times volume (q,),
    the shape functions themselves (q, k), and where asked for their second gradients (q, k, d, d)."""

    positions: Float[Array, "q d"]
    gradients: Float[Array, "q k d"]
    weights: Float[Array, " q"]
    values: Float[Array, "q k"]
    second: Float[Array, "q k d d"] | None = None


def cell_geometry(cell: CellType, rule: Quadrature, nodes: Float[Array, "k d"], second: bool = False) -> CellGeometry:
    """Shape functions of one cell with its nodes at these positions; batch with vmap.

    Where the cell is inverted or degenerate its weight is not positive, and the gradients are those of another cell, so
    that nothing is infinite. Of a line in the plane or in space the gradients are those along it, (q, k, 1).
    ``second``: with second gradients ∂²N_a/∂X_J∂X_K.
    """
    values = jnp.asarray(cell.values(rule.points))
    reference = jnp.asarray(cell.gradients(rule.points))  # (q, k, j)
    jacobian = jnp.einsum("ai,qaj->qij", nodes, reference)
    if cell.dim == 1 and nodes.shape[1] > 1:
        length = jnp.sqrt(jnp.sum(jacobian * jacobian, axis=(1, 2)))
        weights = jnp.asarray(rule.weights) * length
        return CellGeometry(values @ nodes, reference / length[:, None, None], weights, values)
    volume = jax.vmap(det)(jacobian)
    sound = (volume > 0)[:, None, None]
    inverted = jax.vmap(inverse)(jnp.where(sound, jacobian, jnp.eye(cell.dim)[None]))
    weights = jnp.asarray(rule.weights) * volume
    gradients = jnp.einsum("qaj,qji->qai", reference, inverted)
    found = CellGeometry(values @ nodes, gradients, weights, values)
    if not second:
        return found
    # N,ξξ = N,XX x,ξ x,ξ + N,X x,ξξ
    curved = jnp.asarray(cell.second_gradients(rule.points))
    curved = curved - jnp.einsum("qai,bi,qbjk->qajk", gradients, nodes, curved)
    return found._replace(second=jnp.einsum("qajk,qjJ,qkK->qaJK", curved, inverted, inverted))


class FacetGeometry(NamedTuple):
    """Of ONE facet at its quadrature points: positions (q, d), tangents ∂x/∂ξ (q, d, d−1), normal times area times
    weight (q, d), area times weight (q,), shape functions (q, k) and their reference gradients (q, k, d−1)."""

    positions: Float[Array, "q d"]
    tangents: Float[Array, "q d e"]
    normals: Float[Array, "q d"]
    weights: Float[Array, " q"]
    values: Float[Array, "q k"]
    gradients: Float[Array, "q k e"]


def facet_rule(cell: CellType, order: int | None = None) -> Quadrature:
    """A rule on the facets that integrates products of their shape functions; one point where a facet is a point."""
    if cell.facet is None:
        return Quadrature(np.zeros((1, 0)), np.ones(1))
    facet = cell_type(cell.facet)
    return facet.quadrature(2 * facet.degree if order is None else order)


def facet_geometry(cell: CellType, rule: Quadrature, nodes: Float[Array, "k d"]) -> FacetGeometry:
    """Geometry of one facet of a cell of this type; normals point out of the cell. Batch with vmap.

    The ends of a line have no normal of their own: there it is the facet's own node that counts, and ``normals`` is
    without sign.
    """
    if cell.facet is None:
        ones, none = jnp.ones((1, 1)), jnp.zeros((1, 1, 0))
        return FacetGeometry(nodes, none, ones, jnp.ones(1), ones, none)
    facet = cell_type(cell.facet)
    values, reference = jnp.asarray(facet.values(rule.points)), jnp.asarray(facet.gradients(rule.points))
    tangents = jnp.einsum("ai,qaj->qij", nodes, reference)
    normals = surface_normals(tangents) * jnp.asarray(rule.weights)[:, None]
    return FacetGeometry(values @ nodes, tangents, normals, jnp.sqrt(jnp.sum(normals**2, axis=1)), values, reference)


def surface_normals(tangents: Float[Array, "q d e"]) -> Float[Array, "q d"]:
    """Normal of length |∂x/∂ξ₁ × ∂x/∂ξ₂|; in the plane the tangent turned clockwise."""
    if tangents.shape[1] == 2:
        return jnp.stack([tangents[:, 1, 0], -tangents[:, 0, 0]], axis=1)
    return jnp.cross(tangents[:, :, 0], tangents[:, :, 1])
