"""Growing tissue: F = F_e F_g, an elastic deformation of what has grown without stress."""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.material.growth_law import GrowthLaw
from msjax.material.inputs import Inputs, time_step
from msjax.material.response import (
    Material,
    Response,
    check_strain,
    flag_unstable,
    pure_strain_form,
    safe_deformation,
)
from msjax.material.small_strain import all_finite, number
from msjax.solvers.condensation import tangent_status
from msjax.solvers.scalar import scalar_root
from msjax.status import Code, Status, fail_with, first_failure, guard, screen, substitute
from msjax.tensors import is_positive_definite
from msjax.typing import Array, Float, PyTree, Scalar, concrete


class GrowthState(NamedTuple):
    """Growth stretch ϑ (1 in the virgin tissue), and the inner material's state."""

    stretch: Scalar
    inner: PyTree


class Growth(Material):
    """W(F) = J_g W_e(F F_g⁻¹) per volume before growth (Rodriguez, Hoger and McCulloch 1994,
    doi:10.1016/0021-9290(94)90021-3).

    F_g = ϑ 1 (in all directions of the material: in its plane where ``dim`` is 2), or 1 + (ϑ − 1) f⊗f along a fibre
    ``direction`` f (of any length). ``material`` gives W_e; P = J_g P_e F_g⁻ᵀ. The growth stretch ϑ is either given, as
    ``stretch`` (a parameter, so also a field under vmap) or, where they hold one, by ``inputs``
    (:class:`~msjax.Inputs`); or it follows from a ``law``, in an implicit time step

        ϑ = ϑₙ + Δt k(ϑ) ⟨φ(F, ϑ)⟩

    with ϑₙ in the state, :class:`GrowthState`, and Δt in the inputs. A given ϑ is conservative and symmetric as the
    inner material is; a law is neither.

    Raises ``ValueError`` for a growth stretch that is not positive, both a stretch and a law, a direction of another
    dimension, and a law without a time step. A traced stretch that is not positive is INVERTED; a law that finds no ϑ
    has the status of its solve.

    >>> import jax.numpy as jnp, msjax as ms
    >>> tissue = ms.Growth(ms.NeoHooke(1.0, 2.0), stretch=1.1)
    >>> bool(jnp.max(jnp.abs(tissue.respond(1.1 * jnp.eye(3)).stress)) < 1e-14)  # has grown freely
    True
    """

    material: Material
    stretch: Float[Array, ""] | None
    law: GrowthLaw | None
    direction: Float[Array, " d"] | None

    def __init__(self, material: Material, stretch: Any = None, law: GrowthLaw | None = None, direction: Any = None):
        if law is not None and stretch is not None:
            raise ValueError("stretch, law: give one of them; the law starts from ϑ = 1")
        self.material, self.law = material, law
        self.stretch = None if law is not None else number(1.0 if stretch is None else stretch, "stretch", above=0.0)
        self.direction = None if direction is None else jnp.asarray(direction, float)
        if self.direction is not None:
            if self.direction.shape != (material.dim,):
                raise ValueError(f"direction: expected shape ({material.dim},), got {self.direction.shape}")
            if concrete(self.direction) and not 0 < np.linalg.norm(self.direction) < np.inf:
                raise ValueError("direction: must be finite and not zero")
        if law is not None and law.driver == "stretch" and direction is None:
            raise ValueError("direction: a law driven by stretch needs the fibres' direction")

    @property
    def dim(self) -> int:
        """That of the inner material."""
        return self.material.dim

    @property
    def conservative(self) -> bool:  # type: ignore[override]
        """As the inner material, if growth is given."""
        return self.law is None and self.material.conservative

    @property
    def symmetric(self) -> bool:  # type: ignore[override]
        """As the inner material, if growth is given."""
        return self.law is None and self.material.symmetric

    @property
    def objective(self) -> bool:  # type: ignore[override]
        """As the inner material."""
        return self.material.objective

    @property
    def deterministic(self) -> bool:  # type: ignore[override]
        """As the inner material."""
        return self.material.deterministic

    def initial_state(self) -> GrowthState | None:
        """Nothing has grown; with a given stretch, the inner material's state alone counts."""
        return GrowthState(jnp.ones(()), self.material.initial_state()) if self.law is not None else self._inner()

    def _inner(self):
        inner = self.material.initial_state()
        return None if inner is None else GrowthState(jnp.ones(()), inner)

    def growth_tensor(self, stretch: Float[Array, ""]) -> tuple[Float[Array, "d d"], Scalar]:
        """F_g⁻¹ and J_g."""
        one = jnp.eye(self.dim)
        if self.direction is None:
            return one / stretch, stretch**self.dim
        along = self.direction[:, None] * self.direction[None, :] / jnp.sum(self.direction**2)
        return one + (1.0 / stretch - 1.0) * along, stretch

    def respond(self, strain: PyTree, state: GrowthState | None = None, inputs: PyTree = None) -> Response:
        """(W, P, A) at F (d, d), per volume before growth, and the trial state."""
        if isinstance(inputs, Inputs):
            inputs = Inputs(*(None if x is None else jnp.asarray(x, float) for x in inputs))
        if self.law is not None:
            time_step(inputs, "growth by a law")
        return _respond(self, check_strain(strain, self.dim), state, inputs)


class _Arguments(NamedTuple):
    """What ϑ depends on."""

    strain: Array
    before: Scalar
    step: Scalar
    arrays: PyTree
    inner: PyTree
    inputs: PyTree


@dataclasses.dataclass(frozen=True)
class _Residual:
    """ϑₙ + Δt k ⟨φ⟩ − ϑ, of the structure of a :class:`Growth`."""

    structure: Any

    def __call__(self, stretch, arguments: _Arguments):
        growth = eqx.combine(arguments.arrays, self.structure)
        rate = _rate(growth, stretch, arguments.strain, arguments.inner, arguments.inputs)
        return arguments.before + arguments.step * rate - stretch


def _rate(growth: Growth, stretch, strain, inner, inputs):
    unloading, _ = growth.growth_tensor(stretch)
    elastic = strain @ unloading
    law = growth.law
    assert law is not None
    if law.driver == "stretch":
        assert growth.direction is not None
        length = jnp.sqrt(jnp.sum((elastic @ growth.direction) ** 2) / jnp.sum(growth.direction**2))
        return law.rate(stretch, length)
    stress = growth.material.respond(elastic, inner, inputs).stress
    return law.rate(stretch, jnp.sum(elastic * stress))  # tr FₑᵀPₑ, the trace of Mandel's stress


@eqx.filter_jit
def _respond(growth: Growth, strain: Array, state: GrowthState | None, inputs: Any) -> Response:
    deformation, status = safe_deformation(strain)
    state = growth.initial_state() if state is None else state
    inner_state = None if state is None else state.inner
    arrays, structure = eqx.partition(growth, eqx.is_array)
    before = jnp.ones(()) if state is None else state.stretch
    if growth.law is None:
        given = inputs.growth if isinstance(inputs, Inputs) and inputs.growth is not None else growth.stretch
        assert given is not None
        usable = given > 0
        status = screen(status, ~jnp.isfinite(given), Code.NONFINITE)
        status = screen(status, ~usable, Code.INVERTED)
        before, step = substitute(given, ~usable, 1.0), jnp.zeros(())
    else:
        step = inputs.time_step
        known = jnp.isfinite(before) & jnp.isfinite(step) & (before > 0) & (step >= 0)
        status = screen(status, ~known, Code.NONFINITE)
        before, step = substitute(before, ~known, 1.0), substitute(step, ~known, 0.0)

    def stretch_of(f):
        if growth.law is None:
            return before, Status.of()
        arguments = _Arguments(f, before, step, arrays, inner_state, inputs)
        high = jnp.maximum(before, growth.law.limit)
        return scalar_root(_Residual(structure), before, high, arguments)

    def stresses(f):
        stretch, of_stretch = stretch_of(f)
        unloading, volume = growth.growth_tensor(stretch)
        inner = growth.material.respond(f @ unloading, inner_state, inputs)
        stress = volume * inner.stress @ unloading.T
        return stress, (volume * inner.energy, stress, stretch, inner, unloading, volume, of_stretch)

    if growth.law is None:  # the inner tangent is at hand
        _, (energy, stress, stretch, inner, unloading, volume, of_stretch) = stresses(deformation)
        tangent = volume * jnp.einsum("iMkN,JM,LN->iJkL", inner.tangent, unloading, unloading)
        of_inner = inner.tangent_status
    else:
        tangent, rest = jax.jacfwd(stresses, has_aux=True)(deformation)
        energy, stress, stretch, inner, unloading, volume, of_stretch = rest
        of_inner = inner.status
    status = first_failure(status, of_stretch)
    status = fail_with(status, inner.status)
    status = screen(status, ~(jnp.isfinite(energy) & all_finite(stress)), Code.NONFINITE)
    of_tangent = tangent_status(tangent, fail_with(status, of_inner))
    definite = is_positive_definite(pure_strain_form(deformation, stress, tangent))
    of_tangent = flag_unstable(of_tangent, definite)
    energy, stress, stretch = guard((energy, stress, stretch), status.failed)
    trial = None if state is None else GrowthState(stretch, inner.state)
    return Response(energy, stress, guard(tangent, of_tangent.failed), trial, status, of_tangent)
