"""The implicit rule and condensation: exact derivatives, forward and reverse, second order included."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.solvers.condensation import condense, schur
from msjax.solvers.newton import FromEnergy, Newton
from msjax.solvers.stationary import at_stationary, stationary
from msjax.status import Code, guard


def coupled(q, a):
    """A smooth convex energy of five unknowns, more than the closed forms take."""
    chain = jnp.sum(jnp.cosh(jnp.diff(q) - a["gap"]))
    return chain + 0.5 * a["k"] * jnp.sum(q**2) + 0.1 * jnp.sum(q**4) - jnp.vdot(a["load"], q)


ARGUMENTS = {"gap": jnp.array(0.3), "k": jnp.array(0.7), "load": jnp.linspace(-1.0, 2.0, 5)}
WEIGHT = jnp.arange(1.0, 6.0)


def observed(arguments):
    q, status = stationary(FromEnergy(coupled), jnp.zeros(5), arguments, Newton())
    return jnp.vdot(WEIGHT, guard(q, status.failed))


def along(f, direction, h):
    moved = [jax.tree.map(lambda a, d: a + s * h * d, ARGUMENTS, direction) for s in (2, 1, -1, -2)]  # noqa: B023
    a, b, c, d = (np.asarray(f(m)) for m in moved)
    return (8.0 * (b - c) - (a - d)) / (12.0 * h)


DIRECTION = jax.tree.map(lambda a: jnp.ones_like(a) + 0.1 * a, ARGUMENTS)


def dot(a, b):
    return sum(float(jnp.vdot(x, y)) for x, y in zip(jax.tree.leaves(a), jax.tree.leaves(b)))


@pytest.mark.slow
def test_gradient_forward_reverse_and_differences():
    reverse = dot(jax.grad(observed)(ARGUMENTS), DIRECTION)
    forward = float(jax.jvp(observed, (ARGUMENTS,), (DIRECTION,))[1])
    assert forward == pytest.approx(reverse, rel=1e-13)
    assert forward == pytest.approx(float(along(observed, DIRECTION, 1e-3)), rel=1e-9)


@pytest.mark.slow
def test_second_derivatives_by_all_routes():
    gradient = jax.grad(observed)

    def slope(a):
        return jax.jvp(observed, (a,), (DIRECTION,))[1]

    over_reverse = dot(jax.jvp(gradient, (ARGUMENTS,), (DIRECTION,))[1], DIRECTION)
    over_forward = float(jax.jvp(slope, (ARGUMENTS,), (DIRECTION,))[1])
    reverse = dot(jax.grad(slope)(ARGUMENTS), DIRECTION)
    differences = float(along(jax.jit(slope), DIRECTION, 1e-3))
    np.testing.assert_allclose([over_reverse, over_forward, reverse], differences, rtol=1e-8)


def test_the_start_has_no_derivative():
    def of_start(start):
        return jnp.sum(stationary(FromEnergy(coupled), start, ARGUMENTS, Newton())[0])

    np.testing.assert_array_equal(jax.grad(of_start)(jnp.full(5, 0.1)), np.zeros(5))


def ring(x, a):
    gaps = jnp.roll(x, -1) - x
    return 0.5 * jnp.sum(a["k"] * (gaps - a["l"]) ** 2) + 0.05 * jnp.sum((gaps - a["l"]) ** 4)


@pytest.mark.slow
def test_derivatives_on_the_complement_of_a_null_space():
    translation = jnp.full((4, 1), 0.5)
    a = {"k": jnp.array([1.0, 2.0, 0.5, 1.5]), "l": jnp.array([0.1, -0.2, 0.3, 0.0])}

    def position(a):
        x, _ = stationary(FromEnergy(ring), jnp.zeros(4), a, Newton(), translation)
        return x

    assert abs(float(jnp.sum(position(a)))) < 1e-14
    jacobian, h = jax.jacrev(position)(a)["k"], 1e-4
    assert float(jnp.max(jnp.abs(jnp.sum(jacobian, axis=0)))) < 1e-13
    for n in range(4):
        e = h * jnp.eye(4)[n]
        differences = (position({**a, "k": a["k"] + e}) - position({**a, "k": a["k"] - e})) / (2.0 * h)
        np.testing.assert_allclose(jacobian[:, n], differences, atol=2e-9)


@pytest.mark.slow
def test_a_failed_member_does_not_spoil_a_masked_gradient():
    def well(q, a):
        return jnp.sum(a[0] * jnp.cosh(q) - a[1] * q)

    def member(k, load):
        q, status = stationary(FromEnergy(well), jnp.zeros(1), jnp.stack([k, load]), Newton())
        return guard(q[0], status.failed), status.failed

    def total(k):
        values, failed = jax.vmap(member, in_axes=(None, 0))(k, jnp.array([1.0, jnp.nan, 2.0]))
        return jnp.sum(jnp.where(failed, 0.0, values))

    k = 1.5
    exact = sum(-load / (k * np.hypot(k, load)) for load in (1.0, 2.0))
    assert float(jax.grad(total)(jnp.array(k))) == pytest.approx(exact, rel=1e-13)
    poisoned = jax.grad(lambda k: jnp.sum(jax.vmap(member, in_axes=(None, 0))(k, jnp.array([1.0, jnp.nan]))[0]))
    assert np.isnan(poisoned(jnp.array(k)))


def chain_of_springs(q, x, k):
    points = jnp.concatenate([jnp.zeros(1), q, x])
    return 0.5 * jnp.sum(k * jnp.diff(points) ** 2)


@pytest.mark.slow
def test_springs_in_series():
    k = jnp.array([1.0, 2.0, 4.0, 8.0])
    result = condense(chain_of_springs, jnp.array([0.9]), jnp.zeros(3), k)
    series = 1.0 / np.sum(1.0 / np.asarray(k))
    assert float(result.tangent[0, 0]) == pytest.approx(series, rel=1e-14)
    assert float(result.gradient[0]) == pytest.approx(0.9 * series, rel=1e-13)
    assert float(result.value) == pytest.approx(0.5 * 0.81 * series, rel=1e-13)
    by_k = jax.grad(lambda k: condense(chain_of_springs, jnp.array([0.9]), jnp.zeros(3), k).tangent[0, 0])(k)
    np.testing.assert_allclose(by_k, series**2 / np.asarray(k) ** 2, rtol=1e-12)


def stiffening(q, x, k):
    return jnp.sum(k * (jnp.cosh(x - q) + jnp.cosh(q[::-1] + 0.5 * x**2) - 1.0))


@pytest.mark.slow
def test_condensed_gradient_and_tangent_are_total_derivatives():
    k, x = jnp.array([1.0, 1.7]), jnp.array([0.4, -0.3])

    def value(x):
        return condense(stiffening, x, jnp.zeros(2), k).value

    result = condense(stiffening, x, jnp.zeros(2), k)
    np.testing.assert_allclose(jax.grad(value)(x), result.gradient, rtol=1e-12)
    np.testing.assert_allclose(jax.jacfwd(jax.grad(value))(x), result.tangent, rtol=1e-11)


def test_a_condensation_that_fails_is_nan_with_its_reason():
    result = condense(stiffening, jnp.array([jnp.nan, 0.0]), jnp.zeros(2), jnp.ones(2))
    assert Code(int(result.status.code)) == Code.NONFINITE
    assert np.isnan(result.value)
    assert np.all(np.isnan(result.gradient))
    assert np.all(np.isnan(result.tangent))


@pytest.mark.slow
def test_schur_is_the_inverse_of_a_block_of_the_inverse():
    a = np.random.default_rng(3).standard_normal((6, 6))
    a = a @ a.T + np.eye(6)
    np.testing.assert_allclose(schur(jnp.asarray(a), 2), np.linalg.inv(np.linalg.inv(a)[:2, :2]), rtol=1e-11)


def spring(q, arguments):
    """½ k q² − f q, and the elongation beside it: −f²/2k and f/k at rest."""
    k, f = arguments
    return 0.5 * k * q[0] ** 2 - f * q[0], 3.0 * q[0]


def at_rest(k, f):
    q, _ = stationary(FromEnergy(lambda q, a: spring(q, a)[0]), jnp.zeros(1), (k, f), Newton())
    return at_stationary(spring, q, (k, f))


@pytest.mark.slow
def test_a_stationary_value_and_what_is_read_beside_it():
    k, f = jnp.array(2.0), jnp.array(0.6)
    for derivative in (jax.jacfwd, jax.jacrev):
        of_energy, of_reading = derivative(at_rest, argnums=(0, 1))(k, f)
        np.testing.assert_allclose(of_energy, (f**2 / (2.0 * k**2), -f / k), rtol=1e-13)
        np.testing.assert_allclose(of_reading, (-3.0 * f / k**2, 3.0 / k), rtol=1e-13)
    second = jax.hessian(lambda a: at_rest(a[0], a[1])[0])(jnp.stack([k, f]))
    np.testing.assert_allclose(second, [[-(f**2) / k**3, f / k**2], [f / k**2, -1.0 / k]], rtol=1e-12)


@jax.custom_jvp
def held(x):
    return x


@held.defjvp
def _held(primals, tangents):
    raise AssertionError("an argument that does not vary was moved")


def test_at_a_stationary_point_what_does_not_vary_is_not_moved():
    def function(q, arguments):
        return spring(q, (arguments[0], held(arguments[1])))

    def energy(k, f):
        return at_stationary(function, 0.3 * jnp.ones(1), (k, f))[0]

    assert float(jax.grad(energy)(jnp.array(2.0), jnp.array(0.6))) == pytest.approx(0.045, rel=1e-14)
    with pytest.raises(AssertionError, match="moved"):
        jax.grad(energy, argnums=1)(jnp.array(2.0), jnp.array(0.6))
