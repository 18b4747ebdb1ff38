"""Tersoff's site energy, with numbers for all bonds alike or numbers for each bond and each pair of bonds."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.elementary import reciprocal, root
from msjax.typing import Array, Bool, Float, Scalar

Cubed = bool | Bool[Array, "n n"]

_LARGEST = float(np.log(1e30))


class OfBonds(NamedTuple):
    """What concerns a bond i j: numbers, or one for each of n neighbours j, (n,)."""

    A: Float[Array, "..."]
    B: Float[Array, "..."]
    lam1: Float[Array, "..."]
    lam2: Float[Array, "..."]
    beta: Float[Array, "..."]
    n: Float[Array, "..."]
    R: Float[Array, "..."]
    D: Float[Array, "..."]


class OfTriplets(NamedTuple):
    """What a neighbour k does to the bond i j: numbers, or (n, n) with rows j and columns k."""

    lam3: Float[Array, "..."]
    c: Float[Array, "..."]
    d: Float[Array, "..."]
    cos0: Float[Array, "..."]
    gamma: Float[Array, "..."]
    R: Float[Array, "..."]
    D: Float[Array, "..."]


def bond_order_energy(vectors: Float[Array, "n d"], bonds: OfBonds, triplets: OfTriplets, cubed: Cubed) -> Scalar:
    """E_i, eV, of a site with neighbours at ``vectors``; see :class:`msjax.crystal.potentials.Tersoff`.

    ``cubed``: whether the exponent's power m is 3, and not 1.
    """
    r = root(jnp.sum(vectors * vectors, axis=1))
    attraction = _bond_order(vectors, r, bonds, triplets, cubed) * bonds.B * jnp.exp(-bonds.lam2 * r)
    return 0.5 * jnp.sum(_fade(r, bonds.R, bonds.D) * (bonds.A * jnp.exp(-bonds.lam1 * r) - attraction))


def _bond_order(
    vectors: Float[Array, "n d"], r: Float[Array, " n"], bonds: OfBonds, t: OfTriplets, cubed: Cubed
) -> Float[Array, " n"]:
    """b_ij of each bond."""
    unit = vectors * reciprocal(r)[:, None]
    off2 = (unit @ unit.T - t.cos0) ** 2
    d2 = t.d * t.d
    # c²/d² − c²/(d² + x²) in one fraction: the two are some 10⁷, their difference may be 1
    g = t.gamma * (1.0 + t.c * t.c * off2 / (d2 * (d2 + off2)))
    own = (r < bonds.R + bonds.D)[:, None]
    others = jnp.broadcast_to(r[None, :], off2.shape)
    pairs = own & (others < t.R + t.D) & ~np.eye(len(r), dtype=bool)
    longer = t.lam3 * jnp.where(pairs, r[:, None] - others, 0.0)
    exponent = jnp.clip(jnp.where(cubed, longer**3, longer), -_LARGEST, _LARGEST)
    zeta = jnp.sum(jnp.where(pairs, _fade(others, t.R, t.D) * g * jnp.exp(exponent), 0.0), axis=1)
    alone = zeta <= 0.0
    # (1 + xⁿ)^(−1/2n) by logarithms: xⁿ overflows for the n = 23 of the first silicon fit
    power = bonds.n * jnp.log(bonds.beta * jnp.where(alone, 1.0, zeta))
    return jnp.where(alone, 1.0, jnp.exp(-0.5 * jax.nn.softplus(power) / bonds.n))


def _fade(r: Float[Array, "..."], middle: Float[Array, "..."], half: Float[Array, "..."]) -> Float[Array, "..."]:
    """f_C."""
    x = (r - middle) / half
    return jnp.where(x <= -1.0, 1.0, jnp.where(x >= 1.0, 0.0, 0.5 - 0.5 * jnp.sin(0.5 * np.pi * x)))
