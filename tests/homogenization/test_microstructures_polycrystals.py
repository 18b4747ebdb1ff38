"""Voronoi and Laguerre polycrystals against brute force and wanted volumes."""

import numpy as np
import pytest

from msjax.homogenization.microstructures import laguerre, voronoi


def brute_force(image, weights):
    """Smallest power distance over all seeds and images."""
    shape, lengths = image.phases.shape, np.asarray(image.lengths)
    axes = [(np.arange(n) + 0.5) * length / n for n, length in zip(shape, lengths)]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), -1)
    best = np.full((*shape, len(weights)), np.inf)
    for step in np.ndindex(*(3,) * len(shape)):
        offsets = grid[..., None, :] - image.centres - (np.array(step) - 1) * lengths
        best = np.minimum(best, np.sum(offsets**2, axis=-1) - weights)
    return np.argmin(best, axis=-1)


@pytest.mark.parametrize(
    ("shape", "lengths"), [((16, 16, 16), None), ((40, 30), None), ((12, 16, 20), (1.0, 0.5, 2.0))]
)
def test_voronoi_is_the_nearest_seed(shape, lengths):
    image = voronoi(shape, 12, seed=2, lengths=lengths)
    assert np.array_equal(image.phases, brute_force(image, np.zeros(12)))
    assert len(image.fraction) == 12
    assert image.orientations.shape == (12, len(shape), len(shape))
    np.testing.assert_allclose(np.linalg.det(image.orientations), 1.0)


def test_poisson_voronoi_areas_scatter_as_published():
    # Gilbert, doi:10.1214/aoms/1177704464: the second moment is 1.2802 in units of the squared mean
    areas = np.concatenate([np.array(voronoi((256, 256), 200, seed=1, member=m).fraction) * 200 for m in range(6)])
    np.testing.assert_allclose(np.mean(areas**2), 1.2802, atol=3.5 * np.std(areas**2) / np.sqrt(len(areas)))
    assert np.std(areas**2) / np.sqrt(len(areas)) < 0.06


@pytest.mark.parametrize(("shape", "spread"), [((32, 32, 32), 0.0), ((32, 32, 32), 0.6), ((96, 96), 0.35)])
def test_laguerre_grains_have_the_wanted_volumes(shape, spread):
    image = laguerre(shape, grains=30, spread=spread, seed=3)
    difference = np.abs(np.subtract(image.fraction, image.wanted))
    assert difference.sum() <= 0.004
    assert image.error == difference.max()
    assert np.sum(image.wanted) == pytest.approx(1.0)
    # far from what the seeds alone give
    alone = voronoi(shape, 30, seed=3)
    assert np.abs(np.subtract(alone.fraction, image.wanted)).sum() > 0.1


def test_laguerre_cells_are_separated_by_planes():
    """Two grains with the power diagram's flat faces: no other weights than those that order x·(s₁ − s₂)."""
    image = laguerre((64, 64), volumes=[1.0, 3.0, 2.0], seed=5)
    pixels = (np.stack(np.meshgrid(*[(np.arange(64) + 0.5) / 64] * 2, indexing="ij"), -1)).reshape(-1, 2)
    owner = image.phases.ravel()
    offset = pixels[:, None] - image.centres
    squared = np.sum((offset - np.round(offset)) ** 2, axis=-1)
    for one in range(3):
        for two in range(one):
            gap = squared[:, one] - squared[:, two]  # weight(one) − weight(two) lies above it in one, below it in two
            assert gap[owner == one].max() <= gap[owner == two].min()


def test_very_uneven_volumes_are_reached():
    image = laguerre((96, 96), volumes=[0.02] + [1.0] * 8 + [6.0], seed=11)
    assert np.abs(np.subtract(image.fraction, image.wanted)).sum() <= 0.004
    assert min(image.fraction) > 0


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="grains: expected a positive integer"):
        voronoi((8, 8), 0)
    with pytest.raises(ValueError, match="grains, volumes: give exactly one"):
        laguerre((8, 8))
    with pytest.raises(ValueError, match=r"volumes\[1\]: expected a positive number"):
        laguerre((8, 8), volumes=[1.0, 0.0])
    with pytest.raises(ValueError, match=r"volumes\[0\]: less than one voxel"):
        laguerre((8, 8), volumes=[0.001, 1.0])
    with pytest.raises(ValueError, match="spread"):
        laguerre((8, 8), grains=3, spread=-1.0)
