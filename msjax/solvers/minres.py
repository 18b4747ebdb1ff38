"""MINRES: symmetric systems that need not be definite."""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from msjax.solvers.conjugate_gradients import ConjugateGradients, System, norm
from msjax.solvers.restarted import restarted
from msjax.status import Code, Status
from msjax.typing import Array, Float, Int, Scalar


class _Lanczos(NamedTuple):
    """Two Lanczos vectors before and after preconditioning, two search directions, the last two rotations."""

    x: Float[Array, "..."]
    before: Float[Array, "..."]
    now: Float[Array, "..."]
    scaled: Float[Array, "..."]
    direction: Float[Array, "..."]
    older: Float[Array, "..."]
    beta: Scalar
    cosine: Scalar
    sine: Scalar
    delta: Scalar
    epsilon: Scalar
    left: Scalar
    steps: Int[Array, ""]


def minres(
    system: System, start: Float[Array, "..."], settings: ConjugateGradients
) -> tuple[Float[Array, "..."], Status]:
    """Solve A x = b for a symmetric A, indefinite or not, with a symmetric positive definite preconditioner.

    C. C. Paige and M. A. Saunders (doi:10.1137/0712047). SINGULAR where no more of the residual goes away (an
    inconsistent system), NONFINITE for NaN.
    """

    def cycle(residual, factor, most):
        return _minimal_residual(system, residual, factor, most)

    return restarted(system, cycle, start, settings, Code.SINGULAR)


def _minimal_residual(system, residual, factor, most):
    first = system.precondition(residual)
    size = jnp.sqrt(jnp.maximum(jnp.vdot(residual, first), 0.0))
    tiny = jnp.finfo(size.dtype).tiny

    def keep_going(s):
        # an exact solution, or all of the space used: the next Lanczos vector is round-off
        return (s.left > factor * size) & (s.steps < most) & (s.beta > 1e-14 * size)

    def turn(s):
        v = s.scaled / s.beta
        image = system.operator(v)
        alpha = jnp.vdot(v, image)
        following = image - alpha / s.beta * s.now - jnp.where(s.steps > 0, s.beta, 0.0) * s.before
        scaled = system.precondition(following)
        product = jnp.vdot(following, scaled)
        beta = jnp.sqrt(jnp.where(product > 0, product, 0.0) + 0.0 * product)  # keeps a NaN
        # the previous rotation, then a new one
        epsilon, delta = s.epsilon, s.cosine * s.delta + s.sine * alpha
        low = s.sine * s.delta - s.cosine * alpha
        gamma = jnp.maximum(jnp.sqrt(low**2 + beta**2), tiny)
        cosine, sine = low / gamma, beta / gamma
        direction = (v - epsilon * s.older - delta * s.direction) / gamma
        return _Lanczos(
            s.x + cosine * s.left * direction,
            s.now / s.beta,
            following,
            scaled,
            direction,
            s.direction,
            beta,
            cosine,
            sine,
            -s.cosine * beta,
            s.sine * beta,
            sine * s.left,
            s.steps + 1,
        )

    zero = jnp.zeros_like(residual)
    nothing = 0.0 * size
    state = _Lanczos(
        zero, zero, residual, first, zero, zero, size, nothing - 1.0, nothing, nothing, nothing, size, 0 * most
    )
    state = jax.lax.while_loop(keep_going, turn, state)
    return jnp.where(jnp.isfinite(norm(residual)) & (size > 0), state.x, jnp.nan * zero), state.steps
