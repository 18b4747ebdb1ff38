"""Weibull's law: the fit, its errors, and the size effect against simulated weakest links."""

import numpy as np
import pytest

from msjax.homogenization.weakest_link import size_effect, weakest_link, weibull_fit

from .covering import SETS, assert_nominal, covers, weibull


def test_weakest_link_law():
    """Against members simulated as the weakest of eight; 8^(-1/m) for twice the edge, the same scatter."""
    parts = weibull(np.random.default_rng(12), 6.0, 100.0, (8, 200000))
    small, large = weakest_link(6.0, 100.0), weakest_link(6.0, 100.0, 8.0)
    np.testing.assert_allclose(large.mean / small.mean, 8.0 ** (-1.0 / 6.0), rtol=1e-14)
    for found, simulated in ((small, parts[0]), (large, parts.min(axis=0))):
        np.testing.assert_allclose(found.mean, simulated.mean(), rtol=2e-3)
        np.testing.assert_allclose(found.variation, simulated.std() / simulated.mean(), rtol=1e-2)
    assert small.variation == large.variation
    np.testing.assert_allclose(weakest_link(9999.0, 1.0).variation, weakest_link(10000.0, 1.0).variation, rtol=2e-4)


@pytest.mark.parametrize("members", [15, 50])
def test_weibull_fit_covers_and_the_correction_removes_the_bias(members):
    samples = weibull(np.random.default_rng(13), 7.0, 3e8, (SETS, members))
    fits = [weibull_fit(x) for x in samples]
    raw, corrected = (np.array([getattr(f, name) for f in fits]) for name in ("modulus", "unbiased_modulus"))
    error = raw.std() / np.sqrt(SETS)
    assert raw.mean() - 7.0 > 6 * error
    assert abs(corrected.mean() - 7.0) < 3 * error
    assert_nominal(covers([f.modulus_interval() for f in fits], 7.0))
    assert_nominal(covers([f.scale_interval() for f in fits], 3e8))
    np.testing.assert_allclose(np.mean([f.modulus_error for f in fits]), raw.std(), rtol=0.12)


def test_weibull_fit_covers_where_members_are_censored():
    """The test stops at a stress that a third survives."""
    rng, limit = np.random.default_rng(14), 100.0 * np.log(3.0) ** (1 / 5.0)
    strengths = weibull(rng, 5.0, 100.0, (SETS, 60))
    fits = [weibull_fit(np.minimum(x, limit), x > limit) for x in strengths]
    assert_nominal(covers([f.modulus_interval() for f in fits], 5.0))
    assert_nominal(covers([f.scale_interval() for f in fits], 100.0))
    ignored = np.mean([weibull_fit(np.minimum(x, limit)).scale for x in strengths[:100]])
    assert ignored < 95.0
    np.testing.assert_allclose(np.mean([f.scale for f in fits]), 100.0, rtol=0.01)


def test_weibull_fit_is_the_maximum_of_the_likelihood_and_its_information():
    """Against the log-likelihood itself, by finite differences in (ln m, ln scale)."""
    x = weibull(np.random.default_rng(15), 4.0, 2.0, 30)
    cut = np.quantile(x, 0.8)
    censored = x > cut
    x = np.minimum(x, cut)
    fit = weibull_fit(x, censored)

    def likelihood(a, b):
        m, scale = np.exp([a, b])
        density = np.log(m / scale) + (m - 1) * np.log(x / scale)
        return np.sum(np.where(censored, 0.0, density) - (x / scale) ** m)

    at, h = np.log([fit.modulus, fit.scale]), 1e-4
    steps = h * np.eye(2)
    slope = [(likelihood(*(at + s)) - likelihood(*(at - s))) / (2 * h) for s in steps]
    np.testing.assert_allclose(slope, 0.0, atol=1e-5)
    curvature = [
        [
            (
                likelihood(*(at + s + t))
                - likelihood(*(at + s - t))
                - likelihood(*(at - s + t))
                + likelihood(*(at - s - t))
            )
            / (4 * h**2)
            for t in steps
        ]
        for s in steps
    ]
    np.testing.assert_allclose(np.linalg.inv(-np.array(curvature)), fit.covariance, rtol=1e-5)


def test_weibull_fit_does_not_depend_on_the_unit():
    x = weibull(np.random.default_rng(16), 12.0, 5.0, 25)
    small, large = weibull_fit(x), weibull_fit(1e300 * x)
    np.testing.assert_allclose(large.modulus, small.modulus, rtol=1e-11)
    np.testing.assert_allclose(large.scale / 1e300, small.scale, rtol=1e-11)


@pytest.mark.slow
def test_size_effect_covers_and_agrees_where_the_weakest_link_holds():
    rng, m = np.random.default_rng(17), 8.0
    found = [size_effect({v: weibull(rng, m, v ** (-1 / m), 40) for v in (1.0, 8.0, 64.0)}) for _ in range(SETS)]
    assert_nominal(covers([x.from_slope for x in found], m))
    assert_nominal(covers([x.from_scatter for x in found], m))
    assert_nominal([x.p_value > 0.05 for x in found])


def test_a_size_effect_of_another_origin_is_seen():
    """Scatter as m = 20, but a mean that falls as m = 5 would: not the weakest link."""
    rng = np.random.default_rng(18)
    found = size_effect({v: weibull(rng, 20.0, v**-0.2, 40) for v in (1.0, 8.0, 64.0)})
    assert found.p_value < 1e-3
    level = size_effect({v: weibull(rng, 5.0, 1.0, 40) for v in (1.0, 8.0)})
    assert level.from_slope.upper == np.inf


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: weakest_link(0.0, 1.0), "modulus: 0.0"),
        (lambda: weibull_fit([1.0, -2.0, 3.0]), r"strengths\[1\]: -2.0"),
        (lambda: weibull_fit([2.0, 2.0, 2.0]), "all members broke at one stress"),
        (lambda: weibull_fit([1.0, 2.0], [False, True]), "strengths: 1 members broke"),
        (lambda: weibull_fit([1.0, 2.0], [0, 1]), "censored: int64"),
        (lambda: size_effect({1.0: [1.0, 2.0, 3.0]}), "table: 1 volumes"),
        (lambda: size_effect({1.0: [1.0, 2.0, 3.0], 2.0: [1.0, -1.0, 2.0]}), r"table\[2\]: strengths\[1\]: -1.0"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
