"""Is the continuum still good here? A budget of what a classical beam of bulk material leaves out, each as a number."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.nano.section import Section, SurfaceElasticity
from msjax.typing import Array, Float, Scalar, concrete

IN_ALL = "parameters in all"


class Contribution(eqx.Module):
    """One line of a budget: a relative error ``value`` (1), its ``formula`` and its ``source``."""

    name: str = eqx.field(static=True)
    value: Float[Array, "..."]
    formula: str = eqx.field(static=True)
    source: str = eqx.field(static=True)


class Validity(eqx.Module):
    """Of :func:`validity`: ``contributions``, and by name as ``budget["surface stiffness"]``. Prints as a table."""

    contributions: tuple[Contribution, ...]

    def __getitem__(self, name: str) -> Float[Array, "..."]:
        for each in self.contributions:
            if each.name == name:
                return each.value
        raise KeyError(f"{name!r}: expected one of {', '.join(x.name for x in self.contributions)}")

    @property
    def largest(self) -> Contribution:
        """The contribution of greatest size, of one beam; the parameters count one by one."""
        single = [x for x in self.contributions if x.name != IN_ALL]
        return max(single, key=lambda x: abs(float(x.value)))

    def __str__(self) -> str:
        if any(not concrete(x.value) or np.ndim(x.value) for x in self.contributions):
            return f"Validity({', '.join(x.name for x in self.contributions)})"
        rows = [("", "relative", "formula", "source")]
        rows += [(x.name, f"{float(x.value):+.2e}", x.formula, x.source) for x in self.contributions]
        widths = [max(len(row[i]) for row in rows) for i in range(4)]
        lines = ["  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([lines[0], "  ".join("-" * n for n in widths), *lines[1:]])


def validity(
    section: Section,
    E: Scalar | float,
    lattice_constant: Scalar | float,
    surface: SurfaceElasticity | None = None,
    *,
    bending_length: Scalar | float = 0.0,
    thermal_rms: Scalar | float = 0.0,
    deflection: Scalar | float | None = None,
    modulus_uncertainty: Scalar | float = 0.15,
    surface_uncertainty: Scalar | float = 1.0,
) -> Validity:
    """What a classical beam leaves out, relative to its bending stiffness E I unless the line says otherwise.

    Args:
        section: bent along its thickness h.
        E: the bulk's modulus along the beam.
        lattice_constant: a. The rule "a/h, so 1 % at 100 planes" is wrong for the bulk, whose discreteness is symmetric
            and of second order; of first order is what h means, by about one plane, and I goes with h³.
        surface: of the faces; none is no surface at all.
        bending_length: b_h, 0 for a local bulk; :func:`~msjax.nano.size_effects.couple_stress_bending_length`.
        thermal_rms: of the deflection where it is read, :func:`~msjax.nano.thermal_motion.thermal_motion`.
        deflection: what is measured; thermal motion is compared with it, or with h.
        modulus_uncertainty, surface_uncertainty: relative standard deviations of E and of S.

    Everything in one set of units. Differentiable in all numbers; batch with vmap. Raises ``ValueError`` for numbers
    out of range.

    >>> from msjax.nano import SurfaceElasticity, rectangle
    >>> budget = validity(rectangle(200.0, 50.0), 130.0, 0.5431, SurfaceElasticity(0.605, -10.655), thermal_rms=0.202)
    >>> budget.largest.name, round(float(budget["discreteness"]), 6), round(float(budget["thickness"]), 3)
    ('modulus uncertainty', 0.000118, 0.033)
    """
    given = {"E": E, "lattice_constant": lattice_constant, "deflection": 1.0 if deflection is None else deflection}
    for name, value in given.items():
        _check(name, value, above=True)
    given = {"bending_length": bending_length, "thermal_rms": thermal_rms}
    given |= {"modulus_uncertainty": modulus_uncertainty, "surface_uncertainty": surface_uncertainty}
    for name, value in given.items():
        _check(name, value, above=False)
    surface = SurfaceElasticity() if surface is None else surface
    h, bulk = section.thickness, E * section.second_moment
    share = section.rigidity(E, surface).bending / bulk - 1.0
    nonlocal_share = section.rigidity(E, bending_length=bending_length).bending / bulk - 1.0
    scale, against = (h, "h") if deflection is None else (deflection, "deflection")
    own, whole = modulus_uncertainty / (1.0 + share), surface_uncertainty * jnp.abs(share / (1.0 + share))
    lines = (
        ("discreteness", (lattice_constant / h) ** 2, "(a/h)²", "symmetric differences: no first order"),
        ("thickness", 3.0 * lattice_constant / h, "3a/h", "I ~ h³, h known to one a"),
        ("nonlocality", nonlocal_share, "A b_h²/(12 I), (b_h/h)² for a rectangle", "Park and Gao 2006"),
        ("surface stiffness", share, "EI*/(EI) − 1: plate 6S/(Eh), square bar 8S/(Eh)", "Miller and Shenoy 2000"),
        ("residual strain", section.relaxed(E, surface).strain, "−∮τ ds/EA*: a strain", "Gurtin and Murdoch 1975"),
        ("thermal motion", thermal_rms / scale, f"√(k_BT/k)/{against}", "equipartition"),
        ("modulus uncertainty", own, "sd(E)/E · EI/EI*", "first order"),
        ("surface uncertainty", whole, "sd(S)/S · |EI* − EI|/EI*", "first order"),
        (IN_ALL, jnp.sqrt(own**2 + whole**2), "root of the sum of the two squares", "first order"),
    )
    return Validity(tuple(Contribution(n, jnp.asarray(v, float), f, s) for n, v, f, s in lines))


def _check(name: str, value: Array | float, above: bool) -> None:
    if jnp.ndim(value) != 0 or (concrete(value) and not (0.0 < float(value) < np.inf or (not above and value == 0))):
        raise ValueError(f"{name}: expected one {'positive number' if above else 'number, 0 or more'}, got {value!r}")
