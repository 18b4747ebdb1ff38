"""The excess energy of a film's face, as far as a film can see it."""

import jax.numpy as jnp

from msjax.crystal.surfaces.polynomial import SurfacePolynomial
from msjax.nano.sheet import Sheet, SheetResponse
from msjax.status import Status
from msjax.typing import Scalar


class FilmFace(Sheet):
    """Γ of one face on the line e₁ = e₂ = e, to fourth order in engineering strains from a₀; energy per reference area.

    Equilibrium strain and membrane tangent see the surface stress τ(e) = ∂Γ/∂e₁ and the stiffnesses Γ11(e), Γ12(e):

        Γ11(e) = G11 + dG11 e + d2G11 e²/2,    Γ12(e) = G12 + dG12 e + d2G12 e²/2,
        τ(e) = tau0 + ∫(Γ11 + Γ12) de

    because dτ/de = Γ11 + Γ12 on the line. Of the five third- and fourth-order constants of a face with equivalent axes
    (see :class:`~msjax.crystal.surfaces.polynomial.SurfacePolynomial`) only four combinations remain, by the chain
    rule on the line:

        dG11 = G111 + G112, dG12 = 2 G112, d2G11 = G1111 + 2 G1112 + G1122, d2G12 = 2 G1112 + 2 G1122.

    >>> import jax.numpy as jnp
    >>> face = FilmFace(tau0=1.5, G11=-1.6, G12=4.6)
    >>> round(float(face.at(jnp.asarray(-0.01)).stress), 4)
    1.47
    """

    tau0: Scalar
    G11: Scalar
    G12: Scalar
    dG11: Scalar
    dG12: Scalar
    d2G11: Scalar
    d2G12: Scalar
    gamma: Scalar

    def __init__(
        self,
        tau0: Scalar | float,
        G11: Scalar | float = 0.0,
        G12: Scalar | float = 0.0,
        dG11: Scalar | float = 0.0,
        dG12: Scalar | float = 0.0,
        d2G11: Scalar | float = 0.0,
        d2G12: Scalar | float = 0.0,
        gamma: Scalar | float = 0.0,
    ):
        self.tau0, self.G11, self.G12 = jnp.asarray(tau0, float), jnp.asarray(G11, float), jnp.asarray(G12, float)
        self.dG11, self.dG12 = jnp.asarray(dG11, float), jnp.asarray(dG12, float)
        self.d2G11, self.d2G12 = jnp.asarray(d2G11, float), jnp.asarray(d2G12, float)
        self.gamma = jnp.asarray(gamma, float)

    @classmethod
    def of(cls, polynomial: SurfacePolynomial) -> "FilmFace":
        """What a film sees of Γ(e₁, e₂); the two axes must be equivalent. Orders the polynomial lacks are zero.

        >>> polynomial = SurfacePolynomial.square(tau0=1.5, G11=-1.6, G12=4.6, G111=-10.0, G112=4.0)
        >>> face = FilmFace.of(polynomial)
        >>> float(face.dG11), float(face.dG12)
        (-6.0, 8.0)
        """
        known = polynomial.named

        def named(name):
            return known.get(name, jnp.zeros(()))

        return cls(
            tau0=named("tau1"),
            G11=named("G11"),
            G12=named("G12"),
            dG11=named("G111") + named("G112"),
            dG12=2.0 * named("G112"),
            d2G11=named("G1111") + 2.0 * named("G1112") + named("G1122"),
            d2G12=2.0 * (named("G1112") + named("G1122")),
            gamma=named("gamma"),
        )

    def at(self, e: Scalar) -> SheetResponse:
        """Γ, its slope and its stiffnesses at e₁ = e₂ = e."""
        sums = self.G11 + self.G12, self.dG11 + self.dG12, self.d2G11 + self.d2G12
        return SheetResponse(
            energy=self.gamma + 2.0 * e * (self.tau0 + e * (sums[0] / 2.0 + e * (sums[1] / 6.0 + e * sums[2] / 24.0))),
            stress=self.tau0 + e * (sums[0] + e * (sums[1] / 2.0 + e * sums[2] / 6.0)),
            stiffness11=self.G11 + e * (self.dG11 + 0.5 * self.d2G11 * e),
            stiffness12=self.G12 + e * (self.dG12 + 0.5 * self.d2G12 * e),
            status=Status.of(),
        )
