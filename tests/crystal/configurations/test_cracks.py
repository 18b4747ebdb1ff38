"""Crack seeds: the field of matscipy on the same atoms, Griffith's balance, faces apart and bonds ahead."""

import jax.numpy as jnp
import numpy as np
import pytest

from msjax import units
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.configurations.cracks import crack, crack_medium
from msjax.crystal.configurations.stroh import energy_release_rate, griffith_intensity
from msjax.crystal.elastic import relaxed_stiffness
from msjax.crystal.lattice import bulk
from msjax.crystal.potentials import EAM, StillingerWeber

A = 5.430949778
FRONT = A / 2 * np.array([1.0, -1.0, 0.0])


@pytest.fixture(scope="module")
def silicon():
    return CauchyBorn(bulk("Si", "diamond", a=A), StillingerWeber())


@pytest.mark.slow
def test_crack_in_silicon(silicon):
    """K = 1 MPa√m against matscipy's field, from the same constants, on the atoms of the seed without load."""
    k = 1.0 * units.MPa * units.m**0.5
    seed = crack(silicon, k, front=FRONT, normal=[1, 1, 1], radius=20.0)
    perfect = crack(silicon, 0.0, front=FRONT, normal=[1, 1, 1], radius=20.0)
    x = np.asarray(perfect.positions)
    assert seed.periodic == (False, False, True)
    assert seed.atoms == pytest.approx(8 / A**3 * np.pi * 20.0**2 * A / 2**0.5, rel=0.05)
    # the crack runs between the widely spaced {111} planes, √3/4 a apart, midway
    assert np.min(np.abs(x[:, 1])) == pytest.approx(A * 3**0.5 / 8, abs=1e-9)
    u = np.asarray(seed.positions) - x
    theirs = pytest.importorskip("matscipy.fracture_mechanics.crack", reason="needs matscipy").CubicCrystalCrack(
        [1, 1, 1], [1, -1, 0], C=np.asarray(relaxed_stiffness(silicon))
    )
    expected = theirs.displacements_from_cartesian_coordinates(x[:, 0], x[:, 1], k)
    np.testing.assert_allclose(u[:, :2], np.stack(expected, axis=1), atol=1e-9)
    np.testing.assert_allclose(u[:, 2], 0.0, atol=1e-9)
    medium = crack_medium(silicon, front=FRONT, normal=[1, 1, 1])
    gamma = 1.36 * units.J_per_m2
    griffith = griffith_intensity(medium, gamma)
    assert float(griffith) == pytest.approx(theirs.k1g(gamma), rel=1e-9)
    assert float(energy_release_rate(medium, jnp.array([griffith, 0.0, 0.0]))) == pytest.approx(2 * gamma)


@pytest.mark.slow
def test_modes(silicon):
    """Modes II and III shear the faces against each other, along x and along the front."""
    at = {"front": FRONT, "normal": [1, 1, 1], "radius": 12.0}
    x = np.asarray(crack(silicon, [0.0, 0.0, 0.0], **at).positions)
    behind = (x[:, 0] < -3.0) & (np.abs(x[:, 1]) < 2.0)
    upper, lower = behind & (x[:, 1] > 0), behind & (x[:, 1] < 0)
    for mode, direction in enumerate((1, 0, 2)):
        load = np.zeros(3)
        load[mode] = 0.1
        u = np.asarray(crack(silicon, load, **at).positions) - x
        apart = np.mean(u[upper], axis=0) - np.mean(u[lower], axis=0)
        assert apart[direction] > 0.1
        assert np.argmax(np.abs(apart)) == direction


def test_mistakes_are_refused(silicon):
    at = {"front": FRONT, "normal": [1, 1, 1], "radius": 12.0}
    with pytest.raises(ValueError, match="intensity: expected K_I or"):
        crack(silicon, [1.0, 2.0], **at)
    with pytest.raises(ValueError, match="intensity: expected K_I or"):
        crack(silicon, np.nan, **at)
    with pytest.raises(ValueError, match="front: must be a lattice vector"):
        crack(silicon, 1.0, **{**at, "front": [1.0, -1.0, 0.0]})
    with pytest.raises(ValueError, match="normal: must not be zero"):
        crack(silicon, 1.0, **{**at, "normal": [0, 0, 0]})
    with pytest.raises(ValueError, match="normal: must be at a right angle"):
        crack(silicon, 1.0, **{**at, "normal": [1, 0, 0]})
    with pytest.raises(ValueError, match=r"radius: no atom lies within 0.1 Å"):
        crack(silicon, 1.0, **{**at, "radius": 0.1})
    with pytest.raises(ValueError, match="material: expected a crystal in three dimensions"):
        crack(CauchyBorn(bulk("X", "square", a=2.6), EAM.gupta("Cu")), 1.0, **at)
