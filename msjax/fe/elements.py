"""Operators kept element by element: K = Σ_e G_eᵀ K_e G_e, never assembled as a sparse matrix on the device."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.fe.voxels import VoxelGrid, sweep
from msjax.tensors import sum_of
from msjax.typing import Array, Float, Int


class ElementOperator(eqx.Module):
    """What all such operators share: ``cells`` (m, k), the nodes of every element, and sums over elements.

    ``grid``, cells along each axis, as in :class:`~msjax.fe.Mesh`.
    """

    cells: eqx.AbstractVar[Int[Array, "m k"]]
    nodes: eqx.AbstractVar[int]
    components: eqx.AbstractVar[int]
    grid: eqx.AbstractVar[tuple[int, ...] | None]

    @abc.abstractmethod
    def element_matrices(self) -> Float[Array, "m s s"]:
        """K_e of every element, unknowns node by node (a·c + i)."""

    @abc.abstractmethod
    def element_forces(self, values: Float[Array, "m s"]) -> Float[Array, "m s"]:
        """K_e u_e of every element."""

    @abc.abstractmethod
    def transposed(self) -> "ElementOperator":
        """Kᵀ."""

    @abc.abstractmethod
    def pairs_of_plane(self, plane: Int[Array, ""]) -> Float[Array, "k k c c p"]:
        """K_e[a, i, b, j] as (a, b, i, j) of the p cells of a grid with this index on the first axis."""

    @property
    def multilinear_grid(self) -> tuple[int, ...] | None:
        """The grid, where the cells are its lines, quadrilaterals or hexahedra of degree 1."""
        return self.grid if self.grid is not None and self.cells.shape[1] == 2 ** len(self.grid) else None

    def apply(self, u: Float[Array, "n c"]) -> Float[Array, "n c"]:
        """K u."""
        values = self.gather(u).reshape(self.cells.shape[0], -1)
        forces = self.element_forces(jax.lax.optimization_barrier(values))  # a gather inside the product is slow
        return self.scatter(jax.lax.optimization_barrier(forces).reshape(*self.cells.shape, self.components))

    def gather(self, u: Float[Array, "n c"]) -> Float[Array, "m k c"]:
        """G_e u of every element."""
        return u[self.cells]

    def scatter(self, forces: Float[Array, "m k c"]) -> Float[Array, "n c"]:
        """Σ_e G_eᵀ f_e."""
        grid = self.multilinear_grid
        if grid is None:
            return jnp.zeros((self.nodes, self.components), forces.dtype).at[self.cells].add(forces)
        forces = forces.reshape(*grid, -1, self.components)
        corners = np.ndindex(*(2,) * len(grid))
        padded = (
            jnp.pad(forces[..., a, :], [*((o, 1 - o) for o in corner), (0, 0)]) for a, corner in enumerate(corners)
        )
        return sum_of(padded).reshape(self.nodes, self.components)

    @abc.abstractmethod
    def diagonal_blocks(self) -> Float[Array, "n c c"]:
        """The c × c blocks on the diagonal of K."""

    def _sum_of_blocks(self, own: Float[Array, "m k c c"]) -> Float[Array, "n c c"]:
        c = self.components
        return jnp.zeros((self.nodes, c, c), own.dtype).at[self.cells].add(own)


class ElementMatrices(ElementOperator):
    """K u = Σ_e G_eᵀ K_e G_e u on nodal fields u (n, c).

    ``matrices`` (m, k·c, k·c) are the element matrices, unknowns node by node (a·c + i), ``cells`` (m, k) the nodes of
    every element. ``grid`` as in :class:`~msjax.fe.Mesh`.
    """

    matrices: Float[Array, "m s s"]
    cells: Int[Array, "m k"]
    nodes: int = eqx.field(static=True)
    components: int = eqx.field(static=True)
    grid: tuple[int, ...] | None = eqx.field(static=True, default=None)

    def element_matrices(self):
        """As they are kept."""
        return self.matrices

    def element_forces(self, values):
        """One pass over the matrices."""
        return jnp.einsum("mab,mb->ma", self.matrices, values)

    def transposed(self):
        """With every element's matrix transposed."""
        return eqx.tree_at(lambda o: o.matrices, self, jnp.swapaxes(self.matrices, 1, 2))

    def pairs_of_plane(self, plane):
        """A transposition of the plane's matrices."""
        assert self.grid is not None
        k, c = self.cells.shape[1], self.components
        cells = int(np.prod(self.grid[1:]))
        own = jax.lax.dynamic_slice_in_dim(self.matrices, plane * cells, cells)
        return own.reshape(cells, k, c, k, c).transpose(1, 3, 2, 4, 0)

    def diagonal_blocks(self):
        """Sums of the elements' own blocks."""
        (m, k), c = self.cells.shape, self.components
        return self._sum_of_blocks(jnp.einsum("maiaj->maij", self.matrices.reshape(m, k, c, k, c)))


class ScaledElements(ElementOperator):
    """K_e = Σ_k coefficients_k(e) basis_k: a few matrices for all elements, as of congruent cells with moduli per cell.

    ``coefficients`` (k, m), ``basis`` (k, s, s) with unknowns node by node. An application moves a few numbers per
    element where :class:`ElementMatrices` moves s².
    """

    coefficients: Float[Array, "b m"]
    basis: Float[Array, "b s s"]
    cells: Int[Array, "m k"]
    nodes: int = eqx.field(static=True)
    components: int = eqx.field(static=True)
    grid: tuple[int, ...] | None = eqx.field(static=True, default=None)

    def apply(self, u: Float[Array, "n c"]) -> Float[Array, "n c"]:
        """K u; on a grid in slabs that stay in the cache."""
        grid = self.multilinear_grid
        if grid is None or len(grid) == 1:
            return super().apply(u)
        terms = len(self.basis)
        stacked = self.basis.reshape(-1, self.basis.shape[2])

        def forces(values: Array, coefficients: Array) -> tuple[Array, None]:
            images = (stacked @ values).reshape(terms, *values.shape)
            return sum_of(coefficients[k][None] * images[k] for k in range(terms)), None

        total, _ = sweep(VoxelGrid.make(grid), u.T.reshape(-1, *(n + 1 for n in grid)), self.coefficients, forces)
        assert total is not None
        return total.reshape(self.components, -1).T

    def element_matrices(self):
        """Σ_k coefficients_k basis_k, written out."""
        return jnp.einsum("bm,bst->mst", self.coefficients, self.basis)

    def element_forces(self, values):
        """One product for all elements and terms."""
        return jnp.einsum("bm,bst,mt->ms", self.coefficients, self.basis, values)

    def transposed(self):
        """With the basis transposed."""
        return eqx.tree_at(lambda o: o.basis, self, jnp.swapaxes(self.basis, 1, 2))

    def pairs_of_plane(self, plane):
        """The basis times the plane's coefficients."""
        assert self.grid is not None
        k, c = self.cells.shape[1], self.components
        cells = int(np.prod(self.grid[1:]))
        own = jax.lax.dynamic_slice_in_dim(self.coefficients, plane * cells, cells, axis=1)
        pairs = self.basis.reshape(-1, k, c, k, c).transpose(1, 3, 2, 4, 0)
        return pairs @ own

    def diagonal_blocks(self):
        """Sums of the elements' own blocks."""
        k, c = self.cells.shape[1], self.components
        own = jnp.einsum("baiaj->baij", self.basis.reshape(-1, k, c, k, c))
        return self._sum_of_blocks(jnp.einsum("bm,baij->maij", self.coefficients, own))
