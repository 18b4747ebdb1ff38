"""Tables: agreement with scipy's spline, derivatives by any route, what lies beyond the ends."""

import math

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from msjax.crystal.spline import CubicTable

START, STEP, KNOTS = 0.3, 0.05, 41
GRID = START + STEP * np.arange(KNOTS)
END = float(GRID[-1])
VALUES = np.exp(-GRID) * np.cos(3 * GRID)


def table(below="linear", above="linear", **options):
    return CubicTable.fit(START, STEP, VALUES, below=below, above=above, **options)


def third(f):
    def along(f):
        return lambda x: jax.jvp(f, (x,), (jnp.ones_like(x),))[1]

    return along(along(along(f)))


@pytest.mark.slow
def test_value_and_three_derivatives_are_those_of_scipys_spline():
    x = np.random.default_rng(1).uniform(START, END, 200)
    spline = CubicSpline(GRID, VALUES)
    f = table()
    for order, found in enumerate([f(jnp.asarray(x)), *f.derivatives(jnp.asarray(x))[1:]]):
        np.testing.assert_allclose(found, spline(x, order), rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(f.derivatives(jnp.asarray(x))[0], spline(x), rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(third(f)(jnp.asarray(x)), spline(x, 3), rtol=1e-8, atol=1e-9)


@pytest.mark.slow
def test_scalar_vmapped_jitted_and_batched_agree():
    x = jnp.linspace(START - 0.1, END + 0.1, 37)
    f = table()
    batched = f.derivatives(x)
    for route in (jax.vmap(f.derivatives), jax.jit(jax.vmap(f.derivatives)), eqx.filter_jit(f.derivatives)):
        for a, b in zip(batched, route(x)):
            np.testing.assert_allclose(a, b, rtol=1e-13, atol=1e-14)
    loop = np.array([[float(v) for v in f.derivatives(xi)] for xi in x])
    np.testing.assert_allclose(np.array(batched).T, loop, rtol=1e-13, atol=1e-14)
    assert f(x.reshape(37, 1)).shape == (37, 1)


@pytest.mark.slow
def test_nested_derivatives_agree_with_the_polynomials():
    x = jnp.linspace(START - 0.1, END + 0.1, 53)
    f = table(above="zero", end=END - 0.37 * STEP)
    value, slope, curvature = f.derivatives(x)
    np.testing.assert_array_equal(jax.vmap(f)(x), value)
    np.testing.assert_allclose(jax.vmap(jax.grad(f))(x), slope, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(jax.vmap(jax.jacfwd(jax.grad(f)))(x), curvature, rtol=1e-12, atol=1e-13)
    slope_of_slope = jax.vmap(jax.grad(lambda y: f.derivatives(y)[1]))(x)
    np.testing.assert_allclose(slope_of_slope, curvature, rtol=1e-12, atol=1e-13)


@pytest.mark.slow
def test_knots_are_met_and_second_derivatives_continuous():
    f = table()
    np.testing.assert_allclose(f(jnp.asarray(GRID)), VALUES, rtol=0, atol=1e-15)
    inner = GRID[1:-1]
    left, right = (f.derivatives(jnp.asarray(inner + e)) for e in (-1e-9, 1e-9))
    np.testing.assert_allclose(left[2], right[2], atol=1e-6)
    np.testing.assert_allclose(left[1], right[1], atol=1e-7)


@pytest.mark.parametrize("choice", ["zero", "constant", "linear"])
def test_beyond_both_ends(choice):
    f = table(below=choice, above=choice)
    spline = CubicSpline(GRID, VALUES)
    for x, end in [
        (START - 1e-12, START), (START - 0.02, START), (START - 7.0, START), (START - 1e12, START),
        (END, END), (END + 0.02, END), (END + 7.0, END), (END + 1e12, END),
    ]:  # fmt: skip
        slope = float(spline(end, 1)) if choice == "linear" else 0.0
        value = 0.0 if choice == "zero" else float(spline(end)) + slope * (x - end)
        found = f.derivatives(jnp.array(x))
        assert float(found[0]) == pytest.approx(value, rel=1e-11, abs=1e-13)
        assert float(found[1]) == pytest.approx(slope, rel=1e-11)
        assert float(found[2]) == 0.0
        assert bool(f.inside(jnp.array(x))) == (choice == "zero" or x == END)


def test_cut_between_knots_is_sharp():
    end = END - 10.4 * STEP
    f = table(above="zero", end=end)
    assert float(f(jnp.array(np.nextafter(end, 0.0)))) == pytest.approx(float(CubicSpline(GRID, VALUES)(end)), rel=1e-9)
    assert [float(v) for v in f.derivatives(jnp.array(end))] == [0.0, 0.0, 0.0]
    assert float(jax.grad(f)(end + 1e-3)) == 0.0


def test_inside_tells_the_ends():
    f = table()
    x = jnp.array([START - 1e-9, START, 1.0, END, END + 1e-9, math.nan, math.inf])
    assert f.inside(x).tolist() == [False, True, True, True, False, False, False]
    zero = table(above="zero")
    assert zero.inside(x).tolist() == [False, True, True, True, True, False, False]


def test_nan_in_gives_nan():
    f = table(below="zero", above="zero")
    assert all(math.isnan(float(v)) for v in f.derivatives(jnp.array(math.nan))[:2])
    assert math.isnan(float(eqx.filter_jit(f)(jnp.array(math.nan))))


def test_derivative_in_the_coefficients_is_powers_of_the_distance():
    f = table()
    x = START + 7.25 * STEP
    gradient = eqx.filter_grad(lambda f: f(jnp.array(x)))(f).coefficients
    expected = np.zeros((KNOTS + 1, 4))
    expected[8] = (0.25 * STEP) ** np.arange(4)
    np.testing.assert_allclose(gradient, expected, rtol=1e-11, atol=1e-18)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((0.0, 0.1, np.ones(3)), {}, "at least four"),
        ((0.0, 0.1, np.array([0.0, 1.0, math.nan, 1.0, 2.0])), {}, r"values\[2\] is not finite"),
        ((0.0, 0.0, np.ones(5)), {}, "step = 0.0: must be finite, the step positive"),
        ((math.inf, 0.1, np.ones(5)), {}, "start = inf"),
        ((0.0, 0.1, np.ones(5)), {"end": 0.5}, r"end = 0.5: must lie within the knots \(0.0, 0.4\]"),
        ((0.0, 0.1, np.ones(5)), {"end": 0.3, "above": "linear"}, "end = 0.3"),
    ],
)
def test_refusals(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        CubicTable.fit(*arguments, **{"below": "zero", "above": "zero", **options})
