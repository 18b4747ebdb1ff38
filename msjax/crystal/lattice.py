"""Crystals: a lattice, its basis, and what sits there.

Lengths in Å, masses in amu; a model material ("X") has mass 1 and any length unit. Cell and basis are array leaves,
so every response can be differentiated in the lattice constant.
"""

from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike
from scipy.spatial import KDTree

from msjax.crystal.elements import check_symbol, standard_mass
from msjax.crystal.numbers import Rows, positive, real
from msjax.crystal.structures import IDEAL, STRUCTURES, Structure
from msjax.tensors import det
from msjax.typing import Array, Float, Scalar, concrete

COINCIDENT = 1e-3
"""Atoms nearer than this fraction of the mean spacing (volume per atom)^(1/d) are refused as coincident."""


class Crystal(eqx.Module):
    """A perfect crystal in one, two or three dimensions.

    Array leaves: ``cell`` (d, d), rows are the lattice vectors, Å; ``basis`` (n, d), Cartesian reference positions,
    Å, not necessarily inside the cell; ``masses`` (n,), amu. Static: ``species``, one symbol per basis atom ("X" for
    a model material), and ``structure``, a name or "".

    Either handedness of the cell is accepted. Raises ``ValueError``, naming the argument and the atoms, for shapes
    that do not match, numbers that are not finite, a singular cell, atoms that coincide (periodic images included),
    unknown elements and masses that are not positive. Under a transformation the values are not known and only
    shapes are checked.

    >>> import msjax.crystal.lattice as lattice
    >>> crystal = lattice.bulk("Cu", "fcc", a=3.615)
    >>> crystal.dim, crystal.atoms_per_cell, round(float(crystal.volume_per_atom), 4)
    (3, 1, 11.8104)
    """

    cell: Float[Array, "d d"]
    basis: Float[Array, "n d"]
    masses: Float[Array, " n"]
    species: tuple[str, ...] = eqx.field(static=True)
    structure: str = eqx.field(static=True)

    def __init__(
        self,
        cell: Rows,
        basis: Rows,
        species: Sequence[str],
        structure: str = "",
        masses: ArrayLike | Sequence[float] | None = None,
    ):
        self.species = tuple(species)
        for i, symbol in enumerate(self.species):
            check_symbol(symbol, f"species[{i}]")
        self.structure = structure
        self.cell = real(cell, "cell")
        self.basis = real(basis, "basis")
        if masses is None:
            masses = np.array([standard_mass(symbol) for symbol in self.species])
        self.masses = real(masses, "masses")
        _check_shapes(self.cell.shape, self.basis.shape, self.masses.shape, self.species)
        if concrete(self.cell):
            _check_cell(np.asarray(self.cell))
        if concrete(self.cell, self.basis):
            _check_basis(np.asarray(self.cell), np.asarray(self.basis))
        if concrete(self.masses):
            _check_masses(np.asarray(self.masses))

    @property
    def dim(self) -> int:
        """Number of dimensions d."""
        return self.cell.shape[0]

    @property
    def atoms_per_cell(self) -> int:
        """Number of basis atoms n."""
        return self.basis.shape[0]

    @property
    def volume(self) -> Scalar:
        """Volume of the cell |det cell|, Å^d (a length in one dimension, an area in two), always positive."""
        return jnp.abs(det(self.cell))

    @property
    def volume_per_atom(self) -> Scalar:
        """Volume of the cell over the number of atoms in it, Å^d."""
        return self.volume / self.atoms_per_cell

    @property
    def reciprocal(self) -> Float[Array, "d d"]:
        """Reciprocal lattice vectors as rows, 1/Å, with the 2π: cell[i] · reciprocal[j] = 2π δ_ij."""
        return 2.0 * jnp.pi * jnp.linalg.inv(self.cell).T

    def scaled(self, factor: ArrayLike) -> "Crystal":
        """The same crystal with cell and basis times ``factor`` (positive; may be traced)."""
        factor = positive(factor, "factor")
        return eqx.tree_at(lambda c: (c.cell, c.basis), self, (factor * self.cell, factor * self.basis))

    def deformed(self, deformation: ArrayLike, shifts: ArrayLike | None = None) -> "Crystal":
        """The crystal as it stands at F (d, d): cell·Fᵀ, basis·Fᵀ plus the ``shifts`` (n − 1, d) of atoms 1, 2, …
        against atom 0, Å, which are the state of :class:`msjax.CauchyBorn` at F. May be traced; has no name."""
        back = jnp.asarray(deformation).T
        moved = self.basis @ back
        if shifts is not None:
            moved = moved + jnp.concatenate([jnp.zeros((1, self.dim)), jnp.asarray(shifts)])
        return Crystal(self.cell @ back, moved, self.species, "", self.masses)


def bulk(
    species: str | Sequence[str],
    structure: str,
    a: ArrayLike,
    c: ArrayLike | None = None,
    *,
    mass: ArrayLike | Sequence[float] | None = None,
) -> Crystal:
    """The primitive cell of a common structure.

    ``species`` is a chemical symbol, or ``"X"`` for a model material; two symbols for the structures of two species.
    ``structure`` is one of

    - d = 1: ``"chain"``;
    - d = 2: ``"square"``, ``"triangular"`` (a is the distance of neighbours), ``"honeycomb"`` (a flat sheet; a is the
      edge of its cell, neighbours are a/√3 apart);
    - d = 3, cubic, with a the edge of the cubic cell, along whose edges x, y, z lie: ``"sc"``, ``"fcc"``, ``"bcc"``,
      ``"diamond"``, and with two species ``"zincblende"`` and ``"rocksalt"``;
    - d = 3, hexagonal: ``"hcp"``, with a the edge in the basal plane, normal to z, and c the height of the cell, by
      default that of packed spheres, c = √(8/3) a.

    ``a`` and ``c`` in Å may be traced, so that responses are differentiable in them. ``mass`` in amu, one number per
    species, defaults to the standard atomic weight (1 for ``"X"``). Any other crystal is a :class:`Crystal`, or comes
    from a file through :func:`msjax.crystal.ase.from_ase`.

    Raises ``ValueError`` for an unknown structure or element, a wrong number of species or masses, a c for a
    structure that has none, and for a, c or mass not positive and finite.

    >>> import jax
    >>> bulk("Si", "diamond", a=5.431).species
    ('Si', 'Si')
    >>> bulk(("Na", "Cl"), "rocksalt", a=5.64).species
    ('Na', 'Cl')
    >>> round(float(bulk("Mg", "hcp", a=3.209, c=5.211).volume_per_atom), 3)
    23.236
    >>> float(jax.grad(lambda a: bulk("X", "square", a).volume)(3.0))
    6.0
    """
    if structure not in STRUCTURES:
        raise ValueError(f"structure: unknown {structure!r}; allowed are {', '.join(STRUCTURES)}")
    form = STRUCTURES[structure]
    symbols = _symbols(species, structure, form)
    a = positive(a, "a")
    edges = a
    if structure == "hcp":
        edges = jnp.stack([a, a, IDEAL * a if c is None else positive(c, "c")])[None, :]
    elif c is not None:
        raise ValueError(f"c: {structure!r} has one lattice constant, a; only 'hcp' has a c")
    masses = None if mass is None else _masses(mass, structure, form)
    return Crystal(form.cell * edges, form.basis * edges, [symbols[k] for k in form.kinds], structure, masses)


def _symbols(species: str | Sequence[str], structure: str, form: Structure) -> tuple[str, ...]:
    symbols = (species,) if isinstance(species, str) else tuple(species)
    if len(symbols) != form.species:
        wanted = "one symbol" if form.species == 1 else "two symbols, such as ('Na', 'Cl')"
        raise ValueError(f"species: {structure!r} takes {wanted}, got {len(symbols)}: {species!r}")
    return symbols


def _masses(mass: ArrayLike | Sequence[float], structure: str, form: Structure) -> Array:
    each = jnp.atleast_1d(real(mass, "mass"))
    if each.shape != (form.species,):
        raise ValueError(f"mass: {structure!r} takes {form.species}, one per species, got shape {each.shape}")
    return jnp.stack([positive(each[k], "mass") for k in form.kinds])


def _check_shapes(cell: tuple, basis: tuple, masses: tuple, species: tuple[str, ...]) -> None:
    if len(cell) != 2 or cell[0] != cell[1] or cell[0] not in (1, 2, 3):
        raise ValueError(f"cell: expected shape (d, d) with d = 1, 2 or 3, rows the lattice vectors, got {cell}")
    if len(basis) != 2 or basis[0] < 1 or basis[1] != cell[0]:
        raise ValueError(f"basis: expected shape (n, {cell[0]}) with n ≥ 1 for a cell of shape {cell}, got {basis}")
    if len(species) != basis[0]:
        raise ValueError(f"species: {len(species)} symbols for {basis[0]} basis atoms")
    if masses != basis[:1]:
        raise ValueError(f"masses: expected shape ({basis[0]},), one per basis atom, got {masses}")


def _check_cell(cell: np.ndarray) -> None:
    if not np.all(np.isfinite(cell)):
        raise ValueError(f"cell: entries must be finite, row {_rows(~np.isfinite(cell))} is not")
    lengths = np.linalg.norm(cell, axis=1)
    if not np.all(lengths > 0) or abs(np.linalg.det(cell)) <= 1e-8 * np.prod(lengths):
        raise ValueError(f"cell: the lattice vectors are linearly dependent (singular cell): {cell.tolist()}")


def _check_basis(cell: np.ndarray, basis: np.ndarray) -> None:
    if not np.all(np.isfinite(basis)):
        raise ValueError(f"basis: positions must be finite, atom {_rows(~np.isfinite(basis))} is not")
    dim, n = len(cell), len(basis)
    tolerance = COINCIDENT * (abs(np.linalg.det(cell)) / n) ** (1.0 / dim)
    inverse = np.linalg.inv(cell)
    # A small distance is a small fractional distance: find candidates on the torus, then measure in Å.
    reach = min(tolerance * np.linalg.norm(inverse, 2), 0.49)
    fractional = np.mod(basis @ inverse, 1.0)
    fractional[fractional >= 1.0] = 0.0  # mod of a tiny negative number rounds to 1
    pairs = KDTree(fractional, boxsize=1.0).query_pairs(reach, output_type="ndarray")
    for i, j in sorted(map(tuple, np.sort(pairs, axis=1).tolist())):
        apart = fractional[i] - fractional[j]
        distance = float(np.linalg.norm((apart - np.round(apart)) @ cell))
        if distance < tolerance:
            raise ValueError(
                f"basis: atoms {i} and {j} coincide (distance {distance:.2e}, periodic images included; "
                f"at least {tolerance:.2e} is required)"
            )


def _check_masses(masses: np.ndarray) -> None:
    bad = ~(np.isfinite(masses) & (masses > 0))
    if np.any(bad):
        raise ValueError(f"masses: must be positive and finite, atom {_rows(bad[:, None])} has {masses[bad].tolist()}")


def _rows(bad: np.ndarray) -> str:
    return ", ".join(str(i) for i in np.flatnonzero(bad.any(axis=1))[:10])
