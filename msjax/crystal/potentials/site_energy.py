"""Site energies of one's own."""

from collections.abc import Callable, Sequence

import equinox as eqx

from msjax.crystal.potential import General
from msjax.crystal.potentials.among import AmongKinds
from msjax.typing import Array, Float, Int, PyTree, Scalar


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
