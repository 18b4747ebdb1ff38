"""Tables as .npz and .h5 files: no pickle, written in one step, read strictly."""

import importlib
import json
import math
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import numpy as np

from msjax.files import replace

FORMAT = "msjax ensemble"
VERSION = 1
NUMERIC = "biufc"
"""Kinds of dtype that a file may hold."""

Table = TypeVar("Table")


def write_table(path: str | os.PathLike, arrays: dict[str, np.ndarray], record: dict[str, Any]) -> None:
    """Write arrays, and a record as JSON text, as ``.npz`` or, with h5py, as ``.h5``, in one step.

    The columns are the arrays named ``columns/…``; the record's ``units`` are repeated as attributes of ``.h5`` files.

    Raises:
        ValueError: another ending, no such folder, or an array that does not hold numbers; or h5py is missing.
    """
    path = Path(path)
    write = _ending(path, {".npz": _write_npz, ".h5": _write_h5, ".hdf5": _write_h5})
    for name, array in arrays.items():
        if array.dtype.kind not in NUMERIC:
            raise ValueError(f"{name} has dtype {array.dtype}; only numbers can be saved")
    text = json.dumps({"format": FORMAT, "version": VERSION, **record}, ensure_ascii=False)
    replace(path, lambda file: write(file, arrays, text))


def read_table(path: str | os.PathLike, build: Callable[[dict[str, np.ndarray], dict[str, Any]], Table]) -> Table:
    """What ``build`` makes of the arrays and the record of a file.

    Raises:
        ValueError: naming the file, for anything that is not a whole table, also where ``build`` says so.
    """
    path = Path(path)
    read = _ending(path, {".npz": _read_npz, ".h5": _read_h5, ".hdf5": _read_h5})
    if not path.is_file():
        raise ValueError(f"{path}: there is no such file")
    try:
        arrays, text = read(path)
        record = json.loads(text)
        if not isinstance(record, dict) or record.get("format") != FORMAT:
            raise ValueError(f"'format' is not {FORMAT!r}")
        if record["version"] != VERSION:
            raise ValueError(f"version {record['version']!r}; this release reads version {VERSION}")
        return build(arrays, record)
    except KeyError as error:
        raise ValueError(f"{path}: the entry {error} is missing") from None
    except (ValueError, TypeError, AttributeError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: not a whole table ({error})") from None


def _ending(path: Path, by_ending: dict[str, Any]) -> Any:
    if path.suffix not in by_ending:
        raise ValueError(f"path: expected a name that ends in {', '.join(by_ending)}, got {path.name!r}")
    return by_ending[path.suffix]


def _write_npz(file: BinaryIO, arrays: dict[str, np.ndarray], text: str) -> None:
    # not compressed: the size of a file is then the memory it takes to read
    np.savez(file, allow_pickle=False, record=np.frombuffer(text.encode(), np.uint8), **arrays)  # pyright: ignore


def _read_npz(path: Path) -> tuple[dict[str, np.ndarray], str]:
    arrays = {}
    with zipfile.ZipFile(path) as archive:
        for entry in archive.infolist():
            name = entry.filename.removesuffix(".npy")
            if entry.compress_type != zipfile.ZIP_STORED:
                raise ValueError(f"{name} is compressed")
            with archive.open(entry) as file:
                _believable(name, *_npy_header(file), entry.file_size)
            with archive.open(entry) as file:
                arrays[name] = np.lib.format.read_array(file, allow_pickle=False)
    return arrays, arrays.pop("record").tobytes().decode()


def _npy_header(file: Any) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    readers = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    if version not in readers:
        raise ValueError(f".npy version {version}")
    shape, _, dtype = readers[version](file)
    return shape, dtype


def _believable(name: str, shape: tuple[int, ...], dtype: np.dtype, size: int) -> None:
    """Refuse an array before memory is taken for it, if a file of ``size`` bytes cannot hold it."""
    if dtype.kind not in NUMERIC or math.prod(shape) * dtype.itemsize > size:
        raise ValueError(f"{name}: shape {shape} of {dtype} is not what a file of {size} bytes holds")


def _h5py() -> Any:
    try:
        return importlib.import_module("h5py")
    except ModuleNotFoundError:
        raise ValueError("path: .h5 files need h5py (pip install h5py); .npz files need nothing") from None


def _write_h5(file: BinaryIO, arrays: dict[str, np.ndarray], text: str) -> None:
    with _h5py().File(file, "w") as store:
        for name, array in arrays.items():
            store[name] = array
        store["record"] = text
        for name, unit in json.loads(text)["units"].items():
            store[f"columns/{name}"].attrs["unit"] = unit  # for readers that know nothing of the record


def _read_h5(path: Path) -> tuple[dict[str, np.ndarray], str]:
    size, arrays = path.stat().st_size, {}
    with _h5py().File(path, "r") as store:
        columns = [f"columns/{name}" for name in store.get("columns", {})]
        for name in [*columns, *(name for name in store if name not in ("columns", "record"))]:
            _believable(name, store[name].shape, store[name].dtype, size)
            arrays[name] = store[name][()]
        return arrays, store["record"][()].decode()
