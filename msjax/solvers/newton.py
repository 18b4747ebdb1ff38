"""Newton's method with line search for stationary points of small energies, one loop, never differentiated."""

import abc
import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from msjax.solvers.linear import UNROLLED, deflate, solve_dense
from msjax.status import Code, Status
from msjax.tensors import is_positive_definite
from msjax.typing import Array, Bool, Float, Scalar


class Functional(abc.ABC):
    """An energy of unknowns x with arguments, and its derivatives in x. Must be hashable: structure, not numbers.

    Everything that is a number (deformation, parameters, start) travels in ``arguments``, a pytree, so that the
    derivative rule sees it.
    """

    def prepare(self, arguments: Any) -> Any:
        """What :meth:`derivatives` needs of the arguments, computed once before the loop; by default themselves."""
        return arguments

    @abc.abstractmethod
    def derivatives(
        self, x: Float[Array, " n"], prepared: Any
    ) -> tuple[Scalar, Float[Array, " n"], Float[Array, "n n"]]:
        """Energy, gradient and Hessian in x, in one pass."""

    @abc.abstractmethod
    def gradient(self, x: Float[Array, " n"], arguments: Any) -> Float[Array, " n"]:
        """Gradient alone: what the implicit derivative rule differentiates."""


@dataclasses.dataclass(frozen=True)
class FromEnergy(Functional):
    """A functional whose derivatives come from ``energy(x, arguments)`` by automatic differentiation."""

    energy: Any

    def derivatives(self, x, prepared):
        """Value, gradient, and the Hessian by forward over reverse mode."""
        value, gradient = jax.value_and_grad(self.energy)(x, prepared)
        hessian = jax.jacfwd(jax.grad(self.energy))(x, prepared)
        return value, gradient, hessian

    def gradient(self, x, arguments):
        """Reverse-mode gradient."""
        return jax.grad(self.energy)(x, arguments)


LOCAL = 1e-2
"""Steps no longer than this, in units of the natural length, are near enough to be judged by the gradient."""


@dataclasses.dataclass(frozen=True)
class Newton:
    """Settings of :func:`newton` (static).

    ``tolerance``: the loop ends with a full step no larger than ``tolerance * length`` in any component; since the
    convergence is quadratic, the error after that step is near ``tolerance**2``. ``length`` is the natural size of
    the unknowns (Å for shifts, 1 for strains). ``largest_step`` caps the step, in units of ``length``.
    """

    tolerance: float = 1e-8
    length: float = 1.0
    max_steps: int = 50
    largest_step: float = 0.5


def newton(
    functional: Functional,
    start: Float[Array, " n"],
    arguments: Any,
    settings: Newton,
    null_space: Float[Array, "n k"] | None = None,
) -> tuple[Float[Array, " n"], Status]:
    """Stationary point of an energy, preferring a minimum: damped Newton with Armijo's rule.

    Where the Hessian is not positive definite it is shifted until it is, so that steps go downhill; a point that is
    already stationary stays, by Newton's own step, with code UNSTABLE. Each turn of the loop evaluates energy,
    gradient and Hessian once. On failure the point returned is ``start`` and the status says why; the caller guards
    what it computes.
    """

    def direction(gradient, hessian):
        matrix = hessian if null_space is None else deflate(hessian, null_space)
        definite = _definite(matrix)
        identity = np.eye(matrix.shape[0])
        centre, size_of_row = jnp.sum(identity * matrix, axis=1), jnp.sum(jnp.abs(matrix), axis=1)
        lowest = jnp.min(centre + jnp.abs(centre) - size_of_row)  # Gershgorin
        scale = jnp.max(jnp.abs(centre))
        flat = jnp.max(jnp.abs(gradient)) <= settings.tolerance * settings.length * scale
        shift = jnp.where(definite | flat, 0.0, jnp.maximum(-lowest, 0.0) + 1e-3 * scale)
        step = -solve_dense(matrix + shift * identity, gradient)
        size = jnp.max(jnp.abs(step)) / settings.length
        step = step * jnp.minimum(1.0, settings.largest_step / jnp.where(size > 0, size, 1.0))
        small = size <= settings.tolerance
        return step, size, definite, small & (definite | flat)

    def keep_going(state):
        iterations, done = state[-2:]
        return ~done & (iterations < settings.max_steps)

    def turn(state):
        x, energy, step, slope, steepness, fraction, code, size, iterations, _ = state
        trial = x + fraction * step
        energy1, gradient, hessian = functional.derivatives(trial, prepared)
        finite = jnp.isfinite(energy1 + jnp.sum(gradient) + jnp.sum(hessian))  # a NaN or an infinity does not cancel
        noise = 1e-14 * (jnp.abs(energy1) + jnp.finfo(energy1.dtype).tiny)
        first = jnp.isinf(energy)
        # an energy that adds up larger numbers changes by their round-off; then the gradient says what is nearer
        steepness1 = jnp.max(jnp.abs(gradient))
        nearer = (size <= LOCAL) & (steepness1 <= 0.5 * steepness)
        accept = finite & (first | nearer | (energy1 <= energy + 1e-4 * fraction * slope + noise))
        step1, size1, definite, converged = direction(gradient, hessian)
        singular = accept & ~jnp.isfinite(size1)
        exhausted = ~accept & (first | (fraction < 1e-9))
        converged = accept & converged & ~singular
        code = jnp.where(
            converged,
            jnp.where(definite, Code.CONVERGED.value, Code.UNSTABLE.value),
            jnp.where(
                singular,
                Code.SINGULAR.value,
                jnp.where(exhausted & ~finite, Code.NONFINITE.value, Code.MAX_STEPS.value),
            ),
        ).astype(jnp.int32)
        x = jnp.where(accept, trial, x)
        x = jnp.where(converged, x + step1, x)
        return (
            x,
            jnp.where(accept, energy1, energy),
            jnp.where(accept, step1, step),
            jnp.where(accept, jnp.vdot(gradient, step1), slope),
            jnp.where(accept, steepness1, steepness),
            jnp.where(accept, 1.0, 0.5 * fraction),
            code,
            jnp.where(accept, size1, size),
            iterations + 1,
            converged | singular | exhausted,
        )

    prepared = functional.prepare(arguments)
    # of the start's sharding, and zero even where the start is NaN
    zero = 0.0 * jnp.sum(jnp.isfinite(start).astype(start.dtype))
    state = (
        start,
        zero + jnp.inf,
        jnp.zeros_like(start),
        zero,
        zero + jnp.inf,
        zero + 1.0,
        jnp.asarray(Code.MAX_STEPS.value, jnp.int32),
        zero + jnp.inf,
        jnp.asarray(0, jnp.int32),
        jnp.asarray(False),
    )
    x, *_, code, size, iterations, _ = jax.lax.while_loop(keep_going, turn, state)
    status = Status(code, iterations, size)
    return jnp.where(status.failed, start, x), status


def _definite(matrix: Float[Array, "n n"]) -> Bool[Array, ""]:
    if matrix.shape[0] <= UNROLLED:
        return is_positive_definite(matrix)
    return jnp.all(jnp.isfinite(jnp.linalg.cholesky(matrix)))
