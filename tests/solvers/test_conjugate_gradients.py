"""Conjugate gradients against dense solves; what cannot be solved is named."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.solvers.conjugate_gradients import ConjugateGradients, System, advance, begin, conjugate_gradients, end
from msjax.status import Code


def spd(n, condition, seed=0):
    """Symmetric, eigenvalues spread evenly in the logarithm from 1 to ``condition``."""
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(n, n)))[0]
    a = (turn * np.geomspace(1.0, condition, n)) @ turn.T
    return 0.5 * (a + a.T)


def system(matrix, rhs, precondition=None, floor=0.0):
    matrix = jnp.asarray(matrix)
    return System(
        operator=lambda x: (matrix @ x.reshape(-1)).reshape(x.shape),
        precondition=(lambda r: r) if precondition is None else precondition,
        rhs=jnp.asarray(rhs),
        floor=jnp.asarray(floor),
    )


def solve(problem, start=None, **settings):
    start = jnp.zeros_like(problem.rhs) if start is None else start
    return conjugate_gradients(problem, start, ConjugateGradients(**settings))


RHS = np.random.default_rng(5).normal(size=(3, 10))


@pytest.mark.parametrize("condition", [3.0, 1e3, 1e6])
@pytest.mark.parametrize("jacobi", [False, True])
def test_random_systems_against_a_dense_solve(condition, jacobi):
    matrix = spd(30, condition) * np.outer(scale := np.geomspace(1, 3, 30), scale)
    inverse = jnp.asarray(1.0 / np.diag(matrix)).reshape(3, 10)
    tolerance = max(1e-11, 1e-14 * condition)  # round-off in A x is larger
    x, status = solve(system(matrix, RHS, (lambda r: inverse * r) if jacobi else None), tolerance=tolerance)
    assert Code(int(status.code)) == Code.CONVERGED
    exact = np.linalg.solve(matrix, RHS.reshape(-1)).reshape(3, 10)
    np.testing.assert_allclose(x, exact, atol=tolerance * condition * np.max(np.abs(exact)))
    left = RHS.reshape(-1) - matrix @ np.asarray(x).reshape(-1)
    assert np.linalg.norm(left) <= 1.01 * tolerance * np.linalg.norm(RHS)
    assert float(status.residual) <= tolerance


def test_an_exact_preconditioner_takes_one_step_and_a_plain_one_at_most_as_many_as_eigenvalues():
    matrix = spd(30, 1e3)
    inverse = jnp.asarray(np.linalg.inv(matrix))
    best = solve(system(matrix, RHS, lambda r: (inverse @ r.reshape(-1)).reshape(r.shape)), tolerance=1e-10)[1]
    assert int(best.iterations) == 1
    three = np.diag(np.repeat([1.0, 5.0, 20.0], 10))
    assert int(solve(system(three, RHS), tolerance=1e-12)[1].iterations) == 3


def test_nothing_to_do_takes_no_steps():
    matrix = spd(30, 10.0)
    x, status = solve(system(matrix, 0.0 * RHS))
    assert Code(int(status.code)) == Code.CONVERGED
    assert (int(status.iterations), float(status.residual)) == (0, 0.0)
    np.testing.assert_array_equal(x, 0.0)
    # a right-hand side that is round-off is zero too
    x, status = solve(system(matrix, 1e-15 * RHS, floor=1e-12))
    assert (Code(int(status.code)), int(status.iterations)) == (Code.CONVERGED, 0)
    # and so is a start that is the solution
    exact = jnp.asarray(np.linalg.solve(matrix, RHS.reshape(-1)).reshape(3, 10))
    assert int(solve(system(matrix, RHS), exact, tolerance=1e-10)[1].iterations) == 0


def test_a_zero_right_hand_side_from_a_start_that_is_not_zero():
    """Nothing but an exact zero or the floor is small against ‖b‖ = 0."""
    x, status = solve(system(spd(30, 10.0), 0.0 * RHS, floor=1e-9), jnp.asarray(RHS))
    assert Code(int(status.code)) == Code.CONVERGED
    assert float(jnp.max(jnp.abs(x))) < 1e-8


def test_a_semidefinite_system_with_a_consistent_right_hand_side():
    laplace = 2.0 * np.eye(12) - np.roll(np.eye(12), 1, 0) - np.roll(np.eye(12), -1, 0)  # a ring: constants are free
    rhs = np.random.default_rng(1).normal(size=12)
    rhs -= rhs.mean()
    x, status = solve(system(laplace, rhs), tolerance=1e-12)
    assert Code(int(status.code)) == Code.CONVERGED
    np.testing.assert_allclose(x, np.linalg.pinv(laplace) @ rhs, atol=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("tolerance", [1e-2, 1e-4])
def test_the_residual_is_orthogonal_to_the_solution(tolerance):
    """x·(b − A x) = 0 to round-off at any tolerance, though the iteration has lost it with its conjugacy."""
    condition = 1e5
    matrix, rhs = spd(200, condition, seed=2), np.random.default_rng(3).normal(size=200)
    problem, settings = system(matrix, rhs), ConjugateGradients(tolerance=tolerance)
    state = begin(problem, jnp.zeros(200))
    while not state.done:
        state = advance(problem, state, settings, 50)

    def defect(x):
        return abs(x @ (rhs - matrix @ x))

    x = np.asarray(end(problem, state)[0])
    round_off = 1e-16 * condition * (x @ x)
    assert defect(x) < round_off
    assert defect(np.asarray(state.x)) > 1e3 * round_off  # what is mended


def single(matrix):
    """The matrix applied with float32 round-off."""
    rounded = jnp.asarray(matrix, jnp.float32)
    return lambda x: (rounded @ x.astype(jnp.float32)).astype(x.dtype)


def recurrence_alone(apply, rhs, steps, limit):
    """Textbook conjugate gradients: x and the residual of the recurrence once it is below the limit."""
    x, r = np.zeros_like(rhs), rhs.copy()
    p, rr = r.copy(), rhs @ rhs
    for _ in range(steps):
        image = np.asarray(apply(jnp.asarray(p)))
        alpha = rr / (p @ image)
        x, r = x + alpha * p, r - alpha * image
        rr, old = r @ r, rr
        p = r + rr / old * p
        if np.sqrt(rr) <= limit:
            break
    return x, np.sqrt(rr)


@pytest.mark.slow
def test_only_the_true_residual_counts():
    """With float32 inside, the recurrence says 1e-9 and the residual is 1e-6: no reason to stop."""
    matrix, rhs = spd(60, 300.0), np.random.default_rng(0).normal(size=60)
    apply, size = jax.jit(single(matrix)), np.linalg.norm(rhs)

    def true(x):
        return np.linalg.norm(rhs - np.asarray(apply(jnp.asarray(x)))) / size

    fooled, claimed = recurrence_alone(apply, rhs, 2000, 1e-9 * size)
    assert claimed <= 1e-9 * size
    assert true(fooled) > 1e-7
    problem = System(apply, lambda r: r, jnp.asarray(rhs), jnp.asarray(0.0))
    x, status = solve(problem, tolerance=1e-9, max_steps=2000)
    assert Code(int(status.code)) == Code.MAX_STEPS
    assert float(status.residual) == pytest.approx(true(x), rel=0.5)
    # a limit between what the recurrence leaves and what the operator resolves is met, by going on
    x, status = solve(problem, tolerance=0.5 * true(fooled), max_steps=2000)
    if status.ok:
        assert true(x) <= 0.55 * true(fooled)


def test_a_replaced_residual_reaches_what_the_recurrence_alone_does_not():
    """A start far away leaves round-off of its own size, which the recurrence carries along."""
    matrix, rhs = spd(60, 1e4, seed=1), np.random.default_rng(1).normal(size=60)
    far = jnp.asarray(1e9 * np.random.default_rng(2).normal(size=60))
    x, status = solve(system(matrix, rhs), far, tolerance=1e-8)
    assert Code(int(status.code)) == Code.CONVERGED
    assert np.linalg.norm(rhs - matrix @ np.asarray(x)) <= 1.01e-8 * np.linalg.norm(rhs)


def failures():
    good, bad = spd(30, 10.0), spd(30, 10.0)
    bad[3, 4] = bad[4, 3] = np.nan
    indefinite = good - 5.0 * np.eye(30)
    turned = jnp.asarray(np.where(np.arange(30) % 3 == 0, -1.0, 1.0)).reshape(3, 10)
    rhs = RHS.copy()
    rhs[1, 1] = np.nan
    return {
        "indefinite operator": (system(indefinite, RHS), Code.SINGULAR),
        "indefinite preconditioner": (system(good, RHS, lambda r: turned * r), Code.SINGULAR),
        "preconditioner that gives nothing": (system(good, RHS, lambda r: 0.0 * r), Code.SINGULAR),
        "operator that gives nothing": (system(0.0 * good, RHS), Code.SINGULAR),
        "NaN in the operator": (system(bad, RHS), Code.NONFINITE),
        "NaN on the right": (system(good, rhs), Code.NONFINITE),
        "overflow": (system(good, 1e200 * RHS), Code.NONFINITE),
    }


@pytest.mark.parametrize("case", failures())
def test_what_cannot_be_solved_is_named(case):
    problem, code = failures()[case]
    _, status = solve(problem, tolerance=1e-10)
    assert Code(int(status.code)) == code


def test_too_few_steps():
    x, status = solve(system(spd(30, 1e4), RHS), tolerance=1e-10, max_steps=7)
    assert (Code(int(status.code)), int(status.iterations)) == (Code.MAX_STEPS, 7)
    left = RHS.reshape(-1) - spd(30, 1e4) @ np.asarray(x).reshape(-1)
    assert float(status.residual) == pytest.approx(np.linalg.norm(left) / np.linalg.norm(RHS), rel=0.2)


@pytest.mark.slow
@pytest.mark.parametrize("piece", [1, 7, 50])
def test_in_pieces_as_in_one_go(piece):
    problem, settings = system(spd(30, 1e3), RHS), ConjugateGradients(tolerance=1e-9, check=50)
    state = begin(problem, jnp.zeros_like(problem.rhs))
    pieces = 0
    while not state.done:
        before = int(state.iterations)
        state = advance(problem, state, settings, piece)
        pieces += 1
        assert int(state.iterations) - before <= piece
        assert pieces < 200
    x, status = end(problem, state)
    whole, of_whole = conjugate_gradients(problem, jnp.zeros_like(problem.rhs), settings)
    assert int(status.code) == int(of_whole.code) == Code.CONVERGED
    assert abs(int(status.iterations) - int(of_whole.iterations)) <= (0 if piece == 50 else 8)
    np.testing.assert_allclose(x, whole, rtol=1e-12 if piece == 50 else 1e-6, atol=1e-12 if piece == 50 else 1e-8)
    for kept, again in zip(state, advance(problem, state, settings, piece), strict=True):
        np.testing.assert_array_equal(kept, again)  # what has ended passes unchanged


def test_members_of_a_batch_do_not_wait_on_one_another():
    """Batched = looped: solution to round-off, codes and iterations exactly; a poisoned member stays alone."""
    matrices = np.stack([spd(12, c, seed=n) for n, c in enumerate([3.0, 1e4, 50.0, 1e2])])
    matrices[2, 0, 0] = np.nan
    rhs = np.random.default_rng(7).normal(size=(4, 12))

    def one(matrix, b):
        problem = System(lambda x: matrix @ x, lambda r: r, b, jnp.zeros(()))
        return conjugate_gradients(problem, jnp.zeros_like(b), ConjugateGradients(tolerance=1e-8))

    x, status = jax.jit(jax.vmap(one))(jnp.asarray(matrices), jnp.asarray(rhs))
    for n in range(4):
        alone, of_alone = jax.jit(one)(jnp.asarray(matrices[n]), jnp.asarray(rhs[n]))
        assert int(status.code[n]) == int(of_alone.code) == (Code.NONFINITE if n == 2 else Code.CONVERGED)
        assert int(status.iterations[n]) == int(of_alone.iterations)
        if n != 2:
            np.testing.assert_allclose(x[n], alone, rtol=1e-9)
