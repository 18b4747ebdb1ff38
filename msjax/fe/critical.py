"""Limit points and bifurcations between two points of an equilibrium path."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.fe.continuation import Control, Step, place_minus, place_plus
from msjax.fe.elements import ElementOperator
from msjax.fe.matrices import critical_mode, expansion, negative_eigenvalues, reduced_matrix
from msjax.fe.problem import Problem
from msjax.typing import Array, Float, Scalar

BISECTIONS = 40
"""At most, for one critical point."""


class CriticalPoint(eqx.Module):
    """A point where the stiffness is singular: load ``factor``, displacement ``u`` (n, c) and the unit vector ``mode``
    (n, c) of the smallest eigenvalue (of a symmetric stiffness; zero otherwise).

    ``kind`` is "maximum" or "minimum" (a limit point of the load factor) or "bifurcation"; ``step`` the number of the
    point of the path that comes before.
    """

    factor: Scalar
    u: Float[Array, "n c"]
    mode: Float[Array, "n c"]
    kind: str = eqx.field(static=True)
    step: int = eqx.field(static=True)


def negatives(stiffness: ElementOperator, problem: Problem) -> int:
    """Negative eigenvalues of a stiffness between the unknowns."""
    return negative_eigenvalues(reduced_matrix(stiffness, problem.affine), problem.symmetric)


def critical_points(
    tracer: Any, control: Control, size: float, last: Step, before: int, step: Step, after: int, accuracy: float
) -> list[CriticalPoint]:
    """What lies between a point of the path with ``before`` negative eigenvalues and the next one with ``after``.

    ``tracer`` makes steps from the committed states.
    """
    problem = tracer.system.problem
    chord, number = place_minus(step.place, last.place), len(tracer.kept) - 1

    def between(part: float) -> Step | None:
        # along the chord, and where a corner is in between from its other side
        for guess in (place_plus(last.place, chord, jnp.asarray(part)), step.place):
            found = tracer.advance(control, last.place, guess, part * size, tracer.scale)
            if not bool(found.status.failed):
                return found
        return None

    found = []
    rates = float(last.heading.factor), float(step.heading.factor)
    limit = rates[0] * rates[1] < 0
    if limit:
        best = _limit(between, last, step, rates, accuracy)
        found.append(_point(problem, best, "maximum" if rates[0] > 0 else "minimum", number))
    if abs(after - before) - limit > 0:
        best = _crossing(lambda s: negatives(s.stiffness, problem) == before, between, step, accuracy)
        found.append(_point(problem, best, "bifurcation", number))
    return found


def _limit(between: Any, last: Step, step: Step, rates: tuple[float, float], accuracy: float) -> Step:
    """Regula falsi (Illinois) on the rate of the load factor, with bisection where it stalls, as at a corner."""
    low, high, g_low, g_high, kept = 0.0, 1.0, *rates, 0
    sign = 1.0 if rates[0] > 0 else -1.0
    best, close = max((last, step), key=lambda s: sign * float(s.place.factor)), 0
    value = float(step.place.factor)
    for turn in range(BISECTIONS):
        half = 0.5 * (low + high)
        part = half if turn % 4 == 3 else (low * g_high - high * g_low) / (g_high - g_low)
        middle = between(part)
        if middle is None and part != half:
            part, middle = half, between(half)
        if middle is None:
            break
        rate, before = float(middle.heading.factor), value
        value = float(middle.place.factor)
        if sign * value > sign * float(best.place.factor):
            best = middle
        close = close + 1 if abs(value - before) <= 0.1 * accuracy * abs(value) else 0
        if close == 2 or high - low < 1e-12:
            break
        if rate * rates[0] > 0:
            low, g_low, g_high, kept = part, rate, (0.5 if kept == 1 else 1.0) * g_high, 1
        else:
            high, g_high, g_low, kept = part, rate, (0.5 if kept == -1 else 1.0) * g_low, -1
    return best


def _crossing(still: Any, between: Any, step: Step, accuracy: float) -> Step:
    """Bisection for the place where the number of negative eigenvalues changes."""
    low, high, best = 0.0, 1.0, step
    for _ in range(BISECTIONS):
        if high - low < accuracy:
            break
        middle = between(0.5 * (low + high))
        if middle is None:
            break
        if still(middle):
            low = 0.5 * (low + high)
        else:
            high, best = 0.5 * (low + high), middle
    return best


def _point(problem: Problem, step: Step, kind: str, number: int) -> CriticalPoint:
    mode = np.zeros(problem.affine.free.shape)
    if problem.symmetric:
        vector = critical_mode(reduced_matrix(step.stiffness, problem.affine))
        mode = (expansion(problem.affine) @ vector).reshape(mode.shape)
    return CriticalPoint(step.place.factor, step.place.u, jnp.asarray(mode), kind, number)
