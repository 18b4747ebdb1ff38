"""Cells of nonlinear materials: (W, P, A) of the whole from the phases."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.status import Code

RNG = np.random.default_rng(5)
IMAGE = (RNG.random((4, 6)) < 0.4).astype(int)
SOFT, STIFF = ms.NeoHooke(1.0, 2.0, 2), ms.NeoHooke(8.0, 12.0, 2)
STRETCHED = jnp.array([[1.08, 0.06], [-0.03, 0.95]])


@pytest.fixture(scope="module")
def cell():
    return ms.RVE(IMAGE, [SOFT, STIFF], tolerance=1e-9)


@pytest.mark.slow
def test_a_homogeneous_cell_is_its_material():
    response = ms.RVE(np.zeros((3, 4), int), [STIFF]).respond(STRETCHED)
    expected = STIFF.respond(STRETCHED)
    np.testing.assert_allclose(response.energy, expected.energy, rtol=1e-12)
    np.testing.assert_allclose(response.stress, expected.stress, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(response.tangent, expected.tangent, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_stress_and_tangent_are_derivatives_of_the_energy(cell):
    response = cell.respond(STRETCHED)
    assert response.status.code == Code.CONVERGED
    h = 1e-5
    steps = h * np.eye(4).reshape(4, 2, 2)
    up, down = (jax.vmap(cell.respond)(STRETCHED[None] + sign * jnp.asarray(steps)) for sign in (1.0, -1.0))
    np.testing.assert_allclose((up.energy - down.energy).reshape(2, 2) / (2 * h), response.stress, atol=2e-8)
    slope = (up.stress - down.stress) / (2 * h)
    np.testing.assert_allclose(slope.reshape(2, 2, 2, 2).transpose(2, 3, 0, 1), response.tangent, atol=5e-7)


@pytest.mark.slow
def test_every_claim_holds(cell):
    assert ms.check_material(cell, size=0.05).passed


@pytest.mark.slow
def test_derivatives_of_the_stress_agree_forward_reverse_and_with_the_tangent(cell):
    tangent = cell.respond(STRETCHED).tangent

    def stress(F):
        return cell.respond(F).stress

    second = jax.hessian(lambda F: cell.respond(F).energy)  # meets the derivative of the fluctuation
    for derivative in (jax.jacfwd(stress), jax.jacrev(stress), second):
        np.testing.assert_allclose(jax.jit(derivative)(STRETCHED), tangent, atol=1e-7)


@pytest.mark.slow
def test_gradient_in_the_parameters_of_a_phase():
    @jax.jit
    @jax.value_and_grad
    def stress(mu):
        cell = ms.RVE(IMAGE, [ms.NeoHooke(mu, 2.0, 2), STIFF], tolerance=1e-10)
        return cell.respond(STRETCHED).stress[0, 0]

    mu, h = jnp.array(1.0), 1e-5
    slope = (stress(mu + h)[0] - stress(mu - h)[0]) / (2 * h)
    assert float(stress(mu)[1]) == pytest.approx(float(slope), rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("bc", ["kubc", "subc"])
def test_work_of_the_whole_is_the_mean_work_of_the_parts(bc):
    """Hill–Mandel: dW = P:dF for every dF, under conditions without periodicity too."""
    cell = ms.RVE(IMAGE, [SOFT, STIFF], bc, tolerance=1e-9)
    direction, h = jnp.array([[0.3, -0.7], [0.2, 0.5]]), 1e-5
    respond = jax.jit(lambda F: cell.respond(F)[:2])
    (_, stress), (up, _), (down, _) = (respond(STRETCHED + step * direction) for step in (0.0, h, -h))
    assert float(up - down) / (2 * h) == pytest.approx(float(jnp.vdot(stress, direction)), rel=1e-7)


@pytest.mark.slow
def test_energies_of_the_three_conditions_are_ordered():
    cells = [ms.RVE(IMAGE, [SOFT, STIFF], bc, tolerance=1e-8) for bc in ("subc", "periodic", "kubc")]
    energies = [float(jax.jit(lambda F, c=c: c.respond(F).energy)(STRETCHED)) for c in cells]
    affine = float(np.mean([[SOFT, STIFF][p].respond(STRETCHED).energy for p in IMAGE.ravel()]))
    assert energies[0] < energies[1] < energies[2] < affine


@pytest.mark.slow
def test_a_small_strain_is_linear_elastic():
    """At F = 1 the tangent is that of the linear cell with the phases' tangents."""
    tangent = ms.RVE(IMAGE, [SOFT, STIFF], tolerance=1e-9).respond(jnp.eye(2)).tangent
    linear = [ms.LinearElastic(jnp.array([[lam + 2 * mu, lam, 0.0], [lam, lam + 2 * mu, 0.0], [0.0, 0.0, mu]]))
              for mu, lam in ((1.0, 2.0), (8.0, 12.0))]  # fmt: skip
    stiffness = ms.effective_stiffness(ms.RVE(IMAGE, linear, tolerance=1e-9)).stiffness
    np.testing.assert_allclose(tangent[0, 0, 1, 1], stiffness[0, 1], rtol=1e-7)
    np.testing.assert_allclose(tangent[0, 1, 0, 1], stiffness[2, 2], rtol=1e-7)


@pytest.mark.slow
def test_phases_of_different_kinds_and_mixed_voxels():
    """One evaluation with chosen parameters, one per phase, and shares of 0 and 1 are the same."""
    kinds = ms.RVE(IMAGE, [SOFT, STIFF], tolerance=1e-9).respond(STRETCHED)
    shares = ms.RVE(IMAGE.astype(float), [SOFT, STIFF], tolerance=1e-9).respond(STRETCHED)
    np.testing.assert_allclose(shares.stress, kinds.stress, rtol=1e-10)
    np.testing.assert_allclose(shares.tangent, kinds.tangent, rtol=1e-6, atol=1e-7)


@pytest.mark.slow
def test_a_warm_start_changes_nothing_and_saves_work(cell):
    cold = cell.respond(STRETCHED)
    warm = cell.respond(STRETCHED, cold.state)
    np.testing.assert_allclose(warm.stress, cold.stress, rtol=1e-8)
    assert int(warm.status.iterations) < int(cold.status.iterations)


@pytest.mark.slow
def test_a_failed_member_harms_no_other(cell):
    bad = jnp.stack([STRETCHED, STRETCHED.at[0, 0].set(jnp.nan), jnp.diag(jnp.array([-1.0, 1.0])), jnp.eye(2)])
    batch = jax.vmap(cell.respond)(bad)
    assert batch.status.code.tolist() == [Code.CONVERGED, Code.NONFINITE, Code.INVERTED, Code.CONVERGED]
    assert np.isnan(np.asarray(batch.energy)).tolist() == [False, True, True, False]
    np.testing.assert_allclose(batch.stress[0], cell.respond(STRETCHED).stress, rtol=1e-10)


@pytest.mark.slow
def test_a_lattice_in_every_gauss_point():
    """Three scales: copper with a stiffer copy of itself, at a small strain."""
    copper = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    F = jnp.eye(3).at[0, 1].set(0.01)
    cell = ms.RVE(np.zeros((2, 2, 2), int), [copper], tolerance=1e-8)
    np.testing.assert_allclose(cell.respond(F).stress, copper.respond(F).stress, atol=1e-12)
