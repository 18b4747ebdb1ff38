"""The textbook law of thin films: a constant bulk modulus and a constant surface modulus.

E_app = E + 2S/h and Y_app = Y + 2 S_Y/h (Miller and Shenoy, doi:10.1088/0957-4484/11/3/301). It leaves out that the
surface stress strains the film and that the strained bulk has another modulus, a term of the same order in 1/h: see
:mod:`msjax.nano.film`.
"""

import equinox as eqx

from msjax.typing import Array, Float, Scalar


class TextbookFilm(eqx.Module):
    """Apparent moduli on straight lines against 1/h: ``E`` and ``Y`` of the bulk, ``S`` and ``S_Y`` of one face.

    >>> import jax.numpy as jnp
    >>> law = TextbookFilm(E=67.0, S=-6.0, Y=115.0, S_Y=3.0)
    >>> law.E_app(jnp.array([2.0, 4.0])).tolist()
    [61.0, 64.0]
    """

    E: Scalar | float
    S: Scalar | float
    Y: Scalar | float
    S_Y: Scalar | float

    def E_app(self, thickness: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """E + 2S/h."""
        return self.E + 2.0 * self.S / thickness

    def Y_app(self, thickness: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Y + 2 S_Y/h."""
        return self.Y + 2.0 * self.S_Y / thickness
