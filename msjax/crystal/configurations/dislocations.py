"""Straight dislocations: one in a cylinder, and periodic cells of two with opposite Burgers vectors."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.configurations.configuration import Configuration
from msjax.crystal.configurations.line_defects import (
    Row,
    RowsOfThree,
    burgers_vector,
    centre_of,
    check_crystal,
    cylinder,
    frame_of,
    lattice_vector,
    length,
    numbers,
    off_the_line,
    vector,
)
from msjax.crystal.configurations.stroh import Stroh, dislocation_field, stroh
from msjax.crystal.elastic import relaxed_stiffness
from msjax.crystal.supercell import supercell
from msjax.typing import Array, Float

IMAGES = 12
"""Cells of a dipole are summed from −IMAGES to IMAGES in both directions."""


def dislocation(
    material: CauchyBorn,
    burgers: Row,
    *,
    line: Row,
    normal: Row,
    radius: float | int,
    centre: Row | None = None,
    partial: bool = False,
) -> Configuration:
    """A cylinder of atoms about a straight dislocation, displaced by its elastic field; periodic along the line.

    ``material``: the crystal at rest, whose relaxed elastic constants are used; ``burgers``, Å, a lattice vector, or
    with ``partial`` any other, which leaves a fault where x < 0; ``line``: the lattice vector along the line that is
    the period, Å; ``normal`` of the glide plane, all in the axes of the crystal; ``radius``, Å; ``centre``: (x, y) of
    the line in the frame, Å, by default x = 0, and y midway between two atomic planes.

    In the result z is along the line, y the normal, x = y × z, the origin is on the line. On a counter-clockwise turn
    about z the displacement grows by b; atoms may cross the cut y = 0, x < 0, across which the lattice fits again.
    Atoms near the surface of the cylinder are to be held when the rest relaxes. See :func:`dislocation_field`.

    Raises ``ValueError`` for what is not three-dimensional, vectors of the wrong shape, a line or a Burgers vector that
    is no lattice vector, a normal that is not at a right angle to the line, a Burgers vector out of the glide plane, a
    radius that is not positive or holds no atom, and an atom on the line.

    >>> import msjax as ms
    >>> copper = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    >>> b = 3.615 / 2 * np.array([1.0, -1.0, 0.0])
    >>> screw = dislocation(copper, b, line=b, normal=[1, 1, 1], radius=12.0)
    >>> screw.periodic, round(float(screw.cell[2, 2]), 3)
    ((False, False, True), 2.556)
    """
    check_crystal(material)
    along = lattice_vector(material.crystal, line, "line")
    frame = frame_of(material, along, vector(normal, "normal"), "normal")
    b = burgers_vector(material.crystal, burgers, partial, frame)
    perfect, from_line = cylinder(material.crystal, frame, centre_of(centre, frame), length(radius, "radius"))
    off_the_line(from_line, material.crystal)
    medium = stroh(relaxed_stiffness(material), frame.rows)
    return perfect.at(perfect.positions + dislocation_field(medium, jnp.asarray(b), jnp.asarray(from_line))[:, :3])


def dislocation_dipole(
    material: CauchyBorn,
    burgers: Row,
    *,
    periods: RowsOfThree,
    separation: float = 0.5,
    centre: Row | None = None,
    partial: bool = False,
) -> Configuration:
    """A periodic cell with two straight dislocations of opposite Burgers vectors in one glide plane.

    ``material``: the crystal at rest, whose relaxed elastic constants are used; ``burgers`` of the first dislocation,
    Å, a lattice vector, or with ``partial`` any other, which leaves a fault between the two; ``periods`` (3, 3): rows
    c₁, c₂, c₃, lattice vectors, Å, right-handed, c₃ along the lines and c₁ with it in the glide plane; the second
    dislocation is ``separation`` c₁ from the first, all in the axes of the crystal; ``centre``: (x, y) of the middle
    between them in the frame, Å, by default x = 0 and y midway between two atomic planes. With c₂ = ½c₁ + h, h normal
    to the glide plane, and separation ½, the dislocations make a quadrupolar lattice: by symmetry no force acts on any.

    In the result z is along c₃, y normal to the glide plane, x = y × z; the dislocations are at x = ∓½ of their
    distance, and the origin is between them. About the first, on a counter-clockwise turn, the displacement grows by b.
    The fields of all images are summed and the part of the sum that depends on its order, a homogeneous distortion, is
    taken off (W. Cai, V. V. Bulatov, J. Chang, J. Li & S. Yip, doi:10.1080/0141861021000051109). Then cell and atoms
    take the plastic distortion of the slipped area A, −b⊗A/V, so that the mean stress vanishes to first order.

    Raises ``ValueError`` for what is not three-dimensional, periods or a Burgers vector that are no lattice vectors,
    left-handed periods, a Burgers vector out of the glide plane (atoms would have to be added), a separation that is
    not between 0 and 1, and an atom on a line.

    >>> import msjax as ms
    >>> copper = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    >>> along, up, b = 3.615 * np.array([[4.0, 4.0, -8.0], [3.0, 3.0, 3.0], [0.5, -0.5, 0.0]])
    >>> pair = dislocation_dipole(copper, b, periods=[along, up + along / 2, b])
    >>> pair.atoms, pair.periodic
    (144, (True, True, True))
    """
    check_crystal(material)
    given = numbers(periods, (3, 3), "periods")
    vectors = np.array([lattice_vector(material.crystal, given[i], f"periods[{i}]") for i in range(3)])
    if not np.linalg.det(vectors) > 0.0:
        raise ValueError(f"periods: must be right-handed and independent, got {vectors.tolist()}")
    if not 0.0 < separation < 1.0:
        raise ValueError(f"separation: must lie between 0 and 1, got {separation}")
    frame = frame_of(material, vectors[2], np.cross(vectors[2], vectors[0]), "periods")
    b = burgers_vector(material.crystal, burgers, partial, frame)
    middle = centre_of(centre, frame)
    cell = vectors @ frame.rows.T
    crystal = supercell(material.crystal, np.rint(vectors @ np.linalg.inv(np.asarray(material.crystal.cell))))
    local = np.asarray(crystal.basis) @ frame.rows.T - np.append(middle, 0.0)
    fractional = local @ np.linalg.inv(cell)
    local = (fractional - np.floor(fractional + 0.5)) @ cell
    half = 0.5 * separation * cell[0, 0]
    medium = stroh(relaxed_stiffness(material), frame.rows)
    lines = np.array([[-half, 0.0], [half, 0.0]])
    for place in lines:
        apart = (local[:, :2] - place) @ np.linalg.inv(cell[:2, :2])
        off_the_line((apart - np.rint(apart)) @ cell[:2, :2], material.crystal)
    moved = local + periodic_displacement(medium, b, cell[:2, :2], half, local[:, :2])
    slipped = np.eye(3)
    slipped[:, 1] -= b * 2.0 * half / abs(np.linalg.det(cell[:2, :2]))
    return Configuration(cell @ slipped.T, moved @ slipped.T, crystal.species, True, crystal.masses)


def periodic_displacement(
    medium: Stroh, burgers: np.ndarray, cell: np.ndarray, half: float, points: np.ndarray
) -> np.ndarray:
    """u (n, 3) of dislocations ±b at x = ∓``half`` and all their images, at ``points`` (n, 2), periodic.

    ``cell`` (2, 2): the periods c₁, c₂ in the plane. The sum over a block of cells has a homogeneous distortion that
    depends on the block, and u(x + c) − u(x) tells it.
    """
    across, up = cell
    ends = np.array([0.25 * up - 0.5 * across, 0.5 * across - 0.5 * up])  # neither these nor a period on is on a cut
    sampled = np.concatenate([points, ends, ends + cell])
    found = np.asarray(
        _images(medium, jnp.asarray(burgers), jnp.asarray(cell), jnp.asarray(half), jnp.asarray(sampled))
    )
    n = len(points)
    gradient = np.linalg.solve(cell, found[n + 2 :] - found[n : n + 2])  # (2, 3): rows ∂u/∂x, ∂u/∂y
    u = found[:n] - points @ gradient
    return u - np.mean(u, axis=0)


@eqx.filter_jit
def _images(medium: Stroh, burgers: Array, cell: Array, half: Array, points: Array) -> Float[Array, "n 3"]:
    """Σ over images; both cuts run along x > 0, so that they leave the one between the two."""
    counts = np.arange(-IMAGES, IMAGES + 1.0)
    shifts = jnp.asarray(np.stack(np.meshgrid(counts, counts), axis=-1).reshape(-1, 2)) @ cell
    place = jnp.stack([half, jnp.zeros(())])[None, :]

    def add(total, shift):
        at = points - shift[None, :]
        first = dislocation_field(medium, burgers, at + place, 2.0 * np.pi)
        second = dislocation_field(medium, burgers, at - place, 2.0 * np.pi)
        return total + (first - second)[:, :3], None

    return jax.lax.scan(add, jnp.zeros((len(points), 3)), shifts)[0]
