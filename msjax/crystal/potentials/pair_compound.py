"""Pair potentials of several elements: one of their own for each pair."""

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.crystal.potential import Radial
from msjax.crystal.potentials.among import AmongKinds
from msjax.crystal.potentials.ended import Ended
from msjax.tensors import sum_of
from msjax.typing import Array, Bool, Float, Int, Scalar


class PairCompound(AmongKinds, Radial):
    """E_i = ½ Σ_j φ_ab(r_ij), a and b the elements of the atoms i and j, each pair of elements with a pair potential.

    ``pairs`` are potentials by pairs of elements, either way round: Lennard-Jones, Morse, Buckingham, a pair function
    of one's own, of one form or different ones, each with its own cut-off and its own parameters as array leaves,
    ``potential.pairs["Ar", "Kr"].epsilon``. Elements are numbered in the order they are first named. Mixing rules are a
    matter of what is given: within ``jax.grad`` too parameters may be computed from those of the elements.

    Raises ``ValueError`` for a key that is no pair of elements, a pair that is missing, by its name, or given both ways
    round, and for what is no pair potential that is ended at a cut-off: springs belong to the bonds of a crystal, an
    embedded atom is more than its pair energy.

    >>> import jax.numpy as jnp, msjax as ms
    >>> argon, krypton = ms.LennardJones(0.0103, 3.40, outer=8.0), ms.LennardJones(0.0140, 3.65, outer=8.0)
    >>> mixed = ms.LennardJones((0.0103 * 0.0140) ** 0.5, 0.5 * (3.40 + 3.65), outer=8.0)  # Lorentz and Berthelot
    >>> potential = PairCompound({("Ar", "Ar"): argon, ("Ar", "Kr"): mixed, ("Kr", "Kr"): krypton})
    >>> material = ms.CauchyBorn(ms.bulk(("Ar", "Kr"), "rocksalt", 6.6), potential)
    >>> bool(material.respond(jnp.eye(3)).status.ok)
    True
    """

    pairs: dict[tuple[str, str], Ended]
    names: tuple[str, ...] = eqx.field(static=True)
    site: Int[Array, "..."] | None
    partner: Int[Array, "..."] | None

    def __init__(self, pairs: Mapping[Any, Any]):
        for pair, potential in pairs.items():
            if not (isinstance(pair, tuple) and len(pair) == 2 and all(isinstance(s, str) and s for s in pair)):
                raise ValueError(f"pairs: expected pairs of elements such as ('Na', 'Cl') as keys, got {pair!r}")
            if not isinstance(potential, Ended):
                raise ValueError(
                    f"pairs: {pair}: expected a pair potential that is ended at a cut-off (Lennard-Jones, Morse, "
                    f"Buckingham, a pair function), got {type(potential).__name__}"
                )
            if pair[0] != pair[1] and pair[::-1] in pairs:
                raise ValueError(f"pairs: {pair} and {pair[::-1]} are one pair; give it once")
        names = tuple(dict.fromkeys(name for pair in pairs for name in pair))
        if not names:
            raise ValueError("pairs: none given")
        missing = [f"({a}, {b})" for i, a in enumerate(names) for b in names[i:] if not {(a, b), (b, a)} & set(pairs)]
        if missing:
            raise ValueError(f"pairs: no potential for {', '.join(missing)}")
        self.pairs, self.names = dict(sorted(pairs.items())), names  # sorted as JAX sorts: channels keep their order
        self.site = self.partner = None

    @property
    def degrees(self) -> tuple[int, ...]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The channels of the pairs' potentials, one after the other."""
        return sum((potential.degrees for potential in self.pairs.values()), ())

    @property
    def cutoff(self) -> float:
        """The longest of the cut-offs, Å."""
        return max(potential.cutoff for potential in self.pairs.values())

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements, in the order they are first named."""
        return self.names

    def pair(self, r2: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """Half the energy of each bond's pair, eV."""
        return sum_of(jnp.where(mine, potential.pair(r2), 0.0) for mine, potential in self._bonds_of_pairs())

    def density(self, r2: Float[Array, "*b"]) -> Float[Array, "k *b"]:
        """What each pair's potential counts, of the bonds of that pair."""
        rows = [jnp.where(mine, potential.density(r2), 0.0) for mine, potential in self._bonds_of_pairs()]
        return jnp.concatenate(rows)

    def embed(self, moments: Float[Array, " k"]) -> Scalar:
        """The sum over the pairs, eV: nothing, but for whoever counts by an energy."""
        return sum_of(potential.embed(own) for potential, own in self._moments_of_pairs(moments))

    def covered(self, moments: Float[Array, " k"]) -> Bool[Array, ""]:
        """Whether every pair's potential covers what is its own."""
        return jnp.all(jnp.stack([potential.covered(own) for potential, own in self._moments_of_pairs(moments)]))

    def _bonds_of_pairs(self) -> list[tuple[Bool[Array, "..."], Ended]]:
        """Each pair's potential, and which bonds are between its elements."""
        site, partner = self.ends()
        found = []
        for (one, other), potential in self.pairs.items():
            a, b = self.names.index(one), self.names.index(other)
            found.append((((site == a) & (partner == b)) | ((site == b) & (partner == a)), potential))
        return found

    def _moments_of_pairs(self, moments: Float[Array, " k"]) -> list[tuple[Ended, Float[Array, " m"]]]:
        potentials = list(self.pairs.values())
        ends = np.cumsum([0] + [len(potential.degrees) for potential in potentials])
        return [(p, moments[start:end]) for p, start, end in zip(potentials, ends, ends[1:], strict=False)]
