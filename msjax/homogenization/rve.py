"""The representative volume element: a voxel image of materials that is a material itself."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.fe.fluctuations import Fluctuations
from msjax.fe.voxels import Integration, VoxelGrid
from msjax.homogenization.boundary import Boundary, space_of
from msjax.homogenization.linear_cell import LinearCell, solve_loads, unit_loads
from msjax.homogenization.nonlinear_cell import Inputs, NonlinearCell, at_equilibrium, mean_medium
from msjax.homogenization.phases import check_materials, check_phases, linear_moduli
from msjax.homogenization.points import initial_states
from msjax.homogenization.tangents import PointTangents, VoxelModuli
from msjax.material.linear import Linear
from msjax.material.response import Material, Response, flag_unstable, pure_strain_form
from msjax.solvers.condensation import tangent_status
from msjax.solvers.conjugate_gradients import ConjugateGradients, Precision
from msjax.solvers.stationary import stationary_field
from msjax.status import Code, Status, fail_with, guard, screen, substitute, worst
from msjax.tensors import is_positive_definite, voigt_index
from msjax.typing import Array, Float, Int, PyTree


class RVE(Material):
    """W(F) = min_w ⟨W_micro(F + ∇w)⟩ over the fluctuations w that the boundary conditions allow, P = ⟨P_micro⟩.

    ``phases`` is a voxel image (nx, ny[, nz]) of integers, each the index of one of ``materials``, or fields in [0, 1],
    (materials, nx, ny[, nz]), that add up to 1 (with two materials, one field of the second): a mixed voxel follows the
    rule of mixtures. The image's first axis is x. ``bc`` is "periodic", "kubc" (linear displacements on the boundary),
    "subc" (uniform tractions), or :class:`~msjax.Mixed` with one of them for each axis. Elements are quad4 or hex8, one
    per voxel, with full or "reduced" ``integration``; ``lengths`` are the box's edges (by default voxels are cubes).
    Equilibrium is found by conjugate gradients to ``tolerance``, relative, on the true residual
    (doi:10.1002/nme.6012 for the preconditioner); ``precision="mixed"`` iterates in float32 and certifies the residual
    in float64.

    Boundary conditions say how a mean strain enters. Where components of the mean *stress* are prescribed instead, the
    cell goes into :class:`~msjax.StressDriven`, :class:`~msjax.PlaneStress` or :class:`~msjax.UniaxialStress` like any
    material: ``StressDriven(cell, free=[(1, 1)], applied=P)`` finds the F₁₁ under which ⟨P₁₁⟩ = P.

    A material like any other: array leaves are the phases' parameters and the image. The state is the fluctuation
    field, a warm start and no history, and the states of phases that have a history.

    Raises ``ValueError`` for a voxel without a material, fields outside [0, 1] or not adding up to 1, materials of
    different kinds or not conservative and symmetric, and unknown boundary conditions.

    >>> import jax.numpy as jnp, msjax as ms
    >>> soft, stiff = ms.IsotropicElastic(1.0, 0.3, 2), ms.IsotropicElastic(10.0, 0.3, 2)
    >>> laminate = ms.RVE(jnp.array([[0, 0], [1, 1]]), [soft, stiff])
    >>> round(float(ms.effective_stiffness(laminate).stiffness[0, 0]), 6)
    2.447552

    Drawn along the layers, free to contract across them:

    >>> drawn = ms.StressDriven(laminate, free=[(0, 0)])
    >>> round(float(drawn.respond(jnp.array([[1.0]])).tangent[0, 0, 0, 0]), 6)
    6.043956
    """

    phases: Int[Array, "..."] | Float[Array, "..."]
    materials: tuple[Material, ...]
    bc: Boundary = eqx.field(static=True)
    grid: VoxelGrid = eqx.field(static=True)
    settings: ConjugateGradients = eqx.field(static=True)

    def __init__(
        self,
        phases: Any,
        materials: Sequence[Material],
        bc: Boundary = "periodic",
        *,
        lengths: Sequence[float] | None = None,
        integration: Integration = "full",
        tolerance: float = 1e-6,
        max_steps: int = 3000,
        precision: Precision = "double",
    ):
        dim = int(materials[0].reference_strain.shape[1]) if len(materials) else 0
        self.materials = check_materials(materials, dim)
        self.phases = check_phases(phases, self.materials)
        self.grid = VoxelGrid.make(self.phases.shape[self.phases.ndim - dim :], lengths, integration)
        self.bc = bc
        space_of(bc, self.grid)
        if precision not in ("double", "mixed"):
            raise ValueError(f"precision: expected 'double' or 'mixed', got {precision!r}")
        if not 0 < tolerance < 1:
            raise ValueError(f"tolerance: expected a number between 0 and 1, got {tolerance}")
        if int(max_steps) < 1:
            raise ValueError(f"max_steps: expected a positive integer, got {max_steps}")
        self.settings = ConjugateGradients(float(tolerance), int(max_steps), precision=precision)

    @property
    def dim(self) -> int:
        """Rows of the strain."""
        return self.materials[0].dim

    @property
    def reference_strain(self) -> Float[Array, "c d"]:
        """That of the materials."""
        return self.materials[0].reference_strain

    @property
    def linear(self) -> bool:
        """Whether all materials are linear."""
        return all(isinstance(m, Linear) for m in self.materials)

    @property
    def conservative(self) -> bool:  # type: ignore[override]
        """Whether all materials are."""
        return all(m.conservative for m in self.materials)

    @property
    def objective(self) -> bool:  # type: ignore[override]
        """Whether all materials are."""
        return all(m.objective for m in self.materials)

    @property
    def symmetric(self) -> bool:  # type: ignore[override]
        """Whether all materials are."""
        return all(m.symmetric for m in self.materials)

    @property
    def deterministic(self) -> bool:  # type: ignore[override]
        """Whether all materials are."""
        return all(m.deterministic for m in self.materials)

    @property
    def space(self) -> Fluctuations:
        """The fluctuations that the boundary conditions allow."""
        return space_of(self.bc, self.grid)

    @property
    def cell(self) -> LinearCell:
        """Space and solver, static."""
        return LinearCell(self.space, self.settings)

    @property
    def moduli(self) -> VoxelModuli:
        """Tangents of all voxels of a linear cell."""
        return linear_moduli(self.materials, self.phases)  # type: ignore[arg-type]

    def initial_state(self) -> "CellState | None":
        """No fluctuation and virgin phases; None for a linear cell, which needs no start."""
        if self.linear:
            return None
        components = self.reference_strain.shape[0]
        return CellState(
            jnp.zeros((components, *self.space.shape)),
            initial_states(self.materials, self.grid.points, self.grid.voxels),
        )

    def respond(self, strain: PyTree, state: "CellState | None" = None, inputs: PyTree = None) -> Response:
        """(W, P, A) at a macroscopic strain, per volume of the box.

        A failed member (a NaN, a point of a phase that fails, no equilibrium) is NaN with its status. UNSTABLE, in
        ``tangent_status``: the tangent is not positive definite on pure strains.
        """
        shape = self.reference_strain.shape
        try:
            array = jnp.asarray(strain, dtype=float)
        except (TypeError, ValueError) as error:
            raise ValueError(f"strain: expected numbers of shape {shape}") from error
        if array.shape != shape:
            raise ValueError(f"strain: expected shape {shape}, got {array.shape}")
        return _respond_linear(self, array) if self.linear else _respond(self, array, state, inputs)


class CellState(NamedTuple):
    """The fluctuation field (c, *unknowns), a warm start and no history, and the states of the phases at all points."""

    fluctuation: Float[Array, "c ..."]
    phases: PyTree


class Found(NamedTuple):
    """A nonlinear cell's fluctuation field, what it answers to, and what became of the search."""

    cell: NonlinearCell
    fluctuation: Float[Array, "c ..."]
    given: Inputs
    status: Status


def find(rve: RVE, strain: Float[Array, "c d"], state: CellState | None, inputs: Any) -> Found:
    """Equilibrium of a nonlinear cell at a macroscopic strain, from the committed state."""
    start = rve.initial_state() if state is None else state
    assert start is not None
    finite = jnp.all(jnp.isfinite(strain))
    safe = substitute(strain, ~finite, rve.reference_strain)
    usable = jnp.all(jnp.isfinite(start.fluctuation))
    guess = jnp.where(usable, start.fluctuation, jnp.zeros_like(start.fluctuation))
    arrays, structure = eqx.partition(rve.materials, eqx.is_array)
    cell = NonlinearCell(rve.space, structure, rve.settings)
    medium = mean_medium(rve.materials, inputs)
    given = Inputs(safe, rve.phases, arrays, start.phases, inputs, medium)
    w, status = stationary_field(cell, guess, given)
    return Found(cell, w, given, screen(status, ~finite, Code.NONFINITE))


@eqx.filter_jit
def _respond(rve: RVE, strain: Array, state: CellState | None, inputs: Any) -> Response:
    cell, w, given, status = find(rve, strain, state, inputs)
    safe, medium = given.strain, given.medium
    found = at_equilibrium(cell, w, given)
    energy, stress = guard((found.energy, found.stress), status.failed)

    components, dim = safe.shape
    loads = jnp.eye(components * dim).reshape(-1, components, dim)
    solved = solve_loads(rve.cell, PointTangents(found.tangents, medium), loads)
    tangent = solved.energies.reshape(components, dim, components, dim)
    of_tangent = tangent_status(tangent, fail_with(status, worst(solved.status)))
    tangent = guard(tangent, of_tangent.failed)
    if components == dim:
        definite = is_positive_definite(pure_strain_form(safe, stress, tangent))
    else:
        definite = is_positive_definite(tangent.reshape(dim, dim))
    of_tangent = flag_unstable(of_tangent, definite)
    trial = CellState(guard(w, status.failed), found.states)
    return Response(energy, stress, tangent, trial, status, of_tangent)


@eqx.filter_jit
def _respond_linear(rve: RVE, strain: Array) -> Response:
    origin = rve.reference_strain
    finite = jnp.all(jnp.isfinite(strain))
    gradient = substitute(strain, ~finite, origin) - origin
    moduli = rve.moduli
    solved = solve_loads(rve.cell, moduli, gradient[None])
    status = Status(*(x[0] for x in (solved.status.code, solved.status.iterations, solved.status.residual)))
    status = screen(status, ~finite, Code.NONFINITE)
    energy, stress = guard((0.5 * solved.energies[0, 0], solved.mean_stress[0]), status.failed)

    components, dim = origin.shape
    unit = solve_loads(rve.cell, moduli, jnp.asarray(unit_loads(components, dim)))
    of_unit = worst(unit.status)
    index = voigt_index(dim) if components > 1 else np.arange(dim)[None]
    tangent = unit.energies[index][:, :, index]
    of_tangent = tangent_status(tangent, fail_with(status, of_unit))
    tangent = guard(tangent, of_tangent.failed)
    unstable = ~is_positive_definite(unit.energies) & (of_tangent.code == Code.CONVERGED)
    of_tangent = screen(of_tangent, unstable, Code.UNSTABLE)
    return Response(energy, stress, tangent, solved.fluctuations[0], status, of_tangent)
