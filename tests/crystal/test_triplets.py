"""Stillinger–Weber and Tersoff files: what is read, and what is refused and how."""

import jax
import numpy as np
import pytest

import msjax as ms
import msjax.crystal.triplets as triplets_module

ROW = "2.0 1.5 1.80 21.0 1.20 -0.333333333333 7.0 0.6 4.0 0.0 0.0"
GA, N = f"Ga Ga Ga {ROW}", f"N N N {ROW.replace('2.0 1.5', '1.2 1.3')}"
MIXED = "Ga Ga N 1.6 0.0 0.0 32.5 0.0 -0.3 0.0 0.0 0.0 0.0 0.0"
TERSOFF = "3.0 1.0 1.3258 4.8381 2.0417 0.0 22.956 0.33675 1.3258 95.373 3.0 0.2 3.2394 3264.7"


def leaves(potential):
    return [float(x) for x in jax.tree.leaves(potential)]


def test_the_published_silicon_file(potential_file):
    found, built_in = ms.StillingerWeber.read(potential_file("Si.sw")), ms.StillingerWeber()
    assert (found.element, found.p, found.q) == ("Si", 4.0, 0.0)
    np.testing.assert_allclose(leaves(found), leaves(built_in), rtol=2e-12)  # cos θ₀ has twelve digits in the file
    assert jax.tree.structure(found) == jax.tree.structure(built_in)
    assert leaves(ms.StillingerWeber.read(str(potential_file("Si.sw")), "Si")) == leaves(found)


@pytest.mark.slow
def test_silicon_from_its_file_agrees_with_lammps(potential_file, reference):
    entry = reference("lattice_response")["SW_Si"]
    state = entry["states"][1]
    crystal = ms.bulk("Si", "diamond", entry["a0"])
    response = ms.CauchyBorn(crystal, ms.StillingerWeber.read(potential_file("Si.sw")), inner="clamped").respond(
        np.array(state["F"])
    )
    assert float(response.energy) == pytest.approx(state["W"], rel=1e-9)
    np.testing.assert_allclose(response.stress, state["P"], atol=1e-9)


def test_published_files_of_several_elements(potential_file):
    nitrogen = ms.StillingerWeber.read(potential_file("GaN.sw"), "N")
    assert (float(nitrogen.epsilon), float(nitrogen.sigma), float(nitrogen.lam)) == (1.2, 1.3, 32.5)
    carbon = ms.Tersoff.read(potential_file("SiC.tersoff"), "C")
    assert (carbon.element, carbon.m) == ("C", 3)
    expected = {"A": 1393.6, "B": 346.7, "lam1": 3.4879, "lam2": 2.2119, "lam3": 0.0, "beta": 1.5724e-7, "n": 0.72751}
    expected |= {"c": 38049.0, "d": 4.3484, "cos0": -0.57058, "gamma": 1.0, "R": 1.95, "D": 0.15}
    assert {name: float(getattr(carbon, name)) for name in expected} == expected
    labelled = ms.Tersoff.read(potential_file("SiCGe.tersoff"), "Si(D)")
    assert labelled.elements == ("Si",)
    assert leaves(labelled) == leaves(ms.Tersoff())
    with pytest.raises(ValueError, match=r"no entry 'Si' of one element in this file; it has Si\(B\), Si\(C\), C, Si"):
        ms.Tersoff.read(potential_file("SiCGe.tersoff"), "Si")
    with pytest.raises(ValueError, match="line 20, entry C C C: D: must be positive, got 0.0"):
        ms.Tersoff.read(potential_file("SiC_1990.tersoff"), "C")


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_any_wrapping_comments_and_fortran_exponents(write, newline):
    content = f"# {GA}\n\n{MIXED}\n  N N N 1.2D0 .13d+01 # epsilon, sigma\n\n1.80 # a\n2.1E+01 120.0D-2\n"
    content += f"-3.33333333333d-1 7.0 6000.0-004\n# 5.0\n4.0 0.0 0.0\n{GA}"
    path = write(content.replace("\n", newline))
    assert leaves(ms.StillingerWeber.read(path, "N")) == leaves(ms.StillingerWeber.read(write(N)))


def test_which_element(write):
    path = write(f"{GA}\n{MIXED}\n{N}\n")
    assert float(ms.StillingerWeber.read(path, "N").sigma) == 1.3
    with pytest.raises(ValueError, match="element: the file holds Ga, N; say which one"):
        ms.StillingerWeber.read(path)
    with pytest.raises(ValueError, match="no entry 'Al' of one element in this file; it has Ga, N"):
        ms.StillingerWeber.read(path, "Al")
    assert ms.StillingerWeber.read(write(f"{MIXED}\n{N}")).element == "N"
    with pytest.raises(ValueError, match="no element has an entry with itself"):
        ms.StillingerWeber.read(write(MIXED))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ("# nothing\n\n", "only comments; expected a Stillinger–Weber file"),
        (GA.encode() + b"\n\x00", "line 2: byte 0x00: this is a binary file"),
        ("# caf\xe9".encode("latin-1"), "line 1: byte 0xe9 is not UTF-8"),
        (f"# UNITS: real\n{GA}", "line 1: units 'real'; only metal"),
        (f"{GA}\n1.0 2.0", "line 2: '1.0' is one column too many: entry Ga Ga Ga has all 11"),
        (f"{GA} 0.0", "line 1: '0.0' is one column too many"),
        (f"{GA} comment", "line 1: 'comment' is one column too many"),
        (f"#\n{GA[:-4]}\n{N}", "line 2, entry Ga Ga Ga: 10 of 11 columns; missing: tol"),
        (f"{N}\nGa Ga Ga 1.0\n2.0", "line 2, entry Ga Ga Ga: 2 of 11 columns; missing: a, lam, gamma, cos0, A"),
        ("Ga Ga Ga", "line 1, entry Ga Ga Ga: 0 of 11 columns"),
        (f"Ga Ga {ROW}", "line 1: expected three element names, found 'Ga Ga 2.0'"),
        (f"{N}\nGa Ga", "line 2: expected three element names, found 'Ga Ga'"),
        (f"{N}\nGa", "line 2: expected three element names, found 'Ga'"),
        (f"\n{ROW}", "line 2: expected three element names, found '2.0'"),
        (f"{N}\n\n{GA}\n{N}", "line 4: a second entry N N N; the first is on line 1"),
        (GA.replace("21.0", "nan"), "line 1: 'nan' is not finite, in lam"),
        (GA.replace("21.0", "\nNaN"), "line 2: 'NaN' is not finite, in lam"),
        (GA.replace("21.0", "-Inf"), "line 1: '-Inf' is not finite, in lam"),
        (GA.replace("21.0", "1e999"), "line 1: '1e999' is not finite, in lam"),
        (GA.replace("21.0", "2_1"), "line 1: '2_1' is not a number, in lam"),
        (GA.replace("21.0", "21,0"), "line 1: '21,0' is not a number, in lam"),
        (f"nan {GA}", "line 1: expected three element names, found 'nan'"),
        (f"{GA}\n{MIXED.replace('-0.3', 'x')}", "line 2: 'x' is not a number, in cos0"),  # not asked for
        (f"\n{GA.replace('2.0', '-2.0')}", "line 2, entry Ga Ga Ga: epsilon: must be positive, got -2.0"),
        (GA.replace("1.5", "0.0"), "line 1, entry Ga Ga Ga: sigma: must be positive, got 0.0"),
        (GA.replace("0.6", "-0.6"), "line 1, entry Ga Ga Ga: B: must not be negative, got -0.6"),
        (GA.replace("0.0 0.0", "0.0 -0.1"), "line 1, entry Ga Ga Ga: tol: must not be negative, got -0.1"),
    ],
)  # fmt: skip
def test_refusals_name_file_and_line(write, content, message):
    path = write(content)
    with pytest.raises(ValueError, match=message) as error:
        ms.StillingerWeber.read(path, "Ga")
    assert str(error.value).startswith(str(path))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("3.0 1.0", "2.0 1.0", "m: must be 1 or 3, got 2.0"),
        ("22.956", "0.0", "n: must be positive, got 0.0"),
        ("0.33675", "-1.0", "beta: must be positive, got -1.0"),
        ("3.0 0.2", "3.0 3.0", "D: half the width of the cut-off, must be below R = 3.0, got 3.0"),
        ("1.3258 95", "-1.3258 95", "lam2: must not be negative, got -1.3258"),
        ("2.0417", "0.0", "d: must be positive, got 0.0"),
        (" 3264.7", "", "13 of 14 columns; missing: A"),
    ],
)
def test_refusals_of_tersoff_files(write, old, new, message):
    with pytest.raises(ValueError, match=f"test.eam, line 1, entry Si Si Si: {message}"):
        ms.Tersoff.read(write(f"Si Si Si {TERSOFF.replace(old, new)}"))


def test_every_truncation_is_refused(write):
    """A file cut before its last column is never read as if it were whole."""
    for length in range(len(GA) - 3):
        with pytest.raises(ValueError, match="test.eam"):
            ms.StillingerWeber.read(write(GA[:length]))


def test_paths_that_are_no_files(tmp_path, monkeypatch, write):
    with pytest.raises(ValueError, match=r"does not exist; expected a Tersoff file \(\*.tersoff\)"):
        ms.Tersoff.read(tmp_path / "nothing.tersoff")
    with pytest.raises(ValueError, match="is a directory"):
        ms.StillingerWeber.read(tmp_path)
    monkeypatch.setattr(triplets_module, "MAX_BYTES", 20)
    with pytest.raises(ValueError, match="bytes; at most 20 are read"):
        ms.StillingerWeber.read(write(GA))
