"""The result of a calibration."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.calibration.laplace import (
    Identifiability,
    covariance_of,
    goodness,
    identifiability,
    quantile,
    slopes,
    stated_at,
)
from msjax.calibration.observations import Observations
from msjax.calibration.parameter import Parameter, Values, component_names, place, values_at
from msjax.calibration.posterior import named, predict
from msjax.calibration.priors import Uniform
from msjax.calibration.quantities import factor, split_label, unit_named
from msjax.status import Code, Status


@eqx.filter_jit
def _linearised(model, parameters, observations, z, inputs):
    """Predictions at other controls, and their derivative with respect to z."""

    def at(z):
        found = named(predict(model, parameters, z, inputs), observations)
        return found, found

    slope, found = jax.jacfwd(at, has_aux=True)(z)
    return found, slope


class Band(NamedTuple):
    """A quantity with its standard deviation and interval by linear propagation, in ``unit``."""

    value: np.ndarray
    sd: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    unit: str


class Fit(eqx.Module):
    """Values, intervals and what the data could and could not say.

    ``str(fit)`` is the report. Numbers are in the parameters' stated units unless said otherwise; ``z`` are the normal
    scores in which the fit was made, ``hessian`` the misfit's second derivative there ("gauss-newton" or "full"),
    ``jacobian`` the derivative of the whitened residuals with respect to z. ``starts`` is the status of every start,
    ``basins`` the number of distinct minima they found.
    """

    parameters: tuple[Parameter, ...]
    observations: Observations
    z: np.ndarray
    misfit: float
    residuals_flat: np.ndarray
    jacobian: np.ndarray
    hessian: np.ndarray
    status: Status
    starts: Status
    start_misfits: np.ndarray
    basins: int
    method: str
    curvature: str

    # values -----------------------------------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """The fitted components, in the order of ``z``, ``sd`` and ``covariance``."""
        return tuple(component_names(self.parameters))

    @property
    def internal_values(self) -> Values:
        """All parameters as the model sees them, in internal units."""
        return values_at(self.parameters, jnp.asarray(self.z))

    @property
    def values(self) -> dict[str, Any]:
        """All parameters by name, in stated units: numbers, or arrays for array parameters."""
        found = self.internal_values
        stated = {p.name: np.asarray(found[p.name]) / p.factor for p in self.parameters}
        return {name: float(x) if np.ndim(x) == 0 else x for name, x in stated.items()}

    def fitted(self, model: Any) -> Any:
        """The model with its selected leaves replaced by the fitted values."""
        return place(model, self.parameters, self.internal_values)

    # spread -----------------------------------------------------------------------------------------------------

    @property
    def covariance_z(self) -> np.ndarray:
        """Posterior covariance of the normal scores, shape (n, n)."""
        return covariance_of(self.hessian)

    @property
    def covariance(self) -> np.ndarray:
        """Posterior covariance in stated units, linearised at the fit, shape (n, n)."""
        slope = slopes(self.parameters, self.z)
        return slope[:, None] * self.covariance_z * slope[None, :]

    @property
    def sd(self) -> dict[str, float]:
        """Posterior standard deviation of each component."""
        return dict(zip(self.names, np.sqrt(np.diag(self.covariance)).tolist(), strict=True))

    @property
    def correlation(self) -> np.ndarray:
        """Posterior correlation of the components, shape (n, n)."""
        covariance = self.covariance_z
        sd = np.sqrt(np.diag(covariance))
        return covariance / (sd[:, None] * sd[None, :])

    def intervals(self, level: float = 0.9) -> dict[str, tuple[float, float]]:
        """Central intervals: normal in z, mapped to the parameter, so they respect its range.

        Raises:
            ValueError: ``level`` is not between 0 and 1.
        """
        reach = quantile(level) * np.sqrt(np.diag(self.covariance_z))
        low, high = stated_at(self.parameters, self.z - reach), stated_at(self.parameters, self.z + reach)
        return {name: (float(a), float(b)) for name, a, b in zip(self.names, low, high, strict=True)}

    @property
    def information(self) -> np.ndarray:
        """Fisher information of the data in units of the prior's standard deviations, shape (n, n)."""
        return self.jacobian.T @ self.jacobian

    @property
    def identifiability(self) -> Identifiability:
        """Eigenvalues and directions of :attr:`information`, and a verdict per component."""
        return identifiability(self.names, self.information, self.covariance_z)

    def identifiability_from(self, *columns: str) -> Identifiability:
        """What these measured columns alone would say, linearised at the fit: which data carry which parameter.

        Raises:
            ValueError: a column is none of the measured ones.
        """
        names = self.observations.names
        for name in columns:
            if name not in names:
                raise ValueError(f"columns: {name!r} was not measured; there are {', '.join(names)}")
        parts = np.split(self.jacobian, np.cumsum(self.observations.lengths)[:-1])
        kept = [part for name, part in zip(names, parts, strict=True) if name in columns]
        information = sum((part.T @ part for part in kept), np.zeros_like(self.hessian))
        return identifiability(self.names, information, covariance_of(information + np.eye(len(self.names))))

    # goodness ---------------------------------------------------------------------------------------------------

    @property
    def residuals(self) -> dict[str, np.ndarray]:
        """(measured − predicted)/sd by column; row i belongs to ``observations.lines[i]``."""
        parts = np.split(self.residuals_flat, np.cumsum(self.observations.lengths)[:-1])
        return dict(zip(self.observations.names, parts, strict=True))

    @property
    def chi2(self) -> float:
        """Sum of the squared residuals."""
        return goodness(self.residuals_flat, self.information)[0]

    @property
    def dof(self) -> float:
        """Number of data less the effective number of parameters."""
        return goodness(self.residuals_flat, self.information)[1]

    @property
    def p_value(self) -> float:
        """Probability of a larger χ² if model and standard deviations are right; NaN without degrees of freedom."""
        return goodness(self.residuals_flat, self.information)[2]

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a reader should know before using the numbers."""
        if bool(self.status.failed):
            return (f"the fit failed: {self.status}",)
        found = []
        chi2, dof, p = goodness(self.residuals_flat, self.information)
        if not np.isfinite(p):
            found.append("no degrees of freedom are left: the fit cannot be judged by its residuals")
        elif p < 0.01:
            found.append(
                f"chi2 is too large ({chi2:.4g} for {dof:.1f} degrees of freedom, p = {p:.1e}): the model or the "
                "stated standard deviations are wrong, and the intervals are not to be trusted"
            )
        elif p > 0.99:
            found.append(
                f"chi2 is very small ({chi2:.3g} for {dof:.1f} degrees of freedom): the data scatter less than their "
                "stated standard deviations"
            )
        if bool(self.status.unstable):
            found.append("the full Hessian is not positive definite: this is no minimum and has no intervals")
        failed = int(np.sum(np.asarray(self.starts.failed)))
        if failed:
            found.append(f"{failed} of {self.starts.code.size} starts failed")
        if self.basins > 1:
            found.append(f"the starts found {self.basins} different minima: the intervals describe the best one only")
        for name, score, flat in zip(self.names, self.z, self._flat, strict=True):
            if flat and abs(score) > 2.5:
                found.append(f"{name} presses against its {'upper' if score > 0 else 'lower'} bound")
            elif abs(score) > 3.0:
                found.append(f"the data pull {name} {abs(score):.1f} prior standard deviations away from its prior")
        return tuple(found)

    @property
    def _flat(self) -> list[bool]:
        return [isinstance(p.prior, Uniform) for p in self.parameters for _ in range(p.size)]

    # propagation ------------------------------------------------------------------------------------------------

    def derived(self, function: Callable[[Values], Any], unit: str, level: float = 0.9) -> Band:
        """A function of the parameters (internal units in and out) with its interval, stated in ``unit``.

        A combination can be far better determined than its parts: ``lambda v: v["Gamma12"] - v["Gamma11"]``.

        Raises:
            ValueError: the unit or the level is not valid.
        """
        unit = unit_named(unit, "derived")
        return self._propagate(lambda z: function(values_at(self.parameters, z)), unit, level)

    def predict(self, model: Any, controls: Mapping[str, Any] | None = None, *, level: float = 0.9) -> dict[str, Band]:
        """Predictions with bands from the parameters' uncertainty, at other controls if given (``{"h [nm]": ...}``).

        Measured quantities come in their stated unit, others in internal units. The band is that of the model, not of
        a new measurement.

        Raises:
            ValueError: a control is missing, unknown or has no unit; unequal lengths.
        """
        inputs = self.observations.controls
        if controls is not None:
            inputs = {}
            for label, column in controls.items():
                name, unit = split_label(label, "controls")
                inputs[name] = jnp.asarray(np.atleast_1d(np.asarray(column, dtype=float)) * factor(unit))
            if set(inputs) != set(self.observations.controls):
                raise ValueError(
                    f"controls: expected {', '.join(self.observations.controls) or 'none'}, got {', '.join(inputs)}"
                )
            if len({x.shape for x in inputs.values()}) > 1:
                raise ValueError(f"controls: unequal lengths { {k: x.size for k, x in inputs.items()} }")
        found, slope = _linearised(model, self.parameters, self.observations, jnp.asarray(self.z), inputs)
        units = dict(self.observations.units)
        return {k: self._band(found[k], slope[k], units.get(k, "internal"), level) for k in found}

    def _propagate(self, function, unit, level) -> Band:
        z = jnp.asarray(self.z)
        return self._band(function(z), jax.jacfwd(function)(z), unit, level)

    def _band(self, value, slope, unit, level) -> Band:
        scale = 1.0 if unit == "internal" else factor(unit)
        value, slope = np.asarray(value) / scale, np.asarray(slope) / scale
        sd = np.sqrt(np.einsum("...i,ij,...j->...", slope, self.covariance_z, slope))
        reach = quantile(level) * sd
        return Band(value, sd, value - reach, value + reach, unit)

    # text and files ---------------------------------------------------------------------------------------------

    def report(self, level: float = 0.9) -> str:
        """The fit as a text table."""
        from msjax.calibration.report import report

        return report(self, level)

    def __str__(self) -> str:
        return self.report()

    def __repr__(self) -> str:
        return f"Fit({', '.join(self.names)}: {Code(int(self.status.code)).name}, chi2 {self.chi2:.4g})"

    def save(self, path: str | os.PathLike) -> None:
        """Write the fit as JSON, replacing the file in one step; functions (ties, selectors) are not kept."""
        from msjax.calibration.archive import save

        save(self, path)

    @staticmethod
    def load(path: str | os.PathLike, parameters: Sequence[Parameter] | None = None) -> "Fit":
        """Read a fit. ``parameters`` gives ties and selectors back; they must agree with the saved ones.

        Raises:
            ValueError: naming the file and the entry, for anything that is not a fit of this version.
        """
        from msjax.calibration.archive import load

        return load(path, parameters)
