"""Embedded atom from the tables of a file, for one element or several."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp

from msjax.crystal.elementary import reciprocal, root
from msjax.crystal.funcfl import read_funcfl
from msjax.crystal.potential import Kinds
from msjax.crystal.potentials.eam import EAM
from msjax.crystal.setfl import FinnisSinclair, Setfl, read_finnis_sinclair, read_setfl
from msjax.crystal.spline import CubicTable
from msjax.typing import Array, Bool, Float, Scalar

Elements = str | Sequence[str] | None
"""One element of a file, several in the order in which they are to be numbered, or None for all there are."""


class TabulatedEAM(EAM):
    """Elements of a setfl, Finnis–Sinclair or funcfl file, interpolated by C2 cubic splines on the file's knots.

    The array leaves are the splines' coefficients; of several elements, ``pair_table`` holds those of all pairs
    (1,1), (2,1), (2,2), (3,1), … stacked, ``embedding_table`` of each element, and ``density_table`` of each element,
    or of each element at each other where the file says so (Finnis–Sinclair). ``source`` names the file, ``masses``
    (amu) and ``lattice_constants`` (Å) are what it states. Where the file's functions end with a step or a kink at the
    cut-off, so do these.
    """

    degrees: ClassVar[tuple[int, ...]] = (0,)

    pair_table: CubicTable
    density_table: CubicTable
    embedding_table: CubicTable
    radius: float = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    source: str = eqx.field(static=True)
    masses: tuple[float, ...] = eqx.field(static=True)
    lattice_constants: tuple[float, ...] = eqx.field(static=True)

    @classmethod
    def read(cls, path: str | os.PathLike[str], elements: Elements = None) -> "TabulatedEAM":
        """Read a setfl file; see :func:`msjax.crystal.setfl.read_setfl` for what is refused."""
        return cls._of_elements(read_setfl(Path(path)), elements)

    @classmethod
    def read_finnis_sinclair(cls, path: str | os.PathLike[str], elements: Elements = None) -> "TabulatedEAM":
        """Read a Finnis–Sinclair file, whose densities depend on both elements of a pair."""
        return cls._of_elements(read_finnis_sinclair(Path(path)), elements)

    @classmethod
    def read_funcfl(cls, path: str | os.PathLike[str]) -> "TabulatedEAM":
        """Read a funcfl file; see :func:`msjax.crystal.funcfl.read_funcfl` for what is refused."""
        file = read_funcfl(Path(path))
        return cls(
            pair_table=file.pair_table(),
            density_table=file.density_table(),
            embedding_table=file.embedding_table(),
            radius=file.cutoff,
            names=(file.element,),
            source=file.path.name,
            masses=(file.mass,),
            lattice_constants=(file.lattice_constant,),
        )

    @classmethod
    def _of_elements(cls, file: Setfl, elements: Elements) -> "TabulatedEAM":
        names = file.elements if elements is None else (elements,) if isinstance(elements, str) else tuple(elements)
        if not names or len(set(names)) != len(names):
            raise ValueError(f"{file.path}: elements: expected one or several, each once, got {names}")
        index = [file.element_index(name) for name in names]
        pairs = [file.pair_table(names[i], names[j]) for i in range(len(names)) for j in range(i + 1)]
        if isinstance(file, FinnisSinclair):
            densities = [file.density_table(of, at) for of in names for at in names]
        else:
            densities = [file.density_table(of) for of in names]
        return cls(
            pair_table=_one_or_stacked(pairs),
            density_table=_one_or_stacked(densities),
            embedding_table=_one_or_stacked([file.embedding_table(name) for name in names]),
            radius=file.cutoff,
            names=names,
            source=file.path.name,
            masses=tuple(file.masses[i] for i in index),
            lattice_constants=tuple(file.lattice_constants[i] for i in index),
        )

    @property
    def cutoff(self) -> float:
        """The file's cut-off, Å."""
        return self.radius

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements read."""
        return self.names

    @property
    def distinguishes(self) -> bool:
        """Whether there are several elements."""
        return len(self.names) > 1

    def among(self, site: Kinds, partner: Kinds) -> "TabulatedEAM":
        """With the tables of these pairs, of the partners' densities at these sites, and of the sites' embedding."""
        if not self.distinguishes:
            return self
        site, partner = jnp.asarray(site), jnp.asarray(partner)
        high, low = jnp.maximum(site, partner), jnp.minimum(site, partner)
        by_pair = self.density_table.coefficients.shape[0] > len(self.names)
        tables = (
            self.pair_table.of(high * (high + 1) // 2 + low),
            self.density_table.of(partner * len(self.names) + site if by_pair else partner),
            self.embedding_table.of(site),
        )
        return eqx.tree_at(lambda p: (p.pair_table, p.density_table, p.embedding_table), self, tables)

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


def _one_or_stacked(tables: Sequence[CubicTable]) -> CubicTable:
    return tables[0] if len(tables) == 1 else CubicTable.stacked(tables)
