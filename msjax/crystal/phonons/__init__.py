"""Phonons and stability of a crystal under a homogeneous deformation."""

from msjax.crystal.phonons.acoustic import Ellipticity as Ellipticity
from msjax.crystal.phonons.acoustic import acoustic_tensor as acoustic_tensor
from msjax.crystal.phonons.acoustic import ellipticity as ellipticity
from msjax.crystal.phonons.critical import Critical as Critical
from msjax.crystal.phonons.critical import critical_strain as critical_strain
from msjax.crystal.phonons.dynamical_matrix import dynamical_matrix as dynamical_matrix
from msjax.crystal.phonons.follow import follow_soft_mode as follow_soft_mode
from msjax.crystal.phonons.force_constants import ForceConstants as ForceConstants
from msjax.crystal.phonons.force_constants import finite_displacements as finite_displacements
from msjax.crystal.phonons.force_constants import force_constants as force_constants
from msjax.crystal.phonons.frequencies import frequencies as frequencies
from msjax.crystal.phonons.frequencies import modes as modes
from msjax.crystal.phonons.lower_cells import LowerCells as LowerCells
from msjax.crystal.phonons.lower_cells import lower_cell_search as lower_cell_search
from msjax.crystal.phonons.paths import BandPath as BandPath
from msjax.crystal.phonons.paths import band_path as band_path
from msjax.crystal.phonons.stability import Stability as Stability
from msjax.crystal.phonons.stability import Verdict as Verdict
from msjax.crystal.phonons.stability import stability as stability
from msjax.crystal.phonons.stability import wave_modulus as wave_modulus
from msjax.crystal.phonons.stability_map import Plane as Plane
from msjax.crystal.phonons.stability_map import StabilityMap as StabilityMap
from msjax.crystal.phonons.stability_map import stability_map as stability_map
from msjax.crystal.phonons.transformation import Outcome as Outcome
from msjax.crystal.phonons.transformation import Transformation as Transformation
from msjax.crystal.phonons.zone import zone_grid as zone_grid
