"""Figures: what they show, how they are written, and what they refuse."""

import sys

import numpy as np
import pytest

import msjax as ms
from msjax.calibration import Normal
from msjax.status import Code, Status

plot = pytest.importorskip("msjax.plot", reason="figures need matplotlib: pip install 'msjax[plot]'")
pytest.importorskip("matplotlib", reason="figures need matplotlib: pip install 'msjax[plot]'")


def line(values, controls):
    return {"E": values["E"] + 2.0 * values["S"] / controls["h"]}


PARAMETERS = [
    ms.Parameter("E", "GPa", prior=Normal(65.0, 10.0)),
    ms.Parameter("S", "N/m", prior=Normal(0.0, 10.0)),
]


@pytest.fixture(scope="module")
def fitted():
    controls = {"h [nm]": [2.0, 4.0, 8.0, 16.0]}
    data = ms.Observations.of({"E [GPa]": [60.0, 63.0, 65.0, 66.0]}, controls=controls, relative_sd=0.02)
    return ms.calibrate(line, data, PARAMETERS, starts=1)


@pytest.fixture(scope="module")
def study():
    from msjax.studies import film_bulk, film_study, shipped_films

    return film_study(shipped_films("Cu"), film_bulk("Cu", "constants"), noise=(0.02, 2.0, 7), starts=1)


def test_a_fit_is_drawn_with_its_data_band_and_residuals(fitted):
    figure = plot.fit(fitted, line)
    upper, lower = figure.axes
    curve = next(artist for artist in upper.lines if artist.get_label() == "fit")
    at = curve.get_xdata()
    found = fitted.values["E"] + 2.0 * fitted.values["S"] / at
    np.testing.assert_allclose(curve.get_ydata(), found, rtol=1e-9)
    np.testing.assert_allclose(lower.lines[0].get_ydata(), fitted.residuals["E"])
    assert lower.get_xlabel() == "h (nm)"
    assert upper.get_title(loc="left") == "E (GPa)"


def test_a_fit_that_cannot_be_drawn_is_refused(fitted):
    import dataclasses

    import jax.numpy as jnp

    with pytest.raises(ValueError, match="no control 'd'; there are h"):
        plot.fit(fitted, line, "d")
    failed = dataclasses.replace(fitted, status=Status.of(jnp.asarray(int(Code.MAX_STEPS), jnp.int32)))
    with pytest.raises(ValueError, match="it failed"):
        plot.fit(failed, line)


def test_a_figure_is_written_whole_or_not_at_all(fitted, tmp_path):
    figure = plot.fit(fitted, line)
    plot.save(figure, tmp_path / "fit.png")
    assert (tmp_path / "fit.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match=r"expected an ending among .*png.*got 'fit.doc'"):
        plot.save(figure, tmp_path / "fit.doc")
    with pytest.raises(ValueError, match="there is no folder"):
        plot.save(figure, tmp_path / "nowhere" / "fit.png")
    assert [path.name for path in tmp_path.iterdir()] == ["fit.png"]


def test_without_matplotlib_the_extra_is_named(fitted, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'msjax\[plot\]'"):
        plot.fit(fitted, line)


@pytest.mark.slow
def test_importing_figures_does_not_import_matplotlib():
    import subprocess

    code = "import sys, msjax.plot; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_dispersion_shows_imaginary_frequencies_below_zero():
    springs = ms.Springs(stiffness=[1.0, 1.0], length=[1.0, 2.0**0.5])
    square = ms.CauchyBorn(ms.bulk("X", "square", a=1.0), springs)
    path = [("Γ", (0.0, 0.0)), ("X", (0.5, 0.0)), ("M", (0.5, 0.5)), ("Γ", (0.0, 0.0))]
    figure = plot.dispersion(square, path, {"": np.eye(2), "squeezed": 0.8 * np.eye(2)}, points=9)
    axes = figure.axes[0]
    lowest = [float(np.min(curve.get_ydata())) for curve in axes.lines[:4]]
    assert min(lowest[:2]) > -1e-9
    assert min(lowest[2:]) < -1e-3
    with pytest.raises(ValueError, match="at least two named wave vectors"):
        plot.dispersion(square, path[:1])


@pytest.mark.slow
def test_the_film_figure_shows_what_the_study_found(study):
    from msjax import units

    figure = plot.films(study)
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    for words in ("E_{app}", "ε*", "A_{11}", "A_{12}", "surface stress", "textbook S"):
        assert any(words in title for title in titles), words
    upper = figure.axes[0]
    law = study.law("full")
    curve = next(artist for artist in upper.lines if artist.get_label() == "full law")
    h = 1.0 / curve.get_xdata()
    found = law.fit.predict(law.model, {"h_nom [nm]": h})["E_app"].value / units.GPa
    np.testing.assert_allclose(curve.get_ydata(), found, rtol=1e-9)
    stress = next(axes for axes in figure.axes if "surface stress" in axes.get_title(loc="left"))
    shown = [container.lines[0].get_xdata()[0] for container in stress.containers]
    assert shown[0] == pytest.approx(law.fit.values["tau0"])
