"""Sparse factorisation on the host."""

from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.fe.affine import AffineMap
from msjax.fe.elements import ElementOperator
from msjax.fe.linear.factorization import Reduced, has_pardiso, solve_on_host
from msjax.fe.linear.protocol import LinearSolver, judged
from msjax.typing import Array

Package = Literal["auto", "pardiso", "superlu"]


THREADS_PAY = 20_000
"""Components of all nodes below which PARDISO's threads cost more than they gain."""


class Constrained(eqx.Module):
    """The operator and its constraints."""

    operator: ElementOperator
    affine: AffineMap


class Direct(LinearSolver):
    """LU, or LDLᵀ where ``symmetric``, through a host callback: by SciPy's SuperLU, or for large systems by PARDISO
    where it is installed (the extra ``solvers``).

    The matrix is assembled on the host from the element matrices; its pattern and its last factorisation are kept, so
    that more right-hand sides cost a substitution each. Under ``vmap`` over right-hand sides there is one
    factorisation, over materials one after the other. SINGULAR where the residual of what was found is too large.
    """

    symmetric: bool = eqx.field(static=True, default=True)
    tolerance: float = eqx.field(static=True, default=1e-8)
    package: Package = eqx.field(static=True, default="auto")

    def prepare(self, operator: ElementOperator, affine: AffineMap) -> Constrained:
        """Nothing yet: factorisation comes with the first right-hand side. ``ValueError`` for an unknown package."""
        if self.package not in ("auto", "pardiso", "superlu"):
            raise ValueError(f"package: expected 'auto', 'pardiso' or 'superlu', got {self.package!r}")
        if self.package == "pardiso" and not has_pardiso():
            raise ValueError("package: 'pardiso' needs pypardiso (pip install 'msjax[solvers]')")
        return Constrained(operator, affine)

    def solve(self, prepared, rhs, start=None):
        """One factorisation unless the last one was of this matrix; ``start`` is not used."""
        return self._solve(prepared, rhs, False)

    def solve_transposed(self, prepared, rhs, start=None):
        """With the same factors."""
        return self._solve(prepared, rhs, not self.symmetric)

    def _solve(self, prepared: Constrained, rhs: Array, transposed: bool):
        operator, affine = prepared.operator, prepared.affine
        rhs = jnp.where(affine.free, rhs, 0.0)
        large = rhs.shape[-2] * rhs.shape[-1] > THREADS_PAY and has_pardiso()
        package = ("pardiso" if large else "superlu") if self.package == "auto" else self.package
        symmetric = self.symmetric

        def on_host(rhs, *arrays):
            ranks = (3, 2, 2, 1, 2, 2)
            rhs, arrays = np.asarray(rhs), [np.asarray(a) for a in arrays]
            leads = [a.shape[: a.ndim - rank] for a, rank in zip(arrays, ranks, strict=True)]
            shape = np.broadcast_shapes(rhs.shape[:-2], *leads)
            if all(int(np.prod(lead)) == 1 for lead in leads):  # one operator for all
                one = Reduced(*(a.reshape(a.shape[a.ndim - rank :]) for a, rank in zip(arrays, ranks, strict=True)))
                return solve_on_host(one, rhs.reshape(-1, *rhs.shape[-2:]), symmetric, transposed, package).reshape(
                    *shape, *rhs.shape[-2:]
                )
            answer = np.empty((*shape, *rhs.shape[-2:]))
            wide = [
                np.broadcast_to(a, (*shape, *a.shape[a.ndim - rank :])) for a, rank in zip(arrays, ranks, strict=True)
            ]
            right = np.broadcast_to(rhs, answer.shape)
            for member in np.ndindex(*shape):
                one = Reduced(*(a[member] for a in wide))
                answer[member] = solve_on_host(one, right[member][None], symmetric, transposed, package)[0]
            return answer

        x = jax.pure_callback(
            on_host,
            jax.ShapeDtypeStruct(rhs.shape, rhs.dtype),
            rhs,
            operator.element_matrices(),
            operator.cells,
            affine.free,
            affine.slaves,
            affine.masters,
            affine.weights,
            vmap_method="expand_dims",
        )
        finite = jnp.all(jnp.isfinite(x))
        x = jnp.where(finite, x, 0.0)
        applied = operator.transposed() if transposed else operator
        return x, judged(applied, affine, rhs, x, self.tolerance)
