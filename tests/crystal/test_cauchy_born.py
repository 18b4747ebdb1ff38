"""Cauchy–Born as a material: frames, cells, shifts, batches, statuses."""

import itertools

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.status import Code

STRAIN = jnp.array([[1.03, 0.02, -0.01], [0.01, 0.97, 0.015], [-0.005, 0.01, 1.02]])


@pytest.fixture(scope="module")
def silicon():
    return CauchyBorn(ms.bulk("Si", "diamond", 5.43), ms.StillingerWeber())


@pytest.fixture(scope="module")
def copper():
    return CauchyBorn(ms.bulk("Cu", "fcc", 3.615), ms.EAM.gupta("Cu"))


def rotation(seed, dim=3):
    q = np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))[0]
    return jnp.asarray(q * np.sign(np.linalg.det(q)))


def supercell(crystal, matrix):
    """The same atoms in a larger cell."""
    cell = np.asarray(matrix) @ np.asarray(crystal.cell)
    count = round(abs(np.linalg.det(matrix)))
    found = []
    for n in itertools.product(range(-3, 4), repeat=crystal.dim):
        for atom in np.asarray(crystal.basis) + np.array(n) @ np.asarray(crystal.cell):
            fractional = np.linalg.solve(cell.T, atom)
            if np.all(fractional > -1e-9) and np.all(fractional < 1 - 1e-9):
                found.append(atom)
    assert len(found) == count * crystal.atoms_per_cell
    return ms.Crystal(cell, np.array(found), (crystal.species[0],) * len(found))


@pytest.mark.slow
@pytest.mark.parametrize("which", ["copper", "silicon"])
def test_frame_invariance_and_material_symmetry(which, request):
    """W(QF) = W(F), P(QF) = Q P(F); and W(FQ) = W(F) for a rotation of the crystal's own group."""
    material = request.getfixturevalue(which)
    q = rotation(1)
    here, there = material.respond(STRAIN), material.respond(q @ STRAIN)
    assert float(there.energy) == pytest.approx(float(here.energy), rel=1e-13)
    np.testing.assert_allclose(there.stress, q @ here.stress, atol=1e-13)
    turned = jnp.einsum("ia,aJbL,kb->iJkL", q, here.tangent, q)
    np.testing.assert_allclose(there.tangent, turned, atol=1e-11)
    np.testing.assert_allclose(there.state, here.state @ q.T, atol=1e-10)
    cubic = jnp.array([[0.0, -1.0, 0.0], [0.0, 0.0, 1.0], [-1.0, 0.0, 0.0]])  # 3-fold axis of the tetrahedron
    assert float(jnp.linalg.det(cubic)) == pytest.approx(1.0)
    mapped = material.respond(STRAIN @ cubic)
    assert float(mapped.energy) == pytest.approx(float(here.energy), rel=1e-12)
    np.testing.assert_allclose(mapped.stress, here.stress @ cubic, atol=1e-12)


@pytest.mark.slow
def test_a_larger_cell_of_the_same_crystal_is_the_same_material(silicon, copper):
    for material, matrix in (
        (silicon, [[1, 1, 0], [0, 1, 0], [0, 0, 1]]),  # another cell of the same size
        (silicon, [[2, 0, 0], [0, 1, 0], [0, 0, 1]]),
        (copper, [[-1, 1, 1], [1, -1, 1], [1, 1, -1]]),  # the cubic cell of four
    ):
        larger = CauchyBorn(supercell(material.crystal, matrix), material.potential)
        one, many = material.respond(STRAIN), larger.respond(STRAIN)
        assert float(many.energy) == pytest.approx(float(one.energy), rel=1e-13)
        np.testing.assert_allclose(many.stress, one.stress, atol=1e-12)
        np.testing.assert_allclose(many.tangent, one.tangent, atol=1e-10)


@pytest.mark.slow
def test_bcc_embedded_atom_against_a_sum_over_atoms():
    """The Bravais kernel on bcc, against the energy of a block written as a plain sum."""
    potential = ms.EAM.gupta("Cu")
    crystal = ms.bulk("Cu", "bcc", 2.87)
    images = np.array(list(itertools.product(range(-5, 6), repeat=3)), float)

    def energy(deformation):
        vectors = jnp.asarray(images @ np.asarray(crystal.cell)) @ deformation.T
        r2 = jnp.sum(vectors**2, axis=1)
        bond = r2 > 1e-9
        r2 = jnp.where(bond, r2, 1e4)
        return (jnp.sum(potential.pair(r2)) + potential.embed(jnp.sum(potential.density(r2), axis=1))) / crystal.volume

    response = CauchyBorn(crystal, potential).respond(STRAIN)
    assert float(response.energy) == pytest.approx(float(energy(STRAIN)), rel=1e-13)
    np.testing.assert_allclose(response.stress, jax.jit(jax.grad(energy))(STRAIN), atol=1e-13)
    np.testing.assert_allclose(response.tangent, jax.jit(jax.hessian(energy))(STRAIN), atol=1e-11)


@pytest.mark.slow
def test_relaxed_shift_is_a_minimum_and_lowers_the_energy(silicon):
    relaxed = silicon.respond(STRAIN)
    clamped = CauchyBorn(silicon.crystal, silicon.potential, inner="clamped").respond(STRAIN)
    assert float(relaxed.energy) < float(clamped.energy)
    assert np.all(np.asarray(clamped.state) == 0.0)
    for seed in range(3):
        moved = relaxed.state + 1e-3 * np.random.default_rng(seed).normal(size=relaxed.state.shape)
        # hold the shift by putting it into the basis, where F carries it along
        basis = silicon.crystal.basis.at[1].add(jnp.linalg.solve(STRAIN, moved[0]))
        held = eqx.tree_at(
            lambda m: m.crystal.basis, CauchyBorn(silicon.crystal, silicon.potential, inner="clamped"), basis
        )
        assert float(held.respond(STRAIN).energy) > float(relaxed.energy)
    # P and A are derivatives of the relaxed W
    np.testing.assert_allclose(
        jax.jit(jax.grad(lambda F: silicon.respond(F).energy))(STRAIN), relaxed.stress, atol=1e-12
    )
    np.testing.assert_allclose(
        jax.jit(jax.jacfwd(lambda F: silicon.respond(F).stress))(STRAIN), relaxed.tangent, atol=1e-10
    )


@pytest.mark.slow
def test_a_warm_start_is_not_history(silicon):
    cold = silicon.respond(STRAIN)
    warm = silicon.respond(STRAIN, cold.state + 0.01)
    np.testing.assert_allclose(warm.stress, cold.stress, atol=1e-13)
    slope = jax.jit(jax.jacfwd(lambda s: silicon.respond(STRAIN, s).stress))(cold.state + 0.01)
    assert np.all(np.asarray(slope) == 0.0)
    assert int(silicon.respond(STRAIN, cold.state).status.iterations) <= 2


@pytest.mark.slow
def test_user_site_energy_is_the_closed_form():
    """A site energy of the user's own takes the general route to the same (W, P, A)."""
    potential = ms.LennardJones(inner=1.8, outer=2.2)

    def site(vectors, parameters):
        return jnp.sum(parameters.pair(jnp.sum(vectors**2, axis=1)))

    own = ms.SiteEnergy(site, cutoff=2.2, parameters=potential)
    for crystal in (ms.bulk("X", "fcc", 1.55), ms.Crystal(1.3 * np.eye(3), [[0, 0, 0], [0.6, 0.65, 0.7]], ("X", "X"))):
        mine, closed = CauchyBorn(crystal, own).respond(STRAIN), CauchyBorn(crystal, potential).respond(STRAIN)
        assert mine.status.code == closed.status.code
        for a, b in zip(mine[:4], closed[:4]):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9)


@pytest.mark.slow
def test_batch_is_a_loop_and_jit_is_eager(silicon):
    rng = np.random.default_rng(5)
    batch = jnp.asarray(np.eye(3) + rng.uniform(-0.04, 0.04, (4, 3, 3)))
    together = jax.vmap(lambda F: silicon.respond(F))(batch)
    for n in range(4):
        alone = silicon.respond(batch[n])
        for name in ("energy", "stress", "tangent", "state"):
            np.testing.assert_allclose(getattr(together, name)[n], getattr(alone, name), atol=1e-12)
    assert together.status.code.tolist() == [Code.CONVERGED] * 4


def test_unstable_is_a_result(copper):
    """Beyond the strength of the lattice the tangent is indefinite: flagged, finite, differentiable."""
    stretched = copper.respond(1.25 * jnp.eye(3))
    assert stretched.status.code == Code.CONVERGED
    assert stretched.tangent_status.code == Code.UNSTABLE
    assert np.all(np.isfinite(stretched.tangent))
    assert copper.respond(jnp.eye(3)).tangent_status.code == Code.CONVERGED


@pytest.mark.slow
def test_two_dimensional_and_one_dimensional_lattices():
    """P and A are the derivatives of W in every dimension."""
    potential = ms.Morse(1.0, 4.0, 1.0, inner=1.6, outer=2.4)
    for structure, dim in (("chain", 1), ("square", 2), ("triangular", 2)):
        material = CauchyBorn(ms.bulk("X", structure, 1.01), potential)
        strain = STRAIN[:dim, :dim]
        response = material.respond(strain)
        stress = jax.jit(jax.grad(lambda F, material=material: material.respond(F).energy))(strain)
        np.testing.assert_allclose(stress, response.stress, atol=1e-13)
        tangent = jax.jit(jax.jacfwd(lambda F, material=material: material.respond(F).stress))(strain)
        np.testing.assert_allclose(tangent, response.tangent, atol=1e-12)
