"""Meshes of one more dimension, layer upon layer."""

from typing import Any

import numpy as np

from msjax.fe.cells import EDGES
from msjax.fe.facets import facet_vertices, host, match_facets
from msjax.fe.grids import AXES, grid_shape
from msjax.fe.mapped import positive
from msjax.fe.mesh import Mesh

_KINDS = {"line2": "quad4", "line3": "quad9", "quad4": "hex8", "quad9": "hex27", "tri3": "tet4", "tri6": "tet10"}


def extrude(mesh: Mesh, height: Any, layers: Any) -> Mesh:
    """The mesh times [0, height] in equal ``layers``: lines become quadrilaterals, quadrilaterals hexahedra, and
    triangles prisms that are cut into three tetrahedra each so that faces match (diagonals rise from the smaller node
    number to the larger).

    Boundaries become the sides above them; bottom and top are "z-" and "z+" ("y-" and "y+" in the plane). Regions and
    ``grid`` are kept; the new axis is the fastest.

    Raises ``ValueError`` for cells that are solid already, a mesh that has as many coordinates as there are or more
    than its cells, a boundary with the new name, a height that is not positive, fewer layers than one.

    >>> import msjax as ms
    >>> bar = extrude(ms.fe.rectangle((1.0, 1.0), (2, 3)), 4.0, 5)
    >>> bar.kind, bar.grid, sorted(bar.boundaries)
    ('hex8', (2, 3, 5), ['x+', 'x-', 'y+', 'y-', 'z+', 'z-'])
    """
    if mesh.kind not in _KINDS or mesh.dim != mesh.cell.dim:
        raise ValueError(f"mesh: expected lines in 1-D or a mesh of the plane, got {mesh.kind} in {mesh.dim}-D")
    kind = _KINDS[mesh.kind]
    depth, (count,) = float(positive("height", height)), grid_shape(layers, "line2", 1, "layers")
    names = [AXES[mesh.dim] + side for side in "-+"]
    for taken in set(names) & set(mesh.boundaries):
        raise ValueError(f"mesh: it has a boundary {taken!r} already")
    points, cells = host(mesh)
    degree = mesh.cell.degree
    levels = degree * count + 1
    z = np.linspace(0.0, depth, levels)
    position = np.column_stack([np.repeat(points, levels, axis=0), np.tile(z, len(points))])
    regions = np.repeat(np.asarray(mesh.regions), count * (3 if mesh.cell.simplex else 1))
    solid = _prisms(cells, degree, count, levels) if mesh.cell.simplex else _columns(cells, degree, count, levels)
    bare = Mesh(position, solid, kind, {}, regions, mesh.region_names)
    ends = np.arange(len(cells)) * count
    if mesh.cell.simplex:
        floor = cells[:, :3].astype(np.int64) * levels
        caps = [match_facets(bare, floor)[0], match_facets(bare, floor + levels - 1)[0]]
    else:  # facets are numbered axis by axis: those of the plane keep their numbers
        last = 2 * mesh.cell.dim
        caps = [np.stack([row, np.full(len(row), last + n)], axis=1) for n, row in enumerate((ends, ends + count - 1))]
    boundaries = dict(zip(names, caps, strict=True))
    for name, rows in mesh.boundaries.items():
        cell, facet = np.asarray(rows).T
        if mesh.cell.simplex:
            pairs = np.sort(cells[cell[:, None], facet_vertices(mesh.kind)[facet]], axis=1)
            boundaries[name] = _walls(bare, pairs, degree, count, levels)
        else:
            above = cell[:, None] * count + np.arange(count)
            boundaries[name] = np.stack([above, np.broadcast_to(facet[:, None], above.shape)], axis=2).reshape(-1, 2)
    grid = None if mesh.grid is None else (*mesh.grid, count)
    return Mesh(position, solid, kind, boundaries, regions, mesh.region_names, grid)


def _columns(cells: np.ndarray, degree: int, count: int, levels: int) -> np.ndarray:
    heights = degree * np.arange(count)[:, None] + np.arange(degree + 1)  # (layer, level in it)
    nodes = cells.astype(np.int64)[:, None, :, None] * levels + heights[None, :, None, :]
    return nodes.reshape(len(cells) * count, -1)


# the three tetrahedra of a prism: (place among the sorted corners, bottom or top), right-handed where these turn left
_CUT = np.array([[[0, 0], [1, 0], [2, 0], [2, 1]], [[0, 0], [1, 0], [2, 1], [1, 1]], [[0, 0], [0, 1], [1, 1], [2, 1]]])


def _prisms(cells: np.ndarray, degree: int, count: int, levels: int) -> np.ndarray:
    order = np.argsort(cells[:, :3], axis=1)
    cut = np.broadcast_to(_CUT, (len(cells), *_CUT.shape)).copy()
    right = (order[:, 1] - order[:, 0]) * (order[:, 2] - order[:, 1]) * (order[:, 2] - order[:, 0]) < 0
    cut[right, :, 2:] = cut[right, :, 2:][:, :, ::-1]
    corner, level = np.take_along_axis(order, cut[..., 0].reshape(len(cells), -1), axis=1), cut[..., 1]
    corner = corner.reshape(level.shape)
    if degree == 2:
        middle = np.diag([0, 1, 2])
        for number, (a, b) in enumerate(EDGES[:3]):
            middle[a, b] = middle[b, a] = 3 + number
        a, b = np.array(EDGES).T
        corner, level = (
            np.concatenate([corner, middle[corner[..., a], corner[..., b]]], axis=2),
            np.concatenate([2 * level, level[..., a] + level[..., b]], axis=2),
        )
    plane = np.take_along_axis(cells.astype(np.int64), corner.reshape(len(cells), -1), axis=1).reshape(level.shape)
    nodes = (plane * levels + level)[:, None] + degree * np.arange(count)[:, None, None]
    return nodes.reshape(-1, level.shape[2])


def _walls(bare: Mesh, pairs: np.ndarray, degree: int, count: int, levels: int) -> np.ndarray:
    """The two facets above every edge (f, 2), smaller number first, in every layer."""
    low = pairs.astype(np.int64)[:, None] * levels + degree * np.arange(count)[:, None]  # (f, layer, 2)
    high = low + degree
    lower = np.stack([low[..., 0], low[..., 1], high[..., 1]], axis=2)
    upper = np.stack([low[..., 0], high[..., 0], high[..., 1]], axis=2)
    return match_facets(bare, np.stack([lower, upper], axis=2).reshape(-1, 3))[0]
