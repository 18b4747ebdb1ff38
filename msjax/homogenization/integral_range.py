"""The integral range: how fast the scatter of a volume average falls with the volume, and what size that asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import digamma, polygamma

from msjax.homogenization.sampling import Interval, check_positive, positive_numbers, quantile


@dataclass(frozen=True)
class VarianceLaw:
    """Var(V) = D² (A/V)^α between members of volume V, fitted in logarithms.

    ln Var = ``level_at_centre`` − ``exponent`` (ln V − ln ``centre``) with the standard errors of the two numbers,
    which are independent at the centre; the exponent's is zero where it was given. ``misfit``: χ² of the fit where
    the members were counted, else NaN. ``degrees`` of freedom of the intervals, infinite where the scatter of the
    variances is known from the counts.
    """

    centre: float
    level_at_centre: float
    exponent: float
    level_error: float
    exponent_error: float
    misfit: float
    degrees: float

    def variance(self, volume: float, level: float = 0.95) -> Interval:
        """Variance between members of this volume."""
        check_positive("volume", volume)
        distance = np.log(volume / self.centre)
        value = self.level_at_centre - self.exponent * distance
        half = quantile(level, self.degrees) * np.hypot(self.level_error, self.exponent_error * distance)
        return Interval(*(float(np.exp(x)) for x in (value, value - half, value + half)))

    def volume(self, variance: float, level: float = 0.95) -> Interval:
        """Volume whose members have this variance: all volumes whose interval of the variance holds it (Fieller).

        The upper end is infinite where the data do not show that the scatter falls with the volume at all, and the
        value too where the fitted exponent is not positive; all three where the scatter is shown to grow.
        """
        check_positive("variance", variance)
        q = quantile(level, self.degrees)
        drop, slope = self.level_at_centre - np.log(variance), self.exponent
        value = self.centre * np.exp(drop / slope) if slope > 0 else np.inf
        # a u² − 2 b u + c ≤ 0 is (drop − slope u)² ≤ q² Var(drop − slope u), with u = ln(V/centre)
        a, b, c = slope**2 - (q * self.exponent_error) ** 2, drop * slope, drop**2 - (q * self.level_error) ** 2
        root = np.sqrt(max(b * b - a * c, 0.0))
        if a > 0 and slope <= 0:  # the scatter is shown to grow
            return Interval(np.inf, np.inf, np.inf)
        if a > 0:
            ends = (b - root) / a, (b + root) / a
        elif b * b < a * c or c < 0:  # nothing is excluded
            ends = -np.inf, np.inf
        elif drop > 0:
            ends = (b - root) / a, np.inf
        else:
            ends = -np.inf, (b + root) / a
        with np.errstate(over="ignore"):
            lower, upper = (float(self.centre * np.exp(u)) for u in ends)
        return Interval(float(value), lower, upper)


def variance_law(
    volumes: ArrayLike | Sequence[float],
    variances: ArrayLike | Sequence[float],
    members: ArrayLike | Sequence[int] | None = None,
    exponent: float | None = 1.0,
) -> VarianceLaw:
    """Fit Var(V) ∝ V^(−α) to the variances of members of several sizes.

    Args:
        volumes: volume (or area) of the members of each size (k,).
        variances: their sample variances (k,).
        members: how many members each is of (k,). They weigh the sizes and give the errors, as of normal members:
            Var ln s² = ψ′((n−1)/2), and the bias of ln s² is removed. Without them all sizes weigh the same and the
            errors come from the residuals.
        exponent: α; 1 for volume averages of media without long-range correlation, ``None`` to fit it.

    >>> law = variance_law([1.0, 8.0, 64.0], [0.8, 0.1, 0.0125], exponent=None)
    >>> round(law.exponent, 6), round(law.variance(16.0).value, 6)
    (1.0, 0.05)

    Raises:
        ValueError: naming the size: a volume or a variance is not positive, fewer than 2 members, too few sizes.
    """
    volume = positive_numbers("volumes", volumes)
    variance = positive_numbers("variances", variances, volume.size)
    unknowns = 1 if exponent is not None else 2
    counted = members is not None
    least = unknowns if counted else unknowns + 1
    if volume.size < least or (exponent is None and np.ptp(volume) == 0):
        raise ValueError(f"volumes: {volume.size} sizes, expected at least {least}, not all the same")
    if exponent is not None:
        check_positive("exponent", exponent)
    y, weight = np.log(variance), np.ones(volume.size)
    if counted:
        half = (positive_numbers("members", members, volume.size, 2.0) - 1.0) / 2.0
        y = y - (digamma(half) - np.log(half))
        weight = 1.0 / polygamma(1, half)
    x = np.log(volume)
    centre = np.average(x, weights=weight)
    distance = x - centre
    mean = np.average(y, weights=weight)
    spread = np.sum(weight * distance**2)
    alpha = exponent if exponent is not None else -np.sum(weight * distance * y) / spread
    residual = float(np.sum(weight * (y - mean + alpha * distance) ** 2))
    degrees = np.inf if counted else float(volume.size - unknowns)
    noise = 1.0 if counted else residual / degrees
    return VarianceLaw(
        centre=float(np.exp(centre)),
        level_at_centre=float(mean),
        exponent=float(alpha),
        level_error=float(np.sqrt(noise / weight.sum())),
        exponent_error=float(np.sqrt(noise / spread)) if exponent is None else 0.0,
        misfit=residual if counted else np.nan,
        degrees=degrees,
    )


class IntegralRange(NamedTuple):
    """Integral range ``volume`` with its interval, the exponent with its standard error, and the law they belong to."""

    volume: Interval
    exponent: float
    exponent_error: float
    law: VarianceLaw


def integral_range(
    volumes: ArrayLike | Sequence[float],
    variances: ArrayLike | Sequence[float],
    point_variance: float,
    members: ArrayLike | Sequence[int] | None = None,
    exponent: float | None = 1.0,
    level: float = 0.95,
) -> IntegralRange:
    """Integral range A of Var(V) = D² (A/V)^α: the volume of which a member of volume V holds V/A independent ones.

    Lantuéjoul's law (J. Microsc. 161 (1991) 387) with the exponent of doi:10.1016/S0020-7683(03)00143-4.

    Args:
        volumes, variances, members, exponent: see :func:`variance_law`, which also names the errors.
        point_variance: D², the variance from point to point
            (:func:`msjax.homogenization.random_sets.two_phase_point_variance`).
        level: of the interval.

    >>> found = integral_range([10.0, 100.0], [0.05, 0.005], point_variance=0.25, members=[50, 50])
    >>> print(found.volume)
    2.042 [1.539, 2.709]
    """
    check_positive("point_variance", point_variance)
    law = variance_law(volumes, variances, members, exponent)
    return IntegralRange(law.volume(point_variance, level), law.exponent, law.exponent_error, law)


def realisations_needed(
    volume: float, relative_error: float, *, mean: float, law: VarianceLaw, level: float = 0.95
) -> Interval:
    """How many members of a volume give the mean to a relative error: n = 4 Var(V)/(ε mean)², from ε = 2σ/(√n mean).

    doi:10.1016/S0020-7683(03)00143-4. The error is the half width of the mean's 95 % interval; ``level`` is the
    confidence in n, from the law alone. It speaks of scatter, not of the bias that small members may have
    (:func:`msjax.homogenization.convergence.convergence`). Not rounded up.

    >>> law = variance_law([10.0, 100.0], [0.05, 0.005], members=[50, 50])
    >>> print(realisations_needed(20.0, 0.05, mean=1.0, law=law))
    40.83 [30.77, 54.18]

    Raises:
        ValueError: a number is not positive (the mean: not zero); the level is not between 0 and 1.
    """
    scale = 4.0 / _error_of(mean, relative_error) ** 2
    return Interval(*(scale * x for x in law.variance(volume, level)))


def size_needed(
    realisations: int | float, relative_error: float, *, mean: float, law: VarianceLaw, level: float = 0.95
) -> Interval:
    """Volume of which this many members give the mean to a relative error: Var(V) = n (ε mean)²/4.

    The inverse of :func:`realisations_needed`, with its arguments, source and errors. Infinite where the scatter does
    not fall with the volume.

    >>> law = variance_law([10.0, 100.0], [0.05, 0.005], members=[50, 50])
    >>> round(size_needed(40.83, 0.05, mean=1.0, law=law).value, 2)
    20.0
    """
    check_positive("realisations", float(realisations))
    return law.volume(realisations * _error_of(mean, relative_error) ** 2 / 4.0, level)


def _error_of(mean: float, relative_error: float) -> float:
    check_positive("relative_error", relative_error)
    if not np.isfinite(mean) or mean == 0.0:
        raise ValueError(f"mean: {mean}, expected a finite number other than 0")
    return relative_error * abs(mean)
