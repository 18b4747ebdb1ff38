"""Local strain and stress: their means, the exact laminate, energies, and derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.homogenization.fields import local_fields
from msjax.status import Code, SolveError
from msjax.tensors import voigt_index

SOFT, STIFF = ms.IsotropicElastic(1.0, 0.3), ms.IsotropicElastic(10.0, 0.3)
SOFT2, STIFF2 = ms.IsotropicElastic(1.0, 0.3, 2), ms.IsotropicElastic(10.0, 0.3, 2)


def image(*shape):
    return np.random.default_rng(3).integers(0, 2, shape)


def means(field):
    return field.mean(axis=tuple(range(2, field.ndim)))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bc", "integration", "shape"),
    [
        ("periodic", "full", (4, 6, 4)),
        ("periodic", "reduced", (8, 6)),
        ("kubc", "full", (8, 6)),
        ("subc", "full", (8, 6)),
    ],
)
def test_means_are_the_load_and_the_effective_stress(bc, integration, shape):
    d = len(shape)
    materials = [SOFT2, STIFF2] if d == 2 else [SOFT, STIFF]
    cell = ms.RVE(image(*shape), materials, bc, integration=integration, tolerance=1e-10)
    load = jnp.asarray(np.random.default_rng(1).normal(size=(d, d)))
    found = local_fields(cell, load)
    assert found.strain.shape == found.stress.shape == (d, d, *shape)
    even = 0.5 * (load + load.T)
    np.testing.assert_allclose(means(found.strain), even, atol=1e-12)
    index = voigt_index(d)
    C = ms.effective_stiffness(cell).stiffness[index][:, :, index]
    np.testing.assert_allclose(means(found.stress), jnp.tensordot(C, even, 2), rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(found.stress, found.stress.swapaxes(0, 1), atol=1e-12)


@pytest.mark.slow
def test_stress_is_the_voxels_stiffness_times_its_strain():
    phases = image(4, 6)
    found = local_fields(ms.RVE(phases, [SOFT2, STIFF2]), jnp.array([[1.0, 0.3], [0.1, -0.5]]))
    for i, j in ((0, 0), (3, 5), (2, 1)):
        material = STIFF2 if phases[i, j] else SOFT2
        expected = material.respond(jnp.eye(2) + found.strain[:, :, i, j]).stress
        np.testing.assert_allclose(found.stress[:, :, i, j], expected, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("slab_voxels", [(2, 4, 4), (64, 16, 16)])
def test_a_laminate_is_exact(slab_voxels):
    """Layers normal to x under E = e_x e_x: σ₁₁ = 1/⟨1/M⟩ everywhere, ε₁₁ = σ₁₁/M, no other strain (M = λ + 2μ)."""
    n = slab_voxels[0]
    phases = np.broadcast_to((np.arange(n) >= n // 2)[:, None, None].astype(int), slab_voxels)
    found = local_fields(ms.RVE(phases, [SOFT, STIFF], tolerance=1e-11), jnp.zeros((3, 3)).at[0, 0].set(1.0))
    factor = 0.7 / (1.3 * 0.4)  # M/E for ν = 0.3
    np.testing.assert_allclose(found.stress[0, 0], 2.4475524476, rtol=1e-9)
    expected = np.where(phases == 0, 2.4475524476 / factor, 2.4475524476 / (10 * factor))
    np.testing.assert_allclose(found.strain[0, 0], expected, rtol=1e-9)
    rest = np.asarray(found.strain).reshape(9, -1)[1:]
    np.testing.assert_allclose(rest, 0.0, atol=1e-9)


@pytest.mark.slow
def test_hill_mandel_with_reduced_integration():
    """With one Gauss point a voxel's mean is its only value, so ⟨σ:ε⟩ = ⟨σ⟩:⟨ε⟩ holds for the means themselves."""
    load = jnp.array([[0.2, 0.7], [-0.1, 1.0]])
    for bc in ("periodic", "kubc", "subc"):
        found = local_fields(ms.RVE(image(8, 8), [SOFT2, STIFF2], bc, integration="reduced", tolerance=1e-10), load)
        work = jnp.vdot(found.stress, found.strain) / 64
        np.testing.assert_allclose(work, jnp.vdot(means(found.stress), means(found.strain)), rtol=1e-9)


@pytest.mark.slow
def test_voxel_means_hold_less_energy_than_the_field():
    load = jnp.array([[0.2, 0.7], [-0.1, 1.0]])
    found = local_fields(ms.RVE(image(8, 8), [SOFT2, STIFF2], tolerance=1e-10), load)
    work = float(jnp.vdot(found.stress, found.strain) / 64)
    whole = float(jnp.vdot(means(found.stress), means(found.strain)))
    assert 0.5 * whole < work < whole


@pytest.mark.slow
def test_fields_are_linear_in_the_load_and_batch():
    cell = ms.RVE(image(8, 8), [SOFT2, STIFF2], tolerance=1e-10)
    one, two = jnp.array([[1.0, 0.0], [0.0, 0.0]]), jnp.array([[0.0, 0.5], [0.5, 0.0]])
    batch = jax.vmap(lambda load: local_fields(cell, load, throw=False).stress)(jnp.stack([one, two, one + 2 * two]))
    np.testing.assert_allclose(batch[2], batch[0] + 2 * batch[1], atol=1e-7)
    np.testing.assert_allclose(batch[0], local_fields(cell, one).stress, atol=1e-10)


@pytest.mark.slow
def test_the_derivative_of_a_local_stress():
    phases = image(6, 6)

    def corner(young):
        cell = ms.RVE(phases, [SOFT2, ms.IsotropicElastic(young, 0.3, 2)], tolerance=1e-12)
        return local_fields(cell, jnp.array([[1.0, 0.0], [0.0, 0.0]]), throw=False).stress[0, 0, 2, 3]

    slope = jax.jit(jax.grad(corner))(jnp.array(10.0))
    step = 1e-3
    difference = (corner(jnp.array(10.0 + step)) - corner(jnp.array(10.0 - step))) / (2 * step)
    np.testing.assert_allclose(slope, difference, rtol=1e-6)


@pytest.mark.slow
def test_mixed_voxels_and_conduction():
    share = jnp.array([[0.0, 0.25], [0.5, 1.0]])
    conductors = [ms.Conductor(1.0, dim=2), ms.Conductor(3.0, dim=2)]
    found = local_fields(ms.RVE(share, conductors), jnp.array([[1.0, 0.5]]))
    np.testing.assert_allclose(found.stress, (1.0 + 2.0 * share)[None, None] * found.strain, rtol=1e-12)


@pytest.mark.slow
def test_a_failed_solve_is_nan_with_its_status():
    cell = ms.RVE(image(8, 8), [SOFT2, STIFF2], max_steps=2, tolerance=1e-10)
    with pytest.raises(SolveError):
        local_fields(cell, jnp.eye(2))
    found = local_fields(cell, jnp.eye(2), throw=False)
    assert int(found.status.code) == Code.MAX_STEPS
    assert bool(jnp.all(jnp.isnan(found.stress)) & jnp.all(jnp.isnan(found.strain)))


def test_what_is_refused():
    cell = ms.RVE(image(4, 4), [SOFT2, STIFF2])
    with pytest.raises(ValueError, match=r"load: expected shape \(2, 2\), got \(3,\)"):
        local_fields(cell, jnp.zeros(3))
    with pytest.raises(ValueError, match=r"load: expected shape \(3, 3\), got \(2, 2\)"):
        local_fields(ms.RVE(np.zeros((2, 2, 2), int), [ms.NeoHooke(1.0, 1.0)]), jnp.eye(2))


# Nonlinear cells --------------------------------------------------------------------------------

RUBBER = [ms.NeoHooke(1.0, 2.0, 2), ms.NeoHooke(8.0, 12.0, 2)]
LOAD = jnp.array([[0.08, 0.06], [-0.03, -0.05]])


def rubber(bc="periodic", integration="reduced"):
    return ms.RVE(image(4, 6), RUBBER, bc, integration=integration, tolerance=1e-9)


@pytest.mark.slow
def test_fields_of_a_nonlinear_cell_are_its_response():
    """Means, Hill–Mandel and, with one Gauss point, every voxel's own material."""
    cell = rubber("kubc")
    found = local_fields(cell, LOAD)
    assert found.strain.shape == found.stress.shape == (2, 2, 4, 6)
    assert found.state == (None, None)
    np.testing.assert_allclose(means(found.strain), LOAD, atol=1e-12)
    np.testing.assert_allclose(means(found.stress), cell.respond(jnp.eye(2) + LOAD).stress, rtol=1e-10)
    work = float(jnp.vdot(found.stress, found.strain)) / 24
    assert work == pytest.approx(float(jnp.vdot(means(found.stress), LOAD)), rel=1e-8)
    phases = image(4, 6)
    for i, j in ((0, 0), (3, 5), (2, 1), (1, 4)):
        expected = RUBBER[phases[i, j]].respond(jnp.eye(2) + found.strain[:, :, i, j]).stress
        np.testing.assert_allclose(found.stress[:, :, i, j], expected, atol=1e-12)


@pytest.mark.slow
def test_a_small_load_on_a_nonlinear_cell_is_linear():
    lame = ((1.0, 2.0), (8.0, 12.0))
    tables = [[[lam + 2 * mu, lam, 0.0], [lam, lam + 2 * mu, 0.0], [0.0, 0.0, mu]] for mu, lam in lame]
    linear = ms.RVE(image(4, 6), [ms.LinearElastic(jnp.array(t)) for t in tables], tolerance=1e-9)
    small = 1e-6 * (LOAD + LOAD.T)
    nonlinear, found = local_fields(rubber(integration="full"), small), local_fields(linear, small)
    even = 0.5 * (nonlinear.strain + nonlinear.strain.swapaxes(0, 1))
    np.testing.assert_allclose(even, found.strain, atol=1e-10)
    np.testing.assert_allclose(nonlinear.stress, found.stress, atol=1e-9)


@pytest.mark.slow
def test_batch_failure_and_derivative_of_nonlinear_fields():
    def corner(load):
        found = local_fields(rubber(), load, throw=False)
        return found.stress[0, 0, 2, 3], found.status.code

    loads = jnp.stack([LOAD, LOAD.at[0, 0].set(jnp.nan), -0.5 * LOAD])
    values, codes = jax.jit(jax.vmap(corner))(loads)
    alone = jax.jit(corner)
    np.testing.assert_allclose([values[0], values[2]], [alone(LOAD)[0], alone(-0.5 * LOAD)[0]], rtol=1e-9)
    assert codes.tolist() == [Code.CONVERGED, Code.NONFINITE, Code.CONVERGED]
    assert np.isnan(values[1])
    slope, h = jax.jit(jax.grad(lambda load: corner(load)[0]))(LOAD), 1e-5
    unit = jnp.array([[0.0, h], [0.0, 0.0]])
    assert float(slope[0, 1]) == pytest.approx(float(alone(LOAD + unit)[0] - alone(LOAD - unit)[0]) / (2 * h), rel=1e-6)
    with pytest.raises(SolveError):
        local_fields(rubber(), jnp.diag(jnp.array([-1.5, 0.0])))  # inside out
