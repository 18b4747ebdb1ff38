"""Chebyshev smoothing with block-Jacobi scaling: symmetric, products with the matrix only."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from msjax.solvers.conjugate_gradients import norm
from msjax.typing import Array, Scalar

Linear = Callable[[Array], Array]

SAFETY = 1.2
"""Times the largest eigenvalue that was found: the power method stays below."""


def chebyshev(
    apply: Linear,
    scale: Linear,
    largest: Scalar,
    steps: int,
    x: Array,
    residual: Array,
    correction: Array | None = None,
) -> tuple[Array, Array]:
    """``steps`` of the fourth-kind Chebyshev iteration for A x = b: (x, residual).

    The error polynomial is W_k(1 − 2λ/λmax)/(2k + 1), the best for multigrid (doi:10.1002/nla.2479); no lower bound of
    the spectrum is wanted. ``scale`` is D⁻¹, ``largest`` bounds the eigenvalues of D⁻¹A. Without ``correction`` the
    residual is that of x, before and after. With it, ``correction`` is a part of x that the residual does not know of
    yet, and the residual after the last step is left out: ``steps`` products with A in both cases.
    """
    k = np.arange(1, steps + 1)
    keep = jnp.asarray(np.where(k == 1, 0.0, (2 * k - 3) / (2 * k + 1)), x.dtype)
    gain = jnp.asarray((8 * k - 4) / (2 * k + 1), x.dtype) / largest

    def before(step, state):
        x, residual, direction = state
        direction = keep[step] * direction + gain[step] * scale(residual)
        return x + direction, residual - apply(direction), direction

    def after(step, state):
        x, residual, direction = state
        residual = residual - apply(direction)
        direction = keep[step] * direction + gain[step] * scale(residual)
        return x + direction, residual, direction

    if correction is None:
        start, turn = (x, residual, jnp.zeros_like(x)), before
    else:
        start, turn = (x, residual, correction), after
    x, residual, _ = jax.lax.fori_loop(0, steps, turn, start)
    return x, residual


def largest_eigenvalue(
    apply: Linear, scale: Linear, like: jax.ShapeDtypeStruct, steps: int = 6, floor: float = 1.0
) -> Scalar:
    """Of D⁻¹A, by the power method from a fixed irregular start, with a margin for what it has not found yet: six steps
    find nine tenths of it.

    At least ``floor`` (for block-Jacobi 1, the mean of the eigenvalues that are not zero), so that an operator of
    zeros does no harm.
    """
    start = scale(apply(noise(like.shape, like.dtype)))  # alike in stiff and in soft regions

    def turn(_, state):
        v, size = state
        image = scale(apply(v / jnp.maximum(size, jnp.finfo(v.dtype).tiny)))
        return image, norm(image)

    _, found = jax.lax.fori_loop(0, steps, turn, (start, norm(start)))
    return SAFETY * jnp.maximum(found, floor)


def noise(shape: tuple[int, ...], dtype: jnp.dtype) -> Array:
    """Fixed numbers in [−1, 1] without any pattern: integers that are scrambled."""
    bits = jnp.arange(int(np.prod(shape)), dtype=jnp.uint32) * np.uint32(747796405) + np.uint32(2891336453)
    bits = (bits ^ (bits >> np.uint32(15))) * np.uint32(2246822519)
    bits = (bits ^ (bits >> np.uint32(13))) * np.uint32(3266489917)
    bits = (bits ^ (bits >> np.uint32(16))) >> np.uint32(9)
    return (bits.astype(dtype) * 2.0**-22 - 1.0).reshape(shape)
