"""Shaped array types used in signatures across the library (checked by beartype in the tests)."""

from jax.core import Tracer
from jaxtyping import Array, Bool, Complex, Float, Int, PyTree

Scalar = Float[Array, ""]
Flag = Bool[Array, ""]
Vector = Float[Array, " d"]
Matrix = Float[Array, "d d"]
Tensor4 = Float[Array, "d d d d"]


def concrete(*values: object) -> bool:
    """Whether all values are known now, so that they can be checked (false under jit, vmap and grad)."""
    return not any(isinstance(value, Tracer) for value in values)


__all__ = [
    "Array",
    "Bool",
    "Complex",
    "Flag",
    "Float",
    "Int",
    "Matrix",
    "PyTree",
    "Scalar",
    "Tensor4",
    "Vector",
    "concrete",
]
