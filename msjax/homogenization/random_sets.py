"""Random media whose integral range is known: mosaics of independent cells, overlapping balls."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from msjax.homogenization.sampling import check_positive, positive_numbers


def two_phase_point_variance(fraction: float, first: float, second: float) -> float:
    """Point variance D² = φ(1 − φ)(first − second)² of a property of two phases; 1 and 0 give the volume fraction's.

    >>> two_phase_point_variance(0.5, 3.0, 1.0)
    1.0

    Raises:
        ValueError: the volume fraction is not between 0 and 1.
    """
    if not 0.0 <= fraction <= 1.0:
        raise ValueError(f"fraction: {fraction}, expected between 0 and 1")
    return fraction * (1.0 - fraction) * (first - second) ** 2


def mosaic_integral_range(cell_volumes: ArrayLike | Sequence[float]) -> float:
    """Integral range of a mosaic with one independent value in each cell: A = E[v²]/E[v], v where all cells are alike.

    1.280 mean cells for the Poisson–Voronoi mosaic of the plane, 1.179 in space (doi:10.1214/aoms/1177704464).

    >>> mosaic_integral_range([2.0, 2.0, 2.0])
    2.0

    Raises:
        ValueError: naming the cell, a volume is not positive.
    """
    cells = positive_numbers("cell_volumes", cell_volumes)
    return float(np.mean(cells**2) / np.mean(cells))


def boolean_integral_range(radius: float, fraction: float, dim: int = 3) -> float:
    """Integral range of the volume fraction of overlapping random balls (a Boolean model).

    A = (1 − φ)/φ ∫ (exp(θ K(h)) − 1) dh, with K the volume common to a ball and its copy moved by h and
    θ = −ln(1 − φ)/K(0) balls per volume (doi:10.1002/9781118658222, chapter 3). The volume of a ball as φ → 0.

    Args:
        radius: of the balls.
        fraction: volume fraction φ they cover together.
        dim: 3 for spheres, 2 for discs, 1 for segments.

    >>> round(boolean_integral_range(1.0, 1e-9), 6), round(boolean_integral_range(1.0, 0.5), 6)
    (4.18879, 3.266799)

    Raises:
        ValueError: the radius is not positive, the fraction not strictly between 0 and 1, ``dim`` not 1, 2 or 3.
    """
    check_positive("radius", radius)
    if dim not in (1, 2, 3):
        raise ValueError(f"dim: {dim!r}, expected 1, 2 or 3")
    if not 0.0 < fraction < 1.0:
        raise ValueError(f"fraction: {fraction}, expected between 0 and 1, both excluded")
    nodes, weights = np.polynomial.legendre.leggauss(200)
    # h = 2 sin(angle): the common area of discs is smooth in the angle, not in h
    angle = np.pi / 4 * (nodes + 1.0)
    h, length = 2.0 * np.sin(angle), np.pi / 4 * weights * 2.0 * np.cos(angle)
    common, ball, sphere = {
        1: (2.0 - h, 2.0, 2.0 + 0.0 * h),
        2: (np.pi - 2.0 * angle - np.sin(2.0 * angle), np.pi, 2.0 * np.pi * h),
        3: (4.0 / 3.0 * np.pi * (1.0 - 0.75 * h + h**3 / 16.0), 4.0 / 3.0 * np.pi, 4.0 * np.pi * h**2),
    }[dim]
    excess = np.expm1(-np.log1p(-fraction) * common / ball)
    return float((1.0 - fraction) / fraction * np.sum(length * sphere * excess)) * radius**dim
