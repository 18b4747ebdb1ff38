"""What a beam answers: deflection, compliance, frequencies and modes, computed at unit length and rigidity."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.nano.beam_elements import BeamNumbers, matrices, quadratic_forms, uniform_load, unknowns
from msjax.status import Code, Status, guard, screen, substitute
from msjax.typing import Array, Float, Scalar

BECK = 20.05
"""A cantilever under a compressive load that follows it flutters beyond 20.05 EI/L² (Beck 1952)."""


class Deflection(NamedTuple):
    """At the nodes (n + 1,): position ``x`` along the flexible length, deflection ``w`` and ``rotation``; ``status`` is
    UNSTABLE where the beam has buckled."""

    x: Float[Array, " m"]
    w: Float[Array, " m"]
    rotation: Float[Array, " m"]
    status: Status


class PointStiffness(NamedTuple):
    """``k``: force over deflection where the force acts, the tip of a cantilever or the middle of a bridge."""

    k: Scalar
    status: Status


class BeamModes(NamedTuple):
    """``frequencies`` (k,) ω/2π, ascending, negative where ω² is; ``squared`` (k,) ω²; ``x`` and ``modes`` (k, n + 1)
    at the nodes, with ∫(μ φ² + ρI θ²) = 1."""

    frequencies: Float[Array, " k"]
    squared: Float[Array, " k"]
    x: Float[Array, " m"]
    modes: Float[Array, "k m"]
    status: Status


class Unit(NamedTuple):
    """The beam at length 1, with EI and mass of mean 1; ``length``, ``bending`` and ``mass`` lead back."""

    numbers: BeamNumbers
    length: Scalar
    bending: Scalar
    mass: Scalar
    tension: Scalar
    bad: Any


def unit_beam(beam: Any) -> Unit:
    """The beam at unit length, rigidity and mass; numbers that cannot be used give way to ones."""
    leaves = [jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves(beam)]
    length, bending, mass = beam.flexible_length, beam.bending, beam.mass
    bad = ~jnp.all(jnp.stack(leaves)) | ~(length > 0) | ~jnp.all(bending > 0) | ~jnp.all(mass > 0)
    bad = bad | ~jnp.all(beam.shear_flexibility >= 0) | ~jnp.all(beam.rotary_inertia >= 0)
    safe = [length, bending, mass, beam.shear_flexibility, beam.rotary_inertia, beam.tension]
    length, bending, mass, shear, rotary, tension = substitute(safe, bad, [jnp.ones_like(x) for x in safe])
    mean, heavy = jnp.mean(bending), jnp.mean(mass)
    pull = tension * length**2 / mean
    numbers = BeamNumbers(
        bending / mean,
        shear * mean / length**2,
        mass / heavy,
        rotary / (heavy * length**2),
        jnp.broadcast_to(pull, bending.shape),
    )
    return Unit(numbers, length, mean, heavy, pull, bad)


def free_unknowns(support: str, elements: int) -> np.ndarray:
    """Unknowns that the supports leave free."""
    first, last = {"cantilever": (2, 0), "bridge": (2, 2), "free": (0, 0)}[support]
    return np.arange(first, 2 * (elements + 1) - last)


def _stiffness(beam: Any, unit: Unit):
    """Free part of the stiffness, and whether the beam is stable."""
    free = free_unknowns(beam.support, beam.elements)
    whole, _ = matrices(beam.elements, unit.numbers)
    held = whole[np.ix_(free, free)]
    if beam.conservative:
        return held, ~jnp.any(jnp.isnan(jnp.linalg.cholesky(held)))
    return held.at[-2, -1].add(-unit.tension), unit.tension > -BECK  # the load at the tip turns with it


def _solve(beam: Any, unit: Unit, forces: Float[Array, "m k"]):
    free = free_unknowns(beam.support, beam.elements)
    stiffness, stable = _stiffness(beam, unit)
    solved = jnp.linalg.solve(stiffness, forces[free])
    status = screen(Status.of(), unit.bad, Code.NONFINITE)
    status = screen(status, ~jnp.all(jnp.isfinite(solved)), Code.SINGULAR)
    status = screen(status, ~stable, Code.UNSTABLE)
    return jnp.zeros_like(forces).at[free].set(solved), status


@eqx.filter_jit
def deflection(beam: Any, force: Scalar, load: Scalar, moment: Scalar) -> Deflection:
    """Static deflection of a held beam."""
    unit = unit_beam(beam)
    bad = ~(jnp.isfinite(force) & jnp.isfinite(load) & jnp.isfinite(moment))
    unit = unit._replace(bad=unit.bad | bad)
    force, load, moment = substitute((force, load, moment), bad, (0.0, 0.0, 0.0))
    at, L = 2 * beam.loaded, unit.length
    forces = (load * L) * uniform_load(beam.elements)
    forces = forces.at[at].add(force).at[at + 1].add(moment / L) * (L**3 / unit.bending)
    found, status = _solve(beam, unit, forces[:, None])
    x = L * jnp.linspace(0.0, 1.0, beam.elements + 1)
    x, w, rotation = guard((x, found[0::2, 0], found[1::2, 0] / L), status.failed)
    return Deflection(x, w, rotation, status)


@eqx.filter_jit
def compliance(beam: Any) -> tuple[Float[Array, "m m"], Status]:
    """Deflections under unit forces at the nodes."""
    unit = unit_beam(beam)
    size = 2 * (beam.elements + 1)
    found, status = _solve(beam, unit, jnp.eye(size)[:, 0::2] * (unit.length**3 / unit.bending))
    return guard(found[0::2], status.failed), status


@eqx.filter_jit
def vibration(beam: Any, count: int, softening: Float[Array, "m m"] | None = None) -> BeamModes:
    """Lowest natural frequencies and modes of a conservative beam; ``softening`` is taken off the stiffness of the free
    unknowns at unit length and rigidity."""
    unit, n = unit_beam(beam), beam.elements
    free, at = free_unknowns(beam.support, n), unknowns(n)
    stiffness, inertia = (m[np.ix_(free, free)] for m in matrices(n, unit.numbers))
    if softening is not None:
        stiffness = stiffness - softening
    factor = jnp.linalg.cholesky(inertia)
    inner = jax.scipy.linalg.solve_triangular(factor, stiffness, lower=True)
    inner = jax.scipy.linalg.solve_triangular(factor, inner.T, lower=True)
    inner = 0.5 * (inner + inner.T)
    if beam.support == "free":  # the rigid motions go to the upper end, each with a value of its own
        inner = inner + jnp.trace(inner) * _rigid(factor, n)
    _, vectors = jnp.linalg.eigh(inner)
    shapes = jax.scipy.linalg.solve_triangular(factor.T, vectors[:, :count], lower=False)
    whole = jnp.zeros((2 * (n + 1), count)).at[free].set(shapes)
    # Rayleigh's quotient is good to the square of the vectors' errors, also in their derivatives
    strain, kinetic = jax.vmap(lambda d: quadratic_forms(d[at], 1.0 / n, unit.numbers))(whole.T)
    if softening is not None:
        strain = strain - jnp.einsum("ik,ij,jk->k", shapes, softening, shapes)
    squared = strain / kinetic * (unit.bending / (unit.mass * unit.length**4))
    first = whole[0] if beam.support == "free" else whole[2]
    sign = jnp.where(first < 0.0, -1.0, 1.0)
    modes = whole[0::2].T * (sign / jnp.sqrt(kinetic * unit.mass * unit.length))[:, None]
    status = screen(Status.of(), unit.bad, Code.NONFINITE)
    status = screen(status, ~(jnp.all(jnp.isfinite(squared)) & jnp.all(jnp.isfinite(modes))), Code.SINGULAR)
    status = screen(status, jnp.any(squared < 0.0), Code.UNSTABLE)
    size = jnp.sqrt(jnp.where(squared == 0.0, 1.0, jnp.abs(squared)))
    frequencies = jnp.where(squared == 0.0, 0.0, jnp.sign(squared) * size) / (2.0 * jnp.pi)
    x = unit.length * jnp.linspace(0.0, 1.0, n + 1)
    frequencies, squared, x, modes = guard((frequencies, squared, x, modes), status.failed)
    return BeamModes(frequencies, squared, x, modes, status)


def _rigid(factor: Float[Array, "m m"], elements: int) -> Float[Array, "m m"]:
    """r₁r₁ᵀ + 2 r₂r₂ᵀ of the rigid motions, orthonormal with respect to the mass."""
    x = np.arange(elements + 1) / elements
    shift, turn = np.zeros(2 * (elements + 1)), np.ones(2 * (elements + 1))
    shift[0::2], turn[0::2] = 1.0, x
    first, second = factor.T @ jnp.asarray(shift), factor.T @ jnp.asarray(turn)
    first = first / jnp.sqrt(first @ first)
    second = second - (first @ second) * first
    second = second / jnp.sqrt(second @ second)
    return jnp.outer(first, first) + 2.0 * jnp.outer(second, second)
