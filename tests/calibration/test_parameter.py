"""Parameters: validation, priors and their normal scores."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from msjax import units
from msjax.calibration import LogNormal, Normal, Parameter, Uniform
from msjax.calibration.parameter import component_names, values_at
from msjax.calibration.priors import prior_from_record


@pytest.mark.parametrize(
    ("prior", "reference"),
    [
        (Normal(1.5, 0.4), stats.norm(1.5, 0.4)),
        (LogNormal(2.0, 0.3), stats.lognorm(0.3, scale=2.0)),
        (Uniform(-1.0, 3.0), stats.uniform(-1.0, 4.0)),
    ],
)
def test_each_prior_is_a_standard_normal_in_its_score(prior, reference):
    z = np.linspace(-3.0, 3.0, 13)
    for score in z:
        value = float(prior.physical(jnp.asarray(score)))
        assert reference.cdf(value) == pytest.approx(stats.norm.cdf(score), rel=1e-10)
        assert float(prior.score(np.asarray(value))) == pytest.approx(score, abs=1e-9)
    assert float(prior.sd) == pytest.approx(reference.std(), rel=1e-12)
    assert prior_from_record(prior.record()).record() == prior.record()


def test_a_positive_normal_is_the_log_normal_of_the_same_moments():
    prior = Parameter("E", "GPa", prior=Normal(130.0, 40.0), positive=True).prior
    reference = stats.lognorm(float(prior.log_sd), scale=float(prior.median))
    assert reference.mean() == pytest.approx(130.0)
    assert reference.std() == pytest.approx(40.0)


def test_values_enter_internal_units_and_start_where_told():
    parameters = [
        Parameter("E", "GPa", bounds=(100.0, 200.0), initial=120.0),
        Parameter("nu", "-", fixed=0.3),
        Parameter("G", "GPa", tied=lambda v: v["E"] / (2.0 * (1.0 + v["nu"]))),
        Parameter("xi", "eV", prior=Normal(np.array([1.0, 2.0]), 0.1)),
    ]
    z = jnp.concatenate([jnp.asarray(p.start) for p in parameters])
    values = values_at(parameters, z)
    assert float(values["E"] / units.GPa) == pytest.approx(120.0)
    assert float(values["G"] / units.GPa) == pytest.approx(120.0 / 2.6)
    np.testing.assert_allclose(values["xi"], [1.0, 2.0])
    assert component_names(parameters) == ["E", "xi[0]", "xi[1]"]
    assert [p.transform for p in parameters] == ["probit", "none", "none", "identity"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "parameter 'E': give exactly one of prior, bounds, fixed and tied; got none"),
        ({"prior": Normal(1.0, 1.0), "bounds": (0.0, 1.0)}, "got prior and bounds"),
        ({"fixed": 1.0, "tied": lambda v: 1.0}, "got fixed and tied"),
        ({"bounds": (0.0, np.inf)}, "bounds must be finite.*no scale"),
        ({"bounds": (2.0, 1.0)}, "lower bound must be below"),
        ({"bounds": (1.0, 2.0, 3.0)}, r"bounds must be \(lower, upper\)"),
        ({"bounds": (-1.0, 2.0), "positive": True}, "negative lower bound"),
        ({"prior": Normal(-1.0, 1.0), "positive": True}, "positive mean"),
        ({"bounds": (0.0, 1.0), "initial": 1.0}, "strictly between the bounds"),
        ({"prior": LogNormal(1.0, 0.1), "initial": -1.0}, "must be positive"),
        ({"prior": Normal(1.0, 0.1), "initial": [1.0, 2.0]}, r"initial has shape \(2,\)"),
        ({"prior": Normal(1.0, 0.1), "initial": np.nan}, "initial must be finite"),
        ({"fixed": np.nan}, "fixed must be finite"),
        ({"fixed": 1.0, "initial": 1.0}, "initial is for free parameters"),
    ],
)
def test_contradictions_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Parameter("E", "GPa", **arguments)


def test_units_and_names_are_needed():
    with pytest.raises(ValueError, match="parameter 'E': unknown unit 'psi'; known units are .*GPa"):
        Parameter("E", "psi", fixed=1.0)
    with pytest.raises(ValueError, match="the name is empty"):
        Parameter(" ", "GPa", fixed=1.0)


@pytest.mark.parametrize("sd", [0.0, -1.0, np.nan, np.inf])
def test_priors_need_a_positive_spread(sd):
    with pytest.raises(ValueError, match="sd must be"):
        Normal(1.0, sd)
    with pytest.raises(ValueError, match="log_sd must be"):
        LogNormal(1.0, sd)
