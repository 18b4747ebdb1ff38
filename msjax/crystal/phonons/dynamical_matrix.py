"""The dynamical matrix D(q; F), exact at any wave vector."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.hermitian import Hermitian, upper
from msjax.crystal.phonons.waves import hermitian, lattice_vectors, phases, waves_at
from msjax.material.response import check_strain
from msjax.status import Status, check, guard
from msjax.typing import Array, Complex, Float, concrete


def dynamical_matrix(
    material: CauchyBorn, q: Any, deformation: Any = None, *, throw: bool = True
) -> Complex[Array, "q n n"]:
    """Mass-weighted dynamical matrix at wave vectors ``q`` (nq, d): (nq, N, N) with N = atoms × d, in eV/(Å² amu).

    ``q`` is in units of the reciprocal lattice vectors of the *reference* cell (rows of ``crystal.reciprocal``): the
    wave is e^{2πi q·m} in cell m, whatever F (default: the identity) does to the cell. With K_b the second derivatives
    in the bond vectors, U″ those of the embedding and D_b the slopes of the densities at the relaxed shifts,

        D(q) = M^{−1/2} [ Σ_b drᴴ K_b dr + Σ_i (Σ_b D_b dr)ᴴ U″_i (Σ_b D_b dr) ] M^{−1/2},  dr = e_j e^{2πi q·m} − e_i

    (Born and Huang 1954; doi:10.1103/RevModPhys.73.515 for the sum rules). Phases by integer cells give Fourier-
    periodic D(q + G) = D(q); the convention with phases by positions differs by a unitary diagonal.

    Differentiable in F, q and every parameter; batch over F with vmap. A material that fails at F (NaN, inverted, new
    neighbours, shifts that do not relax) gives NaN; a single one raises ``SolveError`` unless ``throw=False``.
    Raises ``ValueError`` for a q of the wrong shape or not finite.

    >>> import jax.numpy as jnp, msjax as ms
    >>> from msjax.crystal.phonons import dynamical_matrix
    >>> material = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    >>> dynamical_matrix(material, [[0.5, 0.5, 0.5]]).shape
    (1, 3, 3)
    """
    matrix, status = _dynamical_matrix(material, check_q(q, material.dim), strain_or_identity(material, deformation))
    check(status, "dynamical_matrix", throw)
    return matrix


@eqx.filter_jit
def _dynamical_matrix(material: CauchyBorn, q: Array, deformation: Array) -> tuple[Array, Status]:
    waves, status = waves_at(material, deformation)
    matrix = mass_weighted(hermitian(waves, phases(lattice_vectors(material), q)), material).dense()
    return guard(matrix, status.failed), status


def mass_weighted(matrix: Hermitian, material: CauchyBorn) -> Hermitian:
    """M^{−1/2} D M^{−1/2}."""
    root = jnp.repeat(1.0 / jnp.sqrt(material.crystal.masses), material.dim)
    n = root.shape[0]
    return Hermitian(
        tuple(x * (root[i] * root[j]) for x, (i, j) in zip(matrix.real, upper(n), strict=True)),
        tuple(x * (root[i] * root[j]) for x, (i, j) in zip(matrix.imaginary, upper(n, 1), strict=False)),
    )


def strain_or_identity(material: CauchyBorn, deformation: Any) -> Float[Array, "d d"]:
    """F as an array, the identity by default."""
    if not isinstance(material, CauchyBorn):
        raise ValueError(f"material: phonons need a CauchyBorn material, got {type(material).__name__}")
    return jnp.eye(material.dim) if deformation is None else check_strain(deformation, material.dim)


def check_q(q: Any, dim: int) -> Float[Array, "q d"]:
    """Wave vectors as a float array (nq, d)."""
    try:
        array = jnp.asarray(q)
    except (TypeError, ValueError) as error:
        raise ValueError(f"q: expected numbers of shape (nq, {dim})") from error
    if array.ndim != 2 or array.shape[1] != dim or not jnp.issubdtype(array.dtype, jnp.number):
        raise ValueError(f"q: expected wave vectors as rows, shape (nq, {dim}) in reduced units, got {array.shape}")
    if jnp.issubdtype(array.dtype, jnp.complexfloating):
        raise ValueError(f"q: expected real wave vectors, got {array.dtype}")
    array = array.astype(jax.dtypes.canonicalize_dtype(float))
    if concrete(array) and not np.all(np.isfinite(np.asarray(array))):
        bad = np.flatnonzero(~np.isfinite(np.asarray(array)).all(axis=1))
        raise ValueError(f"q: must be finite, row {bad[0]} is {np.asarray(array)[bad[0]].tolist()}")
    return array
