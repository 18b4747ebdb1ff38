"""Cross-sections whose faces and edges carry part of the load: tension, bending, and what surface stress does to them.

A section lies in the plane (z, y), y along the deflection and measured from its centroid. With axial strain ε + κ y the
energy per length of the beam is

    ∫ ½ E (ε + κy)² dA + ∮ [τ (ε + κy) + ½ S (ε + κy)²] ds + Σ_edges [T (ε + κy) + ½ K (ε + κy)²]

with E the bulk's modulus along the beam, τ and S a face's surface stress and stiffness along the beam, T and K an
edge's. Its second derivatives are the section's rigidities, its first at zero what the surfaces pull (Gurtin and
Murdoch 1975; Miller and Shenoy, doi:10.1088/0957-4484/11/3/301). For a rectangle b × h bent along h,

    EA* = EA + 2 S (b + h),    EI* = EI + S (b h²/2 + h³/6)

so that bending feels a face three times (plate, 6S/(Eh) against 2S/(Eh)) or twice (square bar, 8 against 4) as much as
tension does. τ and S are derivatives along the path of uniaxial stress: on faces with isotropic surface stress τ₀ the
sides contract, and τ = τ₀ (1 − ν). The bulk's nonlinearity is left out; it is of the same order in 1/h as S is
(:mod:`msjax.nano.film`).
"""

from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.typing import Array, Float, Scalar, concrete


class SurfaceElasticity(eqx.Module):
    """What faces and edges add: one number for all, or one a face and one an edge, in the order of the corners.

    ``stress`` τ and ``stiffness`` S in force per length; ``edge_stress`` T and ``edge_stiffness`` K in force.

    >>> SurfaceElasticity(stress=0.6, stiffness=-10.0).stiffness.tolist()
    -10.0
    """

    stress: Float[Array, "..."]
    stiffness: Float[Array, "..."]
    edge_stress: Float[Array, "..."]
    edge_stiffness: Float[Array, "..."]

    def __init__(
        self,
        stress: Array | float = 0.0,
        stiffness: Array | float = 0.0,
        edge_stress: Array | float = 0.0,
        edge_stiffness: Array | float = 0.0,
    ):
        self.stress, self.stiffness = jnp.asarray(stress, float), jnp.asarray(stiffness, float)
        self.edge_stress, self.edge_stiffness = jnp.asarray(edge_stress, float), jnp.asarray(edge_stiffness, float)


class Rigidity(NamedTuple):
    """Of a section: ``tension`` N = EA* ε at κ = 0; ``coupling`` of ε and κ, 0 where the faces lie symmetrically;
    ``bending`` M = EI* κ with no axial force."""

    tension: Scalar
    coupling: Scalar
    bending: Scalar


class Relaxation(NamedTuple):
    """Where the surfaces take a free section: axial strain ε + κ y at its centroid, ``strain`` ε and ``curvature`` κ.

    A deflection w along y has w″ = −κ: the beam curls towards the face that pulls more.
    """

    strain: Scalar
    curvature: Scalar


class Section(eqx.Module):
    """Moments of area, faces and edges about the centroid, for bending along y.

    ``area`` ∫dA, ``second_moment`` ∫y² dA, ``thickness`` the extent along y. Per face ``lengths`` ∫ds,
    ``first_moments`` ∫y ds, ``second_moments`` ∫y² ds and ``projections`` ∫n_y² ds with the normal n; ``corners``
    (z, y) of the edges, none for a circle. ``shear_coefficient`` k of Timoshenko's beam, shear rigidity k G A, from the
    parabolic shear stress of elementary theory (5/6 for rectangles, 9/10 for circles). Lengths in any unit.

    The beam bends in its plane: y is a principal axis, or the beam is held from moving sideways.

    >>> bar = square(2.0)
    >>> [round(float(x), 4) for x in (bar.area, bar.second_moment, bar.perimeter, bar.surface_second_moment)]
    [4.0, 1.3333, 8.0, 5.3333]
    """

    area: Scalar
    second_moment: Scalar
    thickness: Scalar
    lengths: Float[Array, " f"]
    first_moments: Float[Array, " f"]
    second_moments: Float[Array, " f"]
    projections: Float[Array, " f"]
    corners: Float[Array, "e 2"]
    shear_coefficient: Scalar

    @property
    def edges(self) -> Float[Array, " e"]:
        """y of the edges."""
        return self.corners[:, 1]

    @property
    def perimeter(self) -> Scalar:
        """∮ds."""
        return jnp.sum(self.lengths)

    @property
    def surface_second_moment(self) -> Scalar:
        """∮y² ds: b h²/2 + h³/6 for a rectangle."""
        return jnp.sum(self.second_moments)

    def rigidity(
        self, E: Scalar | float, surface: SurfaceElasticity | None = None, bending_length: Scalar | float = 0.0
    ) -> Rigidity:
        """EA*, coupling and EI* of bulk, faces and edges.

        ``bending_length`` b_h is that of a nonlocal bulk, with bending rigidity E (I + A b_h²/12), for a rectangle
        E I (1 + (b_h/h)²); see :func:`~msjax.nano.size_effects.couple_stress_bending_length`.

        Raises ``ValueError`` for surface numbers that are neither one nor one a face (one an edge).

        >>> surface = SurfaceElasticity(stiffness=2.0)
        >>> [round(float(x), 3) for x in square(2.0).rigidity(100.0, surface)]
        [416.0, 0.0, 144.0]
        """
        face, edge = self._stiffnesses(surface)
        tension = E * self.area + jnp.sum(face * self.lengths) + jnp.sum(edge)
        coupling = jnp.sum(face * self.first_moments) + jnp.sum(edge * self.edges)
        held = E * (self.second_moment + self.area * jnp.asarray(bending_length, float) ** 2 / 12.0)
        held = held + jnp.sum(face * self.second_moments) + jnp.sum(edge * self.edges**2)
        return Rigidity(tension, coupling, held - coupling**2 / tension)

    def surface_tension(self, surface: SurfaceElasticity) -> Scalar:
        """∮τ ds + ΣT: what pulls at the clamps of a beam held at the bulk's own length, positive for tension."""
        face, edge = self._stresses(surface)
        return jnp.sum(face * self.lengths) + jnp.sum(edge)

    def young_laplace_load(self, surface: SurfaceElasticity) -> Scalar:
        """H = ∮τ n_y² ds of the Young–Laplace model, a lateral load H w″ per length: 2τb for a rectangle of width b.

        See :class:`~msjax.nano.beam.Beam` on why it is not the default.
        """
        face, _ = self._stresses(surface)
        return jnp.sum(face * self.projections)

    def relaxed(self, E: Scalar | float, surface: SurfaceElasticity) -> Relaxation:
        """Equilibrium strain and curvature of a free beam: where the energy's first derivatives vanish.

        With equal faces ε = −τ P/(E A + S P), P the perimeter, and κ = 0.

        >>> found = square(2.0).relaxed(100.0, SurfaceElasticity(stress=1.0, stiffness=2.0))
        >>> round(float(found.strain), 6)  # −8/(400 + 16)
        -0.019231
        """
        face, edge = self._stresses(surface)
        rigidity = self.rigidity(E, surface)
        pull = jnp.sum(face * self.lengths) + jnp.sum(edge)
        turn = jnp.sum(face * self.first_moments) + jnp.sum(edge * self.edges)
        ratio = rigidity.coupling / rigidity.tension
        curvature = -(turn - ratio * pull) / rigidity.bending
        return Relaxation(-pull / rigidity.tension - ratio * curvature, curvature)

    def _stresses(self, surface):
        return self._each(surface.stress, "stress"), self._each(surface.edge_stress, "edge_stress", self.edges)

    def _stiffnesses(self, surface):
        surface = SurfaceElasticity() if surface is None else surface
        stiffness = self._each(surface.stiffness, "stiffness")
        return stiffness, self._each(surface.edge_stiffness, "edge_stiffness", self.edges)

    def _each(self, values, name, parts=None):
        count = self.lengths.size if parts is None else parts.size
        if values.shape not in ((), (count,)):
            kind = "face" if parts is None else "edge"
            raise ValueError(
                f"surface.{name}: expected one number or one for each {kind} ({count}), got shape {values.shape}"
            )
        return jnp.broadcast_to(values, (count,))


def rectangle(width: Scalar | float, thickness: Scalar | float) -> Section:
    """A rectangle bent along its thickness; faces: bottom, right, top, left (top at +y).

    >>> round(float(rectangle(200.0, 50.0).second_moment), 3)  # b h³/12
    2083333.333
    """
    z, y = 0.5 * _positive(width, "width"), 0.5 * _positive(thickness, "thickness")
    return _polygon(jnp.stack([-z, z, z, -z]), jnp.stack([-y, -y, y, y]), 5.0 / 6.0)


def square(side: Scalar | float) -> Section:
    """A square bent along one of its sides."""
    return rectangle(_positive(side, "side"), side)


def rhombus(width: Scalar | float, thickness: Scalar | float) -> Section:
    """A rhombus with these diagonals, bent along ``thickness``: a square wire bent along its diagonal, for one.

    >>> round(float(rhombus(2.0, 2.0).second_moment), 6)  # b h³/48; the square's, whose I is the same in all directions
    0.333333
    """
    z, y = 0.5 * _positive(width, "width"), 0.5 * _positive(thickness, "thickness")
    zero = 0.0 * z
    return _polygon(jnp.stack([zero, z, zero, -z]), jnp.stack([-y, zero, y, zero]), 30.0 / 31.0)


def circle(diameter: Scalar | float) -> Section:
    """A circle; it has one face and no edges.

    >>> round(float(circle(2.0).surface_second_moment), 6)  # π r³
    3.141593
    """
    r = 0.5 * _positive(diameter, "diameter")
    return Section(
        area=jnp.pi * r**2,
        second_moment=jnp.pi * r**4 / 4.0,
        thickness=2.0 * r,
        lengths=(2.0 * jnp.pi * r)[None],
        first_moments=(0.0 * r)[None],
        second_moments=(jnp.pi * r**3)[None],
        projections=(jnp.pi * r)[None],
        corners=jnp.zeros((0, 2)),
        shear_coefficient=jnp.asarray(0.9),
    )


def polygon(corners: Float[Array, "n 2"] | np.ndarray, shear_coefficient: Scalar | float = 5.0 / 6.0) -> Section:
    """Any simple polygon, corners (z, y) in order, either way round; face i runs from corner i, edge i, to the next.

    Its centroid may lie anywhere. The shear coefficient of a polygon has no closed form: give it where shear matters.

    Raises ``ValueError`` for fewer than three corners, numbers that are not finite, faces that cross and an area of 0.

    >>> round(float(polygon(np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 6.0]])).second_moment), 6)  # b h³/36
    18.0
    """
    corners = jnp.asarray(corners, float)
    if corners.ndim != 2 or corners.shape[1] != 2 or corners.shape[0] < 3:
        raise ValueError(f"corners: expected three or more points (n, 2), got shape {corners.shape}")
    if concrete(corners):
        _check_simple(np.asarray(corners))
    return _polygon(corners[:, 0], corners[:, 1], _positive(shear_coefficient, "shear_coefficient"))


def _polygon(z: Float[Array, " n"], y: Float[Array, " n"], shear_coefficient: Scalar | float) -> Section:
    next_z, next_y = jnp.roll(z, -1), jnp.roll(y, -1)
    cross = z * next_y - next_z * y
    signed = 0.5 * jnp.sum(cross)
    centre_z, centre_y = (jnp.sum((x + after) * cross) / (6.0 * signed) for x, after in ((z, next_z), (y, next_y)))
    z, y = z - centre_z, y - centre_y
    next_z, next_y = jnp.roll(z, -1), jnp.roll(y, -1)
    cross = z * next_y - next_z * y  # another origin: the same area, other terms
    lengths = jnp.sqrt((next_z - z) ** 2 + (next_y - y) ** 2)
    return Section(
        area=jnp.abs(signed),
        second_moment=jnp.abs(jnp.sum((y**2 + y * next_y + next_y**2) * cross)) / 12.0,
        thickness=jnp.max(y) - jnp.min(y),
        lengths=lengths,
        first_moments=0.5 * lengths * (y + next_y),
        second_moments=lengths * (y**2 + y * next_y + next_y**2) / 3.0,
        projections=(next_z - z) ** 2 / lengths,
        corners=jnp.stack([z, y], axis=1),
        shear_coefficient=jnp.asarray(shear_coefficient, float),
    )


def _positive(value: Array | float, name: str) -> Scalar:
    if jnp.ndim(value) != 0 or (concrete(value) and not 0.0 < float(value) < np.inf):
        raise ValueError(f"{name}: expected one positive number, got {value!r}")
    return jnp.asarray(value, float)


def _check_simple(corners: np.ndarray) -> None:
    if not np.all(np.isfinite(corners)):
        raise ValueError(f"corners: corner {int(np.argmin(np.isfinite(corners).all(axis=1)))} is not finite")
    after = np.roll(corners, -1, axis=0)
    steps = after - corners
    size = float(np.abs(corners - corners.mean(axis=0)).max())
    short = np.flatnonzero(np.abs(steps).max(axis=1) <= 1e-12 * size)
    if short.size:
        raise ValueError(f"corners: face {short[0]} has no length")
    n = len(corners)
    for i in range(n):
        for j in range(i + 1, n):
            if j != i + 1 and (j + 1) % n != i and _cross(corners[i], after[i], corners[j], after[j]):
                raise ValueError(f"corners: faces {i} and {j} meet; expected a simple polygon")
    z, y = (corners - corners[0]).T
    if abs(np.sum(z * np.roll(y, -1) - np.roll(z, -1) * y)) <= 1e-12 * size**2:
        raise ValueError("corners: the polygon has no area")


def _cross(a, b, c, d) -> bool:
    def side(p, q, r):
        return np.sign((q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]))

    return bool(side(a, b, c) * side(a, b, d) <= 0 and side(c, d, a) * side(c, d, b) <= 0)
