"""Implicit dynamics: exact discrete oscillators, waves, conservation, order, and the adjoint through time."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe.dynamics import Newmark, dynamics, generalised_alpha

LINEAR = ms.IsotropicElastic(1.0, 0.0, dim=2)
RUBBER = ms.NeoHooke(mu=0.5, lam=0.3, dim=2)


def rod(cells, loads=()):
    """A strip that moves along x only: E = 1, ρ = 1, c = 1."""
    mesh = ms.fe.rectangle((1.0, 1.0), (cells, 1))
    held = [ms.fe.Dirichlet("x-"), ms.fe.Dirichlet(lambda x: x[:, 0] > -1, 0.0, "y")]
    return ms.fe.Problem(mesh, LINEAR, held, loads)


@pytest.mark.slow
@pytest.mark.parametrize("scheme", [Newmark(), Newmark(1 / 6, 0.5)], ids=["average", "linear"])
def test_one_degree_of_freedom_oscillates_as_newmark_says(scheme):
    """One cell with lumped mass ½: ω² = 2. The scheme's solution is cos ω̄t with
    cos ω̄h = 1 − ½ (ωh)²/(1 + β (ωh)²)."""
    h, steps = 0.4, 20
    tip = jnp.zeros((4, 2)).at[2:, 0].set(0.1)
    found = dynamics(rod(1), 1.0, h * np.arange(steps + 1), tip, scheme=scheme, lumped=True, tolerance=1e-13)
    w2 = 2 * h**2
    angle = np.arccos(1 - 0.5 * w2 / (1 + scheme.beta * w2))
    np.testing.assert_allclose(found.u[:, 3, 0], 0.1 * np.cos(angle * np.arange(steps + 1)), atol=1e-12)


@pytest.mark.slow
def test_order_and_damping_of_generalised_alpha():
    """Order 2 for every ρ; energy falls where ρ < 1 and stays where it is 1."""
    tip = jnp.zeros((4, 2)).at[2:, 0].set(0.1)
    for rho in (0.0, 1.0):
        errors = []
        for steps in (20, 40):
            times = np.linspace(0.0, 2.0, steps + 1)
            found = dynamics(rod(1), 1.0, times, tip, scheme=generalised_alpha(rho), lumped=True, tolerance=1e-13)
            errors.append(float(found.u[-1, 3, 0]) - 0.1 * np.cos(np.sqrt(2) * 2.0))
        assert abs(np.log2(errors[0] / errors[1]) - 2) < 0.2, rho
        energy = found.kinetic + found.potential
        assert (float(energy[-1]) < (1 - 1e-6) * float(energy[0])) == (rho < 1), rho


@pytest.mark.slow
def test_a_step_force_sends_waves_along_a_rod():
    """The end of a rod under a sudden force P moves with P c/E A until the wave is back, to 2 P L/E A at t = 2 L/c."""
    problem = rod(20, [ms.fe.Traction("x+", [1e-3, 0.0])])
    found = dynamics(problem, 1.0, np.linspace(0.0, 2.0, 81), scheme=generalised_alpha(0.8))
    np.testing.assert_allclose(found.u[20, -1, 0], 0.5e-3, rtol=0.02)
    np.testing.assert_allclose(found.u[80, -1, 0], 2e-3, rtol=0.02)
    still = found.u[32, 2 * 2, 0]  # at t = 0.8 the wave has not come to x = 0.1
    assert abs(float(still)) < 2e-5


@pytest.mark.slow
def test_linear_energy_is_conserved_exactly():
    """Average acceleration, prescribed loads that do not change: kinetic energy and potential add up to a constant."""
    problem = rod(4, [ms.fe.Traction("x+", [1e-3, 0.0])])
    velocity = jnp.zeros((10, 2)).at[4:, 0].set(0.01)
    found = dynamics(problem, 1.0, np.linspace(0.0, 3.0, 31), velocity=velocity, tolerance=1e-13)
    energy = found.kinetic + found.potential
    np.testing.assert_allclose(energy, energy[0], atol=1e-12 * float(jnp.max(found.kinetic)) + 1e-15)
    assert float(jnp.min(found.kinetic)) < 0.7 * float(jnp.max(found.kinetic))  # it is exchanged


def spinning(steps, time=1.0):
    mesh = ms.fe.rectangle((1.0, 1.0), (2, 2))
    problem = ms.fe.Problem(mesh, RUBBER)
    arm = mesh.points - 0.5
    velocity = 0.8 * jnp.stack([-arm[:, 1], arm[:, 0]], axis=1) + jnp.array([[0.3, -0.2]])
    found = dynamics(problem, 1.0, np.linspace(0.0, time, steps + 1), velocity=velocity, tolerance=1e-12)
    mass = ms.fe.mass_matrix(problem)
    momenta = jax.vmap(mass.apply)(found.v)
    x = mesh.points[None] + found.u - 0.5
    spin = jnp.sum(x[..., 0] * momenta[..., 1] - x[..., 1] * momenta[..., 0], axis=1)
    return found.kinetic + found.potential, jnp.sum(momenta, axis=1), spin


@pytest.mark.slow
def test_a_free_body_of_rubber_keeps_its_momentum():
    """Momentum exactly; energy and spin to the order 2 of the scheme, large rotations and strains included."""
    energy, momentum, spin = spinning(8)
    np.testing.assert_allclose(momentum, np.broadcast_to([0.3, -0.2], momentum.shape), atol=1e-9)
    finer, _, spin_finer = spinning(16)
    drift, drift_finer = jnp.max(jnp.abs(energy - energy[0])), jnp.max(jnp.abs(finer - finer[0]))
    assert 3 < float(drift / drift_finer) < 5
    assert 3 < float(jnp.max(jnp.abs(spin - spin[0])) / jnp.max(jnp.abs(spin_finer - spin[0]))) < 5


@pytest.mark.slow
def test_adjoint_through_time():
    """In modulus, density, load and initial velocity of a nonlinear body, against differences."""
    mesh = ms.fe.rectangle((1.0, 1.0), (1, 1))
    problem = ms.fe.Problem(mesh, RUBBER, [ms.fe.Dirichlet("x-")], [ms.fe.Traction("x+", [0.1, 0.05])])

    def final(p, checkpointed=False):
        posed = eqx.tree_at(lambda x: x.parts[0].material.mu, problem, p[0])
        found = dynamics(
            posed, p[1], jnp.linspace(0.0, 1.5, 5), 0.0, p[3] * mesh.points[:, :1] * jnp.array([[0.0, 1.0]]),
            lambda q, t: q.scaled(p[2] * t), scheme=generalised_alpha(0.7), tolerance=1e-12,
            checkpointed=checkpointed,
        )  # fmt: skip
        return jnp.sum(found.u[-1] * found.v[-1]) + found.potential[2]

    at, h = jnp.array([0.5, 1.2, 1.0, 0.2]), 2e-3
    gradient = jax.jit(jax.grad(final))(at)
    again = jax.jit(jax.grad(lambda p: final(p, True)))(at)
    np.testing.assert_allclose(again, gradient, rtol=1e-10)
    final = jax.jit(final)
    for n in range(4):
        e = h * jnp.eye(4)[n]
        difference = (8 * (final(at + e) - final(at - e)) - final(at + 2 * e) + final(at - 2 * e)) / (12 * h)
        np.testing.assert_allclose(gradient[n], difference, rtol=1e-7)


@pytest.mark.slow
def test_bad_input_is_named():
    with pytest.raises(ValueError, match="scheme"):
        Newmark(beta=0.0)
    with pytest.raises(ValueError, match="rho"):
        generalised_alpha(1.5)
    with pytest.raises(ValueError, match="velocity"):
        dynamics(rod(1), 1.0, [0.0, 1.0], velocity=np.zeros((3, 2)))
    with pytest.raises(ValueError, match="density"):
        dynamics(rod(1), 0.0, [0.0, 1.0])
