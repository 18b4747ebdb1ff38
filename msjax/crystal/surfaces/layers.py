"""Slab and plane-stress bulk under one in-plane deformation, as one stationary problem.

In the face's axes every bond, of the slab and of the bulk, is

    r_b = F R∥_b + e₃ R₃_b + Σ_a τ_ba q_a

with the in-plane deformation gradient F (2, 2) and free positions q = (c, s, u): the change c of the deformation
gradient's third column (τ = R₃), the inner shifts s, and the displacements u of the slab's atoms from that motion of
the bulk (τ = 0 in the bulk). E_slab + N w_bulk is minimal in q where E_slab − N w_bulk is stationary, because u can
undo c and s in the slab: so one Newton loop relaxes both and one expansion of the difference, condensed, is the
excess. Clamped means q = 0.
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.expansion import Terms, energy, expand_terms, site_sum
from msjax.crystal.neighbours import Neighbours
from msjax.crystal.potential import Angular, General, Potential
from msjax.solvers.newton import Functional, Newton
from msjax.solvers.stationary import stationary
from msjax.status import Status
from msjax.tensors import voigt_index
from msjax.typing import Array, Float, Scalar

RELAXATION = Newton(tolerance=1e-8, length=1.0, max_steps=60, largest_step=0.3)
"""Settings of the layer relaxation; lengths in Å."""


class Arguments(NamedTuple):
    """What the free positions depend on: F (2, 2), reference bonds (nb, 3) in the face's axes, τ (nb, m), potential."""

    in_plane: Float[Array, "2 2"]
    reference: Float[Array, "nb 3"]
    pattern: Float[Array, "nb m"]
    potential: Potential


class Expanded(NamedTuple):
    """Energy, eV, gradient and Hessian in (F row by row, q atom by atom), and the sites' moments."""

    energy: Scalar
    gradient: Float[Array, " n"]
    hessian: Float[Array, "n n"]
    moments: Float[Array, "ns k"]


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
        if isinstance(arguments.potential, General):
            gradient = jax.grad(self.energy)
            return self.energy(x, arguments), gradient(x, arguments), jax.jacfwd(gradient)(x, arguments)
        assert isinstance(arguments.potential, Angular)
        terms = expand_terms(arguments.potential, self.neighbours, bonds_at(arguments, x.reshape(-1, 3)).T)
        gradient, hessian = assemble(terms, self.neighbours, arguments.pattern)
        order = _free_first(arguments.pattern.shape[1])
        return terms.energy, gradient[order], hessian[order[:, None], order[None, :]]

    def gradient(self, x, arguments):
        """Gradient alone, by reverse mode."""
        return jax.grad(self.energy)(x, arguments)


def relax(
    neighbours: Neighbours, arguments: Arguments, start: Float[Array, "m 3"]
) -> tuple[Float[Array, "m 3"], Status]:
    """Free positions of stationary energy, differentiable in the arguments to any order."""
    flat, status = stationary(Layers(neighbours), start.reshape(-1), arguments, RELAXATION)
    return flat.reshape(start.shape), status


def expand_jointly(neighbours: Neighbours, arguments: Arguments, free: Float[Array, "m 3"]) -> Expanded:
    """Second-order expansion in F and the free positions together."""
    if isinstance(arguments.potential, General):
        layers = Layers(neighbours)

        def joint(z):
            return layers.energy(z[4:], arguments._replace(in_plane=z[:4].reshape(2, 2)))

        z = jnp.concatenate([arguments.in_plane.reshape(-1), free.reshape(-1)])
        none = jnp.zeros((len(neighbours.representatives), 0))
        return Expanded(joint(z), jax.grad(joint)(z), jax.jacfwd(jax.grad(joint))(z), none)
    assert isinstance(arguments.potential, Angular)
    terms = expand_terms(arguments.potential, neighbours, bonds_at(arguments, free).T)
    rho = jnp.concatenate([arguments.reference[:, :2], arguments.pattern], axis=1)
    gradient, hessian = assemble(terms, neighbours, rho)
    order = _joint_order(arguments.pattern.shape[1])
    return Expanded(terms.energy, gradient[order], hessian[order[:, None], order[None, :]], terms.moments)


def assemble(
    terms: Terms, neighbours: Neighbours, rho: Float[Array, "nb c"]
) -> tuple[Float[Array, " n"], Float[Array, "n n"]]:
    """Gradient and Hessian in X (3, c) with r_b = X ρ_b, flattened row by row; many sites, a few columns each."""
    columns = rho.shape[1]
    gradient = (terms.slope @ rho).reshape(-1)
    left, right = np.triu_indices(columns)
    full = np.zeros((columns, columns), int)
    full[left, right] = full[right, left] = np.arange(len(left))
    curvature = terms.curvature @ (rho[:, left] * rho[:, right])
    hessian = curvature[voigt_index(3)[:, None, :, None], full[None, :, None, :]].reshape(3 * columns, 3 * columns)
    k = terms.density_slope.shape[0]
    if k:
        each = terms.density_slope.transpose(2, 0, 1)[:, :, :, None] * rho[:, None, None, :]
        jacobian = site_sum(each, neighbours).reshape(-1, k, 3 * columns)
        weighted = jnp.einsum("skl,slx->skx", terms.embedding_curvature, jacobian)
        hessian = hessian + jacobian.reshape(-1, 3 * columns).T @ weighted.reshape(-1, 3 * columns)
    return gradient, hessian


def _free_first(m: int) -> np.ndarray:
    """Positions in X (3, m), flattened, of q atom by atom."""
    return np.arange(3 * m).reshape(3, m).T.reshape(-1)


def _joint_order(m: int) -> np.ndarray:
    """Positions in X (3, 2 + m), flattened, of the in-plane F row by row and then q atom by atom."""
    index = np.arange(3 * (2 + m)).reshape(3, 2 + m)
    return np.concatenate([index[:2, :2].reshape(-1), index[:, 2:].T.reshape(-1)])


def side_by_side(slab: Neighbours, bulk: Neighbours, repeats: int) -> tuple[Neighbours, Neighbours]:
    """Bonds of a slab followed by those of the bulk, the bulk counted + ``repeats`` and − ``repeats`` times."""

    def joined(sign: int) -> Neighbours:
        return Neighbours(
            site=np.concatenate([slab.site, bulk.site + len(slab.representatives)]),
            origin=np.concatenate([slab.origin, bulk.origin + slab.atoms]),
            partner=np.concatenate([slab.partner, bulk.partner + slab.atoms]),
            image=np.concatenate([np.pad(slab.image, ((0, 0), (0, 1))), bulk.image]),
            doubled=np.concatenate([slab.doubled, bulk.doubled]),
            representatives=np.concatenate([slab.representatives, bulk.representatives + slab.atoms]),
            multiplicity=np.concatenate([slab.multiplicity, sign * repeats * bulk.multiplicity]),
            atoms=slab.atoms + bulk.atoms,
            outside=min(slab.outside, bulk.outside),
            cell=bulk.cell,
            basis=np.concatenate([slab.basis, bulk.basis]),
            species=slab.species + bulk.species,
        )

    return joined(1), joined(-1)
