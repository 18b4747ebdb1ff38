"""How the section of a bar may change its shape: polynomials, and fields of its corners.

In-plane displacements and warping (u_z, u_y, w) of the section of a stretched and bent bar
(:mod:`~msjax.nano.wire`), after Rayleigh and Ritz:

* polynomials in (z, y) up to a degree, without rigid motions: the place of the centroid and the direction of the z axis
  through it are held;
* for every corner, where the tensions of two faces pull at a line, the displacements of a wedge under a line force at
  its apex (Timoshenko and Goodier, Theory of Elasticity, §38): ln r and the functions cos 2θ, sin 2θ of the angle, in
  both directions, with r² → r² + core².
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from msjax.nano.section import Section
from msjax.typing import Array, Float, Scalar


class SectionShape(NamedTuple):
    """Displacements of a ``section`` with coefficients q: polynomials of a ``degree``, corners with a ``core`` or none.

    Coefficients are strains: displacements are in units of half the section's thickness.
    """

    section: Section
    degree: int
    core: Scalar | None

    @property
    def powers(self) -> list[tuple[int, int]]:
        """Exponents of the monomials in (z, y), the constant left out."""
        return [(n - j, j) for n in range(1, self.degree + 1) for j in range(n + 1)]

    @property
    def size(self) -> int:
        """How many coefficients."""
        of_corners = 0 if self.core is None else 6 * self.section.corners.shape[0]
        return 3 * len(self.powers) - 1 + of_corners

    def displacement(self, q: Float[Array, " q"], point: Float[Array, "2"]) -> Float[Array, "3"]:
        """(u_z, u_y, w) at a point (z, y) of the section."""
        scale, powers = 0.5 * self.section.thickness, self.powers
        count = len(powers)
        # u_y has no term in z alone: that fixes the rotation of the section, and leaving out constants its place
        of_powers = jnp.insert(q[: 3 * count - 1], count, 0.0).reshape(3, count)
        z, y = point / scale
        found = scale * of_powers @ jnp.stack([z**i * y**j for i, j in powers])
        if self.core is None:
            return found
        of_corners = q[3 * count - 1 :].reshape(-1, 2, 3)

        def wedge(corner, coefficients):
            return coefficients @ (self._wedge(point - corner) - self._wedge(-corner))

        in_plane = scale * jnp.sum(jax.vmap(wedge)(self.section.corners, of_corners), axis=0)
        return found + jnp.concatenate([in_plane, jnp.zeros(1)])

    def deformation(self, unknowns: Float[Array, " m"], point: Float[Array, "2"]) -> Float[Array, "3 3"]:
        """F at a point, in the axes (z, y, beam), from (λ, κ, q)."""
        stretch, curvature, q = unknowns[0], unknowns[1], unknowns[2:]

        def fields(x):
            u = self.displacement(q, x)
            return u, u

        slopes, (_, u_y, w) = jax.jacfwd(fields, has_aux=True)(point)
        last = jnp.stack([0.0 * stretch, -curvature * w, stretch + curvature * (point[1] + u_y)])
        return jnp.concatenate([jnp.eye(3, 2) + slopes, last[:, None]], axis=1)

    def _wedge(self, d: Float[Array, "2"]) -> Float[Array, "3"]:
        """ln r, cos 2θ and sin 2θ about a corner, ended at its core."""
        assert self.core is not None
        r2 = jnp.sum(d**2) + self.core**2
        log = 0.5 * jnp.log(r2 / (0.5 * self.section.thickness) ** 2)
        return jnp.stack([log, (d[0] ** 2 - d[1] ** 2) / r2, 2.0 * d[0] * d[1] / r2])
