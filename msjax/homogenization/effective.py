"""Effective stiffness of a representative volume, with its Hill–Mandel defect and its place between the bounds."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.homogenization.bounds import hashin_shtrikman, hashin_shtrikman_conductivity
from msjax.homogenization.linear_cell import solve_loads, unit_loads
from msjax.homogenization.phases import shares
from msjax.homogenization.position import position
from msjax.homogenization.rve import RVE
from msjax.homogenization.tangents import VoxelModuli
from msjax.material.linear import Conductor, IsotropicElastic
from msjax.status import Status, check
from msjax.tensors import to_voigt_stiffness
from msjax.typing import Array, Float, Scalar, concrete


class EffectiveStiffness(eqx.Module):
    """What a unit cell answers to unit strains.

    ``stiffness`` (v, v) in Voigt order with engineering shear, or the conductivity (d, d); ``mean_stress`` (v, v),
    whose column j is ⟨σ⟩ under unit strain j; ``hill_mandel`` (v,), |⟨σ:ε⟩ − ⟨σ⟩:⟨ε⟩| of each load over the largest
    entry of Voigt's bound; ``voigt`` and ``reuss``, the bounds of this very image; ``status``, one code per load.
    """

    stiffness: Float[Array, "v v"]
    mean_stress: Float[Array, "v v"]
    hill_mandel: Float[Array, " v"]
    voigt: Float[Array, "v v"]
    reuss: Float[Array, "v v"]
    status: Status
    hashin_shtrikman: tuple[tuple[Scalar, ...], tuple[Scalar, ...]] | None

    @property
    def position(self) -> tuple[Scalar, Scalar]:
        """Smallest and largest place between Reuss (0) and Voigt (1) over all strains."""
        return position(self.stiffness, self.reuss, self.voigt)

    def __str__(self) -> str:
        if not concrete(self.stiffness) or self.stiffness.ndim != 2:
            return "EffectiveStiffness(batched or traced)"
        low, high = (float(x) for x in self.position)
        lines = [
            np.array2string(np.asarray(self.stiffness), precision=6, suppress_small=True),
            f"Hill–Mandel defect at most {float(jnp.max(self.hill_mandel)):.1e} of Voigt's bound",
            f"between Reuss (0) and Voigt (1): {low:.3f} to {high:.3f}",
        ]
        if self.hashin_shtrikman is not None:
            names = ("bulk", "shear") if len(self.hashin_shtrikman[0]) == 2 else ("conductivity",)
            lines += [
                f"Hashin–Shtrikman {name} modulus of an isotropic mixture: {float(a):.6g} to {float(b):.6g}"
                for name, a, b in zip(names, *self.hashin_shtrikman, strict=True)
            ]
        lines.append(str(self.status))
        return "\n".join(lines)

    __repr__ = __str__


def effective_stiffness(rve: RVE, *, throw: bool = True) -> EffectiveStiffness:
    """Effective stiffness C, or conductivity, of a cell of linear materials: E:C:E = min_w ⟨(E + ∇w):C(x):(E + ∇w)⟩.

    C comes from the energies of unit loads: its error is quadratic in that of the fields. Differentiable in every
    parameter and in fields of phases; a first derivative costs no further solve. Batch with vmap.

    Raises ``ValueError`` for materials that are not linear (use ``respond``), and ``SolveError`` where a single solve
    fails, unless ``throw=False``.

    >>> import jax.numpy as jnp, msjax as ms
    >>> cell = ms.RVE(jnp.array([[0, 1], [1, 0]]), [ms.Conductor(1.0, dim=2), ms.Conductor(4.0, dim=2)])
    >>> ms.effective_stiffness(cell).stiffness.shape
    (2, 2)
    """
    if not isinstance(rve, RVE):
        raise ValueError(f"rve: expected an RVE, got {type(rve).__name__}")
    if not rve.linear:
        raise ValueError("rve: its materials are not all linear; take the tangent of rve.respond(F)")
    result = _effective(rve)
    check(result.status, "effective_stiffness", throw)
    return result


@eqx.filter_jit
def _effective(rve: RVE) -> EffectiveStiffness:
    components, dim = rve.reference_strain.shape
    loads = jnp.asarray(unit_loads(components, dim))
    moduli = rve.moduli
    solved = solve_loads(rve.cell, moduli, loads)
    mean_stress = jnp.einsum("icd,jcd->ij", loads, solved.mean_stress)
    upper = as_matrix(moduli.reference)
    size = jnp.max(jnp.abs(upper))
    defect = jnp.abs(jnp.diagonal(solved.energies - mean_stress)) / jnp.where(size > 0, size, 1.0)
    return EffectiveStiffness(
        solved.energies, mean_stress, defect, upper, lowest(rve, moduli), solved.status, of_isotropic_mixture(rve)
    )


def as_matrix(tangent: Float[Array, "c d c d"]) -> Float[Array, "v v"]:
    """Voigt matrix of a stiffness, or the conductivity."""
    return tangent[0, :, 0] if tangent.shape[0] == 1 else to_voigt_stiffness(tangent)


def lowest(rve: RVE, moduli: VoxelModuli) -> Float[Array, "v v"]:
    """Reuss' bound ⟨C⁻¹⟩⁻¹ of the voxels as they are; zero where a voxel has no stiffness."""
    if jnp.issubdtype(rve.phases.dtype, jnp.integer):
        weights = jnp.mean(shares(rve.phases, len(rve.materials)), axis=1)
        tensors = jnp.stack([as_matrix(m.tensor) for m in rve.materials])  # type: ignore[attr-defined]
    else:
        count = moduli.coefficients.shape[1]
        weights = jnp.full(count, 1.0 / count)
        tensors = jnp.tensordot(moduli.coefficients.T, jax.vmap(as_matrix)(moduli.basis), 1)
    identity = jnp.eye(tensors.shape[1])
    size = jnp.max(jnp.abs(tensors), axis=(1, 2))
    stiff = size > 1e-14 * jnp.max(size)
    safe = jnp.where(stiff[:, None, None], tensors, identity[None])
    compliance = jnp.einsum("n,nij->ij", weights, jnp.linalg.inv(safe))
    blocked = jnp.any(~stiff & (weights > 0))
    return jnp.where(blocked, 0.0, jnp.linalg.inv(compliance))


def of_isotropic_mixture(rve: RVE):
    """Hashin–Shtrikman's bounds for isotropic phases at the image's fractions, ((lower…), (upper…)); else None."""
    fractions = jnp.mean(shares(rve.phases, len(rve.materials)), axis=1)
    dim = rve.grid.dim
    if all(isinstance(m, IsotropicElastic) for m in rve.materials):
        lame = [m.lame for m in rve.materials]  # type: ignore[attr-defined]
        bulk = jnp.stack([lam + 2.0 * mu / dim for lam, mu in lame])
        shear = jnp.stack([mu for _, mu in lame])
        lower, upper = hashin_shtrikman(bulk, shear, fractions / jnp.sum(fractions), dim)
        return tuple(lower), tuple(upper)
    if all(isinstance(m, Conductor) and m.isotropic for m in rve.materials):
        values = jnp.stack([m.conductivity for m in rve.materials])  # type: ignore[attr-defined]
        lower, upper = hashin_shtrikman_conductivity(values, fractions / jnp.sum(fractions), dim)
        return (lower,), (upper,)
    return None
