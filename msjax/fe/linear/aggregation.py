"""Conjugate gradients with smoothed aggregation on unstructured meshes."""

import importlib.util
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import scipy.sparse as sparse

from msjax.fe.affine import AffineMap
from msjax.fe.elements import ElementOperator
from msjax.fe.linear.factorization import Reduced
from msjax.fe.linear.krylov import diagonal_blocks
from msjax.fe.linear.protocol import LinearSolver, reduced
from msjax.fe.linear.smoothing import chebyshev, largest_eigenvalue
from msjax.fe.linear.sparse_blocks import SparseBlocks
from msjax.fe.linear.sweep import generalized_inverse, times_blocks
from msjax.solvers.conjugate_gradients import ConjugateGradients, System, conjugate_gradients
from msjax.typing import Array, Float, Scalar, concrete

COARSEST = 300
"""Unknowns of a level that are solved densely."""


class Coarse(eqx.Module):
    """A fixed level below the finest: its matrix, inverse diagonal blocks, λmax(D⁻¹A), and the way to the next."""

    matrix: SparseBlocks
    inverse: Float[Array, "c c n"]
    largest: Scalar
    down: SparseBlocks

    def scale(self, r: Float[Array, "n c"]) -> Float[Array, "n c"]:
        """D⁻¹ r."""
        return times_blocks(self.inverse, r.T).T


class Smoothed(eqx.Module):
    """What belongs to the operator at hand: its diagonal, its λmax, and how much of the coarse correction is taken."""

    operator: ElementOperator
    affine: AffineMap
    inverse: Float[Array, "c c n"]
    largest: Scalar
    share: Scalar

    def apply(self, x: Float[Array, "n c"]) -> Float[Array, "n c"]:
        """Tᵀ K T x."""
        return reduced(self.operator, self.affine, x)

    def scale(self, r: Float[Array, "n c"]) -> Float[Array, "n c"]:
        """D⁻¹ r."""
        return times_blocks(self.inverse, r.T).T


class Aggregation(LinearSolver):
    """Conjugate gradients preconditioned by a V-cycle of smoothed aggregation (doi:10.1007/BF02238511).

    :meth:`of` builds the hierarchy once, on the host, with pyamg from a representative operator, its constraints
    included, with the rigid-body modes as what coarse levels must represent. The cycle is JAX: Chebyshev smoothing of
    the current operator on the finest level, the fixed hierarchy below, scaled so that the whole stays definite
    however much the operator has changed. Far from the representative iterations grow; build anew there.
    """

    down: SparseBlocks
    levels: tuple[Coarse, ...]
    coarsest: Float[Array, "k k"]
    tolerance: float = eqx.field(static=True, default=1e-8)
    max_steps: int = eqx.field(static=True, default=500)
    smoothing: int = eqx.field(static=True, default=2)

    @classmethod
    def of(
        cls,
        operator: ElementOperator,
        affine: AffineMap,
        points: Any,
        tolerance: float = 1e-8,
        max_steps: int = 500,
        smoothing: int = 2,
    ) -> "Aggregation":
        """The hierarchy of a concrete operator on nodes at ``points`` (n, d).

        Raises ``ValueError`` without pyamg (the extra ``solvers``) and for traced arguments.
        """
        if not has_pyamg():
            raise ValueError("Aggregation: needs pyamg (pip install 'msjax[solvers]')")
        if not concrete(*jax.tree.leaves((operator, affine)), points):
            raise ValueError("operator: the hierarchy is built on the host, from concrete arrays, not under jit")
        matrix = _square(operator, affine)
        modes = np.where(np.asarray(affine.free).reshape(-1, 1), near_null_space(np.asarray(points), operator), 0.0)
        from pyamg.aggregation import smoothed_aggregation_solver

        built = smoothed_aggregation_solver(
            matrix, B=modes, symmetry="symmetric", max_coarse=COARSEST // modes.shape[1], improve_candidates=None
        )
        levels = []
        for below in built.levels[1:-1]:
            block = SparseBlocks.of(below.A.tobsr())
            inverse = generalized_inverse(block.diagonal_blocks())
            like = jax.ShapeDtypeStruct((block.shape[0], inverse.shape[0]), inverse.dtype)
            largest = largest_eigenvalue(block.apply, lambda r, b=inverse: times_blocks(b, r.T).T, like)
            levels.append(Coarse(block, inverse, largest, SparseBlocks.of(below.P.tobsr())))
        if len(built.levels) == 1:  # small already: one exact level below
            size = matrix.shape[0]
            down = sparse.bsr_array(sparse.eye_array(size).tobsr((operator.components,) * 2))
        else:
            down = built.levels[0].P.tobsr()
        coarsest = np.linalg.pinv(built.levels[-1].A.toarray(), rcond=1e-10, hermitian=True)
        return cls(
            down=SparseBlocks.of(down),
            levels=tuple(levels),
            coarsest=jnp.asarray(coarsest),
            tolerance=tolerance,
            max_steps=max_steps,
            smoothing=smoothing,
        )

    def prepare(self, operator: ElementOperator, affine: AffineMap) -> Smoothed:
        """Diagonal and largest eigenvalues of the current operator."""
        inverse = generalized_inverse(diagonal_blocks(operator, affine))
        like = jax.ShapeDtypeStruct(affine.free.shape, inverse.dtype)
        bare = Smoothed(operator, affine, inverse, jnp.ones(()), jnp.ones(()))
        largest = largest_eigenvalue(bare.apply, bare.scale, like)
        # a coarse correction C with λmax(C A) ≤ 1 keeps the cycle definite; for the representative it is 1 already
        change = largest_eigenvalue(bare.apply, lambda r: self._below(affine, r), like, 4, floor=1e-30)
        return Smoothed(operator, affine, inverse, largest, 1.0 / change)

    def solve(self, prepared, rhs, start=None):
        """Conjugate gradients; SINGULAR where the operator shows itself indefinite."""
        free = prepared.affine.free
        rhs = jnp.where(free, rhs, 0.0)
        start = jnp.zeros_like(rhs) if start is None else jnp.where(free, start, 0.0)
        system = System(prepared.apply, lambda r: self.cycle(prepared, r), rhs, jnp.zeros((), rhs.dtype))
        return conjugate_gradients(system, start, ConjugateGradients(self.tolerance, self.max_steps))

    def solve_transposed(self, prepared, rhs, start=None):
        """The operator is symmetric."""
        return self.solve(prepared, rhs, start)

    def cycle(self, prepared: Smoothed, rhs: Float[Array, "n c"]) -> Float[Array, "n c"]:
        """One V-cycle from zero."""
        apply, scale, largest = prepared.apply, prepared.scale, prepared.largest
        x, residual = chebyshev(apply, scale, largest, self.smoothing, jnp.zeros_like(rhs), rhs)
        correction = prepared.share * self._below(prepared.affine, residual)
        x, _ = chebyshev(apply, scale, largest, self.smoothing, x + correction, residual, correction)
        return x

    def _below(self, affine: AffineMap, residual: Array) -> Array:
        coarse = self._coarse_cycle(self.down.apply_transposed(residual), 0)
        return jnp.where(affine.free, self.down.apply(coarse), 0.0)

    def _coarse_cycle(self, rhs: Array, depth: int) -> Array:
        if depth == len(self.levels):
            return (self.coarsest @ rhs.reshape(-1)).reshape(rhs.shape)
        level = self.levels[depth]
        apply, scale = level.matrix.apply, level.scale
        x, residual = chebyshev(apply, scale, level.largest, self.smoothing, jnp.zeros_like(rhs), rhs)
        correction = level.down.apply(self._coarse_cycle(level.down.apply_transposed(residual), depth + 1))
        x, _ = chebyshev(apply, scale, level.largest, self.smoothing, x + correction, residual, correction)
        return x


def has_pyamg() -> bool:
    """Whether pyamg is installed."""
    return importlib.util.find_spec("pyamg") is not None


def near_null_space(points: np.ndarray, operator: ElementOperator) -> np.ndarray:
    """Rigid-body modes (n·c, k) of displacements in the dimension of the points; constants of any other field."""
    count, dim = points.shape
    components = operator.components
    modes = [np.tile(np.eye(components)[i], count) for i in range(components)]
    if components == dim:
        x = points - points.mean(axis=0)
        x = x / np.max(np.abs(x))
        for i in range(dim):
            for j in range(i):
                turn = np.zeros((count, dim))
                turn[:, i], turn[:, j] = -x[:, j], x[:, i]
                modes.append(turn.ravel())
    return np.stack(modes, axis=1)


def _square(operator: ElementOperator, affine: AffineMap) -> Any:
    """Tᵀ K T among all unknowns as blocks of a node's components; a diagonal where nothing is free."""
    free = np.asarray(affine.free).ravel()
    parts = (operator.element_matrices(), operator.cells, affine.free, affine.slaves, affine.masters, affine.weights)
    matrix = Reduced(*(np.asarray(part) for part in parts)).matrix()
    where = np.flatnonzero(free)
    inject = sparse.csr_array((np.ones(len(where)), (where, np.arange(len(where)))), shape=(free.size, len(where)))
    held = sparse.diags_array(np.where(free, 0.0, matrix.diagonal().mean()))
    full = sparse.csr_matrix(inject @ matrix @ inject.T + held)
    return full.tobsr((operator.components,) * 2)
