"""Derivatives of the effective stiffness, and batches of cells."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.homogenization.boundary import Boundary
from msjax.status import Code

N = 8
IMAGE = jnp.asarray(np.random.default_rng(0).integers(0, 2, (N, N)), jnp.int32)
FIELD = jnp.asarray(np.random.default_rng(1).uniform(0.05, 0.95, (N, N)))
MODULI = jnp.array([1.0, 0.3, 8.0, 0.2])
BCS = ("periodic", "kubc", "subc")


def cell(phases, moduli, bc: Boundary = "periodic", tolerance=1e-12):
    materials = [ms.IsotropicElastic(moduli[0], moduli[1], 2), ms.IsotropicElastic(moduli[2], moduli[3], 2)]
    return ms.RVE(phases, materials, bc, tolerance=tolerance)


def stiffness(phases, moduli, bc: Boundary = "periodic"):
    return ms.effective_stiffness(cell(phases, moduli, bc)).stiffness


def disc(radius, centre=(0.5, 0.45), n=N, width=1.0):
    """Share of a disc in every voxel, its edge smoothed over ``width`` voxels."""
    x = jnp.asarray((np.arange(n) + 0.5) / n)
    distance = jnp.sqrt((x[:, None] - centre[0]) ** 2 + (x[None] - centre[1]) ** 2)
    return jax.nn.sigmoid((radius - distance) * (4.0 * n / width))


def differences(function, x, step):
    """Derivative along every entry of ``x`` by five-point differences, (…, entries)."""
    columns = []
    for entry in range(x.size):
        unit = np.zeros(x.size)
        unit[entry] = step
        unit = jnp.asarray(unit.reshape(x.shape))
        near, far = function(x + unit) - function(x - unit), function(x + 2.0 * unit) - function(x - 2.0 * unit)
        columns.append((8.0 * near - far) / (12.0 * step))
    return jnp.stack(columns, axis=-1)


def assert_derivative(function, x, step=1e-3, rtol=1e-6):
    """Forward = reverse to round-off of the solver, and both are what differences say."""
    both = jax.jit(jax.jacfwd(lambda x: (function(x),) * 2, has_aux=True))  # one program for derivative and value
    forward, _ = both(x)
    reverse = jax.jit(jax.jacrev(function))(x)
    scale = float(jnp.max(jnp.abs(forward)))
    assert scale > 0
    np.testing.assert_allclose(forward, reverse, atol=1e-9 * scale)
    found = differences(lambda x: both(x)[1], x, step).reshape(forward.shape)
    np.testing.assert_allclose(forward, found, atol=rtol * scale)


@pytest.mark.slow
@pytest.mark.parametrize("bc", BCS)
def test_moduli_of_the_phases(bc):
    assert_derivative(lambda m: stiffness(IMAGE, m, bc), MODULI)


@pytest.mark.slow
@pytest.mark.parametrize("bc", BCS)
def test_fields_of_phases(bc):
    """Along random directions in the space of fields."""
    directions = jnp.asarray(np.random.default_rng(2).normal(size=(3, N, N)))

    def along(t):
        return stiffness(FIELD + 0.01 * jnp.tensordot(t, directions, 1), MODULI, bc)

    assert_derivative(along, jnp.zeros(3), step=1e-2)


@pytest.mark.slow
def test_every_voxel_at_once():
    """The whole gradient in one reverse pass, against differences in some voxels."""

    def energy(field):
        return jnp.sum(jnp.asarray(np.diag([1.0, 0.5, 2.0])) * stiffness(field, MODULI))

    both = jax.jit(jax.value_and_grad(energy))
    _, gradient = both(FIELD)
    assert bool(jnp.all(gradient > 0))  # more of the stiff phase anywhere is stiffer
    for voxel in [(0, 0), (3, 5), (7, 2)]:
        unit = jnp.zeros_like(FIELD).at[voxel].set(1e-3)
        slope = (both(FIELD + unit)[0] - both(FIELD - unit)[0]) / 2e-3
        assert float(gradient[voxel]) == pytest.approx(float(slope), rel=1e-6)


@pytest.mark.slow
def test_geometry_through_a_smooth_edge():
    assert_derivative(lambda g: stiffness(disc(g[0], (g[1], g[2])), MODULI, "subc"), jnp.array([0.3, 0.5, 0.45]))


@pytest.mark.slow
@pytest.mark.skipif(jax.default_backend() != "cpu", reason="a GPU sweeps all slabs at once")
def test_slab_by_slab_is_all_at_once(monkeypatch):
    """Cells of more voxels than a slab holds: value, gradient and its own derivative."""

    def answers(field, young):
        def energy(field, young):
            moduli = jnp.stack([young[0], jnp.asarray(0.3), young[1], jnp.asarray(0.2)])
            return stiffness(field, moduli)[0, 0]

        gradient = jax.value_and_grad(energy, argnums=(0, 1))
        return jax.jit(lambda f, y: jax.jvp(gradient, (f, y), (f, 0.1 * y)))(field, young)

    whole = answers(FIELD, jnp.array([1.0, 8.0]))
    monkeypatch.setattr("msjax.fe.voxels.SLAB", 2 * N)
    assert cell(FIELD, MODULI).grid.slab == 2
    jax.clear_caches()
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, atol=1e-10), answers(FIELD, jnp.array([1.0, 8.0])), whole
    )


def turn(angle):
    return jnp.stack([jnp.stack([jnp.cos(angle), -jnp.sin(angle)]), jnp.stack([jnp.sin(angle), jnp.cos(angle)])])


@pytest.mark.slow
def test_conductivities_and_full_tensors():
    def conduction(k):
        plane = [ms.Conductor(k[0] * jnp.eye(2) + k[1] * jnp.array([[0.0, 1.0], [1.0, 0.0]]), 2), ms.Conductor(k[2], 2)]
        return ms.effective_stiffness(ms.RVE(IMAGE, plane, tolerance=1e-12)).stiffness

    assert_derivative(conduction, jnp.array([1.0, 0.2, 5.0]))

    def crystals(angle):
        table = jnp.array([[168.0, 121.0, 0.0], [121.0, 168.0, 0.0], [0.0, 0.0, 75.0]])
        grains = [ms.LinearElastic(table).rotated(turn(angle[i])) for i in range(2)]
        return ms.effective_stiffness(ms.RVE(IMAGE, grains, tolerance=1e-12)).stiffness

    assert_derivative(crystals, jnp.array([0.1, 0.7]))


def c11(young):
    return stiffness(IMAGE, jnp.stack([young[0], jnp.asarray(0.3), young[1], jnp.asarray(0.2)]))[0, 0]


@pytest.mark.slow
def test_the_hessian():
    """Against differences of the gradient; and C is homogeneous in the moduli, so H·E = 0 along (E₁, E₂)."""
    young = jnp.array([1.0, 8.0])
    hessian = jax.jit(jax.hessian(c11))(young)
    scale = float(jnp.max(jnp.abs(hessian)))
    assert scale > 1e-2
    np.testing.assert_allclose(hessian, jax.jit(jax.jacrev(jax.jacfwd(c11)))(young), atol=1e-9 * scale)
    both = jax.jit(jax.value_and_grad(c11))
    np.testing.assert_allclose(hessian, differences(lambda x: both(x)[1], young, 1e-3), atol=1e-6 * scale)
    np.testing.assert_allclose(hessian @ young, 0.0, atol=1e-9 * scale)
    value, gradient = both(young)
    assert float(gradient @ young) == pytest.approx(float(value), rel=1e-10)  # Euler


@pytest.mark.slow
@pytest.mark.skipif(
    jax.__version_info__ < (0, 11), reason="JAX 0.10 cannot reverse twice through a linear solve inside lax.map"
)
def test_the_hessian_by_reverse_over_reverse():
    young = jnp.array([1.0, 8.0])
    expected = jax.jit(jax.hessian(c11))(young)
    found = jax.jit(jax.jacrev(jax.grad(c11)))(young)
    np.testing.assert_allclose(found, expected, atol=1e-9 * float(jnp.max(jnp.abs(expected))))


def loops(function, *arguments):
    """Number of ``while`` instructions of the compiled program."""
    text = jax.jit(function).lower(*arguments).compile().as_text()
    assert text is not None
    return len(re.findall(r"\bwhile\(", text))


@pytest.mark.slow
@pytest.mark.skipif(jax.__version_info__ < (0, 11), reason="JAX 0.10 compiles two solves into one loop: no count tells")
@pytest.mark.parametrize("bc", ["periodic", "subc"])
def test_a_first_derivative_solves_nothing_further(bc):
    """The compiled gradient has the loops of the value: two of the solver, one over the loads."""

    def total(field, moduli):
        return jnp.sum(stiffness(field, moduli, bc)[0])

    value = loops(total, FIELD, MODULI)
    assert value >= 2
    assert loops(jax.value_and_grad(total, argnums=(0, 1)), FIELD, MODULI) == value
    # one more where a solve is needed: the second derivative
    assert loops(lambda f, m: jax.jvp(lambda x: jax.grad(total)(x, m), (f,), (f,))[1], FIELD, MODULI) > value


# Batches ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("bc", BCS)
def test_batched_is_looped(bc):
    """Over images, fields and moduli; codes and iterations too."""
    rng = np.random.default_rng(3)
    images = jnp.asarray(rng.integers(0, 2, (5, N, N)), jnp.int32)
    fields = jnp.asarray(rng.uniform(size=(5, N, N)))
    moduli = MODULI[None] * jnp.asarray(rng.uniform(0.5, 1.5, (5, 4)))

    def one(phases, m):
        result = ms.effective_stiffness(cell(phases, m, bc, tolerance=1e-9))
        return result.stiffness, result.status

    for phases in (images, fields) if bc == "periodic" else (fields,):
        found, status = jax.jit(jax.vmap(one))(phases, moduli)
        alone = jax.jit(one)
        for n in range(5):
            expected, of_one = alone(phases[n], moduli[n])
            np.testing.assert_allclose(found[n], expected, rtol=1e-11, atol=1e-12)
            assert np.max(np.abs(status.iterations[n] - of_one.iterations)) <= 1  # round-off at the limit
            np.testing.assert_array_equal(status.code[n], of_one.code)


@jax.jit
@jax.vmap
def answers_of_six(image, moduli):
    result = ms.effective_stiffness(cell(image, moduli, tolerance=1e-6))
    return result.stiffness, result.status.code, result.status.iterations


def poisoned(kind):
    """Six members; in a poisoned batch the third is spoiled."""
    rng = np.random.default_rng(4)
    images = rng.integers(0, 2, (6, N, N))
    moduli = np.tile(np.asarray(MODULI), (6, 1))
    clean = jnp.asarray(images, jnp.int32), jnp.asarray(moduli)
    if kind == "NaN modulus":
        moduli[2, 2] = np.nan
    elif kind == "infinite modulus":
        moduli[2, 0] = np.inf
    elif kind == "all void":
        images[2], moduli[2, 0] = 0, 0.0
    elif kind == "not definite":
        moduli[2, 0] = -5.0
    elif kind == "no such phase":
        images[2, 3, 3] = 9
    return clean, (jnp.asarray(images, jnp.int32), jnp.asarray(moduli))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("NaN modulus", Code.NONFINITE),
        ("infinite modulus", Code.NONFINITE),
        ("all void", Code.CONVERGED),
        ("not definite", Code.SINGULAR),
        ("no such phase", Code.NONFINITE),
    ],
)
def test_a_poisoned_member_leaves_the_others_to_the_bit(kind, code):
    clean, spoiled = (answers_of_six(*batch) for batch in poisoned(kind))
    others = np.array([0, 1, 3, 4, 5])
    for expected, found in zip(clean, spoiled, strict=True):
        np.testing.assert_array_equal(np.asarray(found)[others], np.asarray(expected)[others])
    assert code in set(np.asarray(spoiled[1][2]).tolist())
    if code == Code.CONVERGED:
        np.testing.assert_array_equal(spoiled[0][2], 0.0)
    else:
        assert np.all(np.isnan(spoiled[0][2]))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["NaN modulus", "not definite"])
def test_a_poisoned_member_leaves_the_gradient_of_shared_parameters_finite(kind):
    """A masked sum over the members that are well has their gradient; one that is not masked is NaN."""
    clean, (images, moduli) = poisoned(kind)
    both = np.array([0, 2])  # Young's moduli

    def one(shift, image, m):
        return ms.effective_stiffness(cell(image, m.at[both].add(shift), tolerance=1e-9), throw=False)

    def total(shift, images, moduli, kept):
        found = jax.vmap(lambda image, m: one(shift, image, m))(images, moduli)
        ok = jnp.all(found.status.ok, axis=1)
        return jnp.sum(jnp.where(ok & kept, found.stiffness[:, 0, 0], 0.0))

    kept = jnp.asarray(np.arange(6) != 2)
    gradient = jax.jit(jax.grad(total))
    found = gradient(jnp.asarray(0.0), images, moduli, jnp.ones(6, bool))
    expected = gradient(jnp.asarray(0.0), *clean, kept)
    assert float(found) == pytest.approx(float(expected), rel=1e-9)
    alone = jax.jit(jax.grad(lambda shift: one(shift, images[2], moduli[2]).stiffness[0, 0]))
    assert np.isnan(alone(jnp.asarray(0.0)))
