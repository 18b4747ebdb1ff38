"""Embedded atom from the tables of a setfl file."""

import os
from pathlib import Path
from typing import ClassVar

import equinox as eqx

from msjax.crystal.elementary import reciprocal, root
from msjax.crystal.potentials.eam import EAM
from msjax.crystal.setfl import read_setfl
from msjax.crystal.spline import CubicTable
from msjax.typing import Array, Bool, Float, Scalar


class TabulatedEAM(EAM):
    """One element of a setfl file, interpolated by C2 cubic splines on the file's knots.

    The array leaves are the splines' coefficients. ``source`` names the file, ``mass`` (amu) and ``lattice_constant``
    (Å) are what the file states.
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
        """Read one element; see :func:`msjax.crystal.setfl.read_setfl` for what is refused."""
        file = read_setfl(Path(path))
        if element is None:
            element, *others = file.elements
            if others:
                raise ValueError(f"{path}: element: the file holds {', '.join(file.elements)}; say which one")
        i = file.element_index(element)
        return cls(
            pair_table=file.pair_table(element),
            density_table=file.density_table(element),
            embedding_table=file.embedding_table(element),
            radius=file.cutoff,
            element=element,
            source=Path(path).name,
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
