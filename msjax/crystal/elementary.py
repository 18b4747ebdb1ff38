"""Square root and reciprocal whose derivatives reuse their values.

Division and square root are dear, and a compiler keeps each one apart from the arithmetic around it. JAX's own rules
divide anew for every derivative; here the first, second and third derivatives of a bond function need one division and
one root in all, which halves the kernels of a Stillinger–Weber response.
"""

import jax
import jax.numpy as jnp

from msjax.typing import Array, Float


@jax.custom_jvp
def reciprocal(x: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """1/x.

    >>> import jax, jax.numpy as jnp
    >>> float(jax.grad(jax.grad(reciprocal))(jnp.array(2.0)))
    0.25
    """
    return 1.0 / x


@reciprocal.defjvp
def _reciprocal_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    y = reciprocal(x)
    return y, -(y * y) * dx


@jax.custom_jvp
def root(x: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """√x.

    >>> import jax, jax.numpy as jnp
    >>> float(jax.grad(root)(jnp.array(4.0)))
    0.25
    """
    return jnp.sqrt(x)


@root.defjvp
def _root_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    y = root(x)
    return y, 0.5 * reciprocal(y) * dx


def band(density: Float[Array, "*s"]) -> Float[Array, "*s"]:
    """√ρ, the second-moment band energy, whose slope at ρ = 0 counts as zero: an atom without neighbours feels none.

    ρ ends with its derivatives at the cut-off, so that forces go to zero there while the slope of the root does not.

    >>> import jax, jax.numpy as jnp
    >>> float(jax.grad(band)(jnp.array(0.0)))
    0.0
    """
    alone = density == 0.0
    return jnp.where(alone, 0.0, jnp.sqrt(jnp.where(alone, 1.0, density)))
