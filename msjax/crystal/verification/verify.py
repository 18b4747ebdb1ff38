"""Graded checks of a potential after OpenKIM's verification checks."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.lattice import Crystal, bulk
from msjax.crystal.neighbours import find
from msjax.crystal.potential import Potential
from msjax.crystal.verification.cluster import Surroundings, cluster_checks, site_energy
from msjax.crystal.verification.in_crystal import crystal_checks
from msjax.crystal.verification.report import Check, Verification, not_applicable

GUESSES = ("fcc", "bcc", "diamond", "sc")
SHORTEST = 0.27
"""Nearest distance, as a fraction of the cut-off, from which the crystal is looked for when none is given."""


def verify(potential: Potential, crystal: Crystal | None = None, *, seed: int = 0) -> Verification:
    """Grade a potential by what every energy of atoms must fulfil; nothing is refused, everything is told.

    After the verification checks of OpenKIM (Tadmor, Elliott, Sethna, Miller and Becker 2011,
    doi:10.1007/s11837-011-0102-6), names with ``vc-`` as there, on a cluster of atoms taken from the crystal and
    displaced at random: forces against differences of the energy, continuity of a dimer (at the cut-off and inside
    it, up to third derivatives), objectivity, permutation, inversion, periodicity. And ours: a neighbour that crosses
    the cut-off *in the crystal*, where an embedding sees it differently than in a dimer; nothing comes from beyond
    the cut-off; an isolated atom has finite forces; P against W and A against P by differences; the acoustic sum rule;
    long waves against the acoustic tensor.

    Errors are relative; A is what round-off or differences can show, a letter is lost per factor of a hundred. Of
    continuity the number is how many derivatives are continuous: A 3, B 2, C 1, D only the energy, F not even that. A
    check that stops with an exception is F and quotes it. ``crystal`` is where the potential is at home; by default
    the one of lowest energy among fcc, bcc, diamond and sc, of the first of several elements; in the cluster these take
    turns. ``seed`` draws the displacements.

    Springs have bonds, no cut-off, and are checked only in a crystal that is given.

    >>> import msjax as ms
    >>> report = ms.verify(ms.LennardJones(outer=1.6, inner=1.3, ending="force-shifted"), ms.bulk("X", "chain", 1.12))
    >>> report["vc-dimer-continuity"].grade, report["vc-objectivity"].grade  # C1: the stiffness jumps
    ('C', 'A')
    """
    if not isinstance(potential, Potential):
        raise ValueError(f"potential: expected a Potential, got {type(potential).__name__}; wrap it in SiteEnergy")
    rng = np.random.default_rng(seed)
    name = type(potential).__name__
    if crystal is None and not potential.topological:
        crystal = _lowest(potential)
    if crystal is None:
        return Verification(name, "no crystal", (not_applicable("all", "springs are checked in a crystal: give one"),))
    checks: list[Check] = []
    if potential.topological:
        checks.append(not_applicable("vc-*", "bonds hold whatever their length: there are no free atoms"))
    else:
        checks += _run(lambda: cluster_checks(potential, _surroundings(potential, crystal), rng), "cluster")
    checks += _run(lambda: crystal_checks(potential, crystal, rng), "crystal")
    return Verification(name, _named(crystal), tuple(checks))


def _run(make: Callable[[], list], what: str) -> list[Check]:
    try:
        functions = make()
    except Exception as error:
        return [_broken(what, error)]
    checks = []
    for name, function in functions:
        try:
            checks.append(function(name))
        except Exception as error:
            checks.append(_broken(name, error))
    return checks


def _broken(name: str, error: Exception) -> Check:
    text = str(error).strip().splitlines()
    return Check(name, "F", float("nan"), f"{type(error).__name__}: {text[0] if text else ''}")


def _named(crystal: Crystal) -> str:
    nearest = float(np.min(np.linalg.norm(_vectors(crystal, 1.01 * _spacing(crystal)), axis=1)))
    return f"{crystal.structure or 'a crystal'} ({crystal.atoms_per_cell} per cell, nearest {nearest:.4g})"


def _spacing(crystal: Crystal) -> float:
    """A distance at which there are neighbours: the shortest lattice vector."""
    return float(np.min(np.linalg.norm(np.asarray(crystal.cell), axis=1)))


def _vectors(crystal: Crystal, reach: float) -> np.ndarray:
    """Neighbours of atom 0, (n, d)."""
    cell, basis = np.asarray(crystal.cell), np.asarray(crystal.basis)
    found = find(cell, basis, crystal.species, reach, reduced=False)
    mine = found.origin == 0
    return found.image[mine] @ cell + basis[found.partner[mine]] - basis[0]


def _surroundings(potential: Potential, crystal: Crystal) -> Surroundings:
    cutoff = float(potential.cutoff)
    vectors = _vectors(crystal, cutoff)
    energy = abs(float(site_energy(potential, jnp.asarray(vectors))))
    nearest = float(np.min(np.linalg.norm(vectors, axis=1)))
    return Surroundings(vectors, nearest, cutoff, energy if np.isfinite(energy) and energy > 0 else 1.0)


def _lowest(potential: Potential) -> Crystal | None:
    """The structure and lattice constant of lowest energy per atom, roughly; None where nothing is bound."""
    cutoff = float(potential.cutoff)
    best = (np.inf, None)
    symbol = potential.elements[0] if potential.distinguishes else "X"
    for structure in GUESSES:
        unit = bulk(symbol, structure, 1.0)
        nearest = float(np.min(np.linalg.norm(_vectors(unit, 1.1), axis=1)))
        edges = cutoff / nearest * np.linspace(SHORTEST, 0.98, 72)
        vectors = jnp.asarray(_vectors(unit, cutoff / edges[0]))
        alike = np.zeros(len(vectors), int)
        compiled = jax.jit(lambda a, v, alike=alike: jax.lax.map(lambda x: site_energy(potential, x * v, 0, alike), a))
        energies = np.asarray(compiled(jnp.asarray(edges), vectors))
        inner = np.where(np.isfinite(energies), energies, np.inf)
        at = int(np.argmin(inner))
        if 0 < at < len(edges) - 1 and inner[at] < best[0]:
            best = (inner[at], bulk(symbol, structure, edges[at]))
    return best[1]
