"""The one place of implicit differentiation: a stationary point as a function of its arguments.

Small unknowns come with their dense Hessian (:func:`stationary`), fields with a solver of their own
(:func:`stationary_field`). What is computed at a stationary point may say which of its results are stationary values
(:func:`at_stationary`): their first derivative needs no solve at all.
"""

import abc
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.custom_derivatives import SymbolicZero

from msjax.solvers.linear import deflate, solve_dense
from msjax.solvers.newton import Functional, Newton, newton
from msjax.status import Status
from msjax.typing import Array, Float


def stationary(
    functional: Functional,
    start: Float[Array, " n"],
    arguments: Any,
    settings: Newton,
    null_space: Float[Array, "n k"] | None = None,
) -> tuple[Float[Array, " n"], Status]:
    """x*(arguments) with ∂E/∂x = 0, differentiable in the arguments to any order, forward and reverse.

    The derivative is dx = −H⁻¹ ∂g·d(arguments) with the Hessian H and the gradient g at the solution, solved through
    ``lax.custom_linear_solve`` so that it transposes; the start has zero derivative. H is inverted on the complement
    of ``null_space`` (orthonormal columns). A failed member returns its start: compute with it, then pass the results
    through :func:`msjax.status.guard`, which makes value and derivative NaN.
    """
    return _stationary(functional, settings, jax.lax.stop_gradient(start), arguments, null_space)


@partial(jax.custom_jvp, nondiff_argnums=(0, 1))
def _stationary(functional, settings, start, arguments, null_space):
    return newton(functional, start, arguments, settings, null_space)


@_stationary.defjvp
def _stationary_jvp(functional, settings, primals, tangents):
    start, arguments, null_space = primals
    _, d_arguments, _ = tangents
    x, status = _stationary(functional, settings, start, arguments, null_space)
    _, d_gradient = jax.jvp(lambda a: functional.gradient(x, a), (arguments,), (d_arguments,))
    _, _, hessian = functional.derivatives(x, functional.prepare(arguments))
    if null_space is not None:
        hessian = deflate(hessian, null_space)
    # A failed member is differentiated with a unit matrix: guard() speaks for it downstream, and a zero cotangent
    # must stay zero.
    hessian = jnp.where(status.failed, jnp.eye(hessian.shape[0]), hessian)
    dx = jax.lax.custom_linear_solve(
        lambda v: hessian @ v,
        -d_gradient,
        solve=lambda _, b: solve_dense(hessian, b),
        symmetric=True,
    )
    return (x, status), (dx, jax.tree.map(no_tangent, status))


class Linearized(NamedTuple):
    """At a solution: the operator v → ∂r/∂x v, differentiable in x and the arguments; its inverse b → (v, Status); and
    the inverse of its transpose (None: it is symmetric)."""

    operator: Callable[[Array], Array]
    inverse: Callable[[Array], tuple[Array, Status]]
    transposed: Callable[[Array], tuple[Array, Status]] | None = None


class FieldProblem(abc.ABC):
    """An equilibrium of a field: residual, solver, linearisation. Must be hashable: structure, not numbers."""

    @abc.abstractmethod
    def find(self, start: Array, arguments: Any) -> tuple[Array, Status, Any]:
        """The solution from a start, what became of it, and what the linear solves of derivatives may use again (arrays
        such as a factorisation at the solution, or None); the latter costs nothing where no derivative is asked for."""

    @abc.abstractmethod
    def residual(self, x: Array, arguments: Any) -> Array:
        """What vanishes at the solution: the gradient of the energy, of the shape of x."""

    @abc.abstractmethod
    def linearized(self, x: Array, arguments: Any, kept: Any) -> Linearized:
        """At a solution; the inverses may use what :meth:`find` kept, the operator must not."""


def stationary_field(problem: FieldProblem, start: Array, arguments: Any) -> tuple[Array, Status]:
    """x*(arguments) with r(x*, arguments) = 0, differentiable in the arguments to any order, forward and reverse.

    As :func:`stationary`, with the problem's own solvers. A failed member must be returned at a point where residual
    and operator can be evaluated; :func:`msjax.status.guard` makes what follows NaN. Where only the linear solve of a
    derivative fails, that derivative is NaN.
    """
    x, status, _ = _stationary_field(problem, jax.lax.stop_gradient(start), arguments)
    return x, status


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _stationary_field(problem, start, arguments):
    return problem.find(start, arguments)


@_stationary_field.defjvp
def _stationary_field_jvp(problem, primals, tangents):
    start, arguments = primals
    _, d_arguments = tangents
    x, status, kept = _stationary_field(problem, start, arguments)
    _, change = jax.jvp(lambda a: problem.residual(x, a), (arguments,), (d_arguments,))
    linear = problem.linearized(x, arguments, kept)

    def guarded(inverse):
        def solve(_, rhs):
            answer, of_solve = inverse(rhs)
            asked = jnp.any(rhs != 0)
            # what a failed member is asked comes out NaN, whatever its solver makes of a NaN; nothing asked stays zero
            answer = jnp.where(asked, answer, jnp.zeros_like(answer))
            return jnp.where(asked & (of_solve.failed | status.failed), jnp.nan, answer)

        return solve

    if linear.transposed is None:
        dx = jax.lax.custom_linear_solve(linear.operator, -change, guarded(linear.inverse), symmetric=True)
    else:
        dx = jax.lax.custom_linear_solve(linear.operator, -change, guarded(linear.inverse), guarded(linear.transposed))
    return (x, status, kept), (dx, jax.tree.map(no_tangent, status), jax.tree.map(no_tangent, kept))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def at_stationary(function: Callable[[Array, Any], tuple[Any, Any]], x: Array, arguments: Any) -> tuple[Any, Any]:
    """``function(x, arguments)`` → (stationary values, other results) at a stationary point x of the former.

    Stationary values do not change with x, so dx is left out of their first derivative; the second differentiates
    this rule and meets it. (``stop_gradient(x)`` would lose it there too.) ``function`` must be hashable.
    """
    return function(x, arguments)


@partial(at_stationary.defjvp, symbolic_zeros=True)
def _at_stationary_jvp(function, primals, tangents):
    # arguments that do not vary are held, not moved by zero: what a loop computes of zeros nobody would take out
    x, arguments = primals
    leaves, structure = jax.tree.flatten(arguments)
    d_x, d_leaves = tangents[0], jax.tree.leaves(tangents[1])
    moving = [n for n, d in enumerate(d_leaves) if not isinstance(d, SymbolicZero)]

    def along(x, moved):
        all_leaves = list(leaves)
        for n, leaf in zip(moving, moved, strict=True):
            all_leaves[n] = leaf
        return function(x, jax.tree.unflatten(structure, all_leaves))

    moved, d_moved = [leaves[n] for n in moving], [d_leaves[n] for n in moving]
    value = at_stationary(function, x, arguments)
    _, at_fixed_x = jax.jvp(partial(along, x), (moved,), (d_moved,))
    if isinstance(d_x, SymbolicZero):
        return value, at_fixed_x
    _, change = jax.jvp(along, (x, moved), (d_x, d_moved))
    return value, (at_fixed_x[0], change[1])


def no_tangent(leaf: Array) -> Any:
    """The tangent of a leaf that does not depend on anything: zero, of the type that JAX wants for integers."""
    if jnp.issubdtype(leaf.dtype, jnp.floating):
        return jnp.zeros_like(leaf)
    return jax.numpy.zeros(leaf.shape, dtype=jax.dtypes.float0)
