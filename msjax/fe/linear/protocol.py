"""What every linear solver of finite elements offers."""

import abc
import dataclasses
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from msjax.fe.affine import AffineMap
from msjax.fe.elements import ElementOperator
from msjax.solvers.conjugate_gradients import norm
from msjax.status import Code, Status
from msjax.typing import Array, Float

BACKWARD = 1e-13
"""Residual of a factorisation, relative to the size of K times x."""
REGULAR = 1e12
"""Largest ratio of K's size times x to b: beyond, K is singular as far as double precision can tell."""


class LinearSolver(eqx.Module):
    """Solves Tᵀ K T x = b for an operator K and constraints u = T x + g.

    Settings are static; what takes work and does not depend on b is in what :meth:`prepare` returns, a pytree of
    arrays. b and x are fields (n, c), zero where nothing is free. Converged means ‖b − Tᵀ K T x‖ ≤ tolerance ‖b‖ of the
    residual computed from x, in float64. Where the status is a failure x is the last iterate: callers guard it.

    Loops carry no derivative rule: wrap a solve with ``jax.lax.custom_linear_solve``.
    """

    tolerance: eqx.AbstractVar[float]

    def with_tolerance(self, tolerance: float) -> "LinearSolver":
        """The same solver to another tolerance; what was prepared serves both."""
        return dataclasses.replace(self, tolerance=tolerance)

    @abc.abstractmethod
    def prepare(self, operator: ElementOperator, affine: AffineMap) -> Any:
        """Hierarchy, factorisation or diagonal."""

    @abc.abstractmethod
    def solve(
        self, prepared: Any, rhs: Float[Array, "n c"], start: Float[Array, "n c"] | None = None
    ) -> tuple[Float[Array, "n c"], Status]:
        """x and what became of it."""

    @abc.abstractmethod
    def solve_transposed(
        self, prepared: Any, rhs: Float[Array, "n c"], start: Float[Array, "n c"] | None = None
    ) -> tuple[Float[Array, "n c"], Status]:
        """The same for Kᵀ."""


def reduced(operator: ElementOperator, affine: AffineMap, x: Float[Array, "n c"]) -> Float[Array, "n c"]:
    """Tᵀ K T x."""
    return affine.fold(operator.apply(affine.expand(x)))


def judged(
    operator: ElementOperator,
    affine: AffineMap,
    rhs: Float[Array, "n c"],
    x: Float[Array, "n c"],
    tolerance: float,
    failure: Code = Code.SINGULAR,
) -> Status:
    """What a direct solution is worth: by its residual relative to b, or, of an ill-conditioned system, to the
    round-off of K x, as long as K is regular in double precision."""
    size, left = norm(rhs), norm(rhs - reduced(operator, affine, x))
    reach = jnp.max(jnp.abs(operator.diagonal_blocks())) * norm(x)
    exact = (left <= BACKWARD * reach) & (reach <= REGULAR * size)
    code = jnp.where((left <= tolerance * size) | exact, Code.CONVERGED.value, failure.value)
    code = jnp.where(jnp.isfinite(size) & jnp.isfinite(left), code, Code.NONFINITE.value)
    return Status.of(code, 1, left / jnp.where(size > 0, size, 1.0))
