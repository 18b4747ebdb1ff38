"""Force constants to and from phonopy (https://phonopy.github.io/phonopy), and with it its files.

from msjax.crystal.phonons.phonopy import from_phonopy, to_phonopy
to_phonopy(ms.phonons.force_constants(material, 4)).save("phonopy_params.yaml", {"force_constants": True})
constants = from_phonopy(phonopy.load("phonopy_params.yaml"))
"""

from typing import Any

import numpy as np

from msjax.crystal.lattice import Crystal
from msjax.crystal.phonons.force_constants import ForceConstants
from msjax.crystal.supercell import cells_within, into
from msjax.typing import concrete


def to_phonopy(constants: ForceConstants) -> Any:
    """``phonopy.Phonopy`` with the force constants: its primitive cell is the crystal's, units are eV, Å and amu.

    Raises ``ValueError`` for traced values or a crystal that is not three-dimensional, ``ImportError`` without phonopy.
    """
    phonopy = _phonopy()
    from phonopy.structure.atoms import PhonopyAtoms

    crystal = constants.crystal
    if crystal.dim != 3:
        raise ValueError(f"crystal: has {crystal.dim} dimension(s), phonopy knows three only")
    if not concrete(crystal.cell, crystal.basis, crystal.masses, constants.values):
        raise ValueError("constants: values are traced (inside jit, vmap or grad): convert outside")
    cell, basis = np.asarray(crystal.cell, float), np.asarray(crystal.basis, float)
    unit = PhonopyAtoms(
        symbols=list(crystal.species), cell=cell, positions=basis, masses=np.asarray(crystal.masses).tolist()
    )
    made = phonopy.Phonopy(unit, np.array(constants.matrix).T, primitive_matrix="P", log_level=0)
    atoms, vectors = _places(made.supercell.positions, cell, basis, np.array(constants.matrix))
    values = np.asarray(constants.values)
    position = {tuple(m): k for k, m in enumerate(cells_within(np.array(constants.matrix)).tolist())}
    full = np.zeros((len(atoms), len(atoms), 3, 3))
    for one, (i, m) in enumerate(zip(atoms, vectors, strict=True)):
        others = into(np.array(constants.matrix), vectors - m)
        full[one] = values[i, atoms, [position[tuple(v)] for v in others.tolist()]]
    made.force_constants = full
    return made


def from_phonopy(phonopy: Any) -> ForceConstants:
    """The force constants of a ``phonopy.Phonopy``, full or compact, for its primitive cell, in its eV, Å and amu.

    Long-range (non-analytical) corrections are not taken over. Raises ``ValueError`` where there are no force
    constants, or where it was made for a code with other units.
    """
    if getattr(phonopy, "force_constants", None) is None:
        raise ValueError("phonopy: has no force constants; produce or load them first")
    if phonopy.calculator not in (None, "vasp"):
        raise ValueError(f"phonopy: made for {phonopy.calculator!r}, whose units are not eV and Å; convert it first")
    primitive, supercell = phonopy.primitive, phonopy.supercell
    cell, basis = np.array(primitive.cell, float), np.array(primitive.positions, float)
    matrix = np.rint(np.asarray(supercell.cell) @ np.linalg.inv(cell)).astype(int)
    atoms, vectors = _places(np.asarray(supercell.positions), cell, basis, matrix)
    position = {tuple(m): k for k, m in enumerate(cells_within(matrix).tolist())}
    given = np.asarray(phonopy.force_constants, float)
    rows = primitive.p2s_map if given.shape[0] == given.shape[1] else np.arange(len(basis))
    values = np.zeros((len(basis), len(basis), len(position), 3, 3))
    for i, (row, home) in enumerate(zip(rows, primitive.p2s_map, strict=True)):
        apart = into(matrix, vectors - vectors[home])
        values[i, atoms, [position[tuple(m)] for m in apart.tolist()]] = given[row]
    crystal = Crystal(
        cell=cell, basis=basis, species=tuple(primitive.symbols), masses=np.array(primitive.masses, float)
    )
    return ForceConstants(crystal, values, matrix)


def _places(positions: np.ndarray, cell: np.ndarray, basis: np.ndarray, matrix: np.ndarray):
    """Which basis atom each atom of the supercell is, and in which cell."""
    apart = (positions[:, None, :] - basis[None, :, :]) @ np.linalg.inv(cell)
    off = np.max(np.abs(apart - np.rint(apart)), axis=2)
    atoms = np.argmin(off, axis=1)
    if np.max(np.min(off, axis=1)) > 1e-4:
        raise ValueError("phonopy: the supercell's atoms are not where the primitive cell repeats them")
    vectors = np.rint(apart[np.arange(len(atoms)), atoms]).astype(int)
    return atoms, into(matrix, vectors)


def _phonopy() -> Any:
    try:
        import phonopy
    except ImportError as error:
        raise ImportError("phonopy is needed here: pip install phonopy") from error
    return phonopy
