"""Do the intervals hold what they promise? Fits to synthetic data whose truth is known."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.calibration.fitting import Progress
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
from msjax.solvers.linear import solve_dense
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
def _fit_all(model, observations, parameters, keys, starts, solver, max_steps, tolerance):
    size = len(component_names(parameters))
    first = jnp.concatenate([jnp.asarray(parameter.start) for parameter in parameters])

    def one(key):
        # one call for all normal numbers: each call costs as much to compile as a small model
        draws = jax.random.normal(key, (size + observations.count + (starts - 1) * size,), first.dtype)
        truth, draws = draws[:size], draws[size:]
        *noise, drawn = jnp.split(draws, np.cumsum(observations.lengths))
        exact = named(predict(model, parameters, truth, observations.controls), observations)
        data = observations.with_values(
            {k: exact[k] + observations.sd[k] * noise[i] for i, k in enumerate(observations.names)}
        )
        points = jnp.concatenate([first[None, :], drawn.reshape(starts - 1, size)])
        modes = jax.vmap(lambda z: posterior_mode(model, data, parameters, z, solver, max_steps, tolerance))(points)
        best = jnp.argmin(jnp.where(modes.status.failed, jnp.inf, modes.misfit))
        mode = jax.tree.map(lambda x: x[best], modes)
        sound = jnp.all(jnp.stack([jnp.all(jnp.isfinite(data.values[k])) for k in observations.names]))
        sd = jnp.sqrt(jnp.diagonal(solve_dense(mode.hessian, jnp.eye(size))))
        return truth, mode.z, sd, screen(mode.status, ~sound, Code.NONFINITE)

    return jax.vmap(one)(keys)


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
    progress: Progress | None = None,
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
        progress: called as ``progress(done, total, message)`` after each chunk.

    Raises:
        ValueError: a mistake in the arguments, as for :func:`calibrate`.
    """
    parameters = check_parameters(parameters)
    check_places(model, parameters)
    check_predictions(model, observations, parameters)
    reach = quantile(level)
    if sets < 1 or starts < 1 or (chunk is not None and chunk < 1):
        raise ValueError(f"sets, starts and chunk must be at least 1, got {sets}, {starts} and {chunk}")
    size = sets if chunk is None else min(chunk, sets)
    # filled up to whole chunks, so that no smaller last one has to be compiled
    keys = jax.vmap(lambda i: jax.random.fold_in(key, i))(jnp.arange(-(-sets // size) * size))
    tell = progress or (lambda done, total, message: None)
    tell(0, sets, f"compiling and fitting {sets} synthetic data sets")
    solver, parts = solver_named(method), []
    for begin in range(0, sets, size):
        part = keys[begin : begin + size]
        found = _fit_all(model, observations, parameters, part, starts, solver, max_steps, tolerance)
        parts.append(jax.tree.map(np.asarray, found))
        tell(min(begin + size, sets), sets, "fitted")
    truth, estimate, sd, status = jax.tree.map(lambda *x: np.concatenate(x)[:sets], *parts)
    status = jax.tree.map(jnp.asarray, status)
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
