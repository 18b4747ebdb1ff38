"""Small-strain materials in components: what elastic, plastic, viscous and damaged solids share.

Strains and stresses are columns of components in the order 11, 22, 33, (23, 13,) 12: six in three dimensions, four in
plane strain, whose out-of-plane stress and inelastic strain are kept though the strain vanishes. Shears of a strain
are doubled, so that work is the scalar product of the columns.
"""

import abc
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.material.inputs import Inputs
from msjax.material.response import Material, Response, check_strain
from msjax.solvers.condensation import tangent_status
from msjax.status import Code, Status, first_failure, guard, screen, substitute
from msjax.tensors import is_positive_definite
from msjax.typing import Array, Float, PyTree, Scalar, concrete

PAIRS = {2: ((0, 0), (1, 1), (2, 2), (0, 1)), 3: ((0, 0), (1, 1), (2, 2), (1, 2), (0, 2), (0, 1))}
"""Index pairs of the components, by dimension of the deformation gradient."""


class Update(NamedTuple):
    """A step of a material in components: energy, stress (v,), tangent (v, v), trial state and status."""

    energy: Scalar
    stress: Float[Array, " v"]
    tangent: Float[Array, "v v"]
    state: PyTree
    status: Status


class SmallStrain(Material):
    """A material of the infinitesimal strain ε = sym(F − 1); plane strain where ``dim`` is 2.

    A subclass says :meth:`update`, in components (see the module). Not objective: rotations must be small.
    """

    size: eqx.AbstractVar[int]

    objective: ClassVar[bool] = False

    @property
    def dim(self) -> int:
        """2 (plane strain) or 3."""
        return self.size

    @property
    def components(self) -> int:
        """Components of a strain: 4 in plane strain, 6 in three dimensions."""
        return len(PAIRS[self.size])

    @abc.abstractmethod
    def update(self, strain: Float[Array, " v"], state: PyTree, inputs: PyTree) -> Update:
        """One step from the committed ``state`` to a finite ``strain``."""

    def respond(self, strain: PyTree, state: PyTree = None, inputs: PyTree = None) -> Response:
        """(W, P, A) at F (d, d) after one step from the committed ``state`` (None: virgin), and the trial state.

        A failed member (NaN in strain, state or inputs, a return map that does not converge) is NaN with its status.
        UNSTABLE, in ``tangent_status``: the tangent is not positive definite on strains.
        """
        if isinstance(inputs, Inputs):  # numbers become arguments of the compiled program
            inputs = Inputs(*(None if x is None else jnp.asarray(x, float) for x in inputs))
        return _respond(self, check_strain(strain, self.dim), state, inputs)


@eqx.filter_jit
def _respond(material: SmallStrain, deformation: Array, state: PyTree, inputs: PyTree) -> Response:
    virgin = material.initial_state()
    state = virgin if state is None else state
    finite = all_finite((deformation, state, inputs))
    dim = material.dim
    gradient = substitute(deformation, ~finite, jnp.eye(dim)) - jnp.eye(dim)
    state = substitute(state, ~finite, virgin)
    inputs = jax.tree.map(lambda x: substitute(x, ~jnp.isfinite(x), 1.0), inputs)
    found = material.update(to_column(gradient), state, inputs)

    status = screen(first_failure(Status.of(), found.status), ~finite, Code.NONFINITE)
    sound = jnp.isfinite(found.energy) & all_finite(found.stress)
    status = screen(status, ~sound, Code.NONFINITE)
    of_tangent = tangent_status(found.tangent, status)
    index = _position(dim)
    tangent = found.tangent[index][:, :, index]
    inside = np.unique(index)
    unstable = ~is_positive_definite(found.tangent[np.ix_(inside, inside)])
    of_tangent = screen(of_tangent, unstable & (of_tangent.code == Code.CONVERGED), Code.UNSTABLE)
    energy, stress, trial = guard((found.energy, found.stress[index], found.state), status.failed)
    return Response(energy, stress, guard(tangent, of_tangent.failed), trial, status, of_tangent)


def all_finite(tree: PyTree) -> Array:
    """Whether every number of a tree is finite."""
    finite = jnp.asarray(True)
    for leaf in jax.tree.leaves(tree):
        finite = finite & jnp.all(jnp.isfinite(leaf))
    return finite


def _position(dim: int) -> np.ndarray:
    """Static (dim, dim) table from an index pair to its component."""
    pairs = PAIRS[dim]
    return np.array([[pairs.index((min(i, j), max(i, j))) for j in range(dim)] for i in range(dim)])


def to_column(gradient: Float[Array, "d d"]) -> Float[Array, " v"]:
    """Components of sym(∇u), shears doubled; the out-of-plane strain of plane strain is zero.

    >>> import jax.numpy as jnp
    >>> to_column(jnp.array([[0.1, 0.2], [0.3, 0.4]])).tolist()
    [0.1, 0.4, 0.0, 0.5]
    """
    dim = gradient.shape[0]
    return jnp.stack(
        [
            jnp.zeros(()) if max(i, j) >= dim else gradient[i, i] if i == j else gradient[i, j] + gradient[j, i]
            for i, j in PAIRS[dim]
        ]
    )


def weights(components: int) -> np.ndarray:
    """How often a component counts in a scalar product of stresses: 1, and 2 for shears."""
    return np.array([1.0] * 3 + [2.0] * (components - 3))


def trace(column: Float[Array, " v"]) -> Scalar:
    """Sum of the normal components."""
    return column[0] + column[1] + column[2]


def deviator(strain: Float[Array, " v"]) -> Float[Array, " v"]:
    """Deviatoric part of a strain as components of a tensor: shears not doubled."""
    mean = trace(strain) / 3.0
    return strain / weights(strain.shape[0]) - mean * spherical(strain.shape[0])


def spherical(components: int) -> np.ndarray:
    """The unit tensor as a column."""
    return np.array([1.0] * 3 + [0.0] * (components - 3))


def square(column: Float[Array, " v"]) -> Scalar:
    """t:t of a tensor t given by components that are not doubled."""
    return jnp.sum(weights(column.shape[0]) * column * column)


def isotropic_tangent(bulk: Scalar, shear: Scalar, components: int) -> Float[Array, "v v"]:
    """K 1⊗1 + 2G (I − 1⊗1/3) in components."""
    one = spherical(components)
    both = np.outer(one, one)
    return bulk * both + 2.0 * shear * (np.diag(1.0 / weights(components)) - both / 3.0)


def moduli(young: Scalar, poisson: Scalar) -> tuple[Scalar, Scalar]:
    """Bulk and shear modulus."""
    return young / (3.0 * (1.0 - 2.0 * poisson)), young / (2.0 * (1.0 + poisson))


def check_dim(dim: Any) -> int:
    """``dim`` if it is 2 or 3."""
    if dim not in (2, 3):
        raise ValueError(f"dim: expected 2 (plane strain) or 3, got {dim!r}")
    return dim


def number(
    value: Any, name: str, above: float | None = None, below: float | None = None, least: float | None = None
) -> Scalar:
    """One float that lies ``above`` (or is at ``least``) and ``below`` bounds; ``ValueError`` naming it otherwise."""
    array = jnp.asarray(value, float)
    if array.shape != ():
        raise ValueError(f"{name}: expected one number, got an array of shape {array.shape}")
    if concrete(array):
        found = float(array)
        if not np.isfinite(found):
            raise ValueError(f"{name}: must be finite, got {found}")
        if above is not None and not found > above:
            raise ValueError(f"{name}: must be {'positive' if above == 0 else f'greater than {above}'}, got {found}")
        if least is not None and not found >= least:
            raise ValueError(f"{name}: must be at least {least}, got {found}")
        if below is not None and not found < below:
            raise ValueError(f"{name}: must be less than {below}, got {found}")
    return array
