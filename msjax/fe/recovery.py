"""Superconvergent patch recovery: nodal values of what the elements know best in their inside.

Around every vertex a polynomial, one of the elements' own, is fitted, by least squares, to values at the points of the
adjoining cells where gradients are superconvergent. A vertex on a boundary, with few points and on one side, takes the
mean of the polynomials of its neighbours inside; nodes between vertices take the blend of their vertices' polynomials
(O. C. Zienkiewicz and J. Z. Zhu, Int. J. Numer. Methods Eng. 33 (1992) 1331, doi:10.1002/nme.1620330702).
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse

from msjax.fe.cells import CellType, cell_type
from msjax.fe.facets import facet_vertices, host, number_sets
from msjax.fe.mesh import Mesh
from msjax.fe.quadrature import Quadrature
from msjax.typing import Array, Float, Int

ONE_SIDED = 1.5
"""Points for each term, and each direction along the boundary, with which the patch of a vertex on it does as well as
those of its neighbours inside (measured on thick rings)."""

MOST_RINGS = 3
"""A patch with too few points takes in its neighbours this many times."""


class Recovery(eqx.Module):
    """A linear map from values at sampling points (m, q, …) to values at nodes.

    A node on an interface has one value on either side, a *slot* for every region: ``slots`` (m, k) of the cells'
    nodes, ``nodes`` (s,) of the slots. Entries ``weights`` of the map at ``rows`` (slots) and ``columns`` (points).
    """

    rows: Int[Array, " e"]
    columns: Int[Array, " e"]
    weights: Float[Array, " e"]
    slots: Int[Array, "m k"]
    nodes: Int[Array, " s"]
    count: int = eqx.field(static=True)

    def of_slots(self, values: Float[Array, "m q ..."]) -> Float[Array, "s ..."]:
        """Values of the slots."""
        flat = values.reshape(values.shape[0] * values.shape[1], -1)
        parts = self.weights[:, None] * flat[self.columns]
        found = jax.ops.segment_sum(parts, self.rows, self.nodes.shape[0])
        return found.reshape(-1, *values.shape[2:])

    @eqx.filter_jit
    def in_cells(self, values: Float[Array, "m q ..."]) -> Float[Array, "m k ..."]:
        """Values at the nodes of every cell, those of the cell's own region."""
        return self.of_slots(values)[self.slots]

    def on_host(self, values: np.ndarray) -> np.ndarray:
        """:meth:`in_cells` without compilation."""
        entries = np.asarray(self.weights), (np.asarray(self.rows), np.asarray(self.columns))
        shape = (self.nodes.shape[0], values.shape[0] * values.shape[1])
        found = scipy.sparse.csr_matrix(entries, shape=shape) @ values.reshape(shape[1], -1)
        return found.reshape(-1, *values.shape[2:])[np.asarray(self.slots)]

    @eqx.filter_jit
    def at_nodes(self, values: Float[Array, "m q ..."]) -> Float[Array, "n ..."]:
        """Values at the nodes (n, …), the mean of those of the regions."""
        found = self.of_slots(values)
        shape = (self.count, *found.shape[1:])
        total = jnp.zeros(shape).at[self.nodes].add(found)
        number = jnp.zeros(self.count).at[self.nodes].add(1.0)
        return total / number.reshape(-1, *(1,) * (found.ndim - 1))


def sampling_order(cell: CellType) -> int:
    """Order of the rule whose points are superconvergent: Gauss points, p in every direction, of quadrilaterals and
    hexahedra; on simplices those that are exact to degree 2p − 2."""
    return max(2 * cell.degree - 2, 1) if cell.simplex else 2 * cell.degree - 1


def recovery(mesh: Mesh, rule: Quadrature | None = None) -> Recovery:
    """The recovery of a mesh from the points of a rule, by default those that are superconvergent.

    Patches stay within a region of the mesh, so that jumps of the material are kept; where a vertex has no neighbour
    inside its region, as in a single layer of cells, its own patch takes in neighbours until it has enough points.
    Host only: positions must be concrete.

    >>> import msjax as ms
    >>> mesh = ms.fe.rectangle((1.0, 1.0), (3, 3), kind="tri3")
    >>> centres = mesh.points[mesh.cells].mean(axis=1)[:, None]
    >>> bool(jnp.allclose(recovery(mesh).at_nodes(centres), mesh.points))  # linear functions are kept
    True
    """
    points, cells = host(mesh)
    cell = mesh.cell
    rule = cell.quadrature(sampling_order(cell)) if rule is None else rule
    regions, kinds = np.asarray(mesh.regions).astype(np.int64), len(mesh.region_names)
    samples = np.einsum("qa,mad->mqd", cell.values(rule.points), points[cells])
    keys, slots = np.unique(cells * kinds + regions[:, None], return_inverse=True)
    slots, nodes = slots.reshape(cells.shape), keys // kinds
    corners, vertices = np.unique(slots[:, cell.vertices], return_inverse=True)
    vertices = vertices.reshape(len(cells), -1)
    monomials = cell.monomials
    least = len(monomials) + cell.simplex  # of points: simplices at a boundary are better off with one to spare
    inside = _incidence(vertices, len(corners))
    one_sided = ONE_SIDED * max(cell.dim - 1, 1) * len(monomials)
    wanted = np.where(_surrounded(slots, corners, mesh.kind), least, one_sided)
    full = np.diff(inside.indptr) * len(rule.weights) >= wanted
    fits = _fits(_widened(inside, len(rule.weights), least), points[nodes[corners]], samples, monomials)
    # the blend of the vertices' polynomials at a node: the same from every cell, so that one is enough
    first = np.unique(slots.reshape(-1), return_index=True)[1]
    owner, local = np.divmod(first, cells.shape[1])
    share = linear_values(cell)[local]  # (slots, v)
    of_vertices = scipy.sparse.csr_matrix(
        (share.reshape(-1), (np.repeat(np.arange(len(nodes)), share.shape[1]), vertices[owner].reshape(-1))),
        shape=(len(nodes), len(corners)),
    )
    blended = scipy.sparse.coo_matrix(of_vertices @ _lenders(inside, full))
    blended.eliminate_zeros()
    offset = (points[nodes][blended.row] - points[nodes[corners]][blended.col]) / fits.sizes[blended.col][:, None]
    entries = blended.data[:, None] * np.prod(offset[:, None, :] ** monomials, axis=2)
    m = len(monomials)
    columns = blended.col[:, None] * m + np.arange(m)
    rows = np.broadcast_to(blended.row[:, None], columns.shape)
    blend = scipy.sparse.csr_matrix(
        (entries.reshape(-1), (rows.reshape(-1), columns.reshape(-1))), shape=(len(nodes), len(corners) * m)
    )
    total = scipy.sparse.coo_matrix(blend @ fits.matrix)
    total.eliminate_zeros()
    return Recovery(
        jnp.asarray(total.row, jnp.int32), jnp.asarray(total.col, jnp.int32), jnp.asarray(total.data, float),
        jnp.asarray(slots, jnp.int32), jnp.asarray(nodes, jnp.int32), len(points),
    )  # fmt: skip


def linear_values(cell: CellType) -> np.ndarray:
    """Shape functions of degree 1 of the vertices at the nodes of a cell, (k, v)."""
    kinds = {2: "tri3", 3: "tet4"} if cell.simplex else {1: "line2", 2: "quad4", 3: "hex8"}
    return cell_type(kinds[cell.dim]).values(cell.nodal)


def _incidence(vertices: np.ndarray, corners: int) -> scipy.sparse.csr_matrix:
    """Cells around every vertex, (corners, m)."""
    rows, columns = vertices.reshape(-1), np.repeat(np.arange(len(vertices)), vertices.shape[1])
    inside = scipy.sparse.csr_matrix((np.ones(len(rows), np.int32), (rows, columns)), shape=(corners, len(vertices)))
    inside.data[:] = 1
    return inside


def _surrounded(slots: np.ndarray, corners: np.ndarray, kind: str) -> np.ndarray:
    """Which vertices have cells of their region all around."""
    sides = slots[:, facet_vertices(kind)]
    count, numbers = number_sets(sides, int(slots.max()) + 1)
    outer = np.bincount(numbers.reshape(-1), minlength=count)[numbers] == 1
    return ~np.isin(corners, sides[outer])


def _widened(inside: scipy.sparse.csr_matrix, points: int, least: int) -> scipy.sparse.csr_matrix:
    """Patches with enough cells for the ``least`` points."""
    patches, neighbours = inside, None
    for _ in range(MOST_RINGS):
        few = np.diff(patches.indptr) * points < least
        if not few.any():
            break
        if neighbours is None:
            neighbours = (inside.T @ inside).tocsr()
        patches = _only(~few) @ patches + _only(few) @ patches @ neighbours
        patches = patches.tocsr()
        patches.data[:] = 1
    return patches


def _lenders(inside: scipy.sparse.csr_matrix, full: np.ndarray) -> scipy.sparse.csr_matrix:
    """Whose polynomials a vertex takes, (corners, corners): its own where its patch is full, else the mean of those of
    the vertices of its cells whose patches are; where there are none its own, widened."""
    around = ((inside @ inside.T).tocsr() @ _only(full)).tocsr()
    lenders = np.diff(around.indptr)
    around.data = np.repeat(1.0 / np.maximum(lenders, 1), lenders)
    borrowing = ~full & (lenders > 0)
    return (_only(borrowing) @ around + _only(~borrowing)).tocsr()


def _only(rows: np.ndarray) -> scipy.sparse.csr_matrix:
    """The unit matrix with the rows that are true."""
    chosen = np.flatnonzero(rows)
    return scipy.sparse.csr_matrix((np.ones(len(chosen), np.int32), (chosen, chosen)), shape=(len(rows),) * 2)


class _Fits(NamedTuple):
    """``matrix`` (corners·terms, m·q) from samples to coefficients of the vertices' polynomials in (x − vertex)/size,
    ``sizes`` (corners,) of the patches."""

    matrix: scipy.sparse.csr_matrix
    sizes: np.ndarray


def _fits(patches: scipy.sparse.csr_matrix, centres: np.ndarray, samples: np.ndarray, monomials: np.ndarray) -> _Fits:
    lengths = np.diff(patches.indptr)
    sizes = np.ones(len(lengths))
    terms, points = len(monomials), samples.shape[1]
    parts = []
    for length in np.unique(lengths):
        which = np.flatnonzero(lengths == length)
        members = patches.indices[patches.indptr[which][:, None] + np.arange(length)]  # (g, c)
        offset = samples[members].reshape(len(which), -1, samples.shape[2]) - centres[which][:, None]
        sizes[which] = np.sqrt(np.max(np.sum(offset**2, axis=2), axis=1))
        scaled = offset / sizes[which][:, None, None]
        basis = np.prod(scaled[:, :, None, :] ** monomials, axis=3)  # (g, c·q, terms)
        inverse = _inverse(basis, monomials.sum(axis=1))
        columns = (members[..., None] * points + np.arange(points)).reshape(len(which), 1, -1)
        rows = (which[:, None] * terms + np.arange(terms))[..., None]
        rows, columns = np.broadcast_arrays(rows, columns)
        parts.append((inverse.reshape(-1), rows.reshape(-1), columns.reshape(-1)))
    data, rows, columns = (np.concatenate(x) for x in zip(*parts, strict=True))
    shape = (len(lengths) * terms, len(samples) * points)
    return _Fits(scipy.sparse.csr_matrix((data, (rows, columns)), shape=shape), sizes)


def _inverse(basis: np.ndarray, degrees: np.ndarray) -> np.ndarray:
    """Least-squares inverses (g, terms, s) of (g, s, terms); where the points do not tell all terms apart, of the
    highest degree at which they do."""
    inverse = np.zeros((basis.shape[0], basis.shape[2], basis.shape[1]))
    open_ = np.arange(len(basis))
    for degree in range(degrees.max(), -1, -1):
        terms = np.flatnonzero(degrees <= degree)
        if len(terms) > basis.shape[1]:
            continue
        part = basis[open_][:, :, terms]
        values = np.linalg.svd(part, compute_uv=False)
        good = values[:, -1] > 1e-3 * values[:, 0] * (0.1 if degree > 1 else 1.0)
        inverse[np.ix_(open_[good], terms)] = np.linalg.pinv(part[good])
        open_ = open_[~good]
        if not open_.size:
            break
    return inverse
