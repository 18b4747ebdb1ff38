"""Strains of several fields as one matrix: a row per component of the field, a column for all that is taken of it.

A strain is an array (r, s), or a NamedTuple of arrays (r, …) such as F (d, d) and ∇F (d, d, d). Packed it is (r, C).
"""

import jax
import jax.numpy as jnp
import numpy as np

from msjax.typing import Array, Float, PyTree


def pack(strain: PyTree) -> Float[Array, "r C"]:
    """The matrix of a strain or a stress; an array (r, s) as it is.

    >>> import jax.numpy as jnp
    >>> pack((jnp.eye(2), jnp.zeros((2, 2, 2)))).shape
    (2, 6)
    """
    leaves = jax.tree.leaves(strain)
    return jnp.concatenate([leaf.reshape(leaf.shape[0], -1) for leaf in leaves], axis=1)


def unpack(matrix: Float[Array, "r C"], like: PyTree) -> PyTree:
    """The strain that a matrix packs, of the structure and shapes of ``like``."""
    leaves, structure = jax.tree.flatten(like)
    ends = np.cumsum([int(np.prod(leaf.shape[1:])) for leaf in leaves])[:-1]
    parts = jnp.split(matrix, ends, axis=1)
    return structure.unflatten([part.reshape(leaf.shape) for part, leaf in zip(parts, leaves, strict=True)])


def pack_tangent(tangent: PyTree, like: PyTree) -> Float[Array, "r C r C"]:
    """∂(packed stress)/∂(packed strain) from the blocks of a tangent, as ``jax.jacfwd`` of the stress nests them."""
    leaves, structure = jax.tree.flatten(like)
    rows = leaves[0].shape[0]
    blocks = [structure.flatten_up_to(block) for block in structure.flatten_up_to(tangent)]
    widths = [int(np.prod(leaf.shape[1:])) for leaf in leaves]
    flat = [
        jnp.concatenate([b.reshape(rows, m, rows, n) for b, n in zip(row, widths, strict=True)], axis=3)
        for row, m in zip(blocks, widths, strict=True)
    ]
    return jnp.concatenate(flat, axis=1)
