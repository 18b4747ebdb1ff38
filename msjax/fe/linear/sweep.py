"""Inverses of symmetric matrices by sweeping, which a singular matrix survives and a batch does not slow down."""

import jax
import jax.numpy as jnp

from msjax.tensors import sum_of
from msjax.typing import Array, Float, Int


def generalized_inverse(matrix: Float[Array, "n n *m"]) -> Float[Array, "n n *m"]:
    """A symmetric G with A G A = A for symmetric positive semidefinite A; the inverse where there is one.

    The sweep operator (J. H. Goodnight, The American Statistician 33, 1979) on every pivot in turn; a pivot that
    elimination has left at round-off of its diagonal is passed over, as if its unknown were held: its row of G is zero.
    Many matrices lie along trailing axes. Each turn is one change of rank one: dense LAPACK inside a batch on the CPU
    is slow, and unrolled elimination is slow to compile.

    >>> import jax.numpy as jnp
    >>> generalized_inverse(jnp.array([[2.0, 0.0], [0.0, 0.0]])).tolist()
    [[0.5, 0.0], [0.0, 0.0]]
    """
    n = matrix.shape[0]
    batch = (1,) * (matrix.ndim - 2)
    index = jnp.arange(n)
    down, across = index.reshape(n, 1, *batch), index.reshape(1, n, *batch)
    diagonal = jnp.abs(jnp.sum(jnp.where(down == across, matrix, 0.0), axis=0))
    tiny = 64.0 * n * jnp.finfo(matrix.dtype).eps * diagonal

    def sweep(k: Int[Array, ""], a: Float[Array, "n n *m"]) -> Float[Array, "n n *m"]:
        row = jax.lax.dynamic_index_in_dim(a, k, 0, keepdims=False)
        pivot = jax.lax.dynamic_index_in_dim(row, k, 0, keepdims=False)
        dead = pivot <= jax.lax.dynamic_index_in_dim(tiny, k, 0, keepdims=False)
        one = jnp.where(dead, 0.0, 1.0 / jnp.where(dead, 1.0, pivot))[None]
        own = (index == k).reshape(n, *batch)
        row = jnp.where(own, 0.0, row)
        line = row * one
        # a − row rowᵀ/pivot; then the pivot's row and column
        changed = a - row[:, None] * line[None]
        edge = jnp.where(own, -one, line)
        return jnp.where(down == k, edge[None], jnp.where(across == k, edge[:, None], changed))

    return -jax.lax.fori_loop(0, n, sweep, matrix)


def times_blocks(blocks: Float[Array, "c c m"], rows: Float[Array, "c m"]) -> Float[Array, "c m"]:
    """Each of m blocks times its own vector."""
    return sum_of(blocks[:, j] * rows[None, j] for j in range(len(rows)))
