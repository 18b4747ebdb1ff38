"""Waves of a slab, or of a crystal, as dense dynamical matrices from one list of all bonds.

Displacements u_i e^{2πi q·m} of atom i in cell m change a bond from atom i to atom j in cell m by
dr = u_j e^{2πi q·m} − u_i. With the second-order expansion in bond vectors (:mod:`msjax.crystal.expansion`),

    D(q) = M^{−1/2} [ Σ_b drᴴ K_b dr + Σ_s (Σ_b D_b dr)ᴴ U″_s (Σ_b D_b dr) ] M^{−1/2}

Cells of tens of atoms and few wave vectors want this form: per wave vector one sum over the bonds into blocks and one
product of matrices. A unit cell and thousands of wave vectors want :mod:`msjax.crystal.phonons.waves`, whose sums over
lattice vectors grow with the square of the bonds of an atom.
"""

import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.expansion import expand
from msjax.crystal.neighbours import Neighbours
from msjax.crystal.potential import Potential
from msjax.typing import Array, Complex, Float


def dynamical_matrices(
    bonds: Neighbours,
    potential: Potential,
    r: Float[Array, "nb 3"],
    masses: Float[Array, " n"],
    q: Float[Array, "q p"] | Float[np.ndarray, "q p"],
) -> Complex[Array, "q m m"]:
    """D(q), (nq, 3n, 3n) in eV/(Å² amu), at static wave vectors for a complete list of bonds at vectors ``r``.

    ``q`` (nq, p) in units of the reciprocal vectors of the p periods. Complete: all bonds of all atoms, as
    ``find(..., reduced=False)`` and :func:`msjax.crystal.phonons.bonds.complete` give them.
    """
    n, count = bonds.atoms, len(q)
    expansion = expand(potential, bonds, r)
    # behind a barrier the phases are computed where they are used; else the compiler folds them into large constants
    at = jax.lax.optimization_barrier(jnp.asarray(q))
    phase = 2.0 * jnp.pi * (jnp.asarray(bonds.image, float) @ at.T)
    pair = bonds.origin * n + bonds.partner

    def between(blocks: Float[Array, "nb a b"]) -> Complex[Array, "q n n a b"]:
        """Σ of blocks e^{2πi q·m} over the bonds from atom i to atom j."""
        a, b = blocks.shape[1:]
        real, imaginary = (
            jax.ops.segment_sum(jnp.einsum("bxy,bq->bqxy", blocks, wave(phase)), pair, n * n)
            for wave in (jnp.cos, jnp.sin)
        )
        return jax.lax.complex(real, imaginary).reshape(n, n, count, a, b).transpose(2, 0, 1, 3, 4)

    def at_atoms(blocks: Float[Array, "nb a b"], atoms: np.ndarray) -> Float[Array, "n n a b"]:
        """Σ over the bonds of each atom, on the diagonal."""
        own = jax.ops.segment_sum(blocks, atoms, n)
        return jnp.einsum("ij,ixy->ijxy", jnp.eye(n), own)

    def square(blocks: Array) -> Array:
        """(q, i, j, x, y) as matrices with rows (i, x) and columns (j, y)."""
        _, i, j, x, y = blocks.shape
        return blocks.transpose(0, 1, 3, 2, 4).reshape(-1, i * x, j * y)

    def adjoint(matrices: Array) -> Array:
        return jnp.conj(jnp.swapaxes(matrices, 1, 2))

    own = at_atoms(expansion.curvature, bonds.origin) + at_atoms(expansion.curvature, bonds.partner)
    hop = square(between(expansion.curvature))
    matrix = square(own[None]).astype(hop.dtype) - hop - adjoint(hop)
    k = expansion.density_slope.shape[1]
    if k:
        slopes = expansion.density_slope
        change = square(between(slopes) - at_atoms(slopes, bonds.origin)[None].astype(hop.dtype))
        bend = expansion.embedding_curvature.astype(hop.dtype)
        weighted = jnp.einsum("skl,qslx->qskx", bend, change.reshape(count, n, k, 3 * n))
        matrix = matrix + adjoint(change) @ weighted.reshape(change.shape)
    root = jnp.repeat(1.0 / jnp.sqrt(masses), 3)
    return matrix * jnp.outer(root, root)[None].astype(hop.dtype)
