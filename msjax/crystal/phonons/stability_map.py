"""Where in the space of deformations the lattice is stable, over a plane of F."""

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax import units
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.hermitian import lowest_eigenvalue
from msjax.crystal.phonons.dynamical_matrix import mass_weighted
from msjax.crystal.phonons.envelope import at_minimum
from msjax.crystal.phonons.frequencies import eigenvalues
from msjax.crystal.phonons.stability import GRID, Verdict, check_grid, check_relaxed, lowest_omega2, stability_at
from msjax.crystal.phonons.waves import hermitian, lattice_vectors, phases, waves_at
from msjax.crystal.phonons.zone import zone_grid
from msjax.material.response import check_strain
from msjax.solvers.batch import map_chunked
from msjax.status import Status, guard
from msjax.typing import Array, Float, Int, concrete

CHUNK = 16


class Plane(eqx.Module):
    """Deformation gradients F = origin + x D₁ + y D₂ on a grid of ``x`` (nx,) and ``y`` (ny,).

    ``first`` D₁ and ``second`` D₂ (d, d); ``origin`` (d, d) is the identity by default; ``names`` of x and y go on the
    axes of figures. Raises ``ValueError`` for directions that are not square matrices of one size, not finite, or
    parallel, and for empty or nonfinite grids.

    >>> import numpy as np
    >>> plane = Plane(np.diag([1.0, 0.0]), np.diag([0.0, 1.0]), x=np.linspace(-0.1, 0.1, 3), y=[0.0, 0.05])
    >>> plane.deformations.shape
    (3, 2, 2, 2)
    """

    origin: Float[Array, "d d"]
    first: Float[Array, "d d"]
    second: Float[Array, "d d"]
    x: Float[Array, " nx"]
    y: Float[Array, " ny"]
    names: tuple[str, str] = eqx.field(static=True)

    def __init__(
        self, first: Any, second: Any, x: Any, y: Any, origin: Any = None, names: tuple[str, str] = ("x", "y")
    ):
        self.first, self.second = _matrix(first, "first"), _matrix(second, "second")
        dim = self.first.shape[0]
        self.origin = jnp.eye(dim) if origin is None else _matrix(origin, "origin")
        if not self.first.shape == self.second.shape == self.origin.shape:
            shapes = self.first.shape, self.second.shape, self.origin.shape
            raise ValueError(f"first, second and origin: expected one shape (d, d), got {shapes}")
        if concrete(self.first, self.second):
            both = np.stack([np.ravel(self.first), np.ravel(self.second)])
            if np.linalg.matrix_rank(both) < 2:
                raise ValueError("first and second: are parallel; they do not span a plane")
        self.x, self.y = _line(x, "x"), _line(y, "y")
        if len(names) != 2:
            raise ValueError(f"names: expected two, got {len(names)}")
        self.names = (str(names[0]), str(names[1]))

    @property
    def deformations(self) -> Float[Array, "nx ny d d"]:
        """F at every point of the grid."""
        x, y = self.x[:, None, None, None], self.y[None, :, None, None]
        return self.origin[None, None] + x * self.first[None, None] + y * self.second[None, None]


class StabilityMap(NamedTuple):
    """Stability over a plane, arrays (nx, ny).

    ``omega2``: lowest ω² of the zone's grid, or of the softest wave where that is negative and lower, eV/(Å² amu);
    ``modulus``: the lowest modulus of waves of all lengths, ``acoustic``: that of the long ones alone, eV/Å^d; ``q``
    (nx, ny, d) of the softest finite wave; ``verdict_code``; ``status``: NaN and UNKNOWN where failed.
    """

    plane: Plane
    omega2: Float[Array, "nx ny"]
    modulus: Float[Array, "nx ny"]
    acoustic: Float[Array, "nx ny"]
    q: Float[Array, "nx ny d"]
    verdict_code: Int[Array, "nx ny"]
    status: Status

    @property
    def frequency(self) -> Float[Array, "nx ny"]:
        """Lowest frequency ω/2π in THz, negative when imaginary."""
        return jnp.sign(self.omega2) * jnp.sqrt(jnp.abs(self.omega2)) / (2.0 * jnp.pi * units.THz)

    @property
    def stable(self) -> Array:
        """Where nothing is soft."""
        return self.verdict_code == int(Verdict.STABLE)

    def __str__(self) -> str:
        codes = np.asarray(self.verdict_code)
        counts = ", ".join(f"{int(np.sum(codes == v))} {v.name}" for v in Verdict if np.any(codes == v))
        return f"StabilityMap of {codes.shape[0]} × {codes.shape[1]} deformations: {counts}"

    __repr__ = __str__


def stability_map(material: CauchyBorn, plane: Plane, *, grid: int = GRID, chunk: int = CHUNK) -> StabilityMap:
    """:func:`stability` at every F of a plane, ``chunk`` at a time: where may W(F) be trusted?

    ``grid`` points along each reciprocal vector, as in :func:`stability`. Of a Bravais lattice the lowest frequency of
    a grid is that of its longest waves while these are the softest: its zero is the border of stability, its size
    depends on the grid. A failed F harms no other; ``omega2``, ``modulus`` and ``acoustic`` have first derivatives in
    the plane's and the material's leaves.

    Raises ``ValueError`` for a plane of another dimension and as :func:`stability`.

    >>> import numpy as np, msjax as ms
    >>> from msjax.crystal.phonons import Plane, stability_map
    >>> square = ms.CauchyBorn(ms.bulk("X", "square", a=1.0), ms.Springs([1.0, 1.0], [1.0, 2.0**0.5]))
    >>> plane = Plane(np.diag([1.0, 0.0]), np.diag([0.0, 1.0]), x=[-0.25, 0.0], y=[-0.25, 0.0])
    >>> stability_map(square, plane).stable.tolist()
    [[False, True], [True, True]]
    """
    check_grid(grid)
    if not isinstance(plane, Plane):
        raise ValueError(f"plane: expected a Plane, got {type(plane).__name__}")
    if not isinstance(material, CauchyBorn):
        raise ValueError(f"material: phonons need a CauchyBorn material, got {type(material).__name__}")
    if plane.first.shape[0] != material.dim:
        raise ValueError(f"plane: holds F of {plane.first.shape[0]} dimensions, the material has {material.dim}")
    check_relaxed(material)
    return _map(material, plane, grid, chunk)


@eqx.filter_jit
def _map(material: CauchyBorn, plane: Plane, grid: int, chunk: int) -> StabilityMap:
    points = jnp.asarray(zone_grid(material.dim, grid))
    table = phases(lattice_vectors(material), points)

    def at(deformation):
        found = stability_at(material, check_strain(deformation, material.dim), grid)
        waves, status = waves_at(material, deformation)
        matrix = mass_weighted(hermitian(waves, table), material)
        lowest = lowest_eigenvalue(matrix) if matrix.n <= 3 else eigenvalues(matrix)[:, 0]
        lowest = jax.lax.stop_gradient(lowest)
        at_grid = (jnp.min(lowest) < found.omega2) | (found.omega2 >= 0)  # a soft wave may lie between grid points
        q = jnp.where(at_grid, points[jnp.argmin(lowest)], found.q)
        omega2 = guard(at_minimum(lowest_omega2, (material, waves), q), status.failed)
        return omega2, found.lowest_modulus, found.ellipticity.value, found.q, found.verdict_code, found.status

    shape = (plane.x.shape[0], plane.y.shape[0])
    strains = plane.deformations.reshape(-1, material.dim, material.dim)
    members = strains.shape[0]
    filled = jnp.concatenate([strains, strains[: -members % chunk]]) if members > chunk else strains
    # full chunks only: a rest would be compiled a second time
    flat = jax.tree.map(lambda leaf: leaf[:members], map_chunked(at, filled, chunk=chunk))
    omega2, modulus, acoustic, q, code, status = jax.tree.map(lambda leaf: leaf.reshape(shape + leaf.shape[1:]), flat)
    return StabilityMap(plane, omega2, modulus, acoustic, q, code, status)


def _matrix(value: Any, argument: str) -> Float[Array, "d d"]:
    try:
        array = jnp.asarray(value, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{argument}: expected a matrix (d, d), got {value!r}") from error
    if array.ndim != 2 or array.shape[0] != array.shape[1] or array.shape[0] not in (1, 2, 3):
        raise ValueError(f"{argument}: expected shape (d, d), got {array.shape}")
    if concrete(array) and not np.all(np.isfinite(array)):
        raise ValueError(f"{argument}: must be finite")
    return array


def _line(value: Any, argument: str) -> Float[Array, " n"]:
    array = jnp.asarray(value, dtype=float)
    if array.ndim != 1 or array.shape[0] < 1 or (concrete(array) and not np.all(np.isfinite(array))):
        raise ValueError(f"{argument}: expected finite numbers along the axis, got shape {array.shape}")
    return array
