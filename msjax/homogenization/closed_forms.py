"""Composites whose effective moduli are known in closed form: laminates, dilute spheres and discs, Mori–Tanaka."""

from collections.abc import Sequence

import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.typing import ArrayLike

from msjax.homogenization.bounds import comparison, harmonic_shifted, phase_fractions, phase_tensors
from msjax.homogenization.isotropy import Moduli, check_dimension, voigt_dimension
from msjax.tensors import sum_of, voigt_index
from msjax.typing import Array, Float, concrete


def laminate(
    stiffness: ArrayLike | Sequence[Array],
    fractions: ArrayLike | Sequence[float],
    normal: int | ArrayLike | Sequence[float] = 0,
) -> Float[Array, "v v"]:
    """Exact effective stiffness of layers, each of any anisotropy (doi:10.1029/JZ067i011p04427).

    Traction t = n·σ and the strain in the plane are the same in all layers. With B = C·n and the acoustic tensor
    A = n·C·n of each layer (doi:10.1017/CBO9780511613357, chapter 9)

        C* = ⟨C − B A⁻¹ Bᵀ⟩ + ⟨B A⁻¹⟩ ⟨A⁻¹⟩⁻¹ ⟨A⁻¹ Bᵀ⟩

    Args:
        stiffness: Voigt matrices of the layers (n, v, v), v = 6, 3 (plane strain) or 1 (a bar of segments). A layer
            of zeros is a void: no traction passes.
        fractions: their volume fractions (n,).
        normal: the axis across the layers, or a vector (d,) along it (its length does not matter).

    >>> float(laminate([jnp.array([[1.0]]), jnp.array([[10.0]])], [0.5, 0.5])[0, 0].round(10))
    1.8181818182

    Raises:
        ValueError: a matrix, a fraction or the normal is not valid; a layer (named) is neither void nor able to
            resist every traction on its plane.
    """
    stiffness = phase_tensors(stiffness, "stiffness")
    dim = voigt_dimension(stiffness)
    n = unit_normal(normal, dim)
    index = voigt_index(dim)
    coupling = sum_of(stiffness[:, :, index[:, k]] * n[k] for k in range(dim))  # C_(ij)kl n_l: (layer, v, d)
    acoustic = sum_of(coupling[:, index[k], :] * n[k] for k in range(dim))
    return _layers(stiffness, coupling, acoustic, fractions, "stiffness")


def laminate_conductivity(
    conductivity: ArrayLike | Sequence[Array],
    fractions: ArrayLike | Sequence[float],
    normal: int | ArrayLike | Sequence[float] = 0,
) -> Float[Array, "d d"]:
    """Exact effective conductivity of layers (n, d, d): the formula of :func:`laminate` with B = k·n, A = n·k·n.

    Across isotropic layers it is the harmonic mean, along them the arithmetic one.

    >>> layers = [jnp.eye(2), 10.0 * jnp.eye(2)]
    >>> jnp.diagonal(laminate_conductivity(layers, [0.5, 0.5])).round(10).tolist()
    [1.8181818182, 5.5]

    Raises:
        ValueError: as :func:`laminate`.
    """
    conductivity = phase_tensors(conductivity, "conductivity")
    n = unit_normal(normal, conductivity.shape[1])
    coupling = (conductivity @ n)[:, :, None]
    acoustic = jnp.einsum("i,nij->nj", n, coupling)[:, :, None]
    return _layers(conductivity, coupling, acoustic, fractions, "conductivity")


def _layers(tensors: Array, coupling: Array, acoustic: Array, fractions, name: str) -> Array:
    fractions = phase_fractions(fractions, tensors.shape[0])
    void = jnp.all(lax.stop_gradient(tensors) == 0, axis=(1, 2))
    if concrete(tensors, acoustic):
        for layer, (matrix, whole) in enumerate(zip(np.asarray(acoustic), np.asarray(tensors))):
            if not void[layer] and np.linalg.eigvalsh(matrix)[0] <= 1e-12 * np.max(np.abs(whole)):
                raise ValueError(
                    f"{name}[{layer}]: singular across the layers; expected a positive definite n·C·n, or all zeros"
                )
    identity = np.eye(acoustic.shape[1])
    resisting = jnp.where(void[:, None, None], identity[None], acoustic)
    inverse = jnp.linalg.inv(resisting)
    across = coupling @ inverse
    along = jnp.einsum("n,nij->ij", fractions, tensors - across @ coupling.mT)
    opening = jnp.any(void & (fractions > 0))
    mean = jnp.linalg.inv(jnp.einsum("n,nij->ij", fractions, inverse))
    mean = jnp.where(opening, 0.0, mean)
    localised = jnp.einsum("n,nij->ij", fractions, across)
    return along + localised @ mean @ localised.T


def unit_normal(normal: int | ArrayLike | Sequence[float], dim: int) -> Float[Array, " d"]:
    """Unit vector from an axis (0 … dim − 1) or a vector (d,).

    Raises:
        ValueError: the axis is out of range, or the vector has the wrong length, is zero or not finite.
    """
    if isinstance(normal, int | np.integer):
        if not 0 <= normal < dim:
            raise ValueError(f"normal: axis {normal}, expected 0 to {dim - 1} or a vector ({dim},)")
        return jnp.asarray(np.eye(dim)[int(normal)])
    vector = jnp.asarray(normal, float)
    if vector.shape != (dim,):
        raise ValueError(f"normal: shape {vector.shape}, expected an axis or a vector ({dim},)")
    length = jnp.sqrt(jnp.sum(vector**2))
    if concrete(vector) and not (float(length) > 0 and np.isfinite(float(length))):
        raise ValueError("normal: zero or not finite, expected a direction")
    return vector / length


def dilute(matrix: Moduli, inclusion: Moduli, dim: int = 3) -> Moduli:
    """Slopes d ln K/dφ and d ln G/dφ at φ = 0 for a few spheres (3-D) or aligned cylinders (2-D, plane strain).

    From Eshelby's inclusion (doi:10.1098/rspa.1957.0133): dX/dφ = (X_i − X)(X + X*)/(X_i + X*), with K* and G* of
    the matrix as in :func:`msjax.homogenization.bounds.hashin_shtrikman`. Zero moduli are voids.

    >>> slopes = dilute(Moduli.of_young(1.0, 0.3), Moduli.of_young(0.0, 0.3))
    >>> [round(float(x), 6) for x in slopes]
    [-2.625, -1.909091]

    Raises:
        ValueError: ``dim`` is not 2 or 3; the matrix has a modulus that is not positive, or the inclusion a negative.
    """
    matrix, inclusion = _two_phases(matrix, inclusion, dim)
    return Moduli(
        *((xi - x) * (x + s) / ((xi + s) * x) for x, xi, s in zip(matrix, inclusion, comparison(matrix, dim)))
    )


def mori_tanaka(matrix: Moduli, inclusion: Moduli, fraction: ArrayLike, dim: int = 3) -> Moduli:
    """Mori–Tanaka's estimate for spheres (3-D) or aligned cylinders (2-D) (doi:10.1016/0001-6160(73)90064-3).

    ⟨1/(X + X*)⟩⁻¹ − X* with K* and G* of the matrix (doi:10.1016/0167-6636(87)90005-6): a Hashin–Shtrikman bound
    where the matrix is the softest or the stiffest phase. ``fraction``: the volume fraction of the inclusions.

    >>> [round(float(x), 6) for x in mori_tanaka(Moduli.of_young(1.0, 0.3), Moduli.of_young(0.0, 0.3), 0.25)]
    [0.444444, 0.235043]

    Raises:
        ValueError: as :func:`dilute`; the fraction is not between 0 and 1.
    """
    matrix, inclusion = _two_phases(matrix, inclusion, dim)
    fraction = jnp.asarray(fraction, float)
    if fraction.shape != () or (concrete(fraction) and not 0.0 <= float(fraction) <= 1.0):
        raise ValueError(f"fraction: {fraction}, expected a number between 0 and 1")
    phases = Moduli(*(jnp.stack(pair) for pair in zip(matrix, inclusion)))
    return harmonic_shifted(phases, jnp.stack([1.0 - fraction, fraction]), matrix, dim)


def _two_phases(matrix: Moduli, inclusion: Moduli, dim: int) -> tuple[Moduli, Moduli]:
    check_dimension(dim)
    phases = []
    for name, moduli, smallest in (("matrix", matrix, np.nextafter(0.0, 1.0)), ("inclusion", inclusion, 0.0)):
        moduli = Moduli(*(jnp.asarray(x, float) for x in moduli))
        for field, value in zip(Moduli._fields, moduli):
            if value.shape != ():
                raise ValueError(f"{name}.{field}: shape {value.shape}, expected a single number; batch with vmap")
            if concrete(value) and not (float(value) >= smallest and np.isfinite(float(value))):
                least = "above 0" if smallest > 0 else "at least 0"
                raise ValueError(f"{name}.{field}: {value}, expected a finite number {least}")
        phases.append(moduli)
    return phases[0], phases[1]
