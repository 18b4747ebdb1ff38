"""The mesh: nodes, cells of one kind, tagged facets and regions."""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.fe.cells import CellType, cell_type
from msjax.typing import Array, Float, Int, concrete

Where = Any
"""The name of a tagged boundary, node numbers (or a boolean for every node), or a function of the nodes' positions
(n, d) that says which."""


def described(where: Where) -> str:
    """A selection of nodes in a few words, for messages.

    >>> described("x-"), described([4, 7]), described(range(1000))
    ("'x-'", 'nodes [4, 7]', '1000 nodes [0, 1, 2, …]')
    """
    if isinstance(where, str):
        return repr(where)
    if callable(where):
        return f"a function {getattr(where, '__name__', type(where).__name__)} of positions"
    if not np.ndim(where):
        return repr(where)
    flat = np.asarray(where).reshape(-1).tolist()
    if len(flat) <= 4:
        return f"nodes {flat}"
    return f"{len(flat)} nodes [{', '.join(map(str, flat[:3]))}, …]"


class Mesh(eqx.Module):
    """Nodes ``points`` (n, d) and ``cells`` (m, k), node numbers in the order of :class:`~msjax.fe.cells.CellType`.

    ``kind`` is one of "line2", "line3", "tri3", "tri6", "quad4", "quad9", "tet4", "tet10", "hex8", "hex27"; geometry
    and fields are isoparametric, so that the degree of the elements is the mesh's (:func:`~msjax.fe.quadratic` raises
    it). ``boundaries`` maps a name to facets, rows (cell, local facet); ``regions`` (m,) numbers ``region_names``.
    ``grid``, cells along each axis, says that nodes and cells are those of a regular grid in lexicographic order, the
    last axis fastest: solvers then have multigrid. Any consistent unit of length.

    All arrays are leaves: meshes are arguments of compiled programs, never constants in them. Positions may be traced
    (shape derivatives); everything else is fixed when a problem is posed. What the arrays hold is checked by
    :func:`msjax.fe.check_mesh`, which the builders and readers call.

    >>> import msjax as ms
    >>> mesh = ms.fe.rectangle((2.0, 1.0), (4, 2))
    >>> mesh.kind, mesh.points.shape, mesh.cells.shape, sorted(mesh.boundaries)
    ('quad4', (15, 2), (8, 4), ['x+', 'x-', 'y+', 'y-'])
    """

    points: Float[Array, "n d"]
    cells: Int[Array, "m k"]
    boundaries: dict[str, Int[Array, "f 2"]]
    regions: Int[Array, " m"]
    kind: str = eqx.field(static=True)
    region_names: tuple[str, ...] = eqx.field(static=True)
    grid: tuple[int, ...] | None = eqx.field(static=True)

    def __init__(
        self,
        points: Any,
        cells: Any,
        kind: str,
        boundaries: Mapping[str, Any] | None = None,
        regions: Any = None,
        region_names: tuple[str, ...] = ("all",),
        grid: tuple[int, ...] | None = None,
    ):
        cell = cell_type(kind)
        self.points, self.cells = jnp.asarray(points, float), jnp.asarray(cells, jnp.int32)
        if self.points.ndim != 2 or self.points.shape[1] not in (1, 2, 3):
            raise ValueError(f"points: expected shape (n, 1), (n, 2) or (n, 3), got {self.points.shape}")
        if self.cells.ndim != 2 or self.cells.shape[1] != cell.nodes:
            raise ValueError(f"cells: {kind} needs shape (m, {cell.nodes}), got {self.cells.shape}")
        if self.points.shape[1] < cell.dim:
            raise ValueError(f"points: {kind} needs at least {cell.dim} coordinates, got {self.points.shape[1]}")
        boundaries = {} if boundaries is None else boundaries
        self.boundaries = {name: jnp.asarray(rows, jnp.int32).reshape(-1, 2) for name, rows in boundaries.items()}
        count = self.cells.shape[0]
        self.regions = jnp.zeros(count, jnp.int32) if regions is None else jnp.asarray(regions, jnp.int32)
        if self.regions.shape != (count,):
            raise ValueError(f"regions: expected one number per cell ({count},), got {self.regions.shape}")
        self.kind, self.region_names, self.grid = kind, tuple(region_names), grid

    @property
    def cell(self) -> CellType:
        """Shape functions, facets and quadrature of the cells."""
        return cell_type(self.kind)

    @property
    def dim(self) -> int:
        """Number of coordinates."""
        return self.points.shape[1]

    def boundary(self, name: str) -> Int[Array, "f 2"]:
        """Facets of a tagged boundary; ``ValueError`` with the names there are."""
        if name not in self.boundaries:
            known = ", ".join(map(repr, sorted(self.boundaries))) or "none"
            raise ValueError(f"boundary {name!r}: the mesh has {known}")
        return self.boundaries[name]

    def nodes_of(self, where: Where) -> np.ndarray:
        """Sorted numbers of the nodes on a boundary, in an array of numbers, or where a function of positions holds.

        Raises ``ValueError`` for an unknown boundary, what is no node number, and where nothing is selected.

        >>> import msjax as ms
        >>> ms.fe.rectangle((1.0, 1.0), (2, 2)).nodes_of("x-").tolist()
        [0, 1, 2]
        """
        if isinstance(where, str):
            facets = np.asarray(self.boundary(where))
            local = self.cell.facet_nodes[facets[:, 1]]
            found = np.unique(np.take_along_axis(np.asarray(self.cells)[facets[:, 0]], local, axis=1))
        elif callable(where):
            found = self._chosen(where)
        else:
            found = self._numbered(where)
        if not found.size:
            raise ValueError(f"nodes: nothing is selected by {described(where)}")
        return found

    def _numbered(self, where: Any) -> np.ndarray:
        count, given = self.points.shape[0], np.asarray(where)
        if given.dtype == bool and given.shape == (count,):
            return np.flatnonzero(given)
        if given.size and given.dtype.kind not in "iu":
            raise ValueError(f"nodes: expected the name of a boundary, whole numbers, {count} booleans or a function "
                             f"of positions, got {described(where)}")  # fmt: skip
        wrong = given[(given < 0) | (given >= count)] if given.size else given
        if wrong.size:
            raise ValueError(f"nodes: expected numbers from 0 to {count - 1}, got {wrong.reshape(-1)[0]}")
        return np.unique(given.astype(int))

    def _chosen(self, where: Callable[[np.ndarray], Any]) -> np.ndarray:
        if not concrete(self.points):
            raise ValueError("nodes: a function of positions cannot choose nodes while the positions are traced; "
                             "choose them before, by number")  # fmt: skip
        mask = np.asarray(where(np.asarray(self.points)))
        if mask.shape != self.points.shape[:1] or mask.dtype != bool:
            raise ValueError(f"nodes: the function must return {self.points.shape[0]} booleans, got shape {mask.shape}")
        return np.flatnonzero(mask)

    def local(self, nodal: Array, cells: Array | None = None) -> Array:
        """Nodal values (n, …) at the nodes of the cells (default: all), (m, k, …)."""
        return nodal[self.cells if cells is None else self.cells[cells]]

    def collect(self, forces: Float[Array, "m k c"], cells: Array | None = None) -> Float[Array, "n c"]:
        """Sums at the nodes of forces on the nodes of cells (default: all)."""
        numbers = self.cells if cells is None else self.cells[cells]
        return jnp.zeros((self.points.shape[0], forces.shape[2])).at[numbers].add(forces)

    def collected(self, matrices: Float[Array, "m s s"], components: int) -> Float[Array, "m s s"]:
        """Element matrices between the unknowns of the cells from those between the nodes: the same."""
        return matrices

    def moved(self, points: Float[Array, "n d"] | Callable[[np.ndarray], Any]) -> "Mesh":
        """The same mesh with its nodes elsewhere: at ``points`` (traced positions give shape derivatives), or where a
        function of the positions (n, d) puts them.

        >>> import msjax as ms
        >>> ms.fe.interval(1.0, 2).moved(lambda x: 3.0 + x).points[:, 0].tolist()
        [3.0, 3.5, 4.0]
        """
        if callable(points):
            points = jnp.asarray(points(np.asarray(self.points)), float)
            if points.shape != self.points.shape:
                raise ValueError(f"points: expected positions of shape {self.points.shape}, got {points.shape}")
        return eqx.tree_at(lambda m: m.points, self, points)
