"""How fast a tissue grows: Lubarda and Hoger's limited rate, driven by stress or by stretch."""

from typing import Any, Literal

import equinox as eqx
import jax.numpy as jnp

from msjax.material.small_strain import number
from msjax.typing import Array, Float, Scalar

Driver = Literal["stress", "stretch"]


class GrowthLaw(eqx.Module):
    """ϑ̇ = k(ϑ) ⟨φ − φ_c⟩, k = 1/τ ((ϑ_m − ϑ)/(ϑ_m − 1))^γ (doi:10.1016/S0020-7683(02)00352-9).

    The ``driver`` φ is the trace of Mandel's stress FₑᵀPₑ ("stress") or the elastic stretch of the fibres ("stretch");
    growth starts above the ``threshold`` φ_c and ends at the ``limit`` ϑ_m > 1. ``time`` τ > 0 is in units of time
    times those of φ, ``exponent`` γ ≥ 1. Nothing shrinks.

    Raises ``ValueError`` outside these ranges.

    >>> import jax.numpy as jnp
    >>> law = GrowthLaw(time=2.0, limit=1.5, threshold=0.1)
    >>> float(law.rate(jnp.array(1.0), jnp.array(0.3)))
    0.1
    """

    time: Float[Array, ""]
    limit: Float[Array, ""]
    threshold: Float[Array, ""]
    exponent: Float[Array, ""]
    driver: Driver = eqx.field(static=True)

    def __init__(self, time: Any, limit: Any, threshold: Any = 0.0, exponent: Any = 1.0, driver: Any = "stress"):
        if driver not in ("stress", "stretch"):
            raise ValueError(f"driver: expected 'stress' or 'stretch', got {driver!r}")
        self.time, self.limit = number(time, "time", above=0.0), number(limit, "limit", above=1.0)
        self.threshold, self.exponent = number(threshold, "threshold"), number(exponent, "exponent", least=1.0)
        self.driver = driver

    def rate(self, stretch: Float[Array, ""], driving: Float[Array, ""]) -> Scalar:
        """ϑ̇ at a growth stretch and a driving force."""
        left = jnp.maximum((self.limit - stretch) / (self.limit - 1.0), 0.0)
        return left**self.exponent * jnp.maximum(driving - self.threshold, 0.0) / self.time
