"""Eigenvalues of A φ = λ B φ between the unknowns of a problem, with exact derivatives of simple ones.

Lanczos' method on the host (ARPACK through scipy), certified by Sylvester's law: the number of negative pivots of
A − σ B says how many eigenvalues lie below σ, so that none is left out.
"""

import dataclasses
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import scipy.linalg
import scipy.sparse.linalg

from msjax.fe.affine import AffineMap
from msjax.fe.matrices import DENSE, expansion, factorised, negative_eigenvalues, reduced
from msjax.solvers.stationary import no_tangent
from msjax.status import Code, Status, guard
from msjax.typing import Array, Bool, Float, Int

EQUAL = 1e-8
"""Eigenvalues count as one multiple where they differ by less than this, relative to themselves, or by round-off."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """How many, and whether the lowest of a pencil with B > 0, or the largest (A is then indefinite). Static."""

    count: int
    largest: bool = False


class Eigenpairs(NamedTuple):
    """Values (k,), vectors (k, n, c) with φ·B φ = 1, whether each is (nearly) multiple (k,), and the status."""

    values: Float[Array, " k"]
    vectors: Float[Array, "k n c"]
    multiple: Bool[Array, " k"]
    status: Status


def eigenpairs(
    wanted: Wanted, a: Float[Array, "m s s"], b: Float[Array, "m s s"], cells: Int[Array, "m k"], affine: AffineMap
) -> Eigenpairs:
    """Eigenpairs of the symmetric element matrices a and b (positive definite) between the free unknowns.

    Values have the derivative of Hellmann and Feynman, dλ = φ·(dA − λ dB) φ, forward and reverse. That of a multiple
    eigenvalue does not exist one by one: it is NaN, as is that of vectors. A failed solve is NaN.
    """
    found = _eigenpairs(wanted, a, b, cells, affine)
    values, vectors = guard((found.values, found.vectors), found.status.failed)
    return found._replace(values=values, vectors=vectors)


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _eigenpairs(wanted, a, b, cells, affine):
    count, shape = wanted.count, affine.free.shape
    outside = (
        jax.ShapeDtypeStruct((count,), float),
        jax.ShapeDtypeStruct((count, *shape), float),
        jax.ShapeDtypeStruct((count,), bool),
        jax.ShapeDtypeStruct((), np.int32),
        jax.ShapeDtypeStruct((), float),
    )
    values, vectors, multiple, code, residual = jax.pure_callback(
        partial(_on_host, wanted), outside, a, b, cells, affine, vmap_method="sequential"
    )
    return Eigenpairs(values, vectors, multiple, Status(code, jnp.ones_like(code), residual))


@_eigenpairs.defjvp
def _eigenpairs_jvp(wanted, primals, tangents):
    a, b, cells, affine = primals
    d_a, d_b, _, d_affine = tangents
    found = _eigenpairs(wanted, *primals)
    local = found.vectors[:, cells].reshape(wanted.count, cells.shape[0], -1)

    def quadratic(matrices):
        return jnp.einsum("kms,mst,kmt->k", local, matrices, local)

    # followers move with their weights: φ = T q, and (A − λ B) φ does not vanish on them
    q = jnp.where(affine.free[None], found.vectors, 0.0)
    _, d_phi = jax.jvp(lambda map_: jax.vmap(map_.expand)(q), (affine,), (d_affine,))
    d_local = d_phi[:, cells].reshape(local.shape)
    pencil = a[None] - found.values[:, None, None, None] * b[None] if affine.slaves.size else None
    change = quadratic(d_a) - found.values * quadratic(d_b)
    if pencil is not None:
        change = change + 2.0 * jnp.einsum("kms,kmst,kmt->k", d_local, pencil, local)
    d_values = _nan_where(change, found.multiple)
    # any number that is not zero where something changes: its NaN is the derivative of the vectors
    mixed = jnp.vdot(jnp.cos(jnp.arange(a.size, dtype=a.dtype)).reshape(a.shape), d_a + d_b)
    d_vectors = _nan_where(jnp.broadcast_to(mixed, found.vectors.shape), jnp.ones(found.vectors.shape, bool))
    tangent = Eigenpairs(d_values, d_vectors, no_tangent(found.multiple), jax.tree.map(no_tangent, found.status))
    return found, tangent


def _nan_where(tangent: Array, lost: Array) -> Array:
    """NaN where ``lost``, but zero stays zero, forward and transposed."""

    def solve(_, rhs):
        return jnp.where(lost & (rhs != 0), jnp.nan, rhs)

    return jax.lax.custom_linear_solve(lambda v: v, tangent, solve=solve, transpose_solve=solve)


def _on_host(wanted: Wanted, a: Any, b: Any, cells: Any, affine: Any):
    t = expansion(affine)
    shape, size = np.asarray(affine.free).shape, int(t.shape[1])  # type: ignore[index]
    count = wanted.count
    lost = np.full(count, np.nan), np.full((count, *shape), np.nan), np.zeros(count, bool)
    a, b, cells = np.asarray(a), np.asarray(b), np.asarray(cells)
    if not (np.all(np.isfinite(a)) and np.all(np.isfinite(b))):
        return *lost, np.int32(Code.NONFINITE), np.nan
    a, b = (reduced(x, cells, affine) for x in (a, b))
    a, b = 0.5 * (a + a.T), 0.5 * (b + b.T)
    try:
        values, vectors, complete = _dense(wanted, a, b) if size <= DENSE else _lanczos(wanted, a, b)
    except (scipy.sparse.linalg.ArpackError, RuntimeError):  # not converged; B singular
        return *lost, np.int32(Code.MAX_STEPS), np.nan
    except np.linalg.LinAlgError:
        return *lost, np.int32(Code.SINGULAR), np.nan
    sizes = np.maximum(np.linalg.norm(a @ vectors, axis=0), np.max(np.abs(a.diagonal())) * 1e-6)
    residual = float(np.max(np.linalg.norm(a @ vectors - (b @ vectors) * values, axis=0) / sizes))
    gaps = np.abs(np.diff(values))
    floor = 1e-13 * np.max(np.abs(a.diagonal()) / b.diagonal())
    near = gaps <= EQUAL * np.maximum(np.abs(values[1:]), np.abs(values[:-1])) + floor
    multiple = (np.append(near, False) | np.append(False, near))[:count]
    values, vectors = values[:count], vectors[:, :count]
    vectors = vectors / np.sqrt(np.sum(vectors * (b @ vectors), axis=0))
    vectors = vectors * np.sign(vectors[np.argmax(np.abs(vectors), axis=0), np.arange(count)])
    code = Code.CONVERGED if complete and residual < 1e-6 else Code.MAX_STEPS
    return values, (t @ vectors).T.reshape(count, *shape), multiple, np.int32(code), np.float64(residual)


def _dense(wanted: Wanted, a: Any, b: Any):
    """All of them; one more than wanted tells whether the last is multiple."""
    size = a.shape[0]
    kept = min(wanted.count + 1, size)
    ends = [size - kept, size - 1] if wanted.largest else [0, kept - 1]
    values, vectors = scipy.linalg.eigh(a.toarray(), b.toarray(), subset_by_index=ends)
    order = slice(None, None, -1) if wanted.largest else slice(None)
    return values[order], vectors[:, order], True


def _lanczos(wanted: Wanted, a: Any, b: Any):
    """A few more than wanted, and the count of those beyond, which certifies that none is missing."""
    size = a.shape[0]
    kept = min(wanted.count + 2, size - 1)
    start = np.random.default_rng(0).standard_normal(size)
    inverse = partial(scipy.sparse.linalg.LinearOperator, (size, size), dtype=float)
    if wanted.largest:
        values, vectors = scipy.sparse.linalg.eigsh(
            a, k=kept, M=b, Minv=inverse(factorised(b).solve), which="LA", v0=start
        )
        order = np.argsort(-values)
    else:
        shift = -1e-8 * np.max(np.abs(a.diagonal()) / b.diagonal())
        while negative_eigenvalues(a - shift * b):  # those below would be taken for far ones
            shift *= 10.0
        lu = factorised(a - shift * b)
        values, vectors = scipy.sparse.linalg.eigsh(a, k=kept, M=b, sigma=shift, OPinv=inverse(lu.solve), v0=start)
        order = np.argsort(values)
    values, vectors = values[order], vectors[:, order]
    cut = int(np.argmax(np.abs(np.diff(values))[wanted.count - 1 :])) + wanted.count
    middle = 0.5 * (values[cut - 1] + values[cut])
    pencil = middle * b - a if wanted.largest else a - middle * b
    return values, vectors, negative_eigenvalues(pencil) == cut
