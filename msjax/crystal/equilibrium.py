"""The state of a crystal at zero stress or under pressure: one Newton solve in stretch and inner shifts together."""

import dataclasses
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.cauchy_born import CauchyBorn, screen_neighbours, screen_tables
from msjax.crystal.expansion import energy
from msjax.crystal.multilattice import Arguments, bond_vectors, expand_joint
from msjax.crystal.neighbours import Neighbours
from msjax.crystal.potential import Angular
from msjax.crystal.structures import STRUCTURES, is_hexagonal
from msjax.solvers.newton import Functional, Newton
from msjax.solvers.stationary import stationary
from msjax.status import Code, Status, check, guard, screen
from msjax.tensors import VOIGT, det, leading_minors
from msjax.typing import Array, Float, Scalar

_SETTINGS = Newton(tolerance=1e-8, length=1.0, max_steps=60, largest_step=0.1)


class Equilibrium(NamedTuple):
    """A crystal at zero stress, or under pressure. All fields are differentiable in the potential's parameters.

    ``material``: the same material on the relaxed crystal, so that W, P and A count per equilibrium volume; ``stretch``
    (d, d): symmetric, from the crystal given to the relaxed one (λ1 when isotropic); ``energy_per_atom``, eV, negative
    when bound, without the work p V of a pressure; ``volume_per_atom``, Å^d; ``status`` (UNSTABLE: stationary, but not
    a minimum in stretch and shifts).
    """

    material: CauchyBorn
    stretch: Float[Array, "d d"]
    energy_per_atom: Scalar
    volume_per_atom: Scalar
    status: Status

    @property
    def cohesive_energy(self) -> Scalar:
        """−energy_per_atom, eV, positive when bound."""
        return -self.energy_per_atom

    @property
    def lattice_constant(self) -> Scalar:
        """a of a structure made by ``bulk``, Å; ``ValueError`` for hcp and other crystals, which have no single one."""
        structure, dim = self.material.crystal.structure, self.material.dim
        if structure == "hcp":
            raise ValueError("structure 'hcp' has no single lattice constant: use lattice_constants, a and c")
        if structure not in STRUCTURES:
            raise ValueError(f"structure {structure!r} has no single lattice constant: use stretch or material.crystal")
        return (self.volume_per_atom / STRUCTURES[structure].volume_per_atom) ** (1.0 / dim)

    @property
    def lattice_constants(self) -> tuple[Scalar, ...]:
        """What ``bulk`` takes after the name of a structure, Å: (a, c) of hcp, (a,) of the others.

        ``ValueError`` for other crystals, and for what is called hcp but has other cell vectors than ``bulk`` gives it.
        """
        if self.material.crystal.structure != "hcp":
            return (self.lattice_constant,)
        bonds = self.material.neighbours
        if not (bonds.atoms == 2 and is_hexagonal(bonds.cell)):
            raise ValueError("structure 'hcp': a and c are those of a cell of two atoms with a₁ and a₂ at 120°, a₃ = c")
        cell = self.material.crystal.cell
        basal = jnp.cross(cell[0], cell[1])
        area = jnp.sqrt(jnp.sum(basal * basal))
        return jnp.sqrt(area / 0.75**0.5), 2.0 * self.volume_per_atom / area


def equilibrium(
    material: CauchyBorn, *, stretch: str | None = None, pressure: Any = None, throw: bool = True
) -> Equilibrium:
    """Relax a crystal's cell, and its inner shifts if the material relaxes them, to zero stress or to a ``pressure``.

    The pressure p, eV/Å^d, positive in compression, is a number that may be traced; under it the enthalpy E + p V is
    stationary, and the Cauchy stress of the result is −p 1.

    Minimises the energy over a homogeneous stretch: ``stretch="isotropic"`` has the one unknown λ (then tr P = 0; the
    stress vanishes where symmetry makes it isotropic), ``"full"`` the d(d+1)/2 components of a symmetric U. By default
    isotropic where every shell of neighbours has an isotropic second moment (primitive cells of cubic crystals, the
    square and the triangular lattice, the honeycomb), full elsewhere (hcp: its c/a relaxes).

    The neighbours stay those of the material given. The margin that is left is checked at the result (OVERFLOW) and
    by every later ``respond``; for a crystal that starts far from equilibrium build a new material on the result.

    Raises ``ValueError`` for springs, whose rest lengths belong to the crystal they were attached to, for a pressure
    that is not one number, and
    :class:`msjax.status.SolveError` for a failed solve when ``throw`` and the values are concrete; otherwise a failed
    member is NaN with its status.

    >>> import msjax as ms
    >>> copper = equilibrium(ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.7), ms.EAM.gupta("Cu")))
    >>> round(float(copper.lattice_constant), 3), round(float(copper.cohesive_energy), 3)
    (3.615, 3.544)
    """
    if material.potential.topological:
        raise ValueError("material: springs hold their crystal's own bonds; stretch it by F and use respond instead")
    if stretch is None:
        stretch = "isotropic" if isotropic_shells(material.neighbours) else "full"
    elif stretch not in ("isotropic", "full"):
        raise ValueError(f"stretch: expected 'isotropic', 'full' or None, got {stretch!r}")
    if pressure is not None:
        pressure = jnp.asarray(pressure, float)
        if pressure.shape != ():
            raise ValueError(f"pressure: expected one number, got shape {pressure.shape}; batch with vmap")
    result = _equilibrium(material, stretch, pressure)
    check(result.status, "equilibrium", throw)
    return result


@eqx.filter_jit
def _equilibrium(material: CauchyBorn, stretch: str, pressure: Array | None) -> Equilibrium:
    crystal, bonds, dim = material.crystal, material.neighbours, material.dim
    n = crystal.atoms_per_cell - 1
    modes = stretch_modes(dim, stretch)
    free = n if material.inner == "relaxed" else 0
    arguments = Arguments(jnp.eye(dim), material.reference_bonds, material.bound_potential)
    functional = _Relaxation(bonds, stretch, material.inner == "relaxed")
    start = jnp.concatenate([jnp.asarray(unit_stretch(dim, stretch)), jnp.zeros(free * dim)])
    load = None if pressure is None else pressure * crystal.volume
    x, status = stationary(functional, start, _Loaded(arguments, load), _SETTINGS)
    u, shifts = _unpack(x, modes, n, free)
    admissible = jnp.all(leading_minors(u) > 0)
    status = screen(status, ~admissible, Code.INVERTED)
    moved = crystal.basis @ u + jnp.concatenate([jnp.zeros((1, dim)), shifts])
    relaxed = eqx.tree_at(lambda c: (c.cell, c.basis), crystal, (crystal.cell @ u, moved))
    status = screen_neighbours(material, u, shifts, status)
    r = bond_vectors(bonds, u, arguments.reference, shifts)
    total = energy(material.potential, bonds, r)
    if isinstance(material.potential, Angular):
        moments = expand_joint(bonds, arguments._replace(deformation=u), shifts).moments
        status = screen_tables(material.potential, bonds, moments, status)
    volume = crystal.volume * jnp.abs(det(u))
    u, total, volume, relaxed = guard((u, total, volume, relaxed), status.failed)
    atoms = crystal.atoms_per_cell
    return Equilibrium(eqx.tree_at(lambda m: m.crystal, material, relaxed), u, total / atoms, volume / atoms, status)


class _Loaded(NamedTuple):
    """What the relaxation depends on: the lattice, and the pressure times the volume at F = I."""

    lattice: Arguments
    load: Array | None


@dataclasses.dataclass(frozen=True)
class _Relaxation(Functional):
    """Enthalpy per cell in x = (stretch, shifts): the joint expansion in (F, s) restricted to F = Σ x_v mode_v."""

    neighbours: Neighbours
    stretch: str
    relaxed: bool

    def derivatives(self, x, loaded: _Loaded):
        """Enthalpy, gradient and Hessian by projection."""
        arguments = loaded.lattice
        dim, n, modes, free = self._sizes(arguments)
        u, shifts = _unpack(x, modes, n, free)
        joint = expand_joint(self.neighbours, arguments._replace(deformation=u), shifts)
        embed = np.zeros((dim * dim + n * dim, len(modes) + free * dim))
        embed[: dim * dim, : len(modes)] = modes.reshape(len(modes), -1).T
        embed[dim * dim :, len(modes) :] = np.eye(n * dim, free * dim)
        value, gradient, hessian = joint.energy, joint.gradient @ embed, embed.T @ joint.hessian @ embed
        if loaded.load is None:
            return value, gradient, hessian
        work, slope = jax.value_and_grad(_work)(x, loaded.load, modes)
        return value + work, gradient + slope, hessian + jax.hessian(_work)(x, loaded.load, modes)

    def gradient(self, x, loaded: _Loaded):
        """Gradient alone, by reverse mode of the enthalpy."""
        arguments = loaded.lattice
        _, n, modes, free = self._sizes(arguments)

        def total(x):
            u, shifts = _unpack(x, modes, n, free)
            value = energy(
                arguments.potential, self.neighbours, bond_vectors(self.neighbours, u, arguments.reference, shifts)
            )
            return value if loaded.load is None else value + _work(x, loaded.load, modes)

        return jax.grad(total)(x)

    def _sizes(self, arguments: Arguments):
        dim, n = arguments.deformation.shape[0], self.neighbours.atoms - 1
        return dim, n, stretch_modes(dim, self.stretch), n if self.relaxed else 0


def _work(x: Float[Array, " m"], load: Array, modes: np.ndarray) -> Scalar:
    """p V."""
    return load * det(_unpack(x, modes, 0, 0)[0])


def _unpack(x: Float[Array, " m"], modes: np.ndarray, n: int, free: int) -> tuple[Array, Array]:
    dim = modes.shape[1]
    u = stretch_of(x[: len(modes)], modes)
    shifts = x[len(modes) :].reshape(n, dim) if free else jnp.zeros((n, dim))
    return u, shifts


def stretch_of(x: Float[Array, " v"], modes: np.ndarray | Array) -> Float[Array, "d d"]:
    """U = Σ x_v mode_v."""
    return jnp.tensordot(x, jnp.asarray(modes), axes=1)


def stretch_modes(dim: int, stretch: str) -> np.ndarray:
    """(v, d, d): U = Σ x_v mode_v, in Voigt order with U_ij itself for the off-diagonal unknowns."""
    if stretch == "isotropic":
        return np.eye(dim)[None]
    modes = np.zeros((len(VOIGT[dim]), dim, dim))
    for v, (i, j) in enumerate(VOIGT[dim]):
        modes[v, i, j] = modes[v, j, i] = 1.0
    return modes


def unit_stretch(dim: int, stretch: str) -> np.ndarray:
    """The components of U = 1."""
    return np.ones(1) if stretch == "isotropic" else np.array([1.0 if i == j else 0.0 for i, j in VOIGT[dim]])


def isotropic_shells(neighbours: Neighbours) -> bool:
    """Whether Σ R⊗R is isotropic over every shell of every site: then so is the stress under isotropic stretch.

    Decided on the host from the crystal the neighbours were found in.
    """
    vectors = np.asarray(neighbours.image @ neighbours.cell + neighbours.basis[neighbours.partner])
    vectors = vectors - neighbours.basis[neighbours.origin]
    lengths = np.round(np.linalg.norm(vectors, axis=1) / np.linalg.norm(neighbours.cell[0]), 6)
    dim = vectors.shape[1]
    for site, partner, length in {*zip(neighbours.site, neighbours.partner, lengths, strict=True)}:
        shell = vectors[(neighbours.site == site) & (neighbours.partner == partner) & (lengths == length)]
        second = shell.T @ shell
        if not np.allclose(second, np.trace(second) / dim * np.eye(dim), atol=1e-6 * np.trace(second)):
            return False
    return True
