"""Bodies of a crystal with its own faces, as finite elements, against films and wires of an independent code.

Nothing is fitted: W(F) and γ(F_s) come from the potential that the atomistic films and wires were made with
(data/README.md). What the wires have and the elements have not are edges.
"""

import csv

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

SYMMETRIC = [ms.fe.Dirichlet(f"{x}-", 0.0, x) for x in "xyz"]


def rows(name: str) -> list[dict[str, float]]:
    """The rows of a data set."""
    with open(data_file(name)) as file:
        lines = [line for line in file if not line.startswith("#")]
    return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(lines)]


def tied(nodes: np.ndarray, component: int) -> ms.fe.Multipoint:
    """One displacement for all these nodes: sections stay plane."""
    others = np.stack([nodes[1:], np.full(len(nodes) - 1, component)], axis=1)
    first = np.tile([nodes[0], component], (len(others), 1, 1))
    return ms.fe.Multipoint(others, first, np.ones((len(others), 1)))


def film(bulk, face, height: float, edge: float) -> tuple[float, jax.Array]:
    """(ε*, E2D) of a film: an eighth of it is one element, and its membrane force has the derivative 2 dF/dv."""
    mesh = ms.fe.box((edge, edge, height / 2.0), (1, 1, 1))
    sides = {side: mesh.nodes_of(side) for side in ("x+", "y+", "z+")}
    surface = [ms.fe.SurfaceEnergy("z+", face)]
    ties = [tied(sides[f"{x}+"], c) for c, x in enumerate("xyz")]
    at_rest = ms.solve(ms.fe.Problem(mesh, bulk, [*SYMMETRIC, *ties], surface))
    moved = at_rest.u[sides["x+"][0], 0]

    def force(v):
        pulled = [ms.fe.Dirichlet("x+", v, "x"), tied(sides["y+"], 1)]
        problem = ms.fe.Problem(mesh, bulk, [*SYMMETRIC, *pulled], surface)
        return ms.fe.resultant(problem, ms.solve(problem), "x+").force[0]

    return float(moved) / edge, 2.0 * jax.jit(jax.grad(force))(moved)


@pytest.mark.slow
def test_films_without_a_fit(potential_file):
    """Films of 6 planes (1.1 nm) and of 12: strain to 0.1 % and to 1e-6, stiffness to 0.02 % and 1e-5."""
    data = {int(row["N"]): row for row in rows("films_100_Al_zhou.csv")}
    potential = ms.EAM.setfl(potential_file("Al_zhou.eam.alloy"))
    bulk = equilibrium(ms.CauchyBorn(ms.bulk("Al", "fcc", 4.08), potential)).material
    face = SurfaceCauchyBorn(bulk, "001")
    edge = 2.0 * float(bulk.crystal.volume / 2.0) ** (1.0 / 3.0)  # a₀: four atoms in a cube
    for planes, strain_error, stiffness_error in ((6, 1e-3, 2e-4), (12, 1e-6, 1e-5)):
        strain, stiffness = film(bulk, face, planes * edge / 2.0, edge)
        assert strain == pytest.approx(data[planes]["eps_star"], rel=strain_error)
        assert float(stiffness / units.N_per_m) == pytest.approx(data[planes]["E2D_N_per_m"], rel=stiffness_error)


@pytest.mark.slow
def test_a_copper_wire_without_a_fit(potential_file):
    """A square wire of 3.07 nm: E within 0.5 % and strain within 1.5 % (edges are what is missing)."""
    data = {int(row["n"]): row for row in rows("wires_100_Cu_mishin1.csv")}
    potential = ms.EAM.setfl(potential_file("Cu_mishin1.eam.alloy"))
    bulk = equilibrium(ms.CauchyBorn(ms.bulk("Cu", "fcc", 3.6149), potential)).material
    edge = 2.0 * float(bulk.crystal.volume / 2.0) ** (1.0 / 3.0)
    faces = [
        ms.fe.SurfaceEnergy(f"{x}+", ExpandedSurface.of(SurfaceCauchyBorn(bulk, m)))
        for x, m in (("x", "100"), ("y", "010"))
    ]
    planes = 17
    side = planes * edge / 2.0
    mesh = ms.fe.box((side / 2.0, side / 2.0, edge), (3, 3, 1), "hex27")  # a quarter of the section
    end = mesh.nodes_of("z+")
    at_rest = ms.solve(ms.fe.Problem(mesh, bulk, [*SYMMETRIC, tied(end, 2)], faces))
    moved = at_rest.u[end[0], 2]

    def force(v):
        problem = ms.fe.Problem(mesh, bulk, [*SYMMETRIC, ms.fe.Dirichlet("z+", v, "z")], faces)
        return ms.fe.resultant(problem, ms.solve(problem), "z+").force[2]

    modulus = 4.0 * jax.grad(force)(moved) * (edge + moved) / side**2
    assert float(moved) / edge == pytest.approx(data[planes]["eps_star"], rel=0.015)
    assert float(modulus / units.GPa) == pytest.approx(data[planes]["E_app_GPa"], rel=0.005)


@pytest.mark.slow
def test_strain_of_a_film_by_the_potentials_parameters():
    """One gradient through slab, bulk and elements, against a finite difference; bulk and faces share the potential."""
    bulk = ms.CauchyBorn(ms.bulk("Cu", "fcc", 3.6), ms.EAM.gupta("Cu"))
    face = SurfaceCauchyBorn(bulk, "001")
    mesh = ms.fe.box((3.6, 3.6, 8.0), (1, 1, 1))
    ties = [tied(mesh.nodes_of(f"{x}+"), c) for c, x in enumerate("xyz")]

    def stretch(xi):
        here = eqx.tree_at(lambda m: m.potential.xi, bulk, xi)
        surface = eqx.tree_at(lambda s: s.face.material, face, here)
        problem = ms.fe.Problem(mesh, here, [*SYMMETRIC, *ties], [ms.fe.SurfaceEnergy("z+", surface)])
        return jnp.max(jnp.abs(ms.solve(problem, throw=False).u[:, 0]))

    xi = bulk.potential.xi
    exact = jax.jit(jax.grad(stretch))(xi)
    step = 1e-4 * float(xi)
    difference = (stretch(xi + step) - stretch(xi - step)) / (2.0 * step)
    assert float(exact) == pytest.approx(float(difference), rel=1e-6)
