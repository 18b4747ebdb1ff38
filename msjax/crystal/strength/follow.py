"""One point of a loading, and a whole path of them, each from the one before."""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax.crystal.strength.loading import Loading
from msjax.material.response import Material
from msjax.solvers.newton import Functional, Newton
from msjax.solvers.stationary import stationary
from msjax.status import Status, first_failure, guard
from msjax.tensors import det
from msjax.typing import Array, Float, PyTree, Scalar

SETTINGS = Newton(tolerance=1e-9, length=1.0, max_steps=60, largest_step=0.1)


class Followed(NamedTuple):
    """States along a loading, the path parameter first (none for a single state).

    ``parameter`` t; ``unknowns`` x (m,); ``deformation`` F (d, d); ``energy`` W, per reference volume; ``first_piola``
    P and ``cauchy`` σ = P Fᵀ/det F (d, d); ``stress``: the load's component Σ:σ, NaN where the loading names none;
    ``conjugate``: dW/dt = P:∂F/∂t, the nominal stress in tension; ``state`` of the material; ``status`` (UNSTABLE: the
    unknowns are stationary but no minimum).
    """

    parameter: Float[Array, "*n"]
    unknowns: Float[Array, "*n m"]
    deformation: Float[Array, "*n d d"]
    energy: Float[Array, "*n"]
    first_piola: Float[Array, "*n d d"]
    cauchy: Float[Array, "*n d d"]
    stress: Float[Array, "*n"]
    conjugate: Float[Array, "*n"]
    state: PyTree
    status: Status


def follow(material: Material, loading: Loading, parameters: Any) -> Followed:
    """The material's states at the path parameters given (n,), in this order, unknowns and inner state warm-started.

    A state that fails (neighbours come in, no convergence, inverted F) is NaN with its status, and the next one starts
    from the last good one. Differentiable in the material's arrays; batch over materials with vmap.

    Raises ``ValueError`` for parameters that are no row of numbers, for a loading of another dimension, and for a
    material that is not conservative and symmetric.

    >>> import msjax as ms
    >>> copper = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"), strain_margin=0.3)
    >>> path = follow(copper, ms.strength.Bain(), [2.0**0.5, 1.2, 1.0])  # c/a from fcc to bcc
    >>> energy = path.energy * copper.crystal.volume
    >>> 0.01 < float(energy[2] - energy[0]) < 0.05  # eV per atom
    True
    """
    check_loading(material, loading)
    values = jnp.asarray(parameters, float)
    if values.ndim != 1:
        raise ValueError(f"parameters: expected a row of numbers (n,), got shape {values.shape}")
    return _follow(material, loading, values)


def check_loading(material: Material, loading: Loading) -> None:
    """Refuse what does not fit."""
    if not isinstance(loading, Loading):
        raise ValueError(f"loading: expected a Loading such as Tension((1, 0, 0)), got {type(loading).__name__}")
    if loading.dim != material.dim:
        raise ValueError(f"loading: has dimension {loading.dim}, the material {material.dim}")
    if not (material.conservative and material.symmetric):
        raise ValueError("material: free unknowns need a conservative material with a symmetric tangent")


@eqx.filter_jit
def _follow(material: Material, loading: Loading, parameters: Array) -> Followed:
    arrays, structure = eqx.partition(material, eqx.is_array)

    def step(carry, t):
        x, state = carry
        point = point_at(structure, loading, Arguments(t, arrays, state), x)
        kept = jax.tree.map(
            lambda new, old: jnp.where(point.status.failed, old, new), (point.unknowns, point.state), (x, state)
        )
        return jax.lax.stop_gradient(kept), point

    start = (jnp.array(loading.start).reshape(-1), material.initial_state())
    return jax.lax.scan(step, start, parameters)[1]


class Arguments(NamedTuple):
    """What the unknowns depend on: t, the material's arrays, and its state (a warm start)."""

    parameter: Scalar
    arrays: PyTree
    state: PyTree


@dataclasses.dataclass(frozen=True)
class _Unknowns(Functional):
    """W(F(t, x)) as a function of x."""

    structure: Any
    loading: Loading

    def response(self, x, arguments: Arguments):
        material = eqx.combine(arguments.arrays, self.structure)
        return material.respond(self.loading.deformation(arguments.parameter, x), arguments.state)

    def derivatives(self, x, arguments):  # type: ignore[override]
        """W, P:∂F and ∂F:A:∂F + P:∂²F."""
        response = self.response(x, arguments)
        slopes = self._slopes(x, arguments).reshape(-1, x.shape[0])
        size = slopes.shape[0]
        bent = jax.hessian(lambda y: jnp.vdot(response.stress, self.loading.deformation(arguments.parameter, y)))(x)
        hessian = slopes.T @ response.tangent.reshape(size, size) @ slopes + bent
        return response.energy, response.stress.reshape(-1) @ slopes, hessian

    def gradient(self, x, arguments):
        """P:∂F; the tangent is not touched."""
        slopes = self._slopes(x, arguments).reshape(-1, x.shape[0])
        return self.response(x, arguments).stress.reshape(-1) @ slopes

    def _slopes(self, x, arguments):
        return jax.jacfwd(lambda y: self.loading.deformation(arguments.parameter, y))(x)


def relax(structure: Any, loading: Loading, arguments: Arguments, start: Array) -> tuple[Array, Status]:
    """x*(t, arrays), differentiable to any order."""
    if not loading.start:
        return start, Status.of()
    return stationary(_Unknowns(structure, loading), start, arguments, SETTINGS)


def point_at(structure: Any, loading: Loading, arguments: Arguments, start: Array) -> Followed:
    """The state at one t."""
    t = arguments.parameter
    x, status = relax(structure, loading, arguments, start)
    deformation = loading.deformation(t, x)
    response = _Unknowns(structure, loading).response(x, arguments)
    status = first_failure(status, response.status)
    _, rate = jax.jvp(lambda s: loading.deformation(s, x), (t,), (jnp.ones_like(t),))
    cauchy = response.stress @ deformation.T / det(deformation)
    stress = jnp.full_like(t, jnp.nan) if loading.axis is None else jnp.vdot(jnp.asarray(loading.axis), cauchy)
    conjugate = jnp.vdot(response.stress, rate)
    point = Followed(
        t, x, deformation, response.energy, response.stress, cauchy, stress, conjugate, response.state, status
    )
    return guarded(point, status)


def guarded(point: Followed, status: Status) -> Followed:
    """The state with another status, NaN where that has failed."""
    *values, _ = guard(tuple(point._replace(status=None)), status.failed)  # type: ignore[arg-type]
    return Followed(*values, status)  # type: ignore[call-arg]
