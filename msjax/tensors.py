"""Closed-form algebra for tensors of dimension 1, 2 and 3, and Voigt notation.

Dense LAPACK inside jit and vmap is slow and erratic on the CPU; these are plain arithmetic, differentiable to any
order and batched by vmap. Voigt order is 11, 22, 33, 23, 13, 12 with engineering shear (doubled) in strains.
"""

from functools import reduce
from operator import add

import jax.numpy as jnp
import numpy as np

from msjax.typing import Array, Bool, Float, Scalar

VOIGT = {
    1: ((0, 0),),
    2: ((0, 0), (1, 1), (0, 1)),
    3: ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)),
}
"""Index pairs in Voigt order, by dimension."""


def voigt_index(dim: int) -> np.ndarray:
    """Static (dim, dim) table from an index pair to its Voigt position.

    >>> voigt_index(3).tolist()
    [[0, 5, 4], [5, 1, 3], [4, 3, 2]]
    """
    table = np.zeros((dim, dim), int)
    for position, (i, j) in enumerate(VOIGT[dim]):
        table[i, j] = table[j, i] = position
    return table


def sum_of(terms) -> Array:
    """Add a short list of arrays term by term (elementwise, so that it fuses; ``jnp.sum`` of a stack does not)."""
    return reduce(add, terms)


def det(a: Float[Array, "d d"]) -> Scalar:
    """Determinant of a 1×1, 2×2 or 3×3 matrix."""
    dim = a.shape[0]
    if dim == 1:
        return a[0, 0]
    if dim == 2:
        return a[0, 0] * a[1, 1] - a[0, 1] * a[1, 0]
    return sum_of(a[0, j] * _cofactor(a, 0, j) for j in range(3))


def inverse(a: Float[Array, "d d"]) -> Float[Array, "d d"]:
    """Inverse of a 1×1, 2×2 or 3×3 matrix by cofactors.

    >>> import jax.numpy as jnp
    >>> inverse(jnp.array([[2.0, 0.0], [0.0, 4.0]])).tolist()
    [[0.5, -0.0], [-0.0, 0.25]]
    """
    dim = a.shape[0]
    if dim == 1:
        return 1.0 / a
    if dim == 2:
        adjugate = jnp.stack([jnp.stack([a[1, 1], -a[0, 1]]), jnp.stack([-a[1, 0], a[0, 0]])])
        return adjugate / det(a)
    adjugate = jnp.stack([jnp.stack([_cofactor(a, j, i) for j in range(3)]) for i in range(3)])
    return adjugate / det(a)


def _cofactor(a, i, j):
    p, q = (i + 1) % 3, (i + 2) % 3
    r, s = (j + 1) % 3, (j + 2) % 3
    return a[p, r] * a[q, s] - a[p, s] * a[q, r]


def leading_minors(a: Float[Array, "d d"]) -> Float[Array, " d"]:
    """Leading principal minors of a symmetric matrix, dimension at most 3: all positive means positive definite."""
    return jnp.stack([det(a[:k, :k]) for k in range(1, a.shape[0] + 1)])


def ldl_pivots(a: Float[Array, "n n"]) -> Float[Array, " n"]:
    """Pivots of the LDLᵀ factorisation of a small symmetric matrix without pivoting.

    Their signs are the inertia of the matrix (Sylvester); all positive means positive definite. The elimination is
    unrolled, so keep n at a dozen or below.
    """
    n = a.shape[0]
    pivots = []
    for k in range(n):
        pivots.append(a[0, 0])
        if k < n - 1:
            column = a[1:, 0]
            a = a[1:, 1:] - column[:, None] * (column / a[0, 0])[None, :]
    return jnp.stack(pivots)


def is_positive_definite(a: Float[Array, "n n"]) -> Bool[Array, ""]:
    """Whether a small symmetric matrix is positive definite; False when it holds a NaN."""
    return jnp.all(leading_minors(a) > 0) if a.shape[0] <= 3 else jnp.all(ldl_pivots(a) > 0)


def eigenvalues_symmetric(a: Float[Array, "d d"]) -> Float[Array, " d"]:
    """Eigenvalues of a symmetric 1×1, 2×2 or 3×3 matrix in ascending order.

    Trigonometric solution of the characteristic cubic (doi:10.1145/355578.366316). Absolute accuracy is a few units
    of round-off of the norm for separate eigenvalues and 1e-8 of it for a pair that (nearly) coincides. The
    derivative is not defined where eigenvalues coincide: differentiate quadratic forms of eigenvectors there.
    """
    dim = a.shape[0]
    if dim == 1:
        return a[0]
    if dim == 2:
        mean, half = 0.5 * (a[0, 0] + a[1, 1]), 0.5 * (a[0, 0] - a[1, 1])
        radius = jnp.sqrt(half**2 + a[0, 1] ** 2)
        return jnp.stack([mean - radius, mean + radius])
    mean = (a[0, 0] + a[1, 1] + a[2, 2]) / 3.0
    d0, d1, d2 = a[0, 0] - mean, a[1, 1] - mean, a[2, 2] - mean
    off = a[0, 1] ** 2 + a[0, 2] ** 2 + a[1, 2] ** 2
    p2 = (d0**2 + d1**2 + d2**2 + 2.0 * off) / 6.0
    positive = p2 > 0
    p = jnp.sqrt(jnp.where(positive, p2, 1.0))
    half_det = 0.5 * (
        d0 * (d1 * d2 - a[1, 2] ** 2)
        - a[0, 1] * (a[0, 1] * d2 - a[1, 2] * a[0, 2])
        + a[0, 2] * (a[0, 1] * a[1, 2] - d1 * a[0, 2])
    )
    angle = jnp.arccos(jnp.clip(half_det / p**3, -1.0, 1.0)) / 3.0
    p = jnp.where(positive, p, 0.0)
    largest = mean + 2.0 * p * jnp.cos(angle)
    smallest = mean + 2.0 * p * jnp.cos(angle + 2.0 * np.pi / 3.0)
    return jnp.stack([smallest, 3.0 * mean - largest - smallest, largest])


def to_voigt_stiffness(c: Float[Array, "d d d d"]) -> Float[Array, "v v"]:
    """Voigt matrix of a fourth-order tensor with minor symmetries (no factors: C_IJ = C_ijkl).

    >>> import jax.numpy as jnp
    >>> to_voigt_stiffness(jnp.ones((3, 3, 3, 3))).shape
    (6, 6)
    """
    rows, columns = np.array(VOIGT[c.shape[0]]).T
    return c[rows[:, None], columns[:, None], rows[None, :], columns[None, :]]


def symmetric(a: Float[Array, "n n"]) -> Float[Array, "n n"]:
    """Symmetric part."""
    return 0.5 * (a + a.T)


def right_cauchy_green(deformation: Float[Array, "d e"]) -> Float[Array, "e e"]:
    """FᵀF."""
    return deformation.T @ deformation


def stretches_exceed(deformation: Float[Array, "d d"], bound: Scalar | float) -> Bool[Array, ""]:
    """Whether every principal stretch of F is above ``bound``: FᵀF − bound² 1 is positive definite.

    Exact by leading minors, without the singular values.
    """
    shifted = right_cauchy_green(deformation) - bound**2 * jnp.eye(deformation.shape[1])
    return jnp.all(leading_minors(shifted) > 0)
