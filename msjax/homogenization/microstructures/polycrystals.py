"""Periodic polycrystals: Voronoi and Laguerre tessellations with random orientations, one phase per grain."""

import math
from collections.abc import Sequence

import numpy as np
import scipy.sparse
from scipy.sparse.linalg import spsolve
from scipy.spatial import KDTree

from msjax.homogenization.microstructures.microstructure import (
    Microstructure,
    checked_count,
    checked_lengths,
    checked_not_negative,
    checked_positive,
    checked_shape,
    generator,
    voxel_centres,
)
from msjax.homogenization.microstructures.rotations import random_rotations

COARSE = 20_000
"""Voxels from which the weights are first fitted on a coarser grid."""
FIT_STEPS = 12
"""Newton steps of the weights on one grid."""
TOLERANCE = 0.004
"""Sum of all differences of fractions at which the fit ends."""


def voronoi(
    shape: tuple[int, ...],
    grains: int,
    *,
    seed: int = 0,
    member: int = 0,
    lengths: tuple[float, ...] | None = None,
) -> Microstructure:
    """Periodic Poisson–Voronoi polycrystal: each voxel belongs to the nearest of ``grains`` uniform random seeds.

    Args:
        shape: numbers of voxels.
        grains: number of grains; phase k is grain k. A grain too small to hold a voxel centre has fraction 0.
        seed: of the random stream.
        member: the member of an ensemble.
        lengths: edges of the cell.

    Returns:
        The image with the seeds as ``centres`` and uniform random ``orientations`` (grains, d, d).

    Raises:
        ValueError: a number out of its range.

    >>> image = voronoi((32, 32, 32), 10, seed=1)
    >>> image.phases.max(), image.orientations.shape, round(sum(image.fraction), 12)
    (np.int32(9), (10, 3, 3), 1.0)
    """
    shape = checked_shape(shape)
    lengths = checked_lengths(shape, lengths)
    rng, grains = generator(seed, member), checked_count(grains, "grains")
    seeds = rng.random((grains, len(shape))) * lengths
    owner = _owners(shape, lengths, seeds, np.zeros(grains))
    orientations = random_rotations(grains, len(shape), rng)
    return Microstructure.of(owner, lengths, number=grains, centres=seeds, orientations=orientations)


def laguerre(
    shape: tuple[int, ...],
    *,
    grains: int | None = None,
    spread: float = 0.35,
    volumes: Sequence[float] | np.ndarray | None = None,
    seed: int = 0,
    member: int = 0,
    lengths: tuple[float, ...] | None = None,
) -> Microstructure:
    """Periodic Laguerre polycrystal with wanted grain volumes, around uniform random seeds.

    Voxel x belongs to the grain with the smallest |x − seed|² − weight. For given seeds the weights that give wanted
    volumes are unique up to a constant, the maximum of a concave function (doi:10.1007/PL00009187). Damped
    Newton steps (doi:10.4171/JEMS/889), whose matrix is counted from the faces between voxels, are taken until the
    differences of all fractions sum up to less than 0.004, or nothing improves.

    Args:
        shape: numbers of voxels.
        grains: number of grains, of log-normal volume. Give this or ``volumes``.
        spread: coefficient of variation of the volumes that go with ``grains``; 0 makes them equal.
        volumes: relative volumes of the grains.
        seed: of the random stream.
        member: the member of an ensemble.
        lengths: edges of the cell.

    Returns:
        The image with ``centres``, ``orientations``, the ``wanted`` fractions, and in ``error`` the largest difference.

    Raises:
        ValueError: a number out of its range, both or none of grains and volumes, or a grain of less than one voxel.

    >>> image = laguerre((32, 32, 32), volumes=[1.0, 2.0, 3.0, 4.0], seed=1)
    >>> [round(f, 2) for f in image.fraction], image.error < 2e-3
    ([0.1, 0.2, 0.3, 0.4], True)
    """
    shape = checked_shape(shape)
    lengths = checked_lengths(shape, lengths)
    rng = generator(seed, member)
    if (grains is None) == (volumes is None):
        raise ValueError("grains, volumes: give exactly one of them")
    if volumes is None:
        width = math.sqrt(math.log1p(checked_not_negative(spread, "spread") ** 2))
        relative = np.exp(width * rng.standard_normal(checked_count(grains or 0, "grains")))
    else:
        relative = np.array([checked_positive(float(v), f"volumes[{k}]") for k, v in enumerate(volumes)])
        checked_count(len(relative), "volumes")
    wanted = relative / np.sum(relative)
    if wanted.min() * math.prod(shape) < 1:
        raise ValueError(f"volumes[{wanted.argmin()}]: less than one voxel of {shape}; refine the image")
    seeds = rng.random((len(wanted), len(shape))) * lengths
    owner = _fitted_owners(shape, lengths, seeds, wanted)
    return Microstructure.of(
        owner,
        lengths,
        number=len(wanted),
        wanted=tuple(wanted.tolist()),
        centres=seeds,
        orientations=random_rotations(len(wanted), len(shape), rng),
    )


def _owners(shape: tuple[int, ...], lengths: tuple[float, ...], seeds: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Grain of each voxel: the smallest |x − seed|² − weight over all images.

    That is the nearest seed when each is lifted by √(largest weight − weight) along a further axis.
    """
    height = np.sqrt(weights.max() - weights)
    tree = KDTree(np.column_stack([seeds, height]), boxsize=[*lengths, 0.0])  # the lift is not periodic
    points = voxel_centres(shape, lengths)
    return tree.query(np.column_stack([points, np.zeros(len(points))]))[1].reshape(shape)


def _fitted_owners(
    shape: tuple[int, ...], lengths: tuple[float, ...], seeds: np.ndarray, wanted: np.ndarray
) -> np.ndarray:
    """Grain of each voxel with weights fitted to the wanted fractions, on coarser grids first."""
    grids = [shape]
    while math.prod(grids[0]) > COARSE and math.prod(grids[0]) > 16 * 2 ** len(shape) * len(wanted):
        grids.insert(0, tuple(max(1, n // 2) for n in grids[0]))
    weights = np.zeros(len(wanted))
    owner = np.zeros(shape, dtype=int)
    for grid in grids:
        owner, weights = _fit(grid, lengths, seeds, weights, wanted)
    return owner


def _fit(
    shape: tuple[int, ...], lengths: tuple[float, ...], seeds: np.ndarray, weights: np.ndarray, wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Damped Newton on one grid: the best owners found and their weights."""
    cell, voxels = math.prod(lengths), math.prod(shape)

    def tessellate(weights):
        owner = _owners(shape, lengths, seeds, weights)
        missing = wanted - np.bincount(owner.ravel(), minlength=len(wanted)) / voxels
        return owner, missing, float(np.sum(missing**2))

    owner, missing, misfit = tessellate(weights)
    for _ in range(FIT_STEPS):
        if np.sum(np.abs(missing)) <= max(TOLERANCE, 2 / voxels):
            break
        step = spsolve(_stiffness(owner, seeds, lengths), missing * cell)
        for damping in (1.0, 0.4, 0.15, 0.05):
            trial = weights + damping * step
            found = tessellate(trial)
            if found[2] < (1 - 0.5 * damping) * misfit:
                weights, (owner, missing, misfit) = trial, found
                break
        else:
            break  # voxels are counted: below some step nothing improves
    return owner, weights


def _stiffness(owner: np.ndarray, seeds: np.ndarray, lengths: tuple[float, ...]) -> scipy.sparse.csc_array:
    """−∂(volumes)/∂(weights) to a sign: face area over twice the distance of the seeds, a little shifted to be regular.

    A grain that holds no voxel is tied to the grain in which its seed lies, so that its weight can grow.
    """
    shape, number = owner.shape, len(seeds)
    spacing = np.asarray(lengths) / np.asarray(shape)
    pairs, areas = [], []
    for axis, h in enumerate(spacing):
        neighbour = np.roll(owner, -1, axis)
        differs = owner != neighbour
        pairs.append(np.stack([owner[differs], neighbour[differs]], axis=-1))
        areas.append(np.full(len(pairs[-1]), np.prod(spacing) / h))
    empty = np.setdiff1d(np.arange(number), owner)
    if len(empty):
        home = owner[tuple(((seeds[empty] / spacing).astype(int) % shape).T)]
        pairs.append(np.stack([empty, home], axis=-1))
        areas.append(np.full(len(empty), np.prod(lengths) / number / np.min(lengths)))
    i, j = np.concatenate(pairs).T
    offset = seeds[i] - seeds[j]
    offset -= np.asarray(lengths) * np.round(offset / lengths)
    # voxel faces are a staircase: longer than the plane they stand for by 4/π in 2-D, 3/2 in 3-D, on average
    staircase = 4 / np.pi if len(shape) == 2 else 1.5
    conductance = np.concatenate(areas) / (2 * staircase * np.linalg.norm(offset, axis=1))
    off = scipy.sparse.coo_array((conductance, (i, j)), shape=(number, number)).tocsr()
    off = off + off.T
    degree = np.asarray(off.sum(axis=1)).ravel()
    return scipy.sparse.csc_array(scipy.sparse.diags_array(degree * (1 + 1e-9) + 1e-12) - off)
