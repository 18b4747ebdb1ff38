"""Parameter files with one entry for each triplet of elements (LAMMPS ``.sw`` and ``.tersoff``), read strictly.

An entry is three element names and a fixed number of columns, on one or several lines; ``#`` begins a comment
(https://docs.lammps.org/pair_sw.html, https://docs.lammps.org/pair_tersoff.html). The first element is the
centre. Of a triplet i j k counts what concerns three atoms; what concerns the bond i j is taken from i j j. For one
element only its own entry counts; the others are checked for their form and left aside.
"""

import os
import re
from collections.abc import Callable, Sequence
from itertools import product
from pathlib import Path
from typing import Literal, NamedTuple, NoReturn, TypeVar

import numpy as np

from msjax.crystal.text_file import check_metal_units, finite_number, looks_like_number, read_lines

MAX_BYTES = 16 * 1024**2
"""Larger files are refused before they are read; the largest published ones hold a few hundred kilobytes."""

_Made = TypeVar("_Made")


class Format(NamedTuple):
    """What a file is called in messages, and its columns after the three elements, by the names of our parameters."""

    kind: str
    columns: tuple[str, ...]


STILLINGER_WEBER = Format(
    "a Stillinger–Weber file (*.sw)",
    ("epsilon", "sigma", "a", "lam", "gamma", "cos0", "A", "B", "p", "q", "tol"),
)
TERSOFF = Format(
    "a Tersoff file (*.tersoff)",
    ("m", "gamma", "lam3", "c", "d", "cos0", "n", "beta", "lam2", "B", "R", "D", "lam1", "A"),
)


class Entry(NamedTuple):
    """Parameters of one triplet: ``labels`` as written, ``values`` by column name, ``line`` where the entry begins."""

    path: Path
    labels: tuple[str, str, str]
    values: dict[str, float]
    line: int

    @property
    def element(self) -> str:
        """Chemical symbol of the first label: labels such as ``Si(D)`` or ``Ga1`` tell fits of one element apart."""
        symbol = re.match(r"[A-Z][a-z]?", self.labels[0], re.ASCII)
        return symbol.group() if symbol else self.labels[0]

    def make(self, build: Callable[[], _Made]) -> _Made:
        """What ``build`` makes of the values; its ``ValueError`` gets the file and the entry's line in front."""
        try:
            return build()
        except ValueError as error:
            self.refuse(str(error))

    def refuse(self, why: str) -> NoReturn:
        """``ValueError`` with file, line and triplet."""
        raise ValueError(f"{self.path}, line {self.line}, entry {' '.join(self.labels)}: {why}")


def read_element(path: str | os.PathLike[str], element: str | None, format: Format) -> Entry:
    """The entry of one element with itself.

    ``element`` is the label in the file; it may be left out where only one label has an entry with itself.

    ``ValueError`` with file and line: no plain text file, units other than metal where the first line names them, an
    entry without three element names, missing or extra columns, a column that is not a finite number, a triplet given
    twice. ``ValueError`` with the labels present: no such element, or none named where there are several.
    """
    path = Path(path)
    entries = _entries(path, format)
    own = {entry.labels[0]: entry for entry in entries if len(set(entry.labels)) == 1}
    present = ", ".join(own)
    if not own:
        raise ValueError(f"{path}: no element has an entry with itself, such as 'Si Si Si …'")
    if element is None:
        if len(own) > 1:
            raise ValueError(f"{path}: element: the file holds {present}; say which one, or read several as a compound")
        (element,) = own
    if element not in own:
        raise ValueError(f"{path}: no entry {element!r} of one element in this file; it has {present}")
    return own[element]


def read_elements(
    path: str | os.PathLike[str], elements: Sequence[str], format: Format
) -> dict[tuple[int, int, int], Entry]:
    """The entries of all triplets of these labels, by their places in ``elements``, the first being the centre.

    ``ValueError`` as :func:`read_element` has it, and for a triplet that is missing, fewer than two labels, one given
    twice, and two labels of one chemical element.
    """
    path = Path(path)
    entries = {entry.labels: entry for entry in _entries(path, format)}
    if len(elements) < 2 or len(set(elements)) != len(elements):
        raise ValueError(f"{path}: elements: expected two or more, each once, got {tuple(elements)}")
    found = {}
    for places in product(range(len(elements)), repeat=3):
        labels = (elements[places[0]], elements[places[1]], elements[places[2]])
        if labels not in entries:
            raise ValueError(f"{path}: no entry {' '.join(labels)} in this file")
        found[places] = entries[labels]
    symbols = [found[i, i, i].element for i in range(len(elements))]
    if len(set(symbols)) != len(symbols):
        raise ValueError(f"{path}: elements: {', '.join(elements)} are not all of different elements")
    return found


def column(entries: dict[tuple[int, int, int], Entry], name: str, of: Literal["pairs", "triplets"]) -> np.ndarray:
    """One column of :func:`read_elements`: (e, e, e) of triplets i j k, or (e, e) of pairs i j, from their i j j."""
    count = max(places[0] for places in entries) + 1
    if of == "pairs":
        return np.array([[entries[i, j, j].values[name] for j in range(count)] for i in range(count)])
    found = np.empty((count, count, count))
    for places, entry in entries.items():
        found[places] = entry.values[name]
    return found


def check_column(entries: dict[tuple[int, int, int], Entry], name: str, of: str, *, positive: bool) -> None:
    """Refuse, with file and line, a value below zero, or a zero where it must be positive, where the column is used."""
    for (_, j, k), entry in entries.items():
        value = entry.values[name]
        if (of == "triplets" or j == k) and (value < 0.0 or (positive and value == 0.0)):
            entry.refuse(f"{name}: must {'be positive' if positive else 'not be negative'}, got {value}")


def _entries(path: Path, format: Format) -> list[Entry]:
    kind, columns = format
    lines = read_lines(path, kind, MAX_BYTES)
    check_metal_units(lines[0], _refusal(path, 1))
    found: dict[tuple[str, str, str], Entry] = {}
    open_entry: Entry | None = None
    for number, text in enumerate(lines, start=1):
        tokens = text.split("#", 1)[0].split()
        if not tokens:
            continue
        refuse = _refusal(path, number)
        if not looks_like_number(tokens[0]):  # element names: a new entry
            _check_whole(open_entry, columns)
            labels, tokens = tuple(tokens[:3]), tokens[3:]
            wrong = next((label for label in labels if looks_like_number(label)), None)
            if wrong is not None or len(labels) != 3:
                refuse(f"expected three element names, found {' '.join(labels)[:80]!r}")
            if labels in found:
                refuse(f"a second entry {' '.join(labels)}; the first is on line {found[labels].line}")
            open_entry = found[labels] = Entry(path, labels, {}, number)
        elif open_entry is None:
            refuse(f"expected three element names, found {tokens[0][:40]!r}")
        for token in tokens:
            position = len(open_entry.values)
            if position == len(columns):
                refuse(f"{token[:40]!r} is one column too many: entry {' '.join(open_entry.labels)} has all {position}")
            open_entry.values[columns[position]] = finite_number(token, columns[position], refuse)
    if open_entry is None:
        raise ValueError(f"{path}: only comments; expected {kind}")
    _check_whole(open_entry, columns)
    return list(found.values())


def _check_whole(entry: Entry | None, columns: tuple[str, ...]) -> None:
    if entry is not None and len(entry.values) < len(columns):
        missing = ", ".join(columns[len(entry.values) :])
        entry.refuse(f"{len(entry.values)} of {len(columns)} columns; missing: {missing}")


def _refusal(path: Path, line: int) -> Callable[[str], NoReturn]:
    def refuse(why: str) -> NoReturn:
        raise ValueError(f"{path}, line {line}: {why}")

    return refuse
