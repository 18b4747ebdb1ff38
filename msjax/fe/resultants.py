"""Resultants of reactions, and means over a boundary."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax.fe.fields import nodal_values
from msjax.fe.geometry import facet_geometry, facet_rule
from msjax.fe.loads import facet_nodes
from msjax.fe.mesh import Mesh, Where
from msjax.fe.problem import Problem
from msjax.fe.solve import Solution
from msjax.typing import Array, Float


class Resultant(NamedTuple):
    """``force`` (c,) and ``moment``: (3,) in space, (1,) in the plane (about z), (0,) of a scalar field."""

    force: Float[Array, " c"]
    moment: Float[Array, " r"]


def resultant(problem: Problem, solution: Solution, where: Where, about: Any = 0.0) -> Resultant:
    """Force and moment of the reactions on the selected nodes, which the constraints exert on the body.

    Moments are taken ``about`` a point (d,), at the deformed positions where all materials are objective, else (small
    strains) at the reference positions. The reactions are nodal forces in equilibrium, not integrals of stresses: they
    balance the loads to the solver's tolerance. A point inside a face is one node among its neighbours; select whole
    boundaries. In axial symmetry forces are those of the whole circumference and there is no moment.

    >>> import msjax as ms
    >>> mesh = ms.fe.rectangle((4.0, 1.0), (8, 2))
    >>> held, load = ms.fe.Dirichlet("x-"), ms.fe.Traction("x+", [0.0, -0.01])
    >>> problem = ms.fe.Problem(mesh, ms.IsotropicElastic(1.0, 0.3, dim=2), [held], [load])
    >>> found = resultant(problem, ms.solve(problem), "x-")
    >>> found.force.round(8).tolist()[1], round(float(found.moment[0]), 8)
    (0.01, 0.04)
    """
    nodes, kin = problem.mesh.nodes_of(where), problem.formulation.kinematics
    dim = problem.mesh.dim
    moments = problem.components == dim > 1 and not kin.axisymmetric
    at = problem.mesh.points
    if moments and all(part.one.objective for part in problem.parts):
        at = at + nodal_values(problem, solution)
    centre = jnp.broadcast_to(jnp.asarray(about, float), (dim,)) if moments else None
    return _sums(solution.reactions, at, jnp.asarray(nodes), centre)


@eqx.filter_jit
def _sums(forces: Array, points: Array, nodes: Array, centre: Array | None) -> Resultant:
    forces = forces[nodes]
    force = jnp.sum(forces, axis=0)
    if centre is None:
        return Resultant(force, jnp.zeros(0))
    arm = points[nodes] - centre[None]
    if len(centre) == 2:
        return Resultant(force, jnp.sum(arm[:, 0] * forces[:, 1] - arm[:, 1] * forces[:, 0])[None])
    return Resultant(force, jnp.sum(jnp.cross(arm, forces), axis=0))


def boundary_mean(problem: Problem, solution: Any, boundary: str) -> Float[Array, " c"]:
    """Mean of the solution, or of nodal values (n, c), over a tagged boundary: ∫ u dA / ∫ dA.

    >>> import msjax as ms
    >>> mesh = ms.fe.rectangle((1.0, 2.0), (2, 2))
    >>> problem = ms.fe.Problem(mesh, ms.IsotropicElastic(1.0, 0.3, dim=2), [ms.fe.Dirichlet("x-")])
    >>> boundary_mean(problem, mesh.points, "x+").round(12).tolist()
    [1.0, 1.0]
    """
    turned = problem.formulation.kinematics.axisymmetric
    problem.mesh.boundary(boundary)
    return _mean(problem.mesh, nodal_values(problem, solution), boundary, turned)


@eqx.filter_jit
def _mean(mesh: Mesh, u: Float[Array, "n c"], boundary: str, turned: bool) -> Float[Array, " c"]:
    rule, nodes = facet_rule(mesh.cell), facet_nodes(mesh, boundary)

    def one(positions, values):
        geometry = facet_geometry(mesh.cell, rule, positions)
        weights = geometry.weights * (geometry.positions[:, 0] if turned else 1.0)
        return jnp.einsum("q,qa,ac->c", weights, geometry.values, values), jnp.sum(weights)

    total, area = jax.vmap(one)(mesh.points[nodes], u[nodes])
    return jnp.sum(total, axis=0) / jnp.sum(area)
