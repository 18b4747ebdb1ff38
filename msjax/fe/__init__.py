"""Finite elements: meshes, elements, operators; voxel grids and their kernels.

Meshes of bodies: :func:`interval`, :func:`rectangle`, :func:`box`; :func:`disc`, :func:`annulus`, :func:`cylinder`,
:func:`ball`, :func:`hollow_sphere`; :func:`holed_plate`, :func:`notched_plate`, :func:`cracked_plate`,
:func:`nafems_le1`, :func:`nafems_le10`. Any other block: :func:`mapped` (with :func:`blend`, :func:`arc`,
:func:`line`). Meshes from meshes: :func:`quadratic`, :func:`refine`, :func:`bisect` (of marked cells),
:func:`extrude`, :func:`join`, :func:`slit`, :func:`tag`, :func:`tag_region`. What a mesh is like: :func:`check_mesh`,
:func:`boundary_facets`, :func:`edges`. Files: :func:`read`, :func:`write_vtu`, :func:`write_series`,
:func:`to_pyvista`.

A :class:`Problem` is a mesh, its material (:class:`PerCell` where moduli vary), constraints (:class:`Dirichlet`,
:class:`Periodic`, :class:`Multipoint`, :class:`Rigid`), loads (:class:`BodyForce`, :class:`Traction`,
:class:`Pressure`, :class:`NodalForce`, :class:`Springs`) and surfaces (:class:`SurfaceEnergy`); inputs that vary over
it are :class:`AtNodes`. ``ms.solve`` finds its equilibrium, :func:`march` and :func:`load_steps` follow its loads,
:func:`trace` its path through limit points; :func:`vibration`, :func:`buckling`, :func:`transient`, :func:`dynamics`.
:func:`splines` are meshes with continuous gradients.

Of a solution: :func:`strain`, :func:`stress`, :func:`cauchy_stress`, :func:`energy_density` at points, in cells, at
nodes; :func:`resultant`, :func:`boundary_mean`, :func:`interpolate`. Its errors: :func:`l2_error`, :func:`h1_error`,
:func:`energy_error` against something better, :func:`recovery_estimate` and :func:`goal_estimate` without;
:func:`adapt` refines until they are small, :func:`error_budget` sets them beside the model's.
"""

from msjax.fe.bisection import Bisection as Bisection
from msjax.fe.bisection import bisect as bisect
from msjax.fe.cells import CellType as CellType
from msjax.fe.cells import cell_type as cell_type
from msjax.fe.checks import MeshQuality as MeshQuality
from msjax.fe.checks import check_mesh as check_mesh
from msjax.fe.checks import coincident_nodes as coincident_nodes
from msjax.fe.constraints import Constraint as Constraint
from msjax.fe.constraints import Dirichlet as Dirichlet
from msjax.fe.constraints import Multipoint as Multipoint
from msjax.fe.constraints import Periodic as Periodic
from msjax.fe.constraints import Rigid as Rigid
from msjax.fe.continuation import ArcLength as ArcLength
from msjax.fe.continuation import Dissipation as Dissipation
from msjax.fe.critical import CriticalPoint as CriticalPoint
from msjax.fe.dynamics import Motion as Motion
from msjax.fe.dynamics import Newmark as Newmark
from msjax.fe.dynamics import dynamics as dynamics
from msjax.fe.dynamics import generalised_alpha as generalised_alpha
from msjax.fe.equilibrium_path import EquilibriumPath as EquilibriumPath
from msjax.fe.equilibrium_path import limit_load as limit_load
from msjax.fe.equilibrium_path import trace as trace
from msjax.fe.errors.adaptivity import Adaptation as Adaptation
from msjax.fe.errors.adaptivity import adapt as adapt
from msjax.fe.errors.budget import Budget as Budget
from msjax.fe.errors.budget import error_budget as error_budget
from msjax.fe.errors.dual_weighted import goal_estimate as goal_estimate
from msjax.fe.errors.estimate import Estimate as Estimate
from msjax.fe.errors.estimate import marked as marked
from msjax.fe.errors.history import History as History
from msjax.fe.errors.recovered import recovery_estimate as recovery_estimate
from msjax.fe.extrusion import extrude as extrude
from msjax.fe.facets import boundary_facets as boundary_facets
from msjax.fe.facets import edges as edges
from msjax.fe.facets import tag as tag
from msjax.fe.facets import tag_region as tag_region
from msjax.fe.fields import cauchy_stress as cauchy_stress
from msjax.fe.fields import energy_density as energy_density
from msjax.fe.fields import strain as strain
from msjax.fe.fields import stress as stress
from msjax.fe.grids import box as box
from msjax.fe.grids import interval as interval
from msjax.fe.grids import rectangle as rectangle
from msjax.fe.interpolation import interpolate as interpolate
from msjax.fe.interpolation import locate as locate
from msjax.fe.joining import join as join
from msjax.fe.joining import slit as slit
from msjax.fe.load_path import LoadPath as LoadPath
from msjax.fe.load_path import march as march
from msjax.fe.load_steps import load_steps as load_steps
from msjax.fe.loads import BodyForce as BodyForce
from msjax.fe.loads import NodalForce as NodalForce
from msjax.fe.loads import Pressure as Pressure
from msjax.fe.loads import Springs as Springs
from msjax.fe.loads import Traction as Traction
from msjax.fe.mapped import arc as arc
from msjax.fe.mapped import blend as blend
from msjax.fe.mapped import line as line
from msjax.fe.mapped import mapped as mapped
from msjax.fe.mass import mass_matrix as mass_matrix
from msjax.fe.mesh import Mesh as Mesh
from msjax.fe.nodal_inputs import AtNodes as AtNodes
from msjax.fe.norms import energy_error as energy_error
from msjax.fe.norms import h1_error as h1_error
from msjax.fe.norms import l2_error as l2_error
from msjax.fe.parts import PerCell as PerCell
from msjax.fe.plates import cracked_plate as cracked_plate
from msjax.fe.plates import holed_plate as holed_plate
from msjax.fe.plates import nafems_le1 as nafems_le1
from msjax.fe.plates import nafems_le10 as nafems_le10
from msjax.fe.plates import notched_plate as notched_plate
from msjax.fe.problem import Problem as Problem
from msjax.fe.pyvista_grid import to_pyvista as to_pyvista
from msjax.fe.reading import read as read
from msjax.fe.recovery import recovery as recovery
from msjax.fe.resultants import boundary_mean as boundary_mean
from msjax.fe.resultants import resultant as resultant
from msjax.fe.rings import annulus as annulus
from msjax.fe.rings import ball as ball
from msjax.fe.rings import cylinder as cylinder
from msjax.fe.rings import disc as disc
from msjax.fe.rings import hollow_sphere as hollow_sphere
from msjax.fe.solve import Solution as Solution
from msjax.fe.splines import NormalDerivative as NormalDerivative
from msjax.fe.splines import SplineMesh as SplineMesh
from msjax.fe.splines import splines as splines
from msjax.fe.subdivision import quadratic as quadratic
from msjax.fe.subdivision import refine as refine
from msjax.fe.support import hanging_modes as hanging_modes
from msjax.fe.surfaces import SurfaceEnergy as SurfaceEnergy
from msjax.fe.transient import Transient as Transient
from msjax.fe.transient import transient as transient
from msjax.fe.vibration import Buckling as Buckling
from msjax.fe.vibration import Vibration as Vibration
from msjax.fe.vibration import buckling as buckling
from msjax.fe.vibration import vibration as vibration
from msjax.fe.vtk_files import write_series as write_series
from msjax.fe.vtk_files import write_vtu as write_vtu
from msjax.material.bar import Bar as Bar
