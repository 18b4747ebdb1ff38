"""What lattice is this? Primitive cells by the translations that map a crystal onto itself, and crystals that are equal
but for a rotation. On the host, in one, two and three dimensions."""

import warnings
from itertools import product

import numpy as np

from msjax.crystal.lattice import Crystal
from msjax.crystal.supercell import hermite, reduced

TOLERANCE = 1e-3
"""Positions that agree within this fraction of the mean spacing (volume per atom)^(1/d) are equal."""


def primitive(crystal: Crystal, tolerance: float = TOLERANCE) -> Crystal:
    """A primitive cell of a crystal, found by its translations; in place, not turned, with short lattice vectors.

    ``tolerance`` counts in units of the mean spacing. Atoms of one symbol are alike, whatever their masses.

    >>> import msjax as ms
    >>> large = ms.supercell(ms.bulk("Si", "diamond", a=5.43), 2)
    >>> large.atoms_per_cell, primitive(large).atoms_per_cell
    (16, 2)
    """
    cell, basis, near = _arrays(crystal, tolerance)
    fractional = basis @ np.linalg.inv(cell)
    kinds = crystal.species
    shifts = []
    for j in range(len(basis)):
        shift = fractional[j] - fractional[0]
        if kinds[j] == kinds[0] and _maps(fractional + shift, fractional, kinds, kinds, cell, near):
            shifts.append(shift)
    order = len(shifts)
    dim = len(cell)
    integers = np.concatenate([np.rint(np.array(shifts) * order).astype(int), order * np.eye(dim, dtype=int)])
    small = reduced(hermite(integers), cell) @ cell / order
    if np.linalg.det(small) * np.linalg.det(cell) < 0:
        small[-1] = -small[-1]
    kept: list[int] = []
    positions = basis @ np.linalg.inv(small)
    for i in range(len(basis)):
        apart = positions[kept] - positions[i]
        alike = np.array([crystal.species[k] == crystal.species[i] for k in kept], bool)
        if not np.any(alike & (_lengths(apart, small) < near)):
            kept.append(i)
    masses = np.asarray(crystal.masses)[kept]
    name = crystal.structure if order == 1 else ""
    return Crystal(small, basis[kept], tuple(crystal.species[i] for i in kept), name, masses)


def turned(first: Crystal, second: Crystal, tolerance: float = TOLERANCE) -> np.ndarray | None:
    """The orthogonal Q (d, d) that takes the first crystal onto the second, up to a translation; or None.

    Both are given by primitive cells. The identity is preferred, then proper rotations: Q = 1 says that they are the
    same crystal in place, Q ≠ 1 that they are variants of one another, such as twins. Of the rotations that differ by
    a symmetry of the crystal the smallest is given.
    """
    cell, basis, near = _arrays(first, tolerance)
    other, atoms, _ = _arrays(second, tolerance)
    if basis.shape != atoms.shape or sorted(first.species) != sorted(second.species):
        return None
    if abs(abs(np.linalg.det(cell) / np.linalg.det(other)) - 1.0) > 10 * len(cell) * tolerance:
        return None
    cell = reduced(np.eye(len(cell), dtype=int), cell) @ cell
    other = reduced(np.eye(len(cell), dtype=int), other) @ other
    vectors = np.array(list(product((-2, -1, 0, 1, 2), repeat=len(cell)))) @ cell
    lengths = np.linalg.norm(vectors, axis=1)
    fitting = [vectors[np.abs(lengths - length) < near] for length in np.linalg.norm(other, axis=1)]
    found: list[np.ndarray] = []
    for rows in product(*fitting):
        mine = np.array(rows)
        if abs(np.linalg.det(mine)) < 0.5 * abs(np.linalg.det(other)):
            continue
        q = np.linalg.solve(mine, other).T
        u, _, v = np.linalg.svd(q)
        if np.max(np.abs(mine @ (u @ v).T - other)) < near:
            found.append(u @ v)
    found.sort(key=lambda q: (round(np.linalg.det(q)) < 0, round(-float(np.trace(q)), 6)))
    back = np.linalg.inv(other)
    there = atoms @ back
    for q in found:
        here = basis @ q.T @ back
        for j in range(len(atoms)):
            if second.species[j] == first.species[0] and _maps(
                here + (there[j] - here[0]), there, first.species, second.species, other, near
            ):
                return q
    return None


def angle_of(rotation: np.ndarray) -> float:
    """Angle of a rotation in degrees; of an improper one, that of its product with the inversion (in the plane: 0)."""
    dim = len(rotation)
    proper = rotation if np.linalg.det(rotation) > 0 else -rotation
    if dim == 1 or np.linalg.det(proper) < 0:
        return 0.0
    cosine = (np.trace(proper) - (dim - 2)) / 2.0
    return float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0))))


def space_group(crystal: Crystal, tolerance: float = TOLERANCE) -> str | None:
    """Hermann–Mauguin symbol and number by spglib (extra ``msjax[atoms]``), such as "Fm-3m (225)"; None in one and two
    dimensions, and where spglib is not installed or finds none."""
    if crystal.dim != 3:
        return None
    try:
        import spglib
    except ImportError:
        return None
    cell, basis, near = _arrays(crystal, tolerance)
    kinds = sorted(set(crystal.species))
    numbers = [kinds.index(symbol) + 1 for symbol in crystal.species]
    fractional = basis @ np.linalg.inv(cell)
    with warnings.catch_warnings():  # it announces another way of saying that it has found none
        warnings.simplefilter("ignore", DeprecationWarning)
        try:
            found = spglib.get_symmetry_dataset((cell.tolist(), fractional.tolist(), numbers), symprec=near)
        except getattr(spglib, "SpglibError", ()):
            return None
    return None if found is None else f"{found.international} ({found.number})"


def _arrays(crystal: Crystal, tolerance: float) -> tuple[np.ndarray, np.ndarray, float]:
    """Cell, basis, and the distance below which positions are equal."""
    near = tolerance * float(crystal.volume_per_atom) ** (1.0 / crystal.dim)
    return np.asarray(crystal.cell), np.asarray(crystal.basis), near


def _lengths(apart: np.ndarray, cell: np.ndarray) -> np.ndarray:
    """Lengths of fractional differences, lattice vectors taken off: right where those are nearly what they are."""
    return np.linalg.norm((apart - np.rint(apart)) @ cell, axis=-1)


def _maps(moved: np.ndarray, onto: np.ndarray, kinds, other_kinds, cell: np.ndarray, near: float) -> bool:
    """Whether each moved atom comes to lie on one of the same symbol."""
    close = _lengths(moved[:, None, :] - onto[None, :, :], cell) < near
    alike = np.array(kinds)[:, None] == np.array(other_kinds)[None, :]
    return bool(np.all(np.any(close & alike, axis=1)))


def is_identity(rotation: np.ndarray, tolerance: float = TOLERANCE) -> bool:
    """Whether a rotation does nothing, to the tolerance of positions."""
    return bool(np.max(np.abs(rotation - np.eye(len(rotation)))) < 10 * tolerance)
