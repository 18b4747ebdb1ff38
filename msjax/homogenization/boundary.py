"""Boundary conditions of a representative volume, by their names in the field."""

from typing import Literal

from msjax.fe.fluctuations import Fluctuations, Kubc, Periodic, Subc
from msjax.fe.voxels import VoxelGrid

Boundary = Literal["periodic", "kubc", "subc"]
"""Periodic fluctuations; kinematically uniform (linear displacements); statically uniform (uniform tractions)."""

_SPACES: dict[str, type[Fluctuations]] = {"periodic": Periodic, "kubc": Kubc, "subc": Subc}


def space_of(bc: str, grid: VoxelGrid) -> Fluctuations:
    """The space of fluctuations; ``ValueError`` for an unknown name, and for a kubc cell without inner nodes."""
    if bc not in _SPACES:
        raise ValueError(f"bc: expected one of {', '.join(map(repr, _SPACES))}, got {bc!r}")
    if bc == "kubc" and min(grid.shape) < 2:
        raise ValueError(f"bc: 'kubc' needs at least two voxels along every axis, got {grid.shape}")
    return _SPACES[bc](grid)
