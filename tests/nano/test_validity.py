"""The budget of a beam and the closed forms of small thickness, on silicon at 50 nm and copper bars."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.nano import (
    SurfaceElasticity,
    couple_stress_bending_length,
    rectangle,
    square,
    stoney_curvature,
    validity,
)

S, TAU = -10.655, 0.605  # N/m, E in GPa, lengths in nm
SILICON = SurfaceElasticity(TAU, S)


@pytest.mark.slow
def test_silicon_at_fifty_nanometres():
    plate = SurfaceElasticity(TAU, jnp.array([S, 0.0, S, 0.0]))
    budget = validity(rectangle(200.0, 50.0), 130.0, 0.5, plate, bending_length=2.0, thermal_rms=0.202, deflection=20.0)
    surface = 6 * S / (130 * 50)
    expected = {
        "discreteness": 1e-4,
        "thickness": 0.03,
        "nonlocality": (2 / 50) ** 2,
        "surface stiffness": surface,
        "residual strain": -TAU * 500 / (130 * 1e4 + S * 400),
        "thermal motion": 0.0101,
        "modulus uncertainty": 0.15 / (1 + surface),
        "surface uncertainty": -surface / (1 + surface),
        "parameters in all": np.hypot(0.15, surface) / (1 + surface),
    }
    assert [x.name for x in budget.contributions] == list(expected)
    for name, value in expected.items():
        np.testing.assert_allclose(budget[name], value, rtol=1e-10)
    assert round(float(budget["parameters in all"]), 3) == 0.152
    assert budget.largest.name == "modulus uncertainty"


def test_square_bars_have_eight():
    budget = validity(square(5.0), 130.0, 0.5, SILICON)
    np.testing.assert_allclose(budget["surface stiffness"], 8 * S / (130 * 5), rtol=1e-12)


@pytest.mark.slow
def test_it_prints_as_a_table():
    lines = str(validity(rectangle(200.0, 50.0), 130.0, 0.5, SILICON)).splitlines()
    assert len(lines) == 11
    assert lines[0].split() == ["relative", "formula", "source"]
    assert lines[2].startswith("discreteness         +1.00e-04  (a/h)²")
    assert "Validity(discreteness, thickness" in str(jax.vmap(lambda h: validity(square(h), 1.0, 0.1))(jnp.ones(2)))


def test_batches_and_derivatives():
    def total(h):
        return validity(square(h), 130.0, 0.5, SILICON)["parameters in all"]

    h = jnp.array([3.0, 10.0, 50.0])
    np.testing.assert_allclose(jax.jit(jax.vmap(total))(h), [total(x) for x in h], rtol=1e-13)
    slope = jax.jit(jax.grad(total))(h[1])
    np.testing.assert_allclose(slope, (total(h[1] + 1e-4) - total(h[1] - 1e-4)) / 2e-4, rtol=1e-7)


def test_stoney_and_couple_stresses():
    np.testing.assert_allclose(stoney_curvature(0.3, 130.0, 0.28, 50.0), 6 * 0.72 * 0.3 / (130 * 2500), rtol=1e-14)
    # the faces pull by moments ∓Δτ h/2 against a plate of D(1 + ν), equal in both directions
    h, D = 50.0, 130.0 * 50.0**3 / 12 / (1 - 0.28**2)
    np.testing.assert_allclose(stoney_curvature(0.3, 130.0, 0.28, h), 0.15 * h / (D * 1.28), rtol=1e-14)
    # E I + G A l² of the couple-stress beam
    l, nu, bar = 0.4, 0.3, rectangle(3.0, 2.0)
    found = bar.rigidity(70.0, bending_length=couple_stress_bending_length(l, nu)).bending
    np.testing.assert_allclose(found, 70.0 * 3 * 8 / 12 + 70.0 / 2.6 * 6 * l**2, rtol=1e-14)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="lattice_constant: expected one positive number, got 0.0"):
        validity(square(1.0), 1.0, 0.0)
    with pytest.raises(ValueError, match="thermal_rms: expected one number, 0 or more, got -1.0"):
        validity(square(1.0), 1.0, 1.0, thermal_rms=-1.0)
    with pytest.raises(KeyError, match="expected one of discreteness"):
        validity(square(1.0), 1.0, 1.0)["a/h"]
