"""Second-gradient media: an energy of F and of its gradient, whose length scale the material brings along."""

from typing import Any, ClassVar, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.material.packed import pack, pack_tangent
from msjax.material.response import Material, Response, flag_unstable, pure_strain_form
from msjax.solvers.condensation import tangent_status
from msjax.status import Code, Status, guard, screen, substitute
from msjax.tensors import is_positive_definite
from msjax.typing import Array, Float, PyTree, Scalar, concrete


class SecondGradient(NamedTuple):
    """Strain of a second-gradient medium: ``deformation`` F (d, d) and ``gradient`` ∂F_iJ/∂X_K (d, d, d). Stresses have
    the same structure: P and the double stress, work-conjugate to it."""

    deformation: Float[Array, "d d"]
    gradient: Float[Array, "d d d"]


def check_second_gradient(strain: Any, dim: int) -> SecondGradient:
    """A strain of floats of the right shapes; ``ValueError`` otherwise."""
    if not isinstance(strain, SecondGradient):
        raise ValueError(f"strain: expected SecondGradient(deformation, gradient), got {type(strain).__name__}")
    found = SecondGradient(*(jnp.asarray(x, float) for x in strain))
    if found.deformation.shape != (dim, dim) or found.gradient.shape != (dim, dim, dim):
        raise ValueError(f"strain: expected shapes ({dim}, {dim}) and ({dim}, {dim}, {dim}), got "
                         f"{found.deformation.shape} and {found.gradient.shape}")  # fmt: skip
    return found


def at_rest(dim: int) -> SecondGradient:
    """F = I, ∇F = 0."""
    return SecondGradient(jnp.eye(dim), jnp.zeros((dim, dim, dim)))


class StrainGradientElastic(Material):
    """Linear isotropic strain-gradient elasticity W = w(ε) + ℓ² Σ_k w(∂ε/∂X_k), w(ε) = λ/2 (tr ε)² + μ ε:ε.

    ``mu``, ``lam`` are Lamé's constants, ``length`` ℓ ≥ 0 the length scale (the simplified theory; E. C.
    Aifantis, Int. J. Eng. Sci. 30 (1992) 1279); ``dim`` 1 (uniaxial strain, modulus λ + 2μ), 2 (plane strain) or 3. A
    shear layer obeys u″ − ℓ² u⁗ = 0. Needs functions with continuous derivatives: :func:`msjax.fe.splines`.

    Raises ``ValueError`` for μ ≤ 0, λ + 2μ/d ≤ 0, ℓ < 0 and another dimension.

    >>> medium = StrainGradientElastic(mu=1.0, lam=1.0, length=0.1, dim=1)
    >>> rest = medium.reference_strain
    >>> round(float(medium.respond(rest._replace(gradient=rest.gradient + 1.0)).energy), 9)  # ½ (λ + 2μ) ℓ² (u″)²
    0.015
    """

    objective: ClassVar[bool] = False

    mu: Float[Array, ""]
    lam: Float[Array, ""]
    length: Float[Array, ""]
    size: int = eqx.field(static=True)

    def __init__(self, mu: Any, lam: Any, length: Any, dim: int = 3):
        if dim not in (1, 2, 3):
            raise ValueError(f"dim: expected 1, 2 or 3, got {dim!r}")
        self.mu, self.lam, self.length, self.size = _one(mu, "mu"), _one(lam, "lam"), _one(length, "length"), dim
        if concrete(self.mu, self.lam) and not (self.mu > 0 and self.lam + 2.0 * self.mu / dim > 0):
            raise ValueError(f"mu, lam: μ and λ + 2μ/{dim} must be positive, got {float(mu)}, {float(lam)}")
        if concrete(self.length) and not 0 <= float(self.length) < np.inf:
            raise ValueError(f"length: must be finite, at least 0, got {float(self.length)}")

    @property
    def dim(self) -> int:
        """1, 2 or 3."""
        return self.size

    @property
    def reference_strain(self) -> SecondGradient:  # type: ignore[override]
        """F = I, ∇F = 0."""
        return at_rest(self.size)

    def stored_energy(self, strain: SecondGradient) -> Scalar:
        """W(F, ∇F), per reference volume."""

        def w(h):
            strain = 0.5 * (h + h.T)
            return 0.5 * self.lam * jnp.trace(strain) ** 2 + self.mu * jnp.sum(strain * strain)

        along = sum(w(strain.gradient[:, :, k]) for k in range(self.size))
        return w(strain.deformation - jnp.eye(self.size)) + self.length**2 * along

    def respond(self, strain: PyTree, state: None = None, inputs: None = None) -> Response:
        """(W, stresses, tangent) at one strain; NaN with its status for a strain that is not finite."""
        return _linear(self, check_second_gradient(strain, self.size))


@eqx.filter_jit
def _linear(material: StrainGradientElastic, strain: SecondGradient) -> Response:
    finite = jnp.all(jnp.isfinite(pack(strain)))
    safe = substitute(strain, ~finite, material.reference_strain)
    energy, stress = jax.value_and_grad(material.stored_energy)(safe)
    tangent = jax.jacfwd(jax.grad(material.stored_energy))(safe)
    status = screen(Status.of(), ~(finite & jnp.isfinite(energy) & jnp.all(jnp.isfinite(pack(stress)))), Code.NONFINITE)
    of_tangent = tangent_status(pack_tangent(tangent, safe), status)
    form = pure_strain_form(jnp.eye(material.size), stress.deformation, tangent.deformation.deformation)
    of_tangent = flag_unstable(of_tangent, is_positive_definite(form))
    energy, stress = guard((energy, stress), status.failed)
    return Response(energy, stress, guard(tangent, of_tangent.failed), None, status, of_tangent)


class GradientEnhanced(Material):
    """Any material's W(F) with ½ c ℓ² |∇F|² on top, so that what would localise has the width ℓ.

    ``material`` has F (d, d) as its strain: hyperelastic, a lattice, a double well; ``modulus`` c > 0 in its unit of
    stress and ``length`` ℓ ≥ 0. Where W has two wells e₁ < e₂ of height zero a plane phase boundary costs
    ∫ √(2 c ℓ² W(e)) de (doi:10.1063/1.1744102). Needs functions with continuous derivatives: :func:`msjax.fe.splines`.

    Raises ``ValueError`` for a material with another strain, c ≤ 0 and ℓ < 0.

    >>> from msjax.material.hyperelastic import NeoHooke
    >>> soft = GradientEnhanced(NeoHooke(1.0, 1.0), modulus=2.0, length=0.1)
    >>> rest = soft.reference_strain
    >>> round(float(soft.respond(rest._replace(gradient=rest.gradient.at[0, 1, 1].set(1.0))).energy), 9)
    0.01
    """

    material: Material
    modulus: Float[Array, ""]
    length: Float[Array, ""]

    def __init__(self, material: Material, modulus: Any, length: Any):
        shape = getattr(material.reference_strain, "shape", None)
        if shape != (material.dim, material.dim):
            raise ValueError(f"material: expected one with strains F (d, d), got {type(material).__name__}")
        self.material, self.modulus, self.length = material, _one(modulus, "modulus"), _one(length, "length")
        if concrete(self.modulus) and not 0 < float(self.modulus) < np.inf:
            raise ValueError(f"modulus: must be positive and finite, got {float(self.modulus)}")
        if concrete(self.length) and not 0 <= float(self.length) < np.inf:
            raise ValueError(f"length: must be finite, at least 0, got {float(self.length)}")

    @property
    def dim(self) -> int:
        """That of the material."""
        return self.material.dim

    @property
    def reference_strain(self) -> SecondGradient:  # type: ignore[override]
        """F = I, ∇F = 0."""
        return at_rest(self.dim)

    @property
    def conservative(self) -> bool:  # type: ignore[override]
        """As the material."""
        return self.material.conservative

    @property
    def objective(self) -> bool:  # type: ignore[override]
        """As the material: |∇F| does not change with a rotation."""
        return self.material.objective

    @property
    def symmetric(self) -> bool:  # type: ignore[override]
        """As the material."""
        return self.material.symmetric

    @property
    def deterministic(self) -> bool:  # type: ignore[override]
        """As the material."""
        return self.material.deterministic

    def initial_state(self) -> PyTree:
        """That of the material."""
        return self.material.initial_state()

    def respond(self, strain: PyTree, state: PyTree = None, inputs: PyTree = None) -> Response:
        """The material's response at F, and c ℓ² ∇F besides."""
        return _enhanced(self, check_second_gradient(strain, self.dim), state, inputs)


@eqx.filter_jit
def _enhanced(material: GradientEnhanced, strain: SecondGradient, state: PyTree, inputs: PyTree) -> Response:
    d, stiff = material.dim, material.modulus * material.length**2
    finite = jnp.all(jnp.isfinite(strain.gradient))
    gradient = substitute(strain.gradient, ~finite, 0.0)
    inner = material.material.respond(strain.deformation, state, inputs)
    status = screen(inner.status, ~finite, Code.NONFINITE)
    of_tangent = screen(inner.tangent_status, ~finite, Code.NONFINITE)
    energy, stress = inner.energy + 0.5 * stiff * jnp.sum(gradient**2), SecondGradient(inner.stress, stiff * gradient)
    double = stiff * jnp.eye(d**3).reshape(d, d, d, d, d, d)
    blocks: Any = SecondGradient(inner.tangent, jnp.zeros((d,) * 5)), SecondGradient(jnp.zeros((d,) * 5), double)
    tangent = SecondGradient(*blocks)  # by the fields of stress, then of strain
    energy, stress = guard((energy, stress), status.failed)
    return Response(energy, stress, guard(tangent, of_tangent.failed), inner.state, status, of_tangent)


def _one(value: Any, name: str) -> Array:
    number = jnp.asarray(value, float)
    if number.shape != ():
        raise ValueError(f"{name}: expected one number, got an array of shape {number.shape}")
    return number
