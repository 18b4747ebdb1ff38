"""A richer space over a mesh, and what a field of the mesh is in it."""

from collections.abc import Mapping
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.fe.facets import host
from msjax.fe.interpolation import invert
from msjax.fe.mesh import Mesh
from msjax.fe.subdivision import Projection, quadratic, refine
from msjax.typing import Array, Float, Int


class Transfer(eqx.Module):
    """Nodal values on a finer mesh: v = Σ_k weights[:, k] u[nodes[:, k]]; ``kept`` (n,) are the fine nodes at the
    coarse ones, ``parents`` (m,) the coarse cells of the fine ones."""

    nodes: Int[Array, "f k"]
    weights: Float[Array, "f k"]
    kept: Int[Array, " n"]
    parents: Int[Array, " m"]

    @eqx.filter_jit
    def apply(self, u: Float[Array, "n c"]) -> Float[Array, "f c"]:
        """The same field on the finer mesh."""
        return jnp.einsum("fk,fkc->fc", self.weights, u[self.nodes])

    @eqx.filter_jit
    def transposed(self, forces: Float[Array, "f c"]) -> Float[Array, "n c"]:
        """Forces on the coarse nodes that do the same work on coarse fields."""
        parts = self.weights[:, :, None] * forces[:, None, :]
        return jnp.zeros((self.kept.shape[0], forces.shape[1])).at[self.nodes].add(parts)


class Enriched(NamedTuple):
    """A finer ``mesh`` and the ``transfer`` to it."""

    mesh: Mesh
    transfer: Transfer


def enriched(mesh: Mesh, by: str | None = None, onto: Mapping[str, Projection] | None = None) -> Enriched:
    """The mesh with elements of degree 2 (``by`` "p", the default for degree 1), or with every cell cut ("h").

    ``onto`` as in :func:`~msjax.fe.quadratic`: boundaries to follow. Then fields are carried over node by node in the
    parents' reference coordinates. Cracks stay cracks: every node takes its value from the cell it belongs to.
    """
    points, cells = host(mesh)
    by = ("p" if mesh.cell.degree == 1 else "h") if by is None else by
    if by not in ("p", "h"):
        raise ValueError(f"by: expected 'p' or 'h', got {by!r}")
    plain = quadratic(mesh) if by == "p" else refine(mesh)
    _, fine_cells = host(plain)
    parents = _parents(mesh, len(fine_cells))
    if by == "p":
        weights = np.broadcast_to(mesh.cell.values(plain.cell.nodal), (*fine_cells.shape, cells.shape[1]))
    else:
        owners = np.repeat(parents, fine_cells.shape[1])
        xi, _ = invert(mesh, owners, np.asarray(plain.points)[fine_cells].reshape(-1, mesh.dim))
        weights = mesh.cell.values(xi).reshape(*fine_cells.shape, -1)
    first = np.unique(fine_cells.reshape(-1), return_index=True)[1]
    nodes = cells[parents][first // fine_cells.shape[1]]
    weights = np.where(np.abs(weights) < 1e-12, 0.0, weights).reshape(-1, cells.shape[1])[first]
    kept = np.full(len(points), -1)
    same = np.flatnonzero(np.max(weights, axis=1) > 1.0 - 1e-9)
    kept[nodes[same, np.argmax(weights[same], axis=1)]] = same
    finer = plain if not onto else (quadratic(mesh, onto) if by == "p" else refine(mesh, onto))
    transfer = Transfer(
        jnp.asarray(nodes, jnp.int32),
        jnp.asarray(weights),
        jnp.asarray(kept, jnp.int32),
        jnp.asarray(parents, jnp.int32),
    )
    return Enriched(finer, transfer)


def _parents(mesh: Mesh, count: int) -> np.ndarray:
    """Coarse cells of the fine ones: parts follow each other, save on a grid, which stays lexicographic."""
    coarse = mesh.cells.shape[0]
    if count == coarse:
        return np.arange(count)
    if mesh.grid is None:
        return np.arange(count) // (count // coarse)
    fine = np.unravel_index(np.arange(count), tuple(2 * n for n in mesh.grid))
    return np.ravel_multi_index(tuple(i // 2 for i in fine), mesh.grid)
