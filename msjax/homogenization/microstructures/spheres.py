"""Spheres and discs: matrix 0, spheres 1."""

import math

import numpy as np

from msjax.homogenization.microstructures.gauge import gauge_image, level_set
from msjax.homogenization.microstructures.microstructure import (
    Microstructure,
    checked_count,
    checked_fraction,
    checked_lengths,
    checked_not_negative,
    checked_positive,
    checked_shape,
    generator,
)
from msjax.homogenization.microstructures.packing import pack


def spheres(
    shape: tuple[int, ...],
    fraction: float,
    *,
    radius: float | None = None,
    count: int | None = None,
    gap: float = 0.0,
    polydispersity: float = 0.0,
    overlapping: bool = False,
    exact: bool = False,
    seed: int = 0,
    member: int = 0,
    lengths: tuple[float, ...] | None = None,
) -> Microstructure:
    """Random spheres (3-D) or discs (2-D), phase 1, in a matrix, phase 0.

    Random sequential addition up to its jamming limit (about 0.38 in 3-D, 0.547 in 2-D for equal spheres), beyond it
    relaxation of overlaps up to about 0.6 (3-D) and 0.8 (2-D); relaxed spheres overlap by at most 1e-3 of a radius.
    Dense packings of equal discs are partly crystalline.

    Args:
        shape: numbers of voxels; two for discs, three for spheres.
        fraction: wanted volume fraction of the spheres.
        radius: mean radius; their number is the nearest that gives ``fraction``. Give this or ``count``.
        count: number of spheres; their radii then fill ``fraction`` exactly, before voxels.
        gap: least distance between surfaces.
        polydispersity: coefficient of variation of the radii, which are log-normal.
        overlapping: independent spheres (a Boolean model), their number or size raised for the same ``fraction``.
        exact: scale all radii by one factor so that the voxels' fraction is within one voxel of ``fraction``; in a
            symmetric arrangement several voxels change at a time. Spheres in contact overlap if the factor exceeds 1.
        seed: of the random stream; the same seed and member give the same image in every process.
        member: the member of an ensemble.
        lengths: edges of the cell; without it voxels are cubes and the first edge is 1.

    Returns:
        The image with ``centres`` and ``radii``, largest first and as painted (scaled, if ``exact``); ``fraction`` is
        measured, ``wanted`` as asked for.

    Raises:
        ValueError: a number out of its range, both or none of radius and count, no sphere at all, or no packing found.

    >>> image = spheres((32, 32, 32), 0.25, count=8, exact=True, seed=3)
    >>> image.centres.shape, image.fraction
    ((8, 3), (0.75, 0.25))
    """
    shape = checked_shape(shape)
    lengths = checked_lengths(shape, lengths)
    fraction, gap = checked_fraction(fraction), checked_not_negative(gap, "gap")
    rng = generator(seed, member)
    # of independent spheres a point stays free with probability exp(-their total volume)
    filled = (-math.log1p(-fraction) if overlapping else fraction) * math.prod(lengths)
    radii = _draw_radii(filled, len(shape), radius, count, checked_not_negative(polydispersity, "polydispersity"), rng)
    if overlapping:
        if gap:
            raise ValueError(f"gap: overlapping spheres have none, got {gap}")
        centres = rng.random((len(radii), len(shape))) * lengths
    else:
        centres = pack(radii + gap / 2, lengths, rng)

    def gauge(sphere, offsets):
        return np.sqrt(sum(x**2 for x in offsets)) / radii[sphere]

    reach = np.repeat(radii[:, None], len(shape), axis=1)
    inside, scale = level_set(gauge_image(shape, lengths, centres, reach, gauge), fraction, exact)
    return Microstructure.of(
        inside, lengths, number=2, wanted=(1 - fraction, fraction), centres=centres, radii=radii * scale
    )


def voids(
    shape: tuple[int, ...],
    fraction: float,
    *,
    radius: float | None = None,
    count: int | None = None,
    gap: float = 0.0,
    polydispersity: float = 0.0,
    overlapping: bool = False,
    exact: bool = False,
    seed: int = 0,
    member: int = 0,
    lengths: tuple[float, ...] | None = None,
) -> Microstructure:
    """Spherical pores: :func:`spheres` under the name of their use; phase 0 is the solid, phase 1 the pore.

    >>> voids((64, 64), 0.2, count=12, seed=1).phases.max()
    np.int32(1)
    """
    return spheres(
        shape,
        fraction,
        radius=radius,
        count=count,
        gap=gap,
        polydispersity=polydispersity,
        overlapping=overlapping,
        exact=exact,
        seed=seed,
        member=member,
        lengths=lengths,
    )


def ball_volume(radius: float | np.ndarray, dimension: int) -> float | np.ndarray:
    """Area of a disc or volume of a sphere."""
    return np.pi * radius**2 if dimension == 2 else 4 / 3 * np.pi * radius**3


def _draw_radii(
    filled: float, dimension: int, radius: float | None, count: int | None, spread: float, rng: np.random.Generator
) -> np.ndarray:
    """Radii in descending order: of mean ``radius``, or ``count`` of them with the total volume ``filled``."""
    if (radius is None) == (count is None):
        raise ValueError("radius, count: give exactly one of them")
    if radius is not None:
        # E[r^d] of a log-normal radius with this mean
        moment = (1 + spread**2) ** (dimension * (dimension - 1) / 2)
        mean_volume = ball_volume(checked_positive(radius, "radius"), dimension) * moment
        count = round(filled / float(mean_volume))
        if count < 1:
            raise ValueError(f"radius: one sphere of radius {radius} is more than twice the wanted fraction")
    width = math.sqrt(math.log1p(spread**2))
    relative = np.exp(width * rng.standard_normal(checked_count(count or 0)) - width**2 / 2)
    relative = np.sort(relative)[::-1]
    if radius is not None:
        return radius * relative
    return relative * (filled / np.sum(ball_volume(relative, dimension))) ** (1 / dimension)
