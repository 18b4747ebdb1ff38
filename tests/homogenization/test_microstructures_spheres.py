"""Spheres: no overlaps, published jamming densities, exact fractions, streams of their own per member."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from msjax.homogenization.microstructures import Microstructure, spheres, voids
from msjax.homogenization.microstructures.packing import add_sequentially


def least_clearance(image, radii=None):
    """Smallest distance between surfaces over all pairs and images, by brute force."""
    radii = image.radii if radii is None else radii
    centres, lengths = image.centres, np.asarray(image.lengths)
    worst = np.inf
    for step in np.ndindex(*(3,) * centres.shape[1]):
        shift = (np.array(step) - 1) * lengths
        distance = np.linalg.norm(centres[:, None] - centres[None] + shift, axis=-1)
        if not np.any(shift):
            np.fill_diagonal(distance, np.inf)
        worst = min(worst, np.min(distance - radii[:, None] - radii[None]))
    return worst


@pytest.mark.parametrize(
    ("shape", "fraction", "count", "extra"),
    [
        ((32, 32, 32), 0.30, 40, {}),
        ((32, 32, 32), 0.45, 40, {}),  # beyond random addition
        ((32, 32, 32), 0.58, 100, {}),
        ((64, 64), 0.50, 60, {}),
        ((64, 64), 0.75, 60, {}),
        ((32, 32, 32), 0.40, 60, {"polydispersity": 0.3}),
        ((32, 32, 32), 0.25, 30, {"gap": 0.03}),
        ((32, 48, 16), 0.35, 20, {"lengths": (1.0, 2.0, 0.75)}),
        ((16, 16, 16), 0.50, 1, {}),  # the simple cubic lattice
    ],
)
def test_spheres_do_not_overlap_and_fill_their_fraction(shape, fraction, count, extra):
    image = spheres(shape, fraction, count=count, seed=4, **extra)
    assert least_clearance(image) >= extra.get("gap", 0.0) - 1e-3 * image.radii.min()
    volume = np.pi * image.radii**2 if len(shape) == 2 else 4 / 3 * np.pi * image.radii**3
    np.testing.assert_allclose(volume.sum() / np.prod(image.lengths), fraction, rtol=1e-12)
    assert image.error < 0.02
    assert image.phases.shape == shape
    assert image.wanted == (1 - fraction, fraction)


@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.5])
@pytest.mark.parametrize("shape", [(32, 32, 32), (96, 96)])
def test_an_exact_fraction_is_within_one_voxel(shape, fraction):
    image = spheres(shape, fraction, count=15, polydispersity=0.2, exact=True, seed=2)
    assert image.error <= 1 / image.phases.size
    # the image is that of the reported radii: brute force, all images
    grid = np.stack(np.meshgrid(*[(np.arange(n) + 0.5) / n for n in shape], indexing="ij"), axis=-1)
    offsets = grid[..., None, :] - image.centres
    inside = np.linalg.norm(offsets - np.round(offsets), axis=-1) <= image.radii
    assert np.array_equal(inside.any(axis=-1), image.phases == 1)


@pytest.mark.parametrize(("dimension", "radius", "published"), [(2, 0.03, 0.547074), (3, 0.08, 0.384131)])
def test_random_addition_saturates_where_published(dimension, radius, published):
    # doi:10.1103/PhysRevE.88.053312
    volume = np.pi * radius**2 if dimension == 2 else 4 / 3 * np.pi * radius**3
    found = [
        volume * len(add_sequentially(np.full(400, radius), (1.0,) * dimension, np.random.default_rng(seed)))
        for seed in range(12)
    ]
    error = np.std(found, ddof=1) / np.sqrt(len(found))
    assert error < 0.004
    assert abs(np.mean(found) - published) < 3.5 * error


def test_a_member_does_not_depend_on_the_process_and_members_differ():
    first = [spheres((24, 24), 0.4, count=10, seed=7, member=m) for m in (0, 1)]
    again = [spheres((24, 24), 0.4, count=10, seed=7, member=m) for m in (1, 0)][::-1]
    for one, two in zip(first, again):
        assert np.array_equal(one.phases, two.phases)
        assert np.array_equal(one.centres, two.centres)
    assert not np.array_equal(first[0].phases, first[1].phases)
    assert not np.array_equal(first[0].phases, spheres((24, 24), 0.4, count=10, seed=8).phases)


def test_a_given_radius_stays_and_sets_the_number():
    image = spheres((48, 48, 48), 0.2, radius=0.1, seed=1)
    assert len(image.radii) == round(0.2 / (4 / 3 * np.pi * 1e-3))
    assert np.all(image.radii == 0.1)
    many = spheres((128, 128), 0.3, radius=0.01, polydispersity=0.4, seed=1)
    np.testing.assert_allclose(many.radii.mean(), 0.01, rtol=0.05)
    np.testing.assert_allclose(many.radii.std() / many.radii.mean(), 0.4, rtol=0.15)


def test_overlapping_spheres_leave_the_fraction_of_a_boolean_model():
    found = [spheres((64, 64), 0.5, radius=0.04, overlapping=True, seed=3, member=m).fraction[1] for m in range(30)]
    error = np.std(found) / np.sqrt(len(found))
    assert abs(np.mean(found) - 0.5) < 3.5 * error
    assert error < 0.01
    assert pdist(spheres((64, 64), 0.5, radius=0.04, overlapping=True).centres).min() < 0.04


def test_voids_are_spheres():
    assert np.array_equal(voids((16, 16), 0.3, count=3, seed=1).phases, spheres((16, 16), 0.3, count=3, seed=1).phases)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"shape": (8,)}, "shape: expected 2 or 3"),
        ({"shape": (8, 0)}, r"shape\[1\]"),
        ({"fraction": 1.0}, "fraction: expected a number between 0 and 1"),
        ({"fraction": float("nan")}, "fraction"),
        ({"count": None}, "radius, count: give exactly one"),
        ({"radius": 0.1}, "radius, count: give exactly one"),
        ({"count": 0}, "count: expected a positive integer"),
        ({"count": None, "radius": -1.0}, "radius: expected a positive number"),
        ({"count": None, "radius": 0.4}, "radius: one sphere"),
        ({"gap": -0.1}, "gap"),
        ({"gap": 0.1, "overlapping": True}, "gap: overlapping"),
        ({"polydispersity": -0.1}, "polydispersity"),
        ({"seed": -1}, "seed: expected an integer"),
        ({"member": -1}, "member: expected an integer"),
        ({"lengths": (1.0,)}, "lengths: expected 2 edges"),
        ({"lengths": (1.0, 0.0)}, r"lengths\[1\]"),
        ({"count": 1, "fraction": 0.8}, "overlaps its own periodic image"),
        ({"fraction": 0.93, "count": 12}, "not packed without overlap"),
    ],
)
def test_mistakes_are_named(arguments, text):
    with pytest.raises(ValueError, match=text):
        spheres(**({"shape": (16, 16), "fraction": 0.2, "count": 4} | arguments))


def test_an_image_is_no_alias_of_the_array_it_was_made_from():
    array = np.zeros((2, 2), dtype=np.int32)
    image = Microstructure.of(array)
    array[0, 0] = 1
    assert image.phases.sum() == 0
    assert image.spacing == (0.5, 0.5)
    assert np.isnan(image.error)
