"""Pair potentials for each pair of elements: in crystals, in configurations, and in what they must reduce to."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.configurations import evaluate, neighbour_list
from msjax.crystal.phonons import dynamical_matrix
from msjax.status import Code

ROCKSALT = ms.bulk(("Ar", "Kr"), "rocksalt", 5.0)
DEFORMATION = jnp.eye(3) + jnp.asarray(np.random.default_rng(3).uniform(-0.02, 0.02, (3, 3)))


NUMBERS = {"A": jnp.array(40.0), "rho": jnp.array(0.4)}


def three():
    """A form for each pair."""
    return ms.PairCompound(
        {
            ("Ar", "Ar"): ms.LennardJones(0.02, 3.1, inner=3.6, outer=4.8),
            ("Kr", "Ar"): ms.Morse(0.1, 1.5, 2.5, inner=3.0, outer=4.5),
            ("Kr", "Kr"): ms.PairFunction(lambda r, p: p["A"] * jnp.exp(-r / p["rho"]), NUMBERS, inner=3.6, outer=4.7),
        }
    )


def at_rest(potential, configuration):
    found = evaluate(configuration, potential, neighbour_list(configuration, potential))
    assert bool(found.status.ok)
    return found


@pytest.mark.slow
def test_a_crystal_is_its_atoms_and_its_shift_is_relaxed():
    potential = three()
    assert (potential.elements, potential.cutoff, potential.degrees) == (("Ar", "Kr"), 4.8, ())
    response = ms.CauchyBorn(ROCKSALT, potential).respond(DEFORMATION)
    found = at_rest(potential, ms.Configuration.of(ROCKSALT.deformed(DEFORMATION, response.state)))
    np.testing.assert_allclose(response.energy * ROCKSALT.volume, found.energy, rtol=1e-12)
    np.testing.assert_allclose(found.forces, 0.0, atol=1e-9)
    cauchy = response.stress @ DEFORMATION.T / jnp.linalg.det(DEFORMATION)
    np.testing.assert_allclose(cauchy, found.stress, atol=1e-12)


@pytest.mark.slow
def test_alike_in_all_pairs_is_one_potential():
    one = ms.LennardJones(0.02, 2.9, inner=4.0, outer=5.5)
    alike = ms.PairCompound(dict.fromkeys([("Ar", "Ar"), ("Ar", "Kr"), ("Kr", "Kr")], one))
    mixed, pure = ms.bulk(("Ar", "Kr"), "rocksalt", 5.6), ms.bulk("X", "sc", 2.8)
    found = ms.CauchyBorn(mixed, alike, inner="clamped").respond(DEFORMATION)
    expected = ms.CauchyBorn(pure, one).respond(DEFORMATION)
    np.testing.assert_allclose(found.energy, expected.energy, rtol=1e-13)
    np.testing.assert_allclose(found.tangent, expected.tangent, atol=1e-13)


@pytest.mark.slow
def test_phonons_are_the_hessian_of_the_atoms():
    potential, material = three(), ms.CauchyBorn(ROCKSALT, three())
    configuration = ms.Configuration.of(ROCKSALT, (2, 1, 1))
    neighbours = neighbour_list(configuration, potential)

    def forces(x):
        return evaluate(configuration.at(x), potential, neighbours).forces

    hessian = -jax.jit(jax.jacfwd(forces))(configuration.positions)
    roots = np.sqrt(np.repeat(np.asarray(ROCKSALT.masses), 3))
    found = np.asarray(dynamical_matrix(material, jnp.array([[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]])))
    for matrix, sign in zip(found, (1.0, -1.0), strict=True):
        blocks = np.asarray(hessian[:2, :, :2] + sign * hessian[:2, :, 2:]).reshape(6, 6)
        expected = blocks / np.outer(roots, roots)
        np.testing.assert_allclose(np.linalg.eigvalsh(matrix), np.linalg.eigvalsh(expected), atol=1e-11)


@pytest.mark.slow
def test_gradients_to_each_pairs_parameters():
    """The energy of clamped atoms is linear in every depth: the slope is what the pair's doubling adds."""
    material = ms.CauchyBorn(ROCKSALT, three(), inner="clamped")
    leaves = lambda m: [  # noqa: E731
        m.potential.pairs["Ar", "Ar"].epsilon,
        m.potential.pairs["Kr", "Ar"].depth,
        m.potential.pairs["Kr", "Kr"].parameters["A"],
    ]

    @jax.jit
    def energy(values):
        return eqx.tree_at(leaves, material, values).respond(DEFORMATION).energy

    values = leaves(material)
    slopes, here = jax.jit(jax.grad(energy))(values), energy(values)
    for k, value in enumerate(values):
        twice = [2.0 * v if i == k else v for i, v in enumerate(values)]
        assert float(value * slopes[k]) == pytest.approx(float(energy(twice) - here), rel=1e-11)
    assert float(sum(v * s for v, s in zip(values, slopes, strict=True))) == pytest.approx(float(here), rel=1e-11)


@pytest.mark.slow
def test_inside_the_maximum_of_its_own_pair_only():
    """Buckingham holds between unlike atoms; as near as that, like ones are sound and unlike ones are told."""
    plain = ms.LennardJones(0.01, 1.0, outer=6.0)
    buckingham = ms.Buckingham(4000.0, 0.3, 60.0, outer=6.0)
    potential = ms.PairCompound({("Kr", "Kr"): plain, ("Ar", "Kr"): buckingham, ("Ar", "Ar"): plain})
    codes = []
    for species, apart in ((("Kr", "Kr"), 0.8), (("Kr", "Ar"), 0.8), (("Kr", "Ar"), 3.0)):
        dimer = ms.Configuration(np.eye(3), [[0.0, 0.0, 0.0], [apart, 0.0, 0.0]], species, periodic=False)
        found = evaluate(dimer, potential, neighbour_list(dimer, potential))
        codes.append(int(found.status.code))
        assert np.isnan(found.energy) == (codes[-1] != 0)
    assert codes == [Code.CONVERGED, Code.OUTSIDE_TABLE, Code.CONVERGED]


@pytest.mark.slow
def test_it_is_graded_with_its_elements_in_turn():
    report = ms.verify(three(), ms.Crystal(5.4 * jnp.eye(1), [[0.0], [2.7]], ("Ar", "Kr")))
    grades = {check.name: check.grade for check in report.checks if check.grade not in "A-"}
    assert grades == {"vc-dimer-continuity": "B", "neighbour-continuity": "B"}  # two derivatives, as the members


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([("Na", "Na"), ("Cl", "Cl")], r"no potential for \(Na, Cl\)"),
        ([("Na", "Cl"), ("Cl", "Cl")], r"no potential for \(Na, Na\)"),
        ([("Na", "Na"), ("Na", "Cl"), ("Cl", "Na"), ("Cl", "Cl")], r"\('Na', 'Cl'\) and \('Cl', 'Na'\) are one pair"),
        (["NaCl"], "expected pairs of elements such as"),
        ([], "pairs: none given"),
    ],
)
def test_refusals(pairs, message):
    with pytest.raises(ValueError, match=message):
        ms.PairCompound(dict.fromkeys(pairs, ms.LennardJones()))


def test_refusals_of_other_potentials_and_elements():
    for other in (ms.EAM.gupta("Cu"), ms.Springs([1.0], [1.0])):
        with pytest.raises(ValueError, match="expected a pair potential that is ended at a cut-off"):
            ms.PairCompound({("Cu", "Cu"): other})
    with pytest.raises(ValueError, match="made for Ar, Kr, but the crystal holds Xe"):
        ms.CauchyBorn(ms.bulk(("Ar", "Xe"), "rocksalt", 5.0), three())
    with pytest.raises(ValueError, match="asked between which kinds"):
        three().pair(jnp.array(9.0))
