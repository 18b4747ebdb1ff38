"""Wires and bars of a crystal: stretched and bent, with the section's shape relaxed.

A straight prism is taken into a circular arc: its sections move rigidly, turned by κ per reference length, and all
take the same shape. With in-plane and warping displacements (u_z, u_y, w) of the section, functions of (z, y), the
deformation gradient in the axes (z, y, beam) is

        ⎛ 1 + ∂u_z/∂z   ∂u_z/∂y       0           ⎞
    F = ⎜ ∂u_y/∂z       1 + ∂u_y/∂y   −κ w        ⎟
        ⎝ ∂w/∂z         ∂w/∂y         λ + κ(y + u_y) ⎠

without approximation, and the energy per reference length

    Φ(λ, κ) = stat_u  ∫ W(F) dA + ∮ γ(F_s) ds + Σ_edges (T e + ½ K e²),   e = λ + κ(y + u_y) − 1.

Its derivatives are the axial force N and the bending moment M, its second ones the rigidities: condensation with the
shape of the section as internal unknowns. That the sides are drawn in by their surface stress, that the bulk is then at
another strain and has other moduli, and that a bent bar turns its prestressed sides are all in it. The displacements
are those of :mod:`~msjax.nano.section_shape`.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.material.response import Material, Response
from msjax.material.surface import Surface
from msjax.nano.section import Section
from msjax.nano.section_rule import SectionRule, section_rule
from msjax.nano.section_shape import SectionShape
from msjax.nano.wire_faces import along, faces_of, frames
from msjax.solvers.condensation import schur, tangent_status
from msjax.solvers.newton import Functional, Newton
from msjax.solvers.stationary import stationary
from msjax.status import Code, Status, fail_with, first_failure, guard, screen, substitute, worst
from msjax.tensors import sum_of
from msjax.typing import Array, Float, PyTree, Scalar, concrete

IN_CORES = 12
"""Gauss points a direction with cores: strains at rest to 1e-3 for cores of a fortieth of the side."""

SETTINGS = Newton(tolerance=1e-9, length=1.0, max_steps=60, largest_step=0.1)


class Wire(Material):
    """A bar of one section under stretch λ and curvature κ: a material whose strain is the array [[λ, κ]].

    ``bulk``: a material of dimension 3, conservative. ``section``: its shape (:func:`~msjax.nano.square` and its
    neighbours), in the bulk's unit of length. ``axes``: rows are the directions z, y and of the beam in the axes of the
    bulk, by default its own. ``faces``: a :class:`~msjax.material.surface.Surface` for all faces or one for each, in
    the section's order; a crystal's face (:class:`~msjax.surfaces.SurfaceCauchyBorn`,
    :class:`~msjax.surfaces.ExpandedSurface`) stands for its equivalents as well: it is laid on a face of the bar with
    its own direction along the beam. None: no surface energy. ``edge_stress`` T and ``edge_stiffness`` K, forces, one
    number or one an edge. ``degree`` of the displacements' polynomials: 1 lets a stretched section change its size, 2
    a bent one take its anticlastic shape. ``core``: where two faces meet their tensions pull at a line, and the bulk's
    answer is a field ln r that ends at the atoms; with a length here (a spacing of planes) it is among the
    displacements, None leaves it out.

    Positive κ stretches the side of positive y. ``respond`` gives the energy per reference length, [[N, M]] and their
    derivatives (1, 2, 1, 2), M about the centroid; the state is the vector of coefficients, a warm start. Failures:
    those of bulk and faces, INVERTED for λ ≤ 0 and MAX_STEPS. UNSTABLE: the shape is stationary and no minimum, in
    ``tangent_status`` for a tangent that is not definite.

    Raises ``ValueError`` for a bulk of another dimension or that has no energy, axes that are no rotation, another
    number of faces, a face whose plane does not hold the beam's axis, and a degree below 1.

    >>> import jax.numpy as jnp, msjax as ms
    >>> bar = Wire(ms.IsotropicElastic(100.0, 0.3), ms.nano.square(2.0))
    >>> tangent = bar.respond(jnp.array([[1.0, 0.0]])).tangent
    >>> round(float(tangent[0, 0, 0, 0]), 6), round(float(tangent[0, 1, 0, 1]), 6)  # E A and E I
    (400.0, 133.333333)
    """

    # λ and κ do not feel a rotation: there is none left to be tested
    objective = False

    bulk: Material
    section: Section
    axes: Float[Array, "3 3"]
    kinds: tuple[Surface, ...]
    edge_stress: Float[Array, " e"]
    edge_stiffness: Float[Array, " e"]
    core: Scalar | None
    of_face: tuple[int, ...] = eqx.field(static=True)
    degree: int = eqx.field(static=True)

    def __init__(
        self,
        bulk: Material,
        section: Section,
        faces: Surface | Sequence[Surface] | None = None,
        *,
        axes: Array | np.ndarray | None = None,
        edge_stress: Array | float = 0.0,
        edge_stiffness: Array | float = 0.0,
        degree: int = 2,
        core: Scalar | float | None = None,
    ):
        if bulk.dim != 3 or not (bulk.conservative and bulk.symmetric):
            raise ValueError("bulk: expected a conservative material of dimension 3")
        if not isinstance(degree, int) or degree < 1:
            raise ValueError(f"degree: expected an integer of at least 1, got {degree!r}")
        self.bulk, self.section, self.degree = bulk, section, degree
        self.axes = _rotation(jnp.eye(3) if axes is None else axes)
        self.kinds, self.of_face = faces_of(faces, section.lengths.shape[0])
        for n, kind in enumerate(self.kinds):
            along(kind, self.axes[2], f"faces[{self.of_face.index(n)}]")
        self.edge_stress = _on_edges(edge_stress, "edge_stress", section)
        self.edge_stiffness = _on_edges(edge_stiffness, "edge_stiffness", section)
        self.core = None if core is None else _core(core, section)
        self.rule  # noqa: B018, refuses sections it cannot do

    @property
    def dim(self) -> int:
        """One."""
        return 1

    @property
    def deterministic(self) -> bool:  # type: ignore[override]
        """As the bulk."""
        return self.bulk.deterministic

    @property
    def reference_strain(self) -> Float[Array, "1 2"]:
        """Unstretched and straight."""
        return jnp.array([[1.0, 0.0]])

    @property
    def count(self) -> int:
        """Gauss points a direction: they crowd at the ends, where a core asks for them."""
        return max(self.degree + 2, 0 if self.core is None else IN_CORES)

    @property
    def rule(self) -> SectionRule:
        """Its quadrature."""
        return section_rule(self.section, self.count, crowded=self.core is not None)

    @property
    def shape(self) -> SectionShape:
        """The displacements of the section."""
        return SectionShape(self.section, self.degree, self.core)

    def initial_state(self) -> Float[Array, " q"]:
        """The section's reference shape."""
        return jnp.zeros(self.shape.size)

    def respond(self, strain: PyTree, state: Float[Array, " q"] | None = None, inputs: Any = None) -> Response:
        """(Φ, [[N, M]], tangent) at [[λ, κ]]."""
        array = jnp.asarray(strain, float)
        if array.shape != (1, 2):
            raise ValueError(f"strain: expected stretch and curvature, of shape (1, 2), got {array.shape}")
        return _respond(self, array, state, inputs)


class Expanded(NamedTuple):
    """Φ̂ and its derivatives in (λ, κ, q), and the worst status of bulk and faces."""

    energy: Scalar
    gradient: Float[Array, " m"]
    hessian: Float[Array, "m m"]
    status: Status


def expand(wire: Wire, unknowns: Float[Array, " m"], inputs: Any = None) -> Expanded:
    """The energy of a wire with its section held in a shape, and its derivatives, in (λ, κ, q)."""
    rule = wire.rule
    shape = wire.shape

    def at(material, frame, point, weight):
        def local(z):
            return frame @ shape.deformation(z, point) @ frame[: material.reference_strain.shape[1]].T

        strain, slope = local(unknowns), jax.jacfwd(local)(unknowns)
        response = material.respond(strain, None, inputs)
        # F is bilinear in κ and the displacements: its second derivative does not vanish
        turning = jax.jacfwd(jax.grad(lambda z: jnp.sum(response.stress * local(z))))(unknowns)
        gradient = jnp.einsum("iJ,iJm->m", response.stress, slope)
        hessian = jnp.einsum("iJm,iJkL,kLn->mn", slope, response.tangent, slope) + turning
        status = fail_with(response.status, response.tangent_status)
        return weight * response.energy, weight * gradient, weight * hessian, status

    parts = [jax.vmap(lambda p, w: at(wire.bulk, wire.axes.T, p, w))(rule.points, rule.weights)]
    for n, kind in enumerate(wire.kinds):
        faces = np.flatnonzero(np.array(wire.of_face) == n)
        turned = frames(along(kind, wire.axes[2], "faces"), rule.tangents[faces].reshape(-1, 2))
        points, weights = rule.on_faces[faces].reshape(-1, 2), rule.face_weights[faces].reshape(-1)
        parts.append(jax.vmap(lambda f, p, w, kind=kind: at(kind, f, p, w))(turned, points, weights))
    status = worst(jax.tree.map(lambda *x: jnp.concatenate(x), *[part[3] for part in parts]))
    sums = [tuple(jnp.sum(x, axis=0) for x in part[:3]) for part in parts]
    energy, gradient, hessian = (sum_of(x) for x in zip(*sums, _edges(wire, rule, unknowns), strict=True))
    return Expanded(energy, gradient, hessian, status)


def _edges(wire: Wire, rule: SectionRule, unknowns: Array) -> tuple[Array, Array, Array]:
    shape = wire.shape

    def energy(z):
        e = jax.vmap(lambda corner: shape.deformation(z, corner)[2, 2] - 1.0)(rule.corners)
        return jnp.sum(wire.edge_stress * e + 0.5 * wire.edge_stiffness * e**2)

    value, gradient = jax.value_and_grad(energy)(unknowns)
    return value, gradient, jax.jacfwd(jax.grad(energy))(unknowns)


class _Arguments(NamedTuple):
    held: Array
    arrays: PyTree
    inputs: PyTree


@dataclasses.dataclass(frozen=True)
class _Shape(Functional):
    """Φ̂ as a function of all unknowns but the first ``len(held)``."""

    structure: Any

    def expanded(self, x, arguments):
        wire = eqx.combine(arguments.arrays, self.structure)
        return expand(wire, jnp.concatenate([arguments.held, x]), arguments.inputs)

    def derivatives(self, x, prepared):
        """Energy, gradient and Hessian."""
        found, n = self.expanded(x, prepared), prepared.held.shape[0]
        return found.energy, found.gradient[n:], found.hessian[n:, n:]

    def gradient(self, x, arguments):
        """Forces on the shape; the tangents are not touched."""
        return self.expanded(x, arguments).gradient[arguments.held.shape[0] :]


def relax(wire: Wire, held: Float[Array, " n"], start: Float[Array, " m"], inputs: Any = None) -> tuple[Array, Status]:
    """Stationary (λ, κ, q) with the first ``len(held)`` of them held; differentiable."""
    arrays, structure = eqx.partition(wire, eqx.is_array)
    x, status = stationary(_Shape(structure), start, _Arguments(held, arrays, inputs), SETTINGS)
    return jnp.concatenate([held, x]), status


@eqx.filter_jit
def _respond(wire: Wire, strain: Array, state: Array | None, inputs: Any) -> Response:
    finite = jnp.all(jnp.isfinite(strain))
    usable = finite & (strain[0, 0] > 0.0)
    status = screen(screen(Status.of(), ~finite, Code.NONFINITE), finite & ~usable, Code.INVERTED)
    held = substitute(strain, ~usable, wire.reference_strain)[0]
    start = wire.initial_state() if state is None else state
    start = jnp.where(jnp.all(jnp.isfinite(start)), start, 0.0)
    unknowns, of_shape = relax(wire, held, start, inputs)
    found = expand(wire, unknowns, inputs)
    status = first_failure(status, of_shape, found.status)
    tangent = schur(found.hessian, 2).reshape(1, 2, 1, 2)
    of_tangent = tangent_status(tangent, status)
    matrix = tangent.reshape(2, 2)
    definite = (matrix[0, 0] > 0.0) & (matrix[0, 0] * matrix[1, 1] > matrix[0, 1] ** 2)
    of_tangent = screen(of_tangent, ~definite & (of_tangent.code == Code.CONVERGED), Code.UNSTABLE)
    energy, stress, shape = guard((found.energy, found.gradient[None, :2], unknowns[2:]), status.failed)
    return Response(energy, stress, guard(tangent, of_tangent.failed), shape, status, of_tangent)


def _rotation(axes: Any) -> Float[Array, "3 3"]:
    found = jnp.asarray(axes, float)
    if found.shape != (3, 3):
        raise ValueError(f"axes: expected three rows, got shape {found.shape}")
    if concrete(found):
        rows = np.asarray(found)
        lengths = np.linalg.norm(rows, axis=1)
        unit = rows / np.where(lengths > 0.0, lengths, 1.0)[:, None]
        if not np.allclose(unit @ unit.T, np.eye(3), atol=1e-9):
            raise ValueError(f"axes: expected three orthogonal rows, got {rows.tolist()}")
        if np.linalg.det(rows) < 0.0:
            raise ValueError("axes: expected a right-handed set (z × y = beam); exchange z and y or turn one round")
    return found / jnp.sqrt(jnp.sum(found**2, axis=1, keepdims=True))


def _on_edges(value: Any, name: str, section: Section) -> Float[Array, " e"]:
    count, found = section.corners.shape[0], jnp.asarray(value, float)
    if found.shape not in ((), (count,)):
        raise ValueError(f"{name}: expected one number or one for each edge ({count}), got shape {found.shape}")
    if count == 0 and concrete(found) and np.any(np.asarray(found) != 0.0):
        raise ValueError(f"{name}: this section has no edges")
    return jnp.broadcast_to(found, (count,))


def _core(value: Any, section: Section) -> Scalar:
    if jnp.ndim(value) != 0 or (concrete(value) and not 0.0 < float(value) < np.inf):
        raise ValueError(f"core: expected one positive length, got {value!r}")
    if section.corners.shape[0] == 0:
        raise ValueError("core: this section has no edges")
    return jnp.asarray(value, float)
