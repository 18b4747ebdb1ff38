"""Basins of the inner shifts: double and triple wells against brute force."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.signal import argrelmin

import msjax as ms
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.shift_basins import shift_basins
from msjax.status import Code


def ripple(r, depth):
    """A pair energy with wells a quarter apart, on a parabola that favours uneven neighbours; nothing beyond 1.6."""
    r = jnp.sqrt(jnp.sum(r * r, axis=1))
    end = jnp.where(r < 1.6, (1.0 - (r / 1.6) ** 2) ** 4, 0.0)
    return 0.5 * jnp.sum(end * (-1.0 - depth * jnp.cos(8.0 * jnp.pi * r) - 2.0 * (r - 1.0) ** 2))


@pytest.fixture(scope="module")
def chain():
    crystal = ms.Crystal([[2.0]], [[0.0], [1.0]], ("X", "X"))
    return CauchyBorn(crystal, ms.SiteEnergy(ripple, 1.6, jnp.array(0.2)))


def brute_force(stretch):
    """Minima over one shift: energy per cell of two atoms whose bonds are λ + s and λ − s, on a fine grid."""
    s = np.linspace(-0.95, 0.95, 190001)

    def pair(r):
        end = np.where(r < 1.6, (1.0 - (r / 1.6) ** 2) ** 4, 0.0)
        return end * (-1.0 - 0.2 * np.cos(8.0 * np.pi * r) - 2.0 * (r - 1.0) ** 2)

    energy = pair(stretch + s) + pair(stretch - s)
    at = argrelmin(energy)[0]
    return s[at], energy[at]


@pytest.mark.slow
@pytest.mark.parametrize("stretch", [1.0, 1.06])
def test_all_wells_of_a_rippled_chain(chain, stretch):
    """Those in reach of the starts are found, and nothing is found that is no well."""
    shifts, energies = brute_force(stretch)
    near = np.abs(shifts) < 0.3
    assert np.sum(near) >= 2
    found = shift_basins(chain, [[stretch]], starts=48, size=0.33)
    keep = sorted({b for b in np.asarray(found.basin).tolist() if b >= 0})
    got = np.array([[float(found.shifts[b, 0, 0]), float(found.energies[b])] for b in keep])
    where = np.argmin(np.abs(got[:, :1] - shifts[None, :]), axis=1)
    assert len(set(where)) == int(found.count) == len(keep)
    np.testing.assert_allclose(got[:, 0], shifts[where], atol=2e-5)
    np.testing.assert_allclose(got[:, 1], energies[where], atol=1e-8)
    assert set(np.flatnonzero(near)) <= set(where)
    assert float(found.energies[found.lowest]) == pytest.approx(np.min(got[:, 1]), abs=1e-12)
    assert float(found.spread) == pytest.approx(np.ptp(energies[where]), abs=1e-8)
    # by symmetry no shift is stationary: a well of its own at 1, not the lowest; a crest at 1.06
    assert bool(found.minima[0]) == (stretch == 1.0)
    assert not bool(found.default_is_lowest)
    # a basin is a state: respond() goes on from there
    best = int(found.lowest)
    response = chain.respond(jnp.array([[stretch]]), found.shifts[best])
    assert float(response.energy * 2.0) == pytest.approx(float(found.energies[best]), rel=1e-12)


@pytest.mark.slow
def test_a_broken_chain_in_closed_form():
    """Morse chain beyond the inflection: the even chain is a saddle, the two uneven ones mirror images."""
    crystal = ms.Crystal([[2.0]], [[0.0], [1.0]], ("X", "X"))
    material = CauchyBorn(crystal, ms.Morse(1.0, 6.0, 1.0, inner=1.5, outer=1.9))
    found = shift_basins(material, [[1.2]])
    assert int(found.count) == 2
    assert found.status.code[0] == Code.UNSTABLE
    assert int(found.basin[0]) == -1
    assert not bool(found.default_is_lowest)
    assert float(found.spread) == pytest.approx(0.0, abs=1e-12)
    assert float(found.default_excess) > 0.1
    text = str(found)
    assert "2 basins" in text
    assert "is not the lowest" in text
    whole = shift_basins(material, [[1.05]])
    assert int(whole.count) == 1
    assert bool(whole.default_is_lowest)

    def lowest(depth, stretch):
        changed = eqx.tree_at(lambda m: m.potential.depth, material, depth)
        found = shift_basins(changed, stretch * jnp.eye(1))
        return found.energies[found.lowest], found.count

    stretches = jnp.array([1.2, -1.0, 1.05])
    energies, count = jax.vmap(lambda s: lowest(jnp.array(1.0), s))(stretches)
    assert count.tolist() == [2, 0, 1]
    assert np.isnan(energies[1])
    # energies are proportional to the depth
    slope = jax.jit(jax.grad(lambda d: lowest(d, jnp.array(1.2))[0]))(jnp.array(1.0))
    assert float(slope) == pytest.approx(float(energies[0]), rel=1e-10)
    with pytest.raises(ValueError, match="no inner shifts"):
        shift_basins(CauchyBorn(ms.bulk("X", "chain", 1.0), material.potential))
    with pytest.raises(ValueError, match="size: must be positive"):
        shift_basins(material, size=0.0)


@pytest.mark.slow
def test_silicon_under_shear_has_one_basin_near_by():
    silicon = CauchyBorn(ms.bulk("Si", "diamond", 5.430949778), ms.StillingerWeber(), strain_margin=0.4)
    found = shift_basins(silicon, jnp.eye(3).at[0, 1].set(0.03), starts=8, size=0.05)
    assert int(found.count) == 1
    assert bool(found.default_is_lowest)
    np.testing.assert_allclose(found.energies, found.energies[0], rtol=1e-12)
