"""How frequencies change: group velocities in q, Grüneisen parameters in strain, by Hellmann and Feynman."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax import units
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.phonons.acoustic import check_direction
from msjax.crystal.phonons.dynamical_matrix import check_q, mass_weighted, strain_or_identity
from msjax.crystal.phonons.frequencies import NOISE
from msjax.crystal.phonons.waves import Waves, hermitian, lattice_vectors, phases, waves_at
from msjax.status import Status, check, guard
from msjax.typing import Array, Bool, Float

CLUSTER = 1e-7
"""ω² that differ by less than this fraction of the largest at q are degenerate."""


class Gruneisen(NamedTuple):
    """``mode`` γ (nq, N) = −∂ ln ω/∂ ln V under equal strains, ``tensor`` (nq, N, d, d) = −∂ ln ω/∂ε, tr tensor = d γ.

    Strains count from the deformed state, F → (1 + ε)F. NaN for modes of no frequency (acoustic at Γ).
    """

    mode: Float[Array, "q n"]
    tensor: Float[Array, "q n d d"]


def group_velocities(
    material: CauchyBorn, q: Any, deformation: Any = None, *, direction: Any = None, throw: bool = True
) -> Array:
    """Velocities ∂ω/∂k of phonons at wave vectors ``q`` (nq, d) in the deformed crystal, Å/ps (= 100 m/s).

    Returns (nq, N, d), modes as in :func:`frequencies`, Cartesian and in the current frame. The members of a degenerate
    cluster all get the cluster's mean, which alone does not depend on the choice of modes. With a ``direction`` (d,)
    returns (nq, N), the slopes of the branches along this direction of k: there the cluster is told apart by the
    eigenvalues of its block of ∂D/∂k. From e†(∂D/∂k)e = 2ω ∂ω/∂k. NaN for modes of no frequency; an imaginary one
    counts as negative, as its frequency does.

    Errors as :func:`dynamical_matrix`; ``ValueError`` for a direction of the wrong shape or zero.

    >>> import msjax as ms
    >>> from msjax.crystal.phonons import group_velocities
    >>> chain = ms.CauchyBorn(ms.bulk("X", "chain", a=1.0), ms.Springs(stiffness=[1.0], length=[1.0]))
    >>> v = group_velocities(chain, [[0.25], [0.5]])[:, 0, 0] / ms.units.ps  # a √(K/m) cos(πq)
    >>> abs(v.round(6)).tolist()
    [0.707107, 0.0]
    """
    normal = None if direction is None else check_direction(direction, material.dim)
    result, status = _velocities(material, check_q(q, material.dim), strain_or_identity(material, deformation), normal)
    check(status, "group_velocities", throw)
    return result


def gruneisen(material: CauchyBorn, q: Any, deformation: Any = None, *, throw: bool = True) -> Gruneisen:
    """Grüneisen parameters of the modes at wave vectors ``q`` (nq, d), inner shifts relaxed (at T = 0) with the strain.

    From e†(∂D/∂ε)e = ∂ω²/∂ε with the total derivative of D(q; F), exact (Grimvall, Thermophysical Properties of
    Materials, ch. 10). The members of a degenerate cluster all get its mean. Errors as :func:`dynamical_matrix`.

    >>> import msjax as ms
    >>> from msjax.crystal.phonons import gruneisen
    >>> copper = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    >>> gruneisen(copper, [[0.5, 0.5, 0.5]]).mode.shape
    (1, 3)
    """
    result, status = _gruneisen(material, check_q(q, material.dim), strain_or_identity(material, deformation))
    check(status, "gruneisen", throw)
    return result


@eqx.filter_jit
def _velocities(material: CauchyBorn, q: Array, deformation: Array, direction: Array | None):
    waves, status = waves_at(material, deformation)
    vectors = lattice_vectors(material)
    # k·x = 2π q·m with x = F cellᵀ m, so that ∂/∂k = F cellᵀ ∂/∂q / 2π
    turn = deformation @ material.crystal.cell.T / (2.0 * jnp.pi)

    def matrices(q):
        return _dense(material, waves, vectors, q)

    def along(step):
        return jax.jvp(matrices, (q,), (jnp.broadcast_to(step, q.shape),))[1]

    steps = turn if direction is None else (direction @ turn)[None]
    omega2, mode_vectors = jnp.linalg.eigh(matrices(q))
    slopes = jax.vmap(lambda step: _in_modes(along(step), mode_vectors))(steps)
    if direction is None:
        of_omega2 = jax.vmap(lambda x: _cluster_means(x, omega2))(slopes)
    else:
        of_omega2 = _cluster_eigenvalues(slopes[0], omega2)[None]
    speeds = _over_frequency(of_omega2, omega2) * units.ps
    result = speeds[0] if direction is not None else jnp.moveaxis(speeds, 0, -1)
    return guard(result, status.failed), status


@eqx.filter_jit
def _gruneisen(material: CauchyBorn, q: Array, deformation: Array) -> tuple[Gruneisen, Status]:
    dim = material.dim
    vectors = lattice_vectors(material)

    def matrices(strain):
        waves, status = waves_at(material, (jnp.eye(dim) + strain) @ deformation)
        return _dense(material, waves, vectors, q), status

    def along(strain):
        return jax.jvp(lambda e: matrices(e)[0], (jnp.zeros((dim, dim)),), (strain,))[1]

    here, status = matrices(jnp.zeros((dim, dim)))
    omega2, mode_vectors = jnp.linalg.eigh(here)
    basis = jnp.eye(dim * dim).reshape(dim * dim, dim, dim)
    basis = 0.5 * (basis + jnp.swapaxes(basis, 1, 2))
    slopes = jax.vmap(lambda e: _cluster_means(_in_modes(along(e), mode_vectors), omega2))(basis)
    flat = jnp.abs(omega2) <= NOISE * jnp.max(jnp.abs(omega2))
    tensor = jnp.where(flat[None], jnp.nan, -0.5 * slopes / jnp.where(flat, 1.0, omega2)[None])
    tensor = jnp.moveaxis(tensor.reshape(dim, dim, *omega2.shape), (0, 1), (-2, -1))
    result = Gruneisen(jnp.trace(tensor, axis1=-2, axis2=-1) / dim, tensor)
    return guard(result, status.failed), status


def _dense(material: CauchyBorn, waves: Waves, vectors, q: Float[Array, "q d"]) -> Array:
    return mass_weighted(hermitian(waves, phases(vectors, q)), material).dense()


def _in_modes(change: Array, vectors: Array) -> Array:
    """Uᴴ dD U."""
    return jnp.conj(jnp.swapaxes(vectors, -1, -2)) @ (change @ vectors)


def _same_cluster(omega2: Float[Array, "q n"]) -> Bool[Array, "q n n"]:
    size = jnp.max(jnp.abs(omega2), axis=1)[:, None, None]
    return jnp.abs(omega2[:, :, None] - omega2[:, None, :]) <= CLUSTER * size


def _cluster_means(change: Array, omega2: Float[Array, "q n"]) -> Float[Array, "q n"]:
    """Slopes of ω², each the mean over its cluster: the trace of the cluster's block over its size."""
    together = _same_cluster(omega2).astype(omega2.dtype)
    own = jnp.real(jnp.diagonal(change, axis1=-2, axis2=-1))
    return jnp.einsum("qij,qj->qi", together, own) / jnp.sum(together, axis=2)


def _cluster_eigenvalues(change: Array, omega2: Float[Array, "q n"]) -> Float[Array, "q n"]:
    """Slopes of ω², the eigenvalues of each cluster's block, ascending in the cluster."""
    together = _same_cluster(omega2)
    block = jnp.where(together, change, 0.0)
    # clusters are set apart by a multiple of a bound on the slopes, so that the order of the modes is kept
    lower = jnp.sum((omega2[:, None, :] < omega2[:, :, None]) & ~together, axis=2).astype(omega2.dtype)
    apart = lower * (2.0 * jnp.max(jnp.sum(jnp.abs(block), axis=2), axis=1, keepdims=True) + 1e-300)
    shifted = block + (jnp.eye(omega2.shape[1])[None] * apart[:, None, :]).astype(block.dtype)
    return jnp.linalg.eigvalsh(shifted) - apart


def _over_frequency(of_omega2: Float[Array, "e q n"], omega2: Float[Array, "q n"]) -> Float[Array, "e q n"]:
    """dω = dω²/2ω; NaN where ω is zero."""
    size = jnp.abs(omega2)
    flat = size <= NOISE * jnp.max(size)
    return jnp.where(flat[None], jnp.nan, of_omega2 / (2.0 * jnp.sqrt(jnp.where(flat, 1.0, size)))[None])
