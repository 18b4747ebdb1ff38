"""Fits against closed forms, and what happens to starts that fail."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import optimistix as optx
import pytest

from msjax import units
from msjax.calibration import LogNormal, Normal, Observations, Parameter, calibrate, estimate
from msjax.status import Code, SolveError

from .models import film, film_template

X = np.linspace(0.0, 1.0, 9)
Y = np.array([1.1, 1.3, 1.2, 1.9, 2.2, 2.3, 2.8, 2.7, 3.1])
SD = np.linspace(0.05, 0.2, 9)
LINE = Observations.of({"y [GPa]": Y}, sd={"y": SD}, controls={"x [-]": X})
PARAMETERS = [
    Parameter("slope", "GPa", prior=Normal(1.0, 2.0)),
    Parameter("offset", "MPa", prior=Normal(500.0, 300.0)),
]


def line(values, controls):
    return values["offset"] + values["slope"] * controls["x"]


def closed_form():
    """Mean and covariance of the Gaussian posterior, in GPa and MPa."""
    design = np.stack([X, 1e-3 * np.ones_like(X)], axis=1)
    prior_sd, prior_mean = np.array([2.0, 300.0]), np.array([1.0, 500.0])
    precision = (design / SD[:, None] ** 2).T @ design + np.diag(prior_sd**-2)
    covariance = np.linalg.inv(precision)
    return covariance @ ((design / SD[:, None] ** 2).T @ Y + prior_mean / prior_sd**2), covariance


@pytest.mark.slow
def test_a_linear_model_has_the_closed_form_posterior():
    mean, covariance = closed_form()
    fit = calibrate(line, LINE, PARAMETERS, starts=3)
    np.testing.assert_allclose([fit.values["slope"], fit.values["offset"]], mean, rtol=1e-7)
    np.testing.assert_allclose(fit.covariance, covariance, rtol=1e-10)
    np.testing.assert_allclose(list(fit.sd.values()), np.sqrt(np.diag(covariance)), rtol=1e-10)
    low, high = fit.intervals(0.9)["offset"]
    np.testing.assert_allclose(high - low, 2 * 1.6448536 * np.sqrt(covariance[1, 1]), rtol=1e-7)
    np.testing.assert_allclose(
        fit.correlation[0, 1], covariance[0, 1] / np.sqrt(covariance[0, 0] * covariance[1, 1]), rtol=1e-9
    )
    assert fit.basins == 1
    assert not np.any(fit.starts.failed)
    # the full Hessian of a linear model is the Gauss-Newton one
    full = calibrate(line, LINE, PARAMETERS, starts=1, curvature="full")
    np.testing.assert_allclose(full.hessian, fit.hessian, rtol=1e-9)
    # residuals and their number
    predicted = mean[1] * 1e-3 + mean[0] * X
    np.testing.assert_allclose(fit.residuals["y"], (Y - predicted) / SD, atol=1e-6)
    np.testing.assert_allclose(fit.chi2, np.sum(((Y - predicted) / SD) ** 2), rtol=1e-6)
    assert 7.0 < fit.dof < 7.2
    # predictions and a derived quantity carry the covariance of the parameters
    band = fit.predict(line, {"x [-]": [0.5]})["y"]
    np.testing.assert_allclose(band.value, [mean[1] * 1e-3 + 0.5 * mean[0]], rtol=1e-7)
    at = np.array([0.5, 1e-3])
    np.testing.assert_allclose(band.sd, [np.sqrt(at @ covariance @ at)], rtol=1e-9)
    np.testing.assert_allclose(fit.derived(lambda v: 0.5 * v["slope"] + v["offset"], "GPa").sd, band.sd[0], rtol=1e-9)


@pytest.mark.parametrize("method", [optax.adam(0.05), optx.GaussNewton(rtol=1e-8, atol=1e-8), optx.BFGS(1e-9, 1e-9)])
def test_other_methods_reach_the_same_point(method):
    mean, _ = closed_form()
    fit = calibrate(line, LINE, PARAMETERS, starts=1, method=method, max_steps=5000)
    np.testing.assert_allclose(fit.values["slope"], mean[0], rtol=2e-4)


@pytest.mark.slow
def test_many_parameters_by_a_first_order_method_and_by_reverse_mode():
    data = Observations.of({"y [-]": np.sin(6 * X)}, sd={"y": 0.1}, controls={"x [-]": X})
    field = Parameter("field", "-", prior=Normal(np.zeros((5, 8)), 1.0))
    waves = np.random.default_rng(0).standard_normal((9, 40)) / 6.0

    def model(values, controls):
        return jnp.asarray(waves) @ values["field"].reshape(40)

    expected = np.linalg.solve(waves.T @ waves / 0.01 + np.eye(40), waves.T @ np.sin(6 * X) / 0.01)
    for method, steps in ((optax.adam(0.03), 4000), ("levenberg-marquardt", 50)):
        fit = calibrate(model, data, [field], starts=1, method=method, max_steps=steps, tolerance=1e-2)
        np.testing.assert_allclose(fit.values["field"].ravel(), expected, atol=1e-2)
    assert fit.names[9] == "field[1, 1]"
    assert np.sum(fit.identifiability.eigenvalues > 1e-9) == 9  # nine data, forty parameters


class Spring(eqx.Module):
    """Something with leaves."""

    stiffness: jax.Array
    rest: jax.Array

    def __call__(self, values, controls):
        return {"force": self.stiffness * (controls["u"] - self.rest)}


class Pair(eqx.Module):
    left: Spring
    right: Spring

    def __call__(self, values, controls):
        return {"force": self.left(values, controls)["force"] + self.right(values, controls)["force"]}


@pytest.mark.slow
def test_parameters_replace_leaves_of_the_model_and_tie_to_others():
    u = np.linspace(1.0, 2.0, 6)
    model = Pair(Spring(jnp.asarray(9.9), jnp.asarray(9.9)), Spring(jnp.asarray(9.9), jnp.asarray(0.0)))
    data = Observations.of({"force [nN]": 3.0 * u - 2.0}, sd={"force": 0.01}, controls={"u [nm]": u})
    parameters = [
        Parameter("k", "N/m", bounds=(0.1, 5.0), where=lambda m: m.left.stiffness),
        Parameter("k_right", "N/m", tied=lambda v: 2.0 * v["k"], where=lambda m: m.right.stiffness),
        Parameter("rest", "nm", prior=LogNormal(1.0, 1.0), where=lambda m: (m.left.rest, m.right.rest)),
    ]
    fit = calibrate(model, data, parameters, starts=4)
    assert fit.values["k"] == pytest.approx(1.0, abs=2e-3)
    assert fit.values["k_right"] == 2.0 * fit.values["k"]
    assert fit.values["rest"] == pytest.approx(2.0 / 3.0, abs=5e-3)
    fitted = fit.fitted(model)
    np.testing.assert_allclose(fitted.right.stiffness / units.N_per_m, 2.0 * fit.values["k"], rtol=1e-12)
    np.testing.assert_allclose(fitted({}, data.controls)["force"] / units.nN, 3.0 * u - 2.0, atol=0.02)
    # a fixed parameter is set in the model too
    parameters[2] = Parameter("rest", "nm", fixed=2.0 / 3.0, where=lambda m: (m.left.rest, m.right.rest))
    assert calibrate(model, data, parameters, starts=1).values["k"] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.slow
def test_precise_data_give_their_truth_back():
    # 0.01 % errors stated and none made: the Hessian spans nine decades and the fit still finds the truth
    parameters = [
        Parameter("tau0", "N/m", prior=Normal(1.0, 1.0)),
        Parameter("G11", "N/m", prior=Normal(0.0, 10.0)),
        Parameter("G12", "N/m", prior=Normal(0.0, 10.0)),
        Parameter("W11", "GPa", prior=Normal(81.0, 4.0)),
    ]
    truth = {"tau0": 1.5014, "G11": -1.589, "G12": 4.566, "W11": 81.416}
    data = film_template(relative_sd=1e-4, **truth)
    fit = calibrate(film, data, parameters, starts=4)
    assert not np.any(fit.starts.failed)
    assert fit.basins == 1
    for name, value in truth.items():
        assert fit.values[name] == pytest.approx(value, abs=1e-3 * fit.sd[name])
    assert fit.sd["G11"] < 0.01
    assert any("scatter less than their stated" in text for text in fit.warnings)


@pytest.mark.slow
def test_intervals_respect_bounds():
    data = Observations.of({"y [-]": [0.02]}, sd={"y": 0.05})
    for prior in ({"bounds": (0.0, 1.0)}, {"prior": Normal(0.3, 0.3), "positive": True}):
        fit = calibrate(lambda v, c: v["a"][None], data, [Parameter("a", "-", **prior)], starts=1)
        low, high = fit.intervals(0.999)["a"]
        assert 0.0 < low < high < 1.0


def wall(values, controls):
    """Defined for a < 1 only; the data want a = 0.9, close to the wall."""
    a = values["a"]
    return jnp.where(a < 1.0, a, jnp.nan) * jnp.ones(3)


WALL = Observations.of({"y [-]": [0.9, 0.9, 0.9]}, sd={"y": 0.01})


@pytest.mark.slow
def test_starts_that_cannot_be_evaluated_are_masked_and_counted():
    fit = calibrate(wall, WALL, [Parameter("a", "-", prior=Normal(0.0, 2.0), initial=1.5)], starts=12)
    assert fit.values["a"] == pytest.approx(0.9, abs=1e-3)
    failed = int(np.sum(np.asarray(fit.starts.failed)))
    assert 1 <= failed <= 8
    assert int(fit.starts.code[0]) == Code.NONFINITE
    assert np.isnan(fit.start_misfits[0])
    assert f"{failed} of 12 starts failed" in fit.report()
    assert fit.basins == 1


def test_a_wall_of_nan_is_not_taken_for_a_minimum():
    beyond = Observations.of({"y [-]": [1.3, 1.3, 1.3]}, sd={"y": 0.01})
    with pytest.raises(SolveError, match="every start failed.*MAX_STEPS"):
        calibrate(wall, beyond, [Parameter("a", "-", prior=Normal(0.0, 0.5))], starts=1)


@pytest.mark.slow
def test_when_every_start_fails():
    parameters = [Parameter("a", "-", prior=Normal(0.0, 1.0))]

    def nowhere(values, controls):
        return values["a"] * jnp.full(3, jnp.nan)

    with pytest.raises(SolveError, match="2 NONFINITE") as caught:
        calibrate(nowhere, WALL, parameters, starts=2)
    assert caught.value.code == Code.NONFINITE
    fit = calibrate(nowhere, WALL, parameters, starts=2, throw=False)
    assert bool(fit.status.failed)
    assert np.isnan(fit.values["a"])
    assert np.all(np.isnan(fit.intervals()["a"]))
    assert "NONFINITE" in str(fit)
    assert "the fit failed" in str(fit)
    assert fit.basins == 0


@pytest.mark.slow
def test_several_minima_are_counted():
    data = Observations.of({"y [-]": [0.25, 0.25]}, sd={"y": 0.01})
    parameters = [Parameter("a", "-", prior=Normal(0.1, 1.0))]
    fit = calibrate(lambda v, c: v["a"] ** 2 * jnp.ones(2), data, parameters, starts=10)
    assert fit.basins == 2
    assert fit.values["a"] == pytest.approx(0.5, abs=1e-2)  # nearer to the prior's mean
    assert any("2 different minima" in text for text in fit.warnings)


@pytest.mark.slow
def test_a_model_that_does_not_fit_warns():
    data = Observations.of({"y [-]": [0.0, 1.0, 0.0, 1.0]}, sd={"y": 0.1})
    parameters = [Parameter("a", "-", prior=Normal(0.0, 1.0))]
    fit = calibrate(lambda v, c: v["a"] * jnp.ones(4), data, parameters, starts=1)
    assert fit.p_value < 1e-6
    assert any("the intervals are not to be trusted" in text for text in fit.warnings)
    low = Observations.of({"y [-]": np.zeros(4)}, sd={"y": 0.1})
    far = calibrate(lambda v, c: v["a"] * jnp.ones(4), low, [Parameter("a", "-", bounds=(0.6, 2.0))], starts=1)
    assert any("presses against its lower bound" in text for text in far.warnings)


@pytest.mark.slow
def test_progress_is_told_and_chunks_change_nothing(capsys):
    told = []
    fit = calibrate(line, LINE, PARAMETERS, starts=5, chunk=2, progress=lambda *words: told.append(words))
    assert [done for done, _, _ in told] == [0, 2, 4, 5]
    assert all(total == 5 for _, total, _ in told)
    whole = calibrate(line, LINE, PARAMETERS, starts=5)
    np.testing.assert_allclose(fit.start_misfits, whole.start_misfits, rtol=1e-9)
    assert capsys.readouterr().out == ""


@pytest.mark.slow
def test_the_fit_is_differentiable_with_respect_to_the_data():
    _, covariance = closed_form()
    design = np.stack([X, 1e-3 * np.ones_like(X)], axis=1)
    expected = covariance @ design.T / SD**2  # d(slope, offset)/dy

    def slope(y):
        values, _ = estimate(line, LINE.with_values({"y": y * units.GPa}), PARAMETERS)
        return values["slope"] / units.GPa

    y = jnp.asarray(Y)
    np.testing.assert_allclose(jax.jit(jax.grad(slope))(y), expected[0], rtol=1e-6)
    forward = jax.jit(lambda y: jax.jvp(slope, (y,), (jnp.ones_like(y),))[1])(y)
    np.testing.assert_allclose(forward, expected[0].sum(), rtol=1e-6)


@pytest.mark.slow
def test_the_implicit_derivative_of_a_nonlinear_fit_against_differences():
    parameters = [Parameter("a", "-", prior=Normal(0.0, 1.0))]
    data = Observations.of({"y [-]": np.ones(3)}, sd={"y": 0.1})

    def root(y):
        return estimate(lambda v, c: jnp.exp(v["a"]) * jnp.ones(3), data.with_values({"y": y}), parameters)[0]["a"]

    y = jnp.asarray([1.0, 1.5, 1.7])
    step = jnp.asarray([0.0, 1e-5, 0.0])
    # in one batch: the two sides of the difference, and the point itself
    values, gradients = jax.jit(jax.vmap(jax.value_and_grad(root)))(jnp.stack([y + step, y - step, y]))
    np.testing.assert_allclose(gradients[2, 1], (values[0] - values[1]) / 2e-5, rtol=1e-6)


@pytest.mark.slow
def test_a_failed_member_of_a_batch_of_fits_does_not_spoil_the_others():
    parameters = [Parameter("a", "-", prior=Normal(0.0, 0.5))]

    def total(y):
        fitted, status = jax.vmap(lambda y: estimate(wall, WALL.with_values({"y": y}), parameters))(y)
        return jnp.sum(jnp.where(status.ok, fitted["a"], 0.0)), (fitted["a"], status)

    y = jnp.asarray([[0.9, 0.9, 0.9], [jnp.nan, 0.9, 0.9], [0.1, 0.2, 0.3]])
    (value, (fitted, status)), gradient = jax.jit(jax.value_and_grad(total, has_aux=True))(y)
    np.testing.assert_array_equal(np.asarray(status.failed), [False, True, False])
    assert np.isnan(fitted[1])
    assert np.isfinite(value)
    assert np.all(np.isfinite(gradient[jnp.asarray([0, 2])]))
    np.testing.assert_allclose(gradient[0], 1 / 3, rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": lambda v, c: {"z": v["slope"] * c["x"]}}, "predicts no 'y'; it returned z"),
        ({"model": lambda v, c: v["slope"]}, "'y' must be floats of shape .9,."),
        ({"model": lambda v, c: jnp.arange(9)}, "'y' must be floats"),
        ({"method": "newton"}, "method must be"),
        ({"starts": 0}, "starts, max_steps and chunk must be at least 1"),
        ({"tolerance": -1.0}, "tolerance must be positive"),
        ({"curvature": "half"}, "curvature must be"),
        ({"parameters": []}, "none is free"),
        ({"parameters": [*PARAMETERS, PARAMETERS[0]]}, r"parameters\[2\]: the name 'slope' is used twice"),
        (
            {"parameters": [*PARAMETERS, Parameter("t", "-", tied=lambda v: v["nowhere"])]},
            "'t': its tie fails on the parameters listed before it .slope, offset.: KeyError: 'nowhere'",
        ),
        (
            {"parameters": [*PARAMETERS, Parameter("w", "-", fixed=1.0, where=lambda m: m.nowhere)]},
            "'w': where= does not select",
        ),
    ],
)
def test_mistakes_are_named_before_anything_is_compiled(change, message):
    arguments = {"model": line, "observations": LINE, "parameters": PARAMETERS, **change}
    with pytest.raises(ValueError, match=message):
        calibrate(**arguments)


def test_a_leaf_of_another_shape_is_refused():
    model = Spring(jnp.ones(3), jnp.asarray(0.0))
    data = Observations.of({"force [nN]": [1.0]}, sd={"force": 0.1}, controls={"u [nm]": [1.0]})
    with pytest.raises(ValueError, match=r"'k' has shape \(\), the leaf that where= selects has \(3,\)"):
        calibrate(model, data, [Parameter("k", "N/m", bounds=(0.0, 1.0), where=lambda m: m.stiffness)])
