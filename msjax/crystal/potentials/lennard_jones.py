"""Lennard-Jones."""

from typing import Any

import equinox as eqx

from msjax.crystal.elementary import reciprocal
from msjax.crystal.potentials.cutoff import Ending
from msjax.crystal.potentials.ended import Ended, radii
from msjax.crystal.potentials.parameter import parameter
from msjax.typing import Array, Float, Scalar


class LennardJones(Ended):
    """4ε[(σ/r)¹² − (σ/r)⁶] (doi:10.1088/0959-5309/43/5/301), ended smoothly at a cut-off.

    ``epsilon`` in eV, ``sigma`` in Å (or reduced units); ``outer`` is the cut-off and ``inner`` the start of the C2
    switch, in the same length as sigma (default 3.5 σ and 2.5 σ). ``ending="shifted"`` gives the plain potential
    minus its value at ``outer``. The radii are structure, not parameters.

    >>> import jax.numpy as jnp
    >>> potential = LennardJones(outer=2.5, ending="shifted")
    >>> round(float(2 * potential.pair(jnp.array(2.0 ** (1 / 3)))), 6)  # the minimum, shifted
    -0.983683
    """

    epsilon: Scalar
    sigma: Scalar
    inner: float = eqx.field(static=True)
    outer: float = eqx.field(static=True)
    ending: Ending = eqx.field(static=True)

    def __init__(
        self,
        epsilon: Any = 1.0,
        sigma: Any = 1.0,
        *,
        inner: float | None = None,
        outer: float | None = None,
        ending: Ending = "switched",
    ):
        self.epsilon = parameter(epsilon, "epsilon", positive=True)
        self.sigma = parameter(sigma, "sigma", positive=True)
        self.inner, self.outer = radii(inner, outer, (2.5 * float(self.sigma), 3.5 * float(self.sigma)))
        self.ending = ending

    def energy(self, r: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """The untruncated pair energy, eV."""
        x = (self.sigma * reciprocal(r)) ** 2
        x6 = x * x * x
        return 4.0 * self.epsilon * (x6 * x6 - x6)
