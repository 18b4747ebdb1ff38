"""Hyperelastic solids written as a stored energy ψ(F; parameters)."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.material.response import (
    Material,
    Response,
    check_strain,
    flag_unstable,
    pure_strain_form,
    safe_deformation,
)
from msjax.solvers.condensation import tangent_status
from msjax.status import Code, guard, screen
from msjax.tensors import det, inverse, is_positive_definite
from msjax.typing import Array, Float, PyTree, Scalar, concrete


class Hyperelastic(Material):
    """A material without internal unknowns, from its stored energy ψ(F) per reference volume.

    A subclass says ``dim`` and ``stored_energy``; P = ∂ψ/∂F and A = ∂²ψ/∂F∂F follow by differentiation, exact to
    round-off, in one pass of forward over reverse mode.
    """

    @abc.abstractmethod
    def stored_energy(self, deformation: Float[Array, "d d"]) -> Scalar:
        """ψ(F) per reference volume, for det F > 0."""

    def derivatives(
        self, deformation: Float[Array, "d d"]
    ) -> tuple[Scalar, Float[Array, "d d"], Float[Array, "d d d d"]]:
        """ψ, ∂ψ/∂F and ∂²ψ/∂F∂F; a subclass may know a cheaper way."""

        def stresses(f):
            energy, stress = jax.value_and_grad(self.stored_energy)(f)
            return stress, (energy, stress)

        tangent, (energy, stress) = jax.jacfwd(stresses, has_aux=True)(deformation)
        return energy, stress, tangent

    def respond(self, strain: PyTree, state: PyTree = None, inputs: PyTree = None) -> Response:
        """(W, P, A) at the deformation gradient (d, d); NaN with its status for a NaN or inverted F."""
        return _respond(self, check_strain(strain, self.dim))


@eqx.filter_jit
def _respond(material: Hyperelastic, strain: Array) -> Response:
    deformation, status = safe_deformation(strain)
    energy, stress, tangent = material.derivatives(deformation)
    finite = jnp.isfinite(energy) & jnp.all(jnp.isfinite(stress))
    status = screen(status, ~finite, Code.NONFINITE)
    of_tangent = tangent_status(tangent, status)
    definite = is_positive_definite(pure_strain_form(deformation, stress, tangent))
    of_tangent = flag_unstable(of_tangent, definite)
    energy, stress = guard((energy, stress), status.failed)
    return Response(energy, stress, guard(tangent, of_tangent.failed), None, status, of_tangent)


class NeoHooke(Hyperelastic):
    """Compressible neo-Hooke: ψ = μ/2 (tr FᵀF − d) − μ ln J + λ/2 (ln J)², J = det F (doi:10.1017/CBO9780511755446).

    ``mu`` and ``lam`` are Lamé's constants at F = I, in the caller's units of stress. ``dim`` 1, 2 (plane strain) or
    3; in d dimensions the reference is stress-free.

    Raises ``ValueError`` for a shear modulus that is not positive, or a bulk modulus λ + 2μ/d that is not.

    >>> import jax.numpy as jnp
    >>> rubber = NeoHooke(mu=1.0, lam=2.0)
    >>> float(rubber.respond(jnp.eye(3)).tangent[0, 0, 0, 0])  # λ + 2μ
    4.0
    """

    mu: Float[Array, ""]
    lam: Float[Array, ""]
    size: int = eqx.field(static=True)

    def __init__(self, mu: Any, lam: Any, dim: int = 3):
        if dim not in (1, 2, 3):
            raise ValueError(f"dim: expected 1, 2 or 3, got {dim!r}")
        self.mu, self.lam, self.size = jnp.asarray(mu, float), jnp.asarray(lam, float), dim
        for name, value in (("mu", self.mu), ("lam", self.lam)):
            if value.shape != ():
                raise ValueError(f"{name}: expected one number, got an array of shape {value.shape}")
        if concrete(self.mu) and not self.mu > 0:
            raise ValueError(f"mu: must be positive, got {float(self.mu)}")
        if concrete(self.mu, self.lam):
            bulk = float(self.lam + 2.0 * self.mu / dim)
            if not (np.isfinite(bulk) and bulk > 0):
                raise ValueError(f"lam: λ + 2μ/{dim} must be positive, got {bulk}")

    @property
    def dim(self) -> int:
        """1, 2 or 3."""
        return self.size

    def stored_energy(self, deformation: Float[Array, "d d"]) -> Scalar:
        """ψ(F), per reference volume."""
        log_j = jnp.log(det(deformation))
        stretch2 = jnp.sum(deformation * deformation)
        return 0.5 * self.mu * (stretch2 - self.size) - self.mu * log_j + 0.5 * self.lam * log_j**2

    def derivatives(
        self, deformation: Float[Array, "d d"]
    ) -> tuple[Scalar, Float[Array, "d d"], Float[Array, "d d d d"]]:
        """ψ, P = μF + (λ ln J − μ) F⁻ᵀ, and A in closed form."""
        turned = inverse(deformation).T
        log_j = jnp.log(det(deformation))
        inner = self.lam * log_j - self.mu
        stress = self.mu * deformation + inner * turned
        one = np.eye(self.size)
        tangent = (
            self.mu * np.einsum("ik,JL->iJkL", one, one) + self.lam * turned[:, :, None, None] * turned[None, None]
        )
        tangent = tangent - inner * turned[:, None, None, :] * turned.T[None, :, :, None]
        return self.stored_energy(deformation), stress, tangent
