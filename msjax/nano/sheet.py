"""What a film is made of, on the line of equibiaxial strain: its bulk in plane stress, and its faces.

A film of cubic material between fourfold faces is strained equally in both directions, so that equilibrium and
membrane tangent need its parts on the line e₁ = e₂ = e only: W, ∂W/∂e₁, ∂²W/∂e₁² and ∂²W/∂e₁∂e₂ in engineering strains
from a₀, per reference volume for the bulk (the thickness direction free of stress), per reference area for a face.
"""

import abc
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.spline import CubicTable
from msjax.material.response import Material
from msjax.status import Code, Status, screen
from msjax.typing import Scalar


class SheetResponse(NamedTuple):
    """``energy`` W, ``stress`` ∂W/∂e₁, ``stiffness11``, ``stiffness12``: eV/Å³ in the bulk, eV/Å² on a face."""

    energy: Scalar
    stress: Scalar
    stiffness11: Scalar
    stiffness12: Scalar
    status: Status


class Sheet(eqx.Module):
    """A two-dimensional medium on the equibiaxial line."""

    @abc.abstractmethod
    def at(self, e: Scalar) -> SheetResponse:
        """Response at e₁ = e₂ = e; a failed member's numbers are NaN or beyond use: its status tells."""


class MaterialSheet(Sheet):
    """Any material of dimension 2, evaluated exactly: a bulk in plane stress, or a crystal's surface.

    Differentiable in the material's parameters.

    >>> import jax.numpy as jnp, msjax as ms
    >>> from msjax import units
    >>> from msjax.material.stress_driven import PlaneStress
    >>> copper = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    >>> sheet = MaterialSheet(PlaneStress(copper))
    >>> bool(sheet.at(jnp.asarray(-0.01)).stress < 0.0)
    True
    """

    material: Material

    def __init__(self, material: Material):
        if material.dim != 2:
            raise ValueError(
                f"material: expected a material in plane stress (dim 2), got {type(material).__name__} with dim "
                f"{material.dim}; relax the thickness direction first, e.g. by PlaneStress(material)"
            )
        self.material = material

    def at(self, e: Scalar) -> SheetResponse:
        """One call of the material."""
        response = self.material.respond((1.0 + e) * jnp.eye(2))
        tangent = response.tangent
        return SheetResponse(
            response.energy, response.stress[0, 0], tangent[0, 0, 0, 0], tangent[0, 0, 1, 1], response.status
        )


class LinearSheet(Sheet):
    """A bulk of constant modulus, linear in engineering strains: W = ½ W11 (e₁² + e₂²) + W12 e₁e₂.

    What a law assumes that leaves the bulk's nonlinearity out.

    >>> import jax.numpy as jnp
    >>> round(float(LinearSheet(81.4, 34.1).at(jnp.asarray(0.01)).stress), 3)
    1.155
    """

    W11: Scalar
    W12: Scalar

    def __init__(self, W11: Scalar | float, W12: Scalar | float):
        self.W11, self.W12 = jnp.asarray(W11, float), jnp.asarray(W12, float)

    def at(self, e: Scalar) -> SheetResponse:
        """Closed form."""
        stiffness = self.W11 + self.W12
        return SheetResponse(stiffness * e**2, stiffness * e, self.W11 + 0.0 * e, self.W12 + 0.0 * e, Status.of())


RANGE = (-0.06, 0.03)
"""Strains that a table covers, where the material follows."""
STEP = 1e-4


class TabulatedSheet(Sheet):
    """Another sheet, computed once on a fine grid of strains: C2 cubic splines of W, P, W11 and W12.

    For fits in which the bulk does not change: the material is compiled and evaluated once instead of inside every
    step. Where the other sheet fails (new neighbours, an instability of the thickness) the table ends, and beyond its
    ends the status is OUTSIDE_TABLE.

    >>> import jax.numpy as jnp
    >>> table = TabulatedSheet.of(LinearSheet(81.4, 34.1))
    >>> round(float(table.at(jnp.asarray(-0.0123)).stress), 6)
    -1.42065
    """

    energy: CubicTable
    stress: CubicTable
    stiffness11: CubicTable
    stiffness12: CubicTable

    @classmethod
    def of(cls, sheet: Sheet, strains: tuple[float, float] = RANGE, step: float = STEP) -> "TabulatedSheet":
        """Tabulate a sheet. Raises ``ValueError`` where it fails at e = 0 or the strains do not hold 0."""
        low, high = strains
        if not (low < 0.0 < high and 0.0 < step < min(-low, high)):
            raise ValueError(f"strains: expected a range around 0 of several steps of {step:g}, got {strains}")
        below, above = round(-low / step), round(high / step)
        grid = step * np.arange(-below, above + 1)
        found = _on_grid(sheet, jnp.asarray(grid))
        columns = np.stack([np.asarray(x) for x in found[:4]])
        good = np.asarray(found.status.ok) & np.all(np.isfinite(columns), axis=0)
        if not good[below]:
            raise ValueError(f"sheet: it fails at e = 0: {jax.tree.map(lambda x: x[below], found.status)}")
        left, right = below, below
        while left > 0 and good[left - 1]:
            left -= 1
        while right < good.size - 1 and good[right + 1]:
            right += 1
        if right - left < 4:
            raise ValueError(f"sheet: it can be followed from e = {grid[left]:g} to {grid[right]:g} only")
        keep = slice(left, right + 1)
        tables = [
            CubicTable.fit(float(grid[left]), step, column[keep], below="linear", above="linear") for column in columns
        ]
        return cls(*tables)

    @property
    def ends(self) -> tuple[float, float]:
        """First and last strain of the table."""
        return self.stress.start, self.stress.end

    def at(self, e: Scalar) -> SheetResponse:
        """Four splines."""
        status = screen(Status.of(), ~self.stress.inside(e), Code.OUTSIDE_TABLE)
        return SheetResponse(self.energy(e), self.stress(e), self.stiffness11(e), self.stiffness12(e), status)


@eqx.filter_jit
def _on_grid(sheet: Sheet, strains):
    def one(e):
        response = sheet.at(e)
        status = jax.tree.map(lambda x: x + jnp.zeros_like(x), response.status)
        return response._replace(status=status)

    return jax.lax.map(one, strains, batch_size=64)
