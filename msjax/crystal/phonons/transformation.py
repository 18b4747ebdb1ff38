"""What a crystal has turned into: energy gained, cell, symmetry, and the same in words."""

from enum import IntEnum
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.lattice import Crystal
from msjax.crystal.minima import Settled
from msjax.crystal.primitive import angle_of, is_identity, primitive, space_group, turned
from msjax.status import Code, Status, screen
from msjax.typing import Array, Float, Scalar

GAIN = 1e-9
"""Energies that differ by less than this fraction are equal."""


class Outcome(IntEnum):
    """What came out of a relaxation in a supercell."""

    FELL_BACK = 0
    VARIANT = 1
    OTHER_CRYSTAL = 2
    OTHER_CELL = 3
    UNDEFORMED = 4
    UNKNOWN = 5


class Transformation(eqx.Module):
    """A crystal at F and the lower one found in a supercell of it. ``str()`` says it in words.

    ``energy_per_atom``, eV, and ``energy_gain_per_atom`` against Cauchy–Born at F (not negative; NaN if failed);
    ``crystal``: the relaxed supercell as it stands, and ``primitive`` its primitive cell; ``supercell`` N (d, d), in
    cells of the material's crystal; ``q`` (d,) and ``mode`` (N,), the wave followed (q None: a search without one);
    ``curvature``: the lowest eigenvalue of the Hessian in the atoms' positions off translations, eV/Å²: positive at a
    minimum; ``outcome_code``; ``rotation`` (d, d): takes the crystal at F (UNDEFORMED: the undeformed one) onto the one
    found, None where they differ; ``space_group`` by spglib in three dimensions where it is installed; ``strain``
    (d, d): the stretch by which a free cell relaxed after, else None; ``status``.

    The crystal found is again a material: ``material.respond(deformation, shifts)`` is its W, P and A at this state,
    differentiable in F and the parameters, and stays in this basin for F nearby. But for springs ``material`` holds the
    relaxed crystal itself, ``deformation`` is 1 and the shifts are 0, so that its stability can be asked for in turn.
    """

    energy_per_atom: Scalar
    energy_gain_per_atom: Scalar
    crystal: Crystal
    primitive: Crystal
    supercell: np.ndarray
    q: Float[Array, " d"] | None
    mode: Array | None
    curvature: Scalar
    outcome_code: int = eqx.field(static=True)
    rotation: Array | None
    space_group: str | None = eqx.field(static=True)
    strain: Float[Array, "d d"] | None
    material: CauchyBorn
    deformation: Float[Array, "d d"]
    shifts: Float[Array, "n d"]
    status: Status
    cell_atoms: int = eqx.field(static=True)

    @property
    def outcome(self) -> Outcome:
        """What came out."""
        return Outcome(self.outcome_code)

    @property
    def fell_back(self) -> bool:
        """Whether the relaxation led back to the crystal that Cauchy–Born assumes at F."""
        return self.outcome is Outcome.FELL_BACK

    @property
    def description(self) -> str:
        """The outcome in words."""
        return str(self)

    def __str__(self) -> str:
        if self.outcome is Outcome.UNKNOWN:
            return f"unknown: {self.status}"
        size = round(float(np.linalg.det(self.supercell)))
        searched = f"in a supercell of {size} cell{'s' if size > 1 else ''}"
        if self.q is not None:
            searched += " along q = (" + ", ".join(f"{x:.4g}" for x in np.asarray(self.q) + 0.0) + ")"
        if self.fell_back:
            return f"fell back {searched}: the crystal at F is a minimum there"
        gained = f"{float(self.energy_gain_per_atom):.4g} eV per atom lower {searched}"
        group = f"; space group {self.space_group}" if self.space_group else ""
        free = "" if self.strain is None else f"; the free cell then stretched by up to {_stretch(self.strain):.2%}"
        return f"{self._became()}, {gained}{group}{free}"

    __repr__ = __str__

    def _became(self) -> str:
        before, now = self.cell_atoms, self.primitive.atoms_per_cell
        if self.rotation is not None:
            rotation = np.asarray(self.rotation)
            how = f"turned by {angle_of(rotation):.1f}°" if np.linalg.det(rotation) > 0 else "mirrored"
            if self.outcome is Outcome.UNDEFORMED:
                return f"the undeformed crystal, {how}"
            if self.outcome is Outcome.OTHER_CRYSTAL:
                return "the same lattice, its springs between other neighbours"
            return f"the same crystal, {how}: a twin or variant"
        if self.outcome is Outcome.OTHER_CRYSTAL:
            return f"another crystal with {now} atom{'s' if now > 1 else ''} per primitive cell, as before"
        if now > before and now % before == 0:
            times = now // before
            named = {2: "a doubled cell", 3: "a tripled cell", 4: "a quadrupled cell"}
            cell = named.get(times, f"a cell {times} times as large")
        else:
            cell = "another cell"
        return f"{cell} ({now} atoms per primitive cell instead of {before})"


def _stretch(strain) -> float:
    return float(np.max(np.abs(np.linalg.svd(np.asarray(strain))[1] - 1.0)))


class Start(NamedTuple):
    """The crystal that Cauchy–Born assumes at F, ``standing`` there, and its energy per atom."""

    material: CauchyBorn
    deformation: np.ndarray
    standing: Crystal
    energy_per_atom: float
    shifts: np.ndarray
    status: Status


def start_at(material: CauchyBorn, deformation: np.ndarray) -> Start:
    """Cauchy–Born's state at F: what everything is compared with."""
    response = material.respond(jnp.asarray(deformation))
    energy = float(response.energy) * float(material.crystal.volume_per_atom)
    shifts = np.asarray(response.state)
    if bool(response.status.failed):
        return Start(material, deformation, material.crystal, energy, np.zeros_like(shifts), response.status)
    standing = material.crystal.deformed(deformation, shifts)
    return Start(material, deformation, standing, energy, shifts, response.status)


def transformation(
    start: Start,
    settled: Settled,
    matrix: np.ndarray,
    tolerance: float,
    q: np.ndarray | None = None,
    mode: np.ndarray | None = None,
    strain: np.ndarray | None = None,
) -> Transformation:
    """Name what a settled supercell is, against the crystal at the start."""
    if bool(settled.status.failed):
        return failed(start, matrix, settled.status, q, mode)
    crystal = settled.material.crystal.deformed(settled.deformation, settled.shifts)
    found, before = primitive(crystal, tolerance), primitive(start.standing, tolerance)
    energy = settled.energy / crystal.atoms_per_cell
    gain = start.energy_per_atom - energy
    equal = abs(gain) <= GAIN * max(abs(energy), abs(start.energy_per_atom))
    rotation = turned(before, found, tolerance)
    if rotation is not None:
        outcome = Outcome.VARIANT
        if is_identity(rotation, tolerance):  # springs may hold other neighbours in the same lattice
            outcome = Outcome.FELL_BACK if equal or not start.material.potential.topological else Outcome.OTHER_CRYSTAL
    else:
        same = found.atoms_per_cell == before.atoms_per_cell
        outcome = Outcome.OTHER_CRYSTAL if same else Outcome.OTHER_CELL
    if strain is not None and outcome is not Outcome.FELL_BACK:
        undeformed = turned(primitive(start.material.crystal, tolerance), found, tolerance)
        if undeformed is not None:
            outcome, rotation = Outcome.UNDEFORMED, undeformed
    return Transformation(
        energy_per_atom=jnp.asarray(energy),
        energy_gain_per_atom=jnp.asarray(0.0 if equal else gain),
        crystal=crystal,
        primitive=found,
        supercell=matrix,
        q=None if q is None else jnp.asarray(q),
        mode=None if mode is None else jnp.asarray(mode),
        curvature=jnp.asarray(settled.curvature),
        outcome_code=int(outcome),
        rotation=None if rotation is None else jnp.asarray(rotation),
        space_group=space_group(crystal, tolerance),
        strain=None if strain is None else jnp.asarray(strain),
        material=settled.material,
        deformation=jnp.asarray(settled.deformation),
        shifts=jnp.asarray(settled.shifts),
        status=settled.status,
        cell_atoms=before.atoms_per_cell,
    )


def failed(start: Start, matrix: np.ndarray, status: Status, q=None, mode=None) -> Transformation:
    """No result: numbers are NaN, the crystal is the one that was given."""
    nan = jnp.asarray(jnp.nan)
    crystal = start.material.crystal
    return Transformation(
        energy_per_atom=nan,
        energy_gain_per_atom=nan,
        crystal=crystal,
        primitive=crystal,
        supercell=matrix,
        q=None if q is None else jnp.asarray(q),
        mode=None if mode is None else jnp.asarray(mode),
        curvature=nan,
        outcome_code=int(Outcome.UNKNOWN),
        rotation=None,
        space_group=None,
        strain=None,
        material=start.material,
        deformation=jnp.full_like(jnp.asarray(start.deformation), jnp.nan),
        shifts=jnp.full_like(jnp.asarray(start.shifts), jnp.nan),
        status=screen(status, status.ok, Code.MAX_STEPS),
        cell_atoms=crystal.atoms_per_cell,
    )
