"""ASE both ways: configurations, extended XYZ, and ASE's own workflows with an msjax potential."""

import io
import sys

import numpy as np
import pytest

import msjax as ms
from msjax.crystal.ase import configuration_from_ase, to_ase
from msjax.crystal.configurations import Configuration, evaluate, neighbour_list
from msjax.crystal.lattice import bulk
from msjax.crystal.potentials import EAM, LennardJones, StillingerWeber

ase = pytest.importorskip("ase", reason="needs ase (extra msjax[atoms])")


@pytest.mark.parametrize("periodic", [(True, True, True), (True, False, True), (False, False, False)])
def test_round_trip_through_extended_xyz(periodic):
    from ase.io import read, write

    cell = np.array([[3.0, 0, 0], [0.4, 3.1, 0], [0, 0, -3.3]])
    mine = Configuration(cell, [[0, 0, 0.0], [1.5, 1.4, 9.0]], ("Ni", "Al"), periodic)
    text = io.StringIO()
    write(text, to_ase(mine), format="extxyz")
    back = configuration_from_ase(read(io.StringIO(text.getvalue()), format="extxyz"))
    assert (back.species, back.periodic) == (mine.species, periodic)
    np.testing.assert_allclose(back.cell, mine.cell, atol=1e-8)
    np.testing.assert_allclose(back.positions, mine.positions, atol=1e-8)
    np.testing.assert_allclose(back.masses, mine.masses, rtol=1e-3)


def test_what_is_refused():
    with pytest.raises(TypeError, match="expected ase.Atoms, got str"):
        configuration_from_ase("Cu")
    with pytest.raises(ValueError, match="there are none"):
        configuration_from_ase(ase.Atoms())
    with pytest.raises(ValueError, match="positions: must be finite, atom 1 is not"):
        configuration_from_ase(ase.Atoms("Cu2", positions=[[0, 0, 0], [0, 0, np.nan]]))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = ms.ase.Nothing


def test_without_ase(monkeypatch):
    monkeypatch.setitem(sys.modules, "ase", None)
    for needs in (lambda: ms.ase.Calculator, lambda: configuration_from_ase(None)):
        with pytest.raises(ImportError, match=r"ASE is needed here: pip install 'msjax\[atoms\]'"):
            needs()


def copper(repeat=2, shake=0.05):
    from ase.build import bulk as ase_bulk

    atoms = ase_bulk("Cu", cubic=True) * repeat
    atoms.positions += np.random.default_rng(0).normal(0, shake, atoms.positions.shape)
    return atoms


@pytest.mark.slow
def test_results_are_those_of_evaluate():
    """And ASE's own check of forces and stress by differences of energies."""
    from ase.calculators.fd import calculate_numerical_forces, calculate_numerical_stress

    atoms, potential = copper(), EAM.gupta("Cu")
    atoms.calc = ms.ase.Calculator(potential)
    configuration = configuration_from_ase(atoms)
    found = evaluate(configuration, potential, neighbour_list(configuration, potential))
    assert atoms.get_potential_energy() == pytest.approx(float(found.energy), rel=1e-13)
    assert atoms.get_potential_energy(force_consistent=True) == atoms.get_potential_energy()
    np.testing.assert_allclose(atoms.get_potential_energies(), found.site_energies)
    np.testing.assert_allclose(atoms.get_forces(), found.forces, atol=1e-12)
    np.testing.assert_allclose(atoms.get_stress(voigt=False), found.stress, atol=1e-14)
    some = [0, 17]
    np.testing.assert_allclose(calculate_numerical_forces(atoms, 1e-4, iatoms=some), atoms.get_forces()[some],
                               atol=1e-5)  # fmt: skip
    np.testing.assert_allclose(calculate_numerical_stress(atoms, 1e-5), atoms.get_stress(), atol=1e-7)


@pytest.mark.slow
def test_list_and_program_are_kept_while_they_are_good():
    atoms = copper()
    calculator = atoms.calc = ms.ase.Calculator(EAM.gupta("Cu"), skin=0.5)
    atoms.get_forces()
    atoms.positions += 0.1 * np.random.default_rng(1).uniform(-1, 1, atoms.positions.shape)
    atoms.get_forces()
    assert calculator.lists == 1
    atoms.positions[0, 0] += 0.6
    moved = atoms.get_forces()
    assert calculator.lists == 2
    fresh = atoms.copy()
    fresh.calc = ms.ase.Calculator(EAM.gupta("Cu"))
    np.testing.assert_allclose(moved, fresh.get_forces(), atol=1e-11)
    atoms.set_cell(1.2 * atoms.cell, scale_atoms=False)
    atoms.get_stress()
    assert calculator.lists == 3
    del atoms[3]
    assert atoms.get_forces().shape == (31, 3)
    assert calculator.lists == 4


@pytest.mark.slow
def test_clusters_have_no_stress_and_failures_are_told():
    from ase.calculators.calculator import CalculationFailed, PropertyNotImplementedError

    dimer = ase.Atoms("Ar2", positions=[[0, 0, 0], [0, 0, 1.1]])
    dimer.calc = ms.ase.Calculator(LennardJones())
    assert dimer.get_potential_energy() < 0
    with pytest.raises((PropertyNotImplementedError, ValueError)):
        dimer.get_stress()
    path = ms.EAM.gupta("Cu")
    with pytest.raises(ValueError, match="made for Cu, but the configuration holds Ar"):
        ms.ase.Calculator(path).calculate(dimer)
    sparse = copper()
    calculator = ms.ase.Calculator(Lost())
    with pytest.raises(CalculationFailed, match="NONFINITE"):
        calculator.calculate(sparse)


class Lost(LennardJones):
    """Gives no number."""

    def pair(self, r2):
        return r2 * np.nan


@pytest.mark.slow
def test_equation_of_state():
    from ase.build import bulk as ase_bulk
    from ase.eos import EquationOfState

    silicon = ase_bulk("Si")
    silicon.calc = ms.ase.Calculator(StillingerWeber())
    cell, volumes, energies = silicon.cell.copy(), [], []
    for stretch in np.linspace(0.98, 1.02, 7):
        silicon.set_cell(stretch * cell, scale_atoms=True)
        volumes.append(silicon.get_volume())
        energies.append(silicon.get_potential_energy())
    volume, _, modulus = EquationOfState(volumes, energies, eos="birchmurnaghan").fit()
    assert (4 * volume) ** (1 / 3) == pytest.approx(5.430949778, rel=1e-5)
    assert modulus / ase.units.GPa == pytest.approx((151.4245 + 2 * 76.4221) / 3, rel=3e-3)


@pytest.mark.slow
def test_molecular_dynamics_conserves_energy():
    from ase.md.verlet import VelocityVerlet

    atoms = copper(shake=0.0)
    calculator = atoms.calc = ms.ase.Calculator(EAM.gupta("Cu"), skin=0.3)
    scale = np.sqrt(ase.units.kB * 1000.0 * atoms.get_masses())[:, None]
    atoms.set_momenta(scale * np.random.default_rng(0).normal(size=(32, 3)))
    momentum = np.sum(atoms.get_momenta(), axis=0)
    run = VelocityVerlet(atoms, timestep=2.0 * ase.units.fs)
    totals = []
    for _ in range(60):
        run.run(5)
        totals.append(atoms.get_total_energy())
    assert np.ptp(totals) < 1e-3 * 32 * 1.5 * ase.units.kB * 1000.0
    assert 1 < calculator.lists < 60
    np.testing.assert_allclose(np.sum(atoms.get_momenta(), axis=0), momentum, rtol=1e-9)


@pytest.mark.slow
def test_hopping_vacancy_by_nudged_elastic_band(potential_file):
    """Vacancy migration in copper: Mishin et al. (doi:10.1103/PhysRevB.63.224106), who made the potential, give
    0.69 eV; 63 atoms are few, so ASE's own calculator is asked for the barrier between these images too."""
    from ase.calculators.eam import EAM as OfASE
    from ase.mep import NEB
    from ase.optimize import FIRE

    perfect = to_ase(Configuration.of(bulk("Cu", "fcc", 3.615), 4))
    neighbour = int(np.argsort(perfect.get_distances(0, range(1, 64), mic=True))[0]) + 1
    path = potential_file("Cu_mishin1.eam.alloy")
    potential = EAM.setfl(path)
    first, last = perfect.copy(), perfect.copy()
    last.positions[neighbour] = last.positions[0]
    images = [first, *(first.copy() for _ in range(3)), last]
    for image in images:
        del image[0]
        image.calc = ms.ase.Calculator(potential)
    for end in (first, last):
        FIRE(end, logfile=None).run(fmax=0.01, steps=200)
    band = NEB(images, climb=True, method="improvedtangent")
    band.interpolate(mic=True)
    FIRE(band, logfile=None).run(fmax=0.02, steps=200)
    barrier = images[2].get_potential_energy() - first.get_potential_energy()
    assert barrier == pytest.approx(0.69, abs=0.03)
    theirs = [images[k].copy() for k in (0, 2)]
    for image in theirs:
        image.calc = OfASE(potential=str(path))
    assert barrier == pytest.approx(theirs[1].get_potential_energy() - theirs[0].get_potential_energy(), abs=1e-6)


@pytest.mark.slow
def test_phonopy():
    """Force constants by finite displacements of this calculator: frequencies of the analytic dynamical matrix."""
    phonopy = pytest.importorskip("phonopy", reason="needs phonopy")
    from phonopy.structure.atoms import PhonopyAtoms

    crystal = bulk("Cu", "fcc", 3.615)
    unit = PhonopyAtoms(symbols=["Cu"], cell=np.asarray(crystal.cell), scaled_positions=[[0, 0, 0]])
    phonons = phonopy.Phonopy(unit, supercell_matrix=4 * np.eye(3, dtype=int), primitive_matrix=np.eye(3))
    phonons.generate_displacements(distance=0.01)
    calculator, forces = ms.ase.Calculator(EAM.gupta("Cu")), []
    for cell in phonons.supercells_with_displacements:
        atoms = ase.Atoms(cell.symbols, positions=cell.positions, cell=cell.cell, pbc=True)
        atoms.calc = calculator
        forces.append(atoms.get_forces())
    phonons.forces = forces
    phonons.produce_force_constants()
    phonons.run_qpoints(np.array([[0.5, 0.5, 0.0], [0.25, 0.25, 0.0]]))
    theirs = phonons.qpoints.frequencies
    material = ms.CauchyBorn(crystal, EAM.gupta("Cu"))
    for q, expected in zip([[0.5, 0.5, 0.0], [0.25, 0.25, 0.0]], theirs, strict=True):
        np.testing.assert_allclose(ms.phonons.frequencies(material, [q])[0], np.sort(expected), rtol=2e-3)
