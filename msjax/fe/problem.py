"""The finite-element problem: a mesh, its materials, constraints and loads."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.fe.affine import AffineMap
from msjax.fe.constraints import Constraint, compile_constraints
from msjax.fe.elements import ElementMatrices, ElementOperator
from msjax.fe.evaluate import Formulation, assemble
from msjax.fe.hourglass import hourglass_modes
from msjax.fe.kinematics import Kind, Kinematics, kinematics
from msjax.fe.loads import Dead, Load, Posed
from msjax.fe.mean_dilatation import check_mean_dilatation
from msjax.fe.mesh import Mesh
from msjax.fe.numbers import numbers
from msjax.fe.parts import Part, make_parts
from msjax.fe.splines import SplineMesh
from msjax.material.linear import Linear
from msjax.material.response import Material
from msjax.material.stress_driven import StressDriven
from msjax.typing import Array, Float, Int, PyTree, Scalar, concrete


class Problem(eqx.Module):
    """Find u = T q + g with Π(u) = ∫ W(F(u)) dV − L(u) stationary in q.

    ``material`` is any :class:`~msjax.material.response.Material` whose strain fits the mesh (F for a solid, ∇T for a
    scalar field), a :class:`~msjax.fe.PerCell`, or one per region: a mapping by name or a sequence in the order of
    ``mesh.region_names``. ``constraints`` are :class:`~msjax.fe.Dirichlet`, Periodic, Multipoint and Rigid; ``loads``
    BodyForce, Traction, Pressure, Springs, NodalForce and SurfaceEnergy. ``kinematics`` is "auto" (a material of
    dimension 3 in a plane mesh is in plane strain), "solid", "plane_strain", "axisymmetric" or "truss" (a
    :class:`~msjax.fe.Bar` in a mesh of lines); ``order`` the polynomial degree that the quadrature of the cells is
    exact to (by default that of an undistorted cell's stiffness; one that leaves cells with hourglasses is refused).
    ``formulation`` "mean_dilatation" keeps near-incompressible quadrilaterals and hexahedra from locking
    (:mod:`msjax.fe.mean_dilatation`).

    Array leaves are positions, parameters of materials, prescribed values and loads: all of them may be traced,
    differentiated and batched. Pose the problem outside of ``jit`` and pass it as an argument, so that the mesh is no
    constant of the program; :meth:`prescribe` changes boundary values without building anything anew.

    Raises ``ValueError`` for what does not fit together, naming it.

    >>> import msjax as ms
    >>> bar = ms.fe.rectangle((4.0, 1.0), (8, 2))
    >>> pull = [ms.fe.Dirichlet("x-", 0.0, "x"), ms.fe.Dirichlet("x+", 0.04, "x"), ms.fe.Dirichlet([0], 0.0, "y")]
    >>> problem = ms.fe.Problem(bar, ms.PlaneStress(ms.NeoHooke(mu=1.0, lam=1.0)), pull)
    >>> str(ms.solve(problem).status.code)
    '0'
    """

    mesh: Mesh
    parts: tuple[Part, ...]
    affine: AffineMap
    loads: tuple[Posed, ...]
    formulation: Formulation = eqx.field(static=True)

    def __init__(
        self,
        mesh: Mesh,
        material: Any,
        constraints: Sequence[Constraint] = (),
        loads: Sequence[Load] = (),
        *,
        kinematics: Kind = "auto",
        order: int | None = None,
        formulation: str = "standard",
    ):
        if not isinstance(mesh, Mesh):
            raise ValueError(f"mesh: expected a Mesh, got {type(mesh).__name__}")
        self.mesh, self.parts = mesh, make_parts(material, mesh)
        if order is not None and (not isinstance(order, int) or order < 1):
            raise ValueError(f"order: expected a polynomial degree, at least 1, got {order!r}")
        self.formulation = _formulation(formulation, _kinematics(kinematics, mesh, self.parts), order, mesh, self.parts)
        components = self.formulation.kinematics.components
        self.affine = compile_constraints(_all_of(constraints, Constraint, "constraints"), mesh, components)
        smooth = isinstance(mesh, SplineMesh)
        if self.formulation.kinematics.second and not smooth:
            raise ValueError(f"mesh: a second-gradient medium needs msjax.fe.splines, got {mesh.kind}")
        turned = self.formulation.kinematics.axisymmetric
        self.loads = tuple(load.on(mesh, components, turned) for load in _all_of(loads, Load, "loads"))
        if smooth and not all(isinstance(load, Dead) for load in self.loads):
            raise ValueError("loads: on splines BodyForce, Traction and NodalForce (on a coefficient) are there")

    @property
    def components(self) -> int:
        """Components of the field."""
        return self.formulation.kinematics.components

    @property
    def unknowns(self) -> int:
        """Free components of all nodes."""
        return int(np.sum(np.asarray(self.affine.free)))

    @property
    def linear(self) -> bool:
        """Whether the answer is linear in loads and prescribed values."""
        return all(_linear(part.material) for part in self.parts) and all(load.linear for load in self.loads)

    @property
    def symmetric(self) -> bool:
        """Whether the stiffness is."""
        return all(part.one.symmetric for part in self.parts) and all(load.symmetric for load in self.loads)

    @property
    def conservative(self) -> bool:
        """Whether the solution makes a potential stationary."""
        return all(part.one.conservative for part in self.parts) and all(load.conservative for load in self.loads)

    def prescribe(self, values: Float[Array, "n c"]) -> "Problem":
        """The same problem with other g in u = T q + g (all nodes; where a component is free it must be zero).

        Raises ``ValueError`` for another shape, and for a value where nothing is prescribed.
        """
        values = numbers(values, "values")
        if values.shape != self.affine.values.shape:
            raise ValueError(f"values: expected shape {self.affine.values.shape}, got {values.shape}")
        if concrete(values, self.affine.free):
            loose = np.argwhere(np.asarray(self.affine.free) & (np.asarray(values) != 0))
            if loose.size:
                raise ValueError(f"values: component {loose[0][1]} of node {loose[0][0]} is free, its value must be 0")
        return eqx.tree_at(lambda p: p.affine.values, self, values)

    def loaded(self, *posed: Posed) -> "Problem":
        """The same problem with more loads, already on its mesh."""
        empty = None if self.loads else lambda x: isinstance(x, tuple) and not x
        return eqx.tree_at(lambda p: p.loads, self, (*self.loads, *posed), is_leaf=empty)

    def initial_state(self) -> tuple[PyTree, ...]:
        """States of the virgin materials at all quadrature points, one entry per part."""
        points = len(self.formulation.rule(self.mesh).weights)
        count = self.mesh.cells.shape[0]
        return tuple(p.initial_state(points, count if p.index is None else p.index.shape[0]) for p in self.parts)

    def scaled(self, factor: Any) -> "Problem":
        """Loads and prescribed values times a factor, for proportional loading; springs stay."""
        factor = jnp.asarray(factor, float)
        loads = tuple(load.scaled(factor) for load in self.loads)
        changed = eqx.tree_at(lambda p: p.affine.values, self, factor * self.affine.values)
        return eqx.tree_at(lambda p: p.loads, changed, loads) if loads else changed


def _kinematics(kind: Kind, mesh: Mesh, parts: tuple[Part, ...]):
    found = [kinematics(kind, mesh.dim, part.one) for part in parts]
    if found[0].embedded and mesh.cell.dim != 1:
        raise ValueError(f"mesh: bars need cells that are lines, got {mesh.kind}")
    if mesh.dim != mesh.cell.dim and not found[0].embedded:
        raise ValueError(f"mesh: cells of dimension {mesh.cell.dim} in {mesh.dim} coordinates are no solid")
    if any(k != found[0] for k in found):
        raise ValueError("material: the regions' materials have strains of different kinds")
    return found[0]


def _formulation(name: str, kin: Kinematics, order: int | None, mesh: Mesh, parts: tuple[Part, ...]) -> Formulation:
    if name not in ("standard", "mean_dilatation"):
        raise ValueError(f"formulation: expected 'standard' or 'mean_dilatation', got {name!r}")
    if name == "mean_dilatation":
        for part in parts:
            check_mean_dilatation(mesh, kin, part.one)
    loose = 0 if order is None else hourglass_modes(mesh.cell, kin.components, order)
    if loose:
        raise ValueError(f"order: {mesh.kind} has {loose} hourglass mode{'s' * (loose > 1)} with a quadrature of order "
                         f"{order}; against locking use formulation='mean_dilatation'")  # fmt: skip
    return Formulation(kin, order, name == "mean_dilatation")


def _all_of(given: Any, kind: type, name: str) -> list:
    if not isinstance(given, kind | Sequence):
        raise ValueError(f"{name}: expected a sequence of msjax.fe's {name}, got {type(given).__name__}")
    items = [given] if isinstance(given, kind) else list(given)
    for n, item in enumerate(items):
        if not isinstance(item, kind):
            raise ValueError(f"{name}[{n}]: expected one of msjax.fe's {name}, got {type(item).__name__}")
    return items


class Balance(NamedTuple):
    """At a displacement u: potential Π, residual forces r = ∂Π/∂u (n, c) on all nodes (reactions where prescribed),
    stiffness, trial states, worst code, and the size of the forces that r is the difference of."""

    energy: Scalar
    residual: Float[Array, "n c"]
    stiffness: ElementOperator
    states: tuple[PyTree, ...]
    code: Int[Array, ""]
    size: Scalar


def balance(problem: Problem, u: Float[Array, "n c"], states: tuple[PyTree, ...], inputs: Any = None) -> Balance:
    """Energy, residual and stiffness at u; what is not used is not computed under jit."""
    mesh = problem.mesh
    cells = assemble(problem.formulation, mesh, problem.parts, u, states, inputs)
    energy, residual, matrices = cells.energy, cells.forces, cells.matrices
    size2 = cells.size**2
    for load in problem.loads:
        action = load.act(mesh, u)
        energy, residual = energy + action.energy, residual + action.forces
        size2 = size2 + jnp.sum(action.forces**2)
        if action.stiffness is not None:
            matrices = _added(matrices, action.stiffness, problem.components)
    stiffness = ElementMatrices(
        matrices=mesh.collected(matrices, problem.components),
        cells=mesh.cells,
        nodes=mesh.points.shape[0],
        components=problem.components,
        grid=mesh.grid,
    )
    return Balance(energy, residual, stiffness, cells.states, cells.code, jnp.sqrt(size2))


def round_off(problem: Problem, stiffness: ElementOperator, u: Float[Array, "n c"]) -> Scalar:
    """Forces of round-off: of entries of the stiffness times displacements, or positions where strains are made of
    these."""
    squared = jnp.sum(u**2)
    if problem.formulation.kinematics.embedded:
        squared = squared + jnp.sum(problem.mesh.points**2)
    return 1e-14 * jnp.max(jnp.abs(stiffness.diagonal_blocks())) * jnp.sqrt(squared)


def _added(matrices: Float[Array, "m s s"], facets: Any, components: int) -> Float[Array, "m s s"]:
    """Stiffness of facets on top of that of the cells they belong to."""
    unknowns = facets.local[:, :, None] * components + jnp.arange(components, dtype=jnp.int32)[None, None]
    unknowns = unknowns.reshape(facets.local.shape[0], -1)
    return matrices.at[facets.owners[:, None, None], unknowns[:, :, None], unknowns[:, None, :]].add(facets.matrices)


def _linear(material: Material) -> bool:
    """Whether stresses are linear in strains: plane stress of a linear material is."""
    return isinstance(material, Linear) or (isinstance(material, StressDriven) and _linear(material.material))
