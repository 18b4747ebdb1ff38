"""The film study as a figure: data, laws with bands, residuals, and what each law says of the surface."""

from typing import TYPE_CHECKING

import numpy as np

from msjax.plot.film_curves import Curves, Points, curves, quantities
from msjax.plot.style import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, RED, SKY, blank, zero_line
from msjax.studies.films import FilmStudy, LawFit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_TITLES = {
    "E_app": "apparent modulus $E_{app}$ (GPa)",
    "Y_app": "biaxial modulus $Y_{app}$ (GPa)",
    "eps_star": "equilibrium strain ε* (%)",
    "A11": "membrane stiffness $A_{11}/h$ (GPa)",
    "A12": "membrane stiffness $A_{12}/h$ (GPa)",
    "nu": "$A_{12}/A_{11}$",
}
_SURFACE = {"tau0": "surface stress $τ_0$ (N/m)", "G11": "surface stiffness $Γ_{11}$ (N/m)",
            "G12": "surface stiffness $Γ_{12}$ (N/m)"}  # fmt: skip
_LAWS = {
    "full": (BLUE, "o", "-", "full law"),
    "constant": (ORANGE, "s", "--", "constant $Γ_{11}$, $Γ_{12}$"),
    "linear bulk": (RED, "^", "-.", "linear bulk"),
}
_WINDOW = 2.0
"""nm; of the textbook line whose residuals are shown."""
_TICKS = (1000.0, 500.0, 300.0, 200.0, 100.0, 50.0, 30.0, 20.0, 10.0, 5.0, 3.0, 2.0, 1.5, 1.2, 1.0, 0.8, 0.6, 0.5)


def films(study: FilmStudy, *, level: float = 0.9) -> "Figure":
    """A film study: per quantity data, laws and residuals against 1/h; below, what each law returns for the surface.

    Filled points were fitted, open ones not. The band is the ``level`` band of the full law; with synthetic noise it is
    that of the fit to the noisy films, whose residuals are the third row. Bars below are ``level`` intervals. Returns a
    ``matplotlib.figure.Figure``.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    names = quantities(study)
    found = {law.name: curves(law, study.films) for law in study.laws}
    banded = curves(study.noisy or study.law("full"), study.films, level)
    data = Points.of(study.films)
    rough = Points.of(study.noisy.fit.observations) if study.noisy else None
    heights = [3.0, 1.3, 1.3] if rough else [3.0, 1.3]
    with blank(12.0, 3.6 + 0.95 * sum(heights)) as figure:
        top, bottom = np.ravel(figure.subfigures(2, 1, height_ratios=[sum(heights) + 0.9, 2.3]))
        grid = top.subplots(len(heights), len(names), sharex=True, squeeze=False, height_ratios=heights)
        for column, name in zip(grid.T, names, strict=True):
            _values(column[0], study, name, data, found, banded, rough, level)
            _residuals(column[1], study, name, data, found)
            if rough:
                _noisy(column[2], name, rough, banded, np.isin(data.lines, rough.lines))
            column[-1].set_xlabel("1/h (1/nm)")
        for row, words in enumerate(("residuals (%)", "noisy data (%)")[: len(heights) - 1], 1):
            grid[row, 0].set_ylabel(words)
        top.suptitle(f"{study.title}: {study.bulk.words}", x=0.005, ha="left", fontsize=10, fontweight="bold")
        labelled = dict(zip(*grid[0, 0].get_legend_handles_labels()[::-1], strict=True))
        order = sorted(labelled, key=lambda words: (not words.startswith(("data", "not")), words == "not fitted"))
        top.legend([labelled[words] for words in order], order, loc="outside lower center", ncols=-(-len(order) // 2))
        _surface(bottom, study, level)
    return figure


def _values(axes: "Axes", study, name, data: Points, found: dict[str, Curves], banded: Curves, rough, level) -> None:
    noise = "synthetic noise" if rough else ""
    x = banded.inverse
    axes.fill_between(x, banded.lower[name], banded.upper[name], color=SKY, alpha=0.35, linewidth=0,
                      label=f"{100 * level:g} % band of the full law" + (f", {noise}" if rough else ""))  # fmt: skip
    if rough:
        axes.plot(rough.inverse, rough.values[name], "x", color=SKY, label=f"data with {noise}")
    for line in study.lines:
        if line.quantity == name:
            inside = x <= (1.0 / line.at_least if line.at_least else np.inf)
            straight = line.modulus + 2.0 * line.S * x
            axes.plot(x, straight, ":", color=PURPLE, linewidth=0.8)
            axes.plot(x[inside], straight[inside], color=PURPLE, linewidth=1.0,
                      label="textbook lines, by window" if line is _first(study, name) else None)  # fmt: skip
    for law in study.laws[::-1]:
        colour, _, style, label = _LAWS[law.name]
        axes.plot(x, found[law.name].smooth[name], style, color=colour, label=label, linewidth=1.2)
    for inside, face, label in (
        (study.reach.fitted, BLACK, "data, fitted"),
        (~study.reach.fitted, "white", "not fitted"),
    ):
        if inside.any():
            axes.errorbar(data.inverse[inside], data.values[name][inside], data.sd[name][inside], fmt="o", color=BLACK,
                          markerfacecolor=face, markersize=3.6, elinewidth=0.8, label=label)  # fmt: skip
    seen = np.concatenate([data.values[name], found["full"].smooth[name]])
    margin = 0.12 * np.ptp(seen)
    axes.set_ylim(seen.min() - margin, seen.max() + margin)
    axes.set_title(_TITLES[name])
    end = 1.03 * data.inverse.max()
    axes.set_xlim(0.0, end)
    above = axes.secondary_xaxis("top")
    ticks = [h for h in _TICKS if 0.2 * end < 1.0 / h < end]
    ticks = [h for i, h in enumerate(ticks) if i == 0 or 1.0 / h - 1.0 / ticks[i - 1] > 0.09 * end]
    above.set_xticks([1.0 / h for h in ticks], [f"{h:g}" for h in ticks])
    above.tick_params(pad=1.5)
    axes.annotate("h (nm)", (0.0, 1.0), xycoords="axes fraction", xytext=(0, 5), textcoords="offset points", fontsize=8)
    above.spines["top"].set_visible(True)


def _first(study: FilmStudy, name: str):
    return next(line for line in study.lines if line.quantity == name)


def _residuals(axes: "Axes", study: FilmStudy, name: str, data: Points, found: dict[str, Curves]) -> None:
    """Data over law, less one, in the fitted window."""
    fitted = study.reach.fitted
    x = data.inverse[fitted]
    for line in study.lines:
        if line.quantity == name and line.at_least == _WINDOW:
            inside = data.inverse <= 1.0 / line.at_least
            straight = line.modulus + 2.0 * line.S * data.inverse
            axes.plot(
                data.inverse[inside],
                100 * (data.values[name] / straight - 1.0)[inside],
                "D-",
                color=PURPLE,
                markersize=2.8,
                linewidth=0.8,
            )
    for law in study.laws[::-1]:
        colour, marker, _, _ = _LAWS[law.name]
        off = 100 * (data.values[name] / found[law.name].at_films[name] - 1.0)[fitted]
        axes.plot(x, off, f"{marker}-", color=colour, markersize=2.8, linewidth=0.8)
    spread = 100 * (data.sd[name] / np.abs(data.values[name]))[fitted]
    if spread.max() > 0.05:
        off = 100 * (data.values[name] / found["full"].at_films[name] - 1.0)[fitted]
        axes.errorbar(x, off, spread, fmt="none", color=BLUE, elinewidth=0.8)
    zero_line(axes)
    _symmetric(axes)


def _noisy(axes: "Axes", name: str, rough: Points, banded: Curves, inside: np.ndarray) -> None:
    middle = banded.smooth[name]
    lower, upper = (100 * (end[name] / middle - 1.0) for end in (banded.lower, banded.upper))
    axes.fill_between(banded.inverse, lower, upper, color=SKY, alpha=0.35, linewidth=0)
    law = banded.at_films[name][inside]
    off, spread = 100 * (rough.values[name] / law - 1.0), 100 * rough.sd[name] / np.abs(law)
    axes.errorbar(rough.inverse, off, spread, fmt="x", color=SKY, elinewidth=0.8, markersize=3.5)
    zero_line(axes)
    axes.set_ylim(-7, 7) if np.max(np.abs(off) + spread) < 7 else _symmetric(axes)


def _symmetric(axes: "Axes") -> None:
    reach = max(abs(end) for end in axes.get_ylim())
    axes.set_ylim(-reach, reach)


def _surface(panel, study: FilmStudy, level: float) -> None:
    """What each law returns, one column per constant; last what the textbook's windows return."""
    lines = [line for line in study.lines if line.quantity == study.lines[0].quantity] if study.lines else []
    fits: list[LawFit] = [*study.laws[:1], *([study.noisy] if study.noisy else []), *study.laws[1:]]
    axes = panel.subplots(1, len(_SURFACE) + bool(lines), squeeze=False)[0]
    panel.suptitle(
        f"What each law returns for the surface ({100 * level:g} % intervals)", x=0.005, ha="left", fontsize=10,
        fontweight="bold",
    )  # fmt: skip
    labels = [_name(fit, study) for fit in fits]
    for ax, (name, title) in zip(axes, _SURFACE.items(), strict=False):
        for row, law in enumerate(fits):
            low, high = law.fit.intervals(level)[name]
            value = law.fit.values[name]
            noisy = law is study.noisy
            colour, marker, _, _ = _LAWS["full" if noisy else law.name]
            ax.errorbar(value, row, xerr=[[value - low], [high - value]], fmt="x" if noisy else marker,
                        color=SKY if noisy else colour, capsize=2.5, elinewidth=1.2)  # fmt: skip
        if study.truth:
            ax.axvline(study.truth.values[name], color=GREEN, linewidth=1.2, zorder=0)
            ax.annotate("slab", (study.truth.values[name], 1.0), xycoords=("data", "axes fraction"), color=GREEN,
                        fontsize=8, xytext=(3, -2), textcoords="offset points", va="top")  # fmt: skip
        ax.margins(x=0.18)
        _rows(ax, title, labels if ax is axes[0] else [""] * len(labels))
    if not lines:
        return
    ax = axes[-1]
    for row, line in enumerate(lines):
        ax.plot(line.S, row, "D", color=PURPLE)
    whole, part = study.slopes[lines[0].quantity]
    for value, other, colour, words in (
        (part, whole, GREEN, "surface alone"),
        (whole, part, GREY, "and strained bulk"),
    ):
        right = value > other
        ax.axvline(value, color=colour, linewidth=1.2, zorder=0)
        ax.annotate(words, (value, 1.0), xycoords=("data", "axes fraction"), color=colour, fontsize=8,
                    xytext=(3 if right else -3, -2), textcoords="offset points", va="top",
                    ha="left" if right else "right")  # fmt: skip
    symbol = "E" if lines[0].quantity == "E_app" else "Y"
    ax.margins(x=0.45)
    _rows(
        ax,
        f"textbook S of {symbol} + 2S/h (N/m)",
        [f"h ≥ {line.at_least:g} nm" if line.at_least else "all films" for line in lines],
    )


def _name(law: LawFit, study: FilmStudy) -> str:
    if law is study.noisy:
        return "full law,\nnoisy data"
    return _LAWS[law.name][3].replace(" $", "\n$", 1)


def _rows(axes: "Axes", title: str, labels: list[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -1.2)
    axes.set_title(title)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
