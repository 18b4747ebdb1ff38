"""Spaces of fluctuation fields under a mean deformation, each with a preconditioner that is a fast solver.

All three spaces lie in one chain, kubc ⊂ periodic ⊂ subc, on the closed grid of nodes, so that the energies they allow
are ordered exactly:

- kubc: w = 0 on the boundary;
- periodic: w equal on opposite faces;
- subc: ⟨∇w⟩ = 0 and nothing else, whose multiplier is a uniform traction P̄N (minimal kinematic conditions,
  doi:10.1016/j.cma.2008.07.009).

A space says how its unknowns extend to the closed grid (:meth:`expand`), the transpose (:meth:`fold`), and how to solve
with a homogeneous reference medium (:meth:`solver`): by the periodic Green operator, or by Laplacians of the components
under sine and cosine transforms. Mixed derivatives couple sines to cosines, so there the reference is only equivalent
to the medium, uniformly in the grid.
"""

import abc
import dataclasses
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np

from msjax.fe.voxels import VoxelGrid, average_gradient, shape_gradients, trapezoid
from msjax.tensors import inverse, sum_of
from msjax.typing import Array, Float

Solver = Callable[[Float[Array, "c ..."]], Float[Array, "c ..."]]

NULL = 1e-10
"""Symbols below this part of the largest are null modes (constants, hourglasses) and solved with zero: the
pseudo-inverse of round-off would make the preconditioner indefinite."""


@dataclasses.dataclass(frozen=True)
class Fluctuations(abc.ABC):
    """A space of fluctuation fields on a voxel grid; static and hashable."""

    grid: VoxelGrid

    @property
    @abc.abstractmethod
    def shape(self) -> tuple[int, ...]:
        """Grid of the unknowns of one component."""

    @abc.abstractmethod
    def expand(self, w: Float[Array, "..."]) -> Float[Array, "..."]:
        """Values on the closed grid, with any leading axes."""

    @abc.abstractmethod
    def fold(self, forces: Float[Array, "c ..."]) -> Float[Array, "c ..."]:
        """Transpose of :meth:`expand`."""

    @abc.abstractmethod
    def solver(self, reference: Float[Array, "c d c d"], single: bool = False) -> Solver:
        """Approximate inverse of the stiffness of a homogeneous medium with this tangent, symmetric and positive.

        ``single``: for residuals in float32, with tables worked out in float64.
        """


@dataclasses.dataclass(frozen=True)
class Periodic(Fluctuations):
    """Equal on opposite faces; the mean is fixed at zero."""

    @property
    def shape(self) -> tuple[int, ...]:
        """One node per voxel."""
        return self.grid.shape

    def expand(self, w):
        """The last plane repeats the first."""
        pad = [(0, 0)] * (w.ndim - self.grid.dim) + [(0, 1)] * self.grid.dim
        return jnp.pad(w, pad, mode="wrap")

    def fold(self, forces):
        """The last plane adds to the first."""
        for axis in range(1, forces.ndim):
            last = jnp.take(forces, jnp.array([-1]), axis=axis)
            forces = jnp.take(forces, np.arange(forces.shape[axis] - 1), axis=axis)
            pad = [(0, 0)] * forces.ndim
            pad[axis] = (0, forces.shape[axis] - 1)
            forces = forces + jnp.pad(last, pad)
        return forces

    def solver(self, reference, single=False):
        """The Green operator: exact for a homogeneous medium (doi:10.1002/nme.6012)."""
        dim, components = self.grid.dim, reference.shape[0]
        axes = tuple(range(1, dim + 1))
        metric = green_metric(self.grid)
        symbol = jnp.tensordot(reference.transpose(0, 2, 1, 3), metric, axes=([2, 3], [0, 1]))  # (c, c, *k)
        size = jnp.einsum("ii...->...", symbol)
        alive = size > NULL * jnp.max(size)
        identity = jnp.eye(components).reshape(components, components, *(1,) * dim)
        safe = jnp.where(alive[None, None], symbol, identity)
        moved = jnp.moveaxis(safe, (0, 1), (-2, -1))
        inverted = jnp.moveaxis(_inverse_each(moved), (-2, -1), (0, 1))
        inverted = jnp.where(alive[None, None], inverted, 0.0).astype(jnp.complex64 if single else jnp.complex128)

        def solve(r):
            spectrum = jnp.fft.rfftn(r, axes=axes)
            solved = [sum_of(inverted[i, k] * spectrum[k] for k in range(components)) for i in range(components)]
            return jnp.fft.irfftn(jnp.stack(solved), s=self.shape, axes=axes)

        return solve


@dataclasses.dataclass(frozen=True)
class Kubc(Fluctuations):
    """Zero on the boundary: kinematically uniform conditions."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Inner nodes."""
        return tuple(n - 1 for n in self.grid.shape)

    def expand(self, w):
        """Zeros around."""
        return jnp.pad(w, [(0, 0)] * (w.ndim - self.grid.dim) + [(1, 1)] * self.grid.dim)

    def fold(self, forces):
        """Inner nodes alone."""
        return forces[(slice(None), *(slice(1, -1),) * self.grid.dim)]

    def solver(self, reference, single=False):
        """Laplacians of the components by sine transforms."""
        return _separable(self.grid, reference, _sines, single)


@dataclasses.dataclass(frozen=True)
class Subc(Fluctuations):
    """No mean gradient and no mean: statically uniform conditions."""

    @property
    def shape(self) -> tuple[int, ...]:
        """All nodes."""
        return self.grid.nodes

    def expand(self, w):
        """The part without mean and mean gradient."""
        return self._project(w)

    def fold(self, forces):
        """Less the mean force and the uniform traction, which are reactions."""
        return self._project(forces)

    def _project(self, field):
        """Orthogonal projection on fields without mean and mean gradient."""
        flat = field.reshape(-1, int(np.prod(self.shape)))
        flat = flat - jnp.mean(flat, axis=1, keepdims=True)
        normals = self._normals().astype(field.dtype)  # orthogonal to one another and to constants
        length2 = jnp.sum(normals * normals, axis=1)
        return (flat - ((flat @ normals.T) / length2[None]) @ normals).reshape(field.shape)

    def solver(self, reference, single=False):
        """Laplacians by cosine transforms, projected on fields without mean gradient."""
        inner = _separable(self.grid, reference, _cosines)
        components = reference.shape[0]
        normals = self._normals().reshape(self.grid.dim, *self.shape)
        fields = [inner(jnp.broadcast_to(normal[None], (components, *self.shape))) for normal in normals]
        fields = jnp.stack(fields)  # (J, c, *nodes): answer of each component to a unit stress on the faces J
        gram = jnp.stack([average_gradient(self.grid, field) for field in fields])  # (J, c, d)
        gram = _inverse_each(gram.transpose(1, 0, 2))  # per component, (c, d, J)
        inner = _separable(self.grid, reference, _cosines, single)
        kind = jnp.float32 if single else jnp.float64
        fields, gram = fields.astype(kind), gram.astype(kind)

        def solve(r):
            z = inner(r)
            excess = jnp.einsum("cd,cdJ->cJ", average_gradient(self.grid, z), gram)
            return z - jnp.einsum("cJ,Jc...->c...", excess, fields)

        return solve

    def _normals(self) -> Float[Array, "d n"]:
        """d⟨∂_J u⟩/du: what a unit traction on the faces normal to J loads, (d, nodes)."""
        rows = []
        for axis in range(self.grid.dim):
            row = jnp.ones((1,) * self.grid.dim)
            for other, n in enumerate(self.grid.shape):
                if other == axis:
                    ends = np.zeros(n + 1)
                    ends[0], ends[-1] = -1.0 / self.grid.lengths[axis], 1.0 / self.grid.lengths[axis]
                    vector = jnp.asarray(ends)
                else:
                    vector = trapezoid(n)
                row = row * vector.reshape([-1 if a == other else 1 for a in range(self.grid.dim)])
            rows.append(row.reshape(-1))
        return jnp.stack(rows)


def green_metric(grid: VoxelGrid) -> Float[Array, "d d ..."]:
    """M_JL(k) = Σ_q conj(b_J) b_L of the discrete gradient's symbols b, (d, d, *k) on the half spectrum.

    The stiffness of a homogeneous medium is A_iJkL M_JL(k). Real, because a voxel is symmetric about its middle.
    """
    gradients = shape_gradients(grid)
    angles = [2.0 * np.pi * np.fft.fftfreq(n) for n in grid.shape]
    angles[-1] = 2.0 * np.pi * np.arange(grid.shape[-1] // 2 + 1) / grid.shape[-1]
    # M = Σ over pairs of corners (stencil) × phases; a sum over few offsets, each a product of one-dimensional phases
    weight = grid.volume / grid.voxels / grid.points
    pairs = weight * np.einsum("qaJ,qbL->abJL", gradients, gradients)
    stencil: dict[tuple[int, ...], np.ndarray] = {}
    for a, one in enumerate(grid.corners):
        for b, other in enumerate(grid.corners):
            offset = tuple(int(y) - int(x) for x, y in zip(one, other, strict=True))
            stencil[offset] = stencil.get(offset, 0.0) + pairs[a, b]
    total = jnp.zeros((grid.dim, grid.dim, *(len(x) for x in angles)))
    for offset, block in stencil.items():
        turn = jnp.zeros((1,) * grid.dim)
        for axis, x in enumerate(angles):
            turn = turn + (offset[axis] * jnp.asarray(x)).reshape([-1 if a == axis else 1 for a in range(grid.dim)])
        total = total + jnp.asarray(block).reshape(grid.dim, grid.dim, *(1,) * grid.dim) * jnp.cos(turn)[None, None]
    return total


def _inverse_each(matrices: Float[Array, "... c c"]) -> Float[Array, "... c c"]:
    """Closed-form inverses of 1×1, 2×2 or 3×3 matrices on the last two axes."""
    vectorised = jnp.vectorize(inverse, signature="(c,c)->(c,c)")
    return vectorised(matrices)


def _sines(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Vectors of a string held at both ends (inner nodes as rows), their norms, stiffness and mass, unit spacing."""
    theta = np.pi * np.arange(1, n) / n
    vectors = np.sin(np.outer(np.arange(1, n), theta))
    return vectors, np.full(n - 1, 0.5 * n), 2.0 - 2.0 * np.cos(theta), (4.0 + 2.0 * np.cos(theta)) / 6.0


def _cosines(n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The same of a free string: with half weights at the ends its cosines are orthogonal."""
    theta = np.pi * np.arange(n + 1) / n
    vectors = np.cos(np.outer(np.arange(n + 1), theta))
    norms = np.full(n + 1, 0.5 * n)
    norms[[0, -1]] = n
    return vectors, norms, 2.0 - 2.0 * np.cos(theta), (4.0 + 2.0 * np.cos(theta)) / 6.0


def _separable(grid: VoxelGrid, reference: Float[Array, "c d c d"], strings, single: bool = False) -> Solver:
    """Solve with Σ_J A_iJiJ ∂_J² of the same elements, by transforms along the axes, for each component i."""
    dim, components = grid.dim, reference.shape[0]
    vectors, norms, stiffness, mass = zip(*(strings(n) for n in grid.shape), strict=True)

    def along(values, axis):
        return jnp.asarray(values).reshape([-1 if a == axis else 1 for a in range(dim)])

    symbol = 0.0
    for j in range(dim):
        term = jnp.ones((1,) * dim)
        for axis in range(dim):
            h = grid.spacing[axis]
            term = term * along(stiffness[axis] / h if axis == j else mass[axis] * h, axis)
        modulus = jnp.stack([reference[i, j, i, j] for i in range(components)])
        symbol = symbol + modulus.reshape(-1, *(1,) * dim) * term[None]
    norm = jnp.ones((1,) * dim)
    for axis in range(dim):
        norm = norm * along(norms[axis], axis)
    largest = jnp.max(symbol)
    alive = symbol > NULL * largest
    scale = jnp.where(alive, 1.0 / jnp.where(alive, symbol * norm[None], 1.0), 0.0)

    kind = jnp.float32 if single else jnp.float64
    scale = scale.astype(kind)

    def transform(field, transposed):
        for axis in range(dim):
            matrix = vectors[axis].T if transposed else vectors[axis]
            moved = jnp.tensordot(field, jnp.asarray(matrix, kind), axes=([1 + axis], [1]))
            field = jnp.moveaxis(moved, -1, 1 + axis)
        return field

    def solve(r):
        return transform(scale * transform(r, True), False)

    return solve
