"""Straight nano-beams: cantilevers, bridges and free beams, deflected and vibrating.

Euler–Bernoulli's or Timoshenko's beam of effective rigidities in small deflections, with an axial tension N,

    ∫ ½ [EI θ′² + kGA (w′ − θ)² + N w′²] dx − loads,

by the elements of :mod:`~msjax.nano.beam_elements`. What surfaces do comes in three ways: their stiffness changes EI
(:mod:`~msjax.nano.section`), their stress curls a section whose faces differ, and their stress pulls at the clamps of a
bridge. Which residual stress a beam feels is a choice:

* ``"consistent"``: the bulk carries the opposite of what the surfaces pull, unless clamps do. A cantilever or free beam
  has no axial force, N = 0; a bridge made at the bulk's own length has N = ∮τ ds + ΣT.
* ``"young_laplace"``: a lateral load H w″ per length, H = ∮τ n_y² ds, as often used in the literature (Wang and Feng,
  Appl. Phys. Lett. 90, 2007; He and Lilley, Nano Letters 8, 2008). It leaves the bulk's counterforce out, and predicts
  changes of a cantilever (40 % at 50 nm) where an energy has none. At a free end E I w‴ = −F: the load follows the
  beam, has no potential, and makes the cantilever softer for τ > 0; a bridge feels H as a tension.
"""

from typing import Any, Literal, get_args

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.nano.beam_response import (
    BeamModes,
    Deflection,
    PointStiffness,
    compliance,
    deflection,
    free_unknowns,
    vibration,
)
from msjax.nano.section import Section, SurfaceElasticity
from msjax.status import Status
from msjax.typing import Array, Float, Scalar, concrete

Support = Literal["cantilever", "bridge", "free"]
Residual = Literal["consistent", "young_laplace"]


class Beam(eqx.Module):
    """A straight beam in any consistent units. Numbers are array leaves; support, residual and elements are static.

    ``length`` from clamp to tip (to the other clamp); ``clamp_offset`` is added for each clamp, so that a negative one
    shortens the flexible length, a positive one is a clamp that gives. Along the beam, one number or one an element:
    ``bending`` EI, ``mass`` per length, ``shear_flexibility`` 1/(kGA), 0 for Euler–Bernoulli, ``rotary_inertia`` ρI per
    length. ``tension`` is the axial force N, or the H of the Young–Laplace model.

    Raises ``ValueError`` for numbers out of range, an unknown support or residual, too few elements, an odd number of
    them in a bridge (its middle is loaded), and tension in a free beam.

    >>> beam = Beam(length=2e-6, bending=2.708333e-19, mass=2.33e-11)  # a silicon cantilever in SI, 2 µm × 200 × 50 nm
    >>> round(float(beam.point_stiffness().k), 4)  # N/m
    0.1016
    >>> round(float(beam.vibrate(1).frequencies[0]) / 1e6, 3)  # MHz
    15.083
    """

    length: Scalar
    clamp_offset: Scalar
    bending: Float[Array, " n"]
    mass: Float[Array, " n"]
    shear_flexibility: Float[Array, " n"]
    rotary_inertia: Float[Array, " n"]
    tension: Scalar
    support: str = eqx.field(static=True)
    residual: str = eqx.field(static=True)

    def __init__(
        self,
        length: Scalar | float,
        bending: Array | float,
        mass: Array | float = 1.0,
        shear_flexibility: Array | float = 0.0,
        rotary_inertia: Array | float = 0.0,
        tension: Scalar | float = 0.0,
        clamp_offset: Scalar | float = 0.0,
        support: str = "cantilever",
        residual: str = "consistent",
        elements: int = 32,
    ):
        for name, value, known in (("support", support, Support), ("residual", residual, Residual)):
            if value not in get_args(known):
                raise ValueError(f"{name}: expected one of {', '.join(get_args(known))}, got {value!r}")
        if not isinstance(elements, int) or elements < 1 or (support == "bridge" and elements % 2):
            which = "an even number" if support == "bridge" else "one or more"
            raise ValueError(f"elements: expected {which}, got {elements!r}")
        self.length, self.clamp_offset = (
            one_number(length, "length"),
            one_number(clamp_offset, "clamp_offset", low=-np.inf),
        )
        self.bending, self.mass = along_elements(bending, "bending", elements), along_elements(mass, "mass", elements)
        self.shear_flexibility = along_elements(shear_flexibility, "shear_flexibility", elements, zero=True)
        self.rotary_inertia = along_elements(rotary_inertia, "rotary_inertia", elements, zero=True)
        self.tension = one_number(tension, "tension", low=-np.inf)
        self.support, self.residual = support, residual
        if concrete(self.flexible_length) and not float(self.flexible_length) > 0.0:
            raise ValueError(f"clamp_offset: it leaves a flexible length of {float(self.flexible_length):g}")
        if support == "free" and (residual != "consistent" or not concrete(self.tension) or float(self.tension) != 0.0):
            raise ValueError("tension: a free beam has none; expected 0 and the consistent residual")

    @classmethod
    def of(
        cls,
        section: Section,
        E: Scalar | float,
        rho: Scalar | float,
        length: Scalar | float,
        surface: SurfaceElasticity | None = None,
        *,
        shear_modulus: Scalar | float | None = None,
        bending_length: Scalar | float = 0.0,
        clamp_offset: Scalar | float = 0.0,
        support: str = "cantilever",
        residual: str = "consistent",
        elements: int = 32,
    ) -> "Beam":
        """A beam of one section: EI* of bulk and surfaces, mass ρA, and the residual stress of the module's choice.

        With a ``shear_modulus`` it is Timoshenko's, with shear rigidity k G A and rotary inertia ρI; without,
        Euler–Bernoulli's. ``bending_length``: see :meth:`~msjax.nano.section.Section.rigidity`.

        >>> from msjax.nano import rectangle
        >>> nm = 1e-9
        >>> silicon = Beam.of(rectangle(200 * nm, 50 * nm), 130e9, 2330.0, 2000 * nm, shear_modulus=50.8e9)
        >>> round(float(silicon.point_stiffness().k), 4)
        0.1015
        """
        E, rho = one_number(E, "E"), one_number(rho, "rho")
        tension: Any = 0.0
        if surface is not None and residual == "young_laplace":
            tension = section.young_laplace_load(surface)
        elif surface is not None and support == "bridge":
            tension = section.surface_tension(surface)
        shear: Any = 0.0
        if shear_modulus is not None:
            shear = 1.0 / (section.shear_coefficient * one_number(shear_modulus, "shear_modulus") * section.area)
        return cls(
            length=length,
            bending=section.rigidity(E, surface, bending_length).bending,
            mass=rho * section.area,
            shear_flexibility=shear,
            rotary_inertia=0.0 if shear_modulus is None else rho * section.second_moment,
            tension=tension,
            clamp_offset=clamp_offset,
            support=support,
            residual=residual,
            elements=elements,
        )

    @property
    def elements(self) -> int:
        """How many, of equal length."""
        return self.bending.shape[-1]

    @property
    def flexible_length(self) -> Scalar:
        """Length plus one clamp offset for each clamp."""
        return self.length + {"cantilever": 1.0, "bridge": 2.0, "free": 0.0}[self.support] * self.clamp_offset

    @property
    def conservative(self) -> bool:
        """False for the Young–Laplace cantilever, whose load follows it: static deflections alone make sense there."""
        return not (self.support == "cantilever" and self.residual == "young_laplace")

    def deflect(
        self, force: Scalar | float = 0.0, load: Scalar | float = 0.0, moment: Scalar | float = 0.0
    ) -> Deflection:
        """Static deflection under a ``force`` at the tip (bridge: the middle), a uniform ``load`` per length and a
        ``moment`` at the tip.

        Without tension the nodes are exact. Raises ``ValueError`` for a free beam, and a moment on a bridge.

        >>> beam = Beam(length=2.0, bending=5.0)
        >>> round(float(beam.deflect(force=3.0).w[-1]), 6)  # F L³/(3 EI)
        1.6
        """
        self._held("deflect")
        if self.support == "bridge" and (not concrete(moment) or float(moment) != 0.0):
            raise ValueError("moment: a bridge has no tip; expected 0")
        return deflection(self, *(jnp.asarray(x, float) for x in (force, load, moment)))

    def point_stiffness(self) -> PointStiffness:
        """3EI/L³ of a slender cantilever at its tip, 192EI/L³ of a slender bridge in its middle."""
        found = self.deflect(force=1.0)
        return PointStiffness(1.0 / found.w[self.loaded], found.status)

    @property
    def loaded(self) -> int:
        """Node of the tip, or of a bridge's middle."""
        return self.elements // 2 if self.support == "bridge" else self.elements

    def compliance(self) -> tuple[Float[Array, "m m"], Status]:
        """Deflection at node i under a unit force at node j, by nodes (n + 1, n + 1)."""
        self._held("compliance")
        return compliance(self)

    def vibrate(self, count: int = 3) -> BeamModes:
        """Lowest natural frequencies and modes, without the rigid motions of a free beam.

        Differentiable to any order; the frequencies of a uniform beam converge as n⁻⁴. Raises ``ValueError`` for a
        count out of range and for the Young–Laplace cantilever: a load without potential has no natural frequencies of
        this kind.
        """
        if not self.conservative:
            raise ValueError('residual: expected "consistent": the load of the Young–Laplace cantilever follows it')
        most = free_unknowns(self.support, self.elements).size - (2 if self.support == "free" else 0)
        if not isinstance(count, int) or not 1 <= count <= most:
            raise ValueError(f"count: expected 1 to {most}, got {count!r}")
        return vibration(self, count)

    def _held(self, doing):
        if self.support == "free":
            raise ValueError(f"support: {doing} needs a cantilever or a bridge, a free beam moves away")


def one_number(value: Any, name: str, low: float = 0.0) -> Scalar:
    """One number above ``low``, finite, or a ``ValueError`` that names it."""
    if jnp.ndim(value) != 0 or (concrete(value) and not low < float(value) < np.inf):
        raise ValueError(f"{name}: expected one {'positive' if low == 0.0 else 'finite'} number, got {value!r}")
    return jnp.asarray(value, float)


def along_elements(value: Any, name: str, elements: int, zero: bool = False) -> Float[Array, " n"]:
    """Positive numbers along a beam, one for each element; ``zero`` allows 0 as well."""
    found = jnp.asarray(value, float)
    if found.shape not in ((), (elements,)):
        raise ValueError(f"{name}: expected one number or one for each element ({elements}), got shape {found.shape}")
    if concrete(found):
        good = np.isfinite(found) & ((np.asarray(found) > 0.0) | (zero & (np.asarray(found) == 0.0)))
        if not np.all(good):
            where = "" if found.ndim == 0 else f" in element {int(np.argmin(good))}"
            kind = "positive numbers or 0" if zero else "positive numbers"
            raise ValueError(f"{name}: expected {kind}, got {float(np.ravel(found)[np.argmin(good)]):g}{where}")
    return jnp.broadcast_to(found, (elements,))
