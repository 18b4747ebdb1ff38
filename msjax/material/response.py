"""The contract every material fulfils: one method, for one point."""

import abc
from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.status import Code, Status, screen, substitute
from msjax.tensors import VOIGT, det, sum_of
from msjax.typing import Array, Bool, Float, PyTree


class Response(NamedTuple):
    """What a material answers at one point. Ignored fields cost nothing under jit.

    ``energy`` W, per reference volume; ``stress`` P[i, J] = ∂W/∂F[i, J]; ``tangent`` A[i, J, k, L] = ∂P[i, J]/∂F[k, L];
    ``state``, a trial that commits on convergence; ``status`` of energy and stress; ``tangent_status`` of the tangent
    alone (SINGULAR when only the tangent is lost, UNSTABLE when it is not positive definite on pure strains).
    """

    energy: PyTree
    stress: PyTree
    tangent: PyTree
    state: PyTree
    status: Status
    tangent_status: Status


class Material(eqx.Module):
    """Anything that has (W, P, A). Array leaves are its parameters, everything else is static structure.

    The class attributes are claims, which :func:`msjax.check_material` tests: ``conservative`` (P is the gradient of
    W), ``objective`` (W(QF) = W(F)), ``symmetric`` (A has major symmetry) and ``deterministic``.
    """

    conservative: ClassVar[bool] = True
    objective: ClassVar[bool] = True
    symmetric: ClassVar[bool] = True
    deterministic: ClassVar[bool] = True

    @property
    @abc.abstractmethod
    def dim(self) -> int:
        """Number of rows of the deformation gradient."""

    @abc.abstractmethod
    def respond(self, strain: PyTree, state: PyTree = None, inputs: PyTree = None) -> Response:
        """(W, P, A) at one deformation gradient; jitted; batch with vmap or ``lax.map``."""

    def initial_state(self) -> PyTree:
        """State of the undeformed, virgin material; None where there is no history."""
        return None

    @property
    def reference_strain(self) -> Float[Array, "d d"]:
        """The undeformed state, F = I."""
        return jnp.eye(self.dim)


def safe_deformation(strain: Float[Array, "d d"]) -> tuple[Float[Array, "d d"], Status]:
    """Replace a deformation gradient that cannot be evaluated by I, and say what was wrong with it.

    NONFINITE for NaN or infinity, INVERTED for det F ≤ 0. Whatever is computed from the safe F must go through
    :func:`msjax.status.guard`.
    """
    finite = jnp.all(jnp.isfinite(strain))
    usable = finite & (det(strain) > 0)
    status = screen(Status.of(), ~finite, Code.NONFINITE)
    status = screen(status, finite & ~usable, Code.INVERTED)
    return substitute(strain, ~usable, jnp.eye(strain.shape[0])), status


def check_strain(strain: Any, dim: int) -> Float[Array, "d d"]:
    """The strain as a float array of shape (dim, dim); ``ValueError`` naming what is wrong, before tracing."""
    try:
        array = jnp.asarray(strain, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"strain: expected a {dim}×{dim} array of numbers (the deformation gradient F)") from error
    if array.shape != (dim, dim):
        raise ValueError(f"strain: expected the deformation gradient F of shape ({dim}, {dim}), got {array.shape}")
    return array


def pure_strain_form(
    deformation: Float[Array, "d e"], stress: Float[Array, "d e"], tangent: Float[Array, "d e d e"]
) -> Float[Array, "v v"]:
    """Second variation of W on pure strains F → F(1 + ε), as a form in the Voigt components of ε (shears by √2).

    Its positive definiteness is Born's stability under dead loads that do no work on rotations
    (doi:10.1103/PhysRevB.52.12627).
    """
    first, second = np.array(VOIGT[deformation.shape[1]]).T
    weight = jnp.asarray(np.where(first == second, 0.5, np.sqrt(0.5)))
    # two symmetrised products with F, written as elementwise sums: half the time of the einsum
    left = sum_of(row[:, None, None, None] * block[None] for row, block in zip(deformation, tangent, strict=True))
    left = weight[:, None, None] * (left[first, second] + left[second, first])
    form = sum_of(left[:, None, k] * deformation[k][None, :, None] for k in range(deformation.shape[0]))
    return weight[None, :] * (form[:, first, second] + form[:, second, first])


def flag_unstable(status: Status, definite: Bool[Array, ""]) -> Status:
    """UNSTABLE where a converged result is not a minimum."""
    return screen(status, ~definite & (status.code == Code.CONVERGED), Code.UNSTABLE)
