"""Regions of stability over a plane of deformations."""

from typing import TYPE_CHECKING

import numpy as np

from msjax.crystal.phonons import StabilityMap, Verdict
from msjax.plot.style import BLACK, BLUE, GREY, ORANGE, RED, blank

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_REGIONS = {
    Verdict.STABLE: (BLUE, "stable"),
    Verdict.SOFT_PHONON: (ORANGE, "phonon unstable, elliptic"),
    Verdict.ELLIPTICITY_LOST: (RED, "ellipticity lost"),
    Verdict.UNKNOWN: (GREY, "unknown"),
}


def stability_map(found: StabilityMap, *, levels: int = 6) -> "Figure":
    """Where a crystal is stable, where a phonon is soft and where ellipticity is lost, over a plane of F.

    Each deformation is one cell in the colour of its verdict; lines are contours of the lowest frequency in THz (dashed
    where imaginary), the thick one its zero. A cross marks F = 1 where it lies in the plane and on the map. Returns a
    ``matplotlib.figure.Figure``.

    Raises:
        ValueError: fewer than two points along an axis.
        ModuleNotFoundError: matplotlib is not installed.

    >>> import numpy as np, msjax as ms
    >>> square = ms.CauchyBorn(ms.bulk("X", "square", a=1.0), ms.Springs([1.0, 1.0], [1.0, 2.0**0.5]))
    >>> line = np.linspace(-0.25, 0.05, 4)
    >>> plane = ms.phonons.Plane(np.diag([1.0, 0.0]), np.diag([0.0, 1.0]), x=line, y=line)
    >>> figure = stability_map(ms.phonons.stability_map(square, plane, grid=4))
    """
    x, y = np.asarray(found.plane.x), np.asarray(found.plane.y)
    if min(len(x), len(y)) < 2:
        raise ValueError(f"found: a map needs at least 2 × 2 points, got {len(x)} × {len(y)}")
    codes, frequency = np.asarray(found.verdict_code), np.asarray(found.frequency)
    with blank(5.6, 4.2) as figure:
        from matplotlib.colors import ListedColormap
        from matplotlib.patches import Patch

        axes = figure.subplots()
        colours = ListedColormap([colour for colour, _ in _REGIONS.values()])
        axes.pcolormesh(x, y, codes.T, cmap=colours, vmin=-0.5, vmax=len(_REGIONS) - 0.5, shading="nearest", alpha=0.45)
        finite = np.isfinite(frequency)
        if np.any(finite) and np.ptp(frequency[finite]) > 0:
            shown = np.ma.masked_invalid(frequency.T)
            values = _levels(frequency[finite], levels)
            lines = axes.contour(x, y, shown, levels=values, colors=BLACK, linewidths=0.7)
            axes.clabel(lines, fmt="%g", fontsize=7.0)
            if frequency[finite].min() < 0 < frequency[finite].max():
                axes.contour(x, y, shown, levels=[0.0], colors=BLACK, linewidths=1.8)
        axes.set_xlabel(found.plane.names[0])
        axes.set_ylabel(found.plane.names[1])
        axes.set_title("lowest frequency (THz), imaginary below zero")
        origin = _identity(found)
        if origin is not None and x.min() <= origin[0] <= x.max() and y.min() <= origin[1] <= y.max():
            axes.plot(*origin, marker="+", color=BLACK, markersize=9.0, linestyle="none")
        present = [region for verdict, region in _REGIONS.items() if np.any(codes == int(verdict))]
        patches = [Patch(color=colour, alpha=0.45, label=text) for colour, text in present]
        figure.legend(handles=patches, loc="outside lower center", ncols=len(patches))
    return figure


def _levels(values: np.ndarray, count: int) -> list[float]:
    """Round contour levels, zero left out."""
    from matplotlib.ticker import MaxNLocator

    lowest, highest = float(values.min()), float(values.max())
    sides = [(lowest, min(highest, 0.0)), (max(lowest, 0.0), highest)]
    ticks = [MaxNLocator(nbins=count // 2 + 1).tick_values(*side) for side in sides if side[1] > side[0]]
    return sorted({round(float(t), 9) for side in ticks for t in side if lowest < t < highest} - {0.0})


def _identity(found: StabilityMap) -> tuple[float, float] | None:
    """Coordinates (x, y) of F = 1, where the plane holds it."""
    plane = found.plane
    directions = np.stack([np.ravel(plane.first), np.ravel(plane.second)], axis=1)
    missing = np.ravel(np.eye(len(plane.origin)) - np.asarray(plane.origin))
    coordinates = np.linalg.lstsq(directions, missing, rcond=None)[0]
    if np.max(np.abs(directions @ coordinates - missing)) > 1e-9:
        return None
    return float(coordinates[0]), float(coordinates[1])
