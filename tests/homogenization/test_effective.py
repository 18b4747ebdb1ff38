"""Effective stiffness: one answer by every route to it, and what it reports beside it."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jaxtyping import TypeCheckError

import msjax as ms
from msjax.homogenization.boundary import Boundary
from msjax.homogenization.bounds import hashin_shtrikman, reuss, voigt
from msjax.homogenization.isotropy import Moduli
from msjax.homogenization.tangents import GEMM
from msjax.status import Code, SolveError
from msjax.tensors import to_voigt_stiffness

SOFT, STIFF = ms.IsotropicElastic(1.0, 0.3, 2), ms.IsotropicElastic(10.0, 0.2, 2)
IMAGE = np.random.default_rng(0).integers(0, 2, (6, 6))
BCS = ("periodic", "kubc", "subc")


def general(material):
    """The same stiffness without the claim to be isotropic."""
    return ms.LinearElastic(to_voigt_stiffness(material.tensor))


def stiffness(phases, materials, bc: Boundary = "periodic", **options):
    return ms.effective_stiffness(ms.RVE(phases, materials, bc, tolerance=1e-10, **options)).stiffness


def grains(count, dim=2, n=6):
    """Copper turned by random angles: one material per grain, and an image that has them all."""
    rng = np.random.default_rng(count)
    if dim == 2:
        table = np.array([[168.0, 121.0, 0.0], [121.0, 168.0, 0.0], [0.0, 0.0, 75.0]])
        angles = rng.uniform(0.0, np.pi, count)
        turns = [np.array([[np.cos(t), -np.sin(t)], [np.sin(t), np.cos(t)]]) for t in angles]
    else:
        table = np.diag([47.0] * 3 + [75.0] * 3)
        table[:3, :3] += 121.0
        turns = [np.linalg.qr(rng.normal(size=(3, 3)))[0] for _ in range(count)]
    crystals = [ms.LinearElastic(table).rotated(turn) for turn in turns]
    return crystals, (np.arange(n**dim) % count).reshape((n,) * dim)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("bc", "field"),
    [
        ("periodic", IMAGE.astype(float)),
        ("subc", np.stack([1.0 - IMAGE, IMAGE])),
        ("kubc", IMAGE > 0),
    ],
)
def test_fields_of_zeros_and_ones_are_integers(bc, field):
    expected = stiffness(IMAGE, [SOFT, STIFF], bc)
    np.testing.assert_allclose(stiffness(field, [SOFT, STIFF], bc), expected, rtol=1e-12)
    np.testing.assert_allclose(stiffness(IMAGE, [general(SOFT), general(STIFF)], bc), expected, rtol=1e-10)


@pytest.mark.slow
def test_a_half_full_voxel_is_the_material_between():
    middle = ms.LinearElastic(0.5 * to_voigt_stiffness(SOFT.tensor) + 0.5 * to_voigt_stiffness(STIFF.tensor))
    np.testing.assert_allclose(
        stiffness(0.5 * IMAGE, [SOFT, STIFF]), stiffness(IMAGE, [general(SOFT), middle]), rtol=1e-9
    )


@pytest.mark.slow
@pytest.mark.parametrize("dim", [2, 3])
def test_many_phases_as_few(dim):
    """More than a handful of crystals take a stiffness per voxel; as pairs of equal crystals they are a handful."""
    crystals, image = grains(3, dim, n=4)
    few = stiffness(image, crystals)
    repeated = [crystals[n % 3] for n in range(3 * GEMM)]
    again = image + 3 * np.random.default_rng(0).integers(0, GEMM, image.shape)
    np.testing.assert_allclose(stiffness(again, repeated), few, rtol=1e-9, atol=1e-8)


@pytest.mark.slow
def test_a_polycrystal_lies_between_the_averages_over_its_grains():
    crystals, image = grains(9)
    result = ms.effective_stiffness(ms.RVE(image, crystals))
    tables = [m.stiffness for m in crystals]
    fractions = np.bincount(image.ravel()) / image.size
    np.testing.assert_allclose(result.voigt, voigt(tables, fractions), rtol=1e-12)
    np.testing.assert_allclose(result.reuss, reuss(tables, fractions), rtol=1e-10)
    low, high = (float(x) for x in result.position)
    assert -1e-9 < low < high < 1.0 + 1e-9
    # in the plane, a cubic crystal's K does not depend on its turn: nor does that of the polycrystal, exactly
    bulk = jnp.sum(result.stiffness[:2, :2]) / 4.0
    assert float(bulk) == pytest.approx((168.0 + 121.0) / 2.0, rel=1e-9)


@pytest.mark.slow
def test_a_crystal_all_over_is_itself():
    crystals, _ = grains(1, dim=3)
    found = ms.effective_stiffness(ms.RVE(np.zeros((3, 2, 2), int), crystals, "subc"))
    np.testing.assert_allclose(found.stiffness, crystals[0].stiffness, rtol=1e-12, atol=1e-10)
    np.testing.assert_array_equal(found.status.iterations, 0)


@pytest.mark.slow
@pytest.mark.parametrize("bc", BCS)
def test_conduction_is_elasticity_of_one_row(bc):
    """Antiplane shear: the shear moduli 44 and 55 of a prismatic solid are the conductivity of its section."""
    mu = (1.0, 7.0)
    plane = stiffness(IMAGE, [ms.Conductor(m, dim=2) for m in mu], bc)
    isotropic = [ms.IsotropicElastic(2.0 * m, 0.0) for m in mu]
    solid = stiffness(np.repeat(IMAGE[:, :, None], 2, axis=2), isotropic, "periodic")
    if bc == "periodic":
        np.testing.assert_allclose(plane, solid[jnp.array([[4, 3], [3, 3]]), jnp.array([[4, 4], [4, 3]])], rtol=1e-7)
    turned = stiffness(IMAGE, [ms.Conductor(m * np.eye(2), dim=2) for m in mu], bc)
    np.testing.assert_allclose(turned, plane, rtol=1e-9)


@pytest.mark.slow
def test_layers_of_conductors():
    layers = np.repeat([0, 1], 2)[:, None] * np.ones((1, 3), int)
    found = stiffness(layers, [ms.Conductor(1.0, dim=2), ms.Conductor(10.0, dim=2)])
    np.testing.assert_allclose(found, np.diag([2.0 / 1.1, 5.5]), rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_the_box_and_its_axes():
    """Only the shape of the box counts, and turning image and box by 90° turns the answer."""
    found = stiffness(IMAGE[:4], [SOFT, STIFF], lengths=(1.0, 3.0))
    scaled = stiffness(IMAGE[:4], [SOFT, STIFF], lengths=(10.0, 30.0))
    np.testing.assert_allclose(scaled, found, rtol=1e-8)
    turned = stiffness(IMAGE[:4].T, [SOFT, STIFF], lengths=(3.0, 1.0))
    swap = np.array([1, 0, 2])
    np.testing.assert_allclose(turned, found[np.ix_(swap, swap)], rtol=1e-8, atol=1e-8)
    assert float(jnp.max(jnp.abs(stiffness(IMAGE[:4], [SOFT, STIFF]) - found))) > 1e-3


@pytest.mark.slow
def test_what_is_reported_beside_the_stiffness():
    result = ms.effective_stiffness(ms.RVE(IMAGE, [SOFT, STIFF]))
    fraction = IMAGE.mean()
    tables = [to_voigt_stiffness(m.tensor) for m in (SOFT, STIFF)]
    np.testing.assert_allclose(result.voigt, voigt(tables, [1 - fraction, fraction]), rtol=1e-12)
    np.testing.assert_allclose(result.reuss, reuss(tables, [1 - fraction, fraction]), rtol=1e-12)
    moduli = [Moduli.of_young(1.0, 0.3, 2), Moduli.of_young(10.0, 0.2, 2)]
    bulk, shear = (jnp.stack(x) for x in zip(*moduli, strict=True))
    bounds = hashin_shtrikman(bulk, shear, [1 - fraction, fraction], 2)
    assert result.hashin_shtrikman is not None
    np.testing.assert_allclose(result.hashin_shtrikman, bounds, rtol=1e-12)
    np.testing.assert_allclose(result.mean_stress, result.stiffness, atol=1e-5)
    text = str(result)
    for word in ("Hill–Mandel", "Reuss (0) and Voigt (1)", "Hashin–Shtrikman bulk", "CONVERGED"):
        assert word in text
    assert ms.effective_stiffness(ms.RVE(IMAGE, grains(2)[0])).hashin_shtrikman is None
    # fields are judged voxel by voxel
    smooth = ms.effective_stiffness(ms.RVE(0.25 + 0.5 * IMAGE, [SOFT, STIFF]))
    lower = reuss([0.75 * tables[0] + 0.25 * tables[1], 0.25 * tables[0] + 0.75 * tables[1]], [1 - fraction, fraction])
    np.testing.assert_allclose(smooth.reuss, lower, rtol=1e-12)


@pytest.mark.slow
def test_a_cell_of_voids_has_no_stiffness_and_a_void_no_lower_bound():
    void = ms.IsotropicElastic(0.0, 0.3, 2)
    porous = ms.effective_stiffness(ms.RVE(np.pad(np.zeros((4, 4), int), 1) + np.eye(6, dtype=int), [SOFT, void]))
    np.testing.assert_array_equal(porous.reuss, 0.0)
    nothing = ms.effective_stiffness(ms.RVE(np.zeros((4, 4), int), [void]), throw=False)
    for zero in (nothing.stiffness, nothing.mean_stress, nothing.voigt, nothing.reuss, nothing.hill_mandel):
        np.testing.assert_array_equal(zero, 0.0)
    assert set(np.asarray(nothing.status.code).tolist()) == {Code.CONVERGED}


@pytest.mark.slow
def test_the_response_of_a_linear_cell_is_its_effective_stiffness():
    rve = ms.RVE(IMAGE, [SOFT, STIFF], "subc", tolerance=1e-10)
    strain = np.array([[0.01, 0.004], [0.002, -0.02]])
    response = rve.respond(jnp.asarray(np.eye(2) + strain))
    voigt_strain = np.array([strain[0, 0], strain[1, 1], strain[0, 1] + strain[1, 0]])
    table = np.asarray(ms.effective_stiffness(rve).stiffness)
    assert float(response.energy) == pytest.approx(0.5 * voigt_strain @ table @ voigt_strain, rel=1e-9)
    stress = table @ voigt_strain
    np.testing.assert_allclose(response.stress, [[stress[0], stress[2]], [stress[2], stress[1]]], rtol=1e-8)
    np.testing.assert_allclose(to_voigt_stiffness(response.tangent), table, rtol=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("bc", ["periodic", "subc"])
def test_a_linear_cell_keeps_every_claim_of_a_material(bc):
    ms.check_material(ms.RVE(IMAGE[:4, :4], [SOFT, STIFF], bc, tolerance=1e-12), parameters=bc == "periodic")


@pytest.mark.slow
def test_a_conducting_cell_keeps_every_claim_of_a_material():
    phases = [ms.Conductor(1.0, dim=2), ms.Conductor(3.0, dim=2)]
    ms.check_material(ms.RVE(IMAGE[:4, :4], phases, tolerance=1e-12), parameters=False)


@pytest.mark.slow
def test_too_few_steps_raise_or_are_nan():
    rve = ms.RVE(IMAGE, [SOFT, STIFF], max_steps=2)
    with pytest.raises(SolveError, match="effective_stiffness: 3 members: 3 MAX_STEPS") as caught:
        ms.effective_stiffness(rve)
    assert caught.value.code == Code.MAX_STEPS
    assert np.all(np.isnan(ms.effective_stiffness(rve, throw=False).stiffness))
    found = jax.jit(lambda r: ms.effective_stiffness(r))(rve)
    assert set(np.asarray(found.status.code).tolist()) == {Code.MAX_STEPS}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ms.RVE(IMAGE, [SOFT]), r"phases\[\d, \d\] = 1: expected 0 … 0, one of 1 materials"),
        (lambda: ms.RVE(IMAGE, []), "materials: expected at least one"),
        (lambda: ms.RVE(np.zeros((1, 4), int), [SOFT], "kubc"), "bc: 'kubc' needs at least two voxels along axis 0"),
        (lambda: ms.RVE(IMAGE, [SOFT, STIFF], tolerance=0.0), "tolerance: expected a number between 0 and 1, got 0"),
        (lambda: ms.RVE(IMAGE, [SOFT, STIFF], lengths=(1.0, -1.0)), "lengths: expected 2 positive numbers"),
        (lambda: ms.RVE(IMAGE, [SOFT, STIFF], max_steps=0), "max_steps: expected a positive integer, got 0"),
        (lambda: ms.RVE(IMAGE, [SOFT, ms.IsotropicElastic(1.0, 0.3)]), r"materials\[1\]: its strain has shape"),
        (lambda: ms.RVE(np.zeros((2, 2, 2), int), [SOFT]), "materials of dimension 2 need a voxel image of that"),
        (
            lambda: ms.effective_stiffness(ms.RVE(IMAGE, [ms.NeoHooke(1.0, 1.0, dim=2), SOFT])),
            "rve: its materials are not all linear",
        ),
    ],
)
def test_mistakes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_wrong_kinds_are_refused():
    # the tests' type checks see it before the library's own words
    with pytest.raises((ValueError, TypeCheckError), match="rve"):
        ms.effective_stiffness(SOFT)  # type: ignore[arg-type]
    with pytest.raises((ValueError, TypeCheckError), match="bc"):
        ms.RVE(IMAGE, [SOFT, STIFF], "free")  # type: ignore[arg-type]
