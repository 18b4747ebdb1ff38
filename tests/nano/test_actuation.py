"""Actuators against boundary-value problems of the continuous beam, plates on springs, and a string's closed form."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import solve_bvp
from scipy.optimize import minimize_scalar

from msjax import units
from msjax.nano import Actuator, Beam, rectangle
from msjax.status import Code

N = 32


def actuator(support="cantilever", fringe=0.0, **beam):
    return Actuator(Beam(1.0, 1.0, support=support, elements=N, **beam), 1.0, 1.0, fringe, 1.0)


def continuous(support, closed, fringe=0.0, tension=0.0, shear=0.0, vibrating=False):
    """β where the tip (middle) of the continuous beam closes a given part of the gap.

    u′ = θ − s θ″, (1 + N s) θ‴ − N θ′ = ½ β [(1 − u)⁻² + c/(1 − u)] with s = 1/(kGA); with it the square of the lowest
    angular frequency about that deflection.
    """
    bridge = support == "bridge"

    def beam(w, load):
        return [w[1] - shear * w[3], w[2], w[3], (load + tension * w[2]) / (1 + tension * shear)]

    def slopes(x, y, p):
        h = 1 - y[0]
        found = beam(y[:4], p[0] * (1 / h**2 + fringe / h))
        if vibrating:
            found += beam(y[4:], (p[1] + p[0] * (2 / h**3 + fringe / h**2)) * y[4])
        return np.vstack(found)

    def ends(a, b, p):
        found = []
        for n, at_end in ((0, closed), (4, 1.0))[: 2 if vibrating else 1]:
            found += [a[n], a[n + 1], b[n] - at_end]
            found += [b[n + 1], b[n + 3]] if bridge else [b[n + 2], b[n + 3] - tension * (b[n + 1] - shear * b[n + 3])]
        return np.array(found)

    x = np.linspace(0.0, 0.5 if bridge else 1.0, 41)
    shape = 16 * (x * (1 - x)) ** 2 if bridge else x**2 * (6 - 4 * x + x**2) / 3
    guess = [f * shape if k == 0 else 0 * x for f in ((closed, 1.0) if vibrating else (closed,)) for k in range(4)]
    parameters = [closed * (120 if bridge else 3)] + [400.0 if bridge else 10.0] * vibrating
    found = solve_bvp(slopes, ends, x, np.vstack(guess), p=parameters, tol=1e-9, max_nodes=100000)
    assert found.success, found.message
    return (2 * found.p[0], found.p[1]) if vibrating else 2 * found.p[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("support", "fringe", "tension", "shear", "rtol"),
    [
        ("cantilever", 0.0, 0.0, 0.0, 1e-5),
        ("cantilever", 0.4, 5.0, 0.0, 1e-5),
        ("cantilever", 0.4, 5.0, 0.01, 1e-4),  # of the order n⁻², without shear n⁻⁴
        ("bridge", 0.0, 0.0, 0.0, 1e-5),
        ("bridge", 0.4, -20.0, 0.0, 1e-5),
    ],
)
def test_the_continuous_beam(support, fringe, tension, shear, rtol):
    """The fold, an equilibrium below and the frequency about it; β = ε b V² L⁴/(EI g³) is V² here."""
    given = fringe, tension, shear
    path = minimize_scalar(
        lambda c: -continuous(support, c, *given), bounds=(0.2, 0.7), method="bounded", options={"xatol": 1e-6}
    )
    own = actuator(support, fringe, tension=tension, shear_flexibility=shear)
    found = own.pull_in()
    np.testing.assert_allclose(found.voltage**2, -path.fun, rtol=rtol)
    np.testing.assert_allclose(found.deflection, path.x, rtol=rtol)
    squared, omega = continuous(support, 0.3, *given, vibrating=True)
    np.testing.assert_allclose(own.deflect(squared**0.5).w[own.beam.loaded], 0.3, rtol=rtol)
    np.testing.assert_allclose(own.vibrate(squared**0.5, 1).squared[0], omega, rtol=2 * rtol)


@pytest.mark.slow
def test_an_electrode_under_one_half():
    """Beyond it the cantilever is straight, and its tip may pass the electrode's height."""
    whole = actuator().pull_in()
    width = jnp.where(np.arange(N) < N // 2, 1.0, 0.0)
    half = Actuator(Beam(2.0, 1.0, elements=N), 1.0, width, 0.0, 1.0)
    np.testing.assert_allclose(half.pull_in().voltage, whole.voltage, rtol=1e-6)
    assert float(half.pull_in().deflection) > 1.0
    bent = half.deflect(0.999 * whole.voltage)
    assert float(bent.w[-1]) > 1.0
    np.testing.assert_allclose(bent.w[N // 2], actuator().deflect(0.999 * whole.voltage).w[-1], rtol=1e-5)
    np.testing.assert_allclose(bent.w[N // 2 :], bent.w[N // 2] + bent.rotation[-1] * (bent.x[N // 2 :] - 1), rtol=1e-9)


@pytest.mark.slow
def test_a_rigid_plate_between_two_flexures():
    """Guided flexures, 12 EI/l³ each: pull-in at g/3 and √(8 k g³/(27 ε A)); the plate moves as √((k − εAV²/h³)/M)."""
    plate = abs(np.arange(N) - 0.5 * (N - 1)) < N / 4
    width, bending, mass = (jnp.where(plate, *each) for each in ((0.6, 0.0), (3e5, 3.0), (2.0, 1e-7)))
    own = Actuator(Beam(1.0, bending, mass, support="bridge", elements=N), 0.2, width, 0.0, 1.3)
    k, area, heavy, g, eps = 2 * 12 * 3.0 / 0.25**3, 0.6 * 0.5, 2.0 * 0.5, 0.2, 1.3
    found = own.pull_in()
    np.testing.assert_allclose(found.voltage, np.sqrt(8 * k * g**3 / (27 * eps * area)), rtol=1e-4)
    np.testing.assert_allclose(found.deflection, g / 3, rtol=1e-4)
    w = 0.2 * g
    voltage = np.sqrt(2 * k * w * (g - w) ** 2 / (eps * area))
    np.testing.assert_allclose(own.deflect(-voltage).w[N // 2], w, rtol=5e-4)  # the plate bends a little
    softened = (k - eps * area * voltage**2 / (g - w) ** 3) / heavy
    np.testing.assert_allclose(own.vibrate(voltage, 1).squared[0], softened, rtol=5e-4)


def test_a_string():
    """A beam that only shears: kGA w″ = −p, and β kGA⁻¹ = 4m [√(1 − m) + m arcosh(m^−½)]² with the least gap m."""

    def negative(m):
        return -4 * m * (np.sqrt(1 - m) + m * np.arccosh(m**-0.5)) ** 2

    exact = minimize_scalar(negative, bounds=(0.4, 0.8), method="bounded", options={"xatol": 1e-9})
    found = actuator("bridge", shear_flexibility=1e4).pull_in()
    np.testing.assert_allclose(found.voltage**2 * 1e4, -exact.fun, rtol=2e-3)  # linear elements
    np.testing.assert_allclose(found.deflection, 1 - exact.x, rtol=2e-3)


def test_scales_and_units():
    """V² ~ EI g³/(ε b L⁴) with c b/g kept; silicon in SI and in eV, Å and amu."""
    plain = actuator(fringe=0.65).pull_in()
    beam = Beam(3.0, 2.0, elements=N)
    scaled = Actuator(beam, 0.1, 0.7, 0.65 * 7.0, 0.3).pull_in()
    np.testing.assert_allclose(scaled.voltage / plain.voltage, np.sqrt(2.0 * 0.1**3 / (0.3 * 0.7 * 3.0**4)), rtol=1e-8)
    np.testing.assert_allclose(scaled.deflection / plain.deflection, 0.1, rtol=1e-8)
    nm = 1e-9
    si = Beam.of(rectangle(200 * nm, 50 * nm), 130e9, 2330.0, 2000 * nm, elements=N)
    section = rectangle(200 * units.nm, 50 * units.nm)
    atomic = Beam.of(section, 130 * units.GPa, 2.33 * units.g_per_cm3, 2000 * units.nm, elements=N)
    in_si = Actuator(si, 100 * nm, 200 * nm, 0.65, 8.8541878128e-12).pull_in()
    in_atomic = Actuator(atomic, 100 * units.nm, 200 * units.nm, 0.65).pull_in()
    np.testing.assert_allclose(in_atomic.voltage, in_si.voltage, rtol=1e-8)
    np.testing.assert_allclose(in_atomic.deflection / units.m, in_si.deflection, rtol=1e-8)


@pytest.mark.slow
def test_the_frequency_falls_to_zero_at_pull_in():
    own = actuator()
    limit = own.pull_in().voltage
    assert float(own.vibrate(0.0, 1).squared[0]) == float(own.beam.vibrate(1).squared[0])
    np.testing.assert_array_equal(own.deflect(0.0).w, 0.0)
    softening = []
    for below in (1e-3, 1e-4, 1e-5, 1e-6):
        softening.append(float(own.vibrate(limit * np.sqrt(1.0 - below), 1).squared[0]))
    # by √10 for each decade, the better the nearer
    np.testing.assert_array_less(np.abs(np.diff(np.log10(softening)) + 0.5), [0.02, 0.007, 0.003])


def test_beyond_pull_in_and_beyond_buckling_there_is_nothing():
    own = actuator()
    limit = float(own.pull_in().voltage)
    assert bool(own.deflect(limit * (1 - 1e-6)).status.ok)
    for voltage in (limit * (1 + 1e-6), 1.2 * limit, 30.0 * limit):
        found, modes = own.deflect(voltage), own.vibrate(voltage, 1)
        assert int(found.status.code) == int(modes.status.code) == Code.SINGULAR
        assert np.all(np.isnan(found.w))
        assert np.isnan(modes.frequencies[0])
    for tension in (-39.5, -45.0, -200.0):  # Euler: 4π² = 39.48
        buckled = actuator("bridge", tension=tension)
        found = buckled.pull_in()
        assert int(found.status.code) == int(buckled.deflect(0.1).status.code) == Code.SINGULAR
        assert np.isnan(found.voltage)
    assert bool(actuator("bridge", tension=-39.4).pull_in().status.ok)


GOOD = jnp.array([1.1, 1.3, 0.9, 0.8, 0.65, 1.2, 0.5, 4.0])


def pulled(p):
    """Length, EI, gap, width, fringe, permittivity, tension, and a voltage that is not of the actuator."""
    return Actuator(Beam(p[0], p[1], tension=p[6], support="bridge", elements=4), p[2], p[3], p[4], p[5])


@jax.jit
@partial(jax.value_and_grad, has_aux=True)
def kept(p):
    """A sum of results, 0 where a solve failed; what it was then, the codes of pull-in and vibration, and pull-in."""
    limit, modes = pulled(p).pull_in(), pulled(p).vibrate(p[7], 1)
    result = limit.voltage + 2.0 * limit.deflection + 3.0 * modes.frequencies[0]
    codes = jnp.stack([limit.status.code, modes.status.code])
    return jnp.where(limit.status.ok & modes.status.ok, result, 0.0), (result, codes, limit[:2])


@pytest.mark.slow
def test_derivatives():
    """Of pull-in's voltage and deflection and of the frequency under bias, in all numbers."""
    gradient, errors = kept(GOOD)[1], []
    for step in 10.0 ** -np.arange(1.0, 9.0):
        differences = [(kept(GOOD + d)[0][0] - kept(GOOD - d)[0][0]) / (2 * step) for d in step * jnp.eye(8)]
        errors.append(float(jnp.max(jnp.abs(jnp.stack(differences) - gradient))))
    best = int(np.argmin(errors))
    assert errors[best] < 1e-7
    assert errors[0] > 1e3 * errors[best]  # a V
    assert errors[-1] > 10 * errors[best]


BAD = {"gap": (2, -1.0), "width": (3, np.inf), "tension": (6, -100.0), "voltage": (7, 100.0)}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "limit", "modes"),
    [
        ("gap", Code.NONFINITE, Code.NONFINITE),
        ("width", Code.NONFINITE, Code.NONFINITE),
        ("tension", Code.SINGULAR, Code.SINGULAR),
        ("voltage", Code.CONVERGED, Code.SINGULAR),
    ],
)
def test_a_failed_solve_says_so_and_passes_nothing_on(name, limit, modes):
    (value, (result, codes, _)), gradient = kept(GOOD.at[BAD[name][0]].set(BAD[name][1]))
    assert codes.tolist() == [limit, modes]
    assert np.isnan(result)
    np.testing.assert_array_equal(jnp.append(gradient, value), 0.0)


@pytest.mark.slow
def test_bad_members_harm_no_other():
    members = jnp.stack([GOOD, *(GOOD.at[at].set(x) for at, x in BAD.values()), 1.1 * GOOD])
    found = jax.jit(jax.vmap(lambda p: pulled(p).pull_in()))(members)
    assert found.status.failed.tolist() == [False, True, True, True, False, False]
    assert np.isnan(found.voltage).tolist() == np.isnan(found.deflection).tolist() == found.status.failed.tolist()
    for n in (0, 5):
        np.testing.assert_allclose([found.voltage[n], found.deflection[n]], kept(members[n])[0][1][2], rtol=1e-9)


def test_mistakes_are_named():
    beam = Beam(1.0, 1.0, elements=2)
    with pytest.raises(ValueError, match="gap: expected one positive number, got 0.0"):
        Actuator(beam, 0.0, 1.0)
    with pytest.raises(ValueError, match="width: expected positive numbers or 0, got -1 in element 1"):
        Actuator(beam, 1.0, jnp.array([1.0, -1.0]))
    with pytest.raises(ValueError, match="width: expected an electrode somewhere, got 0 in all elements"):
        Actuator(beam, 1.0, 0.0)
    with pytest.raises(ValueError, match="fringe: expected 0 or more, got -1"):
        Actuator(beam, 1.0, 1.0, -1.0)
    with pytest.raises(ValueError, match="permittivity: expected one positive number"):
        Actuator(beam, 1.0, 1.0, permittivity=0.0)
    with pytest.raises(ValueError, match="support: an actuator needs a cantilever or a bridge"):
        Actuator(Beam(1.0, 1.0, support="free"), 1.0, 1.0)
    with pytest.raises(ValueError, match="Young–Laplace cantilever has no energy"):
        Actuator(Beam(1.0, 1.0, residual="young_laplace"), 1.0, 1.0)
    with pytest.raises(ValueError, match="voltage: expected one finite number"):
        Actuator(beam, 1.0, 1.0).deflect(np.nan)
    with pytest.raises(ValueError, match="count: expected 1 to 4, got 5"):
        Actuator(beam, 1.0, 1.0).vibrate(0.1, 5)
