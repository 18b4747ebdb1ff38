"""Tabulated functions of one variable: C2 cubic splines on uniform knots, for use inside kernels.

A table is one gather of four coefficients and a Horner scheme. What lies beyond the ends are two further rows of the
same array, so no branch depends on a traced value and extrapolation costs nothing.
"""

from collections.abc import Sequence
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from scipy.interpolate import CubicSpline

from msjax.typing import Array, Bool, Float, Int

Beyond = Literal["zero", "constant", "linear"]
"""What a table does beyond an end: vanish, keep its last value, or go on with its last slope."""


class CubicTable(eqx.Module):
    """A piecewise cubic f(x) on the knots start, start + step, …, twice continuously differentiable.

    Build it with :meth:`fit`. The array leaf ``coefficients`` (knots + 1, 4) holds, for each piece, the powers
    of the distance from the piece's left knot, constant term first; the first row is what lies below ``start`` (its
    left knot is start − step), the last what lies from ``end`` on. ``start``, ``step``, ``end`` and the two choices
    ``below`` and ``above`` are static. Units are the caller's.

    Tables on the same knots may be stacked (:meth:`stacked`), with one more axis of ``coefficients`` in front;
    :meth:`of` then says which of them holds for each x.

    All methods work elementwise on arrays of any shape, and natural derivatives (``jax.grad``, nested ``jax.jvp``,
    derivatives in the coefficients) are those of the polynomials: the third is constant on each piece, from the
    right at a knot. NaN or an infinity in gives NaN.

    >>> import jax, jax.numpy as jnp, numpy as np
    >>> table = CubicTable.fit(0.0, 0.1, np.sin(0.1 * np.arange(32)), below="linear", above="zero")
    >>> value, slope, curvature = table.derivatives(jnp.array(1.0))
    >>> [round(float(v), 4) for v in (value, slope, curvature)]
    [0.8415, 0.5403, -0.8422]
    >>> round(float(jax.grad(table)(1.0)), 4), float(table(jnp.array(4.0)))
    (0.5403, 0.0)
    """

    coefficients: Float[Array, "*stack pieces powers"]
    start: float = eqx.field(static=True)
    step: float = eqx.field(static=True)
    end: float = eqx.field(static=True)
    below: Beyond = eqx.field(static=True)
    above: Beyond = eqx.field(static=True)
    which: Int[Array, "*s"] | None = None

    @classmethod
    def fit(
        cls,
        start: float,
        step: float,
        values: Float[np.ndarray, " knots"],
        *,
        below: Beyond,
        above: Beyond,
        end: float | None = None,
    ) -> "CubicTable":
        """The C2 cubic spline through ``values`` at start + step·(0, 1, …), not-a-knot at both ends, on the host.

        ``below`` and ``above`` say what the function is beyond the ends. ``end`` (with ``above="zero"`` only) cuts the
        table before its last knot: f is zero for x ≥ end. Raises ``ValueError`` for fewer than four values, a value
        that is not finite (named by its index), a step not positive and an end outside the knots.
        """
        values = np.asarray(values, dtype=float)
        if values.ndim != 1 or len(values) < 4:
            raise ValueError(f"values: expected at least four in one dimension, got shape {values.shape}")
        if not np.all(np.isfinite(values)):
            raise ValueError(f"values[{int(np.flatnonzero(~np.isfinite(values))[0])}] is not finite")
        if not (np.isfinite(start) and np.isfinite(step) and step > 0):
            raise ValueError(f"start = {start}, step = {step}: must be finite, the step positive")
        last = start + step * (len(values) - 1)
        if end is not None and (above != "zero" or not start < end <= last):
            raise ValueError(f'end = {end}: must lie within the knots ({start}, {last}], with above="zero"')
        knots = start + step * np.arange(len(values))
        spline = CubicSpline(knots, values, bc_type="not-a-knot")
        pieces = spline.c[::-1].T
        first = _beyond(below, float(values[0]), float(spline(start, 1)), -step)
        final = _beyond(above, float(values[-1]), float(spline(knots[-1], 1)), 0.0)
        coefficients = np.concatenate([first, pieces, final])
        return cls(jnp.asarray(coefficients), float(start), float(step), float(last if end is None else end),
                   below, above)  # fmt: skip

    @classmethod
    def stacked(cls, tables: Sequence["CubicTable"]) -> "CubicTable":
        """Several tables on the same knots as one; ``ValueError`` where the knots or what lies beyond them differ."""
        first = tables[0]
        layout = (first.start, first.step, first.end, first.below, first.above, first.coefficients.shape)
        for k, t in enumerate(tables):
            if (t.start, t.step, t.end, t.below, t.above, t.coefficients.shape) != layout:
                raise ValueError(f"tables[{k}]: knots, ends and what lies beyond must be those of tables[0]")
        return eqx.tree_at(lambda t: t.coefficients, first, jnp.stack([t.coefficients for t in tables]))

    def of(self, which: Int[np.ndarray, "*s"] | Int[Array, "*s"] | int) -> "CubicTable":
        """The stack with the table that holds for each x, by its place; one number for all of them."""
        number = jnp.asarray(which, jnp.int32)
        return eqx.tree_at(lambda t: t.which, self, number, is_leaf=lambda x: x is None)

    def __call__(self, x: Float[Array, "*s"] | float) -> Float[Array, "*s"]:
        """f(x), elementwise."""
        c, t = self._piece(jnp.asarray(x))
        return c[..., 0] + t * (c[..., 1] + t * (c[..., 2] + t * c[..., 3]))

    def derivatives(
        self, x: Float[Array, "*s"] | float
    ) -> tuple[Float[Array, "*s"], Float[Array, "*s"], Float[Array, "*s"]]:
        """(f, f′, f″) at x, elementwise, from one look-up."""
        c, t = self._piece(jnp.asarray(x))
        c0, c1, c2, c3 = c[..., 0], c[..., 1], c[..., 2], c[..., 3]
        return (
            c0 + t * (c1 + t * (c2 + t * c3)),
            c1 + t * (2.0 * c2 + t * (3.0 * c3)),
            2.0 * c2 + t * (6.0 * c3),
        )

    def inside(self, x: Float[Array, "*s"] | float) -> Bool[Array, "*s"]:
        """Whether f(x) is what the table says: between the ends, or beyond an end where f is zero by definition."""
        x = jnp.asarray(x)
        above = x <= self.end if self.above != "zero" else x < jnp.inf
        below = x >= self.start if self.below != "zero" else x > -jnp.inf
        return below & above

    def _piece(self, x: Float[Array, "*s"]) -> tuple[Float[Array, "*s powers"], Float[Array, "*s"]]:
        i = self._index(jax.lax.stop_gradient(x))
        t = (x - self.start) - (i.astype(x.dtype) - 1.0) * self.step
        # a row of four is one cache line; "clip" costs no more than promising that the index is in bounds (measured)
        if self.coefficients.ndim == 2:
            return self.coefficients.at[i].get(mode="clip"), t
        if self.which is None:
            raise ValueError("which: a stack of tables does not know which of them is meant; say it by `of`")
        return self.coefficients.at[jnp.broadcast_to(self.which, i.shape), i].get(mode="clip"), t

    def _index(self, x: Float[Array, "*s"]) -> Int[Array, "*s"]:
        final = self.coefficients.shape[-2] - 1
        # shifted by one so that truncation is the floor, and clipped as a float because integers overflow
        i = jnp.clip((x - self.start) * (1.0 / self.step) + 1.0, 0.0, float(final)).astype(jnp.int32)
        return jnp.where(x < self.end, jnp.minimum(i, final - 1), final)


def _beyond(choice: Beyond, value: float, slope: float, origin: float) -> Float[np.ndarray, "1 4"]:
    """The row of powers of t for what lies beyond an end, with t = 0 at ``origin`` from that end."""
    if choice == "zero":
        return np.array([[0.0, 0.0, 0.0, 0.0]])
    if choice == "constant":
        return np.array([[value, 0.0, 0.0, 0.0]])
    if choice == "linear":
        return np.array([[value + slope * origin, slope, 0.0, 0.0]])
    raise ValueError(f"unknown choice {choice!r} beyond an end; allowed are zero, constant, linear")
