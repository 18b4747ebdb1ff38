"""Constraints as one affine map u = T q + g: what is free, what follows, what is prescribed."""

import equinox as eqx
import jax.numpy as jnp

from msjax.typing import Array, Bool, Float, Int


class AffineMap(eqx.Module):
    """u = T q + g on nodal fields (n, c), with q a field of the same shape.

    ``free`` marks the components that are unknowns; elsewhere q does not count (and stays zero). Component
    ``slaves[s]`` (flat number, node·c + i) is Σ_k weights[s, k] q[masters[s, k]], where q is free. ``values`` is g:
    prescribed values and offsets, which may be traced and differentiated without building anything anew.
    """

    free: Bool[Array, "n c"]
    slaves: Int[Array, " s"]
    masters: Int[Array, "s k"]
    weights: Float[Array, "s k"]
    values: Float[Array, "n c"]

    def expand(self, q: Float[Array, "n c"]) -> Float[Array, "n c"]:
        """T q."""
        q = jnp.where(self.free, q, 0.0)
        if not self.slaves.size:
            return q
        followed = jnp.sum(self.weights * q.reshape(-1)[self.masters], axis=1)
        return q.reshape(-1).at[self.slaves].set(followed, unique_indices=True).reshape(q.shape)

    def fold(self, forces: Float[Array, "n c"]) -> Float[Array, "n c"]:
        """Tᵀ f."""
        flat = forces.reshape(-1)
        if self.slaves.size:
            flat = flat.at[self.masters].add(self.weights * flat[self.slaves][:, None])
        return jnp.where(self.free, flat.reshape(forces.shape), 0.0)

    def displacement(self, q: Float[Array, "n c"]) -> Float[Array, "n c"]:
        """T q + g."""
        return self.expand(q) + self.values

    @property
    def pins_only(self) -> bool:
        """Whether nothing follows anything: T is a mask."""
        return self.slaves.size == 0
