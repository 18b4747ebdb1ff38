"""Solving: balances of force and moment, starts and large motions, status codes, batches, values inside jit, states."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.status import Code, SolveError, masked_mean

RNG = np.random.default_rng(11)
GRID = ms.fe.rectangle((2.0, 1.0), (4, 2))
MESH = ms.fe.Mesh(GRID.points, GRID.cells, GRID.kind, GRID.boundaries)  # forgets that it is one: no multigrid
TOP, BOTTOM = MESH.nodes_of("x+"), MESH.nodes_of("x-")
RUBBER = ms.NeoHooke(1.0, 2.0, 2)
STEEL = ms.IsotropicElastic(1.0, 0.3, 2)


def pulled(material, value, mesh=MESH, loads=()):
    """Clamped on the left, moved on the right."""
    return ms.fe.Problem(mesh, material, [ms.fe.Dirichlet("x-"), ms.fe.Dirichlet("x+", value)], loads)


def turning(angle):
    """Displacement of a rotation about the middle of the left edge."""

    def value(x):
        c, s = jnp.cos(angle), jnp.sin(angle)
        arm = x - jnp.array([0.0, 0.5])
        return jnp.array([[c - 1.0, -s], [s, c - 1.0]]) @ arm

    return value


LOADS = [
    ms.fe.BodyForce([0.01, -0.02]),
    ms.fe.Traction("y+", lambda x: jnp.stack([0.01 * x[0], -0.02])),
    ms.fe.NodalForce([7], [0.0, 0.03]),
]


@pytest.mark.slow
@pytest.mark.parametrize("material", [STEEL, RUBBER], ids=["linear", "rubber"])
def test_reactions_balance_the_loads(material):
    """Forces in all; moments about the origin, at finite strain with the arms that the forces then have."""
    problem = ms.fe.Problem(MESH, material, [ms.fe.Dirichlet("x-", 0.0), ms.fe.Dirichlet("x+", 0.1, "y")], LOADS)
    solution = ms.solve(problem, tolerance=1e-11)
    applied = sum(load.on(MESH, 2, False).forces for load in LOADS)
    np.testing.assert_allclose(solution.reactions.sum(axis=0), -applied.sum(axis=0), atol=1e-10)
    arms = MESH.points if problem.linear else MESH.points + solution.u
    total = solution.reactions + applied
    np.testing.assert_allclose(jnp.sum(arms[:, 0] * total[:, 1] - arms[:, 1] * total[:, 0]), 0.0, atol=1e-10)
    # nothing reacts where nothing is prescribed
    np.testing.assert_allclose(jnp.where(problem.affine.free, solution.reactions, 0.0), 0.0, atol=1e-10)
    assert float(jnp.max(jnp.abs(solution.reactions))) > 0.01


@pytest.mark.slow
@pytest.mark.parametrize("material", [STEEL, RUBBER], ids=["linear", "rubber"])
def test_the_energy_changes_by_the_reaction(material):
    """∂Π/∂v of a prescribed displacement is the force that it takes; Castigliano's theorem."""

    def energy(v):
        solution = ms.solve(pulled(material, jnp.stack([v, 0.1])), tolerance=1e-11)
        return solution.energy, solution.reactions[jnp.asarray(TOP), 0].sum()

    (_, force), slope = jax.jit(jax.value_and_grad(energy, has_aux=True))(jnp.array(0.2))
    assert float(slope) == pytest.approx(float(force), rel=1e-10)
    ahead, behind = (float(energy(jnp.array(0.2 + h))[0]) for h in (1e-4, -1e-4))
    assert float(slope) == pytest.approx((ahead - behind) / 2e-4, rel=1e-7)


@pytest.mark.slow
def test_pressure_inside_balances_itself():
    """A free ring, pinned against rigid motions only, under pressure: reactions vanish at finite strain."""
    ring = ms.fe.annulus(1.0, 2.0, (2, 8), angle=2.0 * np.pi)
    held = [ms.fe.Dirichlet([0]), ms.fe.Dirichlet([4], 0.0, "y")]
    problem = ms.fe.Problem(ring, RUBBER, held, [ms.fe.Pressure("inner", 0.3)])
    solution = ms.solve(problem, tolerance=1e-10)
    assert not problem.symmetric
    np.testing.assert_allclose(solution.reactions, 0.0, atol=1e-9)
    radius = jnp.linalg.norm(ring.points + solution.u - solution.u.mean(axis=0, keepdims=True), axis=1)
    assert float(radius.max()) > 2.05


@pytest.mark.slow
def test_any_start_leads_to_the_same_answer():
    """Starts that satisfy no constraint, far away, or are not finite."""
    problem = pulled(RUBBER, jnp.array([0.3, 0.1]))
    found = ms.solve(problem, tolerance=1e-11)
    starts = [0.02 * RNG.normal(size=MESH.points.shape), found.u, np.full(MESH.points.shape, np.nan), found.u + 0.5]
    for start in starts:
        other = ms.solve(problem, start=jnp.asarray(start), tolerance=1e-11)
        np.testing.assert_allclose(other.u, found.u, atol=1e-9)
    again = ms.solve(problem, start=found.u, tolerance=1e-8)
    assert int(again.status.iterations) <= 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "value",
    [jnp.array([2.0, 0.0]), jnp.array([-1.0, 0.0]), jnp.array([0.0, 1.5]), turning(0.5 * jnp.pi)],
    ids=["doubled", "halved", "sheared", "turned by a quarter"],
)
def test_large_motions_in_one_solve(value):
    """With a factorisation and, where tangents may turn indefinite on the way, with multigrid."""
    problem, gridded = pulled(RUBBER, value), pulled(RUBBER, value, GRID)
    solution = ms.solve(problem, tolerance=1e-10)
    assert int(solution.status.iterations) < 25
    assert float(jnp.min(jnp.linalg.det(deformation_gradients(problem, solution.u)))) > 0.05
    np.testing.assert_allclose(ms.solve(gridded, tolerance=1e-10).u, solution.u, atol=1e-7)


def deformation_gradients(problem, u):
    from msjax.fe.geometry import cell_geometry

    mesh, rule = problem.mesh, problem.formulation.rule(problem.mesh)
    gradients = jax.vmap(lambda x: cell_geometry(mesh.cell, rule, x).gradients)(mesh.points[mesh.cells])
    return jnp.eye(2)[None, None] + jnp.einsum("mai,mqaj->mqij", u[mesh.cells], gradients)


def test_a_body_turned_is_a_body_at_rest():
    """All of the boundary turned by a right angle: the inside follows without strain, in one solve."""
    outside = [ms.fe.Dirichlet(side, turning(0.5 * jnp.pi)) for side in MESH.boundaries]
    solution = ms.solve(ms.fe.Problem(MESH, RUBBER, outside), tolerance=1e-10)
    expected = jax.vmap(turning(0.5 * jnp.pi))(MESH.points)
    np.testing.assert_allclose(solution.u, expected, atol=1e-8)
    np.testing.assert_allclose(solution.energy, 0.0, atol=1e-12)


@pytest.mark.slow
def test_failures_have_codes_and_are_nan():
    fine = jnp.array([0.2, 0.0])
    overlapping = jnp.zeros(MESH.points.shape).at[:, 0].set(-2.0 * MESH.points[:, 0])
    folded = MESH.points.at[7].set(jnp.array([1.7, 0.5]))
    cases = {
        Code.NONFINITE: (pulled(eqx.tree_at(lambda m: m.mu, RUBBER, jnp.array(jnp.nan)), fine), {}),
        Code.INVERTED: (pulled(RUBBER, fine), {"start": overlapping}),
        Code.MAX_STEPS: (pulled(RUBBER, jnp.array([2.0, 0.0])), {"max_steps": 2}),
    }
    for code, (problem, settings) in cases.items():
        solution = ms.solve(problem, throw=False, **settings)
        assert int(solution.status.code) == code
        for value in (solution.u, solution.reactions, solution.energy):
            assert bool(jnp.all(jnp.isnan(value)))
        with pytest.raises(SolveError, match=f"solve: {code.name}") as error:
            ms.solve(problem, **settings)
        assert error.value.code == code
    # cells folded over, as a step of shape optimisation may do, linear and not
    for material in (STEEL, RUBBER):
        problem = pulled(material, fine)
        moved = eqx.tree_at(lambda p: p.mesh.points, problem, folded)
        assert int(ms.solve(moved, throw=False).status.code) == Code.INVERTED
        broken = eqx.tree_at(lambda p: p.mesh.points, problem, folded.at[3].set(jnp.nan))
        assert int(jax.jit(lambda p: ms.solve(p, throw=False))(broken).status.code) == Code.NONFINITE


@pytest.mark.slow
def test_a_failed_gradient_is_nan_and_never_zero():
    def height(mu, lam):
        return ms.solve(pulled(ms.NeoHooke(mu, lam, 2), jnp.array([2.0, 0.5])), max_steps=2, throw=False).u[7, 1]

    for found in jax.jit(jax.grad(height, argnums=(0, 1)))(1.0, 2.0):
        assert bool(jnp.isnan(found))


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["linear", "rubber"])
def test_one_failed_member_harms_no_other(kind):
    """A batch over problems: material, prescribed values and positions of each its own, two of them broken."""
    base = pulled(STEEL if kind == "linear" else RUBBER, jnp.array([0.2, 0.0]))

    def member(parameters):
        shared, own, stretch, points = parameters
        young = own + shared  # a product would make NaN of the zero that comes back
        material = ms.IsotropicElastic(young, 0.3, 2) if kind == "linear" else ms.NeoHooke(young, 2.0, 2)
        problem = eqx.tree_at(lambda p: (p.parts[0].material, p.mesh.points), base, (material, points))
        problem = problem.prescribe(stretch * base.affine.values)
        return ms.solve(problem, throw=False, tolerance=1e-10)

    own = jnp.array([1.0, jnp.nan, 2.0, 1.5, 0.5])
    stretch = jnp.array([1.0, 1.0, -1.0, jnp.nan, 0.5])
    points = jnp.stack([MESH.points] * 5).at[4, 7].set(jnp.array([1.7, 0.5]))
    arguments = (jnp.full(5, 0.5), own, stretch, points)
    batch = jax.jit(jax.vmap(member))(arguments)
    expected = [Code.CONVERGED, Code.NONFINITE, Code.CONVERGED, Code.NONFINITE, Code.INVERTED]
    assert batch.status.code.tolist() == expected
    alone = jax.jit(jax.vmap(member))(tuple(x[jnp.array([0, 2])] for x in arguments))
    for found, other in zip(jax.tree.leaves(batch), jax.tree.leaves(alone), strict=True):
        np.testing.assert_array_equal(found[jnp.array([0, 2])], other)
    assert bool(jnp.all(jnp.isnan(batch.u[jnp.array([1, 3, 4])])))

    def mean_energy(shared):
        solutions = jax.vmap(lambda own, stretch, points: member((shared, own, stretch, points)))(*arguments[1:])
        return masked_mean(solutions.energy + solutions.u[:, 7, 0], solutions.status)

    (value, failed), slope = jax.jit(jax.value_and_grad(mean_energy, has_aux=True))(0.5)
    assert int(failed) == 3
    assert bool(jnp.isfinite(slope))
    h = 1e-5
    ahead, behind = (jnp.mean(jnp.stack([s.energy + s.u[7, 0] for s in (
        member((0.5 + d, own[k], stretch[k], points[k])) for k in (0, 2))])) for d in (h, -h))  # fmt: skip
    assert float(slope) == pytest.approx(float(ahead - behind) / (2 * h), rel=1e-6)
    assert bool(jnp.isfinite(value))


@pytest.mark.slow
def test_values_change_inside_jit_without_building_anew():
    problem = pulled(RUBBER, jnp.array([0.2, 0.0]), loads=[ms.fe.Traction("y+", [0.0, 0.01])])
    traces = []

    @eqx.filter_jit
    def force(problem, factor):
        traces.append(factor)
        values = problem.affine.values * factor
        return ms.solve(problem.prescribe(values), throw=False).reactions[jnp.asarray(TOP), 0].sum()

    factors = jnp.array([0.5, 1.0, 1.5])
    found = [float(force(problem, factor)) for factor in factors]
    assert len(traces) == 1
    anew = []
    for factor in factors:
        fresh = pulled(RUBBER, factor * jnp.array([0.2, 0.0]), loads=[ms.fe.Traction("y+", [0.0, 0.01])])
        anew.append(float(ms.solve(fresh).reactions[TOP, 0].sum()))
    np.testing.assert_allclose(found, anew, rtol=1e-7)
    # loads and prescribed values together
    scaled = ms.solve(problem.scaled(1.5), tolerance=1e-10)
    fresh = pulled(RUBBER, jnp.array([0.3, 0.0]), loads=[ms.fe.Traction("y+", [0.0, 0.015])])
    np.testing.assert_allclose(scaled.u, ms.solve(fresh, tolerance=1e-10).u, atol=1e-9)


@pytest.mark.slow
def test_the_state_goes_from_solve_to_solve():
    """Uniaxial plastic strain of a column, loaded and unloaded, is the material point's history."""
    metal = ms.J2Plasticity(200.0, 0.3, ms.VoceHardening(0.3, 0.5, 20.0), kinematic=1.0)
    mesh = ms.fe.box((1.0, 1.0, 1.0), (1, 1, 2))
    sides = [ms.fe.Dirichlet(f"{a}-", 0.0, a) for a in "xyz"] + [ms.fe.Dirichlet(f"{a}+", 0.0, a) for a in "xy"]
    problem = ms.fe.Problem(mesh, metal, [*sides, ms.fe.Dirichlet("z+", 1.0, "z")])
    point, state = metal.initial_state(), None
    for strain in (0.001, 0.006, 0.003, -0.004, -0.004):
        solution = ms.solve(problem.scaled(strain), state, tolerance=1e-12)
        response = metal.respond(jnp.eye(3).at[2, 2].add(strain), point)
        assert float(solution.reactions[mesh.nodes_of("z+"), 2].sum()) == pytest.approx(
            float(response.stress[2, 2]), rel=1e-9
        )
        point, state = response.state, solution.state
        for mine, own in zip(jax.tree.leaves(state), jax.tree.leaves(point), strict=True):
            np.testing.assert_allclose(mine, np.broadcast_to(own, mine.shape), atol=1e-10)
    # a state that is not committed has not happened
    virgin = ms.solve(problem.scaled(0.001))
    assert float(virgin.reactions[mesh.nodes_of("z+"), 2].sum()) > 0
    with pytest.raises(ValueError, match="state: expected one of this problem"):
        ms.solve(pulled(RUBBER, jnp.array([0.2, 0.0])), state)


@pytest.mark.slow
def test_a_mean_strain_strains_a_periodic_body_uniformly():
    strain = jnp.array([[0.02, 0.03], [-0.01, 0.04]])
    sides = [ms.fe.Periodic(f"{a}-", f"{a}+", strain[:, i] * n) for i, (a, n) in enumerate((("x", 2.0), ("y", 1.0)))]
    for material in (STEEL, RUBBER):
        problem = ms.fe.Problem(MESH, material, [*sides, ms.fe.Dirichlet([0], [0.3, -0.2])])
        solution = ms.solve(problem, tolerance=1e-11)
        expected = MESH.points @ strain.T + jnp.array([[0.3, -0.2]])
        np.testing.assert_allclose(solution.u, expected, atol=1e-10)
        # reactions of opposite sides carry the stress over the side's length
        stress = material.respond(jnp.eye(2) + strain).stress
        np.testing.assert_allclose(solution.energy, 2.0 * material.respond(jnp.eye(2) + strain).energy, rtol=1e-10)
        middle = MESH.nodes_of("x+")[1:-1]
        np.testing.assert_allclose(solution.reactions[middle].sum(axis=0), 0.5 * stress[:, 0], atol=1e-9)


@pytest.mark.slow
def test_a_rigid_face_takes_forces_as_one_body():
    """A force on one node of a rigid face is the same as on another, but for its moment."""
    constraints = [ms.fe.Dirichlet("x-"), ms.fe.Rigid("x+")]
    middle, corner = int(TOP[1]), int(TOP[0])
    loads = ([ms.fe.NodalForce([middle], [0.1, 0.02])],
             [ms.fe.NodalForce([corner], [0.1, 0.02]), ms.fe.NodalForce([int(TOP[2])], [0.05, 0.0]),
              ms.fe.NodalForce([corner], [-0.05, 0.0])])  # fmt: skip
    first, second = (ms.solve(ms.fe.Problem(MESH, STEEL, constraints, load), tolerance=1e-12) for load in loads)
    np.testing.assert_allclose(second.u, first.u, atol=1e-10)
    face = np.asarray(first.u)[TOP]
    np.testing.assert_allclose(face[0] - 2 * face[1] + face[2], 0.0, atol=1e-13)
    np.testing.assert_allclose(face[:, 1], face[1, 1], atol=1e-13)
    assert face[2, 0] != pytest.approx(face[0, 0], abs=1e-4)


@pytest.mark.slow
def test_solutions_batch_over_loads_as_they_loop():
    base = pulled(RUBBER, jnp.array([0.2, 0.0]))
    factors = jnp.array([0.2, 0.9, 1.4])
    batch = jax.vmap(lambda f: ms.solve(base.scaled(f), tolerance=1e-10))(factors)
    for k, factor in enumerate(factors):
        np.testing.assert_allclose(batch.u[k], ms.solve(base.scaled(factor), tolerance=1e-10).u, atol=1e-9)
    problems = eqx.filter_vmap(lambda f: base.scaled(f))(factors)
    whole = eqx.filter_vmap(lambda p: ms.solve(p, tolerance=1e-10).u)(problems)
    np.testing.assert_allclose(whole, batch.u, atol=1e-12)


@pytest.mark.slow
def test_plane_stress_of_a_linear_material_is_one_solve():
    """σ = E/(1 − ν²) ... : the same as the plane tensor written out (Timoshenko and Goodier, ch. 2)."""
    young, poisson = 3.0, 0.3
    plane = young / (1.0 - poisson**2) * np.array([[1, poisson, 0], [poisson, 1, 0], [0, 0, (1.0 - poisson) / 2.0]])
    condensed = pulled(ms.PlaneStress(ms.IsotropicElastic(young, poisson)), [0.2, 0.1])
    written = pulled(ms.LinearElastic(plane), [0.2, 0.1])
    assert condensed.linear
    np.testing.assert_allclose(ms.solve(condensed).u, ms.solve(written).u, rtol=1e-9, atol=1e-12)
    place = condensed.parts[0].one.free.index((2, 2))
    thin = ms.solve(condensed).state[0].free[..., place]  # strain across: −ν/(1 − ν) (ε₁₁ + ε₂₂)
    strain = ms.fe.strain(condensed, ms.solve(condensed)) - 1.0
    expected = -poisson / (1.0 - poisson) * (strain[..., 0, 0] + strain[..., 1, 1])
    np.testing.assert_allclose(thin - 1.0, expected, atol=1e-9)


def test_a_weakly_typed_parameter_compiles_nothing_new():
    """``jnp.asarray(1.2)`` has a weak type, ``jnp.asarray(1.2, float)`` has not: jit tells them apart."""
    problem = pulled(STEEL, [0.2, 0.0])
    changed = eqx.tree_at(lambda p: p.parts[0].material.young, problem, jnp.asarray(1.2))
    ms.solve(problem)
    jnp.asarray(np.asarray(1.2))  # the transfer of a number is compiled too, once
    found = []
    jax.monitoring.register_event_duration_secs_listener(lambda name, *_, **__: found.append(name))
    try:
        ms.solve(changed)
        assert not [name for name in found if "backend_compile" in name]
    finally:
        jax.monitoring.clear_event_listeners()
