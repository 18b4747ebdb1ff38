"""Meshes and fields for ParaView: VTU files and time series of them."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from msjax.fe.mesh import Mesh
from msjax.fe.vtk_data import VtkData, vtk_data
from msjax.files import replace

_NAMES = {
    "line2": "line",
    "tri3": "triangle",
    "tri6": "triangle6",
    "quad4": "quad",
    "tet4": "tetra",
    "tet10": "tetra10",
    "hex8": "hexahedron",
    "hex27": "hexahedron27",
}
"""What meshio calls the cells."""


def write_vtu(
    path: str | os.PathLike,
    mesh: Mesh,
    point_data: Mapping[str, Any] | None = None,
    cell_data: Mapping[str, Any] | None = None,
    *,
    units: Mapping[str, str] | None = None,
    provenance: Mapping[str, Any] | None = None,
    allow_nan: bool = False,
) -> None:
    """Write a mesh with nodal fields (n, …) and cell fields (m, …) as a VTU file, through meshio (the extra ``mesh``).

    Vectors and tensors are flattened to components; vectors of the plane get a third component 0, so that ParaView can
    warp by them. The number of every cell's region is the cell field "region". ``units`` (field or "length" → unit) and
    ``provenance`` (anything JSON holds) become the texts "units", "provenance" and "regions" of the file's field data.
    An existing file is replaced only once the new one is complete.

    Raises:
        ValueError: a field of another length, one that holds no numbers, or NaN where not ``allow_nan``; a unit for a
            field that is not there; a name with control characters; a field called "region"; no such folder.
        ImportError: meshio is not installed.

    >>> import msjax as ms, tempfile, pathlib
    >>> mesh = ms.fe.rectangle((2.0, 1.0), (4, 2))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "plate.vtu"
    ...     write_vtu(path, mesh, {"u": 0.1 * mesh.points}, units={"length": "mm", "u": "mm"})
    ...     read = ms.fe.read(path)
    >>> read.kind, read.points.shape
    ('quad4', (15, 2))
    """
    data = _vtu(vtk_data(mesh, point_data, cell_data, units, provenance, allow_nan))
    replace(path, lambda file: file.write(data))


def write_series(
    path: str | os.PathLike,
    mesh: Mesh,
    times: Any,
    point_data: Mapping[str, Any] | None = None,
    cell_data: Mapping[str, Any] | None = None,
    *,
    units: Mapping[str, str] | None = None,
    provenance: Mapping[str, Any] | None = None,
    allow_nan: bool = False,
) -> list[Path]:
    """Write fields at ``times`` (t,), nodal (t, n, …) and of cells (t, m, …): a VTU file a time beside ``path``, which
    is a ``.pvd`` collection of them, written last. Returns the VTU files.

    Raises ``ValueError`` as :func:`write_vtu`, for another suffix, times that are not finite or do not increase, and
    fields of another number of times.

    >>> import msjax as ms, tempfile, pathlib
    >>> mesh = ms.fe.interval(1.0, 2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     files = write_series(pathlib.Path(folder) / "heat.pvd", mesh, [0.0, 0.5], {"T": np.ones((2, 3))})
    >>> [file.name for file in files]
    ['heat_0.vtu', 'heat_1.vtu']
    """
    file, moments = Path(path), np.asarray(times, float)
    if file.suffix != ".pvd":
        raise ValueError(f"path: expected a name that ends in .pvd, got {file.name!r}")
    if moments.ndim != 1 or not len(moments) or not np.all(np.isfinite(moments)) or np.any(np.diff(moments) <= 0):
        raise ValueError("times: expected at least one finite number, in increasing order")
    for name, values in [*(point_data or {}).items(), *(cell_data or {}).items()]:
        if not len(np.shape(values)) or np.shape(values)[0] != len(moments):
            raise ValueError(f"{name}: expected values at {len(moments)} times, got shape {np.shape(values)}")
    width = len(str(len(moments) - 1))
    files, entries = [], []
    for step, moment in enumerate(moments):
        part = file.with_name(f"{file.stem}_{step:0{width}d}.vtu")
        now = [
            {name: np.asarray(values)[step] for name, values in (given or {}).items()}
            for given in (point_data, cell_data)
        ]
        write_vtu(part, mesh, *now, units=units, provenance=provenance, allow_nan=allow_nan)
        files.append(part)
        entries.append(f'<DataSet timestep="{float(moment)!r}" part="0" file={quoteattr(part.name)}/>')
    body = "\n".join(entries)
    head = '<?xml version="1.0"?>\n<VTKFile type="Collection" version="0.1">\n<Collection>\n'
    text = f"{head}{body}\n</Collection>\n</VTKFile>\n"
    replace(file, lambda out: out.write(text.encode()))
    return files


def _vtu(data: VtkData) -> bytes:
    try:
        import meshio
    except ImportError:
        raise ImportError("writing VTU files needs meshio: pip install 'msjax[mesh]'") from None
    body = meshio.Mesh(
        data.points,
        [(_NAMES.get(data.kind, data.kind), data.cells)],
        {_escaped(name): values for name, values in data.on_points.items()},
        {_escaped(name): [values] for name, values in data.on_cells.items()},
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mesh.vtu"
        meshio.write(file, body, file_format="vtu", header_type="UInt64")
        written = file.read_bytes()
    # meshio writes no field data: the texts go in by hand
    mark = b"<UnstructuredGrid>\n"
    head, tail = written.split(mark, 1)
    arrays = "".join(
        f'<DataArray type="String" Name="{name}" NumberOfTuples="1" format="ascii">\n'
        f"{' '.join(map(str, text.encode()))} 0\n</DataArray>\n"
        for name, text in data.texts.items()
    )
    return head + mark + f"<FieldData>\n{arrays}</FieldData>\n".encode() + tail


def _escaped(name: str) -> str:
    return quoteattr(name, {'"': "&quot;"})[1:-1]
