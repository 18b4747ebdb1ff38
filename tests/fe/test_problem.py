"""Posing a problem: what fits together, whose balance is what it says, and which motions hang."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe.facets import facet_numbers
from msjax.fe.loads import Load
from msjax.fe.problem import _all_of, balance
from msjax.fe.support import check_supported

RNG = np.random.default_rng(5)
SQUARE = ms.fe.rectangle((1.0, 1.0), (2, 2))
CUBE = ms.fe.box((1.0, 1.0, 1.0), (1, 1, 1))
SOLID = ms.IsotropicElastic(1.0, 0.3)
PLANE = ms.IsotropicElastic(1.0, 0.3, 2)
HEAT = ms.Conductor(1.0, 2)


def two_regions():
    mesh = ms.fe.rectangle((1.0, 1.0), (2, 2))
    return ms.fe.Mesh(mesh.points, mesh.cells, mesh.kind, mesh.boundaries, [0, 0, 1, 1], ("soft", "stiff"))


REFUSED = {
    "no material": (lambda: ms.fe.Problem(SQUARE, 1.0), "material: expected a material or one per region, got float"),
    "3-D in 2-D solid": (
        lambda: ms.fe.Problem(SQUARE, SOLID, kinematics="solid"),
        r"IsotropicElastic has strains of shape \(3, 3\), which do not fit a mesh of dimension 2",
    ),
    "2-D in 3-D": (lambda: ms.fe.Problem(CUBE, PLANE), r"strains of shape \(2, 2\), which do not fit .* dimension 3"),
    "plane strain of a plane material": (
        lambda: ms.fe.Problem(SQUARE, PLANE, kinematics="plane_strain"),
        r"'plane_strain' needs a plane mesh and a material of dimension 3, .* strains of shape \(2, 2\)",
    ),
    "axisymmetric box": (lambda: ms.fe.Problem(CUBE, SOLID, kinematics="axisymmetric"), "needs a plane mesh"),
    "order": (lambda: ms.fe.Problem(SQUARE, PLANE, order=0), "order: expected a polynomial degree, at least 1, got 0"),
    "a region without material": (
        lambda: ms.fe.Problem(two_regions(), {"soft": PLANE}),
        r"regions are \['soft', 'stiff'\]; no such region: \[\], without a material: \['stiff'\]",
    ),
    "no such region": (
        lambda: ms.fe.Problem(two_regions(), {"soft": PLANE, "stiff": PLANE, "hole": PLANE}),
        r"no such region: \['hole'\]",
    ),
    "one material for two": (
        lambda: ms.fe.Problem(two_regions(), [PLANE]),
        r"material: expected one per region \['soft', 'stiff'\], got 1",
    ),
    "no material in a region": (
        lambda: ms.fe.Problem(two_regions(), [PLANE, 2.0]),
        "material of 'stiff': expected a material, got float",
    ),
    "two kinds of strain": (
        lambda: ms.fe.Problem(two_regions(), [PLANE, HEAT]),
        "material: the regions' materials have strains of different kinds",
    ),
    "materials of other cells": (
        lambda: ms.fe.Problem(SQUARE, ms.fe.PerCell(jax.vmap(lambda e: ms.IsotropicElastic(e, 0.3, 2))(jnp.ones(3)))),
        r"material: PerCell needs 4 cells on the first axis of every array, got \(3,\)",
    ),
    "a material that is not per cell": (
        lambda: ms.fe.Problem(SQUARE, ms.fe.PerCell(PLANE)),
        r"PerCell needs 4 cells on the first axis of every array, got \(\)",
    ),
    "a surface as a solid": (
        lambda: ms.fe.Problem(ms.fe.Mesh(CUBE.points, CUBE.cells[:, :4], "quad4"), SOLID),
        "mesh: cells of dimension 2 in 3 coordinates are no solid",
    ),
    "values' shape": (lambda: held().prescribe(jnp.zeros((4, 2))), r"values: expected shape \(9, 2\), got \(4, 2\)"),
    "a value for what is free": (lambda: held().prescribe(jnp.ones((9, 2))), "values: component 0 of node 3 is free"),
    "tolerance": (lambda: ms.solve(held(), tolerance=0.0), "tolerance: must be positive, got 0.0"),
    "steps": (lambda: ms.solve(held(), max_steps=0), "max_steps: expected a positive integer, got 0"),
    "start": (lambda: ms.solve(held(), start=jnp.zeros(9)), r"start: expected shape \(9, 2\), got \(9,\)"),
    "state": (lambda: ms.solve(held(), state=(jnp.zeros(4),)), "state: expected one of this problem"),
    "nothing held": (
        lambda: ms.solve(ms.fe.Problem(SQUARE, PLANE)),
        "constraints: 3 rigid motions are free: translation along x; translation along y; rotation",
    ),
    "not all held": (
        lambda: ms.solve(ms.fe.Problem(SQUARE, PLANE, [ms.fe.Dirichlet("x-", 0.0, "x")])),
        "constraints: 1 rigid motion is free: translation along y",
    ),
}


def held():
    return ms.fe.Problem(SQUARE, PLANE, [ms.fe.Dirichlet("x-")])


@pytest.mark.parametrize("name", REFUSED)
def test_what_does_not_fit_is_named(name):
    make, text = REFUSED[name]
    with pytest.raises(ValueError, match=text):
        make()


def test_constraints_and_loads_are_not_mixed_up():
    given = [ms.fe.Dirichlet("x-"), ms.fe.Traction("x+", 1.0)]
    with pytest.raises(ValueError, match=r"constraints\[1\]: expected one of msjax.fe's constraints, got Traction"):
        _all_of(given, ms.fe.Constraint, "constraints")
    with pytest.raises(ValueError, match=r"loads\[0\]: expected one of msjax.fe's loads, got Dirichlet"):
        _all_of(given, Load, "loads")
    with pytest.raises(ValueError, match="loads: expected a sequence of msjax.fe's loads, got int"):
        _all_of(5, Load, "loads")
    assert _all_of(given[0], ms.fe.Constraint, "constraints") == given[:1]


def pins(*nodes, components=None):
    return [ms.fe.Dirichlet(list(nodes), 0.0, components)]


BAR = ms.fe.rectangle((4.0, 1.0), (4, 1))  # nodes: column x, row y: 2 x + y
SPRINGS = {"both": 1.0, "upright": [0.0, 1.0], "along": [1.0, 0.0], "none": 0.0, "slanted": [[1.0, 1.0], [1.0, 1.0]]}
ALL = ["translation along x", "translation along y", "rotation"]
HANGING = [
    # mesh, material, constraints, loads, kinematics, what hangs
    (BAR, PLANE, [], [], ALL),
    (BAR, PLANE, pins(9), [], ["rotation"]),
    (BAR, PLANE, pins(9) + pins(0, components="y"), [], []),
    (BAR, PLANE, pins(0) + pins(8, components="x"), [], ["rotation"]),
    (BAR, PLANE, [ms.fe.Dirichlet("y-", 0.0, "y")], [], ["translation along x"]),
    (BAR, PLANE, [ms.fe.Dirichlet("y-", 0.3, "x")], [], ["translation along y", "rotation"]),
    (BAR, PLANE, [ms.fe.Periodic("x-", "x+")], [], ["translation along x", "translation along y"]),
    (BAR, PLANE, [ms.fe.Rigid("x+")], [], ALL),
    (BAR, PLANE, [ms.fe.Rigid("x+"), ms.fe.Dirichlet([8])], [], ["rotation"]),
    (BAR, PLANE, [ms.fe.Rigid("x+", rotation=False)], [], ["translation along x", "translation along y"]),
    (BAR, PLANE, [], [ms.fe.Springs("y-", SPRINGS["both"])], []),
    (BAR, PLANE, [], [ms.fe.Springs("y-", SPRINGS["upright"])], ["translation along x"]),
    (BAR, PLANE, [], [ms.fe.Springs("y-", SPRINGS["along"])], ["translation along y", "rotation"]),
    (BAR, PLANE, [], [ms.fe.Springs("y-", SPRINGS["none"])], ALL),
    (BAR, PLANE, [], [ms.fe.Springs("y-", SPRINGS["slanted"])], ["translation along (0.707, -0.707)"]),
    (BAR, PLANE, pins(0), [ms.fe.Springs("x+", 1e-6)], []),
    (BAR, PLANE, pins(0), [ms.fe.Pressure("x+", 1.0)], ["rotation"]),
    (CUBE, SOLID, [], [], [f"{m} {a}" for m in ("translation along", "rotation about") for a in "xyz"]),
    (CUBE, SOLID, pins(0), [], [f"rotation about {a}" for a in "xyz"]),
    (CUBE, SOLID, pins(0, 1), [], ["rotation about z"]),
    (CUBE, SOLID, pins(0, 4), [], ["rotation about x"]),
    (CUBE, SOLID, pins(0, 2), [], ["rotation about y"]),
    (CUBE, SOLID, pins(0, 7), [], ["rotation about (0.577, 0.577, 0.577)"]),
    (CUBE, SOLID, pins(0, 1, 2), [], []),
    (CUBE, SOLID, [ms.fe.Dirichlet("z-", 0.0, "z")], [],
     ["translation along x", "translation along y", "rotation about z"]),
    (CUBE, SOLID, [ms.fe.Rigid("z+"), ms.fe.Dirichlet([1, 3], 0.0, "z")], [],
     ["translation along x", "translation along y", "rotation about y", "rotation about z"]),
    (CUBE, SOLID, [ms.fe.Periodic(f"{a}-", f"{a}+") for a in "xyz"], [], [f"translation along {a}" for a in "xyz"]),
    (SQUARE, SOLID, [], [], ["translation along y"]),  # axisymmetric below
    (SQUARE, SOLID, pins(3, components="y"), [], []),
    (SQUARE, SOLID, pins(3, components="x"), [], ["translation along y"]),
    (SQUARE, SOLID, [], [ms.fe.Springs("y-", [0.0, 1.0])], []),
    (SQUARE, SOLID, [], [ms.fe.Springs("y-", [1.0, 0.0])], ["translation along y"]),
    (SQUARE, HEAT, [], [], ["a constant"]),
    (SQUARE, HEAT, pins(3), [], []),
    (SQUARE, HEAT, [], [ms.fe.Springs("y-", 1.0)], []),
    (SQUARE, HEAT, [ms.fe.Periodic("x-", "x+")], [ms.fe.BodyForce(1.0)], ["a constant"]),
]  # fmt: skip


@jax.jit
def reduced_all(operator, affine, units):
    return jax.vmap(lambda q: affine.fold(operator.apply(affine.expand(q))))(units)


@eqx.filter_jit
def balanced(problem, u):
    return balance(problem, u, problem.initial_state())


@pytest.mark.parametrize("case", range(len(HANGING)))
def test_hanging_motions_are_named(case):
    mesh, material, constraints, loads, expected = HANGING[case]
    kind = "axisymmetric" if (mesh is SQUARE and material is SOLID) else "auto"
    problem = ms.fe.Problem(mesh, material, constraints, loads, kinematics=kind)
    assert ms.fe.hanging_modes(problem) == expected
    # the count is that of zero eigenvalues of the stiffness, which knows nothing of names
    linear = [load for load in loads if not isinstance(load, ms.fe.Pressure)]
    problem = ms.fe.Problem(mesh, material, constraints, linear, kinematics=kind)
    free = np.asarray(problem.affine.free).reshape(-1)
    stiffness = balanced(problem, jnp.zeros(problem.affine.free.shape)).stiffness
    units = jnp.eye(free.size).reshape(-1, *problem.affine.free.shape)
    matrix = np.asarray(reduced_all(stiffness, problem.affine, units)).reshape(free.size, -1)
    values = np.linalg.eigvalsh(matrix[np.ix_(free, free)])
    assert np.sum(values < 1e-9) == len(expected)
    if expected:
        with pytest.raises(ValueError, match=f"constraints: {len(expected)} rigid motion"):
            check_supported(problem)
    else:
        check_supported(problem)


@pytest.mark.slow
def test_springs_that_are_traced_are_taken_on_trust():
    def stretched(k):
        loads = [ms.fe.Springs("x-", k * jnp.array([1.0, 0.0])), ms.fe.Traction("x+", [1.0, 0.0])]
        problem = ms.fe.Problem(SQUARE, PLANE, pins(0, 3, components="y"), loads)
        return ms.solve(problem, throw=False).u[:, 0].mean()

    # moves as a body by 1/k, and stretches
    slope = jax.jit(jax.grad(stretched))(2.0)
    assert float(slope) == pytest.approx(-1.0 / 4.0, rel=1e-6)


FORMS = {
    "plane strain": (SQUARE, ms.NeoHooke(1.0, 2.0), "auto"),
    "plane": (SQUARE, ms.NeoHooke(1.0, 2.0, 2), "auto"),
    "plane stress": (SQUARE, ms.PlaneStress(ms.NeoHooke(1.0, 2.0)), "auto"),
    "axisymmetric": (SQUARE.moved(lambda x: x + np.array([0.5, 0.0])), ms.NeoHooke(1.0, 2.0), "axisymmetric"),
    "solid": (CUBE, ms.NeoHooke(1.0, 2.0), "auto"),
    "bar": (ms.fe.interval(1.0, 3, "line3"), ms.NeoHooke(1.0, 2.0, 1), "auto"),
    "heat": (SQUARE, HEAT, "auto"),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMS)
def test_residual_and_stiffness_are_derivatives_of_the_energy(name):
    mesh, material, kind = FORMS[name]
    problem = ms.fe.Problem(mesh, material, kinematics=kind)
    u = jnp.asarray(0.05 * RNG.normal(size=problem.affine.free.shape))
    v = jnp.asarray(RNG.normal(size=u.shape))
    states = problem.initial_state()

    @jax.jit
    def everything(u, v):
        found = balance(problem, u, states)
        gradient = jax.jit(jax.grad(lambda u: balance(problem, u, states).energy))(u)
        change = jax.jvp(lambda u: balance(problem, u, states).residual, (u,), (v,))[1]
        return found.residual, gradient, found.stiffness.apply(v), change

    residual, gradient, stiffness, change = everything(u, v)
    np.testing.assert_allclose(residual, gradient, atol=1e-12)
    np.testing.assert_allclose(stiffness, change, atol=1e-11)


@pytest.mark.slow
def test_plane_strain_is_a_slice_of_the_solid():
    """One layer of hexahedra held between two planes is quadrilaterals in plane strain."""
    flat = ms.fe.Problem(SQUARE, ms.NeoHooke(1.0, 2.0))
    slab = ms.fe.Problem(ms.fe.box((1.0, 1.0, 0.5), (2, 2, 1)), ms.NeoHooke(1.0, 2.0))
    u = jnp.asarray(0.05 * RNG.normal(size=(9, 2)))
    deep = jnp.repeat(jnp.pad(u, ((0, 0), (0, 1))), 2, axis=0)
    plane, solid = balanced(flat, u), balanced(slab, deep)
    assert float(solid.energy) == pytest.approx(0.5 * float(plane.energy), rel=1e-13)
    forces = solid.residual.reshape(9, 2, 3).sum(axis=1)[:, :2]
    np.testing.assert_allclose(forces, 0.5 * plane.residual, atol=1e-14)


def test_axial_symmetry_has_the_energy_of_the_whole_ring():
    """u = (a r, b z) strains uniformly: energy is the density times the volume of the ring."""
    mesh = SQUARE.moved(lambda x: x + np.array([0.5, 0.0]))
    problem = ms.fe.Problem(mesh, SOLID, kinematics="axisymmetric")
    u = mesh.points * jnp.array([[0.02, -0.01]])
    density = SOLID.respond(jnp.diag(jnp.array([1.02, 0.99, 1.02]))).energy
    expected = float(density) * np.pi * (1.5**2 - 0.5**2)
    assert float(balanced(problem, u).energy) == pytest.approx(expected, rel=1e-13)


@pytest.mark.slow
def test_materials_by_region_by_cell_and_in_any_order_are_the_same():
    mesh = two_regions()
    soft, stiff = ms.IsotropicElastic(1.0, 0.3, 2), ms.IsotropicElastic(5.0, 0.2, 2)
    young, poisson = jnp.array([1.0, 1.0, 5.0, 5.0]), jnp.array([0.3, 0.3, 0.2, 0.2])
    each = ms.fe.PerCell(jax.vmap(lambda e, n: ms.IsotropicElastic(e, n, 2))(young, poisson))
    u = jnp.asarray(RNG.normal(size=(9, 2)))
    found = [
        balanced(ms.fe.Problem(mesh, material), u) for material in ([soft, stiff], {"stiff": stiff, "soft": soft}, each)
    ]
    for other in found[1:]:
        assert float(other.energy) == pytest.approx(float(found[0].energy), rel=1e-14)
        np.testing.assert_allclose(other.residual, found[0].residual, atol=1e-14)
        np.testing.assert_allclose(other.stiffness.apply(u), found[0].stiffness.apply(u), atol=1e-13)


@pytest.mark.slow
def test_what_a_problem_says_of_itself():
    pull = ms.fe.Traction("x+", [1.0, 0.0])
    press = ms.fe.Pressure("x+", 1.0)
    for material, load, said in (
        (PLANE, pull, (True, True, True)),
        (PLANE, press, (False, False, False)),
        (ms.NeoHooke(1.0, 1.0, 2), pull, (False, True, True)),
        (ms.PlaneStress(ms.IsotropicElastic(1.0, 0.3)), pull, (True, True, True)),
        (ms.PlaneStress(ms.NeoHooke(1.0, 1.0)), pull, (False, True, True)),
    ):
        problem = ms.fe.Problem(SQUARE, material, [ms.fe.Dirichlet("x-")], [load])
        assert (problem.linear, problem.symmetric, problem.conservative) == said
        assert (problem.unknowns, problem.components) == (12, 2)


@pytest.mark.slow
def test_every_cell_has_its_part():
    """Parts of a mesh with an empty region and one whose cells are mixed up."""
    mesh = ms.fe.rectangle((1.0, 1.0), (3, 2))
    tagged = ms.fe.Mesh(mesh.points, mesh.cells, mesh.kind, {}, [2, 0, 2, 0, 0, 2], ("a", "nothing", "b"))
    problem = ms.fe.Problem(tagged, [PLANE, PLANE, PLANE])
    assert [p.index.tolist() for p in problem.parts] == [[1, 3, 4], [0, 2, 5]]
    whole = balanced(ms.fe.Problem(mesh, PLANE), mesh.points * mesh.points)
    parts = balanced(problem, mesh.points * mesh.points)
    np.testing.assert_allclose(parts.residual, whole.residual, atol=1e-15)
    assert facet_numbers(mesh)[0] == facet_numbers(tagged)[0]
