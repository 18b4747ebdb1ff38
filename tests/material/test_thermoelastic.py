"""Thermal expansion, free and hindered."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms

E, NU, ALPHA, T0 = 200.0, 0.3, 1e-4, 20.0
SOLID = ms.ThermoElastic(E, NU, ALPHA, T0)
HOT = ms.Inputs(temperature=jnp.array(70.0))
FREE = ALPHA * 50.0


@pytest.mark.slow
def test_free_expansion_costs_nothing():
    response = SOLID.respond((1 + FREE) * jnp.eye(3), None, HOT)
    np.testing.assert_allclose(response.stress, 0.0, atol=1e-13)
    assert float(response.energy) == pytest.approx(0.0, abs=1e-15)
    flat = ms.ThermoElastic(E, NU, ALPHA, T0, dim=2)
    np.testing.assert_allclose(flat.respond((1 + (1 + NU) * FREE) * jnp.eye(2), None, HOT).stress, 0.0, atol=1e-13)


@pytest.mark.slow
def test_hindered_expansion():
    held = SOLID.respond(jnp.eye(3), None, HOT)
    np.testing.assert_allclose(held.stress, -E * FREE / (1 - 2 * NU) * np.eye(3), atol=1e-13)
    bar = ms.UniaxialStress(SOLID).respond(jnp.eye(1), None, HOT)
    assert float(bar.stress[0, 0]) == pytest.approx(-E * FREE, rel=1e-12)
    assert float(bar.energy) == pytest.approx(0.5 * E * FREE**2, rel=1e-12)
    sheet = ms.PlaneStress(SOLID).respond(jnp.eye(2), None, HOT)
    np.testing.assert_allclose(sheet.stress, -E * FREE / (1 - NU) * np.eye(2), atol=1e-12)


@pytest.mark.slow
def test_without_a_temperature_it_is_hookes_solid():
    f = jnp.asarray(np.eye(3) + 0.01 * np.random.default_rng(0).standard_normal((3, 3)))
    hooke = ms.IsotropicElastic(E, NU).respond(f)
    for inputs in (None, ms.Inputs(time_step=0.1), ms.Inputs(temperature=T0)):
        cold = SOLID.respond(f, None, inputs)
        np.testing.assert_allclose(cold.stress, hooke.stress, rtol=1e-12)
        np.testing.assert_allclose(cold.tangent, hooke.tangent, rtol=1e-12, atol=1e-12)


def test_derivative_with_respect_to_the_temperature():
    def stress(t):
        return SOLID.respond(jnp.eye(3), None, ms.Inputs(temperature=t)).stress[1, 1]

    assert float(jax.grad(stress)(jnp.array(50.0))) == pytest.approx(-E * ALPHA / (1 - 2 * NU), rel=1e-13)


@pytest.mark.slow
def test_every_claim_holds_when_hot():
    assert ms.check_material(ms.ThermoElastic(E, NU, ALPHA, T0, dim=2), inputs=HOT).passed


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="expansion: must be finite"):
        ms.ThermoElastic(1.0, 0.3, np.inf)
    with pytest.raises(ValueError, match=r"inputs.temperature: expected one number"):
        SOLID.respond(jnp.eye(3), None, ms.Inputs(temperature=jnp.zeros(2)))
    with pytest.raises(ValueError, match=r"inputs: expected Inputs\(temperature=...\), got dict"):
        SOLID.respond(jnp.eye(3), None, {"temperature": 3.0})
