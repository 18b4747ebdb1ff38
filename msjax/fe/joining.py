"""Meshes put together, and meshes cut open."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.spatial import KDTree

from msjax.fe.checks import CLOSE, check_mesh, edge_lengths
from msjax.fe.facets import Chooser, cell_centres, facet_centres, facet_numbers, facet_owners, host
from msjax.fe.mesh import Mesh


def join(meshes: Sequence[Mesh], *, parts: int = 1) -> Mesh:
    """One mesh of several of one kind, nodes at one place (within 1e-9 of the shortest edge) made one.

    Boundaries and regions of one name become one; facets that two meshes now share are inside and lose their names.
    A single mesh is joined with itself: coincident nodes are made one.

    Raises ``ValueError`` for meshes of different kinds or dimensions and as :func:`~msjax.fe.check_mesh`, which is told
    how many ``parts`` to expect.

    >>> import msjax as ms
    >>> left = ms.fe.rectangle((1.0, 1.0), (2, 2))
    >>> both = join([left, left.moved(lambda x: x + [1.0, 0.0])])
    >>> both.points.shape, both.boundaries["x-"].shape
    ((15, 2), (2, 2))
    """
    mesh = joined(meshes)
    check_mesh(mesh, parts=parts)
    return mesh


def joined(meshes: Sequence[Mesh]) -> Mesh:
    """:func:`join`, unchecked."""
    if not meshes:
        raise ValueError("meshes: expected at least one")
    kind, dim = meshes[0].kind, meshes[0].dim
    for number, other in enumerate(meshes):
        if (other.kind, other.dim) != (kind, dim):
            raise ValueError(f"meshes: number {number} is {other.kind} in {other.dim}-D, the first {kind} in {dim}-D")
    points, cells = zip(*(host(mesh) for mesh in meshes), strict=True)
    nodes, counts = np.cumsum([0, *map(len, points)]), np.cumsum([0, *map(len, cells)])
    names = list(dict.fromkeys(name for mesh in meshes for name in mesh.region_names))
    regions = [
        np.array([names.index(name) for name in mesh.region_names], int)[np.asarray(mesh.regions)] for mesh in meshes
    ]
    boundaries: dict[str, list[np.ndarray]] = {}
    for mesh, start in zip(meshes, counts[:-1], strict=True):
        for name, rows in mesh.boundaries.items():
            boundaries.setdefault(name, []).append(np.asarray(rows) + np.array([start, 0]))
    every = np.concatenate(points)
    close = CLOSE * min(edge_lengths(mesh).min() for mesh in meshes)
    same = KDTree(every).query_pairs(close, output_type="ndarray")
    graph = coo_matrix((np.ones(len(same), bool), same.T), shape=(len(every),) * 2)
    _, labels = connected_components(graph, directed=False)
    _, first, number = np.unique(labels, return_index=True, return_inverse=True)
    order = np.argsort(first, kind="stable")  # nodes stay in the order in which they first appear
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    renumbered = np.concatenate([rank[number[c + start]] for c, start in zip(cells, nodes[:-1], strict=True)])
    mesh = Mesh(every[first[order]], renumbered, kind, {}, np.concatenate(regions), tuple(names))
    _, owners = facet_owners(mesh)
    outside = {}
    for name, rows in boundaries.items():
        facets = np.vstack(rows)
        facets = facets[owners[facets[:, 0], facets[:, 1]] == 1]
        if len(facets):
            outside[name] = facets
    return Mesh(mesh.points, mesh.cells, kind, outside, mesh.regions, tuple(names))


def slit(mesh: Mesh, where: Chooser, normal: Any, name: str = "crack") -> Mesh:
    """The mesh cut open along the inner facets whose centres (f, d) ``where`` chooses: their nodes are doubled, save
    those on the rim, where cells still hang together around the cut.

    The faces become boundaries ``name-`` and ``name+``, the latter on the side to which ``normal`` (d,) points. Nodes
    keep their numbers; the new ones follow.

    Raises ``ValueError`` where no facet is chosen, where the facets open nothing, for taken names, and for a normal of
    another shape.

    >>> import msjax as ms
    >>> mesh = ms.fe.rectangle((1.0, 1.0), (4, 4))
    >>> cracked = slit(mesh, lambda x: (x[:, 1] == 0.5) & (x[:, 0] < 0.5), (0.0, 1.0))
    >>> len(cracked.points) - len(mesh.points), cracked.boundaries["crack+"].shape
    (2, (2, 2))
    """
    points, cells = host(mesh)
    direction = np.asarray(normal, float)
    if direction.shape != (mesh.dim,) or not np.linalg.norm(direction) > 0:
        raise ValueError(f"normal: expected {mesh.dim} numbers, not all zero, got {normal}")
    names = (f"{name}-", f"{name}+")
    for taken in set(names) & set(mesh.boundaries):
        raise ValueError(f"name: the mesh has a boundary {taken!r} already")
    count, numbers = facet_numbers(mesh)
    pairs = _neighbours(count, numbers)  # (p, 2, 2): two cells and their facets
    mask = np.asarray(where(facet_centres(mesh, pairs[:, 0])))
    if mask.shape != (len(pairs),) or mask.dtype != bool:
        raise ValueError(f"where: expected {len(pairs)} booleans, got {mask.dtype} of shape {mask.shape}")
    if not mask.any():
        raise ValueError(f"where: none of the {len(pairs)} inner facets is chosen")

    # around every node, cells hang together through the facets that are not cut: a node for each such group
    local = mesh.cell.facet_nodes
    width = cells.shape[1]
    ends = []
    for cell, facet in (pairs[~mask, side].T for side in (0, 1)):
        mine = np.take_along_axis(cells[cell], local[facet], axis=1)
        order = np.argsort(mine, axis=1)
        ends.append((cell[:, None] * width + np.take_along_axis(local[facet], order, axis=1)).reshape(-1))
    graph = coo_matrix((np.ones(len(ends[0]), bool), ends), shape=(cells.size,) * 2)
    _, group = connected_components(graph, directed=False)
    _, first, number = np.unique(group, return_index=True, return_inverse=True)
    touched = np.zeros(len(points), bool)
    cell, facet = pairs[mask, 0].T
    touched[np.take_along_axis(cells[cell], local[facet], axis=1)] = True
    node = cells.reshape(-1)[first]  # the old number of every group
    new = node.copy()
    for_first = np.unique(node, return_index=True)[1]  # the group that keeps the number
    extra = np.setdiff1d(np.flatnonzero(touched[node]), for_first)
    if not extra.size:
        raise ValueError(f"where: the {mask.sum()} chosen facets open nothing; a cut needs an edge to end at")
    new[extra] = len(points) + np.arange(extra.size)

    faces = pairs[mask]
    inward = cell_centres(mesh)[faces[:, :, 0]] - facet_centres(mesh, faces[:, 0])[:, None]
    above = np.argmax(inward @ direction, axis=1)
    boundaries: dict[str, Any] = dict(mesh.boundaries)
    for title, side in zip(names, (1 - above, above), strict=True):
        boundaries[title] = np.take_along_axis(faces, side[:, None, None], axis=1)[:, 0]
    return Mesh(
        np.concatenate([points, points[node[extra]]]),
        new[number].reshape(cells.shape),
        mesh.kind,
        boundaries,
        mesh.regions,
        mesh.region_names,
    )


def _neighbours(count: int, numbers: np.ndarray) -> np.ndarray:
    """Rows (cell, facet) of the two cells of every inner facet, (p, 2, 2)."""
    order = np.argsort(numbers.reshape(-1), kind="stable")
    ordered = numbers.reshape(-1)[order]
    twin = np.flatnonzero(ordered[1:] == ordered[:-1])
    places = np.stack([order[twin], order[twin + 1]], axis=1)
    return np.stack(np.divmod(places, numbers.shape[1]), axis=2)
