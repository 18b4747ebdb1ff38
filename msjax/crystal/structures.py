"""Common crystal structures: lattice vectors, basis, which species sits where, and families of the same symmetry.

Cubic and plane structures are given in units of their one lattice constant a. Hexagonal close packing has two: its
first two coordinates are in units of a, its third in units of c. The cells are those of ``ase.build.bulk`` where ASE
has the structure.
"""

import math
from typing import NamedTuple

import numpy as np


class Structure(NamedTuple):
    """``cell`` (d, d): rows are lattice vectors; ``basis`` (n, d); ``kinds``: which species each atom takes, from 0."""

    cell: np.ndarray
    basis: np.ndarray
    kinds: tuple[int, ...]

    @property
    def species(self) -> int:
        """Number of species."""
        return max(self.kinds) + 1

    @property
    def volume_per_atom(self) -> float:
        """In units of a^d (of a² c for hcp)."""
        return abs(float(np.linalg.det(self.cell))) / len(self.basis)


def _structure(cell: list[list[float]], basis: list[list[float]], kinds: tuple[int, ...] | None = None) -> Structure:
    return Structure(np.array(cell), np.array(basis), kinds or (0,) * len(basis))


_TRIANGULAR = [[1.0, 0.0], [0.5, math.sqrt(3.0) / 2.0]]
_HEXAGONAL = [[1.0, 0.0, 0.0], [-0.5, math.sqrt(3.0) / 2.0, 0.0], [0.0, 0.0, 1.0]]
_FCC = [[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]]
_BCC = [[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]]
_QUARTER = [[0.0, 0.0, 0.0], [0.25, 0.25, 0.25]]
_HALF = [[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]]

STRUCTURES: dict[str, Structure] = {
    "chain": _structure([[1.0]], [[0.0]]),
    "square": _structure([[1.0, 0.0], [0.0, 1.0]], [[0.0, 0.0]]),
    "triangular": _structure(_TRIANGULAR, [[0.0, 0.0]]),
    "honeycomb": _structure(_TRIANGULAR, [[0.0, 0.0], [0.5, 0.5 / math.sqrt(3.0)]]),
    "sc": _structure([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]], [[0.0, 0.0, 0.0]]),
    "fcc": _structure(_FCC, [[0.0, 0.0, 0.0]]),
    "bcc": _structure(_BCC, [[0.0, 0.0, 0.0]]),
    "hcp": _structure(_HEXAGONAL, [[0.0, 0.0, 0.0], [0.0, 1.0 / math.sqrt(3.0), 0.5]]),
    "diamond": _structure(_FCC, _QUARTER),
    "zincblende": _structure(_FCC, _QUARTER, (0, 1)),
    "rocksalt": _structure(_FCC, _HALF, (0, 1)),
}
"""By name."""

CUBIC = ("sc", "fcc", "bcc", "diamond", "zincblende", "rocksalt")
"""Structures with cubic axes: the edges x, y, z of the cube of edge a."""

IDEAL = math.sqrt(8.0 / 3.0)
"""c/a of hexagonally packed spheres."""


def is_hexagonal(cell: np.ndarray) -> bool:
    """Whether the rows are a₁, a₂ of one length at 120° and c perpendicular to both, as in ``STRUCTURES["hcp"]``.

    >>> is_hexagonal(STRUCTURES["hcp"].cell), is_hexagonal(STRUCTURES["fcc"].cell)
    (True, False)
    """
    if cell.shape != (3, 3):
        return False
    metric = cell @ cell.T
    a2, c2 = metric[0, 0], metric[2, 2]
    return np.allclose(metric, [[a2, -0.5 * a2, 0.0], [-0.5 * a2, a2, 0.0], [0.0, 0.0, c2]], atol=1e-6 * min(a2, c2))
