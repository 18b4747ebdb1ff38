"""Meshes of second degree, and uniform refinement."""

import itertools
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np

from msjax.fe.cells import cell_type
from msjax.fe.checks import check_jacobians
from msjax.fe.facets import host, marks
from msjax.fe.grids import lattice_numbers
from msjax.fe.mesh import Mesh

Projection = Callable[[np.ndarray], Any]
"""From positions (n, d) to the nearest positions on a curve or surface, (n, d)."""

QUADRATIC = {"line2": "line3", "tri3": "tri6", "quad4": "quad9", "tet4": "tet10", "hex8": "hex27"}
"""The kind of degree 2 for every kind of degree 1."""

LINEAR = {second: first for first, second in QUADRATIC.items()} | {first: first for first in QUADRATIC}
"""The kind of degree 1 with the same vertices."""


def quadratic(mesh: Mesh, onto: Mapping[str, Projection] | None = None) -> Mesh:
    """The mesh with elements of degree 2: line2 → line3, tri3 → tri6, quad4 → quad9, tet4 → tet10, hex8 → hex27.

    Old nodes keep their numbers (save on a ``grid``, which stays lexicographic). New ones lie at the middles; nodes on
    a boundary named in ``onto`` lie where its projection puts them. Boundaries and regions are kept.

    Raises ``ValueError`` for a mesh of degree 2, an unknown boundary and cells that a projection turns inside out.

    >>> import msjax as ms
    >>> mesh = quadratic(ms.fe.rectangle((2.0, 1.0), (2, 1)))
    >>> mesh.kind, mesh.points.shape, mesh.grid
    ('quad9', (15, 2), (2, 1))
    """
    if mesh.kind not in QUADRATIC:
        raise ValueError(f"mesh: {mesh.kind} has degree 2 already")
    target = cell_type(QUADRATIC[mesh.kind])
    places = np.rint(2.0 * target.nodal).astype(np.int64)
    return _divided(mesh, target.kind, places, 2, np.arange(target.nodes)[None, None], onto)


def refine(mesh: Mesh, onto: Mapping[str, Projection] | None = None) -> Mesh:
    """The mesh with every cell cut into 2^d at the middles of its edges.

    New nodes lie where the cells' own maps put them, so that curved sides of degree 2 keep their shape; nodes on a
    boundary named in ``onto`` lie where its projection puts them. The octahedron left inside a tetrahedron is cut along
    its shortest diagonal (for the cut: J. Bey, Computing 55 (1995) 355, doi:10.1007/BF02238487). Boundaries, regions
    and ``grid`` are kept; the parts of a cell follow each other (save on a grid, which stays lexicographic).

    Raises ``ValueError`` as :func:`quadratic`.

    >>> import msjax as ms
    >>> refine(ms.fe.rectangle((2.0, 1.0), (2, 1))).grid
    (4, 2)
    >>> refine(ms.fe.box((1.0, 1.0, 1.0), (1, 1, 1), kind="tet4")).cells.shape
    (48, 4)
    """
    places, children = _halves(mesh.kind)
    return _divided(mesh, mesh.kind, places, 2 * mesh.cell.degree, children, onto)


def _divided(
    mesh: Mesh, kind: str, places: np.ndarray, fine: int, children: np.ndarray, onto: Mapping[str, Projection] | None
) -> Mesh:
    """Cells of ``kind`` on new nodes: ``places`` (r, d) are the nodes' reference coordinates in 1/``fine``,
    ``children`` (v, c, k) the places of every child's nodes in v variants, of which every cell takes the one with the
    shortest first edge."""
    points, cells = host(mesh)
    # values of shape functions at these places are multiples of 1/8 in every coordinate, of 1/8 in all on simplices
    scale = 8**mesh.cell.dim
    whole = np.rint(scale * mesh.cell.values(places / fine)).astype(np.int64)
    where = np.einsum("ra,mad->mrd", whole / scale, points[cells], optimize=True)
    if mesh.grid is None:
        numbers = _numbered(cells, whole, len(points))
    else:
        numbers = lattice_numbers(mesh.grid, places, fine)
    moved = np.empty((numbers.max() + 1, mesh.dim))
    moved[numbers] = where
    first = where[:, children[:, 0, 1]] - where[:, children[:, 0, 0]]
    lengths = np.linalg.norm(first, axis=2)
    shortest = (1.0 + 1e-9) * lengths.min(axis=1, keepdims=True)  # round-off decides no tie
    variant = np.argmax(lengths <= shortest, axis=1)
    split = np.take_along_axis(numbers, children[variant].reshape(len(cells), -1), axis=1)
    divided = split.reshape(-1, children.shape[2])
    order, grid = np.arange(len(divided)), None
    if mesh.grid is not None:
        grid = tuple(n * fine // cell_type(kind).degree for n in mesh.grid)
        order = np.argsort(divided[:, 0])  # a cell is in lexicographic order where its first node is
    position = np.empty(len(order), np.int64)
    position[order] = np.arange(len(order))
    boundaries = {}
    for name, rows in mesh.boundaries.items():
        cell, facet = np.asarray(rows).T
        table = _heirs(mesh.kind, kind, places, children)[variant[cell], facet]  # (f, h, 2)
        child = position[cell[:, None] * children.shape[1] + table[..., 0]]
        boundaries[name] = np.stack([child, table[..., 1]], axis=2).reshape(-1, 2)
    regions = np.repeat(np.asarray(mesh.regions), children.shape[1])[order]
    result = Mesh(moved, divided[order], kind, boundaries, regions, mesh.region_names, grid)
    return _projected(result, onto) if onto else result


def _numbered(cells: np.ndarray, whole: np.ndarray, count: int) -> np.ndarray:
    """Node numbers (m, r) of places with these (whole) weights on the cells' nodes: a place that is an old node keeps
    its number; others are the same where they are the same combination of nodes."""
    single = np.sum(whole != 0, axis=1) == 1
    numbers = np.empty((len(cells), len(whole)), np.int64)
    numbers[:, single] = cells[:, np.argmax(whole[single], axis=1)]
    new = whole[~single]
    new = (new // np.gcd.reduce(new, axis=1, keepdims=True)).astype(np.uint64)  # modulo 2⁶⁴, common factors lose bits
    keys = np.zeros((len(cells), len(new)), np.uint64)
    for node, weights in enumerate(new.T):
        keys += marks(count)[cells[:, node]][:, None] * weights
    _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    numbers[:, ~single] = count + rank[inverse].reshape(keys.shape)
    return numbers


def _heirs(kind: str, child_kind: str, places: np.ndarray, children: np.ndarray) -> np.ndarray:
    """The children's facets that lie on each facet of a cell, (v, f, h, 2) rows (child, local facet)."""
    linear, child = cell_type(LINEAR[kind]), cell_type(child_kind)
    shares = linear.values(places / places.max())
    table = []
    for variant in children:
        rows = []
        for nodes in linear.facet_nodes:
            on = np.isclose(shares[:, nodes].sum(axis=1), 1.0)
            inside = on[variant[:, child.facet_nodes]].all(axis=2)  # (c, g)
            rows.append(np.argwhere(inside))
        table.append(rows)
    return np.array(table)


def _projected(mesh: Mesh, onto: Mapping[str, Projection]) -> Mesh:
    points = np.array(mesh.points)
    for name, projection in onto.items():
        nodes = mesh.nodes_of(name)
        points[nodes] = projection(points[nodes])
    result = mesh.moved(lambda _: points)
    check_jacobians(result)
    return result


@cache
def _halves(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Places (r, d) in 1/(2·degree) and the children (v, c, k) of a cell cut at the middles of its edges."""
    cell = cell_type(kind)
    fine = 2 * cell.degree
    every = np.array(list(itertools.product(range(fine + 1), repeat=cell.dim)))
    if not cell.simplex:
        corners = np.array(list(itertools.product((0, 1), repeat=cell.dim)))
        nodes = cell.degree * corners[:, None] + np.rint(cell.degree * cell.nodal).astype(int)
        return every, _indices(every, nodes)[None]
    places = every[every.sum(axis=1) <= fine]
    vertices = np.vstack([np.zeros(cell.dim, int), 2 * np.eye(cell.dim, dtype=int)])
    middle = {(a, b): (vertices[a] + vertices[b]) // 2 for a, b in itertools.combinations(range(cell.dim + 1), 2)}
    middle |= {(b, a): m for (a, b), m in middle.items()} | {(a, a): v for a, v in enumerate(vertices)}
    corners = [[middle[a, b] for b in range(cell.dim + 1)] for a in range(cell.dim + 1)]
    if cell.dim == 2:
        variants = [[*corners, [middle[0, 1], middle[1, 2], middle[2, 0]]]]
    else:
        variants = []
        for (a, b), (c, d) in (((0, 1), (2, 3)), ((0, 2), (1, 3)), ((0, 3), (1, 2))):
            ring = [middle[a, c], middle[b, c], middle[b, d], middle[a, d]]
            around = [[middle[a, b], middle[c, d], ring[i], ring[(i + 1) % 4]] for i in range(4)]
            variants.append([*around, *corners])  # the diagonal is the first edge of the first child
    shares = np.hstack([1.0 - cell.nodal.sum(axis=1, keepdims=True), cell.nodal])
    table = []
    for variant in variants:
        simplices = np.array(variant)
        mirrored = np.linalg.det(simplices[:, 1:] - simplices[:, :1]) < 0
        simplices[mirrored, -2:] = simplices[mirrored, -2:][:, ::-1]
        table.append(_indices(places, np.rint(shares @ simplices * cell.degree).astype(int)))
    return places, np.array(table)


def _indices(places: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """Where nodes (…, d) are in the list of places."""
    return np.argmax(np.all(nodes[..., None, :] == places, axis=-1), axis=-1)
