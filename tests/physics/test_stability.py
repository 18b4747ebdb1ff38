"""Loss of stability of crystals: exact cases, and copper and aluminium along the paths of stability.json."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax import units
from msjax.crystal.phonons import Verdict
from msjax.status import Code

METALS = {"EAM_Cu_mishin1": ("Cu", 63.55, "Cu_mishin1.eam.alloy"), "EAM_Al_zhou": ("Al", 26.982, "Al_zhou.eam.alloy")}
TWINNING = "shear_[11-2](111)"
ALONG, PLANE = np.array([1.0, 1.0, -2.0]) / np.sqrt(6.0), np.array([1.0, 1.0, 1.0]) / np.sqrt(3.0)


def twinning(t):
    return jnp.eye(3) + t * jnp.asarray(np.outer(ALONG, PLANE))


@pytest.fixture(scope="module")
def metal(reference, potential_file):
    @cache
    def make(key):
        element, mass, file = METALS[key]
        crystal = ms.bulk(element, "fcc", reference("lattice_response")[key]["a0"], mass=mass)
        return ms.CauchyBorn(crystal, ms.EAM.setfl(potential_file(file)))

    return make


def square():
    return ms.CauchyBorn(ms.bulk("X", "square", a=1.0), ms.Springs([1.0, 1.0], [1.0, 2.0**0.5]))


@pytest.mark.slow
def test_chain_loses_stability_where_the_continuum_does():
    """φ with second neighbours, force-free cut-off far away: F = 1.105867 r₀ for lattice and continuum."""
    potential = ms.LennardJones(outer=2.9, ending="shifted")
    chain = ms.CauchyBorn(ms.bulk("X", "chain", a=2.0 ** (1 / 6)), potential, strain_margin=0.1)
    found = ms.phonons.critical_strain(chain, lambda t: t * jnp.ones((1, 1)), upper=1.2, lower=1.0)
    assert abs(float(found.continuum) - 1.105867) < 2e-6
    assert abs(float(found.lattice) - 1.105867) < 2e-6
    assert not found.short_waves_first
    assert found.soft.verdict is Verdict.ELLIPTICITY_LOST


@pytest.mark.slow
def test_square_lattice_of_springs_loses_long_waves_first():
    """W(λI) = (λ − 1)² + (√2 λ − √2)²: instability at λ = 5/6 along the diagonal; W(0.75) = 0.1875."""
    material = square()
    assert abs(float(material.respond(0.75 * np.eye(2)).energy) - 0.1875) < 1e-14
    found = ms.phonons.critical_strain(material, lambda t: (1.0 - t) * jnp.eye(2), upper=0.3)
    assert abs(float(found.continuum) - 1.0 / 6.0) < 1e-6
    assert abs(float(found.lattice) - 1.0 / 6.0) < 1e-6
    assert ms.phonons.stability(material, 0.84 * np.eye(2)).verdict is Verdict.STABLE
    lost = ms.phonons.stability(material, 0.75 * np.eye(2))
    assert lost.verdict is Verdict.ELLIPTICITY_LOST
    assert lost.status.code == Code.UNSTABLE
    np.testing.assert_allclose(np.abs(lost.ellipticity.direction), np.sqrt(0.5), atol=1e-4)
    assert "ellipticity lost" in str(lost)


@pytest.mark.slow
def test_a_shorter_diagonal_spring_softens_the_zone_boundary_first():
    """At M only the sides move against each other: ω² ∝ 1 + (λ − a₁)/λ = 0 at λ = ½, still elliptic if a₂ < λ√2."""
    material = ms.CauchyBorn(ms.bulk("X", "square", a=1.0), ms.Springs([1.0, 1.0], [1.0, 0.6], shells=[1.0, 2.0**0.5]))
    found = ms.phonons.critical_strain(material, lambda t: (1.0 - t) * jnp.eye(2), upper=0.55)
    assert abs(float(found.lattice) - 0.5) < 1e-6
    assert found.short_waves_first
    assert found.soft.verdict is Verdict.SOFT_PHONON
    assert found.soft.point == "M (0.5, 0.5)"
    assert float(found.soft.ellipticity.value) > 0


@pytest.mark.slow
@pytest.mark.parametrize("key", ["EAM_Cu_mishin1", pytest.param("EAM_Al_zhou", marks=pytest.mark.slow)])
def test_twinning_shear_softens_l_before_ellipticity_is_lost(key, metal, reference):
    material, path = metal(key), reference("stability")[key][TWINNING]
    found = ms.phonons.critical_strain(material, twinning, upper=0.2)
    assert abs(float(found.lattice) - path["first_soft_phonon_strain"]) < 1e-4
    # the reference looked along a grid of directions: refined, ellipticity is lost a little earlier
    assert -1e-3 < float(found.continuum) - path["ellipticity_loss_strain"] < 1e-5
    assert found.short_waves_first

    between = ms.phonons.stability(material, twinning(0.5 * float(found.lattice + found.continuum)))
    assert between.verdict is Verdict.SOFT_PHONON
    assert between.status.code == Code.UNSTABLE
    assert str(between).startswith("soft phonon at q = L (0.5, 0.5, 0.5)")
    assert "still elliptic" in str(between)
    assert float(between.omega2) < 0
    assert float(between.frequency) < 0
    # the (111) planes glide along the shear
    assert abs(np.dot(np.real(between.mode), ALONG)) > 0.98

    assert ms.phonons.stability(material, twinning(0.98 * float(found.lattice))).verdict is Verdict.STABLE
    assert ms.phonons.stability(material, twinning(0.2)).verdict is Verdict.ELLIPTICITY_LOST


@pytest.mark.slow
def test_stretched_copper_loses_ellipticity_first(metal, reference):
    """Uniaxial stress along ⟨100⟩: 0.1108; an 8³ grid alone would say 0.1222, since it misses q → 0."""
    path = reference("stability")["EAM_Cu_mishin1"]["uniaxial_stress_100"]
    strain = np.array([row["e"] for row in path["table"]])
    lateral = np.array([row["F"][1][1] for row in path["table"]])
    fit = jnp.asarray(np.polyfit(strain[8:15], lateral[8:15], 4))

    def stretch(t):
        return jnp.diag(jnp.stack([1.0 + t, jnp.polyval(fit, t), jnp.polyval(fit, t)]))

    found = ms.phonons.critical_strain(metal("EAM_Cu_mishin1"), stretch, upper=0.13, lower=0.08)
    assert abs(float(found.continuum) - path["ellipticity_loss_strain"]) < 1e-4
    assert abs(float(found.lattice) - float(found.continuum)) < 1e-5
    beyond = ms.phonons.stability(metal("EAM_Cu_mishin1"), stretch(0.115))
    assert beyond.verdict is Verdict.ELLIPTICITY_LOST
    np.testing.assert_allclose(np.abs(beyond.ellipticity.direction), [0, np.sqrt(0.5), np.sqrt(0.5)], atol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("key", METALS)
def test_lowest_frequency_on_the_grid_and_ellipticity_along_the_paths(key, metal, reference):
    """ω² of an 8³ grid to 1e-3 of its scale; the acoustic tensor's minimum at or just below the reference's."""
    material = metal(key)
    line = np.arange(8) / 8
    grid = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)[1:]
    rows = [row for path in reference("stability")[key].values() for row in path["table"] if "w2min" in row]
    rows = [row for row in rows if "ellip" in row]

    @jax.jit
    @jax.vmap
    def both(F):
        modes = ms.phonons.modes(material, grid, F)
        return jnp.min(modes.omega2), ms.phonons.ellipticity(material, F).value / units.GPa

    omega2, elliptic = both(jnp.asarray([row["F"] for row in rows]))
    expected = np.array([row["w2min"] for row in rows])
    scale = np.max(np.abs(expected))
    np.testing.assert_allclose(omega2, expected, atol=1e-3 * scale)
    above = np.array([row["ellip"] for row in rows]) - np.asarray(elliptic)
    assert np.all(above > -2e-3)
    assert np.all(above < 0.3)


PATHS = {
    "uniaxial_strain_100": np.diag([1.0, 0.0, 0.0]),
    "shear_[100](010)": np.outer([1.0, 0.0, 0.0], [0.0, 1.0, 0.0]),
    TWINNING: np.outer(ALONG, PLANE),
    "shear_-[11-2](111)": -np.outer(ALONG, PLANE),
}
PAIRS = {
    "LJ_gromacs_2.5_3.5": ms.LennardJones(inner=2.5, outer=3.5),
    "Morse_Cu_smoothlinear_9.0": ms.Morse(0.3429, 1.3588, 2.866, outer=9.0, ending="force-shifted"),
}


def on_path(name, table, strain):
    """F on a path of stability.json; under uniaxial stress with the lateral stretch of its table."""
    if name != "uniaxial_stress_100":
        return np.eye(3) + strain * PATHS[name]
    strains = np.array([row["e"] for row in table])
    near = np.argsort(np.abs(strains - strain))[:5]
    lateral = np.polyval(np.polyfit(strains[near], [table[i]["F"][1][1] for i in near], 4), strain)
    return np.diag([1.0 + strain, lateral, lateral])


@pytest.mark.slow
@pytest.mark.parametrize("key", [*PAIRS, *METALS])
def test_all_five_paths_lose_stability_where_and_in_the_order_they_should(key, metal, reference):
    """Within 2 % of the reference's strains, soft phonon and ellipticity change sign, and which comes first is so.

    The reference's phonons are those of an 8³ grid: they are compared on that grid, the order by the refined verdict.
    """
    if key in PAIRS:
        a0 = reference("lattice_response")[key]["a0"]
        material = ms.CauchyBorn(ms.bulk("X" if key.startswith("LJ") else "Cu", "fcc", a0), PAIRS[key])
    else:
        material = metal(key)
    line = np.arange(8) / 8
    grid = np.stack(np.meshgrid(line, line, line, indexing="ij"), axis=-1).reshape(-1, 3)[1:]
    paths = reference("stability")[key]
    assert len(paths) == 5
    strains, names = [], []
    for name, path in paths.items():
        soft, lost = path["first_soft_phonon_strain"], path["ellipticity_loss_strain"]
        first = min(soft, lost)
        at = [
            0.98 * soft,
            1.02 * soft,
            0.98 * lost,
            1.02 * lost,
            0.5 * (soft + lost),
            *(first * np.linspace(0, 0.9, 6)),
        ]
        strains += [on_path(name, path["table"], e) for e in at]
        names.append(name)

    @jax.jit
    @jax.vmap
    def look(F):
        found = ms.phonons.stability(material, F)
        return jnp.min(ms.phonons.modes(material, grid, F).omega2), found.ellipticity.value, found.verdict_code

    on_grid, elliptic, codes = (np.asarray(x).reshape(5, -1) for x in look(np.array(strains)))
    for i, name in enumerate(names):
        soft, lost = paths[name]["first_soft_phonon_strain"], paths[name]["ellipticity_loss_strain"]
        assert on_grid[i, 0] > 0 > on_grid[i, 1], name
        assert elliptic[i, 2] > 0 > elliptic[i, 3], name
        assert np.all(codes[i, 5:] == int(Verdict.STABLE)), name
        if soft < lost:
            assert codes[i, 4] == int(Verdict.SOFT_PHONON), name
        else:  # up to the loss of ellipticity nothing is soft, off the grid neither
            assert codes[i, 2] == int(Verdict.STABLE), name
            assert codes[i, 4] == int(Verdict.ELLIPTICITY_LOST), name


@pytest.mark.slow
def test_the_refined_minimum_beats_the_grid():
    """A coarse grid and a fine one find the same soft wave between their points."""
    material = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    F = np.asarray(twinning(0.18)) @ np.diag([1.02, 1.0, 1.05])
    coarse, fine = (ms.phonons.stability(material, F, grid=n) for n in (5, 9))
    on_grid = ms.phonons.wave_modulus(material, ms.phonons.zone_grid(3, 5), F)
    assert float(coarse.lowest_modulus) <= float(jnp.min(on_grid)) + 1e-12
    assert float(coarse.modulus) < float(jnp.min(on_grid))
    np.testing.assert_allclose(coarse.lowest_modulus, fine.lowest_modulus, rtol=1e-4)


@pytest.mark.slow
def test_no_wave_is_softer_than_the_one_found():
    """Random waves and directions of strongly strained crystals, stable and unstable."""
    material = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    rng = np.random.default_rng(11)
    strains = np.eye(3) + 0.06 * rng.uniform(-1, 1, (12, 3, 3))
    waves = rng.uniform(-0.5, 0.5, (4000, 3))
    normals = rng.normal(size=(4000, 3))

    @jax.jit
    @jax.vmap
    def both(F):
        tensors = jax.vmap(lambda n: ms.phonons.acoustic_tensor(material, n, F))(normals)
        return (
            ms.phonons.stability(material, F),
            jnp.min(ms.phonons.wave_modulus(material, waves, F)),
            jnp.min(jnp.linalg.eigvalsh(tensors)),
        )

    found, of_waves, of_normals = both(strains)
    scale = np.max(np.abs(of_waves))
    assert np.all(np.asarray(found.lowest_modulus - of_waves) < 1e-6 * scale)
    assert np.all(np.asarray(found.ellipticity.value - of_normals) < 1e-9 * scale)
    assert np.array_equal(found.stable, np.asarray(found.lowest_modulus) >= 0)
    assert 0 < np.sum(found.stable) < len(strains)


@pytest.mark.slow
def test_a_batch_is_its_members_and_failures_stay_alone():
    material = ms.CauchyBorn(ms.bulk("Si", "diamond", a=5.43095), ms.StillingerWeber())
    shear = np.eye(3) + 0.1 * np.array([[0, 1.0, 0], [0, 0, 0], [0, 0, 0]])
    strains = np.stack([np.eye(3), np.full((3, 3), np.nan), np.diag([-1.0, 1, 1]), 0.5 * np.eye(3), shear])
    batch = jax.jit(jax.vmap(lambda F: ms.phonons.stability(material, F)))(strains)
    assert batch.verdict_code.tolist() == [0, 3, 3, 3, 0]
    assert [Code(int(c)) for c in batch.status.code[1:4]] == [Code.NONFINITE, Code.INVERTED, Code.OVERFLOW]
    assert np.all(np.isnan(batch.modulus[1:4]))
    assert np.all(np.isnan(batch.ellipticity.value[1:4]))
    single = ms.phonons.stability(material, shear)
    np.testing.assert_allclose(batch.modulus[4], single.modulus, rtol=1e-6)
    np.testing.assert_allclose(batch.ellipticity.value[4], single.ellipticity.value, rtol=1e-9)
    failed = ms.phonons.stability(material, strains[2])
    assert failed.verdict is Verdict.UNKNOWN
    assert str(failed).startswith("unknown: INVERTED")


@pytest.mark.slow
def test_stability_constants_have_first_derivatives_and_refuse_second():
    material = square()
    F = jnp.asarray([[0.9, 0.02], [0.01, 0.95]])
    for read in (lambda s: s.modulus, lambda s: s.omega2, lambda s: s.ellipticity.value):

        def of(x, read=read):
            return read(ms.phonons.stability(eqx.tree_at(lambda m: m.potential.stiffness, material, x), F))

        x, dx, h = material.potential.stiffness, jnp.array([0.3, -0.7]), 1e-5
        numeric = (of(x + h * dx) - of(x - h * dx)) / (2 * h)
        assert abs(float(jnp.vdot(jax.jit(jax.grad(of))(x), dx)) - float(numeric)) < 1e-5 * abs(float(numeric))
        with pytest.raises(NotImplementedError, match="second derivatives of a minimum"):
            jax.jit(jax.hessian(of))(x)


@pytest.mark.slow
def test_critical_strain_is_differentiable_and_says_when_nothing_is_lost():
    """λ_c = (K₁a₁ … ) of the square lattice moves with the rest length of the diagonal springs."""
    material = square()

    def critical(length):
        changed = eqx.tree_at(lambda m: m.potential.length, material, length)
        return ms.phonons.critical_strain(changed, lambda t: (1.0 - t) * jnp.eye(2), upper=0.3).continuum

    x, dx, h = material.potential.length, jnp.array([0.2, 0.1]), 1e-3
    numeric = (critical(x + h * dx) - critical(x - h * dx)) / (2 * h)
    assert abs(float(jnp.vdot(jax.jit(jax.grad(critical))(x), dx)) / float(numeric) - 1.0) < 2e-3
    found = ms.phonons.critical_strain(material, lambda t: (1.0 - t) * jnp.eye(2), upper=0.1)
    assert np.isinf(found.lattice)
    assert np.isinf(found.continuum)
    assert found.soft.verdict is Verdict.STABLE
    inverted = ms.phonons.critical_strain(material, lambda t: (t - 0.05) * jnp.eye(2), upper=1.0)
    assert np.isnan(inverted.lattice) or float(inverted.lattice) < 1e-3
