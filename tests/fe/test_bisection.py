"""Bisection of longest edges: conforming, body kept, shapes kept, fields interpolated."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe.checks import check_mesh
from msjax.fe.facets import boundary_facets, cell_centres

from .surfaces import assert_closed, surface, volume


def wavy(kind):
    dim = ms.fe.cell_type(kind).dim
    mesh = ms.fe.mapped(lambda x: x + 0.05 * np.sin(5.0 * x[:, ::-1]), (3, 2, 2)[:dim], kind)
    return ms.fe.tag_region(mesh, "far", lambda x: x[:, 0] > 0.5)


def smallest_angle(mesh):
    x = np.asarray(mesh.points)[np.asarray(mesh.cells)]
    angles = []
    for corner in range(3):
        a, b = x[:, (corner + 1) % 3] - x[:, corner], x[:, (corner + 2) % 3] - x[:, corner]
        cosine = np.sum(a * b, axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
        angles.append(np.arccos(cosine))
    return np.min(angles)


def regional_volumes(mesh):
    return np.bincount(np.asarray(mesh.regions), check_mesh(mesh).volumes, len(mesh.region_names))


def assert_same_body(start, mesh):
    """A hanging node would open facets inside: all of the surface has names, and nothing else is surface."""
    assert_closed(mesh)
    assert len(boundary_facets(mesh)) == sum(map(len, mesh.boundaries.values()))
    assert volume(mesh) == pytest.approx(volume(start), rel=1e-12)
    np.testing.assert_allclose(regional_volumes(mesh), regional_volumes(start), rtol=1e-12)
    for name in start.boundaries:
        np.testing.assert_allclose(surface(mesh, name).normal, surface(start, name).normal, atol=1e-13)


@pytest.mark.parametrize("kind", ["tri3", "tet4"])
@pytest.mark.parametrize("marks", ["random", "at a corner"])
def test_fifteen_rounds_keep_the_body_and_the_shapes(kind, marks):
    start = mesh = wavy(kind)
    random = np.random.default_rng(1)
    for _ in range(15):
        count = len(mesh.cells)
        if marks == "random":
            marked = random.uniform(size=count) < (0.3 if mesh.dim == 2 else 0.04)
        else:
            marked = np.argsort(np.linalg.norm(cell_centres(mesh), axis=1))[: 4 if mesh.dim == 2 else 20]
        finer = ms.fe.bisect(mesh, marked)
        parents = np.asarray(finer.parents)
        chosen = marked if marks == "random" else np.isin(np.arange(count), marked)
        assert np.all(np.bincount(parents, minlength=count)[chosen] > 1)
        mesh = finer.mesh
    assert len(mesh.cells) > 4 * len(start.cells)
    assert_same_body(start, mesh)
    if mesh.dim == 2:  # Rivara's bound
        assert smallest_angle(mesh) >= 0.5 * smallest_angle(start)
    assert check_mesh(mesh).scaled_jacobian.min() > 0.3 * check_mesh(start).scaled_jacobian.min()
    if marks == "at a corner":  # graded: small there, large elsewhere
        volumes = check_mesh(mesh).volumes
        assert volumes.max() / volumes.min() > 2.0**8


@pytest.mark.parametrize("kind", ["tri3", "tet4"])
def test_marking_all_halves_all_and_marking_none_changes_nothing(kind):
    mesh = wavy(kind)
    same = ms.fe.bisect(mesh, np.zeros(len(mesh.cells), bool))
    np.testing.assert_array_equal(same.mesh.cells, mesh.cells)
    assert same.ends.shape == (0, 2)
    every = ms.fe.bisect(mesh, np.arange(len(mesh.cells)))
    assert np.bincount(every.parents).min() >= 2
    assert_same_body(mesh, every.mesh)


def test_one_marked_cell_refines_only_its_neighbourhood():
    mesh = ms.fe.rectangle((1.0, 1.0), (8, 8), "tri3")
    finer = ms.fe.bisect(mesh, [40])
    parts = np.bincount(finer.parents, minlength=len(mesh.cells))
    assert parts[40] == 2
    assert (parts > 1).sum() == 2  # the longest edge, a diagonal, has two cells


@pytest.mark.parametrize("kind", ["tri3", "tet4"])
def test_children_lie_in_their_parents_and_linear_fields_are_kept(kind):
    mesh = wavy(kind)
    finer = ms.fe.bisect(mesh, np.random.default_rng(0).uniform(size=len(mesh.cells)) < 0.3)
    parents = np.asarray(finer.parents)
    np.testing.assert_array_equal(finer.mesh.points[: len(mesh.points)], mesh.points)
    x = np.asarray(mesh.points)[np.asarray(mesh.cells)][parents]
    frame = np.swapaxes(x[:, 1:] - x[:, :1], 1, 2)
    local = np.linalg.solve(frame, (cell_centres(finer.mesh) - x[:, 0])[..., None])[..., 0]
    assert np.all(local > 0.0)
    assert np.all(local.sum(axis=1) < 1.0)
    np.testing.assert_allclose(
        np.bincount(parents, check_mesh(finer.mesh).volumes), check_mesh(mesh).volumes, rtol=1e-12
    )

    gradient = jnp.asarray(np.arange(1.0, 2.0 * mesh.dim + 1.0).reshape(mesh.dim, 2))
    field = finer.interpolate(mesh.points @ gradient)
    np.testing.assert_allclose(field, finer.mesh.points @ gradient, atol=1e-14)
    total = jax.grad(lambda f: jnp.sum(finer.interpolate(f)))(jnp.ones(len(mesh.points)))
    assert total.sum() == pytest.approx(len(finer.mesh.points))


@pytest.mark.parametrize(
    ("kind", "marked", "message"),
    [
        ("quad4", [0], "mesh: expected tri3 or tet4 cells, got quad4"),
        ("tri6", [0], "mesh: expected tri3 or tet4 cells, got tri6"),
        ("tri3", [True], r"marked: expected 8 booleans, got shape \(1,\)"),
        ("tri3", [8], "marked: expected numbers from 0 to 7, got 8 to 8"),
        ("tri3", [-1], "marked: expected numbers from 0 to 7"),
        ("tri3", [0.5], "marked: expected booleans or numbers of cells"),
    ],
)
def test_bad_marks_are_refused(kind, marked, message):
    with pytest.raises(ValueError, match=message):
        ms.fe.bisect(ms.fe.rectangle((1.0, 1.0), (2, 2), kind), marked)
