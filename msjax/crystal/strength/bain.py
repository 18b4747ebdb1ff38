"""Bain's path."""

import dataclasses

import numpy as np

from msjax.crystal.strength.loading import Loading
from msjax.typing import Array, Float


@dataclasses.dataclass(frozen=True)
class Bain(Loading):
    """Bain's path (1924) of a cubic crystal with cubic axes x, y, z: tetragonal about ``along``.

    ``parent`` "fcc" or "bcc" is the crystal at hand; c/a counts in the body-centred tetragonal cell, √2 for fcc and 1
    for bcc. ``relaxed="volume"``: t is c/a, the volume free (mean stress zero). ``relaxed="lateral"``: t is the nominal
    strain along c, a free (σ_c alone). Where neighbours come in, build the material with a larger ``strain_margin``:
    from fcc to bcc c shrinks by a fifth.

    >>> import jax.numpy as jnp
    >>> Bain().deformation(jnp.array(2.0**0.5), jnp.ones(1)).round(6).tolist()
    [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """

    parent: str = "fcc"
    relaxed: str = "volume"
    along: int = 2

    def __post_init__(self):
        if self.parent not in ("fcc", "bcc"):
            raise ValueError(f"parent: expected 'fcc' or 'bcc', got {self.parent!r}")
        if self.relaxed not in ("volume", "lateral"):
            raise ValueError(f"relaxed: expected 'volume' or 'lateral', got {self.relaxed!r}")
        if self.along not in (0, 1, 2):
            raise ValueError(f"along: expected 0, 1 or 2, got {self.along!r}")

    @property
    def dim(self) -> int:
        """3."""
        return 3

    @property
    def start(self) -> tuple[float | int, ...]:
        """Undeformed."""
        return (1.0,)

    @property
    def axis(self) -> np.ndarray:
        """c⊗c."""
        return np.diag(np.eye(3)[self.along])

    def ratio(self, deformation: Float[Array, "*n 3 3"]) -> Float[Array, "*n"]:
        """c/a of F."""
        other = (self.along + 1) % 3
        return self._natural * deformation[..., self.along, self.along] / deformation[..., other, other]

    @property
    def _natural(self) -> float:
        return 2.0**0.5 if self.parent == "fcc" else 1.0

    def deformation(self, t, x):
        """diag(a, a, c)."""
        along = self.axis
        across = np.eye(3) - along
        if self.relaxed == "lateral":
            return (1.0 + t) * along + x[0] * across
        third = (t / self._natural) ** (1.0 / 3.0)
        return x[0] * (third * third * along + across / third)
