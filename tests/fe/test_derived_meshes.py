"""Meshes from meshes: second degree, refinement, extrusion, joining, cutting, tagging."""

import itertools

import jax
import numpy as np
import pytest

import msjax as ms
from msjax.fe.checks import check_mesh
from msjax.fe.facets import boundary_facets, edges, facet_centres

from .surfaces import assert_closed, surface, volume

FLAT, SOLID = ["tri3", "tri6", "quad4", "quad9"], ["tet4", "tet10", "hex8", "hex27"]
KINDS = [*FLAT, *SOLID]


def wavy(kind, structured):
    """A distorted block with two regions."""
    shape = (2, 3, 2)[: ms.fe.cell_type(kind).dim]
    mesh = ms.fe.mapped(lambda x: x + 0.05 * np.sin(5.0 * x[:, ::-1]), shape, kind)
    mesh = ms.fe.tag_region(mesh, "far", lambda x: x[:, 0] > 0.5)
    if structured:
        return mesh
    numbers = np.random.default_rng(0).permutation(len(mesh.points))  # another order of nodes, no grid
    points = np.empty(mesh.points.shape)
    points[numbers] = mesh.points
    return ms.fe.Mesh(points, numbers[np.asarray(mesh.cells)], kind, mesh.boundaries, mesh.regions, mesh.region_names)


def assert_same_body(mesh, other):
    """Volume, volume of the regions, area and flux of every boundary."""
    check_mesh(other)
    assert_closed(other)
    assert volume(other) == pytest.approx(volume(mesh), rel=1e-12)
    assert other.region_names == mesh.region_names
    for number in range(len(mesh.region_names)):
        parts = [np.asarray(check_mesh(m).volumes)[np.asarray(m.regions) == number].sum() for m in (mesh, other)]
        assert parts[0] == pytest.approx(parts[1], rel=1e-9)
    for name in mesh.boundaries:
        before, after = surface(mesh, name), surface(other, name)
        assert after.flux == pytest.approx(before.flux, rel=1e-11)
        np.testing.assert_allclose(after.normal, before.normal, atol=1e-13)


@pytest.mark.parametrize("structured", [True, False], ids=["grid", "free"])
@pytest.mark.parametrize("kind", KINDS)
def test_refinement_keeps_the_body_its_regions_and_its_boundaries(kind, structured):
    mesh = wavy(kind, structured)
    fine = ms.fe.refine(mesh)
    assert len(fine.cells) == 2**mesh.dim * len(mesh.cells)
    assert_same_body(mesh, fine)
    if mesh.grid:
        assert fine.grid == tuple(2 * n for n in mesh.grid)  # check_mesh has checked that the cells form it
    else:  # old nodes keep their numbers
        np.testing.assert_allclose(fine.points[: len(mesh.points)], mesh.points, rtol=0, atol=1e-15)


@pytest.mark.parametrize("structured", [True, False], ids=["grid", "free"])
@pytest.mark.parametrize("kind", ["tri3", "quad4", "tet4", "hex8"])
def test_a_mesh_of_second_degree_covers_the_same_body(kind, structured):
    mesh = wavy(kind, structured)
    second = ms.fe.quadratic(mesh)
    assert second.cell.degree == 2
    assert second.grid == mesh.grid
    assert_same_body(mesh, second)


def test_refined_grids_are_the_grids_of_the_builders():
    for kind in ("hex8", "hex27", "quad9"):
        build = ms.fe.rectangle if kind == "quad9" else ms.fe.box
        size, shape = ((1.0, 2.0), (2, 1)) if kind == "quad9" else ((1.0, 2.0, 3.0), (2, 1, 2))
        fine = ms.fe.refine(build(size, shape, kind))
        other = build(size, tuple(2 * n for n in shape), kind)
        np.testing.assert_allclose(fine.points, other.points, atol=1e-14)
        np.testing.assert_array_equal(fine.cells, other.cells)
        for name, rows in other.boundaries.items():
            assert {tuple(r) for r in np.asarray(fine.boundaries[name])} == {tuple(r) for r in np.asarray(rows)}


def test_projections_put_new_nodes_on_the_circle():
    def circle(x):
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    errors = []
    mesh = ms.fe.quadratic(ms.fe.disc(1.0, 1), {"outer": circle})
    for _ in range(2):
        errors.append(abs(volume(mesh) - np.pi))
        mesh = ms.fe.refine(mesh, {"outer": circle})
        np.testing.assert_allclose(np.linalg.norm(mesh.points[mesh.nodes_of("outer")], axis=1), 1.0, rtol=1e-14)
    assert errors[1] < errors[0] / 10.0  # of fourth order
    with pytest.raises(ValueError, match="boundary 'inner'"):
        ms.fe.refine(mesh, {"inner": circle})
    with pytest.raises(ValueError, match="inverted"):
        ms.fe.refine(mesh, {"outer": lambda x: 0.1 * x})


def test_tetrahedra_stay_well_shaped_under_refinement():
    mesh = wavy("tet4", False)
    start = check_mesh(mesh).scaled_jacobian.min()
    for _ in range(3):
        mesh = ms.fe.refine(mesh)
    assert check_mesh(mesh).scaled_jacobian.min() > 0.7 * start


@pytest.mark.parametrize("kind", ["line2", "line3", *FLAT])
def test_an_extruded_mesh_is_a_product(kind):
    flat = ms.fe.interval(2.0, 3, kind) if kind.startswith("line") else wavy(kind, False)
    tall = ms.fe.extrude(flat, 1.5, 2)
    check_mesh(tall)
    assert_closed(tall)
    area = 2.0 if flat.dim == 1 else volume(flat)
    assert volume(tall) == pytest.approx(1.5 * area, rel=1e-12)
    assert tall.region_names == flat.region_names
    top = "y+" if flat.dim == 1 else "z+"
    assert surface(tall, top).area == pytest.approx(area, rel=1e-12)
    if flat.dim == 2:
        for name in flat.boundaries:
            assert surface(tall, name).area == pytest.approx(
                1.5 * surface(flat, name).area, rel=1e-7
            )  # of a curve, by quadrature
        with pytest.raises(ValueError, match="has a boundary 'z-' already"):
            ms.fe.extrude(ms.fe.tag(flat, "z-", lambda x: x[:, 0] < 0.5), 1.0, 1)


@pytest.mark.parametrize("kind", ["quad4", "quad9"])
def test_an_extruded_grid_is_the_box(kind):
    solid = {"quad4": "hex8", "quad9": "hex27"}[kind]
    tall, other = (
        ms.fe.extrude(ms.fe.rectangle((1.0, 2.0), (2, 3), kind), 3.0, 4),
        ms.fe.box((1.0, 2.0, 3.0), (2, 3, 4), solid),
    )
    np.testing.assert_allclose(tall.points, other.points, atol=1e-15)
    np.testing.assert_array_equal(tall.cells, other.cells)
    assert tall.grid == other.grid
    for name, rows in other.boundaries.items():
        assert {tuple(r) for r in np.asarray(tall.boundaries[name])} == {tuple(r) for r in np.asarray(rows)}


@pytest.mark.parametrize("kind", ["quad4", "tri6", "hex8", "tet10"])
def test_halves_are_joined_to_the_whole(kind):
    dim = ms.fe.cell_type(kind).dim
    build = ms.fe.rectangle if dim == 2 else ms.fe.box
    half = ms.fe.tag_region(build((1.0,) * dim, (2,) * dim, kind), "low", lambda x: x[:, 1] < 0.5)
    step = np.eye(dim)[0]
    both = ms.fe.join([half, half.moved(lambda x: x + step)])
    whole = build((2.0, *(1.0,) * (dim - 1)), (4, *(2,) * (dim - 1)), kind)
    assert both.points.shape == whole.points.shape
    assert {name: len(rows) for name, rows in both.boundaries.items()} == {
        name: len(rows) for name, rows in whole.boundaries.items()
    }
    assert both.region_names == ("all", "low")
    assert np.bincount(both.regions).tolist() == [len(whole.cells) // 2] * 2
    assert_closed(both)
    assert both.grid is None
    apart = [half, half.moved(lambda x: x + 3.0 * step)]
    with pytest.raises(ValueError, match="expected 1 connected part, found 2"):
        ms.fe.join(apart)
    assert ms.fe.join(apart, parts=2).points.shape[0] == 2 * half.points.shape[0]


@pytest.mark.parametrize("kind", KINDS)
def test_a_slit_doubles_its_nodes_save_the_rim(kind):
    dim = ms.fe.cell_type(kind).dim
    build = ms.fe.rectangle if dim == 2 else ms.fe.box
    mesh = build((1.0,) * dim, (4,) * dim, kind)
    last = np.eye(dim)[-1]

    def middle(x):
        return np.isclose(x[:, -1], 0.5)

    cut = ms.fe.slit(mesh, lambda x: middle(x) & (x[:, 0] < 0.5), last)
    degree = mesh.cell.degree
    # half the middle plane, without its rim
    assert len(cut.points) - len(mesh.points) == 2 * degree * (4 * degree + 1) ** (dim - 2)
    assert_closed(cut)
    for name, sign in (("crack-", 1.0), ("crack+", -1.0)):  # outward of the lower part is up
        np.testing.assert_allclose(surface(cut, name).normal, sign * 0.5 * last, atol=1e-14)
    quality = check_mesh(cut)
    assert len(quality.coincident) == len(cut.points) - len(mesh.points)
    through = ms.fe.slit(mesh, middle, last, "cut")
    with pytest.raises(ValueError, match="expected 1 connected part, found 2.*coincide.*msjax.fe.join"):
        check_mesh(through)
    check_mesh(through, parts=2)
    healed = ms.fe.join([through])
    assert healed.points.shape == mesh.points.shape
    assert "cut+" not in healed.boundaries


def test_a_slit_within_a_body_closes_at_both_ends_and_a_single_edge_opens_in_second_degree():
    def within(x):
        return np.isclose(x[:, 1], 0.5) & (np.abs(x[:, 0] - 0.5) < 0.2)

    flat = ms.fe.rectangle((1.0, 1.0), (6, 4))
    assert len(ms.fe.slit(flat, within, (0.0, 1.0)).points) == len(flat.points) + 1

    def single(x):
        return np.isclose(x[:, 1], 0.5) & (np.abs(x[:, 0] - 0.5) < 0.1)

    flat = ms.fe.rectangle((1.0, 1.0), (5, 4))
    with pytest.raises(ValueError, match="open nothing"):
        ms.fe.slit(flat, single, (0.0, 1.0))
    # the middle of the one edge is doubled; refinement must tell the two faces apart though they share both ends
    lens = ms.fe.slit(ms.fe.quadratic(flat), single, (0.0, 1.0))
    assert len(lens.points) == 9 * 11 + 1
    fine = ms.fe.refine(lens)
    assert len(fine.points) == 17 * 21 + 3
    assert_closed(fine)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda m: ms.fe.slit(m, lambda x: x[:, 1] > 9.0, (0.0, 1.0)), "none of the 12 inner facets is chosen"),
        (lambda m: ms.fe.slit(m, lambda x: x[:, 1], (0.0, 1.0)), "where: expected 12 booleans"),
        (lambda m: ms.fe.slit(m, lambda x: x[:, 1] == 1.0, (0.0, 0.0)), "normal"),
        (lambda m: ms.fe.tag(m, "x-", lambda x: x[:, 1] == 1.0), "name: the mesh has a boundary 'x-' already"),
        (lambda m: ms.fe.tag(m, "a", lambda x: x[:, 1] == 9.0), "none of the 12 facets of the surface is chosen"),
        (lambda m: ms.fe.tag(m, "a", lambda x: x), "where: expected 12 booleans"),
        (lambda m: ms.fe.tag_region(m, "all", lambda x: x[:, 1] > 0.0), "name: the mesh has a region 'all'"),
        (lambda m: ms.fe.tag_region(m, "a", lambda x: x[:, 1] > 9.0), "none of the 9 cells is chosen"),
        (lambda m: m.moved(lambda x: x[:-1]), "points: expected positions of shape"),
    ],
)
def test_a_choice_that_means_nothing_is_refused(change, text):
    with pytest.raises(ValueError, match=text):
        change(ms.fe.rectangle((1.0, 1.0), (3, 3)))


@pytest.mark.parametrize("kind", KINDS)
def test_edges_and_boundary_facets_obey_euler(kind):
    mesh = wavy(kind, False)
    table = edges(mesh)
    corners = np.unique(np.asarray(mesh.cells)[:, mesh.cell.vertices])
    surface_facets, inner = len(boundary_facets(mesh)), mesh.cell.facet_nodes.shape[0] * len(mesh.cells)
    facets = (inner + surface_facets) // 2
    counts = [len(corners), len(table.nodes), *([facets] if mesh.dim == 3 else []), len(mesh.cells)]
    assert sum((-1) ** n * count for n, count in enumerate(counts)) == 1  # a ball
    ends = np.asarray(mesh.cells)[0][mesh.cell.vertices]
    mine = {tuple(sorted(pair)) for pair in table.nodes[table.of_cells[0]]}
    pairs = {tuple(sorted(map(int, pair))) for pair in itertools.combinations(ends, 2)}
    assert mine <= pairs
    if mesh.cell.simplex:
        assert mine == pairs


def test_tagged_facets_lie_where_they_were_chosen():
    mesh = ms.fe.tag(wavy("tet4", False), "corner", lambda x: x.sum(axis=1) < 0.9)
    assert np.all(facet_centres(mesh, mesh.boundaries["corner"]).sum(axis=1) < 0.9)
    assert 0 < len(mesh.boundaries["corner"]) < len(boundary_facets(mesh))


def test_host_work_on_traced_positions_is_refused():
    mesh = ms.fe.rectangle((1.0, 1.0), (2, 2))
    with pytest.raises(ValueError, match="its positions are traced"):
        jax.jit(lambda x: ms.fe.refine(mesh.moved(x)).points)(mesh.points)


def test_surfaces_in_space_are_refined_too():
    flat = wavy("tri3", True)
    roof = ms.fe.Mesh(np.column_stack([flat.points, flat.points[:, 0]]), flat.cells, "tri3", flat.boundaries)
    area = check_mesh(roof).volumes.sum()
    others = ms.fe.refine(roof), ms.fe.quadratic(roof), ms.fe.bisect(roof, [0, 3]).mesh
    for other in others:
        assert check_mesh(other).volumes.sum() == pytest.approx(area, rel=1e-12)
        assert len(boundary_facets(other)) == sum(map(len, other.boundaries.values()))
