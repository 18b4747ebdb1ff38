"""The fit as a pure function, for use inside jit, vmap and grad."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax.calibration.observations import Observations
from msjax.calibration.parameter import Parameter, Values, values_at
from msjax.calibration.posterior import TOLERANCE, misfit, posterior_mode, solver_named
from msjax.solvers.newton import FromEnergy, Newton
from msjax.solvers.stationary import stationary
from msjax.status import Status, first_failure, guard
from msjax.typing import Array, Float


def estimate(
    model: Any,
    observations: Observations,
    parameters: Sequence[Parameter],
    *,
    start: Float[Array, " n"] | None = None,
    method: Any = "levenberg-marquardt",
    max_steps: int = 200,
    tolerance: float = TOLERANCE,
) -> tuple[Values, Status]:
    """The most probable parameters (internal units) from one start, and whether that start converged.

    Differentiable, forward and reverse, with respect to the arrays in ``model`` and ``observations``: the condition
    that the misfit's gradient vanishes is polished by Newton's method and differentiated implicitly. A failed start
    has NaN values and NaN derivatives. Nothing is checked here; :func:`calibrate` checks its arguments.

    Args:
        start: normal scores to start from; without it the parameters' initial values.

    How much a fitted constant moves with the first of four data, one quarter if the prior is wide:

    >>> import jax, jax.numpy as jnp, numpy as np
    >>> from msjax.calibration import Normal, Observations, Parameter
    >>> data = Observations.of({"y [-]": np.array([1.0, 2.0, 3.0, 4.0])}, sd={"y": 0.1})
    >>> parameters = [Parameter("a", "-", prior=Normal(0.0, 1e4))]
    >>> def fitted(y):
    ...     return estimate(lambda v, c: v["a"] * jnp.ones(4), data.with_values({"y": y}), parameters)[0]["a"]
    >>> round(float(jax.grad(fitted)(data.values["y"])[0]), 6)
    0.25
    """
    parameters = tuple(parameters)
    if start is None:
        start = jnp.concatenate([jnp.asarray(parameter.start) for parameter in parameters])
    everything, structure = eqx.partition((model, observations, parameters), eqx.is_array)

    def energy(z, arrays):
        whole = eqx.combine(arrays, structure)
        return misfit(whole[0], whole[1], whole[2], z)

    frozen = eqx.combine(jax.lax.stop_gradient(everything), structure)
    begin = jax.lax.stop_gradient(start)
    mode = posterior_mode(frozen[0], frozen[1], frozen[2], begin, solver_named(method), max_steps, tolerance)
    near = jnp.where(mode.status.failed, start, mode.z)
    z, polished = stationary(FromEnergy(energy), near, everything, Newton(tolerance=1e-6, max_steps=20))
    status = first_failure(mode.status, polished)
    return guard(values_at(parameters, z), status.failed), status
