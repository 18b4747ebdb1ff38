"""Faces of a crystal: Miller indices, the primitive surface cell and the face's axes, in integers on the host."""

import dataclasses
import re
from collections.abc import Sequence
from itertools import product

import jax.numpy as jnp
import numpy as np

from msjax.crystal.lattice import Crystal
from msjax.crystal.structures import CUBIC, is_hexagonal
from msjax.typing import Array, Float

LARGEST_INDEX = 9
"""Largest Miller index taken: beyond it a surface cell is better built by other means."""


@dataclasses.dataclass(frozen=True)
class Face:
    """A crystal face as integers; hashable.

    ``miller``: (h, k, l). ``plane``: two primitive in-plane lattice vectors and ``stacking``: the vector to the next
    lattice plane, all as integer combinations of the crystal's cell. ``first``: the face's x axis as a combination of
    the cell's rows (a direction, its length does not matter).

    The axes are x along the shortest in-plane vector with integer Miller direction ([010] on (100), [001] on (110),
    [1̄10] or an equivalent on (111)), z outward along (h, k, l), and y = z × x.
    """

    miller: tuple[int, int, int]
    plane: tuple[tuple[int, int, int], tuple[int, int, int]]
    stacking: tuple[int, int, int]
    first: tuple[float, float, float]

    def axes(self, cell: Float[Array, "3 3"]) -> Float[Array, "3 3"]:
        """Rows are the face's x, y, z in the crystal's axes; differentiable in the cell."""
        in_plane = jnp.asarray(self.plane, float) @ cell
        x, normal = jnp.asarray(self.first) @ cell, jnp.cross(in_plane[0], in_plane[1])
        x, z = x / jnp.sqrt(jnp.sum(x * x)), normal / jnp.sqrt(jnp.sum(normal * normal))
        return jnp.stack([x, jnp.cross(z, x), z])

    def area(self, cell: Float[Array, "3 3"]) -> Float[Array, ""]:
        """Area of the primitive surface cell, Å²."""
        in_plane = jnp.asarray(self.plane, float) @ cell
        normal = jnp.cross(in_plane[0], in_plane[1])
        return jnp.sqrt(jnp.sum(normal * normal))


def face_of(crystal: Crystal, miller: str | Sequence[int]) -> Face:
    """The face (h, k, l) of a three-dimensional crystal.

    ``miller`` is "100", "-110" or three integers: of the cubic cell for the cubic structures of
    :func:`msjax.crystal.lattice.bulk` (sc, fcc, bcc, diamond, zincblende, rocksalt), of the crystal's own cell
    otherwise. Four indices (h, k, i, l) with i = −h − k, "0001" or "10-10", are taken for hcp. Raises ``ValueError``
    naming what is wrong.

    >>> from msjax.crystal.lattice import bulk
    >>> face_of(bulk("Cu", "fcc", a=3.615), "110").miller
    (1, 1, 0)
    >>> face_of(bulk("Mg", "hcp", a=3.209, c=5.211), "10-10").miller
    (1, 0, 0)
    """
    if crystal.dim != 3:
        raise ValueError(f"face: a crystal in three dimensions is needed, got {crystal.dim}")
    cell = np.asarray(crystal.cell, float)
    indices = _parse(miller, four=crystal.structure == "hcp" and is_hexagonal(cell))
    if crystal.structure in CUBIC:
        primitive = _integers(cell @ np.array(indices, float), indices)
        direct = np.eye(3)  # Miller directions are Cartesian
    else:
        primitive = np.array(indices) // np.gcd.reduce(indices)
        direct = cell
    one, two = _in_plane(primitive, cell)
    stacking = _stacking(primitive, cell)
    if np.dot(np.cross(one, two), primitive) * np.linalg.det(cell) < 0:
        two = -two
    first = _shortest(np.array(indices), direct) @ direct @ np.linalg.inv(cell)
    h, k, l = indices
    x, y, z = (float(c) for c in first)
    return Face((h, k, l), (_tuple(one), _tuple(two)), _tuple(stacking), (x, y, z))


def _tuple(vector: np.ndarray) -> tuple[int, int, int]:
    return int(vector[0]), int(vector[1]), int(vector[2])


def _parse(miller: str | Sequence[int], *, four: bool) -> tuple[int, ...]:
    """Three integers; ``four``: whether four are taken too."""
    expected = 'expected three Miller indices such as "100" or (1, 1, 0)' + (", or four for hcp" if four else "")
    if isinstance(miller, str):
        if not re.fullmatch(r"(-?\d){3}(-?\d)?", miller):
            raise ValueError(f"face: {expected}, got {miller!r}")
        indices = tuple(int(i) for i in re.findall(r"-?\d", miller))
    else:
        indices = tuple(miller)
    if len(indices) not in ((3, 4) if four else (3,)) or not all(isinstance(i, int | np.integer) for i in indices):
        raise ValueError(f"face: {expected}, all integers; got {miller!r}")
    if len(indices) == 4:
        h, k, i, l = indices
        if i != -(h + k):
            raise ValueError(f"face: of four indices (h, k, i, l) the third is −h − k = {-(h + k)}, got {miller!r}")
        indices = (h, k, l)
    if not any(indices):
        raise ValueError("face: (0, 0, 0) is no face")
    if max(abs(i) for i in indices) > LARGEST_INDEX:
        raise ValueError(f"face: Miller indices up to {LARGEST_INDEX} are supported, got {indices}")
    return tuple(int(i) for i in indices)


def _integers(values: np.ndarray, indices) -> np.ndarray:
    """Coprime integers in the ratio of ``values``."""
    scaled = values / np.min(np.abs(values[np.abs(values) > 1e-9 * np.max(np.abs(values))]))
    for factor in range(1, 2 * LARGEST_INDEX + 1):
        rounded = np.rint(factor * scaled)
        if np.max(np.abs(factor * scaled - rounded)) < 1e-6:
            return rounded.astype(int) // np.gcd.reduce(rounded.astype(int))
    raise ValueError(f"face: {indices} is no lattice plane of this cell")


def _candidates(normal: np.ndarray, height: int) -> np.ndarray:
    """Integer vectors n with n · normal = height, in a box that is sure to hold the shortest."""
    reach = int(np.max(np.abs(normal))) + 2
    box = np.array(list(product(range(-reach, reach + 1), repeat=3)))
    return box[box @ normal == height]


def _sorted_by_length(vectors: np.ndarray, cell: np.ndarray) -> np.ndarray:
    lengths = np.round(np.linalg.norm(vectors @ cell, axis=1), 9)
    keys = [(length, tuple(-v)) for length, v in zip(lengths, vectors, strict=True)]
    return vectors[sorted(range(len(vectors)), key=lambda i: keys[i])]


def _in_plane(normal: np.ndarray, cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The shortest pair that spans the plane's lattice: its cross product is ± the coprime normal."""
    vectors = _sorted_by_length(_candidates(normal, 0), cell)[1:]  # less the null vector
    for i, two in enumerate(vectors):
        for one in vectors[:i]:
            if np.array_equal(np.abs(np.cross(one, two)), np.abs(normal)):
                return one, two
    raise ValueError(f"face: no surface cell found for {normal.tolist()}")


def _stacking(normal: np.ndarray, cell: np.ndarray) -> np.ndarray:
    return _sorted_by_length(_candidates(normal, 1), cell)[0]


def _shortest(normal: np.ndarray, cell: np.ndarray) -> np.ndarray:
    return _sorted_by_length(_candidates(normal, 0), cell)[1]
