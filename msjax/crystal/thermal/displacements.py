"""Thermal motion: mean square displacements and the Debye–Waller factor."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp

from msjax.crystal.phonons.mesh import extrapolated_mesh
from msjax.crystal.phonons.spectral import matrix_function
from msjax.crystal.quasi_harmonic import QuasiHarmonic
from msjax.crystal.thermal.properties import arguments_of, thermal_spectrum
from msjax.status import Status, check, guard
from msjax.typing import Array, Float, Scalar


def displacements(
    material: QuasiHarmonic, deformation: Any = None, temperature: Any = None, *, throw: bool = True
) -> Float[Array, "n d d"]:
    """Mean square displacements ⟨u_i u_j⟩ of each atom, Å², in the current frame: (atoms, 3, 3).

    ⟨u u†⟩_κ = (1/m_κ) ⟨Σ_ν (ħ/2ω) coth(ħω/2kT) e_κ e_κ†⟩_q, classical kT/ω² (Maradudin et al., Theory of Lattice
    Dynamics in the Harmonic Approximation, ch. VII); the mean over q goes like 1/q² at Γ and is extrapolated in the
    mesh (:func:`msjax.crystal.phonons.mesh.extrapolated_mesh`). Three dimensions only: in one and two the mean square
    displacement is infinite at T > 0. Errors and defaults as :func:`msjax.thermal.properties`.

    >>> import msjax as ms
    >>> copper = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    >>> u = displacements(ms.QuasiHarmonic(copper, temperature=300.0, points=8))
    >>> u.shape, bool(abs(u[0, 0, 0] / u[0, 1, 1] - 1.0) < 1e-9)
    ((1, 3, 3), True)
    """
    strain, warm = arguments_of(material, deformation, temperature)
    if material.dim != 3:
        raise ValueError(f"material: thermal displacements are infinite in {material.dim} dimension(s)")
    result, status = _displacements(material, strain, warm)
    check(status, "thermal displacements", throw)
    return result


def debye_waller(
    material: QuasiHarmonic, deformation: Any = None, temperature: Any = None, *, throw: bool = True
) -> Float[Array, " n"]:
    """B = 8π² ⟨u²⟩ of each atom, Å², with ⟨u²⟩ the mean along one axis, tr⟨u u⟩/3: the isotropic B factor.

    Intensities fall by exp(−2 B sin²θ/λ²). See :func:`displacements`.

    >>> import msjax as ms
    >>> copper = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    >>> debye_waller(ms.QuasiHarmonic(copper, temperature=300.0, points=8)).shape
    (1,)
    """
    tensor = displacements(material, deformation, temperature, throw=throw)
    return 8.0 * jnp.pi**2 * jnp.trace(tensor, axis1=1, axis2=2) / 3.0


@eqx.filter_jit
def _displacements(material: QuasiHarmonic, deformation: Array, temperature: Scalar) -> tuple[Array, Status]:
    mesh = extrapolated_mesh(material.points)
    of, warm, status = thermal_spectrum(material, mesh.q, deformation, temperature)
    crystal = material.material.crystal
    # ∂f/∂ω² is half the mean square of the mode's coordinate
    mean = jnp.tensordot(
        jnp.asarray(mesh.weights), 2.0 * jnp.real(matrix_function(material.oscillator.slope(), of, warm)), axes=1
    )
    blocks = mean.reshape(crystal.atoms_per_cell, 3, crystal.atoms_per_cell, 3)
    own = jnp.stack([blocks[n, :, n, :] for n in range(crystal.atoms_per_cell)])
    return guard(own / crystal.masses[:, None, None], status.failed), status
