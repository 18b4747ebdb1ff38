"""How numbers enter a potential: float leaves, checked while they are concrete."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from msjax.typing import Array, concrete


def parameter(value: Any, name: str, *, positive: bool = False) -> Array:
    """A float array leaf; ``ValueError`` naming the parameter when a concrete value is not finite (or positive)."""
    array = jnp.asarray(value, dtype=float)
    if concrete(array):
        numbers = np.asarray(array)
        if not np.all(np.isfinite(numbers)):
            raise ValueError(f"{name}: must be finite, got {value}")
        if positive and not np.all(numbers > 0):
            raise ValueError(f"{name}: must be positive, got {value}")
    return array


def not_negative(value: Any, name: str) -> Array:
    """A float array leaf; ``ValueError`` naming the parameter when a concrete value is not finite or is negative."""
    array = parameter(value, name)
    if concrete(array) and np.any(np.asarray(array) < 0):
        raise ValueError(f"{name}: must not be negative, got {value}")
    return array
