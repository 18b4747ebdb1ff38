"""Third and fourth derivatives of Γ: exact at a strain, or by a fit along in-plane paths over a window of strain.

Exact derivatives use Wigner's 2n + 1 theorem: the free positions to second order in a path's parameter give the
energy to fifth order, so that one Hessian, factorised once, serves all of them.

Tables are piecewise cubic: beyond the second derivative their exact derivatives are those of one piece (the fourth
is zero in between), and some embedding functions have a kink at the equilibrium density (copper,
doi:10.1103/PhysRevB.63.224106). What a film sees over its strains is then the fit, with the residual that is reported.
"""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.surfaces.energetics import Surface, arguments_of
from msjax.crystal.surfaces.layers import Layers, expand_jointly, side_by_side
from msjax.crystal.surfaces.polynomial import SurfacePolynomial, directional, exponents, monomials
from msjax.solvers.linear import solve_dense
from msjax.status import Status, check, first_failure, guard
from msjax.typing import Array, Float, Scalar

FILMS = (-0.022, 0.002)
"""In-plane strains that films of 1 nm and more probe."""

_DIRECTIONS = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [1.0, -1.0], [1.0, 2.0]])


def derivatives(surface: Surface, order: int = 4, *, throw: bool = True) -> SurfacePolynomial:
    """Exact derivatives of Γ in the engineering strains (e₁, e₂) at F = 1, up to ``order`` ≤ 4, eV/Å².

    Differentiable in the parameters. Not meaningful beyond the second order for tabulated potentials: use :func:`fit`.
    Raises ``ValueError`` for another order and :class:`~msjax.status.SolveError` for a failed relaxation.
    """
    if order not in (1, 2, 3, 4):
        raise ValueError(f"order: expected 1, 2, 3 or 4, got {order!r}")
    values, status = _derivatives(surface, order)
    check(status, "derivatives of the surface energy", throw)
    return SurfacePolynomial(values, order)


@eqx.filter_jit
def _derivatives(surface: Surface, order: int) -> tuple[Array, Status]:
    slab = surface.slab
    response = surface.respond(jnp.eye(2))
    together, difference = side_by_side(slab.neighbours, surface.material.neighbours, slab.repeats)
    arguments = arguments_of(surface.material, surface.slab, jnp.eye(2))
    free = response.state
    if surface.layers == "relaxed":
        hessian = expand_jointly(together, arguments, free).hessian[4:, 4:]
    relaxed, excess = Layers(together), Layers(difference)

    def along(direction: Float[Array, "2"]) -> Float[Array, " n"]:
        def at(t):
            return arguments._replace(in_plane=jnp.eye(2) + t * jnp.diag(direction))

        def gradient(q):
            return lambda t: relaxed.gradient(q(t), at(t))

        q0 = free.reshape(-1)
        q1 = q2 = jnp.zeros_like(q0)
        if surface.layers == "relaxed":
            q1 = -solve_dense(hessian, taylor(gradient(lambda t: q0), 1)[1])
            if order > 3:
                q2 = -solve_dense(hessian, taylor(gradient(lambda t: q0 + t * q1), 2)[2])
        path = taylor(lambda t: excess.energy(q0 + t * q1 + 0.5 * t**2 * q2, at(t)), order)
        return jnp.stack(path) / (2.0 * surface.area)

    paths = jax.lax.map(along, jnp.asarray(_DIRECTIONS))
    values = [paths[0, 0][None]]
    for k in range(1, order + 1):
        rows = np.stack([directional(d, k) for d in _DIRECTIONS])
        values.append(jnp.asarray(np.linalg.pinv(rows)) @ paths[:, k])
    return guard(jnp.concatenate(values), response.status.failed), response.status


def taylor(function, order: int) -> list[Array]:
    """[f, f′, …] at 0 of a function of one number, by nested forward mode."""

    def extended(level):
        if level == 0:
            return lambda t: [function(t)]
        below = extended(level - 1)

        def with_next(t):
            values, tangents = jax.jvp(below, (t,), (jnp.ones_like(t),))
            return [*values, tangents[-1]]

        return with_next

    return extended(order)(jnp.zeros(()))


class SurfaceFit(NamedTuple):
    """A polynomial for Γ over a window of strain, and what it leaves.

    ``stress_residual`` and ``stiffness_residual``: largest misfit of ∂Γ/∂e and ∂²Γ/∂e∂e at the sampled strains, eV/Å²;
    ``window``: strains from and to; ``status``: worst of the samples.
    """

    polynomial: SurfacePolynomial
    stress_residual: Scalar
    stiffness_residual: Scalar
    window: tuple[float, float]
    status: Status


def fit(
    surface: Surface,
    window: tuple[float, float] = FILMS,
    *,
    order: int = 4,
    points: int = 9,
    throw: bool = True,
) -> SurfaceFit:
    """Least-squares polynomial of Γ along three in-plane paths: (e, e), (e, 0) and (0, e) with e over ``window``.

    At ``points`` Chebyshev points a path, Γ, its stress and its stiffness are fitted together, energies divided by
    the window's width and stiffnesses multiplied by it, so that all count as stresses. The result is linear in the
    samples and differentiable in the parameters. One relaxation per point, compiled once.

    Raises ``ValueError`` for an empty window, an order below 2 or fewer points than the order needs, and
    :class:`~msjax.status.SolveError` for a failed relaxation when ``throw``.
    """
    low, high = (float(x) for x in window)
    if not (np.isfinite(low) and np.isfinite(high) and low < high):
        raise ValueError(f"window: expected two increasing strains, got {window}")
    if not isinstance(order, int) or order < 2:
        raise ValueError(f"order: expected an integer of at least 2, got {order!r}")
    if points < order:
        raise ValueError(f"points: an order of {order} needs at least {order} points a path, got {points}")
    values, stress_residual, stiffness_residual, status = _fit(surface, (low, high), order, points)
    check(status, "samples of the surface energy", throw)
    return SurfaceFit(SurfacePolynomial(values, order), stress_residual, stiffness_residual, (low, high), status)


@eqx.filter_jit
def _fit(surface: Surface, window: tuple[float, float], order: int, points: int):
    low, high = window
    nodes = np.cos(np.pi * (np.arange(points) + 0.5) / points)
    e = 0.5 * (low + high) + 0.5 * (high - low) * nodes / nodes[0]
    strains = np.concatenate([np.stack([e, e], 1), np.stack([e, 0 * e], 1), np.stack([0 * e, e], 1)])

    def sample(strain):
        response = surface.respond(jnp.eye(2) + jnp.diag(strain))
        stress = jnp.diag(response.stress)
        a = response.tangent
        stiffness = jnp.stack([a[0, 0, 0, 0], a[0, 0, 1, 1], a[1, 1, 1, 1]])
        return response.energy, stress, stiffness, response.status

    energy, stress, stiffness, status = jax.lax.map(sample, jnp.asarray(strains))
    width = high - low

    def rows(i: int, j: int) -> np.ndarray:
        return np.stack([monomials(e1, e2, order, i, j) for e1, e2 in strains.tolist()])

    design = np.concatenate(
        [rows(0, 0) / width, rows(1, 0), rows(0, 1), rows(2, 0) * width, rows(1, 1) * width, rows(0, 2) * width]
    )
    data = jnp.concatenate([energy / width, stress.T.reshape(-1), width * stiffness.T.reshape(-1)])
    # columns scaled by the strain they carry: the host's pseudo-inverse sees numbers of order one
    scale = np.array([width ** (i + j - 1) for i, j in exponents(order)])
    solution = jnp.asarray(np.linalg.pinv(design / scale) / scale[:, None]) @ data
    misfit = jnp.abs(jnp.asarray(design) @ solution - data)
    n = len(strains)
    members = [Status(status.code[k], status.iterations[k], status.residual[k]) for k in range(n)]
    worst = first_failure(*members)
    solution, misfit = guard((solution, misfit), worst.failed)
    return solution, jnp.max(misfit[n : 3 * n]), jnp.max(misfit[3 * n :]) / width, worst
