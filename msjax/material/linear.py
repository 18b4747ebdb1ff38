"""Linear materials: small-strain elasticity and conduction, whose tangent is the material."""

import abc
from typing import Any, ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np

from msjax.material.response import Material, Response
from msjax.solvers.condensation import tangent_status
from msjax.status import Code, Status, guard, screen, substitute
from msjax.tensors import is_positive_definite, to_voigt_stiffness, voigt_index
from msjax.typing import Array, Bool, Float, PyTree, concrete


class Linear(Material):
    """W = ½ g:A:g with a constant A, where g is the strain less :attr:`reference_strain`.

    A subclass says ``tensor``, (c, d, c, d) with c rows of the strain, and which of its invariants are definite.
    """

    objective: ClassVar[bool] = False
    isotropic: ClassVar[bool] = False

    @property
    @abc.abstractmethod
    def tensor(self) -> Float[Array, "c d c d"]:
        """The constant tangent A."""

    @abc.abstractmethod
    def _definite(self, tensor: Float[Array, "c d c d"]) -> Bool[Array, ""]:
        """Whether A is positive definite on what it can feel."""

    def respond(self, strain: PyTree, state: None = None, inputs: None = None) -> Response:
        """(W, P, A) at one strain; NaN with its status for a strain or a parameter that is not finite."""
        shape = self.reference_strain.shape
        try:
            array = jnp.asarray(strain, dtype=float)
        except (TypeError, ValueError) as error:
            raise ValueError(f"strain: expected numbers of shape {shape}") from error
        if array.shape != shape:
            raise ValueError(f"strain: expected shape {shape}, got {array.shape}")
        return _respond(self, array)


@eqx.filter_jit
def _respond(material: Linear, strain: Array) -> Response:
    finite = jnp.all(jnp.isfinite(strain))
    gradient = substitute(strain, ~finite, material.reference_strain) - material.reference_strain
    tangent = material.tensor
    stress = jnp.tensordot(tangent, gradient, 2)
    energy = 0.5 * jnp.vdot(stress, gradient)
    status = screen(Status.of(), ~(finite & jnp.isfinite(energy) & jnp.all(jnp.isfinite(stress))), Code.NONFINITE)
    of_tangent = tangent_status(tangent, status)
    unstable = ~material._definite(tangent) & (of_tangent.code == Code.CONVERGED)
    of_tangent = screen(of_tangent, unstable, Code.UNSTABLE)
    energy, stress = guard((energy, stress), status.failed)
    return Response(energy, stress, guard(tangent, of_tangent.failed), None, status, of_tangent)


class _Elastic(Linear):
    def _definite(self, tensor):
        return is_positive_definite(to_voigt_stiffness(tensor))


class LinearElastic(_Elastic):
    """Small-strain elasticity W = ½ ε:C:ε, ε = sym(F − 1), with any Voigt ``stiffness``.

    ``stiffness`` is (6, 6), or (3, 3) in plane strain (order 11, 22, 12), in the caller's units of stress; it must be
    symmetric. It may be zero (a void).

    Raises ``ValueError`` for another shape, a number that is not finite, or a matrix that is not symmetric.

    >>> import jax.numpy as jnp
    >>> soft = LinearElastic(jnp.eye(6))
    >>> float(soft.respond(jnp.eye(3).at[0, 1].set(0.02)).stress[1, 0])
    0.02
    """

    stiffness: Float[Array, "v v"]

    def __init__(self, stiffness: Any):
        table = jnp.asarray(stiffness, float)
        if table.shape not in ((3, 3), (6, 6)):
            raise ValueError(f"stiffness: expected a Voigt matrix (6, 6) or (3, 3), got shape {table.shape}")
        if concrete(table):
            numbers = np.asarray(table)
            if not np.all(np.isfinite(numbers)):
                bad = tuple(int(i) + 1 for i in np.argwhere(~np.isfinite(numbers))[0])
                raise ValueError(f"stiffness: component {bad} is not finite")
            gap = np.abs(numbers - numbers.T)
            if np.max(gap) > 1e-10 * np.max(np.abs(numbers)):
                bad = tuple(int(i) + 1 for i in np.argwhere(gap == np.max(gap))[0])
                raise ValueError(f"stiffness: must be symmetric, but component {bad} is not")
        self.stiffness = table

    @property
    def dim(self) -> int:
        """2 or 3."""
        return 2 if self.stiffness.shape[0] == 3 else 3

    @property
    def tensor(self) -> Float[Array, "d d d d"]:
        """C_ijkl."""
        index = voigt_index(self.dim)
        return self.stiffness[index][:, :, index]

    def rotated(self, rotation: Any) -> "LinearElastic":
        """The same crystal turned: C'_ijkl = R_ia R_jb R_kc R_ld C_abcd.

        >>> import jax.numpy as jnp
        >>> cubic = LinearElastic(jnp.diag(jnp.array([2.0, 2.0, 2.0, 3.0, 3.0, 3.0])))
        >>> quarter = jnp.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
        >>> bool(jnp.allclose(cubic.rotated(quarter).stiffness, cubic.stiffness))
        True
        """
        r = jnp.asarray(rotation, float)
        if r.shape != (self.dim, self.dim):
            raise ValueError(f"rotation: expected shape ({self.dim}, {self.dim}), got {r.shape}")
        turned = jnp.einsum("ia,jb,abcd,kc,ld->ijkl", r, r, self.tensor, r, r)
        return LinearElastic(to_voigt_stiffness(turned))


class IsotropicElastic(_Elastic):
    """Small-strain isotropic elasticity from Young's modulus and Poisson's ratio; plane strain when ``dim`` is 2.

    ``young`` ≥ 0 in the caller's units (0 is a void), −1 < ``poisson`` < ½. Raises ``ValueError`` outside.

    >>> import jax.numpy as jnp
    >>> round(float(IsotropicElastic(1.0, 0.3).respond(jnp.eye(3)).tangent[0, 0, 0, 0]), 6)
    1.346154
    """

    young: Float[Array, ""]
    poisson: Float[Array, ""]
    size: int = eqx.field(static=True)

    isotropic: ClassVar[bool] = True

    def __init__(self, young: Any, poisson: Any, dim: int = 3):
        if dim not in (2, 3):
            raise ValueError(f"dim: expected 2 (plane strain) or 3, got {dim!r}")
        self.young, self.poisson, self.size = _number(young, "young"), _number(poisson, "poisson"), dim
        if concrete(self.young) and not 0 <= float(self.young) < np.inf:
            raise ValueError(f"young: expected a finite number, at least 0, got {float(self.young)}")
        if concrete(self.poisson) and not -1.0 < self.poisson < 0.5:
            raise ValueError(f"poisson: must lie between -1 and 0.5, got {float(self.poisson)}")

    @property
    def dim(self) -> int:
        """2 or 3."""
        return self.size

    @property
    def lame(self) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """λ and μ."""
        mu = self.young / (2.0 * (1.0 + self.poisson))
        return 2.0 * mu * self.poisson / (1.0 - 2.0 * self.poisson), mu

    @property
    def tensor(self) -> Float[Array, "d d d d"]:
        """λ δ_ij δ_kl + μ (δ_ik δ_jl + δ_il δ_jk)."""
        lam, mu = self.lame
        volumetric, shear = isotropic_basis(self.dim)
        return lam * volumetric + mu * shear


class Conductor(Linear):
    """Conduction W = ½ g·K·g in the gradient g of a scalar field; the strain is one row, (1, d), and so is the stress.

    ``conductivity`` is a number (isotropic) or a symmetric (d, d) matrix. The stress K g is minus the physical flux.
    Diffusion, electrostatics and Darcy's flow are the same. Raises ``ValueError`` for a conductivity that is negative,
    not finite, not symmetric or of another shape.

    >>> import jax.numpy as jnp
    >>> Conductor(2.0).respond(jnp.array([[1.0, 0.0, 0.0]])).stress.tolist()
    [[2.0, 0.0, 0.0]]
    """

    conductivity: Float[Array, "*s"]
    size: int = eqx.field(static=True)

    def __init__(self, conductivity: Any, dim: int = 3):
        value = jnp.asarray(conductivity, float)
        if dim not in (1, 2, 3):
            raise ValueError(f"dim: expected 1, 2 or 3, got {dim!r}")
        if value.shape not in ((), (dim, dim)):
            raise ValueError(f"conductivity: expected a number or shape ({dim}, {dim}), got {value.shape}")
        if concrete(value):
            numbers = np.asarray(value)
            if not np.all(np.isfinite(numbers)):
                raise ValueError("conductivity: must be finite")
            if value.shape == () and not value >= 0:
                raise ValueError(f"conductivity: must not be negative, got {float(value)}")
            if value.shape and np.max(np.abs(numbers - numbers.T)) > 1e-10 * np.max(np.abs(numbers)):
                raise ValueError("conductivity: must be symmetric")
        self.conductivity, self.size = value, dim

    @property
    def isotropic(self) -> bool:  # type: ignore[override]
        """Whether the conductivity is one number."""
        return self.conductivity.shape == ()

    @property
    def dim(self) -> int:
        """Rows of the strain: 1."""
        return 1

    @property
    def reference_strain(self) -> Float[Array, "1 d"]:
        """No gradient."""
        return jnp.zeros((1, self.size))

    @property
    def tensor(self) -> Float[Array, "1 d 1 d"]:
        """K as (1, d, 1, d)."""
        matrix = self.conductivity * jnp.eye(self.size) if self.isotropic else self.conductivity
        return matrix[None, :, None, :]

    def _definite(self, tensor):
        return is_positive_definite(tensor[0, :, 0])


def isotropic_basis(dim: int) -> tuple[np.ndarray, np.ndarray]:
    """What λ and μ multiply in an isotropic stiffness, (d, d, d, d) each."""
    one = np.eye(dim)
    return (
        np.einsum("ij,kl->ijkl", one, one),
        np.einsum("ik,jl->ijkl", one, one) + np.einsum("il,jk->ijkl", one, one),
    )


def _number(value: Any, name: str) -> Array:
    number = jnp.asarray(value, float)
    if number.shape != ():
        raise ValueError(f"{name}: expected one number, got an array of shape {number.shape}")
    return number
