"""Mooney–Rivlin, Ogden and Holzapfel–Gasser–Ogden against published closed forms and NumPy's eigenvalues."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.material.log_invariants import REACH, exponential_sum, logarithmic_invariants
from msjax.status import Code

K = 30.0
MOONEY = ms.MooneyRivlin(0.4, 0.15, K)
MU, ALPHA = np.array([0.63, 0.0012, -0.01]), np.array([1.3, 5.0, -2.0])
OGDEN = ms.Ogden(MU, ALPHA, K)
AXES = np.array([[1.0, 0.8, 0.1], [1.0, -0.7, 0.2]])
HGO = ms.HolzapfelGasserOgden(1.0, 4.0, 1.5, AXES, K, dispersion=0.12)
ROUND = np.linalg.qr(np.random.default_rng(1).standard_normal((3, 3)))[0]
REPEATED = {
    "reference": np.eye(3),
    "swollen": 1.1 * np.eye(3),
    "uniaxial": np.diag([1.8, 1.8**-0.5, 1.8**-0.5]),
    "equibiaxial, turned": ROUND @ np.diag([1.4, 1.4, 0.55]) @ ROUND.T,
    "nearly uniaxial": np.diag([1.8, 0.75, 0.75 + 1e-9]),
}


def cauchy(material, stretches):
    f = jnp.diag(jnp.asarray(stretches, dtype=float))
    return np.diag(material.respond(f).stress @ f.T) / float(jnp.prod(jnp.asarray(stretches)))


@pytest.mark.parametrize("stretch", [0.4, 1.0, 1.5, 4.0, 7.0])
def test_published_curves_of_isochoric_tests(stretch):
    """Differences of Cauchy stresses, Ogden (1972) and Mooney (1940); the pressure is free where J = 1."""
    c10, c01, x = 0.4, 0.15, stretch
    for exponents, moduli, material in (([2.0, -2.0], [2 * c10, -2 * c01], MOONEY), (ALPHA, MU, OGDEN)):
        a, m = np.asarray(exponents), np.asarray(moduli)
        uniaxial, biaxial, shear = (cauchy(material, s) for s in ([x, x**-0.5, x**-0.5], [x, x, x**-2], [x, 1, 1 / x]))
        scale = np.sum(np.abs(m) * (x**a + x ** -(2 * a)))
        assert uniaxial[0] - uniaxial[1] == pytest.approx(np.sum(m * (x**a - x ** (-a / 2))), abs=2e-13 * scale)
        assert biaxial[0] - biaxial[2] == pytest.approx(np.sum(m * (x**a - x ** (-2 * a))), abs=2e-13 * scale)
        assert shear[0] - shear[2] == pytest.approx(np.sum(m * (x**a - x**-a)), abs=2e-13 * scale)
    mooney = cauchy(MOONEY, [x, x**-0.5, x**-0.5])
    assert mooney[0] - mooney[1] == pytest.approx(2 * (x**2 - 1 / x) * (c10 + c01 / x), abs=1e-12 * x**2)


@pytest.mark.parametrize("material", [MOONEY, OGDEN, HGO])
def test_moduli_and_pressure(material):
    mu = {"MooneyRivlin": 2 * 0.55, "Ogden": 0.5 * np.sum(MU * ALPHA), "HolzapfelGasserOgden": 1.0}[
        type(material).__name__
    ]
    response = material.respond(jnp.eye(3))
    assert float(response.energy) == 0.0
    np.testing.assert_allclose(response.stress, 0.0, atol=1e-14)
    one = np.eye(3)
    shear = np.einsum("ik,jl->ijkl", one, one) + np.einsum("il,jk->ijkl", one, one)
    expected = (K - 2 * mu / 3) * np.einsum("ij,kl->ijkl", one, one) + mu * shear
    np.testing.assert_allclose(response.tangent, expected, atol=1e-12)
    if material is not HGO:
        for x in (0.7, 1.3):
            pressure = cauchy(material, [x, x, x])
            np.testing.assert_allclose(pressure, 0.5 * K * (x**3 - x**-3), rtol=1e-11)


def numpy_ogden(f):
    stretches = np.linalg.svd(f, compute_uv=False)
    j = np.prod(stretches)
    sums = np.sum((stretches[:, None] / j ** (1 / 3)) ** ALPHA, axis=0) - 3
    return np.sum(MU / ALPHA * sums) + K / 4 * (j**2 - 1 - 2 * np.log(j))


def numpy_hgo(f):
    c, k1, k2, kappa = 1.0, 4.0, 1.5, 0.12
    j, right = np.linalg.det(f), f.T @ f
    scale = j ** (-2 / 3)
    energy = c / 2 * (scale * np.trace(right) - 3) + K / 4 * (j**2 - 1 - 2 * np.log(j))
    for axis in AXES:
        a = axis / np.linalg.norm(axis)
        strain = kappa * (scale * np.trace(right) - 3) + (1 - 3 * kappa) * (scale * a @ right @ a - 1)
        if strain > 0:
            energy += k1 / (2 * k2) * (np.exp(k2 * strain**2) - 1)
    return energy


@pytest.mark.parametrize(("material", "formula"), [(OGDEN, numpy_ogden), (HGO, numpy_hgo)])
def test_energies_against_numpy(material, formula):
    rng = np.random.default_rng(4)
    f = np.eye(3) + 0.25 * rng.standard_normal((60, 3, 3))
    f = f[np.linalg.det(f) > 0.2]
    found = jax.jit(jax.vmap(lambda x: material.respond(x).energy))(f)
    np.testing.assert_allclose(found, [formula(x) for x in f], rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("case", REPEATED)
def test_ogden_is_mooney_rivlin_and_neo_hooke_in_its_special_cases(case):
    f = jnp.asarray(REPEATED[case])
    pairs = [
        (ms.Ogden([0.8, -0.3], [2.0, -2.0], K), MOONEY),
        (ms.Ogden(0.8, 2.0, K), ms.MooneyRivlin(0.4, 0.0, K)),
    ]
    for ogden, mooney in pairs:
        a, b = ogden.respond(f), mooney.respond(f)
        np.testing.assert_allclose(a.energy, b.energy, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(a.stress, b.stress, atol=1e-12)
        np.testing.assert_allclose(a.tangent, b.tangent, atol=1e-11)


@pytest.mark.slow
def test_logarithmic_invariants_at_separate_close_and_equal_stretches():
    rng = np.random.default_rng(0)
    h = rng.standard_normal((400, 3)) * 10.0 ** rng.uniform(-4, 0.5, (400, 1))
    h[100:] = h[100:, [0, 0, 1]] + 10.0 ** rng.uniform(-12, -3, (300, 1)) * rng.standard_normal((300, 3))
    h[200:220] = 0.0
    h -= h.mean(axis=1, keepdims=True)
    given = np.stack([np.expm1(h).sum(1), np.expm1(-h).sum(1)], axis=1)
    found = jax.jit(jax.vmap(logarithmic_invariants))(given)
    expected = np.stack([0.5 * (h**2).sum(1), h.prod(1)], axis=1)
    size = 1.0 + np.abs(given).max(axis=1, keepdims=True)
    np.testing.assert_array_less(np.abs(found - expected) / size, 3e-15)
    for a in (1.0, -0.65, 4.0):
        sums = jax.vmap(lambda j: exponential_sum(jnp.array(a), j[0], j[1]))(expected)  # noqa: B023
        reach = np.abs(a * h).max(axis=1) < REACH
        exact = np.expm1(a * h).sum(1)
        np.testing.assert_allclose(np.asarray(sums)[reach], exact[reach], rtol=1e-12, atol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("case", ["reference", "equibiaxial, turned"])
def test_third_and_fourth_derivatives_at_coincident_stretches(case):
    """Against differences of the second derivative of the same; a spectral form has no such derivatives here."""
    f = jnp.asarray(REPEATED[case])
    rng = np.random.default_rng(8)
    u, v = (jnp.asarray(rng.standard_normal((3, 3))) for _ in range(2))

    def second(x):
        return jnp.einsum("ij,ijkl,kl", u, OGDEN.respond(x).tangent, u)

    def third(x):
        return jax.jvp(second, (x,), (v,))[1]

    value, slope = jax.jit(lambda x: jax.jvp(third, (x,), (v,)))(f)
    h = 1e-4
    moved = jax.jit(jax.vmap(second))(jnp.stack([f + t * h * v for t in (-2, -1, 0, 1, 2)]))
    np.testing.assert_allclose(value, (moved[0] - 8 * moved[1] + 8 * moved[3] - moved[4]) / (12 * h), rtol=1e-8)
    by_differences = (-moved[0] + 16 * moved[1] - 30 * moved[2] + 16 * moved[3] - moved[4]) / (12 * h**2)
    np.testing.assert_allclose(slope, by_differences, rtol=1e-4)


def test_fibres_bear_tension_only():
    aligned = ms.HolzapfelGasserOgden(1.0, 4.0, 1.5, [[1.0, 0.0, 0.0]], K)
    matrix = ms.Ogden(1.0, 2.0, K)
    short, long = jnp.diag(jnp.array([0.8, 1.1, 1.1])), jnp.diag(jnp.array([1.2, 0.9, 0.9]))
    for name in ("energy", "stress", "tangent"):
        np.testing.assert_allclose(
            getattr(aligned.respond(short), name), getattr(matrix.respond(short), name), rtol=1e-10, atol=1e-11
        )
    strain = 1.2**2 * (1.2 * 0.81) ** (-2 / 3) - 1
    more = float(aligned.respond(long).energy - matrix.respond(long).energy)
    assert more == pytest.approx(4.0 / 3.0 * (np.exp(1.5 * strain**2) - 1), rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Mooney–Rivlin", "Ogden", "HGO"])
def test_plane_strain_is_three_dimensions_without_the_third(name):
    flat_axes = [[1.0, 0.8], [1.0, -0.7]]
    make = {
        "Mooney–Rivlin": (ms.MooneyRivlin(0.4, 0.15, K, dim=2), MOONEY),
        "Ogden": (ms.Ogden(MU, ALPHA, K, dim=2), OGDEN),
        "HGO": (
            ms.HolzapfelGasserOgden(1.0, 4.0, 1.5, flat_axes, K),
            ms.HolzapfelGasserOgden(1.0, 4.0, 1.5, [[*a, 0.0] for a in flat_axes], K),
        ),
    }
    flat, full = make[name]
    f = jnp.array([[1.3, 0.2], [-0.1, 0.8]])
    a, b = flat.respond(f), full.respond(jnp.eye(3).at[:2, :2].set(f))
    np.testing.assert_allclose(a.energy, b.energy, rtol=1e-12)
    np.testing.assert_allclose(a.stress, b.stress[:2, :2], rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(a.tangent, b.tangent[:2, :2, :2, :2], rtol=1e-10, atol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("material", "strains"),
    [
        (MOONEY, np.stack([REPEATED["uniaxial"], REPEATED["swollen"] + 0.2 * ROUND])),
        pytest.param(OGDEN, np.stack([REPEATED["reference"], REPEATED["uniaxial"]]), marks=pytest.mark.slow),
        pytest.param(ms.Ogden(MU, ALPHA, K, dim=2), np.stack([np.eye(2), np.diag([1.5, 1.0])]), marks=pytest.mark.slow),
        (HGO, np.stack([np.diag([1.2, 1.1, 0.8]), np.diag([0.8, 0.8, 1.5])])),
    ],
    ids=["Mooney–Rivlin", "Ogden", "Ogden, plane strain", "HGO"],
)
def test_every_claim_holds(material, strains):
    assert ms.check_material(material, strains).passed


@pytest.mark.slow
def test_out_of_reach_is_said_and_harms_no_other():
    far = np.diag([1e3, 1e3**-0.5, 1e3**-0.5])  # λ⁵ is 1e15, beyond e^32
    f = jnp.asarray(np.stack([np.eye(3), far, REPEATED["uniaxial"]]))

    def total(mu):
        response = jax.vmap(ms.Ogden(mu, ALPHA, K).respond)(f)
        return jnp.sum(jnp.where(response.status.ok, response.energy, 0.0)), response

    (_, response), gradient = jax.jit(jax.value_and_grad(total, has_aux=True))(jnp.asarray(MU))
    assert [Code(int(c)) for c in response.status.code] == [0, Code.NONFINITE, 0]
    assert np.all(np.isnan(response.stress[1]))
    sums = np.sum(np.array([1.8, 1.8**-0.5, 1.8**-0.5])[:, None] ** ALPHA, axis=0) - 3
    np.testing.assert_allclose(gradient, sums / ALPHA, rtol=1e-11)
    stiff = ms.HolzapfelGasserOgden(1.0, 4.0, 800.0, AXES, K).respond(jnp.diag(jnp.array([2.0, 1.0, 0.5])))
    assert Code(int(stiff.status.code)) == Code.NONFINITE


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ms.MooneyRivlin(-0.4, 0.1, 1.0), r"c10 \+ c01: must be positive"),
        (lambda: ms.MooneyRivlin(0.4, 0.1, 0.0), "bulk: must be positive"),
        (lambda: ms.Ogden([1.0, 2.0], [2.0], 1.0), "shear, exponents: expected one number each per term"),
        (lambda: ms.Ogden([1.0, 2.0], [2.0, 0.0], 1.0), r"exponents\[1\]: must not be 0"),
        (lambda: ms.Ogden(1.0, -2.0, 1.0), "½ Σ μ_p α_p must be positive"),
        (lambda: ms.HolzapfelGasserOgden(1.0, 1.0, 1.0, AXES, 1.0, dispersion=0.4), "dispersion: must be less than"),
        (lambda: ms.HolzapfelGasserOgden(1.0, 1.0, 1.0, [1.0, 0.0], 1.0), "directions: expected one row per family"),
        (lambda: ms.HolzapfelGasserOgden(1.0, 1.0, 1.0, [[0.0, 0.0]], 1.0), r"directions\[0\]: must be finite"),
    ],
)
def test_bad_input_is_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
