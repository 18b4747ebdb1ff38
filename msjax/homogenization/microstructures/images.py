"""Microstructures from arrays, .npy and .npz files, TIFF stacks and folders of slices: strict, without pickle."""

import math
import os
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from msjax.homogenization.microstructures.microstructure import Microstructure, checked_shape

LARGEST_IMAGE = 2**28
"""Voxels from which an image is refused before it is read, unless ``largest`` says otherwise."""
MOST_PHASES = 1_000_000
SLICES = (".tif", ".tiff", ".png", ".bmp", ".pgm")
GREY = ("1", "L", "I", "F", "I;16", "I;16L", "I;16B")
"""Modes of Pillow with one channel whose values are numbers, not the indices of a palette."""


def from_image(
    source: str | os.PathLike | np.ndarray,
    *,
    phases: Sequence[int] | None = None,
    thresholds: Sequence[float] | None = None,
    name: str | None = None,
    lengths: tuple[float, ...] | None = None,
    largest: int = LARGEST_IMAGE,
) -> Microstructure:
    """A microstructure from a segmented image, or from grey values and thresholds.

    Arrays and .npy/.npz files are read in index order x, y, z. Pictures have rows y and columns x; the pages of a TIFF
    file and the files of a folder (sorted by their names, numbers by value) are slices along z. Pictures need Pillow.

    Args:
        source: an array, a .npy, .npz, .tif, .tiff, .png, .bmp or .pgm file, or a folder of such pictures.
        phases: grey values in the order of the phases: ``(0, 255)`` makes 0 phase 0 and 255 phase 1. Without it the
            values are phases already, 0, 1, 2, … without a gap.
        thresholds: increasing grey values t₀ < t₁ < …: below t₀ is phase 0, from t₀ to below t₁ phase 1, and so on.
        name: which array of a .npz file, where it holds several.
        lengths: edges of the cell; without it voxels are cubes and the first edge is 1.
        largest: number of voxels above which an image is refused, before memory is taken.

    Raises:
        ValueError: naming the file: not readable, no image, too large, not 2-D or 3-D, NaN or infinite values, values
            that are not integers (without thresholds) or not among ``phases``, slices of different sizes.
        ImportError: a picture without Pillow.

    >>> from_image(np.array([[0, 255], [255, 255]]), phases=(0, 255)).fraction
    (0.25, 0.75)
    >>> from_image(np.array([[0.1, 0.6], [0.4, 0.9]]), thresholds=[0.5]).phases.tolist()
    [[0, 1], [0, 1]]
    """
    if phases is not None and thresholds is not None:
        raise ValueError("phases, thresholds: give at most one of them")
    if isinstance(source, np.ndarray):
        here, values = "source", source
        _check_size(here, values.shape, largest)
    else:
        path = Path(source)
        here, values = str(path), _read(path, name, largest)
    try:
        checked_shape(values.shape)
    except ValueError as error:
        raise ValueError(f"{here}: {error}") from None
    if values.dtype.kind not in "buif":
        raise ValueError(f"{here}: expected numbers, got values of type {values.dtype}")
    if values.dtype.kind == "f" and not np.all(np.isfinite(values)):
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(values))[0])
        raise ValueError(f"{here}: the value at {index} is not finite: {values[index]}")
    try:
        labels, number = _labels(values, phases, thresholds)
    except ValueError as error:
        raise ValueError(f"{here}: {error}") from None
    return Microstructure.of(labels, lengths, number=number)


def _labels(
    values: np.ndarray, phases: Sequence[int] | None, thresholds: Sequence[float] | None
) -> tuple[np.ndarray, int]:
    """Phase of every voxel, and the number of phases."""
    if thresholds is not None:
        levels = np.asarray(thresholds, dtype=float)
        if levels.ndim != 1 or not len(levels) or not np.all(np.isfinite(levels)) or np.any(np.diff(levels) <= 0):
            raise ValueError(f"thresholds: expected increasing numbers, got {thresholds!r}")
        return np.digitize(values, levels), len(levels) + 1
    if values.dtype.kind == "f":
        raise ValueError("thresholds: values that are not integers need them")
    if values.dtype.kind == "b":
        values = values.astype(np.uint8)
    found = np.unique(values)
    if phases is None:
        if found[0] != 0 or found[-1] != len(found) - 1:
            some = ", ".join(str(v) for v in found[:8])
            raise ValueError(
                f"phases: the values are not 0, 1, 2, … without a gap but {some}{', …' if len(found) > 8 else ''}; "
                "say which value is which phase, or give thresholds"
            )
        if len(found) > MOST_PHASES:
            raise ValueError(f"phases: {len(found)} phases, expected at most {MOST_PHASES}")
        return values, len(found)
    order = np.asarray(phases)
    if order.ndim != 1 or order.dtype.kind not in "ui" or len(np.unique(order)) != len(order):
        raise ValueError(f"phases: expected different integers, got {phases!r}")
    unknown = np.setdiff1d(found, order)
    if len(unknown):
        raise ValueError(f"phases: the value {unknown[0]} occurs in the image and not in {tuple(phases)}")
    sorting = np.argsort(order)
    return sorting[np.searchsorted(order[sorting], values)], len(order)


def _read(path: Path, name: str | None, largest: int) -> np.ndarray:
    if path.is_dir():
        return _read_folder(path, largest)
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file or folder")
    suffix = path.suffix.lower()
    if name is not None and suffix != ".npz":
        raise ValueError(f"name: only a .npz file holds several arrays, got {path}")
    if suffix == ".npy":
        with open(path, "rb") as file:
            return _read_npy(str(path), file, largest)
    if suffix == ".npz":
        return _read_npz(path, name, largest)
    if suffix in SLICES:
        pages = _read_pages(path, largest)
        return np.ascontiguousarray(pages[0].T if len(pages) == 1 else np.stack(pages).transpose(2, 1, 0))
    raise ValueError(f"{path}: expected .npy, .npz, a folder or one of {', '.join(SLICES)}, got {suffix!r}")


def _read_npy(here: str, file: Any, largest: int) -> np.ndarray:
    """An array whose header is read and judged before its values."""
    try:
        version = np.lib.format.read_magic(file)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, fortran, dtype = read_header(file)
    except (ValueError, KeyError, OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{here}: not a .npy array: {error}") from None
    if dtype.hasobject:
        raise ValueError(f"{here}: holds Python objects, which are not read")
    _check_size(here, shape, largest)
    wanted = math.prod(shape) * dtype.itemsize
    try:
        data = file.read(wanted)
    except (OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{here}: damaged: {error}") from None
    if len(data) < wanted:
        raise ValueError(f"{here}: truncated: {len(data)} of {wanted} bytes")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _read_npz(path: Path, name: str | None, largest: int) -> np.ndarray:
    try:
        archive = zipfile.ZipFile(path)
    except (OSError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: not a .npz file: {error}") from None
    with archive:
        names = [entry.removesuffix(".npy") for entry in archive.namelist()]
        if name is None and len(names) != 1:
            raise ValueError(f"name: {path} holds {len(names)} arrays, say which: {', '.join(names[:20])}")
        name = names[0] if name is None else name
        if name not in names:
            raise ValueError(f"name: {path} holds no array {name!r} but {', '.join(names[:20])}")
        try:
            file = archive.open(archive.namelist()[names.index(name)])
        except (RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
            raise ValueError(f"{path}: {name} cannot be read: {error}") from None
        with file:
            return _read_npy(f"{path}: {name}", file, largest)


def _read_folder(folder: Path, largest: int) -> np.ndarray:
    files = [file for file in folder.iterdir() if file.suffix.lower() in SLICES]
    files.sort(key=lambda file: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", file.name)])
    if not files:
        raise ValueError(f"{folder}: there are no slices ({', '.join(SLICES)})")
    slices = []
    for file in files:
        pages = _read_pages(file, largest // len(files))
        if len(pages) != 1:
            raise ValueError(f"{file}: {len(pages)} pages; a folder holds single slices")
        if slices and pages[0].shape != slices[0].shape:
            raise ValueError(f"{file}: {pages[0].shape} rows and columns, the slices before have {slices[0].shape}")
        slices.append(pages[0])
    return np.ascontiguousarray(np.stack(slices).transpose(2, 1, 0))


def _read_pages(path: Path, largest: int) -> list[np.ndarray]:
    """The pages of a picture (rows, columns), sizes judged before they are decoded."""
    try:
        from PIL import Image, ImageSequence
    except ImportError as error:
        raise ImportError(f"{path}: pictures are read with Pillow: pip install pillow") from error
    pages = []
    try:
        with Image.open(path) as picture:
            # the first page stands for all: no page may be larger
            _check_size(str(path), (*picture.size, getattr(picture, "n_frames", 1)), largest)
            first = picture.size
            for page in ImageSequence.Iterator(picture):
                if page.mode not in GREY:
                    raise ValueError(f"page {len(pages)} has the mode {page.mode}, expected grey values")
                if page.size != first:
                    raise ValueError(f"page {len(pages)} has {page.size} pixels, the first has {first}")
                pages.append(np.asarray(page))
    except Exception as error:  # a decoder given a damaged file fails in any way
        text = str(error)
        raise ValueError(text if text.startswith(str(path)) else f"{path}: {text}") from None
    return pages


def _check_size(here: str, shape: tuple[int, ...], largest: int) -> None:
    if math.prod(shape) > largest:
        raise ValueError(f"{here}: {shape} are more than the {largest} voxels allowed; see largest=")
