"""Adaptive refinement: rates, goals, what it says."""

import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe.errors.history import History, Round
from msjax.fe.linear.direct import Direct

from .bodies import cracked_square, l_shape, singular_energy, singular_problem


def run(mesh, exponent, refinement, most, **settings):
    return ms.fe.adapt(
        singular_problem(exponent), mesh, tolerance=1e-4, refinement=refinement, most_unknowns=most, solver=Direct(),
        exact=singular_energy(exponent), **settings,
    )  # fmt: skip


@pytest.mark.slow
def test_adaptive_meshes_recover_the_rate_that_uniform_ones_lose():
    exponent = 1 / 2
    uniform = run(cracked_square(2), exponent, "uniform", 500)
    local = run(cracked_square(2), exponent, "h", 600, share=0.7)
    # p = 1 in the plane: N^(−1/2) at best, N^(−a/2) on uniform meshes for a singularity r^a
    assert uniform.history.rate(3, true=True) == pytest.approx(-exponent / 2, abs=0.03)
    assert local.history.rate(4, true=True) == pytest.approx(-0.5, abs=0.06)
    assert local.history.errors[-1] < 0.5 * uniform.history.errors[-1]
    assert np.all(np.abs(local.history.effectivities[-3:] - 1.0) < 0.1)
    centres = ms.fe.facets.cell_centres(local.mesh)
    volumes = np.asarray(ms.fe.fields.volumes(local.mesh))
    near = np.linalg.norm(centres, axis=1) < 0.2
    assert volumes[near].min() < 1e-2 * volumes.max()
    assert uniform.reason == local.reason == "unknowns"


@pytest.mark.slow
def test_elements_of_degree_two_gain_their_rate_too():
    found = run(l_shape(1), 2 / 3, "h", 900, degree=2, share=0.8)
    assert found.history.rate(4, true=True) < -0.8  # −1 at best; uniform meshes give −1/3
    assert found.mesh.kind == "tri6"


@pytest.mark.slow
def test_a_goal_is_met_with_the_error_that_was_asked_for():
    def problem_on(mesh):
        return ms.fe.Problem(mesh, ms.Conductor(1.0, dim=2), [ms.fe.Dirichlet("legs")], [ms.fe.BodyForce(1.0)])

    def goal(problem, solution):
        return ms.fe.interpolate(problem.mesh, solution.u[:, 0], [[-0.55, 0.52]])[0]

    seen = []
    mesh = l_shape(2)
    found = ms.fe.adapt(problem_on, mesh, goal, tolerance=0.01, share=0.8, solver=Direct(), progress=seen.append)
    assert found.reason == "tolerance"
    assert found.estimate.relative <= 0.01
    assert seen == list(found.history)
    finest = ms.fe.quadratic(l_shape(8))
    overkill = float(goal(problem_on(finest), ms.solve(problem_on(finest), solver=Direct())))
    assert abs(found.estimate.value / overkill - 1.0) < 0.015
    assert (
        abs(found.estimate.value + found.estimate.error - overkill) < 0.4 * abs(found.estimate.value - overkill) + 1e-4
    )


@pytest.mark.slow
def test_degrees_curved_boundaries_and_reasons():
    def onto(x):
        return x / np.linalg.norm(x, axis=1, keepdims=True)

    def problem_on(mesh):  # −Δu = 4 in the disc: u = 1 − r², Π = −½ ∫ 4u = −π
        return ms.fe.Problem(mesh, ms.Conductor(1.0, dim=2), [ms.fe.Dirichlet("outer")], [ms.fe.BodyForce(4.0)])

    disc = ms.fe.disc(1.0, 2)
    settings = {"onto": {"outer": onto}, "exact": -np.pi, "solver": Direct()}
    raised = ms.fe.adapt(problem_on, disc, tolerance=1e-6, refinement="p", **settings)
    assert [r.kind for r in raised.history] == ["tri3", "tri6"]
    assert raised.reason == "degree"
    assert raised.history.errors[1] < 0.25 * raised.history.errors[0]
    local = ms.fe.adapt(problem_on, disc, tolerance=1e-6, share=1.0, most_rounds=2, **settings)
    assert local.reason == "rounds"
    rim = local.mesh.points[local.mesh.nodes_of("outer")]
    np.testing.assert_allclose(np.linalg.norm(rim, axis=1), 1.0)


def test_the_history_is_a_table():
    rounds = [Round(100, 180, "tri3", 2.0, 0.2, 0.25), Round(1000, 1900, "tri3", 2.0, 0.02, 0.02)]
    table = str(History(rounds)).splitlines()
    assert table[0].split() == [
        "unknowns",
        "cells",
        "kind",
        "value",
        "estimate",
        "of",
        "it",
        "error",
        "effectivity",
        "rate",
    ]
    assert table[1].split() == ["100", "180", "tri3", "2", "0.2", "10", "%", "0.25", "0.80"]
    assert table[2].split() == ["1,000", "1,900", "tri3", "2", "0.02", "1", "%", "0.02", "1.00", "-1.10"]
    unknown = str(History([r._replace(error=np.nan) for r in rounds]))
    assert "effectivity" not in unknown
    assert "nan" not in unknown
    with pytest.raises(ValueError, match="last: expected 2 to 2 rounds, got 3"):
        History(rounds).rate()


@pytest.mark.parametrize(
    ("kind", "settings", "match"),
    [
        ("tri3", {"tolerance": 0.0}, "tolerance: must be positive"),
        ("tri3", {"goal": "stress"}, "goal: expected 'energy' or a function"),
        ("tri3", {"refinement": "r"}, "refinement: expected 'h', 'uniform' or 'p'"),
        ("quad4", {}, "mesh: bisection needs tri3 or tet4"),
        ("tri6", {"refinement": "uniform", "degree": 1}, "degree: expected 2, got 1"),
    ],
)
def test_bad_settings_are_refused(kind, settings, match):
    mesh = ms.fe.rectangle((1.0, 1.0), (1, 1), kind=kind)
    with pytest.raises(ValueError, match=match):
        ms.fe.adapt(lambda mesh: ms.fe.Problem(mesh, ms.Conductor(jnp.ones(()), dim=2)), mesh, **settings)
