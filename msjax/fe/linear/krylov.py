"""Krylov methods with block-Jacobi preconditioning: any mesh, any constraints, nothing built beforehand."""

from typing import Literal

import equinox as eqx
import jax.numpy as jnp

from msjax.fe.affine import AffineMap
from msjax.fe.elements import ElementOperator
from msjax.fe.linear.protocol import LinearSolver, reduced
from msjax.fe.linear.sweep import generalized_inverse, times_blocks
from msjax.solvers.conjugate_gradients import ConjugateGradients, System, conjugate_gradients
from msjax.solvers.gmres import gmres
from msjax.solvers.minres import minres
from msjax.typing import Array, Float

Method = Literal["cg", "minres", "gmres"]


class Scaled(eqx.Module):
    """The system, and inverses of its diagonal blocks in the layout (c, c, n)."""

    operator: ElementOperator
    affine: AffineMap
    inverse: Float[Array, "c c n"]

    def scale(self, r: Float[Array, "n c"]) -> Float[Array, "n c"]:
        """D⁻¹ r."""
        return times_blocks(self.inverse, r.T).T


class Krylov(LinearSolver):
    """Conjugate gradients ("cg"), MINRES for symmetric indefinite or restarted GMRES for non-symmetric operators.

    Block-Jacobi scales the nodes' unknowns; with MINRES, whose scaling must be definite, by the diagonal's magnitude.
    """

    method: Method = eqx.field(static=True, default="cg")
    tolerance: float = eqx.field(static=True, default=1e-8)
    max_steps: int = eqx.field(static=True, default=10_000)
    restart: int = eqx.field(static=True, default=50)

    def prepare(self, operator: ElementOperator, affine: AffineMap) -> Scaled:
        """The inverse diagonal blocks. Raises ``ValueError`` for an unknown method."""
        if self.method not in ("cg", "minres", "gmres"):
            raise ValueError(f"method: expected 'cg', 'minres' or 'gmres', got {self.method!r}")
        blocks = diagonal_blocks(operator, affine)
        if self.method == "cg":
            return Scaled(operator, affine, generalized_inverse(blocks))
        unit = jnp.eye(operator.components)[:, :, None]
        diagonal = jnp.abs(jnp.sum(unit * blocks, axis=1))
        # a multiplier has no diagonal of its own
        mean = jnp.sum(diagonal) / jnp.maximum(jnp.sum(diagonal > 0).astype(diagonal.dtype), 1.0)
        inverse = 1.0 / jnp.where(diagonal > 0, diagonal, jnp.where(mean > 0, mean, 1.0))
        return Scaled(operator, affine, unit * jnp.where(affine.free.T, inverse, 0.0)[None])

    def solve(self, prepared, rhs, start=None):
        """SINGULAR where "cg" meets a direction without positive curvature or "minres" an inconsistent system."""
        free = prepared.affine.free
        rhs = jnp.where(free, rhs, 0.0)
        start = jnp.zeros_like(rhs) if start is None else jnp.where(free, start, 0.0)
        system = System(
            operator=lambda x: reduced(prepared.operator, prepared.affine, x),
            precondition=prepared.scale,
            rhs=rhs,
            floor=jnp.zeros((), rhs.dtype),
        )
        settings = ConjugateGradients(self.tolerance, self.max_steps, check=200)
        if self.method == "cg":
            return conjugate_gradients(system, start, settings)
        if self.method == "minres":
            return minres(system, start, settings)
        return gmres(system, start, settings, self.restart)

    def solve_transposed(self, prepared, rhs, start=None):
        """With Kᵀ where "gmres" says that it differs."""
        if self.method != "gmres":
            return self.solve(prepared, rhs, start)
        return self.solve(eqx.tree_at(lambda p: p.operator, prepared, prepared.operator.transposed()), rhs, start)


def diagonal_blocks(operator: ElementOperator, affine: AffineMap) -> Float[Array, "c c n"]:
    """Of Tᵀ K T, rows and columns that are not free zero: blocks (c, c, n).

    Where components follow others, their own stiffness is added to the diagonal of what they follow (w² k): what
    couples the two is left out, so that blocks of a positive definite operator stay so.
    """
    blocks = operator.diagonal_blocks()
    if affine.slaves.size:
        c = operator.components
        unit = jnp.eye(c)[None]
        own = jnp.sum(unit * blocks, axis=2).reshape(-1)[affine.slaves]
        added = jnp.zeros(blocks.shape[0] * c).at[affine.masters].add(affine.weights**2 * own[:, None])
        blocks = blocks + unit * added.reshape(-1, c, 1)
    free = affine.free
    return jnp.moveaxis(jnp.where(free[:, :, None] & free[:, None, :], blocks, 0.0), 0, 2)
