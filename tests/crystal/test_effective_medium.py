"""Effective-medium theory against ASE's calculator, and the energy zero it is built on."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.potentials.effective_medium import BETA, JACOBSEN, EffectiveMedium

LATTICE = {"Al": 4.0, "Cu": 3.61, "Ni": 3.52, "Au": 4.07}


@pytest.mark.slow
@pytest.mark.parametrize("element", [e if e == "Cu" else pytest.param(e, marks=pytest.mark.slow) for e in LATTICE])
def test_energy_and_stress_agree_with_ase(element):
    pytest.importorskip("ase", reason="the reference is ASE's calculator")
    from ase.build import bulk
    from ase.calculators.emt import EMT

    rng = np.random.default_rng(3)
    deformations = np.array([np.eye(3), *(np.eye(3) + rng.uniform(-0.06, 0.06, (3, 3)) for _ in range(4))])
    crystal = ms.bulk(element, "fcc", LATTICE[element])
    material = ms.CauchyBorn(crystal, ms.EAM.effective_medium(element))
    found = eqx.filter_jit(jax.vmap(lambda F: material.respond(F)))(jnp.asarray(deformations))
    for F, energy, stress in zip(deformations, found.energy * crystal.volume, found.stress):
        atoms = bulk(element, "fcc", LATTICE[element])
        atoms.set_cell(np.asarray(crystal.cell) @ F.T, scale_atoms=True)
        atoms.calc = EMT()
        expected = np.linalg.det(F) * atoms.get_stress(voigt=False) @ np.linalg.inv(F).T
        assert float(energy) == pytest.approx(atoms.get_potential_energy(), abs=1e-8)
        np.testing.assert_allclose(stress, expected, atol=3e-8)  # ASE leaves out what stands within the taper


@pytest.mark.slow
def test_the_perfect_crystal_is_the_zero():
    """Three shells at s₀ have no energy; what the window lets through of the fourth is less than 1e-3 eV."""
    potential = EffectiveMedium.of("Cu")
    shells = BETA * float(potential.s0) * np.sqrt(np.repeat([1.0, 2.0, 3.0], [12, 6, 24]))
    moments = jnp.sum(potential.density(jnp.asarray(shells**2)), axis=1)
    energy = jnp.sum(potential.pair(jnp.asarray(shells**2))) + potential.embed(moments)
    assert float(energy) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.slow
def test_an_atom_without_neighbours_fails():
    material = ms.CauchyBorn(ms.bulk("Cu", "fcc", 3.61), ms.EAM.effective_medium("Cu"))
    response = material.respond(4.0 * jnp.eye(3))
    assert bool(response.status.failed)
    assert np.all(np.isnan(response.stress))


def test_refusals():
    with pytest.raises(ValueError, match="no effective-medium parameters for 'Fe'; known are Al, Cu"):
        ms.EAM.effective_medium("Fe")
    numbers = JACOBSEN["Cu"]
    with pytest.raises(ValueError, match="window: middle and steepness must be positive"):
        EffectiveMedium(*numbers, middle=5.0, steepness=0.0, inner=5.0, outer=6.0)
    with pytest.raises(ValueError, match="kappa: must be positive"):
        EffectiveMedium(*numbers[:4], -1.0, numbers[5], middle=5.0, steepness=20.0, inner=5.0, outer=6.0)
