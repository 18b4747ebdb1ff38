"""(W, P, A) of a Bravais lattice with radial functions, in closed form by constant matrices.

The squared bond lengths s = R·C·R are linear in C = FᵀF. With f′, f″ the derivatives of the bond functions in s, λ the
frozen ∂U/∂m and B = R⊗R,

    S = (2/V) Σ λ·f′ B,   C⁽⁴⁾ = (4/V)[Σ λ·f″ B⊗B + J U″ Jᵀ],   J = Σ f′ B,
    P = F S,              A_iJkL = δ_ik S_JL + F_iM C⁽⁴⁾_MJNL F_kN

so that a batch is a few matrix products; objectivity and major symmetry are exact. The kernel sums over half of the
bonds (± pairs once).
"""

from itertools import combinations_with_replacement
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.bond_terms import radial_derivatives
from msjax.crystal.potential import Radial
from msjax.tensors import VOIGT, sum_of, voigt_index
from msjax.typing import Array, Float, Scalar


class Bravais(NamedTuple):
    """Energy and moments of one site, and (W, P, A)."""

    energy: Scalar
    stress: Float[Array, "d d"]
    tangent: Float[Array, "d d d d"]
    moments: Float[Array, " k"]


def _rank_four(dim: int) -> tuple[list[tuple[int, ...]], np.ndarray]:
    """Components of a totally symmetric fourth-order tensor, and where each Voigt pair finds its own."""
    components = list(combinations_with_replacement(range(dim), 4))
    position = {c: n for n, c in enumerate(components)}
    pairs = VOIGT[dim]
    table = np.array([[position[tuple(sorted(a + b))] for b in pairs] for a in pairs])
    return components, table


def bravais_response(
    potential: Radial, half: Float[Array, "nb d"], volume: Scalar, deformation: Float[Array, "d d"]
) -> Bravais:
    """One site's response; ``half`` (nb, d) holds one bond vector of each ± pair, Å; ``volume`` per atom, Å^d."""
    dim = half.shape[1]
    pairs, voigt = VOIGT[dim], voigt_index(dim)
    components, to_fourth = _rank_four(dim)
    dyads = jnp.stack([half[:, i] * half[:, j] for i, j in pairs], axis=1)
    fourth = jnp.stack([_product(half, c) for c in components], axis=1)

    metric = deformation.T @ deformation
    shear_twice = np.array([1.0 if i == j else 2.0 for i, j in pairs])
    lengths2 = dyads @ (shear_twice * jnp.stack([metric[i, j] for i, j in pairs]))

    # Each bond function is contracted on its own, with sums as products too: the fewest arrays over bonds are alive
    # at a time, and none is computed twice.
    twice = np.full(half.shape[0], 2.0)
    pair0, pair1, pair2 = radial_derivatives(potential.pair, lengths2)
    energy, second_order, fourth_order = pair0 @ twice, pair1 @ dyads, pair2 @ fourth
    k = len(potential.degrees)
    moments, slopes = jnp.zeros((0,)), jnp.zeros((0, len(pairs)))
    if k:
        lengths2, energy, second_order, fourth_order = _after((lengths2, energy, second_order, fourth_order))
        rho0, rho1, rho2 = radial_derivatives(potential.density, lengths2)
        moments, slopes, curvatures = rho0 @ twice, rho1 @ dyads, rho2 @ fourth
        embedding, frozen = jax.value_and_grad(potential.embed)(moments)
        energy = energy + embedding
        second_order = second_order + sum_of(frozen[m] * slopes[m] for m in range(k))
        fourth_order = fourth_order + sum_of(frozen[m] * curvatures[m] for m in range(k))

    deformation, second_order, fourth_order = _after((deformation, second_order, fourth_order))
    second = (4.0 / volume) * second_order
    stress = deformation @ second[voigt]
    quartic = ((8.0 / volume) * fourth_order)[to_fourth]
    tangent = _push_forward(deformation, quartic, second)
    if k:
        curvature = jax.hessian(potential.embed)(moments)
        pulled = [(deformation @ (2.0 * slopes[m])[voigt]).reshape(-1) for m in range(k)]
        weighted = [(4.0 / volume) * sum_of(curvature[m, n] * pulled[n] for n in range(k)) for m in range(k)]
        outer = sum_of(pulled[m][:, None] * weighted[m][None, :] for m in range(k))
        tangent = tangent + outer.reshape(dim, dim, dim, dim)
    return Bravais(energy / volume, stress, tangent, moments)


@jax.custom_jvp
def _after(values):
    """Compute all of these before what follows: the compiler would otherwise keep the arrays of all stages alive at
    once, which doubles the memory of a batch and takes it out of the cache. The identity for derivatives: JAX's own
    transpose of the barrier fails inside an implicit derivative."""
    return jax.lax.optimization_barrier(values)


@_after.defjvp
def _after_jvp(primals, tangents):
    return _after(*primals), tangents[0]


def _product(half, component):
    value = half[:, component[0]]
    for i in component[1:]:
        value = value * half[:, i]
    return value


def _push_forward(
    deformation: Float[Array, "d d"], quartic: Float[Array, "v v"], stress: Float[Array, " v"]
) -> Float[Array, "d d d d"]:
    """δ_ik S_JL + F_iM Q_MJNL F_kN of a totally symmetric Q: both are symmetric in ik and in JL, so that Voigt arrays
    and one product with the symmetrised F⊗F do."""
    pairs, voigt = VOIGT[deformation.shape[0]], voigt_index(deformation.shape[0])
    first, second = np.array(pairs).T
    both = []
    for m, n in pairs:
        dyad = deformation[first, m] * deformation[second, n]
        both.append(dyad if m == n else dyad + deformation[first, n] * deformation[second, m])
    identity = np.array([1.0 if i == k else 0.0 for i, k in pairs])
    spread = jnp.stack(both, axis=1) @ quartic + identity[:, None] * stress[None, :]
    # one axis at a time: a gather over two at once takes twice as long as the product
    return spread[voigt][:, :, voigt].transpose(0, 2, 1, 3)
