"""How elastic constants change with pressure: stress–strain coefficients, and their derivatives by p.

Under a Cauchy stress σ the constants that measure dσ/dε (and enter stability and sound) are not Brugger's. With
c_ijkl = F_iM F_jN F_kP F_lQ C_MNPQ / det F, the derivatives by Green–Lagrange strain counted from the stressed state,
the stress–strain (Birch) coefficients are

    B_ijkl = c_ijkl + ½(σ_ik δ_jl + σ_il δ_jk + σ_jk δ_il + σ_jl δ_ik − 2 σ_ij δ_kl)

(Wallace, Thermodynamics of Crystals, 1972; F. Birch, doi:10.1103/PhysRev.71.809; doi:10.1103/PhysRevB.52.12627). Under
a pressure they are symmetric, for cubic crystals B11 = c11 − p, B12 = c12 + p, B44 = c44 − p.
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.elastic import brugger, brugger_constants, with_inner
from msjax.material.response import check_strain
from msjax.status import Status, check
from msjax.tensors import VOIGT, det, to_voigt_stiffness, voigt_index
from msjax.typing import Array, Float, PyTree, Scalar


class PressureDerivatives(NamedTuple):
    """Derivatives by the pressure p, at constant temperature zero, without units.

    ``stiffness`` dB_IJ/dp (v, v) of the stress–strain coefficients, not of Brugger's constants; ``bulk_modulus``
    K′ = dK/dp with K = −V dp/dV; ``strain`` dε_I/dp (v,) in Voigt components, eV⁻¹Å^d: minus the linear
    compressibilities.
    """

    stiffness: Float[Array, "v v"]
    bulk_modulus: Scalar
    strain: Float[Array, " v"]


def stress_strain_coefficients(
    material: CauchyBorn, strain: PyTree = None, *, throw: bool = True
) -> Float[Array, "v v"]:
    """B_IJ at F = ``strain`` (by default I) with inner shifts relaxed, eV/Å^d: dσ_I = B_IJ dε_J without rotation.

    At zero stress they are the elastic constants; not symmetric where the stress is no pressure. Errors as
    :func:`msjax.relaxed_stiffness`.

    >>> import msjax as ms
    >>> copper = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.55), ms.EAM.gupta("Cu"))  # compressed
    >>> B, C = stress_strain_coefficients(copper), ms.relaxed_stiffness(copper)
    >>> bool(B[0, 0] < C[0, 0]), bool(B[0, 1] > C[0, 1])
    (True, True)
    """
    values, status = _coefficients(with_inner(material, "relaxed"), _deformation(material, strain))
    check(status, "stress–strain coefficients", throw)
    return values


def pressure_derivatives(material: CauchyBorn, strain: PyTree = None, *, throw: bool = True) -> PressureDerivatives:
    """dB_IJ/dp and dK/dp of a crystal of any symmetry at F = ``strain`` (by default I), inner shifts relaxed.

    From the elastic constants of second and third order, as after Thurston and Brugger
    (doi:10.1103/PhysRev.133.A1604): with ε̇ = −B⁻¹1, the strain per pressure, and E = Fᵀε̇F,

        ċ_ijkl = F_iM F_jN F_kP F_lQ C_MNPQRS E_RS / det F + ε̇_ia c_ajkl + ε̇_ja c_iakl + ε̇_ka c_ijal + ε̇_la c_ijka
                 − tr(ε̇) c_ijkl,        Ḃ_ijkl = ċ_ijkl − (δ_ik δ_jl + δ_il δ_jk − δ_ij δ_kl).

    The same numbers come from :func:`msjax.equilibrium` under pressure, by differentiation in p. Errors as
    :func:`msjax.relaxed_stiffness`.

    >>> import msjax as ms
    >>> material = ms.equilibrium(ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))).material
    >>> 5.0 < float(pressure_derivatives(material).bulk_modulus) < 7.0
    True
    """
    values, status = _derivatives(with_inner(material, "relaxed"), _deformation(material, strain))
    check(status, "pressure derivatives", throw)
    return values


def _deformation(material: CauchyBorn, strain: PyTree) -> Array:
    return check_strain(jnp.eye(material.dim) if strain is None else strain, material.dim)


@eqx.filter_jit
def _coefficients(material: CauchyBorn, deformation: Array) -> tuple[Array, Status]:
    response = material.respond(deformation)
    values = _birch(_pushed(brugger(deformation, response), deformation), _cauchy(response.stress, deformation))
    return to_voigt_stiffness(values), response.tangent_status


@eqx.filter_jit
def _derivatives(material: CauchyBorn, deformation: Array) -> tuple[PyTree, Status]:
    dim = material.dim
    third, response = brugger_constants(material, deformation, 3)
    current = _pushed(brugger(deformation, response), deformation)
    coefficients = to_voigt_stiffness(_birch(current, _cauchy(response.stress, deformation)))
    pressed = jnp.array([float(i == j) for i, j in VOIGT[dim]])
    rate = -jnp.linalg.solve(coefficients, pressed)  # engineering shears
    matrix = jnp.stack([rate[v] * (1.0 if i == j else 0.5) for v, (i, j) in enumerate(VOIGT[dim])])[voigt_index(dim)]
    green = deformation.T @ matrix @ deformation
    of_strain = third @ jnp.stack([green[i, j] * (1.0 if i == j else 2.0) for i, j in VOIGT[dim]])
    change = _pushed(of_strain, deformation) - jnp.trace(matrix) * current
    for axis in range(4):
        change = change + jnp.moveaxis(jnp.tensordot(matrix, current, axes=(1, axis)), 0, axis)
    change = to_voigt_stiffness(_birch(change, -jnp.eye(dim)))
    # K = 1/(1·B⁻¹·1), so that dK = K² (1·B⁻¹) dB (B⁻¹·1)
    modulus = -1.0 / jnp.vdot(pressed, rate)
    left = jnp.linalg.solve(coefficients.T, pressed)
    of_modulus = -(modulus**2) * jnp.vdot(left, change @ rate)
    return PressureDerivatives(change, of_modulus, rate), response.tangent_status


def _cauchy(stress: Array, deformation: Array) -> Array:
    return stress @ deformation.T / det(deformation)


def _pushed(constants: Float[Array, "v v"], deformation: Float[Array, "d d"]) -> Float[Array, "d d d d"]:
    """F F F F C / det F."""
    dim = deformation.shape[0]
    index = voigt_index(dim)
    full = constants[index][:, :, index]
    for axis in range(4):
        full = jnp.moveaxis(jnp.tensordot(deformation, full, axes=(1, axis)), 0, axis)
    return full / det(deformation)


def _birch(constants: Float[Array, "d d d d"], stress: Float[Array, "d d"]) -> Float[Array, "d d d d"]:
    identity = jnp.eye(stress.shape[0])
    terms = "ik,jl->ijkl", "il,jk->ijkl", "jk,il->ijkl", "jl,ik->ijkl"
    mixed = sum(jnp.einsum(term, stress, identity) for term in terms)
    return constants + 0.5 * mixed - stress[:, :, None, None] * identity[None, None]
