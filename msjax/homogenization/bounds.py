"""Bounds on the effective stiffness and conductivity of a composite, and where a tensor lies between two bounds."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from msjax.homogenization.isotropy import Moduli, check_dimension
from msjax.typing import Array, Float, Scalar, concrete

SOFT = 1e-12
"""Eigenvalues below this fraction of a phase's largest count as zero stiffness."""


def phase_fractions(fractions: ArrayLike | Sequence[float], phases: int) -> Float[Array, " n"]:
    """Volume fractions (n,) as an array, checked.

    Raises:
        ValueError: not one fraction per phase, a fraction is negative or NaN, or they do not add up to 1.
    """
    values = jnp.asarray(fractions, float)
    if values.shape != (phases,):
        raise ValueError(f"fractions: shape {values.shape}, expected one per phase, ({phases},)")
    if concrete(values):
        for index, value in enumerate(np.asarray(values)):
            if not 0.0 <= value <= 1.0:
                raise ValueError(f"fractions[{index}]: {value}, expected between 0 and 1")
        total = float(np.sum(np.asarray(values)))
        if abs(total - 1.0) > 1e-9:
            raise ValueError(f"fractions: they add up to {total!r}, expected 1 (to 1e-9)")
    return values


def phase_tensors(tensors: ArrayLike | Sequence[Array], name: str) -> Float[Array, "n v v"]:
    """One symmetric matrix per phase, stacked to (n, v, v) and checked.

    Raises:
        ValueError: wrong shape, or (naming the phase) not finite, not symmetric or not positive semi-definite.
    """
    if isinstance(tensors, Sequence):
        shapes = {jnp.shape(tensor) for tensor in tensors}
        if len(shapes) != 1:
            raise ValueError(f"{name}: matrices of {len(shapes)} different shapes, expected one for all phases")
        tensors = jnp.stack([jnp.asarray(tensor, float) for tensor in tensors])
    values = jnp.asarray(tensors, float)
    if values.ndim != 3 or values.shape[0] == 0 or values.shape[1] != values.shape[2]:
        raise ValueError(f"{name}: shape {values.shape}, expected one square matrix per phase, (n, v, v)")
    if concrete(values):
        for index, matrix in enumerate(np.asarray(values)):
            size = np.max(np.abs(matrix))
            if not np.isfinite(size):
                raise ValueError(f"{name}[{index}]: not finite")
            if np.max(np.abs(matrix - matrix.T)) > 1e-9 * size:
                raise ValueError(f"{name}[{index}]: not symmetric")
            if np.linalg.eigvalsh(matrix)[0] < -1e-9 * size:
                raise ValueError(f"{name}[{index}]: has a negative eigenvalue, expected positive semi-definite")
    return values


def voigt(stiffness: ArrayLike | Sequence[Array], fractions: ArrayLike | Sequence[float]) -> Float[Array, "v v"]:
    """Voigt's upper bound Σ f_i C_i: the stiffness under one strain everywhere (doi:10.1002/andp.18892741206).

    Args:
        stiffness: one symmetric matrix per phase (n, v, v): Voigt stiffness, or conductivity (n, d, d).
        fractions: volume fractions (n,).

    >>> voigt([2.0 * jnp.eye(3), 4.0 * jnp.eye(3)], [0.5, 0.5])[0].tolist()
    [3.0, 0.0, 0.0]

    Raises:
        ValueError: see :func:`phase_tensors` and :func:`phase_fractions`.
    """
    stiffness = phase_tensors(stiffness, "stiffness")
    fractions = phase_fractions(fractions, stiffness.shape[0])
    return jnp.einsum("n,nij->ij", fractions, stiffness)


def reuss(stiffness: ArrayLike | Sequence[Array], fractions: ArrayLike | Sequence[float]) -> Float[Array, "v v"]:
    """Reuss' lower bound (Σ f_i C_i⁻¹)⁻¹: the stiffness under one stress everywhere (doi:10.1002/zamm.19290090104).

    A phase without stiffness in some directions (a void: in all) carries no stress there, nor then does the
    composite: the bound is zero in those directions and finite in the others. Derivatives hold those directions
    fixed. Arguments, shapes and errors are those of :func:`voigt`.

    >>> reuss([2.0 * jnp.eye(3), 4.0 * jnp.eye(3)], [0.5, 0.5])[0].round(4).tolist()
    [2.6667, 0.0, 0.0]
    >>> float(jnp.max(jnp.abs(reuss([2.0 * jnp.eye(3), jnp.zeros((3, 3))], [0.5, 0.5]))))
    0.0
    """
    stiffness = phase_tensors(stiffness, "stiffness")
    fractions = phase_fractions(fractions, stiffness.shape[0])
    values, vectors = jnp.linalg.eigh(lax.stop_gradient(stiffness))
    largest = jnp.max(values, axis=1, keepdims=True)
    soft = (values <= SOFT * largest).astype(values.dtype)
    of_phase = jnp.einsum("nik,nk,njk->nij", vectors, soft, vectors)  # projectors on the soft directions
    present = lax.stop_gradient(fractions > 0).astype(values.dtype)
    blocked, directions = jnp.linalg.eigh(jnp.einsum("n,nij->ij", present, of_phase))
    of_any = (directions * (blocked > 1e-9).astype(values.dtype)[None, :]) @ directions.T
    free = np.eye(stiffness.shape[1]) - of_any
    filling = jnp.where(largest > 0, largest, 1.0)[:, :, None]  # any stiffness will do: ``free`` removes it
    compliance = jnp.einsum("n,nij->ij", fractions, jnp.linalg.inv(stiffness + filling * of_phase))
    return free @ jnp.linalg.inv(free @ compliance @ free + of_any) @ free


def hashin_shtrikman(
    bulk: ArrayLike | Sequence[float],
    shear: ArrayLike | Sequence[float],
    fractions: ArrayLike | Sequence[float],
    dim: int = 3,
) -> tuple[Moduli, Moduli]:
    """Lower and upper bounds on the moduli of an isotropic composite of isotropic phases.

    Each is ⟨1/(X + X*)⟩⁻¹ − X* with K* = 2(d−1)G/d and G* = G(dK/2 + (d+1)(d−2)G/d)/(K + 2G) of the smallest
    (lower) or the largest (upper) K and G of all phases (doi:10.1016/0022-5096(63)90060-7; any number of phases, not
    well ordered ones too: doi:10.1016/0022-5096(66)90035-4). A void's lower bound is 0.

    Args:
        bulk: bulk modulus of each phase (n,); in 2-D that of plane strain, λ + μ.
        shear: shear modulus of each phase (n,), in the unit of ``bulk``.
        fractions: volume fractions (n,).
        dim: 3, or 2 for plane strain with cylindrical phases.

    >>> lower, upper = hashin_shtrikman([1.0, 10.0], [0.5, 5.0], [0.75, 0.25])
    >>> [round(float(x), 4) for x in (lower.bulk, upper.bulk)]
    [1.4455, 2.1965]

    Raises:
        ValueError: naming the phase, a modulus is negative or not finite; ``dim`` or the fractions are not valid.
    """
    check_dimension(dim)
    bulk, shear = phase_numbers(bulk, "bulk"), phase_numbers(shear, "shear")
    if bulk.shape != shear.shape:
        raise ValueError(f"shear: shape {shear.shape}, expected that of bulk, {bulk.shape}")
    fractions = phase_fractions(fractions, bulk.shape[0])
    return (
        harmonic_shifted(Moduli(bulk, shear), fractions, Moduli(jnp.min(bulk), jnp.min(shear)), dim),
        harmonic_shifted(Moduli(bulk, shear), fractions, Moduli(jnp.max(bulk), jnp.max(shear)), dim),
    )


def hashin_shtrikman_conductivity(
    conductivity: ArrayLike | Sequence[float], fractions: ArrayLike | Sequence[float], dim: int = 3
) -> tuple[Scalar, Scalar]:
    """Lower and upper bound on the conductivity of an isotropic composite (doi:10.1063/1.1728579).

    ⟨1/(k + k*)⟩⁻¹ − k* with k* = (d−1) times the smallest or the largest conductivity; phases (n,) are isotropic.

    >>> [round(float(k), 4) for k in hashin_shtrikman_conductivity([1.0, 10.0], [0.75, 0.25])]
    [1.6923, 2.7027]

    Raises:
        ValueError: naming the phase, a conductivity is negative or not finite; ``dim`` or the fractions are not valid.
    """
    check_dimension(dim)
    conductivity = phase_numbers(conductivity, "conductivity")
    fractions = phase_fractions(fractions, conductivity.shape[0])
    smallest, largest = jnp.min(conductivity), jnp.max(conductivity)
    return (
        harmonic(conductivity, fractions, (dim - 1) * smallest),
        harmonic(conductivity, fractions, (dim - 1) * largest),
    )


def wiener(conductivity: ArrayLike | Sequence[float], fractions: ArrayLike | Sequence[float]) -> tuple[Scalar, Scalar]:
    """Harmonic and arithmetic mean: bounds on any component of the conductivity, isotropic phases (n,).

    Anisotropic phases: :func:`reuss` and :func:`voigt` of the conductivity tensors. Errors are those of
    :func:`hashin_shtrikman_conductivity`.

    >>> [round(float(k), 4) for k in wiener([1.0, 10.0], [0.75, 0.25])]
    [1.2903, 3.25]
    """
    conductivity = phase_numbers(conductivity, "conductivity")
    fractions = phase_fractions(fractions, conductivity.shape[0])
    return harmonic(conductivity, fractions, jnp.zeros(())), jnp.vdot(fractions, conductivity)


def phase_numbers(values: ArrayLike | Sequence[float], name: str) -> Float[Array, " n"]:
    """One number per phase (n,), checked: ``ValueError`` names the phase whose number is negative or not finite."""
    numbers = jnp.asarray(values, float)
    if numbers.ndim != 1 or numbers.shape[0] == 0:
        raise ValueError(f"{name}: shape {numbers.shape}, expected one number per phase, (n,)")
    if concrete(numbers):
        for index, value in enumerate(np.asarray(numbers)):
            if not (value >= 0.0 and np.isfinite(value)):
                raise ValueError(f"{name}[{index}]: {value}, expected a finite number, at least 0")
    return numbers


def comparison(reference: Moduli, dim: int) -> Moduli:
    """K* and G* of :func:`hashin_shtrikman` for a reference medium; 0 for a void."""
    bulk, shear = reference
    denominator = bulk + 2.0 * shear
    ratio = (dim / 2.0 * bulk + (dim + 1.0) * (dim - 2.0) / dim * shear) / jnp.where(denominator > 0, denominator, 1.0)
    return Moduli(2.0 * (dim - 1.0) / dim * shear, shear * ratio)


def harmonic_shifted(phases: Moduli, fractions: Array, reference: Moduli, dim: int) -> Moduli:
    """⟨1/(X + X*)⟩⁻¹ − X* for both moduli, with X* of the reference medium: bounds, and estimates (Mori–Tanaka)."""
    shift = comparison(reference, dim)
    return Moduli(*(harmonic(x, fractions, s) for x, s in zip(phases, shift)))


def harmonic(values: Float[Array, " n"], fractions: Float[Array, " n"], shift: Scalar) -> Scalar:
    """⟨1/(x + shift)⟩⁻¹ − shift; where x + shift = 0 in a phase that is present the mean is 0."""
    shifted = values + shift
    zero = shifted == 0
    mean = 1.0 / jnp.sum(jnp.where(zero, 0.0, fractions / jnp.where(zero, 1.0, shifted)))
    return jnp.where(jnp.any(zero & (fractions > 0)), 0.0, mean) - shift
