"""Analytic embedded atoms of one element, tapered to zero."""

import equinox as eqx

from msjax.crystal.potentials.cutoff import taper
from msjax.crystal.potentials.eam import EAM
from msjax.typing import Array, Float


class TaperedEAM(EAM):
    """An embedded atom whose bond functions are tapered between ``inner`` and ``outer`` (Å, structure), with three
    continuous derivatives, and whose parameters are those of one ``element`` ("" where none is stated)."""

    inner: eqx.AbstractVar[float]
    outer: eqx.AbstractVar[float]
    element: eqx.AbstractVar[str]

    @property
    def cutoff(self) -> float:
        """The outer radius, Å."""
        return self.outer

    @property
    def elements(self) -> tuple[str, ...]:
        """The element the parameters are for, if stated."""
        return (self.element,) if self.element else ()

    def taper(self, r: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """1 below ``inner``, 0 from ``outer`` on."""
        return taper(r, self.inner, self.outer)
