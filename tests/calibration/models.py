"""Synthetic models for the tests of calibration."""

import jax.numpy as jnp
import numpy as np

from msjax import units
from msjax.calibration import LogNormal, Normal, Observations, Parameter

# copper: strain derivatives of the plane-stress energy density, data/bulk_Cu_mishin1.csv
W111, W112 = -40.643 * units.GPa, -661.12 * units.GPa
W12_OVER_W11 = 34.1276 / 81.4195
THICKNESS = np.array([1.988, 2.169, 2.530, 2.892, 3.253, 3.615, 4.338, 5.061, 5.784, 7.230, 9.037, 10.845])


def film(values, controls):
    """Equilibrium strain and membrane tangent of a film whose bulk is nonlinear to third order.

    The strain solves the equibiaxial balance h(Y e + Y' e²/2) + 2(tau0 + (G11 + G12) e) = 0, so that the model is
    nonlinear in its parameters.
    """
    h, w11 = controls["h"], values["W11"]
    y = w11 * (1.0 + W12_OVER_W11)
    slope = W111 + 3.0 * W112
    linear = h * y + 2.0 * (values["G11"] + values["G12"])
    quadratic = 0.5 * h * slope
    constant = 2.0 * values["tau0"]
    e = -2.0 * constant / (linear + jnp.sqrt(linear**2 - 4.0 * quadratic * constant))
    return {
        "eps_star": e,
        "A11": h * (w11 + (W111 + W112) * e) + 2.0 * values["G11"],
        "A12": h * (w11 * W12_OVER_W11 + 2.0 * W112 * e) + 2.0 * values["G12"],
    }


FILM_PARAMETERS = (
    Parameter("tau0", "N/m", prior=LogNormal(1.5, 0.25)),
    Parameter("G11", "N/m", prior=Normal(0.0, 3.0)),
    Parameter("G12", "N/m", prior=Normal(2.0, 3.0)),
    Parameter("W11", "GPa", prior=Normal(81.0, 4.0), positive=True),
)


def film_template(relative_sd=0.02, tau0=1.5, G11=-1.6, G12=4.6, W11=81.4) -> Observations:
    """Films of 2 to 11 nm without noise, in N/m and GPa; 2 % is stated unless told otherwise."""
    surface = {name: jnp.asarray(x * units.N_per_m) for name, x in (("tau0", tau0), ("G11", G11), ("G12", G12))}
    exact = film({**surface, "W11": jnp.asarray(W11 * units.GPa)}, {"h": jnp.asarray(THICKNESS * units.nm)})
    return Observations.of(
        {
            "eps_star [-]": exact["eps_star"],
            "A11 [N/m]": exact["A11"] / units.N_per_m,
            "A12 [N/m]": exact["A12"] / units.N_per_m,
        },
        controls={"h [nm]": THICKNESS},
        relative_sd=relative_sd,
        positive=["h"],
    )
