"""Tersoff's potential of several elements."""

import os
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp

from msjax.crystal.potential import General
from msjax.crystal.potentials.among import AmongKinds
from msjax.crystal.potentials.bond_order import OfBonds, OfTriplets, bond_order_energy
from msjax.crystal.triplets import TERSOFF, check_column, column, read_elements
from msjax.typing import Array, Float, Int, Scalar

_POSITIVE = {"pairs": ("A", "B", "beta", "n", "R", "D"), "triplets": ("d", "R", "D")}
_NOT_NEGATIVE = {"pairs": ("lam1", "lam2"), "triplets": ("lam3", "c", "gamma")}


class TersoffCompound(AmongKinds, General):
    """E_i of :class:`msjax.crystal.potentials.Tersoff` with parameters for each pair and each triplet of e elements.

    ``bonds`` hold (e, e) arrays, by the kinds of i and j; ``triplets`` (e, e, e), by those of i, j and k: i is the
    centre and k the neighbour that weakens the bond i j. The cut-off is the longest R + D; each bond and each
    neighbour has its own. ``names`` are the elements, ``cubed`` says of each triplet whether m is 3 (structure).

    >>> from msjax.crystal.setfl import lammps_potential
    >>> path = lammps_potential("SiC.tersoff")
    >>> path is None or TersoffCompound.read(path, ("Si", "C")).elements == ("Si", "C")  # a file of the lammps wheel
    True
    """

    bonds: OfBonds
    triplets: OfTriplets
    names: tuple[str, ...] = eqx.field(static=True)
    cubed: tuple[bool, ...] = eqx.field(static=True)
    site: Int[Array, "..."] | None = None
    partner: Int[Array, "..."] | None = None

    @classmethod
    def read(cls, path: str | os.PathLike[str], elements: Sequence[str]) -> "TersoffCompound":
        """Two or more elements of a LAMMPS ``.tersoff`` file, in metal units (eV, Å), by their labels in the file.

        Raises ``ValueError`` with file and line for anything malformed or out of range, and for a triplet of these
        elements that is missing (:func:`msjax.crystal.triplets.read_elements`).
        """
        entries = read_elements(path, elements, TERSOFF)
        for of in ("pairs", "triplets"):
            for name in _POSITIVE[of]:
                check_column(entries, name, of, positive=True)
            for name in _NOT_NEGATIVE[of]:
                check_column(entries, name, of, positive=False)
        for entry in entries.values():
            if entry.values["D"] >= entry.values["R"]:
                entry.refuse(f"D: half the width of the cut-off, must be below R = {entry.values['R']}")
            if entry.values["m"] not in (1.0, 3.0):
                entry.refuse(f"m: must be 1 or 3, got {entry.values['m']}")
        bonds = OfBonds(*(jnp.asarray(column(entries, name, "pairs")) for name in OfBonds._fields))
        triplets = OfTriplets(*(jnp.asarray(column(entries, name, "triplets")) for name in OfTriplets._fields))
        cubed = tuple((column(entries, "m", "triplets") == 3.0).ravel().tolist())
        names = tuple(entries[i, i, i].element for i in range(len(elements)))
        return cls(bonds=bonds, triplets=triplets, names=names, cubed=cubed)

    @property
    def cutoff(self) -> Scalar:
        """The longest R + D, Å."""
        return jnp.max(self.triplets.R + self.triplets.D)

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements, in the order given."""
        return self.names

    def site_energy(self, vectors: Float[Array, "n d"]) -> Scalar:
        """E_i, eV: half the energy of the site's bonds, their order counted from this end."""
        i, partner = self.ends()
        j = jnp.broadcast_to(partner, vectors.shape[:1])
        around = (i, j[:, None], j[None, :])
        bonds = OfBonds(*(table[i, j] for table in self.bonds))
        triplets = OfTriplets(*(table[around] for table in self.triplets))
        cubed = jnp.asarray(self.cubed).reshape(self.triplets.R.shape)[around]
        return bond_order_energy(vectors, bonds, triplets, cubed)
