"""Elasticity to third order in the Green–Lagrange strain: the bulk law when only elastic constants are known."""

from itertools import permutations
from typing import Any

import jax.numpy as jnp
import numpy as np

from msjax.material.hyperelastic import Hyperelastic
from msjax.tensors import VOIGT
from msjax.typing import Array, Float, Scalar, concrete


class ThirdOrderElastic(Hyperelastic):
    """W = W₀ + ½ C_IJ E_I E_J + ⅙ C_IJK E_I E_J E_K in Voigt components of E = ½(FᵀF − 1), shears doubled.

    C_IJ and C_IJK are Brugger's isentropic or isothermal constants (doi:10.1103/PhysRev.133.A1611): derivatives of W
    per reference volume at a stress-free F = I. ``stiffness`` (6, 6) and ``third`` (6, 6, 6) are the parameters, in
    any unit of stress, and ``energy`` W₀ in the same. Objective at any F; meant for strains of a few per cent:
    unlike a lattice's, this W grows without bound or falls below W₀ at large strain (``tangent_status`` says
    UNSTABLE where it is lost).

    Raises ``ValueError`` for tables of the wrong shape, not finite, or not symmetric in their indices.

    >>> import jax.numpy as jnp
    >>> steel = ThirdOrderElastic.isotropic(lam=110.0, mu=80.0)
    >>> float(steel.respond(jnp.eye(3)).tangent[0, 1, 0, 1])
    80.0
    """

    stiffness: Float[Array, "6 6"]
    third: Float[Array, "6 6 6"]
    energy: Float[Array, ""]

    def __init__(self, stiffness: Any, third: Any, energy: Any = 0.0):
        self.stiffness = _table(stiffness, "stiffness", 2)
        self.third = _table(third, "third", 3)
        self.energy = jnp.asarray(energy, float)

    @classmethod
    def cubic(
        cls,
        C11: Any,
        C12: Any,
        C44: Any,
        C111: Any = 0.0,
        C112: Any = 0.0,
        C123: Any = 0.0,
        C144: Any = 0.0,
        C155: Any = 0.0,
        C456: Any = 0.0,
        energy: Any = 0.0,
    ) -> "ThirdOrderElastic":
        """Cubic crystal (classes 432, -43m, m-3m), axes along the cube's edges; the numbers may be traced.

        >>> aluminium = ThirdOrderElastic.cubic(127.1, 81.4, 36.4, -1263.0, -403.0, -64.0, -147.0, -421.0, -109.0)
        >>> aluminium.third.shape
        (6, 6, 6)
        """
        second = {"11": C11, "12": C12, "44": C44}
        third = {"111": C111, "112": C112, "123": C123, "144": C144, "155": C155, "456": C456}
        return cls(_cubic(second, 2), _cubic(third, 3), energy)

    @classmethod
    def isotropic(cls, lam: Any, mu: Any, energy: Any = 0.0) -> "ThirdOrderElastic":
        """Saint-Venant–Kirchhoff solid: Lamé's constants and no third order."""
        return cls.cubic(lam + 2.0 * mu, lam, mu, energy=energy)

    @property
    def dim(self) -> int:
        """3."""
        return 3

    def stored_energy(self, deformation: Float[Array, "3 3"]) -> Scalar:
        """W(F) by Green–Lagrange strain."""
        twice = deformation.T @ deformation - jnp.eye(3)
        strain = jnp.stack([twice[i, j] if i != j else 0.5 * twice[i, j] for i, j in VOIGT[3]])
        moduli = self.stiffness + (self.third @ strain) / 3.0
        return self.energy + 0.5 * jnp.vdot(strain, moduli @ strain)


_CUBIC = {
    2: {"11": ("11", "22", "33"), "12": ("12", "13", "23"), "44": ("44", "55", "66")},
    3: {
        "111": ("111", "222", "333"),
        "112": ("112", "113", "122", "133", "223", "233"),
        "123": ("123",),
        "144": ("144", "255", "366"),
        "155": ("155", "166", "244", "266", "344", "355"),
        "456": ("456",),
    },
}
"""Equal components of a cubic crystal (four-fold axes), by order; all index permutations besides."""


def _cubic(constants: dict[str, Any], order: int) -> Array:
    """A symmetric (6,)*order table from the independent cubic constants."""
    basis = np.zeros((len(constants), *(6,) * order))
    for n, name in enumerate(constants):
        for component in _CUBIC[order][name]:
            for index in permutations(int(c) - 1 for c in component):
                basis[(n, *index)] = 1.0
    values = jnp.stack([jnp.asarray(v, float).reshape(()) for v in constants.values()])
    return jnp.tensordot(values, jnp.asarray(basis), axes=1)


def _table(values: Any, name: str, order: int) -> Array:
    table = jnp.asarray(values, float)
    if table.shape != (6,) * order:
        raise ValueError(f"{name}: expected a table of shape {(6,) * order}, got {table.shape}")
    if concrete(table):
        numbers = np.asarray(table)
        if not np.all(np.isfinite(numbers)):
            bad = tuple(int(i) + 1 for i in np.argwhere(~np.isfinite(numbers))[0])
            raise ValueError(f"{name}: component {bad} is not finite")
        scale = np.max(np.abs(numbers))
        for axes in permutations(range(order)):
            gap = np.abs(numbers - numbers.transpose(axes))
            if np.max(gap) > 1e-10 * scale:
                bad = tuple(int(i) + 1 for i in np.argwhere(gap > 1e-10 * scale)[0])
                raise ValueError(f"{name}: must not change when indices are exchanged, but component {bad} does")
    return table
