"""Inverse homogenization: a microstructure whose effective stiffness is wanted."""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from msjax.homogenization.effective import effective_stiffness
from msjax.homogenization.rve import RVE
from msjax.status import Code, SolveError
from msjax.typing import Array, Float, PyTree


class Design(NamedTuple):
    """Result of :func:`design`.

    ``parameters`` of the best step; ``stiffness`` (v, v) there; ``miss``, the relative distance from the target
    ‖C − C*‖ / ‖C*‖ after every step (NaN where the cell failed); ``converged``, whether the tolerance was met.
    """

    parameters: PyTree
    stiffness: Float[Array, "v v"]
    miss: np.ndarray
    converged: bool


def design(
    build: Callable[[PyTree], RVE],
    start: PyTree,
    target: Any,
    *,
    weights: Any = None,
    penalty: Callable[[PyTree], Array] | None = None,
    optimiser: optax.GradientTransformation | None = None,
    steps: int = 200,
    tolerance: float = 1e-3,
    progress: Callable[[int, float], None] | None = None,
) -> Design:
    """Change the ``start`` parameters until the cell ``build(parameters)`` has the ``target`` stiffness.

    Minimises ‖w (C − C*)‖² / ‖w C*‖² + penalty by gradient steps; the gradient costs no further solve of the cell.
    ``build`` maps any pytree (volume fractions, radii through a smoothed level set, a density field through a
    sigmoid) to an :class:`~msjax.RVE` of linear materials, smoothly. The problem has many solutions and the start
    chooses among them; a uniform density field is a stationary point by symmetry, so start from a pattern.

    Args:
        build: a JAX function of the parameters.
        start: a pytree of float arrays.
        target: wanted stiffness (v, v) in Voigt order, or conductivity (d, d).
        weights: how much each entry matters (v, v); by default all alike. Zero leaves an entry free.
        penalty: of the parameters, added to the objective (the volume of the dear phase, grey voxels).
        optimiser: by default Adam with step 0.05.
        steps: at most.
        tolerance: stop where the relative distance is below it.
        progress: called as ``progress(step, miss)``.

    Raises:
        ValueError: a target or weights of the wrong shape or not finite.
        SolveError: the cell fails at the start.

    >>> import jax, jax.numpy as jnp, msjax as ms
    >>> def laminate(x):
    ...     share = jnp.broadcast_to(jax.nn.sigmoid(x)[:, None], (2, 2))
    ...     return ms.RVE(share, [ms.Conductor(1.0, dim=2), ms.Conductor(10.0, dim=2)])
    >>> found = design(laminate, jnp.array([0.5, -0.5]), jnp.diag(jnp.array([2.857, 3.5])), tolerance=0.02)
    >>> found.converged
    True
    """
    wanted = jnp.asarray(target, float)
    weight = jnp.ones_like(wanted) if weights is None else jnp.asarray(weights, float)
    size = jax.eval_shape(lambda p: _stiffness(build, p), start).shape
    for name, value in (("target", wanted), ("weights", weight)):
        if value.shape != size:
            raise ValueError(f"{name}: expected shape {size}, got {value.shape}")
        if not np.all(np.isfinite(np.asarray(value))):
            raise ValueError(f"{name}: must be finite")
    scale = jnp.sum((weight * wanted) ** 2)
    if not scale > 0:
        raise ValueError("target: is zero wherever the weights are not")
    chosen = optax.adam(0.05) if optimiser is None else optimiser

    def objective(parameters):
        stiffness = _stiffness(build, parameters)
        square = jnp.sum((weight * (stiffness - wanted)) ** 2) / scale
        cost = square if penalty is None else square + penalty(parameters)
        return cost, (stiffness, jnp.sqrt(square))

    @eqx.filter_jit
    def step(parameters, state):
        (_, (stiffness, miss)), gradient = jax.value_and_grad(objective, has_aux=True)(parameters)
        # optax mixes Python numbers with arrays: standard promotion for it alone
        with jax.numpy_dtype_promotion("standard"):
            updates, state = chosen.update(gradient, state, parameters)
            return optax.apply_updates(parameters, updates), state, stiffness, miss

    parameters, misses = start, []
    best: tuple[float, PyTree, Array] | None = None
    with jax.numpy_dtype_promotion("standard"):
        state = chosen.init(parameters)
    for count in range(steps):
        after, state, stiffness, miss = step(parameters, state)
        misses.append(float(miss))
        if progress is not None:
            progress(count, misses[-1])
        if not np.isfinite(misses[-1]):
            if best is None:
                status = effective_stiffness(build(start), throw=False).status
                raise SolveError(f"design: the cell fails at the start: {status}", _worst(status))
            break
        if best is None or misses[-1] < best[0]:
            best = (misses[-1], parameters, stiffness)
        if misses[-1] <= tolerance:
            break
        parameters = after
    assert best is not None
    return Design(best[1], best[2], np.array(misses), best[0] <= tolerance)


def _stiffness(build, parameters):
    return effective_stiffness(build(parameters), throw=False).stiffness


def _worst(status):
    return Code(int(np.max(np.asarray(status.code))))
