"""Relaxation of a configuration: of its atoms, or of its atoms and its periods together."""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from msjax.crystal.configurations.configuration import Configuration
from msjax.crystal.configurations.evaluation import Evaluation, evaluate, total_energy
from msjax.crystal.configurations.neighbour_list import NeighbourList, dual_of, incomplete, neighbour_list
from msjax.crystal.potential import Potential
from msjax.solvers.conjugate_gradients import ConjugateGradients, System, conjugate_gradients_from_zero
from msjax.solvers.lbfgs import LBFGS, lbfgs
from msjax.solvers.stationary import FieldProblem, Linearized, at_stationary, stationary_field
from msjax.status import Code, Status, check, first_failure, guard, screen
from msjax.tensors import symmetric
from msjax.typing import Array, Float, Scalar, concrete

REBUILDS = 200
"""Lists made in one relaxation before it is given up."""


class Relaxed(NamedTuple):
    """``configuration`` where the forces vanish, its ``energy``, eV, and ``stress``, eV/Å^d, the ``neighbours`` it was
    found with, and the ``status``, whose residual is the largest force left, eV/Å."""

    configuration: Configuration
    energy: Scalar
    stress: Float[Array, "d d"]
    neighbours: NeighbourList
    status: Status


class _Given(NamedTuple):
    """``free`` (n, 1): 1 for atoms that move, 0 for those that are held; None where all move."""

    configuration: Configuration
    potential: Potential
    neighbours: NeighbourList
    free: Float[Array, "n 1"] | None


@dataclasses.dataclass(frozen=True)
class _Relaxation(FieldProblem):
    """Unknowns z (n, d): displacements before the cell is stretched; with a free cell d rows more, the symmetric
    stretch U − 1 times a length, so that both are of one curvature."""

    cell: str
    settings: LBFGS

    def place(self, z: Array, given: _Given) -> Configuration:
        """The configuration of these unknowns."""
        configuration = given.configuration
        n, dim = configuration.positions.shape
        moves = z[:n] if given.free is None else given.free * z
        moved = configuration.at(configuration.positions + moves)
        if self.cell == "fixed":
            return moved
        periods = configuration.cell[np.flatnonzero(configuration.periodic)]
        along = dual_of(periods) @ periods  # projects on the periods' span
        length = given.neighbours.radius * (0.5 * n**0.5)
        stretch = jnp.eye(dim) + along @ symmetric(z[n:]) @ along / jax.lax.stop_gradient(length)
        return moved.deformed(stretch)

    def energy(self, z: Array, given: _Given) -> Scalar:
        """E, eV."""
        at = self.place(z, given)
        return total_energy(given.potential, at.positions, at.cell, given.neighbours)

    def find(self, start, arguments):
        """The last point that was accepted, and what the derivatives need of it: nothing."""

        def function(z):
            total, gradient = jax.value_and_grad(self.energy)(z, arguments)
            at = self.place(z, arguments)
            known = jnp.all(jnp.isfinite(z)) & jnp.all(jnp.isfinite(at.positions)) & jnp.all(jnp.isfinite(at.cell))
            status = screen(Status.of(), ~known, Code.NONFINITE)
            missed = incomplete(arguments.neighbours, at.positions, at.cell, arguments.potential.cutoff)
            return total, gradient, screen(status, missed, Code.OVERFLOW).code

        x, status = lbfgs(function, start, self.settings)
        return x, status, None

    def residual(self, x, arguments):
        """∂E/∂z, and the unknowns' own values where E does not depend on them: held atoms, translation where there are
        none, rotation of the cell."""
        if arguments.free is not None:
            return jax.grad(self.energy)(x, arguments) + (1.0 - arguments.free) * x
        n = arguments.configuration.atoms
        own = jnp.broadcast_to(jnp.mean(x[:n], axis=0, keepdims=True), x[:n].shape)
        if self.cell == "free":
            turn = 0.5 * (x[n:] - x[n:].T)
            own = jnp.concatenate([own, turn])
        return jax.grad(self.energy)(x, arguments) + own

    def linearized(self, x, arguments, kept):
        """The Hessian, by conjugate gradients."""

        def operator(v):
            return jax.jvp(lambda z: self.residual(z, arguments), (x,), (v,))[1]

        def solve(rhs):
            system = System(operator, lambda r: r, rhs, jnp.zeros(()))
            return conjugate_gradients_from_zero(system, ConjugateGradients(tolerance=1e-10, max_steps=5000))

        return Linearized(operator, solve)

    def results(self, z: Array, given: _Given) -> tuple[Scalar, tuple[Configuration, Evaluation]]:
        """The energy, which is stationary, and what is not."""
        at = self.place(z, given)
        found = evaluate(at, given.potential, given.neighbours)
        return found.energy, (at, found)


def relax(
    configuration: Configuration,
    potential: Potential,
    *,
    cell: Literal["fixed", "free"] = "fixed",
    held: ArrayLike | Sequence[int] | Sequence[bool] | None = None,
    neighbours: NeighbourList | None = None,
    tolerance: float = 1e-6,
    max_steps: int = 2000,
    throw: bool = True,
) -> Relaxed:
    """The minimum of the energy near a configuration: no force larger than ``tolerance``, eV/Å, in any component.

    With ``cell="free"`` a symmetric stretch of the periods joins the unknowns, x = U (x₀ + u), and the stress along
    them vanishes as well; scaled by a length times √n it is held to the same tolerance. Limited-memory BFGS.

    ``held`` atoms, a mask (n,) or indices, stay where they are, whatever force is on them, as the rim of a cylinder
    about a dislocation or a crack:

        relax(screw, potential, held=np.hypot(*screw.positions[:, :2].T) > inner)

    Energy and positions are differentiable in where they are held. They are structure, and the cell is fixed.

    Without ``neighbours`` lists are made on the host, as often as the atoms use up their skin. With a list everything
    is traced: jit, vmap and derivatives work, the positions and the cell being implicit functions of the potential's
    parameters; a used-up skin is OVERFLOW. For derivatives start from what is relaxed already, with its ``neighbours``:

        relaxed = relax(configuration, potential)
        jax.grad(lambda p: relax(relaxed.configuration, p, neighbours=relaxed.neighbours).energy)(potential)

    A failed member (MAX_STEPS, OVERFLOW, NONFINITE, OUTSIDE_TABLE) is NaN with its status; it raises
    :class:`msjax.status.SolveError` when ``throw`` and it is concrete. Raises ``ValueError`` for a cell that is
    neither fixed nor free, a free one without periods or with atoms held, what is neither a mask of the atoms nor
    indices of some, naming the index, and as :func:`evaluate` and :func:`neighbour_list` do.

    >>> import msjax as ms
    >>> from msjax.crystal.configurations import relax
    >>> crystal = ms.Configuration.of(ms.bulk("Cu", "fcc", a=3.7), 2)
    >>> found = relax(crystal, ms.EAM.gupta("Cu"), cell="free")
    >>> round((4.0 * float(found.configuration.volume) / 8) ** (1 / 3), 3)
    3.615
    """
    if cell not in ("fixed", "free"):
        raise ValueError(f"cell: expected 'fixed' or 'free', got {cell!r}")
    if cell == "free" and not any(configuration.periodic):
        raise ValueError("cell: nothing is periodic; there is no cell to be free")
    if not (tolerance > 0.0 and max_steps > 0):
        raise ValueError(f"tolerance = {tolerance}, max_steps = {max_steps}: must be positive")
    free = _free(held, configuration.atoms)
    if cell == "free" and free is not None:
        raise ValueError("held: atoms are held in a fixed cell only; with a free one they would have to follow it")
    problem = _Relaxation(cell, LBFGS(tolerance=tolerance, max_steps=max_steps))
    if neighbours is not None:
        evaluate(configuration, potential, neighbours)  # refuses what does not go together
        found = _relax(problem, _Given(configuration, potential, neighbours, free))
    else:
        found = _with_rebuilds(problem, configuration, potential, free)
    check(found.status, "relax", throw)
    return found


def _free(held: Any, n: int) -> Float[Array, "n 1"] | None:
    """1 for atoms that move and 0 for those held; None where nobody is."""
    if held is None:
        return None
    if not concrete(held):
        raise ValueError("held: is traced (inside jit, vmap or grad); which atoms are held is structure")
    given = np.asarray(held)
    mask = np.zeros(n, bool)
    if given.dtype == bool:
        if given.shape != (n,):
            raise ValueError(f"held: expected a mask of shape ({n},), one answer per atom, got {given.shape}")
        mask = given
    elif given.size:
        if given.ndim != 1 or not np.issubdtype(given.dtype, np.integer):
            raise ValueError(f"held: expected a mask or indices of atoms, got {given.dtype} of shape {given.shape}")
        outside = given[(given < 0) | (given >= n)]
        if len(outside):
            raise ValueError(f"held: no atom {outside[0]}; indices lie between 0 and {n - 1}")
        mask[given] = True
    return jnp.asarray(~mask, float)[:, None] if mask.any() else None


def _with_rebuilds(
    problem: _Relaxation, configuration: Configuration, potential: Potential, free: Float[Array, "n 1"] | None
) -> Relaxed:
    neighbours, spent = neighbour_list(configuration, potential), 0
    given = _Given(configuration, potential, neighbours, free)
    z = _start(problem, given)
    for _ in range(REBUILDS):
        z, status = _advance(problem, given, z)
        spent += int(status.iterations)
        at = problem.place(z, given)
        if np.all(np.isfinite(at.positions)) and np.all(np.isfinite(at.cell)):
            given = given._replace(neighbours=neighbour_list(at, potential, previous=given.neighbours))
        if int(status.code) != Code.OVERFLOW or spent >= problem.settings.max_steps:
            break
    return _report(problem, given, z, eqx.tree_at(lambda s: s.iterations, status, jnp.asarray(spent, jnp.int32)))


@eqx.filter_jit
def _advance(problem: _Relaxation, given: _Given, z: Float[Array, "m d"]) -> tuple[Float[Array, "m d"], Status]:
    z, status, _ = problem.find(z, given)
    return z, status


@eqx.filter_jit
def _relax(problem: _Relaxation, given: _Given) -> Relaxed:
    z, status = stationary_field(problem, _start(problem, given), given)
    return _report(problem, given, z, status)


@eqx.filter_jit
def _report(problem: _Relaxation, given: _Given, z: Float[Array, "m d"], status: Status) -> Relaxed:
    energy, (at, found) = at_stationary(problem.results, z, given)
    status = first_failure(status, found.status)
    at, energy, stress = guard((at, energy, found.stress), status.failed)
    return Relaxed(at, energy, stress, given.neighbours, status)


def _start(problem: _Relaxation, given: _Given) -> Float[Array, "m d"]:
    n, dim = given.configuration.positions.shape
    return jnp.zeros((n + (dim if problem.cell == "free" else 0), dim))
