"""The strict settings under which every test and every doctest runs.

They stand at the root because doctests are collected from ``msjax/`` and tests from ``tests/``.
"""

import gc
import os
import pathlib

if "PYTEST_XDIST_WORKER" in os.environ:  # workers side by side, one core each: threads of one would wait for another's
    os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1")
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import equinox as eqx
import jax
import pytest
from jaxtyping import install_import_hook

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

# Tracing makes many small objects and few cycles: Python's defaults look for them over and over.
gc.set_threshold(50_000, 20, 50)

# Before msjax is first imported: array arguments and results are checked against their annotated shapes.
install_import_hook("msjax", "beartype.beartype")


MAPS = pathlib.Path("/proc/self/maps")


@pytest.fixture(scope="module", autouse=True)
def forget_compiled_programs():
    """Drop the compiled programs before they are too many.

    Every program maps memory of its own, and a process may hold 65,530 maps (Linux's default): beyond, the compiler
    crashes. Until then modules share what they compile.
    """
    yield
    if not MAPS.exists() or MAPS.read_bytes().count(b"\n") > 20_000:
        eqx.clear_caches()
        jax.clear_caches()
