"""Closed forms of small thickness: Stoney's curvature and the bending length of couple stresses."""

import jax.numpy as jnp

from msjax.typing import Array, Float


def stoney_curvature(
    difference: Float[Array, "*n"] | float,
    E: Float[Array, "*n"] | float,
    nu: Float[Array, "*n"] | float,
    thickness: Float[Array, "*n"] | float,
) -> Float[Array, "*n"]:
    """κ = 6 (1 − ν) Δτ/(E h²) of a plate whose faces differ in surface stress by Δτ, curled towards the greater.

    Stoney, doi:10.1098/rspa.1909.0021. A narrow beam has no factor (1 − ν):
    :meth:`~msjax.nano.section.Section.relaxed`. Any consistent units.

    >>> round(float(stoney_curvature(1.0, 100.0, 0.25, 3.0)), 6)
    0.005
    """
    return 6.0 * (1.0 - jnp.asarray(nu, float)) * difference / (E * jnp.asarray(thickness, float) ** 2)


def couple_stress_bending_length(
    length: Float[Array, "*n"] | float, nu: Float[Array, "*n"] | float
) -> Float[Array, "*n"]:
    """b_h = l √(6/(1 + ν)) of a material with couple-stress length l: D/D₀ = 1 + (b_h/h)².

    The modified couple-stress beam has E I + G A l² (Park and Gao, doi:10.1088/0960-1317/16/11/015).

    >>> round(float(couple_stress_bending_length(1.0, 0.5)), 6)
    2.0
    """
    return length * jnp.sqrt(6.0 / (1.0 + jnp.asarray(nu, float)))
