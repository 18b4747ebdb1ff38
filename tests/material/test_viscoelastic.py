"""The generalised Maxwell solid against exact exponentials."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.status import Code

K, G, BRANCHES, TIMES = 5.0, 0.3, np.array([0.7, 0.4]), np.array([0.5, 4.0])
POLYMER = ms.Viscoelastic(K, G, BRANCHES, TIMES)
STEP = jax.jit(lambda f, s, dt: POLYMER.respond(f, s, ms.Inputs(time_step=dt)))


def modulus(t):
    return G + np.sum(BRANCHES * np.exp(-t / TIMES))


def sheared(gamma):
    return jnp.eye(3).at[0, 1].set(gamma)


def test_relaxation_is_exact_for_any_steps():
    state, t = POLYMER.initial_state(), 0.0
    for step in (0.0, 0.1, 3.0, 1e-6, 20.0, 1e-3):
        response = STEP(sheared(0.02), state, step)
        state, t = response.state, t + step
        assert float(response.stress[0, 1]) == pytest.approx(0.02 * modulus(t), rel=1e-13)


def test_a_ramp_is_exact_for_any_steps():
    rate, state, t = 0.01, POLYMER.initial_state(), 0.0
    for step in (0.3, 2.0, 0.01, 7.0):
        t += step
        response = STEP(sheared(rate * t), state, step)
        state = response.state
        exact = rate * (G * t + np.sum(BRANCHES * TIMES * (1 - np.exp(-t / TIMES))))
        assert float(response.stress[0, 1]) == pytest.approx(exact, rel=1e-13)


def test_creep_recovery_of_superposed_jumps():
    """Boltzmann: a jump up at 0, down at 1, stress at 3; and volume does not relax."""
    state = STEP(sheared(0.02), POLYMER.initial_state(), 0.0).state
    state = STEP(sheared(0.02), state, 1.0).state
    state = STEP(sheared(0.0), state, 0.0).state
    last = STEP(sheared(0.0), state, 2.0)
    assert float(last.stress[0, 1]) == pytest.approx(0.02 * (modulus(3.0) - modulus(2.0)), rel=1e-12)
    swollen = STEP(1.01 * jnp.eye(3), last.state, 100.0)
    np.testing.assert_allclose(np.diag(swollen.stress), 3 * K * 0.01, rtol=1e-12)


def test_energy_of_a_jump_is_that_of_the_springs():
    e = 0.5 * np.array([[0.02, 0.03, 0], [0.03, -0.01, 0.01], [0, 0.01, -0.01]])
    response = STEP(jnp.asarray(np.eye(3) + e), POLYMER.initial_state(), 0.0)
    assert float(response.energy) == pytest.approx(modulus(0.0) * np.sum(e * e), rel=1e-12)


@pytest.mark.slow
def test_plane_strain_is_three_dimensions_without_the_third():
    flat, inputs = ms.Viscoelastic(K, G, BRANCHES, TIMES, dim=2), ms.Inputs(time_step=0.4)
    g = np.array([[0.01, 0.02], [0.0, -0.03]])
    a, b = flat.respond(jnp.asarray(np.eye(2) + g), None, inputs), STEP(jnp.eye(3).at[:2, :2].add(g), None, 0.4)
    a = flat.respond(jnp.asarray(np.eye(2) - g), a.state, inputs)
    b = STEP(jnp.eye(3).at[:2, :2].add(-g), b.state, 0.4)
    np.testing.assert_allclose(a.stress, b.stress[:2, :2], rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(a.energy, b.energy, rtol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("step", [0.0, 0.7])
def test_every_claim_holds_in_a_step(step):
    inputs = ms.Inputs(time_step=jnp.array(step))
    loaded = STEP(sheared(0.1), None, 0.3).state
    assert ms.check_material(POLYMER, state=loaded, inputs=inputs, parameters=step > 0).passed


@pytest.mark.slow
def test_derivative_with_respect_to_the_time_step():
    loaded = STEP(sheared(0.02), None, 0.0).state

    def tau(dt):
        return POLYMER.respond(sheared(0.02), loaded, ms.Inputs(time_step=dt)).stress[0, 1]

    for dt in (0.0, 0.004, 0.6):
        exact = -0.02 * np.sum(BRANCHES / TIMES * np.exp(-dt / TIMES))
        assert float(jax.jit(jax.grad(tau))(jnp.array(dt))) == pytest.approx(exact, rel=1e-11)


def test_time_steps_are_checked():
    with pytest.raises(ValueError, match="inputs: a viscoelastic material needs a time step"):
        POLYMER.respond(jnp.eye(3))
    with pytest.raises(ValueError, match="time_step: must be at least 0, got -1.0"):
        POLYMER.respond(jnp.eye(3), None, ms.Inputs(time_step=-1.0))
    steps = jnp.array([0.1, -0.1, jnp.nan])
    codes = jax.vmap(lambda dt: STEP(sheared(0.01), None, dt).status.code)(steps)
    assert [Code(int(c)) for c in codes] == [0, Code.NONFINITE, Code.NONFINITE]
    with pytest.raises(ValueError, match="branches, times: expected one number each"):
        ms.Viscoelastic(1.0, 1.0, [1.0], [1.0, 2.0])
    with pytest.raises(ValueError, match="times: must be finite and positive"):
        ms.Viscoelastic(1.0, 1.0, [1.0], [0.0])
