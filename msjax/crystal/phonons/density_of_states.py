"""The density of phonon states, by linear simplices (tetrahedra) or Gaussians, normalised to the number of modes."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.phonons.dynamical_matrix import mass_weighted, strain_or_identity
from msjax.crystal.phonons.frequencies import eigenvalues, in_thz
from msjax.crystal.phonons.mesh import check_points, simplices
from msjax.crystal.phonons.waves import hermitian, lattice_vectors, phases, waves_at
from msjax.status import Status, check, guard
from msjax.typing import Array, Float, Scalar, concrete


class DensityOfStates(NamedTuple):
    """``edges`` (nb + 1,) of bins of frequency, THz; ``density`` (nb,), states per THz and cell, each bin's mean."""

    edges: Float[Array, " e"]
    density: Float[Array, " b"]

    @property
    def frequency(self) -> Float[Array, " b"]:
        """The bins' middles, THz."""
        return 0.5 * (self.edges[1:] + self.edges[:-1])

    @property
    def states(self) -> Scalar:
        """The number of states in all bins: atoms × d where they cover all frequencies."""
        return jnp.sum(self.density * jnp.diff(self.edges))


def density_of_states(
    material: CauchyBorn,
    deformation: Any = None,
    *,
    points: int = 16,
    edges: Any = None,
    smearing: float | None = None,
    throw: bool = True,
) -> DensityOfStates:
    """Density of phonon states g(ν) of the crystal at F (default: the identity), imaginary frequencies as negative.

    On a mesh of ``points``^d wave vectors through Γ. By default frequencies are linear between them, in the triangles
    or tetrahedra that the cells of the mesh are cut into (Lehmann and Taut, doi:10.1002/pssb.2220540211; Blöchl et al.,
    doi:10.1103/PhysRevB.49.16223); with ``smearing``, a width in THz, every state is a Gaussian. Both are integrated
    over each bin, so that no state is lost. ``edges`` (nb + 1,) of the bins in THz, ascending; by default 200 bins that
    cover everything.

    Differentiable in F and the parameters where the default edges, which count as constants, hold. Raises
    ``ValueError`` for points below 1, a smearing not positive, and edges that do not ascend.

    >>> import msjax as ms
    >>> chain = ms.CauchyBorn(ms.bulk("X", "chain", a=1.0), ms.Springs(stiffness=[1.0], length=[1.0]))
    >>> round(float(ms.phonons.density_of_states(chain, points=32).states), 9)
    1.0
    """
    check_points(points, True)
    if smearing is not None and not smearing > 0:
        raise ValueError(f"smearing: expected a width above 0 THz, got {smearing}")
    if edges is not None:
        edges = jnp.asarray(edges, float)
        if edges.ndim != 1 or edges.shape[0] < 2:
            raise ValueError(f"edges: expected at least two numbers, got shape {edges.shape}")
        if concrete(edges) and not np.all(np.diff(np.asarray(edges)) > 0):
            raise ValueError("edges: must ascend")
    result, status = _density(material, strain_or_identity(material, deformation), points, edges, smearing)
    check(status, "density_of_states", throw)
    return result


@eqx.filter_jit
def _density(
    material: CauchyBorn, deformation: Array, points: int, edges: Array | None, smearing: float | None
) -> tuple[DensityOfStates, Status]:
    waves, status = waves_at(material, deformation)
    q, corners = simplices(material.dim, points)
    table = phases(lattice_vectors(material), jax.lax.optimization_barrier(jnp.asarray(q)))
    frequency = in_thz(eigenvalues(mass_weighted(hermitian(waves, table), material)))
    if edges is None:
        held = jax.lax.stop_gradient(frequency)
        low, high = jnp.minimum(jnp.min(held), 0.0), jnp.max(held)
        room = 0.01 * (high - low) if smearing is None else 5.0 * smearing
        low = jnp.where(low < 0, low - room, 0.0 if smearing is None else -room)
        edges = jnp.linspace(low, high + room, 201)
    if smearing is None:
        ends = jnp.sort(frequency[corners], axis=1)  # modes in order of frequency, as everywhere
        below = jax.lax.map(lambda e: jnp.mean(share_below(e, jnp.moveaxis(ends, 1, 0)), axis=0), edges)
    else:
        share = jnp.asarray(_multiplicity(corners, len(q)))
        below = jax.lax.map(lambda e: share @ (0.5 + 0.5 * erf((e - frequency) / (smearing * 2.0**0.5))), edges)
    states = jnp.sum(below, axis=1)
    return guard(DensityOfStates(edges, jnp.diff(states) / jnp.diff(edges)), status.failed), status


def share_below(level: Scalar, ends: Float[Array, "e *s"]) -> Float[Array, "*s"]:
    """The share of a simplex in which a linear function with values ``ends`` (d + 1, …), ascending, is below a level.

    >>> import jax.numpy as jnp
    >>> float(share_below(jnp.array(0.25), jnp.array([0.0, 1.0, 1.0])))
    0.0625
    """
    dim = ends.shape[0] - 1
    low, high = ends[0], ends[-1]
    first = level - low
    last = high - level
    if dim == 1:
        inside = _ratio(first, high - low)
        return jnp.where(level <= low, 0.0, jnp.where(level >= high, 1.0, inside))
    if dim == 2:
        middle = ends[1]
        rising = _ratio(first, middle - low) * _ratio(first, high - low)
        falling = 1.0 - _ratio(last, high - middle) * _ratio(last, high - low)
        inside = jnp.where(level < middle, rising, falling)
        return jnp.where(level <= low, 0.0, jnp.where(level >= high, 1.0, inside))
    b, c = ends[1], ends[2]
    rising = _ratio(first, b - low) * _ratio(first, c - low) * _ratio(first, high - low)
    falling = 1.0 - _ratio(last, high - low) * _ratio(last, high - b) * _ratio(last, high - c)
    # between the middle corners: what the lowest one cuts off, and less what lies beyond the next
    s = level - b
    second = (b - low) ** 2 + 3.0 * (b - low) * s + 3.0 * s**2
    second = second - (c - low + high - b) * _ratio(s, c - b) * _ratio(s, high - b) * s
    between = _ratio(second, (c - low) * (high - low))
    inside = jnp.where(level < b, rising, jnp.where(level < c, between, falling))
    return jnp.where(level <= low, 0.0, jnp.where(level >= high, 1.0, inside))


def _ratio(a: Array, b: Array) -> Array:
    """a/b where b is positive; elsewhere it is not used."""
    return a / jnp.where(b > 0, b, 1.0)


def _multiplicity(corners: np.ndarray, count: int) -> Float[np.ndarray, " q"]:
    """Weights of the wave vectors in the mean over the mesh."""
    found = np.bincount(corners[:, 0], minlength=count).astype(float)
    return found / found.sum()
