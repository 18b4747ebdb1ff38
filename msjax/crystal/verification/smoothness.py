"""How many derivatives of a function of one distance are continuous, at the cut-off and inside it."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.typing import Scalar

ORDERS = 4
"""Value and three derivatives."""
SAMPLES = 401
CANDIDATES = 12
SMALLEST = 1e-6
"""A jump below this fraction of the derivative's largest value is none."""


class Smoothness(NamedTuple):
    """``cutoff``, ``inside``: continuous derivatives (−1: not even the value, 3: all that were looked at) at the
    cut-off and between ``low`` and it; ``where``: the distance of the roughest spot inside, nan if there is none."""

    cutoff: int
    inside: int
    where: float

    @property
    def order(self) -> int:
        """The lower of the two."""
        return min(self.cutoff, self.inside)

    def __str__(self) -> str:
        names = {-1: "jumps", 0: "C0", 1: "C1", 2: "C2", 3: "C3 or better"}
        inside = "" if self.inside == 3 else f", {names[self.inside]} at {self.where:.4g}"
        return f"{names[self.cutoff]} at the cut-off{inside}"


def smoothness(energy: Callable[[Scalar], Scalar], outside: float, low: float, cutoff: float) -> Smoothness:
    """Of ``energy(r)`` that is ``outside`` beyond ``cutoff``.

    At the cut-off each derivative must fall when it is approached a hundred times closer. Inside, the intervals where a
    derivative changes unlike its neighbours are halved down to round-off: what then still changes is a jump.
    """
    derivatives = _derivatives(energy)
    grid = np.linspace(low, cutoff * (1.0 - 1e-4), SAMPLES)
    values = derivatives(grid)
    largest = np.max(np.abs(values), axis=1)
    largest[0] = np.max(np.abs(values[0] - outside))
    near = derivatives(cutoff * (1.0 - np.array([1e-3, 1e-5])))
    near[0] -= outside
    falls = (np.abs(near[:, 1]) <= 0.1 * np.abs(near[:, 0])) | (np.abs(near[:, 1]) <= 1e-9 * largest)
    rough, where = np.zeros(ORDERS, bool), np.full(ORDERS, np.nan)
    for k in range(ORDERS):
        jump, at = _largest_jump(derivatives, k, grid, values[k])
        rough[k] = not jump <= SMALLEST * largest[k]
        where[k] = at
    inside = _first(rough)
    return Smoothness(_first(~falls) - 1, inside - 1, float(where[inside]) if inside < ORDERS else float("nan"))


def _first(broken: np.ndarray) -> int:
    return int(np.argmax(broken)) if np.any(broken) else len(broken)


def _derivatives(energy) -> Callable[[np.ndarray], np.ndarray]:
    """(4, n) values and derivatives at n distances, whatever n by chunks of one size."""
    each = lambda x: energy(x)[None]  # noqa: E731
    for _ in range(ORDERS - 1):
        each = _one_more(each)
    compiled = jax.jit(jax.vmap(each))

    def evaluate(r: np.ndarray) -> np.ndarray:
        count = -(-len(r) // SAMPLES) * SAMPLES
        padded = np.concatenate([r, np.full(count - len(r), r[0])])
        return np.concatenate([compiled(jnp.asarray(x)) for x in padded.reshape(-1, SAMPLES)])[: len(r)].T

    return evaluate


def _one_more(derivatives):
    """(f, f′, …) with one derivative more."""

    def longer(x):
        values, slopes = jax.jvp(derivatives, (x,), (jnp.ones_like(x),))
        return jnp.concatenate([values[:1], slopes])

    return longer


def _largest_jump(derivatives, k: int, grid: np.ndarray, values: np.ndarray) -> tuple[float, float]:
    if not np.all(np.isfinite(values)):
        return float("inf"), float(grid[np.argmin(np.isfinite(values))])
    change = np.abs(np.diff(values))
    beside = np.convolve(np.pad(change, 1, mode="edge"), [0.5, 0.0, 0.5], mode="valid")
    unlike = change / (beside + 1e-12 * np.max(change) + np.finfo(float).tiny)
    chosen = np.argsort(unlike)[-CANDIDATES:]
    low, high = grid[chosen], grid[chosen + 1]
    at_low, at_high = values[chosen], values[chosen + 1]
    for _ in range(34):
        middle = 0.5 * (low + high)
        at_middle = derivatives(middle)[k]
        left = np.abs(at_middle - at_low) >= np.abs(at_high - at_middle)
        low, at_low = np.where(left, low, middle), np.where(left, at_low, at_middle)
        high, at_high = np.where(left, middle, high), np.where(left, at_middle, at_high)
    jumps = np.abs(at_high - at_low)
    worst = int(np.argmax(np.where(np.isfinite(jumps), jumps, np.inf)))
    return float(jumps[worst]), float(low[worst])
