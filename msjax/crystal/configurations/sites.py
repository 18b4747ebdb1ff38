"""Energies, forces and virials of all sites of a configuration, piece by piece.

For functionals of moments E_i = Σ φ(r_b) + U(Σ ψ(r_b)) the force needs no sum over what others feel: with
λ = ∂U/∂m, the bond from i to j pulls on i with

    ∂φ(r) − ∂φ(−r) + λ_i ∂ψ(r) − λ_j ∂ψ(−r) = 2 ∂φ(r) + (λ_i + p λ_j) ∂ψ(r),       p = ±1 the parity of ψ,

so two sweeps over each atom's own bonds gather everything. Bonds are laid out (k, atoms), atoms last.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.bond_terms import AngularBonds, VectorBonds
from msjax.crystal.configurations.neighbour_list import NeighbourList
from msjax.crystal.expansion import in_moments
from msjax.crystal.potential import Angular, General, Moments, Potential
from msjax.typing import Array, Bool, Float, Int


class Sites(NamedTuple):
    """Site energies (n,), eV; forces (n, d), eV/Å; virial Σ ∂E/∂r ⊗ r (d, d), eV; whether tables cover each site."""

    energies: Float[Array, " n"]
    forces: Float[Array, "n d"]
    virial: Float[Array, "d d"]
    covered: Bool[Array, " n"]


class _Own(NamedTuple):
    """What a site tells others: energy, λ (k, n), whether its tables cover it."""

    energy: Float[Array, " n"]
    pull: Float[Array, "k n"]
    covered: Bool[Array, " n"]


def site_energies(potential: Potential, neighbours: NeighbourList, positions: Array, cell: Array) -> Float[Array, " n"]:
    """Energies alone."""
    everyone = _everyone(neighbours, positions, cell)
    if isinstance(potential, General):
        energies = _pieces(lambda s: _energies_by_vectors(potential, *_bonds(neighbours, everyone, s)), neighbours)
    else:
        energies = _own(in_moments(potential), neighbours, everyone).energy
    return energies[: neighbours.atoms]


def all_of_sites(potential: Potential, neighbours: NeighbourList, positions: Array, cell: Array) -> Sites:
    """Energies, forces and virial; what is not used is not computed under jit."""
    everyone = _everyone(neighbours, positions, cell)
    if isinstance(potential, General):
        return _by_vectors(potential, neighbours, everyone)
    potential = in_moments(potential)
    n, dim = positions.shape
    parity = _parity(potential, dim)
    if not len(parity):
        return _of_pairs(potential, neighbours, everyone)
    own = _own(potential, neighbours, everyone)
    nobody = jnp.zeros((len(parity), 1))
    others = jnp.asarray(parity)[:, None] * jnp.concatenate([own.pull[:, neighbours.owner], nobody], axis=1)

    def sweep(start):
        r, partner = _bonds(neighbours, everyone, start)
        mine = jax.lax.dynamic_slice_in_dim(own.pull, start, neighbours.piece, axis=1)
        pull = mine[:, None, :] + jnp.stack([row[partner] for row in others])
        return _pulls(potential, r, pull)

    forces, virial = _pieces(sweep, neighbours)
    return Sites(own.energy[:n], forces.T[:n], jnp.sum(virial.reshape(dim, -1, dim), axis=1), own.covered[:n])


def _own(potential: Angular | Moments, neighbours: NeighbourList, everyone: Float[Array, "d m"]) -> _Own:
    """First sweep: the moments of each site, and what U makes of them."""
    cutoff2 = jnp.square(jnp.asarray(potential.cutoff))

    def sweep(start):
        r, partner = _bonds(neighbours, everyone, start)
        shape = partner.shape
        bonds = _bond_terms(potential, r)
        energy = jnp.sum(bonds.pair.reshape(shape), axis=0)
        moments = jnp.sum(bonds.moments.reshape(-1, *shape), axis=1)
        if not moments.shape[0]:
            return _Own(energy, moments, jnp.ones(shape[1], bool))
        # U may have no derivative where there is nothing (a square root): there its argument is a constant
        alone = ~jnp.any(jnp.sum(r * r, axis=0).reshape(shape) < cutoff2, axis=0)
        embedding, pull = jax.vmap(jax.value_and_grad(potential.embed), in_axes=1, out_axes=(0, 1))(
            jnp.where(alone[None], 1.0, moments)
        )
        embedding = jnp.where(alone, potential.embed(jnp.zeros(moments.shape[0])), embedding)
        return _Own(energy + embedding, jnp.where(alone[None], 0.0, pull), _covered(potential, moments) | alone)

    return _pieces(sweep, neighbours)


def _covered(potential: Angular | Moments, moments: Float[Array, "k n"]) -> Bool[Array, " n"]:
    everywhere = jnp.ones((), bool)

    def of_site(m):
        covered = potential.covered(m) if isinstance(potential, Angular) else None
        return everywhere if covered is None else covered

    return jax.vmap(of_site, in_axes=1)(moments)


def _of_pairs(potential: Angular | Moments, neighbours: NeighbourList, everyone: Float[Array, "d m"]) -> Sites:
    """Without moments one sweep does it all."""

    def sweep(start):
        r, partner = _bonds(neighbours, everyone, start)
        energy = jnp.sum(_bond_terms(potential, r).pair.reshape(partner.shape), axis=0)
        return energy, *_pulls(potential, r, jnp.zeros((0, *partner.shape)))

    energies, forces, virial = _pieces(sweep, neighbours)
    n, dim = neighbours.positions.shape
    virial = jnp.sum(virial.reshape(dim, -1, dim), axis=1)
    return Sites(energies[:n], forces.T[:n], virial, jnp.ones(n, bool))


def _pulls(potential: Angular | Moments, r: Float[Array, "d b"], pull: Float[Array, "k c n"]):
    """Forces (d, n) of bonds r = (d, c·n) on the atoms they start from, and their virial."""
    twice = jnp.full(r.shape[1], 2.0)
    each, _ = _bond_terms(potential, r).frozen(twice, pull.reshape(pull.shape[0], r.shape[1]))
    forces = jnp.sum(each.reshape(r.shape[0], *pull.shape[1:]), axis=1)
    return forces, 0.5 * each @ r.T


def _bond_terms(potential: Angular | Moments, r: Float[Array, "d b"]) -> AngularBonds | VectorBonds:
    return AngularBonds(potential, r) if isinstance(potential, Angular) else VectorBonds(potential, r)


def _parity(potential: Angular | Moments, dim: int) -> np.ndarray:
    if isinstance(potential, Angular):
        return AngularBonds.parities(potential, dim)
    return VectorBonds.parities(potential, dim)


def _everyone(neighbours: NeighbourList, positions: Float[Array, "n d"], cell: Float[Array, "d d"]):
    """(d, m + 1) positions of all entries, the last being nobody: farther than the cut-off from everyone."""
    entries = positions[neighbours.owner] + neighbours.image.astype(positions.dtype) @ cell
    far = jax.lax.stop_gradient(jnp.max(entries, axis=0) + 2.0 * neighbours.radius)
    return jnp.concatenate([entries, far[None]]).T


def _bonds(neighbours: NeighbourList, everyone: Float[Array, "d m"], start: Int[Array, ""]):
    """Bond vectors (d, k·c) of a piece of c atoms, and their partners (k, c)."""
    piece = neighbours.piece
    partner = jax.lax.dynamic_slice_in_dim(neighbours.partner, start, piece, axis=1)
    here = jax.lax.dynamic_slice_in_dim(everyone, start, piece, axis=1)
    r = jnp.stack([row[partner] - own[None] for row, own in zip(everyone, here, strict=True)])
    return r.reshape(r.shape[0], -1), partner


def _pieces(sweep, neighbours: NeighbourList):
    """``sweep(start)`` for each piece, its results joined along their last axis.

    A derivative computes a piece anew instead of keeping its bonds.
    """
    pieces = neighbours.partner.shape[1] // neighbours.piece
    if pieces == 1:
        return sweep(jnp.zeros((), jnp.int32))
    starts = neighbours.piece * jnp.arange(pieces, dtype=jnp.int32)
    found = jax.lax.map(jax.checkpoint(sweep, prevent_cse=False), starts)
    return jax.tree.map(lambda x: jnp.moveaxis(x, 0, -2).reshape(*x.shape[1:-1], pieces * x.shape[-1]), found)


def _energies_by_vectors(potential: General, r: Float[Array, "d b"], partner: Int[Array, "k n"]) -> Float[Array, " n"]:
    return jax.vmap(potential.site_energy)(r.reshape(-1, *partner.shape).transpose(2, 1, 0))


def _by_vectors(potential: General, neighbours: NeighbourList, everyone: Float[Array, "d m"]) -> Sites:
    """Any site energy: its slope in each of its bonds pulls at one end and is added up at the other."""

    def sweep(start):
        r, partner = _bonds(neighbours, everyone, start)
        vectors = r.reshape(-1, *partner.shape).transpose(2, 1, 0)
        energy, slope = jax.vmap(jax.value_and_grad(potential.site_energy))(vectors)
        slope = slope.transpose(2, 1, 0)  # (d, k, n)
        return energy, jnp.sum(slope, axis=1), slope, slope.reshape(r.shape) @ r.T

    energies, forces, slopes, virial = _pieces(sweep, neighbours)
    n, dim = neighbours.positions.shape
    owner = jnp.append(neighbours.owner, 0)  # nobody is felt by nobody: his slopes are zero
    received = jnp.zeros((n, dim)).at[owner[neighbours.partner]].add(jnp.moveaxis(slopes, 0, -1))
    virial = jnp.sum(virial.reshape(dim, -1, dim), axis=1)
    return Sites(energies[:n], forces.T[:n] - received, virial, jnp.ones(n, bool))
