"""Surface constants of a face: energy, stress and stiffness at the stress-free crystal."""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax import units
from msjax.crystal.surfaces.energetics import Surface
from msjax.crystal.surfaces.quasi_harmonic import QuasiHarmonicSurface
from msjax.status import Status, check
from msjax.typing import Array, Float, Scalar, concrete

STRESS_FREE = 1e-4
"""Largest bulk stress over its stiffness, about the strain from equilibrium, that surface constants accept."""


class SurfaceConstants(NamedTuple):
    """Constants of one face per reference area, eV/Å² (``/ units.N_per_m`` for N/m = J/m²), in the face's axes.

    ``energy`` Γ; ``stress`` (2, 2) = ∂Γ/∂F; ``stiffness`` (3, 3) = ∂²Γ/∂e∂e with e the engineering strains
    (F₁₁ − 1, F₂₂ − 1, F₁₂ + F₂₁) of a symmetric F. Second derivatives in another measure of strain differ by terms
    in the surface stress.
    """

    energy: Scalar
    stress: Float[Array, "2 2"]
    stiffness: Float[Array, "3 3"]
    status: Status

    @property
    def tau0(self) -> Scalar:
        """∂Γ/∂e₁."""
        return self.stress[0, 0]

    @property
    def G11(self) -> Scalar:
        """∂²Γ/∂e₁²."""
        return self.stiffness[0, 0]

    @property
    def G12(self) -> Scalar:
        """∂²Γ/∂e₁∂e₂."""
        return self.stiffness[0, 1]

    def table(self) -> str:
        """The constants in N/m (J/m²), one a line."""
        (t11, t12), (_, t22) = np.asarray(self.stress) / units.N_per_m
        g = np.asarray(self.stiffness) / units.N_per_m
        rows = {
            "energy": float(self.energy) / units.J_per_m2, "stress 11": t11, "stress 22": t22, "stress 12": t12,
            "stiffness 11": g[0, 0], "stiffness 22": g[1, 1], "stiffness 12": g[0, 1], "stiffness 66": g[2, 2],
        }  # fmt: skip
        return "\n".join(f"{name:13s} {value + 0.0:10.6f} N/m" for name, value in rows.items())


def constants(surface: Surface | QuasiHarmonicSurface, *, throw: bool = True) -> SurfaceConstants:
    """Surface energy, surface stress and surface stiffness at F = 1, of a crystal that is free of stress.

    One relaxation; differentiable in the potential's parameters and the crystal. A gradient at the equilibrium
    lattice constant, which moves with the parameters, goes through :func:`msjax.crystal.equilibrium.equilibrium`:

        relaxed = equilibrium(bulk).material
        constants(eqx.tree_at(lambda s: s.material, surface, relaxed)).tau0

    At a temperature, take the ``surface`` of :func:`msjax.surfaces.at_temperature`; constants are isothermal then.

    Raises ``ValueError`` when the values are concrete and the crystal is under stress by more than a strain of about
    ``STRESS_FREE``: excess energies then depend on where they are taken; and
    :class:`~msjax.status.SolveError` for a failed relaxation when ``throw``.

    >>> import msjax as ms
    >>> from msjax import units
    >>> from msjax.crystal.equilibrium import equilibrium
    >>> bulk = equilibrium(ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.6), ms.EAM.gupta("Cu"))).material
    >>> c = constants(Surface(bulk, "111"))
    >>> round(float(c.energy / units.J_per_m2), 2)
    1.27
    """
    _check_stress_free(surface)
    result = _constants(surface)
    check(result.status, "surface constants", throw)
    return result


@eqx.filter_jit
def _constants(surface: Surface | QuasiHarmonicSurface) -> SurfaceConstants:
    response = surface.respond(jnp.eye(2))
    return SurfaceConstants(response.energy, response.stress, engineering(response.tangent), response.status)


def engineering(tangent: Float[Array, "2 2 2 2"]) -> Float[Array, "3 3"]:
    """∂²Γ/∂e∂e in (F₁₁ − 1, F₂₂ − 1, F₁₂ + F₂₁) on symmetric F."""
    modes = np.zeros((3, 2, 2))
    modes[0, 0, 0] = modes[1, 1, 1] = 1.0
    modes[2, 0, 1] = modes[2, 1, 0] = 0.5
    return jnp.einsum("viJ,iJkL,wkL->vw", jnp.asarray(modes), tangent, jnp.asarray(modes))


def _check_stress_free(surface: Surface | QuasiHarmonicSurface) -> None:
    material = surface.material
    response = material.respond(jnp.eye(3))
    if not concrete(response.stress, response.tangent) or not bool(np.all(np.isfinite(response.stress))):
        return
    misfit = float(np.max(np.abs(response.stress)) / np.max(np.abs(response.tangent)))
    if misfit > STRESS_FREE:
        raise ValueError(
            f"surface: its bulk crystal is under stress (about {misfit:.1e} of its stiffness, at most "
            f"{STRESS_FREE:.0e} is allowed): surface constants belong to the equilibrium crystal; build the surface on "
            "msjax.crystal.equilibrium.equilibrium(material).material"
        )
