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

from msjax.crystal.neighbours import Neighbours
from msjax.crystal.potential import Moments, Potential, Radial, SiteEnergy
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


def site_sum(values: Float[Array, "nb *k"], neighbours: Neighbours) -> Float[Array, "ns *k"]:
    """Sum bond values into their sites."""
    sites = len(neighbours.representatives)
    if sites == 1:
        return jnp.sum(values, axis=0, keepdims=True)
    return jax.ops.segment_sum(values, neighbours.site, sites, indices_are_sorted=True)


def energy(potential: Potential, neighbours: Neighbours, r: Float[Array, "nb d"]) -> Scalar:
    """Energy per cell, eV, of bonds ``r``."""
    weight, multiplicity = _weights(neighbours)
    if isinstance(potential, SiteEnergy):
        vectors = _all_neighbours(neighbours, r)
        each = [potential.function(v, potential.parameters) for v in vectors]
        return jnp.sum(multiplicity * jnp.stack(each))
    pair, density = _bond_functions(potential, r)
    moments = site_sum(_doubling(potential, neighbours) * density, neighbours)
    pairs = jnp.sum(weight * multiplicity[neighbours.site] * pair)
    if moments.shape[1] == 0:
        return pairs
    return pairs + jnp.sum(multiplicity * jax.vmap(potential.embed)(moments))


def expand(potential: Potential, neighbours: Neighbours, r: Float[Array, "nb d"]) -> Expansion:
    """Energy and its first and second derivatives in the bond vectors ``r`` (nb, d)."""
    if isinstance(potential, SiteEnergy):
        return _expand_general(potential, neighbours, r)
    weight, multiplicity = _weights(neighbours)
    doubling = _doubling(potential, neighbours)
    pair, density = _bond_functions(potential, r)
    moments = site_sum(doubling * density, neighbours)
    value = jnp.sum(weight * multiplicity[neighbours.site] * pair)
    k = moments.shape[1]
    bond_multiplicity = jnp.asarray(multiplicity[neighbours.site])
    if k:
        embedding = potential.embed
        value = value + jnp.sum(multiplicity * jax.vmap(embedding)(moments))
        frozen = jax.vmap(jax.grad(embedding))(moments)[neighbours.site]
        curvature_of_u = multiplicity[:, None, None] * jax.vmap(jax.hessian(embedding))(moments)
    else:
        frozen = jnp.zeros((neighbours.bonds, 0))
        curvature_of_u = jnp.zeros((len(multiplicity), 0, 0))
    pair_weight = weight * bond_multiplicity
    density_weight = bond_multiplicity[:, None] * doubling * frozen
    if isinstance(potential, Radial):
        slope, curvature, density_slope = _radial_derivatives(potential, r, pair_weight, density_weight)
    else:
        slope, curvature, density_slope = _vector_derivatives(potential, r, pair_weight, density_weight)
    return Expansion(value, slope, curvature, doubling[:, :, None] * density_slope, curvature_of_u, moments)


def _weights(neighbours: Neighbours) -> tuple[np.ndarray, np.ndarray]:
    return np.where(neighbours.doubled, 2.0, 1.0), neighbours.multiplicity.astype(float)


def _doubling(potential: Potential, neighbours: Neighbours) -> np.ndarray:
    """(nb, k): a doubled bond counts twice in an even moment and cancels in an odd one."""
    parity = np.ones(potential.densities) if isinstance(potential, Radial) else np.array(potential.parity, float)  # type: ignore[attr-defined]
    return np.where(neighbours.doubled[:, None], 1.0 + parity[None, :], np.ones((1, len(parity))))


def _bond_functions(potential: Potential, r: Float[Array, "nb d"]):
    if isinstance(potential, Radial):
        r2 = jnp.sum(r * r, axis=1)
        return potential.pair(r2), potential.density(r2).T
    assert isinstance(potential, Moments)
    return jax.vmap(potential.pair)(r), jax.vmap(potential.density)(r)


def radial_derivatives(function, r2: Float[Array, " nb"]):
    """Value and two derivatives of an elementwise function of r², by nested forward mode."""
    one = jnp.ones_like(r2)

    def first(x):
        return jax.jvp(function, (x,), (one,))

    (value, slope), (_, curvature) = jax.jvp(first, (r2,), (one,))
    return value, slope, curvature


def _radial_derivatives(potential: Radial, r, pair_weight, density_weight):
    """∂φ/∂r = 2 φ′ r and ∂²φ/∂r² = 2 φ′ 1 + 4 φ″ r⊗r, with primes in r²."""
    r2 = jnp.sum(r * r, axis=1)
    _, pair1, pair2 = radial_derivatives(potential.pair, r2)
    first, second = pair_weight * pair1, pair_weight * pair2
    if potential.densities:
        _, rho1, rho2 = radial_derivatives(potential.density, r2)
        first = first + jnp.sum(density_weight * rho1.T, axis=1)
        second = second + jnp.sum(density_weight * rho2.T, axis=1)
        density_slope = 2.0 * rho1.T[:, :, None] * r[:, None, :]
    else:
        density_slope = jnp.zeros((r.shape[0], 0, r.shape[1]))
    identity = jnp.eye(r.shape[1])[None]
    curvature = 2.0 * first[:, None, None] * identity + 4.0 * second[:, None, None] * (r[:, :, None] * r[:, None, :])
    return 2.0 * first[:, None] * r, curvature, density_slope


def _vector_derivatives(potential: Moments, r, pair_weight, density_weight):
    def frozen(vector, w, weights):
        return w * potential.pair(vector) + jnp.dot(weights, potential.density(vector))

    slope = jax.vmap(jax.grad(frozen))(r, pair_weight, density_weight)
    curvature = jax.vmap(jax.jacfwd(jax.grad(frozen)))(r, pair_weight, density_weight)
    return slope, curvature, jax.vmap(jax.jacfwd(potential.density))(r)


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
