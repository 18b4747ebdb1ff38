"""One representative size per property: synthetic members whose sizes are known."""

import numpy as np
import pytest

from msjax.homogenization.size import representative_sizes

from .covering import assert_nominal, covers, weibull


def tables_of_both(rng, members=60):
    stiffness = {v: 100.0 + 20.0 / np.sqrt(v) * rng.normal(size=members) for v in (1.0, 8.0, 64.0)}
    strength = {v: weibull(rng, 10.0, v**-0.1, members) for v in (1.0, 8.0, 64.0)}
    return {"stiffness": stiffness, "strength": strength}


@pytest.mark.slow
def test_the_rve_for_strength_is_larger_than_for_stiffness():
    """Stiffness: V = 4 · 400/(0.01 · 100)² = 1600. Strength: 1e6 · 1.01^-10 = 905,287. Both in their intervals."""
    rng = np.random.default_rng(19)
    found = [
        representative_sizes(tables_of_both(rng), 0.01, weakest_link=("strength",), structure=1e6, exponent=1.0)
        for _ in range(300)
    ]
    assert_nominal(covers([x.properties["stiffness"].volume for x in found], 1600.0))
    assert_nominal(covers([x.properties["strength"].volume for x in found], 1e6 * 1.01**-10))
    ratios = [x.ratio("strength", "stiffness") for x in found]
    assert_nominal(covers(ratios, 1e6 * 1.01**-10 / 1600.0))
    text = found[0].report()
    assert "one realisation" in text
    assert "Extrapolated: the largest members have volume 64" in text
    assert f"The RVE for strength is {ratios[0]} times larger in volume" in text
    assert "twice the edge lowers the mean to 0.8" in text


def test_strength_taken_as_an_average_has_no_representative_volume():
    """Its scatter does not fall: the interval of the volume has no upper end, and the report says so."""
    found = representative_sizes(tables_of_both(np.random.default_rng(20)), 0.01, realisations=4)
    assert np.isfinite(found.properties["stiffness"].volume.upper)
    assert found.properties["strength"].volume.upper == np.inf
    text = found.report()
    assert "with 4 realisations" in text
    assert "strength: volume at least" in text
    assert "The RVE for strength is at least" in text


def test_a_scatter_that_grows_is_out_of_reach():
    rng = np.random.default_rng(21)
    tables = {
        "stiffness": tables_of_both(rng)["stiffness"],
        "other": {v: 5.0 + v * rng.normal(size=30) for v in (1.0, 4.0, 16.0)},
    }
    text = representative_sizes(tables, 0.01).report()
    assert "other: no volume is enough: the scatter grows" in text
    assert "The RVE for other is out of reach of any volume" in text
    assert "The RVE" not in representative_sizes({"a": tables["other"], "b": tables["other"]}, 0.01).report()


def test_a_weakest_link_that_does_not_hold_is_reported():
    rng = np.random.default_rng(22)
    tables = {"strength": {v: weibull(rng, 20.0, v**-0.2, 40) for v in (1.0, 8.0, 64.0)}}
    text = representative_sizes(tables, 0.01, weakest_link=("strength",), structure=1e3).report()
    assert "the weakest link may not be the law" in text


def test_failed_members_are_reported():
    tables = {"stiffness": {1.0: [1.0, 1.5, 0.8, np.nan], 8.0: [1.0, 1.1, 0.9], 64.0: [1.0, 1.02, 0.97, np.nan]}}
    found = representative_sizes(tables, 0.05)
    assert found.properties["stiffness"].failed == 2
    assert "2 failed members were left out" in found.report()


ONE = {"x": {1.0: [1.0, 2.0, 3.0], 2.0: [1.5, 2.0, 2.5]}}


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: representative_sizes(ONE, 0.1, weakest_link=("y",), structure=1.0), "weakest_link: y has no table"),
        (lambda: representative_sizes(ONE, 0.1, weakest_link=("x",)), "structure: the volume of the structure"),
        (lambda: representative_sizes(ONE, 0.1, realisations=0), "realisations: 0"),
        (lambda: representative_sizes({"x": {1.0: [1.0, 2.0]}}, 0.1), r"tables\['x'\]\[1\]: 2 valid of 2"),
        (lambda: representative_sizes(ONE, 0.1, exponent=1.0).ratio("x", "z"), "property: 'z' is unknown"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
