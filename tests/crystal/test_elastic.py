"""Elastic constants: LAMMPS's, symmetry, finite differences, thermodynamic consistency."""

import csv
import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax import units
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.elastic import (
    bulk_modulus,
    clamped_stiffness,
    clamped_third_order_stiffness,
    relaxed_stiffness,
    relaxed_third_order_stiffness,
    youngs_modulus,
)
from msjax.crystal.equilibrium import equilibrium
from msjax.status import Code, SolveError
from msjax.tensors import VOIGT


@pytest.fixture(scope="module")
def silicon():
    return equilibrium(CauchyBorn(ms.bulk("Si", "diamond", 5.43), ms.StillingerWeber())).material


@pytest.fixture(scope="module")
def copper():
    return equilibrium(CauchyBorn(ms.bulk("Cu", "fcc", 3.615), ms.EAM.gupta("Cu"))).material


@pytest.fixture(scope="module")
def argon():
    return equilibrium(CauchyBorn(ms.bulk("X", "fcc", 1.55), ms.LennardJones())).material


def cubic(c):
    """(C11, C12, C44), having checked that nothing else is there."""
    expected = np.zeros((6, 6))
    expected[:3, :3] = c[0, 1]
    expected[range(3), range(3)] = c[0, 0]
    expected[range(3, 6), range(3, 6)] = c[3, 3]
    np.testing.assert_allclose(c, expected, atol=1e-9 * float(c[0, 0]))
    return np.array([c[0, 0], c[0, 1], c[3, 3]])


def second_piola(material, strain):
    """S at the Green–Lagrange strain E, through the symmetric stretch, by the stress alone."""
    values, vectors = np.linalg.eigh(np.eye(3) + 2.0 * strain)
    stretch = (vectors * np.sqrt(values)) @ vectors.T
    stress = np.linalg.solve(stretch, np.asarray(material.respond(stretch).stress))
    return np.array([stress[i, j] for i, j in VOIGT[3]])


def strain(v, size):
    i, j = VOIGT[3][v]
    e = np.zeros((3, 3))
    e[i, j] += size / 2
    e[j, i] += size / 2
    return e


@pytest.mark.slow
def test_silicon_clamped_and_relaxed(silicon, reference):
    entry = reference("lattice_response")["SW_Si"]
    clamped, relaxed = clamped_stiffness(silicon), relaxed_stiffness(silicon)
    np.testing.assert_allclose(cubic(clamped) / units.GPa, [151.4245, 76.4221, 109.7565], atol=1e-4)
    np.testing.assert_allclose(cubic(relaxed) / units.GPa, [151.4245, 76.4221, 56.4493], atol=1e-4)
    assert entry["a0"] == pytest.approx(float(silicon.crystal.cell[0, 1]) * 2.0, rel=1e-8)
    # names never mix: what the material does with its shifts does not matter
    held = CauchyBorn(silicon.crystal, silicon.potential, inner="clamped")
    np.testing.assert_allclose(relaxed_stiffness(held), relaxed, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(clamped_stiffness(held), clamped, rtol=1e-12, atol=1e-12)
    assert held.inner == "clamped"
    # relaxation only softens
    assert np.min(np.linalg.eigvalsh(clamped - relaxed)) > -1e-12


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "element", "a", "expected"),
    [
        ("Cu_mishin1.eam.alloy", "Cu", 3.614925066, (169.8781, 122.5861, 76.2061)),
        ("Al_zhou.eam.alloy", "Al", 4.081654901, (127.0951, 81.3546, 36.4307)),
    ],
)
def test_embedded_atom_metals(name, element, a, expected, potential_file, data_directory):
    material = CauchyBorn(ms.bulk(element, "fcc", a), ms.EAM.setfl(potential_file(name)))
    c = relaxed_stiffness(material)
    # copper's embedding table has a kink in F''' at rest, where the reference is the mean of two sides
    np.testing.assert_allclose(cubic(c) / units.GPa, expected, rtol=2e-5 if element == "Cu" else 2e-6)
    table = bulk_table(data_directory / f"bulk_{name.split('.')[0]}.csv")
    modulus = youngs_modulus(c, jnp.array([0.0, 0.0, 2.0])) / units.GPa
    assert float(modulus) == pytest.approx(table["E_100_direct"], rel=5e-5 if element == "Cu" else 1e-6)

    third = np.asarray(relaxed_third_order_stiffness(material)) / units.GPa
    # C2 cubic tables have piecewise constant third derivatives: a fraction of a percent from any other interpolant
    for label in ("C144", "C155", "C456") + (("C111", "C112", "C123") if element == "Al" else ()):
        i, j, k = (int(n) - 1 for n in label[1:])
        assert third[i, j, k] == pytest.approx(table[label], rel=6e-3), label
    if element == "Cu":  # one side or the other, never the mean
        sides = np.array([table["C111_tens"], table["C111_comp"]])
        assert np.min(np.abs(third[0, 0, 0] / sides - 1.0)) < 0.01


def bulk_table(path):
    rows = csv.reader(line for line in path.read_text().splitlines() if not line.startswith("#"))
    return {row[0]: float(row[1]) for row in rows if row[0] != "quantity"}


@pytest.mark.slow
def test_pair_potentials_obey_the_cauchy_relation(argon, copper):
    """C12 = C44 for central pairs where every atom is a centre of inversion and the stress is zero (Born)."""
    c = cubic(relaxed_stiffness(argon))
    assert c[1] == pytest.approx(c[2], rel=1e-12)
    third = np.asarray(relaxed_third_order_stiffness(argon))
    assert third[0, 1, 1] == pytest.approx(third[0, 4, 4], rel=1e-10)  # C112 = C155
    assert third[0, 1, 2] == pytest.approx(third[3, 4, 5], rel=1e-10)  # C123 = C456
    assert third[0, 1, 2] == pytest.approx(third[0, 3, 3], rel=1e-10)  # C123 = C144
    many_body = cubic(relaxed_stiffness(copper))
    assert many_body[1] > 1.2 * many_body[2]


@pytest.mark.slow
def test_the_embedding_alone_breaks_the_cauchy_relation(copper):
    """C12 − C44 = U″ (Σ ρ′ R₁²/R)²/V for the embedded atom at zero stress (Daw and Baskes 1984)."""
    potential, bonds = copper.potential, np.asarray(copper.reference_bonds)
    r2 = jnp.sum(copper.reference_bonds**2, axis=1)
    slope = jax.vmap(jax.grad(lambda x: potential.density(x)[0]))(r2)  # dρ/d(r²)
    moment = 2.0 * jnp.sum(potential.density(r2), axis=1)
    curvature = jax.jit(jax.hessian(potential.embed))(moment)[0, 0]
    expected = curvature * (2.0 * jnp.sum(2.0 * slope * bonds[:, 0] ** 2)) ** 2 / copper.crystal.volume
    c = cubic(relaxed_stiffness(copper))
    assert c[1] - c[2] == pytest.approx(float(expected), rel=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("which", ["copper", pytest.param("silicon", marks=pytest.mark.slow)])
def test_third_order_has_all_permutations_and_cubic_symmetry(which, request):
    material = request.getfixturevalue(which)
    third = np.asarray(relaxed_third_order_stiffness(material))
    scale = np.max(np.abs(third))
    for order in itertools.permutations(range(3)):
        np.testing.assert_allclose(third.transpose(order), third, atol=1e-10 * scale)
    c = third
    for same in (
        (c[0, 0, 0], c[1, 1, 1], c[2, 2, 2]),
        (c[0, 0, 1], c[0, 0, 2], c[1, 1, 0], c[1, 1, 2], c[2, 2, 0], c[2, 2, 1]),
        (c[0, 3, 3], c[1, 4, 4], c[2, 5, 5]),
        (c[0, 4, 4], c[0, 5, 5], c[1, 3, 3], c[1, 5, 5], c[2, 3, 3], c[2, 4, 4]),
    ):
        np.testing.assert_allclose(same, same[0], atol=1e-10 * scale)
    independent = np.abs(c) > 1e-10 * scale
    assert np.sum(independent) == 3 + 3 * 6 + 6 + 3 * 3 + 3 * 6 + 6  # 111, 112, 123, 144, 155, 456


@pytest.mark.slow
@pytest.mark.parametrize("which", ["copper", pytest.param("silicon", marks=pytest.mark.slow)])
def test_constants_are_the_derivatives_of_second_piola(which, request):
    """C_IJ and C_IJK against finite differences of the relaxed stress by the Green–Lagrange strain."""
    material = request.getfixturevalue(which)
    h = 2e-3
    weights = {-2: -1 / 12, -1: 4 / 3, 0: -5 / 2, 1: 4 / 3, 2: -1 / 12}  # second derivative, error h⁴
    first = {-2: 1 / 12, -1: -2 / 3, 1: 2 / 3, 2: -1 / 12}
    second_order, third_order = relaxed_stiffness(material), relaxed_third_order_stiffness(material)
    for v in (0, 3):
        values = {n: second_piola(material, strain(v, n * h)) for n in weights}
        slope = sum(w * values[n] for n, w in first.items()) / h
        np.testing.assert_allclose(slope, second_order[:, v], atol=2e-8 * float(second_order[0, 0]))
        curvature = sum(w * values[n] for n, w in weights.items()) / h**2
        largest = float(np.max(np.abs(third_order)))
        np.testing.assert_allclose(curvature, third_order[:, v, v], atol=3e-6 * largest)


@pytest.mark.slow
def test_clamped_third_order_differs_where_shifts_move(silicon):
    clamped = np.asarray(clamped_third_order_stiffness(silicon)) / units.GPa
    relaxed = np.asarray(relaxed_third_order_stiffness(silicon)) / units.GPa
    assert clamped[0, 0, 0] == pytest.approx(relaxed[0, 0, 0], rel=1e-10)  # no shift under axial strain
    assert abs(clamped[3, 4, 5] - relaxed[3, 4, 5]) > 10.0


def test_pressure_derivative_of_the_bulk_modulus(copper):
    """dK/dp = −(C111 + 6 C112 + 2 C123)/(9K), against W along a hydrostatic path."""
    third = relaxed_third_order_stiffness(copper)
    modulus = float(bulk_modulus(relaxed_stiffness(copper)))
    predicted = -float(third[0, 0, 0] + 6 * third[0, 0, 1] + 2 * third[0, 1, 2]) / (9 * modulus)

    def pressure_and_modulus(factor):
        response = copper.respond(factor * jnp.eye(3))
        # p = −tr P/(3 λ²); K = −V dp/dV along the path
        pressure = -jnp.trace(response.stress) / (3 * factor**2)
        slope = jnp.einsum("iikk", response.tangent)  # d tr P/dλ
        return pressure, -factor / 3 * (-(slope / factor**2 - 2 * jnp.trace(response.stress) / factor**3) / 3)

    (p1, k1), (p2, k2) = pressure_and_modulus(1 - 1e-4), pressure_and_modulus(1 + 1e-4)
    assert float(0.5 * (k1 + k2)) == pytest.approx(modulus, rel=1e-5)
    assert float((k2 - k1) / (p2 - p1)) == pytest.approx(predicted, rel=1e-5)


def test_stiffness_of_a_stressed_state(copper):
    """At any F the constants are ∂S/∂E there, and do not depend on a rotation of it."""
    angle = 0.4
    rotation = jnp.array([[np.cos(angle), -np.sin(angle), 0.0], [np.sin(angle), np.cos(angle), 0.0], [0.0, 0.0, 1.0]])
    stretch = jnp.array([[1.02, 0.01, 0.0], [0.01, 0.97, 0.005], [0.0, 0.005, 1.01]])
    c = relaxed_stiffness(copper, stretch)
    np.testing.assert_allclose(relaxed_stiffness(copper, rotation @ stretch), c, atol=1e-12)
    np.testing.assert_allclose(c, c.T, atol=1e-13)
    base = (np.asarray(stretch) @ np.asarray(stretch) - np.eye(3)) / 2
    h = 1e-4
    slope = (second_piola(copper, base + strain(5, h)) - second_piola(copper, base - strain(5, h))) / (2 * h)
    np.testing.assert_allclose(slope, c[:, 5], atol=1e-6)


@pytest.mark.slow
def test_failure_is_said_and_stays_with_its_member(copper):
    with pytest.raises(SolveError, match="OVERFLOW"):
        relaxed_stiffness(copper, 0.5 * jnp.eye(3))
    assert np.all(np.isnan(relaxed_stiffness(copper, 0.5 * jnp.eye(3), throw=False)))
    with pytest.raises(SolveError, match="INVERTED"):
        relaxed_third_order_stiffness(copper, -jnp.eye(3))
    factors = jnp.array([1.0, 0.5, 1.01])
    batch = eqx.filter_vmap(lambda x: relaxed_stiffness(copper, x * jnp.eye(3)))(factors)
    assert np.isnan(batch[1]).all()
    np.testing.assert_allclose(batch[0], relaxed_stiffness(copper), rtol=1e-12, atol=1e-14)

    def total(scale):
        changed = eqx.tree_at(lambda m: m.potential.A, copper, scale * copper.potential.A)
        values = eqx.filter_vmap(lambda x: relaxed_stiffness(changed, x * jnp.eye(3)))(factors)[:, 0, 0]
        return jnp.sum(jnp.where(jnp.isnan(values), 0.0, values))

    assert np.isfinite(jax.jit(jax.grad(total))(1.0))
    assert Code.OVERFLOW == 7
    with pytest.raises(ValueError, match=r"shape \(3, 3\)"):
        relaxed_stiffness(copper, jnp.eye(2))
