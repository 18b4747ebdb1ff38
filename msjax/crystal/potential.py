"""Site energies as functionals of moments: E_i = Σ_b φ(r_b) + U(Σ_b ρ(r_b)) over the bonds of a site.

A potential says its bond energy share φ, its densities ρ and its embedding U; energy, forces, (W, P, A), the
dynamical matrix and their parameter derivatives follow once, for all of them. Parameters are the array leaves.
"""

import abc
from collections.abc import Callable
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.typing import Array, Bool, Float, PyTree, Scalar


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

    def covered(self, moments: Float[Array, " k"]) -> Bool[Array, ""] | None:  # noqa: ARG002
        """Whether tables cover these moments; None when there are no tables."""
        return None


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


class SiteEnergy(General):
    """A user's own site energy ε(r₁ … r_n; parameters), any JAX function of the neighbour vectors.

    ``function(vectors, parameters)`` takes the vectors (n, d) of ALL neighbours inside the strain margin and returns
    the site's energy; neighbours beyond ``cutoff`` must contribute nothing. It takes the general route
    (:class:`General`).

    >>> import jax.numpy as jnp
    >>> def morse(r, p):
    ...     x = jnp.exp(-p["alpha"] * (jnp.linalg.norm(r, axis=1) - 1.0))
    ...     return 0.5 * jnp.sum(x * x - 2.0 * x)
    >>> potential = SiteEnergy(morse, cutoff=1.3, parameters={"alpha": jnp.array(6.0)})
    """

    parameters: PyTree
    function: Callable[[Float[Array, "n d"], Any], Scalar] = eqx.field(static=True)
    radius: float = eqx.field(static=True)

    def __init__(self, function: Callable, cutoff: float, parameters: PyTree = None):
        if not cutoff > 0:
            raise ValueError(f"cutoff: must be positive, got {cutoff}")
        self.function = function
        self.radius = float(cutoff)
        self.parameters = parameters

    @property
    def cutoff(self) -> float:
        """Distance beyond which neighbours contribute nothing, Å."""
        return self.radius

    def site_energy(self, vectors: Float[Array, "n d"]) -> Scalar:
        """``function(vectors, parameters)``."""
        return self.function(vectors, self.parameters)
