"""May the continuum be trusted at F? The lattice's stability over all waves, long and short."""

from enum import IntEnum
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax import units
from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.hermitian import Hermitian, eliminate, lowest_eigenvalue
from msjax.crystal.lattice import Crystal
from msjax.crystal.phonons.acoustic import Ellipticity, softest
from msjax.crystal.phonons.dynamical_matrix import check_q, mass_weighted, strain_or_identity
from msjax.crystal.phonons.envelope import at_minimum
from msjax.crystal.phonons.frequencies import eigenvalues
from msjax.crystal.phonons.refine import best_of_blocks, refine
from msjax.crystal.phonons.waves import Waves, hermitian, lattice_vectors, phases, waves_at, waves_beside
from msjax.crystal.phonons.zone import special_point, wave_length2, zone_grid
from msjax.status import Code, Status, check, guard, screen
from msjax.typing import Array, Complex, Float, Int, Scalar, concrete

GRID = 8
STARTS = 4
UNROLLED = 9
"""Up to this many unknowns are eliminated by unrolled arithmetic."""
SHORTEST = 1e-4
"""Waves with κ² below this fraction of the zone's largest belong to the acoustic tensor."""
TOLERANCE = 1e-8
"""A modulus above minus this fraction of the crystal's stiffness counts as not negative."""


class Verdict(IntEnum):
    """What becomes of the crystal under an arbitrarily small disturbance."""

    STABLE = 0
    SOFT_PHONON = 1
    ELLIPTICITY_LOST = 2
    UNKNOWN = 3


class Stability(eqx.Module):
    """The softest wave of a crystal at F. Batched by vmap all fields are arrays; ``str()`` reads a single one.

    ``modulus``: lowest wave modulus Λ(q) over all finite wave vectors, eV/Å^d (see :func:`wave_modulus`); ``q`` (d,):
    where, in units of the reference reciprocal vectors; ``omega2``: lowest ω² there, eV/(Å² amu), and ``mode`` (N,)
    its mass-weighted eigenvector; ``ellipticity``: value, worst direction and polarisation of the long waves;
    ``verdict_code``; ``status``: the material's failure, or UNSTABLE.

    ``modulus``, ``omega2`` and ``ellipticity.value`` have first derivatives in F and the parameters; ``q``, ``mode``
    and directions have none.
    """

    modulus: Scalar
    q: Float[Array, " d"]
    omega2: Scalar
    mode: Complex[Array, " n"]
    ellipticity: Ellipticity
    verdict_code: Int[Array, ""]
    status: Status
    crystal: Crystal

    @property
    def stable(self) -> Array:
        """True where nothing is soft."""
        return self.verdict_code == int(Verdict.STABLE)

    @property
    def verdict(self) -> Verdict:
        """The verdict of one member, concrete."""
        return Verdict(int(self.verdict_code))

    @property
    def lowest_modulus(self) -> Float[Array, "..."]:
        """The smaller of the lattice's and the continuum's modulus: the stability constant, eV/Å^d."""
        return jnp.minimum(self.modulus, self.ellipticity.value)

    @property
    def frequency(self) -> Float[Array, "..."]:
        """ω/2π at ``q`` in THz, negative when imaginary."""
        return jnp.sign(self.omega2) * jnp.sqrt(jnp.abs(self.omega2)) / (2.0 * jnp.pi * units.THz)

    @property
    def point(self) -> str:
        """The name of the special point at ``q`` of one member, or its components."""
        q = np.asarray(self.q)
        name = special_point(self.crystal, q)
        numbers = "(" + ", ".join(f"{x:.4g}" for x in q + 0.0) + ")"
        return f"{name} {numbers}" if name else numbers

    def __str__(self) -> str:
        if not concrete(self.verdict_code) or np.ndim(self.verdict_code):
            return f"Stability(batch of {np.shape(self.verdict_code)})"
        if self.verdict is Verdict.UNKNOWN:
            return f"unknown: {self.status}"
        long = self.ellipticity
        soft_waves = f"long waves along {_vector(long.direction)} polarised along {_vector(long.polarisation)}"
        of_long = f"lowest acoustic modulus {float(long.value):.4g}"
        here = f"q = {self.point}, ω² = {float(self.omega2):.4g}, mode {_shape(self.mode)}"
        if self.verdict is Verdict.STABLE:
            if float(long.value) <= float(self.modulus):
                return f"stable: softest are {soft_waves}, {of_long}"
            return f"stable: softest is the phonon at {here}; {of_long}"
        if self.verdict is Verdict.SOFT_PHONON:
            return f"soft phonon at {here}; still elliptic, {of_long} along {_vector(long.direction)}"
        worse = f"; soft as well: {here}" if float(self.modulus) < float(long.value) else ""
        return f"ellipticity lost: {soft_waves}, {of_long}{worse}"

    __repr__ = __str__


def stability(material: CauchyBorn, deformation: Any = None, *, grid: int = GRID) -> Stability:
    """Is the crystal stable at F (default: the identity) against waves of every length?

    Long waves are judged by the acoustic tensor over all directions, all others by the lowest wave modulus over a
    ``grid``^d mesh of the zone, refined locally from its lowest points and from the softest long wave, so that minima
    between grid points and near Γ are not missed. The lattice can lose stability before the continuum does
    (SOFT_PHONON: the Cauchy–Born energy is still elliptic but the crystal is not there) and never after it
    (ELLIPTICITY_LOST: long waves grow, and the continuum is ill posed too); see doi:10.1007/s00205-006-0031-7 and
    doi:10.1103/PhysRevB.52.12627. Optical waves at Γ are inner shifts at a saddle and count as soft phonons.

    Batches over F with vmap; a failed material is UNKNOWN with its status and NaN, and harms no other member. Raises
    ``ValueError`` for a grid below 2, and for clamped inner shifts, about which waves are not in equilibrium.

    >>> import jax.numpy as jnp, msjax as ms
    >>> from msjax.crystal.phonons import stability
    >>> springs = ms.Springs(stiffness=[1.0, 1.0], length=[1.0, 2.0**0.5])
    >>> square = ms.CauchyBorn(ms.bulk("X", "square", a=1.0), springs)
    >>> stability(square, 0.9 * jnp.eye(2)).verdict.name, stability(square, 0.8 * jnp.eye(2)).verdict.name
    ('STABLE', 'ELLIPTICITY_LOST')
    """
    check_grid(grid)
    strain = strain_or_identity(material, deformation)
    check_relaxed(material)
    return stability_at(material, strain, grid)


def wave_modulus(material: CauchyBorn, q: Any, deformation: Any = None, *, throw: bool = True) -> Float[Array, " q"]:
    """Λ(q) = λ_min(S(q)) / (V₀ κ²(q)) in eV/Å^d for wave vectors (nq, d): the stiffness of a wave, long or short.

    S is the dynamical matrix (without masses) with all atoms but the first condensed out; κ² is the symbol of a
    discrete Laplacian. So Λ is negative exactly where some ω² is, does not depend on masses, and tends to the lowest
    eigenvalue of the acoustic tensor as q → 0: waves of all lengths compare on one scale. −inf where a condensed atom
    is itself unstable; not defined at Γ. This is the cheap scan: closed form, no eigen-solver.

    >>> import msjax as ms
    >>> from msjax.crystal.phonons import wave_modulus
    >>> material = ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu"))
    >>> bool((wave_modulus(material, [[0.5, 0.5, 0.5], [0.5, 0.0, 0.5]]) > 0).all())
    True
    """
    result, status = _wave_modulus(material, check_q(q, material.dim), strain_or_identity(material, deformation))
    check(status, "wave_modulus", throw)
    return result


@eqx.filter_jit
def _wave_modulus(material: CauchyBorn, q: Array, deformation: Array):
    waves, status = waves_at(material, deformation)
    value = _moduli(material, waves, q)
    return guard(value, status.failed), status


def _moduli(material: CauchyBorn, waves: Waves, q: Float[Array, "q d"]) -> Float[Array, " q"]:
    lowest, positive = _condensed_lowest(hermitian(waves, phases(lattice_vectors(material), q)), material)
    value = lowest / (material.crystal.volume * wave_length2(material.neighbours, q))
    return jnp.where(positive | jnp.isnan(lowest), value, -jnp.inf)


def _condensed_lowest(matrix: Hermitian, material: CauchyBorn):
    """Lowest eigenvalue of the first atom's condensed stiffness, and whether the condensed atoms are stable."""
    others = matrix.n - material.dim
    if others <= UNROLLED:
        rest, positive = eliminate(matrix, others)
        return lowest_eigenvalue(rest), positive
    dense, dim = matrix.dense(), material.dim
    rest = dense[:, dim:, dim:]
    coupling = dense[:, dim:, :dim]
    schur = dense[:, :dim, :dim] - jnp.einsum("qai,qaj->qij", coupling.conj(), jnp.linalg.solve(rest, coupling))
    positive = jnp.linalg.eigvalsh(rest)[:, 0] > 0
    return jnp.linalg.eigvalsh(schur)[:, 0], positive


@eqx.filter_jit
def stability_at(material: CauchyBorn, deformation: Array, grid: int) -> Stability:
    """The verdict at F, traced."""
    response = material.respond(deformation)
    status, waves = response.status, waves_beside(material, deformation, response)
    long = softest(response.tangent, response.tangent_status)
    frozen, still = jax.lax.stop_gradient((waves, material))
    q = _softest_wave(still, frozen, jax.lax.stop_gradient(long), grid)

    # a saddle of the inner shifts is a soft optical wave at Γ
    saddle = response.status.unstable
    q = jnp.where(saddle, jnp.zeros_like(q), q)
    omega2 = at_minimum(lowest_omega2, (material, waves), q)
    modulus = at_minimum(_modulus_at, (material, waves), q)
    modulus = jnp.where(saddle, -jnp.inf, modulus)
    mode = _gauge(jnp.linalg.eigh(_weighted_at(still, frozen, q).dense()[0])[1][:, 0])

    stiffness = jnp.sqrt(jnp.mean(response.tangent**2))
    lost = long.value < -TOLERANCE * stiffness
    soft = saddle | (modulus < -TOLERANCE * stiffness)
    failed = status.failed | long.status.failed
    verdict = jnp.where(lost & ~saddle, int(Verdict.ELLIPTICITY_LOST), int(Verdict.STABLE))
    verdict = jnp.where(soft & ~(lost & ~saddle), int(Verdict.SOFT_PHONON), verdict)
    verdict = jnp.where(failed, int(Verdict.UNKNOWN), verdict)
    status = Status(jnp.where(status.ok, long.status.code, status.code), status.iterations, status.residual)
    status = screen(status, soft | lost, Code.UNSTABLE)
    modulus, q, omega2, mode = guard((modulus, q, omega2, mode), failed)
    return Stability(modulus, q, omega2, mode, long, verdict, status, material.crystal)


def _softest_wave(material: CauchyBorn, waves: Waves, long: Ellipticity, grid: int) -> Float[Array, " d"]:
    """The finite wave vector of lowest modulus, in (−1/2, 1/2]."""
    dim = material.dim
    points = zone_grid(dim, grid)
    shortest = SHORTEST * float(np.max(np.asarray(_static_length2(material, points))))

    def value(q):
        return jnp.where(wave_length2(material.neighbours, q) < shortest, jnp.inf, _moduli(material, waves, q))

    far = np.max(np.abs(points), axis=1) > 0.3
    blocks = np.sum((points > 1e-9) * 2 ** np.arange(dim), axis=1) * 2 + far
    lowest_of_blocks = best_of_blocks(value(jnp.asarray(points)), blocks, STARTS)
    direction = jnp.where(jnp.isfinite(long.direction), long.direction, 1.0)
    wave = material.crystal.cell @ direction
    wave = wave / jnp.max(jnp.abs(wave)) * (0.5 / grid)
    starts = jnp.concatenate([jnp.asarray(points)[lowest_of_blocks], wave[None, :]])
    found, lowest = jax.vmap(lambda start: refine(value, start, 0.5 / grid))(starts)
    q = found[jnp.argmin(jnp.where(jnp.isnan(lowest), jnp.inf, lowest))]
    return q - jnp.ceil(q - 0.5 - 1e-9)


def _static_length2(material: CauchyBorn, points: np.ndarray) -> np.ndarray:
    with jax.ensure_compile_time_eval():
        return np.asarray(wave_length2(material.neighbours, jnp.asarray(points)))


def _weighted_at(material: CauchyBorn, waves: Waves, q: Float[Array, " d"]) -> Hermitian:
    return mass_weighted(hermitian(waves, phases(lattice_vectors(material), q[None, :])), material)


def lowest_omega2(parameters: tuple[CauchyBorn, Waves], q: Float[Array, " d"]) -> Scalar:
    """ω² of the lowest mode at q."""
    return eigenvalues(_weighted_at(*parameters, q))[0, 0]


def _modulus_at(parameters: tuple[CauchyBorn, Waves], q: Float[Array, " d"]) -> Scalar:
    return _moduli(*parameters, q[None, :])[0]


def _gauge(mode: Complex[Array, " n"]) -> Complex[Array, " n"]:
    """The phase that makes the largest component real and positive."""
    size = jnp.abs(mode)
    largest = mode[jnp.argmax(size)]
    return mode * (largest.conj() / jnp.abs(largest).astype(mode.dtype))


def _vector(v) -> str:
    return "[" + " ".join(f"{x:.3f}" for x in np.asarray(v) + 0.0) + "]"


def _shape(mode) -> str:
    """Real parts when that is all, at three digits."""
    values = np.asarray(mode)
    if np.max(np.abs(values.imag)) < 5e-4:
        return _vector(values.real)
    return "[" + " ".join(f"{x.real:.3f}{x.imag:+.3f}i" for x in values) + "]"


def check_grid(grid: int) -> None:
    """``ValueError`` for a grid of fewer than two points."""
    if not isinstance(grid, int) or grid < 2:
        raise ValueError(f"grid: expected an integer of at least 2 points along each reciprocal vector, got {grid!r}")


def check_relaxed(material: CauchyBorn) -> None:
    if material.inner == "clamped" and material.crystal.atoms_per_cell > 1:
        raise ValueError("material: clamped inner shifts are not in equilibrium; stability needs inner='relaxed'")
