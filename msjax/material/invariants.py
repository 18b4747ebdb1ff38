"""Hyperelastic solids whose stored energy is a function of invariants of C = FᵀF.

With k the invariants, P = ψ_k ∂k/∂F and A = ψ_kl ∂k/∂F ⊗ ∂l/∂F + ψ_k ∂²k/∂F∂F: the energy is differentiated in a few
scalars, and only polynomials in F.
"""

import abc
from typing import NamedTuple

import jax
import jax.numpy as jnp

from msjax.material.hyperelastic import Hyperelastic
from msjax.tensors import det, sum_of
from msjax.typing import Array, Float, Scalar


class Invariants(NamedTuple):
    """I₁ = tr C, I₂ = ½(I₁² − tr C²), J = det F, and I₄ = a·C·a per fibre direction a (None without fibres)."""

    first: Scalar
    second: Scalar
    volume: Scalar
    fibres: Float[Array, " n"] | None = None

    @property
    def isochoric(self) -> tuple[Scalar, Scalar]:
        """Ī₁ = J^(−2/3) I₁ and Ī₂ = J^(−4/3) I₂."""
        scale = self.volume ** (-2.0 / 3.0)
        return scale * self.first, scale**2 * self.second


class InvariantEnergy(Hyperelastic):
    """A stored energy ψ(I₁, I₂, J, I₄): a subclass says :meth:`energy_of`, and its ``fibres`` if it has any.

    Plane strain where ``dim`` is 2: the third stretch is 1.
    """

    @property
    def fibres(self) -> Float[Array, "n d"] | None:
        """Directions of fibres in the reference configuration, of any length."""
        return None

    @abc.abstractmethod
    def energy_of(self, invariants: Invariants) -> Scalar:
        """ψ per reference volume."""

    def invariants(self, deformation: Float[Array, "d d"]) -> Invariants:
        """Invariants of a deformation gradient."""
        squares = jnp.sum(deformation * deformation)
        volume = det(deformation)
        if deformation.shape[0] == 2:
            first, second = squares + 1.0, squares + volume**2
        else:
            first, second = squares, jnp.sum(_cofactors(deformation) ** 2)
        directions, stretched = self.fibres, None
        if directions is not None:
            lengths = jnp.sum(directions * directions, axis=1)
            stretched = jnp.sum((directions @ deformation.T) ** 2, axis=1) / lengths
        return Invariants(first, second, volume, stretched)

    def stored_energy(self, deformation: Float[Array, "d d"]) -> Scalar:
        """ψ(F), per reference volume."""
        return self.energy_of(self.invariants(deformation))

    def derivatives(
        self, deformation: Float[Array, "d d"]
    ) -> tuple[Scalar, Float[Array, "d d"], Float[Array, "d d d d"]]:
        """ψ, P and A by the chain rule through the invariants, whose derivatives are written out."""
        f, n = deformation, self.dim
        invariants = self.invariants(f)
        flat = jnp.stack(invariants[:3])
        flat = flat if invariants.fibres is None else jnp.concatenate([flat, invariants.fibres])

        def energy(k):
            return self.energy_of(Invariants(k[0], k[1], k[2], None if invariants.fibres is None else k[3:]))

        def slopes(k):
            value, slope = jax.value_and_grad(energy)(k)
            return slope, (value, slope)

        curvature, (value, slope) = jax.jacfwd(slopes, has_aux=True)(flat)  # one trace for all three

        square, cofactor = f.T @ f, _cofactors(f)
        of_second = 2.0 * (f + invariants.volume * cofactor if n == 2 else invariants.first * f - f @ square)
        gradients = [2.0 * f, of_second, cofactor]
        one = jnp.eye(n)
        # ∂²k/∂F∂F in four patterns: δ_ik X_JL, Y_ik δ_JL, products Z_iJ Z_kL, and products Z_iL Z_kJ
        inner, outer = 2.0 * slope[0] * one, jnp.zeros((n, n))
        of_volume = slope[2]
        if n == 2:
            inner, of_volume = inner + 2.0 * slope[1] * one, of_volume + 2.0 * slope[1] * invariants.volume
        else:
            inner = inner + 2.0 * slope[1] * (invariants.first * one - square)
            outer = outer - 2.0 * slope[1] * (f @ f.T)
        if invariants.fibres is not None:
            directions = self.fibres
            assert directions is not None
            for k in range(directions.shape[0]):
                direction = directions[k] / jnp.sqrt(jnp.sum(directions[k] ** 2))
                gradients.append(2.0 * (f @ direction)[:, None] * direction[None])
                inner = inner + 2.0 * slope[3 + k] * direction[:, None] * direction[None]
        stress = sum_of(slope[k] * g for k, g in enumerate(gradients))
        mixed = [sum_of(curvature[k, m] * g for m, g in enumerate(gradients)) for k in range(len(gradients))]
        mixed[2] = mixed[2] + of_volume / invariants.volume * cofactor
        swapped = -of_volume / invariants.volume * cofactor[:, None, None, :] * cofactor.T[None, :, :, None]
        if n == 2:  # ½ ∂²(J²) is the product of the cofactors and J times their derivative
            mixed[2] = mixed[2] + 2.0 * slope[1] * cofactor
        else:
            mixed[0] = mixed[0] + 2.0 * slope[1] * f
            swapped = swapped - 2.0 * slope[1] * f[:, None, None, :] * f.T[None, :, :, None]
        tangent = sum_of(g[:, :, None, None] * m[None, None] for g, m in zip(gradients, mixed, strict=True))
        tangent = tangent + swapped + one[:, None, :, None] * inner[None, :, None, :]
        return value, stress, tangent + outer[:, None, :, None] * one[None, :, None, :]


def _cofactors(f: Float[Array, "d d"]) -> Float[Array, "d d"]:
    """∂J/∂F."""
    if f.shape[0] == 2:
        return jnp.stack([jnp.stack([f[1, 1], -f[1, 0]]), jnp.stack([-f[0, 1], f[0, 0]])])

    def entry(i, j):
        p, q, r, s = (i + 1) % 3, (i + 2) % 3, (j + 1) % 3, (j + 2) % 3
        return f[p, r] * f[q, s] - f[p, s] * f[q, r]

    return jnp.stack([jnp.stack([entry(i, j) for j in range(3)]) for i in range(3)])


def volumetric(bulk: Scalar, volume: Scalar) -> Scalar:
    """U(J) = K/4 (J² − 1 − 2 ln J): convex, infinite at J → 0 and at J → ∞ (doi:10.1016/0045-7825(91)90100-K).

    >>> import jax.numpy as jnp
    >>> float(volumetric(jnp.array(2.0), jnp.array(1.0)))
    0.0
    """
    return 0.25 * bulk * (volume**2 - 1.0 - 2.0 * jnp.log(volume))
