"""Batched = looped member by member; one failing member stays alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.solvers.batch import map_chunked, map_with_progress
from msjax.solvers.newton import FromEnergy, Newton
from msjax.solvers.stationary import stationary
from msjax.status import Code, guard


def bowl(x, load):
    return jnp.sum(jnp.cosh(x)) - jnp.vdot(load, x)


def solve(load):
    finite = jnp.all(jnp.isfinite(load))
    safe = jnp.where(finite, load, 0.0)
    x, status = stationary(FromEnergy(bowl), jnp.zeros(2), safe, Newton())
    return guard(x, ~finite), status


def scaled(stiffness, load):
    return solve(load / stiffness)


LOADS = jnp.asarray(np.random.default_rng(0).uniform(-5.0, 5.0, (11, 2))).at[4, 1].set(jnp.nan)
EXACT = np.arcsinh(np.asarray(LOADS))


@pytest.mark.slow
@pytest.mark.parametrize("chunk", [1, 4, 11, 64])
def test_a_chunked_batch_is_its_loop(chunk):
    found, status = jax.jit(lambda loads: map_chunked(solve, loads, chunk=chunk))(LOADS)
    alone = jax.jit(solve)
    for n, load in enumerate(LOADS):
        np.testing.assert_allclose(found[n], alone(load)[0], rtol=1e-14, atol=1e-15)
    assert int(np.isnan(found).any(axis=1).sum()) == 1
    np.testing.assert_allclose(np.delete(found, 4, 0), np.delete(EXACT, 4, 0), rtol=1e-13)
    assert status.code.shape == (11,)
    assert set(np.asarray(status.code).tolist()) == {Code.CONVERGED}


@pytest.mark.slow
def test_chunks_differentiate_like_a_batch():
    good = jnp.delete(LOADS, 4, axis=0)

    def total(stiffness, chunk):
        return jnp.sum(map_chunked(lambda load: scaled(stiffness, load)[0], good, chunk=chunk))

    k = jnp.array(1.3)
    slopes = [jax.grad(total)(k, chunk) for chunk in (3, 100)]
    exact = -np.sum(np.asarray(good) / 1.3 / np.sqrt(1.3**2 + np.asarray(good) ** 2))
    np.testing.assert_allclose(slopes, [exact, exact], rtol=1e-12)


def test_progress_comes_after_every_chunk_and_the_result_is_that_of_one_batch():
    seen = []
    found, status = map_with_progress(
        scaled, LOADS, shared=jnp.array(1.0), chunk=4, progress=lambda done, members: seen.append((done, members))
    )
    assert seen == [(4, 11), (8, 11), (11, 11)]
    np.testing.assert_allclose(found, jax.vmap(solve)(LOADS)[0], rtol=1e-14, atol=1e-15)
    assert status.code.shape == (11,)


@pytest.mark.parametrize("batched", [(), (jnp.zeros(()),), (jnp.zeros(3), jnp.zeros(4)), (jnp.zeros((0, 2)),)])
def test_batches_of_different_lengths_are_refused(batched):
    with pytest.raises(ValueError, match="batch: all arrays need the same number of members"):
        map_chunked(lambda *x: x, *batched)


@pytest.mark.parametrize("chunk", [0, -1])
def test_a_chunk_is_a_positive_integer(chunk):
    with pytest.raises(ValueError, match="chunk: expected a positive integer"):
        map_chunked(lambda x: x, jnp.zeros(3), chunk=chunk)
