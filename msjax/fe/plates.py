"""Plates with holes, notches and cracks, and the elliptic plates of NAFEMS."""

from typing import Any

import numpy as np

from msjax.fe.cells import cell_type
from msjax.fe.checks import check_mesh
from msjax.fe.extrusion import extrude
from msjax.fe.grids import grid_shape, rectangle
from msjax.fe.joining import joined, slit
from msjax.fe.mapped import arc, blend, block, line, positive, two_radii
from msjax.fe.mesh import Mesh
from msjax.fe.rings import annulus


def holed_plate(
    size: Any, hole: Any, shape: Any, kind: str = "quad4", *, quarter: bool = True, grading: float = 4.0
) -> Mesh:
    """A rectangular plate with a circular or elliptic hole of semi-axes ``hole`` (one radius, or (a, b)).

    With ``quarter`` the part [0, size₁] × [0, size₂] of a plate whose hole is centred at 0; without, the whole plate
    [−size₁/2, size₁/2] × [−size₂/2, size₂/2]. Boundaries: "hole", "x-", "x+", "y-", "y+"; in the quarter, "x-" and "y-"
    are symmetry planes. ``shape`` counts cells from the hole to the edge and on each of the blocks around it, two in
    the quarter, four in the whole; the outermost cells are ``grading`` times as long as the innermost.

    Raises ``ValueError`` for a hole that does not fit and as :func:`~msjax.fe.mapped`.

    >>> holed_plate((4.0, 4.0), 1.0, (6, 4)).cells.shape
    (48, 4)
    """
    lengths, semi_axes = positive("size", size, 2), two_radii("hole", hole)
    room = lengths if quarter else lengths / 2.0
    if np.any(semi_axes >= room):
        raise ValueError(f"hole: expected semi-axes below {tuple(room.tolist())}, got {hole}")
    w, h = room
    if quarter:
        edges = [(0.0, 45.0, (w, 0.0), (w, h), "x+"), (45.0, 90.0, (w, h), (0.0, h), "y+")]
        ends = ("y-", "x-")
    else:
        corners = [(w, -h), (w, h), (-w, h), (-w, -h)]
        names = ["x+", "y+", "x-", "y-"]
        edges = [
            (90.0 * n - 45.0, 90.0 * n + 45.0, corners[n], corners[(n + 1) % 4], names[n]) for n in range(4)
        ]  # fmt: skip
        ends = (None, None)
    return _around(semi_axes, edges, ends, "hole", shape, kind, grading)


def notched_plate(size: Any, notch: Any, shape: Any, kind: str = "quad4", *, grading: float = 4.0) -> Mesh:
    """The plate [0, size₁] × [−size₂/2, size₂/2] with a notch in the middle of its edge x = 0: half a circle or half an
    ellipse of ``notch`` = (depth, half width), whose root radius is (half width)²/depth.

    Boundaries: "notch", "x-" (the edge above and below it), "x+", "y-", "y+". ``shape`` counts cells from the notch to
    the edges and on each half side of the plate, of which four surround the notch.

    Raises ``ValueError`` as :func:`holed_plate`.

    >>> sorted(notched_plate((2.0, 4.0), (0.5, 0.2), (4, 3)).boundaries)
    ['notch', 'x+', 'x-', 'y+', 'y-']
    """
    lengths, semi_axes = positive("size", size, 2), two_radii("notch", notch)
    room = lengths * np.array([1.0, 0.5])
    if np.any(semi_axes >= room):
        raise ValueError(f"notch: expected semi-axes below {tuple(room.tolist())}, got {notch}")
    w, h = room
    turns = [
        (-90.0, -45.0, (0.0, -h), (w, -h), "y-"),
        (-45.0, 0.0, (w, -h), (w, 0.0), "x+"),
        (0.0, 45.0, (w, 0.0), (w, h), "x+"),
        (45.0, 90.0, (w, h), (0.0, h), "y+"),
    ]
    return _around(semi_axes, turns, ("x-", "x-"), "notch", shape, kind, grading)


def cracked_plate(size: Any, length: Any, shape: Any, kind: str = "quad4") -> Mesh:
    """The plate [0, size₁] × [−size₂/2, size₂/2] with an edge crack from (0, 0) to (``length``, 0): a slit whose nodes
    are doubled, save the tip's.

    ``shape`` counts cells along both axes, an even number along the second; cells ahead of the tip and behind it are
    stretched a little so that the tip is a vertex. Boundaries: "crack-" (the lower face), "crack+", "x-", "x+", "y-",
    "y+".

    Raises ``ValueError`` for a crack that is not shorter than the plate, an odd number of cells, too few of them, and
    as :func:`~msjax.fe.rectangle`.

    >>> plate = cracked_plate((1.0, 2.0), 0.5, (4, 8))
    >>> plate.boundaries["crack+"].shape, plate.points.shape
    ((2, 2), (47, 2))
    """
    lengths, crack = positive("size", size, 2), float(positive("length", length))
    counts = grid_shape(shape, kind, 2)
    if crack >= lengths[0]:
        raise ValueError(f"length: expected less than the plate's {lengths[0]}, got {length}")
    if counts[1] % 2 or counts[0] < 2:
        raise ValueError(f"shape: expected at least 2 cells along the crack and an even number across, got {shape}")
    along = min(max(round(counts[0] * crack / lengths[0]), 1), counts[0] - 1)

    def stretch(x: np.ndarray) -> np.ndarray:
        behind, s = along / counts[0], x[:, 0] / lengths[0]
        moved = np.where(s <= behind, s / behind * crack, crack + (s - behind) / (1.0 - behind) * (lengths[0] - crack))
        return np.stack([moved, x[:, 1] - lengths[1] / 2.0], axis=1)

    plate = rectangle(lengths, counts, kind).moved(stretch)
    close = 1e-9 * lengths.min()
    mesh = slit(plate, lambda x: (np.abs(x[:, 1]) < close) & (x[:, 0] < crack), (0.0, 1.0))
    check_mesh(mesh)
    return mesh


def nafems_le1(shape: Any, kind: str = "quad4") -> Mesh:
    """The elliptic membrane of benchmark LE1: the quarter between the ellipses of semi-axes (2, 1) and (3.25, 2.75), in
    metres, 0.1 thick. ``shape`` counts cells from the inner to the outer ellipse and around.

    Boundaries: "inner", "outer" (10 MPa outward), "y-" (from D = (2, 0) to C: v = 0) and "x-" (from A to B: u = 0).
    With E = 210 GPa and ν = 0.3 in plane stress, σ_yy at D is 92.7 MPa (NAFEMS, The Standard NAFEMS Benchmarks, 1990).

    >>> nafems_le1((2, 3), "quad9").grid
    (2, 3)
    """
    mesh = annulus((2.0, 1.0), (3.25, 2.75), shape, kind=kind)
    names = {"start": "y-", "end": "x-"}
    boundaries = {names.get(name, name): rows for name, rows in mesh.boundaries.items()}
    return Mesh(mesh.points, mesh.cells, kind, boundaries, grid=mesh.grid)


def nafems_le10(shape: Any, kind: str = "hex8") -> Mesh:
    """The thick plate of benchmark LE10: the membrane of :func:`nafems_le1`, 0.6 m thick, z from 0 to 0.6.

    ``shape`` counts cells from the inner to the outer ellipse, around, and across the thickness; an even number there
    (or degree 2) puts nodes on the middle of the outer face. Boundaries as there, "z-" and "z+" (1 MPa downward).
    Supports: v = 0 on "y-", u = 0 on "x-", u = v = 0 on "outer", w = 0 on the line z = 0.3 of "outer". With
    E = 210 GPa and ν = 0.3, σ_yy at D = (2, 0, 0.6) is −5.38 MPa (same source).

    >>> nafems_le10((2, 3, 2)).grid
    (2, 3, 2)
    """
    counts = grid_shape(shape, kind, 3)
    flat = {"hex8": "quad4", "hex27": "quad9", "tet4": "tri3", "tet10": "tri6"}[kind]
    return extrude(nafems_le1(counts[:2], flat), 0.6, counts[2])


def _around(
    semi_axes: np.ndarray,
    edges: list[tuple[float, float, Any, Any, str]],
    ends: tuple[str | None, str | None],
    inner: str,
    shape: Any,
    kind: str,
    grading: float,
) -> Mesh:
    """Blocks from an ellipse to straight edges: (angles in degrees, the edge's ends, its name), one after the other."""
    if cell_type(kind).dim != 2:
        raise ValueError(f"kind: expected one of dimension 2, got {kind}")
    blocks = []
    for number, (start, stop, a, b, name) in enumerate(edges):
        position = blend(arc(semi_axes, np.radians(start), np.radians(stop)), line(a, b), grading)
        first, last = ends[0] if number == 0 else None, ends[1] if number == len(edges) - 1 else None
        blocks.append(block(position, shape, kind, [inner, name, first, last]))
    mesh = joined(blocks)
    check_mesh(mesh)
    return mesh
