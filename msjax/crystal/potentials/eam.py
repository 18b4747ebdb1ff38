"""The embedded-atom family: E_i = ½ Σ φ(r) + U(Σ ρ(r)) (Daw and Baskes, doi:10.1103/PhysRevB.29.6443)."""

import os
from typing import TYPE_CHECKING

from msjax.crystal.potential import Radial

if TYPE_CHECKING:
    from msjax.crystal.potentials.gupta import Gupta
    from msjax.crystal.potentials.tabulated_eam import TabulatedEAM


class EAM(Radial):
    """Embedded-atom potentials: ``EAM.gupta`` (analytic) and ``EAM.setfl`` (tables from a file)."""

    @staticmethod
    def gupta(element: str) -> "Gupta":
        """Cleri and Rosato's second-moment potential of an fcc metal (doi:10.1103/PhysRevB.48.22).

        >>> EAM.gupta("Al").elements
        ('Al',)
        """
        from msjax.crystal.potentials.gupta import Gupta

        return Gupta.of(element)

    @staticmethod
    def setfl(path: str | os.PathLike[str], element: str | None = None) -> "TabulatedEAM":
        """A potential from a setfl (``.eam.alloy``) file, with C2 cubic splines on the file's knots.

        ``element`` may be left out when the file holds one. Raises ``ValueError`` with file and line for anything
        malformed, and for an element that is not in the file.
        """
        from msjax.crystal.potentials.tabulated_eam import TabulatedEAM

        return TabulatedEAM.read(path, element)
