"""Floor 6: films, wires and cantilevers: structures whose surfaces carry part of the load."""

from msjax.nano.actuation import Actuator, PullIn
from msjax.nano.beam import Beam
from msjax.nano.beam_response import BeamModes, Deflection, PointStiffness
from msjax.nano.face import FilmFace
from msjax.nano.film import Film, FilmResponse, film_forces
from msjax.nano.section import (
    Relaxation,
    Rigidity,
    Section,
    SurfaceElasticity,
    circle,
    polygon,
    rectangle,
    rhombus,
    square,
)
from msjax.nano.sheet import LinearSheet, MaterialSheet, Sheet, TabulatedSheet
from msjax.nano.size_effects import couple_stress_bending_length, stoney_curvature
from msjax.nano.temperature import (
    BeamModuli,
    DirectionalModuli,
    FrequencyCoefficient,
    beam_moduli,
    directional_moduli,
    expanded_beam,
    frequency_coefficient,
)
from msjax.nano.textbook import TextbookFilm
from msjax.nano.thermal_motion import ThermalMotion, thermal_motion
from msjax.nano.uncertainty import FirstOrder, MonteCarlo, first_order, monte_carlo, overtaking
from msjax.nano.validity import Contribution, Validity, validity
from msjax.nano.wire import Wire
from msjax.nano.wire_rigidity import WireRigidity, wire_rigidity

__all__ = [
    "Actuator",
    "Beam",
    "BeamModes",
    "BeamModuli",
    "Contribution",
    "Deflection",
    "DirectionalModuli",
    "FilmFace",
    "Film",
    "FilmResponse",
    "FirstOrder",
    "FrequencyCoefficient",
    "LinearSheet",
    "MaterialSheet",
    "MonteCarlo",
    "PointStiffness",
    "PullIn",
    "Relaxation",
    "Rigidity",
    "Section",
    "Sheet",
    "SurfaceElasticity",
    "TabulatedSheet",
    "TextbookFilm",
    "ThermalMotion",
    "Validity",
    "Wire",
    "WireRigidity",
    "beam_moduli",
    "circle",
    "couple_stress_bending_length",
    "directional_moduli",
    "expanded_beam",
    "film_forces",
    "first_order",
    "frequency_coefficient",
    "monte_carlo",
    "overtaking",
    "polygon",
    "rectangle",
    "rhombus",
    "square",
    "stoney_curvature",
    "thermal_motion",
    "validity",
    "wire_rigidity",
]
