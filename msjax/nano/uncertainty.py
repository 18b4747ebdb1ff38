"""What uncertain parameters do to an answer, by first order and by Monte Carlo, ranked by parameter.

With independent parameters p_i of standard deviations s_i the answer q has, to first order, the standard deviation
√Σ (∂q/∂p_i s_i)²; the terms are the parameters' shares. Which one matters depends on the thickness: on a plate 100 % of
the surface stiffness S counts 6 |S|/(E h) and overtakes 15 % of the modulus at h = 6 |S|/(0.15 E), 3 nm in silicon.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.typing import Array, Float, Int, Scalar, concrete

Numbers = Mapping[str, Scalar | float]
Answer = Callable[[dict[str, Scalar]], Scalar]


class FirstOrder(NamedTuple):
    """Of :func:`first_order`: ``value`` q, ``shares`` ∂q/∂p_i s_i with their signs, and ``sd`` of q."""

    value: Scalar
    shares: dict[str, Scalar]
    sd: Scalar

    @property
    def ranked(self) -> list[tuple[str, float, float]]:
        """(name, size of its share, sd of q if it were known exactly), the greatest first: what to measure next."""
        size = {name: abs(float(share)) for name, share in self.shares.items()}
        rest = {name: float(np.sqrt(sum(s**2 for other, s in size.items() if other != name))) for name in size}
        return [(name, size[name], rest[name]) for name in sorted(size, key=lambda name: -size[name])]


class MonteCarlo(NamedTuple):
    """Of :func:`monte_carlo`: ``mean`` and ``sd`` of q over the members that did not fail, ``alone`` its sd when one
    parameter varies by itself, ``failed`` how many members were not finite, ``members`` (n,) all of them."""

    mean: Scalar
    sd: Scalar
    alone: dict[str, Scalar]
    failed: Int[Array, ""]
    members: Float[Array, " n"]

    @property
    def ranked(self) -> list[tuple[str, float]]:
        """(name, sd of q when it alone varies), the greatest first."""
        return sorted(((name, float(sd)) for name, sd in self.alone.items()), key=lambda pair: -pair[1])


def first_order(answer: Answer, values: Numbers, sd: Numbers) -> FirstOrder:
    """Propagate independent standard deviations through the gradient of ``answer(values)``.

    Args:
        answer: a scalar, differentiable function of a dictionary of scalars.
        values: all parameters at their best values.
        sd: absolute standard deviations of those that are uncertain.

    Raises ``ValueError`` for an uncertain parameter without a value, and for a standard deviation that is negative.

    >>> found = first_order(lambda p: p["E"] * p["h"] ** 3, {"E": 2.0, "h": 1.0}, {"E": 0.3, "h": 0.02})
    >>> round(float(found.sd), 4), found.ranked[0][0]
    (0.3231, 'E')
    """
    numbers, spread = _checked(values, sd)
    value, gradient = jax.value_and_grad(answer)(numbers)
    shares = {name: gradient[name] * spread[name] for name in spread}
    return FirstOrder(value, shares, jnp.sqrt(sum((s**2 for s in shares.values()), jnp.zeros(()))))


def monte_carlo(answer: Answer, values: Numbers, sd: Numbers, key: Array, count: int = 1000) -> MonteCarlo:
    """Independent normal parameters: ``count`` members together, and as many with each parameter alone.

    Member i draws from ``fold_in(key, i)``, so that results do not depend on how members are batched. Members whose
    answer is not finite are left out and counted. Arguments and errors as for :func:`first_order`.

    >>> import jax
    >>> answer = lambda p: p["E"] * p["h"] ** 3
    >>> found = monte_carlo(answer, {"E": 2.0, "h": 1.0}, {"E": 0.3, "h": 0.02}, jax.random.key(0), 4000)
    >>> round(float(found.sd), 2), int(found.failed)
    (0.32, 0)
    """
    numbers, spread = _checked(values, sd)
    if not isinstance(count, int) or count < 2:
        raise ValueError(f"count: expected 2 members or more, got {count!r}")
    names = list(spread)

    def member(index):
        draws = jax.random.normal(jax.random.fold_in(key, index), (len(names),))

        def with_only(mask):
            changed = {name: numbers[name] + spread[name] * draws[i] * mask[i] for i, name in enumerate(names)}
            return answer({**numbers, **changed})

        return jax.vmap(with_only)(jnp.concatenate([jnp.ones((1, len(names))), jnp.eye(len(names))]))

    found = jax.jit(jax.vmap(member))(jnp.arange(count))
    good = jnp.isfinite(found)
    number = jnp.sum(good, axis=0).astype(float)
    mean = jnp.sum(jnp.where(good, found, 0.0), axis=0) / number
    square = jnp.where(good, (found - mean[None]) ** 2, 0.0)
    deviation = jnp.sqrt(jnp.sum(square, axis=0) / (number - 1.0))
    alone = {name: deviation[i + 1] for i, name in enumerate(names)}
    return MonteCarlo(mean[0], deviation[0], alone, jnp.sum(~good[:, 0]), found[:, 0])


def overtaking(
    share: Callable[[Scalar], Scalar], other: Callable[[Scalar], Scalar], low: float, high: float, steps: int = 60
) -> float:
    """Where |share(h)| and |other(h)| cross between low and high, both positive: the thickness at which one overtakes.

    By bisection in log h. Raises ``ValueError`` for a range without a crossing in it.

    >>> round(overtaking(lambda h: 6 * 10.655 / (130 * h), lambda h: 0.15 + 0.0 * h, 0.5, 100.0), 3)
    3.278
    """
    if not 0.0 < low < high < np.inf:
        raise ValueError(f"low, high: expected 0 < low < high, got {low!r} and {high!r}")

    @jax.jit
    def lead(h):
        return jnp.abs(share(h)) - jnp.abs(other(h))

    a, b = float(np.log(low)), float(np.log(high))
    first, last = (float(lead(jnp.exp(jnp.asarray(x)))) for x in (a, b))
    if not first * last < 0.0:
        raise ValueError(f"low, high: no crossing between {low:g} and {high:g}: the lead is {first:g} and {last:g}")
    for _ in range(steps):
        middle = 0.5 * (a + b)
        ahead = float(lead(jnp.exp(jnp.asarray(middle)))) * first > 0.0
        a, b = (middle, b) if ahead else (a, middle)
    return float(np.exp(0.5 * (a + b)))


def _checked(values: Numbers, sd: Numbers) -> tuple[dict[str, Scalar], dict[str, Scalar]]:
    numbers = {name: jnp.asarray(value, float) for name, value in values.items()}
    spread = {name: jnp.asarray(value, float) for name, value in sd.items()}
    for name, value in spread.items():
        if name not in numbers:
            raise ValueError(f"sd: {name!r} has no value; expected some of {', '.join(numbers)}")
        if value.ndim != 0 or (concrete(value) and not 0.0 <= float(value) < np.inf):
            raise ValueError(f"sd: expected one number, 0 or more, for {name!r}, got {sd[name]!r}")
    if not spread:
        raise ValueError("sd: expected one uncertain parameter or more")
    return numbers, spread
