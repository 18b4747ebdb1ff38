"""A mesh and its fields as a PyVista grid: views one can turn, VTK's filters, and its other files."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from msjax.fe.mesh import Mesh
from msjax.fe.vtk_data import vtk_data

if TYPE_CHECKING:
    from pyvista import UnstructuredGrid  # type: ignore[import-not-found]

_CELLS = {
    "line2": 3,
    "line3": 21,
    "tri3": 5,
    "tri6": 22,
    "quad4": 9,
    "quad9": 28,
    "tet4": 10,
    "tet10": 24,
    "hex8": 12,
    "hex27": 29,
}
"""VTK's numbers of cell types (vtkCellType.h)."""


def to_pyvista(
    mesh: Mesh,
    point_data: Mapping[str, Any] | None = None,
    cell_data: Mapping[str, Any] | None = None,
    *,
    units: Mapping[str, str] | None = None,
    provenance: Mapping[str, Any] | None = None,
    allow_nan: bool = False,
) -> "UnstructuredGrid":
    """The mesh with nodal fields (n, …) and cell fields (m, …) as a ``pyvista.UnstructuredGrid``, arguments and checks
    of :func:`write_vtu`. ``grid.warp_by_vector("u").plot(scalars="sigma")`` shows the deformed body in a window or a
    notebook; ``grid.save("body.vtkhdf")`` writes VTKHDF, texts of units and provenance included.

    Raises:
        ValueError: as :func:`write_vtu`.
        ImportError: PyVista is not installed (the extra ``mesh``).

    >>> import msjax as ms
    >>> mesh = ms.fe.box((2.0, 1.0, 1.0), (4, 2, 2))
    >>> grid = to_pyvista(mesh, {"u": 0.1 * mesh.points})  # doctest: +SKIP
    >>> grid.warp_by_vector("u").volume  # doctest: +SKIP
    2.662
    """
    data = vtk_data(mesh, point_data, cell_data, units, provenance, allow_nan)
    try:
        import pyvista  # type: ignore[import-not-found]
    except ImportError:
        raise ImportError("views of VTK need PyVista: pip install 'msjax[mesh]'") from None
    grid = pyvista.UnstructuredGrid({_CELLS[data.kind]: data.cells}, data.points)
    for name, values in data.on_points.items():
        grid.point_data[name] = values
    for name, values in data.on_cells.items():
        grid.cell_data[name] = values
    for name, text in data.texts.items():
        # PyVista takes ASCII alone, which JSON can do with
        grid.field_data[name] = [json.dumps(json.loads(text))]
    return grid
