"""Tersoff's potential: its definition written out, its cut-off, lone bonds, parameters, phonons, bad input."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.flatten_util import ravel_pytree

import msjax as ms

SHEAR = np.array([[1.02, 0.01, -0.005], [0.004, 0.985, 0.012], [0.003, -0.008, 1.01]])
# λ₃ ≠ 0, and a window wide enough to hold all neighbours: every parameter counts
WIDE = ms.Tersoff(lam3=0.9, gamma=0.8, R=2.4, D=0.7, m=1)


@pytest.fixture(scope="module")
def silicon():
    return ms.CauchyBorn(ms.bulk("Si", "diamond", 5.43), ms.Tersoff())


def plainly(vectors, A, B, lam1, lam2, lam3, beta, n, c, d, cos0, gamma, R, D, m):
    """E_i bond by bond, as Tersoff writes it."""
    lengths = [np.linalg.norm(v) for v in vectors]

    def fade(r):
        if r < R - D:
            return 1.0
        return 0.0 if r > R + D else 0.5 - 0.5 * np.sin(0.5 * np.pi * (r - R) / D)

    energy = 0.0
    for j, (v, r) in enumerate(zip(vectors, lengths, strict=True)):
        zeta = 0.0
        for k, (w, s) in enumerate(zip(vectors, lengths, strict=True)):
            if k != j and fade(s) > 0.0:
                x = cos0 - v @ w / (r * s)
                zeta += fade(s) * gamma * (1 + c**2 / d**2 - c**2 / (d**2 + x**2)) * np.exp((lam3 * (r - s)) ** m)
        order = (1.0 + (beta * zeta) ** n) ** (-0.5 / n)
        energy += 0.5 * fade(r) * (A * np.exp(-lam1 * r) - order * B * np.exp(-lam2 * r))
    return energy


def numbers(potential):
    names = ("A", "B", "lam1", "lam2", "lam3", "beta", "n", "c", "d", "cos0", "gamma", "R", "D")
    return {name: float(getattr(potential, name)) for name in names} | {"m": potential.m}


@pytest.mark.parametrize("potential", [WIDE, ms.Tersoff(lam3=1.7322), ms.Tersoff(n=22.956, beta=0.3)])
def test_site_energy_is_the_published_sum(potential):
    rng = np.random.default_rng(3)
    directions = rng.normal(size=(7, 3))
    lengths = np.array([2.1, 2.3, 2.6, 2.75, 2.9, 2.99, 3.3])[:, None]
    vectors = lengths * directions / np.linalg.norm(directions, axis=1, keepdims=True)
    found = float(potential.site_energy(jnp.asarray(vectors)))
    assert found == pytest.approx(plainly(vectors, **numbers(potential)), rel=1e-12)
    assert float(potential.site_energy(jnp.asarray(vectors[::-1].copy()))) == pytest.approx(found, rel=1e-13)


@pytest.mark.slow
def test_a_lone_bond_has_order_one_and_finite_derivatives():
    potential = ms.Tersoff()
    away = jnp.array([[0.0, 0.0, 2.3], [0.0, 3.2, 0.0]])  # the second is beyond the cut-off

    def energy(potential, vectors):
        return potential.site_energy(vectors)

    pair = 0.5 * (1830.8 * np.exp(-2.4799 * 2.3) - 471.18 * np.exp(-1.7322 * 2.3))
    assert float(energy(potential, away)) == pytest.approx(pair, rel=1e-13)
    slope = 0.5 * (-2.4799 * 1830.8 * np.exp(-2.4799 * 2.3) + 1.7322 * 471.18 * np.exp(-1.7322 * 2.3))
    by_parameters, by_vectors = jax.jit(jax.grad(energy, (0, 1)))(potential, away)
    np.testing.assert_allclose(by_vectors, [[0, 0, slope], [0, 0, 0]], atol=1e-12)
    assert np.all(np.isfinite(jax.jit(jax.hessian(energy, 1))(potential, away)))
    for leaf in jax.tree.leaves(by_parameters):
        assert np.isfinite(leaf)


@pytest.mark.slow
def test_the_cutoff_function_is_once_continuously_differentiable():
    """Value and slope are continuous at R ± D, the curvature jumps by ½ (π/2D)² (times the bond's energy)."""
    potential = ms.Tersoff(A=1.0, lam1=0.0, B=1e-300)  # E_i = ½ f_C

    def energy(r):
        return 2.0 * potential.site_energy(jnp.array([0.0, 0.0, 1.0])[None] * r)

    slope = jax.jit(jax.grad(energy))
    second = jax.jit(jax.grad(jax.grad(energy)))
    jump = 0.5 * (np.pi / 0.3) ** 2
    for edge, values, curvatures in ((2.7, (1.0, 1.0), (0.0, -jump)), (3.0, (0.0, 0.0), (jump, 0.0))):
        for side, value, curvature in zip((-1e-9, 1e-9), values, curvatures, strict=True):
            r = jnp.array(edge + side)
            assert float(energy(r)) == pytest.approx(value, abs=1e-12)
            assert float(slope(r)) == pytest.approx(0.0, abs=1e-6)
            assert float(second(r)) == pytest.approx(curvature, abs=1e-5)


@pytest.mark.slow
def test_gradients_by_every_parameter():
    """W and P by thirteen parameters: forward against central differences, reverse against forward, second ones."""
    material = ms.CauchyBorn(ms.bulk("Si", "diamond", 5.43), WIDE, inner="clamped", strain_margin=0.1)
    theta, unravel = ravel_pytree(WIDE)
    assert theta.shape == (13,)

    def outputs(t):
        response = eqx.tree_at(lambda m: m.potential, material, unravel(t)).respond(SHEAR)
        return jnp.concatenate([response.energy[None], response.stress.ravel()])

    outputs = jax.jit(outputs)
    forward = np.asarray(jax.jit(jax.jacfwd(outputs))(theta)) * np.asarray(theta)
    for j in range(13):
        step = jnp.zeros(13).at[j].set(3e-5 * theta[j])
        difference = (outputs(theta + step) - outputs(theta - step)) / 6e-5
        scale = np.max(np.abs(forward[:, j]))
        assert scale > 1e-6, j
        np.testing.assert_allclose(forward[:, j], difference, atol=2e-7 * max(scale, 0.1), rtol=0, err_msg=str(j))
    energy = lambda t: outputs(t)[0]  # noqa: E731
    np.testing.assert_allclose(jax.jit(jax.grad(energy))(theta) * theta, forward[0], rtol=1e-9, atol=1e-12)
    second = np.asarray(jax.jit(jax.hessian(energy))(theta)) * np.outer(theta, theta)
    assert np.all(np.isfinite(second))
    np.testing.assert_allclose(second, second.T, atol=1e-9 * np.max(np.abs(second)))
    assert np.all(np.max(np.abs(second), axis=1) > 1e-6)


@pytest.mark.slow
def test_symmetries_of_the_dynamical_matrix(silicon):
    """The acoustic sum rule, Hermitian symmetry and time reversal, under strain."""
    q = np.array([[0.0, 0.0, 0.0], [0.1, -0.3, 0.2], [-0.1, 0.3, -0.2]])
    at_rest, wave, back = np.asarray(ms.phonons.dynamical_matrix(silicon, q, SHEAR))
    scale = np.max(np.abs(at_rest))
    np.testing.assert_allclose(at_rest.reshape(6, 2, 3).sum(axis=1), 0.0, atol=1e-12 * scale)  # equal masses
    np.testing.assert_allclose(wave, wave.conj().T, atol=1e-12 * scale)
    np.testing.assert_allclose(back, wave.conj(), atol=1e-12 * scale)


@pytest.mark.slow
def test_long_waves_are_those_of_the_acoustic_tensor(silicon):
    direction = np.array([0.3, 0.9, -0.2]) / np.linalg.norm([0.3, 0.9, -0.2])
    exact = np.linalg.eigvalsh(ms.phonons.acoustic_tensor(silicon, direction, SHEAR))
    k = 1e-2
    short = np.asarray(silicon.crystal.cell) @ (k * direction) / (2.0 * np.pi)
    omega2 = np.asarray(ms.phonons.modes(silicon, short[None], SHEAR).omega2[0, :3])
    density = np.sum(silicon.crystal.masses) / float(silicon.crystal.volume)
    np.testing.assert_allclose(omega2 * density / k**2, exact, rtol=2e-4)


def test_bad_input():
    with pytest.raises(ValueError, match="potential: made for Si, but the crystal holds C"):
        ms.CauchyBorn(ms.bulk("C", "diamond", 3.57), ms.Tersoff())
    for change, message in (
        ({"A": 0.0}, "A: must be positive, got 0.0"),
        ({"beta": 0.0}, "beta: must be positive"),
        ({"n": float("nan")}, "n: must be finite, got nan"),
        ({"lam3": -1.0}, "lam3: must not be negative, got -1.0"),
        ({"R": 0.1}, "D: half the width of the cut-off, must be below R = 0.1, got 0.15"),
        ({"m": 2}, "m: must be 1 or 3, got 2"),
    ):
        with pytest.raises(ValueError, match=message):
            ms.Tersoff(**change)
