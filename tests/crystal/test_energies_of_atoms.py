"""Functions of all atoms' energies, written as jax-md's are, as site energies; jax-md itself is not needed."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.configurations import evaluate, neighbour_list

DEFORMATION = jnp.eye(3) + jnp.asarray(np.random.default_rng(3).uniform(-0.02, 0.02, (3, 3)))
OUTER = 4.8


def distances(R):
    """(n, n), with a safe root on the diagonal."""
    d2 = jnp.sum((R[:, None] - R[None, :]) ** 2, axis=-1)
    own = jnp.eye(len(R), dtype=bool)
    return jnp.sqrt(jnp.where(own, 1.0, d2)), ~own


def lennard_jones_per_particle(R, sigma, epsilon, species=None):
    """energy(R, **parameters) of each atom: half of its pairs, as ``per_particle=True`` gives it."""
    if species is not None:
        sigma, epsilon = sigma[species[:, None], species[None, :]], epsilon[species[:, None], species[None, :]]
    dr, others = distances(R)

    def phi(dr):
        x6 = (sigma / dr) ** 6
        return 4.0 * epsilon * (x6 * x6 - x6)

    inside = others & (dr < OUTER)
    return 0.5 * jnp.sum(jnp.where(inside, phi(dr) - phi(OUTER), 0.0), axis=1)


TABLES = {"epsilon": jnp.array([[0.02, 0.05], [0.05, 0.03]]), "sigma": jnp.array([[3.0, 2.4], [2.4, 3.2]])}
NAMES = ("Kr", "Ar")


def compound():
    numbers = [[(float(TABLES["epsilon"][i, j]), float(TABLES["sigma"][i, j])) for j in range(2)] for i in range(2)]
    pairs = [(NAMES[i], NAMES[j], numbers[i][j]) for i in range(2) for j in range(i, 2)]
    return ms.PairCompound({(a, b): ms.LennardJones(*n, outer=OUTER, ending="shifted") for a, b, n in pairs})


OWN = ms.SiteEnergy.of_atoms(
    lambda R, p, kinds: lennard_jones_per_particle(R, species=kinds, **p), OUTER, TABLES, elements=NAMES
)


@pytest.mark.slow
def test_of_any_atoms_of_two_elements():
    """Padded lists too: of a cluster whose atoms have different numbers of neighbours."""
    ideal = ms.Configuration.of(ms.bulk(("Ar", "Kr"), "rocksalt", 5.0), 2)
    moves = np.random.default_rng(0).normal(0.0, 0.1, ideal.positions.shape)
    cluster = ms.Configuration(ideal.cell, ideal.positions + jnp.asarray(moves), ideal.species, False)
    expected, found = (evaluate(cluster, p, neighbour_list(cluster, p)) for p in (compound(), OWN))
    np.testing.assert_allclose(found.site_energies, expected.site_energies, atol=1e-12)
    np.testing.assert_allclose(found.forces, expected.forces, atol=1e-12)


@pytest.mark.slow
def test_in_a_crystal_with_its_parameters():
    crystal, potential = ms.bulk("X", "fcc", 4.5), ms.LennardJones(0.02, 2.9, outer=OUTER, ending="shifted")
    numbers = {"sigma": potential.sigma, "epsilon": potential.epsilon}
    own = ms.SiteEnergy.of_atoms(lambda R, p: lennard_jones_per_particle(R, **p), OUTER, numbers)
    assert not own.distinguishes

    @eqx.filter_jit
    def respond(potential):
        def energy(potential):
            response = ms.CauchyBorn(crystal, potential).respond(DEFORMATION)
            return response.energy, response.stress

        return eqx.filter_value_and_grad(energy, has_aux=True)(potential)

    (expected, expected_stress), slopes = respond(potential)
    (found, stress), own_slopes = respond(own)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(stress, expected_stress, atol=1e-13)
    for name, slope in own_slopes.parameters.items():
        np.testing.assert_allclose(slope, getattr(slopes, name), rtol=1e-10)


@pytest.mark.slow
def test_padding_would_be_on_top_of_each_other():
    """A function that does not bear coinciding atoms is finite nevertheless, and so is its slope."""
    numbers = {"sigma": jnp.array(2.9), "epsilon": jnp.array(0.02)}
    own = ms.SiteEnergy.of_atoms(lambda R, p: lennard_jones_per_particle(R, **p), OUTER, numbers)
    vectors = jnp.array([[3.0, 0.0, 0.0], [50.0, 0.0, 0.0], [50.0, 0.0, 0.0]])
    value, slope = jax.jit(jax.value_and_grad(own.site_energy))(vectors)
    alone = own.site_energy(vectors[:1])
    np.testing.assert_allclose(value, alone, rtol=1e-14)
    assert bool(jnp.all(jnp.isfinite(slope)))
    assert np.array_equal(slope[1:], np.zeros((2, 3)))
