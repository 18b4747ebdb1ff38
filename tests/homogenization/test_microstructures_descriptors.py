"""Descriptors against closed forms and brute force."""

import numpy as np
import pytest
import scipy.integrate

from msjax.homogenization.microstructures import (
    checkerboard,
    chord_lengths,
    correlation_length,
    gaussian_field,
    laminate,
    lineal_path,
    radial_average,
    spheres,
    two_point,
)

RANDOM = np.random.default_rng(0).integers(0, 3, (6, 5, 4))


@pytest.mark.parametrize("image", [RANDOM, RANDOM[:, :, 0]])
@pytest.mark.parametrize("other", [None, 0, 2])
def test_two_point_function_by_counting(image, other):
    found = two_point(image, 2, other)
    second = 2 if other is None else other
    for shift in np.ndindex(image.shape):
        moved = np.roll(image, [-s for s in shift], range(image.ndim))
        np.testing.assert_allclose(found[shift], np.mean((image == 2) & (moved == second)), atol=1e-15)


def test_two_point_function_of_a_laminate_is_a_tent():
    n, layer = 32, 8
    s2 = two_point(laminate((n, 4), [1 - layer / n, layer / n]).phases)
    shift = np.minimum(np.arange(n), n - np.arange(n))
    np.testing.assert_allclose(s2, np.maximum(layer - shift, 0)[:, None] / n * np.ones(4), atol=1e-15)


def test_two_point_function_of_a_checkerboard_is_a_product():
    s2 = two_point(checkerboard((16, 16), 4).phases)
    shift = np.arange(16) % 8
    wave = 1 - np.minimum(shift, 8 - shift) / 2  # of ±1 along one axis: a triangle wave
    np.testing.assert_allclose(s2, 0.25 * (1 + wave[:, None] * wave), atol=1e-15)


def test_uncorrelated_voxels_have_the_squared_fraction():
    image = (np.random.default_rng(1).random((64, 64, 64)) < 0.3).astype(int)
    s2 = two_point(image)
    fraction = image.mean()
    assert s2[0, 0, 0] == fraction
    rest = s2.ravel()[1:]
    np.testing.assert_allclose(rest.mean(), fraction**2, atol=1e-5)
    np.testing.assert_allclose(rest, fraction**2, atol=6 * 0.21 / np.sqrt(image.size))


def test_overlapping_discs_have_the_two_point_function_of_the_boolean_model():
    # matrix: exp(−ρ v₂(r)) with v₂ the area of two discs (Torquato, doi:10.1007/978-1-4757-6355-3, section 5.1)
    n, radius, fraction = 128, 0.05, 0.4
    members = [spheres((n, n), fraction, radius=radius, overlapping=True, seed=5, member=m) for m in range(30)]
    density = len(members[0].centres)
    averages = [radial_average(two_point(image.phases, 0)) for image in members]
    r, found = averages[0][0], np.array([mean for _, mean in averages])
    half = np.clip(r / (2 * radius), 0, 1)
    lens = 2 * radius**2 * (np.arccos(half) - half * np.sqrt(1 - half**2))
    # a fixed number of discs, each independent: exp(−ρ v) becomes (1 − v)^ρ in the unit cell
    wanted = (1 - (2 * np.pi * radius**2 - lens)) ** density
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert np.max(np.abs(found.mean(axis=0) - wanted) / (error + 5e-4)) < 4
    assert error.max() < 0.006
    assert found.mean(axis=0)[0] - found.mean(axis=0)[-1] > 0.2


def test_radial_average_of_a_radial_function():
    shifts = np.ix_(*[np.fft.fftfreq(n) * edge for n, edge in ((40, 2.0), (20, 1.0), (30, 1.5))])
    distance = np.sqrt(sum(x**2 for x in shifts))
    for bins in (None, 7):
        r, mean = radial_average(distance, (2.0, 1.0, 1.5), bins)
        np.testing.assert_allclose(mean, r, rtol=1e-13)
        assert r[0] == 0
        assert r[-1] <= 0.5
        assert np.all(np.diff(r) > 0)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_chords_by_walking(axis):
    image = (RANDOM > 0).astype(int)
    image[:, 0, 0] = 1  # a line without an end
    expected, unbounded = [], 0
    for line in np.moveaxis(image, axis, -1).reshape(-1, image.shape[axis]):
        if line.all():
            unbounded += 1
            continue
        start = int(np.argmin(line))
        run = 0
        for value in [*line[start:], *line[:start], 0]:
            if value:
                run += 1
            elif run:
                expected.append(run)
                run = 0
    chords = chord_lengths(image, 1, axis)
    assert sorted(chords.lengths.tolist()) == sorted(expected)
    assert chords.unbounded == unbounded
    assert (chords.lengths.sum() + chords.unbounded * chords.voxels) / image.size == image.mean()


@pytest.mark.parametrize("axis", [0, 1])
def test_lineal_path_by_counting(axis):
    image = (np.random.default_rng(3).random((9, 7)) < 0.8).astype(int)
    image[:, 2] = 1
    path = lineal_path(image, 1, axis)
    for k in range(image.shape[axis]):
        inside = np.ones_like(image)
        for step in range(k + 1):
            inside &= np.roll(image, -step, axis)
        np.testing.assert_allclose(path[k], inside.mean(), atol=1e-15)


def test_lineal_path_of_uncorrelated_voxels_is_geometric():
    image = (np.random.default_rng(2).random((512, 512)) < 0.5).astype(int)
    np.testing.assert_allclose(lineal_path(image)[:8], 0.5 ** np.arange(1, 9), atol=6 * 0.5 / 512)


def test_correlation_length_of_a_level_set_is_that_of_the_arcsine():
    length = 0.05
    wanted, _ = scipy.integrate.quad(lambda r: np.arcsin(np.exp(-((r / length) ** 2))) / (np.pi / 2), 0, 1)
    found = [correlation_length(gaussian_field((256, 256), 0.5, length, seed=1, member=m).phases) for m in range(8)]
    np.testing.assert_allclose(np.mean(found), wanted, rtol=0.04)


def test_mistakes_are_named():
    image = np.array([[0, 1], [1, 1]])
    with pytest.raises(ValueError, match="phase: the image has no voxel of phase 2"):
        two_point(image, 2)
    with pytest.raises(ValueError, match="other: the image has no voxel"):
        two_point(image, 1, 2)
    with pytest.raises(ValueError, match="phases: expected an array of integers"):
        two_point(image * 1.0)
    with pytest.raises(ValueError, match="axis: expected 0 to 1"):
        chord_lengths(image, 1, 2)
    with pytest.raises(ValueError, match="bins"):
        radial_average(image * 1.0, bins=0)
    with pytest.raises(ValueError, match="fills the cell"):
        correlation_length(np.ones((4, 4), dtype=int))
