"""The excess energy of a face with fourfold symmetry, as a polynomial of the in-plane strains."""

import jax.numpy as jnp

from msjax.nano.sheet import Sheet, SheetResponse
from msjax.status import Status
from msjax.typing import Scalar


class SurfaceEnergy(Sheet):
    """Γ(e₁, e₂): excess energy of one face per *reference* area, in engineering strains from the bulk's a₀, eV/Å².

    Γ = γ + τ(e₁+e₂) + ½Γ11(e₁²+e₂²) + Γ12 e₁e₂ + Γ111(e₁³+e₂³)/6 + Γ112(e₁²e₂+e₁e₂²)/2
        + Γ1111(e₁⁴+e₂⁴)/24 + Γ1112(e₁³e₂+e₁e₂³)/6 + Γ1122 e₁²e₂²/4

    for strains along the fourfold axes of a (100) face of a cubic crystal, without shear. τ is the surface stress
    (Lagrangian, as in the Shuttleworth relation; Cammarata, doi:10.1016/0079-6816(94)90005-1), Γ11 and Γ12 the surface
    stiffness. Only the film's equibiaxial line is seen by equilibrium strains and tangents, and on it only

        Γ11(e) = Γ11 + a₁₁ e + b₁₁ e²/2,   a₁₁ = Γ111 + Γ112,   b₁₁ = Γ1111 + 2 Γ1112 + Γ1122
        Γ12(e) = Γ12 + a₁₂ e + b₁₂ e²/2,   a₁₂ = 2 Γ112,        b₁₂ = 2 Γ1112 + 2 Γ1122

    so a fit to films has four constants beyond the second order: see :meth:`on_line`.

    >>> import jax.numpy as jnp
    >>> surface = SurfaceEnergy(tau=1.5, Gamma11=-1.6, Gamma12=4.6)
    >>> round(float(surface.at(jnp.asarray(-0.01)).stress), 4)
    1.47
    """

    gamma: Scalar
    tau: Scalar
    Gamma11: Scalar
    Gamma12: Scalar
    Gamma111: Scalar
    Gamma112: Scalar
    Gamma1111: Scalar
    Gamma1112: Scalar
    Gamma1122: Scalar

    def __init__(
        self,
        *,
        gamma: Scalar | float = 0.0,
        tau: Scalar | float = 0.0,
        Gamma11: Scalar | float = 0.0,
        Gamma12: Scalar | float = 0.0,
        Gamma111: Scalar | float = 0.0,
        Gamma112: Scalar | float = 0.0,
        Gamma1111: Scalar | float = 0.0,
        Gamma1112: Scalar | float = 0.0,
        Gamma1122: Scalar | float = 0.0,
    ):
        self.gamma, self.tau = jnp.asarray(gamma, float), jnp.asarray(tau, float)
        self.Gamma11, self.Gamma12 = jnp.asarray(Gamma11, float), jnp.asarray(Gamma12, float)
        self.Gamma111, self.Gamma112 = jnp.asarray(Gamma111, float), jnp.asarray(Gamma112, float)
        self.Gamma1111 = jnp.asarray(Gamma1111, float)
        self.Gamma1112, self.Gamma1122 = jnp.asarray(Gamma1112, float), jnp.asarray(Gamma1122, float)

    @classmethod
    def on_line(
        cls,
        *,
        tau: Scalar | float,
        Gamma11: Scalar | float = 0.0,
        Gamma12: Scalar | float = 0.0,
        slope11: Scalar | float = 0.0,
        slope12: Scalar | float = 0.0,
        curvature11: Scalar | float = 0.0,
        curvature12: Scalar | float = 0.0,
        gamma: Scalar | float = 0.0,
    ) -> "SurfaceEnergy":
        """A Γ with the given behaviour at e₁ = e₂: slopes a and curvatures b of Γ11(e) and Γ12(e).

        What the line does not determine is chosen: Γ1112 = 0. Use it on the line only.

        >>> surface = SurfaceEnergy.on_line(tau=1.0, Gamma11=2.0, slope11=-30.0, slope12=10.0, curvature12=400.0)
        >>> [float(x) for x in surface.slopes + surface.curvatures]
        [-30.0, 10.0, 0.0, 400.0]
        """
        return cls(
            gamma=gamma,
            tau=tau,
            Gamma11=Gamma11,
            Gamma12=Gamma12,
            Gamma111=slope11 - 0.5 * slope12,
            Gamma112=0.5 * slope12,
            Gamma1111=curvature11 - 0.5 * curvature12,
            Gamma1122=0.5 * curvature12,
        )

    @property
    def slopes(self) -> tuple[Scalar, Scalar]:
        """a₁₁ and a₁₂: how Γ11 and Γ12 change along e₁ = e₂, at e = 0."""
        return self.Gamma111 + self.Gamma112, 2.0 * self.Gamma112

    @property
    def curvatures(self) -> tuple[Scalar, Scalar]:
        """b₁₁ and b₁₂: second derivatives of Γ11 and Γ12 along e₁ = e₂, at e = 0."""
        return (
            self.Gamma1111 + 2.0 * self.Gamma1112 + self.Gamma1122,
            2.0 * (self.Gamma1112 + self.Gamma1122),
        )

    def __call__(self, e1: Scalar, e2: Scalar) -> Scalar:
        """Γ(e₁, e₂)."""
        second = 0.5 * self.Gamma11 * (e1**2 + e2**2) + self.Gamma12 * e1 * e2
        third = self.Gamma111 * (e1**3 + e2**3) / 6.0 + 0.5 * self.Gamma112 * e1 * e2 * (e1 + e2)
        fourth = (
            self.Gamma1111 * (e1**4 + e2**4) / 24.0
            + self.Gamma1112 * e1 * e2 * (e1**2 + e2**2) / 6.0
            + 0.25 * self.Gamma1122 * (e1 * e2) ** 2
        )
        return self.gamma + self.tau * (e1 + e2) + second + third + fourth

    def at(self, e: Scalar) -> SheetResponse:
        """Γ, its slope and its stiffnesses at e₁ = e₂ = e."""
        (a11, a12), (b11, b12) = self.slopes, self.curvatures
        stress = self.tau + e * (self.Gamma11 + self.Gamma12 + e * ((a11 + a12) / 2.0 + e * (b11 + b12) / 6.0))
        return SheetResponse(
            energy=self(e, e),
            stress=stress,
            stiffness11=self.Gamma11 + e * (a11 + 0.5 * b11 * e),
            stiffness12=self.Gamma12 + e * (a12 + 0.5 * b12 * e),
            status=Status.of(),
        )
