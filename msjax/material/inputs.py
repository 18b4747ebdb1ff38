"""What a step of a path gives to every material point besides the strain: time step, temperature, growth."""

from typing import Any, NamedTuple

import jax.numpy as jnp

from msjax.typing import Scalar, concrete


class Inputs(NamedTuple):
    """``time_step`` (≥ 0, the caller's unit of time), ``temperature`` and ``growth`` (a stretch); None where not given.

    One value for all points of a body, or one per point under vmap. Materials take what they need and leave the rest,
    so that phases of different kinds share their inputs.

    >>> import jax.numpy as jnp
    >>> Inputs(time_step=jnp.array(0.1)).temperature is None
    True
    """

    time_step: Any = None
    temperature: Any = None
    growth: Any = None


def time_step(inputs: Any, of: str) -> Scalar:
    """The time step of ``inputs``; ``ValueError`` where it is missing or, known now, negative."""
    step = inputs.time_step if isinstance(inputs, Inputs) else None
    if step is None:
        raise ValueError(f"inputs: {of} needs a time step, Inputs(time_step=...), got {inputs!r}")
    step = _number(step, "time_step")
    if concrete(step) and not step >= 0:
        raise ValueError(f"inputs.time_step: must be at least 0, got {float(step)}")
    return step


def temperature(inputs: Any, default: Scalar) -> Scalar:
    """The temperature of ``inputs``, or ``default`` where none is given."""
    if inputs is None or (isinstance(inputs, Inputs) and inputs.temperature is None):
        return default
    if not isinstance(inputs, Inputs):
        raise ValueError(f"inputs: expected Inputs(temperature=...), got {type(inputs).__name__}")
    return _number(inputs.temperature, "temperature")


def _number(value: Any, name: str) -> Scalar:
    number = jnp.asarray(value, float)
    if number.shape != ():
        raise ValueError(f"inputs.{name}: expected one number, got an array of shape {number.shape}")
    return number
