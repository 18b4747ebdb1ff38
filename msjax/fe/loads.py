"""Loads and what else acts: body forces, tractions, pressures that follow, springs, nodal forces.

Each load says what it is (:meth:`Load.on` checks it against the mesh) and what it does at a displacement u: a potential
−L(u) where it has one, its forces, and a stiffness where it depends on u. Forces are positive along the axes. In axial
symmetry forces are integrated over the circumference.
"""

import abc
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.fe.geometry import cell_geometry, facet_geometry, facet_rule, surface_normals
from msjax.fe.mesh import Mesh, Where, described
from msjax.fe.numbers import check_finite, numbers
from msjax.typing import Array, Float, Int, Scalar, concrete

Given = Any
"""Numbers (c,) the same everywhere, or a function of a position (d,) that returns them."""


class Action(NamedTuple):
    """Of a load at u: energy (the potential's part), the resisting forces −f on the nodes (n, c), which are its
    gradient where there is a potential, and element matrices of its stiffness (f, s, s) on ``nodes`` (f, k) of
    the cells ``owners`` (f,), local numbers ``local`` (f, k); None where the forces do not depend on u."""

    energy: Scalar
    forces: Float[Array, "n c"]
    stiffness: "FacetStiffness | None"


class FacetStiffness(NamedTuple):
    """Matrices (f, k·c, k·c) on the local nodes (f, k) of cells (f,)."""

    matrices: Float[Array, "f s s"]
    owners: Int[Array, " f"]
    local: Int[Array, "f k"]


class Posed(eqx.Module):
    """A load on a mesh. ``linear``: its forces are linear in u."""

    conservative: ClassVar[bool] = True
    symmetric: ClassVar[bool] = True
    linear: ClassVar[bool] = True

    @abc.abstractmethod
    def act(self, mesh: Mesh, u: Float[Array, "n c"]) -> Action:
        """What it does at u."""

    @abc.abstractmethod
    def scaled(self, factor: Scalar) -> "Posed":
        """The load times a factor; what is stiffness and not load stays."""


class Load(abc.ABC):
    """What a user says of a load."""

    @abc.abstractmethod
    def on(self, mesh: Mesh, components: int, axisymmetric: bool) -> Posed:
        """The load on a mesh; ``ValueError`` for a boundary that is not there and numbers of a wrong shape."""


class Dead(Posed):
    """Given nodal forces (n, c): the potential is −f·u."""

    forces: Float[Array, "n c"]

    def act(self, mesh, u):
        """Linear in u."""
        return Action(-jnp.vdot(self.forces, u), -self.forces, None)

    def scaled(self, factor):
        """All forces."""
        return Dead(factor * self.forces)


class BodyForce(Load):
    """Force per reference volume b, (c,) or a function of the position; for a scalar field a source.

    >>> import msjax as ms
    >>> mesh = ms.fe.rectangle((2.0, 1.0), (4, 2))
    >>> round(float(BodyForce([0.0, -3.0]).on(mesh, 2, False).forces[:, 1].sum()), 12)
    -6.0
    """

    def __init__(self, value: Given):
        self.value = value

    def on(self, mesh, components, axisymmetric):
        """∫ N b dV, exact for a quadratic b on an undistorted mesh."""
        return Dead(_integrated(_over_volume, mesh, self.value, components, axisymmetric, "BodyForce"))


class Traction(Load):
    """Force per reference area t on a tagged boundary, (c,) or a function of the position; of a scalar field a flux in.

    >>> import msjax as ms
    >>> mesh = ms.fe.rectangle((2.0, 1.0), (4, 2))
    >>> round(float(Traction("x+", [0.0, -3.0]).on(mesh, 2, False).forces[:, 1].sum()), 12)
    -3.0
    """

    def __init__(self, boundary: str, value: Given):
        self.boundary, self.value = boundary, value

    def on(self, mesh, components, axisymmetric):
        """∫ N t dA over the reference facets."""
        mesh.boundary(self.boundary)
        name = f"Traction on {self.boundary!r}"
        return Dead(_integrated(_over_boundary, mesh, self.value, components, axisymmetric, name, self.boundary))


class NodalForce(Load):
    """A force (c,) on every selected node."""

    def __init__(self, where: Where, value: Any):
        self.where, self.value = where, value

    def on(self, mesh, components, axisymmetric):
        """The forces as they are."""
        name = f"NodalForce on {described(self.where)}"
        value = numbers(self.value, name)
        if value.shape not in ((), (components,)):
            raise ValueError(f"{name}: expected {components} components, got shape {value.shape}")
        check_finite(value, name)
        value = jnp.broadcast_to(value, (components,))
        return Dead(_nodal(mesh, components).at[jnp.asarray(mesh.nodes_of(self.where))].add(value[None]))


class SpringBed(Posed):
    """Springs k (c, c) on facets ``nodes`` (f, k), with the facets' ``masses`` ∫ N_a N_b dA."""

    stiffness: Float[Array, "c c"]
    nodes: Int[Array, "f k"]
    owners: Int[Array, " f"]
    local: Int[Array, "f k"]
    masses: Float[Array, "f k k"]

    def act(self, mesh, u):
        """½ ∫ u·k·u dA."""
        count, k, c = *self.nodes.shape, u.shape[1]
        matrices = jnp.einsum("fab,ij->faibj", self.masses, self.stiffness).reshape(count, k * c, k * c)
        forces = jnp.einsum("fst,ft->fs", matrices, u[self.nodes].reshape(count, -1)).reshape(count, k, c)
        nodal = jnp.zeros_like(u).at[self.nodes].add(forces)
        return Action(0.5 * jnp.vdot(u, nodal), nodal, FacetStiffness(matrices, self.owners, self.local))

    def scaled(self, factor):
        """Springs are no load."""
        return self


class Springs(Load):
    """An elastic foundation on a boundary: traction −k u with k a number (the same in all components), one per
    component (c,) or a matrix (c, c); for a scalar field a film coefficient to surroundings at zero."""

    def __init__(self, boundary: str, stiffness: Any):
        self.boundary, self.stiffness = boundary, stiffness

    def on(self, mesh, components, axisymmetric):
        """With the consistent mass of the facets."""
        k = numbers(self.stiffness, f"Springs on {self.boundary!r}")
        check_finite(k, f"Springs on {self.boundary!r}")
        if k.ndim > 2 or any(n != components for n in k.shape):
            raise ValueError(f"Springs on {self.boundary!r}: stiffness needs shape (), ({components},) or "
                             f"({components}, {components}), got {k.shape}")  # fmt: skip
        matrix = k if k.ndim == 2 else jnp.diag(jnp.broadcast_to(k, (components,)))
        if concrete(matrix):
            table = np.asarray(matrix)
            small = 1e-12 * np.max(np.abs(table))
            if np.any(np.abs(table - table.T) > small) or np.linalg.eigvalsh(table)[0] < -small:
                raise ValueError(f"Springs on {self.boundary!r}: stiffness must be symmetric and not negative, got "
                                 f"{table.tolist()}")  # fmt: skip
        nodes, rule = facet_nodes(mesh, self.boundary), facet_rule(mesh.cell)

        def mass(positions):
            geometry = facet_geometry(mesh.cell, rule, positions)
            weights = _around(geometry.weights, geometry.positions, axisymmetric)
            return jnp.einsum("q,qa,qb->ab", weights, geometry.values, geometry.values)

        owners, local = facet_owners_of(mesh, self.boundary)
        return SpringBed(matrix, nodes, owners, local, jax.vmap(mass)(mesh.points[nodes]))


class _Pressure(Posed):
    conservative: ClassVar[bool] = False
    symmetric: ClassVar[bool] = False
    linear: ClassVar[bool] = False

    value: Scalar
    nodes: Int[Array, "f k"]
    owners: Int[Array, " f"]
    local: Int[Array, "f k"]

    def act(self, mesh, u):
        """Forces −p ∫ N n da on the deformed facets, with their exact stiffness; no potential in general."""
        rule = facet_rule(mesh.cell)

        def resisting(values, positions):
            geometry = facet_geometry(mesh.cell, rule, positions)
            tangents = geometry.tangents + jnp.einsum("ai,qaj->qij", values, geometry.gradients)
            normals = surface_normals(tangents) * jnp.asarray(rule.weights)[:, None]
            return self.value * jnp.einsum("qa,qi->ai", geometry.values, normals)

        values, positions = u[self.nodes], mesh.points[self.nodes]
        forces = jax.vmap(resisting)(values, positions)
        matrices = jax.vmap(jax.jacfwd(resisting))(values, positions)
        size = values.shape[1] * values.shape[2]
        matrices = matrices.reshape(-1, size, size)
        nodal = jnp.zeros_like(u).at[self.nodes].add(forces)
        return Action(jnp.zeros(()), nodal, FacetStiffness(matrices, self.owners, self.local))

    def scaled(self, factor):
        """The pressure."""
        return _Pressure(factor * self.value, self.nodes, self.owners, self.local)


class Pressure(Load):
    """A pressure p that follows the deformed boundary: traction −p n per deformed area, n its outward normal.

    It has no potential in general and its stiffness is not symmetric, which the problem then is not either.
    """

    def __init__(self, boundary: str, value: Any):
        self.boundary, self.value = boundary, value

    def on(self, mesh, components, axisymmetric):
        """Facets of a solid."""
        if components != mesh.dim or mesh.cell.facet is None:
            raise ValueError(f"Pressure on {self.boundary!r}: needs a displacement field in 2 or 3 dimensions")
        if axisymmetric:
            raise ValueError(
                f"Pressure on {self.boundary!r}: not in axial symmetry; Traction acts on the reference area"
            )
        value = numbers(self.value, f"Pressure on {self.boundary!r}")
        if value.shape != ():
            raise ValueError(f"Pressure on {self.boundary!r}: expected one number, got shape {value.shape}")
        check_finite(value, f"Pressure on {self.boundary!r}")
        return _Pressure(value, facet_nodes(mesh, self.boundary), *facet_owners_of(mesh, self.boundary))


@eqx.filter_jit
def facet_nodes(mesh: Mesh, name: str) -> Int[Array, "f k"]:
    """Node numbers of the facets of a boundary, in the facet's own order."""
    owners, local = facet_owners_of(mesh, name)
    return jnp.take_along_axis(mesh.cells[owners], local, axis=1)


@eqx.filter_jit
def facet_owners_of(mesh: Mesh, name: str) -> tuple[Int[Array, " f"], Int[Array, "f k"]]:
    """Cells that the facets of a boundary belong to, and the local numbers of their nodes there."""
    facets = mesh.boundary(name)
    return facets[:, 0], jnp.asarray(mesh.cell.facet_nodes, jnp.int32)[facets[:, 1]]


def _around(weights: Float[Array, " q"], positions: Float[Array, "q d"], axisymmetric: bool) -> Float[Array, " q"]:
    return 2.0 * jnp.pi * positions[:, 0] * weights if axisymmetric else weights


def _nodal(mesh: Mesh, components: int) -> Float[Array, "n c"]:
    return jnp.zeros((mesh.points.shape[0], components))


def _integrated(
    integral: Callable, mesh: Mesh, value: Given, components: int, axisymmetric: bool, name: str, *where: str
) -> Float[Array, "n c"]:
    """Nodal forces of numbers or a function, in one program: on their own the operations would be compiled one by one
    for every mesh."""
    if isinstance(value, Callable):  # type: ignore[arg-type]
        # what a function reads may change between calls: it is traced anew
        return eqx.filter_jit(lambda mesh: integral(mesh, value, components, axisymmetric, name, *where))(mesh)
    constant = numbers(value, name)
    check_finite(constant, name)
    return _integrated_numbers(integral, mesh, constant, components, axisymmetric, name, *where)


@eqx.filter_jit
def _integrated_numbers(integral: Callable, mesh: Mesh, value: Array, *rest: Any) -> Array:
    return integral(mesh, value, *rest)


def _over_volume(mesh: Mesh, value: Given, components: int, axisymmetric: bool, name: str) -> Float[Array, "n c"]:
    rule = mesh.cell.quadrature(2 * mesh.cell.degree + 2)

    def one(nodes):
        geometry = cell_geometry(mesh.cell, rule, nodes)
        weights = _around(geometry.weights, geometry.positions, axisymmetric)
        return jnp.einsum("q,qa,qc->ac", weights, geometry.values, _given(value, geometry.positions, components, name))

    return mesh.collect(jax.vmap(one)(mesh.local(mesh.points)))


def _over_boundary(
    mesh: Mesh, value: Given, components: int, axisymmetric: bool, name: str, boundary: str
) -> Float[Array, "n c"]:
    owners, local = facet_owners_of(mesh, boundary)
    rule = facet_rule(mesh.cell)

    def one(positions):
        geometry = facet_geometry(mesh.cell, rule, positions)
        weights = _around(geometry.weights, geometry.positions, axisymmetric)
        return jnp.einsum("q,qa,qc->ac", weights, geometry.values, _given(value, geometry.positions, components, name))

    found = jax.vmap(one)(jnp.take_along_axis(mesh.local(mesh.points, owners), local[:, :, None], axis=1))
    on_cells = jnp.zeros((owners.shape[0], mesh.cell.nodes, components))
    on_cells = on_cells.at[jnp.arange(owners.shape[0])[:, None], local].add(found)
    return mesh.collect(on_cells, owners)


def _given(value: Given, positions: Float[Array, "q d"], components: int, name: str) -> Float[Array, "q c"]:
    """Values at positions, from numbers or a function."""
    if isinstance(value, Callable):  # type: ignore[arg-type]
        found = jax.vmap(lambda x: jnp.reshape(jnp.asarray(value(x), float), (-1,)))(positions)
    else:
        found = jnp.broadcast_to(value.reshape(-1), (positions.shape[0], value.size))
    if found.shape[1] != components:
        raise ValueError(f"{name}: expected {components} components, got {found.shape[1]}")
    return found
