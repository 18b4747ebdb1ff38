"""What an error estimate says, and which cells it points at."""

from typing import NamedTuple

import numpy as np

from msjax.typing import Array, Float


class Estimate(NamedTuple):
    """``error``: estimated norm of the error, or J(u) − J(u_h), what is missing from a goal. ``value``: the norm of the
    solution, or J(u_h). ``indicators`` (m,) ≥ 0: shares of the cells, in the norm's square or in the goal, ready for
    :func:`marked`. ``unknowns`` of the problem.

    >>> import numpy as np
    >>> print(Estimate(0.1, 2.0, np.array([0.01]), 12))
    0.1 of 2 (5 %) with 12 unknowns
    """

    error: float
    value: float
    indicators: Float[Array, " m"] | np.ndarray
    unknowns: int

    @property
    def relative(self) -> float:
        """|error| / |value|."""
        return abs(self.error) / abs(self.value) if self.value else np.inf

    def __str__(self) -> str:
        return f"{self.error:.4g} of {self.value:.6g} ({100 * self.relative:.2g} %) with {self.unknowns:,} unknowns"


def marked(indicators: np.ndarray | Array, share: float) -> np.ndarray:
    """The fewest cells whose indicators add up to this ``share`` of the sum (W. Dörfler, SIAM J. Numer. Anal. 33 (1996)
    1106, doi:10.1137/0733054), by number.

    Raises ``ValueError`` for a share outside (0, 1] and indicators that are negative or not finite.

    >>> marked(np.array([1.0, 5.0, 4.0]), 0.6).tolist()
    [1, 2]
    """
    values = np.asarray(indicators, float)
    if not 0 < share <= 1:
        raise ValueError(f"share: expected more than 0 and at most 1, got {share}")
    if not np.all(np.isfinite(values)) or np.any(values < 0):
        raise ValueError("indicators: expected finite numbers, at least 0")
    order = np.argsort(-values, kind="stable")
    reached = np.cumsum(values[order])
    if not reached[-1] > 0:
        return np.zeros(0, int)
    count = int(np.searchsorted(reached, share * reached[-1] * (1 - 1e-12))) + 1
    return np.sort(order[:count])
