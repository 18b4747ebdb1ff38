"""Derivatives of a minimum: by the envelope theorem, the function's at the frozen minimiser; first order only."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax


def at_minimum(function: Callable[[Any, Any], Any], parameters: Any, minimiser: Any) -> Any:
    """``function(parameters, minimiser)`` whose derivative in the parameters holds the minimiser fixed.

    The first derivative is exact (doi:10.1111/1468-0262.00296). A second one would silently lack the minimiser's
    motion and raises ``NotImplementedError``.
    """
    return _at_minimum(function, parameters, jax.lax.stop_gradient(minimiser))


@partial(jax.custom_jvp, nondiff_argnums=(0,))
def _at_minimum(function, parameters, minimiser):
    return function(parameters, minimiser)


@_at_minimum.defjvp
def _at_minimum_jvp(function, primals, tangents):
    parameters, minimiser = primals
    # what is differentiated again are the coefficients of this rule: functions of the parameters
    parameters = jax.tree.map(_once, parameters)
    return jax.jvp(lambda p: function(p, minimiser), (parameters,), (tangents[0],))


@jax.custom_jvp
def _once(x):
    return x


@_once.defjvp
def _once_jvp(primals, tangents):
    raise NotImplementedError(
        "second derivatives of a minimum over waves or directions: only the first is available; differentiate "
        "frequencies or the acoustic tensor at a fixed wave vector or direction instead"
    )
