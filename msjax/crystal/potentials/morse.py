"""Morse."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp

from msjax.crystal.potentials.cutoff import Ending
from msjax.crystal.potentials.ended import Ended, radii
from msjax.crystal.potentials.parameter import parameter
from msjax.typing import Array, Float, Scalar


class Morse(Ended):
    """D[exp(−2α(r − r₀)) − 2 exp(−α(r − r₀))] (doi:10.1103/PhysRev.34.57), ended smoothly at a cut-off.

    ``depth`` D in eV, ``alpha`` in 1/Å, ``r0`` in Å; ``outer`` is the cut-off and ``inner`` the start of the C2
    switch, Å (default 3 r₀ and 2.2 r₀). Copper after Girifalco and Weizer (doi:10.1103/PhysRev.114.687):
    D = 0.3429 eV, α = 1.3588 1/Å, r₀ = 2.866 Å.

    >>> import jax.numpy as jnp
    >>> copper = Morse(0.3429, 1.3588, 2.866)
    >>> round(float(copper.energy(jnp.array(2.866))), 4)
    -0.3429
    """

    depth: Scalar
    alpha: Scalar
    r0: Scalar
    inner: float = eqx.field(static=True)
    outer: float = eqx.field(static=True)
    ending: Ending = eqx.field(static=True)

    def __init__(
        self,
        depth: Any,
        alpha: Any,
        r0: Any,
        *,
        inner: float | None = None,
        outer: float | None = None,
        ending: Ending = "switched",
    ):
        self.depth = parameter(depth, "depth", positive=True)
        self.alpha = parameter(alpha, "alpha", positive=True)
        self.r0 = parameter(r0, "r0", positive=True)
        self.inner, self.outer = radii(inner, outer, (2.2 * float(self.r0), 3.0 * float(self.r0)))
        self.ending = ending

    def energy(self, r: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """The untruncated pair energy, eV."""
        x = jnp.exp(-self.alpha * (r - self.r0))
        return self.depth * (x * x - 2.0 * x)
