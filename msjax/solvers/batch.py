"""Batches in chunks: bounded memory, temporaries that stay in cache, fewer turns in lock-step, and progress."""

from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.typing import PyTree


def map_chunked(function: Callable[..., PyTree], *batched: PyTree, chunk: int = 64) -> PyTree:
    """``vmap(function)(*batched)``, ``chunk`` members at a time, one chunk after the other.

    For use inside ``jit`` (differentiable like vmap). Every array leaf of ``batched`` has the members on its first
    axis; what the members share is closed over. Large chunks suit GPUs, small ones the cache of a CPU; members whose
    Newton iterations differ wait only for their own chunk.

    Raises ``ValueError`` for leaves of different lengths and for a chunk below 1.

    >>> import jax.numpy as jnp
    >>> map_chunked(lambda x: x**2, jnp.arange(5.0), chunk=2).tolist()
    [0.0, 1.0, 4.0, 9.0, 16.0]
    """
    members = count_members(batched)
    _check_chunk(chunk)
    if members <= chunk:
        return jax.vmap(lambda xs: function(*xs))(batched)
    return jax.lax.map(lambda xs: function(*xs), batched, batch_size=chunk)


def map_with_progress(
    function: Callable[..., PyTree],
    *batched: PyTree,
    shared: PyTree = None,
    chunk: int = 64,
    progress: Callable[[int, int], None] | None = None,
) -> PyTree:
    """``vmap`` in chunks driven from the host: ``progress(done, members)`` is called after every chunk.

    ``function(shared, *member)`` is compiled once, for one chunk (the last one is filled up with its first member).
    ``shared`` (parameters, a material) is passed as an argument, so that it does not become a constant of the program.

    Raises ``ValueError`` like :func:`map_chunked`.

    >>> import jax.numpy as jnp
    >>> seen = []
    >>> total = map_with_progress(lambda k, x: k * x, jnp.arange(5.0), shared=jnp.array(2.0), chunk=2,
    ...                           progress=lambda done, members: seen.append(done))
    >>> total.tolist(), seen
    ([0.0, 2.0, 4.0, 6.0, 8.0], [2, 4, 5])
    """
    members = count_members(batched)
    _check_chunk(chunk)
    chunk = min(chunk, members)
    results = []
    for begin in range(0, members, chunk):
        end = min(begin + chunk, members)
        index = np.concatenate([np.arange(begin, end), np.full(chunk - (end - begin), begin)])
        part = _run_chunk(function, shared, jax.tree.map(lambda x: x[index], batched))  # noqa: B023
        results.append(jax.tree.map(lambda x: x[: end - begin], part))  # noqa: B023
        if progress is not None:
            jax.block_until_ready(results[-1])
            progress(end, members)
    return jax.tree.map(lambda *parts: jnp.concatenate(parts), *results)


@eqx.filter_jit
def _run_chunk(function, shared, part):
    return jax.vmap(lambda xs: function(shared, *xs))(part)


def count_members(batched: PyTree) -> int:
    """Length of the first axis that all leaves share; ``ValueError`` where they differ."""
    lengths = [leaf.shape[0] if np.ndim(leaf) else None for leaf in jax.tree.leaves(batched)]
    if not lengths or None in lengths or len(set(lengths)) != 1 or not lengths[0]:
        raise ValueError(f"batch: all arrays need the same number of members (at least 1) on axis 0, got {lengths}")
    return int(lengths[0])


def _check_chunk(chunk: int) -> None:
    if not (isinstance(chunk, int | np.integer) and chunk >= 1):
        raise ValueError(f"chunk: expected a positive integer, got {chunk!r}")
