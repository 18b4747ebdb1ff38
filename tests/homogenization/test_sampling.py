"""Intervals of means and other statistics hold what they promise."""

import numpy as np
import pytest
from scipy.stats import bootstrap, norm, t

from msjax.homogenization.sampling import bootstrap_interval, mean_interval, realisations_of

from .covering import SETS, assert_nominal, covers


@pytest.mark.parametrize("members", [3, 20])
def test_mean_interval_covers(members):
    samples = np.random.default_rng(0).normal(5.0, 2.0, (SETS, members))
    assert_nominal(covers([mean_interval(x) for x in samples], 5.0))


@pytest.mark.slow
def test_bootstrap_covers_the_members_needed():
    """Normal members: n is 4 σ²/(ε mean)²."""
    samples = np.random.default_rng(1).normal(10.0, 1.0, (SETS, 80))
    found = [realisations_of(x, 0.01, resamples=1000, seed=n) for n, x in enumerate(samples)]
    assert_nominal(covers(found, 400.0), low=0.01)  # 93 %, as the docstring says
    again = realisations_of(samples[0], 0.01, resamples=1000, seed=0)
    assert found[0] == again
    assert found[0] != realisations_of(samples[0], 0.01, resamples=1000, seed=1)


def test_bootstrap_of_a_skewed_statistic_is_that_of_scipy():
    """The variance of exponential members; scipy's quantiles are normal, so its level is set to the same tails."""
    x = np.random.default_rng(2).exponential(size=40)
    tail = np.sqrt(40 / 39) * t.ppf(0.95, 39)
    level = float(2 * norm.cdf(tail) - 1)

    def variance(s, axis=-1):
        return np.var(s, axis=axis, ddof=1)

    found = bootstrap_interval(x, variance, level=0.9, resamples=40000)
    peer = bootstrap((x,), variance, confidence_level=level, n_resamples=40000, random_state=1).confidence_interval
    np.testing.assert_allclose([found.lower, found.upper], [peer.low, peer.high], rtol=0.02)


def test_failed_members_are_left_out():
    assert mean_interval([1.0, np.nan, 3.0, np.inf]) == mean_interval([1.0, 3.0])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_interval([1.0, np.nan]), "samples: 1 valid of 2 members"),
        (lambda: mean_interval([1.0, 2.0], level=1.0), "level: 1.0"),
        (lambda: realisations_of([-1.0, 0.0, 1.0], 0.1), "samples: their mean is 0"),
        (lambda: bootstrap_interval([1.0, 2.0, 3.0], np.mean, resamples=5), "resamples: 5"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
