"""Files that come with the project, and result files written in one step."""

import csv
import json
import os
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from msjax.calibration.quantities import factor, unit_named
from msjax.files import replace


class Quantity(NamedTuple):
    """A number as a file states it: ``value`` and ``uncertainty`` in ``unit``."""

    value: float
    uncertainty: float
    unit: str

    @property
    def internal(self) -> float:
        """The value in internal units (eV, Å)."""
        return self.value * factor(self.unit)


def data_file(name: str) -> Path:
    """The path of a data set that comes with the project: in a checkout's ``data/`` or in the installed package.

    Raises:
        ValueError: ``name`` is not a plain file name, or there is no such data set.

    >>> data_file("films_100_Cu_mishin1.csv").name
    'films_100_Cu_mishin1.csv'
    """
    package = Path(__file__).resolve().parent
    folders = [folder for folder in (package / "data", package.parent / "data") if folder.is_dir()]
    if Path(name).name != name:
        raise ValueError(f"name: expected a file name such as 'films_100_Cu_mishin1.csv', got {name!r}")
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    known = sorted({path.name for folder in folders for path in folder.glob("*.csv")})
    raise ValueError(f"no data set {name!r} came with this installation; there are {', '.join(known) or 'none'}")


def read_quantities(path: str | os.PathLike) -> dict[str, Quantity]:
    """A file of single numbers, ``quantity,value,uncertainty,unit`` under comments that begin with ``#``.

    Rows whose unit has no place in :data:`msjax.calibration.quantities.FACTORS` are left out.

    Raises:
        ValueError: naming file and line, for another header, a row of another length, a repeated name, or a value that
            is not a finite number.

    >>> round(read_quantities(data_file("bulk_Cu_mishin1.csv"))["a0"].value, 4)
    3.6149
    """
    here, found, header = os.fspath(path), {}, None
    with open(path, encoding="utf-8-sig") as file:
        for line, text in enumerate(file, 1):
            if not text.strip() or text.lstrip().startswith("#"):
                continue
            cells = [cell.strip() for cell in next(csv.reader([text]))]
            if header is None:
                header = cells
                if header != ["quantity", "value", "uncertainty", "unit"]:
                    raise ValueError(f"{here}, line {line}: expected the header quantity,value,uncertainty,unit")
                continue
            if len(cells) != 4:
                raise ValueError(f"{here}, line {line}: {len(cells)} cells, expected 4")
            name = cells[0]
            try:
                value, uncertainty = float(cells[1]), float(cells[2])
            except ValueError:
                raise ValueError(f"{here}, line {line}: {name!r}: not a number in {cells[1:3]}") from None
            if not (np.isfinite(value) and np.isfinite(uncertainty)):
                raise ValueError(f"{here}, line {line}: {name!r}: {cells[1:3]} are not finite numbers")
            if name in found:
                raise ValueError(f"{here}, line {line}: {name!r} is given twice")
            try:
                found[name] = Quantity(value, uncertainty, unit_named(cells[3], here))
            except ValueError:
                continue
    if not found:
        raise ValueError(f"{here}: there are no quantities")
    return found


def write_json(path: str | os.PathLike, record: dict[str, Any]) -> None:
    """Write a record as JSON; an existing file is replaced only once the new one is complete.

    Raises:
        ValueError: a number is not finite, or there is no such folder.
    """
    text = json.dumps(record, allow_nan=False, ensure_ascii=False, indent=1)
    replace(path, lambda file: file.write((text + "\n").encode()))
