"""The numbers behind a film figure: data and laws in the units in which they are drawn."""

from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax import units
from msjax.calibration import Observations
from msjax.calibration.quantities import factor
from msjax.studies.film_data import thickness_of
from msjax.studies.films import FilmStudy, LawFit

SCALES = {"E_app": units.GPa, "Y_app": units.GPa, "eps_star": 0.01, "A11": units.GPa, "A12": units.GPa, "nu": 1.0}
"""What may be drawn, and the number that takes internal units to drawn ones; A11 and A12 are over h."""
_OVER_THICKNESS = ("A11", "A12")
_MEMBRANE = {"E2D": "E_app", "Y2D": "Y_app"}
SMOOTH = 61
"""Points of a smooth curve."""

Columns = dict[str, np.ndarray]


@dataclass(frozen=True)
class Points:
    """Measured columns against 1/h (1/nm), with standard deviations; lines of the file they came from."""

    inverse: np.ndarray
    values: Columns
    sd: Columns
    lines: np.ndarray

    @classmethod
    def of(cls, films: Observations) -> "Points":
        """E_app and nu follow from A11 and A12 where those were measured, and are drawn too."""
        h = np.asarray(films.controls[thickness_of(films)])
        values = {name: np.asarray(column) for name, column in films.values.items()}
        sd = {name: np.asarray(column) for name, column in films.sd.items()}
        for membrane, apparent in _MEMBRANE.items():
            if membrane in values:
                values[apparent], sd[apparent] = values[membrane] / h, sd[membrane] / h
        if {"A11", "A12"} <= set(values):
            nu = values["A12"] / values["A11"]
            values["E_app"] = (values["A11"] - values["A12"] * nu) / h
            sd["E_app"] = np.hypot((1 + nu**2) * sd["A11"], 2 * nu * sd["A12"]) / h
        return cls(units.nm / h, drawn(values, h), drawn(sd, h), np.asarray(films.lines))


@dataclass(frozen=True)
class Curves:
    """A law: smooth curves against 1/h (1/nm), and its values at the films; with a band where it was asked for."""

    inverse: np.ndarray
    smooth: Columns
    at_films: Columns
    lower: Columns
    upper: Columns


def quantities(study: FilmStudy) -> list[str]:
    """What a figure shows, the modulus first."""
    measured = [_MEMBRANE.get(name, name) for name in study.films.names]
    derived = ["E_app"] if {"A11", "A12"} <= set(measured) else []
    return list(dict.fromkeys([*derived, *sorted(measured, key=lambda name: not name.endswith("_app"))]))


def curves(law: LawFit, films: Observations, level: float | None = None) -> Curves:
    """A law from nearly bulk to the thinnest film, evenly in 1/h, and at the films; a band needs a ``level``."""
    h = np.asarray(films.controls[thickness_of(films)])
    smooth = 1.0 / np.linspace(0.02 / h.max(), 1.03 / h.min(), SMOOTH)
    thickness = np.concatenate([smooth, h])
    if level is None:
        found = _predict(law.model, law.fit.internal_values, jnp.asarray(thickness))
        ends = [found] * 3
    else:
        data = law.fit.observations
        control = thickness_of(data)
        unit = data.unit(control)
        bands = law.fit.predict(law.model, {f"{control} [{unit}]": thickness / factor(unit)}, level=level)
        scale = {name: 1.0 if band.unit == "internal" else factor(band.unit) for name, band in bands.items()}
        ends = [{k: getattr(b, part) * scale[k] for k, b in bands.items()} for part in ("value", "lower", "upper")]
    value, lower, upper = (drawn(end, thickness) for end in ends)

    def first(columns: Columns) -> Columns:
        return {name: column[:SMOOTH] for name, column in columns.items()}

    at_films = {name: column[SMOOTH:] for name, column in value.items()}
    return Curves(units.nm / smooth, first(value), at_films, first(lower), first(upper))


def drawn(found: dict, h: np.ndarray) -> Columns:
    """Columns in internal units as they are drawn."""
    return {
        name: np.asarray(found[name]) / scale / (h if name in _OVER_THICKNESS else 1.0)
        for name, scale in SCALES.items()
        if name in found
    }


@eqx.filter_jit
def _predict(model, values, thickness):
    return model(values, {"h": thickness})
