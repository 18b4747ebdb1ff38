"""Do the intervals hold what they promise? Fits to synthetic data whose truth is known."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.calibration.laplace import quantile
from msjax.calibration.observations import Observations
from msjax.calibration.parameter import Parameter, check_parameters, check_places, component_names
from msjax.calibration.posterior import (
    TOLERANCE,
    check_predictions,
    named,
    posterior_mode,
    predict,
    solver_named,
)
from msjax.calibration.report import table
from msjax.status import Code, Status, screen, summary
from msjax.typing import Array


class Coverage(NamedTuple):
    """How often the intervals held the truth, per component, over the sets whose fit did not fail.

    ``fraction`` and its ``standard_error`` (n,); ``truth``, ``estimate`` and ``sd`` in normal scores (sets, n);
    ``status`` per set.
    """

    names: tuple[str, ...]
    level: float
    fraction: np.ndarray
    standard_error: np.ndarray
    truth: np.ndarray
    estimate: np.ndarray
    sd: np.ndarray
    status: Status

    @property
    def failed(self) -> int:
        """Number of sets whose fit failed; they are left out of ``fraction``."""
        return int(np.sum(np.asarray(self.status.failed)))

    def __str__(self) -> str:
        good = ~np.asarray(self.status.failed)
        ratio = np.median(self.sd[good], axis=0) if good.any() else np.full(len(self.names), np.nan)
        rows = [
            [name, f"{100 * f:.1f} ± {100 * e:.1f} %", f"{r:.2g}"]
            for name, f, e, r in zip(self.names, self.fraction, self.standard_error, ratio, strict=True)
        ]
        title = f"{100 * self.level:g} % intervals, {summary(self.status)}"
        return "\n".join([title, *table(["parameter", "hold the truth", "median sd/prior"], rows)])


@eqx.filter_jit
def _fit_all(model, observations, parameters, keys, starts, solver, max_steps, tolerance, chunk):
    size = len(component_names(parameters))
    first = jnp.concatenate([jnp.asarray(parameter.start) for parameter in parameters])

    def one(key):
        truth_key, noise_key, start_key = jax.random.split(key, 3)
        truth = jax.random.normal(truth_key, (size,), first.dtype)
        exact = named(predict(model, parameters, truth, observations.controls), observations)
        noise = jax.random.normal(noise_key, (len(observations.names), observations.rows), first.dtype)
        data = observations.with_values(
            {k: exact[k] + observations.sd[k] * noise[i] for i, k in enumerate(observations.names)}
        )
        drawn = jax.random.normal(start_key, (starts - 1, size), first.dtype)
        points = jnp.concatenate([first[None, :], drawn])
        modes = jax.vmap(lambda z: posterior_mode(model, data, parameters, z, solver, max_steps, tolerance))(points)
        best = jnp.argmin(jnp.where(modes.status.failed, jnp.inf, modes.misfit))
        mode = jax.tree.map(lambda x: x[best], modes)
        sound = jnp.all(jnp.stack([jnp.all(jnp.isfinite(data.values[k])) for k in observations.names]))
        sd = jnp.sqrt(jnp.diagonal(jnp.linalg.inv(mode.hessian)))
        return truth, mode.z, sd, screen(mode.status, ~sound, Code.NONFINITE)

    return jax.lax.map(one, keys, batch_size=chunk) if chunk else jax.vmap(one)(keys)


def coverage(
    model: Any,
    observations: Observations,
    parameters: Sequence[Parameter],
    key: Array,
    *,
    sets: int = 1000,
    level: float = 0.9,
    starts: int = 1,
    method: Any = "levenberg-marquardt",
    max_steps: int = 200,
    tolerance: float = TOLERANCE,
    chunk: int | None = None,
) -> Coverage:
    """Fit ``sets`` synthetic data sets, in one compiled program, and count how often the intervals hold the truth.

    Set i draws its truth from the prior and normal errors of the observations' standard deviations from
    ``fold_in(key, i)``; the measured values of ``observations`` are not used. The fit starts from the initial values,
    never from the truth. A set whose model or fit fails is counted as failed and left out.

    Args:
        model, observations, parameters, method, max_steps, tolerance: as for :func:`calibrate`.
        key: seed.
        sets: number of data sets.
        level: of the intervals.
        starts: per set.
        chunk: sets solved at a time (all by default).

    Raises:
        ValueError: a mistake in the arguments, as for :func:`calibrate`.
    """
    parameters = check_parameters(parameters)
    check_places(model, parameters)
    check_predictions(model, observations, parameters)
    reach = quantile(level)
    if sets < 1 or starts < 1 or (chunk is not None and chunk < 1):
        raise ValueError(f"sets, starts and chunk must be at least 1, got {sets}, {starts} and {chunk}")
    # filled up to whole chunks, so that no smaller last one has to be compiled
    filled = sets if chunk is None else -(-sets // chunk) * chunk
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(filled))
    found = _fit_all(model, observations, parameters, keys, starts, solver_named(method), max_steps, tolerance, chunk)
    truth, estimate, sd = (np.asarray(x)[:sets] for x in found[:3])
    status = jax.tree.map(lambda x: x[:sets], found[3])
    good = ~np.asarray(status.failed)
    # an interval is monotone in z, so holding the truth there is holding it in the parameter
    held = np.abs(truth - estimate)[good] <= reach * sd[good]
    count = max(int(good.sum()), 1)
    fraction = held.sum(axis=0) / count if good.any() else np.full(truth.shape[1], np.nan)
    return Coverage(
        names=tuple(component_names(parameters)),
        level=level,
        fraction=fraction,
        standard_error=np.sqrt(level * (1 - level) / count) * np.ones_like(fraction),
        truth=truth,
        estimate=estimate,
        sd=sd,
        status=status,
    )
