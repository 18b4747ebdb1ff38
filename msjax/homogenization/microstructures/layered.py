"""Regular images: laminates, checkerboards, flat cracks."""

from collections.abc import Sequence

import numpy as np

from msjax.homogenization.microstructures.microstructure import (
    Microstructure,
    checked_count,
    checked_lengths,
    checked_positive,
    checked_shape,
    nearest_image,
    open_grid,
)


def laminate(
    shape: tuple[int, ...],
    fractions: Sequence[float],
    axis: int = 0,
    *,
    repeats: int = 1,
    lengths: tuple[float, ...] | None = None,
) -> Microstructure:
    """Flat layers of phases 0, 1, … in turn, normal to ``axis``.

    Args:
        shape: numbers of voxels.
        fractions: of every phase; they are rounded to whole planes of voxels, see ``fraction`` and ``error``.
        axis: the layers' normal.
        repeats: how often the sequence of layers fits into the cell.
        lengths: edges of the cell.

    Raises:
        ValueError: fractions that do not sum to 1, a phase without a plane, or repeats that do not divide the planes.

    >>> laminate((4, 2), [0.25, 0.75]).phases[:, 0].tolist()
    [0, 1, 1, 1]
    """
    shape = checked_shape(shape)
    axis, planes = _checked_axis(axis, shape), shape[axis]
    if not abs(sum(fractions) - 1) <= 1e-9:
        raise ValueError(f"fractions: expected numbers that sum to 1, got {fractions!r}")
    if planes % checked_count(repeats, "repeats"):
        raise ValueError(f"repeats: {repeats} does not divide the {planes} planes along axis {axis}")
    planes //= repeats
    ends = np.round(np.cumsum(fractions) * planes).astype(int)
    ends[-1] = planes
    thickness = np.diff(ends, prepend=0)
    for phase, (fraction, n) in enumerate(zip(fractions, thickness)):
        if not 0 < fraction <= 1 or n < 1:
            raise ValueError(
                f"fractions[{phase}]: expected at least one plane of voxels, {1 / planes:.4g}, got {fraction!r}"
            )
    line = np.tile(np.repeat(np.arange(len(thickness)), thickness), repeats)
    image = np.broadcast_to(np.expand_dims(line, tuple(k for k in range(len(shape)) if k != axis)), shape)
    return Microstructure.of(image, lengths, wanted=tuple(float(f) for f in fractions))


def checkerboard(
    shape: tuple[int, ...], tiles: int | tuple[int, ...] = 2, *, lengths: tuple[float, ...] | None = None
) -> Microstructure:
    """Phases 0 and 1 in turn on ``tiles`` tiles along each axis, phase 0 at the origin; both fractions are ½.

    Raises:
        ValueError: a number of tiles that is odd (the image would not be periodic) or does not divide the voxels.

    >>> checkerboard((4, 4)).phases.tolist()
    [[0, 0, 1, 1], [0, 0, 1, 1], [1, 1, 0, 0], [1, 1, 0, 0]]
    """
    shape = checked_shape(shape)
    along = (tiles,) * len(shape) if isinstance(tiles, int) else tuple(tiles)
    if len(along) != len(shape):
        raise ValueError(f"tiles: expected {len(shape)} numbers for the shape {shape}, got {tiles!r}")
    for axis, (count, n) in enumerate(zip(along, shape)):
        if count < 2 or count % 2 or n % count:
            raise ValueError(f"tiles[{axis}]: expected an even number that divides {n}, got {count}")
    indices = [i * count // n for i, count, n in zip(np.ix_(*map(np.arange, shape)), along, shape)]
    return Microstructure.of(np.sum(np.broadcast_arrays(*indices), axis=0) % 2, lengths, wanted=(0.5, 0.5))


def crack(
    shape: tuple[int, ...],
    radius: float,
    *,
    axis: int = 0,
    centre: tuple[float, ...] | None = None,
    lengths: tuple[float, ...] | None = None,
) -> Microstructure:
    """A flat crack one voxel thick, phase 1: a penny of ``radius`` in 3-D, a line of length ``2 * radius`` in 2-D.

    Args:
        shape: numbers of voxels.
        radius: of the penny; voxels whose centres lie within it belong to the crack.
        axis: the crack's normal.
        centre: of the crack, by default that of the cell; along ``axis`` the plane of voxels that holds it.
        lengths: edges of the cell.

    Raises:
        ValueError: a radius beyond half an edge of the crack's plane, or a crack between voxel centres, without any.

    >>> image = crack((8, 8), 0.25, axis=1)
    >>> image.phases[:, 4].tolist(), image.fraction[1]
    ([0, 0, 1, 1, 1, 1, 0, 0], 0.0625)
    """
    shape = checked_shape(shape)
    lengths = checked_lengths(shape, lengths)
    axis, radius = _checked_axis(axis, shape), checked_positive(radius, "radius")
    across = [k for k in range(len(shape)) if k != axis]
    if radius > min(lengths[k] for k in across) / 2:
        raise ValueError(f"radius: expected at most half an edge of {[lengths[k] for k in across]}, got {radius}")
    middle = tuple(length / 2 for length in lengths) if centre is None else tuple(centre)
    if len(middle) != len(shape):
        raise ValueError(f"centre: expected {len(shape)} coordinates, got {centre!r}")
    grid = open_grid(shape, lengths)
    squared = sum(nearest_image(grid[k] - middle[k], lengths[k : k + 1]) ** 2 for k in across)
    plane = int(np.floor(middle[axis] / lengths[axis] * shape[axis])) % shape[axis]
    inside = (squared <= radius**2) & (np.arange(shape[axis]) == plane).reshape(grid[axis].shape)
    if not inside.any():
        raise ValueError(f"radius: no voxel centre lies within {radius} of {middle}; refine the image")
    return Microstructure.of(inside, lengths, centres=np.array([middle]), radii=np.array([radius]))


def _checked_axis(axis: int, shape: tuple[int, ...]) -> int:
    if axis not in range(len(shape)):
        raise ValueError(f"axis: expected 0 to {len(shape) - 1}, got {axis!r}")
    return int(axis)
