"""Relaxation with atoms held where they are: closed forms of chains, ASE's FixAtoms, the rim about a dislocation."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.configurations import Configuration, evaluate, neighbour_list, relax
from msjax.crystal.configurations.dislocations import dislocation
from msjax.crystal.equilibrium import equilibrium
from msjax.crystal.lattice import bulk
from msjax.crystal.potentials import EAM, LennardJones


def chain(places):
    """Atoms on a line in the plane."""
    return Configuration(np.eye(2), [[x, 0.0] for x in places], "X", periodic=False)


@pytest.mark.slow
def test_between_two_held_atoms():
    """Stretched bonds of nearest neighbours: the middle follows each end half the way, the ends' forces are φ′."""
    potential = LennardJones(inner=1.4, outer=1.8)
    start = chain([0.0, 1.10, 2.3])
    neighbours = neighbour_list(start, potential)

    def middle(positions):
        found = relax(start.at(positions), potential, held=[0, 2], neighbours=neighbours, tolerance=1e-11)
        return jnp.append(found.configuration.positions[1], found.energy), found

    slopes, found = jax.jit(jax.jacrev(middle, has_aux=True))(start.positions)
    np.testing.assert_allclose(found.configuration.positions, [[0.0, 0.0], [1.15, 0.0], [2.3, 0.0]], atol=1e-10)
    assert np.array_equal(found.configuration.positions[::2], start.positions[::2])
    assert float(found.status.residual) <= 1e-11
    half = 0.5 * np.eye(2)
    np.testing.assert_allclose(slopes[:2].transpose(1, 0, 2), [half, np.zeros((2, 2)), half], atol=1e-9)
    of_bond = float(jax.grad(lambda r: 2.0 * potential.pair(r * r))(1.15))
    assert of_bond > 1.0  # it takes a force to hold them
    np.testing.assert_allclose(slopes[2], [[-of_bond, 0.0], [0.0, 0.0], [of_bond, 0.0]], atol=1e-9)


@pytest.mark.slow
def test_derivatives_in_the_potential():
    """Two atoms between two that are held, second neighbours pulling them out of thirds; against relaxing anew."""
    potential = LennardJones(inner=2.0, outer=2.6)
    start = chain([0.0, 1.1, 2.2, 3.4])
    neighbours = neighbour_list(start, potential, skin=0.3)

    def place(sigma):
        changed = eqx.tree_at(lambda p: p.sigma, potential, sigma)
        found = relax(start, changed, held=np.array([True, False, False, True]), neighbours=neighbours, tolerance=1e-11)
        return (jnp.append(found.configuration.positions[:, 0], found.energy),) * 2

    program, h, sigma = jax.jit(jax.jacfwd(place, has_aux=True)), 1e-4, potential.sigma
    forward, _ = program(sigma)
    expected = (program(sigma + h)[1] - program(sigma - h)[1]) / (2.0 * h)
    np.testing.assert_allclose(forward, expected, rtol=1e-5, atol=1e-9)
    assert abs(float(expected[1])) > 1e-3
    assert np.array_equal(forward[jnp.array([0, 3])], [0.0, 0.0])


@pytest.mark.slow
def test_fixed_atoms_of_ase():
    pytest.importorskip("ase", reason="needs ase (extra msjax[atoms])")
    from ase.constraints import FixAtoms
    from ase.optimize import BFGS

    potential, held = EAM.gupta("Cu"), [0, 3, 7, 8, 20]
    perfect = Configuration.of(bulk("Cu", "fcc", 3.615), 3)
    vacancy = Configuration(perfect.cell, perfect.positions[1:], "Cu")
    start = vacancy.at(vacancy.positions + jnp.asarray(np.random.default_rng(0).normal(0.0, 0.05, (26, 3))))
    found = relax(start, potential, held=held, tolerance=1e-8)
    atoms = ms.ase.to_ase(start)
    atoms.calc = ms.ase.Calculator(potential)
    atoms.set_constraint(FixAtoms(held))
    assert BFGS(atoms, logfile=None).run(fmax=1e-7, steps=500)
    np.testing.assert_allclose(found.configuration.positions, atoms.positions, atol=1e-6)
    assert float(found.energy) == pytest.approx(atoms.get_potential_energy(), abs=1e-11)
    assert np.array_equal(found.configuration.positions[jnp.array(held)], start.positions[jnp.array(held)])
    forces = evaluate(found.configuration, potential, neighbour_list(found.configuration, potential)).forces
    assert float(jnp.max(jnp.abs(forces[jnp.array(held)]))) > 0.01
    assert float(jnp.max(jnp.abs(jnp.delete(forces, jnp.array(held), axis=0)))) <= 1e-8


@pytest.mark.slow
def test_a_screw_dislocation_in_a_held_cylinder():
    """Its core relaxes and the energy falls; far from it the atoms keep Stroh's field. Shaken, it comes back."""
    potential = EAM.zhou("W")
    a = float(equilibrium(CauchyBorn(bulk("W", "bcc", a=3.165), potential)).lattice_constant)
    material, b = CauchyBorn(bulk("W", "bcc", a=a), potential), a * np.array([0.5, 0.5, 0.5])
    screw = dislocation(material, b, line=b, normal=[-1.0, 1.0, 0.0], radius=22.0)
    distance = np.hypot(*np.asarray(screw.positions)[:, :2].T)
    held = distance > 15.0
    start = float(evaluate(screw, potential, neighbour_list(screw, potential)).energy)
    found = relax(screw, potential, held=held, tolerance=1e-5)
    moved = np.linalg.norm(np.asarray(found.configuration.positions - screw.positions), axis=1)
    assert float(found.energy) < start - 0.1
    assert np.all(moved[held] == 0.0)
    core, far = moved[distance < 4.0].max(), moved[distance > 12.0].max()
    assert core > 0.05  # measured 0.14, and 0.012 far from it
    assert far < 0.2 * core
    shake = np.where(distance < 6.0, 1.0, 0.0)[:, None] * np.random.default_rng(1).normal(0.0, 0.05, (len(held), 3))
    again = relax(screw.at(screw.positions + jnp.asarray(shake)), potential, held=held, tolerance=1e-5)
    assert float(again.energy) == pytest.approx(float(found.energy), abs=1e-3)


def test_refusals():
    atoms, potential = chain([0.0, 1.1, 2.3]), LennardJones(inner=1.4, outer=1.8)
    for held, message in (
        ([0, 3], "held: no atom 3; indices lie between 0 and 2"),
        ([-1], "held: no atom -1"),
        ([True, False], r"held: expected a mask of shape \(3,\)"),
        ([0.0, 1.0], "held: expected a mask or indices of atoms, got float64"),
    ):
        with pytest.raises(ValueError, match=message):
            relax(atoms, potential, held=np.array(held))
    crystal = Configuration.of(bulk("X", "fcc", 1.5), 2)
    with pytest.raises(ValueError, match="held in a fixed cell only"):
        relax(crystal, potential, cell="free", held=[0])
    with pytest.raises(ValueError, match="held: is traced"):
        jax.jit(lambda held: relax(atoms, potential, held=held).energy)(jnp.array([0]))
