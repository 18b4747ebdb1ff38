"""A wire as a beam: its strain at rest, and its stiffnesses in tension and bending."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax.nano.wire import Wire, expand, relax
from msjax.solvers.condensation import schur
from msjax.status import Status, check, first_failure, guard
from msjax.tensors import det
from msjax.typing import Array, Scalar


class WireRigidity(NamedTuple):
    """What a wire is as a beam, per length at rest.

    ``strain`` λ* − 1 and ``curvature`` κ* (per reference length) where neither force nor moment acts; ``tension`` EA,
    with the curvature free, ``bending`` EI, with the length free; ``young`` EA and ``bending_young`` EI over the
    reference section's area and second moment; ``poisson`` −½ d ln(area)/d ln λ
    of the section; ``energy`` per reference length.
    """

    strain: Scalar
    curvature: Scalar
    tension: Scalar
    bending: Scalar
    young: Scalar
    bending_young: Scalar
    poisson: Scalar
    energy: Scalar
    status: Status


def wire_rigidity(wire: Wire, inputs: Any = None, *, throw: bool = True) -> WireRigidity:
    """Equilibrium and rigidities of a free wire, differentiable in bulk, faces, edges and size.

    At rest N = M = 0. With the condensed second derivatives of Φ(λ, κ), and lengths measured at rest,

        EA = λ* (Φ_λλ − Φ_λκ²/Φ_κκ),    EI = λ* (Φ_κκ − Φ_λκ²/Φ_λλ).

    Raises :class:`~msjax.status.SolveError` where nothing is stationary, when ``throw``.

    >>> import msjax as ms
    >>> found = wire_rigidity(ms.nano.Wire(ms.IsotropicElastic(100.0, 0.3), ms.nano.square(2.0)))
    >>> [round(float(x), 4) for x in (found.young, found.bending_young, found.poisson)]
    [100.0, 100.0, 0.3]
    """
    found = _rigidity(wire, inputs)
    check(found.status, "equilibrium of a wire", throw)
    return found


@eqx.filter_jit
def _rigidity(wire: Wire, inputs: Any) -> WireRigidity:
    start = jnp.concatenate([wire.reference_strain[0], wire.initial_state()])
    unknowns, status = relax(wire, jnp.zeros(0), start, inputs)
    found = expand(wire, unknowns, inputs)
    status = first_failure(status, found.status)
    stretch, condensed = unknowns[0], schur(found.hessian, 2)
    tension = stretch * (condensed[0, 0] - condensed[0, 1] ** 2 / condensed[1, 1])
    bending = stretch * (condensed[1, 1] - condensed[0, 1] ** 2 / condensed[0, 0])
    section = wire.section
    values = (
        stretch - 1.0,
        unknowns[1],
        tension,
        bending,
        tension / section.area,
        bending / section.second_moment,
        _poisson(wire, unknowns, found.hessian),
        found.energy,
    )
    return WireRigidity(*guard(values, status.failed), status=status)


def _poisson(wire: Wire, unknowns: Array, hessian: Array) -> Scalar:
    """From the deformed section's area, on average over its directions."""
    # how all else follows the stretch
    others = jnp.concatenate([jnp.ones(1), -jnp.linalg.solve(hessian[1:, 1:], hessian[1:, 0])])
    rule = wire.rule

    def area(z):
        in_plane = jax.vmap(lambda point: det(wire.shape.deformation(z, point)[:2, :2]))(rule.points)
        return rule.weights @ in_plane

    value, change = jax.jvp(area, (unknowns,), (others,))
    return -0.5 * change * unknowns[0] / value
