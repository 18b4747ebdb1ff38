"""Ideal strength: the largest stress a perfect crystal bears along a loading, and whether it gets there."""

import dataclasses
from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.phonons.critical import Critical, first_loss
from msjax.crystal.phonons.stability import GRID
from msjax.crystal.strength.follow import Arguments, Followed, check_loading, follow, guarded, point_at, relax
from msjax.crystal.strength.loading import Loading
from msjax.material.response import Material
from msjax.solvers.scalar import scalar_root
from msjax.status import Code, Status, check, first_failure, guard, screen
from msjax.typing import Array, Bool, Float, PyTree, Scalar

Measure = Literal["cauchy", "conjugate"]


class Strength(NamedTuple):
    """The peak of a stress along a loading; differentiable in every array of the material.

    ``stress``: the peak of the measure asked for, negative where the load is; ``strain``: the path parameter t there;
    ``peak``: the whole state there, F, P, σ and energy; ``path``: the states that were scanned, for a curve;
    ``critical``: first loss of stability between t = 0 and the peak, of the lattice (any wave) and of the continuum
    (ellipticity), inf where there is none before the peak; None where it was not asked for. ``status``: failed (NaN)
    when the scan meets a failure before a peak, MAX_STEPS when it ends without one, UNSTABLE when the relaxed unknowns
    at the peak are stationary but no minimum.
    """

    stress: Scalar
    strain: Scalar
    peak: Followed
    path: Followed
    critical: Critical | None
    status: Status

    @property
    def unstable_first(self) -> Bool[Array, "..."]:
        """Whether a phonon or a long wave goes soft before the peak, which the perfect crystal then never reaches."""
        if self.critical is None:
            raise ValueError("critical: stability was not asked for")
        first = jnp.minimum(jnp.abs(self.critical.lattice), jnp.abs(self.critical.continuum))
        return first < jnp.abs(self.strain) * (1.0 - 1e-4)


def ideal_strength(
    material: Material,
    loading: Loading,
    upper: float,
    *,
    measure: Measure = "cauchy",
    steps: int = 60,
    stability: bool = True,
    grid: int = GRID,
    throw: bool = True,
) -> Strength:
    """First maximum of the stress along a loading from t = 0 to ``upper`` (negative: of its size, against the load).

    The path is scanned in ``steps`` warm-started steps up to the first sample that is followed by a smaller one; there
    dσ/dt = 0 is solved in the bracket, with the exact derivative of the relaxed stress, so that the result does not
    depend on ``steps``. ``measure``: "cauchy" is the true stress Σ:σ that the loading names; "conjugate" is
    dW/dt = P:∂F/∂t, in tension the nominal stress, whose maximum comes earlier. With ``stability`` (materials that are
    :class:`msjax.CauchyBorn`) the first loss of stability on the way is found by all waves on a ``grid``^d mesh and by
    the acoustic tensor, as by :func:`msjax.phonons.critical_strain`.

    On ideal strength and the instabilities before it: doi:10.1103/PhysRevLett.82.2713, doi:10.1103/PhysRevB.52.12627.

    Raises ``ValueError`` for bad arguments (see :func:`follow`), for a measure the loading does not define and for
    stability of a material that has no lattice; :class:`msjax.status.SolveError` for a failed concrete search when
    ``throw``.

    >>> import msjax as ms
    >>> chain = ms.CauchyBorn(ms.bulk("X", "chain", a=1.0), ms.Morse(1.0, 6.0, 1.0, inner=1.5, outer=1.9))
    >>> found = ideal_strength(chain, ms.strength.Tension((1.0,)), upper=0.3, stability=False)
    >>> round(float(found.stress), 6), round(float(found.strain), 6)  # αD/2 at ln 2/α
    (3.0, 0.115525)
    """
    check_loading(material, loading)
    if measure not in ("cauchy", "conjugate"):
        raise ValueError(f"measure: expected 'cauchy' or 'conjugate', got {measure!r}")
    if measure == "cauchy" and loading.axis is None:
        raise ValueError(
            "measure: this loading names no component of the Cauchy stress; give it one or use 'conjugate'"
        )
    if not (np.isfinite(upper) and upper != 0):
        raise ValueError(f"upper: expected a number, finite and not zero, got {upper}")
    if not isinstance(steps, int) or steps < 3:
        raise ValueError(f"steps: expected an integer of at least 3, got {steps!r}")
    if stability and not isinstance(material, CauchyBorn):
        raise ValueError("stability: needs a CauchyBorn material; pass stability=False")
    path = follow(material, loading, np.linspace(0.0, float(upper), steps + 1))
    stress, peak, status = _peak(material, loading, path, measure, bool(upper < 0))
    check(status, "ideal strength", throw)
    critical = None
    if stability and isinstance(material, CauchyBorn):
        table = jax.lax.stop_gradient((path.parameter, path.unknowns))
        traced = _Traced(material, loading, *table)
        end = jax.lax.stop_gradient(peak.parameter)
        critical = first_loss(traced, _Along(bool(upper < 0)), jnp.zeros_like(end), end, grid)
    return Strength(stress, peak.parameter, peak, path, critical, status)


@eqx.filter_jit
def _peak(material: Material, loading: Loading, path: Followed, measure: Measure, reverse: bool):
    arrays, structure = eqx.partition(material, eqx.is_array)
    sign = -1.0 if reverse else 1.0
    size = sign * _measured(path, measure)
    count = size.shape[0]
    rises = (size[1:-1] >= size[:-2]) & (size[2:] < size[1:-1])  # NaN compares false
    failed = path.status.failed
    at = jnp.argmax(rises) + 1
    failure = jnp.argmax(failed)
    found = jnp.any(rises) & ~(jnp.any(failed) & (failure <= at))
    code = jnp.where(jnp.any(failed), path.status.code[failure], int(Code.MAX_STEPS))
    status = Status(jnp.where(found, int(Code.CONVERGED), code), jnp.asarray(count, jnp.int32), jnp.zeros_like(size[0]))
    at = jnp.where(found, at, 1)
    x, state = jax.tree.map(lambda leaf: leaf[at], (path.unknowns, path.state))
    # a start that is NaN has no derivative rule to go through
    x, state = jax.tree.map(lambda a, b: jnp.where(found, a, b), (x, state), _start(material, loading))
    x, state, size, t = jax.lax.stop_gradient((x, state, size, sign * path.parameter))
    slope = _Slope(structure, loading, measure, sign)
    root, of_root = scalar_root(slope, t[at - 1], t[at + 1], (arrays, x, state))
    peak = point_at(structure, loading, Arguments(sign * root, arrays, state), x)
    status = first_failure(status, of_root, peak.status)
    status = screen(status, ~jnp.isfinite(_measured(peak, measure)), Code.NONFINITE)
    peak = guarded(peak, status)
    return _measured(peak, measure), peak, status


def _start(material: Material, loading: Loading) -> tuple[Array, PyTree]:
    return jnp.array(loading.start).reshape(-1), material.initial_state()


def _measured(path: Followed, measure: Measure) -> Array:
    return path.stress if measure == "cauchy" else path.conjugate


@dataclasses.dataclass(frozen=True)
class _Slope:
    """dσ/d|t| of the relaxed stress, for the root."""

    structure: Any
    loading: Loading
    measure: Measure
    sign: float

    def __call__(self, size: Scalar, arguments: Any) -> Scalar:
        arrays, x, state = arguments

        def stress(s):
            point = point_at(self.structure, self.loading, Arguments(self.sign * s, arrays, state), x)
            return self.sign * _measured(point, self.measure)

        return jax.jvp(stress, (size,), (jnp.ones_like(size),))[1]


class _Traced(eqx.Module):
    """A material under a loading, with the unknowns where they were found."""

    material: CauchyBorn
    loading: Loading = eqx.field(static=True)
    parameter: Float[Array, " n"]
    unknowns: Float[Array, "n m"]


@dataclasses.dataclass(frozen=True)
class _Along:
    """Material and F at t, relaxed anew from the unknowns beside it."""

    reverse: bool

    def __call__(self, traced: _Traced, t: Array) -> tuple[CauchyBorn, Array]:
        arrays, structure = eqx.partition(traced.material, eqx.is_array)
        knots, sign = traced.parameter, -1.0 if self.reverse else 1.0
        below = jnp.clip(jnp.searchsorted(sign * knots, sign * t, side="right") - 1, 0, knots.shape[0] - 1)
        arguments = Arguments(t, arrays, traced.material.initial_state())
        start = jax.lax.stop_gradient(traced.unknowns[below])
        x, status = relax(structure, traced.loading, arguments, start)
        return traced.material, guard(traced.loading.deformation(t, x), status.failed)
