"""The command line: what it refuses and how, what it writes, and that it loses nothing."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from msjax import cli

pytest.importorskip("tyro", reason="the command line needs tyro: pip install 'msjax[cli]'")

GOOD = "h [nm],E_app [GPa],sd(E_app) [GPa]\n2,60,1\n4,63,1\n8,65,1\n"


@pytest.fixture
def at(tmp_path, monkeypatch):
    """Run in an empty folder with some files in it."""

    def put(**files: str) -> Path:
        for name, text in files.items():
            (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
        return tmp_path

    monkeypatch.chdir(tmp_path)
    return put


def refused(capsys, *arguments: str) -> str:
    """The one line on stderr of a command that must exit with 2."""
    assert cli.run(arguments) == cli.MISTAKE
    words = capsys.readouterr().err
    assert words.startswith("msjax: ")
    assert words.count("\n") == 1
    return words


MISTAKES = {
    "h,E_app [GPa],sd(E_app) [GPa]\n2,60,1\n": "films.csv, line 1, column 1: the heading 'h' states no unit",
    "h [furlong],E_app [GPa],sd(E_app) [GPa]\n2,60,1\n": "films.csv, line 1, column 1: 'h [furlong]': unknown unit",
    "h [nm],E_app,sd(E_app)\n2,60,1\n": "'E_app' states no unit; write 'E_app [unit]' ('[-]' without a unit)\n",
    "h [nm],E_app [GPa]\n2,60\n": "for 'E_app'; add a column 'sd(E_app) [GPa]', or say --relative-sd 0.02",
    "h [nm],E_app [GPa],sd(E_app) [GPa]\n-2,60,1\n": "films.csv, line 2, column 'h': -2 nm must be positive",
    "h [nm],E_app [GPa],sd(E_app) [GPa]\n2,60,0\n": "films.csv, line 2, column 'sd(E_app)': 0 GPa must be positive",
    "h [nm],E_app [GPa],sd(E_app) [GPa]\n2,sixty,1\n": "films.csv, line 2, column 'E_app': 'sixty' is not a number",
    "h [nm],E_app [GPa],sd(E_app) [GPa]\n2,nan,1\n": "films.csv, line 2, column 'E_app': nan is not a finite number",
    "h [nm],E_app [GPa],sd(E_app) [GPa]\n2,60\n": "films.csv, line 2: 2 cells, the header has 3",
    "h [nm],E_app [GPa],sd(E_app) [GPa]\n": "films.csv: there are no data below the header in line 1",
    "": "films.csv: empty, there is no header",
    "h [nm],stiffness [GPa]\n2,60\n": "films.csv: nothing measured; expected some of eps_star, A11",
    "d [nm],E_app [GPa]\n2,60\n": "films.csv: no column of thicknesses; expected one of h, h_nom, thickness",
}


@pytest.mark.parametrize("text", MISTAKES)
def test_a_mistake_in_the_data_is_told_in_one_line(text, at, capsys):
    at(films=text)
    assert MISTAKES[text] in refused(capsys, "fit", "films.csv", "--metal", "Cu")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["films.csv"], "films.csv: which bulk? say --metal Cu, --metal Al, or --bulk FILE"),
        (["nowhere.csv", "-m", "Cu"], "nowhere.csv: there is no such file"),
        (["films.csv", "--bulk", "nowhere"], "--bulk: expected auto, potential, constants or a file"),
        (["films.csv", "-m", "Cu", "--bulk", "films.csv"], "both name the bulk"),
        (
            ["films.csv", "--bulk", "films.csv"],
            "line 1: expected the header quantity,value,uncertainty,unit",
        ),
        (["--bulk", "films.csv"], "goes with films of your own"),
        (["--output", "films.csv"], "--output films.csv: this, or what it would lie in, is no folder"),
        (["--output", "films.csv/below"], "--output films.csv/below: this, or what it would lie in, is no folder"),
        (["--noise", "2"], "--noise: expected a fraction from 0 to below 1 (0.02 is 2 %), got 2"),
        (["--at-least", "-1"], "--at-least: expected a thickness in nm, not negative, got -1"),
        (["--at-least", "nan"], "--at-least: expected a thickness in nm, not negative, got nan"),
        (["--relative-sd", "0.02"], "--relative-sd: is for films of your own"),
        (["films.csv", "-m", "Cu", "--relative-sd", "0"], "--relative-sd: expected a fraction between 0 and 1"),
        (["--element", "Cu"], "--element: goes with --bulk FILE"),
    ],
)
def test_a_mistake_in_the_options_is_told_in_one_line(arguments, words, at, capsys):
    at(films=GOOD)
    assert words in refused(capsys, "fit", *arguments)


def test_the_parser_refuses_what_it_does_not_know(at, capsys):
    for arguments in (["--metal", "Au"], ["--wrong"], ["--at-least", "two"]):
        with pytest.raises(SystemExit) as stop:
            cli.run(["fit", *arguments])
        assert stop.value.code == cli.MISTAKE
        assert "Traceback" not in capsys.readouterr().err
    assert "no command 'fly'; there are fit and doctor" in refused(capsys, "fly")


def test_help_and_version(capsys):
    import msjax

    assert cli.run([]) == cli.run(["--help"]) == cli.run(["--version"]) == 0
    words = capsys.readouterr().out
    assert "msjax fit --help" in words
    assert msjax.__version__ in words
    with pytest.raises(SystemExit) as stop:
        cli.run(["fit", "--help"])
    assert stop.value.code == 0
    words = capsys.readouterr().out
    for option in ("--metal", "--bulk", "--at-least", "--relative-sd", "--noise", "--seed", "--output", "--pdf"):
        assert option in words
    assert "h [nm], E_app [GPa], sd(E_app) [GPa]" in words
    assert "None" not in words


def test_without_tyro_the_extra_is_named(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "tyro", None)
    assert "pip install 'msjax[cli]'" in refused(capsys, "fit")


def test_a_traceback_can_be_asked_for(at, monkeypatch):
    at()
    monkeypatch.setenv("MSJAX_TRACEBACK", "1")
    with pytest.raises(ValueError, match="there is no such file"):
        cli.run(["fit", "nowhere.csv", "-m", "Cu"])


def test_a_finished_metal_is_kept_when_the_next_one_fails(at, monkeypatch, capsys):
    folder = at()

    def one(job, *_):
        if job.metal == "Al":
            raise ValueError("aluminium went wrong")
        return SimpleNamespace(report=lambda: "report", record=lambda: {"title": job.name}, noisy=None,
                               bulk=SimpleNamespace(crystal=None))  # fmt: skip

    def no_figure(study):
        raise ModuleNotFoundError("figures need matplotlib")

    monkeypatch.setattr("msjax.cli.fit._study", one)
    monkeypatch.setattr("msjax.plot.films", no_figure)
    assert "aluminium went wrong" in refused(capsys, "fit", "-o", "out")
    assert json.loads((folder / "out" / "films_Cu.json").read_text("utf-8"))["title"] == "copper"
    assert (folder / "out" / "films_Cu.txt").read_text("utf-8") == "report\n"
    assert not list((folder / "out").glob("*Al*"))


@pytest.mark.slow
def test_the_doctor_is_content_here_and_not_with_wrong_numbers(monkeypatch, capsys):
    assert cli.run(["doctor"]) == 0
    words = capsys.readouterr().out
    assert "all is well" in words
    for what in ("Python", "JAX", "float64      on", "device", "potential", "canary", "Cauchy–Born"):
        assert what in words
    monkeypatch.setattr("msjax.cli.doctor._STRESS", -1.6573)
    assert cli.run(["doctor"]) == 1
    words = capsys.readouterr().out
    assert "Cauchy–Born  FAILED: ArithmeticError" in words
    assert "not sound" in words


@pytest.mark.slow
def test_films_of_ones_own_are_fitted_and_written(at, data_directory, capsys):
    """Copper's own films with the standard deviation on the command line, the bulk from elastic constants."""
    pytest.importorskip("matplotlib", reason="the figure needs matplotlib")
    folder = at()
    films = data_directory / "films_100_Cu_mishin1.csv"
    bulk = data_directory / "bulk_Cu_mishin1.csv"
    arguments = [str(films), "--bulk", str(bulk), "--relative-sd", "0.02", "-o", "out/deep", "--pdf"]
    assert cli.run(["fit", *arguments]) == 0
    words = capsys.readouterr().out
    assert words.startswith("msjax ")
    assert "[  0." in words.splitlines()[1]  # progress
    written = {path.suffix: path for path in (folder / "out" / "deep").iterdir()}
    assert set(written) == {".txt", ".json", ".png", ".pdf"}
    record = json.loads(written[".json"].read_text("utf-8"))
    origin = record["provenance"]
    assert origin["files"]["films"]["name"] == films.name
    assert len(origin["files"]["films"]["sha256"]) == 64
    assert origin["files"]["bulk"]["name"] == bulk.name
    assert origin["packages"]["jax"]
    assert str(folder) not in json.dumps(origin)
    law = next(law for law in record["laws"] if law["name"] == "full")
    low, high = law["interval90_N_per_m"]["tau0"]
    assert low < 1.501433 < high
    assert "identified" in written[".txt"].read_text("utf-8")
