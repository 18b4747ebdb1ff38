"""Spaces of fluctuations: transposes, inclusions, and preconditioners that solve homogeneous media."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.fe.fluctuations import Fluctuations, PerAxis, Periodic, green_metric
from msjax.fe.strings import cosines, sines, waves
from msjax.fe.voxels import VoxelGrid, average_gradient, element_matrices, sweep


def kubc(grid):
    return PerAxis(grid, ("kubc",) * grid.dim)


def subc(grid):
    return PerAxis(grid, ("subc",) * grid.dim)


def held_and_free(grid):
    return PerAxis(grid, ("subc", "kubc", "periodic")[: grid.dim])


def closed_and_free(grid):
    return PerAxis(grid, ("periodic", "subc", "periodic")[: grid.dim])


def closed_and_held(grid):
    return PerAxis(grid, ("kubc", "periodic", "kubc")[: grid.dim])


MIXED = [held_and_free, closed_and_free, closed_and_held]
SPACES = [kubc, Periodic, subc, held_and_free]
PLANE = VoxelGrid((4, 6), (1.0, 1.3), slab=2)
SOLID = VoxelGrid((4, 3, 2), (1.0, 0.7, 0.9), slab=4)


def isotropic(dim, lam=1.2, mu=0.8):
    one = np.eye(dim)
    shear = np.einsum("ik,jl->ijkl", one, one) + np.einsum("il,jk->ijkl", one, one)
    return jnp.asarray(lam * np.einsum("ij,kl->ijkl", one, one) + mu * shear)


def anisotropic(dim, seed=0):
    """Random positive stiffness with the minor symmetries, plus an isotropic one."""
    a = np.random.default_rng(seed).normal(size=(dim, dim, dim * dim))
    a = a + a.swapaxes(0, 1)
    return jnp.asarray(np.einsum("ijs,kls->ijkl", a, a)) + isotropic(dim)


def operator(space: Fluctuations, tangent):
    """Nodal forces of a homogeneous medium in the unknowns of the space."""
    grid = space.grid
    matrix = element_matrices(grid, tangent[None])[0]

    def apply(w):
        forces, _ = sweep(grid, space.expand(w), None, lambda values, _: (matrix @ values, None))
        assert forces is not None
        return space.fold(forces)

    return apply


def dense(linear, shape):
    """Matrix of a linear map on arrays of one shape."""
    size = int(np.prod(shape))
    images = jax.jit(jax.vmap(linear))(jnp.eye(size).reshape(size, *shape))
    return np.asarray(images).reshape(size, -1).T


def unknowns(space, components, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=(components, *space.shape)))


@pytest.mark.parametrize("grid", [PLANE, SOLID], ids=["2d", "3d"])
@pytest.mark.parametrize("kind", SPACES)
def test_fold_is_the_transpose_of_expand(kind, grid):
    space = kind(grid)
    w = unknowns(space, 2)
    forces = jnp.asarray(np.random.default_rng(1).normal(size=(2, *grid.nodes)))
    assert space.expand(w).shape == (2, *grid.nodes)
    assert space.fold(forces).shape == w.shape
    assert float(jnp.vdot(space.expand(w), forces)) == pytest.approx(float(jnp.vdot(w, space.fold(forces))), rel=1e-12)
    # several fields at once
    both = jnp.stack([w, 2.0 * w])
    np.testing.assert_allclose(space.expand(both)[1], 2.0 * space.expand(w), rtol=1e-14)


@pytest.mark.parametrize("grid", [PLANE, SOLID], ids=["2d", "3d"])
def test_the_spaces_lie_in_one_another(grid):
    all_held, periodic, all_free = kubc(grid), Periodic(grid), subc(grid)
    fixed = all_held.expand(unknowns(all_held, 2))
    for axis in range(1, grid.dim + 1):
        for end in (0, -1):
            np.testing.assert_array_equal(jnp.take(fixed, end, axis=axis), 0.0)
    inner = fixed[(slice(None), *(slice(0, -1),) * grid.dim)]
    np.testing.assert_array_equal(periodic.expand(inner), fixed)  # a kubc field is periodic
    repeated = periodic.expand(unknowns(periodic, 2))
    for axis in range(1, grid.dim + 1):
        np.testing.assert_array_equal(jnp.take(repeated, 0, axis=axis), jnp.take(repeated, -1, axis=axis))
    np.testing.assert_allclose(average_gradient(grid, repeated), 0.0, atol=1e-14)
    # a periodic field is one of subc, but for its mean
    free = all_free.expand(repeated)
    mean = jnp.mean(repeated, axis=tuple(range(1, grid.dim + 1)), keepdims=True)
    np.testing.assert_allclose(free, repeated - mean, atol=1e-14)
    np.testing.assert_allclose(average_gradient(grid, all_free.expand(unknowns(all_free, 2))), 0.0, atol=1e-14)
    assert all_held.expand(unknowns(all_held, 1)).size > np.prod(all_held.shape)


@pytest.mark.parametrize("grid", [PLANE, SOLID], ids=["2d", "3d"])
@pytest.mark.parametrize("kind", MIXED)
def test_every_pair_of_faces_keeps_its_condition(kind, grid):
    space = kind(grid)
    field = space.expand(unknowns(space, 2))
    for axis, condition in enumerate(space.conditions, start=1):
        first, last = (jnp.take(field, end, axis=axis) for end in (0, -1))
        if condition != "subc":
            np.testing.assert_array_equal(first, last)
        assert bool(jnp.all(first == 0.0)) == (condition == "kubc")
    np.testing.assert_allclose(average_gradient(grid, field), 0.0, atol=1e-14)
    # what is admissible passes unchanged
    again = space.expand(space._project(unknowns(space, 2)))
    np.testing.assert_allclose(again, field, atol=1e-14)


@pytest.mark.slow
def test_named_conditions_for_every_axis_are_the_periodic_space():
    """Built from strings instead of the Green operator."""
    named = PerAxis(PLANE, ("periodic", "periodic"))
    w = unknowns(named, 2)
    without_mean = w - jnp.mean(w, axis=(1, 2), keepdims=True)
    np.testing.assert_allclose(named.expand(w), Periodic(PLANE).expand(without_mean), atol=1e-14)
    tangent = jnp.diag(jnp.array([1.0, 3.0]))[None, :, None, :]
    force = unknowns(named, 1, seed=3)
    np.testing.assert_allclose(named.solver(tangent)(force), Periodic(PLANE).solver(tangent)(force), atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 5, 6])
@pytest.mark.parametrize("kind", [sines, cosines, waves])
def test_strings_are_diagonal(kind, n):
    """Stiffness, mass and nodal weights of n linear elements, assembled one by one."""
    nodes = {sines: n - 1, cosines: n + 1, waves: n}[kind]
    place = {sines: lambda i: i - 1 if 0 < i < n else None, cosines: lambda i: i, waves: lambda i: i % n}[kind]
    stiffness, mass, weight = (np.zeros((nodes, nodes)) for _ in range(3))
    for element in range(n):
        ends = [place(element), place(element + 1)]
        blocks = ((stiffness, [[1, -1], [-1, 1]]), (mass, [[1 / 3, 1 / 6], [1 / 6, 1 / 3]]), (weight, np.eye(2) / 2))
        for matrix, block in blocks:
            for i, row in enumerate(ends):
                for j, column in enumerate(ends):
                    if row is not None and column is not None:
                        matrix[row, column] += block[i][j]
    vectors, norms, k, m = kind(n)
    assert vectors.shape == (nodes, nodes)
    for matrix, values in ((stiffness, norms * k), (mass, norms * m), (weight, norms)):
        np.testing.assert_allclose(vectors.T @ matrix @ vectors, np.diag(values), atol=1e-12)


@pytest.mark.parametrize("integration", ["full", "reduced"])
@pytest.mark.parametrize("grid", [PLANE, SOLID], ids=["2d", "3d"])
@pytest.mark.parametrize("kind", SPACES)
def test_solvers_are_symmetric_and_positive(kind, grid, integration):
    space = kind(grid._replace(integration=integration))
    tangent = anisotropic(grid.dim)
    shape = (grid.dim, *space.shape)
    matrix = dense(space.solver(tangent), shape)
    if kind is not Periodic:  # residuals have no uniform traction on free faces, and no mean if no face is held
        projection = dense(space._project, shape)
        matrix = projection @ matrix @ projection
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12 * np.max(np.abs(matrix)))
    values = np.linalg.eigvalsh(0.5 * (matrix + matrix.T))
    assert values[0] > -1e-12 * values[-1]
    # what is solved with zero is what the medium does not feel: translations, uniform tractions, hourglasses
    silent = np.sum(values < 1e-10 * values[-1])
    if kind is Periodic:
        stiffness = dense(operator(space, tangent), shape)
        forces = np.linalg.eigvalsh(0.5 * (stiffness + stiffness.T))
        assert silent == np.sum(forces < 1e-10 * forces[-1])
        assert integration == "reduced" or silent == grid.dim
    else:
        free, held = space.conditions.count("subc"), "kubc" in space.conditions
        assert silent == grid.dim * (free + (not held))


@pytest.mark.parametrize("grid", [PLANE, SOLID, VoxelGrid((5, 3), (1.0, 2.0))], ids=["even", "3d", "odd"])
@pytest.mark.parametrize("medium", [isotropic, anisotropic])
def test_the_green_operator_inverts_a_homogeneous_medium(grid, medium):
    space = Periodic(grid)
    tangent = medium(grid.dim)
    w = unknowns(space, grid.dim)
    w = w - jnp.mean(w, axis=tuple(range(1, grid.dim + 1)), keepdims=True)
    back = space.solver(tangent)(operator(space, tangent)(w))
    np.testing.assert_allclose(back, w, rtol=1e-11, atol=1e-12)
    # a constant force has no answer: it is ignored, not amplified
    np.testing.assert_allclose(space.solver(tangent)(jnp.ones_like(w)), 0.0, atol=1e-12)


@pytest.mark.slow
def test_the_green_operator_of_conduction():
    space = Periodic(SOLID)
    a = np.random.default_rng(4).normal(size=(3, 3))
    tangent = jnp.asarray(a @ a.T + np.eye(3))[None, :, None, :]
    w = unknowns(space, 1)
    w = w - jnp.mean(w)
    np.testing.assert_allclose(space.solver(tangent)(operator(space, tangent)(w)), w, rtol=1e-11, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("grid", [PLANE, SOLID], ids=["2d", "3d"])
def test_hourglasses_cost_nothing_and_are_solved_with_zero(grid):
    space = Periodic(grid._replace(shape=(4, 6, 2)[: grid.dim], integration="reduced"))
    tangent = anisotropic(grid.dim)
    sign = 1.0 - 2.0 * (np.indices(space.shape).sum(axis=0) % 2)
    hourglass = jnp.asarray(np.broadcast_to(sign, (grid.dim, *space.shape)))
    np.testing.assert_allclose(operator(space, tangent)(hourglass), 0.0, atol=1e-12)
    np.testing.assert_array_equal(space.solver(tangent)(hourglass), 0.0)
    # and on everything else it is the inverse
    w = unknowns(space, grid.dim)
    stiffness, green = operator(space, tangent), space.solver(tangent)
    once = green(stiffness(w))
    np.testing.assert_allclose(green(stiffness(once)), once, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(stiffness(once), stiffness(w), rtol=1e-9, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("grid", [PLANE, SOLID], ids=["2d", "3d"])
def test_the_metric_is_the_fourier_transform_of_the_assembled_stencil(grid):
    """A unit force's image of every pair (J, L), transformed."""
    space = Periodic(grid)
    metric = green_metric(grid)
    point = jnp.zeros((1, *space.shape)).at[(0,) * (grid.dim + 1)].set(1.0)
    for j in range(grid.dim):
        for k in range(grid.dim):
            tangent = jnp.zeros((1, grid.dim, 1, grid.dim)).at[0, j, 0, k].set(0.5)
            tangent = tangent.at[0, k, 0, j].add(0.5)
            image = operator(space, tangent)(point)[0]
            np.testing.assert_allclose(metric[j, k], np.fft.rfftn(np.asarray(image)), atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("grid", [PLANE, SOLID], ids=["2d", "3d"])
@pytest.mark.parametrize("kind", [kubc, subc, *MIXED])
def test_transforms_invert_orthotropic_conduction(kind, grid):
    """Without mixed derivatives the components of sines and cosines do not couple: the solver is the inverse."""
    space = kind(grid)
    tangent = jnp.diag(jnp.array([1.0, 3.0, 0.4])[: grid.dim])[None, :, None, :]
    w = unknowns(space, 1)
    back = space.solver(tangent)(operator(space, tangent)(w))
    found, expected = space.expand(back), space.expand(w)
    expected = expected - jnp.mean(expected - found)  # of a periodic field the mean says nothing
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-11)


def condition(space, tangent):
    """Ratio of the extreme eigenvalues of the preconditioned homogeneous medium, null modes left out."""
    shape = (tangent.shape[0], *space.shape)
    stiffness, solver = dense(operator(space, tangent), shape), dense(space.solver(tangent), shape)
    values, vectors = np.linalg.eigh(0.5 * (stiffness + stiffness.T))
    kept = values > 1e-10 * values[-1]
    root = vectors[:, kept] * np.sqrt(values[kept])
    found = np.linalg.eigvalsh(root.T @ solver @ root)
    return found[-1] / found[0]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [kubc, subc, held_and_free])
def test_elsewhere_the_preconditioner_is_equivalent_uniformly_in_the_grid(kind):
    """In the plane (div u)² ≤ 2 Σ (∂_i u_i)²; fixed faces: energy μ|∇u|² + (λ + μ)(div u)². Free faces add Korn's."""
    lam, mu = 0.75, 0.5
    found = [condition(kind(VoxelGrid((n, n), (1.0, 1.0))), isotropic(2, lam, mu)) for n in (4, 8, 12)]
    if kind is kubc:
        assert max(found) < (mu + 2.0 * (lam + mu)) / mu
    assert found[2] < 1.2 * found[1]
    assert found[2] < 8.0


def test_spaces_are_static_and_hashable():
    assert hash(Periodic(PLANE)) == hash(Periodic(PLANE._replace()))
    assert Periodic(PLANE) != kubc(PLANE)
    assert hash(kubc(PLANE)) == hash(PerAxis(PLANE, ("kubc", "kubc")))
