"""Error estimates against true errors."""

import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe.errors.enrichment import enriched
from msjax.fe.linear.direct import Direct

from .bodies import cracked_square, l_shape, singular_energy, singular_problem


def membrane(mesh):
    """−Δu = 2π² sin πx sin πy."""

    def load(x):
        return 2 * jnp.pi**2 * exact(x)

    held = [ms.fe.Dirichlet(side) for side in mesh.boundaries]
    return ms.fe.Problem(mesh, ms.Conductor(1.0, dim=2), held, [ms.fe.BodyForce(load)])


def exact(x):
    return jnp.sin(jnp.pi * x[:1]) * jnp.sin(jnp.pi * x[1:])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "cells", "within"), [("tri3", 4, 0.04), ("tri3", 8, 0.02), ("quad4", 8, 0.16), ("quad4", 16, 0.05),
                                  ("tri6", 6, 0.1), ("quad9", 6, 0.06)],
)  # fmt: skip
def test_the_recovered_gradient_finds_the_energy_of_the_error(kind, cells, within):
    problem = membrane(ms.fe.rectangle((1.0, 1.0), (cells, cells), kind=kind))
    solution = ms.solve(problem, solver=Direct())
    estimate = ms.fe.recovery_estimate(problem, solution)
    true = float(ms.fe.energy_error(problem, solution, exact))
    assert estimate.error / true == pytest.approx(1.0, abs=within)
    assert np.sum(estimate.indicators) == pytest.approx(estimate.error**2)
    assert estimate.value == pytest.approx(np.sqrt(2 * float(-solution.energy)), rel=1e-6)


@pytest.mark.slow
def test_a_jump_of_the_material_is_no_error():
    mesh = ms.fe.rectangle((2.0, 1.0), (6, 3), kind="tri3")
    held = [ms.fe.Dirichlet("x-", 0.0), ms.fe.Dirichlet("x+", 1.0)]

    def estimate(mesh, material):
        problem = ms.fe.Problem(mesh, material, held)
        return ms.fe.recovery_estimate(problem, ms.solve(problem, solver=Direct())).relative

    soft, stiff = ms.Conductor(1.0, dim=2), ms.Conductor(3.0, dim=2)
    assert estimate(ms.fe.tag_region(mesh, "stiff", lambda x: x[:, 0] > 1.0), [soft, stiff]) < 1e-7


@pytest.mark.slow
def test_a_hyperelastic_body_is_estimated_in_the_norm_of_its_tangent():
    def problem_on(mesh):
        held = [ms.fe.Dirichlet("x-"), ms.fe.Dirichlet("x+", [0.3, 0.1])]
        return ms.fe.Problem(mesh, ms.NeoHooke(1.0, 1.0, dim=2), held)

    mesh = ms.fe.rectangle((2.0, 1.0), (6, 3), kind="tri3")
    fine = ms.fe.quadratic(ms.fe.refine(mesh))
    problem, better = problem_on(mesh), problem_on(fine)
    solution = ms.solve(problem, solver=Direct())
    true = ms.fe.energy_error(problem, solution, (better, ms.solve(better, solver=Direct())))
    # below one: the corners of the clamps are singular
    assert ms.fe.recovery_estimate(problem, solution).error / float(true) == pytest.approx(0.85, abs=0.1)


def mean_square(problem, solution):
    """∫ u² over the mesh, by the vertices' masses of linear cells refined: any quadratic functional of u will do."""
    mesh = problem.mesh
    centre = jnp.asarray(mesh.cell.values(np.full((1, 2), 1 / 3)))[0]
    inside = jnp.einsum("a,ma->m", centre, solution.u[mesh.cells, 0])
    return jnp.sum(ms.fe.fields.volumes(mesh) * inside**2)


@pytest.mark.slow
def test_the_dual_weighted_residual_is_exact_where_the_richer_space_holds_the_solution():
    def problem_on(mesh):  # u = x² + xy, whose boundary values the coarse mesh cannot have
        held = [ms.fe.Dirichlet(side, lambda x: x[:1] ** 2 + x[:1] * x[1:]) for side in ("x-", "x+", "y-")]
        pull = ms.fe.Traction("y+", lambda x: x[0])
        return ms.fe.Problem(mesh, ms.Conductor(1.0, dim=2), held, [ms.fe.BodyForce(-2.0), pull])

    mesh = ms.fe.rectangle((1.0, 1.0), (2, 2), kind="tri3")
    solution = ms.solve(problem_on(mesh), solver=Direct())
    for goal, true in (
        (lambda problem, solution: ms.fe.boundary_mean(problem, solution, "y+")[0], 1 / 3 + 1 / 2),
        (lambda problem, solution: jnp.exp(ms.fe.boundary_mean(problem, solution, "y+")[0]), np.exp(1 / 3 + 1 / 2)),
        (lambda problem, solution: ms.fe.interpolate(problem.mesh, solution.u[:, 0], [[0.3, 0.6]])[0], 0.09 + 0.18),
    ):
        found = ms.fe.goal_estimate(problem_on, solution, goal, mesh, solver=Direct())
        assert found.value + found.error == pytest.approx(true, rel=1e-9)
        assert found.value != pytest.approx(true, rel=1e-3)


@pytest.mark.slow
def test_the_goal_of_a_singular_problem():
    mesh = l_shape(4)
    problem_on, energy = singular_problem(2 / 3), singular_energy(2 / 3)
    solution = ms.solve(problem_on(mesh), solver=Direct())
    found = ms.fe.goal_estimate(problem_on, solution, lambda problem, solution: solution.energy, mesh, solver=Direct())
    # the richer space suffers from the corner too: it sees most of the error, not all
    assert 0.75 < found.error / (energy - float(solution.energy)) < 1.0
    worst = np.argsort(-found.indicators)[:6]  # the six cells at the corner
    assert np.all(np.linalg.norm(ms.fe.facets.cell_centres(mesh)[worst], axis=1) < 0.4)
    # energy is stationary: its error is of second order, half of what the residual alone would say
    assert np.sum(found.indicators) == pytest.approx(2.0 * abs(found.error), rel=0.05)


@pytest.mark.slow
@pytest.mark.parametrize("large", [False, True], ids=["linear", "neo-Hooke"])
def test_goals_of_a_composite(large):
    if large:
        materials = [ms.NeoHooke(1.0, 1.0, dim=2), ms.NeoHooke(10.0, 10.0, dim=2)]
    else:
        materials = [ms.IsotropicElastic(1.0, 0.3, dim=2), ms.IsotropicElastic(10.0, 0.3, dim=2)]

    def problem_on(mesh):
        return ms.fe.Problem(mesh, materials, [ms.fe.Dirichlet("x-"), ms.fe.Dirichlet("x+", [0.3, 0.15])])

    mesh = ms.fe.rectangle((2.0, 1.0), (8, 4), kind="tri3")
    mesh = ms.fe.tag_region(mesh, "stiff", lambda x: np.max(np.abs(x - [1.0, 0.5]), axis=1) < 0.25)
    finest = problem_on(ms.fe.quadratic(ms.fe.refine(mesh)))
    overkill = ms.solve(finest, solver=Direct())
    solution = ms.solve(problem_on(mesh), solver=Direct())
    goals = {
        "force": lambda problem, solution: ms.fe.resultant(problem, solution, "x+").force[1],
        "stress": lambda problem, solution: jnp.vdot(
            jnp.where(problem.mesh.regions == 1, ms.fe.fields.volumes(problem.mesh), 0.0),
            ms.fe.stress(problem, solution, at="cells")[:, 0, 0] ** 2,
        ),
    }
    for name, goal in goals.items():
        found = ms.fe.goal_estimate(problem_on, solution, goal, mesh, solver=Direct())
        true = float(goal(finest, overkill)) - found.value
        assert found.error / true == pytest.approx(1.0, abs=0.2), name
        assert np.all(found.indicators >= 0)


@pytest.mark.slow
@pytest.mark.parametrize("by", ["p", "h"])
def test_fields_are_carried_to_a_richer_mesh_on_either_side_of_a_crack(by):
    for mesh in (
        cracked_square(2),
        ms.fe.rectangle((1.0, 2.0), (2, 3)),
        ms.fe.box((1.0, 1.0, 1.0), (1, 2, 1), "tet10"),
    ):
        if by == "p" and mesh.cell.degree == 2:
            continue
        finer, transfer = enriched(mesh, by)
        centres = mesh.points[mesh.cells].mean(axis=1)[:, -2]
        side = jnp.zeros(mesh.points.shape[0]).at[mesh.cells].set(jnp.sign(centres)[:, None])
        u = mesh.points * jnp.where(mesh.points[:, :1] > 0, side[:, None], 1.0)
        np.testing.assert_allclose(transfer.apply(u)[transfer.kept], u, atol=1e-12)
        own = finer.points[finer.cells].mean(axis=1)
        if mesh.kind == "tri3":  # the new nodes of the faces belong to one side
            fine_side = jnp.zeros(finer.points.shape[0]).at[finer.cells].set(jnp.sign(own[:, -2])[:, None])
            faces = np.asarray(finer.nodes_of("legs"))
            faces = faces[np.asarray(finer.points)[faces, 0] > 1e-9]
            np.testing.assert_allclose(transfer.apply(u)[faces, 0], (finer.points[:, 0] * fine_side)[faces], atol=1e-12)
        forces = jnp.asarray(np.random.default_rng(0).normal(size=finer.points.shape))
        work = float(jnp.vdot(forces, transfer.apply(u)))
        assert float(jnp.vdot(transfer.transposed(forces), u)) == pytest.approx(work)


@pytest.mark.slow
def test_what_cannot_be_estimated_is_refused():
    mesh = ms.fe.rectangle((1.0, 1.0), (2, 2), kind="tri3")
    solution = ms.solve(membrane(mesh))
    with pytest.raises(ValueError, match="goal: expected one number, got shape"):
        ms.fe.goal_estimate(membrane, solution, lambda problem, solution: solution.u, mesh)
    with pytest.raises(ValueError, match="by: expected 'p' or 'h'"):
        ms.fe.goal_estimate(membrane, solution, lambda problem, solution: solution.energy, mesh, by="hp")
    for share, indicators, match in ((0.0, [1.0], "share"), (0.5, [-1.0], "indicators"), (0.5, [np.nan], "indicators")):
        with pytest.raises(ValueError, match=match):
            ms.fe.marked(np.array(indicators), share)
    assert ms.fe.marked(np.array([1.0, 4.0, 2.0, 3.0]), 0.7).tolist() == [1, 3]
    assert ms.fe.marked(np.zeros(3), 0.5).size == 0
