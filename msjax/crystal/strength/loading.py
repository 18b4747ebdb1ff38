"""Loadings: families F(t, x) with one parameter t prescribed and the unknowns x left to the material.

The energy is made stationary in x, which says P:∂F/∂x = 0. Each family is written so that this is the condition its
name promises, rotations being fixed by the form of F, not by a constraint that would carry stress.
"""

import abc
import dataclasses
from collections.abc import Callable

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
