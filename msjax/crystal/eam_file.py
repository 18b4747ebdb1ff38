"""What the embedded-atom files of the DYNAMO 86 family share: headers and blocks of values, read strictly.

Values may be wrapped at any column and carry Fortran exponents (``1.0D+00``); every refusal names file and line.
"""

import re
from pathlib import Path
from typing import NamedTuple, NoReturn

import numpy as np

from msjax.crystal.text_file import check_metal_units, finite_number, read_lines
from msjax.typing import Float

MAX_BYTES = 128 * 1024**2
MAX_ELEMENTS = 32
MAX_KNOTS = 1_000_000
"""Limits that are checked before anything of that size is read or allocated."""


class Grid(NamedTuple):
    """The line ``nrho drho nr dr cutoff``: knots of F(rho), and of the functions of r (Å)."""

    nrho: int
    drho: float
    nr: int
    dr: float
    cutoff: float


class ElementHeader(NamedTuple):
    """The line of an element: atomic number as written, mass (amu), lattice constant (Å), structure."""

    number: int
    mass: float
    lattice_constant: float
    structure: str


class EamFile:
    """Lines consumed in order, then values consumed in order, each with its line number.

    ``kind`` says what was expected, e.g. "a setfl file (*.eam.alloy)". The first line may name metal units, no others.
    """

    def __init__(self, path: Path, kind: str):
        self.path, self.lines = path, read_lines(path, kind, MAX_BYTES)
        self.size = sum(len(line) + 1 for line in self.lines)
        self.next = 0  # index of the next line
        self.left: list[str] = []  # tokens of the line before that are not consumed
        check_metal_units(self.lines[0], lambda why: self.refuse(1, why))

    def refuse(self, line: int, message: str) -> NoReturn:
        """``ValueError`` with file and line."""
        raise ValueError(f"{self.path}, line {line}: {message}")

    def line(self) -> str:
        """The next line of the header."""
        if self.next >= len(self.lines):
            self.refuse(len(self.lines), "the file ends within the header (truncated)")
        self.next += 1
        return self.lines[self.next - 1]

    def elements(self) -> tuple[str, ...]:
        """The line with the number of elements and their names."""
        tokens = self.line().split()
        count = self.count(tokens[0] if tokens else "", "number of elements", 1, MAX_ELEMENTS)
        names = tuple(tokens[1:])
        if len(names) != count:
            self.refuse(self.next, f"{count} element(s) announced, {len(names)} named: {' '.join(names)[:80]}")
        if len(set(names)) != count:
            self.refuse(self.next, f"an element is named twice: {' '.join(names)}")
        return names

    def grid(self) -> Grid:
        """The line with counts, steps and cut-off."""
        tokens = self.line().split()
        if len(tokens) != 5:
            self.refuse(self.next, f"expected the five numbers nrho drho nr dr cutoff, found {len(tokens)}")
        nrho = self.count(tokens[0], "nrho", 4, MAX_KNOTS)
        nr = self.count(tokens[2], "nr", 4, MAX_KNOTS)
        drho, dr, cutoff = (self.positive(tokens[k], what) for k, what in ((1, "drho"), (3, "dr"), (4, "cutoff")))
        if cutoff > nr * dr * (1.0 + 1e-6):
            self.refuse(
                self.next,
                f"the cutoff {cutoff} lies more than a step beyond the table, which ends at {(nr - 1) * dr}",
            )
        if cutoff < dr:
            self.refuse(self.next, f"the cutoff {cutoff} lies below the first step of the table, {dr}")
        return Grid(nrho, drho, nr, dr, cutoff)

    def check_size(self, values: int) -> None:
        """Refuse a grid, just read, that announces more values than the file is long enough to hold."""
        if 2 * values > self.size + 1:
            self.refuse(
                self.next,
                f"the header announces {values} values, which a file of {self.size} bytes cannot hold: truncated?",
            )

    def element_header(self, name: str, lowest: int = 0) -> ElementHeader:
        """The line of an element; ``lowest`` is the smallest atomic number taken."""
        tokens = self.line().split()
        if len(tokens) != 4:
            self.refuse(
                self.next,
                f"expected atomic number, mass, lattice constant and structure of {name}, found {len(tokens)} entries",
            )
        number = self.count(tokens[0], f"atomic number of {name}", lowest, 118)
        mass = self.positive(tokens[1], f"mass of {name}")
        constant = self.number(tokens[2], f"lattice constant of {name}")
        if constant < 0:
            self.refuse(self.next, f"lattice constant of {name} is {constant}: must not be negative")
        return ElementHeader(number, mass, constant, tokens[3])

    def values(self, count: int, what: str) -> Float[np.ndarray, " count"]:
        """The next ``count`` values, however they are wrapped."""
        out = np.empty(count)
        filled = 0
        while filled < count:
            if not self.left:
                if self.next >= len(self.lines):
                    self.refuse(
                        len(self.lines), f"the file ends after {filled} of {count} values of {what} (truncated)"
                    )
                self.left = self.lines[self.next].split()
                self.next += 1
            take, self.left = self.left[: count - filled], self.left[count - filled :]
            for token in take:
                out[filled] = self.number(token, what)
                filled += 1
        return out

    def end_of_block(self, what: str) -> None:
        """Refuse values left on the line; skip blank lines."""
        if self.left:
            self.refuse(self.next, f"{len(self.left)} extra value(s) after {what}, beginning with {self.left[0]!r}")
        while self.next < len(self.lines) and not self.lines[self.next].strip():
            self.next += 1

    def end(self, what: str) -> None:
        """Refuse anything more than blank lines."""
        self.end_of_block(what)
        if self.next < len(self.lines):
            extra = self.lines[self.next].split()[0]
            self.refuse(self.next + 1, f"extra values after {what}, beginning with {extra!r}")

    def count(self, token: str, what: str, lowest: int, highest: int) -> int:
        """An integer of the line just read, between two limits."""
        if not re.fullmatch(r"[+-]?\d{1,18}", token, re.ASCII):
            self.refuse(self.next, f"{what}: expected an integer, found {token[:40]!r}")
        if not lowest <= int(token) <= highest:
            self.refuse(self.next, f"{what} is {token}: must lie between {lowest} and {highest}")
        return int(token)

    def positive(self, token: str, what: str) -> float:
        """A positive number of the line just read."""
        value = self.number(token, what)
        if value <= 0:
            self.refuse(self.next, f"{what} is {value}: must be positive")
        return value

    def number(self, token: str, what: str) -> float:
        """A finite number of the line just read."""
        return finite_number(token, what, lambda why: self.refuse(self.next, why))
