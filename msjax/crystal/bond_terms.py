"""Bond functions of angular potentials and their first two derivatives in the bond vectors, in closed form.

Arrays run component first and bonds last, (…, nb): every operation is then one long loop over bonds.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.tensors import VOIGT, sum_of
from msjax.typing import Array, Float


class Channels(NamedTuple):
    """Radial functions of the squared distance with two derivatives: pair (nb,) and channels (c, nb)."""

    pair: tuple[Array, Array, Array]
    density: tuple[Array, Array, Array]


def radial_derivatives(function, r2: Float[Array, " nb"]):
    """Value and two derivatives of an elementwise function of r², by nested forward mode."""
    one = jnp.ones_like(r2)

    def first(x):
        return jax.jvp(function, (x,), (one,))

    (value, slope), (_, curvature) = jax.jvp(first, (r2,), (one,))
    return value, slope, curvature


def moment_count(degrees: tuple[int, ...], dim: int) -> int:
    """Number of moments of channels of these degrees."""
    return sum((1, dim, len(VOIGT[dim]))[degree] for degree in degrees)


def parities(degrees: tuple[int, ...], dim: int) -> np.ndarray:
    """(k,) signs of the moments under r → −r."""
    sizes = (1, dim, len(VOIGT[dim]))
    return np.concatenate([np.full(sizes[degree], (-1.0) ** degree) for degree in degrees] or [np.zeros(0)])


def moments_of_bonds(degrees: tuple[int, ...], density: Float[Array, "c nb"], r: Float[Array, "d nb"]):
    """Each bond's contribution to the k moments, (k, nb)."""
    rows = [h[None] * tensor(degree, r) for degree, h in zip(degrees, density, strict=True)]
    return jnp.concatenate(rows) if rows else jnp.zeros((0, r.shape[1]))


def tensor(degree: int, r: Float[Array, "d nb"]) -> Float[Array, "m nb"]:
    """1, r, or r⊗r with √2 on the off-diagonal components."""
    if degree == 0:
        return jnp.ones((1, r.shape[1]))
    if degree == 1:
        return r
    first, second = np.array(VOIGT[r.shape[0]]).T
    return _roots(r.shape[0])[:, None] * (r[first] * r[second])


def _roots(dim: int) -> np.ndarray:
    return np.array([1.0 if i == j else np.sqrt(2.0) for i, j in VOIGT[dim]])


def _dyad_slope(dim: int) -> np.ndarray:
    """Constant (v, d, d): ∂(r_a r_b √…)/∂r_i = Σ_e constant[ab, i, e] r_e."""
    slope = np.zeros((len(VOIGT[dim]), dim, dim))
    for v, ((a, b), root) in enumerate(zip(VOIGT[dim], _roots(dim), strict=True)):
        slope[v, a, b] += root
        slope[v, b, a] += root
    return slope


def moment_slopes(
    degrees: tuple[int, ...], density: tuple[Array, Array, Array], r: Float[Array, "d nb"]
) -> Float[Array, "k d nb"]:
    """∂m_k/∂r_i of every bond: 2 h′ r_i Y + h ∂_i Y."""
    dim = r.shape[0]
    rows = [jnp.zeros((0, dim, r.shape[1]))]
    for degree, h, h1 in zip(degrees, density[0], density[1], strict=True):
        slope = (2.0 * h1[None] * tensor(degree, r))[:, None, :] * r[None, :, :]
        if degree == 1:
            slope = slope + jnp.eye(dim)[:, :, None] * h[None, None, :]
        elif degree == 2:
            constant = _dyad_slope(dim)
            slope = slope + jnp.einsum("vie,eb->vib", constant, h[None] * r)
        rows.append(slope)
    return jnp.concatenate(rows)


def frozen_derivatives(
    degrees: tuple[int, ...],
    channels: Channels,
    r: Float[Array, "d nb"],
    pair_weight: Float[Array, " nb"],
    weights: Float[Array, "k nb"],
) -> tuple[Float[Array, "d nb"], Float[Array, "v nb"]]:
    """First and second derivative (Voigt order) of w φ(r) + Σ_k w_k m_k(r) with the weights frozen."""
    dim = r.shape[0]
    first, second = np.array(VOIGT[dim]).T
    identity = np.array([1.0 if i == j else 0.0 for i, j in VOIGT[dim]])[:, None]
    _, pair1, pair2 = channels.pair
    along = pair_weight * pair1  # multiplies 2 r and 2 δ
    twice = pair_weight * pair2  # multiplies 4 r⊗r
    slope, curvature = [], []
    start = 0
    for degree, h, h1, h2 in zip(degrees, *channels.density, strict=True):
        size = (1, dim, len(VOIGT[dim]))[degree]
        w = weights[start : start + size]
        start += size
        value = jnp.sum(w * tensor(degree, r), axis=0)  # q = w·Y
        along = along + h1 * value
        twice = twice + h2 * value
        if degree == 0:
            continue
        gradient = w if degree == 1 else jnp.einsum("vie,vb,eb->ib", _dyad_slope(dim), w, r)  # ∂q
        slope.append(h[None] * gradient)
        mixed = r[first] * gradient[second] + r[second] * gradient[first]
        curvature.append(2.0 * h1[None] * mixed)
        if degree == 2:  # ∂²q is constant: 2 w on the diagonal, √2 w beside it
            curvature.append(h[None] * (2.0 / _roots(dim))[:, None] * w)
    slope.append(2.0 * along[None] * r)
    curvature.append(4.0 * twice[None] * (r[first] * r[second]) + 2.0 * along[None] * identity)
    return sum_of(slope), sum_of(curvature)
