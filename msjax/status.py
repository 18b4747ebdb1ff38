"""Result codes: what a solve says of itself, per member of a batch.

Nothing fails silently and one bad member never spoils a batch. A failed member's value and gradient are NaN,
through :func:`guard`; a converged but unstable result (an indefinite tangent, a soft phonon) is a result.
"""

from collections.abc import Sequence
from enum import IntEnum

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer

from msjax.typing import Array, Bool, Float, Int, PyTree, Scalar


class Code(IntEnum):
    """What became of a solve. Codes above ``UNSTABLE`` are failures."""

    CONVERGED = 0
    UNSTABLE = 1
    MAX_STEPS = 2
    NONFINITE = 3
    SINGULAR = 4
    INVERTED = 5
    OUTSIDE_TABLE = 6
    OVERFLOW = 7


MEANING: dict[Code, str] = {
    Code.CONVERGED: "converged",
    Code.UNSTABLE: "converged to a stationary point that is not a minimum",
    Code.MAX_STEPS: "not converged within the allowed number of steps",
    Code.NONFINITE: "a NaN or an infinity appeared in the input or in the iteration",
    Code.SINGULAR: "the linear system is singular",
    Code.INVERTED: "the deformation gradient has a determinant that is not positive",
    Code.OUTSIDE_TABLE: "the state lies outside the tabulated range",
    Code.OVERFLOW: "new neighbours come within the cut-off: find them anew, or allow for a larger strain",
}


class SolveError(RuntimeError):
    """A single solve failed; ``code`` says how."""

    def __init__(self, message: str, code: Code):
        super().__init__(message)
        self.code = code


class Status(eqx.Module):
    """Code, iteration count and final residual of a solve; batched solves carry arrays.

    >>> import jax.numpy as jnp
    >>> from msjax.status import Code, Status
    >>> status = Status.of(Code.MAX_STEPS, iterations=50, residual=1e-3)
    >>> bool(status.failed), str(status)
    (True, 'MAX_STEPS after 50 iterations, residual 1.0e-03: not converged within the allowed number of steps')
    """

    code: Int[Array, "..."]
    iterations: Int[Array, "..."]
    residual: Float[Array, "..."]

    @classmethod
    def of(cls, code: Code | Array = Code.CONVERGED, iterations: int | Array = 0, residual: float | Array = 0.0):
        """Build a status from plain numbers or arrays of one shape."""
        return cls(
            code=jnp.asarray(code, jnp.int32),
            iterations=jnp.asarray(iterations, jnp.int32),
            residual=jnp.asarray(residual, float),
        )

    @property
    def ok(self) -> Bool[Array, "..."]:
        """True where the result is valid (``UNSTABLE`` is valid)."""
        return self.code <= Code.UNSTABLE

    @property
    def failed(self) -> Bool[Array, "..."]:
        """True where value and gradient are NaN."""
        return self.code > Code.UNSTABLE

    @property
    def unstable(self) -> Bool[Array, "..."]:
        """True where the stationary point is not a minimum."""
        return self.code == Code.UNSTABLE

    def __str__(self) -> str:
        if not isinstance(self.code, Tracer) and np.ndim(self.code) == 0:
            code = Code(int(self.code))
            return (
                f"{code.name} after {int(self.iterations)} iterations, "
                f"residual {float(self.residual):.1e}: {MEANING[code]}"
            )
        if isinstance(self.code, Tracer):
            return "Status(traced)"
        return summary(self)

    __repr__ = __str__


def first_failure(*statuses: Status) -> Status:
    """Join the statuses of solves that depend on one another, in order: the first failure speaks.

    Without a failure the worst code is kept. Iterations add up; the residual is the largest.
    """
    code, iterations, residual = statuses[0].code, statuses[0].iterations, statuses[0].residual
    for other in statuses[1:]:
        code = jnp.where(code > Code.UNSTABLE, code, jnp.where(other.code > code, other.code, code))
        iterations = iterations + other.iterations
        residual = jnp.maximum(residual, other.residual)
    return Status(code, iterations, residual)


def fail_with(status: Status, other: Status) -> Status:
    """Take over a failure, and only a failure, of another solve."""
    return Status(jnp.where(status.ok & other.failed, other.code, status.code), status.iterations, status.residual)


def worst(status: Status) -> Status:
    """One status of several solves that belong together: the worst code, all iterations, the largest residual."""
    iterations = jnp.sum(status.iterations, dtype=jnp.int32)
    return Status(jnp.max(status.code), iterations, jnp.max(status.residual))


def screen(status: Status, condition: Bool[Array, "..."], code: Code) -> Status:
    """Set ``code`` where ``condition`` holds and nothing has failed before."""
    return Status(
        jnp.where(condition & status.ok, jnp.asarray(int(code), jnp.int32), status.code),
        status.iterations,
        status.residual,
    )


def guard(values: PyTree, failed: Bool[Array, ""]) -> PyTree:
    """NaN in value and in derivative where ``failed``, for ONE member (batch with vmap).

    A failed member maps a zero tangent (or cotangent) to zero and any other to NaN, forward and transposed, so a
    masked reduction over shared parameters stays finite. ``where(failed, nan, x)`` would give a gradient of 0, and
    multiplying by NaN would poison every member. Compute ``values`` from safe inputs: what lies upstream is still
    differentiated at the values it saw.
    """
    return jax.tree.map(lambda x: _guard_leaf(x, failed), values)


@jax.custom_jvp
def _guard_leaf(x, failed):
    return jnp.where(failed, jnp.nan, x)


@_guard_leaf.defjvp
def _guard_leaf_jvp(primals, tangents):
    x, failed = primals
    return _guard_leaf(x, failed), _as_failed(tangents[0], failed)


def substitute(values: PyTree, failed: Bool[Array, "..."], instead: PyTree) -> PyTree:
    """``instead`` where ``failed``, to go on computing with; NaN in derivative there, as :func:`guard` has it.

    For input that cannot be used: ``where(failed, instead, x)`` would say that a failed result does not depend on x.

    >>> import jax, jax.numpy as jnp
    >>> float(jax.grad(lambda x: guard(jnp.log(substitute(x, x <= 0, 1.0)), x <= 0))(jnp.array(-1.0)))
    nan
    """
    if jax.tree.structure(instead) != jax.tree.structure(values):
        instead = jax.tree.map(lambda _: instead, values)

    def one(x, y):
        x = jnp.asarray(x)
        return _substitute_leaf(x, failed, jnp.asarray(y, x.dtype))

    return jax.tree.map(one, values, instead)


@jax.custom_jvp
def _substitute_leaf(x, failed, instead):
    return jnp.where(failed, instead, x)


@_substitute_leaf.defjvp
def _substitute_leaf_jvp(primals, tangents):
    x, failed, instead = primals
    dx = tangents[0]
    if jnp.issubdtype(x.dtype, jnp.inexact):
        dx = _as_failed(dx, failed)
    return _substitute_leaf(x, failed, instead), dx


def _as_failed(dx: Array, failed: Bool[Array, "..."]) -> Array:
    """Zero to zero and, where ``failed``, anything else to NaN: linear, and so in transpose."""
    return jax.lax.custom_linear_solve(
        lambda v: v,
        dx,
        solve=lambda _, b: nan_unless_zero(b, failed),
        transpose_solve=lambda _, b: nan_unless_zero(b, failed),
    )


def nan_unless_zero(b: Array, failed: Bool[Array, "..."]) -> Array:
    """What a failed linear solve returns: zero for a zero right-hand side, NaN for any other."""
    return jnp.where(failed, jnp.where(b == 0, jnp.zeros_like(b), jnp.full_like(b, jnp.nan)), b)


def check(status: Status, doing: str, throw: bool = True) -> None:
    """Raise :class:`SolveError` if a concrete status has failed; do nothing under a transformation."""
    if not throw or isinstance(status.code, Tracer):
        return
    if bool(np.any(np.asarray(status.failed))):
        worst = Code(int(np.max(np.asarray(status.code))))
        raise SolveError(f"{doing}: {status}", worst)


def summary(status: Status) -> str:
    """One line for a batch: how many members, how many of each code."""
    codes = np.asarray(status.code).ravel()
    counts = ", ".join(f"{int(np.sum(codes == code))} {code.name}" for code in Code if np.any(codes == code))
    return f"{codes.size} members: {counts}"


def masked_mean(values: Float[Array, " n"], status: Status) -> tuple[Scalar, Int[Array, ""]]:
    """Mean over the members that did not fail, and how many failed.

    The gradient ignores the failed members: their cotangent is zero, which :func:`guard` passes on as zero. Where all
    members failed nothing is masked, so that value and gradient are NaN: a mean of nothing is not 0.
    """
    ok = status.ok
    kept = ok | ~jnp.any(ok)
    total = jnp.sum(jnp.where(kept, values, jnp.zeros_like(values)))
    return total / jnp.sum(kept).astype(values.dtype), jnp.sum(~ok)


def codes_named(codes: Sequence[int]) -> list[str]:
    """Names of result codes, for tables."""
    return [Code(int(c)).name for c in codes]
