"""Fields of dislocations and cracks: isotropic closed forms, equilibrium, and matscipy's anisotropic ones."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.crystal.configurations.stroh import (
    crack_field,
    dislocation_field,
    energy_factor,
    energy_release_rate,
    griffith_intensity,
    stroh,
)

MU, NU = 0.6, 0.28
FRAME = np.array([[1, 1, -2], [1, 1, 1], [1, -1, 0]]) / np.sqrt([[6.0], [3.0], [2.0]])
COPPER = (1.06, 0.765, 0.476)  # C11, C12, C44, eV/Å³
POINTS = jnp.asarray(np.random.default_rng(3).normal(0.0, 4.0, (40, 2)))


def cubic(c11, c12, c44):
    return np.diag([c11 - c12] * 3 + [c44] * 3) + np.pad(np.full((3, 3), c12), ((0, 3), (0, 3)))


def isotropic():
    lam = 2.0 * MU * NU / (1.0 - 2.0 * NU)
    return stroh(cubic(lam + 2.0 * MU, lam, MU))


def triclinic(seed=1):
    root = np.random.default_rng(seed).normal(0.0, 1.0, (6, 6))
    return stroh(root @ root.T + 0.5 * np.eye(6))


@pytest.mark.slow
def test_screw_and_edge_of_hirth_and_lothe():
    medium, (x, y) = isotropic(), POINTS.T
    theta, r2 = jnp.arctan2(y, x), x * x + y * y
    screw = dislocation_field(medium, jnp.array([0.0, 0.0, 2.0]), POINTS)
    np.testing.assert_allclose(screw[:, 2], theta / np.pi, atol=1e-12)
    edge = dislocation_field(medium, jnp.array([2.0, 0.0, 0.0]), POINTS)
    np.testing.assert_allclose(edge[:, 0], (theta + x * y / (2 * (1 - NU) * r2)) / np.pi, atol=1e-12)
    uy = -((1 - 2 * NU) / (4 * (1 - NU)) * jnp.log(r2) + (x * x - y * y) / (4 * (1 - NU) * r2)) / np.pi
    difference = np.asarray(edge[:, 1] - uy)
    np.testing.assert_allclose(difference, difference[0], atol=1e-12)  # a rigid motion is left open
    assert float(energy_factor(medium, jnp.array([0.0, 0.0, 2.0]))) == pytest.approx(MU / np.pi, rel=1e-12)
    assert float(energy_factor(medium, jnp.array([0.0, 2.0, 0.0]))) == pytest.approx(MU / (1 - NU) / np.pi, rel=1e-12)


@pytest.mark.slow
def test_crack_in_an_isotropic_medium():
    """Plane strain mode I of the textbooks, κ = 3 − 4ν; G and Griffith's K by E′ = E/(1 − ν²)."""
    medium, (x, y) = isotropic(), POINTS.T
    r, half = jnp.sqrt(x * x + y * y), 0.5 * jnp.arctan2(y, x)
    found = crack_field(medium, jnp.array([1.5, 0.0, 0.0]), POINTS)
    common = 1.5 / (2 * MU) * jnp.sqrt(r / (2 * np.pi)) * (3 - 4 * NU - jnp.cos(2 * half))
    np.testing.assert_allclose(found[:, 0], common * jnp.cos(half), atol=1e-12)
    np.testing.assert_allclose(found[:, 1], common * jnp.sin(half), atol=1e-12)
    out_of_plane = crack_field(medium, jnp.array([0.0, 0.0, 1.5]), POINTS)
    np.testing.assert_allclose(out_of_plane[:, 2], 3.0 / MU * jnp.sqrt(r / (2 * np.pi)) * jnp.sin(half), atol=1e-12)
    plane_strain = 2 * MU / (1 - NU)
    k = jnp.array([1.0, 2.0, 3.0])
    assert float(energy_release_rate(medium, k)) == pytest.approx(5.0 / plane_strain + 9.0 / (2 * MU), rel=1e-12)
    assert float(griffith_intensity(medium, 0.1)) == pytest.approx(np.sqrt(0.2 * plane_strain), rel=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("field", [dislocation_field, crack_field])
def test_equilibrium_of_a_triclinic_medium(field):
    """C:∇u is the stress that φ says, whose divergence is zero identically."""
    medium, load = triclinic(), jnp.array([0.7, -0.4, 1.1])

    def at(point):
        return field(medium, load, point[None])[0]

    slope = jax.vmap(jax.jacfwd(at))(POINTS)  # (n, 6, 2)
    gradient = jnp.concatenate([slope[:, :3], jnp.zeros((len(POINTS), 3, 1))], axis=2)
    voigt = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]
    strain = jnp.stack([gradient[:, i, j] if i == j else gradient[:, i, j] + gradient[:, j, i] for i, j in voigt], 1)
    stress = strain @ medium.stiffness
    scale = float(jnp.max(jnp.abs(stress)))
    np.testing.assert_allclose(stress[:, jnp.array([0, 5, 4])], -slope[:, 3:, 1], atol=1e-9 * scale)
    np.testing.assert_allclose(stress[:, jnp.array([5, 1, 3])], slope[:, 3:, 0], atol=1e-9 * scale)


@pytest.mark.slow
def test_faces_are_free_and_open_by_the_energy_release():
    """φ = 0 on both faces; the work to close a crack's length a, ∫ ½ t·Δu (Irwin), is G a."""
    medium, k = triclinic(), jnp.array([0.7, -0.4, 1.1])
    sides = crack_field(medium, k, jnp.array([[-2.0, 0.0], [-2.0, -1e-300]]))
    np.testing.assert_allclose(sides[:, 3:], 0.0, atol=1e-10)
    traction = jnp.array([k[1], k[0], k[2]])  # times 1/√(2πx); Δu = (opening at 2) √((a − x)/2)
    opening = (sides[0, :3] - sides[1, :3]) / np.sqrt(2.0)
    work = 0.5 * traction @ opening / np.sqrt(2.0 * np.pi) * (np.pi / 2.0)  # ∫√((1−x)/x) = π/2
    assert float(work) == pytest.approx(float(energy_release_rate(medium, k)), rel=1e-10)


@pytest.mark.parametrize("cut", [np.pi, 0.3])
def test_burgers_circuit(cut):
    """Around the line u grows by b and φ by nothing; the cut alone is where it jumps back."""
    medium, b = triclinic(2), jnp.array([0.7, -0.4, 1.1])
    angle = cut + np.linspace(-2 * np.pi + 1e-9, -1e-9, 50)
    u = np.asarray(dislocation_field(medium, b, jnp.asarray(3.0 * np.stack([np.cos(angle), np.sin(angle)], 1)), cut))
    np.testing.assert_allclose(u[-1, :3] - u[0, :3], b, atol=1e-6)
    np.testing.assert_allclose(u[-1, 3:] - u[0, 3:], 0.0, atol=1e-6)
    assert np.max(np.abs(np.diff(u[:, :3], axis=0))) < 0.2


@pytest.mark.slow
def test_dislocation_of_matscipy():
    dislocation = pytest.importorskip("matscipy.dislocation", reason="needs matscipy")
    b = np.array([1.0, -1.0, 0.0]) + np.array([1.0, 0.0, -1.0])  # mixed
    theirs = dislocation.AnisotropicDislocation(FRAME, FRAME[1], FRAME[2], b, *COPPER)
    x = np.concatenate([POINTS, np.zeros((len(POINTS), 1))], axis=1)
    medium = stroh(cubic(*COPPER), FRAME)
    gradient = jax.vmap(jax.jacfwd(lambda p: dislocation_field(medium, jnp.asarray(FRAME @ b), p[None])[0, :3]))(POINTS)
    expected = np.swapaxes(theirs.deformation_gradient(x), 1, 2)[:, :, :2] - np.eye(3)[None, :, :2]
    np.testing.assert_allclose(gradient, expected, atol=1e-9)


@pytest.mark.slow
def test_crack_of_matscipy():
    crack = pytest.importorskip("matscipy.fracture_mechanics.crack", reason="needs matscipy")
    theirs = crack.CubicCrystalCrack([1, 1, 1], [1, -1, 0], C=cubic(*COPPER))
    frame = np.asarray(theirs.RotationMatrix)
    medium = stroh(cubic(*COPPER), frame)
    u, v = theirs.displacements_from_cartesian_coordinates(*np.asarray(POINTS).T, 1.2, 0.5)
    found = crack_field(medium, jnp.array([1.2, 0.5, 0.0]), POINTS)
    np.testing.assert_allclose(found[:, :2], np.stack([u, v], axis=1), atol=1e-9)
    assert float(griffith_intensity(medium, 0.08)) == pytest.approx(theirs.k1g(0.08), rel=1e-9)


@pytest.mark.slow
def test_turned_axes_and_derivatives():
    """A mirrored pair of frames sees one medium; the derivative of K by C44 is the finite difference."""
    half_turn = np.diag([-1.0, -1.0, 1.0])
    b, k = jnp.array([0.7, -0.4, 1.1]), np.asarray(cubic(*COPPER))
    first = dislocation_field(stroh(k, FRAME), b, POINTS, 0.2)[:, :3]
    turned = dislocation_field(stroh(k, half_turn @ FRAME), jnp.asarray(half_turn) @ b, -POINTS, 0.2 + np.pi)[:, :3]
    rigid = np.asarray(first - turned @ jnp.asarray(half_turn))
    np.testing.assert_allclose(rigid, np.broadcast_to(rigid[:1], rigid.shape), atol=1e-11)

    def factor(c44):
        table = jnp.asarray(cubic(COPPER[0], COPPER[1], 0.0)) + c44 * jnp.diag(jnp.array([0.0, 0, 0, 1, 1, 1]))
        return energy_factor(stroh(table, FRAME), b)

    step = 1e-5
    slope = (factor(COPPER[2] + step) - factor(COPPER[2] - step)) / (2 * step)
    assert float(jax.jit(jax.grad(factor))(COPPER[2])) == pytest.approx(float(slope), rel=1e-7)
    assert np.isnan(jax.jit(factor)(-0.1))


def test_mistakes_are_refused():
    with pytest.raises(ValueError, match=r"stiffness: expected shape \(6, 6\), got \(3, 3\)"):
        stroh(np.eye(3))
    with pytest.raises(ValueError, match="stiffness: must be finite"):
        stroh(np.full((6, 6), np.nan))
    with pytest.raises(ValueError, match="stiffness: must be symmetric"):
        stroh(np.eye(6) + np.eye(6, k=1))
    with pytest.raises(ValueError, match="stiffness: must be positive definite"):
        stroh(np.diag([1.0, 1, 1, 1, 1, -1]))
    with pytest.raises(ValueError, match="frame: expected orthonormal rows, right-handed"):
        stroh(np.eye(6), np.diag([1.0, 1.0, -1.0]))
