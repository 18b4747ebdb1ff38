"""Compacted = looped member by member, at the cost a queue has; devices and poisoned members change nothing."""

import dataclasses
import heapq
import os
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from msjax.solvers.compaction import Iteration, map_compacted
from msjax.solvers.sharding import map_sharded
from msjax.status import Code, Status


@dataclasses.dataclass(frozen=True)
class Descent(Iteration):
    """Steepest descent for A x = b: about as many steps as the condition number of A."""

    tolerance: float = 1e-12
    steps: int = 4
    most: int = 4000

    def begin(self, shared, member):
        _, b = member
        return jnp.zeros_like(b), b, jnp.zeros((), jnp.int32)

    def finished(self, carry):
        _, residual, count = carry
        return ~(jnp.max(jnp.abs(residual)) > self.tolerance) | (count >= self.most)

    def advance(self, shared, member, carry):
        a, b = member

        def step(_, carry):
            x, r, count = carry
            x1 = x + (r @ r) / (r @ (a @ r)) * r
            stop = self.finished(carry)
            keep = lambda new, old: jnp.where(stop, old, new)  # noqa: E731
            return keep(x1, x), keep(b - a @ x1, r), keep(count + 1, count)

        return jax.lax.fori_loop(0, self.steps, step, carry)

    def end(self, shared, member, carry):
        x, residual, count = carry
        size = jnp.max(jnp.abs(residual))
        code = jnp.where(
            size <= self.tolerance, Code.CONVERGED, jnp.where(count >= self.most, Code.MAX_STEPS, Code.NONFINITE)
        )
        return {"x": shared * x}, Status.of(code, count, size)


def systems(number, seed=0):
    rng = np.random.default_rng(seed)
    frame = np.linalg.qr(rng.normal(size=(number, 4, 4)))[0]
    condition = np.exp(rng.uniform(0.0, 4.0, number))
    spread = condition[:, None] ** np.linspace(0.0, 1.0, 4)
    return np.einsum("nij,nj,nkj->nik", frame, spread, frame), rng.normal(size=(number, 4))


def looped(iteration, shared, member):
    """One member alone, by the plain loop."""
    carry = jax.lax.while_loop(
        lambda carry: ~iteration.finished(carry),
        lambda carry: iteration.advance(shared, member, carry),
        iteration.begin(shared, member),
    )
    return iteration.end(shared, member, carry)


A, B = systems(53)
TWO = jnp.array(2.0)
compacted = jax.jit(map_compacted, static_argnums=0, static_argnames="lanes")


@pytest.mark.parametrize("lanes", [1, 3, 16, 53, 200])
def test_compacted_is_the_loop_and_the_exact_solution(lanes):
    found, status = compacted(Descent(), TWO, (A, B), lanes=lanes).results
    alone = jax.jit(lambda member: looped(Descent(), TWO, member))
    for n in range(53):
        x, single = alone((A[n], B[n]))
        np.testing.assert_allclose(found["x"][n], x["x"], rtol=1e-13, atol=1e-14)
        assert status.iterations[n] == single.iterations
        assert status.code[n] == single.code == Code.CONVERGED
    np.testing.assert_allclose(found["x"], 2.0 * np.linalg.solve(A, B[..., None])[..., 0], rtol=1e-9, atol=1e-11)
    assert np.ptp(status.iterations) > 100, "the members are meant to differ"


def test_a_poisoned_member_and_an_unsolvable_one_end_and_the_others_do_not_notice():
    clean, _ = compacted(Descent(), TWO, (A, B), lanes=8).results
    bad = A.copy()
    bad[7] = np.nan
    bad[20] = np.diag([1.0, 1e2, 1e4, 1e7])
    found, status = compacted(Descent(), TWO, (bad, B), lanes=8).results
    others = np.delete(np.arange(53), [7, 20])
    np.testing.assert_array_equal(found["x"][others], clean["x"][others])
    assert np.all(np.asarray(status.code)[others] == Code.CONVERGED)
    assert int(status.code[7]) == Code.NONFINITE
    assert int(status.code[20]) == Code.MAX_STEPS


@dataclasses.dataclass(frozen=True)
class Countdown(Iteration):
    """As many advances as the member says."""

    def begin(self, shared, member):
        return member

    def advance(self, shared, member, carry):
        return jnp.maximum(carry - 1, 0)

    def finished(self, carry):
        return carry == 0

    def end(self, shared, member, carry):
        return member


def turns_of_a_queue(work, lanes):
    """When the last of several counters closes, each taking the next in the queue when it is free."""
    free = [0] * lanes
    for steps in work:
        heapq.heappush(free, heapq.heappop(free) + int(steps))
    return max(free)


@pytest.mark.parametrize("lanes", [1, 7, 32, 256])
def test_the_work_is_that_of_a_queue(lanes):
    work = np.full(256, 20)
    work[np.random.default_rng(1).choice(256, 26, replace=False)] = 307
    found = compacted(Countdown(), None, work, lanes=lanes)
    np.testing.assert_array_equal(found.results, work)
    assert int(found.advances) == turns_of_a_queue(work, lanes)
    lock_step = 256 * 307
    assert lock_step == 78_592
    if lanes == 256:
        assert int(found.advances) * lanes == lock_step
    elif lanes <= 32:
        assert int(found.advances) * lanes < 1.5 * work.sum() < 0.25 * lock_step


def test_members_that_are_finished_before_they_begin_and_single_ones():
    assert compacted(Countdown(), None, np.array([0, 0, 3, 0, 0]), lanes=2).results.tolist() == [0, 0, 3, 0, 0]
    assert compacted(Countdown(), None, np.array([4]), lanes=2).results.tolist() == [4]


@pytest.mark.slow
def test_members_may_be_random_keys():
    class Draw(Countdown):
        def begin(self, shared, member):
            return jnp.asarray(3)

        def end(self, shared, member, carry):
            return jax.random.uniform(member)

    keys = jax.random.split(jax.random.key(0), 5)
    np.testing.assert_array_equal(
        compacted(Draw(), None, keys, lanes=2).results, [jax.random.uniform(key) for key in keys]
    )


@pytest.mark.parametrize("lanes", [0, -3])
def test_lanes_are_a_positive_integer(lanes):
    with pytest.raises(ValueError, match="lanes: expected a positive integer"):
        map_compacted(Countdown(), None, jnp.array([1]), lanes=lanes)


def test_bad_batches_are_refused():
    with pytest.raises(ValueError, match="same number of members"):
        map_compacted(Descent(), TWO, (A, B[:-1]))
    with pytest.raises(ValueError, match="devices: expected at least one"):
        map_sharded(lambda shared, block: block, None, jnp.zeros(3), devices=[])


ON_FOUR_DEVICES = """
import sys
sys.path.insert(0, {folder!r})
import jax, numpy as np, jax.numpy as jnp
import msjax
from jax.sharding import Mesh, PartitionSpec as P
from msjax.solvers.sharding import map_sharded
from test_compaction import A, B, TWO, Descent, map_compacted

assert len(jax.devices()) == 4
run = lambda shared, block: map_compacted(Descent(), shared, block, lanes=5).results
one, status = jax.jit(run)(TWO, (A, B))
four, spread = jax.jit(lambda *x: map_sharded(run, *x, devices=jax.devices()))(TWO, (A, B))
np.testing.assert_allclose(four["x"], one["x"], rtol=1e-13, atol=1e-14)
np.testing.assert_array_equal(spread.iterations, status.iterations)
assert four["x"].shape == (53, 4)

# in a shard_map of the user's own, that checks what varies
mesh = Mesh(np.array(jax.devices()), ("x",))
mine, _ = jax.jit(jax.shard_map(run, mesh=mesh, in_specs=(P(), P("x")), out_specs=P("x")))(TWO, (A[:52], B[:52]))
np.testing.assert_allclose(mine["x"], one["x"][:52], rtol=1e-13, atol=1e-14)

# d(sum of a device's rows)/d(shared), inside: of the own rows, nothing added from other devices
inner = lambda shared, block: jax.vmap(lambda row: jax.grad(lambda s: jnp.sum(s * row))(shared))(block)
np.testing.assert_allclose(map_sharded(inner, TWO, jnp.asarray(B), devices=jax.devices()), B.sum(axis=1), rtol=1e-13)

# one program, and nothing in it passes between devices while members are solved
text = jax.jit(lambda *x: map_sharded(run, *x, devices=jax.devices())).lower(TWO, (A[:52], B[:52])).compile().as_text()
assert not [word for word in ("all-reduce", "all-gather", "collective-permute", "all-to-all") if word in text]
"""


@pytest.mark.slow
def test_four_devices_are_one_device():
    program = ON_FOUR_DEVICES.format(folder=os.path.dirname(__file__))
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=os.environ | flags, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
