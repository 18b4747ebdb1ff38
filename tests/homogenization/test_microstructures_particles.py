"""Ellipsoids and fibres: overlap tests against brute force, volumes, orientation distributions."""

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize

from msjax.homogenization.microstructures import ellipsoids, fibres, random_axes, random_rotations
from msjax.homogenization.microstructures.particles import segment_distance
from msjax.homogenization.microstructures.rotations import second_moments


def surface_points(image, particle, count=400):
    """Points on the surface of an ellipsoid."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((count, image.centres.shape[1]))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return image.centres[particle] + (x * image.radii[particle]) @ image.axes[particle].T


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "half_axes", "orientation", "fraction"),
    [
        ((32, 32, 32), (0.2, 0.08, 0.05), "random", 0.2),
        ((32, 32, 32), (0.06, 0.15, 0.15), (1.0, 1.0, 0.0), 0.25),
        ((64, 64), (0.2, 0.05), "random", 0.35),
        ((48, 48, 48), (0.3, 0.05, 0.05), "planar", 0.08),  # longer than half the cell: other images count
    ],
)
def test_no_surface_point_of_an_ellipsoid_lies_in_another(shape, half_axes, orientation, fraction):
    image = ellipsoids(shape, fraction, half_axes, orientation=orientation, seed=5)
    shifts = np.stack(np.meshgrid(*[(-1, 0, 1)] * len(shape), indexing="ij"), -1).reshape(-1, len(shape))
    least = np.inf
    for one in range(len(image.centres)):
        points = surface_points(image, one)
        for two in range(len(image.centres)):
            for shift in shifts:
                if one == two and not shift.any():
                    continue
                local = (points + shift - image.centres[two]) @ image.axes[two] / image.radii[two]
                least = min(least, np.min(np.linalg.norm(local, axis=1)))
    assert least >= 1.0
    assert image.error < 0.05


def test_one_ellipsoid_has_its_volume_and_second_moments():
    image = ellipsoids((96, 96, 96), 0.02, (0.3, 0.15, 0.1), count=1, seed=3)
    a = image.radii[0]
    np.testing.assert_allclose(a / a[0], [1, 0.5, 1 / 3])
    np.testing.assert_allclose(image.fraction[1], 4 / 3 * np.pi * np.prod(a), rtol=5e-3)
    grid = np.stack(np.meshgrid(*[(np.arange(96) + 0.5) / 96] * 3, indexing="ij"), -1) - image.centres[0]
    x = (grid - np.round(grid))[image.phases == 1]
    wanted = (image.axes[0] * a**2 / 5) @ image.axes[0].T
    np.testing.assert_allclose(x.T @ x / len(x), wanted, atol=1e-2 * a[0] ** 2 / 5)


def test_distance_of_segments_against_minimisation():
    rng = np.random.default_rng(2)
    one, others = random_rotations(1, 3, rng)[0, :, 0], random_rotations(40, 3, rng)[:, :, 0]
    others[:3] = [one, -one, one]  # parallel
    offsets = rng.uniform(-1, 1, (40, 3))
    offsets[2] = 0.9 * one
    found = segment_distance(offsets, one, others, 0.4)
    for k in range(40):
        best = scipy.optimize.minimize(
            lambda st, k=k: np.sum((offsets[k] + st[1] * others[k] - st[0] * one) ** 2),
            [0.1, 0.0],
            bounds=[(-0.4, 0.4)] * 2,
            options={"ftol": 1e-15, "gtol": 1e-12},
        )
        np.testing.assert_allclose(found[k], np.sqrt(best.fun), atol=1e-6)


@pytest.mark.parametrize("orientation", ["random", "aligned", "planar", np.diag([0.6, 0.3, 0.1])])
def test_fibres_keep_their_distance(orientation):
    image = fibres((48, 48, 48), 0.08, radius=0.04, length=0.7, orientation=orientation, gap=0.01, seed=2)
    half = 0.35 - 0.04
    s = np.linspace(-half, half, 29)
    points = image.centres[:, None] + s[:, None] * image.axes[:, None, :, 0]  # (fibres, points, 3)
    least = np.inf
    for shift in np.ndindex(3, 3, 3):
        move = np.array(shift) - 1
        for k in range(len(points)):
            offsets = points + move - image.centres[k]
            along = np.clip(offsets @ image.axes[k, :, 0], -half, half)
            distance = np.linalg.norm(offsets - along[..., None] * image.axes[k, :, 0], axis=-1)
            if not move.any():
                distance[k] = np.inf
            least = min(least, distance.min())
    assert least >= 0.08 + 0.01 - 1e-12
    assert image.error < 0.02


def test_one_fibre_has_the_volume_of_a_spherocylinder_and_may_be_longer_than_the_cell():
    volume = np.pi * 0.1**2 * 0.4 + 4 / 3 * np.pi * 0.1**3
    image = fibres((96, 96, 96), volume, radius=0.1, length=0.6, seed=1)
    assert len(image.centres) == 1
    np.testing.assert_allclose(image.fraction[1], volume, rtol=5e-3)
    # along x and longer than the cell it closes on itself: a cylinder, whatever the length
    long = [
        fibres((32, 64, 64), 0.15, radius=0.1, length=length, orientation="aligned", overlapping=True, seed=1)
        for length in (3.0, 4.9)
    ]
    for image in long:
        assert np.array_equal(image.phases, np.broadcast_to(image.phases[:1], image.phases.shape))


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_through_fibres_are_discs_drawn_out(axis):
    direction = np.eye(3)[axis]
    image = fibres((24, 32, 40), 0.6, radius=0.1, length=None, orientation=direction, exact=True, seed=1)
    assert np.array_equal(image.phases, np.roll(image.phases, 1, axis))
    assert image.error <= 1 / 24 / 32
    np.testing.assert_array_equal(image.axes[0, :, 0], direction)
    np.testing.assert_allclose(np.linalg.det(image.axes[0]), 1.0)


def test_rotations_are_uniform():
    R = random_rotations(40_000, 3, np.random.default_rng(1))
    np.testing.assert_allclose(R @ np.swapaxes(R, 1, 2), np.broadcast_to(np.eye(3), R.shape), atol=1e-13)
    np.testing.assert_allclose(np.linalg.det(R), 1.0)
    np.testing.assert_allclose(R.mean(axis=0), 0.0, atol=0.015)
    np.testing.assert_allclose((R**2).mean(axis=0), 1 / 3, atol=0.008)
    # angle of a uniform rotation: density (1 − cos ω)/π, mean π/2 + 2/π
    angle = np.arccos(np.clip((np.trace(R, axis1=1, axis2=2) - 1) / 2, -1, 1))
    np.testing.assert_allclose(angle.mean(), np.pi / 2 + 2 / np.pi, atol=0.015)


@pytest.mark.parametrize("eigenvalues", [(0.7, 0.2, 0.1), (1 / 3, 1 / 3, 1 / 3), (0.6, 0.4, 0.0), (1.0, 0.0, 0.0)])
def test_directions_have_the_wanted_second_moment(eigenvalues):
    rng = np.random.default_rng(3)
    frame = random_rotations(1, 3, rng)[0]
    moment = (frame * np.array(eigenvalues)) @ frame.T
    axes = random_axes(moment, 40_000, 3, rng)
    p = axes[:, :, 0]
    np.testing.assert_allclose(p.T @ p / len(p), moment, atol=0.008)
    np.testing.assert_allclose(np.linalg.det(axes), 1.0)


def test_second_moments_against_quadrature():
    widths = np.array([0.5, 0.3, 0.2])

    def density(theta, phi):
        p = np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])
        return p, np.sin(theta) * np.sum(p**2 / widths) ** -1.5 / (4 * np.pi * np.sqrt(np.prod(widths)))

    for i in range(3):
        value, _ = scipy.integrate.dblquad(
            lambda theta, phi, i=i: density(theta, phi)[0][i] ** 2 * density(theta, phi)[1], 0, 2 * np.pi, 0, np.pi
        )
        np.testing.assert_allclose(second_moments(widths)[i], value, rtol=1e-6)


@pytest.mark.parametrize(
    ("orientation", "text"),
    [
        ("sideways", "orientation: expected 'random'"),
        ((0.0, 0.0, 0.0), "zero vector"),
        ((1.0, 0.0), r"orientation: expected finite numbers of shape \(3,\)"),
        (np.eye(3), "trace 1"),
        (np.diag([1.2, -0.2, 0.0]), "without negative"),
    ],
)
def test_orientations_that_mean_nothing_are_refused(orientation, text):
    with pytest.raises(ValueError, match=text):
        random_axes(orientation, 2, 3, np.random.default_rng(0))


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="half_axes: expected 3 numbers"):
        ellipsoids((8, 8, 8), 0.1, (0.1, 0.1))
    with pytest.raises(ValueError, match=r"half_axes\[1\]"):
        ellipsoids((8, 8), 0.1, (0.1, 0.0))
    with pytest.raises(ValueError, match="half_axes: one particle"):
        ellipsoids((8, 8), 0.01, (0.3, 0.3))
    with pytest.raises(ValueError, match="reach their own periodic images"):
        ellipsoids((8, 8), 0.3, (0.6, 0.1))
    with pytest.raises(ValueError, match="length: expected at least two radii"):
        fibres((8, 8), 0.1, radius=0.1, length=0.1)
    with pytest.raises(ValueError, match="length: fibres through the cell"):
        fibres((8, 8, 8), 0.1, radius=0.1, length=None, orientation="random")
    with pytest.raises(ValueError, match="jammed: particle"):
        ellipsoids((8, 8), 0.8, (0.1, 0.1))
