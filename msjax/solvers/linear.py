"""Dense solves of the small systems that condensation meets."""

import jax.numpy as jnp

from msjax.tensors import inverse
from msjax.typing import Array, Float

UNROLLED = 12
"""Up to this size Gaussian elimination is unrolled; LAPACK in a batch on the CPU is slow and erratic."""


def solve_dense(matrix: Float[Array, "n n"], rhs: Float[Array, "n *k"]) -> Float[Array, "n *k"]:
    """Solve a dense system: closed form up to 3, unrolled LDLᵀ-type elimination up to 12, LU beyond.

    The elimination does not pivot: it is meant for symmetric matrices that are definite, or indefinite far from a
    zero leading minor. A zero pivot gives infinities, which the caller's status reports as SINGULAR.

    >>> import jax.numpy as jnp
    >>> solve_dense(jnp.array([[2.0, 1.0], [1.0, 3.0]]), jnp.array([3.0, 4.0])).tolist()
    [1.0, 1.0]
    """
    n = matrix.shape[0]
    if n <= 3:
        return inverse(matrix) @ rhs
    if n > UNROLLED:
        return jnp.linalg.solve(matrix, rhs)
    columns = rhs[:, None] if rhs.ndim == 1 else rhs
    solution = _eliminate(matrix, columns)
    return solution[:, 0] if rhs.ndim == 1 else solution


def _eliminate(matrix, rhs):
    augmented = jnp.concatenate([matrix, rhs], axis=1)
    n = matrix.shape[0]
    rows = []
    for k in range(n):  # forward: one row becomes final, the rest shrink
        pivot = augmented[0, 1:] / augmented[0, 0]
        rows.append(pivot)
        if k < n - 1:
            augmented = augmented[1:, 1:] - augmented[1:, :1] * pivot[None, :]
    known: list = []
    for k in reversed(range(n)):  # backward
        row = rows[k]
        value = row[n - 1 - k :]
        for offset, x in enumerate(known):
            value = value - row[offset] * x
        known.insert(0, value)
    return jnp.stack(known)


def deflate(matrix: Float[Array, "n n"], null_space: Float[Array, "n k"]) -> Float[Array, "n n"]:
    """Make a matrix invertible on the complement of a declared null space: H + s N Nᵀ.

    ``null_space`` has orthonormal columns; s is the mean diagonal of H, so that the condition number is kept. For a
    right-hand side orthogonal to N the solution is orthogonal to N and s does not matter.
    """
    scale = jnp.trace(matrix) / matrix.shape[0]
    return matrix + scale * (null_space @ null_space.T)
