"""The linear solver a user gets without asking."""

import jax
import jax.numpy as jnp
import numpy as np

from msjax.fe.linear.aggregation import Aggregation, has_pyamg
from msjax.fe.linear.direct import Direct
from msjax.fe.linear.multigrid import Multigrid
from msjax.fe.linear.protocol import LinearSolver
from msjax.fe.problem import Problem, balance
from msjax.typing import concrete

LARGE = 30_000
"""Components of all nodes above which a factorisation costs more than algebraic multigrid with its set-up."""


def default_solver(problem: Problem) -> LinearSolver:
    """Chosen from what kind of mesh, constraints and materials a problem has.

    - not symmetric, or the formulation of nearly incompressible media: :class:`Direct`;
    - a regular grid of degree 1 with prescribed components only: :class:`Multigrid`;
    - many unknowns: :class:`Aggregation`, set up from the undeformed stiffness, where pyamg is installed and the
      problem is concrete;
    - else :class:`Direct`.

    >>> import msjax as ms
    >>> held = [ms.fe.Dirichlet("x-")]
    >>> steel = ms.IsotropicElastic(1.0, 0.3, dim=2)
    >>> [type(default_solver(ms.fe.Problem(ms.fe.rectangle((1.0, 1.0), (4, 4), kind=kind), steel, held))).__name__
    ...  for kind in ("quad4", "tri3")]
    ['Multigrid', 'Direct']
    """
    mesh, affine = problem.mesh, problem.affine
    if not problem.symmetric or problem.formulation.mean_dilatation:
        return Direct(symmetric=problem.symmetric)
    multilinear = mesh.grid is not None and mesh.cells.shape[1] == 2 ** len(mesh.grid)
    if multilinear and affine.pins_only:
        return Multigrid(spacing=_spacing(problem))
    if affine.free.size > LARGE and has_pyamg() and concrete(*jax.tree.leaves(problem)):
        undeformed = balance(problem, jnp.zeros(affine.free.shape), problem.initial_state())
        return Aggregation.of(undeformed.stiffness, affine, mesh.points)
    return Direct()


def _spacing(problem: Problem) -> tuple[float, ...] | None:
    """Mean edges of the cells; None (all alike) where positions are traced."""
    points, grid = problem.mesh.points, problem.mesh.grid
    if not concrete(points) or grid is None:
        return None
    where = np.asarray(points).reshape(*(n + 1 for n in grid), -1)
    edges = [np.linalg.norm(np.diff(where, axis=axis), axis=-1).mean() for axis in range(len(grid))]
    return tuple(float(f"{edge:.3g}") for edge in edges)
