"""Local minima of functions that are cheap in batches and may have kinks: lowest eigenvalues over waves."""

from collections.abc import Callable
from itertools import product

import jax
import jax.numpy as jnp
import numpy as np

from msjax.tensors import inverse, leading_minors
from msjax.typing import Array, Float, Int, Scalar

STEPS = 10


def refine(
    function: Callable[[Float[Array, "s d"]], Float[Array, " s"]],
    start: Float[Array, " d"],
    spacing: float,
    steps: int = STEPS,
) -> tuple[Float[Array, " d"], Scalar]:
    """Lowest point found from ``start`` on, within about ``spacing`` times a few, and its value.

    Each step evaluates a 3^d stencil, fits a quadratic to it and goes to the fit's minimum where that lies inside, else
    to the best point seen; the stencil shrinks unless its border won. The result is never above the start. Smooth
    minima are found to about round-off of the value, kinks to ``spacing`` × 2^−steps.
    """
    stencil, fit = _stencil(start.shape[0])
    dim = start.shape[0]

    def step(_, state):
        centre, size, best, lowest = state
        points = centre[None, :] + size * stencil
        values = function(points)
        at = jnp.argmin(jnp.where(jnp.isfinite(values), values, jnp.inf))
        better = values[at] < lowest
        best = jnp.where(better, points[at], best)
        lowest = jnp.where(better, values[at], lowest)
        coefficients = fit @ jnp.where(jnp.isfinite(values), values, lowest)
        slope, curvature = coefficients[1 : dim + 1], _symmetric(coefficients[dim + 1 :], dim)
        convex = jnp.all(leading_minors(curvature) > 0)
        move = -inverse(jnp.where(convex, curvature, jnp.eye(dim))) @ slope
        inside = convex & (jnp.max(jnp.abs(move)) <= 1.0)
        home = at == len(stencil) // 2
        centre = jnp.where(inside, centre + size * move, best)
        size = size * jnp.where(inside, 0.25, jnp.where(home, 0.5, 1.0))
        return centre, jnp.maximum(size, 1e-4 * spacing), best, lowest

    state = (start, jnp.asarray(spacing, start.dtype), start, jnp.asarray(jnp.inf, start.dtype))
    _, _, best, lowest = jax.lax.fori_loop(0, steps, step, state)
    return best, lowest


def best_of_blocks(values: Float[Array, " n"], blocks: np.ndarray, count: int) -> Int[Array, " c"]:
    """Indices of the ``count`` lowest among the best of each block: starts that do not crowd around one minimum.

    ``blocks`` (n,) numbers the region each sample lies in.
    """
    members = [np.flatnonzero(blocks == b) for b in np.unique(blocks)]
    widest = max(len(m) for m in members)
    table = np.stack([np.resize(m, widest) for m in members])
    values = jnp.where(jnp.isnan(values), jnp.inf, values)
    best = jnp.asarray(table)[jnp.arange(len(table)), jnp.argmin(values[table], axis=1)]
    return best[jnp.argsort(values[best])[:count]]


def _stencil(dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of {−1, 0, 1}^d and the matrix from their values to constant, gradient and Hessian (upper triangle)."""
    points = np.array(list(product((-1.0, 0.0, 1.0), repeat=dim)))
    columns = [np.ones(len(points))] + [points[:, i] for i in range(dim)]
    for i in range(dim):
        for j in range(i, dim):
            columns.append(points[:, i] * points[:, j] * (0.5 if i == j else 1.0))
    return points, np.linalg.pinv(np.stack(columns, axis=1))


def _symmetric(triangle, dim: int) -> Float[Array, "d d"]:
    index = np.zeros((dim, dim), int)
    rows, columns = np.triu_indices(dim)
    index[rows, columns] = index[columns, rows] = np.arange(len(rows))
    return triangle[index]
