"""Effective stiffness of many cells, cut into pieces: members that converge early make room for the next."""

import dataclasses
from collections.abc import Callable
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp

from msjax.homogenization.effective import as_matrix
from msjax.homogenization.linear_cell import energy_form, unit_loads
from msjax.homogenization.rve import RVE
from msjax.solvers.compaction import Iteration
from msjax.solvers.conjugate_gradients import Iterate, advance, begin, end
from msjax.status import Code, Status, screen, worst
from msjax.typing import Array, Float, PyTree


class StiffnessResult(NamedTuple):
    """Columns of an ensemble's table: C (v, v), the Hill–Mandel defect over Voigt's bound, and Voigt's bound (v, v)."""

    stiffness: Float[Array, "v v"]
    hill_mandel: Float[Array, ""]
    voigt: Float[Array, "v v"]


class _Carry(NamedTuple):
    rhs: Float[Array, "l c ..."]
    iterates: Iterate  # with the loads on axis 0


@dataclasses.dataclass(frozen=True)
class CellStiffness(Iteration):
    """Effective stiffness of the cell ``build(shared, member)``, ``steps`` iterations at a time.

    For :func:`msjax.ensemble`. ``build`` is a JAX function (module level, or another hashable callable) that returns
    an :class:`~msjax.RVE` of linear materials; the table's columns are those of :class:`StiffnessResult`.

    >>> import jax, jax.numpy as jnp, msjax as ms
    >>> def random_cell(shared, key):
    ...     phases = jax.random.bernoulli(key, 0.3, (8, 8)).astype(int)
    ...     return ms.RVE(phases, [ms.IsotropicElastic(1.0, 0.3, 2), ms.IsotropicElastic(shared, 0.3, 2)])
    >>> table = ms.ensemble(ms.CellStiffness(random_cell), 5, shared=jnp.array(10.0))
    >>> table["stiffness"].shape, table.failed
    ((5, 3, 3), 0)
    """

    build: Callable[[PyTree, PyTree], RVE]
    steps: int = 20

    cpu_lanes: ClassVar[int | None] = 1

    def begin(self, shared: PyTree, member: PyTree) -> _Carry:
        """Right-hand sides of all loads, from no fluctuation."""
        rve = self.build(shared, member)
        cell, moduli, loads = self._problem(rve)
        start = jnp.zeros((loads.shape[1], *cell.space.shape))

        def one(load):
            rhs = -cell.residual(start, (moduli, load))
            return _Carry(rhs, begin(cell.system(moduli, rhs), start))

        return _each(one, loads)

    def advance(self, shared: PyTree, member: PyTree, carry: _Carry) -> _Carry:
        """Some iterations of every load."""
        cell, moduli, _ = self._problem(self.build(shared, member))

        def one(mine):
            system = cell.system(moduli, mine.rhs)
            return _Carry(mine.rhs, advance(system, mine.iterates, cell.settings, self.steps))

        return _each(one, carry)

    def finished(self, carry: _Carry):
        """Whether all loads have ended."""
        return jnp.all(carry.iterates.done)

    def end(self, shared: PyTree, member: PyTree, carry: _Carry) -> tuple[StiffnessResult, Status]:
        """Stiffness from the energies of the fields."""
        cell, moduli, loads = self._problem(self.build(shared, member))
        w, each = jax.vmap(lambda mine: end(cell.system(moduli, mine.rhs), mine.iterates))(carry)
        energies, stress = energy_form(cell, w, (moduli, loads))
        upper = as_matrix(moduli.reference)
        mean = jnp.einsum("icd,jcd->ij", loads, stress)
        defect = jnp.max(jnp.abs(jnp.diagonal(energies - mean))) / jnp.max(jnp.abs(upper))
        status = worst(each)
        status = screen(status, ~jnp.all(jnp.isfinite(energies)), Code.NONFINITE)
        return StiffnessResult(energies, defect, upper), status

    def _problem(self, rve: RVE):
        loads = jnp.asarray(unit_loads(*rve.reference_strain.shape))
        return rve.cell, rve.moduli, loads


def _each(function, carried):
    """One load after the other on a CPU, whose cache they would share; all at once elsewhere."""
    return jax.lax.map(function, carried) if jax.default_backend() == "cpu" else jax.vmap(function)(carried)
