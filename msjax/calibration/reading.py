"""Strict reading of comma-separated tables whose headings state their units."""

import csv
import os
from collections.abc import Mapping, Sequence

import numpy as np

from msjax.calibration.quantities import factor, split_label, unit_named

LARGEST_FILE = 64 * 1024 * 1024
"""Bytes; a larger file is refused before it is read."""


def read_columns(
    path: str, wanted: Sequence[str], sd: Mapping[str, float | str], units: Mapping[str, str]
) -> tuple[dict[str, np.ndarray], dict[str, str], tuple[int, ...]]:
    """The wanted columns and, as ``sd(name)``, their standard deviations; the units; the line number of each row.

    Standard deviations come out in the unit of the column they belong to.

    Raises:
        ValueError: see :meth:`msjax.calibration.Observations.read`.
    """
    heading, rows = _table(path)
    place, unit = _headings(path, heading, units)
    for name in wanted:
        if name not in place:
            raise ValueError(f"{path}, line {heading[0]}: no column {name!r}; there are {', '.join(place)}")
        if list(wanted).count(name) > 1:
            raise ValueError(f"the column {name!r} is asked for twice")
    stated = {name: _unit_of(path, heading, place, unit, name) for name in wanted}
    columns = {name: _numbers(path, rows, place[name], name) for name in wanted}
    for name, source in sd.items():
        if name not in wanted:
            raise ValueError(f"sd names {name!r}, which is not among the columns asked for ({', '.join(wanted)})")
        if isinstance(source, str) and source not in place:
            raise ValueError(f"{path}, line {heading[0]}: no column {source!r} for sd of {name!r}")
    for name in wanted:
        source = sd.get(name, next((k for k in (f"sd({name})", f"{name}_sd") if k in place), None))
        if source is None:
            continue
        if isinstance(source, str):
            own = _unit_of(path, heading, place, unit, source)
            scale = factor(own) / factor(stated[name])
            columns[f"sd({name})"] = _numbers(path, rows, place[source], source) * scale
        else:
            columns[f"sd({name})"] = np.full(len(rows), float(source))
    return columns, stated, tuple(line for line, _ in rows)


def _table(path: str) -> tuple[tuple[int, list[str]], list[tuple[int, list[str]]]]:
    size = os.path.getsize(path)
    if size > LARGEST_FILE:
        raise ValueError(f"{path}: {size} bytes; tables of observations are read up to {LARGEST_FILE}")
    heading: tuple[int, list[str]] | None = None
    rows: list[tuple[int, list[str]]] = []
    with open(path, encoding="utf-8-sig", newline="") as file:
        try:
            for line, text in enumerate(file, 1):
                if not text.strip() or text.lstrip().startswith("#"):
                    continue
                cells = [cell.strip() for cell in next(csv.reader([text], strict=True))]
                if heading is None:
                    heading = (line, cells)
                    continue
                if len(cells) != len(heading[1]):
                    raise ValueError(f"{path}, line {line}: {len(cells)} cells, the header has {len(heading[1])}")
                rows.append((line, cells))
        except UnicodeDecodeError as error:
            raise ValueError(f"{path}: not UTF-8 text ({error})") from None
        except csv.Error as error:
            raise ValueError(f"{path}, line {line}: {error}") from None
    if heading is None:
        raise ValueError(f"{path}: empty, there is no header")
    if not rows:
        raise ValueError(f"{path}: there are no data below the header in line {heading[0]}")
    return heading, rows


def _headings(path: str, heading: tuple[int, list[str]], units: Mapping[str, str]):
    """Where each named column stands, and the unit its heading states (or None)."""
    place: dict[str, int] = {}
    unit: dict[str, str | None] = {}
    for index, label in enumerate(heading[1]):
        here = f"{path}, line {heading[0]}, column {index + 1}"
        try:
            name, stated = split_label(label, here)
        except ValueError:
            if "[" in label:
                raise
            name, stated = label, None
        if name in place:
            raise ValueError(f"{here}: the heading {name!r} is repeated")
        place[name], unit[name] = index, stated
    for name, given in units.items():
        if name not in place:
            raise ValueError(f"units: {path} has no column {name!r}; there are {', '.join(place)}")
        given = unit_named(given, f"units: {name!r}")
        if unit[name] is not None and unit[name] != given:
            raise ValueError(f"units: {name!r} is stated in {unit[name]} by {path}, not in {given}")
        unit[name] = given
    return place, unit


def _unit_of(path, heading, place, unit, name) -> str:
    stated = unit[name]
    if stated is None:
        raise ValueError(
            f"{path}, line {heading[0]}, column {place[name] + 1}: the heading {name!r} states no unit; write "
            f"'{name} [unit]' ('[-]' without a unit), or pass units={{{name!r}: ...}}"
        )
    return stated


def _numbers(path: str, rows: list[tuple[int, list[str]]], index: int, name: str) -> np.ndarray:
    column = np.empty(len(rows))
    for i, (line, cells) in enumerate(rows):
        try:
            if "_" in cells[index]:
                raise ValueError
            column[i] = float(cells[index])
        except ValueError:
            raise ValueError(f"{path}, line {line}, column {name!r}: {cells[index]!r} is not a number") from None
        if not np.isfinite(column[i]):
            raise ValueError(f"{path}, line {line}, column {name!r}: {cells[index]} is not a finite number")
    return column
