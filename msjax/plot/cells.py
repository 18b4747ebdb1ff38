"""Volume elements: the image, a field on it, and how apparent properties meet as the element grows."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jax.typing import ArrayLike

from msjax.homogenization.convergence import Convergence
from msjax.plot.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, blank

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MATRIX = "#E9E6DF"
_INCLUSIONS = (BLUE, ORANGE, GREEN, PURPLE, SKY, RED)
_CONDITIONS = {"kubc": (RED, "s", "KUBC"), "periodic": (BLUE, "o", "periodic"), "subc": (GREEN, "^", "SUBC")}


def phases(
    image: ArrayLike,
    *,
    names: Sequence[str] = (),
    lengths: Sequence[float] | None = None,
    unit: str = "",
    plane: tuple[int, int] | None = None,
) -> "Figure":
    """The phases of a voxel image (nx, ny[, nz]), x to the right; of a 3-D image one plane.

    ``image``: integers, or floats in [0, 1], the share of the second phase. ``names`` of the phases 0, 1, … make a
    legend. ``lengths``: edges of the cell, in ``unit``; without them axes count voxels. ``plane``: (axis, index) of the
    plane of a 3-D image, by default the middle one normal to the last axis. Returns a ``matplotlib.figure.Figure``.

    Raises:
        ValueError: an image that is not 2-D or 3-D, numbers it cannot have, or a plane outside it.
        ModuleNotFoundError: matplotlib is not installed.

    >>> figure = phases(np.eye(4, dtype=int), names=("matrix", "fibre"))
    """
    values = np.asarray(image)
    shares = values.dtype.kind == "f"
    if values.dtype.kind not in "biuf" or not np.all(np.isfinite(values)) or values.size == 0:
        raise ValueError("image: expected integers, or floats in [0, 1]")
    if values.min() < 0 or (shares and values.max() > 1 + 1e-12):
        expected = "floats in [0, 1]" if shares else "phases from 0 on"
        raise ValueError(f"image: expected {expected}, got {values.min():g} to {values.max():g}")
    if not shares and len(names) not in (0, int(values.max()) + 1):
        raise ValueError(f"names: {len(names)}, expected one for each of {int(values.max()) + 1} phases")
    cut, edges, axes_names = _cut(values, lengths, plane)
    number = 2 if shares else max(int(values.max()) + 1, 2)
    with blank(*_size(edges, 0.0)) as figure:
        from matplotlib.colors import LinearSegmentedColormap, ListedColormap
        from matplotlib.patches import Patch

        colours = [_MATRIX, *(_INCLUSIONS[k % len(_INCLUSIONS)] for k in range(number - 1))]
        scale = LinearSegmentedColormap.from_list("shares", colours) if shares else ListedColormap(colours)
        axes = figure.subplots()
        highest = 1.0 if shares else number - 1
        axes.imshow(cut.T, origin="lower", extent=_extent(edges), cmap=scale, vmin=0, vmax=highest, aspect="equal",
                    interpolation="nearest")  # fmt: skip
        _frame(axes, axes_names, unit if lengths is not None else "voxels")
        if names:
            boxes = [Patch(color=colour, label=name) for colour, name in zip(colours, names, strict=False)]
            figure.legend(handles=boxes, loc="outside lower center", ncols=len(boxes))
    return figure


def field(
    values: ArrayLike,
    *,
    label: str = "",
    phases: ArrayLike | None = None,
    lengths: Sequence[float] | None = None,
    unit: str = "",
    plane: tuple[int, int] | None = None,
    limits: tuple[float, float] | None = None,
) -> "Figure":
    """A scalar on the voxels (nx, ny[, nz]), such as a component of a local stress; of a 3-D field one plane.

    Colours run from dark to bright, or in both directions from zero where the values have both signs. ``label``: of
    the colour bar, with the unit of the values. ``phases``: an image whose phase boundaries are drawn on top.
    ``lengths``, ``unit``, ``plane``: see :func:`phases`. ``limits`` of the colours, by default those of the values
    shown; what lies outside has the colour of the end, and the bar has a tip. Returns a ``matplotlib.figure.Figure``.

    Raises:
        ValueError: values that are not finite or not 2-D or 3-D, limits out of order, phases of another shape.
        ModuleNotFoundError: matplotlib is not installed.

    >>> x = np.linspace(0.0, 2.0 * np.pi, 16)
    >>> figure = field(np.sin(x)[:, None] * np.cos(x)[None, :], label="stress (MPa)")
    """
    numbers = np.asarray(values, float)
    if not np.all(np.isfinite(numbers)) or numbers.size == 0:
        raise ValueError("values: expected finite numbers")
    if phases is not None and np.shape(phases) != numbers.shape:
        raise ValueError(f"phases: shape {np.shape(phases)}, expected that of the values, {numbers.shape}")
    cut, edges, axes_names = _cut(numbers, lengths, plane)
    low, high = (float(cut.min()), float(cut.max())) if limits is None else limits
    both = cut.min() < 0 < cut.max()
    if limits is None and both:
        low, high = -max(-low, high), max(-low, high)
    if not low <= high:
        raise ValueError(f"limits: expected (low, high), got {limits}")
    with blank(*_size(edges, 0.9)) as figure:
        axes = figure.subplots()
        drawn = axes.imshow(cut.T, origin="lower", extent=_extent(edges), cmap="RdBu_r" if both else "inferno",
                            vmin=low, vmax=high, aspect="equal", interpolation="nearest")  # fmt: skip
        if phases is not None:
            _outline(axes, _cut(np.asarray(phases), lengths, plane)[0], edges, "#222222" if both else "white")
        _frame(axes, axes_names, unit if lengths is not None else "voxels")
        tips = {(True, True): "both", (True, False): "min", (False, True): "max", (False, False): "neither"}
        slack = 1e-9 * (abs(low) + abs(high))
        outside = bool(cut.min() < low - slack), bool(cut.max() > high + slack)
        bar = figure.colorbar(drawn, ax=axes, shrink=0.85, pad=0.03, extend=tips[outside], label=label)
        bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


def convergence(
    found: Convergence,
    *,
    label: str = "",
    size: str = "edge length",
    bounds: Mapping[str, float] | None = None,
) -> "Figure":
    """Means of an apparent property against size with their intervals as bands, one curve a boundary condition.

    ``found``: result of :func:`msjax.homogenization.convergence.convergence`; its common limit is drawn as a bar at the
    right edge. ``label``, ``size``: of the axes, with units. ``bounds``: names and values drawn as dashed lines; those
    far away are named at the edge they lie behind. Returns a ``matplotlib.figure.Figure``.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.

    >>> from msjax.homogenization.convergence import convergence as meet
    >>> kubc, subc = {1.0: [3.01, 2.99], 2.0: [2.6, 2.4]}, {1.0: [1.01, 0.99], 2.0: [1.6, 1.4]}
    >>> figure = convergence(meet({"kubc": kubc, "subc": subc}), label="bulk modulus (GPa)", bounds={"Voigt": 9.0})
    """
    with blank(5.8, 3.5) as figure:
        axes = figure.subplots()
        spare = iter((ORANGE, PURPLE, SKY))
        for name, curve in found.curves.items():
            colour, marker, words = _CONDITIONS.get(name) or (next(spare, GREY), "D", name)
            axes.fill_between(curve.sizes, curve.lower, curve.upper, color=colour, alpha=0.25, linewidth=0)
            axes.plot(curve.sizes, curve.means, marker=marker, color=colour, label=words)
        low = min(float(np.min(curve.lower)) for curve in found.curves.values())
        high = max(float(np.max(curve.upper)) for curve in found.curves.values())
        room = 0.25 * (high - low)
        limit = found.limit
        sizes = np.concatenate([curve.sizes for curve in found.curves.values()])
        end = float(sizes.max()) * (sizes.max() / sizes.min()) ** 0.1
        axes.set_xscale("log")
        axes.set_xlim(float(sizes.min()) * (sizes.min() / sizes.max()) ** 0.03, end)
        middle = min(max(limit.value, low), high)
        axes.errorbar([end], [middle], yerr=[[middle - limit.lower], [limit.upper - middle]], fmt="_", color="#222222",
                      capsize=3, clip_on=False, label=f"limit {limit.value:.4g}")  # fmt: skip
        axes.set_ylim(low - room, high + room)
        _bounds(axes, dict(bounds or {}), low - room, high + room)
        axes.set_xticks(np.unique(sizes), [f"{x:g}" for x in np.unique(sizes)])
        axes.minorticks_off()
        axes.set(xlabel=size, ylabel=label)
        axes.legend()
    return figure


def _bounds(axes: "Axes", bounds: dict[str, float], low: float, high: float) -> None:
    """Dashed lines, or words at the edge behind which a bound lies."""
    for name, value in bounds.items():
        if low < value < high:
            axes.axhline(value, color=GREY, linewidth=0.8, linestyle=(0, (5, 4)), zorder=0)
            axes.annotate(name, (0.0, value), xycoords=("axes fraction", "data"), xytext=(3, 2),
                          textcoords="offset points", fontsize=8, color=GREY)  # fmt: skip
    for y, arrow, behind in (
        (0.99, "↑", {name: value for name, value in bounds.items() if value >= high}),
        (0.01, "↓", {name: value for name, value in bounds.items() if value <= low}),
    ):
        if behind:
            words = ", ".join(f"{name} {value:.3g}" for name, value in behind.items())
            axes.annotate(f"{arrow} {words}", (0.01, y), xycoords="axes fraction", fontsize=8, color=GREY,
                          va="top" if y > 0.5 else "bottom")  # fmt: skip


def _cut(values: np.ndarray, lengths: Sequence[float] | None, plane: tuple[int, int] | None):
    """A plane (n, m) of an image, its edges, and the names of its axes."""
    if values.ndim not in (2, 3):
        raise ValueError(f"image: expected shape (nx, ny) or (nx, ny, nz), got {values.shape}")
    edges = np.array(values.shape if lengths is None else lengths, float)
    if edges.shape != (values.ndim,):
        raise ValueError(f"lengths: expected {values.ndim} edges, got {lengths}")
    if values.ndim == 2:
        if plane is not None:
            raise ValueError(f"plane: a 2-D image has none, got {plane}")
        return values, edges, ("x", "y")
    axis, index = plane if plane is not None else (2, values.shape[2] // 2)
    if axis not in (0, 1, 2) or not 0 <= index < values.shape[axis]:
        raise ValueError(f"plane: expected (axis 0, 1 or 2, index within {values.shape}), got {plane}")
    rest = [a for a in range(3) if a != axis]
    return np.take(values, index, axis=axis), edges[rest], tuple("xyz"[a] for a in rest)


def _size(edges: np.ndarray, extra: float) -> tuple[float, float]:
    """Width and height of a figure, in inches, that holds the plane."""
    scale = 3.4 / float(np.max(edges))
    return scale * float(edges[0]) + 0.7 + extra, scale * float(edges[1]) + 0.7


def _extent(edges: np.ndarray) -> tuple[float, float, float, float]:
    return 0.0, float(edges[0]), 0.0, float(edges[1])


def _outline(axes: "Axes", image: np.ndarray, edges: np.ndarray, colour: str) -> None:
    x, y = ((np.arange(n) + 0.5) * edge / n for n, edge in zip(image.shape, edges, strict=True))
    levels = np.unique(image.astype(float)) if image.dtype.kind != "f" else np.array([0.0, 1.0])
    axes.contour(x, y, image.T.astype(float), levels=0.5 * (levels[1:] + levels[:-1]), colors=colour, linewidths=0.6,
                 alpha=0.8)  # fmt: skip


def _frame(axes: "Axes", names: Any, unit: str) -> None:
    words = f" ({unit})" if unit else ""
    axes.set(xlabel=f"{names[0]}{words}", ylabel=f"{names[1]}{words}")
    axes.tick_params(length=2.5)
    for side in axes.spines.values():
        side.set_visible(False)
