"""Loadings along a direction: tension, and shear on a plane."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from msjax.crystal.strength.frames import check_direction, dyads, frame, unit, upper_but_first
from msjax.crystal.strength.loading import Loading


@dataclasses.dataclass(frozen=True)
class Tension(Loading):
    """Uniaxial stress along the crystal's direction ``direction``: t is the nominal strain, negative in compression.

    F maps the direction n to (1 + t) n and is upper triangular in a frame that begins with n, its other components
    free; by moment equilibrium σ = σ n⊗n exactly. Along symmetric directions the symmetric branch is followed as long
    as nothing disturbs it, also where it is no minimum any more (status UNSTABLE).

    >>> Tension((1, 1, 1)).dim
    3
    """

    direction: tuple[float | int, ...]

    def __post_init__(self):
        check_direction(self.direction, "direction")

    @property
    def dim(self) -> int:
        """From the length of the direction."""
        return len(self.direction)

    @property
    def start(self) -> tuple[float | int, ...]:
        """Undeformed."""
        return tuple(float(i == j) for i, j in upper_but_first(self.dim))

    @property
    def axis(self) -> np.ndarray:
        """n⊗n."""
        return dyads(frame(self.direction))[0, 0]

    def deformation(self, t, x):
        """(1 + t) n⊗n + the free components."""
        modes = dyads(frame(self.direction))
        free = np.array([modes[i, j] for i, j in upper_but_first(self.dim)]).reshape(-1, self.dim, self.dim)
        return (1.0 + t) * modes[0, 0] + jnp.tensordot(x, jnp.asarray(free), axes=1)


@dataclasses.dataclass(frozen=True)
class Shear(Loading):
    """Shear by t = γ on the ``plane`` with that normal along ``direction`` in it (Cartesian components).

    ``relaxed``: all other Cauchy stresses vanish, σ = τ (s⊗m + m⊗s) exactly. In the frame (s, m, s×m) F is upper
    triangular with F_sm = γ F_ss, the other components free (γ = F_sm/F_ss is what dσ:D does no work on). The lattice
    direction s stays; the lattice plane stays on m where s×m is normal to a mirror plane, as for ⟨11-2⟩{111}, and
    else may tilt about s. Not ``relaxed``: simple shear F = 1 + γ s⊗m.

    >>> bool(abs(Shear(plane=(1, 1, 1), direction=(1, 1, -2)).axis.trace()) < 1e-12)
    True
    """

    plane: tuple[float | int, ...]
    direction: tuple[float | int, ...]
    relaxed: bool = True

    def __post_init__(self):
        check_direction(self.plane, "plane")
        check_direction(self.direction, "direction")
        if len(self.plane) != len(self.direction) or len(self.plane) == 1:
            raise ValueError(f"plane and direction: expected two or three components each, got {self}")
        if abs(np.dot(unit(self.plane), unit(self.direction))) > 1e-9:
            raise ValueError(f"direction: {self.direction} does not lie in the plane with normal {self.plane}")

    @property
    def dim(self) -> int:
        """From the length of the normal."""
        return len(self.plane)

    @property
    def start(self) -> tuple[float | int, ...]:
        """Undeformed; none in simple shear."""
        return (1.0, *(float(i == j) for i, j in self._others)) if self.relaxed else ()

    @property
    def axis(self) -> np.ndarray:
        """½(s⊗m + m⊗s)."""
        modes = dyads(self._frame)
        return 0.5 * (modes[0, 1] + modes[1, 0])

    @property
    def _others(self) -> list[tuple[int, int]]:
        return [c for c in upper_but_first(self.dim) if c != (0, 1)]

    @property
    def _frame(self) -> np.ndarray:
        s, m = unit(self.direction), unit(self.plane)
        return np.stack([s, m, np.cross(s, m)]) if self.dim == 3 else np.stack([s, m])

    def deformation(self, t, x):
        """F_ss(s⊗s + γ s⊗m) + the free components."""
        modes = dyads(self._frame)
        if not self.relaxed:
            return jnp.eye(self.dim) + t * modes[0, 1]
        free = jnp.asarray(np.array([modes[i, j] for i, j in self._others]))
        return x[0] * (modes[0, 0] + t * modes[0, 1]) + jnp.tensordot(x[1:], free, axes=1)
