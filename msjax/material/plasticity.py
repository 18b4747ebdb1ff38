"""J2 plasticity at small strain as an incremental potential: one step is a minimum over the plastic strain."""

from typing import Any, NamedTuple

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.material.hardening import Hardening, LinearHardening
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
    weights,
)
from msjax.status import Status
from msjax.typing import Array, Float, Scalar


class PlasticState(NamedTuple):
    """Plastic strain (v,), components of :mod:`~msjax.material.small_strain` with doubled shears, and the accumulated
    plastic strain α = ∫ √(2/3) |dεᵖ|."""

    plastic_strain: Float[Array, " v"]
    accumulated: Scalar


class J2Plasticity(SmallStrain):
    """Von Mises plasticity with isotropic and linear kinematic hardening, backward Euler (doi:10.1007/b98904, ch. 3).

    A step from the committed (εᵖₙ, αₙ) makes the incremental potential a minimum over εᵖ with
    α = αₙ + √(2/3) |εᵖ − εᵖₙ|,

        W(ε) = min ½ (ε − εᵖ):C:(ε − εᵖ) + (H′/3) εᵖ:εᵖ + ∫₀^α (R − R(0)) + R(0) (α − αₙ):

    the stored energy after the step and what the step dissipates. Its derivative is the stress, so that within a step
    the material is conservative. The yield condition is √(3/2) |dev σ − β| ≤ R(α) with the back stress
    β = (2/3) H′ εᵖ. The consistent tangent is exact, and one kind only at the yield surface itself, where W has two.

    ``young`` > 0, −1 < ``poisson`` < ½; ``hardening`` is R, or a number for a constant yield stress; ``kinematic`` is
    H′ ≥ 0: under uniaxial stress and linear hardening H the stress rises by E(H + H′)/(E + H + H′). Plane strain where
    ``dim`` is 2 (for plane stress wrap it in :class:`~msjax.PlaneStress`). The state is :class:`PlasticState`.

    Raises ``ValueError`` for numbers outside these ranges. MAX_STEPS where the return map does not converge.

    >>> import jax.numpy as jnp, msjax as ms
    >>> steel = ms.J2Plasticity(210e3, 0.3, ms.LinearHardening(250.0, 1e3))  # MPa
    >>> sheared = steel.respond(jnp.eye(3).at[0, 1].set(0.01))
    >>> round(float(sheared.stress[0, 1]), 3), round(float(sheared.state.accumulated), 6)
    (147.064, 0.004722)
    """

    young: Float[Array, ""]
    poisson: Float[Array, ""]
    hardening: Hardening
    kinematic: Float[Array, ""]
    size: int = eqx.field(static=True)

    def __init__(self, young: Any, poisson: Any, hardening: Any, kinematic: Any = 0.0, dim: int = 3):
        self.young = number(young, "young", above=0.0)
        self.poisson = number(poisson, "poisson", above=-1.0, below=0.5)
        self.hardening = hardening if isinstance(hardening, Hardening) else LinearHardening(hardening)
        self.kinematic = number(kinematic, "kinematic", least=0.0)
        self.size = check_dim(dim)

    def initial_state(self) -> PlasticState:
        """No plastic strain."""
        return PlasticState(jnp.zeros(self.components), jnp.zeros(()))

    def update(self, strain: Float[Array, " v"], state: PlasticState, inputs: Any) -> Update:
        """Elastic predictor and radial return."""
        bulk, shear = moduli(self.young, self.poisson)
        law, before = self.hardening, state.accumulated
        width, n = weights(self.components), self.components
        elastic = 2.0 * shear * deviator(strain - state.plastic_strain)
        overall = elastic - (2.0 / 3.0) * self.kinematic * (state.plastic_strain / width)
        squared = 1.5 * square(overall)
        yields = squared > law.strength(before) ** 2
        trial = jnp.sqrt(jnp.where(yields, squared, law.strength(before) ** 2))  # von Mises
        modulus = 3.0 * shear + self.kinematic
        increment, status = law.increment(trial, modulus, before)
        increment = jnp.where(yields, increment, 0.0)
        status = Status(jnp.where(yields, status.code, 0), status.iterations, status.residual)

        flow = 1.5 * overall / trial  # dεᵖ/dα
        deviatoric = elastic - 2.0 * shear * increment * flow
        volume = trace(strain)
        stress = deviatoric + bulk * volume * spherical(n)
        plastic = state.plastic_strain + increment * width * flow
        after = before + increment
        stored = 0.5 * bulk * volume**2 + square(deviatoric) / (4.0 * shear)
        hardened = law.work(after) - law.strength(jnp.zeros_like(before)) * before
        energy = stored + self.kinematic / 3.0 * square(plastic / width) + hardened

        loss = jnp.where(yields, 3.0 * shear * increment / trial, 0.0)
        along = jnp.where(yields, increment / trial - 1.0 / (modulus + law.slope(after)), 0.0)
        tangent = isotropic_tangent(bulk, shear * (1.0 - loss), n)
        tangent = tangent + 4.0 * shear**2 * along * flow[:, None] * flow[None, :]
        return Update(energy, stress, tangent, PlasticState(plastic, after), status)


def von_mises(stress: Float[Array, "3 3"]) -> Scalar:
    """√(3/2) |dev σ| of a stress tensor.

    >>> import jax.numpy as jnp
    >>> float(von_mises(jnp.diag(jnp.array([3.0, 0.0, 0.0]))))
    3.0
    """
    deviatoric = stress - jnp.trace(stress) / 3.0 * np.eye(3)
    return jnp.sqrt(1.5 * jnp.sum(deviatoric * deviatoric))
