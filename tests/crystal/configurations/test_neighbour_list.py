"""Neighbour lists of arbitrary atoms, against ASE and matscipy, and when they say that they are out of date."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.crystal.configurations import Configuration, incomplete, neighbour_list
from msjax.crystal.lattice import bulk
from msjax.crystal.potentials import LennardJones, Springs, StillingerWeber

SKEWED = np.array([[4.1, 0.0, 0.0], [1.9, 3.8, 0.0], [-1.2, 2.5, 5.0]])


def atoms(n, cell, periodic, seed=0, spread=1.0):
    """Random atoms that keep apart, some outside of the cell."""
    rng = np.random.default_rng(seed)
    dimension = len(cell)
    grid = np.stack(np.meshgrid(*[np.arange(4)] * dimension, indexing="ij"), -1).reshape(-1, dimension)
    fractional = (rng.permutation(grid)[:n] + rng.uniform(-0.2, 0.2, (n, dimension))) / 4.0
    jumps = rng.integers(-2, 3, (n, dimension)) * np.asarray(periodic)
    return Configuration(cell, spread * (fractional + jumps) @ cell, "X", periodic)


def bonds(neighbours):
    """Sorted rows (i, j, S…)."""
    i = np.broadcast_to(np.arange(neighbours.atoms)[:, None], neighbours.mask.shape)[neighbours.mask]
    rows = np.column_stack([i, neighbours.indices[neighbours.mask], neighbours.shifts[neighbours.mask]])
    return rows[np.lexsort(rows.T[::-1])]


CASES = [
    (1, 3.0 * np.eye(3), (True, True, True), 7.0),  # many images of one atom
    (5, SKEWED, (True, True, True), 6.5),  # a skewed cell smaller than the cut-off
    (40, 3.0 * SKEWED, (True, True, True), 4.0),
    (12, SKEWED, (True, False, True), 5.0),
    (12, SKEWED, (False, False, True), 5.0),
    (30, 2.0 * SKEWED, (False, False, False), 5.0),
    (6, SKEWED * np.array([[1], [1], [-1]]), (True, True, True), 5.5),  # left-handed
]


@pytest.mark.parametrize(("n", "cell", "periodic", "reach"), CASES)
def test_same_bonds_as_ase_and_matscipy(n, cell, periodic, reach):
    ase = pytest.importorskip("ase", reason="needs ase (extra msjax[atoms])")
    from ase.neighborlist import neighbor_list as of_ase

    configuration = atoms(n, cell, periodic)
    neighbours = neighbour_list(configuration, LennardJones(outer=reach), skin=0.0)
    found = bonds(neighbours)
    theirs = ase.Atoms(f"H{n}", positions=np.asarray(configuration.positions), cell=cell, pbc=periodic)
    i, j, shifts = of_ase("ijS", theirs, reach)
    expected = np.column_stack([i, j, shifts])
    np.testing.assert_array_equal(found, expected[np.lexsort(expected.T[::-1])])
    matscipy = pytest.importorskip("matscipy.neighbours", reason="needs matscipy")
    if np.linalg.det(cell) > 0 and periodic != (True, False, True):
        i, j, shifts = matscipy.neighbour_list("ijS", theirs, reach)
        expected = np.column_stack([i, j, shifts])
        np.testing.assert_array_equal(found, expected[np.lexsort(expected.T[::-1])])


def test_open_directions_need_no_vectors():
    """Zero vectors where nothing is periodic, and two and one dimensions."""
    chain = Configuration([[0, 0, 0], [0, 0, 0], [0, 0, 2.0]], [[0.1, 7.0, 0.3]], "X", (False, False, True))
    found = bonds(neighbour_list(chain, LennardJones(outer=4.5), skin=0.0))
    np.testing.assert_array_equal(found, [[0, 0, 0, 0, s] for s in (-2, -1, 1, 2)])
    square = Configuration.of(bulk("X", "square", a=1.0), 1)
    assert np.sum(neighbour_list(square, LennardJones(outer=1.5), skin=0.0).mask) == 8
    line = Configuration.of(bulk("X", "chain", a=1.0), 3)
    assert np.sum(neighbour_list(line, LennardJones(outer=2.5), skin=0.0).mask) == 12


def test_a_lone_atom_has_no_neighbours():
    alone = Configuration(np.zeros((3, 3)), [[1.0, 2.0, 3.0]], "X", periodic=False)
    neighbours = neighbour_list(alone, LennardJones())
    assert neighbours.capacity == 1
    assert not np.any(neighbours.mask)


def test_pieces_cover_all_atoms():
    """300 atoms are two pieces; the table's further columns hold nobody."""
    crystal = Configuration.of(bulk("X", "sc", a=1.0), (5, 6, 10))
    for piece, rows in ((None, 300), (64, 300), (7, 301)):
        neighbours = neighbour_list(crystal, LennardJones(outer=1.2), skin=0.1, piece=piece)
        assert neighbours.partner.shape == (6, rows)
        assert np.all(np.sum(neighbours.mask, axis=1) == 6)


def test_sizes_are_kept_where_they_suffice():
    configuration = atoms(40, 3.0 * SKEWED, (True, True, True))
    potential = LennardJones(outer=4.0)
    first = neighbour_list(configuration, potential)
    moved = configuration.at(configuration.positions + np.random.default_rng(1).uniform(-0.2, 0.2, (40, 3)))
    again = neighbour_list(moved, potential, previous=first)
    more = neighbour_list(moved, potential, previous=again)
    for mine, kept in zip(jax.tree.leaves(again), jax.tree.leaves(more), strict=True):
        assert mine.shape == kept.shape
    assert again.capacity == first.capacity or again.capacity >= 1.1 * first.capacity
    np.testing.assert_array_equal(bonds(again), bonds(neighbour_list(moved, potential)))


def test_the_list_is_good_until_the_skin_is_used_up():
    """Two atoms that approach by just less, and just more, than the skin; rigid motion does not count."""
    positions = np.array([[0.0, 0, 0], [2.0, 0, 0]])
    configuration = Configuration(np.zeros((3, 3)), positions, "X", periodic=False)
    neighbours = neighbour_list(configuration, LennardJones(outer=1.5), skin=0.4)

    @jax.jit
    def missed(move):
        return incomplete(neighbours, positions + move, configuration.cell, 1.5)

    towards = np.array([[0.5, 0, 0], [-0.5, 0, 0]])
    drift = np.array([30.0, -7.0, 4.0])
    assert not missed(0.399 * towards)
    assert not missed(0.399 * towards + drift)
    assert missed(0.401 * towards)
    assert missed(np.full((2, 3), np.nan))


@pytest.mark.slow
def test_strain_counts():
    """A compression that brings in what lay at the radius is noticed, an expansion and a rotation are not."""
    configuration = Configuration.of(bulk("Cu", "fcc", a=3.6), 3)
    neighbours = neighbour_list(configuration, LennardJones(outer=4.0), skin=0.4)

    def missed(F):
        moved = configuration.deformed(jnp.asarray(F))
        return bool(incomplete(neighbours, moved.positions, moved.cell, 4.0))

    turn = np.array([[0.6, -0.8, 0], [0.8, 0.6, 0], [0, 0, 1.0]])
    assert not missed(turn)
    assert not missed(1.3 * np.eye(3))
    assert not missed(turn @ np.diag([0.91, 1.0, 1.0]))
    assert missed(turn @ np.diag([0.90, 1.0, 1.0]))
    # the cell alone, atoms at rest: they move against the periods
    assert bool(incomplete(neighbours, configuration.positions, 1.3 * configuration.cell, 4.0))


def test_a_longer_cutoff_counts():
    configuration = Configuration.of(bulk("Si", "diamond", a=5.43), 2)
    neighbours = neighbour_list(configuration, StillingerWeber(), skin=0.1)
    cutoff = float(StillingerWeber().cutoff)
    assert not incomplete(neighbours, configuration.positions, configuration.cell, cutoff + 0.099)
    assert incomplete(neighbours, configuration.positions, configuration.cell, cutoff + 0.101)


@pytest.mark.slow
def test_bad_input_is_refused():
    copper, potential = Configuration.of(bulk("Cu", "fcc", a=3.6), 2), LennardJones()
    with pytest.raises(ValueError, match="skin: must be finite and not negative, got -0.1"):
        neighbour_list(copper, LennardJones(), skin=-0.1)
    with pytest.raises(ValueError, match="piece: must be positive, got 0"):
        neighbour_list(copper, LennardJones(), piece=0)
    with pytest.raises(ValueError, match="springs belong to the bonds of a crystal"):
        neighbour_list(copper, Springs([1.0], [2.5]))
    with pytest.raises(ValueError, match="must be concrete when neighbours are found"):
        jax.jit(lambda x: neighbour_list(copper.at(x), potential))(copper.positions)
    with pytest.raises(ValueError, match="atoms 1 and 3 coincide"):
        neighbour_list(copper.at(copper.positions.at[3].set(copper.positions[1] + copper.cell[0])), LennardJones())
    with pytest.raises(ValueError, match="positions: must be finite to find neighbours"):
        neighbour_list(copper.at(copper.positions.at[0, 0].set(jnp.nan)), LennardJones())
    thin = Configuration([[1e-4, 0, 0], [0, 1e-4, 0], [0, 0, 1e-4]], [[0, 0, 0.0]], "X")
    with pytest.raises(ValueError, match="spans more than"):
        neighbour_list(thin, LennardJones())


def test_configurations_check_their_input():
    cell = np.eye(3)
    for arguments, message in [
        ((cell, [[0.0, 0.0]], "X"), r"positions: expected shape \(n, 3\)"),
        ((np.eye(2, 3), [[0.0, 0.0, 0.0]], "X"), "cell: expected shape"),
        ((cell, [[0.0, 0.0, np.inf]], "X"), "positions: must be finite, atom 0 is not"),
        ((cell, [[0.0, 0.0, 0.0]], ["X", "X"]), "species: 2 symbols for 1 atoms"),
        ((cell, [[0.0, 0.0, 0.0]], "Xx"), r"species\[0\]"),
        ((cell, [[0.0, 0.0, 0.0]], "X", (True, False)), "periodic: expected one answer, or one for each of 3"),
        (([[1, 0, 0], [2, 0, 0], [0, 0, 1]], [[0.0, 0.0, 0.0]], "X"), "cell: the periods are linearly dependent"),
        ((cell, [[0.0, 0.0, 0.0]], "X", True, [-1.0]), "masses: must be positive and finite, atom 0 is not"),
        ((cell, [[0.0, 0.0, 0.0]], "X", True, [1.0, 2.0]), r"masses: expected shape \(1,\)"),
    ]:
        with pytest.raises(ValueError, match=message):
            Configuration(*arguments)
    with pytest.raises(ValueError, match="repeat: expected a positive whole number"):
        Configuration.of(bulk("Cu", "fcc", a=3.6), (2, 0, 1))


@pytest.mark.slow
def test_of_a_crystal():
    """Cells in the order said, masses and species with them, differentiable in the crystal."""
    silicon = bulk("Si", "diamond", a=5.43, mass=28.0)
    many = Configuration.of(silicon, (2, 1, 3))
    assert (many.atoms, set(many.species), many.periodic) == (12, {"Si"}, (True,) * 3)
    np.testing.assert_allclose(many.cell, np.array([[2.0], [1], [3]]) * silicon.cell)
    np.testing.assert_allclose(many.positions[3], silicon.cell[2] + silicon.basis[1])
    np.testing.assert_array_equal(many.masses, 28.0)
    slope = jax.grad(lambda a: Configuration.of(bulk("Si", "diamond", a), 2).volume)(5.43)
    assert float(slope) == pytest.approx(8 * 3 * 5.43**2 / 4)
