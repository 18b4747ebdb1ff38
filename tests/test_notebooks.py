"""The notebooks run from top to bottom, and each pair says the same."""

import os
from pathlib import Path

import pytest

jupytext = pytest.importorskip("jupytext", reason="notebooks are jupytext pairs: pip install 'msjax[notebook]'")

NOTEBOOKS = sorted((Path(__file__).resolve().parent.parent / "notebooks").glob("*.py"))


def test_there_are_notebooks():
    assert NOTEBOOKS


@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_pair_says_the_same(source):
    text, paired = jupytext.read(source), jupytext.read(source.with_suffix(".ipynb"))
    assert [(cell.cell_type, cell.source) for cell in text.cells] == [
        (cell.cell_type, cell.source) for cell in paired.cells
    ], f"run: jupytext --to ipynb {source.name}"
    assert not any(cell.get("outputs") for cell in paired.cells), "notebooks are committed without outputs"


@pytest.mark.slow
@pytest.mark.parametrize("source", NOTEBOOKS, ids=lambda path: path.stem)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:(zmq|jupyter|nbclient|nbformat|traitlets)")
def test_it_runs(source):
    nbclient = pytest.importorskip("nbclient", reason="notebooks run by nbclient: pip install 'msjax[notebook]'")
    notebook = jupytext.read(source)
    client = nbclient.NotebookClient(notebook, timeout=600, kernel_name="python3")
    client.execute(cwd=str(source.parent), env={**os.environ, "PYTHONPATH": str(source.parent.parent)})
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 4
    complaints = [output.text for output in outputs if output.get("name") == "stderr"]
    assert not complaints, complaints
