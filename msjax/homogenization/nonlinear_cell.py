"""The nonlinear cell: fluctuations that make ⟨W(F + ∇w)⟩ stationary, by Newton and conjugate gradients.

Ŵ(w; F) has the gradient r = ∫ Bᵀ P(F + ∇w) in the space of fluctuations. Each Newton step solves K dw = −r with the
tangents at the Gauss points, until the residual is small; energy and mean stress then follow, and the tangent is that
of the linear cell with these tangents.
"""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax.fe.fluctuations import Fluctuations
from msjax.fe.voxels import affine_values, gradient_matrix, sweep_fields
from msjax.homogenization.linear_cell import LinearCell
from msjax.homogenization.points import respond_points
from msjax.homogenization.tangents import PointTangents
from msjax.material.response import Material
from msjax.solvers.conjugate_gradients import ConjugateGradients, norm
from msjax.solvers.stationary import FieldProblem, at_stationary
from msjax.status import Code, Status
from msjax.typing import Array, Bool, Float, Int, PyTree, Scalar


class Inputs(NamedTuple):
    """What the fluctuations depend on: F, the image, the materials' arrays, the committed states and their inputs; and
    the reference ``medium`` of the preconditioner, which changes nothing but the work."""

    strain: Float[Array, "c d"]
    phases: Array
    arrays: PyTree
    states: PyTree
    inputs: Any
    medium: Float[Array, "c d c d"]


@dataclasses.dataclass(frozen=True)
class NonlinearCell(FieldProblem):
    """What makes a nonlinear problem, static: space, structure of the materials, solver, Newton's limits.

    As a problem for :func:`msjax.solvers.stationary.stationary_field` its arguments are :class:`Inputs`.
    """

    space: Fluctuations
    structure: Any
    settings: ConjugateGradients
    newton_steps: int = 30

    def materials(self, inputs: Inputs) -> tuple[Material, ...]:
        """The materials with their arrays."""
        return eqx.combine(inputs.arrays, self.structure)

    @property
    def linear(self) -> LinearCell:
        """The linear problem of tangents and derivatives."""
        return LinearCell(self.space, self.settings)

    def find(self, start, arguments):
        """The stationary fluctuation field by damped Newton."""
        return *_newton(self, start, arguments), None

    def residual(self, x, arguments):
        """∫ Bᵀ P in the space's unknowns."""
        return evaluate(self, x, arguments).residual

    def linearized(self, x, arguments, kept=None):
        """Stiffness of the tangents at x, and its inverse."""
        moduli = PointTangents(evaluate(self, x, arguments).tangents, arguments.medium)
        return self.linear.linearized(x, (moduli, None))


class Evaluated(NamedTuple):
    """⟨W⟩, nodal residual, ⟨P⟩, worst code of all points; at all points of all voxels tangents, trial states, F and P.

    For a scalar field F is its gradient.
    """

    energy: Scalar
    residual: Float[Array, "c ..."]
    stress: Float[Array, "c d"]
    code: Int[Array, ""]
    tangents: Float[Array, "q s s m"]
    states: PyTree
    strains: Float[Array, "q c d m"]
    stresses: Float[Array, "q s m"]


def evaluate(cell: NonlinearCell, w: Float[Array, "c ..."], inputs: Inputs) -> Evaluated:
    """Everything at a fluctuation field; what is not used is not computed under jit."""
    grid, materials = cell.space.grid, cell.materials(inputs)
    components, dim = inputs.strain.shape
    b = jnp.asarray(gradient_matrix(grid, components))
    weight = grid.volume / grid.voxels / grid.points
    # the strain is F + ∇w; for a scalar field the mean gradient itself
    affine = affine_values(grid, inputs.strain)
    phases = inputs.phases.reshape(-1, grid.voxels)
    if jnp.issubdtype(phases.dtype, jnp.integer):
        phases = phases[0]

    def kernel(values, part):
        phase, states = part
        strains = (b @ (values + affine[:, None])).reshape(grid.points, components, dim, -1)
        points = respond_points(materials, phase, strains, states, inputs.inputs)
        forces = weight * (b.T @ points.stress.reshape(b.shape[0], -1))
        sums = (weight * jnp.sum(points.energy), weight * jnp.sum(points.stress, axis=(0, 2)))
        return forces, sums, (points.tangent, points.state, points.code, strains, points.stress)

    assembled, (energy, stress), fields = sweep_fields(grid, cell.space.expand(w), (phases, inputs.states), kernel)
    assert assembled is not None
    tangents, states, codes, strains, stresses = fields
    return Evaluated(
        energy / grid.volume,
        cell.space.fold(assembled),
        stress.reshape(components, dim) / grid.volume,
        jnp.max(codes),
        tangents,
        states,
        strains,
        stresses,
    )


def mean_medium(materials: tuple[Material, ...], inputs: Any = None) -> Float[Array, "c d c d"]:
    """Mean tangent of the undeformed phases, each with the same weight: what the preconditioner is made of."""
    tangents = [m.respond(m.reference_strain, None, inputs).tangent for m in materials]
    return jax.lax.stop_gradient(sum(tangents[1:], tangents[0]) / len(tangents))


class Equilibrium(NamedTuple):
    """⟨W⟩, ⟨P⟩, tangents at the points and the phases' trial states at a stationary field."""

    energy: Scalar
    stress: Float[Array, "c d"]
    tangents: Float[Array, "q s s m"]
    states: PyTree


@dataclasses.dataclass(frozen=True)
class _Results:
    """Energy, a stationary value, and the rest."""

    cell: NonlinearCell

    def __call__(self, w, inputs):
        found = evaluate(self.cell, w, inputs)
        return found.energy, (found.stress, found.tangents, found.states)


def at_equilibrium(cell: NonlinearCell, w: Float[Array, "c ..."], inputs: Inputs) -> Equilibrium:
    """Results at a stationary field."""
    energy, rest = at_stationary(_Results(cell), w, inputs)
    return Equilibrium(energy, *rest)


INNER = 1e-3
"""Newton's steps are solved to this part of the residual: the outer convergence stays fast, the inner work small."""


class _Turn(NamedTuple):
    """Carry of Newton's loop: the accepted field and what is known there, the step tried from it, and the verdict."""

    w: Float[Array, "c ..."]
    energy: Scalar
    residual: Float[Array, "c ..."]
    step: Float[Array, "c ..."]
    slope: Scalar
    fraction: Scalar
    limit: Scalar
    indefinite: Bool[Array, ""]
    turns: Int[Array, ""]
    code: Int[Array, ""]
    done: Bool[Array, ""]


def _newton(cell: NonlinearCell, start, inputs: Inputs):
    """One evaluation a turn: the first at w = 0, which sets the scale, the second at the start, then damped Newton."""
    newton_step = dataclasses.replace(cell.linear, settings=dataclasses.replace(cell.settings, tolerance=INNER))
    solver, volume = cell.space.solver(inputs.medium), cell.space.grid.volume
    zero = 0.0 * jnp.sum(jnp.isfinite(start).astype(start.dtype))

    def turn(s: _Turn) -> _Turn:
        first = s.turns == 0
        trial = s.w + s.fraction * s.step
        found = evaluate(cell, trial, inputs)
        size = norm(found.residual)
        sound = jnp.isfinite(found.energy) & jnp.isfinite(size) & (found.code <= Code.UNSTABLE.value)
        lower = found.energy <= s.energy + 1e-4 * s.fraction * s.slope
        # close to equilibrium the energy's change drowns in round-off (of what cancels in it), and the residual speaks
        known = 1e-9 * (jnp.abs(found.energy) + jnp.abs(s.energy)) + 1e-14 * jnp.max(jnp.abs(inputs.medium))
        level = jnp.abs(found.energy - s.energy) <= known
        accept = sound & (first | lower | (level & (size <= 0.5 * norm(s.residual))))
        moduli = PointTangents(found.tangents, inputs.medium)
        floor = cell.linear.system(moduli, trial).floor
        limit = jnp.where(first, cell.settings.tolerance * size + floor, s.limit)
        near = accept & (size <= limit)

        ended = near | ~accept
        rhs = jnp.where(ended, jnp.zeros_like(trial), -found.residual)
        step, inner = newton_step.linearized(trial, (moduli, None)).inverse(rhs)
        # where the tangent is indefinite the iterates so far still go downhill; without any, follow the preconditioner
        downhill = jnp.vdot(found.residual, step) < 0
        step = jnp.where(downhill, step, solver(rhs))
        step = jnp.where(first & jnp.any(start != 0), start, step)
        slope = jnp.where(first, 0.0, jnp.vdot(found.residual, step) / volume)
        exhausted = ~accept & (first | (s.fraction < 1e-6))
        # a warm start that does not help is left at once, for Newton's step from zero
        cold = ~accept & (s.turns == 1) & (s.slope == 0.0)
        code = jnp.where(
            near,
            jnp.where(s.indefinite, Code.UNSTABLE.value, Code.CONVERGED.value),
            jnp.where(exhausted & ~sound, _failure(found.code), Code.MAX_STEPS.value),
        ).astype(jnp.int32)
        return _Turn(
            jnp.where(accept, trial, s.w),
            jnp.where(accept, found.energy, s.energy),
            jnp.where(accept, found.residual, s.residual),
            jnp.where(accept, step, jnp.where(cold, solver(-s.residual), s.step)),
            jnp.where(accept, slope, jnp.where(cold, 0.0, s.slope)),
            jnp.where(accept | cold, 1.0, 0.5 * s.fraction),
            limit,
            jnp.where(accept & ~near, inner.code == Code.SINGULAR.value, s.indefinite),
            s.turns + 1,
            code,
            near | exhausted | (s.turns + 1 >= cell.newton_steps),
        )

    state = _Turn(
        w=jnp.zeros_like(start),
        energy=zero,
        residual=jnp.zeros_like(start),
        step=jnp.zeros_like(start),
        slope=zero,
        fraction=zero + 1.0,
        limit=zero,
        indefinite=zero > 1.0,
        turns=jnp.asarray(0, jnp.int32),
        code=jnp.asarray(Code.MAX_STEPS.value, jnp.int32),
        done=zero > 1.0,
    )
    s = jax.lax.while_loop(lambda s: ~s.done, turn, state)
    relative = cell.settings.tolerance * norm(s.residual) / jnp.where(s.limit > 0, s.limit, 1.0)
    status = Status(s.code, s.turns, relative)
    return jnp.where(status.failed, jnp.zeros_like(s.w), s.w), status


def _failure(code):
    """The code of a point that failed, or NONFINITE where none said so."""
    return jnp.where(code > Code.UNSTABLE.value, code, Code.NONFINITE.value).astype(jnp.int32)
