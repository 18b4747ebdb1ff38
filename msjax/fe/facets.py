"""Facets and edges of a mesh: which are the same, which lie on the boundary, what they are called."""

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.fe.cells import cell_type
from msjax.fe.mesh import Mesh
from msjax.typing import concrete

Chooser = Callable[[np.ndarray], Any]
"""A function of positions (f, d) that returns f booleans."""


class Edges(NamedTuple):
    """Edges between vertices: ``nodes`` (e, 2), the smaller number first; ``of_cells`` (m, ke) numbers them for every
    cell in the order of :func:`local_edges`."""

    nodes: np.ndarray
    of_cells: np.ndarray


def host(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Positions and cells as arrays of numpy; ``ValueError`` where the positions are traced."""
    if not concrete(mesh.points, mesh.cells):
        raise ValueError("mesh: its positions are traced; work on the mesh before it enters jit, grad or vmap")
    return np.asarray(mesh.points), np.asarray(mesh.cells)


@cache
def facet_vertices(kind: str) -> np.ndarray:
    """Local numbers of the vertices of every facet, (f, v)."""
    cell = cell_type(kind)
    return np.array([[a for a in nodes if a in cell.vertices] for nodes in cell.facet_nodes])


@cache
def local_edges(kind: str) -> np.ndarray:
    """Local numbers of the two vertices of every edge, (e, 2)."""
    cell = cell_type(kind)
    pairs = [(a, b) for a in cell.vertices for b in cell.vertices if a < b]
    if not cell.simplex:
        pairs = [(a, b) for a, b in pairs if np.sum(cell.nodal[a] != cell.nodal[b]) == 1]
    return np.array(pairs)


def marks(count: int) -> np.ndarray:
    """Random 64-bit marks of nodes, the same every time. Sums of marks, modulo 2⁶⁴, tell apart sets of nodes, and whole
    combinations of them, where sorting rows would cost more; two different ones agree with probability 2⁻⁶⁴."""
    return np.random.default_rng(20121).integers(0, 2**64, count, np.uint64)


def number_sets(nodes: np.ndarray, count: int) -> tuple[int, np.ndarray]:
    """How many different sets of nodes there are among (…, s), in any order, and a number for each, (…)."""
    keys = np.sum(marks(count)[nodes], axis=-1)
    different, numbers = np.unique(keys, return_inverse=True)
    return len(different), numbers.reshape(keys.shape)


def facet_numbers(mesh: Mesh) -> tuple[int, np.ndarray]:
    """How many facets there are, and the number of every cell's facets, (m, f); neighbours share them."""
    _, cells = host(mesh)
    return number_sets(cells[:, facet_vertices(mesh.kind)], mesh.points.shape[0])


def facet_owners(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the facets and how many cells they belong to, both (m, f)."""
    count, numbers = facet_numbers(mesh)
    return numbers, np.bincount(numbers.reshape(-1), minlength=count)[numbers]


def boundary_facets(mesh: Mesh) -> np.ndarray:
    """Facets that belong to one cell only, rows (cell, local facet) in the order of the cells.

    >>> import msjax as ms
    >>> len(boundary_facets(ms.fe.box((1.0, 1.0, 1.0), (2, 2, 2))))
    24
    """
    _, owners = facet_owners(mesh)
    return np.argwhere(owners == 1)


def match_facets(mesh: Mesh, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The facets with these vertices (f, v): rows (cell, local facet) of the first cell that has them, −1 where none
    has, and how many cells have them, (f,)."""
    _, cells = host(mesh)
    mine = cells[:, facet_vertices(mesh.kind)]
    sets = np.concatenate([mine.reshape(-1, mine.shape[2]), np.asarray(vertices)])
    count, numbers = number_sets(sets, mesh.points.shape[0])
    numbers, wanted = numbers[: mine.shape[0] * mine.shape[1]], numbers[mine.shape[0] * mine.shape[1] :]
    first = np.full(count, -1)
    first[numbers[::-1]] = np.arange(numbers.size)[::-1]
    owners = np.bincount(numbers, minlength=count)
    place = first[wanted]
    rows = np.stack(np.divmod(place, mine.shape[1]), axis=1)
    rows[place < 0] = -1
    return rows, owners[wanted]


def facet_centres(mesh: Mesh, facets: Any) -> np.ndarray:
    """Mean position of the vertices of facets (f, 2), (f, d)."""
    points, cells = host(mesh)
    facets = np.asarray(facets).reshape(-1, 2)
    nodes = np.take_along_axis(cells[facets[:, 0]], facet_vertices(mesh.kind)[facets[:, 1]], axis=1)
    return np.mean(points[nodes], axis=1)


def cell_centres(mesh: Mesh) -> np.ndarray:
    """Mean position of the vertices of every cell, (m, d)."""
    points, cells = host(mesh)
    return np.mean(points[cells[:, mesh.cell.vertices]], axis=1)


def edges(mesh: Mesh) -> Edges:
    """All edges between vertices.

    >>> import msjax as ms
    >>> table = edges(ms.fe.rectangle((1.0, 1.0), (1, 1), kind="tri3"))
    >>> table.nodes.tolist()
    [[0, 1], [0, 2], [0, 3], [1, 3], [2, 3]]
    """
    _, cells = host(mesh)
    pairs = np.sort(cells[:, local_edges(mesh.kind)].astype(np.int64), axis=2)
    count = max(mesh.points.shape[0], 1)
    keys, numbers = np.unique(pairs[..., 0] * count + pairs[..., 1], return_inverse=True)
    return Edges(np.stack(np.divmod(keys, count), axis=1), numbers.reshape(pairs.shape[:2]))


def tag(mesh: Mesh, name: str, where: Chooser) -> Mesh:
    """The mesh with a boundary ``name``: the facets of its surface whose centres (f, d) ``where`` chooses.

    Raises ``ValueError`` where nothing is chosen, for a name that is taken and for a function that returns anything but
    f booleans.

    >>> import msjax as ms
    >>> mesh = ms.fe.rectangle((1.0, 1.0), (4, 4))
    >>> mesh = tag(mesh, "load", lambda x: (x[:, 0] == 1.0) & (x[:, 1] > 0.5))
    >>> mesh.boundaries["load"].shape
    (2, 2)
    """
    if name in mesh.boundaries:
        raise ValueError(f"name: the mesh has a boundary {name!r} already")
    facets = boundary_facets(mesh)
    facets = facets[_chosen(where, facet_centres(mesh, facets), "facets of the surface")]
    boundaries = mesh.boundaries | {name: jnp.asarray(facets, jnp.int32)}
    return eqx.tree_at(lambda m: m.boundaries, mesh, boundaries)


def tag_region(mesh: Mesh, name: str, where: Chooser) -> Mesh:
    """The mesh with a region ``name``: the cells whose centres (m, d) ``where`` chooses leave the region they were in.

    Raises ``ValueError`` as :func:`tag`.

    >>> import msjax as ms
    >>> mesh = tag_region(ms.fe.interval(1.0, 4), "right", lambda x: x[:, 0] > 0.5)
    >>> mesh.region_names, mesh.regions.tolist()
    (('all', 'right'), [0, 0, 1, 1])
    """
    if name in mesh.region_names:
        raise ValueError(f"name: the mesh has a region {name!r} already")
    chosen = _chosen(where, cell_centres(mesh), "cells")
    regions = np.where(chosen, len(mesh.region_names), np.asarray(mesh.regions)).astype(np.int32)
    return Mesh(
        mesh.points, mesh.cells, mesh.kind, mesh.boundaries, regions, (*mesh.region_names, name), mesh.grid
    )  # fmt: skip


def _chosen(where: Chooser, centres: np.ndarray, what: str) -> np.ndarray:
    mask = np.asarray(where(centres))
    if mask.shape != centres.shape[:1] or mask.dtype != bool:
        raise ValueError(f"where: expected {len(centres)} booleans, got {mask.dtype} of shape {mask.shape}")
    if not mask.any():
        raise ValueError(f"where: none of the {len(centres)} {what} is chosen")
    return mask
