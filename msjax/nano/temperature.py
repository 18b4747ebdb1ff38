"""What temperature does to a beam: moduli of the quasi-harmonic crystal, and the temperature coefficient of frequency.

A crystal's constants at zero stress and a temperature give Young's modulus along the beam, its lattice the length, the
section and the density. Of a uniform beam of a cubic crystal f ∝ √(E/ρ) h/L², all lengths grow by the same α, and

    d ln f/dT = ½ d ln E/dT + ½ α

in which the modulus outweighs the expansion by far. The moduli are isothermal; what vibrates feels something between
them and the adiabatic ones, which are larger by the part Eα²T/c_p (Lifshitz and Roukes, doi:10.1103/PhysRevB.61.5600):
0.2 % for copper along [001] at room temperature. Surfaces come in by their stress and stiffness at the temperature,
:func:`msjax.surfaces.at_temperature`: a bridge, which their stress pulls taut, feels τ(T) in its frequency.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.elastic import brugger
from msjax.crystal.equilibrium import equilibrium as static_equilibrium
from msjax.crystal.quasi_harmonic import QuasiHarmonic
from msjax.crystal.thermal.equilibrium import ThermalEquilibrium
from msjax.crystal.thermal.equilibrium import equilibrium as thermal_equilibrium
from msjax.nano.beam import Beam
from msjax.nano.section import Section, SurfaceElasticity
from msjax.status import Code, Status, check, first_failure, guard, screen, substitute
from msjax.tensors import VOIGT
from msjax.typing import Array, Float, Scalar, concrete


class DirectionalModuli(NamedTuple):
    """Of :func:`directional_moduli`: ``E`` and ``shear`` in the stiffness's unit, ``nu`` without one."""

    E: Scalar
    nu: Scalar
    shear: Scalar


class BeamModuli(NamedTuple):
    """Of :func:`beam_moduli`: ``E`` and ``shear`` in eV/Å³, ``nu``; ``thermal_strain`` along the beam and
    ``density_factor`` ρ/ρ_ref against the reference; ``density`` ρ in amu/Å³."""

    E: Scalar
    nu: Scalar
    shear: Scalar
    thermal_strain: Scalar
    density_factor: Scalar
    density: Scalar
    status: Status


class FrequencyCoefficient(NamedTuple):
    """Of :func:`frequency_coefficient`: ``frequencies`` (k,) and ``coefficient`` (k,) d ln f/dT, 1/K."""

    frequencies: Float[Array, " k"]
    coefficient: Float[Array, " k"]
    status: Status


def directional_moduli(
    stiffness: Float[Array, "6 6"], direction: Any = (0.0, 0.0, 1.0), transverse: Any = None
) -> DirectionalModuli:
    """Engineering moduli of an anisotropic solid along n: with the compliance S = C⁻¹,

        1/E = S_nnnn,    ν = −E S_nnmm,    1/G = 4 S_nmnm

    (Nye, Physical Properties of Crystals, ch. VIII), for m = ``transverse`` or, without it, with S_nnmm and S_nmnm in
    the mean over all m across n. Voigt order 11, 22, 33, 23, 13, 12. Directions of any length.

    Raises ``ValueError`` for a direction that is 0 or not three finite numbers, and a transverse that is not across.

    >>> import jax.numpy as jnp
    >>> c = jnp.diag(jnp.array([47.0, 47.0, 47.0, 75.4, 75.4, 75.4])).at[:3, :3].add(121.4)  # copper, GPa
    >>> [round(float(x), 3) for x in directional_moduli(c)]  # (C11 − C12)(C11 + 2 C12)/(C11 + C12), C12/(C11 + C12)
    [66.689, 0.419, 75.4]
    >>> round(float(directional_moduli(c, [1.0, 1.0, 0.0], [1.0, -1.0, 0.0]).nu), 3)  # negative, as in many metals
    -0.136
    """
    n, m = _directions(direction, transverse)
    return _moduli(stiffness, n, m)


def beam_moduli(
    material: QuasiHarmonic,
    temperature: Any = None,
    *,
    direction: Any = (0.0, 0.0, 1.0),
    transverse: Any = None,
    reference: Any = None,
    throw: bool = True,
) -> BeamModuli:
    """Isothermal moduli along ``direction`` of the crystal free of stress at a temperature, and how it has expanded.

    :func:`msjax.thermal.equilibrium` at T, the constants C_ij(T) there, and :func:`directional_moduli` of them.
    ``temperature`` in K is by default the material's. Strain and density count from the crystal at the temperature
    ``reference``, or, without one, from the static lattice: the minimum of the potential's energy with no vibrations,
    not even those of the zero point. Directions are those of the crystal's axes: any in a cubic crystal; in another,
    along principal axes of its expansion.

    Where a crystal expands until a shell of neighbours reaches the taper at its potential's cut-off, the taper's
    curvature may make a minimum of its own, which is found and not told from a true one (Cleri and Rosato's copper with
    a taper from 6 Å: not yet at 1500 K, but at 2000 K, with a strain of 5 % and E in thousands of GPa).

    Differentiable in T and in the potential's parameters, batch with vmap (then ``throw`` does nothing). A failed
    member is NaN with its status, a single one raises ``SolveError`` unless ``throw=False``. Raises ``ValueError`` for
    a material that is not a quasi-harmonic one in three dimensions, temperatures out of range and directions as
    :func:`directional_moduli`. ::

        copper = ms.QuasiHarmonic(ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu")))
        found = ms.nano.beam_moduli(copper, 300.0, reference=0.0)
        found.E / ms.units.GPa, found.thermal_strain
    """
    if not isinstance(material, QuasiHarmonic) or material.dim != 3:
        dim = f" in {material.dim} dimension(s)" if isinstance(material, QuasiHarmonic) else ""
        raise ValueError(
            f"material: expected a QuasiHarmonic one in three dimensions, got {type(material).__name__}{dim}"
        )
    n, m = _directions(direction, transverse)
    if reference is None:
        rest = static_equilibrium(material.material, throw=False)
    else:
        try:
            rest = thermal_equilibrium(material, reference, throw=False)
        except ValueError as error:
            raise ValueError(f"reference: {error}") from None
    found = thermal_equilibrium(material, temperature, throw=False)
    result = _beam_moduli(material, found, rest.stretch, rest.volume_per_atom, rest.status, n, m)
    check(result.status, "moduli at a temperature", throw)
    return result


def expanded_beam(
    section: Section,
    length: Scalar | float,
    moduli: BeamModuli,
    surface: SurfaceElasticity | None = None,
    *,
    timoshenko: bool = False,
    clamp_offset: Scalar | float = 0.0,
    support: str = "cantilever",
    elements: int = 32,
) -> Beam:
    """The beam with this section and length at the reference, as it is with the ``moduli`` of its temperature.

    Its length grows by 1 + ε, its mass ρAL stays, and so the section's sides grow by √(ρ_ref/(ρ (1 + ε))): 1 + ε in a
    cubic crystal; in one with an axis, exact for a beam along it. ``surface`` is that at the temperature, per length
    and area as they are then. In a bridge the clamps move with the beam, so that its surfaces alone pull it taut. For
    moduli as :func:`beam_moduli` gives them lengths are in Å, and f/``units.THz`` is in THz; moduli of one's own may
    have any consistent units. ``timoshenko`` takes the shear modulus and the rotary inertia along.

    Raises ``ValueError`` as :meth:`Beam.of`; of failed moduli, NaN, it makes a beam all of whose answers are NaN.

    >>> import jax.numpy as jnp
    >>> from msjax.nano import rectangle
    >>> from msjax.status import Status
    >>> one = jnp.array(1.0)
    >>> moduli = BeamModuli(100.0 * one, 0.3 * one, 40.0 * one, 0.01 * one, 1.01**-3 * one, 0.5 * one, Status.of())
    >>> beam = expanded_beam(rectangle(4.0, 2.0), 50.0, moduli, elements=4)
    >>> float(beam.length), round(float((beam.mass[0] * beam.length) / (0.5 * 1.01**3 * 8.0 * 50.0)), 9)
    (50.5, 1.0)
    """
    options = {"support": support, "elements": elements}
    # the same numbers cold: what is wrong with them is said before the moduli, which may have failed, come in
    cold = Beam.of(section, 1.0, 1.0, length, clamp_offset=clamp_offset, **options)
    longer = 1.0 + moduli.thermal_strain
    grown = _scaled(section, 1.0 / jnp.sqrt(moduli.density_factor * longer))
    mass = moduli.density * grown.area
    tension = grown.surface_tension(surface) if surface is not None and support == "bridge" else cold.tension
    flexibility = rotary = jnp.zeros(())
    if timoshenko:
        flexibility = 1.0 / (grown.shear_coefficient * moduli.shear * grown.area)
        rotary = moduli.density * grown.second_moment
    along = (grown.rigidity(moduli.E, surface).bending, mass, flexibility, rotary)
    bending, mass, flexibility, rotary = (jnp.broadcast_to(x, cold.bending.shape) for x in along)
    return eqx.tree_at(
        lambda b: (b.length, b.clamp_offset, b.bending, b.mass, b.shear_flexibility, b.rotary_inertia, b.tension),
        cold,
        (cold.length * longer, cold.clamp_offset * longer, bending, mass, flexibility, rotary, tension),
    )


def frequency_coefficient(beam: Callable[[Scalar], Beam], temperature: Any, count: int = 1) -> FrequencyCoefficient:
    """Temperature coefficient of frequency d ln f/dT of the first modes of a beam given as a function of T, by one
    forward derivative through all that the beam is made of.

    With ``expanded_beam(section, length, beam_moduli(copper, T, throw=False))`` for the beam it is the crystal's own,
    for a cubic one ½ d ln E/dT + ½ α. The stress of :func:`msjax.surfaces.at_temperature` in its ``surface`` adds
    what τ(T) does. Where moduli or beam fail, NaN and a status that says so; differentiable once more. Raises
    ``ValueError`` for a temperature that is not one finite number and for a count as :meth:`Beam.vibrate`.

    >>> from msjax.nano import Beam
    >>> def beam(T):  # E falls by 200 ppm/K, nothing expands
    ...     return Beam(length=50.0, bending=100.0 * (1.0 - 2e-4 * (T - 300.0)), mass=1.0, elements=4)
    >>> round(1e6 * float(frequency_coefficient(beam, 300.0).coefficient[0]), 6)  # ppm/K
    -100.0
    """
    warm = jnp.asarray(temperature, float)
    if warm.ndim != 0 or (concrete(warm) and not np.isfinite(float(warm))):
        raise ValueError(f"temperature: expected one finite number, got {temperature!r}; batch with vmap")

    def squares(t):
        found = beam(t).vibrate(count)
        return found.squared, (found.frequencies, found.status)

    squared, rate, (frequencies, status) = jax.jvp(squares, (warm,), (jnp.ones_like(warm),), has_aux=True)
    return FrequencyCoefficient(frequencies, 0.5 * rate / squared, status)


@eqx.filter_jit
def _beam_moduli(
    material: QuasiHarmonic,
    found: ThermalEquilibrium,
    rest: Float[Array, "3 3"],
    rest_volume: Scalar,
    rest_status: Status,
    n: Float[Array, "3"],
    m: Float[Array, "3"] | None,
) -> BeamModuli:
    status = first_failure(found.status, rest_status)
    crystal, relaxed = material.material.crystal, found.material.material.crystal
    # what comes after a failed solve is computed on the crystal given, and is NaN in the end
    cell = substitute((relaxed.cell, relaxed.basis), found.status.failed, (crystal.cell, crystal.basis))
    warm = eqx.tree_at(lambda q: (q.material.crystal.cell, q.material.crystal.basis), found.material, cell)
    response = warm.respond(jnp.eye(3))
    stiffness = brugger(jnp.eye(3), response)
    status = first_failure(status, response.tangent_status)
    failed = status.failed
    stiffness, stretch, rest, volume, rest_volume = substitute(
        (stiffness, found.stretch, rest, found.volume_per_atom, rest_volume),
        failed,
        (jnp.eye(6), jnp.eye(3), jnp.eye(3), jnp.ones(()), jnp.ones(())),
    )
    strain = jnp.sqrt(jnp.sum((stretch @ n) ** 2) / jnp.sum((rest @ n) ** 2)) - 1.0
    density = jnp.sum(crystal.masses) / (crystal.atoms_per_cell * volume)
    values = (*_moduli(stiffness, n, m), strain, rest_volume / volume, density)
    status = screen(status, ~jnp.all(jnp.isfinite(jnp.stack(values))), Code.SINGULAR)
    return BeamModuli(*guard(values, status.failed), status=status)


def _moduli(stiffness: Float[Array, "6 6"], n: Float[Array, "3"], m: Float[Array, "3"] | None) -> DirectionalModuli:
    axial = _voigt_stress(n, n)
    strain = jnp.linalg.solve(stiffness, axial)
    along = axial @ strain
    if m is not None:
        load = _voigt_stress(n, m)
        across, sheared = _voigt_stress(m, m) @ strain, load @ jnp.linalg.solve(stiffness, load)
    else:  # Σ over three axes less what is along n: twice the mean
        loads = jax.vmap(_voigt_stress, in_axes=(None, 0))(n, jnp.eye(3))
        across = 0.5 * (jnp.sum(strain[:3]) - along)
        sheared = 0.5 * (jnp.sum(loads * jnp.linalg.solve(stiffness, loads.T).T) - along)
    return DirectionalModuli(1.0 / along, -across / along, 0.25 / sheared)


def _voigt_stress(a: Float[Array, "3"], b: Float[Array, "3"]) -> Float[Array, "6"]:
    """The stress ½(a⊗b + b⊗a); as a row, what a strain with engineering shear is along a and b."""
    return jnp.stack([0.5 * (a[i] * b[j] + a[j] * b[i]) for i, j in VOIGT[3]])


def _directions(direction: Any, transverse: Any) -> tuple[Array, Array | None]:
    n = _unit(direction, "direction")
    if transverse is None:
        return n, None
    m = _unit(transverse, "transverse")
    if concrete(n, m) and abs(float(n @ m)) > 1e-8:
        raise ValueError(f"transverse: expected a direction across {direction!r}, got {transverse!r}")
    return n, m


def _unit(value: Any, name: str) -> Float[Array, "3"]:
    found = jnp.asarray(value, float)
    if found.shape != (3,) or (concrete(found) and not (np.all(np.isfinite(found)) and np.any(np.asarray(found)))):
        raise ValueError(f"{name}: expected three finite numbers, not all 0, got {value!r}")
    return found / jnp.sqrt(jnp.sum(found**2))


def _scaled(section: Section, s: Scalar) -> Section:
    """The same section s times as large."""
    return Section(
        area=section.area * s**2,
        second_moment=section.second_moment * s**4,
        thickness=section.thickness * s,
        lengths=section.lengths * s,
        first_moments=section.first_moments * s**2,
        second_moments=section.second_moments * s**3,
        projections=section.projections * s,
        corners=section.corners * s,
        shear_coefficient=section.shear_coefficient,
    )
