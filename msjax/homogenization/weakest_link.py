"""Strength of brittle members: Weibull's law, its fit, and how the mean strength falls with the volume."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import root_scalar
from scipy.special import gamma, ndtr

from msjax.homogenization.sampling import Interval, check_level, check_positive, quantile, valid_members


class Strength(NamedTuple):
    """Mean strength, coefficient of variation and Weibull scale of members of one volume."""

    mean: float
    variation: float
    scale: float


def weakest_link(modulus: float, scale: float, volume_ratio: float = 1.0) -> Strength:
    """Strength of members ``volume_ratio`` times as large: P(failure below s) = 1 − exp(−ratio (s/scale)^m).

    The mean is ratio^(−1/m) scale Γ(1 + 1/m): 8^(−1/m) of it for twice the edge. The coefficient of variation does
    not depend on the volume: larger members are weaker, and no less scattered (doi:10.1115/1.4010337).

    Args:
        modulus: Weibull modulus m.
        scale: strength that a member of volume ratio 1 does not reach with probability 1 − 1/e.
        volume_ratio: volume over the volume that ``scale`` belongs to.

    >>> large, small = weakest_link(10.0, 100.0, 8.0), weakest_link(10.0, 100.0)
    >>> round(large.mean / small.mean, 6), round(large.variation - small.variation, 15)
    (0.812252, 0.0)

    Raises:
        ValueError: an argument is not positive.
    """
    for name, value in (("modulus", modulus), ("scale", scale), ("volume_ratio", volume_ratio)):
        check_positive(name, value)
    larger = float(scale * volume_ratio ** (-1.0 / modulus))
    first = float(gamma(1.0 + 1.0 / modulus))
    # for large m the difference of the moments is all round-off: π²/6m² less its next term
    square = float(gamma(1.0 + 2.0 / modulus)) / first**2 - 1.0
    square = square if modulus < 1e4 else np.pi**2 / (6.0 * modulus**2)
    return Strength(larger * first, float(np.sqrt(square)), larger)


@dataclass(frozen=True)
class WeibullFit:
    """Maximum-likelihood fit of Weibull's law to the strengths of members of one volume.

    ``modulus`` m and ``scale`` with standard errors from the observed information; ``covariance`` (2, 2) of
    (ln m, ln scale). ``members`` were used, ``broken`` of them broke, the others did not (censored); ``failed`` gave
    no number and were left out. ``unbiased_modulus``: see :func:`weibull_fit`.
    """

    modulus: float
    scale: float
    covariance: np.ndarray
    members: int
    broken: int
    failed: int

    @property
    def modulus_error(self) -> float:
        """Standard error of m."""
        return float(self.modulus * np.sqrt(self.covariance[0, 0]))

    @property
    def scale_error(self) -> float:
        """Standard error of the scale."""
        return float(self.scale * np.sqrt(self.covariance[1, 1]))

    @property
    def unbiased_modulus(self) -> float:
        """m less the bias of the estimate: (r − 2)/(r − 0.68) m for r broken members; NaN for two, as the intervals."""
        return self.modulus * (self.broken - 2.0) / (self.broken - 0.68) if self.broken > 2 else np.nan

    @property
    def strength(self) -> Strength:
        """Mean strength and coefficient of variation of the fitted law."""
        return weakest_link(self.modulus, self.scale)

    def modulus_interval(self, level: float = 0.95) -> Interval:
        """Interval of m, around the unbiased modulus, normal in ln m."""
        return _around(self.unbiased_modulus, self.covariance[0, 0], level)

    def scale_interval(self, level: float = 0.95) -> Interval:
        """Interval of the scale in its logarithm: Student's t, with the error that the unbiased modulus gives."""
        wider = (self.modulus / self.unbiased_modulus) ** 2
        return _around(self.scale, wider * self.covariance[1, 1], level, self.broken - 1.0)


def weibull_fit(strengths: ArrayLike, censored: ArrayLike | None = None) -> WeibullFit:
    """Weibull modulus and scale by maximum likelihood (doi:10.1080/00401706.1965.10490300).

    The estimate of m is too large, by about 1.38 m/n for n members; :attr:`WeibullFit.unbiased_modulus` is corrected
    by the factor (n − 2)/(n − 0.68) of Ross (quoted in arXiv:2209.14567), with the number of broken members for n.
    The factor is made for complete samples: where members are censored it corrects too much, by 1 % with 40 of 60
    broken, by 4 % with 13 of 20. The scale has next to no bias.

    Args:
        strengths: strength of each member (n,), or, where ``censored``, the stress it bore without breaking. Members
            that are not finite are left out and counted.
        censored: for each member whether it did not break (n,); by default all broke.

    >>> fit = weibull_fit([80.0, 95.0, 100.0, 105.0, 112.0, 120.0])
    >>> round(fit.modulus, 3), round(fit.modulus_error, 3), round(fit.unbiased_modulus, 3)
    (9.55, 3.099, 7.18)

    Raises:
        ValueError: fewer than two broken members, a strength (named) that is not positive, members that all broke at
            one stress, or ``censored`` of another length.
    """
    values = np.asarray(strengths, float)
    unbroken = np.zeros(values.shape, bool) if censored is None else np.asarray(censored)
    if unbroken.shape != values.shape or unbroken.dtype != bool:
        raise ValueError(f"censored: {unbroken.dtype} of shape {unbroken.shape}, expected bool of {values.shape}")
    valid, failed = valid_members(values, "strengths")
    broke = ~unbroken[np.isfinite(values)]
    if np.any(valid <= 0.0):
        index = int(np.flatnonzero(values <= 0.0)[0])
        raise ValueError(f"strengths[{index}]: {values[index]}, expected above 0")
    count = int(broke.sum())
    if count < 2:
        raise ValueError(f"strengths: {count} members broke, expected at least 2")
    x = np.log(valid)
    highest, mean = x.max(), x[broke].mean()
    if highest - mean <= 1e-12 * max(1.0, abs(mean)):
        raise ValueError("strengths: all members broke at one stress, m would be infinite")

    def score(m):  # increases with m; powers of x − highest cannot overflow
        weight = np.exp(m * (x - highest))
        return weight @ x / weight.sum() - 1.0 / m - mean

    # 1/m lies below highest − mean at the root, since the weighted mean does not exceed the highest
    least = 1.0 / (highest - mean)
    most = 2.0 * least
    while score(most) < 0.0:
        most *= 2.0
    m = float(root_scalar(score, method="brentq", bracket=(0.5 * least, most), xtol=1e-14 * least).root)
    centre = highest + np.log(np.exp(m * (x - highest)).sum() / count) / m
    y = m * (x - centre)
    z = np.exp(y)
    # observed information in (ln m, ln scale)
    mixed = -m * (z @ y)
    information = np.array([[count + z @ y**2, mixed], [mixed, m**2 * count]])
    return WeibullFit(m, float(np.exp(centre)), np.linalg.inv(information), valid.size, count, failed)


@dataclass(frozen=True)
class SizeEffect:
    """Weibull modulus twice: from the fall of the mean strength with the volume, and from the scatter at each volume.

    ``slope`` = d ln(strength)/d ln(volume) = −1/m with its standard error; ``from_slope`` is infinite at an end where
    the data do not exclude a slope of 0. ``p_value``: chance of a larger difference between the two if the weakest
    link holds; a small one says that it does not. ``fits`` by volume.
    """

    slope: float
    slope_error: float
    from_slope: Interval
    from_scatter: Interval
    p_value: float
    fits: dict[float, WeibullFit]


def size_effect(table: Mapping[float, ArrayLike], level: float = 0.95) -> SizeEffect:
    """Compare the size effect of the mean strength with what the scatter promises.

    The mean of ln(strength) is fitted against ln(volume), each size weighted by the error of its mean; the moduli of
    the sizes (unbiased) are joined with the weights of their errors in ln m.

    Args:
        table: by volume, the strength of each member (n,); failed members are NaN. No censoring here.
        level: of the intervals.

    >>> law = np.log(1.0 / (1.0 - (np.arange(50) + 0.5) / 50)) ** (1.0 / 8.0)
    >>> found = size_effect({volume: 100.0 * volume ** (-1.0 / 8.0) * law for volume in (1.0, 8.0, 64.0)})
    >>> round(found.from_slope.value, 6), round(found.from_scatter.value, 1)
    (8.0, 8.0)

    Raises:
        ValueError: naming the volume: fewer than two volumes, fewer than three members, see :func:`weibull_fit`.
    """
    check_level(level)
    if len(table) < 2:
        raise ValueError(f"table: {len(table)} volumes, expected at least 2")
    fits, x, y, weight = {}, [], [], []
    for volume in sorted(table):
        check_positive("table: volume", float(volume))
        name = f"table[{volume:g}]"
        valid, failed = valid_members(table[volume], name, least=3)
        try:
            fit = weibull_fit(valid)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        fits[float(volume)] = WeibullFit(fit.modulus, fit.scale, fit.covariance, fit.members, fit.broken, failed)
        x.append(np.log(volume))
        y.append(np.mean(np.log(valid)))
        weight.append(valid.size / np.var(np.log(valid), ddof=1))
    x, y, weight = np.array(x), np.array(y), np.array(weight)
    x = x - np.average(x, weights=weight)
    slope_error = float(1.0 / np.sqrt(np.sum(weight * x**2)))
    slope = float(np.sum(weight * x * y) * slope_error**2)
    precision = np.array([1.0 / fit.covariance[0, 0] for fit in fits.values()])
    logarithm = np.average([np.log(fit.unbiased_modulus) for fit in fits.values()], weights=precision)
    variance = float(1.0 / precision.sum())
    scatter = _around(float(np.exp(logarithm)), variance, level)
    # compare 1/m, in which the slope is normal
    inverse = 1.0 / scatter.value
    difference = (-slope - inverse) / np.sqrt(slope_error**2 + inverse**2 * variance)
    p_value = float(2.0 * ndtr(-abs(difference)))
    degrees = float(sum(fit.members - 1 for fit in fits.values()))
    half = quantile(level, degrees) * slope_error
    low, middle, high = (1.0 / -s if s < 0.0 else np.inf for s in (slope - half, slope, slope + half))
    return SizeEffect(slope, slope_error, Interval(middle, low, high), scatter, p_value, fits)


def _around(value: float, variance: float, level: float, degrees: float = np.inf) -> Interval:
    half = quantile(level, degrees) * np.sqrt(variance)
    return Interval(float(value), float(value * np.exp(-half)), float(value * np.exp(half)))
