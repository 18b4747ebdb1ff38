"""Supercells: the same crystal in other words."""

import jax
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.supercell import cells_within, commensurate, hermite, reduced, sublattices

COPPER = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
SHEET = ms.CauchyBorn(ms.bulk("X", "honeycomb", a=1.0), ms.Springs([1.0, 0.3], [3.0**-0.5, 1.0]))
STRAIN = np.array([[1.02, 0.03, 0.0], [-0.01, 0.99, 0.02], [0.0, 0.01, 1.01]])


def order_of(q):
    """Smallest n with n q integer."""
    return next(n for n in range(1, 1000) if np.allclose(n * q, np.rint(n * q), atol=1e-9))


@pytest.mark.slow
@pytest.mark.parametrize("material", [COPPER, SHEET], ids=["copper", "sheet"])
def test_energy_per_atom_does_not_depend_on_the_cell(material):
    crystal = ms.Crystal(
        material.crystal.cell,
        material.crystal.basis,
        material.crystal.species,
        "",
        np.arange(1.0, 1.0 + material.crystal.atoms_per_cell),
    )
    matrix = np.array([[1, 1, 0], [-1, 1, 0], [0, 0, 1]])[: crystal.dim, : crystal.dim]
    strain = STRAIN[: crystal.dim, : crystal.dim]
    large = ms.supercell(crystal, matrix)
    assert large.atoms_per_cell == 2 * crystal.atoms_per_cell
    assert large.species == crystal.species * 2
    np.testing.assert_array_equal(large.masses, np.tile(crystal.masses, 2))
    np.testing.assert_allclose(large.volume, 2.0 * crystal.volume, rtol=1e-13)
    doubled = ms.CauchyBorn(large, material.potential)
    (one, of_one), (two, of_two) = (
        jax.jit(lambda F, m=m: (m.respond(F).energy, m.respond(F).stress))(strain) for m in (material, doubled)
    )
    np.testing.assert_allclose(two, one, rtol=1e-12)
    np.testing.assert_allclose(of_two, of_one, atol=1e-10)


@pytest.mark.slow
def test_phonons_fold_to_gamma():
    """ω² at Γ of the supercell are those of the primitive cell at all waves that fit into it."""
    matrix = np.array([[1, 1, 0], [0, 2, 1], [0, 0, 1]])
    large = ms.CauchyBorn(ms.supercell(COPPER.crystal, matrix), COPPER.potential)
    # one of each class of waves q with N q integer: integers over the transpose
    q = cells_within(matrix.T.copy()) @ np.linalg.inv(matrix).T
    assert np.allclose(matrix @ q.T, np.rint(matrix @ q.T))
    expected = np.sort(np.ravel(ms.phonons.modes(COPPER, q, STRAIN).omega2))
    found = np.ravel(ms.phonons.modes(large, np.zeros((1, 3)), STRAIN).omega2)
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_cells_of_a_supercell_are_one_of_each_class():
    rng = np.random.default_rng(0)
    for _ in range(30):
        matrix = rng.integers(-3, 4, (3, 3))
        if np.linalg.det(matrix) < 0.5:
            continue
        cells = cells_within(matrix)
        assert len(cells) == round(np.linalg.det(matrix))
        assert not np.any(cells[0])
        inside = cells @ np.linalg.inv(matrix)
        assert np.all((inside > -1e-9) & (inside < 1 - 1e-9))
        assert len({tuple(cell) for cell in cells.tolist()}) == len(cells)


def test_sublattices_are_counted_as_known():
    """Σ of divisors in the plane (A000203) and A001001 in space."""
    assert [len(list(sublattices(2, n))) for n in range(1, 7)] == [1, 3, 4, 7, 6, 12]
    assert [len(list(sublattices(3, n))) for n in range(1, 5)] == [1, 7, 13, 35]
    for matrix in sublattices(3, 4):
        np.testing.assert_array_equal(hermite(matrix), matrix)
        mixed = np.array([[1, 1, 0], [0, 1, 2], [1, 1, 1]]) @ matrix  # unimodular
        np.testing.assert_array_equal(hermite(mixed), matrix)


@pytest.mark.parametrize(
    "q", [(0.5, 0.5, 0.0), (1 / 3, 1 / 3, 0.5), (0.25, 0.5, 0.75), (0.2, 0.0, 0.4), (-1 / 3, 2 / 3, 0)]
)
def test_a_commensurate_supercell_is_the_smallest(q):
    q = np.array(q)
    found = commensurate(q, 15)
    np.testing.assert_allclose(found.q, q, atol=1e-12)
    waves = found.matrix @ q
    np.testing.assert_allclose(waves, np.rint(waves), atol=1e-12)
    assert round(np.linalg.det(found.matrix)) == order_of(q)
    for index in range(1, order_of(q)):  # no smaller one holds the wave
        assert not any(np.allclose(m @ q, np.rint(m @ q), atol=1e-9) for m in sublattices(3, index))


def test_waves_are_brought_to_fractions():
    near = commensurate([0.3331, 0.4999], 6)
    np.testing.assert_allclose(near.q, [1 / 3, 1 / 2])
    assert round(np.linalg.det(near.matrix)) == 6
    long = commensurate([0.01, 0.0049], 4)  # not rounded to Γ
    np.testing.assert_allclose(long.q, [0.25, 0.0])
    gamma = commensurate([0.0, 1.0, -2.0], 4)
    np.testing.assert_array_equal(gamma.matrix, np.eye(3))
    with pytest.raises(ValueError, match="largest: expected a denominator"):
        commensurate([0.5], 0)
    with pytest.raises(ValueError, match="q: expected one to three finite numbers"):
        commensurate([np.nan, 0.0])


def test_reduced_vectors_are_short_and_span_the_same_lattice():
    cell = np.asarray(COPPER.crystal.cell)
    long = np.array([[1, 0, 0], [5, 1, 0], [-7, 3, 2]])
    short = reduced(long, cell)
    np.testing.assert_array_equal(hermite(short), hermite(long))
    assert np.max(np.linalg.norm(short @ cell, axis=1)) < np.min(np.linalg.norm(long[1:] @ cell, axis=1))
    assert np.linalg.det(short) > 0


@pytest.mark.slow
def test_supercells_are_differentiable_in_the_lattice_constant():
    def volume(a):
        return ms.supercell(ms.bulk("Cu", "fcc", a=a), 2).volume

    assert abs(float(jax.grad(volume)(3.6)) - 8 * 3 * 3.6**2 / 4) < 1e-9


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        (0, "determinant must be positive"),
        ([[0, 1], [1, 0]], "determinant must be positive, got -1"),
        ([1.5, 1], "expected integers"),
        ([1, 2, 3], r"2 of them or shape \(2, 2\)"),
    ],
)
def test_what_is_no_supercell_is_refused(matrix, message):
    with pytest.raises(ValueError, match=message):
        ms.supercell(ms.bulk("X", "square", a=1.0), matrix)
