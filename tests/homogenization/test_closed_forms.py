"""Closed forms against published numbers, independent derivations and each other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.homogenization.bounds import hashin_shtrikman, reuss, voigt
from msjax.homogenization.closed_forms import dilute, laminate, laminate_conductivity, mori_tanaka
from msjax.homogenization.isotropy import Moduli, isotropic_stiffness
from msjax.homogenization.position import ordered
from msjax.tensors import VOIGT

SOFT, STIFF = Moduli.of_young(1.0, 0.3), Moduli.of_young(10.0, 0.3)
LAYERS = [isotropic_stiffness(*SOFT), isotropic_stiffness(*STIFF)]
HALF = [0.5, 0.5]


def random_layers(count: int, size: int = 6):
    rng = np.random.default_rng(count)
    return [jnp.asarray(a @ a.T + np.eye(size)) for a in rng.normal(size=(count, size, size))]


@pytest.mark.slow
def test_laminate_numbers():
    found = laminate(LAYERS, HALF, normal=0)
    expected = {
        (0, 0): 2.4475524476,
        (0, 1): 1.0489510490,
        (0, 2): 1.0489510490,
        (1, 1): 6.4935064935,
        (2, 2): 6.4935064935,
        (1, 2): 2.2627372627,
        (3, 3): 2.1153846154,
        (4, 4): 0.6993006993,
        (5, 5): 0.6993006993,
    }
    for (row, column), value in expected.items():
        np.testing.assert_allclose(found[row, column], value, rtol=2e-10)
    rest = np.array(found)
    for row, column in expected:
        rest[row, column] = rest[column, row] = 0.0
    assert np.max(np.abs(rest)) < 1e-14


@pytest.mark.parametrize(("size", "axis"), [(6, 0), (6, 1), (6, 2), (3, 0), (3, 1), (1, 0)])
def test_laminate_is_the_solution_of_its_interface_conditions(size, axis):
    """Written out as linear equations: traction and in-plane strain equal, strains and stresses averaged."""
    dim = {1: 1, 3: 2, 6: 3}[size]
    layers, share = random_layers(4, size), np.array([0.1, 0.2, 0.3, 0.4])
    across = [row for row, pair in enumerate(VOIGT[dim]) if axis in pair]
    within = [row for row in range(size) if row not in across]
    columns = []
    for load in np.eye(size):
        # unknowns: the strain of every layer
        matrix, right = [], []
        for layer, c in enumerate(layers):
            for row in within:
                line = np.zeros((4, size))
                line[layer, row] = 1.0
                matrix.append(line.ravel())
                right.append(load[row])
            if layer:
                for row in across:
                    line = np.zeros((4, size))
                    line[layer], line[layer - 1] = np.asarray(c)[row], -np.asarray(layers[layer - 1])[row]
                    matrix.append(line.ravel())
                    right.append(0.0)
        for row in across:
            line = np.zeros((4, size))
            line[:, row] = share
            matrix.append(line.ravel())
            right.append(load[row])
        strains = np.linalg.solve(np.array(matrix), np.array(right)).reshape(4, size)
        columns.append(sum(f * np.asarray(c) @ e for f, c, e in zip(share, layers, strains)))
    np.testing.assert_allclose(laminate(layers, share, axis), np.array(columns).T, rtol=1e-10, atol=1e-11)


@pytest.mark.slow
def test_a_laminate_along_any_normal_is_the_same_material_in_other_axes():
    """Isotropic layers: the normal response is direction-independent, the pure shear moduli too."""
    n = np.array([1.0, 2.0, -0.5])
    found = laminate(LAYERS, HALF, normal=n)
    n /= np.linalg.norm(n)
    strain = np.outer(n, n)
    vector = np.array([strain[i, j] * (1.0 if i == j else 2.0) for i, j in VOIGT[3]])
    np.testing.assert_allclose(vector @ np.asarray(found) @ vector, 2.4475524476, rtol=2e-10)
    m = np.cross(n, [0.0, 0.0, 1.0])
    m /= np.linalg.norm(m)
    shear = 0.5 * (np.outer(n, m) + np.outer(m, n))
    vector = np.array([shear[i, j] * (1.0 if i == j else 2.0) for i, j in VOIGT[3]])
    np.testing.assert_allclose(vector @ np.asarray(found) @ vector, 0.6993006993, rtol=2e-10)
    np.testing.assert_allclose(laminate(LAYERS, HALF, [0.0, 3.0, 0.0]), laminate(LAYERS, HALF, 1), atol=1e-14)


@pytest.mark.slow
def test_laminates_lie_between_reuss_and_voigt():
    layers, share = random_layers(3), [0.2, 0.3, 0.5]
    for axis in range(3):
        found = laminate(layers, share, axis)
        assert float(ordered(reuss(layers, share), found)) > -1e-13
        assert float(ordered(found, voigt(layers, share))) > -1e-13


def test_a_void_layer_is_the_limit_of_a_soft_one():
    void = jnp.zeros((6, 6))
    found = laminate([LAYERS[1], void], [0.6, 0.4])
    limit = laminate([LAYERS[1], 1e-9 * LAYERS[0]], [0.6, 0.4])
    np.testing.assert_allclose(found, limit, atol=1e-7)
    assert np.max(np.abs(np.asarray(found)[[0, 4, 5]])) < 1e-14
    np.testing.assert_allclose(laminate([LAYERS[1], void], [1.0, 0.0]), LAYERS[1], rtol=1e-13, atol=1e-14)


def test_bilaminate_of_one_dimension():
    bar = laminate([jnp.array([[1.0]]), jnp.array([[10.0]])], HALF)
    np.testing.assert_allclose(bar, [[1.8181818182]], rtol=1e-10)


def test_laminate_conductivity():
    """Anisotropic layers turned by 45°: the field across and the flux along are shared; a numpy solve."""
    k = [np.array([[2.0, 0.5], [0.5, 1.0]]), np.array([[5.0, -1.0], [-1.0, 3.0]])]
    share = [0.3, 0.7]
    columns = []
    for gradient in np.eye(2):
        matrix = np.array([[0, 1, 0, 0], [0, 0, 0, 1], [*k[0][0], *-k[1][0]], [share[0], 0, share[1], 0]])
        field = np.linalg.solve(matrix, [gradient[1], gradient[1], 0.0, gradient[0]]).reshape(2, 2)
        columns.append(share[0] * k[0] @ field[0] + share[1] * k[1] @ field[1])
    np.testing.assert_allclose(laminate_conductivity(jnp.asarray(k), share), np.array(columns).T, rtol=1e-13)


def eshelby_slopes(matrix: Moduli, inclusion: Moduli):
    """From Eshelby's tensor of a sphere: alpha and beta of the matrix's Poisson ratio."""
    k, g = (float(x) for x in matrix)
    ki, gi = (float(x) for x in inclusion)
    nu = (3 * k - 2 * g) / (2 * (3 * k + g))
    alpha, beta = (1 + nu) / (3 * (1 - nu)), 2 * (4 - 5 * nu) / (15 * (1 - nu))
    return [(ki / k - 1) / (1 + alpha * (ki / k - 1)), (gi / g - 1) / (1 + beta * (gi / g - 1))]


def test_dilute_numbers():
    void = Moduli.of_young(0.0, 0.3)
    np.testing.assert_allclose(dilute(SOFT, STIFF), [1.3695652, 1.7027027], rtol=2e-8)
    np.testing.assert_allclose(dilute(SOFT, void), [-2.625, -1.9090909], rtol=2e-8)
    other = Moduli.of_young(2.0, 0.1), Moduli.of_young(0.3, 0.45)
    np.testing.assert_allclose(dilute(*other), eshelby_slopes(*other), rtol=1e-12)


def test_dilute_holes_in_the_plane():
    """Circular holes, plane strain, nu2 = (K−G)/(K+G): E falls by 3 φ and ν by (3ν − 1)φ, from Kirsch's solution."""
    matrix = Moduli.of_young(1.0, 0.3, dim=2)
    k, g = (float(x) for x in matrix)
    young, nu = 4 * k * g / (k + g), (k - g) / (k + g)
    slope = dilute(matrix, Moduli(jnp.zeros(()), jnp.zeros(())), dim=2)
    # 2K = E/(1 − ν), 2G = E/(1 + ν) for the planar constants
    young_slope, nu_slope = -3.0 * young, -(3.0 * nu - 1.0)
    expected = [young_slope / young + nu_slope / (1 - nu), young_slope / young - nu_slope / (1 + nu)]
    np.testing.assert_allclose(slope, expected, rtol=1e-12)


@pytest.mark.parametrize("dim", [2, 3])
def test_dilute_is_the_slope_of_mori_tanaka_and_of_the_bound(dim):
    matrix, inclusion = Moduli.of_young(1.0, 0.3, dim), Moduli.of_young(7.0, 0.2, dim)

    def logarithm(fraction, index, estimate):
        return jnp.log(estimate(fraction)[index])

    def bound(fraction):
        pair = [jnp.stack(x) for x in zip(matrix, inclusion)]
        return hashin_shtrikman(*pair, jnp.stack([1.0 - fraction, fraction]), dim)[0]

    def mean_field(fraction):
        return mori_tanaka(matrix, inclusion, fraction, dim)

    for estimate in (bound, mean_field):
        slopes = [jax.grad(logarithm)(jnp.zeros(()), index, estimate) for index in range(2)]
        np.testing.assert_allclose(dilute(matrix, inclusion, dim), slopes, rtol=1e-12)


def test_mori_tanaka_by_eshelbys_tensor():
    """X = X_m + f (X_i − X_m)/(1 + (1 − f) s (X_i/X_m − 1)), s Eshelby's alpha or beta; soft or stiff inclusions."""
    for matrix, inclusion in ((SOFT, STIFF), (STIFF, SOFT), (Moduli.of_young(2.0, 0.1), Moduli.of_young(0.3, 0.45))):
        for f in (0.0, 0.2, 0.7, 1.0):
            found = mori_tanaka(matrix, inclusion, f)
            for x, xi, one, value in zip(matrix, inclusion, eshelby_slopes(matrix, inclusion), found):
                x, xi = float(x), float(xi)
                s = ((xi / x - 1) / one - 1) / (xi / x - 1)
                np.testing.assert_allclose(value, x + f * (xi - x) / (1 + (1 - f) * s * (xi / x - 1)), rtol=1e-12)


@pytest.mark.slow
def test_closed_forms_differentiate():
    def component(x):
        layers = [(1.0 + x) * LAYERS[0], LAYERS[1]]
        return laminate(layers, jnp.stack([x, 1.0 - x]), jnp.stack([x, x**2, 1.0 + x]))[0, 1]

    x, h = 0.4, 1e-5
    slope = (component(jnp.asarray(x + h)) - component(jnp.asarray(x - h))) / (2 * h)
    np.testing.assert_allclose(jax.grad(component)(jnp.asarray(x)), slope, rtol=1e-8)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: laminate(LAYERS, HALF, 3), "normal: axis 3, expected 0 to 2"),
        (lambda: laminate(LAYERS, HALF, jnp.zeros(3)), "normal: zero or not finite"),
        (lambda: laminate(LAYERS, HALF, jnp.ones(2)), "normal: shape"),
        (lambda: laminate([jnp.eye(4)] * 2, HALF), "stiffness: shape"),
        (lambda: laminate([LAYERS[0], isotropic_stiffness(1.0, 0.0)], HALF), r"stiffness\[1\]: singular across"),
        (lambda: dilute(STIFF, Moduli(jnp.array(-1.0), jnp.array(1.0))), "inclusion.bulk: -1.0"),
        (lambda: dilute(Moduli(jnp.array(1.0), jnp.array(0.0)), STIFF), "matrix.shear: 0.0"),
        (lambda: dilute(SOFT, STIFF, dim=1), "dim: 1"),
        (lambda: mori_tanaka(SOFT, STIFF, 1.2), "fraction: 1.2"),
    ],
)
def test_mistakes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
