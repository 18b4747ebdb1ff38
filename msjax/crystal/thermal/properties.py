"""Thermodynamics of the lattice's vibrations at a given deformation."""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp

from msjax.crystal.phonons.mesh import zone_mesh
from msjax.crystal.phonons.spectral import Spectrum, trace
from msjax.crystal.phonons.waves import waves_at
from msjax.crystal.quasi_harmonic import QuasiHarmonic, check_temperature, safe_temperature, spectrum_at
from msjax.material.response import check_strain
from msjax.status import Code, Status, check, guard, screen
from msjax.typing import Array, Scalar


class Properties(NamedTuple):
    """What vibrations at fixed F contribute per atom: ``free_energy`` and ``energy`` with the zero point's, eV;
    ``entropy`` and ``heat_capacity`` C_V (constant F), eV/K."""

    free_energy: Scalar
    energy: Scalar
    entropy: Scalar
    heat_capacity: Scalar
    status: Status


def properties(
    material: QuasiHarmonic, deformation: Any = None, temperature: Any = None, *, throw: bool = True
) -> Properties:
    """Vibrational F, E = F + TS, S = −∂F/∂T and C_V = −T ∂²F/∂T² per atom at F (default: the identity) and T.

    ``temperature`` in K is by default the material's. Differentiable in F, T and every parameter; batch with vmap.
    A material that fails at F or has a soft phonon gives NaN; a single one raises ``SolveError`` unless
    ``throw=False``.

    >>> import msjax as ms
    >>> chain = ms.CauchyBorn(ms.bulk("X", "chain", a=1.0), ms.Springs(stiffness=[1.0], length=[1.0]))
    >>> hot = ms.QuasiHarmonic(chain, temperature=1e5, points=16)
    >>> round(float(properties(hot).heat_capacity / ms.units.kB), 6)  # Dulong and Petit
    1.0
    """
    strain, warm = arguments_of(material, deformation, temperature)
    result = vibrations(material, strain, warm)
    check(result.status, "thermal properties", throw)
    return result


@eqx.filter_jit
def vibrations(material: QuasiHarmonic, deformation: Array, temperature: Scalar) -> Properties:
    """See :func:`properties`, without its checks."""
    mesh = zone_mesh(material.dim, material.points)
    of, warm, status = thermal_spectrum(material, mesh.q, deformation, temperature)
    atoms = material.material.crystal.atoms_per_cell

    def mean(function):
        return trace(function, of, jnp.asarray(mesh.weights), warm) / atoms

    mode = material.oscillator
    free, entropy = mean(mode), -mean(mode.warmer())
    capacity = -warm * mean(mode.warmer(2))
    free, energy, entropy, capacity = guard((free, free + warm * entropy, entropy, capacity), status.failed)
    return Properties(free, energy, entropy, capacity, status)


def arguments_of(material: QuasiHarmonic, deformation: Any, temperature: Any) -> tuple[Array, Scalar]:
    """F and T as arrays, with the material's own as defaults."""
    if not isinstance(material, QuasiHarmonic):
        raise ValueError(f"material: expected a QuasiHarmonic one, got {type(material).__name__}")
    strain = jnp.eye(material.dim) if deformation is None else check_strain(deformation, material.dim)
    warm = material.temperature if temperature is None else check_temperature(temperature, material.quantum)
    return strain, warm


def thermal_spectrum(
    material: QuasiHarmonic, q: Any, deformation: Array, temperature: Scalar
) -> tuple[Spectrum, Scalar, Status]:
    """Spectra at wave vectors and relaxed shifts, a temperature to compute with, and the status."""
    waves, status = waves_at(material.material, deformation)
    of, positive = spectrum_at(material.material, waves, q)
    warm, usable = safe_temperature(temperature, material.quantum)
    return of, warm, screen(status, ~(positive & usable), Code.NONFINITE)
