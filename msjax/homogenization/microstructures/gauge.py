"""From particles to voxels: the gauge of a set of particles, and its level sets.

The gauge of a particle is 1 on its surface, below 1 inside and grows outward (for a sphere, distance over radius). The
smallest gauge over all particles and periodic images says for every voxel by how much the particles must be scaled to
reach it. So the image is ``gauge <= 1``, and the one scale that gives a wanted number of voxels is an order statistic.
"""

import itertools
from collections.abc import Callable

import numpy as np

from msjax.homogenization.microstructures.microstructure import checked_fraction

LARGEST_SCALE = 1.25
"""How far beyond the surface the gauge is known; scaling to an exact fraction may use it."""

Gauge = Callable[[int, list[np.ndarray]], np.ndarray]
"""``gauge(particle, offsets)``: offsets from its centre along each axis, to be broadcast."""


def gauge_image(
    shape: tuple[int, ...], lengths: tuple[float, ...], centres: np.ndarray, reach: np.ndarray, gauge: Gauge
) -> np.ndarray:
    """Smallest gauge over the particles and their periodic images; infinite where none comes near.

    ``reach`` (particles, d) is the half-extent of every particle along the axes of the cell.
    """
    image = np.full(shape, np.inf)
    spacing = np.asarray(lengths) / np.asarray(shape)
    for particle, (centre, extent) in enumerate(zip(centres, reach)):
        margin = LARGEST_SCALE * extent + spacing
        first = np.ceil((centre - margin) / spacing - 0.5).astype(int)
        last = np.floor((centre + margin) / spacing - 0.5).astype(int)
        # a window longer than the cell is cut into periods, so that no voxel occurs twice in one assignment
        blocks = [
            [np.arange(start, min(start + n, end + 1)) for start in range(begin, end + 1, n)]
            for begin, end, n in zip(first, last, shape)
        ]
        for block in itertools.product(*blocks):
            offsets = [(i + 0.5) * h - x for i, h, x in zip(block, spacing, centre)]
            window = np.ix_(*[i % n for i, n in zip(block, shape)])
            image[window] = np.minimum(image[window], gauge(particle, list(np.ix_(*offsets))))
    return image


def level_set(image: np.ndarray, fraction: float, exact: bool) -> tuple[np.ndarray, float]:
    """The voxels inside, and the scale of the particles that it takes.

    Without ``exact`` the scale is 1. With it, the scale is the one at which as many voxels are inside as come nearest
    to ``fraction`` (more only where several voxels have the same gauge).

    Raises:
        ValueError: the fraction cannot be reached by a scale below ``LARGEST_SCALE``.
    """
    if not exact:
        return image <= 1.0, 1.0
    wanted = wanted_voxels(fraction, image.size)
    around = np.partition(image.ravel(), [wanted - 1, wanted])[wanted - 1 : wanted + 1]
    if not around[0] <= LARGEST_SCALE:
        raise ValueError(
            f"fraction: {fraction} is out of reach of the particles by scaling them up to {LARGEST_SCALE}; "
            "ask for more or larger particles"
        )
    scale = float(np.mean(around)) if around[1] <= LARGEST_SCALE else float(around[0])
    return image <= scale, scale


def wanted_voxels(fraction: float, voxels: int) -> int:
    """The number of voxels nearest to a fraction of an image.

    Raises:
        ValueError: a fraction out of range, or none or all of the voxels.
    """
    wanted = round(checked_fraction(fraction) * voxels)
    if not 0 < wanted < voxels:
        raise ValueError(f"fraction: {fraction} of {voxels} voxels is none or all of them: refine the image")
    return wanted
