"""A crystal's face as a material surface: what it must share with the slab, with rotations, and with the boundary."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.surfaces import Surface, SurfaceCauchyBorn
from msjax.material.check import check_material
from msjax.status import Code

A = 1.5463664  # near equilibrium
STRETCH = jnp.array([[1.02, 0.015], [-0.01, 0.99]])


@pytest.fixture(scope="module")
def bulk():
    return ms.CauchyBorn(ms.bulk("X", "fcc", A), ms.LennardJones(inner=1.6, outer=2.0))


@pytest.fixture(scope="module")
def face(bulk):
    return SurfaceCauchyBorn(bulk, "110")


@pytest.mark.slow
def test_the_contract(face):
    assert check_material(face, parameters=False).passed  # of the slab: test_surfaces.py


@pytest.mark.slow
def test_in_its_plane_it_is_the_slab(face, bulk):
    """F_s = (F; 0) has the energy, stress and in-plane tangent of the slab at F."""
    slab = Surface(bulk, "110").respond(STRETCH)
    found = face.respond(jnp.concatenate([STRETCH, jnp.zeros((1, 2))]))
    np.testing.assert_allclose(found.energy, slab.energy, rtol=1e-13)
    np.testing.assert_allclose(found.stress[:2], slab.stress, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(found.stress[2], 0.0, atol=1e-14)
    np.testing.assert_allclose(found.tangent[:2, :, :2], slab.tangent, rtol=1e-8, atol=1e-9)
    # out of the plane the tangent is the tension alone, and turns with the surface
    second_piola = np.linalg.solve(STRETCH, slab.stress)
    np.testing.assert_allclose(found.tangent[2, :, 2], second_piola, rtol=1e-9, atol=1e-12)


def test_a_turn_in_space_changes_nothing_but_the_frame(face):
    flat = jnp.concatenate([STRETCH, jnp.zeros((1, 2))])
    turn, _ = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))
    one, two = face.respond(flat), face.respond(jnp.asarray(turn) @ flat)
    np.testing.assert_allclose(two.energy, one.energy, rtol=1e-13)
    np.testing.assert_allclose(two.stress, turn @ one.stress, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("normal", ["x-", pytest.param("z+", marks=pytest.mark.slow)])
def test_on_a_mesh_directions_are_the_crystals(normal):
    """In a tetragonal crystal the face's two axes differ: the elements must not take their own edges for them."""
    cell = np.asarray(ms.bulk("X", "fcc", A).cell) @ np.diag([1.0, 1.0, 1.03])
    crystal = ms.Crystal(cell=cell, basis=np.zeros((1, 3)), species=("X",))
    bulk = ms.CauchyBorn(crystal, ms.LennardJones(inner=1.6, outer=2.0))
    miller = {"x": (0, 1, 1), "y": (1, 0, 1), "z": (1, 1, 0)}[normal[0]]  # of the primitive cell
    face = SurfaceCauchyBorn(bulk, miller)
    mesh = ms.fe.box((2.0, 3.0, 4.0), (2, 2, 2), "tet4")
    component = "xyz".index(normal[0])
    nodes, points = mesh.nodes_of(normal), np.asarray(mesh.points)
    middle = nodes[np.argmin(np.linalg.norm(points[nodes] - points[nodes].mean(axis=0), axis=1))]
    aside = np.where(np.arange(3) == component, 0.0, [0.25, 0.3, -0.4])  # edges in no direction of the crystal
    mesh = eqx.tree_at(lambda m: m.points, mesh, mesh.points.at[middle].add(aside))
    deformation = np.eye(3) + 0.02 * np.random.default_rng(2).normal(size=(3, 3))
    u = mesh.points @ (deformation - np.eye(3)).T
    found = ms.fe.SurfaceEnergy(normal, face).on(mesh, 3, False).act(mesh, u)
    area = {"x": 12.0, "y": 8.0, "z": 6.0}[normal[0]]
    of_plane = deformation @ np.asarray(face.axes)[:2].T
    expected = face.respond(np.asarray(face.axes) @ of_plane)
    assert np.isfinite(float(expected.energy))
    np.testing.assert_allclose(found.energy, area * expected.energy, rtol=1e-12)
    # a second route that knows no frames: energy of the slab under the metric of the two reference directions
    metric = of_plane.T @ of_plane
    upper = np.linalg.cholesky(metric).T
    np.testing.assert_allclose(found.energy, area * Surface(bulk, miller).respond(upper).energy, rtol=1e-12)


@pytest.mark.slow
def test_failures_are_the_slabs_and_stay_alone(face):
    rest = jnp.eye(3, 2)
    batch = jnp.stack([rest, rest.at[0, 0].set(jnp.nan), jnp.zeros((3, 2)), 0.5 * rest])
    found = jax.vmap(face.respond)(batch)
    codes = [Code(int(c)) for c in found.status.code]
    assert codes[1:] == [Code.NONFINITE, Code.INVERTED, Code.OVERFLOW]
    assert not found.status.failed[0]
    assert np.isnan(np.asarray(found.energy[1:])).all()
    np.testing.assert_allclose(found.energy[0], face.respond(rest).energy, rtol=1e-13)


@pytest.mark.slow
def test_a_boundary_with_another_normal_is_refused(face, bulk):
    mesh = ms.fe.box((1.0, 1.0, 1.0), (1, 1, 1))
    with pytest.raises(ValueError, match=r"SurfaceEnergy on 'x\+': facet 0 has the normal \[1., 0., 0.\]"):
        ms.fe.SurfaceEnergy("x+", face).on(mesh, 3, False)
    plane = ms.fe.rectangle((1.0, 1.0), (1, 1))
    with pytest.raises(ValueError, match="needs a mesh in three dimensions"):
        ms.fe.SurfaceEnergy("x+", SurfaceCauchyBorn(bulk, "100")).on(plane, 2, False)
