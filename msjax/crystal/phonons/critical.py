"""Where along a path of deformations the lattice, and where the continuum, loses stability."""

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.phonons.dynamical_matrix import strain_or_identity
from msjax.crystal.phonons.stability import GRID, Stability, check_grid, check_relaxed, stability
from msjax.status import Code, Status, guard
from msjax.typing import Array, Float, Scalar

SECTIONS = 24
ROUNDS = 5


class Critical(NamedTuple):
    """Path parameters at which stability is first lost; inf where it is not lost up to the end of the path.

    ``lattice``: some wave, long or short, goes soft; ``continuum``: ellipticity is lost (never earlier); ``soft``: the
    stability just beyond ``lattice``, with the soft wave. ``status`` fails (NaN) where the material failed before.
    """

    lattice: Scalar
    continuum: Scalar
    soft: Stability
    status: Status

    @property
    def short_waves_first(self) -> Array:
        """Whether a phonon of finite wavelength softens before the long waves do."""
        return self.lattice < self.continuum * (1.0 - 1e-4)


def critical_strain(
    material: CauchyBorn,
    path: Callable[[Scalar], Float[Array, "d d"]],
    upper: Any,
    lower: Any = 0.0,
    *,
    grid: int = GRID,
) -> Critical:
    """First loss of stability along ``path(t)`` → F for t from ``lower`` to ``upper``.

    The first sign change of each stability constant is narrowed in five batches of 24 samples to about 1e-7 of the
    range; a loss and recovery between two of the first 24 is not seen. ``path`` must be traceable by
    JAX and must not close over traced values.

    Differentiable once in the material's parameters: dt = −∂Λ/(∂Λ/∂t) at the loss. Batch over materials with vmap.

    >>> import jax.numpy as jnp, msjax as ms
    >>> from msjax.crystal.phonons import critical_strain
    >>> springs = ms.Springs(stiffness=[1.0, 1.0], length=[1.0, 2.0**0.5])
    >>> square = ms.CauchyBorn(ms.bulk("X", "square", a=1.0), springs)
    >>> found = critical_strain(square, lambda t: (1.0 - t) * jnp.eye(2), upper=0.3)
    >>> round(float(found.lattice), 4), round(float(found.continuum), 4)  # λ = 5/6, long waves first
    (0.1667, 0.1667)
    """
    check_grid(grid)
    lower, upper = jnp.asarray(lower, float), jnp.asarray(upper, float)
    if lower.shape != () or upper.shape != ():
        raise ValueError(f"lower and upper: expected one number each, got {lower.shape} and {upper.shape}")
    strain_or_identity(material, None)
    check_relaxed(material)
    shape = jax.eval_shape(path, lower)
    if shape.shape != (material.dim, material.dim):
        raise ValueError(f"path: expected F of shape ({material.dim}, {material.dim}), got {shape.shape}")
    return first_loss(material, _Given(path), lower, upper, grid)


@dataclasses.dataclass(frozen=True)
class _Given:
    """A path that does not depend on the material."""

    path: Callable[[Scalar], Array]

    def __call__(self, material: CauchyBorn, t: Array) -> tuple[CauchyBorn, Array]:
        return material, self.path(t)


def first_loss(
    subject: Any, along: Callable[[Any, Array], tuple[CauchyBorn, Array]], lower: Array, upper: Array, grid: int
) -> Critical:
    """First loss of stability where ``along(subject, t)`` gives material and F, as :func:`critical_strain` finds it.

    ``subject`` is a pytree with the material and whatever else F depends on, ``along`` is hashable and has no traced
    values of its own. Differentiable once in the arrays of the subject.
    """
    lattice, continuum, material, beyond, status = _search(subject, along, lower, upper, grid)
    return Critical(lattice, continuum, stability(material, beyond, grid=grid), status)


@eqx.filter_jit
def _search(subject, along, lower: Array, upper: Array, grid: int):
    arrays, static = eqx.partition(subject, eqx.is_inexact_array)
    where, code = _losses(along, grid, static, arrays, lower, upper)
    status = Status.of(code)
    where = guard(where, status.failed)
    beyond = jnp.where(jnp.isfinite(where[0]), where[0] + 1e-6 * (upper - lower), upper)
    material, deformation = along(subject, jax.lax.stop_gradient(beyond))
    return where[0], where[1], material, deformation, status


def _constants(along, grid, static, arrays, t):
    """The lattice's and the continuum's stability constant at t (2,), and the status code."""
    material, deformation = along(eqx.combine(arrays, static), t)
    found = stability(material, deformation, grid=grid)
    lattice = jnp.maximum(found.lowest_modulus, -1.0e3)  # −inf beyond a saddle of the shifts
    return jnp.stack([lattice, found.ellipticity.value]), found.status.code


@partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def _losses(along, grid, static, arrays, lower, upper):
    """Parameters (2,) where the lattice's and the continuum's constant turn negative, and the code of a failure."""

    def evaluate(t):
        return jax.vmap(lambda x: _constants(along, grid, static, arrays, x))(t)

    def bracket(t, values, codes):
        """First stop among samples t (s,) of one constant: below, above, whether there is one, and its code."""
        failed = codes > int(Code.UNSTABLE)
        stop = failed | (values < 0)
        at = jnp.argmax(stop)
        return t[jnp.maximum(at - 1, 0)], t[at], jnp.any(stop), jnp.where(failed[at], codes[at], 0)

    def narrow(_, state):
        low, high, lost, code = state
        inner = low[:, None] + (high - low)[:, None] * (np.arange(SECTIONS + 1) / SECTIONS)[None, :]
        values, codes = evaluate(inner[:, 1:].reshape(-1))
        values, codes = values.reshape(2, SECTIONS, 2), codes.reshape(2, SECTIONS)
        own = jnp.stack([values[0, :, 0], values[1, :, 1]])
        # the lower end counts as good: a path that starts unstable ends up there
        own = jnp.concatenate([jnp.ones((2, 1)), own], axis=1)
        codes = jnp.concatenate([jnp.zeros((2, 1), codes.dtype), codes], axis=1)
        low1, high1, found, now = jax.vmap(bracket)(inner, own, codes)
        return jnp.where(found, low1, low), jnp.where(found, high1, high), lost | found, now

    both = jnp.ones(2)
    state = (lower * both, upper * both, jnp.zeros(2, bool), jnp.zeros(2, jnp.int32))
    low, high, lost, code = jax.lax.fori_loop(0, ROUNDS, narrow, state)
    # a failure hides everything behind it
    failure = jnp.max(jnp.where(lost, code, 0))
    return jnp.where(lost, 0.5 * (low + high), jnp.inf), failure


@_losses.defjvp
def _losses_jvp(along, grid, static, primals, tangents):
    arrays, lower, upper = primals
    where, code = _losses(along, grid, static, arrays, lower, upper)

    def slope(column):
        t = jnp.where(jnp.isfinite(where[column]), where[column], lower)

        def constant(a, x):
            return _constants(along, grid, static, a, x)[0][column]

        _, change = jax.jvp(lambda a: constant(a, t), (arrays,), (tangents[0],))
        _, rate = jax.jvp(lambda x: constant(arrays, x), (t,), (jnp.ones_like(t),))
        return jnp.where(jnp.isfinite(where[column]), -change / rate, 0.0)

    moved = jnp.stack([slope(0), slope(1)])
    return (where, code), (moved, np.zeros(code.shape, jax.dtypes.float0))
