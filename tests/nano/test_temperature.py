"""Beams at a temperature: moduli against phonopy's constants, coefficients against closed forms and differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax import units
from msjax.crystal.potentials.gupta import CLERI_ROSATO, Gupta
from msjax.nano import (
    Beam,
    BeamModuli,
    SurfaceElasticity,
    beam_moduli,
    circle,
    directional_moduli,
    expanded_beam,
    frequency_coefficient,
    polygon,
    rectangle,
)
from msjax.status import Code, SolveError, Status

C11, C12, C44 = 168.4, 121.4, 75.4


def cubic(c11, c12, c44):
    stiffness = np.diag([c11 - c12] * 3 + [c44] * 3)
    stiffness[:3, :3] += c12
    return jnp.asarray(stiffness)


@pytest.fixture(scope="module")
def phonopy(reference):
    return reference("copper_qha")


@pytest.fixture(scope="module")
def copper(phonopy):
    """The reference's potential and masses, quantum."""
    a, xi, p, q, lattice = CLERI_ROSATO["Cu"]
    potential = Gupta(a, xi, p, q, lattice / 2.0**0.5, inner=6.0, outer=6.23, element="Cu")
    crystal = ms.bulk("Cu", "fcc", a=3.615, mass=phonopy["mass"])
    return ms.QuasiHarmonic(ms.CauchyBorn(crystal, potential), points=8)


# -- moduli of given constants -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_moduli_of_cubic_crystals_along_their_axes():
    """Nye's closed forms for ⟨100⟩, ⟨110⟩ and ⟨111⟩."""
    c = cubic(C11, C12, C44)
    s11, s12 = (C11 + C12) / ((C11 - C12) * (C11 + 2 * C12)), -C12 / ((C11 - C12) * (C11 + 2 * C12))
    s44 = 1.0 / C44
    lack = s11 - s12 - 0.5 * s44
    axis, face, body = (directional_moduli(c, n) for n in ([0.0, 0.0, 2.0], [1.0, 1.0, 0.0], [1.0, 1.0, 1.0]))
    np.testing.assert_allclose(axis, [1 / s11, -s12 / s11, C44], rtol=1e-12)
    np.testing.assert_allclose(face.E, 1 / (s11 - 0.5 * lack), rtol=1e-12)
    np.testing.assert_allclose(body.E, 1 / (s11 - 2 / 3 * lack), rtol=1e-12)
    np.testing.assert_allclose(body.nu, -(s12 + lack / 3) * body.E, rtol=1e-12)
    np.testing.assert_allclose(body.shear, 1 / (s44 + 4 / 3 * lack), rtol=1e-12)
    flat, edge = (directional_moduli(c, [1.0, 1.0, 0.0], m) for m in ([0.0, 0.0, 1.0], [1.0, -1.0, 0.0]))
    np.testing.assert_allclose(flat, [face.E, -s12 * face.E, C44], rtol=1e-12)
    np.testing.assert_allclose(edge, [face.E, -(s12 + 0.5 * lack) * face.E, 0.5 * (C11 - C12)], rtol=1e-12)
    np.testing.assert_allclose(face.nu, 0.5 * (flat.nu + edge.nu), rtol=1e-12)
    np.testing.assert_allclose(1 / face.shear, 0.5 * (1 / flat.shear + 1 / edge.shear), rtol=1e-12)


def test_an_isotropic_solid_has_the_same_moduli_everywhere():
    c = cubic(140.0, 60.0, 40.0)
    expected = [40.0 * 260.0 / 100.0, 0.3, 40.0]  # λ = 60, μ = 40
    for direction in ([1.0, 0.0, 0.0], [0.3, -0.5, 0.8]):
        np.testing.assert_allclose(directional_moduli(c, direction), expected, rtol=1e-12)


# -- coefficients of given laws ----------------------------------------------------------------------------------------

RATE, ALPHA = -3e-4, 17e-6


def law(T):
    """E e^{aΔT}, a cubic body that grows by e^{αΔT}, G as E."""
    x = T - 300.0
    E = 0.4 * jnp.exp(RATE * x)
    density = jnp.exp(-3 * ALPHA * x)
    return BeamModuli(E, 0.4 + 0.0 * x, 0.5 * E, jnp.expm1(ALPHA * x), density, 5.3 * density, Status.of())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("section", "support", "timoshenko"),
    [(rectangle(40.0, 20.0), "cantilever", False), (circle(30.0), "bridge", True)],
    ids=["cantilever", "thick bridge"],
)
def test_coefficient_of_frequency_is_half_the_sum(section, support, timoshenko):
    """½ d ln E/dT + ½ α, at any temperature, for every mode, section and support, Timoshenko's beam too."""

    def beam(T):
        return expanded_beam(section, 300.0, law(T), timoshenko=timoshenko, support=support, elements=4)

    found = jax.jit(lambda t: frequency_coefficient(beam, t, 2))(450.0)
    np.testing.assert_allclose(found.coefficient, 0.5 * (RATE + ALPHA), rtol=1e-9)
    assert int(found.status.code) == Code.CONVERGED


@pytest.mark.slow
def test_the_beam_grows_with_its_lattice_and_keeps_its_mass():
    """Against sections and beams built at the larger size."""
    moduli, s = law(jnp.array(900.0)), float(jnp.exp(ALPHA * 600.0))
    corners = np.array([[0.0, 0.0], [30.0, 0.0], [0.0, 20.0]])
    for cold, grown in (
        (rectangle(40.0, 20.0), rectangle(40.0 * s, 20.0 * s)),
        (polygon(corners), polygon(corners * s)),
    ):
        found = expanded_beam(cold, 300.0, moduli, timoshenko=True, clamp_offset=-7.0, elements=2)
        expected = Beam.of(
            grown,
            moduli.E,
            moduli.density,
            300.0 * s,
            shear_modulus=moduli.shear,
            clamp_offset=-7.0 * s,
            elements=2,
        )
        jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-12), found, expected)
        at_reference = expanded_beam(cold, 300.0, law(jnp.array(300.0)), elements=2)
        np.testing.assert_allclose(found.mass * (300.0 * s), at_reference.mass * at_reference.length, rtol=1e-12)


@pytest.mark.slow
def test_a_bridge_is_pulled_taut_by_the_surface_stress_of_its_temperature():
    """Against the beam built at the larger size with τ(T) and S; the coefficient against central differences."""
    section = rectangle(40.0, 20.0)

    def surface(T):
        return SurfaceElasticity(stress=0.08 * (1.0 - 3e-4 * (T - 300.0)), stiffness=-0.4)

    def beam(T):
        return expanded_beam(section, 300.0, law(T), surface(T), support="bridge", elements=4)

    T = jnp.array(450.0)
    moduli, s = law(T), float(jnp.exp(ALPHA * 150.0))
    expected = Beam.of(
        rectangle(40.0 * s, 20.0 * s), moduli.E, moduli.density, 300.0 * s, surface(T), support="bridge", elements=4
    )
    jax.tree.map(lambda x, y: np.testing.assert_allclose(x, y, rtol=1e-12), beam(T), expected)
    found = frequency_coefficient(beam, T)
    up, down = (np.log(float(beam(T + h).vibrate(1).frequencies[0])) for h in (0.1, -0.1))
    np.testing.assert_allclose(found.coefficient[0], (up - down) / 0.2, rtol=1e-6)
    assert abs(float(found.coefficient[0]) - 0.5 * (RATE + ALPHA)) > 1e-6


@pytest.mark.slow
def test_failed_moduli_make_a_beam_of_nan():
    none = jax.tree.map(lambda x: jnp.full_like(x, jnp.nan), law(jnp.array(300.0))[:-1])
    failed = BeamModuli(*none, Status.of(Code.NONFINITE))
    found = expanded_beam(rectangle(40.0, 20.0), 300.0, failed, elements=2).vibrate(1)
    assert int(found.status.code) == Code.NONFINITE
    assert np.isnan(found.frequencies[0])


@pytest.mark.slow
def test_bad_arguments_are_named(copper):
    chain = ms.CauchyBorn(ms.bulk("X", "chain", a=1.12), ms.LennardJones(outer=2.5))
    for call, message in (
        (lambda: beam_moduli(ms.QuasiHarmonic(chain)), r"material: .* in 1 dimension"),
        (lambda: beam_moduli(copper, -1.0), "temperature: must be at least 0"),
        (lambda: beam_moduli(copper, reference=-1.0), "reference: .*must be at least 0"),
        (lambda: beam_moduli(copper, direction=[0.0, 0.0, 0.0]), "direction: expected three finite numbers"),
        (lambda: beam_moduli(copper, transverse=[0.0, 1.0, 1.0]), "transverse: expected a direction across"),
        (lambda: directional_moduli(cubic(C11, C12, C44), [0.0, 1.0]), "direction: expected three"),
        (lambda: expanded_beam(circle(2.0), -3.0, law(jnp.array(1.0))), "length: expected one positive"),
        (lambda: frequency_coefficient(lambda t: Beam(1.0, t), jnp.ones(2)), "temperature: expected one finite"),
        (lambda: frequency_coefficient(lambda t: Beam(1.0, t), 1.0, 0), "count: expected 1 to"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


# -- copper ------------------------------------------------------------------------------------------------------------

TEMPERATURES, STEP, STEP_XI = (300.0, 600.0, 900.0), 1.0, 1e-3
COLLAPSED = 10.0  # atoms that bind so much have no phonons near the lattice given


def bound(copper, xi):
    return eqx.tree_at(lambda m: m.material.potential.xi, copper, xi)


@pytest.fixture(scope="module")
def lanes(copper):
    """One program: values and one derivative each, over temperatures, a potential's parameter, and two that fail."""
    xi = float(copper.material.potential.xi)

    def at(t, x, dt, dx):
        def moduli(t, x):
            found = beam_moduli(bound(copper, x), t, throw=False)
            beam = expanded_beam(rectangle(100.0, 20.0), 1000.0, found, elements=4)
            return (found[:-1], beam.vibrate(1).frequencies[0]), found.status

        (values, f), (rates, df), status = jax.jvp(moduli, (t, x), (dt, dx), has_aux=True)
        return BeamModuli(*values, status), BeamModuli(*rates, status), df / f

    rows = [(t, xi, 1.0, 0.0) for t in TEMPERATURES]
    rows += [(600.0 - STEP, xi, 1.0, 0.0), (600.0 + STEP, xi, 1.0, 0.0)]
    rows += [(600.0, xi, 0.0, 1.0), (600.0, xi - STEP_XI, 0.0, 1.0), (600.0, xi + STEP_XI, 0.0, 1.0)]
    rows += [(600.0, COLLAPSED * xi, 0.0, 1.0), (-1.0, xi, 1.0, 0.0)]
    return jax.jit(jax.vmap(at))(*jnp.asarray(rows).T)


@pytest.mark.slow
def test_copper_at_temperature_against_phonopy(lanes, phonopy):
    """E, ν along [001] from its B, C′ and C44, and its volumes, all of the same potential."""
    found, rates, _ = lanes
    volume = np.asarray(phonopy["volume"])[1:]
    for n, constants in enumerate(phonopy["elastic"]):
        bulk, shear = phonopy["bulk_modulus"][n + 1], constants["Cprime"]
        c11, c12 = bulk + 4 / 3 * shear, bulk - 2 / 3 * shear
        E = (c11 - c12) * (c11 + 2 * c12) / (c11 + c12) * units.GPa
        assert abs(float(found.E[n]) / E - 1.0) < 1e-2
        assert abs(float(found.nu[n]) / (c12 / (c11 + c12)) - 1.0) < 1e-2
        assert abs(float(found.shear[n]) / (constants["C44"] * units.GPa) - 1.0) < 1e-2
    np.testing.assert_allclose(found.density[:3], phonopy["mass"] / volume, rtol=1e-3)
    np.testing.assert_allclose((1 + found.thermal_strain[:3]) ** 3 * found.density_factor[:3], 1.0, rtol=1e-12)
    growth = (np.asarray(found.thermal_strain[1:3]) - float(found.thermal_strain[0])) / (volume[1:] / volume[0] - 1)
    np.testing.assert_allclose(growth, 1 / 3, rtol=2e-2)
    alpha = rates.thermal_strain[:3] / (1 + found.thermal_strain[:3])
    np.testing.assert_allclose(3 * alpha, phonopy["volume_expansion"][1:], rtol=1e-2)


@pytest.mark.slow
def test_derivatives_in_temperature_and_the_potential(lanes):
    found, rates, _ = lanes
    for name in ("E", "nu", "shear", "thermal_strain", "density"):
        value, rate = np.asarray(getattr(found, name)), np.asarray(getattr(rates, name))
        np.testing.assert_allclose(rate[1], (value[4] - value[3]) / (2 * STEP), rtol=1e-4)
        np.testing.assert_allclose(rate[5], (value[7] - value[6]) / (2 * STEP_XI), rtol=1e-3)
    np.testing.assert_allclose(found.E[5], found.E[1], rtol=1e-12)


@pytest.mark.slow
def test_coefficient_of_a_copper_cantilever(lanes, phonopy):
    """½ d ln E/dT + ½ α of this potential; and of phonopy's constants 300 K either way."""
    found, rates, coefficient = lanes
    alpha = rates.thermal_strain / (1 + found.thermal_strain)
    np.testing.assert_allclose(coefficient[:5], (0.5 * rates.E / found.E + 0.5 * alpha)[:5], rtol=1e-9)
    E = []
    for bulk, constants in zip(phonopy["bulk_modulus"][1:], phonopy["elastic"], strict=True):
        E.append(
            6 * constants["Cprime"] / (2 + 2 / 3 * constants["Cprime"] / bulk)
        )  # (C11 − C12)(C11 + 2 C12)/(C11 + C12)
    expected = 0.5 * (E[2] - E[0]) / 600.0 / E[1] + phonopy["volume_expansion"][2] / 6
    assert abs(float(coefficient[1]) / expected - 1.0) < 2e-2
    assert np.isnan(coefficient[8:]).all()


@pytest.mark.slow
def test_members_that_fail_are_nan_and_leave_the_others_alone(lanes):
    found, rates, _ = lanes
    assert found.status.code[:8].tolist() == [Code.CONVERGED] * 8
    assert all(found.status.failed[8:])
    for name in found._fields[:-1]:
        for values in (getattr(found, name), getattr(rates, name)):
            assert np.isnan(values).tolist() == [False] * 8 + [True] * 2


@pytest.mark.slow
def test_a_copper_beam_counted_from_room_temperature(copper, phonopy):
    """One call with a reference, and the frequency that a beam of it has: (α₁/L)² √(EI/ρA)/2π."""
    found = beam_moduli(copper, 600.0, reference=300.0)
    stretch = (phonopy["volume"][2] / phonopy["volume"][1]) ** (1 / 3)
    np.testing.assert_allclose(found.thermal_strain, stretch - 1, rtol=1e-2)
    beam = expanded_beam(rectangle(100.0, 20.0), 1000.0, found)
    frequency = float(beam.vibrate(1).frequencies[0]) / units.THz
    h, L = 20.0 * stretch, 1000.0 * stretch
    expected = 1.87510406871196**2 / (2 * np.pi) * h / L**2 * np.sqrt(float(found.E) / float(found.density) / 12)
    np.testing.assert_allclose(frequency, expected / units.THz, rtol=1e-3)
    with pytest.raises(SolveError, match="moduli at a temperature"):
        beam_moduli(bound(copper, COLLAPSED * copper.material.potential.xi), 600.0)
