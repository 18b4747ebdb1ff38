"""One protocol: every solver against scipy on assembled matrices, with ties, failures, batches and transposes."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.sparse as sparse
from scipy.sparse.linalg import spsolve

import msjax as ms
from msjax.fe.affine import AffineMap
from msjax.fe.elements import ElementMatrices
from msjax.fe.linear import Aggregation, Direct, Krylov, Multigrid, default_solver
from msjax.status import Code

RNG = np.random.default_rng(0)
SIDE = 9


def triangles(side=SIDE, jitter=0.25):
    """Plane stress on a distorted triangulation of the unit square, moduli random within a factor of ten."""
    ticks = np.linspace(0.0, 1.0, side)
    points = np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1)
    inner = RNG.uniform(-jitter, jitter, size=points.shape) / side
    inner[[0, -1]] = 0.0
    inner[:, [0, -1]] = 0.0
    points = (points + inner).reshape(-1, 2)
    number = np.arange(side * side).reshape(side, side)
    a, b, c, d = (number[i : side - 1 + i, j : side - 1 + j].ravel() for i, j in ((0, 0), (1, 0), (1, 1), (0, 1)))
    cells = np.concatenate([np.stack([a, b, c], axis=1), np.stack([a, c, d], axis=1)])
    edges = points[cells[:, 1:]] - points[cells[:, :1]]
    area = 0.5 * np.linalg.det(edges)
    assert np.all(area > 0)
    inverse = np.linalg.inv(edges)
    gradients = np.concatenate([-inverse.sum(axis=2)[:, None], np.swapaxes(inverse, 1, 2)], axis=1)
    unit = np.eye(2)
    tensor = 0.3 / 0.91 * np.einsum("ij,kl->ijkl", unit, unit)
    tensor += 0.5 / 1.3 * (np.einsum("ik,jl->ijkl", unit, unit) + np.einsum("il,jk->ijkl", unit, unit))
    young = np.exp(np.log(10.0) * RNG.uniform(size=len(cells)))
    matrices = np.einsum("maj,ijkl,mbl,m->maibk", gradients, tensor, gradients, area * young, optimize=True)
    matrices = matrices.reshape(len(cells), 6, 6)
    return ElementMatrices(jnp.asarray(matrices), jnp.asarray(cells, jnp.int32), len(points), 2), jnp.asarray(points)


def constraints(kind, points):
    """Left edge held; "ties": the top follows the bottom, and one component is a mean of two others."""
    x, y = np.asarray(points).T
    free = np.repeat((x > 1e-9)[:, None], 2, axis=1)
    slaves, masters, weights = [], [], []
    if kind == "ties":
        order = np.argsort(x)
        bottom = [n for n in order if y[n] < 1e-9 and x[n] > 1e-9]
        top = [n for n in order if y[n] > 1 - 1e-9 and x[n] > 1e-9]
        for n, m in zip(top, bottom, strict=True):
            for i in range(2):
                slaves.append(2 * n + i)
                masters.append([2 * m + i, 2 * m + i])
                weights.append([1.0, 0.0])
        middle = SIDE * (SIDE // 2) + SIDE // 2
        slaves.append(2 * middle)
        masters.append([2 * (middle + 1), 2 * (middle - 1)])
        weights.append([0.5, 0.5])
        free.reshape(-1)[slaves] = False
    shape = (len(slaves), 2)
    return AffineMap(
        jnp.asarray(free),
        jnp.asarray(slaves, jnp.int32).reshape(-1),
        jnp.asarray(masters, jnp.int32).reshape(shape),
        jnp.asarray(weights, float).reshape(shape),
        jnp.zeros(free.shape),
    )


def reduced_matrix(operator, affine):
    """Tᵀ K T among the free unknowns, column by column of T."""
    c, cells = operator.components, np.asarray(operator.cells)
    place = (cells[:, :, None] * c + np.arange(c)).reshape(len(cells), -1)
    matrices = np.asarray(operator.matrices)
    rows, columns = np.broadcast_to(place[:, :, None], matrices.shape), np.broadcast_to(place[:, None], matrices.shape)
    size = operator.nodes * c
    full = sparse.csr_array((matrices.ravel(), (rows.ravel(), columns.ravel())), shape=(size, size))
    expand = sparse.lil_array((size, size))
    for n in np.flatnonzero(np.asarray(affine.free)):
        expand[n, n] = 1.0
    for n, follows, ws in zip(*(np.asarray(a) for a in (affine.slaves, affine.masters, affine.weights)), strict=True):
        for m, w in zip(follows, ws, strict=True):
            expand[n, m] += w
    where = np.flatnonzero(np.asarray(affine.free))
    expand = expand.tocsc()[:, where]
    return (expand.T @ full @ expand).tocsc(), where


def exact(operator, affine, rhs, transposed=False):
    matrix, where = reduced_matrix(operator, affine)
    x = np.zeros(rhs.size)
    x[where] = spsolve(matrix.T.tocsc() if transposed else matrix, np.asarray(rhs).ravel()[where])
    return x.reshape(rhs.shape)


@eqx.filter_jit
def solve(solver, operator, affine, rhs, start=None):
    return solver.solve(solver.prepare(operator, affine), rhs, start)


OPERATOR, POINTS = triangles()
RHS = jnp.asarray(RNG.normal(size=(SIDE * SIDE, 2)))


def solvers(name, operator, affine):
    if name == "aggregation":
        pytest.importorskip("pyamg", reason="the hierarchy is pyamg's")
        return Aggregation.of(operator, affine, POINTS, tolerance=1e-10)
    if name == "pardiso":
        pytest.importorskip("pypardiso", reason="PARDISO is optional")
    return {
        "cg": Krylov(tolerance=1e-10),
        "minres": Krylov("minres", tolerance=1e-10),
        "gmres": Krylov("gmres", tolerance=1e-10),
        "superlu": Direct(package="superlu", tolerance=1e-10),
        "superlu, no symmetry": Direct(symmetric=False, package="superlu", tolerance=1e-10),
        "pardiso": Direct(package="pardiso", tolerance=1e-10),
    }[name]


ALL = ["cg", "minres", "gmres", "superlu", "superlu, no symmetry", "pardiso", "aggregation"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("kind", ["pins", "ties"])
def test_against_a_direct_solution(name, kind):
    affine = constraints(kind, POINTS)
    x, status = solve(solvers(name, OPERATOR, affine), OPERATOR, affine, RHS)
    assert Code(int(status.code)) == Code.CONVERGED
    reference = exact(OPERATOR, affine, RHS)
    np.testing.assert_allclose(x, reference, atol=1e-7 * np.max(np.abs(reference)))
    assert not np.any(np.asarray(x)[~np.asarray(affine.free)])
    left = jnp.where(affine.free, RHS - affine.fold(OPERATOR.apply(affine.expand(x))), 0.0)
    right = jnp.linalg.norm(jnp.where(affine.free, RHS, 0.0))
    assert float(jnp.linalg.norm(left)) <= 1.02e-10 * float(right)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cg", "minres", "gmres", "superlu", "aggregation"])
def test_members_of_a_batch_stay_apart(name):
    """Materials and loads: as looped; NaN in an operator or a load is named, nobody else harmed; zero gives zero."""
    affine = constraints("pins", POINTS)
    solver = solvers(name, OPERATOR, affine)
    factors = jnp.array([1.0, jnp.nan, 3.0, 1.0, 1.0])
    rights = jnp.stack([RHS, RHS, 2.0 * RHS, 0.0 * RHS, jnp.nan * RHS])

    def one(factor, right):
        mine = eqx.tree_at(lambda o: o.matrices, OPERATOR, factor * OPERATOR.matrices)
        return solver.solve(solver.prepare(mine, affine), right)

    x, status = jax.jit(jax.vmap(one))(factors, rights)
    codes = [Code(int(code)) for code in status.code]
    assert codes == [Code.CONVERGED, Code.NONFINITE, Code.CONVERGED, Code.CONVERGED, Code.NONFINITE]
    alone, _ = jax.jit(one)(factors[2], rights[2])
    np.testing.assert_allclose(x[2], alone, atol=1e-8 * float(jnp.max(jnp.abs(alone))))
    np.testing.assert_allclose(x[0], 1.5 * alone, atol=1e-7 * float(jnp.max(jnp.abs(alone))))
    assert not np.any(np.asarray(x[3]))
    # right-hand sides alone
    prepared = solver.prepare(OPERATOR, affine)
    many, _ = jax.jit(jax.vmap(lambda b: solver.solve(prepared, b)))(rights[:3:2])
    np.testing.assert_allclose(many, jnp.stack([x[0], 2.0 * x[0]]), atol=1e-7 * float(jnp.max(jnp.abs(x[0]))))


@pytest.mark.parametrize("name", ["gmres", "superlu, no symmetry", "pardiso"])
def test_without_symmetry_and_transposed(name):
    affine = constraints("ties", POINTS)
    skew = RNG.normal(size=OPERATOR.matrices.shape)
    matrices = OPERATOR.matrices + 0.3 * jnp.asarray(skew - np.swapaxes(skew, 1, 2))
    operator = eqx.tree_at(lambda o: o.matrices, OPERATOR, matrices)
    solver = solvers(name, operator, affine)
    if name == "pardiso":
        solver = Direct(symmetric=False, package="pardiso")

    @jax.jit
    def both(b):
        prepared = solver.prepare(operator, affine)
        return solver.solve(prepared, b), solver.solve_transposed(prepared, b)

    for (x, status), transposed in zip(both(RHS), (False, True), strict=True):
        assert Code(int(status.code)) == Code.CONVERGED
        reference = exact(operator, affine, RHS, transposed)
        np.testing.assert_allclose(x, reference, atol=1e-6 * np.max(np.abs(reference)))


@pytest.mark.parametrize(("name", "code"), [("cg", Code.SINGULAR), ("aggregation", Code.SINGULAR)])
def test_an_indefinite_operator_is_named_where_it_must_be_definite(name, code):
    affine = constraints("pins", POINTS)
    solver = solvers(name, OPERATOR, affine)
    flipped = eqx.tree_at(lambda o: o.matrices, OPERATOR, OPERATOR.matrices.at[::3].multiply(-1.0))
    _, status = solve(solver, flipped, affine, RHS)
    assert Code(int(status.code)) == code


@pytest.mark.parametrize("name", ["minres", "gmres", "superlu", "pardiso"])
def test_an_indefinite_operator_is_solved_where_it_may_be(name):
    affine = constraints("pins", POINTS)
    flipped = eqx.tree_at(lambda o: o.matrices, OPERATOR, OPERATOR.matrices.at[::3].multiply(-1.0))
    solver = Krylov(name, tolerance=1e-9, restart=150) if name == "gmres" else solvers(name, flipped, affine)
    x, status = solve(solver, flipped, affine, RHS)
    assert Code(int(status.code)) == Code.CONVERGED
    reference = exact(flipped, affine, RHS)
    np.testing.assert_allclose(x, reference, atol=1e-5 * np.max(np.abs(reference)))


@pytest.mark.parametrize("name", ["cg", "minres", "superlu", "pardiso"])
def test_a_body_that_floats(name):
    """An inconsistent load is refused. A load in equilibrium is solved by iterations; a factorisation may refuse it."""
    affine = eqx.tree_at(lambda a: a.free, constraints("pins", POINTS), jnp.ones(RHS.shape, bool))
    solver = solvers(name, OPERATOR, affine)
    balanced = OPERATOR.apply(RHS)
    x, status = solve(solver, OPERATOR, affine, balanced)
    if name in ("cg", "minres"):
        assert Code(int(status.code)) == Code.CONVERGED
    if bool(status.ok):
        np.testing.assert_allclose(OPERATOR.apply(x), balanced, atol=1e-7)
    _, status = solve(solver, OPERATOR, affine, balanced + 1.0)
    assert bool(status.failed)


@pytest.mark.slow
def test_a_start_that_is_the_solution_costs_nothing():
    affine = constraints("pins", POINTS)
    for name in ("cg", "minres", "gmres"):
        solver = solvers(name, OPERATOR, affine)
        x, _ = solve(Direct(package="superlu"), OPERATOR, affine, RHS)
        _, status = solve(solver, OPERATOR, affine, RHS, x)
        assert int(status.iterations) == 0


@pytest.mark.slow
def test_aggregation_follows_the_operator():
    """A hierarchy of one material solves another: stiffer, softer, cell by cell at random; iterations grow, no more."""
    pytest.importorskip("pyamg", reason="the hierarchy is pyamg's")
    operator, points = triangles(41)
    x = np.asarray(points)[:, 0]
    affine = constraints("pins", points)
    solver = Aggregation.of(operator, affine, points)
    assert len(solver.levels) >= 1
    rhs = jnp.where(jnp.asarray(x)[:, None] > 1 - 1e-9, jnp.asarray([[0.0, 1.0]]), 0.0)
    counts = {}
    factors = {
        "same": 1.0,
        "stiffer": 1e3,
        "softer": 1e-3,
        "random": np.exp(3.0 * RNG.uniform(size=operator.cells.shape[0])),
    }
    for name, factor in factors.items():
        other = eqx.tree_at(lambda o: o.matrices, operator, operator.matrices * jnp.asarray(factor).reshape(-1, 1, 1))
        found, status = solve(solver, other, affine, rhs)
        assert Code(int(status.code)) == Code.CONVERGED
        counts[name] = int(status.iterations)
        reference = exact(other, affine, rhs)
        np.testing.assert_allclose(found, reference, atol=1e-5 * np.max(np.abs(reference)))
    assert counts["same"] == counts["stiffer"] == counts["softer"] <= 25, counts
    assert counts["random"] <= 60, counts
    plain = solve(Krylov(), operator, affine, rhs)[1]
    assert int(plain.iterations) > 4 * counts["same"]


@pytest.mark.slow
def test_the_solver_without_asking():
    steel, held = ms.IsotropicElastic(1.0, 0.3, dim=2), [ms.fe.Dirichlet("x-")]
    grid, triangles = (ms.fe.rectangle((1.0, 4.0), (2, 2), kind) for kind in ("quad4", "tri3"))
    chosen = default_solver(ms.fe.Problem(grid, steel, held))
    assert isinstance(chosen, Multigrid)
    assert chosen.spacing == (0.5, 2.0)
    assert isinstance(default_solver(ms.fe.Problem(triangles, steel, held)), Direct)
    tied = [ms.fe.Dirichlet([0]), ms.fe.Periodic("x-", "x+")]
    assert isinstance(default_solver(ms.fe.Problem(grid, steel, tied)), Direct)
    pressed = ms.fe.Problem(grid, steel, held, [ms.fe.Pressure("x+", 1.0)])
    assert not default_solver(pressed).symmetric
    bulky = ms.fe.Problem(grid, ms.IsotropicElastic(1.0, 0.4999, dim=2), held, formulation="mean_dilatation")
    assert isinstance(default_solver(bulky), Direct)
    large = ms.fe.Problem(ms.fe.rectangle((1.0, 1.0), (130, 130), "tri3"), steel, held)
    assert isinstance(default_solver(large), Aggregation)
