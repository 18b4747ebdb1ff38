"""Phases that remember: committed states through load steps, alone and in batches."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.homogenization.rve import CellState
from msjax.material.response import Material, Response
from msjax.status import Code, Status, guard, screen
from msjax.typing import Array, Float


class Flowed(NamedTuple):
    """The viscous part of the strain, (d, d)."""

    viscous: Float[Array, "d d"]


class Creep(Material):
    """A spring of modulus E in series with a dashpot: σ = E (ε − v), v̇ = k (ε − v), one implicit step.

    The smallest material with a history that has an incremental potential: W = ½ E |ε − v|² + E |v − v₀|²/2k at
    v = (v₀ + k ε)/(1 + k). No ν, so that bars in series are bars in series.
    """

    modulus: Float[Array, ""]
    flow: Float[Array, ""]
    size: int = eqx.field(static=True, default=2)

    objective = False

    @property
    def dim(self):
        return self.size

    def initial_state(self):
        return Flowed(jnp.zeros((self.size, self.size)))

    def respond(self, strain, state=None, inputs=None):
        return _creep(self, jnp.asarray(strain, float), self.initial_state() if state is None else state)


@eqx.filter_jit
def _creep(material, strain, state):
    e, k, one = material.modulus, material.flow, jnp.eye(material.size)
    finite = jnp.all(jnp.isfinite(strain)) & jnp.all(jnp.isfinite(state.viscous))
    safe = jnp.where(finite, strain, one)
    before = jnp.where(finite, state.viscous, 0.0 * one)
    epsilon = 0.5 * (safe + safe.T) - one
    after = (before + k * epsilon) / (1.0 + k)
    stress = e * (epsilon - after)
    energy = 0.5 * e * jnp.sum((epsilon - after) ** 2) + 0.5 * e / k * jnp.sum((after - before) ** 2)
    status = screen(Status.of(), ~finite, Code.NONFINITE)
    even = 0.5 * (jnp.einsum("ik,jl->ijkl", one, one) + jnp.einsum("il,jk->ijkl", one, one))
    tangent = e / (1.0 + k) * even
    energy, stress, after, tangent = guard((energy, stress, after, tangent), status.failed)
    return Response(energy, stress, tangent, Flowed(after), status, status)


SPRING = ms.IsotropicElastic(4.0, 0.0, 2)
SOFT, STIFF = Creep(jnp.array(3.0), jnp.array(0.5)), Creep(jnp.array(9.0), jnp.array(0.1))
STEPS = [jnp.eye(2).at[0, 0].set(1.0 + x).at[0, 1].set(y) for x, y in ((0.01, 0.002), (0.03, -0.004), (-0.01, 0.006))]
IMAGE = np.array([[0, 1, 0], [1, 1, 2]])


def through(cell, steps, state=None):
    """Responses of committed steps."""
    found = []
    for F in steps:
        found.append(cell.respond(F, state))
        state = found[-1].state
    return found


@pytest.mark.slow
def test_the_material_keeps_its_claims():
    ms.check_material(SOFT, state=Flowed(jnp.array([[0.01, 0.003], [0.003, -0.004]])))


@pytest.mark.slow
@pytest.mark.parametrize("share", [0, 0.0])
def test_a_homogeneous_cell_is_its_material_step_by_step(share):
    """As one phase of two, whose other is nowhere; integers and shares."""
    cell = ms.RVE(np.full((2, 3), share), [SOFT, SPRING], "subc", tolerance=1e-10)
    for found, expected in zip(through(cell, STEPS), through(SOFT, STEPS)):
        assert found.status.ok
        np.testing.assert_allclose(found.energy, expected.energy, rtol=1e-10)
        np.testing.assert_allclose(found.stress, expected.stress, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.tangent, expected.tangent, rtol=1e-9, atol=1e-10)
        states = found.state.phases[0].viscous  # (points, d, d, voxels)
        everywhere = jnp.broadcast_to(expected.state.viscous[None, :, :, None], states.shape)
        np.testing.assert_allclose(states, everywhere, rtol=1e-9, atol=1e-13)
        assert found.state.phases[1] is None


def in_series(stretches):
    """A spring and a creeping bar, halves of the length: stresses and the bar's viscous strain, step by step."""
    (spring, bar), k, v, found = (4.0, 3.0), 0.5, 0.0, []
    for e in stretches:
        # s = spring e₁ = bar (e₂ − v)/(1 + k), e₁ + e₂ = 2 e
        s = (2.0 * e - v) / (1.0 / spring + (1.0 + k) / bar)
        v = (v + k * (2.0 * e - s / spring)) / (1.0 + k)
        found.append((s, v))
    return found


@pytest.mark.slow
def test_layers_creep_like_bars_in_series():
    cell = ms.RVE(np.array([[0], [0], [1], [1]]), [SPRING, SOFT], tolerance=1e-11)
    stretches = (0.01, 0.03, -0.01)
    state = None
    for e, (stress, viscous) in zip(stretches, in_series(stretches)):
        load = jnp.zeros((2, 2)).at[0, 0].set(e)
        fields = ms.local_fields(cell, load, state)
        response = cell.respond(jnp.eye(2) + load, state)
        assert float(response.stress[0, 0]) == pytest.approx(stress, rel=1e-9)
        np.testing.assert_allclose(fields.stress[0, 0], stress, rtol=1e-9)
        np.testing.assert_allclose(fields.strain[0, 0, :2], stress / 4.0, rtol=1e-9)
        assert fields.state[0] is None
        assert np.all(np.isnan(fields.state[1].viscous[:, :, :2]))
        np.testing.assert_allclose(fields.state[1].viscous[0, 0, 2:], viscous, rtol=1e-9)
        state = response.state


CELL = ms.RVE(IMAGE, [SOFT, SPRING, STIFF], "kubc", tolerance=1e-10)


def two_steps(first, second, flow, state=None):
    """Response to the second of two committed steps."""
    cell = eqx.tree_at(lambda c: c.materials[0].flow, CELL, flow)
    after = cell.respond(first, state).state
    found = cell.respond(second, after)
    return found.energy, found.stress, found.state, found.status.code


@pytest.fixture(scope="module")
def one():
    return jax.jit(two_steps)


@pytest.mark.slow
def test_batched_is_looped_and_a_poisoned_history_harms_no_other(one):
    firsts = jnp.stack([STEPS[0], STEPS[1], STEPS[2], STEPS[0]])
    seconds = jnp.stack([STEPS[1], STEPS[2].at[0, 0].set(jnp.nan), STEPS[0], STEPS[2]])
    flows = jnp.array([0.5, 0.4, 0.7, 0.2])
    virgin = CELL.initial_state()
    states = jax.tree.map(lambda x: jnp.stack([x] * 4), virgin)
    sick = jax.tree.map(lambda x: x.at[2].set(jnp.nan), states.phases)
    states = CellState(states.fluctuation, sick)
    energy, stress, after, code = jax.jit(jax.vmap(two_steps))(firsts, seconds, flows, states)
    assert code.tolist() == [Code.CONVERGED, Code.NONFINITE, Code.NONFINITE, Code.CONVERGED]
    assert np.isnan(np.asarray(energy)).tolist() == [False, True, True, False]
    for n in (0, 3):
        expected = one(firsts[n], seconds[n], flows[n], virgin)
        np.testing.assert_allclose(energy[n], expected[0], rtol=1e-10)
        np.testing.assert_allclose(stress[n], expected[1], rtol=1e-9, atol=1e-12)
        for mine, alone in zip(jax.tree.leaves(after.phases), jax.tree.leaves(expected[2].phases)):
            np.testing.assert_allclose(mine[n], alone, rtol=1e-8, atol=1e-12)


@pytest.mark.slow
def test_derivatives_pass_through_the_history(one):
    """Of the second step's stress in the first step's strain and in a parameter of the phase."""
    virgin = CELL.initial_state()

    def stress(first, flow):
        return two_steps(first, STEPS[1], flow, virgin)[1][0, 0]

    def function(first, flow):
        return one(first, STEPS[1], flow, virgin)[1][0, 0]

    of_first, of_flow = jax.jit(jax.grad(stress, argnums=(0, 1)))(STEPS[0], jnp.array(0.5))
    h = 1e-4
    unit = jnp.zeros((2, 2)).at[0, 0].set(h)
    slope = (function(STEPS[0] + unit, jnp.array(0.5)) - function(STEPS[0] - unit, jnp.array(0.5))) / (2 * h)
    assert abs(float(slope)) > 0.1
    assert float(of_first[0, 0]) == pytest.approx(float(slope), rel=1e-6)
    slope = (function(STEPS[0], jnp.array(0.5 + h)) - function(STEPS[0], jnp.array(0.5 - h))) / (2 * h)
    assert float(of_flow) == pytest.approx(float(slope), rel=1e-6)


def test_phases_without_an_energy_are_refused():
    class Follower(Creep):
        symmetric = False

    with pytest.raises(ValueError, match=r"materials\[1\]: is not conservative with a symmetric tangent"):
        ms.RVE(IMAGE % 2, [SPRING, Follower(jnp.array(1.0), jnp.array(1.0))])
