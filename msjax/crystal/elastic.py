"""Elastic constants of second, third and fourth order, clamped and relaxed, by differentiation of the exact tangent.

Brugger's constants (doi:10.1103/PhysRev.133.A1611) are derivatives by the Green–Lagrange strain E at the state F,

    C_IJ = ∂S_I/∂E_J = F⁻¹(A − δ⊗S)F⁻ᵀ,      C_IJK = ∂C_IJ/∂E_K,      C_IJKL = ∂C_IJK/∂E_L,      S = F⁻¹P,

per reference volume, in Voigt order 11, 22, 33, 23, 13, 12 with engineering shear. "Clamped" holds a multilattice's
inner shifts to the affine motion, "relaxed" makes them stationary; for Bravais lattices the two are equal.
"""

import copy
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.material.response import Response, check_strain
from msjax.status import check
from msjax.tensors import VOIGT, inverse, to_voigt_stiffness
from msjax.typing import Array, Float, PyTree, Scalar

Inner = Literal["relaxed", "clamped"]


def relaxed_stiffness(material: CauchyBorn, strain: PyTree = None, *, throw: bool = True) -> Float[Array, "v v"]:
    """C_IJ with inner shifts relaxed (whatever ``material.inner``), eV/Å^d; at F = ``strain``, by default I.

    At zero stress these are the elastic constants. Raises :class:`msjax.status.SolveError` where the state fails and
    ``throw``; otherwise, and under a transformation, a failed member is NaN. Differentiable in every leaf.

    >>> import msjax as ms
    >>> from msjax import units
    >>> silicon = ms.CauchyBorn(ms.bulk("Si", "diamond", a=5.430949778), ms.StillingerWeber())
    >>> round(float(relaxed_stiffness(silicon)[3, 3]) / units.GPa, 3)
    56.449
    """
    return _checked(material, "relaxed", strain, throw, order=2)


def clamped_stiffness(material: CauchyBorn, strain: PyTree = None, *, throw: bool = True) -> Float[Array, "v v"]:
    """C_IJ with inner shifts clamped to the affine motion (whatever ``material.inner``), eV/Å^d.

    See :func:`relaxed_stiffness`; never smaller than it, as a quadratic form, at a state that has no shifts.

    >>> import msjax as ms
    >>> from msjax import units
    >>> silicon = ms.CauchyBorn(ms.bulk("Si", "diamond", a=5.430949778), ms.StillingerWeber())
    >>> round(float(clamped_stiffness(silicon)[3, 3]) / units.GPa, 3)
    109.756
    """
    return _checked(material, "clamped", strain, throw, order=2)


def relaxed_third_order_stiffness(
    material: CauchyBorn, strain: PyTree = None, *, throw: bool = True
) -> Float[Array, "v v v"]:
    """C_IJK with inner shifts relaxed, eV/Å^d, by one forward derivative through the condensation.

    Tables of an embedded-atom file are C2: their third derivative is that of the spline piece in force, which at a
    knot is one-sided. Errors as :func:`relaxed_stiffness`.

    >>> import msjax as ms
    >>> from msjax import units
    >>> copper = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    >>> relaxed_third_order_stiffness(copper).shape
    (6, 6, 6)
    """
    return _checked(material, "relaxed", strain, throw, order=3)


def clamped_third_order_stiffness(
    material: CauchyBorn, strain: PyTree = None, *, throw: bool = True
) -> Float[Array, "v v v"]:
    """C_IJK with inner shifts clamped to the affine motion, eV/Å^d. See :func:`relaxed_third_order_stiffness`."""
    return _checked(material, "clamped", strain, throw, order=3)


def relaxed_fourth_order_stiffness(
    material: CauchyBorn, strain: PyTree = None, *, throw: bool = True
) -> Float[Array, "v v v v"]:
    """C_IJKL with inner shifts relaxed, eV/Å^d, by two forward derivatives through the condensation.

    Of a cubic crystal eleven are independent: 1111, 1112, 1122, 1123, 1144, 1155, 1255, 1266, 1456, 4444, 4455.
    What ends with two continuous derivatives at its cut-off, and tables with C2 splines, have a fourth derivative that
    is one-sided, or zero, there. Errors as :func:`relaxed_stiffness`.

    >>> import msjax as ms
    >>> copper = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    >>> relaxed_fourth_order_stiffness(copper).shape
    (6, 6, 6, 6)
    """
    return _checked(material, "relaxed", strain, throw, order=4)


def clamped_fourth_order_stiffness(
    material: CauchyBorn, strain: PyTree = None, *, throw: bool = True
) -> Float[Array, "v v v v"]:
    """C_IJKL with inner shifts clamped to the affine motion, eV/Å^d. See :func:`relaxed_fourth_order_stiffness`."""
    return _checked(material, "clamped", strain, throw, order=4)


def bulk_modulus(stiffness: Float[Array, "v v"]) -> Scalar:
    """Σ C_ij/d² over the normal components: −V dp/dV under equal strains (Voigt's mean; exact for cubic crystals).

    >>> import jax.numpy as jnp
    >>> float(bulk_modulus(jnp.diag(jnp.array([3.0, 3.0, 3.0, 1.0, 1.0, 1.0]))))
    1.0
    """
    dim = _dimension(stiffness)
    return jnp.sum(stiffness[:dim, :dim]) / dim**2


def youngs_modulus(stiffness: Float[Array, "v v"], direction: Float[Array, " d"]) -> Scalar:
    """Young's modulus along a direction (any length), 1/(n·(S:(n⊗n))·n) with the compliance S = C⁻¹.

    >>> import jax.numpy as jnp
    >>> float(youngs_modulus(jnp.diag(jnp.array([2.0, 3.0, 3.0, 1.0, 1.0, 1.0])), jnp.array([1.0, 0.0, 0.0])))
    2.0
    """
    n = direction / jnp.sqrt(jnp.sum(direction * direction))
    load = jnp.stack([n[i] * n[j] for i, j in VOIGT[_dimension(stiffness)]])
    return 1.0 / (load @ jnp.linalg.solve(stiffness, load))


def _checked(material: CauchyBorn, inner: Inner, strain: PyTree, throw: bool, order: int) -> Array:
    if strain is None:
        strain = jnp.eye(material.dim)
    held = with_inner(material, inner)
    values, response = brugger_constants(held, check_strain(strain, material.dim), order)
    check(response.tangent_status, f"{inner} stiffness", throw)
    return values


@eqx.filter_jit
def brugger_constants(material: CauchyBorn, strain: Array, order: int) -> tuple[Array, Response]:
    """The constants of one order at F as the material stands, and its response there."""
    if order == 2:
        response = material.respond(strain)
        return brugger(strain, response), response
    usable = jnp.all(jnp.isfinite(strain))
    pull = inverse(jnp.where(usable, strain, jnp.eye(material.dim)))
    modes = jnp.asarray(_strain_modes(material.dim))

    def along(components):
        # (1 + ε − ½ε²)F with ε = F⁻ᵀ dE F⁻¹: to second order this path has just the strain increment asked for
        local = pull.T @ jnp.tensordot(components, modes, axes=1) @ pull
        deformation = strain + (local - 0.5 * local @ local) @ strain
        response = material.respond(deformation)
        return brugger(deformation, response), response

    for _ in range(order - 2):
        along = jax.jacfwd(along, has_aux=True)
    return along(jnp.zeros(len(modes)))


def brugger(deformation: Float[Array, "d d"], response: Response) -> Float[Array, "v v"]:
    """C_MJNL = F⁻¹(A − δ⊗S)F⁻ᵀ with S = F⁻¹P in Voigt form, of a response at F."""
    back = inverse(deformation)
    second = back @ response.stress
    tangent = response.tangent - jnp.eye(deformation.shape[0])[:, None, :, None] * second[None, :, None, :]
    return to_voigt_stiffness(jnp.einsum("Mi,iJkL,Nk->MJNL", back, tangent, back))


def _strain_modes(dim: int) -> np.ndarray:
    modes = np.zeros((len(VOIGT[dim]), dim, dim))
    for v, (i, j) in enumerate(VOIGT[dim]):
        modes[v, i, j] += 0.5
        modes[v, j, i] += 0.5
    return modes


def _dimension(stiffness: Array) -> int:
    return {1: 1, 3: 2, 6: 3}[stiffness.shape[0]]


def with_inner(material: CauchyBorn, inner: Inner) -> CauchyBorn:
    """The same material with its inner shifts treated in this way."""
    if material.inner == inner:
        return material
    other = copy.copy(material)
    object.__setattr__(other, "inner", inner)  # a static field, which equinox.tree_at does not reach
    return other
