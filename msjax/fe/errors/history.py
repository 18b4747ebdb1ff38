"""The record of an adaptive computation, as a table a person can read."""

from typing import NamedTuple

import numpy as np


class Round(NamedTuple):
    """One mesh: ``unknowns``, ``cells``, ``kind`` of cells, ``value`` (norm of the solution, or goal), ``estimate``
    and, where it is known, true ``error`` (NaN where not): norms, or what is missing from the goal, with its sign."""

    unknowns: int
    cells: int
    kind: str
    value: float
    estimate: float
    error: float

    @property
    def effectivity(self) -> float:
        """Estimate over true error; NaN where that is unknown."""
        return self.estimate / self.error if self.error else np.nan


class History(tuple[Round, ...]):
    """Rounds in order; ``str()`` is the table.

    >>> print(History([Round(10, 8, "tri3", 1.0, 0.2, 0.25), Round(40, 32, "tri3", 1.0, 0.1, 0.125)]))
    unknowns     cells  kind          value    estimate    of it       error  effectivity   rate
          10         8  tri3              1         0.2    20 %         0.25         0.80
          40        32  tri3              1         0.1    10 %        0.125         0.80  -0.50
    """

    @property
    def unknowns(self) -> np.ndarray:
        """Unknowns of every round."""
        return np.array([r.unknowns for r in self], float)

    @property
    def estimates(self) -> np.ndarray:
        """Sizes of the estimates."""
        return np.abs([r.estimate for r in self])

    @property
    def errors(self) -> np.ndarray:
        """Sizes of the true errors, NaN where unknown."""
        return np.abs([r.error for r in self])

    @property
    def effectivities(self) -> np.ndarray:
        """Estimate over true error."""
        return np.array([r.effectivity for r in self])

    def rate(self, last: int = 3, true: bool = False) -> float:
        """Slope of log(estimate), or of the ``true`` error, against log(unknowns) over the last rounds: −p/d at best in
        the energy norm, −2p/d for a goal.

        >>> History([Round(10, 8, "tri3", 1.0, 0.2, 0.2), Round(40, 32, "tri3", 1.0, 0.1, 0.1)]).rate(2)
        -0.5
        """
        if not 2 <= last <= len(self):
            raise ValueError(f"last: expected 2 to {len(self)} rounds, got {last}")
        sizes = self.errors if true else self.estimates
        return float(np.polyfit(np.log(self.unknowns[-last:]), np.log(sizes[-last:]), 1)[0])

    def __str__(self) -> str:
        known = any(np.isfinite(r.error) for r in self)
        head = f"{'unknowns':>8}  {'cells':>8}  {'kind':<6}  {'value':>11}  {'estimate':>10}  {'of it':>7}"
        head += f"  {'error':>10}  {'effectivity':>11}" if known else ""
        lines = [head + f"  {'rate':>5}"]
        sizes = self.errors if known else self.estimates
        for n, r in enumerate(self):
            part = 100 * abs(r.estimate / r.value) if r.value else np.nan
            line = (
                f"{r.unknowns:>8,}  {r.cells:>8,}  {r.kind:<6}  {r.value:>11.6g}  {r.estimate:>10.3g}  {part:>5.2g} %"
            )
            if known:
                line += f"  {_known(r.error, '10.3g')}  {_known(r.effectivity, '11.2f')}"
            lines.append((line + f"  {_rate(self.unknowns, sizes, n)}").rstrip())
        return "\n".join(lines)

    __repr__ = __str__


def _known(number: float, form: str) -> str:
    width = int(form.split(".")[0])
    return f"{number:>{form}}" if np.isfinite(number) else " " * width


def _rate(unknowns: np.ndarray, sizes: np.ndarray, n: int) -> str:
    """From the round before."""
    if n == 0 or unknowns[n] == unknowns[n - 1] or not (sizes[n] > 0 and sizes[n - 1] > 0):
        return " " * 5
    return f"{np.log(sizes[n] / sizes[n - 1]) / np.log(unknowns[n] / unknowns[n - 1]):>5.2f}"
