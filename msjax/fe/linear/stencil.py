"""Operators on a regular grid as stencils: every node's c × c coupling to its 3^d neighbours.

Assembled, a hex8 operator with three components is 243 numbers a node, where its element matrices are 576; and its
Galerkin product with linear interpolation is a stencil again.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.fe.linear.lattice import Lattice
from msjax.typing import Array, Float


class Stencil(eqx.Module):
    """y_i(x) = Σ_o Σ_j values[o, i, j](x) u_j(x + o) on rows (c, places) of a :class:`Lattice`.

    Offsets o are (−1, 0, 1)^d in lexicographic order; a coupling across the edge is zero.
    """

    values: Float[Array, "o c c places"]
    lattice: Lattice = eqx.field(static=True)

    def apply(self, u: Float[Array, "c places"]) -> Float[Array, "c places"]:
        """One pass over the values, three neighbours in a row at a time."""
        components, places = u.shape
        reach = self.lattice.reach
        padded = jnp.pad(u, ((0, 0), (reach, reach)))
        first = jnp.asarray(reach + self.lattice.shifts[::3], jnp.int32)

        def add(line, y):
            values = jax.lax.dynamic_slice_in_dim(self.values, 3 * line, 3, axis=0)
            near = jax.lax.dynamic_slice_in_dim(padded, first[line], places + 2, axis=1)
            for step in range(3):
                for j in range(components):
                    y = y + values[step, :, j] * near[None, j, step : step + places]
            return y

        return jax.lax.fori_loop(0, len(self.lattice.shifts) // 3, add, jnp.zeros_like(u))

    @property
    def diagonal_blocks(self) -> Float[Array, "c c places"]:
        """Coupling of every node to itself."""
        return self.values[len(self.lattice.shifts) // 2]

    def coarsened(self, axes: tuple[int, ...]) -> "Stencil":
        """Pᵀ A P with linear interpolation P along ``axes``, one axis after the other."""
        dim, components = self.lattice.dim, self.values.shape[1]
        lattice, values = self.lattice, self.values
        for axis in axes:
            before, after = (int(np.prod(lattice.padded[part])) for part in (slice(axis), slice(axis + 1, None)))
            # few long axes: (offsets before, of this axis, offsets behind and all before, this axis, all behind)
            parted = values.reshape(3**axis, 3, 3 ** (dim - 1 - axis) * components**2 * before, -1, after)
            values = _galerkin(parted, lattice, axis).reshape(3**dim, components, components, -1)
            lattice = lattice.coarser((axis,))
        return Stencil(values, lattice)


def weights(cells: int) -> tuple[np.ndarray, np.ndarray]:
    """Of the coarse nodes left and right of every odd node; an odd last node lies on the coarse grid's last."""
    odd = -(-cells // 2)
    left, right = np.full(odd, 0.5), np.full(odd, 0.5)
    if cells % 2:
        left[-1], right[-1] = 0.0, 1.0
    return left, right


def _of(weight: np.ndarray, values: Array) -> Array:
    """Along the nodes, the last axis but one."""
    return jnp.asarray(weight.reshape(*(1,) * (values.ndim - 2), -1, 1), values.dtype) * values


class _Around(NamedTuple):
    """For every coarse place: the fine node before, the one on it, the one behind; and the weights of the two odd ones
    with their coarse nodes on the left and on the right. Zero where there is none."""

    before: Array
    own: Array
    behind: Array
    before_left: np.ndarray
    before_right: np.ndarray
    behind_left: np.ndarray
    behind_right: np.ndarray


def _around(values: Array, lattice: Lattice, axis: int) -> _Around:
    places, coarse = lattice.padded[axis], lattice.coarser((axis,)).padded[axis]
    pad = [(0, 0)] * (values.ndim - 2) + [(1, 2 * coarse - places), (0, 0)]
    wide = jnp.pad(values, pad)
    nodes = [jax.lax.slice_in_dim(wide, k, k + 2 * coarse - 1, 2, wide.ndim - 2) for k in range(3)]
    left, right = weights(lattice.cells[axis])
    rest = coarse - len(left)
    moved = [np.pad(weight, ahead) for ahead in ((1, rest - 1), (0, rest)) for weight in (left, right)]
    return _Around(*nodes, *moved)  # type: ignore[arg-type]


def _galerkin(values: Array, lattice: Lattice, axis: int) -> Array:
    """Pᵀ A P of (…, 3 offsets, …, places, …) along one axis: every coarse node takes its own row times P and, by their
    weights, those of the odd nodes on both sides."""
    near = _around(values, lattice, axis)
    (em, e0, ep), (bm, b0, bp), (fm, f0, fp) = (
        (rows[:, 0], rows[:, 1], rows[:, 2]) for rows in (near.own, near.before, near.behind)
    )
    minus = _of(near.before_left, em) + _of(near.before_right, bm + _of(near.before_left, b0))
    zero = e0 + _of(near.before_right, em + bp + _of(near.before_right, b0))
    zero = zero + _of(near.behind_left, ep + fm + _of(near.behind_left, f0))
    plus = _of(near.behind_right, ep) + _of(near.behind_left, fp + _of(near.behind_right, f0))
    return jnp.stack([minus, zero, plus], axis=1)


def _coarsened_axes(fine: Lattice, coarse: Lattice) -> list[int]:
    return [axis for axis in range(fine.dim) if coarse.cells[axis] != fine.cells[axis]]


def prolong(rows: Float[Array, "c places"], coarse: Lattice, fine: Lattice) -> Float[Array, "c fine"]:
    """P v: linear interpolation along the axes that were coarsened."""
    values, lattice = rows, coarse
    for axis in reversed(_coarsened_axes(fine, coarse)):
        values = values.reshape(-1, lattice.padded[axis], int(np.prod(lattice.padded[axis + 1 :])))
        values = values[:, : lattice.nodes[axis]]
        left, right = weights(fine.cells[axis])
        odd = _of(left, values[:, :-1]) + _of(right, values[:, 1:])
        both = jnp.stack([values[:, :-1], odd], axis=2).reshape(values.shape[0], -1, values.shape[2])
        # the last coarse node is the last fine one; where that is odd, interpolation has copied it already
        nodes, places = fine.nodes[axis], fine.padded[axis]
        last = values[:, -1:] if nodes % 2 else values[:, :0]
        lattice = Lattice((*lattice.cells[:axis], fine.cells[axis], *lattice.cells[axis + 1 :]))
        values = jnp.concatenate([both, last, jnp.zeros_like(values[:, : places - nodes])], axis=1)
    return values.reshape(rows.shape[0], -1)


def restrict(rows: Float[Array, "c places"], fine: Lattice, coarse: Lattice) -> Float[Array, "c coarse"]:
    """Pᵀ r."""
    values, lattice = rows, fine
    for axis in _coarsened_axes(fine, coarse):
        values = values.reshape(-1, lattice.padded[axis], int(np.prod(lattice.padded[axis + 1 :])))
        near = _around(values, lattice, axis)
        values = near.own + _of(near.before_right, near.before) + _of(near.behind_left, near.behind)
        lattice = lattice.coarser((axis,))
    return values.reshape(rows.shape[0], -1)
