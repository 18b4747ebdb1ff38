"""PyVista's view of a mesh: VTK's own volumes, filters and VTKHDF files must agree with ours."""

import json

import numpy as np
import pytest

import msjax as ms

pyvista = pytest.importorskip("pyvista", reason="PyVista is optional")

KINDS = ["tri3", "tri6", "quad4", "quad9", "tet4", "tet10", "hex8", "hex27"]


def body(kind):
    if kind.startswith(("tri", "quad")):
        return ms.fe.rectangle((2.0, 1.0), (3, 2), kind=kind)
    return ms.fe.box((2.0, 1.0, 0.5), (3, 2, 2), kind=kind)


def size(grid, mesh):
    return grid.volume if mesh.dim == 3 else float(grid.compute_cell_sizes()["Area"].sum())


@pytest.mark.parametrize("kind", KINDS)
def test_vtk_finds_the_volume_before_and_after_a_deformation(kind):
    """A node out of its place tangles a cell: its pieces then add up to another volume."""
    mesh = body(kind)
    grid = ms.fe.to_pyvista(mesh, {"u": 0.1 * mesh.points})
    whole = 2.0 if mesh.dim == 2 else 1.0
    assert size(grid, mesh) == pytest.approx(whole, rel=1e-12)
    assert size(grid.warp_by_vector("u"), mesh) == pytest.approx(whole * 1.1**mesh.dim, rel=1e-12)


def test_lines_have_their_length():
    for mesh in (ms.fe.interval(2.0, 3), ms.fe.quadratic(ms.fe.interval(2.0, 3))):
        lengths = ms.fe.to_pyvista(mesh).compute_cell_sizes()["Length"]
        np.testing.assert_allclose(lengths, 2.0 / 3.0, rtol=1e-12)


def test_vtkhdf_keeps_fields_units_and_provenance(tmp_path):
    mesh = body("hex27")
    stress = np.arange(len(mesh.cells), dtype=float)
    grid = ms.fe.to_pyvista(
        mesh, {"u": mesh.points}, {"stress": stress}, units={"stress": "MPa"}, provenance={"mesh": "3 × 2 × 2"}
    )
    grid.save(tmp_path / "body.vtkhdf")
    read = pyvista.read(tmp_path / "body.vtkhdf")
    np.testing.assert_array_equal(read.cell_data["stress"], stress)
    np.testing.assert_array_equal(read.point_data["u"], mesh.points)
    assert json.loads(str(read.field_data["units"][0])) == {"stress": "MPa"}
    assert json.loads(str(read.field_data["provenance"][0])) == {"mesh": "3 × 2 × 2"}


def test_fields_are_checked_as_in_files():
    mesh = body("quad4")
    with pytest.raises(ValueError, match="u: expected 12 values"):
        ms.fe.to_pyvista(mesh, {"u": np.zeros(3)})
    with pytest.raises(ValueError, match="u: entry 1 is not finite"):
        ms.fe.to_pyvista(mesh, {"u": np.array([0.0, np.nan] + [0.0] * 10)})
