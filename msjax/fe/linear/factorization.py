"""Sparse factorisations on the host: assembly of Tᵀ K T, PARDISO where it is installed, SuperLU otherwise."""

import hashlib
import importlib.util
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import splu

Solve = Callable[[np.ndarray, bool], np.ndarray]
"""(right-hand sides (free unknowns, k), transposed) → solutions."""


class Reduced(NamedTuple):
    """What a host needs to know of an operator and its constraints, as plain arrays."""

    matrices: np.ndarray
    cells: np.ndarray
    free: np.ndarray
    slaves: np.ndarray
    masters: np.ndarray
    weights: np.ndarray

    def matrix(self) -> sparse.csr_array:
        """Tᵀ K T on the free unknowns, in their order."""
        unknowns = self.free.size
        if not self.slaves.size:
            number = np.where(self.free.ravel(), np.cumsum(self.free.ravel()) - 1, -1)
            return _assembled(self.matrices, self.cells, self.free.shape[1], number)
        full = _assembled(self.matrices, self.cells, self.free.shape[1], np.arange(unknowns))
        rows = np.concatenate([np.flatnonzero(self.free), np.repeat(self.slaves, self.masters.shape[1])])
        columns = np.concatenate([np.flatnonzero(self.free), self.masters.ravel()])
        values = np.concatenate([np.ones(np.count_nonzero(self.free)), self.weights.ravel()])
        expand = sparse.csr_array((values, (rows, columns)), shape=(unknowns, unknowns))
        expand = expand[:, np.flatnonzero(self.free)]
        product = (expand.T @ full @ expand).tocsr()
        product.sort_indices()
        return product


class _Memory:
    """The last few results, by the content of what they were made of."""

    def __init__(self, most: int):
        self.most, self.kept, self.lock = most, OrderedDict(), threading.Lock()

    def get(self, arrays: tuple[np.ndarray, ...], make: Callable[[], Any]) -> Any:
        digest = hashlib.blake2b()
        for array in arrays:
            digest.update(f"{array.shape}{array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
        key = digest.digest()
        with self.lock:
            if key in self.kept:
                self.kept.move_to_end(key)
                return self.kept[key]
            made = make()
            self.kept[key] = made
            while len(self.kept) > self.most:
                self.kept.popitem(last=False)
            return made


_PATTERNS = _Memory(4)
_FACTORS = _Memory(1)


def solve_on_host(reduced: Reduced, rhs: np.ndarray, symmetric: bool, transposed: bool, package: str) -> np.ndarray:
    """Solutions (k, n, c) of one operator for right-hand sides (k, n, c); NaN where it cannot be factorised.

    The last factorisation is kept: another right-hand side of the same matrix, or its transpose, costs a substitution.
    """
    answer = np.zeros(rhs.shape)
    free = reduced.free.ravel()
    if not np.count_nonzero(free):
        return answer
    mode = np.array([symmetric, package == "pardiso"])
    solve = None
    if np.all(np.isfinite(reduced.matrices)) and np.all(np.isfinite(reduced.weights)):
        solve = _FACTORS.get((*reduced, mode), lambda: _factorize(reduced.matrix(), symmetric, package))
    columns = rhs.reshape(len(rhs), -1)[:, free].T
    flat = answer.reshape(len(rhs), -1)
    flat[:, free] = np.nan if solve is None else solve(columns, transposed and not symmetric).T
    return answer


def has_pardiso() -> bool:
    """Whether pypardiso is installed."""
    return importlib.util.find_spec("pypardiso") is not None


def _assembled(matrices: np.ndarray, cells: np.ndarray, components: int, number: np.ndarray) -> sparse.csr_array:
    size = int(number.max()) + 1
    (kept, place, indices, indptr) = _PATTERNS.get((cells, number), lambda: _pattern(cells, components, number, size))
    data = np.bincount(place, matrices.ravel()[kept], len(indices))
    return sparse.csr_array((data, indices, indptr), shape=(size, size))


def _pattern(cells: np.ndarray, components: int, number: np.ndarray, size: int):
    """Entries of the element matrices that count, their place among the non-zeros, and the non-zeros."""
    unknowns = number[(cells[:, :, None].astype(np.int64) * components + np.arange(components)).reshape(len(cells), -1)]
    rows = np.broadcast_to(unknowns[:, :, None], (*unknowns.shape, unknowns.shape[1])).ravel()
    columns = np.broadcast_to(unknowns[:, None, :], (*unknowns.shape, unknowns.shape[1])).ravel()
    kept = np.flatnonzero((rows >= 0) & (columns >= 0))
    # every unknown has a diagonal, though an unused node has no element: factorisations then find a zero pivot
    diagonal = np.arange(size, dtype=np.int64) * (size + 1)
    keys = rows[kept].astype(np.int64) * size + columns[kept]
    found, place = np.unique(np.concatenate([keys, diagonal]), return_inverse=True)
    indptr = np.searchsorted(found, np.arange(size + 1, dtype=np.int64) * size)
    return kept, place[: len(kept)], (found % size).astype(np.int32), indptr.astype(np.int32)


def _factorize(matrix: sparse.csr_array, symmetric: bool, package: str) -> Solve | None:
    if package == "pardiso":
        return _pardiso(matrix, symmetric)
    order = "MMD_AT_PLUS_A" if symmetric else "COLAMD"
    options = {"SymmetricMode": True} if symmetric else {}
    try:
        factor = splu(matrix.tocsc(), permc_spec=order, diag_pivot_thresh=0.01 if symmetric else 1.0, options=options)
    except RuntimeError:  # exactly singular
        return None

    def solve(columns: np.ndarray, transposed: bool) -> np.ndarray:
        kind = "T" if transposed else "N"
        x = factor.solve(np.asfortranarray(columns), kind)
        if not np.all(np.isfinite(x)):
            return x
        operator = matrix.T if transposed else matrix
        return x + factor.solve(np.asfortranarray(columns - operator @ x), kind)  # small pivots cost digits

    return solve


def _pardiso(matrix: sparse.csr_array, symmetric: bool) -> Solve | None:
    from pypardiso import PyPardisoSolver  # pyright: ignore[reportMissingImports]
    from pypardiso.pardiso_wrapper import PyPardisoError  # pyright: ignore[reportMissingImports]

    whole = matrix
    if symmetric:
        matrix = sparse.csr_array(sparse.triu(matrix))
    stored = sparse.csr_matrix(matrix)  # the type that it knows
    stored.sort_indices()
    same_transposed = sparse.csc_matrix((stored.data, stored.indices, stored.indptr), shape=stored.shape)
    solver = PyPardisoSolver(mtype=-2 if symmetric else 11)
    try:
        solver.factorize(stored)
    except (PyPardisoError, ValueError):
        return None

    def once(columns: np.ndarray, transposed: bool) -> np.ndarray:
        # the same arrays read as columns are the transpose; its factorisation is recognised as the one there is
        try:
            found = solver.solve(same_transposed if transposed else stored, np.asfortranarray(columns))
        except PyPardisoError:
            return np.full(columns.shape, np.nan)
        return found.reshape(columns.shape)

    def solve(columns: np.ndarray, transposed: bool) -> np.ndarray:
        x = once(columns, transposed)
        if not np.all(np.isfinite(x)):
            return x
        operator = whole.T if transposed else whole
        return x + once(columns - operator @ x, transposed)  # small pivots cost digits

    solve.solver = solver  # type: ignore[attr-defined]
    return solve
