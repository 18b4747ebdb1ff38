"""Crack seeds: a cylinder of atoms about a crack's front, displaced by the singular field of elasticity."""

import jax.numpy as jnp
import numpy as np

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.configurations.configuration import Configuration
from msjax.crystal.configurations.line_defects import (
    Row,
    centre_of,
    check_crystal,
    cylinder,
    frame_of,
    lattice_vector,
    length,
    off_the_line,
    vector,
)
from msjax.crystal.configurations.stroh import Stroh, crack_field, stroh
from msjax.crystal.elastic import relaxed_stiffness


def crack(
    material: CauchyBorn,
    intensity: float | int | Row,
    *,
    front: Row,
    normal: Row,
    radius: float | int,
    centre: Row | None = None,
) -> Configuration:
    """A cylinder of atoms with a crack along its axis, displaced by the near-tip field; periodic along the front.

    ``material``: the crystal at rest, whose relaxed elastic constants are used; ``intensity``: K_I, or (K_I, K_II,
    K_III), eV/Å³·√Å, which ``K * units.MPa * units.m**0.5`` makes of MPa√m; ``front``: the lattice vector along the
    front that is the period, Å; ``normal`` of the crack's plane, a direction at a right angle to it, both in the axes
    of the crystal; ``radius``, Å; ``centre``: (x, y) of the tip in the frame, Å, by default x = 0, and y midway between
    two atomic planes.

    In the result z is along the front, y the normal, and x = y × z points ahead of the crack, which is where x < 0; its
    tip is the origin. Atoms near the surface of the cylinder are to be held when the rest relaxes; at
    :func:`griffith_intensity` of the plane's surface energy the crack is in balance. See :func:`crack_field` for the
    field.

    Raises ``ValueError`` for what is not three-dimensional, a front that is no lattice vector, a normal that is not at
    a right angle to it, a radius that is not positive or holds no atom, and an atom on the tip.

    >>> import msjax as ms
    >>> copper = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    >>> front = 3.615 / 2 * np.array([1.0, -1.0, 0.0])
    >>> seed = crack(copper, 1.0 * ms.units.MPa * ms.units.m**0.5, front=front, normal=[1, 1, 1], radius=12.0)
    >>> seed.periodic, bool(seed.atoms > 50)
    ((False, False, True), True)
    """
    check_crystal(material)
    k = np.asarray(intensity, float)
    if k.shape not in ((), (3,)) or not np.all(np.isfinite(k)):
        raise ValueError(f"intensity: expected K_I or (K_I, K_II, K_III), finite, got {intensity}")
    modes = jnp.asarray(np.append(k, [0.0, 0.0]) if k.shape == () else k)
    line = lattice_vector(material.crystal, front, "front")
    frame = frame_of(material, line, vector(normal, "normal"), "normal")
    perfect, from_line = cylinder(material.crystal, frame, centre_of(centre, frame), length(radius, "radius"))
    off_the_line(from_line, material.crystal)
    medium = stroh(relaxed_stiffness(material), frame.rows)
    return perfect.at(perfect.positions + crack_field(medium, modes, jnp.asarray(from_line))[:, :3])


def crack_medium(material: CauchyBorn, *, front: Row, normal: Row) -> Stroh:
    """The medium about a crack as :func:`crack` has it, for Griffith's intensity and the energy release rate.

    >>> import msjax as ms
    >>> from msjax.crystal.configurations.stroh import griffith_intensity
    >>> copper = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    >>> medium = crack_medium(copper, front=3.615 / 2 * np.array([1.0, -1.0, 0.0]), normal=[1, 1, 1])
    >>> griffith = griffith_intensity(medium, 1.2 * ms.units.J_per_m2)
    >>> bool(0.3 < griffith / (ms.units.MPa * ms.units.m**0.5) < 0.8)
    True
    """
    check_crystal(material)
    line = lattice_vector(material.crystal, front, "front")
    frame = frame_of(material, line, vector(normal, "normal"), "normal")
    return stroh(relaxed_stiffness(material), frame.rows)
