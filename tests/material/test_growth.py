"""Growth given as a field and growth by a law, against closed forms and SciPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import msjax as ms
from msjax.status import Code

MU, LAM = 1.0, 3.0
RUBBER = ms.NeoHooke(MU, LAM)
FIBRE = np.array([1.0, 0.0, 0.0])


def pressure(x):
    """P₁₁ of neo-Hooke at F = x 1."""
    return MU * (x - 1 / x) + 3 * LAM * np.log(x) / x


@pytest.mark.slow
@pytest.mark.parametrize(("direction", "f"), [(None, 1.2 * np.eye(3)), (2.0 * FIBRE, np.diag([1.2, 1, 1]))])
def test_free_growth_is_without_stress(direction, f):
    response = ms.Growth(RUBBER, stretch=1.2, direction=direction).respond(jnp.asarray(f))
    np.testing.assert_allclose(response.stress, 0.0, atol=1e-14)
    assert float(response.energy) == pytest.approx(0.0, abs=1e-14)
    mass = np.linalg.det(f)  # stiffness per volume before growth grows with the material
    np.testing.assert_allclose(
        np.einsum("iJkL,MJ,NL->iMkN", response.tangent, f, f) / mass, RUBBER.respond(jnp.eye(3)).tangent, atol=1e-12
    )


def test_growth_that_is_held():
    for stretch in (0.9, 1.3):
        response = ms.Growth(RUBBER, stretch=stretch).respond(jnp.eye(3))
        np.testing.assert_allclose(response.stress, stretch**2 * pressure(1 / stretch) * np.eye(3), atol=1e-13)
        energy = stretch**3 * (
            MU / 2 * (3 / stretch**2 - 3) + 3 * MU * np.log(stretch) + LAM / 2 * 9 * np.log(stretch) ** 2
        )
        assert float(response.energy) == pytest.approx(energy, rel=1e-13)
    along = ms.Growth(RUBBER, stretch=1.3, direction=FIBRE).respond(jnp.eye(3))
    log_j = -np.log(1.3)
    np.testing.assert_allclose(along.stress[0, 0], MU * (1 / 1.3 - 1.3) + LAM * log_j * 1.3, rtol=1e-13)
    np.testing.assert_allclose(along.stress[1, 1], 1.3 * LAM * log_j, rtol=1e-13)


@pytest.mark.slow
def test_growth_comes_as_parameter_field_or_input():
    stretches = jnp.array([1.0, 1.1, 0.95, -1.0, jnp.nan])
    f = jnp.eye(3).at[0, 1].set(0.2)
    by_input = jax.vmap(lambda g: ms.Growth(RUBBER).respond(f, None, ms.Inputs(growth=g)))(stretches)
    by_field = jax.vmap(lambda g: ms.Growth(RUBBER, stretch=g).respond(f))(stretches)
    np.testing.assert_allclose(by_input.stress, by_field.stress, rtol=1e-13)
    codes = [Code(int(c)) for c in by_field.status.code]
    assert codes == [0, 0, 0, Code.INVERTED, Code.NONFINITE]
    assert np.all(np.isnan(by_field.stress[3:]))
    np.testing.assert_allclose(by_input.stress[0], RUBBER.respond(f).stress, rtol=1e-14)


LAW = ms.GrowthLaw(time=4.0, limit=1.4, threshold=0.2, exponent=2.0)


def rate(stretch, hold=1.15):
    """ϑ̇ of volumetric growth under F = hold 1, stress-driven."""
    x = hold / stretch
    return ((1.4 - stretch) / 0.4) ** 2 * max(3 * x * pressure(x) - 0.2, 0.0) / 4.0


@pytest.mark.slow
def test_a_step_of_a_stress_driven_law():
    tissue, state, before = ms.Growth(RUBBER, law=LAW), None, 1.0
    step = jax.jit(lambda s, dt: tissue.respond(1.15 * jnp.eye(3), s, ms.Inputs(time_step=dt)))
    for dt in (0.5, 2.0, 0.0, 50.0):
        response = step(state if state is not None else tissue.initial_state(), dt)
        state = response.state
        after = brentq(lambda x: before + dt * rate(x) - x, before, 1.4, xtol=1e-15)  # noqa: B023
        assert float(state.stretch) == pytest.approx(after, rel=1e-12)
        expected = after**2 * pressure(1.15 / after)
        np.testing.assert_allclose(response.stress, expected * np.eye(3), rtol=1e-10, atol=1e-13)
        before = after


@pytest.mark.slow
def test_small_steps_approach_the_differential_equation():
    tissue, time = ms.Growth(RUBBER, law=LAW), 0.6
    exact = solve_ivp(lambda t, y: [rate(y[0])], (0, time), [1.0], rtol=1e-11, atol=1e-12).y[0, -1]

    def grown(count):
        def step(state, _):
            response = tissue.respond(1.15 * jnp.eye(3), state, ms.Inputs(time_step=time / count))
            return response.state, None

        return float(jax.lax.scan(step, tissue.initial_state(), None, length=count)[0].stretch)

    errors = [abs(grown(n) - exact) for n in (40, 80)]
    assert errors[0] / errors[1] == pytest.approx(2.0, abs=0.02)
    assert errors[1] < 1e-3


@pytest.mark.slow
def test_a_law_driven_by_stretch_has_a_quadratic_step():
    law = ms.GrowthLaw(time=2.0, limit=1.5, threshold=1.05, driver="stretch")
    tissue, dt, length = ms.Growth(RUBBER, law=law, direction=FIBRE), 0.8, 1.3
    found = tissue.respond(jnp.diag(jnp.array([length, 1.0, 1.0])), None, ms.Inputs(time_step=dt)).state.stretch
    c = dt / 2.0 / 0.5  # ϑ² = ϑ + c (1.5 − ϑ)(1.3 − 1.05 ϑ)
    root = np.roots([1 - 1.05 * c, -1 + c * (1.3 + 1.5 * 1.05), -1.5 * 1.3 * c])
    assert np.min(np.abs(root - float(found))) < 1e-13
    rest = tissue.respond(jnp.eye(3), None, ms.Inputs(time_step=dt)).state.stretch
    assert float(rest) == 1.0  # below the threshold nothing grows, and nothing shrinks


CASES = {
    "given": (ms.Growth(RUBBER, stretch=1.1), None, None),
    "fibre, tissue": (
        ms.Growth(ms.HolzapfelGasserOgden(1.0, 2.0, 1.5, [[1.0, 0.5]], 10.0), stretch=1.05, direction=[1.0, 0.2]),
        None,
        None,
    ),
    "law": (ms.Growth(RUBBER, law=LAW), 1.1, ms.Inputs(time_step=jnp.array(0.7))),
}


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["given", *(pytest.param(n, marks=pytest.mark.slow) for n in ("fibre, tissue", "law"))]
)
def test_every_claim_holds(name):
    material, stretch, inputs = CASES[name]
    state = None if stretch is None else material.initial_state()._replace(stretch=jnp.array(stretch))
    rng = np.random.default_rng(5)
    strains = 1.25 * (np.eye(material.dim) + 0.08 * rng.standard_normal((2, material.dim, material.dim)))
    assert ms.check_material(material, strains, state=state, inputs=inputs).passed
    assert material.conservative == material.symmetric == (name != "law")


def test_bad_input_is_named():
    for make, message in (
        (lambda: ms.Growth(RUBBER, stretch=0.0), "stretch: must be positive"),
        (lambda: ms.Growth(RUBBER, stretch=1.0, law=LAW), "stretch, law: give one of them"),
        (lambda: ms.Growth(RUBBER, direction=[1.0, 0.0]), r"direction: expected shape \(3,\)"),
        (lambda: ms.Growth(RUBBER, law=ms.GrowthLaw(1.0, 1.2, driver="stretch")), "direction: a law driven by stretch"),
        (lambda: ms.Growth(RUBBER, law=LAW).respond(jnp.eye(3)), "inputs: growth by a law needs a time step"),
        (lambda: ms.GrowthLaw(1.0, 1.0), "limit: must be greater than 1.0"),
    ):
        with pytest.raises(ValueError, match=message):
            make()
