"""msjax: from atoms to structures in one differentiable program."""

from msjax import _jax_setup as _jax_setup  # first: checks the JAX version and switches on float64
from msjax.crystal.cauchy_born import CauchyBorn as CauchyBorn
from msjax.crystal.lattice import Crystal as Crystal
from msjax.crystal.lattice import bulk as bulk
from msjax.crystal.potential import SiteEnergy as SiteEnergy
from msjax.crystal.potentials import EAM as EAM
from msjax.crystal.potentials import LennardJones as LennardJones
from msjax.crystal.potentials import Morse as Morse
from msjax.crystal.potentials import Springs as Springs
from msjax.crystal.potentials import StillingerWeber as StillingerWeber

__version__ = "0.1.0"
