"""A cantilever, 50 nm thick: routes to its stiffness, the budget of what a textbook leaves out, and beams of atoms.

.venv/bin/python scripts/cantilever.py
"""

import numpy as np

import msjax as ms
from msjax import nano, studies, units
from msjax.crystal.equilibrium import equilibrium
from msjax.crystal.setfl import lammps_potential
from msjax.io import data_file

E, NU, S, TAU = 130.0, 0.28, -10.655, 0.605
"""Silicon along ⟨100⟩, GPa and N/m."""


def main() -> None:
    """Print the pages."""
    print(studies.plate_routes(E, NU, 200.0, 50.0, 2000.0, S), "\n")
    section, surface = nano.rectangle(200.0, 50.0), nano.SurfaceElasticity(TAU, S)
    motion = nano.thermal_motion(nano.Beam.of(section, E, 2330.0e-27, 2000.0, surface), 1.380649e-5 * 300.0)
    print(nano.validity(section, E, 0.5431, surface, thermal_rms=float(motion.rms[-1])), "\n")
    copper_at_temperatures((0.0, 150.0, 300.0, 450.0, 600.0))
    path = lammps_potential("Cu_mishin1.eam.alloy")
    if path is None:
        print("beams of atoms: their potential comes with pip install 'msjax[potentials]'")
        return
    bulk = equilibrium(ms.CauchyBorn(ms.bulk("Cu", "fcc", 3.6149), ms.EAM.setfl(path))).material
    with open(data_file("cantilever_100_Cu_mishin1.csv")) as file:
        table = np.genfromtxt([line for line in file if not line.startswith("#")], delimiter=",", names=True)
    for planes in (9, 11, 13, 17):
        row = table[table["n"] == planes][0]
        cells = (3, 16) if planes == 17 else None  # of elements in three dimensions
        found = studies.wire_routes(
            bulk, planes, row["L_nm"], row["k_lin_N_per_m"], row["clamp_offset_nm"], cells=cells
        )
        print(found, "\n")


def copper_at_temperatures(temperatures: tuple[float, ...]) -> None:
    """Print Young's modulus along [001] and the surface stress of (100), of a crystal free of stress at T."""
    crystal = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    warm = ms.QuasiHarmonic(crystal)
    face = ms.surfaces.QuasiHarmonicSurface(warm, "100")
    print("Copper at a temperature, quasi-harmonic (Gupta's potential)")
    print("   T, K   E, GPa   strain, 1e-3   surface stress, N/m   surface free energy, J/m²")
    for temperature in temperatures:
        bulk = nano.beam_moduli(warm, temperature)
        found = ms.surfaces.at_temperature(face, temperature)
        tau, gamma = float(found.stress[0, 0] / units.N_per_m), float(found.energy / units.J_per_m2)
        E, strain = float(bulk.E / units.GPa), 1e3 * float(bulk.thermal_strain)
        print(f"  {temperature:5.0f}   {E:6.2f}   {strain:12.3f}   {tau:19.4f}   {gamma:25.4f}")
    print()


if __name__ == "__main__":
    main()
