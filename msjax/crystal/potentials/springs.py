"""Harmonic springs between shells of neighbours."""

from collections.abc import Sequence
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.crystal.elementary import root
from msjax.crystal.potential import Potential, Radial
from msjax.crystal.potentials.parameter import parameter
from msjax.typing import Array, Float


class Springs(Radial):
    """½ K_n (r − l_n)² on every bond of the n-th shell of the reference crystal, whatever its present length.

    ``stiffness`` (n,) in eV/Å² and ``length`` (n,) in Å are parameters; ``shells`` are the *reference* distances at
    which the springs are attached, Å (default: the rest lengths). The springs are topological: no cut-off.

    >>> square = Springs(stiffness=[1.0, 1.0], length=[1.0, 2.0**0.5])
    >>> float(square.cutoff) < 1.5
    True
    """

    topological: ClassVar[bool] = True

    stiffness: Float[Array, " n"]
    length: Float[Array, " n"]
    shells: tuple[float, ...] = eqx.field(static=True)

    def __init__(self, stiffness: Any, length: Any, shells: Sequence[float] | None = None):
        self.stiffness = parameter(stiffness, "stiffness")
        self.length = parameter(length, "length", positive=True)
        if self.stiffness.ndim != 1 or self.stiffness.shape != self.length.shape:
            raise ValueError(
                f"stiffness and length: one number per shell each, got {self.stiffness.shape} and {self.length.shape}"
            )
        self.shells = tuple(float(x) for x in (np.asarray(self.length) if shells is None else shells))
        if len(self.shells) != self.length.shape[0]:
            raise ValueError(f"shells: {len(self.shells)} distances for {self.length.shape[0]} springs")

    @property
    def cutoff(self) -> float:
        """The longest spring's reference distance, Å, with room for round-off."""
        return max(self.shells) * (1.0 + 1e-6)

    def bind(self, reference: Float[Array, " nb"]) -> Potential:
        """Attach each bond to the shell of its reference length; bonds between shells get no spring."""
        shells = jnp.asarray(self.shells)
        misfit = jnp.abs(reference[:, None] - shells[None, :])
        nearest = jnp.argmin(misfit, axis=1)
        attached = jnp.min(misfit, axis=1) <= 1e-3 * shells[nearest]
        stiffness = jnp.where(attached, self.stiffness[nearest], 0.0)
        return eqx.tree_at(lambda p: (p.stiffness, p.length), self, (stiffness, self.length[nearest]))

    def only(self, bonds: np.ndarray) -> Potential:
        """Bound springs of these bonds, by their rows."""
        return eqx.tree_at(lambda p: (p.stiffness, p.length), self, (self.stiffness[bonds], self.length[bonds]))

    def pair(self, r2: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """Half the spring's energy, eV; for bound springs, bond by bond."""
        return 0.25 * self.stiffness * (root(r2) - self.length) ** 2
