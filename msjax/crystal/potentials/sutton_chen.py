"""Sutton and Chen's long-range Finnis–Sinclair potential: powers of the distance under a square root."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp

from msjax.crystal.elementary import band, root
from msjax.crystal.potentials.cutoff import check_radii
from msjax.crystal.potentials.parameter import parameter
from msjax.crystal.potentials.tapered import TaperedEAM
from msjax.typing import Array, Float, Scalar

# n, m, epsilon (eV), c and the lattice constant a (Å): Sutton and Chen, doi:10.1080/09500839008206493, Table 1.
# c = n S_n/(m S_m^½) with the sums S over an endless fcc crystal, which is tested and guards against misprints.
SUTTON_CHEN: dict[str, tuple[int, int, float, float, float]] = {
    "Ni": (9, 6, 1.5707e-2, 39.432, 3.52),
    "Cu": (9, 6, 1.2382e-2, 39.432, 3.61),
    "Rh": (12, 6, 4.9371e-3, 144.41, 3.80),
    "Pd": (12, 7, 4.1790e-3, 108.27, 3.89),
    "Ag": (12, 6, 2.5415e-3, 144.41, 4.09),
    "Ir": (14, 6, 2.4489e-3, 334.94, 3.84),
    "Pt": (10, 8, 1.9833e-2, 34.408, 3.92),
    "Au": (10, 8, 1.2793e-2, 34.408, 4.08),
    "Pb": (10, 7, 5.5765e-3, 45.778, 4.95),
    "Al": (7, 6, 3.3147e-2, 16.399, 4.05),
}


class SuttonChen(TaperedEAM):
    """E_i = ε [½ Σ (a/r)ⁿ − c sqrt(Σ (a/r)ᵐ)] (Sutton and Chen, doi:10.1080/09500839008206493).

    ``epsilon`` in eV, ``a`` in Å, ``c``, ``n`` and ``m`` dimensionless: five array leaves. Both sums are tapered to
    zero between ``inner`` and ``outer`` (Å, structure) with three continuous derivatives.

    The published numbers are for endless sums. What a cut-off leaves out falls off slowly, as its (m − 3)rd power: with
    the default taper lattice constants keep to 0.1 % of the published ones, cohesive energies and bulk moduli to 1.5 %.
    The price of a larger one is its cube.

    >>> gold = SuttonChen.of("Au")
    >>> float(gold.c), gold.elements, round(gold.cutoff, 2)
    (34.408, ('Au',), 9.18)
    """

    degrees: ClassVar[tuple[int, ...]] = (0,)

    epsilon: Scalar
    a: Scalar
    c: Scalar
    n: Scalar
    m: Scalar
    inner: float = eqx.field(static=True)
    outer: float = eqx.field(static=True)
    element: str = eqx.field(static=True)

    def __init__(self, epsilon: Any, a: Any, c: Any, n: Any, m: Any, *, inner: float, outer: float, element: str = ""):
        self.epsilon = parameter(epsilon, "epsilon", positive=True)
        self.a = parameter(a, "a", positive=True)
        self.c = parameter(c, "c", positive=True)
        self.n = parameter(n, "n", positive=True)
        self.m = parameter(m, "m", positive=True)
        check_radii(inner, outer)
        self.inner, self.outer, self.element = float(inner), float(outer), element

    @classmethod
    def of(cls, element: str, *, reach: float = 2.25) -> "SuttonChen":
        """The published parameters of an fcc metal, tapered over the last eighth of ``reach`` lattice constants.

        ``ValueError`` for elements that are not in the table and a ``reach`` that is not positive.
        """
        if element not in SUTTON_CHEN:
            raise ValueError(f"element: no Sutton–Chen parameters for {element!r}; known are {', '.join(SUTTON_CHEN)}")
        n, m, epsilon, c, a = SUTTON_CHEN[element]
        outer = reach * a
        return cls(epsilon, a, c, float(n), float(m), inner=0.875 * outer, outer=outer, element=element)

    def pair(self, r2: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """½ε (a/r)ⁿ, eV."""
        return 0.5 * self.epsilon * self._power(r2, self.n)

    def density(self, r2: Float[Array, "*b"]) -> Float[Array, "1 *b"]:
        """(a/r)ᵐ."""
        return self._power(r2, self.m)[None]

    def embed(self, moments: Float[Array, "1"]) -> Scalar:
        """−ε c sqrt(ρ), eV."""
        return -self.epsilon * self.c * band(moments[0])

    def _power(self, r2: Float[Array, "*b"], exponent: Scalar) -> Float[Array, "*b"]:
        logarithm = jnp.log(self.a) - 0.5 * jnp.log(r2)
        return jnp.exp(exponent * logarithm) * self.taper(root(r2))
