"""Phases of a voxel image and their materials: strict checks, and the moduli of every voxel."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from msjax.homogenization.tangents import GEMM, VoxelModuli
from msjax.material.linear import Conductor, IsotropicElastic, Linear, isotropic_basis
from msjax.material.response import Material
from msjax.tensors import VOIGT, to_voigt_stiffness
from msjax.typing import Array, Float, Int, concrete


def check_phases(phases: Any, materials: Sequence[Material]) -> Int[Array, "..."] | Float[Array, "p ..."]:
    """The phases as an array: integers (nx, ny[, nz]), or fields in [0, 1], (phases, nx, ny[, nz]), that add up to 1.

    With two materials one field (nx, ny[, nz]) of floats is the share of the second. Raises ``ValueError`` naming the
    first voxel that is wrong.
    """
    if not materials:
        raise ValueError("materials: expected at least one")
    try:
        array = jnp.asarray(phases)
    except (TypeError, ValueError) as error:
        raise ValueError(f"phases: expected an array of numbers, got {type(phases).__name__}") from error
    if array.dtype == bool or jnp.issubdtype(array.dtype, jnp.integer):
        array = array.astype(jnp.int32)
        _check_integers(array, len(materials), _grid_dim(materials))
        return array
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise ValueError(f"phases: expected integers or fields in [0, 1], got {array.dtype}")
    dim = _grid_dim(materials)
    _check_shares(array)
    if array.ndim == dim and len(materials) == 2:
        array = jnp.stack([1.0 - array, array])
    if array.ndim != dim + 1 or array.shape[0] != len(materials):
        raise ValueError(
            f"phases: {len(materials)} materials need fields of shape ({len(materials)}, " + "n, " * (dim - 1) + "n)"
            f"{' or one field of the second' if len(materials) == 2 else ''}, got {array.shape}"
        )
    _check_total(array)
    return array


def _check_integers(array, count: int, dim: int) -> None:
    if array.ndim != dim:
        raise ValueError(
            f"phases: materials of dimension {dim} need a voxel image of that dimension, got shape {array.shape}"
        )
    if concrete(array):
        numbers = np.asarray(array)
        bad = np.argwhere((numbers < 0) | (numbers >= count))
        if len(bad):
            at = tuple(int(i) for i in bad[0])
            raise ValueError(f"phases[{', '.join(map(str, at))}] = {numbers[at]}: expected 0 … {count - 1}, "
                             f"one of {count} materials")  # fmt: skip


def _check_shares(array) -> None:
    if concrete(array):
        numbers = np.asarray(array)
        for wrong, what in (
            (~np.isfinite(numbers), "is not finite"),
            ((numbers < -1e-12) | (numbers > 1 + 1e-12), "lies outside [0, 1]"),
        ):
            if np.any(wrong):
                at = tuple(int(i) for i in np.argwhere(wrong)[0])
                raise ValueError(f"phases[{', '.join(map(str, at))}] = {numbers[at]} {what}")


def _check_total(fields) -> None:
    if concrete(fields):
        total = np.sum(np.asarray(fields), axis=0)
        if np.any(np.abs(total - 1.0) > 1e-9):
            at = tuple(int(i) for i in np.argwhere(np.abs(total - 1.0) > 1e-9)[0])
            raise ValueError(f"phases: the fields add up to {total[at]:.6g} at voxel {at}, not to 1")


def check_materials(materials: Any, dim: int) -> tuple[Material, ...]:
    """The materials as a tuple of one kind and dimension."""
    found = tuple(materials) if isinstance(materials, Sequence) else (materials,)
    for n, material in enumerate(found):
        if not isinstance(material, Material):
            raise ValueError(f"materials[{n}]: expected a material, got {type(material).__name__}")
        if not (material.conservative and material.symmetric):
            raise ValueError(
                f"materials[{n}]: is not conservative with a symmetric tangent, so that a cell of it has no energy "
                "whose minimum is its equilibrium"
            )
        shape = material.reference_strain.shape
        if shape != found[0].reference_strain.shape:
            raise ValueError(
                f"materials[{n}]: its strain has shape {shape}, that of materials[0] {found[0].reference_strain.shape}"
            )
        if shape[1] != dim:
            raise ValueError(f"materials[{n}]: is of dimension {shape[1]}, the voxel image of dimension {dim}")
    return found


def _grid_dim(materials: Sequence[Material]) -> int:
    return int(materials[0].reference_strain.shape[1])


def shares(phases: Array, count: int) -> Float[Array, "p m"]:
    """Share of every phase in every voxel, (phases, voxels)."""
    if jnp.issubdtype(phases.dtype, jnp.floating):
        return phases.reshape(count, -1)
    return jax.nn.one_hot(phases.reshape(-1), count, axis=0, dtype=float)


def spread(table: Float[Array, "p k"], phases: Array) -> Float[Array, "k m"]:
    """Values of the voxels from values of the phases; in a mixed voxel by the rule of mixtures."""
    if jnp.issubdtype(phases.dtype, jnp.floating):
        return table.T @ phases.reshape(table.shape[0], -1)
    # an index out of range is a mistake that only traced phases can hide: it becomes NaN, and the status says so
    return jnp.moveaxis(table.at[phases.reshape(-1)].get(mode="fill", fill_value=jnp.nan), 0, -1)


def linear_moduli(materials: tuple[Linear, ...], phases: Array) -> VoxelModuli:
    """Moduli of every voxel, in as few terms as the materials allow."""
    if all(isinstance(m, IsotropicElastic) for m in materials):
        table = jnp.stack([jnp.stack(m.lame) for m in materials])  # type: ignore[attr-defined]
        return VoxelModuli(spread(table, phases), jnp.asarray(np.stack(isotropic_basis(materials[0].dim))))
    if all(isinstance(m, Conductor) and m.isotropic for m in materials):
        table = jnp.stack([m.conductivity[None] for m in materials])  # type: ignore[attr-defined]
        dim = _grid_dim(materials)
        return VoxelModuli(spread(table, phases), jnp.eye(dim)[None, None, :, None, :])
    tensors = jnp.stack([m.tensor for m in materials])
    if len(materials) <= GEMM:
        return VoxelModuli(shares(phases, len(materials)), tensors)
    basis, components = _components(tensors)
    return VoxelModuli(spread(components, phases), jnp.asarray(basis))


def _components(tensors: Float[Array, "p c d c d"]) -> tuple[np.ndarray, Float[Array, "p k"]]:
    """A basis of symmetric tangents, and the components of the phases in it."""
    c, d = tensors.shape[1:3]
    if c == 1:
        matrices = tensors[:, 0, :, 0]
        units = np.einsum("as,bt->abst", np.eye(d), np.eye(d))[:, :, None, :, None, :]
    else:
        matrices = jax.vmap(to_voigt_stiffness)(tensors)
        pairs = np.zeros((len(VOIGT[d]), d, d))
        for n, (i, j) in enumerate(VOIGT[d]):
            pairs[n, i, j] = pairs[n, j, i] = 1.0
        units = np.einsum("aij,bkl->abijkl", pairs, pairs)
    rows, columns = np.triu_indices(matrices.shape[1])
    basis = np.where(
        (rows == columns).reshape(-1, *(1,) * 4), units[rows, columns], units[rows, columns] + units[columns, rows]
    )
    return basis, matrices[:, rows, columns]
