"""Round bodies: annuli, discs, cylinders, spheres."""

from typing import Any

import numpy as np

from msjax.fe.cells import cell_type
from msjax.fe.checks import check_mesh
from msjax.fe.extrusion import extrude
from msjax.fe.facets import boundary_facets
from msjax.fe.grids import AXES, grid_shape
from msjax.fe.joining import joined
from msjax.fe.mapped import arc, blend, block, graded, mapped, positive, two_radii
from msjax.fe.mesh import Mesh
from msjax.fe.subdivision import quadratic


def annulus(
    inner: Any, outer: Any, shape: Any, angle: float = np.pi / 2.0, kind: str = "quad4", grading: float = 1.0
) -> Mesh:
    """The part 0 ≤ θ ≤ ``angle`` of the ring between two circles, or between two ellipses of semi-axes (a, b).

    ``shape`` counts cells along the radius and around; the outermost are ``grading`` times as long as the innermost.
    Boundaries: "inner", "outer", and unless the ring is closed (``angle`` = 2π) "start" at θ = 0 and "end". Boundaries
    of a quarter thus are symmetry planes: y = 0 is "start", x = 0 "end". A thick-walled cylinder is
    ``extrude(annulus(...), length, layers)``.

    Raises ``ValueError`` for radii that are not positive or not in order, an angle outside (0, 2π], and as
    :func:`~msjax.fe.mapped`.

    >>> ring = annulus(1.0, 2.0, (3, 16), angle=2 * np.pi)
    >>> ring.points.shape, sorted(ring.boundaries)
    ((64, 2), ['inner', 'outer'])
    """
    radii = [two_radii("inner", inner), two_radii("outer", outer)]
    if np.any(radii[0] >= radii[1]):
        raise ValueError(f"inner: expected less than the outer {outer}, got {inner}")
    if not 0 < angle <= 2.0 * np.pi * (1 + 1e-12):
        raise ValueError(f"angle: expected more than 0 and at most 2π, got {angle}")
    position = blend(arc(radii[0], 0.0, angle), arc(radii[1], 0.0, angle), grading)
    sides = ["inner", "outer", "start", "end"]
    if angle < 2.0 * np.pi * (1 - 1e-12):
        return mapped(position, shape, kind, sides)
    if grid_shape(shape, kind, 2)[1] < 3:
        raise ValueError(f"shape: a closed ring needs at least 3 cells around, got {shape}")
    mesh = joined([block(position, shape, kind, [*sides[:2], None, None])])
    check_mesh(mesh)
    return mesh


def disc(radius: Any, cells: Any, kind: str = "tri3") -> Mesh:
    """A disc of centre 0 with boundary "outer".

    "tri3" and "tri6": ``cells`` rings about the centre, six triangles in the innermost. "quad4" and "quad9": a square
    block of 2·``cells`` cells a side in the middle, and ``cells`` rings around it.

    Raises ``ValueError`` for a radius that is not positive, fewer cells than one, another kind.

    >>> disc(1.0, 3).cells.shape, disc(1.0, 2, "quad9").cells.shape
    ((54, 3), (48, 9))
    """
    size, (count,) = float(positive("radius", radius)), grid_shape(cells, "line2", 1, "cells")
    if cell_type(kind).dim != 2:
        raise ValueError(f"kind: expected one of dimension 2, got {kind}")
    mesh = _hexagon(size, count, kind) if cell_type(kind).simplex else _square_in_circle(size, count, kind)
    check_mesh(mesh)
    return mesh


def cylinder(radius: Any, height: Any, shape: Any, kind: str = "hex8") -> Mesh:
    """A solid cylinder about the z axis from z = 0 to ``height``; boundaries "outer", "z-", "z+".

    ``shape`` is the ``cells`` of :func:`disc` and the number of layers. "hex8" and "hex27" stand on quadrilaterals,
    "tet4" and "tet10" on triangles. Raises ``ValueError`` as :func:`disc` and :func:`~msjax.fe.extrude`.

    >>> cylinder(1.0, 3.0, (2, 4)).cells.shape
    (192, 8)
    """
    counts = grid_shape(shape, "quad4", 2)
    bases = {"hex8": "quad4", "hex27": "quad9", "tet4": "tri3", "tet10": "tri6"}
    if kind not in bases:
        raise ValueError(f"kind: expected one of {', '.join(bases)}, got {kind!r}")
    return extrude(disc(radius, counts[0], bases[kind]), height, counts[1])


def hollow_sphere(inner: Any, outer: Any, shape: Any, kind: str = "hex8", grading: float = 1.0) -> Mesh:
    """The octant x, y, z ≥ 0 of a hollow sphere; boundaries "inner", "outer" and the symmetry planes "x-", "y-", "z-".

    ``shape`` counts cells along the radius and along half an edge of the octant, which is three blocks that meet on the
    diagonal. Raises ``ValueError`` as :func:`annulus`.

    >>> hollow_sphere(1.0, 2.0, (2, 3)).cells.shape
    (54, 8)
    """
    a, b = float(positive("inner", inner)), float(positive("outer", outer))
    if a >= b:
        raise ValueError(f"inner: expected less than the outer {outer}, got {inner}")
    counts = grid_shape(shape, "quad4", 2)
    blocks = []
    for axis in range(3):
        order = [(axis + turn) % 3 for turn in range(3)]

        def position(xi: np.ndarray, order=order) -> np.ndarray:
            face = np.empty_like(xi)
            face[:, order] = np.column_stack([np.ones(len(xi)), xi[:, 1:]])
            ray = np.tan(np.pi / 4.0 * face)  # equal angles make cells alike
            ray /= np.linalg.norm(ray, axis=1, keepdims=True)
            return (a + (b - a) * graded(xi[:, :1], grading)) * ray

        blocks.append(block(position, (counts[0], counts[1], counts[1]), kind, ["inner", "outer", *_planes(order)]))
    mesh = joined(blocks)
    check_mesh(mesh)
    return mesh


def ball(radius: Any, cells: Any, kind: str = "hex8") -> Mesh:
    """The octant x, y, z ≥ 0 of a ball; boundaries "outer" and the symmetry planes "x-", "y-", "z-".

    A block of ``cells`` a side at the centre, and as many layers around it in three blocks that meet on the diagonal.
    Raises ``ValueError`` for a radius that is not positive, fewer cells than one, another kind.

    >>> ball(1.0, 2).cells.shape
    (32, 8)
    """
    size, (count,) = float(positive("radius", radius)), grid_shape(cells, "line2", 1, "cells")

    def core(x: np.ndarray) -> np.ndarray:
        squares = x**2
        return 0.5 * size * x * (1.0 - 0.1 * (squares.sum(axis=1, keepdims=True) - squares))

    blocks = [block(core, (count,) * 3, kind, ["x-", None, "y-", None, "z-", None])]
    for axis in range(3):
        order = [(axis + turn) % 3 for turn in range(3)]

        def position(xi: np.ndarray, order=order) -> np.ndarray:
            face = np.empty_like(xi)
            face[:, order] = np.column_stack([np.ones(len(xi)), xi[:, 1:]])
            ray = np.tan(np.pi / 4.0 * face)
            ray *= size / np.linalg.norm(ray, axis=1, keepdims=True)
            return (1.0 - xi[:, :1]) * core(face) + xi[:, :1] * ray

        blocks.append(block(position, (count,) * 3, kind, [None, "outer", *_planes(order)]))
    mesh = joined(blocks)
    check_mesh(mesh)
    return mesh


def _planes(order: list[int]) -> list[str | None]:
    """Names of the sides of a block that starts on the first axis and opens towards the other two."""
    return [f"{AXES[order[1]]}-", None, f"{AXES[order[2]]}-", None]


def _hexagon(radius: float, count: int, kind: str) -> Mesh:
    """Triangles of a regular hexagon, sent to the disc: a ring of the hexagon becomes a circle."""
    rings = [np.zeros((1, 2))]
    directions = np.array([[np.cos(t), np.sin(t)] for t in np.pi / 3.0 * np.arange(7)])
    for ring in range(1, count + 1):
        t = np.arange(ring)[:, None] / ring
        rings.append(np.concatenate([(a + t * (b - a)) * ring for a, b in zip(directions[:-1], directions[1:])]))
    starts = np.concatenate([[0], np.cumsum([len(r) for r in rings])])
    cells = []
    for ring in range(count):
        for sector in range(6):
            own = starts[ring] + (sector * ring + np.arange(ring + 1)) % max(6 * ring, 1)
            next_ = starts[ring + 1] + (sector * (ring + 1) + np.arange(ring + 2)) % (6 * (ring + 1))
            cells.append(np.stack([own, next_[:-1], next_[1:]], axis=1))
            cells.append(np.stack([own[:-1], next_[1:-1], own[1:]], axis=1))
    mesh = Mesh(np.concatenate(rings), np.concatenate(cells), "tri3")
    mesh = Mesh(mesh.points, mesh.cells, "tri3", {"outer": boundary_facets(mesh)})
    if kind == "tri6":
        mesh = quadratic(mesh)

    def to_disc(x: np.ndarray) -> np.ndarray:
        angle = np.arctan2(x[:, 1], x[:, 0]) % (2.0 * np.pi)
        sector = np.minimum(np.floor(angle / (np.pi / 3.0) + 1e-12), 5)
        frame = np.linalg.inv(np.stack([directions[:6], directions[1:]], axis=2))[sector.astype(int)]
        a, b = np.einsum("nij,nj->in", frame, x)
        ring = a + b
        turned = np.pi / 3.0 * (sector + b / np.maximum(ring, 1e-300))
        return radius / count * ring[:, None] * np.stack([np.cos(turned), np.sin(turned)], axis=1)

    return mesh.moved(to_disc)


def _square_in_circle(radius: float, count: int, kind: str) -> Mesh:
    """A slightly bulging square in the middle and four blocks around it."""
    half, bulge = 0.55 * radius, 0.15

    def core(xi: np.ndarray) -> np.ndarray:
        x = 2.0 * xi - 1.0
        return half * x * (1.0 - bulge * x[:, ::-1] ** 2)

    blocks = [block(core, (2 * count, 2 * count), kind, [None] * 4)]
    for quarter in range(4):
        turn = np.pi / 2.0 * quarter
        spin = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])

        def edge(t: np.ndarray, spin=spin) -> np.ndarray:
            return core(np.stack([np.ones_like(t), t], axis=1)) @ spin.T

        ring = blend(edge, arc(radius, turn - np.pi / 4.0, turn + np.pi / 4.0))
        blocks.append(block(ring, (count, 2 * count), kind, [None, "outer", None, None]))
    return joined(blocks)
