"""msjax: from atoms to structures in one differentiable program."""

from msjax import _jax_setup as _jax_setup  # first: checks the JAX version and switches on float64
from msjax import units as units
from msjax.calibration import Observations as Observations
from msjax.calibration import Parameter as Parameter
from msjax.calibration import calibrate as calibrate
from msjax.crystal import phonons as phonons
from msjax.crystal import surfaces as surfaces
from msjax.crystal.cauchy_born import CauchyBorn as CauchyBorn
from msjax.crystal.elastic import clamped_stiffness as clamped_stiffness
from msjax.crystal.elastic import clamped_third_order_stiffness as clamped_third_order_stiffness
from msjax.crystal.elastic import relaxed_stiffness as relaxed_stiffness
from msjax.crystal.elastic import relaxed_third_order_stiffness as relaxed_third_order_stiffness
from msjax.crystal.equilibrium import equilibrium as equilibrium
from msjax.crystal.lattice import Crystal as Crystal
from msjax.crystal.lattice import bulk as bulk
from msjax.crystal.potential import SiteEnergy as SiteEnergy
from msjax.crystal.potentials import EAM as EAM
from msjax.crystal.potentials import LennardJones as LennardJones
from msjax.crystal.potentials import Morse as Morse
from msjax.crystal.potentials import Springs as Springs
from msjax.crystal.potentials import StillingerWeber as StillingerWeber
from msjax.homogenization import microstructures as microstructures
from msjax.homogenization.boundary import Mixed as Mixed
from msjax.homogenization.cell_iteration import CellStiffness as CellStiffness
from msjax.homogenization.design import design as design
from msjax.homogenization.effective import effective_stiffness as effective_stiffness
from msjax.homogenization.ensemble import ensemble as ensemble
from msjax.homogenization.fields import local_fields as local_fields
from msjax.homogenization.rve import RVE as RVE
from msjax.homogenization.size import representative_sizes as representative_sizes
from msjax.homogenization.table import Ensemble as Ensemble
from msjax.material.check import check_material as check_material
from msjax.material.hyperelastic import NeoHooke as NeoHooke
from msjax.material.linear import Conductor as Conductor
from msjax.material.linear import IsotropicElastic as IsotropicElastic
from msjax.material.linear import LinearElastic as LinearElastic
from msjax.material.stress_driven import PlaneStress as PlaneStress
from msjax.material.stress_driven import StressDriven as StressDriven
from msjax.material.stress_driven import UniaxialStress as UniaxialStress
from msjax.material.third_order import ThirdOrderElastic as ThirdOrderElastic
from msjax.solvers.batch import map_chunked as map_chunked
from msjax.solvers.compaction import Iteration as Iteration

__version__ = "0.1.0"
