"""Beams against the textbook: closed forms, roots of the frequency equations, tension, copper cantilevers of atoms."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

from msjax import units
from msjax.nano import Beam, SurfaceElasticity, rectangle, square
from msjax.status import Code

nm = 1e-9
SILICON = rectangle(200 * nm, 50 * nm)
L = 2000 * nm
TAU, S = 0.605, -10.655  # N/m, of the size quoted for silicon {100}
EI = 130e9 * 200 * 50**3 / 12 * nm**4


def root(equation, low, high):
    return brentq(equation, low, high, xtol=1e-14, rtol=1e-14)


CANTILEVER = [root(lambda a: np.cos(a) * np.cosh(a) + 1, *x) for x in ((1.5, 2.5), (4.0, 5.0), (7.0, 8.5))]
BRIDGE = [root(lambda a: np.cos(a) * np.cosh(a) - 1, *x) for x in ((4.0, 5.5), (7.0, 8.5), (10.0, 12.0))]


@pytest.mark.slow
def test_the_silicon_cantilever():
    beam = Beam.of(SILICON, 130e9, 2330.0, L)
    np.testing.assert_allclose(beam.bending, 2.708333e-19, rtol=2e-7)
    np.testing.assert_allclose(beam.point_stiffness().k, 0.1015625, rtol=1e-9)
    np.testing.assert_allclose(beam.vibrate(1).frequencies, [15.0829e6], rtol=3e-6)
    np.testing.assert_allclose(
        beam.vibrate(1).frequencies[0],
        CANTILEVER[0] ** 2 / (2 * np.pi * L**2) * np.sqrt(EI / (2330 * 1e4 * nm**2)),
        rtol=3e-7,
    )
    atomic = Beam.of(rectangle(200 * units.nm, 50 * units.nm), 130 * units.GPa, 2.33 * units.g_per_cm3, 2000 * units.nm)
    np.testing.assert_allclose(atomic.point_stiffness().k / units.N_per_m, 0.1015625, rtol=1e-9)
    np.testing.assert_allclose(atomic.vibrate(1).frequencies / units.THz, [15.0829e-6], rtol=3e-6)


@pytest.mark.slow
def test_nodes_are_exact_for_any_number_of_elements():
    # under tip force, F(Lx²/2 − x³/6)/EI + Fx/GA, and uniform load, q(6L²x² − 4Lx³ + x⁴)/24EI + q(Lx − x²/2)/GA
    for elements in (1, 3):
        for flexibility in (0.0, 0.2):
            beam = Beam(2.0, 5.0, shear_flexibility=flexibility, elements=elements)
            found = beam.deflect(force=3.0, load=0.7, moment=1.1)
            x = found.x
            expected = (3.0 * (x**2 - x**3 / 6) + 0.55 * x**2) / 5.0 + 3.0 * flexibility * x
            expected += 0.7 * ((24 * x**2 - 8 * x**3 + x**4) / 24 / 5.0 + flexibility * (2 * x - x**2 / 2))
            np.testing.assert_allclose(found.w, expected, rtol=1e-12)
    bridge = Beam(2.0, 5.0, shear_flexibility=0.2, support="bridge", elements=2)
    np.testing.assert_allclose(1 / bridge.point_stiffness().k, 8 / 192 / 5.0 + 2 * 0.2 / 4, rtol=1e-13)


def test_a_stepped_cantilever():
    # halves of rigidity 2 and 1: w = F/EI₁ ∫₀^½ (1 − x)² dx + F/EI₂ ∫_½^1 (1 − x)² dx = (7/24)/2 + 1/24
    beam = Beam(1.0, jnp.array([2.0, 2.0, 1.0, 1.0]), elements=4)
    np.testing.assert_allclose(1 / beam.point_stiffness().k, 7 / 48 + 1 / 24, rtol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("support", "roots"),
    [("cantilever", CANTILEVER), pytest.param("bridge", BRIDGE, marks=pytest.mark.slow), ("free", BRIDGE)],
)
def test_frequencies_converge_with_the_fourth_power_of_the_elements(support, roots):
    exact = np.array(roots) ** 2 / (2 * np.pi)
    errors = [
        np.abs(np.asarray(Beam(1.0, 1.0, support=support, elements=n).vibrate(3).frequencies) / exact - 1)
        for n in (8, 16)
    ]
    order = np.log2(errors[0] / errors[1])
    assert np.all((order > 3.8) & (order < 4.2)), order
    assert errors[1][0] < 1e-5


@pytest.mark.slow
def test_modes_are_those_of_the_cantilever():
    found = Beam(2.0, 3.0, mass=0.7).vibrate(2)
    x = np.asarray(found.x) / 2.0
    for mode, a in zip(np.asarray(found.modes), CANTILEVER, strict=False):
        sigma = (np.cosh(a) + np.cos(a)) / (np.sinh(a) + np.sin(a))
        shape = np.cosh(a * x) - np.cos(a * x) - sigma * (np.sinh(a * x) - np.sin(a * x))
        np.testing.assert_allclose(mode, shape / np.sqrt(0.7 * 2.0), atol=2e-5)


def test_shear_and_rotary_inertia_lower_the_frequency_as_perturbation_says():
    # first order about Euler–Bernoulli: Δω²/ω² = −r ∫φ′²/∫φ² (Rayleigh), −EI/(kGA) ∫φ‴²/∫φ″² (shear energy)
    a = CANTILEVER[0]
    x = (np.arange(20000) + 0.5) / 20000
    sigma = (np.cosh(a) + np.cos(a)) / (np.sinh(a) + np.sin(a))
    phi = np.cosh(a * x) - np.cos(a * x) - sigma * (np.sinh(a * x) - np.sin(a * x))
    first = a * (np.sinh(a * x) + np.sin(a * x) - sigma * (np.cosh(a * x) - np.cos(a * x)))
    second = np.cosh(a * x) + np.cos(a * x) - sigma * (np.sinh(a * x) + np.sin(a * x))
    third = a * (np.sinh(a * x) - np.sin(a * x) - sigma * (np.cosh(a * x) + np.cos(a * x)))

    def slope(**change):
        return (float(Beam(1.0, 1.0, **change).vibrate(1).squared[0]) / base - 1.0) / 1e-5

    base = float(Beam(1.0, 1.0).vibrate(1).squared[0])
    assert slope(rotary_inertia=1e-5) == pytest.approx(-np.mean(first**2) / np.mean(phi**2), rel=1e-3)
    assert slope(shear_flexibility=1e-5) == pytest.approx(-np.mean(third**2) / np.mean(second**2), rel=1e-3)


@pytest.mark.slow
def test_a_bridge_under_tension():
    # k = 2N k₀/(k₀L/2 − 2 tanh(k₀L/4)) with k₀² = N/EI, from the clamped half
    N, stiff, length = 30.0, 2.0, 1.5
    k0 = np.sqrt(N / stiff)
    exact = 2 * N * k0 / (k0 * length / 2 - 2 * np.tanh(k0 * length / 4))
    errors = [
        abs(float(Beam(length, stiff, tension=N, support="bridge", elements=n).point_stiffness().k) / exact - 1)
        for n in (4, 8, 64)
    ]
    assert errors[2] < 1e-6
    assert 3.5 < np.log2(errors[0] / errors[1]) < 4.5
    buckled = Beam(1.0, 1.0, tension=-1.01 * 4 * np.pi**2, support="bridge", elements=8)
    assert int(buckled.point_stiffness().status.code) == Code.UNSTABLE
    straight = Beam(1.0, 1.0, tension=-0.99 * 4 * np.pi**2, support="bridge", elements=8)
    assert int(straight.point_stiffness().status.code) == Code.CONVERGED
    assert float(buckled.vibrate(1).frequencies[0]) < 0.0


@pytest.mark.slow
def test_residual_stress_is_a_choice():
    surface = SurfaceElasticity(stress=TAU)
    plain = Beam.of(SILICON, 130e9, 2330.0, L).point_stiffness().k
    consistent = Beam.of(SILICON, 130e9, 2330.0, L, surface)
    assert consistent.point_stiffness().k == plain
    young = Beam.of(SILICON, 130e9, 2330.0, L, surface, residual="young_laplace")
    h = 2 * TAU * 200 * nm  # EI w⁗ = H w″, w″(L) = 0, EI w‴(L) = −F, by hand
    z = L * np.sqrt(h / EI)
    ratio = 3 * (z * np.cosh(z) - np.sinh(z)) / z**3
    np.testing.assert_allclose(plain / young.point_stiffness().k, ratio, rtol=1e-6)
    assert 1.39 < ratio < 1.42  # the 40 %
    bridge = Beam.of(SILICON, 130e9, 2330.0, L, surface, support="bridge")
    np.testing.assert_allclose(bridge.tension, TAU * 500 * nm, rtol=1e-14)
    with pytest.raises(ValueError, match='residual: expected "consistent"'):
        young.vibrate(1)


def test_surface_stiffness_and_bending_length():
    base = Beam.of(SILICON, 130e9, 2330.0, L).point_stiffness().k
    stiff = Beam.of(SILICON, 130e9, 2330.0, L, SurfaceElasticity(stiffness=S), bending_length=5 * nm)
    surface = S * (200 * 50**2 / 2 + 50**3 / 6) * nm**3
    np.testing.assert_allclose(stiff.point_stiffness().k / base, 1 + 0.01 + surface / EI, rtol=1e-9)


# copper cantilevers cut from wires, molecular statics with LAMMPS: side nm, atoms a cross-section, cells' strain,
# L nm, k N/m, EI nN nm², kGA nN, clamp offset nm, f1 GHz; EI, kGA and offset were read off section rotations
COPPER = [
    (1.62671628, 81, -0.03945107, 16.3364463, 0.00933138985, 12.3533913, 324.045142, -0.50795, 1.56178214),
    (2.34970129, 169, -0.02440444, 23.4674077, 0.0232159534, 94.7638518, 465.098246, -0.43333, 1.42900908),
    (2.34970129, 169, -0.02440444, 37.5742271, 0.00554516628, 94.7661667, 465.153492, -0.43407, 0.552295247),
    (3.07268631, 289, -0.01789526, 30.7236753, 0.036058064, 334.280545, 736.892947, -0.44811, 1.1936204),
]


@pytest.mark.slow
def test_copper_cantilevers_with_their_clamp_offset():
    for _, atoms, strain, length, k, bending, shear, offset, f1 in COPPER:
        cell = 0.361492507 * (1 + strain)
        beam = Beam(
            length * nm, bending * 1e-27, atoms * 63.55 * 1.66053907e-27 / (cell * nm), clamp_offset=offset * nm,
            shear_flexibility=1e9 / shear, elements=16,
        )  # fmt: skip
        assert float(beam.point_stiffness().k) == pytest.approx(k, rel=0.01)
        uncorrected = Beam(length * nm, bending * 1e-27, shear_flexibility=1e9 / shear, elements=16)
        assert abs(float(uncorrected.point_stiffness().k) / k - 1) > 0.03
        # half a layer of atoms beyond the last plane vibrates too
        longer = Beam(
            length * nm + cell * nm / 4, beam.bending[0], beam.mass[0], 1e9 / shear, clamp_offset=offset * nm,
            elements=16,
        )  # fmt: skip
        assert float(longer.vibrate(1).frequencies[0]) / 1e9 == pytest.approx(f1, rel=0.01)


@jax.jit
def answers(p):
    surface = SurfaceElasticity(p[3], p[4])
    beam = Beam.of(square(p[0]), p[1], 1.3, p[2], surface, shear_modulus=0.4 * p[1], clamp_offset=p[5],
                   support="bridge", elements=6)  # fmt: skip
    return jnp.append(jnp.log(beam.vibrate(2).squared), jnp.log(beam.point_stiffness().k))


POINT = jnp.array([1.0, 100.0, 9.0, 0.4, -3.0, 0.2])


@pytest.mark.slow
def test_derivatives_against_finite_differences():
    exact = jax.jit(jax.jacfwd(answers))(POINT)
    np.testing.assert_allclose(jax.jit(jax.jacrev(answers))(POINT), exact, rtol=1e-8, atol=1e-12)
    direction = jnp.array([0.1, 3.0, 0.5, 0.2, 1.0, -0.3])
    errors = []
    for step in 10.0 ** -np.arange(0.0, 9.0):
        difference = (answers(POINT + step * direction) - answers(POINT - step * direction)) / (2 * step)
        errors.append(float(jnp.max(jnp.abs(difference - exact @ direction))))
    best = int(np.argmin(errors))
    assert errors[best] < 1e-8
    assert errors[0] > 1e3 * errors[best]  # a V
    assert errors[-1] > 10 * errors[best]


@pytest.mark.slow
def test_batches_are_loops_and_a_bad_member_harms_no_other():
    points = POINT[None] * (1.0 + 0.1 * jnp.arange(3.0)[:, None])
    batch = jax.jit(jax.vmap(answers))(points.at[1, 2].set(-1.0))
    np.testing.assert_allclose(batch[0], answers(points[0]), rtol=1e-9)
    np.testing.assert_allclose(batch[2], answers(points[2]), rtol=1e-9)
    assert np.all(np.isnan(batch[1]))
    assert np.all(np.isnan(jax.jit(jax.jacfwd(answers))(POINT.at[2].set(-1.0))[:, 2]))


def test_mistakes_are_named():
    for kwargs, words in (
        ({"length": 0.0}, "length: expected one positive number, got 0.0"),
        ({"support": "hinge"}, "support: expected one of cantilever, bridge, free, got 'hinge'"),
        ({"residual": "none"}, "residual: expected one of consistent, young_laplace"),
        ({"support": "bridge", "elements": 3}, "elements: expected an even number, got 3"),
        ({"bending": jnp.array([1.0, -1.0]), "elements": 2}, "bending: expected positive numbers, got -1 in element 1"),
        ({"bending": jnp.ones(3)}, r"bending: expected one number or one for each element \(32\), got shape \(3,\)"),
        ({"clamp_offset": -2.0}, "clamp_offset: it leaves a flexible length of -1"),
        ({"support": "free", "tension": 1.0}, "tension: a free beam has none"),
    ):
        with pytest.raises(ValueError, match=words):
            Beam(**{"length": 1.0, "bending": 1.0, **kwargs})
    with pytest.raises(ValueError, match="count: expected 1 to 4, got 5"):
        Beam(1.0, 1.0, elements=2).vibrate(5)
    with pytest.raises(ValueError, match="a free beam moves away"):
        Beam(1.0, 1.0, support="free").deflect(1.0)
    with pytest.raises(ValueError, match="moment: a bridge has no tip"):
        Beam(1.0, 1.0, support="bridge").deflect(moment=1.0)
