"""Elastic surfaces (Gurtin and Murdoch): an energy per reference area of a surface's own deformation gradient."""

import abc
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.material.response import Material, Response, flag_unstable, pure_strain_form
from msjax.solvers.condensation import tangent_status
from msjax.status import Code, Status, guard, screen, substitute
from msjax.tensors import det, is_positive_definite, right_cauchy_green
from msjax.typing import Array, Float, PyTree, Scalar, concrete


class Surface(Material):
    """A material surface in d dimensions: γ(F_s) per reference area, F_s = ∂x/∂(s₁, s₂) of shape (d, d − 1).

    Columns are directions in the reference surface; rows are the same directions and then its normal, so that the
    undeformed surface has F_s = (1; 0). In the plane a surface is a line, F_s (2, 1), per unit of thickness. A subclass
    says ``dim`` and ``surface_energy``; stress and tangent follow by differentiation.
    """

    @property
    def axes(self) -> Float[Array, "d d"] | None:
        """Rows are s₁, s₂ and the normal where the surface belongs to one plane of the body; None where directions in
        the surface do not matter."""
        return None

    @abc.abstractmethod
    def surface_energy(self, deformation: Float[Array, "d e"]) -> Scalar:
        """γ(F_s), energy per reference area."""

    @property
    def reference_strain(self) -> Float[Array, "d e"]:
        """The undeformed surface."""
        return jnp.eye(self.dim, self.dim - 1)

    def respond(self, strain: PyTree, state: None = None, inputs: None = None) -> Response:
        """(γ, ∂γ/∂F_s, ∂²γ/∂F_s²) at one F_s; NaN with its status for a NaN, or INVERTED for a surface without area.

        UNSTABLE in ``tangent_status``: not positive definite on pure strains of the surface. On its own a surface need
        not be: the bulk holds it.
        """
        return _respond(self, check_surface_strain(strain, self.dim))


def check_surface_strain(strain: PyTree, dim: int) -> Array:
    """F_s as an array (d, d − 1); ``ValueError`` for anything else."""
    shape = (dim, dim - 1)
    try:
        array = jnp.asarray(strain, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"strain: expected numbers of shape {shape}") from error
    if array.shape != shape:
        raise ValueError(f"strain: expected a surface's deformation gradient of shape {shape}, got {array.shape}")
    return array


def safe_surface(strain: Float[Array, "d e"]) -> tuple[Float[Array, "d e"], Status]:
    """Replace an F_s that cannot be evaluated by the undeformed surface: NONFINITE for NaN or infinity, INVERTED for a
    surface without area. What follows must go through :func:`msjax.status.guard`."""
    finite = jnp.all(jnp.isfinite(strain))
    usable = finite & (det(right_cauchy_green(strain)) > 0)
    status = screen(Status.of(), ~finite, Code.NONFINITE)
    status = screen(status, finite & ~usable, Code.INVERTED)
    return substitute(strain, ~usable, jnp.eye(strain.shape[0], strain.shape[1])), status


@eqx.filter_jit
def _respond(material: Surface, strain: Array) -> Response:
    deformation, status = safe_surface(strain)
    energy, stress = jax.value_and_grad(material.surface_energy)(deformation)
    tangent = jax.jacfwd(jax.grad(material.surface_energy))(deformation)
    status = screen(status, ~(jnp.isfinite(energy) & jnp.all(jnp.isfinite(stress))), Code.NONFINITE)
    of_tangent = tangent_status(tangent, status)
    of_tangent = flag_unstable(of_tangent, is_positive_definite(pure_strain_form(deformation, stress, tangent)))
    energy, stress = guard((energy, stress), status.failed)
    return Response(energy, stress, guard(tangent, of_tangent.failed), None, status, of_tangent)


class _Isotropic(Surface):
    tension: Float[Array, ""]
    lam: Float[Array, ""]
    mu: Float[Array, ""]
    size: int = eqx.field(static=True)

    def __init__(self, tension: Any = 0.0, lam: Any = 0.0, mu: Any = 0.0, dim: int = 3):
        if dim not in (2, 3):
            raise ValueError(f"dim: expected 2 (a line in the plane) or 3, got {dim!r}")
        self.tension, self.lam, self.mu, self.size = (*(jnp.asarray(x, float) for x in (tension, lam, mu)), dim)
        for name, value in (("tension", self.tension), ("lam", self.lam), ("mu", self.mu)):
            if value.shape != ():
                raise ValueError(f"{name}: expected one number, got an array of shape {value.shape}")
            if concrete(value) and not np.isfinite(np.asarray(value)):
                raise ValueError(f"{name}: must be finite, got {float(value)}")

    @property
    def dim(self) -> int:
        """2 or 3."""
        return self.size


class GurtinMurdoch(_Isotropic):
    """An isotropic elastic surface: γ = τ₀ J_s + λ₀/2 (tr E_s)² + μ₀ E_s:E_s, E_s = ½(F_sᵀF_s − 1), J_s = √det F_sᵀF_s.

    ``tension`` τ₀ is the residual surface stress, ``lam`` and ``mu`` the surface's Lamé constants, in force per length;
    they may be negative. Its linearisation is the law of doi:10.1007/BF00261375; with τ₀ alone it is a liquid's surface
    tension. Where strains are along one direction the surface modulus is S = λ₀ + 2μ₀. ``dim`` 2 is a line in plane
    strain, with the same constants. A constant energy is left out: at rest γ = τ₀.

    Raises ``ValueError`` for constants that are not finite numbers.

    >>> import jax.numpy as jnp
    >>> film = GurtinMurdoch(tension=1.0)
    >>> film.respond(jnp.eye(3, 2)).stress.tolist()
    [[1.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    """

    def surface_energy(self, deformation: Float[Array, "d e"]) -> Scalar:
        """γ(F_s)."""
        metric = right_cauchy_green(deformation)
        strain = 0.5 * (metric - jnp.eye(self.dim - 1))
        elastic = 0.5 * self.lam * jnp.trace(strain) ** 2 + self.mu * jnp.sum(strain * strain)
        return self.tension * jnp.sqrt(det(metric)) + elastic


class LinearGurtinMurdoch(_Isotropic):
    """:class:`GurtinMurdoch` to second order in the displacement gradient H = F_s − (1; 0): a linear law,
    τ₀ 1 + 2(μ₀ − τ₀) ε_s + (λ₀ + τ₀) tr ε_s 1 + τ₀ H (doi:10.1007/BF00261375).

    >>> import jax.numpy as jnp
    >>> LinearGurtinMurdoch(0.0, lam=1.0, mu=2.0, dim=2).respond(jnp.array([[1.01], [0.0]])).stress.round(9).tolist()
    [[0.05], [0.0]]
    """

    objective = False

    def surface_energy(self, deformation: Float[Array, "d e"]) -> Scalar:
        """γ to second order."""
        gradient = deformation - self.reference_strain
        within, normal = gradient[:-1], gradient[-1]
        strain = 0.5 * (within + within.T)
        dilation = jnp.trace(within)
        change = 0.5 * (jnp.sum(normal**2) + dilation**2 - jnp.sum(within * within.T))
        elastic = 0.5 * self.lam * dilation**2 + self.mu * jnp.sum(strain * strain)
        return self.tension * (1.0 + dilation + change) + elastic
