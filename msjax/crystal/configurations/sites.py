"""Energies, forces and virials of all sites of a configuration, piece by piece.

For functionals of moments E_i = Σ φ(r_b) + U(Σ ψ(r_b)) the force needs no sum over what others feel: with
λ = ∂U/∂m, the bond from i to j pulls on i with

    ∂φ(r) − ∂φ(−r) + λ_i ∂ψ(r) − λ_j ∂ψ(−r) = 2 ∂φ(r) + (λ_i + p λ_j) ∂ψ(r),       p = ±1 the parity of ψ,

so two sweeps over each atom's own bonds gather everything. Where species differ, φ and ψ are those of the bond as i
sees it in the terms in r, and those of the bond as j sees it in the terms in −r. Bonds are laid out (k, atoms), atoms
last.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.bond_terms import AngularBonds, Ends, VectorBonds
from msjax.crystal.configurations.neighbour_list import NeighbourList
from msjax.crystal.expansion import bonds_of, in_moments
from msjax.crystal.potential import Angular, General, Moments, Potential
from msjax.tensors import sum_of
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


class _Kinds(NamedTuple):
    """Kinds of the rows, which are atoms, and of all entries and nobody."""

    of_rows: Int[Array, " rows"]
    of_entries: Int[Array, " m"]


def site_energies(potential: Potential, neighbours: NeighbourList, positions: Array, cell: Array) -> Float[Array, " n"]:
    """Energies alone."""
    everyone = _everyone(neighbours, positions, cell)
    if isinstance(potential, General):
        kinds = _kinds(potential, neighbours)

        def sweep(start):
            r, partner = _bonds(neighbours, everyone, start)
            each = _by_site(lambda p, v: p.site_energy(v), potential, _around(_ends(kinds, start, partner)))
            return each(_vectors(r, partner))

        energies = _pieces(sweep, neighbours)
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
    kinds = _kinds(potential, neighbours)
    nobody = jnp.zeros((len(parity), 1))
    others = jnp.asarray(parity)[:, None] * jnp.concatenate([own.pull[:, neighbours.owner], nobody], axis=1)

    def sweep(start):
        r, partner = _bonds(neighbours, everyone, start)
        mine = jax.lax.dynamic_slice_in_dim(own.pull, start, neighbours.piece, axis=1)[:, None, :]
        theirs = jnp.stack([row[partner] for row in others])
        ends = _ends(kinds, start, partner)
        if ends is None:
            return _pulls(potential, r, (None, 2.0, mine + theirs))
        site, other = ends
        mine = jnp.broadcast_to(mine, theirs.shape)
        return _pulls(potential, r, ((site, other), 1.0, mine), ((other, site), 1.0, theirs))

    forces, virial = _pieces(sweep, neighbours)
    return Sites(own.energy[:n], forces.T[:n], jnp.sum(virial.reshape(dim, -1, dim), axis=1), own.covered[:n])


def _own(potential: Angular | Moments, neighbours: NeighbourList, everyone: Float[Array, "d m"]) -> _Own:
    """First sweep: the moments of each site, and what U makes of them."""
    cutoff2 = jnp.square(jnp.asarray(potential.cutoff))
    kinds = _kinds(potential, neighbours)

    def sweep(start):
        r, partner = _bonds(neighbours, everyone, start)
        shape = partner.shape
        ends = _ends(kinds, start, partner)
        bonds = bonds_of(potential, r, _flat(ends))
        energy = jnp.sum(bonds.pair.reshape(shape), axis=0)
        moments = jnp.sum(bonds.moments.reshape(-1, *shape), axis=1)
        if not moments.shape[0]:
            return _Own(energy, moments, jnp.ones(shape[1], bool))
        # U may have no derivative where there is nothing (a square root): there its argument is a constant
        alone = ~jnp.any(jnp.sum(r * r, axis=0).reshape(shape) < cutoff2, axis=0)

        def of_site(potential, m, alone):
            embedding, pull = jax.value_and_grad(potential.embed)(jnp.where(alone, 1.0, m))
            embedding = jnp.where(alone, potential.embed(jnp.zeros_like(m)), embedding)
            covered = potential.covered(m) if isinstance(potential, Angular) else jnp.ones((), bool)
            return embedding, jnp.where(alone, 0.0, pull), covered | alone

        embedding, pull, covered = _by_site(of_site, potential, _own_kind(ends))(moments.T, alone)
        return _Own(energy + embedding, pull.T, covered)

    return _pieces(sweep, neighbours)


def _of_pairs(potential: Angular | Moments, neighbours: NeighbourList, everyone: Float[Array, "d m"]) -> Sites:
    """Without moments one sweep does it all."""
    kinds = _kinds(potential, neighbours)

    def sweep(start):
        r, partner = _bonds(neighbours, everyone, start)
        ends, nothing = _ends(kinds, start, partner), jnp.zeros((0, *partner.shape))
        energy = jnp.sum(bonds_of(potential, r, _flat(ends)).pair.reshape(partner.shape), axis=0)
        if ends is None:
            return energy, *_pulls(potential, r, (None, 2.0, nothing))
        site, other = ends
        return energy, *_pulls(potential, r, ((site, other), 1.0, nothing), ((other, site), 1.0, nothing))

    energies, forces, virial = _pieces(sweep, neighbours)
    n, dim = neighbours.positions.shape
    virial = jnp.sum(virial.reshape(dim, -1, dim), axis=1)
    return Sites(energies[:n], forces.T[:n], virial, jnp.ones(n, bool))


def _pulls(
    potential: Angular | Moments, r: Float[Array, "d b"], *seen: tuple[Ends | None, float, Float[Array, "k c n"]]
):
    """Forces (d, n) of bonds r = (d, c·n) on the atoms they start from, and their virial.

    A bond is ``seen`` between kinds, with a weight of φ and one of each ψ: once where both ends see the same.
    """
    pulls = []
    for ends, weight, pull in seen:
        bonds = bonds_of(potential, r, _flat(ends))
        pulls.append(bonds.frozen(jnp.full(r.shape[1], weight), pull.reshape(pull.shape[0], r.shape[1]))[0])
    each = sum_of(pulls)
    forces = jnp.sum(each.reshape(r.shape[0], *seen[0][2].shape[1:]), axis=1)
    return forces, 0.5 * each @ r.T


def _kinds(potential: Potential, neighbours: NeighbourList) -> _Kinds | None:
    """Kinds of the atoms and of all entries; None where they make no difference."""
    if not potential.distinguishes:
        return None
    of_atoms = jnp.asarray(potential.kinds(neighbours.species))
    rows = neighbours.partner.shape[1]
    of_entries = jnp.append(of_atoms[neighbours.owner], 0)
    return _Kinds(of_entries[:rows], of_entries)


def _ends(kinds: _Kinds | None, start: Int[Array, ""], partner: Int[Array, "k c"]) -> Ends | None:
    """Kinds (k, c) at both ends of a piece's bonds."""
    if kinds is None:
        return None
    site = jax.lax.dynamic_slice_in_dim(kinds.of_rows, start, partner.shape[1])
    return jnp.broadcast_to(site, partner.shape), kinds.of_entries[partner]


def _flat(ends: Ends | None) -> Ends | None:
    return None if ends is None else (jnp.ravel(ends[0]), jnp.ravel(ends[1]))


def _own_kind(ends: Ends | None) -> Ends | None:
    """(c,) and (c,): each site's kind, twice, as its own U sees it."""
    return None if ends is None else (ends[0][0], ends[0][0])


def _around(ends: Ends | None) -> Ends | None:
    """(c,) and (c, k): each site's kind, and those of its neighbours."""
    return None if ends is None else (ends[0][0], ends[1].T)


def _by_site(function, potential: Potential, ends: Ends | None):
    """``function(potential, …)`` of every site of a piece, mapped over the sites' axis, the first, of all arguments."""
    if ends is None:
        return jax.vmap(lambda *of_site: function(potential, *of_site))
    mapped = jax.vmap(lambda site, other, *of_site: function(potential.among(site, other), *of_site))
    return lambda *of_sites: mapped(*ends, *of_sites)


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


def _vectors(r: Float[Array, "d b"], partner: Int[Array, "k n"]) -> Float[Array, "n k d"]:
    """Each site's own neighbour vectors."""
    return r.reshape(-1, *partner.shape).transpose(2, 1, 0)


def _by_vectors(potential: General, neighbours: NeighbourList, everyone: Float[Array, "d m"]) -> Sites:
    """Any site energy: its slope in each of its bonds pulls at one end and is added up at the other."""
    kinds = _kinds(potential, neighbours)

    def sweep(start):
        r, partner = _bonds(neighbours, everyone, start)
        ends = _around(_ends(kinds, start, partner))
        each = _by_site(lambda p, v: jax.value_and_grad(p.site_energy)(v), potential, ends)
        energy, slope = each(_vectors(r, partner))
        slope = slope.transpose(2, 1, 0)  # (d, k, n)
        return energy, jnp.sum(slope, axis=1), slope, slope.reshape(r.shape) @ r.T

    energies, forces, slopes, virial = _pieces(sweep, neighbours)
    n, dim = neighbours.positions.shape
    owner = jnp.append(neighbours.owner, 0)  # nobody is felt by nobody: his slopes are zero
    received = jnp.zeros((n, dim)).at[owner[neighbours.partner]].add(jnp.moveaxis(slopes, 0, -1))
    virial = jnp.sum(virial.reshape(dim, -1, dim), axis=1)
    return Sites(energies[:n], forces.T[:n] - received, virial, jnp.ones(n, bool))
