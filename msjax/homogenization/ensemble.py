"""Thousands of members: chunk by chunk from the host, with checkpoints, failures counted and memory bounded."""

import dataclasses
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from typing import Any, Literal

import equinox as eqx
import jax
import numpy as np

from msjax.homogenization.checkpoint import Checkpoint, fingerprint, name_of
from msjax.homogenization.members import Batch, source
from msjax.homogenization.progress import bar
from msjax.homogenization.shares import of_all_processes
from msjax.homogenization.table import Ensemble, blank
from msjax.solvers.batch import map_chunked
from msjax.solvers.compaction import Iteration, map_compacted
from msjax.solvers.sharding import map_sharded
from msjax.status import Code, Status
from msjax.typing import PyTree

Evaluate = Callable[[PyTree, PyTree], tuple[PyTree, Status]]


def ensemble(
    evaluate: Evaluate | Iteration,
    members: int | PyTree,
    *,
    make: Callable[[int], PyTree] | None = None,
    shared: PyTree = None,
    chunk: int = 64,
    lanes: int | None = None,
    seed: int = 0,
    checkpoint: str | os.PathLike | None = None,
    resume: bool = True,
    progress: Callable[[int, int], None] | Literal["bar"] | None = None,
    devices: Sequence[Any] | None = None,
    share: tuple[int, int] | None = None,
    units: Mapping[str, str] | None = None,
    provenance: str | Mapping[str, str] | None = None,
) -> Ensemble:
    """Evaluate every member of an ensemble and return the table of results.

    ``evaluate(shared, member)`` is a JAX function for ONE member that returns ``(values, status)``: a dict or
    NamedTuple of arrays (nested names are joined by dots) and a :class:`~msjax.status.Status`. It is compiled once,
    for one chunk. A failed member's values become NaN; the others do not notice. An
    :class:`~msjax.solvers.compaction.Iteration` whose ``end`` returns such a pair is compacted: lanes that are done
    take the chunk's next member. This function drives from the host and is not differentiable.

    A member's numbers depend only on its index and the seed, never on devices, processes or what failed. They are
    the same bit for bit after a resume on the same kind of device, and to round-off for another ``chunk``, ``lanes``
    or number of devices.

    Args:
        evaluate: as said.
        members: how many there are, or a pytree of arrays with the members on axis 0. For a number, member k is the
            random key ``fold_in(key(seed), k)``, or what ``make`` returns.
        make: ``make(k)`` is member k, a pytree of arrays, computed on the host when its chunk's turn comes, so that
            only one chunk is in memory. Where it raises an exception, the member fails with code NONFINITE and the
            message stands in ``errors``.
        shared: what all members have in common: materials, parameters.
        chunk: members between two visits of the host and two parts of the checkpoint, on all devices of a process
            together. It bounds the memory.
        lanes: members side by side on a device; by default a device's whole share of the chunk, for an ``Iteration``
            its ``cpu_lanes`` on a CPU, else a quarter of the share. One or a few suit the cache of a CPU.
        seed: of the members' random keys.
        checkpoint: a folder for the parts. A run that was killed goes on where it was: same table. A folder of a run
            with other settings is refused; a broken part is computed again, with a warning. The code of ``evaluate``
            and ``make`` counts by its name only.
        resume: false refuses a folder that already holds a run, so also one that another task has begun to fill.
        progress: called as ``progress(done, members)`` after every chunk, or ``"bar"``.
        devices: devices of this process among which each chunk is split, such as ``jax.local_devices()``; by default
            JAX's default device alone.
        share: ``(task, tasks)``: compute only every ``tasks``-th chunk, from chunk ``task`` on; the result is the
            table of these (with a common checkpoint folder ``Ensemble.gather`` makes the whole). By default all; under
            ``jax.distributed`` each process computes its share and all return the whole table.
        units: column name to unit, kept with the table.
        provenance: notes to keep with the table; a ``date`` or ``written`` among them stands for the time of writing.

    Raises:
        ValueError: arguments out of range, ``evaluate`` returning something else, members that ``make`` gives
            different shapes, or a checkpoint of another run.

    >>> import jax, jax.numpy as jnp
    >>> from msjax.status import Status
    >>> def stiffness(scale, key):
    ...     return {"E": scale * (1.0 + 0.1 * jax.random.normal(key))}, Status.of()
    >>> table = ensemble(stiffness, 1000, shared=jnp.array(70.0), chunk=256, units={"E": "GPa"})
    >>> print(f"{table.mean()['E']:.0f} ± {table.std()['E']:.0f} {table.units['E']}, {table.failed} failed")
    70 ± 7 GPa, 0 failed
    """
    for name, value in (("chunk", chunk), ("lanes", lanes)):
        if not (name == "lanes" and value is None) and not (isinstance(value, int | np.integer) and value >= 1):
            raise ValueError(f"{name}: expected a positive integer, got {value!r}")
    number, take, inputs = source(members, make, seed)
    chunk = min(int(chunk), number)
    used = _devices(devices)
    together = share is None and jax.process_count() > 1
    task, tasks = (jax.process_index(), jax.process_count()) if together else share or (0, 1)
    if not 0 <= task < tasks:
        raise ValueError(f"share: expected (task, tasks) with 0 <= task < tasks, got {share}")
    mine = range(task, -(-number // chunk), tasks)
    if not mine:
        warnings.warn(
            f"share: nothing is left for task {task} of {tasks}: {number} members make {-(-number // chunk)} chunks "
            f"of {chunk}; a smaller chunk spreads them",
            stacklevel=2,
        )

    notes = {
        "msjax": version("msjax"),
        "jax": jax.__version__,
        "devices": sorted({f"{d.platform} {d.device_kind}" for d in used or jax.devices()}),
        "evaluate": name_of(evaluate).partition(":")[0],
        **({"notes": provenance} if isinstance(provenance, str) else provenance or {}),
    }
    empty = np.zeros(0, np.int64)
    table = Ensemble({}, empty, empty, empty, np.zeros(0), number, seed, units=units or {}, provenance=notes)
    store = None
    if checkpoint is not None:
        settings = {
            "members": number,
            "chunk": chunk,
            "seed": seed,
            "lanes": lanes,
            "evaluate": name_of(evaluate).partition(":")[0],
            "evaluate_numbers": fingerprint(evaluate),
            "inputs": inputs,
            "shared": fingerprint(shared),
            "units": dict(units or {}),
            "msjax": notes["msjax"],
            "jax": notes["jax"],
        }
        store = Checkpoint.open(checkpoint, settings, resume)
    if progress == "bar":
        progress = bar() if jax.process_index() == 0 else None

    tables, done = [], 0
    total = sum(min(chunk, number - c * chunk) for c in mine)
    for c in mine:
        part = store.load_or_none(c) if store else None
        if part is None:
            index = np.arange(c * chunk, min((c + 1) * chunk, number))
            part = _part(evaluate, shared, take(index, chunk), index, table, lanes, used)
            if store:
                store.save(c, part)
        tables.append(part)
        done += len(part)
        if progress is not None:
            progress(done, total)
    table = Ensemble.join([table, *tables])
    return of_all_processes(table) if together else table


def _devices(devices: Sequence[Any] | None) -> tuple[Any, ...] | None:
    if devices is None:
        return None
    if not len(devices):
        raise ValueError("devices: expected at least one")
    for place, device in enumerate(devices):
        if device.process_index != jax.process_index():
            raise ValueError(f"devices[{place}]: {device} belongs to another process; give jax.local_devices()")
    return tuple(devices)


def _part(
    evaluate: Evaluate | Iteration,
    shared: PyTree,
    batch: Batch,
    index: np.ndarray,
    table: Ensemble,
    lanes: int | None,
    devices: tuple[Any, ...] | None,
) -> Ensemble:
    """The table of one chunk."""
    rows, columns = len(index), {}
    code = np.full(rows, int(Code.NONFINITE), np.int32)
    iterations, residual = np.zeros(rows, np.int32), np.full(rows, np.nan)
    if batch.members is not None:
        values, status = jax.device_get(_run(evaluate, shared, batch.members, lanes, devices))
        good = np.array([k not in batch.errors for k in index.tolist()])
        code = np.where(good, status.code[:rows], code)
        iterations = np.where(good, status.iterations[:rows], iterations)
        residual = np.where(good, status.residual[:rows], residual)
        for name, column in values.items():
            columns[name] = np.array(column[:rows])
            columns[name][code > int(Code.UNSTABLE)] = blank(1, column)[0]
    return dataclasses.replace(
        table,
        columns=columns,
        index=index,
        code=code,
        iterations=iterations,
        residual=residual,
        errors=batch.errors,
    )


@eqx.filter_jit
def _run(evaluate, shared, members, lanes, devices):
    # shard_map wants arrays as arguments; what else there is in the pytrees is structure
    arrays, structure = eqx.partition((evaluate, shared), eqx.is_array)

    def block(arrays, members):
        evaluate, shared = eqx.combine(arrays, structure)
        rows = jax.tree.leaves(members)[0].shape[0]
        if isinstance(evaluate, Iteration):
            own = evaluate.cpu_lanes if jax.default_backend() == "cpu" else None
            return _named(map_compacted(evaluate, shared, members, lanes=lanes or own or -(-rows // 4)).results)
        return _named(map_chunked(lambda member: evaluate(shared, member), members, chunk=lanes or rows))

    if devices is None:
        return block(arrays, members)
    return map_sharded(block, arrays, members, devices=devices)


def _named(result: Any) -> tuple[dict[str, Any], Status]:
    """Columns by name, and the status."""
    if not (isinstance(result, tuple) and len(result) == 2 and isinstance(result[1], Status)):
        raise ValueError("evaluate: expected it to return (values, status), status a msjax.status.Status")
    values, status = result
    if status.code.ndim != 1:
        raise ValueError("evaluate: its status has a shape; expected that of one member")
    leaves, _ = jax.tree_util.tree_flatten_with_path(values)
    return {jax.tree_util.keystr(path, simple=True, separator=".") or "value": x for path, x in leaves}, status
