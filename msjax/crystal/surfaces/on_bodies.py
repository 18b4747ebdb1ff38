"""Surface Cauchy–Born: a crystal's face as the material surface of a body."""

from collections.abc import Sequence
from typing import Literal

import equinox as eqx
import jax.numpy as jnp

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.surfaces.energetics import Surface
from msjax.material import surface as elastic
from msjax.material.response import Response
from msjax.status import first_failure, guard
from msjax.tensors import det, inverse, right_cauchy_green
from msjax.typing import Array, Float, PyTree, Scalar


class SurfaceCauchyBorn(elastic.Surface):
    """Excess energy γ(F_s) of a crystal face per reference area, F_s = ∂x/∂(s₁, s₂) of shape (3, 2): what
    :class:`~msjax.fe.SurfaceEnergy` puts on the faces of a body of the same crystal.

    γ(F_s) = Γ(R) with RᵀR = F_sᵀF_s: the excess of a relaxed slab (:class:`~msjax.crystal.surfaces.Surface`) over a
    bulk without traction on the face, at any in-plane strain. Nothing is fitted: surface stress, surface tangent and
    what is nonlinear in them come from the potential, and gradients go back to its parameters. The idea is that of
    doi:10.1002/nme.1754; the energy is the excess of doi:10.1007/BF00261375, layers relaxed. Edges are not in it, nor
    faces so near that they feel each other.

    ``face``: Miller indices; ``layers``, ``repeats``, ``termination`` as for ``Surface``. A face and its opposite count
    as one: of slabs with two different faces γ is the mean. Every point of a boundary relaxes a slab of its own, which
    takes one to two milliseconds of a core.

    Units eV/Å². Failures are those of ``Surface``.

    >>> import jax.numpy as jnp, msjax as ms
    >>> from msjax import units
    >>> bulk = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.6149), ms.EAM.gupta("Cu"))
    >>> face = SurfaceCauchyBorn(bulk, "100")
    >>> face.respond(jnp.eye(3, 2)).stress.shape
    (3, 2)
    """

    face: Surface

    def __init__(
        self,
        material: CauchyBorn,
        face: str | Sequence[int] = "100",
        *,
        layers: Literal["relaxed", "clamped"] = "relaxed",
        repeats: int | None = None,
        termination: int | None = None,
    ):
        self.face = Surface(material, face, layers=layers, repeats=repeats, termination=termination)

    @property
    def dim(self) -> int:
        """Three."""
        return 3

    @property
    def axes(self) -> Float[Array, "3 3"]:
        """Rows are s₁, s₂ and the normal, in the axes of crystal and body."""
        return self.face.slab.face.axes(self.face.material.crystal.cell)

    def surface_energy(self, deformation: Float[Array, "3 2"]) -> Scalar:
        """γ(F_s)."""
        return _respond(self, deformation).energy

    def respond(self, strain: PyTree, state: None = None, inputs: None = None) -> Response:
        """(γ, ∂γ/∂F_s, ∂²γ/∂F_s²) at one F_s (3, 2): eV/Å²."""
        return _respond(self, elastic.check_surface_strain(strain, 3))


@eqx.filter_jit
def _respond(material: SurfaceCauchyBorn, strain: Array) -> Response:
    deformation, status = elastic.safe_surface(strain)
    metric = right_cauchy_green(deformation)
    # any in-plane F with FᵀF = C serves, for Γ is objective: the upper triangular one has the shortest closed form
    first = jnp.sqrt(metric[0, 0])
    in_plane = jnp.array([[first, metric[0, 1] / first], [0.0 * first, jnp.sqrt(det(metric)) / first]])
    found = material.face.respond(in_plane)
    back = inverse(in_plane)
    second_piola = back @ found.stress
    of_metric = found.tangent - jnp.einsum("ik,JL->iJkL", jnp.eye(2), second_piola)
    of_metric = jnp.einsum("Mi,iJkL,Nk->MJNL", back, of_metric, back)
    stress = deformation @ second_piola
    tangent = jnp.einsum("iM,MJNL,kN->iJkL", deformation, of_metric, deformation)
    tangent = tangent + jnp.einsum("ik,JL->iJkL", jnp.eye(3), second_piola)
    status = first_failure(status, found.status)
    of_tangent = first_failure(status, found.tangent_status)
    energy, stress = guard((found.energy, stress), status.failed)
    return Response(energy, stress, guard(tangent, of_tangent.failed), None, status, of_tangent)
