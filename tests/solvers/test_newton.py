"""Newton: minima, saddles, and every way to fail."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.solvers.newton import FromEnergy, Newton, newton
from msjax.status import Code


def run(energy, start, arguments=None, **settings):
    return newton(FromEnergy(energy), jnp.asarray(start), arguments, Newton(**settings))


def rosenbrock(x, _):
    return 100.0 * (x[1] - x[0] ** 2) ** 2 + (1.0 - x[0]) ** 2


def saddle(x, _):
    return 0.5 * x[0] ** 2 - 0.5 * x[1] ** 2 + 0.25 * x[1] ** 4


def hyperbola(x, _):
    """Its gradient x/√(1 + x²) sends undamped Newton to infinity from |x| > 1."""
    return jnp.sum(jnp.sqrt(1.0 + x * x))


def logarithm(x, _):
    return jnp.sum(x - jnp.log(x))


def cliff(x, _):
    return jnp.sum(jnp.exp(-x))


def test_a_minimum_is_found_through_a_curved_valley():
    x, status = run(rosenbrock, [-1.2, 1.0])
    assert Code(int(status.code)) == Code.CONVERGED
    np.testing.assert_allclose(x, [1.0, 1.0], rtol=1e-13)


def test_the_line_search_is_needed_and_works():
    x, status = run(hyperbola, [3.0, -2.0], largest_step=1e6)
    assert Code(int(status.code)) == Code.CONVERGED
    np.testing.assert_allclose(x, 0.0, atol=1e-15)


def test_a_start_on_a_saddle_stays_and_is_unstable():
    x, status = run(saddle, [0.3, 0.0])
    assert Code(int(status.code)) == Code.UNSTABLE
    np.testing.assert_allclose(x, 0.0, atol=1e-15)


def test_a_start_beside_a_saddle_goes_downhill():
    x, status = run(saddle, [0.3, 1e-3])
    assert Code(int(status.code)) == Code.CONVERGED
    np.testing.assert_allclose(x, [0.0, 1.0], atol=1e-14)


def test_a_trial_outside_the_domain_is_shortened():
    x, status = run(logarithm, [5.0], largest_step=1e6)
    assert Code(int(status.code)) == Code.CONVERGED
    np.testing.assert_allclose(x, 1.0, rtol=1e-14)


@pytest.mark.parametrize(
    ("energy", "start", "code"),
    [
        (cliff, [0.0], Code.MAX_STEPS),
        (logarithm, [-1.0], Code.NONFINITE),
        (rosenbrock, [np.nan, 0.0], Code.NONFINITE),
        (lambda x, _: 0.0 * jnp.sum(x) + x[0], [0.0, 0.0], Code.SINGULAR),
    ],
    ids=["no minimum", "outside the domain", "NaN", "no curvature"],
)
def test_a_failure_says_why_and_returns_the_start(energy, start, code):
    x, status = run(energy, start)
    assert Code(int(status.code)) == code
    np.testing.assert_array_equal(x, start)


def test_members_of_a_batch_do_not_see_each_other():
    starts = jnp.array([[-1.2, 1.0], [jnp.nan, 0.0], [0.9, 0.9]])
    one = jax.jit(lambda s: run(rosenbrock, s))
    x, status = jax.jit(jax.vmap(one))(starts)
    assert [Code(int(c)) for c in status.code] == [Code.CONVERGED, Code.NONFINITE, Code.CONVERGED]
    for n in (0, 2):
        alone, of_alone = one(starts[n])
        np.testing.assert_allclose(x[n], alone, rtol=1e-15)
        assert int(status.iterations[n]) == int(of_alone.iterations)


def test_convergence_is_quadratic():
    """The last full step is below the tolerance, so the error is near its square."""
    x, status = run(lambda x, _: jnp.sum(jnp.cosh(x - 0.3)), [0.0], tolerance=1e-4)
    assert abs(float(x[0]) - 0.3) < 1e-12
    assert float(status.residual) <= 1e-4


def test_a_null_space_is_left_alone():
    def pair(x, length):
        return 0.5 * (x[1] - x[0] - length) ** 2

    translation = jnp.full((2, 1), np.sqrt(0.5))
    x, status = newton(FromEnergy(pair), jnp.array([0.4, 0.6]), jnp.array(1.0), Newton(), translation)
    assert Code(int(status.code)) == Code.CONVERGED
    np.testing.assert_allclose(x, [0.0, 1.0], atol=1e-14)  # the mean does not move
