"""Dynamical matrix and frequencies: exact models, symmetries, independent routes, derivatives, bad input."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.lattice import Crystal
from msjax.crystal.neighbours import find
from msjax.crystal.phonons.bonds import complete
from msjax.crystal.phonons.zone import special_point
from msjax.status import SolveError

SHEAR = np.array([[1.02, 0.015, 0.0], [-0.01, 0.99, 0.02], [0.005, 0.0, 1.01]])
Q = np.random.default_rng(7).uniform(-0.5, 0.5, (6, 3))


def copper(**options):
    return ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"), **options)


def silicon():
    return ms.CauchyBorn(ms.bulk("Si", "diamond", a=5.43095), ms.StillingerWeber())


def bond_set(n):
    return {(i, j, *m) for i, j, m in zip(n.origin.tolist(), n.partner.tolist(), n.image.tolist(), strict=True)}


CELLS = {
    "fcc": ms.bulk("Cu", "fcc", a=3.6),
    "diamond": ms.bulk("Si", "diamond", a=5.43),
    "two elements": Crystal([[3.0, 0.0], [0.0, 3.0]], [[0.0, 0.0], [1.5, 1.5]], ("Ni", "Al")),
    "no inversion": Crystal([[4.0]], [[0.0], [1.0], [2.2]], ("X",) * 3),
}


@pytest.mark.parametrize("name", CELLS)
def test_complete_list_is_the_list_found_without_reduction(name):
    crystal = CELLS[name]
    arguments = (np.asarray(crystal.cell), np.asarray(crystal.basis), crystal.species, 5.0)
    full, rebuilt = find(*arguments, reduced=False), complete(find(*arguments))
    assert bond_set(rebuilt) == bond_set(full)
    assert rebuilt.bonds == full.bonds


@pytest.mark.slow
def test_chain_of_two_masses_has_the_textbook_branches():
    chain = Crystal([[2.0]], [[0.0], [1.0]], ("X", "X"), masses=[1.0, 3.0])
    material = ms.CauchyBorn(chain, ms.Springs(stiffness=[2.0], length=[1.0]))
    q = np.linspace(-0.5, 0.5, 11)
    total, product = 2.0 * (1.0 + 1.0 / 3.0), 4.0 * 2.0**2 / 3.0 * np.sin(np.pi * q) ** 2
    root = np.sqrt(total**2 - product)
    expected = np.stack([total - root, total + root], axis=1)
    np.testing.assert_allclose(ms.phonons.modes(material, q[:, None]).omega2, expected, atol=1e-13)


def test_square_lattice_of_springs_in_closed_form():
    material = ms.CauchyBorn(ms.bulk("X", "square", a=1.0), ms.Springs([1.3, 0.7], [1.0, 2.0**0.5]))
    q = Q[:, :2]
    x, y = 2.0 * np.pi * q.T
    diagonal = 0.7 * (2.0 - 2.0 * np.cos(x) * np.cos(y))
    expected = np.empty((len(q), 2, 2))
    expected[:, 0, 0] = 1.3 * (2 - 2 * np.cos(x)) + diagonal
    expected[:, 1, 1] = 1.3 * (2 - 2 * np.cos(y)) + diagonal
    expected[:, 0, 1] = expected[:, 1, 0] = 1.4 * np.sin(x) * np.sin(y)
    np.testing.assert_allclose(ms.phonons.dynamical_matrix(material, q), expected, atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize("material", [copper(), silicon()], ids=["copper", "silicon"])
def test_symmetries_of_the_dynamical_matrix(material):
    waves = np.concatenate([Q, -Q, Q + np.array([[1.0, -2.0, 3.0]]), np.zeros((1, 3))])
    found = np.asarray(ms.phonons.dynamical_matrix(material, waves, SHEAR))
    matrix, opposite, shifted, at_rest = found[:6], found[6:12], found[12:18], found[18]
    scale = np.max(np.abs(matrix))
    close = lambda a, b: np.testing.assert_allclose(a, b, atol=1e-13 * scale, rtol=0)  # noqa: E731
    close(matrix, np.conj(np.swapaxes(matrix, 1, 2)))
    close(opposite, np.conj(matrix))  # time reversal
    close(shifted, matrix)  # reciprocal lattice vectors
    # acoustic sum rule: at Γ every atom moving alike costs nothing
    roots = np.sqrt(np.asarray(material.crystal.masses))
    together = (roots[:, None, None] * np.eye(3)[None]).reshape(-1, 3)
    close(at_rest @ together, 0.0)


@pytest.mark.slow
def test_rotations_leave_frequencies():
    angle = 0.3
    turn = np.array([[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1.0]])
    for material in (copper(), silicon()):
        before, after = (ms.phonons.frequencies(material, Q, F) for F in (SHEAR, turn @ SHEAR))
        np.testing.assert_allclose(after, before, atol=1e-9)


@pytest.mark.slow
def test_short_route_and_general_route_agree():
    """The conventional cell takes the general route; it folds X onto Γ."""
    a = 3.615
    positions = a * np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    cube = ms.CauchyBorn(Crystal(a * np.eye(3), positions, ("Cu",) * 4), ms.EAM.gupta("Cu"))
    primitive = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
    for F in (np.eye(3), SHEAR):
        folded = np.sort(np.asarray(ms.phonons.frequencies(copper(), primitive, F)).ravel())
        np.testing.assert_allclose(ms.phonons.frequencies(cube, np.zeros((1, 3)), F)[0], folded, atol=2e-6)


@pytest.mark.slow
def test_a_users_site_energy_gives_the_same_phonons():
    """Bond-level differentiation against the radial closed form."""

    def morse(vectors, parameters):
        r = jnp.sqrt(jnp.sum(vectors**2, axis=1))
        x = jnp.exp(-1.8 * (r - 2.6))
        inside = r < 3.4
        density = jnp.sum(jnp.where(inside, jnp.exp(-r), 0.0))
        return 0.5 * parameters * jnp.sum(jnp.where(inside, x * x - 2.0 * x, 0.0)) - jnp.sqrt(density)

    class Same(ms.EAM):
        degrees = (0,)
        cutoff = 3.4
        elements = ()

        def pair(self, r2):
            x = jnp.exp(-1.8 * (jnp.sqrt(r2) - 2.6))
            return jnp.where(r2 < 3.4**2, 0.15 * (x * x - 2.0 * x), 0.0)

        def density(self, r2):
            return jnp.where(r2 < 3.4**2, jnp.exp(-jnp.sqrt(r2)), 0.0)[None]

        def embed(self, moments):
            return -jnp.sqrt(moments[0])

    crystal = ms.bulk("Cu", "fcc", a=3.6)
    user = ms.CauchyBorn(crystal, ms.SiteEnergy(morse, cutoff=3.4, parameters=jnp.array(0.3)), strain_margin=0.1)
    closed = ms.CauchyBorn(crystal, Same(), strain_margin=0.1)
    theirs, ours = (ms.phonons.dynamical_matrix(m, Q, SHEAR) for m in (user, closed))
    np.testing.assert_allclose(theirs, ours, atol=1e-13)


@pytest.mark.slow
@pytest.mark.parametrize(
    "material", [copper(), pytest.param(silicon(), marks=pytest.mark.slow)], ids=["copper", "silicon"]
)
def test_long_waves_are_those_of_the_acoustic_tensor(material):
    """ω² → λ(Q(N)) |k|²/ρ₀, for all acoustic branches and under strain."""
    direction = np.array([0.3, 0.9, -0.2]) / np.linalg.norm([0.3, 0.9, -0.2])
    tensor = ms.phonons.acoustic_tensor(material, direction, SHEAR)
    density = np.sum(material.crystal.masses) / float(material.crystal.volume)
    errors = []
    for k in (2e-2, 1e-2):
        q = np.asarray(material.crystal.cell) @ (k * direction) / (2.0 * np.pi)
        omega2 = ms.phonons.modes(material, q[None], SHEAR).omega2[0, :3]
        modulus = ms.phonons.wave_modulus(material, q[None], SHEAR)[0]
        exact = np.linalg.eigvalsh(tensor)
        errors.append(np.max(np.abs(np.asarray(omega2) * density / k**2 / exact - 1.0)))
        assert abs(float(modulus) / exact[0] - 1.0) < 2e-3
    assert errors[1] < 2e-4
    assert 3.5 < errors[0] / errors[1] < 4.5  # the dispersion is of second order


@pytest.mark.slow
def test_wave_modulus_has_the_sign_of_the_lowest_frequency():
    material = ms.CauchyBorn(ms.bulk("Si", "diamond", a=5.43095), ms.StillingerWeber(), strain_margin=0.25)
    q = np.random.default_rng(1).uniform(-0.5, 0.5, (200, 3))
    F = np.eye(3) + 0.45 * np.array([[0, 1.0, 0], [0, 0, 0], [0, 0, 0]])
    lowest = np.asarray(ms.phonons.frequencies(material, q, F))[:, 0]
    modulus = np.asarray(ms.phonons.wave_modulus(material, q, F))
    assert 0 < np.sum(lowest < 0) < len(q)
    assert np.array_equal(lowest < 0, modulus < 0)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("material", "leaf"),
    [
        pytest.param(copper(), lambda m: m.potential.xi, id="copper"),
        pytest.param(silicon(), lambda m: m.potential.lam, id="silicon", marks=pytest.mark.slow),
    ],
)
def test_frequencies_are_differentiable_in_strain_and_parameters(material, leaf):
    rng = np.random.default_rng(3)
    weights = rng.normal(size=(2, 3 * material.crystal.atoms_per_cell))
    direction = rng.normal(size=(3, 3))

    def total(x):
        changed = eqx.tree_at(leaf, material, leaf(material) * x[0])
        return jnp.sum(weights * ms.phonons.frequencies(changed, Q[:2], SHEAR + x[1] * direction))

    both, at = jax.jit(jax.value_and_grad(total)), jnp.array([1.0, 0.0])
    _, slope = both(at)
    for i in range(2):
        step = 1e-6 * jnp.eye(2)[i]
        numeric = (both(at + step)[0] - both(at - step)[0]) / 2e-6
        assert abs(float(slope[i]) / float(numeric) - 1.0) < 1e-6


@pytest.mark.slow
def test_no_slope_is_made_up_at_gamma():
    slope = jax.jacfwd(lambda F: ms.phonons.frequencies(copper(), np.zeros((1, 3)), F, throw=False))(jnp.eye(3))
    np.testing.assert_array_equal(slope, 0.0)


@pytest.mark.slow
def test_batches_agree_and_a_failed_member_harms_no_other():
    for material in (copper(), silicon()):
        bad = np.stack([np.eye(3), np.full((3, 3), np.nan), np.diag([1.0, 1.0, -1.0]), 0.5 * np.eye(3), SHEAR])

        def of(F, material=material):
            return ms.phonons.frequencies(material, Q[:2], F)

        def masked(x, bad=bad, of=of):
            w = jax.vmap(lambda F: of(F + x * SHEAR))(bad)
            return jnp.sum(jnp.where(jnp.isnan(w), 0.0, w)), w

        slope, batch = jax.jit(jax.grad(masked, has_aux=True))(0.0)
        assert np.isfinite(slope)
        assert np.all(np.isnan(batch[1:4]))
        np.testing.assert_allclose(batch[0], of(bad[0]), atol=1e-9)
        np.testing.assert_allclose(batch[4], of(bad[4]), atol=1e-9)


@pytest.mark.slow
def test_silence_is_not_an_answer():
    with pytest.raises(SolveError, match="frequencies: INVERTED"):
        ms.phonons.frequencies(copper(), Q, np.diag([1.0, 1.0, -1.0]))
    with pytest.raises(SolveError, match="OVERFLOW"):
        ms.phonons.dynamical_matrix(copper(), Q, 0.5 * np.eye(3))
    assert np.all(np.isnan(ms.phonons.frequencies(copper(), Q, np.zeros((3, 3)), throw=False)))


@pytest.mark.parametrize(
    ("q", "message"),
    [
        ([0.5, 0.5, 0.5], r"q: expected wave vectors as rows, shape \(nq, 3\)"),
        ([[0.5, 0.5]], r"\(nq, 3\)"),
        ([[0.0, 0.0, 0.1], [0.0, np.nan, 0.0]], "q: must be finite, row 1"),
        ([[1j, 0, 0]], "q: expected real"),
        ("X", "q: expected numbers"),
    ],
)
def test_bad_wave_vectors_are_named(q, message):
    with pytest.raises(ValueError, match=message):
        ms.phonons.frequencies(copper(), q)


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="strain: expected the deformation gradient"):
        ms.phonons.stability(copper(), np.eye(2))
    with pytest.raises(ValueError, match="grid: expected an integer"):
        ms.phonons.stability(copper(), grid=1)
    with pytest.raises(ValueError, match="direction: must be finite and not zero"):
        ms.phonons.acoustic_tensor(copper(), [0.0, 0.0, 0.0])
    with pytest.raises(ValueError, match=r"direction: expected shape \(3,\)"):
        ms.phonons.acoustic_tensor(copper(), [1.0, 0.0])
    clamped = ms.CauchyBorn(ms.bulk("Si", "diamond", a=5.43), ms.StillingerWeber(), inner="clamped")
    with pytest.raises(ValueError, match="clamped inner shifts"):
        ms.phonons.stability(clamped)
    with pytest.raises(ValueError, match="path: expected F"):
        ms.phonons.critical_strain(copper(), lambda t: t * jnp.ones(3), 0.1)


def test_special_points_have_their_names():
    fcc, bcc = ms.bulk("Cu", "fcc", a=3.6), ms.bulk("Fe", "bcc", a=2.87)
    for name, q in {
        "Γ": (1, 0, -1), "X": (0.5, 0, 0.5), "L": (-0.5, 0, 0), "W": (0.5, 0.25, 0.75), "K": (0.375, 0.375, 0.75),
    }.items():  # fmt: skip
        assert special_point(fcc, np.array(q)) == name
        assert special_point(ms.bulk("Si", "diamond", a=5.43), np.array(q)) == name
    for name, q in {"H": (0.5, -0.5, 0.5), "N": (0, 0, 0.5), "P": (0.25, 0.25, 0.25)}.items():
        assert special_point(bcc, np.array(q)) == name
    assert special_point(fcc, np.array([0.1, 0.2, 0.3])) is None
    cube = Crystal(3.6 * np.eye(3), 3.6 * np.zeros((1, 3)), ("X",), structure="fcc")  # not the primitive cell
    assert special_point(cube, np.array([0.5, 0.5, 0.5])) is None
