"""Perfect crystals in the frame of a line defect: z along the line, y normal to its plane."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.configurations.configuration import Configuration
from msjax.crystal.lattice import COINCIDENT, Crystal
from msjax.typing import Array, concrete

Row = Sequence[float | int] | Array | np.ndarray
"""What is taken for a vector."""
RowsOfThree = Sequence[Row] | Array | np.ndarray
"""What is taken for three vectors."""


class Frame(NamedTuple):
    """``rows`` (3, 3): unit vectors x, y, z; ``period``: length of the line's period, Å; ``height``: the y that is
    midway between two atomic planes, in the widest gap next to y = 0, Å."""

    rows: np.ndarray
    period: float
    height: float


def frame_of(material: CauchyBorn, line: np.ndarray, normal: np.ndarray, argument: str) -> Frame:
    """The frame of a line along the lattice vector ``line`` in a plane of this ``normal``."""
    period = float(np.linalg.norm(line))
    y, z = normal / np.linalg.norm(normal), line / period
    if abs(y @ z) > 1e-6:
        raise ValueError(f"{argument}: must be at a right angle to the line, got {normal.tolist()}")
    rows = np.array([np.cross(y, z), y, z])
    return Frame(rows, period, _height(material.crystal, rows[1]))


def check_crystal(material: CauchyBorn) -> None:
    """``ValueError`` for a material that is not three-dimensional or has traced leaves."""
    if material.dim != 3:
        raise ValueError(f"material: expected a crystal in three dimensions, got {material.dim}")
    if not concrete(material.crystal.cell, material.crystal.basis):
        raise ValueError("material: must be concrete: where there are atoms is structure")


def numbers(value: RowsOfThree | Row, shape: tuple[int, ...], argument: str) -> np.ndarray:
    """Finite numbers of one shape, known now."""
    try:
        found = np.asarray(value, float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{argument}: expected shape {shape} of numbers that are not traced, got {value!r}") from error
    if found.shape != shape:
        raise ValueError(f"{argument}: expected shape {shape}, got {found.shape}")
    if not np.all(np.isfinite(found)):
        raise ValueError(f"{argument}: must be finite, got {found.tolist()}")
    return found


def vector(value: Row, argument: str) -> np.ndarray:
    """Three finite numbers that are not all zero."""
    found = numbers(value, (3,), argument)
    if not np.any(found):
        raise ValueError(f"{argument}: must not be zero")
    return found


def lattice_vector(crystal: Crystal, value: Row, argument: str) -> np.ndarray:
    """A vector, Å, that is a lattice vector of the crystal, brought onto it."""
    found = vector(value, argument)
    cell = np.asarray(crystal.cell)
    counts = found @ np.linalg.inv(cell)
    nearest = np.rint(counts) @ cell
    if np.linalg.norm(nearest - found) > COINCIDENT * float(crystal.volume_per_atom) ** (1.0 / 3.0):
        raise ValueError(
            f"{argument}: must be a lattice vector, Å; {found.tolist()} is {np.round(counts, 4).tolist()} cell vectors"
        )
    return nearest


def burgers_vector(crystal: Crystal, value: Row, partial: bool, frame: Frame) -> np.ndarray:
    """A Burgers vector in the frame: a lattice vector unless it is said to be ``partial``, in the glide plane."""
    b = frame.rows @ (vector(value, "burgers") if partial else lattice_vector(crystal, value, "burgers"))
    if abs(b[1]) > 1e-3 * np.linalg.norm(b):
        raise ValueError(
            f"burgers: must lie in the glide plane, but has {b[1]:g} Å along its normal: atoms would have to be added"
        )
    return b


def length(value: float | int, argument: str) -> float:
    """A positive finite number."""
    if not (np.isfinite(value) and value > 0.0):
        raise ValueError(f"{argument}: must be positive and finite, got {value}")
    return float(value)


def centre_of(centre: Row | None, frame: Frame) -> np.ndarray:
    """(x, y) of the line, Å; by default x = 0 midway between two atomic planes."""
    if centre is None:
        return np.array([0.0, frame.height])
    return numbers(centre, (2,), "centre")


def cylinder(crystal: Crystal, frame: Frame, centre: np.ndarray, radius: float) -> tuple[Configuration, np.ndarray]:
    """All atoms nearer to the line than ``radius``, periodic along z; and their (x, y) from the line, Å."""
    cell, basis = np.asarray(crystal.cell), np.asarray(crystal.basis)
    middle = centre @ frame.rows[:2] + 0.5 * frame.period * frame.rows[2]
    reach = np.hypot(radius, 0.5 * frame.period) + np.max(np.linalg.norm(basis - basis[:1], axis=1)) + 1e-6
    inverse = np.linalg.inv(cell)
    about = (middle - basis[0]) @ inverse
    widths = reach * np.linalg.norm(inverse, axis=0)
    ranges = [np.arange(np.floor(m - w), np.ceil(m + w) + 1) for m, w in zip(about, widths, strict=True)]
    cells = np.stack(np.meshgrid(*ranges, indexing="ij"), axis=-1).reshape(-1, 3)
    positions = (cells @ cell)[:, None, :] + basis[None, :, :]
    kinds = np.broadcast_to(np.arange(len(basis)), positions.shape[:2]).ravel()
    local = positions.reshape(-1, 3) @ frame.rows.T
    from_line = local[:, :2] - centre
    near = 1e-6 * frame.period  # atoms on the end plane belong to one end
    kept = (np.linalg.norm(from_line, axis=1) < radius) & (local[:, 2] >= -near) & (local[:, 2] < frame.period - near)
    if not np.any(kept):
        raise ValueError(f"radius: no atom lies within {radius} Å of the line")
    kinds, from_line = kinds[kept], from_line[kept]
    configuration = Configuration(
        np.diag([2.0 * radius, 2.0 * radius, frame.period]),
        np.concatenate([from_line, local[kept, 2:]], axis=1),
        [crystal.species[k] for k in kinds],
        (False, False, True),
        np.asarray(crystal.masses)[kinds],
    )
    return configuration, from_line


def off_the_line(from_line: np.ndarray, crystal: Crystal) -> None:
    """``ValueError`` where an atom sits on the line, where fields are infinite."""
    nearest = float(np.min(np.linalg.norm(from_line, axis=1)))
    if nearest < COINCIDENT * float(crystal.volume_per_atom) ** (1.0 / 3.0):
        raise ValueError("centre: an atom sits on the line, where the elastic field is infinite; move the centre")


def _height(crystal: Crystal, normal: np.ndarray) -> float:
    """The middle of the widest gap between atomic planes, the nearest one to 0 and to what is above it."""
    cell, basis = np.asarray(crystal.cell), np.asarray(crystal.basis)
    spacing = float(crystal.volume_per_atom) ** (1.0 / 3.0)
    steps = np.stack(np.meshgrid(*[np.arange(-6, 7)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    heights = np.sort(((steps @ cell) @ normal)[:, None] + (basis @ normal)[None, :], axis=None)
    heights = heights[np.abs(heights) < 2.5 * spacing]
    planes = heights[np.concatenate([[True], np.diff(heights) > COINCIDENT * spacing])]
    gaps, middles = np.diff(planes), 0.5 * (planes[1:] + planes[:-1])
    if not len(gaps):
        return 0.0
    widest = middles[gaps > np.max(gaps) - COINCIDENT * spacing]
    order = np.abs(widest) + np.where(widest < 0.0, COINCIDENT * spacing, 0.0)
    return float(widest[np.argmin(order)])
