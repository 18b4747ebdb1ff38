"""Inputs of the materials that vary over the body: temperatures or growth given at the nodes."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax.fe.mesh import Mesh
from msjax.typing import Array, Float, Int, PyTree


class AtNodes(eqx.Module):
    """A field by its values (n, …) at the nodes of the mesh, in place of a number in ``inputs``: the material gets
    Σ_a N_a(X) value_a at every quadrature point X. Differentiable like the number. On a spline mesh the values are
    coefficients.

    >>> import jax.numpy as jnp, msjax as ms
    >>> bar = ms.fe.rectangle((2.0, 1.0), (2, 1))
    >>> steel = ms.ThermoElastic(210e3, 0.3, 1e-5, dim=2)
    >>> held = [ms.fe.Dirichlet("x-", 0.0, "x"), ms.fe.Dirichlet("y-", 0.0, "y")]
    >>> warm = ms.Inputs(temperature=ms.fe.AtNodes(100.0 * bar.points[:, 0]))
    >>> problem = ms.fe.Problem(bar, steel, held)
    >>> solution = ms.solve(problem, inputs=warm)
    >>> round(float(ms.fe.boundary_mean(problem, solution, "x+")[0]), 6)  # (1 + ν) α ∫ T dx
    0.0026
    """

    values: Float[Array, "n *c"]

    def __init__(self, values: Any):
        array = jnp.asarray(values, float)
        if array.ndim < 1:
            raise ValueError("values: expected one per node, got a single number, which needs no AtNodes")
        self.values = array


class CellInputs(NamedTuple):
    """Inputs of ONE cell, fields among them by their values (k, …) at its nodes, and shape functions (q, k)."""

    given: PyTree
    shapes: Float[Array, "q k"]

    def over_points(self, function: Callable[..., Any], *batched: Any) -> Any:
        """``function(*arguments, inputs)`` at every quadrature point, by vmap."""
        fields, filled = separated(self.given)
        values = [jnp.tensordot(self.shapes, field, axes=1) for field in fields]
        return jax.vmap(lambda arguments, at: function(*arguments, filled(at)))(batched, values)


def separated(inputs: PyTree) -> tuple[list[Array], Callable[[list[Any]], PyTree]]:
    """Values of the fields among the inputs, and the inputs with other things in their places."""
    leaves, tree = jax.tree.flatten(inputs, is_leaf=lambda leaf: isinstance(leaf, AtNodes))
    places = [place for place, leaf in enumerate(leaves) if isinstance(leaf, AtNodes)]

    def filled(values: list[Any]) -> PyTree:
        new = list(leaves)
        for place, value in zip(places, values, strict=True):
            new[place] = value
        return jax.tree.unflatten(tree, new)

    return [leaves[place].values for place in places], filled


def on_cells(
    inputs: PyTree, mesh: Mesh, index: Int[Array, " m"] | None
) -> tuple[list[Array], Callable[[list[Any]], PyTree]]:
    """Values of the fields at the nodes of the cells ``index`` (m, k, …), and the inputs of one of them from its own.

    Raises ``ValueError`` where a field has not a value for every node.
    """
    fields, filled = separated(inputs)
    for field in fields:
        if field.shape[0] != mesh.points.shape[0]:
            raise ValueError(
                f"inputs: a field at nodes has {field.shape[0]} values, the mesh {mesh.points.shape[0]} nodes"
            )
    return [mesh.local(field, index) for field in fields], lambda own: filled([AtNodes(values) for values in own])
