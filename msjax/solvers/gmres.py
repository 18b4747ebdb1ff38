"""Restarted GMRES: systems without symmetry."""

import jax
import jax.numpy as jnp

from msjax.solvers.conjugate_gradients import ConjugateGradients, System, norm
from msjax.solvers.restarted import restarted
from msjax.status import Code, Status
from msjax.typing import Array, Float


def gmres(
    system: System, start: Float[Array, "..."], settings: ConjugateGradients, restart: int = 30
) -> tuple[Float[Array, "..."], Status]:
    """Solve A x = b with a preconditioner on the right, so that the residual that is minimised is the true one.

    Y. Saad and M. H. Schultz (doi:10.1137/0907058), Gram–Schmidt twice. MAX_STEPS also where a whole cycle of
    ``restart`` steps gains nothing, NONFINITE for NaN.
    """

    def cycle(residual, factor, most):
        return _arnoldi(system, residual, factor, most, restart)

    return restarted(system, cycle, start, settings, Code.MAX_STEPS)


def _arnoldi(system, residual, factor, most, restart):
    size = norm(residual)
    shape, dtype = residual.shape, residual.dtype
    length, most = residual.size, most.astype(int)
    index = jnp.arange(restart + 1)
    basis = jnp.zeros((restart + 1, length), dtype).at[0].set(residual.reshape(-1) / size)
    # R of the QR factorisation by rotations, column by column; unit columns where the loop has not been
    upper = jnp.eye(restart + 1, restart, dtype=dtype)
    rotations = jnp.stack([jnp.ones(restart, dtype), jnp.zeros(restart, dtype)])
    right = jnp.zeros(restart + 1, dtype).at[0].set(size)

    def keep_going(s):
        _, _, _, _, left, steps = s
        return (left > factor * size) & (steps < restart) & (steps < most)

    def turn(s):
        basis, upper, rotations, right, _, k = s
        v = jax.lax.dynamic_index_in_dim(basis, k, keepdims=False)
        image = system.operator(system.precondition(v.reshape(shape))).reshape(-1)
        first = basis @ image
        image = image - first @ basis
        second = basis @ image
        image = image - second @ basis
        beta = norm(image)
        basis = basis.at[k + 1].set(image / jnp.where(beta > 0, beta, 1.0))
        column = jnp.where(index == k + 1, beta, first + second)

        def rotate(i, column):
            c, t = rotations[0, i], rotations[1, i]
            a, b = column[i], column[i + 1]
            turned = column.at[i].set(c * a + t * b).at[i + 1].set(c * b - t * a)
            return jnp.where(i < k, turned, column)

        column = jax.lax.fori_loop(0, restart, rotate, column)
        a, b = column[k], column[k + 1]
        radius = jnp.sqrt(a**2 + b**2)
        c, t = a / radius, b / radius
        column = column.at[k].set(radius).at[k + 1].set(0.0)
        own = right[k]
        right = right.at[k].set(c * own).at[k + 1].set(-t * own)
        rotations = rotations.at[0, k].set(c).at[1, k].set(t)
        return basis, upper.at[:, k].set(column), rotations, right, jnp.abs(t * own), k + 1

    first = (basis, upper, rotations, right, size, jnp.zeros((), int))
    basis, upper, _, right, _, steps = jax.lax.while_loop(keep_going, turn, first)

    def back(i, y):
        k = restart - 1 - i
        value = (right[k] - upper[k] @ y) / upper[k, k]
        return y.at[k].set(jnp.where(k < steps, value, 0.0))

    y = jax.lax.fori_loop(0, restart, back, jnp.zeros(restart, dtype))
    return system.precondition((y @ basis[:restart]).reshape(shape)), steps
