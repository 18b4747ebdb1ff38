"""Meshes and fields for ParaView: VTU files and time series of them."""

import json
import os
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np

from msjax.fe.facets import host
from msjax.fe.mesh import Mesh
from msjax.fe.node_orders import order_to
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
    data = _vtu(mesh, point_data or {}, cell_data or {}, units or {}, provenance, allow_nan)
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


def _vtu(
    mesh: Mesh,
    point_data: Mapping[str, Any],
    cell_data: Mapping[str, Any],
    units: Mapping[str, str],
    provenance: Mapping[str, Any] | None,
    allow_nan: bool,
) -> bytes:
    points, cells = host(mesh)
    if "region" in cell_data:
        raise ValueError("cell_data: 'region' is the number of every cell's region")
    nodal = {
        _escaped(name): _field(name, values, len(points), mesh.dim, allow_nan) for name, values in point_data.items()
    }
    on_cells = {
        _escaped(name): _field(name, values, len(cells), mesh.dim, allow_nan) for name, values in cell_data.items()
    }
    for name in units:
        if name != "length" and name not in point_data and name not in cell_data:
            raise ValueError(f"units: there is no field {name!r}")
    try:
        import meshio
    except ImportError:
        raise ImportError("writing VTU files needs meshio: pip install 'msjax[mesh]'") from None
    body = meshio.Mesh(
        np.pad(points, ((0, 0), (0, 3 - mesh.dim))),
        [(_NAMES.get(mesh.kind, mesh.kind), cells[:, order_to(mesh.kind, "vtk")].astype(np.int64))],
        nodal,
        {name: [values] for name, values in (on_cells | {"region": np.asarray(mesh.regions)}).items()},
    )
    texts = {"regions": json.dumps(list(mesh.region_names), ensure_ascii=False)}
    if units:
        texts["units"] = json.dumps(dict(units), ensure_ascii=False)
    if provenance is not None:
        texts["provenance"] = json.dumps(dict(provenance), ensure_ascii=False, allow_nan=False)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "mesh.vtu"
        meshio.write(file, body, file_format="vtu", header_type="UInt64")
        data = file.read_bytes()
    mark = b"<UnstructuredGrid>\n"
    head, tail = data.split(mark, 1)
    arrays = "".join(
        f'<DataArray type="String" Name="{name}" NumberOfTuples="1" format="ascii">\n'
        f"{' '.join(map(str, text.encode()))} 0\n</DataArray>\n"
        for name, text in texts.items()
    )
    return head + mark + f"<FieldData>\n{arrays}</FieldData>\n".encode() + tail


def _field(name: str, values: Any, count: int, dim: int, allow_nan: bool) -> np.ndarray:
    array = np.asarray(values)
    if array.ndim < 1 or len(array) != count:
        raise ValueError(f"{name}: expected {count} values, got shape {array.shape}")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name}: expected real numbers, got {array.dtype}")
    if array.dtype.kind == "f" and not allow_nan and not np.all(np.isfinite(array)):
        row = np.flatnonzero(~np.isfinite(array.reshape(count, -1)).all(axis=1))[0]
        raise ValueError(f"{name}: entry {row} is not finite; allow_nan=True writes it nonetheless")
    array = array.astype(np.uint8) if array.dtype.kind == "b" else array
    flat = array if array.ndim == 1 else array.reshape(count, -1)
    if array.ndim == 2 and array.shape[1] == dim == 2:
        flat = np.pad(flat, ((0, 0), (0, 1)))
    return np.ascontiguousarray(flat)


def _escaped(name: str) -> str:
    if not name or re.search(r"[\x00-\x1f]", name):
        raise ValueError(f"name: expected a name without control characters, got {name!r}")
    return quoteattr(name, {'"': "&quot;"})[1:-1]
