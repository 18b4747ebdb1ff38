"""Dislocations in crystals: Burgers circuits on atoms, periods and stress of a dipole, the elastic energy factor."""

import jax.numpy as jnp
import numpy as np
import pytest

from msjax import units
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.configurations import evaluate, neighbour_list, relax
from msjax.crystal.configurations.dislocations import dislocation, dislocation_dipole, periodic_displacement
from msjax.crystal.configurations.stroh import dislocation_field, energy_factor, stroh
from msjax.crystal.elastic import relaxed_stiffness
from msjax.crystal.equilibrium import equilibrium
from msjax.crystal.lattice import bulk
from msjax.crystal.potentials import EAM

SCREW = np.array([0.5, 0.5, 0.5])
ALONG, UP = np.array([1.0, 1.0, -2.0]), np.array([-1.0, 1.0, 0.0])


@pytest.fixture(scope="module")
def tungsten():
    """Zhou's tungsten at rest: (material, a, energy per atom)."""
    potential = EAM.zhou("W")
    rest = equilibrium(CauchyBorn(bulk("W", "bcc", a=3.165), potential))
    a = float(rest.lattice_constant)
    return CauchyBorn(bulk("W", "bcc", a=a), potential), a, float(rest.energy_per_atom)


def dipole(tungsten, n, **options):
    material, a, _ = tungsten
    along = a * n * ALONG
    return dislocation_dipole(material, a * SCREW, periods=[along, 2 * n * a * UP + along / 2, a * SCREW], **options)


def excess(configuration, tungsten):
    material, _, per_atom = tungsten
    found = evaluate(configuration, material.potential, neighbour_list(configuration, material.potential))
    return float(found.energy) - configuration.atoms * per_atom, np.asarray(found.stress)


def slope_of(tungsten):
    """2 K times the period."""
    material, a, _ = tungsten
    medium = stroh(relaxed_stiffness(material), np.array([ALONG / 6**0.5, UP / 2**0.5, SCREW / 0.75**0.5]))
    length = a * 0.75**0.5
    return float(2.0 * energy_factor(medium, jnp.array([0.0, 0.0, length])) * length)


@pytest.mark.slow
def test_energy_of_a_dipole_is_twice_the_energy_factor(tungsten):
    """Similar cells have the same cores, and between them 2 K ln(size) of elastic energy per length."""
    energies, stresses = zip(*(excess(dipole(tungsten, n), tungsten) for n in (4, 8)), strict=True)
    assert (energies[1] - energies[0]) / np.log(2.0) == pytest.approx(slope_of(tungsten), rel=5e-3)
    # without the plastic distortion the shear stress would be C44 b/(2 height), 3 GPa in the larger cell
    assert abs(stresses[1][1, 2]) < 0.05 * units.GPa


@pytest.mark.slow
def test_energy_of_a_relaxed_dipole(tungsten):
    """As above with relaxed cores, shaken so that both find the stable one; what is left is of the order 1/size²."""
    material, a, per_atom = tungsten
    found = []
    for n in (5, 9):
        along = a * n * ALONG
        start = dislocation_dipole(material, a * SCREW, periods=[along, 1.5 * n * a * UP + along / 2, a * SCREW])
        shake = np.random.default_rng(0).normal(0.0, 0.05, start.positions.shape)
        end = relax(start.at(start.positions + jnp.asarray(shake)), material.potential, tolerance=1e-3)
        found.append(float(end.energy) - start.atoms * per_atom)
        assert excess(start, tungsten)[0] > found[-1] + 0.5
    assert (found[1] - found[0]) / np.log(9 / 5) == pytest.approx(slope_of(tungsten), rel=0.02)


@pytest.mark.slow
def test_dipole_cell(tungsten):
    material, a, _ = tungsten
    found = dipole(tungsten, 4, separation=0.25)
    volume = np.linalg.det([4 * ALONG, 8 * UP + 2 * ALONG, SCREW])
    assert found.atoms == round(2 * volume)
    assert found.species == ("W",) * found.atoms
    # tilted by the slipped quarter of the glide plane: b/4 per height in c₂, along the line
    height, b = 8 * 2**0.5 * a, 0.75**0.5 * a
    np.testing.assert_allclose(found.cell[0], [4 * 6**0.5 * a, 0.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(found.cell[1], [2 * 6**0.5 * a, height, -0.25 * b], atol=1e-9)
    np.testing.assert_allclose(found.cell[2], [0.0, 0.0, b], atol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("burgers", [[2.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
def test_periodic_displacement(tungsten, burgers):
    """It repeats, jumps by b across the slipped plane, and has the strain of one dislocation next to it."""
    medium, b = stroh(relaxed_stiffness(tungsten[0])), np.array(burgers)
    cell = np.array([[20.0, 0.0], [8.0, 21.0]])
    points = np.random.default_rng(0).uniform(-4.0, 4.0, (6, 2))
    cut = np.array([[1.0, 1e-9], [1.0, -1e-9], [8.0, 1e-9], [8.0, -1e-9]])
    every = np.concatenate([points, points + cell[0], points + cell[1], points - cell[0] - cell[1], cut])
    u = periodic_displacement(medium, b, cell, 5.0, every)
    np.testing.assert_allclose(u[:24].reshape(4, 6, 3), np.broadcast_to(u[:6], (4, 6, 3)), atol=3e-3)
    np.testing.assert_allclose(u[25] - u[24], b, atol=1e-6)
    np.testing.assert_allclose(u[27] - u[26], 0.0, atol=1e-6)
    near = np.array([[-5.0, 0.02], [-5.0, 0.04]])
    alone = dislocation_field(medium, jnp.asarray(b), jnp.asarray(near + [5.0, 0.0]))[:, :3]
    together = periodic_displacement(medium, b, cell, 5.0, near)
    np.testing.assert_allclose(together[1] - together[0], alone[1] - alone[0], atol=2e-3 * 2.0)


@pytest.mark.slow
def test_burgers_circuit_on_atoms():
    """Steps of the displacement from neighbour to neighbour, taken modulo the lattice, add up to b around the line and
    to nothing elsewhere."""
    a = 3.615
    copper = CauchyBorn(bulk("Cu", "fcc", a=a), EAM.gupta("Cu"))
    b = a / 2 * np.array([1.0, -1.0, 0.0])
    found = dislocation(copper, b, line=b, normal=[1, 1, 1], radius=14.0)
    x = np.asarray(found.positions)
    assert found.periodic == (False, False, True)
    assert float(found.cell[2, 2]) == pytest.approx(a / 2**0.5)
    assert np.max(np.linalg.norm(x[:, :2], axis=1)) < 14.0 + 1e-6
    assert found.atoms == pytest.approx(np.pi * 14.0**2 * a / 2**0.5 / (a**3 / 4), rel=0.05)
    # the height of a column in the perfect crystal is 0 or ½ of the period; what is left of z is the displacement
    period = a / 2**0.5

    def total(centre):
        around = x - np.append(centre, 0.0)
        radius = np.linalg.norm(around[:, :2], axis=1)
        ring = np.flatnonzero((radius > 5.0) & (radius < 6.5))
        ring = ring[np.argsort(np.arctan2(around[ring, 1], around[ring, 0]))]
        u = np.mod(x[ring, 2], period / 2)
        step = np.diff(np.append(u, u[0]))
        step = step - period / 2 * np.rint(step / (period / 2))
        return np.sum(step)

    assert total([0.0, 0.0]) == pytest.approx(period, abs=1e-9)
    assert total([7.0, 0.5]) == pytest.approx(0.0, abs=1e-9)


@pytest.mark.slow
def test_mistakes_are_refused(tungsten):
    material, a, _ = tungsten
    line, up = a * SCREW, a * UP
    flat = CauchyBorn(bulk("X", "square", a=3.0), EAM.zhou("W"))
    with pytest.raises(ValueError, match="material: expected a crystal in three dimensions, got 2"):
        dislocation(flat, line, line=line, normal=UP, radius=10.0)
    with pytest.raises(ValueError, match=r"line: must be a lattice vector, Å; .* cell vectors"):
        dislocation(material, line, line=0.7 * line, normal=UP, radius=10.0)
    with pytest.raises(ValueError, match="normal: must be at a right angle to the line"):
        dislocation(material, line, line=line, normal=[0, 0, 1], radius=10.0)
    with pytest.raises(ValueError, match="burgers: must be a lattice vector"):
        dislocation(material, SCREW, line=line, normal=UP, radius=10.0)
    half = dislocation(material, line / 2, line=line, normal=UP, radius=10.0, partial=True)
    whole = dislocation(material, line, line=line, normal=UP, radius=10.0)
    none = dislocation(material, 1e-12 * line, line=line, normal=UP, radius=10.0, partial=True)
    twice = 2 * np.asarray(half.positions) - np.asarray(none.positions)
    np.testing.assert_allclose(twice, whole.positions, atol=1e-9)  # linear in b
    with pytest.raises(ValueError, match="burgers: must lie in the glide plane"):
        dislocation(material, up, line=line, normal=UP, radius=10.0)
    with pytest.raises(ValueError, match=r"burgers: expected shape \(3,\), got \(2,\)"):
        dislocation(material, [1.0, 0.0], line=line, normal=UP, radius=10.0)
    with pytest.raises(ValueError, match="radius: must be positive and finite"):
        dislocation(material, line, line=line, normal=UP, radius=-1.0)
    with pytest.raises(ValueError, match="centre: an atom sits on the line"):
        dislocation(material, line, line=line, normal=UP, radius=10.0, centre=(0.0, 0.0))
    with pytest.raises(ValueError, match=r"centre: expected shape \(2,\), got \(3,\)"):
        dislocation(material, line, line=line, normal=UP, radius=10.0, centre=(0.0, 0.0, 0.0))
    with pytest.raises(ValueError, match="separation: must lie between 0 and 1"):
        dipole(tungsten, 2, separation=1.0)
    with pytest.raises(ValueError, match="periods: must be right-handed"):
        dislocation_dipole(material, line, periods=[a * ALONG, -up, line])
    with pytest.raises(ValueError, match=r"periods\[1\]: must be a lattice vector"):
        dislocation_dipole(material, line, periods=[a * ALONG, 0.4 * up, line])
