"""Phonon dispersion along a path through the zone."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jax.typing import ArrayLike

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.phonons import BandPath, ForceConstants, band_path, frequencies
from msjax.crystal.phonons.paths import Corners
from msjax.plot.style import BLUE, GREY, ORANGE, blank, zero_line

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLOURS = (BLUE, ORANGE)


def dispersion(
    material: CauchyBorn | ForceConstants,
    path: BandPath | str | Corners | Sequence[Corners] | None = None,
    deformations: dict[str, ArrayLike] | None = None,
    *,
    points: int = 200,
) -> "Figure":
    """Frequencies in THz along a path through the zone; imaginary ones are drawn below zero.

    ``material``: or force constants. ``path``: what :func:`msjax.phonons.band_path` takes or returns, by default the
    usual one of the lattice; ``deformations`` (of a material): up to two deformation gradients by name, by default the
    identity; ``points`` of the whole path. Returns a ``matplotlib.figure.Figure``.

    Raises:
        ValueError: not a path (see ``band_path``), more than two deformations, or some of force constants.
        ModuleNotFoundError: matplotlib is not installed.

    >>> import msjax as ms
    >>> square = ms.CauchyBorn(ms.bulk("X", "square", a=1.0), ms.Springs(stiffness=[1.0, 0.5], length=[1.0, 2.0**0.5]))
    >>> figure = dispersion(square, [("Γ", (0.0, 0.0)), ("X", (0.5, 0.0)), ("M", (0.5, 0.5))], points=24)
    """
    if isinstance(material, ForceConstants) and deformations:
        raise ValueError("deformations: force constants belong to one state; build them there")
    deformations = deformations or {"": np.eye(material.crystal.dim)}
    if len(deformations) > len(_COLOURS):
        raise ValueError(f"deformations: at most {len(_COLOURS)} can be told apart, got {len(deformations)}")
    way = path if isinstance(path, BandPath) else band_path(material.crystal, path, points=points)
    with blank(5.6, 3.4) as figure:
        axes = figure.subplots()
        for colour, (name, deformation) in zip(_COLOURS, deformations.items(), strict=False):
            if isinstance(material, ForceConstants):
                found = np.asarray(material.frequencies(way.q))
            else:
                found = np.asarray(frequencies(material, way.q, deformation))
            for leg, piece in enumerate(np.split(np.arange(len(way.q)), way.ends)):
                lines = axes.plot(way.along[piece], found[piece], color=colour, linewidth=1.3)
                if leg == 0:
                    lines[0].set_label(name)
        marks = [mark for mark, _ in way.marks]
        for mark in marks:
            axes.axvline(mark, color=GREY, linewidth=0.5, zorder=0)
        axes.set_xticks(marks, [name for _, name in way.marks])
        axes.set_xlim(way.along[0], way.along[-1])
        zero_line(axes)
        axes.set_ylabel("frequency (THz), imaginary below zero")
        if any(deformations):
            axes.legend()
    return figure
