"""Statistics of a phase: two-point function, chord lengths, lineal path, correlation length. All periodic."""

import math
from typing import NamedTuple

import numpy as np

from msjax.homogenization.microstructures.microstructure import checked_lengths, checked_shape


def two_point(phases: np.ndarray, phase: int = 1, other: int | None = None) -> np.ndarray:
    """Two-point function S₂(r) for every periodic shift r in voxels: the same shape as the image.

    The probability that x lies in ``phase`` and x + r in ``other`` (by default the same phase), over all voxels x, by
    FFT. ``S₂[0, 0] = φ``; far away, without correlation, it is φ².

    Raises:
        ValueError: an image that is not 2-D or 3-D of integers, or a phase that does not occur.

    >>> two_point(np.array([[0, 1], [0, 1]])).tolist()
    [[0.5, 0.0], [0.5, 0.0]]
    """
    one = np.fft.rfftn(_indicator(phases, phase, "phase").astype(float))
    two = one if other is None else np.fft.rfftn(_indicator(phases, other, "other").astype(float))
    counted = np.fft.irfftn(np.conj(one) * two, s=phases.shape, axes=range(phases.ndim))
    return np.round(counted) / phases.size  # counts are integers


def radial_average(
    values: np.ndarray, lengths: tuple[float, ...] | None = None, bins: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Mean over all directions of a function of the periodic shift, such as :func:`two_point`.

    Args:
        values: (nx, ny[, nz]) on shifts in voxels.
        lengths: edges of the cell.
        bins: equal bins of distance from 0 to half the shortest edge; by default one voxel wide. The shift 0 is a point
            of its own, before the bins.

    Returns:
        Mean distances and mean values; empty bins are left out.

    Raises:
        ValueError: a number of bins below 1, or edges that do not fit.

    >>> r, mean = radial_average(np.ones((8, 8)))
    >>> r[:3].round(3).tolist(), mean.tolist()
    ([0.0, 0.151, 0.27], [1.0, 1.0, 1.0, 1.0, 1.0])
    """
    shape = checked_shape(values.shape)
    edges = checked_lengths(shape, lengths)
    shifts = np.ix_(*[np.fft.fftfreq(n) * edge for n, edge in zip(shape, edges)])
    distance = np.sqrt(sum(x**2 for x in shifts))
    far = min(edges) / 2
    width = max(edge / n for n, edge in zip(shape, edges)) if bins is None else far / bins if bins > 0 else 0.0
    if width <= 0:
        raise ValueError(f"bins: expected a positive integer, got {bins!r}")
    inside = distance <= far * (1 + 1e-12)
    # bin k is centred at k widths: bin 0 then holds the shift 0, unless voxels are flatter than half a bin
    place = np.floor(distance[inside] / width + 0.5).astype(int)
    place[distance[inside] > 0] = np.maximum(place[distance[inside] > 0], 1)
    counts = np.bincount(place)
    used = counts > 0
    means = [np.bincount(place, field[inside])[used] / counts[used] for field in (distance, values)]
    return means[0], means[1]


class Chords(NamedTuple):
    """Chords of a phase along one axis: ``lengths`` of all, and the number of lines wholly within, ``unbounded``.

    ``voxels`` says how many voxels a line has, ``lines`` how many lines there are.
    """

    lengths: np.ndarray
    unbounded: int
    voxels: int
    lines: int


def chord_lengths(phases: np.ndarray, phase: int = 1, axis: int = 0) -> Chords:
    """Lengths, in voxels, of all runs of a phase on the lines along ``axis``, across the periodic edge.

    Raises:
        ValueError: an image that is not 2-D or 3-D of integers, a phase that does not occur, or another axis.

    >>> chord_lengths(np.array([[1, 1], [0, 1], [1, 1]])).lengths.tolist()
    [2]
    """
    inside = _indicator(phases, phase, "phase")
    if axis not in range(phases.ndim):
        raise ValueError(f"axis: expected 0 to {phases.ndim - 1}, got {axis!r}")
    lines = np.moveaxis(inside, axis, -1).reshape(-1, phases.shape[axis])
    number = len(lines)
    whole = lines.all(axis=1)
    lines = lines[~whole]
    # every remaining line has a voxel outside: begin there, and no run crosses the end
    start = np.argmin(lines, axis=1)
    turned = np.take_along_axis(lines, (start[:, None] + np.arange(lines.shape[1])) % lines.shape[1], axis=1)
    steps = np.diff(np.pad(turned, ((0, 0), (1, 1))).astype(np.int8).ravel())
    lengths = np.flatnonzero(steps == -1) - np.flatnonzero(steps == 1)
    return Chords(lengths, int(whole.sum()), phases.shape[axis], number)


def lineal_path(phases: np.ndarray, phase: int = 1, axis: int = 0) -> np.ndarray:
    """Lineal path function L(k), k = 0 … n − 1: the probability that k + 1 voxels along ``axis`` are all inside.

    L(0) = φ (doi:10.1103/PhysRevA.45.922).

    Raises:
        ValueError: as :func:`chord_lengths`.

    >>> lineal_path(np.array([[1, 1], [1, 1], [0, 1], [0, 1]]), axis=0).tolist()
    [0.75, 0.625, 0.5, 0.5]
    """
    chords = chord_lengths(phases, phase, axis)
    n = chords.voxels
    runs = np.bincount(chords.lengths, minlength=n + 1)[: n + 1]
    # a run of c voxels holds c − k segments of k + 1: the second sum of the counts, from the long end
    longer = np.cumsum(runs[::-1])[::-1]
    segments = np.cumsum(longer[::-1])[::-1][1:]
    return (segments + chords.unbounded * n) / phases.size


def correlation_length(phases: np.ndarray, phase: int = 1, lengths: tuple[float, ...] | None = None) -> float:
    """∫ (S₂(r) − φ²)/(φ − φ²) dr of the radial average, up to its first zero or half the shortest edge.

    For exp(−r/a) (Debye–Bueche, doi:10.1063/1.1722830) it is a.

    Raises:
        ValueError: as :func:`two_point`, or a phase that fills the cell.

    >>> round(correlation_length(np.kron(np.eye(2, dtype=int), np.ones((8, 8), dtype=int))), 3)
    0.121
    """
    r, mean = radial_average(two_point(phases, phase), lengths)
    fraction = float(mean[0])
    if fraction == 1.0:
        raise ValueError(f"phase: {phase} fills the cell and has no correlation length")
    rho = (mean - fraction**2) / (fraction - fraction**2)
    below = np.flatnonzero(rho <= 0)
    if len(below):
        end = int(below[0])
        zero = r[end - 1] + (r[end] - r[end - 1]) * rho[end - 1] / (rho[end - 1] - rho[end])
        r, rho = np.append(r[:end], zero), np.append(rho[:end], 0.0)
    return float(math.fsum(0.5 * (rho[1:] + rho[:-1]) * np.diff(r)))


def _indicator(phases: np.ndarray, phase: int, name: str) -> np.ndarray:
    if not isinstance(phases, np.ndarray) or phases.dtype.kind not in "bui":
        raise ValueError("phases: expected an array of integers")
    checked_shape(phases.shape)
    inside = phases == phase
    if not inside.any():
        raise ValueError(f"{name}: the image has no voxel of phase {phase!r}")
    return inside
