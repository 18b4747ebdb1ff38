"""Beams pulled by a voltage: deflection, resonance under bias, and the voltage at which the beam snaps down.

A beam over a flat electrode at the gap g, of opposite width b, has at the voltage V the energy

    Π(w; V) = ½ wᵀ K w − ½ ε V² ∫ [ b/(g − w) − c ln(1 − w/g) ] dx,

that is a force per length of ε b V²/(2 (g − w)²) [1 + c (g − w)/b]: parallel plates and, with c, the first term of the
field at the edges of a thin strip, 2/π by conformal mapping and commonly rounded to 0.65 (H. B. Palmer, Trans. Am.
Inst. Electr. Eng. 56, 1937; Osterberg and Senturia, J. Microelectromech. Syst. 6, 1997, doi:10.1109/84.585788). K and
w are those of the beam, the integral is taken at the Gauss points of its elements.

Pull-in is the first maximum of V² along the equilibria. With β for V² and C(w) for the integral, at length, rigidity
and gap 1, it is a stationary point of

    β/2 + z · (K w − ½ β ∂C/∂w)

in w, z and β: z is the mode that goes soft, and β the stationary value, whose first derivative needs no solve.

Left out: the stretching of a bridge that is drawn in by more than its thickness, the thickness of the electrodes'
edges, dielectrics, and the forces of van der Waals and Casimir.
"""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax import units
from msjax.nano.beam import Beam, along_elements, one_number
from msjax.nano.beam_elements import WEIGHTS, matrices, shapes, unknowns
from msjax.nano.beam_response import BeamModes, Deflection, free_unknowns, unit_beam, vibration
from msjax.solvers.newton import FromEnergy, Newton
from msjax.solvers.stationary import FieldProblem, Linearized, at_stationary, stationary, stationary_field
from msjax.status import Code, Status, first_failure, guard, screen, substitute
from msjax.typing import Array, Float, Scalar, concrete

SETTINGS = Newton(tolerance=1e-7)
"""In units of the gap; Newton converges quadratically, the error is near the square."""


class PullIn(NamedTuple):
    """``voltage`` at pull-in, and there the ``deflection`` of the tip (of a bridge's middle)."""

    voltage: Scalar
    deflection: Scalar
    status: Status


class Actuator(eqx.Module):
    """A cantilever or bridge over a flat electrode at the distance ``gap``, in the beam's units. Numbers are leaves.

    ``width`` that faces the electrode, one number or one an element, 0 where there is no electrode (nor anything else
    to touch); ``fringe`` the coefficient c of the edges' field, 0.65 or 0. ``permittivity`` in charge²/(energy length):
    the default belongs to eV, Å and e, voltages in V; in SI it is 8.8541878128e-12.

    A solve fails with SINGULAR where no stable equilibrium is left, at and beyond pull-in or for a beam that has
    buckled, and pull-in also where the beam turns aside before V² has its maximum. Raises ``ValueError`` for numbers
    out of range, no electrode at all, a free beam, and the Young–Laplace cantilever, which has no energy.

    >>> beam = Beam(length=2e-6, bending=2.708333e-19, mass=2.33e-11)  # a silicon cantilever in SI, 2 µm × 200 × 50 nm
    >>> actuator = Actuator(beam, gap=100e-9, width=200e-9, fringe=0.65, permittivity=8.8541878128e-12)
    >>> found = actuator.pull_in()
    >>> round(float(found.voltage), 3), round(float(found.deflection) * 1e9, 2)  # V, nm
    (5.137, 47.18)
    >>> round(float(actuator.deflect(4.0).w[-1]) * 1e9, 2)  # nm
    17.21
    >>> round(float(actuator.vibrate(4.0, 1).frequencies[0]) / 1e6, 3)  # MHz; 15.083 without a voltage
    13.19
    """

    beam: Beam
    gap: Scalar
    width: Float[Array, " n"]
    fringe: Scalar
    permittivity: Scalar

    def __init__(
        self,
        beam: Beam,
        gap: Scalar | float,
        width: Array | float,
        fringe: Scalar | float = 0.0,
        permittivity: Scalar | float = units.eps0,
    ):
        if beam.support == "free":
            raise ValueError("support: an actuator needs a cantilever or a bridge, a free beam moves away")
        if not beam.conservative:
            raise ValueError('residual: expected "consistent": the load of the Young–Laplace cantilever has no energy')
        self.beam, self.gap = beam, one_number(gap, "gap")
        self.width = along_elements(width, "width", beam.elements, zero=True)
        if concrete(self.width) and not np.any(np.asarray(self.width) > 0.0):
            raise ValueError("width: expected an electrode somewhere, got 0 in all elements")
        self.fringe, self.permittivity = one_number(fringe, "fringe", -np.inf), one_number(permittivity, "permittivity")
        if concrete(self.fringe) and float(self.fringe) < 0.0:
            raise ValueError(f"fringe: expected 0 or more, got {float(self.fringe):g}")

    def pull_in(self) -> PullIn:
        """The voltage beyond which the beam snaps down, at a fold of its equilibria.

        Differentiable to any order in all numbers of beam and electrode.
        """
        return _pull_in(self)

    def deflect(self, voltage: Scalar | float) -> Deflection:
        """Stable static deflection at a voltage of either sign, towards the electrode."""
        return _bent(self, one_number(voltage, "voltage", low=-np.inf))[0]

    def vibrate(self, voltage: Scalar | float, count: int = 3) -> BeamModes:
        """Lowest natural frequencies and modes of small vibrations about the deflection at a constant voltage.

        The first falls to zero at pull-in, as (1 − V²/V_PI²)^¼. Raises ``ValueError`` for a count out of range.
        """
        most = free_unknowns(self.beam.support, self.beam.elements).size
        if not isinstance(count, int) or not 1 <= count <= most:
            raise ValueError(f"count: expected 1 to {most}, got {count!r}")
        bent, softening = _bent(self, one_number(voltage, "voltage", low=-np.inf))
        found = vibration(self.beam, count, softening)
        status = first_failure(bent.status, found.status)
        frequencies, squared, x, modes = guard(found[:-1], status.failed)
        return BeamModes(frequencies, squared, x, modes, status)


class _Field(NamedTuple):
    """At length, mean rigidity, gap and mean width 1: ``stiffness`` of the free unknowns; ``rows`` that give the
    deflections u at all Gauss points (0 where there is no electrode); there ``plate`` and ``edge``, the weighted
    factors of 1/(1 − u) and −ln(1 − u)."""

    stiffness: Float[Array, "m m"]
    rows: Float[Array, "p m"]
    plate: Float[Array, " p"]
    edge: Float[Array, " p"]


class _Scales(NamedTuple):
    """What leads back: β/V², length and gap; the ``voltage`` and whether any number is ``bad``."""

    factor: Scalar
    length: Scalar
    gap: Scalar
    voltage: Scalar
    bad: Any


def _unit_field(actuator: Actuator, voltage: Scalar):
    """The field at unit scales, and the scales."""
    beam, n = actuator.beam, actuator.beam.elements
    unit = unit_beam(beam)
    own = (actuator.gap, actuator.width, actuator.fringe, actuator.permittivity, voltage)
    good = [jnp.all(jnp.isfinite(x)) for x in own] + [jnp.any(actuator.width > 0.0), jnp.all(actuator.width >= 0.0)]
    good += [actuator.gap > 0.0, actuator.fringe >= 0.0, actuator.permittivity > 0.0]
    bad = unit.bad | ~jnp.all(jnp.stack(good))
    gap, width, fringe, permittivity, voltage = substitute(own, bad, tuple(jnp.ones_like(x) for x in own))
    phi = 12.0 * unit.numbers.bending * unit.numbers.flexibility * n**2
    here = jax.vmap(lambda p: shapes(1.0 / n, p).deflection)(phi)
    here = jnp.where((width > 0.0)[:, None, None], here, 0.0)
    at, free = np.arange(n)[:, None, None], free_unknowns(beam.support, n)
    rows = jnp.zeros((n, WEIGHTS.size, 2 * (n + 1)))
    rows = rows.at[at, np.arange(WEIGHTS.size)[:, None], unknowns(n)[:, None, :]].set(here)
    weights, mean = jnp.asarray(WEIGHTS) / n, jnp.mean(width)
    field = _Field(
        matrices(n, unit.numbers)[0][np.ix_(free, free)],
        rows.reshape(-1, 2 * (n + 1))[:, free],
        jnp.outer(width / mean, weights).reshape(-1),
        jnp.outer(jnp.where(width > 0.0, fringe * gap / mean, 0.0), weights).reshape(-1),
    )
    factor = permittivity * mean * unit.length**4 / (unit.bending * gap**3)
    return field, _Scales(factor, unit.length, gap, voltage, bad)


def _capacitance(d: Float[Array, " m"], field: _Field) -> Scalar:
    u = field.rows @ d
    # a beam that reaches through the electrode has no energy, NaN from the logarithm even of weight 0
    return field.plate @ (1.0 / (1.0 - u)) - field.edge @ jnp.log1p(-u)


def _energy(d: Float[Array, " m"], arguments: Any) -> Scalar:
    """Of a field and β."""
    field, beta = arguments
    return 0.5 * (d @ field.stiffness @ d) - 0.5 * beta * _capacitance(d, field)


def _lagrangian(x: Float[Array, " k"], field: _Field) -> Scalar:
    """β/2 + z · (K d − ½ β ∂C/∂d) of x = (d, z, β)."""
    d, z, beta = _split(x)
    _, pull = jax.jvp(lambda y: _capacitance(y, field), (d,), (z,))
    return 0.5 * beta + z @ field.stiffness @ d - 0.5 * beta * pull


def _split(x: Float[Array, " k"]):
    m = x.shape[0] // 2
    return x[:m], x[m:-1], x[-1]


def _value(x: Float[Array, " k"], field: _Field) -> tuple[Scalar, None]:
    return 2.0 * _lagrangian(x, field), None


@dataclasses.dataclass(frozen=True)
class _Fold(FieldProblem):
    """Where the equilibria turn back, of x = (d, z, β)."""

    def find(self, start, arguments):
        """By Newton's method in steps of at most a tenth of the gap."""

        def turn(state):
            x, _, count = state
            step = -jnp.linalg.solve(jax.hessian(_lagrangian)(x, arguments), jax.grad(_lagrangian)(x, arguments))
            size = jnp.max(jnp.abs(_split(step)[0][0::2]))
            return x + step * jnp.minimum(1.0, 0.1 / size), size, count + 1

        def keep_going(state):
            _, size, count = state
            return (size > SETTINGS.tolerance) & (count < SETTINGS.max_steps)  # ends at a NaN

        zero = 0.0 * jnp.sum(start)
        x, size, count = jax.lax.while_loop(keep_going, turn, (start, zero + 1.0, jnp.asarray(0, jnp.int32)))
        status = Status(jnp.asarray(0, jnp.int32), count, size)
        status = screen(status, size > SETTINGS.tolerance, Code.MAX_STEPS)
        d, _, beta = _split(x)
        # stable but for the one mode: the first fold of the path that starts straight
        force = jax.grad(_capacitance)(d, arguments)
        tangent = jax.hessian(_energy)(d, (arguments, beta)) + beta * jnp.outer(force, force)
        stable = jnp.all(jnp.isfinite(jnp.linalg.cholesky(tangent))) & jnp.all(arguments.rows @ d < 1.0)
        status = screen(status, ~(stable & (beta > 0.0)), Code.SINGULAR)
        return jnp.where(status.failed, start, x), status, None

    def residual(self, x, arguments):
        """Gradient of the Lagrangian."""
        return jax.grad(_lagrangian)(x, arguments)

    def linearized(self, x, arguments, kept):
        """Its Hessian, indefinite and regular at a fold."""
        hessian = jax.hessian(_lagrangian)(x, arguments)

        def inverse(rhs):
            return jnp.linalg.solve(hessian, rhs), Status.of()

        return Linearized(lambda v: hessian @ v, inverse)


@eqx.filter_jit
def _pull_in(actuator: Actuator) -> PullIn:
    field, scales = _unit_field(actuator, jnp.asarray(0.0))
    at = 2 * actuator.beam.loaded - 2  # the first node is clamped

    def closer(_, state):  # to an equilibrium that closes 0.4 of the gap
        d, _, _ = state
        force = jax.grad(_capacitance)(d, field)
        shape = jnp.linalg.solve(field.stiffness, force)
        part = 0.4 / jnp.max(field.rows @ shape)
        return part * shape, shape / (shape @ force), 2.0 * part

    zero = 0.0 * field.rows[0]
    d, z, beta = jax.lax.fori_loop(0, 4, closer, (zero, zero, zero[0]))
    start = jnp.concatenate([d, z, beta[None]])
    x, status = stationary_field(_Fold(), start, field)
    beta, _ = at_stationary(_value, x, field)
    buckled = jnp.any(jnp.isnan(jnp.linalg.cholesky(field.stiffness)))
    first = screen(screen(Status.of(), scales.bad, Code.NONFINITE), buckled, Code.SINGULAR)
    status = first_failure(first, status)
    squared = jnp.where(status.failed, 1.0, beta / scales.factor)  # whose root has a derivative
    voltage, deflection = guard((jnp.sqrt(squared), scales.gap * _split(x)[0][at]), status.failed)
    return PullIn(voltage, deflection, status)


@eqx.filter_jit
def _bent(actuator: Actuator, voltage: Scalar) -> tuple[Deflection, Float[Array, "m m"]]:
    """The stable deflection, and what the field takes off the beam's stiffness there."""
    field, scales = _unit_field(actuator, voltage)
    n, L, beta = actuator.beam.elements, scales.length, scales.factor * scales.voltage**2
    d, status = stationary(FromEnergy(_energy), jnp.zeros(field.stiffness.shape[0]), (field, beta), SETTINGS)
    stable = status.ok & ~status.unstable & jnp.all(field.rows @ d < 1.0)
    code = jnp.where(scales.bad, Code.NONFINITE.value, jnp.where(stable, Code.CONVERGED.value, Code.SINGULAR.value))
    status = Status.of(code, status.iterations, status.residual)
    whole = scales.gap * jnp.zeros(2 * (n + 1)).at[2 : 2 + d.shape[0]].set(d)
    found = L * jnp.linspace(0.0, 1.0, n + 1), whole[0::2], whole[1::2] / L
    x, w, rotation = guard(found, status.failed)
    return Deflection(x, w, rotation, status), 0.5 * beta * jax.hessian(_capacitance)(d, field)
