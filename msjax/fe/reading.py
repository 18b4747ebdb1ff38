"""Meshes from files: gmsh's own, and all that meshio reads."""

import contextlib
import io
import os
import re
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np

from msjax.fe.gmsh_files import parse
from msjax.fe.mesh import Mesh
from msjax.fe.raw_mesh import Block, assemble

LARGEST = 2 << 30
"""Bytes of a file, and of the arrays it announces, above which it is refused."""

_KINDS = {
    "vertex": "point",
    "line": "line2",
    "triangle": "tri3",
    "triangle6": "tri6",
    "quad": "quad4",
    "tetra": "tet4",
    "tetra10": "tet10",
    "hexahedron": "hex8",
    "hexahedron20": "hex20",
    "hexahedron27": "hex27",
}
"""meshio's names of kinds, where they are not ours."""


def read(path: str | os.PathLike, *, dim: int | None = None, drop_unused: bool = False, largest: int = LARGEST) -> Mesh:
    """A mesh from a file: gmsh's ``.msh`` (2.2 and 4.1, text and binary), and through meshio (the extra ``mesh``)
    ``.vtu``, ``.vtk``, ``.inp``, ``.med``, ``.xdmf`` and what else it knows.

    Cells are those of the highest dimension, all of one kind, of degree 1 or 2. In a ``.msh`` file physical groups of
    cells become regions ("rest" are cells of no group), groups one dimension below become boundaries; so do named sets
    of cells and facets of other formats. A group without a name is called by its number. Nodes keep the file's order.
    Cells of the plane that the file lists clockwise are turned; triangles and quadrilaterals have 2 coordinates, or
    3 with ``dim=3``. ``drop_unused`` leaves out nodes that no cell has.

    Raises:
        ValueError: naming the file, for one that is not there, unreadable, truncated or larger than ``largest`` bytes;
            for cells of several kinds or an unknown one; coordinates that should be zero; facets of a boundary that are
            no facets of cells, or lie between two; and all that :func:`~msjax.fe.check_mesh` refuses.
        ImportError: another format than gmsh's, and meshio is not installed.

    >>> import tempfile, pathlib
    >>> text = '''$MeshFormat
    ... 2.2 0 8
    ... $EndMeshFormat
    ... $PhysicalNames
    ... 2
    ... 0 1 "left"
    ... 1 2 "bar"
    ... $EndPhysicalNames
    ... $Nodes
    ... 2
    ... 1 0 0 0
    ... 2 5 0 0
    ... $EndNodes
    ... $Elements
    ... 2
    ... 1 15 2 1 1 1
    ... 2 1 2 2 1 1 2
    ... $EndElements
    ... '''
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "bar.msh"
    ...     _ = path.write_text(text)
    ...     mesh = read(path)
    >>> mesh.kind, mesh.region_names, mesh.boundaries["left"].tolist()
    ('line2', ('bar',), [[0, 0]])
    """
    file = Path(path)
    if not file.is_file():
        raise ValueError(f"{file}: there is no such file")
    size = file.stat().st_size
    if size > largest:
        raise ValueError(f"{file}: {size} bytes are more than largest={largest}")
    if file.suffix.lower() == ".msh":
        try:
            points, blocks = parse(file.read_bytes())
        except ValueError as error:
            raise ValueError(f"{file}: {error}") from None
        return assemble(str(file), points, blocks, "gmsh", dim, drop_unused)
    found = _through_meshio(file, largest)
    points = np.asarray(found.points, float)
    if points.ndim != 2 or points.shape[1] not in (1, 2, 3):
        raise ValueError(f"{file}: expected positions of shape (n, 2) or (n, 3), got {points.shape}")
    return assemble(str(file), points, _blocks(file, found), "vtk", dim, drop_unused)


def _through_meshio(file: Path, largest: int) -> Any:
    """meshio's mesh; it prints, exits the program and raises all kinds of errors where a file is not as it expects."""
    try:
        import meshio
    except ImportError:
        raise ImportError(f"{file}: reading {file.suffix} files needs meshio: pip install 'msjax[mesh]'") from None
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message=".*could not be read to its end.*")
        source = _readable_vtu(file, Path(folder), largest) if file.suffix.lower() == ".vtu" else file
        said = io.StringIO()
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                return meshio.read(source)
        except (Exception, SystemExit) as error:
            words = " ".join(said.getvalue().split()) if isinstance(error, SystemExit) else f"{error}"
            reason = words.replace(str(source), "it") or type(error).__name__
            raise ValueError(f"{file}: meshio cannot read it: {reason}") from None


def _readable_vtu(file: Path, folder: Path, largest: int) -> Path:
    """The file, without texts among its field data, which meshio cannot read (our own files hold some)."""
    data = file.read_bytes()
    for name, each in ((b"NumberOfPoints", 24), (b"NumberOfCells", 8)):
        for count in re.findall(name + rb'\s*=\s*"\s*(\d+)', data[: 1 << 16]):
            if int(count) * each > largest:
                raise ValueError(f"{file}: {name.decode()} is {int(count)}, more than largest={largest} bytes hold")
    start = data.find(b"<FieldData>")
    end = data.find(b"</FieldData>", start)
    if start < 0 or end < 0 or b'type="String"' not in data[start:end]:
        return file
    copy = folder / file.name
    copy.write_bytes(data[:start] + data[end + len(b"</FieldData>") :])
    return copy


def _blocks(file: Path, found: Any) -> list[Block]:
    """Cells by kind and by the named sets they are in."""
    blocks = []
    for number, cells in enumerate(found.cells):
        kind = _KINDS.get(cells.type) or str(cells.type)
        nodes = np.asarray(cells.data)
        if nodes.ndim != 2:  # polygons and polyhedra
            blocks.append(Block(kind, cells.dim, np.zeros((len(cells.data), 1), int), ()))
            continue
        names, member = [], np.zeros((len(nodes), 0), bool)
        for name, sets in found.cell_sets.items():
            part = np.asarray([] if sets[number] is None else sets[number], int)
            if np.any((part < 0) | (part >= len(nodes))):
                raise ValueError(f"{file}: set {name!r} names cells that are not there")
            if part.size:
                names.append(name)
                member = np.column_stack([member, np.isin(np.arange(len(nodes)), part)])
        for pattern in np.unique(member, axis=0) if names else np.zeros((1, 0), bool):
            mine = np.all(member == pattern, axis=1)
            groups = tuple(name for name, on in zip(names, pattern, strict=True) if on)
            blocks.append(Block(kind, cells.dim, nodes[mine].astype(np.int64), groups))
    return blocks
