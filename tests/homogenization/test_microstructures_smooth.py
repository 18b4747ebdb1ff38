"""Smooth images: volumes, surface areas and derivatives against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.homogenization.microstructures import smooth_level_set, smooth_spheres, spheres, tpms_values

SHAPES = {2: (64, 64), 3: (40, 40, 40)}


def volume(radius, width, dimension):
    """Of one ball: the step's derivative is a kernel of variance width²/28."""
    if dimension == 2:
        return np.pi * (radius**2 + width**2 / 28)
    return 4 / 3 * np.pi * (radius**3 + 3 * radius * width**2 / 28)


@pytest.mark.slow
def test_the_step_is_c2_and_its_kernel_has_the_stated_variance():
    width = 0.3
    edges = jnp.array([-0.15, 0.15])
    first = jax.vmap(jax.grad(lambda x: smooth_level_set(x, width)))
    second = jax.vmap(jax.grad(lambda x: first(x[None])[0]))
    np.testing.assert_allclose(smooth_level_set(edges, width), [0, 1], atol=1e-15)
    inside = edges * (1 - 1e-9)
    np.testing.assert_allclose(first(inside), 0.0, atol=1e-14)
    np.testing.assert_allclose(second(inside), 0.0, atol=1e-5)
    x, dx = np.linspace(-0.15, 0.15, 20_001, retstep=True)
    kernel = np.asarray(first(jnp.asarray(x)))
    assert kernel.min() >= 0
    np.testing.assert_allclose(kernel.sum() * dx, 1.0, rtol=1e-9)
    np.testing.assert_allclose((kernel * x**2).sum() * dx, width**2 / 28, rtol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize("dimension", [2, 3])
def test_volume_surface_and_slope_with_width_of_a_ball(dimension):
    # the ball crosses the cell's corner: the image is periodic
    centre = jnp.array([[0.03, 0.97, 0.5]])[:, :dimension]
    radius, width = 0.31, 0.2

    def fraction(centres, radii, width):
        return jnp.mean(smooth_spheres(SHAPES[dimension], centres, radii, width))

    value, slopes = jax.value_and_grad(fraction, (0, 1, 2))(centre, jnp.array([radius]), jnp.array(width))
    np.testing.assert_allclose(value, volume(radius, width, dimension), rtol=2e-5)
    surface = 2 * np.pi * radius if dimension == 2 else 4 * np.pi * (radius**2 + width**2 / 28)
    np.testing.assert_allclose(slopes[1][0], surface, rtol=2e-4)
    np.testing.assert_allclose(slopes[0], 0.0, atol=2e-4 * surface)  # moving it changes no volume
    by_width = np.pi * width / 14 if dimension == 2 else 2 * np.pi * radius * width / 7
    np.testing.assert_allclose(slopes[2], by_width, rtol=5e-3)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["forward", "reverse"])
def test_derivatives_against_finite_differences(mode):
    rng = np.random.default_rng(0)
    centres, radii, weight = rng.random((3, 2)), np.array([0.2, 0.25, 0.1]), rng.random((24, 24))

    def functional(parameters):
        x = jnp.asarray(parameters)
        return jnp.vdot(weight, smooth_spheres((24, 24), x[:6].reshape(3, 2), x[6:9], x[9]))

    start = np.concatenate([centres.ravel(), radii, [0.15]])
    slope = (jax.jacfwd if mode == "forward" else jax.jacrev)(functional)(jnp.asarray(start))
    step = 1e-5 * np.eye(10)
    value = jax.jit(functional)
    difference = [(value(start + s) - value(start - s)) / 2e-5 for s in step]
    np.testing.assert_allclose(slope, difference, rtol=1e-6, atol=1e-6 * np.max(np.abs(difference)))


@pytest.mark.slow
def test_a_voxel_at_a_centre_has_no_nan_in_any_derivative():
    def centre_value(x):
        return smooth_spheres((4, 4), x[None], jnp.array([0.05]), 0.4)[1, 1]

    at = jnp.array([0.375, 0.375])
    assert np.all(np.isfinite(jax.grad(centre_value)(at)))
    assert np.all(np.isfinite(jax.hessian(centre_value)(at)))


@pytest.mark.slow
def test_a_narrow_interface_gives_the_voxel_image_and_a_batch_is_its_loop():
    images = [spheres((32, 32, 32), 0.3, count=6, seed=1, member=m) for m in range(2)]
    centres = jnp.stack([jnp.asarray(i.centres) for i in images])
    radii = jnp.stack([jnp.asarray(i.radii) for i in images])
    fields = jax.jit(jax.vmap(lambda c, r: smooth_spheres((32, 32, 32), c, r, 1e-9)))(centres, radii)
    for field, image in zip(fields, images):
        assert np.array_equal(np.round(np.asarray(field)), image.phases)
    np.testing.assert_array_equal(fields[1], smooth_spheres((32, 32, 32), centres[1], radii[1], 1e-9))


def test_any_distance_makes_a_field():
    # near its mean surface the slope of the primitive function is known: the sheet's fraction grows with its distance
    values = jnp.asarray(tpms_values((32, 32, 32), "primitive"))
    np.testing.assert_allclose(jnp.mean(smooth_level_set(values, 0.5)), 0.5, atol=1e-12)
    field = smooth_level_set(values, 0.5)
    assert float(field.min()) == 0.0
    assert float(field.max()) == 1.0


def test_mistakes_are_named():
    one, r = jnp.zeros((1, 2)), jnp.array([0.1])
    with pytest.raises(ValueError, match="width: expected a positive number"):
        smooth_level_set(one, 0.0)
    with pytest.raises(ValueError, match="width"):
        smooth_spheres((4, 4), one, r, -1.0)
    with pytest.raises(ValueError, match=r"radii\[0\]"):
        smooth_spheres((4, 4), one, -r, 0.1)
    with pytest.raises(ValueError, match="centres: expected 3"):
        smooth_spheres((4, 4, 4), one, r, 0.1)
