"""Natural frequencies about an equilibrium, and linear buckling."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax.fe.eigenpairs import Wanted, eigenpairs
from msjax.fe.linear import LinearSolver, default_solver
from msjax.fe.load_path import At
from msjax.fe.mass import Density, mass_matrix
from msjax.fe.problem import Problem, balance
from msjax.fe.solve import Solution
from msjax.fe.support import check_supported
from msjax.status import Code, Status, check, guard, screen
from msjax.typing import Array, Bool, Float, PyTree, concrete


class Vibration(eqx.Module):
    """Of :func:`vibration`: ``frequencies`` (k,) = ω/2π, ascending, negative where ω² is; ``squared`` (k,), the ω²;
    ``modes`` (k, n, c) with φ·M φ = 1; ``multiple`` (k,), whether a value is (nearly) one of several equal ones."""

    frequencies: Float[Array, " k"]
    squared: Float[Array, " k"]
    modes: Float[Array, "k n c"]
    multiple: Bool[Array, " k"]
    status: Status


def vibration(
    problem: Problem,
    density: Density = 1.0,
    count: int = 6,
    solution: Solution | None = None,
    state: PyTree = None,
    inputs: Any = None,
    *,
    lumped: bool = False,
    throw: bool = True,
) -> Vibration:
    """Lowest natural frequencies: K φ = ω² M φ with the tangent stiffness K at the undeformed body or at a solution.

    Prestress and following loads are in K; prescribed values are held; a body without supports has its rigid motions
    at 0. ω² is differentiable in everything, solution included (Hellmann and Feynman: dω² = φ·(dK − ω² dM) φ); modes
    and multiple values are not, their derivative is NaN.

    Args:
        problem: what vibrates; its stiffness must be symmetric.
        density: as for :func:`~msjax.fe.mass_matrix`; ω² is in units of stiffness over mass.
        count: how many.
        solution: the equilibrium it vibrates about.
        state: committed states of the materials there; a plastic material vibrates elastically.
        inputs: as in :func:`msjax.solve`.
        lumped: a diagonal mass matrix.
        throw: raise ``SolveError`` where Lanczos' method fails; otherwise all is NaN and the status says so.

    Raises:
        ValueError: a count out of range, an unsymmetric problem.

    >>> import msjax as ms
    >>> string = ms.fe.interval(1.0, 20)
    >>> bar = ms.fe.Problem(string, ms.NeoHooke(mu=0.5, lam=0.0, dim=1), [ms.fe.Dirichlet("x-")])  # E = 1
    >>> vibration(bar, count=2).frequencies.round(2).tolist()  # (2n + 1)/4
    [0.25, 0.75]
    """
    _checked(problem, count)
    u = jnp.zeros(problem.affine.free.shape) if solution is None else solution.u
    state = problem.initial_state() if state is None else state
    found = _vibration(problem, mass_matrix(problem, density, lumped).matrices, u, state, inputs, int(count))
    check(found.status, "vibration", throw)
    return found


@eqx.filter_jit
def _vibration(problem, mass, u, state, inputs, count):
    u = jnp.where(jnp.isfinite(u), u, jnp.nan)
    stiffness = balance(problem, u, state, inputs).stiffness
    found = eigenpairs(Wanted(count), stiffness.element_matrices(), mass, problem.mesh.cells, problem.affine)
    size = jnp.sqrt(jnp.where(found.values == 0, 1.0, jnp.abs(found.values)))
    frequencies = jnp.where(found.values == 0, 0.0, jnp.sign(found.values) * size) / (2.0 * jnp.pi)
    return Vibration(frequencies, found.values, found.vectors, found.multiple, found.status)


class Buckling(eqx.Module):
    """Of :func:`buckling`: load ``factors`` (k,), ascending, infinite where there are no more; ``modes`` (k, n, c)
    of unit size; ``multiple`` (k,), whether a value is (nearly) one of several equal ones."""

    factors: Float[Array, " k"]
    modes: Float[Array, "k n c"]
    multiple: Bool[Array, " k"]
    status: Status


def buckling(
    problem: Problem,
    count: int = 4,
    at: At = Problem.scaled,
    inputs: Any = None,
    *,
    solver: LinearSolver | None = None,
    throw: bool = True,
) -> Buckling:
    """Lowest positive factors of linear buckling: (K₀ + λ K_G) φ = 0.

    K₀ is the stiffness of the undeformed, unloaded body and K_G = dK/dλ along its linear response u = λ u₁: initial
    stress, initial displacement and the stiffness of the loads, exact by differentiation. The true critical load is
    that of :func:`~msjax.fe.trace`; the two agree where the body hardly deforms before it buckles. Factors are
    differentiable in everything as those of :func:`vibration`.

    Args:
        problem: the problem at load factor 1, of materials with finite strains.
        count: how many.
        at: the problem at a load factor (by default proportional); at 0 the undeformed body must be in equilibrium.
        inputs, solver: as in :func:`msjax.solve`, for u₁.
        throw: raise ``SolveError`` where a solve fails.

    Raises:
        ValueError: a linear problem (nothing buckles), an unsymmetric one, a count out of range, free rigid motions.

    >>> import msjax as ms
    >>> column = ms.fe.rectangle((20.0, 1.0), (10, 1), "quad9")
    >>> push = [ms.fe.Traction("x+", [-1e-3, 0.0])]
    >>> clamped = ms.fe.Problem(column, ms.NeoHooke(mu=0.5, lam=0.0, dim=2), [ms.fe.Dirichlet("x-")], push)
    >>> round(1e-3 * float(buckling(clamped, 1).factors[0]) * 4 * 12 * 20**2 / 9.8696, 2)  # π² E I/4 L²
    1.0
    """
    _checked(problem, count)
    if problem.linear:
        raise ValueError("problem: it is linear, and nothing buckles; use materials with finite strains")
    if concrete(problem.mesh.points, problem.affine.weights):
        check_supported(problem)
    solver = default_solver(problem) if solver is None else solver
    found = _buckling(problem, solver, at, inputs, int(count))
    check(found.status, "buckling", throw)
    return found


@eqx.filter_jit
def _buckling(problem, solver, at, inputs, count):
    affine, state = problem.affine, problem.initial_state()
    none = jnp.zeros(affine.free.shape)
    zero, one = jnp.zeros(()), jnp.ones(())

    def residual(factor):
        posed = at(problem, factor)
        return affine.fold(balance(posed, posed.affine.displacement(none), state, inputs).residual)

    def stiffness(factor, q):
        posed = at(problem, factor)
        return balance(posed, posed.affine.displacement(factor * q), state, inputs).stiffness

    unloaded = stiffness(zero, none)
    _, load = jax.jvp(residual, (zero,), (one,))
    q, of_solve = linear_solve(solver, unloaded, affine, -load)
    _, geometric = jax.jvp(lambda f: stiffness(f, q).element_matrices(), (zero,), (one,))
    found = eigenpairs(Wanted(count, largest=True), -geometric, unloaded.element_matrices(), problem.mesh.cells, affine)
    status = screen(found.status, of_solve.failed, Code.SINGULAR)
    positive = found.values > 0
    factors = jnp.where(positive, 1.0 / jnp.where(positive, found.values, 1.0), jnp.inf)
    factors = jnp.where(jnp.isnan(found.values), jnp.nan, factors)
    modes = found.vectors / jnp.max(jnp.abs(found.vectors), axis=(1, 2), keepdims=True)
    factors, modes = guard((factors, modes), status.failed)
    return Buckling(factors, modes, found.multiple, status)


def linear_solve(
    solver: LinearSolver, operator: Any, affine: Any, rhs: Float[Array, "n c"]
) -> tuple[Float[Array, "n c"], Status]:
    """Tᵀ K T q = rhs for a symmetric operator, differentiable in it and in the right-hand side."""
    fixed = jax.lax.stop_gradient(operator)
    prepared = solver.with_tolerance(1e-10).prepare(fixed, affine)

    def apply(q):
        return jnp.where(affine.free, affine.fold(operator.apply(affine.expand(q))), q)

    def solve(_, b):
        active = jnp.where(affine.free, b, 0.0)
        x, _ = solver.with_tolerance(1e-10).solve(prepared, active, jnp.zeros_like(b))
        return jnp.where(affine.free, x, b)

    q = jax.lax.custom_linear_solve(apply, rhs, solve, symmetric=True)
    left = rhs - apply(q)
    size = jnp.sqrt(jnp.vdot(rhs, rhs))
    relative = jnp.sqrt(jnp.vdot(left, left)) / jnp.where(size > 0, size, 1.0)
    code = jnp.where(relative <= 1e-6, Code.CONVERGED.value, Code.SINGULAR.value).astype(jnp.int32)
    return q, Status(code, jnp.ones_like(code), jax.lax.stop_gradient(relative))


def _checked(problem: Problem, count: int) -> None:
    if not problem.symmetric:
        raise ValueError("problem: its stiffness is not symmetric, and eigenvalues may be complex")
    if not 1 <= int(count) <= problem.unknowns:
        raise ValueError(f"count: expected 1 to {problem.unknowns}, the number of unknowns, got {count}")
