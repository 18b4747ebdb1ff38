"""Embedded atom from the tables of a file."""

import os
from pathlib import Path
from typing import ClassVar

import equinox as eqx

from msjax.crystal.elementary import reciprocal, root
from msjax.crystal.funcfl import read_funcfl
from msjax.crystal.potentials.eam import EAM
from msjax.crystal.setfl import Setfl, read_finnis_sinclair, read_setfl
from msjax.crystal.spline import CubicTable
from msjax.typing import Array, Bool, Float, Scalar


class TabulatedEAM(EAM):
    """One element of a setfl, Finnis–Sinclair or funcfl file, interpolated by C2 cubic splines on the file's knots.

    The array leaves are the splines' coefficients. ``source`` names the file, ``mass`` (amu) and ``lattice_constant``
    (Å) are what the file states. Where the file's functions end with a step or a kink at the cut-off, so do these.
    """

    degrees: ClassVar[tuple[int, ...]] = (0,)

    pair_table: CubicTable
    density_table: CubicTable
    embedding_table: CubicTable
    radius: float = eqx.field(static=True)
    element: str = eqx.field(static=True)
    source: str = eqx.field(static=True)
    mass: float = eqx.field(static=True)
    lattice_constant: float = eqx.field(static=True)

    @classmethod
    def read(cls, path: str | os.PathLike[str], element: str | None = None) -> "TabulatedEAM":
        """Read one element of a setfl file; see :func:`msjax.crystal.setfl.read_setfl` for what is refused."""
        return cls._of_element(read_setfl(Path(path)), element)

    @classmethod
    def read_finnis_sinclair(cls, path: str | os.PathLike[str], element: str | None = None) -> "TabulatedEAM":
        """Read one element of a Finnis–Sinclair file: its density at atoms of its own kind."""
        return cls._of_element(read_finnis_sinclair(Path(path)), element)

    @classmethod
    def read_funcfl(cls, path: str | os.PathLike[str]) -> "TabulatedEAM":
        """Read a funcfl file; see :func:`msjax.crystal.funcfl.read_funcfl` for what is refused."""
        file = read_funcfl(Path(path))
        return cls(
            pair_table=file.pair_table(),
            density_table=file.density_table(),
            embedding_table=file.embedding_table(),
            radius=file.cutoff,
            element=file.element,
            source=file.path.name,
            mass=file.mass,
            lattice_constant=file.lattice_constant,
        )

    @classmethod
    def _of_element(cls, file: Setfl, element: str | None) -> "TabulatedEAM":
        if element is None:
            element, *others = file.elements
            if others:
                raise ValueError(f"{file.path}: element: the file holds {', '.join(file.elements)}; say which one")
        i = file.element_index(element)
        return cls(
            pair_table=file.pair_table(element),
            density_table=file.density_table(element),
            embedding_table=file.embedding_table(element),
            radius=file.cutoff,
            element=element,
            source=file.path.name,
            mass=file.masses[i],
            lattice_constant=file.lattice_constants[i],
        )

    @property
    def cutoff(self) -> float:
        """The file's cut-off, Å."""
        return self.radius

    @property
    def elements(self) -> tuple[str, ...]:
        """The element read."""
        return (self.element,)

    def pair(self, r2: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """Half of z(r)/r, eV."""
        r = root(r2)
        return 0.5 * self.pair_table(r) * reciprocal(r)

    def density(self, r2: Float[Array, "*b"]) -> Float[Array, "1 *b"]:
        """Electron density of the neighbour at the site."""
        return self.density_table(root(r2))[None]

    def embed(self, moments: Float[Array, "1"]) -> Scalar:
        """Embedding energy, eV."""
        return self.embedding_table(moments[0])

    def covered(self, moments: Float[Array, "1"]) -> Bool[Array, ""]:
        """Whether the embedding table reaches this density."""
        return self.embedding_table.inside(moments[0])
