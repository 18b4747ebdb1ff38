"""Lower crystals that no soft phonon announces: a search over supercells and random starts."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import jax
import numpy as np

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.minima import nearest_distance
from msjax.crystal.phonons.follow import affine_shifts, all_minima, concrete_strain, lowest_minimum
from msjax.crystal.phonons.transformation import Start, Transformation, failed, start_at, transformation
from msjax.crystal.primitive import TOLERANCE
from msjax.crystal.supercell import check_matrix, hermite, reduced, sublattices
from msjax.status import Status

AMPLITUDES = (0.1, 0.2, 0.4)
"""Standard deviations of the random displacements along each axis, in nearest-neighbour distances, in turn."""


class LowerCells(NamedTuple):
    """``matrices`` (m, d, d) of the supercells searched; ``gains`` (m,): energy per atom, eV, by which the lowest found
    in each lies below Cauchy–Born at F (0: none lower; NaN: no start converged), before bonds are found anew;
    ``lowest``: the best, with the smallest cell among equals."""

    matrices: np.ndarray
    gains: np.ndarray
    lowest: Transformation

    @property
    def found(self) -> bool:
        """Whether a lower crystal was found."""
        return not self.lowest.fell_back and float(self.lowest.energy_gain_per_atom) > 0

    def __str__(self) -> str:
        return f"{len(self.gains)} supercells searched; {self.lowest}"


def lower_cell_search(
    material: CauchyBorn,
    deformation: Any = None,
    *,
    largest: int = 4,
    matrices: Sequence[Any] | None = None,
    starts: int = 24,
    seed: int = 0,
    tolerance: float = TOLERANCE,
) -> LowerCells:
    """Is there a lower crystal at F (default: the identity) in a larger cell, stable phonons or not?

    Soft phonons tell of instability against *small* disturbances only. Here all supercells of 2 … ``largest`` cells
    (sublattices that the lattice's symmetry at F maps onto one another once, for one atom per cell), or the integer
    ``matrices`` given, are relaxed at fixed F from ``starts`` seeded random displacements each, to minima of all
    positions. What is found is lower for certain; what is not found may still be there: the search is over a few cells
    and starts. Random numbers depend on ``seed`` and the place of the matrix in the list.

    Raises ``ValueError`` as :func:`follow_soft_mode`, and for ``largest`` or ``starts`` below 1.

    >>> import jax.numpy as jnp, msjax as ms
    >>> from msjax.crystal.phonons import lower_cell_search
    >>> springs = ms.Springs([1.0, 1.0], [1.0, 2.0**0.5])
    >>> square = ms.CauchyBorn(ms.bulk("X", "square", a=1.0), springs)
    >>> lower_cell_search(square, matrices=[[[1, 1], [-1, 1]]], starts=4).found
    False
    """
    f = concrete_strain(material, deformation)
    if largest < 1 or starts < 1:
        raise ValueError(f"largest and starts: expected at least 1, got {largest} and {starts}")
    start = start_at(material, f)
    dim = material.dim
    if matrices is None:
        chosen = list(_inequivalent(material, f, largest))
    else:
        chosen = [check_matrix(matrix, dim) for matrix in matrices]
    if not chosen:
        raise ValueError("matrices: there are none to search")
    if bool(start.status.failed):
        nan = np.full(len(chosen), np.nan)
        return LowerCells(np.array(chosen), nan, failed(start, chosen[0], start.status))
    nearest = nearest_distance(material, f)
    random = [_random_starts(start, matrix, nearest, starts, seed, k) for k, matrix in enumerate(chosen)]
    gains = np.array([_gain(start, m, nearest, displaced) for m, displaced in zip(chosen, random, strict=True)])
    best, settled = 0, Status.of()
    for k in _by_gain(gains, chosen):
        best, settled = k, lowest_minimum(start, chosen[k], nearest, random[k])
        if not isinstance(settled, Status):
            break
    if isinstance(settled, Status):
        return LowerCells(np.array(chosen), gains, failed(start, chosen[best], settled))
    return LowerCells(np.array(chosen), gains, transformation(start, settled, chosen[best], tolerance))


def _gain(start: Start, matrix: np.ndarray, nearest: float, displaced: np.ndarray) -> float:
    found = all_minima(start, matrix, nearest, displaced)
    energies = np.where(np.asarray(found.status.ok), np.asarray(found.energy), np.nan) / displaced.shape[1]
    if np.all(np.isnan(energies)):
        return float("nan")
    return start.energy_per_atom - float(np.nanmin(energies))


def _by_gain(gains: np.ndarray, matrices: list[np.ndarray]) -> list[int]:
    """Largest gain first; of equal ones the smallest cell."""
    sizes = [round(np.linalg.det(matrix)) for matrix in matrices]
    scale = max(1e-7 * float(np.nanmax(np.abs(gains), initial=0.0)), 1e-12)
    kept = [k for k in range(len(gains)) if np.isfinite(gains[k])]
    return sorted(kept, key=lambda k: (-round(gains[k] / scale), sizes[k], k))


def _random_starts(start: Start, matrix: np.ndarray, nearest: float, starts: int, seed: int, place: int) -> np.ndarray:
    """Displacements (starts + 1, atoms, d), the first without any."""
    copies = round(np.linalg.det(matrix))
    affine = affine_shifts(start, copies)
    noise = np.asarray(jax.random.normal(jax.random.fold_in(jax.random.key(seed), place), (starts, *affine.shape)))
    sizes = np.resize(np.array(AMPLITUDES), starts)[:, None, None] * nearest
    return np.concatenate([affine[None], affine[None] + sizes * noise])


def _inequivalent(material: CauchyBorn, deformation: np.ndarray, largest: int) -> Iterator[np.ndarray]:
    """Sublattices of index 2 … largest; for one atom per cell, one of each class under the lattice's symmetry at F."""
    cell = np.asarray(material.crystal.cell)
    standing = cell @ deformation.T
    group = [np.eye(len(cell), dtype=int)]
    if material.crystal.atoms_per_cell == 1:
        group = _symmetries([cell, standing] if material.potential.topological else [standing])
    for index in range(2, largest + 1):
        seen: set[bytes] = set()
        for matrix in sublattices(len(cell), index):
            if matrix.tobytes() in seen:
                continue
            seen.update(hermite(matrix @ g).tobytes() for g in group)
            yield reduced(matrix, standing)


def _symmetries(cells: list[np.ndarray]) -> list[np.ndarray]:
    """Integer matrices G with det ±1 and entries −1, 0, 1 that leave the metric of all given cells as it is."""
    dim = len(cells[0])
    grams = [cell @ cell.T for cell in cells]
    rows = [np.array(row) for row in product((-1, 0, 1), repeat=dim) if any(row)]
    fitting = [
        [row for row in rows if all(abs(row @ g @ row - g[i, i]) < 1e-6 * np.trace(g) for g in grams)]
        for i in range(dim)
    ]
    found = []
    for chosen in product(*fitting):
        matrix = np.array(chosen)
        same = all(np.max(np.abs(matrix @ g @ matrix.T - g)) < 1e-6 * np.trace(g) for g in grams)
        if same and abs(round(np.linalg.det(matrix))) == 1:
            found.append(matrix)
    return found
