"""Rubber-like solids: Mooney–Rivlin and Ogden, each an isochoric part and a volumetric part."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.material.invariants import InvariantEnergy, Invariants, volumetric
from msjax.material.log_invariants import REACH, exponential_sum, largest_logarithm, logarithmic_invariants
from msjax.material.small_strain import check_dim, number
from msjax.typing import Array, Float, Scalar, concrete


class MooneyRivlin(InvariantEnergy):
    """ψ = c₁₀ (Ī₁ − 3) + c₀₁ (Ī₂ − 3) + K/4 (J² − 1 − 2 ln J) (Mooney 1940, doi:10.1063/1.1712836; Holzapfel,
    Nonlinear Solid Mechanics, ch. 6).

    Ī₁ = J^(−2/3) tr C and Ī₂ = J^(−4/3) ½((tr C)² − tr C²) are those of the isochoric part of F. At F = 1 the shear
    modulus is 2(c₁₀ + c₀₁) and the bulk modulus ``bulk``, in the caller's units of stress. Plane strain where ``dim``
    is 2. Raises ``ValueError`` for a shear or bulk modulus that is not positive.

    >>> import jax.numpy as jnp
    >>> rubber = MooneyRivlin(0.4, 0.1, bulk=50.0)
    >>> round(float(rubber.respond(jnp.eye(3).at[0, 1].set(0.5)).stress[0, 1]), 12)  # 2 (c10 + c01) γ
    0.5
    """

    c10: Float[Array, ""]
    c01: Float[Array, ""]
    bulk: Float[Array, ""]
    size: int = eqx.field(static=True)

    def __init__(self, c10: Any, c01: Any, bulk: Any, dim: int = 3):
        self.c10, self.c01 = number(c10, "c10"), number(c01, "c01")
        self.bulk, self.size = number(bulk, "bulk", above=0.0), check_dim(dim)
        if concrete(self.c10, self.c01) and not self.c10 + self.c01 > 0:
            raise ValueError(f"c10 + c01: must be positive, got {float(self.c10 + self.c01)}")

    @property
    def dim(self) -> int:
        """2 or 3."""
        return self.size

    def energy_of(self, invariants: Invariants) -> Scalar:
        """ψ of the invariants."""
        first, second = invariants.isochoric
        return self.c10 * (first - 3.0) + self.c01 * (second - 3.0) + volumetric(self.bulk, invariants.volume)


class Ogden(InvariantEnergy):
    """ψ = Σ_p μ_p/α_p (λ̄₁^α_p + λ̄₂^α_p + λ̄₃^α_p − 3) + K/4 (J² − 1 − 2 ln J) (Ogden 1972, doi:10.1098/rspa.1972.0026).

    λ̄ are the principal stretches of the isochoric part of F; they are never computed, so that all derivatives are
    exact where stretches coincide (see :mod:`~msjax.material.log_invariants`). ``shear`` μ_p, in the caller's units of
    stress, and ``exponents`` α_p have one number per term. At F = 1 the shear modulus is ½ Σ μ_p α_p and the bulk
    modulus ``bulk``. α = 2 alone is neo-Hooke, α = ±2 Mooney–Rivlin with c₁₀ = μ₁/2 and c₀₁ = −μ₂/2. Plane strain where
    ``dim`` is 2.

    Raises ``ValueError`` for lists of different lengths, an exponent 0, and moduli that are not positive. A stretch so
    large that |α ln λ̄| exceeds 32 is NONFINITE.

    >>> import jax.numpy as jnp
    >>> rubber = Ogden([0.63, 0.0012, -0.01], [1.3, 5.0, -2.0], bulk=1000.0)  # MPa
    >>> round(float(rubber.respond(jnp.eye(3)).tangent[0, 1, 0, 1]), 4)
    0.4225
    """

    shear: Float[Array, " p"]
    exponents: Float[Array, " p"]
    bulk: Float[Array, ""]
    size: int = eqx.field(static=True)

    def __init__(self, shear: Sequence[Any] | Any, exponents: Sequence[Any] | Any, bulk: Any, dim: int = 3):
        self.shear, self.exponents = (jnp.atleast_1d(jnp.asarray(x, float)) for x in (shear, exponents))
        self.bulk, self.size = number(bulk, "bulk", above=0.0), check_dim(dim)
        if self.shear.ndim != 1 or self.shear.shape != self.exponents.shape:
            raise ValueError(
                "shear, exponents: expected one number each per term, "
                f"got shapes {self.shear.shape} and {self.exponents.shape}"
            )
        if concrete(self.exponents) and np.any(np.asarray(self.exponents) == 0):
            raise ValueError(f"exponents[{int(np.argmin(np.abs(self.exponents)))}]: must not be 0")
        if concrete(self.shear, self.exponents):
            modulus = 0.5 * float(jnp.sum(self.shear * self.exponents))
            if not (np.isfinite(modulus) and modulus > 0):
                raise ValueError(f"shear: ½ Σ μ_p α_p must be positive, got {modulus}")

    @property
    def dim(self) -> int:
        """2 or 3."""
        return self.size

    def energy_of(self, invariants: Invariants) -> Scalar:
        """ψ of the invariants."""
        first, second = invariants.isochoric
        j = logarithmic_invariants(jnp.stack([first - 3.0, second - 3.0]))
        halves = 0.5 * self.exponents
        sums = jax.vmap(exponential_sum, in_axes=(0, None, None))(halves, j[0], j[1])
        known, largest = jax.lax.stop_gradient((j, jnp.max(jnp.abs(halves))))
        isochoric = jnp.sum(self.shear / self.exponents * sums)
        isochoric = jnp.where(largest * largest_logarithm(known) <= REACH, isochoric, jnp.nan)
        return isochoric + volumetric(self.bulk, invariants.volume)
