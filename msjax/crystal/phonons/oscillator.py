"""The free energy of a harmonic oscillator as a function of ω² and temperature, with all its derivatives."""

import dataclasses

import jax
import jax.numpy as jnp

from msjax import units
from msjax.typing import Array, Float, Scalar

HBAR = units.hbar_eV_s * units.s
"""Reduced Planck constant in internal units, eV Å √(amu/eV)."""
COLD = 500.0
"""From ħω/kT = COLD on nothing is excited: e^{−500} is zero against one in every sum."""


@dataclasses.dataclass(frozen=True)
class Oscillator:
    """∂^m/∂(ω²)^m ∂^p/∂T^p of the free energy of one mode, eV, with ω² in eV/(Å² amu) and T in K.

    Quantum: ½ħω + kT ln(1 − e^{−ħω/kT}), at T = 0 the zero-point energy; classical: kT ln(ħω/kT), T > 0 (Born and
    Huang 1954, §16). ``in_omega2`` is m, ``in_temperature`` p. Elementwise in ω², which must be positive.

    >>> import jax.numpy as jnp
    >>> quantum, classical = Oscillator(True), Oscillator(False)
    >>> hot = jnp.array(1e5)
    >>> round(float(quantum(jnp.array([0.05]), hot)[0] / classical(jnp.array([0.05]), hot)[0]), 6)
    1.0
    """

    quantum: bool
    in_omega2: int = 0
    in_temperature: int = 0

    def slope(self, order: int = 1) -> "Oscillator":
        """The derivative of an order in ω²."""
        return dataclasses.replace(self, in_omega2=self.in_omega2 + order)

    def warmer(self, order: int = 1) -> "Oscillator":
        """The derivative of an order in T."""
        return dataclasses.replace(self, in_temperature=self.in_temperature + order)

    def __call__(self, omega2: Float[Array, "*s"], temperature: Scalar) -> Float[Array, "*s"]:
        """The derivative at ω² and T."""
        function = _quantum if self.quantum else _classical
        for _ in range(self.in_temperature):
            function = _in_temperature(function)
        for _ in range(self.in_omega2):
            function = _in_omega2(function)
        return function(omega2, temperature)


def _quantum(omega2, temperature):
    omega = jnp.sqrt(omega2)
    cold = HBAR * omega >= COLD * units.kB * temperature
    thermal = units.kB * jnp.where(cold, 1.0, temperature)
    excited = thermal * jnp.log(-jnp.expm1(-(HBAR * omega) / thermal))
    return 0.5 * HBAR * omega + jnp.where(cold, 0.0, excited)


def _classical(omega2, temperature):
    thermal = units.kB * temperature
    return thermal * (0.5 * jnp.log(omega2) + jnp.log(HBAR / thermal))


def _in_omega2(function):
    def derivative(omega2, temperature):
        return jax.jvp(lambda x: function(x, temperature), (omega2,), (jnp.ones_like(omega2),))[1]

    return derivative


def _in_temperature(function):
    def derivative(omega2, temperature):
        return jax.jvp(lambda t: function(omega2, t), (temperature,), (jnp.ones_like(temperature),))[1]

    return derivative
