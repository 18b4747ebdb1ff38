"""Microstructures: periodic voxel images, how they are made, and their statistics."""

from msjax.homogenization.microstructures.descriptors import Chords as Chords
from msjax.homogenization.microstructures.descriptors import chord_lengths as chord_lengths
from msjax.homogenization.microstructures.descriptors import correlation_length as correlation_length
from msjax.homogenization.microstructures.descriptors import lineal_path as lineal_path
from msjax.homogenization.microstructures.descriptors import radial_average as radial_average
from msjax.homogenization.microstructures.descriptors import two_point as two_point
from msjax.homogenization.microstructures.images import from_image as from_image
from msjax.homogenization.microstructures.layered import checkerboard as checkerboard
from msjax.homogenization.microstructures.layered import crack as crack
from msjax.homogenization.microstructures.layered import laminate as laminate
from msjax.homogenization.microstructures.level_sets import gaussian_field as gaussian_field
from msjax.homogenization.microstructures.level_sets import gaussian_values as gaussian_values
from msjax.homogenization.microstructures.level_sets import tpms as tpms
from msjax.homogenization.microstructures.level_sets import tpms_values as tpms_values
from msjax.homogenization.microstructures.microstructure import Microstructure as Microstructure
from msjax.homogenization.microstructures.particles import ellipsoids as ellipsoids
from msjax.homogenization.microstructures.particles import fibres as fibres
from msjax.homogenization.microstructures.polycrystals import laguerre as laguerre
from msjax.homogenization.microstructures.polycrystals import voronoi as voronoi
from msjax.homogenization.microstructures.rotations import random_axes as random_axes
from msjax.homogenization.microstructures.rotations import random_rotations as random_rotations
from msjax.homogenization.microstructures.smooth import smooth_level_set as smooth_level_set
from msjax.homogenization.microstructures.smooth import smooth_spheres as smooth_spheres
from msjax.homogenization.microstructures.spheres import spheres as spheres
from msjax.homogenization.microstructures.spheres import voids as voids
