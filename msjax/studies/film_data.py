"""Measurements on films: those that come with the project, and a user's own."""

import os
from collections.abc import Mapping, Sequence

import jax
import numpy as np

from msjax import units
from msjax.calibration import Observations
from msjax.calibration.quantities import factor
from msjax.io import data_file
from msjax.studies import columns
from msjax.studies.film_bulk import METALS

MEASURED = ("eps_star", "A11", "A12", "E_app", "Y_app", "nu", "E2D", "Y2D")
"""What the film law predicts. A film has one strain and two stiffnesses: at most two of the last seven are data."""

THICKNESS = ("h", "h_nom", "thickness")
"""Names that the column of thicknesses may have."""

EXACT = 1e-4
"""Relative standard deviation stated for the films that come with the project: numerical, without noise."""

_SAME = {"E2D": "E_app", "Y2D": "Y_app"}


def shipped_films(metal: str, relative_sd: float = EXACT) -> Observations:
    """ε*, A11 and A12 of the (100) films of "Cu" or "Al" against thickness, with a stated standard deviation.

    Raises:
        ValueError: there are no films of this metal.

    >>> shipped_films("Cu")
    Observations: 17 rows of eps_star [-], A11 [N/m], A12 [N/m] against h_nom [nm]
    """
    if metal not in METALS:
        raise ValueError(f"metal: films of {', '.join(METALS)} come with the project, got {metal!r}")
    name = f"films_100_{METALS[metal]}.csv"
    films = read_films(data_file(name), measured=("eps_star", "A11", "A12"), relative_sd=relative_sd)
    return columns.renamed(films, f"data/{name}")


def read_films(
    path: str | os.PathLike,
    *,
    measured: Sequence[str] | None = None,
    thickness: str | None = None,
    sd: Mapping[str, float | str] | None = None,
    relative_sd: float | Mapping[str, float] | None = None,
) -> Observations:
    """Film measurements from a CSV file: a thickness and any of :data:`MEASURED`.

    The columns are headed ``name [unit]`` (``h [nm], eps_star [-], E_app [GPa], sd(E_app) [GPa]``); see
    :meth:`msjax.calibration.Observations.read` for the format. Without ``measured`` the columns are taken that are
    there, but no more than a film has to say: A11 and A12 first, and E_app, Y_app, nu (or E2D, Y2D) where these are
    missing, two in all. The thickness is the atom-count thickness if it can be had.

    Raises:
        ValueError: naming file, line and column, for anything malformed, no thickness or nothing measured, columns
            that say the same twice, and thicknesses that are not positive.
    """
    return columns.read(
        path, COLUMNS, measured=measured, controls={"thicknesses": thickness}, sd=sd, relative_sd=relative_sd
    )


def independent(measured: Sequence[str]) -> list[str]:
    """The columns that a fit may use without counting a measurement twice, in their order.

    >>> independent(["eps_star", "A11", "A12", "E_app", "nu"]), independent(["E_app", "E2D"])
    (['eps_star', 'A11', 'A12'], ['E_app'])
    """
    stiffnesses: list[str] = []
    for name in [name for name in MEASURED[1:] if name in measured]:
        if len(stiffnesses) < 2 and _SAME.get(name) not in stiffnesses:
            stiffnesses.append(name)
    return [name for name in measured if name == "eps_star" or name in stiffnesses]


def with_noise(films: Observations, relative_sd: float, seed: int) -> Observations:
    """The same films with relative normal errors of the stated size, drawn from ``seed``; each column by itself."""
    names = films.names
    noise = np.asarray(jax.random.normal(jax.random.key(seed), (len(names), films.rows), float))
    controls = {f"{name} [{films.unit(name)}]": films.stated(name) for name in films.controls}
    exact = {name: films.stated(name) for name in names}
    noisy = Observations.of(
        {f"{name} [{films.unit(name)}]": exact[name] * (1.0 + relative_sd * noise[i]) for i, name in enumerate(names)},
        sd={name: relative_sd * np.abs(exact[name]) for name in names},
        controls=controls,
        positive=list(films.controls),
    )
    lined = Observations(noisy.values, noisy.sd, noisy.controls, noisy.units, films.lines, films.source)
    return columns.renamed(lined, f"{films.source} with {100 * relative_sd:g} % noise")


def thickness_of(films: Observations) -> str:
    """Name of the one control."""
    if len(films.controls) != 1:
        raise ValueError(f"films: expected one control, the thickness, got {', '.join(films.controls) or 'none'}")
    return next(iter(films.controls))


def at_least_as_thick(data: Observations, thickness: float) -> Observations:
    """Those with a thickness, or side, of at least so many nm."""
    control = thickness_of(data)
    return data.window(control, at_least=thickness * units.nm / factor(data.unit(control)))


COLUMNS = columns.Columns(
    law="the film law",
    kind="films",
    controls={"thicknesses": (THICKNESS, "h [nm]")},
    measured=MEASURED,
    independent=independent,
    why="a film has two membrane stiffnesses, of which the others follow",
)
