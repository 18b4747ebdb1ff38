"""Point defects: vacancies, interstitials, dumbbells, and what they cost."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from msjax.crystal.configurations.configuration import Configuration
from msjax.crystal.configurations.evaluation import evaluate
from msjax.crystal.configurations.neighbour_list import neighbour_list
from msjax.crystal.configurations.relaxation import Relaxed, relax
from msjax.crystal.potential import Potential
from msjax.status import check
from msjax.typing import Scalar

Row = ArrayLike | Sequence[float | int]
"""What is taken for a position or a direction."""


class Formation(NamedTuple):
    """``energy`` of formation, eV, of the ``relaxed`` defect, and ``unrelaxed``, eV, where the atoms stay."""

    energy: Scalar
    unrelaxed: Scalar
    relaxed: Relaxed


def vacancy(configuration: Configuration, *atoms: int) -> Configuration:
    """The configuration without these atoms.

    Raises ``ValueError`` for atoms that are not there, or all of them.

    >>> import msjax as ms
    >>> vacancy(ms.Configuration.of(ms.bulk("Cu", "fcc", a=3.615), 3), 0).atoms
    26
    """
    gone = {_index(configuration, atom, "atoms") for atom in atoms}
    kept = np.array([i for i in range(configuration.atoms) if i not in gone], int)
    if not len(kept):
        raise ValueError("atoms: none would be left")
    return Configuration(
        configuration.cell,
        configuration.positions[kept],
        [configuration.species[i] for i in kept],
        configuration.periodic,
        configuration.masses[kept],
    )


def interstitial(configuration: Configuration, position: Row, species: str) -> Configuration:
    """The configuration with one atom more, the last, at ``position`` (d,), Å.

    >>> import msjax as ms
    >>> copper = ms.Configuration.of(ms.bulk("Cu", "fcc", a=3.615), 3)
    >>> interstitial(copper, [3.615 / 2, 0, 0], "Cu").atoms  # the octahedral site
    28
    """
    place = jnp.asarray(position, float)
    if place.shape != (configuration.dim,):
        raise ValueError(f"position: expected shape ({configuration.dim},), got {place.shape}")
    alone = Configuration(configuration.cell, place[None], species, configuration.periodic)
    return Configuration(
        configuration.cell,
        jnp.concatenate([configuration.positions, alone.positions]),
        (*configuration.species, species),
        configuration.periodic,
        jnp.concatenate([configuration.masses, alone.masses]),
    )


def dumbbell(configuration: Configuration, atom: int, axis: Row, length: float) -> Configuration:
    """A split interstitial: two atoms ``length``, Å, apart along ``axis`` (d,) share the site of ``atom``.

    >>> import msjax as ms
    >>> copper = ms.Configuration.of(ms.bulk("Cu", "fcc", a=3.615), 3)
    >>> dumbbell(copper, 0, [0, 0, 1], 2.1).atoms
    28
    """
    atom = _index(configuration, atom, "atom")
    along = jnp.asarray(axis, float)
    if along.shape != (configuration.dim,) or not float(jnp.linalg.norm(along)) > 0.0:
        raise ValueError(f"axis: expected a direction of {configuration.dim} components, got {axis}")
    if not length > 0.0:
        raise ValueError(f"length: must be positive, got {length}")
    half = (0.5 * length / jnp.linalg.norm(along)) * along
    site = configuration.positions[atom]
    moved = configuration.at(configuration.positions.at[atom].set(site - half))
    return interstitial(moved, site + half, configuration.species[atom])


def formation_energy(
    defect: Configuration,
    perfect: Configuration,
    potential: Potential,
    *,
    cell: Literal["fixed", "free"] = "fixed",
    tolerance: float = 1e-5,
    throw: bool = True,
) -> Formation:
    """E(defect) − (n_defect / n_perfect) E(perfect), eV, the defect relaxed.

    For one species: an atom taken out or put in comes from, or goes to, the perfect crystal, which must be relaxed
    itself. ``cell="fixed"`` keeps the perfect crystal's volume, ``"free"`` relaxes the stress of the defect; the two,
    and cells of different size, differ by the elastic interaction of the images, of the order 1/n.

    Raises as :func:`msjax.crystal.configurations.relax` does.

    >>> import msjax as ms
    >>> perfect = ms.Configuration.of(ms.bulk("Cu", "fcc", a=3.615), 3)
    >>> found = formation_energy(vacancy(perfect, 0), perfect, ms.EAM.gupta("Cu"))
    >>> bool(0.0 < found.energy < found.unrelaxed)
    True
    """
    bulk = evaluate(perfect, potential, neighbour_list(perfect, potential))
    check(bulk.status, "formation_energy: perfect crystal", throw)
    start = evaluate(defect, potential, neighbour_list(defect, potential))
    relaxed = relax(defect, potential, cell=cell, tolerance=tolerance, throw=throw)
    reference = (defect.atoms / perfect.atoms) * bulk.energy
    return Formation(relaxed.energy - reference, start.energy - reference, relaxed)


def _index(configuration: Configuration, atom: int, argument: str) -> int:
    if not 0 <= atom < configuration.atoms:
        raise ValueError(f"{argument}: {atom} is not one of 0 … {configuration.atoms - 1}")
    return int(atom)
