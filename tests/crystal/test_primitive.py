"""What lattice is this?"""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

import msjax as ms
from msjax.crystal.primitive import angle_of, is_identity, primitive, space_group, turned

CRYSTALS = {
    "chain": ms.bulk("X", "chain", a=1.3),
    "square": ms.bulk("X", "square", a=1.0),
    "honeycomb": ms.bulk("C", "honeycomb", a=2.46),
    "fcc": ms.bulk("Cu", "fcc", a=3.615),
    "bcc": ms.bulk("Fe", "bcc", a=2.87),
    "hcp": ms.bulk("Mg", "hcp", a=3.21),
    "diamond": ms.bulk("Si", "diamond", a=5.43),
    "rocksalt": ms.bulk(("Na", "Cl"), "rocksalt", a=5.64),
}


def disguised(crystal, seed=3):
    """A supercell in another order, moved by a random vector, with noise far below the tolerance."""
    rng = np.random.default_rng(seed)
    dim = crystal.dim
    matrix = np.triu(rng.integers(0, 3, (dim, dim)), 1) + np.diag(rng.integers(1, 4, dim)) + np.eye(dim, dtype=int)
    large = ms.supercell(crystal, matrix)
    order = rng.permutation(large.atoms_per_cell)
    noise = 1e-7 * rng.normal(size=large.basis.shape) + rng.normal(size=dim)
    return ms.Crystal(
        large.cell, np.asarray(large.basis)[order] + noise, [large.species[i] for i in order], "", large.masses[order]
    )


@pytest.mark.parametrize("name", CRYSTALS)
def test_the_primitive_cell_of_a_supercell_is_the_crystal(name):
    crystal = CRYSTALS[name]
    found = primitive(disguised(crystal))
    assert found.atoms_per_cell == crystal.atoms_per_cell
    assert sorted(found.species) == sorted(crystal.species)
    np.testing.assert_allclose(found.volume, crystal.volume, rtol=1e-6)
    same = turned(crystal, found)
    assert same is not None
    assert is_identity(same)


@pytest.mark.filterwarnings("ignore:Set OLD_ERROR_HANDLING:DeprecationWarning")
def test_primitive_cells_and_groups_agree_with_spglib():
    spglib = pytest.importorskip("spglib", reason="space groups come from spglib: pip install 'msjax[atoms]'")
    groups = {"fcc": 225, "bcc": 229, "hcp": 194, "diamond": 227, "rocksalt": 225}
    for name, number in groups.items():
        large = disguised(CRYSTALS[name], seed=5)
        fractional = np.asarray(large.basis) @ np.linalg.inv(large.cell)
        kinds = [sorted(set(large.species)).index(s) for s in large.species]
        cell, _, _ = spglib.find_primitive((np.asarray(large.cell), fractional, kinds), symprec=1e-3)
        np.testing.assert_allclose(abs(np.linalg.det(cell)), primitive(large).volume, rtol=1e-6)
        assert space_group(large).endswith(f"({number})")


def test_a_twin_of_fcc_is_the_same_crystal_turned_by_60_degrees():
    """Σ3: mirrored at (111)."""
    fcc = CRYSTALS["fcc"]
    normal = np.ones(3) / np.sqrt(3.0)
    mirror = np.eye(3) - 2.0 * np.outer(normal, normal)
    twin = ms.Crystal(np.asarray(fcc.cell) @ mirror, fcc.basis, fcc.species)
    rotation = turned(fcc, twin)
    assert rotation is not None
    assert not is_identity(rotation)
    assert abs(angle_of(rotation) - 60.0) < 1e-9
    onto = np.asarray(fcc.cell) @ rotation.T @ np.linalg.inv(twin.cell)
    np.testing.assert_allclose(onto, np.rint(onto), atol=1e-9)


@pytest.mark.parametrize("name", ["honeycomb", "hcp", "diamond", "rocksalt"])
def test_a_turned_crystal_is_found_with_all_its_atoms(name):
    crystal = CRYSTALS[name]
    q = (
        Rotation.from_rotvec([0.3, -0.2, 0.25]).as_matrix()
        if crystal.dim == 3
        else Rotation.from_rotvec([0, 0, 0.2]).as_matrix()[:2, :2]
    )
    other = ms.Crystal(np.asarray(crystal.cell) @ q.T, np.asarray(crystal.basis) @ q.T + 0.3, crystal.species)
    found = turned(crystal, primitive(other))
    assert found is not None
    assert not is_identity(found)
    assert abs(abs(np.linalg.det(found)) - 1.0) < 1e-9


def test_different_crystals_are_not_the_same():
    fcc, hcp = CRYSTALS["fcc"], CRYSTALS["hcp"]
    bcc = ms.bulk("Cu", "bcc", a=3.615 / 2.0 ** (1 / 3))
    assert turned(fcc, bcc) is None
    assert turned(fcc, hcp) is None
    # the same lattice and volume, another motif
    moved = ms.Crystal(hcp.cell, np.asarray(hcp.basis) + np.array([[0, 0, 0], [0, 0, 0.2]]), hcp.species)
    assert turned(hcp, moved) is None
    swapped = ms.Crystal(hcp.cell, hcp.basis, ("Mg", "X"))
    assert turned(hcp, swapped) is None
    sheared = ms.Crystal(
        np.asarray(fcc.cell) @ np.array([[1, 0.02, 0], [0, 1, 0], [0, 0, 1.0]]), fcc.basis, fcc.species
    )
    assert turned(fcc, sheared) is None
