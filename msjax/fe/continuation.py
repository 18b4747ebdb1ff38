"""One step along an equilibrium path: the load factor is an unknown, a constraint says how far to go.

Newton's method on the augmented system r(q, λ) = 0, c(q, λ) = s, solved by block elimination: with one preparation of
the stiffness, K a = −r and K b = −∂r/∂λ give dq = a + dλ b, and the linearised constraint gives dλ (doi:
10.1016/0020-7683(79)90081-7). All of it is exact: dead and following loads, prescribed displacements and anything else
that depends on λ come in through ∂r/∂λ.
"""

import abc
import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax.fe.elements import ElementOperator
from msjax.fe.problem import Problem, balance, round_off
from msjax.solvers.conjugate_gradients import norm
from msjax.status import Code, Status
from msjax.typing import Array, Bool, Float, Int, PyTree, Scalar


class Place(NamedTuple):
    """A point of the path, or a direction from one: q and u (n, c), the load factor, and the internal nodal forces
    (n, c), those of springs included."""

    q: Float[Array, "n c"]
    factor: Scalar
    u: Float[Array, "n c"]
    forces: Float[Array, "n c"]


class Control(abc.ABC):
    """What is prescribed of a step. Hashable: settings only."""

    @abc.abstractmethod
    def measure(self, place: Place, last: Place, scale: Scalar) -> Scalar:
        """What equals the size of the step; ``scale`` is the length of ∂q/∂λ at the first point."""


@dataclasses.dataclass(frozen=True)
class ArcLength(Control):
    """(‖Δq‖² + (weight · scale · Δλ)²)^½ with scale = ‖∂q/∂λ‖ at the start: spherical; cylindrical with weight 0
    (M. A. Crisfield, doi:10.1016/0045-7949(81)90108-5)."""

    weight: float = 1.0

    def measure(self, place, last, scale):
        """Smooth but at the last point, where no step stays."""
        squared = product(self, place_minus(place, last), place_minus(place, last), scale)
        return jnp.sqrt(jnp.where(squared > 0, squared, 1e-300))


@dataclasses.dataclass(frozen=True)
class Dissipation(Control):
    """Energy dissipated in the step, ½ (f₀·u − f·u₀) with the internal forces f: exact for small strains and materials
    that unload to the origin, such as local damage (M. A. Gutiérrez, doi:10.1002/cnm.661).

    ``arc`` takes over where a step dissipates less than the part ``threshold`` of its work.
    """

    threshold: float = 1e-3
    arc: ArcLength = ArcLength()  # noqa: RUF009

    def measure(self, place, last, scale):
        """Forces of reactions do work as well."""
        return 0.5 * (jnp.vdot(last.forces, place.u) - jnp.vdot(place.forces, last.u))


def place_minus(a: Place, b: Place) -> Place:
    """Difference."""
    return jax.tree.map(lambda x, y: x - y, a, b)


def place_plus(a: Place, direction: Place, length: Scalar) -> Place:
    """a + length · direction."""
    return jax.tree.map(lambda x, y: x + length * y, a, direction)


def product(arc: ArcLength, a: Place, b: Place, scale: Scalar) -> Scalar:
    """Scalar product of directions that belongs to the arc length."""
    return jnp.vdot(a.q, b.q) + (arc.weight * scale) ** 2 * a.factor * b.factor


class Step(NamedTuple):
    """A converged step: the place, the unit tangent of the path there, reactions, energy, trial states, stiffness, the
    status, and what the step dissipated by :class:`Dissipation`'s measure."""

    place: Place
    heading: Place
    reactions: Float[Array, "n c"]
    energy: Scalar
    states: tuple[PyTree, ...]
    stiffness: ElementOperator
    status: Status
    dissipated: Scalar


class System(NamedTuple):
    """What does not change along a path: the problem in full, its linear solver, inputs of the materials."""

    problem: Problem
    solver: Any
    inputs: Any


def _evaluated(system: System, at: Any, states: PyTree, q: Array, factor: Scalar):
    """Residual, u and internal forces with their derivatives in λ, and the rest of the balance."""

    def forces(factor):
        problem = at(system.problem, factor)
        u = problem.affine.displacement(q)
        found = balance(problem, u, states, system.inputs)
        internal = found.residual
        for load in problem.loads:
            action = load.act(problem.mesh, u)
            if action.stiffness is None:
                internal = internal - action.forces
        return (problem.affine.fold(found.residual), u, internal), found

    return jax.jvp(forces, (factor,), (jnp.ones_like(factor),), has_aux=True)


class _Turn(NamedTuple):
    place: Place
    per_factor: Place
    code: Int[Array, ""]
    turns: Int[Array, ""]
    residual: Scalar
    done: Bool[Array, ""]


@eqx.filter_jit
def advance(
    system: System,
    at: Any,
    control: Control,
    arc: ArcLength,
    states: PyTree,
    last: Place,
    begin: Place,
    size: Scalar,
    scale: Scalar,
    tolerance: float,
    max_steps: int,
) -> Step:
    """The point at ``size`` from the last one, from a first guess ``begin``. With ``size`` 0 the equilibrium at the
    load factor of ``begin``."""
    problem, solver = system.problem, system.solver.with_tolerance(min(1e-6, tolerance))
    affine = problem.affine
    none = jnp.zeros_like(last.q)

    def turn(s: _Turn) -> _Turn:
        (residual, u, internal), (d_residual, d_u, d_internal), found = _evaluated(
            system, at, states, s.place.q, s.place.factor
        )
        place = Place(s.place.q, s.place.factor, u, internal)
        prepared = solver.prepare(found.stiffness, affine)
        a, first = solver.solve(prepared, -residual, none)
        b, second = solver.solve(prepared, -d_residual, none)
        t_a, t_b = affine.expand(a), affine.expand(b) + d_u
        along = Place(a, jnp.zeros_like(s.place.factor), t_a, found.stiffness.apply(t_a))
        by_q = found.stiffness.apply(affine.expand(b))  # what u owes to λ directly is in d_internal
        per_factor = Place(b, jnp.ones_like(s.place.factor), t_b, by_q + d_internal)

        def of(place):
            return control.measure(place, last, scale)

        measured, by_a = jax.jvp(of, (place,), (along,))
        _, by_b = jax.jvp(of, (place,), (per_factor,))
        missing = size - measured
        change = jnp.where(size == 0, 0.0, (missing - by_a) / jnp.where(by_b == 0, 1e-300, by_b))
        length = norm(residual)
        balanced = length <= tolerance * found.size + round_off(problem, found.stiffness, u)
        near = balanced & ((jnp.abs(missing) <= 1e-6 * size) | (size == 0))
        sound = jnp.isfinite(length) & jnp.isfinite(change) & (found.code <= Code.UNSTABLE.value)
        lost = ~sound | first.failed | second.failed
        worst = jnp.maximum(first.code, second.code)
        why = jnp.where(found.code > Code.UNSTABLE.value, found.code, Code.NONFINITE.value)
        why = jnp.where(jnp.isfinite(length) & (worst > Code.UNSTABLE.value), worst, why)
        code = jnp.where(lost, why, jnp.where(near, Code.CONVERGED.value, s.code)).astype(jnp.int32)
        moved = Place(place.q + a + change * b, place.factor + change, u, internal)
        after = jax.tree.map(lambda x, y: jnp.where(near | lost, x, y), place, moved)
        relative = length / jnp.where(found.size > 0, found.size, 1.0)
        return _Turn(after, per_factor, code, s.turns + 1, relative, near | lost)

    zero = jnp.zeros(())
    start = _Turn(begin, begin, jnp.asarray(Code.MAX_STEPS.value, jnp.int32), jnp.asarray(0, jnp.int32), zero, zero > 1)
    end = jax.lax.while_loop(lambda s: ~s.done & (s.turns < max_steps), turn, start)
    increment = place_minus(end.place, last)
    if isinstance(control, Dissipation):  # around a sharp corner only the sign of what is dissipated tells the way
        along = control.measure(place_plus(end.place, end.per_factor, jnp.ones(())), end.place, scale)
    else:
        along = product(arc, end.per_factor, increment, scale)
    sign = jnp.where(jnp.where(size == 0, 1.0, along) < 0, -1.0, 1.0)
    length = jnp.sqrt(product(arc, end.per_factor, end.per_factor, scale))
    heading = jax.tree.map(lambda x: sign / length * x, end.per_factor)
    stepped = at(problem, end.place.factor)
    found = balance(stepped, end.place.u, states, system.inputs)
    dissipated = Dissipation().measure(end.place, last, scale)
    status = Status(end.code, end.turns, end.residual)
    return Step(end.place, heading, found.residual, found.energy, found.states, found.stiffness, status, dissipated)
