"""Ellipsoids and fibres: matrix 0, particles 1."""

import math

import numpy as np

from msjax.homogenization.microstructures.addition import add_in_turn
from msjax.homogenization.microstructures.gauge import gauge_image, level_set
from msjax.homogenization.microstructures.microstructure import (
    Microstructure,
    checked_count,
    checked_fraction,
    checked_lengths,
    checked_not_negative,
    checked_positive,
    checked_shape,
    generator,
)
from msjax.homogenization.microstructures.rotations import random_axes
from msjax.homogenization.microstructures.spheres import ball_volume, spheres

CONTACT = np.linspace(0.0, 1.0, 23)[1:-1]
"""Where the contact function of two ellipsoids is looked at."""


def ellipsoids(
    shape: tuple[int, ...],
    fraction: float,
    half_axes: tuple[float, ...],
    *,
    count: int | None = None,
    orientation: str | tuple | list | np.ndarray = "random",
    gap: float = 0.0,
    overlapping: bool = False,
    exact: bool = False,
    seed: int = 0,
    member: int = 0,
    lengths: tuple[float, ...] | None = None,
) -> Microstructure:
    """Random equal ellipsoids (3-D) or ellipses (2-D), phase 1, in a matrix, phase 0, by random sequential addition.

    Two ellipsoids count as apart where the Perram–Wertheim contact function (doi:10.1016/0021-9991(85)90171-8) exceeds
    1 at one of 21 points: then they are apart; some that nearly touch are refused.

    Args:
        shape: numbers of voxels.
        fraction: wanted volume fraction.
        half_axes: half-axes (d,); the first is the one that ``orientation`` directs.
        count: number of particles; only the ratios of the half-axes then count. Without it their number is the nearest
            that gives ``fraction``.
        orientation: ``"random"``, ``"aligned"`` (with the cell), ``"planar"`` (first axis in the x-y plane), a vector,
            or a second-order orientation tensor; see :func:`random_axes`.
        gap: least distance between surfaces, about: half of it is added to every half-axis.
        overlapping: independent particles (a Boolean model).
        exact: scale all particles by one factor to the fraction, within one voxel.
        seed: of the random stream.
        member: the member of an ensemble.
        lengths: edges of the cell.

    Returns:
        The image with ``centres``, ``radii`` (n, d) and ``axes`` (n, d, d).

    Raises:
        ValueError: a number out of its range, a particle longer than the cell, or a jammed addition.

    >>> image = ellipsoids((48, 48), 0.2, (0.12, 0.05), exact=True, seed=1)
    >>> image.radii.shape, image.fraction[1]
    ((11, 2), 0.2)
    """
    shape = checked_shape(shape)
    lengths = checked_lengths(shape, lengths)
    fraction, gap = checked_fraction(fraction), checked_not_negative(gap, "gap")
    dimension = len(shape)
    if len(half_axes) != dimension:
        raise ValueError(f"half_axes: expected {dimension} numbers, got {half_axes!r}")
    half = np.array([checked_positive(a, f"half_axes[{k}]") for k, a in enumerate(half_axes)])
    volume = float(ball_volume(1.0, dimension) * np.prod(half))
    filled = _filled(fraction, overlapping) * math.prod(lengths)
    if count is None:
        count = _nearest_count(filled, volume, "half_axes")
    else:
        half = half * (filled / (checked_count(count) * volume)) ** (1 / dimension)
    rng = generator(seed, member)
    axes = random_axes(orientation, count, dimension, rng)
    if overlapping:
        centres = rng.random((count, dimension)) * lengths
    else:
        wide = half + gap / 2

        def separate(offsets, others, new):
            one, two = _quadric(new, wide), _quadric(others, wide)
            x = CONTACT[:, None, None, None]
            solved = np.linalg.solve((1 - x) * one + x * two, offsets[None, :, :, None])[..., 0]
            contact = (CONTACT * (1 - CONTACT))[:, None] * np.sum(offsets * solved, axis=-1)
            return np.any(contact > 1.0, axis=0)

        centres = add_in_turn(axes, lengths, 2 * float(wide.max()), separate, rng)

    def gauge(particle, offsets):
        frame = axes[particle] / half
        return np.sqrt(sum(sum(x * frame[i, k] for i, x in enumerate(offsets)) ** 2 for k in range(dimension)))

    reach = np.sqrt(np.sum((axes * half) ** 2, axis=-1))
    inside, scale = level_set(gauge_image(shape, lengths, centres, reach, gauge), fraction, exact)
    radii = np.broadcast_to(half * scale, (count, dimension)).copy()
    wanted = (1 - fraction, fraction)
    return Microstructure.of(inside, lengths, number=2, wanted=wanted, centres=centres, radii=radii, axes=axes)


def fibres(
    shape: tuple[int, ...],
    fraction: float,
    *,
    radius: float,
    length: float | None,
    orientation: str | tuple | list | np.ndarray = "random",
    gap: float = 0.0,
    overlapping: bool = False,
    exact: bool = False,
    seed: int = 0,
    member: int = 0,
    lengths: tuple[float, ...] | None = None,
) -> Microstructure:
    """Random fibres with round ends (spherocylinders; stadia in 2-D), phase 1, by random sequential addition.

    The overlap test, distance of the axes against twice the radius, is exact.

    Args:
        shape: numbers of voxels.
        fraction: wanted volume fraction; the number of fibres is the nearest that gives it.
        radius: of the fibres.
        length: from tip to tip; None for fibres that run through the cell along a coordinate axis (3-D only), which
            are packed like discs and reach higher fractions.
        orientation: ``"random"``, ``"aligned"`` (along x), ``"planar"`` (in the x-y plane), a vector, or a second-order
            orientation tensor; see :func:`random_axes`. With ``length=None``, ``"aligned"`` or a coordinate axis.
        gap: least distance between surfaces.
        overlapping: independent fibres (a Boolean model).
        exact: scale all radii by one factor to the fraction, within one voxel (through fibres: one line of voxels).
        seed: of the random stream.
        member: the member of an ensemble.
        lengths: edges of the cell.

    Returns:
        The image with ``centres``, ``radii`` (n,) and ``axes`` (n, d, d), whose first column is the fibre's direction.

    Raises:
        ValueError: a number out of its range, a fibre longer than the cell, or a jammed addition.

    >>> image = fibres((32, 32, 32), 0.1, radius=0.06, length=0.5, orientation="planar", seed=1)
    >>> image.axes.shape, bool(np.all(image.axes[:, 2, 0] == 0))
    ((19, 3, 3), True)
    """
    shape = checked_shape(shape)
    lengths = checked_lengths(shape, lengths)
    fraction, gap = checked_fraction(fraction), checked_not_negative(gap, "gap")
    radius, dimension = checked_positive(radius, "radius"), len(shape)
    if length is None:
        axis = _through_axis(orientation, dimension)
        return _through_fibres(shape, fraction, radius, axis, gap, overlapping, exact, seed, member, lengths)
    if not (math.isfinite(length) and length >= 2 * radius):
        raise ValueError(f"length: expected at least two radii, {2 * radius}, from tip to tip, got {length!r}")
    half = length / 2 - radius
    volume = float(ball_volume(radius, dimension)) + 2 * half * (2 * radius if dimension == 2 else np.pi * radius**2)
    count = _nearest_count(_filled(fraction, overlapping) * math.prod(lengths), volume, "radius, length")
    rng = generator(seed, member)
    axes = random_axes(orientation, count, dimension, rng)
    if overlapping:
        centres = rng.random((count, dimension)) * lengths
    else:

        def separate(offsets, others, new):
            return segment_distance(offsets, new[:, 0], others[:, :, 0], half) >= 2 * radius + gap

        centres = add_in_turn(axes, lengths, length + gap, separate, rng)

    def gauge(particle, offsets):
        direction = axes[particle, :, 0]
        along = np.clip(sum(x * p for x, p in zip(offsets, direction)), -half, half)
        return np.sqrt(sum((x - along * p) ** 2 for x, p in zip(offsets, direction))) / radius

    reach = half * np.abs(axes[:, :, 0]) + radius
    inside, scale = level_set(gauge_image(shape, lengths, centres, reach, gauge), fraction, exact)
    radii, wanted = np.full(count, radius * scale), (1 - fraction, fraction)
    return Microstructure.of(inside, lengths, number=2, wanted=wanted, centres=centres, radii=radii, axes=axes)


def segment_distance(offsets: np.ndarray, one: np.ndarray, others: np.ndarray, half: float) -> np.ndarray:
    """Distances between a segment at the origin and others at ``offsets`` (n, d), all of length ``2 * half``.

    ``one`` (d,) and ``others`` (n, d) are unit directions. The nearest points of the lines are clamped in turn, which
    is exact for two segments (doi:10.1016/0020-0190(85)90032-8).
    """
    cosine, d, e = others @ one, offsets @ one, np.sum(offsets * others, axis=1)
    sine_squared = 1 - cosine**2
    oblique = sine_squared > 1e-12
    s = np.where(oblique, (d - cosine * e) / np.where(oblique, sine_squared, 1.0), 0.0)
    t = np.clip(cosine * np.clip(s, -half, half) - e, -half, half)
    s = np.clip(d + cosine * t, -half, half)
    return np.linalg.norm(offsets + t[:, None] * others - s[:, None] * one, axis=1)


def _quadric(axes: np.ndarray, half: np.ndarray) -> np.ndarray:
    return (axes * half**2) @ np.swapaxes(axes, -1, -2)


def _filled(fraction: float, overlapping: bool) -> float:
    """Total volume of the particles, per volume of the cell."""
    return -math.log1p(-fraction) if overlapping else fraction


def _nearest_count(filled: float, volume: float, names: str) -> int:
    count = round(filled / volume)
    if count < 1:
        raise ValueError(f"{names}: one particle of volume {volume:.4g} is more than twice the wanted fraction")
    return count


def _through_axis(orientation: str | tuple | list | np.ndarray, dimension: int) -> int:
    along = np.array([1.0, 0, 0]) if isinstance(orientation, str) else np.asarray(orientation, dtype=float)
    named = not isinstance(orientation, str) or orientation == "aligned"
    if dimension != 3 or not named or along.shape != (3,) or np.count_nonzero(along) != 1:
        raise ValueError(
            "length: fibres through the cell (None) need three dimensions and orientation='aligned' or a vector along "
            f"a coordinate axis, got orientation={orientation!r} in {dimension}-D"
        )
    return int(np.flatnonzero(along)[0])


def _through_fibres(shape, fraction, radius, axis, gap, overlapping, exact, seed, member, lengths) -> Microstructure:
    """Discs in the cross-section, drawn out along ``axis``."""
    across = [k for k in range(3) if k != axis]
    discs = spheres(
        tuple(shape[k] for k in across),
        fraction,
        radius=radius,
        gap=gap,
        overlapping=overlapping,
        exact=exact,
        seed=seed,
        member=member,
        lengths=tuple(lengths[k] for k in across),
    )
    centres = np.insert(np.asarray(discs.centres), axis, lengths[axis] / 2, axis=1)
    frame = np.roll(np.eye(3), axis, axis=0)  # a rotation that takes x to the axis
    return Microstructure.of(
        np.broadcast_to(np.expand_dims(discs.phases, axis), shape),
        lengths,
        number=2,
        wanted=discs.wanted,
        centres=centres,
        radii=discs.radii,
        axes=np.broadcast_to(frame, (len(centres), 3, 3)).copy(),
    )
