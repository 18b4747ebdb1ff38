"""Centres of hard spheres in a periodic cell: sequential addition, then relaxation of overlaps."""

import itertools

import numpy as np
import scipy.optimize
from scipy.spatial import KDTree

from msjax.homogenization.microstructures.microstructure import nearest_image, wrapped

OVERLAP = 1e-3
"""Largest overlap that a relaxed packing may keep, in radii of the smaller sphere."""
MOST_CELLS = 2_000_000
"""Sequential addition gives up where the space that may be free falls into more pieces."""
STARTS = 3
"""Random starts of the relaxation before it reports failure."""
ROUNDS = 12
STEPS = 250
"""Minimisation steps of one round; after each round the overlaps are looked at."""


def pack(radii: np.ndarray, lengths: tuple[float, ...], rng: np.random.Generator) -> np.ndarray:
    """Centres (n, d) of spheres that do not overlap, whose ``radii`` (n,) descend.

    Random sequential addition as far as it goes; where it jams, the missing spheres are thrown in at random and all
    are pushed apart (:func:`relax`).

    Raises:
        ValueError: a sphere overlaps its own image, or no packing was found.
    """
    if 2 * radii[0] > min(lengths):
        raise ValueError(
            f"radius: a sphere of radius {radii[0]:.4g} (half the gap included) overlaps its own periodic image in "
            f"the cell {lengths}"
        )
    centres = add_sequentially(radii, lengths, rng)
    if len(centres) == len(radii):
        return centres
    worst = np.inf
    for _ in range(STARTS):
        missing = rng.random((len(radii) - len(centres), len(lengths))) * lengths
        relaxed, overlap = relax(np.concatenate([centres, missing]), radii, lengths)
        if overlap <= OVERLAP:
            return relaxed
        worst = min(worst, overlap)
        centres = np.zeros((0, len(lengths)))
    raise ValueError(
        f"fraction: {len(radii)} spheres were not packed without overlap: the best of {STARTS} relaxations leaves "
        f"overlaps of {worst:.2g} of a radius; random packings end near 0.64 in 3-D and 0.84 in 2-D, gaps included"
    )


def add_sequentially(radii: np.ndarray, lengths: tuple[float, ...], rng: np.random.Generator) -> np.ndarray:
    """Random sequential addition: centres of the spheres placed, fewer than wanted where it jams.

    Candidates are drawn uniformly from the space not yet known to be excluded, kept as a list of boxes that are
    dropped when one sphere covers them and halved when few candidates succeed, so that saturation is reached and seen
    (doi:10.1103/PhysRevE.88.053312).
    """
    edges, dimension, least = np.asarray(lengths), len(lengths), radii.min()
    divisions = np.maximum(1, np.ceil(edges / least)).astype(int)
    boxes = np.stack(np.unravel_index(np.arange(np.prod(divisions)), divisions), axis=-1)
    size = edges / divisions
    halves = np.array(list(itertools.product((0, 1), repeat=dimension)))
    centres, placed, barren = np.zeros((len(radii), dimension)), 0, 0
    batch = 256 + 2 * len(radii)
    while placed < len(radii) and len(boxes) and barren < 20:
        candidates = (boxes[rng.integers(len(boxes), size=batch)] + rng.random((batch, dimension))) * size
        if placed:
            tree = KDTree(wrapped(centres[:placed], edges), boxsize=edges)
            candidates = candidates[tree.query(wrapped(candidates, edges))[0] >= 2 * least]
        before = placed
        for candidate in candidates:
            apart = np.sum(nearest_image(centres[:placed] - candidate, edges) ** 2, axis=1)
            if np.all(apart >= (radii[:placed] + radii[placed]) ** 2):
                centres[placed] = candidate
                placed += 1
                if placed == len(radii):
                    break
        barren = 0 if placed > before else barren + 1
        if placed < len(radii) and placed - before < batch / 20:
            if len(boxes) * 2**dimension > MOST_CELLS:
                break
            boxes = (2 * boxes[:, None] + halves).reshape(-1, dimension)
            size = size / 2
            tree = KDTree(wrapped(centres[:placed], edges), boxsize=edges)
            nearest = tree.query((boxes + 0.5) * size)[0]
            boxes = boxes[nearest + 0.5 * np.linalg.norm(size) >= 2 * least]
    return centres[:placed]


def relax(centres: np.ndarray, radii: np.ndarray, lengths: tuple[float, ...]) -> tuple[np.ndarray, float]:
    """Push overlapping spheres apart: the centres, and the largest overlap left in radii of the smaller sphere.

    Minimises Σ ½ (r_i + r_j − |x_i − x_j|)² over overlapping pairs and nearest images, with radii a little larger than
    wanted, since the last overlaps vanish only asymptotically (soft repulsion: doi:10.1103/PhysRevE.68.011306).
    """
    edges, unit = np.asarray(lengths), float(np.mean(radii))
    swollen = radii * (1 + OVERLAP)

    def contacts(points):
        pairs = KDTree(points, boxsize=edges).query_pairs(2 * swollen[0], output_type="ndarray")
        i, j = pairs[:, 0], pairs[:, 1]
        offset = nearest_image(points[i] - points[j], edges)
        return i, j, offset, np.linalg.norm(offset, axis=1)

    def energy(flat):
        points = wrapped(flat.reshape(centres.shape) * unit, edges)
        i, j, offset, distance = contacts(points)
        overlap = np.maximum(swollen[i] + swollen[j] - distance, 0.0) / unit
        push = offset * (overlap / np.maximum(distance, 1e-12 * unit))[:, None]
        gradient = [
            np.bincount(j, push[:, k], len(points)) - np.bincount(i, push[:, k], len(points))
            for k in range(points.shape[1])
        ]
        return 0.5 * np.sum(overlap**2), np.stack(gradient, axis=-1).ravel()

    def worst_overlap(points):
        i, j, _, distance = contacts(points)
        overlap = (radii[i] + radii[j] - distance) / np.minimum(radii[i], radii[j])
        return float(np.max(overlap, initial=0.0))

    flat, worst = centres.ravel() / unit, np.inf
    for _ in range(ROUNDS):
        found = scipy.optimize.minimize(
            energy, flat, jac=True, method="L-BFGS-B", options={"maxiter": STEPS, "ftol": 0.0, "gtol": 1e-9}
        )
        flat = found.x
        worst = worst_overlap(wrapped(flat.reshape(centres.shape) * unit, edges))
        if worst == 0.0 or found.nit < STEPS:
            break
    return wrapped(flat.reshape(centres.shape) * unit, edges), worst
