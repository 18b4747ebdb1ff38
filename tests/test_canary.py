"""The installed JAX computes what msjax stands on: a canary for a miscompilation met in practice."""

import jax
import jax.numpy as jnp
import numpy as np


def test_a_batched_matrix_vector_product_is_the_same_jitted_and_eager():
    """JAX 0.10.2 on the CPU got 3,616 of these 20,000 rows wrong, silently."""
    rng = np.random.default_rng(7)
    deformation = jnp.asarray(np.eye(3) + rng.uniform(-0.05, 0.05, (3, 3)))
    bonds = jnp.asarray(rng.normal(size=(20_000, 3)))

    def squared_length(bond):
        return ((deformation @ bond) ** 2).sum()

    eager = jax.vmap(squared_length)(bonds)
    jitted = jax.jit(jax.vmap(squared_length))(bonds)
    exact = np.sum((np.asarray(bonds) @ np.asarray(deformation).T) ** 2, axis=1)

    def wrong_rows(x):
        return int(np.sum(~np.isclose(x, exact, rtol=1e-12, atol=0.0)))

    assert (wrong_rows(eager), wrong_rows(jitted)) == (0, 0)
