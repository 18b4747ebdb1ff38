"""Energy of a multilattice in the unknowns X = [F | s], and the relaxation of its inner shifts.

Every bond vector is linear in X: r_b = F R_b + Σ_a t_ba s_a, with integer t in {−1, 0, 1}; so the derivatives in F and
in the shifts are one expansion in the bond vectors (msjax.crystal.expansion) contracted with ρ_b = (R_b, t_b).
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.expansion import Expansion, energy, expand, site_sum
from msjax.crystal.neighbours import Neighbours
from msjax.crystal.potential import Potential, SiteEnergy
from msjax.solvers.newton import Functional
from msjax.typing import Array, Float, Scalar


class Arguments(NamedTuple):
    """What the inner shifts depend on: F, the reference bond vectors (nb, d) and the potential."""

    deformation: Float[Array, "d d"]
    reference: Float[Array, "nb d"]
    potential: Potential


@dataclasses.dataclass(frozen=True)
class Shifts(Functional):
    """Energy per cell as a function of the flattened inner shifts (atoms − 1, d), Å, current frame."""

    neighbours: Neighbours

    def derivatives(self, x, arguments):
        """Energy, gradient and Hessian in the shifts, from the bonds that feel them."""
        bonds = self.neighbours
        if isinstance(arguments.potential, SiteEnergy):
            return _by_differentiation(lambda s: self._energy(s, arguments), x)
        expansion = expand(arguments.potential, bonds, self._bonds(x, arguments))
        gradient, hessian = contract(expansion, bonds, jnp.asarray(bonds.shift_of_bond))
        # unknowns are ordered (component, shift); the solver's are (shift, component)
        order = _shift_order(bonds.atoms - 1, arguments.deformation.shape[0])
        return expansion.energy, gradient[order], hessian[order[:, None], order[None, :]]

    def gradient(self, x, arguments):
        """Gradient alone, by reverse mode of the energy."""
        return jax.grad(self._energy)(x, arguments)

    def _energy(self, x, arguments):
        return energy(arguments.potential, self.neighbours, self._bonds(x, arguments))

    def _bonds(self, x, arguments):
        dim = arguments.deformation.shape[0]
        shifts = x.reshape(self.neighbours.atoms - 1, dim)
        return bond_vectors(self.neighbours, arguments.deformation, arguments.reference, shifts)


def bond_vectors(
    neighbours: Neighbours,
    deformation: Float[Array, "d d"],
    reference: Float[Array, "nb d"],
    shifts: Float[Array, "n d"],
) -> Float[Array, "nb d"]:
    """r_b = F R_b + Σ_a t_ba s_a."""
    return reference @ deformation.T + neighbours.shift_of_bond @ shifts


def contract(
    expansion: Expansion, neighbours: Neighbours, rho: Float[Array, "nb c"]
) -> tuple[Float[Array, " n"], Float[Array, "n n"]]:
    """Gradient and Hessian in X (d, c) with r_b = X ρ_b, flattened row by row (component first)."""
    dim = expansion.slope.shape[1]
    columns = rho.shape[1]
    gradient = jnp.einsum("bi,bc->ic", expansion.slope, rho).reshape(-1)
    both = (rho[:, :, None] * rho[:, None, :]).reshape(-1, columns * columns)
    curvature = expansion.curvature.reshape(-1, dim * dim).T @ both
    hessian = curvature.reshape(dim, dim, columns, columns).transpose(0, 2, 1, 3).reshape(dim * columns, dim * columns)
    k = expansion.density_slope.shape[1]
    if k:
        jacobian = site_sum(expansion.density_slope[:, :, :, None] * rho[:, None, None, :], neighbours)
        jacobian = jacobian.reshape(jacobian.shape[0], k, dim * columns)
        hessian = hessian + jnp.einsum("skx,skl,sly->xy", jacobian, expansion.embedding_curvature, jacobian)
    return gradient, hessian


class Expanded(NamedTuple):
    """Energy per cell and its derivatives in (F, s), F row by row first, then s atom by atom."""

    energy: Scalar
    gradient: Float[Array, " n"]
    hessian: Float[Array, "n n"]
    moments: Float[Array, "ns k"]


def expand_joint(neighbours: Neighbours, arguments: Arguments, shifts: Float[Array, "n d"]) -> Expanded:
    """Energy, gradient and Hessian in (F, s) at given shifts."""
    dim, n = arguments.deformation.shape[0], neighbours.atoms - 1
    if isinstance(arguments.potential, SiteEnergy):

        def joint(z):
            deformation, s = z[: dim * dim].reshape(dim, dim), z[dim * dim :].reshape(n, dim)
            return energy(
                arguments.potential, neighbours, bond_vectors(neighbours, deformation, arguments.reference, s)
            )

        z = jnp.concatenate([arguments.deformation.reshape(-1), shifts.reshape(-1)])
        return Expanded(*_by_differentiation(joint, z), jnp.zeros((len(neighbours.representatives), 0)))
    r = bond_vectors(neighbours, arguments.deformation, arguments.reference, shifts)
    expansion = expand(arguments.potential, neighbours, r)
    rho = jnp.concatenate([arguments.reference, jnp.asarray(neighbours.shift_of_bond)], axis=1)
    gradient, hessian = contract(expansion, neighbours, rho)
    order = _joint_order(dim, n)
    return Expanded(expansion.energy, gradient[order], hessian[order[:, None], order[None, :]], expansion.moments)


def _by_differentiation(function, z):
    return function(z), jax.grad(function)(z), jax.jacfwd(jax.grad(function))(z)


def _joint_order(dim: int, n: int) -> np.ndarray:
    """Positions in X (d, d + n) flattened, of F row by row and then s atom by atom."""
    index = np.arange(dim * (dim + n)).reshape(dim, dim + n)
    return np.concatenate([index[:, :dim].reshape(-1), index[:, dim:].T.reshape(-1)])


def _shift_order(n: int, dim: int) -> np.ndarray:
    return np.arange(dim * n).reshape(dim, n).T.reshape(-1)
