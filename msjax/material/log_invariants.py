"""Sums of powers of principal stretches without principal stretches: smooth where stretches coincide.

Eigenvalues of C are not differentiable where two of them coincide, though Σ λᵢ^α is. With hᵢ = ln λ̄ᵢ², which add up to
0, and their invariants J₂ = ½ Σ hᵢ² and J₃ = h₁h₂h₃, every power of H = ln C̄ reduces by H³ = J₂ H + J₃ (Cayley and
Hamilton) to a quadratic, and so does exp(aH), whose coefficients are entire functions of (J₂, J₃). And (J₂, J₃) are
smooth functions of (Ī₁, Ī₂) = (tr exp H, tr exp(−H)) by the implicit function theorem: the Jacobian is a quotient of
Vandermonde determinants, which stays positive where stretches coincide.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from msjax.tensors import inverse
from msjax.typing import Array, Float, Scalar

TERMS = 17
DOUBLINGS = 5
FACTORS = np.array([1.0 / math.factorial(n) for n in range(TERMS, 0, -1)])
REACH = 2.0**DOUBLINGS
"""Largest |a h| at which the series has converged to round-off: powers λ̄^α from e^−32 to e^32."""


def exponential_coefficients(
    a: Float[Array, ""], second: Float[Array, ""], third: Float[Array, ""]
) -> tuple[Scalar, Scalar, Scalar]:
    """(e₀, e₁, e₂) with exp(aH) = 1 + e₀ + e₁ H + e₂ H² for a traceless H with the invariants J₂ and J₃.

    Taylor's series of exp(aH/32) by Horner's rule, then five squarings, all modulo H³ = J₂ H + J₃. Both are loops:
    unrolled they would run no faster and compile for very long in higher derivatives.
    """
    scale = a / REACH
    u, v = scale**2 * second, scale**3 * third

    def horner(e, coefficient):
        e0, e1, e2 = e
        return (v * e2, e0 + coefficient + u * e2, e1), None

    def squaring(e, _):
        e0, e1, e2 = e
        cubic, quartic = 2.0 * e1 * e2, e2 * e2
        return (
            2.0 * e0 + e0 * e0 + v * cubic,
            2.0 * (1.0 + e0) * e1 + u * cubic + v * quartic,
            2.0 * (1.0 + e0) * e2 + e1 * e1 + u * quartic,
        ), None

    e = (0.0 * u, 0.0 * u, 0.0 * u)
    e, _ = jax.lax.scan(horner, e, FACTORS)
    (e0, e1, e2), _ = jax.lax.scan(squaring, e, None, length=DOUBLINGS)
    return e0, scale * e1, scale**2 * e2


@jax.custom_jvp
def exponential_sum(a: Float[Array, ""], second: Float[Array, ""], third: Float[Array, ""]) -> Scalar:
    """Σ exp(a hᵢ) − 3 from J₂ and J₃ of three numbers hᵢ that add up to 0; a derivative costs no further series.

    >>> import jax.numpy as jnp
    >>> round(float(exponential_sum(jnp.array(1.0), jnp.array(7.0), jnp.array(-6.0))), 9)  # h = 1, 2, −3
    7.157124996
    """
    e0, _, e2 = exponential_coefficients(a, second, third)
    return 3.0 * e0 + 2.0 * second * e2


@exponential_sum.defjvp
def _exponential_sum_jvp(primals, tangents):
    (a, second, third), (da, d2, d3) = primals, tangents
    e0, e1, e2 = exponential_coefficients(a, second, third)
    value = 3.0 * e0 + 2.0 * second * e2
    return value, a * (e1 * d2 + e2 * d3) + (2.0 * second * e1 + 3.0 * third * e2) * da


def _isochoric(j: Float[Array, "2"]) -> tuple[Float[Array, "2"], Float[Array, "2 2"]]:
    """(Ī₁ − 3, Ī₂ − 3) from (J₂, J₃), and the Jacobian."""
    sign = jnp.array([1.0, -1.0])
    e0, e1, e2 = jax.vmap(exponential_coefficients, in_axes=(0, None, None))(sign, j[0], j[1])
    return 3.0 * e0 + 2.0 * j[0] * e2, jnp.stack([sign * e1, sign * e2], axis=1)


@jax.custom_jvp
def logarithmic_invariants(isochoric: Float[Array, "2"]) -> Float[Array, "2"]:
    """(J₂, J₃) of hᵢ = ln λ̄ᵢ² from (Ī₁ − 3, Ī₂ − 3); differentiable to any order, at coincident stretches too.

    From the roots of the characteristic cubic, of which those that coincide are known to half the digits, and a step of
    Newton in (J₂, J₃), where nothing is singular. NaN where a stretch is out of reach.

    >>> import jax, jax.numpy as jnp
    >>> jax.jacfwd(logarithmic_invariants)(jnp.zeros(2)).tolist()  # at F = 1
    [[0.5, 0.5], [1.0, -1.0]]
    """
    top, bottom = _log_largest(isochoric[0], isochoric[1]), -_log_largest(isochoric[1], isochoric[0])
    middle = -top - bottom
    j = jnp.stack([0.5 * (top**2 + middle**2 + bottom**2), top * middle * bottom])
    values, jacobian = _isochoric(j)
    j = j - inverse(jacobian) @ (values - isochoric)
    return jnp.where(jnp.maximum(top, -bottom) <= REACH, j, jnp.nan)


@logarithmic_invariants.defjvp
def _logarithmic_invariants_jvp(primals, tangents):
    j = logarithmic_invariants(*primals)
    return j, inverse(_isochoric(j)[1]) @ tangents[0]


def _log_largest(first: Scalar, second: Scalar) -> Scalar:
    """ln of the largest root of x³ − I₁x² + I₂x − 1, given I₁ − 3 and I₂ − 3."""
    mean, inner = first / 3.0 + 1.0, second + 3.0
    p2 = mean**2 - inner / 3.0
    p = jnp.sqrt(jnp.where(p2 > 0, p2, 1.0))
    half_det = mean**3 - 0.5 * mean * inner + 0.5
    angle = jnp.arccos(jnp.clip(half_det / p**3, -1.0, 1.0)) / 3.0
    return jnp.log(mean + jnp.where(p2 > 0, 2.0 * p, 0.0) * jnp.cos(angle))


def largest_logarithm(j: Float[Array, "2"]) -> Scalar:
    """max |hᵢ| from (J₂, J₃): the roots of h³ = J₂ h + J₃. Not to be differentiated."""
    positive = j[0] > 0
    radius = jnp.sqrt(jnp.where(positive, j[0], 3.0) / 3.0)
    cosine = jnp.clip(0.5 * jnp.abs(j[1]) / radius**3, 0.0, 1.0)
    return jnp.where(positive, 2.0 * radius * jnp.cos(jnp.arccos(cosine) / 3.0), 0.0)
