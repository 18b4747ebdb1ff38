"""Surfaces: energy, stress and stiffness of crystal faces from relaxed slabs."""

from msjax.crystal.surfaces.constants import SurfaceConstants as SurfaceConstants
from msjax.crystal.surfaces.constants import constants as constants
from msjax.crystal.surfaces.energetics import Surface as Surface
from msjax.crystal.surfaces.expanded import ExpandedSurface as ExpandedSurface
from msjax.crystal.surfaces.face import Face as Face
from msjax.crystal.surfaces.face import face_of as face_of
from msjax.crystal.surfaces.higher import SurfaceFit as SurfaceFit
from msjax.crystal.surfaces.higher import derivatives as derivatives
from msjax.crystal.surfaces.higher import fit as fit
from msjax.crystal.surfaces.on_bodies import SurfaceCauchyBorn as SurfaceCauchyBorn
from msjax.crystal.surfaces.polynomial import SurfacePolynomial as SurfacePolynomial
from msjax.crystal.surfaces.quasi_harmonic import QuasiHarmonicSurface as QuasiHarmonicSurface
from msjax.crystal.surfaces.quasi_harmonic import SurfaceAtTemperature as SurfaceAtTemperature
from msjax.crystal.surfaces.quasi_harmonic import at_temperature as at_temperature
