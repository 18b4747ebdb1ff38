"""Potentials that tell species apart: in crystals, in configurations, and against what they must reduce to."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.configurations import evaluate, neighbour_list
from msjax.crystal.phonons import dynamical_matrix
from msjax.crystal.spline import CubicTable

RNG = np.random.default_rng(3)


def caesium_chloride(first, second, a):
    """B2."""
    return ms.Crystal(a * jnp.eye(3), [[0.0, 0.0, 0.0], [0.5 * a, 0.5 * a, 0.5 * a]], (first, second))


def ordered(one, three, a):
    """L1₂: one atom at the corner, three on the faces."""
    half = 0.5 * a
    basis = [[0.0, 0.0, 0.0], [0.0, half, half], [half, 0.0, half], [half, half, 0.0]]
    return ms.Crystal(a * jnp.eye(3), basis, (one, three, three, three))


def of_atoms(crystal, potential):
    """Energy per cell by the other route: neighbour lists of any atoms, nothing counted twice or left out."""
    configuration = ms.Configuration.of(crystal)
    found = evaluate(configuration, potential, neighbour_list(configuration, potential))
    assert bool(found.status.ok)
    return found


CRYSTALS = {
    "B2": caesium_chloride("Ni", "Al", 2.88),
    "L12": ordered("Al", "Ni", 3.55),
    "zincblende": ms.bulk(("Al", "Ni"), "zincblende", 5.1),
}
COMPOUNDS = {
    "tersoff": ("SiC.tersoff", ms.TersoffCompound, ms.bulk(("Si", "C"), "zincblende", 4.32)),
    "sw": ("GaN.sw", ms.StillingerWeberCompound, ms.bulk(("Ga", "N"), "zincblende", 4.5)),
}
DEFORMATION = jnp.eye(3) + jnp.asarray(RNG.uniform(-0.02, 0.02, (3, 3)))


@pytest.mark.slow
@pytest.mark.parametrize("name", CRYSTALS)
def test_a_crystal_is_its_atoms(name):
    crystal, potential = CRYSTALS[name], ms.EAM.zhou("Al", "Ni")
    response = ms.CauchyBorn(crystal, potential, inner="clamped").respond(DEFORMATION)
    found = of_atoms(crystal.deformed(DEFORMATION), potential)
    volume = crystal.volume * jnp.linalg.det(DEFORMATION)
    np.testing.assert_allclose(response.energy * crystal.volume, found.energy, rtol=1e-12)
    cauchy = response.stress @ DEFORMATION.T / jnp.linalg.det(DEFORMATION)
    np.testing.assert_allclose(cauchy, found.stress, atol=1e-13)
    assert float(volume) > 0


@pytest.mark.slow
@pytest.mark.parametrize("name", COMPOUNDS)
def test_a_compound_is_its_atoms_and_its_shift_is_relaxed(potential_file, name):
    file, kind, crystal = COMPOUNDS[name]
    potential = kind.read(potential_file(file), tuple(dict.fromkeys(crystal.species)))
    clamped = ms.CauchyBorn(crystal, potential, inner="clamped").respond(DEFORMATION)
    found = of_atoms(crystal.deformed(DEFORMATION), potential)
    np.testing.assert_allclose(clamped.energy * crystal.volume, found.energy, rtol=1e-12)
    relaxed = ms.CauchyBorn(crystal, potential).respond(DEFORMATION)
    at_rest = of_atoms(crystal.deformed(DEFORMATION, relaxed.state), potential)
    np.testing.assert_allclose(at_rest.forces, 0.0, atol=1e-7)
    np.testing.assert_allclose(relaxed.energy * crystal.volume, at_rest.energy, rtol=1e-12)
    assert float(relaxed.energy) < float(clamped.energy)


@pytest.mark.slow
@pytest.mark.parametrize("kind", [ms.TersoffCompound, ms.StillingerWeberCompound])
def test_one_element_of_a_compound_is_itself(potential_file, kind):
    """Tersoff's carbon in SiC, and gallium in GaN, as if nothing else were in the file."""
    single, file, pair = {
        ms.TersoffCompound: (ms.Tersoff, "SiC.tersoff", ("C", "Si")),
        ms.StillingerWeberCompound: (ms.StillingerWeber, "GaN.sw", ("Ga", "N")),
    }[kind]
    path = potential_file(file)
    crystal = ms.bulk(pair[0], "diamond", 3.57 if pair[0] == "C" else 5.0)
    own = ms.CauchyBorn(crystal, single.read(path, pair[0])).respond(DEFORMATION)
    found = ms.CauchyBorn(crystal, kind.read(path, pair)).respond(DEFORMATION)
    np.testing.assert_allclose(found.energy, own.energy, rtol=1e-12)
    np.testing.assert_allclose(found.tangent, own.tangent, atol=1e-10)


def test_refusals_of_compound_files(write):
    row = "2.0 1.5 1.80 21.0 1.20 -0.333333333333 7.0 0.6 4.0 0.0 0.0"
    every = [f"{a} {b} {c} {row}" for a in ("Ga", "N") for b in ("Ga", "N") for c in ("Ga", "N")]
    assert ms.StillingerWeberCompound.read(write("\n".join(every)), ("N", "Ga")).elements == ("N", "Ga")
    for lines, elements, message in (
        (every[:-1], ("Ga", "N"), "no entry N N N in this file"),
        (every, ("Ga",), "elements: expected two or more, each once"),
        (every, ("Ga", "Ga"), "elements: expected two or more, each once"),
        (
            [*every[:5], every[5].replace("21.0", "20.0"), *every[6:]],
            ("Ga", "N"),
            "line 6, entry N Ga N: lam is not that",
        ),
        ([every[0].replace("1.5", "0.0"), *every[1:]], ("Ga", "N"), "line 1, entry Ga Ga Ga: sigma: must be positive"),
    ):
        with pytest.raises(ValueError, match=message):
            ms.StillingerWeberCompound.read(write("\n".join(lines)), elements)


def energy_of(crystal, potential):
    material = ms.CauchyBorn(crystal, potential, inner="clamped")
    return eqx.filter_jit(lambda m: m.respond(jnp.eye(3)).energy)(material)


@pytest.mark.slow
def test_which_atom_is_which_matters():
    potential = ms.EAM.zhou("Al", "Ni")
    rich, poor = energy_of(CRYSTALS["L12"], potential), energy_of(ordered("Ni", "Al", 3.55), potential)
    assert abs(float(rich - poor)) > 1e-3
    swapped = energy_of(CRYSTALS["L12"], ms.EAM.zhou("Ni", "Al"))
    assert float(swapped) == pytest.approx(float(rich), rel=1e-13)  # the order in which elements are numbered does not


@pytest.mark.slow
def test_a_pure_metal_in_an_alloy_is_itself():
    """The one with the longest taper to round-off, the other up to what lies between the two tapers."""
    alloy = ms.EAM.zhou("Al", "Ni")
    for element, a, tolerance in (("Al", 4.05, 1e-13), ("Ni", 3.52, 2e-5)):
        crystal = ms.bulk(element, "fcc", a)
        own = ms.CauchyBorn(crystal, ms.EAM.zhou(element)).respond(DEFORMATION)
        found = ms.CauchyBorn(crystal, alloy).respond(DEFORMATION)
        assert float(found.energy) == pytest.approx(float(own.energy), rel=tolerance)
        np.testing.assert_allclose(found.tangent, own.tangent, atol=max(1e-12, 50 * tolerance))


@pytest.mark.slow
def test_johnsons_mixture_of_a_metal_with_itself_is_the_metal():
    nickel = ms.EAM.zhou("Ni")
    twin = eqx.tree_at(lambda p: p.re, nickel, nickel.re)
    twin = type(nickel)(*_numbers(twin), inner=nickel.inner, outer=nickel.outer, element="Al")
    both = ms.crystal.potentials.ZhouAlloy(nickel, twin)
    mixed = ms.CauchyBorn(caesium_chloride("Ni", "Al", 2.8), both).respond(DEFORMATION)
    alone = ms.CauchyBorn(caesium_chloride("Ni", "Ni", 2.8), nickel).respond(DEFORMATION)
    np.testing.assert_allclose(mixed.stress, alone.stress, atol=1e-14)
    np.testing.assert_allclose(mixed.tangent, alone.tangent, atol=1e-13)


def _numbers(metal):
    names = ("re", "fe", "rho_e", "rho_s", "alpha", "beta", "A", "B", "kappa", "lam", "Fn", "F", "eta", "Fe")
    return [getattr(metal, name) for name in names]


@pytest.mark.slow
def test_phonons_are_the_hessian_of_the_atoms():
    """D at Γ and at the zone boundary of B2 against differences of forces in a doubled cell, with both masses."""
    crystal, potential = CRYSTALS["B2"], ms.EAM.zhou("Ni", "Al")
    material = ms.CauchyBorn(crystal, potential)
    configuration = ms.Configuration.of(crystal, (2, 1, 1))
    neighbours = neighbour_list(configuration, potential)

    def forces(x):
        return evaluate(configuration.at(x), potential, neighbours).forces

    hessian = -jax.jit(jax.jacfwd(forces))(configuration.positions)
    masses = np.asarray(crystal.masses)
    for q, sign in (((0.0, 0.0, 0.0), 1.0), ((0.5, 0.0, 0.0), -1.0)):
        blocks = np.asarray(hessian[:2, :, :2] + sign * hessian[:2, :, 2:]).reshape(6, 6)
        expected = blocks / np.sqrt(np.outer(np.repeat(masses, 3), np.repeat(masses, 3)))
        found = np.asarray(dynamical_matrix(material, jnp.asarray([q]))[0])
        np.testing.assert_allclose(np.linalg.eigvalsh(found), np.linalg.eigvalsh(expected), atol=1e-10)


@pytest.mark.slow
def test_a_gradient_in_the_mixture_of_parameters():
    """dW/dθ of one metal's parameter against differences; what the other metal's is worth is not confused with it."""
    material = ms.CauchyBorn(CRYSTALS["L12"], ms.EAM.zhou("Al", "Ni"))

    def alphas(material):
        return [metal.alpha for metal in material.potential.metals]

    @jax.jit
    @jax.value_and_grad
    def energy(values):
        return eqx.tree_at(alphas, material, list(values)).respond(DEFORMATION).energy

    here, h = jnp.stack(alphas(material)), 1e-4
    _, exact = energy(here)
    differences = [(energy(here + step)[0] - energy(here - step)[0]) / (2 * h) for step in h * jnp.eye(2)]
    np.testing.assert_allclose(exact, differences, rtol=1e-6)
    assert abs(float(exact[0] - exact[1])) > 0.1 * abs(float(exact[0]))


@pytest.mark.slow
def test_nickel_aluminides_form(potential_file):
    """Mishin-like tables of Ni, Al, H (Angelo, Moody and Baskes): both aluminides lie below their elements, and the
    two files of the same potential agree."""
    tables = ms.EAM.setfl(potential_file("NiAlH_jea.eam.alloy"), ("Ni", "Al"))
    assert (tables.elements, tables.distinguishes) == (("Ni", "Al"), True)

    def per_atom(crystal):
        return float(ms.equilibrium(ms.CauchyBorn(crystal, tables)).energy_per_atom)

    nickel, aluminium = per_atom(ms.bulk("Ni", "fcc", 3.52)), per_atom(ms.bulk("Al", "fcc", 4.05))
    aluminide, gamma = per_atom(CRYSTALS["B2"]), per_atom(CRYSTALS["L12"])
    assert aluminide - 0.5 * (nickel + aluminium) < -0.3  # eV; measured -0.61
    assert gamma - 0.75 * nickel - 0.25 * aluminium < -0.3  # measured -0.44
    single = ms.EAM.setfl(potential_file("NiAlH_jea.eam.alloy"), "Ni")
    assert float(ms.equilibrium(ms.CauchyBorn(ms.bulk("Ni", "fcc", 3.52), single)).energy_per_atom) == pytest.approx(
        nickel, rel=1e-12
    )


@pytest.mark.slow
def test_what_is_refused():
    alloy = ms.EAM.zhou("Ni", "Al")
    with pytest.raises(ValueError, match="made for Ni, Al, but the crystal holds Cu"):
        ms.CauchyBorn(caesium_chloride("Ni", "Cu", 2.9), alloy)
    with pytest.raises(ValueError, match="made for Ni, Al, but the crystal holds X"):
        ms.CauchyBorn(ms.bulk("X", "fcc", 3.6), alloy)
    with pytest.raises(ValueError, match="Zhou cannot tell species apart"):
        ms.CauchyBorn(CRYSTALS["B2"], eqx.tree_at(lambda p: p.re, _nameless(), ms.EAM.zhou("Ni").re))
    with pytest.raises(ValueError, match="metals: expected two or more of different"):
        ms.EAM.zhou("Ni", "Ni")
    with pytest.raises(ValueError, match="no Zhou parameters for 'Si'"):
        ms.EAM.zhou("Ni", "Si")
    with pytest.raises(ValueError, match="asked between which kinds"):
        alloy.pair(jnp.array(9.0))
    one, other = ms.Configuration.of(CRYSTALS["B2"]), ms.Configuration.of(caesium_chloride("Al", "Ni", 2.88))
    with pytest.raises(ValueError, match="found for atoms of other species, or in another order"):
        evaluate(other, alloy, neighbour_list(one, alloy))


def _nameless():
    nickel = ms.EAM.zhou("Ni")
    return type(nickel)(*_numbers(nickel), inner=nickel.inner, outer=nickel.outer)


@pytest.mark.slow
def test_stacked_tables():
    tables = [CubicTable.fit(0.0, 0.1, np.sin(k + 0.1 * np.arange(20)), below="linear", above="zero") for k in range(3)]
    stack, x = CubicTable.stacked(tables), jnp.linspace(-0.3, 2.3, 27)
    which = np.arange(27) % 3
    expected = jnp.stack([t(x) for t in tables])[which, np.arange(27)]
    np.testing.assert_array_equal(stack.of(which)(x), expected)
    np.testing.assert_array_equal(stack.of(1).derivatives(x)[1], tables[1].derivatives(x)[1])
    with pytest.raises(ValueError, match="say it by `of`"):
        stack(x)
    other = CubicTable.fit(0.0, 0.2, np.zeros(20), below="linear", above="zero")
    with pytest.raises(ValueError, match=r"tables\[1\]: knots"):
        CubicTable.stacked([tables[0], other])


@pytest.mark.slow
def test_a_surface_of_an_alloy_is_its_atoms():
    """The (110) face of B2, both elements in each plane: the ideal slab by neighbour lists, less as much bulk."""
    material = ms.CauchyBorn(CRYSTALS["B2"], ms.EAM.zhou("Ni", "Al"))
    ideal = ms.surfaces.Surface(material, "110", layers="clamped")
    crystal, slab = material.crystal, ideal.slab
    axes = slab.face.axes(crystal.cell)
    in_plane = jnp.asarray(slab.face.plane, float) @ crystal.cell @ axes.T
    cell = jnp.concatenate([in_plane, jnp.array([[0.0, 0.0, 1.0]])])
    species = [crystal.species[b] for b in slab.sublattice]
    atoms = ms.Configuration(cell, slab.positions(crystal.cell, crystal.basis), species, (True, True, False))
    found = evaluate(atoms, material.potential, neighbour_list(atoms, material.potential))
    of_bulk = material.respond(jnp.eye(3)).energy * crystal.volume_per_atom * atoms.atoms
    expected = (found.energy - of_bulk) / (2.0 * slab.face.area(crystal.cell))
    assert float(ideal.respond(jnp.eye(2)).energy) == pytest.approx(float(expected), rel=1e-10)
