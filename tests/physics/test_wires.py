"""Copper wires and cantilevers from the potential alone, against LAMMPS (data/wires_100_Cu_mishin1.csv and
data/cantilever_100_Cu_mishin1.csv): bulk W(F), relaxed {100} faces and the corners' fields, ended at a half of a₀."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax import units
from msjax.crystal.equilibrium import equilibrium
from msjax.crystal.surfaces import ExpandedSurface, SurfaceCauchyBorn
from msjax.io import data_file
from msjax.nano import Wire, square, wire_rigidity
from msjax.studies import BeamStiffness, CrystalLaw

pytestmark = pytest.mark.slow

BENDING = {13: 37.306, 17: 45.001}
"""GPa, E_curv of data/cantilever_100_Cu_mishin1.csv: from the rotation of sections, free of clamps and of shear."""


@pytest.fixture(scope="module")
def wires():
    """Planes, equilibrium strain, and E_app in GPa, from two nanometres up."""
    with open(data_file("wires_100_Cu_mishin1.csv")) as file:
        table = np.genfromtxt([line for line in file if not line.startswith("#")], delimiter=",", names=True)
    table = table[table["D_nom_nm"] > 1.95]
    return table["n"].astype(int), table["eps_star"], table["E_app_GPa"]


@pytest.fixture(scope="module")
def copper(potential_file):
    """A wire of 17 planes, and half its lattice constant."""
    potential = ms.EAM.setfl(potential_file("Cu_mishin1.eam.alloy"))
    bulk = equilibrium(ms.CauchyBorn(ms.bulk("Cu", "fcc", 3.6149), potential)).material
    spacing = float(bulk.crystal.volume / 2.0) ** (1.0 / 3.0)
    return Wire(bulk, square(17 * spacing), SurfaceCauchyBorn(bulk, "100"), core=spacing), spacing


def moduli(wire, spacing, planes, edges):
    """(strain, E_app, bending modulus) for numbers of planes and an edge's stress and stiffness; GPa."""

    def one(n):
        each = (jnp.broadcast_to(x, (4,)) for x in edges)
        changed = eqx.tree_at(
            lambda w: (w.section, w.edge_stress, w.edge_stiffness), wire, (square(n * spacing), *each)
        )
        found = wire_rigidity(changed, throw=False)
        return jnp.stack([found.strain, found.young / units.GPa, found.bending_young / units.GPa])

    return jax.lax.map(one, planes)


def test_with_nothing_fitted(copper, wires):
    """Strain to 3 % and E_app to 0.5 % for all wires of two nanometres and more (asked: 5 % and 1.5 % from three);
    bending moduli of cantilevers to 1 %, where first-order theory is 10 % and 5 % off."""
    planes, strain, young = wires
    found = np.asarray(eqx.filter_jit(moduli)(*copper, jnp.asarray(planes, float), jnp.zeros(2)))
    np.testing.assert_allclose(found[:, 0], strain, rtol=0.03)
    np.testing.assert_allclose(found[:, 1], young, rtol=0.005)
    for n, measured in BENDING.items():
        assert found[list(planes).index(n), 2] == pytest.approx(measured, rel=0.01)


def test_with_a_polynomial_for_the_face_and_an_energy_of_the_edges(copper, wires):
    """Γ to fourth order between −4 and 2 % does for the face: strain to 0.2 %, moduli to 0.1 %. With it, one stress and
    one stiffness of the edges fitted to strains and moduli: both within 0.8 % from two nanometres up, for an edge
    stress of some hundredths of eV/Å."""
    planes, strain, young = wires
    wire, spacing = copper
    light = eqx.tree_at(lambda w: w.kinds, wire, (ExpandedSurface.of(wire.kinds[0]),))
    at = eqx.filter_jit(lambda edges: moduli(light, spacing, jnp.asarray(planes, float), edges))
    n = list(planes).index(17)
    exact = wire_rigidity(wire)
    bare = np.asarray(at(jnp.zeros(2)))
    assert bare[n, 0] == pytest.approx(float(exact.strain), rel=2e-3)
    assert bare[n, 1] == pytest.approx(float(exact.young / units.GPa), rel=1e-3)
    assert bare[n, 2] == pytest.approx(float(exact.bending_young / units.GPa), rel=1e-3)

    def misfit(edges):
        found = np.asarray(at(edges))
        return np.concatenate([found[:, 0] / strain, found[:, 1] / young]) - 1.0

    edges = jnp.zeros(2)
    for _ in range(2):  # Gauss and Newton, nearly linear
        here, step = misfit(edges), np.diag([1e-3, 1e-2])
        slope = np.stack([(misfit(edges + d) - here) / np.max(d) for d in step], axis=1)
        edges = edges - jnp.asarray(np.linalg.lstsq(slope, here)[0])
    assert np.max(np.abs(misfit(edges))) < 0.008
    assert -0.1 < float(edges[0]) < 0.0


def test_tip_stiffness_by_the_potentials_parameters():
    """One derivative through lattice, slab, section and beam, against central differences to 1e-6 (Gupta copper)."""
    bulk = ms.CauchyBorn(ms.bulk("Cu", "fcc", 3.615), ms.EAM.gupta("Cu"))
    beam = BeamStiffness(Wire(bulk, square(25.0), SurfaceCauchyBorn(bulk, "100")), planes=13, length=250.0)
    law = CrystalLaw(bulk, (beam,))

    @jax.jit
    def stiffness_and_slope(xi):
        def at(xi):
            return eqx.tree_at(lambda w: w.material.potential.xi, law, xi)({}, {})["k"][0]

        return jax.jvp(at, (xi,), (jnp.ones_like(xi),))

    xi = bulk.potential.xi
    step = 1e-4 * float(xi)
    exact = float(stiffness_and_slope(xi)[1])
    ends = [float(stiffness_and_slope(xi + sign * step)[0]) for sign in (1.0, -1.0)]
    assert exact == pytest.approx((ends[0] - ends[1]) / (2.0 * step), rel=1e-6)
