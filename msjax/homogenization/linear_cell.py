"""The linear cell: fluctuation fields under unit loads and the effective stiffness, with derivatives.

Ŵ(w; E) = ⟨½ (E + ∇w):A:(E + ∇w)⟩ is quadratic; with the stationary w_i of the unit loads E_i

    C_ij = ⟨(E_i + ∇w_i) : A : (E_j + ∇w_j)⟩,   dC_ij = ⟨(E_i + ∇w_i) : dA : (E_j + ∇w_j)⟩

The first is exact to second order in the error of w, the second needs no further solve.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.fe.fluctuations import Fluctuations
from msjax.fe.voxels import affine_values, sweep
from msjax.homogenization.tangents import Tangents
from msjax.solvers.conjugate_gradients import ConjugateGradients, System, conjugate_gradients
from msjax.status import Code, Status, guard, screen
from msjax.tensors import VOIGT
from msjax.typing import Array, Float, Scalar


class LinearCell(NamedTuple):
    """What makes a linear problem, static: the space of fluctuations and the solver's settings."""

    space: Fluctuations
    settings: ConjugateGradients


class Solved(NamedTuple):
    """For loads E: twice the mean energies ⟨(E_i + ∇w_i):A:(E_j + ∇w_j)⟩ (l, l), mean stresses (l, c, d), fluctuations
    (l, c, *unknowns) and a status per load."""

    energies: Float[Array, "l l"]
    mean_stress: Float[Array, "l c d"]
    fluctuations: Float[Array, "l c ..."]
    status: Status


def unit_loads(components: int, dim: int) -> np.ndarray:
    """Unit macroscopic strains (loads, c, d): Voigt with engineering shear, or the d gradients of a scalar."""
    if components == 1:
        return np.eye(dim)[:, None, :]
    loads = np.zeros((len(VOIGT[dim]), dim, dim))
    for n, (i, j) in enumerate(VOIGT[dim]):
        loads[n, i, j] += 0.5
        loads[n, j, i] += 0.5
    return loads


def solve_loads(cell: LinearCell, moduli: Tangents, loads: Float[Array, "l c d"]) -> Solved:
    """Answer of a linear cell to mean gradients; a load that fails makes all results NaN."""
    finite = jnp.all(jnp.stack([jnp.all(jnp.isfinite(x)) for x in jax.tree.leaves(moduli)]))
    safe = jax.tree.map(lambda x: jnp.where(finite, x, jnp.zeros_like(x)), moduli)
    w, status = fluctuations(cell, safe, loads)
    status = screen(status, jnp.broadcast_to(~finite, status.code.shape), Code.NONFINITE)
    usable = status.ok.reshape(-1, *(1,) * (w.ndim - 1))
    energies, mean_stress = _stationary_form(cell, jnp.where(usable, w, jnp.zeros_like(w)), loads, safe)
    energies, mean_stress = guard((energies, mean_stress), jnp.any(status.failed))
    return Solved(energies, mean_stress, w, status)


def fluctuations(cell: LinearCell, moduli: Tangents, loads: Float[Array, "l c d"]):
    """Fluctuation fields of all loads and their statuses; differentiable in moduli and loads."""

    def solve(load):
        return _fluctuation(cell, moduli, load)

    # one load after the other keeps a CPU's cache; a GPU wants them all at once
    return jax.lax.map(solve, loads) if jax.default_backend() == "cpu" else jax.vmap(solve)(loads)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _fluctuation(cell: LinearCell, moduli: Tangents, load: Float[Array, "c d"]):
    start = jnp.zeros((load.shape[0], *cell.space.shape))
    rhs = -residual(cell, moduli, start, load)
    return _solve(cell, moduli, rhs, start)


@_fluctuation.defjvp
def _fluctuation_jvp(cell, primals, tangents):
    moduli, load = primals
    w, status = _fluctuation(cell, moduli, load)
    # the residual of a failed member is differentiated at zero: guard() speaks for it downstream
    at = jnp.where(status.failed, jnp.zeros_like(w), w)
    _, change = jax.jvp(lambda m, e: residual(cell, m, at, e), primals, tangents)

    def solve(_, rhs):
        answer, of_solve = _solve(cell, moduli, rhs, jnp.zeros_like(rhs))
        return jnp.where(of_solve.failed & jnp.any(rhs != 0), jnp.nan, answer)

    dw = jax.lax.custom_linear_solve(
        lambda v: residual(cell, moduli, v, jnp.zeros_like(load)), -change, solve, symmetric=True
    )
    return (w, status), (dw, jax.tree.map(_no_tangent, status))


def _no_tangent(leaf):
    if jnp.issubdtype(leaf.dtype, jnp.floating):
        return jnp.zeros_like(leaf)
    return np.zeros(leaf.shape, dtype=jax.dtypes.float0)


def _solve(cell: LinearCell, moduli: Tangents, rhs, start):
    space = cell.space
    floor = 1e-13 * _force_scale(cell, moduli) * np.sqrt(rhs.size)
    system = System(
        operator=lambda v: residual(cell, moduli, v, None),
        precondition=space.solver(moduli.reference),
        rhs=rhs,
        floor=floor,
    )
    return conjugate_gradients(system, start, cell.settings)


def _force_scale(cell: LinearCell, moduli: Tangents) -> Scalar:
    """Nodal force of a unit strain: what round-off in the forces is measured by."""
    grid = cell.space.grid
    return grid.volume / grid.voxels / float(np.max(grid.spacing)) * moduli.largest


def residual(cell: LinearCell, moduli: Tangents, w, load: Float[Array, "c d"] | None):
    """Nodal forces of the fluctuation ``w`` under the mean gradient ``load``, in the space's unknowns."""
    space = cell.space
    forces = moduli.forces(space.grid)
    affine = None if load is None else affine_values(space.grid, load)

    def kernel(values, data):
        if affine is not None:
            values = values + affine[:, None]
        return forces(values, data), None

    assembled, _ = sweep(space.grid, space.expand(w), moduli.data, kernel)
    assert assembled is not None
    return space.fold(assembled)


def energy_form(cell: LinearCell, w, loads, moduli: Tangents) -> tuple[Float[Array, "l l"], Float[Array, "l c d"]]:
    """⟨(E_i + ∇w_i) : A : (E_j + ∇w_j)⟩ and ⟨A : (E_j + ∇w_j)⟩."""
    grid = cell.space.grid
    components, dim = loads.shape[1:]
    units = np.eye(components * dim).reshape(-1, components, dim)
    unit_values = jnp.stack([affine_values(grid, jnp.asarray(unit)) for unit in units])
    affine = loads.reshape(loads.shape[0], -1) @ unit_values
    forces = moduli.forces(grid)

    def kernel(values, data):
        values = values + affine[:, :, None]
        images = jax.vmap(lambda v: forces(v, data))(values)
        return None, (jnp.einsum("iam,jam->ij", values, images), jnp.sum(images, axis=2) @ unit_values.T)

    _, (both, mean) = sweep(grid, cell.space.expand(w), moduli.data, kernel)
    return both / grid.volume, (mean / grid.volume).reshape(loads.shape)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _stationary_form(cell: LinearCell, w, loads, moduli: Tangents):
    return energy_form(cell, w, loads, moduli)


@_stationary_form.defjvp
def _stationary_form_jvp(cell, primals, tangents):
    """The energies do not change with w at the solution, so dw is left out of their first derivative; the second
    differentiates this rule and meets it."""
    w, loads, moduli = primals
    dw, d_loads, d_moduli = tangents
    value = _stationary_form(cell, w, loads, moduli)
    _, of_energies = jax.jvp(lambda e, m: energy_form(cell, w, e, m)[0], (loads, moduli), (d_loads, d_moduli))
    _, of_mean = jax.jvp(lambda v, e, m: energy_form(cell, v, e, m)[1], primals, tangents)
    return value, (of_energies, of_mean)
