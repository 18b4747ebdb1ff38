"""Closed-form algebra against numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax import tensors

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_determinant_and_inverse(dim):
    for _ in range(5):
        a = RNG.standard_normal((dim, dim))
        assert float(tensors.det(jnp.asarray(a))) == pytest.approx(np.linalg.det(a), rel=1e-12)
        np.testing.assert_allclose(tensors.inverse(jnp.asarray(a)), np.linalg.inv(a), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_derivatives_of_determinant_and_inverse(dim):
    a = jnp.asarray(RNG.standard_normal((dim, dim)) + 2.0 * np.eye(dim))
    inverse = np.linalg.inv(a)
    np.testing.assert_allclose(jax.grad(tensors.det)(a), np.linalg.det(a) * inverse.T, rtol=1e-11, atol=1e-13)
    expected = -np.einsum("ij,kl->iljk", inverse, inverse).transpose(0, 1, 2, 3)
    found = jax.jacfwd(tensors.inverse)(a)  # d(a⁻¹)_il / da_jk = −a⁻¹_ij a⁻¹_kl
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


def symmetric(dim, eigenvalues):
    q, _ = np.linalg.qr(RNG.standard_normal((dim, dim)))
    a = q @ np.diag(eigenvalues) @ q.T
    return 0.5 * (a + a.T)


@pytest.mark.parametrize(
    ("eigenvalues", "accuracy"),
    [
        ((2.0,), 0.0),
        ((1.0, 1.0), 1e-15),
        ((-3.0, 5.0), 1e-15),
        ((1.0, 2.0, 4.0), 5e-15),
        ((0.0, 0.0, 0.0), 0.0),
        ((7.0, 7.0, 7.0), 5e-15),
        # near a double eigenvalue the arc cosine halves the digits
        ((-1.0, -1.0, 2.0), 2e-8),
        ((1.0, 1.0 + 1e-9, 3.0), 2e-8),
        ((1e-12, 1.0, 1e12), 2e-8),
    ],
)
def test_eigenvalues_also_where_they_coincide(eigenvalues, accuracy):
    for _ in range(10):
        a = symmetric(len(eigenvalues), eigenvalues)
        found = tensors.eigenvalues_symmetric(jnp.asarray(a))
        norm = max(abs(np.array(eigenvalues)))
        np.testing.assert_allclose(found, np.linalg.eigvalsh(a), rtol=0, atol=accuracy * norm)
        assert np.all(np.diff(found) >= -4e-15 * norm)


def test_derivative_of_a_single_eigenvalue_is_its_dyad():
    a = symmetric(3, (1.0, 2.0, 4.0))
    vectors = np.linalg.eigh(a)[1]
    for n in range(3):
        gradient = jax.grad(lambda m: tensors.eigenvalues_symmetric(tensors.symmetric(m))[n])(jnp.asarray(a))  # noqa: B023
        np.testing.assert_allclose(gradient, np.outer(vectors[:, n], vectors[:, n]), atol=1e-11)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 12])
def test_definiteness_and_inertia(n):
    a = RNG.standard_normal((n, n))
    definite = jnp.asarray(a @ a.T + 0.1 * np.eye(n))
    assert tensors.is_positive_definite(definite)
    assert np.prod(tensors.ldl_pivots(definite)) == pytest.approx(np.linalg.det(definite), rel=1e-9)
    eigenvalues, vectors = np.linalg.eigh(definite)
    eigenvalues[0] = -0.05
    indefinite = jnp.asarray(vectors @ np.diag(eigenvalues) @ vectors.T)
    assert not tensors.is_positive_definite(indefinite)
    assert int(np.sum(np.asarray(tensors.ldl_pivots(indefinite)) < 0)) == 1
    assert not tensors.is_positive_definite(definite.at[0, 0].set(jnp.nan))


def test_leading_minors():
    a = symmetric(3, (1.0, 2.0, 4.0))
    expected = [np.linalg.det(a[:k, :k]) for k in (1, 2, 3)]
    np.testing.assert_allclose(tensors.leading_minors(jnp.asarray(a)), expected, rtol=1e-12)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_voigt_order(dim):
    table = tensors.voigt_index(dim)
    for position, (i, j) in enumerate(tensors.VOIGT[dim]):
        assert table[i, j] == table[j, i] == position
    lam, mu, eye = 2.0, 3.0, np.eye(dim)
    c = lam * np.einsum("ij,kl->ijkl", eye, eye)
    c = c + mu * (np.einsum("ik,jl->ijkl", eye, eye) + np.einsum("il,jk->ijkl", eye, eye))
    matrix = np.asarray(tensors.to_voigt_stiffness(jnp.asarray(c)))
    expected = np.zeros_like(matrix)
    expected[:dim, :dim] = lam + 2.0 * mu * eye
    expected[range(dim, len(matrix)), range(dim, len(matrix))] = mu
    np.testing.assert_array_equal(matrix, expected)


def test_order_of_shears():
    assert tensors.VOIGT[3] == ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_stretches_against_singular_values(dim):
    for _ in range(20):
        f = np.eye(dim) + 0.3 * RNG.standard_normal((dim, dim))
        smallest = np.linalg.svd(f, compute_uv=False)[-1]
        assert tensors.stretches_exceed(jnp.asarray(f), smallest - 1e-6)
        assert not tensors.stretches_exceed(jnp.asarray(f), smallest + 1e-6)


def test_batched_and_jitted_like_one_by_one():
    many = jnp.asarray(RNG.standard_normal((7, 3, 3)))
    for f in (tensors.det, tensors.inverse, lambda a: tensors.eigenvalues_symmetric(tensors.symmetric(a))):
        batched = jax.jit(jax.vmap(f))(many)
        for one, expected in zip(many, batched):
            np.testing.assert_allclose(f(one), expected, rtol=1e-12, atol=1e-14)
