"""Batches spread over devices: each device runs its own members, and nothing passes between devices meanwhile."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from msjax.solvers.batch import count_members
from msjax.typing import PyTree

AXIS = "rve"
"""Name of the one mesh axis that members are spread over."""


def map_sharded(
    run: Callable[[PyTree, PyTree], PyTree],
    shared: PyTree,
    members: PyTree,
    *,
    devices: Sequence[Any],
) -> PyTree:
    """``run(shared, members)`` with the members split among devices, for use inside ``jit``.

    ``run`` gets a block of members (axis 0) and returns results with as many rows: a ``vmap``, ``map_chunked``, or
    ``map_compacted`` with a queue on every device. Devices never wait for each other inside ``run``, whose results
    and inner derivatives are those of a single device. The devices may belong to several processes of
    ``jax.distributed``; every process then calls this with the same numbers and owns the rows of its own devices.

    ``shared`` and ``members`` are arguments: arrays that ``run`` closes over fail with several processes. Where the
    members do not divide evenly the first one is repeated, and what it gives is dropped.

    Raises:
        ValueError: no devices, or leaves of ``members`` with different lengths.

    >>> import jax, jax.numpy as jnp
    >>> double = lambda shared, block: shared * block
    >>> map_sharded(double, jnp.array(2.0), jnp.arange(3.0), devices=jax.devices()[:1]).tolist()
    [0.0, 2.0, 4.0]
    """
    number = count_members(members)
    devices = list(devices)
    if not devices:
        raise ValueError("devices: expected at least one")
    missing = -number % len(devices)
    if missing:
        index = np.concatenate([np.arange(number), np.zeros(missing, int)])
        members = jax.tree.map(lambda x: x[index], members)
    # With check_vma the derivative of something shared would be summed over the devices, inside run, silently.
    spread = jax.shard_map(
        run,
        mesh=Mesh(np.array(devices), (AXIS,)),
        in_specs=(PartitionSpec(), PartitionSpec(AXIS)),
        out_specs=PartitionSpec(AXIS),
        check_vma=False,
    )
    results = spread(shared, members)
    return jax.tree.map(lambda x: x[:number], results) if missing else results
