"""The quasi-harmonic material and what stands on it: exact models, limits, laws, derivatives, failures."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax import units
from msjax.crystal.phonons.oscillator import HBAR
from msjax.crystal.setfl import read_setfl
from msjax.crystal.smooth_tables import SepticTable, has_cubic_tables
from msjax.crystal.spline import CubicTable
from msjax.status import Code, SolveError

STIFFNESS = 1.7


def springs(temperature=300.0, points=64, **options):
    chain = ms.CauchyBorn(ms.bulk("X", "chain", a=1.0), ms.Springs(stiffness=[STIFFNESS], length=[1.0]))
    return ms.QuasiHarmonic(chain, temperature, points, **options)


def chain(temperature=300.0, points=8, **options):
    """Lennard-Jones in one dimension: nearest and second neighbours."""
    base = ms.CauchyBorn(ms.bulk("X", "chain", a=1.12), ms.LennardJones(outer=2.5, inner=1.9))
    return ms.QuasiHarmonic(base, temperature, points, **options)


def copper(temperature=300.0, points=4, **options):
    return ms.QuasiHarmonic(
        ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.63), ms.EAM.gupta("Cu")), temperature, points, **options
    )


def silicon(temperature=300.0, points=2):
    return ms.QuasiHarmonic(ms.CauchyBorn(ms.bulk("Si", "diamond", a=5.431), ms.StillingerWeber()), temperature, points)


# -- closed forms ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_zero_point_energy_of_the_chain():
    """ħ√(K/m) ⟨|sin πq|⟩ = (2/π) ħ√(K/m) per atom, with the mesh's second-order error."""
    exact = HBAR * np.sqrt(STIFFNESS) * 2.0 / np.pi
    errors = []
    for points in (64, 128):
        found = ms.thermal.properties(springs(0.0, points))
        errors.append(float(found.free_energy) / exact - 1.0)
        assert float(found.heat_capacity) == 0.0
        assert float(found.entropy) == 0.0
        assert float(found.energy) == float(found.free_energy)
    assert abs(errors[1]) < 5e-4
    assert 3.9 < errors[0] / errors[1] < 4.1


def test_classical_free_energy_of_the_chain():
    """⟨ln 2 sin πq⟩ = 0 over the zone, and ln 2/n on a mesh of n points shifted by half a step: exactly."""
    points, t = 64, 300.0
    found = float(ms.thermal.properties(springs(t, points, quantum=False)).free_energy)
    kt = units.kB * t
    mesh = np.log(2.0) / (points // 2)
    assert abs(found / (kt * (np.log(HBAR * np.sqrt(STIFFNESS) / kt) + mesh)) - 1.0) < 1e-12


def test_heat_capacity_of_the_chain():
    """From Einstein functions over the band, and linear in T where it is cold: C = (π/3) k² T/(ħ√(K/m))."""
    rate = HBAR * np.sqrt(STIFFNESS) / units.kB  # K
    q = (np.arange(20000) + 0.5) / 20000
    for t in (0.05 * rate, 0.4 * rate, 3.0 * rate):
        x = rate / t * 2.0 * np.sin(np.pi * q)
        expected = np.mean((0.5 * x / np.sinh(0.5 * x)) ** 2)
        found = float(ms.thermal.properties(springs(t, 512)).heat_capacity) / units.kB
        assert abs(found / expected - 1.0) < 1e-3
    cold = float(ms.thermal.properties(springs(0.02 * rate, 512)).heat_capacity) / units.kB
    assert abs(cold / (np.pi / 3.0 * 0.02) - 1.0) < 1e-2


@pytest.mark.slow
def test_square_displacement_of_the_isotropic_simple_cubic_lattice():
    """Springs of no length make every direction a scalar lattice: ⟨u²⟩ = (kT/2K) 0.505462, Watson's integral."""
    base = ms.CauchyBorn(ms.bulk("X", "sc", a=1.0), ms.Springs(stiffness=[STIFFNESS], length=[1e-12], shells=[1.0]))
    hot = ms.QuasiHarmonic(base, 300.0, 16, quantum=False)
    expected = units.kB * 300.0 / (2.0 * STIFFNESS) * 0.5054620197
    found = ms.thermal.displacements(hot)
    np.testing.assert_allclose(found[0], expected * np.eye(3), atol=2e-3 * expected)
    np.testing.assert_allclose(ms.thermal.debye_waller(hot), 8.0 * np.pi**2 * found[0, 0, 0], rtol=1e-12)


# -- limits and laws ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_dulong_and_petit_and_the_third_law():
    t, material = jnp.array([0.0, 1.0, 20.0, 300.0, 3000.0]), copper()
    found = jax.jit(jax.vmap(lambda t: ms.thermal.properties(material, temperature=t)))(t)
    capacity, entropy = np.asarray(found.heat_capacity) / units.kB, np.asarray(found.entropy) / units.kB
    assert np.all(np.diff(capacity) >= 0)
    assert np.all(np.diff(entropy) >= 0)
    assert capacity[0] == entropy[0] == 0.0
    assert 2.995 < capacity[-1] < 3.0
    assert float(found.free_energy[0]) > 0  # the zero point's
    alpha = jax.jit(jax.vmap(lambda t: ms.thermal.expansion(material, temperature=t)))(t)
    assert np.all(np.asarray(alpha)[0] == 0.0)
    assert np.all(np.asarray(alpha)[2:, 0, 0] > 0)


@pytest.mark.slow
def test_entropy_and_heat_capacity_are_slopes_in_temperature():
    t, step = 180.0, 1e-2
    at = [ms.thermal.properties(copper(), 1.001 * np.eye(3), x) for x in (t - step, t, t + step)]
    np.testing.assert_allclose(at[1].entropy, -(at[2].free_energy - at[0].free_energy) / (2 * step), rtol=1e-7)
    np.testing.assert_allclose(at[1].heat_capacity, t * (at[2].entropy - at[0].entropy) / (2 * step), rtol=1e-7)
    np.testing.assert_allclose(at[1].heat_capacity, (at[2].energy - at[0].energy) / (2 * step), rtol=1e-7)
    np.testing.assert_allclose(at[1].energy, at[1].free_energy + t * at[1].entropy, rtol=1e-14)


def heavy(material, mass):
    return eqx.tree_at(lambda m: m.material.crystal.masses, material, jnp.array([mass]))


@pytest.mark.slow
def test_the_classical_limit():
    """Heavy atoms move classically (ħ → 0 with the masses), and what is left goes like 1/m: Wigner and Kirkwood."""
    apart = []
    for mass in (1e4, 2e4):
        pair = [heavy(chain(quantum=quantum), mass) for quantum in (True, False)]
        responses = [m.respond(1.01 * jnp.eye(1)) for m in pair]
        fixed = pair[0].material.respond(1.01 * jnp.eye(1)).stress[0, 0]
        apart.append(float((responses[0].stress - responses[1].stress)[0, 0] / (responses[1].stress[0, 0] - fixed)))
    assert abs(apart[1]) < 1e-2
    assert 1.9 < apart[0] / apart[1] < 2.1


@pytest.mark.slow
def test_the_classical_chain_has_gruneisens_thermal_stress():
    """Classically ∂P/∂T = −(k/V₀) Σ γ-like slopes: F_vib = kT ⟨ln ω⟩ makes P_vib = kT d⟨ln ω⟩/dF."""
    material = chain(300.0, 8, quantum=False)
    mesh = ms.crystal.phonons.mesh.zone_mesh(1, 8)
    gamma = ms.phonons.gruneisen(material.material, mesh.q, 1.01 * np.eye(1)).mode[:, 0]
    expected = -units.kB * 300.0 * float(jnp.sum(mesh.weights * gamma)) / 1.01 / 1.12
    thermal = material.respond(1.01 * jnp.eye(1)).stress - material.material.respond(1.01 * jnp.eye(1)).stress
    assert abs(float(thermal[0, 0]) / expected - 1.0) < 1e-10


# -- the material ------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_chain_keeps_every_claim():
    ms.check_material(chain(), size=0.005)


@pytest.mark.slow
def test_copper_keeps_every_claim():
    ms.check_material(copper(), size=0.004, parameters=False)


@pytest.mark.slow
def test_silicon_has_exact_stress_and_tangent_at_relaxed_shifts():
    """Shifts follow F: their part of P and A, against differences of W, and of W in a parameter."""
    material, rng = silicon(), np.random.default_rng(0)
    strain, along = np.eye(3) + 0.01 * rng.normal(size=(3, 3)), rng.normal(size=(3, 3))
    respond = jax.jit(lambda m, F: m.respond(F))
    here = respond(material, strain)
    clamped = respond(material, np.eye(3))
    assert float(jnp.max(jnp.abs(here.state))) > 1e-3 > float(jnp.max(jnp.abs(clamped.state)))
    step = 1e-5
    plus, minus = (respond(material, strain + s * step * along) for s in (1, -1))
    np.testing.assert_allclose(jnp.sum(here.stress * along), (plus.energy - minus.energy) / (2 * step), rtol=1e-6)
    expected = (plus.stress - minus.stress) / (2 * step)
    found = jnp.einsum("iJkL,kL->iJ", here.tangent, along)
    np.testing.assert_allclose(found, expected, atol=1e-7 * float(jnp.max(jnp.abs(here.tangent))))


@pytest.mark.slow
def test_temperature_comes_from_the_inputs_or_the_material():
    material, F = chain(300.0), jnp.eye(1)
    given = material.respond(F, None, ms.Inputs(temperature=500.0))
    assert float(given.energy) == float(chain(500.0).respond(F).energy) == float(material.at(500.0).respond(F).energy)
    assert float(given.energy) != float(material.respond(F).energy)


@pytest.mark.slow
def test_where_a_phonon_is_soft_there_is_no_free_energy():
    """Stretched beyond its ideal strength the chain fails, and leaves the others of its batch alone."""
    material = chain()
    strains = jnp.array([1.0, 1.2, 1.01]).reshape(3, 1, 1)
    batch = jax.jit(jax.vmap(material.respond))(strains)
    assert batch.status.code.tolist() == [Code.CONVERGED, Code.NONFINITE, Code.CONVERGED]
    for field in (batch.energy, batch.stress, batch.tangent):
        assert np.isnan(field).reshape(3, -1).all(axis=1).tolist() == [False, True, False]
    np.testing.assert_allclose(batch.tangent[2], material.respond(strains[2]).tangent, rtol=1e-12)

    def masked(x):
        w = jax.vmap(lambda F: material.respond(F + x).energy)(strains)
        return jnp.sum(jnp.where(jnp.isnan(w), 0.0, w))

    assert np.isfinite(jax.jit(jax.grad(masked))(0.0))
    with pytest.raises(SolveError, match="thermal properties: NONFINITE"):
        ms.thermal.properties(material, 1.2 * np.eye(1))
    cold = jax.jit(lambda t: material.respond(jnp.eye(1), None, ms.Inputs(temperature=t)))(-1.0)
    assert int(cold.status.code) == Code.NONFINITE
    assert np.isnan(cold.energy)


# -- equilibrium -------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_equilibrium_expands_and_says_so_by_its_derivative():
    """The minimum of F over the cell: no stress there, and dU/dT is the tensor of expansion."""
    material = copper()

    def stretch_at(t):
        found = ms.thermal.equilibrium(material, t)
        return found.stretch[0, 0], found

    @jax.jit
    def at(t):
        return jax.jvp(stretch_at, (t,), (jnp.ones(()),), has_aux=True)

    t = jnp.array(300.0)
    stretch, rate, found = at(t)
    scale = 140.0 * units.GPa
    assert float(jnp.max(jnp.abs(found.material.respond(jnp.eye(3)).stress))) < 1e-9 * scale
    alpha = ms.thermal.expansion(found.material)
    np.testing.assert_allclose(alpha, rate / stretch * np.eye(3), atol=1e-8 * float(rate))
    numeric = (at(t + 0.5)[0] - at(t - 0.5)[0]) / 1.0
    assert abs(float(rate) / float(numeric) - 1.0) < 1e-6
    isothermal, adiabatic = (
        f(found.material) for f in (ms.thermal.isothermal_stiffness, ms.thermal.adiabatic_stiffness)
    )
    # C_p − C_v = 9 α² B V T per atom, and B_S/B_T = C_p/C_v
    v = float(found.volume_per_atom)
    c_v = float(ms.thermal.properties(found.material).heat_capacity)
    bulk = float(jnp.sum(isothermal[:3, :3])) / 9.0
    c_p = c_v + 9.0 * float(alpha[0, 0]) ** 2 * bulk * v * 300.0
    assert abs(float(jnp.sum(adiabatic[:3, :3])) / 9.0 / bulk / (c_p / c_v) - 1.0) < 1e-9
    np.testing.assert_allclose(adiabatic[3:, 3:], isothermal[3:, 3:], atol=1e-12)

    # c_p by differences of the enthalpy (here the energy) along the equilibria
    def energy(t):
        found = at(t)[2]
        return ms.thermal.properties(found.material).energy + static(found)

    def static(found):
        return found.material.material.respond(jnp.eye(3)).energy * found.volume_per_atom

    assert abs(float(energy(t + 0.5) - energy(t - 0.5)) / c_p - 1.0) < 1e-6


@pytest.mark.slow
def test_equilibrium_is_differentiable_in_the_potential():
    material = chain(60.0)

    def length(epsilon):
        changed = eqx.tree_at(lambda m: m.material.potential.epsilon, material, epsilon)
        return ms.thermal.equilibrium(changed, throw=False).volume_per_atom

    one = jnp.array(1.0)
    forward, reverse = jax.jit(jax.jacfwd(length))(one), jax.jit(jax.grad(length))(one)
    numeric = (length(one + 1e-5) - length(one - 1e-5)) / 2e-5
    assert abs(float(reverse) / float(numeric) - 1.0) < 1e-7
    assert abs(float(reverse) / float(forward) - 1.0) < 1e-10


@pytest.mark.slow
def test_no_equilibrium_is_said():
    with pytest.raises(SolveError, match="thermal equilibrium"):
        ms.thermal.equilibrium(chain(60.0), 1e5)
    assert np.isnan(ms.thermal.equilibrium(chain(60.0), 1e5, throw=False).volume_per_atom)


# -- tables ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_tables_of_degree_seven_follow_the_function_and_its_derivatives():
    x = 0.05 * np.arange(80)
    table = SepticTable.through(CubicTable.fit(0.0, 0.05, np.sin(x), below="linear", above="zero"))
    at = jnp.asarray(np.random.default_rng(0).uniform(0.3, 3.5, 50))
    exact = [np.sin(at), np.cos(at), -np.sin(at), -np.cos(at), np.sin(at)]
    function = table
    for order, expected in enumerate(exact):
        np.testing.assert_allclose(function(at), expected, atol=10.0 ** (order - 10))
        function = lambda y, f=function: jax.jvp(f, (y,), (jnp.ones_like(y),))[1]  # noqa: E731
    np.testing.assert_allclose(table.derivatives(at)[2], exact[2], atol=1e-8)
    np.testing.assert_allclose(table(jnp.array([-0.2, 5.0])), [-0.2, 0.0], atol=1e-9)


@pytest.mark.slow
def test_a_file_is_smoothed_before_its_fourth_derivative_is_asked_for(potential_file):
    path = potential_file("Cu_mishin1.eam.alloy")
    cubic = ms.EAM.setfl(path)
    smooth = ms.smoothed(cubic)
    assert has_cubic_tables(cubic)
    assert not has_cubic_tables(smooth)
    crystal = ms.bulk("Cu", "fcc", a=read_setfl(path).lattice_constants[0])
    with pytest.raises(ValueError, match=r"cubic splines.*msjax.smoothed"):
        ms.QuasiHarmonic(ms.CauchyBorn(crystal, cubic))
    before, after = (ms.CauchyBorn(crystal, p).respond(1.01 * np.eye(3)) for p in (cubic, smooth))
    np.testing.assert_allclose(after.energy, before.energy, rtol=1e-9)
    np.testing.assert_allclose(after.tangent, before.tangent, atol=1e-4 * float(jnp.max(before.tangent)))


def test_bad_arguments_are_named():
    base = chain().material
    for arguments, message in (
        ((base, -1.0), "temperature: must be at least 0"),
        ((base, 300.0, 7), "points: expected an even number"),
        ((base, [1.0, 2.0]), "temperature: expected one number"),
    ):
        with pytest.raises(ValueError, match=message):
            ms.QuasiHarmonic(*arguments)
    with pytest.raises(ValueError, match="above 0 in the classical form"):
        ms.QuasiHarmonic(base, 0.0, quantum=False)
    clamped = ms.CauchyBorn(ms.bulk("Si", "diamond", a=5.43), ms.StillingerWeber(), inner="clamped")
    with pytest.raises(ValueError, match="clamped"):
        ms.QuasiHarmonic(clamped)
    with pytest.raises(ValueError, match="infinite in 1 dimension"):
        ms.thermal.displacements(chain())
    with pytest.raises(ValueError, match="springs hold"):
        ms.thermal.equilibrium(springs())
