"""Conversion to and from ASE, and what is refused though ASE takes it."""

import math
import sys

import jax
import numpy as np
import pytest

from msjax.crystal.ase import from_ase, to_ase
from msjax.crystal.lattice import Crystal, bulk

ase = pytest.importorskip("ase", reason="needs ase (extra msjax[atoms])")
# ASE 3.29 and older under NumPy 2.5 and newer
pytestmark = pytest.mark.filterwarnings("ignore:Setting the shape on a NumPy array:DeprecationWarning")


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


def test_agrees_with_ases_own_bulk():
    from ase.build import bulk as ase_bulk

    for name, structure, a in [("Cu", "fcc", 3.615), ("Fe", "bcc", 2.87), ("Si", "diamond", 5.431)]:
        theirs = from_ase(ase_bulk(name, structure, a))
        mine = bulk(name, structure, a)
        np.testing.assert_allclose(theirs.cell, mine.cell, atol=1e-14)
        np.testing.assert_allclose(theirs.basis, mine.basis, atol=1e-14)
        np.testing.assert_allclose(theirs.masses, mine.masses, rtol=1e-4)


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
