"""Straight dislocations and cracks in an anisotropic elastic medium: the Stroh formalism in its integral form.

Fields do not vary along z. With m = (cos ω, sin ω, 0), n = (−sin ω, cos ω, 0) and (ab)_ik = a_j C_ijkl b_l the matrix

    N(ω) = [ −(nn)⁻¹(nm)                (nn)⁻¹      ]
           [ (mn)(nn)⁻¹(nm) − (mm)   −(mn)(nn)⁻¹   ]

turns displacement and stress function (u, φ), σ_i1 = −∂φ_i/∂y, σ_i2 = ∂φ_i/∂x, around the line: all N(ω) have the
same eigenvectors, and the eigenvalues of N(0) are Stroh's p_α (doi:10.1080/14786435808565804). Its mean over ω is made
of the tensors S, H, L of Barnett and Lothe. Fields written with N(ω) instead of eigenvectors hold for isotropic media
too, where the eigenvectors are not complete (T. C. T. Ting, Anisotropic Elasticity, 1996, chapter 7; Hirth & Lothe,
Theory of Dislocations, 1982, chapter 13).
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.numbers import Rows, real
from msjax.status import guard
from msjax.tensors import is_positive_definite, to_voigt_stiffness, voigt_index
from msjax.typing import Array, Float, Scalar, concrete

SAMPLES = 128
"""Angles in half a turn; N is smooth and π-periodic, so that its Fourier series converges exponentially."""


class Stroh(eqx.Module):
    """A medium as fields around a line along z see it; build it with :func:`stroh`.

    Array leaves: ``stiffness`` (6, 6) in the frame of the line; ``mean`` (6, 6), the mean [S, H; −L, Sᵀ] of N(ω);
    ``cosine``, ``sine`` (h, 6, 6), its coefficients at 2ω, 4ω, …, all for a medium whose stiffness is divided by
    ``scale``.
    """

    stiffness: Float[Array, "6 6"]
    mean: Float[Array, "6 6"]
    cosine: Float[Array, "h 6 6"]
    sine: Float[Array, "h 6 6"]
    scale: Scalar

    @property
    def prelogarithmic(self) -> Float[Array, "3 3"]:
        """L of Barnett and Lothe: diag(μ/(1−ν), μ/(1−ν), μ) in an isotropic medium; in units of the stiffness."""
        return -self.scale * self.mean[3:, :3]

    def turned(self, angle: Float[Array, " n"]) -> Float[Array, "n 6 6"]:
        """∫ N dω from 0 to each angle."""
        k = 2.0 * jnp.arange(1.0, len(self.cosine) + 1.0)[None, :]
        phase = k * angle[:, None]
        waves = jnp.tensordot(jnp.sin(phase) / k, self.cosine, 1) + jnp.tensordot(
            (1.0 - jnp.cos(phase)) / k, self.sine, 1
        )
        return angle[:, None, None] * self.mean[None] + waves


def stroh(stiffness: Any, frame: Rows | None = None) -> Stroh:
    """The medium of a Voigt ``stiffness`` (6, 6), seen by lines along the last row of ``frame``.

    ``frame`` (3, 3): orthonormal rows x, y, z, right-handed, in the axes of the stiffness; by default these axes. For
    dislocations x lies in the glide plane and y is its normal; for cracks x points ahead and y is the plane's normal.
    Differentiable in the stiffness. Raises ``ValueError`` for other shapes, a frame that is no rotation, and a
    stiffness that is not symmetric and positive definite; where that is only known in traced code the fields are NaN.

    >>> medium = stroh(jnp.diag(jnp.array([2.0, 2.0, 2.0, 1.0, 1.0, 1.0])))
    >>> jnp.diag(medium.prelogarithmic).round(6).tolist()  # μ/(1−ν), μ/(1−ν), μ with μ = 1, ν = 0
    [1.0, 1.0, 1.0]
    """
    table = real(stiffness, "stiffness")
    if table.shape != (6, 6):
        raise ValueError(f"stiffness: expected shape (6, 6), got {table.shape}")
    if concrete(table):
        numbers = np.asarray(table)
        if not np.all(np.isfinite(numbers)):
            raise ValueError("stiffness: must be finite")
        if np.max(np.abs(numbers - numbers.T)) > 1e-8 * np.max(np.abs(numbers)):
            raise ValueError("stiffness: must be symmetric")
        if np.linalg.eigvalsh(numbers)[0] <= 0.0:
            raise ValueError(
                f"stiffness: must be positive definite, eigenvalues {np.linalg.eigvalsh(numbers).tolist()}"
            )
    rows = jnp.eye(3) if frame is None else real(frame, "frame")
    if rows.shape != (3, 3):
        raise ValueError(f"frame: expected shape (3, 3), got {rows.shape}")
    if concrete(rows):
        q = np.asarray(rows)
        if not (np.allclose(q @ q.T, np.eye(3), atol=1e-8) and np.linalg.det(q) > 0.0):
            raise ValueError(f"frame: expected orthonormal rows, right-handed, got {q.tolist()}")
    return _stroh(table, rows)


@eqx.filter_jit
def _stroh(table: Float[Array, "6 6"], rows: Float[Array, "3 3"]) -> Stroh:
    index = voigt_index(3)
    c = jnp.einsum("ia,jb,abcd,kc,ld->ijkl", rows, rows, table[index][:, :, index], rows, rows)
    scale = jnp.trace(table) / 6.0
    omega = np.pi * np.arange(SAMPLES) / SAMPLES
    m = jnp.asarray(np.stack([np.cos(omega), np.sin(omega)], axis=1))
    n = jnp.asarray(np.stack([-np.sin(omega), np.cos(omega)], axis=1))
    flat = c[:, :2, :, :2] / scale
    mm, mn, nn = (jnp.einsum("wj,ijkl,wl->wik", a, flat, b) for a, b in ((m, m), (m, n), (n, n)))
    inverse = jnp.linalg.inv(nn)
    nm = jnp.swapaxes(mn, 1, 2)
    blocks = [[-inverse @ nm, inverse], [mn @ inverse @ nm - mm, -mn @ inverse]]
    turning = jnp.concatenate([jnp.concatenate(row, axis=2) for row in blocks], axis=1)
    k = 2.0 * np.arange(1, SAMPLES // 2)
    wave = jnp.asarray(np.outer(k, omega))
    cosine = jnp.tensordot(jnp.cos(wave), turning, 1) * (2.0 / SAMPLES)
    sine = jnp.tensordot(jnp.sin(wave), turning, 1) * (2.0 / SAMPLES)
    whole = Stroh(to_voigt_stiffness(c), jnp.mean(turning, axis=0), cosine, sine, scale)
    return guard(whole, ~is_positive_definite(table))


def dislocation_field(
    medium: Stroh, burgers: Float[Array, "3"], points: Float[Array, "n 2"], cut: float | Scalar = np.pi
) -> Float[Array, "n 6"]:
    """Displacement u and stress function φ, (u, φ) at ``points`` (x, y) about a dislocation along z at the origin.

        2π (u, φ) = ln r · (−S b, L b) + ∫₀^θ N dω · (−S b, L b)

    u grows by ``burgers`` on a counter-clockwise turn, which the branch cut at the angle ``cut`` undoes: θ runs from
    cut − 2π to cut. Infinite at the origin. ``burgers`` in the frame of the medium.

    >>> medium = stroh(jnp.diag(jnp.array([2.0, 2.0, 2.0, 1.0, 1.0, 1.0])))
    >>> screw = dislocation_field(medium, jnp.array([0.0, 0.0, 1.0]), jnp.array([[1.0, 1.0]]))
    >>> float(screw[0, 2])  # b θ/2π
    0.125
    """
    start = jnp.concatenate([medium.mean[:3, :3] @ -burgers, -medium.mean[3:, :3] @ burgers]) / (2.0 * np.pi)
    x, y = points[:, 0], points[:, 1]
    angle = jnp.arctan2(y, x)
    angle = cut - jnp.mod(cut - angle, 2.0 * np.pi)
    along = jnp.log(x * x + y * y) / 2.0
    k = 2.0 * jnp.arange(1.0, len(medium.cosine) + 1.0)
    cosine, sine = (medium.cosine @ start) / k[:, None], (medium.sine @ start) / k[:, None]
    # Σ_k (a_k sin 2kθ − b_k cos 2kθ) = Im Σ_k (a_k − i b_k) e^{2ikθ}, by Horner's rule
    spin = jax.lax.complex(jnp.cos(2.0 * angle), jnp.sin(2.0 * angle))[:, None]

    def step(total, coefficient):
        return spin * (total + coefficient[None, :]), None

    total, _ = jax.lax.scan(step, jnp.zeros((len(points), 6), complex), jax.lax.complex(cosine, -sine), reverse=True)
    waves = jnp.imag(total) + jnp.sum(sine, axis=0)[None, :]
    found = along[:, None] * start[None, :] + angle[:, None] * (medium.mean @ start)[None, :] + waves
    return found * _units(medium)


def energy_factor(medium: Stroh, burgers: Float[Array, "3"]) -> Scalar:
    """K = b·L·b/4π: a dislocation has the elastic energy K ln(R/r₀) per length between radii r₀ and R.

    In units of stiffness times area, eV/Å; μb²/4π for a screw in an isotropic medium, over 1 − ν for an edge.

    >>> medium = stroh(jnp.diag(jnp.array([2.0, 2.0, 2.0, 1.0, 1.0, 1.0])))
    >>> round(float(energy_factor(medium, jnp.array([0.0, 0.0, 2.0]))) * np.pi, 12)
    1.0
    """
    return burgers @ medium.prelogarithmic @ burgers / (4.0 * np.pi)


def crack_field(medium: Stroh, intensity: Float[Array, "3"], points: Float[Array, "n 2"]) -> Float[Array, "n 6"]:
    """Displacement u and stress function φ, (u, φ) at ``points`` (x, y) about a crack's tip at the origin.

        (u, φ) = √r exp(½ ∫₀^θ N dω) (L⁻¹Sᵀ g, g),     g = √(2/π) (K_II, K_I, K_III)

    The crack lies along y = 0, x < 0, its faces free; ahead of it σ_i2 = g_i/(2√r). The singular field of G. C. Sih,
    P. C. Paris & G. R. Irwin (doi:10.1007/BF00189854), in plane strain. ``intensity`` K_I, K_II, K_III, in units of the
    stiffness times √length.

    >>> medium = stroh(jnp.diag(jnp.array([2.0, 2.0, 2.0, 1.0, 1.0, 1.0])))
    >>> faces = crack_field(medium, jnp.array([1.0, 0.0, 0.0]), jnp.array([[-2.0, 1e-12], [-2.0, -1e-12]]))
    >>> opening = faces[0, 1] - faces[1, 1]  # (2/E′) · 4 K √(r/2π) with E′ = 2μ/(1 − ν) = 2
    >>> round(float(opening * np.sqrt(np.pi)) / 4.0, 6)
    1.0
    """
    one, two, three = intensity
    ahead = np.sqrt(2.0 / np.pi) * jnp.stack([two, one, three]) / medium.scale
    start = jnp.concatenate([jnp.linalg.solve(-medium.mean[3:, :3], medium.mean[:3, :3].T @ ahead), ahead])
    x, y = points[:, 0], points[:, 1]
    around = jax.vmap(jax.scipy.linalg.expm)(0.5 * medium.turned(jnp.arctan2(y, x)))
    return (x * x + y * y)[:, None] ** 0.25 * (around @ start) * _units(medium)


def energy_release_rate(medium: Stroh, intensity: Float[Array, "3"]) -> Scalar:
    """G = ½ k·L⁻¹·k with k = (K_II, K_I, K_III): energy per area of crack, eV/Å²; K_I²(1 − ν)/2μ if isotropic.

    >>> medium = stroh(jnp.diag(jnp.array([2.0, 2.0, 2.0, 1.0, 1.0, 1.0])))
    >>> float(energy_release_rate(medium, jnp.array([2.0, 0.0, 0.0])))
    2.0
    """
    one, two, three = intensity
    k = jnp.stack([two, one, three])
    return 0.5 * k @ jnp.linalg.solve(medium.prelogarithmic, k)


def griffith_intensity(medium: Stroh, surface_energy: float | Scalar) -> Scalar:
    """K_G = √(2γE′), E′ = 2/(L⁻¹)₂₂: the K_I at which the energy release rate pays for two faces of γ, eV/Å².

    In eV/Å³·√Å; ``K / (units.MPa * units.m**0.5)`` leaves in MPa√m. E′ is E/(1 − ν²) if isotropic.

    >>> medium = stroh(jnp.diag(jnp.array([2.0, 2.0, 2.0, 1.0, 1.0, 1.0])))
    >>> float(griffith_intensity(medium, 1.0))
    2.0
    """
    compliance = jnp.linalg.solve(medium.prelogarithmic, jnp.array([0.0, 1.0, 0.0]))[1]
    return jnp.sqrt(4.0 * surface_energy / compliance)


def _units(medium: Stroh) -> Float[Array, "1 6"]:
    """u is a length as it stands, φ was found for the stiffness over its scale."""
    return jnp.concatenate([jnp.ones(3), medium.scale * jnp.ones(3)])[None, :]
