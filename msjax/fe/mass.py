"""Mass and capacity: ∫ ρ N_a N_b dV, consistent or lumped."""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.fe.elements import ElementMatrices
from msjax.fe.evaluate import chunk_size
from msjax.fe.geometry import cell_geometry
from msjax.fe.mesh import Mesh
from msjax.fe.problem import Problem
from msjax.solvers.batch import map_chunked
from msjax.typing import Array, Float, concrete

Density = Any
"""One number, one per region (a sequence in the order of the region names, or a mapping by name), or one per cell."""


def mass_matrix(problem: Problem, density: Density = 1.0, lumped: bool = False) -> ElementMatrices:
    """M_ab = ∫ ρ N_a N_b dV in every component, element by element; exact on undistorted cells.

    ``density`` per reference volume: a number, one per region or an array with one per cell; may be traced. For a bar
    it is mass per length, for a scalar field heat capacity. ``lumped`` keeps the diagonal, scaled to the mass of the
    cell, which stays positive for quadratic cells (Hinton, Rock and Zienkiewicz, doi:10.1002/eqe.4290040305).

    Raises ``ValueError`` for a density that is not positive and for regions and shapes that do not fit.

    >>> import jax.numpy as jnp, msjax as ms
    >>> plate = ms.fe.Problem(ms.fe.rectangle((2.0, 1.0), (2, 1)), ms.IsotropicElastic(1.0, 0.3, 2))
    >>> mass = mass_matrix(plate, 3.0)
    >>> round(float(jnp.sum(mass.apply(jnp.ones((6, 2))))), 12)  # 2 components of ρ V
    12.0
    """
    mesh = problem.mesh
    return ElementMatrices(
        matrices=_matrices(problem, _per_cell(density, mesh), lumped),
        cells=mesh.cells,
        nodes=mesh.points.shape[0],
        components=problem.formulation.kinematics.components,
        grid=mesh.grid,
    )


@eqx.filter_jit
def _matrices(problem: Problem, density: Array, lumped: bool) -> Array:
    mesh, kin = problem.mesh, problem.formulation.kinematics
    rule = mesh.cell.quadrature(2 * mesh.cell.degree)

    def one(nodes: Float[Array, "k d"], rho: Float[Array, ""]) -> Float[Array, "s s"]:
        geometry = cell_geometry(mesh.cell, rule, nodes)
        _, weights = kin.extended(geometry)
        matrix = rho * jnp.einsum("q,qa,qb->ab", weights, geometry.values, geometry.values)
        if lumped:
            diagonal = jnp.diagonal(matrix)
            matrix = jnp.diag(diagonal * jnp.sum(matrix) / jnp.sum(diagonal))
        return jnp.kron(matrix, jnp.eye(kin.components))

    return map_chunked(one, mesh.points[mesh.cells], density, chunk=chunk_size(mesh.cells.shape[0]))


def _per_cell(density: Density, mesh: Mesh) -> Float[Array, " m"]:
    names, count = mesh.region_names, mesh.cells.shape[0]
    if isinstance(density, Mapping):
        if set(density) != set(names):
            raise ValueError(f"density: the regions are {list(names)}, got {list(density)}")
        density = [density[name] for name in names]
    if isinstance(density, Sequence):
        if len(density) != len(names):
            raise ValueError(f"density: expected one per region {list(names)}, got {len(density)}")
        found = jnp.stack([jnp.asarray(x, float) for x in density])[mesh.regions]
    else:
        found = jnp.asarray(density, float)
        if found.shape not in ((), (count,)):
            raise ValueError(f"density: expected one number or one per cell ({count},), got shape {found.shape}")
        found = jnp.broadcast_to(found, (count,))
    if concrete(found) and not np.all(np.isfinite(np.asarray(found)) & (np.asarray(found) > 0)):
        raise ValueError("density: must be positive and finite")
    return found
