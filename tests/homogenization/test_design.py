"""Inverse homogenization."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import msjax as ms

PHASES = [ms.IsotropicElastic(1.0, 0.3, 2), ms.IsotropicElastic(10.0, 0.3, 2)]


def discs(radii):
    centres = jnp.array([[0.25, 0.25], [0.75, 0.75]])
    share = ms.microstructures.smooth_spheres((16, 16), centres, radii, 0.2)
    return ms.RVE(share, PHASES)


@pytest.mark.slow
def test_the_radii_of_a_known_cell_give_its_stiffness_back():
    target = ms.effective_stiffness(discs(jnp.array([0.2, 0.2]))).stiffness
    found = ms.design(discs, jnp.array([0.12, 0.12]), target, optimiser=optax.adam(0.01), tolerance=1e-4)
    assert found.converged
    np.testing.assert_allclose(found.parameters, 0.2, atol=1e-3)
    np.testing.assert_allclose(found.stiffness, target, rtol=1e-3, atol=1e-4)


@pytest.mark.slow
def test_a_density_field_reaches_a_stiffness_between_the_bounds():
    def field(x):
        return ms.RVE(jax.nn.sigmoid(x), PHASES)

    start = jnp.asarray(np.random.default_rng(0).normal(size=(8, 8)))
    target = (
        0.5 * ms.effective_stiffness(field(start)).stiffness
        + 0.5 * ms.effective_stiffness(field(jnp.full((8, 8), 3.0))).stiffness
    )
    found = ms.design(field, start, target, tolerance=1e-2)
    assert found.converged
    assert found.miss[-1] < found.miss[0]


@pytest.mark.slow
def test_weights_leave_entries_free():
    target = jnp.diag(jnp.array([5.0, 1.0, 1.0]))
    weights = jnp.zeros((3, 3)).at[0, 0].set(1.0)
    found = ms.design(discs, jnp.array([0.2, 0.2]), target, weights=weights, steps=3)
    assert found.miss[0] == pytest.approx(
        abs(float(ms.effective_stiffness(discs(jnp.array([0.2, 0.2]))).stiffness[0, 0]) - 5) / 5
    )


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"target: expected shape \(3, 3\)"):
        ms.design(discs, jnp.array([0.2, 0.2]), jnp.eye(6))
    with pytest.raises(ValueError, match="weights: must be finite"):
        ms.design(discs, jnp.array([0.2, 0.2]), jnp.eye(3), weights=jnp.full((3, 3), jnp.nan))
