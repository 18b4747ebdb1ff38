"""The table of an ensemble: one row a member, with its result code; statistics say how many members failed."""

import dataclasses
import datetime
import os
from collections.abc import Mapping, Sequence
from typing import Any

import jax.numpy as jnp
import numpy as np

from msjax.homogenization.table_files import read_table, write_table
from msjax.status import Code, Status, summary

_ROWS = ("index", "code", "iterations", "residual")


@dataclasses.dataclass(frozen=True, eq=False)
class Ensemble:
    """Results of an ensemble's members, on the host.

    A failed member's real columns are NaN (integers and booleans 0), its code says why, and statistics leave it out.

    Attributes:
        columns: name to array, rows on axis 0. ``ensemble["C11"]`` is ``ensemble.columns["C11"]``.
        index: (rows,) which member each row is.
        code, iterations, residual: (rows,) the members' status.
        members: how many the whole ensemble has; more than the rows where this is a share of it.
        seed: of the random numbers.
        errors: member to message, where making its input raised an exception.
        units: column name to unit.
        provenance: versions, devices, date, and the user's notes.

    Raises:
        ValueError: columns of different lengths, unknown codes, or units and errors that belong to nothing.

    >>> table = Ensemble.of({"C11": [2.0, 4.0, np.nan]}, code=[0, 0, 2], units={"C11": "GPa"})
    >>> table.failed, table.mean()["C11"].item(), table.std()["C11"].item()
    (1, 3.0, 1.4142135623730951)
    >>> print(table.summary())
    3 members: 2 CONVERGED, 1 MAX_STEPS; 1 failed, left out below
    C11 [GPa]: mean 3, standard deviation 1.414, from 2 to 4
    """

    columns: Mapping[str, np.ndarray]
    index: np.ndarray
    code: np.ndarray
    iterations: np.ndarray
    residual: np.ndarray
    members: int
    seed: int = 0
    errors: Mapping[int, str] = dataclasses.field(default_factory=dict)
    units: Mapping[str, str] = dataclasses.field(default_factory=dict)
    provenance: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        rows = len(self.index)
        for name in _ROWS:
            if np.shape(getattr(self, name)) != (rows,):
                raise ValueError(f"{name}: shape {np.shape(getattr(self, name))}, expected ({rows},)")
        for name, column in self.columns.items():
            if not name or "/" in name:
                raise ValueError(f"columns: {name!r} is not a name (it must not be empty nor have a slash)")
            if np.ndim(column) == 0 or len(column) != rows:
                raise ValueError(f"columns: {name!r} has shape {np.shape(column)}, expected {rows} rows")
        if not np.all(np.isin(self.code, [int(code) for code in Code])):
            raise ValueError(f"code: expected 0 to {int(max(Code))}, got {np.unique(self.code).tolist()}")
        if rows and not (self.index.min() >= 0 and self.index.max() < self.members):
            raise ValueError(f"index: expected members 0 to {self.members - 1}")
        if np.any(np.diff(self.index) <= 0):
            raise ValueError("index: expected members in increasing order, each once")
        for name in self.units:
            if self.columns and name not in self.columns:
                raise ValueError(f"units: there is no column {name!r}; there are {', '.join(self.columns)}")
        if not set(self.errors) <= set(self.index.tolist()):
            raise ValueError("errors: for members that have no row")

    @classmethod
    def of(cls, columns: Mapping[str, Any], *, code: Any = None, units: Mapping[str, str] | None = None) -> "Ensemble":
        """A table of plain columns (all converged unless ``code`` says otherwise), for results made elsewhere."""
        arrays = {name: np.asarray(column) for name, column in columns.items()}
        rows = len(next(iter(arrays.values()), ()))
        codes = np.zeros(rows, np.int32) if code is None else np.asarray(code, np.int32)
        return cls(arrays, np.arange(rows), codes, np.zeros(rows, np.int32), np.zeros(rows), rows, units=units or {})

    def __len__(self) -> int:
        return len(self.index)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.columns:
            raise KeyError(f"there is no column {name!r}; there are {', '.join(self.columns) or 'none'}")
        return self.columns[name]

    @property
    def status(self) -> Status:
        """Code, iterations and residual of every row."""
        return Status.of(*(jnp.asarray(x) for x in (self.code, self.iterations, self.residual)))

    @property
    def ok(self) -> np.ndarray:
        """(rows,) true where the member did not fail."""
        return self.code <= int(Code.UNSTABLE)

    @property
    def failed(self) -> int:
        """How many rows failed."""
        return int(np.sum(~self.ok))

    @property
    def complete(self) -> bool:
        """Whether every member has a row."""
        return len(self) == self.members

    def mean(self) -> dict[str, np.ndarray]:
        """Mean of every column over the members that did not fail (see ``failed``); NaN where all of them did."""
        return {name: _mean(column[self.ok]) for name, column in self.columns.items()}

    def std(self) -> dict[str, np.ndarray]:
        """Standard deviation (n − 1) over the members that did not fail; NaN for fewer than two."""
        return {name: _std(column[self.ok]) for name, column in self.columns.items()}

    def summary(self) -> str:
        """What became of the members, and a line for every column (arrays of more than 9 components in brief)."""
        head = summary(self.status) if len(self) else "0 members"
        lines = [f"{head}; {self.failed} failed, left out below" if self.failed else head]
        if not self.complete:
            lines[0] += f" (a share of {self.members})"
        lines += [f"member {member}: {message}" for member, message in list(self.errors.items())[:5]]
        if len(self.errors) > 5:
            lines.append(f"and {len(self.errors) - 5} more that could not be made")
        for name, column in self.columns.items():
            unit, values = f" [{self.units[name]}]" if name in self.units else "", column[self.ok]
            bad = int(np.sum(~np.isfinite(values).reshape(len(values), -1).all(axis=1))) if len(values) else 0
            note = f"; not finite in {bad} members that did not fail" if bad else ""
            if values[0:1].size > 9 or not len(values):
                lines.append(f"{name}{unit}: shape {column.shape[1:]}{note}")
                continue
            for place in np.ndindex(column.shape[1:]):
                x = values[(slice(None), *place)]
                label = name + (str(list(place)) if place else "")
                lines.append(
                    f"{label}{unit}: mean {_mean(x):.4g}, standard deviation {_std(x):.4g}, "
                    f"from {x.min():.4g} to {x.max():.4g}{note}"
                )
        return "\n".join(lines)

    def save(self, path: str | os.PathLike) -> None:
        """Write the table as ``.npz`` or, with h5py, as ``.h5``; an existing file is replaced in one step.

        No pickle. Arrays are stored as they are, everything else as one JSON text.

        Raises:
            ValueError: another ending, no such folder, or a column whose dtype is not numeric; or h5py is missing.
        """
        arrays = {name: np.asarray(getattr(self, name)) for name in _ROWS}
        record = {
            "members": self.members,
            "seed": self.seed,
            "columns": list(self.columns),
            "units": dict(self.units),
            "errors": {str(member): message for member, message in self.errors.items()},
            "provenance": {"written": _now(), **self.provenance},
        }
        write_table(path, arrays | {f"columns/{name}": column for name, column in self.columns.items()}, record)

    @classmethod
    def load(cls, path: str | os.PathLike) -> "Ensemble":
        """Read what :meth:`save` wrote.

        Raises:
            ValueError: naming the file, for anything that is not a whole table.
        """

        def build(arrays: dict[str, np.ndarray], record: dict[str, Any]) -> Ensemble:
            return cls(
                {name: arrays[f"columns/{name}"] for name in record["columns"]},
                **{name: arrays[name] for name in _ROWS},
                members=int(record["members"]),
                seed=int(record["seed"]),
                errors={int(member): str(message) for member, message in record["errors"].items()},
                units=record["units"],
                provenance=record["provenance"],
            )

        return read_table(path, build)

    @classmethod
    def gather(cls, folder: str | os.PathLike, *, partial: bool = False) -> "Ensemble":
        """The table of a checkpoint folder that one run, or several shares of one, have filled.

        Raises:
            ValueError: there is no checkpoint, or parts are missing or broken; with ``partial`` these are left out.
        """
        from msjax.homogenization.checkpoint import gather

        return gather(folder, partial)

    @classmethod
    def join(cls, tables: Sequence["Ensemble"]) -> "Ensemble":
        """One table of several shares, in the order of the members; notes are taken from the first.

        Raises:
            ValueError: nothing to join, tables of different ensembles, columns that differ, or a member given twice.
        """
        return _join(list(tables))


def _mean(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.mean(values, axis=0)) if len(values) else np.full(values.shape[1:], np.nan)


def _std(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.std(values, axis=0, ddof=1)) if len(values) > 1 else np.full(values.shape[1:], np.nan)


def _now() -> str:
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def blank(rows: int, like: np.ndarray) -> np.ndarray:
    """Rows of failed members: NaN, or 0 where the dtype has none."""
    return np.full((rows, *like.shape[1:]), np.nan if np.issubdtype(like.dtype, np.inexact) else 0, like.dtype)


def _join(tables: list[Ensemble]) -> Ensemble:
    if not tables:
        raise ValueError("tables: nothing to join")
    first = tables[0]
    for number, table in enumerate(tables):
        if (table.members, table.seed) != (first.members, first.seed):
            raise ValueError(
                f"tables[{number}] is of an ensemble of {table.members} members with seed {table.seed}, "
                f"tables[0] of {first.members} with seed {first.seed}"
            )
    # a table whose members all failed before they were evaluated has no columns
    model = next((table for table in tables if table.columns), first)
    for number, table in enumerate(tables):
        shapes = {name: (column.shape[1:], column.dtype) for name, column in table.columns.items()}
        wanted = {name: (column.shape[1:], column.dtype) for name, column in model.columns.items()}
        if shapes and shapes != wanted:
            raise ValueError(f"tables[{number}]: columns {shapes}, expected {wanted}")
    columns = {
        name: np.concatenate([table.columns.get(name, blank(len(table), like)) for table in tables])
        for name, like in model.columns.items()
    }
    index = np.concatenate([table.index for table in tables])
    order = np.argsort(index, kind="stable")
    twice = index[order][1:][np.diff(index[order]) == 0]
    if len(twice):
        raise ValueError(f"tables: member {twice[0]} is given twice")
    return Ensemble(
        {name: column[order] for name, column in columns.items()},
        **{name: np.concatenate([getattr(table, name) for table in tables])[order] for name in _ROWS},
        members=first.members,
        seed=first.seed,
        errors=dict(sorted(item for table in tables for item in table.errors.items())),
        units=first.units,
        provenance=first.provenance,
    )
