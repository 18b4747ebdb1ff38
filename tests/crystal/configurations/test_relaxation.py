"""Relaxed configurations: against closed forms, the crystal's own equilibrium, and ASE's optimisers."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.configurations import Configuration, evaluate, neighbour_list, relax
from msjax.crystal.equilibrium import equilibrium
from msjax.crystal.lattice import bulk
from msjax.crystal.potentials import EAM, LennardJones
from msjax.solvers.lbfgs import LBFGS, lbfgs
from msjax.status import Code, SolveError


def shaken(configuration, size, seed=0):
    moves = np.random.default_rng(seed).normal(0, size, configuration.positions.shape)
    return configuration.at(configuration.positions + jnp.asarray(moves))


@pytest.mark.slow
def test_a_cluster_of_thirteen():
    """The Lennard-Jones icosahedron: −44.326801 ε (Hoare and Pal, doi:10.1080/00018737100101231)."""
    golden = (1 + 5**0.5) / 2
    corners = [[0, s, t * golden] for s in (1, -1) for t in (1, -1)]
    shell = np.array([np.roll(c, k) for c in corners for k in range(3)])
    atoms = 1.1 * np.concatenate([np.zeros((1, 3)), shell / np.linalg.norm(shell[0])])
    # no cut-off to speak of
    potential = LennardJones(inner=90.0, outer=100.0)
    cluster = shaken(Configuration(np.zeros((3, 3)), atoms, "X", periodic=False), 0.05)
    found = relax(cluster, potential, tolerance=1e-8)
    assert float(found.energy) == pytest.approx(-44.326801, abs=1e-6)
    assert float(found.status.residual) <= 1e-8
    assert np.all(np.isnan(found.stress))


@pytest.mark.slow
def test_atoms_and_cell_of_a_shaken_crystal():
    """Back to the equilibrium that Newton's method finds for the primitive cell; no stress, no forces."""
    potential = LennardJones(0.4, 2.3, inner=3.0, outer=4.3)
    ideal = equilibrium(CauchyBorn(bulk("X", "fcc", 3.6), potential))
    F = jnp.asarray(np.eye(3) + np.random.default_rng(1).uniform(-0.03, 0.03, (3, 3)))
    start = shaken(Configuration.of(bulk("X", "fcc", 3.6), 2).deformed(F), 0.1)
    found = relax(start, potential, cell="free", tolerance=1e-7)
    n = start.atoms
    assert float(found.energy) / n == pytest.approx(float(ideal.energy_per_atom), abs=1e-10)
    assert float(found.configuration.volume) / n == pytest.approx(float(ideal.volume_per_atom), rel=1e-6)
    np.testing.assert_allclose(found.stress, 0.0, atol=1e-7)
    # rotation is not relaxed: the stretch is symmetric
    stretch = np.linalg.solve(start.cell, found.configuration.cell)
    np.testing.assert_allclose(stretch, stretch.T, atol=1e-12)


@pytest.mark.slow
def test_lists_are_made_as_often_as_needed():
    """A long way with a narrow skin; with the list of the start it is an overflow, NaN, and told."""
    potential = EAM.gupta("Cu")
    far = shaken(Configuration.of(bulk("Cu", "fcc", 3.9), 3), 0.25, seed=2)
    found = relax(far, potential, cell="free")
    assert float(found.status.residual) <= 1e-6
    narrow = neighbour_list(far, potential, skin=0.05)
    with pytest.raises(SolveError, match="OVERFLOW") as error:
        relax(far, potential, cell="free", neighbours=narrow)
    assert error.value.code == Code.OVERFLOW
    lost = relax(far, potential, cell="free", neighbours=narrow, throw=False)
    assert np.all(np.isnan(lost.configuration.positions))
    assert np.isnan(lost.energy)


@pytest.mark.slow
def test_only_periods_are_stretched():
    """A slab keeps its vacuum, and its in-plane stress vanishes."""
    potential = LennardJones(inner=2.0, outer=2.5)
    crystal = Configuration.of(bulk("X", "sc", 1.0), 1)
    square = np.stack(np.meshgrid(range(2), range(2), indexing="ij"), -1).reshape(-1, 2)
    layers = np.array([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.0, 0.0, 0.0]]) * 1.55
    atoms = np.concatenate([layers + [1.55 * i, 1.55 * j, 1.55 * k] for i, j in square for k in range(2)])
    slab = Configuration(np.diag([3.1, 3.1, 20.0]), atoms, "X", (True, True, False))
    found = relax(slab, potential, cell="free", tolerance=1e-7)
    np.testing.assert_allclose(found.configuration.cell[2], [0, 0, 20.0], atol=1e-12)
    assert abs(float(found.configuration.cell[0, 0]) - 3.1) > 1e-4
    np.testing.assert_allclose(found.stress[:2, :2], 0.0, atol=1e-7)
    with pytest.raises(ValueError, match="nothing is periodic"):
        relax(Configuration(crystal.cell, crystal.positions, "X", False), potential, cell="free")


@pytest.mark.slow
def test_implicit_derivatives():
    """Positions, cell and energy by the potential's parameters, forward and reverse, against relaxing anew.

    Of atoms in a fixed cell: test_held_atoms.py.
    """
    potential = EAM.gupta("Cu")
    perfect = Configuration.of(bulk("Cu", "fcc", 3.615), (3, 2, 2))
    defect = Configuration(perfect.cell, perfect.positions[1:], "Cu")
    relaxed = relax(defect, potential, cell="free", tolerance=1e-10)
    weights = jnp.asarray(np.random.default_rng(0).normal(size=(11, 3)))
    weights = weights - jnp.mean(weights, axis=0, keepdims=True)

    def of(value):
        p = eqx.tree_at(lambda p: p.xi, potential, value)
        found = relax(relaxed.configuration, p, cell="free", neighbours=relaxed.neighbours, tolerance=1e-10)
        moved = jnp.sum(weights * found.configuration.positions) + jnp.sum(found.configuration.cell)
        return (jnp.stack([found.energy, moved]),) * 2

    h, here = 1e-4, potential.xi
    program = jax.jit(jax.jacrev(of, has_aux=True))  # derivatives and values
    reverse, _ = program(here)
    expected = (program(here + h)[1] - program(here - h)[1]) / (2 * h)
    assert abs(float(expected[1])) > 0.01
    np.testing.assert_allclose(reverse, expected, rtol=1e-5)
    forward, _ = jax.jit(jax.jacfwd(of, has_aux=True))(here)
    np.testing.assert_allclose(forward, reverse, rtol=1e-8)


@pytest.mark.slow
def test_one_lost_member_harms_no_other():
    potential = EAM.gupta("Cu")
    crystal = Configuration.of(bulk("Cu", "fcc", 3.615), 2)
    neighbours = neighbour_list(crystal, potential)
    x = shaken(crystal, 0.03).positions
    members = jnp.stack([x, x.at[0, 0].set(jnp.nan), x.at[3, 1].add(1.0)])

    @jax.vmap
    def each(x):
        found = relax(crystal.at(x), potential, neighbours=neighbours, throw=False)
        return found.energy, found.status.code

    energies, codes = jax.jit(each)(members)
    assert codes.tolist() == [0, Code.NONFINITE, Code.OVERFLOW]
    ideal = evaluate(crystal, potential, neighbours).energy
    assert float(energies[0]) == pytest.approx(float(ideal), abs=1e-10)
    assert np.isnan(energies[1:]).all()


@pytest.mark.slow
def test_too_few_steps_are_told():
    copper = shaken(Configuration.of(bulk("Cu", "fcc", 3.615), 2), 0.1)
    with pytest.raises(SolveError, match="MAX_STEPS after 3 iterations"):
        relax(copper, EAM.gupta("Cu"), max_steps=3)
    with pytest.raises(ValueError, match="tolerance = 0.0"):
        relax(copper, EAM.gupta("Cu"), tolerance=0.0)


@pytest.mark.slow
def test_lbfgs_in_a_narrow_valley():
    """Rosenbrock's function in ten variables; a start that cannot be used says why."""

    def rosenbrock(x):
        return jnp.sum(100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2)

    def function(x):
        code = jnp.where(x[0] > 5.0, Code.OUTSIDE_TABLE.value, Code.CONVERGED.value).astype(jnp.int32)
        return *jax.value_and_grad(rosenbrock)(x), code

    settings = LBFGS(tolerance=1e-9, largest_step=0.5, scale=1e-3)
    x, status = jax.jit(lambda x: lbfgs(function, x, settings))(jnp.zeros(10))
    assert bool(status.ok)
    np.testing.assert_allclose(x, 1.0, atol=1e-8)
    assert int(status.iterations) < 200
    for start, code in ((jnp.full(10, 6.0), Code.OUTSIDE_TABLE), (jnp.full(10, jnp.nan), Code.NONFINITE)):
        _, status = jax.jit(lambda x: lbfgs(function, x, settings))(start)
        assert int(status.code) == code
