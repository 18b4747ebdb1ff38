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

from msjax.crystal.bond_terms import (
    Channels,
    frozen_derivatives,
    moment_count,
    moment_slopes,
    moments_of_bonds,
    parities,
    radial_derivatives,
)
from msjax.crystal.neighbours import Neighbours
from msjax.crystal.potential import Angular, Potential, SiteEnergy
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
    if isinstance(potential, SiteEnergy):
        each = [potential.function(v, potential.parameters) for v in _all_neighbours(neighbours, r)]
        return jnp.sum(multiplicity * jnp.stack(each))
    assert isinstance(potential, Angular)
    r2 = jnp.sum(r * r, axis=1)
    pairs = jnp.sum(_pair_weight(neighbours) * potential.pair(r2))
    if not potential.degrees:
        return pairs
    moments = _moments(potential, neighbours, potential.density(r2), r.T)
    return pairs + jnp.sum(multiplicity * jax.vmap(potential.embed)(moments))


def expand(potential: Potential, neighbours: Neighbours, r: Float[Array, "nb d"]) -> Expansion:
    """Energy and its first and second derivatives in the bond vectors ``r`` (nb, d)."""
    if isinstance(potential, SiteEnergy):
        return _expand_general(potential, neighbours, r)
    assert isinstance(potential, Angular)
    terms = expand_terms(potential, neighbours, r.T)
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
    potential: Angular,
    neighbours: Neighbours,
    r: Float[Array, "d nb"],
    background: Float[Array, "ns k"] | None = None,
) -> Terms:
    """The expansion of an angular potential with bonds last; ``background`` adds moments of bonds that do not move."""
    dim, bonds = r.shape
    multiplicity = neighbours.multiplicity.astype(float)
    r2 = jnp.sum(r * r, axis=0)
    pair = radial_derivatives(potential.pair, r2)
    pair_weight = _pair_weight(neighbours)
    value = pair_weight @ pair[0]
    if not potential.degrees:
        nothing = jnp.zeros((0, bonds))
        channels = Channels(pair, (nothing, nothing, nothing))
        slope, curvature = frozen_derivatives((), channels, r, jnp.asarray(pair_weight), nothing)
        sites = len(multiplicity)
        return Terms(
            value, slope, curvature, jnp.zeros((0, dim, bonds)), jnp.zeros((sites, 0, 0)), jnp.zeros((sites, 0))
        )
    channels = Channels(pair, radial_derivatives(potential.density, r2))
    moments = _moments(potential, neighbours, channels.density[0], r)
    if background is not None:
        moments = moments + background
    embedding, frozen = jax.vmap(jax.value_and_grad(potential.embed))(moments)
    value = value + multiplicity @ embedding
    curvature_of_u = multiplicity[:, None, None] * jax.vmap(jax.hessian(potential.embed))(moments)
    doubling = _doubling(potential, neighbours, dim)
    of_site = frozen[0][:, None] if len(multiplicity) == 1 else frozen[neighbours.site].T
    weights = (multiplicity[neighbours.site][None, :] * doubling) * of_site
    slope, curvature = frozen_derivatives(potential.degrees, channels, r, jnp.asarray(pair_weight), weights)
    density_slope = doubling[:, None, :] * moment_slopes(potential.degrees, channels.density, r)
    return Terms(value, slope, curvature, density_slope, curvature_of_u, moments)


def bond_moments(potential: Angular, neighbours: Neighbours, r: Float[Array, "d nb"]) -> Float[Array, "ns k"]:
    """Moments of each representative site."""
    return _moments(potential, neighbours, potential.density(jnp.sum(r * r, axis=0)), r)


def _moments(potential: Angular, neighbours: Neighbours, density: Float[Array, "c nb"], r: Float[Array, "d nb"]):
    each = _doubling(potential, neighbours, r.shape[0]) * moments_of_bonds(potential.degrees, density, r)
    return site_sum(each.T, neighbours)


def _pair_weight(neighbours: Neighbours) -> np.ndarray:
    return np.where(neighbours.doubled, 2.0, 1.0) * neighbours.multiplicity[neighbours.site]


def _doubling(potential: Angular, neighbours: Neighbours, dim: int) -> np.ndarray:
    """(k, nb): a doubled bond counts twice in an even moment and cancels in an odd one."""
    parity = parities(potential.degrees, dim)
    assert len(parity) == moment_count(potential.degrees, dim)
    return np.where(neighbours.doubled[None, :], 1.0 + parity[:, None], np.ones((len(parity), 1)))


def _all_neighbours(neighbours: Neighbours, r: Float[Array, "nb d"]) -> list[Float[Array, "n d"]]:
    """Neighbour vectors of each representative site, inverses of doubled bonds included."""
    vectors = []
    for site in range(len(neighbours.representatives)):
        mine = np.flatnonzero(neighbours.site == site)
        twice = mine[neighbours.doubled[mine]]
        vectors.append(jnp.concatenate([r[mine], -r[twice]]))
    return vectors


def _expand_general(potential: SiteEnergy, neighbours: Neighbours, r: Float[Array, "nb d"]) -> Expansion:
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
            return potential.function(vectors, potential.parameters)

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
