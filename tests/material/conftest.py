"""Elastic constants of the films' metals, as LAMMPS gives them."""

import csv

import pytest


@pytest.fixture(scope="session")
def bulk_constants(data_directory):
    """``bulk_constants("Al_zhou")``: name → (value, uncertainty) from ``data/bulk_Al_zhou.csv``."""

    def read(name: str) -> dict[str, tuple[float, float]]:
        lines = (data_directory / f"bulk_{name}.csv").read_text().splitlines()
        rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
        return {row["quantity"]: (float(row["value"]), float(row["uncertainty"])) for row in rows}

    return read
