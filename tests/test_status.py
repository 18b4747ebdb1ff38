"""Nothing fails silently, and one bad member never spoils a batch."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax import status as st
from msjax.status import Code, SolveError, Status


def solve_members(stiffness, failed):
    """A stand-in for a batched solve whose members share a parameter: u = b/k, of which some fail."""

    def one(load, bad):
        return st.guard(load / stiffness, bad)

    return jax.vmap(one)(jnp.array([1.0, 2.0, 3.0]), failed)


ONE_BAD = jnp.array([False, True, False])
NONE_BAD = jnp.zeros(3, bool)


def masked_sum(stiffness):
    u = solve_members(stiffness, ONE_BAD)
    return jnp.where(ONE_BAD, 0.0, u).sum()


def test_a_failed_value_is_nan_and_the_others_are_untouched():
    u = solve_members(jnp.array(2.0), ONE_BAD)
    np.testing.assert_array_equal(u, [0.5, np.nan, 1.5])


def test_no_failure_changes_nothing():
    def total(k):
        return solve_members(k, NONE_BAD).sum()

    k = jnp.array(2.0)
    assert total(k) == 3.0
    assert jax.grad(total)(k) == pytest.approx(-6.0 / 4.0, rel=1e-15)
    assert jax.grad(jax.grad(total))(k) == pytest.approx(12.0 / 8.0, rel=1e-15)


@pytest.mark.parametrize("transform", [lambda f: f, jax.jit])
def test_a_masked_reduction_over_a_shared_parameter_stays_finite(transform):
    k = jnp.array(2.0)
    f = transform(masked_sum)
    expected = [-4.0 / 4.0, 8.0 / 8.0, -24.0 / 16.0]  # derivatives of 4/k, the two good members
    assert f(k) == 2.0
    assert jax.grad(f)(k) == pytest.approx(expected[0], rel=1e-15)  # transposed
    assert jax.jacfwd(jax.grad(f))(k) == pytest.approx(expected[1], rel=1e-15)
    assert jax.grad(jax.grad(f))(k) == pytest.approx(expected[1], rel=1e-15)
    assert jax.grad(jax.grad(jax.grad(f)))(k) == pytest.approx(expected[2], rel=1e-15)


def test_forward_mode_marks_only_the_failed_member():
    """The member's own column is NaN; masking it afterwards leaves the good ones."""
    k = jnp.array(2.0)
    _, du = jax.jvp(lambda k: solve_members(k, ONE_BAD), (k,), (jnp.array(1.0),))
    np.testing.assert_allclose(du, [-0.25, np.nan, -0.75], rtol=1e-15)
    _, du = jax.jvp(lambda k: solve_members(k, ONE_BAD), (k,), (jnp.array(0.0),))
    np.testing.assert_array_equal(du, [0.0, 0.0, 0.0])  # a zero right-hand side is answered by zero
    assert jax.jacfwd(masked_sum)(k) == pytest.approx(-1.0, rel=1e-15)


def test_an_unmasked_reduction_is_nan_never_zero():
    k = jnp.array(2.0)

    def total(k):
        return solve_members(k, ONE_BAD).sum()

    assert jnp.isnan(total(k))
    assert jnp.isnan(jax.grad(total)(k))
    assert jnp.isnan(jax.jacfwd(total)(k))
    assert jnp.isnan(jax.grad(jax.grad(total))(k))


def test_parameters_of_the_failed_member_alone():
    """A parameter per member: only the failed member's own gradient is NaN."""

    def total(stiffness):
        u = jax.vmap(lambda k, bad: st.guard(1.0 / k, bad))(stiffness, ONE_BAD)
        return u.sum()

    gradient = jax.grad(total)(jnp.array([1.0, 2.0, 4.0]))
    np.testing.assert_allclose(gradient, [-1.0, np.nan, -1.0 / 16.0], rtol=1e-15)


def test_guard_takes_trees():
    tree = {"energy": jnp.array(1.0), "stress": jnp.ones((3, 3))}
    out = st.guard(tree, jnp.array(True))
    assert all(bool(jnp.all(jnp.isnan(x))) for x in jax.tree.leaves(out))


def test_what_a_failed_linear_solve_returns():
    b = jnp.array([0.0, 2.0])
    np.testing.assert_array_equal(st.nan_unless_zero(b, jnp.array(True)), [0.0, np.nan])
    np.testing.assert_array_equal(st.nan_unless_zero(b, jnp.array(False)), b)


def test_codes_divide_results_from_failures():
    status = Status.of(jnp.array([int(c) for c in Code]))
    good = [c in (Code.CONVERGED, Code.UNSTABLE) for c in Code]
    np.testing.assert_array_equal(status.ok, good)
    np.testing.assert_array_equal(status.failed, np.logical_not(good))
    np.testing.assert_array_equal(status.unstable, [c is Code.UNSTABLE for c in Code])
    assert set(st.MEANING) == set(Code)


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ((Code.CONVERGED, Code.CONVERGED), Code.CONVERGED),
        ((Code.CONVERGED, Code.UNSTABLE), Code.UNSTABLE),
        ((Code.UNSTABLE, Code.CONVERGED), Code.UNSTABLE),
        ((Code.UNSTABLE, Code.SINGULAR), Code.SINGULAR),
        ((Code.MAX_STEPS, Code.SINGULAR), Code.MAX_STEPS),  # the first failure speaks, later ones follow from it
        ((Code.SINGULAR, Code.MAX_STEPS), Code.SINGULAR),
        ((Code.CONVERGED, Code.INVERTED, Code.NONFINITE), Code.INVERTED),
    ],
)
def test_joined_statuses(codes, expected):
    parts = [Status.of(code, iterations=i + 1, residual=10.0**-i) for i, code in enumerate(codes)]
    joined = st.first_failure(*parts)
    assert int(joined.code) == expected
    assert int(joined.iterations) == sum(range(1, len(codes) + 1))
    assert float(joined.residual) == 1.0


def test_a_screen_never_hides_an_earlier_failure():
    status = Status.of(jnp.array([0, 1, 2, 0]))
    out = st.screen(status, jnp.array([True, True, True, False]), Code.OVERFLOW)
    np.testing.assert_array_equal(out.code, [Code.OVERFLOW, Code.OVERFLOW, Code.MAX_STEPS, Code.CONVERGED])


def test_a_single_failure_raises_and_says_how():
    status = Status.of(Code.OVERFLOW, iterations=3, residual=0.5)
    with pytest.raises(
        SolveError, match="relaxing the slab: OVERFLOW after 3 iterations, residual 5.0e-01: .*find them anew"
    ) as e:
        st.check(status, "relaxing the slab")
    assert e.value.code is Code.OVERFLOW
    st.check(status, "relaxing the slab", throw=False)
    st.check(Status.of(Code.UNSTABLE), "relaxing the slab")  # a valid result


def test_a_batch_is_summed_up():
    status = Status.of(jnp.array([0, 0, 5, 1]))
    assert str(status) == "4 members: 2 CONVERGED, 1 UNSTABLE, 1 INVERTED"
    with pytest.raises(SolveError, match="4 members: 2 CONVERGED, 1 UNSTABLE, 1 INVERTED"):
        st.check(status, "a batch")
    assert st.codes_named([0, 5]) == ["CONVERGED", "INVERTED"]


def test_a_traced_status_is_returned_not_raised():
    @eqx.filter_jit
    def inside(code):
        status = Status.of(code)
        st.check(status, "inside jit")
        assert str(status) == "Status(traced)"
        return status

    assert int(inside(jnp.array(int(Code.SINGULAR))).code) == Code.SINGULAR


def test_the_masked_mean_says_how_many_failed_and_has_a_finite_gradient():
    status = Status.of(jnp.array([0, 2, 0]))

    def mean(k):
        return st.masked_mean(solve_members(k, status.failed), status)

    value, failed = mean(jnp.array(2.0))
    assert (float(value), int(failed)) == (1.0, 1)
    gradient, _ = jax.grad(mean, has_aux=True)(jnp.array(2.0))
    assert gradient == pytest.approx(-0.5, rel=1e-15)


def test_the_masked_mean_of_nothing():
    """All members failed: there is no mean, and no gradient of 0 that an optimiser would take for a minimum."""
    status = Status.of(jnp.array([2, 2, 3]))

    def mean(k):
        return st.masked_mean(solve_members(k, status.failed), status)

    value, failed = mean(jnp.array(2.0))
    assert int(failed) == 3
    assert jnp.isnan(value)
    assert jnp.isnan(jax.grad(mean, has_aux=True)(jnp.array(2.0))[0])
