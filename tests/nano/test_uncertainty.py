"""Propagated uncertainty of a silicon cantilever: 15 % of the modulus, 100 % of the surface."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.nano import Beam, SurfaceElasticity, first_order, monte_carlo, overtaking, rectangle

VALUES = {"E": 130.0, "S": -10.655, "tau": 0.605, "h": 50.0, "b": 200.0}  # GPa, N/m, nm
SD = {"E": 0.15 * 130.0, "S": 10.655, "tau": 0.605}


def stiffness(p):
    """3EI*/L³ with L = 40 h, the relative numbers of which do not depend on L."""
    surface = SurfaceElasticity(p["tau"], p["S"])
    return 3 * rectangle(p["b"], p["h"]).rigidity(p["E"], surface).bending / (40 * p["h"]) ** 3


@pytest.mark.slow
def test_the_silicon_base_case():
    found = first_order(stiffness, VALUES, SD)
    share = -10.655 / 130 * (6 / 50 + 2 / 200)  # (b h²/2 + h³/6)/(b h³/12)
    np.testing.assert_allclose(found.shares["E"] / found.value, 0.15 / (1 + share), rtol=1e-12)
    np.testing.assert_allclose(found.shares["S"] / found.value, -share / (1 + share), rtol=1e-12)
    assert float(found.shares["tau"]) == 0.0  # a cantilever does not feel it
    assert round(float(found.sd / found.value), 3) == 0.152
    assert [row[0] for row in found.ranked] == ["E", "S", "tau"]
    np.testing.assert_allclose(found.ranked[0][2], abs(float(found.shares["S"])), rtol=1e-12)


@pytest.mark.slow
def test_monte_carlo_agrees_where_the_answer_is_linear():
    # k is linear in E and S: the sampled spread differs by its own standard error alone
    exact = first_order(stiffness, VALUES, SD)
    n = 4000
    found = monte_carlo(stiffness, VALUES, SD, jax.random.key(1), n)
    assert float(found.sd) == pytest.approx(float(exact.sd), rel=4 / np.sqrt(2 * n))
    assert float(found.mean) == pytest.approx(float(exact.value), abs=4 * float(exact.sd) / np.sqrt(n))
    for name in ("E", "S"):
        assert float(found.alone[name]) == pytest.approx(abs(float(exact.shares[name])), rel=4 / np.sqrt(2 * n))
    assert [name for name, _ in found.ranked] == ["E", "S", "tau"]
    assert int(found.failed) == 0
    # members do not depend on the size of the batch
    fewer = monte_carlo(stiffness, VALUES, SD, jax.random.key(1), 10)
    np.testing.assert_allclose(fewer.members, found.members[:10], rtol=1e-14)


@pytest.mark.slow
def test_members_that_fail_are_counted_and_left_out():
    found = monte_carlo(lambda p: jnp.log(p["x"]), {"x": 1.0}, {"x": 1.0}, jax.random.key(0), 200)
    bad = ~np.isfinite(np.asarray(found.members))
    assert int(found.failed) == bad.sum() > 0
    np.testing.assert_allclose(found.mean, np.asarray(found.members)[~bad].mean(), rtol=1e-12)
    np.testing.assert_allclose(found.sd, np.asarray(found.members)[~bad].std(ddof=1), rtol=1e-12)


def test_the_surface_overtakes_the_modulus_near_three_nanometres():
    def share(name):
        return lambda h: first_order(stiffness, {**VALUES, "h": h, "b": 1e6 * h}, SD).shares[name]

    found = overtaking(share("S"), share("E"), 1.0, 100.0)
    np.testing.assert_allclose(found, 6 * 10.655 / (0.15 * 130), rtol=1e-5)  # a wide plate: 3.3 nm
    assert 2.5 < found < 3.5


@pytest.mark.slow
def test_a_frequency_through_the_finite_elements():
    # f ~ √E/ρ^½ ... h/L²: 15 % of E is 7.5 % of f, and 1 % of L is 2 %
    def frequency(p):
        return Beam.of(rectangle(4.0, 1.0), p["E"], 1.0, p["L"], elements=4).vibrate(1).frequencies[0]

    found = first_order(frequency, {"E": 2.0, "L": 30.0}, {"E": 0.3, "L": 0.3})
    np.testing.assert_allclose([abs(found.shares[n] / found.value) for n in ("E", "L")], [0.075, 0.02], rtol=1e-7)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="sd: 'nu' has no value; expected some of E"):
        first_order(stiffness, VALUES, {"nu": 0.1})
    with pytest.raises(ValueError, match="sd: expected one number, 0 or more, for 'E', got -1.0"):
        first_order(stiffness, VALUES, {"E": -1.0})
    with pytest.raises(ValueError, match="one uncertain parameter or more"):
        first_order(stiffness, VALUES, {})
    with pytest.raises(ValueError, match="count: expected 2 members or more, got 1"):
        monte_carlo(stiffness, VALUES, SD, jax.random.key(0), 1)
    with pytest.raises(ValueError, match="no crossing between 1 and 2"):
        overtaking(lambda h: h, lambda h: 5.0 * h, 1.0, 2.0)
    with pytest.raises(ValueError, match="expected 0 < low < high"):
        overtaking(lambda h: h, lambda h: h, 2.0, 1.0)
