"""Local isotropic damage: kept to show the disease, for without an intrinsic length it localises into nothing."""

from typing import Any, Literal, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.material.small_strain import (
    SmallStrain,
    Update,
    check_dim,
    deviator,
    isotropic_tangent,
    moduli,
    number,
    spherical,
    square,
    trace,
)
from msjax.material.softening import Softening
from msjax.status import Status
from msjax.typing import Array, Float, Scalar

Equivalent = Literal["energy", "von Mises"]


class DamageState(NamedTuple):
    """Largest equivalent strain κ so far; 0 for the virgin material."""

    largest: Scalar


class Damage(SmallStrain):
    """σ = (1 − d(κ)) C:ε with κ the largest equivalent strain so far (doi:10.1016/0045-7949(94)00501-S).

    ``equivalent`` "energy": ε̃ = √(ε:C:ε/E), alike in tension and compression. A step is then the minimum of an
    incremental potential over d ≥ dₙ: W is the stored energy (1 − d) ½ ε:C:ε and what the step dissipates, P its
    derivative and A symmetric. "von Mises": de Vree's modified strain, with I₁ = tr ε, J₂ = ½ dev ε:dev ε,

        ε̃ = (k − 1)/(2k(1 − 2ν)) I₁ + 1/(2k) √(((k − 1)/(1 − 2ν))² I₁² + 12k/(1 + ν)² J₂),

    in which ``ratio`` k ≥ 1 is the compressive over the tensile strength; it is neither conservative nor symmetric,
    and W is the stored energy alone. Under uniaxial stress ε̃ is the axial strain in both. ``softening`` gives d;
    ``residual`` in [0, 1) is a part of the stiffness that is never lost. The local model softens without a length:
    results of a body depend on its mesh, and ``tangent_status`` says UNSTABLE where the tangent is not positive
    definite. Plane strain where ``dim`` is 2. The state is :class:`DamageState`.

    Raises ``ValueError`` outside the ranges.

    >>> import jax.numpy as jnp, msjax as ms
    >>> concrete = ms.Damage(30e3, 0.2, ms.ExponentialSoftening(1e-4, 1e-3))
    >>> bar = ms.UniaxialStress(concrete)
    >>> round(float(bar.respond(jnp.array([[1.0 + 1e-4]])).stress[0, 0]), 6)  # the strength, MPa
    3.0
    """

    young: Float[Array, ""]
    poisson: Float[Array, ""]
    softening: Softening
    ratio: Float[Array, ""]
    residual: Float[Array, ""]
    equivalent: Equivalent = eqx.field(static=True)
    size: int = eqx.field(static=True)

    def __init__(
        self,
        young: Any,
        poisson: Any,
        softening: Any,
        equivalent: Any = "energy",
        ratio: Any = 10.0,
        residual: Any = 0.0,
        dim: int = 3,
    ):
        self.young = number(young, "young", above=0.0)
        self.poisson = number(poisson, "poisson", above=-1.0, below=0.5)
        if not isinstance(softening, Softening):
            raise ValueError(f"softening: expected a Softening, got {type(softening).__name__}")
        if equivalent not in ("energy", "von Mises"):
            raise ValueError(f"equivalent: expected 'energy' or 'von Mises', got {equivalent!r}")
        self.softening, self.equivalent, self.size = softening, equivalent, check_dim(dim)
        self.ratio, self.residual = (
            number(ratio, "ratio", least=1.0),
            number(residual, "residual", least=0.0, below=1.0),
        )

    @property
    def conservative(self) -> bool:  # type: ignore[override]
        """Within a step, with the energy's equivalent strain."""
        return self.equivalent == "energy"

    @property
    def symmetric(self) -> bool:  # type: ignore[override]
        """With the energy's equivalent strain."""
        return self.equivalent == "energy"

    def initial_state(self) -> DamageState:
        """Sound."""
        return DamageState(jnp.zeros(()))

    def damage(self, state: DamageState) -> Scalar:
        """d of a state, from 0 (sound) to 1 − residual."""
        return (1.0 - self.residual) * (1.0 - self.softening.integrity(self._reached(state.largest)))

    def _reached(self, largest):
        return jnp.maximum(largest, self.softening.threshold)

    def equivalent_strain(self, strain: Float[Array, " v"]) -> tuple[Scalar, Float[Array, " v"]]:
        """ε̃ of a strain in components, and its derivative, a stress-like column."""
        bulk, shear = moduli(self.young, self.poisson)
        volume, deviatoric, one = trace(strain), deviator(strain), spherical(self.components)
        if self.equivalent == "energy":
            squared = (bulk * volume**2 + 2.0 * shear * square(deviatoric)) / self.young
            positive = squared > 0
            found = jnp.sqrt(jnp.where(positive, squared, 1.0))
            slope = (bulk * volume * one + 2.0 * shear * deviatoric) / (self.young * found)
            return jnp.where(positive, found, 0.0), slope
        k, nu = self.ratio, self.poisson
        linear = (k - 1.0) / (1.0 - 2.0 * nu)
        share = 6.0 * k / (1.0 + nu) ** 2
        squared = (linear * volume) ** 2 + share * square(deviatoric)
        positive = squared > 0
        root = jnp.sqrt(jnp.where(positive, squared, 1.0))
        slope = (linear**2 * volume * one + share * deviatoric) / root
        found = linear * volume + jnp.where(positive, root, 0.0)
        return found / (2.0 * k), (linear * one + slope) / (2.0 * k)

    def update(self, strain: Float[Array, " v"], state: DamageState, inputs: Any) -> Update:
        """The history variable, and what it does to the elastic solid."""
        bulk, shear = moduli(self.young, self.poisson)
        before = self._reached(state.largest)
        equivalent, slope = self.equivalent_strain(strain)
        loads = equivalent > before
        reached = jnp.where(loads, equivalent, before)
        kept = 1.0 - self.residual
        integrity = self.residual + kept * self.softening.integrity(reached)

        sound = bulk * trace(strain) * np.asarray(spherical(self.components)) + 2.0 * shear * deviator(strain)
        stored = 0.5 * jnp.vdot(sound, strain)
        energy = integrity * stored
        if self.conservative:
            lost = self.softening.dissipated(reached) - self.softening.dissipated(before)
            energy = energy + kept * self.young * lost
        fall = jnp.where(loads, kept * self.softening.slope(reached), 0.0)
        tangent = integrity * isotropic_tangent(bulk, shear, self.components)
        tangent = tangent + fall * sound[:, None] * slope[None, :]
        trial = DamageState(jnp.maximum(state.largest, equivalent))
        return Update(energy, integrity * sound, tangent, trial, Status.of())
