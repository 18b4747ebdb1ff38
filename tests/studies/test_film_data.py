"""A user's own films: which columns are taken, and what is refused."""

import numpy as np
import pytest

from msjax import units
from msjax.studies import film_bulk, read_films, shipped_films, with_noise
from msjax.studies.film_data import independent
from msjax.studies.films import film_study
from msjax.studies.textbook_lines import apparent_moduli, textbook_lines

HEAD = "# my films\nh [nm],eps_star,E_app [GPa],sd(E_app) [GPa],eps_star_sd [-]\n"
ROWS = "2.0,-0.0115,55.3,0.8,0.0002\n4.0,-0.0061,61.5,0.8,0.0002\n8.0,-0.0031,64.5,0.8,0.0002\n"


@pytest.fixture
def write(tmp_path):
    def write(text: str):
        path = tmp_path / "mine.csv"
        path.write_text(text)
        return path

    return write


def test_columns_that_are_there_are_taken(write):
    films = read_films(write(HEAD + ROWS))
    assert films.names == ("eps_star", "E_app")
    np.testing.assert_allclose(films.stated("sd(E_app)"), 0.8)
    np.testing.assert_allclose(films.controls["h"], np.array([2.0, 4.0, 8.0]) * units.nm)
    films = read_films(write("thickness [nm],Y2D [N/m],nu\n2,300,0.6\n3,400,0.58\n"), relative_sd=0.02)
    assert films.names == ("nu", "Y2D")


def test_a_stiffness_is_not_counted_twice(write):
    everything = ("eps_star", "A11", "A12", "E_app", "Y_app", "nu", "E2D", "Y2D")
    assert independent(everything) == ["eps_star", "A11", "A12"]
    assert independent(["E2D", "E_app", "nu", "Y_app"]) == ["E_app", "Y_app"]
    assert shipped_films("Al").names == ("eps_star", "A11", "A12")
    path = write("h [nm],A11 [N/m],A12 [N/m],nu\n2,170,110,0.6\n")
    assert read_films(path, relative_sd=0.1).names == ("A11", "A12")
    with pytest.raises(ValueError, match="A11, A12, nu are not independent.*choose e.g. A11, A12"):
        read_films(path, measured=["A11", "A12", "nu"], relative_sd=0.1)


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("", {}, "empty, there is no header"),
        (HEAD, {}, "there are no data below the header in line 2"),
        ("E_app [GPa]\n60\n", {}, "no column of thicknesses; expected one of h, h_nom, thickness"),
        ("h [nm],colour\n2,3\n", {}, "nothing measured; expected some of eps_star.*got h, colour"),
        ("h [nm],E_app [GPa]\n2,60\n", {}, "no standard deviation for 'E_app'"),
        ("h [nm],E_app\n2,60\n", {"relative_sd": 0.1}, "'E_app' states no unit"),
        ("h,E_app [GPa]\n2,60\n", {"relative_sd": 0.1}, "'h' states no unit"),
        ("h [nm],E_app [GPa]\n2,60\n-3,61\n", {"relative_sd": 0.1}, "line 3, column 'h': -30? .*must be positive"),
        ("h [nm],E_app [GPa]\n2,nan\n", {"relative_sd": 0.1}, "line 2, column 'E_app': nan is not a finite number"),
        (HEAD + ROWS, {"measured": ["colour"]}, "the film law predicts .* not colour"),
    ],
)
def test_what_is_refused_names_where(write, text, options, message):
    with pytest.raises(ValueError, match=message):
        read_films(write(text), **options)


def test_noise_is_as_stated_and_seeded():
    films = shipped_films("Cu")
    noisy, again, other = with_noise(films, 0.02, 3), with_noise(films, 0.02, 3), with_noise(films, 0.02, 4)
    scores = np.concatenate(
        [(np.asarray(noisy.values[k]) / np.asarray(films.values[k]) - 1.0) / 0.02 for k in films.names]
    )
    assert 0.75 < np.std(scores) < 1.25
    assert abs(np.mean(scores)) < 0.45
    np.testing.assert_array_equal(noisy.values["A11"], again.values["A11"])
    assert np.all(np.asarray(noisy.values["A11"]) != np.asarray(other.values["A11"]))
    np.testing.assert_allclose(noisy.sd["A12"], 0.02 * np.asarray(films.values["A12"]))
    assert noisy.lines == films.lines
    assert "2 % noise" in noisy.source


def test_moduli_come_from_whatever_was_measured(write):
    films = shipped_films("Cu")
    columns = "h_nom [nm],E2D [N/m],Y2D [N/m]\n"
    moduli = apparent_moduli(films)
    h = films.stated("h_nom")
    columns += "".join(f"{x:.12g},{e * x:.12g},{y * x:.12g}\n" for x, e, y in zip(h, moduli["E_app"], moduli["Y_app"]))
    mine = read_films(write(columns), relative_sd=0.01)
    for name in ("E_app", "Y_app"):
        np.testing.assert_allclose(apparent_moduli(mine)[name], moduli[name], rtol=1e-10)
    assert [line.S for line in textbook_lines(mine)] == pytest.approx([line.S for line in textbook_lines(films)])
    assert textbook_lines(films.window("h_nom", at_least=9.0)) == ()


def test_a_metal_that_did_not_come_along_is_named():
    with pytest.raises(ValueError, match="films of Cu, Al come with the project, got 'Au'"):
        shipped_films("Au")
    with pytest.raises(
        ValueError, match="bulk: expected 'Cu' or 'Al', a setfl file or a CSV.*got 'Au', which is no file"
    ):
        film_bulk("Au")


def test_a_table_of_constants_must_be_whole(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("quantity,value,uncertainty,unit\nC11,170,1,GPa\nC12,122,1,GPa\n")
    with pytest.raises(ValueError, match="mine.csv: the bulk law needs C11.*there is no C44, C111"):
        film_bulk(str(path))


@pytest.mark.slow
def test_a_users_own_films_end_to_end(write):
    # strain and one modulus of copper films to 1 %, with their own columns
    films = shipped_films("Cu")
    modulus = apparent_moduli(films)["E_app"]
    h, strain = films.stated("h_nom"), films.stated("eps_star")
    text = "thickness [nm],eps_star,E_app [GPa]\n"
    text += "".join(f"{a},{b},{c}\n" for a, b, c in zip(h, strain, modulus))
    said = []
    study = film_study(
        read_films(write(text), relative_sd=0.01),
        film_bulk("Cu", "constants"),
        at_least=2.0,
        title="My films",
        starts=1,
        progress=lambda done, total, message: said.append((done, total, message)),
    )
    full = study.law("full").fit
    low, high = full.intervals()["tau0"]
    assert low < 1.5014 < high
    verdicts = dict(zip(full.names, full.identifiability.verdicts, strict=True))
    assert verdicts["tau0"] == "identified"
    # one modulus cannot tell the two surface stiffnesses apart
    assert "not identified by these data" in verdicts.values()
    text = study.report()
    assert text.startswith("My films\n")
    assert "off the slab" not in text
    assert [done for done, _, _ in said] == [0, 1, 2, 3, 4]
    assert study.truth is None
    assert study.noisy is None
    study.save(write("").parent / "result.json")
