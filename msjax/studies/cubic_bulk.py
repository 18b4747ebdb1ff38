"""Moduli and density of a cubic bulk, from a file of elastic constants."""

from dataclasses import dataclass
from pathlib import Path

from msjax.io import data_file, read_quantities
from msjax.studies.film_bulk import METALS


@dataclass(frozen=True)
class CubicBulk:
    """Elastic constants and density (None where it is not stated), internal units; ``words`` say where from."""

    words: str
    C11: float
    C12: float
    C44: float
    density: float | None

    @property
    def E(self) -> float:
        """Young's modulus along ⟨100⟩, (C11 − C12)(C11 + 2 C12)/(C11 + C12)."""
        return (self.C11 - self.C12) * (self.C11 + 2.0 * self.C12) / (self.C11 + self.C12)


def cubic_bulk(source: str) -> CubicBulk:
    """The bulk of "Cu" or "Al", or of a file ``quantity,value,uncertainty,unit`` with C11, C12, C44 (and density).

    Raises:
        ValueError: naming what is missing or malformed.

    >>> from msjax import units
    >>> round(cubic_bulk("Cu").E / units.GPa, 2)
    67.12
    """
    path = data_file(f"bulk_{METALS[source]}.csv") if source in METALS else Path(source)
    if not path.is_file():
        raise ValueError(f"bulk: expected {', '.join(METALS)} or a CSV of elastic constants, got {source!r}, no file")
    table = read_quantities(path)
    missing = [name for name in ("C11", "C12", "C44") if name not in table]
    if missing:
        raise ValueError(f"{path}: the moduli need C11, C12, C44; there is no {', '.join(missing)}")
    c11, c12, c44 = (table[name].internal for name in ("C11", "C12", "C44"))
    if not (c11 > c12 and c11 + 2.0 * c12 > 0.0 and c44 > 0.0):
        raise ValueError(f"{path}: C11, C12, C44 are not those of a stable cubic crystal")
    density = table["density"].internal if "density" in table else None
    return CubicBulk(f"elastic constants from {path.name}", c11, c12, c44, density)
