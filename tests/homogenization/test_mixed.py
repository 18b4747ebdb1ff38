"""Cells whose pairs of faces have conditions of their own, and tests that prescribe stresses."""

import itertools
from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

import msjax as ms
from msjax.fe.fluctuations import PerAxis, Periodic
from msjax.fe.voxels import element_matrices
from msjax.homogenization.boundary import CONDITIONS, space_of
from msjax.homogenization.linear_cell import unit_loads
from msjax.homogenization.position import ordered

SOFT, STIFF = ms.IsotropicElastic(1.0, 0.3), ms.IsotropicElastic(10.0, 0.3)
PLANE = [ms.IsotropicElastic(1.0, 0.3, 2), ms.IsotropicElastic(20.0, 0.2, 2)]
IMAGE = np.random.default_rng(7).integers(0, 2, (5, 4))
SOFTER = {"kubc": 0, "periodic": 1, "subc": 2}
PAIRS = list(itertools.product(CONDITIONS, repeat=2))


@cache
def found(*axes):
    return ms.effective_stiffness(ms.RVE(IMAGE, PLANE, ms.Mixed(*axes), lengths=(1.0, 1.3), tolerance=1e-10))


# By another way ---------------------------------------------------------------------------------


def assembled(grid, tensors, phases):
    """Stiffness matrix of a box of voxels, (nodes·c, nodes·c)."""
    numbers = np.arange(np.prod(grid.nodes)).reshape(grid.nodes)
    components = tensors.shape[1]
    matrices = np.asarray(element_matrices(grid, tensors))
    total = np.zeros((numbers.size * components,) * 2)
    for voxel in np.ndindex(*grid.shape):
        nodes = np.array([numbers[tuple(np.add(voxel, corner))] for corner in grid.corners])
        rows = (nodes[:, None] * components + np.arange(components)).reshape(-1)
        total[np.ix_(rows, rows)] += matrices[phases[voxel]]
    return total


def constraints(grid, axes, components):
    """Rows that vanish on what the faces allow: values on held faces, jumps over closed cells, means of jumps."""
    numbers = np.arange(np.prod(grid.nodes)).reshape(grid.nodes)
    rows = [np.ones(numbers.size)]  # the mean: moves nothing
    for axis, condition in enumerate(axes):
        first, last = (np.take(numbers, end, axis=axis).reshape(-1) for end in (0, -1))
        if condition == "kubc":
            rows += list(np.eye(numbers.size)[np.concatenate([first, last])])
        jumps = np.eye(numbers.size)[last] - np.eye(numbers.size)[first]
        if condition == "periodic":
            rows += list(jumps)
        if condition == "subc":
            area = np.ones(())
            for other in range(grid.dim):
                if other != axis:
                    edge = np.ones(grid.nodes[other])
                    edge[[0, -1]] = 0.5
                    area = np.multiply.outer(area, edge)
            rows.append(area.reshape(-1) @ jumps)
    rows = rows[1:] if "kubc" in axes else rows
    return np.kron(np.array(rows), np.eye(components))


def directly(rve, axes):
    """Effective stiffness with the null space of the constraints, all dense."""
    grid = rve.grid
    tensors = jnp.stack([m.tensor for m in rve.materials])
    components = tensors.shape[1]
    stiffness = assembled(grid, tensors, np.asarray(rve.phases))
    rows = constraints(grid, axes, components)
    _, sizes, vectors = np.linalg.svd(rows)
    free = vectors[np.sum(sizes > 1e-10 * sizes[0]) :].T
    where = np.stack(np.meshgrid(*[np.linspace(0.0, x, n) for x, n in zip(grid.lengths, grid.nodes)], indexing="ij"))
    affine = np.einsum("lcd,dn->lnc", unit_loads(components, grid.dim), where.reshape(grid.dim, -1))
    affine = affine.reshape(len(affine), -1)
    w = -np.linalg.solve(free.T @ stiffness @ free, free.T @ stiffness @ affine.T)
    total = affine.T + free @ w
    return total.T @ stiffness @ total / grid.volume


@pytest.mark.slow
@pytest.mark.parametrize("axes", PAIRS)
def test_the_stiffness_is_that_of_the_dense_constrained_problem(axes):
    rve = ms.RVE(IMAGE, PLANE, ms.Mixed(*axes), lengths=(1.0, 1.3))
    np.testing.assert_allclose(found(*axes).stiffness, directly(rve, axes), rtol=1e-9, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("axes", [("subc", "kubc", "periodic"), ("periodic", "subc", "subc")])
def test_and_in_three_dimensions(axes):
    image = np.random.default_rng(8).integers(0, 2, (3, 2, 3))
    rve = ms.RVE(image, [SOFT, STIFF], ms.Mixed(*axes), tolerance=1e-10)
    np.testing.assert_allclose(ms.effective_stiffness(rve).stiffness, directly(rve, axes), rtol=1e-9, atol=1e-10)


@pytest.mark.slow
@pytest.mark.parametrize("condition", CONDITIONS)
def test_axes_that_agree_are_that_condition(condition):
    named = ms.effective_stiffness(ms.RVE(IMAGE, PLANE, condition, lengths=(1.0, 1.3), tolerance=1e-10))
    np.testing.assert_array_equal(found(condition, condition).stiffness, named.stiffness)


def test_axes_that_agree_on_periodic_are_closed_by_the_green_operator():
    cell = ms.RVE(IMAGE, PLANE, ms.Mixed("periodic", "periodic"))
    assert isinstance(cell.space, Periodic)
    assert isinstance(space_of(ms.Mixed("periodic", "subc"), cell.grid), PerAxis)


# Theorems ---------------------------------------------------------------------------------------


def test_the_work_of_the_whole_is_the_mean_work():
    for axes in PAIRS:
        assert float(jnp.max(found(*axes).hill_mandel)) < 1e-8
        np.testing.assert_allclose(found(*axes).mean_stress, found(*axes).stiffness, atol=1e-8)


def test_every_axis_orders_the_stiffness():
    """Each condition replaced by a softer one, whatever the other axis has; with Reuss and Voigt around them all."""
    strict = 0
    for axes in PAIRS:
        result = found(*axes)
        assert float(ordered(result.reuss, result.stiffness)) >= -1e-8
        assert float(ordered(result.stiffness, result.voigt)) >= -1e-8
        for others in PAIRS:
            if axes != others and all(SOFTER[b] >= SOFTER[a] for a, b in zip(axes, others)):
                assert float(ordered(found(*others).stiffness, result.stiffness)) >= -1e-8
                strict += float(jnp.trace(result.stiffness - found(*others).stiffness)) > 1e-3
    assert strict == 27  # all comparable pairs differ


# Closed forms -----------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("across", CONDITIONS)
def test_layers_that_go_on_for_ever_are_exact_whatever_their_outer_faces_do(across, reference):
    """The laminate's field varies across alone: it may vanish on the outer faces, and its traction is uniform."""
    table = reference("homogenization")["laminate"]
    layers = np.array([0, 1, 1, 0])[:, None, None] * np.ones((4, 2, 1), int)
    cell = ms.RVE(layers, [SOFT, STIFF], ms.Mixed(across, "periodic", "periodic"), tolerance=1e-10)
    C = ms.effective_stiffness(cell).stiffness
    for i, j in ((0, 0), (1, 1), (0, 1), (1, 2), (3, 3), (4, 4)):
        assert float(C[i, j]) == pytest.approx(table[f"C{i + 1}{j + 1}"], rel=1e-8)


@pytest.mark.slow
def test_conducting_layers_between_held_and_insulated_faces():
    """Along the layers a held end keeps the potential linear: in parallel. Faces with a uniform flux: in series."""
    layers = np.repeat([0, 1], 2)[:, None] * np.ones((1, 4), int)
    conductors = [ms.Conductor(1.0, dim=2), ms.Conductor(3.0, dim=2)]

    def along(end):
        return float(ms.effective_stiffness(ms.RVE(layers, conductors, ms.Mixed("subc", end))).stiffness[1, 1])

    assert along("kubc") == pytest.approx(2.0, rel=1e-9)
    assert 1.5 < along("subc") < 1.9  # not in series: the flux may cross the layers behind the faces


@pytest.mark.slow
def test_a_prism_without_lateral_contraction_is_plane_strain():
    """ν = 0: no stress normal to the plane, so that free end faces change nothing in the plane, nor does E₃₃ inside."""
    solid = [ms.IsotropicElastic(e, 0.0) for e in (1.0, 20.0)]
    flat = [ms.IsotropicElastic(e, 0.0, 2) for e in (1.0, 20.0)]
    cell = ms.RVE(np.repeat(IMAGE[:, :, None], 2, axis=2), solid, ms.Mixed("periodic", "kubc", "subc"), tolerance=1e-10)
    C = ms.effective_stiffness(cell).stiffness
    plane = ms.RVE(IMAGE, flat, ms.Mixed("periodic", "kubc"), tolerance=1e-10)
    kept = np.array([0, 1, 5])
    np.testing.assert_allclose(C[np.ix_(kept, kept)], ms.effective_stiffness(plane).stiffness, rtol=1e-8, atol=1e-9)


# Prescribed stresses ----------------------------------------------------------------------------


@pytest.mark.slow
def test_layers_pulled_along_have_the_mean_youngs_modulus(reference):
    """One ν: uniaxial stress along the layers is uniaxial in each of them. Across, the compliance of the laminate."""
    layers = np.array([0, 1])[:, None, None] * np.ones((2, 1, 1), int)
    cell = ms.RVE(layers, [SOFT, STIFF], tolerance=1e-12)
    along = ms.UniaxialStress(cell, axis=1).respond(jnp.array([[1.0]]))
    assert float(along.tangent[0, 0, 0, 0]) == pytest.approx(5.5, rel=1e-9)
    t = reference("homogenization")["laminate"]
    normal = np.array([[t["C11"], t["C12"], t["C12"]], [t["C12"], t["C22"], t["C23"]], [t["C12"], t["C23"], t["C22"]]])
    across = ms.UniaxialStress(cell, axis=0).respond(jnp.array([[1.0]]))
    assert float(across.tangent[0, 0, 0, 0]) == pytest.approx(1.0 / np.linalg.inv(normal)[0, 0], rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("bc", ["periodic", ms.Mixed("kubc", "periodic", "periodic")])
def test_some_strains_and_some_stresses_of_a_laminate(bc, reference):
    """ε₂₂ prescribed, ⟨σ₁₁⟩ = P given, ε₃₃ = 0: ε₁₁ = (P − C₁₂ ε₂₂)/C₁₁."""
    t = reference("homogenization")["laminate"]
    layers = np.array([0, 1])[:, None, None] * np.ones((2, 1, 1), int)
    cell = ms.RVE(layers, [SOFT, STIFF], bc, tolerance=1e-12)
    driven = ms.StressDriven(cell, free=[(0, 0)], applied=0.03)
    strain = jnp.array([[1.02, 0.0], [0.0, 1.0]])
    response = driven.respond(strain)
    stretch = (0.03 - t["C12"] * 0.02) / t["C11"]
    assert response.status.ok
    assert float(response.state.free[0]) - 1.0 == pytest.approx(stretch, rel=1e-8)
    assert float(response.stress[0, 0]) == pytest.approx(t["C12"] * stretch + t["C22"] * 0.02, rel=1e-8)
    full = jnp.eye(3).at[0, 0].set(response.state.free[0]).at[1, 1].set(1.02)
    assert float(cell.respond(full).stress[0, 0]) == pytest.approx(0.03, rel=1e-8)


# Use --------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_batched_is_looped_with_derivatives():
    """Forward = reverse = differences, member by member."""
    fields = jnp.asarray(np.random.default_rng(2).uniform(size=(3, 4, 4)))

    def entry(young, field):
        pair = [ms.IsotropicElastic(1.0, 0.3, 2), ms.IsotropicElastic(young, 0.2, 2)]
        rve = ms.RVE(field, pair, ms.Mixed("subc", "kubc"), tolerance=1e-12)
        return jnp.sum(jnp.asarray(np.diag([1.0, 2.0, 0.5])) * ms.effective_stiffness(rve, throw=False).stiffness)

    both = jax.value_and_grad(entry, argnums=(0, 1))
    values, (slopes, shares) = jax.jit(jax.vmap(both, in_axes=(None, 0)))(jnp.array(8.0), fields)
    alone, difference = jax.jit(both), jax.jit(entry)
    for n, field in enumerate(fields):
        value, (slope, share) = alone(jnp.array(8.0), field)
        np.testing.assert_allclose(values[n], value, rtol=1e-11)
        np.testing.assert_allclose(slopes[n], slope, rtol=1e-9)
        np.testing.assert_allclose(shares[n], share, atol=1e-9)
        up, down = (difference(jnp.array(8.0 + h), field) for h in (1e-3, -1e-3))
        assert float(slope) == pytest.approx(float(up - down) / 2e-3, rel=1e-6)
    unit = jnp.zeros((4, 4)).at[2, 1].set(1e-4)
    up, down = (difference(jnp.array(8.0), fields[0] + sign * unit) for sign in (1.0, -1.0))
    assert float(shares[0, 2, 1]) == pytest.approx(float(up - down) / 2e-4, rel=1e-6)
    forward = jax.jit(jax.jacfwd(entry))(jnp.array(8.0), fields[0])
    assert float(forward) == pytest.approx(float(slopes[0]), rel=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("axes", [("periodic", "kubc"), ("kubc", "subc")])
def test_iterations_do_not_depend_on_the_grid(axes):
    counts = []
    for n in (32, 64):
        x = np.arange(n) + 0.5 - n / 2
        disc = (x[:, None] ** 2 + x[None] ** 2 < (0.3 * n) ** 2).astype(int)
        counts.append(int(jnp.sum(ms.effective_stiffness(ms.RVE(disc, PLANE, ms.Mixed(*axes))).status.iterations)))
    assert counts[1] == pytest.approx(counts[0], rel=0.15)
    assert counts[1] < 3 * 60


@pytest.mark.slow
def test_voids_and_mixed_precision():
    image = np.zeros((8, 8), int)
    image[2:6, 3:7] = 1
    porous = [PLANE[0], ms.IsotropicElastic(0.0, 0.3, 2)]
    bc = ms.Mixed("subc", "kubc")
    double = ms.effective_stiffness(ms.RVE(image, porous, bc, tolerance=1e-9))
    assert float(jnp.linalg.eigvalsh(double.stiffness)[0]) > 0.05
    mixed = ms.effective_stiffness(ms.RVE(image, porous, bc, tolerance=1e-9, precision="mixed"))
    np.testing.assert_allclose(mixed.stiffness, double.stiffness, atol=1e-9)
    nothing = ms.effective_stiffness(ms.RVE(np.ones((8, 8), int), porous, bc, tolerance=1e-9), throw=False)
    np.testing.assert_array_equal(nothing.stiffness, 0.0)


RUBBER = [ms.NeoHooke(1.0, 2.0, 2), ms.NeoHooke(8.0, 12.0, 2)]


@pytest.mark.slow
def test_a_nonlinear_cell_keeps_every_claim_of_a_material():
    cell = ms.RVE(np.array([[0, 1, 0], [1, 0, 0]]), RUBBER, ms.Mixed("kubc", "subc"), tolerance=1e-9)
    assert ms.check_material(cell, size=0.05, parameters=False).passed


@pytest.mark.slow
def test_work_and_order_of_nonlinear_cells():
    """dW = P:dF under a mixture, and a stiffer answer where both pairs of faces are held."""
    F, direction, h = jnp.array([[1.08, 0.06], [-0.03, 0.95]]), jnp.array([[0.3, -0.7], [0.2, 0.5]]), 1e-5

    def answers(bc):
        cell = ms.RVE(IMAGE, RUBBER, bc, tolerance=1e-9)
        steps = F[None] + h * jnp.array([0.0, 1.0, -1.0])[:, None, None] * direction[None]
        return jax.jit(jax.vmap(lambda F: cell.respond(F)[:2]))(steps)

    energies, stresses = answers(ms.Mixed("periodic", "kubc"))
    work = float(jnp.vdot(stresses[0], direction))
    assert float(energies[1] - energies[2]) / (2 * h) == pytest.approx(work, rel=1e-7)
    assert 1e-3 < float(energies[0]) < float(answers("kubc")[0][0]) - 1e-5


def test_what_is_refused():
    # the tests' type checks see it before the library's own words
    with pytest.raises((ValueError, TypeCheckError), match="axes"):
        ms.Mixed("periodic", "free")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="axes: expected the conditions of 2 or 3 axes, got 1"):
        ms.Mixed("periodic")
    with pytest.raises(ValueError, match=r"bc: Mixed\('kubc', 'subc', 'subc'\) is for 3 axes, the voxel image has 2"):
        ms.RVE(IMAGE, PLANE, ms.Mixed("kubc", "subc", "subc"))
    with pytest.raises(ValueError, match="bc: 'kubc' needs at least two voxels along axis 1"):
        ms.RVE(np.zeros((4, 1), int), PLANE, ms.Mixed("subc", "kubc"))
    ms.RVE(np.zeros((4, 1), int), PLANE, ms.Mixed("kubc", "subc"))
    assert ms.Mixed("kubc", "subc") == ms.Mixed("kubc", "subc") != ms.Mixed("subc", "kubc")
