"""Energy of a multilattice in the unknowns X = [F | s], and the relaxation of its inner shifts.

Every bond vector is linear in X: r_b = F R_b + Σ_a t_ba s_a, with integer t in {−1, 0, 1}; so the derivatives in F and
in the shifts are one expansion in the bond vectors (msjax.crystal.expansion) contracted with ρ_b = (R_b, t_b).
"""

import dataclasses
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.expansion import Terms, bond_moments, energy, expand_terms, in_moments
from msjax.crystal.neighbours import Neighbours
from msjax.crystal.potential import Angular, General, Moments, Potential
from msjax.solvers.newton import Functional
from msjax.tensors import voigt_index
from msjax.typing import Array, Float, Scalar


class Arguments(NamedTuple):
    """What the inner shifts depend on: F, the reference bond vectors (nb, d) and the potential."""

    deformation: Float[Array, "d d"]
    reference: Float[Array, "nb d"]
    potential: Potential


class _Prepared(NamedTuple):
    affine: Float[Array, "d nb"]
    background: Float[Array, "ns k"] | None
    potential: Angular | Moments


@dataclasses.dataclass(frozen=True)
class Shifts(Functional):
    """Energy per cell as a function of the flattened inner shifts (atoms − 1, d), Å, current frame.

    Only bonds between sublattices move; the others enter through their moments, held as a background.
    """

    neighbours: Neighbours

    @property
    def _moving(self) -> np.ndarray:
        return np.any(self.neighbours.shift_of_bond != 0, axis=1)

    def prepare(self, arguments):
        """The affine motion of the bonds that move, and the moments of those that do not."""
        if isinstance(arguments.potential, General):
            return arguments
        potential, moving = arguments.potential, np.flatnonzero(self._moving)
        background = None
        if len(moving) < self.neighbours.bonds:
            resting = np.flatnonzero(~self._moving)
            still = (arguments.reference[resting] @ arguments.deformation.T).T
            background = bond_moments(in_moments(potential.only(resting)), self.neighbours.only(~self._moving), still)
        affine = (arguments.reference[moving] @ arguments.deformation.T).T
        return _Prepared(affine, background, in_moments(potential.only(moving)))

    def derivatives(self, x, prepared):
        """Energy (up to a constant), gradient and Hessian in the shifts."""
        if isinstance(prepared, Arguments):
            return _by_differentiation(lambda s: self._energy(s, prepared), x)
        bonds = self.neighbours.only(self._moving)
        dim = prepared.affine.shape[0]
        shifts = x.reshape(self.neighbours.atoms - 1, dim)
        rho = bonds.shift_of_bond
        r = prepared.affine + shifts.T @ rho.T
        terms = expand_terms(prepared.potential, bonds, r, prepared.background)
        gradient, hessian = contract(terms, bonds, jnp.asarray(rho))
        order = _shift_order(self.neighbours.atoms - 1, dim)
        return terms.energy, *_reordered(gradient, hessian, order)

    def gradient(self, x, arguments):
        """Gradient alone, by reverse mode of the energy."""
        return jax.grad(self._energy)(x, arguments)

    def _energy(self, x, arguments):
        dim = arguments.deformation.shape[0]
        shifts = x.reshape(self.neighbours.atoms - 1, dim)
        r = bond_vectors(self.neighbours, arguments.deformation, arguments.reference, shifts)
        return energy(arguments.potential, self.neighbours, r)


def bond_vectors(
    neighbours: Neighbours,
    deformation: Float[Array, "d d"],
    reference: Float[Array, "nb d"],
    shifts: Float[Array, "n d"],
) -> Float[Array, "nb d"]:
    """r_b = F R_b + Σ_a t_ba s_a."""
    return reference @ deformation.T + neighbours.shift_of_bond @ shifts


def contract(
    terms: Terms, neighbours: Neighbours, rho: Float[Array, "nb c"]
) -> tuple[Float[Array, " n"], Float[Array, "n n"]]:
    """Gradient and Hessian in X (d, c) with r_b = X ρ_b, flattened row by row (component first)."""
    dim = terms.slope.shape[0]
    columns = rho.shape[1]
    gradient = (terms.slope @ rho).reshape(-1)
    left, right = np.triu_indices(columns)
    both = rho[:, left] * rho[:, right]
    full = np.zeros((columns, columns), int)
    full[left, right] = full[right, left] = np.arange(len(left))
    # (v, nb) times constants (nb, pairs), then spread both symmetric pairs
    curvature = (terms.curvature @ both)[voigt_index(dim)][:, :, full]
    hessian = curvature.transpose(0, 2, 1, 3).reshape(dim * columns, dim * columns)
    k = terms.density_slope.shape[0]
    sites = len(neighbours.representatives)
    for site in range(sites if k else 0):
        mine = neighbours.site == site
        selected = terms.density_slope if sites == 1 else terms.density_slope[:, :, np.flatnonzero(mine)]
        jacobian = (selected.reshape(k * dim, -1) @ rho[np.flatnonzero(mine)]).reshape(k, dim * columns)
        hessian = hessian + jacobian.T @ (terms.embedding_curvature[site] @ jacobian)
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
    if isinstance(arguments.potential, General):

        def joint(z):
            deformation, s = z[: dim * dim].reshape(dim, dim), z[dim * dim :].reshape(n, dim)
            return energy(
                arguments.potential, neighbours, bond_vectors(neighbours, deformation, arguments.reference, s)
            )

        z = jnp.concatenate([arguments.deformation.reshape(-1), shifts.reshape(-1)])
        return Expanded(*_by_differentiation(joint, z), jnp.zeros((len(neighbours.representatives), 0)))
    rho = jnp.concatenate([arguments.reference, jnp.asarray(neighbours.shift_of_bond)], axis=1)
    unknowns = jnp.concatenate([arguments.deformation, shifts.T], axis=1)
    terms = expand_terms(in_moments(arguments.potential), neighbours, unknowns @ rho.T)
    gradient, hessian = contract(terms, neighbours, rho)
    order = _joint_order(dim, n)
    return Expanded(terms.energy, *_reordered(gradient, hessian, order), terms.moments)


def _by_differentiation(function, z):
    """Value, gradient and Hessian in one forward-over-reverse pass."""

    def slope(z):
        value, gradient = jax.value_and_grad(function)(z)
        return gradient, (value, gradient)

    hessian, (value, gradient) = jax.jacfwd(slope, has_aux=True)(z)
    return value, gradient, hessian


def _reordered(gradient, hessian, order: np.ndarray):
    """Gradient and Hessian with their unknowns in another order; nothing to compile where it is the same one."""
    if np.array_equal(order, np.arange(len(order))):
        return gradient, hessian
    return gradient[order], hessian[order][:, order]


def _joint_order(dim: int, n: int) -> np.ndarray:
    """Positions in X (d, d + n) flattened, of F row by row and then s atom by atom."""
    index = np.arange(dim * (dim + n)).reshape(dim, dim + n)
    return np.concatenate([index[:, :dim].reshape(-1), index[:, dim:].T.reshape(-1)])


def _shift_order(n: int, dim: int) -> np.ndarray:
    return np.arange(dim * n).reshape(dim, n).T.reshape(-1)
