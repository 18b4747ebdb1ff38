"""Voxel images and their materials: mistakes by name, and one stiffness per voxel whatever the route."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe.voxels import VoxelGrid, element_matrices
from msjax.homogenization.phases import check_materials, check_phases, linear_moduli, shares, spread
from msjax.homogenization.tangents import GEMM

SOFT, STIFF = ms.IsotropicElastic(1.0, 0.3, 2), ms.IsotropicElastic(10.0, 0.2, 2)
SOLID = ms.IsotropicElastic(1.0, 0.3)


def spd(n, seed=0):
    a = np.random.default_rng(seed).normal(size=(n, n))
    return a @ a.T + np.eye(n)


def voxel_tensors(materials, phases):
    """Stiffness of every voxel as the moduli give it, (voxels, c, d, c, d)."""
    moduli = linear_moduli(tuple(materials), check_phases(phases, materials))
    return np.einsum("km,kabcd->mabcd", moduli.coefficients, moduli.basis)


CONDUCTORS = [ms.Conductor(1.0, dim=2), ms.Conductor(spd(2), dim=2)]
SETS = {
    "isotropic": [SOFT, STIFF],
    "many isotropic": [ms.IsotropicElastic(float(n), 0.1 * n, 2) for n in range(1, 5)] + [SOFT, STIFF],
    "mixed": [SOFT, ms.LinearElastic(spd(3))],
    "many crystals": [ms.LinearElastic(spd(3, seed)) for seed in range(GEMM + 3)],
    "conductors": [ms.Conductor(float(n), dim=2) for n in range(1, 8)],
    "anisotropic conductors": CONDUCTORS,
    "many anisotropic conductors": [ms.Conductor(spd(2, seed), dim=2) for seed in range(GEMM + 3)],
}


@pytest.mark.parametrize("name", SETS)
def test_every_voxel_has_the_tangent_of_its_material(name):
    materials = SETS[name]
    phases = np.random.default_rng(0).integers(0, len(materials), (3, 5))
    found = voxel_tensors(materials, phases)
    expected = np.stack([np.asarray(materials[n].tensor) for n in phases.ravel()])
    np.testing.assert_allclose(found, expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", SETS)
def test_mixed_voxels_follow_the_rule_of_mixtures(name):
    materials = SETS[name]
    fields = np.random.default_rng(1).dirichlet(np.ones(len(materials)), size=(3, 5)).transpose(2, 0, 1)
    found = voxel_tensors(materials, fields)
    expected = np.einsum("pm,p...->m...", fields.reshape(len(materials), -1), [np.asarray(m.tensor) for m in materials])
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)


@pytest.mark.slow
def test_crystals_in_three_dimensions_beyond_the_few():
    materials = [ms.LinearElastic(spd(6, seed)) for seed in range(GEMM + 1)]
    phases = np.random.default_rng(0).integers(0, len(materials), (2, 3, 2))
    expected = np.stack([np.asarray(materials[n].tensor) for n in phases.ravel()])
    np.testing.assert_allclose(voxel_tensors(materials, phases), expected, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", ["isotropic", "many crystals", "many anisotropic conductors"])
@pytest.mark.parametrize("integration", ["full", "reduced"])
def test_nodal_forces_by_either_route_are_those_of_the_element_matrices(name, integration):
    """Few terms go through stacked element matrices, many through the strains at the points."""
    materials = SETS[name]
    phases = np.random.default_rng(2).integers(0, len(materials), (3, 4))
    grid = VoxelGrid((3, 4), (1.0, 2.0), integration)
    moduli = linear_moduli(tuple(materials), check_phases(phases, materials))
    rows = materials[0].reference_strain.shape[0]
    values = np.random.default_rng(3).normal(size=(4 * rows, 12))
    tensors = jnp.stack([materials[n].tensor for n in phases.ravel()])
    expected = np.einsum("mab,bm->am", element_matrices(grid, tensors), values)
    found = moduli.forces(grid)(jnp.asarray(values), moduli.data)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_one_field_is_the_share_of_the_second_material():
    field = np.random.default_rng(0).uniform(size=(3, 4))
    both = check_phases(field, [SOFT, STIFF])
    np.testing.assert_allclose(both, np.stack([1.0 - field, field]), rtol=1e-15)
    np.testing.assert_array_equal(check_phases(field > 0.5, [SOFT, STIFF]), field > 0.5)  # and so are booleans


def test_fields_of_zeros_and_ones_are_integers():
    phases = np.random.default_rng(0).integers(0, 3, (3, 4))
    materials = [SOFT, STIFF, SOFT]
    fields = np.stack([phases == n for n in range(3)]).astype(float)
    np.testing.assert_array_equal(shares(check_phases(phases, materials), 3).reshape(3, 3, 4), fields)
    table = jnp.asarray(np.random.default_rng(1).normal(size=(3, 2)))
    np.testing.assert_allclose(spread(table, jnp.asarray(phases)), spread(table, jnp.asarray(fields)), rtol=1e-14)


def test_the_bounds_of_the_moduli():
    materials = SETS["many crystals"]
    phases = np.random.default_rng(0).integers(0, len(materials), (3, 5))
    moduli = linear_moduli(tuple(materials), check_phases(phases, materials))
    tensors = voxel_tensors(materials, phases)
    np.testing.assert_allclose(moduli.reference, tensors.mean(axis=0), rtol=1e-12)
    assert float(moduli.largest) >= np.max(np.abs(tensors)) * (1 - 1e-12)


@pytest.mark.parametrize(
    ("phases", "materials", "message"),
    [
        (np.array([[0, 1], [2, 0]]), [SOFT, STIFF], r"phases\[1, 0\] = 2: expected 0 … 1, one of 2 materials"),
        (np.array([[0, -1]]), [SOFT, STIFF], r"phases\[0, 1\] = -1: expected 0 … 1"),
        (np.zeros((4,), int), [SOFT], r"need a voxel image of that dimension, got shape \(4,\)"),
        (np.zeros((2, 2, 2), int), [SOFT], r"materials of dimension 2 need a voxel image of that dimension, got shape"),
        (np.zeros((2, 2), int), [SOLID], r"materials of dimension 3 need a voxel image of that dimension, got shape"),
        (np.zeros((2, 2), int), [], "materials: expected at least one"),
        (np.zeros((2, 2), complex), [SOFT, STIFF], r"phases: expected integers or fields in \[0, 1\], got complex"),
        ("two discs", [SOFT, STIFF], "phases: expected an array of numbers, got str"),
        (np.full((2, 2), 1.5), [SOFT, STIFF], r"phases\[0, 0\] = 1.5 lies outside \[0, 1\]"),
        (np.array([[0.0, np.nan]]), [SOFT, STIFF], r"phases\[0, 1\] = nan is not finite"),
        (np.full((2, 2, 2), 0.4), [SOFT, STIFF], r"the fields add up to 0.8 at voxel \(0, 0\), not to 1"),
        (np.full((3, 2, 2), 1 / 3), [SOFT, STIFF], r"2 materials need fields of shape \(2, n, n\) or one field of the"),
        (np.full((2, 2), 1.0), [SOFT, STIFF, SOFT], r"3 materials need fields of shape \(3, n, n\), got \(2, 2\)"),
    ],
)
def test_wrong_images_are_refused(phases, materials, message):
    with pytest.raises(ValueError, match=message):
        check_phases(phases, materials)


def test_wrong_materials_are_refused():
    with pytest.raises(ValueError, match=r"materials\[1\]: expected a material, got float"):
        check_materials([SOFT, 2.0], 2)
    with pytest.raises(ValueError, match=r"materials\[1\]: its strain has shape \(1, 2\), that of materials\[0\]"):
        check_materials([SOFT, ms.Conductor(1.0, dim=2)], 2)
    with pytest.raises(ValueError, match=r"materials\[0\]: is of dimension 3, the voxel image of dimension 2"):
        check_materials([SOLID, SOLID], 2)


def test_an_index_that_only_a_trace_hides_becomes_nan():
    def first(phases):
        return linear_moduli((SOFT, STIFF), phases).coefficients[0]

    found = jax.jit(first)(jnp.array([[0, 1], [7, 0]], dtype=jnp.int32))
    np.testing.assert_array_equal(np.isnan(found), [False, False, True, False])
