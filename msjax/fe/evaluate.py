"""Energy, nodal forces and element matrices of the cells: the material is traced once and mapped over all points."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax.fe.geometry import cell_geometry
from msjax.fe.kinematics import Kinematics
from msjax.fe.mean_dilatation import dilated, projection
from msjax.fe.mesh import Mesh
from msjax.fe.nodal_inputs import CellInputs, on_cells
from msjax.fe.parts import Part
from msjax.fe.quadrature import Quadrature
from msjax.material.packed import pack, pack_tangent, unpack
from msjax.material.response import Material, Response
from msjax.solvers.batch import map_chunked
from msjax.status import Code
from msjax.typing import Array, Float, Int, PyTree, Scalar

CHUNK = 64
"""Cells at a time on a CPU, whose cache then holds their tangents; an accelerator takes a hundred times as many."""


class CellResults(NamedTuple):
    """Of all cells of a part: energies (m,), nodal forces (m, k, c), matrices (m, k·c, k·c), states, worst codes."""

    energy: Float[Array, " m"]
    forces: Float[Array, "m k c"]
    matrices: Float[Array, "m s s"]
    states: PyTree
    codes: Int[Array, " m"]


class Formulation(NamedTuple):
    """What is static of the cells' equations: kinematics, quadrature (by its order; None: the cell's own), and whether
    the dilatation is averaged over every cell."""

    kinematics: Kinematics
    order: int | None = None
    mean_dilatation: bool = False

    def rule(self, mesh: Mesh) -> Quadrature:
        """The quadrature of the mesh's cells."""
        return mesh.cell.quadrature(self.order)


def chunk_size(count: int) -> int:
    """Cells at a time on the default device; a divisor of their number if one is near, since a last chunk of another
    size is compiled apart."""
    wanted = CHUNK if jax.default_backend() == "cpu" else 100 * CHUNK
    near = [n for n in range(wanted // 2, 2 * wanted + 1) if count % n == 0]
    return min(near, key=lambda n: abs(n - wanted)) if near else wanted


def respond_cells(
    formulation: Formulation, mesh: Mesh, part: Part, u: Float[Array, "n c"], states: PyTree, inputs: Any
) -> CellResults:
    """Responses of all cells of a part at nodal values u; what is not used is not computed under jit."""
    kin, rule, cell = formulation.kinematics, formulation.rule(mesh), mesh.cell

    def one(nodes, values, state, material, given):
        geometry = cell_geometry(cell, rule, nodes, kin.second)
        gradients, weights = kin.extended(geometry)
        own = CellInputs(given, geometry.values)
        if formulation.mean_dilatation:
            mean = projection(cell.degree, geometry, weights)

            def strain_of(v):
                strains = kin.strains(jnp.einsum("ai,qaJ->qiJ", v, gradients), material.reference_strain)
                return dilated(kin, material, strains, mean)

            return through_strains(strain_of, material, values, weights, state, own, linear=not material.objective)
        response = respond_points(kin, material, gradients, kin.placed(nodes, values), state, own)
        stress = kin.pulled_stress(response.stress) * weights[:, None, None]
        tangent = kin.pulled_tangent(response.tangent) * weights[:, None, None, None, None]
        forces = jnp.einsum("qaJ,qiJ->ai", gradients, stress)
        matrix = jnp.einsum("qaJ,qiJkL,qbL->aibk", gradients, tangent, gradients)
        code = jnp.max(response.status.code)
        code = jnp.where(jnp.all(weights > 0), code, jnp.maximum(code, Code.INVERTED.value))
        trial = response.state if state is not None else None
        return CellResults(jnp.vdot(weights, response.energy), forces, matrix.reshape(values.size, -1), trial, code)

    return over_cells(one, mesh, part, u, states, inputs)


def through_strains(
    strain_of: Callable[[Array], Array],
    material: Material,
    values: Float[Array, "k c"],
    weights: Float[Array, " q"],
    state: PyTree,
    inputs: CellInputs,
    linear: bool,
) -> CellResults:
    """Results of one cell or facet whose strains (q, r, s) at its points are any function S of its nodal values.

    E = Σ_q w_q W(S_q), f = λ·∂S with λ = wP, K = ∂Sᵀ wA ∂S + λ·∂²S at fixed λ: forces and matrix are the exact
    derivatives of the energy. ``linear`` says that ∂²S is zero.
    """
    strains, pull = jax.vjp(strain_of, values)
    response = inputs.over_points(material.respond, strains, state)
    loads = response.stress * weights[:, None, None]
    (forces,) = pull(loads)
    slopes = jax.jacfwd(strain_of)(values)
    tangent = response.tangent * weights[:, None, None, None, None]
    matrix = jnp.einsum("qrsai,qrstu,qtubk->aibk", slopes, tangent, slopes)
    if not linear:
        matrix = matrix + jax.hessian(lambda v: jnp.vdot(loads, strain_of(v)))(values)
    code = jnp.max(response.status.code)
    trial = response.state if state is not None else None
    energy = jnp.vdot(weights, response.energy)
    return CellResults(energy, forces, matrix.reshape(values.size, values.size), trial, code)


def over_cells(one: Any, mesh: Mesh, part: Part, u: Float[Array, "n c"], states: PyTree, inputs: Any) -> Any:
    """``one(nodes (k, d), values (k, c), states of its points, material, inputs)`` for every cell of a part, in chunks;
    fields among the inputs are by their values at the cell's nodes."""
    fields, of_cell = on_cells(inputs, mesh, part.index)
    batched = (mesh.local(mesh.points, part.index), mesh.local(u, part.index), states, fields)
    chunk = chunk_size(batched[0].shape[0])
    if not part.per_cell:
        return map_chunked(lambda x, v, s, f: one(x, v, s, part.material, of_cell(f)), *batched, chunk=chunk)
    arrays, structure = eqx.partition(part.material, eqx.is_array)
    return map_chunked(
        lambda x, v, s, f, a: one(x, v, s, eqx.combine(a, structure), of_cell(f)), *batched, arrays, chunk=chunk
    )


def respond_points(
    kin: Kinematics,
    material: Material,
    gradients: Float[Array, "q k D"],
    values: Float[Array, "k c"],
    state: PyTree,
    inputs: CellInputs,
) -> Response:
    """The material's responses at the quadrature points of one cell, strains of several fields packed."""
    h = jnp.einsum("ai,qaJ->qiJ", values, gradients)
    rest = material.reference_strain

    def one(packed, s, given):
        found = material.respond(unpack(packed, rest), s, given)
        return found._replace(stress=pack(found.stress), tangent=pack_tangent(found.tangent, rest))

    return inputs.over_points(one, kin.strains(h, pack(rest)), state)


class Assembled(NamedTuple):
    """Sum of the energies, nodal forces (n, c), matrices between the nodes of the cells (m, s, s), states of the parts,
    worst code, and the root of the summed squares of all element forces, which is what residuals are small against."""

    energy: Scalar
    forces: Float[Array, "n c"]
    matrices: Float[Array, "m s s"]
    states: tuple[PyTree, ...]
    code: Int[Array, ""]
    size: Scalar


def assemble(
    formulation: Formulation,
    mesh: Mesh,
    parts: tuple[Part, ...],
    u: Float[Array, "n c"],
    states: tuple[PyTree, ...],
    inputs: Any = None,
) -> Assembled:
    """Everything of the cells at nodal values u."""
    found = [
        respond_cells(formulation, mesh, part, u, state, inputs) for part, state in zip(parts, states, strict=True)
    ]
    forces, matrices = found[0].forces, found[0].matrices
    if parts[0].index is not None:  # several parts, or not all cells in order
        count = len(mesh.cells)
        forces, matrices = (jnp.zeros((count, *x.shape[1:])) for x in (forces, matrices))
        for part, result in zip(parts, found, strict=True):
            forces = forces.at[part.index].set(result.forces, unique_indices=True)
            matrices = matrices.at[part.index].set(result.matrices, unique_indices=True)
    energy, size = jnp.zeros(()), jnp.zeros(())
    code = jnp.zeros((), jnp.int32)
    for result in found:
        energy = energy + jnp.sum(result.energy)
        size = size + jnp.sum(result.forces**2)
        code = jnp.maximum(code, jnp.max(result.codes))
    return Assembled(energy, mesh.collect(forces), matrices, tuple(r.states for r in found), code, jnp.sqrt(size))
