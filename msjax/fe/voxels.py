"""Voxel grids: one quad4 or hex8 element per voxel, and a sweep over all elements that stays in the cache.

A field with c components lives on the nodes of the closed grid, (c, nx+1, ny+1[, nz+1]); boundary conditions are maps
to and from that array (msjax.fe.fluctuations). The sweep visits the elements slab by slab: it gathers the nodal values
of a slab, (corners·c, voxels), lets a kernel turn them into nodal forces and sums, and scatters. Nothing of the size
corners × voxels is ever stored for the whole grid on a CPU.
"""

import itertools
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.typing import Array, Float, PyTree

Integration = Literal["full", "reduced"]
"""Gauss points per voxel: two in every direction, or one in all (hourglass modes then cost nothing)."""

SLAB = 4096
"""Voxels in a slab on a CPU: 24 nodal values of each fill a second-level cache."""


class VoxelGrid(NamedTuple):
    """A box of ``shape`` voxels with edges ``lengths``; static and hashable.

    ``slab`` planes normal to the first axis are swept at a time (it divides shape[0]; all of them suit a GPU).
    """

    shape: tuple[int, ...]
    lengths: tuple[float, ...]
    integration: Integration = "full"
    slab: int = 1

    @classmethod
    def make(cls, shape: tuple[int, ...], lengths: Any = None, integration: Integration = "full") -> "VoxelGrid":
        """A grid with its slabs chosen for the default device; by default voxels are cubes and the first edge is 1.

        Raises ``ValueError`` for a dimension that is not 2 or 3, for no voxels, for an edge that is not positive and
        for an unknown integration.

        >>> VoxelGrid.make((4, 8)).lengths
        (1.0, 2.0)
        """
        shape = tuple(int(n) for n in shape)
        if len(shape) not in (2, 3) or min(shape) < 1:
            raise ValueError(f"phases: expected a voxel image of dimension 2 or 3 with at least one voxel, got {shape}")
        edges = tuple(n / shape[0] for n in shape) if lengths is None else tuple(float(x) for x in lengths)
        if len(edges) != len(shape) or not all(np.isfinite(x) and x > 0 for x in edges):
            raise ValueError(f"lengths: expected {len(shape)} positive numbers, got {lengths}")
        if integration not in ("full", "reduced"):
            raise ValueError(f"integration: expected 'full' or 'reduced', got {integration!r}")
        plane = int(np.prod(shape[1:]))
        fitting = [s for s in range(1, shape[0] + 1) if shape[0] % s == 0 and s * plane <= SLAB] or [1]
        return cls(shape, edges, integration, fitting[-1] if jax.default_backend() == "cpu" else shape[0])

    @property
    def dim(self) -> int:
        """2 or 3."""
        return len(self.shape)

    @property
    def nodes(self) -> tuple[int, ...]:
        """Nodes of the closed grid along each axis."""
        return tuple(n + 1 for n in self.shape)

    @property
    def voxels(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    @property
    def volume(self) -> float:
        """Of the box."""
        return float(np.prod(self.lengths))

    @property
    def spacing(self) -> np.ndarray:
        """Edges of a voxel."""
        return np.array(self.lengths) / np.array(self.shape)

    @property
    def corners(self) -> list[tuple[int, ...]]:
        """Corner offsets of a voxel in the order of its nodal values."""
        return list(itertools.product((0, 1), repeat=self.dim))

    @property
    def points(self) -> int:
        """Gauss points of a voxel."""
        return 2**self.dim if self.integration == "full" else 1


def shape_gradients(grid: VoxelGrid) -> np.ndarray:
    """∂N_a/∂x_J of the (bi- or tri-)linear shape functions at the Gauss points, (points, corners, d)."""
    corners = 2.0 * np.array(grid.corners) - 1.0
    nodes = np.array([-1.0, 1.0]) / np.sqrt(3.0) if grid.integration == "full" else np.zeros(1)
    gradients = np.empty((grid.points, len(corners), grid.dim))
    for q, point in enumerate(itertools.product(nodes, repeat=grid.dim)):
        factors = 0.5 * (1.0 + corners * np.array(point))
        for j in range(grid.dim):
            others = np.prod(np.delete(factors, j, axis=1), axis=1)
            gradients[q, :, j] = corners[:, j] / grid.spacing[j] * others
    return gradients


def gradient_matrix(grid: VoxelGrid, components: int) -> np.ndarray:
    """B with (∇u)_qiJ = B · (nodal values of a voxel): (points·c·d, corners·c)."""
    g = shape_gradients(grid)
    b = np.einsum("qaJ,ik->qiJak", g, np.eye(components))
    return b.reshape(grid.points * components * grid.dim, -1)


def affine_values(grid: VoxelGrid, gradient: Float[Array, "c d"]) -> Float[Array, " n"]:
    """Nodal values of a voxel (corners·c,) of the linear field with this gradient; zero at its middle."""
    where = (np.array(grid.corners) - 0.5) * grid.spacing
    return (jnp.asarray(where) @ gradient.T).reshape(-1)


def element_matrices(grid: VoxelGrid, tangents: Float[Array, "k c d c d"]) -> Float[Array, "k n n"]:
    """∫ Bᵀ A B over one voxel for constant tangents A."""
    components = tangents.shape[1]
    b = gradient_matrix(grid, components).reshape(grid.points, components * grid.dim, -1)
    flat = tangents.reshape(tangents.shape[0], b.shape[1], b.shape[1])
    weight = grid.volume / grid.voxels / grid.points
    b = jnp.asarray(b, flat.dtype)
    return weight * jnp.einsum("qsa,kst,qtb->kab", b, flat, b)


Kernel = Callable[[Float[Array, "... n m"], PyTree], tuple[Float[Array, "n m"] | None, PyTree]]
"""(nodal values, data of the voxels) → (nodal forces or None, sums): for the m voxels of a slab."""


def sweep(
    grid: VoxelGrid, field: Float[Array, "..."], data: PyTree, kernel: Kernel
) -> tuple[Float[Array, "c ..."] | None, PyTree]:
    """Visit all voxels: assembled nodal forces (c, *nodes) and the sums of the kernel over the slabs.

    ``field`` (c, *nodes), or several of them on leading axes; leaves of ``data`` are (…, voxels) in the grid's order.
    Each slab's kernel gets nodal values (…, corners·c, m) and leaves (…, m).
    """
    forces, sums, _ = sweep_fields(grid, field, data, lambda values, part: (*kernel(values, part), None))
    return forces, sums


def sweep_fields(
    grid: VoxelGrid, field: Float[Array, "..."], data: PyTree, kernel: Callable[..., tuple[Any, PyTree, PyTree]]
) -> tuple[Float[Array, "c ..."] | None, PyTree, PyTree]:
    """As :func:`sweep`, with fields besides: the kernel's third result has leaves (…, m), which become (…, voxels)."""
    planes, slabs = grid.slab, grid.shape[0] // grid.slab
    lead = field.ndim - grid.dim
    components = field.shape[lead - 1]
    box = (planes, *grid.shape[1:])
    voxels = int(np.prod(box))
    parts = jax.tree.map(lambda x: jnp.moveaxis(x.reshape(*x.shape[:-1], slabs, voxels), -2, 0), data)

    def visit(part):
        index, mine = part
        layers = jax.lax.dynamic_slice_in_dim(field, index * planes, planes + 1, axis=lead)
        values = [
            layers[(slice(None),) * lead + tuple(slice(o, o + n) for o, n in zip(corner, box, strict=True))]
            for corner in grid.corners
        ]
        gathered = jnp.concatenate(values, axis=lead - 1)
        forces, sums, fields = kernel(gathered.reshape(*gathered.shape[:lead], voxels), mine)
        if forces is not None:
            forces = _scatter(forces.reshape(len(grid.corners), components, *box), grid.dim)
        return forces, sums, fields

    parts = (jnp.arange(slabs), parts)
    if slabs == 1:
        return visit(jax.tree.map(lambda x: x[0], parts))
    # a derivative visits the slabs again: what it would keep of them all is slower to store and load than to compute
    stacked, sums, fields = jax.lax.map(jax.checkpoint(visit, prevent_cse=False), parts)
    sums = jax.tree.map(lambda x: jnp.sum(x, axis=0), sums)
    fields = jax.tree.map(lambda x: jnp.moveaxis(x, 0, -2).reshape(*x.shape[1:-1], slabs * voxels), fields)
    return None if stacked is None else _join(stacked, planes), sums, fields


def _scatter(forces, dim: int):
    """(corners, c, *box) → (c, *(box + 1)): pairs of corners are added along one axis after the other."""
    for axis in reversed(range(dim)):
        forces = forces.reshape(-1, 2, *forces.shape[1:])
        pad = [(0, 0)] * (forces.ndim - 1)
        left, right = list(pad), list(pad)
        left[2 + axis], right[2 + axis] = (0, 1), (1, 0)
        forces = jnp.pad(forces[:, 0], left) + jnp.pad(forces[:, 1], right)
    return forces[0]


def _join(stacked, planes: int):
    """(slabs, c, planes + 1, …) → (c, nx + 1, …): neighbouring slabs share a plane."""
    body = jnp.moveaxis(stacked[:, :, :planes], 0, 1)
    body = body.reshape(body.shape[0], -1, *body.shape[3:])
    last = jnp.moveaxis(stacked[:, :, planes], 0, 1)  # (c, slabs, …)
    total = jnp.pad(body, [(0, 0), (0, 1)] + [(0, 0)] * (body.ndim - 2))
    return total.at[:, planes::planes].add(last)


def average_gradient(grid: VoxelGrid, field: Float[Array, "c ..."]) -> Float[Array, "c d"]:
    """⟨∇u⟩ of a nodal field (c, *nodes): a sum over opposite faces."""
    rows = []
    for axis in range(grid.dim):
        difference = jnp.take(field, -1, axis=1 + axis) - jnp.take(field, 0, axis=1 + axis)
        for other in reversed([a for a in range(grid.dim) if a != axis]):
            difference = difference @ trapezoid(grid.shape[other]).astype(field.dtype)
        rows.append(difference * (1.0 / grid.lengths[axis]))
    return jnp.stack(rows, axis=1)


def trapezoid(n: int) -> Float[Array, " nodes"]:
    """Weights of the mean along an edge of n voxels."""
    weights = np.full(n + 1, 1.0 / n)
    weights[[0, -1]] = 0.5 / n
    return jnp.asarray(weights)
