"""Crystals and configurations to and from ASE Atoms (extra ``msjax[atoms]``), with the checks that ASE leaves to its
users, and potentials as ASE calculators.

ASE accepts positions that are NaN, atoms on top of each other and singular cells; here they are refused. Crystals must
be periodic in three dimensions: ASE has no others, and an invented vacuum would be neither side's crystal.
Configurations (:func:`configuration_from_ase`) may be periodic in some directions, or none.

Crystals in files come in through ASE, which reads CIF, POSCAR and many other formats:

    from msjax.crystal.ase import from_ase
    crystal = from_ase(ase.io.read("quartz.cif"))

and configurations likewise, from extended XYZ for instance: ``configuration_from_ase(ase.io.read("frame.extxyz"))``.
``Calculator(potential)`` is a potential for everything that ASE does with one
(:class:`msjax.crystal.configurations.calculator.Calculator`).
"""

from typing import Any

import numpy as np

from msjax.crystal.configurations.configuration import Configuration
from msjax.crystal.lattice import Crystal
from msjax.typing import concrete


def __getattr__(name: str) -> Any:
    if name != "Calculator":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    _ase()
    from msjax.crystal.configurations.calculator import Calculator

    return Calculator


def to_ase(crystal: Crystal | Configuration) -> Any:
    """``ase.Atoms`` of a three-dimensional crystal or configuration: cell, symbols, positions, masses and what is
    periodic.

    Raises ``ValueError`` in one and two dimensions and for traced values, ``ImportError`` where ASE is missing.
    """
    atoms = _ase().Atoms
    if crystal.dim != 3:
        raise ValueError(f"crystal: has {crystal.dim} dimension(s), ASE knows three only: embed it yourself")
    positions = crystal.positions if isinstance(crystal, Configuration) else crystal.basis
    if not concrete(crystal.cell, positions, crystal.masses):
        raise ValueError("crystal: values are traced (inside jit, vmap or grad): convert to ASE outside")
    return atoms(
        symbols=list(crystal.species),
        positions=np.asarray(positions),
        cell=np.asarray(crystal.cell),
        masses=np.asarray(crystal.masses),
        pbc=crystal.periodic if isinstance(crystal, Configuration) else True,
    )


def from_ase(atoms: Any, structure: str = "") -> Crystal:
    """The crystal of ``ase.Atoms``: cell, symbols, positions and masses (Å, amu). The rest is not taken over:
    constraints, velocities, charges, magnetic moments.

    ``structure`` names the result: one of those of :func:`msjax.crystal.lattice.bulk` where it is one, so that its
    lattice constant, faces and special points are known by their names. Sites that are not fully occupied by one
    species are refused where ASE tells of them, as after ``ase.io.read("x.cif")``; with
    ``fractional_occupancies=False`` it does not.

    Raises ``ValueError``, naming the atoms, for directions that are not periodic, positions or cells that are not
    finite, a singular cell, coincident atoms (periodic images included), shared and partly empty sites, and no atoms
    at all; ``TypeError`` for something else than ``ase.Atoms``; ``ImportError`` where ASE is missing.
    """
    _check_atoms(atoms)
    open_directions = [i for i in range(3) if not atoms.pbc[i]]
    if open_directions:
        raise ValueError(
            f"atoms: not periodic along cell vector(s) {open_directions}; a crystal is periodic in all directions "
            "(set atoms.pbc = True if it is one)"
        )
    return Crystal(
        cell=np.array(atoms.cell.array, dtype=float),
        basis=np.array(atoms.positions, dtype=float),
        species=tuple(atoms.get_chemical_symbols()),
        structure=structure,
        masses=np.array(atoms.get_masses(), dtype=float),
    )


def configuration_from_ase(atoms: Any) -> Configuration:
    """The configuration of ``ase.Atoms``: cell, symbols, positions, masses (Å, amu) and what is periodic. The rest is
    not taken over: constraints, velocities, charges, magnetic moments.

    Raises ``ValueError`` for positions or cells that are not finite, linearly dependent periods, shared and partly
    empty sites, and no atoms at all; ``TypeError`` for something else than ``ase.Atoms``; ``ImportError`` where ASE
    is missing.
    """
    _check_atoms(atoms)
    return Configuration(
        cell=np.array(atoms.cell.array, dtype=float),
        positions=np.array(atoms.positions, dtype=float),
        species=tuple(atoms.get_chemical_symbols()),
        periodic=tuple(bool(p) for p in atoms.pbc),
        masses=np.array(atoms.get_masses(), dtype=float),
    )


def _check_atoms(atoms: Any) -> None:
    if not isinstance(atoms, _ase().Atoms):
        raise TypeError(f"atoms: expected ase.Atoms, got {type(atoms).__name__}")
    if len(atoms) == 0:
        raise ValueError("atoms: there are none")
    for site, kinds in atoms.info.get("occupancy", {}).items():  # of a CIF: the share of each species on a kind of site
        if len(kinds) != 1 or any(share < 1.0 - 1e-6 for share in kinds.values()):
            shares = ", ".join(f"{share:g} {symbol}" for symbol, share in kinds.items())
            raise ValueError(
                f"atoms: site {site} is shared or partly empty ({shares}); say who sits there and remove "
                "atoms.info['occupancy']"
            )


def _ase() -> Any:
    try:
        import ase
    except ImportError as error:
        raise ImportError("ASE is needed here: pip install 'msjax[atoms]'") from error
    return ase
