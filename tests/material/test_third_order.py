"""Elasticity to third order from tabulated constants, and neo-Hooke."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.material.hyperelastic import NeoHooke
from msjax.material.stress_driven import PlaneStress, UniaxialStress
from msjax.material.third_order import ThirdOrderElastic
from msjax.tensors import VOIGT, to_voigt_stiffness

NAMES = ("C11", "C12", "C44", "C111", "C112", "C123", "C144", "C155", "C456")


def strained(e):
    """F with the Green–Lagrange strain e (six Voigt components, shears doubled), by Cholesky of FᵀF."""
    green = jnp.zeros((3, 3))
    for n, (i, j) in enumerate(VOIGT[3]):
        green = green.at[i, j].set(e[n] if i == j else 0.5 * e[n]).at[j, i].set(e[n] if i == j else 0.5 * e[n])
    return jnp.linalg.cholesky(jnp.eye(3) + 2.0 * green).T


@pytest.mark.slow
def test_constants_are_derivatives_of_the_energy():
    solid = ThirdOrderElastic.cubic(127.1, 81.4, 36.4, -1263.0, -403.0, -64.0, -147.0, -421.0, -109.0, energy=-7.0)

    def energy(e):
        return solid.respond(strained(e)).energy

    zero = jnp.zeros(6)
    assert float(energy(zero)) == -7.0
    np.testing.assert_allclose(jax.jit(jax.hessian(energy))(zero), solid.stiffness, atol=1e-9)
    third = jax.jit(jax.jacfwd(jax.hessian(energy)))(zero)
    np.testing.assert_allclose(third, solid.third, atol=1e-8)
    picked = {"111": -1263.0, "223": -403.0, "123": -64.0, "144": -147.0, "155": -421.0, "344": -421.0, "456": -109.0}
    for name, value in picked.items():
        i, j, k = (int(c) - 1 for c in name)
        assert float(third[i, j, k]) == pytest.approx(value, rel=1e-10), name
    assert float(third[0, 1, 3]) == pytest.approx(0.0, abs=1e-9)


def sheet(data):
    film = PlaneStress(ThirdOrderElastic.cubic(*(data[name] for name in NAMES)))
    tangent = film.respond(jnp.eye(2)).tangent
    third = jax.jacfwd(lambda e: film.respond(jnp.diag(1.0 + e)).tangent)(jnp.zeros(2))
    return {
        "W11": tangent[0, 0, 0, 0],
        "W12": tangent[0, 0, 1, 1],
        "W111": third[0, 0, 0, 0, 0],
        "W112": third[0, 0, 0, 0, 1],
        "dY_de_biaxial": third[0, 0, 0, 0, 0] + 3.0 * third[0, 0, 0, 0, 1],
    }


def pair(f):
    return lambda x: (f(x), f(x))


sheet_and_slopes = jax.jit(jax.jacfwd(pair(sheet), has_aux=True))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Al_zhou", "Cu_mishin1"])
def test_tabulated_constants_give_the_thin_sheet(name, bulk_constants):
    """The sheet's constants follow from the bulk's; agreement within both files' uncertainties, carried through."""
    data = bulk_constants(name)
    mean = {key: jnp.array(data[key][0]) for key in NAMES}
    slopes, found = sheet_and_slopes(mean)
    for key, value in found.items():
        carried = sum(abs(float(slopes[key][c])) * data[c][1] for c in NAMES)
        assert float(value) == pytest.approx(data[key][0], abs=1.5 * (data[key][1] + carried)), key
    # what the films need of it
    limit = 1e-4 if name == "Al_zhou" else 6e-3
    for key in ("W11", "W12", "W112", "dY_de_biaxial"):
        assert float(found[key]) == pytest.approx(data[key][0], rel=limit), key


@jax.jit
def young_and_slope(data):
    bar = UniaxialStress(ThirdOrderElastic.cubic(*(data[key] for key in NAMES)))
    return jax.jacfwd(pair(lambda stretch: bar.respond(stretch * jnp.eye(1)).tangent.reshape(())), has_aux=True)(1.0)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "limit"), [("Al_zhou", 2e-5), ("Cu_mishin1", 8e-3)])
def test_tension_bar(name, limit, bulk_constants):
    data = bulk_constants(name)
    slope, young = young_and_slope({key: jnp.array(data[key][0]) for key in NAMES})
    assert float(young) == pytest.approx(data["E_100_direct"][0], rel=4e-5)
    assert float(slope) == pytest.approx(data["dE_de_100_uniaxial"][0], rel=limit)


def test_parameters_may_be_traced():
    def stress(c44):
        return ThirdOrderElastic.cubic(100.0, 60.0, c44).respond(jnp.eye(3).at[0, 1].set(0.01)).stress[0, 1]

    assert float(jax.jit(jax.grad(stress))(jnp.array(40.0))) == pytest.approx(0.01, rel=1e-3)


@pytest.mark.parametrize(
    ("stiffness", "third", "message"),
    [
        (np.zeros((3, 3)), np.zeros((6, 6, 6)), r"stiffness: expected a table of shape \(6, 6\), got \(3, 3\)"),
        (np.eye(6), np.zeros((6, 6)), r"third: expected a table of shape \(6, 6, 6\)"),
        (np.full((6, 6), np.nan), np.zeros((6, 6, 6)), r"stiffness: component \(1, 1\) is not finite"),
        (np.triu(np.ones((6, 6))), np.zeros((6, 6, 6)), r"stiffness: must not change when indices are exchanged"),
    ],
)
def test_bad_tables_are_refused(stiffness, third, message):
    with pytest.raises(ValueError, match=message):
        ThirdOrderElastic(stiffness, third)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_neo_hooke_starts_as_hookes_solid(dim):
    mu, lam = 1.3, 0.7
    response = NeoHooke(mu, lam, dim=dim).respond(jnp.eye(dim))
    np.testing.assert_allclose(response.stress, 0.0, atol=1e-15)
    expected = np.zeros((dim * (dim + 1) // 2,) * 2)
    expected[:dim, :dim] = lam + 2.0 * mu * np.eye(dim)
    for n in range(dim, len(expected)):
        expected[n, n] = mu
    np.testing.assert_allclose(to_voigt_stiffness(response.tangent), expected, atol=1e-14)


def test_neo_hooke_shear_and_swelling():
    mu, lam, gamma, j = 1.3, 0.7, 0.4, 1.5
    solid = NeoHooke(mu, lam)
    assert float(solid.respond(jnp.eye(3).at[0, 1].set(gamma)).stress[0, 1]) == pytest.approx(mu * gamma, rel=1e-14)
    stretch = j ** (1.0 / 3.0)
    pressure = float(solid.respond(stretch * jnp.eye(3)).stress[0, 0])
    assert pressure == pytest.approx(mu * (stretch - 1.0 / stretch) + lam * np.log(j) / stretch, rel=1e-13)


@pytest.mark.parametrize(("mu", "lam"), [(0.0, 1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, np.nan)])
def test_neo_hooke_refuses_moduli_that_are_not_stable(mu, lam):
    with pytest.raises(ValueError, match="must be positive"):
        NeoHooke(mu, lam)
