"""Strain and stress inside a representative volume under a load."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax.fe.voxels import shape_gradients, sweep_fields
from msjax.homogenization.linear_cell import solve_loads
from msjax.homogenization.nonlinear_cell import evaluate
from msjax.homogenization.phases import shares
from msjax.homogenization.rve import RVE, CellState, find
from msjax.status import Status, check, guard
from msjax.typing import Array, Float, PyTree


class LocalFields(NamedTuple):
    """Means over every voxel: ``strain`` and ``stress`` (c, d, nx, ny[, nz]), the phases' ``state``, and ``status``.

    ⟨strain⟩ is the load and ⟨stress⟩ what the cell answers. In a linear elastic cell c = d, and strain and stress are
    symmetric, ε and σ; in any other they are the displacement gradient F − 1 and the first Piola–Kirchhoff stress P.
    In conduction c = 1, and they are the gradient and the conductivity times the gradient. In plane strain the stress
    normal to the plane is not among them.

    ``state`` has one entry per material: None for one without history, else its state after the step with leaves
    (…, nx, ny[, nz]), NaN in voxels that the phase has no share in.
    """

    strain: Float[Array, "c d ..."]
    stress: Float[Array, "c d ..."]
    state: tuple[PyTree, ...]
    status: Status


def local_fields(
    rve: RVE, load: Any, state: CellState | None = None, inputs: Any = None, *, throw: bool = True
) -> LocalFields:
    """Strain and stress of every voxel under a mean displacement gradient, F = 1 + load, as in ``rve.respond(F)``.

    Voxel means are smoother than the field: near corners and thin ligaments the largest of them still grows as voxels
    shrink. Differentiable in parameters, phases and load; batch with vmap. In a linear cell ε = sym(E + ∇w) and
    σ = C(x):ε by one solve.

    Args:
        rve: of any materials.
        load: mean gradient (c, d) of the displacement, a number without unit, or of the potential (1, d).
        state: the last committed one, of a cell that is not linear; by default virgin.
        inputs: of the phases, as in ``respond``.
        throw: false returns a failed solve as NaN with its status.

    Raises:
        ValueError: a load of another shape.
        SolveError: the solve fails.

    >>> import jax.numpy as jnp, msjax as ms
    >>> rod = ms.RVE(jnp.array([[0, 0], [1, 1]]), [ms.Conductor(1.0, dim=2), ms.Conductor(3.0, dim=2)])
    >>> found = local_fields(rod, jnp.array([[1.0, 0.0]]))
    >>> [round(float(x), 6) for x in found.strain[0, 0, :, 0]], round(float(found.stress.mean(axis=(2, 3))[0, 0]), 6)
    ([1.5, 0.5], 1.5)
    """
    if not isinstance(rve, RVE):
        raise ValueError(f"rve: expected an RVE, got {type(rve).__name__}")
    wanted = rve.reference_strain.shape
    array = jnp.asarray(load, float)
    if array.shape != wanted:
        raise ValueError(f"load: expected shape {wanted}, got {array.shape}")
    result = _linear(rve, array) if rve.linear else _nonlinear(rve, array, state, inputs)
    check(result.status, "local_fields", throw)
    return result


@eqx.filter_jit
def _linear(rve: RVE, load: Float[Array, "c d"]) -> LocalFields:
    grid, moduli = rve.grid, rve.moduli
    components, dim = load.shape
    solved = solve_loads(rve.cell, moduli, load[None])
    status = Status(*(x[0] for x in (solved.status.code, solved.status.iterations, solved.status.residual)))
    mean = jnp.asarray(shape_gradients(grid).mean(axis=0))  # Gauss points of a voxel weigh the same

    def kernel(values, data):
        nodal = values.reshape(len(grid.corners), components, -1)
        gradient = load[:, :, None] + jnp.einsum("aj,aim->ijm", mean, nodal)
        strain = 0.5 * (gradient + gradient.transpose(1, 0, 2)) if components > 1 else gradient
        each = jnp.einsum("kijab,abm->kijm", moduli.basis, gradient)
        return None, (), (strain, jnp.einsum("km,kijm->ijm", data, each))

    _, _, both = sweep_fields(grid, rve.space.expand(solved.fluctuations[0]), moduli.data, kernel)
    strain, stress = guard(tuple(x.reshape(components, dim, *grid.shape) for x in both), status.failed)
    return LocalFields(strain, stress, (None,) * len(rve.materials), status)


@eqx.filter_jit
def _nonlinear(rve: RVE, load: Float[Array, "c d"], state: CellState | None, inputs: Any) -> LocalFields:
    grid, origin = rve.grid, rve.reference_strain
    cell, w, given, status = find(rve, origin + load, state, inputs)
    found = evaluate(cell, w, given)
    strain = jnp.mean(found.strains, axis=0) - origin[:, :, None]
    strain, stress = (x.reshape(*load.shape, *grid.shape) for x in (strain, jnp.mean(found.stresses, axis=0)))

    def seen(leaf, share):
        mean = jnp.mean(leaf.astype(float), axis=0)
        return jnp.where(share > 0, mean, jnp.nan).reshape(*mean.shape[:-1], *grid.shape)

    states = tuple(
        jax.tree.map(lambda leaf, share=share: seen(leaf, share), of_phase)
        for of_phase, share in zip(found.states, shares(rve.phases, len(rve.materials)), strict=True)
    )
    strain, stress, states = guard((strain, stress, states), status.failed)
    return LocalFields(strain, stress, states, status)
