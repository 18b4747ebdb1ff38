"""Minima of the energy per cell in a crystal's inner shifts at fixed F, from many starts; saddles are left.

What the material's own relaxation does from several starts is in :mod:`msjax.crystal.shift_basins`."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.cauchy_born import CauchyBorn, bind, screen_neighbours, screen_tables
from msjax.crystal.expansion import bond_moments, energy, in_moments
from msjax.crystal.multilattice import Arguments, Shifts, bond_vectors
from msjax.crystal.potential import Angular, Potential
from msjax.solvers.batch import map_chunked
from msjax.solvers.minimum import minimise
from msjax.status import Code, Status, screen
from msjax.typing import Array, Bool, Float

ROOM = 0.6
"""How far atoms may come nearer to one another before bonds are missed in a search, in nearest-neighbour distances."""
ROUNDS = 4
CHUNK = 32


class Minima(NamedTuple):
    """Per start: ``shifts`` (starts, atoms − 1, d), Å; ``energy`` per cell, eV; ``lowest`` eigenvalue of the Hessian
    with atom 0 held; ``status``; and whether bonds were ``missed`` (an atom came within the cut-off unseen)."""

    shifts: Float[Array, "s n d"]
    energy: Float[Array, " s"]
    lowest: Float[Array, " s"]
    status: Status
    missed: Bool[Array, " s"]


@eqx.filter_jit
def minima(material: CauchyBorn, deformation: Float[Array, "d d"], starts: Float[Array, "s n d"]) -> Minima:
    """The minimum below each start (starts, atoms − 1, d); saddles are left."""
    reference = material.reference_bonds
    potential = bind(material.potential, reference)
    arguments = Arguments(deformation, reference, potential)
    bonds = material.neighbours

    def below(start):
        if start.size:
            found = minimise(Shifts(bonds), start.reshape(-1), arguments)
            shifts, lowest, status = found.x.reshape(start.shape), found.lowest, found.status
        else:
            shifts, lowest, status = start, jnp.zeros(()), Status.of(Code.CONVERGED)
        r = bond_vectors(bonds, deformation, reference, shifts)
        total = energy(potential, bonds, r)
        if isinstance(potential, Angular):
            status = screen_tables(potential, bonds, bond_moments(in_moments(potential), bonds, r.T), status)
        status = screen(status, ~jnp.isfinite(total), Code.NONFINITE)
        missed = screen_neighbours(material, deformation, shifts, Status.of(Code.CONVERGED)).failed
        return Minima(shifts, total, lowest, status, missed)

    return map_chunked(below, starts, chunk=CHUNK)


def roomy(crystal, potential: Potential, deformation: np.ndarray, nearest: float) -> CauchyBorn:
    """A material whose bonds are found far enough out for F and for shifts of :data:`ROOM` nearest distances."""
    if potential.topological:
        return CauchyBorn(crystal, potential)
    smallest = float(np.linalg.svd(deformation)[1][-1])
    cutoff = float(potential.cutoff)
    margin = 1.0 - 0.98 * smallest * cutoff / (cutoff + ROOM * nearest)
    return CauchyBorn(crystal, potential, strain_margin=float(np.clip(margin, 0.02, 0.7)))


class Settled(NamedTuple):
    """A minimum with all its bonds: ``material`` at ``deformation`` with ``shifts`` (atoms − 1, d) is what was found;
    ``energy`` per cell, eV; ``curvature``: lowest eigenvalue of the Hessian off translations, eV/Å²."""

    material: CauchyBorn
    deformation: np.ndarray
    shifts: np.ndarray
    energy: float
    curvature: float
    status: Status


def settle(material: CauchyBorn, deformation: np.ndarray, shifts: np.ndarray) -> Settled:
    """Find the bonds of a relaxed configuration anew and relax again, until none is missed.

    The result's material then holds the relaxed crystal itself, at F = 1 and no shifts. Springs keep the bonds of their
    reference crystal and stay where they are.
    """
    dim = material.dim
    none = jnp.zeros((1, material.crystal.atoms_per_cell - 1, dim))
    if not material.potential.topological:
        crystal, potential = material.crystal.deformed(deformation, shifts), material.potential
        for _ in range(ROUNDS):
            material = CauchyBorn(crystal, potential)
            found = minima(material, jnp.eye(dim), none)
            crystal = crystal.deformed(np.eye(dim), found.shifts[0])
            if not bool(found.missed[0]):
                break
        # the list was made within ``margin`` of this very crystal: exchange the leaves, keep the list
        material = eqx.tree_at(lambda m: m.crystal, material, crystal)
        deformation, shifts, starts = np.eye(dim), np.asarray(none[0]), none
    else:
        starts = jnp.asarray(shifts)[None]
    found = minima(material, jnp.asarray(deformation), starts)
    status = jax.tree.map(lambda x: x[0], found.status)
    status = screen(status, found.missed[0], Code.OVERFLOW)
    shifts = np.asarray(found.shifts[0])
    return Settled(
        material, deformation, shifts, float(found.energy[0]), lowest_curvature(material, deformation, shifts), status
    )


def lowest_curvature(material: CauchyBorn, deformation: np.ndarray, shifts: np.ndarray) -> float:
    """Lowest eigenvalue of the Hessian in all atoms' positions off uniform translations, eV/Å² (0 for one atom)."""
    n, dim = shifts.shape
    if n == 0:
        return 0.0
    held = np.asarray(_hessian(material, jnp.asarray(deformation), jnp.asarray(shifts)))
    relative = np.kron(np.concatenate([-np.ones((n, 1)), np.eye(n)], axis=1), np.eye(dim))
    # rows of vt beyond the first n·d span translations
    off = np.linalg.svd(relative)[2][: n * dim]
    reduced = relative @ off.T
    return float(np.linalg.eigvalsh(reduced.T @ held @ reduced)[0])


@eqx.filter_jit
def _hessian(material: CauchyBorn, deformation: Array, shifts: Array) -> Array:
    reference = material.reference_bonds
    functional = Shifts(material.neighbours)
    arguments = Arguments(deformation, reference, bind(material.potential, reference))
    return functional.derivatives(shifts.reshape(-1), functional.prepare(arguments))[2]


def nearest_distance(material: CauchyBorn, deformation: np.ndarray) -> float:
    """Shortest bond at F without shifts, Å."""
    r = np.asarray(material.reference_bonds) @ np.asarray(deformation).T
    return float(np.min(np.linalg.norm(r, axis=1)))
