"""Long waves: the acoustic tensor, and strong ellipticity over all directions."""

from functools import lru_cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.hermitian import Hermitian, lowest_eigenvalue, upper
from msjax.crystal.phonons.envelope import at_minimum
from msjax.crystal.phonons.refine import best_of_blocks, refine
from msjax.material.response import Material, check_strain
from msjax.status import Code, Status, check, guard, screen
from msjax.typing import Array, Float, Scalar, concrete

STARTS = 6


class Ellipticity(NamedTuple):
    """The softest long wave: ``value`` = min over unit N and a of a_i A_iJkL N_J N_L a_k, eV/Å^d of
    reference volume; ``direction`` N (d,) in the reference frame, ``polarisation`` a (d,); UNSTABLE in ``status`` where
    it is negative.

    The value has first derivatives (envelope theorem); direction and polarisation have none.
    """

    value: Scalar
    direction: Float[Array, " d"]
    polarisation: Float[Array, " d"]
    status: Status


def acoustic_tensor(
    material: Material, direction: Any, deformation: Any = None, *, throw: bool = True
) -> Float[Array, "d d"]:
    """Q_ik(N) = A_iJkL N_J N_L at F, with the tangent at relaxed inner shifts, eV/Å^d.

    ``direction`` (d,) is a wave's normal in the *reference* frame, of any length but zero. Q/ρ₀ has the squared wave
    speeds (reference metres per second) as eigenvalues: the long-wave limit of the dynamical matrix. Works for every
    material with a tangent. Raises ``ValueError`` for a direction of the wrong shape, zero or not finite.

    >>> import jax.numpy as jnp, msjax as ms
    >>> from msjax.crystal.phonons import acoustic_tensor
    >>> material = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    >>> acoustic_tensor(material, [1.0, 1.0, 0.0]).shape
    (3, 3)
    """
    normal = check_direction(direction, material.dim)
    strain = jnp.eye(material.dim) if deformation is None else check_strain(deformation, material.dim)
    value, status = _acoustic_tensor(material, normal, strain)
    check(status, "acoustic_tensor", throw)
    return value


def ellipticity(material: Material, deformation: Any = None) -> Ellipticity:
    """Strong ellipticity at F: the lowest eigenvalue of the acoustic tensor over *all* directions.

    A grid on the half sphere (half circle) followed by local refinement. Positive: the continuum's rate equations are
    well posed (Legendre–Hadamard condition; doi:10.1007/s00205-006-0031-7 for what it means to the lattice). Negative:
    long waves of the direction and polarisation returned grow. A failed material gives NaN with its status.

    >>> import jax.numpy as jnp, msjax as ms
    >>> from msjax import units
    >>> from msjax.crystal.phonons import ellipticity
    >>> material = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    >>> softest = ellipticity(material)
    >>> bool(softest.value > 0), sorted(abs(softest.direction).round(3).tolist())  # one of ⟨110⟩
    (True, [0.0, 0.707, 0.707])
    """
    strain = jnp.eye(material.dim) if deformation is None else check_strain(deformation, material.dim)
    return _ellipticity(material, strain)


@eqx.filter_jit
def _acoustic_tensor(material, normal, strain):
    response = material.respond(strain)
    value = jnp.einsum("iJkL,J,L->ik", response.tangent, normal, normal)
    return value, response.tangent_status


@eqx.filter_jit
def _ellipticity(material, strain):
    response = material.respond(strain)
    return softest(response.tangent, response.tangent_status)


def softest(tangent: Float[Array, "d d d d"], status: Status) -> Ellipticity:
    """Minimum over directions for one tangent whose status is known."""
    dim = tangent.shape[0]
    safe = jnp.where(status.failed, jax.lax.stop_gradient(_unit_tangent(dim)), tangent)
    frozen = jax.lax.stop_gradient(safe)
    directions, spacing = _directions(dim)
    values = _lowest(frozen, jnp.asarray(directions))
    normal = jnp.asarray(directions)[jnp.argmin(values)]
    if dim > 1:
        starts = jnp.asarray(directions)[best_of_blocks(values, _blocks(directions), STARTS)]

        def from_start(start):
            basis = _tangent_plane(start)

            def on_sphere(points):
                n = start[None, :] + points @ basis
                return n / jnp.sqrt(jnp.sum(n * n, axis=1))[:, None]

            point, lowest = refine(lambda x: _lowest(frozen, on_sphere(x)), jnp.zeros(dim - 1), spacing)
            return on_sphere(point[None, :])[0], lowest

        normals, lowest = jax.vmap(from_start)(starts)
        normal = normals[jnp.argmin(lowest)]
    vectors = jnp.linalg.eigh(_contract(frozen, normal))[1] if dim > 1 else jnp.ones((1, 1))
    normal, polarisation = _pointing(normal), _pointing(vectors[:, 0])
    value = at_minimum(_form, safe, (normal, polarisation))
    # the tangent's own flag (Born's criterion on pure strains) is not ellipticity
    status = Status(jnp.where(status.ok, int(Code.CONVERGED), status.code), status.iterations, status.residual)
    status = screen(status, value < 0, Code.UNSTABLE)
    value, normal, polarisation = guard((value, normal, polarisation), status.failed)
    return Ellipticity(value, normal, polarisation, status)


def _form(tangent, directions):
    normal, polarisation = directions
    return jnp.einsum("iJkL,i,J,k,L->", tangent, polarisation, normal, polarisation, normal)


def _contract(tangent, normal):
    q = jnp.einsum("iJkL,J,L->ik", tangent, normal, normal)
    return 0.5 * (q + q.T)


def _lowest(tangent: Float[Array, "d d d d"], normals: Float[Array, "m d"]) -> Float[Array, " m"]:
    """Lowest eigenvalue of the acoustic tensor for many directions: one product with the dyads N⊗N."""
    dim = tangent.shape[0]
    both = 0.5 * (tangent + tangent.transpose(2, 1, 0, 3))
    rows, columns = np.array(upper(dim)).T
    matrices = both[rows, :, columns, :].reshape(len(rows), dim * dim)
    dyads = (normals[:, :, None] * normals[:, None, :]).reshape(-1, dim * dim)
    return lowest_eigenvalue(Hermitian(tuple(matrices @ dyads.T), ()))


@lru_cache(maxsize=3)
def _directions(dim: int) -> tuple[np.ndarray, float]:
    """Directions on half a sphere (cube faces projected, symmetric axes included) and their spacing, radians."""
    if dim == 1:
        return np.ones((1, 1)), 1.0
    count = {2: 32, 3: 8}[dim]
    if dim == 2:
        angle = np.pi * np.arange(count) / count
        return np.stack([np.cos(angle), np.sin(angle)], axis=1), np.pi / count
    line = np.tan(np.linspace(-np.pi / 4, np.pi / 4, count + 1))
    u, v = (x.ravel() for x in np.meshgrid(line, line, indexing="ij"))
    faces = [np.roll(np.stack([np.ones_like(u), u, v], axis=1), axis, axis=1) for axis in range(3)]
    points = np.concatenate(faces)
    points = points / np.linalg.norm(points, axis=1)[:, None]
    points = points * np.where(points @ np.array([1.0, 1e-3, 1e-6]) < 0, -1.0, 1.0)[:, None]
    _, first = np.unique(points.round(9), axis=0, return_index=True)
    return points[np.sort(first)], np.pi / 2 / count


def _blocks(directions: np.ndarray) -> np.ndarray:
    """Octants (up to ±) times the largest component, or eighths of the half circle."""
    if directions.shape[1] == 2:
        return np.arange(len(directions)) * 8 // len(directions)
    pointed = directions * np.where(directions[:, :1] < 0, -1.0, 1.0)
    signs = (pointed[:, 1] > 0) * 2 + (pointed[:, 2] > 0)
    return 4 * np.argmax(np.abs(directions), axis=1) + signs


def _tangent_plane(normal: Float[Array, " d"]) -> Float[Array, "e d"]:
    """Orthonormal vectors (d − 1, d) across ``normal``."""
    if normal.shape[0] == 2:
        return jnp.stack([-normal[1], normal[0]])[None, :]
    axis = jnp.eye(3)[jnp.argmin(jnp.abs(normal))]
    first = jnp.cross(normal, axis)
    first = first / jnp.sqrt(jnp.sum(first * first))
    return jnp.stack([first, jnp.cross(normal, first)])


def _pointing(vector: Float[Array, " d"]) -> Float[Array, " d"]:
    """One of ±: the largest component is positive."""
    return vector * jnp.where(vector[jnp.argmax(jnp.abs(vector))] < 0, -1.0, 1.0)


def _unit_tangent(dim: int) -> Float[Array, "d d d d"]:
    return jnp.einsum("ik,JL->iJkL", jnp.eye(dim), jnp.eye(dim))


def check_direction(direction: Any, dim: int) -> Float[Array, " d"]:
    """A direction as a unit vector; ``ValueError`` for a wrong shape, zero or numbers that are not finite."""
    try:
        array = jnp.asarray(direction, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"direction: expected {dim} numbers, got {direction!r}") from error
    if array.shape != (dim,):
        raise ValueError(f"direction: expected shape ({dim},), got {array.shape}")
    if concrete(array) and not (np.all(np.isfinite(array)) and np.any(array)):
        raise ValueError(f"direction: must be finite and not zero, got {np.asarray(array).tolist()}")
    return array / jnp.sqrt(jnp.sum(array * array))
