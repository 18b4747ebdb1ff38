"""A derivative against central differences over many steps, whose errors must show their V shape."""

from typing import NamedTuple

import numpy as np

STEPS = 10.0 ** np.arange(-2.0, -8.25, -0.5)
"""Steps of a sweep, largest first."""


class Sweep(NamedTuple):
    """Relative errors of central differences by step, and what they say of the derivative."""

    steps: np.ndarray
    errors: np.ndarray
    exact: bool
    slope: float
    rise: float

    @property
    def best(self) -> float:
        """Smallest error of the sweep."""
        return float(np.min(self.errors)) if self.errors.size else np.inf

    @property
    def shows_v(self) -> bool:
        """Errors fall with the step until round-off makes them rise (or there is nothing but round-off)."""
        return self.exact or (self.slope >= 0.8 and self.rise >= 2.0)

    def __str__(self) -> str:
        if not self.errors.size:
            return "no finite differences"
        if self.exact:
            return "round-off only"
        return f"slope {self.slope:.1f}, then ×{self.rise:.0e}"


def sweep(
    plus: np.ndarray,
    minus: np.ndarray,
    steps: np.ndarray,
    derivative: np.ndarray | float,
    scale: float,
    magnitude: float,
) -> Sweep:
    """Compare ``derivative`` with (plus − minus)/2h.

    ``plus`` and ``minus`` (steps, …) are the function at ±h along one direction, ``derivative`` (…) its claimed
    directional derivative, ``scale`` what errors are relative to, and ``magnitude`` the size of the numbers that the
    function adds up, which sets the round-off. A wrong derivative leaves a plateau: a single small error could be
    one, a V cannot.

    >>> x, h = 0.7, STEPS
    >>> found = sweep(np.sin(x + h), np.sin(x - h), h, np.cos(x), 1.0, 1.0)
    >>> found.shows_v, found.best < 1e-10
    (True, True)
    >>> sweep(np.sin(x + h), np.sin(x - h), h, np.cos(x) + 1e-6, 1.0, 1.0).shows_v
    False
    """
    differences = (plus - minus) / (2.0 * steps).reshape(-1, *(1,) * (plus.ndim - 1))
    errors = np.abs(differences - derivative).reshape(len(steps), -1).max(axis=1) / scale
    kept = np.isfinite(errors)  # the largest steps may leave the range of the material
    steps, errors = steps[kept], errors[kept]
    if len(steps) < 8:
        return Sweep(steps, np.full(0, np.nan), False, 0.0, 0.0)
    noise = 1e3 * np.finfo(float).eps * magnitude / (scale * steps)
    floor = max(float(np.min(errors)), np.finfo(float).tiny)
    first = int(np.argmax(errors <= 10.0 * floor))
    slope = (
        float(np.log(errors[0] / errors[first]) / np.log(steps[0] / steps[first]))
        if first and errors[first] > 0
        else 0.0
    )
    return Sweep(steps, errors, bool(np.all(errors <= noise)), slope, float(errors[-1] / floor))
