"""Elastic constants at a temperature, isothermal and adiabatic, and thermal expansion."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from msjax.crystal.elastic import brugger
from msjax.crystal.quasi_harmonic import QuasiHarmonic
from msjax.crystal.thermal.properties import arguments_of, vibrations
from msjax.status import Status, check, first_failure, guard
from msjax.tensors import VOIGT, inverse
from msjax.typing import Array, Float, Scalar


def isothermal_stiffness(
    material: QuasiHarmonic, deformation: Any = None, temperature: Any = None, *, throw: bool = True
) -> Float[Array, "v v"]:
    """C_IJ = ∂S_I/∂E_J at constant temperature, eV/Å^d of reference volume, at F (default: the identity) and T.

    The elastic constants where the state is free of stress and its own reference: take the ``material`` of
    :func:`msjax.thermal.equilibrium`. Brugger's definition and Voigt order as :func:`msjax.relaxed_stiffness`.
    Differentiable in F, T and every parameter. A failed member is NaN; a single one raises ``SolveError`` unless
    ``throw=False``.

    >>> import msjax as ms
    >>> chain = ms.CauchyBorn(ms.bulk("X", "chain", a=1.12), ms.LennardJones(outer=2.5))
    >>> warm = ms.thermal.equilibrium(ms.QuasiHarmonic(chain, temperature=300.0))
    >>> isothermal_stiffness(warm.material).shape
    (1, 1)
    """
    strain, warm = arguments_of(material, deformation, temperature)
    values, status = _isothermal(material, strain, warm)
    check(status, "isothermal stiffness", throw)
    return values


def thermal_stress(
    material: QuasiHarmonic, deformation: Any = None, temperature: Any = None, *, throw: bool = True
) -> Float[Array, " v"]:
    """β_I = −∂S_I/∂T at constant strain, eV/(Å^d K): by how much a held crystal presses on its frame, per kelvin.

    >>> import msjax as ms
    >>> chain = ms.CauchyBorn(ms.bulk("X", "chain", a=1.12), ms.LennardJones(outer=2.5))
    >>> bool(thermal_stress(ms.QuasiHarmonic(chain, temperature=300.0))[0] > 0)
    True
    """
    strain, warm = arguments_of(material, deformation, temperature)
    values, status = _thermal_stress(material, strain, warm)
    check(status, "thermal stress", throw)
    return values


def expansion(
    material: QuasiHarmonic, deformation: Any = None, temperature: Any = None, *, throw: bool = True
) -> Float[Array, "d d"]:
    """Tensor of linear thermal expansion α = C⁻¹β, 1/K, at constant (second Piola–Kirchhoff) stress.

    At the ``material`` of :func:`msjax.thermal.equilibrium` this is (dU/dT)U⁻¹ of the free crystal; the volume expands
    by tr α. Vanishes at T = 0 in the quantum form (third law). Errors as :func:`isothermal_stiffness`.

    >>> import msjax as ms
    >>> chain = ms.CauchyBorn(ms.bulk("X", "chain", a=1.12), ms.LennardJones(outer=2.5))
    >>> warm = ms.thermal.equilibrium(ms.QuasiHarmonic(chain, temperature=300.0))
    >>> bool(expansion(warm.material)[0, 0] > 0)
    True
    """
    strain, warm = arguments_of(material, deformation, temperature)
    values, status = _expansion(material, strain, warm)
    check(status, "thermal expansion", throw)
    return values


def adiabatic_stiffness(
    material: QuasiHarmonic, deformation: Any = None, temperature: Any = None, *, throw: bool = True
) -> Float[Array, "v v"]:
    """C^S_IJ = C^T_IJ + T β_I β_J/c_E at constant entropy, eV/Å^d, with c_E the heat capacity per reference volume at
    constant strain (Wallace, Thermodynamics of Crystals, §2): what sound waves feel.

    Errors as :func:`isothermal_stiffness`.

    >>> import msjax as ms
    >>> chain = ms.CauchyBorn(ms.bulk("X", "chain", a=1.12), ms.LennardJones(outer=2.5))
    >>> warm = ms.QuasiHarmonic(chain, temperature=300.0)
    >>> bool(adiabatic_stiffness(warm)[0, 0] > isothermal_stiffness(warm)[0, 0])
    True
    """
    strain, warm = arguments_of(material, deformation, temperature)
    values, status = _adiabatic(material, strain, warm)
    check(status, "adiabatic stiffness", throw)
    return values


@eqx.filter_jit
def _isothermal(material: QuasiHarmonic, strain: Array, temperature: Scalar) -> tuple[Array, Status]:
    response = material.at(temperature).respond(strain)
    return brugger(strain, response), response.tangent_status


@eqx.filter_jit
def _thermal_stress(material: QuasiHarmonic, strain: Array, temperature: Scalar) -> tuple[Array, Status]:
    def stress(t):
        response = material.at(t).respond(strain)
        return response.stress, response.status

    _, change, status = jax.jvp(stress, (temperature,), (jnp.ones_like(temperature),), has_aux=True)
    second = inverse(strain) @ change
    return -jnp.stack([second[i, j] for i, j in VOIGT[material.dim]]), status


@eqx.filter_jit
def _expansion(material: QuasiHarmonic, strain: Array, temperature: Scalar) -> tuple[Array, Status]:
    stiffness, status = _isothermal(material, strain, temperature)
    beta, of_beta = _thermal_stress(material, strain, temperature)
    failed = status.failed | of_beta.failed
    safe = jnp.where(failed, jnp.eye(beta.shape[0]), stiffness)
    rate = jnp.linalg.solve(safe, jnp.where(failed, 0.0, beta))
    dim = material.dim
    tensor = jnp.zeros((dim, dim))
    for v, (i, j) in enumerate(VOIGT[dim]):
        half = rate[v] if i == j else 0.5 * rate[v]
        tensor = tensor.at[i, j].set(half).at[j, i].set(half)
    return guard(tensor, failed), first_failure(status, of_beta)


@eqx.filter_jit
def _adiabatic(material: QuasiHarmonic, strain: Array, temperature: Scalar) -> tuple[Array, Status]:
    stiffness, status = _isothermal(material, strain, temperature)
    beta, _ = _thermal_stress(material, strain, temperature)
    capacity = vibrations(material, strain, temperature).heat_capacity / material.material.crystal.volume_per_atom
    # at T = 0 the heat capacity vanishes, and T β² / c with it as T⁴
    cold = capacity <= 0
    difference = temperature * beta[:, None] * beta[None, :] / jnp.where(cold, 1.0, capacity)
    return stiffness + jnp.where(cold, 0.0, difference), status
