"""Loads: resultants and virtual work on every cell type, stiffness against differences, refusals by name."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe.geometry import cell_geometry, facet_geometry, facet_rule
from msjax.fe.loads import facet_nodes

RNG = np.random.default_rng(3)
PLANE = ["tri3", "tri6", "quad4", "quad9"]
SPACE = ["tet4", "tet10", "hex8", "hex27"]
KINDS = ["line2", "line3", *PLANE, *SPACE]


def small_mesh(kind, twist=0.15):
    """A few cells in [0, 1]^d × …, bent so that nothing is parallel."""
    if kind in ("line2", "line3"):
        return ms.fe.interval(2.0, 3, kind)
    if kind in PLANE:
        mesh = ms.fe.rectangle((2.0, 1.0), (3, 2), kind)
        return mesh.moved(lambda x: x + twist * np.sin(x[:, ::-1]))
    mesh = ms.fe.box((2.0, 1.0, 1.0), (2, 1, 1), kind)
    return mesh.moved(lambda x: x + twist * np.sin(np.roll(x, 1, axis=1)))


def volume(mesh, u=None, rule=None):
    """Of the mesh displaced by u."""
    points = mesh.points if u is None else mesh.points + u
    rule = mesh.cell.quadrature(2 * mesh.cell.degree + 2) if rule is None else rule
    return jnp.sum(jax.vmap(lambda x: cell_geometry(mesh.cell, rule, x).weights)(points[mesh.cells]))


def random_displacement(mesh, size=0.02):
    return jnp.asarray(size * RNG.normal(size=mesh.points.shape))


@pytest.mark.parametrize("kind", KINDS)
def test_resultants_are_force_times_size(kind):
    """Partition of unity and quadrature: sums over the nodes of constant loads and of their moments."""
    mesh = small_mesh(kind)
    b = np.arange(1.0, mesh.dim + 1.0)
    nodes = facet_nodes(mesh, "x+")

    @jax.jit
    def loads():
        body = ms.fe.BodyForce(b).on(mesh, mesh.dim, False).forces
        first = ms.fe.BodyForce(lambda x: x).on(mesh, mesh.dim, False).forces
        scalar = ms.fe.BodyForce(2.0).on(mesh, 1, False).forces
        pulled = ms.fe.Traction("x+", b).on(mesh, mesh.dim, False).forces
        facets = jax.vmap(lambda x: facet_geometry(mesh.cell, facet_rule(mesh.cell), x).weights)(mesh.points[nodes])
        return volume(mesh), body, first, scalar, pulled, jnp.sum(facets)

    size, body, first, scalar, pulled, area = loads()
    np.testing.assert_allclose(body.sum(axis=0), b * size, rtol=1e-12)
    # Σ_a N_a x_a = x, which a function of the position knows too: Σ x_a f_a = ∫ x b
    np.testing.assert_allclose(np.einsum("ai,ai->i", mesh.points, body) / b, first.sum(axis=0), rtol=1e-10)
    assert float(scalar.sum()) == pytest.approx(2.0 * float(size), rel=1e-12)
    np.testing.assert_allclose(pulled.sum(axis=0), b * area, rtol=1e-12)
    untouched = np.setdiff1d(np.arange(len(mesh.points)), mesh.nodes_of("x+"))
    np.testing.assert_array_equal(np.asarray(pulled)[untouched], 0.0)


@pytest.mark.slow
def test_a_bent_edge_has_its_length():
    """The quarter of a circle of radius 2 as three parabolas: length π, to the order of the geometry."""
    from msjax.fe.mapped import arc, blend, mapped

    ring = mapped(blend(arc(1.0), arc(2.0)), (1, 3), "quad9", ["inner", "outer", None, None])
    pulled = ms.fe.Traction("outer", lambda x: x / 2.0).on(ring, 2, False).forces
    np.testing.assert_allclose(pulled.sum(axis=0), [2.0, 2.0], rtol=2e-4)
    assert float(ms.fe.Traction("outer", 1.0).on(ring, 1, False).forces.sum()) == pytest.approx(np.pi, rel=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["tri3", "quad9"])
def test_axisymmetric_loads_go_all_around(kind):
    mesh = ms.fe.rectangle((1.0, 3.0), (2, 3), kind).moved(lambda x: x + np.array([1.0, 0.0]))
    body = ms.fe.BodyForce([0.0, 2.0]).on(mesh, 2, True).forces
    assert float(body[:, 1].sum()) == pytest.approx(2.0 * np.pi * (2.0**2 - 1.0**2) * 3.0, rel=1e-12)
    outer = ms.fe.Traction("x+", [1.0, 0.0]).on(mesh, 2, True).forces
    assert float(outer[:, 0].sum()) == pytest.approx(2.0 * np.pi * 2.0 * 3.0, rel=1e-12)
    lid = ms.fe.Traction("y+", [0.0, 1.0]).on(mesh, 2, True).forces
    assert float(lid[:, 1].sum()) == pytest.approx(np.pi * 3.0, rel=1e-12)
    bed = ms.fe.Springs("y+", 2.0).on(mesh, 2, True)
    up = jnp.zeros((len(mesh.points), 2)).at[:, 1].set(0.5)
    assert float(bed.act(mesh, up).energy) == pytest.approx(0.5 * 2.0 * 0.25 * np.pi * 3.0, rel=1e-12)


@pytest.mark.parametrize("kind", PLANE + SPACE)
def test_pressure_on_a_closed_body(kind):
    """Whatever its shape after deformation, it has no resultant: ∮ p n da = 0 and ∮ x × p n da = 0. And its resisting
    forces are p ∂V/∂u with the volume by integration over the cells, not over the facets."""
    mesh = small_mesh(kind)
    u = random_displacement(mesh)

    @jax.jit
    def both(u):
        sides = [ms.fe.Pressure(side, 3.0).on(mesh, mesh.dim, False).act(mesh, u).forces for side in mesh.boundaries]
        return sum(sides), jax.grad(lambda u: volume(mesh, u))(u)

    forces, growth = both(u)
    assert float(jnp.max(jnp.abs(forces))) > 0.01
    np.testing.assert_allclose(forces.sum(axis=0), 0.0, atol=1e-13)
    moments = jnp.einsum("ai,aj->ij", mesh.points + u, forces)
    np.testing.assert_allclose(moments - moments.T, 0.0, atol=1e-13)
    np.testing.assert_allclose(forces, 3.0 * growth, atol=1e-12)


@pytest.mark.parametrize("kind", ["quad9", "tet10"])
def test_stiffness_is_the_derivative_of_the_forces(kind):
    mesh = small_mesh(kind)
    u, v = random_displacement(mesh), random_displacement(mesh, 1.0)
    for load in (ms.fe.Pressure("x+", 3.0), ms.fe.Springs("y-", 2.0 + jnp.eye(mesh.dim))):
        act = jax.jit(lambda u, load=load: load.on(mesh, mesh.dim, False).act(mesh, u))
        bed = act(u).stiffness
        nodes = np.take_along_axis(np.asarray(mesh.cells)[bed.owners], np.asarray(bed.local), axis=1)
        moved = np.asarray(v)[nodes]
        nodal = np.zeros_like(u)
        np.add.at(
            nodal, nodes, np.einsum("fst,ft->fs", bed.matrices, moved.reshape(len(moved), -1)).reshape(moved.shape)
        )
        h = 1e-6
        ahead, behind = (act(u + step * v).forces for step in (h, -h))
        np.testing.assert_allclose(nodal, (ahead - behind) / (2 * h), atol=2e-8)
        assert np.max(np.abs(nodal)) > 0.1


@pytest.mark.slow
def test_forces_with_a_potential_are_its_gradient():
    mesh = small_mesh("tri6")
    u = random_displacement(mesh)
    loads = [
        ms.fe.BodyForce(lambda x: jnp.stack([x[1], x[0] ** 2])),
        ms.fe.Traction("x+", [1.0, 2.0]),
        ms.fe.NodalForce([3, 4], [1.0, -2.0]),
        ms.fe.Springs("y-", [1.0, 2.0]),
        ms.fe.Springs("x-", [[2.0, 1.0], [1.0, 3.0]]),
    ]
    for load in (load.on(mesh, 2, False) for load in loads):
        assert load.conservative
        assert load.symmetric
        gradient = jax.grad(lambda u, load=load: load.act(mesh, u).energy)(u)
        np.testing.assert_allclose(load.act(mesh, u).forces, gradient, atol=1e-14)


@pytest.mark.slow
def test_scaling_scales_loads_and_leaves_springs():
    mesh = small_mesh("quad4")
    u, zero = random_displacement(mesh), jnp.zeros(mesh.points.shape)
    for load in (ms.fe.BodyForce([1.0, 2.0]), ms.fe.Traction("x+", [1.0, 2.0]), ms.fe.Pressure("x+", 2.0)):
        posed = load.on(mesh, 2, False)
        for at in (u, zero):
            np.testing.assert_allclose(
                posed.scaled(jnp.array(3.0)).act(mesh, at).forces, 3.0 * posed.act(mesh, at).forces, atol=1e-14
            )
    bed = ms.fe.Springs("x+", 2.0).on(mesh, 2, False)
    np.testing.assert_array_equal(bed.scaled(jnp.array(3.0)).act(mesh, u).forces, bed.act(mesh, u).forces)


@pytest.mark.parametrize(
    ("load", "text"),
    [
        (lambda: ms.fe.BodyForce([1.0]), "BodyForce: expected 2 components, got 1"),
        (lambda: ms.fe.BodyForce([1.0, jnp.nan]), "BodyForce: must be finite"),
        (lambda: ms.fe.BodyForce("down"), "BodyForce: expected numbers, got 'down'"),
        (lambda: ms.fe.BodyForce(lambda x: x[0]), "BodyForce: expected 2 components, got 1"),
        (lambda: ms.fe.Traction("top", [1.0, 0.0]), r"boundary 'top': the mesh has 'x\+', 'x-', 'y\+', 'y-'"),
        (lambda: ms.fe.Traction("x+", 1.0), r"Traction on 'x\+': expected 2 components, got 1"),
        (lambda: ms.fe.Traction("x+", [1.0, jnp.inf]), r"Traction on 'x\+': must be finite"),
        (lambda: ms.fe.NodalForce([3], [1.0, 2.0, 3.0]), r"NodalForce on nodes \[3\]: expected 2 components, got .*3"),
        (lambda: ms.fe.NodalForce([99], 1.0), "nodes: expected numbers from 0 to 11, got 99"),
        (lambda: ms.fe.NodalForce(range(5), jnp.nan), r"NodalForce on 5 nodes \[0, 1, 2, …\]: must be finite"),
        (lambda: ms.fe.Springs("x+", [1.0, 2.0, 3.0]), r"Springs on 'x\+': stiffness needs shape \(\), \(2,\) or"),
        (lambda: ms.fe.Springs("x+", [[1.0, 2.0], [0.0, 1.0]]), "stiffness must be symmetric and not negative"),
        (lambda: ms.fe.Springs("x+", -1.0), r"Springs on 'x\+': stiffness must be symmetric and not negative"),
        (lambda: ms.fe.Pressure("x+", [1.0, 2.0]), r"Pressure on 'x\+': expected one number, got shape \(2,\)"),
        (lambda: ms.fe.Pressure("x+", jnp.nan), r"Pressure on 'x\+': must be finite"),
    ],
)
def test_what_is_wrong_is_named(load, text):
    mesh = ms.fe.rectangle((1.0, 1.0), (3, 2))
    with pytest.raises(ValueError, match=text):
        load().on(mesh, 2, False)


def test_pressure_needs_a_solid():
    mesh = ms.fe.rectangle((1.0, 1.0), (3, 2))
    with pytest.raises(ValueError, match="needs a displacement field in 2 or 3 dimensions"):
        ms.fe.Pressure("x+", 1.0).on(mesh, 1, False)
    with pytest.raises(ValueError, match="not in axial symmetry"):
        ms.fe.Pressure("x+", 1.0).on(mesh, 2, True)


@pytest.mark.parametrize("kind", PLANE + SPACE)
def test_outward_is_outward_on_all_facets(kind):
    """∮ x·n da = d V around every single cell, over its own facets."""
    mesh = small_mesh(kind)
    cell, rule = mesh.cell, facet_rule(mesh.cell)

    def around(nodes):
        g = jax.vmap(lambda x: facet_geometry(cell, rule, x))(nodes[cell.facet_nodes])
        own = cell_geometry(cell, cell.quadrature(2 * cell.degree + 2), nodes).weights
        return jnp.vdot(g.positions, g.normals), cell.dim * jnp.sum(own)

    found, expected = jax.jit(jax.vmap(around))(mesh.points[mesh.cells])
    np.testing.assert_allclose(found, expected, rtol=1e-11)
