"""Volumes and surface integrals of meshes, by quadrature written out here."""

from typing import NamedTuple

import numpy as np

from msjax.fe.cells import cell_type


class Surface(NamedTuple):
    """∫ dA, ∫ n dA and ∫ x·n dA."""

    area: float
    normal: np.ndarray
    flux: float


def volume(mesh):
    """∫ dV."""
    cell, x = mesh.cell, np.asarray(mesh.points)[np.asarray(mesh.cells)]
    rule = cell.quadrature(2 * cell.degree)
    jacobian = np.einsum("qkj,mki->mqij", cell.gradients(rule.points), x)
    return float(np.sum(np.linalg.det(jacobian) @ rule.weights))


def surface(mesh, name):
    """Of one boundary; normals are those of the facets' own orientation."""
    facets = np.asarray(mesh.boundaries[name])
    nodes = np.take_along_axis(np.asarray(mesh.cells)[facets[:, 0]], mesh.cell.facet_nodes[facets[:, 1]], axis=1)
    x, facet = np.asarray(mesh.points)[nodes], cell_type(mesh.cell.facet)
    rule = facet.quadrature(6)
    tangents = np.einsum("qkj,fki->fqji", facet.gradients(rule.points), x)
    if mesh.dim == 2:
        normal = np.stack([tangents[..., 0, 1], -tangents[..., 0, 0]], axis=2)
    else:
        normal = np.cross(tangents[..., 0, :], tangents[..., 1, :])
    positions = np.einsum("qk,fki->fqi", facet.values(rule.points), x)
    weights = rule.weights[:, None]
    return Surface(
        float(np.sum(np.linalg.norm(normal, axis=2) @ rule.weights)),
        np.sum(weights * normal, axis=(0, 1)),
        float(np.sum(weights[:, 0] * np.sum(positions * normal, axis=2))),
    )


def assert_closed(mesh):
    """All the surface is named, once, with normals outward: ∫ n dA = 0 and ∫ x·n dA = d V."""
    found = [surface(mesh, name) for name in mesh.boundaries]
    scale = sum(part.area for part in found)
    np.testing.assert_allclose(sum(part.normal for part in found), 0.0, atol=1e-12 * scale)
    np.testing.assert_allclose(sum(part.flux for part in found), mesh.dim * volume(mesh), rtol=1e-12)
