"""Several routes to one number, the stiffness of a cantilever's tip, side by side with what makes them differ."""

from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np

from msjax import fe, units
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.elastic import relaxed_stiffness
from msjax.crystal.surfaces import ExpandedSurface, SurfaceCauchyBorn, constants
from msjax.fe.solve import solve
from msjax.material.linear import IsotropicElastic
from msjax.material.surface import LinearGurtinMurdoch
from msjax.nano import Beam, SurfaceElasticity, Wire, rectangle, square, wire_rigidity
from msjax.studies.solid_cantilever import solid_cantilever
from msjax.studies.wire_law import UniaxialFace, uniaxial_bulk


@dataclass(frozen=True)
class Route:
    """A ``name``, the tip's stiffness ``k`` in N/m, and ``why`` it differs from the route before it."""

    name: str
    k: float
    why: str


@dataclass(frozen=True)
class Routes:
    """Of one cantilever: ``title``, the ``routes``, and the one the others are compared with, the last. Prints as a
    table."""

    title: str
    routes: tuple[Route, ...]

    def __getitem__(self, name: str) -> float:
        return next(route.k for route in self.routes if route.name == name)

    def __str__(self) -> str:
        wide = max(len(route.name) for route in self.routes)
        best = self.routes[-1].k
        lines = [f"  {r.name:<{wide}}  {r.k:10.6f}  {100 * (r.k / best - 1):+7.2f} %   {r.why}" for r in self.routes]
        return "\n".join([self.title, f"  {'':<{wide}}  {'k, N/m':>10}  {'to last':>9}   why", *lines])


def plate_routes(
    E: float,
    nu: float,
    width: float,
    thickness: float,
    length: float,
    stiffness: float = 0.0,
    cells: tuple[int, int, int] = (2, 4, 20),
) -> Routes:
    """An isotropic plate with surface stiffness: two formulas, beam elements, the relaxed section, elements in 3-D.

    Args:
        E, nu: of the bulk, GPa.
        width, thickness, length: nm.
        stiffness: S of a face in a direction along which it alone is strained, N/m; its transverse stiffness is none.
        cells: of half the body through thickness, half width and length, of degree two.

    >>> found = plate_routes(130.0, 0.28, 200.0, 50.0, 2000.0, -10.655, cells=(1, 1, 8))
    >>> round(found["formula, bulk alone"], 5)
    0.10156
    """
    section, surface = rectangle(width, thickness), SurfaceElasticity(stiffness=stiffness)
    shear = E / (2.0 * (1.0 + nu))
    bulk = IsotropicElastic(E, nu)
    face = LinearGurtinMurdoch(mu=0.5 * stiffness)  # pyright: ignore[reportCallIssue]
    bare = float(3.0 * section.rigidity(E).bending / length**3)
    formula = float(3.0 * section.rigidity(E, surface).bending / length**3)
    relaxed = wire_rigidity(Wire(bulk, section, face)).bending
    beam = Beam.of(section, E, 1.0, length, surface, shear_modulus=shear)
    of_section = Beam(length=length, bending=relaxed, shear_flexibility=beam.shear_flexibility)
    mesh = fe.box((thickness, 0.5 * width, length), cells, "hex27")
    held = [fe.Dirichlet("z-"), fe.Dirichlet("y-", 0.0, "y")]
    force = 0.5  # on half the body
    pull = fe.Traction("z+", jnp.array([force / (0.5 * width * thickness), 0.0, 0.0]))
    loads = [*(fe.SurfaceEnergy(side, face) for side in ("x-", "x+", "y+")), pull]
    solution = solve(fe.Problem(mesh, bulk, held, loads))
    tip = float(jnp.mean(solution.u[mesh.nodes_of("z+"), 0]))
    return Routes(
        f"A plate of {width:g} × {thickness:g} × {length:g} nm, E = {E:g} GPa, S = {stiffness:g} N/m",
        (
            Route("formula, bulk alone", bare, "3 EI/L³"),
            Route("formula, with surfaces", formula, "EI* = EI + S (b h²/2 + h³/6)"),
            Route("beam elements", float(beam.point_stiffness().k), "Timoshenko: shear of the section"),
            Route("beam elements, relaxed section", float(of_section.point_stiffness().k), "faces strained across too"),
            Route("elements in 3-D", 2.0 * force / tip, "the clamp keeps sections from taking their anticlastic shape"),
        ),
    )


def wire_routes(
    bulk: CauchyBorn,
    planes: int,
    length: float,
    measured: float,
    clamp_offset: float,
    core: bool = True,
    cells: tuple[int, int] | None = None,
) -> Routes:
    """A square ⟨100⟩ cantilever of a crystal against its atoms: formulas, section from the potential, beam elements,
    elements in three dimensions.

    Args:
        bulk: a stress-free fcc crystal with its cubic axes along x, y and z.
        planes: {100} planes a side, half a lattice constant apart.
        length: from the clamp to the tip, nm.
        measured: tip stiffness of the atomistic cantilever, N/m.
        clamp_offset: what the clamp adds to the length, nm, read off the rotation of sections.
        core: give the section's corners their own fields.
        cells: of half a side and of the length, for elements in three dimensions; none is without them. Of 17 planes
            (2, 10), (3, 16) and (4, 24) are 3.8, 2.1 and 1.4 % above the atoms.
    """
    spacing = 0.5 * float(4.0 * bulk.crystal.volume / bulk.crystal.atoms_per_cell) ** (1.0 / 3.0)
    side, long = planes * spacing, length * units.nm
    uniaxial, per_m = uniaxial_bulk(bulk), units.N_per_m
    crystal_face = SurfaceCauchyBorn(bulk, "100")
    face = constants(crystal_face.face)
    values = {"tau0": face.tau0, "G11": face.G11, "G12": face.G12}
    textbook = square(side).rigidity(uniaxial.E, SurfaceElasticity(stiffness=UniaxialFace(uniaxial)(values))).bending
    found = wire_rigidity(Wire(bulk, square(side), ExpandedSurface.of(crystal_face), core=spacing if core else None))
    shear = float(np.asarray(relaxed_stiffness(bulk))[3, 3]) * side**2 * 5.0 / 6.0

    def tip(bending, offset=0.0):
        beam = Beam(length=long, bending=bending, shear_flexibility=1.0 / shear, clamp_offset=offset)
        return float(beam.point_stiffness().k) / per_m

    solid = ()
    if cells is not None:
        k = solid_cantilever(bulk, side, long, cells) / per_m
        solid = (Route("elements in 3-D", k, "the clamp itself: no offset is given"),)
    return Routes(
        f"A square copper cantilever of {planes} planes, D = {side / units.nm:.3f} nm, L = {length:g} nm",
        (
            Route("formula, bulk alone", float(3.0 * uniaxial.E * side**4 / 12.0 / long**3) / per_m, "3 EI/L³"),
            Route("formula, textbook surfaces", float(3.0 * textbook / long**3) / per_m, "8 S/(E D): no nonlinearity"),
            Route("section from atoms", float(3.0 * found.bending / long**3) / per_m, "bulk compressed by its faces"),
            Route("the same, beam elements", tip(found.bending), "shear"),
            Route("the same, clamp offset", tip(found.bending, clamp_offset * units.nm), "frozen atoms reach beyond L"),
            *solid,
            Route("atoms", measured, "LAMMPS; left out above: edges, and faces that feel each other"),
        ),
    )
