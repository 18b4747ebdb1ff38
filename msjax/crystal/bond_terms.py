"""Bond functions, their moments, and their first two derivatives in the bond vectors.

In closed form for angular potentials, by differentiation bond by bond for those that write functions of the bond
vector. Arrays run component first and bonds last, (…, nb): every operation is then one long loop over bonds.
"""

from typing import Any, cast

import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.potential import Angular, Moments
from msjax.tensors import VOIGT, sum_of
from msjax.typing import Array, Float, Int

Ends = tuple[Int[np.ndarray | Array, "..."], Int[np.ndarray | Array, "..."]]
"""Kinds of the sites that bonds start from and of their partners."""


def radial_derivatives(function, r2: Float[Array, " nb"]):
    """Value and two derivatives of an elementwise function of r², by nested forward mode."""
    one = jnp.ones_like(r2)

    def first(x):
        return jax.jvp(function, (x,), (one,))

    (value, slope), (_, curvature) = jax.jvp(first, (r2,), (one,))
    return value, slope, curvature


def tensor(degree: int, r: Float[Array, "d nb"]) -> Float[Array, "m nb"]:
    """1, r, or r⊗r with √2 on the off-diagonal components."""
    if degree == 0:
        return jnp.ones((1, r.shape[1]))
    if degree == 1:
        return r
    first, second = np.array(VOIGT[r.shape[0]]).T
    return jnp.asarray(_roots(r.shape[0]))[:, None] * (r[first] * r[second])


def _roots(dim: int) -> np.ndarray:
    return np.array([1.0 if i == j else np.sqrt(2.0) for i, j in VOIGT[dim]])


def _dyad_slope(dim: int) -> np.ndarray:
    """Constant (v, d, d): ∂(r_a r_b √…)/∂r_i = Σ_e constant[ab, i, e] r_e."""
    slope = np.zeros((len(VOIGT[dim]), dim, dim))
    for v, ((a, b), root) in enumerate(zip(VOIGT[dim], _roots(dim), strict=True)):
        slope[v, a, b] += root
        slope[v, b, a] += root
    return slope


class AngularBonds:
    """Bonds ``r`` (d, nb) of an angular potential: radial functions with two derivatives, everything else closed form.

    ``pair`` (nb,), ``moments`` (k, nb), between the kinds ``ends`` where it matters; :meth:`slopes` and
    :meth:`frozen` are the derivatives.
    """

    def __init__(self, potential: Angular, r: Float[Array, "d nb"], ends: Ends | None = None):
        if ends is not None:
            potential = cast(Angular, potential.among(*ends))
        self.degrees, self.r = potential.degrees, r
        r2 = jnp.sum(r * r, axis=0)
        self.pair, self.pair1, self.pair2 = radial_derivatives(potential.pair, r2)
        nothing = jnp.zeros((0, r.shape[1]))
        self.density = radial_derivatives(potential.density, r2) if self.degrees else (nothing, nothing, nothing)
        self.moments = self._moments(self.density[0])

    @staticmethod
    def parities(potential: Angular, dim: int) -> np.ndarray:
        """(k,) signs of the moments under r → −r."""
        sizes = (1, dim, len(VOIGT[dim]))
        return np.concatenate([np.full(sizes[g], (-1.0) ** g) for g in potential.degrees] or [np.zeros(0)])

    def _moments(self, density):
        rows = [h[None] * tensor(degree, self.r) for degree, h in zip(self.degrees, density, strict=True)]
        return jnp.concatenate(rows) if rows else density

    def slopes(self) -> Float[Array, "k d nb"]:
        """∂m_k/∂r_i of every bond: 2 h′ r_i Y + h ∂_i Y."""
        dim = self.r.shape[0]
        rows = [jnp.zeros((0, dim, self.r.shape[1]))]
        for degree, h, h1, _ in zip(self.degrees, *self.density, strict=True):
            slope = (2.0 * h1[None] * tensor(degree, self.r))[:, None, :] * self.r[None, :, :]
            if degree == 1:
                slope = slope + jnp.eye(dim)[:, :, None] * h[None, None, :]
            elif degree == 2:
                slope = slope + jnp.einsum("vie,eb->vib", _dyad_slope(dim), h[None] * self.r)
            rows.append(slope)
        return jnp.concatenate(rows)

    def frozen(
        self, pair_weight: Float[Array, " nb"], weights: Float[Array, "k nb"]
    ) -> tuple[Float[Array, "d nb"], Float[Array, "v nb"]]:
        """First and second derivative (Voigt order) of w φ(r) + Σ_k w_k m_k(r) with the weights frozen."""
        r, dim = self.r, self.r.shape[0]
        first, second = np.array(VOIGT[dim]).T
        identity = np.array([1.0 if i == j else 0.0 for i, j in VOIGT[dim]])[:, None]
        along = pair_weight * self.pair1  # multiplies 2 r and 2 δ
        twice = pair_weight * self.pair2  # multiplies 4 r⊗r
        slope, curvature = [], []
        start = 0
        for degree, h, h1, h2 in zip(self.degrees, *self.density, strict=True):
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
            curvature.append(2.0 * h1[None] * (r[first] * gradient[second] + r[second] * gradient[first]))
            if degree == 2:  # ∂²q is constant: 2 w on the diagonal, √2 w beside it
                curvature.append(h[None] * (2.0 / _roots(dim))[:, None] * w)
        slope.append(2.0 * along[None] * r)
        curvature.append(4.0 * twice[None] * (r[first] * r[second]) + 2.0 * along[None] * identity)
        return sum_of(slope), sum_of(curvature)


class VectorBonds:
    """Bonds ``r`` (d, nb) of a potential written in the bond vector, differentiated bond by bond."""

    def __init__(self, potential: Moments, r: Float[Array, "d nb"], ends: Ends | None = None):
        self.potential, self.r = potential, r
        self.ends = None if ends is None else tuple(jnp.asarray(kinds) for kinds in ends)
        self.pair = self._of_bonds(lambda p, r: p.pair(r))
        self.moments = self._of_bonds(lambda p, r: p.density(r))

    def _of_bonds(self, function, *of_bond) -> Any:
        """``function(potential, r, …)`` of every bond, bonds last in and out."""

        def one(r, ends, *others):
            return function(self.potential if ends is None else self.potential.among(*ends), r, *others)

        return jax.vmap(one, in_axes=(1, 0, *[x.ndim - 1 for x in of_bond]), out_axes=-1)(self.r, self.ends, *of_bond)

    @staticmethod
    def parities(potential: Moments, dim: int) -> np.ndarray:  # noqa: ARG004
        """(k,) signs of the moments under r → −r, as the potential states them."""
        return np.array(potential.parity, float)

    def slopes(self) -> Float[Array, "k d nb"]:
        """∂m_k/∂r_i by forward mode."""
        return self._of_bonds(lambda p, r: jax.jacfwd(p.density)(r))

    def frozen(
        self, pair_weight: Float[Array, " nb"], weights: Float[Array, "k nb"]
    ) -> tuple[Float[Array, "d nb"], Float[Array, "v nb"]]:
        """Derivatives of w φ(r) + Σ_k w_k m_k(r) by forward over reverse mode."""

        def second(potential, r, w, of_moments):
            def function(r):
                return w * potential.pair(r) + jnp.dot(of_moments, potential.density(r))

            def gradient(r):
                slope = jax.grad(function)(r)
                return slope, slope

            return jax.jacfwd(gradient, has_aux=True)(r)

        curvature, slope = self._of_bonds(second, pair_weight, weights)
        rows, columns = np.array(VOIGT[self.r.shape[0]]).T
        return slope, curvature[rows, columns]
