"""A crystal's cantilever as elements in three dimensions: bulk and faces of one potential, nothing else.

The energy is ∫ W(F) dV + Σ ∫ γ(F_s) dA over the body's sides and its free end, u its unknown. First a slice, periodic
along the beam and free to contract, relaxes under its faces: its section is what the clamp holds, so that the clamp has
no misfit, as one of atoms frozen where the relaxed wire had them. From the wire's strain the cantilever then relaxes,
and its tip's compliance is one linear solve there.

The end needs its face's energy. A side's tension that ends at an edge without one pulls at a line of nodes: strains
grow as the mesh is refined until the lattice does not bear them, and the relaxation ends in MAX_STEPS.
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax import fe
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.surfaces import ExpandedSurface, SurfaceCauchyBorn
from msjax.fe.solve import solve
from msjax.status import check
from msjax.typing import Array, Float

ELEMENT = "hex27"


def relaxed_section(
    bulk: CauchyBorn, faces: dict[str, ExpandedSurface], side: float, cells: int
) -> tuple[fe.Mesh, Float[Array, "n 3"]]:
    """A quarter of a slice of a square wire, a tenth of the ``side`` long, and its displacements, Å, without a force
    along z."""
    slice_ = fe.box((0.5 * side, 0.5 * side, 0.1 * side), (cells, cells, 1), ELEMENT)
    end = slice_.nodes_of("z+")
    others = np.stack([end[1:], np.full(len(end) - 1, 2)], axis=1)
    first = np.tile([end[0], 2], (len(others), 1, 1))
    flat = fe.Multipoint(others, first, np.ones((len(others), 1)))
    held = [fe.Dirichlet(f"{x}-", 0.0, x) for x in "xyz"]
    surfaces = [fe.SurfaceEnergy(f"{x}+", faces[x]) for x in "xy"]
    return slice_, solve(fe.Problem(slice_, bulk, [*held, flat], surfaces)).u


def solid_cantilever(bulk: CauchyBorn, side: float, length: float, cells: tuple[int, int] = (3, 16)) -> float:
    """Tip stiffness, eV/Å², of a square ⟨100⟩ cantilever of a stress-free cubic crystal, axes along x, y and z.

    ``side`` is that of the crystal at rest, ``length`` that of the relaxed cantilever, Å. ``cells``: of half a side and
    of the length, of degree two. The force is spread over the end, the deflection is the end's mean. Raises
    ``SolveError`` where the slice or the cantilever does not relax.
    """
    face = ExpandedSurface.of(SurfaceCauchyBorn(bulk, "100"))
    # the others are the same face turned about ⟨111⟩
    faces = {x: _turned(face, n) for n, x in enumerate("xyz")}
    across, along = cells
    slice_, relaxed = relaxed_section(bulk, faces, side, across)
    strain = float(relaxed[slice_.nodes_of("z+")[0], 2]) / (0.1 * side)

    mesh = fe.box((side, 0.5 * side, length / (1.0 + strain)), (2 * across, across, along), ELEMENT)
    points = np.asarray(mesh.points)
    x, y, z = points[:, 0] - 0.5 * side, points[:, 1], points[:, 2]
    at = _same(np.asarray(slice_.points)[:, :2], np.stack([np.abs(x), y], axis=1))
    section = np.asarray(relaxed)[at]
    start = np.stack([np.sign(x) * section[:, 0], section[:, 1], strain * z], axis=1)
    clamp, middle = mesh.nodes_of("z-"), mesh.nodes_of("y-")
    off = np.setdiff1d(clamp, middle)  # the plane of symmetry holds y there
    held = [
        fe.Dirichlet("y-", 0.0, "y"),
        fe.Dirichlet("z-", 0.0, "z"),
        fe.Dirichlet(clamp, start[clamp, :1], "x"),
        fe.Dirichlet(off, start[off, 1:2], "y"),
    ]
    surfaces = [fe.SurfaceEnergy(tag, faces[tag[0]]) for tag in ("x-", "x+", "y+", "z+")]
    tip = mesh.nodes_of("z+")

    def problem(force):
        pull = fe.Traction("z+", jnp.stack([force / (0.5 * side**2), 0.0 * force, 0.0 * force]))
        return fe.Problem(mesh, bulk, held, [*surfaces, pull])

    def deflection(force):
        moved = solve(problem(force), start=jnp.asarray(start), throw=False)
        return jnp.mean(moved.u[tip, 0]), moved.status

    # one program finds the cantilever at rest and solves for its derivative there
    _, compliance, status = jax.jvp(deflection, (jnp.zeros(()),), (jnp.ones(()),), has_aux=True)
    check(status, "relaxation of a solid cantilever", True)
    return 2.0 / float(compliance)  # half the body bears half the force


def _turned(face: ExpandedSurface, times: int) -> ExpandedSurface:
    return eqx.tree_at(lambda f: f.directions, face, jnp.roll(jnp.asarray(face.directions), times, axis=1))


def _same(known: Float[np.ndarray, "n 2"], wanted: Float[np.ndarray, "m 2"]) -> np.ndarray:
    """Rows of ``known`` at the places ``wanted``."""
    apart = np.max(np.abs(wanted[:, None, :] - known[None, :, :]), axis=2)
    return np.argmin(apart, axis=1)
