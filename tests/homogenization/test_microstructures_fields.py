"""Laminates, checkerboards, cracks, Gaussian fields and minimal surfaces."""

import numpy as np
import pytest

from msjax.homogenization.microstructures import (
    checkerboard,
    crack,
    gaussian_field,
    gaussian_values,
    laminate,
    tpms,
    tpms_values,
    two_point,
)


def test_a_laminate_has_whole_planes_and_says_by_how_much_it_misses():
    image = laminate((10, 4, 3), [0.3, 0.3, 0.4], axis=0, lengths=(1.0, 1.0, 1.0))
    assert image.phases[:, 0, 0].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2, 2]
    assert image.fraction == (0.3, 0.3, 0.4)
    assert image.error < 1e-15
    rough = laminate((4, 8), [1 / 3, 2 / 3], axis=1)
    assert rough.fraction == (0.375, 0.625)
    np.testing.assert_allclose(rough.error, 0.375 - 1 / 3)
    assert laminate((2, 8), [0.5, 0.5], axis=1, repeats=4).phases[0].tolist() == [0, 1] * 4


def test_a_checkerboard_is_periodic_and_half_full():
    image = checkerboard((8, 12, 4), (4, 2, 2))
    assert image.fraction == (0.5, 0.5)
    for axis, period in enumerate((2, 6, 2)):
        assert np.array_equal(np.roll(image.phases, period, axis), 1 - image.phases)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_penny_crack_is_one_voxel_thick_and_has_its_area(axis):
    image = crack((64, 64, 64), 0.3, axis=axis, centre=(0.1, 0.5, 0.95))
    planes = np.flatnonzero(image.phases.any(axis=tuple(k for k in range(3) if k != axis)))
    assert planes.tolist() == [int((0.1, 0.5, 0.95)[axis] * 64)]
    np.testing.assert_allclose(image.fraction[1] * 64, np.pi * 0.09, rtol=0.01)


@pytest.mark.parametrize("spectrum", ["gaussian", "exponential", lambda k: np.exp(-(k**2) / 4)])
def test_the_field_has_its_correlation(spectrum):
    length, n = 0.06, 128
    x = np.arange(n) / n
    wanted = np.exp(-x / length) if spectrum == "exponential" else np.exp(-((x / length) ** 2))
    found = []
    for member in range(20):
        field = gaussian_values((n, n), length, spectrum=spectrum, seed=1, member=member)
        power = np.abs(np.fft.fftn(field)) ** 2
        found.append(np.fft.ifftn(power).real[: n // 2, 0] / n**2)
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    # the removed mean carries the integral of the correlation over the cell
    integral = (2 if spectrum == "exponential" else 1) * np.pi * length**2
    difference = np.mean(found, axis=0) - (wanted[: n // 2] - integral)
    assert np.max(np.abs(difference) / (error + 0.004)) < 4
    assert error.max() < 0.04


def test_the_fraction_is_exact_to_half_a_voxel():
    for fraction in (0.1, 0.333, 0.9):
        image = gaussian_field((20, 24, 28), fraction, 0.2, seed=1)
        assert image.error <= 0.5 / image.phases.size * (1 + 1e-6)


def test_two_point_function_of_a_half_full_level_set_is_an_arcsine():
    length, n = 0.05, 128
    found = [two_point(gaussian_field((n, n), 0.5, length, seed=2, member=m).phases)[:24, 0] for m in range(20)]
    r = np.arange(24) / n
    rho = (np.exp(-((r / length) ** 2)) - np.pi * length**2) / (1 - np.pi * length**2)
    wanted = 0.25 + np.arcsin(rho) / (2 * np.pi)
    error = np.std(found, axis=0, ddof=1) / np.sqrt(len(found))
    assert np.max(np.abs(np.mean(found, axis=0) - wanted) / (error + 5e-4)) < 4
    assert error.max() < 0.01


@pytest.mark.parametrize("kind", ["gyroid", "primitive", "diamond", "neovius"])
@pytest.mark.parametrize("sheet", [False, True])
def test_a_minimal_surface_has_its_fraction_and_its_cells(kind, sheet):
    image = tpms((32, 32, 32), kind, fraction=0.3, sheet=sheet)
    assert image.error < 0.005
    twice = tpms((64, 64, 64), kind, fraction=0.3, sheet=sheet, cells=2)
    assert np.array_equal(twice.phases, np.tile(image.phases, (2, 2, 2)))


def test_both_sides_of_a_minimal_surface_are_congruent():
    # the half-cell shift along the diagonal takes the primitive surface's one side to the other
    primitive = tpms_values((32, 32, 32), "primitive")
    np.testing.assert_allclose(np.roll(primitive, (16, 16, 16), (0, 1, 2)), -primitive, atol=1e-12)
    # inversion does so for the gyroid; voxel centres map on voxel centres
    gyroid = tpms_values((32, 32, 32), "gyroid")
    np.testing.assert_allclose(gyroid[::-1, ::-1, ::-1], -_inverted_gyroid(), atol=1e-12)
    assert tpms((32, 32, 32), "gyroid", fraction=0.5).fraction == (0.5, 0.5)
    # and the diamond surface is invariant under quarter shifts with a rotation of the axes: all three are alike
    diamond = tpms_values((24, 24, 24), "diamond")
    np.testing.assert_allclose(np.transpose(diamond, (1, 2, 0)), diamond, atol=1e-12)


def _inverted_gyroid():
    x, y, z = np.meshgrid(*[2 * np.pi * (np.arange(32) + 0.5) / 32] * 3, indexing="ij")
    return np.sin(x) * np.cos(y) + np.sin(y) * np.cos(z) + np.sin(z) * np.cos(x)


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: laminate((4, 4), [0.5, 0.4]), "fractions: expected numbers that sum to 1"),
        (lambda: laminate((4, 4), [0.95, 0.05]), r"fractions\[1\]: expected at least one plane"),
        (lambda: laminate((4, 4), [1.5, -0.5]), r"fractions\[0\]"),
        (lambda: laminate((4, 4), [0.5, 0.5], axis=2), "axis: expected 0 to 1"),
        (lambda: laminate((4, 4), [0.5, 0.5], repeats=3), "repeats: 3 does not divide"),
        (lambda: checkerboard((6, 6), 3), r"tiles\[0\]: expected an even number"),
        (lambda: checkerboard((6, 6), (2, 4)), r"tiles\[1\]"),
        (lambda: crack((8, 8), 0.6), "radius: expected at most half"),
        (lambda: crack((4, 4), 0.01), "radius: no voxel centre"),
        (lambda: crack((4, 4), 0.2, centre=(0.5,)), "centre: expected 2"),
        (lambda: gaussian_field((8, 8), 0.0, 0.1), "fraction"),
        (lambda: gaussian_field((8, 8), 0.001, 0.1), "none or all of them"),
        (lambda: gaussian_field((8, 8), 0.5, -0.1), "length"),
        (lambda: gaussian_values((8, 8), 0.1, spectrum=lambda k: -k), "spectrum: expected finite densities"),
        (lambda: gaussian_values((8, 8), 0.1, spectrum=lambda k: k[0]), "spectrum: expected densities of shape"),
        (lambda: tpms((8, 8), fraction=0.5), "shape: expected 3"),
        (lambda: tpms((8, 8, 8), fraction=0.5, cells=0), "cells"),
    ],
)
def test_mistakes_are_named(build, text):
    with pytest.raises(ValueError, match=text):
        build()
