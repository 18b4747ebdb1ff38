"""Strain and stress inside a representative volume under a load."""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp

from msjax.fe.voxels import shape_gradients, sweep_fields
from msjax.homogenization.linear_cell import solve_loads
from msjax.homogenization.rve import RVE
from msjax.status import Status, check, guard
from msjax.typing import Array, Float


class LocalFields(NamedTuple):
    """Means over every voxel: ``strain`` and ``stress`` (c, d, nx, ny[, nz]), and the solve's ``status``.

    In elasticity c = d and both are symmetric; in conduction c = 1, and they are the gradient and the conductivity
    times the gradient. In plane strain the stress normal to the plane is not among them.
    """

    strain: Float[Array, "c d ..."]
    stress: Float[Array, "c d ..."]
    status: Status


def local_fields(rve: RVE, load: Any, *, throw: bool = True) -> LocalFields:
    """Strain ε = sym(E + ∇w) and stress σ = C(x):ε of every voxel of a linear cell under a mean strain E.

    ⟨ε⟩ = sym E, ⟨σ⟩ = C_eff:E. Voxel means are smoother than the field: near corners and thin ligaments the largest of
    them still grows as voxels shrink. Differentiable in parameters, phases and load; batch with vmap.

    Args:
        rve: with linear materials.
        load: mean gradient (c, d) of the displacement, a number without unit, or of the potential (1, d).
        throw: false returns a failed solve as NaN with its status.

    Raises:
        ValueError: materials that are not linear, or a load of another shape.
        SolveError: the solve fails.

    >>> import jax.numpy as jnp, msjax as ms
    >>> rod = ms.RVE(jnp.array([[0, 0], [1, 1]]), [ms.Conductor(1.0, dim=2), ms.Conductor(3.0, dim=2)])
    >>> found = local_fields(rod, jnp.array([[1.0, 0.0]]))
    >>> [round(float(x), 6) for x in found.strain[0, 0, :, 0]], round(float(found.stress.mean(axis=(2, 3))[0, 0]), 6)
    ([1.5, 0.5], 1.5)
    """
    if not isinstance(rve, RVE):
        raise ValueError(f"rve: expected an RVE, got {type(rve).__name__}")
    if not rve.linear:
        raise ValueError("rve: its materials are not all linear, and the fields of others depend on their history")
    wanted = rve.reference_strain.shape
    array = jnp.asarray(load, float)
    if array.shape != wanted:
        raise ValueError(f"load: expected shape {wanted}, got {array.shape}")
    result = _fields(rve, array)
    check(result.status, "local_fields", throw)
    return result


@eqx.filter_jit
def _fields(rve: RVE, load: Float[Array, "c d"]) -> LocalFields:
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
    return LocalFields(strain, stress, status)
