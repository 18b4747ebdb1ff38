"""Apparent properties under different boundary conditions: how they meet as the volume grows."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import gammaincc

from msjax.homogenization.sampling import (
    Interval,
    check_level,
    check_positive,
    mean_interval,
    quantile,
    valid_members,
)


@dataclass(frozen=True)
class Curve:
    """Mean of an apparent property against size under one boundary condition; ``failed`` members are left out."""

    sizes: np.ndarray
    means: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    members: np.ndarray
    failed: np.ndarray


@dataclass(frozen=True)
class Convergence:
    """What :func:`convergence` found.

    ``curves`` by boundary condition; ``meet`` by size: whether the intervals of all conditions overlap there.
    ``limit``: the common value at infinite size with its interval, ``slopes`` b of mean = limit + b/size by condition,
    ``covariance`` of (limit, slopes). ``misfit`` is χ² with ``degrees`` of freedom, ``p_value`` the chance of a larger
    one if the law holds (NaN without a degree of freedom).
    """

    curves: dict[str, Curve]
    meet: dict[float, bool]
    limit: Interval
    slopes: dict[str, float]
    covariance: np.ndarray
    misfit: float
    degrees: int
    p_value: float

    def size_needed(self, condition: str, relative_error: float) -> float:
        """Size (edge) at which a condition's mean is off the limit by this fraction: |b|/(ε |limit|).

        Raises:
            ValueError: the condition was not extrapolated, or the error is not positive.
        """
        check_positive("relative_error", relative_error)
        if condition not in self.slopes:
            raise ValueError(f"condition: {condition!r} was not extrapolated; these were: {', '.join(self.slopes)}")
        return abs(self.slopes[condition]) / (relative_error * abs(self.limit.value))


def convergence(
    tables: Mapping[str, Mapping[float, ArrayLike]],
    extrapolate: tuple[str, ...] = ("kubc", "subc"),
    paired: bool = False,
    level: float = 0.95,
) -> Convergence:
    """Means with Student's t intervals against size, and their extrapolation in 1/size to one common value.

    Kinematically and statically uniform conditions bound the effective property from above and below; the layer they
    disturb has the share ~ 1/size of the volume (doi:10.1016/0022-5096(90)90041-2, doi:10.1016/S0020-7683(03)00143-4).
    So mean = limit + b/size, b of its own for each condition, by least squares weighted with the covariance of the
    means.

    Args:
        tables: by boundary condition ("kubc", "subc", "periodic", …) and size (edge length L), the apparent property
            of each member (n,). A failed member is NaN.
        extrapolate: the conditions the common limit is fitted to. Leave small sizes out of the tables where the law
            does not fit (``p_value``).
        paired: whether member i is the same microstructure under all extrapolated conditions of a size, so that their
            means are correlated; a member that failed under one of them is then left out of the fit.
        level: of the intervals.

    >>> kubc, subc = {1.0: [3.01, 2.99], 2.0: [2.6, 2.4]}, {1.0: [1.01, 0.99], 2.0: [1.6, 1.4]}
    >>> found = convergence({"kubc": kubc, "subc": subc})
    >>> round(found.limit.value, 6), found.meet
    (2.0, {1.0: False, 2.0: True})

    Raises:
        ValueError: naming the condition and the size: too few members or sizes, members that do not vary, a size that
            is not positive; paired tables of unequal lengths.
    """
    check_level(level)
    curves = {name: _curve(name, table, level) for name, table in tables.items()}
    missing = [name for name in extrapolate if name not in curves]
    if missing or not extrapolate:
        raise ValueError(f"extrapolate: {', '.join(missing) or 'nothing'} is not in the tables ({', '.join(curves)})")
    means, noise, rows = [], [], []
    for size in sorted({float(size) for name in extrapolate for size in curves[name].sizes}):
        present = [name for name in extrapolate if size in curves[name].sizes]
        samples = [np.asarray(tables[name][size], float) for name in present]
        mean, covariance = _joint(present, size, samples) if paired else _separate(present, size, samples)
        means.append(mean)
        noise.append(covariance)
        rows += [[1.0, *(float(name == other) / size for other in extrapolate)] for name in present]
    rows = np.array(rows)
    degrees = rows.shape[0] - rows.shape[1]
    if degrees < 0 or np.linalg.matrix_rank(rows) < rows.shape[1]:
        raise ValueError(
            "tables: too few sizes, expected two for one of the extrapolated conditions and one for the rest"
        )
    y = np.concatenate(means)
    weighted_rows = np.concatenate([np.linalg.solve(v, r) for v, r in zip(noise, _split(rows, means))])
    covariance = np.linalg.inv(rows.T @ weighted_rows)
    fitted = covariance @ (weighted_rows.T @ y)
    residuals = _split(y - rows @ fitted, means)
    misfit = float(sum(r @ np.linalg.solve(v, r) for v, r in zip(noise, residuals)))
    counted = sum(int(np.sum(curves[name].members - 1)) for name in extrapolate)
    half = quantile(level, float(counted)) * np.sqrt(covariance[0, 0])
    limit = Interval(float(fitted[0]), float(fitted[0] - half), float(fitted[0] + half))
    return Convergence(
        curves,
        _meetings(curves),
        limit,
        {name: float(b) for name, b in zip(extrapolate, fitted[1:])},
        covariance,
        misfit,
        degrees,
        float(gammaincc(degrees / 2, misfit / 2)) if degrees else np.nan,
    )


def _curve(name: str, table: Mapping[float, ArrayLike], level: float) -> Curve:
    sizes = np.array(sorted(float(size) for size in table))
    if sizes.size == 0:
        raise ValueError(f"tables[{name!r}]: no size")
    columns = []
    for size in sizes:
        check_positive(f"tables[{name!r}]: size", float(size))
        valid, failed = valid_members(table[size], f"tables[{name!r}][{size:g}]")
        columns.append([*mean_interval(valid, level), valid.size, failed])
    means, lower, upper, members, failed = np.array(columns).T
    return Curve(sizes, means, lower, upper, members.astype(int), failed.astype(int))


def _separate(names: list[str], size: float, samples: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    valid = [x[np.isfinite(x)] for x in samples]
    variances = np.array([np.var(x, ddof=1) / x.size for x in valid])
    for name, variance in zip(names, variances):
        if variance == 0.0:
            raise ValueError(f"tables[{name!r}][{size:g}]: the members do not vary, their weight would be infinite")
    return np.array([x.mean() for x in valid]), np.diag(variances)


def _joint(names: list[str], size: float, samples: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    if len({x.size for x in samples}) != 1:
        counts = ", ".join(f"{name} {x.size}" for name, x in zip(names, samples))
        raise ValueError(f"tables: size {size:g} has unequal numbers of members ({counts}); they cannot be paired")
    both = np.stack(samples)[:, np.all(np.isfinite(samples), axis=0)]
    if both.shape[1] < both.shape[0] + 2:
        raise ValueError(f"tables: size {size:g} has {both.shape[1]} valid pairs, expected at least {len(names) + 2}")
    covariance = np.atleast_2d(np.cov(both)) / both.shape[1]
    scale = np.sqrt(np.diag(covariance))
    if np.any(scale == 0.0) or np.linalg.eigvalsh(covariance / np.outer(scale, scale))[0] < 1e-12:
        raise ValueError(f"tables: size {size:g}: the paired members do not vary independently; use paired=False")
    return both.mean(axis=1), covariance


def _split(array: np.ndarray, blocks: list[np.ndarray]) -> list[np.ndarray]:
    return np.split(array, np.cumsum([len(block) for block in blocks])[:-1])


def _meetings(curves: dict[str, Curve]) -> dict[float, bool]:
    common = set.intersection(*(set(curve.sizes.tolist()) for curve in curves.values()))
    meet = {}
    for size in sorted(common):
        at = [(curve, int(np.flatnonzero(curve.sizes == size)[0])) for curve in curves.values()]
        meet[size] = bool(max(c.lower[i] for c, i in at) <= min(c.upper[i] for c, i in at))
    return meet
