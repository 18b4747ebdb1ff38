"""Jacobians of the cells' maps from the reference cell: how they stretch, and by how much at the worst corner."""

from typing import NamedTuple

import numpy as np

from msjax.fe.cells import CellType
from msjax.fe.facets import host, local_edges
from msjax.fe.mesh import Mesh

_CHUNK = 1 << 20


class Jacobians(NamedTuple):
    """Of every cell: ``volumes``; ``worst``, the smallest Jacobian at quadrature points and corners divided by the
    product of its columns' lengths; ``scaled``, see :class:`~msjax.fe.MeshQuality`."""

    volumes: np.ndarray
    worst: np.ndarray
    scaled: np.ndarray


def jacobians(mesh: Mesh) -> Jacobians:
    """Jacobians of all cells; those of lines and surfaces in space have no sign."""
    points, cells = host(mesh)
    cell = mesh.cell
    rule, (corners, frames) = cell.quadrature(), corner_frames(cell)
    slopes = cell.gradients(np.vstack([rule.points, cell.nodal[corners]]))
    perfect = {2: np.sqrt(3.0) / 2.0, 3: np.sqrt(0.5)}[cell.dim] if cell.simplex else 1.0
    turns = np.abs(np.linalg.det(frames))
    size = max(1, _CHUNK // (slopes.shape[0] * cell.dim * mesh.dim))
    found = []
    for start in range(0, len(cells), size):
        x = points[cells[start : start + size]].transpose(1, 2, 0)  # (k, i, m): cells last, for long inner loops
        flat = slopes.transpose(0, 2, 1).reshape(-1, cell.nodes) @ x.reshape(cell.nodes, -1)
        tangents = flat.reshape(len(slopes), cell.dim, mesh.dim, -1)  # ∂x_i/∂ξ_j as [q, j, i, m]
        measure = _measure(tangents)
        at_corners = tangents[len(rule.points) :]
        along = np.einsum("vej,vjim->veim", frames, at_corners) if cell.simplex else at_corners
        with np.errstate(invalid="ignore", divide="ignore"):
            worst = np.min(measure / _lengths(tangents), axis=0)
            scaled = np.min(measure[len(rule.points) :] * turns[:, None] / _lengths(along), axis=0) / perfect
        found.append((rule.weights @ measure[: len(rule.points)], worst, scaled))
    return Jacobians(*(np.concatenate(column) for column in zip(*found, strict=True)))


def corner_frames(cell: CellType) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (v,) of a cell and the reference directions of the edges that leave them, (v, d, d), one a row."""
    ends = local_edges(cell.kind)
    frames = []
    for vertex in cell.vertices:
        others = [b if a == vertex else a for a, b in ends if vertex in (a, b)]
        frames.append(cell.nodal[others] - cell.nodal[vertex])
    return np.asarray(cell.vertices), np.array(frames)


def _lengths(vectors: np.ndarray) -> np.ndarray:
    """Product of the lengths of [q, j, i, m] over j."""
    return np.prod(np.sqrt(np.sum(vectors**2, axis=2)), axis=1)


def _measure(t: np.ndarray) -> np.ndarray:
    """Ratio of volumes of [q, j, i, m]."""
    directions, dim = t.shape[1:3]
    if directions == 1:
        return t[:, 0, 0] if dim == 1 else np.sqrt(np.sum(t[:, 0] ** 2, axis=1))
    if dim == 2:
        return t[:, 0, 0] * t[:, 1, 1] - t[:, 0, 1] * t[:, 1, 0]
    a, b = t[:, 0], t[:, 1]
    n = [a[:, i] * b[:, j] - a[:, j] * b[:, i] for i, j in ((1, 2), (2, 0), (0, 1))]
    if directions == 2:
        return np.sqrt(n[0] ** 2 + n[1] ** 2 + n[2] ** 2)
    return n[0] * t[:, 2, 0] + n[1] * t[:, 2, 1] + n[2] * t[:, 2, 2]
