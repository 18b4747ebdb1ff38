"""Local refinement of triangles and tetrahedra: bisection of the longest edges."""

from functools import cache
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from msjax.fe.cells import cell_type
from msjax.fe.facets import Edges, edges, facet_vertices, host, local_edges
from msjax.fe.mesh import Mesh
from msjax.typing import Array, Float, Int

_DIGITS = 9
"""Lengths of edges that agree to so many digits of the longest are equal."""


class Bisection(NamedTuple):
    """A refined ``mesh``; ``parents`` (m',), the old cell every new one lies in; ``ends`` (e, 2), the old nodes between
    which the new nodes lie, which follow the old ones."""

    mesh: Mesh
    parents: Int[Array, " m"]
    ends: Int[Array, "e 2"]

    def interpolate(self, field: Float[Array, "n ..."]) -> Float[Array, "k ..."]:
        """The values of a nodal field on the old mesh (n, …) at the nodes of the new one; may be traced."""
        return jnp.concatenate([field, 0.5 * (field[self.ends[:, 0]] + field[self.ends[:, 1]])])


def bisect(mesh: Mesh, marked: Any) -> Bisection:
    """Refine the ``marked`` cells (m,) booleans or numbers, and as many more as a conforming mesh needs.

    Of a marked cell the longest edge is bisected; so is the longest edge of every triangle, and of every face and body
    of tetrahedra, one of whose edges is bisected (M. C. Rivara, Int. J. Numer. Methods Eng. 20 (1984) 745,
    doi:10.1002/nme.1620200412; in space A. Plaza and G. F. Carey, Appl. Numer. Math. 32 (2000) 195,
    doi:10.1016/S0168-9274(99)00022-7). Then every cell is cut at its bisected edges, the longest first, so that
    neighbours cut their common faces alike. Angles of triangles stay above half the smallest at the start. Old nodes
    keep their numbers; boundaries and regions are kept; the parts of a cell follow each other.

    Raises ``ValueError`` for cells other than tri3 and tet4, and for marks of another length or out of range.

    >>> import msjax as ms
    >>> mesh = ms.fe.rectangle((1.0, 1.0), (2, 2), kind="tri3")
    >>> finer = bisect(mesh, [0])
    >>> len(mesh.cells), len(finer.mesh.cells), finer.ends.shape
    (8, 10, (1, 2))
    """
    if mesh.kind not in ("tri3", "tet4"):
        raise ValueError(f"mesh: expected tri3 or tet4 cells, got {mesh.kind}")
    points, cells = host(mesh)
    table = edges(mesh)
    rank = _ranks(points, table.nodes)
    cut = _closed(rank[table.of_cells], table, _chosen(marked, len(cells)), mesh.kind)
    ends = table.nodes[cut]
    cells, parents, facets = _split(mesh, ends, rank[cut])
    boundaries = {}
    for name, rows in mesh.boundaries.items():
        named = np.zeros((len(mesh.cells), mesh.cell.dim + 2), bool)  # the last column is for facets inside
        named[tuple(np.asarray(rows).T)] = True
        boundaries[name] = np.argwhere(named[parents[:, None], facets])
    finer = Mesh(
        np.concatenate([points, 0.5 * (points[ends[:, 0]] + points[ends[:, 1]])]),
        cells,
        mesh.kind,
        boundaries,
        np.asarray(mesh.regions)[parents],
        mesh.region_names,
    )
    return Bisection(finer, jnp.asarray(parents, jnp.int32), jnp.asarray(ends, jnp.int32))


def _chosen(marked: Any, count: int) -> np.ndarray:
    given = np.asarray(marked)
    if given.dtype == bool:
        if given.shape != (count,):
            raise ValueError(f"marked: expected {count} booleans, got shape {given.shape}")
        return given
    if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
        raise ValueError(f"marked: expected booleans or numbers of cells, got {given.dtype} of shape {given.shape}")
    if given.size and (given.min() < 0 or given.max() >= count):
        raise ValueError(f"marked: expected numbers from 0 to {count - 1}, got {given.min()} to {given.max()}")
    mask = np.zeros(count, bool)
    mask[given.astype(int)] = True
    return mask


def _ranks(points: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """The place of every edge in the order of lengths; among equals (but for round-off) in that of numbers."""
    lengths = np.linalg.norm(points[ends[:, 1]] - points[ends[:, 0]], axis=1)
    order = np.argsort((lengths / lengths.max()).round(_DIGITS), kind="stable")
    rank = np.empty(len(ends), np.int64)
    rank[order] = np.arange(len(ends))
    return rank


def _closed(rank: np.ndarray, table: Edges, chosen: np.ndarray, kind: str) -> np.ndarray:
    """Which edges are bisected (e,): the longest of every chosen cell and of all cells and faces these touch."""
    cut = np.zeros(len(table.nodes), bool)
    rows = np.arange(len(rank))
    cut[table.of_cells[rows, rank.argmax(axis=1)][chosen]] = True
    groups = _edge_groups(kind)
    while True:
        before = cut.sum()
        for group in groups:
            mine = table.of_cells[:, group]
            touched = cut[mine].any(axis=1)
            cut[mine[rows, rank[:, group].argmax(axis=1)][touched]] = True
        if cut.sum() == before:
            return cut


def _split(mesh: Mesh, ends: np.ndarray, rank: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells cut at the edges with these ends, longest first; their parents; the parent's facets their facets lie on,
    −1 inside."""
    points, cells = host(mesh)
    count, pairs = len(points), local_edges(mesh.kind)
    opposite = _facets_opposite(mesh.kind)
    keys = ends[:, 0].astype(np.int64) * count + ends[:, 1]  # increasing, as edges are
    cells, parents = cells.astype(np.int64), np.arange(len(cells))
    facets = np.tile(np.arange(mesh.cell.dim + 1), (len(cells), 1))
    finished = []
    while len(cells):
        low, high = np.moveaxis(np.sort(cells[:, pairs], axis=2), 2, 0)
        place = np.searchsorted(keys, low * count + high)
        place[(high >= count) | (place == len(keys))] = -1
        place[(place >= 0) & (np.append(keys, -1)[place] != low * count + high)] = -1
        longest = np.where(place >= 0, np.append(rank, -1)[place], -1)
        go = longest.max(axis=1) >= 0
        finished.append((cells[~go], parents[~go], facets[~go]))
        cells, parents, facets = cells[go], parents[go], facets[go]
        rows, edge = np.arange(len(cells)), longest[go].argmax(axis=1)
        middle = count + place[go][rows, edge]
        halves = []
        for stays, moves in (pairs[edge].T, pairs[edge, ::-1].T):
            half, lie = cells.copy(), facets.copy()
            half[rows, moves] = middle
            lie[rows, opposite[stays]] = -1  # it holds the middle and not the end that stays
            halves.append((half, parents, lie))
        cells, parents, facets = (np.concatenate(part) for part in zip(*halves, strict=True))
    cells, parents, facets = (np.concatenate(part) for part in zip(*finished, strict=True))
    order = np.argsort(parents, kind="stable")
    return cells[order], parents[order], facets[order]


@cache
def _edge_groups(kind: str) -> list[np.ndarray]:
    """Local edges of the cell, then of each of its faces."""
    pairs, vertices = local_edges(kind), facet_vertices(kind)
    groups = [np.arange(len(pairs))]
    if len(vertices[0]) == 3:
        groups += [np.flatnonzero(np.isin(pairs, face).all(axis=1)) for face in vertices]
    return groups


@cache
def _facets_opposite(kind: str) -> np.ndarray:
    """The facet opposite every vertex."""
    vertices = facet_vertices(kind)
    return np.array([next(f for f, face in enumerate(vertices) if v not in face) for v in cell_type(kind).vertices])
