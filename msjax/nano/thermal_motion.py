"""Thermal motion of a held beam, and what it leaves of a measurement.

Classical equipartition gives the deflection at x the mean square kT C(x, x) with C the static compliance; at the point
that is loaded k_B T/k. By modes it is kT Σ φ_n(x)²/ω_n²: for a cantilever's tip Σ 12/α_n⁴ k_BT/k with shares 0.970688,
0.024716, 0.003152, … (Butt and Jaschke, Nanotechnology 6, 1995). A mode of stiffness k_n and quality Q has the
one-sided spectrum

    S_n(f) = 4 k_BT ω_n³ / (k_n Q [(ω² − ω_n²)² + (ω ω_n/Q)²]),   ω = 2πf,   ∫₀^∞ S_n df = k_BT/k_n

and its mean over a time t the variance (2/t) ∫₀ᵗ (1 − s/t) C_n(s) ds, which for long times is S_n(0)/(2t). Temperature
enters as the thermal energy k_BT in the beam's own units: ``units.kB * 300.0`` in eV, in SI the same over ``units.J``.
"""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax import lax

from msjax.nano.beam import Beam
from msjax.status import Status, first_failure, guard
from msjax.typing import Array, Float, Scalar, concrete


class ThermalMotion(eqx.Module):
    """Of :func:`thermal_motion`: ``x`` and root mean square deflection ``rms`` at the nodes (n + 1,), by equipartition;
    ``shares`` (k,) of the first modes in the mean square at the loaded point, their ``frequencies`` (k,); ``k`` the
    stiffness there and ``mean_square`` k_BT/k."""

    x: Float[Array, " m"]
    rms: Float[Array, " m"]
    shares: Float[Array, " k"]
    frequencies: Float[Array, " k"]
    k: Scalar
    mean_square: Scalar
    status: Status

    def spectrum(self, frequency: Float[Array, " f"], quality: Scalar | float) -> Float[Array, " f"]:
        """One-sided power spectral density of the deflection at the loaded point, length² per frequency (f,).

        Of the modes kept, all of one quality factor. Raises ``ValueError`` for one that is not above 1/2.
        """
        q = _above_half(quality)
        squares = self.mean_square * self.shares[:, None]
        own, omega = 2.0 * jnp.pi * self.frequencies[:, None], 2.0 * jnp.pi * frequency[None, :]
        below = (omega**2 - own**2) ** 2 + (omega * own / q) ** 2
        return jnp.sum(4.0 * squares * own**3 / (q * below), axis=0)

    def averaged(self, time: Scalar | float, quality: Scalar | float) -> Scalar:
        """Standard deviation of the deflection at the loaded point when it is averaged over a ``time``.

        Exact for damped oscillators, by modes; the modes left out keep their full mean square. At time 0 it is the rms;
        far above Q/ω₁ it falls as t^(−½), through 2 k_BT/(k Q ω₁ t) in the mean square.
        """
        q, t = _above_half(quality), jnp.asarray(time, float)
        if concrete(t) and not 0.0 <= float(t) < np.inf:
            raise ValueError(f"time: expected 0 or more, got {float(t):g}")
        own = 2.0 * jnp.pi * self.frequencies
        decay = own / (2.0 * q)
        damped = jnp.sqrt(own**2 - decay**2)
        # C(s) = Re[(1 − i decay/damped) exp(z s/t)] with z = (−decay + i damped) t
        factor = 2.0 * _mean_of_triangle(lax.complex(-decay * t, damped * t))
        reduction = jnp.real(factor) + jnp.imag(factor) * decay / damped
        kept = self.mean_square * jnp.sum(self.shares * reduction)
        return jnp.sqrt(kept + self.mean_square * jnp.maximum(1.0 - jnp.sum(self.shares), 0.0))

    def force(self, time: Scalar | float, quality: Scalar | float) -> Scalar:
        """Standard deviation of a static force read from the deflection averaged over a ``time``: k times that."""
        return self.k * self.averaged(time, quality)


def thermal_motion(beam: Beam, thermal_energy: Scalar | float, modes: int = 6) -> ThermalMotion:
    """Thermal deflection of a cantilever or bridge at the thermal energy k_BT, with its first ``modes``.

    Raises ``ValueError`` for a negative energy, a free beam, the Young–Laplace cantilever, which has no energy to
    share, and a count of modes out of range. A bridge that has buckled (UNSTABLE) has none about the straight
    line: all is NaN.

    >>> from msjax import units
    >>> beam = Beam(length=2e-6, bending=2.708333e-19, mass=2.33e-11)  # silicon, SI
    >>> motion = thermal_motion(beam, units.kB * 300.0 / units.J)
    >>> round(float(motion.rms[-1]) * 1e9, 3), [round(float(x), 4) for x in motion.shares[:3]]  # nm
    (0.202, [0.9707, 0.0247, 0.0032])
    """
    energy = jnp.asarray(thermal_energy, float)
    if energy.ndim != 0 or (concrete(energy) and not 0.0 <= float(energy) < np.inf):
        raise ValueError(f"thermal_energy: expected one number k_BT, 0 or more, got {thermal_energy!r}")
    if not beam.conservative:
        raise ValueError('residual: expected "consistent": the Young–Laplace cantilever has no energy to share')
    compliance, status = beam.compliance()
    found = beam.vibrate(modes)
    own = jnp.diagonal(compliance)
    k = 1.0 / own[beam.loaded]
    shares = found.modes[:, beam.loaded] ** 2 / found.squared * k
    # the clamps do not move: where the square is 0 the root has no derivative
    still = own == 0.0
    rms = jnp.where(still, 0.0 * own, jnp.sqrt(energy * jnp.where(still, 1.0, own)))
    status = first_failure(status, found.status)
    values = (found.x, rms, shares, found.frequencies, k, energy / k)
    x, rms, shares, frequencies, k, mean_square = guard(values, status.failed | status.unstable)
    return ThermalMotion(x, rms, shares, frequencies, k, mean_square, status)


def _mean_of_triangle(z: Array) -> Array:
    """(e^z − 1 − z)/z², its series near 0: ∫₀¹ (1 − s) e^{zs} ds."""
    near = jnp.abs(z) < 0.3
    small, large = jnp.where(near, z, jnp.zeros_like(z)), jnp.where(near, jnp.ones_like(z), z)
    series, term = jnp.zeros_like(z), jnp.full_like(z, 0.5)
    for n in range(3, 16):
        series = series + term
        term = term * small / n
    return jnp.where(near, series, (jnp.exp(large) - 1.0 - large) / large**2)


def _above_half(quality: Scalar | float) -> Scalar:
    q = jnp.asarray(quality, float)
    if q.ndim != 0 or (concrete(q) and not 0.5 < float(q) < np.inf):
        raise ValueError(f"quality: expected one number above 1/2, got {quality!r}")
    return q
