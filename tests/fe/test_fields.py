"""Fields of solutions, resultants, interpolation and norms against closed forms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe.recovery import recovery, sampling_order

KINDS = ["tri3", "tri6", "quad4", "quad9", "tet4", "tet10", "hex8", "hex27"]


def body(kind, cells=3, seed=0):
    """A box or rectangle of this kind with its inner nodes moved at random."""
    dim = 3 if kind.startswith(("tet", "hex")) else 2
    build = ms.fe.box if dim == 3 else ms.fe.rectangle
    linear = {"tri6": "tri3", "quad9": "quad4", "tet10": "tet4", "hex27": "hex8"}.get(kind, kind)
    mesh = build((1.0,) * dim, (cells,) * dim, kind=linear)
    x = np.asarray(mesh.points)
    inside = np.all((x > 1e-9) & (x < 1 - 1e-9), axis=1)
    shift = np.random.default_rng(seed).uniform(-0.15, 0.15, x.shape) / cells
    mesh = mesh.moved(lambda x: x + inside[:, None] * shift)
    return mesh if linear == kind else ms.fe.quadratic(mesh)


def clamped(mesh, material=None):
    if material is None:
        material = ms.IsotropicElastic(1.0, 0.3, dim=mesh.dim)
    return ms.fe.Problem(mesh, material, [ms.fe.Dirichlet("x-")])


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_uniform_strain_is_found_everywhere(kind):
    mesh = body(kind)
    problem = clamped(mesh)
    h = 0.1 * np.random.default_rng(1).normal(size=(mesh.dim, mesh.dim))
    u = mesh.points @ jnp.asarray(h).T
    strain = np.eye(mesh.dim) + h
    for at in ("points", "cells", "nodes"):
        found = ms.fe.strain(problem, u, at=at)
        np.testing.assert_allclose(found, np.broadcast_to(strain, found.shape), atol=1e-11)
    lam, mu = 0.3 / 1.3 / 0.4, 0.5 / 1.3
    stress = lam * np.trace(h) * np.eye(mesh.dim) + mu * (h + h.T)
    np.testing.assert_allclose(ms.fe.stress(problem, u, at="cells")[-1], stress, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tri6", "quad9", "tet10", "hex27"])
def test_recovery_of_a_linear_gradient_is_exact(kind):
    mesh = body(kind, cells=2)
    u = mesh.points[:, :1] ** 2 - mesh.points[:, :1] * mesh.points[:, 1:2]
    problem = ms.fe.Problem(mesh, ms.Conductor(2.0, dim=mesh.dim), [ms.fe.Dirichlet("x-")])
    x, y = np.asarray(mesh.points).T[:2]
    exact = 2.0 * np.stack([2 * x - y, -x, *([0 * x] * (mesh.dim - 2))], axis=1)
    np.testing.assert_allclose(ms.fe.stress(problem, u, at="nodes")[:, 0], exact, atol=1e-10)


@pytest.mark.slow
def test_recovered_gradients_are_an_order_better():
    def error(n):
        mesh = ms.fe.rectangle((1.0, 1.0), (n, n), kind="tri3")
        problem = clamped(mesh, ms.Conductor(1.0, dim=2))
        held = [ms.fe.Dirichlet(side, lambda x: jnp.exp(x[0]) * jnp.sin(x[1])) for side in mesh.boundaries]
        problem = ms.fe.Problem(mesh, ms.Conductor(1.0, dim=2), held)
        u = ms.solve(problem).u
        x, y = np.asarray(mesh.points).T
        exact = np.stack([np.exp(x) * np.sin(y), np.exp(x) * np.cos(y)], axis=1)
        inside = np.all((mesh.points > 0.2) & (mesh.points < 0.8), axis=1)
        gap = np.asarray(ms.fe.strain(problem, u, at="nodes"))[:, 0] - exact
        return np.max(np.abs(gap)[inside])

    assert np.log2(error(6) / error(12)) > 1.8  # a piecewise constant gradient alone gives 1


@pytest.mark.parametrize(
    ("kind", "shape", "within"), [("tri3", (16, 16), 0.03), ("tri6", (8, 8), 0.01), ("quad4", (16, 16), 0.015),
                                  ("quad9", (8, 8), 0.02), ("tet10", (6, 6), 0.03), ("hex8", (6, 6), 0.06)],
)  # fmt: skip
def test_recovery_at_the_curved_boundary_of_a_ring(kind, shape, within):
    """Lamé's stresses at the superconvergent points: what is said of the inner surface, where all is steepest."""
    plane = {"tet10": "tri6", "hex8": "quad4"}.get(kind, kind)
    mesh = ms.fe.annulus(1.0, 2.0, shape, kind=plane)
    mesh = mesh if plane == kind else ms.fe.extrude(mesh, 1.0, 3)

    def lame(x):
        x, y = np.moveaxis(np.asarray(x), -1, 0)[:2]
        r2 = x**2 + y**2
        radial, hoop = (1.0 - 4.0 / r2) / 3.0, (1.0 + 4.0 / r2) / 3.0
        return (
            np.stack([radial * x**2 + hoop * y**2, radial * y**2 + hoop * x**2, (radial - hoop) * x * y], -1)
            / r2[..., None]
        )

    rule = mesh.cell.quadrature(sampling_order(mesh.cell))
    samples = np.einsum("qa,mad->mqd", mesh.cell.values(rule.points), np.asarray(mesh.points)[np.asarray(mesh.cells)])
    found = np.asarray(recovery(mesh).at_nodes(jnp.asarray(lame(samples))))
    inner = mesh.nodes_of("inner")
    np.testing.assert_allclose(found[inner], lame(mesh.points)[inner], atol=within * 5.0 / 3.0)


@pytest.mark.slow
def test_recovery_keeps_jumps_between_regions():
    mesh = ms.fe.tag_region(ms.fe.rectangle((2.0, 1.0), (8, 3), kind="tri3"), "stiff", lambda x: x[:, 0] > 1.0)
    held = [ms.fe.Dirichlet("x-", 0.0), ms.fe.Dirichlet("x+", 1.0)]
    problem = ms.fe.Problem(mesh, [ms.Conductor(1.0, dim=2), ms.Conductor(3.0, dim=2)], held)
    u = ms.solve(problem).u
    flux = np.asarray(ms.fe.stress(problem, u, at="nodes"))
    np.testing.assert_allclose(flux, np.broadcast_to([[[0.75, 0.0]]], flux.shape), atol=1e-12)
    star = recovery(mesh).in_cells(ms.fe.strain(problem, u))[..., 0, 0]
    slope = np.where(np.asarray(mesh.regions) == 0, 0.75, 0.25)
    np.testing.assert_allclose(star, np.tile(slope[:, None], 3), rtol=1e-11)
    at_nodes = np.asarray(ms.fe.strain(problem, u, at="nodes"))[:, 0, 0]
    np.testing.assert_allclose(at_nodes[np.isclose(mesh.points[:, 0], 1.0)], 0.5)


@pytest.mark.slow
def test_plane_strain_has_a_third_stress_and_axial_symmetry_a_hoop():
    mesh = ms.fe.rectangle((1.0, 1.0), (2, 2))
    material = ms.IsotropicElastic(1.0, 0.3)
    u = mesh.points * jnp.array([[0.01, -0.02]])
    s = ms.fe.stress(clamped(mesh, material), u, at="nodes")
    np.testing.assert_allclose(s[:, 2, 2], 0.3 * (s[:, 0, 0] + s[:, 1, 1]))
    ring = mesh.moved(lambda x: x + [1.0, 0.0])
    turned = ms.fe.Problem(ring, material, [ms.fe.Dirichlet("y-", 0.0, "y")], kinematics="axisymmetric")
    u = jnp.stack([ring.points[:, 0] ** 2, 0.0 * ring.points[:, 0]], axis=1)
    x = ring.points[ring.cells].mean(axis=1)[:, 0]
    hoop = ms.fe.strain(turned, u, at="cells")[:, 2, 2] - 1.0  # weighted by r: ∫u dr / ∫r dr with u bilinear
    edges = np.stack([np.asarray(x) - 0.25, np.asarray(x) + 0.25])
    np.testing.assert_allclose(hoop, 0.25 * np.sum(edges**2, axis=0) / (0.5 * x), rtol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("dim", [2, 3])
def test_the_cauchy_stress_of_a_neo_hookean_bar(dim):
    mu, lam, stretch = 1.0, 1.5, 1.3
    solid = ms.NeoHooke(mu, lam)
    build = ms.fe.rectangle if dim == 2 else ms.fe.box
    mesh = build((1.0,) * dim, (1,) * dim)
    problem = clamped(mesh, ms.PlaneStress(solid) if dim == 2 else solid)
    # across: μ(t² − 1) + λ ln(λ₁t²) = 0 by bisection; P = (μ(λ₁² − 1) + λ ln J)/λ₁, σ = P λ₁/J
    low, high = 0.5, 1.0
    for _ in range(60):
        t = 0.5 * (low + high)
        low, high = (t, high) if mu * (t**2 - 1) + lam * np.log(stretch * t**2) < 0 else (low, t)
    volume = stretch * t**2
    solution = mesh.points * (jnp.array([[stretch, t, t][:dim]]) - 1.0)
    nominal = (mu * (stretch**2 - 1) + lam * np.log(volume)) / stretch
    np.testing.assert_allclose(ms.fe.stress(problem, solution, at="nodes")[:, 0, 0], nominal, rtol=1e-7)
    true = np.zeros((dim, dim))
    true[0, 0] = nominal * stretch / volume
    found = ms.fe.cauchy_stress(problem, solution, at="cells")
    np.testing.assert_allclose(found, np.broadcast_to(true, found.shape), atol=1e-7)
    stored = 0.5 * mu * (stretch**2 + 2 * t**2 - 3) - mu * np.log(volume) + 0.5 * lam * np.log(volume) ** 2
    np.testing.assert_allclose(ms.fe.energy_density(problem, solution, at="nodes"), stored, rtol=1e-7)


@pytest.mark.slow
def test_fields_are_differentiable_in_the_solution_and_the_material():
    mesh = body("tri3", cells=2)
    u = 0.1 * mesh.points**2

    def peak(young, u):
        return ms.fe.stress(clamped(mesh, ms.IsotropicElastic(young, 0.3, dim=2)), u, at="nodes")[4, 0, 0]

    slope, along = jax.jit(jax.grad(peak, argnums=(0, 1)))(2.0, u)
    assert float(slope) == pytest.approx(float(peak(2.0, u)) / 2.0)
    assert float(jnp.vdot(along, u)) == pytest.approx(float(peak(2.0, u)))


@pytest.mark.slow
def test_reactions_balance_loads_and_moments():
    mesh = ms.fe.rectangle((4.0, 1.0), (4, 1))
    loads = [ms.fe.Traction("x+", [0.02, -0.05]), ms.fe.BodyForce([0.0, -0.01])]
    problem = ms.fe.Problem(mesh, ms.NeoHooke(1.0, 1.0, dim=2), [ms.fe.Dirichlet("x-")], loads)
    solution = ms.solve(problem, tolerance=1e-11)
    found = ms.fe.resultant(problem, solution, "x-", about=(0.5, 0.2))
    np.testing.assert_allclose(found.force, [-0.02, 0.05 + 0.04], atol=1e-9)
    # the moment of the loads where they are in the end
    tip = ms.fe.boundary_mean(problem, solution, "x+") + jnp.array([4.0, 0.5])
    centre = jnp.array([2.0, 0.5]) + jnp.mean(  # mean of bilinear displacements on equal cells
        jnp.mean(solution.u[mesh.cells], axis=1), axis=0
    )
    arms = [tip - jnp.array([0.5, 0.2]), centre - jnp.array([0.5, 0.2])]
    moment = arms[0][0] * -0.05 - arms[0][1] * 0.02 + arms[1][0] * -0.04
    assert float(found.moment[0]) == pytest.approx(-float(moment), abs=1e-9)
    in_space = ms.fe.box((1.0, 1.0, 1.0), (1, 1, 1))
    twisted = ms.fe.Problem(in_space, ms.IsotropicElastic(1.0, 0.3), [ms.fe.Dirichlet("z-")],
                            [ms.fe.Traction("z+", lambda x: jnp.array([0.5 - x[1], x[0] - 0.5, 0.0]))])  # fmt: skip
    found = ms.fe.resultant(twisted, ms.solve(twisted), "z-", about=(0.5, 0.5, 0.0))
    np.testing.assert_allclose(found.moment, [0.0, 0.0, -1 / 6], atol=1e-8)
    np.testing.assert_allclose(found.force, 0.0, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_interpolation_finds_points_in_distorted_cells(kind):
    mesh = body(kind, cells=4)
    mesh = mesh.moved(lambda x: x + 0.1 * np.sin(np.pi * x[:, ::-1]) * (mesh.cell.degree == 1))
    where = np.random.default_rng(2).uniform(0.0, 1.0, (200, mesh.cell.nodes))
    where /= where.sum(axis=1, keepdims=True)  # corners' means lie inside of convex cells
    corners = mesh.cell.vertices
    where = where[:, : len(corners)] / where[:, : len(corners)].sum(axis=1, keepdims=True)
    cells = np.random.default_rng(3).integers(0, len(mesh.cells), 200)
    x = np.asarray(mesh.points)[np.asarray(mesh.cells)[cells][:, corners]]
    points = np.einsum("pv,pvd->pd", where, x)
    np.testing.assert_allclose(ms.fe.interpolate(mesh, mesh.points, points), points, atol=1e-10)
    if mesh.cell.degree == 2:
        np.testing.assert_allclose(
            ms.fe.interpolate(mesh, mesh.points[:, 0] ** 2, points), points[:, 0] ** 2, atol=1e-10
        )
    at_nodes = ms.fe.interpolate(mesh, mesh.points, mesh.points)
    np.testing.assert_allclose(at_nodes, mesh.points, atol=1e-10)


@pytest.mark.slow
def test_interpolation_in_cells_of_very_different_sizes_and_outside():
    mesh = ms.fe.mapped(lambda x: np.stack([x[:, 0] ** 6, x[:, 1]], axis=1) * [10.0, 0.1], (40, 2), "quad4")
    points = np.random.default_rng(0).uniform(size=(500, 2)) * [10.0, 0.1]
    np.testing.assert_allclose(ms.fe.interpolate(mesh, mesh.points, points), points, atol=1e-9)
    far = [[5.0, 0.05], [5.0, 0.2], [11.0, 0.0]]
    with pytest.raises(ValueError, match=r"points: number 1 \(and 1 more\) at \[5\. +0\.2\] lies outside"):
        ms.fe.interpolate(mesh, mesh.points, far)
    assert np.isnan(ms.fe.interpolate(mesh, mesh.points, far, outside="nan")).tolist() == [
        [False] * 2,
        [True] * 2,
        [True] * 2,
    ]
    disc = ms.fe.disc(1.0, 3)
    rim = np.array([[np.cos(0.21), np.sin(0.21)]])
    np.testing.assert_allclose(ms.fe.interpolate(disc, disc.points, rim, outside="nearest"), rim, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tri3", "quad9", "hex8"])
def test_norms_of_the_error_of_a_known_field(kind):
    mesh = body(kind, cells=2)
    d = mesh.dim
    problem = clamped(mesh)

    def exact(x):  # against u = 0: ‖x³‖ and ‖3x²‖
        return jnp.zeros(d).at[0].set(x[0] ** 3)

    zero = jnp.zeros_like(mesh.points)
    assert float(ms.fe.l2_error(problem, zero, exact)) == pytest.approx(np.sqrt(1 / 7))
    assert float(ms.fe.h1_error(problem, zero, exact)) == pytest.approx(np.sqrt(9 / 5))
    c11 = 0.7 / 1.3 / 0.4
    assert float(ms.fe.energy_error(problem, zero, exact)) == pytest.approx(np.sqrt(c11 * 9 / 5))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tri3", "quad4"])
def test_a_finer_solution_stands_for_the_exact_one(kind):
    mesh = ms.fe.rectangle((1.0, 1.0), (3, 3), kind=kind)

    def problem_on(mesh):
        return ms.fe.Problem(
            mesh, ms.IsotropicElastic(1.0, 0.3, dim=2), [ms.fe.Dirichlet("x-")], [ms.fe.BodyForce([0.1, 1.0])]
        )

    problem, fine = problem_on(mesh), problem_on(ms.fe.refine(mesh))
    coarse, better = ms.solve(problem), ms.solve(fine)
    # the spaces are nested, so that the error's energy is the difference of the energies
    gap = 2.0 * float(coarse.energy - better.energy)
    assert float(ms.fe.energy_error(problem, coarse, (fine, better))) == pytest.approx(np.sqrt(gap), rel=1e-6)
    assert float(ms.fe.l2_error(problem, coarse, (fine, better))) > 0
    same = ms.fe.interpolate(mesh, coarse.u, fine.mesh.points)
    for norm in (ms.fe.l2_error, ms.fe.h1_error, ms.fe.energy_error):
        assert float(norm(problem, coarse, (fine, same))) < 1e-12


@pytest.mark.slow
def test_axial_symmetry_counts_the_circumference():
    ring = ms.fe.rectangle((1.0, 1.0), (2, 2)).moved(lambda x: x + [1.0, 0.0])
    problem = ms.fe.Problem(
        ring, ms.IsotropicElastic(1.0, 0.3), [ms.fe.Dirichlet("y-", 0.0, "y")], kinematics="axisymmetric"
    )
    error = ms.fe.energy_error(problem, jnp.zeros((9, 2)), lambda x: jnp.array([0.1 * x[0], 0.0]))
    lam, mu = 0.3 / 1.3 / 0.4, 0.5 / 1.3  # ε_rr = ε_θθ = 0.1 in the volume 3π
    assert float(error) == pytest.approx(np.sqrt(3 * np.pi * 0.01 * (4 * lam + 4 * mu)))


def test_bad_input_is_refused():
    mesh = body("tri3", cells=2)
    problem = clamped(mesh)
    zero = jnp.zeros_like(mesh.points)
    for call, match in (
        (lambda: ms.fe.strain(problem, zero[:-1]), "solution: expected nodal values of shape"),
        (lambda: ms.fe.stress(problem, zero, at="middle"), "at: expected 'points', 'cells' or 'nodes'"),
        (lambda: ms.fe.interpolate(mesh, zero[:-1], [[0.5, 0.5]]), "values: expected one row per node"),
        (lambda: ms.fe.interpolate(mesh, zero, [[0.5, np.nan]]), "points: expected finite numbers"),
        (lambda: ms.fe.interpolate(mesh, zero, [[0.5, 0.5]], outside="ignore"), "outside: expected"),
        (lambda: ms.fe.l2_error(problem, zero, 3.0), "exact: expected a function"),
        (lambda: ms.fe.l2_error(problem, zero, lambda x: x[0]), "exact: expected 2 components"),
        (
            lambda: ms.fe.cauchy_stress(clamped(mesh, ms.Conductor(1.0, dim=2)), zero[:, :1]),
            "cauchy_stress: of a displ",
        ),
    ):
        with pytest.raises(ValueError, match=match):
            call()
