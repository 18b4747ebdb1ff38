"""Laws of square ⟨100⟩ wires with {100} sides in tension: to first order in 1/D with edges, and the textbook line."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax import units
from msjax.calibration import Normal, Observations, Parameter
from msjax.material.response import Material
from msjax.material.stress_driven import UniaxialStress
from msjax.studies.textbook_lines import NEAR, WINDOWS, Line, straight_lines
from msjax.typing import Array, Float, Scalar

EDGES = {"edge_stress": Normal(0.0, 2.0), "edge_stiffness": Normal(0.0, 100.0)}
"""Terms of 1/D² of all four edges together, nN. An edge is a surface a few tenths of a nm wide: 4 × 0.3 nm × 1.5 N/m is
2 nN of tension. In the stiffness the second order of the bulk's nonlinearity comes to some 10 nN."""


class UniaxialBulk(eqx.Module):
    """A bulk under uniaxial stress: E, ν and their slopes dE/de, d²λ/de² of the lateral stretch λ, at e = 0."""

    E: Scalar
    nu: Scalar
    slope: Scalar
    lateral: Scalar


def uniaxial_bulk(material: Material) -> UniaxialBulk:
    """The numbers of a bulk with cubic axes at its own lattice constant, along ⟨100⟩, in the material's units.

    Slopes are those seen from compression, where wires are: tables of potentials may have kinks at equilibrium.

    >>> import msjax as ms
    >>> from msjax import units
    >>> bulk = uniaxial_bulk(ms.ThirdOrderElastic.cubic(*(x * units.GPa for x in (170, 123, 76, *6 * [0]))))
    >>> round(float(bulk.E) / units.GPa, 3), round(float(bulk.nu), 4)  # E = (C11 − C12)(C11 + 2 C12)/(C11 + C12)
    (66.73, 0.4198)
    """
    bar = UniaxialStress(material, axis=0)
    e = np.linspace(-NEAR, 0.0, 17)
    found = jax.vmap(bar.respond)(jnp.asarray(1.0 + e)[:, None, None])
    lateral = np.asarray(found.state.free[:, bar.free.index((1, 1))])
    stiffness = np.polyfit(e, np.asarray(found.tangent[:, 0, 0, 0, 0]), 3)
    stretch = np.polyfit(e, lateral, 4)
    return UniaxialBulk(*(jnp.asarray(x) for x in (stiffness[-1], -stretch[-2], stiffness[-2], 2.0 * stretch[-3])))


class WireFirstOrder(eqx.Module):
    """ε* = −(4 G′ + T/D)/(E D) and E_app = E + (4 G″ − 4 G′ (dE/de)/E − 4 G′)/D + K/D², as a model for calibration.

    G(e) = Γ(e, λ(e) − 1) is the energy of one side along the path of uniaxial stress, so that with the face's τ₀, Γ₁₁
    and Γ₁₂, the film's, G′ = τ₀ (1 − ν) and G″ = (1 + ν²) Γ₁₁ − 2ν Γ₁₂ + τ₀ λ″. T and K (``edge_stress`` and
    ``edge_stiffness`` of all edges) take what is of second order.
    """

    bulk: UniaxialBulk

    def __call__(self, values: dict[str, Array], controls: dict[str, Array]) -> dict[str, Float[Array, " n"]]:
        """Predictions at the sides of the one control; internal units."""
        (side,) = controls.values()
        bulk = self.bulk
        first = values["tau0"] * (1.0 - bulk.nu)
        second = (1.0 + bulk.nu**2) * values["G11"] - 2.0 * bulk.nu * values["G12"] + values["tau0"] * bulk.lateral
        strain = -(4.0 * first + values["edge_stress"] / side) / (bulk.E * side)
        slope = 4.0 * second - 4.0 * first * bulk.slope / bulk.E - 4.0 * first
        modulus = bulk.E + slope / side + values["edge_stiffness"] / side**2
        return {"eps_star": strain, "E_app": modulus, "EA": modulus * side**2}


def edge_parameters() -> tuple[Parameter, ...]:
    """T and K with their priors, to go beside the constants of the face."""
    return tuple(Parameter(name, "nN", prior=prior) for name, prior in EDGES.items())


@dataclass(frozen=True)
class UniaxialFace:
    """What wires alone know of a face: G″ from Γ₁₁, Γ₁₂ and τ₀, of a fit's parameters."""

    bulk: UniaxialBulk

    def __call__(self, values: dict[str, Array]) -> Scalar:
        """G″, internal units."""
        nu = self.bulk.nu
        return (1.0 + nu**2) * values["G11"] - 2.0 * nu * values["G12"] + values["tau0"] * self.bulk.lateral


def wire_lines(wires: Observations, windows: tuple[float, ...] = WINDOWS) -> tuple[Line, ...]:
    """The textbook's lines E_app = E + 4S/D of all windows that hold at least three wires (Miller and Shenoy).

    doi:10.1088/0957-4484/11/3/301. Empty where no stiffness was measured.
    """
    side = np.asarray(next(iter(wires.controls.values())))
    known = {name: np.asarray(column) for name, column in wires.values.items()}
    if "E_app" not in known and "EA" not in known:
        return ()
    modulus = (known["E_app"] if "E_app" in known else known["EA"] / side**2) / units.GPa
    return straight_lines("E_app", side / units.nm, modulus, windows, faces=4.0)
