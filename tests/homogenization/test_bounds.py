"""Bounds against published and hand-made numbers; the order of quadratic forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.homogenization.bounds import (
    hashin_shtrikman,
    hashin_shtrikman_conductivity,
    reuss,
    voigt,
    wiener,
)
from msjax.homogenization.isotropy import (
    Moduli,
    anisotropy,
    isotropic_projection,
    isotropic_stiffness,
    kelvin,
    universal_anisotropy,
)
from msjax.homogenization.position import ordered, position
from msjax.tensors import VOIGT

SOFT, STIFF = Moduli.of_young(1.0, 0.3), Moduli.of_young(10.0, 0.3)
VOID = Moduli(jnp.zeros(()), jnp.zeros(()))
FRACTIONS = [0.75, 0.25]


def both(soft: Moduli, stiff: Moduli):
    return [jnp.stack(pair) for pair in zip(soft, stiff)]


def random_stiffness(seed: int, size: int = 6):
    a = np.random.default_rng(seed).normal(size=(size, size))
    return jnp.asarray(a @ a.T + 0.5 * np.eye(size))


def rotated(stiffness, seed: int):
    """A stiffness in other axes, by the fourth-order tensor."""
    dim = {3: 2, 6: 3}[stiffness.shape[0]]
    rotation, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))
    full = np.zeros((dim,) * 4)
    for row, (i, j) in enumerate(VOIGT[dim]):
        for column, (k, l) in enumerate(VOIGT[dim]):
            full[[i, i, j, j], [j, j, i, i], [k, l, k, l], [l, k, l, k]] = stiffness[row, column]
    full = np.einsum("ai,bj,ck,dl,ijkl->abcd", *[rotation] * 4, full)
    pairs = VOIGT[dim]
    return jnp.asarray([[full[i, j, k, l] for k, l in pairs] for i, j in pairs])


def test_hashin_shtrikman_numbers():
    """Two phases, E 1 and 10, nu 0.3, a quarter stiff; with voids the lower bound is zero."""
    lower, upper = hashin_shtrikman(*both(SOFT, STIFF), FRACTIONS)
    np.testing.assert_allclose([lower.bulk, upper.bulk], [1.1954022989, 1.7980636238], rtol=1e-10)
    np.testing.assert_allclose([lower.shear, upper.shear], [0.5899608866, 0.9384615385], rtol=1e-10)
    lower, upper = hashin_shtrikman(*both(SOFT, VOID), FRACTIONS)
    assert float(lower.bulk) == 0.0
    assert float(lower.shear) == 0.0
    np.testing.assert_allclose(upper, [0.4444444444, 0.2350427350], rtol=1e-9)


def test_hashin_shtrikman_in_the_plane():
    """Plane strain: the bounds of Hashin and Hill for fibres, written as they are for one inclusion in a matrix."""
    soft, stiff = Moduli.of_young(1.0, 0.3, dim=2), Moduli.of_young(10.0, 0.2, dim=2)
    bounds = hashin_shtrikman(*both(soft, stiff), FRACTIONS, dim=2)
    cases = [(soft, stiff, 0.25), (stiff, soft, 0.75)]
    for found, (matrix, fibre, share) in zip(bounds, cases):
        k, g = (float(x) for x in matrix)
        ki, gi = (float(x) for x in fibre)
        bulk = k + share / (1 / (ki - k) + (1 - share) / (k + g))
        shear = g + share / (1 / (gi - g) + (1 - share) * (k + 2 * g) / (2 * g * (k + g)))
        np.testing.assert_allclose(found, [bulk, shear], rtol=1e-12)


def test_plane_strain_moduli_are_the_block_of_the_solid():
    solid = isotropic_stiffness(*Moduli.of_young(3.0, 0.2))
    plane = isotropic_stiffness(*Moduli.of_young(3.0, 0.2, dim=2), dim=2)
    rows = np.array([0, 1, 5])
    np.testing.assert_allclose(plane, solid[rows[:, None], rows[None, :]], rtol=1e-13, atol=1e-15)


def test_one_phase_is_its_own_bound():
    for pair in (hashin_shtrikman([2.0], [1.0], [1.0]), hashin_shtrikman([2.0] * 3, [1.0] * 3, [0.2, 0.3, 0.5])):
        for bound in pair:
            np.testing.assert_allclose(bound, [2.0, 1.0], rtol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("dim", [2, 3])
def test_bounds_nest_for_any_phases(dim):
    """Reuss <= lower <= upper <= Voigt, phases not well ordered too."""
    rng = np.random.default_rng(dim)
    for _ in range(20):
        bulk, shear = rng.uniform(0.1, 10.0, (2, 4))
        share = rng.dirichlet(np.ones(4))
        lower, upper = hashin_shtrikman(bulk, shear, share, dim)
        phases = [isotropic_stiffness(k, g, dim) for k, g in zip(bulk, shear)]
        chain = [
            reuss(phases, share),
            isotropic_stiffness(*lower, dim),
            isotropic_stiffness(*upper, dim),
            voigt(phases, share),
        ]
        for below, above in zip(chain, chain[1:]):
            assert float(ordered(below, above)) > -1e-14


@pytest.mark.slow
def test_voigt_and_reuss_of_anisotropic_phases():
    phases, share = [random_stiffness(n) for n in range(3)], [0.2, 0.3, 0.5]
    np.testing.assert_allclose(voigt(phases, share), sum(f * c for f, c in zip(share, phases)), rtol=1e-14)
    compliance = sum(f * np.linalg.inv(c) for f, c in zip(share, phases))
    np.testing.assert_allclose(reuss(phases, share), np.linalg.inv(compliance), rtol=1e-11)


def test_a_void_takes_the_reuss_bound_to_zero_unless_it_is_absent():
    solid = random_stiffness(0)
    void = jnp.zeros((6, 6))
    assert np.all(np.asarray(reuss([solid, void], [0.9, 0.1])) == 0.0)
    np.testing.assert_allclose(reuss([solid, void], [1.0, 0.0]), solid, rtol=1e-11)
    np.testing.assert_allclose(reuss([void, solid], [0.0, 1.0]), solid, rtol=1e-11)


def test_a_fluid_leaves_the_reuss_bound_its_bulk_modulus():
    """A phase without shear stiffness: Reuss' K is Wood's harmonic mean, G is zero."""
    solid, fluid = isotropic_stiffness(3.0, 2.0), isotropic_stiffness(1.0, 0.0)
    bound = isotropic_projection(reuss([solid, fluid], [0.5, 0.5]))
    np.testing.assert_allclose(bound, [1.5, 0.0], atol=1e-12)


@pytest.mark.slow
def test_reuss_of_extreme_contrast_is_not_rounded_to_a_void():
    faint = reuss([jnp.eye(3), 1e-30 * jnp.eye(3)], [0.5, 0.5])
    np.testing.assert_allclose(faint, 2e-30 * np.eye(3), rtol=1e-10, atol=1e-45)


@pytest.mark.slow
def test_bounds_differentiate():
    def scalar(x, which):
        bulk, shear = jnp.stack([x, 10.0 * x]), jnp.stack([0.5 * x, x**2])
        share = jnp.stack([0.1 + 0.1 * x, 0.9 - 0.1 * x])
        if which == "reuss":
            return reuss([isotropic_stiffness(k, g) for k, g in zip(bulk, shear)], share)[0, 1]
        lower, upper = hashin_shtrikman(bulk, shear, share)
        return lower.bulk + 2.0 * lower.shear + 3.0 * upper.bulk + 4.0 * upper.shear

    x, h = 1.3, 1e-5
    for which in ("reuss", "hashin_shtrikman"):
        slope = (scalar(jnp.asarray(x + h), which) - scalar(jnp.asarray(x - h), which)) / (2 * h)
        np.testing.assert_allclose(jax.grad(scalar)(jnp.asarray(x), which), slope, rtol=1e-8)


def test_bounds_run_under_jit_and_vmap():
    shares = jnp.linspace(0.1, 0.9, 5)
    lower, _ = jax.jit(jax.vmap(lambda f: hashin_shtrikman(*both(SOFT, STIFF), jnp.stack([1.0 - f, f]))))(shares)
    alone = [hashin_shtrikman(*both(SOFT, STIFF), [1.0 - f, f])[0].bulk for f in np.asarray(shares)]
    np.testing.assert_allclose(lower.bulk, alone, rtol=1e-14)


def test_conductivity():
    """Maxwell's formula for spheres and Rayleigh's first term for cylinders are the bounds."""
    for dim in (2, 3):
        lower, upper = hashin_shtrikman_conductivity([1.0, 10.0], FRACTIONS, dim)
        for found, (k, ki, share) in zip((lower, upper), [(1.0, 10.0, 0.25), (10.0, 1.0, 0.75)]):
            contrast = (ki - k) / (ki + (dim - 1) * k)
            maxwell = k * (1 + (dim - 1) * share * contrast) / (1 - share * contrast)
            np.testing.assert_allclose(found, maxwell, rtol=1e-13)
    np.testing.assert_allclose(wiener([1.0, 10.0], FRACTIONS), [1 / 0.775, 3.25], rtol=1e-14)
    assert float(wiener([1.0, 0.0], FRACTIONS)[0]) == 0.0
    assert float(hashin_shtrikman_conductivity([1.0, 0.0], FRACTIONS)[0]) == 0.0


def test_position_is_zero_and_one_on_the_bounds_and_does_not_depend_on_the_axes():
    lower, upper = random_stiffness(1), random_stiffness(1) + random_stiffness(2)
    np.testing.assert_allclose(position(lower, lower, upper), [0.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(position(upper, lower, upper), [1.0, 1.0], rtol=1e-10)
    inside = lower + 0.3 * random_stiffness(2)
    np.testing.assert_allclose(position(inside, lower, upper), [0.3, 0.3], rtol=1e-9)
    outside = lower + 0.05 * random_stiffness(3)
    expected = np.linalg.eigvals(np.linalg.solve(upper - lower, outside - lower)).real
    np.testing.assert_allclose(position(outside, lower, upper), [expected.min(), expected.max()], rtol=1e-9)
    turned = [rotated(tensor, 4) for tensor in (outside, lower, upper)]
    np.testing.assert_allclose(position(*turned), [expected.min(), expected.max()], rtol=1e-9)


def test_position_leaves_out_directions_in_which_the_bounds_coincide():
    """Equal shear moduli: only the bulk modulus can lie anywhere."""
    soft, stiff = isotropic_stiffness(1.0, 1.0), isotropic_stiffness(3.0, 1.0)
    np.testing.assert_allclose(position(isotropic_stiffness(1.5, 1.0), soft, stiff), [0.25, 0.25], rtol=1e-12)
    assert np.all(np.isnan(position(soft, stiff, stiff)))


def test_isotropic_projection_and_anisotropy():
    """Copper: C11 168.4, C12 121.4, C44 75.4 GPa; A = 3.2085, index (6/5)(sqrt A - 1/sqrt A)^2 for cubic crystals."""
    c11, c12, c44 = 168.4, 121.4, 75.4
    copper = np.diag([c11 - c12] * 3 + [c44] * 3)
    copper[:3, :3] += c12
    copper = jnp.asarray(copper)
    np.testing.assert_allclose(
        isotropic_projection(copper), [(c11 + 2 * c12) / 3, (c11 - c12 + 3 * c44) / 5], rtol=1e-14
    )
    zener = 2 * c44 / (c11 - c12)
    np.testing.assert_allclose(universal_anisotropy(copper), 1.2 * (zener**0.5 - zener**-0.5) ** 2, rtol=1e-12)
    turned = rotated(copper, 5)
    assert float(jnp.max(jnp.abs(turned - copper))) > 1.0
    np.testing.assert_allclose(anisotropy(turned), anisotropy(copper), rtol=1e-12)
    np.testing.assert_allclose(universal_anisotropy(turned), universal_anisotropy(copper), rtol=1e-11)
    for dim in (2, 3):
        assert float(anisotropy(isotropic_stiffness(2.0, 1.3, dim))) < 1e-15


@pytest.mark.parametrize("size", [3, 6])
def test_the_projection_is_the_nearest_isotropic_stiffness(size):
    stiffness = random_stiffness(7, size)
    dim = {3: 2, 6: 3}[size]
    nearest = isotropic_projection(stiffness)

    def distance(bulk, shear):
        return jnp.sum(kelvin(stiffness - isotropic_stiffness(bulk, shear, dim)) ** 2)

    np.testing.assert_allclose(jax.grad(distance, argnums=(0, 1))(*nearest), [0.0, 0.0], atol=1e-11)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: voigt([jnp.eye(3)], [0.5]), "fractions: they add up to 0.5"),
        (lambda: voigt([jnp.eye(3)] * 2, [1.5, -0.5]), r"fractions\[0\]: 1.5"),
        (lambda: voigt([jnp.eye(3)] * 2, [jnp.nan, 1.0]), r"fractions\[0\]: nan"),
        (lambda: voigt([jnp.eye(3)] * 2, [1.0]), "fractions: shape"),
        (lambda: reuss([jnp.eye(3), -jnp.eye(3)], FRACTIONS), r"stiffness\[1\]: has a negative eigenvalue"),
        (lambda: reuss([jnp.eye(3), jnp.eye(6)], FRACTIONS), "stiffness: matrices of 2 different shapes"),
        (lambda: reuss([jnp.eye(3), jnp.full((3, 3), jnp.nan)], FRACTIONS), r"stiffness\[1\]: not finite"),
        (lambda: voigt([jnp.eye(3), jnp.triu(jnp.ones((3, 3)))], FRACTIONS), r"stiffness\[1\]: not symmetric"),
        (lambda: hashin_shtrikman([1.0, -1.0], [1.0, 1.0], FRACTIONS), r"bulk\[1\]: -1.0"),
        (lambda: hashin_shtrikman([1.0, 1.0], [1.0], FRACTIONS), "shear: shape"),
        (lambda: hashin_shtrikman([1.0], [1.0], [1.0], dim=1), "dim: 1"),
        (lambda: wiener([1.0, jnp.inf], FRACTIONS), r"conductivity\[1\]: inf"),
        (lambda: isotropic_projection(jnp.eye(4)), "stiffness: shape"),
        (lambda: isotropic_stiffness(jnp.ones(2), 1.0), "bulk: shape"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
