"""Measurements on square wires under tension: those that come with the project, and a user's own."""

import os
from collections.abc import Mapping, Sequence

from msjax.calibration import Observations
from msjax.io import data_file
from msjax.studies import columns
from msjax.studies.film_data import EXACT

MEASURED = ("eps_star", "EA", "E_app", "nu")
"""What a wire law may predict; E_app is EA over the square of the side."""

SIDE = ("D", "D_nom", "side")
"""Names that the column of sides may have."""

WIRES = {"Cu": "wires_100_Cu_mishin1.csv"}
"""Metals whose wires come with the project, and their file."""


def shipped_wires(metal: str = "Cu", relative_sd: float | Mapping[str, float] = EXACT) -> Observations:
    """ε* and E_app of the square ⟨100⟩ wires of "Cu" against their side, with a stated standard deviation.

    Raises:
        ValueError: there are no wires of this metal.

    >>> shipped_wires()
    Observations: 17 rows of eps_star [-], E_app [GPa] against D_nom [nm]
    """
    if metal not in WIRES:
        raise ValueError(f"metal: wires of {', '.join(WIRES)} come with the project, got {metal!r}")
    wires = read_wires(data_file(WIRES[metal]), measured=("eps_star", "E_app"), relative_sd=relative_sd)
    return columns.renamed(wires, f"data/{WIRES[metal]}")


def read_wires(
    path: str | os.PathLike,
    *,
    measured: Sequence[str] | None = None,
    side: str | None = None,
    sd: Mapping[str, float | str] | None = None,
    relative_sd: float | Mapping[str, float] | None = None,
) -> Observations:
    """Measurements on square wires from a CSV file: the side and any of :data:`MEASURED`.

    The columns are headed ``name [unit]`` (``D [nm], eps_star [-], E_app [GPa], sd(E_app) [GPa]``); see
    :meth:`msjax.calibration.Observations.read` for the format. Without ``measured``, eps_star and the first of EA and
    E_app are taken, and nu. The side is that by atom count if it can be had.

    Raises:
        ValueError: naming file, line and column, for anything malformed, no side or nothing measured, columns that say
            the same twice, and sides that are not positive.
    """
    return columns.read(path, COLUMNS, measured=measured, controls={"sides": side}, sd=sd, relative_sd=relative_sd)


def independent(measured: Sequence[str]) -> list[str]:
    """The columns that a fit may use without counting a measurement twice, in their order.

    >>> independent(["eps_star", "E_app", "EA"])
    ['eps_star', 'EA']
    """
    return columns.without_twins(measured, MEASURED, [("EA", "E_app")])


COLUMNS = columns.Columns(
    law="a wire law",
    kind="wires",
    controls={"sides": (SIDE, "D [nm]")},
    measured=MEASURED,
    independent=independent,
    why="a wire has one stiffness in tension",
)
