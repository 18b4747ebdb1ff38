"""Energy, forces and stress of many atoms: µs and bytes per atom, against LAMMPS, matscipy, ASE and jax-md.

Run: python scripts/benchmarks/atoms.py [thousands of atoms …]     (default: 4 32 256)

Lennard-Jones fcc (2.5 σ, reduced density 0.8442, skin 0.3 σ) and copper of ``Cu_mishin1.eam.alloy`` (skin 0.5 Å), atoms
displaced by 2 % of their spacing; one core, CPU seconds. "Forces" and "all" (energy, forces, stress) leave out the
making of the list, which is timed apart; so do the peers where they allow it: LAMMPS computes forces and virial with
its list at hand; jax-md its forces; matscipy and ASE make their own list each time. A peer that is not installed is
left out, the slow ones at large sizes too. Bytes per atom: arguments, results and temporaries of the compiled program;
the process's peak is printed at the end.
"""

import timing  # first: one thread

import ctypes  # isort: skip
import resource
import sys
import time
import warnings
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[2]))
import msjax as ms
from msjax.crystal.configurations import Configuration, evaluate, hessian_product, neighbour_list
from msjax.crystal.setfl import lammps_potential

FILE = "Cu_mishin1.eam.alloy"
FCC = np.array([[0.0, 0.0, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5], [0.5, 0.5, 0.0]])
SLOWEST = 20_000
"""Atoms up to which matscipy and ASE are asked."""


def atoms(symbol: str, a: float, thousands: float) -> Configuration:
    """A cube of about so many fcc atoms, shaken."""
    repeat = round((1000 * thousands / 4) ** (1 / 3))
    crystal = Configuration.of(ms.Crystal(a * np.eye(3), a * FCC, (symbol,) * 4), repeat)
    shift = np.random.default_rng(0).normal(0, 0.02 * a, crystal.positions.shape)
    return crystal.at(crystal.positions + jnp.asarray(shift))


def ours(configuration: Configuration, potential, skin: float, limit: float) -> tuple[np.ndarray, float]:
    """Forces, and µs per atom for all of energy, forces and stress."""
    n = configuration.atoms
    began = time.process_time()
    neighbours = neighbour_list(configuration, potential, skin=skin)
    listed = time.process_time() - began
    print(f"  msjax: list of at most {neighbours.capacity} neighbours: {1e6 * listed / n:.2f} µs per atom")

    def forces(c, p, l):
        found = evaluate(c, p, l)
        return found.forces, found.status

    def everything(c, p, l):
        found = evaluate(c, p, l)
        return found.energy, found.forces, found.stress, found.status

    def slope(c, p, l):
        return eqx.filter_value_and_grad(lambda p: evaluate(c, p, l).energy)(p)

    result, rates = None, {}
    programs = {"forces": forces, "all": everything, "Hessian product": None, "energy and its slope in θ": slope}
    for name, function in programs.items():
        if function is None:
            function = lambda c, p, l: hessian_product(c, p, l, c.positions)  # noqa: E731
        program = timing.compile_cold(function, configuration, potential, neighbours)
        run = lambda call=program.call: call(configuration, potential, neighbours)  # noqa: E731
        if name == "forces":
            result = np.asarray(run()[0])
        rates[name] = 1e6 * timing.seconds(run, 5) / n
        memory = program.call.compiled.memory_analysis()
        sizes = (memory.temp_size_in_bytes, memory.argument_size_in_bytes + memory.output_size_in_bytes)
        print(f"  {name:<28} {rates[name]:8.3f} µs per atom; bytes per atom: temporaries {sizes[0] / n:7.0f}, "
              f"arguments and results {sizes[1] / n:6.0f}; lower + compile {program.cold:.1f} s")  # fmt: skip
    timing.bar(f"all, {n} atoms", rates["all"], limit, "µs", least=False)
    assert result is not None
    return result, rates["all"]


def compare(name: str, forces, mine: np.ndarray, rate: float, own: float) -> None:
    """One line for a peer, with the largest difference of its forces."""
    line = f"  {name:<28} {rate:8.3f} µs per atom; msjax takes {own / rate:.2f} of it"
    print(line if forces is None else f"{line}; forces differ by {np.max(np.abs(np.asarray(forces) - mine)):.1e}")


def by_lammps(configuration: Configuration, commands: str, units: str):
    """Forces, and µs per atom of a run that only computes forces and virial."""
    try:
        library = Path(sys.prefix) / "lib" / "libmpi.so.12"
        if library.is_file():
            ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
        import lammps

        run = lammps.lammps(cmdargs=["-log", "none", "-screen", "none"])
    except (ImportError, OSError):
        return None
    n, edge = configuration.atoms, float(configuration.cell[0, 0])
    run.commands_string(
        f"units {units}\natom_style atomic\natom_modify map array sort 0 0\nboundary p p p\n"
        f"region box block 0 {edge:.17g} 0 {edge:.17g} 0 {edge:.17g} units box\ncreate_box 1 box"
    )
    run.create_atoms(n, list(range(1, n + 1)), [1] * n, np.asarray(configuration.positions).ravel().tolist())
    run.commands_string(f"mass 1 1.0\n{commands}\nthermo 1000000\nrun 0")
    forces = np.array(run.gather_atoms("f", 1, 3)).reshape(n, 3)
    steps = max(3, 400_000 // n)
    began = time.process_time()
    run.commands_string(f"neigh_modify delay {10 * steps}\nfix 1 all nve\ntimestep 1e-12\nrun {steps}")
    rate = 1e6 * (time.process_time() - began) / (n * (steps + 1))
    run.close()
    return forces, rate


def by_ase(configuration: Configuration, calculator, symbol: str):
    """Forces and µs per atom of an ASE calculator."""
    import ase

    n = configuration.atoms
    bodies = ase.Atoms([symbol] * n, np.asarray(configuration.positions), cell=np.asarray(configuration.cell), pbc=True)
    bodies.calc = calculator
    began = time.process_time()
    forces = bodies.get_forces()
    return forces, 1e6 * (time.process_time() - began) / n


def by_jax_md(configuration: Configuration):
    """Lennard-Jones forces of jax-md with its list at hand."""
    try:
        from jax_md import energy, space
    except ImportError:
        return None
    edge = float(configuration.cell[0, 0])
    displacement, _ = space.periodic(edge)
    find, of = energy.lennard_jones_neighbor_list(
        displacement, edge, sigma=1.0, epsilon=1.0, r_onset=2.0, r_cutoff=2.5, dr_threshold=0.3
    )
    x = jnp.mod(configuration.positions, edge)
    neighbours = find.allocate(x)
    program = jax.jit(jax.grad(lambda x, listed: of(x, neighbor=listed)))  # its cut-off is smooth: no forces to compare
    return None, 1e6 * timing.seconds(lambda: program(x, neighbours), 3) / configuration.atoms


def lennard_jones(thousands: float) -> None:
    """σ = ε = 1."""
    configuration = atoms("X", (4 / 0.8442) ** (1 / 3), thousands)
    print(f"\nLennard-Jones, {configuration.atoms} atoms")
    mine, rate = ours(configuration, ms.LennardJones(outer=2.5, ending="shifted"), 0.3, 3.0)
    setup = "pair_style lj/cut 2.5\npair_coeff 1 1 1.0 1.0\nneighbor 0.3 bin"
    peers = {"LAMMPS": by_lammps(configuration, setup, "lj"), "jax-md": by_jax_md(configuration)}
    if configuration.atoms <= SLOWEST:
        from ase.calculators.lj import LennardJones

        peers["ASE, list included"] = by_ase(configuration, LennardJones(rc=2.5), "H")
    for name, found in peers.items():
        if found is not None:
            compare(name, found[0], mine, found[1], rate)


def copper(thousands: float, path: Path) -> None:
    """EAM tables."""
    configuration = atoms("Cu", 3.615, thousands)
    print(f"\nEAM copper, {configuration.atoms} atoms")
    mine, rate = ours(configuration, ms.EAM.setfl(path), 0.5, 5.0)
    setup = f"pair_style eam/alloy\npair_coeff * * {path} Cu\nneighbor 0.5 bin"
    peers = {"LAMMPS": by_lammps(configuration, setup, "metal")}
    if configuration.atoms <= SLOWEST:
        from ase.calculators.eam import EAM as OfASE

        try:
            from matscipy.calculators.eam import EAM as OfMatscipy

            peers["matscipy, list included"] = by_ase(configuration, OfMatscipy(str(path)), "H")
        except ImportError:
            pass
        peers["ASE, list included"] = by_ase(configuration, OfASE(potential=str(path)), "Cu")
    for name, found in peers.items():
        if found is not None:
            compare(name, found[0], mine, found[1], rate)


def main() -> None:
    """All sizes."""
    warnings.simplefilter("ignore")
    timing.header("Energy, forces and stress of atoms")
    path = lammps_potential(FILE)
    for thousands in [float(x) for x in sys.argv[1:]] or [4.0, 32.0, 256.0]:
        lennard_jones(thousands)
        if path is not None:
            copper(thousands, path)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print()
    timing.bar("peak memory of this process, peers included", peak, 4.0, "GB", least=False)


if __name__ == "__main__":
    main()
