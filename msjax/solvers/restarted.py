"""Krylov methods that are restarted from the true residual."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from msjax.solvers.conjugate_gradients import ConjugateGradients, System, norm
from msjax.status import Code, Status
from msjax.typing import Array, Bool, Float, Int, Scalar

Cycle = Callable[[Float[Array, "..."], Scalar, Int[Array, ""]], tuple[Float[Array, "..."], Int[Array, ""]]]
"""(residual r, factor by which to reduce it, steps left) → (a correction d with A d ≈ r, steps taken)."""


class Restarted(NamedTuple):
    """Carry: x, its true residual and that residual's norm, steps, code, whether it has ended."""

    x: Float[Array, "..."]
    residual: Float[Array, "..."]
    size: Scalar
    iterations: Int[Array, ""]
    code: Int[Array, ""]
    done: Bool[Array, ""]


def restarted(
    system: System, cycle: Cycle, start: Float[Array, "..."], settings: ConjugateGradients, stalled: Code
) -> tuple[Float[Array, "..."], Status]:
    """Repeat x ← x + d until ‖b − A x‖ ≤ tolerance ‖b‖, as computed from x.

    A cycle that gains nothing is not taken and ends the iteration with the code ``stalled``.
    """
    limit = settings.tolerance * norm(system.rhs) + system.floor

    def turn(state: Restarted) -> Restarted:
        factor = 0.5 * limit / jnp.where(state.size > 0, state.size, 1.0)
        step, used = cycle(state.residual, factor, settings.max_steps - state.iterations)
        x = state.x + step
        residual = system.rhs - system.operator(x)
        size = norm(residual)
        better, known, small = size < 0.999 * state.size, jnp.isfinite(size), size <= limit
        iterations = state.iterations + used.astype(jnp.int32)
        out = iterations >= settings.max_steps
        code = jnp.where(
            ~known,
            Code.NONFINITE.value,
            jnp.where(small, Code.CONVERGED.value, jnp.where(better | out, Code.MAX_STEPS.value, stalled.value)),
        ).astype(jnp.int32)
        return Restarted(
            jnp.where(better, x, state.x),
            jnp.where(better, residual, state.residual),
            jnp.where(better, size, state.size),
            iterations,
            code,
            small | ~better | out,
        )

    residual = system.rhs - system.operator(start)
    size = norm(residual)
    small, known = size <= limit, jnp.isfinite(size) & jnp.isfinite(limit)
    code = jnp.where(known, jnp.where(small, Code.CONVERGED.value, Code.MAX_STEPS.value), Code.NONFINITE.value)
    first = Restarted(start, residual, size, (0 * code).astype(jnp.int32), code.astype(jnp.int32), small | ~known)
    state = jax.lax.while_loop(lambda s: ~s.done, turn, first)
    scale = norm(system.rhs)
    return state.x, Status(state.code, state.iterations, state.size / jnp.where(scale > 0, scale, 1.0))
