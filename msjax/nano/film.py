"""Free-standing films: nonlinear bulk between two faces with an energy of their own.

Energy per reference area of a film of thickness h at in-plane engineering strains (e₁, e₂) from the bulk's a₀:

    Φ(e₁, e₂) = h W(e₁, e₂) + 2 Γ(e₁, e₂)

with W the bulk's energy per reference volume, the thickness direction relaxed (plane stress), and Γ the excess energy
of one face. h is the atom-count (Gibbs) thickness, N a₀/2 for N planes of an fcc (100) film: then h W holds all the
bulk energy there is and Γ is the surface's excess (Gibbs 1878; Shenoy, doi:10.1103/PhysRevB.71.094104).

The film shrinks to the strain ε* with ∂Φ/∂e₁ = 0. Measured from there, in engineering strains η of the relaxed film,
e = (1 + ε*)(1 + η) − 1, and per relaxed area, the energy is Φ/(1 + ε*)²; its second derivative in η is

    A11 = ∂²Φ/∂e₁² = h W11(ε*) + 2 Γ11(ε*),   A12 = h W12(ε*) + 2 Γ12(ε*)

exactly: the two factors (1 + ε*)² cancel. To first order in 1/h,

    ε* = −2τ/(Y h),   A11 = h W11 + 2[Γ11 − τ (W111 + W112)/Y],   A12 = h W12 + 2[Γ12 − 2τ W112/Y],   Y = W11 + W12

so the slope of a modulus against 1/h mixes the surface's stiffness with the bulk's nonlinearity.
"""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp

from msjax.crystal.surfaces.polynomial import SurfacePolynomial
from msjax.material.response import Material
from msjax.nano.sheet import MaterialSheet, Sheet
from msjax.solvers.newton import Functional, Newton
from msjax.solvers.stationary import stationary
from msjax.status import Code, Status, first_failure, guard, screen, substitute
from msjax.typing import Array, Float, Scalar, concrete


class FilmResponse(NamedTuple):
    """What is measured on a film. Forces per relaxed width, strains from the relaxed film.

    ``strain`` ε*, equilibrium in-plane strain from the bulk's a₀ (1); ``A11``, ``A12`` membrane tangent (eV/Å²);
    ``E2D`` = A11 − A12²/A11, uniaxial, and ``Y2D`` = A11 + A12, equibiaxial membrane stiffness; ``E_app`` and ``Y_app``
    the same over h (eV/Å³); ``nu`` = A12/A11. ``status`` is UNSTABLE where the relaxed film is no minimum.
    """

    strain: Scalar
    A11: Scalar
    A12: Scalar
    E2D: Scalar
    Y2D: Scalar
    E_app: Scalar
    Y_app: Scalar
    nu: Scalar
    status: Status


class Film(eqx.Module):
    """A (100) film: its bulk in plane stress, and its faces.

    ``bulk`` and ``surface`` are materials of dimension 2 (a bulk under ``PlaneStress``; a crystal's
    ``surfaces.Surface``), their axes along the fourfold axes of the face, or a :class:`~msjax.nano.sheet.Sheet` such as
    :class:`~msjax.nano.face.FilmFace`. Everything is differentiable in the leaves of both and in the
    thickness.

    >>> import jax, jax.numpy as jnp
    >>> from msjax import units
    >>> from msjax.nano import Film, FilmFace, LinearSheet
    >>> film = Film(LinearSheet(81.4 * units.GPa, 34.1 * units.GPa), FilmFace(tau0=1.5 * units.N_per_m))
    >>> h = jnp.array([2.0, 4.0, 8.0]) * units.nm
    >>> [round(float(e), 4) for e in jax.vmap(film.respond)(h).strain]
    [-0.013, -0.0065, -0.0032]
    """

    bulk: Sheet
    surface: Sheet

    def __init__(self, bulk: Material | Sheet, surface: Material | Sheet):
        self.bulk = bulk if isinstance(bulk, Sheet) else MaterialSheet(bulk)
        self.surface = surface if isinstance(surface, Sheet) else MaterialSheet(surface)

    def respond(self, thickness: Array | float) -> FilmResponse:
        """Relaxed strain and membrane tangent at one thickness, Å; batch with vmap.

        A failed member (no equilibrium within reach, a bulk that cannot follow) is NaN with its status. Raises
        ``ValueError`` for a thickness that is not positive, where it is known.
        """
        if concrete(thickness) and not (jnp.ndim(thickness) == 0 and float(thickness) > 0.0):
            raise ValueError(f"thickness: expected one positive number in Å, got {thickness!r}")
        return _respond(self, jnp.asarray(thickness, float))


def film_forces(
    bulk: Material, surface: SurfacePolynomial, thickness: Scalar | float, strain: Float[Array, "2"]
) -> tuple[Float[Array, "2"], Status]:
    """(∂Φ/∂e₁, ∂Φ/∂e₂) at any in-plane engineering strains from a₀: nominal forces per reference width, eV/Å².

    Divided by 1 + ε* they are per width of the relaxed film. ``bulk`` is a material in plane stress.
    """
    response = bulk.respond(jnp.diag(1.0 + strain))
    faces = surface.stress(strain[0], strain[1])
    stress = jnp.stack([response.stress[0, 0], response.stress[1, 1]])
    return thickness * stress + 2.0 * faces, response.status


@dataclasses.dataclass(frozen=True)
class Equibiaxial(Functional):
    """Φ(e, e)/h as a functional of e; arguments: (film, thickness)."""

    def derivatives(self, x: Float[Array, "1"], arguments: Any):
        """Energy, slope and curvature along e₁ = e₂."""
        film, thickness = arguments
        bulk, face = film.bulk.at(x[0]), film.surface.at(x[0])
        per = 2.0 / thickness
        slope = 2.0 * (bulk.stress + per * face.stress)
        curvature = 2.0 * (bulk.stiffness11 + bulk.stiffness12 + per * (face.stiffness11 + face.stiffness12))
        return bulk.energy + per * face.energy, slope[None], curvature[None, None]

    def gradient(self, x: Float[Array, "1"], arguments: Any):
        """Slope alone."""
        film, thickness = arguments
        return 2.0 * (film.bulk.at(x[0]).stress + 2.0 / thickness * film.surface.at(x[0]).stress)[None]


RELAXATION = Newton(tolerance=1e-8, length=1.0, max_steps=40, largest_step=0.01)


@eqx.filter_jit
def _respond(film: Film, thickness: Scalar) -> FilmResponse:
    usable = jnp.isfinite(thickness) & (thickness > 0.0)
    safe = substitute(thickness, ~usable, 1.0)
    strain, relaxed = stationary(Equibiaxial(), jnp.zeros(1), (film, safe), RELAXATION)
    e = strain[0]
    bulk, face = film.bulk.at(e), film.surface.at(e)
    status = first_failure(screen(Status.of(), ~usable, Code.NONFINITE), relaxed, bulk.status, face.status)
    a11 = safe * bulk.stiffness11 + 2.0 * face.stiffness11
    a12 = safe * bulk.stiffness12 + 2.0 * face.stiffness12
    status = screen(status, ~(jnp.isfinite(a11) & jnp.isfinite(a12)), Code.SINGULAR)
    status = screen(status, (status.code == Code.CONVERGED) & ~((a11 > a12) & (a11 + a12 > 0.0)), Code.UNSTABLE)
    uniaxial, biaxial = a11 - a12**2 / a11, a11 + a12
    values = (e, a11, a12, uniaxial, biaxial, uniaxial / safe, biaxial / safe, a12 / a11)
    e, a11, a12, uniaxial, biaxial, e_app, y_app, nu = guard(values, status.failed)
    return FilmResponse(e, a11, a12, uniaxial, biaxial, e_app, y_app, nu, status)
