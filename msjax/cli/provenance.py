"""Where a result comes from: versions, files with their hashes, and when."""

import datetime
import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

_PACKAGES = ("jax", "jaxlib", "numpy", "equinox", "optimistix")


def provenance(files: Mapping[str, Path | None], command: str, **numbers: Any) -> dict[str, Any]:
    """What is needed to repeat a result. ``files``: role to path; the names and hashes are kept, not the folders."""
    import jax

    from msjax import __version__

    return {
        "written": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": command,
        "msjax": __version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "platform": f"{platform.system()} {platform.machine()}",
        "devices": sorted({f"{device.platform} {device.device_kind}" for device in jax.devices()}),
        "files": {role: {"name": path.name, "sha256": sha256(path)} for role, path in files.items() if path},
        **numbers,
    }


def sha256(path: Path) -> str:
    """Hash of a file's bytes.

    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder) / "empty"
    ...     _ = path.write_bytes(b"")
    ...     print(sha256(path)[:8])
    e3b0c442
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
