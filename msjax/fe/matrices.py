"""Operators as sparse matrices of the free unknowns, on the host: inertia and eigenvectors."""

from typing import Any

import numpy as np
import scipy.linalg
import scipy.sparse
import scipy.sparse.linalg

from msjax.fe.affine import AffineMap
from msjax.fe.elements import ElementOperator
from msjax.fe.linear.factorization import Reduced

DENSE = 300
"""Up to this many unknowns dense algebra is quicker and needs no care."""


def expansion(affine: AffineMap) -> scipy.sparse.csr_array:
    """T of u = T q + g, (all components, free ones), both in the order of their flat numbers."""
    free = np.flatnonzero(np.asarray(affine.free).reshape(-1))
    size = np.asarray(affine.free).size
    slaves, masters, weights = (np.asarray(x) for x in (affine.slaves, affine.masters, affine.weights))
    column = np.zeros(size, int)
    column[free] = np.arange(len(free))
    rows = np.concatenate([free, np.repeat(slaves, masters.shape[1])])
    columns = np.concatenate([column[free], column[masters.reshape(-1)]])
    values = np.concatenate([np.ones(len(free)), weights.reshape(-1)])
    return scipy.sparse.csr_array((values, (rows, columns)), shape=(size, len(free)))


def reduced_matrix(operator: ElementOperator, affine: AffineMap) -> scipy.sparse.csc_array:
    """Tᵀ K T between the free unknowns."""
    return reduced(operator.element_matrices(), operator.cells, affine)


def reduced(matrices: Any, cells: Any, affine: AffineMap) -> scipy.sparse.csc_array:
    """Tᵀ K T of element matrices (m, s, s) on cells (m, k)."""
    arrays = (matrices, cells, affine.free, affine.slaves, affine.masters, affine.weights)
    return Reduced(*(np.asarray(x) for x in arrays)).matrix().tocsc()


def factorised(matrix: Any) -> scipy.sparse.linalg.SuperLU:
    """LU with pivots on the diagonal where they are not zero."""
    return scipy.sparse.linalg.splu(
        scipy.sparse.csc_array(matrix),
        permc_spec="MMD_AT_PLUS_A",
        diag_pivot_thresh=0.0,
        options={"SymmetricMode": True},
    )


def negative_eigenvalues(matrix: Any, symmetric: bool = True) -> int:
    """How many eigenvalues of a symmetric matrix are negative, by the signs of its pivots (Sylvester's law of inertia);
    of another matrix 0 or 1, whether its determinant is.

    >>> import scipy.sparse
    >>> negative_eigenvalues(scipy.sparse.diags_array([1.0, -2.0, -3.0]).tocsc())
    2
    """
    size = matrix.shape[0]
    if not size:
        return 0
    if not symmetric:
        sign, _ = np.linalg.slogdet(matrix.toarray()) if size <= DENSE else (_sign(matrix), None)
        return int(sign < 0)
    if size <= DENSE:
        dense = matrix.toarray()
        return int(np.sum(np.linalg.eigvalsh(0.5 * (dense + dense.T)) < 0))
    try:
        lu = factorised(matrix)
    except RuntimeError:  # exactly singular: one shift further it is not
        shift = 1e-13 * np.max(np.abs(matrix.diagonal()))
        lu = factorised(matrix + shift * scipy.sparse.eye_array(size, format="csc"))
    if not np.array_equal(lu.perm_r, lu.perm_c):
        # a pivot off the diagonal says nothing of the inertia
        found = scipy.linalg.eigvalsh(matrix.toarray(), subset_by_value=(-np.inf, 0.0))
        return len(found)
    return int(np.sum(lu.U.diagonal() < 0))


def _sign(matrix: Any) -> int:
    lu = scipy.sparse.linalg.splu(scipy.sparse.csc_array(matrix))
    negative = np.sum(lu.U.diagonal() < 0) + _odd(lu.perm_r) + _odd(lu.perm_c)
    return -1 if negative % 2 else 1


def _odd(permutation: np.ndarray) -> int:
    """Parity of a permutation: 1 where it is odd."""
    seen, cycles = np.zeros(len(permutation), bool), 0
    for start in range(len(permutation)):
        cycles += not seen[start]
        while not seen[start]:
            seen[start], start = True, permutation[start]
    return (len(permutation) - cycles) % 2


def critical_mode(matrix: Any) -> np.ndarray:
    """Unit vector of the eigenvalue nearest to zero of a symmetric matrix."""
    size = matrix.shape[0]
    if size <= DENSE:
        dense = matrix.toarray()
        values, vectors = np.linalg.eigh(0.5 * (dense + dense.T))
        return vectors[:, int(np.argmin(np.abs(values)))]
    shift = 1e-12 * np.max(np.abs(matrix.diagonal()))
    start = np.random.default_rng(0).standard_normal(size)
    return scipy.sparse.linalg.eigsh(matrix, k=1, sigma=shift, v0=start)[1][:, 0]
