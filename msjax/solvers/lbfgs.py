"""Minimisation of energies of many unknowns by the limited-memory BFGS method, one loop, never differentiated."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from msjax.status import Code, Status
from msjax.typing import Array, Bool, Float, Int, Scalar


@dataclasses.dataclass(frozen=True)
class LBFGS:
    """Settings (static): the loop ends where no component of the gradient is larger than ``tolerance``.

    ``largest_step`` caps each component of a step; ``memory``: pairs of steps kept; ``scale``: what a gradient is
    multiplied with to make the first step, a guess of the inverse curvature.
    """

    tolerance: float = 1e-6
    max_steps: int = 1000
    largest_step: float = 0.1
    memory: int = 8
    scale: float = 0.02


class _State(NamedTuple):
    """Carry: the accepted point with energy and gradient, the step tried from it, the last steps and what the
    gradients changed by, newest first, and the verdict."""

    x: Float[Array, "..."]
    energy: Scalar
    gradient: Float[Array, "..."]
    step: Float[Array, "..."]
    fraction: Scalar
    moves: Float[Array, "m ..."]
    changes: Float[Array, "m ..."]
    code: Int[Array, ""]
    turns: Int[Array, ""]
    done: Bool[Array, ""]


SMALLEST = 2.0**-12
"""Smallest fraction of a step that is tried."""
ALLOWED = 2.0**-5
"""Fraction of a step that must be possible where a point cannot be used for a reason of its own."""


def lbfgs(
    function: Callable[[Array], tuple[Scalar, Array, Int[Array, ""]]], start: Float[Array, "..."], settings: LBFGS
) -> tuple[Float[Array, "..."], Status]:
    """A minimum of ``function(x)`` → (energy, gradient, code of :class:`msjax.status.Code`).

    J. Nocedal (doi:10.1090/S0025-5718-1980-0572855-7), with Armijo's rule; near the minimum, where changes of the
    energy drown in its round-off, the slope along the step decides. Points whose code is a failure are not stepped to;
    where a step must be cut below 1/32 for them, or the start is one, the loop ends with their code. What is returned
    is the last accepted point, of a failed member too.

    >>> import numpy as np
    >>> def energy(x):
    ...     return jnp.sum(jnp.cosh(x - 1.0)), jnp.sinh(x - 1.0), jnp.asarray(0, jnp.int32)
    >>> x, status = lbfgs(energy, jnp.zeros(3), LBFGS(tolerance=1e-10, largest_step=0.5, scale=1.0))
    >>> bool(status.ok), float(x[1])
    (True, 1.0)
    """

    def turn(s: _State) -> _State:
        first = s.turns == 0
        trial = s.x + s.fraction * s.step
        energy, gradient, code = function(trial)
        finite = jnp.isfinite(energy) & jnp.all(jnp.isfinite(gradient))
        code = jnp.where((code <= Code.UNSTABLE.value) & ~finite, Code.NONFINITE.value, code).astype(jnp.int32)
        sound = code <= Code.UNSTABLE.value
        slope, slope1 = jnp.vdot(s.gradient, s.step), jnp.vdot(gradient, s.step)
        lower = energy <= s.energy + 1e-4 * s.fraction * slope
        level = jnp.abs(energy - s.energy) <= 1e-11 * jnp.abs(s.energy)
        accept = sound & (first | lower | (level & (jnp.abs(slope1) <= -0.9 * slope)))
        near = accept & (jnp.max(jnp.abs(gradient)) <= settings.tolerance)
        refused = ~sound & (first | (s.fraction <= ALLOWED))
        exhausted = ~accept & (s.fraction <= SMALLEST)

        move, change = trial - s.x, gradient - s.gradient
        curved = accept & ~first & (jnp.vdot(move, change) > 1e-12 * jnp.vdot(change, change) * settings.scale)
        moves = jnp.where(curved, jnp.concatenate([move[None], s.moves[:-1]]), s.moves)
        changes = jnp.where(curved, jnp.concatenate([change[None], s.changes[:-1]]), s.changes)
        x = jnp.where(accept, trial, s.x)
        g = jnp.where(accept, gradient, s.gradient)
        step = jnp.where(accept, _direction(g, moves, changes, settings), s.step)
        verdict = jnp.where(near, Code.CONVERGED.value, jnp.where(refused, code, Code.MAX_STEPS.value))
        return _State(
            x,
            jnp.where(accept, energy, s.energy),
            g,
            step,
            jnp.where(accept, 1.0, 0.5 * s.fraction),
            moves,
            changes,
            verdict.astype(jnp.int32),
            s.turns + 1,
            near | refused | exhausted,
        )

    zero = 0.0 * jnp.sum(jnp.isfinite(start).astype(start.dtype))
    count = (0 * zero).astype(jnp.int32)
    none = jnp.zeros((settings.memory, *start.shape))
    still = jnp.zeros_like(start)
    begin = _State(start, zero, still, still, zero + 1.0, none, none, count + Code.MAX_STEPS.value, count, zero > 1.0)
    last = jax.lax.while_loop(lambda s: ~s.done & (s.turns < settings.max_steps), turn, begin)
    return last.x, Status(last.code, last.turns, jnp.max(jnp.abs(last.gradient)))


def _direction(gradient: Array, moves: Array, changes: Array, settings: LBFGS) -> Any:
    """−H·gradient by the two-loop recursion, downhill, and no longer than allowed."""
    products = jax.vmap(jnp.vdot)(moves, changes)
    known = products > 0
    inverse = jnp.where(known, 1.0 / jnp.where(known, products, 1.0), 0.0)
    q, weights = gradient, []
    for k in range(settings.memory):
        weights.append(inverse[k] * jnp.vdot(moves[k], q))
        q = q - weights[k] * changes[k]
    size = jnp.vdot(changes[0], changes[0])
    q = q * jnp.where(known[0], products[0] / jnp.where(size > 0, size, 1.0), settings.scale)
    for k in reversed(range(settings.memory)):
        q = q + (weights[k] - inverse[k] * jnp.vdot(changes[k], q)) * moves[k]
    downhill = jnp.vdot(q, gradient) > 0
    q = jnp.where(downhill, q, settings.scale * gradient)
    longest = jnp.max(jnp.abs(q))
    return -q * jnp.minimum(1.0, settings.largest_step / jnp.where(longest > 0, longest, 1.0))
