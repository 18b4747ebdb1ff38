"""Meshes of bodies: volumes and areas in closed form, orders of convergence, closed surfaces, conforming neighbours."""

import numpy as np
import pytest

import msjax as ms
from msjax.fe.checks import check_mesh

from .surfaces import assert_closed, surface, volume

PI = np.pi
FLAT, SOLID = ["tri3", "tri6", "quad4", "quad9"], ["tet4", "tet10", "hex8", "hex27"]
LE1 = PI / 4.0 * (3.25 * 2.75 - 2.0 * 1.0)


# name: builder of n and kind, volume, areas of boundaries in closed form
BODIES = {
    "rectangle": (lambda n, k: ms.fe.rectangle((2.0, 0.5), (n, 2 * n), k), 1.0, {"x-": 0.5, "y+": 2.0}),
    "ring sector": (
        lambda n, k: ms.fe.annulus(1.0, 3.0, (n, 2 * n), angle=1.0, kind=k, grading=3.0),
        4.0,
        {"inner": 1.0, "outer": 3.0, "start": 2.0, "end": 2.0},
    ),
    "ring": (
        lambda n, k: ms.fe.annulus(1.0, 2.0, (n, 6 * n), angle=2.0 * PI, kind=k),
        3.0 * PI,
        {"inner": 2.0 * PI, "outer": 4.0 * PI},
    ),
    "disc": (lambda n, k: ms.fe.disc(2.0, n, k), 4.0 * PI, {"outer": 4.0 * PI}),
    "quarter hole": (
        lambda n, k: ms.fe.holed_plate((3.0, 2.0), 1.0, (n, n), k),
        6.0 - PI / 4.0,
        {"hole": PI / 2.0, "x-": 1.0, "y-": 2.0, "x+": 2.0, "y+": 3.0},
    ),
    "hole": (
        lambda n, k: ms.fe.holed_plate((3.0, 2.0), 0.5, (n, 2 * n), k, quarter=False),
        6.0 - PI / 4.0,
        {"hole": PI, "x-": 2.0, "x+": 2.0, "y+": 3.0},
    ),
    "notch": (
        lambda n, k: ms.fe.notched_plate((1.0, 3.0), 0.4, (n, n), k),
        3.0 - PI * 0.08,
        {"notch": PI * 0.4, "x-": 2.2, "x+": 3.0, "y-": 1.0},
    ),
    "crack": (
        lambda n, k: ms.fe.cracked_plate((1.0, 2.0), 0.3, (4 * n, 4 * n), k),
        2.0,
        {"crack-": 0.3, "crack+": 0.3, "x+": 2.0},
    ),
    "LE1": (lambda n, k: ms.fe.nafems_le1((n, 2 * n), k), LE1, {"y-": 1.25, "x-": 1.75}),
}
SOLIDS = {
    "box": (lambda n, k: ms.fe.box((1.0, 2.0, 0.5), (n, n, 2 * n), k), 1.0, {"x-": 1.0, "y+": 0.5, "z-": 2.0}),
    "cylinder": (
        lambda n, k: ms.fe.cylinder(1.0, 2.0, (n, n), k),
        2.0 * PI,
        {"outer": 4.0 * PI, "z-": PI, "z+": PI},
    ),
    "hollow sphere": (
        lambda n, k: ms.fe.hollow_sphere(1.0, 2.0, (n, n), k),
        7.0 * PI / 6.0,
        {"inner": PI / 2.0, "outer": 2.0 * PI, "x-": 0.75 * PI, "y-": 0.75 * PI, "z-": 0.75 * PI},
    ),
    "ball": (
        lambda n, k: ms.fe.ball(2.0, n, k),
        4.0 * PI / 3.0,
        {"outer": 2.0 * PI, "x-": PI, "y-": PI, "z-": PI},
    ),
    "LE10": (lambda n, k: ms.fe.nafems_le10((n, 2 * n, n), k), 0.6 * LE1, {"y-": 0.75, "x-": 1.05, "z+": LE1}),
}
CASES = [(name, kind) for name in BODIES for kind in FLAT] + [(name, kind) for name in SOLIDS for kind in SOLID]


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_body_has_its_volume_and_its_surface_to_the_order_of_its_elements(name, kind):
    build, exact, areas = (BODIES | SOLIDS)[name]
    errors = []
    for n in (2, 4):
        mesh = build(n, kind)
        check_mesh(mesh)
        assert_closed(mesh)
        found = {part: surface(mesh, part).area for part in areas}
        errors.append([volume(mesh) / exact - 1.0, *(found[part] / areas[part] - 1.0 for part in areas)])
    coarse, fine = np.abs(errors)
    # exact, or falling as h² and h⁴ as the geometry is interpolated; coarse meshes are a little off the asymptote
    falling = fine <= coarse / (3.3 if mesh.cell.degree == 1 else 11.0)
    assert np.all((fine < 1e-12) | falling), (coarse, fine)
    assert np.all(fine < (0.05 if mesh.cell.degree == 1 else 2e-3))


@pytest.mark.parametrize("kind", ["line2", "line3"])
def test_an_interval_is_cut_evenly(kind):
    mesh = ms.fe.interval(3.0, 4, kind)
    quality = check_mesh(mesh)
    np.testing.assert_allclose(quality.volumes, 0.75)
    np.testing.assert_array_equal(mesh.nodes_of("x-"), [0])
    np.testing.assert_array_equal(mesh.nodes_of("x+"), [len(mesh.points) - 1])
    assert mesh.grid == (4,)


@pytest.mark.parametrize("kind", [*FLAT, *SOLID])
def test_nodes_and_cells_of_a_grid_are_in_lexicographic_order(kind):
    dim = ms.fe.cell_type(kind).dim
    shape, size = (2, 3, 4)[:dim], (1.0, 2.0, 3.0)[:dim]
    mesh = (ms.fe.rectangle if dim == 2 else ms.fe.box)(size, shape, kind)
    points = np.asarray(mesh.points)
    np.testing.assert_array_equal(np.lexsort(points.T[::-1]), np.arange(len(points)))
    assert len(points) == np.prod([mesh.cell.degree * n + 1 for n in shape])
    if mesh.grid:
        centres = points[np.asarray(mesh.cells)].mean(axis=1).round(12)
        np.testing.assert_array_equal(np.lexsort(centres.T[::-1]), np.arange(len(centres)))
    for axis, name in enumerate("xyz"[:dim]):
        for side, place in (("-", 0.0), ("+", size[axis])):
            chosen = mesh.nodes_of(lambda x, axis=axis, place=place: x[:, axis] == place)
            np.testing.assert_array_equal(mesh.nodes_of(name + side), chosen)


@pytest.mark.parametrize(
    ("build", "text"),
    [
        (lambda: ms.fe.box((1.0, 1.0), (2, 2, 2)), "size: expected 3 positive lengths"),
        (lambda: ms.fe.box((1.0, -1.0, 1.0), (2, 2, 2)), "size"),
        (lambda: ms.fe.box((1.0, np.nan, 1.0), (2, 2, 2)), "size"),
        (lambda: ms.fe.box((1.0, 1.0, 1.0), (2, 2, 0)), "shape: expected 3 whole numbers of cells, at least 1"),
        (lambda: ms.fe.box((1.0, 1.0, 1.0), (2.5, 2, 2)), "shape"),
        (lambda: ms.fe.box((1.0, 1.0, 1.0), (2, 2)), "shape"),
        (lambda: ms.fe.box((1.0, 1.0, 1.0), (2000, 2000, 2000)), "more than 2147483647 nodes"),
        (lambda: ms.fe.box((1.0, 1.0, 1.0), (2, 2, 2), "quad4"), "kind: quad4 has dimension 2, expected one of dimen"),
        (lambda: ms.fe.interval(0.0, 2), "length: expected 1 positive length"),
        (lambda: ms.fe.interval(1.0, 0), "cells: expected 1 whole number"),
        (lambda: ms.fe.annulus(2.0, 1.0, (2, 2)), "inner: expected less than the outer"),
        (lambda: ms.fe.annulus((1.0, 2.0), (2.0, 1.5), (2, 2)), "inner"),
        (lambda: ms.fe.annulus(1.0, 2.0, (2, 2), angle=7.0), "angle"),
        (lambda: ms.fe.annulus(1.0, 2.0, (2, 2), angle=2 * PI), "closed ring needs at least 3"),
        (lambda: ms.fe.annulus(1.0, 2.0, (2, 2), grading=0.0), "grading"),
        (lambda: ms.fe.disc(-1.0, 2), "radius"),
        (lambda: ms.fe.disc(1.0, 2, "hex8"), "kind"),
        (lambda: ms.fe.cylinder(1.0, 1.0, (2, 2), "tri3"), "kind"),
        (lambda: ms.fe.hollow_sphere(1.0, 1.0, (2, 2)), "inner"),
        (lambda: ms.fe.holed_plate((1.0, 1.0), 1.0, (2, 2)), "hole: expected semi-axes below"),
        (lambda: ms.fe.holed_plate((1.0, 1.0), 0.5, (2, 2), quarter=False), "hole"),
        (lambda: ms.fe.notched_plate((1.0, 1.0), (0.2, 0.5), (2, 2)), "notch"),
        (lambda: ms.fe.cracked_plate((1.0, 1.0), 1.0, (4, 4)), "length: expected less than the plate's 1.0"),
        (lambda: ms.fe.cracked_plate((1.0, 1.0), 0.5, (4, 3)), "an even number across"),
        (lambda: ms.fe.mapped(lambda x: x, (2, 2), sides=["a"]), "sides: expected 4 names"),
        (lambda: ms.fe.mapped(lambda x: x[:-1], (2, 2)), "position: expected 9 positions"),
        (lambda: ms.fe.mapped(lambda x: x[:, ::-1], (2, 2)), "all are inverted"),
        (lambda: ms.fe.extrude(ms.fe.box((1.0,) * 3, (1, 1, 1)), 1.0, 1), "mesh: expected lines in 1-D or a mesh of"),
        (lambda: ms.fe.extrude(ms.fe.disc(1.0, 2), 0.0, 1), "height"),
        (lambda: ms.fe.extrude(ms.fe.disc(1.0, 2), 1.0, 0), "layers"),
        (lambda: ms.fe.quadratic(ms.fe.disc(1.0, 2, "tri6")), "mesh: tri6 has degree 2 already"),
        (lambda: ms.fe.join([ms.fe.disc(1.0, 2), ms.fe.disc(1.0, 2, "quad4")]), "meshes: number 1 is quad4"),
    ],
)
def test_bad_input_is_refused_by_name(build, text):
    with pytest.raises(ValueError, match=text):
        build()
