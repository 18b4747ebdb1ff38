"""The intervals hold what they promise."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.calibration import Normal, Observations, Parameter, coverage
from msjax.status import Code

from .models import FILM_PARAMETERS, film, film_template

SEED = 20261123


@pytest.mark.slow
@pytest.mark.parametrize(("level", "low", "high"), [(0.9, 0.87, 0.93), (0.5, 0.45, 0.55)])
def test_film_intervals_hold_the_truth(level, low, high):
    found = coverage(film, film_template(), FILM_PARAMETERS, jax.random.key(SEED), sets=1000, level=level)
    assert found.failed == 0
    for name, fraction in zip(found.names, found.fraction, strict=True):
        assert low <= fraction <= high, (name, fraction)
    # the data speak of each parameter: the intervals are no echo of the prior
    assert np.all(np.median(found.sd, axis=0) < 0.6)


@pytest.mark.slow
def test_a_parameter_that_nothing_depends_on_is_covered_by_its_prior():
    data = Observations.of({"y [-]": np.ones(4)}, sd={"y": 0.1})
    parameters = [Parameter("a", "-", prior=Normal(0.0, 1.0)), Parameter("b", "-", bounds=(2.0, 3.0))]
    found = coverage(lambda v, c: v["a"] * jnp.ones(4), data, parameters, jax.random.key(1), sets=400)
    np.testing.assert_allclose(found.sd[:, 1], 1.0, rtol=1e-12)
    assert 0.85 < found.fraction[1] < 0.95


@pytest.mark.slow
def test_sets_that_fail_are_counted_and_left_out():
    data = Observations.of({"y [-]": np.ones(5)}, sd={"y": 0.1})
    parameters = [Parameter("a", "-", prior=Normal(0.0, 1.0))]

    def model(values, controls):
        # no prediction beyond a = 1: about 16 % of the truths lie there
        a = values["a"]
        return jnp.where(a > 1.0, jnp.nan, a) * jnp.ones(5)

    found = coverage(model, data, parameters, jax.random.key(3), sets=500)
    beyond = found.truth[:, 0] > 1.0
    failed = np.asarray(found.status.failed)
    assert np.all(failed[beyond])
    assert np.all(np.asarray(found.status.code)[beyond] == Code.NONFINITE)
    assert 0.1 < beyond.mean() < 0.22
    assert found.failed == failed.sum() < 120
    assert 0.85 < found.fraction[0] < 0.95
    assert f"{np.sum(np.asarray(found.status.code) == Code.NONFINITE)} NONFINITE" in str(found)


@pytest.mark.slow
def test_chunks_give_the_same_members():
    arguments = (film, film_template(), FILM_PARAMETERS, jax.random.key(5))
    whole = coverage(*arguments, sets=12)
    told = []
    chunked = coverage(*arguments, sets=12, chunk=5, progress=lambda *words: told.append(words[:2]))
    assert told == [(0, 12), (5, 12), (10, 12), (12, 12)]
    np.testing.assert_allclose(chunked.estimate, whole.estimate, atol=1e-7)
    np.testing.assert_array_equal(chunked.truth, whole.truth)
