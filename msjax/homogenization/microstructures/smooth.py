"""Microstructures with smooth interfaces: fields in [0, 1], differentiable in geometry and interface width."""

import jax
import jax.numpy as jnp
import numpy as np

from msjax.homogenization.microstructures.microstructure import checked_lengths, checked_shape
from msjax.typing import Array, Float, Scalar, concrete


def smooth_level_set(values: Float[Array, "..."], width: float | Scalar) -> Float[Array, "..."]:
    """Fraction of phase 1 from a signed distance, positive inside: 0 below −width/2, 1 above width/2, C² between.

    With t = 2 values/width in [−1, 1]: ½ + (15 t − 10 t³ + 3 t⁵)/16. Its derivative is a kernel of integral 1 and
    variance width²/28. A level set function that is no distance is divided by its slope first.

    Args:
        values: signed distances, in the unit of ``width``.
        width: of the interface, from 0 to 1. A few voxels: then sums over voxels are smooth functions of the geometry.

    Raises:
        ValueError: a width that is not positive.

    >>> smooth_level_set(jnp.array([-1.0, 0.0, 0.25, 1.0]), 1.0).tolist()
    [0.0, 0.5, 0.896484375, 1.0]
    """
    if concrete(width) and not (np.isfinite(width) and width > 0):
        raise ValueError(f"width: expected a positive number, got {width!r}")
    t = jnp.clip(2 * values / width, -1.0, 1.0)
    return 0.5 + t * (15 - 10 * t**2 + 3 * t**4) / 16


def smooth_spheres(
    shape: tuple[int, ...],
    centres: Float[Array, "n d"],
    radii: Float[Array, " n"],
    width: float | Scalar,
    *,
    lengths: tuple[float, ...] | None = None,
) -> Float[Array, "..."]:
    """Field (nx, ny[, nz]) of spheres (discs in 2-D) with interfaces of finite width: 1 inside, 0 in the matrix.

    One sphere is :func:`smooth_level_set` of radius − distance to the nearest periodic image; together they are
    1 − Π (1 − one), which is C² also where spheres overlap. Differentiable in centres, radii and width, forward and
    reverse; reverse mode keeps one field per sphere.

    A sphere of radius r has the volume 4/3 π r³ + π r w²/7 (3-D) or the area π r² + π w²/28 (2-D) with w the width,
    while r + w/2 stays below half the cell.

    Args:
        shape: numbers of voxels.
        centres: anywhere; the cell is periodic.
        radii: of the spheres.
        width: of the interface.
        lengths: edges of the cell; without it voxels are cubes and the first edge is 1.

    Raises:
        ValueError: a dimension that does not fit, or a radius or width that is not positive.

    >>> field = smooth_spheres((32, 32), jnp.array([[0.5, 0.5]]), jnp.array([0.3]), 0.125)
    >>> float(field.mean())  # π 0.3² + π 0.125²/28
    0.2845
    """
    shape = checked_shape(shape)
    edges = checked_lengths(shape, lengths)
    if centres.shape[1] != len(shape):
        raise ValueError(f"centres: expected {len(shape)} coordinates for the shape {shape}, got {centres.shape[1]}")
    if concrete(radii) and not np.all(np.asarray(radii) > 0):
        index = int(np.argmin(np.asarray(radii) > 0))
        raise ValueError(f"radii[{index}]: expected a positive number, got {float(radii[index])}")
    axes = [(np.arange(n) + 0.5) * edge / n for n, edge in zip(shape, edges)]

    @jax.checkpoint
    def add(outside, sphere):
        centre, radius = sphere
        squared = jnp.zeros(shape, centre.dtype)
        for k, (x, edge) in enumerate(zip(axes, edges)):
            offset = jnp.asarray(x, centre.dtype) - centre[k]
            offset = offset - edge * jnp.round(offset / edge)
            squared = squared + jnp.expand_dims(offset**2, [j for j in range(len(shape)) if j != k])
        at_centre = squared == 0  # the distance has no derivative there, and the field is flat
        distance = jnp.where(at_centre, 0.0, jnp.sqrt(jnp.where(at_centre, 1.0, squared)))
        return outside * (1 - smooth_level_set(radius - distance, width)), None

    outside, _ = jax.lax.scan(add, jnp.ones(shape, centres.dtype), (centres, radii))
    return 1 - outside
