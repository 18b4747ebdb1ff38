"""Phonons at Γ X L W K of six lattices against LAMMPS, tests/reference/surfaces_phonons.json."""

import numpy as np
import pytest

import msjax as ms

POINTS = {
    "Gamma": (0.0, 0.0, 0.0),
    "X": (0.5, 0.0, 0.5),
    "L": (0.5, 0.5, 0.5),
    "W": (0.5, 0.25, 0.75),
    "K": (0.375, 0.375, 0.75),
}
CASES = {
    "LJ_cut2.5_shift": ("X", 1.0, lambda _: ms.LennardJones(outer=2.5, ending="shifted")),
    "LJ_gromacs_2.5_3.5": ("X", 1.0, lambda _: ms.LennardJones(inner=2.5, outer=3.5)),
    "Morse_Cu_smoothlinear_9.0": (
        "Cu",
        63.546,
        lambda _: ms.Morse(0.3429, 1.3588, 2.866, outer=9.0, ending="force-shifted"),
    ),
    "EAM_Cu_mishin1": ("Cu", 63.55, lambda file: ms.EAM.setfl(file("Cu_mishin1.eam.alloy"))),
    "EAM_Al_zhou": ("Al", 26.982, lambda file: ms.EAM.setfl(file("Al_zhou.eam.alloy"))),
    "SW_Si": ("Si", 28.0855, lambda _: ms.StillingerWeber()),
}


@pytest.mark.slow
@pytest.mark.parametrize("key", CASES)
def test_frequencies_agree_with_lammps(key, reference, potential_file):
    entry = reference("lattice_response")[key]
    element, mass, make = CASES[key]
    crystal = ms.bulk(element, entry["lattice"], entry["a0"], mass=mass)
    material = ms.CauchyBorn(crystal, make(potential_file))
    q = np.array(list(POINTS.values()))
    if element == "X":  # reduced units: the angular frequency
        omega2 = np.asarray(ms.phonons.modes(material, q).omega2)
        found = np.sqrt(np.maximum(omega2, 0.0))
    else:
        found = np.asarray(ms.phonons.frequencies(material, q))
    expected = np.array([reference("surfaces_phonons")[key]["phonons"][name] for name in POINTS])
    acoustic = np.abs(expected) < 1e-3
    assert np.max(np.abs(found[acoustic])) < 1e-5
    assert np.max(np.abs(found[~acoustic] / expected[~acoustic] - 1.0)) < 1e-4
