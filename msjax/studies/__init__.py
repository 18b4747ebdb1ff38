"""Floor 7: studies on real data, as functions that return a result with a report; the command line prints them."""

from msjax.studies.film_bulk import FilmBulk, film_bulk
from msjax.studies.film_data import read_films, shipped_films, with_noise
from msjax.studies.film_laws import FilmLaw, surface_parameters
from msjax.studies.films import FilmStudy, film_study, main_job

__all__ = [
    "FilmBulk",
    "FilmLaw",
    "FilmStudy",
    "film_bulk",
    "film_study",
    "main_job",
    "read_films",
    "shipped_films",
    "surface_parameters",
    "with_noise",
]
