"""What crystals and configurations take for numbers."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from msjax.typing import Array, Scalar, concrete

Rows = ArrayLike | Sequence[Sequence[float | int]]
"""An array or nested sequences of numbers."""


def real(x: Rows | Sequence[float], argument: str) -> Array:
    """Real numbers as a float array, traced or not; ``ValueError`` naming the ``argument`` for anything else."""
    try:
        array = jnp.asarray(x)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{argument}: expected numbers in rows of one length, got {x!r}") from error
    if jnp.issubdtype(array.dtype, jnp.complexfloating) or array.dtype == jnp.bool_:
        raise ValueError(f"{argument}: expected real numbers, got {array.dtype}")
    return array.astype(float)


def positive(x: ArrayLike, argument: str) -> Scalar:
    """One number; ``ValueError`` where it is known not to be positive and finite."""
    array = real(x, argument)
    if array.shape != ():
        raise ValueError(f"{argument}: expected one number, got shape {array.shape}")
    if concrete(array) and not (np.isfinite(array) and array > 0):
        raise ValueError(f"{argument} = {x}: must be positive and finite")
    return array
