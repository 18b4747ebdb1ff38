"""Paths through the Brillouin zone, along which bands are drawn."""

import warnings
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from msjax.crystal.lattice import Crystal
from msjax.crystal.phonons.zone import special_points

Corners = Sequence[tuple[str, Sequence[float] | np.ndarray]]
"""Named wave vectors, in units of the reference reciprocal vectors."""

_FLAT = {"chain": "ΓX", "square": "ΓXMΓ", "triangular": "ΓMKΓ", "honeycomb": "ΓMKΓ"}


class BandPath(NamedTuple):
    """``q`` (nq, d) wave vectors in reduced units; ``along`` (nq,) the way along the path, 2π/Å; ``ends`` where a leg
    after a gap begins (index of its first q); ``marks`` positions and names of the corners, "X|K" at a gap."""

    q: np.ndarray
    along: np.ndarray
    ends: tuple[int, ...]
    marks: tuple[tuple[float, str], ...]


def band_path(
    crystal: Crystal,
    path: str | Corners | Sequence[Corners] | None = None,
    *,
    points: int = 200,
    source: Literal["ase", "seekpath"] = "ase",
) -> BandPath:
    """A path of about ``points`` wave vectors, evenly spaced along its straight legs.

    ``path``: named corners, [("Γ", (0, 0, 0)), ("X", (0.5, 0, 0.5)), …], or several such lists where the path jumps;
    or, in three dimensions, a string of ASE's names such as "GXWKGL,UX". By default the usual path of the lattice: in
    one and two dimensions that of a structure made by :func:`msjax.crystal.lattice.bulk`, in three dimensions by ASE
    (doi:10.1016/j.commatsci.2010.05.010) or with ``source="seekpath"`` by seekpath
    (doi:10.1016/j.commatsci.2016.10.015), both for the crystal's own cell.

    Raises ``ValueError`` for fewer than two corners, corners that are no wave vectors of this dimension, or a crystal
    without a usual path; ``ImportError`` where ASE or seekpath is needed and missing.

    >>> import msjax as ms
    >>> path = band_path(ms.bulk("X", "square", a=1.0), points=30)
    >>> [name for _, name in path.marks], len(path.q)
    (['Γ', 'X', 'M', 'Γ'], 31)
    """
    if not isinstance(points, int | np.integer) or points < 2:
        raise ValueError(f"points: expected an integer of at least 2, got {points!r}")
    pieces = _pieces(crystal, path, source)
    reciprocal = np.linalg.inv(np.asarray(crystal.cell, float)).T
    corners = [np.array([q for _, q in piece], float) for piece in pieces]
    lengths = [np.linalg.norm(np.diff(c @ reciprocal, axis=0), axis=1) for c in corners]
    total = sum(float(np.sum(x)) for x in lengths)
    if total == 0.0:
        raise ValueError("path: all corners are the same wave vector")
    q, along, marks, ends, start = [], [], [], [], 0.0
    for piece, corner, length in zip(pieces, corners, lengths, strict=True):
        ends.append(sum(len(x) for x in q))
        if marks:
            marks[-1] = (start, f"{marks[-1][1]}|{piece[0][0]}")
        else:
            marks.append((start, piece[0][0]))
        q.append(corner[:1])
        along.append(np.array([start]))
        for (name, _), a, b, step in zip(piece[1:], corner[:-1], corner[1:], length, strict=True):
            count = max(1, round(points * step / total))
            fraction = np.arange(1, count + 1) / count
            q.append(a + fraction[:, None] * (b - a))
            along.append(start + fraction * step)
            start += step
            marks.append((start, name))
    return BandPath(np.concatenate(q), np.concatenate(along), tuple(ends[1:]), tuple(marks))


def _pieces(crystal: Crystal, path: Any, source: str) -> list[list[tuple[str, Sequence[float] | np.ndarray]]]:
    """Named corners of each piece without a gap."""
    if source not in ("ase", "seekpath"):
        raise ValueError(f"source: expected 'ase' or 'seekpath', got {source!r}")
    if path is None and crystal.dim < 3:
        pieces = [_flat(crystal)]
    elif path is None and source == "seekpath":
        pieces = _by_seekpath(crystal)
    elif path is None or isinstance(path, str):
        pieces = _by_ase(crystal, path)
    else:
        given = list(path)
        pieces = [given] if given and isinstance(given[0][0], str) else given
    for piece in pieces:
        if len(piece) < 2:
            raise ValueError(f"path: expected at least two named wave vectors, got {len(piece)}")
        for name, q in piece:
            values = np.asarray(q, float)
            if values.shape != (crystal.dim,) or not np.all(np.isfinite(values)):
                raise ValueError(f"path: {name} has to be {crystal.dim} finite numbers, got {q}")
    if not pieces:
        raise ValueError("path: expected at least two named wave vectors, got 0")
    return pieces


def _flat(crystal: Crystal) -> list[tuple[str, Sequence[float] | np.ndarray]]:
    known = special_points(crystal)
    if crystal.structure not in _FLAT or not known:
        raise ValueError(f"path: there is no usual one for structure {crystal.structure!r}: give named wave vectors")
    return [(name, tuple(known[name][0]) if name != "Γ" else (0.0,) * crystal.dim) for name in _FLAT[crystal.structure]]


def _by_ase(crystal: Crystal, path: str | None) -> list[list[tuple[str, Sequence[float] | np.ndarray]]]:
    if crystal.dim != 3:
        raise ValueError(f"path: names are ASE's, which has them in three dimensions only; got {path!r}")
    from msjax.crystal.ase import to_ase

    atoms = to_ase(crystal)
    from ase.dft.kpoints import parse_path_string

    try:
        found = atoms.cell.bandpath(path=path, npoints=0)
    except (KeyError, ValueError) as error:
        raise ValueError(f"path: {path!r} is no path of ASE's for this cell: {error}") from error
    points = found.special_points
    return [[(_greek(name), points[name]) for name in piece] for piece in parse_path_string(found.path)]


def _by_seekpath(crystal: Crystal) -> list[list[tuple[str, Sequence[float] | np.ndarray]]]:
    try:
        import seekpath
    except ImportError as error:
        raise ImportError("seekpath is needed here: pip install 'msjax[atoms]'") from error
    cell = np.asarray(crystal.cell, float)
    kinds = {symbol: number for number, symbol in enumerate(dict.fromkeys(crystal.species), start=1)}
    numbers = [kinds[symbol] for symbol in crystal.species]
    with warnings.catch_warnings():  # of spglib, about how seekpath calls it
        warnings.simplefilter("ignore", DeprecationWarning)
        found = seekpath.get_path_orig_cell((cell, np.asarray(crystal.basis) @ np.linalg.inv(cell), numbers))
    pieces: list[list[tuple[str, Sequence[float] | np.ndarray]]] = []
    for first, last in found["path"]:
        a, b = ((_greek(name), found["point_coords"][name]) for name in (first, last))
        if pieces and pieces[-1][-1][0] == a[0]:
            pieces[-1].append(b)
        else:
            pieces.append([a, b])
    return pieces


def _greek(name: str) -> str:
    return "Γ" if name in ("G", "GAMMA") else name
