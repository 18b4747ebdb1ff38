"""Second-order expansion of the cell's energy in its bond vectors: the one piece all lattice responses share.

With λ = ∂U/∂m frozen, and m the moments of a site,

    dE  = Σ_b slope_b · dr_b
    d²E = Σ_b dr_b · curvature_b · dr_b + Σ_i (Σ_b∈i D_b dr_b)ᵀ U″_i (Σ_b∈i D_b dr_b)

so that strain, inner shifts, slab layers and phonons differ only in dr_b. Multiplicities of sites and doubled bonds
are already inside.
"""

from typing import NamedTuple, TypeVar, cast

import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.bond_terms import AngularBonds, Ends, VectorBonds
from msjax.crystal.neighbours import Neighbours
from msjax.crystal.potential import Angular, General, Moments, Potential
from msjax.tensors import voigt_index
from msjax.typing import Array, Bool, Float, Scalar

P = TypeVar("P", bound=Potential)


class Expansion(NamedTuple):
    """Energy per cell, eV; ``slope`` (nb, d), eV/Å; ``curvature`` (nb, d, d), eV/Å²; ``density_slope`` D (nb, k, d);
    ``embedding_curvature`` U″ (ns, k, k), with the site's multiplicity; ``moments`` (ns, k)."""

    energy: Scalar
    slope: Float[Array, "nb d"]
    curvature: Float[Array, "nb d d"]
    density_slope: Float[Array, "nb k d"]
    embedding_curvature: Float[Array, "ns k k"]
    moments: Float[Array, "ns k"]


class Terms(NamedTuple):
    """The expansion with bonds last: ``slope`` (d, nb), ``curvature`` (v, nb) in Voigt order, ``density_slope``
    (k, d, nb)."""

    energy: Scalar
    slope: Float[Array, "d nb"]
    curvature: Float[Array, "v nb"]
    density_slope: Float[Array, "k d nb"]
    embedding_curvature: Float[Array, "ns k k"]
    moments: Float[Array, "ns k"]


def site_sum(values: Float[Array, "nb *k"], neighbours: Neighbours) -> Float[Array, "ns *k"]:
    """Sum bond values into their sites."""
    sites = len(neighbours.representatives)
    if sites == 1:
        return jnp.sum(values, axis=0, keepdims=True)
    return jax.ops.segment_sum(values, neighbours.site, sites, indices_are_sorted=True)


def energy(potential: Potential, neighbours: Neighbours, r: Float[Array, "nb d"]) -> Scalar:
    """Energy per cell, eV, of bonds ``r``."""
    multiplicity = neighbours.multiplicity.astype(float)
    if isinstance(potential, General):
        each = [p.site_energy(v) for p, v in _all_neighbours(potential, neighbours, r)]
        return jnp.sum(multiplicity * jnp.stack(each))
    potential = in_moments(potential)
    bonds = bonds_of(potential, r.T, ends_of(potential, neighbours))
    pairs = jnp.sum(_pair_weight(neighbours) * bonds.pair)
    moments = _site_moments(potential, neighbours, bonds)
    if not moments.shape[1]:
        return pairs
    return pairs + jnp.sum(multiplicity * _at_sites(lambda p, m: p.embed(m), potential, neighbours, moments))


def expand(potential: Potential, neighbours: Neighbours, r: Float[Array, "nb d"]) -> Expansion:
    """Energy and its first and second derivatives in the bond vectors ``r`` (nb, d)."""
    if isinstance(potential, General):
        return _expand_general(potential, neighbours, r)
    terms = expand_terms(in_moments(potential), neighbours, r.T)
    index = voigt_index(r.shape[1])
    return Expansion(
        terms.energy,
        terms.slope.T,
        terms.curvature[index].transpose(2, 0, 1),
        terms.density_slope.transpose(2, 0, 1),
        terms.embedding_curvature,
        terms.moments,
    )


def expand_terms(
    potential: Angular | Moments,
    neighbours: Neighbours,
    r: Float[Array, "d nb"],
    background: Float[Array, "ns k"] | None = None,
) -> Terms:
    """The expansion of a potential in moments, bonds last; ``background`` adds moments of bonds that do not move."""
    multiplicity = neighbours.multiplicity.astype(float)
    bonds = bonds_of(potential, r, ends_of(potential, neighbours))
    pair_weight = _pair_weight(neighbours)
    value = pair_weight @ bonds.pair
    moments = _site_moments(potential, neighbours, bonds)
    sites, k = moments.shape
    doubling = _doubling(potential, neighbours, r.shape[0])
    if k:
        if background is not None:
            moments = moments + background
        embedding, frozen, of_u = _embed(potential, neighbours, moments)
        value = value + multiplicity @ embedding
        of_u = multiplicity[:, None, None] * of_u
        of_site = frozen[0][:, None] if sites == 1 else frozen[neighbours.site].T
        weights = (multiplicity[neighbours.site][None, :] * doubling) * of_site
    else:
        of_u, weights = jnp.zeros((sites, 0, 0)), jnp.zeros((0, neighbours.bonds))
    slope, curvature = bonds.frozen(pair_weight, weights)
    return Terms(value, slope, curvature, doubling[:, None, :] * bonds.slopes(), of_u, moments)


def in_moments(potential: Potential) -> Angular | Moments:
    """The potential, when it is a functional of moments; ``TypeError`` otherwise."""
    if isinstance(potential, Angular | Moments):
        return potential
    raise TypeError(f"potential: expected Radial, Angular, Moments or General, got {type(potential).__name__}")


def bonds_of(
    potential: Angular | Moments, r: Float[Array, "d nb"], ends: Ends | None = None
) -> AngularBonds | VectorBonds:
    """Bond functions of a potential at bond vectors, between atoms of these kinds."""
    return AngularBonds(potential, r, ends) if isinstance(potential, Angular) else VectorBonds(potential, r, ends)


def ends_of(potential: Potential, neighbours: Neighbours) -> Ends | None:
    """Kinds at both ends of each bond; None where they make no difference."""
    if not potential.distinguishes:
        return None
    kinds = potential.kinds(neighbours.species)
    return kinds[neighbours.origin], kinds[neighbours.partner]


def at_site(potential: P, neighbours: Neighbours, site: int) -> P:
    """The potential as the U of one representative site sees it."""
    kind = potential.kinds(neighbours.species)[neighbours.representatives[site]]
    return cast(P, potential.among(kind, kind))


def _at_sites(function, potential: Angular | Moments, neighbours: Neighbours, moments: Float[Array, "ns k"]):
    """``function(potential, moments)`` at each site, whose U may depend on its kind."""
    if moments.shape[0] == 1:  # spares the compiler a batch dimension
        return jax.tree.map(lambda x: x[None], function(at_site(potential, neighbours, 0), moments[0]))
    if not potential.distinguishes:
        return jax.vmap(lambda m: function(potential, m))(moments)
    kinds = jnp.asarray(potential.kinds(neighbours.species)[neighbours.representatives])
    return jax.vmap(lambda kind, m: function(potential.among(kind, kind), m))(kinds, moments)


def covered(potential: Potential, neighbours: Neighbours, moments: Float[Array, "ns k"]) -> Bool[Array, ""]:
    """Whether tables, if there are any, cover the moments of all sites."""
    if not isinstance(potential, Angular):
        return jnp.ones((), bool)
    return jnp.all(_at_sites(lambda p, m: p.covered(m), potential, neighbours, moments))


def _embed(potential: Angular | Moments, neighbours: Neighbours, moments: Float[Array, "ns k"]):
    """U and its first two derivatives at each site."""

    def second(potential, m):
        def slope(m):
            value, gradient = jax.value_and_grad(potential.embed)(m)
            return gradient, (value, gradient)

        curvature, (value, gradient) = jax.jacfwd(slope, has_aux=True)(m)
        return value, gradient, curvature

    return _at_sites(second, potential, neighbours, moments)


def bond_moments(potential: Angular | Moments, neighbours: Neighbours, r: Float[Array, "d nb"]):
    """Moments of each representative site, (ns, k)."""
    return _site_moments(potential, neighbours, bonds_of(potential, r, ends_of(potential, neighbours)))


def _site_moments(potential: Angular | Moments, neighbours: Neighbours, bonds: AngularBonds | VectorBonds):
    return site_sum((_doubling(potential, neighbours, bonds.r.shape[0]) * bonds.moments).T, neighbours)


def _pair_weight(neighbours: Neighbours) -> Float[Array, " nb"]:
    return jnp.asarray(np.where(neighbours.doubled, 2.0, 1.0) * neighbours.multiplicity[neighbours.site])


def _doubling(potential: Angular | Moments, neighbours: Neighbours, dim: int) -> Float[Array, "k nb"]:
    """(k, nb): a doubled bond counts twice in an even moment and cancels in an odd one."""
    if isinstance(potential, Angular):
        parity = AngularBonds.parities(potential, dim)
    else:
        parity = VectorBonds.parities(potential, dim)
    return jnp.asarray(np.where(neighbours.doubled[None, :], 1.0 + parity[:, None], 1.0))


def _all_neighbours(
    potential: General, neighbours: Neighbours, r: Float[Array, "nb d"]
) -> list[tuple[General, Float[Array, "n d"]]]:
    """The potential and the neighbour vectors of each representative site, inverses of doubled bonds included."""
    sites = []
    for site in range(len(neighbours.representatives)):
        mine = np.flatnonzero(neighbours.site == site)
        twice = mine[neighbours.doubled[mine]]
        sites.append((_seen(potential, neighbours, mine, twice), jnp.concatenate([r[mine], -r[twice]])))
    return sites


def _seen(potential: General, neighbours: Neighbours, mine: np.ndarray, twice: np.ndarray) -> General:
    """The potential of the site whose bonds these are, then those of them that also stand for their inverse."""
    ends = ends_of(potential, neighbours)
    if ends is None:
        return potential
    site, partner = ends
    return cast(General, potential.among(site[mine[0]], np.concatenate([partner[mine], partner[twice]])))


def _expand_general(potential: General, neighbours: Neighbours, r: Float[Array, "nb d"]) -> Expansion:
    """A general site energy is one whose moments are its own bond vectors: D selects, U″ = ∂²ε."""
    dim = r.shape[1]
    multiplicity = neighbours.multiplicity.astype(float)
    widest = max(int(np.sum(neighbours.site == s)) for s in range(len(multiplicity)))
    slots = widest * dim
    value = jnp.zeros(())
    slopes, blocks = [], []
    select = np.zeros((neighbours.bonds, slots, dim))
    for site in range(len(multiplicity)):
        mine = np.flatnonzero(neighbours.site == site)
        twice = np.flatnonzero(neighbours.doubled[mine])
        seen = _seen(potential, neighbours, mine, mine[twice])

        def of_stored(stored, twice=twice, seen=seen):
            return seen.site_energy(jnp.concatenate([stored, -stored[twice]]))

        stored = r[mine]
        value = value + multiplicity[site] * of_stored(stored)
        slopes.append(multiplicity[site] * jax.grad(of_stored)(stored))
        second = jax.jacfwd(jax.grad(of_stored))(stored).reshape(stored.size, stored.size)
        pad = slots - stored.size
        blocks.append(multiplicity[site] * jnp.pad(second, ((0, pad), (0, pad))))
        for position, bond in enumerate(mine):
            select[bond, position * dim : (position + 1) * dim] = np.eye(dim)
    return Expansion(
        value,
        jnp.concatenate(slopes),
        jnp.zeros((neighbours.bonds, dim, dim)),
        jnp.asarray(select),
        jnp.stack(blocks),
        jnp.zeros((len(multiplicity), slots)),
    )
