"""Constraint equations made one affine map: which components follow, and what they follow in the end."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse
from scipy.sparse.csgraph import connected_components

from msjax.fe.affine import AffineMap
from msjax.typing import Array, Float, concrete

Sparse = Any
"""A sparse matrix of scipy, whose stubs do not say what comes of arithmetic."""

ROUND = 1e-9
"""Coefficients and, relative to the largest prescribed value, offsets below it count as zero."""


class Rows(NamedTuple):
    """Constraint equations u[slave] = Σ_k weights[k] u[masters[k]] + offset: flat numbers node·c + i (s,), masters and
    weights (s, k), offsets (s,), which may be traced. ``name`` says where they come from."""

    slaves: np.ndarray
    masters: np.ndarray
    weights: np.ndarray
    offsets: Float[Array, " s"] | np.ndarray
    name: str


class _Equations(NamedTuple):
    """Rows whose offsets are ``given`` (s, o) times the offsets of all rows, one after the other: elimination needs no
    numbers of them."""

    slaves: np.ndarray
    masters: np.ndarray
    weights: np.ndarray
    given: Sparse
    name: str

    def at(self, which: np.ndarray) -> "_Equations":
        """Some of the equations."""
        return _Equations(self.slaves[which], self.masters[which], self.weights[which], self.given[which], self.name)


class _Map(NamedTuple):
    """u = T q + G o: T (size, size) sparse, with columns of zeros where q is no unknown, G (size, o) of offsets o."""

    matrix: Sparse
    given: Sparse


def affine_map(rows: Sequence[Rows], shape: tuple[int, int]) -> AffineMap:
    """All equations as u = T q + g on fields of this shape.

    Each equation makes its slave a follower, unless an earlier one has, or the followers would go in a circle; then it
    makes something else follow that it depends on, or is implied by the earlier ones (corners of prescribed and of
    periodic boundaries).

    Raises ``ValueError`` for equations that contradict earlier ones.
    """
    size = shape[0] * shape[1]
    offsets, equations = _stacked(rows)
    owner = np.full(size, -1)
    firsts = []
    for number, one in enumerate(equations):
        first = owner[one.slaves] < 0
        owner[one.slaves[first]] = number
        firsts.append(first)
    kept = [one.at(np.flatnonzero(first)) for one, first in zip(equations, firsts, strict=True)]
    circular = _circular(_sparse(kept, size))
    direct = [first & ~circular[one.slaves] for one, first in zip(equations, firsts, strict=True)]
    kept = [one.at(np.flatnonzero(mask)) for one, mask in zip(equations, direct, strict=True)]
    free = np.ones(size, bool)
    for one in kept:
        free[one.slaves] = False
    found = _followed(kept, free, len(offsets))
    for number, (one, mask) in enumerate(zip(equations, direct, strict=True)):
        if not np.all(mask):
            one = one.at(np.flatnonzero(~mask))
            others = [equations[n].name if n != number else "the rest" for n in owner[one.slaves]]
            found, free = _with(found, free, one, offsets, shape[1], others)
    slaves, masters, weights = _table(found.matrix, free)
    return AffineMap(
        jnp.asarray(free.reshape(shape)),
        jnp.asarray(slaves, jnp.int32),
        jnp.asarray(masters, jnp.int32),
        jnp.asarray(weights),
        _applied(found.given, offsets).reshape(shape),
    )


def _stacked(rows: Sequence[Rows]) -> tuple[Array | np.ndarray, list[_Equations]]:
    """All offsets, and the equations that refer to them by number."""
    ends = np.cumsum([0, *(len(one.slaves) for one in rows)])
    picks: Sparse = scipy.sparse.identity(int(ends[-1]), format="csr")
    equations = [
        _Equations(one.slaves, one.masters, one.weights, picks[first:last], one.name)
        for one, first, last in zip(rows, ends[:-1], ends[1:], strict=True)
    ]
    parts = [one.offsets for one in rows]
    if concrete(*parts):
        return np.concatenate([np.zeros(0), *map(np.asarray, parts)]), equations
    return jnp.concatenate(parts), equations


def _followed(rows: list[_Equations], free: np.ndarray, count: int) -> _Map:
    """T = R D and G = R G₀ with R = (1 − M)⁻¹ = (1 + M)(1 + M²)(1 + M⁴)… and D what is free."""
    size = len(free)
    step = _sparse(rows, size)
    total: Sparse = scipy.sparse.identity(size, format="csr")
    while step.nnz:
        total = (total + step @ total).tocsr()
        step = step @ step
        step.eliminate_zeros()
    given: Sparse = scipy.sparse.csr_matrix((size, count))
    for one in rows:
        to = scipy.sparse.csr_matrix(
            (np.ones(len(one.slaves)), (one.slaves, np.arange(len(one.slaves)))), shape=(size, len(one.slaves))
        )
        given = given + to @ one.given
    return _Map((total @ scipy.sparse.diags(free.astype(float))).tocsr(), (total @ given).tocsr())


def _circular(step: Sparse) -> np.ndarray:
    """What follows itself in the end."""
    count, labels = connected_components(step, directed=True, connection="strong")
    return (np.bincount(labels, minlength=count) > 1)[labels] | (step.diagonal() != 0)


def _sparse(rows: Sequence[_Equations], size: int) -> Sparse:
    """The masters' weights as a matrix M: u_slave = (M u)_slave + offset."""
    row = np.concatenate([np.repeat(one.slaves, one.masters.shape[1]) for one in rows] or [np.zeros(0, int)])
    column = np.concatenate([one.masters.reshape(-1) for one in rows] or [np.zeros(0, int)])
    weight = np.concatenate([one.weights.reshape(-1) for one in rows] or [np.zeros(0)])
    matrix = scipy.sparse.csr_matrix((weight, (row, column)), shape=(size, size))
    matrix.eliminate_zeros()
    return matrix


def _with(
    found: _Map, free: np.ndarray, one: _Equations, offsets: Array | np.ndarray, components: int, others: list[str]
) -> tuple[_Map, np.ndarray]:
    """The map with equations whose slaves are taken: each makes an unknown it depends on follow the others."""
    size, count = len(free), len(one.slaves)
    width = one.masters.shape[1]
    rank = np.arange(count)
    equation = scipy.sparse.csr_matrix(
        (
            np.concatenate([np.ones(count), -one.weights.reshape(-1)]),
            (np.concatenate([rank, np.repeat(rank, width)]), np.concatenate([one.slaves, one.masters.reshape(-1)])),
        ),
        shape=(count, size),
    )
    while True:
        left = (equation @ found.matrix).tocsr()
        left.data[np.abs(left.data) < ROUND] = 0.0
        left.eliminate_zeros()
        right = (one.given - equation @ found.given).tocsr()  # left q = right o
        chosen, pivots = _pivots(left)
        if not chosen.size:
            break
        coefficients = np.asarray(left[chosen, pivots]).reshape(-1)
        columns = found.matrix[:, pivots] @ scipy.sparse.diags(1.0 / coefficients)
        found = _Map((found.matrix - columns @ left[chosen]).tocsr(), (found.given + columns @ right[chosen]).tocsr())
        # what is eliminated leaves columns of round-off
        free = free.copy()
        free[pivots] = False
        found = _Map((found.matrix @ scipy.sparse.diags(free.astype(float))).tocsr(), found.given)
        found.matrix.eliminate_zeros()
    if concrete(offsets):  # traced ones are taken on trust
        values = np.asarray(offsets)
        _refuse_contradiction(found.given @ values, one, right @ values, components, others)
    return found, free


def _pivots(left: Sparse) -> tuple[np.ndarray, np.ndarray]:
    """Equations that can be eliminated at the same time and the unknown that each gives: one that no other contains, or
    else the largest of the first equation."""
    entries = left.tocoo()
    if not entries.nnz:
        return np.zeros(0, int), np.zeros(0, int)
    largest = np.asarray(abs(left).max(axis=1).todense()).reshape(-1)
    alone = np.bincount(entries.col, minlength=left.shape[1])[entries.col] == 1
    size = np.where(alone & (np.abs(entries.data) > 0.1 * largest[entries.row]), np.abs(entries.data), 0.0)
    if not np.any(size):
        size = np.where(entries.row == entries.row.min(), np.abs(entries.data), 0.0)
    order = np.lexsort((-size, entries.row))
    order = order[size[order] > 0]
    chosen, first = np.unique(entries.row[order], return_index=True)
    return chosen, entries.col[order][first]


def _refuse_contradiction(
    values: np.ndarray, one: _Equations, right: np.ndarray, components: int, others: list[str]
) -> None:
    """What is implied must agree."""
    scale = max(float(np.max(np.abs(values), initial=0.0)), 1e-300)
    gap = np.abs(right) > ROUND * scale
    if np.any(gap):
        first = int(np.argmax(gap))
        node, component = divmod(int(one.slaves[first]), components)
        raise ValueError(f"constraints: component {component} of node {node} is given by {others[first]}, and by "
                         f"{one.name} in another way")  # fmt: skip


def _applied(matrix: Sparse, values: Array | np.ndarray) -> Array:
    """Matrix times values that may be traced."""
    if concrete(values):
        with jax.ensure_compile_time_eval():
            return jnp.asarray(matrix @ np.asarray(values))
    entries = matrix.tocoo()
    return jnp.zeros(matrix.shape[0]).at[entries.row].add(entries.data * values[entries.col])


def _table(matrix: Sparse, free: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Followers, and their masters and weights padded to one width."""
    matrix.eliminate_zeros()
    counts = np.where(free, 0, np.diff(matrix.indptr))
    slaves = np.flatnonzero(counts)
    if not slaves.size:
        return np.zeros(0, int), np.zeros((0, 0), int), np.zeros((0, 0))
    width = int(counts.max())
    masters, weights = np.zeros((len(slaves), width), int), np.zeros((len(slaves), width))
    inside = np.arange(width)[None] < counts[slaves][:, None]
    entries = (matrix.indptr[slaves][:, None] + np.arange(width)[None])[inside]
    masters[inside], weights[inside] = matrix.indices[entries], matrix.data[entries]
    # padding names a master of its own row, never one that is prescribed
    masters = np.where(inside, masters, masters[:, :1])
    return slaves, masters, weights
