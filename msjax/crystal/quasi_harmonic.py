"""The quasi-harmonic crystal: a material whose energy is the free energy at a temperature."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.expansion import energy
from msjax.crystal.multilattice import Arguments, bond_vectors, expand_joint
from msjax.crystal.phonons.dynamical_matrix import mass_weighted
from msjax.crystal.phonons.mesh import check_points, zone_mesh
from msjax.crystal.phonons.oscillator import Oscillator
from msjax.crystal.phonons.spectral import Spectrum, spectrum, trace
from msjax.crystal.phonons.waves import Waves, coefficients, hermitian, lattice_vectors, phases
from msjax.crystal.smooth_tables import has_cubic_tables
from msjax.material.inputs import temperature as given_temperature
from msjax.material.response import (
    Material,
    Response,
    check_strain,
    flag_unstable,
    pure_strain_form,
    safe_deformation,
)
from msjax.solvers.condensation import tangent_status
from msjax.solvers.linear import solve_dense
from msjax.status import Code, Status, first_failure, guard, screen, substitute
from msjax.tensors import is_positive_definite
from msjax.typing import Array, Bool, Float, PyTree, Scalar, concrete


class QuasiHarmonic(Material):
    """Helmholtz free energy of a crystal's lattice per reference volume, with its exact stress and isothermal tangent,

        W(F, T) = W_CB(F) + (1/V₀) ⟨Σ_ν f(ω_ν(q; F), T)⟩_q,    f = ½ħω + kT ln(1 − e^{−ħω/kT})

    (Born and Huang 1954, ch. II and VI; quasi-harmonic: the frequencies are those of the deformed crystal).
    ``quantum=False`` takes the classical f = kT ln(ħω/kT), and then T > 0.

    ``temperature`` in K is an array leaf; the one of ``inputs``, :class:`msjax.Inputs`, comes before it. ``points``
    sets the mesh over which ⟨ ⟩_q is the mean: even, symmetric, without Γ
    (:func:`msjax.crystal.phonons.mesh.zone_mesh`). In a multilattice the inner shifts are those that minimise W_CB at
    F, not W: zero static internal stress (Allan and Barron; Taylor et al., doi:10.1103/PhysRevB.56.14380). To first
    order in the vibrations that is right for the expansion of the cell; that of the inner coordinates, and what it
    does to the elastic constants, is neglected. So is always what frequencies depend on the temperature at fixed F.

    Where some ω² ≤ 0 there is no quasi-harmonic free energy: the status is NONFINITE, the result NaN, and so for T < 0.
    Otherwise failures are those of :meth:`CauchyBorn.respond`. The tangent takes fourth derivatives of the potential:
    it jumps where a potential's fourth derivative does. Cubic tables have none; for them see
    :func:`msjax.smoothed`.

    Raises ``ValueError`` for a material that is not a :class:`CauchyBorn` one, clamped inner shifts of a multilattice,
    cubic tables, an odd number of points, and a temperature that is negative, or zero in the classical form.

    >>> import jax.numpy as jnp, msjax as ms
    >>> chain = ms.CauchyBorn(ms.bulk("X", "chain", a=1.12), ms.LennardJones(outer=2.5))
    >>> warm = ms.QuasiHarmonic(chain, temperature=300.0, points=16)
    >>> bool(warm.respond(jnp.eye(1)).stress[0, 0] < chain.respond(jnp.eye(1)).stress[0, 0])  # it wants to expand
    True
    """

    material: CauchyBorn
    temperature: Float[Array, ""]
    points: int = eqx.field(static=True)
    quantum: bool = eqx.field(static=True)

    def __init__(self, material: CauchyBorn, temperature: Any = 300.0, points: int = 8, *, quantum: bool = True):
        if not isinstance(material, CauchyBorn):
            raise ValueError(f"material: phonons need a CauchyBorn material, got {type(material).__name__}")
        if material.inner == "clamped" and material.crystal.atoms_per_cell > 1:
            raise ValueError("material: clamped inner shifts are not in equilibrium; phonons need inner='relaxed'")
        if has_cubic_tables(material.potential):
            raise ValueError(
                "material: its potential interpolates with cubic splines, which have no fourth derivative; build it on "
                "msjax.smoothed(potential)"
            )
        check_points(points, False)
        self.material, self.points, self.quantum = material, int(points), bool(quantum)
        self.temperature = check_temperature(temperature, self.quantum)

    @property
    def dim(self) -> int:
        """Dimension of the lattice."""
        return self.material.dim

    def initial_state(self) -> Float[Array, "n d"]:
        """No shift."""
        return self.material.initial_state()

    def respond(self, strain: PyTree, state: Float[Array, "n d"] | None = None, inputs: Any = None) -> Response:
        """(W, P, A) at the deformation gradient ``strain`` (d, d) and the temperature: eV/Å^d."""
        warm = given_temperature(inputs, self.temperature)
        return _respond(self, check_strain(strain, self.dim), state, check_temperature(warm, self.quantum))

    def at(self, temperature: Any) -> "QuasiHarmonic":
        """The same material at another temperature, K."""
        return eqx.tree_at(lambda m: m.temperature, self, check_temperature(temperature, self.quantum))

    @property
    def oscillator(self) -> Oscillator:
        """The free energy of one mode."""
        return Oscillator(self.quantum)


def check_temperature(temperature: Any, quantum: bool) -> Scalar:
    """A temperature in K as an array; ``ValueError`` where it is known and out of range."""
    value = jnp.asarray(temperature, float)
    if value.shape != ():
        raise ValueError(f"temperature: expected one number, got an array of shape {value.shape}; batch with vmap")
    if concrete(value):
        number = float(np.asarray(value))
        if not (number >= 0 if quantum else number > 0):
            least = "at least 0" if quantum else "above 0 in the classical form"
            raise ValueError(f"temperature: must be {least} K, got {number}")
    return value


@eqx.filter_jit
def _respond(quasi: QuasiHarmonic, strain: Array, state: Array | None, temperature: Scalar) -> Response:
    material, dim = quasi.material, quasi.dim
    base = material.respond(strain, state)
    deformation, _ = safe_deformation(strain)
    shifts = jnp.where(base.status.failed, jnp.zeros_like(base.state), base.state)
    warm, usable = safe_temperature(temperature, quasi.quantum)
    arguments = Arguments(deformation, material.reference_bonds, material.bound_potential)
    mesh = zone_mesh(dim, quasi.points)
    joint = jnp.concatenate([deformation.reshape(-1), shifts.reshape(-1)])

    def thermal(z):
        at = z[: dim * dim].reshape(dim, dim), z[dim * dim :].reshape(shifts.shape)
        of, positive = spectrum_at(material, coefficients(material, *at)[0], mesh.q)
        return trace(quasi.oscillator, of, jnp.asarray(mesh.weights), warm), positive

    def slope(z):
        (value, stable), gradient = jax.value_and_grad(thermal, has_aux=True)(z)
        return gradient, (value, stable)

    def along(column):
        return jax.jvp(slope, (joint,), (column,), has_aux=True)

    outer, volume = dim * dim, material.crystal.volume
    follow = jnp.eye(outer)
    if shifts.size:  # they follow F by ds = −E_ss⁻¹ E_sF dF
        hessian = expand_joint(material.neighbours, arguments, shifts).hessian
        hessian = jnp.where(base.status.failed, jnp.eye(hessian.shape[0]), hessian)
        inner, coupling = hessian[outer:, outer:], hessian[outer:, :outer]
        follow = jnp.concatenate([follow, -solve_dense(inner, coupling)])
    gradient, curvature, (value, stable) = jax.vmap(along, out_axes=(None, 0, None))(follow.T)
    first, second = gradient[:outer], curvature @ follow
    if shifts.size:  # and feel thermal forces that W does not balance: W's derivatives are those of W − λ·E_s
        multiplier = solve_dense(inner, gradient[outer:, None])[:, 0]
        first = first - coupling.T @ multiplier
        second = second - follow.T @ (_bent(material, arguments, joint, multiplier) @ follow)
    second = (0.5 * (second + second.T)).reshape(dim, dim, dim, dim) / volume
    status = screen(base.status, ~(stable & usable), Code.NONFINITE)
    energy_ = base.energy + value / volume
    stress = base.stress + first.reshape(dim, dim) / volume
    finite = jnp.isfinite(energy_) & jnp.all(jnp.isfinite(stress))
    status = screen(status, ~finite, Code.NONFINITE)
    of_tangent = first_failure(base.tangent_status, status)
    tangent = base.tangent + second
    of_tangent = tangent_status(tangent, of_tangent)
    tangent = guard(tangent, of_tangent.failed)
    of_tangent = _judge(of_tangent, is_positive_definite(pure_strain_form(deformation, stress, tangent)))
    energy_, stress, state = guard((energy_, stress, base.state), status.failed)
    return Response(energy_, stress, tangent, state, status, of_tangent)


def spectrum_at(material: CauchyBorn, waves: Waves, q: np.ndarray) -> tuple[Spectrum, Bool[Array, ""]]:
    """Spectra at static wave vectors, and whether all ω² are positive; matrices without imaginary parts stay real."""
    # behind a barrier the phases are computed where they are used; else the compiler folds them into large constants
    table = phases(lattice_vectors(material), jax.lax.optimization_barrier(jnp.asarray(q)))
    weighted = mass_weighted(hermitian(waves, table), material)
    dense = weighted.dense()
    return spectrum(dense if weighted.imaginary else dense.real)


def safe_temperature(temperature: Scalar, quantum: bool) -> tuple[Scalar, Bool[Array, ""]]:
    """A temperature that can be computed with, and whether it is the one given."""
    usable = jnp.isfinite(temperature) & ((temperature >= 0) if quantum else (temperature > 0))
    return substitute(temperature, ~usable, 1.0), usable


def _bent(
    material: CauchyBorn, arguments: Arguments, joint: Float[Array, " m"], multiplier: Float[Array, " n"]
) -> Float[Array, "m m"]:
    """Second derivative of λ·E_s in (F, s): third derivatives of the static energy."""
    dim = material.dim
    outer = dim * dim

    def forces(z):
        def static(s):
            r = bond_vectors(material.neighbours, z[:outer].reshape(dim, dim), arguments.reference, s.reshape(-1, dim))
            return energy(arguments.potential, material.neighbours, r)

        return jax.jvp(static, (z[outer:],), (multiplier,))[1]

    return jax.hessian(forces)(joint)


def _judge(status: Status, definite: Bool[Array, ""]) -> Status:
    """UNSTABLE by the free energy's own tangent: what the static one said of itself does not count."""
    plain = Status(jnp.where(status.unstable, int(Code.CONVERGED), status.code), status.iterations, status.residual)
    return flag_unstable(plain, definite)
