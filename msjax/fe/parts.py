"""Which material is where: the cells of a problem in parts that share one material, or have each their own."""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.fe.mesh import Mesh
from msjax.material.response import Material
from msjax.typing import Array, Int, PyTree


class PerCell(eqx.Module):
    """One material per cell: every array leaf of ``material`` has the cells on its first axis.

    Made by ``jax.vmap`` over a constructor; parameters per cell can then be differentiated.

    >>> import jax, jax.numpy as jnp, msjax as ms
    >>> young = jnp.array([1.0, 2.0])
    >>> PerCell(jax.vmap(lambda e: ms.IsotropicElastic(e, 0.3, dim=2))(young)).material.young.shape
    (2,)
    """

    material: Material


class Part(eqx.Module):
    """Cells ``index`` (None: all of them, in order) of one material, or of one per cell."""

    material: Material
    index: Int[Array, " m"] | None
    per_cell: bool = eqx.field(static=True)

    @property
    def one(self) -> Material:
        """A representative: the material, or that of the first cell."""
        return jax.tree.map(lambda x: x[0], self.material) if self.per_cell else self.material

    def cells(self, table: Array) -> Array:
        """The rows of this part of a table with one row per cell."""
        return table if self.index is None else table[self.index]

    def initial_state(self, points: int, count: int) -> PyTree:
        """States of the virgin material at all points, leaves (cells, points, …); None without history."""
        state = self.one.initial_state()
        if not any(leaf.size for leaf in jax.tree.leaves(state)):
            return None
        return jax.tree.map(lambda x: jnp.broadcast_to(x, (count, points, *x.shape)), state)


def make_parts(materials: Any, mesh: Mesh) -> tuple[Part, ...]:
    """The parts of a mesh: ``materials`` is one :class:`Material` or :class:`PerCell`, or one per region, as a sequence
    in the order of ``mesh.region_names`` or a mapping by name.

    Raises ``ValueError`` for a region without a material, a name that is none, and leaves of a wrong length.
    """
    if isinstance(materials, Material | PerCell):
        return (_part(materials, None, mesh.cells.shape[0], "material"),)
    names = mesh.region_names
    if isinstance(materials, Mapping):
        unknown = [name for name in materials if name not in names]
        missing = [name for name in names if name not in materials]
        if unknown or missing:
            raise ValueError(f"material: the regions are {list(names)}; no such region: {unknown}, without a material: "
                             f"{missing}")  # fmt: skip
        chosen = [materials[name] for name in names]
    elif isinstance(materials, Sequence):
        chosen = list(materials)
        if len(chosen) != len(names):
            raise ValueError(f"material: expected one per region {list(names)}, got {len(chosen)}")
    else:
        raise ValueError(f"material: expected a material or one per region, got {type(materials).__name__}")
    regions = np.asarray(mesh.regions)
    parts = []
    for number, material in enumerate(chosen):
        index = np.flatnonzero(regions == number)
        if index.size:
            every = len(index) == len(regions)
            parts.append(_part(material, None if every else index, len(index), f"material of {names[number]!r}"))
    return tuple(parts)


def _part(material: Any, index: np.ndarray | None, count: int, name: str) -> Part:
    where = None if index is None else jnp.asarray(index, jnp.int32)
    if isinstance(material, Material):
        return Part(material, where, False)
    if not isinstance(material, PerCell):
        raise ValueError(f"{name}: expected a material, got {type(material).__name__}")
    for leaf in jax.tree.leaves(eqx.filter(material.material, eqx.is_array)):
        if leaf.ndim == 0 or leaf.shape[0] != count:
            raise ValueError(f"{name}: PerCell needs {count} cells on the first axis of every array, got {leaf.shape}")
    return Part(material.material, where, True)
