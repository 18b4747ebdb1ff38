"""Inner shifts from many starts: which basins there are, and whether the default start finds the lowest."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.elastic import with_inner
from msjax.material.response import check_strain
from msjax.status import Code, Status, summary
from msjax.typing import Array, Bool, Float, Int, PyTree, Scalar, concrete

SAME = 1e-5
"""Shifts closer than this fraction of the shortest bond belong to one basin."""


class Basins(eqx.Module):
    """Results of the shift relaxation from several starts; start 0 is the default one, no shift.

    ``energies`` (s,) per cell, eV, and ``shifts`` (s, n, d), Å, as the state of :class:`msjax.CauchyBorn`: NaN where a
    start failed; ``status`` of each (UNSTABLE: a saddle, which is no basin); ``basin`` (s,): the first start that ended
    in the same one, −1 for starts that failed or ended at a saddle. Energies are differentiable in F and parameters.
    """

    energies: Float[Array, "*b s"]
    shifts: Float[Array, "*b s n d"]
    basin: Int[Array, "*b s"]
    status: Status

    @property
    def minima(self) -> Bool[Array, "*b s"]:
        """Starts that ended in a minimum."""
        return self.basin >= 0

    @property
    def count(self) -> Int[Array, "*b"]:
        """Number of distinct basins found; mirror images of one another count each."""
        return jnp.sum(self.basin == np.arange(self.basin.shape[-1], dtype=np.int32), axis=-1)

    @property
    def lowest(self) -> Int[Array, "*b"]:
        """The start that found the lowest minimum."""
        return jnp.argmin(jnp.where(self.minima, self.energies, jnp.inf), axis=-1)

    @property
    def spread(self) -> Float[Array, "*b"]:
        """Highest less lowest energy of the minima, eV per cell; NaN where no start found one."""
        high = jnp.max(jnp.where(self.minima, self.energies, -jnp.inf), axis=-1)
        low = jnp.min(jnp.where(self.minima, self.energies, jnp.inf), axis=-1)
        return jnp.where(jnp.any(self.minima, axis=-1), high - low, jnp.nan)

    @property
    def default_excess(self) -> Float[Array, "*b"]:
        """Energy of the default start's result above the lowest minimum, eV per cell, saddle or not."""
        low = jnp.min(jnp.where(self.minima, self.energies, jnp.inf), axis=-1)
        return self.energies[..., 0] - low

    @property
    def default_is_lowest(self) -> Bool[Array, "*b"]:
        """Whether the default start ends in a minimum, and no start found a lower one (by 1e-9 of its energy)."""
        return self.minima[..., 0] & (self.default_excess <= 1e-9 * jnp.abs(self.energies[..., 0]))

    def __str__(self) -> str:
        if not concrete(self.energies) or self.energies.ndim != 1:
            return f"Basins(batch of {self.energies.shape[:-1]})"
        basin, energies = np.asarray(self.basin), np.asarray(self.energies)
        first = sorted({b for b in basin.tolist() if b >= 0}, key=lambda b: float(energies[b]))
        low = energies[first[0]] if first else np.nan
        rows = [
            f"  {energies[b]:.6f} eV per cell, +{energies[b] - low:.3e}, from {np.sum(basin == b)} starts"
            + (" (the default)" if basin[0] == b else "")
            for b in first
        ]
        verdict = "is" if bool(self.default_is_lowest) else "is not"
        return "\n".join([f"{len(first)} basins, the default {verdict} the lowest; {summary(self.status)}", *rows])

    __repr__ = __str__


def shift_basins(
    material: CauchyBorn, strain: PyTree = None, *, starts: int = 16, size: float = 0.3, seed: int = 0
) -> Basins:
    """Relax the inner shifts at F (by default I) from no shift and from ``starts`` − 1 random ones.

    The random starts move every atom but the first by up to ``size`` times the shortest bond along each axis, drawn
    from ``seed``, the same for every F and material, so that batches by vmap compare. Finding a basin is a matter of
    luck: what is not found is not excluded. Each start's neighbours are those of the material, OVERFLOW where shifts
    take an atom beyond the margin. To use a basin pass its shifts as ``state`` to ``respond``.

    Raises ``ValueError`` for a crystal with one atom per cell, less than one start, and a size that is not positive.

    >>> import jax.numpy as jnp, msjax as ms
    >>> chain = ms.Crystal([[2.0]], [[0.0], [1.0]], ("X", "X"))
    >>> material = ms.CauchyBorn(chain, ms.Morse(1.0, 6.0, 1.0, inner=1.5, outer=1.9))
    >>> found = shift_basins(material, jnp.array([[1.2]]))  # beyond the inflection the chain breaks into pairs
    >>> int(found.count), bool(found.default_is_lowest)
    (2, False)
    """
    if material.crystal.atoms_per_cell < 2:
        raise ValueError("material: a crystal with one atom per cell has no inner shifts")
    if not isinstance(starts, int) or starts < 1:
        raise ValueError(f"starts: expected an integer of at least 1, got {starts!r}")
    if not (np.isfinite(size) and size > 0):
        raise ValueError(f"size: must be positive and finite, got {size}")
    deformation = check_strain(jnp.eye(material.dim) if strain is None else strain, material.dim)
    n = material.crystal.atoms_per_cell - 1
    random = np.random.default_rng(seed).uniform(-1.0, 1.0, (starts, n, material.dim))
    random[0] = 0.0
    return _basins(with_inner(material, "relaxed"), deformation, jnp.asarray(size * random))


@eqx.filter_jit
def _basins(material: CauchyBorn, deformation: Array, random: Array) -> Basins:
    bonds = jax.lax.stop_gradient(material.reference_bonds)
    length = jnp.sqrt(jnp.min(jnp.sum(bonds * bonds, axis=1)))

    def relaxed(start: Array) -> tuple[Scalar, Array, Status]:
        response = material.respond(deformation, start)
        return response.energy * material.crystal.volume, response.state, response.status

    energies, shifts, status = jax.vmap(relaxed)(length * random)
    minimum = status.code == int(Code.CONVERGED)
    frozen = jnp.where(minimum[:, None, None], jax.lax.stop_gradient(shifts), jnp.inf)
    apart = jnp.max(jnp.abs(frozen[:, None] - frozen[None, :]), axis=(2, 3))
    same = (apart <= SAME * length) & minimum[:, None] & minimum[None, :]
    basin = jnp.where(minimum, jnp.argmax(same, axis=1), -1).astype(jnp.int32)
    return Basins(energies, shifts, basin, status)
