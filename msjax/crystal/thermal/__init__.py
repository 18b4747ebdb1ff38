"""Crystals at a temperature: equilibrium, thermodynamics, elastic constants, thermal expansion and thermal motion."""

from msjax.crystal.thermal.displacements import debye_waller as debye_waller
from msjax.crystal.thermal.displacements import displacements as displacements
from msjax.crystal.thermal.elastic import adiabatic_stiffness as adiabatic_stiffness
from msjax.crystal.thermal.elastic import expansion as expansion
from msjax.crystal.thermal.elastic import isothermal_stiffness as isothermal_stiffness
from msjax.crystal.thermal.elastic import thermal_stress as thermal_stress
from msjax.crystal.thermal.equilibrium import ThermalEquilibrium as ThermalEquilibrium
from msjax.crystal.thermal.equilibrium import equilibrium as equilibrium
from msjax.crystal.thermal.properties import Properties as Properties
from msjax.crystal.thermal.properties import properties as properties
