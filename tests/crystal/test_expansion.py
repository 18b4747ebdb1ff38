"""The second-order expansion in bond vectors against automatic differentiation of the energy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.expansion import energy, expand
from msjax.crystal.neighbours import find


def _own(vectors, depth):
    x = jnp.sum(vectors**2, axis=1)
    return depth * jnp.sum(jnp.exp(-x)) + jnp.sum(jnp.exp(-0.5 * x)) ** 2


CASES = {
    "Lennard-Jones": (lambda: ms.LennardJones(), "fcc", 1.55),
    "Gupta": (lambda: ms.EAM.gupta("Cu"), "fcc", 3.6),
    "Stillinger-Weber": (lambda: ms.StillingerWeber(), "diamond", 5.43),
    "own": (lambda: ms.SiteEnergy(_own, 1.6, jnp.array(0.3)), "square", 1.0),
}


@pytest.mark.slow
@pytest.mark.parametrize("reduced", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_expansion_is_the_taylor_series_of_the_energy(name, reduced):
    """Value, slope, and the second variation along a direction, all bonds moving on their own."""
    make, structure, a = CASES[name]
    potential, crystal = make(), ms.bulk("X", structure, a)
    reach = float(potential.cutoff)
    bonds = find(np.asarray(crystal.cell), np.asarray(crystal.basis), crystal.species, reach, reduced=reduced)
    rng = np.random.default_rng(0)
    r = bonds.vectors(crystal.cell, crystal.basis)
    r = r + jnp.asarray(rng.uniform(-0.02, 0.02, r.shape))
    direction = jnp.asarray(rng.normal(size=r.shape))

    def total(vectors):
        return energy(potential, bonds, vectors)

    expansion = expand(potential, bonds, r)
    slope, product = jax.jvp(jax.grad(total), (r,), (direction,))
    assert float(expansion.energy) == pytest.approx(float(total(r)), rel=1e-14)
    np.testing.assert_allclose(expansion.slope, slope, atol=1e-11 * float(jnp.max(jnp.abs(slope))))
    second = jnp.einsum("bi,bij,bj->", direction, expansion.curvature, direction)
    pulled = jnp.einsum("bki,bi->bk", expansion.density_slope, direction)
    for site in range(len(bonds.representatives)):
        moment = jnp.sum(pulled[bonds.site == site], axis=0)
        second = second + moment @ expansion.embedding_curvature[site] @ moment
    assert float(second) == pytest.approx(float(jnp.vdot(direction, product)), rel=1e-10)
