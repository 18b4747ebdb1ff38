"""Mesh files: gmsh's own output (made with gmsh 4.15), VTU, Abaqus; strictness against every way to spoil a file."""

import json
import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

import msjax as ms
from msjax.fe.checks import check_mesh

from .surfaces import assert_closed, surface, volume

FILES = Path(__file__).parent / "files"
KINDS = ["line2", "line3", "tri3", "tri6", "quad4", "quad9", "tet4", "tet10", "hex8", "hex27"]
# The quarter ring 1 < r < 2 in two steps around, in space of height 1. Straight sides: 2·(1/2)(4 − 1) sin 45°.
# Parabolic sides: a chord of 45° bulges by 2/3 of its length times its sagitta.
STRAIGHT = 3.0 * np.sin(np.pi / 4.0)
BULGE = 2.0 * (2.0 / 3.0) * (2.0 * np.sin(np.pi / 8.0)) * (1.0 - np.cos(np.pi / 8.0)) * (4.0 - 1.0)
RINGS = ["tri3", "tri6", "quad4", "quad9", "tet4", "tet10", "hex8", "hex27"]


@pytest.mark.parametrize("name", [*RINGS, "tet10-22", "hex27-22", "tet10-binary", "quad9-22-binary"])
def test_gmsh_files_give_the_body_it_meshed(name):
    mesh = ms.fe.read(FILES / f"{name}.msh")
    assert mesh.kind == name.split("-")[0]
    assert mesh.region_names == ("body",)
    assert_closed(mesh)
    assert volume(mesh) == pytest.approx(STRAIGHT + BULGE * (mesh.cell.degree - 1), rel=1e-12)
    for side, radius in (("inner", 1.0), ("outer", 2.0)):
        nodes = mesh.nodes_of(side)
        np.testing.assert_allclose(np.linalg.norm(mesh.points[nodes][:, :2], axis=1), radius, rtol=1e-12)
    assert surface(mesh, "start").area == pytest.approx(1.0)
    if mesh.dim == 3:
        np.testing.assert_allclose(surface(mesh, "lid").normal, [0.0, 0.0, volume(mesh)], atol=1e-12)


@pytest.mark.parametrize("name", ["tet10", "hex27"])
def test_middles_of_straight_cells_lie_in_the_middle(name):
    """Interpolating the vertices' positions gives all nodes of straight cells: here the edges along the height."""
    mesh = ms.fe.read(FILES / f"{name}.msh")
    vertical = mesh.cell.values(mesh.cell.nodal) @ np.asarray(mesh.points)[np.asarray(mesh.cells)][..., 2:]
    linear = ms.fe.cell_type({"tet10": "tet4", "hex27": "hex8"}[name]).values(mesh.cell.nodal)
    corners = np.asarray(mesh.points)[np.asarray(mesh.cells)[:, mesh.cell.vertices]][..., 2:]
    np.testing.assert_allclose(vertical, linear @ corners, atol=1e-12)


def test_regions_points_as_boundaries_and_groups_without_names():
    bar = ms.fe.read(FILES / "line3.msh")
    assert bar.region_names == ("left part", "right part")
    assert bar.regions.tolist() == [0, 0, 1, 1]
    assert bar.points[bar.nodes_of("pulled")].tolist() == [[3.0]]
    plate = ms.fe.read(FILES / "two.msh")
    assert plate.region_names == ("soft", "hard")
    assert [surface(plate, "left").area, volume(plate)] == pytest.approx([1.0, 2.0])
    nameless = ms.fe.read(FILES / "nameless.msh")
    assert nameless.region_names == ("1", "2")
    assert list(nameless.boundaries) == ["3"]


def test_triangles_may_lie_in_space():
    shell = ms.fe.read(FILES / "two.msh", dim=3)
    assert shell.points.shape[1] == 3
    with pytest.raises(ValueError, match="dim: expected 2 to 3, got 1"):
        ms.fe.read(FILES / "two.msh", dim=1)


TRIANGLES = (FILES / "tri3.msh").read_text()
OLD = """$MeshFormat
2.2 0 8
$EndMeshFormat
$Nodes
5
1 0 0 0
2 1 0 0
3 0 1 0
7 1 1 0
9 2 2 0
$EndNodes
$Elements
3
1 1 2 5 1 1 2
2 2 2 6 1 1 2 3
3 2 2 6 1 2 3 7
$EndElements
"""


def test_sparse_numbers_and_clockwise_cells_are_read_and_unused_nodes_left_out_on_request(tmp_path):
    path = tmp_path / "old.msh"
    path.write_text(OLD)
    with pytest.raises(ValueError, match="old.msh: node 4: no cell has it; drop_unused=True"):
        ms.fe.read(path)
    mesh = ms.fe.read(path, drop_unused=True)  # its second cell is clockwise
    assert check_mesh(mesh).volumes.tolist() == [0.5, 0.5]
    assert mesh.nodes_of("5").tolist() == [0, 1]


SPOILED = {
    "no such node": (OLD, "1 2 3\n3 2", "1 2 4\n3 2", "a tri3 has node 4, which is not there"),
    "node twice": (OLD, "\n9 2", "\n7 2", r"\$Nodes: node 7 is given twice"),
    "nan": (OLD, "2 1 0 0", "2 nan 0 0", "node 1: its position"),
    "no number": (OLD, "2 1 0 0", "2 one 0 0", "not a number"),
    "bent": (OLD, "7 1 1 0", "7 1 1 0.5", "node 3: tri3 cells are read in 2-D, but its z is 0.5; pass dim=3"),
    "fewer nodes": (OLD, "\n5\n", "\n4\n", "left over"),
    "more nodes": (OLD, "\n5\n", "\n1000000000\n", r"\$Nodes: expected 4000000000 more numbers, found 20"),
    "more cells": (OLD, "\n3\n1 1 2", "\n4\n1 1 2", r"\$Elements: 1 more are announced"),
    "fewer cells": (OLD, "\n3\n1 1 2", "\n2\n1 1 2", r"\$Elements: .* left over"),
    "unknown type": (OLD, "3 2 2 6", "3 93 2 6", r"\$Elements: type 93 is not known"),
    "no facet": (OLD, "5 1 1 2\n", "5 1 1 7\n", "boundary '5': line2 0 is no facet of a cell"),
    "inner facet": (OLD, "5 1 1 2\n", "5 1 2 3\n", "boundary '5': line2 0 lies inside the body"),
    "duplicate": (OLD, "2 3 7\n", "3 1 2\n", "cell 1: it has the same vertices as cell 0"),
    "degenerate": (OLD, "3 0 1 0", "3 2 0 0", "cell 0: it is degenerate"),
    "version": (OLD, "2.2 0 8", "4.0 0 8", r"\$MeshFormat: expected version 2.2 or 4.1"),
    "no format": (OLD, "$MeshFormat", "$Format", r"\$MeshFormat: expected this section first"),
    "no nodes": (OLD, "Nodes", "Knoten", r"\$Nodes: there is no such section"),
    "partitioned": (OLD, "$Nodes", "$PartitionedEntities\n$EndPartitionedEntities\n$Nodes", "partitioned"),
    "many 4.1": (TRIANGLES, "$Nodes\n", "$Nodes\n9", r"\$Nodes: .* (more|announced)"),
    "two groups": (TRIANGLES, " 1 1 4 ", " 2 1 7 4 ", "are in several: 'body', '7'"),
}  # fmt: skip


@pytest.mark.parametrize("case", SPOILED)
def test_a_spoiled_file_is_refused_by_name(case, tmp_path):
    text, old, new, message = SPOILED[case]
    assert old in text, "the test spoils nothing"
    path = tmp_path / "spoiled.msh"
    path.write_text(text.replace(old, new))
    with pytest.raises(ValueError, match=f"spoiled.msh: .*{message}"):
        ms.fe.read(path, drop_unused=True)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mixed", "cells: expected one kind of dimension 2, found 1 quad4, 2 tri3"),
        ("quad8", "2 quad8 cannot be used: .*serendipity"),
        ("interface", "boundary 'interface': line2 0 lies inside the body"),
        ("hex27-40", "expected version 2.2 or 4.1"),
        ("absent", "there is no such file"),
    ],
)
def test_files_of_gmsh_that_are_no_mesh_here_are_refused(name, message):
    with pytest.raises(ValueError, match=f"{name}.msh: .*{message}"):
        ms.fe.read(FILES / f"{name}.msh")


@pytest.mark.parametrize("name", ["tri3", "quad9-22-binary", "tet10-binary", "hex27-22"])
def test_a_truncated_file_is_always_refused(name, tmp_path):
    data = (FILES / f"{name}.msh").read_bytes()
    path = tmp_path / "cut.msh"
    last = data.rstrip().rfind(b"$EndElements")
    for end in [*range(0, last, max(1, last // 60)), last, last + 5]:
        path.write_bytes(data[:end])
        with pytest.raises(ValueError, match="cut.msh: "):
            ms.fe.read(path)


def test_random_changes_of_a_binary_file_raise_nothing_but_value_errors(tmp_path):
    data = bytearray((FILES / "quad9-22-binary.msh").read_bytes())
    path, random = tmp_path / "changed.msh", np.random.default_rng(0)
    said = []
    for _ in range(60):
        changed = bytearray(data)
        for place in random.integers(0, len(data), 3):
            changed[place] = random.integers(256)
        path.write_bytes(changed)
        try:
            ms.fe.read(path)
        except ValueError as error:
            said.append(str(error))
    assert len(said) > 20
    assert all("changed.msh: " in text for text in said)


def test_a_file_beyond_the_limit_is_refused(tmp_path):
    with pytest.raises(ValueError, match="bytes are more than largest=100"):
        ms.fe.read(FILES / "tri3.msh", largest=100)
    pytest.importorskip("meshio", reason="VTU files need meshio")
    path = tmp_path / "large.vtu"
    ms.fe.write_vtu(path, ms.fe.rectangle((1.0, 1.0), (2, 2)))
    path.write_text(path.read_text().replace('NumberOfPoints="9"', 'NumberOfPoints="900000000"'))
    with pytest.raises(ValueError, match="NumberOfPoints is 900000000"):
        ms.fe.read(path)


def sample(kind):
    dim = ms.fe.cell_type(kind).dim
    shape = (2, 1, 2)[:dim]
    return ms.fe.mapped(lambda x: x + 0.1 * x**2, shape, kind)


@pytest.fixture
def meshio():
    return pytest.importorskip("meshio", reason="files other than gmsh's need meshio")


def plainly_read(meshio, path):
    """By meshio, which knows no texts among field data."""
    plain = path.with_name("plain.vtu")
    plain.write_bytes(re.sub(rb"<FieldData>.*?</FieldData>", b"", path.read_bytes(), flags=re.DOTALL))
    return meshio.read(plain)


@pytest.mark.parametrize("kind", KINDS)
def test_a_mesh_is_read_back_as_it_was_written(kind, tmp_path, meshio):
    mesh, path = sample(kind), tmp_path / "mesh.vtu"
    field = np.asarray(mesh.points) * 3.0
    ms.fe.write_vtu(path, mesh, {"u": field}, {"s": np.arange(len(mesh.cells))}, units={"u": "mm", "length": "mm"})
    again = ms.fe.read(path)
    np.testing.assert_array_equal(again.points, mesh.points)
    np.testing.assert_array_equal(again.cells, mesh.cells)
    assert again.kind == kind


# reference coordinates of VTK's nodes, from vtkCell::GetParametricCoords of VTK 9.7
VTK_HEX27 = (
    "000 200 220 020 002 202 222 022 100 210 120 010 102 212 122 012 001 201 221 021 011 211 101 121 110 112 111"
)  # fmt: skip


def test_nodes_are_written_in_the_order_of_vtk(tmp_path, meshio):
    path = tmp_path / "cube.vtu"
    ms.fe.write_vtu(path, ms.fe.box((2.0, 2.0, 2.0), (1, 1, 1), "hex27"))
    raw = ElementTree.parse(path)
    assert raw.getroot().get("type") == "UnstructuredGrid"
    found = plainly_read(meshio, path)
    assert found.cells[0].type == "hexahedron27"
    order = found.points[found.cells[0].data[0]]
    np.testing.assert_array_equal(order, [[int(c) for c in place] for place in VTK_HEX27.split()])


def test_units_provenance_and_regions_are_in_the_file(tmp_path, meshio):
    path = tmp_path / "plate.vtu"
    mesh = ms.fe.tag_region(ms.fe.rectangle((1.0, 1.0), (2, 2)), "käse", lambda x: x[:, 0] > 0.5)
    stress = np.arange(16.0).reshape(4, 2, 2)
    units, made = {"length": "mm", "σ": "MPa"}, {"msjax": "0.1", "steps": [1, 2]}
    ms.fe.write_vtu(
        path, mesh, {"u": np.ones((9, 2))}, {"σ": stress, 'a<b & "c"': [True] * 4}, units=units, provenance=made
    )
    texts = {}
    for array in ElementTree.parse(path).getroot().iter("DataArray"):
        if array.get("type") == "String":
            texts[array.get("Name")] = json.loads(bytes(map(int, (array.text or "").split()[:-1])).decode())
    assert texts == {"units": units, "provenance": made, "regions": ["all", "käse"]}
    found = plainly_read(meshio, path)
    np.testing.assert_array_equal(found.point_data["u"], [[1.0, 1.0, 0.0]] * 9)
    np.testing.assert_array_equal(found.cell_data["σ"][0], stress.reshape(4, 4))
    np.testing.assert_array_equal(found.cell_data['a<b & "c"'][0], 1)
    np.testing.assert_array_equal(found.cell_data["region"][0], mesh.regions)


@pytest.mark.parametrize(
    ("point_data", "cell_data", "units", "message"),
    [
        ({"u": np.ones(8)}, {}, {}, r"u: expected 9 values, got shape \(8,\)"),
        ({}, {"s": np.ones(9)}, {}, "s: expected 4 values"),
        ({"u": np.full(9, np.nan)}, {}, {}, "u: entry 0 is not finite; allow_nan"),
        ({"u": np.ones(9, complex)}, {}, {}, "u: expected real numbers, got complex128"),
        ({"u": 1.0}, {}, {}, "u: expected 9 values"),
        ({"": np.ones(9)}, {}, {}, "name: expected a name"),
        ({}, {"region": np.ones(4)}, {}, "'region' is the number"),
        ({}, {}, {"v": "mm"}, "units: there is no field 'v'"),
    ],
)
def test_fields_that_do_not_fit_are_refused_and_leave_the_old_file(
    point_data, cell_data, units, message, tmp_path, meshio
):
    path = tmp_path / "old.vtu"
    path.write_text("old")
    with pytest.raises(ValueError, match=message):
        ms.fe.write_vtu(path, ms.fe.rectangle((1.0, 1.0), (2, 2)), point_data, cell_data, units=units)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["old.vtu"]


def test_nan_is_written_on_request_and_no_folder_is_made(tmp_path, meshio):
    mesh = ms.fe.rectangle((1.0, 1.0), (2, 2))
    ms.fe.write_vtu(tmp_path / "a.vtu", mesh, {"u": np.full(9, np.nan)}, allow_nan=True)
    assert ms.fe.read(tmp_path / "a.vtu").grid is None
    with pytest.raises(ValueError, match="there is no folder"):
        ms.fe.write_vtu(tmp_path / "none" / "a.vtu", mesh)


def test_a_series_names_its_files_and_times(tmp_path, meshio):
    mesh = ms.fe.rectangle((1.0, 1.0), (2, 2))
    times = [0.0, 0.1, 0.30000000000000004]
    values = np.arange(27.0).reshape(3, 9)
    files = ms.fe.write_series(tmp_path / "run.pvd", mesh, times, {"T": values}, units={"T": "K"})
    sets = list(ElementTree.parse(tmp_path / "run.pvd").getroot().iter("DataSet"))
    assert [float(s.get("timestep", "")) for s in sets] == times
    assert [s.get("file") for s in sets] == [f.name for f in files]
    np.testing.assert_array_equal(plainly_read(meshio, files[2]).point_data["T"], values[2])
    for bad, message in (
        ([0.0, 0.0, 1.0], "times"),
        ([0.0, np.nan, 1.0], "times"),
        ([0.0, 1.0], "T: expected values at 2"),
    ):
        with pytest.raises(ValueError, match=message):
            ms.fe.write_series(tmp_path / "run.pvd", mesh, bad, {"T": values})
    with pytest.raises(ValueError, match=r"ends in \.pvd"):
        ms.fe.write_series(tmp_path / "run.vtu", mesh, times)


ABAQUS = """*HEADING
two bricks
*NODE
1, 0, 0, 0
2, 1, 0, 0
3, 1, 1, 0
4, 0, 1, 0
5, 0, 0, 1
6, 1, 0, 1
7, 1, 1, 1
8, 0, 1, 1
9, 0, 0, 3
10, 1, 0, 3
11, 1, 1, 3
12, 0, 1, 3
*ELEMENT, TYPE=C3D8, ELSET=LOWER
1, 1, 2, 3, 4, 5, 6, 7, 8
*ELEMENT, TYPE=C3D8, ELSET=UPPER
2, 5, 6, 7, 8, 9, 10, 11, 12
*ELEMENT, TYPE=S4, ELSET=TOP
3, 9, 10, 11, 12
"""


def test_an_abaqus_deck_gives_regions_and_boundaries_from_its_element_sets(tmp_path, meshio):
    path = tmp_path / "bricks.inp"
    path.write_text(ABAQUS)
    mesh = ms.fe.read(path)
    assert (mesh.kind, mesh.region_names) == ("hex8", ("LOWER", "UPPER"))
    assert check_mesh(mesh).volumes.tolist() == [1.0, 2.0]
    np.testing.assert_allclose(surface(mesh, "TOP").normal, [0.0, 0.0, 1.0], atol=1e-14)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.vtu", "<VTKFile", "meshio cannot read it"),
        ("a.vtu", "", "meshio cannot read it"),
        ("a.xyz", "anything", "meshio cannot read it: Could not deduce"),
        ("a.inp", "*NODE\n1, 0, 0\n", "."),
        ("a.vtk", "# vtk DataFile Version 3.0\n", "meshio cannot read it"),
    ],
)
def test_what_meshio_cannot_read_is_one_value_error_and_nothing_is_printed(
    name, text, message, tmp_path, meshio, capfd
):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(ValueError, match=f"{name}: .*{message}"):
        ms.fe.read(path)
    out = capfd.readouterr()
    assert out.out + out.err == ""


def test_a_truncated_vtu_is_refused(tmp_path, meshio):
    path = tmp_path / "cut.vtu"
    ms.fe.write_vtu(path, ms.fe.box((1.0, 1.0, 1.0), (2, 2, 2)))
    data = path.read_bytes()
    for end in range(0, len(data) - 12, len(data) // 25):
        path.write_bytes(data[:end])
        with pytest.raises(ValueError, match="cut.vtu: "):
            ms.fe.read(path)


def test_without_meshio_the_text_says_what_to_install(tmp_path, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "meshio", None)
    (tmp_path / "a.vtu").write_text("")
    with pytest.raises(ImportError, match=r"a.vtu: reading .vtu files needs meshio: pip install 'msjax\[mesh\]'"):
        ms.fe.read(tmp_path / "a.vtu")
    with pytest.raises(ImportError, match=r"pip install 'msjax\[mesh\]'"):
        ms.fe.write_vtu(tmp_path / "b.vtu", ms.fe.rectangle((1.0, 1.0), (1, 1)))
