"""The order in which VTK and gmsh list the nodes of a cell."""

from functools import cache
from typing import Literal

import numpy as np

from msjax.fe.cells import cell_type
from msjax.fe.subdivision import LINEAR

Convention = Literal["vtk", "gmsh"]

_CORNERS = {
    "line2": [[0], [1]],
    "tri3": [[0, 0], [1, 0], [0, 1]],
    "quad4": [[0, 0], [1, 0], [1, 1], [0, 1]],
    "tet4": [[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "hex8": [[0, 0, 0], [1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 1]],
}
"""Corners, which both list in the same order."""

_BOTH = {
    "line3": ["01"],
    "tri6": ["01", "12", "20"],
    "quad9": ["01", "12", "23", "30", "02"],
}
_MIDDLES: dict[Convention, dict[str, list[str]]] = {
    "vtk": _BOTH
    | {
        "tet10": ["01", "12", "20", "03", "13", "23"],
        "hex27": "01 12 23 30 45 56 67 74 04 15 26 37 07 16 05 36 02 46 06".split(),
    },
    "gmsh": _BOTH
    | {
        "tet10": ["01", "12", "20", "03", "23", "13"],
        "hex27": "01 03 04 12 15 23 26 37 45 47 56 67 02 05 07 16 36 46 06".split(),
    },
}
"""Pairs of corners half way between which the other nodes lie: VTK's vtkTriQuadraticHexahedron and its like, and the
section "Node ordering" of the gmsh reference manual."""


@cache
def order_from(kind: str, convention: Convention) -> np.ndarray:
    """Indices with ours = theirs[:, indices].

    >>> order_from("quad4", "vtk").tolist(), order_from("line3", "gmsh").tolist()
    ([0, 3, 1, 2], [0, 2, 1])
    """
    corners = np.array(_CORNERS[LINEAR[kind]], float)
    middles = [corners[[int(a), int(b)]].mean(axis=0) for a, b in _MIDDLES[convention].get(kind, [])]
    theirs = np.vstack([corners, *middles])
    same = np.all(cell_type(kind).nodal[:, None] == theirs, axis=2)
    return np.argmax(same, axis=1)


def order_to(kind: str, convention: Convention) -> np.ndarray:
    """Indices with theirs = ours[:, indices].

    >>> order_to("quad4", "vtk").tolist()
    [0, 2, 3, 1]
    """
    return np.argsort(order_from(kind, convention))
