"""Saved fits: the same report again, or a refusal."""

import json

import jax.numpy as jnp
import numpy as np
import pytest

from msjax.calibration import Fit, Normal, Observations, Parameter, archive, calibrate

DATA = Observations.of({"y [GPa]": [1.0, 2.1, 2.9]}, sd={"y": 0.1}, controls={"x [nm]": [1.0, 2.0, 3.0]})
PARAMETERS = [
    Parameter("a", "GPa", prior=Normal(1.0, 1.0)),
    Parameter("b", "-", bounds=(0.0, 2.0)),
    Parameter("double", "GPa", tied=lambda v: 2.0 * v["a"]),
    Parameter("scale", "nm", fixed=1.0),
]


def model(values, controls):
    return values["double"] * values["b"] * controls["x"] / values["scale"]


@pytest.fixture(scope="module")
def fit():
    return calibrate(model, DATA, PARAMETERS, starts=3)


@pytest.mark.slow
def test_a_fit_comes_back_whole(fit, tmp_path):
    path = tmp_path / "fit.json"
    fit.save(path)
    fit.save(path)  # replaces
    assert [p.name for p in tmp_path.iterdir()] == ["fit.json"]
    again = Fit.load(path, PARAMETERS)
    assert str(again) == str(fit)
    np.testing.assert_array_equal(again.covariance, fit.covariance)
    band, same = fit.predict(model)["y"], again.predict(model)["y"]
    np.testing.assert_array_equal(band.sd, same.sd)
    # without the functions a tie is the number it was
    bare = Fit.load(path)
    assert bare.values == fit.values
    assert bare.intervals() == fit.intervals()
    assert bare.identifiability.verdicts == fit.identifiability.verdicts


@pytest.mark.slow
def test_a_failed_fit_can_be_kept(tmp_path):
    fit = calibrate(lambda v, c: model(v, c) * jnp.nan, DATA, PARAMETERS, starts=2, throw=False)
    fit.save(tmp_path / "failed.json")
    again = Fit.load(tmp_path / "failed.json", PARAMETERS)
    assert bool(again.status.failed)
    assert np.isnan(again.values["a"])
    assert str(again) == str(fit)
    with pytest.raises(ValueError, match="failed.json: parameters"):  # the tie had no value to keep
        Fit.load(tmp_path / "failed.json")


@pytest.mark.slow
def test_other_parameters_are_refused(fit, tmp_path):
    fit.save(tmp_path / "fit.json")
    with pytest.raises(ValueError, match="the saved parameters are a, b, double, scale, given were a"):
        Fit.load(tmp_path / "fit.json", PARAMETERS[:1])
    for other in (Parameter("a", "GPa", prior=Normal(1.0, 2.0)), Parameter("a", "MPa", prior=Normal(1.0, 1.0))):
        with pytest.raises(ValueError, match="'a' is not the one that was saved"):
            Fit.load(tmp_path / "fit.json", [other, *PARAMETERS[1:]])
    with pytest.raises(ValueError, match="'scale' is fixed at another value"):
        Fit.load(tmp_path / "fit.json", [*PARAMETERS[:3], Parameter("scale", "nm", fixed=2.0)])


def _drop(record):
    del record["hessian"]


def _set(*path):
    *keys, last, value = path

    def change(record):
        for key in keys:
            record = record[key]
        record[last] = value

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_drop, "the entry 'hessian' is missing"),
        (_set("format", "other"), "this is not a fit"),
        (_set("version", 2), "version 2; this release reads version 1"),
        (_set("z", [0.0]), r"z: shape \(1,\), expected \(2,\)"),
        (_set("z", [0.0, None]), "z: a number is missing or not finite"),
        (_set("z", [0.0, "1"]), "z: not an array of numbers"),
        (_set("z", [0.0, True]), "z: not an array of numbers"),
        (_set("jacobian", 0, [1.0]), "jacobian"),
        (_set("status", "code", 99), "status: unknown result code"),
        (_set("curvature", "none"), "curvature, method or basins"),
        (_set("parameters", 0, "unit", "psi"), "a: unknown unit 'psi'"),
        (_set("parameters", 0, "prior", {"kind": "Cauchy"}), "prior: unknown kind"),
        (_set("parameters", 0, "prior", "width", -1.0), "sd must be positive"),
        (_set("parameters", 0, "prior", "more", 1.0), "expected the fields mean and width"),
        (_set("observations", "lines", [1, 2, -3]), "lines must be positive integers"),
        (_set("observations", "measured", 0, "sd", [0.1, 0.0, 0.1]), r"sd\(y\) must be positive"),
        (_set("observations", "measured", 0, "values", [1.0, None, 2.0]), "y: a number is missing"),
        (_set("observations", "measured", []), "nothing was measured"),
    ],
)
def test_damaged_files_are_refused(fit, tmp_path, change, message):
    path = tmp_path / "fit.json"
    fit.save(path)
    record = json.loads(path.read_text(encoding="utf-8"))
    change(record)
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(ValueError, match=f"fit.json: .*{message}"):
        Fit.load(path)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"format": NaN}', "[" * 100_000, "\x00", '"text"'])
def test_what_is_no_fit_is_refused(tmp_path, text):
    path = tmp_path / "fit.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match="fit.json: "):
        Fit.load(path)


def test_a_huge_file_is_refused_unread(fit, tmp_path, monkeypatch):
    fit.save(tmp_path / "fit.json")
    monkeypatch.setattr(archive, "LARGEST_FILE", 10)
    with pytest.raises(ValueError, match="bytes; fits are read up to 10"):
        Fit.load(tmp_path / "fit.json")


def test_an_interrupted_write_leaves_the_old_file(fit, tmp_path, monkeypatch):
    path = tmp_path / "fit.json"
    fit.save(path)
    before = path.read_text(encoding="utf-8")

    def broken(*_):
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", broken)
    with pytest.raises(OSError, match="no space"):
        fit.save(path)
    assert path.read_text(encoding="utf-8") == before
    assert [p.name for p in tmp_path.iterdir()] == ["fit.json"]
