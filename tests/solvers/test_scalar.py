"""A scalar root in a bracket, and its derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.solvers.scalar import scalar_root
from msjax.status import Code


def kepler(x, a):
    """a − x + e sin x, falling: Kepler's equation."""
    return a[0] - x + a[1] * jnp.sin(x)


def steep(x, a):
    return a - jnp.arctan(50.0 * (x - 3.0))


LOW, HIGH = jnp.array(0.0), jnp.array(10.0)


@pytest.mark.slow
def test_derivatives_to_second_order():
    def root(a):
        return scalar_root(kepler, LOW, HIGH, a)[0]

    a = jnp.array([0.8, 0.9])
    x = float(root(a))
    assert x - 0.9 * np.sin(x) == pytest.approx(0.8, abs=1e-15)
    slope = 1.0 / (1.0 - 0.9 * np.cos(x))
    for derivative in (jax.grad, jax.jacfwd):
        np.testing.assert_allclose(derivative(root)(a), [slope, slope * np.sin(x)], rtol=1e-13)
    assert float(jax.hessian(root)(a)[0, 0]) == pytest.approx(-0.9 * np.sin(x) * slope**3, rel=1e-12)
    assert float(jax.jacfwd(jax.hessian(root))(a)[0, 0, 0]) == pytest.approx(
        slope**3 * (-0.9 * np.cos(x) * slope + 3 * 0.81 * np.sin(x) ** 2 * slope**2), rel=1e-11
    )


def test_bisection_saves_newton():
    """Newton alone leaves this one for ever."""
    x, status = scalar_root(steep, LOW, HIGH, jnp.array(0.3))
    assert int(status.code) == Code.CONVERGED
    assert float(x) == pytest.approx(3.0 + np.tan(0.3) / 50.0, rel=1e-14)


def test_failures_have_their_code():
    _, status = scalar_root(steep, LOW, HIGH, jnp.array(0.3), max_steps=2)
    assert int(status.code) == Code.MAX_STEPS
    x, status = jax.vmap(lambda a: scalar_root(kepler, LOW, HIGH, a))(jnp.array([[0.8, 0.9], [jnp.nan, 0.9]]))
    assert [int(c) for c in status.code] == [Code.CONVERGED, Code.NONFINITE]
    assert float(x[1]) == 0.0
