"""From nodal values to the strain a material takes, in solids, plane strain and axial symmetry.

At a quadrature point H_iJ = Σ_a u_ai G_aJ with extended gradients G: the shape functions' gradients, and in axial
symmetry N_a/r besides. The strain is the material's reference strain plus some entries of H: which ones is all that
differs between the kinds. Bars in space are the exception: their strain is the derivative of the deformed position
along the bar, (c, 1), which is H with positions in place of displacements. A second-gradient medium has G = (∂N, ∂²N)
and its strain packed into one matrix (:mod:`msjax.material.packed`).
"""

import dataclasses
from typing import Literal

import jax.numpy as jnp
import numpy as np

from msjax.fe.geometry import CellGeometry
from msjax.material.response import Material
from msjax.material.second_gradient import SecondGradient
from msjax.typing import Array, Float

Kind = Literal["auto", "solid", "plane_strain", "axisymmetric", "truss"]
"""solid: the material's dimension is the mesh's; plane_strain: a material of dimension 3 in a plane mesh with F33 = 1;
axisymmetric: a material of dimension 3 in the (r, z) half plane, components (r, z), hoop strain u_r/r;
truss: a :class:`~msjax.fe.Bar` in a mesh of lines."""


@dataclasses.dataclass(frozen=True)
class Kinematics:
    """``entries``: pairs of an entry (i, J) of H and the entry (row, column) of the strain that it adds to. Static."""

    components: int
    columns: int
    strain: tuple[int, int]
    entries: tuple[tuple[tuple[int, int], tuple[int, int]], ...]
    axisymmetric: bool = False
    embedded: bool = False
    second: bool = False

    def placed(self, nodes: Float[Array, "k d"], values: Float[Array, "k c"]) -> Float[Array, "k c"]:
        """The nodal values that H is taken of: of bars in space their deformed positions."""
        return nodes + values if self.embedded else values

    @property
    def plain(self) -> bool:
        """Whether H is the strain itself, less its reference."""
        return self.strain == (self.components, self.columns) and all(a == b for a, b in self.entries)

    @property
    def selection(self) -> np.ndarray:
        """S with strain = reference + S·H, both flattened: (strain entries, components·columns)."""
        matrix = np.zeros((*self.strain, self.components, self.columns))
        for (i, j), (row, column) in self.entries:
            matrix[row, column, i, j] = 1.0
        return matrix.reshape(self.strain[0] * self.strain[1], -1)

    def extended(self, geometry: CellGeometry) -> tuple[Float[Array, "q k D"], Float[Array, " q"]]:
        """Extended gradients G and weights: 2πr in axial symmetry. Of a second-gradient medium G ends with ∂²N/∂X∂X."""
        if self.second:
            assert geometry.second is not None
            curvature = geometry.second.reshape(*geometry.gradients.shape[:2], -1)
            return jnp.concatenate([geometry.gradients, curvature], axis=2), geometry.weights
        if not self.axisymmetric:
            return geometry.gradients, geometry.weights
        radius = geometry.positions[:, 0]
        hoop = geometry.values / radius[:, None]
        return jnp.concatenate([geometry.gradients, hoop[:, :, None]], axis=2), 2.0 * jnp.pi * radius * geometry.weights

    def strains(self, h: Float[Array, "q c D"], reference: Float[Array, "r s"]) -> Float[Array, "q r s"]:
        """Strains of the material from H."""
        if self.embedded:
            return h
        if self.plain:
            return reference[None] + h
        flat = h.reshape(h.shape[0], -1) @ jnp.asarray(self.selection).T
        return reference[None] + flat.reshape(-1, *self.strain)

    def pulled_stress(self, stress: Float[Array, "q r s"]) -> Float[Array, "q c D"]:
        """∂W/∂H from ∂W/∂strain."""
        if self.plain:
            return stress
        flat = stress.reshape(stress.shape[0], -1) @ jnp.asarray(self.selection)
        return flat.reshape(-1, self.components, self.columns)

    def pulled_tangent(self, tangent: Float[Array, "q r s r s"]) -> Float[Array, "q c D c D"]:
        """∂²W/∂H² from the tangent."""
        if self.plain:
            return tangent
        s, size = jnp.asarray(self.selection), self.strain[0] * self.strain[1]
        flat = tangent.reshape(-1, size, size)
        return (s.T @ flat @ s).reshape(-1, self.components, self.columns, self.components, self.columns)


def kinematics(kind: Kind, mesh_dim: int, material: Material) -> Kinematics:
    """The kinematics of a material in a mesh.

    Raises ``ValueError`` for an unknown kind, and for a material whose strain does not fit the mesh.
    """
    name = type(material).__name__
    if kind not in ("auto", "solid", "plane_strain", "axisymmetric", "truss"):
        raise ValueError(
            f"kinematics: expected 'auto', 'solid', 'plane_strain', 'axisymmetric' or 'truss', got {kind!r}"
        )
    if isinstance(material.reference_strain, SecondGradient):
        if kind not in ("auto", "solid") or material.dim != mesh_dim:
            raise ValueError(f"material: {name} of dimension {material.dim} is a second-gradient medium, which needs a "
                             f"mesh of that dimension and kinematics 'solid', got {mesh_dim} and {kind!r}")  # fmt: skip
        whole = (mesh_dim, mesh_dim + mesh_dim**2)
        own = tuple(((i, j), (i, j)) for i in range(whole[0]) for j in range(whole[1]))
        return Kinematics(mesh_dim, whole[1], whole, own, second=True)
    rows, columns = material.reference_strain.shape
    shape = (int(rows), int(columns))
    along = mesh_dim > 1 and shape == (mesh_dim, 1)
    if kind == "auto":
        kind = "truss" if along else "plane_strain" if (mesh_dim, shape) == (2, (3, 3)) else "solid"
    if kind == "truss":
        if not along:
            raise ValueError(f"kinematics: 'truss' needs a Bar of dimension {mesh_dim} and a mesh with 2 or 3 "
                             f"coordinates, got {name} with strains of shape {shape}")  # fmt: skip
        own = tuple(((i, 0), (i, 0)) for i in range(mesh_dim))
        return Kinematics(mesh_dim, 1, shape, own, embedded=True)
    if kind == "solid":
        if shape not in ((mesh_dim, mesh_dim), (1, mesh_dim)):
            raise ValueError(f"material: {name} has strains of shape {shape}, which do not fit a mesh of dimension "
                             f"{mesh_dim}")  # fmt: skip
        own = tuple(((i, j), (i, j)) for i in range(shape[0]) for j in range(mesh_dim))
        return Kinematics(shape[0], mesh_dim, shape, own)
    if mesh_dim != 2 or shape != (3, 3):
        raise ValueError(f"kinematics: {kind!r} needs a plane mesh and a material of dimension 3, got a mesh of "
                         f"dimension {mesh_dim} and {name} with strains of shape {shape}")  # fmt: skip
    if kind == "plane_strain":
        own = tuple(((i, j), (i, j)) for i in range(2) for j in range(2))
        return Kinematics(2, 2, (3, 3), own)
    own = (((0, 0), (0, 0)), ((0, 1), (0, 1)), ((1, 0), (1, 0)), ((1, 1), (1, 1)), ((0, 2), (2, 2)))
    return Kinematics(2, 3, (3, 3), own, axisymmetric=True)
