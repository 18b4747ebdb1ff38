"""Patch tests: constant strain on distorted meshes to round-off, quadratic fields where the elements hold them, rigid
motions without stress at finite strain."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe.problem import balance
from msjax.status import Code

from .elements import KINDS, LINES, PLANE, SPACE, node_at, shaken, strains_at

GRADIENT = np.array([[0.013, -0.004, 0.007], [0.009, -0.011, 0.002], [-0.006, 0.008, 0.005]])


def elastic(dim):
    return ms.NeoHooke(1.0, 2.0, 1) if dim == 1 else ms.IsotropicElastic(1.0, 0.3, dim)


def outside(mesh, exact):
    """Values on all of the boundary."""
    return [ms.fe.Dirichlet(side, exact) for side in mesh.boundaries]


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_constant_strain_on_distorted_cells(kind):
    mesh = shaken(kind, 3 if kind in SPACE else 4)
    g = jnp.asarray(GRADIENT[: mesh.dim, : mesh.dim])
    problem = ms.fe.Problem(mesh, elastic(mesh.dim), outside(mesh, lambda x: g @ x + 0.1))
    assert problem.unknowns > 0
    solution = ms.solve(problem, tolerance=1e-12)
    np.testing.assert_allclose(solution.u, mesh.points @ g.T + 0.1, atol=1e-13)
    response = elastic(mesh.dim).respond(jnp.eye(mesh.dim) + g)
    assert float(solution.energy) == pytest.approx(float(response.energy), rel=1e-11)
    # reactions are the tractions of this stress on the block's sides
    middle = np.asarray(solution.reactions)[mesh.nodes_of("x+")].sum(axis=0)
    if mesh.dim == 1:
        np.testing.assert_allclose(middle, response.stress[:, 0], atol=1e-12)
    inner = np.asarray(problem.affine.free)
    np.testing.assert_allclose(np.asarray(solution.reactions)[inner], 0.0, atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("kind", PLANE + SPACE)
def test_tractions_of_constant_stress_give_constant_strain(kind):
    """The patch test with forces: only rigid motions are held, all sides pulled."""
    mesh = shaken(kind, 2, seed=3)
    dim = mesh.dim
    g = jnp.asarray(0.5 * (GRADIENT + GRADIENT.T)[:dim, :dim])
    stress = elastic(dim).respond(jnp.eye(dim) + g).stress
    loads = [
        ms.fe.Traction(f"{axis}{side}", sign * stress[:, i])
        for i, axis in enumerate("xyz"[:dim])
        for side, sign in (("-", -1.0), ("+", 1.0))
    ]
    corner, along, across = (node_at(mesh, np.eye(4)[k, :dim]) for k in (3 if dim == 3 else 2, 0, 1))
    origin = node_at(mesh, np.zeros(dim))
    held = [ms.fe.Dirichlet([origin]), ms.fe.Dirichlet([along], g[1:, 0] if dim == 3 else g[1, 0], "yz"[: dim - 1])]
    if dim == 3:
        held.append(ms.fe.Dirichlet([across], g[2, 1], "z"))
    # the rotation that these pins choose
    turn = np.zeros((dim, dim))
    solution = ms.solve(ms.fe.Problem(mesh, elastic(dim), held, loads), tolerance=1e-12)
    np.testing.assert_allclose(solution.u, mesh.points @ (g + turn).T, atol=2e-13)
    np.testing.assert_allclose(solution.reactions, 0.0, atol=1e-13)
    assert corner >= 0


@pytest.mark.slow
def test_seven_hexahedra():
    """The distorted patch of R. H. MacNeal and R. L. Harder, Finite Elem. Anal. Des. 1 (1985) 3,
    doi:10.1016/0168-874X(85)90003-4: an inner hexahedron in a cube, E = 10⁶, ν = ¼, u = 10⁻³ (2x + y + z)/2 and so on
    cyclically: all normal stresses are 2000, all shears 400."""
    inner = np.array([
        [0.249, 0.342, 0.192], [0.320, 0.186, 0.643], [0.165, 0.745, 0.702], [0.273, 0.750, 0.230],
        [0.826, 0.288, 0.288], [0.850, 0.649, 0.263], [0.677, 0.305, 0.683], [0.788, 0.693, 0.644],
    ])  # fmt: skip
    order = np.array([0, 1, 3, 2, 4, 6, 5, 7])  # by their octant: (x, y, z) in binary
    inner = inner[order]
    corners = np.array([[i, j, k] for i in (0.0, 1.0) for j in (0.0, 1.0) for k in (0.0, 1.0)])
    points = np.vstack([corners, inner])
    cells = [np.arange(8, 16)]
    for axis in range(3):
        for side in (0, 1):
            face = [n for n in range(8) if corners[n, axis] == side]
            nodes = np.zeros(8, int)
            for n in range(8):  # the inner face is the far side of this cell along the axis
                outer = corners[n, axis] == side
                partner = next(m for m in face if np.all(np.delete(corners[m], axis) == np.delete(corners[n], axis)))
                nodes[n] = partner if outer else partner + 8
            cells.append(nodes)
    mesh = ms.fe.Mesh(points, np.array(cells), "hex8")  # one corner is turned inside out, as published: no check_mesh
    g = 0.5e-3 * (np.ones((3, 3)) + np.eye(3))
    problem = ms.fe.Problem(mesh, ms.IsotropicElastic(1e6, 0.25), [ms.fe.Dirichlet(np.arange(8), corners @ g)])
    solution = ms.solve(problem, tolerance=1e-12)
    np.testing.assert_allclose(solution.u, points @ g, atol=1e-16)
    for number in range(7):
        for xi in ([0.5, 0.5, 0.5], [0.1, 0.9, 0.3]):
            strain = strains_at(mesh, solution.u, number, xi)
            stress = ms.IsotropicElastic(1e6, 0.25).respond(jnp.eye(3) + strain).stress
            np.testing.assert_allclose(stress, 400.0 + 1600.0 * np.eye(3), rtol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["line3", "tri6", "quad9", "tet10", "hex27"])
def test_quadratic_fields_are_held_exactly(kind):
    """With straight sides simplices hold every quadratic field; biquadratic cells hold it on parallelograms. The forces
    that keep it are constant."""
    simplex = kind in ("line3", "tri6", "tet10")
    if simplex:
        mesh = shaken(kind, 3 if kind != "tet10" else 2, seed=5)
    else:
        skew = np.eye(3) + 0.3 * np.triu(np.ones((3, 3)), 1)
        mesh = shaken(kind, 2, amount=0.0)
        mesh = mesh.moved(lambda x: x @ skew[: x.shape[1], : x.shape[1]])
    dim = mesh.dim
    material = ms.Conductor(1.0, dim)
    rng = np.random.default_rng(2)
    h, g = rng.normal(size=(dim, dim)), rng.normal(size=dim)
    h = h + h.T

    def exact(x):
        return jnp.reshape(0.5 * x @ h @ x + g @ x, (1,))

    problem = ms.fe.Problem(mesh, material, outside(mesh, exact), [ms.fe.BodyForce(-np.trace(h))])
    assert problem.unknowns > 0
    solution = ms.solve(problem, tolerance=1e-12)
    np.testing.assert_allclose(solution.u, jax.vmap(exact)(mesh.points), atol=1e-12)


def rotation(dim):
    angle = 2.0
    if dim == 1:
        return np.eye(1)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if dim == 2:
        return turn
    tilt, full = np.eye(3), np.eye(3)
    full[:2, :2], tilt[1:, 1:] = turn, turn.T
    return full @ tilt


@pytest.mark.slow
@pytest.mark.parametrize("kind", [k for k in KINDS if k not in LINES])
def test_finite_strain_does_not_feel_rotations(kind):
    """Turned by 115°, a strained body keeps its energy, its forces turn along, and its stiffness too."""
    mesh = shaken(kind, 2, seed=1)
    dim = mesh.dim
    problem = ms.fe.Problem(mesh, ms.NeoHooke(1.0, 2.0, dim))
    q = jnp.asarray(rotation(dim))
    u = jnp.asarray(0.02 * np.random.default_rng(0).normal(size=mesh.points.shape))
    v = jnp.asarray(np.random.default_rng(1).normal(size=mesh.points.shape))

    @jax.jit
    def at(u, v):
        found = balance(problem, u, (None,))
        return found.energy, found.residual, found.stiffness.apply(v), found.code

    turned = (mesh.points + u) @ q.T - mesh.points
    before, after = at(u, v), at(turned, v @ q.T)
    assert int(after[3]) <= Code.UNSTABLE
    assert float(after[0]) == pytest.approx(float(before[0]), rel=1e-12)
    np.testing.assert_allclose(after[1], before[1] @ q.T, atol=2e-13)
    np.testing.assert_allclose(after[2], before[2] @ q.T, atol=2e-12)
    rest = at(mesh.points @ q.T - mesh.points + 3.0, v)
    np.testing.assert_allclose(rest[0], 0.0, atol=1e-13)
    np.testing.assert_allclose(rest[1], 0.0, atol=2e-13)
