"""Local damage against the curves it is made of, and the energy that it dissipates."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms

E, NU, LOW, FINAL = 30e3, 0.2, 1e-4, 6e-4
EXPONENTIAL = ms.ExponentialSoftening(LOW, FINAL)
LINEAR = ms.LinearSoftening(LOW, FINAL)


def curve(softening, e):
    """Uniaxial stress of monotone loading."""
    if e <= LOW:
        return E * e
    if softening is EXPONENTIAL:
        return E * LOW * np.exp(-(e - LOW) / (FINAL - LOW))
    return E * LOW * max(FINAL - e, 0.0) / (FINAL - LOW)


def follow(material, strains):
    step = jax.jit(lambda f, s: material.respond(f, s))
    state, found = material.initial_state(), []
    for strain in strains:
        response = step(strain, state)
        assert bool(response.status.ok)
        state = response.state
        found.append(response)
    return found


def uniaxial(e, nu=NU):
    """The strain of uniaxial stress, which damage does not change."""
    return jnp.diag(1.0 + e * jnp.array([1.0, -nu, -nu]))


@pytest.mark.parametrize("softening", [EXPONENTIAL, LINEAR], ids=["exponential", "linear"])
def test_a_bar_softens_unloads_to_the_origin_and_softens_on(softening):
    path = [0.5e-4, 2e-4, 1e-4, -1.9e-4, 3e-4, 5e-4]
    found = follow(ms.Damage(E, NU, softening), [uniaxial(e) for e in path])
    largest = 0.0
    for e, response in zip(path, found, strict=True):
        largest = max(largest, abs(e))
        secant = curve(softening, largest) / largest
        np.testing.assert_allclose(response.stress, np.diag([secant * e, 0, 0]), atol=1e-12 * E * LOW)
        assert float(response.state.largest) == pytest.approx(largest, rel=1e-13)


@pytest.mark.slow
def test_bar_by_condensation():
    """Free lateral strains: stress and the falling tangent of the exponential, UNSTABLE and not a failure."""
    found = follow(ms.UniaxialStress(ms.Damage(E, NU, EXPONENTIAL)), [jnp.array([[1.0 + e]]) for e in (2e-4, 3e-4)])
    for e, response in zip((2e-4, 3e-4), found, strict=True):
        assert float(response.stress[0, 0]) == pytest.approx(curve(EXPONENTIAL, e), rel=1e-8)
        slope = -curve(EXPONENTIAL, e) / (FINAL - LOW)
        assert float(response.tangent[0, 0, 0, 0]) == pytest.approx(slope, rel=1e-7)
        assert bool(response.tangent_status.unstable)


@pytest.mark.parametrize(
    ("softening", "whole"),
    [(EXPONENTIAL, E * LOW * (FINAL - LOW / 2)), (LINEAR, E * LOW * FINAL / 2)],
    ids=["exponential", "linear"],
)
def test_dissipated_energy(softening, whole):
    """Energy of the steps less what is stored adds up to the area under the curve, whatever the steps."""
    material = ms.Damage(E, NU, softening)
    path = [1.5e-4, 2e-4, 1e-4, 4e-4, 5.9e-4, 7e-4, 0.02]
    found = follow(material, [uniaxial(e) for e in path])
    dissipated = 0.0
    for k, (e, response) in enumerate(zip(path, found, strict=True)):
        stored = 0.5 * float(response.stress[0, 0]) * e
        dissipated += float(response.energy) - stored
        if k == 3:
            grid = np.linspace(0, e, 20001)
            values = np.array([curve(softening, x) for x in grid])
            area = np.sum(0.5 * (values[1:] + values[:-1]) * np.diff(grid))
            assert dissipated == pytest.approx(area - stored, rel=1e-6)
    assert dissipated == pytest.approx(whole, rel=1e-10)
    assert float(material.damage(found[-1].state)) == pytest.approx(1.0, abs=1e-10)


def test_residual_stiffness_is_kept():
    material = ms.Damage(E, NU, LINEAR, residual=1e-3)
    response = material.respond(uniaxial(0.01))
    assert float(response.stress[0, 0]) == pytest.approx(1e-3 * E * 0.01, rel=1e-12)
    assert float(material.damage(response.state)) == pytest.approx(0.999)


@pytest.mark.slow
def test_concrete_is_ten_times_as_strong_in_compression():
    material = ms.Damage(E, NU, EXPONENTIAL, "von Mises", ratio=10.0)
    for e in (0.5e-4, 3e-4, -5e-4, -4e-3):
        equivalent = e if e > 0 else -e / 10.0
        response = material.respond(uniaxial(e))
        assert float(response.state.largest) == pytest.approx(equivalent, rel=1e-12)
        secant = curve(EXPONENTIAL, equivalent) / equivalent
        assert float(response.stress[0, 0]) == pytest.approx(secant * e, rel=1e-11)
        assert float(response.energy) == pytest.approx(0.5 * secant * e**2, rel=1e-11)
    assert not material.conservative
    assert not material.symmetric
    skew = material.respond(jnp.eye(3) + jnp.diag(jnp.array([3e-4, 1e-4, -2e-4]))).tangent
    assert float(jnp.max(jnp.abs(skew - skew.transpose(2, 3, 0, 1)))) > 1e-3 * E


STEP = {2: np.array([[3e-4, 1e-4], [2e-4, -1e-4]]), 3: np.array([[3e-4, 1e-4, 0], [0, -1e-4, 2e-4], [1e-4, 0, 2e-4]])}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("equivalent", "softening", "dim"),
    [("energy", EXPONENTIAL, 3), ("von Mises", LINEAR, 2)],
    ids=["energy", "von Mises"],
)
def test_every_claim_holds_after_loading(equivalent, softening, dim):
    """Strains in units of 1e-4, so that the check's steps are small against them."""
    scaled = type(softening)(1.0, 6.0)
    material = ms.Damage(E, NU, scaled, equivalent, dim=dim)
    loaded = material.respond(jnp.asarray(np.eye(dim) + 1e4 * STEP[dim] / 2)).state
    assert float(loaded.largest) > 1.0
    strains = np.stack([np.eye(dim) + 1e4 * STEP[dim], np.eye(dim) + 0.8e4 * STEP[dim].T])
    reached = jax.vmap(lambda f: material.respond(f, loaded).state.largest)(strains)
    assert np.all((reached > loaded.largest + 0.1) & (reached < 5.9))
    assert ms.check_material(material, strains, state=loaded).passed
    unloading = np.stack([np.eye(dim) + 0.2e4 * STEP[dim]])
    assert ms.check_material(material, unloading, state=loaded, parameters=False).passed


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ms.LinearSoftening(1e-3, 1e-4), "final: must be greater than threshold"),
        (lambda: ms.Damage(E, NU, 1e-4), "softening: expected a Softening, got float"),
        (lambda: ms.Damage(E, NU, LINEAR, "Mazars"), "equivalent: expected 'energy' or 'von Mises'"),
        (lambda: ms.Damage(E, NU, LINEAR, ratio=0.5), "ratio: must be at least 1.0"),
        (lambda: ms.Damage(E, NU, LINEAR, residual=1.0), "residual: must be less than 1.0"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
