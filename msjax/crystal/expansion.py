"""Second-order expansion of the cell's energy in its bond vectors: the one piece all lattice responses share.

With λ = ∂U/∂m frozen, and m the moments of a site,

    dE  = Σ_b slope_b · dr_b
    d²E = Σ_b dr_b · curvature_b · dr_b + Σ_i (Σ_b∈i D_b dr_b)ᵀ U″_i (Σ_b∈i D_b dr_b)

so that strain, inner shifts, slab layers and phonons differ only in dr_b. Multiplicities of sites and doubled bonds
are already inside.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.bond_terms import AngularBonds, VectorBonds
from msjax.crystal.neighbours import Neighbours
from msjax.crystal.potential import Angular, General, Moments, Potential
from msjax.tensors import voigt_index
from msjax.typing import Array, Float, Scalar


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
        each = [potential.site_energy(v) for v in _all_neighbours(neighbours, r)]
        return jnp.sum(multiplicity * jnp.stack(each))
    potential = in_moments(potential)
    bonds = bonds_of(potential, r.T)
    pairs = jnp.sum(_pair_weight(neighbours) * bonds.pair)
    moments = _site_moments(potential, neighbours, bonds)
    return pairs + jnp.sum(multiplicity * jax.vmap(potential.embed)(moments)) if moments.shape[1] else pairs


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
    bonds = bonds_of(potential, r)
    pair_weight = _pair_weight(neighbours)
    value = pair_weight @ bonds.pair
    moments = _site_moments(potential, neighbours, bonds)
    sites, k = moments.shape
    doubling = _doubling(potential, neighbours, r.shape[0])
    if k:
        if background is not None:
            moments = moments + background
        embedding, frozen, of_u = _embed(potential, moments)
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


def bonds_of(potential: Angular | Moments, r: Float[Array, "d nb"]) -> AngularBonds | VectorBonds:
    """Bond functions of a potential at bond vectors."""
    return AngularBonds(potential, r) if isinstance(potential, Angular) else VectorBonds(potential, r)


def _embed(potential: Angular | Moments, moments: Float[Array, "ns k"]):
    """U and its first two derivatives at each site."""

    def slope(m):
        value, gradient = jax.value_and_grad(potential.embed)(m)
        return gradient, (value, gradient)

    def second(m):
        curvature, (value, gradient) = jax.jacfwd(slope, has_aux=True)(m)
        return value, gradient, curvature

    if moments.shape[0] == 1:  # spares the compiler a batch dimension
        return tuple(x[None] for x in second(moments[0]))
    return jax.vmap(second)(moments)


def bond_moments(potential: Angular | Moments, neighbours: Neighbours, r: Float[Array, "d nb"]):
    """Moments of each representative site, (ns, k)."""
    return _site_moments(potential, neighbours, bonds_of(potential, r))


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


def _all_neighbours(neighbours: Neighbours, r: Float[Array, "nb d"]) -> list[Float[Array, "n d"]]:
    """Neighbour vectors of each representative site, inverses of doubled bonds included."""
    vectors = []
    for site in range(len(neighbours.representatives)):
        mine = np.flatnonzero(neighbours.site == site)
        twice = mine[neighbours.doubled[mine]]
        vectors.append(jnp.concatenate([r[mine], -r[twice]]))
    return vectors


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
        twice = neighbours.doubled[mine]

        def of_stored(stored, twice=twice):
            vectors = jnp.concatenate([stored, -stored[np.flatnonzero(twice)]])
            return potential.site_energy(vectors)

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
