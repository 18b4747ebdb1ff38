"""Multigrid on regular grids: stencils against assembled matrices, iterations against h, contrast, masks, failures."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sparse
from scipy.sparse.linalg import spsolve

from msjax.fe.affine import AffineMap
from msjax.fe.elements import ElementMatrices, ScaledElements
from msjax.fe.linear import Multigrid
from msjax.fe.linear.assembly import stencil_of
from msjax.fe.linear.lattice import Lattice
from msjax.fe.linear.multigrid import coarsenings
from msjax.fe.linear.smoothing import largest_eigenvalue
from msjax.fe.linear.stencil import prolong, restrict
from msjax.fe.linear.sweep import generalized_inverse
from msjax.fe.voxels import VoxelGrid, element_matrices
from msjax.status import Code

RNG = np.random.default_rng(0)


def grid_cells(shape):
    number = np.arange(np.prod([n + 1 for n in shape])).reshape([n + 1 for n in shape])
    corners = itertools.product((0, 1), repeat=len(shape))
    columns = [number[tuple(slice(o, o + n) for o, n in zip(c, shape, strict=True))].ravel() for c in corners]
    return jnp.asarray(np.stack(columns, axis=1), jnp.int32)


def elastic(shape, field=None, lengths=None, scaled=False, nu=0.3):
    """Isotropic elasticity with E = field (1 by default) on a box of voxels."""
    d, unit = len(shape), np.eye(len(shape))
    lam, mu = nu / (1 + nu) / (1 - 2 * nu), 0.5 / (1 + nu)
    tensor = lam * np.einsum("ij,kl->ijkl", unit, unit)
    tensor += mu * (np.einsum("ik,jl->ijkl", unit, unit) + np.einsum("il,jk->ijkl", unit, unit))
    one = element_matrices(VoxelGrid.make(shape, lengths), jnp.asarray(tensor)[None])
    factor = jnp.ones(int(np.prod(shape))) if field is None else jnp.asarray(field).reshape(-1)
    count = int(np.prod([n + 1 for n in shape]))
    if scaled:
        return ScaledElements(factor[None], one, grid_cells(shape), count, d, tuple(shape))
    return ElementMatrices(factor[:, None, None] * one, grid_cells(shape), count, d, tuple(shape))


def pinned(free, values=None):
    free = jnp.asarray(free)
    values = jnp.zeros(free.shape) if values is None else jnp.asarray(values)
    return AffineMap(free, jnp.zeros(0, jnp.int32), jnp.zeros((0, 1), jnp.int32), jnp.zeros((0, 1)), values)


def clamped(shape):
    """Bottom held, top moved by 0.1 along the last axis and held along the others."""
    d = len(shape)
    free, values = np.ones((*(n + 1 for n in shape), d), bool), np.zeros((*(n + 1 for n in shape), d))
    free[..., 0, :] = free[..., -1, :] = False
    values[..., -1, d - 1] = 0.1
    return pinned(free.reshape(-1, d), values.reshape(-1, d))


def assembled(operator):
    c, cells = operator.components, np.asarray(operator.cells)
    place = (cells[:, :, None] * c + np.arange(c)).reshape(len(cells), -1)
    matrices = np.asarray(operator.element_matrices())
    rows, columns = np.broadcast_to(place[:, :, None], matrices.shape), np.broadcast_to(place[:, None], matrices.shape)
    size = operator.nodes * c
    return sparse.csr_array((matrices.ravel(), (rows.ravel(), columns.ravel())), shape=(size, size))


def exact(operator, affine, rhs):
    """scipy's direct solution of the assembled matrix."""
    where = np.flatnonzero(np.asarray(affine.free))
    matrix = assembled(operator)[where][:, where]
    x = np.zeros(affine.free.size)
    x[where] = spsolve(matrix.tocsc(), np.asarray(rhs).ravel()[where])
    return x.reshape(affine.free.shape)


@eqx.filter_jit
def solve(solver, operator, affine, rhs):
    return solver.solve(solver.prepare(operator, affine), rhs)


def load(operator, affine):
    return affine.fold(-operator.apply(affine.values))


def random_operators(shape, c):
    corners, cells = 2 ** len(shape), int(np.prod(shape))
    count = int(np.prod([n + 1 for n in shape]))
    full = jnp.asarray(RNG.normal(size=(cells, corners * c, corners * c)))
    basis = jnp.asarray(RNG.normal(size=(2, corners * c, corners * c)))
    factors = jnp.asarray(RNG.normal(size=(2, cells)))
    yield ElementMatrices(full, grid_cells(shape), count, c, shape)
    yield ScaledElements(factors, basis, grid_cells(shape), count, c, shape)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(5,), (3, 4), (2, 4, 3)])
def test_operators_and_stencils_are_the_assembled_matrix(shape):
    for operator in random_operators(shape, 2):
        matrix, u = assembled(operator), RNG.normal(size=(operator.nodes, 2))
        free = RNG.uniform(size=u.shape) < 0.8
        image = (matrix @ u.ravel()).reshape(u.shape)
        np.testing.assert_allclose(operator.apply(jnp.asarray(u)), image, atol=1e-12)
        back = (matrix.T @ u.ravel()).reshape(u.shape)
        np.testing.assert_allclose(operator.transposed().apply(jnp.asarray(u)), back, atol=1e-12)
        blocks = matrix.toarray().reshape(operator.nodes, 2, operator.nodes, 2)
        own = np.einsum("ninj->nij", blocks)
        np.testing.assert_allclose(operator.diagonal_blocks(), own, atol=1e-12)
        stencil = stencil_of(operator, Lattice(shape).rows(jnp.asarray(free)))
        lattice = stencil.lattice
        found = lattice.nodal(stencil.apply(lattice.rows(jnp.asarray(u))))
        np.testing.assert_allclose(found, free * (matrix @ (free * u).ravel()).reshape(u.shape), atol=1e-12)


def dense(apply, size, c):
    return np.stack([np.asarray(apply(jnp.asarray(row.reshape(-1, c)))).ravel() for row in np.eye(size * c)], axis=1)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(5, 4), (2, 3, 5)])
@pytest.mark.parametrize("axes", ["all", "last"])
def test_coarse_stencils_are_the_galerkin_product(shape, axes):
    """Even, odd and single cells; all axes or one."""
    operator = next(random_operators(shape, 1))
    axes = tuple(range(len(shape))) if axes == "all" else (len(shape) - 1,)
    fine = Lattice(shape)
    coarse = fine.coarser(axes)
    stencil = stencil_of(operator, jnp.ones((1, fine.places), bool))
    small = stencil.coarsened(axes)
    sizes = [int(np.prod(lattice.nodes)) for lattice in (fine, coarse)]
    p = dense(jax.jit(lambda v: fine.nodal(prolong(coarse.rows(v), coarse, fine))), sizes[1], 1)
    r = dense(jax.jit(lambda v: coarse.nodal(restrict(fine.rows(v), fine, coarse))), sizes[0], 1)
    np.testing.assert_array_equal(r, p.T)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    product = dense(jax.jit(lambda v: coarse.nodal(small.apply(coarse.rows(v)))), sizes[1], 1)
    np.testing.assert_allclose(product, p.T @ assembled(operator) @ p, atol=1e-12)


@pytest.mark.slow
def test_inverses_of_regular_and_of_singular_matrices():
    a = RNG.normal(size=(7, 5))
    regular, singular = a.T @ a, a @ a.T
    np.testing.assert_allclose(generalized_inverse(jnp.asarray(regular)), np.linalg.inv(regular), atol=1e-10)
    g = np.asarray(generalized_inverse(jnp.asarray(singular)))
    np.testing.assert_allclose(singular @ g @ singular, singular, atol=1e-10)
    many = jnp.asarray(np.stack([regular, 2 * regular], axis=2))
    np.testing.assert_allclose(generalized_inverse(many)[:, :, 1], np.linalg.inv(2 * regular), atol=1e-10)


@pytest.mark.parametrize("contrast", [1.0, 1e6])
def test_the_largest_eigenvalue_is_bounded_closely(contrast):
    shape = (12, 12)
    operator = elastic(shape, np.where(RNG.uniform(size=shape) < 0.5, 1.0, contrast))
    matrix = assembled(operator).toarray()
    diagonal = np.diag(matrix).copy()
    apply = jax.jit(lambda v: (jnp.asarray(matrix) @ v.ravel()).reshape(v.shape))
    like = jax.ShapeDtypeStruct((operator.nodes, 2), jnp.float64)
    found = float(largest_eigenvalue(apply, lambda v: v / diagonal.reshape(v.shape), like))
    true = np.linalg.eigvalsh(matrix / np.sqrt(diagonal) / np.sqrt(diagonal)[:, None])[-1]
    assert true <= found <= 1.25 * true


@pytest.mark.slow
def test_the_cube_of_nine_codes():
    """Top reaction of the clamped cube, and scipy's solution on a coarser one."""
    shape = (20, 20, 20)
    operator, affine = elastic(shape), clamped(shape)
    x, status = solve(Multigrid(), operator, affine, load(operator, affine))
    assert Code(int(status.code)) == Code.CONVERGED
    assert int(status.iterations) <= 9
    forces = np.asarray(operator.apply(x + affine.values)).reshape(21, 21, 21, 3)
    assert forces[:, :, -1, 2].sum() == pytest.approx(0.1066818909, abs=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("double", [False, True])
def test_against_a_direct_solution(double):
    """Odd sizes, a field, random pins, both forms of the operator; the float32 hierarchy is certified in float64."""
    shape = (9, 7, 11)
    field = np.exp(np.log(1e3) * RNG.uniform(size=shape))
    affine = clamped(shape)
    affine = eqx.tree_at(lambda a: a.free, affine, affine.free & (RNG.uniform(size=affine.free.shape) > 0.02))
    operator = elastic(shape, field, scaled=double)
    rhs = load(operator, affine)
    x, status = solve(Multigrid(tolerance=1e-10, double=double), operator, affine, rhs)
    assert Code(int(status.code)) == Code.CONVERGED
    assert int(status.iterations) <= 35
    reference = exact(operator, affine, rhs)
    np.testing.assert_allclose(x, reference, atol=1e-8 * np.max(np.abs(reference)))
    left = np.asarray(rhs - affine.fold(operator.apply(affine.expand(x))))
    assert np.linalg.norm(left) <= 1.01e-10 * np.linalg.norm(rhs)
    assert not np.any(np.asarray(x)[~np.asarray(affine.free)])


@pytest.mark.slow
def test_iterations_do_not_depend_on_the_size():
    counts = []
    for n in (16, 32, 64, 128):
        operator, affine = elastic((n, n)), clamped((n, n))
        _, status = solve(Multigrid(), operator, affine, load(operator, affine))
        assert Code(int(status.code)) == Code.CONVERGED
        counts.append(int(status.iterations))
    assert max(counts) <= 10, counts
    assert max(counts) - min(counts) <= 2, counts


@pytest.mark.slow
def test_contrast_and_flat_cells():
    shape = (48, 48)
    affine = clamped(shape)
    random = np.exp(np.log(1e3) * RNG.uniform(size=shape))  # cell by cell
    operator = elastic(shape, random)
    _, status = solve(Multigrid(), operator, affine, load(operator, affine))
    assert Code(int(status.code)) == Code.CONVERGED
    assert int(status.iterations) <= 45
    lengths = (1.0, 4.0)
    flat = elastic(shape, lengths=lengths)
    _, plain = solve(Multigrid(), flat, affine, load(flat, affine))
    _, semi = solve(Multigrid(spacing=lengths), flat, affine, load(flat, affine))
    assert Code(int(plain.code)) == Code(int(semi.code)) == Code.CONVERGED
    assert int(semi.iterations) <= 10
    assert int(semi.iterations) < int(plain.iterations) <= 40


def test_axes_are_coarsened_where_cells_are_thin():
    assert coarsenings((32, 32), 2, None)[0] == (0, 1)
    assert coarsenings((32, 32), 2, (1.0, 4.0))[:3] == ((0,), (0,), (0, 1))
    assert coarsenings((64, 1), 2, None) == ()
    assert all(0 in axes for axes in coarsenings((4096, 1), 2, None))


@pytest.mark.slow
def test_members_of_a_batch_stay_apart():
    """Materials and loads batched: as looped; NaN, indefinite and zero right-hand sides are named, each alone."""
    shape = (16, 15)
    operator, affine, solver = elastic(shape), clamped(shape), Multigrid()
    rhs = load(operator, affine)
    factors = jnp.array([1.0, jnp.nan, -1.0, 3.0, 1.0])
    rights = jnp.stack([rhs, rhs, rhs, 2.0 * rhs, 0.0 * rhs])

    def one(factor, right):
        mine = eqx.tree_at(lambda o: o.matrices, operator, factor * operator.matrices)
        return solver.solve(solver.prepare(mine, affine), right)

    x, status = jax.jit(jax.vmap(one))(factors, rights)
    codes = [Code(int(code)) for code in status.code]
    assert codes == [Code.CONVERGED, Code.NONFINITE, Code.SINGULAR, Code.CONVERGED, Code.CONVERGED]
    alone = jax.jit(one)
    for member in (0, 3):
        y, of_alone = alone(factors[member], rights[member])
        assert int(of_alone.iterations) == int(status.iterations[member])
        np.testing.assert_allclose(x[member], y, rtol=1e-6, atol=1e-9 * float(jnp.max(jnp.abs(y))))
    assert not np.any(np.asarray(x[4]))
    assert int(status.iterations[4]) == 0


@pytest.mark.slow
def test_a_body_that_floats():
    """Loads in equilibrium are solved (up to a rigid motion); others are refused, never answered."""
    shape = (16, 16)
    operator, affine = elastic(shape), pinned(np.ones((289, 2), bool))
    rhs = operator.apply(jnp.asarray(RNG.normal(size=(289, 2))))
    x, status = solve(Multigrid(), operator, affine, rhs)
    assert Code(int(status.code)) == Code.CONVERGED
    np.testing.assert_allclose(operator.apply(x), rhs, atol=1e-6)
    _, status = solve(Multigrid(), operator, affine, rhs + 1.0)
    assert bool(status.failed)


def test_what_multigrid_does_not_take_is_refused():
    operator, affine = elastic((4, 4)), clamped((4, 4))
    tied = AffineMap(affine.free, jnp.array([3]), jnp.array([[5]]), jnp.ones((1, 1)), affine.values)
    with pytest.raises(ValueError, match="affine: multigrid"):
        Multigrid().prepare(operator, tied)
    bare = ElementMatrices(operator.matrices, operator.cells, operator.nodes, 2)
    with pytest.raises(ValueError, match="operator: multigrid"):
        Multigrid().prepare(bare, affine)
