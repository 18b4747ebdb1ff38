"""Bars in the plane and in space."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.material.bar import Bar
from msjax.status import Code


def hooke(dim=2, area=2.0):
    return Bar(ms.NeoHooke(mu=1.0, lam=0.5, dim=1), area, dim)


@pytest.mark.slow
def test_bars_hold_what_they_claim():
    strains = np.random.default_rng(0).normal(size=(4, 3, 1))
    ms.check_material(hooke(3), strains / np.linalg.norm(strains, axis=1, keepdims=True) * 1.2)


@pytest.mark.slow
def test_no_length_left_and_wrong_input():
    gone = hooke().respond(jnp.zeros((2, 1)))
    assert gone.status.code == Code.INVERTED
    assert np.isnan(gone.energy)
    with pytest.raises(ValueError, match="area"):
        Bar(ms.NeoHooke(1.0, 0.0, dim=1), 0.0)
    with pytest.raises(ValueError, match="material"):
        Bar(ms.NeoHooke(1.0, 0.0, dim=2))
    with pytest.raises(ValueError, match="dim"):
        Bar(ms.NeoHooke(1.0, 0.0, dim=1), dim=1)
    with pytest.raises(ValueError, match="strain"):
        hooke().respond(jnp.eye(2))


@pytest.mark.slow
def test_a_truss_carries_its_load_by_the_method_of_joints():
    """Two bars at right angles, small load: forces √½ P each, deflection P L/(E A) along the load."""
    mesh = ms.fe.Mesh([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]], [[0, 1], [1, 2]], "line2")
    load = [ms.fe.NodalForce([1], [0.0, -1e-6])]
    problem = ms.fe.Problem(mesh, hooke(), [ms.fe.Dirichlet([0, 2])], load)
    solution = ms.solve(problem)
    stiffness = 2.0 * 2.5  # area · w″ at λ = 1: 2μ + λ
    np.testing.assert_allclose(solution.u[1], [0.0, -1e-6 * np.sqrt(2.0) / stiffness], rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(solution.reactions[0], [0.5e-6, 0.5e-6], rtol=1e-5)
    by_area = jax.grad(lambda a: ms.solve(ms.fe.Problem(mesh, hooke(area=a), [ms.fe.Dirichlet([0, 2])], load)).u[1, 1])
    np.testing.assert_allclose(by_area(2.0), 1e-6 * np.sqrt(2.0) / stiffness / 2.0, rtol=1e-5)


def test_bars_do_not_fit_solids():
    with pytest.raises(ValueError, match="lines"):
        ms.fe.Problem(ms.fe.rectangle((1.0, 1.0), (1, 1)), hooke())
    with pytest.raises(ValueError, match="truss"):
        ms.fe.Problem(ms.fe.interval(1.0, 1), ms.NeoHooke(1.0, 0.0, dim=1), kinematics="truss")
    with pytest.raises(ValueError, match="material"):
        ms.fe.Problem(ms.fe.Mesh([[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]], [[0, 1]], "line2"), hooke())
