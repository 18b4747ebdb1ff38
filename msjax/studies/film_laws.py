"""The film laws that are fitted, as models for :func:`msjax.calibration.calibrate`, and their constants' priors."""

from collections.abc import Sequence

import equinox as eqx
import jax

from msjax.calibration import Normal, Parameter
from msjax.nano import Film, FilmFace, Sheet
from msjax.typing import Array, Float

CONSTANTS = ("tau0", "G11", "G12")
"""Surface stress and surface stiffness at a₀: what a fit is after."""
HIGHER = ("dG11", "dG12", "d2G11", "d2G12")
"""Slopes and curvatures of Γ11 and Γ12 along the equibiaxial line: nuisance parameters."""

PRIORS = {
    "tau0": Normal(1.0, 1.0),
    "G11": Normal(0.0, 5.0),
    "G12": Normal(0.0, 5.0),
    "dG11": Normal(0.0, 40.0),
    "dG12": Normal(0.0, 40.0),
    "d2G11": Normal(0.0, 5000.0),
    "d2G12": Normal(0.0, 5000.0),
}
"""In N/m. Surface stresses of metals are 0 to 3 N/m and surface stiffnesses within ±10 N/m (Shenoy,
doi:10.1103/PhysRevB.71.094104). The higher constants have the size of a surface layer, 0.2 nm, times the bulk's
elastic constants of the next orders: 0.2 nm × 200 GPa for the slopes (third order), 0.2 nm × 25 TPa for the curvatures
(fourth)."""


class FilmLaw(eqx.Module):
    """Φ = h W + 2Γ as a model: parameters of one face in, what is measured on films out (internal units).

    ``bulk`` may be any sheet: one of constant modulus makes it the law without bulk nonlinearity.
    """

    bulk: Sheet

    def __call__(self, values: dict[str, Array], controls: dict[str, Array]) -> dict[str, Float[Array, " n"]]:
        """Predictions at the thicknesses of the one control."""
        (thickness,) = controls.values()
        face = FilmFace(**{name: values[name] for name in (*CONSTANTS, *HIGHER)})
        found = jax.vmap(Film(self.bulk, face).respond)(thickness)
        return {
            "eps_star": found.strain,
            "A11": found.A11,
            "A12": found.A12,
            "E_app": found.E_app,
            "Y_app": found.Y_app,
            "nu": found.nu,
            "E2D": found.E2D,
            "Y2D": found.Y2D,
        }


def surface_parameters(*, higher: bool = True) -> tuple[Parameter, ...]:
    """The constants of a face with their priors; without ``higher`` Γ11 and Γ12 do not change with strain."""
    free: Sequence[str] = (*CONSTANTS, *HIGHER) if higher else CONSTANTS
    held = () if higher else HIGHER
    return (
        *(Parameter(name, "N/m", prior=PRIORS[name]) for name in free),
        *(Parameter(name, "N/m", fixed=0.0) for name in held),
    )
