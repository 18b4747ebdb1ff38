"""Stress-free states: values against LAMMPS, free cells, failures that stay with their member."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.equilibrium import equilibrium, isotropic_shells
from msjax.status import Code, SolveError

CASES = {
    "LJ_cut2.5_shift": ("X", lambda _: ms.LennardJones(outer=2.5, ending="shifted")),
    "LJ_gromacs_2.5_3.5": ("X", lambda _: ms.LennardJones()),
    "Morse_Cu_smoothlinear_9.0": ("Cu", lambda _: ms.Morse(0.3429, 1.3588, 2.866, outer=9.0, ending="force-shifted")),
    "EAM_Cu_mishin1": ("Cu", lambda file: ms.EAM.setfl(file("Cu_mishin1.eam.alloy"))),
    "EAM_Al_zhou": ("Al", lambda file: ms.EAM.setfl(file("Al_zhou.eam.alloy"))),
    "SW_Si": ("Si", lambda _: ms.StillingerWeber()),
}


def hexagonal(a, ratio, u=0.25):
    """hcp: two atoms, the inner one at height ±u of the ideal position."""
    cell = np.array([[1.0, 0.0, 0.0], [-0.5, 0.75**0.5, 0.0], [0.0, 0.0, ratio]])
    basis = np.array([[1 / 3, 2 / 3, u], [2 / 3, 1 / 3, 0.75]]) @ cell
    return ms.Crystal(a * cell, a * basis, ("X", "X"))


@pytest.mark.slow
@pytest.mark.parametrize("key", CASES)
def test_lattice_constant_and_energy_agree_with_lammps(key, reference, potential_file):
    entry = reference("lattice_response")[key]
    element, make = CASES[key]
    start = ms.CauchyBorn(ms.bulk(element, entry["lattice"], 1.02 * entry["a0"]), make(potential_file))
    found = equilibrium(start)
    assert found.status.code == Code.CONVERGED
    assert float(found.lattice_constant) == pytest.approx(entry["a0"], rel=1e-8)
    assert float(found.energy_per_atom) == pytest.approx(entry["Ecoh_per_atom"], rel=1e-9)
    assert float(found.cohesive_energy) == -float(found.energy_per_atom) > 0
    assert float(found.volume_per_atom) == pytest.approx(entry["V0_per_atom"], rel=3e-8)
    np.testing.assert_allclose(found.stretch, np.eye(3) * entry["a0"] / (1.02 * entry["a0"]), rtol=1e-8)
    # W counts per equilibrium volume, and there is no stress there
    response = found.material.respond(jnp.eye(3))
    assert float(response.energy) == pytest.approx(entry["Ecoh_per_atom"] / entry["V0_per_atom"], rel=3e-8)
    assert np.max(np.abs(response.stress)) < 1e-12 * np.max(np.abs(response.tangent))


@pytest.mark.slow
def test_a_hexagonal_crystal_relaxes_cell_and_shifts():
    """From a wrong c/a, a shear and a misplaced atom to the stress-free hexagonal cell."""
    crystal = hexagonal(1.08, 1.70, u=0.23)
    sheared = eqx.tree_at(
        lambda c: (c.cell, c.basis),
        crystal,
        tuple(x @ (jnp.eye(3).at[0, 1].set(0.02)) for x in (crystal.cell, crystal.basis)),
    )
    material = CauchyBorn(sheared, ms.LennardJones())
    assert not isotropic_shells(material.neighbours)
    found = equilibrium(material)
    assert found.status.code == Code.CONVERGED
    np.testing.assert_allclose(found.stretch, found.stretch.T)
    response = found.material.respond(jnp.eye(3))
    assert np.max(np.abs(response.stress)) < 1e-11 * np.max(np.abs(response.tangent))
    assert np.max(np.abs(response.state)) < 1e-10  # the basis took the shifts over
    a, b, c = np.linalg.norm(found.material.crystal.cell, axis=1)
    assert a == pytest.approx(b, rel=1e-9)
    assert c / a == pytest.approx((8 / 3) ** 0.5, rel=2e-3)
    fcc = equilibrium(CauchyBorn(ms.bulk("X", "fcc", 1.55), ms.LennardJones()))
    assert float(found.energy_per_atom) == pytest.approx(float(fcc.energy_per_atom), rel=1e-3)
    with pytest.raises(ValueError, match="no single lattice constant"):
        _ = found.lattice_constant


@pytest.mark.slow
def test_full_stretch_finds_the_cubic_state_too():
    material = CauchyBorn(ms.bulk("X", "fcc", 1.6), ms.LennardJones())
    full, isotropic = equilibrium(material, stretch="full"), equilibrium(material)
    np.testing.assert_allclose(full.stretch, isotropic.stretch, atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize(("structure", "expected"), [("chain", 1.0), ("square", 1.0), ("triangular", 1.0)])
def test_lattice_constant_in_one_and_two_dimensions(structure, expected):
    """With nearest neighbours only, the spacing is the bond's own rest length."""
    potential = ms.Morse(1.0, 6.0, 1.0, inner=1.2, outer=1.35)
    found = equilibrium(CauchyBorn(ms.bulk("X", structure, 1.02), potential), stretch="isotropic")
    # the switch shifts the energy by a constant inside its inner radius: the minimum stays
    assert float(found.lattice_constant) == pytest.approx(expected, rel=1e-10)


def test_which_crystals_stretch_isotropically():
    for structure, a in [("chain", 1.0), ("square", 1.0), ("triangular", 1.0), ("fcc", 1.55), ("bcc", 1.2)]:
        assert isotropic_shells(CauchyBorn(ms.bulk("X", structure, a), ms.LennardJones()).neighbours)
    assert isotropic_shells(CauchyBorn(ms.bulk("Si", "diamond", 5.43), ms.StillingerWeber()).neighbours)
    assert not isotropic_shells(CauchyBorn(hexagonal(1.1, (8 / 3) ** 0.5), ms.LennardJones()).neighbours)


@pytest.mark.slow
def test_equilibrium_beyond_the_margin_overflows_and_harms_no_other():
    material = CauchyBorn(ms.bulk("X", "fcc", 1.6), ms.LennardJones(), strain_margin=0.05)

    def energy(factor):
        scaled = eqx.tree_at(lambda m: m.crystal, material, material.crystal.scaled(factor))
        found = equilibrium(scaled, throw=False)
        return found.energy_per_atom, found.status.code

    # neighbours come from a = 1.6: the list reaches down to 0.95 of it, whatever the crystal is scaled by
    factors = jnp.array([1.0, 1.05, 1.3])
    values, codes = jax.jit(jax.vmap(energy))(factors)
    assert codes.tolist() == [Code.CONVERGED] * 3
    np.testing.assert_allclose(values, values[0], rtol=1e-13)

    wide = CauchyBorn(ms.bulk("X", "fcc", 1.75), ms.LennardJones(), strain_margin=0.02)
    with pytest.raises(SolveError, match="OVERFLOW"):
        equilibrium(wide)
    failed = equilibrium(wide, throw=False)
    assert np.isnan(failed.energy_per_atom)
    assert np.all(np.isnan(failed.material.crystal.cell))

    def of_sigma(sigma):
        changed = eqx.tree_at(lambda m: m.potential.sigma, wide, sigma)
        found = equilibrium(changed, throw=False)
        return found.volume_per_atom, found.status.code

    sigmas = jnp.array([1.0, 1.13])
    volumes, codes = jax.vmap(of_sigma)(sigmas)
    assert codes.tolist() == [Code.OVERFLOW, Code.CONVERGED]
    assert np.isnan(volumes[0])
    assert np.isfinite(volumes[1])

    def masked(scale):
        volumes, codes = jax.vmap(of_sigma)(scale * sigmas)
        return jnp.sum(jnp.where(codes <= Code.UNSTABLE, volumes, 0.0))

    assert np.isfinite(jax.jit(jax.grad(masked))(1.0))


def test_refusals():
    springs = CauchyBorn(ms.bulk("X", "square", 1.0), ms.Springs([1.0, 1.0], [1.0, 2.0**0.5]))
    with pytest.raises(ValueError, match="springs"):
        equilibrium(springs)
    with pytest.raises(ValueError, match="'isotropic', 'full' or None"):
        equilibrium(CauchyBorn(ms.bulk("X", "fcc", 1.55), ms.LennardJones()), stretch="uniaxial")
