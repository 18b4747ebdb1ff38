"""Floor 6: films, wires and cantilevers: structures whose surfaces carry part of the load."""

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
from msjax.nano.textbook import TextbookFilm

__all__ = [
    "FilmFace",
    "Film",
    "FilmResponse",
    "LinearSheet",
    "MaterialSheet",
    "Relaxation",
    "Rigidity",
    "Section",
    "Sheet",
    "SurfaceElasticity",
    "TabulatedSheet",
    "TextbookFilm",
    "circle",
    "film_forces",
    "polygon",
    "rectangle",
    "rhombus",
    "square",
]
