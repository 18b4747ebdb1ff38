"""Routes to a cantilever's stiffness: closed forms, beams, three dimensions, atoms."""

import numpy as np
import pytest

import msjax as ms
from msjax.crystal.equilibrium import equilibrium
from msjax.studies import plate_routes, wire_routes


@pytest.mark.slow
def test_a_silicon_plate_by_five_routes():
    """3 EI/L³ and EI* to round-off; beams, relaxed section and elements in 3-D within a per cent."""
    found = plate_routes(130.0, 0.28, 200.0, 50.0, 2000.0, -10.655, cells=(1, 2, 16))
    bare = 3.0 * 130.0 * 200.0 * 50.0**3 / 12.0 / 2000.0**3
    assert found["formula, bulk alone"] == pytest.approx(bare, rel=1e-12) == pytest.approx(0.1015625, rel=1e-12)
    both = bare - 3.0 * 10.655 * (200.0 * 50.0**2 / 2.0 + 50.0**3 / 6.0) / 2000.0**3
    assert found["formula, with surfaces"] == pytest.approx(both, rel=1e-12)
    assert found["beam elements"] < both
    for route in found.routes[1:]:
        assert route.k == pytest.approx(found["elements in 3-D"], rel=0.011)
    # the plate's width cannot contract at the clamp: stiffer than a beam, softer than a plate in cylindrical bending
    assert found["beam elements"] < found["elements in 3-D"] < found["beam elements"] / (1.0 - 0.28**2)
    assert "elements in 3-D" in str(found)


@pytest.mark.slow
def test_copper_cantilevers_from_the_potential_alone(potential_file, data_directory):
    """Bulk beams are 70 % and 43 % too stiff, textbook surfaces leave 40 % and 23 %, the section from atoms with the
    clamp's offset 1 %; elements in three dimensions, given no offset, 4 % on a mesh of 2 × 4 × 10."""
    potential = ms.EAM.setfl(potential_file("Cu_mishin1.eam.alloy"))
    bulk = equilibrium(ms.CauchyBorn(ms.bulk("Cu", "fcc", 3.6149), potential)).material
    with open(data_directory / "cantilever_100_Cu_mishin1.csv") as file:
        table = np.genfromtxt([line for line in file if not line.startswith("#")], delimiter=",", names=True)
    for planes in (13, 17):
        row = table[table["n"] == planes][0]
        cells = (2, 10) if planes == 17 else None
        found = wire_routes(bulk, planes, row["L_nm"], row["k_lin_N_per_m"], row["clamp_offset_nm"], cells=cells)
        assert found["formula, bulk alone"] > 1.4 * found["atoms"]
        assert found["formula, textbook surfaces"] > 1.2 * found["atoms"]
        assert found["the same, clamp offset"] == pytest.approx(found["atoms"], rel=0.01)
    assert 1.0 < found["elements in 3-D"] / found["atoms"] < 1.04
