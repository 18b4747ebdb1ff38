"""Stencils of element operators on regular grids."""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from msjax.fe.elements import ElementOperator
from msjax.fe.linear.lattice import Lattice
from msjax.fe.linear.stencil import Stencil
from msjax.typing import Array, Bool, Float, Int


def stencil_of(operator: ElementOperator, free: Bool[Array, "c places"], dtype: Any = jnp.float64) -> Stencil:
    """Assemble an operator on a grid of multilinear cells without the rows and columns of what is not free.

    Plane by plane of cells, so that the transposition from cells to places stays in the cache: in a row of places all
    nodes of one corner lie at one distance from their cells, and a pair of corners is added in one piece.

    Raises ``ValueError`` where the operator has no such grid.
    """
    grid = operator.multilinear_grid
    if grid is None:
        raise ValueError("operator: a stencil needs the cells of a regular grid, of degree 1")
    lattice, dim, components = Lattice(grid), len(grid), operator.components
    corners = list(itertools.product((0, 1), repeat=dim))
    of_plane = int(np.prod(lattice.padded[1:]))
    distance = np.array([lattice.distance(corner) for corner in corners])
    pairs = list(itertools.product(range(len(corners)), repeat=2))
    offsets = [int(np.dot(np.subtract(corners[b], corners[a]) + 1, 3 ** np.arange(dim)[::-1])) for a, b in pairs]
    table = jnp.asarray([(a, b, o, distance[a]) for (a, b), o in zip(pairs, offsets, strict=True)], jnp.int32)
    # from the first cell's place to the last one's
    length = lattice.distance((0, *(n - 1 for n in grid[1:]))) + 1
    weights = free.astype(dtype)

    def add_plane(plane: Int[Array, ""], values: Float[Array, "o c c places"]) -> Float[Array, "o c c places"]:
        blocks = operator.pairs_of_plane(plane).astype(dtype)
        shape = blocks.shape[:4]
        blocks = jnp.pad(blocks.reshape(*shape, *grid[1:]), [(0, 0)] * 4 + [(0, 2)] * (dim - 1))
        blocks = blocks.reshape(*shape, -1)[..., :length]
        kept = [jax.lax.dynamic_slice_in_dim(weights, plane * of_plane + d, length, axis=1) for d in distance]
        kept = jnp.stack(kept)

        def add_pair(pair: Int[Array, ""], values: Float[Array, "o c c places"]) -> Float[Array, "o c c places"]:
            a, b, offset, shift = table[pair]
            block = blocks[a, b] * kept[a][:, None] * kept[b][None]
            zero = jnp.zeros((), jnp.int32)
            at = (offset, zero, zero, plane.astype(jnp.int32) * of_plane + shift)
            here = jax.lax.dynamic_slice(values, at, (1, components, components, length))
            return jax.lax.dynamic_update_slice(values, here + block[None], at)

        return jax.lax.fori_loop(0, len(pairs), add_pair, values)

    none = jnp.zeros((3**dim, components, components, lattice.places), dtype)
    return Stencil(jax.lax.fori_loop(0, grid[0], add_plane, none), lattice)
