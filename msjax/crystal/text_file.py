"""Text files of numbers, read strictly: what is no plain text or no finite number is refused by file and line."""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

# Fortran writes D for E and drops the letter of a three-digit exponent
_NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))(?:[eEdD]([+-]?\d+)|([+-]\d{3}))?", re.ASCII)
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f\x7f]")


def read_lines(path: Path, kind: str, most_bytes: int) -> list[str]:
    """The lines of a text file, without their ends.

    ``ValueError`` for a path that is no plain file, for a file that is empty, larger than ``most_bytes``, binary or
    not UTF-8. ``kind`` says what was expected, e.g. "a setfl file (*.eam.alloy)".
    """
    if not path.is_file():
        state = "is a directory" if path.is_dir() else ("is not a plain file" if path.exists() else "does not exist")
        raise ValueError(f"{path}: {state}; expected {kind}")
    size = path.stat().st_size
    if size > most_bytes:
        raise ValueError(f"{path}: {size} bytes; at most {most_bytes} are read")
    data = path.read_bytes()
    if not data.strip():
        raise ValueError(f"{path}: the file is empty")
    binary = _BINARY.search(data)
    if binary:
        line = data.count(b"\n", 0, binary.start()) + 1
        raise ValueError(f"{path}, line {line}: byte {binary.group()[0]:#04x}: this is a binary file, not {kind}")
    try:
        return data.decode("utf-8").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ValueError(f"{path}, line {line}: byte {data[error.start]:#04x} is not UTF-8 text") from None


def looks_like_number(token: str) -> bool:
    """Whether the token is written as a number, finite or not."""
    return bool(_NUMBER.fullmatch(token) or _NOT_FINITE.fullmatch(token))


def finite_number(token: str, what: str, refuse: Callable[[str], NoReturn]) -> float:
    """The token as a finite number, Fortran exponents included; otherwise ``refuse`` is called with the reason.

    >>> finite_number("1.5D+01", "sigma", print)
    15.0
    """
    match = _NUMBER.fullmatch(token)
    if match is None:
        kind = "is not finite" if _NOT_FINITE.fullmatch(token) else "is not a number"
        refuse(f"{token[:40]!r} {kind}, in {what}")
    value = float(f"{match[1]}e{match[2] or match[3] or 0}")
    if not math.isfinite(value):
        refuse(f"{token[:40]!r} is not finite, in {what}")
    return value


def check_metal_units(line: str, refuse: Callable[[str], NoReturn]) -> None:
    """Refuse a first line that names units other than LAMMPS's metal units (eV, Å)."""
    units = re.search(r"UNITS:\s*(\S+)", line)
    if units and units.group(1) != "metal":
        refuse(f"units {units.group(1)!r}; only metal units (eV, Å) are read")
