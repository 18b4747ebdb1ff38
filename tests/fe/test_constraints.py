"""The affine map u = T q + g is the whole solution set of its equations; what cannot be is refused by name."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe.constraints import compile_constraints, rigid_modes
from msjax.fe.mesh import described

SQUARE = ms.fe.rectangle((1.0, 2.0), (3, 4))
CUBE = ms.fe.box((1.0, 1.0, 2.0), (2, 2, 2))
RNG = np.random.default_rng(7)


def chain(length, weight=1.0):
    """Node n + 1 follows node n, in x."""
    links = np.arange(length)
    return ms.fe.Multipoint(
        np.stack([links + 1, 0 * links], 1), np.stack([links, 0 * links], 1)[:, None], np.full((length, 1), weight), 0.5
    )


def periodic(dim, jump=0.0):
    return [ms.fe.Periodic(f"{axis}-", f"{axis}+", jump) for axis in "xyz"[:dim]]


def mean_strain(mesh, strain):
    """Periodic with the jumps of a mean displacement gradient."""
    extent = np.ptp(np.asarray(mesh.points), axis=0)
    return [ms.fe.Periodic(f"{a}-", f"{a}+", strain[:, i] * extent[i]) for i, a in enumerate("xyz"[: mesh.dim])]


def turned(x):
    """A small rotation and translation of the plane."""
    return jnp.array([0.1 - 0.3 * x[1], 0.2 + 0.3 * x[0]])


SETS = {
    "none": (SQUARE, 2, []),
    "pins": (SQUARE, 2, [ms.fe.Dirichlet("x-", [0.1, 0.2]), ms.fe.Dirichlet("x+", 0.3, "y")]),
    "same corner twice": (SQUARE, 2, [ms.fe.Dirichlet("x-", 0.1), ms.fe.Dirichlet("y+", 0.1)]),
    "rows by node": (SQUARE, 2, [ms.fe.Dirichlet([3, 5, 9], RNG.normal(size=(3, 2)))]),
    "column by node": (SQUARE, 2, [ms.fe.Dirichlet([3, 5, 9], RNG.normal(size=(3, 1)), "y")]),
    "a function": (SQUARE, 2, [ms.fe.Dirichlet(lambda x: x[:, 0] > 0.9, lambda x: jnp.array([x[1] ** 2]), [1])]),
    "booleans": (SQUARE, 2, [ms.fe.Dirichlet(np.arange(20) % 3 == 0, 0.5, 0)]),
    "periodic 2-D": (SQUARE, 2, periodic(2)),
    "periodic 3-D": (CUBE, 3, periodic(3)),
    "scalar periodic": (CUBE, 1, periodic(3, 0.0)),
    "mean strain 2-D": (SQUARE, 2, mean_strain(SQUARE, RNG.normal(size=(2, 2)))),
    "mean strain 3-D": (CUBE, 3, mean_strain(CUBE, RNG.normal(size=(3, 3)))),
    "pinned periodic": (SQUARE, 2, [*periodic(2), ms.fe.Dirichlet([0], [0.1, -0.2])]),
    "pinned at a follower": (SQUARE, 2, [*periodic(2), ms.fe.Dirichlet("x+", 0.25, "y")]),
    "chain": (SQUARE, 2, [chain(19)]),
    "long chain": (ms.fe.interval(1.0, 150), 1, [chain(150, 0.99)]),
    "chain in two": (SQUARE, 2, [ms.fe.Multipoint([[4, 1]], [[[5, 0], [6, 1]]], [[2.0, -1.0]], [0.3]), chain(9)]),
    "prescribed chain": (SQUARE, 2, [chain(9), ms.fe.Dirichlet([9], 0.7, "x")]),
    "circle": (SQUARE, 2, [ms.fe.Multipoint([[0, 0], [1, 0]], [[[1, 0]], [[0, 0]]], [[1.0], [0.5]], [0.0, 0.5])]),
    "circle of three": (SQUARE, 2, [chain(2, 1.0), ms.fe.Multipoint([[0, 0]], [[[2, 0]]], [[1.0]], -1.0)]),
    "own follower": (SQUARE, 2, [ms.fe.Multipoint([[3, 0]], [[[3, 0], [4, 0]]], [[0.5, 0.5]])]),
    "both ways periodic": (SQUARE, 2, [ms.fe.Periodic("x-", "x+", 0.3), ms.fe.Periodic("x+", "x-", -0.3)]),
    "rigid 2-D": (SQUARE, 2, [ms.fe.Rigid("x+")]),
    "rigid, no rotation": (SQUARE, 2, [ms.fe.Rigid("x+", rotation=False)]),
    "rigid scalar": (SQUARE, 1, [ms.fe.Rigid("x+")]),
    "rigid 3-D": (CUBE, 3, [ms.fe.Rigid("z+")]),
    "rigid line in 3-D": (CUBE, 3, [ms.fe.Rigid(lambda x: (x[:, 0] == 0) & (x[:, 1] == 0))]),
    "rigid and pinned": (SQUARE, 2, [ms.fe.Rigid("x+"), ms.fe.Dirichlet([17], [0.1, 0.0])]),
    "pinned and rigid": (SQUARE, 2, [ms.fe.Dirichlet([17], [0.1, 0.0]), ms.fe.Rigid("x+")]),
    "rigid and moved": (SQUARE, 2, [ms.fe.Rigid("x+"), ms.fe.Dirichlet("x+", turned)]),
    "moved and rigid": (CUBE, 3, [ms.fe.Dirichlet("z+", 0.1, "z"), ms.fe.Rigid("z+")]),
    "two rigid, one node": (SQUARE, 2, [ms.fe.Rigid("x+"), ms.fe.Rigid("y+")]),
    "rigid and periodic": (SQUARE, 2, [ms.fe.Periodic("x-", "x+"), ms.fe.Rigid("y+"), ms.fe.Dirichlet([0])]),
}


def equations(constraints, mesh, components):
    """Dense C u = d of all constraints."""
    size = mesh.points.shape[0] * components
    matrix, right = [np.zeros((0, size))], [np.zeros(0)]
    for one in (c.rows(mesh, components) for c in constraints):
        block = np.zeros((len(one.slaves), size))
        np.add.at(block, (np.arange(len(one.slaves)), one.slaves), 1.0)
        for k in range(one.masters.shape[1]):
            np.add.at(block, (np.arange(len(one.slaves)), one.masters[:, k]), -one.weights[:, k])
        matrix.append(block)
        right.append(np.asarray(one.offsets))
    return np.concatenate(matrix), np.concatenate(right)


@pytest.mark.parametrize("name", SETS)
def test_the_map_is_the_solution_set_of_the_equations(name):
    mesh, components, constraints = SETS[name]
    affine = compile_constraints(constraints, mesh, components)
    matrix, right = equations(constraints, mesh, components)
    # as many unknowns as the equations leave
    assert int(affine.free.sum()) == matrix.shape[1] - np.linalg.matrix_rank(matrix)
    # any q fulfils them, and only what is free counts
    q = jnp.asarray(RNG.normal(size=affine.free.shape))
    u = affine.displacement(q)
    np.testing.assert_allclose(matrix @ np.asarray(u).reshape(-1), right, atol=2e-13)
    np.testing.assert_array_equal(np.asarray(u)[affine.free], np.asarray(q)[affine.free])
    np.testing.assert_array_equal(affine.expand(jnp.where(affine.free, q, 7.0)), affine.expand(q))
    np.testing.assert_array_equal(np.asarray(affine.values)[affine.free], 0.0)
    # followers of bounded weight, which a pin of its own never needs
    assert np.max(np.abs(affine.weights), initial=0.0) < 30
    assert not affine.masters.size or bool(jnp.all(affine.free.reshape(-1)[affine.masters]))
    # the fold is the transpose
    f = jnp.asarray(RNG.normal(size=q.shape))
    assert float(jnp.vdot(f, affine.expand(q))) == pytest.approx(
        float(jnp.vdot(affine.fold(f), q)), rel=1e-11, abs=1e-11
    )


def test_pins_need_no_followers():
    affine = compile_constraints(SETS["pins"][2], SQUARE, 2)
    assert affine.pins_only
    assert not compile_constraints(periodic(2), SQUARE, 2).pins_only


@pytest.mark.slow
def test_a_rigid_motion_passes_through_rigid_constraints_unchanged():
    for mesh, dim in ((SQUARE, 2), (CUBE, 3)):
        affine = compile_constraints([ms.fe.Rigid("x+"), ms.fe.Rigid("y-")], mesh, dim)
        modes = rigid_modes(np.asarray(mesh.points), dim)
        assert modes.shape[1] == dim * (dim + 1) // 2
        for mode in modes.T:
            u = mode.reshape(-1, dim)
            np.testing.assert_allclose(affine.expand(jnp.asarray(u)), u, atol=1e-13)


def test_the_order_of_constraints_does_not_matter():
    """All orders of pins, periodic sides and a rigid edge give the same set of displacements."""
    parts = [ms.fe.Dirichlet([0], [0.1, 0.2]), ms.fe.Periodic("x-", "x+"), ms.fe.Rigid("y+")]
    matrix, right = equations(parts, SQUARE, 2)
    for order in itertools.permutations(parts):
        affine = compile_constraints(order, SQUARE, 2)
        assert int(affine.free.sum()) == matrix.shape[1] - np.linalg.matrix_rank(matrix)
        u = affine.displacement(jnp.asarray(RNG.normal(size=affine.free.shape)))
        np.testing.assert_allclose(matrix @ np.asarray(u).reshape(-1), right, atol=1e-13)


@pytest.mark.parametrize("constraints", [
    lambda v: [ms.fe.Dirichlet("x-", v, "x"), ms.fe.Dirichlet("y-", v, "x")],
    lambda v: [*mean_strain(SQUARE, v * jnp.array([[1.0, 2.0], [3.0, 4.0]])), ms.fe.Dirichlet([0], v)],
    lambda v: [*periodic(2), ms.fe.Dirichlet([19], v)],
    lambda v: [ms.fe.Rigid("x+"), ms.fe.Dirichlet([17], v)],
    lambda v: [ms.fe.Multipoint([[3, 0]], [[[4, 0]]], [[2.0]], v), ms.fe.Multipoint([[5, 0]], [[[3, 0]]], [[3.0]], v)],
], ids="pins mean-strain follower rigid multipoint".split())  # fmt: skip
def test_values_may_be_traced_and_differentiated(constraints):
    def values(v):
        return compile_constraints(constraints(v), SQUARE, 2).values

    eager = values(jnp.array(0.3))
    direction = jnp.asarray(RNG.normal(size=eager.shape))

    @jax.jit
    def traced(v):
        return values(v), jax.jacfwd(values)(v), jax.grad(lambda x: jnp.vdot(direction, values(x)))(v)

    found, forward, reverse = traced(jnp.array(0.3))
    np.testing.assert_allclose(found, eager, atol=1e-15)
    # the values are linear in what is prescribed
    np.testing.assert_allclose(forward, eager / 0.3, atol=1e-13)
    assert float(reverse) == pytest.approx(float(jnp.vdot(direction, eager)) / 0.3, rel=1e-12)


REFUSED = {
    "components 'w'": (
        lambda: ms.fe.Dirichlet("x-", 0.0, "w"),
        "Dirichlet on 'x-': components: .* 0 to 1 or .* 'xy', got 'w'",
    ),
    "component 2": (lambda: ms.fe.Dirichlet("x-", 0.0, 2), "components: .*0 to 1.*got 2"),
    "component twice": (lambda: ms.fe.Dirichlet("x-", 0.0, "xx"), "components: .*different.*got 'xx'"),
    "no component": (lambda: ms.fe.Dirichlet("x-", 0.0, ""), "components: .*got ''"),
    "values' shape": (lambda: ms.fe.Dirichlet("x-", [1.0, 2.0, 3.0]), r"'x-': a value of shape \(3,\) fits neither 2"),
    "values' text": (lambda: ms.fe.Dirichlet("x-", "left"), "Dirichlet on 'x-': expected numbers, got 'left'"),
    "NaN value": (lambda: ms.fe.Dirichlet("x-", jnp.nan), "Dirichlet on 'x-': must be finite"),
    "unsorted rows": (lambda: ms.fe.Dirichlet([3, 1], [[0.0, 0.0], [1.0, 1.0]]), r"nodes \[3, 1\]: .*ascending order"),
    "no boundary": (lambda: ms.fe.Dirichlet("top"), r"boundary 'top': the mesh has 'x\+', 'x-', 'y\+', 'y-'"),
    "number too large": (lambda: ms.fe.Dirichlet(range(30)), "nodes: expected numbers from 0 to 19, got 20"),
    "negative number": (lambda: ms.fe.Dirichlet([-1]), "nodes: .*from 0 to 19, got -1"),
    "half a number": (lambda: ms.fe.Dirichlet([0.5]), r"nodes: expected the name .*got nodes \[0.5\]"),
    "other booleans": (lambda: ms.fe.Dirichlet(np.ones(7, bool)), "nodes: .*20 booleans.*got 7 nodes"),
    "no where": (lambda: ms.fe.Dirichlet(None), "nodes: expected the name of a boundary.*got None"),
    "nowhere": (lambda: ms.fe.Dirichlet(lambda x: x[:, 0] > 9.0), "nodes: nothing is selected by a function <lambda>"),
    "no booleans": (lambda: ms.fe.Dirichlet(lambda x: x[:, 0]), "nodes: the function must return 20 booleans"),
    "empty": (lambda: ms.fe.Dirichlet([]), r"nodes: nothing is selected by nodes \[\]"),
    "sides that differ": (lambda: ms.fe.Periodic("x-", "y-"), r"Periodic\('x-', 'y-'\): 5 and 4 nodes do not match"),
    "sides that are moved": (
        lambda: ms.fe.Periodic([0, 1], [15, 17]),
        r"nodes \[15, 17\]\): node 1[57] at .* no partner within",
    ),
    "a jump's shape": (
        lambda: ms.fe.Periodic("x-", "x+", [1.0, 2.0, 3.0]),
        r"jump needs shape \(\) or \(2,\), got \(3,\)",
    ),
    "a NaN jump": (lambda: ms.fe.Periodic("x-", "x+", jnp.nan), "jump: must be finite"),
    "no such master": (
        lambda: ms.fe.Multipoint([[0, 0]], [[[99, 0]]], [[1.0]]),
        r"Multipoint: there is no .* \(99, 0\)",
    ),
    "no such slave": (lambda: ms.fe.Multipoint([[0, 2]], [[[1, 0]]], [[1.0]]), r"Multipoint: there is no .* \(0, 2\)"),
    "weights' shape": (
        lambda: ms.fe.Multipoint([[0, 0]], [[[9, 0]]], [[1.0, 2.0]]),
        r"weights need shape \(1, 1\), got \(1, 2\)",
    ),
    "a NaN weight": (
        lambda: ms.fe.Multipoint([[2, 1]], [[[9, 0]]], [[jnp.nan]]),
        r"weights of slave \(2, 1\) are not finite",
    ),
    "offsets' shape": (
        lambda: ms.fe.Multipoint([[0, 0]], [[[9, 0]]], [[1.0]], [1.0, 2.0]),
        r"offsets need shape \(\) or \(1,\)",
    ),
    "a NaN offset": (
        lambda: ms.fe.Multipoint([[0, 0]], [[[9, 0]]], [[1.0]], jnp.nan),
        "Multipoint, offsets: must be finite",
    ),
    "no pairs": (lambda: ms.fe.Multipoint([0, 1, 2], [[[9, 0]]], [[1.0]]), r"slaves need shape \(s, 2\)"),
    "a slave twice": (
        lambda: ms.fe.Multipoint([[3, 1], [3, 1]], [[[1, 0]], [[2, 0]]], [[1.0], [1.0]]),
        r"\(3, 1\) is a slave twice",
    ),
    "one rigid node": (lambda: ms.fe.Rigid([3]), r"Rigid on nodes \[3\]: needs at least two nodes, got 1"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_wrong_is_named(name):
    constraint, text = REFUSED[name]
    with pytest.raises(ValueError, match=text) as error:
        compile_constraints([constraint()], SQUARE, 2)
    assert len(str(error.value)) < 200


@pytest.mark.parametrize(("constraints", "text"), [
    ([ms.fe.Dirichlet("x-", 0.1), ms.fe.Dirichlet("y-", 0.2)],
     "component 0 of node 0 is given by Dirichlet on 'x-', and by Dirichlet on 'y-' in another way"),
    ([ms.fe.Periodic("x-", "x+", [0.1, 0.0]), ms.fe.Dirichlet("x-"), ms.fe.Dirichlet("x+")],
     r"component 0 of node 15 is given by Periodic\('x-', 'x\+'\), and by Dirichlet on 'x\+' in another way"),
    ([ms.fe.Rigid("x+"), ms.fe.Dirichlet("x+", lambda x: x * x[1])], "given by Rigid on 'x\\+', and by Dirichlet on"),
    ([ms.fe.Dirichlet("x-", 0.1), ms.fe.Dirichlet("x-", 0.1 + 1e-6)], "in another way"),
    ([ms.fe.Multipoint([[0, 0], [1, 0]], [[[1, 0]], [[0, 0]]], [[1.0], [1.0]], [0.0, 0.5])],
     "component 0 of node 1 is given by the rest, and by Multipoint in another way"),
    ([ms.fe.Multipoint([[0, 0]], [[[0, 0]]], [[1.0]], 0.5)], "component 0 of node 0 is given by the rest"),
])  # fmt: skip
def test_contradictions_are_named(constraints, text):
    with pytest.raises(ValueError, match=f"constraints: .*{text}"):
        compile_constraints(constraints, SQUARE, 2)


def test_traced_positions_cannot_pair_nodes():
    for make in (lambda: ms.fe.Periodic("x-", "x+"), lambda: ms.fe.Rigid("x+")):
        with pytest.raises(ValueError, match="positions are traced"):
            jax.eval_shape(lambda x, m=make: compile_constraints([m()], SQUARE.moved(x), 2).values, SQUARE.points)


def test_selections_are_described_in_a_few_words():
    assert described(np.arange(5000)) == "5000 nodes [0, 1, 2, …]"
    assert described(turned) == "a function turned of positions"
