"""Checks on a cluster of free atoms and on one site: what any energy of atoms must fulfil."""

from typing import NamedTuple, cast

import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.expansion import bonds_of, in_moments
from msjax.crystal.potential import Angular, General, Kinds, Potential
from msjax.crystal.verification.report import Check, of_error, of_order
from msjax.crystal.verification.smoothness import smoothness
from msjax.material.finite_differences import STEPS, sweep
from msjax.typing import Array, Float, Int, Scalar

NEAREST = 12
ROUND_OFF = 1e-11
DIFFERENCES = 1e-8


def kinds_in_turn(potential: Potential, count: int) -> Int[np.ndarray, " n"]:
    """Kinds of so many atoms: each of the potential's elements in turn, so that all meet all."""
    kinds = max(len(potential.elements), 1) if potential.distinguishes else 1
    return np.arange(count) % kinds


def site_energy(
    potential: Potential, vectors: Float[Array, "n d"], site: Kinds = 0, others: Kinds | None = None
) -> Scalar:
    """Energy of a site, eV, with neighbours at ``vectors``, straight from what the potential says.

    ``site`` and ``others`` (n,) are the kinds of the atoms, by default of one atom after the other in turn.
    """
    partners = kinds_in_turn(potential, len(vectors) + 1)[1:] if others is None else others
    if isinstance(potential, General):
        return cast(General, potential.among(site, partners)).site_energy(vectors)
    potential = in_moments(potential)
    ends = (jnp.broadcast_to(jnp.asarray(site), (len(vectors),)), jnp.asarray(partners))
    bonds = bonds_of(potential, vectors.T, ends if potential.distinguishes else None)
    pairs = jnp.sum(bonds.pair)
    own = cast(Angular, potential.among(site, site))
    return pairs + own.embed(jnp.sum(bonds.moments, axis=1)) if bonds.moments.shape[0] else pairs


def cluster_energy(potential: Potential, positions: Float[Array, "n d"], kinds: Int[Array, " n"]) -> Scalar:
    """Σ of all sites' energies, eV."""
    count = positions.shape[0]
    others = np.array([[j for j in range(count) if j != i] for i in range(count)])
    vectors = positions[others] - positions[:, None, :]
    return jnp.sum(jax.vmap(lambda v, i, j: site_energy(potential, v, i, j))(vectors, kinds, kinds[others]))


class Surroundings(NamedTuple):
    """Neighbours of a site in the crystal (n, d), its nearest distance, the cut-off, and the size of an energy, eV."""

    vectors: np.ndarray
    nearest: float
    cutoff: float
    energy: float


def cluster_checks(potential: Potential, site: Surroundings, rng: np.random.Generator) -> list:
    """(name, function) of each check; a function returns a :class:`Check`."""
    dim = site.vectors.shape[1]
    order = np.argsort(np.linalg.norm(site.vectors, axis=1), kind="stable")[:NEAREST]
    positions = np.concatenate([np.zeros((1, dim)), site.vectors[order]])
    positions = positions + 0.06 * site.nearest * rng.uniform(-1.0, 1.0, positions.shape)
    kinds = jnp.asarray(kinds_in_turn(potential, len(positions)))
    whole = jax.jit(jax.value_and_grad(lambda x, kinds=kinds: cluster_energy(potential, x, kinds)))
    one = jax.jit(lambda v: site_energy(potential, v))
    axis = np.eye(dim)[0]
    generic = np.array([1.0, 0.37, 0.61])[:dim]
    generic = generic / np.linalg.norm(generic)

    def forces(name) -> Check:
        return _forces(name, whole, positions, site, rng)

    def dimer(name) -> Check:
        def energy(r):
            bond, (one, other) = (r * axis)[None, :], kinds_in_turn(potential, 2)
            return site_energy(potential, bond, one, other[None]) + site_energy(potential, -bond, other, one[None])

        alone = float(energy(jnp.asarray(1.5 * site.cutoff)))
        found = smoothness(energy, alone, 0.8 * site.nearest, site.cutoff)
        return of_order(name, found.order, str(found))

    def neighbour(name) -> Check:
        inner = site.vectors[np.linalg.norm(site.vectors, axis=1) < 0.999 * site.cutoff]

        def energy(r):
            return site_energy(potential, jnp.concatenate([jnp.asarray(inner), (r * generic)[None, :]]))

        alone = float(one(jnp.asarray(inner)))
        found = smoothness(energy, alone, 0.8 * site.nearest, site.cutoff)
        return of_order(name, found.order, str(found))

    def support(name) -> Check:
        alone = float(one(jnp.asarray(site.vectors)))
        beyond = site.cutoff * np.array([1.0 + 1e-6, 1.02, 1.1, 1.3])
        changes = [
            abs(float(one(jnp.asarray(np.concatenate([site.vectors, r * generic[None]])))) - alone) for r in beyond
        ]
        return of_error(name, np.max(changes) / site.energy, ROUND_OFF)

    def isolated(name) -> Check:
        far = 1.5 * site.cutoff * np.stack([axis, -axis])
        value, slope = jax.value_and_grad(lambda x: site_energy(potential, x))(jnp.asarray(far))
        finite = bool(jnp.isfinite(value) & jnp.all(jnp.isfinite(slope)))
        note = f"energy {float(value):.4g}" if finite else "energy or forces of an isolated atom are not finite"
        return Check(name, "A" if finite else "F", 0.0 if finite else float("nan"), note)

    def objectivity(name) -> Check:
        turn, _ = np.linalg.qr(rng.standard_normal((dim, dim)))
        turn[:, 0] *= np.sign(np.linalg.det(turn))
        return of_error(name, _moved(whole, one, positions, turn, site), ROUND_OFF)

    def inversion(name) -> Check:
        return of_error(name, _moved(whole, one, positions, -np.eye(dim), site), ROUND_OFF)

    def permutation(name) -> Check:
        energy, slope = whole(jnp.asarray(positions))
        order = rng.permutation(len(positions))
        again, slope2 = whole(jnp.asarray(positions[order]), kinds[order])
        apart = max(abs(float(energy - again)), site.nearest * float(np.max(np.abs(slope[order] - slope2))))
        order, partners = rng.permutation(len(site.vectors)), kinds_in_turn(potential, len(site.vectors) + 1)[1:]
        single = one(jnp.asarray(site.vectors)) - site_energy(
            potential, jnp.asarray(site.vectors[order]), 0, partners[order]
        )
        return of_error(name, max(apart, abs(float(single))) / site.energy, ROUND_OFF)

    return [
        ("vc-forces-numerical-derivative", forces),
        ("vc-dimer-continuity", dimer),
        ("neighbour-continuity", neighbour),
        ("vc-objectivity", objectivity),
        ("vc-permutation-symmetry", permutation),
        ("vc-inversion-symmetry", inversion),
        ("finite-support", support),
        ("isolated-atom", isolated),
    ]


def _moved(whole, one, positions: np.ndarray, turn: np.ndarray, site: Surroundings) -> float:
    """Errors of E(Qx) = E(x), of the forces' turning along, and of each site's own ε(Qr) = ε(r), relative.

    Odd parts of site energies cancel in the sum; but lattices count inverse sites once, and couplings weight sites.
    """
    energy, slope = whole(jnp.asarray(positions))
    again, turned = whole(jnp.asarray(positions @ turn.T))
    size = site.energy + site.nearest * float(np.max(np.abs(slope)))
    of_forces = site.nearest * float(np.max(np.abs(np.asarray(slope) @ turn.T - np.asarray(turned))))
    own = [one(jnp.asarray((positions[1:] - positions[:1]) @ q.T)) for q in (np.eye(len(turn)), turn)]
    return float(np.max([abs(float(energy - again)), of_forces, abs(float(own[0] - own[1]))])) / size


def _forces(name: str, whole, positions: np.ndarray, site: Surroundings, rng: np.random.Generator) -> Check:
    slope = np.asarray(whole(jnp.asarray(positions))[1])
    steps = STEPS * site.nearest
    batched = jax.jit(lambda points: jax.lax.map(lambda x: whole(x)[0], points))
    worst, note = 0.0, ""
    for _ in range(2):
        direction = rng.uniform(-1.0, 1.0, positions.shape)
        moved = steps[:, None, None] * direction[None]
        both = np.asarray(batched(jnp.asarray(np.concatenate([positions + moved, positions - moved]))))
        scale = float(np.max(np.abs(slope))) + site.energy / site.nearest
        size = len(positions) * site.energy
        exact = float(np.vdot(slope, direction))
        found = sweep(both[: len(steps)], both[len(steps) :], steps, exact, scale, size)
        if not found.best < worst:
            worst, note = found.best, str(found)
    return of_error(name, worst, DIFFERENCES, f"A up to {DIFFERENCES:.0e}, {note}")
