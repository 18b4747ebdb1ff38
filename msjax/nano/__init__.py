"""Floor 6: films, wires and cantilevers: structures whose surfaces carry part of the load."""

from msjax.nano.face import FilmFace
from msjax.nano.film import Film, FilmResponse, film_forces
from msjax.nano.sheet import LinearSheet, MaterialSheet, Sheet, TabulatedSheet
from msjax.nano.textbook import TextbookFilm

__all__ = [
    "FilmFace",
    "Film",
    "FilmResponse",
    "LinearSheet",
    "MaterialSheet",
    "Sheet",
    "TabulatedSheet",
    "TextbookFilm",
    "film_forces",
]
