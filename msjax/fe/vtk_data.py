"""A mesh and its fields as VTK wants them: checked, flattened, in its order of nodes, with units and provenance."""

import json
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from msjax.fe.facets import host
from msjax.fe.mesh import Mesh
from msjax.fe.node_orders import order_to


class VtkData(NamedTuple):
    """Points (n, 3), cells of one kind (m, k) in VTK's order, fields by name (n or m, …) and texts by name."""

    kind: str
    points: np.ndarray
    cells: np.ndarray
    on_points: dict[str, np.ndarray]
    on_cells: dict[str, np.ndarray]
    texts: dict[str, str]


def vtk_data(
    mesh: Mesh,
    point_data: Mapping[str, Any] | None = None,
    cell_data: Mapping[str, Any] | None = None,
    units: Mapping[str, str] | None = None,
    provenance: Mapping[str, Any] | None = None,
    allow_nan: bool = False,
) -> VtkData:
    """What :func:`write_vtu` writes and :func:`to_pyvista` shows; raises the ``ValueError`` they name.

    >>> import msjax as ms
    >>> data = vtk_data(ms.fe.rectangle((1.0, 1.0), (1, 1)), {"u": np.zeros((4, 2))})
    >>> data.cells.tolist(), data.on_points["u"].shape, list(data.on_cells)
    ([[0, 2, 3, 1]], (4, 3), ['region'])
    """
    points, cells = host(mesh)
    point_data, cell_data, units = point_data or {}, cell_data or {}, units or {}
    if "region" in cell_data:
        raise ValueError("cell_data: 'region' is the number of every cell's region")
    for name in (*point_data, *cell_data):
        if not name or re.search(r"[\x00-\x1f]", name):
            raise ValueError(f"name: expected a name without control characters, got {name!r}")
    nodal = {name: _field(name, values, len(points), mesh.dim, allow_nan) for name, values in point_data.items()}
    on_cells = {name: _field(name, values, len(cells), mesh.dim, allow_nan) for name, values in cell_data.items()}
    for name in units:
        if name != "length" and name not in point_data and name not in cell_data:
            raise ValueError(f"units: there is no field {name!r}")
    texts = {"regions": json.dumps(list(mesh.region_names), ensure_ascii=False)}
    if units:
        texts["units"] = json.dumps(dict(units), ensure_ascii=False)
    if provenance is not None:
        texts["provenance"] = json.dumps(dict(provenance), ensure_ascii=False, allow_nan=False)
    return VtkData(
        mesh.kind,
        np.pad(points, ((0, 0), (0, 3 - mesh.dim))),
        cells[:, order_to(mesh.kind, "vtk")].astype(np.int64),
        nodal,
        on_cells | {"region": np.asarray(mesh.regions)},
        texts,
    )


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
