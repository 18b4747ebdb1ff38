"""Stillinger and Weber's potential of several elements, in moments of each kind of neighbour."""

import os
from collections.abc import Sequence
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp

from msjax.crystal.elementary import reciprocal, root
from msjax.crystal.potential import Angular
from msjax.crystal.potentials.among import AmongKinds
from msjax.crystal.potentials.stillinger_weber import faded, weights_of_moments
from msjax.crystal.triplets import STILLINGER_WEBER, check_column, column, read_elements
from msjax.typing import Array, Float, Int, Scalar

_SAME = ("epsilon", "lam", "cos0")


class OfBonds(NamedTuple):
    """What concerns a bond i j, (e, e) by their kinds, or of each bond: see :class:`StillingerWeber`."""

    epsilon: Float[Array, "..."]
    sigma: Float[Array, "..."]
    a: Float[Array, "..."]
    gamma: Float[Array, "..."]
    A: Float[Array, "..."]
    B: Float[Array, "..."]
    p: Float[Array, "..."]
    q: Float[Array, "..."]


class OfTriplets(NamedTuple):
    """What concerns the angle at i between j and k, (e, e, e), symmetric in j and k."""

    epsilon: Float[Array, "..."]
    lam: Float[Array, "..."]
    cos0: Float[Array, "..."]


class StillingerWeberCompound(AmongKinds, Angular):
    """E_i of :class:`msjax.crystal.potentials.StillingerWeber` with parameters for each pair and triplet of e elements.

    With the moments T, V and G of each kind of neighbour apart, and λ_jk = ε_ijk λ_ijk, c_jk = cos θ₀ of the kinds
    j, k around i,

        Σ_{j<k} ε λ (c − c₀)² g g = ½ Σ_{jk} λ_jk [T_j·T_k − 2 c_jk V_j·V_k + c_jk² G_j G_k] − ½ Σ λ_jj (1 − c_jj)² g²,

    10 e moments in all. ``bonds`` hold (e, e) arrays, ``triplets`` (e, e, e), the first index being the site.

    >>> from msjax.crystal.setfl import lammps_potential
    >>> path = lammps_potential("GaN.sw")
    >>> path is None or StillingerWeberCompound.read(path, ("Ga", "N")).degrees == (2, 1, 0, 2, 1, 0)
    True
    """

    bonds: OfBonds
    triplets: OfTriplets
    names: tuple[str, ...] = eqx.field(static=True)
    site: Int[Array, "..."] | None = None
    partner: Int[Array, "..."] | None = None

    @classmethod
    def read(cls, path: str | os.PathLike[str], elements: Sequence[str]) -> "StillingerWeberCompound":
        """Two or more elements of a LAMMPS ``.sw`` file, in metal units (eV, Å), by their labels in the file.

        Raises ``ValueError`` with file and line for anything malformed or out of range, for a triplet of these elements
        that is missing (:func:`msjax.crystal.triplets.read_elements`), and for triplets i j k and i k j of which ε, λ
        or cos θ₀ differ: which of the two would hold were a matter of the order of the atoms.
        """
        entries = read_elements(path, elements, STILLINGER_WEBER)
        for name in ("epsilon", "sigma", "a", "gamma"):
            check_column(entries, name, "pairs", positive=True)
        for name in ("A", "B", "p", "q"):
            check_column(entries, name, "pairs", positive=False)
        for name in ("epsilon", "lam"):
            check_column(entries, name, "triplets", positive=False)
        for (i, j, k), entry in entries.items():
            for name in _SAME:
                other = entries[i, k, j]
                if entry.values[name] != other.values[name]:
                    entry.refuse(f"{name} is not that of entry {' '.join(other.labels)} on line {other.line}")
        return cls(
            bonds=OfBonds(*(jnp.asarray(column(entries, name, "pairs")) for name in OfBonds._fields)),
            triplets=OfTriplets(*(jnp.asarray(column(entries, name, "triplets")) for name in OfTriplets._fields)),
            names=tuple(entries[i, i, i].element for i in range(len(elements))),
        )

    @property
    def degrees(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """T, V and G of each kind of neighbour."""
        return (2, 1, 0) * len(self.names)

    @property
    def cutoff(self) -> Scalar:
        """The longest aσ, Å."""
        return jnp.max(self.bonds.a * self.bonds.sigma)

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements, in the order given."""
        return self.names

    def pair(self, r2: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """½φ₂ less the j = k terms of the angular sum, eV."""
        i, j = self.ends()
        bond = OfBonds(*(table[i, j] for table in self.bonds))
        own = OfTriplets(*(table[i, j, j] for table in self.triplets))
        distance = root(r2)
        x = bond.sigma * reciprocal(distance)
        fade = faded(distance, bond.sigma, bond.a, 1.0)
        g = faded(distance, bond.sigma, bond.a, bond.gamma)
        two = bond.epsilon * bond.A * (bond.B * x**bond.p - x**bond.q) * fade
        return 0.5 * (two - own.epsilon * own.lam * (1.0 - own.cos0) ** 2 * g * g)

    def density(self, r2: Float[Array, "*b"]) -> Float[Array, "c *b"]:
        """g/r², g/r and g in the channels of the partner's kind, zero in the others'."""
        i, j = self.ends()
        distance = root(r2)
        inverse = reciprocal(distance)
        g = faded(distance, self.bonds.sigma[i, j], self.bonds.a[i, j], self.bonds.gamma[i, j])
        rows = jnp.stack([g * inverse * inverse, g * inverse, g])
        return jnp.concatenate([jnp.where((j == kind)[None], rows, 0.0) for kind in range(len(self.names))])

    def embed(self, moments: Float[Array, " k"]) -> Scalar:
        """½ Σ_jk λ_jk (T_j·T_k − 2 c_jk V_j·V_k + c_jk² G_j G_k), eV."""
        i, _ = self.ends()
        of_kind = moments.reshape(len(self.names), -1)
        lam, cos0 = self.triplets.epsilon[i] * self.triplets.lam[i], self.triplets.cos0[i]
        weights = weights_of_moments(of_kind.shape[1], cos0)
        return 0.5 * jnp.einsum("jk,mjk,jm,km->", lam, weights, of_kind, of_kind)
