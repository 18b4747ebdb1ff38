"""Shaped array types used in signatures across the library (checked by beartype in the tests)."""

from jaxtyping import Array, Bool, Complex, Float, Int, PyTree

Scalar = Float[Array, ""]
Flag = Bool[Array, ""]
Vector = Float[Array, " d"]
Matrix = Float[Array, "d d"]
Tensor4 = Float[Array, "d d d d"]

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
]
