"""How a yield stress grows with the accumulated plastic strain."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax.material.small_strain import number
from msjax.solvers.scalar import scalar_root
from msjax.status import Status
from msjax.typing import Array, Float, Scalar


class Hardening(eqx.Module):
    """R(α), the yield stress at the accumulated plastic strain α, and its integral."""

    @abc.abstractmethod
    def strength(self, accumulated: Float[Array, ""]) -> Scalar:
        """R(α)."""

    @abc.abstractmethod
    def work(self, accumulated: Float[Array, ""]) -> Scalar:
        """∫₀^α R."""

    def slope(self, accumulated: Float[Array, ""]) -> Scalar:
        """dR/dα."""
        return jax.grad(self.strength)(accumulated)

    def increment(
        self, trial: Float[Array, ""], modulus: Float[Array, ""], accumulated: Float[Array, ""]
    ) -> tuple[Scalar, Status]:
        """Δα ≥ 0 with trial − modulus Δα = R(α + Δα), for trial ≥ R(α); MAX_STEPS where none is found."""
        zero = jnp.zeros_like(trial)
        return scalar_root(_overstress, zero, trial / modulus, (trial, modulus, accumulated, self))


def _overstress(increment, arguments):
    trial, modulus, accumulated, hardening = arguments
    return trial - modulus * increment - hardening.strength(accumulated + increment)


class LinearHardening(Hardening):
    """R = σ₀ + H α; perfect plasticity with H = 0. The step is in closed form.

    ``yield_stress`` σ₀ > 0 and ``modulus`` H ≥ 0, in the caller's units of stress; ``ValueError`` otherwise.

    >>> import jax.numpy as jnp
    >>> float(LinearHardening(2.0, 10.0).strength(jnp.array(0.1)))
    3.0
    """

    yield_stress: Float[Array, ""]
    modulus: Float[Array, ""]

    def __init__(self, yield_stress: Any, modulus: Any = 0.0):
        self.yield_stress = number(yield_stress, "yield_stress", above=0.0)
        self.modulus = number(modulus, "modulus", least=0.0)

    def strength(self, accumulated: Float[Array, ""]) -> Scalar:
        """R(α)."""
        return self.yield_stress + self.modulus * accumulated

    def work(self, accumulated: Float[Array, ""]) -> Scalar:
        """∫₀^α R."""
        return (self.yield_stress + 0.5 * self.modulus * accumulated) * accumulated

    def slope(self, accumulated: Float[Array, ""]) -> Scalar:
        """H."""
        return self.modulus

    def increment(
        self, trial: Float[Array, ""], modulus: Float[Array, ""], accumulated: Float[Array, ""]
    ) -> tuple[Scalar, Status]:
        """Δα in closed form."""
        return (trial - self.strength(accumulated)) / (modulus + self.modulus), Status.of()


class VoceHardening(Hardening):
    """R = σ₀ + H α + Q (1 − exp(−b α)): linear hardening after a saturating part (doi:10.1007/b98904, ch. 3).

    ``yield_stress`` σ₀ > 0, ``saturation`` Q ≥ 0 and ``modulus`` H ≥ 0 in units of stress, ``rate`` b > 0.

    >>> import jax.numpy as jnp
    >>> float(VoceHardening(2.0, saturation=1.0, rate=50.0).strength(jnp.array(10.0)))
    3.0
    """

    yield_stress: Float[Array, ""]
    saturation: Float[Array, ""]
    rate: Float[Array, ""]
    modulus: Float[Array, ""]

    def __init__(self, yield_stress: Any, saturation: Any, rate: Any, modulus: Any = 0.0):
        self.yield_stress = number(yield_stress, "yield_stress", above=0.0)
        self.saturation = number(saturation, "saturation", least=0.0)
        self.rate = number(rate, "rate", above=0.0)
        self.modulus = number(modulus, "modulus", least=0.0)

    def strength(self, accumulated: Float[Array, ""]) -> Scalar:
        """R(α)."""
        rising = -jnp.expm1(-self.rate * accumulated)
        return self.yield_stress + self.modulus * accumulated + self.saturation * rising

    def work(self, accumulated: Float[Array, ""]) -> Scalar:
        """∫₀^α R."""
        linear = (self.yield_stress + 0.5 * self.modulus * accumulated) * accumulated
        return linear + self.saturation * (accumulated + jnp.expm1(-self.rate * accumulated) / self.rate)


class PowerHardening(Hardening):
    """Swift's law R = σ₀ (1 + α/ε₀)ⁿ (doi:10.1016/0022-5096(52)90002-1).

    ``yield_stress`` σ₀ > 0 in units of stress, ``strain`` ε₀ > 0, ``exponent`` 0 ≤ n ≤ 1.

    >>> import jax.numpy as jnp
    >>> float(PowerHardening(2.0, strain=0.01, exponent=0.5).strength(jnp.array(0.03)))
    4.0
    """

    yield_stress: Float[Array, ""]
    strain: Float[Array, ""]
    exponent: Float[Array, ""]

    def __init__(self, yield_stress: Any, strain: Any, exponent: Any):
        self.yield_stress = number(yield_stress, "yield_stress", above=0.0)
        self.strain = number(strain, "strain", above=0.0)
        self.exponent = number(exponent, "exponent", least=0.0, below=1.0 + 1e-12)

    def strength(self, accumulated: Float[Array, ""]) -> Scalar:
        """R(α)."""
        return self.yield_stress * (1.0 + accumulated / self.strain) ** self.exponent

    def work(self, accumulated: Float[Array, ""]) -> Scalar:
        """∫₀^α R."""
        n = self.exponent + 1.0
        return self.yield_stress * self.strain / n * ((1.0 + accumulated / self.strain) ** n - 1.0)
