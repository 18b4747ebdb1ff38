"""Cells whose phases remember: plastic, damaged and viscous, through load steps with committed states."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.status import Code

SIGMA, H = 1.0, 20.0
METAL = ms.J2Plasticity(200.0, 0.3, ms.LinearHardening(SIGMA, H), dim=2)
VOCE = ms.J2Plasticity(200.0, 0.3, ms.VoceHardening(SIGMA, 0.4, 50.0, 5.0), 8.0, dim=2)
STIFF = ms.IsotropicElastic(800.0, 0.25, 2)
LAMINATE = np.array([[0, 0], [1, 1]])  # layers stacked along x
IMAGE = (np.random.default_rng(3).random((5, 4)) < 0.35).astype(int)
PATH = [np.array([[0.012, 0.01], [0.004, -0.008]]), np.array([[-0.004, 0.002], [0.01, 0.006]])]


def follow(material, gradients, inputs=None):
    step = jax.jit(lambda f, s: material.respond(f, s, inputs))
    state, found = material.initial_state(), []
    for gradient in gradients:
        response = step(jnp.asarray(np.eye(2) + gradient), state)
        assert bool(response.status.ok), str(response.status)
        state = response.state
        found.append(response)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("material", "inputs"),
    [
        (VOCE, None),
        (ms.Damage(200.0, 0.2, ms.ExponentialSoftening(8e-3, 0.05), dim=2), None),
        (ms.Viscoelastic(50.0, 2.0, [6.0], [0.5], dim=2), ms.Inputs(time_step=jnp.array(0.3))),
    ],
    ids=["plastic", "damaged", "viscous"],
)
def test_a_homogeneous_cell_is_its_material(material, inputs):
    cell = ms.RVE(np.zeros((3, 2), int), [material], tolerance=1e-10)
    whole, point = follow(cell, PATH, inputs), follow(material, PATH, inputs)
    for a, b in zip(whole, point, strict=True):
        np.testing.assert_allclose(a.energy, b.energy, rtol=1e-10)
        np.testing.assert_allclose(a.stress, b.stress, rtol=1e-9, atol=1e-11)
        np.testing.assert_allclose(a.tangent, b.tangent, rtol=1e-7, atol=1e-7)
        (states,) = a.state.phases  # at all points the same
        for found, expected in zip(jax.tree.leaves(states), jax.tree.leaves(b.state), strict=True):
            every = np.broadcast_to(np.asarray(expected)[None, ..., None], found.shape)
            np.testing.assert_allclose(found, every, rtol=1e-9, atol=1e-12)


@pytest.mark.slow
def test_a_sheared_laminate_of_metal_and_elastic_layers():
    """One shear stress in both layers, so that the whole is one dimension: loads, unloads, reverses."""
    cell = ms.RVE(LAMINATE, [METAL, STIFF], tolerance=1e-10)
    path = [0.01, 0.03, 0.022, -0.02]
    found = follow(cell, [np.array([[0, 0], [gamma, 0]]) for gamma in path])
    g1, g2 = 200.0 / 2.6, 800.0 / 2.5
    series, plastic, accumulated = 2 / (1 / g1 + 1 / g2), 0.0, 0.0
    for gamma, response in zip(path, found, strict=True):
        trial = series * (gamma - plastic / 2)
        over = np.sqrt(3) * abs(trial) - (SIGMA + H * accumulated)
        if over > 0:
            increment = over / (H + 1.5 * series)
            accumulated, plastic = accumulated + increment, plastic + np.sign(trial) * np.sqrt(3) * increment
        tau = series * (gamma - plastic / 2)
        assert float(response.stress[1, 0]) == pytest.approx(tau, rel=1e-8)
        of_metal = response.state.phases[0].accumulated.reshape(4, 4)[:, :2]  # the first two voxels are metal
        np.testing.assert_allclose(of_metal, accumulated, rtol=1e-7)


@pytest.mark.slow
def test_a_damaged_layer_beside_an_elastic_one():
    """Layers in parallel, without Poisson's effect: the mean of two curves, into the softening branch and back."""
    low, final = 0.01, 0.05
    fragile = ms.Damage(200.0, 0.0, ms.LinearSoftening(low, final), dim=2)
    cell = ms.RVE(LAMINATE, [fragile, ms.IsotropicElastic(300.0, 0.0, 2)], tolerance=1e-10)
    path, largest = [0.008, 0.03, 0.02, 0.06], 0.0
    found = follow(cell, [np.diag([0.0, e]) for e in path])
    for e, response in zip(path, found, strict=True):
        largest = max(largest, e)
        curve = 200.0 * (largest if largest < low else low * max(final - largest, 0) / (final - low))
        assert float(response.stress[1, 1]) == pytest.approx(0.5 * (curve * e / largest + 300.0 * e), rel=1e-8)


@pytest.fixture(scope="module")
def composite():
    """A plastic matrix with stiff inclusions after a first step."""
    cell = ms.RVE(IMAGE, [VOCE, STIFF], tolerance=1e-9)
    (first,) = follow(cell, PATH[:1])
    return cell, first.state


@pytest.mark.slow
def test_the_matrix_yields_and_the_inclusions_do_not(composite):
    _, state = composite
    metal, elastic = state.phases
    assert elastic is None
    accumulated = np.asarray(metal.accumulated)
    assert np.all(accumulated[:, IMAGE.ravel() == 1] == 0.0)
    assert np.max(accumulated) > 5e-3


@pytest.mark.slow
def test_work_of_a_step_is_the_mean_work_of_the_points(composite):
    """Hill–Mandel: dW = P:dF with W the mean incremental potential, in a step from a committed state."""
    cell, state = composite
    direction, h = np.array([[0.3, -0.7], [0.2, 0.5]]), 1e-6
    base = np.eye(2) + PATH[1]
    step = jax.jit(jax.vmap(lambda f: cell.respond(f, state)))
    response = step(jnp.asarray(np.stack([base, base + h * direction, base - h * direction])))
    work = float(np.vdot(response.stress[0], direction))
    assert float(response.energy[1] - response.energy[2]) / (2 * h) == pytest.approx(work, rel=1e-6)
    slope = np.asarray(response.stress[1] - response.stress[2]) / (2 * h)
    np.testing.assert_allclose(np.einsum("iJkL,kL->iJ", response.tangent[0], direction), slope, rtol=1e-4, atol=1e-3)


@pytest.mark.slow
def test_batched_is_looped(composite):
    """Members with states and strains of their own, one of them lost."""
    cell, state = composite
    virgin = cell.initial_state()
    states = jax.tree.map(lambda *x: jnp.stack(x), state, virgin, state)
    strains = jnp.asarray(np.eye(2) + np.stack([PATH[1], PATH[0], PATH[1]]))
    strains = strains.at[2, 0, 0].set(jnp.nan)
    together = jax.jit(jax.vmap(lambda f, s: cell.respond(f, s)))(strains, states)
    assert [Code(int(c)) for c in together.status.code] == [0, 0, Code.NONFINITE]
    assert np.all(np.isnan(together.stress[2]))
    for k, start in enumerate((state, virgin)):
        alone = cell.respond(strains[k], start)
        np.testing.assert_allclose(together.stress[k], alone.stress, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(
            together.state.phases[0].accumulated[k], alone.state.phases[0].accumulated, rtol=1e-6, atol=1e-10
        )


@pytest.mark.slow
def test_every_claim_holds_in_a_step():
    cell = ms.RVE(LAMINATE, [METAL, STIFF], tolerance=1e-10)
    (first,) = follow(cell, PATH[:1])
    strains = np.stack([np.eye(2) + 2.0 * PATH[0]])
    assert ms.check_material(cell, strains, state=first.state, parameters=False).passed
