"""A pair potential from any function of the distance."""

from collections.abc import Callable
from typing import Any

import equinox as eqx

from msjax.crystal.potentials.cutoff import Ending
from msjax.crystal.potentials.ended import Ended, radii
from msjax.typing import Array, Float, PyTree


class PairFunction(Ended):
    """A user's own pair energy φ(r; parameters), ended at a cut-off like the built-in ones.

    ``function(r, parameters)`` takes distances (Å) of any shape and returns energies (eV) of that shape, elementwise;
    it is made of JAX operations and twice differentiable for r > 0. ``parameters`` is any tree of float arrays, its
    leaves the potential's parameters. ``outer`` is the cut-off and ``inner`` the start of the C2 switch, Å (by default
    5/7 of ``outer``). It takes the fast route of pair potentials; for functions of all neighbours at once there is
    :class:`msjax.SiteEnergy`.

    The pair functions of jax-md have this form: ``jax_md.energy.morse(dr, sigma, epsilon, alpha)`` becomes
    ``PairFunction(lambda r, p: energy.morse(r, **p), {"sigma": …, "epsilon": …, "alpha": …}, outer=…)``. Those that
    end themselves, such as ``energy.multiplicative_isotropic_cutoff(…)``, go with ``ending="shifted"``, which then
    shifts by zero.

    >>> import jax.numpy as jnp, msjax as ms
    >>> def soft_sphere(dr, sigma=1.0, epsilon=1.0):  # written as jax-md writes its pair energies
    ...     return epsilon * (sigma / dr) ** 12
    >>> parameters = {"sigma": jnp.array(1.0), "epsilon": jnp.array(2.0)}
    >>> potential = PairFunction(lambda r, p: soft_sphere(r, **p), parameters, outer=2.5)
    >>> material = ms.CauchyBorn(ms.bulk("X", "fcc", a=1.6), potential)
    >>> bool(material.respond(jnp.eye(3)).status.ok)
    True
    """

    parameters: PyTree
    function: Callable[[Float[Array, "*b"], Any], Float[Array, "*b"]] = eqx.field(static=True)
    inner: float = eqx.field(static=True)
    outer: float = eqx.field(static=True)
    ending: Ending = eqx.field(static=True)

    def __init__(
        self,
        function: Callable,
        parameters: PyTree = None,
        *,
        outer: float,
        inner: float | None = None,
        ending: Ending = "switched",
    ):
        self.function, self.parameters = function, parameters
        self.inner, self.outer = radii(inner, outer, (5.0, 7.0))
        self.ending = ending

    def energy(self, r: Float[Array, "*b"]) -> Float[Array, "*b"]:
        """``function(r, parameters)``, eV."""
        return self.function(r, self.parameters)
