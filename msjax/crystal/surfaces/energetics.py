"""The surface as a two-dimensional material: Γ(F), surface stress and surface stiffness by condensation."""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.crystal.cauchy_born import CauchyBorn, bind, screen_neighbours, screen_tables
from msjax.crystal.neighbours import STRAIN_MARGIN, Neighbours, bound_on_stretch, check_margin, topological
from msjax.crystal.surfaces.face import face_of
from msjax.crystal.surfaces.layers import Arguments, expand_jointly, relax, side_by_side
from msjax.crystal.surfaces.slab import Slab, build_slab, nearest_distance, spacing_of
from msjax.material.response import Material, Response, check_strain, safe_deformation
from msjax.solvers.condensation import schur, tangent_status
from msjax.status import Code, Status, first_failure, guard, screen
from msjax.tensors import stretches_exceed
from msjax.typing import Array, Float, PyTree, concrete

THICKNESS = (3.0, 12.0)
"""Default thickness of a slab: at least so many cut-off radii and so many nearest-neighbour distances. Against slabs
twice as thick surface stresses then change by less than 1e-7 and tangents by less than 1e-6 of their size (copper and
aluminium; (110) converges most slowly)."""


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

    ``material``: the bulk. ``face``: Miller indices, "100" or (1, 1, 1); for its axes see
    :class:`~msjax.crystal.surfaces.face.Face`. ``layers="relaxed"`` makes the energy stationary in every layer;
    ``"clamped"`` gives the ideal, unrelaxed surface (heights of the layers, of the bulk's too, held at the reference).
    ``repeats``: primitive cells through the slab (the number of planes for fcc and bcc), by default those of
    ``THICKNESS``. ``termination``: which plane is outermost where there is a choice, by default the one with fewest
    broken bonds.

    The state (n + m, 3) is a warm start: the change of the third column of the bulk's F, the inner shifts, Å, and the
    displacements of the slab's m independent atoms from the motion of the bulk, Å.
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
            nearest = nearest_distance(np.asarray(crystal.cell), np.asarray(crystal.basis))
            repeats = int(np.ceil(max(THICKNESS[0] * cutoff, THICKNESS[1] * nearest) / spacing))
        thinnest = int(np.ceil(2.0 * cutoff / spacing))
        if not isinstance(repeats, int | np.integer) or repeats < thinnest:
            raise ValueError(
                f"repeats: expected an integer of at least {thinnest} (two cut-off radii), got {repeats!r}"
            )
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
        """Everything at its reference height."""
        return jnp.zeros((self.material.crystal.atoms_per_cell + len(self.slab.leaders), 3))

    def respond(self, strain: PyTree, state: Float[Array, "m 3"] | None = None, inputs: None = None) -> Response:
        """(Γ, surface stress, tangent) at the in-plane deformation gradient (2, 2): eV/Å²."""
        return _respond(self, check_strain(strain, 2), state)


def arguments_of(
    material: CauchyBorn, slab: Slab, in_plane: Float[Array, "2 2"], bulk: Neighbours | None = None
) -> Arguments:
    """Bonds of the slab, then of the bulk (by default those of the material's own list), in the face's axes, and how
    they feel (c, s, u)."""
    crystal = material.crystal
    bulk = material.neighbours if bulk is None else bulk
    of_bulk = bulk.vectors(crystal.cell, crystal.basis) @ slab.face.axes(crystal.cell).T
    of_slab = slab.reference_bonds(crystal.cell, crystal.basis)
    reference = jnp.concatenate([of_slab, of_bulk])
    u = np.concatenate([slab.bond_pattern, np.zeros((len(of_bulk), len(slab.leaders)))])
    s = np.concatenate([slab.shift_of_bond, bulk.shift_of_bond])
    pattern = jnp.concatenate([reference[:, 2:], jnp.asarray(s), jnp.asarray(u)], axis=1)
    return Arguments(in_plane, reference, pattern, bind(material.potential, reference))


@eqx.filter_jit
def _respond(surface: Surface, strain: Array, state: Array | None) -> Response:
    in_plane, status = safe_deformation(strain)
    material, slab = surface.material, surface.slab
    arguments = arguments_of(material, slab, in_plane)
    together, difference = side_by_side(slab.neighbours, material.neighbours, slab.repeats)
    start = surface.initial_state() if state is None else state
    if surface.layers == "relaxed":
        free, of_layers = relax(together, arguments, start)
        status = first_failure(status, of_layers)
    else:
        free = jnp.zeros_like(start)
    joint = expand_jointly(difference, arguments, free)
    faces = 2.0 * surface.area
    energy, stress = joint.energy / faces, (joint.gradient[:4] / faces).reshape(2, 2)
    hessian = schur(joint.hessian, 4) if surface.layers == "relaxed" else joint.hessian[:4, :4]
    tangent = (hessian / faces).reshape(2, 2, 2, 2)
    status = screen_layers(material, slab, in_plane, free, status)
    status = screen_tables(material.potential, together, joint.moments, status)
    status = screen(status, ~(jnp.isfinite(energy) & jnp.all(jnp.isfinite(stress))), Code.NONFINITE)
    of_tangent = tangent_status(tangent, status)
    energy, stress, free = guard((energy, stress, free), status.failed)
    return Response(energy, stress, guard(tangent, of_tangent.failed), free, status, of_tangent)


def screen_layers(
    material: CauchyBorn, slab: Slab, in_plane: Float[Array, "2 2"], free: Float[Array, "m 3"], status: Status
) -> Status:
    """OVERFLOW where neighbours may have come in unseen, in the bulk or in the slab."""
    axes = slab.face.axes(material.crystal.cell)
    n = material.crystal.atoms_per_cell
    column, shifts, u = free[0], free[1:n], free[n:]
    flat = jnp.concatenate([in_plane, jnp.zeros((1, 2))], axis=0)
    deformation = jnp.concatenate([flat, (column + jnp.array([0.0, 0.0, 1.0]))[:, None]], axis=1)
    status = screen_neighbours(material, axes.T @ deformation @ axes, shifts @ axes, status)
    return screen(status, _slab_may_miss(material, slab, deformation, axes, shifts, u), Code.OVERFLOW)


def _slab_may_miss(material: CauchyBorn, slab: Slab, deformation, axes, shifts, u) -> Array:
    """Atoms move by the bulk's deformation of the crystal in which the bonds were found, plus something: that
    something can shorten a bond by no more than its largest difference between two atoms."""
    crystal, bonds = material.crystal, slab.neighbours
    if np.isinf(bonds.outside):
        return jnp.zeros((), bool)
    everyone = jnp.concatenate([jnp.zeros((1, 3)), shifts])[slab.sublattice] + jnp.asarray(slab.pattern) @ u
    now = slab.positions(crystal.cell, crystal.basis) @ deformation.T + everyone
    change = jnp.asarray(np.linalg.inv(slab.cell)) @ crystal.cell @ axes.T
    affine = deformation @ change.T
    extra = now - jnp.asarray(bonds.basis) @ affine.T
    apart = jnp.sqrt(jnp.max(jnp.sum((extra[:, None, :] - extra[None, :, :]) ** 2, axis=2)))
    return ~stretches_exceed(affine, bound_on_stretch(bonds, material.potential.cutoff, apart))
