"""Fourth-order constants and pressure: lattice sums, symmetry, differences, Birch's and Barsch's formulas."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.elastic import (
    bulk_modulus,
    clamped_fourth_order_stiffness,
    relaxed_fourth_order_stiffness,
    relaxed_stiffness,
    relaxed_third_order_stiffness,
)
from msjax.crystal.equilibrium import equilibrium
from msjax.crystal.pressure import pressure_derivatives, stress_strain_coefficients
from msjax.status import Code, SolveError
from msjax.tensors import VOIGT


@pytest.fixture(scope="module")
def copper():
    return equilibrium(CauchyBorn(ms.bulk("Cu", "fcc", 3.615), ms.EAM.gupta("Cu"))).material


@pytest.fixture(scope="module")
def argon():
    return equilibrium(CauchyBorn(ms.bulk("X", "fcc", 1.55), ms.LennardJones())).material


def square_strain(v, size):
    """F with FᵀF = 1 + 2E, E_v = ``size`` (engineering shear), to all orders: the symmetric root."""
    i, j = VOIGT[3][v]
    e = np.zeros((3, 3))
    e[i, j] += size / 2
    e[j, i] += size / 2
    values, vectors = np.linalg.eigh(np.eye(3) + 2.0 * e)
    return (vectors * np.sqrt(values)) @ vectors.T


@pytest.mark.slow
def test_pair_potentials_by_lattice_sums(argon):
    """C_IJKL = (16/V)·½Σ f⁗(s) B_I B_J B_K B_L with s = R·(1 + 2E)·R, f(r²) the pair energy and B the dyads of R.

    s is linear in E, so that every Lagrangian derivative of a central pair is a plain sum, with all of Cauchy's
    symmetries (Born and Huang 1954, §11). The fourth derivative of 4(r⁻¹² − r⁻⁶) is written out; the test's cut-off
    switch starts beyond the last shell summed.
    """
    a = 1.5495
    potential = ms.LennardJones(inner=2.3, outer=2.44)  # fourth shell at 2^½ a = 2.19, fifth at 2.45
    points = np.array(list(itertools.product(range(-4, 5), repeat=3)))
    points = a / 2 * points[points.sum(axis=1) % 2 == 0]
    r2 = np.sum(points**2, axis=1)
    near = (r2 > 0) & (r2 < 2.3**2)
    points, r2 = points[near], r2[near]
    assert len(points) == 12 + 6 + 24 + 12
    fourth = 4.0 * (6 * 7 * 8 * 9 * r2**-10.0 - 3 * 4 * 5 * 6 * r2**-7.0)
    dyads = np.stack([points[:, i] * points[:, j] for i, j in VOIGT[3]])
    volume = a**3 / 4
    expected = 8.0 / volume * np.einsum("b,ib,jb,kb,lb->ijkl", fourth, dyads, dyads, dyads, dyads)
    found = relaxed_fourth_order_stiffness(CauchyBorn(ms.bulk("X", "fcc", a), potential))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * np.max(np.abs(expected)))


@pytest.mark.slow
def test_eleven_constants_of_a_cubic_crystal(copper):
    c = np.asarray(relaxed_fourth_order_stiffness(copper))
    scale = np.max(np.abs(c))
    for order in ((1, 0, 2, 3), (0, 2, 1, 3), (0, 1, 3, 2)):
        np.testing.assert_allclose(c.transpose(order), c, atol=1e-9 * scale)
    # a turn by 120° about [111] permutes 1→2→3 and 4→5→6; a quarter turn about z exchanges 1↔2 and 4↔5
    for turn in ([1, 2, 0, 4, 5, 3], [1, 0, 2, 4, 3, 5]):
        np.testing.assert_allclose(c[np.ix_(turn, turn, turn, turn)], c, atol=1e-9 * scale)
    kinds = {}
    for index in itertools.combinations_with_replacement(range(6), 4):
        if abs(c[index]) > 1e-9 * scale:
            turns = [[1, 2, 0, 4, 5, 3], [1, 0, 2, 4, 3, 5]]
            orbit, new = {index}, {index}
            while new:
                new = {tuple(sorted(t[i] for i in x)) for x in new for t in turns} - orbit
                orbit |= new
            kinds[min(orbit)] = float(c[index])
    names = {"".join(str(i + 1) for i in k) for k in kinds}
    assert names == {"1111", "1112", "1122", "1123", "1144", "1155", "1244", "1266", "1456", "4444", "4455"}


@pytest.mark.slow
def test_fourth_order_is_the_derivative_of_third_order(copper):
    """By E counted from the one reference, along an axial strain and a shear."""
    found, h = np.asarray(relaxed_fourth_order_stiffness(copper)), 1e-3
    for v in (0, 5):
        values = {n: np.asarray(relaxed_third_order_stiffness(copper, square_strain(v, n * h))) for n in (-2, -1, 1, 2)}
        slope = (8.0 * (values[1] - values[-1]) - (values[2] - values[-2])) / (12.0 * h)
        np.testing.assert_allclose(slope, found[..., v], atol=2e-6 * np.max(np.abs(found)))


@pytest.mark.slow
def test_relaxed_silicon_differs_from_clamped_and_from_nothing_else():
    silicon = equilibrium(CauchyBorn(ms.bulk("Si", "diamond", 5.43), ms.StillingerWeber())).material
    relaxed = np.asarray(relaxed_fourth_order_stiffness(silicon))
    clamped = np.asarray(clamped_fourth_order_stiffness(silicon))
    assert relaxed[0, 0, 0, 0] == pytest.approx(clamped[0, 0, 0, 0], rel=1e-9)
    assert relaxed[3, 3, 3, 3] < 0.9 * clamped[3, 3, 3, 3] or relaxed[3, 3, 3, 3] > 1.1 * clamped[3, 3, 3, 3]
    h = 1e-3
    plus, minus = (np.asarray(relaxed_third_order_stiffness(silicon, square_strain(3, s))) for s in (h, -h))
    slope = (plus - minus) / (2 * h)
    np.testing.assert_allclose(slope, relaxed[..., 3], atol=1e-4 * np.max(np.abs(relaxed)))


def cubic_derivatives(material):
    """dB11/dp, dB12/dp, dB44/dp at p = 0 from C_IJ and C_IJK (Birch 1947; Barsch and Chang 1967)."""
    c, d = np.asarray(relaxed_stiffness(material)), np.asarray(relaxed_third_order_stiffness(material))
    c11, c12, c44 = c[0, 0], c[0, 1], c[3, 3]
    k3 = c11 + 2 * c12
    return np.array([
        -(2 * c11 + 2 * c12 + d[0, 0, 0] + 2 * d[0, 0, 1]) / k3,
        -(-c11 - c12 + 2 * d[0, 0, 1] + d[0, 1, 2]) / k3,
        -(c11 + 2 * c12 + c44 + d[0, 3, 3] + 2 * d[0, 4, 4]) / k3,
    ])  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("which", ["copper", pytest.param("argon", marks=pytest.mark.slow)])
def test_at_rest_birchs_formulas(which, request):
    material = request.getfixturevalue(which)
    found = pressure_derivatives(material)
    b = np.asarray(found.stiffness)
    np.testing.assert_allclose([b[0, 0], b[0, 1], b[3, 3]], cubic_derivatives(material), rtol=1e-8)
    assert float(found.bulk_modulus) == pytest.approx((b[0, 0] + 2 * b[0, 1]) / 3, rel=1e-9)
    np.testing.assert_allclose(found.strain[:3], -1.0 / (3.0 * float(bulk_modulus(relaxed_stiffness(material)))))


def turned_hcp():
    """Hexagonal copper at zero stress with its axes turned, so that no component of B vanishes."""
    turn, _ = np.linalg.qr(np.array([[1.0, 0.3, -0.2], [-0.4, 0.8, 0.5], [0.1, -0.6, 0.9]]))
    turn = turn * np.sign(np.linalg.det(turn))
    crystal = ms.bulk("Cu", "hcp", a=3.615 / 2**0.5)
    crystal = ms.Crystal(np.asarray(crystal.cell) @ turn.T, np.asarray(crystal.basis) @ turn.T, ("Cu", "Cu"))
    return equilibrium(CauchyBorn(crystal, ms.EAM.gupta("Cu")), stretch="full", pressure=0.0)


@pytest.mark.slow
def test_direct_evaluation_under_pressure_agrees(copper):
    """C(p) and K(p) of the crystal relaxed under p, differentiated in p: exactly, and by differences at p ≠ 0."""

    def at(p):
        return stress_strain_coefficients(equilibrium(copper, pressure=p, throw=False).material, throw=False)

    exact = pressure_derivatives(copper)
    np.testing.assert_allclose(jax.jit(jax.jacfwd(at))(jnp.array(0.0)), exact.stiffness, atol=1e-7)
    p, h = 0.1, 1e-3
    pressed = equilibrium(copper, pressure=p).material
    stress = pressed.respond(jnp.eye(3)).stress
    np.testing.assert_allclose(stress, -p * np.eye(3), atol=1e-10)
    slope = (np.asarray(at(p + h)) - np.asarray(at(p - h))) / (2 * h)
    found = pressure_derivatives(pressed)
    np.testing.assert_allclose(found.stiffness, slope, atol=2e-4)
    # the same state seen from the crystal at rest
    apart = pressure_derivatives(copper, equilibrium(copper, pressure=p).stretch)
    np.testing.assert_allclose(apart.stiffness, found.stiffness, rtol=1e-8, atol=1e-9)
    # K(p) = −V dp/dV
    v = [float(equilibrium(copper, pressure=p + s).volume_per_atom) for s in (-h, h)]
    modulus = -0.5 * (v[0] + v[1]) * 2 * h / (v[1] - v[0])
    b = np.asarray(at(p))
    assert (b[0, 0] + 2 * b[0, 1]) / 3 == pytest.approx(modulus, rel=1e-5)


@pytest.mark.slow
def test_crystals_of_low_symmetry_with_shifts():
    """dB/dp, K′ and the linear compressibilities against states under pressure, by differences."""
    found = turned_hcp()
    material = found.material
    exact = pressure_derivatives(material)
    h = 0.002
    states = {s: equilibrium(material, stretch="full", pressure=s * h) for s in (-2, -1, 1, 2)}
    u = {s: np.asarray(x.stretch) for s, x in states.items()}
    strain = (8 * (u[1] - u[-1]) - (u[2] - u[-2])) / (12 * h)
    rate = [strain[i, j] * (1 if i == j else 2) for i, j in VOIGT[3]]
    np.testing.assert_allclose(rate, exact.strain, atol=1e-5 * np.max(np.abs(rate)), rtol=0)
    b = {s: np.asarray(stress_strain_coefficients(x.material)) for s, x in states.items()}
    # equilibrium turns nothing: its stretch from the unpressed crystal is symmetric, as the path of the derivative is
    slope = (8 * (b[1] - b[-1]) - (b[2] - b[-2])) / (12 * h)
    np.testing.assert_allclose(exact.stiffness, slope, atol=1e-3 * np.max(np.abs(slope)))
    b0 = np.asarray(stress_strain_coefficients(material))
    compliance = np.linalg.inv(b0)
    modulus = 1 / np.sum(compliance[:3, :3])
    kp = {s: 1 / np.sum(np.linalg.inv(x)[:3, :3]) for s, x in b.items()}
    slope = (8 * (kp[1] - kp[-1]) - (kp[2] - kp[-2])) / (12 * h)
    assert float(exact.bulk_modulus) == pytest.approx(slope, rel=1e-4)
    assert modulus > 0


@pytest.mark.slow
def test_failures_and_batches():
    square = CauchyBorn(ms.bulk("X", "triangular", 1.1), ms.LennardJones(inner=1.6, outer=1.9))
    square = equilibrium(square, pressure=0.0).material
    with pytest.raises(ValueError, match="pressure: expected one number"):
        equilibrium(square, pressure=[0.0, 1.0])
    with pytest.raises(SolveError):
        pressure_derivatives(square, 0.5 * jnp.eye(2))
    assert np.isnan(pressure_derivatives(square, 0.5 * jnp.eye(2), throw=False).stiffness).all()
    assert np.isnan(relaxed_fourth_order_stiffness(square, 0.5 * jnp.eye(2), throw=False)).all()

    def many(sigma, p):
        found = equilibrium(eqx.tree_at(lambda m: m.potential.sigma, square, sigma), pressure=p, throw=False)
        return found.volume_per_atom, found.status.code

    pressures, one = jnp.array([0.0, 1e4, 0.05]), jnp.array(1.0)  # neighbours come in, or worse
    volume, code = eqx.filter_jit(jax.vmap(many, in_axes=(None, 0)))(one, pressures)
    assert code[0] == code[2] == Code.CONVERGED
    assert code[1] > Code.UNSTABLE
    assert np.isnan(volume[1])

    def total(sigma, shift):
        volume, code = jax.vmap(many, in_axes=(None, 0))(sigma, pressures + shift)
        return jnp.sum(jnp.where(code <= Code.UNSTABLE, volume, 0.0))

    by_sigma, by_pressure = eqx.filter_jit(jax.grad(total, argnums=(0, 1)))(one, jnp.array(0.0))
    # dV/dp = −V/K; at p = 0 V scales with σ², so that dV/dσ = 2V: both within what p = 0.05 changes
    modulus = float(bulk_modulus(relaxed_stiffness(square)))
    assert float(by_pressure) == pytest.approx(-2.0 * float(volume[0]) / modulus, rel=0.03)
    assert float(by_sigma) == pytest.approx(4.0 * float(volume[0]), rel=0.5)
    at_rest = jax.jit(jax.grad(lambda p: many(one, p)[0]))(jnp.array(0.0))
    assert float(at_rest) == pytest.approx(-float(volume[0]) / modulus, rel=1e-9)
