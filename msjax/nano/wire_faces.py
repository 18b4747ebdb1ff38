"""Which surface lies on which face of a bar, and how."""

from typing import Any

import jax.numpy as jnp
import numpy as np

from msjax.material.surface import Surface
from msjax.typing import Array, Float, concrete


def faces_of(faces: Any, count: int) -> tuple[tuple[Surface, ...], tuple[int, ...]]:
    """Distinct surfaces, and which of them each face has."""
    if faces is None:
        return (), (-1,) * count
    given = (faces,) * count if isinstance(faces, Surface) else tuple(faces)
    if len(given) != count:
        raise ValueError(f"faces: expected one surface or one for each of {count} faces, got {len(given)}")
    for n, face in enumerate(given):
        if not isinstance(face, Surface) or face.dim != 3:
            raise ValueError(f"faces[{n}]: expected a surface of dimension 3, got {type(face).__name__}")
    kinds: list[Surface] = []
    for face in given:
        if not any(face is kind for kind in kinds):
            kinds.append(face)
    return tuple(kinds), tuple(next(n for n, kind in enumerate(kinds) if kind is face) for face in given)


def frames(direction: Float[Array, "2"], tangents: Float[Array, "m 2"]) -> Float[Array, "m 3 3"]:
    """Rows s₁, s₂ and the outer normal of a face in the axes (z, y, beam), the beam being along c s₁ + s s₂."""
    c, s = direction
    zero, one = jnp.zeros(len(tangents)), jnp.ones(len(tangents))
    beam = jnp.stack([zero, zero, one], axis=1)
    side = jnp.concatenate([tangents, zero[:, None]], axis=1)
    # anticlockwise, the section lies to the left of a tangent: side × beam points out of it
    return jnp.stack([c * beam + s * side, s * beam - c * side, jnp.cross(side, beam)], axis=1)


def along(kind: Surface, beam: Float[Array, "3"], name: str) -> Float[Array, "2"]:
    """The beam's direction in the face's own axes (s₁, s₂)."""
    if kind.axes is None:
        return jnp.array([1.0, 0.0])
    inside = kind.axes @ beam
    if concrete(inside) and abs(float(inside[2])) > 1e-6:
        raise ValueError(f"{name}: its plane does not hold the beam's axis (they meet at {_angle(inside[2]):.3g}°)")
    return inside[:2] / jnp.sqrt(jnp.sum(inside[:2] ** 2))


def _angle(sine: Array) -> float:
    return float(np.degrees(np.arcsin(min(1.0, abs(float(sine))))))
