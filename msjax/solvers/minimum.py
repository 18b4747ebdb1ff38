"""Local minima, not saddles: Newton's method with the absolute values of the Hessian's eigenvalues.

:func:`msjax.solvers.newton.newton` goes downhill as well, but stays where the gradient vanishes by symmetry. Here a
saddle is left along its lowest mode, so that what comes out is a minimum or a failure.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from msjax.solvers.newton import LOCAL, Functional, Newton
from msjax.status import Code, Status
from msjax.typing import Array, Float, Scalar

SADDLE = 1e-6
"""An eigenvalue below minus this fraction of the largest is a way down."""
SOFT = 1e-8
"""Eigenvalues count with at least this fraction of the largest in a step."""
FLAT = 1e-7
"""Below this gradient, in units of the largest eigenvalue times the natural length, a saddle is pushed off."""
STEPS = Newton(tolerance=1e-9, length=1.0, max_steps=200, largest_step=0.2)


class Minimum(NamedTuple):
    """``x`` (n,), its ``energy``, the Hessian's ``lowest`` eigenvalue there, and the ``status``."""

    x: Float[Array, " n"]
    energy: Scalar
    lowest: Scalar
    status: Status


def minimise(functional: Functional, start: Float[Array, " n"], arguments: Any, settings: Newton = STEPS) -> Minimum:
    """A minimum of an energy below ``start``: steps −Σ v (v·g)/|λ| over the Hessian's eigenpairs (λ, v).

    Saddle-free Newton (doi:10.48550/arXiv.1406.2572): quadratic near a minimum, downhill across saddles; where the
    gradient vanishes at a saddle the step follows the lowest mode. A step that raises the energy is halved. Not
    differentiable: polish the result with :func:`msjax.solvers.stationary.stationary`. MAX_STEPS, NONFINITE as in
    Newton, the point returned is then ``start``; UNSTABLE where the lowest eigenvalue is zero within round-off.

    >>> import jax.numpy as jnp
    >>> from msjax.solvers.newton import FromEnergy
    >>> well = FromEnergy(lambda x, _: (x[0] ** 2 - 1.0) ** 2 + (x[0] - x[1]) ** 2)
    >>> jnp.abs(minimise(well, jnp.zeros(2), ()).x).round(6).tolist()  # from the saddle at 0
    [1.0, 1.0]
    """

    def next_step(gradient, hessian, radius):
        values, vectors = jnp.linalg.eigh(hessian)
        scale = jnp.maximum(jnp.max(jnp.abs(values)), jnp.finfo(values.dtype).tiny)
        along = gradient @ vectors
        step = -(vectors @ (along / jnp.maximum(jnp.abs(values), SOFT * scale)))
        saddle = values[0] < -SADDLE * scale
        flat = jnp.max(jnp.abs(gradient)) <= FLAT * settings.length * scale
        push = jnp.where(along[0] > 0, -1.0, 1.0) * settings.length * radius
        step = step + jnp.where(saddle & flat, push, 0.0) * vectors[:, 0]
        size = jnp.max(jnp.abs(step)) / settings.length
        step = step * jnp.minimum(1.0, radius / jnp.where(size > 0, size, 1.0))
        definite = values[0] > SOFT * scale
        return step, size, values[0], definite, ~saddle & (size <= settings.tolerance)

    def keep_going(state):
        *_, iterations, done = state
        return ~done & (iterations < settings.max_steps)

    def turn(state):
        x, energy, steepness, step, radius, size, lowest, code, iterations, _ = state
        trial = x + step
        energy1, gradient, hessian = functional.derivatives(trial, prepared)
        finite = jnp.isfinite(energy1 + jnp.sum(gradient) + jnp.sum(hessian))
        first = jnp.isinf(energy)
        steepness1 = jnp.max(jnp.abs(gradient))
        nearer = (size <= LOCAL) & (steepness1 <= 0.5 * steepness)
        accept = finite & (first | nearer | (energy1 <= energy + 1e-14 * jnp.abs(energy1)))
        # eigenvalues of what is not finite are not asked for
        safe = jnp.where(finite, hessian, jnp.eye(hessian.shape[0]))
        widened = jnp.where(first, radius, jnp.minimum(2.0 * radius, settings.largest_step))
        step1, size1, lowest1, definite, minimum = next_step(gradient, safe, widened)
        converged = accept & minimum
        exhausted = ~accept & (first | (jnp.max(jnp.abs(step)) < 1e-12 * settings.length))
        code = jnp.where(
            converged,
            jnp.where(definite, Code.CONVERGED.value, Code.UNSTABLE.value),
            jnp.where(exhausted & ~finite, Code.NONFINITE.value, Code.MAX_STEPS.value),
        ).astype(jnp.int32)
        x = jnp.where(accept, trial, x)
        return (
            jnp.where(converged, x + step1, x),
            jnp.where(accept, energy1, energy),
            jnp.where(accept, steepness1, steepness),
            jnp.where(accept, step1, 0.5 * step),
            jnp.where(accept, widened, 0.5 * radius),
            jnp.where(accept, size1, size),
            jnp.where(accept, lowest1, lowest),
            code,
            iterations + 1,
            converged | exhausted,
        )

    prepared = functional.prepare(arguments)
    zero = 0.0 * jnp.sum(jnp.isfinite(start).astype(start.dtype))
    state = (
        start,
        zero + jnp.inf,
        zero + jnp.inf,
        jnp.zeros_like(start),
        zero + settings.largest_step,
        zero + jnp.inf,
        zero,
        jnp.asarray(Code.MAX_STEPS.value, jnp.int32),
        jnp.asarray(0, jnp.int32),
        jnp.asarray(False),
    )
    x, energy, _, _, _, size, lowest, code, iterations, _ = jax.lax.while_loop(keep_going, turn, state)
    status = Status(code, iterations, size)
    return Minimum(jnp.where(status.failed, start, x), energy, lowest, status)
