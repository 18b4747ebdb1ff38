"""Kinematic and static conditions extrapolate to one value, with intervals that hold it."""

import numpy as np
import pytest

from msjax.homogenization.convergence import convergence

from .covering import SETS, assert_nominal, covers


def boundary_tables(rng, members, correlation):
    tables = {"kubc": {}, "subc": {}, "periodic": {}}
    for size in (4.0, 8.0, 16.0, 32.0):
        common = rng.normal(size=members)
        for name, slope in (("kubc", 2.0), ("subc", -3.0), ("periodic", 0.0)):
            own = rng.normal(size=members)
            noise = np.sqrt(correlation) * common + np.sqrt(1 - correlation) * own
            tables[name][size] = 10.0 + slope / size + 4.0 / size**1.5 * noise
    return tables


@pytest.mark.slow
@pytest.mark.parametrize("paired", [False, True])
def test_extrapolated_limit_covers(paired):
    """Correlated members (the same microstructures) need the covariance: without it the interval is wrong."""
    rng, correlation = np.random.default_rng(9), 0.8 if paired else 0.0
    found = [convergence(boundary_tables(rng, 30, correlation), paired=paired) for _ in range(SETS)]
    assert_nominal(covers([x.limit for x in found], 10.0))
    np.testing.assert_allclose(np.mean([x.slopes["kubc"] for x in found]), 2.0, atol=0.1)
    np.testing.assert_allclose(np.mean([x.slopes["subc"] for x in found]), -3.0, atol=0.1)
    np.testing.assert_allclose(np.mean([x.misfit for x in found]), found[0].degrees, rtol=0.2)
    assert found[0].degrees == 5


@pytest.mark.slow
def test_ignored_pairing_is_seen():
    rng = np.random.default_rng(10)
    found = [convergence(boundary_tables(rng, 30, 0.8)) for _ in range(300)]
    assert np.mean(covers([x.limit for x in found], 10.0)) < 0.9


def test_convergence_table():
    tables = {
        "kubc": {2.0: [12.0, 12.2, np.nan], 4.0: [10.8, 11.2], 8.0: [10.4, 10.6]},
        "subc": {2.0: [8.0, 7.8], 4.0: [8.8, 9.2], 8.0: [9.4, 9.6]},
        "periodic": {2.0: [10.0, 10.2], 8.0: [9.8, 10.1]},
    }
    found = convergence(tables)
    assert found.meet == {2.0: False, 8.0: True}
    assert found.curves["kubc"].failed.tolist() == [1, 0, 0]
    np.testing.assert_allclose(found.limit.value, 10.0, atol=0.05)
    np.testing.assert_allclose(found.size_needed("kubc", 0.01), abs(found.slopes["kubc"]) / 0.1, rtol=0.01)
    only = convergence(tables, extrapolate=("periodic",))
    assert np.isnan(only.p_value)


def test_a_wrong_law_is_seen():
    """Means that do not fall as 1/size have a small p-value."""
    rng = np.random.default_rng(11)
    tables = {
        name: {size: 10.0 + sign * size**-3.0 + 0.001 * rng.normal(size=20) for size in (1.0, 2.0, 4.0, 8.0)}
        for name, sign in (("kubc", 1.0), ("subc", -1.0))
    }
    assert convergence(tables).p_value < 1e-6


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: convergence({"kubc": {1.0: [1.0, 2.0]}}), "extrapolate: subc is not in the tables"),
        (lambda: convergence({"kubc": {1.0: [1.0]}}, extrapolate=("kubc",)), r"tables\['kubc'\]\[1\]: 1 valid of 1"),
        (lambda: convergence({"kubc": {1.0: [1.0, 2.0]}}, extrapolate=("kubc",)), "tables: too few sizes"),
        (lambda: convergence({"kubc": {1.0: [1.0, 1.0]}}, extrapolate=("kubc",)), "the members do not vary"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
