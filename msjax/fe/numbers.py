"""What users give as numbers, refused with its name where it is none."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from msjax.typing import Array, concrete


def numbers(value: Any, name: str) -> Array:
    """An array of floats; ``ValueError`` with the name for what is none."""
    try:
        return jnp.asarray(value, float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name}: expected numbers, got {value!r}") from error


def check_finite(values: Array, name: str) -> None:
    """``ValueError`` for concrete values that are not."""
    if concrete(values) and not np.all(np.isfinite(np.asarray(values))):
        raise ValueError(f"{name}: must be finite")


def spread(values: Array, shape: tuple[int, ...]) -> Array | np.ndarray:
    """Broadcast; on the host if not traced, as every shape would be compiled for."""
    return np.broadcast_to(np.asarray(values), shape) if concrete(values) else jnp.broadcast_to(values, shape)
