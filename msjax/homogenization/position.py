"""Quadratic forms compared: the order of two tensors, and where one lies between two others."""

import jax.numpy as jnp
import numpy as np

from msjax.tensors import symmetric
from msjax.typing import Array, Float, Scalar

COINCIDE = 1e-10
"""Directions in which the bounds differ by less than this fraction of the upper one are left out."""


def ordered(lower: Float[Array, "v v"], upper: Float[Array, "v v"]) -> Scalar:
    """Smallest eigenvalue of ``upper − lower``, relative to the largest of ``upper``.

    Not negative (beyond round-off or solver tolerance): ``lower`` ≤ ``upper`` as quadratic forms, no strain stores
    less energy in ``upper``. Both symmetric, stiffness or conductivity.

    >>> float(ordered(jnp.eye(3), jnp.diag(jnp.array([4.0, 2.0, 0.5]))))
    -0.125
    """
    smallest = jnp.linalg.eigvalsh(symmetric(upper - lower))[0]
    return smallest / jnp.linalg.eigvalsh(symmetric(upper))[-1]


def position(
    tensor: Float[Array, "v v"], lower: Float[Array, "v v"], upper: Float[Array, "v v"]
) -> tuple[Scalar, Scalar]:
    """Where an effective tensor lies between two bounds: smallest and largest t over all strains e.

    t(e) = e·(tensor − lower)e / e·(upper − lower)e is 0 on the lower and 1 on the upper bound, whatever the axes;
    its extremes are the generalised eigenvalues of the two differences. Both within [0, 1]: the bounds are respected.
    Directions in which the bounds coincide say nothing and are left out (NaN if they are all); :func:`ordered`
    judges them. A result to look at, not to differentiate.

    >>> lower, upper = jnp.eye(3), 3.0 * jnp.eye(3)
    >>> [float(t) for t in position(jnp.diag(jnp.array([1.5, 2.0, 2.5])), lower, upper)]
    [0.25, 0.75]
    """
    gap, directions = jnp.linalg.eigh(symmetric(upper - lower))
    kept = gap > COINCIDE * jnp.max(jnp.abs(upper))
    scale = jnp.where(kept, 1.0 / jnp.sqrt(jnp.where(kept, gap, 1.0)), 0.0)
    within = scale[:, None] * (directions.T @ symmetric(tensor - lower) @ directions) * scale[None, :]
    # what is left out gets the mean of the rest, which lies between the extremes (NaN where nothing is left)
    mean = jnp.sum(jnp.diagonal(within)) / jnp.sum(kept.astype(gap.dtype))
    values = jnp.linalg.eigvalsh(within + jnp.where(kept, 0.0, mean)[:, None] * np.eye(gap.shape[0]))
    return values[0], values[-1]
