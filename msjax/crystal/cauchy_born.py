"""Cauchy–Born: the lattice's energy under a homogeneous deformation, inner shifts relaxed, as a material."""

from typing import Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.crystal.bravais import bravais_response
from msjax.crystal.expansion import at_site, covered
from msjax.crystal.lattice import Crystal
from msjax.crystal.multilattice import Arguments, Shifts, expand_joint
from msjax.crystal.neighbours import STRAIN_MARGIN, Neighbours, check_margin, find, may_miss, topological
from msjax.crystal.potential import Potential, Radial, check_species
from msjax.material.response import (
    Material,
    Response,
    check_strain,
    flag_unstable,
    pure_strain_form,
    safe_deformation,
)
from msjax.solvers.condensation import schur, tangent_status
from msjax.solvers.newton import Newton
from msjax.solvers.stationary import stationary
from msjax.status import Code, Status, first_failure, guard, screen
from msjax.tensors import is_positive_definite
from msjax.typing import Array, Float, PyTree, concrete

SHIFT_SOLVER = Newton(tolerance=1e-8, length=1.0, max_steps=50, largest_step=0.3)
"""How inner shifts are relaxed; lengths in Å."""


class CauchyBorn(Material):
    """W(F) = min_s E(F, s)/V₀ of a crystal, with P = ∂W/∂F and the exact tangent A (Ericksen,
    doi:10.1177/1081286507086898).

    ``inner="relaxed"`` makes the inner shifts of a multilattice stationary at every F by condensation;
    ``inner="clamped"`` holds them to the affine motion. W includes the cohesive energy: at F = I it is E/V₀. The state
    is the shifts (atoms − 1, d) of atoms 1, 2, … against atom 0 and the affine motion, in the current frame, Å: a
    warm start with zero derivative, not history.

    Neighbours are found once, for principal stretches down to 1 − ``strain_margin``; where F might bring in others
    the status is OVERFLOW. Array leaves: cell, basis, masses and the potential's parameters.

    Raises ``ValueError`` for an element the potential was not made for, for a crystal of several species where the
    potential cannot tell them apart (see :func:`msjax.crystal.potential.check_species`), for a potential or crystal
    with traced leaves (build it outside and exchange leaves with ``equinox.tree_at``), and for a margin outside
    [0, 0.9).

    >>> import jax.numpy as jnp, msjax as ms
    >>> from msjax import units
    >>> material = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    >>> F = jnp.eye(3).at[0, 0].set(1.01)
    >>> stress = material.respond(F).stress / units.GPa  # P, GPa
    >>> stress.shape
    (3, 3)
    """

    crystal: Crystal
    potential: Potential
    neighbours: Neighbours = eqx.field(static=True)
    inner: Literal["relaxed", "clamped"] = eqx.field(static=True)

    def __init__(
        self,
        crystal: Crystal,
        potential: Potential,
        *,
        inner: Literal["relaxed", "clamped"] = "relaxed",
        strain_margin: float = STRAIN_MARGIN,
    ):
        if inner not in ("relaxed", "clamped"):
            raise ValueError(f"inner: expected 'relaxed' or 'clamped', got {inner!r}")
        check_margin(strain_margin)
        check_elements(crystal, potential)
        self.crystal, self.potential, self.inner = crystal, potential, inner
        self.neighbours = neighbours_of(crystal, potential, strain_margin)

    @property
    def dim(self) -> int:
        """Dimension of the lattice."""
        return self.crystal.dim

    @property
    def reference_bonds(self) -> Float[Array, "nb d"]:
        """Reference bond vectors of the stored bonds, Å."""
        return self.neighbours.vectors(self.crystal.cell, self.crystal.basis)

    @property
    def bound_potential(self) -> Potential:
        """The potential with its bonds attached to their reference lengths (springs)."""
        return bind(self.potential, self.reference_bonds)

    def initial_state(self) -> Float[Array, "n d"]:
        """No shift."""
        return jnp.zeros((self.crystal.atoms_per_cell - 1, self.dim))

    def respond(self, strain: PyTree, state: Float[Array, "n d"] | None = None, inputs: None = None) -> Response:
        """(W, P, A) at the deformation gradient ``strain`` (d, d): eV/Å^d.

        A failed member (NaN or inverted F, new neighbours, shifts that do not converge) is NaN with its status;
        UNSTABLE marks a stationary point of the shifts that is not a minimum.
        """
        return _respond(self, check_strain(strain, self.dim), state)


@eqx.filter_jit
def _respond(material: CauchyBorn, strain: Array, state: Array | None) -> Response:
    deformation, status = safe_deformation(strain)
    if isinstance(material.potential, Radial) and material.crystal.atoms_per_cell == 1:
        return _bravais(material, deformation, status)
    return _multilattice(material, deformation, state, status)


def _bravais(material: CauchyBorn, deformation: Array, status: Status) -> Response:
    reference = material.reference_bonds
    potential = at_site(bind(material.potential, reference), material.neighbours, 0)
    assert isinstance(potential, Radial)
    raw = bravais_response(potential, reference, material.crystal.volume, deformation)
    status = screen_neighbours(material, deformation, material.initial_state(), status)
    status = screen_tables(potential, material.neighbours, raw.moments[None], status)
    return _finish(raw.energy, raw.stress, raw.tangent, material.initial_state(), status, deformation)


def _multilattice(material: CauchyBorn, deformation: Array, state: Array | None, status: Status) -> Response:
    dim, n = material.dim, material.crystal.atoms_per_cell - 1
    reference = material.reference_bonds
    potential = bind(material.potential, reference)
    arguments = Arguments(deformation, reference, potential)
    shifts = jnp.zeros((n, dim))
    relaxed = material.inner == "relaxed" and n > 0
    if relaxed:
        start = shifts if state is None else state
        flat, of_shifts = stationary(Shifts(material.neighbours), start.reshape(-1), arguments, SHIFT_SOLVER)
        shifts = flat.reshape(n, dim)
        status = first_failure(status, of_shifts)
    joint = expand_joint(material.neighbours, arguments, shifts)
    volume = material.crystal.volume
    stress = joint.gradient[: dim * dim].reshape(dim, dim) / volume
    hessian = schur(joint.hessian, dim * dim) if relaxed else joint.hessian[: dim * dim, : dim * dim]
    tangent = hessian.reshape(dim, dim, dim, dim) / volume
    status = screen_neighbours(material, deformation, shifts, status)
    status = screen_tables(potential, material.neighbours, joint.moments, status)
    return _finish(joint.energy / volume, stress, tangent, shifts, status, deformation)


def _finish(energy, stress, tangent, state, status: Status, deformation) -> Response:
    finite = jnp.isfinite(energy) & jnp.all(jnp.isfinite(stress))
    status = screen(status, ~finite, Code.NONFINITE)
    of_tangent = tangent_status(tangent, status)
    tangent = guard(tangent, of_tangent.failed)  # before the stability flag, which costs a 6×6 elimination
    definite = is_positive_definite(pure_strain_form(deformation, stress, tangent))
    of_tangent = flag_unstable(of_tangent, definite)
    energy, stress, state = guard((energy, stress, state), status.failed)
    return Response(energy, stress, tangent, state, status, of_tangent)


def screen_neighbours(material: CauchyBorn, deformation, shifts: Float[Array, "n d"], status: Status) -> Status:
    """OVERFLOW where a neighbour that is not in the material's list may have come within the cut-off."""
    crystal = material.crystal
    missed = may_miss(material.neighbours, material.potential.cutoff, crystal.cell, crystal.basis, deformation, shifts)
    return screen(status, missed, Code.OVERFLOW)


def screen_tables(
    potential: Potential, neighbours: Neighbours, moments: Float[Array, "ns k"], status: Status
) -> Status:
    """OUTSIDE_TABLE where a site's moments leave the potential's tables."""
    return screen(status, ~covered(potential, neighbours, moments), Code.OUTSIDE_TABLE)


def bind(potential: Potential, reference: Float[Array, "nb d"]) -> Potential:
    """Attach springs to the shells of their reference bonds; other potentials pass unchanged."""
    if not potential.topological:
        return potential
    return potential.bind(jnp.sqrt(jnp.sum(reference * reference, axis=1)))


def check_elements(crystal: Crystal, potential: Potential) -> None:
    """Refuse a crystal whose atoms the potential cannot hold (see :func:`msjax.crystal.potential.check_species`)."""
    check_species(crystal.species, potential, "the crystal")


def neighbours_of(crystal: Crystal, potential: Potential, strain_margin: float, *, reduced: bool = True) -> Neighbours:
    """The static bonds of a crystal out to the potential's cut-off over (1 − strain_margin), on the host."""
    leaves = (crystal.cell, crystal.basis, potential.cutoff)
    if not all(concrete(leaf) for leaf in leaves):
        raise ValueError(
            "crystal and potential must be concrete when neighbours are found: build the material outside of "
            "jit, grad or vmap and exchange leaves inside, e.g. equinox.tree_at(lambda m: m.potential, material, new)"
        )
    reach = float(potential.cutoff) / (1.0 if potential.topological else 1.0 - strain_margin)
    bonds = find(np.asarray(crystal.cell), np.asarray(crystal.basis), crystal.species, reach, reduced=reduced)
    return topological(bonds) if potential.topological else bonds
