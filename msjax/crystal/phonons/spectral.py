"""Functions of Hermitian matrices and their traces, right at degeneracies in every derivative.

With D = U λ Uᴴ and f applied to the eigenvalues, and f[λ_i, λ_j, …] the divided differences,

    d tr f(D) = tr f′(D) dD,      dg(D) = U (g[λ_i, λ_j] (Uᴴ dD U)_ij) Uᴴ,      and so on for higher orders

(Daleckii and Krein; Bhatia, Matrix Analysis, ch. V). Eigenvectors are never differentiated: where eigenvalues meet,
divided differences become derivatives of f and nothing blows up.
"""

from functools import partial
from itertools import combinations_with_replacement, permutations, product
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from msjax.crystal.phonons.oscillator import Oscillator
from msjax.typing import Array, Bool, Float, Scalar

CLOSE = 0.25
"""Points whose spread is below this fraction of the largest use quadrature instead of quotients."""
NODES = 6
"""Gauss points per dimension: for functions singular at 0 the error is 14^(−2·6) of the derivative's size."""


SMALL = 9
"""Up to this size the derivative of a matrix function is kept as an operator of n⁴ numbers."""


class Spectrum(NamedTuple):
    """Matrices (q, n, n), real or complex, with their eigenvalues ``omega2`` (q, n) and ``vectors`` (q, n, n).

    Only ``matrices`` carry derivatives.
    """

    matrices: Array
    omega2: Float[Array, "q n"]
    vectors: Array


def spectrum(matrices: Array) -> tuple[Spectrum, Bool[Array, ""]]:
    """Diagonalise a batch, and say whether all eigenvalues are positive; where not, they are replaced by 1.

    Then whatever is computed must go through :func:`msjax.status.guard`.
    """
    omega2, vectors = jnp.linalg.eigh(jax.lax.stop_gradient(matrices))
    positive = jnp.all(omega2 > 0)  # false for NaN
    unit = jnp.broadcast_to(jnp.eye(omega2.shape[1], dtype=vectors.dtype), vectors.shape)
    return Spectrum(matrices, jnp.where(positive, omega2, 1.0), jnp.where(positive, vectors, unit)), positive


def trace(function: Oscillator, of: Spectrum, weights: Float[Array, " q"], temperature: Scalar) -> Scalar:
    """Σ_q w_q tr f(D_q, T), differentiable in D and T to any order, forward and reverse; the weights are constants."""
    return _trace(function, *of, weights, temperature)


def matrix_function(function: Oscillator, of: Spectrum, temperature: Scalar) -> Array:
    """f(D_q, T) as matrices (q, n, n), differentiable in D and T to any order, forward and reverse."""
    return _matrix_function(function, *of, temperature, ())


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _trace(function, matrices, omega2, vectors, weights, temperature):
    return jnp.sum(weights * jnp.sum(function(omega2, temperature), axis=1))


@partial(_trace.defjvp, symbolic_zeros=True)
def _trace_jvp(function, primals, tangents):
    matrices, omega2, vectors, weights, temperature = primals
    d_matrices, *_, d_temperature = tangents
    change = jnp.zeros_like(temperature)
    if not isinstance(d_matrices, SymbolicZero):
        slope = _matrix_function(function.slope(), matrices, omega2, vectors, temperature, ())
        change = change + jnp.sum(weights * _inner(slope, d_matrices))
    if not isinstance(d_temperature, SymbolicZero):
        change = change + _trace(function.warmer(), *primals) * d_temperature
    return _trace(function, *primals), change


def _inner(a: Array, b: Array) -> Float[Array, " q"]:
    """tr a b of Hermitian matrices."""
    product_ = jnp.real(a) * jnp.real(b)
    if jnp.iscomplexobj(a):
        product_ = product_ + jnp.imag(a) * jnp.imag(b)
    return jnp.sum(product_, axis=(1, 2))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _matrix_function(function, matrices, omega2, vectors, temperature, directions):
    """The derivative of f(D) along the directions, as many as there are: symmetric and linear in each."""
    adjoint = jnp.conj(jnp.swapaxes(vectors, 1, 2))
    order = len(directions)
    table = _differences(function, omega2, temperature, order).astype(vectors.dtype)
    if order == 0:
        return (vectors * table[:, None, :]) @ adjoint
    table = table + _held(matrices).astype(table.dtype)
    turned = [adjoint @ (b @ vectors) for b in directions]
    letters = "ijklmn"[: order + 1]
    blocks = ",".join("q" + letters[n : n + 2] for n in range(order))
    formula = f"q{letters},{blocks}->q{letters[0]}{letters[-1]}"
    summed = sum(jnp.einsum(formula, table, *chosen) for chosen in permutations(turned))
    return vectors @ (summed @ adjoint)


@partial(_matrix_function.defjvp, symbolic_zeros=True)
def _matrix_function_jvp(function, primals, tangents):
    matrices, omega2, vectors, temperature, directions = primals
    d_matrices, _, _, d_temperature, d_directions = tangents
    value = _matrix_function(function, *primals)
    change = jnp.zeros_like(value)
    if not isinstance(d_matrices, SymbolicZero):
        if not directions and omega2.shape[1] <= SMALL:
            operator = _operator(function, matrices, omega2, vectors, temperature)
            change = change + jnp.einsum("qijab,qab->qij", operator, d_matrices)
        else:
            more = (*directions, d_matrices)
            change = change + _matrix_function(function, matrices, omega2, vectors, temperature, more)
    for n, d_direction in enumerate(d_directions):
        if not isinstance(d_direction, SymbolicZero):
            other = (*directions[:n], d_direction, *directions[n + 1 :])
            change = change + _matrix_function(function, matrices, omega2, vectors, temperature, other)
    if not isinstance(d_temperature, SymbolicZero):
        warmer = _matrix_function(function.warmer(), matrices, omega2, vectors, temperature, directions)
        change = change + warmer * d_temperature.astype(warmer.dtype)
    return value, change


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _operator(function, matrices, omega2, vectors, temperature):
    """The derivative of f(D) for every entry of dD, (q, n, n, n, n): a function of D alone.

    Reverse mode keeps what is linear in a tangent and forgets the rule by which that depends on D; numbers that do not
    hold a tangent keep theirs.
    """
    table = _differences(function, omega2, temperature, 1).astype(vectors.dtype)
    pairs = vectors[:, :, None, :] * jnp.conj(vectors)[:, None, :, :]
    return jnp.einsum("qiak,qkl,qjbl->qijab", pairs, table, jnp.conj(pairs))


@partial(_operator.defjvp, symbolic_zeros=True)
def _operator_jvp(function, primals, tangents):
    matrices, omega2, vectors, temperature = primals
    d_matrices, _, _, d_temperature = tangents
    value = _operator(function, *primals)
    change = jnp.zeros_like(value)
    if not isinstance(d_matrices, SymbolicZero):
        n = omega2.shape[1]

        def along(entry):
            step = jnp.broadcast_to(entry, matrices.shape)
            return _matrix_function(function, matrices, omega2, vectors, temperature, (step, d_matrices))

        entries = jnp.eye(n * n, dtype=matrices.dtype).reshape(n * n, n, n)
        found = jax.vmap(along)(entries)
        change = change + jnp.moveaxis(found, 0, -1).reshape(value.shape)
    if not isinstance(d_temperature, SymbolicZero):
        change = change + _operator(function.warmer(), *primals) * d_temperature.astype(value.dtype)
    return value, change


def _differences(function: Oscillator, omega2: Float[Array, "q n"], temperature: Scalar, order: int) -> Array:
    """f[λ_i, λ_j, …] with order + 1 indices, (q, n, n, …)."""
    n = omega2.shape[1]
    chosen = list(combinations_with_replacement(range(n), order + 1))
    row = {c: position for position, c in enumerate(chosen)}
    index = np.array([row[tuple(sorted(c))] for c in product(range(n), repeat=order + 1)])
    points = [omega2[:, np.array(column)] for column in zip(*chosen, strict=True)]
    values = divided_difference(function, points, temperature)
    return values[:, index].reshape(omega2.shape[0], *(n,) * (order + 1))


def divided_difference(function: Oscillator, points: list[Float[Array, "*s"]], temperature: Scalar):
    """f[x_0, …, x_k] elementwise, for positive points in ascending order that may coincide.

    Quotients where the ends are apart, the Hermite–Genocchi integral of the k-th derivative where they are not.

    >>> import jax.numpy as jnp
    >>> f, t = Oscillator(False), jnp.array(300.0)
    >>> a = jnp.array([0.1])
    >>> bool(jnp.allclose(divided_difference(f, [a, a], t), f.slope()(a, t), rtol=1e-11))
    True
    """
    order = len(points) - 1
    if order == 0:
        return function(points[0], temperature)
    gap = points[-1] - points[0]
    near = gap <= CLOSE * points[-1]
    rise = divided_difference(function, points[1:], temperature) - divided_difference(
        function, points[:-1], temperature
    )
    corners, weights = _simplex_rule(order)
    inside = jnp.tensordot(corners, jnp.stack(points), axes=1)
    together = jnp.tensordot(weights, function.slope(order)(inside, temperature), axes=1)
    return jnp.where(near, together, rise / jnp.where(near, 1.0, gap))


def _simplex_rule(order: int) -> tuple[np.ndarray, np.ndarray]:
    """Barycentric coordinates (m, k + 1) and weights (m,), summing to 1/k!, by collapsed Gauss–Legendre points."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    nodes, weights = 0.5 * (nodes + 1.0), 0.5 * weights
    corners, total = [], []
    for at in product(range(NODES), repeat=order):
        left, coordinates, weight = 1.0, [], 1.0
        for level, n in enumerate(at):
            coordinates.append(left * (1.0 - nodes[n]))
            left *= nodes[n]
            weight *= weights[n] * nodes[n] ** (order - 1 - level)
        corners.append([*coordinates, left])
        total.append(weight)
    return np.array(corners), np.array(total)


@jax.custom_jvp
def _held(matrices: Array) -> Scalar:
    """Zero, for what is computed from a tangent under reverse mode: who differentiates that again gets NaN, instead of
    a derivative that silently lacks a part (see :func:`_operator`)."""
    return jnp.zeros(())


@partial(_held.defjvp, symbolic_zeros=True)
def _held_jvp(primals, tangents):
    # no error: what is traced here may be a tangent that nobody asks for
    moved = tangents[0]
    lost = jnp.zeros(()) if isinstance(moved, SymbolicZero) else jnp.nan * jnp.sum(jnp.real(moved))
    return _held(*primals), lost
