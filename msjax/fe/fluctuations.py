"""Spaces of fluctuation fields under a mean deformation, each with a preconditioner that is a fast solver.

On the closed grid of nodes the conditions of a pair of opposite faces, those normal to an axis J, lie in one chain,
kubc ⊂ periodic ⊂ subc, so that the energies they allow are ordered exactly:

- kubc: w = 0 on both;
- periodic: w equal on both;
- subc: ⟨∂_J w⟩ = 0 and nothing else, whose multiplier is a uniform traction on both, opposite in sign (minimal
  kinematic conditions, doi:10.1016/j.cma.2008.07.009).

The axes may differ: every mixture has ⟨∇w⟩ = 0, and so satisfies the Hill–Mandel condition, and is ordered axis by
axis (Hazanov and Huet, J. Mech. Phys. Solids 42 (1994) 1995).

A space says how its unknowns extend to the closed grid (:meth:`expand`), the transpose (:meth:`fold`), and how to solve
with a homogeneous reference medium (:meth:`solver`): by the periodic Green operator, or by Laplacians of the components
under sine, cosine and Fourier transforms along the axes. Mixed derivatives couple sines to cosines, so there the
reference is only equivalent to the medium, uniformly in the grid.
"""

import abc
import dataclasses
from typing import Literal

import jax.numpy as jnp
import numpy as np

from msjax.fe.strings import NULL, Solver, cosines, separable, sines, waves
from msjax.fe.voxels import VoxelGrid, shape_gradients
from msjax.tensors import inverse, sum_of
from msjax.typing import Array, Float


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
            forces = _add_last_plane(forces, axis)
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


Condition = Literal["periodic", "kubc", "subc"]
"""What a pair of opposite faces does: equal fluctuations, no fluctuations, or a uniform traction."""

_NODES = {"periodic": 0, "kubc": -1, "subc": 1}
_STRINGS = {"periodic": waves, "kubc": sines, "subc": cosines}


@dataclasses.dataclass(frozen=True)
class PerAxis(Fluctuations):
    """One condition for each pair of opposite faces; edges and corners obey all the conditions that meet there.

    The fields are those of a product of strings, less the mean gradients ⟨∂_J w⟩ along the axes that are subc, and
    less the mean where no face is held. Those functionals are products too, even or odd along every axis, so that they
    are orthogonal to one another and the answers of the separable solver to one of them do not feel another.
    """

    conditions: tuple[Condition, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        """Inner nodes along kubc axes, one node per voxel along periodic ones, all nodes along subc ones."""
        return tuple(n + _NODES[c] for n, c in zip(self.grid.shape, self.conditions, strict=True))

    def expand(self, w):
        """The admissible part, with zeros on held faces and repeated planes."""
        w = self._project(w)
        lead = [(0, 0)] * (w.ndim - self.grid.dim)
        w = jnp.pad(w, lead + [(1, 1) if c == "kubc" else (0, 0) for c in self.conditions])
        if "periodic" not in self.conditions:
            return w
        return jnp.pad(w, lead + [(0, 1) if c == "periodic" else (0, 0) for c in self.conditions], mode="wrap")

    def fold(self, forces):
        """Less the reactions: forces on held faces, uniform tractions and, where no face is held, the mean force."""
        for axis, condition in enumerate(self.conditions, start=1):
            if condition == "periodic":
                forces = _add_last_plane(forces, axis)
        held = (slice(1, -1) if c == "kubc" else slice(None) for c in self.conditions)
        return self._project(forces[(slice(None), *held)])

    def solver(self, reference, single=False):
        """Laplacians of the components by transforms along the axes, projected on fields without mean gradient."""
        strings = tuple(_STRINGS[c] for c in self.conditions)
        solve = separable(self.grid, reference, strings, single)
        if not self._free:
            return solve
        components = reference.shape[0]
        double = separable(self.grid, reference, strings)
        kind = jnp.float32 if single else jnp.float64
        answers = []  # of each component to a unit traction on the faces of a free axis, for a unit mean gradient
        for axis in self._free:
            field = double(jnp.broadcast_to(self._normal(axis)[None], (components, *self.shape)))
            gradient = self._mean_gradient(field, axis)
            gradient = jnp.where(gradient != 0, gradient, 1.0)  # a void answers with nothing
            answers.append((field / gradient.reshape(-1, *(1,) * self.grid.dim)).astype(kind))

        def projected(r):
            z = solve(r)
            excess = [self._mean_gradient(z, axis) for axis in self._free]
            for gradient, answer in zip(excess, answers, strict=True):
                z = z - gradient.reshape(-1, *(1,) * self.grid.dim) * answer
            return z

        return projected

    @property
    def _free(self) -> tuple[int, ...]:
        return tuple(axis for axis, c in enumerate(self.conditions) if c == "subc")

    def _weights(self, axis: int) -> np.ndarray:
        """Weights of the unknowns along an edge in the mean over it."""
        n, condition = self.grid.shape[axis], self.conditions[axis]
        weights = np.full(n + _NODES[condition], 1.0 / n)
        if condition == "subc":
            weights[[0, -1]] = 0.5 / n
        return weights

    def _normal(self, axis: int) -> Float[Array, "..."]:
        """d⟨∂_J w⟩/dw: the nodal forces of a unit traction on the faces of the axis."""
        ends = np.zeros(self.shape[axis])
        ends[0], ends[-1] = -1.0 / self.grid.lengths[axis], 1.0 / self.grid.lengths[axis]
        row = jnp.ones((1,) * self.grid.dim)
        for other in range(self.grid.dim):
            vector = jnp.asarray(ends if other == axis else self._weights(other))
            row = row * vector.reshape([-1 if a == other else 1 for a in range(self.grid.dim)])
        return row

    def _mean_gradient(self, w, axis: int):
        """⟨∂_J w⟩ from the two faces, of fields with any leading axes."""
        place = w.ndim - self.grid.dim + axis
        jump = (jnp.take(w, -1, axis=place) - jnp.take(w, 0, axis=place)) * (1.0 / self.grid.lengths[axis])
        for other in reversed([a for a in range(self.grid.dim) if a != axis]):
            jump = jump @ jnp.asarray(self._weights(other), w.dtype)
        return jump

    def _project(self, field):
        """Orthogonal projection on fields without those mean gradients and, where no face is held, without mean."""
        axes, gradients = tuple(range(-self.grid.dim, 0)), [self._mean_gradient(field, axis) for axis in self._free]
        if "kubc" not in self.conditions:
            field = field - jnp.mean(field, axis=axes, keepdims=True)
        for axis, gradient in zip(self._free, gradients, strict=True):
            normal = self._normal(axis).astype(field.dtype)
            share = gradient * (1.0 / jnp.sum(normal * normal))
            field = field - jnp.expand_dims(share, axes) * normal.reshape((1,) * share.ndim + normal.shape)
        return field


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


def _add_last_plane(forces, axis: int):
    """The last plane along an axis added to the first."""
    last = jnp.take(forces, jnp.array([-1]), axis=axis)
    forces = jnp.take(forces, np.arange(forces.shape[axis] - 1), axis=axis)
    pad = [(0, 0)] * forces.ndim
    pad[axis] = (0, forces.shape[axis] - 1)
    return forces + jnp.pad(last, pad)
