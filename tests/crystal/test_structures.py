"""The built-in structures as materials: closed forms, lattice sums, ASE's energies, and names that follow them."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.equilibrium import equilibrium, isotropic_shells
from msjax.crystal.phonons.zone import special_point
from msjax.crystal.surfaces import Surface
from msjax.crystal.surfaces.face import face_of
from msjax.crystal.surfaces.slab import build_slab
from msjax.status import Code

# Σ (d/r)⁶ and Σ (d/r)¹² over the infinite lattice, d the nearest distance: Jones and Ingham (1925) for fcc, Kane and
# Goeppert-Mayer (1940) for hcp
SUMS = {"fcc": (14.453921, 12.131880), "hcp": (14.454897, 12.132293)}
TWO_SPECIES = ("zincblende", "rocksalt")


def model(structure, a, *constants, **options):
    return ms.bulk(("X", "X") if structure in TWO_SPECIES else "X", structure, a, *constants, **options)


@pytest.fixture(scope="module")
def hexagonal():
    """Lennard-Jones hcp in equilibrium, from a wrong c/a."""
    found = equilibrium(CauchyBorn(ms.bulk("X", "hcp", 1.1, c=1.72), ms.LennardJones(outer=2.5, ending="shifted")))
    assert found.status.code == Code.CONVERGED
    return found


@pytest.fixture(scope="module")
def packed():
    """hcp of packed spheres of diameter 1, with springs of stiffness 1 between those that touch."""
    return CauchyBorn(ms.bulk("X", "hcp", 1.0), ms.Springs([1.0], [1.0]))


def tail(potential: ms.LennardJones, density: float) -> float:
    """Energy per atom that the cut-off takes away, eV, with atoms spread evenly beyond the first shells."""
    r = np.geomspace(potential.inner, 1000.0, 20001)
    constant = float(0.5 * potential.energy(jnp.asarray(2.0)) - potential.pair(jnp.asarray(4.0)))
    lost = np.asarray(0.5 * potential.energy(jnp.asarray(r)) - potential.pair(jnp.asarray(r) ** 2)) * r**2
    beyond = np.sum(0.5 * (lost[1:] + lost[:-1]) * np.diff(r))
    return 4.0 * np.pi * density * (beyond + constant * potential.inner**3 / 3.0) - constant


@pytest.mark.slow
def test_lennard_jones_prefers_hcp_by_the_difference_of_the_lattice_sums():
    """E = −ε C₆²/(2 C₁₂) at its minimum: −8.61107 ε for hcp, −8.61020 ε for fcc."""
    potential = ms.LennardJones(inner=4.0, outer=7.0)
    found, exact = {}, {}
    for structure, a in [("fcc", 1.5415), ("hcp", 1.09)]:
        state = equilibrium(CauchyBorn(ms.bulk("X", structure, a), potential, strain_margin=0.02))
        found[structure] = float(state.energy_per_atom) + tail(potential, 1.0 / float(state.volume_per_atom))
        exact[structure] = -0.5 * SUMS[structure][0] ** 2 / SUMS[structure][1]
        assert found[structure] == pytest.approx(exact[structure], rel=1e-5)
    assert found["hcp"] / found["fcc"] - 1.0 == pytest.approx(exact["hcp"] / exact["fcc"] - 1.0, rel=0.01)


def ase_model(material: CauchyBorn, repeat=(1, 1, 1)):
    """The crystal as ase.Atoms with ASE's Lennard-Jones, shifted at 2.5 as here."""
    pytest.importorskip("ase", reason="needs ase (extra msjax[atoms])")
    from ase.calculators.lj import LennardJones

    from msjax.crystal.ase import to_ase

    atoms = to_ase(material.crystal).repeat(repeat)
    atoms.calc = LennardJones(rc=2.5)
    return atoms


@pytest.mark.slow
def test_hcp_relaxes_its_cell_to_what_ase_finds_free_of_stress(hexagonal):
    atoms = ase_model(hexagonal.material)
    assert float(hexagonal.energy_per_atom) == pytest.approx(atoms.get_potential_energy() / 2, rel=1e-12)
    stiffness = float(jnp.max(jnp.abs(hexagonal.material.respond(jnp.eye(3)).tangent)))
    np.testing.assert_allclose(atoms.get_stress(), 0.0, atol=1e-10 * stiffness)
    a, c = hexagonal.lattice_constants
    np.testing.assert_allclose(np.linalg.norm(hexagonal.material.crystal.cell, axis=1), [a, a, c], rtol=1e-12)
    assert float(c / a) != pytest.approx((8 / 3) ** 0.5, rel=1e-5)  # the ideal c/a is free of stress for no potential
    atoms.set_cell(atoms.cell.array * [1, 1, 1.01], scale_atoms=True)
    stretched = hexagonal.material.respond(jnp.diag(jnp.array([1.0, 1.0, 1.01])))
    cauchy = np.asarray(stretched.stress) * [1, 1, 1.01] / 1.01
    np.testing.assert_allclose(atoms.get_stress(voigt=False), cauchy, atol=1e-10 * stiffness)
    again = CauchyBorn(ms.bulk("X", "hcp", *(float(x) for x in (a, c))), hexagonal.material.potential)
    assert float(again.respond(jnp.eye(3)).energy) == pytest.approx(
        float(hexagonal.material.respond(jnp.eye(3)).energy), rel=1e-13
    )


@pytest.mark.slow
def test_lattice_constants_of_hcp_follow_the_potential(hexagonal):
    """With a potential that scales with σ, cut-off apart, so would a and c; here the cut-off stays."""
    start = CauchyBorn(ms.bulk("X", "hcp", 1.1, c=1.78), hexagonal.material.potential)

    @jax.jit
    def constants(sigma):
        moved = equilibrium(eqx.tree_at(lambda m: m.potential.sigma, start, sigma), throw=False)
        return jnp.stack(moved.lattice_constants)

    slope = jax.jit(jax.jacrev(constants))(jnp.asarray(1.0))
    h = 1e-4
    difference = (constants(jnp.asarray(1.0 + h)) - constants(jnp.asarray(1.0 - h))) / (2 * h)
    np.testing.assert_allclose(slope, difference, rtol=1e-6)


@pytest.mark.slow
def test_phonons_of_hcp_against_displacements_in_ase(hexagonal):
    """A cell doubled along a₁ has the modes of Γ and of M; the acoustic ones at Γ vanish."""
    material = hexagonal.material
    atoms = ase_model(material, (2, 1, 1))
    n, h = 3 * len(atoms), 1e-4
    hessian = np.zeros((n, n))
    rest = atoms.positions.copy()
    for column in range(n):
        forces = []
        for sign in (1, -1):
            moved = rest.copy()
            moved.ravel()[column] += sign * h
            atoms.positions = moved
            forces.append(atoms.get_forces().ravel())
        hessian[:, column] = (forces[1] - forces[0]) / (2 * h)
    found = ms.phonons.modes(material, [[0.0, 0.0, 0.0], [0.5, 0.0, 0.0]]).omega2
    largest = float(jnp.max(found))
    expected = np.linalg.eigvalsh(0.5 * (hessian + hessian.T))
    np.testing.assert_allclose(np.sort(found.ravel()), expected, atol=2e-6 * largest)
    np.testing.assert_allclose(found[0, :3], 0.0, atol=1e-12 * largest)
    # long waves are sound: ω² = k² (N·A·N)/ρ
    q = jnp.array([1e-3, 0.0, 2e-3])
    k = q @ material.crystal.reciprocal
    density = 2.0 / material.crystal.volume
    acoustic = jnp.einsum("iJkL,J,L->ik", material.respond(jnp.eye(3)).tangent, k, k) / density
    sound = ms.phonons.modes(material, q[None]).omega2[0, :3]
    np.testing.assert_allclose(sound, jnp.linalg.eigvalsh(acoustic), rtol=1e-4)


@pytest.mark.slow
def test_hcp_of_touching_spheres_in_closed_form(packed):
    """C₁₁ : C₃₃ : C₄₄ : C₁₂ : C₁₃ : C₆₆ = 29 : 32 : 8 : 11 : 8 : 9 with the inner shift relaxed (Born and Huang's
    central forces), C₃₃ = (8/3)/√2; the optical modes at Γ have ω² = 2 (twice) and 8."""
    c = ms.relaxed_stiffness(packed)
    expected = np.zeros((6, 6))
    expected[:3, :3] = [[29, 11, 8], [11, 29, 8], [8, 8, 32]]
    expected[[3, 4, 5], [3, 4, 5]] = [8, 8, 9]
    np.testing.assert_allclose(c, expected * (8 / 3) / 2**0.5 / 32, atol=1e-12)
    omega2 = ms.phonons.modes(packed, [[0.0, 0.0, 0.0]]).omega2[0]
    np.testing.assert_allclose(omega2, [0, 0, 0, 2, 2, 8], atol=1e-12)


@pytest.mark.slow
def test_honeycomb_of_springs_in_closed_form():
    """Bonds k between neighbours and k₂ between second neighbours; nearest bonds alone resist no shear."""
    k, k2, a = 1.3, 0.4, 1.7
    sheet = CauchyBorn(ms.bulk("X", "honeycomb", a), ms.Springs([k, k2], [a / 3**0.5, a]))
    area = k / (2 * 3**0.5)
    shear = 0.5 * 3**0.5 * k2
    expected = [[area + 3 * shear, area + shear, 0], [area + shear, area + 3 * shear, 0], [0, 0, shear]]
    np.testing.assert_allclose(ms.relaxed_stiffness(sheet), expected, atol=1e-12)
    clamped = np.array([[3, 1, 0], [1, 3, 0], [0, 0, 1]]) * (3**0.5 / 12 * k + shear)
    np.testing.assert_allclose(ms.clamped_stiffness(sheet), clamped, atol=1e-12)
    omega2 = ms.phonons.modes(sheet, [[0.0, 0.0]]).omega2[0]
    np.testing.assert_allclose(omega2, [0, 0, 3 * k, 3 * k], atol=1e-12)


@pytest.mark.slow
def test_stillinger_weber_holds_a_flat_honeycomb_by_its_angles():
    """At 120° angles cost nothing: three bonds an atom, shared by two, each −ε at its minimum."""
    potential = ms.StillingerWeber(epsilon=1.0, sigma=1.0, cos0=-0.5, element="X")
    found = equilibrium(CauchyBorn(ms.bulk("X", "honeycomb", 2.0), potential))
    assert float(found.energy_per_atom) == pytest.approx(-1.5, rel=1e-6)
    assert float(found.lattice_constant) == pytest.approx(3**0.5 * 2 ** (1 / 6), rel=1e-5)
    assert float(ms.relaxed_stiffness(found.material)[2, 2]) > 0.1


@pytest.mark.slow
def test_simple_cubic_springs_in_closed_form():
    k, k2, a = 1.3, 0.7, 2.0
    cube = CauchyBorn(ms.bulk("X", "sc", a), ms.Springs([k, k2], [a, a * 2**0.5]))
    expected = np.diag([k + k2] * 3 + [k2] * 3) / a
    expected[:3, :3] += k2 / a
    np.testing.assert_allclose(ms.relaxed_stiffness(cube), expected, atol=1e-12)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("structure", "distance", "sum_of_squares"), [("zincblende", 3**0.5 / 4, 4 / 3), ("rocksalt", 0.5, 2.0)]
)
def test_optical_modes_of_two_masses_in_closed_form(structure, distance, sum_of_squares):
    """ω² = k Σ(n·x)² (1/m₁ + 1/m₂) at Γ."""
    k, first, second = 1.7, 2.0, 5.0
    material = CauchyBorn(model(structure, 1.0, mass=[first, second]), ms.Springs([k], [distance]))
    omega2 = ms.phonons.modes(material, [[0.0, 0.0, 0.0]]).omega2[0]
    expected = k * sum_of_squares * (1 / first + 1 / second)
    np.testing.assert_allclose(omega2, [0, 0, 0, *[expected] * 3], atol=1e-12)


def test_which_structures_stretch_isotropically():
    for structure in ("honeycomb", "sc", "zincblende", "rocksalt"):
        assert isotropic_shells(CauchyBorn(model(structure, 1.5), ms.LennardJones()).neighbours)
    assert not isotropic_shells(CauchyBorn(ms.bulk("X", "hcp", 1.1), ms.LennardJones()).neighbours)  # at c/a ideal too


@pytest.mark.slow
@pytest.mark.parametrize(
    ("structure", "distance"), [("honeycomb", 3**-0.5), ("sc", 1.0), ("zincblende", 3**0.5 / 4), ("rocksalt", 0.5)]
)
def test_lattice_constant_from_the_length_of_a_bond(structure, distance):
    potential = ms.Morse(1.0, 6.0, 1.0, inner=1.2, outer=1.35)
    found = equilibrium(CauchyBorn(model(structure, 1.02 / distance), potential))
    assert float(found.lattice_constant) == pytest.approx(1.0 / distance, rel=1e-10)
    assert found.lattice_constants == (found.lattice_constant,)


@pytest.mark.slow
def test_lattice_constants_are_refused_where_there_are_none(hexagonal):
    with pytest.raises(ValueError, match="'hcp' has no single lattice constant: use lattice_constants"):
        _ = hexagonal.lattice_constant
    crystal = hexagonal.material.crystal
    turned = ms.Crystal(crystal.cell[::-1], crystal.basis, crystal.species, "hcp")  # c first
    other = eqx.tree_at(lambda e: e.material, hexagonal, CauchyBorn(turned, hexagonal.material.potential))
    with pytest.raises(ValueError, match="a and c are those of a cell of two atoms"):
        _ = other.lattice_constants
    unnamed = ms.Crystal(crystal.cell, crystal.basis, crystal.species)
    other = eqx.tree_at(lambda e: e.material, hexagonal, CauchyBorn(unnamed, hexagonal.material.potential))
    with pytest.raises(ValueError, match="structure '' has no single lattice constant"):
        _ = other.lattice_constants


def test_special_points_of_the_new_structures():
    for structure in ("zincblende", "rocksalt"):
        crystal = model(structure, 5.6)
        for name, q in {"Γ": (1, 0, -1), "X": (0.5, 0, 0.5), "L": (0.5, 0, 0), "W": (0.5, 0.25, 0.75)}.items():
            assert special_point(crystal, np.array(q)) == name
    for name, q in {"Γ": (0, 0, 0), "X": (0, -0.5, 0), "M": (0.5, 0.5, 1), "R": (0.5, 0.5, 0.5)}.items():
        assert special_point(ms.bulk("X", "sc", 2.0), np.array(q)) == name
    honeycomb = ms.bulk("C", "honeycomb", 2.46)
    assert special_point(honeycomb, np.array([0.5, 0.5])) == "M"
    assert special_point(honeycomb, np.array([2 / 3, 1 / 3])) == "K"
    wide = ms.Crystal([[1.0, 0.0], [-0.5, 0.75**0.5]], [[0.0, 0.0], [0.5, 0.75**0.5 / 3]], ("C", "C"), "honeycomb")
    assert special_point(wide, np.array([2 / 3, 1 / 3])) is None  # K of the other cell


def test_special_points_of_hcp_are_those_of_ase():
    lattices = pytest.importorskip("ase.lattice", reason="needs ase (extra msjax[atoms])")
    crystal = ms.bulk("Mg", "hcp", 3.2, c=5.3)
    theirs = lattices.HEX(3.2, 5.3)
    other = theirs.tocell().array  # turned about z: the same angle between a₁ and a₂
    np.testing.assert_allclose(other @ other.T, crystal.cell @ crystal.cell.T, atol=1e-12)
    for name, q in theirs.get_special_points().items():
        assert special_point(crystal, np.array(q)) == name.replace("G", "Γ")
    assert special_point(crystal, np.array([0.2, 0.1, 0.0])) is None


BASAL, PRISM = 3 / (2 * 0.75**0.5), 6 / (2 * (8 / 3) ** 0.5)
"""Bonds cut per face and area at diameter 1: three an atom, and the fewest of a prism plane, six in a × c."""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("face", "termination", "expected"),
    [
        ("0001", None, BASAL),
        ((0, 0, 1), None, BASAL),
        ("10-10", None, PRISM),
        ("10-10", "other", PRISM * 8 / 6),
    ],
)
def test_faces_of_hcp_cut_their_bonds(face, termination, expected):
    bond = ms.Morse(1.0, 6.0, 1.0, inner=1.2, outer=1.35)
    material = CauchyBorn(ms.bulk("X", "hcp", 1.0), bond)
    if termination == "other":
        default = Surface(material, face, layers="clamped").slab
        slabs = [build_slab(material.crystal, default.face, 1.4, default.repeats, t) for t in (0, 1)]
        termination = next(t for t, slab in enumerate(slabs) if slab.sublattice[0] != default.sublattice[0])
    surface = Surface(material, face, layers="clamped", termination=termination)
    depth = -2.0 * float(bond.pair(jnp.asarray(1.0)))
    assert float(surface.respond(jnp.eye(2)).energy) == pytest.approx(depth * expected, rel=1e-12)


def test_four_indices_are_those_of_hcp():
    crystal = ms.bulk("Mg", "hcp", 3.2, c=5.2)
    for four, three in [("11-20", (1, 1, 0)), ("-1-120", (-1, -1, 0)), ((1, 0, -1, 2), (1, 0, 2))]:
        assert face_of(crystal, four).miller == three
    normal = np.asarray(face_of(crystal, "11-20").axes(crystal.cell))[2]
    np.testing.assert_allclose(normal, [0.5, 0.75**0.5, 0.0], atol=1e-12)
    with pytest.raises(ValueError, match="the third is −h − k = -2"):
        face_of(crystal, "1120")
    with pytest.raises(ValueError, match="or four for hcp, all integers"):
        face_of(crystal, (1, 1))
    with pytest.raises(ValueError, match="three Miller indices"):
        face_of(ms.bulk("Cu", "fcc", 3.6), "11-20")


def test_slabs_of_two_species_keep_or_part_them():
    salt, blende = ms.bulk(("Na", "Cl"), "rocksalt", 5.64), ms.bulk(("Ga", "As"), "zincblende", 5.65)

    for crystal, face, mixed in [
        (salt, (1, 0, 0), True),
        (salt, (1, 1, 1), False),
        (blende, (1, 1, 0), True),
        (blende, (1, 0, 0), False),
    ]:
        slab = build_slab(crystal, face_of(crystal, face), 6.0, 8)
        heights = np.round(np.asarray(slab.positions(crystal.cell, crystal.basis))[:, 2], 6)
        kinds = [{crystal.species[b] for b in slab.sublattice[heights == z]} for z in np.unique(heights)]
        assert {len(kind) for kind in kinds} == {2 if mixed else 1}
        normal = np.asarray(slab.face.axes(crystal.cell))[2]
        np.testing.assert_allclose(normal, np.array(face) / np.linalg.norm(face), atol=1e-12)
        assert slab.centred == (crystal is salt and mixed)  # inversion maps Na on Na, and zincblende on no slab of it


@pytest.mark.parametrize(
    ("potential", "message"),
    [
        (ms.LennardJones(sigma=2.5), "LennardJones cannot tell species apart, but the crystal holds Cl, Na; if all"),
        (ms.Springs([1.0], [2.82]), "Springs cannot tell species apart"),
        (ms.SiteEnergy(lambda r, _: jnp.sum(r), cutoff=4.0), "SiteEnergy cannot tell species apart"),
        (ms.StillingerWeber(), "made for Si, but the crystal holds Cl, Na"),
        (ms.EAM.gupta("Cu"), "made for Cu, but the crystal holds Cl, Na"),
    ],
)
def test_a_potential_of_one_species_refuses_two(potential, message):
    with pytest.raises(ValueError, match=message):
        CauchyBorn(ms.bulk(("Na", "Cl"), "rocksalt", 5.64), potential)


def test_a_model_atom_beside_a_real_one_is_a_second_species():
    with pytest.raises(ValueError, match="StillingerWeber cannot tell species apart, but the crystal holds Si, X"):
        CauchyBorn(ms.bulk(("Si", "X"), "zincblende", 5.43), ms.StillingerWeber())
