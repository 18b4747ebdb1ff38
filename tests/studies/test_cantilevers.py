"""Wires' and cantilevers' files, and cantilevers of atoms fitted: rigidity, clamp offset, and which data carry what."""

import jax.numpy as jnp
import numpy as np
import pytest

from msjax import units
from msjax.calibration import calibrate
from msjax.nano import Beam
from msjax.studies import read_cantilevers, read_wires, shipped_cantilevers, shipped_wires
from msjax.studies.cantilever_law import (
    CantileverLaw,
    cantilever_parameters,
    shipped_cantilever_law,
    sides_of,
)

E, G = 67.1143 * units.GPa, 76.2061 * units.GPa  # bulk copper along ⟨100⟩
ROTATIONS = ("EI_curv", "kGA", "clamp_offset")
"""Read off section rotations far from clamp and load: data that the fits to k and f₁ … f₃ never see."""


@pytest.fixture(scope="module")
def cantilevers():
    return shipped_cantilevers()


@pytest.fixture(scope="module")
def rotations():
    return shipped_cantilevers(measured=ROTATIONS)


@pytest.fixture
def write(tmp_path):
    def write(text: str):
        path = tmp_path / "mine.csv"
        path.write_text(text)
        return path

    return write


def test_wires_and_cantilevers_are_read(cantilevers, write):
    wires = shipped_wires()
    assert wires.names == ("eps_star", "E_app")
    assert wires.rows == 17
    np.testing.assert_allclose(wires.stated("D_nom")[[0, -1]], [1.445970026, 8.133581399])
    np.testing.assert_allclose(wires.values["E_app"][0], 31.71722881 * units.GPa)
    assert list(cantilevers.controls) == ["D", "L"]
    np.testing.assert_allclose(cantilevers.values["k_lin"][0], 0.00933138985 * units.N_per_m)
    np.testing.assert_allclose(cantilevers.values["f1"][0], 1.56178214e-3 * units.THz)
    assert cantilevers.lines == tuple(range(11, 21))
    np.testing.assert_allclose(sides_of(cantilevers) / units.nm, [1.62671628, 1.98820879, 2.34970129, 3.07268631])
    # columns that are there are taken; a stiffness is not counted twice, rotations are no data unasked
    mine = read_cantilevers(write("L [nm],side [nm],k [N/m],k_lin [N/m],EI [nN nm^2]\n30,2,1,1,9\n"), relative_sd=0.1)
    assert (mine.names, list(mine.controls)) == (("k",), ["D", "L"])
    mine = read_wires(write("D [nm],E_app [GPa],EA [nN],nu\n2,60,200,0.4\n"), relative_sd=0.1)
    assert mine.names == ("EA", "nu")


@pytest.mark.parametrize(
    ("read", "text", "options", "message"),
    [
        (read_wires, "", {}, "mine.csv: empty, there is no header"),
        (read_wires, "h [nm],EA [nN]\n2,9\n", {}, "no column of sides; expected one of D, D_nom, side"),
        (read_wires, "D [nm],k [N/m]\n2,9\n", {}, "nothing measured; expected some of eps_star, EA.*got D, k"),
        (read_wires, "D [nm],EA [nN]\n2,9\n", {}, "no standard deviation for 'EA'"),
        (read_wires, "D [nm],EA [nN]\n2,9\n0,9\n", {"relative_sd": 0.1}, "line 3, column 'D': 0 nm must be positive"),
        (read_wires, "D [nm],EA [nN],E_app [GPa]\n2,9,60\n", {"measured": ["EA", "E_app"], "relative_sd": 0.1},
         "EA, E_app are not independent: a wire has one stiffness in tension; choose e.g. EA"),
        (read_cantilevers, "D [nm],k [N/m]\n2,9\n", {}, "no column of lengths; expected one of L, length"),
        (read_cantilevers, "D [nm],L [nm],EA [nN]\n2,20,9\n", {}, "nothing measured; expected some of k, k_lin"),
        (read_cantilevers, "D [nm],L [nm],f1 [GHz]\n2,20,x\n", {"relative_sd": 0.1}, "line 2, column 'f1': 'x' is not"),
        (read_cantilevers, "D [nm],L [nm],f1\n2,20,1\n", {"relative_sd": 0.1}, "'f1' states no unit"),
        (read_cantilevers, "D [nm],L [nm],f1 [GHz]\n2,20,1\n", {"measured": ["f4"]}, "cantilever law predicts .*f4"),
        (read_cantilevers, "D [nm],L [nm],f1 [GHz]\n2,20,1\n", {"measured": ["f2"]}, "line 1: no column 'f2'"),
    ],
)  # fmt: skip
def test_what_is_refused_names_where(write, read, text, options, message):
    with pytest.raises(ValueError, match=message):
        read(write(text), **options)


@pytest.mark.slow
def test_rotations_predict_stiffness_and_frequencies(cantilevers, rotations):
    # nothing fitted: EI, kGA and clamp offset of each section's longest beam, mass and overhang by atom count
    law = shipped_cantilever_law(cantilevers)
    D = np.asarray(cantilevers.controls["D"])
    last = [int(np.flatnonzero(np.isclose(D, side))[-1]) for side in law.sides]
    # 4091 atoms in 94 free and 7 held layers of the thinnest
    per_length = 63.55 * 4091 / 101 / (2.0 * float(law.overhang[0]))
    assert float(law.mass[0]) == pytest.approx(per_length, rel=2e-4)
    values = {
        name: rotations.values[key][jnp.array(last)] for name, key in zip(("EI", "kGA", "clamp_offset"), ROTATIONS)
    }
    found = law(values, cantilevers.controls)
    off = {name: np.abs(np.asarray(found[name] / cantilevers.values[name]) - 1.0) for name in cantilevers.names}
    assert np.max(off["k_lin"]) < 2e-3
    assert np.max(off["f1"]) < 1e-3
    assert np.max(off["f2"]) < 6e-3
    assert np.max(off["f3"]) < 2e-2
    # a side that is no section's is NaN and harms no other
    controls = {"D": cantilevers.controls["D"].at[3].mul(1.01), "L": cantilevers.controls["L"]}
    again = law(values, controls)
    assert np.isnan(np.asarray(again["k"])).tolist() == [i == 3 for i in range(10)]
    np.testing.assert_allclose(np.delete(again["f2"], 3), np.delete(found["f2"], 3), rtol=1e-12)


def test_mistakes_in_the_law_are_named(cantilevers):
    with pytest.raises(ValueError, match="metal: cantilevers of Cu come with the project, got 'Al'"):
        shipped_cantilevers("Al")
    with pytest.raises(ValueError, match="metal: wires of Cu come with the project, got 'Al'"):
        shipped_wires("Al")
    with pytest.raises(ValueError, match="expected the controls D and L, got D_nom"):
        sides_of(shipped_wires())
    with pytest.raises(ValueError, match="density: expected one positive number"):
        CantileverLaw.of(cantilevers, -1.0)
    with pytest.raises(ValueError, match="strain: expected numbers above -1"):
        CantileverLaw.of(cantilevers, 1.0, strain=-1.0)
    law = CantileverLaw.of(cantilevers, 1.0)
    with pytest.raises(ValueError, match="offsets: expected 'one', 'each' or 'none', got 'two'"):
        cantilever_parameters(law, E, G, offsets="two")
    with pytest.raises(ValueError, match="a side is none of the wires in data/wires_100"):
        shipped_cantilever_law(read_like(cantilevers, 1.001))


def read_like(cantilevers, factor):
    from msjax.calibration import Observations

    controls = {"D [nm]": factor * cantilevers.stated("D"), "L [nm]": cantilevers.stated("L")}
    return Observations.of({"k [N/m]": cantilevers.stated("k_lin")}, controls=controls, relative_sd=0.1)


@pytest.mark.slow
def test_the_fit_of_rigidity_and_clamp_offset(cantilevers, rotations):
    law = shipped_cantilever_law(cantilevers)
    fit = calibrate(law, cantilevers, cantilever_parameters(law, E, G, offsets="each"), starts=1)
    off = {name: np.abs(np.asarray(fit.residuals[name] * cantilevers.sd[name] / cantilevers.values[name]))
           for name in cantilevers.names}  # fmt: skip
    assert np.max(off["k_lin"]) < 0.01
    assert np.max(off["f1"]) < 0.03
    # far better than asked for
    assert np.max(off["k_lin"]) < 0.002
    assert np.max(off["f1"]) < 0.001
    assert np.max(off["f2"]) < 0.005
    assert np.max(off["f3"]) < 0.02
    # against what section rotations say
    sides = np.asarray(law.sides)
    rows = [int(np.flatnonzero(np.isclose(cantilevers.controls["D"], side))[-1]) for side in sides]
    EI = rotations.stated("EI_curv")[rows]
    offset = rotations.stated("clamp_offset")[rows]
    np.testing.assert_allclose(fit.values["EI"], EI, rtol=0.003)
    np.testing.assert_allclose(fit.values["clamp_offset"], offset, atol=0.02)
    for i in range(4):
        low, high = fit.intervals()[f"EI[{i}]"]
        assert low < EI[i] < high
        low, high = fit.intervals()[f"clamp_offset[{i}]"]
        assert low < offset[i] < high
    verdicts = dict(zip(fit.names, fit.identifiability.verdicts))
    assert {verdicts[f"EI[{i}]"] for i in range(4)} == {"identified"}
    assert {verdicts[f"clamp_offset[{i}]"] for i in range(4)} == {"identified"}
    assert "identified" not in {verdicts[f"kGA[{i}]"] for i in range(4)}
    # without the offset the stiffnesses of one section contradict one another by more than the bar
    k = np.asarray(cantilevers.values["k_lin"])[:3]
    L = np.asarray(cantilevers.controls["L"])[:3]
    plain = np.array([float(Beam(l, 1.0, shear_flexibility=0.0).point_stiffness().k) for l in L])
    assert np.ptp(k / plain) / np.mean(k / plain) > 0.03
