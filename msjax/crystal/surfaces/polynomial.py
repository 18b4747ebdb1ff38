"""Γ as a polynomial of the in-plane engineering strains: what films are fitted with."""

from math import comb, factorial

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.typing import Array, Float, Scalar


def exponents(order: int) -> tuple[tuple[int, int], ...]:
    """(i, j) of ∂^(i+j)Γ/∂e₁^i∂e₂^j, order by order, e₁ first.

    >>> exponents(2)
    ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
    """
    return tuple((n - j, j) for n in range(order + 1) for j in range(n + 1))


class SurfacePolynomial(eqx.Module):
    """Γ(e₁, e₂) = Σ Γ_ij e₁^i e₂^j / (i! j!), with Γ_ij the derivatives at e = 0, energy per area.

    The array leaf ``derivatives`` holds Γ_ij in the order of :func:`exponents`. Strains are engineering strains along
    the face's axes, without shear.

    >>> gamma = SurfacePolynomial.square(tau0=1.5, G11=-1.6, G12=4.6)
    >>> round(float(gamma.stress(0.01, 0.0)[1]), 3)
    1.546
    """

    derivatives: Float[Array, " k"]
    order: int = eqx.field(static=True)

    def __check_init__(self):
        expected = len(exponents(self.order))
        if self.derivatives.shape != (expected,):
            raise ValueError(f"derivatives: order {self.order} has {expected}, got shape {self.derivatives.shape}")

    @classmethod
    def square(
        cls,
        gamma: Scalar | float = 0.0,
        tau0: Scalar | float = 0.0,
        G11: Scalar | float = 0.0,
        G12: Scalar | float = 0.0,
        G111: Scalar | float = 0.0,
        G112: Scalar | float = 0.0,
        G1111: Scalar | float = 0.0,
        G1112: Scalar | float = 0.0,
        G1122: Scalar | float = 0.0,
    ) -> "SurfacePolynomial":
        """Fourth order for a face whose two axes are equivalent, from its named constants (traced or not)."""
        named = (gamma, tau0, tau0, G11, G12, G11, G111, G112, G112, G111, G1111, G1112, G1122, G1112, G1111)
        return cls(jnp.stack([jnp.asarray(x, float) for x in named]), 4)

    def derivative(self, i: int, j: int) -> Scalar:
        """∂^(i+j)Γ/∂e₁^i∂e₂^j at e = 0."""
        return self.derivatives[exponents(self.order).index((i, j))]

    @property
    def named(self) -> dict[str, Scalar]:
        """The derivatives by name: gamma, tau1, tau2, G11, G12, G22, G111, …"""
        names = {(0, 0): "gamma", (1, 0): "tau1", (0, 1): "tau2"}
        powers = exponents(self.order)
        return {names.get((i, j), "G" + "1" * i + "2" * j): self.derivatives[n] for n, (i, j) in enumerate(powers)}

    def energy(self, e1: Scalar | float, e2: Scalar | float) -> Scalar:
        """Γ."""
        return self._sum(e1, e2, 0, 0)

    def stress(self, e1: Scalar | float, e2: Scalar | float) -> Float[Array, "2"]:
        """(∂Γ/∂e₁, ∂Γ/∂e₂)."""
        return jnp.stack([self._sum(e1, e2, i, 1 - i) for i in (1, 0)])

    def stiffness(self, e1: Scalar | float, e2: Scalar | float) -> Float[Array, "3"]:
        """(Γ11, Γ12, Γ22) at the strain."""
        return jnp.stack([self._sum(e1, e2, i, 2 - i) for i in (2, 1, 0)])

    def _sum(self, e1: Scalar | float, e2: Scalar | float, i: int, j: int) -> Scalar:
        e1, e2 = jnp.asarray(e1, float), jnp.asarray(e2, float)
        return self.derivatives @ jnp.stack(monomials(e1, e2, self.order, i, j))


def monomials(e1, e2, order: int, i: int, j: int) -> list:
    """∂^(i+j)/∂e₁^i∂e₂^j of e₁^m e₂^n/(m! n!), for all (m, n) of :func:`exponents`; plain numbers or arrays."""
    return [
        0.0 * e1 if m < i or n < j else e1 ** (m - i) * e2 ** (n - j) / (factorial(m - i) * factorial(n - j))
        for m, n in exponents(order)
    ]


def directional(direction: np.ndarray, order: int) -> np.ndarray:
    """Row that takes the derivatives Γ_ij of one order to dⁿΓ/dtⁿ along e = t·direction."""
    a, b = direction
    return np.array([comb(order, j) * a ** (order - j) * b**j for j in range(order + 1)])
