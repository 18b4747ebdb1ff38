"""The textbook reading of film data: a straight line of the apparent modulus against 1/h, window by window."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from msjax import units
from msjax.calibration import Observations
from msjax.nano import Sheet
from msjax.studies.film_data import thickness_of

WINDOWS = (0.0, 2.0, 4.0, 6.0)
"""Smallest thickness of each window, nm."""
NEAR = 8e-3
"""Compression over which the bulk's nonlinearity is read off: tables have noise in their third derivatives."""


@dataclass(frozen=True)
class Line:
    """E_app = modulus + 2S/h fitted to the films (or + 4S/D, wires) at least ``at_least`` nm thick, of equal weight.

    ``modulus`` in GPa, ``S`` in N/m, ``rms`` of the residuals in GPa, ``rows`` films or wires.
    """

    quantity: str
    at_least: float
    rows: int
    modulus: float
    S: float
    rms: float


def apparent_moduli(films: Observations) -> dict[str, np.ndarray]:
    """E_app and Y_app in GPa, measured or made from the stiffnesses measured; empty where neither can be had."""
    h = np.asarray(films.controls[thickness_of(films)])
    known = {name: np.asarray(films.values[name]) for name in films.names}
    found: dict[str, np.ndarray] = {}
    if "A11" in known and "A12" in known:
        a11, a12 = known["A11"], known["A12"]
        found = {"E_app": (a11 - a12**2 / a11) / h, "Y_app": (a11 + a12) / h}
    for name, membrane in (("E_app", "E2D"), ("Y_app", "Y2D")):
        if name in known:
            found[name] = known[name]
        elif membrane in known:
            found[name] = known[membrane] / h
    return {name: column / units.GPa for name, column in found.items()}


def textbook_lines(films: Observations, windows: tuple[float, ...] = WINDOWS) -> tuple[Line, ...]:
    """The straight lines of all windows that hold at least three films, by ordinary least squares."""
    h = np.asarray(films.controls[thickness_of(films)]) / units.nm
    lines = [straight_lines(quantity, h, modulus, windows, 2.0) for quantity, modulus in apparent_moduli(films).items()]
    return tuple(line for some in lines for line in some)


def straight_lines(
    quantity: str, size: np.ndarray, modulus: np.ndarray, windows: tuple[float, ...], faces: float
) -> tuple[Line, ...]:
    """modulus = bulk + faces S/size by ordinary least squares, GPa and nm, in the windows of at least three sizes."""
    lines = []
    for at_least in windows:
        keep = size >= at_least
        if keep.sum() < 3:
            continue
        design = np.stack([np.ones(int(keep.sum())), faces / size[keep]], axis=1)  # GPa nm = N/m
        solution, *_ = np.linalg.lstsq(design, modulus[keep], rcond=None)
        residual = modulus[keep] - design @ solution
        rms = float(np.sqrt(np.mean(residual**2)))
        lines.append(Line(quantity, at_least, int(keep.sum()), float(solution[0]), float(solution[1]), rms))
    return tuple(lines)


def slopes_of(bulk: Sheet, tau0: float, G11: float, G12: float) -> dict[str, tuple[float, float]]:
    """What S is, to first order in 1/h, and which part of it is the surface's stiffness alone: (S, part), N/m.

    E2D = A11 − A12²/A11 with the first-order tangent of :mod:`msjax.nano.film`:
    S = (1 + ν²) a − 2ν b with a = Γ11 − τ W11′/Y, b = Γ12 − τ W12′/Y, and for the biaxial modulus S_Y = a + b. The
    part leaves the primes (the bulk's nonlinearity along the equibiaxial line) out. They are those at zero strain
    seen from compression, where films are: copper's table has a kink there.
    """

    here = bulk.at(jnp.zeros(()))
    strains = np.linspace(-NEAR, 0.0, 33)
    along = jax.vmap(bulk.at)(jnp.asarray(strains))
    slope = [np.polyfit(strains, np.asarray(stiffness), 3)[-2] for stiffness in (along.stiffness11, along.stiffness12)]
    w11, w12 = float(here.stiffness11), float(here.stiffness12)
    stiffness, nu = w11 + w12, w12 / w11
    a_bulk, b_bulk = (-tau0 * float(slope[i]) / stiffness for i in (0, 1))
    both = [((1 + nu**2) * a - 2 * nu * b, a + b) for a, b in ((G11 + a_bulk, G12 + b_bulk), (G11, G12))]
    return {"E_app": (both[0][0], both[1][0]), "Y_app": (both[0][1], both[1][1])}
