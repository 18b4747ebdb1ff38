"""Embedded-atom potential files of one element in the DYNAMO 86 funcfl format (``*.eam``), read strictly.

The format, as LAMMPS documents it for ``pair_style eam`` (https://docs.lammps.org/pair_eam.html): a line of comment; a
line with atomic number, mass (amu), lattice constant (Å) and structure; ``nrho drho nr dr cutoff``; then F(rho) at
rho = 0, drho, … (eV), the effective charge Z(r) and the density rho(r) at r = 0, dr, … (Å). The pair energy is the
Coulomb energy of two effective charges,

    phi(r) = 27.2 · 0.529 · Z(r)² / r    (eV, Å),

Hartree times Bohr radius as DYNAMO and LAMMPS round them: 14.3888 eV Å, 0.075 % below the true 14.3996. The published
files were fitted with it. The interpolants are the C2 cubic splines through F, through 27.2 · 0.529 · Z² and rho.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from msjax.crystal.eam_file import EamFile
from msjax.crystal.elements import SYMBOLS
from msjax.crystal.setfl import radial_table
from msjax.crystal.spline import CubicTable
from msjax.typing import Float

COULOMB = 27.2 * 0.529
"""e²/4πε₀ in eV Å, as rounded in DYNAMO and LAMMPS."""


@dataclass(frozen=True)
class Funcfl:
    """What a funcfl file says, as plain arrays; eV, Å, amu. Made by :func:`read_funcfl`.

    ``embedding`` (nrho,) holds F at rho = k·drho; ``charge`` and ``density`` (nr,) hold Z(r) and rho(r) at r = k·dr.
    """

    path: Path
    comment: str
    element: str
    mass: float
    lattice_constant: float
    structure: str
    nrho: int
    drho: float
    nr: int
    dr: float
    cutoff: float
    embedding: Float[np.ndarray, " nrho"]
    charge: Float[np.ndarray, " nr"]
    density: Float[np.ndarray, " nr"]

    def embedding_table(self) -> CubicTable:
        """F(rho), eV; linear beyond both ends, where ``inside`` is false."""
        return CubicTable.fit(0.0, self.drho, self.embedding, below="linear", above="linear")

    def density_table(self) -> CubicTable:
        """rho(r), r in Å; zero from the cut-off on."""
        return radial_table(self.density, self.dr, self.cutoff)

    def pair_table(self) -> CubicTable:
        """z(r) = r·phi(r), eV Å, so that phi = z/r; zero from the cut-off on."""
        return radial_table(COULOMB * self.charge**2, self.dr, self.cutoff)


def read_funcfl(path: str | Path) -> Funcfl:
    """Read a funcfl file, or raise ``ValueError`` with the file, the line and what is wrong.

    What is refused is as in :func:`msjax.crystal.setfl.read_setfl`. The element is that of the atomic number, from 1
    to 118.

    >>> from msjax.crystal.setfl import lammps_potential
    >>> path = lammps_potential("Cu_u3.eam")
    >>> path is None or read_funcfl(path).element == "Cu"  # the file comes with the lammps wheel
    True
    """
    path = Path(path)
    file = EamFile(path, "a funcfl file (*.eam)")
    comment = file.line()
    number, mass, constant, structure = file.element_header("the element", lowest=1)
    grid = file.grid()
    file.check_size(grid.nrho + 2 * grid.nr)
    embedding = file.values(grid.nrho, "the embedding function")
    charge = file.values(grid.nr, "the effective charge")
    density = file.values(grid.nr, "the density")
    file.end(f"the density (nrho = {grid.nrho}, nr = {grid.nr})")
    element = SYMBOLS[number - 1]
    return Funcfl(path, comment, element, mass, constant, structure, *grid, embedding, charge, density)
