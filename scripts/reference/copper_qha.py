"""Quasi-harmonic copper from phonopy: tests/reference/copper_qha.json.

Run as ``python scripts/reference/copper_qha.py``; needs phonopy and nothing of msjax. Cleri and Rosato's potential is
written down once more in numpy; phonopy takes its forces on displaced supercells, at a row of volumes (phonopy-qha)
and, for the elastic constants at a temperature, at volume-conserving strains of the crystal found there.
"""

import json
import warnings
from pathlib import Path

import numpy as np

RESULT = Path(__file__).resolve().parents[2] / "tests" / "reference" / "copper_qha.json"
A, XI, P, Q, LATTICE = 0.0855, 1.224, 10.960, 2.278, 3.615
INNER, OUTER = 6.0, 6.23  # Å: between the fifth and the sixth shell at all volumes, so that F(V) is smooth
MASS = 63.546
CUBE = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
PRIMITIVE = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
CELLS, MESH = 5, 24
STEP = 1e-3  # Å: at the usual 1e-2 the fourth derivative of the energy shows in the strain dependence of F
TEMPERATURES = np.arange(0, 1011, 10)
REPORTED = (100, 300, 600, 900)
LATTICES = np.linspace(3.60, 3.71, 11)
STRAINS = (0.006, 0.012)
WAVES = [[0.5, 0.0, 0.5], [0.5, 0.5, 0.5], [0.25, 0.1, 0.4], [0.5, 0.25, 0.75]]
EV_PER_KJ_MOL = 1.0 / 96.48533212331002
GPA = 160.2176634


def taper(r):
    """1 to 0 between the radii, and its derivative."""
    x = np.clip((r - INNER) / (OUTER - INNER), 0.0, 1.0)
    value = 1 - x**4 * (35 - 84 * x + 70 * x**2 - 20 * x**3)
    return value, -140 * x**3 * (1 - x) ** 3 / (OUTER - INNER)


def energy_and_forces(positions, cell):
    """eV and eV/Å of a periodic cell, thicker than two cut-offs and not far from a cube."""
    apart = positions[None] - positions[:, None]  # from i to j
    fractional = apart @ np.linalg.inv(cell)
    apart = (fractional - np.round(fractional)) @ cell
    r = np.linalg.norm(apart, axis=2)
    np.fill_diagonal(r, 2 * OUTER)
    r0 = LATTICE / 2**0.5
    cut, slope = taper(r)
    repulsion, hopping = A * np.exp(-P * (r / r0 - 1)), XI**2 * np.exp(-2 * Q * (r / r0 - 1))
    density = np.sum(hopping * cut, axis=1)
    pair1 = repulsion * (slope - P / r0 * cut)
    density1 = hopping * (slope - 2 * Q / r0 * cut)
    embed1 = -0.5 / np.sqrt(density)
    along = 2 * pair1 + (embed1[:, None] + embed1[None]) * density1  # dE/dr_ij, both ends
    forces = np.sum((along / r)[:, :, None] * apart, axis=1)
    return np.sum(repulsion * cut) - np.sum(np.sqrt(density)), forces


class Crystal:
    """Static energy and phonons of fcc copper at a deformed cubic cell."""

    def __init__(self, a: float, deformation=None):
        from phonopy import Phonopy
        from phonopy.structure.atoms import PhonopyAtoms

        cell = a * np.eye(3) @ (np.eye(3) if deformation is None else deformation).T
        atoms = PhonopyAtoms(["Cu"] * 4, cell=cell, scaled_positions=CUBE, masses=[MASS] * 4)
        self.phonon = Phonopy(atoms, CELLS * np.eye(3, dtype=int), primitive_matrix=PRIMITIVE)
        perfect = self.phonon.supercell
        total, _ = energy_and_forces(perfect.positions, perfect.cell)
        self.static = total / len(perfect)
        self.phonon.generate_displacements(distance=STEP)
        moved = self.phonon.supercells_with_displacements
        self.phonon.forces = [energy_and_forces(s.positions, s.cell)[1] for s in moved]
        self.phonon.produce_force_constants()
        self.phonon.symmetrize_force_constants()

    def thermal(self, temperatures) -> dict:
        """Free energy (eV), entropy and C_V (eV/K) per atom."""
        self.phonon.run_mesh([MESH] * 3, is_gamma_center=True)
        self.phonon.run_thermal_properties(temperatures=temperatures, cutoff_frequency=1e-3)
        found = self.phonon.get_thermal_properties_dict()
        return {
            "free_energy": found["free_energy"] * EV_PER_KJ_MOL,
            "entropy": found["entropy"] * EV_PER_KJ_MOL / 1000,
            "heat_capacity": found["heat_capacity"] * EV_PER_KJ_MOL / 1000,
        }

    def square_displacement(self, temperatures, points: int):
        """⟨u_x²⟩, Å²."""
        self.phonon.run_mesh([points] * 3, with_eigenvectors=True, is_mesh_symmetry=False, is_gamma_center=True)
        self.phonon.run_thermal_displacements(temperatures=temperatures, freq_min=1e-3)
        return self.phonon.get_thermal_displacements_dict()["thermal_displacements"][:, 0]


def shear_constants(a: float, temperature: float) -> dict:
    """C' and C44 in GPa, from F(e) = F(0) + k e² + k′ e⁴ under volume-conserving strains."""
    volume = a**3 / 4

    def free(deformation):
        crystal = Crystal(a, deformation)
        return crystal.static + crystal.thermal([temperature])["free_energy"][0]

    def constant(strain_of):
        rest = free(np.eye(3))
        first, second = ((free(strain_of(e)) - rest) / e**2 for e in STRAINS)
        return (4 * first - second) / 3 / (2 * volume) * GPA  # STRAINS are in the ratio 2

    def tetragonal(e):
        return np.diag([1 + e, 1 - e, 1 / (1 - e * e)])

    def shear(e):
        return np.array([[1, e, 0], [e, 1, 0], [0, 0, 1 / (1 - e * e)]])

    return {"Cprime": constant(tetragonal), "C44": constant(shear)}


def main():
    warnings.simplefilter("ignore")
    import phonopy
    from phonopy import PhonopyGruneisen
    from phonopy.qha.qha import run_qha

    crystals = [Crystal(a) for a in LATTICES]
    qha = run_qha(
        [c.phonon for c in crystals],
        temperatures=TEMPERATURES,
        internal_energies=[c.static for c in crystals],
        mesh=[MESH] * 3,
        eos="vinet",
        exclude_gamma_acoustic=True,
    )
    result: dict = {
        "_meta": {
            "tool": f"phonopy {phonopy.__version__}; scripts/reference/copper_qha.py",
            "units": "eV, Å, K, GPa, THz; per atom",
            "supercell": f"{CELLS}³ cubic cells, displacement {STEP} Å, mesh {MESH}³ without acoustic Γ",
        },
        "mass": MASS,
        "temperature": list(REPORTED),
    }
    rows = [int(np.flatnonzero(t == TEMPERATURES)[0]) for t in REPORTED]
    for key, name, factor in (
        ("volume", "equilibrium_volumes", 1.0),
        ("bulk_modulus", "bulk_moduli", GPA),
        ("volume_expansion", "thermal_expansion", 1.0),
    ):
        result[key] = [float(getattr(qha, name)[row]) * factor for row in rows]
    volumes = result["volume"]
    result["zero_point_volume"] = float(qha.equilibrium_volumes[0])
    result["elastic"] = [
        shear_constants((4 * v) ** (1 / 3), t) for v, t in zip(volumes, REPORTED, strict=True) if t >= 300
    ]
    rest = Crystal(LATTICE)
    result["at_3.615"] = {k: v.tolist() for k, v in rest.thermal(REPORTED).items()}
    coarse, fine = (rest.square_displacement(REPORTED, n) for n in (20, 40))
    result["at_3.615"]["square_displacement"] = (2 * fine - coarse).tolist()
    rest.phonon.run_qpoints(WAVES, with_group_velocities=True)
    found = rest.phonon.get_qpoints_dict()
    result["waves"] = {
        "q": WAVES,
        "frequency": np.asarray(found["frequencies"]).tolist(),
        "speed": np.linalg.norm(found["group_velocities"], axis=2).tolist(),
    }
    step = 1.001
    larger, smaller = Crystal(LATTICE * step), Crystal(LATTICE / step)
    gruneisen = PhonopyGruneisen(rest.phonon, larger.phonon, smaller.phonon)
    gruneisen.set_band_structure([WAVES])
    result["waves"]["gruneisen"] = np.asarray(gruneisen.get_band_structure()[4][0]).tolist()
    RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(json.dumps(result, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()
