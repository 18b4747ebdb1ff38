"""What cannot be evaluated is NaN in value and in every gradient, never 0, and stays with its own member."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.material.bar import Bar
from msjax.material.second_gradient import StrainGradientElastic
from msjax.material.surface import GurtinMurdoch
from msjax.status import guard, substitute

MATERIALS = {
    "neo-Hooke": lambda: ms.NeoHooke(1.0, 2.0),
    "elastic": lambda: ms.IsotropicElastic(1.0, 0.3),
    "plastic": lambda: ms.J2Plasticity(1.0, 0.3, ms.LinearHardening(0.01, 0.1)),
    "grown": lambda: ms.Growth(ms.NeoHooke(1.0, 2.0), 1.1),
    "plane stress": lambda: ms.PlaneStress(ms.NeoHooke(1.0, 2.0)),
    "surface": lambda: GurtinMurdoch(1.0, 2.0, 3.0),
    "bar": lambda: Bar(ms.NeoHooke(1.0, 2.0, dim=1), 1.0, dim=2),
    "second gradient": lambda: StrainGradientElastic(1.0, 0.3, length=0.1),
    "lattice": lambda: ms.CauchyBorn(ms.bulk("X", "triangular", a=1.1), ms.LennardJones(outer=1.7)),
    "cell": lambda: ms.RVE(np.eye(2, dtype=int), [ms.IsotropicElastic(e, 0.3, dim=2) for e in (1.0, 2.0)]),
    "nonlinear cell": lambda: ms.RVE(np.eye(2, dtype=int), [ms.NeoHooke(e, 1.0, dim=2) for e in (1.0, 2.0)]),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MATERIALS)
def test_a_gradient_in_a_strain_that_failed_is_nan(name):
    material = MATERIALS[name]()
    rest = material.reference_strain
    batch = jax.tree.map(lambda x: jnp.stack([x, jnp.full_like(x, jnp.nan)]), rest)

    def energies(strains):
        return jax.vmap(lambda f: material.respond(f).energy)(strains)

    def stresses(strains):
        stress = jax.vmap(lambda f: material.respond(f).stress)(strains)
        return sum(jnp.sum(x.reshape(2, -1), axis=1) for x in jax.tree.leaves(stress))

    @partial(jax.jit, static_argnums=0)
    def derivatives(function, batch):
        _, pull = jax.vjp(function, batch)
        _, ahead = jax.jvp(function, (batch,), (jax.tree.map(jnp.ones_like, batch),))
        return *(jax.tree.leaves(pull(w)) for w in (jnp.ones(2), jnp.array([1.0, 0.0]))), ahead

    for function in (energies, stresses):
        total, kept, ahead = derivatives(function, batch)
        for whole, alone in zip(total, kept, strict=True):
            assert np.all(np.isfinite(whole[0]))
            assert np.all(np.isnan(whole[1])), "a failed member has no gradient, and 0 is one"
            np.testing.assert_array_equal(alone[1], 0.0)  # who is not asked does not answer
        assert np.isfinite(ahead[0])
        assert np.isnan(ahead[1])


@pytest.mark.slow
def test_substitution_is_of_any_order_and_of_trees():
    """log |x| with what is below 0 replaced: derivatives of the others as they are."""
    x = jnp.array([2.0, -1.0])

    def total(x):
        return jnp.sum(jax.vmap(lambda y: guard(jnp.log(substitute(y, y < 0, 1.0)), y < 0))(x))

    np.testing.assert_allclose(jax.grad(total)(x), [0.5, np.nan])
    np.testing.assert_allclose(jnp.diagonal(jax.hessian(total)(x)), [-0.25, np.nan])
    tree = {"a": jnp.ones(3), "b": jnp.array(2)}
    found = substitute(tree, jnp.array(True), {"a": jnp.zeros(3), "b": jnp.array(5)})
    np.testing.assert_array_equal(found["a"], 0.0)
    assert int(found["b"]) == 5
