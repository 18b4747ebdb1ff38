"""J2 plasticity against closed forms of bars, sheets and shear, along paths that load, unload and reverse."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import msjax as ms
from msjax.material.plasticity import von_mises
from msjax.status import Code

E, NU, SIGMA, H, K = 200.0, 0.3, 1.0, 10.0, 6.0
G = E / (2 * (1 + NU))
METAL = ms.J2Plasticity(E, NU, ms.LinearHardening(SIGMA, H), K)
VOCE = ms.J2Plasticity(E, NU, ms.VoceHardening(SIGMA, 0.5, 40.0, 2.0), 3.0)
SWIFT = ms.J2Plasticity(E, NU, ms.PowerHardening(SIGMA, 0.01, 0.25))


def follow(material, strains):
    """Responses along a path, each step committed."""
    step = jax.jit(lambda f, s: material.respond(f, s))
    state, found = material.initial_state(), []
    for strain in strains:
        response = step(strain, state)
        assert int(response.status.code) == 0
        state = response.state
        found.append(response)
    return found


def bar(path):
    """One dimension, in closed form per step: σ, plastic strain and accumulated plastic strain."""
    plastic = accumulated = 0.0
    found = []
    for strain in path:
        trial = E * (strain - plastic) - K * plastic
        over = abs(trial) - (SIGMA + H * accumulated)
        if over > 0:
            increment = over / (E + H + K)
            plastic, accumulated = plastic + np.sign(trial) * increment, accumulated + increment
        found.append((E * (strain - plastic), plastic, accumulated))
    return np.array(found)


PATH = [0.004, 0.012, 0.009, -0.005, -0.02, -0.014, 0.01, 0.03]  # loads, unloads, reverses, comes back


@pytest.mark.slow
def test_a_bar_loads_unloads_and_reverses():
    found = follow(ms.UniaxialStress(METAL), [jnp.array([[1.0 + e]]) for e in PATH])
    expected = bar(PATH)
    np.testing.assert_allclose([r.stress[0, 0] for r in found], expected[:, 0], rtol=1e-10)
    np.testing.assert_allclose([r.state.inner.plastic_strain[0] for r in found], expected[:, 1], rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose([r.state.inner.accumulated for r in found], expected[:, 2], rtol=1e-9, atol=1e-14)
    modulus = E * (H + K) / (E + H + K)
    assert float(found[1].tangent[0, 0, 0, 0]) == pytest.approx(modulus, rel=1e-10)
    assert float(found[2].tangent[0, 0, 0, 0]) == pytest.approx(E, rel=1e-10)  # unloading is elastic


@pytest.mark.slow
def test_first_yield_is_where_it_should_be():
    just = SIGMA / E
    below, above = (follow(ms.UniaxialStress(METAL), [jnp.array([[1.0 + just * f]])])[0] for f in (0.999999, 1.000001))
    assert float(below.state.inner.accumulated) == 0.0
    assert 0.0 < float(above.state.inner.accumulated) < 1e-8


@pytest.mark.slow
def test_pure_kinematic_hardening_cycles_in_a_closed_loop():
    """Prager: an elastic range of 2σ₀ that moves; the loop closes, and dissipates σ₀ on the plastic strain alone."""
    metal = ms.J2Plasticity(E, NU, SIGMA, kinematic=K)
    amplitude, yields = 0.02, SIGMA / E
    path = [amplitude, -amplitude] * 3
    found = follow(ms.UniaxialStress(metal), [jnp.array([[1.0 + e]]) for e in path])
    slope = E * K / (E + K)
    top = SIGMA + slope * (amplitude - yields)
    stresses = np.array([float(r.stress[0, 0]) for r in found])
    np.testing.assert_allclose(stresses[0], top, rtol=1e-10)
    np.testing.assert_allclose(stresses[1::2], -top, rtol=1e-10)  # symmetric and stable from the first cycle on
    np.testing.assert_allclose(stresses[2::2], top, rtol=1e-10)
    plastic = [float(r.state.inner.plastic_strain[0]) for r in found]
    accumulated = [float(r.state.inner.accumulated) for r in found]
    per_half = 2 * (amplitude - top / E)
    np.testing.assert_allclose(np.diff(accumulated), per_half, rtol=1e-9)
    # work of one half cycle: the stored energy is the same at both ends, so that all of it is dissipated
    stored = [s**2 / (2 * E) + K / 2 * p**2 for s, p in zip(stresses, plastic)]
    energies = [float(r.energy) for r in found]
    np.testing.assert_allclose(np.array(energies[1:]) - stored[1:], SIGMA * per_half, rtol=1e-9)


@pytest.mark.parametrize(
    ("metal", "strength"),
    [
        (METAL, lambda a: SIGMA + H * a),
        (VOCE, lambda a: SIGMA + 2.0 * a + 0.5 * (1 - np.exp(-40.0 * a))),
        (SWIFT, lambda a: SIGMA * (1 + a / 0.01) ** 0.25),
    ],
)
def test_shear_there_and_back(metal, strength):
    """τ = R/√3 + (kinematic) on each branch; the multiplier from a root of SciPy's."""
    back = float(metal.kinematic) / 3.0
    plastic = accumulated = 0.0
    path = [0.02, 0.05, 0.045, -0.03]
    found = follow(metal, [jnp.eye(3).at[0, 1].set(g) for g in path])
    for gamma, response in zip(path, found, strict=True):
        trial = G * (gamma - plastic) - back * plastic
        if abs(trial) * np.sqrt(3) > strength(accumulated):

            def gap(d, trial=trial, accumulated=accumulated):
                return np.sqrt(3) * abs(trial) - 3 * (G + back) * d - strength(accumulated + d)

            increment = brentq(gap, 0.0, 1.0, xtol=1e-16)
            accumulated, plastic = accumulated + increment, plastic + np.sign(trial) * np.sqrt(3) * increment
        tau = G * (gamma - plastic)
        assert float(response.stress[0, 1]) == pytest.approx(tau, rel=1e-11)
        assert float(response.state.accumulated) == pytest.approx(accumulated, rel=1e-10, abs=1e-16)
        np.testing.assert_allclose(np.delete(np.asarray(response.stress).ravel(), [1, 3]), 0.0, atol=1e-14)


@pytest.mark.slow
def test_energy_of_a_step_is_the_work_of_proportional_loading():
    """W(γ) = ∫ τ dγ for shear from the virgin state: elastic to γ_y, then with slope G(H + K)/(3G + H + K)."""
    gamma, yields = 0.04, SIGMA / np.sqrt(3) / G
    slope = G * (H + K) / (3 * G + H + K)
    rest = gamma - yields
    work = G * yields**2 / 2 + SIGMA / np.sqrt(3) * rest + slope * rest**2 / 2
    response = METAL.respond(jnp.eye(3).at[0, 1].set(gamma))
    assert float(response.energy) == pytest.approx(work, rel=1e-13)
    many = follow(METAL, [jnp.eye(3).at[0, 1].set(g) for g in np.linspace(0, gamma, 7)[1:]])
    np.testing.assert_allclose(
        many[-1].stress, response.stress, rtol=1e-12, atol=1e-14
    )  # the path does not matter here
    dissipated = SIGMA * float(many[-2].state.accumulated)
    assert float(many[-1].energy) + dissipated == pytest.approx(work, rel=1e-12)


@pytest.mark.slow
def test_a_sheet_under_equal_tension():
    """Plane stress: σ = (ε − α/2) E/(1 − ν) and σ = R(α), after a step there and a step back."""
    sheet = ms.PlaneStress(ms.J2Plasticity(E, NU, ms.LinearHardening(SIGMA, H)))
    e, biaxial = 0.01, E / (1 - NU)
    found = follow(sheet, [jnp.eye(2) * (1 + e), jnp.eye(2) * (1 + e - 0.001)])
    accumulated = (biaxial * e - SIGMA) / (H + biaxial / 2)
    np.testing.assert_allclose(found[0].stress, (SIGMA + H * accumulated) * np.eye(2), atol=1e-9)
    np.testing.assert_allclose(
        found[0].state.inner.plastic_strain[:3], accumulated * np.array([0.5, 0.5, -1]), rtol=1e-9
    )
    np.testing.assert_allclose(found[1].stress, (SIGMA + H * accumulated - 0.001 * biaxial) * np.eye(2), atol=1e-9)
    thickness = -2 * NU / E * (SIGMA + H * accumulated) - accumulated
    assert float(found[0].state.free[2]) - 1 == pytest.approx(thickness, rel=1e-9)


@pytest.mark.slow
def test_plane_strain_is_three_dimensions_without_the_third():
    flat = ms.J2Plasticity(E, NU, VOCE.hardening, 3.0, dim=2)
    path = [np.array([[0.01, 0.012], [0.004, -0.02]]), np.array([[-0.01, 0.002], [0.0, 0.01]])]
    found = follow(flat, [jnp.asarray(np.eye(2) + g) for g in path])
    full = follow(VOCE, [jnp.eye(3).at[:2, :2].add(g) for g in path])
    for a, b in zip(found, full, strict=True):
        np.testing.assert_allclose(a.energy, b.energy, rtol=1e-13)
        np.testing.assert_allclose(a.stress, b.stress[:2, :2], rtol=1e-12)
        np.testing.assert_allclose(a.tangent, b.tangent[:2, :2, :2, :2], rtol=1e-10, atol=1e-10)
        np.testing.assert_allclose(a.state.plastic_strain, np.asarray(b.state.plastic_strain)[[0, 1, 2, 5]], atol=1e-15)
        assert abs(float(a.state.plastic_strain[2])) > 1e-4  # kept, though the strain is in the plane


@pytest.mark.slow
def test_stress_is_on_the_yield_surface():
    rng = np.random.default_rng(2)
    metal = ms.J2Plasticity(E, NU, ms.VoceHardening(SIGMA, 0.5, 40.0, 2.0))
    strains = jnp.asarray(np.eye(3) + 0.05 * rng.standard_normal((200, 3, 3)))
    response = jax.jit(jax.vmap(lambda f: metal.respond(f)[:5]))(strains)
    found = jax.vmap(von_mises)(response[1])
    np.testing.assert_allclose(found, jax.vmap(metal.hardening.strength)(response[3].accumulated), rtol=1e-11)
    np.testing.assert_allclose(np.sum(response[3].plastic_strain[:, :3], axis=1), 0.0, atol=1e-15)


@pytest.mark.slow
def test_derivatives_along_a_path():
    """Reverse = forward = differences of the second step's stress with respect to yield stress and first strain."""
    direction = jnp.asarray(np.random.default_rng(3).standard_normal((3, 3)))

    @jax.jit
    def last(theta):
        law = ms.VoceHardening(theta[0], 0.5, 40.0, 2.0)
        metal = ms.J2Plasticity(E, NU, law, 3.0)
        first = metal.respond(jnp.eye(3) + theta[1] * direction)
        return jnp.vdot(metal.respond(jnp.eye(3) - 0.02 * direction, first.state).stress, direction)

    theta, h = jnp.array([1.0, 0.03]), 1e-6
    slope = [(last(theta.at[i].add(h)) - last(theta.at[i].add(-h))) / (2 * h) for i in range(2)]
    gradient = jax.jit(jax.grad(last))
    np.testing.assert_allclose(gradient(theta), slope, rtol=1e-7)
    np.testing.assert_allclose(jax.jit(jax.jacfwd(last))(theta), slope, rtol=1e-7)
    by_differences = (gradient(theta.at[0].add(h)) - gradient(theta.at[0].add(-h))) / (2 * h)
    np.testing.assert_allclose(jax.jit(jax.hessian(last))(theta)[0], by_differences, rtol=1e-6, atol=1e-6)


STEP = {
    2: np.array([[0.02, 0.03], [-0.01, -0.015]]),
    3: np.array([[0.02, 0.03, 0], [-0.01, -0.03, 0.02], [0, 0.01, 0]]),
}
LAWS = {"linear": METAL.hardening, "Voce": VOCE.hardening, "Swift": SWIFT.hardening}


@pytest.mark.slow
@pytest.mark.parametrize(("law", "dim"), [("linear", 3), ("Voce", 2), ("Swift", 3)])
def test_every_claim_holds_after_loading(law, dim):
    metal = ms.J2Plasticity(E, NU, LAWS[law], 4.0, dim=dim)
    loaded = metal.respond(jnp.asarray(np.eye(dim) + STEP[dim])).state
    assert float(loaded.accumulated) > 0.01
    strains = np.stack([np.eye(dim) - 0.6 * STEP[dim], np.eye(dim) + 1.7 * STEP[dim].T])
    assert np.all(jax.vmap(lambda f: metal.respond(f, loaded).state.accumulated)(strains) > loaded.accumulated + 1e-3)
    assert ms.check_material(metal, strains, state=loaded).passed


@pytest.mark.slow
def test_claims_hold_in_the_elastic_range():
    loaded = VOCE.respond(jnp.asarray(np.eye(3) + STEP[3])).state
    at = np.eye(3) + STEP[3] * 0.97
    assert ms.check_material(VOCE, np.stack([at]), state=loaded, size=1e-4, parameters=False).passed


@pytest.mark.slow
def test_a_bad_member_harms_no_other():
    strains = jnp.asarray(np.stack([np.eye(3) + STEP[3]] * 4)).at[1, 0, 0].set(np.nan)
    states = jax.tree.map(lambda x: jnp.stack([x] * 4), VOCE.initial_state())
    states = states._replace(accumulated=states.accumulated.at[2].set(np.inf))
    response = jax.vmap(lambda f, s: VOCE.respond(f, s))(strains, states)
    assert [Code(int(c)) for c in response.status.code] == [0, Code.NONFINITE, Code.NONFINITE, 0]
    assert np.all(np.isnan(response.stress[1:3]))
    assert np.all(np.isnan(response.state.plastic_strain[1:3]))
    alone = VOCE.respond(strains[0])
    for k in (0, 3):
        np.testing.assert_allclose(response.stress[k], alone.stress, rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ms.J2Plasticity(0.0, 0.3, 1.0), "young: must be positive, got 0.0"),
        (lambda: ms.J2Plasticity(1.0, 0.5, 1.0), "poisson: must be less than 0.5"),
        (lambda: ms.J2Plasticity(1.0, 0.3, -1.0), "yield_stress: must be positive"),
        (lambda: ms.J2Plasticity(1.0, 0.3, 1.0, dim=1), "dim: expected 2"),
        (lambda: ms.LinearHardening(1.0, -2.0), "modulus: must be at least 0.0, got -2.0"),
        (lambda: ms.PowerHardening(1.0, 0.01, 1.5), "exponent: must be less than"),
        (lambda: ms.VoceHardening(1.0, np.nan, 1.0), "saturation: must be finite"),
        (lambda: METAL.respond(np.eye(2)), r"strain: expected the deformation gradient F of shape \(3, 3\)"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
