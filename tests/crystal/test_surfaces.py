"""Slab energetics against LAMMPS, against finite differences, and against what must hold exactly."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax import units
from msjax.crystal.equilibrium import equilibrium
from msjax.crystal.surfaces import Surface, constants, derivatives, fit
from msjax.crystal.surfaces.face import face_of
from msjax.crystal.surfaces.slab import build_slab
from msjax.status import Code

LENNARD_JONES = {
    "LJ_cut2.5_shift": lambda: ms.LennardJones(outer=2.5, ending="shifted"),
    "LJ_gromacs_2.5_3.5": lambda: ms.LennardJones(inner=2.5, outer=3.5),
}
TABLES = {"EAM_Cu_mishin1": ("Cu", "Cu_mishin1.eam.alloy"), "EAM_Al_zhou": ("Al", "Al_zhou.eam.alloy")}
FCC = [*LENNARD_JONES, "Morse_Cu_smoothlinear_9.0", *TABLES]


@pytest.fixture(scope="module")
def bulk(reference, potential_file):
    def make(key: str) -> ms.CauchyBorn:
        a = reference("lattice_response")[key]["a0"]
        if key in LENNARD_JONES:
            return ms.CauchyBorn(ms.bulk("X", "fcc", a), LENNARD_JONES[key]())
        if key in TABLES:
            element, file = TABLES[key]
            return ms.CauchyBorn(ms.bulk(element, "fcc", a), ms.EAM.setfl(potential_file(file)))
        if key == "SW_Si":
            return ms.CauchyBorn(ms.bulk("Si", "diamond", a), ms.StillingerWeber())
        return ms.CauchyBorn(
            ms.bulk("Cu", "fcc", a), ms.Morse(0.3429, 1.3588, 2.866, outer=9.0, ending="force-shifted")
        )

    return make


@pytest.fixture(scope="module")
def gupta() -> ms.CauchyBorn:
    return equilibrium(ms.CauchyBorn(ms.bulk("Cu", "fcc", 3.615), ms.EAM.gupta("Cu"))).material


@pytest.fixture(scope="module")
def thin(gupta) -> Surface:
    """Few planes: for what holds at any thickness."""
    return Surface(gupta, "100", repeats=8)


@pytest.mark.slow
@pytest.mark.parametrize("face", ["100", "110", "111"])
@pytest.mark.parametrize("key", FCC)
def test_relaxed_faces_agree_with_lammps(bulk, reference, key, face):
    expected = reference("surfaces_phonons")[key]["surfaces"][face]
    unit = 1.0 if key in LENNARD_JONES else units.mJ_per_m2
    ideal = [("clamped", "unrelaxed")] if key in TABLES else []
    for layers, suffix in [("relaxed", "relaxed"), *ideal]:
        response = Surface(bulk(key), face, layers=layers).respond(jnp.eye(2))
        assert int(response.status.code) == Code.CONVERGED
        stress = np.array(expected[f"surface_stress_{suffix}"])
        assert float(response.energy) / unit == pytest.approx(expected[f"gamma_{suffix}"], rel=1e-7)
        np.testing.assert_allclose(response.stress / unit, stress, rtol=0, atol=2e-6 * np.abs(stress).max())


@pytest.mark.slow
@pytest.mark.parametrize("face", ["100", "110"])
def test_unreconstructed_silicon_neither_relaxes_nor_pulls(bulk, reference, face):
    expected = reference("surfaces_phonons")["SW_Si"]["surfaces"][face]
    response = Surface(bulk("SW_Si"), face).respond(jnp.eye(2))
    assert float(response.energy) / units.mJ_per_m2 == pytest.approx(expected["gamma_relaxed"], rel=1e-7)
    assert float(jnp.max(jnp.abs(response.state))) < 1e-9
    assert float(jnp.max(jnp.abs(response.stress))) / units.mJ_per_m2 < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize(
    ("key", "tau0", "G11", "G12", "tolerance"),
    [("EAM_Cu_mishin1", 1.501433, -1.589, 4.566, 0.007), ("EAM_Al_zhou", 1.214015, -2.0461, 1.0954, 1e-4)],
)
def test_surface_stiffness_agrees_with_strained_lammps_slabs(bulk, key, tau0, G11, G12, tolerance):
    found = constants(Surface(bulk(key), "100"))
    assert float(found.tau0) / units.N_per_m == pytest.approx(tau0, abs=2e-6)
    assert float(found.G11) / units.N_per_m == pytest.approx(G11, abs=tolerance)
    assert float(found.G12) / units.N_per_m == pytest.approx(G12, abs=tolerance)
    assert float(found.G12 - found.G11) / units.N_per_m == pytest.approx(G12 - G11, abs=1e-3)


@pytest.mark.slow
def test_ideal_diamond_111_breaks_one_bond_per_surface_atom(bulk):
    material = bulk("SW_Si")
    surface = Surface(material, "111", layers="clamped")
    # Stillinger–Weber diamond: bonds of energy ε, no angular energy; one broken bond per cell, shared by two faces
    one_bond = 0.5 * material.potential.epsilon / surface.area
    assert float(surface.respond(jnp.eye(2)).energy) == pytest.approx(float(one_bond), rel=1e-8)
    other = Surface(material, "111", layers="clamped", termination=1 - _first_plane(surface))
    assert float(other.respond(jnp.eye(2)).energy) > 2.0 * float(one_bond)


def _first_plane(surface: Surface) -> int:
    """Which termination the default chose: compare the lowest atom."""
    crystal, face = surface.material.crystal, surface.slab.face
    chosen = surface.slab.sublattice[0]
    return next(t for t in (0, 1) if build_slab(crystal, face, 4.0, 4, t).sublattice[0] == chosen)


@pytest.mark.slow
def test_stress_and_tangent_are_derivatives_of_the_relaxed_energy(thin):
    F = jnp.array([[0.99, 0.004], [-0.006, 1.005]])
    response = thin.respond(F)
    step = 1e-5
    for i in range(2):
        for J in range(2):
            dF = step * jnp.zeros((2, 2)).at[i, J].set(1.0)
            plus, minus = thin.respond(F + dF), thin.respond(F - dF)
            by_energy = (plus.energy - minus.energy) / (2 * step)
            by_stress = (plus.stress - minus.stress) / (2 * step)
            assert float(by_energy) == pytest.approx(float(response.stress[i, J]), abs=1e-9)
            np.testing.assert_allclose(by_stress, response.tangent[:, :, i, J], rtol=0, atol=1e-7)


@pytest.mark.slow
def test_a_surface_holds_what_a_material_claims(thin):
    ms.check_material(thin)


@pytest.mark.slow
def test_rotation_in_the_plane_costs_nothing(thin):
    F = jnp.array([[0.99, 0.004], [-0.006, 1.005]])
    c, s = np.cos(0.7), np.sin(0.7)
    Q = jnp.array([[c, -s], [s, c]])
    plain, turned = thin.respond(F), thin.respond(Q @ F)
    assert float(turned.energy) == pytest.approx(float(plain.energy), abs=1e-13)
    np.testing.assert_allclose(turned.stress, Q @ plain.stress, rtol=0, atol=1e-12)


@pytest.mark.slow
def test_half_slab_by_inversion_is_the_whole_slab(gupta, thin):
    crystal = gupta.crystal
    reach = float(gupta.potential.cutoff) / 0.85
    whole = build_slab(crystal, face_of(crystal, "100"), reach, 8, centred=False)
    assert thin.slab.centred
    assert not whole.centred
    assert len(whole.leaders) == 7
    other = object.__new__(Surface)
    for name, value in {"material": gupta, "slab": whole, "layers": "relaxed"}.items():
        object.__setattr__(other, name, value)
    F = jnp.array([[0.99, 0.004], [0.0, 1.005]])
    one, two = thin.respond(F), other.respond(F)
    np.testing.assert_allclose(one.stress, two.stress, rtol=0, atol=1e-12)
    np.testing.assert_allclose(one.tangent, two.tangent, rtol=0, atol=1e-11)


@pytest.mark.slow
def test_a_thicker_slab_gives_the_same_surface(gupta):
    default = Surface(gupta, "100")
    double = Surface(gupta, "100", repeats=2 * default.slab.repeats)
    one, two = default.respond(jnp.eye(2)), double.respond(jnp.eye(2))
    np.testing.assert_allclose(one.stress, two.stress, rtol=1e-6, atol=1e-14)
    np.testing.assert_allclose(one.tangent, two.tangent, rtol=0, atol=1e-6 * float(jnp.max(jnp.abs(two.tangent))))


@pytest.mark.slow
def test_equivalent_faces_are_equal(gupta, thin):
    other = Surface(gupta, (0, -1, 0), repeats=8)
    F = jnp.array([[0.99, 0.0], [0.0, 1.005]])
    np.testing.assert_allclose(thin.respond(F).stress, other.respond(F).stress, rtol=0, atol=1e-12)
    axes = np.asarray(other.slab.face.axes(gupta.crystal.cell))
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-12)
    assert axes[2] == pytest.approx([0.0, -1.0, 0.0])


@pytest.mark.slow
def test_gradient_of_a_surface_stress_in_the_parameters_at_fixed_and_at_moving_lattice_constant(gupta, thin):
    def tau(values, moving):
        potential = eqx.tree_at(lambda p: (p.A, p.xi, p.p, p.q, p.r0), gupta.potential, tuple(values))
        material = eqx.tree_at(lambda m: m.potential, gupta, potential)
        if moving:
            material = equilibrium(material, throw=False).material
        return eqx.tree_at(lambda s: s.material, thin, material).respond(jnp.eye(2)).stress[0, 0]

    p = gupta.potential
    values = jnp.stack([p.A, p.xi, p.p, p.q, p.r0])
    for moving in (False, True):

        def value(v, moving=moving):
            return tau(v, moving)

        gradient = jax.jit(jax.grad(lambda v, moving=moving: tau(v, moving)))(values)
        for k in range(len(values)):
            h = 1e-5 * float(values[k])
            unit = jnp.zeros(len(values)).at[k].set(h)
            # fourth order, so that the difference is good to better than what is asked
            difference = (8 * (value(values + unit) - value(values - unit))
                          - (value(values + 2 * unit) - value(values - 2 * unit))) / (12 * h)  # fmt: skip
            assert float(gradient[k]) == pytest.approx(float(difference), rel=1e-6)


@pytest.mark.slow
def test_gradient_in_the_coefficients_of_a_table(bulk):
    surface = Surface(bulk("EAM_Cu_mishin1"), "100", repeats=8)

    def tau(scale):
        table = surface.material.potential.density_table
        scaled = eqx.tree_at(lambda t: t.coefficients, table, scale * table.coefficients)
        changed = eqx.tree_at(lambda s: s.material.potential.density_table, surface, scaled)
        return changed.respond(jnp.eye(2)).stress[0, 0]

    h = 1e-5
    difference = (tau(1 + h) - tau(1 - h)) / (2 * h)
    assert float(jax.jit(jax.grad(tau))(1.0)) == pytest.approx(float(difference), rel=1e-6)


@pytest.mark.slow
def test_higher_derivatives_are_those_of_the_relaxed_energy(thin):
    exact = derivatives(thin)

    def stiffness(e1, e2):
        return thin.respond(jnp.array([[1 + e1, 0.0], [0.0, 1 + e2]])).tangent[0, 0, 0, 0]

    h = 1e-3
    third = (8 * (stiffness(h, 0) - stiffness(-h, 0)) - (stiffness(2 * h, 0) - stiffness(-2 * h, 0))) / (12 * h)
    fourth = (stiffness(0, h) - 2 * stiffness(0, 0) + stiffness(0, -h)) / h**2
    reference = thin.respond(jnp.eye(2))
    assert float(exact.derivative(0, 0)) == pytest.approx(float(reference.energy), rel=1e-12)
    assert float(exact.derivative(1, 0)) == pytest.approx(float(reference.stress[0, 0]), rel=1e-10)
    assert float(exact.derivative(1, 1)) == pytest.approx(float(reference.tangent[0, 0, 1, 1]), rel=1e-9)
    assert float(exact.derivative(3, 0)) == pytest.approx(float(third), rel=1e-6)
    assert float(exact.derivative(2, 2)) == pytest.approx(float(fourth), rel=1e-4)


@pytest.mark.slow
def test_a_fit_over_a_small_window_finds_the_exact_derivatives(thin):
    exact = derivatives(thin)
    found = fit(thin, (-0.002, 0.002), order=5)
    for i, j in [(1, 0), (2, 0), (1, 1), (3, 0), (2, 1)]:
        assert float(found.polynomial.derivative(i, j)) == pytest.approx(float(exact.derivative(i, j)), rel=1e-4)
    assert float(found.stress_residual) < 1e-9
    e = 0.001
    response = thin.respond(jnp.eye(2) * (1 + e))
    assert float(found.polynomial.energy(e, e)) == pytest.approx(float(response.energy), rel=1e-9)
    np.testing.assert_allclose(found.polynomial.stress(e, e), jnp.diag(response.stress), rtol=0, atol=1e-8)
    np.testing.assert_allclose(found.polynomial.stiffness(e, e)[1], response.tangent[0, 0, 1, 1], rtol=1e-4)


@pytest.mark.slow
def test_a_batch_is_its_members_and_a_bad_member_is_alone(thin):
    good = jnp.eye(2) * 0.99
    batch = jnp.stack([jnp.eye(2), good, jnp.full((2, 2), jnp.nan), -good.at[0, 0].set(-1.0), 0.7 * jnp.eye(2)])
    responses = jax.vmap(thin.respond)(batch)
    assert [int(c) for c in responses.status.code] == [
        Code.CONVERGED, Code.CONVERGED, Code.NONFINITE, Code.INVERTED, Code.OVERFLOW,
    ]  # fmt: skip
    alone = thin.respond(good)
    np.testing.assert_allclose(responses.energy[1], alone.energy, rtol=1e-12)
    np.testing.assert_allclose(responses.stress[1], alone.stress, rtol=0, atol=1e-12)
    assert bool(jnp.all(jnp.isnan(responses.energy[2:])))
    assert bool(jnp.all(jnp.isnan(responses.stress[2:])))


@pytest.mark.slow
def test_the_state_is_a_warm_start(thin):
    F = jnp.eye(2) * 0.995
    cold = thin.respond(F)
    warm = thin.respond(F, cold.state)
    assert int(warm.status.iterations) < int(cold.status.iterations)
    np.testing.assert_allclose(warm.energy, cold.energy, rtol=1e-13)


@pytest.mark.slow
def test_a_warm_start_has_no_derivative(thin):
    F = jnp.eye(2) * 0.995
    cold = thin.respond(F)
    slope = jax.jit(jax.grad(lambda state: thin.respond(F, state).energy))(cold.state)
    assert float(jnp.max(jnp.abs(slope))) == 0.0


def test_a_crystal_exchanged_for_a_smaller_one_is_seen_to_overflow(thin):
    smaller = eqx.tree_at(lambda s: s.material.crystal, thin, thin.material.crystal.scaled(0.8))
    assert int(smaller.respond(jnp.eye(2)).status.code) == Code.OVERFLOW
    same = eqx.tree_at(lambda s: s.material.crystal, thin, thin.material.crystal.scaled(0.999))
    assert int(same.respond(jnp.eye(2)).status.code) == Code.CONVERGED


@pytest.mark.slow
def test_constants_insist_on_a_stress_free_crystal(gupta):
    strained = ms.CauchyBorn(ms.bulk("Cu", "fcc", 3.65), gupta.potential)
    with pytest.raises(ValueError, match="under stress"):
        constants(Surface(strained, "100", repeats=8))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"face": "10"}, "face"),
        ({"face": (0, 0, 0)}, "no face"),
        ({"face": (1, 0, 12)}, "up to 9"),
        ({"repeats": 3}, "at least"),
        ({"termination": 1}, "termination"),
        ({"strain_margin": 1.0}, "strain_margin"),
    ],
)
def test_refusals_name_the_argument(gupta, options, message):
    with pytest.raises(ValueError, match=message):
        Surface(gupta, **{"face": "100", **options})


def test_refusals_of_materials(gupta):
    with pytest.raises(ValueError, match="three dimensions"):
        Surface(ms.CauchyBorn(ms.bulk("X", "triangular", 1.1), ms.LennardJones()), "100")
    silicon = ms.CauchyBorn(ms.bulk("Si", "diamond", 5.431), ms.StillingerWeber(), inner="clamped")
    with pytest.raises(ValueError, match="inner"):
        Surface(silicon, "100")
    with pytest.raises(ValueError, match="order"):
        derivatives(Surface(gupta, "100", repeats=8), 5)
    with pytest.raises(ValueError, match="window"):
        fit(Surface(gupta, "100", repeats=8), (0.01, -0.01))
    with pytest.raises(ValueError, match="strain"):
        Surface(gupta, "100", repeats=8).respond(jnp.eye(3))
