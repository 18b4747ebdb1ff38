"""Conjugate gradients with geometric multigrid on regular grids."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.fe.affine import AffineMap
from msjax.fe.elements import ElementOperator
from msjax.fe.linear.assembly import stencil_of
from msjax.fe.linear.lattice import Lattice
from msjax.fe.linear.protocol import LinearSolver, reduced
from msjax.fe.linear.smoothing import chebyshev, largest_eigenvalue
from msjax.fe.linear.stencil import Stencil, prolong, restrict
from msjax.fe.linear.sweep import generalized_inverse, times_blocks
from msjax.solvers.conjugate_gradients import (
    ConjugateGradients,
    System,
    conjugate_gradients,
    conjugate_gradients_from_zero,
    norm,
)
from msjax.typing import Array, Float, Scalar

COARSEST = 400
"""Unknowns of a level that are solved densely."""


class Level(eqx.Module):
    """A stencil A, the inverses of its diagonal blocks (zero where not free) and the largest eigenvalue of D⁻¹A."""

    stencil: Stencil
    inverse: Float[Array, "c c places"]
    largest: Scalar

    def scale(self, rows: Float[Array, "c places"]) -> Float[Array, "c places"]:
        """D⁻¹ r."""
        return times_blocks(self.inverse, rows)


class Hierarchy(eqx.Module):
    """Levels from fine to coarse, the dense inverse of the coarsest, and the nodes of all."""

    operator: ElementOperator
    affine: AffineMap
    levels: tuple[Level, ...]
    coarsest: Float[Array, "k k"]
    lattices: tuple[Lattice, ...] = eqx.field(static=True)


class Multigrid(LinearSolver):
    """Conjugate gradients preconditioned by a V-cycle on the grid's own hierarchy.

    Coarse operators are exact Galerkin products Pᵀ K P with (bi-, tri-) linear P, which see the material of every cell
    and every prescribed component; Chebyshev–block-Jacobi smoothing, ``smoothing`` steps before and after; a dense
    inverse below some hundred unknowns. The number of iterations does not depend on the size of the grid.

    The hierarchy is float32, half the memory traffic; the iteration around it and the residual that is judged are
    float64 (``double=True`` makes all of it float64).

    ``spacing``, the edges of a cell where they differ: axes are then coarsened when theirs is (nearly) the smallest.
    """

    tolerance: float = eqx.field(static=True, default=1e-8)
    max_steps: int = eqx.field(static=True, default=200)
    smoothing: int = eqx.field(static=True, default=2)
    spacing: tuple[float, ...] | None = eqx.field(static=True, default=None)
    double: bool = eqx.field(static=True, default=False)

    def prepare(self, operator: ElementOperator, affine: AffineMap) -> Hierarchy:
        """Assemble the stencil of the free components and coarsen it.

        Raises ``ValueError`` where the operator has no regular grid of degree 1, and for constraints that tie
        components to others.
        """
        if not affine.pins_only:
            raise ValueError("affine: multigrid takes prescribed components, not ties between components")
        dtype = jnp.dtype(jnp.float64 if self.double else jnp.float32)
        grid = operator.multilinear_grid
        if grid is None:
            raise ValueError("operator: multigrid needs the cells of a regular grid, of degree 1")
        lattice = Lattice(grid)
        stencils = [stencil_of(operator, lattice.rows(affine.free), dtype)]
        for axes in coarsenings(grid, operator.components, self.spacing):
            stencils.append(stencils[-1].coarsened(axes))
        lattices = tuple(stencil.lattice for stencil in stencils)
        return Hierarchy(operator, affine, _levels(stencils[:-1]), generalized_inverse(_dense(stencils[-1])), lattices)

    def solve(self, prepared, rhs, start=None):
        """Conjugate gradients; SINGULAR where the operator shows itself indefinite."""
        free = prepared.affine.free
        rhs = jnp.where(free, rhs, 0.0)

        def precondition(r: Float[Array, "n c"]) -> Float[Array, "n c"]:
            lattice, size = prepared.lattices[0], norm(r)
            rows = lattice.rows(r / jnp.where(size > 0, size, 1.0)).astype(prepared.coarsest.dtype)
            z = lattice.nodal(self.cycle(prepared, rows)).astype(r.dtype)
            return jnp.where(free, size * z, 0.0)  # what is interpolated to where nothing is free does not count

        system = System(
            operator=lambda x: reduced(prepared.operator, prepared.affine, x),
            precondition=precondition,
            rhs=rhs,
            floor=jnp.zeros((), rhs.dtype),
        )
        settings = ConjugateGradients(self.tolerance, self.max_steps)
        if start is not None:
            return conjugate_gradients(system, jnp.where(free, start, 0.0), settings)
        return conjugate_gradients_from_zero(system, settings)

    def solve_transposed(self, prepared, rhs, start=None):
        """The operator is symmetric."""
        return self.solve(prepared, rhs, start)

    def cycle(self, prepared: Hierarchy, rhs: Float[Array, "c places"], depth: int = 0) -> Float[Array, "c places"]:
        """One V-cycle for the level of this depth, from zero."""
        fine = prepared.lattices[depth]
        if depth == len(prepared.levels):
            nodal = fine.nodal(rhs)
            return fine.rows((prepared.coarsest @ nodal.reshape(-1)).reshape(nodal.shape))
        level, coarse = prepared.levels[depth], prepared.lattices[depth + 1]
        apply, scale = level.stencil.apply, level.scale
        x, residual = chebyshev(apply, scale, level.largest, self.smoothing, jnp.zeros_like(rhs), rhs)
        below = self.cycle(prepared, restrict(residual, fine, coarse), depth + 1)
        correction = prolong(below, coarse, fine)
        x, _ = chebyshev(apply, scale, level.largest, self.smoothing, x + correction, residual, correction)
        return x


def coarsenings(
    cells: tuple[int, ...], components: int, spacing: tuple[float, ...] | None
) -> tuple[tuple[int, ...], ...]:
    """The axes that are coarsened, level by level, until few unknowns are left."""
    edges = np.ones(len(cells)) if spacing is None else np.array(spacing, float)
    lattice, plan = Lattice(cells), []
    while components * np.prod(lattice.nodes) > COARSEST and max(lattice.cells) > 1:
        open_ = [axis for axis, n in enumerate(lattice.cells) if n > 1]
        least = min(edges[axis] for axis in open_)
        axes = tuple(axis for axis in open_ if edges[axis] < 1.5 * least)
        edges[list(axes)] *= 2.0
        lattice = lattice.coarser(axes)
        plan.append(axes)
    return tuple(plan)


def _levels(stencils: list[Stencil]) -> tuple[Level, ...]:
    """Blocks of all levels lie in one row: their inverses are one program."""
    if not stencils:
        return ()
    inverses = generalized_inverse(jnp.concatenate([stencil.diagonal_blocks for stencil in stencils], axis=2))
    ends = np.cumsum([stencil.lattice.places for stencil in stencils])[:-1].tolist()
    levels = []
    for stencil, inverse in zip(stencils, jnp.split(inverses, ends, axis=2), strict=True):
        like = jax.ShapeDtypeStruct(inverse.shape[1:], inverse.dtype)
        scale = partial(times_blocks, inverse)
        levels.append(Level(stencil, inverse, largest_eigenvalue(stencil.apply, scale, like)))
    return tuple(levels)


def _dense(stencil: Stencil) -> Float[Array, "k k"]:
    lattice, components = stencil.lattice, stencil.values.shape[1]
    size = components * int(np.prod(lattice.nodes))
    units = jnp.eye(size, dtype=stencil.values.dtype).reshape(size, -1, components)
    return jax.vmap(lambda u: lattice.nodal(stencil.apply(lattice.rows(u))).reshape(-1))(units)
