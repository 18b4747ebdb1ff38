"""Elimination against numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.solvers.linear import deflate, solve_dense


def definite(n, seed=0):
    a = np.random.default_rng(seed).standard_normal((n, n))
    return a @ a.T + n * np.eye(n)


@pytest.mark.parametrize("n", [*range(1, 14), 20])
def test_solutions_are_numpys(n):
    matrix = definite(n)
    rhs = np.random.default_rng(1).standard_normal((n, 3))
    np.testing.assert_allclose(solve_dense(jnp.asarray(matrix), jnp.asarray(rhs)), np.linalg.solve(matrix, rhs), 1e-11)
    one = solve_dense(jnp.asarray(matrix), jnp.asarray(rhs[:, 0]))
    np.testing.assert_allclose(one, np.linalg.solve(matrix, rhs[:, 0]), 1e-11)


@pytest.mark.parametrize("n", [3, 5])
def test_an_indefinite_matrix_is_solved(n):
    matrix = definite(n) - 2.0 * n * np.eye(n)
    assert np.linalg.eigvalsh(matrix)[0] < 0 < np.linalg.eigvalsh(matrix)[-1]
    rhs = np.arange(1.0, n + 1)
    np.testing.assert_allclose(solve_dense(jnp.asarray(matrix), jnp.asarray(rhs)), np.linalg.solve(matrix, rhs), 1e-9)


@pytest.mark.parametrize("n", [2, 6])
def test_a_singular_matrix_is_not_finite(n):
    assert not np.all(np.isfinite(solve_dense(jnp.zeros((n, n)), jnp.ones(n))))


@pytest.mark.slow
def test_derivative_and_batch():
    matrix, rhs = jnp.asarray(definite(5)), jnp.arange(1.0, 6.0)
    forward = jax.jvp(lambda a: solve_dense(a, rhs), (matrix,), (jnp.eye(5),))[1]
    expected = -np.linalg.solve(matrix, np.linalg.solve(matrix, rhs))
    np.testing.assert_allclose(forward, expected, rtol=1e-11)
    many = jnp.stack([matrix, 2.0 * matrix])
    batched = jax.vmap(solve_dense, in_axes=(0, None))(many, rhs)
    np.testing.assert_allclose(batched[1], 0.5 * batched[0], rtol=1e-14)


def test_a_deflated_matrix_solves_on_the_complement():
    n = 4
    laplacian = 2.0 * np.eye(n) - np.roll(np.eye(n), 1, axis=0) - np.roll(np.eye(n), -1, axis=0)
    null = np.full((n, 1), 0.5)
    rhs = np.array([1.0, -2.0, 0.5, 0.5])
    x = solve_dense(deflate(jnp.asarray(laplacian), jnp.asarray(null)), jnp.asarray(rhs))
    np.testing.assert_allclose(laplacian @ x, rhs, atol=1e-14)
    assert abs(np.sum(x)) < 1e-14
