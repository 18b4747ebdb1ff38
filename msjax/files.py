"""Files written in one step: a reader sees the old file or the whole new one."""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def replace(path: str | os.PathLike, write: Callable[[BinaryIO], object]) -> None:
    """Write a file beside ``path`` and put it in its place once it is complete and on the disk.

    ``write`` gets the open binary file. If it raises, the old file stays and nothing else is left behind.

    Raises:
        ValueError: there is no such folder.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(f"path: there is no folder {path.parent}")
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    try:
        with os.fdopen(handle, "w+b") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # a temporary file is private, a result is not
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
