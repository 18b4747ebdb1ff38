"""Congruent cells of linear materials: a few element matrices for all of them, times moduli per cell."""

import jax
import jax.numpy as jnp
import numpy as np

from msjax.fe.elements import ScaledElements
from msjax.fe.geometry import cell_geometry
from msjax.fe.loads import Dead
from msjax.fe.problem import Balance, Problem
from msjax.fe.splines import SplineMesh
from msjax.material.linear import Conductor, IsotropicElastic, Linear, isotropic_basis
from msjax.material.response import Material
from msjax.status import Code
from msjax.typing import Array, Float, concrete


def congruent(problem: Problem) -> bool:
    """Whether the stiffness is that of copies of one cell times moduli: a linear problem of isotropic materials, or of
    one linear material, on cells that are all the first one, shifted. False where positions are traced."""
    mesh, parts = problem.mesh, problem.parts
    one = len(parts) == 1 and isinstance(parts[0].material, Linear) and not parts[0].per_cell
    isotropic = all(isinstance(p.material, IsotropicElastic) for p in parts) or all(
        isinstance(first := p.one, Conductor) and first.isotropic for p in parts
    )
    dead = all(isinstance(load, Dead) for load in problem.loads)
    formulation = problem.formulation
    special = formulation.mean_dilatation or formulation.kinematics.axisymmetric or isinstance(mesh, SplineMesh)
    if not ((one or isotropic) and dead and concrete(mesh.points)) or special:
        return False
    points, cells = np.asarray(mesh.points), np.asarray(mesh.cells)
    first = points[cells[0]]
    scale = np.max(np.ptp(first, axis=0))
    for a in range(1, cells.shape[1]):
        edge = points[cells[:, a]] - points[cells[:, 0]]
        if np.max(np.abs(edge - (first[a] - first[0]))) > 1e-9 * scale:
            return False
    return True


def linear_balance(problem: Problem, u: Float[Array, "n c"]) -> Balance:
    """:func:`~msjax.fe.problem.balance` of a :func:`congruent` problem."""
    stiffness = scaled_elements(problem)
    forces = stiffness.apply(u)
    energy, residual = 0.5 * jnp.vdot(u, forces), forces
    for load in problem.loads:
        action = load.act(problem.mesh, u)
        energy, residual = energy + action.energy, residual + action.forces
    weights = cell_geometry(problem.mesh.cell, problem.formulation.rule(problem.mesh), _first(problem)).weights
    code = jnp.where(jnp.all(weights > 0), Code.CONVERGED.value, Code.INVERTED.value).astype(jnp.int32)
    return Balance(energy, residual, stiffness, (None,) * len(problem.parts), code, jnp.zeros(()))


def _first(problem: Problem) -> Float[Array, "k d"]:
    """Positions of the first cell's nodes."""
    return problem.mesh.points[problem.mesh.cells[0]]


def scaled_elements(problem: Problem) -> ScaledElements:
    """The stiffness of a :func:`congruent` problem."""
    formulation, mesh, parts = problem.formulation, problem.mesh, problem.parts
    kin = formulation.kinematics
    geometry = cell_geometry(mesh.cell, formulation.rule(mesh), _first(problem))
    gradients, weights = kin.extended(geometry)
    basis = _basis(parts[0].one)

    def matrix(tensor: Float[Array, "r s r s"]) -> Float[Array, "n n"]:
        pulled = kin.pulled_tangent(jnp.broadcast_to(tensor, (len(weights), *tensor.shape)))
        pulled = pulled * weights[:, None, None, None, None]
        size = mesh.cells.shape[1] * kin.components
        return jnp.einsum("qaJ,qiJkL,qbL->aibk", gradients, pulled, gradients).reshape(size, size)

    count = mesh.cells.shape[0]
    coefficients = jnp.zeros((basis.shape[0], count))
    for part in parts:
        own = jax.vmap(_moduli, out_axes=1)(part.material) if part.per_cell else _moduli(part.material)[:, None]
        if part.index is None:
            coefficients = jnp.broadcast_to(own, coefficients.shape)
        else:
            coefficients = coefficients.at[:, part.index].set(own, unique_indices=True)
    return ScaledElements(
        coefficients=coefficients,
        basis=jax.vmap(matrix)(basis),
        cells=mesh.cells,
        nodes=mesh.points.shape[0],
        components=kin.components,
        grid=mesh.grid,
    )


def _basis(material: Material) -> Float[Array, "b r s r s"]:
    if isinstance(material, IsotropicElastic):
        return jnp.asarray(np.stack(isotropic_basis(material.dim)))
    if isinstance(material, Conductor) and material.isotropic:
        return jnp.eye(material.size)[None, None, :, None, :]
    assert isinstance(material, Linear)
    return material.tensor[None]


def _moduli(material: Material) -> Float[Array, " b"]:
    if isinstance(material, IsotropicElastic):
        return jnp.stack(material.lame)
    if isinstance(material, Conductor) and material.isotropic:
        return material.conductivity[None]
    return jnp.ones(1)
