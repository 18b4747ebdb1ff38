"""Conversion to and from ASE, and what is refused though ASE takes it."""

import math
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.crystal.ase import from_ase, to_ase
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.lattice import Crystal, bulk
from msjax.crystal.neighbours import find
from msjax.crystal.potentials import EAM, LennardJones

ase = pytest.importorskip("ase", reason="needs ase (extra msjax[atoms])")


@pytest.mark.parametrize(
    "crystal",
    [
        bulk("Cu", "fcc", 3.615, mass=62.93),
        bulk("Si", "diamond", 5.431),
        bulk("X", "bcc", 1.2),
        Crystal([[3.0, 0, 0], [0.4, 3.1, 0], [0, 0, -3.3]], [[0, 0, 0.0], [1.5, 1.4, 9.0]], ("Ni", "Al")),
    ],
    ids=["mass", "diamond", "model", "left-handed"],
)
def test_round_trip(crystal):
    back = from_ase(to_ase(crystal), structure=crystal.structure)
    assert (back.species, back.structure) == (crystal.species, crystal.structure)
    for mine, theirs in [(crystal.cell, back.cell), (crystal.basis, back.basis), (crystal.masses, back.masses)]:
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize(
    ("name", "structure", "constants"),
    [
        ("Cu", "fcc", {"a": 3.615}),
        ("Fe", "bcc", {"a": 2.87}),
        ("Si", "diamond", {"a": 5.431}),
        ("Fe", "sc", {"a": 2.4}),
        ("Mg", "hcp", {"a": 3.209, "c": 5.211}),
        ("Mg", "hcp", {"a": 3.209}),
        (("Ga", "As"), "zincblende", {"a": 5.653}),
        (("Na", "Cl"), "rocksalt", {"a": 5.64}),
    ],
)
def test_agrees_with_ases_own_bulk(name, structure, constants):
    from ase.build import bulk as ase_bulk

    ideal = {"covera": math.sqrt(8 / 3)} if structure == "hcp" and "c" not in constants else {}
    theirs = from_ase(ase_bulk("".join(name), structure, **constants, **ideal))
    mine = bulk(name, structure, **constants)
    assert mine.species == theirs.species
    np.testing.assert_allclose(theirs.cell, mine.cell, atol=1e-14)
    np.testing.assert_allclose(theirs.basis, mine.basis, atol=1e-14)
    np.testing.assert_allclose(theirs.masses, mine.masses, rtol=1e-4)


def test_honeycomb_has_the_bonds_of_ases_graphene():
    from ase.build import graphene
    from ase.neighborlist import neighbor_list

    sheet, a = graphene(a=2.46, vacuum=10.0), 2.46
    theirs = np.sort(neighbor_list("d", sheet, 2.6 * a))
    mine = bulk("C", "honeycomb", a)
    found = find(np.asarray(mine.cell), np.asarray(mine.basis), mine.species, 2.6 * a, reduced=False)
    vectors = found.vectors(mine.cell, mine.basis)
    np.testing.assert_allclose(np.sort(np.linalg.norm(vectors, axis=1)), theirs, rtol=1e-12)
    assert float(mine.volume) == pytest.approx(np.linalg.norm(np.cross(*sheet.cell.array[:2])), rel=1e-12)


QUARTZ = {"symbols": ["Si", "O"], "basis": [(0.4697, 0, 1 / 3), (0.4135, 0.2669, 0.2143)], "spacegroup": 152}
PEROVSKITE = {"symbols": ["Sr", "Ti", "O"], "basis": [(0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0)], "spacegroup": 221}


@pytest.mark.parametrize(
    ("form", "edges", "count"),
    [
        (QUARTZ, [4.916, 4.916, 5.405, 90, 90, 120], {"Si": 3, "O": 6}),
        (PEROVSKITE, [3.905, 3.905, 3.905, 90, 90, 90], {"Sr": 1, "Ti": 1, "O": 3}),
    ],
    ids=["quartz", "perovskite"],
)
def test_a_crystal_comes_from_a_cif(tmp_path, form, edges, count):
    from ase.io import read, write
    from ase.neighborlist import neighbor_list
    from ase.spacegroup import crystal as of_space_group

    written = of_space_group(**form, cellpar=edges)
    write(tmp_path / "x.cif", written)
    found = from_ase(read(tmp_path / "x.cif"))
    assert {symbol: found.species.count(symbol) for symbol in found.species} == count
    assert float(found.volume) == pytest.approx(written.get_volume(), rel=1e-6)
    bonds = find(np.asarray(found.cell), np.asarray(found.basis), found.species, 3.0, reduced=False)
    mine = np.linalg.norm(bonds.vectors(found.cell, found.basis), axis=1)
    pairs = [f"{found.species[i]}-{found.species[j]}" for i, j in zip(bonds.origin, bonds.partner, strict=True)]
    first, second, theirs = neighbor_list("ijd", written, 3.0)
    others = [f"{written.symbols[i]}-{written.symbols[j]}" for i, j in zip(first, second, strict=True)]
    assert sorted(pairs) == sorted(others)
    for pair in set(pairs):  # a file has so many digits
        one, two = (np.sort(d[np.array(names) == pair]) for d, names in ((mine, pairs), (theirs, others)))
        np.testing.assert_allclose(one, two, atol=1e-4)
    with pytest.raises(ValueError, match="LennardJones cannot tell species apart, but the crystal holds"):
        CauchyBorn(found, LennardJones(sigma=2.0))


@pytest.mark.slow
def test_the_primitive_cell_of_a_cif_responds_as_the_one_built(tmp_path):
    from ase.build import bulk as ase_bulk
    from ase.io import read, write

    write(tmp_path / "cube.cif", ase_bulk("Cu", "fcc", 3.615, cubic=True))
    cube = from_ase(read(tmp_path / "cube.cif"), structure="fcc")
    (tmp_path / "group.cif").write_text(CIF.format(occupancy="1.0", second=""))
    primitive = from_ase(read(tmp_path / "group.cif", primitive_cell=True, subtrans_included=False), structure="fcc")
    assert (cube.atoms_per_cell, primitive.atoms_per_cell) == (4, 1)
    F = jnp.array([[1.01, 0.02, 0.0], [0.0, 0.99, 0.0], [0.0, 0.01, 1.0]])
    mine = CauchyBorn(bulk("Cu", "fcc", 3.615), EAM.gupta("Cu")).respond(F)
    for crystal in (cube, primitive):
        theirs = CauchyBorn(crystal, EAM.gupta("Cu"))
        np.testing.assert_allclose(theirs.respond(F).stress, mine.stress, atol=1e-11)


CIF = """data_copper
_cell_length_a 3.615
_cell_length_b 3.615
_cell_length_c 3.615
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_space_group_IT_number 225
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Cu1 Cu 0 0 0 {occupancy}
{second}
"""


@pytest.mark.parametrize(("second", "message"), [("", r"\(0.5 Cu\)"), ("Au1 Au 0 0 0 0.5", r"\(0.5 Cu, 0.5 Au\)")])
def test_sites_that_are_shared_or_partly_empty_are_refused(tmp_path, second, message):
    """ASE itself puts a whole atom there."""
    from ase.io import read

    (tmp_path / "x.cif").write_text(CIF.format(occupancy="0.5", second=second))
    partly = read(tmp_path / "x.cif")
    with pytest.raises(ValueError, match="atoms: site 0 is shared or partly empty " + message):
        from_ase(partly)
    del partly.info["occupancy"]
    assert from_ase(partly).atoms_per_cell == 4


def atoms(**changes):
    arguments = {"symbols": "CuCu", "positions": [[0, 0, 0], [2, 2, 2]], "cell": [4, 4, 4], "pbc": True}
    return ase.Atoms(**{**arguments, **changes})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"positions": [[0, 0, 0], [math.nan, 2, 2]]}, "basis: positions must be finite, atom 1"),
        ({"positions": [[0, 0, 0], [4, 0, 4]]}, "atoms 0 and 1 coincide"),
        ({"cell": [[4, 0, 0], [0, 4, 0], [4, 4, 0]]}, "singular cell"),
        ({"cell": None}, "singular cell"),
        ({"cell": [4, math.inf, 4]}, "cell: entries must be finite"),
        ({"pbc": [True, False, True]}, r"not periodic along cell vector\(s\) \[1\]"),
        ({"pbc": False}, r"\[0, 1, 2\]"),
        ({"masses": [63.5, -1.0]}, "masses: must be positive"),
        ({"symbols": "", "positions": []}, "there are none"),
    ],
)
def test_from_ase_refuses(changes, message):
    with pytest.raises(ValueError, match=message):
        from_ase(atoms(**changes))


def test_other_types_are_refused():
    with pytest.raises(TypeError, match="expected ase.Atoms, got dict"):
        from_ase({})


def test_low_dimensions_and_traced_values_are_refused():
    with pytest.raises(ValueError, match="has 2 dimension"):
        to_ase(bulk("X", "square", 1.0))
    with pytest.raises(ValueError, match="traced"):
        jax.jit(lambda a: to_ase(bulk("Cu", "fcc", a)).cell[0, 0])(3.6)


def test_missing_ase_names_the_extra(monkeypatch):
    crystal = bulk("Cu", "fcc", 3.615)
    monkeypatch.setitem(sys.modules, "ase", None)
    with pytest.raises(ImportError, match=r"msjax\[atoms\]"):
        to_ase(crystal)
