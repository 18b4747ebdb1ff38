"""Tables of different lengths in one fit: the posterior in closed form, names and lines, what is refused."""

import numpy as np
import pytest

from msjax.calibration import JointModel, Normal, Observations, Parameter, calibrate, coverage, joined

X = {"a": np.array([1.0, 2.0, 3.0]), "b": np.array([0.5, 4.0])}
Y = {"a": np.array([2.1, 3.9, 6.2]), "b": np.array([0.3, 0.1])}
SD = {"a": 0.1, "b": 0.2}


@pytest.fixture(scope="module")
def data():
    def part(kind, name):
        return Observations.of({f"{name} [-]": Y[kind]}, sd={name: SD[kind]}, controls={"x [-]": X[kind]})

    return joined({"a": part("a", "y"), "b": part("b", "w")})


@pytest.fixture(scope="module")
def fit(data):
    # y = s x + c in one table, w = c − s x/10 in the other
    models = {
        "a": lambda v, c: {"y": v["s"] * c["x"] + v["c"], "unused": c["x"]},
        "b": lambda v, c: {"w": v["c"] - 0.1 * v["s"] * c["x"]},
    }
    parameters = [Parameter("s", "-", prior=Normal(1.0, 2.0)), Parameter("c", "-", prior=Normal(0.0, 3.0))]
    return calibrate(JointModel(models), data, parameters, starts=1)


def design():
    rows = {"a": np.stack([X["a"], np.ones(3)], axis=1), "b": np.stack([-0.1 * X["b"], np.ones(2)], axis=1)}
    weighted = np.concatenate([rows[k] / SD[k] for k in "ab"])
    measured = np.concatenate([Y[k] / SD[k] for k in "ab"])
    return weighted, measured


@pytest.mark.slow
def test_the_posterior_is_that_of_all_rows(fit):
    weighted, measured = design()
    precision = weighted.T @ weighted + np.diag([1 / 4, 1 / 9])
    mean = np.linalg.solve(precision, weighted.T @ measured + np.array([1 / 4, 0.0]))
    np.testing.assert_allclose([fit.values["s"], fit.values["c"]], mean, rtol=1e-6)
    np.testing.assert_allclose(fit.covariance, np.linalg.inv(precision), rtol=1e-6)
    np.testing.assert_allclose(
        np.concatenate([fit.residuals["a.y"], fit.residuals["b.w"]]), measured - weighted @ mean, atol=1e-5
    )
    assert fit.observations.count == 5
    assert 2.9 < fit.dof < 3.1


@pytest.mark.slow
def test_what_each_table_says_alone(fit):
    weighted, _ = design()
    prior = np.diag([1 / 4, 1 / 9])
    for names, rows in (
        (("a.y",), slice(0, 3)),
        (("b.w",), slice(3, 5)),
        (("a.y", "b.w"), slice(0, 5)),
        ((), slice(0)),
    ):
        spread = np.sqrt(np.diag(np.linalg.inv(weighted[rows].T @ weighted[rows] + prior)))
        np.testing.assert_allclose(fit.identifiability_from(*names).ratio, spread / np.array([2.0, 3.0]), rtol=1e-6)
    np.testing.assert_allclose(fit.identifiability_from("a.y", "b.w").ratio, fit.identifiability.ratio, rtol=1e-9)
    with pytest.raises(ValueError, match="columns: 'y' was not measured; there are a.y, b.w"):
        fit.identifiability_from("y")


def test_names_lines_and_the_report(fit, data):
    assert [data.place(k) for k in range(5)] == [("a.y", 1), ("a.y", 2), ("a.y", 3), ("b.w", 1), ("b.w", 2)]
    with pytest.raises(ValueError, match="datum: expected 0 to 4, got 5"):
        data.place(5)
    text = fit.report()
    assert "on 5 data" in text
    assert "b.w in row" in text
    np.testing.assert_allclose(data.stated("b.x"), X["b"])


@pytest.mark.slow
def test_coverage_of_joined_tables(data):
    model = JointModel({"a": lambda v, c: {"y": v["s"] * c["x"]}, "b": lambda v, c: {"w": 0.3 * v["s"] * c["x"]}})
    found = coverage(model, data, [Parameter("s", "-", prior=Normal(1.0, 2.0))], _key(), sets=200)
    assert found.failed == 0
    assert 0.83 < found.fraction[0] < 0.97


def _key():
    import jax

    return jax.random.key(5)


def test_what_is_refused(data, fit, tmp_path):
    part = Observations.of({"y [-]": [1.0]}, sd={"y": 0.1})
    with pytest.raises(ValueError, match="parts: there are none"):
        joined({})
    with pytest.raises(ValueError, match="parts: the name 'a.b' is empty or has a dot"):
        joined({"a.b": part})
    with pytest.raises(ValueError, match="parts: 'both' is joined or batched already"):
        joined({"both": data})
    with pytest.raises(ValueError, match="take the window before joining"):
        data.window("a.x", at_least=1.0)
    with pytest.raises(ValueError, match="not to joined ones"):
        fit.save(tmp_path / "fit.json")
    with pytest.raises(ValueError, match="the model predicts no 'b.w'; it returned a.y"):
        calibrate(JointModel({"a": lambda v, c: {"y": c["x"] * v["s"]}}), data, [Parameter("s", "-", bounds=(0, 1))])
