"""Ideal strength and Bain's path: closed forms, LAMMPS's curves, an own energy with scipy's optimizers."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import optimize

import msjax as ms
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.equilibrium import equilibrium
from msjax.crystal.strength import Bain, Path, Shear, Stretch, Tension, Triaxial, follow, ideal_strength
from msjax.status import Code, SolveError

GROMACS_A0 = 1.546366416


@pytest.fixture(scope="module")
def argon():
    return CauchyBorn(ms.bulk("X", "fcc", GROMACS_A0), ms.LennardJones())


@pytest.fixture(scope="module")
def chain():
    return CauchyBorn(ms.bulk("X", "chain", a=1.0), ms.Morse(1.0, 6.0, 1.0, inner=1.5, outer=1.9))


@pytest.fixture(scope="module")
def copper():
    return equilibrium(CauchyBorn(ms.bulk("Cu", "fcc", 3.615), ms.EAM.gupta("Cu"), strain_margin=0.3)).material


@pytest.mark.slow
def test_chain_in_closed_form(chain):
    """φ′ of Morse peaks at r₀ + ln 2/α with αD/2; gradients in D and α; a batch with a member that fails."""
    found = ideal_strength(chain, Tension((1.0,)), 0.3)
    assert float(found.stress) == pytest.approx(3.0, rel=1e-12)
    assert float(found.strain) == pytest.approx(np.log(2.0) / 6.0, rel=1e-10)
    assert found.status.code == Code.CONVERGED
    # the long waves of a chain of nearest neighbours soften where the force peaks: no earlier
    assert float(found.critical.lattice) > float(found.strain) * (1.0 - 1e-5)
    assert not bool(found.unstable_first)

    def strength(depth, alpha, upper=0.3):
        changed = eqx.tree_at(lambda m: (m.potential.depth, m.potential.alpha), chain, (depth, alpha))
        result = ideal_strength(changed, Tension((1.0,)), upper, stability=False, throw=False)
        return result.stress, result.strain, result.status.code

    one, six = jnp.array(1.0), jnp.array(6.0)
    by_depth, by_alpha = jax.jit(jax.jacrev(lambda d, a: jnp.stack(strength(d, a)[:2]), argnums=(0, 1)))(one, six)
    np.testing.assert_allclose(by_depth, [3.0, 0.0], atol=1e-9)
    np.testing.assert_allclose(by_alpha, [0.5, -np.log(2.0) / 36.0], rtol=1e-9)

    alphas = jnp.array([6.0, 2.0, 5.0])  # the second one's peak, at 0.35, is not reached
    stress, strain, code = jax.jit(jax.vmap(lambda a: strength(one, a)))(alphas)
    assert code.tolist() == [Code.CONVERGED, Code.MAX_STEPS, Code.CONVERGED]
    assert np.isnan(stress[1])
    np.testing.assert_allclose(stress[np.array([0, 2])], [3.0, 2.5], rtol=1e-10)

    def total(d):
        stress, _, code = jax.vmap(lambda a: strength(d, a))(alphas)
        return jnp.sum(jnp.where(code <= Code.UNSTABLE, stress, 0.0))

    assert jax.jit(jax.grad(total))(one) == pytest.approx(5.5, rel=1e-9)
    with pytest.raises(SolveError, match="MAX_STEPS"):
        ideal_strength(chain, Tension((1.0,)), 0.1)


def peak_of_table(entry, component):
    """Stress and strain at the first maximum of a table, by the quartic through five samples around it."""
    rows = entry["table"]
    strain = np.array([row["e"] for row in rows])
    stress = np.array([component(np.array(row["sig"]), np.array(row["F"])) for row in rows])
    at = int(np.argmax(stress))
    assert 2 <= at < len(rows) - 2
    near = slice(at - 2, at + 3)
    curve = np.polynomial.Polynomial.fit(strain[near], stress[near], 4)
    best = optimize.minimize_scalar(lambda x: -curve(x), bounds=(strain[at - 1], strain[at + 1]), method="bounded")
    return -best.fun, best.x


S, M = np.array([1.0, 1.0, -2.0]) / 6**0.5, np.array([1.0, 1.0, 1.0]) / 3**0.5


@pytest.mark.slow
def test_lammps_uniaxial_strain_and_tetragonal_tension(argon, reference):
    entry = reference("stability")["LJ_gromacs_2.5_3.5"]
    along = ((1.0, 0.0, 0.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    strain = Path(lambda t: jnp.diag(jnp.stack([1.0 + t, 1.0 + 0.0 * t, 1.0 + 0.0 * t])), component=along)
    found = ideal_strength(argon, strain, 0.3, steps=30, stability=False)
    stress, at = peak_of_table(entry["uniaxial_strain_100"], lambda s, _: s[0, 0])
    assert float(found.stress) == pytest.approx(stress, rel=2e-5)
    assert float(found.strain) == pytest.approx(at, abs=2e-4)
    for row, value in zip(entry["uniaxial_strain_100"]["table"][::5], found.path.stress[::5], strict=True):
        assert float(value) == pytest.approx(row["sig"][0][0], abs=1e-6)

    tension = Path(lambda t, x: jnp.diag(jnp.stack([1.0 + t, x[0], x[0]])), start=(1.0,), component=along)
    found = ideal_strength(argon, tension, 0.3, steps=30)
    stress, at = peak_of_table(entry["uniaxial_stress_100"], lambda s, _: s[0, 0])
    assert float(found.stress) == pytest.approx(stress, rel=2e-5)
    assert float(found.strain) == pytest.approx(at, abs=3e-4)
    assert np.max(np.abs(np.asarray(found.peak.cauchy)[1:, 1:])) < 1e-8
    assert bool(found.unstable_first)
    # LAMMPS with phonopy's convention on an 8³ grid, and a search over directions, along the same path
    table = entry["uniaxial_stress_100"]
    assert float(found.critical.continuum) == pytest.approx(table["ellipticity_loss_strain"], rel=0.005)
    assert (
        float(found.critical.lattice) <= min(table["first_soft_phonon_strain"], float(found.critical.continuum)) + 1e-4
    )


@pytest.mark.slow
@pytest.mark.parametrize("key", ["LJ_gromacs_2.5_3.5", "EAM_Cu_mishin1"])
def test_lammps_simple_shear(key, argon, reference, potential_file):
    """Twinning shear: the peak of the resolved Cauchy stress, and whether a phonon comes first."""
    entry = reference("stability")[key]["shear_[11-2](111)"]
    material = argon
    if key == "EAM_Cu_mishin1":
        material = CauchyBorn(ms.bulk("Cu", "fcc", 3.614925066), ms.EAM.setfl(potential_file("Cu_mishin1.eam.alloy")))
    loading = Shear((1.0, 1.0, 1.0), (1.0, 1.0, -2.0), relaxed=False)
    row = entry["table"][5]
    np.testing.assert_allclose(loading.deformation(jnp.array(row["e"]), jnp.zeros(0)), row["F"], atol=1e-12)
    found = ideal_strength(material, loading, 0.3, steps=30)
    stress, at = peak_of_table(entry, lambda s, _: S @ s @ M)
    unit = 1.0 if key != "EAM_Cu_mishin1" else ms.units.GPa
    assert float(found.stress) / unit == pytest.approx(stress, rel=2e-4)
    assert float(found.strain) == pytest.approx(at, abs=2e-3)
    assert bool(found.unstable_first)
    assert float(found.critical.continuum) == pytest.approx(entry["ellipticity_loss_strain"], rel=0.01)
    assert bool(found.critical.short_waves_first) == (
        entry["first_soft_phonon_strain"] < entry["ellipticity_loss_strain"]
    )


def own_energy(deformation):
    """LJ with the switch written out, per atom of the fcc lattice over its volume."""
    points = np.array(list(itertools.product(range(-8, 9), repeat=3)))
    points = GROMACS_A0 / 2 * points[(points.sum(axis=1) % 2 == 0) & np.any(points != 0, axis=1)]
    r = np.linalg.norm(points @ np.asarray(deformation).T, axis=1)
    r = r[r < 3.5]

    def force(x):
        return 4 * (-12 * x**-13 + 6 * x**-7)

    f, df, v = force(3.5), 4 * (156 * 3.5**-14 - 42 * 3.5**-8), 4 * (3.5**-12 - 3.5**-6)
    a, b = -3 * f + df, 2 * f - df
    x = np.maximum(r - 2.5, 0.0)
    phi = 4 * (r**-12 - r**-6) - v + f / 2 - df / 12 + x**3 * (a / 3 + b * x / 4)
    return 0.5 * np.sum(phi) / (GROMACS_A0**3 / 4)


def own_cauchy(deformation):
    """σ by central differences of the energy under small strains."""
    h, stress = 1e-4, np.zeros((3, 3))
    for i, j in itertools.combinations_with_replacement(range(3), 2):
        e = np.zeros((3, 3))
        e[i, j] += 0.5
        e[j, i] += 0.5
        change = (own_energy((np.eye(3) + h * e) @ deformation) - own_energy((np.eye(3) - h * e) @ deformation)) / (
            2 * h
        )
        stress[i, j] = stress[j, i] = change
    return stress / np.linalg.det(deformation)


@pytest.mark.slow
def test_relaxed_shear_against_scipy(argon):
    """⟨1-10⟩{111}, no mirror plane: five stresses to zero by scipy's root finder on differences of an own energy."""
    s, m = np.array([1.0, -1.0, 0.0]) / 2**0.5, np.array([1.0, 1.0, 1.0]) / 3**0.5
    frame = np.stack([s, m, np.cross(s, m)])
    loading = Shear((1, 1, 1), (1, -1, 0))

    def matrix(gamma, x):
        return frame.T @ np.array([[x[0], gamma * x[0], x[2]], [0, x[1], x[3]], [0, 0, x[4]]]) @ frame

    def rest(x, gamma):
        stress = frame @ own_cauchy(matrix(gamma, x)) @ frame.T
        return [stress[0, 0], stress[1, 1], stress[2, 2], stress[0, 2], stress[1, 2]]

    def shear_stress(gamma):
        x = optimize.root(rest, [1, 1, 0, 0, 1], args=(gamma,), tol=1e-9).x
        return (frame @ own_cauchy(matrix(gamma, x)) @ frame.T)[0, 1]

    found = ideal_strength(argon, loading, 0.3, steps=30, stability=False)
    gamma = float(found.strain)
    assert 0.05 < gamma < 0.29
    stress = frame @ np.asarray(found.peak.cauchy) @ frame.T
    stress[0, 1] = stress[1, 0] = 0.0
    assert np.max(np.abs(stress)) < 1e-7
    assert float(found.stress) == pytest.approx(shear_stress(gamma), rel=1e-5)
    best = optimize.minimize_scalar(
        lambda g: -shear_stress(g), bounds=(gamma - 0.03, gamma + 0.03), method="bounded", options={"xatol": 1e-5}
    )
    assert -best.fun == pytest.approx(float(found.stress), rel=1e-5)
    assert best.x == pytest.approx(gamma, abs=2e-3)


@pytest.mark.slow
@pytest.mark.parametrize(
    "loading",
    [Tension((1, 1, 1)), Tension((1, 1, 0)), Triaxial(), Stretch(((1, 0, 0.4), (0, 0, 0), (0.4, 0, 0)))],
    ids=lambda x: type(x).__name__,
)
def test_only_the_loads_stress_is_left(loading, argon):
    """σ ∝ n⊗n, σ ∝ 1, Biot stress ∝ H; and dW/dt is the conjugate stress."""
    t, h = 0.05, 1e-4
    path = follow(argon, loading, [0.0, 0.025, t, t - h, t + h])
    assert path.status.code.max() <= Code.UNSTABLE
    sigma, f, p = (np.asarray(x[2]) for x in (path.cauchy, path.deformation, path.first_piola))
    left = sigma if not isinstance(loading, Stretch) else 0.5 * (p + p.T)
    axis = np.asarray(loading.axis)
    size = np.vdot(left, axis) / np.vdot(axis, axis)
    assert size > 1.0
    np.testing.assert_allclose(left, size * axis, atol=1e-7 * size)
    assert float(path.energy[4] - path.energy[3]) / (2 * h) == pytest.approx(float(path.conjugate[2]), rel=1e-6)
    if isinstance(loading, Tension):
        n = np.array(loading.direction) / np.linalg.norm(loading.direction)
        np.testing.assert_allclose(f @ n, (1 + t) * n, atol=1e-12)
        assert float(path.conjugate[2]) == pytest.approx(float(n @ p @ n), rel=1e-12)


@pytest.mark.slow
def test_equitriaxial_peak_is_where_the_bulk_modulus_vanishes(argon):
    found = ideal_strength(argon, Triaxial(), 0.3, steps=30, stability=False)

    def pressure(t):
        return -np.trace(own_cauchy((1.0 + t) * np.eye(3))) / 3.0

    best = optimize.minimize_scalar(pressure, bounds=(0.02, 0.3), method="bounded", options={"xatol": 1e-7})
    assert float(found.stress) == pytest.approx(-best.fun, rel=1e-7)
    assert float(found.strain) == pytest.approx(best.x, abs=1e-4)


@pytest.mark.slow
def test_compression_counts_by_size(argon):
    """Along ⟨100⟩ in compression an fcc crystal meets Bain's barrier, a maximum of |σ| on the way to bcc."""
    material = CauchyBorn(argon.crystal, argon.potential, strain_margin=0.35)
    found = ideal_strength(material, Bain(relaxed="lateral"), -0.2, stability=False)
    assert float(found.stress) < 0.0
    assert -0.2 < float(found.strain) < 0.0
    path = follow(material, Bain(relaxed="lateral"), [float(found.strain) + x for x in (0.01, 0.0, -0.01)])
    assert float(path.stress[1]) < min(float(path.stress[0]), float(path.stress[2]))
    assert np.max(np.abs(np.asarray(path.cauchy)[:, :2, :2])) < 1e-8


@pytest.mark.slow
def test_bain_path_ends_in_bcc(copper):
    """c/a = 1 is the bcc crystal at its own equilibrium; both ends are stress-free."""
    bcc = equilibrium(CauchyBorn(ms.bulk("Cu", "bcc", 2.87), ms.EAM.gupta("Cu")))
    ratios = np.linspace(2.0**0.5, 1.0, 12)
    path = follow(copper, Bain(), ratios)
    assert path.status.code.max() <= Code.UNSTABLE
    energy = np.asarray(path.energy) * float(copper.crystal.volume)
    assert energy[-1] == pytest.approx(float(bcc.energy_per_atom), rel=1e-10)
    assert energy[0] == pytest.approx(float(equilibrium(copper).energy_per_atom), rel=1e-12)
    np.testing.assert_allclose(Bain().ratio(path.deformation), ratios, rtol=1e-12)
    np.testing.assert_allclose(np.trace(path.cauchy, axis1=1, axis2=2), 0.0, atol=1e-9)
    # by symmetry both ends are at rest altogether
    assert np.max(np.abs(np.asarray(path.cauchy)[[0, -1]])) < 1e-9
    volume = float(jnp.linalg.det(path.deformation[-1]) * copper.crystal.volume)
    assert volume == pytest.approx(float(bcc.volume_per_atom), rel=1e-8)
    # and from bcc one comes back to fcc
    back = follow(CauchyBorn(bcc.material.crystal, copper.potential, strain_margin=0.3), Bain("bcc"), ratios[::-1])
    again = np.asarray(back.energy)[::-1] * float(bcc.volume_per_atom)
    np.testing.assert_allclose(again, energy, rtol=1e-9)


@pytest.mark.slow
def test_stability_before_the_peak_follows_the_parameters():
    """d(critical strain)/dD of a relaxed path against differences: F depends on the parameters too."""
    sheet = CauchyBorn(ms.bulk("X", "triangular", 0.97), ms.Morse(1.0, 4.0, 1.0, inner=1.6, outer=2.2))
    loading = Tension((1.0, 0.0))

    def loss(alpha):
        changed = eqx.tree_at(lambda m: m.potential.alpha, sheet, alpha)
        return ideal_strength(changed, loading, 0.4, steps=20, grid=4, throw=False).critical.continuum

    compiled = jax.jit(jax.value_and_grad(loss))
    alpha, h = jnp.array(4.0), 1e-3
    slope = (float(compiled(alpha + h)[0]) - float(compiled(alpha - h)[0])) / (2 * h)
    assert np.isfinite(slope)
    assert float(compiled(alpha)[1]) == pytest.approx(slope, rel=1e-3)


def test_what_does_not_fit_is_refused(argon, chain):
    for wrong, message in (
        (lambda: Tension((0.0, 0.0, 0.0)), "direction: must be finite and not zero"),
        (lambda: Shear((1, 1, 1), (1, 0, 0)), "does not lie in the plane"),
        (lambda: Stretch(((1, 2), (3, 4))), "symmetric"),
        (lambda: Bain("hcp"), "parent"),
        (lambda: follow(chain, Tension((1, 0, 0)), [0.0]), "dimension 3, the material 1"),
        (lambda: follow(argon, Tension((1, 0, 0)), 0.1), "row of numbers"),
        (lambda: ideal_strength(argon, Tension((1, 0, 0)), 0.0), "upper"),
        (lambda: ideal_strength(argon, Path(lambda t: (1 + t) * jnp.eye(3)), 0.1), "names no component"),
        (lambda: ideal_strength(ms.NeoHooke(1.0, 1.0), Triaxial(), 0.1), "stability"),
    ):
        with pytest.raises(ValueError, match=message):
            wrong()
