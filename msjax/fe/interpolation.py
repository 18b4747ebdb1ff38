"""Where a point lies in a mesh, and fields there."""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from scipy.spatial import KDTree

from msjax.fe.facets import host
from msjax.fe.mesh import Mesh
from msjax.typing import Array, Float

INSIDE = 1e-8
"""Reference coordinates may lie this far outside of a cell."""
_FIRST, _PAIRS = 8, 1 << 18
_TURNS = 25


class Located(NamedTuple):
    """``cells`` (p,), −1 where a point lies in none; reference coordinates ``xi`` (p, d) in them."""

    cells: np.ndarray
    xi: np.ndarray


def locate(mesh: Mesh, points: Any, *, nearest: bool = False) -> Located:
    """The cell that every point (p, d) lies in, and where in it. Host only.

    Candidates are the cells with the nearest centres, more and more of them until one holds the point, at last all
    whose boxes hold it; curved cells are inverted by Newton's method. With ``nearest`` a point outside of the mesh (a
    curved boundary seen from a coarser mesh) gets the candidate that it is least far outside of.

    Raises ``ValueError`` for points of another shape or not finite.

    >>> import msjax as ms
    >>> found = locate(ms.fe.rectangle((2.0, 1.0), (2, 1)), [[1.5, 0.25], [3.0, 0.0]])
    >>> found.cells.tolist(), found.xi[0].tolist()
    ([1, -1], [0.5, 0.25])
    """
    x, cells = host(mesh)
    wanted = np.asarray(points, float)
    if mesh.dim != mesh.cell.dim:
        raise ValueError(f"mesh: cells of dimension {mesh.cell.dim} in {mesh.dim} coordinates hold no points")
    if wanted.ndim != 2 or wanted.shape[1] != mesh.dim or not np.all(np.isfinite(wanted)):
        raise ValueError(f"points: expected finite numbers of shape (p, {mesh.dim}), got {wanted.shape}")
    corners = x[cells]
    low, high = corners.min(axis=1), corners.max(axis=1)
    slack = (0.25 if mesh.cell.degree > 1 else 1e-6) * np.max(high - low, axis=1, keepdims=True)
    low, high = low - slack, high + slack
    tree = KDTree(corners.mean(axis=1))
    found, xi = np.full(len(wanted), -1), np.zeros_like(wanted)
    best = np.full(len(wanted), np.inf)
    open_, count, done = np.arange(len(wanted)), min(_FIRST, len(cells)), 0
    while open_.size and done < len(cells):
        _, near = tree.query(wanted[open_], count)
        near = near.reshape(len(open_), -1)[:, done:]
        at = wanted[open_][:, None]
        likely = np.all((at >= low[near]) & (at <= high[near]), axis=2)
        if nearest and not done:
            likely[:, :4] = True
        row, column = np.nonzero(likely)
        point, cell = open_[row], near[row, column]
        place, outside = invert(mesh, cell, wanted[point])
        order = np.lexsort((outside, point))
        first = order[np.unique(point[order], return_index=True)[1]] if len(order) else order
        better = outside[first] < best[point[first]]
        first = first[better]
        best[point[first]], found[point[first]], xi[point[first]] = outside[first], cell[first], place[first]
        open_ = open_[best[open_] > INSIDE]
        done, count = count, len(cells) if count >= 128 else min(4 * count, len(cells))
        if count == len(cells) and open_.size * count > _PAIRS:  # all boxes at once would be large: piece by piece
            return _piecewise(mesh, wanted, Located(found, xi), best, open_, (low, high), nearest)
    if not nearest:
        found[best > INSIDE] = -1
    return Located(found, xi)


def _piecewise(mesh, wanted, so_far: Located, best, left, box, nearest: bool) -> Located:
    """The last resort of :func:`locate`: all cells whose boxes hold a point."""
    low, high = box
    found, xi = so_far
    for point in left:
        cell = np.flatnonzero(np.all((wanted[point] >= low) & (wanted[point] <= high), axis=1))
        if not cell.size:
            continue
        place, outside = invert(mesh, cell, np.broadcast_to(wanted[point], (len(cell), mesh.dim)))
        k = int(np.argmin(outside))
        if outside[k] < best[point]:
            best[point], found[point], xi[point] = outside[k], cell[k], place[k]
    if not nearest:
        found[best > INSIDE] = -1
    return Located(found, xi)


def invert(mesh: Mesh, cells: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reference coordinates (p, d) of points in given cells, and how far outside of the reference cell they are (p,);
    infinitely far where Newton's method does not find them."""
    x, table = host(mesh)
    cell, nodes = mesh.cell, x[table[cells]]
    centre = 1.0 / (cell.dim + 1) if cell.simplex else 0.5
    xi = np.full(points.shape, centre)
    size = np.max(np.ptp(nodes, axis=1), axis=1, initial=1e-300)
    left = np.arange(len(cells))
    error = np.zeros(len(cells))
    affine = cell.simplex and cell.degree == 1
    for _ in range(2 if affine else _TURNS):
        at, where = xi[left], nodes[left]
        gap = points[left] - np.einsum("pa,pad->pd", cell.values(at), where)
        error[left] = np.max(np.abs(gap), axis=1) / size[left]
        left_on = error[left] > 1e-13
        left = left[left_on]
        if not left.size:
            break
        jacobian = np.einsum("pad,paj->pdj", where[left_on], cell.gradients(at[left_on]))
        with np.errstate(all="ignore"):
            step = _solved(jacobian, gap[left_on])
        xi[left] = np.clip(np.where(np.isfinite(step), at[left_on] + step, centre), -4.0, 5.0)
    outside = np.max(np.maximum(-xi, 0.0), axis=1)
    beyond = np.sum(xi, axis=1) - 1.0 if cell.simplex else np.max(xi - 1.0, axis=1)
    outside = np.maximum(outside, beyond)
    return xi, np.where(error < 1e-7, outside, np.inf)


def _solved(matrices: np.ndarray, rhs: np.ndarray) -> np.ndarray:
    """Small systems; singular ones give numbers that are not finite."""
    dim = matrices.shape[1]
    if dim == 1:
        return rhs / matrices[:, 0]
    if dim == 2:
        (a, b), (c, d) = matrices.transpose(1, 2, 0)
        det = a * d - b * c
        return np.stack([d * rhs[:, 0] - b * rhs[:, 1], a * rhs[:, 1] - c * rhs[:, 0]], axis=1) / det[:, None]
    u, v, w = matrices.transpose(2, 0, 1)
    normals = [np.cross(v, w), np.cross(w, u), np.cross(u, v)]
    det = np.sum(u * normals[0], axis=1)
    return np.stack([np.sum(rhs * n, axis=1) for n in normals], axis=1) / det[:, None]


def interpolate(mesh: Mesh, values: Any, points: Any, *, outside: str = "refuse") -> Float[Array, "p ..."]:
    """A field with nodal ``values`` (n, …) at ``points`` (p, d): the elements' own shape functions, in one go.

    Differentiable in the values. ``outside`` of the mesh: "refuse" with ``ValueError`` naming the first point, "nan",
    or "nearest" for the shape functions of the nearest cell. Host only as for the positions.

    >>> import msjax as ms
    >>> mesh = ms.fe.rectangle((2.0, 1.0), (2, 1))
    >>> interpolate(mesh, mesh.points, [[0.3, 0.7]]).round(12).tolist()
    [[0.3, 0.7]]
    """
    numbers = jnp.asarray(values, float)
    if numbers.ndim < 1 or numbers.shape[0] != mesh.points.shape[0]:
        raise ValueError(f"values: expected one row per node ({mesh.points.shape[0]}), got shape {numbers.shape}")
    if outside not in ("refuse", "nan", "nearest"):
        raise ValueError(f"outside: expected 'refuse', 'nan' or 'nearest', got {outside!r}")
    found = locate(mesh, points, nearest=outside == "nearest")
    lost = np.flatnonzero(found.cells < 0)
    if lost.size and outside != "nan":
        more = f" (and {lost.size - 1} more)" if lost.size > 1 else ""
        where = np.asarray(points, float)[lost[0]]
        raise ValueError(f"points: number {lost[0]}{more} at {where} lies outside of the mesh")
    return _combined(numbers, mesh.cells, found.cells, mesh.cell.values(found.xi))


@eqx.filter_jit
def _combined(values: Array, cells: Array, where: Any, shape: Any) -> Array:
    """Σ_a N_a u_a in the cells ``where`` (p,), NaN where that is negative."""
    found = jnp.einsum("pa,pa...->p...", shape, values[cells[jnp.maximum(where, 0)]])
    return jnp.where((where < 0).reshape(-1, *(1,) * (found.ndim - 1)), jnp.nan, found)
