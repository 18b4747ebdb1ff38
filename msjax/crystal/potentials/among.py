"""What potentials of several elements share: they are asked between which kinds of atoms."""

import equinox as eqx
import jax.numpy as jnp

from msjax.crystal.potential import Kinds, Potential
from msjax.typing import Array, Int


class AmongKinds(Potential):
    """A potential that looks up its parameters by the kinds of a ``site`` and its ``partner``.

    Both are None in the potential that is read or built, and arrays in the one that :meth:`among` returns.
    """

    site: eqx.AbstractVar[Int[Array, "..."] | None]
    partner: eqx.AbstractVar[Int[Array, "..."] | None]

    @property
    def distinguishes(self) -> bool:
        """Always, where it does not say otherwise."""
        return True

    def among(self, site: Kinds, partner: Kinds) -> "AmongKinds":
        """For bonds from sites of these kinds to partners of these kinds."""
        ends = (jnp.asarray(site), jnp.asarray(partner))
        return eqx.tree_at(lambda p: (p.site, p.partner), self, ends, is_leaf=lambda x: x is None)

    def ends(self) -> tuple[Int[Array, "..."], Int[Array, "..."]]:
        """The kinds asked for; ``ValueError`` where nobody said them."""
        if self.site is None or self.partner is None:
            raise ValueError(f"potential: {type(self).__name__} is asked between which kinds of atoms; see `among`")
        return self.site, self.partner
