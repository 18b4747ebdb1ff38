"""Ways to end a pair potential at a cut-off.

A force that ends with a kink makes A(F) jump when a shell crosses the cut-off; :func:`switched` and :func:`taper`
keep two or three derivatives.
"""

from collections.abc import Callable
from typing import Literal

import jax
import jax.numpy as jnp

from msjax.typing import Array, Float

Ending = Literal["switched", "shifted", "force-shifted"]
"""``"switched"``: C2, adds a cubic-quartic switch between two radii. ``"shifted"``: the energy ends at zero, the force
jumps. ``"force-shifted"``: energy and force end at zero, the stiffness jumps."""


def end(
    phi: Callable[[Float[Array, "*b"]], Float[Array, "*b"]],
    r: Float[Array, "*b"],
    outer: float,
    inner: float,
    ending: Ending,
) -> Float[Array, "*b"]:
    """φ(r) ended at ``outer`` in the way ``ending`` says; zero beyond. All lengths in Å."""
    edge = jnp.asarray(outer, r.dtype)
    inside = r < edge
    safe = jnp.where(inside, r, edge)
    phi0 = phi(edge)
    if ending == "shifted":
        value = phi(safe) - phi0
    else:
        phi1, phi2 = jax.grad(phi)(edge), jax.grad(jax.grad(phi))(edge)
        if ending == "force-shifted":
            value = phi(safe) - phi0 - (safe - edge) * phi1
        else:
            value = phi(safe) + switched(safe, phi0, phi1, phi2, edge, inner)
    return jnp.where(inside, value, jnp.zeros_like(r))


def switched(r, phi0, phi1, phi2, outer, inner):
    """The polynomial that, added to φ, brings value, slope and curvature to zero at ``outer`` and is constant inside
    ``inner`` (the switch of GROMACS: Abraham et al., doi:10.1016/j.softx.2015.06.001; LAMMPS pair style lj/gromacs)."""
    width = outer - inner
    a = (-3.0 * phi1 + width * phi2) / width**2
    b = (2.0 * phi1 - width * phi2) / width**3
    constant = -phi0 + 0.5 * width * phi1 - width**2 * phi2 / 12.0
    x = jnp.maximum(r - inner, jnp.zeros_like(r))
    return constant + x**3 * (a / 3.0 + b * x / 4.0)


def taper(r: Float[Array, "*b"], inner: float, outer: float) -> Float[Array, "*b"]:
    """Falls from 1 at ``inner`` to 0 at ``outer`` with three continuous derivatives: 1 − 35x⁴ + 84x⁵ − 70x⁶ + 20x⁷.

    >>> import jax.numpy as jnp
    >>> taper(jnp.array([1.0, 1.5, 2.0]), 1.0, 2.0).tolist()
    [1.0, 0.5, 0.0]
    """
    # selected, not clipped: the compiler stores a clipped argument, and recomputes this one where it is used
    x = (r - inner) * (1.0 / (outer - inner))
    fall = 1.0 - x**4 * (35.0 - x * (84.0 - x * (70.0 - 20.0 * x)))
    return jnp.where(x <= 0.0, 1.0, jnp.where(x >= 1.0, 0.0, fall))


def check_radii(inner: float, outer: float) -> None:
    """Refuse radii that are not 0 < inner < outer."""
    if not 0.0 < inner < outer:
        raise ValueError(f"cut-off radii: expected 0 < inner < outer, got inner = {inner}, outer = {outer}")
