"""The surface at a temperature: against sums over pairs written out in numpy, limits, laws, derivatives, failures."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.constants

import msjax as ms
from msjax.crystal.neighbours import find
from msjax.crystal.phonons import dynamical_matrix
from msjax.crystal.phonons.waves import coefficients, hermitian, lattice_vectors, phases
from msjax.crystal.surfaces import QuasiHarmonicSurface, Surface, at_temperature, constants
from msjax.crystal.surfaces.vibrations import dynamical_matrices
from msjax.status import Code, SolveError

EPSILON, SIGMA, CUT = 0.0103, 3.4, 6.4


def argon(temperature=20.0, **options):
    """Lennard-Jones atoms that feel three shells, at their static equilibrium."""
    potential = ms.LennardJones(EPSILON, SIGMA, outer=CUT, ending="shifted")
    static = ms.CauchyBorn(ms.bulk("Ar", "fcc", a=5.27), potential)
    return ms.QuasiHarmonic(static, temperature, points=4, **options)


def face(temperature=20.0, **options):
    return QuasiHarmonicSurface(argon(temperature, **options), "100", points=4, repeats=5)


@eqx.filter_jit
def without_tangent(surface, strain):
    found = surface.respond(strain)
    return found.energy, found.stress, found.state


# -- waves -------------------------------------------------------------------------------------------------------------


CRYSTALS = {
    "embedded": lambda: ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu")),
    "angles": lambda: ms.CauchyBorn(ms.bulk("Si", "diamond", a=5.431), ms.StillingerWeber()),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CRYSTALS)
def test_the_same_waves_as_by_lattice_vectors(name):
    material = CRYSTALS[name]()
    crystal = material.crystal
    bonds = find(
        np.asarray(crystal.cell), np.asarray(crystal.basis), crystal.species, float(material.potential.cutoff),
        reduced=False,
    )  # fmt: skip
    q = np.array([[0.1, 0.2, 0.3], [0.5, 0.5, 0.0], [0.25, 0.1, 0.0]])
    r = bonds.vectors(crystal.cell, crystal.basis)
    mine = eqx.filter_jit(dynamical_matrices)(bonds, material.potential, r, crystal.masses, q)
    np.testing.assert_allclose(mine, dynamical_matrix(material, q), atol=1e-14)


@pytest.mark.slow
def test_waves_of_a_slab_are_those_of_a_crystal_with_a_gap():
    """Three layers of embedded atoms in two periods, and in three with vacuum between the slabs."""
    a, layers, vacuum = 3.6, 3, 12.0
    plane = a * np.array([[0.5, 0.5, 0.0], [0.5, -0.5, 0.0]])
    basis = np.array([[0.5 * a * (n % 2), 0.0, 0.5 * a * n] for n in range(layers)])
    thick = 0.5 * a * layers + vacuum
    crystal = ms.Crystal(np.array([*plane, [0.0, 0.0, thick]]), basis, ("Cu",) * layers)
    potential = ms.EAM.gupta("Cu")
    whole = ms.CauchyBorn(crystal, potential)
    bonds = find(plane, basis, crystal.species, float(potential.cutoff), reduced=False)
    along = np.array([[0.25, 0.0], [0.3, 0.4]])
    r = bonds.vectors(jnp.asarray(plane), jnp.asarray(basis))
    mine = eqx.filter_jit(dynamical_matrices)(bonds, potential, r, crystal.masses, along)

    @eqx.filter_jit
    def of_crystal(whole):
        waves, _ = coefficients(whole, jnp.eye(3), whole.initial_state())
        table = phases(lattice_vectors(whole), jnp.asarray(np.pad(along, ((0, 0), (0, 1)))))
        return hermitian(waves, table).dense()

    np.testing.assert_allclose(mine * float(crystal.masses[0]), of_crystal(whole), atol=1e-13)


# -- free energies written out -----------------------------------------------------------------------------------------


def pair(r):
    """φ, φ′ and φ″ of the Lennard-Jones pair, 0 beyond the cut-off."""
    x6, c6 = (SIGMA / r) ** 6, (SIGMA / CUT) ** 6
    near = r < CUT
    value = 4 * EPSILON * (x6**2 - x6 - c6**2 + c6)
    slope = 4 * EPSILON * (-12 * x6**2 + 6 * x6) / r
    bend = 4 * EPSILON * (156 * x6**2 - 42 * x6) / r**2
    return near * value, near * slope, near * bend


def written_out(positions, periods, waves, weights, mass, temperature, quantum):
    """Free energy per cell, eV: half the pairs, and the oscillators of D_ij(k) = δ_ij ΣK − Σ K e^{ik·(x_j − x_i)}."""
    kT = scipy.constants.k / scipy.constants.e * temperature
    hbar = scipy.constants.hbar / scipy.constants.e / np.sqrt(scipy.constants.atomic_mass / scipy.constants.e) * 1e10
    n, reach = len(positions), range(-3, 4)
    total, matrix = 0.0, np.zeros((len(waves), n, 3, n, 3), complex)
    for steps in np.array(np.meshgrid(*([reach] * len(periods)))).reshape(len(periods), -1).T:
        for i in range(n):
            for j in range(n):
                d = positions[j] + steps @ periods - positions[i]
                r = np.linalg.norm(d)
                if 1e-9 < r < CUT:
                    value, slope, bend = pair(r)
                    total += 0.5 * value
                    k = bend * np.outer(d, d) / r**2 + slope / r * (np.eye(3) - np.outer(d, d) / r**2)
                    matrix[:, i, :, i, :] += k
                    matrix[:, i, :, j, :] -= k * np.exp(1j * waves @ (steps @ periods))[:, None, None]
    omega = np.sqrt(np.linalg.eigvalsh(matrix.reshape(len(waves), 3 * n, 3 * n) / mass))
    x = hbar * omega / kT
    each = kT * (0.5 * x + np.log(-np.expm1(-x))) if quantum else kT * np.log(x)
    return total + weights @ each.sum(axis=1)


@pytest.mark.slow
@pytest.mark.parametrize("quantum", [True, False], ids=["quantum", "classical"])
def test_energy_stress_and_layers_against_free_energies_written_out(quantum):
    """Γ to 1e-9 of itself; its derivative along the face τ; no force on any layer, no traction in the bulk."""
    temperature = 30.0
    surface = face(temperature, quantum=quantum)
    strain = np.diag([1.004, 0.998])
    energy, stress, state = (np.asarray(x) for x in without_tangent(surface, jnp.asarray(strain)))
    crystal, slab = surface.material.material.crystal, surface.slab
    mass = float(crystal.masses[0])
    at_rest = np.asarray(slab.positions(crystal.cell, crystal.basis))
    axes = np.asarray(slab.face.axes(crystal.cell))
    of_face = np.array([*slab.face.plane, slab.face.stacking]) @ np.asarray(crystal.cell) @ axes.T
    steps = np.array([(i, j) for i in range(4) for j in range(4) if i % 2 or j % 2]) / 4.0
    across = (np.arange(16) + 0.5) / 16

    def free(strain, column, u, parts=False):
        deformation = np.eye(3)
        deformation[:2, :2] = strain
        deformation[:, 2] += column
        periods = of_face @ deformation.T
        positions = at_rest @ deformation.T + slab.pattern @ u
        along = 2 * np.pi * np.linalg.pinv(periods[:2, :2]) @ steps.T
        even = np.full(len(steps), 1 / len(steps))
        one = written_out(positions, periods[:2], np.pad(along.T, ((0, 0), (0, 1))), even, mass, temperature, quantum)
        q = np.array([(*s, z) for s in steps for z in across])
        waves = (2 * np.pi * np.linalg.inv(periods) @ q.T).T
        alike = np.full(len(q), 1 / len(q))
        other = written_out(np.zeros((1, 3)), periods, waves, alike, mass, temperature, quantum)
        return (one, other) if parts else one - slab.repeats * other

    def central(function, h=1e-4):
        return (function(h) - function(-h)) / (2 * h)

    faces = 2 * float(surface.area)
    column, u = state[0], state[1:]
    np.testing.assert_allclose(energy, free(strain, column, u) / faces, rtol=1e-8)
    for axis in range(2):
        step = np.diag(np.eye(2)[axis])
        slope = central(lambda h, step=step: free(strain + h * step, column, u)) / faces
        np.testing.assert_allclose(stress[axis, axis], slope, rtol=1e-6)
    for layer in range(len(u)):
        raised = np.zeros_like(u)
        raised[layer, 2] = 1.0
        force = central(lambda h, raised=raised: free(strain, column, u + h * raised, True)[0])
        assert abs(force) < 2e-8  # eV/Å; the static force there is 1e-3
    assert abs(central(lambda h: free(strain, column + np.array([0, 0, h]), u, True)[1])) < 2e-8


# -- limits and laws ---------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_cold_classical_atoms_are_the_static_surface():
    """Γ and τ of the static crystal, from below 1e-3 K."""
    cold = at_temperature(face(20.0, quantum=False), 1e-4)
    static = Surface(ms.equilibrium(argon().material).material, "100", repeats=5)
    expected = constants(static)
    np.testing.assert_allclose(cold.stress, expected.stress, atol=1e-5 * float(expected.tau0))
    np.testing.assert_allclose(cold.energy, expected.energy, rtol=1e-5)


@pytest.mark.slow
def test_heavy_quantum_atoms_are_classical():
    """But for (ħω)²/24kT a mode: half as much for twice the mass. What classical atoms do does not depend on it."""

    def responses(mass):
        def with_mass(surface):
            return eqx.tree_at(lambda s: s.material.material.crystal.masses, surface, jnp.array([mass]))

        return [without_tangent(with_mass(face(20.0, quantum=q)), jnp.eye(2))[:2] for q in (True, False)]

    (heavy, classical), (heavier, also) = responses(1000.0), responses(2000.0)
    np.testing.assert_allclose(classical[1], also[1], atol=1e-9)
    for one, other, limit in zip(heavy, heavier, (classical[0], also[1])):
        first, second = np.ravel(one - limit)[0], np.ravel(other - limit)[0]
        np.testing.assert_allclose(first / second, 2.0, rtol=0.01)
        assert abs(second) < 5e-3 * abs(np.ravel(limit)[0])


@pytest.mark.slow
def test_tangent_and_stress_are_derivatives():
    surface = face(30.0)
    strain, h = jnp.array([[1.003, 0.002], [0.0, 0.997]]), 1e-5
    found = surface.respond(strain)
    for i, j in ((0, 0), (0, 1)):
        step = jnp.zeros((2, 2)).at[i, j].set(h)
        up, down = surface.respond(strain + step), surface.respond(strain - step)
        np.testing.assert_allclose(found.stress[i, j], (up.energy - down.energy) / (2 * h), rtol=1e-5, atol=1e-9)
        slope = (up.stress - down.stress) / (2 * h)
        np.testing.assert_allclose(found.tangent[:, :, i, j], slope, atol=1e-6 * float(jnp.max(jnp.abs(found.tangent))))


@pytest.mark.slow
def test_gradients_in_temperature_and_potential_and_the_third_law():
    """dτ(T)/dT and dτ(T)/dσ in reverse mode, through the equilibrium of the bulk and of the layers, against central
    differences; towards absolute zero the former vanishes."""
    surface = face(20.0)

    def tau(temperature, sigma):
        moved = eqx.tree_at(lambda s: s.material.material.potential.sigma, surface, sigma)
        return at_temperature(moved, temperature, throw=False).stress[0, 0]

    gradient, tau = jax.jit(jax.grad(tau, argnums=(0, 1))), jax.jit(tau)
    t, sigma = jnp.asarray(20.0), jnp.asarray(SIGMA)
    of_t, of_sigma = gradient(t, sigma)
    h = 0.02
    np.testing.assert_allclose(of_t, (tau(t + h, sigma) - tau(t - h, sigma)) / (2 * h), rtol=1e-5)
    h = 1e-4
    np.testing.assert_allclose(of_sigma, (tau(t, sigma + h) - tau(t, sigma - h)) / (2 * h), rtol=1e-5)
    assert float(of_t) < 0.0
    assert abs(float(gradient(jnp.asarray(0.5), sigma)[0])) < 1e-6 * abs(float(of_t))


# -- failures ----------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_batch_with_a_member_below_zero_and_one_too_hot():
    surface = face()
    found = jax.vmap(lambda t: at_temperature(surface, t, throw=False))(jnp.array([20.0, -1.0, 3000.0]))
    assert np.asarray(found.status.failed).tolist() == [False, True, True]
    assert np.isfinite(np.asarray(found.stress)).all(axis=(1, 2)).tolist() == [True, False, False]
    np.testing.assert_allclose(found.stress[0], at_temperature(surface, 20.0).stress, atol=1e-12)


@pytest.mark.slow
def test_a_stretched_face_has_a_soft_wave():
    found = face(30.0).respond(1.3 * jnp.eye(2))
    assert found.status.failed
    assert int(found.status.code) == Code.NONFINITE
    assert np.isnan(float(found.energy))
    with pytest.raises(SolveError, match="surface at a temperature"):
        at_temperature(face(30.0), 3000.0)


def test_errors():
    with pytest.raises(ValueError, match="points"):
        QuasiHarmonicSurface(argon(), "100", points=3)
    with pytest.raises(ValueError, match="repeats"):
        QuasiHarmonicSurface(argon(), "100", repeats=2)
    with pytest.raises(ValueError, match="temperature"):
        at_temperature(face(), -1.0)
