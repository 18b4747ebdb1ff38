"""Batches whose members need different numbers of iterations: finished lanes take the next waiting member."""

import abc
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.solvers.batch import count_members
from msjax.typing import Array, Bool, Int, PyTree


class Iteration(abc.ABC):
    """An iterative solve of ONE member, cut into pieces. Must be hashable: structure, not numbers.

    Numbers travel in ``shared`` (what all members have in common) and ``member``, both pytrees. The carry is a pytree
    of arrays whose shapes and dtypes never change. ``cpu_lanes`` is how many members side by side suit a CPU's cache,
    where it matters.
    """

    cpu_lanes: ClassVar[int | None] = None

    @abc.abstractmethod
    def begin(self, shared: PyTree, member: PyTree) -> PyTree:
        """The carry before the first iteration."""

    @abc.abstractmethod
    def advance(self, shared: PyTree, member: PyTree, carry: PyTree) -> PyTree:
        """A fixed number of iterations. A finished carry must pass unchanged."""

    @abc.abstractmethod
    def finished(self, carry: PyTree) -> Bool[Array, ""]:
        """Whether nothing is left to do. Must become true after a bounded number of advances, also where a NaN has
        appeared: write ``~(residual > tolerance)`` and count the iterations.
        """

    @abc.abstractmethod
    def end(self, shared: PyTree, member: PyTree, carry: PyTree) -> PyTree:
        """The result: a pytree of arrays, with a ``Status`` among them."""


class Compacted(NamedTuple):
    """What :func:`map_compacted` returns: results with the members on axis 0, and what they cost."""

    results: PyTree
    advances: Int[Array, ""]
    """Calls of ``advance`` on all lanes at once; the work done is this times the number of lanes."""


class _Lanes(NamedTuple):
    member: Int[Array, " lanes"]  # the member each lane holds
    active: Bool[Array, " lanes"]
    carry: PyTree
    waiting: Int[Array, ""]  # the first member that has not begun
    results: PyTree
    advances: Int[Array, ""]


def map_compacted(iteration: Iteration, shared: PyTree, members: PyTree, *, lanes: int = 32) -> Compacted:
    """Solve every member of a batch, ``lanes`` at a time side by side; a lane that is done takes the next member.

    Equal to begin, advance until finished, end, member by member (to round-off, whatever ``lanes`` is). Under a plain
    ``vmap`` of a while loop everyone waits for the slowest member; here only the lanes of the last few do. All of it
    is one program without a visit to the host, for use inside ``jit`` and inside ``shard_map``, where every device
    has its own queue. ``begin`` and ``end`` run on an eighth of the lanes at a time, so that they cost little where
    only few lanes change.

    Not differentiable in reverse mode: it is a while loop. Derivative rules belong on the solve's result (see
    ``msjax.solvers.stationary``). A member whose iteration turns to NaN ends by its own ``finished``, in its own lane.

    Args:
        iteration: the solve.
        shared: what all members have in common, a pytree.
        members: a pytree of arrays with the members on axis 0.
        lanes: members side by side; more than there are members are not used. Memory grows with it.

    Raises:
        ValueError: leaves of different lengths, no members, or fewer than one lane.

    >>> import jax, jax.numpy as jnp
    >>> class Halve(Iteration):  # halve x until it is below 1; count the steps
    ...     def begin(self, shared, member):
    ...         return member, jnp.zeros((), int)
    ...     def advance(self, shared, member, carry):
    ...         x, steps = carry
    ...         return jnp.where(x < 1, x, x / 2), jnp.where(x < 1, steps, steps + 1)
    ...     def finished(self, carry):
    ...         return ~(carry[0] >= 1)
    ...     def end(self, shared, member, carry):
    ...         return carry[1]
    >>> found = jax.jit(lambda x: map_compacted(Halve(), None, x, lanes=2))(jnp.array([1.0, 40.0, 3.0, 5.0]))
    >>> found.results.tolist(), int(found.advances)
    ([1, 6, 2, 3], 6)
    """
    number = count_members(members)
    if not (isinstance(lanes, int | np.integer) and lanes >= 1):
        raise ValueError(f"lanes: expected a positive integer, got {lanes!r}")
    members = jax.tree.map(jnp.asarray, members)
    lanes = min(int(lanes), number)
    served = -(-lanes // 8)  # lanes whose members are exchanged at a time

    def take(index: Array) -> PyTree:
        return jax.tree.map(lambda x: x[index], members)

    def begin(member: PyTree) -> PyTree:
        return _typed_like(member, iteration.begin(shared, member))

    def end(member: PyTree, carry: PyTree) -> PyTree:
        return iteration.end(shared, member, carry)

    def finished(state: _Lanes) -> Bool[Array, " lanes"]:
        return state.active & jax.vmap(iteration.finished)(state.carry)

    def exchange(state: _Lanes) -> _Lanes:
        """Store the results of some finished lanes and let the next members begin there."""
        (lane,) = jnp.nonzero(finished(state), size=served, fill_value=lanes)  # lanes is nowhere: dropped below
        found = lane < lanes
        seat = jnp.minimum(lane, lanes - 1)
        done = state.member[seat]
        carry = jax.tree.map(lambda x: x[seat], state.carry)
        result = jax.vmap(end)(take(done), carry)
        row = jnp.where(found, done, number)
        results = jax.tree.map(lambda all_, some: all_.at[row].set(some, mode="drop"), state.results, result)
        after = state.waiting + jnp.cumsum(found.astype(state.waiting.dtype)) - 1
        active = found & (after < number)
        after = jnp.where(active, after, done)  # with nobody waiting the finished member stays, unchanged
        started = jax.vmap(begin)(take(after))
        lane = jnp.where(active, lane, lanes)
        return _Lanes(
            member=state.member.at[lane].set(after, mode="drop"),
            active=state.active.at[jnp.where(found, seat, lanes)].set(active, mode="drop"),
            carry=jax.tree.map(lambda all_, some: all_.at[lane].set(some, mode="drop"), state.carry, started),
            waiting=state.waiting + jnp.sum(active).astype(state.waiting.dtype),
            results=results,
            advances=state.advances,
        )

    def turn(state: _Lanes) -> _Lanes:
        carry = jax.vmap(lambda member, carry: iteration.advance(shared, member, carry))(
            take(state.member), state.carry
        )
        state = state._replace(carry=carry, advances=state.advances + 1)
        return jax.lax.while_loop(lambda s: jnp.any(finished(s)), exchange, state)

    first = jnp.arange(lanes, dtype=jnp.int32)
    carry = jax.vmap(begin)(take(first))
    shapes = jax.eval_shape(lambda c: jax.vmap(end)(take(first), c), carry)
    blank = jax.tree.map(lambda x: jnp.zeros((number, *x.shape[1:]), x.dtype), shapes)
    # every member's row is written once, so the blanks never show
    active, waiting, blank, none = _typed_like(
        members, (jnp.ones(lanes, bool), jnp.asarray(lanes, jnp.int32), blank, jnp.asarray(0, jnp.int32))
    )
    start = _Lanes(_typed_like(members, first), active, carry, waiting, blank, none)
    final = jax.lax.while_loop(lambda state: jnp.any(state.active), turn, start)
    return Compacted(final.results, final.advances)


def _typed_like(data: PyTree, tree: PyTree) -> PyTree:
    """``tree``, unchanged in value, but typed as different on every device of a ``shard_map`` as ``data`` is.

    Under ``shard_map`` a loop that starts from constants and ends with data of a device is refused (or, with the
    check off, differentiated wrongly).
    """
    flags = [_always(leaf) for leaf in jax.tree.leaves(data)]
    flag = flags[0]
    for other in flags[1:]:
        flag = flag | other

    def typed(x: Any) -> Array:
        return jnp.where(flag, x, x)

    return jax.tree.map(typed, tree)


def _always(leaf: Any) -> Bool[Array, ""]:
    leaf = jnp.asarray(leaf)
    if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        leaf = jax.random.key_data(leaf)
    value = jnp.ravel(leaf)[0] if leaf.size else jnp.zeros(())
    return value == value
