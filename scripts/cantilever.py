"""A cantilever, 50 nm thick: routes to its stiffness, the budget of what a textbook leaves out, and beams of atoms.

.venv/bin/python scripts/cantilever.py
"""

import numpy as np

import msjax as ms
from msjax import nano, studies
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


if __name__ == "__main__":
    main()
