"""Preconditioned conjugate gradients that trust no recurrence: the residual that counts is the true one."""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp

from msjax.status import Code, Status
from msjax.typing import Array, Bool, Float, Int, Scalar

Operator = Callable[[Any], Any]

Precision = Literal["double", "mixed"]
"""Of the iteration; the residual is always judged in float64."""


@dataclasses.dataclass(frozen=True)
class ConjugateGradients:
    """Settings (static): stop at ‖r‖ ≤ ``tolerance`` ‖b‖ on the true residual, or after ``max_steps`` iterations.

    The recurrence for r is replaced by b − A x each time it has converged, and every ``check`` iterations.
    ``precision="mixed"`` iterates in float32 inside a refinement in float64: half the memory traffic, the same
    residual certified; where float32 cannot go on (conditions above some 1e6) the code is MAX_STEPS.
    """

    tolerance: float = 1e-6
    max_steps: int = 2000
    check: int = 50
    precision: Precision = "double"


class Iterate(NamedTuple):
    """Carry of the iteration: x, residual, direction, r·z, iterations, code and whether it has ended."""

    x: Float[Array, "..."]
    residual: Float[Array, "..."]
    direction: Float[Array, "..."]
    product: Scalar
    iterations: Int[Array, ""]
    code: Int[Array, ""]
    done: Bool[Array, ""]


class System(NamedTuple):
    """A x = b with a preconditioner; ``floor`` is the norm of what is round-off in b."""

    operator: Operator
    precondition: Operator
    rhs: Float[Array, "..."]
    floor: Scalar


def norm(r: Float[Array, "..."]) -> Scalar:
    """Euclidean."""
    return jnp.sqrt(jnp.vdot(r, r))


def begin(system: System, start: Float[Array, "..."]) -> Iterate:
    """First iterate."""
    r = system.rhs - system.operator(start)
    zero = jnp.zeros_like(r)
    # a scalar of the sharding of the data
    number = 0.0 * jnp.sum(jnp.isfinite(system.rhs).astype(r.dtype))
    return Iterate(
        start,
        r,
        zero,
        number + 1.0,
        (0 * number).astype(jnp.int32),
        jnp.asarray(Code.MAX_STEPS.value, jnp.int32),
        number > 1.0,
    )


def advance(system: System, state: Iterate, settings: ConjugateGradients, steps: int) -> Iterate:
    """At most ``steps`` iterations, then the true residual; an iterate that has ended passes unchanged."""
    limit = settings.tolerance * norm(system.rhs) + system.floor
    begun = state.iterations

    def keep_going(s):
        state, near = s
        return ~state.done & ~near & (state.iterations - begun < steps) & (state.iterations < settings.max_steps)

    def turn(s):
        state, _ = s
        z = system.precondition(state.residual)
        product = jnp.vdot(state.residual, z)
        beta = jnp.where(state.iterations == 0, 0.0, product / state.product)
        direction = z + beta * state.direction
        image = system.operator(direction)
        curvature = jnp.vdot(direction, image)
        alpha = product / curvature
        definite = (product > 0) & (curvature > 0)
        finite = jnp.isfinite(product) & jnp.isfinite(curvature)
        code = jnp.where(finite, Code.SINGULAR.value, Code.NONFINITE.value).astype(jnp.int32)
        good = definite & finite
        r = jnp.where(good, state.residual - alpha * image, state.residual)
        return Iterate(
            jnp.where(good, state.x + alpha * direction, state.x),
            r,
            direction,
            product,
            state.iterations + 1,
            jnp.where(good, state.code, code),
            ~good,
        ), norm(r) <= limit

    near = norm(state.residual) <= limit
    after, _ = jax.lax.while_loop(keep_going, turn, (state, near))
    true = system.rhs - system.operator(after.x)
    small = norm(true) <= limit
    known = jnp.isfinite(norm(true)) & jnp.isfinite(limit)
    stopped = after.iterations >= settings.max_steps
    code = jnp.where(
        after.done,
        after.code,
        jnp.where(~known, Code.NONFINITE.value, jnp.where(small, Code.CONVERGED.value, Code.MAX_STEPS.value)),
    ).astype(jnp.int32)
    # a loop that ended near the limit without being there goes on from the true residual; without any progress it ends
    stuck = ~after.done & (after.iterations == begun) & ~small
    fresh = after._replace(residual=true, code=code, done=after.done | small | stopped | stuck | ~known)
    return jax.tree.map(lambda old, new: jnp.where(state.done, old, new), state, fresh)


def end(system: System, state: Iterate) -> tuple[Float[Array, "..."], Status]:
    """Solution and status; the residual is relative to ‖b‖.

    The solution is scaled to be the best along itself, so that x·(b − A x) = 0 to round-off (the Hill–Mandel condition
    of a cell), which the iteration alone loses with its conjugacy.
    """
    size = norm(system.rhs)
    work, defect = jnp.vdot(state.x, system.rhs), jnp.vdot(state.x, state.residual)
    scale = jnp.where(jnp.abs(defect) < 0.1 * jnp.abs(work), work / jnp.where(work == defect, 1.0, work - defect), 1.0)
    relative = norm(state.residual) / jnp.where(size > 0, size, 1.0)
    return scale * state.x, Status(state.code, state.iterations, relative)


def conjugate_gradients(
    system: System, start: Float[Array, "..."], settings: ConjugateGradients
) -> tuple[Float[Array, "..."], Status]:
    """Solve A x = b for a symmetric positive (semi)definite A and a consistent b.

    SINGULAR where the operator or the preconditioner shows itself indefinite (p·Ap ≤ 0 or r·z ≤ 0), NONFINITE for NaN.
    """
    return _iterate(system, begin(system, start), settings)


def conjugate_gradients_from_zero(system: System, settings: ConjugateGradients) -> tuple[Float[Array, "..."], Status]:
    """:func:`conjugate_gradients` with start 0, whose residual is b: one product less to compile and to do."""
    still = system._replace(operator=jnp.zeros_like)
    return _iterate(system, begin(still, jnp.zeros_like(system.rhs)), settings)


def _iterate(system: System, first: Iterate, settings: ConjugateGradients) -> tuple[Float[Array, "..."], Status]:
    state = jax.lax.while_loop(lambda s: ~s.done, lambda s: advance(system, s, settings, settings.check), first)
    return end(system, state)


INNER = 1e-3
"""Reduction of the residual by one sweep of float32 iterations."""


def refined(
    system: System, single: System, start: Float[Array, "..."], settings: ConjugateGradients
) -> tuple[Float[Array, "..."], Status]:
    """Iterative refinement (doi:10.1145/321386.321394): corrections by ``single``, a float32 version of ``system``
    whose right-hand side is replaced, and residuals in float64 until the true one is small enough."""
    inner = dataclasses.replace(settings, tolerance=INNER, precision="double")
    limit = settings.tolerance * norm(system.rhs) + system.floor

    def keep_going(s):
        state, _ = s
        return ~state.done

    def turn(s):
        state, size = s
        scale = jnp.where(size > 0, size, 1.0)
        rhs = (state.residual / scale).astype(jnp.float32)
        step, status = conjugate_gradients(single._replace(rhs=rhs), jnp.zeros_like(rhs), inner)
        x = state.x + scale * step.astype(state.x.dtype)
        r = system.rhs - system.operator(x)
        after = norm(r)
        small, better = after <= limit, after < 0.5 * size
        iterations = state.iterations + status.iterations
        lost = jnp.where(status.code == Code.SINGULAR.value, Code.SINGULAR.value, Code.MAX_STEPS.value)
        code = jnp.where(
            small,
            Code.CONVERGED.value,
            jnp.where(jnp.isfinite(after) & jnp.isfinite(limit), lost, Code.NONFINITE.value),
        ).astype(jnp.int32)
        done = small | ~better | (iterations >= settings.max_steps)
        return state._replace(x=x, residual=r, iterations=iterations, code=code, done=done), after

    first = begin(system, start)
    size = norm(first.residual)
    near = size <= limit
    code = jnp.where(near, Code.CONVERGED.value, Code.MAX_STEPS.value).astype(jnp.int32)
    state, _ = jax.lax.while_loop(keep_going, turn, (first._replace(code=code, done=near), size))
    return end(system, state)
