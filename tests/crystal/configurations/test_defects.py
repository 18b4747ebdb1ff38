"""Point defects: builders, and formation energies against the publication and LAMMPS."""

import numpy as np
import pytest

from msjax.crystal.configurations import Configuration
from msjax.crystal.configurations.defects import dumbbell, formation_energy, interstitial, vacancy
from msjax.crystal.lattice import bulk
from msjax.crystal.potentials import EAM


def test_builders():
    copper = Configuration.of(bulk("Cu", "fcc", 3.615, mass=63.0), 3)
    two = vacancy(copper, 4, 0)
    assert two.atoms == 25
    kept = [i for i in range(27) if i not in (0, 4)]
    np.testing.assert_array_equal(two.positions, copper.positions[np.array(kept)])
    more = interstitial(copper, [1.0, 2.0, 3.0], "Ni")
    assert more.species == ("Cu",) * 27 + ("Ni",)
    np.testing.assert_array_equal(more.positions[-1], [1.0, 2.0, 3.0])
    assert float(more.masses[-1]) == pytest.approx(58.69, abs=0.01)
    split = dumbbell(copper, 5, [0, 0, 2], 2.0)
    np.testing.assert_allclose(split.positions[-1] - split.positions[5], [0, 0, 2.0])
    np.testing.assert_allclose(0.5 * (split.positions[-1] + split.positions[5]), copper.positions[5])


def test_mistakes_are_refused():
    copper = Configuration.of(bulk("Cu", "fcc", 3.615), 1)
    with pytest.raises(ValueError, match="atoms: 1 is not one of 0 … 0"):
        vacancy(copper, 1)
    with pytest.raises(ValueError, match="none would be left"):
        vacancy(copper, 0)
    with pytest.raises(ValueError, match=r"position: expected shape \(3,\), got \(2,\)"):
        interstitial(copper, [0.0, 0.0], "Cu")
    with pytest.raises(ValueError, match="axis: expected a direction"):
        dumbbell(copper, 0, [0.0, 0.0, 0.0], 2.0)
    with pytest.raises(ValueError, match="length: must be positive"):
        dumbbell(copper, 0, [0.0, 0.0, 1.0], -2.0)


@pytest.mark.slow
def test_vacancy_in_copper(potential_file):
    """Mishin et al. (doi:10.1103/PhysRevB.63.224106) give 1.272 eV: what 63 and 124 atoms in fixed cells extrapolate to
    in 1/n; and ASE's calculator of the same file finds the same energies for the same atoms."""
    path = potential_file("Cu_mishin1.eam.alloy")
    potential = EAM.setfl(path)
    perfect = Configuration.of(bulk("Cu", "fcc", 3.614925066), 5)
    found = formation_energy(vacancy(perfect, 0), perfect, potential, tolerance=1e-6)
    small = Configuration.of(bulk("Cu", "fcc", 3.614925066), 4)
    fewer = formation_energy(vacancy(small, 0), small, potential)
    limit = (125 * found.energy - 64 * fewer.energy) / 61
    assert float(limit) == pytest.approx(1.272, abs=0.002)
    assert float(found.unrelaxed) > float(found.energy) + 0.02
    pytest.importorskip("ase", reason="needs ase (extra msjax[atoms])")
    import ase
    from ase.calculators.eam import EAM as OfASE

    def by_ase(c):
        atoms = ase.Atoms(c.species, np.asarray(c.positions), cell=np.asarray(c.cell), pbc=True)
        atoms.calc = OfASE(potential=str(path))
        return atoms.get_potential_energy(), np.max(np.abs(atoms.get_forces()))

    (of_defect, left), (of_perfect, _) = by_ase(found.relaxed.configuration), by_ase(perfect)
    assert float(found.energy) == pytest.approx(of_defect - 124 / 125 * of_perfect, abs=1e-6)
    assert left < 2e-6


@pytest.mark.slow
def test_dumbbell_in_copper(potential_file):
    """The ⟨100⟩ dumbbell is copper's interstitial, below the octahedral site."""
    potential = EAM.setfl(potential_file("Cu_mishin1.eam.alloy"))
    perfect = Configuration.of(bulk("Cu", "fcc", 3.614925066), 5)
    split = formation_energy(dumbbell(perfect, 0, [0, 0, 1], 2.2), perfect, potential, cell="free")
    middle = interstitial(perfect, [3.614925066 / 2, 0.0, 0.0], "Cu")
    octahedral = formation_energy(middle, perfect, potential, cell="free")
    assert 2.9 < float(split.energy) < 3.2 < float(octahedral.energy) + 0.1
    assert float(split.energy) < float(octahedral.energy)
