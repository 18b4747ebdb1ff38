"""Phonon scans and bands against their bars, and against phonopy with LAMMPS forces of the same potential.

Run: python scripts/benchmarks/phonons.py

1. The sign of the softest wave at 500 wave vectors of 1,000 strained crystals (relaxation of silicon's shifts at each F
   included): seconds in all, cold lower + compile, and the temporary memory.
2. A band of 200 wave vectors from scratch, with phonopy 4 (symmetry-reduced finite displacements, supercells 4³ and 6³,
   forces by LAMMPS in the same process) as the peer: what a user of the potential runs otherwise.
3. One stability verdict, and 1,000 of them.
"""

import timing  # first: one thread

import ctypes  # isort: skip
import sys
import warnings
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
import msjax as ms
from msjax.crystal.setfl import lammps_potential
from msjax.solvers.batch import map_chunked

FILE = "Cu_mishin1.eam.alloy"


def materials():
    """Copper (the setfl table where the lammps wheel is installed, else Gupta) and silicon."""
    path = lammps_potential(FILE)
    copper = ms.EAM.setfl(path) if path else ms.EAM.gupta("Cu")
    a = 3.614925066 if path else 3.615
    return {
        "EAM copper": ms.CauchyBorn(ms.bulk("Cu", "fcc", a=a, mass=63.55), copper),
        "SW silicon": ms.CauchyBorn(ms.bulk("Si", "diamond", a=5.430949778, mass=28.0855), ms.StillingerWeber()),
    }


def scans() -> None:
    """1000 F × 500 q."""
    rng = np.random.default_rng(0)
    q = jnp.asarray(rng.uniform(-0.5, 0.5, (500, 3)))
    strains = jnp.asarray(np.eye(3) + 0.02 * rng.normal(size=(1000, 3, 3)))
    print("\nSoftest-wave moduli, 1,000 F × 500 q")
    for (name, material), limit, compile_limit in zip(materials().items(), (0.15, 1.5), (3.0, 3.0), strict=True):

        def scan(m, F):
            return map_chunked(lambda f: ms.phonons.wave_modulus(m, q, f), F, chunk=50)

        def plain(m, F):
            return jax.vmap(lambda f: ms.phonons.wave_modulus(m, q, f))(F)

        for label, function in (("chunks of 50", scan), ("plain vmap", plain)):
            program = timing.compile_cold(function, material, strains)
            timing.bar(f"{name}, {label}: run", timing.seconds(lambda p=program, m=material: p.call(m, strains), 5),
                       limit, "s", least=False)  # fmt: skip
            timing.bar(f"{name}, {label}: lower + compile", program.cold, compile_limit, "s", least=False)
            print(
                f"    lower {program.lower:.2f} s, compile {program.compile:.2f} s, "
                f"temporaries {program.temporaries:.1f} MB"
            )


def verdicts() -> None:
    """Stability with refinement."""
    rng = np.random.default_rng(1)
    strains = jnp.asarray(np.eye(3) + 0.02 * rng.normal(size=(200, 3, 3)))
    print("\nStability verdicts (8³ grid, refinement, all directions)")
    for name, material in materials().items():
        single = timing.compile_cold(lambda m, F: ms.phonons.stability(m, F), material, strains[0])
        run = timing.seconds(lambda p=single, m=material: p.call(m, strains[0]), 5)
        batch = timing.compile_cold(
            lambda m, F: map_chunked(lambda f: ms.phonons.stability(m, f).verdict_code, F, chunk=20), material, strains
        )
        each = timing.seconds(lambda p=batch, m=material: p.call(m, strains), 3) / len(strains)
        print(f"  {name}: one {1e3 * run:.2f} ms, in a batch {1e3 * each:.2f} ms each; lower + compile "
              f"{single.cold:.1f} s (one), {batch.cold:.1f} s (batch)")  # fmt: skip


def bands() -> None:
    """200 wave vectors from scratch."""
    q = np.concatenate([np.linspace((0, 0, 0), (0.5, 0, 0.5), 100), np.linspace((0.5, 0, 0.5), (0.5, 0.5, 0.5), 100)])
    print("\nBands of 200 wave vectors, from the potential to frequencies (warm; compile apart)")
    for name, material in materials().items():
        program = timing.compile_cold(lambda m: ms.phonons.frequencies(m, q, throw=False), material)
        own = timing.seconds(lambda p=program, m=material: p.call(m), 20)
        print(f"  {name}: {1e3 * own:.2f} ms (lower + compile {program.cold:.1f} s)")
        if not peer_is_there():
            print("  phonopy and the lammps and mpich wheels are needed for the peer")
            continue
        ours = np.asarray(program.call(material))
        for cells in (4, 6):
            theirs, peer = phonopy_band(name, material, q, cells)
            off = np.max(np.abs(theirs - ours))
            timing.bar(f"{name}, phonopy {cells}³ {peer:.2f} s over ours", peer / own, 10.0, "×")
            print(f"    largest difference of frequencies {off:.1e} THz")


def peer_is_there() -> bool:
    """Whether LAMMPS loads (its library wants the MPI of the mpich wheel) and phonopy is installed."""
    library = Path(sys.prefix) / "lib" / "libmpi.so.12"
    if library.is_file():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    try:
        import lammps
        import phonopy  # noqa: F401

        lammps.lammps(cmdargs=["-log", "none", "-screen", "none"]).close()
    except (ImportError, OSError):
        return False
    return True


def phonopy_band(name: str, material, q: np.ndarray, cells: int) -> tuple[np.ndarray, float]:
    """Frequencies, THz, and CPU seconds of the whole pipeline, the better of two runs."""
    best = np.inf
    for _ in range(2):
        began = timing.time.process_time()
        found = _pipeline(name, material, q, cells)
        best = min(best, timing.time.process_time() - began)
    return found, best


def _pipeline(name: str, material, q: np.ndarray, cells: int) -> np.ndarray:
    from phonopy import Phonopy
    from phonopy.structure.atoms import PhonopyAtoms

    crystal = material.crystal
    cell = np.asarray(crystal.cell)
    fractional = np.asarray(crystal.basis) @ np.linalg.inv(cell)
    atoms = PhonopyAtoms(crystal.species, cell=cell, scaled_positions=fractional, masses=np.asarray(crystal.masses))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        phonon = Phonopy(atoms, cells * np.eye(3, dtype=int), primitive_matrix=np.eye(3))
        phonon.generate_displacements(distance=0.01)
        phonon.forces = [lammps_forces(name, s) for s in phonon.supercells_with_displacements]
        phonon.produce_force_constants()
        phonon.run_qpoints(q)
        return np.asarray(phonon.get_qpoints_dict()["frequencies"])


def lammps_forces(name: str, supercell) -> np.ndarray:
    """Forces, eV/Å, on a supercell, in the axes of the supercell."""
    from lammps import lammps

    cell, turn = lower_triangular(np.asarray(supercell.cell))
    positions = supercell.scaled_positions @ cell
    (lx, _, _), (xy, ly, _), (xz, yz, lz) = cell
    run = lammps(cmdargs=["-log", "none", "-screen", "none"])
    pair = (
        f"pair_style eam/alloy\npair_coeff * * {lammps_potential(FILE)} Cu"
        if "copper" in name
        else f"pair_style sw\npair_coeff * * {lammps_potential('Si.sw')} Si"
    )
    mass = float(supercell.masses[0])
    run.commands_string(
        "units metal\natom_style atomic\natom_modify map array sort 0 0\nboundary p p p\nbox tilt large\n"
        f"region box prism 0 {lx:.17g} 0 {ly:.17g} 0 {lz:.17g} {xy:.17g} {xz:.17g} {yz:.17g} units box\n"
        "create_box 1 box"
    )
    n = len(positions)
    run.create_atoms(n, list(range(1, n + 1)), [1] * n, positions.ravel().tolist())
    run.commands_string(f"mass 1 {mass}\n{pair}\nrun 0")
    forces = np.array(run.gather_atoms("f", 1, 3)).reshape(n, 3)
    run.close()
    return forces @ turn


def lower_triangular(cell: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The cell in LAMMPS's axes, and the rotation that takes row vectors back."""
    q, r = np.linalg.qr(cell.T)
    signs = np.sign(np.diag(r))
    q, r = q * signs, r * signs[:, None]
    if np.linalg.det(q) < 0:
        raise ValueError("left-handed cell")
    return r.T, q.T


if __name__ == "__main__":
    timing.header("Phonons")
    scans()
    verdicts()
    bands()
