"""Derivatives of functionals of a solution: with respect to fields per element, boundary values, loads and node
positions, forward, reverse and second, against finite differences."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe.problem import balance
from msjax.material.finite_differences import sweep

RNG = np.random.default_rng(7)
MESH = ms.fe.rectangle((3.0, 1.0), (6, 3))
INNER = MESH.moved(lambda x: x + 0.03 * np.sin(7.0 * x[:, ::-1]) * np.array([1.0, 0.5]))
CELLS, NODES, LEFT = MESH.cells.shape[0], MESH.points.shape[0], MESH.nodes_of("x-")
FIELD = jnp.asarray(np.exp(RNG.normal(size=CELLS)))  # a factor of about 50 between the softest and the stiffest cell
SHEAR = jnp.array([0.02, -0.05])
AIM = jnp.asarray(0.1 * RNG.normal(size=(NODES, 2)))
STEPS = 10.0 ** np.arange(-2.0, -6.75, -0.5)
BOTH = jnp.asarray(np.concatenate([STEPS, -STEPS]))
TIGHT = {"tolerance": 1e-13, "throw": False}


class Data(NamedTuple):
    """What the functionals are differentiated in."""

    field: Any = FIELD
    traction: Any = SHEAR
    push: Any = jnp.array(-0.1, float)
    points: Any = INNER.points


def linear(data):
    """A bar of many materials, held at its left, pulled at its right, its upper side's middle pushed down."""
    material = ms.fe.PerCell(jax.vmap(lambda e: ms.IsotropicElastic(e, 0.3, dim=2))(data.field))
    held = [ms.fe.Dirichlet("x-"), ms.fe.Dirichlet([15], data.push, "y")]
    return ms.fe.Problem(INNER.moved(data.points), material, held, [ms.fe.Traction("x+", data.traction)])


def rubber(data):
    """The same bar of neo-Hookean materials, bent far."""
    material = ms.fe.PerCell(jax.vmap(lambda mu: ms.NeoHooke(mu, 2.0 * mu, dim=2))(data.field))
    held = [ms.fe.Dirichlet("x-"), ms.fe.Dirichlet([15], data.push, "y")]
    return ms.fe.Problem(INNER.moved(data.points), material, held, [ms.fe.Traction("x+", 4.0 * data.traction)])


FUNCTIONALS = ("compliance", "tracking", "reaction", "energy")


def functionals(problem):
    """Work f·u of the loads; distance of u to an aim; vertical reaction at the left; potential energy, whose first
    derivative needs no solve and whose second does."""
    found = ms.solve(problem, **TIGHT)
    work = jnp.vdot(problem.loads[0].forces, found.u)
    apart = 0.5 * jnp.sum((found.u - AIM) ** 2)
    return jnp.stack([work, apart, jnp.sum(found.reactions[LEFT, 1]), found.energy])


def chosen(functional):
    return jnp.asarray(np.array(FUNCTIONALS) == functional, float)


def combined(weights, data):
    return jnp.vdot(weights, functionals(rubber(data)))


def dot(a, b):
    return jax.tree.reduce(jnp.add, jax.tree.map(jnp.vdot, a, b))


@jax.jit
def along(steps, weights, data, first, second):
    """Values and slopes along ``second`` at data + t first, and at t = 0 their derivatives, the gradient and the
    Hessian-vector product."""

    def at(t):
        moved = jax.tree.map(lambda x, d: x + t * d, data, first)
        value, gradient = jax.jit(jax.value_and_grad(lambda d: combined(weights, d)))(moved)
        return jnp.stack([value, dot(gradient, second)]), gradient

    values = jax.lax.map(lambda t: at(t)[0], steps)
    (_, gradient), (slopes, product) = jax.jvp(at, (jnp.zeros(()),), (jnp.ones(()),))
    return values, gradient, slopes, product


def direction(which, seed):
    """A random direction in some of the data; nodes are moved by a twentieth of a cell."""
    rng = np.random.default_rng(seed)
    sizes = Data(FIELD, jnp.abs(SHEAR), jnp.array(0.1, float), jnp.full(INNER.points.shape, 0.02))
    moved = jax.tree.map(lambda size: size * jnp.asarray(rng.uniform(-1.0, 1.0, size.shape)), sizes)
    return Data(*(x if name in which else 0.0 * x for name, x in zip(Data._fields, moved, strict=True)))


@pytest.mark.slow
@pytest.mark.parametrize("functional", FUNCTIONALS)
@pytest.mark.parametrize("which", [("field",), ("traction",), ("push",), ("points",), Data._fields], ids="+".join)
def test_derivatives_first_and_second_forward_and_reverse(functional, which):
    """V shapes of central differences for the gradient and for Hessian-vector products, and the Hessian's symmetry."""
    weights = chosen(functional)
    first, second = direction(which, 1), direction(which, 2)
    count = len(STEPS)
    values, gradient, slopes, product = along(BOTH, weights, Data(), first, second)
    values, slopes = np.asarray(values), np.asarray(slopes)
    for k, tree, other in ((0, gradient, first), (1, product, second)):
        scale = float(dot(jax.tree.map(jnp.abs, tree), jax.tree.map(jnp.abs, other)))
        assert scale > 1e-6  # something to differentiate
        # a solve to 1e-13 has a hundred times the noise of a sum
        magnitude = 100.0 * (np.max(np.abs(values[:, k])) + scale)
        found = sweep(values[:count, k], values[count:, k], STEPS, slopes[k], scale, magnitude)
        assert found.shows_v, (k, str(found), found.errors)
        assert found.best < 1e-7, (k, str(found), found.errors)
    size = float(dot(jax.tree.map(jnp.abs, product), jax.tree.map(jnp.abs, second)))
    assert float(dot(gradient, first)) == pytest.approx(slopes[0], rel=1e-9, abs=1e-12)
    assert float(dot(product, second)) == pytest.approx(slopes[1], abs=1e-9 * size)
    _, _, _, turned = along(BOTH, weights, Data(), second, first)
    assert float(dot(turned, first)) == pytest.approx(slopes[1], abs=1e-8 * size)


@pytest.mark.slow
@pytest.mark.parametrize("functional", FUNCTIONALS)
def test_every_element_of_a_heterogeneous_field(functional):
    """One by one, the least loaded too, to 1e-6."""
    weights, none = chosen(functional), Data(*(jnp.zeros_like(x) for x in Data()))
    found = []
    for k in range(CELLS):
        one = none._replace(field=jnp.zeros(CELLS).at[k].set(FIELD[k]))
        values, gradient, _, _ = along(BOTH, weights, Data(), one, one)
        differences = (values[:2, 0] - values[len(STEPS) : len(STEPS) + 2, 0]) / (2.0 * STEPS[:2])
        fourth = (10.0 * differences[1] - differences[0]) / 9.0  # Richardson: the squares of the steps are 10 to 1
        found.append(float(gradient.field[k] * FIELD[k] / fourth) - 1.0)
    assert np.max(np.abs(found)) < 1e-6


@pytest.mark.slow
def test_compliance_of_a_linear_body_is_its_strain_energy_element_by_element():
    """dC/dE_e = −2 W_e/E_e in closed form (M. P. Bendsøe, O. Sigmund, Topology Optimization, 2003)."""
    data = Data(push=jnp.zeros(()))
    u = ms.solve(linear(data)).u

    def energy(field):
        changed = linear(data._replace(field=field))
        return balance(changed, u, changed.initial_state()).energy

    per_cell = np.asarray(jax.jit(jax.grad(energy))(FIELD))  # W_e/E_e at fixed u
    compliance = jax.jit(jax.grad(lambda field: functionals(linear(data._replace(field=field)))[0]))
    gradient = np.asarray(compliance(FIELD))
    assert np.all(gradient < 0)
    np.testing.assert_allclose(gradient, -2.0 * per_cell, rtol=1e-8)


@pytest.mark.slow
def test_boundary_values_of_a_posed_problem():
    """As :meth:`Problem.prescribe` takes them, without posing anything anew: an affine function of g where all is
    linear."""
    posed = linear(Data())
    held = ~np.asarray(posed.affine.free)
    g, h = (jnp.asarray(np.where(held, np.random.default_rng(n).normal(size=held.shape), 0.0)) for n in (3, 4))
    function = jax.jit(lambda values: functionals(posed.prescribe(values))[2])
    gradient = jax.jit(jax.grad(function))(g)
    assert float(jnp.vdot(gradient, h)) == pytest.approx(float(function(g + h) - function(g)), rel=1e-9)


@pytest.mark.slow
def test_shape_of_a_bar_in_closed_form():
    """u(L) = t L/E of a bar that is pulled: du/dL = t/E, whatever the inner nodes do."""
    bar = ms.fe.rectangle((2.0, 1.0), (4, 2))
    held = [ms.fe.Dirichlet("x-", 0.0, "x"), ms.fe.Dirichlet([0], 0.0, "y")]

    def tip(points):
        material = ms.IsotropicElastic(2.0, 0.0, dim=2)
        problem = ms.fe.Problem(bar.moved(points), material, held, [ms.fe.Traction("x+", [0.1, 0.0])])
        return jnp.mean(ms.solve(problem).u[bar.nodes_of("x+"), 0])

    gradient = np.asarray(jax.jit(jax.grad(tip))(bar.points))
    assert np.sum(gradient[bar.nodes_of("x+"), 0]) == pytest.approx(0.1 / 2.0, rel=1e-9)
    inner = np.setdiff1d(np.arange(15), np.concatenate([bar.nodes_of(b) for b in ("x-", "x+")]))
    assert np.max(np.abs(gradient[inner, 0])) < 1e-10


@pytest.mark.slow
def test_a_batch_of_gradients_is_the_gradients_one_by_one():
    weights, none = jnp.array([1.0, 2.0, 0.0, -1.0]), Data(*(jnp.zeros_like(x) for x in Data()))
    fields = jnp.stack([FIELD, 1.3 * FIELD, 2.0 * FIELD[::-1]])
    together = jax.jit(jax.vmap(jax.grad(lambda field: combined(weights, Data(field=field)))))(fields)
    for field, found in zip(fields, together, strict=True):
        alone = along(BOTH, weights, Data(field=field), none, none)[1].field
        np.testing.assert_allclose(found, alone, rtol=1e-8, atol=1e-12)
