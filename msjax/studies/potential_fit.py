"""Fit a potential's parameters to what is measured on its crystal, as a model for calibration."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.calibration import LogNormal, Observations, Parameter
from msjax.calibration.quantities import factor, unit_named
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.elastic import relaxed_stiffness
from msjax.crystal.equilibrium import equilibrium
from msjax.crystal.surfaces import Surface
from msjax.crystal.surfaces.constants import constants
from msjax.io import read_quantities
from msjax.nano import Wire, square, wire_rigidity
from msjax.studies.columns import renamed
from msjax.typing import Array, Float, Scalar

CRYSTAL = ("a0", "energy_per_atom", "E_coh", "C11", "C12", "C44")
"""What a cubic crystal says: lattice constant; energy per atom, negative when bound, and the same with the sign
turned; elastic constants with inner shifts relaxed, all at zero stress and zero temperature."""

Observable = Callable[[CauchyBorn], dict[str, Scalar]]
"""Further quantities of the relaxed crystal, by name."""


class CrystalLaw(eqx.Module):
    """From a potential to the quantities of its stress-free crystal and what else follows from them (internal units).

    ``material`` is a cubic crystal near equilibrium with the potential to start from; parameters replace leaves of
    ``material.potential`` (``Parameter(..., where=lambda law: law.material.potential.xi)``, or
    :func:`potential_parameters`). The crystal is relaxed, which is differentiable, and each of ``further`` is called
    with the relaxed material: surface constants, the rigidity of a beam. So all that is measured on one potential's
    crystals goes into one fit.

    >>> import msjax as ms
    >>> law = CrystalLaw(ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.61), ms.EAM.gupta("Cu")))
    >>> round(float(law({}, {})["a0"][0]), 3)
    3.615
    """

    material: CauchyBorn
    further: tuple[Observable, ...] = ()

    def __call__(self, values: dict[str, Array], controls: dict[str, Array]) -> dict[str, Float[Array, "1"]]:
        """One row of :data:`CRYSTAL` and of what ``further`` adds; NaN where the crystal has no equilibrium in reach.

        ``values`` and ``controls`` are not looked at: parameters come as leaves, and a crystal has no controls.
        """
        relaxed = equilibrium(self.material, throw=False)
        stiffness = relaxed_stiffness(relaxed.material, throw=False)
        found = {
            "a0": relaxed.lattice_constant,
            "energy_per_atom": relaxed.energy_per_atom,
            "E_coh": relaxed.cohesive_energy,
            "C11": stiffness[0, 0],
            "C12": stiffness[0, 1],
            "C44": stiffness[3, 3],
        }
        for observable in self.further:
            found |= observable(relaxed.material)
        return {name: jnp.asarray(value)[None] for name, value in found.items()}


class FaceConstants(eqx.Module):
    """An observable: surface energy ``gamma``, stress ``tau0`` and stiffness ``G11``, ``G12`` of a face.

    ``surface`` is the face of any material with the potential; the fit puts its own relaxed crystal in.
    """

    surface: Surface

    def __call__(self, material: CauchyBorn) -> dict[str, Scalar]:
        """The constants per reference area, eV/Å²."""
        found = constants(eqx.tree_at(lambda surface: surface.material, self.surface, material), throw=False)
        return {"gamma": found.energy, "tau0": found.tau0, "G11": found.G11, "G12": found.G12}


class BeamStiffness(eqx.Module):
    """An observable: ``k``, the tip stiffness of a square cantilever of the crystal, eV/Å².

    Its section is ``planes`` of the relaxed crystal, ``spacing`` in lattice constants apart; ``length`` is in Å.
    Lattice, faces and section follow the potential. ``wire`` gives faces, edges and degree, made of any material with
    the potential (:class:`~msjax.nano.Wire` with :class:`~msjax.surfaces.SurfaceCauchyBorn`); its size is not looked
    at.
    """

    wire: Wire
    planes: int = eqx.field(static=True)
    length: float = eqx.field(static=True)
    spacing: float = eqx.field(static=True, default=0.5)

    def __call__(self, material: CauchyBorn) -> dict[str, Scalar]:
        """The stiffness of Euler–Bernoulli's beam with the section's EI."""
        cubic = jnp.cbrt(4.0 * material.crystal.volume / material.crystal.atoms_per_cell)

        def places(wire):
            return [wire.bulk, *(kind.face.material for kind in wire.kinds), wire.section]

        changed = [*[material] * (1 + len(self.wire.kinds)), square(self.planes * self.spacing * cubic)]
        found = wire_rigidity(eqx.tree_at(places, self.wire, changed), throw=False)
        return {"k": 3.0 * found.bending / self.length**3}


def potential_parameters(
    law: CrystalLaw, names: Sequence[str], units: Sequence[str], *, log_sd: float = 0.2
) -> tuple[Parameter, ...]:
    """Scalar leaves of the potential as parameters, log-normal about their present values.

    Args:
        law: whose potential.
        names: of the leaves (``("A", "xi", "p", "q")`` of a Gupta potential).
        units: of each, as they are stated ("eV", "Å", "-").
        log_sd: standard deviation of the logarithms.

    Raises:
        ValueError: naming the leaf that is not there or is not one positive number; unequal lengths.

    >>> import msjax as ms
    >>> law = CrystalLaw(ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu")))
    >>> [parameter.name for parameter in potential_parameters(law, ("A", "xi"), ("eV", "eV"))]
    ['A', 'xi']
    """
    if len(names) != len(units):
        raise ValueError(f"units: expected one for each of {len(names)} names, got {len(units)}")
    parameters = []
    for name, unit in zip(names, units):
        value: Any = getattr(law.material.potential, name, None)
        if not (eqx.is_array(value) and value.shape == () and float(value) > 0.0):
            raise ValueError(f"names: the potential's {name!r} is not one positive number that can be fitted ({value})")
        prior = LogNormal(float(value) / factor(unit_named(unit, f"units of {name!r}")), log_sd)
        parameters.append(Parameter(name, unit, prior=prior, where=_Leaf(name)))
    return tuple(parameters)


@dataclass(frozen=True)
class _Leaf:
    """Selects a leaf of the potential; equal selectors share compiled programs."""

    name: str

    def __call__(self, law: Any) -> Any:
        return getattr(law.material.potential, self.name)


def read_crystal(path: str | os.PathLike, measured: Sequence[str] | None = None) -> Observations:
    """What is measured on one crystal, from a file ``quantity,value,uncertainty,unit``.

    Args:
        path: the file; energies per atom are stated in eV.
        measured: names of the rows to take; without it those of :data:`CRYSTAL` that are there.

    Raises:
        ValueError: naming the file, for what is malformed or missing, an uncertainty of zero, and an energy that is
            there with both signs.

    >>> from msjax.io import data_file
    >>> read_crystal(data_file("crystal_Cu.csv"))
    Observations: 1 rows of a0 [Angstrom], energy_per_atom [eV], C11 [GPa], C12 [GPa], C44 [GPa]
    """
    table = read_quantities(path)
    names = [name for name in CRYSTAL if name in table] if measured is None else list(measured)
    missing = [name for name in names if name not in table]
    if missing or not names:
        wanted = ", ".join(missing or CRYSTAL)
        raise ValueError(f"{os.fspath(path)}: there is no {wanted}; there are {', '.join(table)}")
    if "E_coh" in names and "energy_per_atom" in names:
        raise ValueError(f"{os.fspath(path)}: E_coh is minus energy_per_atom, one measurement; take one of them")
    for name in names:
        if not table[name].uncertainty > 0.0:
            raise ValueError(f"{os.fspath(path)}: {name!r} states an uncertainty of {table[name].uncertainty:g}")
    found = Observations.of(
        {f"{name} [{table[name].unit}]": np.array([table[name].value]) for name in names},
        sd={name: table[name].uncertainty for name in names},
    )
    return renamed(found, os.fspath(path))
