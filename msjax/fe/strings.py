"""Strings of linear elements: eigenvectors of one dimension, whose products solve separable media in two or three.

A string of n elements of unit length has the stiffness K and the mass M; its vectors v satisfy K v = k D v and
M v = m D v with one diagonal D of nodal weights. A kind of string says (vectors as columns, vᵀDv, k, m).
"""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from msjax.fe.voxels import VoxelGrid
from msjax.typing import Array, Float

Solver = Callable[[Float[Array, "c ..."]], Float[Array, "c ..."]]

String = Callable[[int], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]

NULL = 1e-10
"""Symbols below this part of the largest are null modes (constants, hourglasses) and solved with zero: the
pseudo-inverse of round-off would make the preconditioner indefinite."""


def sines(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vectors of a string held at both ends (inner nodes), their norms, stiffness and mass."""
    theta = np.pi * np.arange(1, n) / n
    vectors = np.sin(np.outer(np.arange(1, n), theta))
    return vectors, np.full(n - 1, 0.5 * n), 2.0 - 2.0 * np.cos(theta), (4.0 + 2.0 * np.cos(theta)) / 6.0


def cosines(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The same of a free string: with half weights at the ends its cosines are orthogonal."""
    theta = np.pi * np.arange(n + 1) / n
    vectors = np.cos(np.outer(np.arange(n + 1), theta))
    norms = np.full(n + 1, 0.5 * n)
    norms[[0, -1]] = n
    return vectors, norms, 2.0 - 2.0 * np.cos(theta), (4.0 + 2.0 * np.cos(theta)) / 6.0


def waves(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The same of a closed string: real Fourier modes, cosines first."""
    cosine, sine = np.arange(n // 2 + 1), np.arange(1, (n + 1) // 2)
    theta = 2.0 * np.pi * np.concatenate([cosine, sine]) / n
    turns = np.outer(np.arange(n), theta)
    vectors = np.concatenate([np.cos(turns[:, : len(cosine)]), np.sin(turns[:, len(cosine) :])], axis=1)
    norms = np.sum(vectors * vectors, axis=0)
    return vectors, norms, 2.0 - 2.0 * np.cos(theta), (4.0 + 2.0 * np.cos(theta)) / 6.0


def separable(
    grid: VoxelGrid, reference: Float[Array, "c d c d"], strings: tuple[String, ...], single: bool = False
) -> Solver:
    """Solve with Σ_J A_iJiJ ∂_J² of the same elements, by transforms along the axes, for each component i.

    ``strings`` has one kind for each axis; ``single``: for residuals in float32, with tables worked out in float64.
    """
    dim, components = grid.dim, reference.shape[0]
    vectors, norms, stiffness, mass = zip(*(s(n) for s, n in zip(strings, grid.shape, strict=True)), strict=True)

    def along(values, axis):
        return jnp.asarray(values).reshape([-1 if a == axis else 1 for a in range(dim)])

    symbol = 0.0
    for j in range(dim):
        term = jnp.ones((1,) * dim)
        for axis in range(dim):
            h = grid.spacing[axis]
            term = term * along(stiffness[axis] / h if axis == j else mass[axis] * h, axis)
        modulus = jnp.stack([reference[i, j, i, j] for i in range(components)])
        symbol = symbol + modulus.reshape(-1, *(1,) * dim) * term[None]
    norm = jnp.ones((1,) * dim)
    for axis in range(dim):
        norm = norm * along(norms[axis], axis)
    largest = jnp.max(symbol)
    alive = symbol > NULL * largest
    scale = jnp.where(alive, 1.0 / jnp.where(alive, symbol * norm[None], 1.0), 0.0)

    kind = jnp.float32 if single else jnp.float64
    scale = scale.astype(kind)

    def transform(field, transposed):
        for axis in range(dim):
            matrix = vectors[axis].T if transposed else vectors[axis]
            moved = jnp.tensordot(field, jnp.asarray(matrix, kind), axes=([1 + axis], [1]))
            field = jnp.moveaxis(moved, -1, 1 + axis)
        return field

    def solve(r):
        return transform(scale * transform(r, True), False)

    return solve
