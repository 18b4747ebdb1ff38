"""Boundary conditions of a representative volume, by their names in the field."""

from typing import Literal, get_args

from msjax.fe.fluctuations import Condition, Fluctuations, PerAxis, Periodic
from msjax.fe.voxels import VoxelGrid


class Mixed:
    """Boundary conditions of their own for the pairs of opposite faces: ``Mixed("periodic", "periodic", "kubc")``.

    One of "periodic", "kubc" (the faces move as E x: linear displacements) or "subc" (a uniform traction on each, of
    opposite sign on the opposite face) for the faces normal to each axis, as a layer between plates has them, or a
    cut-out of a film. Where faces meet, edges and corners obey both: a node of a held face is held.

    A mixture satisfies the Hill–Mandel condition, because ⟨∇w⟩ = 0 for every fluctuation it allows, and is ordered
    axis by axis: what "periodic" in place of "kubc" at one pair of faces, or "subc" in place of "periodic", changes is
    never stiffer (Hazanov and Huet, J. Mech. Phys. Solids 42 (1994) 1995). Where the axes agree it is that condition.

    The whole mean strain is still prescribed. A test in which components of the mean stress are prescribed instead
    (uniaxial stress, plane stress, a dead load) is :class:`~msjax.StressDriven` around the cell, whatever its faces do.

    Raises ``ValueError`` for another condition, and for a number of axes that is not 2 or 3.

    >>> import jax.numpy as jnp, msjax as ms
    >>> glued = ms.Mixed("periodic", "kubc")
    >>> glued
    Mixed('periodic', 'kubc')
    >>> layers = jnp.array([[0, 1], [0, 1]])  # normal to y, between plates normal to y: in series
    >>> cell = ms.RVE(layers, [ms.Conductor(1.0, dim=2), ms.Conductor(3.0, dim=2)], glued)
    >>> round(float(ms.effective_stiffness(cell).stiffness[1, 1]), 6)
    1.5
    """

    axes: tuple[Condition, ...]

    def __init__(self, *axes: Condition):
        if len(axes) not in (2, 3):
            raise ValueError(f"axes: expected the conditions of 2 or 3 axes, got {len(axes)}")
        for axis, condition in enumerate(axes):
            if condition not in CONDITIONS:
                raise ValueError(f"axes[{axis}]: expected one of {_NAMES}, got {condition!r}")
        self.axes = axes

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Mixed) and self.axes == other.axes

    def __hash__(self) -> int:
        return hash(self.axes)

    def __repr__(self) -> str:
        return f"Mixed({', '.join(map(repr, self.axes))})"


Boundary = Literal["periodic", "kubc", "subc"] | Mixed
"""Periodic fluctuations; kinematically uniform (linear displacements); statically uniform (uniform tractions); or one
of them for each axis."""

CONDITIONS = get_args(Condition)

_NAMES = ", ".join(map(repr, CONDITIONS))


def space_of(bc: Boundary, grid: VoxelGrid) -> Fluctuations:
    """The space of fluctuations; ``ValueError`` for an unknown name, and for held faces without nodes between them."""
    if isinstance(bc, Mixed):
        conditions = bc.axes
        if len(conditions) != grid.dim:
            raise ValueError(f"bc: {bc} is for {len(conditions)} axes, the voxel image has {grid.dim}")
    elif bc in CONDITIONS:
        conditions = (bc,) * grid.dim
    else:
        raise ValueError(f"bc: expected one of {_NAMES} or Mixed(...), got {bc!r}")
    for axis, (condition, voxels) in enumerate(zip(conditions, grid.shape, strict=True)):
        if condition == "kubc" and voxels < 2:
            raise ValueError(f"bc: 'kubc' needs at least two voxels along axis {axis}, got {grid.shape}")
    if set(conditions) == {"periodic"}:
        return Periodic(grid)
    return PerAxis(grid, conditions)
