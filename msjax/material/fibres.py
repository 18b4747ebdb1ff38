"""Soft tissue with families of collagen fibres: Holzapfel, Gasser and Ogden."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.material.invariants import InvariantEnergy, Invariants, volumetric
from msjax.material.small_strain import check_dim, number
from msjax.typing import Array, Float, Scalar, concrete

SLACK = 1e-12
"""Strain below which a fibre is slack: round-off must not decide the tangent of the reference."""


class HolzapfelGasserOgden(InvariantEnergy):
    """ψ = c/2 (Ī₁ − 3) + k₁/(2k₂) Σ_i (exp(k₂ ⟨E_i⟩²) − 1) + K/4 (J² − 1 − 2 ln J) (doi:10.1098/rsif.2005.0073).

    E_i = κ (Ī₁ − 3) + (1 − 3κ)(Ī₄ᵢ − 1) is the strain of the family i with mean direction aᵢ, Ī₄ᵢ = J^(−2/3) aᵢ·C·aᵢ;
    the bracket ⟨·⟩ keeps what is positive: fibres bear tension only, so that the tangent (not the stress) jumps where
    E_i = 0, as at F = 1, where it is that of the matrix alone. ``shear`` c > 0, ``fibre`` k₁ ≥ 0 and ``bulk`` K > 0 in
    the caller's units of stress; ``exponent`` k₂ > 0; ``dispersion`` 0 ≤ κ ≤ 1/3 (aligned to isotropic);
    ``directions`` (n, d), one row per family, of any length. Plane strain where ``dim``, taken from them, is 2.

    Raises ``ValueError`` outside these ranges. NONFINITE where the exponential overflows.

    >>> import jax.numpy as jnp
    >>> artery = HolzapfelGasserOgden(7.64, 996.6, 524.6, [[1.0, 0.85, 0.0], [1.0, -0.85, 0.0]], 1e5, dispersion=0.226)
    >>> bool(artery.respond(jnp.diag(jnp.array([1.05, 1.0, 1 / 1.05]))).stress[0, 0] > 0)
    True
    """

    shear: Float[Array, ""]
    fibre: Float[Array, ""]
    exponent: Float[Array, ""]
    directions: Float[Array, "n d"]
    bulk: Float[Array, ""]
    dispersion: Float[Array, ""]
    size: int = eqx.field(static=True)

    def __init__(self, shear: Any, fibre: Any, exponent: Any, directions: Any, bulk: Any, dispersion: Any = 0.0):
        self.shear, self.fibre = number(shear, "shear", above=0.0), number(fibre, "fibre", least=0.0)
        self.exponent, self.bulk = number(exponent, "exponent", above=0.0), number(bulk, "bulk", above=0.0)
        self.dispersion = number(dispersion, "dispersion", least=0.0, below=1.0 / 3.0 + 1e-12)
        self.directions = jnp.asarray(directions, float)
        if self.directions.ndim != 2 or not self.directions.shape[0]:
            raise ValueError(f"directions: expected one row per family (n, d), got shape {self.directions.shape}")
        self.size = check_dim(self.directions.shape[1])
        if concrete(self.directions):
            lengths = np.linalg.norm(np.asarray(self.directions), axis=1)
            bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
            if len(bad):
                raise ValueError(f"directions[{bad[0]}]: must be finite and not zero")

    @property
    def dim(self) -> int:
        """2 or 3."""
        return self.size

    @property
    def fibres(self) -> Float[Array, "n d"]:
        """The mean directions of the families."""
        return self.directions

    def energy_of(self, invariants: Invariants) -> Scalar:
        """ψ of the invariants."""
        first, _ = invariants.isochoric
        assert invariants.fibres is not None
        stretched = invariants.volume ** (-2.0 / 3.0) * invariants.fibres
        kappa = self.dispersion
        strain = kappa * (first - 3.0) + (1.0 - 3.0 * kappa) * (stretched - 1.0)
        strain = jnp.where(strain > SLACK, strain, 0.0)
        fibres = self.fibre / (2.0 * self.exponent) * jnp.sum(jnp.expm1(self.exponent * strain**2))
        return 0.5 * self.shear * (first - 3.0) + fibres + volumetric(self.bulk, invariants.volume)
