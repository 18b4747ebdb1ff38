"""Alloys of Zhou, Johnson and Wadley's metals: nothing is fitted beyond the metals themselves."""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp

from msjax.crystal.elementary import root
from msjax.crystal.potentials.among import AmongKinds
from msjax.crystal.potentials.cutoff import taper
from msjax.crystal.potentials.eam import EAM
from msjax.crystal.potentials.zhou import Zhou
from msjax.tensors import sum_of
from msjax.typing import Array, Float, Int, Scalar


class ZhouAlloy(AmongKinds, EAM):
    """The metals' own functions, and between different metals Johnson's mixture (doi:10.1103/PhysRevB.39.12554),

        φ_ab(r) = ½ [f_b(r)/f_a(r) φ_aa(r) + f_a(r)/f_b(r) φ_bb(r)],

    as Zhou, Johnson and Wadley use it (doi:10.1103/PhysRevB.69.144113). An alloy is as good as that: check what
    matters.

    ``metals`` are the potentials of the elements, with the parameters of each as array leaves. All functions are
    tapered between ``inner`` and ``outer``, Å, the largest of the metals', so that a pure metal may differ by some
    1e-5 eV an atom from its own potential.

    Raises ``ValueError`` for fewer than two metals, and for one given twice.

    >>> import jax.numpy as jnp, msjax as ms
    >>> crystal = ms.Crystal(2.88 * jnp.eye(3), [[0.0, 0.0, 0.0], [1.44, 1.44, 1.44]], ("Ni", "Al"))  # B2
    >>> material = ms.CauchyBorn(crystal, ZhouAlloy.of("Ni", "Al"))
    >>> bool(material.respond(jnp.eye(3)).status.ok)
    True
    """

    degrees: ClassVar[tuple[int, ...]] = (0,)

    metals: tuple[Zhou, ...]
    inner: float = eqx.field(static=True)
    outer: float = eqx.field(static=True)
    site: Int[Array, "*b"] | None
    partner: Int[Array, "*b"] | None

    def __init__(self, *metals: Zhou):
        names = [metal.element for metal in metals]
        if len(names) < 2 or len(set(names)) != len(names) or not all(names):
            raise ValueError(f"metals: expected two or more of different, stated elements, got {names}")
        self.metals = metals
        self.inner, self.outer = max(m.inner for m in metals), max(m.outer for m in metals)
        self.site = self.partner = None

    @classmethod
    def of(cls, *elements: str) -> "ZhouAlloy":
        """The published metals; ``ValueError`` for elements that are not in the table."""
        return cls(*(Zhou.of(element) for element in elements))

    @property
    def cutoff(self) -> float:
        """The outer radius, Å."""
        return self.outer

    @property
    def elements(self) -> tuple[str, ...]:
        """The metals, in the order given."""
        return tuple(metal.element for metal in self.metals)

    def pair(self, r2: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """½φ, eV."""
        r, within = self._within(r2)
        of_pair = [metal.untapered_pair(r) for metal in self.metals]
        densities = [metal.untapered_density(r) for metal in self.metals]
        site, partner = self.ends()
        ratio = _chosen(densities, partner) / _chosen(densities, site)
        mixed = 0.5 * (ratio * _chosen(of_pair, site) + _chosen(of_pair, partner) / ratio)
        return 0.5 * mixed * within

    def density(self, r2: Float[Array, "*b"]) -> Float[Array, "1 *b"]:
        """f of the partner."""
        r, within = self._within(r2)
        return (_chosen([metal.untapered_density(r) for metal in self.metals], self.ends()[1]) * within)[None]

    def embed(self, moments: Float[Array, "1"]) -> Scalar:
        """F of the site's metal, eV."""
        return _chosen([metal.embed(moments) for metal in self.metals], self.ends()[0])

    def _within(self, r2: Float[Array, "*b"]) -> tuple[Float[Array, "*b"], Float[Array, "*b"]]:
        """Distances, held at the cut-off, where f is not yet too small to divide by; and the taper."""
        r = root(r2)
        return jnp.minimum(r, self.outer), taper(r, self.inner, self.outer)


def _chosen(values: list[Array], kind: Array) -> Array:
    """Of one value per metal the one of each bond's kind."""
    return sum_of(jnp.where(kind == k, value, 0.0) for k, value in enumerate(values))
