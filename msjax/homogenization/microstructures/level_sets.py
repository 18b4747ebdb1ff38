"""Level sets of fields: Gaussian random fields and triply periodic minimal surfaces."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from msjax.homogenization.microstructures.gauge import wanted_voxels
from msjax.homogenization.microstructures.microstructure import (
    Microstructure,
    checked_count,
    checked_fraction,
    checked_lengths,
    checked_positive,
    checked_shape,
    generator,
    open_grid,
)

Spectrum = Literal["gaussian", "exponential"] | Callable[[np.ndarray], np.ndarray]
Surface = Literal["gyroid", "primitive", "diamond", "neovius"]


def gaussian_field(
    shape: tuple[int, ...],
    fraction: float,
    length: float,
    *,
    spectrum: Spectrum = "gaussian",
    seed: int = 0,
    member: int = 0,
    lengths: tuple[float, ...] | None = None,
) -> Microstructure:
    """Level set of a periodic Gaussian random field: phase 1 is where the field is highest.

    The level is the quantile of the voxels' values, so the fraction is within half a voxel of ``fraction``. At ½ the
    two-point function of phase 1 is ¼ + arcsin(ρ)/(2π) with ρ the correlation of :func:`gaussian_values`.

    Raises:
        ValueError: a number out of its range, or a spectrum as in :func:`gaussian_values`.

    >>> image = gaussian_field((32, 32), 0.375, 0.1, seed=1)
    >>> image.fraction
    (0.625, 0.375)
    """
    checked_fraction(fraction)
    values = gaussian_values(shape, length, spectrum=spectrum, seed=seed, member=member, lengths=lengths)
    phases = values >= np.partition(values.ravel(), -(n := wanted_voxels(fraction, values.size)))[-n]
    return Microstructure.of(phases, lengths, number=2, wanted=(1 - fraction, fraction))


def gaussian_values(
    shape: tuple[int, ...],
    length: float,
    *,
    spectrum: Spectrum = "gaussian",
    seed: int = 0,
    member: int = 0,
    lengths: tuple[float, ...] | None = None,
) -> np.ndarray:
    """A periodic Gaussian random field (nx, ny[, nz]) of mean 0 and variance 1 over the ensemble.

    White noise coloured in Fourier space; the mean of each field is removed (the wave vector 0 carries nothing).

    Args:
        shape: numbers of voxels.
        length: correlation length.
        spectrum: the correlation, made periodic: ``"gaussian"``, ρ = exp(−r²/length²); ``"exponential"``,
            ρ = exp(−r/length); or a function of the wave number times ``length`` that returns densities not below 0.
        seed: of the random stream.
        member: the member of an ensemble.
        lengths: edges of the cell.

    Raises:
        ValueError: a number out of its range, an unknown spectrum, or one that is negative, not finite or zero.

    >>> field = gaussian_values((16, 16, 16), 0.2, spectrum="exponential", seed=1)
    >>> field.shape, bool(abs(field.mean()) < 1e-12)
    ((16, 16, 16), True)
    """
    shape = checked_shape(shape)
    lengths = checked_lengths(shape, lengths)
    checked_positive(length, "length")
    rng = generator(seed, member)
    waves = [2 * np.pi * np.fft.fftfreq(n, edge / n) for n, edge in zip(shape, lengths)]
    k = length * np.sqrt(sum(wave**2 for wave in np.ix_(*waves)))
    if callable(spectrum):
        density = np.asarray(spectrum(k), dtype=float)
    elif spectrum == "gaussian":
        density = np.exp(-(k**2) / 4)
    elif spectrum == "exponential":
        density = (1 + k**2) ** (-(len(shape) + 1) / 2)
    else:
        raise ValueError(f"spectrum: expected 'gaussian', 'exponential' or a function, got {spectrum!r}")
    if density.shape != shape:
        raise ValueError(f"spectrum: expected densities of shape {shape}, got {density.shape}")
    density = density.copy()
    density.flat[0] = 0.0
    if not (np.all(np.isfinite(density)) and density.min() >= 0 and density.max() > 0):
        raise ValueError("spectrum: expected finite densities not below 0, not all of them 0")
    noise = np.fft.fftn(rng.standard_normal(shape))
    return np.fft.ifftn(noise * np.sqrt(density / np.mean(density))).real


def tpms(
    shape: tuple[int, ...],
    kind: Surface = "gyroid",
    *,
    fraction: float,
    cells: int = 1,
    sheet: bool = False,
    lengths: tuple[float, ...] | None = None,
) -> Microstructure:
    """Lattice on a triply periodic minimal surface, phase 1: one side of a level (network), or a sheet along it.

    The level is the one whose fraction comes nearest to ``fraction``. The surfaces are symmetric, so that many voxels
    share a value: the fraction reached is in ``fraction``, its distance in ``error``.

    Args:
        shape: numbers of voxels, three.
        kind: ``"gyroid"``, ``"primitive"``, ``"diamond"`` or ``"neovius"``.
        fraction: wanted fraction of phase 1.
        cells: unit cells along each axis.
        sheet: a sheet |value| ≤ level instead of the network value ≤ level.
        lengths: edges of the cell.

    Raises:
        ValueError: a number out of its range, or an unknown kind.

    >>> image = tpms((16, 16, 16), "primitive", fraction=0.5)
    >>> image.fraction
    (0.5, 0.5)
    """
    values = tpms_values(shape, kind, cells=cells)
    if sheet:
        values = np.abs(values)
    wanted = wanted_voxels(fraction, values.size)
    # equal by symmetry, but not to the last digit
    levels, counts = np.unique(np.round(values, 10), return_counts=True)
    within = np.cumsum(counts)
    level = levels[np.argmin(np.abs(within - wanted))]
    phases = values <= level + 1e-10
    return Microstructure.of(phases, lengths, number=2, wanted=(1 - fraction, fraction))


def tpms_values(shape: tuple[int, ...], kind: Surface = "gyroid", *, cells: int = 1) -> np.ndarray:
    """Nodal approximation (nx, ny, nz) of a triply periodic minimal surface, which is where it vanishes.

    Leading Fourier terms (doi:10.1007/BF01313411); dimensionless.

    Raises:
        ValueError: not three axes, an unknown kind, or no cell.

    >>> tpms_values((4, 4, 4), "primitive")[0, 0, 0].round(6)
    np.float64(2.12132)
    """
    shape = checked_shape(shape, (3,))
    angle = 2 * np.pi * checked_count(cells, "cells")
    x, y, z = (angle * u for u in open_grid(shape, (1.0, 1.0, 1.0)))
    sx, sy, sz, cx, cy, cz = np.sin(x), np.sin(y), np.sin(z), np.cos(x), np.cos(y), np.cos(z)
    if kind == "gyroid":
        return sx * cy + sy * cz + sz * cx
    if kind == "primitive":
        return cx + cy + cz
    if kind == "diamond":
        return sx * sy * sz + sx * cy * cz + cx * sy * cz + cx * cy * sz
    if kind == "neovius":
        return 3 * (cx + cy + cz) + 4 * cx * cy * cz
    raise ValueError(f"kind: expected 'gyroid', 'primitive', 'diamond' or 'neovius', got {kind!r}")
