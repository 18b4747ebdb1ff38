"""Buckingham (exp-6)."""

from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.crystal.elementary import reciprocal, root
from msjax.crystal.potentials.cutoff import Ending
from msjax.crystal.potentials.ended import Ended, radii
from msjax.crystal.potentials.parameter import not_negative, parameter
from msjax.typing import Array, Bool, Float, Scalar, concrete

_STEEPEST = 7.0**7 * np.exp(-7.0)  # the largest value of x⁷ exp(−x), at x = 7


class Buckingham(Ended):
    """A exp(−r/ρ) − C/r⁶ (Buckingham, doi:10.1098/rspa.1938.0173), ended smoothly at a cut-off. Short range only: no
    charges, so ionic crystals need their Coulomb energy from elsewhere.

    ``A`` in eV, ``rho`` in Å, ``C`` in eV Å⁶ (0 leaves the Born–Mayer repulsion); ``outer`` is the cut-off and
    ``inner`` the start of the C2 switch, Å (by default 5/7 of ``outer``).

    Towards short distances φ turns over, at the smaller root of (r/ρ)⁷ exp(−r/ρ) = 6C/(Aρ⁶), and falls without bound. A
    bond inside this maximum is no longer held apart: the response to such a state fails with OUTSIDE_TABLE.

    Raises ``ValueError`` for parameters that are not finite, ``A`` or ``rho`` not positive, ``C`` negative, for radii
    out of order, for numbers by which φ has no minimum at all, and for an ``inner`` within the turn-over.

    >>> import jax.numpy as jnp
    >>> potential = Buckingham(A=1000.0, rho=0.35, C=100.0, outer=10.0)
    >>> round(float(potential.energy(jnp.array(3.0))), 6)
    0.052268
    """

    degrees: ClassVar[tuple[int, ...]] = (0,)

    A: Scalar
    rho: Scalar
    C: Scalar
    inner: float = eqx.field(static=True)
    outer: float = eqx.field(static=True)
    ending: Ending = eqx.field(static=True)

    def __init__(
        self, A: Any, rho: Any, C: Any, *, outer: float, inner: float | None = None, ending: Ending = "switched"
    ):
        self.A = parameter(A, "A", positive=True)
        self.rho = parameter(rho, "rho", positive=True)
        self.C = not_negative(C, "C")
        self.inner, self.outer = radii(inner, outer, (5.0, 7.0))
        self.ending = ending
        if concrete(self.A, self.rho, self.C):
            if np.any(np.asarray(self._attraction()) >= _STEEPEST):
                raise ValueError(f"C: 6C/(A rho⁶) must be below {_STEEPEST:.1f}, or there is no minimum; got C = {C}")
            if np.any(np.asarray(self._turned_over(jnp.asarray(self.inner)))):
                raise ValueError(f"inner: must lie beyond the maximum of the potential, got {self.inner}")

    def energy(self, r: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """The untruncated pair energy, eV."""
        cube = reciprocal(r) ** 3
        return self.A * jnp.exp(-r / self.rho) - self.C * (cube * cube)

    def density(self, r2: Float[Array, "*b"]) -> Float[Array, "1 *b"]:
        """1 for a bond inside the maximum, 0 for all others: their number is the moment, and costs no energy."""
        return self._turned_over(root(r2)).astype(r2.dtype)[None]

    def embed(self, moments: Float[Array, "1"]) -> Scalar:
        """Nothing."""
        return jnp.zeros_like(moments[0])

    def covered(self, moments: Float[Array, "1"]) -> Bool[Array, ""]:
        """Whether no bond of the site is inside the maximum."""
        return moments[0] < 0.5

    def _attraction(self) -> Scalar:
        """6C/(Aρ⁶)."""
        return 6.0 * self.C / (self.A * self.rho**6)

    def _turned_over(self, r: Float[Array, "*b"]) -> Bool[Array, "*b"]:
        """Where φ′ > 0 on the near side of its minimum: x⁷ exp(−x), which φ′ = 0 holds at 6C/(Aρ⁶), rises up to 7."""
        x = r / self.rho
        return (x < 7.0) & (x**7 * jnp.exp(-x) < self._attraction())
