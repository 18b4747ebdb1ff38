"""Small Hermitian matrices in many copies, entry by entry: elimination and lowest eigenvalues by plain arithmetic.

A batch of n×n matrices is kept as its upper triangle, one array of any shape per entry, so that every step is
elementwise and fuses; a batched eigen-solver is 5 to 11 times slower on the CPU.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.tensors import sum_of
from msjax.typing import Array, Bool, Complex, Float


def upper(n: int, offset: int = 0) -> tuple[tuple[int, int], ...]:
    """Positions (i, j) of the upper triangle, row by row; ``offset=1`` leaves out the diagonal."""
    return tuple((i, j) for i in range(n) for j in range(i + offset, n))


class Hermitian(NamedTuple):
    """Real parts of the upper triangle with diagonal, and imaginary parts without (empty for real matrices)."""

    real: tuple[Float[Array, "..."], ...]
    imaginary: tuple[Float[Array, "..."], ...]

    @property
    def n(self) -> int:
        """Rows of each matrix."""
        return round((np.sqrt(8 * len(self.real) + 1) - 1) / 2)

    def entries(self) -> tuple[dict, dict]:
        """Real and imaginary parts by position (i, j), i ≤ j."""
        n = self.n
        real = dict(zip(upper(n), self.real, strict=True))
        return real, dict(zip(upper(n, 1), self.imaginary, strict=False))

    def dense(self) -> Complex[Array, "... n n"]:
        """The matrices as one complex array."""
        n = self.n
        real, imaginary = self.entries()
        zero = jnp.zeros_like(self.real[0])
        rows = []
        for i in range(n):
            row = []
            for j in range(n):
                at, sign = ((i, j), 1.0) if i <= j else ((j, i), -1.0)
                row.append(jax.lax.complex(real[at], sign * imaginary.get(at, zero)))
            rows.append(jnp.stack(row, axis=-1))
        return jnp.stack(rows, axis=-2)


def eliminate(matrix: Hermitian, count: int) -> tuple[Hermitian, Bool[Array, "..."]]:
    """Schur complement after eliminating the *last* ``count`` unknowns, and whether all their pivots were positive.

    By Sylvester's law the pivots of LDLᴴ carry the signs of the eigenvalues of the eliminated block.
    """
    n = matrix.n
    real, imaginary = matrix.entries()
    complete = len(matrix.imaginary) > 0
    positive = jnp.ones_like(matrix.real[0], bool)
    for k in range(n - 1, n - 1 - count, -1):
        pivot = real[k, k]
        positive = positive & (pivot > 0)
        scale = 1.0 / pivot
        for i in range(k):
            x = real[i, k] * scale
            y = imaginary[i, k] * scale if complete else None
            for j in range(i, k):
                # a_ij −= a_ik conj(a_jk) / pivot
                if y is None:
                    real[i, j] = real[i, j] - x * real[j, k]
                    continue
                real[i, j] = real[i, j] - (x * real[j, k] + y * imaginary[j, k])
                if i < j:
                    imaginary[i, j] = imaginary[i, j] - (y * real[j, k] - x * imaginary[j, k])
    left = n - count
    rest = Hermitian(
        tuple(real[at] for at in upper(left)),
        tuple(imaginary[at] for at in upper(left, 1)) if complete else (),
    )
    return rest, positive


def lowest_eigenvalue(matrix: Hermitian) -> Float[Array, "..."]:
    """Lowest eigenvalue of 1×1, 2×2 or 3×3 matrices in closed form (doi:10.1145/355578.366316).

    Accurate to round-off of the norm, and to its square root times the spread where the lowest two coincide.

    >>> import jax.numpy as jnp
    >>> two = Hermitian((jnp.array(2.0), jnp.array(0.0), jnp.array(2.0)), (jnp.array(1.0),))
    >>> float(lowest_eigenvalue(two))
    1.0
    """
    n = matrix.n
    real, imaginary = matrix.entries()
    if n == 1:
        return real[0, 0]
    square = {at: real[at] ** 2 + (imaginary[at] ** 2 if imaginary else 0.0) for at in upper(n, 1)}
    if n == 2:
        half = 0.5 * (real[0, 0] - real[1, 1])
        return 0.5 * (real[0, 0] + real[1, 1]) - jnp.sqrt(half**2 + square[0, 1])
    if n != 3:
        raise ValueError(f"matrix: closed form for n ≤ 3, got {n}")
    mean = (real[0, 0] + real[1, 1] + real[2, 2]) * (1.0 / 3.0)
    d = [real[i, i] - mean for i in range(3)]
    off = square[0, 1] + square[0, 2] + square[1, 2]
    p2 = (d[0] ** 2 + d[1] ** 2 + d[2] ** 2 + 2.0 * off) * (1.0 / 6.0)
    cross = _triple(real, imaginary)
    half_det = 0.5 * (
        d[0] * d[1] * d[2] + 2.0 * cross - sum_of([d[0] * square[1, 2], d[1] * square[0, 2], d[2] * square[0, 1]])
    )
    p = jnp.sqrt(p2)
    ratio = half_det / jnp.where(p2 > 0, p2 * p, 1.0)
    angle = jnp.arccos(jnp.clip(ratio, -1.0, 1.0)) * (1.0 / 3.0)
    return mean + 2.0 * p * jnp.cos(angle + 2.0 * np.pi / 3.0)


def _triple(real, imaginary):
    """Re(a₀₁ a₁₂ conj a₀₂)."""
    a, b, c = real[0, 1], real[1, 2], real[0, 2]
    if not imaginary:
        return a * b * c
    x, y, z = imaginary[0, 1], imaginary[1, 2], imaginary[0, 2]
    return (a * b - x * y) * c + (a * y + x * b) * z
