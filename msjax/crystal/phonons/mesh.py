"""Sums over the Brillouin zone: meshes of wave vectors with weights, one of each ± pair by time reversal."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from msjax.typing import Float, Int


class Mesh(NamedTuple):
    """Wave vectors ``q`` (nq, d) in units of the reciprocal vectors, in (−1/2, 1/2], and ``weights`` (nq,).

    A sum Σ w f(q) is the mean of f over the zone, for every f with f(q) = f(−q).
    """

    q: Float[np.ndarray, "q d"]
    weights: Float[np.ndarray, " q"]


@lru_cache(maxsize=32)
def zone_mesh(dim: int, points: int, gamma: bool = False) -> Mesh:
    """An even mesh of the zone after Monkhorst and Pack (doi:10.1103/PhysRevB.13.5188), in d = 1, 2 or 3 dimensions.

    With ``gamma`` the points^d multiples of 1/points, Γ among them. Without it, for an even ``points``, those of them
    that are not multiples of 2/points: Γ, where acoustic modes have no free energy, is left out together with the
    coarser mesh that it belongs to, so that what is left is an even mesh of its own (in one dimension the mesh shifted
    by half a step). Unlike a mesh shifted along every axis it keeps all symmetries of the lattice, whatever they are.

    Raises ``ValueError`` for points below 1, or odd without ``gamma``.

    >>> mesh = zone_mesh(3, 4)
    >>> len(mesh.q), float(mesh.weights.sum())
    (28, 1.0)
    >>> zone_mesh(1, 4).q[:, 0].tolist()
    [0.25]
    """
    check_points(points, gamma)
    steps = _steps(dim, points)
    if not gamma:
        steps = steps[np.any(steps % 2 != 0, axis=1)]
    first, _, counts = _unique(steps, points)
    q = steps[first] / points
    return Mesh(np.where(q > 0.5, q - 1.0, q), counts / len(steps))


@lru_cache(maxsize=32)
def extrapolated_mesh(points: int) -> Mesh:
    """A mesh of the three-dimensional zone for functions that grow like 1/|q|² at Γ, such as mean square displacements.

    Leaving Γ out of an even mesh misses a part in proportion to 1/points of the integral of 1/|q|²; twice the finer
    mesh less the coarser one of ``points``/2 does not miss it. Some weights are negative, and the sum of the weights
    is 1 only up to the order 1/points³.

    >>> abs(float(extrapolated_mesh(16).weights.sum()) - 1.0) < 2e-3
    True
    """
    check_points(points, False)
    fine = zone_mesh(3, points, True)
    steps = np.round(fine.q * points).astype(int)
    coarse = np.all(steps % 2 == 0, axis=1)
    weights = fine.weights * (2.0 - np.where(coarse, 8.0, 0.0))
    away = np.any(steps != 0, axis=1)
    return Mesh(fine.q[away], weights[away])


@lru_cache(maxsize=8)
def simplices(dim: int, points: int) -> tuple[Float[np.ndarray, "q d"], Int[np.ndarray, "s e"]]:
    """Wave vectors (nq, d) of the mesh through Γ, and the corners (s, d + 1) of the simplices that fill the zone.

    Each cell of the mesh is cut into d! simplices, one per order of the axes (Freudenthal); corners are rows of the
    wave vectors, of which one of each ± pair is kept.
    """
    from itertools import permutations

    check_points(points, True)
    steps = _steps(dim, points)
    first, member, _ = _unique(steps, points)
    radix = points ** np.arange(dim - 1, -1, -1)
    corners = []
    for order in permutations(range(dim)):
        path = np.concatenate([np.zeros((1, dim), int), np.cumsum(np.eye(dim, dtype=int)[list(order)], axis=0)])
        corners.append(((steps[:, None, :] + path[None]) % points) @ radix)
    q = steps[first] / points
    return np.where(q > 0.5, q - 1.0, q), member[np.concatenate(corners)]


def check_points(points: int, gamma: bool) -> None:
    """Refuse a number of mesh points that is no integer, not positive, or odd where Γ is to be avoided."""
    if isinstance(points, bool) or not isinstance(points, int | np.integer) or points < 1:
        raise ValueError(f"points: expected a positive integer, got {points!r}")
    if not gamma and points % 2:
        raise ValueError(f"points: expected an even number, so that the mesh can avoid Γ, got {points}")


def _steps(dim: int, points: int) -> Int[np.ndarray, "q d"]:
    line = np.arange(points)
    return np.stack([x.ravel() for x in np.meshgrid(*(line,) * dim, indexing="ij")], axis=1)


def _unique(steps: Int[np.ndarray, "q d"], points: int):
    """One of each ± pair: rows kept, the kept row of each row, and how many rows each stands for."""
    radix = points ** np.arange(steps.shape[1] - 1, -1, -1)
    key = np.minimum(steps @ radix, (-steps % points) @ radix)
    _, first, member, counts = np.unique(key, return_index=True, return_inverse=True, return_counts=True)
    return first, member, counts
