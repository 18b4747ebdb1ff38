"""Any fit as a figure: data, the law with its band, and residuals."""

from typing import TYPE_CHECKING, Any

import numpy as np

from msjax.calibration import Fit
from msjax.plot.style import BLACK, BLUE, SKY, blank, zero_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SMOOTH = 121
"""Points of a smooth curve."""


def fit(fit: Fit, model: Any, control: str | None = None, *, level: float = 0.9) -> "Figure":
    """One column per measured quantity: data and law with its ``level`` band, and below the residuals in units of sd.

    ``model`` is the one that was fitted; ``control`` the column on the abscissa, by default the only one. With several
    controls the law is drawn at the data only. Returns a ``matplotlib.figure.Figure``.

    Raises:
        ValueError: there is no such control, there are several and none is named, or the fit failed.
        ModuleNotFoundError: matplotlib is not installed.

    >>> import msjax as ms
    >>> thickness = {"h [nm]": [2.0, 4.0, 8.0]}
    >>> data = ms.Observations.of({"E [GPa]": [70.0, 66.0, 64.0]}, controls=thickness, relative_sd=0.02)
    >>> line = lambda v, c: {"E": v["E"] + 2.0 * v["S"] / c["h"]}
    >>> parameters = [ms.Parameter("E", "GPa", bounds=(40.0, 90.0)), ms.Parameter("S", "N/m", bounds=(-20.0, 20.0))]
    >>> figure = fit(ms.calibrate(line, data, parameters), line)
    >>> len(figure.axes)
    2
    """
    data = fit.observations
    controls = list(data.controls)
    if control is None and len(controls) != 1:
        raise ValueError(f"control: there are {', '.join(controls) or 'none'}; name the one to draw against")
    control = controls[0] if control is None else control
    if control not in controls:
        raise ValueError(f"control: no control {control!r}; there are {', '.join(controls)}")
    if bool(fit.status.failed):
        raise ValueError(f"fit: it failed ({fit.status}); there is nothing to draw")
    x = data.stated(control)
    order = np.argsort(x)
    at, at_data = order, fit.predict(model, level=level)
    grid, bands = x[at], at_data
    if len(controls) == 1:
        at = np.arange(SMOOTH)
        grid = np.linspace(x.min(), x.max(), SMOOTH)
        bands = fit.predict(model, {f"{control} [{data.unit(control)}]": grid}, level=level)
    with blank(max(3.4 * len(data.names), 4.2), 4.4) as figure:
        axes = figure.subplots(2, len(data.names), sharex=True, squeeze=False, height_ratios=[3, 1.1])
        for (upper, lower), name in zip(axes.T, data.names, strict=True):
            band = bands[name]
            upper.fill_between(grid, band.lower[at], band.upper[at], color=SKY, alpha=0.35, linewidth=0,
                               label=f"{100 * level:g} % band")  # fmt: skip
            upper.plot(grid, band.value[at], color=BLUE, label="fit")
            upper.errorbar(x, data.stated(name), data.stated(f"sd({name})"), fmt="o", color=BLACK, markersize=3.6,
                           elinewidth=0.8, label="data, sd")  # fmt: skip
            upper.set_title(_label(name, data.unit(name)))
            lower.plot(x, fit.residuals[name], "o", color=BLACK, markersize=3.6)
            for edge in (-2.0, 2.0):
                lower.axhline(edge, color=BLACK, linewidth=0.5, linestyle=":")
            zero_line(lower)
            lower.set_xlabel(_label(control, data.unit(control)))
        axes[0, 0].legend()
        axes[1, 0].set_ylabel("residual (sd)")
    return figure


def _label(name: str, unit: str) -> str:
    return name if unit in ("-", "1") else f"{name} ({unit})"
