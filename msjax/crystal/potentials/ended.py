"""Pair potentials that are ended at a cut-off."""

import abc

import equinox as eqx

from msjax.crystal.elementary import root
from msjax.crystal.potential import Radial
from msjax.crystal.potentials.cutoff import Ending, check_radii, end
from msjax.typing import Array, Float


class Ended(Radial):
    """A pair energy φ(r), ended between ``inner`` and ``outer`` (Å) in the way ``ending`` says.

    A subclass says ``energy`` and calls ``set_radii``. The radii are structure, not parameters.
    """

    inner: eqx.AbstractVar[float]
    outer: eqx.AbstractVar[float]
    ending: eqx.AbstractVar[Ending]

    @abc.abstractmethod
    def energy(self, r: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """The untruncated pair energy, eV."""

    @property
    def cutoff(self) -> float:
        """The outer radius, Å."""
        return self.outer

    def pair(self, r2: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """Half the pair energy, eV."""
        return 0.5 * end(self.energy, root(r2), self.outer, self.inner, self.ending)


def radii(inner: float | None, outer: float | None, natural: tuple[float, float]) -> tuple[float, float]:
    """Inner and outer radius, by default the ``natural`` ones; an outer one alone keeps their ratio."""
    outer = float(natural[1] if outer is None else outer)
    inner = float(natural[0] / natural[1] * outer if inner is None else inner)
    check_radii(inner, outer)
    return inner, outer
