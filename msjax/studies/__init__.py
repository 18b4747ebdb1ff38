"""Floor 7: studies on real data, as functions that return a result with a report; the command line prints them."""

from msjax.studies.cantilever_data import read_cantilevers, shipped_cantilevers
from msjax.studies.cantilever_law import CantileverLaw, cantilever_parameters, shipped_cantilever_law
from msjax.studies.film_bulk import FilmBulk, film_bulk
from msjax.studies.film_data import read_films, shipped_films, with_noise
from msjax.studies.film_laws import FilmLaw, surface_parameters
from msjax.studies.films import FilmStudy, film_study, main_job
from msjax.studies.potential_fit import CrystalLaw, FaceConstants, potential_parameters, read_crystal
from msjax.studies.wire_data import read_wires, shipped_wires

__all__ = [
    "CantileverLaw",
    "CrystalLaw",
    "FaceConstants",
    "FilmBulk",
    "FilmLaw",
    "FilmStudy",
    "cantilever_parameters",
    "film_bulk",
    "film_study",
    "main_job",
    "potential_parameters",
    "read_cantilevers",
    "read_crystal",
    "read_films",
    "read_wires",
    "shipped_cantilever_law",
    "shipped_cantilevers",
    "shipped_films",
    "shipped_wires",
    "surface_parameters",
    "with_noise",
]
