"""What is fitted to: measured columns with a standard deviation per datum, and the controls they were measured at."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from msjax.calibration.quantities import factor, split_label, unit_named
from msjax.calibration.reading import read_columns
from msjax.typing import Array, Float

_COLUMN = Float[Array, "*sets n"]


class Observations(eqx.Module):
    """Measured quantities and controls, row by row; errors are independent and normal.

    Build from a file with :meth:`read` or from arrays with :meth:`of`. The arrays are in internal units; ``unit``
    tells the stated ones. ``lines`` holds each row's line in the file (or its number, from 1, for arrays).

    >>> import numpy as np
    >>> data = Observations.of({"E_app [GPa]": np.array([60.0, 63.0])}, relative_sd=0.02,
    ...                        controls={"h [nm]": np.array([2.0, 4.0])}, positive=["h"])
    >>> data
    Observations: 2 rows of E_app [GPa] against h [nm]
    >>> data.window("h", at_least=3.0).lines
    (2,)
    """

    values: dict[str, _COLUMN]
    sd: dict[str, _COLUMN]
    controls: dict[str, _COLUMN]
    units: tuple[tuple[str, str], ...] = eqx.field(static=True)
    lines: tuple[int, ...] = eqx.field(static=True)
    source: str = eqx.field(static=True)

    @classmethod
    def of(
        cls,
        measured: Mapping[str, ArrayLike | Sequence],
        *,
        controls: Mapping[str, ArrayLike | Sequence] | None = None,
        sd: Mapping[str, Any] | None = None,
        relative_sd: float | Mapping[str, float] | None = None,
        positive: Sequence[str] = (),
    ) -> "Observations":
        """Observations from arrays, labelled ``"name [unit]"``.

        Args:
            measured: label to values, shape (n,).
            controls: label to values, shape (n,): what was set, not measured (a thickness).
            sd: name to standard deviation, a number or shape (n,), in the stated unit.
            relative_sd: standard deviation over the absolute value, for all or by name; used where ``sd`` has none.
            positive: names of columns that must be positive.

        Raises:
            ValueError: no unit or an unknown one, no or a non-positive standard deviation, NaN, unequal lengths, or
                no data.
        """
        columns: dict[str, np.ndarray] = {}
        units: dict[str, str] = {}
        for label, column in [*measured.items(), *(controls or {}).items()]:
            name, unit = split_label(label, "observations")
            if name in columns:
                raise ValueError(f"observations: the column {name!r} is given twice")
            columns[name] = np.atleast_1d(np.asarray(column, dtype=float))
            units[name] = unit
            if columns[name].ndim != 1:
                raise ValueError(f"observations: {name!r} has shape {columns[name].shape}, expected one axis")
        names = [split_label(label, "observations")[0] for label in measured]
        sizes = {name: column.size for name, column in columns.items()}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"observations: the columns have unequal lengths {sizes}")
        count = next(iter(sizes.values()), 0)
        for name in sd or {}:
            if name not in names:
                raise ValueError(f"observations: sd names {name!r}, which is not measured ({', '.join(names)})")
        spread = {}
        for name in names:
            if sd is not None and name in sd:
                array = np.asarray(sd[name], dtype=float)
                if array.shape not in ((), (count,)):
                    raise ValueError(f"observations: sd of {name!r} has shape {array.shape}, expected () or ({count},)")
                spread[name] = np.broadcast_to(array, (count,))
        return _assemble(
            columns, names, spread, relative_sd, units, positive, tuple(range(1, count + 1)), "observations", "row"
        )

    @classmethod
    def read(
        cls,
        path: str | os.PathLike,
        *,
        measured: Sequence[str],
        controls: Sequence[str] = (),
        sd: Mapping[str, float | str] | None = None,
        relative_sd: float | Mapping[str, float] | None = None,
        units: Mapping[str, str] | None = None,
        positive: Sequence[str] = (),
    ) -> "Observations":
        """Observations from a CSV file.

        Lines that begin with ``#`` are comments; the first other line is the header. A column is headed
        ``name [unit]`` (``E_app [GPa]``; ``[-]`` without a unit) and its standard deviation ``sd(name) [unit]`` or
        ``name_sd [unit]``. Headings that end in their unit (``A11_N_per_m``, ``h_nom_nm``) are read too. Columns that
        are not asked for are not read.

        Args:
            path: the file.
            measured: names of the measured columns, without unit.
            controls: names of the control columns.
            sd: name to standard deviation in the stated unit, or to the name of the column that holds it; goes before
                what the file says.
            relative_sd: standard deviation over the absolute value, for all or by name, where neither ``sd`` nor the
                file gives one.
            units: units of columns whose heading states none; may not contradict a heading.
            positive: names of columns that must be positive.

        Raises:
            ValueError: naming the file, the line and the column, for: a missing column, no or an unknown unit, no or a
                non-positive standard deviation, a cell that is not a finite number, a row of another length, a repeated
                heading, no rows, a value that must be positive and is not, a file that is too large.
            FileNotFoundError: there is no such file.
        """
        here = os.fspath(path)
        if not measured:
            raise ValueError("measured: name at least one column")
        columns, stated, lines = read_columns(here, [*measured, *controls], sd or {}, units or {})
        spread = {name: columns.pop(f"sd({name})") for name in measured if f"sd({name})" in columns}
        return _assemble(columns, list(measured), spread, relative_sd, stated, positive, lines, here, "line")

    def unit(self, name: str) -> str:
        """The unit in which a column was stated."""
        return dict(self.units)[name]

    def stated(self, name: str) -> np.ndarray:
        """A column (``name`` or ``"sd(name)"``) in its stated unit."""
        if name.startswith("sd("):
            return np.asarray(self.sd[name[3:-1]]) / factor(self.unit(name[3:-1]))
        column = self.values[name] if name in self.values else self.controls[name]
        return np.asarray(column) / factor(self.unit(name))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the measured columns."""
        return tuple(name for name, _ in self.units if name in self.values)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.lines)

    @property
    def count(self) -> int:
        """Number of data: rows times measured columns."""
        return self.rows * len(self.values)

    @property
    def lengths(self) -> tuple[int, ...]:
        """Rows of each measured column."""
        return (self.rows,) * len(self.names)

    def place(self, datum: int) -> tuple[str, int]:
        """Column and line of a datum, counted in the order of :meth:`whitened`."""
        return self.names[datum // self.rows], self.lines[datum % self.rows]

    def window(self, name: str, *, at_least: float = -np.inf, at_most: float = np.inf) -> "Observations":
        """Only the rows where column ``name`` lies within the limits, stated in its unit; line numbers are kept.

        Raises:
            ValueError: there is no such column, or no row lies within the limits.
        """
        if name not in self.values and name not in self.controls:
            raise ValueError(f"window: no column {name!r}; there are {', '.join([*self.values, *self.controls])}")
        column = self.stated(name)
        keep = np.flatnonzero((column >= at_least) & (column <= at_most))
        if keep.size == 0:
            raise ValueError(
                f"window: no row has {name} in [{at_least:g}, {at_most:g}] {self.unit(name)}; "
                f"it runs from {column.min():g} to {column.max():g}"
            )
        values, sd, controls = jax.tree.map(lambda x: x[keep], (self.values, self.sd, self.controls))
        return Observations(values, sd, controls, self.units, tuple(self.lines[i] for i in keep), self.source)

    def whitened(self, predictions: dict[str, Array]) -> Float[Array, " data"]:
        """(measured − predicted)/sd of every datum, one measured column after the other."""
        return jnp.concatenate([(self.values[k] - predictions[k]) / self.sd[k] for k in self.names])

    def with_values(self, values: dict[str, Array]) -> "Observations":
        """The same rows, controls and standard deviations with other measured values (internal units)."""
        return dataclasses.replace(self, values=values)

    def __repr__(self) -> str:
        label = {name: f"{name} [{unit}]" for name, unit in self.units}
        against = f" against {', '.join(label[k] for k in self.controls)}" if self.controls else ""
        return f"Observations: {self.rows} rows of {', '.join(label[k] for k in self.names)}{against}"


def _assemble(columns, names, spread, relative_sd, units, positive, lines, source, counted) -> Observations:
    """Check what both ways in have in common, and convert to internal units."""
    if not names or not lines:
        raise ValueError(f"{source}: there are no data")
    for name, column in [*columns.items(), *((f"sd({k})", v) for k, v in spread.items())]:
        _refuse(source, name, units, column, ~np.isfinite(column), lines, counted, "is not a finite number")
    for name in positive:
        if name not in columns:
            raise ValueError(f"positive: there is no column {name!r}; there are {', '.join(columns)}")
        _refuse(source, name, units, columns[name], columns[name] <= 0, lines, counted, "must be positive")
    sd = {}
    for name in names:
        if name in spread:
            sd[name] = np.asarray(spread[name], dtype=float)
        else:
            relative = relative_sd.get(name) if isinstance(relative_sd, Mapping) else relative_sd
            if relative is None:
                raise ValueError(
                    f"{source}: no standard deviation for {name!r}; add a column 'sd({name}) [{units[name]}]', "
                    "or pass sd= or relative_sd="
                )
            if not (np.isfinite(relative) and relative > 0):
                raise ValueError(f"relative_sd of {name!r} must be positive and finite, got {relative!r}")
            sd[name] = float(relative) * np.abs(columns[name])
        _refuse(source, f"sd({name})", units, sd[name], sd[name] <= 0, lines, counted, "must be positive")
    enter = {name: jnp.asarray(column * factor(units[name])) for name, column in columns.items()}
    return Observations(
        values={name: enter[name] for name in names},
        sd={name: jnp.asarray(sd[name] * factor(units[name])) for name in names},
        controls={name: column for name, column in enter.items() if name not in names},
        units=tuple((name, unit_named(units[name], source)) for name in columns),
        lines=tuple(int(line) for line in lines),
        source=source,
    )


def _refuse(source, name, units, column, bad, lines, counted, why):
    if np.any(bad):
        first = int(np.flatnonzero(bad)[0])
        unit = units[name.removeprefix("sd(").removesuffix(")")] if name not in units else units[name]
        shown = f"{column[first]:g}" if unit == "-" else f"{column[first]:g} {unit}"
        more = f" (and {int(np.sum(bad)) - 1} more)" if np.sum(bad) > 1 else ""
        raise ValueError(f"{source}, {counted} {lines[first]}, column {name!r}: {shown} {why}{more}")
