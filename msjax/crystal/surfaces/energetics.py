"""The surface as a two-dimensional material: Γ(F), surface stress and surface stiffness by condensation."""

import dataclasses
from collections.abc import Sequence
from typing import Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.cauchy_born import CauchyBorn, bind, screen_neighbours
from msjax.crystal.neighbours import STRAIN_MARGIN, bound_on_stretch, check_margin, topological
from msjax.crystal.potential import Potential, Radial
from msjax.crystal.surfaces.face import face_of
from msjax.crystal.surfaces.layers import Arguments, Relaxed, relax
from msjax.crystal.surfaces.slab import Slab, build_slab, spacing_of
from msjax.material.response import Material, Response, check_strain, safe_deformation
from msjax.solvers.condensation import tangent_status
from msjax.status import Code, Status, first_failure, guard, screen
from msjax.tensors import stretches_exceed
from msjax.typing import Array, Float, PyTree, concrete

THICKNESS = 6.0
"""Default thickness of the slab in cut-off radii of the potential: surface stress is converged to 1e-6 or better."""


class Surface(Material):
    """Excess energy of a crystal face per reference area, a material of dimension 2 in the face's axes.

        2 A₀ Γ(F) = min_u E_slab(F, u) − N w_bulk(F)

    (Shuttleworth, doi:10.1088/0370-1298/63/5/302; Gurtin and Murdoch, doi:10.1007/BF00261375). F is the in-plane
    deformation gradient (2, 2), A₀ the undeformed area of one face, and w_bulk(F) the energy per atom of the bulk
    crystal with the same in-plane F and no traction on the face: third column of its deformation gradient and inner
    shifts relaxed. ``respond(F)`` gives Γ, the surface stress ∂Γ/∂F (first Piola) and its exact tangent, all in eV/Å²
    (``/ units.N_per_m``). The tangent need not be definite: a surface does not stand alone.

    Γ refers to the crystal it is given. Surface constants belong to a stress-free crystal (see
    :func:`msjax.crystal.equilibrium.equilibrium`), and :func:`msjax.surfaces.constants` insists.

    ``material``: the bulk. ``face``: Miller indices, "100" or (1, 1, 1), see :func:`~msjax.crystal.surfaces.face.face_of`
    for the axes. ``layers="relaxed"`` makes the energy stationary in every layer; ``"clamped"`` gives the ideal,
    unrelaxed surface (heights of the layers, of the bulk's too, held at the reference). ``repeats``: primitive cells
    through the slab (the number of planes for fcc and bcc), by default ``THICKNESS`` cut-off radii. ``termination``:
    which plane is outermost where there is a choice, by default the one with fewest broken bonds.

    The state is the displacement (m, 3) of the slab's independent atoms from the bulk's motion, Å: a warm start.
    Failures as for the bulk: OVERFLOW when layers or strain may bring in neighbours beyond ``strain_margin``,
    OUTSIDE_TABLE, NONFINITE, INVERTED, MAX_STEPS; NaN then. UNSTABLE: stationary layers that are no minimum
    (the face would reconstruct within its 1×1 cell).

    Raises ``ValueError`` for a crystal that is not three-dimensional, a face or termination that does not exist, a
    slab too thin for its faces to ignore each other, and traced crystals or potentials (build outside, exchange
    leaves inside).

    >>> import jax.numpy as jnp, msjax as ms
    >>> from msjax import units
    >>> bulk = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.6149), ms.EAM.gupta("Cu"))
    >>> surface = Surface(bulk, "100")
    >>> surface.respond(jnp.eye(2)).stress.shape
    (2, 2)
    """

    material: CauchyBorn
    slab: Slab = eqx.field(static=True)
    layers: Literal["relaxed", "clamped"] = eqx.field(static=True)

    def __init__(
        self,
        material: CauchyBorn,
        face: str | Sequence[int] = "100",
        *,
        layers: Literal["relaxed", "clamped"] = "relaxed",
        repeats: int | None = None,
        termination: int | None = None,
        strain_margin: float = STRAIN_MARGIN,
    ):
        if layers not in ("relaxed", "clamped"):
            raise ValueError(f"layers: expected 'relaxed' or 'clamped', got {layers!r}")
        check_margin(strain_margin)
        if not isinstance(material, CauchyBorn):
            raise ValueError(f"material: a CauchyBorn is needed, got {type(material).__name__}")
        crystal, potential = material.crystal, material.potential
        if layers == "relaxed" and material.inner == "clamped" and crystal.atoms_per_cell > 1:
            raise ValueError("material: inner='clamped' does not go with relaxed layers; use inner='relaxed'")
        if not concrete(crystal.cell, crystal.basis, potential.cutoff):
            raise ValueError("material: build the surface outside of jit, grad and vmap and exchange leaves inside")
        miller = face_of(crystal, face)
        cutoff = float(potential.cutoff)
        spacing = spacing_of(crystal, miller)
        if repeats is None:
            repeats = int(np.ceil(THICKNESS * cutoff / spacing))
        thinnest = int(np.ceil(2.0 * cutoff / spacing))
        if not isinstance(repeats, int | np.integer) or repeats < thinnest:
            raise ValueError(f"repeats: expected an integer of at least {thinnest} (two cut-off radii), got {repeats!r}")
        reach = cutoff / (1.0 if potential.topological else 1.0 - strain_margin)
        slab = build_slab(crystal, miller, reach, int(repeats), termination)
        if potential.topological:
            slab = dataclasses.replace(slab, neighbours=topological(slab.neighbours))
        self.material, self.slab, self.layers = material, slab, layers

    @property
    def dim(self) -> int:
        """Two."""
        return 2

    @property
    def area(self) -> Float[Array, ""]:
        """Reference area of one primitive surface cell, Å²."""
        return self.slab.face.area(self.material.crystal.cell)

    def initial_state(self) -> Float[Array, "m 3"]:
        """Layers where the bulk would have them."""
        return jnp.zeros((len(self.slab.leaders), 3))

    def respond(self, strain: PyTree, state: Float[Array, "m 3"] | None = None, inputs: None = None) -> Response:
        """(Γ, surface stress, tangent) at the in-plane deformation gradient (2, 2): eV/Å²."""
        return _respond(self, check_strain(strain, 2), state)


class Excess(NamedTuple):
    """What a surface's response is made of: the slab (E, eV per surface cell), the bulk (eV per primitive cell) and
    the displacement of the slab's independent atoms from the bulk's motion, Å."""

    slab: Relaxed
    bulk: Relaxed
    displacement: Float[Array, "m 3"]
    status: Status


def bulk_arguments(surface: Surface, in_plane: Float[Array, "2 2"]) -> Arguments:
    """The bulk's bonds in the face's axes; free are the change of F's third column and the inner shifts."""
    material = surface.material
    reference = material.reference_bonds @ surface.slab.face.axes(material.crystal.cell).T
    pattern = jnp.concatenate([reference[:, 2:], jnp.asarray(material.neighbours.shift_of_bond)], axis=1)
    return Arguments(in_plane, reference, pattern, bind(material.potential, reference))


def slab_arguments(surface: Surface, in_plane: Float[Array, "2 2"]) -> Arguments:
    """The slab's bonds in the face's axes; free are the independent atoms' displacements from the reference."""
    crystal = surface.material.crystal
    reference = surface.slab.reference_bonds(crystal.cell, crystal.basis)
    pattern = jnp.asarray(surface.slab.bond_pattern)
    return Arguments(in_plane, reference, pattern, bind(surface.material.potential, reference))


def excess(surface: Surface, in_plane: Float[Array, "2 2"], state: Float[Array, "m 3"] | None = None) -> Excess:
    """Relax slab and bulk at one in-plane deformation gradient that is finite and not inverted."""
    clamped = surface.layers == "clamped"
    material, slab = surface.material, surface.slab
    crystal = material.crystal
    atoms = crystal.atoms_per_cell
    bulk = relax(
        material.neighbours, bulk_arguments(surface, in_plane), jnp.zeros((atoms, 3)), clamped=clamped
    )
    positions = slab.positions(crystal.cell, crystal.basis)
    motion = _bulk_motion(surface, positions, bulk.free)
    displacement = surface.initial_state() if state is None else state
    start = motion[slab.leaders] + displacement
    if not slab.centred:
        start = start - motion[0][None, :]
    relaxed = relax(slab.neighbours, slab_arguments(surface, in_plane), start, clamped=clamped)
    status = first_failure(bulk.status, relaxed.status)
    status = _screen(surface, in_plane, positions, bulk, relaxed, status)
    displacement = relaxed.free - start + displacement
    return Excess(relaxed, bulk, displacement, status)


@eqx.filter_jit
def _respond(surface: Surface, strain: Array, state: Array | None) -> Response:
    in_plane, status = safe_deformation(strain)
    both = excess(surface, in_plane, state)
    status = first_failure(status, both.status)
    faces, cells = 2.0 * surface.area, float(surface.slab.repeats)
    energy = (both.slab.energy - cells * both.bulk.energy) / faces
    stress = ((both.slab.gradient - cells * both.bulk.gradient) / faces).reshape(2, 2)
    tangent = ((both.slab.tangent - cells * both.bulk.tangent) / faces).reshape(2, 2, 2, 2)
    status = screen(status, ~(jnp.isfinite(energy) & jnp.all(jnp.isfinite(stress))), Code.NONFINITE)
    of_tangent = tangent_status(tangent, status)
    energy, stress, displacement = guard((energy, stress, both.displacement), status.failed)
    return Response(energy, stress, guard(tangent, of_tangent.failed), displacement, status, of_tangent)


def _bulk_motion(surface: Surface, positions: Float[Array, "N 3"], free: Float[Array, "m 3"]) -> Float[Array, "N 3"]:
    """Displacement of the slab's atoms from F R∥ + e₃ R₃ if they moved with the bulk."""
    motion = positions[:, 2:] * free[:1]
    shifts = jnp.concatenate([jnp.zeros((1, 3)), free[1:]])
    return motion + (shifts - jnp.mean(shifts, axis=0, keepdims=True))[surface.slab.sublattice]


def _screen(surface: Surface, in_plane, positions, bulk: Relaxed, slab: Relaxed, status: Status) -> Status:
    """Neighbours that may have come in unseen, and moments beyond the tables, in the bulk and in the slab."""
    material = surface.material
    axes = surface.slab.face.axes(material.crystal.cell)
    column = jnp.array([0.0, 0.0, 1.0]) + bulk.free[0]
    flat = jnp.concatenate([in_plane, jnp.zeros((1, 2))], axis=0)
    deformation = jnp.concatenate([flat, column[:, None]], axis=1)
    status = screen_neighbours(material, axes.T @ deformation @ axes, bulk.free[1:] @ axes, status)
    status = screen(status, _slab_may_miss(surface, deformation, axes, positions, slab.free), Code.OVERFLOW)
    for moments in (bulk.moments, slab.moments):
        status = screen(status, ~_covered(material.potential, moments), Code.OUTSIDE_TABLE)
    return status


def _slab_may_miss(surface: Surface, deformation, axes, positions, free) -> Array:
    """The slab's atoms move by the bulk's deformation of the crystal the bonds were found in, plus something: that
    something can shorten a bond by at most its largest difference between two atoms."""
    slab = surface.slab
    bonds = slab.neighbours
    if np.isinf(bonds.outside):
        return jnp.zeros((), bool)
    change = jnp.asarray(np.linalg.inv(slab.cell)) @ surface.material.crystal.cell @ axes.T
    along = positions[:, :2] @ deformation[:2, :2].T
    now = jnp.concatenate([along, positions[:, 2:]], axis=1) + jnp.asarray(slab.pattern) @ free
    affine = deformation @ change.T
    extra = now - jnp.asarray(bonds.basis) @ affine.T
    apart = jnp.sum((extra[:, None, :] - extra[None, :, :]) ** 2, axis=2)
    return ~stretches_exceed(affine, bound_on_stretch(bonds, surface.material.potential.cutoff, jnp.sqrt(jnp.max(apart))))


def _covered(potential: Potential, moments: Float[Array, "ns k"]) -> Array:
    if not isinstance(potential, Radial) or potential.covered(moments[0]) is None:
        return jnp.ones((), bool)
    return jnp.all(jax.vmap(potential.covered)(moments))
