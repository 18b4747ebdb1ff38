"""Finite elements: the deformed body with a field on it, adaptive histories, and error budgets."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from msjax.fe.errors.budget import Budget
from msjax.fe.errors.history import History
from msjax.fe.facets import boundary_facets
from msjax.fe.mesh import Mesh
from msjax.plot.style import BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, blank

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_PARTS = {"h": (BLUE, "h: finer cells"), "p": (SKY, "p: higher degree"), "model": (ORANGE, "model")}
_ROUND = (BLUE, ORANGE, GREEN, RED, PURPLE, SKY)


def deformed(
    mesh: Mesh,
    displacement: Any = None,
    values: Any = None,
    *,
    label: str = "",
    unit: str = "",
    scale: float = 1.0,
    limits: tuple[float, float] | None = None,
    edges: bool = True,
    view: tuple[float, float] = (22.0, -55.0),
) -> "Figure":
    """The body where ``displacement`` (n, d), ``scale`` times as large, has moved it, with a field in colour.

    ``values`` are one number per node (n,), drawn as the elements interpolate them, or per cell (m,); None: the mesh
    alone. Colours run from dark to bright, or in both directions from zero where the values have both signs;
    ``limits`` as in :func:`msjax.plot.field`. In the plane all cells are drawn, with curved sides; in space the
    surface, seen from ``view`` (elevation, azimuth in degrees). ``label`` of the colour bar, ``unit`` of the lengths.
    The outline of the undeformed body is dashed. Returns a ``matplotlib.figure.Figure``.

    Raises:
        ValueError: arrays of another shape or not finite, a mesh of lines.
        ModuleNotFoundError: matplotlib is not installed.

    >>> import msjax as ms
    >>> mesh = ms.fe.disc(1.0, 3)
    >>> figure = deformed(mesh, 0.1 * mesh.points, mesh.points[:, 0] ** 2, label="x²")
    """
    if mesh.dim != mesh.cell.dim or mesh.dim == 1:
        raise ValueError(f"mesh: expected cells of the plane or of space, got {mesh.kind} in {mesh.dim}-D")
    points, cells = np.asarray(mesh.points), np.asarray(mesh.cells)
    moved = points
    if displacement is not None:
        moved = points + scale * _checked(displacement, points.shape, "displacement")
    numbers = None
    if values is not None:
        shape = np.shape(values)
        if shape not in ((len(points),), (len(cells),)):
            raise ValueError(f"values: expected one per node ({len(points)},) or per cell ({len(cells)},), got {shape}")
        numbers = _checked(values, shape, "values")
    colours = None if numbers is None else _colours(numbers, limits)
    extent = np.ptp(np.vstack([points, moved])[:, :2], axis=0)
    size = 4.2 / float(np.max(extent))
    width = 4.6 if mesh.dim == 3 else max(size * float(extent[0]), 1.2)
    height = 4.0 if mesh.dim == 3 else max(size * float(extent[1]), 1.0)
    with blank(width + (1.5 if numbers is not None else 0.7), height + 0.6) as figure:
        if mesh.dim == 2:
            axes = figure.subplots()
            drawn = _plane(axes, mesh, points, moved, numbers, colours, edges)
            words = f" ({unit})" if unit else ""
            axes.set(xlabel=f"x{words}", ylabel=f"y{words}", aspect="equal")
            axes.spines[["left", "bottom"]].set_visible(False)
            axes.tick_params(length=0, colors=GREY)
        else:
            axes = figure.add_subplot(projection="3d", proj_type="ortho")
            drawn = _surface(axes, mesh, moved, numbers, colours, edges, view)
        if drawn is not None and colours is not None:
            bar = figure.colorbar(drawn, ax=axes, shrink=0.8, pad=0.03, extend=colours[2], label=label)
            bar.outline.set_visible(False)  # type: ignore[operator]
    return figure


def history(
    histories: History | Mapping[str, History],
    *,
    slopes: Sequence[float] = (),
    label: str = "error",
    relative: bool = False,
) -> "Figure":
    """Errors against unknowns, both logarithmic: estimates as lines, true errors, where known, as open marks.

    ``histories`` by name. ``slopes`` are drawn as triangles beside the curve that ends lowest. ``relative``: to the
    value of the last round. Returns a ``matplotlib.figure.Figure``.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.

    >>> from msjax.fe.errors.history import Round
    >>> rounds = [Round(10**n, 10**n, "tri3", 1.0, 10.0**-n, 9.0**-n) for n in (1, 2, 3)]
    >>> figure = history({"adaptive": History(rounds)}, slopes=(-1.0,))
    """
    curves = histories if isinstance(histories, Mapping) else {"": histories}
    with blank(5.0, 3.6) as figure:
        axes = figure.subplots()
        lowest = None
        for (name, found), colour in zip(curves.items(), _ROUND * 3, strict=False):
            whole = abs(found[-1].value) if relative else 1.0
            x, y = found.unknowns, found.estimates / whole
            axes.plot(x, y, "-o", color=colour, markersize=3.0, label=f"{name} estimate".strip())
            if np.any(np.isfinite(found.errors)):
                axes.plot(x, found.errors / whole, "o", color=colour, fillstyle="none", markersize=6.0,
                          label=f"{name} true error".strip())  # fmt: skip
            if lowest is None or y[-1] < lowest[1][-1]:
                lowest = x, y
        axes.set(xscale="log", yscale="log", xlabel="unknowns", ylabel=f"{label} / value" if relative else label)
        if lowest is not None:
            for n, slope in enumerate(slopes):
                _triangle(axes, *lowest, slope, n)
        axes.grid(which="major", color="#DDDDDD", linewidth=0.6)
        axes.set_axisbelow(True)
        axes.legend()
    return figure


def budget(budgets: Budget | Mapping[str, Budget], *, label: str = "") -> "Figure":
    """Error budgets as bars on a logarithmic axis, relative to the value: what h, p and the model change.

    ``budgets`` by name, one group of bars each; the bar to spend effort on has a dark frame. ``label``: of the axis, by
    default "error (% of the goal)". Returns a ``matplotlib.figure.Figure``.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.

    >>> from msjax.fe.errors.budget import Item
    >>> items = {"h": Item(0.1, np.nan, 40), "p": Item(0.12, np.nan, 40), "model": Item(0.02, 0.001, 40)}
    >>> figure = budget({"8 cells": Budget("goal", 1.0, 10, "tri3", items, 0.0)})
    """
    groups = budgets if isinstance(budgets, Mapping) else {"": budgets}
    with blank(max(1.3 * len(groups) + 2.2, 4.0), 3.4) as figure:
        axes = figure.subplots()
        sizes = [100 * abs(i.amount / b.value) for b in groups.values() for i in b.items.values() if i.amount]
        floor = 10.0 ** np.floor(np.log10(max(min(sizes), 1e-3 * max(sizes))) - 0.3) if sizes else 1e-3
        for place, found in enumerate(groups.values()):
            for n, (name, (colour, _)) in enumerate(_PARTS.items()):
                if name not in found.items:
                    continue
                size = 100 * abs(found.items[name].amount / found.value)
                x = place + 0.27 * (n - 1)
                chosen = found.spend_on == name
                axes.bar(x, max(size, floor) - floor, 0.25, bottom=floor, color=colour, linewidth=1.6,
                         edgecolor="#222222" if chosen else "none", zorder=3)  # fmt: skip
                axes.annotate(f"{size:.2g}" if size >= floor else "0", (x, max(size, floor)), ha="center", va="bottom",
                              xytext=(0, 2), textcoords="offset points", fontsize=7.5)  # fmt: skip
            if found.tolerance:
                axes.plot([place - 0.45, place + 0.45], [100 * found.tolerance] * 2, "--", color=GREY, linewidth=0.8)
        from matplotlib.patches import Patch

        names = [name for name in _PARTS if any(name in b.items for b in groups.values())]
        boxes = [Patch(color=_PARTS[name][0], label=_PARTS[name][1]) for name in names]
        boxes.append(Patch(facecolor="none", edgecolor="#222222", linewidth=1.6, label="spend effort here"))
        ticks = [f"{n}\n{b.unknowns:,} unknowns".strip() for n, b in groups.items()]
        axes.set_xticks(range(len(groups)), ticks)
        axes.tick_params(axis="x", length=0)
        axes.set(yscale="log", ylabel=label or "error (% of the goal)", xlim=(-0.6, len(groups) - 0.4))
        axes.set_ylim(floor, 3.0 * max(sizes, default=1.0))
        figure.legend(handles=boxes, loc="outside lower center", ncols=len(boxes))
    return figure


def _checked(array: Any, shape: tuple[int, ...], name: str) -> np.ndarray:
    numbers = np.asarray(array, float)
    if numbers.shape != shape:
        raise ValueError(f"{name}: expected shape {shape}, got {numbers.shape}")
    if not np.all(np.isfinite(numbers)):
        raise ValueError(f"{name}: expected finite numbers")
    return numbers


def _colours(numbers: np.ndarray, limits: tuple[float, float] | None) -> tuple[Any, str, str]:
    """Norm, map and which ends of the bar have a tip."""
    from matplotlib.colors import Normalize

    both = numbers.min() < 0 < numbers.max()
    low, high = (float(numbers.min()), float(numbers.max())) if limits is None else limits
    if limits is None and both:
        low, high = -max(-low, high), max(-low, high)
    if not low <= high:
        raise ValueError(f"limits: expected (low, high), got {limits}")
    slack = 1e-9 * (abs(low) + abs(high))
    outside = bool(numbers.min() < low - slack), bool(numbers.max() > high + slack)
    tips = {(True, True): "both", (True, False): "min", (False, True): "max", (False, False): "neither"}
    return Normalize(low, high), "RdBu_r" if both else "inferno", tips[outside]


_DIVISIONS = 4
"""Pieces of a side of a cell of degree 2."""


def _lattice(kind_simplex: bool, pieces: int) -> tuple[np.ndarray, np.ndarray]:
    """Reference points of a plane cell and the triangles between them."""
    step = np.linspace(0.0, 1.0, pieces + 1)
    grid = np.stack(np.meshgrid(step, step, indexing="ij"), axis=2).reshape(-1, 2)
    n = pieces + 1
    i, j = (x.reshape(-1) for x in np.meshgrid(range(pieces), range(pieces), indexing="ij"))
    lower = np.stack([i * n + j, (i + 1) * n + j, i * n + j + 1], axis=1)
    upper = np.stack([(i + 1) * n + j, (i + 1) * n + j + 1, i * n + j + 1], axis=1)
    if not kind_simplex:
        return grid, np.vstack([lower, upper])
    return grid, np.vstack([lower[i + j < pieces], upper[i + j < pieces - 1]])


def _outlines(mesh: Mesh, facets: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Sides of plane cells as polylines (f, s, 2)."""
    cells = np.asarray(mesh.cells)
    nodes = np.take_along_axis(cells[facets[:, 0]], mesh.cell.facet_nodes[facets[:, 1]], axis=1)
    if mesh.cell.degree == 1:
        return points[nodes]
    t = np.linspace(0.0, 1.0, _DIVISIONS + 1)
    shape = np.stack([(1 - t) * (1 - 2 * t), 4 * t * (1 - t), t * (2 * t - 1)], axis=1)
    return np.einsum("sa,fad->fsd", shape, points[nodes])


def _plane(axes: "Axes", mesh: Mesh, points, moved, numbers, colours, edges: bool) -> Any:
    from matplotlib.collections import LineCollection

    rim = boundary_facets(mesh)
    drawn = None
    cells = np.asarray(mesh.cells)
    reference, triangles = _lattice(mesh.cell.simplex, 1 if mesh.kind == "tri3" else _DIVISIONS)
    shape = mesh.cell.values(reference)
    xy = np.einsum("ra,mad->mrd", shape, moved[cells]).reshape(-1, 2)
    every = (np.arange(len(cells))[:, None, None] * len(reference) + triangles).reshape(-1, 3)
    if numbers is None:
        axes.tripcolor(xy[:, 0], xy[:, 1], every, facecolors=np.zeros(len(every)), cmap="Greys", vmin=-0.1, vmax=1.0)
    else:
        norm, scale, _ = colours
        if len(numbers) == len(points):
            there = np.einsum("ra,ma->mr", shape, numbers[cells]).reshape(-1)
            drawn = axes.tripcolor(  # type: ignore[call-overload]
                xy[:, 0], xy[:, 1], every, there, shading="gouraud", norm=norm, cmap=scale, rasterized=True
            )
        else:
            there = np.repeat(numbers, len(triangles))
            drawn = axes.tripcolor(xy[:, 0], xy[:, 1], every, facecolors=there, norm=norm, cmap=scale, rasterized=True)
    if edges:
        sides = np.argwhere(np.ones((len(cells), len(mesh.cell.facet_nodes)), bool))
        width = float(np.clip(12.0 / np.sqrt(len(cells)), 0.08, 0.5))
        axes.add_collection(
            LineCollection(list(_outlines(mesh, sides, moved)), colors="#222222", linewidths=width, alpha=0.5)
        )
    axes.add_collection(LineCollection(list(_outlines(mesh, rim, moved)), colors="#222222", linewidths=0.8))
    if moved is not points:
        before = list(_outlines(mesh, rim, points))
        axes.add_collection(LineCollection(before, colors=GREY, linewidths=0.7, linestyles="--", zorder=0.5))
    axes.autoscale_view()
    return drawn


def _surface(axes: Any, mesh: Mesh, moved, numbers, colours, edges: bool, view: tuple[float, float]) -> Any:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    rim = boundary_facets(mesh)
    cells = np.asarray(mesh.cells)
    nodes = np.take_along_axis(cells[rim[:, 0]], mesh.cell.facet_nodes[rim[:, 1]], axis=1)
    loops = {"tri3": [0, 1, 2], "tri6": [0, 3, 1, 4, 2, 5], "quad4": [0, 1, 3, 2], "quad9": [0, 1, 2, 5, 8, 7, 6, 3]}
    polygons = moved[nodes[:, loops[str(mesh.cell.facet)]]]
    a, b = polygons[:, len(polygons[0]) // 2] - polygons[:, 0], polygons[:, -1] - polygons[:, 1]
    normal = np.cross(a, b)
    up, turn = np.radians(view)
    light = np.array([np.cos(up + 0.5) * np.cos(turn - 0.4), np.cos(up + 0.5) * np.sin(turn - 0.4), np.sin(up + 0.5)])
    shade = np.abs(normal @ light) / np.maximum(np.linalg.norm(normal, axis=1), 1e-300)
    if numbers is None:
        base = np.tile([0.86, 0.85, 0.82, 1.0], (len(rim), 1))
    else:
        norm, scale, _ = colours
        of_facets = numbers[nodes].mean(axis=1) if len(numbers) == len(moved) else numbers[rim[:, 0]]
        base = colormaps[scale](norm(of_facets))
    base[:, :3] *= (0.75 + 0.25 * shade)[:, None]
    lines = (0.1, 0.1, 0.1, 0.35) if edges else base
    axes.add_collection3d(Poly3DCollection(polygons, facecolors=base, edgecolors=lines, linewidths=0.2))
    low, high = moved.min(axis=0), moved.max(axis=0)
    axes.set(xlim=(low[0], high[0]), ylim=(low[1], high[1]), zlim=(low[2], high[2]))
    axes.set_box_aspect(np.maximum(high - low, 1e-9))
    axes.view_init(elev=view[0], azim=view[1])
    axes.set_axis_off()
    return None if numbers is None else ScalarMappable(colours[0], colours[1])


def _triangle(axes: "Axes", x: np.ndarray, y: np.ndarray, slope: float, number: int) -> None:
    """A triangle of a slope under the end of a curve."""
    right = float(x[-1]) * 0.8
    left = right / 10.0 ** min(0.5, 0.4 * np.log10(x[-1] / x[0]))
    top = 0.55 * float(np.interp(np.log(left), np.log(x), y)) * 0.45**number
    low = top * (right / left) ** slope
    axes.plot([left, right, left, left], [top, low, low, top], color=GREY, linewidth=0.8)
    axes.annotate(f"{slope:.3g}", (left, np.sqrt(top * low)), xytext=(-3, 0), textcoords="offset points", ha="right",
                  va="center", fontsize=8, color=GREY)  # fmt: skip
