"""A face's excess energy as a polynomial: the surface of a body at the cost of a few multiplications."""

import jax.numpy as jnp

from msjax.crystal.surfaces.higher import fit
from msjax.crystal.surfaces.on_bodies import SurfaceCauchyBorn
from msjax.crystal.surfaces.polynomial import SurfacePolynomial
from msjax.material.surface import Surface
from msjax.tensors import right_cauchy_green
from msjax.typing import Array, Float, Scalar

WIRES = (-0.04, 0.02)
"""Strains along and across that wires of 2 nm and more probe."""


class ExpandedSurface(Surface):
    """γ(F_s) = Γ(e₁, e₂) + ½ G₁₂ sin²θ with Γ a :class:`~msjax.crystal.surfaces.polynomial.SurfacePolynomial`.

    e₁ and e₂ are the stretches of the lines along s₁ and s₂, less one, θ the change of the angle between them; the
    ``shear`` stiffness is 0 where nothing else is said, for films and bars stretched and bent in their planes of
    symmetry do not feel it. ``axes``: rows s₁, s₂ and the normal in the axes of the body, None where the directions
    are the body's affair. Made of a crystal's face by :meth:`of`; objective.

    >>> import jax.numpy as jnp
    >>> face = ExpandedSurface(SurfacePolynomial.square(tau0=1.5, G11=-1.6, G12=4.6))
    >>> round(float(face.respond(jnp.array([[1.01, 0.0], [0.0, 1.0], [0.0, 0.0]])).stress[0, 0]), 4)
    1.484
    """

    polynomial: SurfacePolynomial
    shear: Float[Array, ""]
    directions: Float[Array, "3 3"] | None

    def __init__(
        self, polynomial: SurfacePolynomial, shear: Scalar | float = 0.0, axes: Float[Array, "3 3"] | None = None
    ):
        self.polynomial, self.directions = polynomial, axes
        self.shear = jnp.asarray(shear, float)

    @classmethod
    def of(
        cls, surface: SurfaceCauchyBorn, window: tuple[float, float] = WIRES, order: int = 4, points: int = 9
    ) -> "ExpandedSurface":
        """Fitted to a crystal's face over a ``window`` of strain (:func:`msjax.crystal.surfaces.higher.fit`),
        with the shear stiffness of the undeformed face; differentiable in the potential's parameters."""
        found = fit(surface.face, window, order=order, points=points, throw=False)
        in_plane = surface.face.respond(jnp.eye(2))
        # lines of unchanged length, F = [[1, sin θ], [0, cos θ]]: ∂²Γ/∂θ² at 0
        shear = in_plane.tangent[0, 1, 0, 1] - in_plane.stress[1, 1]
        return cls(found.polynomial, shear, surface.axes)

    @property
    def dim(self) -> int:
        """Three."""
        return 3

    @property
    def axes(self) -> Float[Array, "3 3"] | None:
        """Rows are s₁, s₂ and the normal."""
        return self.directions

    def surface_energy(self, deformation: Float[Array, "3 2"]) -> Scalar:
        """γ(F_s)."""
        metric = right_cauchy_green(deformation)
        first, second = jnp.sqrt(metric[0, 0]), jnp.sqrt(metric[1, 1])
        sine = metric[0, 1] / (first * second)
        return self.polynomial.energy(first - 1.0, second - 1.0) + 0.5 * self.shear * sine**2
