"""Directions, frames along them, and the components of F in a frame."""

from collections.abc import Sequence
from typing import Any

import numpy as np


def check_direction(vector: Any, name: str) -> None:
    """``ValueError`` for anything but one to three finite numbers that are not all zero."""
    if not isinstance(vector, tuple) or len(vector) not in (1, 2, 3):
        raise ValueError(f"{name}: expected a tuple of one to three numbers, got {vector!r}")
    if not np.all(np.isfinite(vector)) or not np.any(vector):
        raise ValueError(f"{name}: must be finite and not zero, got {vector}")


def unit(vector: Sequence[float | int]) -> np.ndarray:
    """The vector over its length."""
    return np.array(vector, float) / np.linalg.norm(vector)


def frame(first: Sequence[float | int]) -> np.ndarray:
    """Orthonormal rows, right-handed, that begin with ``first``."""
    n = unit(first)
    if len(n) == 1:
        return n[None]
    if len(n) == 2:
        return np.array([n, [-n[1], n[0]]])
    second = np.cross(n, np.eye(3)[np.argmin(np.abs(n))])
    second = second / np.linalg.norm(second)
    return np.array([n, second, np.cross(n, second)])


def dyads(frame: np.ndarray) -> np.ndarray:
    """(d, d, d, d): e_i⊗e_j."""
    return np.einsum("iA,jB->ijAB", frame, frame)


def upper_but_first(dim: int) -> list[tuple[int, int]]:
    """The components of an upper triangular F but the first, column by column."""
    return [(i, j) for j in range(1, dim) for i in range(j + 1)]
