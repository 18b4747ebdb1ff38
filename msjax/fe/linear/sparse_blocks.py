"""Sparse matrices of small dense blocks, fixed ones: the coarse levels of unstructured meshes."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.typing import Array, Float, Int


class SparseBlocks(eqx.Module):
    """Blocks (b, r, c) at places (rows, columns) of a matrix of ``shape`` blocks, sorted by rows."""

    blocks: Float[Array, "b r c"]
    rows: Int[Array, " b"]
    columns: Int[Array, " b"]
    shape: tuple[int, int] = eqx.field(static=True)

    @classmethod
    def of(cls, matrix: Any) -> "SparseBlocks":
        """From scipy's ``bsr_matrix`` or ``bsr_array``."""
        matrix.sort_indices()
        height, width = matrix.blocksize
        count = np.diff(matrix.indptr)
        rows = np.repeat(np.arange(len(count)), count)
        shape = (matrix.shape[0] // height, matrix.shape[1] // width)
        return cls(
            jnp.asarray(matrix.data), jnp.asarray(rows, jnp.int32), jnp.asarray(matrix.indices, jnp.int32), shape
        )

    def apply(self, x: Float[Array, "n c"]) -> Float[Array, "m r"]:
        """A x."""
        parts = jnp.einsum("brc,bc->br", self.blocks, x[self.columns])
        out = jnp.zeros((self.shape[0], self.blocks.shape[1]), parts.dtype)
        return out.at[self.rows].add(parts, indices_are_sorted=True)

    def apply_transposed(self, x: Float[Array, "m r"]) -> Float[Array, "n c"]:
        """Aᵀ x."""
        parts = jnp.einsum("brc,br->bc", self.blocks, x[self.rows])
        return jnp.zeros((self.shape[1], self.blocks.shape[2]), parts.dtype).at[self.columns].add(parts)

    def diagonal_blocks(self) -> Float[Array, "c c n"]:
        """Of a square matrix, in the layout (c, c, n)."""
        own = jnp.where((self.rows == self.columns)[:, None, None], self.blocks, 0.0)
        out = jnp.zeros((self.shape[0], *self.blocks.shape[1:])).at[self.rows].add(own)
        return jnp.moveaxis(out, 0, 2)
