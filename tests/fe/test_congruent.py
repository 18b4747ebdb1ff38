"""Copies of one cell: the same stiffness as cell by cell."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe.congruent import congruent, linear_balance
from msjax.fe.problem import balance

STIFFNESS = np.array([[3.0, 1.0, 0.2], [1.0, 2.0, 0.1], [0.2, 0.1, 0.7]])
MATERIALS = {
    "conductor": ms.Conductor(2.0, dim=2),
    "anisotropic conductor": ms.Conductor(np.array([[2.0, 0.3], [0.3, 1.0]]), dim=2),
    "isotropic": ms.IsotropicElastic(1.0, 0.3, dim=2),
    "plane strain": ms.IsotropicElastic(1.0, 0.3),
    "anisotropic": ms.LinearElastic(STIFFNESS),
    "conductors by cell": ms.fe.PerCell(jax.vmap(lambda k: ms.Conductor(k, dim=2))(jnp.arange(1.0, 7.0))),
}


@pytest.mark.slow
@pytest.mark.parametrize("material", MATERIALS.values(), ids=MATERIALS)
def test_copies_of_one_cell_have_the_stiffness_of_every_cell(material):
    mesh = ms.fe.rectangle((2.0, 1.0), (3, 2))
    problem = ms.fe.Problem(mesh, material, [ms.fe.Dirichlet("x-")])
    assert congruent(problem)
    u = jnp.asarray(np.random.default_rng(0).normal(size=(12, problem.components)))
    few, all_of_them = linear_balance(problem, u), balance(problem, u, problem.initial_state())
    np.testing.assert_allclose(few.residual, all_of_them.residual, atol=1e-13)
    np.testing.assert_allclose(few.stiffness.apply(u), all_of_them.stiffness.apply(u), atol=1e-13)
    assert float(few.energy) == pytest.approx(float(all_of_them.energy))
