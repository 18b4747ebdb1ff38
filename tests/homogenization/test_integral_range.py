"""The integral range comes back from synthetic members and agrees with media whose range is known."""

import numpy as np
import pytest
from scipy.spatial import Voronoi

from msjax.homogenization.integral_range import (
    integral_range,
    realisations_needed,
    size_needed,
    variance_law,
)
from msjax.homogenization.random_sets import (
    boolean_integral_range,
    mosaic_integral_range,
    two_phase_point_variance,
)

from .covering import SETS, assert_nominal, covers


def test_integral_range_of_independent_cells():
    """Members of n cells of volume v hold n independent values: A = v, whatever the fraction."""
    rng, fraction, cell = np.random.default_rng(3), 0.3, 2.5
    cells = np.array([16, 64, 256, 1024])
    samples = [rng.binomial(n, fraction, 400) / n for n in cells]
    found = integral_range(
        cells * cell,
        [np.var(x, ddof=1) for x in samples],
        two_phase_point_variance(fraction, 1.0, 0.0),
        members=[400] * 4,
    )
    assert found.volume.lower < cell < found.volume.upper
    assert found.volume.upper / found.volume.lower < 1.2
    assert found.exponent == 1.0
    assert found.exponent_error == 0.0


@pytest.mark.parametrize("exponent", [1.0, None])
def test_integral_range_covers(exponent):
    """Normal members with D² = 0.25, A = 3: the interval of A, and the exponent within its error."""
    rng, volumes, members = np.random.default_rng(4), np.array([10.0, 30.0, 100.0, 300.0]), np.array([30, 20, 20, 10])
    variances = 0.25 * 3.0 / volumes * rng.chisquare(members - 1, (SETS, 4)) / (members - 1)
    found = [integral_range(volumes, v, 0.25, members, exponent) for v in variances]
    assert_nominal(covers([x.volume for x in found], 3.0))
    if exponent is None:
        errors = np.array([(x.exponent - 1.0) / x.exponent_error for x in found])
        assert abs(np.mean(errors)) < 0.1
        assert_nominal(np.abs(errors) < 1.959964)


@pytest.mark.slow
@pytest.mark.parametrize(("exponent", "degrees"), [(1.0, 4), (None, 3)])
def test_misfit_of_few_members(exponent, degrees):
    """Four members a size: χ² has the mean of its degrees of freedom only with the right variance of ln s²."""
    volumes = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    variances = np.random.default_rng(5).chisquare(3, (4000, 5)) / 3 / volumes
    misfits = [variance_law(volumes, v, [4] * 5, exponent).misfit for v in variances]
    assert abs(np.mean(misfits) - degrees) < 4 * np.std(misfits) / np.sqrt(4000)


def test_without_counts_the_residuals_give_the_errors():
    rng, volumes = np.random.default_rng(5), np.array([1.0, 3.0, 10.0, 30.0, 100.0])
    variances = 0.5 / volumes**0.6 * np.exp(0.2 * rng.normal(size=(SETS, 5)))
    found = [variance_law(volumes, v, exponent=None).volume(0.05) for v in variances]
    assert_nominal(covers(found, 10.0 ** (1.0 / 0.6)))


def test_size_and_realisations_are_inverse_and_follow_the_formula():
    volumes = np.array([10.0, 100.0])
    law = variance_law(volumes, 2.0 / volumes)
    found = realisations_needed(50.0, 0.02, mean=5.0, law=law)
    np.testing.assert_allclose(found.value, 4 * (2.0 / 50.0) / (0.02 * 5.0) ** 2, rtol=1e-12)
    np.testing.assert_allclose(size_needed(found.value, 0.02, mean=5.0, law=law).value, 50.0, rtol=1e-12)
    np.testing.assert_allclose(size_needed(found.value, 0.02, mean=-5.0, law=law).value, 50.0, rtol=1e-12)


def test_size_needed_covers():
    rng, volumes, members = np.random.default_rng(6), np.array([8.0, 27.0, 64.0]), 40
    variances = 2.0 / volumes**0.8 * rng.chisquare(members - 1, (SETS, 3)) / (members - 1)
    laws = [variance_law(volumes, v, [members] * 3, exponent=None) for v in variances]
    truth = (2.0 / (4 * (0.05 * 3.0) ** 2 / 4)) ** (1 / 0.8)
    assert_nominal(covers([size_needed(4, 0.05, mean=3.0, law=law) for law in laws], truth))


def test_a_scatter_that_does_not_fall_needs_an_infinite_volume():
    volumes, members = [1.0, 10.0, 100.0], [30, 30, 30]
    level = variance_law(volumes, [1.0, 1.1, 1.05], members, exponent=None)
    assert level.volume(0.1).upper == np.inf
    assert level.volume(0.1).lower > 100.0
    assert level.volume(1.0).lower == 0.0
    growing = variance_law(volumes, [0.1, 1.0, 10.0], members, exponent=None)
    assert growing.volume(0.01).lower == np.inf


@pytest.mark.slow
def test_mosaics():
    """Poisson-Voronoi in the plane: the variance of the cell area is 0.280176 of the squared mean (Brakke)."""
    points = np.random.default_rng(7).random((20000, 2))
    tessellation = Voronoi(points)
    areas = []
    for point, region in zip(points, tessellation.point_region):
        corners = tessellation.vertices[tessellation.regions[region]]
        if np.all(np.abs(point - 0.5) < 0.45):
            x, y = corners.T
            areas.append(0.5 * abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))))
    areas = np.array(areas)
    np.testing.assert_allclose(mosaic_integral_range(areas) / areas.mean(), 1.280176, rtol=0.01)


def test_overlapping_segments_have_a_closed_form():
    for fraction in (0.1, 0.5, 0.9):
        q = 1.0 - fraction
        theta = -np.log(q) / 2.0
        exact = 2.0 * q / fraction * ((1.0 / q - 1.0) / theta - 2.0)
        np.testing.assert_allclose(boolean_integral_range(1.0, fraction, 1), exact, rtol=1e-13)


@pytest.mark.parametrize(("dim", "ball"), [(1, 2.0), (2, np.pi), (3, 4 * np.pi / 3)])
def test_few_balls_are_independent_balls(dim, ball):
    np.testing.assert_allclose(boolean_integral_range(1.0, 1e-10, dim), ball, rtol=1e-9)
    ratio = boolean_integral_range(2.0, 0.4, dim) / boolean_integral_range(1.0, 0.4, dim)
    np.testing.assert_allclose(ratio, 2.0**dim, rtol=1e-12)


def test_overlapping_discs_scatter_as_their_integral_range_says():
    """Simulated on a periodic grid; the scatter of the covered fraction, for two sizes of the window."""
    rng, radius, fraction, edge = np.random.default_rng(8), 4.0, 0.4, 128
    count = -np.log1p(-fraction) / (np.pi * radius**2) * edge**2
    axis = np.minimum(np.arange(edge), edge - np.arange(edge)).astype(float)
    kernel = np.fft.rfft2((axis[:, None] ** 2 + axis[None, :] ** 2 <= radius**2).astype(float))
    disc = kernel[0, 0].real
    fractions, windows = [], []
    for _ in range(600):
        marks = np.zeros((edge, edge))
        centres = rng.integers(0, edge, (2, rng.poisson(count)))
        np.add.at(marks, tuple(centres), 1.0)
        covered = np.fft.irfft2(np.fft.rfft2(marks) * kernel, s=marks.shape) > 0.5
        fractions.append(covered.mean())
        windows += covered.reshape(2, 64, 2, 64).mean(axis=(1, 3)).ravel().tolist()
    radius = np.sqrt(disc / np.pi)  # of the disc of this many pixels
    phi = np.mean(fractions)
    expected = boolean_integral_range(radius, phi, 2)
    measured = np.var(fractions) * edge**2 / (phi * (1 - phi))
    np.testing.assert_allclose(measured, expected, rtol=3 * np.sqrt(2 / 600))
    open_windows = np.var(windows) * 64**2 / (phi * (1 - phi))  # not periodic: smaller by a term in radius/edge
    assert 0.8 * expected < open_windows < expected * (1 + 3 * np.sqrt(2 / 2400))


LAW = variance_law([1.0, 2.0], [1.0, 0.5])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: variance_law([1.0, 2.0], [1.0, 0.0]), r"variances\[1\]: 0.0"),
        (lambda: variance_law([1.0, 2.0], [1.0, 0.5], members=[1, 5]), r"members\[0\]: 1.0, expected at least 2"),
        (lambda: variance_law([1.0, 2.0], [1.0, 0.5], exponent=None), "volumes: 2 sizes, expected at least 3"),
        (lambda: variance_law([1.0, 2.0], [1.0]), "variances: shape"),
        (lambda: integral_range([1.0, 2.0], [1.0, 0.5], 0.0), "point_variance: 0.0"),
        (lambda: size_needed(1, 0.1, mean=0.0, law=LAW), "mean: 0.0"),
        (lambda: realisations_needed(1.0, -0.1, mean=1.0, law=LAW), "relative_error: -0.1"),
        (lambda: two_phase_point_variance(1.5, 1.0, 0.0), "fraction: 1.5"),
        (lambda: boolean_integral_range(1.0, 1.0), "fraction: 1.0"),
        (lambda: boolean_integral_range(1.0, 0.5, 4), "dim: 4"),
        (lambda: mosaic_integral_range([1.0, -1.0]), r"cell_volumes\[1\]: -1.0"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
