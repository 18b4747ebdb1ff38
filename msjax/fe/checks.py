"""Whether a mesh is sound: refused with a text that names the first offender, or reported with its quality."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from msjax.fe.facets import facet_owners, host, local_edges, number_sets
from msjax.fe.grids import lattice_cells
from msjax.fe.jacobians import Jacobians, jacobians
from msjax.fe.mesh import Mesh

FLAT = 1e-9
"""A cell whose Jacobian is below this fraction of the product of its columns' lengths is degenerate."""

FAR = 1e90
"""Coordinates beyond this would overflow in volumes."""

CLOSE = 1e-9
"""Nodes nearer than this fraction of the shortest edge are coincident."""


class MeshQuality(NamedTuple):
    """What a sound mesh is like.

    ``volumes`` (m,), lengths and areas of lines and surfaces; ``aspect`` (m,), longest over shortest edge;
    ``scaled_jacobian`` (m,), the smallest over the corners of the Jacobian divided by the lengths of the edges that
    meet there, 1 for squares, cubes and regular simplices (P. M. Knupp, Int. J. Numer. Methods Eng. 48 (2000) 1165,
    doi:10.1002/(SICI)1097-0207(20000720)48:8<1165::AID-NME940>3.0.CO;2-Y); ``coincident`` (c, 2), pairs of nodes at one
    place, as on the faces of a crack.
    """

    volumes: np.ndarray
    aspect: np.ndarray
    scaled_jacobian: np.ndarray
    coincident: np.ndarray

    def __str__(self) -> str:
        return (
            f"{len(self.volumes):,} cells, volume {self.volumes.sum():.6g}, smallest scaled Jacobian "
            f"{self.scaled_jacobian.min():.3g}, largest aspect {self.aspect.max():.3g}, "
            f"{len(self.coincident):,} coincident pairs of nodes"
        )


def check_mesh(mesh: Mesh, *, parts: int = 1) -> MeshQuality:
    """The quality of a mesh in which nothing is wrong. Host only; builders and readers call it.

    Raises ``ValueError``, naming the first cell, node or facet and how many more there are, for positions that are not
    finite, node numbers out of range, cells that name a node twice, two cells on the same vertices, inverted or
    degenerate cells (Jacobian at quadrature points and corners), facets of more than two cells, nodes of no cell, more
    (or fewer) unconnected ``parts`` than expected, boundaries with facets that are not on the surface or are given
    twice, region numbers without a name, and a ``grid`` that the cells do not form.

    >>> import msjax as ms
    >>> print(check_mesh(ms.fe.rectangle((2.0, 1.0), (4, 4))))
    16 cells, volume 2, smallest scaled Jacobian 1, largest aspect 2, 0 coincident pairs of nodes
    """
    check_connectivity(mesh)
    found = check_jacobians(mesh)
    numbers, owners = facet_owners(mesh)
    check_topology(mesh, owners, parts)
    check_names(mesh, numbers, owners)
    lengths = edge_lengths(mesh)
    return MeshQuality(found.volumes, lengths.max(axis=1) / lengths.min(axis=1), found.scaled, coincident_nodes(mesh))


def check_connectivity(mesh: Mesh) -> None:
    """Positions are finite, node numbers in range, no node twice in a cell, no cell twice, no node without a cell."""
    points, cells = host(mesh)
    count = len(points)
    if not len(cells):
        raise ValueError("cells: the mesh has none")
    wild = ~np.all(np.abs(points) <= FAR, axis=1)  # NaN too
    _refuse(wild, "node", lambda n: f"its position {points[n]} is not finite, or beyond {FAR:g}")
    outside = (cells < 0) | (cells >= count)
    _refuse(outside.any(axis=1), "cell", lambda c: f"node {cells[c][outside[c]][0]} is outside 0 to {count - 1}")
    ordered = np.sort(cells, axis=1)
    twice = ordered[:, 1:] == ordered[:, :-1]
    _refuse(twice.any(axis=1), "cell", lambda c: f"node {ordered[c, 1:][twice[c]][0]} is in it twice")
    _, numbers = number_sets(cells[:, mesh.cell.vertices], count)
    _, first = np.unique(numbers, return_index=True)
    again = np.ones(len(cells), bool)
    again[first] = False
    _refuse(again, "cell", lambda c: f"it has the same vertices as cell {np.flatnonzero(numbers == numbers[c])[0]}")
    unused = np.bincount(cells.reshape(-1), minlength=count) == 0
    _refuse(unused, "node", lambda n: "no cell has it")


def check_jacobians(mesh: Mesh) -> Jacobians:
    """The Jacobian is positive at quadrature points and corners."""
    _, cells = host(mesh)
    found = jacobians(mesh)
    if np.all(found.worst < -FLAT):
        raise ValueError("cells: all are inverted; their nodes are in the order of the mirrored cell")
    _refuse(
        ~(found.worst > FLAT),
        "cell",
        lambda c: f"it is {'inverted' if found.worst[c] < -FLAT else 'degenerate'}, nodes {cells[c]}",
    )
    return found


def check_topology(mesh: Mesh, owners: np.ndarray, parts: int = 1) -> None:
    """No facet has more than two cells (in a body; lines and surfaces in space may branch), the parts hang together."""
    _, cells = host(mesh)
    if mesh.dim == mesh.cell.dim:
        crowded = owners > 2
        _refuse(crowded.any(axis=1), "cell", lambda c: f"facet {crowded[c].argmax()} has {owners[c].max()} cells")
    found, labels = components(mesh)
    if found != parts:
        sizes = np.bincount(labels[cells[:, 0]], minlength=found)
        stray = np.flatnonzero(labels[cells[:, 0]] == sizes.argmin())[0]
        text = f"cells: expected {parts} connected part{'s' * (parts != 1)}, found {found}"
        if found > parts:
            text += f"; the smallest has {sizes.min()} cells, cell {stray} among them"
            pairs = coincident_nodes(mesh)
            if len(pairs):
                text += f"; {len(pairs)} pairs of nodes coincide, as {pairs[0, 0]} and {pairs[0, 1]}: msjax.fe.join"
        raise ValueError(text)


def check_names(mesh: Mesh, numbers: np.ndarray, owners: np.ndarray) -> None:
    """Boundaries hold facets of the surface, once each; regions have names; the grid is one."""
    _, cells = host(mesh)
    for name, rows in mesh.boundaries.items():
        _check_boundary(f"boundary {name!r}, facet", np.asarray(rows), numbers, owners)
    regions, names = np.asarray(mesh.regions), len(mesh.region_names)
    strange = (regions < 0) | (regions >= names)
    _refuse(strange, "cell", lambda c: f"its region {regions[c]} is outside 0 to {names - 1}")
    if mesh.grid is not None:
        if mesh.cell.simplex or len(mesh.grid) != mesh.cell.dim or np.prod(mesh.grid) != len(cells):
            raise ValueError(f"grid: {mesh.grid} does not fit {len(cells)} cells of kind {mesh.kind}")
        other = np.any(lattice_cells(mesh.grid, mesh.kind) != cells, axis=1)
        _refuse(other, "cell", lambda c: f"its nodes are not those of a regular grid {mesh.grid}")


def _check_boundary(what: str, rows: np.ndarray, numbers: np.ndarray, owners: np.ndarray) -> None:
    limits = np.array(numbers.shape)
    _refuse(np.any((rows < 0) | (rows >= limits), axis=1), what, lambda f: f"{rows[f]} is outside {limits - 1}")
    mine, alone = numbers[rows[:, 0], rows[:, 1]], owners[rows[:, 0], rows[:, 1]] == 1
    _refuse(~alone, what, lambda f: f"{rows[f]} is inside the body, not on its surface")
    _, first = np.unique(mine, return_index=True)
    again = np.ones(len(mine), bool)
    again[first] = False
    _refuse(again, what, lambda f: f"{rows[f]} is given twice")


def components(mesh: Mesh) -> tuple[int, np.ndarray]:
    """How many parts there are that share no node, and the part of every node, (n,)."""
    points, cells = host(mesh)
    heads = np.repeat(cells[:, :1], cells.shape[1] - 1, axis=1).reshape(-1)
    tails = cells[:, 1:].reshape(-1)
    graph = coo_matrix((np.ones(len(heads), bool), (heads, tails)), shape=(len(points),) * 2)
    return connected_components(graph, directed=False)


def edge_lengths(mesh: Mesh) -> np.ndarray:
    """Distances between the ends of every cell's edges, (m, e)."""
    points, cells = host(mesh)
    ends = local_edges(mesh.kind)
    return np.linalg.norm(points[cells[:, ends[:, 1]]] - points[cells[:, ends[:, 0]]], axis=2)


def coincident_nodes(mesh: Mesh) -> np.ndarray:
    """Pairs of nodes at one place, (c, 2): nearer than 1e-9 of the shortest edge.

    >>> import msjax as ms
    >>> coincident_nodes(ms.fe.interval(1.0, 3)).shape
    (0, 2)
    """
    points, _ = host(mesh)
    pairs = KDTree(points).query_pairs(CLOSE * edge_lengths(mesh).min(), output_type="ndarray")
    return pairs[np.lexsort(pairs.T[::-1])].reshape(-1, 2)


def _refuse(bad: np.ndarray, what: str, why) -> None:
    """``ValueError`` for the first that is bad, with how many more there are."""
    found = np.flatnonzero(bad)
    if found.size:
        more = f" (and {found.size - 1} more)" if found.size > 1 else ""
        raise ValueError(f"{what} {found[0]}{more}: {why(found[0])}")
