"""Linear materials keep what they claim, agree with textbook moduli, and name mistakes."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.material.check import check_material
from msjax.material.linear import Conductor, IsotropicElastic, LinearElastic
from msjax.status import Code
from msjax.tensors import to_voigt_stiffness

QUARTER = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


def spd(n, seed=0):
    a = np.random.default_rng(seed).normal(size=(n, n))
    return a @ a.T + np.eye(n)


def turn(dim, seed=0):
    """A random proper rotation."""
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))[0]
    return q * np.linalg.det(q) if dim == 3 else q @ np.diag([1.0, np.linalg.det(q)])


def cubic(c11=168.0, c12=121.0, c44=75.0):
    stiffness = np.diag([c11, c11, c11, c44, c44, c44])
    stiffness[:3, :3] += c12 * (1.0 - np.eye(3))
    return LinearElastic(stiffness)


MATERIALS = {
    "isotropic": IsotropicElastic(2.0, 0.3),
    "isotropic, plane strain": IsotropicElastic(2.0, -0.2, dim=2),
    "anisotropic": LinearElastic(spd(6)),
    "anisotropic, plane strain": LinearElastic(spd(3)),
    "conductor": Conductor(3.0),
    "conductor in the plane": Conductor(3.0, dim=2),
    "anisotropic conductor": Conductor(spd(3)),
    "anisotropic conductor in the plane": Conductor(spd(2), dim=2),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", MATERIALS)
def test_every_claim_holds(name):
    assert check_material(MATERIALS[name]).passed


def test_isotropic_moduli():
    young, poisson = 2.0, 0.3
    stiffness = to_voigt_stiffness(IsotropicElastic(young, poisson).tensor)
    compliance = np.linalg.inv(stiffness)
    np.testing.assert_allclose(np.diag(compliance)[:3], 1.0 / young, rtol=1e-14)
    np.testing.assert_allclose(compliance[0, 1:3], -poisson / young, rtol=1e-14)
    np.testing.assert_allclose(np.diag(compliance)[3:], 2.0 * (1.0 + poisson) / young, rtol=1e-14)


def test_the_plane_is_plane_strain():
    """The plane stiffness is the block of the solid's, and its compliance has E/(1 − ν²) and ν/(1 − ν)."""
    young, poisson = 2.0, 0.3
    solid = np.asarray(to_voigt_stiffness(IsotropicElastic(young, poisson).tensor))
    plane = np.asarray(to_voigt_stiffness(IsotropicElastic(young, poisson, dim=2).tensor))
    np.testing.assert_allclose(plane, solid[np.ix_([0, 1, 5], [0, 1, 5])], rtol=1e-14)
    compliance = np.linalg.inv(plane)
    assert compliance[0, 0] == pytest.approx((1.0 - poisson**2) / young, rel=1e-14)
    assert -compliance[0, 1] / compliance[0, 0] == pytest.approx(poisson / (1.0 - poisson), rel=1e-14)


@pytest.mark.slow
def test_voigt_order_and_engineering_shear():
    stiffness = spd(6)
    material = LinearElastic(stiffness)
    rng = np.random.default_rng(1)
    strain = rng.normal(size=(3, 3))
    strain = 1e-2 * (strain + strain.T)
    pairs = [(0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1)]
    engineering = np.array([strain[i, j] * (1.0 if i == j else 2.0) for i, j in pairs])
    response = material.respond(jnp.asarray(np.eye(3) + strain))
    expected = stiffness @ engineering
    np.testing.assert_allclose([response.stress[i, j] for i, j in pairs], expected, rtol=1e-12)
    np.testing.assert_allclose(response.stress, response.stress.T, rtol=1e-14)
    assert float(response.energy) == pytest.approx(0.5 * engineering @ expected, rel=1e-13)
    spin = jnp.asarray([[0.0, 0.1, -0.2], [-0.1, 0.0, 0.3], [0.2, -0.3, 0.0]])
    np.testing.assert_allclose(material.respond(jnp.eye(3) + spin).stress, 0.0, atol=1e-15)


@pytest.mark.parametrize("dim", [2, 3])
def test_turning_an_isotropic_solid_changes_nothing(dim):
    stiffness = to_voigt_stiffness(IsotropicElastic(2.0, 0.3, dim).tensor)
    turned = LinearElastic(stiffness).rotated(turn(dim))
    np.testing.assert_allclose(turned.stiffness, stiffness, rtol=1e-13, atol=1e-14)


def test_turning_a_cubic_crystal():
    copper = cubic()
    np.testing.assert_allclose(copper.rotated(QUARTER).stiffness, copper.stiffness, rtol=1e-13, atol=1e-12)
    # [110] along x: (C11 + C12 + 2 C44)/2, and the invariant C_iijj
    half = np.pi / 4
    diagonal = np.array([[np.cos(half), np.sin(half), 0.0], [-np.sin(half), np.cos(half), 0.0], [0.0, 0.0, 1.0]])
    turned = copper.rotated(diagonal)
    assert float(turned.stiffness[0, 0]) == pytest.approx(0.5 * (168.0 + 121.0 + 150.0), rel=1e-13)
    assert float(turned.stiffness[5, 5]) == pytest.approx(0.5 * (168.0 - 121.0), rel=1e-13)
    assert float(jnp.sum(turned.stiffness[:3, :3])) == pytest.approx(3 * 168.0 + 6 * 121.0, rel=1e-13)


@pytest.mark.parametrize("dim", [2, 3])
def test_turning_is_a_change_of_axes(dim):
    """The energy of a turned strain in the turned crystal is that of the strain; the inverse turns back."""
    material, r = LinearElastic(spd({2: 3, 3: 6}[dim])), turn(dim, seed=3)
    strain = np.random.default_rng(2).normal(size=(dim, dim))
    there = material.rotated(r).respond(jnp.asarray(np.eye(dim) + r @ strain @ r.T)).energy
    assert float(there) == pytest.approx(float(material.respond(jnp.asarray(np.eye(dim) + strain)).energy), rel=1e-12)
    np.testing.assert_allclose(material.rotated(r).rotated(r.T).stiffness, material.stiffness, rtol=1e-11, atol=1e-12)


def test_conduction_has_one_row():
    matrix = spd(3)
    response = Conductor(matrix).respond(jnp.array([[1.0, -2.0, 0.5]]))
    gradient = np.array([1.0, -2.0, 0.5])
    np.testing.assert_allclose(response.stress[0], matrix @ gradient, rtol=1e-14)
    assert float(response.energy) == pytest.approx(0.5 * gradient @ matrix @ gradient, rel=1e-14)
    assert response.tangent.shape == (1, 3, 1, 3)


def test_a_void_is_a_valid_material_without_stiffness():
    for void in (IsotropicElastic(0.0, 0.3), LinearElastic(np.zeros((6, 6))), Conductor(0.0)):
        response = void.respond(void.reference_strain + 0.1)
        assert Code(int(response.status.code)) == Code.CONVERGED
        assert float(response.energy) == 0.0
        np.testing.assert_array_equal(response.stress, 0.0)
        assert response.tangent_status.failed or response.tangent_status.unstable  # nothing to invert, and it says so


def test_a_strain_or_parameter_that_is_not_finite_is_named():
    lost = IsotropicElastic(1.0, 0.3).respond(jnp.eye(3).at[1, 2].set(jnp.nan))
    assert Code(int(lost.status.code)) == Code.NONFINITE
    assert np.all(np.isnan(lost.stress))
    found = jax.vmap(lambda e: IsotropicElastic(e, 0.3).respond(jnp.eye(3) * 1.01))(jnp.array([1.0, jnp.nan, 2.0]))
    np.testing.assert_array_equal(np.isnan(found.energy), [False, True, False])
    assert Code(int(found.status.code[1])) == Code.NONFINITE


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: IsotropicElastic(-1.0, 0.3), "young: expected a finite number, at least 0, got -1"),
        (lambda: IsotropicElastic(np.nan, 0.3), "young: expected a finite number, at least 0, got nan"),
        (lambda: IsotropicElastic(np.inf, 0.3), "young: expected a finite number, at least 0, got inf"),
        (lambda: IsotropicElastic(1.0, 0.5), "poisson: must lie between -1 and 0.5, got 0.5"),
        (lambda: IsotropicElastic(1.0, -1.0), "poisson: must lie between"),
        (lambda: IsotropicElastic(1.0, 0.3, dim=4), "dim: expected 2"),
        (lambda: IsotropicElastic([1.0, 2.0], 0.3), r"young: expected one number, got an array of shape \(2,\)"),
        (lambda: LinearElastic(np.eye(4)), r"stiffness: expected a Voigt matrix \(6, 6\) or \(3, 3\), got shape"),
        (lambda: LinearElastic(np.triu(np.ones((6, 6)))), r"stiffness: must be symmetric, but component \(1, 2\)"),
        (lambda: LinearElastic(np.diag([1, 1, np.nan])), r"stiffness: component \(3, 3\) is not finite"),
        (lambda: LinearElastic(np.eye(6)).rotated(np.eye(2)), r"rotation: expected shape \(3, 3\), got \(2, 2\)"),
        (lambda: Conductor(-1.0), "conductivity: must not be negative, got -1"),
        (lambda: Conductor(np.inf), "conductivity: must be finite"),
        (lambda: Conductor(np.eye(2)), r"conductivity: expected a number or shape \(3, 3\), got \(2, 2\)"),
        (lambda: Conductor(np.triu(np.ones((3, 3)))), "conductivity: must be symmetric"),
        (lambda: Conductor(1.0, dim=4), "dim: expected 1, 2 or 3, got 4"),
        (lambda: IsotropicElastic(1.0, 0.3).respond(jnp.eye(2)), r"strain: expected shape \(3, 3\), got \(2, 2\)"),
        (lambda: Conductor(1.0).respond("steep"), r"strain: expected numbers of shape \(1, 3\)"),
    ],
)
def test_mistakes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_negative_stiffness_and_conductivity_matrices():
    """A matrix that is not positive is a valid model (a softened tangent); its tangent says that it is unstable."""
    for material in (LinearElastic(np.diag([1.0, 1.0, -0.1])), Conductor(np.diag([1.0, 1.0, -0.1]))):
        response = material.respond(material.reference_strain)
        assert Code(int(response.tangent_status.code)) == Code.UNSTABLE
        assert response.status.ok
