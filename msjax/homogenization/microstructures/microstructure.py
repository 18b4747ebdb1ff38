"""A periodic voxel image of a microstructure, and what every builder of one needs."""

import math
from typing import NamedTuple

import numpy as np


class Microstructure(NamedTuple):
    """A periodic voxel image with its measured fractions and the geometry it was made from.

    Voxel ``[i, j, k]`` is centred at ``((i + ½)/nx, (j + ½)/ny, (k + ½)/nz) * lengths``. All arrays are of the host.

    Attributes:
        phases: integers (nx, ny) or (nx, ny, nz), index order x, y, z.
        fraction: volume fraction of every phase, counted on the voxels.
        lengths: edges of the cell.
        wanted: the fractions that were asked for, None where none were.
        centres: (particles, d) centres of the particles, or seeds of the grains.
        radii: (particles,) radii, or (particles, d) half-axes.
        axes: (particles, d, d); column k is the direction of half-axis k, column 0 that of a fibre.
        orientations: (grains, d, d) rotations from the crystal's axes to the cell's, by phase.

    >>> image = Microstructure.of(np.array([[0, 1], [1, 1]]))
    >>> image.fraction, image.lengths
    ((0.25, 0.75), (1.0, 1.0))
    """

    phases: np.ndarray
    fraction: tuple[float, ...]
    lengths: tuple[float, ...]
    wanted: tuple[float, ...] | None = None
    centres: np.ndarray | None = None
    radii: np.ndarray | None = None
    axes: np.ndarray | None = None
    orientations: np.ndarray | None = None

    @classmethod
    def of(
        cls,
        phases: np.ndarray,
        lengths: tuple[float, ...] | None = None,
        *,
        number: int | None = None,
        wanted: tuple[float, ...] | None = None,
        centres: np.ndarray | None = None,
        radii: np.ndarray | None = None,
        axes: np.ndarray | None = None,
        orientations: np.ndarray | None = None,
    ) -> "Microstructure":
        """Count the fractions of an image of ``number`` phases (by default up to the largest that occurs)."""
        phases = np.array(phases, dtype=np.int32, order="C")  # a copy: never an alias of the caller's
        counts = np.bincount(phases.ravel(), minlength=number or 0)
        return cls(
            phases=phases,
            fraction=tuple((counts / phases.size).tolist()),
            lengths=checked_lengths(phases.shape, lengths),
            wanted=wanted,
            centres=centres,
            radii=radii,
            axes=axes,
            orientations=orientations,
        )

    @property
    def spacing(self) -> tuple[float, ...]:
        """Edges of a voxel."""
        return tuple(length / n for length, n in zip(self.lengths, self.phases.shape))

    @property
    def error(self) -> float:
        """Largest difference between a fraction and the one that was asked for; NaN where none was."""
        if self.wanted is None:
            return math.nan
        return max(abs(found - wanted) for found, wanted in zip(self.fraction, self.wanted))


def checked_shape(shape: tuple[int, ...], dimensions: tuple[int, ...] = (2, 3)) -> tuple[int, ...]:
    """The numbers of voxels as integers.

    Raises:
        ValueError: another dimension, or a number below 1.
    """
    shape = tuple(shape)
    if len(shape) not in dimensions:
        wanted = " or ".join(str(d) for d in dimensions)
        raise ValueError(f"shape: expected {wanted} numbers of voxels, got {shape}")
    for axis, n in enumerate(shape):
        if int(n) != n or n < 1:
            raise ValueError(f"shape[{axis}]: expected a positive integer, got {n!r}")
    return tuple(int(n) for n in shape)


def checked_lengths(shape: tuple[int, ...], lengths: tuple[float, ...] | None) -> tuple[float, ...]:
    """The cell's edges; without ``lengths`` the voxels are cubes and the first edge is 1.

    Raises:
        ValueError: another number of edges than of axes, or an edge that is not positive and finite.
    """
    if lengths is None:
        return tuple(n / shape[0] for n in shape)
    if len(lengths) != len(shape):
        raise ValueError(f"lengths: expected {len(shape)} edges for the shape {shape}, got {lengths!r}")
    for axis, length in enumerate(lengths):
        checked_positive(length, f"lengths[{axis}]")
    return tuple(float(length) for length in lengths)


def checked_positive(value: float, name: str) -> float:
    """A positive, finite number.

    Raises:
        ValueError: naming the argument.
    """
    if not (math.isfinite(value) and value > 0):
        raise ValueError(f"{name}: expected a positive number, got {value!r}")
    return float(value)


def checked_not_negative(value: float, name: str) -> float:
    """A finite number that is not negative.

    Raises:
        ValueError: naming the argument.
    """
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{name}: expected a number not below 0, got {value!r}")
    return float(value)


def checked_fraction(value: float, name: str = "fraction") -> float:
    """A number between 0 and 1, both excluded.

    Raises:
        ValueError: naming the argument.
    """
    if not 0 < value < 1:
        raise ValueError(f"{name}: expected a number between 0 and 1, both excluded, got {value!r}")
    return float(value)


def checked_count(value: int, name: str = "count") -> int:
    """A positive integer.

    Raises:
        ValueError: naming the argument.
    """
    if int(value) != value or value < 1:
        raise ValueError(f"{name}: expected a positive integer, got {value!r}")
    return int(value)


def generator(seed: int, member: int) -> np.random.Generator:
    """The random stream of one member of an ensemble: the same in every process.

    Raises:
        ValueError: a negative seed or member.
    """
    for name, value in (("seed", seed), ("member", member)):
        if int(value) != value or value < 0:
            raise ValueError(f"{name}: expected an integer not below 0, got {value!r}")
    return np.random.default_rng(np.random.SeedSequence((int(seed), int(member))))


def open_grid(shape: tuple[int, ...], lengths: tuple[float, ...]) -> list[np.ndarray]:
    """Voxel centres along each axis, shaped to broadcast against one another."""
    return list(np.ix_(*[(np.arange(n) + 0.5) * length / n for n, length in zip(shape, lengths)]))


def voxel_centres(shape: tuple[int, ...], lengths: tuple[float, ...]) -> np.ndarray:
    """Voxel centres (voxels, d), the last axis running fastest."""
    return np.stack([x.ravel() for x in np.broadcast_arrays(*open_grid(shape, lengths))], axis=-1)


def nearest_image(offsets: np.ndarray, lengths: tuple[float, ...] | np.ndarray) -> np.ndarray:
    """Offsets (..., d) to the nearest periodic image."""
    lengths = np.asarray(lengths)
    return offsets - lengths * np.round(offsets / lengths)


def wrapped(points: np.ndarray, lengths: tuple[float, ...] | np.ndarray) -> np.ndarray:
    """Points (..., d) moved into the cell, edges excluded at the far side even after rounding."""
    inside = np.mod(points, lengths)
    return np.where(inside < lengths, inside, 0.0)
