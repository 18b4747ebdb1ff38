"""A site energy of one's own that tells species apart is the library's potential of the same formula."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.configurations import evaluate, neighbour_list
from msjax.crystal.phonons import dynamical_matrix

ROCKSALT = ms.bulk(("Ar", "Kr"), "rocksalt", 5.0)
DEFORMATION = jnp.eye(3) + jnp.asarray(np.random.default_rng(3).uniform(-0.02, 0.02, (3, 3)))
OUTER = 4.8
TABLES = {"epsilon": jnp.array([[0.02, 0.05], [0.05, 0.03]]), "sigma": jnp.array([[3.0, 2.4], [2.4, 3.2]])}


def lennard_jones(vectors, tables, site, partners):
    """½ Σ φ, shifted, written as a user would."""
    epsilon, sigma = tables["epsilon"][site, partners], tables["sigma"][site, partners]

    def phi(r2):
        x6 = (sigma**2 / r2) ** 3
        return 4.0 * epsilon * (x6 * x6 - x6)

    r2 = jnp.sum(vectors * vectors, axis=1)
    return 0.5 * jnp.sum(jnp.where(r2 < OUTER**2, phi(r2) - phi(jnp.asarray(OUTER**2)), 0.0))


def compound(names):
    pairs = {}
    for i in range(2):
        for j in range(i, 2):
            numbers = float(TABLES["epsilon"][i, j]), float(TABLES["sigma"][i, j])
            pairs[names[i], names[j]] = ms.LennardJones(*numbers, outer=OUTER, ending="shifted")
    return ms.PairCompound(pairs)


# the elements are numbered against the alphabet
OWN = ms.SiteEnergy(lennard_jones, OUTER, TABLES, elements=("Kr", "Ar"))


@pytest.mark.slow
def test_in_a_crystal():
    built_in = ms.CauchyBorn(ROCKSALT, compound(("Kr", "Ar")), inner="clamped")
    own = ms.CauchyBorn(ROCKSALT, OWN, inner="clamped")
    expected, found = built_in.respond(DEFORMATION), own.respond(DEFORMATION)
    np.testing.assert_allclose(found.energy, expected.energy, rtol=1e-12)
    np.testing.assert_allclose(found.stress, expected.stress, atol=1e-12)
    np.testing.assert_allclose(found.tangent, expected.tangent, atol=1e-12)
    q = jnp.array([[0.5, 0.1, 0.2]])
    np.testing.assert_allclose(dynamical_matrix(own, q), dynamical_matrix(built_in, q), atol=1e-12)


@pytest.mark.slow
def test_of_any_atoms():
    ideal = ms.Configuration.of(ROCKSALT, 2)
    moves = np.random.default_rng(0).normal(0.0, 0.1, ideal.positions.shape)
    shaken = ideal.at(ideal.positions + jnp.asarray(moves))
    expected, found = (evaluate(shaken, p, neighbour_list(shaken, p)) for p in (compound(("Kr", "Ar")), OWN))
    np.testing.assert_allclose(found.site_energies, expected.site_energies, atol=1e-12)
    np.testing.assert_allclose(found.forces, expected.forces, atol=1e-12)
    np.testing.assert_allclose(found.stress, expected.stress, atol=1e-12)


@pytest.mark.slow
def test_gradients_in_tables():
    """The table's entry of a pair, from both its ends, is the pair's own parameter."""

    @eqx.filter_jit
    @eqx.filter_grad
    def slopes(potential):
        return ms.CauchyBorn(ROCKSALT, potential, inner="clamped").respond(DEFORMATION).energy

    tables = slopes(OWN).parameters
    pairs = slopes(compound(("Kr", "Ar"))).pairs
    for name in ("epsilon", "sigma"):
        found = [tables[name][0, 0], tables[name][0, 1] + tables[name][1, 0], tables[name][1, 1]]
        expected = [getattr(pairs[pair], name) for pair in (("Kr", "Kr"), ("Kr", "Ar"), ("Ar", "Ar"))]
        np.testing.assert_allclose(found, expected, rtol=1e-10)


@pytest.mark.slow
def test_an_alloy_of_embedded_atoms():
    """F of the site's metal at the partners' densities."""

    def embedded(vectors, alloy, site, partners):
        r2 = jnp.sum(vectors * vectors, axis=1)
        bonds = alloy.among(site, partners)
        return jnp.sum(bonds.pair(r2)) + alloy.among(site, site).embed(jnp.sum(bonds.density(r2), axis=1))

    alloy = ms.EAM.zhou("Ni", "Al")
    own = ms.SiteEnergy(embedded, alloy.cutoff, alloy, elements=alloy.elements)
    crystal = ms.Crystal(2.88 * jnp.eye(3), [[0.0, 0.0, 0.0], [1.44, 1.44, 1.44]], ("Al", "Ni"))
    atoms = ms.Configuration.of(crystal.deformed(DEFORMATION), 1)
    expected, found = (evaluate(atoms, p, neighbour_list(atoms, p)) for p in (alloy, own))
    np.testing.assert_allclose(found.site_energies, expected.site_energies, rtol=1e-12)
    np.testing.assert_allclose(found.forces, expected.forces, atol=1e-11)


@pytest.mark.slow
def test_it_is_graded_with_its_elements_in_turn():
    report = ms.verify(OWN, ms.Crystal(5.4 * jnp.eye(1), [[0.0], [2.7]], ("Ar", "Kr")))
    assert report["vc-dimer-continuity"].grade == "D"  # the energy is shifted, no more
    kept = ("vc-forces-numerical-derivative", "vc-objectivity", "vc-permutation-symmetry", "vc-inversion-symmetry")
    assert {name: report[name].grade for name in kept} == dict.fromkeys(kept, "A")


def test_refusals():
    with pytest.raises(ValueError, match="elements: expected symbols, each once"):
        ms.SiteEnergy(lennard_jones, OUTER, TABLES, elements=("Ar", "Ar"))
    with pytest.raises(ValueError, match="elements: expected symbols, each once, got 'Ar'"):
        ms.SiteEnergy(lennard_jones, OUTER, TABLES, elements="Ar")
    with pytest.raises(ValueError, match="made for Kr, Ar, but the crystal holds Xe"):
        ms.CauchyBorn(ms.bulk(("Ar", "Xe"), "rocksalt", 5.0), OWN)
    with pytest.raises(ValueError, match="SiteEnergy is asked between which kinds"):
        OWN.site_energy(jnp.ones((2, 3)))
