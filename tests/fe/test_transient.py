"""Transient heat against series and exact rates; derivatives through time against differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe.transient import transient


def slab(cells=16, conductivity=1.0):
    mesh = ms.fe.rectangle((1.0, 1.0 / cells), (cells, 1))
    held = [ms.fe.Dirichlet("x-", 0.0), ms.fe.Dirichlet("x+", 0.0)]
    return ms.fe.Problem(mesh, ms.Conductor(conductivity, dim=2), held)


@pytest.mark.slow
def test_a_slab_cools_as_fourier_says():
    """From 1, with 0 at both ends: Σ 4/(π m) sin(m π x) exp(−m² π² κ t), m odd."""
    problem, kappa = slab(), 0.5
    x = np.asarray(problem.mesh.points[:, 0])
    found = transient(problem, 1 / kappa, np.linspace(0.0, 0.2, 161), 1.0)
    m = np.arange(1, 60, 2)
    for n in (40, 160):
        decay = np.exp(-(m**2) * np.pi**2 * kappa * float(found.times[n]))
        exact = np.sin(np.pi * np.outer(x, m)) @ (4 / np.pi / m * decay)
        np.testing.assert_allclose(found.u[n, :, 0], exact, atol=4e-3)


@pytest.mark.slow
@pytest.mark.parametrize(("theta", "order"), [(1.0, 1), (0.5, 2)])
def test_order_in_time(theta, order):
    """The nodal values of sin πx decay at the rate (6/h²)(1 − cos πh)/(2 + cos πh) of linear elements exactly."""
    problem, h = slab(), 1 / 16
    rate = 6 / h**2 * (1 - np.cos(np.pi * h)) / (2 + np.cos(np.pi * h))
    wave = jnp.sin(jnp.pi * problem.mesh.points[:, :1])
    errors = []
    for steps in (8, 16):
        found = transient(problem, 1.0, np.linspace(0.0, 0.1, steps + 1), wave, theta=theta)
        errors.append(float(jnp.max(jnp.abs(found.u[-1] - np.exp(-rate * 0.1) * wave))))
        # and the scheme's own factor to round-off
        factor = (1 - (1 - theta) * rate * 0.1 / steps) / (1 + theta * rate * 0.1 / steps)
        np.testing.assert_allclose(found.u[-1], factor**steps * wave, atol=1e-7)
    assert abs(np.log2(errors[0] / errors[1]) - order) < 0.1


@pytest.mark.slow
def test_heat_that_comes_in_is_heat_that_stays():
    """With a flux into one end and no other way out, the content ∫ c T grows by flux × time; reactions are none."""
    mesh = ms.fe.rectangle((1.0, 0.5), (4, 1))
    problem = ms.fe.Problem(mesh, ms.Conductor(1.0, dim=2), [], [ms.fe.Traction("x+", [2.0])])
    times = np.array([0.0, 0.1, 0.15, 0.4])
    found = transient(problem, 3.0, times, 0.0, lambda p, t: p.scaled(t), theta=0.5)
    mass = ms.fe.mass_matrix(problem, 3.0)
    content = [float(jnp.sum(mass.apply(u))) for u in found.u]
    np.testing.assert_allclose(content, 2.0 * 0.5 * times**2 / 2, atol=1e-9)  # the flux grows with t


@pytest.mark.slow
def test_adjoint_through_time():
    problem = slab(4)

    @jax.jit
    def final(p):
        posed = eqx.tree_at(lambda x: x.parts[0].material.conductivity, problem, p[0])
        found = transient(posed, p[1], jnp.linspace(0.0, 0.1, 4), p[2], theta=0.6, tolerance=1e-12)
        return jnp.sum(found.u[-1] ** 2) + jnp.sum(found.u[1, 2:4])

    at, h = jnp.array([1.0, 1.3, 0.7]), 1e-3
    gradient = jax.jit(jax.grad(final))(at)
    for n in range(3):
        e = h * jnp.eye(3)[n]
        difference = (8 * (final(at + e) - final(at - e)) - final(at + 2 * e) + final(at - 2 * e)) / (12 * h)
        np.testing.assert_allclose(gradient[n], difference, rtol=1e-8)


@pytest.mark.slow
def test_bad_input_and_a_bad_member():
    problem = slab(4)
    times = jnp.linspace(0.0, 0.1, 3)
    with pytest.raises(ValueError, match="theta"):
        transient(problem, 1.0, times, theta=0.4)
    with pytest.raises(ValueError, match="times"):
        transient(problem, 1.0, [0.0, 0.0])
    with pytest.raises(ValueError, match="initial"):
        transient(problem, 1.0, times, np.zeros(3))

    def run(k):
        posed = eqx.tree_at(lambda x: x.parts[0].material.conductivity, problem, k)
        return transient(posed, 1.0, times, 1.0, throw=False)

    both = jax.vmap(run)(jnp.array([1.0, jnp.nan]))
    assert both.status.code.tolist() == [[0, 0], [3, 3]]
    np.testing.assert_allclose(both.u[0], run(jnp.asarray(1.0)).u, atol=1e-12)
    assert np.all(np.isnan(both.u[1, 1:]))
