"""Atoms under an in-plane deformation, everything else free: the one form that slab and plane-stress bulk share.

In the face's axes a bond is

    r_b = F R∥_b + e₃ R₃_b + Σ_a τ_ba q_a

with the in-plane deformation gradient F (2, 2). In a slab q are the displacements of the atoms from the reference
heights; in the bulk they are the change of F's third column (τ = R₃) and the inner shifts. Clamped means q = 0.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.expansion import energy, expand
from msjax.crystal.multilattice import contract
from msjax.crystal.neighbours import Neighbours
from msjax.crystal.potential import Potential, SiteEnergy
from msjax.solvers.condensation import schur
from msjax.solvers.newton import Functional, Newton
from msjax.solvers.stationary import stationary
from msjax.status import Status
from msjax.typing import Array, Float, Scalar

RELAXATION = Newton(tolerance=1e-8, length=1.0, max_steps=60, largest_step=0.3)
"""Settings of the layer relaxation; lengths in Å."""


class Arguments(NamedTuple):
    """What the free positions depend on: F (2, 2), reference bonds (nb, 3) in the face's axes, τ (nb, m), potential."""

    in_plane: Float[Array, "2 2"]
    reference: Float[Array, "nb 3"]
    pattern: Float[Array, "nb m"]
    potential: Potential


class Relaxed(NamedTuple):
    """Energy per surface cell (bulk: per primitive cell), eV, its first and condensed second derivative in F
    (flattened row by row), the free positions q (m, 3), Å, the moments of the sites, and how the relaxation ended."""

    energy: Scalar
    gradient: Float[Array, "4"]
    tangent: Float[Array, "4 4"]
    free: Float[Array, "m 3"]
    moments: Float[Array, "ns k"]
    status: Status


def bonds_at(arguments: Arguments, free: Float[Array, "m 3"]) -> Float[Array, "nb 3"]:
    """Bond vectors in the current frame, Å."""
    along = arguments.reference[:, :2] @ arguments.in_plane.T
    return jnp.concatenate([along, arguments.reference[:, 2:]], axis=1) + arguments.pattern @ free


@dataclasses.dataclass(frozen=True)
class Layers(Functional):
    """Energy as a function of the flattened free positions q (m, 3)."""

    neighbours: Neighbours

    def energy(self, x: Float[Array, " n"], arguments: Arguments) -> Scalar:
        """eV."""
        return energy(arguments.potential, self.neighbours, bonds_at(arguments, x.reshape(-1, 3)))

    def derivatives(self, x, arguments):
        """Energy, gradient and Hessian in one pass over the bonds."""
        if isinstance(arguments.potential, SiteEnergy):
            gradient = jax.grad(self.energy)
            return self.energy(x, arguments), gradient(x, arguments), jax.jacfwd(gradient)(x, arguments)
        expansion = expand(arguments.potential, self.neighbours, bonds_at(arguments, x.reshape(-1, 3)))
        gradient, hessian = contract(expansion, self.neighbours, arguments.pattern)
        order = _free_first(arguments.pattern.shape[1])
        return expansion.energy, gradient[order], hessian[order[:, None], order[None, :]]

    def gradient(self, x, arguments):
        """Gradient alone, by reverse mode."""
        return jax.grad(self.energy)(x, arguments)


def relax(
    neighbours: Neighbours, arguments: Arguments, start: Float[Array, "m 3"], *, clamped: bool = False
) -> Relaxed:
    """Make the energy stationary in the free positions (or hold them at zero) and condense onto F."""
    if clamped or start.shape[0] == 0:
        free, status = jnp.zeros_like(start), Status.of()
    else:
        flat, status = stationary(Layers(neighbours), start.reshape(-1), arguments, RELAXATION)
        free = flat.reshape(start.shape)
    value, gradient, hessian, moments = expand_jointly(neighbours, arguments, free)
    tangent = hessian[:4, :4] if clamped else schur(hessian, 4)
    return Relaxed(value, gradient[:4], tangent, free, moments, status)


def expand_jointly(neighbours: Neighbours, arguments: Arguments, free: Float[Array, "m 3"]):
    """Energy, gradient and Hessian in (F row by row, q atom by atom), and the sites' moments."""
    if isinstance(arguments.potential, SiteEnergy):
        layers = Layers(neighbours)

        def joint(z):
            return layers.energy(z[4:], arguments._replace(in_plane=z[:4].reshape(2, 2)))

        z = jnp.concatenate([arguments.in_plane.reshape(-1), free.reshape(-1)])
        none = jnp.zeros((len(neighbours.representatives), 0))
        return joint(z), jax.grad(joint)(z), jax.jacfwd(jax.grad(joint))(z), none
    expansion = expand(arguments.potential, neighbours, bonds_at(arguments, free))
    rho = jnp.concatenate([arguments.reference[:, :2], arguments.pattern], axis=1)
    gradient, hessian = contract(expansion, neighbours, rho)
    order = _joint_order(arguments.pattern.shape[1])
    return expansion.energy, gradient[order], hessian[order[:, None], order[None, :]], expansion.moments


def _free_first(m: int) -> np.ndarray:
    """Positions in X (3, m), flattened, of q atom by atom."""
    return np.arange(3 * m).reshape(3, m).T.reshape(-1)


def _joint_order(m: int) -> np.ndarray:
    """Positions in X (3, 2 + m), flattened, of the in-plane F row by row and then q atom by atom."""
    index = np.arange(3 * (2 + m)).reshape(3, 2 + m)
    return np.concatenate([index[:2, :2].reshape(-1), index[:, 2:].T.reshape(-1)])
