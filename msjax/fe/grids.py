"""Regular grids of cells: intervals, rectangles, boxes; simplices by cutting every cell of the grid the same way."""

import itertools
from functools import cache
from typing import Any

import numpy as np

from msjax.fe.cells import cell_type
from msjax.fe.mesh import Mesh

AXES = "xyz"
"""Names of the coordinates; the sides of a grid are "x-", "x+", "y-" and so on."""

MOST_NODES = 2**31 - 1
"""Node numbers are 32-bit."""


def interval(length: Any, cells: Any, kind: str = "line2") -> Mesh:
    """[0, length] in equal cells, "line2" or "line3"; boundaries "x-" and "x+".

    Raises ``ValueError`` as :func:`box`.

    >>> interval(2.0, 4).points[:, 0].tolist()
    [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    return _block((length,), (cells,), kind, 1, ("length", "cells"))


def rectangle(size: Any, shape: Any, kind: str = "quad4") -> Mesh:
    """[0, size₁] × [0, size₂] in ``shape`` equal cells; boundaries "x-", "x+", "y-", "y+".

    ``kind`` is "quad4" or "quad9", or "tri3" or "tri6": two triangles to a cell, cut from its first corner to its last.
    Raises ``ValueError`` as :func:`box`.

    >>> mesh = rectangle((2.0, 1.0), (4, 2), kind="tri3")
    >>> mesh.cells.shape, mesh.boundaries["y-"].shape
    ((16, 3), (4, 2))
    """
    return _block(size, shape, kind, 2, ("size", "shape"))


def box(size: Any, shape: Any, kind: str = "hex8") -> Mesh:
    """[0, size₁] × [0, size₂] × [0, size₃] in ``shape`` equal cells; boundaries "x-", "x+", "y-", "y+", "z-", "z+".

    ``kind`` is "hex8" or "hex27", or "tet4" or "tet10": six tetrahedra to a cell, all around its diagonal from the
    first corner to the last (Kuhn's, so that the faces of neighbours match; H. W. Kuhn, IBM J. Res. Dev. 4 (1960) 518).
    Nodes and, unless they are cut, cells are in lexicographic order, the last axis fastest; ``grid`` is then set.

    Raises ``ValueError`` for lengths that are not positive and finite, numbers of cells below 1, a kind of another
    dimension and more nodes than 32-bit numbers can tell apart.

    >>> mesh = box((1.0, 1.0, 2.0), (2, 2, 4))
    >>> mesh.grid, mesh.points.shape, mesh.boundaries["z+"].shape
    ((2, 2, 4), (45, 3), (4, 2))
    """
    return _block(size, shape, kind, 3, ("size", "shape"))


def _block(size: Any, shape: Any, kind: str, dim: int, names: tuple[str, str]) -> Mesh:
    lengths = np.asarray(size, float).reshape(-1)
    if lengths.shape != (dim,) or not np.all(np.isfinite(lengths) & (lengths > 0)):
        raise ValueError(f"{names[0]}: expected {dim} positive length{'s' * (dim > 1)}, got {size}")
    counts = grid_shape(shape, kind, dim, names[1])
    return Mesh(
        lattice(counts, kind) * lengths,
        lattice_cells(counts, kind),
        kind,
        lattice_sides(counts, kind),
        grid=None if cell_type(kind).simplex else counts,
    )


def grid_shape(shape: Any, kind: str, dim: int, name: str = "shape") -> tuple[int, ...]:
    """Numbers of cells along the axes as integers, checked for a kind of this dimension."""
    cell = cell_type(kind)
    if cell.dim != dim:
        raise ValueError(f"kind: {kind} has dimension {cell.dim}, expected one of dimension {dim}")
    given = np.asarray(shape).reshape(-1)
    if given.shape != (dim,) or given.dtype.kind not in "iu" or np.any(given < 1):
        raise ValueError(f"{name}: expected {dim} whole number{'s' * (dim > 1)} of cells, at least 1, got {shape}")
    counts = tuple(int(n) for n in given)
    if np.prod([float(cell.degree * n + 1) for n in counts]) > MOST_NODES:
        raise ValueError(f"{name}: {counts} cells of kind {kind} need more than {MOST_NODES} nodes")
    return counts


def lattice(shape: tuple[int, ...], kind: str) -> np.ndarray:
    """Reference coordinates in [0, 1]^d of the nodes of a grid of cells, (n, d)."""
    degree = cell_type(kind).degree
    ticks = [np.linspace(0.0, 1.0, degree * n + 1) for n in shape]
    return np.stack([x.reshape(-1) for x in np.meshgrid(*ticks, indexing="ij")], axis=1)


def lattice_cells(shape: tuple[int, ...], kind: str) -> np.ndarray:
    """Nodes of the cells of a grid, (cells · parts, k); the parts of a grid cell follow each other."""
    numbers = lattice_numbers(shape, parts(kind), cell_type(kind).degree)
    return numbers.reshape(-1, numbers.shape[2]).astype(np.int32)


def lattice_numbers(shape: tuple[int, ...], offsets: np.ndarray, step: int) -> np.ndarray:
    """Nodes at integer ``offsets`` (…, d) from the first corner of every cell, ``step`` of them along its edges,
    (cells, …)."""
    counts = [step * n + 1 for n in shape]
    strides = np.array([int(np.prod(counts[axis + 1 :])) for axis in range(len(counts))], np.int64)
    corners = np.zeros(shape, np.int64)
    for axis, n in enumerate(shape):
        along = step * strides[axis] * np.arange(n)
        corners += along.reshape([-1 if other == axis else 1 for other in range(len(shape))])
    return corners.reshape(-1, *[1] * (offsets.ndim - 1)) + offsets @ strides


def lattice_sides(shape: tuple[int, ...], kind: str) -> dict[str, np.ndarray]:
    """Facets (cell, local facet) on the sides "x-", "x+", "y-", … of a grid."""
    cell, template = cell_type(kind), parts(kind)
    numbers = np.arange(int(np.prod(shape))).reshape(shape)
    sides = {}
    for axis, (side, end) in itertools.product(range(len(shape)), (("-", 0), ("+", cell.degree))):
        layer = np.take(numbers, -1 if end else 0, axis=axis).reshape(-1)
        rows = [
            np.stack([layer * len(template) + part, np.full(layer.size, facet)], axis=1)
            for part, offsets in enumerate(template)
            for facet, nodes in enumerate(cell.facet_nodes)
            if np.all(offsets[nodes, axis] == end)
        ]
        sides[AXES[axis] + side] = np.stack(rows, axis=1).reshape(-1, 2)
    return sides


@cache
def parts(kind: str) -> np.ndarray:
    """The cells a grid cell is cut into, as integer offsets of their nodes, (parts, k, d): one, or d! simplices."""
    cell = cell_type(kind)
    whole = np.rint(cell.nodal * cell.degree).astype(np.int64)
    if not cell.simplex:
        return whole[None]
    found = []
    for steps in itertools.permutations(range(cell.dim)):
        vertices = np.vstack([np.zeros(cell.dim), np.cumsum(np.eye(cell.dim)[list(steps)], axis=0)])
        if np.linalg.det(vertices[1:] - vertices[0]) < 0:  # a walk along the edges of the cube may be left-handed
            vertices[[1, 2]] = vertices[[2, 1]]
        weights = np.hstack([1.0 - np.sum(cell.nodal, axis=1, keepdims=True), cell.nodal])
        found.append(np.rint(weights @ vertices * cell.degree).astype(np.int64))
    return np.array(found)
