"""All Gauss points of a slab of voxels at once: the phases' responses, chosen or mixed."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax.homogenization.phases import shares
from msjax.homogenization.tangents import flat_tangent
from msjax.material.response import Material
from msjax.status import Code
from msjax.typing import Array, Float, Int, PyTree


class Points(NamedTuple):
    """Energy (q, m), stress (q, s, m), tangent (q, s, s, m), trial states (leaves (q, …, m)) and codes (q, m)."""

    energy: Float[Array, "q m"]
    stress: Float[Array, "q s m"]
    tangent: Float[Array, "q s s m"]
    state: PyTree
    code: Int[Array, "q m"]


def alike(materials: tuple[Material, ...]) -> bool:
    """Whether the materials differ in their parameters alone, so that one evaluation with chosen parameters does."""
    parts = [eqx.partition(m, eqx.is_array) for m in materials]
    leaves = [jax.tree.flatten(arrays) for arrays, _ in parts]
    shapes = [(structure, [x.shape for x in arrays]) for arrays, structure in leaves]
    return all(shape == shapes[0] for shape in shapes) and all(eqx.tree_equal(s, parts[0][1]) for _, s in parts)


def initial_states(materials: tuple[Material, ...], points: int, voxels: int) -> PyTree:
    """States of virgin phases at all points, one entry per material (None where there is no history)."""

    def everywhere(leaf):
        return jnp.broadcast_to(leaf[None, ..., None], (points, *leaf.shape, voxels))

    return tuple(jax.tree.map(everywhere, history(m)) for m in materials)


def history(material: Material) -> PyTree:
    """The material's initial state if it remembers anything, else None."""
    state = material.initial_state()
    return state if any(leaf.size for leaf in jax.tree.leaves(state)) else None


def respond_points(
    materials: tuple[Material, ...],
    phases: Array,
    strains: Float[Array, "q c d m"],
    states: PyTree,
    inputs: Any = None,
) -> Points:
    """Responses at all points of a slab. ``phases`` is (m,) of integers or (p, m) of shares; ``states`` is as of
    :func:`initial_states`. A phase counts where its share is not zero; elsewhere it may fail unseen."""
    if jnp.issubdtype(phases.dtype, jnp.integer) and alike(materials) and not jax.tree.leaves(states):
        return _chosen(materials, phases, strains, inputs)
    weights = shares(phases, len(materials)) if jnp.issubdtype(phases.dtype, jnp.integer) else phases
    total, trials = None, []
    for material, weight, state in zip(materials, weights, states, strict=True):
        part = _everywhere(material, strains, state, inputs, jnp.broadcast_to(weight[None], strains.shape[::3]))
        trials.append(part.state)
        present = (weight > 0)[None]
        weighted = Points(
            weight[None] * jnp.where(present, part.energy, 0.0),
            weight[None, None] * jnp.where(present[:, None], part.stress, 0.0),
            weight[None, None, None] * jnp.where(present[:, None, None], part.tangent, 0.0),
            None,
            jnp.where(present, part.code, Code.CONVERGED.value).astype(jnp.int32),
        )
        total = weighted if total is None else Points(
            total.energy + weighted.energy, total.stress + weighted.stress, total.tangent + weighted.tangent, None,
            jnp.maximum(total.code, weighted.code),
        )  # fmt: skip
    assert total is not None
    return total._replace(state=tuple(trials))


def _chosen(materials, phases, strains, inputs) -> Points:
    arrays = [eqx.partition(m, eqx.is_array)[0] for m in materials]
    static = eqx.partition(materials[0], eqx.is_array)[1]
    stacked = jax.tree.map(lambda *x: jnp.stack(x), *arrays)
    chosen = jax.tree.map(lambda x: x.at[phases].get(mode="fill", fill_value=jnp.nan), stacked)

    def one(mine, strain):
        return _answer(eqx.combine(mine, static).respond(strain, None, inputs))

    over_voxels = jax.vmap(one, in_axes=(0, 2), out_axes=-1)
    result = jax.vmap(over_voxels, in_axes=(None, 0))(chosen, strains)
    return result._replace(state=(None,) * len(materials))


def _everywhere(material, strains, state, inputs, weight) -> Points:
    reference = material.reference_strain

    def one(strain, mine, share):
        safe = jnp.where(share > 0, strain, reference)  # a phase that is not there sees no strain
        return _answer(material.respond(safe, mine, inputs), keep=mine is not None)

    over_voxels = jax.vmap(one, in_axes=(2, -1, 0), out_axes=-1)
    return jax.vmap(over_voxels)(strains, state, weight)


def _answer(response, keep: bool = False) -> Points:
    tangent = flat_tangent(response.tangent)
    return Points(
        response.energy, response.stress.reshape(-1), tangent, response.state if keep else None, response.status.code
    )
