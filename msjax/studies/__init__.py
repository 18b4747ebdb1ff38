"""Floor 7: studies on real data, as functions that return a result with a report; the command line prints them."""

from msjax.studies.cantilever_data import read_cantilevers, shipped_cantilevers
from msjax.studies.cantilever_law import CantileverLaw, cantilever_parameters, shipped_cantilever_law
from msjax.studies.cantilevers import CantileverStudy, cantilever_study, shipped_cantilever_study
from msjax.studies.cubic_bulk import CubicBulk, cubic_bulk
from msjax.studies.film_bulk import FilmBulk, film_bulk
from msjax.studies.film_data import read_films, shipped_films, with_noise
from msjax.studies.film_laws import FilmLaw, surface_parameters
from msjax.studies.films import FilmStudy, film_study, main_job
from msjax.studies.joint_study import JointStudy, joint_study
from msjax.studies.potential_fit import BeamStiffness, CrystalLaw, FaceConstants, potential_parameters, read_crystal
from msjax.studies.routes import Route, Routes, plate_routes, wire_routes
from msjax.studies.section_law import WireSection
from msjax.studies.wire_data import read_wires, shipped_wires
from msjax.studies.wire_law import UniaxialBulk, WireFirstOrder, edge_parameters, uniaxial_bulk
from msjax.studies.wires import WireStudy, shipped_wire_study, wire_study

__all__ = [
    "BeamStiffness",
    "CantileverLaw",
    "CantileverStudy",
    "CrystalLaw",
    "CubicBulk",
    "FaceConstants",
    "FilmBulk",
    "FilmLaw",
    "FilmStudy",
    "JointStudy",
    "Route",
    "Routes",
    "UniaxialBulk",
    "WireFirstOrder",
    "WireSection",
    "WireStudy",
    "cantilever_parameters",
    "cantilever_study",
    "cubic_bulk",
    "edge_parameters",
    "film_bulk",
    "film_study",
    "joint_study",
    "main_job",
    "plate_routes",
    "potential_parameters",
    "read_cantilevers",
    "read_crystal",
    "read_films",
    "read_wires",
    "shipped_cantilever_law",
    "shipped_cantilever_study",
    "shipped_cantilevers",
    "shipped_films",
    "shipped_wire_study",
    "shipped_wires",
    "surface_parameters",
    "uniaxial_bulk",
    "wire_routes",
    "wire_study",
    "with_noise",
]
