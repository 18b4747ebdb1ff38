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


def test_stress_is_the_voxels_stiffness_times_its_strain():
    phases = image(4, 6)
    found = local_fields(ms.RVE(phases, [SOFT2, STIFF2]), jnp.array([[1.0, 0.3], [0.1, -0.5]]))
    for i, j in ((0, 0), (3, 5), (2, 1)):
        material = STIFF2 if phases[i, j] else SOFT2
        expected = material.respond(jnp.eye(2) + found.strain[:, :, i, j]).stress
        np.testing.assert_allclose(found.stress[:, :, i, j], expected, atol=1e-12)


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


def test_hill_mandel_with_reduced_integration():
    """With one Gauss point a voxel's mean is its only value, so ⟨σ:ε⟩ = ⟨σ⟩:⟨ε⟩ holds for the means themselves."""
    load = jnp.array([[0.2, 0.7], [-0.1, 1.0]])
    for bc in ("periodic", "kubc", "subc"):
        found = local_fields(ms.RVE(image(8, 8), [SOFT2, STIFF2], bc, integration="reduced", tolerance=1e-10), load)
        work = jnp.vdot(found.stress, found.strain) / 64
        np.testing.assert_allclose(work, jnp.vdot(means(found.stress), means(found.strain)), rtol=1e-9)


def test_voxel_means_hold_less_energy_than_the_field():
    load = jnp.array([[0.2, 0.7], [-0.1, 1.0]])
    found = local_fields(ms.RVE(image(8, 8), [SOFT2, STIFF2], tolerance=1e-10), load)
    work = float(jnp.vdot(found.stress, found.strain) / 64)
    whole = float(jnp.vdot(means(found.stress), means(found.strain)))
    assert 0.5 * whole < work < whole


def test_fields_are_linear_in_the_load_and_batch():
    cell = ms.RVE(image(8, 8), [SOFT2, STIFF2], tolerance=1e-10)
    one, two = jnp.array([[1.0, 0.0], [0.0, 0.0]]), jnp.array([[0.0, 0.5], [0.5, 0.0]])
    batch = jax.vmap(lambda load: local_fields(cell, load, throw=False).stress)(jnp.stack([one, two, one + 2 * two]))
    np.testing.assert_allclose(batch[2], batch[0] + 2 * batch[1], atol=1e-7)
    np.testing.assert_allclose(batch[0], local_fields(cell, one).stress, atol=1e-10)


def test_the_derivative_of_a_local_stress():
    phases = image(6, 6)

    def corner(young):
        cell = ms.RVE(phases, [SOFT2, ms.IsotropicElastic(young, 0.3, 2)], tolerance=1e-12)
        return local_fields(cell, jnp.array([[1.0, 0.0], [0.0, 0.0]]), throw=False).stress[0, 0, 2, 3]

    slope = jax.grad(corner)(jnp.array(10.0))
    step = 1e-3
    difference = (corner(jnp.array(10.0 + step)) - corner(jnp.array(10.0 - step))) / (2 * step)
    np.testing.assert_allclose(slope, difference, rtol=1e-6)


def test_mixed_voxels_and_conduction():
    share = jnp.array([[0.0, 0.25], [0.5, 1.0]])
    conductors = [ms.Conductor(1.0, dim=2), ms.Conductor(3.0, dim=2)]
    found = local_fields(ms.RVE(share, conductors), jnp.array([[1.0, 0.5]]))
    np.testing.assert_allclose(found.stress, (1.0 + 2.0 * share)[None, None] * found.strain, rtol=1e-12)


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
    nonlinear = ms.RVE(np.zeros((2, 2, 2), int), [ms.NeoHooke(1.0, 1.0)])
    with pytest.raises(ValueError, match="not all linear"):
        local_fields(nonlinear, jnp.eye(3))
