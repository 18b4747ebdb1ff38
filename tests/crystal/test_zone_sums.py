"""Meshes, density of states, slopes of frequencies, and functions of dynamical matrices."""

import decimal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax import units
from msjax.crystal.lattice import Crystal
from msjax.crystal.phonons.density_of_states import share_below
from msjax.crystal.phonons.mesh import extrapolated_mesh, simplices, zone_mesh
from msjax.crystal.phonons.oscillator import HBAR, Oscillator
from msjax.crystal.phonons.spectral import divided_difference, matrix_function, spectrum, trace

SHEAR = np.array([[1.02, 0.015, 0.0], [-0.01, 0.99, 0.02], [0.005, 0.0, 1.01]])
ROOM = jnp.array(300.0)


def chain(**options):
    return ms.CauchyBorn(ms.bulk("X", "chain", a=1.0), ms.Springs(stiffness=[1.7], length=[1.0]), **options)


def copper():
    return ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))


def silicon():
    return ms.CauchyBorn(ms.bulk("Si", "diamond", a=5.43095), ms.StillingerWeber())


# -- meshes ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("gamma", [True, False])
def test_a_mesh_integrates_every_fourier_series_that_it_resolves(dim, gamma):
    """Means of cos 2πq·m vanish but for m = 0 up to the mesh's own lattice."""
    points = 6
    mesh = zone_mesh(dim, points, gamma)
    integers = np.stack(np.meshgrid(*(np.arange(-6, 7),) * dim, indexing="ij"), axis=-1).reshape(-1, dim)
    means = np.cos(2 * np.pi * mesh.q @ integers.T).T @ mesh.weights
    every = points if gamma else points // 2
    aliased = np.all(integers % every == 0, axis=1)
    np.testing.assert_allclose(means[~aliased], 0.0, atol=1e-13)
    np.testing.assert_allclose(means[np.all(integers == 0, axis=1)], 1.0)
    if not gamma:  # the coarse mesh's images count little, with the other sign
        partly = aliased & ~np.all(integers % points == 0, axis=1)
        np.testing.assert_allclose(means[partly], -1.0 / (2**dim - 1))
        assert np.min(np.max(np.abs(mesh.q), axis=1)) > 0


def test_a_mesh_keeps_the_symmetry_of_the_lattice():
    """Diagonal sums of a cubic crystal's squared frequencies along the axes are equal on the mesh."""
    mesh = zone_mesh(3, 4)
    reciprocal = np.linalg.inv(np.asarray(copper().crystal.cell)).T
    k = mesh.q @ reciprocal
    moment = np.einsum(
        "q,qi,qj->ij", mesh.weights, np.sin(2 * np.pi * k * 3.615 / 2), np.sin(2 * np.pi * k * 3.615 / 2)
    )
    np.testing.assert_allclose(moment, moment[0, 0] * np.eye(3), atol=1e-14)


def test_the_extrapolated_mesh_gives_watsons_integral():
    """⟨1/Σ(1 − cos)⟩ over the simple cubic zone: 0.505462 (doi:10.1093/qmath/os-10.1.266)."""
    exact = 0.5054620197
    errors = []
    for points in (12, 24):
        mesh = extrapolated_mesh(points)
        value = mesh.weights @ (1.0 / np.sum(1.0 - np.cos(2 * np.pi * mesh.q), axis=1))
        errors.append(abs(value - exact))
    plain = zone_mesh(3, 24)
    naive = abs(plain.weights @ (1.0 / np.sum(1.0 - np.cos(2 * np.pi * plain.q), axis=1)) - exact)
    assert errors[0] / errors[1] > 6.0  # third order
    assert errors[1] < 1e-3 * exact < 0.1 * naive


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_simplices_fill_the_zone(dim):
    q, corners = simplices(dim, 5)
    assert corners.shape == (5**dim * {1: 1, 2: 2, 3: 6}[dim], dim + 1)
    counts = np.bincount(corners.ravel(), minlength=len(q))
    mesh = zone_mesh(dim, 5, True)
    np.testing.assert_allclose(np.sort(counts / counts.sum()), np.sort(mesh.weights))


# -- density of states -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_the_share_of_a_simplex_below_a_level(dim):
    """Against random points of the simplex; equal corners included."""
    rng = np.random.default_rng(dim)
    barycentric = rng.dirichlet(np.ones(dim + 1), 400_000)
    corners = np.sort(rng.uniform(size=(4, dim + 1)), axis=1)
    corners[1, :2] = corners[1, 0]
    corners[2, -2:] = corners[2, -1]
    corners[3] = corners[3, 0]
    for ends in corners:
        values = barycentric @ ends
        for level in (-0.1, 0.2, 0.45, 0.6, 0.9, 1.1):
            found = share_below(jnp.array(level), jnp.asarray(ends))
            assert abs(float(found) - np.mean(values < level)) < 3e-3


@pytest.mark.parametrize("smearing", [None, 0.6])
def test_states_of_the_chain(smearing):
    """g = (2/π)/√(ν_max² − ν²)."""
    largest = 2.0 * np.sqrt(1.7) / (2 * np.pi * units.THz)
    edges = largest * np.linspace(-0.3, 1.3, 33)
    found = ms.phonons.density_of_states(chain(), points=400, edges=edges, smearing=smearing)
    inside = np.clip(edges / largest, 0.0, 1.0)
    expected = np.diff(2 / np.pi * np.arcsin(inside)) / np.diff(edges)
    if smearing is None:
        np.testing.assert_allclose(found.density, expected, atol=2e-3 * expected.max())
    else:
        flat = slice(8, 20)
        np.testing.assert_allclose(found.density[flat], expected[flat], rtol=2e-2)
    assert abs(float(found.states) - 1.0) < 1e-9


@pytest.mark.slow
def test_states_are_counted_and_have_debyes_law():
    """All modes of copper are there, and few enough frequencies lie below a small one: N = V ν³ Σ ∫dΩ/4π 4π/3c³."""
    material = copper()
    plain = ms.phonons.density_of_states(material, points=12)
    smeared = ms.phonons.density_of_states(material, points=12, smearing=0.1)
    assert abs(float(plain.states) - 3.0) < 1e-9
    assert abs(float(smeared.states) - 3.0) < 1e-6
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(400, 3))
    directions /= np.linalg.norm(directions, axis=1)[:, None]
    tensors = jax.vmap(lambda n: ms.phonons.acoustic_tensor(material, n, throw=False))(jnp.asarray(directions))
    density = float(material.crystal.masses[0] / material.crystal.volume)
    inverse_cubes = np.mean(np.sum((np.linalg.eigvalsh(tensors) / density) ** -1.5, axis=1))
    level = 1.2
    expected = float(material.crystal.volume) * 4 * np.pi / 3 * (level * units.THz) ** 3 * inverse_cubes
    found = ms.phonons.density_of_states(material, points=24, edges=[-1.0, level]).states
    assert abs(float(found) / expected - 1.0) < 0.06


# -- slopes ------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("make", [copper, pytest.param(silicon, marks=pytest.mark.slow)], ids=["copper", "silicon"])
def test_group_velocities_are_differences_of_frequencies(make):
    material = make()
    q = np.array([[0.11, -0.27, 0.36], [0.21, 0.05, -0.4]])
    found = np.asarray(ms.phonons.group_velocities(material, q, SHEAR))
    current = np.asarray(material.crystal.cell) @ SHEAR.T
    step = 1e-5
    for i in range(3):
        dq = current @ (step * np.eye(3)[i]) / (2 * np.pi)  # rows of the cell times k
        plus, minus = (np.asarray(ms.phonons.frequencies(material, q + s * dq, SHEAR)) for s in (1, -1))
        np.testing.assert_allclose(found[:, :, i], 2 * np.pi * (plus - minus) / (2 * step), rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_at_a_degeneracy_branches_have_their_own_slopes():
    """Along Γ–X of copper the transverse branches cross with equal, at X with opposite slopes along X–W."""
    material = copper()
    x, toward = np.array([[0.5, 0.0, 0.5]]), np.array([1.0, 0.0, 0.0])
    reduced = np.asarray(material.crystal.cell) @ toward / (2 * np.pi)
    slopes = np.sort(np.asarray(ms.phonons.group_velocities(material, x, direction=toward))[0])
    step = 1e-4
    plus = np.sort(np.asarray(ms.phonons.frequencies(material, x + step * reduced))[0])
    rest = np.sort(np.asarray(ms.phonons.frequencies(material, x))[0])
    np.testing.assert_allclose(slopes, np.sort(2 * np.pi * (plus - rest) / step), atol=2e-3)
    # vectors are means over the cluster, turned with the crystal
    line = np.array([[0.2, 0.0, 0.2]])
    vectors = np.asarray(ms.phonons.group_velocities(material, line))[0]
    np.testing.assert_allclose(vectors[0], vectors[1], atol=1e-12)
    assert np.all(np.isnan(ms.phonons.group_velocities(material, np.zeros((1, 3)))))


@pytest.mark.slow
@pytest.mark.parametrize("make", [copper, pytest.param(silicon, marks=pytest.mark.slow)], ids=["copper", "silicon"])
def test_gruneisen_parameters_are_differences_of_logarithms(make):
    material = make()
    q = np.array([[0.11, -0.27, 0.36], [0.5, 0.5, 0.5]])
    found = ms.phonons.gruneisen(material, q, SHEAR)
    strain = np.array([[0.3, 0.1, -0.2], [0.1, -0.4, 0.15], [-0.2, 0.15, 0.2]])
    step = 1e-5
    ends = [np.asarray(ms.phonons.frequencies(material, q, (np.eye(3) + s * step * strain) @ SHEAR)) for s in (1, -1)]
    expected = -(np.log(ends[0]) - np.log(ends[1])) / (2 * step)
    np.testing.assert_allclose(np.einsum("qnij,ij->qn", found.tensor, strain), expected, rtol=1e-5, atol=1e-6)
    ends = [np.asarray(ms.phonons.frequencies(material, q, (1 + s * step) * SHEAR)) for s in (1, -1)]
    np.testing.assert_allclose(found.mode, -(np.log(ends[0]) - np.log(ends[1])) / (6 * step), rtol=1e-5, atol=1e-6)


# -- functions of matrices ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantum", [True, False])
def test_divided_differences_from_far_to_equal(quantum):
    """Against quotients in many digits; the switch between the two ways must not show."""
    decimal.getcontext().prec = 60
    kt = decimal.Decimal(units.kB * 300.0)

    def exact(x):
        omega = decimal.Decimal(HBAR) * x.sqrt()
        if quantum:
            return omega / 2 + kt * (1 - (-omega / kt).exp()).ln()
        return kt * (omega / kt).ln()

    def quotients(points):
        if len(points) == 1:
            return exact(points[0])
        return (quotients(points[1:]) - quotients(points[:-1])) / (points[-1] - points[0])

    spreads = np.array([1e-9, 1e-4, 0.1, 0.2499 / 0.7501, 0.2501 / 0.7499, 1.0, 30.0])
    for order in (1, 2, 3):
        points = [0.013 * (1 + spreads * n / order) for n in range(order + 1)]
        expected = [float(quotients([decimal.Decimal(float(x)) for x in at])) for at in zip(*points, strict=True)]
        found = jax.jit(lambda p: divided_difference(Oscillator(quantum), p, ROOM))([jnp.asarray(p) for p in points])
        np.testing.assert_allclose(found, expected, rtol=1e-10)


def test_the_zero_point_and_the_cold():
    quantum, omega2 = Oscillator(True), jnp.array([0.01, 0.3])
    np.testing.assert_allclose(quantum(omega2, jnp.array(0.0)), 0.5 * HBAR * np.sqrt(omega2), rtol=1e-15)
    for function in (quantum.warmer(), quantum.warmer(2), quantum.slope().warmer()):
        at = jax.jit(lambda t, function=function: function(omega2, t))
        for temperature in (0.0, 1e-3, 1e-200):
            assert np.all(np.asarray(at(jnp.array(temperature))) == 0.0)


def degenerate_matrices():
    """A cluster of three, a pair, and separate eigenvalues, not diagonal and complex."""
    rng = np.random.default_rng(5)
    found = []
    for values in ([0.1, 0.1, 0.1, 0.4], [0.1, 0.100000001, 0.3, 0.3], [0.02, 0.1, 0.5, 0.9]):
        u = np.linalg.qr(rng.normal(size=(4, 4)) + 1j * rng.normal(size=(4, 4)))[0]
        found.append(u @ np.diag(values) @ u.conj().T)
    steps = rng.normal(size=(3, 3, 4, 4)) + 1j * rng.normal(size=(3, 3, 4, 4))
    return np.array(found), steps + steps.conj().swapaxes(-1, -2)


@pytest.mark.slow
def test_traces_have_right_derivatives_at_degeneracies():
    """To third order, forward over reverse, against differences of the trace itself."""
    matrices, steps = degenerate_matrices()
    weights, function = jnp.array([0.2, 0.5, 0.3]), Oscillator(True)

    @jax.jit
    def total(x):
        of, _ = spectrum(matrices + jnp.tensordot(x.astype(complex), steps, axes=1))
        return trace(function, of, weights, ROOM)

    third = jax.jit(jax.jacfwd(jax.jacfwd(jax.jacrev(total))))
    second = jax.jit(jax.hessian(total))
    first = jax.jit(jax.grad(total))
    x, h = jnp.array([1e-3, -2e-3, 5e-4]), 1e-4
    for point in (jnp.zeros(3), x):
        for n in range(3):
            e = h * jnp.eye(3)[n]
            value = (total(point + e) - total(point - e)) / (2 * h)
            np.testing.assert_allclose(first(point)[n], value, rtol=1e-4)
            slope = (first(point + e) - first(point - e)) / (2 * h)
            np.testing.assert_allclose(second(point)[n], slope, rtol=1e-3, atol=1e-3 * np.max(np.abs(second(point))))
            curvature = (second(point + e) - second(point - e)) / (2 * h)
            size = np.max(np.abs(third(point)))
            np.testing.assert_allclose(third(point)[n], curvature, atol=2e-3 * size)
    # also where only reverse mode is used
    thrice = jax.jit(jax.jacrev(jax.jacrev(jax.jacrev(total))))(x)
    np.testing.assert_allclose(thrice, third(x), atol=1e-9 * np.max(np.abs(thrice)))
    # and what would lack a part is no number
    assert np.all(np.isnan(jax.jit(jax.jacrev(jax.jacrev(jax.jacrev(jax.jacrev(total)))))(x)))


def test_matrix_functions_and_their_temperature():
    matrices, _ = degenerate_matrices()
    function = Oscillator(True).slope()

    def at(t):
        return matrix_function(function, spectrum(jnp.asarray(matrices))[0], t)

    at = jax.jit(at)
    values, change = jax.jit(lambda t: jax.jvp(at, (t,), (jnp.ones(()),)))(ROOM)
    omega = np.sqrt(np.linalg.eigvalsh(matrices))
    x = HBAR * omega / (units.kB * 300.0)
    np.testing.assert_allclose(np.linalg.eigvalsh(values)[:, ::-1], HBAR / (4 * omega) / np.tanh(x / 2), rtol=1e-10)
    numeric = (at(ROOM + 0.01) - at(ROOM - 0.01)) / 0.02
    np.testing.assert_allclose(change, numeric, atol=1e-9 * np.max(np.abs(numeric)) + 1e-12)


@pytest.mark.slow
def test_bad_arguments_are_named():
    material = chain()
    with pytest.raises(ValueError, match="points: expected a positive integer"):
        ms.phonons.density_of_states(material, points=0)
    with pytest.raises(ValueError, match="points: expected an even number"):
        zone_mesh(3, 5)
    with pytest.raises(ValueError, match="smearing"):
        ms.phonons.density_of_states(material, smearing=-1.0)
    with pytest.raises(ValueError, match="edges: must ascend"):
        ms.phonons.density_of_states(material, edges=[0.0, 2.0, 1.0])
    with pytest.raises(ValueError, match="direction"):
        ms.phonons.group_velocities(material, [[0.1]], direction=[0.0])
    two = Crystal([[2.0]], [[0.0], [1.0]], ("X", "X"), masses=[1.0, 3.0])
    assert ms.phonons.density_of_states(ms.CauchyBorn(two, ms.Springs([1.0], [1.0])), points=8).states > 1.99


@pytest.mark.slow
def test_states_change_with_the_springs():
    """Derivatives in a parameter, against differences."""
    edges = np.linspace(0.0, 2.9, 7) * np.sqrt(1.7) / (2 * np.pi * units.THz)

    def density(k):
        material = eqx.tree_at(lambda m: m.potential.stiffness, chain(), jnp.array([k]))
        return ms.phonons.density_of_states(material, points=50, edges=edges, throw=False).density

    slope = jax.jacfwd(density)(1.7)
    numeric = (density(1.7 + 1e-6) - density(1.7 - 1e-6)) / 2e-6
    np.testing.assert_allclose(slope, numeric, atol=1e-6)
