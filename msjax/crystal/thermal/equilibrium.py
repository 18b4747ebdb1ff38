"""The stress-free state of a crystal at a temperature: the minimum of its free energy over the cell."""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp

from msjax.crystal.equilibrium import isotropic_shells, stretch_modes, stretch_of, unit_stretch
from msjax.crystal.quasi_harmonic import QuasiHarmonic
from msjax.crystal.structures import STRUCTURES
from msjax.crystal.thermal.properties import arguments_of
from msjax.solvers.newton import Functional, Newton
from msjax.solvers.stationary import stationary
from msjax.status import Code, Status, check, first_failure, guard, screen
from msjax.tensors import det, leading_minors
from msjax.typing import Array, Float, Scalar

_SETTINGS = Newton(tolerance=1e-8, length=1.0, max_steps=40, largest_step=0.05)


class ThermalEquilibrium(NamedTuple):
    """A crystal at zero stress and a temperature. All fields are differentiable in T and the parameters.

    ``material``: the quasi-harmonic material at this temperature on the relaxed crystal, so that W, P and A count per
    equilibrium volume; ``stretch`` (d, d): symmetric, from the crystal given to the relaxed one;
    ``free_energy_per_atom``, eV, static energy included; ``volume_per_atom``, Å^d; ``status`` (UNSTABLE: stationary,
    but not a minimum).
    """

    material: QuasiHarmonic
    stretch: Float[Array, "d d"]
    free_energy_per_atom: Scalar
    volume_per_atom: Scalar
    status: Status

    @property
    def lattice_constant(self) -> Scalar:
        """a of a structure made by ``bulk`` that has no other constant, Å; ``ValueError`` for others."""
        structure, dim = self.material.material.crystal.structure, self.material.dim
        if structure not in STRUCTURES or structure == "hcp":
            raise ValueError(f"structure {structure!r} has no single lattice constant: use stretch or material")
        return (self.volume_per_atom / STRUCTURES[structure].volume_per_atom) ** (1.0 / dim)


def equilibrium(
    material: QuasiHarmonic, temperature: Any = None, *, stretch: str | None = None, throw: bool = True
) -> ThermalEquilibrium:
    """Minimise the free energy F(U, T) over homogeneous stretches U: thermal expansion included.

    ``temperature`` in K is by default the material's; ``stretch`` as in :func:`msjax.equilibrium` (``"isotropic"``
    where every shell of neighbours is, else ``"full"``). Start from a crystal near its static equilibrium.
    Differentiable in T and every parameter by the implicit function theorem; batch over T with vmap. Where no minimum
    is found before a phonon goes soft the member has failed: NaN with its status.

    Raises ``ValueError`` for springs, which belong to the crystal they were attached to, and ``SolveError`` for a
    failed solve when ``throw`` and the values are concrete.

    >>> import msjax as ms
    >>> chain = ms.CauchyBorn(ms.bulk("X", "chain", a=1.12), ms.LennardJones(outer=2.5))
    >>> cold, warm = (equilibrium(ms.QuasiHarmonic(chain, temperature=t)) for t in (100.0, 300.0))
    >>> bool(warm.lattice_constant > cold.lattice_constant)
    True
    """
    _, warm = arguments_of(material, None, temperature)
    if material.material.potential.topological:
        raise ValueError("material: springs hold their crystal's own bonds; stretch it by F and use respond instead")
    if stretch is None:
        stretch = "isotropic" if isotropic_shells(material.material.neighbours) else "full"
    elif stretch not in ("isotropic", "full"):
        raise ValueError(f"stretch: expected 'isotropic', 'full' or None, got {stretch!r}")
    result = _equilibrium(material, warm, stretch)
    check(result.status, "thermal equilibrium", throw)
    return result


@eqx.filter_jit
def _equilibrium(material: QuasiHarmonic, temperature: Scalar, stretch: str) -> ThermalEquilibrium:
    at = eqx.tree_at(lambda m: m.temperature, material, temperature)
    dim = material.dim
    x, status = stationary(_FreeEnergy(stretch), jnp.asarray(unit_stretch(dim, stretch)), at, _SETTINGS)
    u = stretch_of(x, stretch_modes(dim, stretch))
    status = screen(status, ~jnp.all(leading_minors(u) > 0), Code.INVERTED)
    response = at.respond(u)
    status = first_failure(status, response.status)
    crystal = material.material.crystal
    shifts = jnp.where(status.failed, jnp.zeros_like(response.state), response.state)
    moved = crystal.basis @ u + jnp.concatenate([jnp.zeros((1, dim)), shifts])
    atoms = crystal.atoms_per_cell
    total, volume = response.energy * crystal.volume / atoms, crystal.volume * jnp.abs(det(u)) / atoms
    values = guard((crystal.cell @ u, moved, u, total, volume), status.failed)
    cell, basis, u, total, volume = values
    relaxed = eqx.tree_at(lambda m: (m.material.crystal.cell, m.material.crystal.basis), at, (cell, basis))
    return ThermalEquilibrium(relaxed, u, total, volume, status)


@dataclasses.dataclass(frozen=True)
class _FreeEnergy(Functional):
    """Free energy per reference volume in the components of the stretch."""

    stretch: str

    def derivatives(self, x, prepared):
        """By projection of (W, P, A)."""
        modes = jnp.asarray(stretch_modes(prepared.dim, self.stretch))
        response = prepared.respond(stretch_of(x, modes))
        gradient = jnp.einsum("viJ,iJ->v", modes, response.stress)
        hessian = jnp.einsum("viJ,iJkL,wkL->vw", modes, response.tangent, modes)
        return response.energy, gradient, hessian

    def gradient(self, x, arguments):
        """The stress on the stretch's components."""
        modes = jnp.asarray(stretch_modes(arguments.dim, self.stretch))
        return jnp.einsum("viJ,iJ->v", modes, arguments.respond(stretch_of(x, modes)).stress)
