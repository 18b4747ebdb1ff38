"""Thermal motion against equipartition, modal shares, integrals of the spectrum and of the correlation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from msjax import units
from msjax.nano import Beam, thermal_motion
from msjax.status import Code

KT = 1.380649e-23 * 300.0
BEAM = Beam(2e-6, 2.70833333333333e-19, 2.33e-11, elements=64)


@pytest.fixture(scope="module")
def motion():
    return thermal_motion(BEAM, units.kB * 300.0 / units.J)


@pytest.mark.slow
def test_equipartition_of_the_silicon_cantilever(motion):
    np.testing.assert_allclose(motion.mean_square, KT / 0.1015625, rtol=1e-9)
    assert float(motion.rms[-1]) * 1e9 == pytest.approx(0.202, abs=5e-4)
    np.testing.assert_allclose(motion.rms**2, KT * motion.x**3 / (3 * 2.70833333333333e-19), rtol=1e-8, atol=1e-40)
    # 12/α⁴ with the roots of cos α cosh α = −1
    roots = np.array([1.87510406871196, 4.69409113297417, 7.85475743823761])
    np.testing.assert_allclose(motion.shares[:3], 12 / roots**4, rtol=1e-6)
    np.testing.assert_allclose(motion.shares[:3], [0.970688, 0.024716, 0.003152], atol=1e-6)


@pytest.mark.slow
def test_all_modes_together_are_equipartition():
    beam = Beam(1.0, 1.0, shear_flexibility=0.01, rotary_inertia=1e-3, support="bridge", tension=3.0, elements=4)
    np.testing.assert_allclose(jnp.sum(thermal_motion(beam, 1.0, modes=6).shares), 1.0, rtol=1e-10)


def test_the_spectrum_holds_the_mean_square(motion):
    quality, f1 = 20.0, float(motion.frequencies[0])

    def density(f):
        return float(np.asarray(spectrum(jnp.array([f * f1])))[0]) * f1 / float(motion.mean_square)

    spectrum = jax.jit(lambda f: motion.spectrum(f, quality))
    f = np.concatenate([np.linspace(0, 60, 600001)])
    values = np.asarray(spectrum(jnp.asarray(f * f1))) * f1 / float(motion.mean_square)
    total = np.trapezoid(values, f)
    np.testing.assert_allclose(total, float(jnp.sum(motion.shares)), rtol=3e-4)
    # a Lorentzian about the peak: half the height half a width away
    np.testing.assert_allclose(density(1.0) / density(1.0 + 0.5 / quality), 2.0, rtol=0.05)


@pytest.mark.slow
def test_averaging_is_the_integral_of_the_correlation(motion):
    quality, omega = 3.0, 2 * np.pi * np.asarray(motion.frequencies)
    shares = np.asarray(motion.shares)
    decay = omega / (2 * quality)
    damped = np.sqrt(omega**2 - decay**2)

    def correlation(s):
        return np.sum(shares * np.exp(-decay * s) * (np.cos(damped * s) + decay / damped * np.sin(damped * s)))

    averaged = jax.jit(lambda t: motion.averaged(t, quality))
    for periods in (1e-3, 0.03, 1.0, 2.3):
        t = periods * 2 * np.pi / omega[0]
        mean = 2 * quad(lambda s, t=t: (1 - s) * correlation(s * t), 0, 1, limit=400)[0] + 1 - shares.sum()
        np.testing.assert_allclose(averaged(t) ** 2 / motion.mean_square, mean, rtol=1e-8)
    np.testing.assert_allclose(averaged(0.0), motion.rms[-1], rtol=1e-9)
    # long times, first mode alone: 2kT/(k Q ω t)
    alone = thermal_motion(Beam(1.0, 1.0, elements=1), 1.0, modes=2)
    t, own = 1e5, 2 * np.pi * np.asarray(alone.frequencies)
    expected = np.sum(2 * np.asarray(alone.shares) / (own * quality * t)) / float(alone.k)
    np.testing.assert_allclose(alone.averaged(t, quality) ** 2, expected, rtol=1e-4)
    np.testing.assert_allclose(alone.force(t, quality), alone.k * alone.averaged(t, quality), rtol=1e-14)


@jax.jit
def averaged(p):
    found = thermal_motion(Beam(p[0], p[1], 1.0, elements=3), p[2], modes=2)
    return found.averaged(p[3], p[4]) + found.rms[-1] + jnp.sum(found.rms)


@pytest.mark.slow
def test_derivatives_batches_and_a_bad_member():
    p = jnp.array([1.2, 3.0, 0.7, 0.9, 4.0])
    gradient, errors = jax.jit(jax.grad(averaged))(p), []
    for step in 10.0 ** -np.arange(1.0, 9.0):
        difference = jnp.stack([(averaged(p + d) - averaged(p - d)) / (2 * step) for d in step * jnp.eye(5)])
        errors.append(float(jnp.max(jnp.abs(difference - gradient))))
    best = int(np.argmin(errors))
    assert errors[best] < 1e-7
    assert errors[0] > 1e3 * errors[best]  # a V
    assert errors[-1] > 10 * errors[best]
    batch = jax.jit(jax.vmap(averaged))(jnp.stack([p, p.at[1].set(-1.0), 1.1 * p]))
    np.testing.assert_allclose(batch[jnp.array([0, 2])], [averaged(p), averaged(1.1 * p)], rtol=1e-10)
    assert np.isnan(batch[1])


@pytest.mark.slow
def test_a_buckled_bridge_says_so():
    found = thermal_motion(Beam(1.0, 1.0, tension=-50.0, support="bridge", elements=4), 1.0, modes=1)
    assert int(found.status.code) == Code.UNSTABLE
    assert np.all(np.isnan(found.rms))
    assert np.isnan(found.mean_square)


def test_mistakes_are_named(motion):
    with pytest.raises(ValueError, match="thermal_energy: expected one number k_BT, 0 or more, got -1.0"):
        thermal_motion(BEAM, -1.0)
    with pytest.raises(ValueError, match="Young–Laplace cantilever has no energy"):
        thermal_motion(Beam(1.0, 1.0, tension=0.1, residual="young_laplace"), 1.0)
    with pytest.raises(ValueError, match="quality: expected one number above 1/2, got 0.5"):
        motion.averaged(1.0, 0.5)
    with pytest.raises(ValueError, match="time: expected 0 or more, got -1"):
        motion.averaged(-1.0, 2.0)
