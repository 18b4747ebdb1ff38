"""Configurations: any atoms in a cell that is periodic in all, some or none of its directions."""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from msjax.crystal.elements import check_symbol, standard_mass
from msjax.crystal.lattice import Crystal
from msjax.crystal.numbers import Rows, real
from msjax.crystal.supercell import supercell
from msjax.tensors import det
from msjax.typing import Array, Float, Scalar, concrete


class Configuration(eqx.Module):
    """Atoms where they are: defects, surfaces, clusters, snapshots of a motion.

    Array leaves: ``cell`` (d, d), rows are the cell's vectors, Å; ``positions`` (n, d), Å, inside the cell or not;
    ``masses`` (n,), amu. Static: ``species``, one symbol per atom ("X" for a model material), and ``periodic``, which
    of the cell's vectors are periods. The other vectors bound nothing; they count for the volume alone, and may be
    zero.

    ``species`` may be one symbol for all atoms, ``periodic`` one answer for all directions. Raises ``ValueError``,
    naming the argument and the atoms, for shapes that do not match, numbers that are not finite, periods that are
    linearly dependent, unknown elements and masses that are not positive; under a transformation only shapes are
    checked. Atoms on top of each other are found where neighbours are
    (:func:`msjax.crystal.configurations.neighbour_list`).

    >>> dimer = Configuration(np.eye(3), [[0, 0, 0], [0, 0, 1.1]], "X", periodic=False)
    >>> dimer.atoms, dimer.periodic
    (2, (False, False, False))
    """

    cell: Float[Array, "d d"]
    positions: Float[Array, "n d"]
    masses: Float[Array, " n"]
    species: tuple[str, ...] = eqx.field(static=True)
    periodic: tuple[bool, ...] = eqx.field(static=True)

    def __init__(
        self,
        cell: Rows,
        positions: Rows,
        species: str | Sequence[str],
        periodic: bool | Sequence[bool] = True,
        masses: ArrayLike | Sequence[float] | None = None,
    ):
        self.cell, self.positions = real(cell, "cell"), real(positions, "positions")
        _check_shapes(self.cell.shape, self.positions.shape)
        n, dim = self.positions.shape
        self.species = (species,) * n if isinstance(species, str) else tuple(species)
        if len(self.species) != n:
            raise ValueError(f"species: {len(self.species)} symbols for {n} atoms")
        of_symbol = {}
        for i, symbol in enumerate(self.species):
            if symbol not in of_symbol:
                check_symbol(symbol, f"species[{i}]")
                of_symbol[symbol] = standard_mass(symbol)
        self.periodic = _directions(periodic, dim)
        self.masses = real(np.array([of_symbol[s] for s in self.species]) if masses is None else masses, "masses")
        if self.masses.shape != (n,):
            raise ValueError(f"masses: expected shape ({n},), one per atom, got {self.masses.shape}")
        if concrete(self.cell):
            _check_cell(np.asarray(self.cell), self.periodic)
        if concrete(self.positions):
            _refuse(~np.isfinite(np.asarray(self.positions)).all(axis=1), "positions: must be finite")
        if concrete(self.masses):
            masses = np.asarray(self.masses)
            _refuse(~(np.isfinite(masses) & (masses > 0)), "masses: must be positive and finite")

    @classmethod
    def of(cls, crystal: Crystal, repeat: int | Sequence[int] = 1) -> "Configuration":
        """``repeat`` cells of a crystal along each of its vectors, periodic in all of them.

        Differentiable in the crystal's cell and basis. Atoms run cell by cell, the last direction fastest.

        >>> import msjax.crystal.lattice as lattice
        >>> Configuration.of(lattice.bulk("Cu", "fcc", a=3.615), 4).atoms
        64
        """
        counts = np.broadcast_to(np.asarray(repeat), (crystal.dim,))
        if not np.issubdtype(counts.dtype, np.integer) or np.any(counts < 1):
            raise ValueError(f"repeat: expected a positive whole number for each direction, got {repeat}")
        large = supercell(crystal, counts)
        return cls(large.cell, large.basis, large.species, True, large.masses)

    @property
    def dim(self) -> int:
        """Number of dimensions d."""
        return self.cell.shape[0]

    @property
    def atoms(self) -> int:
        """Number of atoms n."""
        return self.positions.shape[0]

    @property
    def volume(self) -> Scalar:
        """|det cell|, Å^d; with open directions it is what the cell's vectors there say, zero perhaps."""
        return jnp.abs(det(self.cell))

    def at(self, positions: Float[Array, "n d"]) -> "Configuration":
        """The same atoms at other positions, which may be traced."""
        if positions.shape != self.positions.shape:
            raise ValueError(f"positions: expected shape {self.positions.shape}, got {positions.shape}")
        return eqx.tree_at(lambda c: c.positions, self, positions)

    def deformed(self, deformation: Float[Array, "d d"]) -> "Configuration":
        """Cell and positions under a homogeneous F (may be traced): x → F x."""
        moved = self.cell @ deformation.T, self.positions @ deformation.T
        return eqx.tree_at(lambda c: (c.cell, c.positions), self, moved)


def _directions(periodic: bool | Sequence[bool], dim: int) -> tuple[bool, ...]:
    if isinstance(periodic, bool | np.bool_):
        return (bool(periodic),) * dim
    answers = tuple(bool(p) for p in periodic)
    if len(answers) != dim:
        raise ValueError(f"periodic: expected one answer, or one for each of {dim} directions, got {len(answers)}")
    return answers


def _check_shapes(cell: tuple, positions: tuple) -> None:
    if len(cell) != 2 or cell[0] != cell[1] or cell[0] not in (1, 2, 3):
        raise ValueError(f"cell: expected shape (d, d) with d = 1, 2 or 3, rows the cell's vectors, got {cell}")
    if len(positions) != 2 or positions[0] < 1 or positions[1] != cell[0]:
        raise ValueError(f"positions: expected shape (n, {cell[0]}) with n ≥ 1, got {positions}")


def _check_cell(cell: np.ndarray, periodic: tuple[bool, ...]) -> None:
    if not np.all(np.isfinite(cell)):
        raise ValueError(f"cell: entries must be finite: {cell.tolist()}")
    periods = cell[list(periodic)]
    if not len(periods):
        return
    lengths = np.linalg.norm(periods, axis=1)
    span = np.sqrt(max(np.linalg.det(periods @ periods.T), 0.0))
    if not np.all(lengths > 0) or span <= 1e-8 * np.prod(lengths):
        raise ValueError(f"cell: the periods are linearly dependent: {periods.tolist()}")


def _refuse(bad: np.ndarray, message: str) -> None:
    if np.any(bad):
        named = ", ".join(str(i) for i in np.flatnonzero(bad)[:10])
        raise ValueError(f"{message}, atom {named} is not")
