"""Unit conversion by plain floats, in ASE's convention.

Inside everything atomistic the units are eV, Å, amu and K. ``x * units.GPa`` enters, ``x / units.GPa`` leaves.

>>> from msjax import units
>>> round(1.0 / units.GPa, 6)  # one eV/Å³ in GPa
160.217663

The constants are the exact SI values of the 2019 revision and the CODATA 2018 atomic mass constant and
permittivity (doi:10.1103/RevModPhys.93.025010).
"""

import math

# exact SI values
_e = 1.602176634e-19  # C
_k = 1.380649e-23  # J/K
_h = 6.62607015e-34  # J s
_amu_kg = 1.66053906660e-27  # kg
_eps0 = 8.8541878128e-12  # F/m

# base
eV = 1.0
Angstrom = 1.0
amu = 1.0
K = 1.0

# energy, length, mass
J = 1.0 / _e
meV = 1e-3
mJ = 1e-3 * J
m = 1e10
nm = 10.0
um = 1e4
kg = 1.0 / _amu_kg
kB = _k / _e
"""Boltzmann constant in eV/K."""
hbar_eV_s = _h / (2.0 * math.pi) / _e
"""Reduced Planck constant in eV s (not in internal time units)."""

# time: the internal unit is Å sqrt(amu/eV)
time_unit_s = 1e-10 * math.sqrt(_amu_kg / _e)
"""Internal unit of time, Å sqrt(amu/eV), in seconds."""
s = 1.0 / time_unit_s
fs = 1e-15 * s
ps = 1e-12 * s
THz = 1e12 / s
"""One THz as a plain (not angular) frequency in internal units: ``omega / (2 pi) / units.THz`` leaves."""

# force, stress, surface quantities
N = J / m
nN = 1e-9 * N
Pa = J / m**3
MPa = 1e6 * Pa
GPa = 1e9 * Pa
J_per_m2 = J / m**2
mJ_per_m2 = 1e-3 * J_per_m2
N_per_m = N / m
"""Surface stress and membrane stiffness; equal to J/m²."""
g_per_cm3 = 1e-3 * kg / (1e8) ** 3

# electricity: charges in e, so that eV/e is the volt
F_per_m = 1e-10 / _e
eps0 = _eps0 * F_per_m
"""Permittivity of the vacuum in e²/(eV Å)."""
