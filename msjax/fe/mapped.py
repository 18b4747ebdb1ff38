"""Mapped blocks: a regular grid through a smooth map, so that nodes of second degree lie on the curves too."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from msjax.fe.cells import cell_type
from msjax.fe.checks import check_mesh
from msjax.fe.grids import AXES, grid_shape, lattice, lattice_cells, lattice_sides
from msjax.fe.mesh import Mesh

Curve = Callable[[np.ndarray], np.ndarray]
"""From parameters in [0, 1], (n,), to positions, (n, d)."""

Map = Callable[[np.ndarray], np.ndarray]
"""From reference coordinates in [0, 1]^d, (n, d), to positions, (n, D)."""


def mapped(position: Map, shape: Any, kind: str = "quad4", sides: Sequence[str | None] | None = None) -> Mesh:
    """A grid of ``shape`` cells on [0, 1]^d, its nodes moved to ``position`` (n, d) → (n, D).

    ``sides`` names the sides of the grid in the order ξ₁ = 0, ξ₁ = 1, ξ₂ = 0, …; sides of one name become one boundary,
    those called None have no name; by default "x-", "x+", "y-", … The map must keep the orientation. ``grid`` is set
    unless the cells are simplices.

    Raises ``ValueError`` as :func:`~msjax.fe.box` and :func:`~msjax.fe.check_mesh`, for another number of names and for
    positions of another shape.

    >>> wave = mapped(lambda x: x + 0.1 * np.sin(np.pi * x[:, ::-1]), (4, 4), "quad9", ["left", "right", None, None])
    >>> sorted(wave.boundaries), wave.grid
    (['left', 'right'], (4, 4))
    """
    mesh = block(position, shape, kind, sides)
    check_mesh(mesh)
    return mesh


def block(position: Map, shape: Any, kind: str, sides: Sequence[str | None] | None = None) -> Mesh:
    """:func:`mapped`, unchecked: a piece of a larger mesh."""
    dim = cell_type(kind).dim
    counts = grid_shape(shape, kind, dim)
    names = [axis + side for axis in AXES[:dim] for side in "-+"] if sides is None else list(sides)
    if len(names) != 2 * dim:
        raise ValueError(f"sides: expected {2 * dim} names, got {len(names)}")
    reference = lattice(counts, kind)
    points = np.asarray(position(reference), float)
    if points.ndim != 2 or len(points) != len(reference) or points.shape[1] not in range(dim, 4):
        raise ValueError(f"position: expected {len(reference)} positions of dimension {dim} to 3, got {points.shape}")
    boundaries: dict[str, np.ndarray] = {}
    for name, rows in zip(names, lattice_sides(counts, kind).values(), strict=True):
        if name is not None:
            boundaries[name] = np.vstack([boundaries[name], rows]) if name in boundaries else rows
    cells = lattice_cells(counts, kind)
    return Mesh(points, cells, kind, boundaries, grid=None if cell_type(kind).simplex else counts)


def blend(first: Curve, second: Curve, grading: float = 1.0) -> Map:
    """The map whose ξ₁ runs along straight lines from one curve to the other and whose ξ₂ is the curves' parameter:
    (1 − s) first(ξ₂) + s second(ξ₂), s from :func:`graded`.

    >>> quarter = blend(arc(1.0), arc(2.0))
    >>> quarter(np.array([[0.0, 0.0], [0.5, 1.0]])).round(12).tolist()
    [[1.0, 0.0], [0.0, 1.5]]
    """

    def position(xi: np.ndarray) -> np.ndarray:
        s = graded(xi[:, :1], grading)
        return (1.0 - s) * first(xi[:, 1]) + s * second(xi[:, 1])

    return position


def graded(t: np.ndarray, ratio: float) -> np.ndarray:
    """A map of [0, 1] to itself under which cells grow exponentially, the last ``ratio`` times as large as the first.

    Raises ``ValueError`` for a ratio that is not positive and finite.
    """
    if not (np.isfinite(ratio) and ratio > 0):
        raise ValueError(f"grading: expected a positive number, got {ratio}")
    a = np.log(ratio)
    return t if abs(a) < 1e-12 else np.expm1(a * t) / np.expm1(a)


def arc(radii: Any, start: float = 0.0, stop: float = np.pi / 2.0, centre: Any = (0.0, 0.0)) -> Curve:
    """A circle's or an ellipse's arc (a cos θ, b sin θ) between two angles θ; ``radii`` is one number or (a, b)."""
    semi_axes = np.broadcast_to(np.asarray(radii, float), (2,))

    def position(t: np.ndarray) -> np.ndarray:
        angle = start + (stop - start) * t
        return np.asarray(centre) + semi_axes * np.stack([np.cos(angle), np.sin(angle)], axis=1)

    return position


def line(start: Any, stop: Any) -> Curve:
    """The straight line between two points."""
    a, b = np.asarray(start, float), np.asarray(stop, float)
    return lambda t: a + (b - a) * t[:, None]


def positive(name: str, value: Any, count: int | None = None) -> np.ndarray:
    """Positive, finite numbers as an array; ``count`` of them, or a single one."""
    numbers = np.asarray(value, float)
    wanted = () if count is None else (count,)
    if numbers.shape != wanted or not np.all(np.isfinite(numbers) & (numbers > 0)):
        raise ValueError(f"{name}: expected {count or 'a'} positive number{'s' * bool(count)}, got {value}")
    return numbers


def two_radii(name: str, radii: Any) -> np.ndarray:
    """The semi-axes of a circle, given by its radius, or of an ellipse."""
    return np.broadcast_to(positive(name, radii, 2 if np.ndim(radii) else None), (2,))
