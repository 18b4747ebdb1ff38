"""Natural frequencies and buckling against closed forms, and their derivatives against differences."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe.eigenpairs import Wanted, _lanczos
from msjax.fe.mass import mass_matrix
from msjax.fe.matrices import DENSE, reduced_matrix
from msjax.fe.problem import balance
from msjax.fe.vibration import buckling, vibration

ROD = ms.NeoHooke(mu=0.5, lam=0.0, dim=1)  # E = 1 at F = 1
PLATE = ms.NeoHooke(mu=0.5, lam=0.0, dim=2)  # E = 1, ν = 0


def rod(cells, kind="line2"):
    return ms.fe.Problem(ms.fe.interval(1.0, cells, kind), ROD, [ms.fe.Dirichlet("x-")])


def beam(cells=10, length=20.0, held=True):
    mesh = ms.fe.rectangle((length, 1.0), (cells, 1), "quad9")
    return ms.fe.Problem(mesh, PLATE, [ms.fe.Dirichlet("x-")] if held else [])


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "lumped", "order"), [("line2", False, 2), ("line2", True, 2), ("line3", False, 4)])
def test_frequencies_of_a_rod_converge_with_their_order(kind, lumped, order):
    """ω_n = (n + ½) π; consistent masses from above, lumped ones from below."""
    exact = (np.arange(2) + 0.5) / 2
    errors = np.array([vibration(rod(n, kind), count=2, lumped=lumped).frequencies - exact for n in (4, 8)])
    assert np.all(errors < 0 if lumped else errors > 0)
    np.testing.assert_allclose(np.log2(errors[0] / errors[1]), order, atol=0.15)


@pytest.mark.slow
def test_a_cantilever_is_the_beam_of_euler_and_bernoulli():
    """ω = (β/L)² √(E I/ρ A), β = 1.8751, 4.6941; shear and rotary inertia lower it by (h/L)²."""
    found = vibration(beam(), count=2)
    euler = np.array([1.87510407, 4.69409113]) ** 2 / 20.0**2 * np.sqrt(1 / 12) / (2 * np.pi)
    lower = 1 - np.asarray(found.frequencies) / euler
    assert np.all(lower > 0)
    assert np.all(lower < [0.005, 0.03])
    norms = [jnp.vdot(m, mass_matrix(beam()).apply(m)) for m in found.modes]
    np.testing.assert_allclose(norms, 1.0, rtol=1e-12)
    assert not np.any(found.multiple)


@pytest.mark.slow
def test_rigid_motions_of_a_free_body_are_at_zero():
    found = vibration(beam(4, 4.0, held=False), count=5)
    np.testing.assert_allclose(found.squared[:3], 0.0, atol=1e-10 * float(found.squared[3]) * 100)
    assert found.multiple[:3].tolist() == [True, True, True]
    assert found.squared[3] > 1e-3
    # free-free bending (β L = 4.7300) of so thick a beam: Timoshenko lowers it by about a tenth
    euler = 4.73004074**2 / 16.0 * np.sqrt(1 / 12) / (2 * np.pi)
    assert 0.7 < float(found.frequencies[3]) / euler < 1.0


@pytest.mark.slow
def test_prestress_and_its_loss():
    """A stretched string of bars: ω = (π n/L) √(N/m) sideways, imaginary under pressure."""
    cells, stretch = 20, 1.2
    points = np.stack([np.linspace(0.0, 1.0, cells + 1), np.zeros(cells + 1)], axis=1)
    mesh = ms.fe.Mesh(points, np.stack([np.arange(cells), np.arange(1, cells + 1)], axis=1), "line2")

    def first(stretch):
        held = [ms.fe.Dirichlet([0]), ms.fe.Dirichlet([cells], jnp.stack([stretch - 1.0, 0.0 * stretch]))]
        problem = ms.fe.Problem(mesh, ms.fe.Bar(ROD), held)
        solution = ms.solve(problem, start=jnp.asarray(points * np.array([1.0, 0.0])) * (stretch - 1.0))
        return vibration(problem, count=1, solution=solution)

    found = first(jnp.asarray(stretch))
    force = 0.5 * (stretch - 1 / stretch)
    # waves along the reference: speed² = N/(λ m), m per reference length
    exact = np.sqrt(force / stretch) / 2
    np.testing.assert_allclose(found.frequencies[0], exact, rtol=2e-3)
    assert first(jnp.asarray(0.9)).frequencies[0] < 0


@pytest.mark.slow
@pytest.mark.parametrize("which", ["vibration", "buckling"])
def test_lanczos_agrees_with_dense_algebra(which):
    """Above the size from which on it is used, and certified to be complete."""
    problem = beam(30, 30.0)
    assert problem.unknowns > DENSE
    k = reduced_matrix(balance(problem, jnp.zeros(problem.affine.free.shape), problem.initial_state()).stiffness,
                       problem.affine)  # fmt: skip
    m = reduced_matrix(mass_matrix(problem), problem.affine)
    import scipy.linalg

    exact = scipy.linalg.eigh(k.toarray(), m.toarray(), eigvals_only=True)
    largest = which == "buckling"
    a, b, expected = (m, k, 1 / exact[:6]) if largest else (k, m, exact[:6])
    values, _, complete = _lanczos(Wanted(4, largest), a, b)
    assert complete
    np.testing.assert_allclose(values, expected, rtol=1e-6)
    if not largest:
        assert _lanczos(Wanted(4), k - 1.5 * exact[1] * m, m)[2]  # two of them negative


@pytest.mark.slow
def test_what_has_no_derivative_says_so():
    """Rigid motions are multiple: NaN alone, and none in what does not use them."""
    problem = ms.fe.Problem(ms.fe.rectangle((2.0, 1.0), (2, 1)), PLATE)

    def parts(mu):
        found = vibration(eqx.tree_at(lambda p: p.parts[0].material.mu, problem, mu), count=4)
        return jnp.stack([found.squared[0], found.modes[3, 0, 0], found.squared[3]])

    _, back = jax.vjp(parts, jnp.asarray(0.5))
    assert [bool(np.isfinite(back(row)[0])) for row in jnp.eye(3)] == [False, False, True]
    bad = eqx.tree_at(lambda p: p.parts[0].material.mu, problem, jnp.asarray(jnp.nan))
    found = vibration(bad, count=2, throw=False)
    assert found.status.failed
    assert np.all(np.isnan(found.squared))


def column(kind="quad9", cells=10, length=20.0):
    mesh = ms.fe.rectangle((length, 1.0), (cells, 1), kind)
    return ms.fe.Problem(mesh, PLATE, [ms.fe.Dirichlet("x-")], [ms.fe.Traction("x+", [-1e-3, 0.0])])


@pytest.mark.slow
def test_euler_columns():
    """P = π² E I (2n + 1)²/4 L² for the clamped column; shear and shortening change it by the order of (h/L)²."""
    ratios = []
    for length in (10.0, 20.0):
        found = buckling(column(cells=20, length=length), 3)
        euler = np.pi**2 / 12 * (np.array([1, 3, 5]) / (2 * length)) ** 2
        ratios.append(1e-3 * np.asarray(found.factors) / euler)
    assert np.all(np.abs(ratios[1] - 1) < [1e-3, 1e-2, 3e-2])
    slender = ratios[1] + (ratios[1] - ratios[0]) / 3
    assert np.all(np.abs(slender - 1) < [1e-4, 1e-3, 3e-3])
    np.testing.assert_allclose(np.max(np.abs(found.modes), axis=(1, 2)), 1.0, rtol=1e-14)
    assert not np.any(found.multiple)
    pulled = buckling(column().scaled(-1.0), 1)  # it does not buckle anywhere near
    assert pulled.factors[0] > 100 * found.factors[0]


def differences(function, at, h):
    """Central differences of fourth order, a row per parameter."""
    rows = []
    for e in h * np.eye(len(at)):
        rows.append(
            (8 * (function(at + e) - function(at - e)) - function(at + 2 * e) + function(at - 2 * e)) / (12 * h)
        )
    return np.array(rows)


@pytest.mark.slow
def test_derivatives_of_frequencies():
    """In modulus, positions, density per cell and through the prestress, against differences."""
    mesh = ms.fe.rectangle((2.0, 1.0), (2, 1))
    problem = ms.fe.Problem(mesh, PLATE, [ms.fe.Dirichlet("x-"), ms.fe.Dirichlet("x+", 1.0, "x")])
    rng = np.random.default_rng(0)
    direction, cells = jnp.asarray(rng.normal(size=mesh.points.shape)) * 0.02, jnp.asarray(rng.normal(size=2))

    @jax.jit
    def squared(p):
        posed = eqx.tree_at(
            lambda x: (x.parts[0].material.mu, x.mesh.points), problem, (0.5 * p[0], mesh.points + p[1] * direction)
        ).scaled(p[2])
        solution = ms.solve(posed, tolerance=1e-12)
        return vibration(posed, 1.0 + 0.1 * cells * p[3], 3, solution).squared

    at = jnp.array([1.0, 0.0, 0.3, 1.0])
    weight = jnp.array([1.0, -0.5, 0.3])
    gradient = jax.jit(jax.grad(lambda p: jnp.vdot(weight, squared(p))))(at)
    expected = differences(squared, at, 1e-3)
    np.testing.assert_allclose(gradient, expected @ weight, rtol=1e-7)
    _, forward = jax.jvp(squared, (at,), (jnp.array([0.0, 0.0, 1.0, 0.0]),))
    np.testing.assert_allclose(forward, expected[2], rtol=1e-7)


@pytest.mark.slow
def test_derivative_of_a_buckling_load():
    problem = column("quad4", 4, 4.0)
    direction = jnp.asarray(np.random.default_rng(1).normal(size=problem.mesh.points.shape)) * 0.02

    def factor(p):
        posed = eqx.tree_at(
            lambda x: (x.parts[0].material.mu, x.parts[0].material.lam, x.mesh.points), problem,
            (p[0], p[1], problem.mesh.points + p[2] * direction),
        )  # fmt: skip
        return buckling(posed, 2).factors[0]

    both, at = jax.jit(jax.value_and_grad(factor)), jnp.array([0.5, 0.2, 0.0])
    np.testing.assert_allclose(both(at)[1], differences(lambda p: both(p)[0], at, 1e-3), rtol=1e-7)


@pytest.mark.slow
def test_mass_of_regions_and_bad_input():
    mesh = ms.fe.rectangle((2.0, 1.0), (2, 1))
    two = ms.fe.Mesh(mesh.points, mesh.cells, "quad4", mesh.boundaries, [0, 1], ("a", "b"))
    problem = ms.fe.Problem(two, [PLATE, PLATE])
    ones = jnp.ones((6, 2))
    for lumped in (False, True):
        mass = mass_matrix(problem, {"a": 1.0, "b": 3.0}, lumped)
        np.testing.assert_allclose(jnp.vdot(ones, mass.apply(ones)), 8.0, rtol=1e-14)
    with pytest.raises(ValueError, match="density"):
        mass_matrix(problem, {"a": 1.0})
    with pytest.raises(ValueError, match="density"):
        mass_matrix(problem, -1.0)
    with pytest.raises(ValueError, match="density"):
        mass_matrix(problem, [1.0])
    with pytest.raises(ValueError, match="count"):
        vibration(problem, count=0)
    with pytest.raises(ValueError, match="linear"):
        buckling(ms.fe.Problem(mesh, ms.IsotropicElastic(1.0, 0.3, 2), [ms.fe.Dirichlet("x-")]), 1)
    follows = ms.fe.Problem(mesh, PLATE, [ms.fe.Dirichlet("x-")], [ms.fe.Pressure("x+", 1.0)])
    with pytest.raises(ValueError, match="symmetric"):
        vibration(follows)
