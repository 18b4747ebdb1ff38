"""What crystals become where Cauchy–Born fails, against minimisations that this project did not write."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import minimize

import msjax as ms
from msjax.crystal.ase import to_ase
from msjax.crystal.phonons import Outcome, Verdict
from msjax.crystal.primitive import turned
from msjax.status import Code

DIAGONAL = 2.0**0.5


def square(k2=1.0, a2=DIAGONAL):
    return ms.CauchyBorn(ms.bulk("X", "square", a=1.0), ms.Springs([1.0, k2], [1.0, a2], shells=[1.0, DIAGONAL]))


def springs_energy(side, stretch, k2=1.0, a2=DIAGONAL):
    """Energy per atom and its gradient in the displacements of side × side atoms with springs to eight neighbours."""
    i, j = (x.ravel() for x in np.meshgrid(np.arange(side), np.arange(side), indexing="ij"))
    bonds = []
    for step, k, a in (((1, 0), 1.0, 1.0), ((0, 1), 1.0, 1.0), ((1, 1), k2, a2), ((1, -1), k2, a2)):
        partner = (i + step[0]) % side * side + (j + step[1]) % side
        bonds.append((partner, stretch * np.array(step), k, a))

    def energy(x):
        u = x.reshape(-1, 2)
        total, gradient = 0.0, np.zeros_like(u)
        for partner, r0, k, a in bonds:
            r = r0 + u[partner] - u
            length = np.linalg.norm(r, axis=1)
            total += 0.5 * k * np.sum((length - a) ** 2)
            force = (k * (length - a) / length)[:, None] * r
            np.add.at(gradient, partner, force)
            gradient -= force
        return total / len(u), gradient.ravel() / len(u)

    return energy


def brute_force(side, stretch, k2=1.0, a2=DIAGONAL, starts=100):
    """Lowest energy per atom that scipy finds from random starts."""
    energy, rng = springs_energy(side, stretch, k2, a2), np.random.default_rng(0)
    displaced = (rng.normal(size=2 * side * side) * rng.choice([0.1, 0.3]) for _ in range(starts))
    found = (minimize(energy, x, jac=True, method="BFGS", options={"gtol": 1e-10}).fun for x in displaced)
    return min(found)


def checkerboard(shift, stretch, a2):
    """Energy per atom of two interpenetrating square lattices, one moved by ``shift``: a closed form."""
    (s, t), x = shift, stretch
    sides = np.array([np.hypot(x + s, t), np.hypot(x - s, t), np.hypot(s, x + t), np.hypot(s, x - t)])
    return 0.25 * np.sum((sides - 1.0) ** 2) + (DIAGONAL * x - a2) ** 2


@pytest.mark.slow
def test_beyond_its_soft_phonon_the_square_lattice_doubles_its_cell():
    """M is soft below λ = ½; the lowest checkerboard by scipy, over all shifts of one sublattice."""
    material, x = square(a2=0.6), 0.49
    found = ms.phonons.follow_soft_mode(material, x * np.eye(2))
    assert np.allclose(found.q, 0.5)
    assert found.outcome is Outcome.OTHER_CELL
    assert found.primitive.atoms_per_cell == 2
    assert "doubled cell" in found.description
    starts = np.random.default_rng(0).uniform(-x, x, (20, 2))
    lowest = min(minimize(checkerboard, start, args=(x, 0.6), tol=1e-12).fun for start in starts)
    affine = checkerboard((0.0, 0.0), x, 0.6)
    assert abs(float(found.energy_per_atom) - lowest) < 1e-9
    assert abs(float(found.energy_gain_per_atom) - (affine - lowest)) < 1e-9
    assert float(found.curvature) > 0
    assert found.status.code == Code.CONVERGED


@pytest.mark.slow
def test_a_doubled_cell_is_lower_while_all_phonons_are_stable():
    """At λ = 0.6 nothing is soft, and a brute-force minimisation of 2 × 2 cells by scipy is lower all the same."""
    material, x = square(a2=0.6), 0.6
    assert ms.phonons.stability(material, x * np.eye(2)).verdict is Verdict.STABLE
    assert ms.phonons.follow_soft_mode(material, x * np.eye(2), q=[0.5, 0.5], amplitudes=[0.02]).fell_back
    # a long way along the wave there is another basin
    far = ms.phonons.follow_soft_mode(material, x * np.eye(2), q=[0.5, 0.5], mode=[1.0, 1.0])
    assert far.outcome is Outcome.OTHER_CELL
    assert abs(float(far.energy_per_atom) - brute_force(2, x, a2=0.6, starts=40)) < 1e-8
    search = ms.phonons.lower_cell_search(material, x * np.eye(2), largest=2, starts=12)
    assert search.found
    assert len(search.gains) == 2  # rows along x and y are one class, the checkerboard another
    lowest = search.lowest
    assert lowest.outcome is Outcome.OTHER_CELL
    assert lowest.primitive.atoms_per_cell == 2
    brute = brute_force(2, x, a2=0.6, starts=40)
    affine = float(material.respond(x * np.eye(2)).energy)
    assert affine - brute > 0.02
    assert abs(float(lowest.energy_per_atom) - brute) < 1e-8
    assert abs(float(lowest.energy_gain_per_atom) - (affine - brute)) < 1e-8


@pytest.mark.slow
def test_the_branch_found_is_a_material():
    """P of the doubled cell is the slope of its energy, followed anew at other F and other springs."""
    material, x = square(a2=0.6), 0.6
    F = x * np.eye(2)
    found = ms.phonons.lower_cell_search(material, F, matrices=[[[1, 1], [-1, 1]]], starts=6).lowest
    response = found.material.respond(found.deformation, found.shifts)
    volume = float(material.crystal.volume)
    np.testing.assert_allclose(response.energy * volume, found.energy_per_atom, rtol=1e-12)

    def energy(stiffness, stretch):
        changed = eqx.tree_at(lambda m: m.potential.stiffness, found.material, stiffness)
        return changed.respond(stretch * jnp.eye(2), found.shifts).energy

    k = material.potential.stiffness
    slope = float(jax.jit(jax.grad(energy, 1))(k, jnp.asarray(x)))
    h = 1e-4
    at = [brute_force(2, x + d, a2=0.6, starts=20) for d in (-h, h)]
    assert abs(slope - (at[1] - at[0]) / (2 * h)) < 1e-5
    of_k2 = float(jax.jit(jax.grad(energy))(k, jnp.asarray(x))[1])
    at = [brute_force(2, x, k2=1.0 + d, a2=0.6, starts=20) for d in (-h, h)]
    assert abs(of_k2 - (at[1] - at[0]) / (2 * h)) < 1e-5


@pytest.mark.slow
def test_a_four_by_four_cell_of_springs_falls_far_below_cauchy_born():
    """W(0.75) = 0.1875; scipy relaxes 4 × 4 cells to 0.1186 from 60 random starts; there are lower minima still."""
    material, F = square(), 0.75 * np.eye(2)
    found = ms.phonons.lower_cell_search(material, F, matrices=[4], starts=24).lowest
    assert abs(float(found.energy_per_atom + found.energy_gain_per_atom) - 0.1875) < 1e-12
    brute = brute_force(4, 0.75, starts=60)
    assert abs(brute - 0.1186) < 1e-5
    assert float(found.energy_per_atom) < brute + 1e-9
    assert float(found.curvature) > 0
    # a minimum of the independent energy too
    energy = springs_energy(4, 0.75)
    displaced = np.concatenate([np.zeros(2), np.ravel(found.shifts)])
    assert abs(energy(displaced)[0] - float(found.energy_per_atom)) < 1e-12
    nudged = displaced + 1e-3 * np.random.default_rng(1).normal(size=32)
    assert abs(minimize(energy, nudged, jac=True, tol=1e-12).fun - float(found.energy_per_atom)) < 1e-9


@pytest.mark.slow
def test_a_stretched_chain_breaks_every_second_bond():
    """Lennard-Jones with second neighbours at 1.15 r₀: ½φ(r) + ½φ(2F − r) + φ(2F) at its minimum in r."""

    def pair(r):
        return 4.0 * (r**-12.0 - r**-6.0) - 4.0 * (2.9**-12.0 - 2.9**-6.0)

    r0 = 2.0 ** (1 / 6)
    chain = ms.CauchyBorn(ms.bulk("X", "chain", a=r0), ms.LennardJones(outer=2.9, ending="shifted"), strain_margin=0.1)
    spacing = 1.15 * r0
    found = ms.phonons.follow_soft_mode(chain, [[1.15]], q=[0.5])
    lowest = minimize(lambda r: pair(r[0]) + pair(2 * spacing - r[0]), [r0], tol=1e-14)
    expected = 0.5 * lowest.fun + pair(2 * spacing)
    assert abs(float(found.energy_per_atom) - expected) < 1e-9
    assert abs(float(found.energy_gain_per_atom) - (pair(spacing) + pair(2 * spacing) - expected)) < 1e-9
    assert found.outcome is Outcome.OTHER_CELL
    apart = float(jnp.abs(found.crystal.basis[1, 0] - found.crystal.basis[0, 0]))
    assert min(abs(apart - lowest.x[0]), abs(2 * spacing - apart - lowest.x[0])) < 1e-6
    assert ms.phonons.follow_soft_mode(chain, [[1.05]], q=[0.5]).fell_back
    # the crystal found is at hand as a material, with all its bonds
    again = found.material.respond(found.deformation, found.shifts)
    assert abs(float(again.energy) * spacing - expected) < 1e-9


@pytest.mark.slow
def test_long_waves_go_into_the_longest_cell_allowed():
    found = ms.phonons.follow_soft_mode(square(), 0.75 * np.eye(2), largest=4)
    assert round(np.linalg.det(found.supercell)) == 4
    assert np.allclose(np.abs(found.q), 0.25)
    assert float(found.energy_gain_per_atom) > 0
    assert float(found.curvature) > 0


@pytest.mark.slow
def test_a_turned_crystal_is_a_variant_and_failures_are_told():
    """The rectangular lattice 1 × 2 becomes 2 × 1 where every second atom goes round the corner."""
    from msjax.crystal.minima import Settled
    from msjax.crystal.phonons.transformation import start_at, transformation

    matrix = np.diag([2, 1])
    material = ms.CauchyBorn(ms.bulk("X", "square", a=1.0), ms.LennardJones(outer=2.9, ending="shifted"))
    start = start_at(material, np.diag([1.0, 2.0]))
    doubled = ms.CauchyBorn(ms.supercell(material.crystal, matrix), material.potential)
    settled = Settled(doubled, start.deformation, np.array([[-1.0, 1.0]]), 2 * start.energy_per_atom, 1.0, start.status)
    named = transformation(start, settled, matrix, 1e-3)
    assert named.outcome is Outcome.VARIANT
    assert "twin or variant" in str(named)

    inverted = ms.phonons.follow_soft_mode(material, np.diag([-1.0, 1.0]), q=[0.5, 0.5])
    assert inverted.outcome is Outcome.UNKNOWN
    assert inverted.status.code == Code.INVERTED
    assert np.isnan(inverted.energy_gain_per_atom)
    assert str(inverted).startswith("unknown: INVERTED")
    assert np.isnan(ms.phonons.lower_cell_search(material, np.diag([-1.0, 1.0]), largest=2).gains).all()


@pytest.mark.slow
def test_what_cannot_be_followed_is_refused():
    material = square()
    with pytest.raises(ValueError, match="is a translation"):
        ms.phonons.follow_soft_mode(material, q=[0.0, 1.0])
    with pytest.raises(ValueError, match=r"q: expected shape \(2,\)"):
        ms.phonons.follow_soft_mode(material, q=[0.5])
    with pytest.raises(ValueError, match="mode: expected 2 finite numbers"):
        ms.phonons.follow_soft_mode(material, q=[0.5, 0.5], mode=[0.0, 0.0])
    with pytest.raises(ValueError, match="amplitudes: expected positive numbers"):
        ms.phonons.follow_soft_mode(material, q=[0.5, 0.5], amplitudes=[0.0])
    with pytest.raises(ValueError, match="free_cell: springs belong"):
        ms.phonons.follow_soft_mode(material, q=[0.5, 0.5], free_cell=True)
    with pytest.raises(ValueError, match="must be concrete"):
        jax.jit(lambda F: ms.phonons.follow_soft_mode(material, F).energy_per_atom)(jnp.eye(2))
    with pytest.raises(ValueError, match="at least 1"):
        ms.phonons.lower_cell_search(material, starts=0)


TWINNING = np.outer([1.0, 1.0, -2.0], [1.0, 1.0, 1.0]) / np.sqrt(18.0)


@pytest.mark.slow
def test_sheared_copper_turns_to_hcp_by_way_of_its_l_phonon(potential_file, reference):
    """Beyond γ = 0.1474 the (111) planes slip in turn, a doubled cell; at 1/(2√2) they have become hcp.

    Energy and forces of the relaxed cell by ASE's own EAM.
    """
    path = potential_file("Cu_mishin1.eam.alloy")
    known = reference("lattice_response")["EAM_Cu_mishin1"]
    material = ms.CauchyBorn(ms.bulk("Cu", "fcc", known["a0"], mass=63.55), ms.EAM.setfl(path))
    critical = reference("stability")["EAM_Cu_mishin1"]["shear_[11-2](111)"]["first_soft_phonon_strain"]
    below = ms.phonons.follow_soft_mode(material, np.eye(3) + 0.99 * critical * TWINNING, q=[0.5, 0.5, 0.5])
    assert below.fell_back

    beyond = ms.phonons.follow_soft_mode(material, np.eye(3) + 0.16 * TWINNING, q=[0.5, 0.5, 0.5])
    assert beyond.outcome is Outcome.OTHER_CELL
    assert beyond.primitive.atoms_per_cell == 2
    assert float(beyond.curvature) > 0
    assert 1e-4 < float(beyond.energy_gain_per_atom) < 1e-3
    free = ms.phonons.follow_soft_mode(material, np.eye(3) + 0.16 * TWINNING, q=[0.5, 0.5, 0.5], free_cell=True)
    assert free.outcome is Outcome.UNDEFORMED  # let go this early it is fcc again
    assert abs(float(free.energy_per_atom) - known["Ecoh_per_atom"]) < 1e-6
    hcp = ms.phonons.follow_soft_mode(material, np.eye(3) + TWINNING / 8**0.5, q=[0.5, 0.5, 0.5])
    assert float(hcp.energy_gain_per_atom) > 0.05
    # hcp copper lies a little above fcc in this potential
    assert 0.0 < float(hcp.energy_per_atom) - known["Ecoh_per_atom"] < 0.02
    eam = pytest.importorskip("ase.calculators.eam", reason="ASE is an independent code: pip install ase")
    atoms = to_ase(beyond.crystal)
    atoms.calc = eam.EAM(potential=str(path))
    assert abs(atoms.get_potential_energy() / 2 - float(beyond.energy_per_atom)) < 1e-6
    assert np.max(np.abs(atoms.get_forces())) < 1e-4
    pytest.importorskip("spglib", reason="space groups come from spglib: pip install 'msjax[atoms]'")
    assert beyond.space_group == "C2/m (12)"
    assert hcp.space_group == "P6_3/mmc (194)"


@pytest.mark.slow
def test_bcc_of_lennard_jones_atoms_turns_to_hcp_by_its_n_phonon():
    """Burgers' path (Physica 1, 561, 1934): {110} planes slip in turn and the cell follows. What comes out has the
    energy of the hcp crystal built as such, and its symmetry."""
    potential = ms.LennardJones(inner=2.0, outer=2.5)
    bcc = ms.equilibrium(ms.CauchyBorn(ms.bulk("X", "bcc", 1.23), potential))
    soft = ms.phonons.stability(bcc.material)
    assert soft.point.startswith("N")
    found = ms.phonons.follow_soft_mode(bcc.material, free_cell=True)
    hcp = ms.equilibrium(ms.CauchyBorn(ms.bulk("X", "hcp", 1.09), potential))
    assert found.outcome is Outcome.OTHER_CELL
    assert found.primitive.atoms_per_cell == 2
    np.testing.assert_allclose(found.energy_per_atom, hcp.energy_per_atom, rtol=1e-9)
    np.testing.assert_allclose(found.crystal.volume_per_atom, hcp.volume_per_atom, rtol=1e-6)
    assert turned(found.primitive, hcp.material.crystal) is not None
    assert float(found.curvature) > 0
