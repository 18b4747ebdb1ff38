"""Strict observations: units, standard deviations and numbers, or a refusal that says where."""

from pathlib import Path

import numpy as np
import pytest

from msjax import units
from msjax.calibration import Observations, reading

DATA = Path(__file__).parents[2] / "data"

GOOD = """# nano-beams
h [nm],E_app [GPa],sd(E_app) [MPa],note
# a comment between
2.0,60.0,500,first
4.0,63.5,600,second

8.0,65.0,700,third
"""


def write(tmp_path, text, name="beams.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def read(path, **arguments):
    return Observations.read(path, measured=["E_app"], controls=["h"], positive=["h"], **arguments)


def test_columns_enter_internal_units_with_their_lines(tmp_path):
    data = read(write(tmp_path, GOOD))
    np.testing.assert_allclose(data.values["E_app"], np.array([60.0, 63.5, 65.0]) * units.GPa)
    np.testing.assert_allclose(data.sd["E_app"], np.array([0.5, 0.6, 0.7]) * units.GPa)
    np.testing.assert_allclose(data.controls["h"], [20.0, 40.0, 80.0])
    assert data.lines == (4, 5, 7)
    np.testing.assert_allclose(data.stated("sd(E_app)"), [0.5, 0.6, 0.7])
    assert (data.rows, data.count, data.names, data.unit("h")) == (3, 3, ("E_app",), "nm")
    chosen = data.window("h", at_least=3.0)
    assert chosen.lines == (5, 7)
    np.testing.assert_allclose(chosen.stated("E_app"), [63.5, 65.0])


def test_standard_deviations_from_a_suffix_an_argument_or_another_column(tmp_path):
    text = "h [nm],E_app [GPa],E_app_sd [GPa],spread [MPa]\n2,60,0.5,100\n4,63,0.6,200\n"
    path = write(tmp_path, text)
    np.testing.assert_allclose(read(path).stated("sd(E_app)"), [0.5, 0.6])
    np.testing.assert_allclose(read(path, sd={"E_app": 1.5}).stated("sd(E_app)"), [1.5, 1.5])
    np.testing.assert_allclose(read(path, sd={"E_app": "spread"}).stated("sd(E_app)"), [0.1, 0.2])
    bare = write(tmp_path, "h [nm],E_app [GPa]\n2,60\n4,63\n", "bare.csv")
    np.testing.assert_allclose(read(bare, relative_sd=0.02).stated("sd(E_app)"), [1.2, 1.26])
    np.testing.assert_allclose(read(bare, relative_sd={"E_app": 0.1}).stated("sd(E_app)"), [6.0, 6.3])


def test_the_shipped_films_are_read():
    data = Observations.read(
        DATA / "films_100_Cu_mishin1.csv",
        measured=["eps_star", "A11", "A12"],
        controls=["h_nom"],
        units={"eps_star": "-"},
        relative_sd=1e-4,
        positive=["h_nom"],
    ).window("h_nom", at_least=1.9)
    assert data.rows == 12
    assert data.unit("A11") == "N/m"
    np.testing.assert_allclose(data.controls["h_nom"][0], 19.88208786)
    np.testing.assert_allclose(data.values["A11"][0] / units.N_per_m, 178.4849269)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("E_app [GPa]", "E_app", r"beams.csv, line 2, column 2: the heading 'E_app' states no unit"),
        ("E_app [GPa]", "E_app [psi]", r"line 2, column 2: 'E_app \[psi\]': unknown unit 'psi'"),
        ("sd(E_app) [MPa]", "sd(E_app) []", r"line 2, column 3: .*unknown unit ''"),
        ("sd(E_app) [MPa]", "weight [-]", r"no standard deviation for 'E_app'; add a column 'sd\(E_app\) \[GPa\]'"),
        ("note", "h [nm]", "line 2, column 4: the heading 'h' is repeated"),
        ("h [nm]", "t [nm]", "line 2: no column 'h'; there are t, E_app"),
        (",600,", ",0,", r"line 5, column 'sd\(E_app\)': 0 GPa must be positive"),
        (",600,", ",-1,", r"line 5, column 'sd\(E_app\)': -0.001 GPa must be positive"),
        ("63.5", "nan", "line 5, column 'E_app': nan is not a finite number"),
        ("63.5", "inf", "line 5, column 'E_app': inf is not a finite number"),
        ("63.5", "63;5", "line 5, column 'E_app': '63;5' is not a number"),
        ("63.5", "6_3", "line 5, column 'E_app': '6_3' is not a number"),
        ("63.5", "", "line 5, column 'E_app': '' is not a number"),
        ("4.0,", "-4.0,", "line 5, column 'h': -4 nm must be positive"),
        (",second", "", "line 5: 3 cells, the header has 4"),
        (",second", ',"sec', "line 5: "),
    ],
)
def test_bad_tables_are_refused_with_the_place(tmp_path, old, new, message):
    assert old in GOOD
    with pytest.raises(ValueError, match=message):
        read(write(tmp_path, GOOD.replace(old, new)))


def test_tables_without_data(tmp_path):
    with pytest.raises(ValueError, match="beams.csv: empty, there is no header"):
        read(write(tmp_path, "# nothing\n"))
    with pytest.raises(ValueError, match="no data below the header in line 2"):
        read(write(tmp_path, "# nothing\nh [nm],E_app [GPa]\n"))
    with pytest.raises(ValueError, match="no row has h in .100, inf. nm; it runs from 2 to 8"):
        read(write(tmp_path, GOOD)).window("h", at_least=100.0)
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nowhere.csv")
    (tmp_path / "beams.csv").write_bytes(b"h [nm],E_app [GPa]\n\xff\xfe\n")
    with pytest.raises(ValueError, match="not UTF-8"):
        read(tmp_path / "beams.csv")


def test_a_huge_file_is_refused_unread(tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "LARGEST_FILE", 10)
    with pytest.raises(ValueError, match="bytes; tables of observations are read up to 10"):
        read(write(tmp_path, GOOD))


def test_units_given_may_not_contradict_the_heading(tmp_path):
    with pytest.raises(ValueError, match="'E_app' is stated in GPa by .*beams.csv, not in MPa"):
        read(write(tmp_path, GOOD), units={"E_app": "MPa"})
    with pytest.raises(ValueError, match="has no column 'x'"):
        read(write(tmp_path, GOOD), units={"x": "MPa"})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"measured": {"E": [1.0]}}, "'E' states no unit"),
        ({"measured": {"E [GPa]": [1.0, 2.0]}}, r"unequal lengths"),
        ({"measured": {"E [GPa]": []}, "controls": {}}, "there are no data"),
        ({"measured": {}, "controls": {}, "sd": None}, "there are no data"),
        ({"sd": None}, "no standard deviation for 'E'"),
        ({"sd": {"E": 0.0}}, r"row 1, column 'sd\(E\)': 0 GPa must be positive"),
        ({"sd": {"E": [0.1, 0.2]}}, r"sd of 'E' has shape \(2,\), expected \(\) or \(1,\)"),
        ({"sd": {"F": 0.1}}, "sd names 'F', which is not measured"),
        ({"sd": None, "relative_sd": -0.1}, "relative_sd of 'E' must be positive"),
        ({"measured": {"E [GPa]": [0.0]}, "sd": None, "relative_sd": 0.1}, r"column 'sd\(E\)': 0 GPa must be positive"),
        ({"measured": {"E [GPa]": [np.nan]}}, "row 1, column 'E': nan GPa is not a finite number"),
        ({"controls": {"h [nm]": [-1.0]}}, "row 1, column 'h': -1 nm must be positive"),
        ({"controls": {"E [nm]": [1.0]}}, "the column 'E' is given twice"),
        ({"positive": ["x"]}, "there is no column 'x'"),
    ],
)
def test_bad_arrays_are_refused(arguments, message):
    good = {
        "measured": {"E [GPa]": [1.0]},
        "controls": {"h [nm]": [1.0]},
        "sd": {"E": 0.1},
        "positive": ["h"] if "controls" not in arguments or arguments["controls"].get("h [nm]") else [],
    }
    with pytest.raises(ValueError, match=message):
        Observations.of(**{**good, **arguments})
