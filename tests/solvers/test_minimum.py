"""Minima that are minima."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize as scipy_minimize

from msjax.solvers.minimum import minimise
from msjax.solvers.newton import FromEnergy
from msjax.status import Code


def himmelblau(x, _):
    return (x[0] ** 2 + x[1] - 11.0) ** 2 + (x[0] + x[1] ** 2 - 7.0) ** 2


MINIMA = np.array([[3.0, 2.0], [-2.805118, 3.131312], [-3.779310, -3.283186], [3.584428, -1.848126]])


@pytest.mark.slow
def test_from_its_maximum_and_its_saddles_to_a_minimum():
    stationary = jnp.array([[-0.270845, -0.923039], [0.086678, 2.884255], [3.385154, 0.073852], [-3.073026, -0.081353]])
    found = jax.jit(jax.vmap(lambda x: minimise(FromEnergy(himmelblau), x, ())))(stationary)
    for x in np.asarray(found.x):
        assert np.min(np.linalg.norm(MINIMA - x, axis=1)) < 1e-5
    assert np.all(found.status.code == Code.CONVERGED)
    assert np.all(found.lowest > 0)
    np.testing.assert_allclose(found.energy, 0.0, atol=1e-16)


def test_a_point_that_is_stationary_by_symmetry_is_left():
    well = FromEnergy(lambda x, _: (x[0] ** 2 - 1.0) ** 2 + (x[0] - x[1]) ** 2 + x[2] ** 2)
    found = minimise(well, jnp.zeros(3), ())
    np.testing.assert_allclose(np.abs(found.x), [1.0, 1.0, 0.0], atol=1e-9)
    assert found.status.code == Code.CONVERGED


@pytest.mark.slow
def test_the_way_down_is_never_up_and_ends_where_scipy_ends():
    """A ring of Lennard-Jones atoms in the plane: never above the start, and a minimum by scipy's judgement."""

    def cluster(x, _):
        r = x.reshape(-1, 2)
        i, j = np.triu_indices(5, 1)
        s = jnp.sum((r[i] - r[j]) ** 2, axis=1)
        return jnp.sum(4.0 * (s**-6 - s**-3)) + 1e-2 * jnp.sum(r**2)

    angle = 2 * np.pi * np.arange(5) / 5
    start = jnp.asarray(1.3 * np.stack([np.cos(angle), np.sin(angle)], axis=1).ravel())
    found = minimise(FromEnergy(cluster), start, ())
    assert float(found.energy) < float(cluster(start, ()))
    polished = scipy_minimize(lambda x: float(cluster(x, ())), np.asarray(found.x), tol=1e-12)
    assert abs(polished.fun - float(found.energy)) < 1e-9
    assert found.status.code == Code.UNSTABLE  # the zero mode is told


def test_without_a_minimum_it_says_so():
    bottomless = minimise(FromEnergy(lambda x, _: -jnp.sum(x**2)), jnp.array([0.1, 0.0]), ())
    assert bottomless.status.code == Code.MAX_STEPS
    np.testing.assert_array_equal(bottomless.x, [0.1, 0.0])
    broken = minimise(FromEnergy(lambda x, _: jnp.sum(jnp.log(x))), jnp.array([-1.0]), ())
    assert broken.status.code == Code.NONFINITE
