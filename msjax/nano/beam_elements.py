"""Two-node elements of straight beams: cubic deflections and quadratic rotations that depend on one another.

Along an element of length l, with s = x/l and Φ = 12 EI/(kGA l²),

    w = Σ N_i d_i,   θ = Σ R_i d_i,   d = (w₁, θ₁, w₂, θ₂)

solve the beam's equations without load, so that nodes are exact under forces at nodes and there is no locking; for
Φ = 0 they are Hermite's cubics and θ = w′ (Przemieniecki, Theory of Matrix Structural Analysis, 1968; Friedman and
Kosmatka, Computers & Structures 47, 1993; Reddy, Comput. Methods Appl. Mech. Engrg. 149, 1997). The shear strain
w′ − θ = Φ/(1 + Φ) g·d is constant along the element.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.typing import Array, Float, Scalar

_POINTS, _WEIGHTS = np.polynomial.legendre.leggauss(4)
POINTS, WEIGHTS = 0.5 * (_POINTS + 1.0), 0.5 * _WEIGHTS
"""Gauss points on [0, 1]: exact for polynomials of degree 7; the mass is one of degree 6."""


class Shapes(NamedTuple):
    """At the Gauss points (q, 4): ``deflection`` w, ``slope`` w′, ``rotation`` θ, ``curvature`` θ′; ``shear`` g."""

    deflection: Float[Array, "q 4"]
    slope: Float[Array, "q 4"]
    rotation: Float[Array, "q 4"]
    curvature: Float[Array, "q 4"]
    shear: Float[Array, "1 4"]


class BeamNumbers(NamedTuple):
    """Per element (n,): ``bending`` EI, ``flexibility`` 1/(kGA), ``mass`` and ``rotary`` inertia per length,
    ``tension`` N: the factor of ∫w′² in the energy."""

    bending: Float[Array, " n"]
    flexibility: Float[Array, " n"]
    mass: Float[Array, " n"]
    rotary: Float[Array, " n"]
    tension: Float[Array, " n"]


def shapes(l: float, phi: Scalar) -> Shapes:
    """Shape functions of one element, unknowns (w₁, θ₁, w₂, θ₂)."""
    s, whole = jnp.asarray(POINTS), 1.0 + phi
    rise, turn = 2.0 * s**3 - 3.0 * s**2 - phi * s, 6.0 * (s**2 - s)
    deflection = [
        rise + whole,
        l * (s**3 - (2.0 + 0.5 * phi) * s**2 + (1.0 + 0.5 * phi) * s),
        -rise,
        l * (s**3 - (1.0 - 0.5 * phi) * s**2 - 0.5 * phi * s),
    ]
    slope = [
        (turn - phi) / l,
        3.0 * s**2 - (4.0 + phi) * s + (1.0 + 0.5 * phi),
        -(turn - phi) / l,
        3.0 * s**2 - (2.0 - phi) * s - 0.5 * phi,
    ]
    rotation = [turn / l, 3.0 * s**2 - (4.0 + phi) * s + whole, -turn / l, 3.0 * s**2 - (2.0 - phi) * s]
    bend = 12.0 * s - 6.0
    curvature = [bend / l**2, (6.0 * s - 4.0 - phi) / l, -bend / l**2, (6.0 * s - 2.0 + phi) / l]
    shear = jnp.array([[-1.0 / l, -0.5, 1.0 / l, -0.5]])

    def at_points(columns):
        return jnp.stack(columns, axis=1) / whole

    return Shapes(at_points(deflection), at_points(slope), at_points(rotation), at_points(curvature), shear)


def quadratic_forms(
    d: Float[Array, "n 4"], l: float, numbers: BeamNumbers
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """∫(EI θ′² + kGA (w′ − θ)² + N w′²) and ∫(μ w² + ρI θ²) over all elements.

    From strains, whose round-off grows with the inverse square of the element's length and not with its fourth power.
    """

    def one(d, bending, flexibility, mass, rotary, tension):
        phi = 12.0 * bending * flexibility / l**2
        here, w = shapes(l, phi), l * jnp.asarray(WEIGHTS)
        shear = 12.0 * bending * phi / l**2 / (1.0 + phi) ** 2  # kGA Φ²/(1 + Φ)², finite without shear
        strain = (
            bending * jnp.sum(w * (here.curvature @ d) ** 2)
            + shear * l * jnp.sum((here.shear @ d) ** 2)
            + tension * jnp.sum(w * (here.slope @ d) ** 2)
        )
        inertia = mass * jnp.sum(w * (here.deflection @ d) ** 2) + rotary * jnp.sum(w * (here.rotation @ d) ** 2)
        return strain, inertia

    strain, inertia = jax.vmap(one)(d, *numbers)
    return jnp.sum(strain), jnp.sum(inertia)


def unknowns(elements: int) -> np.ndarray:
    """Unknowns of each element (n, 4): w and θ of node i are 2i and 2i + 1."""
    return 2 * np.arange(elements)[:, None] + np.arange(4)


def matrices(elements: int, numbers: BeamNumbers) -> tuple[Float[Array, "m m"], Float[Array, "m m"]]:
    """Stiffness and consistent mass of a beam of length 1 in equal elements, all nodes free, m = 2(n + 1)."""
    l = 1.0 / elements

    def one(bending, flexibility, mass, rotary, tension):
        phi = 12.0 * bending * flexibility / l**2
        here, w = shapes(l, phi), l * jnp.asarray(WEIGHTS)

        def square(rows):
            return (rows * w[:, None]).T @ rows

        shear = 12.0 * bending * phi / l / (1.0 + phi) ** 2
        stiffness = bending * square(here.curvature) + shear * (here.shear.T @ here.shear)
        return stiffness + tension * square(here.slope), mass * square(here.deflection) + rotary * square(here.rotation)

    stiffness, inertia = jax.vmap(one)(*numbers)
    at, size = unknowns(elements), 2 * (elements + 1)
    rows, columns = at[:, :, None], at[:, None, :]
    empty = jnp.zeros((size, size))
    return empty.at[rows, columns].add(stiffness), empty.at[rows, columns].add(inertia)


def uniform_load(elements: int) -> Float[Array, " m"]:
    """Forces of a unit load per length on a beam of length 1; those of Hermite's cubics for any Φ."""
    l = 1.0 / elements
    loads = jnp.tile(jnp.array([l / 2, l**2 / 12, l / 2, -(l**2) / 12]), (elements, 1))
    return jnp.zeros(2 * (elements + 1)).at[unknowns(elements)].add(loads)
