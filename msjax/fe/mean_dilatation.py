"""The mean dilatation: the volume change of a cell is taken as its mean, so that near-incompressible cells do not lock.

Small strain is the B-bar form of doi:10.1002/nme.1620150914, ε̄ = ε + (θ̄ − θ)/n 1. Finite strain integrates W(F̄) with
F̄ = (J̄/J)^{1/n} F, so that there is an energy and the stiffness is symmetric; n counts the directions in which the
field strains the material (in plane strain F33 stays 1). The mean is the projection on constants in cells of degree 1,
and on linear functions in cells of degree 2, which keep their order that way (Q2/P1; F. Brezzi, M. Fortin, Mixed and
Hybrid Finite Element Methods, 1991).
"""

import jax
import jax.numpy as jnp
import numpy as np

from msjax.fe.geometry import CellGeometry
from msjax.fe.kinematics import Kinematics
from msjax.fe.mesh import Mesh
from msjax.material.response import Material
from msjax.material.stress_driven import StressDriven
from msjax.tensors import det
from msjax.typing import Array, Float


def check_mean_dilatation(mesh: Mesh, kin: Kinematics, material: Material) -> None:
    """``ValueError`` where a mean dilatation says nothing, or does harm."""
    rows, columns = kin.strain
    if mesh.cell.simplex or mesh.cell.dim == 1:
        raise ValueError(f"formulation: a mean dilatation does not help {mesh.kind}: over a cell of degree 1 it is the "
                         "dilatation itself, and triangles and tetrahedra of degree 2 lose their order with a constant "
                         "and are unstable with a linear one; use quad4, quad9, hex8 or hex27")  # fmt: skip
    if rows != columns or rows != material.dim or len(strained(kin)) < mesh.dim:
        raise ValueError(f"formulation: {type(material).__name__} with strains of shape {kin.strain} has no dilatation")
    if isinstance(material, StressDriven):
        raise ValueError(f"formulation: {type(material).__name__} is free to change its volume and does not lock; use "
                         "formulation='standard'")  # fmt: skip


def strained(kin: Kinematics) -> list[int]:
    """The diagonal entries of the strain that the field moves."""
    return sorted(row for _, (row, column) in kin.entries if row == column)


def projection(cell_degree: int, geometry: CellGeometry, weights: Float[Array, " q"]) -> Float[Array, "q q"]:
    """The L² projection of values at the quadrature points on polynomials of one degree less than the cell's."""
    columns = [jnp.ones_like(weights)]
    if cell_degree > 1:
        columns += list(geometry.positions.T)
    found, matrix = [], jnp.zeros((weights.size, weights.size))
    for column in columns:
        for other in found:  # Gram–Schmidt; the first one takes the mean away, which is what there is to cancel
            column = column - other * (jnp.sum(weights * other * column) / jnp.sum(weights * other**2))
        found.append(column)
        matrix = matrix + column[:, None] * (weights * column / jnp.sum(weights * column**2))[None, :]
    return matrix


def dilated(
    kin: Kinematics, material: Material, strains: Float[Array, "q r r"], mean: Float[Array, "q q"]
) -> Float[Array, "q r r"]:
    """Strains with their dilatation averaged. Where a volume is not positive they stay, and the material says so."""
    which = strained(kin)
    mask = np.isin(np.arange(kin.strain[0]), which).astype(float)
    if not material.objective:
        theta = jnp.einsum("qii,i->q", strains - material.reference_strain[None], mask)
        change = (mean @ theta - theta) / len(which)
        return strains + change[:, None, None] * jnp.diag(mask)[None]
    volume = jax.vmap(det)(strains)
    averaged = mean @ volume
    usable = (volume > 0) & (averaged > 0)
    ratio = jnp.where(usable, averaged, 1.0) / jnp.where(usable, volume, 1.0)
    scale = ratio ** (1.0 / len(which))
    return strains * (1.0 + (scale[:, None] - 1.0) * mask[None])[:, :, None]
