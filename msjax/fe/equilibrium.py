"""Equilibrium of a finite-element problem: one linear solve, or Newton's method with line search.

The unknowns are q in u = T q + g. A start need not satisfy the constraints: what is missing, the gap, is part of the
first step, solved for with the stiffness at the start. Prescribed displacements thus reach the inside of the body at
once, and do not crush the cells at its boundary.
"""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax.fe.congruent import linear_balance
from msjax.fe.problem import Balance, Problem, balance, round_off
from msjax.solvers.conjugate_gradients import norm
from msjax.solvers.stationary import FieldProblem, Linearized
from msjax.status import Code, Status
from msjax.typing import Array, Bool, Float, Int, PyTree, Scalar


class Given(NamedTuple):
    """What an equilibrium depends on: arrays of the problem and of the linear solver, committed states, inputs."""

    arrays: PyTree
    states: PyTree
    inputs: Any


@dataclasses.dataclass(frozen=True)
class Equilibrium(FieldProblem):
    """Structure of problem and linear solver, and Newton's settings (static).

    ``tolerance``: the residual forces are to be this small relative to the forces they are the sum of. ``congruent``:
    the problem is linear, on copies of one cell (:mod:`msjax.fe.congruent`).
    """

    structure: Any
    tolerance: float
    max_steps: int
    linear_tolerance: float = 1e-4
    congruent: bool = False

    def restore(self, given: Given) -> tuple[Problem, Any]:
        """Problem and linear solver with their arrays."""
        return eqx.combine(given.arrays, self.structure)

    def balance(self, problem: Problem, u: Float[Array, "n c"], given: Given) -> Balance:
        """Energy, residual and stiffness at u."""
        if self.congruent:
            return linear_balance(problem, u)
        return balance(problem, u, given.states, given.inputs)

    def find(self, start, arguments):
        """q from a start for u (n, c)."""
        problem, solver = self.restore(arguments)
        if problem.linear:
            return _linear(self, problem, solver, start, arguments)
        q, status = _newton(self, problem, solver, start, arguments)
        found = self.balance(problem, problem.affine.displacement(q), arguments)
        return q, status, solver.prepare(found.stiffness, problem.affine)

    def residual(self, x, arguments):
        """Tᵀ r(T q + g)."""
        problem, _ = self.restore(arguments)
        u = problem.affine.displacement(x)
        # where q does not count its own value stands for the equation, so that the operator is regular
        own = jnp.where(problem.affine.free, 0.0, x)
        return problem.affine.fold(self.balance(problem, u, arguments).residual) + own

    def linearized(self, x, arguments, kept):
        """The tangent stiffness between the unknowns."""
        problem, solver = self.restore(arguments)
        solver = solver.with_tolerance(min(self.tolerance, 1e-9))
        inactive = ~problem.affine.free

        def operator(v):
            return jax.jvp(lambda q: self.residual(q, arguments), (x,), (v,))[1]

        def inverse(solve):
            def solved(rhs):
                active = jnp.where(inactive, 0.0, rhs)
                answer, status = solve(kept, active, jnp.zeros_like(rhs))
                return jnp.where(inactive, rhs, answer), status

            return solved

        transposed = None if problem.symmetric else inverse(solver.solve_transposed)
        return Linearized(operator, inverse(solver.solve), transposed)


def _linear(equilibrium: Equilibrium, problem: Problem, solver: Any, start, given: Given):
    """One solve from the start."""
    affine = problem.affine
    u = affine.displacement(start)
    found = equilibrium.balance(problem, u, given)
    prepared = solver.prepare(found.stiffness, affine)
    rhs = -affine.fold(found.residual)
    step, status = solver.with_tolerance(equilibrium.tolerance).solve(prepared, rhs, jnp.zeros_like(start))
    q = jnp.where(affine.free, start, 0.0) + step
    sound = found.code <= Code.UNSTABLE.value
    status = Status(jnp.where(sound, status.code, found.code), status.iterations, status.residual)
    return jnp.where(status.failed, jnp.zeros_like(q), q), status, prepared


class _Turn(NamedTuple):
    """Carry of Newton's loop: the accepted displacement with its energy and residual's norm, the step tried from it,
    the part of the gap that is still open, and the verdict."""

    u: Float[Array, "n c"]
    energy: Scalar
    size: Scalar
    step: Float[Array, "n c"]
    slope: Scalar
    fraction: Scalar
    open: Scalar
    scale: Scalar
    code: Int[Array, ""]
    turns: Int[Array, ""]
    done: Bool[Array, ""]


CLOSED = 1e-12
"""The gap counts as closed when this part of it is left."""
LOCAL = 1e-3
"""Residuals below this part of the forces are near enough to equilibrium to be judged by themselves."""
SMALLEST = 2.0**-12
"""Smallest fraction of a step that is tried."""


def _newton(equilibrium: Equilibrium, problem: Problem, solver: Any, start, given: Given):
    """One evaluation a turn: the start, then the trial points of damped steps."""
    affine = problem.affine
    loose = solver.with_tolerance(max(equilibrium.linear_tolerance, equilibrium.tolerance))
    tolerance = equilibrium.tolerance

    def gap(u):
        return affine.displacement(u) - u

    def step_from(u, found: Balance, ended):
        missing = gap(u)
        rhs = -affine.fold(found.residual + found.stiffness.apply(missing))
        rhs = jnp.where(ended, jnp.zeros_like(rhs), rhs)
        dq, status = loose.solve(loose.prepare(found.stiffness, affine), rhs, jnp.zeros_like(rhs))
        return affine.expand(dq) + missing, status

    def turn(s: _Turn) -> _Turn:
        first = s.turns == 0
        trial = s.u + s.fraction * s.step
        found = equilibrium.balance(problem, trial, given)
        residual = affine.fold(found.residual)
        size = norm(residual)
        sound = jnp.isfinite(size) & jnp.isfinite(found.energy) & (found.code <= Code.UNSTABLE.value)
        left = jnp.where(first, 1.0, s.open * (1.0 - s.fraction))
        was_open = s.open > CLOSED
        if problem.conservative:
            lower = found.energy <= s.energy + 1e-4 * s.fraction * s.slope
            # close to equilibrium the energy's change drowns in round-off, of numbers larger than the energy perhaps;
            # uphill there is no saying by energy
            level = jnp.abs(found.energy - s.energy) <= 1e-10 * (jnp.abs(found.energy) + jnp.abs(s.energy))
            nearer = (size <= 0.5 * s.size) & (size <= LOCAL * s.scale)
            better = (lower & (s.slope < 0)) | ((level | (s.slope >= 0)) & (size <= 2.0 * s.size)) | nearer
        else:
            better = size <= (1.0 - 1e-4 * s.fraction) * s.size
        accept = sound & (first | was_open | better)
        scale = jnp.where(accept, jnp.maximum(s.scale, found.size), s.scale)
        floor = round_off(problem, found.stiffness, trial)
        feasible = (left <= CLOSED) | (jnp.max(jnp.abs(gap(trial))) == 0.0)
        near = accept & feasible & (size <= tolerance * scale + floor)
        step, inner = step_from(trial, found, near | ~accept)
        lost = accept & ~near & inner.failed
        # a tangent that cannot be solved with, indefinite perhaps, lies too far along the step
        retreat = lost & ~first & (s.fraction > SMALLEST)
        accept, lost = accept & ~retreat, lost & ~retreat
        exhausted = ~accept & (first | (s.fraction <= SMALLEST))
        refused = jnp.where(sound, Code.MAX_STEPS.value, _why(found, size))
        code = jnp.where(near, Code.CONVERGED.value, jnp.where(lost, inner.code, jnp.where(exhausted, refused, s.code)))
        return _Turn(
            jnp.where(accept, trial, s.u),
            jnp.where(accept, found.energy, s.energy),
            jnp.where(accept, size, s.size),
            jnp.where(accept, step, s.step),
            jnp.where(accept, jnp.vdot(affine.fold(found.residual), step), s.slope),
            jnp.where(accept, 1.0, 0.5 * s.fraction),
            jnp.where(accept, left, s.open),
            scale,
            code.astype(jnp.int32),
            s.turns + 1,
            near | lost | exhausted,
        )

    # scalars of the sharding of the data
    zero = 0.0 * jnp.sum(jnp.isfinite(start).astype(start.dtype))
    count = (0 * zero).astype(jnp.int32)
    begin = _Turn(
        start, zero, zero, jnp.zeros_like(start), zero, zero + 1.0, zero + 1.0, zero,
        count + Code.MAX_STEPS.value, count, zero > 1.0,
    )  # fmt: skip
    last = jax.lax.while_loop(lambda s: ~s.done & (s.turns < equilibrium.max_steps), turn, begin)
    q = jnp.where(affine.free, last.u, 0.0)
    relative = last.size / jnp.where(last.scale > 0, last.scale, 1.0)
    return q, Status(last.code, last.turns, relative)


def _why(found: Balance, size: Scalar) -> Int[Array, ""]:
    """Why a trial point cannot be used: the material says, or a NaN does."""
    return jnp.where(found.code > Code.UNSTABLE.value, found.code, Code.NONFINITE.value)
