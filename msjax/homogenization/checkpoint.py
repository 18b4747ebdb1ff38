"""A folder that an ensemble fills chunk by chunk: a manifest of what is computed, and one table a chunk."""

import dataclasses
import hashlib
import json
import os
import re
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from msjax.files import replace
from msjax.homogenization.table import Ensemble
from msjax.typing import PyTree

FORMAT = "msjax ensemble checkpoint"
VERSION = 1


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """A checkpoint folder; several processes may fill one folder, each its own chunks."""

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def open(cls, folder: str | os.PathLike, settings: Mapping[str, Any], resume: bool) -> "Checkpoint":
        """Make the folder, or go on with the one that is there if it has the same settings.

        Raises:
            ValueError: the folder belongs to a run with other settings (named), or ``resume`` is false and it is not
                empty, or its manifest is broken.
        """
        folder = Path(folder)
        checkpoint = cls(folder, {"format": FORMAT, "version": VERSION, **settings})
        if (folder / "manifest.json").exists():
            if not resume:
                raise ValueError(f"checkpoint: {folder} already holds a run; resume=True goes on with it")
            found = _manifest(folder)
            keys = sorted(set(found) | set(checkpoint.manifest))
            other = [key for key in keys if found.get(key) != checkpoint.manifest.get(key)]
            if other:
                lines = [f"  {key}: {found.get(key)!r} there, {checkpoint.manifest.get(key)!r} now" for key in other]
                raise ValueError("\n".join([f"checkpoint: {folder} belongs to another run; it differs in", *lines]))
            return checkpoint
        if any(folder.glob("part-*")):
            raise ValueError(f"checkpoint: {folder} holds parts without a manifest; give another folder")
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(checkpoint.manifest, ensure_ascii=False, indent=1)
        replace(folder / "manifest.json", lambda file: file.write((text + "\n").encode()))
        return checkpoint

    @property
    def chunks(self) -> int:
        """How many parts make the whole table."""
        return -(-self.manifest["members"] // self.manifest["chunk"])

    @property
    def run(self) -> str:
        """Hash of the manifest, repeated in every part."""
        return hashlib.sha256(json.dumps(self.manifest, sort_keys=True).encode()).hexdigest()

    def part(self, chunk: int) -> Path:
        """The file of a chunk's table."""
        return self.folder / f"part-{chunk:05d}.npz"

    def save(self, chunk: int, table: Ensemble) -> None:
        """Write a chunk's table in one step."""
        provenance = {**table.provenance, "run": self.run}
        dataclasses.replace(table, provenance=provenance).save(self.part(chunk))

    def load(self, chunk: int) -> Ensemble:
        """Read a chunk's table.

        Raises:
            ValueError: it is not there, not whole, or of another run.
        """
        table = Ensemble.load(self.part(chunk))
        first = chunk * self.manifest["chunk"]
        members = np.arange(first, min(first + self.manifest["chunk"], self.manifest["members"]))
        if table.provenance.get("run") != self.run or not np.array_equal(table.index, members):
            raise ValueError(f"{self.part(chunk)}: this part belongs to another run")
        return table

    def load_or_none(self, chunk: int) -> Ensemble | None:
        """The chunk's table if it is there; a broken one is None, with a warning, and will be computed again."""
        if not self.part(chunk).exists():
            return None
        try:
            return self.load(chunk)
        except ValueError as error:
            warnings.warn(f"{error}; its members are computed again", stacklevel=3)
            return None


def gather(folder: str | os.PathLike, partial: bool) -> Ensemble:
    """See :meth:`msjax.homogenization.table.Ensemble.gather`."""
    checkpoint = Checkpoint(Path(folder), _manifest(Path(folder)))
    tables, missing = [], []
    for chunk in range(checkpoint.chunks):
        try:
            tables.append(checkpoint.load(chunk))
        except ValueError as error:
            missing.append(str(error))
    if missing and not (partial and tables):
        raise ValueError(
            f"{folder}: {len(missing)} of {checkpoint.chunks} parts are missing: {missing[0]}"
            + (", …" if len(missing) > 1 else "")
        )
    return Ensemble.join(tables)


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        if manifest["format"] != FORMAT or manifest["version"] != VERSION:
            raise ValueError(f"expected {FORMAT!r}, version {VERSION}")
        if not (type(manifest["members"]) is int and type(manifest["chunk"]) is int and manifest["chunk"] >= 1):
            raise ValueError("members and chunk must be integers")
        return manifest
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: not the manifest of a checkpoint ({type(error).__name__}: {error})") from None


def fingerprint(tree: PyTree) -> str:
    """Hash of a pytree's structure and numbers; functions count by their names only.

    >>> fingerprint({"a": np.arange(3)}) == fingerprint({"a": np.arange(3)}) != fingerprint({"a": np.arange(4)})
    True
    """
    leaves, structure = jax.tree.flatten(tree)
    hashed = hashlib.sha256(_without_addresses(str(structure)).encode())
    for leaf in leaves:
        if isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            leaf = jax.random.key_data(leaf)
        if isinstance(leaf, jax.Array | np.ndarray | np.generic | bool | int | float | complex):
            array = np.ascontiguousarray(leaf)
            hashed.update(f"{array.dtype} {array.shape} ".encode())
            hashed.update(array.tobytes())
        else:
            hashed.update(name_of(leaf).encode())
    return hashed.hexdigest()


def name_of(thing: Any) -> str:
    """Module and name of a function or of a thing's class: the same in every process."""
    named = thing if hasattr(thing, "__qualname__") else type(thing)
    text = f"{named.__module__}.{named.__qualname__}"
    return text if named is thing else f"{text}: {_without_addresses(repr(thing))}"


def _without_addresses(text: str) -> str:
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)
