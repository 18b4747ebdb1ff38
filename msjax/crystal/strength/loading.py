"""Loadings: families F(t, x) with one parameter t prescribed and the unknowns x left to the material.

The energy is made stationary in x, which says P:∂F/∂x = 0. Each family is written so that this is the condition its
name promises, rotations being fixed by the form of F, not by a constraint that would carry stress.
"""

import abc
import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from msjax.typing import Array, Float, Scalar


class Loading(abc.ABC):
    """A family F(t, x), hashable: structure, not numbers. At t = 0 and x = ``start`` the crystal is undeformed.

    ``axis`` (d, d) names the component Σ:σ of the Cauchy stress that is the load's, None where no one component is.
    """

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Dimension of the crystal."""

    @property
    @abc.abstractmethod
    def start(self) -> tuple[float | int, ...]:
        """The unknowns x where the first step begins."""

    @property
    def axis(self) -> np.ndarray | None:
        """Σ (d, d)."""
        return None

    @abc.abstractmethod
    def deformation(self, t: Scalar, x: Float[Array, " m"]) -> Float[Array, "d d"]:
        """F."""


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
        _direction(self.direction, "direction")

    @property
    def dim(self) -> int:
        """From the length of the direction."""
        return len(self.direction)

    @property
    def start(self) -> tuple[float | int, ...]:
        """Undeformed."""
        return tuple(float(i == j) for i, j in _rest(self.dim))

    @property
    def axis(self) -> np.ndarray:
        """n⊗n."""
        return _modes(_frame(self.direction))[0, 0]

    def deformation(self, t, x):
        """(1 + t) n⊗n + the free components."""
        modes = _modes(_frame(self.direction))
        free = np.array([modes[i, j] for i, j in _rest(self.dim)]).reshape(-1, self.dim, self.dim)
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
        _direction(self.plane, "plane")
        _direction(self.direction, "direction")
        if len(self.plane) != len(self.direction) or len(self.plane) == 1:
            raise ValueError(f"plane and direction: expected two or three components each, got {self}")
        if abs(np.dot(_unit(self.plane), _unit(self.direction))) > 1e-9:
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
        modes = _modes(self._frame)
        return 0.5 * (modes[0, 1] + modes[1, 0])

    @property
    def _others(self) -> list[tuple[int, int]]:
        return [c for c in _rest(self.dim) if c != (0, 1)]

    @property
    def _frame(self) -> np.ndarray:
        s, m = _unit(self.direction), _unit(self.plane)
        return np.stack([s, m, np.cross(s, m)]) if self.dim == 3 else np.stack([s, m])

    def deformation(self, t, x):
        """F_ss(s⊗s + γ s⊗m) + the free components."""
        modes = _modes(self._frame)
        if not self.relaxed:
            return jnp.eye(self.dim) + t * modes[0, 1]
        free = jnp.asarray(np.array([modes[i, j] for i, j in self._others]))
        return x[0] * (modes[0, 0] + t * modes[0, 1]) + jnp.tensordot(x[1:], free, axes=1)


@dataclasses.dataclass(frozen=True)
class Triaxial(Loading):
    """Equal tension in all directions: det F = (1 + t)^d is prescribed, the shape relaxed, so that σ = σ 1 exactly.

    >>> Triaxial().start
    (1.0, 1.0, 0.0, 0.0, 0.0)
    """

    dim: int = 3  # type: ignore[override]

    def __post_init__(self):
        if self.dim not in (1, 2, 3):
            raise ValueError(f"dim: expected 1, 2 or 3, got {self.dim}")

    @property
    def start(self) -> tuple[float | int, ...]:
        """Undeformed."""
        return (1.0,) * (self.dim - 1) + (0.0,) * (self.dim * (self.dim - 1) // 2)

    @property
    def axis(self) -> np.ndarray:
        """1/d: the mean stress."""
        return np.eye(self.dim) / self.dim

    def deformation(self, t, x):
        """(1 + t) G, G upper triangular of determinant 1."""
        d = self.dim
        inner = jnp.concatenate([x[: d - 1], 1.0 / jnp.prod(x[: d - 1])[None]])
        upper = jnp.zeros((d, d)).at[np.triu_indices(d, 1)].set(x[d - 1 :])
        return (1.0 + t) * (jnp.diag(inner) + upper)


@dataclasses.dataclass(frozen=True)
class Stretch(Loading):
    """Along any direction H of strain space: F = U symmetric, U = 1 + t H + what is orthogonal to H and left free.

    ``direction`` H (d, d) symmetric, as nested tuples. The Biot stress sym(P) is then along H: no other component of
    it is left.

    >>> Stretch(((1, 0), (0, 0))).start
    (0.0, 0.0)
    """

    direction: tuple[tuple[float | int, ...], ...]

    def __post_init__(self):
        h = np.array(self.direction, float)
        if h.ndim != 2 or h.shape[0] != h.shape[1] or h.shape[0] > 3 or not np.allclose(h, h.T) or not np.any(h):
            raise ValueError(f"direction: expected a symmetric d×d matrix, not zero, got {self.direction}")

    @property
    def dim(self) -> int:
        """From the shape of H."""
        return len(self.direction)

    @property
    def start(self) -> tuple[float | int, ...]:
        """Undeformed."""
        return (0.0,) * (self.dim * (self.dim + 1) // 2 - 1)

    @property
    def axis(self) -> np.ndarray:
        """H/|H|."""
        h = np.array(self.direction, float)
        return h / np.linalg.norm(h)

    def deformation(self, t, x):
        """1 + t H + Σ x M."""
        d = self.dim
        rows, columns = np.triu_indices(d)
        basis = np.zeros((len(rows), d, d))
        for v, (i, j) in enumerate(zip(rows, columns, strict=True)):
            basis[v, i, j] = basis[v, j, i] = 1.0 if i == j else np.sqrt(0.5)
        along = np.tensordot(basis, self.axis, axes=2)
        complement = np.linalg.svd(along[None, :])[2][1:]  # orthonormal, orthogonal to H
        modes = jnp.asarray(np.tensordot(complement, basis, axes=1))
        return jnp.eye(d) + t * jnp.asarray(np.array(self.direction, float)) + jnp.tensordot(x, modes, axes=1)


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


@dataclasses.dataclass(frozen=True)
class Path(Loading):
    """A user's own family: ``function(t)`` → F with nothing free, or ``function(t, x)`` with ``start`` for x.

    ``function`` must be traceable by JAX and must not close over traced values; a function defined anew is compiled
    anew. ``component`` (d, d), as nested tuples, is the Σ of the Cauchy stress Σ:σ that counts as the load's.

    >>> import jax.numpy as jnp
    >>> Path(lambda t, x: jnp.diag(jnp.stack([1 + t, x[0], x[0]])), start=(1.0,)).dim  # tetragonal, laterally free
    3
    """

    function: Callable[..., Array]
    start: tuple[float | int, ...] = ()  # type: ignore[override]
    component: tuple[tuple[float | int, ...], ...] | None = None

    @property
    def dim(self) -> int:
        """From the shape of F."""
        shape = jax.eval_shape(self.deformation, jnp.zeros(()), jnp.zeros(len(self.start))).shape
        if len(shape) != 2 or shape[0] != shape[1]:
            raise ValueError(f"function: expected F of shape (d, d), got {shape}")
        return shape[0]

    @property
    def axis(self) -> np.ndarray | None:
        """``component``."""
        return None if self.component is None else np.array(self.component, float)

    def deformation(self, t, x):
        """``function``."""
        return self.function(t, x) if self.start else self.function(t)


def _direction(vector: Any, name: str) -> None:
    if not isinstance(vector, tuple) or len(vector) not in (1, 2, 3):
        raise ValueError(f"{name}: expected a tuple of one to three numbers, got {vector!r}")
    if not np.all(np.isfinite(vector)) or not np.any(vector):
        raise ValueError(f"{name}: must be finite and not zero, got {vector}")


def _unit(vector: Sequence[float | int]) -> np.ndarray:
    return np.array(vector, float) / np.linalg.norm(vector)


def _frame(first: Sequence[float | int]) -> np.ndarray:
    """Orthonormal rows, right-handed, that begin with ``first``."""
    n = _unit(first)
    if len(n) == 1:
        return n[None]
    if len(n) == 2:
        return np.array([n, [-n[1], n[0]]])
    second = np.cross(n, np.eye(3)[np.argmin(np.abs(n))])
    second = second / np.linalg.norm(second)
    return np.array([n, second, np.cross(n, second)])


def _modes(frame: np.ndarray) -> np.ndarray:
    """(d, d, d, d): e_i⊗e_j."""
    return np.einsum("iA,jB->ijAB", frame, frame)


def _rest(dim: int) -> list[tuple[int, int]]:
    """The components of an upper triangular F but the first, column by column."""
    return [(i, j) for j in range(1, dim) for i in range(j + 1)]
