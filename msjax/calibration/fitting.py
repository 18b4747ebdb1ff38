"""Fit a model's parameters to observations."""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.calibration.fit import Fit
from msjax.calibration.observations import Observations
from msjax.calibration.parameter import Parameter, check_parameters, check_places
from msjax.calibration.posterior import (
    TOLERANCE,
    Mode,
    check_predictions,
    misfit,
    posterior_mode,
    solver_named,
)
from msjax.status import Code, SolveError, Status
from msjax.typing import Array, Float

Progress = Callable[[int, int, str], Any]
"""Called as ``progress(done, total, message)``."""


def starting_points(parameters: Sequence[Parameter], starts: int, key: Array) -> Float[Array, "starts n"]:
    """The initial values first, then draws from the prior; start i uses ``fold_in(key, i)``."""
    first = jnp.concatenate([jnp.asarray(parameter.start) for parameter in parameters])
    draws = [jax.random.normal(jax.random.fold_in(key, i), first.shape, first.dtype) for i in range(1, starts)]
    return jnp.stack([first, *draws])


@eqx.filter_jit
def _modes(model, observations, parameters, points, solver, max_steps, tolerance) -> Mode:
    def one(point):
        return posterior_mode(model, observations, parameters, point, solver, max_steps, tolerance)

    if points.shape[0] == 1:  # batched loops and branches cost the compiler much, and here there is no batch
        return jax.tree.map(lambda x: x[None], one(points[0]))
    return jax.vmap(one)(points)


@eqx.filter_jit
def _full_hessian(model, observations, parameters, z):
    return jax.hessian(lambda z: misfit(model, observations, parameters, z))(z)


def calibrate(
    model: Any,
    observations: Observations,
    parameters: Sequence[Parameter],
    *,
    starts: int = 8,
    key: Array | None = None,
    method: Any = "levenberg-marquardt",
    max_steps: int = 200,
    tolerance: float = TOLERANCE,
    curvature: str = "gauss-newton",
    chunk: int | None = None,
    progress: Progress | None = None,
    throw: bool = True,
) -> Fit:
    """The most probable parameters, with intervals and identifiability by Laplace's approximation.

    ``model(values, controls)`` returns the predicted columns by name (or one array, if one column is measured), all in
    internal units (eV, Å): ``values`` maps every parameter's name to its value, ``controls`` every control column's.
    The model may be any callable pytree; parameters with ``where`` also replace leaves of it.

    Args:
        model: the callable.
        observations: what was measured.
        parameters: free, fixed and tied ones.
        starts: the first begins at the initial values, the others at draws from the prior.
        key: seed of the draws; without it ``jax.random.key(0)``.
        method: "levenberg-marquardt", an optax optimiser (many parameters; more ``max_steps``), or an optimistix
            least-squares solver or minimiser.
        max_steps: per start.
        tolerance: a start has converged when the minimum is nearer than this many posterior standard deviations.
        curvature: "gauss-newton", or "full" for the exact Hessian of the misfit.
        chunk: starts solved at a time (all by default); progress is told after each chunk.
        progress: called as ``progress(done, total, message)``.
        throw: raise if every start failed; otherwise the fit is returned with NaN values and says so.

    Raises:
        ValueError: a mistake in the arguments, named, before anything is compiled.
        SolveError: every start failed.

    A straight line, whose posterior is known in closed form:

    >>> import numpy as np
    >>> from msjax.calibration import Normal, Observations, Parameter, calibrate
    >>> h = np.array([20.0, 40.0, 80.0])
    >>> data = Observations.of({"E_app [GPa]": 130.0 + 60.0 / h}, sd={"E_app": 1.0}, controls={"h [nm]": h})
    >>> parameters = [Parameter("E", "GPa", prior=Normal(120.0, 50.0)), Parameter("S", "N/m", prior=Normal(0.0, 1.0))]
    >>> fit = calibrate(lambda v, c: v["E"] + 2.0 * v["S"] / c["h"], data, parameters, starts=2)
    >>> fit.identifiability.verdicts
    ('identified', 'not identified by these data')
    """
    parameters = check_parameters(parameters)
    check_places(model, parameters)
    check_predictions(model, observations, parameters)
    solver = solver_named(method)
    if starts < 1 or max_steps < 1 or (chunk is not None and chunk < 1):
        raise ValueError(f"starts, max_steps and chunk must be at least 1, got {starts}, {max_steps} and {chunk}")
    if not (np.isfinite(tolerance) and tolerance > 0):
        raise ValueError(f"tolerance must be positive, got {tolerance!r}")
    if curvature not in ("gauss-newton", "full"):
        raise ValueError(f"curvature must be 'gauss-newton' or 'full', got {curvature!r}")
    points = starting_points(parameters, starts, jax.random.key(0) if key is None else key)
    tell = progress or (lambda done, total, message: None)
    tell(0, starts, f"compiling and fitting {observations.count} data")
    parts = []
    size = starts if chunk is None else min(chunk, starts)
    for begin in range(0, starts, size):
        # the last chunk is filled up with the first points, so that one compiled program serves all
        index = np.arange(begin, begin + size) % starts
        part = _modes(model, observations, parameters, points[index], solver, max_steps, tolerance)
        done = min(begin + size, starts)
        parts.append(jax.tree.map(lambda x, keep=done - begin: np.asarray(x)[:keep], part))
        tell(done, starts, f"least chi2/2 so far {_least(np.concatenate([p.misfit for p in parts])):.4g}")
    modes = jax.tree.map(lambda *x: np.concatenate(x), *parts)
    return _choose(model, observations, parameters, modes, method, curvature, throw)


def _choose(model, observations, parameters, modes: Mode, method, curvature, throw) -> Fit:
    """The best start that converged, the number of minima, and the curvature at the best."""
    z, misfits, residuals, jacobians = (np.asarray(x) for x in (modes.z, modes.misfit, modes.residuals, modes.jacobian))
    starts = jax.tree.map(jnp.asarray, modes.status)
    code = np.asarray(starts.code)
    good = ~np.asarray(starts.failed)
    best = int(np.argmin(np.where(good, misfits, np.inf))) if good.any() else int(np.argmin(code))
    outcome = Code(int(code[best]))
    if throw and not good.any():
        raise SolveError(f"calibrate: every start failed: {starts}", outcome)
    precision = jacobians[best].T @ jacobians[best] + np.eye(z.shape[1])
    hessian = precision
    if curvature == "full" and good.any():
        hessian = np.asarray(_full_hessian(model, observations, parameters, jnp.asarray(z[best])))
        if not np.all(np.linalg.eigvalsh(0.5 * (hessian + hessian.T)) > 0):
            outcome = Code.UNSTABLE
    return Fit(
        parameters=parameters,
        observations=observations,
        z=z[best],
        misfit=float(misfits[best]),
        residuals_flat=residuals[best],
        jacobian=jacobians[best],
        hessian=hessian,
        status=Status.of(outcome, int(starts.iterations[best]), float(starts.residual[best])),
        starts=starts,
        start_misfits=misfits,
        basins=len(_distinct(z[good], precision)),
        method=method if isinstance(method, str) else type(method).__name__,
        curvature=curvature,
    )


def _distinct(points: np.ndarray, precision: np.ndarray) -> list[np.ndarray]:
    """The points that lie more than a tenth of a posterior standard deviation from those before them."""
    found: list[np.ndarray] = []
    for z in points:
        if all((z - other) @ precision @ (z - other) > 0.01 for other in found):
            found.append(z)
    return found


def _least(misfits: np.ndarray) -> float:
    finite = misfits[np.isfinite(misfits)]
    return float(finite.min()) if finite.size else float("nan")
