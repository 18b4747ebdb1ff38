"""From what a file holds to a mesh: one kind of cells, facets with names, regions."""

from typing import NamedTuple

import numpy as np

from msjax.fe.cells import cell_type
from msjax.fe.checks import check_mesh, check_names
from msjax.fe.facets import facet_owners, facet_vertices, match_facets
from msjax.fe.mesh import Mesh
from msjax.fe.node_orders import Convention, order_from


class Block(NamedTuple):
    """Cells of one kind that belong to the same named groups: ``kind`` as the file calls it, unless it is ours;
    ``nodes`` (m, k) index the points."""

    kind: str
    dim: int
    nodes: np.ndarray
    groups: tuple[str, ...]


def assemble(
    path: str, points: np.ndarray, blocks: list[Block], convention: Convention, dim: int | None, drop_unused: bool
) -> Mesh:
    """The mesh of the cells of the highest dimension; named groups one dimension below become boundaries.

    Raises ``ValueError``, with the file's name, as :func:`msjax.fe.read`.
    """
    try:
        return _assembled(np.asarray(points, float), [b for b in blocks if len(b.nodes)], convention, dim, drop_unused)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _assembled(
    points: np.ndarray, blocks: list[Block], convention: Convention, dim: int | None, drop_unused: bool
) -> Mesh:
    kind = _only_kind(blocks)
    cell = cell_type(kind)
    for block in blocks:
        outside = (block.nodes < 0) | (block.nodes >= len(points))
        if outside.any():
            raise ValueError(f"cells: node {block.nodes[outside][0]} is outside 0 to {len(points) - 1}")
    bodies = [block for block in blocks if block.dim == cell.dim]
    cells = np.concatenate([block.nodes for block in bodies])[:, order_from(kind, convention)]
    names, regions = _regions(bodies)
    kept = np.unique(cells) if drop_unused else np.arange(len(points))
    number = np.full(len(points), -1)
    number[kept] = np.arange(len(kept))
    points = _coordinates(points[kept], cell.dim, dim, kind)
    cells = number[cells]
    if cell.dim == 2 and points.shape[1] == 2:
        cells = _counter_clockwise(points, cells, kind)
    bare = Mesh(points, cells, kind, {}, regions, names)
    try:
        check_mesh(bare)
    except ValueError as error:
        raise ValueError(f"{error}{_hint(str(error))}") from None
    boundaries = _boundaries(bare, [block for block in blocks if block.dim == cell.dim - 1], number)
    mesh = Mesh(points, cells, kind, boundaries, regions, names)
    check_names(mesh, *facet_owners(mesh))
    return mesh


def _only_kind(blocks: list[Block]) -> str:
    if not any(block.dim for block in blocks):
        raise ValueError("cells: there are none")
    top = max(block.dim for block in blocks)
    found: dict[str, int] = {}
    for block in blocks:
        if block.dim == top:
            found[block.kind] = found.get(block.kind, 0) + len(block.nodes)
    listed = ", ".join(f"{count} {kind}" for kind, count in sorted(found.items()))
    if len(found) > 1:
        raise ValueError(f"cells: expected one kind of dimension {top}, found {listed}")
    (kind,) = found
    try:
        cell_type(kind)
    except ValueError as error:
        extra = "; save full elements instead of serendipity ones" if kind in ("quad8", "hex20") else ""
        raise ValueError(f"cells: {listed} cannot be used: {error}{extra}") from None
    return kind


def _regions(bodies: list[Block]) -> tuple[tuple[str, ...], np.ndarray]:
    numbers, names = [], []
    named = any(block.groups for block in bodies)
    for block in bodies:
        if len(block.groups) > 1:
            raise ValueError(f"regions: {len(block.nodes)} cells are in several: {', '.join(map(repr, block.groups))}")
        name = block.groups[0] if block.groups else "rest" if named else "all"
        if name not in names:
            names.append(name)
        numbers.append(np.full(len(block.nodes), names.index(name)))
    return tuple(names), np.concatenate(numbers)


def _coordinates(points: np.ndarray, cell_dim: int, wanted: int | None, kind: str) -> np.ndarray:
    """The first coordinates, as many as cells have dimensions (or as many as wanted); the others have to be zero."""
    keep = cell_dim if wanted is None else wanted
    if keep not in range(cell_dim, points.shape[1] + 1):
        raise ValueError(f"dim: expected {cell_dim} to {points.shape[1]}, got {wanted}")
    rest = points[:, keep:]
    if np.any(rest != 0.0):  # NaN too
        node = np.flatnonzero(np.any(rest != 0.0, axis=1))[0]
        axis = "xyz"[keep + np.flatnonzero(rest[node] != 0.0)[0]]
        raise ValueError(
            f"node {node}: {kind} cells are read in {keep}-D, but its {axis} is {rest[node][rest[node] != 0.0][0]:g}; "
            f"pass dim={points.shape[1]} for cells in space"
        )
    return points[:, :keep]


def _counter_clockwise(points: np.ndarray, cells: np.ndarray, kind: str) -> np.ndarray:
    """In the plane the sense in which a file lists a cell's nodes means nothing: clockwise cells are turned."""
    cell = cell_type(kind)
    corners = cell.vertices[[0, 1, 2]] if cell.simplex else cell.vertices[[0, 2, 3, 1]]
    x, y = np.moveaxis(points[cells[:, corners]], 2, 0)
    with np.errstate(invalid="ignore"):
        clockwise = np.sum(x * np.roll(y, -1, axis=1) - y * np.roll(x, -1, axis=1), axis=1) < 0.0
    mirrored = np.argmax(np.all(cell.nodal[:, None, ::-1] == cell.nodal, axis=2), axis=1)
    turned = cells.copy()
    turned[clockwise] = cells[clockwise][:, mirrored]
    return turned


def _boundaries(bare: Mesh, blocks: list[Block], number: np.ndarray) -> dict[str, np.ndarray]:
    found: dict[str, list[np.ndarray]] = {}
    vertices = facet_vertices(bare.kind).shape[1]
    for block in blocks:
        if not block.groups:
            continue
        corners = number[block.nodes[:, :vertices]]
        name = ", ".join(map(repr, block.groups))
        rows, owners = match_facets(bare, np.maximum(corners, 0))
        owners = np.where(np.any(corners < 0, axis=1), 0, owners)
        for count, what in ((0, "is no facet of a cell"), (2, "lies inside the body, between two cells")):
            bad = np.flatnonzero(owners == count)
            if bad.size:
                more = f" (and {bad.size - 1} more)" if bad.size > 1 else ""
                raise ValueError(f"boundary {name}: {block.kind} {bad[0]}{more} {what}, nodes {block.nodes[bad[0]]}")
        for group in block.groups:
            found.setdefault(group, []).append(rows)
    return {name: np.concatenate(rows) for name, rows in found.items()}


def _hint(text: str) -> str:
    return "; drop_unused=True leaves such nodes out" if "no cell has it" in text else ""
