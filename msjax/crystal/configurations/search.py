"""Pairs of atoms nearer than a radius, periodic images included: on the host, by a k-d tree over the images."""

from typing import NamedTuple

import numpy as np
from scipy.sparse import coo_matrix
from scipy.spatial import KDTree

MOST_IMAGES = 20_000_000
"""More images than this are refused: the radius, or the shape of the cell, must be a mistake."""
COINCIDENT = 1e-3
"""Atoms nearer than this fraction of the radius are refused."""
AT_ONCE = 32_768
"""Atoms whose pairs are held in memory at once."""


class Pairs(NamedTuple):
    """Images of atoms, and who is near whom, in compressed rows.

    Entry e of the images is atom ``owner[e]`` (m,) moved by ``image[e]`` (m, d) cells, the first n being the atoms
    themselves, taken into the cell; the neighbours of atom i are the entries ``partner[start[i]:start[i + 1]]``,
    in ascending order.
    """

    owner: np.ndarray
    image: np.ndarray
    start: np.ndarray
    partner: np.ndarray


def pairs_within(cell: np.ndarray, positions: np.ndarray, periodic: tuple[bool, ...], reach: float) -> Pairs:
    """All pairs no farther apart than ``reach``.

    Raises ``ValueError``, naming the atoms, for two that coincide, and for a reach that spans too many cells.
    """
    owner, image = _images(cell, positions, periodic, reach)
    n = len(positions)
    points = positions[owner] + image @ cell
    everyone = KDTree(points)
    rows, columns = [], []
    for first in range(0, n, AT_ONCE):
        own = KDTree(points[first : min(first + AT_ONCE, n)])
        found = own.sparse_distance_matrix(everyone, reach, output_type="ndarray")
        i, j = found["i"] + first, found["j"]
        other = i != j
        i, j, distance = i[other], j[other], found["v"][other]
        if len(distance) and np.min(distance) < COINCIDENT * reach:
            k = int(np.argmin(distance))
            raise ValueError(
                f"positions: atoms {min(i[k], owner[j[k]])} and {max(i[k], owner[j[k]])} coincide (distance "
                f"{distance[k]:.2e}, periodic images included; at least {COINCIDENT * reach:.2e} is required)"
            )
        rows.append(i.astype(np.int32))
        columns.append(j.astype(np.int32))
    i, j = np.concatenate(rows), np.concatenate(columns)
    near = coo_matrix((np.ones(len(i), np.int8), (i, j)), shape=(n, len(owner))).tocsr()
    near.sort_indices()
    used = np.zeros(len(owner), bool)
    used[:n] = True
    used[near.indices] = True
    renamed = np.cumsum(used) - 1
    return Pairs(owner[used], image[used], near.indptr, renamed[near.indices].astype(np.int32))


def _images(cell, positions, periodic, reach) -> tuple[np.ndarray, np.ndarray]:
    """Atoms taken into the cell, then those of their images that may be within reach of one."""
    n, dim = positions.shape
    directions = np.flatnonzero(periodic)
    owner, image = np.arange(n, dtype=np.int32), np.zeros((n, dim), np.int32)
    if not len(directions):
        return owner, image
    dual = np.linalg.pinv(cell[directions])  # columns: x·dual[:, a] counts periods along direction a
    fractional = positions @ dual
    home = -np.floor(fractional).astype(np.int32)
    image[:, directions] = home
    along = fractional + home
    for a, direction in enumerate(directions):
        margin = reach * np.linalg.norm(dual[:, a])
        low, high = along[:n, a].min() - margin, along[:n, a].max() + margin
        here = along[:, a]
        counts = np.arange(int(np.ceil(low - here.max())), int(np.floor(high - here.min())) + 1)
        if len(counts) * len(owner) > MOST_IMAGES:
            raise ValueError(f"reach: {reach:g} Å spans more than {MOST_IMAGES} images of the atoms; check the cell")
        owners, images, alongs = [owner], [image], [along]
        for count in counts[counts != 0]:
            kept = (here + count >= low) & (here + count <= high)
            moved, place = image[kept], along[kept]
            moved[:, direction] += count
            place[:, a] += count
            owners.append(owner[kept])
            images.append(moved)
            alongs.append(place)
        owner, image, along = np.concatenate(owners), np.concatenate(images), np.concatenate(alongs)
    return owner, image
