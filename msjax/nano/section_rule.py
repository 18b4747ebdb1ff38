"""Quadrature over a section, its faces and its edges."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from msjax.nano.section import Section
from msjax.typing import Array, Bool, Float, concrete


class SectionRule(NamedTuple):
    """Points (z, y) about the centroid, weights, and unit tangents of the faces.

    ``points`` (n, 2), ``weights`` (n,) of the area; ``on_faces`` (f, m, 2), ``face_weights`` (f, m), ``tangents``
    (f, m, 2) with the section on their left; ``corners`` (e, 2).
    """

    points: Float[Array, "n 2"]
    weights: Float[Array, " n"]
    on_faces: Float[Array, "f m 2"]
    face_weights: Float[Array, "f m"]
    tangents: Float[Array, "f m 2"]
    corners: Float[Array, "e 2"]


def section_rule(section: Section, count: int, crowded: bool = False) -> SectionRule:
    """Exact for polynomials of degree 2 ``count`` − 2 on polygons with straight edges and on circles.

    Gauss–Legendre products: on the bilinear map of a quadrilateral, on triangles from the centroid of other polygons,
    in radius and angle on a circle. ``crowded`` draws the points to the corners, by t → t²(3 − 2t): a third of the
    degree is exact.

    Raises ``ValueError`` for a polygon of which some face cannot be seen from the centroid.

    >>> from msjax.nano.section import square
    >>> rule = section_rule(square(2.0), 3)
    >>> rule.points.shape, round(float(rule.weights @ rule.points[:, 1] ** 2), 6)
    ((9, 2), 1.333333)
    """
    nodes, weights = np.polynomial.legendre.leggauss(count)
    nodes, weights = 0.5 * (nodes + 1.0), 0.5 * weights  # on [0, 1]
    if crowded:
        nodes, weights = nodes**2 * (3.0 - 2.0 * nodes), 6.0 * nodes * (1.0 - nodes) * weights
    if section.corners.shape[0] == 0:
        return _circle(0.5 * section.thickness, nodes, weights)
    clockwise = _clockwise(section.corners)
    # turned round with its first corner kept, the last face comes first
    begin = jnp.where(clockwise, jnp.roll(section.corners[::-1], 1, axis=0), section.corners)
    end = jnp.roll(begin, -1, axis=0)
    sides = end - begin
    lengths = jnp.sqrt(jnp.sum(sides**2, axis=1))
    directions = sides / lengths[:, None]
    if begin.shape[0] == 4:
        points, areas = _quadrilateral(begin, nodes, weights)
    else:
        points, areas = _fan(begin, end, nodes, weights)
    if concrete(areas) and not np.all(np.asarray(areas) > 0.0):
        raise ValueError("section: some of its faces cannot be seen from its centroid; expected a rounder polygon")
    on_faces = jnp.einsum("m,ec->emc", 1.0 - nodes, begin) + jnp.einsum("m,ec->emc", nodes, end)
    of_faces = on_faces, jnp.outer(lengths, jnp.asarray(weights)), jnp.repeat(directions[:, None], count, axis=1)
    of_faces = (jnp.where(clockwise, x[::-1], x) for x in of_faces)
    return SectionRule(points, areas, *of_faces, section.corners)


def _clockwise(corners: Float[Array, "e 2"]) -> Bool[Array, ""]:
    after = jnp.roll(corners, -1, axis=0)
    return jnp.sum(corners[:, 0] * after[:, 1] - after[:, 0] * corners[:, 1]) < 0.0


def _quadrilateral(corners, nodes, weights):
    r, s = (x.reshape(-1) for x in np.meshgrid(nodes, nodes, indexing="ij"))
    w = np.outer(weights, weights).reshape(-1)
    points = np.stack([(1 - r) * (1 - s), r * (1 - s), r * s, (1 - r) * s], axis=1) @ corners
    along_r = np.stack([s - 1, 1 - s, s, -s], axis=1) @ corners
    along_s = np.stack([r - 1, -r, r, 1 - r], axis=1) @ corners
    areas = w * (along_r[:, 0] * along_s[:, 1] - along_r[:, 1] * along_s[:, 0])
    return jnp.asarray(points), jnp.asarray(areas)


def _fan(begin, end, nodes, weights):
    """Triangles from the origin, collapsed squares: x = r (begin + s (end − begin))."""
    r, s = (x.reshape(-1) for x in np.meshgrid(nodes, nodes, indexing="ij"))
    w = np.outer(weights * nodes, weights).reshape(-1)
    points = jnp.einsum("n,ec->enc", r * (1 - s), begin) + jnp.einsum("n,ec->enc", r * s, end)
    double = begin[:, 0] * end[:, 1] - begin[:, 1] * end[:, 0]
    return points.reshape(-1, 2), jnp.outer(double, jnp.asarray(w)).reshape(-1)


def _circle(radius, nodes, weights):
    # equally spaced angles are exact up to the degree of one less than their number
    angles = 2.0 * np.pi * np.arange(2 * len(nodes)) / (2 * len(nodes))
    step = 2.0 * np.pi / len(angles)
    around = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    points = radius * jnp.asarray(np.einsum("m,ac->mac", nodes, around).reshape(-1, 2))
    areas = jnp.ravel(radius**2 * jnp.asarray(np.outer(weights * nodes, np.full(len(angles), step))))
    tangents = np.stack([-np.sin(angles), np.cos(angles)], axis=1)
    return SectionRule(
        points=points,
        weights=areas,
        on_faces=radius * jnp.asarray(around)[None],
        face_weights=radius * jnp.full((1, len(angles)), step),
        tangents=jnp.asarray(tangents)[None],
        corners=jnp.zeros((0, 2)),
    )
