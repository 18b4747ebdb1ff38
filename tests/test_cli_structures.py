"""``msjax fit`` on wires and cantilevers: what it takes a file for, what it refuses, what it writes."""

import json

import pytest

from msjax import cli

pytest.importorskip("tyro", reason="the command line needs tyro: pip install 'msjax[cli]'")

from msjax.cli.structures import kind_of

FILMS = "h [nm],E_app [GPa],sd(E_app) [GPa]\n2,60,1\n4,63,1\n8,65,1\n"
WIRES = "D [nm],E_app [GPa],sd(E_app) [GPa]\n3,55,1\n4,58,1\n8,63,1\n"
CANTILEVERS = "side [nm],length [nm],k [N/m],sd(k) [N/m]\n2,20,0.0166,0.0002\n2,32,0.0039,0.0001\n"


@pytest.fixture
def at(tmp_path, monkeypatch):
    """Run in a folder with a file of each kind."""
    for name, text in (("films", FILMS), ("wires", WIRES), ("cantilevers", CANTILEVERS)):
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_columns_tell_what_a_file_is_about(at, data_directory):
    for name in ("films", "wires", "cantilevers"):
        assert kind_of(at / f"{name}.csv") == name
    assert kind_of(data_directory / "films_100_Al_zhou.csv") == "films"
    assert kind_of(data_directory / "wires_100_Cu_mishin1.csv") == "wires"
    assert kind_of(data_directory / "cantilever_100_Cu_mishin1.csv") == "cantilevers"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["wires.csv"], "wires.csv: which bulk? say --metal Cu, --metal Al, or --bulk FILE"),
        (["nowhere.csv", "-k", "wires", "-m", "Cu"], "nowhere.csv: there is no such file"),
        (["wires.csv", "-m", "Cu", "-k", "cantilevers"], "wires.csv: no column of lengths; expected one of L, length"),
        (["films.csv", "-m", "Cu", "-k", "wires"], "films.csv: no column of sides; expected one of D, D_nom, side"),
        (["-k", "wires", "-m", "Al"], "--metal: wires of Cu come with msjax, none of Al"),
        (["-k", "cantilevers", "--bulk", "films.csv"], "--bulk: a file of your own goes with measurements of your own"),
        (["wires.csv", "--bulk", "nowhere"], "--bulk: expected auto, potential, constants or a file"),
        (["wires.csv", "--bulk", "films.csv", "-m", "Cu"], "both name the bulk"),
        (["cantilevers.csv", "--bulk", "films.csv"], "line 1: expected the header quantity,value,uncertainty,unit"),
        (["cantilevers.csv", "-m", "Cu", "--at-least", "2"], "--at-least: films and wires have a smallest size"),
        (["wires.csv", "-m", "Cu", "--offsets", "one"], "--offsets: goes with cantilevers"),
        (["films.csv", "-m", "Cu", "--films", "films.csv"], "--films: goes with wires"),
        (["-k", "wires", "--films", "films.csv"], "--films: the copper films are fitted with the wires that come"),
        (["wires.csv", "-m", "Cu", "--films", "nowhere.csv"], "nowhere.csv: there is no such file"),
    ],
)
def test_a_mistake_is_told_in_one_line(arguments, words, at, capsys):
    assert cli.run(["fit", *arguments]) == cli.MISTAKE
    told = capsys.readouterr().err
    assert told.startswith("msjax: ")
    assert told.count("\n") == 1
    assert words in told


@pytest.mark.slow
def test_cantilevers_of_ones_own_are_fitted_and_written(at, capsys, data_directory):
    """Two stiffnesses of one section: rigidity and one offset, without frequencies or density."""
    bulk = at / "mine.csv"
    bulk.write_text("quantity,value,uncertainty,unit\nC11,170,1,GPa\nC12,123,1,GPa\nC44,76,1,GPa\n")
    assert cli.run(["fit", "cantilevers.csv", "--bulk", "mine.csv", "-o", "out"]) == 0
    assert "Cantilevers of cantilevers.csv" in capsys.readouterr().out
    record = json.loads((at / "out" / "cantilevers.json").read_text("utf-8"))
    # k = 3 EI/(L + δ)³ for two lengths, by hand: EI = 40 nN nm² and δ = −0.4 nm nearly
    assert record["verdicts"]["EI[0]"] == "identified"
    low, high = record["interval90"]["EI[0]"]
    assert low < 40.36 < high
    assert set(record["provenance"]["files"]) == {"cantilevers", "bulk"}
    assert "Which data carry which parameter" in (at / "out" / "cantilevers.txt").read_text("utf-8")


@pytest.mark.slow
def test_wires_and_films_of_copper_are_fitted_together(at, capsys):
    assert cli.run(["fit", "-k", "wires", "--bulk", "constants", "-o", "out"]) == 0
    record = json.loads((at / "out" / "wires_Cu.json").read_text("utf-8"))
    text = (at / "out" / "wires_Cu.txt").read_text("utf-8")
    alone, together = record["alone"], record["together"]
    # wires know the surface stress, and of the stiffnesses one combination only: G″ = −3.58 N/m by the slab
    assert alone["verdicts"]["tau0"] == "identified"
    assert alone["verdicts"]["G12"] == "not identified by these data"
    assert alone["G2_N_per_m"]["value"] == pytest.approx(-3.58, abs=0.15)
    assert alone["values"]["tau0 [N/m]"][0] == pytest.approx(1.5014, rel=0.04)
    # with films both: Γ11 −1.589, Γ12 4.566
    assert together["verdicts"]["G11"] == together["verdicts"]["G12"] == "identified"
    assert together["values"]["G11 [N/m]"][0] == pytest.approx(-1.589, abs=0.15)
    assert together["values"]["G12 [N/m]"][0] == pytest.approx(4.566, abs=0.08)
    assert together["dof"] > 40
    for words in ("4S/D", "Wires and films together", "off the slab", "films.A11", "the third order in 1/D"):
        assert words in text
