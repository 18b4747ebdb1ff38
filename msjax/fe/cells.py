"""Cell types: shape functions, facets and quadrature of Lagrange elements of degree 1 and 2, tensor products to 3.

Quadrilaterals and hexahedra are tensor products: nodes in lexicographic order of their coordinates, the last fastest.
Simplices have their vertices first, then the middles of the edges (0,1), (1,2), (2,0), (0,3), (1,3), (2,3). The
reference line, square and cube are [0, 1]^d, the reference simplex is the corner at the origin.
"""

import dataclasses
import itertools
from functools import cache

import numpy as np

from msjax.fe.quadrature import Quadrature, cube_rule, simplex_rule

EDGES = ((0, 1), (1, 2), (2, 0), (0, 3), (1, 3), (2, 3))
"""Edges of the tetrahedron; the first three are the triangle's."""


@dataclasses.dataclass(frozen=True, eq=False)
class CellType:
    """A Lagrange element. ``nodal`` (k, d) are the nodes' reference coordinates, ``monomials`` (k, d) the exponents
    that span its functions; ``facet_nodes`` (f, kf) the local nodes of every facet in the order of ``facet``'s own
    nodes, with outward normals (∂x/∂ξ₁ × ∂x/∂ξ₂; in the plane the tangent turned clockwise), ``degree`` 1, 2 or, of
    tensor products, 3."""

    kind: str
    dim: int
    degree: int
    simplex: bool
    nodal: np.ndarray
    monomials: np.ndarray
    facet: str | None
    facet_nodes: np.ndarray

    @property
    def nodes(self) -> int:
        """Number of nodes."""
        return len(self.nodal)

    @property
    def vertices(self) -> np.ndarray:
        """Local numbers of the corners."""
        if self.simplex:
            return np.arange(self.dim + 1)
        return np.flatnonzero(np.all((self.nodal == 0.0) | (self.nodal == 1.0), axis=1))

    def values(self, xi: np.ndarray) -> np.ndarray:
        """Shape functions N_a at reference points (q, d), (q, k)."""
        return self._powers(xi) @ self._coefficients()

    def gradients(self, xi: np.ndarray) -> np.ndarray:
        """∂N_a/∂ξ_j at reference points, (q, k, d)."""
        xi = np.asarray(xi, float)
        columns = []
        for j in range(self.dim):
            lowered = self.monomials.copy()
            factor = lowered[:, j].astype(float)
            lowered[:, j] = np.maximum(lowered[:, j] - 1, 0)
            columns.append((factor * _monomials(xi, lowered)) @ self._coefficients())
        return np.stack(columns, axis=2)

    def second_gradients(self, xi: np.ndarray) -> np.ndarray:
        """∂²N_a/∂ξ_i∂ξ_j at reference points, (q, k, d, d)."""
        xi = np.asarray(xi, float)
        table = np.zeros((len(xi), self.nodes, self.dim, self.dim))
        for i in range(self.dim):
            for j in range(self.dim):
                lowered, factor = self.monomials.copy(), np.ones(len(self.monomials))
                for axis in (i, j):
                    factor = factor * lowered[:, axis]
                    lowered[:, axis] = np.maximum(lowered[:, axis] - 1, 0)
                table[:, :, i, j] = (factor * _monomials(xi, lowered)) @ self._coefficients()
        return table

    def quadrature(self, order: int | None = None) -> Quadrature:
        """A rule exact to this polynomial degree (in each coordinate for quadrilaterals and hexahedra); by default the
        one that integrates the stiffness of an undistorted cell exactly."""
        if self.simplex:
            return simplex_rule(self.dim, (2 * self.degree - 2 if order is None else order) or 1)
        return cube_rule(self.dim, 2 * self.degree if order is None else order)

    def _powers(self, xi: np.ndarray) -> np.ndarray:
        return _monomials(np.asarray(xi, float), self.monomials)

    def _coefficients(self) -> np.ndarray:
        return np.linalg.inv(_monomials(self.nodal, self.monomials))


def _monomials(xi: np.ndarray, exponents: np.ndarray) -> np.ndarray:
    return np.prod(xi[:, None, :] ** exponents[None], axis=2)


def _tensor(dim: int, degree: int) -> CellType:
    ticks = np.linspace(0.0, 1.0, degree + 1)
    nodal = np.array(list(itertools.product(ticks, repeat=dim)))
    monomials = np.array(list(itertools.product(range(degree + 1), repeat=dim)))
    names = {1: "line", 2: "quad", 3: "hex"}
    count = degree + 1
    if dim == 1:
        return CellType(f"line{count}", 1, degree, False, nodal, monomials, None, np.array([[0], [count - 1]]))
    grid = np.arange(count**dim).reshape((count,) * dim)
    facets = []
    for axis, side in itertools.product(range(dim), (0, -1)):
        face = np.take(grid, side, axis=axis)
        # in the plane: counter-clockwise; in space: reversed where the tangents' product would point inward
        turned = (axis == 0) == (side == 0) if dim == 2 else (axis == 1) != (side == 0)
        if dim == 2:
            face = face[::-1] if turned else face
        else:
            face = face.T if turned else face
        facets.append(face.reshape(-1))
    facet = f"{names[dim - 1]}{count ** (dim - 1)}"
    return CellType(f"{names[dim]}{count**dim}", dim, degree, False, nodal, monomials, facet, np.array(facets))


def _simplex(dim: int, degree: int) -> CellType:
    corners = np.vstack([np.zeros(dim), np.eye(dim)])
    edges = EDGES[: 3 if dim == 2 else 6]
    nodal = corners if degree == 1 else np.vstack([corners, [(corners[a] + corners[b]) / 2 for a, b in edges]])
    exponents = [e for e in itertools.product(range(degree + 1), repeat=dim) if sum(e) <= degree]
    name = {2: "tri", 3: "tet"}[dim]
    where = {frozenset(e): dim + 1 + n for n, e in enumerate(edges)}
    faces: list[tuple[int, ...]] = [(0, 1), (1, 2), (2, 0)]
    if dim == 3:
        faces = [(0, 2, 1), (0, 1, 3), (1, 2, 3), (0, 3, 2)]
    rows = []
    for face in faces:
        if dim == 2:  # a line's nodes are in order of their coordinate
            rows.append(face if degree == 1 else (face[0], where[frozenset(face)], face[1]))
        else:
            pairs = ((face[0], face[1]), (face[1], face[2]), (face[2], face[0]))
            rows.append(face if degree == 1 else (*face, *(where[frozenset(p)] for p in pairs)))
    facet = {(2, 1): "line2", (2, 2): "line3", (3, 1): "tri3", (3, 2): "tri6"}[dim, degree]
    return CellType(f"{name}{len(nodal)}", dim, degree, True, nodal, np.array(exponents), facet, np.array(rows))


@cache
def _all_types() -> dict[str, CellType]:
    types = [_tensor(dim, degree) for dim in (1, 2, 3) for degree in (1, 2, 3)]
    types += [_simplex(dim, degree) for dim in (2, 3) for degree in (1, 2)]
    return {t.kind: t for t in types}


def cell_type(kind: str) -> CellType:
    """The cell type of a name; ``ValueError`` with the names there are.

    >>> cell_type("hex8").nodes, cell_type("tri6").facet
    (8, 'line3')
    """
    types = _all_types()
    if kind not in types:
        raise ValueError(f"kind: expected one of {', '.join(types)}, got {kind!r}")
    return types[kind]
