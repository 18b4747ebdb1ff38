"""Surfaces: energy, stress and stiffness of crystal faces from relaxed slabs."""

from msjax.crystal.surfaces.energetics import Surface as Surface
from msjax.crystal.surfaces.face import Face as Face
from msjax.crystal.surfaces.face import face_of as face_of
