"""Checks in the crystal: stress and tangent, periodicity, phonons."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.lattice import Crystal
from msjax.crystal.phonons.acoustic import acoustic_tensor
from msjax.crystal.phonons.dynamical_matrix import dynamical_matrix
from msjax.crystal.potential import Potential
from msjax.crystal.verification.cluster import DIFFERENCES, ROUND_OFF
from msjax.crystal.verification.report import Check, of_error
from msjax.material.finite_differences import STEPS, sweep


def crystal_checks(potential: Potential, crystal: Crystal, rng: np.random.Generator) -> list:
    """(name, function) of each check; a function returns a :class:`Check`."""
    material = CauchyBorn(crystal, potential)
    dim = crystal.dim
    deformation = np.eye(dim) + 0.01 * rng.uniform(-1.0, 1.0, (dim, dim))

    def derivative_checks():
        direction = rng.uniform(-1.0, 1.0, (dim, dim))
        moved = STEPS[:, None, None] * direction[None]
        points = np.concatenate([deformation[None], deformation + moved, deformation - moved])
        arrays, static = eqx.partition(material, eqx.is_array)

        @jax.jit
        def respond(arrays, points):
            return jax.lax.map(lambda f: eqx.combine(arrays, static).respond(f)[:3], points)

        energy, stress, tangent = (np.asarray(x) for x in respond(arrays, jnp.asarray(points)))
        n = len(STEPS)
        of_tangent = np.max(np.abs(tangent[0])) or 1.0
        of_stress = np.max(np.abs(stress[0])) + 0.02 * of_tangent
        of_energy = np.abs(energy[0]) + 0.02 * of_stress
        first = sweep(
            energy[1 : n + 1],
            energy[n + 1 :],
            STEPS,
            np.vdot(stress[0], direction),
            of_stress,
            of_energy,
        )
        expected = np.einsum("iJkL,kL->iJ", tangent[0], direction)
        second = sweep(stress[1 : n + 1], stress[n + 1 :], STEPS, expected, of_tangent, of_tangent)
        return first, second

    found: list = []

    def sweeps():
        if not found:
            found.extend(derivative_checks())
        return found

    def stress(name) -> Check:
        return of_error(name, sweeps()[0].best, DIFFERENCES, f"A up to {DIFFERENCES:.0e}, {sweeps()[0]}")

    def tangent(name) -> Check:
        return of_error(name, sweeps()[1].best, DIFFERENCES, f"A up to {DIFFERENCES:.0e}, {sweeps()[1]}")

    def periodicity(name) -> Check:
        return of_error(name, _periodicity(potential, crystal, deformation), ROUND_OFF)

    def sum_rule(name) -> Check:
        matrix = np.asarray(dynamical_matrix(material, np.zeros((1, dim)), deformation))[0]
        root = np.repeat(np.sqrt(np.asarray(crystal.masses)), dim)
        together = np.tile(np.eye(dim), (crystal.atoms_per_cell, 1)) * root[:, None]
        scale = np.max(np.abs(np.asarray(dynamical_matrix(material, np.full((1, dim), 0.5), deformation))))
        return of_error(name, np.max(np.abs(matrix @ together)) / (scale * np.max(root)), ROUND_OFF)

    def long_waves(name) -> Check:
        return of_error(name, _long_waves(material, deformation), DIFFERENCES)

    return [
        ("vc-periodicity-support", periodicity),
        ("stress-is-the-derivative-of-energy", stress),
        ("tangent-is-the-derivative-of-stress", tangent),
        ("acoustic-sum-rule", sum_rule),
        ("long-waves-are-the-acoustic-tensor", long_waves),
    ]


def _periodicity(potential: Potential, crystal: Crystal, deformation: np.ndarray) -> float:
    """Energy per atom in other cells of the same crystal: another primitive one, and one of two, an atom carried over
    by a lattice vector; relative."""
    cell, basis = np.asarray(crystal.cell), np.asarray(crystal.basis)
    energies = []
    shear = np.eye(crystal.dim)
    if crystal.dim > 1:
        shear[0, 1] = 1.0
    carried = basis.copy()
    carried[-1] += cell[0]
    doubled = np.concatenate([basis, basis + cell[0]])
    twice = cell.copy()
    twice[0] *= 2.0
    for vectors, atoms in ((cell, basis), (shear @ cell, carried), (twice, doubled)):
        species = crystal.species * (len(atoms) // len(basis))
        other = Crystal(vectors, atoms, species, masses=np.ones(len(atoms)))
        held = CauchyBorn(other, potential, inner="clamped")
        energies.append(float(held.respond(deformation).energy * other.volume_per_atom))
    size = max(abs(energies[0]), 1e-30)
    return float(np.max(np.abs(np.array(energies) - energies[0]))) / size


def _long_waves(material: CauchyBorn, deformation: np.ndarray) -> float:
    """ρ₀ ω²/K² of the acoustic branches, extrapolated to K = 0, against the acoustic tensor's eigenvalues; relative."""
    crystal, dim = material.crystal, material.dim
    density = float(np.sum(np.asarray(crystal.masses)) / crystal.volume)
    worst = 0.0
    for direction in np.eye(dim)[: dim - 1].tolist() + [[0.31, 0.17, 0.47][:dim]]:
        q = 2e-3 * np.array(direction) / np.linalg.norm(direction)
        waves = q @ np.asarray(crystal.reciprocal)
        matrices = np.asarray(dynamical_matrix(material, np.stack([q, 0.5 * q]), deformation))
        long = [np.linalg.eigvalsh(m)[:dim] for m in matrices]
        found = density * (4.0 * long[1] / 0.25 - long[0]) / 3.0 / np.vdot(waves, waves)
        expected = np.linalg.eigvalsh(np.asarray(acoustic_tensor(material, waves / np.linalg.norm(waves), deformation)))
        worst = max(worst, float(np.max(np.abs(found - expected)) / np.max(np.abs(expected))))
    return worst
