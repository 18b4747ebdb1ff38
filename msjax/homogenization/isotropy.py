"""Isotropic stiffness: moduli to matrix, matrix to the nearest moduli, and how far a stiffness is from isotropic."""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax.typing import ArrayLike

from msjax.tensors import VOIGT
from msjax.typing import Array, Float, Scalar

DIMENSION = {len(pairs): dim for dim, pairs in VOIGT.items()}
"""Space dimension by the length of a Voigt vector."""


def voigt_dimension(stiffness: Array, name: str = "stiffness") -> int:
    """Space dimension of Voigt matrices (..., v, v).

    Raises:
        ValueError: the last two axes are not (1, 1), (3, 3) or (6, 6).
    """
    shape = stiffness.shape
    if len(shape) < 2 or shape[-1] != shape[-2] or shape[-1] not in DIMENSION:
        raise ValueError(f"{name}: shape {shape}, expected Voigt matrices (…, v, v) with v = 6 (3-D), 3 (2-D) or 1")
    return DIMENSION[shape[-1]]


class Moduli(NamedTuple):
    """Bulk and shear modulus, in one unit.

    In 2-D they are those of plane strain: bulk = λ + μ, which is the three-dimensional bulk modulus plus G/3.
    """

    bulk: Array
    shear: Array

    @classmethod
    def of_young(cls, young: ArrayLike, poisson: ArrayLike, dim: int = 3) -> "Moduli":
        """From Young's modulus and Poisson's ratio of the (three-dimensional) solid; arrays broadcast.

        >>> [round(float(x), 4) for x in Moduli.of_young(1.0, 0.25)]
        [0.6667, 0.4]
        """
        check_dimension(dim)
        young, poisson = jnp.asarray(young, float), jnp.asarray(poisson, float)
        shear = young / (2.0 * (1.0 + poisson))
        bulk = young / (3.0 * (1.0 - 2.0 * poisson))
        return cls(bulk + shear / 3.0 if dim == 2 else bulk, shear)


def check_dimension(dim: int) -> None:
    """Raise ``ValueError`` unless ``dim`` is 2 or 3."""
    if dim not in (2, 3):
        raise ValueError(f"dim: {dim!r}, expected 2 (plane strain) or 3")


def isotropic_stiffness(bulk: ArrayLike, shear: ArrayLike, dim: int = 3) -> Float[Array, "v v"]:
    """Voigt stiffness of an isotropic solid from its bulk and shear modulus (of plane strain where ``dim`` is 2).

    >>> isotropic_stiffness(2.0, 1.5)[0].tolist()
    [4.0, 1.0, 1.0, 0.0, 0.0, 0.0]

    Raises:
        ValueError: ``dim`` is neither 2 nor 3, or a modulus is not a single number.
    """
    check_dimension(dim)
    bulk, shear = jnp.asarray(bulk, float), jnp.asarray(shear, float)
    for name, modulus in (("bulk", bulk), ("shear", shear)):
        if modulus.shape != ():
            raise ValueError(f"{name}: shape {modulus.shape}, expected a single number; batch with vmap")
    volumetric = np.zeros((len(VOIGT[dim]),) * 2)
    volumetric[:dim, :dim] = 1.0
    unit = np.diag([1.0 if i == j else 0.5 for i, j in VOIGT[dim]])
    return bulk * volumetric + 2.0 * shear * (unit - volumetric / dim)


def kelvin(stiffness: Float[Array, "v v"]) -> Float[Array, "v v"]:
    """Stiffness in an orthonormal basis of symmetric tensors (Kelvin's, also called Mandel's).

    Shear rows and columns are multiplied by √2, so that eigenvalues and norms do not depend on the axes.
    """
    dim = voigt_dimension(stiffness)
    weight = np.sqrt([1.0 if i == j else 2.0 for i, j in VOIGT[dim]])
    return stiffness * np.outer(weight, weight)


def isotropic_projection(stiffness: Float[Array, "v v"]) -> Moduli:
    """Moduli of the isotropic stiffness nearest to a stiffness, in the norm √(C_ijkl C_ijkl).

    K = C_iijj/d², 2G = (C_ijij − C_iijj/d)/(d(d+1)/2 − 1): the averages over all orientations, Voigt's moduli
    (doi:10.1088/0370-1298/65/5/307).

    >>> [round(float(x), 12) for x in isotropic_projection(isotropic_stiffness(2.0, 1.5))]
    [2.0, 1.5]
    """
    dim = voigt_dimension(stiffness)
    check_dimension(dim)
    volumetric = jnp.sum(stiffness[:dim, :dim])
    deviators = stiffness.shape[0] - 1
    shear = (jnp.trace(kelvin(stiffness)) - volumetric / dim) / (2.0 * deviators)
    return Moduli(volumetric / dim**2, shear)


def anisotropy(stiffness: Float[Array, "v v"]) -> Scalar:
    """Distance of a stiffness to its isotropic projection, relative to its own norm √(C_ijkl C_ijkl): 0 if isotropic.

    The value does not depend on the axes.

    >>> round(float(anisotropy(jnp.diag(jnp.array([3.0, 3.0, 3.0, 1.0, 1.0, 1.0])))), 6)
    0.175412
    """
    nearest = isotropic_stiffness(*isotropic_projection(stiffness), dim=voigt_dimension(stiffness))
    return jnp.linalg.norm(kelvin(stiffness - nearest)) / jnp.linalg.norm(kelvin(stiffness))


def universal_anisotropy(stiffness: Float[Array, "6 6"]) -> Scalar:
    """Universal anisotropy index 5 G_V/G_R + K_V/K_R − 6 of a stiffness (doi:10.1103/PhysRevLett.101.055504).

    0 if isotropic. V: average of the stiffness over orientations, R: of the compliance.

    >>> round(float(universal_anisotropy(isotropic_stiffness(2.0, 1.5))), 9) + 0.0
    0.0
    """
    voigt = isotropic_projection(stiffness)
    compliance = jnp.linalg.inv(kelvin(stiffness))  # in this basis the inverse is the compliance itself
    volumetric = jnp.sum(compliance[:3, :3])
    reuss = Moduli(1.0 / volumetric, 2.5 / (jnp.trace(compliance) - volumetric / 3.0))
    return 5.0 * voigt.shear / reuss.shear + voigt.bulk / reuss.bulk - 6.0
