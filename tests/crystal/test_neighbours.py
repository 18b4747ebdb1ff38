"""Static shells: reduced lists give the same answers, and no neighbour ever comes in unseen."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.expansion import energy
from msjax.crystal.multilattice import Arguments, expand_joint
from msjax.crystal.neighbours import find
from msjax.status import Code

SHELLS = {"fcc": (12, 6, 24), "bcc": (8, 6, 12), "diamond": (4, 12, 12), "square": (4, 4, 4), "triangular": (6, 6, 6)}


@pytest.mark.parametrize("structure", SHELLS)
def test_shells(structure):
    crystal = ms.bulk("X", structure, 1.0)
    everyone = find(np.asarray(crystal.cell), np.asarray(crystal.basis), crystal.species, 2.1, reduced=False)
    mine = everyone.site == 0
    lengths = np.linalg.norm(everyone.vectors(crystal.cell, crystal.basis), axis=1)[mine]
    assert np.all(np.diff(lengths) > -1e-9)
    _, counts = np.unique(np.round(lengths, 6), return_counts=True)
    assert tuple(counts[:3]) == SHELLS[structure]
    assert everyone.outside > 2.1
    assert everyone.coordination == np.sum(mine)


@pytest.mark.slow
@pytest.mark.parametrize("structure", ["fcc", "bcc", "diamond", "square"])
def test_reduced_list_is_the_same_lattice(structure):
    """Half the bonds, one of two inverse sites: the same energy and derivatives in F and in the shifts."""
    potential = ms.StillingerWeber() if structure == "diamond" else ms.LennardJones(outer=2.2)
    crystal = ms.bulk("Si" if structure == "diamond" else "X", structure, 5.43 if structure == "diamond" else 1.5)
    cell, basis = np.asarray(crystal.cell), np.asarray(crystal.basis)
    reach = 1.15 * float(potential.cutoff)
    rng = np.random.default_rng(3)
    deformation = jnp.asarray(np.eye(crystal.dim) + rng.uniform(-0.05, 0.05, (crystal.dim, crystal.dim)))
    shifts = jnp.asarray(rng.uniform(-0.1, 0.1, (crystal.atoms_per_cell - 1, crystal.dim)))
    results, sizes = [], []
    for reduced in (True, False):
        bonds = find(cell, basis, crystal.species, reach, reduced=reduced)
        reference = bonds.vectors(crystal.cell, crystal.basis)
        joint = expand_joint(bonds, Arguments(deformation, reference, potential), shifts)
        results.append((joint.energy, joint.gradient, joint.hessian))
        sizes.append(bonds.bonds)
    for a, b in zip(*results):
        np.testing.assert_allclose(a, b, atol=1e-11 * float(np.max(np.abs(b))))
    assert sizes[0] <= sizes[1] / 2


def test_a_site_and_its_inverse_are_told_from_a_site_that_is_not():
    """hcp's two sites are inverses of one another; a lone displaced third atom has no partner."""
    cell = np.array([[1.0, 0.0, 0.0], [-0.5, 0.75**0.5, 0.0], [0.0, 0.0, 1.6]])
    basis = np.array([[1 / 3, 2 / 3, 0.25], [2 / 3, 1 / 3, 0.75]]) @ cell
    two = find(cell, basis, ("X", "X"), 1.3)
    assert two.multiplicity.tolist() == [2.0]
    three = find(cell, np.vstack([basis, [0.1, 0.2, 0.9]]), ("X",) * 3, 1.3)
    assert three.multiplicity.tolist() == [1.0, 1.0, 1.0]
    different = find(cell, basis, ("X", "Si"), 1.3)
    assert different.multiplicity.tolist() == [1.0, 1.0]


def test_lists_are_compared_by_content():
    crystal = ms.bulk("X", "fcc", 1.5)
    cell, basis = np.asarray(crystal.cell), np.asarray(crystal.basis)
    a, b = find(cell, basis, ("X",), 2.0), find(cell, basis, ("X",), 2.0)
    assert a == b
    assert hash(a) == hash(b)
    assert a != find(cell, basis, ("X",), 2.6)
    assert a != find(1.01 * cell, basis, ("X",), 2.0)  # where it was found is part of what it promises
    with pytest.raises(ValueError, match="cut-off is too short"):
        find(cell, basis, ("X",), 0.5)


def never_a_silent_miss(near, far, deformations, minimum_caught):
    """Where the narrow list does not fail it must agree with a list that cannot miss anything."""
    narrow = eqx.filter_jit(jax.vmap(lambda F: near.respond(F)))(deformations)
    wide = eqx.filter_jit(jax.vmap(lambda F: far.respond(F)))(deformations)
    assert not np.any(wide.status.failed)
    failed = np.asarray(narrow.status.failed)
    assert set(np.asarray(narrow.status.code)[failed].tolist()) <= {Code.OVERFLOW}
    scale = np.abs(np.asarray(wide.energy))
    wrong = ~(np.abs(np.asarray(narrow.energy - wide.energy)) < 1e-12 * scale)
    assert not np.any(wrong & ~failed)
    assert np.all(np.isnan(np.asarray(narrow.energy)[failed]))
    assert np.all(np.isnan(np.asarray(narrow.stress)[failed]))
    # the test means something: many are caught, many are not
    assert minimum_caught < np.mean(failed) < 1.0 - minimum_caught


def stretches_around(centre, count, seed, dim=3):
    """Deformations with random axes and principal stretches on both sides of ``centre``."""
    rng = np.random.default_rng(seed)
    stretches = centre + rng.uniform(-0.06, 0.14, (count, dim))
    left = np.linalg.qr(rng.normal(size=(count, dim, dim)))[0]
    right = np.linalg.qr(rng.normal(size=(count, dim, dim)))[0]
    deformations = np.einsum("nij,nj,njk->nik", left, stretches, right)
    deformations[np.linalg.det(deformations) < 0, :, 0] *= -1.0
    return jnp.asarray(deformations)


@pytest.mark.slow
@pytest.mark.parametrize("margin", [0.0, 0.05, 0.15])
def test_never_a_silent_miss(margin):
    crystal = ms.bulk("X", "fcc", 1.55)
    potential = ms.LennardJones(outer=2.0, ending="shifted")  # a missed neighbour would show
    near, far = (CauchyBorn(crystal, potential, strain_margin=m) for m in (margin, 0.5))
    centre = potential.cutoff / near.neighbours.outside  # the shells fall where they fall, never inside the margin
    assert centre < 1.0 - margin
    never_a_silent_miss(near, far, stretches_around(centre, 400, 1), 0.2)


@pytest.mark.slow
def test_never_a_silent_miss_when_the_crystal_is_exchanged():
    """The list belongs to the crystal it was made for; cell and basis are leaves and may change under it."""
    potential = ms.LennardJones(outer=2.0, ending="shifted")
    original = ms.bulk("X", "fcc", 1.6)
    strained = np.array([[0.9, 0.05, 0.0], [0.0, 1.0, 0.1], [0.0, 0.0, 0.88]])
    changed = eqx.tree_at(lambda c: c.cell, original, original.cell @ strained.T)
    far = CauchyBorn(changed, potential, strain_margin=0.6)
    near = eqx.tree_at(lambda m: m.crystal, CauchyBorn(original, potential, strain_margin=0.15), changed)
    never_a_silent_miss(near, far, stretches_around(0.92, 400, 2), 0.1)


@pytest.mark.slow
def test_never_a_silent_miss_when_sublattices_move():
    """Two interpenetrating lattices: a shift brings atoms nearer at no strain at all."""
    cell = 1.6 * np.eye(3)
    basis = np.array([[0.0, 0.0, 0.0], [0.8, 0.8, 0.8]])
    crystal = ms.Crystal(cell, basis, ("X", "X"))
    potential = ms.LennardJones(outer=2.4, ending="shifted")
    near = CauchyBorn(crystal, potential, inner="clamped", strain_margin=0.08)
    deformation = jnp.asarray(np.diag([0.97, 1.0, 1.01]))
    caught = 0
    for size in np.linspace(0.0, 0.5, 26):
        moved = np.array([[0.0, 0.0, 0.0], [0.8 + size, 0.8, 0.8 - 0.3 * size]])
        other = eqx.tree_at(lambda m: m.crystal.basis, near, jnp.asarray(moved))
        response = other.respond(deformation)
        if bool(response.status.failed):
            caught += 1
            continue
        bonds = find(cell @ np.asarray(deformation).T, moved @ np.asarray(deformation).T, ("X", "X"), 2.4)
        exact = energy(
            potential, bonds, bonds.vectors(jnp.asarray(cell) @ deformation.T, jnp.asarray(moved) @ deformation.T)
        )
        assert float(response.energy) == pytest.approx(float(exact) / 1.6**3, rel=1e-12)
    assert 5 < caught < 24
