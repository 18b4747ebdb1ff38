"""Supercells: the same crystal described by several of its cells, and the smallest that a given wave fits into."""

from collections.abc import Iterator, Sequence
from itertools import product
from math import gcd
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from msjax.crystal.lattice import Crystal
from msjax.typing import concrete

LARGEST_DENOMINATOR = 8
"""Waves are brought to fractions of at most this denominator by default."""


def supercell(crystal: Crystal, matrix: int | Sequence[Any] | np.ndarray) -> Crystal:
    """The same crystal with the cell N·cell, for an integer matrix N (d, d) of positive determinant.

    ``matrix`` may also be one integer (N = n·1) or d of them (a diagonal). The lattice vectors are the rows of
    N·cell, atoms are copied cell by cell in the order of :func:`cells_within`, the home cell first, with their species
    and masses; volume and number of atoms grow by det N. Energies per atom do not change. Differentiable in the
    crystal's leaves. The result has no ``structure`` name unless N is the identity.

    Raises ``ValueError`` for a matrix that is not of integers, of the wrong shape, or with det N ≤ 0.

    >>> import msjax as ms
    >>> pair = supercell(ms.bulk("Cu", "fcc", a=3.6), [[0, 1, 1], [1, 0, 1], [1, 1, 0]])
    >>> pair.atoms_per_cell, round(float(pair.volume_per_atom), 3)
    (2, 11.664)
    """
    n = check_matrix(matrix, crystal.dim)
    if np.array_equal(n, np.eye(crystal.dim)):
        return crystal
    cells = cells_within(n)
    copies = len(cells)
    basis = (cells.astype(float) @ crystal.cell)[:, None, :] + crystal.basis[None, :, :]
    return Crystal(
        cell=n.astype(float) @ crystal.cell,
        basis=basis.reshape(-1, crystal.dim),
        species=crystal.species * copies,
        masses=jnp.tile(crystal.masses, copies),
    )


def cells_within(matrix: np.ndarray) -> np.ndarray:
    """Integer vectors (det N, d) of the cells in the supercell N: those with fractional coordinates in [0, 1), the
    home cell first. Exact integer arithmetic.

    >>> cells_within(np.array([[1, 1], [-1, 1]])).tolist()
    [[0, 0], [0, 1]]
    """
    sides = np.diag(hermite(matrix))
    return into(matrix, np.array(list(product(*(range(int(side)) for side in sides)))))


def into(matrix: np.ndarray, cells: np.ndarray) -> np.ndarray:
    """The cells (n, d) moved by vectors of the supercell to where fractional coordinates are in [0, 1).

    >>> into(np.diag([2, 2]), np.array([[-1, 5]])).tolist()
    [[1, 1]]
    """
    volume = round(np.linalg.det(matrix))
    adjugate = np.rint(volume * np.linalg.inv(matrix)).astype(int)
    return cells - (cells @ adjugate // volume) @ matrix


class Commensurate(NamedTuple):
    """A supercell and the wave that fits into it: ``matrix`` N (d, d) and ``q`` (d,) with N q integer."""

    matrix: np.ndarray
    q: np.ndarray


def commensurate(q: Any, largest: int = LARGEST_DENOMINATOR, cell: np.ndarray | None = None) -> Commensurate:
    """The smallest supercell into which a wave fits, after bringing q to fractions of one common denominator.

    ``q`` (d,) in units of the reciprocal vectors. Among the denominators 1 … ``largest`` the smallest of those that
    come nearest to q is taken; a q that is not a lattice vector stays a wave (is not rounded to Γ). The sublattice
    {n : n·q integer} has as index the order of q, which is at most the denominator. ``cell`` (d, d) gives the metric
    in which the supercell's vectors are made short.

    Raises ``ValueError`` for a q of the wrong shape or not finite, and for ``largest`` below 1.

    >>> found = commensurate([0.4998, 0.5001, 0.0])
    >>> found.q.tolist(), round(np.linalg.det(found.matrix))
    ([0.5, 0.5, 0.0], 2)
    """
    wave = np.asarray(q, float)
    if wave.ndim != 1 or wave.shape[0] not in (1, 2, 3) or not np.all(np.isfinite(wave)):
        raise ValueError(f"q: expected one to three finite numbers, got {q!r}")
    if not isinstance(largest, int | np.integer) or largest < 1:
        raise ValueError(f"largest: expected a denominator of at least 1, got {largest!r}")
    numerators, denominator = _fractions(wave, int(largest))
    n = _integral_on(numerators, denominator)
    return Commensurate(reduced(n, np.eye(len(wave)) if cell is None else cell), numerators / denominator)


def _fractions(wave: np.ndarray, largest: int) -> tuple[np.ndarray, int]:
    """Numerators and their common denominator, in lowest terms."""
    is_gamma = np.max(np.abs(wave - np.rint(wave))) < 1e-9
    best: tuple[float, int, np.ndarray] | None = None
    for denominator in range(1, largest + 1):
        numerators = np.rint(wave * denominator).astype(int)
        if not is_gamma and not np.any(numerators % denominator):
            continue
        error = float(np.max(np.abs(wave - numerators / denominator)))
        if best is None or error < best[0] - 1e-9:
            best = error, denominator, numerators
    if best is None:  # a wave longer than the largest supercell, or largest = 1
        apart = wave - np.rint(wave)
        denominator = max(largest, 2)
        best = 0.0, denominator, np.rint(apart / np.max(np.abs(apart))).astype(int)
    _, denominator, numerators = best
    common = gcd(denominator, *(int(x) for x in numerators))
    return numerators // common, denominator // common


def _integral_on(numerators: np.ndarray, denominator: int) -> np.ndarray:
    """Hermite form of {n : n·p ≡ 0 mod D}, row by row from the last."""
    dim = len(numerators)
    rows = np.zeros((dim, dim), int)
    for i in reversed(range(dim)):
        later = [range(rows[j, j]) for j in range(i + 1, dim)]
        for a in range(1, denominator + 1):
            found = next(
                (b for b in product(*later) if (a * numerators[i] + np.dot(b, numerators[i + 1 :])) % denominator == 0),
                None,
            )
            if found is not None:
                rows[i, i], rows[i, i + 1 :] = a, found
                break
    return rows


def sublattices(dim: int, index: int) -> Iterator[np.ndarray]:
    """All supercells of ``index`` cells as Hermite forms: each sublattice once (7 of index 2 in three dimensions).

    >>> len(list(sublattices(3, 2))), len(list(sublattices(2, 4)))
    (7, 7)
    """
    for sides in product(range(1, index + 1), repeat=dim):
        if np.prod(sides) != index:
            continue
        above = [(i, j) for i in range(dim) for j in range(i + 1, dim)]
        for entries in product(*(range(sides[j]) for _, j in above)):
            matrix = np.diag(sides)
            for (i, j), entry in zip(above, entries, strict=True):
                matrix[i, j] = entry
            yield matrix


def hermite(rows: Any) -> np.ndarray:
    """Row Hermite form (d, d) of the lattice that integer rows (m, d) of full rank span: upper triangular, positive
    diagonal, entries above the diagonal in [0, diagonal)."""
    left = [[int(x) for x in row] for row in rows]
    dim = len(left[0])
    for c in range(dim):
        while True:
            filled = [r for r in range(c, len(left)) if left[r][c]]
            if not filled:
                raise ValueError("matrix: the rows are linearly dependent")
            pivot = min(filled, key=lambda r: abs(left[r][c]))
            left[c], left[pivot] = left[pivot], left[c]
            for r in range(c + 1, len(left)):
                _subtract(left, r, c, left[r][c] // left[c][c])
            if not any(left[r][c] for r in range(c + 1, len(left))):
                break
        if left[c][c] < 0:
            left[c] = [-x for x in left[c]]
        for r in range(c):
            _subtract(left, r, c, left[r][c] // left[c][c])
    return np.array(left[:dim])


def _subtract(rows: list[list[int]], r: int, c: int, times: int) -> None:
    rows[r] = [x - times * y for x, y in zip(rows[r], rows[c], strict=True)]


def reduced(matrix: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """The same supercell with short vectors, det > 0: no row of N·cell gets shorter by adding or subtracting others."""
    rows, dim = np.array(matrix, int), len(matrix)
    steps = [np.array(s) for s in product((-1, 0, 1), repeat=dim - 1) if any(s)]
    moved = True
    while moved:
        moved = False
        for i in range(dim):
            others = np.delete(rows, i, axis=0)
            for step in steps:
                trial = rows[i] + step @ others
                if np.linalg.norm(trial @ cell) < np.linalg.norm(rows[i] @ cell) * (1.0 - 1e-9):
                    rows[i], moved = trial, True
    if np.linalg.det(rows) < 0:
        rows[-1] = -rows[-1]
    return rows


def check_matrix(matrix: Any, dim: int) -> np.ndarray:
    """An integer matrix (d, d) of positive determinant, from an integer, a diagonal or a matrix."""
    if not concrete(matrix):
        raise ValueError("matrix: must be concrete: how many atoms there are is structure")
    try:
        given = np.asarray(matrix, float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"matrix: expected integers, got {matrix!r}") from error
    n = given * np.eye(dim) if given.ndim == 0 else np.diag(given) if given.ndim == 1 else given
    if n.shape != (dim, dim):
        raise ValueError(f"matrix: expected an integer, {dim} of them or shape ({dim}, {dim}), got {given.shape}")
    if not np.all(np.isfinite(n)) or np.any(n != np.rint(n)):
        raise ValueError(f"matrix: expected integers, got {given.tolist()}")
    n = n.astype(int)
    if round(np.linalg.det(n)) < 1:
        raise ValueError(f"matrix: the determinant must be positive, got {round(np.linalg.det(n))}")
    return n
