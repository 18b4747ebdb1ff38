"""What all figures share: matplotlib on demand, colours, sizes, and writing to a file."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msjax.files import replace

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, told apart by all kinds of colour vision (https://jfly.uni-koeln.de/color/)
BLUE, ORANGE, GREEN, RED, SKY, PURPLE, BLACK = "#0072B2 #E69F00 #009E73 #D55E00 #56B4E9 #CC79A7 #222222".split()
GREY = "#777777"

_SETTINGS: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.labelsize": 9.0,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "lines.linewidth": 1.5,
    "lines.markersize": 4.0,
    "axes.unicode_minus": True,
    "mathtext.default": "regular",
}


def load_matplotlib() -> None:
    """Import matplotlib, or say how to get it.

    Raises:
        ModuleNotFoundError: naming the extra.
    """
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "figures need matplotlib, which is not installed: pip install 'msjax[plot]'", name="matplotlib"
        ) from error


@contextmanager
def blank(width: float, height: float) -> Iterator["Figure"]:
    """An empty figure of the given size in inches, under the common settings."""
    load_matplotlib()
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_SETTINGS):
        yield Figure(figsize=(width, height), layout="constrained")


def save(figure: "Figure", path: str | os.PathLike, *, dpi: int = 160) -> None:
    """Write a figure; the ending (``.png``, ``.pdf``, ``.svg``) chooses the format.

    An existing file is replaced only once the new one is complete.

    Raises:
        ValueError: there is no such folder, or the ending is not a format that matplotlib writes.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise ValueError(f"path: there is no folder {path.parent}")
    known = figure.canvas.get_supported_filetypes()
    if path.suffix.removeprefix(".") not in known:
        raise ValueError(f"path: expected an ending among {', '.join(sorted(known))}, got {path.name!r}")
    replace(path, lambda file: figure.savefig(file, dpi=dpi, format=path.suffix.removeprefix(".")))


def zero_line(axes: "Axes") -> None:
    """A thin line at zero, behind everything."""
    axes.axhline(0.0, color=GREY, linewidth=0.6, zorder=0)
