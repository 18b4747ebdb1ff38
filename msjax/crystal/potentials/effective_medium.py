"""Effective-medium theory of one element."""

from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.elementary import root
from msjax.crystal.potentials.cutoff import check_radii
from msjax.crystal.potentials.parameter import parameter
from msjax.crystal.potentials.tapered import TaperedEAM
from msjax.typing import Array, Float, Scalar

BOHR = 0.52917721067
"""Å, the value (CODATA 2014) in which ASE's parameters are read."""
BETA = 1.809
"""(16π/3)^⅓/√2 = 1.8094, the ratio of neighbour distance to s₀ in fcc, as rounded in the published programs."""

# E0 (eV), s0 (bohr), V0 (eV), eta2, kappa, lam (1/bohr): doi:10.1016/0039-6028(96)00816-3
JACOBSEN: dict[str, tuple[float, float, float, float, float, float]] = {
    "Al": (-3.28, 3.00, 1.493, 1.240, 2.000, 1.169),
    "Cu": (-3.51, 2.67, 2.476, 1.652, 2.740, 1.906),
    "Ag": (-2.96, 3.01, 2.132, 1.652, 2.790, 1.892),
    "Au": (-3.80, 3.00, 2.321, 1.674, 2.873, 2.182),
    "Ni": (-4.44, 2.60, 3.673, 1.669, 2.757, 1.948),
    "Pd": (-3.90, 2.87, 2.773, 1.818, 3.107, 2.155),
    "Pt": (-5.85, 2.90, 4.067, 1.812, 3.145, 2.192),
}
_NEIGHBOURS = np.array([12.0, 6.0, 24.0])  # of the first three shells of fcc


class EffectiveMedium(TaperedEAM):
    """Effective-medium theory (Jacobsen, Stoltze and Nørskov, doi:10.1016/0039-6028(96)00816-3) of one element:

        E_i = E₀ (1 + λs) exp(−λs) + 6V₀ exp(−κs) − (V₀/2γ₂) Σ w(r) exp(−κ(r/β − s₀)) − E₀,
        s   = −ln(σ/12γ₁)/(βη₂),    σ = Σ w(r) exp(−η₂(r − βs₀)),    w = 1/(1 + exp(a_c(r − r_c))),

    s being the Wigner–Seitz radius less s₀. γ₁ and γ₂ are the sums over the first three shells of fcc at s₀, over 12,
    so that there s = 0 and E_i = 0: energies are against the perfect crystal, not against free atoms.

    ``E0`` and ``V0`` in eV, ``s0`` in Å, ``eta2``, ``kappa`` and ``lam`` in 1/Å: six array leaves. The window w, with
    ``middle`` r_c (Å) and ``steepness`` a_c (1/Å), is tapered to zero between ``inner`` and ``outer`` (Å), all four
    structure. An atom without neighbours has s = ∞: a response there fails with NONFINITE.

    >>> copper = EffectiveMedium.of("Cu")
    >>> copper.elements, round(copper.cutoff, 2)
    (('Cu',), 6.13)
    """

    degrees: ClassVar[tuple[int, ...]] = (0,)

    E0: Scalar
    s0: Scalar
    V0: Scalar
    eta2: Scalar
    kappa: Scalar
    lam: Scalar
    middle: float = eqx.field(static=True)
    steepness: float = eqx.field(static=True)
    inner: float = eqx.field(static=True)
    outer: float = eqx.field(static=True)
    element: str = eqx.field(static=True)

    def __init__(
        self,
        E0: Any,
        s0: Any,
        V0: Any,
        eta2: Any,
        kappa: Any,
        lam: Any,
        *,
        middle: float,
        steepness: float,
        inner: float,
        outer: float,
        element: str = "",
    ):
        self.E0 = parameter(E0, "E0")
        self.s0 = parameter(s0, "s0", positive=True)
        self.V0 = parameter(V0, "V0")
        self.eta2 = parameter(eta2, "eta2", positive=True)
        self.kappa = parameter(kappa, "kappa", positive=True)
        self.lam = parameter(lam, "lam", positive=True)
        if not (middle > 0 and steepness > 0):
            raise ValueError(f"window: middle and steepness must be positive, got {middle} and {steepness}")
        check_radii(inner, outer)
        self.middle, self.steepness = float(middle), float(steepness)
        self.inner, self.outer, self.element = float(inner), float(outer), element

    @classmethod
    def of(cls, element: str) -> "EffectiveMedium":
        """The published fit for an fcc metal, with the window of ASE's calculator ``EMT()``.

        ASE puts r_c half-way between the third and fourth neighbours of silver, w = 10⁻⁴ at the fourth, for every
        metal, and drops what lies beyond r_c + 0.5 Å, where w < 10⁻⁵. Here the taper begins there and ends 0.25 Å
        later. ``ValueError`` for elements that are not in the table.
        """
        if element not in JACOBSEN:
            raise ValueError(
                f"element: no effective-medium parameters for {element!r}; known are {', '.join(JACOBSEN)}"
            )
        first = BETA * max(s0 for _, s0, *_ in JACOBSEN.values()) * BOHR
        middle = first * 0.5 * (3.0**0.5 + 2.0)
        steepness = float(np.log(1e4 - 1.0)) / (2.0 * first - middle)
        e0, s0, v0, eta2, kappa, lam = JACOBSEN[element]
        return cls(
            e0,
            s0 * BOHR,
            v0,
            eta2 / BOHR,
            kappa / BOHR,
            lam / BOHR,
            middle=middle,
            steepness=steepness,
            inner=middle + 0.5,
            outer=middle + 0.75,
            element=element,
        )

    def pair(self, r2: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """−(V₀/2γ₂) w exp(−κ(r/β − s₀)), eV: the pair sum that the density's own part is measured against."""
        r = root(r2)
        decay = self.kappa / BETA
        half = 0.5 * self.V0 / self._of_fcc(decay)
        return -half * self._window(r) * self.taper(r) * jnp.exp(-decay * (r - BETA * self.s0))

    def density(self, r2: Float[Array, "*b"]) -> Float[Array, "1 *b"]:
        """Contributions to σ."""
        r = root(r2)
        tail = jnp.exp(-self.eta2 * (r - BETA * self.s0))
        return (self._window(r) * self.taper(r) * tail)[None]

    def embed(self, moments: Float[Array, "1"]) -> Scalar:
        """The terms in s, eV."""
        s = -jnp.log(moments[0] / (12.0 * self._of_fcc(self.eta2))) / (BETA * self.eta2)
        cohesive = self.E0 * ((1.0 + self.lam * s) * jnp.exp(-self.lam * s) - 1.0)
        return cohesive + 6.0 * self.V0 * jnp.exp(-self.kappa * s)

    def _window(self, r: Float[Array, "*b"]) -> Float[Array, "*b"]:
        return jax.nn.sigmoid(-self.steepness * (r - self.middle))

    def _of_fcc(self, decay: Scalar) -> Scalar:
        """γ: the sum of w exp(−decay (r − βs₀)) over three shells of fcc with nearest neighbours at βs₀, over 12."""
        first = BETA * self.s0
        r = first * np.sqrt([1.0, 2.0, 3.0])
        return jnp.sum(_NEIGHBOURS / 12.0 * self._window(r) * jnp.exp(-decay * (r - first)))
