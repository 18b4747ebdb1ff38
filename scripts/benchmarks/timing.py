"""What the benchmarks share: compile and run apart, one thread, CPU seconds beside wall seconds.

Import before JAX: it keeps the process on one core and XLA's CPU backend to one thread, so that rates are per core.
Without the first, idle workers that spin on other cores would be counted, up to a half of a short program's time.
"""

import os

if hasattr(os, "sched_setaffinity"):
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")

import time
from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax


class Compiled(NamedTuple):
    """A compiled program, the seconds it took to lower and to compile it, and its temporary memory in MB."""

    call: Callable[..., Any]
    lower: float
    compile: float
    temporaries: float

    @property
    def cold(self) -> float:
        """Lowering and compilation together, s."""
        return self.lower + self.compile


def compile_cold(function: Callable[..., Any], *arguments: Any) -> Compiled:
    """Lower and compile with nothing cached; CPU seconds, which a busy machine does not change much."""
    jax.clear_caches()
    began = time.process_time()
    lowered = eqx.filter_jit(function).lower(*arguments)
    middle = time.process_time()
    program = lowered.compile()
    ended = time.process_time()
    memory = program.compiled.memory_analysis()
    temporaries = memory.temp_size_in_bytes / 1e6 if memory is not None else float("nan")
    return Compiled(program, middle - began, ended - middle, temporaries)


def seconds(call: Callable[[], Any], repeats: int = 10, clock: Callable[[], float] = time.process_time) -> float:
    """Least time of several runs, the first not counted."""
    jax.block_until_ready(call())
    best = float("inf")
    for _ in range(repeats):
        began = clock()
        jax.block_until_ready(call())
        best = min(best, clock() - began)
    return best


def bar(name: str, value: float, limit: float, unit: str = "", *, least: bool = True) -> None:
    """One line: a figure against its bar."""
    met = value >= limit if least else value <= limit
    sign = "≥" if least else "≤"
    print(f"  {name:<58} {value:>12.4g} {unit:<6} bar {sign} {limit:<8.4g} {'met' if met else 'MISSED'}", flush=True)


def header(title: str) -> None:
    """Title with versions and device."""
    device = jax.devices()[0]
    print(f"{title}: JAX {jax.__version__}, {device.platform} ({device.device_kind}), one thread, CPU seconds")
