"""A potential as an ASE calculator. Imported when it is asked for, since ASE is optional: ``ms.ase.Calculator``."""

from typing import Any, ClassVar

import ase
import equinox as eqx
import jax.numpy as jnp
import numpy as np
from ase.calculators import calculator
from ase.stress import full_3x3_to_voigt_6_stress

from msjax.crystal.ase import configuration_from_ase
from msjax.crystal.configurations.configuration import Configuration
from msjax.crystal.configurations.evaluation import evaluate
from msjax.crystal.configurations.neighbour_list import NeighbourList, neighbour_list
from msjax.crystal.potential import Potential
from msjax.status import Code


class Calculator(calculator.Calculator):
    """Energy, forces and stress of any ``ase.Atoms``, for equations of state, NEB, molecular dynamics, phonopy.

    ``Calculator(potential)`` works with every potential that finds its own neighbours, all but springs. The neighbour
    list and the compiled program are kept: the list is made anew when the atoms or the cell have used up its
    ``skin``, Å (default: 0.1 of the cut-off), which is checked at every step; ``lists`` counts how many were made.
    The stress is positive in tension and given wherever the cell has a volume.

    A failed evaluation raises ``ase.calculators.calculator.CalculationFailed`` with the status.

        copper = ase.build.bulk("Cu", cubic=True)
        copper.calc = ms.ase.Calculator(ms.EAM.gupta("Cu"))
        copper.get_potential_energy() / 4   # −3.544 eV

    >>> import msjax as ms
    >>> ms.ase.Calculator(ms.EAM.gupta("Cu")).implemented_properties
    ['energy', 'free_energy', 'energies', 'forces', 'stress']
    """

    implemented_properties: ClassVar[list[str]] = ["energy", "free_energy", "energies", "forces", "stress"]

    def __init__(self, potential: Potential, skin: float | None = None):
        super().__init__()
        self.potential, self.skin = potential, skin
        self.lists = 0
        self._neighbours: NeighbourList | None = None
        self._configuration: Configuration | None = None

    def calculate(
        self,
        atoms: ase.Atoms | None = None,
        properties: list[str] | None = None,
        system_changes: list[str] = calculator.all_changes,
    ) -> None:
        """All properties at once, as ASE asks for them."""
        super().calculate(atoms, properties or ["energy"], system_changes)
        configuration = self._moved(self.atoms, system_changes)
        found = None
        if self._neighbours is not None:
            found = evaluate(configuration, self.potential, self._neighbours)
        if found is None or int(found.status.code) == Code.OVERFLOW:
            self._neighbours = neighbour_list(configuration, self.potential, skin=self.skin, previous=self._neighbours)
            self.lists += 1
            found = evaluate(configuration, self.potential, self._neighbours)
        if bool(found.status.failed):
            raise calculator.CalculationFailed(f"msjax: {found.status}")
        self.results: dict[str, Any] = {
            "energy": float(found.energy),
            "free_energy": float(found.energy),
            "energies": np.array(found.site_energies),
            "forces": np.array(found.forces),
        }
        if float(configuration.volume) > 0.0:
            self.results["stress"] = full_3x3_to_voigt_6_stress(np.array(found.stress))

    def _moved(self, atoms: Any, changes: list[str]) -> Configuration:
        """The atoms as a configuration; species are read again only where ASE says that they changed."""
        known = self._configuration
        if known is None or known.atoms != len(atoms) or {"numbers", "pbc"} & set(changes):
            known, self._neighbours = configuration_from_ase(atoms), None
        else:
            place = jnp.asarray(atoms.positions, float), jnp.asarray(atoms.cell.array, float)
            known = eqx.tree_at(lambda c: (c.positions, c.cell), known, place)
        self._configuration = known
        return known
