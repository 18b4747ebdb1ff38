"""What the data say about each parameter: Laplace's approximation in the normal scores.

In z the prior is N(0, I) and the posterior is taken as normal with precision H = F + I, where F = JᵀJ is the Fisher
information of the data in units of the prior's standard deviations. An eigenvalue of F below 1 means that along its
direction the prior speaks louder than the data. All of this is small dense algebra on the host.
"""

from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import chdtrc, ndtri

from msjax.calibration.parameter import Parameter

IDENTIFIED = 0.1
"""A parameter is identified when the data reduce its prior standard deviation at least tenfold."""
NOT_IDENTIFIED = np.sqrt(0.5)
"""It is not identified above this part: the data then add less information than the prior brought."""


class Identifiability(NamedTuple):
    """How far the data reach, in units of the prior's standard deviations.

    ``eigenvalues`` of the data's Fisher information, descending, with ``directions`` as columns; ``ratio`` of posterior
    to prior standard deviation per component (both in z), and the ``verdicts`` drawn from it: "identified" below 1/10,
    "not identified by these data" from √½ on (less information than the prior's own), "weakly identified" between.
    """

    names: tuple[str, ...]
    eigenvalues: np.ndarray
    directions: np.ndarray
    ratio: np.ndarray
    verdicts: tuple[str, ...]

    def direction(self, index: int) -> str:
        """A direction in words: a combination of the components, each in its prior's standard deviations."""
        vector = self.directions[:, index]
        vector = vector * np.sign(vector[np.argmax(np.abs(vector))])
        order = np.argsort(-np.abs(vector), kind="stable")
        kept = [i for i in order if abs(vector[i]) >= 0.1]
        terms = [f"{'-' if vector[i] < 0 else '+'} {abs(vector[i]):.2f} {self.names[i]}" for i in kept]
        text = " ".join(terms)
        return text[2:] if text.startswith("+") else text

    @property
    def worst(self) -> str:
        """The direction of which the data say least."""
        return self.direction(len(self.names) - 1)


def identifiability(names: Sequence[str], information: np.ndarray, covariance: np.ndarray) -> Identifiability:
    """Judge a fit from the data's Fisher information and the posterior covariance, both in z."""
    names = tuple(names)
    ratio = np.sqrt(np.diag(covariance))
    if not np.all(np.isfinite(information)):
        nan = np.full(len(names), np.nan)
        return Identifiability(names, nan, np.full((len(names),) * 2, np.nan), nan, ("no result",) * len(names))
    eigenvalues, directions = np.linalg.eigh(0.5 * (information + information.T))
    return Identifiability(
        names, np.maximum(eigenvalues[::-1], 0.0), directions[:, ::-1], ratio, tuple(verdict(x) for x in ratio)
    )


def verdict(ratio: float) -> str:
    """One of the three verdicts, from posterior over prior standard deviation.

    >>> verdict(0.05), verdict(0.5), verdict(0.9)
    ('identified', 'weakly identified', 'not identified by these data')
    """
    if not np.isfinite(ratio):
        return "no result"
    if ratio < IDENTIFIED:
        return "identified"
    return "weakly identified" if ratio < NOT_IDENTIFIED else "not identified by these data"


def covariance_of(hessian: np.ndarray) -> np.ndarray:
    """Inverse of the misfit's Hessian; NaN where it is not positive definite (no minimum, no interval)."""
    if not np.all(np.isfinite(hessian)):
        return np.full_like(hessian, np.nan)
    eigenvalues, vectors = np.linalg.eigh(0.5 * (hessian + hessian.T))
    if eigenvalues[0] <= 0:
        return np.full_like(hessian, np.nan)
    return (vectors / eigenvalues) @ vectors.T


def quantile(level: float) -> float:
    """Half width of a central normal interval, in standard deviations.

    Raises:
        ValueError: the level is not between 0 and 1.

    >>> round(quantile(0.9), 4)
    1.6449
    """
    if not 0.0 < level < 1.0:
        raise ValueError(f"level must lie between 0 and 1, got {level!r}")
    return float(ndtri(0.5 + 0.5 * level))


def slopes(parameters: Sequence[Parameter], z: np.ndarray) -> np.ndarray:
    """dθ/dz of every component, in stated units."""
    parts, start = [], 0
    for parameter in parameters:
        if parameter.prior is None:
            continue
        part = jnp.asarray(z[start : start + parameter.size].reshape(parameter.prior.shape))
        start += parameter.size
        parts.append(np.ravel(jax.jvp(parameter.prior.physical, (part,), (jnp.ones_like(part),))[1]))
    return np.concatenate(parts)


def stated_at(parameters: Sequence[Parameter], z: np.ndarray) -> np.ndarray:
    """The free components in stated units at ``z``, flat."""
    parts, start = [], 0
    for parameter in parameters:
        if parameter.prior is None:
            continue
        part = z[start : start + parameter.size].reshape(parameter.prior.shape)
        start += parameter.size
        parts.append(np.ravel(np.asarray(parameter.prior.physical(jnp.asarray(part)))))
    return np.concatenate(parts)


def goodness(residuals: np.ndarray, information: np.ndarray) -> tuple[float, float, float]:
    """χ² of the data, its degrees of freedom and the probability of a larger one.

    The degrees of freedom are the number of data less the effective number of parameters tr F(F + I)⁻¹: a parameter
    that the prior holds takes none. For a linear model with normal prior and errors that is the mean of χ².
    """
    chi2 = float(residuals @ residuals)
    if not (np.isfinite(chi2) and np.all(np.isfinite(information))):
        return np.nan, np.nan, np.nan
    eigenvalues = np.maximum(np.linalg.eigvalsh(0.5 * (information + information.T)), 0.0)
    dof = float(residuals.size - np.sum(eigenvalues / (1.0 + eigenvalues)))
    return chi2, dof, float(chdtrc(dof, chi2)) if dof > 0.5 else np.nan
