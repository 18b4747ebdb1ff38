"""Phonons and stability of a crystal under a homogeneous deformation."""

from msjax.crystal.phonons.acoustic import Ellipticity as Ellipticity
from msjax.crystal.phonons.acoustic import acoustic_tensor as acoustic_tensor
from msjax.crystal.phonons.acoustic import ellipticity as ellipticity
from msjax.crystal.phonons.critical import Critical as Critical
from msjax.crystal.phonons.critical import critical_strain as critical_strain
from msjax.crystal.phonons.dynamical_matrix import dynamical_matrix as dynamical_matrix
from msjax.crystal.phonons.force_constants import ForceConstants as ForceConstants
from msjax.crystal.phonons.force_constants import finite_displacements as finite_displacements
from msjax.crystal.phonons.force_constants import force_constants as force_constants
from msjax.crystal.phonons.frequencies import frequencies as frequencies
from msjax.crystal.phonons.frequencies import modes as modes
from msjax.crystal.phonons.paths import BandPath as BandPath
from msjax.crystal.phonons.paths import band_path as band_path
from msjax.crystal.phonons.stability import Stability as Stability
from msjax.crystal.phonons.stability import Verdict as Verdict
from msjax.crystal.phonons.stability import stability as stability
from msjax.crystal.phonons.stability import wave_modulus as wave_modulus
from msjax.crystal.phonons.zone import zone_grid as zone_grid
