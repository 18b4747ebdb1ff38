"""How a damaged solid softens: its integrity 1 − d as a function of the largest equivalent strain."""

import abc
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from msjax.material.small_strain import number
from msjax.typing import Array, Float, Scalar, concrete


class Softening(eqx.Module):
    """Integrity g(κ) = 1 − d for κ ≥ κ₀ and the integral that dissipation needs. Sound where κ ≤ ``threshold`` κ₀."""

    threshold: eqx.AbstractVar[Array]

    @abc.abstractmethod
    def integrity(self, largest: Float[Array, ""]) -> Scalar:
        """g(κ)."""

    @abc.abstractmethod
    def slope(self, largest: Float[Array, ""]) -> Scalar:
        """g′(κ)."""

    @abc.abstractmethod
    def area(self, largest: Float[Array, ""]) -> Scalar:
        """∫ κ g dκ from κ₀: under the uniaxial curve, over E."""

    def dissipated(self, largest: Float[Array, ""]) -> Scalar:
        """−∫ ½ κ² g′ dκ from κ₀: what has been dissipated per volume, over E."""
        return 0.5 * self.threshold**2 - 0.5 * largest**2 * self.integrity(largest) + self.area(largest)


class ExponentialSoftening(Softening):
    """g = κ₀/κ exp(−(κ − κ₀)/(κ_f − κ₀)): the uniaxial stress falls from Eκ₀ as an exponential.

    All of it dissipates E κ₀ (κ_f − κ₀/2) per volume. ``threshold`` 0 < κ₀ < ``final`` κ_f, strains.

    >>> import jax.numpy as jnp
    >>> float(ExponentialSoftening(1e-4, 5e-4).integrity(jnp.array(1e-4)))
    1.0
    """

    threshold: Float[Array, ""]
    final: Float[Array, ""]

    def __init__(self, threshold: Any, final: Any):
        self.threshold, self.final = _strains(threshold, final)

    def _decay(self, largest):
        return jnp.exp(-(largest - self.threshold) / (self.final - self.threshold))

    def integrity(self, largest: Float[Array, ""]) -> Scalar:
        """g(κ)."""
        return self.threshold / largest * self._decay(largest)

    def slope(self, largest: Float[Array, ""]) -> Scalar:
        """g′(κ)."""
        return -self.integrity(largest) * (1.0 / largest + 1.0 / (self.final - self.threshold))

    def area(self, largest: Float[Array, ""]) -> Scalar:
        """κ₀ (κ_f − κ₀)(1 − exp(…))."""
        return self.threshold * (self.final - self.threshold) * (1.0 - self._decay(largest))


class LinearSoftening(Softening):
    """g = κ₀/κ (κ_f − κ)/(κ_f − κ₀) up to κ_f, then 0: the uniaxial stress falls from Eκ₀ to 0 along a line.

    All of it dissipates ½ E κ₀ κ_f per volume. ``threshold`` 0 < κ₀ < ``final`` κ_f, strains.

    >>> import jax.numpy as jnp
    >>> float(LinearSoftening(1.0, 3.0).integrity(jnp.array(2.0)))
    0.25
    """

    threshold: Float[Array, ""]
    final: Float[Array, ""]

    def __init__(self, threshold: Any, final: Any):
        self.threshold, self.final = _strains(threshold, final)

    def _left(self, largest):
        return jnp.maximum(self.final - largest, 0.0)

    def integrity(self, largest: Float[Array, ""]) -> Scalar:
        """g(κ)."""
        return self.threshold / largest * self._left(largest) / (self.final - self.threshold)

    def slope(self, largest: Float[Array, ""]) -> Scalar:
        """g′(κ)."""
        falling = -self.threshold * self.final / (largest**2 * (self.final - self.threshold))
        return jnp.where(largest < self.final, falling, 0.0)

    def area(self, largest: Float[Array, ""]) -> Scalar:
        """Of a trapezium."""
        span = self.final - self.threshold
        return 0.5 * self.threshold * (span - self._left(largest) ** 2 / span)


def _strains(threshold: Any, final: Any) -> tuple[Scalar, Scalar]:
    low, high = number(threshold, "threshold", above=0.0), number(final, "final", above=0.0)
    if concrete(low, high) and not high > low:
        raise ValueError(f"final: must be greater than threshold = {float(low)}, got {float(high)}")
    return low, high
