"""Condensation: eliminate internal unknowns from an energy and keep (W, P, A).

W(F) = stat_q Ŵ(q, F),   P = ∂Ŵ/∂F at q*,   A = Ŵ_FF − Ŵ_Fq Ŵ_qq⁻¹ Ŵ_qF
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from msjax.solvers.linear import deflate, solve_dense
from msjax.solvers.newton import FromEnergy, Newton
from msjax.solvers.stationary import stationary
from msjax.status import Code, Status, guard, screen, substitute
from msjax.typing import Array, Float, Scalar

DEFAULT = Newton()


class Condensed(NamedTuple):
    """Energy, its first and second total derivative in the outer variables, and the internal unknowns.

    ``tangent_status`` speaks of the tangent's own linear solve; ``value``, ``gradient`` and ``status`` never read it.
    """

    value: Scalar
    gradient: Float[Array, " n"]
    tangent: Float[Array, "n n"]
    internal: Float[Array, " q"]
    status: Status
    tangent_status: Status


def schur(
    hessian: Float[Array, "m m"], outer: int, null_space: Float[Array, "q k"] | None = None
) -> Float[Array, "n n"]:
    """Condense a Hessian over (outer, internal) unknowns onto the first ``outer`` of them.

    >>> import jax.numpy as jnp
    >>> schur(jnp.array([[2.0, 1.0], [1.0, 1.0]]), 1).tolist()
    [[1.0]]
    """
    if hessian.shape[0] == outer:
        return hessian
    internal = hessian[outer:, outer:]
    if null_space is not None:
        internal = deflate(internal, null_space)
    coupling = hessian[outer:, :outer]
    return hessian[:outer, :outer] - coupling.T @ solve_dense(internal, coupling)


def tangent_status(tangent: Array, status: Status) -> Status:
    """SINGULAR where the solve succeeded but its tangent is not finite; otherwise the solve's status."""
    return screen(status, ~jnp.all(jnp.isfinite(tangent)), Code.SINGULAR)


def condense(
    energy: Callable[[Float[Array, " q"], Float[Array, " n"], Any], Scalar],
    outer: Float[Array, " n"],
    start: Float[Array, " q"],
    arguments: Any = None,
    settings: Newton = DEFAULT,
    null_space: Float[Array, "q k"] | None = None,
) -> Condensed:
    """Make ``energy(internal, outer, arguments)`` stationary in its internal unknowns.

    ``energy`` must be a module-level function or another hashable callable: numbers belong in ``arguments``. The
    result is differentiable in ``outer`` and ``arguments`` to any order; a failed member is NaN. For a potential of
    the stress-driven kind the stationary value is the Legendre transform W − P̄:F.

    >>> import jax.numpy as jnp
    >>> def springs_in_series(q, x, stiffness):
    ...     return 0.5 * stiffness[0] * q[0] ** 2 + 0.5 * stiffness[1] * (x[0] - q[0]) ** 2
    >>> result = condense(springs_in_series, jnp.array([1.0]), jnp.zeros(1), jnp.array([1.0, 1.0]))
    >>> float(result.tangent[0, 0])
    0.5
    """
    finite = jnp.all(jnp.isfinite(outer))
    outer = substitute(outer, ~finite, 0.0)  # a safe point; the status speaks for the member
    functional = FromEnergy(_Reordered(energy))
    internal, status = stationary(functional, start, (outer, arguments), settings, null_space)
    status = screen(status, ~finite, Code.NONFINITE)
    n = outer.shape[0]

    def joint(z):
        return energy(z[n:], z[:n], arguments)

    z = jnp.concatenate([outer, internal])
    value, gradient = jax.value_and_grad(joint)(z)
    tangent = schur(jax.jacfwd(jax.grad(joint))(z), n, null_space)
    of_tangent = tangent_status(tangent, status)
    value, gradient, internal = guard((value, gradient[:n], internal), status.failed)
    return Condensed(value, gradient, guard(tangent, of_tangent.failed), internal, status, of_tangent)


class _Reordered:
    """``energy(internal, (outer, arguments))``; equal when it wraps the same function, so that traces are reused."""

    def __init__(self, energy):
        self.energy = energy

    def __call__(self, internal, outer_and_arguments):
        outer, arguments = outer_and_arguments
        return self.energy(internal, outer, arguments)

    def __eq__(self, other):
        return isinstance(other, _Reordered) and self.energy == other.energy

    def __hash__(self):
        return hash((_Reordered, self.energy))
