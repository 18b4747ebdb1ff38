"""Material surfaces on the boundary of a body."""

from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.fe.evaluate import through_strains
from msjax.fe.geometry import facet_geometry, facet_rule, surface_normals
from msjax.fe.loads import Action, FacetStiffness, Load, Posed, facet_nodes, facet_owners_of
from msjax.fe.mesh import Mesh
from msjax.fe.nodal_inputs import CellInputs
from msjax.material.response import Material
from msjax.material.surface import LinearGurtinMurdoch, Surface
from msjax.tensors import inverse
from msjax.typing import Array, Float, Int, concrete

ALIGNED = 1e-6
"""Largest sine of the angle between a facet's normal and that of a material that belongs to one plane."""


class SurfaceEnergy(Load):
    """The energy ∫ γ(F_s) dA of a material surface on a tagged boundary, F_s = Qᵀ F [t₁ t₂] in a frame Q = [t₁ t₂ n] of
    each facet (doi:10.1007/BF00261375).

    ``material`` is a :class:`~msjax.material.surface.GurtinMurdoch` or any other
    :class:`~msjax.material.surface.Surface` of the dimension of the mesh, or one of dimension 3 on a plane mesh, whose
    second direction is then out of the plane: unstretched, or u_r/r in axial symmetry. A face of a crystal
    (:class:`~msjax.crystal.surfaces.SurfaceCauchyBorn`) brings its own axes: the boundary must be flat and have its
    normal, up to the sign, in a mesh whose axes are the crystal's. It has a potential, its
    stiffness is exact. A surface is a material, not a load: :meth:`~msjax.fe.Problem.scaled` leaves it as it is; scale
    its parameters to let its tension grow. Where a surface with tension ends at a free edge, give the face beyond the
    edge its surface too: else the tension pulls at a line, and strains there grow as the mesh is refined.

    >>> import msjax as ms
    >>> from msjax.material.surface import GurtinMurdoch
    >>> film = ms.fe.rectangle((4.0, 1.0), (4, 1))
    >>> faces = [SurfaceEnergy(side, GurtinMurdoch(mu=0.1, dim=2)) for side in ("y-", "y+")]
    >>> pulled = [ms.fe.Dirichlet("x-", 0.0, "x"), ms.fe.Dirichlet("x+", 0.004, "x"), ms.fe.Dirichlet([0], 0.0, "y")]
    >>> solution = ms.solve(ms.fe.Problem(film, ms.IsotropicElastic(1.0, 0.0), pulled, faces))
    >>> round(float(solution.reactions[film.nodes_of("x+"), 0].sum()) / 0.001, 3)  # E h + 2 S, S = 2 μ₀
    1.4
    """

    def __init__(self, boundary: str, material: Material):
        self.boundary, self.material = boundary, material

    def on(self, mesh: Mesh, components: int, axisymmetric: bool) -> "PosedSurface":
        """On the facets of a solid; ``ValueError`` for a material that is no surface's, or of another dimension."""
        name, shape = f"SurfaceEnergy on {self.boundary!r}", (mesh.dim, mesh.dim - 1)
        if components != mesh.dim or mesh.dim == 1:
            raise ValueError(f"{name}: needs a displacement field in 2 or 3 dimensions")
        if not isinstance(self.material, Material):
            raise ValueError(f"{name}: expected a material, got {type(self.material).__name__}")
        found = tuple(self.material.reference_strain.shape)
        wanted = [(3, 2)] if axisymmetric or mesh.dim == 3 else [shape, (3, 2)]
        if found not in wanted:
            raise ValueError(f"{name}: {type(self.material).__name__} has strains of shape {found}, expected "
                             f"{' or '.join(map(str, wanted))}")  # fmt: skip
        if self.material.initial_state() is not None:
            raise ValueError(f"{name}: a surface with a history is not implemented")
        owners, local = facet_owners_of(mesh, self.boundary)
        if isinstance(self.material, Surface) and self.material.axes is not None:
            _check_plane(mesh, self.boundary, self.material.axes, name)
        return PosedSurface(self.material, facet_nodes(mesh, self.boundary), owners, local, axisymmetric)


class PosedSurface(Posed):
    """A material surface on facets ``nodes`` (f, k) of the cells ``owners``."""

    material: Material
    nodes: Int[Array, "f k"]
    owners: Int[Array, " f"]
    local: Int[Array, "f k"]
    axisymmetric: bool = eqx.field(static=True)

    @property
    def linear(self) -> bool:
        """Whether its forces are linear in u."""
        return isinstance(self.material, LinearGurtinMurdoch)

    @property
    def conservative(self) -> bool:
        """As its material."""
        return self.material.conservative

    @property
    def symmetric(self) -> bool:
        """As its material."""
        return self.material.symmetric

    def act(self, mesh: Mesh, u: Float[Array, "n c"]) -> Action:
        """∫ γ dA, its gradient and its second derivative."""
        rule = facet_rule(mesh.cell)
        axes = self.material.axes if isinstance(self.material, Surface) else None

        def one(values, positions):
            geometry = facet_geometry(mesh.cell, rule, positions)
            around = 2.0 * jnp.pi * geometry.positions[:, 0] if self.axisymmetric else jnp.ones_like(geometry.weights)

            def strain_of(v):
                moved = geometry.tangents + jnp.einsum("ai,qaj->qij", v, geometry.gradients)
                along = jax.vmap(partial(_in_frame, axes))(geometry.tangents, moved)
                if mesh.dim == 3 or self.material.dim == 2:
                    return along
                across = jnp.ones(along.shape[0])
                if self.axisymmetric:
                    across = 1.0 + geometry.values @ v[:, 0] / geometry.positions[:, 0]
                nothing = jnp.zeros_like(across)
                rows = [[along[:, 0, 0], nothing], [nothing, across], [along[:, 1, 0], nothing]]
                return jnp.stack([jnp.stack(row, axis=1) for row in rows], axis=1)

            weights = geometry.weights * around
            without = CellInputs(None, geometry.values)
            return through_strains(strain_of, self.material, values, weights, None, without, linear=True)

        found = jax.vmap(one)(u[self.nodes], mesh.points[self.nodes])
        nodal = jnp.zeros_like(u).at[self.nodes].add(found.forces)
        return Action(jnp.sum(found.energy), nodal, FacetStiffness(found.matrices, self.owners, self.local))

    def scaled(self, factor: Any) -> "PosedSurface":
        """A surface is no load."""
        return self


def _in_frame(
    axes: Float[Array, "d d"] | None, tangents: Float[Array, "d e"], moved: Float[Array, "d e"]
) -> Float[Array, "d e"]:
    """F_s = Qᵀ ∂x/∂s from ∂X/∂ξ and ∂x/∂ξ; t₁ is along ∂X/∂ξ₁ where the material has no axes of its own."""
    if axes is None:
        normal = surface_normals(tangents[None])[0]
        normal = normal / jnp.sqrt(jnp.sum(normal**2))
        first = tangents[:, 0] / jnp.sqrt(jnp.sum(tangents[:, 0] ** 2))
        axes = jnp.stack([first, normal] if tangents.shape[1] == 1 else [first, jnp.cross(normal, first), normal])
    return axes @ moved @ inverse(axes[:-1] @ tangents)


def _check_plane(mesh: Mesh, boundary: str, axes: Float[Array, "3 3"], name: str) -> None:
    """``ValueError`` where a facet's normal is not that of the material's plane."""
    if mesh.dim != 3:
        raise ValueError(f"{name}: a surface with axes of its own needs a mesh in three dimensions")
    if not concrete(mesh.points, axes):
        return
    rule = facet_rule(mesh.cell)
    nodes = mesh.points[facet_nodes(mesh, boundary)]
    normals = np.asarray(jax.vmap(lambda x: facet_geometry(mesh.cell, rule, x).normals)(nodes))
    normals = normals / np.linalg.norm(normals, axis=2, keepdims=True)
    plane = np.asarray(axes)[2]
    away = np.linalg.norm(np.cross(normals, plane), axis=2).max(axis=1)
    if np.any(away > ALIGNED):
        worst = int(np.argmax(away))
        has, wanted = (np.array2string(v.round(4) + 0.0, separator=", ") for v in (normals[worst, 0], plane))
        raise ValueError(f"{name}: facet {worst} has the normal {has}, the material belongs to ± {wanted}")
