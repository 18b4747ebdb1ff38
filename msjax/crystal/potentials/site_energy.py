"""Site energies of one's own."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from msjax.crystal.potential import General
from msjax.crystal.potentials.among import AmongKinds
from msjax.typing import Array, Float, Int, PyTree, Scalar

_FAR = 10.0
"""Multiple of the cut-off from which on atoms are put out of the way, one cut-off apart."""


class SiteEnergy(AmongKinds, General):
    """A user's own site energy ε(r₁ … r_n; parameters), any JAX function of the neighbour vectors.

    ``function(vectors, parameters)`` takes the vectors (n, d) of ALL neighbours inside the strain margin and returns
    the site's energy; neighbours beyond ``cutoff`` must contribute nothing. It takes the general route
    (:class:`msjax.crystal.potential.General`).

    With ``elements`` it tells species apart: ``function(vectors, parameters, site, partners)`` is told the kind of the
    site, an integer scalar, and those of its neighbours, (n,), as places in ``elements``: whatever belongs to a pair
    is ``table[site, partners]``. Crystals and configurations then hold these elements and no others.

    Raises ``ValueError`` for a cut-off that is not positive, and for an element that is named twice.

    >>> import jax.numpy as jnp
    >>> def morse(r, p):
    ...     x = jnp.exp(-p["alpha"] * (jnp.linalg.norm(r, axis=1) - 1.0))
    ...     return 0.5 * jnp.sum(x * x - 2.0 * x)
    >>> potential = SiteEnergy(morse, cutoff=1.3, parameters={"alpha": jnp.array(6.0)})

    >>> def of_pairs(r, p, site, partners):
    ...     x = jnp.exp(-p["alpha"][site, partners] * (jnp.linalg.norm(r, axis=1) - 2.8))
    ...     return 0.5 * jnp.sum(x * x - 2.0 * x)
    >>> alpha = jnp.array([[6.0, 7.0], [7.0, 8.0]])
    >>> SiteEnergy(of_pairs, 4.5, {"alpha": alpha}, elements=("Na", "Cl")).distinguishes
    True
    """

    parameters: PyTree
    function: Callable[..., Scalar] = eqx.field(static=True)
    radius: float = eqx.field(static=True)
    names: tuple[str, ...] = eqx.field(static=True)
    site: Int[Array, "..."] | None
    partner: Int[Array, "..."] | None

    def __init__(self, function: Callable, cutoff: float, parameters: PyTree = None, *, elements: Sequence[str] = ()):
        if not cutoff > 0:
            raise ValueError(f"cutoff: must be positive, got {cutoff}")
        if isinstance(elements, str) or len(set(elements)) != len(elements):
            raise ValueError(f"elements: expected symbols, each once, got {elements!r}")
        self.function = function
        self.radius = float(cutoff)
        self.parameters = parameters
        self.names = tuple(elements)
        self.site = self.partner = None

    @classmethod
    def of_atoms(
        cls, function: Callable, cutoff: float, parameters: PyTree = None, *, elements: Sequence[str] = ()
    ) -> "SiteEnergy":
        """From a function that gives each of n atoms in free space its energy: positions (n, d) to energies (n,).

        ``function(positions, parameters)``, or with ``elements`` ``function(positions, parameters, kinds)``, the kinds
        (n,) as places in ``elements``. An atom's energy must come from its neighbours within ``cutoff`` alone: a site
        is the first atom of a cluster, its neighbours are the others. So do the energy functions of jax-md that take
        ``per_particle=True``, in free space and without a neighbour list of their own:

            displacement, _ = jax_md.space.free()
            energies = jax_md.energy.lennard_jones_pair(displacement, per_particle=True)
            potential = SiteEnergy.of_atoms(lambda x, p: energies(x, **p), 2.5, {"sigma": …, "epsilon": …})

        Such a function knows all pairs of atoms: a site costs the square of its neighbours. Pair functions go faster as
        :class:`msjax.PairFunction`, and a function of total energies alone says nothing of sites.

        >>> def energies(x, p):
        ...     r2 = jnp.sum((x[:, None] - x[None, :]) ** 2, axis=-1)
        ...     return 0.5 * p["k"] * jnp.sum(jnp.where(r2 < 2.25, (r2 - 2.25) ** 3, 0.0), axis=1)
        >>> potential = SiteEnergy.of_atoms(energies, cutoff=1.5, parameters={"k": jnp.array(-0.1)})
        """
        return cls(_FirstOfCluster(function, float(cutoff)), cutoff, parameters, elements=elements)

    @property
    def cutoff(self) -> float:
        """Distance beyond which neighbours contribute nothing, Å."""
        return self.radius

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements, in the order given."""
        return self.names

    @property
    def distinguishes(self) -> bool:
        """Whether elements are named."""
        return bool(self.names)

    def site_energy(self, vectors: Float[Array, "n d"]) -> Scalar:
        """``function(vectors, parameters)``, with elements also of the kinds."""
        if not self.distinguishes:
            return self.function(vectors, self.parameters)
        return self.function(vectors, self.parameters, *self.ends())


@dataclasses.dataclass(frozen=True)
class _FirstOfCluster:
    """The energy of an atom at the origin, of a function of all atoms."""

    function: Callable
    cutoff: float

    def __call__(
        self,
        vectors: Float[Array, "n d"],
        parameters: Any,
        site: Int[Array, ""] | None = None,
        partners: Int[Array, "..."] | None = None,
    ) -> Scalar:
        # whoever is beyond the cut-off is put aside: a list is padded with atoms that stand on top of each other
        n, dim = vectors.shape
        aside = self.cutoff * (_FAR + jnp.arange(n, dtype=vectors.dtype))[:, None] * jnp.eye(1, dim)
        near = jnp.sum(vectors * vectors, axis=1, keepdims=True) < self.cutoff**2
        positions = jnp.concatenate([jnp.zeros((1, dim)), jnp.where(near, vectors, aside)])
        if site is None or partners is None:
            return self.function(positions, parameters)[0]
        kinds = jnp.append(site, jnp.broadcast_to(partners, (n,)))
        return self.function(positions, parameters, kinds)[0]
