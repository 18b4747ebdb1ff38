"""Crystals: geometry of the built-in structures, differentiability in a, refusals."""

import itertools
import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.crystal.elements import MASSES, SYMBOLS, standard_mass
from msjax.crystal.lattice import Crystal, bulk

ONE = ["chain", "square", "triangular", "honeycomb", "sc", "fcc", "bcc", "hcp", "diamond"]
TWO_SPECIES = ["zincblende", "rocksalt"]
STRUCTURES = [*ONE, *TWO_SPECIES]


def model(structure, a, **options):
    """Every structure of model atoms alone."""
    return bulk(("X", "X") if structure in TWO_SPECIES else "X", structure, a, **options)


def shells(crystal, count):
    """Distances and multiplicities of the first shells around atom 0, by brute force."""
    cell, basis = np.asarray(crystal.cell), np.asarray(crystal.basis)
    n = np.array(list(itertools.product(range(-4, 5), repeat=crystal.dim)), dtype=float)
    vectors = (n @ cell)[:, None, :] + (basis - basis[0])[None, :, :]
    lengths = np.sort(np.linalg.norm(vectors, axis=-1).ravel())[1:]
    found = []
    for length in lengths:
        if found and abs(found[-1][0] - length) < 1e-9:
            found[-1][1] += 1
        else:
            found.append([length, 1])
    return [(round(r, 9), m) for r, m in found[:count]]


@pytest.mark.parametrize(
    ("structure", "expected", "volume_per_atom"),
    [
        ("chain", [(1.0, 2), (2.0, 2)], 1.0),
        ("square", [(1.0, 4), (math.sqrt(2), 4), (2.0, 4)], 1.0),
        ("triangular", [(1.0, 6), (math.sqrt(3), 6), (2.0, 6)], math.sqrt(3) / 2),
        (
            "honeycomb",
            [(math.sqrt(1 / 3), 3), (1.0, 6), (math.sqrt(4 / 3), 3), (math.sqrt(7 / 3), 6)],
            math.sqrt(3) / 4,
        ),
        ("sc", [(1.0, 6), (math.sqrt(2), 12), (math.sqrt(3), 8)], 1.0),
        ("hcp", [(1.0, 12), (math.sqrt(2), 6), (math.sqrt(8 / 3), 2), (math.sqrt(3), 18)], math.sqrt(0.5)),
        ("zincblende", [(math.sqrt(3) / 4, 4), (math.sqrt(0.5), 12)], 1 / 8),
        ("rocksalt", [(0.5, 6), (math.sqrt(0.5), 12), (math.sqrt(0.75), 8)], 1 / 8),
        ("fcc", [(math.sqrt(0.5), 12), (1.0, 6), (math.sqrt(1.5), 24)], 1 / 4),
        ("bcc", [(math.sqrt(0.75), 8), (1.0, 6), (math.sqrt(2), 12)], 1 / 2),
        ("diamond", [(math.sqrt(3) / 4, 4), (math.sqrt(0.5), 12), (math.sqrt(11) / 4, 12)], 1 / 8),
    ],
)
def test_shells_and_volume_of_each_structure(structure, expected, volume_per_atom):
    crystal = model(structure, 1.0)
    assert shells(crystal, len(expected)) == [(round(r, 9), m) for r, m in expected]
    assert float(crystal.volume_per_atom) == pytest.approx(volume_per_atom, rel=1e-14)
    assert crystal.structure == structure


@pytest.mark.parametrize("structure", STRUCTURES)
def test_reciprocal_vectors_carry_two_pi(structure):
    crystal = model(structure, 1.7)
    product = np.asarray(crystal.cell @ crystal.reciprocal.T)
    np.testing.assert_allclose(product, 2 * np.pi * np.eye(crystal.dim), atol=1e-12)


@pytest.mark.parametrize("structure", STRUCTURES)
def test_differentiable_in_a_under_jit_and_vmap(structure):
    def volume(a):
        return model(structure, a).volume

    d = model(structure, 1.0).dim
    unit = float(volume(1.0))
    assert float(jax.jit(jax.grad(volume))(2.5)) == pytest.approx(d * unit * 2.5 ** (d - 1), rel=1e-13)
    a = jnp.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(jax.vmap(volume)(a), unit * np.asarray(a) ** d, rtol=1e-13)


def test_scaled_matches_a_new_lattice_and_keeps_the_rest():
    small, large = bulk("Si", "diamond", 5.0), bulk("Si", "diamond", 5.5)
    scaled = small.scaled(1.1)
    np.testing.assert_allclose(scaled.cell, large.cell, rtol=1e-14)
    np.testing.assert_allclose(scaled.basis, large.basis, rtol=1e-14)
    assert (scaled.species, scaled.structure) == (("Si", "Si"), "diamond")
    slope = jax.grad(lambda f: small.scaled(f).volume)(1.0)
    assert float(slope) == pytest.approx(3 * float(small.volume), rel=1e-13)


def test_crystal_passes_through_jit_as_a_pytree():
    crystal = bulk("Cu", "fcc", 3.615)
    out = eqx.filter_jit(lambda c: c.scaled(2.0))(crystal)
    assert out.species == ("Cu",)
    assert float(out.volume) == pytest.approx(8 * float(crystal.volume))


def test_left_handed_cells_have_positive_volume():
    crystal = Crystal([[0.0, 2.0], [3.0, 0.0]], [[0.0, 0.0]], ("X",))
    assert float(crystal.volume) == pytest.approx(6.0)


def test_masses():
    np.testing.assert_array_equal(bulk("Cu", "fcc", 3.615).masses, [63.546])
    np.testing.assert_array_equal(bulk("X", "fcc", 1.5).masses, [1.0])
    np.testing.assert_array_equal(bulk("Si", "diamond", 5.43, mass=28.0855).masses, [28.0855, 28.0855])
    with pytest.raises(ValueError, match="Tc has no standard atomic weight"):
        standard_mass("Tc")
    assert float(bulk("Tc", "fcc", 3.9, mass=98.0).masses[0]) == 98.0
    assert len(SYMBOLS) == 118
    assert set(MASSES) <= {*SYMBOLS, "X"}


def test_masses_agree_with_an_independent_table():
    data = pytest.importorskip("ase.data", reason="needs ase (extra msjax[atoms])")
    for symbol, mass in MASSES.items():
        if symbol != "X":
            # standard weights are revised now and then: Yb by 5e-5
            assert mass == pytest.approx(data.atomic_masses[data.atomic_numbers[symbol]], rel=3e-4), symbol
    assert tuple(data.chemical_symbols[1:119]) == SYMBOLS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("Cu", "A15", 3.6),
            r"structure: unknown 'A15'; allowed are chain, square, triangular, honeycomb, sc, fcc, bcc",
        ),
        (("Na", "rocksalt", 5.6), r"species: 'rocksalt' takes two symbols, such as \('Na', 'Cl'\), got 1: 'Na'"),
        (("NaCl", "rocksalt", 5.6), r"species: 'rocksalt' takes two symbols, .* got 1: 'NaCl'"),
        ((("Na", "Cl", "Cl"), "zincblende", 5.6), "species: 'zincblende' takes two symbols, .* got 3"),
        ((("Cu", "Zn"), "bcc", 2.9), r"species: 'bcc' takes one symbol, got 2: \('Cu', 'Zn'\)"),
        (((), "fcc", 2.9), "species: 'fcc' takes one symbol, got 0"),
        ((("Ga", "Xx"), "zincblende", 5.6), r"species\[1\]: unknown element 'Xx'"),
        (("Cu", "fcc", 3.6, 3.6), "c: 'fcc' has one lattice constant, a; only 'hcp' has a c"),
        (("Mg", "hcp", 3.2, -5.2), r"c = -5.2: must be positive and finite"),
        (("Mg", "hcp", 3.2, math.nan), "c = nan"),
        (("Mg", "hcp", -3.2), "a = -3.2"),
        (("Kryptonite", "fcc", 3.6), r"species\[0\]: unknown element 'Kryptonite'; allowed are 'X'"),
        (("Cu", "fcc", 0.0), r"a = 0.0: must be positive and finite"),
        (("Cu", "fcc", -3.6), r"a = -3.6"),
        (("Cu", "fcc", math.nan), r"a = nan"),
        (("Cu", "fcc", math.inf), r"a = inf"),
    ],
)
def test_bulk_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        bulk(*arguments)


def test_hcp_is_differentiable_in_c_and_packs_spheres_by_default():
    def volume(a, c):
        return bulk("Mg", "hcp", a, c).volume

    slopes = jax.jit(jax.grad(volume, argnums=(0, 1)))(3.2, 5.2)  # V = √3/2 a² c
    np.testing.assert_allclose(slopes, (math.sqrt(3) * 3.2 * 5.2, math.sqrt(0.75) * 3.2**2), rtol=1e-13)
    np.testing.assert_allclose(jax.vmap(volume, (None, 0))(1.0, jnp.array([1.0, 2.0])), [0.75**0.5, 3**0.5], rtol=1e-13)
    assert float(jax.grad(lambda c: bulk("Mg", "hcp", 3.2, c).basis[1, 2])(5.2)) == 0.5
    assert float(bulk("X", "hcp", 2.0).cell[2, 2]) == pytest.approx(2.0 * math.sqrt(8 / 3), rel=1e-15)


def test_masses_of_two_species():
    np.testing.assert_array_equal(bulk(("Na", "Cl"), "rocksalt", 5.64).masses, [22.990, 35.45])
    np.testing.assert_array_equal(bulk(("X", "X"), "zincblende", 1.0, mass=[1.0, 3.0]).masses, [1.0, 3.0])
    np.testing.assert_array_equal(bulk("Mg", "hcp", 3.2, mass=24.0).masses, [24.0, 24.0])
    for structure, mass in [("rocksalt", 2.0), ("rocksalt", [1.0, 2.0, 3.0]), ("hcp", [1.0, 2.0])]:
        with pytest.raises(ValueError, match=f"mass: '{structure}' takes ., one per species, got shape"):
            model(structure, 1.0, mass=mass)
    with pytest.raises(ValueError, match=r"mass = -2.0: must be positive"):
        bulk(("X", "X"), "rocksalt", 1.0, mass=[1.0, -2.0])


CUBE = 4.0 * np.eye(3)
TWO = [[0.0, 0.0, 0.0], [2.0, 2.0, 2.0]]


@pytest.mark.parametrize(
    ("cell", "basis", "species", "masses", "message"),
    [
        ([[1.0, 0, 0], [0, 1, 0], [1, 1, 0]], TWO, ("X", "X"), None, "linearly dependent"),
        ([[1.0, 0, 0], [0, 0, 0], [0, 1, 0]], TWO, ("X", "X"), None, "linearly dependent"),
        ([[1.0, 0, 0], [0, math.nan, 0], [0, 1, 0]], TWO, ("X", "X"), None, "cell: .*row 1"),
        (CUBE, [[0, 0, 0], [0, math.inf, 0]], ("X", "X"), None, "basis: .*atom 1"),
        (CUBE, [[0, 0, 0.0], [2, 2, 2], [2, 2, 2.000001]], ("X", "X", "X"), None, "atoms 1 and 2 coincide"),
        (CUBE, [[0, 0, 0.0], [4, -4, 8]], ("X", "X"), None, "atoms 0 and 1 coincide"),
        (CUBE, [[0, 0, 0.0], [4, -4, 7.99999]], ("X", "X"), None, "atoms 0 and 1 coincide"),
        (CUBE, [[0, 0, -1e-18], [2, 2, 2], [0, 4, 0]], ("X",) * 3, None, "atoms 0 and 2 coincide"),
        (CUBE, TWO, ("X",), None, "species: 1 symbols for 2 basis atoms"),
        (CUBE, [[0.0, 0.0]], ("X",), None, r"basis: expected shape \(n, 3\)"),
        (CUBE, np.zeros((0, 3)), (), None, r"basis: expected shape \(n, 3\) with n ≥ 1"),
        (np.eye(4), np.zeros((1, 4)), ("X",), None, "cell: expected shape"),
        (CUBE, TWO, ("X", "Xx"), None, r"species\[1\]: unknown element 'Xx'"),
        (CUBE, TWO, ("X", "X"), [1.0, -2.0], "masses: .*atom 1"),
        (CUBE, TWO, ("X", "X"), [1.0], r"masses: expected shape \(2,\)"),
        (1j * CUBE, TWO, ("X", "X"), None, "cell: expected real numbers"),
    ],
)
def test_crystal_refuses(cell, basis, species, masses, message):
    with pytest.raises(ValueError, match=message):
        Crystal(cell, basis, species, masses=masses)


def test_scaled_refuses():
    with pytest.raises(ValueError, match="factor = -1.0"):
        bulk("X", "fcc", 1.0).scaled(-1.0)


def test_skewed_cell_still_finds_coincident_atoms():
    cell = np.array([[1.0, 0.0], [7.3, 0.5]])
    shift = 3 * cell[0] - 2 * cell[1] + np.array([1e-5, 0.0])
    with pytest.raises(ValueError, match="atoms 0 and 1 coincide"):
        Crystal(cell, [[0.2, 0.1], [0.2 + shift[0], 0.1 + shift[1]]], ("X", "X"))
