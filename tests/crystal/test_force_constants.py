"""Force constants against the exact dynamical matrix, phonopy, and ASE's calculators; paths through the zone."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.supercell import supercell

Q = np.random.default_rng(3).uniform(-0.5, 0.5, (6, 3))
SHORT = ms.LennardJones(inner=1.6, outer=2.0)


def silicon():
    return ms.CauchyBorn(ms.bulk("Si", "diamond", a=5.43095), ms.StillingerWeber())


@pytest.mark.slow
@pytest.mark.parametrize("matrix", [4, [[-4, 4, 4], [4, -4, 4], [4, 4, -4]]])
def test_supercells_wider_than_the_forces_give_exact_phonons(matrix):
    """Exact at every q: D from folded constants is D of the lattice."""
    material = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=1.55, mass=1.0), SHORT)
    found = ms.phonons.force_constants(material, matrix)
    np.testing.assert_allclose(found.dynamical_matrix(Q), ms.phonons.dynamical_matrix(material, Q), atol=1e-9 * 300.0)


@pytest.mark.slow
def test_at_fitting_waves_any_supercell_is_exact():
    """Silicon's three-body forces reach two cells; at waves that fit into 2³ cells folding does not matter."""
    material = silicon()
    strained = jnp.eye(3).at[0, 1].set(0.03)
    found = ms.phonons.force_constants(material, 2, strained)
    q = [[0.5, 0.0, 0.0], [0.5, 0.5, 0.0], [0.5, 0.5, 0.5]]
    expected = ms.phonons.frequencies(material, q, strained)
    np.testing.assert_allclose(found.frequencies(q), expected, rtol=1e-9)
    rigid = np.asarray(found.values).sum(axis=(1, 2))
    np.testing.assert_allclose(rigid, 0.0, atol=1e-10)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:get_qpoints_dict:DeprecationWarning")
def test_phonopy_reads_and_returns_the_same(tmp_path):
    """Its frequencies at waves that do not fit are ours, shared images included; files go through it."""
    phonopy = pytest.importorskip("phonopy")
    from msjax.crystal.phonons.phonopy import from_phonopy, to_phonopy

    constants = ms.phonons.force_constants(silicon(), 2)
    theirs = to_phonopy(constants)
    theirs.run_qpoints(Q)
    expected = np.asarray(theirs.get_qpoints_dict()["frequencies"])
    np.testing.assert_allclose(constants.frequencies(Q), expected, rtol=2e-6)  # their unit of THz has six digits
    file = tmp_path / "phonopy_params.yaml"
    theirs.save(file, settings={"force_constants": True})
    again = from_phonopy(phonopy.load(file, log_level=0))
    np.testing.assert_allclose(again.frequencies(Q), constants.frequencies(Q), rtol=1e-9)


@pytest.mark.slow
def test_phonopy_with_a_conventional_unit_cell():
    """Their supercell of cubes is not diagonal in our primitive cell; compact and full constants say the same."""
    phonopy = pytest.importorskip("phonopy")
    from phonopy.structure.atoms import PhonopyAtoms

    from msjax.crystal.phonons.phonopy import from_phonopy

    material = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=1.55, mass=1.0), SHORT)
    cube = PhonopyAtoms(symbols=["Cu"] * 4, cell=1.55 * np.eye(3), masses=[1.0] * 4,
                        scaled_positions=[[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])  # fmt: skip
    theirs = phonopy.Phonopy(cube, 3 * np.eye(3, dtype=int), primitive_matrix="F", log_level=0)
    theirs.generate_displacements(distance=1e-4)
    sets = []
    for atoms in theirs.supercells_with_displacements:
        crystal = ms.Crystal(cell=atoms.cell, basis=atoms.positions, species=("Cu",) * len(atoms))
        sets.append(_forces(crystal))
    theirs.forces = sets
    theirs.produce_force_constants()
    exact = ms.phonons.frequencies(material, Q)
    for _ in range(2):
        np.testing.assert_allclose(from_phonopy(theirs).frequencies(Q), exact, rtol=1e-4)
        theirs.force_constants = np.asarray(theirs.force_constants)[theirs.primitive.p2s_map]


def _forces(crystal: ms.Crystal) -> np.ndarray:
    """Forces by plain sums over images; ``pair`` is half of a bond's energy."""
    cell, x = np.asarray(crystal.cell), np.asarray(crystal.basis)
    images = np.array([(i, j, k) for i in (-1, 0, 1) for j in (-1, 0, 1) for k in (-1, 0, 1)]) @ cell
    apart = x[None, :, None, :] + images[None, None] - x[:, None, None, :]
    r2 = np.sum(apart**2, axis=3)
    near = (r2 > 1e-9) & (r2 < 4.0)
    slope = np.zeros_like(r2)
    slope[near] = np.asarray(jax.vmap(jax.grad(SHORT.pair))(jnp.asarray(r2[near])))
    return np.sum(4.0 * slope[..., None] * apart, axis=(1, 2))


@pytest.mark.slow
def test_finite_displacements_by_ases_calculators():
    """ASE's own shifted Lennard-Jones, displaced, against the exact dynamical matrix."""
    calculators = pytest.importorskip("ase.calculators.lj")
    crystal = ms.bulk("Ar", "fcc", a=1.5496, mass=1.0)
    material = ms.CauchyBorn(crystal, ms.LennardJones(outer=1.9, ending="shifted"))
    calculator = calculators.LennardJones(sigma=1.0, epsilon=1.0, rc=1.9, smooth=False)
    found = ms.phonons.finite_displacements(crystal, calculator, 4, displacement=1e-3)
    np.testing.assert_allclose(found.frequencies(Q), ms.phonons.frequencies(material, Q), rtol=1e-4)
    with pytest.raises(ValueError, match="displacement"):
        ms.phonons.finite_displacements(crystal, calculator, 2, displacement=0.0)


@pytest.mark.slow
def test_gradients_go_through():
    """d(frequency)/d(parameter) from force constants is that of the exact frequency."""
    material = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=1.55, mass=1.0), SHORT)

    def slope(highest):
        at = jax.grad(lambda e: highest(eqx.tree_at(lambda m: m.potential.epsilon, material, e)))
        return float(at(jnp.ones(())))

    q = Q[:1]
    folded = slope(lambda m: ms.phonons.force_constants(m, 4).frequencies(q)[0, 2])
    assert folded == pytest.approx(slope(lambda m: ms.phonons.frequencies(m, q)[0, 2]), rel=1e-8)


def test_what_is_wrong_says_so():
    crystal = ms.bulk("Cu", "fcc", a=3.6)
    with pytest.raises(ValueError, match=r"values: .* need shape \(1, 1, 8, 3, 3\), got \(1, 1, 4, 3, 3\)"):
        ms.phonons.ForceConstants(crystal, np.zeros((1, 1, 4, 3, 3)), 2)
    with pytest.raises(ValueError, match="matrix: the determinant must be positive"):
        ms.phonons.ForceConstants(crystal, np.zeros((1, 1, 4, 3, 3)), [[0, 0, 0]] * 3)


def test_paths_of_ase_and_by_names():
    pytest.importorskip("ase")
    crystal = ms.bulk("Cu", "fcc", a=3.6)
    path = ms.phonons.band_path(crystal, "GXWKGL,UX", points=120)
    assert [name for _, name in path.marks] == ["Γ", "X", "W", "K", "Γ", "L|U", "X"]
    reciprocal = np.linalg.inv(np.asarray(crystal.cell)).T
    at = {name: path.q[np.argmin(np.abs(path.along - mark))] @ reciprocal * 3.6 for mark, name in path.marks[:4]}
    assert np.linalg.norm(at["X"]) == pytest.approx(1.0)  # 2π/a
    assert np.linalg.norm(at["K"]) == pytest.approx(0.75 * 2**0.5)
    assert np.linalg.norm(at["W"]) == pytest.approx(1.25**0.5)
    (gap,) = path.ends
    assert path.along[gap] == path.along[gap - 1]
    steps = np.diff(path.along)
    assert steps[steps > 0].max() < 1.5 * steps[steps > 0].min()
    usual = ms.phonons.band_path(supercell(crystal, [[-1, 1, 1], [1, -1, 1], [1, 1, -1]]))  # the cube: sc's path
    assert [name for _, name in usual.marks] == ["Γ", "X", "M", "Γ", "R", "X|M", "R"]
    with pytest.raises(ValueError, match="'GQ' is no path of ASE's"):
        ms.phonons.band_path(crystal, "GQ")
    with pytest.raises(ValueError, match="there is no usual one"):
        ms.phonons.band_path(ms.Crystal(cell=np.eye(2), basis=np.zeros((1, 2)), species=("X",)))


def test_paths_of_seekpath():
    path = ms.phonons.band_path(ms.bulk("Cu", "fcc", a=3.6), source="seekpath")
    assert [name for _, name in path.marks][:3] == ["Γ", "X", "U|K"]
