"""Prior distributions, each with the coordinate in which it is a standard normal.

Every free parameter is fitted in its *normal score* z, the monotone map under which its prior is N(0, 1). The prior's
part of the misfit is then z itself, the Fisher information of the data in z is already scaled by the prior's standard
deviation, starts and synthetic truths are normal draws, and an interval in z maps to one that never leaves the
parameter's range. For the three priors here the map is the identity (scaled), the logarithm and the probit.
"""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from msjax.typing import Array


def _numbers(value: ArrayLike | list | tuple, what: str) -> np.ndarray:
    array = np.asarray(value, dtype=float)
    if not np.all(np.isfinite(array)):
        raise ValueError(f"{what} must be finite, got {value!r}")
    return array


class Prior(eqx.Module):
    """A distribution of one parameter (a number, or an array of independent components)."""

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Shape of the parameter."""

    @property
    @abc.abstractmethod
    def sd(self) -> np.ndarray:
        """Standard deviation, in the stated unit."""

    @abc.abstractmethod
    def physical(self, z: ArrayLike) -> Array | np.ndarray:
        """The parameter at normal score ``z``, in the stated unit."""

    @abc.abstractmethod
    def score(self, value: np.ndarray) -> np.ndarray:
        """The normal score of a value. Raises ValueError outside the range."""

    @abc.abstractmethod
    def describe(self) -> str:
        """A few words for the report."""

    def record(self) -> dict[str, object]:
        """What a saved fit keeps of the prior."""
        fields = {name: getattr(self, name).tolist() for name in self.__dataclass_fields__}
        return {"kind": type(self).__name__, **fields}


class Normal(Prior):
    """Normal with ``mean`` and standard deviation ``sd``, in the parameter's unit; fitted on the identity.

    Raises:
        ValueError: ``sd`` is not positive, or a number is not finite.

    >>> float(Normal(1.5, 0.5).physical(1.0))
    2.0
    """

    mean: np.ndarray
    width: np.ndarray

    def __init__(self, mean: ArrayLike | list | tuple, sd: ArrayLike | list | tuple):
        self.mean = _numbers(mean, "Normal: mean")
        width = _numbers(sd, "Normal: sd")
        if np.any(width <= 0):
            raise ValueError(f"Normal: sd must be positive, got {sd!r}")
        self.width = np.broadcast_to(width, self.mean.shape).copy()

    @property
    def shape(self) -> tuple[int, ...]:
        return self.mean.shape

    @property
    def sd(self) -> np.ndarray:
        return self.width

    def physical(self, z):
        return self.mean + self.width * z

    def score(self, value):
        return (value - self.mean) / self.width

    def describe(self) -> str:
        return f"normal {_text(self.mean)} ± {_text(self.width)}"


class LogNormal(Prior):
    """A positive quantity whose logarithm is normal, fitted on the logarithm.

    Its ``median`` is in the parameter's unit; ``log_sd`` is the standard deviation of the logarithm (0.15: about 15 %).

    Raises:
        ValueError: a number is not positive and finite.

    >>> round(float(LogNormal(100.0, 0.1).sd), 2)
    10.08
    """

    median: np.ndarray
    log_sd: np.ndarray

    def __init__(self, median: ArrayLike | list | tuple, log_sd: ArrayLike | list | tuple):
        self.median = _numbers(median, "LogNormal: median")
        spread = _numbers(log_sd, "LogNormal: log_sd")
        if np.any(self.median <= 0) or np.any(spread <= 0):
            raise ValueError(f"LogNormal: median and log_sd must be positive, got {median!r} and {log_sd!r}")
        self.log_sd = np.broadcast_to(spread, self.median.shape).copy()

    @classmethod
    def matching(cls, mean: np.ndarray, sd: np.ndarray) -> "LogNormal":
        """The log-normal distribution with this mean and standard deviation."""
        if np.any(mean <= 0):
            raise ValueError(f"a positive parameter needs a prior with a positive mean, got {mean}")
        variance = np.log1p((sd / mean) ** 2)
        return cls(mean * np.exp(-0.5 * variance), np.sqrt(variance))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.median.shape

    @property
    def sd(self) -> np.ndarray:
        variance = self.log_sd**2
        return np.asarray(self.median * np.exp(0.5 * variance) * np.sqrt(np.expm1(variance)))

    def physical(self, z):
        return self.median * jnp.exp(self.log_sd * z)

    def score(self, value):
        if np.any(value <= 0):
            raise ValueError(f"must be positive, got {value}")
        return np.log(value / self.median) / self.log_sd

    def describe(self) -> str:
        return f"log-normal {_text(self.median)} × or ÷ {_text(np.exp(self.log_sd))}"


class Uniform(Prior):
    """Flat between ``lower`` and ``upper``; its standard deviation is the width over √12; fitted on the probit.

    The probit rather than the logit: with it the flat prior is exactly a standard normal in z, so a parameter that the
    data do not reach stays where the prior puts it instead of running to infinity in the coordinate.

    Raises:
        ValueError: ``lower`` is not below ``upper``, or a bound is not finite.

    >>> round(float(Uniform(0.0, 12.0).sd), 4), float(Uniform(0.0, 12.0).physical(0.0))
    (3.4641, 6.0)
    """

    lower: np.ndarray
    upper: np.ndarray

    def __init__(self, lower: ArrayLike | list | tuple, upper: ArrayLike | list | tuple):
        low, high = np.asarray(lower, dtype=float), np.asarray(upper, dtype=float)
        if not (np.all(np.isfinite(low)) and np.all(np.isfinite(high))):
            raise ValueError(
                f"bounds must be finite, got ({lower}, {upper}): a flat prior without end has no scale against which "
                "identifiability could be judged; for a positive quantity use prior=LogNormal(median, log_sd)"
            )
        if np.any(low >= high):
            raise ValueError(f"the lower bound must be below the upper one, got ({lower}, {upper})")
        self.lower, self.upper = (np.array(bound) for bound in np.broadcast_arrays(low, high))

    @property
    def shape(self) -> tuple[int, ...]:
        return self.lower.shape

    @property
    def sd(self) -> np.ndarray:
        return np.asarray((self.upper - self.lower) / np.sqrt(12.0))

    def physical(self, z):
        return self.lower + (self.upper - self.lower) * jax.scipy.special.ndtr(jnp.asarray(z))

    def score(self, value):
        fraction = (value - self.lower) / (self.upper - self.lower)
        if np.any(fraction <= 0) or np.any(fraction >= 1):
            raise ValueError(f"must lie strictly between the bounds {self.lower} and {self.upper}, got {value}")
        return np.asarray(jax.scipy.special.ndtri(jnp.asarray(fraction)))

    def describe(self) -> str:
        return f"flat in [{_text(self.lower)}, {_text(self.upper)}]"


def prior_from_record(record: dict) -> Prior:
    """Rebuild a prior that a saved fit kept.

    Raises:
        ValueError: the kind is not known or its numbers are not valid.
    """
    kinds = {"Normal": (Normal, "mean", "width"), "LogNormal": (LogNormal, "median", "log_sd")}
    kinds["Uniform"] = (Uniform, "lower", "upper")
    if not isinstance(record, dict) or record.get("kind") not in kinds:
        raise ValueError(f"prior: unknown kind in {record!r}")
    kind, first, second = kinds[record["kind"]]
    if set(record) != {"kind", first, second}:
        raise ValueError(f"prior: expected the fields {first} and {second}, got {sorted(record)}")
    return kind(record[first], record[second])


def _text(array: np.ndarray) -> str:
    return f"{float(array):.4g}" if array.ndim == 0 else "(" + ", ".join(f"{x:.4g}" for x in array.ravel()) + ")"
