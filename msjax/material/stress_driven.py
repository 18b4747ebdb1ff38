"""Materials with some components of F free and their stress given: plane stress, uniaxial stress, mixed tests.

W*(F_p) = stat_x W(F_p, x) − P̄·x,   P = ∂W/∂F_p at x*,   A* = A_pp − A_px A_xx⁻¹ A_xp

with F_p the prescribed and x the free components of F. The same condensation as everywhere, on top of any conservative
material: its own inner unknowns stay inside its response, so condensations nest.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.material.response import (
    Material,
    Response,
    check_strain,
    flag_unstable,
    pure_strain_form,
    safe_deformation,
)
from msjax.solvers.condensation import schur, tangent_status
from msjax.solvers.newton import Functional, Newton
from msjax.solvers.stationary import stationary
from msjax.status import Code, fail_with, first_failure, guard, screen
from msjax.tensors import is_positive_definite
from msjax.typing import Array, Float, PyTree

SETTINGS = Newton(tolerance=1e-9, length=1.0, max_steps=60, largest_step=0.1)


class FreeState(NamedTuple):
    """Free components of F in the order of ``free`` (a warm start, no history), and the inner material's state."""

    free: Float[Array, " n"]
    inner: PyTree


class StressDriven(Material):
    """A material of which some components of F follow from a given first Piola–Kirchhoff stress on them.

    ``free`` lists the free components (row, column) of F. The ``axes`` whose diagonal component is not free are the
    ones that stay: the strain of the new material is F restricted to them, (m, m), its ``dim`` m = len(axes). The
    remaining off-diagonal components are held at 0. ``applied`` gives P̄ on the free components, a number or one per
    component in the material's units of stress (None: zero); it is a parameter.

    ``energy`` is per reference volume of the inner material; with an ``applied`` stress it is the Legendre transform
    W − P̄·F_free, whose derivative is the stress of the prescribed components. ``stress`` (m, m) and ``tangent``
    (m, m, m, m) are the condensed ones. The state is :class:`FreeState`.

    Raises ``ValueError`` for a component outside the material or listed twice, for a pair (i, j) and (j, i) that are
    both free (a rotation would cost nothing), for no axis left, and for a material that is not conservative and
    symmetric (its equilibrium is no stationary point).

    >>> import jax.numpy as jnp, msjax as ms
    >>> copper = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    >>> lateral = StressDriven(copper, free=((1, 1), (2, 2)))  # shears held at 0
    >>> lateral.axes, lateral.respond(jnp.array([[1.01]])).stress.shape
    ((0,), (1, 1))
    """

    material: Material
    applied: Float[Array, " n"] | None
    free: tuple[tuple[int, int], ...] = eqx.field(static=True)

    def __init__(self, material: Material, free: Sequence[tuple[int, int]], applied: Any = None):
        self.material = material
        self.free = check_free(material, free)
        self.applied = None if applied is None else _check_applied(applied, len(self.free))

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes that stay."""
        return tuple(i for i in range(self.material.dim) if (i, i) not in self.free)

    @property
    def dim(self) -> int:
        """Number of axes that stay."""
        return len(self.axes)

    @property
    def objective(self) -> bool:  # type: ignore[override]
        """W(QF) = W(F) for rotations among the axes: not with a dead load or a constraint that turns with them."""
        if self.dim == 1:
            return True
        rest = [j for j in range(self.material.dim) if j not in self.axes]
        rows = all(len({(i, j) in self.free for i in self.axes}) == 1 for j in rest)
        turning = self.applied is not None and any(i in self.axes for i, _ in self.free)
        return self.material.objective and rows and not turning

    @property
    def deterministic(self) -> bool:  # type: ignore[override]
        """As the inner material."""
        return self.material.deterministic

    def initial_state(self) -> FreeState:
        """Free components as in F = I, and the inner material's state."""
        return FreeState(jnp.array([float(i == j) for i, j in self.free]), self.material.initial_state())

    def deformation(self, strain: Float[Array, "m m"], free: Float[Array, " n"]) -> Float[Array, "d d"]:
        """F of the inner material from the prescribed block and the free components."""
        return _assemble(self.axes, self.free, self.material.dim, strain, free)

    def respond(self, strain: PyTree, state: FreeState | None = None, inputs: Any = None) -> Response:
        """(W*, P, A*) at the prescribed block of F, (m, m).

        A failed member (NaN or inverted block, free components that do not converge, failure of the inner material)
        is NaN with its status. UNSTABLE: the free components are stationary but no minimum; in ``tangent_status``,
        the condensed tangent is not positive definite on pure strains.
        """
        return _respond(self, check_strain(strain, self.dim), state, inputs)


class PlaneStress(StressDriven):
    """The traction on the planes normal to one axis vanishes: P e_n = 0; the strain is the in-plane 2×2 F.

    The third column of F is free (stretch and two shears); its third row is held, which only fixes the rotation:
    moment equilibrium makes the other stresses vanish too. Energy per reference volume, stress and tangent 2×2.

    >>> import jax.numpy as jnp, msjax as ms
    >>> from msjax import units
    >>> film = PlaneStress(ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu")))
    >>> response = film.respond(jnp.diag(jnp.array([1.01, 1.0])))
    >>> stretch = response.state.free[2]  # of the thickness
    >>> bool(stretch < 1.0), response.stress.shape
    (True, (2, 2))
    """

    def __init__(self, material: Material, normal: int = 2):
        if material.dim != 3:
            raise ValueError(f"material: plane stress needs a material of dimension 3, got {material.dim}")
        if normal not in (0, 1, 2):
            raise ValueError(f"normal: expected 0, 1 or 2, got {normal!r}")
        super().__init__(material, [(i, normal) for i in range(3)])


class UniaxialStress(StressDriven):
    """Tension along one axis with all other stresses zero; the strain is the 1×1 stretch along the axis.

    Written in order (axis, others), F is upper triangular with its other components free: that fixes the rotation,
    and moment equilibrium makes the remaining stresses vanish.

    >>> import jax.numpy as jnp, msjax as ms
    >>> bar = UniaxialStress(ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu")), axis=2)
    >>> bar.respond(jnp.array([[1.0]])).tangent.shape  # Young's modulus, eV/Å³
    (1, 1, 1, 1)
    """

    def __init__(self, material: Material, axis: int = 0):
        if axis not in range(material.dim) or material.dim < 2:
            raise ValueError(f"axis: expected an axis of a material of dimension 2 or 3, got {axis!r}")
        order = [axis, *(i for i in range(material.dim) if i != axis)]
        free = [(order[a], order[b]) for b in range(1, material.dim) for a in range(b + 1)]
        super().__init__(material, free)


def check_free(material: Material, free: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
    """The free components as a static tuple, or ``ValueError``."""
    dim = material.dim
    if not (material.conservative and material.symmetric):
        raise ValueError("material: free components need a conservative material with a symmetric tangent")
    components = tuple((int(i), int(j)) for i, j in free)
    for n, (i, j) in enumerate(components):
        if not (0 <= i < dim and 0 <= j < dim):
            raise ValueError(f"free[{n}]: component {(i, j)} of F is outside dimension {dim}")
        if components.index((i, j)) != n:
            raise ValueError(f"free[{n}]: component {(i, j)} is listed twice")
        if i != j and (j, i) in components:
            raise ValueError(
                f"free[{n}]: {(i, j)} and {(j, i)} are both free, so that a rotation costs nothing: hold one of them"
            )
    axes = [i for i in range(dim) if (i, i) not in components]
    if not components or not axes:
        raise ValueError("free: at least one component must be free and at least one diagonal component prescribed")
    for n, (i, j) in enumerate(components):
        if i in axes and j in axes:
            raise ValueError(f"free[{n}]: component {(i, j)} lies between the axes {tuple(axes)} that stay")
    return components


def _check_applied(applied: Any, count: int) -> Array:
    array = jnp.asarray(applied, float)
    if array.shape not in ((), (count,)):
        raise ValueError(f"applied: expected a number or one per free component ({count}), got shape {array.shape}")
    return jnp.broadcast_to(array, (count,))


def _assemble(axes, free, dim: int, strain: Array, x: Array) -> Array:
    """F from the prescribed block, the free components and zeros, as one gather with static positions."""
    m = len(axes)
    position = np.full((dim, dim), m * m + len(free))
    position[np.ix_(axes, axes)] = np.arange(m * m).reshape(m, m)
    for n, (i, j) in enumerate(free):
        position[i, j] = m * m + n
    return jnp.concatenate([strain.reshape(-1), x, jnp.zeros(1)])[position]


class _Arguments(NamedTuple):
    """What the free components depend on: the prescribed block, P̄, the material's arrays, state and inputs."""

    strain: Array
    applied: Array | None
    arrays: PyTree
    state: PyTree
    inputs: PyTree


@dataclasses.dataclass(frozen=True)
class _FreeComponents(Functional):
    """W − P̄·x of the inner material as a function of the free components of F."""

    structure: Any
    axes: tuple[int, ...]
    free: tuple[tuple[int, int], ...]

    def response(self, x, arguments: _Arguments) -> Response:
        material = eqx.combine(arguments.arrays, self.structure)
        deformation = _assemble(self.axes, self.free, material.dim, arguments.strain, x)
        return material.respond(deformation, arguments.state, arguments.inputs)

    def derivatives(self, x, arguments):
        """Energy, P − P̄ and A of the free components."""
        response = self.response(x, arguments)
        rows, columns = np.array(self.free).T
        hessian = response.tangent[rows[:, None], columns[:, None], rows[None, :], columns[None, :]]
        work = 0.0 if arguments.applied is None else jnp.vdot(arguments.applied, x)
        return response.energy - work, self._residual(response.stress, arguments), hessian

    def gradient(self, x, arguments):
        """P − P̄ of the free components; the tangent is not touched."""
        return self._residual(self.response(x, arguments).stress, arguments)

    def _residual(self, stress, arguments):
        rows, columns = np.array(self.free).T
        residual = stress[rows, columns]
        return residual if arguments.applied is None else residual - arguments.applied


@eqx.filter_jit
def _respond(driven: StressDriven, strain: Array, state: FreeState | None, inputs: Any) -> Response:
    block, status = safe_deformation(strain)
    initial = driven.initial_state()
    state = initial if state is None else state
    finite = jnp.all(jnp.isfinite(state.free))
    status = screen(status, ~finite, Code.NONFINITE)
    start = jnp.where(finite, state.free, initial.free)

    arrays, structure = eqx.partition(driven.material, eqx.is_array)
    functional = _FreeComponents(structure, driven.axes, driven.free)
    arguments = _Arguments(block, driven.applied, arrays, state.inner, inputs)
    x, of_free = stationary(functional, start, arguments, SETTINGS)

    inner = functional.response(x, arguments)
    status = first_failure(status, of_free, inner.status)
    work = 0.0 if driven.applied is None else jnp.vdot(driven.applied, x)
    energy = inner.energy - work
    stress = inner.stress[np.ix_(driven.axes, driven.axes)]

    m, n = driven.dim, driven.material.dim
    kept = [i * n + j for i in driven.axes for j in driven.axes]
    order = np.array(kept + [i * n + j for i, j in driven.free])
    hessian = inner.tangent.reshape(n * n, n * n)[order[:, None], order[None, :]]
    tangent = schur(hessian, m * m).reshape(m, m, m, m)
    of_tangent = tangent_status(tangent, fail_with(status, inner.tangent_status))
    definite = is_positive_definite(pure_strain_form(block, stress, tangent))
    of_tangent = flag_unstable(of_tangent, definite)

    energy, stress, x = guard((energy, stress, x), status.failed)
    trial = FreeState(x, inner.state)
    return Response(energy, stress, guard(tangent, of_tangent.failed), trial, status, of_tangent)
