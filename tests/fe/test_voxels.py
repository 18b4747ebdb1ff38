"""Voxel kernels against element loops written out in numpy."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

from msjax.fe.voxels import (
    VoxelGrid,
    affine_values,
    average_gradient,
    element_matrices,
    gradient_matrix,
    shape_gradients,
    sweep,
    sweep_fields,
)

GRIDS = [
    VoxelGrid((4, 6), (1.0, 0.7)),
    VoxelGrid((4, 3), (1.0, 0.7), "reduced"),
    VoxelGrid((4, 2, 3), (0.8, 1.0, 1.7)),
    VoxelGrid((4, 2, 3), (0.8, 1.0, 1.7), "reduced"),
]


def names(grid):
    return f"{grid.dim}d-{grid.integration}"


def tangents(count, components, dim, seed=0):
    """Random tangents with the major symmetry alone."""
    size = components * dim
    a = np.random.default_rng(seed).normal(size=(count, size, size))
    return jnp.asarray((a @ a.mT + np.eye(size)).reshape(count, components, dim, components, dim))


def element_by_quadrature(grid, tangent):
    """∫ ∂N_a/∂X_J A_iJkL ∂N_b/∂X_L with shape functions as polynomials on [0, 1]^d, point by point, in loops."""
    dim, components = grid.dim, tangent.shape[0]
    h = [length / n for length, n in zip(grid.lengths, grid.shape, strict=True)]
    offset = 0.5 / np.sqrt(3.0)
    abscissae = [0.5 - offset, 0.5 + offset] if grid.integration == "full" else [0.5]
    corners = list(itertools.product((0, 1), repeat=dim))
    weight = np.prod(h) / len(abscissae) ** dim
    matrix = np.zeros((len(corners), components, len(corners), components))
    for point in itertools.product(abscissae, repeat=dim):
        slope = np.empty((len(corners), dim))
        for a, corner in enumerate(corners):
            for j in range(dim):
                slope[a, j] = (1.0 if corner[j] else -1.0) / h[j]
                for other in range(dim):
                    if other != j:
                        slope[a, j] *= point[other] if corner[other] else 1.0 - point[other]
        for a in range(len(corners)):
            for b in range(len(corners)):
                matrix[a, :, b, :] += weight * np.einsum("j,ijkl,l->ik", slope[a], tangent, slope[b])
    return matrix.reshape(len(corners) * components, -1)


def assembled(grid, matrices, components):
    """Dense stiffness of the closed grid from one matrix per voxel, element by element."""
    nodes = np.arange(np.prod(grid.nodes)).reshape(grid.nodes)
    total = np.zeros((components, nodes.size, components, nodes.size))
    for number, voxel in enumerate(np.ndindex(*grid.shape)):
        own = [nodes[tuple(v + c for v, c in zip(voxel, corner, strict=True))] for corner in grid.corners]
        block = np.asarray(matrices[number]).reshape(len(own), components, len(own), components)
        for a, row in enumerate(own):
            for b, column in enumerate(own):
                total[:, row, :, column] += block[a, :, b, :]
    return total.reshape(components * nodes.size, -1)


@pytest.mark.parametrize("grid", GRIDS, ids=names)
def test_shape_functions_hold_constants_and_linear_fields(grid):
    slopes = shape_gradients(grid)
    assert slopes.shape == (grid.points, 2**grid.dim, grid.dim)
    np.testing.assert_allclose(slopes.sum(axis=1), 0.0, atol=1e-14)
    where = np.array(grid.corners) * grid.spacing
    np.testing.assert_allclose(
        np.einsum("qaJ,aK->qJK", slopes, where), np.broadcast_to(np.eye(grid.dim), (grid.points,) + (grid.dim,) * 2),
        rtol=1e-13, atol=1e-14,
    )  # fmt: skip


@pytest.mark.parametrize("components", [1, 2, 3])
@pytest.mark.parametrize("grid", GRIDS, ids=names)
def test_element_matrices_are_those_of_a_loop_over_points(grid, components):
    a = tangents(2, components, grid.dim)
    found = element_matrices(grid, a)
    for matrix, tangent in zip(found, a, strict=True):
        np.testing.assert_allclose(matrix, element_by_quadrature(grid, np.asarray(tangent)), rtol=1e-13, atol=1e-14)


def test_a_published_element():
    """The unit square under conduction: (4 −1 −1 −2)/6, any textbook's bilinear Laplacian."""
    grid = VoxelGrid((1, 1), (1.0, 1.0))
    found = element_matrices(grid, jnp.eye(2)[None, None, :, None, :])[0]
    table = np.array([[4, -1, -1, -2], [-1, 4, -2, -1], [-1, -2, 4, -1], [-2, -1, -1, 4]]) / 6.0
    np.testing.assert_allclose(found, table, rtol=1e-14)


@pytest.mark.slow
@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("grid", GRIDS, ids=names)
def test_a_sweep_is_the_assembled_matrix_whatever_the_slabs(grid, components):
    rng = np.random.default_rng(3)
    a = tangents(2, components, grid.dim)
    matrices = element_matrices(grid, a)
    shares = rng.uniform(0.1, 1.0, (2, grid.voxels))
    stiffness = assembled(grid, np.einsum("km,kab->mab", shares, matrices), components)
    field = rng.normal(size=(components, *grid.nodes))
    expected = (stiffness @ field.reshape(-1)).reshape(field.shape)

    def kernel(values, part):
        forces = part[0][None] * (matrices[0] @ values) + part[1][None] * (matrices[1] @ values)
        return forces, jnp.sum(values * forces)

    for slab in (s for s in range(1, grid.shape[0] + 1) if grid.shape[0] % s == 0):
        cut = grid._replace(slab=slab)
        forces, work = sweep(cut, jnp.asarray(field), jnp.asarray(shares), kernel)
        assert forces is not None
        np.testing.assert_allclose(forces, expected, rtol=1e-12, atol=1e-12)
        assert float(work) == pytest.approx(float(np.vdot(field, expected)), rel=1e-12)


@pytest.mark.parametrize("slab", [1, 2, 4])
def test_fields_of_voxels_keep_the_order_of_the_grid(slab):
    grid = VoxelGrid((4, 2, 3), (1.0, 1.0, 1.0), slab=slab)
    label = jnp.arange(grid.voxels, dtype=float)
    forces, sums, fields = sweep_fields(
        grid, jnp.zeros((1, *grid.nodes)), label[None], lambda values, part: (None, jnp.sum(part), part[0])
    )
    assert forces is None
    assert float(sums) == np.sum(np.arange(grid.voxels))
    np.testing.assert_array_equal(fields, label)
    # several fields at once: leading axes stay
    many = jnp.asarray(np.random.default_rng(0).normal(size=(5, 2, *grid.nodes)))
    _, both = sweep(grid, many, label[None], lambda values, part: (None, jnp.einsum("lnm,knm->lk", values, values)))
    alone = [sweep(grid, one, label[None], lambda v, part: (None, jnp.sum(v * v)))[1] for one in many]
    np.testing.assert_allclose(np.diagonal(both), alone, rtol=1e-13)


@pytest.mark.parametrize("components", [1, 3])
@pytest.mark.parametrize("grid", GRIDS, ids=names)
def test_linear_fields_have_their_gradient(grid, components):
    gradient = np.random.default_rng(1).normal(size=(components, grid.dim))
    axes = [np.linspace(0.0, length, n) for length, n in zip(grid.lengths, grid.nodes, strict=True)]
    where = np.stack(np.meshgrid(*axes, indexing="ij"))
    field = jnp.asarray(np.tensordot(gradient, where, 1) + 0.3)
    np.testing.assert_allclose(average_gradient(grid, field), gradient, rtol=1e-13, atol=1e-14)
    values = np.asarray(affine_values(grid, jnp.asarray(gradient)))
    at_points = (gradient_matrix(grid, components) @ values).reshape(grid.points, components, grid.dim)
    np.testing.assert_allclose(at_points, np.broadcast_to(gradient, at_points.shape), rtol=1e-13, atol=1e-14)
    np.testing.assert_allclose(values.reshape(-1, components).mean(axis=0), 0.0, atol=1e-14)


@pytest.mark.parametrize("grid", [GRIDS[0], GRIDS[2]], ids=names)
def test_the_average_gradient_is_the_mean_over_gauss_points(grid):
    field = jnp.asarray(np.random.default_rng(2).normal(size=(2, *grid.nodes)))
    b = jnp.asarray(gradient_matrix(grid, 2))

    def kernel(values, _):
        return None, jnp.sum(b @ values, axis=1)

    _, total = sweep(grid, field, None, kernel)
    mean = np.asarray(total).reshape(grid.points, 2, grid.dim).mean(axis=0) / grid.voxels
    np.testing.assert_allclose(average_gradient(grid, field), mean, rtol=1e-12, atol=1e-14)


def test_slabs_fit_the_cache_and_divide_the_grid():
    for shape in [(32, 32, 32), (64, 64, 64), (30, 7), (13, 200, 200), (1, 1)]:
        grid = VoxelGrid.make(shape)
        assert grid.shape[0] % grid.slab == 0
    assert VoxelGrid.make((8, 4, 2)).lengths == (1.0, 0.5, 0.25)
    assert VoxelGrid.make((8, 4), (3, 2)).lengths == (3.0, 2.0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (((4,),), r"phases: expected a voxel image of dimension 2 or 3 with at least one voxel, got \(4,\)"),
        (((4, 0),), r"at least one voxel, got \(4, 0\)"),
        (((2, 2, 2, 2),), "dimension 2 or 3"),
        (((4, 4), (1.0,)), "lengths: expected 2 positive numbers"),
        (((4, 4), (1.0, 0.0)), "lengths: expected 2 positive numbers"),
        (((4, 4), (1.0, np.nan)), "lengths: expected 2 positive numbers"),
    ],
)
def test_bad_grids_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        VoxelGrid.make(*arguments)


def test_an_unknown_integration_is_refused():
    # the tests' type checks see it before the library's own words
    with pytest.raises((ValueError, TypeCheckError), match="integration"):
        VoxelGrid.make((4, 4), None, "exact")  # type: ignore[arg-type]
