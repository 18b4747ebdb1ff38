"""One scalar equation inside a bracket, differentiable in its arguments: the return map of a material point."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from msjax.solvers.stationary import no_tangent
from msjax.status import Code, Status
from msjax.typing import Array, Float, Scalar

STEP = 1e-9
"""The loop ends with a relative step this small: Newton converges quadratically, the error is near its square."""


def scalar_root(
    function: Callable[[Scalar, Any], Scalar],
    low: Float[Array, ""],
    high: Float[Array, ""],
    arguments: Any,
    max_steps: int = 50,
) -> tuple[Scalar, Status]:
    """x in [low, high] with f(x, arguments) = 0, for f that falls from f(low) ≥ 0 to f(high) ≤ 0.

    Newton's method from ``low``, kept in the bracket by bisection. The result is differentiable in ``arguments`` to
    any order, forward and reverse, by dx = −∂f·d(arguments)/f′ at the root; the bracket has zero derivative.
    ``function`` must be hashable: a module-level function, whose numbers come in ``arguments`` (arrays only).

    A failed member (MAX_STEPS; NONFINITE where f is not finite) returns ``low``: compute with it, then pass the
    results through :func:`msjax.status.guard`.

    >>> import jax, jax.numpy as jnp
    >>> def cubic(x, a):
    ...     return a - x**3
    >>> def root(a):
    ...     return scalar_root(cubic, jnp.array(0.0), jnp.array(10.0), a)[0]
    >>> float(root(jnp.array(8.0))), float(jax.grad(root)(jnp.array(8.0)))
    (2.0, 0.083333)
    """
    return _root(function, max_steps, jax.lax.stop_gradient(low), jax.lax.stop_gradient(high), arguments)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _root(function, max_steps, low, high, arguments):
    reach = jnp.abs(high - low)

    def turn(state):
        x, low, high, _, _, count = state
        value, slope = jax.jvp(lambda y: function(y, arguments), (x,), (jnp.ones_like(x),))
        low, high = jnp.where(value > 0, x, low), jnp.where(value > 0, high, x)
        newton = x - value / slope
        middle = 0.5 * (low + high)
        there = value == 0
        y = jnp.where(there, x, jnp.where((newton >= low) & (newton <= high), newton, middle))
        small = jnp.abs(y - x) <= STEP * (jnp.abs(y) + 1e-6 * reach)
        return y, low, high, small, jnp.isfinite(value), count + 1

    def keep_going(state):
        _, _, _, small, finite, count = state
        return ~small & finite & (count < max_steps)

    zero = 0.0 * jnp.sum(jnp.isfinite(low).astype(low.dtype))  # of the bracket's sharding
    start = (low, low, high, zero > 1.0, zero < 1.0, jnp.asarray(0, jnp.int32))
    x, a, b, small, finite, count = jax.lax.while_loop(keep_going, turn, start)
    code = jnp.where(small, Code.CONVERGED.value, Code.MAX_STEPS.value)
    code = jnp.where(finite, code, Code.NONFINITE.value).astype(jnp.int32)
    status = Status(code, count, jnp.abs(b - a))
    return jnp.where(status.failed, low, x), status


@_root.defjvp
def _root_jvp(function, max_steps, primals, tangents):
    low, high, arguments = primals
    x, status = _root(function, max_steps, low, high, arguments)
    _, change = jax.jvp(lambda a: function(x, a), (arguments,), (tangents[2],))
    slope = jax.grad(function)(x, arguments)
    # a failed member is differentiated with slope 1: guard() speaks for it downstream
    dx = -change / jnp.where(status.failed, 1.0, slope)
    return (x, status), (dx, jax.tree.map(no_tangent, status))
