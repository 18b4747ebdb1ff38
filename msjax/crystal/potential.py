"""Site energies as functionals of moments: E_i = Σ_b φ(r_b) + U(Σ_b ρ(r_b)) over the bonds of a site.

A potential says its bond energy share φ, its densities ρ and its embedding U; energy, forces, (W, P, A), the
dynamical matrix and their parameter derivatives follow once, for all of them. Parameters are the array leaves.
"""

import abc
from collections.abc import Sequence
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.typing import Array, Bool, Float, Int, Scalar

Kinds = int | np.integer | Int[np.ndarray | Array, "..."]
"""Places in a potential's ``elements``."""


class Potential(eqx.Module):
    """Base of all site energies. Energies in eV, lengths in Å (model materials: any consistent set)."""

    topological: ClassVar[bool] = False
    """True when bonds hold whatever their length (springs): then no neighbour can come in."""

    @property
    @abc.abstractmethod
    def cutoff(self) -> Scalar | float:
        """Distance beyond which bonds carry nothing, Å."""

    @property
    def elements(self) -> tuple[str, ...]:
        """Elements the potential was made for; empty when it does not say."""
        return ()

    @property
    def distinguishes(self) -> bool:
        """True when it matters who the atoms are; species are then numbered by their place in ``elements``."""
        return False

    def kinds(self, species: Sequence[str]) -> np.ndarray:
        """Each atom's place in ``elements``, (n,); zeros where all atoms count for the same."""
        if not self.distinguishes:
            return np.zeros(len(species), np.int32)
        place = {element: i for i, element in enumerate(self.elements)}
        return np.array([place[symbol] for symbol in species], np.int32)

    def among(self, site: Kinds, partner: Kinds) -> "Potential":  # noqa: ARG002
        """The potential for bonds from sites of these kinds to partners of these kinds.

        Arrays with an entry for each bond, or single numbers; a site's own U sees its kind as both. Only potentials
        that distinguish species depend on them.
        """
        return self

    def bind(self, reference: Float[Array, " nb"]) -> "Potential":  # noqa: ARG002
        """The potential for bonds of these reference lengths; only topological potentials depend on them."""
        return self

    def only(self, bonds: np.ndarray) -> "Potential":  # noqa: ARG002
        """The potential for these of the bonds it was bound to, by their rows."""
        return self


class Moments(Potential):
    """A site energy with bond energies φ(r) and k densities ρ(r) of the bond *vector* r, one bond at a time.

    ``parity``: +1 or −1 for each density, its sign under r → −r (lets ± bonds be computed once).
    """

    parity: ClassVar[tuple[int, ...]]

    @abc.abstractmethod
    def pair(self, r: Float[Array, " d"]) -> Scalar:
        """The site's share φ of the bond's own energy, eV (half the pair energy)."""

    @abc.abstractmethod
    def density(self, r: Float[Array, " d"]) -> Float[Array, " k"]:
        """Contributions to the k moments."""

    @abc.abstractmethod
    def embed(self, moments: Float[Array, " k"]) -> Scalar:
        """U of the summed moments, eV."""


class Angular(Potential):
    """A site energy of the form E_i = Σ φ(r) + U(Σ h_c(r) Y_c(r)), Y a tensor of degree 0, 1 or 2 in the bond vector.

    Channel c contributes h_c (degree 0: one moment), h_c r_i (degree 1: d moments) or h_c r_i r_j (degree 2: the
    d(d+1)/2 components in Voigt order, off-diagonal ones times √2, so that the moments' sum of squares is the
    tensor's). Only the functions of the *squared* distance are written, elementwise on arrays of any shape;
    ``density`` stacks the channels on a new leading axis. First and second derivatives follow in closed form.
    """

    degrees: ClassVar[tuple[int, ...]]

    @abc.abstractmethod
    def pair(self, r2: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """The site's share φ of each bond's energy, eV (half the pair energy)."""

    @abc.abstractmethod
    def density(self, r2: Float[Array, "*b"]) -> Float[Array, "c *b"]:
        """The channels' radial functions h_c."""

    @abc.abstractmethod
    def embed(self, moments: Float[Array, " k"]) -> Scalar:
        """U of the summed moments, eV."""

    def covered(self, moments: Float[Array, " k"]) -> Bool[Array, ""]:  # noqa: ARG002
        """Whether tables, if there are any, cover these moments of a site."""
        return jnp.ones((), bool)


class Radial(Angular):
    """A site energy whose φ and densities depend on the distance only: pair potentials and the embedded atom.

    Plain pair potentials leave ``degrees = ()``.
    """

    degrees: ClassVar[tuple[int, ...]] = ()

    def density(self, r2: Float[Array, "*b"]) -> Float[Array, "k *b"]:
        """Contributions to the k moments."""
        return jnp.zeros((0, *r2.shape))

    def embed(self, moments: Float[Array, " k"]) -> Scalar:
        """U of the summed moments, eV."""
        return jnp.sum(moments)


class General(Potential):
    """A site energy that is no functional of moments: any function of all neighbour vectors at once.

    It takes the general route: derivatives by forward over reverse mode, in the few collective unknowns or bond by
    bond.
    """

    @abc.abstractmethod
    def site_energy(self, vectors: Float[Array, "n d"]) -> Scalar:
        """Energy of a site, eV, whose neighbours stand at ``vectors``, Å.

        All neighbours inside the strain margin are among them; those beyond ``cutoff`` must contribute nothing.
        """


def check_species(species: Sequence[str], potential: Potential, holder: str) -> None:
    """Refuse an element the potential was not made for, and several species where it takes all atoms for the same.

    "X" goes with every potential that does not distinguish species. Where one species is meant, as for springs between
    different masses, give all atoms one symbol and their masses. ``holder`` is what holds the atoms, for the message.
    """
    kinds = set(species)
    unknown = sorted(kinds - set(potential.elements) - (set() if potential.distinguishes else {"X"}))
    if potential.elements and unknown:
        raise ValueError(
            f"potential: made for {', '.join(potential.elements)}, but {holder} holds {', '.join(unknown)}"
        )
    if len(kinds) > 1 and not potential.distinguishes:
        raise ValueError(
            f"potential: {type(potential).__name__} cannot tell species apart, but {holder} holds "
            f"{', '.join(sorted(kinds))}; if all atoms are to interact alike, give them one symbol, such as 'X', and "
            "masses"
        )
