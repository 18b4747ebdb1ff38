"""Tensor-product B-splines of degree 2 and 3 on boxes: fields with continuous first (and second) derivatives."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import BSpline, NdBSpline

from msjax.fe.cells import cell_type
from msjax.fe.constraints import Constraint, Rows, component_numbers
from msjax.fe.grids import AXES
from msjax.fe.mesh import Mesh
from msjax.fe.numbers import spread
from msjax.typing import Array, Float

KINDS = {2: ("line3", "quad9", "hex27"), 3: ("line4", "quad16", "hex64")}
"""Cells that hold a polynomial piece of a spline, by degree and dimension."""


class SplineMesh(Mesh):
    """A box whose fields are splines of C^{p−1}; made by :func:`splines`.

    "Nodes" are the coefficients and ``points`` their Greville abscissae, so that geometry is a spline too; move them
    and the box is curved. ``cells`` are the (p + 1)^d coefficients that a cell feels. On a cell a spline is a Lagrange
    polynomial of the same degree: ``extraction`` (m, k, k) gives its values at the cell's own nodes from the
    coefficients, and everything else is that of Lagrange cells of ``kind``.
    """

    extraction: Float[Array, "m k k"]
    degree: int = eqx.field(static=True)
    lengths: tuple[float, ...] = eqx.field(static=True)
    spans: tuple[int, ...] = eqx.field(static=True)

    def __init__(self, lengths: tuple[float, ...], spans: tuple[int, ...], degree: int):
        kind = KINDS[degree][len(spans) - 1]
        counts = [n + degree for n in spans]
        numbers = np.arange(int(np.prod(counts))).reshape(counts)
        cells = np.stack(
            [numbers[tuple(slice(e, e + degree + 1) for e in at)].reshape(-1) for at in np.ndindex(*spans)]
        )
        places = [greville(length, n, degree) for length, n in zip(lengths, spans, strict=True)]
        points = np.stack([x.reshape(-1) for x in np.meshgrid(*places, indexing="ij")], axis=1)
        super().__init__(points, cells, kind, _sides(spans))
        tables = [_extraction(n, degree) for n in spans]
        whole = tables[0]
        for table in tables[1:]:
            whole = np.einsum("eab,fcd->efacbd", whole, table)
            whole = whole.reshape(
                whole.shape[0] * whole.shape[1], whole.shape[2] * whole.shape[3], whole.shape[4] * whole.shape[5]
            )
        self.extraction = jnp.asarray(whole)
        self.degree, self.lengths, self.spans = degree, lengths, spans

    def local(self, nodal: Array, cells: Array | None = None) -> Array:
        """Values at the cells' Lagrange nodes, from coefficients."""
        table, numbers = (self.extraction, self.cells) if cells is None else (self.extraction[cells], self.cells[cells])
        return jnp.einsum("mab,mb...->ma...", table, nodal[numbers])

    def collect(self, forces: Float[Array, "m k c"], cells: Array | None = None) -> Float[Array, "n c"]:
        """Forces on the coefficients, from forces on the cells' Lagrange nodes."""
        table, numbers = (self.extraction, self.cells) if cells is None else (self.extraction[cells], self.cells[cells])
        own = jnp.einsum("mab,mac->mbc", table, forces)
        return jnp.zeros((self.points.shape[0], forces.shape[2])).at[numbers].add(own)

    def collected(self, matrices: Float[Array, "m s s"], components: int) -> Float[Array, "m s s"]:
        """Element matrices between coefficients, from those between the cells' Lagrange nodes."""
        m, k = self.cells.shape
        split = matrices.reshape(m, k, components, k, components)
        half = jnp.einsum("mab,maicj->mbicj", self.extraction, split)
        return jnp.einsum("mcd,mbicj->mbidj", self.extraction, half).reshape(matrices.shape)

    def lagrange(self, coefficients: Any = None) -> tuple[Mesh, Array | None]:
        """The same box as a mesh of Lagrange cells of the same degree and, given coefficients (n, c), the field at its
        nodes: for plots, files and norms."""
        cell = cell_type(self.kind)
        counts = [self.degree * n + 1 for n in self.spans]
        numbers = np.arange(int(np.prod(counts))).reshape(counts)
        cells = np.stack(
            [
                numbers[tuple(slice(self.degree * e, self.degree * (e + 1) + 1) for e in at)].reshape(-1)
                for at in np.ndindex(*self.spans)
            ]
        )

        def at_nodes(values):
            local = self.local(values)
            return jnp.zeros((numbers.size, *local.shape[2:])).at[cells].set(local)

        mesh = Mesh(at_nodes(self.points), cells, cell.kind, self.boundaries)
        return mesh, None if coefficients is None else at_nodes(jnp.asarray(coefficients, float))

    def function(self, coefficients: Any) -> NdBSpline:
        """The field of coefficients (n, c) as scipy's spline of the reference position, (…, d) → (…, c)."""
        knots = tuple(knot_vector(x, n, self.degree) for x, n in zip(self.lengths, self.spans, strict=True))
        numbers = np.asarray(coefficients, float)
        return NdBSpline(knots, numbers.reshape(*(n + self.degree for n in self.spans), -1), self.degree)


def splines(size: Any, shape: Any, degree: int = 3) -> SplineMesh:
    """[0, size₁] × … in ``shape`` equal cells with splines of ``degree`` 2 or 3; one to three dimensions.

    Boundaries "x-", "x+", "y-", …; a field's values on them are those of its end coefficients, prescribed by
    :class:`~msjax.fe.Dirichlet` (constants and linear functions exactly), and :class:`NormalDerivative` prescribes its
    slope. Loads: BodyForce and Traction. Elements with strains (F, ∇F) need them, others may use them.

    Raises ``ValueError`` for lengths that are not positive, numbers of cells below 1 and another degree.

    >>> line = splines(1.0, 4)
    >>> line.points.shape, line.cells.shape
    ((7, 1), (4, 4))
    """
    lengths, spans = np.asarray(size, float).reshape(-1), np.asarray(shape).reshape(-1)
    if degree not in KINDS:
        raise ValueError(f"degree: expected 2 or 3, got {degree!r}")
    if not 1 <= lengths.size <= 3 or not np.all(np.isfinite(lengths) & (lengths > 0)):
        raise ValueError(f"size: expected one to three positive lengths, got {size}")
    if spans.shape != lengths.shape or spans.dtype.kind not in "iu" or np.any(spans < 1):
        raise ValueError(f"shape: expected {lengths.size} whole numbers of cells, at least 1, got {shape}")
    return SplineMesh(tuple(float(x) for x in lengths), tuple(int(n) for n in spans), degree)


class NormalDerivative(Constraint):
    """∂u/∂n = ``value`` (a number, or one per component) on a side of a straight box of splines, n the outward normal:
    the second layer of coefficients follows the first."""

    def __init__(self, boundary: str, value: Any = 0.0, components: Any = None):
        self.boundary, self.value, self.components = boundary, value, components

    def rows(self, mesh: Mesh, components: int) -> Rows:
        """One equation per coefficient of the side and component."""
        name = f"NormalDerivative on {self.boundary!r}"
        if not isinstance(mesh, SplineMesh):
            raise ValueError(f"{name}: needs a mesh of splines; Lagrange elements have no continuous derivative")
        mesh.boundary(self.boundary)
        which = component_numbers(self.components, components, name)
        axis, end = AXES.index(self.boundary[0]), self.boundary[1] == "+"
        numbers = np.arange(mesh.points.shape[0]).reshape([n + mesh.degree for n in mesh.spans])
        first, second = (np.take(numbers, n, axis=axis).reshape(-1) for n in ((-1, -2) if end else (0, 1)))
        step = mesh.lengths[axis] / mesh.spans[axis] / mesh.degree
        value = jnp.asarray(self.value, float)
        if value.shape not in ((), (len(which),)):
            raise ValueError(f"{name}: expected one number or {len(which)}, got shape {value.shape}")
        slaves = (second[:, None] * components + np.array(which)[None]).reshape(-1)
        masters = (first[:, None] * components + np.array(which)[None]).reshape(-1, 1)
        offsets = spread(-step * value, (len(first), len(which))).reshape(-1)
        return Rows(slaves, masters, np.ones(masters.shape), offsets, name)


def knot_vector(length: float, spans: int, degree: int) -> np.ndarray:
    """Equal spans of [0, length], the ends repeated."""
    return np.concatenate([np.zeros(degree), np.linspace(0.0, length, spans + 1), np.full(degree, length)])


def greville(length: float, spans: int, degree: int) -> np.ndarray:
    """Means of p successive knots: coefficients of the function x."""
    knots = knot_vector(length, spans, degree)
    return np.convolve(knots[1:-1], np.ones(degree) / degree, mode="valid")


def _extraction(spans: int, degree: int) -> np.ndarray:
    """Values of the p + 1 splines of each span at its p + 1 equidistant nodes, (spans, p + 1, p + 1)."""
    knots = knot_vector(float(spans), spans, degree)
    nodes = np.arange(spans)[:, None] + np.linspace(0.0, 1.0, degree + 1)[None]
    table = BSpline.design_matrix(nodes.reshape(-1), knots, degree).toarray().reshape(spans, degree + 1, -1)
    return np.stack([table[e, :, e : e + degree + 1] for e in range(spans)])


def _sides(spans: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Facets (cell, local facet) of the sides."""
    numbers, sides = np.arange(int(np.prod(spans))).reshape(spans), {}
    for axis in range(len(spans)):
        for side, which in (("-", 0), ("+", 1)):
            layer = np.take(numbers, -which, axis=axis).reshape(-1)
            sides[AXES[axis] + side] = np.stack([layer, np.full(layer.size, 2 * axis + which)], axis=1)
    return sides
