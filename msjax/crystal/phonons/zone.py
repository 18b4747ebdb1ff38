"""The Brillouin zone: grids of wave vectors, their length as the lattice sees it, and names of special points."""

from functools import lru_cache
from itertools import permutations, product

import jax.numpy as jnp
import numpy as np
from scipy.optimize import linprog

from msjax.crystal.lattice import Crystal
from msjax.crystal.neighbours import Neighbours
from msjax.crystal.phonons.bonds import leading
from msjax.crystal.structures import STRUCTURES, is_hexagonal
from msjax.typing import Array, Float

# Special points in units of 2π/a along the cubic axes; all their symmetric images count.
_OF_FCC = {"X": (0, 0, 1), "L": (0.5, 0.5, 0.5), "W": (0.5, 0, 1), "K": (0.75, 0.75, 0)}
_CUBIC = {
    "sc": {"X": (0, 0, 0.5), "M": (0.5, 0.5, 0), "R": (0.5, 0.5, 0.5)},
    "fcc": _OF_FCC,
    "diamond": _OF_FCC,
    "zincblende": _OF_FCC,
    "rocksalt": _OF_FCC,
    "bcc": {"H": (0, 0, 1), "N": (0.5, 0.5, 0), "P": (0.5, 0.5, 0.5)},
}
# In units of the reciprocal vectors of the cells that bulk gives. In the plane a₁ and a₂ are at 60°, in hcp at 120°.
_EDGES = [(0.5, 0.0), (0.0, 0.5), (0.5, 0.5)]
_CORNERS, _CORNERS_HCP = [(2 / 3, 1 / 3), (1 / 3, 2 / 3)], [(1 / 3, 1 / 3), (2 / 3, 2 / 3)]
_REDUCED: dict[str, dict[str, list[tuple[float, ...]]]] = {
    "chain": {"X": [(0.5,)]},
    "square": {"X": [(0.5, 0.0), (0.0, 0.5)], "M": [(0.5, 0.5)]},
    "triangular": {"M": _EDGES, "K": _CORNERS},
    "honeycomb": {"M": _EDGES, "K": _CORNERS},
    "hcp": {
        "A": [(0.0, 0.0, 0.5)],
        "M": [(*q, 0.0) for q in _EDGES],
        "L": [(*q, 0.5) for q in _EDGES],
        "K": [(*q, 0.0) for q in _CORNERS_HCP],
        "H": [(*q, 0.5) for q in _CORNERS_HCP],
    },
}
_NEAR = 2e-3


def zone_grid(dim: int, points: int) -> np.ndarray:
    """Wave vectors (nq, d) of a points^d grid through Γ, in (−1/2, 1/2]: one of each ± pair, Γ left out.

    >>> len(zone_grid(3, 8))
    259
    """
    line = np.arange(points) / points
    q = np.stack([x.ravel() for x in np.meshgrid(*(line,) * dim, indexing="ij")], axis=1)
    q = np.where(q > 0.5 + 1e-12, q - 1.0, q)
    opposite = np.where(q > 0.5 - 1e-12, q, -q)
    first = np.array([tuple(a) >= tuple(b) for a, b in zip(q.round(9), opposite.round(9), strict=True)])
    return q[first & np.any(np.abs(q) > 1e-12, axis=1)]


@lru_cache(maxsize=64)
def discrete_laplacian(neighbours: Neighbours) -> tuple[np.ndarray, np.ndarray]:
    """Integer vectors m and weights w ≥ 0, 1/Å², with Σ w T_m ⊗ T_m = 1 for the lattice vectors T_m.

    Its symbol κ²(q) = Σ w 2(1 − cos 2π q·m) is |k|² for long waves in every direction, periodic, smooth and positive
    but at Γ: a fair length to divide ω² by. The weights minimise Σ w |T|⁴, which picks the shortest vectors.
    """
    cell, dim = neighbours.cell, neighbours.cell.shape[0]
    candidates = [m for m in product(range(-2, 3), repeat=dim) if leading(m)]
    candidates += [tuple(m) for m in neighbours.image.tolist() if leading(m)]
    integers = np.array(sorted(set(candidates)))
    vectors = integers @ cell / abs(np.linalg.det(cell)) ** (1.0 / dim)
    length4 = np.sum(vectors**2, axis=1) ** 2
    rows, columns = np.triu_indices(dim)
    conditions = (vectors[:, rows] * vectors[:, columns]).T
    found = linprog(length4, A_eq=conditions, b_eq=np.eye(dim)[rows, columns])
    if found.status != 0:
        raise ValueError("crystal: the cell is too skewed; choose shorter lattice vectors")
    weights = found.x / abs(np.linalg.det(cell)) ** (2.0 / dim)
    kept = found.x > 1e-9
    return integers[kept], weights[kept]


def wave_length2(neighbours: Neighbours, q: Float[Array, "q d"]) -> Float[Array, " q"]:
    """κ²(q), 1/Å²; see :func:`discrete_laplacian`."""
    integers, weights = discrete_laplacian(neighbours)
    s = jnp.sin(jnp.pi * (integers.astype(float) @ q.T))
    return 4.0 * (jnp.asarray(weights) @ (s * s))


def special_point(crystal: Crystal, q: np.ndarray) -> str | None:
    """Name of the special point of the *undeformed* crystal at wave vector ``q`` (d,), or None.

    Γ X L W K of fcc, diamond, zincblende and rocksalt (U counts as K), Γ H N P of bcc, Γ X M R of sc, Γ A M L K H of
    hcp, Γ X M of the square lattice, Γ M K of the triangular one and the honeycomb, Γ X of the chain; only Γ where the
    cell is another one than :func:`msjax.crystal.lattice.bulk` gives. A deformation may set the symmetric images apart.
    """
    q = np.asarray(q, float)
    for name, points in special_points(crystal).items():
        apart = q[None, :] - points
        if np.any(np.max(np.abs(apart - np.round(apart)), axis=1) < _NEAR):
            return name
    return "Γ" if np.max(np.abs(q - np.round(q))) < _NEAR else None


def special_points(crystal: Crystal) -> dict[str, np.ndarray]:
    """The special points but Γ by name, each with all its images (n, d) in reduced units; empty where none are known.

    >>> from msjax.crystal.lattice import bulk
    >>> special_points(bulk("X", "square", a=1.0))["X"].tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """
    return _points(crystal.structure, np.asarray(crystal.cell).round(12).tolist())


def _points(structure: str, cell: list[list[float]]) -> dict[str, np.ndarray]:
    """Reduced coordinates of all images of the special points, for the primitive cell of a named structure."""
    if structure in _REDUCED:
        named = _REDUCED[structure] if _usual(structure, cell) else {}
        return {name: np.array(points) for name, points in named.items()}
    if structure not in _CUBIC:
        return {}
    per_cube = 1.0 / abs(np.linalg.det(STRUCTURES[structure].cell))
    relative = np.array(cell) / (per_cube * abs(np.linalg.det(cell))) ** (1.0 / 3.0)
    if not np.allclose(2.0 * relative, np.round(2.0 * relative), atol=1e-6):  # along other axes, or not primitive
        return {}
    found = {}
    for name, point in _CUBIC[structure].items():
        images = {
            tuple(s * x for s, x in zip(signs, order, strict=True))
            for order in permutations(point)
            for signs in product((1, -1), repeat=3)
        }
        found[name] = np.array(sorted(images)) @ relative.T
    return found


def _usual(structure: str, cell: list[list[float]]) -> bool:
    """Whether these are the lattice vectors of a structure in one or two dimensions or of hcp, turned or not."""
    if structure == "hcp":
        return is_hexagonal(np.array(cell))
    mine, usual = np.array(cell), STRUCTURES[structure].cell
    if mine.shape != usual.shape:
        return False
    scale = abs(np.linalg.det(mine) / np.linalg.det(usual)) ** (2.0 / len(usual))
    return np.allclose(mine @ mine.T, scale * (usual @ usual.T), atol=1e-6 * scale)
