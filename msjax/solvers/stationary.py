"""The one place of implicit differentiation: a stationary point as a function of its arguments."""

from functools import partial
from typing import Any

import jax
import jax.numpy as jnp

from msjax.solvers.linear import deflate, solve_dense
from msjax.solvers.newton import Functional, Newton, newton
from msjax.status import Status
from msjax.typing import Array, Float


def stationary(
    functional: Functional,
    start: Float[Array, " n"],
    arguments: Any,
    settings: Newton,
    null_space: Float[Array, "n k"] | None = None,
) -> tuple[Float[Array, " n"], Status]:
    """x*(arguments) with ∂E/∂x = 0, differentiable in the arguments to any order, forward and reverse.

    The derivative is dx = −H⁻¹ ∂g·d(arguments) with the Hessian H and the gradient g at the solution, solved through
    ``lax.custom_linear_solve`` so that it transposes; the start has zero derivative. H is inverted on the complement
    of ``null_space`` (orthonormal columns). A failed member returns its start: compute with it, then pass the results
    through :func:`msjax.status.guard`, which makes value and derivative NaN.
    """
    return _stationary(functional, settings, jax.lax.stop_gradient(start), arguments, null_space)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _stationary(functional, settings, start, arguments, null_space):
    return newton(functional, start, arguments, settings, null_space)


@_stationary.defjvp
def _stationary_jvp(functional, settings, primals, tangents):
    start, arguments, null_space = primals
    _, d_arguments, _ = tangents
    x, status = _stationary(functional, settings, start, arguments, null_space)
    _, d_gradient = jax.jvp(lambda a: functional.gradient(x, a), (arguments,), (d_arguments,))
    _, _, hessian = functional.derivatives(x, functional.prepare(arguments))
    if null_space is not None:
        hessian = deflate(hessian, null_space)
    # A failed member is differentiated with a unit matrix: guard() speaks for it downstream, and a zero cotangent
    # must stay zero.
    hessian = jnp.where(status.failed, jnp.eye(hessian.shape[0]), hessian)
    dx = jax.lax.custom_linear_solve(
        lambda v: hessian @ v,
        -d_gradient,
        solve=lambda _, b: solve_dense(hessian, b),
        symmetric=True,
    )
    return (x, status), (dx, jax.tree.map(_no_tangent, status))


def _no_tangent(leaf):
    if jnp.issubdtype(leaf.dtype, jnp.floating):
        return jnp.zeros_like(leaf)
    return jax.numpy.zeros(leaf.shape, dtype=jax.dtypes.float0)
