"""What measurements on films, wires and cantilevers have in common: their columns, found and chosen by name."""

import csv
import os
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from msjax.calibration import Observations
from msjax.calibration.quantities import split_label

PLAIN = ("eps_star", "nu")
"""Headings that may go without a unit."""


class Columns(NamedTuple):
    """What measurements of one kind may hold.

    ``law`` and ``kind`` in words; ``controls``: what the law needs beside the measured columns, each with the names
    that its column may have, and an example; ``measured``: what the law predicts; ``independent``: of some of these,
    those that a fit may use without counting a measurement twice; ``why``: the reason, in words.
    """

    law: str
    kind: str
    controls: Mapping[str, tuple[tuple[str, ...], str]]
    measured: tuple[str, ...]
    independent: Callable[[Sequence[str]], list[str]]
    why: str


def read(
    path: str | os.PathLike,
    columns: Columns,
    *,
    measured: Sequence[str] | None = None,
    controls: Mapping[str, str | None] | None = None,
    sd: Mapping[str, float | str] | None = None,
    relative_sd: float | Mapping[str, float] | None = None,
) -> Observations:
    """Observations from a CSV file: the controls of ``columns`` (or named in ``controls``) and what is measured.

    Raises:
        ValueError: naming file, line and column, for anything malformed, no control or nothing measured, columns that
            say the same twice, and controls that are not positive.
    """
    names = names_in(path)
    found = []
    for what, (known, example) in columns.controls.items():
        name = (controls or {}).get(what) or next((name for name in known if name in names), None)
        if name is None:
            raise ValueError(f"{path}: no column of {what}; expected one of {', '.join(known)} ('{example}')")
        found.append(name)
    if measured is None:
        measured = columns.independent([name for name in columns.measured if name in names])
        if not measured:
            raise ValueError(
                f"{path}: nothing measured; expected some of {', '.join(columns.measured)}, got {', '.join(names)}"
            )
    else:
        unknown = [name for name in measured if name not in columns.measured]
        if unknown:
            raise ValueError(
                f"measured: {columns.law} predicts {', '.join(columns.measured)}, not {', '.join(unknown)}"
            )
        if list(measured) != columns.independent(measured):
            raise ValueError(
                f"measured: {', '.join(measured)} are not independent: {columns.why}; "
                f"choose e.g. {', '.join(columns.independent(measured))}"
            )
    return Observations.read(
        path,
        measured=list(measured),
        controls=found,
        sd=sd,
        relative_sd=relative_sd,
        units={name: "-" for name in measured if name in PLAIN and names.get(name, "") is None},
        positive=found,
    )


def names_in(path: str | os.PathLike) -> dict[str, str | None]:
    """Names in the header, with the unit or None; what is malformed is left to the strict reader.

    Raises:
        ValueError: the file is empty.
    """
    with open(path, encoding="utf-8-sig", errors="replace") as file:
        for text in file:
            if text.strip() and not text.lstrip().startswith("#"):
                return dict(_split(cell) for cell in next(csv.reader([text])))
    raise ValueError(f"{path}: empty, there is no header")


def without_twins(measured: Sequence[str], order: Sequence[str], twins: Sequence[Sequence[str]]) -> list[str]:
    """``measured``, less those of which a twin (another name or form of the same) goes before them in ``order``.

    >>> without_twins(["nu", "E_app", "EA"], ["EA", "E_app", "nu"], [("EA", "E_app")])
    ['nu', 'EA']
    """
    kept: list[str] = []
    for name in (name for name in order if name in measured):
        if not any(name in twin and other in twin for twin in twins for other in kept):
            kept.append(name)
    return [name for name in measured if name in kept]


def renamed(observations: Observations, source: str) -> Observations:
    """The same observations under another name of their source."""
    return Observations(
        observations.values, observations.sd, observations.controls, observations.units, observations.lines, source
    )


def _split(cell: str) -> tuple[str, str | None]:
    try:
        return split_label(cell.strip(), "header")
    except ValueError:
        return cell.split("[")[0].strip(), None
