"""Small-strain elasticity with thermal expansion."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.material.inputs import temperature
from msjax.material.small_strain import (
    SmallStrain,
    Update,
    check_dim,
    deviator,
    isotropic_tangent,
    moduli,
    number,
    spherical,
    trace,
)
from msjax.status import Status
from msjax.typing import Array, Float


class ThermoElastic(SmallStrain):
    """W = ½ (ε − α(T − T₀)1):C:(ε − α(T − T₀)1), isotropic (Boley and Weiner, Theory of Thermal Stresses, ch. 1).

    The strain energy at the temperature T of ``inputs``, :class:`~msjax.Inputs`; T₀ where none is given. ``young`` > 0
    in the caller's units of stress, −1 < ``poisson`` < ½, ``expansion`` α per unit of temperature (linear), and
    ``reference`` T₀. Plane strain where ``dim`` is 2: the third direction wants to expand and may not.

    Raises ``ValueError`` outside these ranges.

    >>> import jax.numpy as jnp, msjax as ms
    >>> steel = ms.ThermoElastic(210e3, 0.3, 1.2e-5, reference=293.0)
    >>> held = steel.respond(jnp.eye(3), None, ms.Inputs(temperature=393.0))
    >>> round(float(held.stress[0, 0]), 6)  # −E α ΔT/(1 − 2ν)
    -630.0
    """

    young: Float[Array, ""]
    poisson: Float[Array, ""]
    expansion: Float[Array, ""]
    reference: Float[Array, ""]
    size: int = eqx.field(static=True)

    def __init__(self, young: Any, poisson: Any, expansion: Any, reference: Any = 0.0, dim: int = 3):
        self.young = number(young, "young", above=0.0)
        self.poisson = number(poisson, "poisson", above=-1.0, below=0.5)
        self.expansion, self.reference = number(expansion, "expansion"), number(reference, "reference")
        self.size = check_dim(dim)

    def update(self, strain: Float[Array, " v"], state: None, inputs: Any) -> Update:
        """Hooke's law for what thermal expansion does not explain."""
        bulk, shear = moduli(self.young, self.poisson)
        warmer = temperature(inputs, self.reference) - self.reference
        one = np.asarray(spherical(self.components))
        elastic = strain - self.expansion * warmer * one
        stress = bulk * trace(elastic) * one + 2.0 * shear * deviator(elastic)
        tangent = isotropic_tangent(bulk, shear, self.components)
        return Update(0.5 * jnp.vdot(stress, elastic), stress, tangent, None, Status.of())
