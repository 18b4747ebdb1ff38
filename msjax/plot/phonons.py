"""Phonon dispersion along a path through the zone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jax.typing import ArrayLike

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.phonons import frequencies
from msjax.plot.style import BLUE, GREY, ORANGE, blank, zero_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = (BLUE, ORANGE)


def dispersion(
    material: CauchyBorn,
    path: Sequence[tuple[str, Sequence[float]]],
    deformations: dict[str, ArrayLike] | None = None,
    *,
    points: int = 40,
) -> "Figure":
    """Frequencies in THz along straight lines between named wave vectors; imaginary ones are drawn below zero.

    ``path``: names and wave vectors in units of the reference reciprocal vectors; ``deformations``: up to two
    deformation gradients by name, by default the identity; ``points`` of each line. Returns a
    ``matplotlib.figure.Figure``.

    Raises:
        ValueError: fewer than two points on the path, or more than two deformations.
        ModuleNotFoundError: matplotlib is not installed.

    >>> import msjax as ms
    >>> square = ms.CauchyBorn(ms.bulk("X", "square", a=1.0), ms.Springs(stiffness=[1.0, 0.5], length=[1.0, 2.0**0.5]))
    >>> figure = dispersion(square, [("Γ", (0.0, 0.0)), ("X", (0.5, 0.0)), ("M", (0.5, 0.5))], points=8)
    """
    deformations = deformations or {"": np.eye(material.dim)}
    if len(path) < 2:
        raise ValueError(f"path: expected at least two named wave vectors, got {len(path)}")
    if len(deformations) > len(_COLOURS):
        raise ValueError(f"deformations: at most {len(_COLOURS)} can be told apart, got {len(deformations)}")
    corners = np.array([q for _, q in path], dtype=float)
    fraction = np.linspace(0.0, 1.0, points)[:, None]
    legs = [(1.0 - fraction) * a + fraction * b for a, b in zip(corners[:-1], corners[1:], strict=True)]
    q = np.concatenate(legs)
    reciprocal = np.linalg.inv(np.asarray(material.crystal.cell)).T
    steps = np.linalg.norm(np.diff(q @ reciprocal, axis=0), axis=1)
    along = np.concatenate([[0.0], np.cumsum(steps)])
    with blank(5.6, 3.4) as figure:
        axes = figure.subplots()
        for colour, (name, deformation) in zip(_COLOURS, deformations.items(), strict=False):
            found = np.asarray(frequencies(material, q, deformation))
            lines = axes.plot(along, found, color=colour, linewidth=1.3)
            lines[0].set_label(name)
        marks = [along[0], *along[points - 1 :: points]]
        for mark in marks:
            axes.axvline(mark, color=GREY, linewidth=0.5, zorder=0)
        axes.set_xticks(marks, [name for name, _ in path])
        axes.set_xlim(along[0], along[-1])
        zero_line(axes)
        axes.set_ylabel("frequency (THz), imaginary below zero")
        if any(deformations):
            axes.legend()
    return figure
