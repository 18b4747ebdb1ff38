"""The linear cell: fluctuation fields under unit loads and the effective stiffness, with derivatives.

Ŵ(w; E) = ⟨½ (E + ∇w):A:(E + ∇w)⟩ is quadratic; with the stationary w_i of the unit loads E_i

    C_ij = ⟨(E_i + ∇w_i) : A : (E_j + ∇w_j)⟩,   dC_ij = ⟨(E_i + ∇w_i) : dA : (E_j + ∇w_j)⟩

The first is exact to second order in the error of w, the second needs no further solve.
"""

import dataclasses
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.custom_derivatives import SymbolicZero

from msjax.fe.fluctuations import Fluctuations
from msjax.fe.voxels import affine_values, sweep
from msjax.homogenization.tangents import Tangents
from msjax.solvers.conjugate_gradients import ConjugateGradients, System, conjugate_gradients, refined
from msjax.solvers.stationary import FieldProblem, Linearized, at_stationary, stationary_field
from msjax.status import Code, Status, guard, nan_unless_zero, screen
from msjax.tensors import VOIGT
from msjax.typing import Array, Float


@dataclasses.dataclass(frozen=True)
class LinearCell(FieldProblem):
    """What makes a linear problem, static: the space of fluctuations and the solver's settings.

    As a problem for :func:`msjax.solvers.stationary.stationary_field` its arguments are (moduli, load (c, d)).
    """

    space: Fluctuations
    settings: ConjugateGradients

    def find(self, start, arguments):
        """The fluctuation of one load."""
        moduli, _ = arguments
        return *self.solve(moduli, -self.residual(jnp.zeros_like(start), arguments), start), None

    def residual(self, x, arguments):
        """Nodal forces of a fluctuation under the mean gradient (None: without), in the space's unknowns."""
        moduli, load = arguments
        forces = moduli.forces(self.space.grid)
        affine = None if load is None else affine_values(self.space.grid, load)

        def kernel(values, data):
            if affine is not None:
                values = values + affine[:, None]
            return forces(values, data), None

        assembled, _ = sweep(self.space.grid, self.space.expand(x), moduli.data, kernel)
        assert assembled is not None
        return self.space.fold(assembled)

    def linearized(self, x, arguments, kept=None):
        """The stiffness and its inverse; they do not depend on x."""
        moduli, _ = arguments

        def inverse(rhs):
            return self.solve(moduli, rhs, jnp.zeros_like(rhs))

        return Linearized(self.system(moduli, x).operator, inverse)

    def solve(self, moduli: Tangents, rhs: Array, start: Array) -> tuple[Array, Status]:
        """K w = rhs in the precision of the settings."""
        system = self.system(moduli, rhs)
        if self.settings.precision == "double":
            return conjugate_gradients(system, start, self.settings)
        low = jax.tree.map(lambda x: x.astype(jnp.float32), moduli)
        single = System(
            operator=lambda v: self.residual(v, (low, None)),
            precondition=self.space.solver(moduli.reference, single=True),
            rhs=rhs,
            floor=jnp.zeros((), jnp.float32),
        )
        return refined(system, single, start, self.settings)

    def system(self, moduli: Tangents, rhs: Array) -> System:
        """K w = rhs with the solver of the reference medium."""
        force = self.space.grid.volume / self.space.grid.voxels / float(np.max(self.space.grid.spacing))
        return System(
            operator=lambda v: self.residual(v, (moduli, None)),
            precondition=self.space.solver(moduli.reference),
            rhs=rhs,
            floor=1e-13 * force * moduli.largest * np.sqrt(rhs.size),
        )


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
    safe = jax.tree.map(lambda x: _void_where(x, ~finite), moduli)
    w, status = fluctuations(cell, safe, loads)
    status = screen(status, jnp.broadcast_to(~finite, status.code.shape), Code.NONFINITE)
    usable = status.ok.reshape(-1, *(1,) * (w.ndim - 1))
    energies, mean_stress = at_stationary(_EnergyForm(cell), jnp.where(usable, w, jnp.zeros_like(w)), (safe, loads))
    energies, mean_stress = guard((energies, mean_stress), jnp.any(status.failed))
    return Solved(energies, mean_stress, w, status)


@jax.custom_jvp
def _void_where(x, failed):
    """Zero where ``failed``, for ONE member; its derivative is then NaN, and zero for a zero tangent or cotangent."""
    return jnp.where(failed, jnp.zeros_like(x), x)


@partial(_void_where.defjvp, symbolic_zeros=True)
def _void_where_jvp(primals, tangents):
    x, failed = primals
    if isinstance(tangents[0], SymbolicZero):
        return _void_where(x, failed), tangents[0]

    def passed(_, b):
        return nan_unless_zero(b, failed)

    dx = jax.lax.custom_linear_solve(lambda v: v, tangents[0], solve=passed, transpose_solve=passed)
    return _void_where(x, failed), dx


def fluctuations(cell: LinearCell, moduli: Tangents, loads: Float[Array, "l c d"]):
    """Fluctuation fields of all loads and their statuses; differentiable in moduli and loads."""

    def solve(load):
        start = jnp.zeros((load.shape[0], *cell.space.shape))
        return stationary_field(cell, start, (moduli, load))

    # one load after the other keeps a CPU's cache; a GPU wants them all at once
    return jax.lax.map(solve, loads) if jax.default_backend() == "cpu" else jax.vmap(solve)(loads)


def energy_form(
    cell: LinearCell, w: Float[Array, "l c ..."], arguments: tuple[Tangents, Array]
) -> tuple[Float[Array, "l l"], Float[Array, "l c d"]]:
    """⟨(E_i + ∇w_i) : A : (E_j + ∇w_j)⟩, stationary in w, and ⟨A : (E_j + ∇w_j)⟩."""
    moduli, loads = arguments
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


@dataclasses.dataclass(frozen=True)
class _EnergyForm:
    cell: LinearCell

    def __call__(self, w, arguments):
        return energy_form(self.cell, w, arguments)
