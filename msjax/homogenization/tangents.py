"""Tangents of the voxels of a cell, in the forms whose element forces are cheap."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from msjax.fe.voxels import VoxelGrid, element_matrices, gradient_matrix
from msjax.tensors import sum_of
from msjax.typing import Array, Float, Scalar

GEMM = 4
"""Up to this many terms a stiffness is a sum of coefficients times element matrices; beyond, a tensor per voxel."""


class VoxelModuli(NamedTuple):
    """A(x) = Σ_k coefficients_k(x) basis_k, constant in a voxel: (k, voxels) and (k, c, d, c, d)."""

    coefficients: Float[Array, "k m"]
    basis: Float[Array, "k c d c d"]

    @property
    def reference(self) -> Float[Array, "c d c d"]:
        """The mean ⟨A⟩."""
        return jnp.tensordot(jnp.mean(self.coefficients, axis=1), self.basis, 1)

    @property
    def largest(self) -> Scalar:
        """What bounds the entries of A, in order of magnitude."""
        return jnp.max(jnp.abs(self.coefficients)) * jnp.max(jnp.abs(self.basis))

    @property
    def data(self) -> Float[Array, "k m"]:
        """What a sweep cuts into slabs."""
        return self.coefficients

    def forces(self, grid: VoxelGrid):
        """(nodal values (n, m), coefficients (k, m)) → nodal forces (n, m)."""
        terms, components, dim = self.basis.shape[:3]
        if terms <= GEMM:
            matrices = element_matrices(grid, self.basis)
            stacked = matrices.reshape(-1, matrices.shape[2])

            def combined(values, coefficients):
                images = (stacked @ values).reshape(terms, *values.shape)
                return sum_of(coefficients[k][None] * images[k] for k in range(terms))

            return combined
        flat = self.basis.reshape(terms, -1).T
        size = components * dim

        def pointwise(values, coefficients):
            tensors = (flat @ coefficients).reshape(size, size, -1)
            return _by_strains(grid, components, tensors[None], values)

        return pointwise


class PointTangents(NamedTuple):
    """A at every Gauss point, (points, c·d, c·d, voxels), and a positive definite ``reference`` of the same kind."""

    tensors: Float[Array, "q s s m"]
    reference: Float[Array, "c d c d"]

    @property
    def largest(self) -> Scalar:
        """Largest entry of A."""
        return jnp.max(jnp.abs(self.tensors))

    @property
    def data(self) -> Float[Array, "q s s m"]:
        """What a sweep cuts into slabs."""
        return self.tensors

    def forces(self, grid: VoxelGrid):
        """(nodal values (n, m), tensors (q, s, s, m)) → nodal forces (n, m)."""
        components = self.tensors.shape[1] // grid.dim

        def pointwise(values, tensors):
            return _by_strains(grid, components, tensors, values)

        return pointwise


Tangents = VoxelModuli | PointTangents


def _by_strains(grid: VoxelGrid, components: int, tensors: Float[Array, "q s s m"], values: Float[Array, "n m"]):
    """∫ Bᵀ A B u over the voxels of a slab, through the strains at the Gauss points."""
    b = jnp.asarray(gradient_matrix(grid, components), values.dtype)
    size = components * grid.dim
    strains = (b @ values).reshape(grid.points, size, -1)
    stresses = sum_of(tensors[:, :, t] * strains[:, None, t] for t in range(size))
    return grid.volume / grid.voxels / grid.points * (b.T @ stresses.reshape(grid.points * size, -1))


def flat_tangent(tangent: Float[Array, "... c d c d"]) -> Float[Array, "... s s"]:
    """(…, c, d, c, d) as matrices."""
    size = int(np.prod(tangent.shape[-2:]))
    return tangent.reshape(*tangent.shape[:-4], size, size)
