"""Phonon frequencies and modes."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax import units
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.hermitian import Hermitian
from msjax.crystal.phonons.dynamical_matrix import check_q, mass_weighted, strain_or_identity
from msjax.crystal.phonons.waves import hermitian, lattice_vectors, phases, waves_at
from msjax.status import Status, check, guard
from msjax.typing import Array, Complex, Float

NOISE = 1e-13
"""ω² below this fraction of the largest is zero in effect: no slope is given to its root."""


class Modes(NamedTuple):
    """``omega2`` (nq, N), eV/(Å² amu), ascending; ``vectors`` (nq, N, N): column s is the mass-weighted mode s, with
    the phases of integer cells."""

    omega2: Float[Array, "q n"]
    vectors: Complex[Array, "q n n"]


def frequencies(material: CauchyBorn, q: Any, deformation: Any = None, *, throw: bool = True) -> Float[Array, "q n"]:
    """Phonon frequencies ω/2π in THz, ascending, imaginary ones as negative; shape (nq, atoms × d).

    ``q`` (nq, d) in units of the reference reciprocal vectors; F defaults to the identity. Model materials (mass 1,
    any units) want :func:`modes`. Arguments, failures and errors are those of :func:`dynamical_matrix`.

    Differentiable where frequencies are distinct and not zero (Hellmann–Feynman, first and second derivatives). At a
    degeneracy only sums of ω² over the degenerate cluster have derivatives; those of its single members mean one
    choice of modes, and second derivatives are not finite. The acoustic zeros at Γ get slope zero, which is right in
    F and in the parameters and not in q.

    >>> import msjax as ms
    >>> from msjax.crystal.phonons import frequencies
    >>> silicon = ms.CauchyBorn(ms.bulk("Si", "diamond", a=5.43095), ms.StillingerWeber())
    >>> frequencies(silicon, [[0.0, 0.0, 0.0]])[0, 3:].round(2).tolist()
    [17.83, 17.83, 17.83]
    """
    result, status = _frequencies(material, check_q(q, material.dim), strain_or_identity(material, deformation))
    check(status, "frequencies", throw)
    return result


def modes(material: CauchyBorn, q: Any, deformation: Any = None, *, throw: bool = True) -> Modes:
    """ω² and mode shapes at wave vectors ``q`` (nq, d), in internal units; see :func:`frequencies`.

    >>> import math, msjax as ms
    >>> from msjax.crystal.phonons import modes
    >>> springs = ms.Springs(stiffness=[1.0], length=[1.0])
    >>> chain = ms.CauchyBorn(ms.bulk("X", "chain", a=1.0), springs)
    >>> round(float(modes(chain, [[0.5]]).omega2[0, 0]), 12)  # 4 K/m at the zone boundary
    4.0
    """
    result, status = _modes(material, check_q(q, material.dim), strain_or_identity(material, deformation))
    check(status, "modes", throw)
    return result


def in_thz(omega2: Float[Array, "..."]) -> Float[Array, "..."]:
    """ω/2π in THz of ω² in internal units; negative where ω² is."""
    size = jnp.abs(omega2)
    largest = jax.lax.stop_gradient(jnp.max(size, axis=-1, keepdims=True))
    flat = size <= NOISE * largest
    slopeless = jnp.sqrt(jax.lax.stop_gradient(size))
    root = jnp.where(flat, slopeless, jnp.sqrt(jnp.where(flat, 1.0, size)))
    # a NaN compares false everywhere and stays a NaN
    return jnp.where(omega2 < 0, -root, root) / (2.0 * jnp.pi * units.THz)


@eqx.filter_jit
def _frequencies(material: CauchyBorn, q: Array, deformation: Array) -> tuple[Array, Status]:
    weighted, status = _weighted(material, q, deformation)
    # guarded last: the root of a NaN would turn a failed member's zero cotangent into NaN
    return guard(in_thz(eigenvalues(weighted)), status.failed), status


@eqx.filter_jit
def _modes(material: CauchyBorn, q: Array, deformation: Array) -> tuple[Modes, Status]:
    weighted, status = _weighted(material, q, deformation)
    omega2, vectors = jnp.linalg.eigh(weighted.dense())
    return guard(Modes(omega2, vectors), status.failed), status


def _weighted(material: CauchyBorn, q: Array, deformation: Array) -> tuple[Hermitian, Status]:
    waves, status = waves_at(material, deformation)
    table = phases(lattice_vectors(material), q)
    return mass_weighted(hermitian(waves, table), material), status


def eigenvalues(matrix: Hermitian) -> Float[Array, "... n"]:
    """All eigenvalues, ascending; a real matrix is not made complex."""
    if matrix.n == 1:
        return matrix.real[0][..., None]
    dense = matrix.dense()
    return jnp.linalg.eigvalsh(dense if matrix.imaginary else dense.real)
