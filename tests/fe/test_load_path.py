"""Load stepping: adaptive from the host, fixed and differentiable on the device."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe.load_path import march
from msjax.fe.load_steps import load_steps
from msjax.status import Code, SolveError

YOUNG, YIELD, HARDENING = 200.0, 1.0, 20.0


def steel(strength=YIELD, hardening=HARDENING):
    return ms.J2Plasticity(YOUNG, 0.0, ms.LinearHardening(strength, hardening), dim=3)


def bar(material, stretch=0.02):
    """One hexahedron pulled along x, free to contract (ν = 0 elastically): uniaxial stress."""
    mesh = ms.fe.box((1.0, 1.0, 1.0), (1, 1, 1))
    held = [ms.fe.Dirichlet(s, 0.0, s[0]) for s in ("x-", "y-", "z-")]
    return ms.fe.Problem(mesh, material, [*held, ms.fe.Dirichlet("x+", stretch, "x")])


def notched(material, pull=0.02):
    """A plate pulled at a part of its edge: stresses differ from point to point."""
    mesh = ms.fe.rectangle((1.0, 1.0), (3, 3))
    held = [ms.fe.Dirichlet("x-", 0.0, "x"), ms.fe.Dirichlet([0], 0.0, "y"), ms.fe.Dirichlet([14, 15], pull, "x")]
    return ms.fe.Problem(mesh, material, held)


def uniaxial(strain):
    """Stress of a bar with linear hardening, loaded, unloaded and loaded again."""
    plastic, alpha, stresses = 0.0, 0.0, []
    for e in strain:
        trial = YOUNG * (e - plastic)
        excess = abs(trial) - (YIELD + HARDENING * alpha)
        if excess > 0:
            grown = excess / (YOUNG + HARDENING)
            plastic, alpha = plastic + np.sign(trial) * grown, alpha + grown
        stresses.append(YOUNG * (e - plastic))
    return np.array(stresses)


def cycle(problem, t):
    """To 1 at t = 1, back to −0.5 at t = 2.5."""
    return problem.scaled(jnp.where(t < 1.0, t, 2.0 - t))


@pytest.mark.slow
def test_elastoplastic_cycle_follows_the_closed_form():
    times = np.array([0.0, 0.5, 1.0, 1.5, 2.0, 2.5])
    seen = []
    path = march(bar(steel()), times, cycle, progress=lambda t, end: seen.append((t, end)))
    assert path.status.code == 0
    assert np.all(np.isin(times, np.asarray(path.times)))
    assert seen[-1] == (2.5, 2.5)
    strain = 0.02 * np.where(path.times < 1, path.times, 2 - path.times)
    np.testing.assert_allclose(path.reactions[:, 4:, 0].sum(axis=1), uniaxial(strain), atol=1e-8)
    device = load_steps(bar(steel()), times, cycle)
    strain = 0.02 * np.where(times < 1, times, 2 - times)
    np.testing.assert_allclose(device.reactions[:, 4:, 0].sum(axis=1), uniaxial(strain), atol=1e-8)
    assert device.energy.shape == (6,)
    assert device.status.code.shape == (6,)


class Brittle(ms.material.hyperelastic.Hyperelastic):
    """A solid that has no equilibrium beyond a stretch of 1.5: its energy is a NaN there."""

    scale: jax.Array

    @property
    def dim(self):
        return 2

    def stored_energy(self, deformation):
        stretch = jnp.sum(deformation**2)
        wall = jnp.where(stretch < 1.5**2 + 1.0, 0.0, jnp.nan)
        return self.scale * jnp.sum((deformation.T @ deformation - jnp.eye(2)) ** 2) + wall


def brittle(scale=1.0):
    mesh = ms.fe.rectangle((1.0, 1.0), (1, 1))
    return ms.fe.Problem(mesh, Brittle(jnp.asarray(scale)), [ms.fe.Dirichlet("x-"), ms.fe.Dirichlet("x+", [1.0, 0.0])])


@pytest.mark.slow
def test_a_path_that_cannot_go_on_keeps_its_last_good_step():
    path = march(brittle(), [0.0, 0.25, 1.0], smallest=1e-4)
    assert path.status.code == Code.NONFINITE
    assert abs(float(path.times[-1]) - 0.5) < 2e-4  # as far as there is an equilibrium
    assert np.all(np.isfinite(path.u))
    assert len(path.times) == path.u.shape[0] == path.energy.shape[0]
    assert path.rejected
    assert path.rejected[-1].time > 0.5
    assert "stopped at 0.4999" in path.stopped or "stopped at 0.5" in path.stopped
    # usable: the next path begins there
    again = march(brittle(), [float(path.times[-1]), 1.0], start=path.u[-1], smallest=1e-2)
    assert again.times.shape[0] >= 1
    with pytest.raises(SolveError, match="stopped at"):
        march(brittle(), [0.0, 1.0], smallest=0.1, throw=True)


@pytest.mark.slow
def test_after_a_failed_step_all_is_nan_and_other_members_are_unharmed():
    times = jnp.array([0.0, 0.25, 0.75, 1.0])

    def run(stretch):
        return load_steps(brittle().scaled(stretch), times, throw=False)

    both = eqx.filter_vmap(run)(jnp.array([0.45, 1.0]))
    assert both.status.code.tolist() == [[0, 0, 0, 0], [0, 0, 3, 3]]
    assert np.all(np.isfinite(both.u[0]))
    assert np.all(np.isnan(both.u[1, 2:]))
    np.testing.assert_allclose(both.u[0], run(0.45).u, atol=1e-12)
    with pytest.raises(SolveError):
        load_steps(brittle(), times)


@pytest.mark.slow
def test_gradient_through_an_elastoplastic_history():
    """Dissipative and path-dependent: yields, unloads, yields backwards."""
    times = jnp.array([0.0, 0.4, 1.0, 1.6, 2.4])
    problem = notched(ms.J2Plasticity(YOUNG, 0.3, ms.LinearHardening(YIELD, HARDENING), dim=2))

    def measured(parameters, checkpointed=False):
        strength, hardening, size = parameters
        material = ms.J2Plasticity(YOUNG, 0.3, ms.LinearHardening(strength, hardening), dim=2)
        posed = eqx.tree_at(lambda p: p.parts[0].material, problem, material).scaled(size)
        path = load_steps(posed, times, cycle, tolerance=1e-11, checkpointed=checkpointed)
        return jnp.sum(path.reactions[1:, 15, 0] ** 2) + jnp.sum(path.u[-1] ** 2) + 0.1 * path.energy[-1]

    at = jnp.array([YIELD, HARDENING, 1.0])
    value, gradient = jax.jit(jax.value_and_grad(measured))(at)
    assert np.isfinite(value)
    again = jax.jit(jax.grad(lambda p: measured(p, True)))(at)
    np.testing.assert_allclose(again, gradient, rtol=1e-10)
    run = jax.jit(measured)
    for n, h in enumerate((1e-4, 1e-3, 1e-4)):
        e = h * jnp.eye(3)[n]
        difference = (8 * (run(at + e) - run(at - e)) - (run(at + 2 * e) - run(at - 2 * e))) / (12 * h)
        assert abs(difference - gradient[n]) < 1e-6 * abs(gradient[n]), n


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="times"):
        march(brittle(), [1.0, 0.0])
    with pytest.raises(ValueError, match="times"):
        load_steps(brittle(), [0.0])
    with pytest.raises(ValueError, match="smallest"):
        march(brittle(), [0.0, 1.0], smallest=0.0)
    with pytest.raises(ValueError, match="start"):
        march(brittle(), [0.0, 1.0], start=np.zeros((3, 2)))
