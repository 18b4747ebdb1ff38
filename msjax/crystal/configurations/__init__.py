"""Atoms that need not be a perfect crystal: neighbour lists, energy, forces and stress."""

from msjax.crystal.configurations.configuration import Configuration as Configuration
from msjax.crystal.configurations.cracks import crack as crack
from msjax.crystal.configurations.cracks import crack_medium as crack_medium
from msjax.crystal.configurations.dislocations import dislocation as dislocation
from msjax.crystal.configurations.dislocations import dislocation_dipole as dislocation_dipole
from msjax.crystal.configurations.evaluation import Evaluation as Evaluation
from msjax.crystal.configurations.evaluation import energy as energy
from msjax.crystal.configurations.evaluation import evaluate as evaluate
from msjax.crystal.configurations.evaluation import hessian_product as hessian_product
from msjax.crystal.configurations.neighbour_list import NeighbourList as NeighbourList
from msjax.crystal.configurations.neighbour_list import incomplete as incomplete
from msjax.crystal.configurations.neighbour_list import neighbour_list as neighbour_list
from msjax.crystal.configurations.relaxation import Relaxed as Relaxed
from msjax.crystal.configurations.relaxation import relax as relax
from msjax.crystal.configurations.stroh import energy_factor as energy_factor
from msjax.crystal.configurations.stroh import griffith_intensity as griffith_intensity
