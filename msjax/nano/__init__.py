"""Floor 6: films, wires and cantilevers: structures whose surfaces carry part of the load."""

from msjax.nano.film import Film, FilmResponse, film_forces
from msjax.nano.sheet import LinearSheet, MaterialSheet, Sheet, TabulatedSheet
from msjax.nano.surface_energy import SurfaceEnergy
from msjax.nano.textbook import TextbookFilm

__all__ = ["Film", "FilmResponse", "LinearSheet", "MaterialSheet", "Sheet", "SurfaceEnergy", "TabulatedSheet", "TextbookFilm", "film_forces"]
