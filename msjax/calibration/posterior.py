"""The most probable parameters: least squares on whitened residuals and normal scores.

The misfit is χ²/2 = ½ Σ ((measured − predicted)/sd)² + ½ |z|², with z the normal scores of the free parameters, whose
priors are standard normal in z. Levenberg–Marquardt is optimistix's; whether a start has converged is decided here, by
the Newton decrement at the point it returned, because a trust region that shrank against a wall of NaN also reports
small steps.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import lineax as lx
import optax
import optimistix as optx

from msjax.calibration.observations import Observations
from msjax.calibration.parameter import Parameter, Values, place, values_at
from msjax.solvers.linear import solve_dense
from msjax.status import Code, Status
from msjax.typing import Array, Float, Scalar

TOLERANCE = 1e-3
"""Largest distance to the minimum, in posterior standard deviations, at which a start counts as converged."""


class Mode(eqx.Module):
    """A point of least misfit and the linearised model there.

    ``jacobian`` is the derivative of the residuals (measured − predicted)/sd with respect to z, ``hessian`` the
    Gauss–Newton one of the misfit, JᵀJ + I.
    """

    z: Float[Array, " n"]
    misfit: Scalar
    residuals: Float[Array, " data"]
    jacobian: Float[Array, "data n"]
    status: Status

    @property
    def hessian(self) -> Float[Array, "n n"]:
        return information(self.jacobian) + jnp.eye(self.z.shape[-1])


def information(jacobian: Float[Array, "data n"]) -> Float[Array, "n n"]:
    """Fisher information of the data in z, that is, in units of the prior's standard deviations: JᵀJ."""
    return jacobian.T @ jacobian


def predict(model: Any, parameters: Sequence[Parameter], z: Float[Array, " n"], controls: Values) -> Any:
    """What the model says at normal scores ``z``, in internal units: by name, or one array."""
    values = values_at(parameters, z)
    return place(model, parameters, values)(values, controls)


def residuals(model: Any, observations: Observations, parameters: Sequence[Parameter], z: Float[Array, " n"]) -> Array:
    """(measured − predicted)/sd of every datum at ``z``."""
    return observations.whitened(named(predict(model, parameters, z, observations.controls), observations))


def named(predictions: Any, observations: Observations) -> dict[str, Any]:
    """Predictions by name; a single array belongs to the single measured column."""
    return predictions if isinstance(predictions, dict) else {observations.names[0]: predictions}


def misfit(model: Any, observations: Observations, parameters: Sequence[Parameter], z: Float[Array, " n"]) -> Scalar:
    """½ Σ residual² + ½ |z|²: minus the logarithm of the posterior density in z, up to a constant."""
    r = residuals(model, observations, parameters, z)
    return 0.5 * (r @ r) + 0.5 * (z @ z)


def solver_named(method: Any) -> optx.AbstractLeastSquaresSolver | optx.AbstractMinimiser:
    """The optimistix solver a ``method`` stands for.

    Raises:
        ValueError: it is neither a known name, nor an optimistix solver, nor an optax optimiser.
    """
    if method == "levenberg-marquardt":
        return optx.LevenbergMarquardt(rtol=1e-8, atol=1e-8, linear_solver=lx.QR())
    if isinstance(method, optx.AbstractLeastSquaresSolver | optx.AbstractMinimiser):
        return method
    if isinstance(method, optax.GradientTransformation):
        return optx.OptaxMinimiser(method, rtol=1e-8, atol=1e-8)
    raise ValueError(
        f"method must be 'levenberg-marquardt', an optax optimiser or an optimistix least-squares solver or minimiser, "
        f"got {method!r}"
    )


def posterior_mode(
    model: Any,
    observations: Observations,
    parameters: Sequence[Parameter],
    start: Float[Array, " n"],
    solver: Any,
    max_steps: int,
    tolerance: float,
) -> Mode:
    """Minimise the misfit from one start (batch with vmap). A start that fails has NaN in ``z`` and says why."""

    more_parameters_than_data = start.shape[0] > observations.count

    def linearised(z, data):
        derivative = jax.jacrev if more_parameters_than_data else jax.jacfwd
        return derivative(lambda z: (residuals(model, data, parameters, z),) * 2, has_aux=True)(z)

    def both(z, data):
        return jnp.concatenate([residuals(model, data, parameters, z), z])

    def with_its_jacobian(z, data):
        # the same value and derivative, but linear in z: Levenberg–Marquardt compiles the derivative of what it is
        # given wherever it needs one, here a product with a matrix and there the model once more
        here = jax.lax.stop_gradient(z)
        jacobian, r = linearised(here, data)
        return jnp.concatenate([r + jacobian @ (z - here), z])

    levenberg_marquardt = isinstance(solver, optx.LevenbergMarquardt)
    # optax mixes integer and float steps, which strict promotion forbids
    promotion = "standard" if isinstance(solver, optx.AbstractMinimiser) else jax.config.jax_numpy_dtype_promotion
    with jax.numpy_dtype_promotion(promotion):
        solution = optx.least_squares(
            with_its_jacobian if levenberg_marquardt else both,
            solver,
            start,
            observations,
            options={"jac": "bwd" if more_parameters_than_data and not levenberg_marquardt else "fwd"},
            max_steps=max_steps,
            throw=False,
        )
    z = solution.value
    if levenberg_marquardt:
        # the state holds the model linearised at z: to do it again would compile the model twice
        at_z = solution.state.f_info
        r, jacobian = at_z.residual[: observations.count], at_z.jac.as_matrix()[: observations.count]
    else:
        jacobian, r = linearised(z, observations)
    gradient = jacobian.T @ r + z
    # JᵀJ + I is positive definite whatever the data: the prior keeps it so
    newton = solve_dense(information(jacobian) + jnp.eye(z.shape[0]), gradient)
    distance = jnp.sqrt(jnp.abs(gradient @ newton))
    code = jnp.where(distance <= tolerance, int(Code.CONVERGED), int(Code.MAX_STEPS))
    code = jnp.where(jnp.isfinite(distance) & jnp.all(jnp.isfinite(r)), code, int(Code.NONFINITE))
    status = Status.of(code, solution.stats["num_steps"], distance)
    spoilt = jnp.where(status.failed, jnp.nan, 0.0)
    return Mode(z + spoilt, 0.5 * (r @ r) + 0.5 * (z @ z) + spoilt, r + spoilt, jacobian + spoilt, status)


def check_predictions(model: Any, observations: Observations, parameters: Sequence[Parameter]) -> None:
    """Refuse a model that does not predict every measured column, before anything is compiled.

    Raises:
        ValueError: naming the column and what the model returned.
    """
    start = jnp.concatenate([jnp.asarray(parameter.start) for parameter in parameters])
    found = eqx.filter_eval_shape(predict, model, parameters, start, observations.controls)
    if not isinstance(found, dict):
        if len(observations.names) != 1:
            raise ValueError(
                f"the model must return a mapping with {', '.join(observations.names)}, got a {type(found).__name__}"
            )
        found = named(found, observations)
    for name in observations.names:
        if name not in found:
            raise ValueError(f"the model predicts no {name!r}; it returned {', '.join(found) or 'nothing'}")
        expected = observations.values[name].shape
        if getattr(found[name], "shape", None) != expected or not jnp.issubdtype(found[name].dtype, jnp.floating):
            raise ValueError(f"the model's {name!r} must be floats of shape {expected}, got {found[name]}")
