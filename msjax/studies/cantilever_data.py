"""Measurements on square cantilevers: those that come with the project, and a user's own."""

import os
from collections.abc import Mapping, Sequence

from msjax.calibration import Observations
from msjax.io import data_file
from msjax.studies import columns
from msjax.studies.wire_data import SIDE

MEASURED = ("k", "k_lin", "f1", "f2", "f3", "EI", "EI_curv", "kGA", "clamp_offset")
"""What the cantilever law predicts: the tip's stiffness, the lowest frequencies, and what was read off section
rotations, which are data only where they are asked for."""

TAKEN = ("k", "k_lin", "f1", "f2", "f3")
"""What is taken unasked where it is there."""

LENGTH = ("L", "length")
"""Names that the column of lengths may have."""

CANTILEVERS = {"Cu": "cantilever_100_Cu_mishin1.csv"}
"""Metals whose cantilevers come with the project, and their file."""

SPREAD = {"k": 2e-3, "k_lin": 2e-3, "f1": 2e-3, "f2": 5e-3, "f3": 1e-2}
"""Relative standard deviations stated for the cantilevers that come with the project. Their numbers are good to 1e-5;
this is what a beam with a clamp offset leaves out, the more the nearer a mode's waves come to the side."""


def shipped_cantilevers(metal: str = "Cu", measured: Sequence[str] = ("k_lin", "f1", "f2", "f3")) -> Observations:
    """k and f₁ … f₃ of the square ⟨100⟩ cantilevers of "Cu" against side and length; standard deviations: SPREAD.

    Raises:
        ValueError: there are no cantilevers of this metal.

    >>> shipped_cantilevers()
    Observations: 10 rows of k_lin [N/m], f1 [GHz], f2 [GHz], f3 [GHz] against D [nm], L [nm]
    """
    if metal not in CANTILEVERS:
        raise ValueError(f"metal: cantilevers of {', '.join(CANTILEVERS)} come with the project, got {metal!r}")
    name = CANTILEVERS[metal]
    spread = {key: SPREAD.get(key, 2e-3) for key in measured}
    return columns.renamed(read_cantilevers(data_file(name), measured=measured, relative_sd=spread), f"data/{name}")


def read_cantilevers(
    path: str | os.PathLike,
    *,
    measured: Sequence[str] | None = None,
    side: str | None = None,
    length: str | None = None,
    sd: Mapping[str, float | str] | None = None,
    relative_sd: float | Mapping[str, float] | None = None,
) -> Observations:
    """Measurements on square cantilevers from a CSV file: side, length and any of :data:`MEASURED`.

    The columns are headed ``name [unit]`` (``D [nm], L [nm], k [N/m], sd(k) [N/m], f1 [GHz]``); see
    :meth:`msjax.calibration.Observations.read` for the format. Without ``measured`` those of :data:`TAKEN` are taken
    that are there. EI, kGA and clamp_offset can be data too, where they were measured by themselves (off rotations).
    Side and length are called D and L from then on, whatever the file calls them.

    Raises:
        ValueError: naming file, line and column, for anything malformed, no side or length, nothing measured, columns
            that say the same twice, and sides or lengths that are not positive.
    """
    if measured is None:
        names = columns.names_in(path)
        measured = independent([name for name in TAKEN if name in names]) or None
    controls = {"sides": side, "lengths": length}
    found = columns.read(path, COLUMNS, measured=measured, controls=controls, sd=sd, relative_sd=relative_sd)
    # by name from here on: JAX sorts the keys of mappings
    names = dict(zip(found.controls, ("D", "L"), strict=True))
    return Observations(
        values=found.values,
        sd=found.sd,
        controls={names[name]: column for name, column in found.controls.items()},
        units=tuple((names.get(name, name), unit) for name, unit in found.units),
        lines=found.lines,
        source=found.source,
    )


def independent(measured: Sequence[str]) -> list[str]:
    """The columns that a fit may use without counting a measurement twice, in their order.

    >>> independent(["k", "k_lin", "f1"])
    ['k', 'f1']
    """
    return columns.without_twins(measured, MEASURED, [("k", "k_lin"), ("EI", "EI_curv")])


COLUMNS = columns.Columns(
    law="the cantilever law",
    kind="cantilevers",
    controls={"sides": (SIDE, "D [nm]"), "lengths": (LENGTH, "L [nm]")},
    measured=MEASURED,
    independent=independent,
    why="a cantilever has one stiffness at its tip and a section one rigidity in bending",
)
