"""The members of an ensemble, a chunk at a time: random keys, rows of arrays, or made one by one on the host."""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.homogenization.checkpoint import fingerprint, name_of
from msjax.solvers.batch import count_members
from msjax.typing import PyTree


class Batch(NamedTuple):
    """A chunk's members, filled up to the chunk's length; None where none could be made. Messages by member."""

    members: PyTree | None
    errors: dict[int, str]


Take = Callable[[np.ndarray, int], Batch]
"""``take(index, chunk)``: the members ``index``, filled up to ``chunk`` rows with repetitions."""


def source(members: int | PyTree, make: Callable[[int], PyTree] | None, seed: int) -> tuple[int, Take, str]:
    """How many members there are, how to take some of them, and a text that tells other inputs apart.

    Raises:
        ValueError: fewer than one member, arrays of different lengths, or ``make`` without a number of members.
    """
    if isinstance(members, int | np.integer) and not isinstance(members, bool):
        if members < 1:
            raise ValueError(f"members: expected at least 1, got {members}")
        if make is None:
            return int(members), _keys(seed), "random keys"
        return int(members), _made(make), f"made by {name_of(make)}"
    if make is not None:
        raise ValueError("members: with make= expected the number of members")
    if callable(members) and jax.tree_util.all_leaves([members]):
        raise ValueError("members: a function of the index is given as make=, with members the number of them")
    try:
        number = count_members(members)
    except (ValueError, TypeError, AttributeError) as error:
        raise ValueError(f"members: expected a number or a pytree of arrays with one row a member ({error})") from None
    return number, lambda index, chunk: Batch(_rows(members, _filled(index, chunk)), {}), fingerprint(members)


def _filled(index: np.ndarray, chunk: int) -> np.ndarray:
    return np.concatenate([index, np.full(chunk - len(index), index[0])])


def _rows(members: PyTree, index: np.ndarray) -> PyTree:
    return jax.tree.map(lambda x: x[index], members)


def _keys(seed: int) -> Take:
    def take(index: np.ndarray, chunk: int) -> Batch:
        first = jax.random.key(seed)
        return Batch(jax.vmap(lambda k: jax.random.fold_in(first, k))(jnp.asarray(_filled(index, chunk))), {})

    return take


def _made(make: Callable[[int], PyTree]) -> Take:
    shape: tuple[int, Any] | None = None

    def take(index: np.ndarray, chunk: int) -> Batch:
        nonlocal shape
        made, errors = {}, {}
        for k in index.tolist():
            try:
                made[k] = jax.tree.map(_host, make(k))
            except Exception as error:  # whatever goes wrong with one member must not stop the others
                errors[k] = f"{type(error).__name__}: {error}"
                continue
            if shape is None:
                shape = k, _shape(made[k])
            if _shape(made[k]) != shape[1]:
                raise ValueError(
                    f"make: member {k} is {_shape(made[k])}, member {shape[0]} is {shape[1]}; all must be alike"
                )
        if not made:
            return Batch(None, errors)
        stand_in = next(iter(made))
        rows = [made[k if k in made else stand_in] for k in _filled(index, chunk).tolist()]
        return Batch(jax.tree.map(lambda *leaves: _stack(leaves), *rows), errors)

    return take


def _host(leaf: Any) -> Any:
    return leaf if _is_key(leaf) else np.asarray(leaf)


def _stack(leaves: tuple[Any, ...]) -> Any:
    return jnp.stack(leaves) if _is_key(leaves[0]) else np.stack(leaves)


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _shape(member: PyTree) -> Any:
    return jax.tree.map(lambda x: f"{x.dtype}{list(x.shape)}", member)
