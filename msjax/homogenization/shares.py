"""An ensemble over several processes: who computes what, and one table in the end."""

import itertools
import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import jax
import numpy as np
from jax._src.distributed import global_state
from jax.experimental import multihost_utils

from msjax.homogenization.table import Ensemble

PATIENCE = 7 * 24 * 3600
"""Seconds that a process waits for the shares of the others."""

_meetings = itertools.count()


def start_processes(environment: Mapping[str, str] | None = None) -> None:
    """Join the processes that ``scripts/ensemble_processes.sh`` has started; alone, do nothing.

    Call it before anything else of JAX. It hands ``JAX_COORDINATOR_ADDRESS``, ``MSJAX_PROCESSES`` and
    ``MSJAX_PROCESS`` to ``jax.distributed.initialize``, which a script may also call itself. From then on an exception
    that nobody catches ends the process at once, so that the launcher can stop the others.

    Raises:
        ValueError: some of the variables are missing, or are not numbers.

    >>> start_processes({})
    """
    environment = os.environ if environment is None else environment
    names = ("MSJAX_PROCESSES", "MSJAX_PROCESS")
    if not any(name in environment for name in names):
        return
    try:
        number, process = (int(environment[name]) for name in names)
        address = environment["JAX_COORDINATOR_ADDRESS"]
    except (KeyError, ValueError) as error:
        raise ValueError(f"environment: expected JAX_COORDINATOR_ADDRESS and {' and '.join(names)} ({error})") from None
    jax.distributed.initialize(address, number, process)
    report = sys.excepthook

    def leave(kind, error, trace):
        report(kind, error, trace)
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)  # an orderly end would first wait minutes for the other processes, which wait for this one

    sys.excepthook = leave


def slurm_share(environment: Mapping[str, str] | None = None) -> tuple[int, int]:
    """``(task, tasks)`` of this task of a Slurm job array, for ``ensemble(..., share=slurm_share())``.

    Raises:
        ValueError: the variables of a Slurm array (``SLURM_ARRAY_TASK_ID``, ``_MIN``, ``_MAX``, ``_COUNT``) are not
            there, or the array's numbers are not evenly spaced.

    >>> slurm_share({f"SLURM_ARRAY_TASK_{k}": v for k, v in dict(ID="5", MIN="1", MAX="7", COUNT="4").items()})
    (2, 4)
    """
    environment = os.environ if environment is None else environment
    try:
        task, first, last, tasks = (int(environment[f"SLURM_ARRAY_TASK_{k}"]) for k in ("ID", "MIN", "MAX", "COUNT"))
    except (KeyError, ValueError) as error:
        raise ValueError(f"environment: this is not a task of a Slurm array ({error})") from None
    step = (last - first) // max(tasks - 1, 1) or 1
    if first + step * (tasks - 1) != last or (task - first) % step or not first <= task <= last:
        raise ValueError(f"environment: array tasks {first} to {last} are not {tasks} evenly spaced numbers")
    return (task - first) // step, tasks


def of_all_processes(table: Ensemble) -> Ensemble:
    """The joined table of all processes, on each of them: the one moment at which they speak to each other."""
    # The first collective gives up after half a minute, and shares may end hours apart: meet before it. JAX has no
    # public name for its coordinator's barrier.
    if global_state.client is not None:
        global_state.client.wait_at_barrier(f"msjax ensemble {next(_meetings)}", PATIENCE * 1000)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "share.npz"
        table.save(path)
        data = np.frombuffer(path.read_bytes(), np.uint8)
        sizes = np.ravel(multihost_utils.process_allgather(np.array([data.size])))
        padded = np.concatenate([data, np.zeros(sizes.max() - data.size, np.uint8)])
        tables = []
        for size, received in zip(sizes, np.asarray(multihost_utils.process_allgather(padded))):
            path.write_bytes(received[:size].tobytes())
            tables.append(Ensemble.load(path))
    return Ensemble.join(tables)
