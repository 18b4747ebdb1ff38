"""Nodes of a regular grid in one long row, where every neighbour is a constant number of places away."""

import itertools
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Shaped

from msjax.typing import Array


class Lattice(NamedTuple):
    """Static layout of fields on the nodes of ``cells`` cells along each axis: (n, c) as rows (c, places).

    Every axis but the first ends with one place that belongs to no node and holds zero. The neighbour of a place on the
    far side of the grid's edge is then such a place, and a shift by one node along any axis is a shift of the row:
    loops are long and without remainders.
    """

    cells: tuple[int, ...]

    @property
    def dim(self) -> int:
        """Number of axes."""
        return len(self.cells)

    @property
    def nodes(self) -> tuple[int, ...]:
        """Nodes along each axis."""
        return tuple(n + 1 for n in self.cells)

    @property
    def padded(self) -> tuple[int, ...]:
        """Places along each axis."""
        return (self.nodes[0], *(n + 1 for n in self.nodes[1:]))

    @property
    def places(self) -> int:
        """Length of a row."""
        return int(np.prod(self.padded))

    def distance(self, offset: tuple[int, ...]) -> int:
        """Places between a node and the one so many nodes further along each axis."""
        return sum(o * int(np.prod(self.padded[axis + 1 :])) for axis, o in enumerate(offset))

    @property
    def shifts(self) -> np.ndarray:
        """Distance in places of the 3^d neighbours, offsets (−1, 0, 1)^d in lexicographic order."""
        return np.array([self.distance(offset) for offset in itertools.product((-1, 0, 1), repeat=self.dim)])

    @property
    def reach(self) -> int:
        """Largest distance of a neighbour."""
        return int(self.shifts[-1])

    def rows(self, field: Shaped[Array, "n c"]) -> Shaped[Array, "c places"]:
        """A nodal field as rows."""
        components = field.shape[1]
        return self.fill(field.T.reshape(components, *self.nodes)).reshape(components, -1)

    def nodal(self, rows: Shaped[Array, "c places"]) -> Shaped[Array, "n c"]:
        """Rows as a nodal field."""
        inner = self.trim(rows.reshape(-1, *self.padded))
        return inner.reshape(rows.shape[0], -1).T

    def fill(self, values: Array) -> Array:
        """(…, *nodes) to (…, *padded)."""
        lead = values.ndim - self.dim
        return jnp.pad(values, [(0, 0)] * (lead + 1) + [(0, 1)] * (self.dim - 1))

    def trim(self, values: Array) -> Array:
        """(…, *padded) to (…, *nodes)."""
        lead = values.ndim - self.dim
        return values[(slice(None),) * (lead + 1) + (slice(-1),) * (self.dim - 1)]

    def coarser(self, axes: tuple[int, ...]) -> "Lattice":
        """Half as many cells along ``axes``; where their number is odd the last one stays single."""
        return Lattice(tuple(-(-n // 2) if axis in axes else n for axis, n in enumerate(self.cells)))
