"""Follow the soft mode: what the crystal turns into where a phonon goes soft."""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.equilibrium import equilibrium
from msjax.crystal.minima import Minima, Settled, lowest_curvature, minima, nearest_distance, roomy, settle
from msjax.crystal.phonons.dynamical_matrix import strain_or_identity
from msjax.crystal.phonons.frequencies import modes
from msjax.crystal.phonons.stability import Verdict, check_relaxed, stability
from msjax.crystal.phonons.transformation import Start, Transformation, failed, start_at, transformation
from msjax.crystal.primitive import TOLERANCE
from msjax.crystal.supercell import LARGEST_DENOMINATOR, cells_within, commensurate, supercell
from msjax.status import Status
from msjax.typing import concrete

AMPLITUDES = (0.02, 0.1, 0.2, 0.3)
"""Largest displacement of an atom along the mode, in nearest-neighbour distances, each with both signs."""
TRIES = 6
"""So many of the lowest minima of a search are tried with their bonds found anew."""


def follow_soft_mode(
    material: CauchyBorn,
    deformation: Any = None,
    q: Any = None,
    mode: Any = None,
    *,
    amplitudes: Sequence[float] = AMPLITUDES,
    largest: int = LARGEST_DENOMINATOR,
    free_cell: bool = False,
    tolerance: float = TOLERANCE,
) -> Transformation:
    """Relax a supercell along the softest wave at F (default: the identity) and say what the crystal became.

    ``q`` (d,), in units of the reference reciprocal vectors, is by default the soft wave that :func:`stability` finds;
    it is brought to fractions of one denominator of at most ``largest`` and the smallest supercell it fits into is
    taken. ``mode`` (atoms × d,), mass-weighted as in :func:`modes`, is by default the lowest of that wave. Atoms are
    displaced along the mode, real and imaginary part, both signs, by ``amplitudes`` (largest displacement over the
    nearest-neighbour distance), and their positions are relaxed at fixed cell to minima, never saddles; the lowest
    counts. The crystal as it stands is among the starts, so nothing higher is returned. With ``free_cell`` the cell
    relaxes afterwards to zero stress; the gain then counts against the strained crystal too.

    Positions are equal within ``tolerance``, in mean spacings, where cells and orientations are compared. The result is
    a minimum in one supercell; the true ground state may want a larger one.

    For one concrete F and material: how many atoms there are depends on them. What it returns is a material that is
    differentiable. A failed start, or no minimum, gives UNKNOWN with NaN and a status. Raises ``ValueError`` for traced
    arguments, wrong shapes, amplitudes that are not positive, a wave at Γ of a crystal with one atom per cell (a
    translation), clamped shifts, and ``free_cell`` for springs, which belong to their reference crystal.

    >>> import jax.numpy as jnp, msjax as ms
    >>> from msjax.crystal.phonons import follow_soft_mode
    >>> springs = ms.Springs([1.0, 1.0], [1.0, 0.6], shells=[1.0, 2.0**0.5])
    >>> square = ms.CauchyBorn(ms.bulk("X", "square", a=1.0), springs)
    >>> follow_soft_mode(square, 0.9 * jnp.eye(2), q=[0.5, 0.5]).fell_back
    True
    """
    f = concrete_strain(material, deformation)
    if free_cell and material.potential.topological:
        raise ValueError("free_cell: springs belong to their reference crystal, whose cell they cannot relax")
    sizes = _check_amplitudes(amplitudes)
    start = start_at(material, f)
    if bool(start.status.failed):
        return failed(start, np.eye(material.dim, dtype=int), start.status)
    wave = _softest(material, f, largest) if q is None else np.asarray(q, float)
    if wave.shape != (material.dim,):
        raise ValueError(f"q: expected shape ({material.dim},), got {wave.shape}")
    matrix, wave = commensurate(wave, largest, np.asarray(material.crystal.cell) @ f.T)
    shape = _mode_at(material, f, wave, mode)
    n = material.crystal.atoms_per_cell
    if n == 1 and not np.any(wave % 1.0):
        raise ValueError("q: a wave at Γ of a crystal with one atom per cell is a translation")
    cells = cells_within(matrix)
    phase = np.exp(2j * np.pi * (cells @ wave))
    root = np.sqrt(np.asarray(material.crystal.masses))[:, None]
    field = (phase[:, None, None] * (shape.reshape(n, -1) / root)).reshape(len(cells) * n, -1)
    nearest = nearest_distance(material, f)
    fields = [
        part / np.max(np.linalg.norm(part, axis=1)) for part in (field.real, field.imag) if _is_there(part, field)
    ]
    affine = affine_shifts(start, len(cells))
    displaced = [affine] + [affine + s * a * nearest * part for part in fields for a in sizes for s in (1, -1)]
    settled = lowest_minimum(start, matrix, nearest, np.array(displaced))
    if isinstance(settled, Status):
        return failed(start, matrix, settled, wave, shape)
    strain = None
    if free_cell and not bool(settled.status.failed):
        settled, strain = _released(settled)
    return transformation(start, settled, matrix, tolerance, wave, shape, strain)


def lowest_minimum(start: Start, matrix: np.ndarray, nearest: float, displaced: np.ndarray) -> Settled | Status:
    """The lowest minimum below displacements (starts, atoms, d) in a supercell; a status where there is none."""
    found = all_minima(start, matrix, nearest, displaced)
    energies = np.where(np.asarray(found.status.ok), np.asarray(found.energy), np.inf)
    order = [int(i) for i in np.argsort(energies, kind="stable")[:TRIES] if np.isfinite(energies[i])]
    searched = roomy(supercell(start.material.crystal, matrix), start.material.potential, start.deformation, nearest)
    best: Settled | None = None
    for i in order:
        if best is not None and energies[i] > best.energy - 1e-8 * abs(best.energy):
            continue
        settled = settle(searched, start.deformation, np.asarray(found.shifts[i]))
        if bool(settled.status.ok) and (best is None or settled.energy < best.energy):
            best = settled
    return jax.tree.map(lambda x: x[0], found.status) if best is None else best


def all_minima(start: Start, matrix: np.ndarray, nearest: float, displaced: np.ndarray) -> Minima:
    """The minima below displacements (starts, atoms, d) from the affine positions at F."""
    searched = roomy(supercell(start.material.crystal, matrix), start.material.potential, start.deformation, nearest)
    relative = displaced[:, 1:] - displaced[:, :1]
    return minima(searched, jnp.asarray(start.deformation), jnp.asarray(relative))


def affine_shifts(start: Start, copies: int) -> np.ndarray:
    """Displacements (atoms, d) from affine positions of the relaxed inner shifts at F, cell by cell."""
    one = np.concatenate([np.zeros((1, start.material.dim)), start.shifts])
    return np.tile(one, (copies, 1))


def _softest(material: CauchyBorn, deformation: np.ndarray, largest: int) -> np.ndarray:
    found = stability(material, deformation)
    long = found.ellipticity
    if found.verdict is Verdict.ELLIPTICITY_LOST and float(long.value) < float(found.modulus):
        wave = np.asarray(material.crystal.cell) @ np.asarray(long.direction)
        return wave / np.max(np.abs(wave)) / largest
    return np.asarray(found.q)


def _mode_at(material: CauchyBorn, deformation: np.ndarray, q: np.ndarray, mode: Any) -> np.ndarray:
    size = material.crystal.atoms_per_cell * material.dim
    if mode is None:
        return np.asarray(modes(material, q[None], deformation).vectors[0, :, 0])
    shape = np.asarray(mode, complex)
    if shape.shape != (size,) or not np.all(np.isfinite(shape)) or not np.any(shape):
        raise ValueError(f"mode: expected {size} finite numbers, not all zero, got shape {shape.shape}")
    return shape


def _released(settled: Settled) -> tuple[Settled, np.ndarray]:
    """The cell relaxed to zero stress."""
    free = equilibrium(settled.material, stretch="full", throw=False)
    dim = settled.material.dim
    shifts = np.zeros_like(settled.shifts)
    if bool(free.status.failed):
        return settled._replace(status=free.status), np.full((dim, dim), np.nan)
    energy = float(free.energy_per_atom) * settled.material.crystal.atoms_per_cell
    curvature = lowest_curvature(free.material, np.eye(dim), shifts)
    relaxed = Settled(free.material, np.eye(dim), shifts, energy, curvature, free.status)
    return relaxed, np.asarray(free.stretch)


def concrete_strain(material: CauchyBorn, deformation: Any) -> np.ndarray:
    """F as numbers; ``ValueError`` where it or the material is traced."""
    strain = strain_or_identity(material, deformation)
    check_relaxed(material)
    if not concrete(strain, *jax.tree.leaves(eqx.filter(material, eqx.is_array))):
        raise ValueError(
            "material and deformation: must be concrete (outside of jit, vmap and grad): how many atoms a "
            "supercell holds depends on them; differentiate the material that is returned"
        )
    return np.asarray(strain)


def _check_amplitudes(amplitudes: Sequence[float]) -> np.ndarray:
    sizes = np.asarray(amplitudes, float)
    if sizes.ndim != 1 or not len(sizes) or not np.all(np.isfinite(sizes) & (sizes > 0)):
        raise ValueError(f"amplitudes: expected positive numbers, got {amplitudes!r}")
    return sizes


def _is_there(part: np.ndarray, whole: np.ndarray) -> bool:
    return float(np.max(np.abs(part))) > 1e-6 * float(np.max(np.abs(whole)))
