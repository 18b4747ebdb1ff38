"""Means, scatter and confidence intervals of the apparent properties of a few members."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import ndtr, ndtri, stdtrit


class Interval(NamedTuple):
    """An estimate with the ends of its confidence interval; an end may be infinite."""

    value: float
    lower: float
    upper: float

    def __str__(self) -> str:
        return f"{self.value:.4g} [{self.lower:.4g}, {self.upper:.4g}]"


def check_level(level: float) -> None:
    """Raise ``ValueError`` unless a confidence level lies strictly between 0 and 1."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level: {level}, expected between 0 and 1, both excluded")


def check_positive(name: str, value: float) -> None:
    """Raise ``ValueError`` unless a number is finite and above 0."""
    if not (value > 0.0 and np.isfinite(value)):
        raise ValueError(f"{name}: {value}, expected a finite number above 0")


def positive_numbers(
    name: str, values: ArrayLike | Sequence[float], count: int | None = None, least: float = 0.0
) -> np.ndarray:
    """Finite numbers above 0 (k,), checked: ``count`` of them, none below ``least``; ``ValueError`` names the entry."""
    numbers = np.asarray(values, float)
    if numbers.ndim != 1 or numbers.size == 0 or (count is not None and numbers.size != count):
        expected = "numbers (k,)" if count is None else f"({count},)"
        raise ValueError(f"{name}: shape {numbers.shape}, expected {expected}")
    for index, value in enumerate(numbers):
        if not (value >= least and value > 0.0 and np.isfinite(value)):
            raise ValueError(f"{name}[{index}]: {value}, expected {f'at least {least:g}' if least else 'above 0'}")
    return numbers


def valid_members(samples: ArrayLike, name: str, least: int = 2) -> tuple[np.ndarray, int]:
    """The members that did not fail (finite numbers), and how many failed.

    Raises:
        ValueError: not one number per member, or fewer than ``least`` of them are valid.
    """
    values = np.asarray(samples, float)
    if values.ndim != 1:
        raise ValueError(f"{name}: shape {values.shape}, expected one number per member, (n,)")
    valid = values[np.isfinite(values)]
    if valid.size < least:
        raise ValueError(f"{name}: {valid.size} valid of {values.size} members, expected at least {least}")
    return valid, values.size - valid.size


def quantile(level: float, degrees: float = np.inf) -> float:
    """Two-sided quantile of Student's t with these degrees of freedom; of the normal law where they are infinite."""
    check_level(level)
    return float(ndtri(0.5 + level / 2) if np.isinf(degrees) else stdtrit(degrees, 0.5 + level / 2))


def mean_interval(samples: ArrayLike, level: float = 0.95) -> Interval:
    """Mean of independent members with Student's t interval; failed members (not finite) are left out.

    >>> print(mean_interval([1.0, 2.0, 3.0, 4.0]))
    2.5 [0.4457, 4.554]

    Raises:
        ValueError: fewer than two valid members; the level is not between 0 and 1.
    """
    valid, _ = valid_members(samples, "samples")
    half = quantile(level, float(valid.size - 1)) * np.std(valid, ddof=1) / np.sqrt(valid.size)
    mean = float(np.mean(valid))
    return Interval(mean, mean - half, mean + half)


def bootstrap_interval(
    samples: ArrayLike,
    statistic: Callable[[np.ndarray], np.ndarray],
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> Interval:
    """Bootstrap interval of any statistic of the members, bias-corrected and accelerated (doi:10.2307/2289144).

    The tails are those of Student's t (doi:10.1080/00031305.2015.1089789), since resampling n members understates the
    scatter. 95 % intervals of a variance hold it in 93 % of sets of 20 to 80 normal members.

    Args:
        samples: one number per member (n,); failed members (not finite) are left out.
        statistic: maps (..., n) to (...), along the last axis.
        level: confidence level.
        resamples: how many samples with replacement.
        seed: of the resampling: one seed, one interval.

    >>> print(bootstrap_interval(range(20), lambda x: x.mean(axis=-1), seed=1))
    9.5 [6.8, 12.5]

    Raises:
        ValueError: fewer than three valid members, fewer than 100 resamples, the level is not between 0 and 1.
    """
    check_level(level)
    if resamples < 100:
        raise ValueError(f"resamples: {resamples}, expected at least 100")
    valid, _ = valid_members(samples, "samples", least=3)
    count = valid.size
    value = float(statistic(valid))
    drawn = np.random.default_rng(seed).integers(0, count, (resamples, count))
    replicas = np.asarray(statistic(valid[drawn]))
    left_out = statistic(valid[np.array([np.delete(np.arange(count), i) for i in range(count)])])
    pull = np.mean(left_out) - left_out
    spread = np.sum(pull**2)
    if spread == 0.0:  # the statistic does not vary
        return Interval(value, value, value)
    acceleration = np.sum(pull**3) / (6.0 * spread**1.5)
    below = np.mean(replicas < value) + 0.5 * np.mean(replicas == value)
    bias = ndtri(np.clip(below, 0.5 / resamples, 1.0 - 0.5 / resamples))
    reach = np.sqrt(count / (count - 1.0)) * quantile(level, float(count - 1))
    ends = bias + np.array([-reach, reach])
    shares = ndtr(bias + ends / (1.0 - acceleration * ends))
    lower, upper = np.quantile(replicas, shares)
    return Interval(value, float(lower), float(upper))


def realisations_of(
    samples: ArrayLike, relative_error: float, level: float = 0.95, resamples: int = 2000, seed: int = 0
) -> Interval:
    """How many members like these give the mean to a relative error, from ε = 2σ/(√n mean), with a bootstrap interval.

    The formula is that of doi:10.1016/S0020-7683(03)00143-4; the error is that of a 95 % interval whatever ``level``,
    which is the confidence in the number of members. It speaks of scatter only, not of the bias of small members.

    >>> print(realisations_of(np.linspace(9.0, 11.0, 21), 0.01))
    154 [102.1, 244.8]

    Raises:
        ValueError: the relative error is not positive, the mean is zero; see :func:`bootstrap_interval`.
    """
    check_positive("relative_error", relative_error)
    valid, _ = valid_members(samples, "samples", least=3)
    if np.mean(valid) == 0.0:
        raise ValueError("samples: their mean is 0, a relative error of it has no meaning")

    def needed(x):
        return 4.0 * np.var(x, axis=-1, ddof=1) / (relative_error * np.mean(x, axis=-1)) ** 2

    return bootstrap_interval(valid, needed, level, resamples, seed)
