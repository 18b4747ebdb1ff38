"""Harmonic force constants of a supercell: what lattice-dynamics codes exchange, with the phonons they stand for."""

from functools import lru_cache
from itertools import product
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.cauchy_born import CauchyBorn
from msjax.crystal.lattice import Crystal
from msjax.crystal.phonons.dynamical_matrix import check_q, dynamical_matrix, strain_or_identity
from msjax.crystal.phonons.frequencies import in_thz
from msjax.crystal.supercell import cells_within, check_matrix, supercell
from msjax.typing import Array, Complex, Float

TIE = 1e-5
"""Images of an atom whose distances agree within this fraction share their force constant."""


class ForceConstants(eqx.Module):
    """Φ between the atoms of the home cell and all atoms of a supercell, eV/Å², and the phonons that follow.

    ``values`` (n, n, c, d, d): ``values[i, j, m]`` = ∂²E/∂u_i∂u_j for atom i of the home cell and atom j of cell m, in
    the order of :func:`msjax.crystal.supercell.cells_within`; ``matrix`` (d, d) the supercell, rows in units of the
    crystal's cell. A displacement moves an atom and all its images, so that Φ is folded: each value is given to the
    nearest image (equally to several that are equally near), as in phonopy (doi:10.1016/j.scriptamat.2015.07.021).
    With a supercell wider than twice the range of forces the phonons are exact, otherwise they interpolate between
    the wave vectors that fit into it.

    Made by :func:`force_constants` from a material, by :func:`finite_displacements` with any ASE calculator, and by
    :func:`msjax.crystal.phonons.phonopy.from_phonopy`. Raises ``ValueError`` for values of the wrong shape.
    """

    crystal: Crystal
    values: Float[Array, "n n c d d"]
    matrix: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def __init__(self, crystal: Crystal, values: Any, matrix: Any):
        n, dim = crystal.atoms_per_cell, crystal.dim
        large = check_matrix(matrix, dim)
        self.crystal, self.values = crystal, jnp.asarray(values, float)
        self.matrix = tuple(tuple(int(x) for x in row) for row in large)
        expected = (n, n, round(np.linalg.det(large)), dim, dim)
        if self.values.shape != expected:
            raise ValueError(f"values: this crystal and supercell need shape {expected}, got {self.values.shape}")

    def dynamical_matrix(self, q: Any) -> Complex[Array, "q n n"]:
        """Mass-weighted D(q), eV/(Å² amu), as :func:`msjax.crystal.phonons.dynamical_matrix` has it."""
        return _dynamical_matrix(self, check_q(q, self.crystal.dim), _images(self))

    def frequencies(self, q: Any) -> Float[Array, "q n"]:
        """ω/2π in THz, ascending, imaginary ones as negative, at wave vectors ``q`` (nq, d) in reduced units."""
        return in_thz(jnp.linalg.eigvalsh(self.dynamical_matrix(q)))

    def with_sum_rule(self) -> "ForceConstants":
        """The same with Φ_ii so that a rigid displacement costs no force (the acoustic sum rule)."""
        total = jnp.sum(self.values, axis=(1, 2))
        each = jnp.arange(self.crystal.atoms_per_cell)
        return eqx.tree_at(lambda f: f.values, self, self.values.at[each, each, 0].add(-total))


class _Images(eqx.Module):
    """Which value goes to which lattice vector: ``vectors`` (v, d), and for each entry atoms, cell, vector, share."""

    vectors: np.ndarray
    entries: np.ndarray
    share: np.ndarray


def _images(constants: ForceConstants) -> _Images:
    crystal = constants.crystal
    cell, basis = (np.asarray(jax.lax.stop_gradient(x), float) for x in (crystal.cell, crystal.basis))
    return _nearest(cell.tobytes(), basis.tobytes(), constants.matrix)


@lru_cache(maxsize=64)
def _nearest(cell_bytes: bytes, basis_bytes: bytes, matrix: tuple[tuple[int, ...], ...]) -> _Images:
    large = np.array(matrix)
    dim = len(large)
    cell, basis = np.frombuffer(cell_bytes).reshape(dim, dim), np.frombuffer(basis_bytes).reshape(-1, dim)
    cells = cells_within(large)
    shifts = np.array(list(product(range(-2, 3), repeat=dim))) @ large
    vectors = cells[:, None, :] + shifts[None, :, :]  # (c, images, d)
    entries, share, found = [], [], {}
    for i, j in product(range(len(basis)), repeat=2):
        distance = np.linalg.norm(vectors @ cell + (basis[j] - basis[i]), axis=2)
        near = distance <= (1.0 + TIE) * distance.min(axis=1, keepdims=True) + 1e-9
        for m, image in zip(*np.nonzero(near), strict=True):
            vector = tuple(int(x) for x in vectors[m, image])
            entries.append((i, j, int(m), found.setdefault(vector, len(found))))
            share.append(1.0 / np.sum(near[m]))
    return _Images(np.array(list(found)), np.array(entries), np.array(share))


def _dynamical_matrix(constants: ForceConstants, q: Float[Array, "q d"], images: _Images) -> Complex[Array, "q n n"]:
    n, dim = constants.crystal.atoms_per_cell, constants.crystal.dim
    i, j, m, v = images.entries.T
    root = jnp.sqrt(constants.crystal.masses)
    weighted = constants.values / (root[:, None] * root[None, :])[:, :, None, None, None]
    shared = weighted[i, j, m] * jnp.asarray(images.share)[:, None, None]
    of_vector = jnp.zeros((len(images.vectors), n, n, dim, dim)).at[v, i, j].add(shared)
    phase = 2.0 * jnp.pi * (q @ jnp.asarray(images.vectors, float).T)
    wave = jax.lax.complex(jnp.cos(phase), jnp.sin(phase))
    matrix = jnp.einsum("qv,vijab->qiajb", wave, of_vector.astype(wave.dtype)).reshape(-1, n * dim, n * dim)
    return 0.5 * (matrix + jnp.conj(jnp.swapaxes(matrix, 1, 2)))


def force_constants(material: CauchyBorn, matrix: Any, deformation: Any = None) -> ForceConstants:
    """Force constants of a material in the supercell ``matrix`` (an integer, d of them, or (d, d)), exactly: the
    Fourier sum of D(q; F) over the wave vectors that fit into it. Differentiable in F and the parameters.

    The crystal of the result is the deformed one. Failures and errors are those of
    :func:`msjax.crystal.phonons.dynamical_matrix`; a matrix that is no supercell raises ``ValueError``.

    >>> import msjax as ms
    >>> chain = ms.CauchyBorn(ms.bulk("X", "chain", a=1.0), ms.Springs(stiffness=[1.0], length=[1.0]))
    >>> force_constants(chain, 4).values[0, 0, :, 0, 0].round(12).tolist()
    [2.0, -1.0, 0.0, -1.0]
    """
    crystal = material.crystal
    large = check_matrix(matrix, crystal.dim)
    cells = cells_within(large)
    fitting = cells_within(large.T) @ np.linalg.inv(large).T  # N q integer, one of each class
    n, dim = crystal.atoms_per_cell, crystal.dim
    root = jnp.repeat(jnp.sqrt(crystal.masses), dim)
    waves = dynamical_matrix(material, fitting, deformation)
    waves = waves * (root[:, None] * root[None, :])[None].astype(waves.dtype)
    phase = -2.0 * np.pi * (cells @ fitting.T)
    back = jnp.asarray(np.exp(1j * phase) / len(cells))
    values = jnp.real(jnp.einsum("mq,qx->mx", back, waves.reshape(len(fitting), -1)))
    values = values.reshape(len(cells), n, dim, n, dim).transpose(1, 3, 0, 2, 4)
    if deformation is not None:
        strain = strain_or_identity(material, deformation)
        crystal = crystal.deformed(strain, material.respond(strain).state)
    return ForceConstants(crystal, values, large)


def finite_displacements(
    crystal: Crystal, calculator: Any, matrix: Any, *, displacement: float = 0.01, sum_rule: bool = True
) -> ForceConstants:
    """Force constants by central differences with any ASE calculator: 2 d n force calls in the supercell ``matrix``.

    ``displacement`` in Å. What it leaves out is of second order in it (central differences) and, where forces reach
    beyond half the supercell, their folding. ``sum_rule`` imposes the acoustic one. Raises ``ValueError`` for a
    crystal that is not three-dimensional, a displacement that is not positive, or forces that are not finite.

    >>> import msjax as ms
    >>> calculator = ms.ase.Calculator(ms.LennardJones(sigma=2.3, outer=4.0))
    >>> found = finite_displacements(ms.bulk("Cu", "fcc", a=3.6), calculator, 2)
    >>> found.values.shape
    (1, 1, 8, 3, 3)
    """
    from msjax.crystal.ase import to_ase

    if not displacement > 0:
        raise ValueError(f"displacement: must be positive, got {displacement}")
    n, dim = crystal.atoms_per_cell, crystal.dim
    atoms = to_ase(supercell(crystal, matrix))
    atoms.calc = calculator
    rest = atoms.get_positions()
    values = np.zeros((n, n, len(rest) // n, dim, dim))
    for i, a in product(range(n), range(dim)):
        forces = []
        for sign in (1.0, -1.0):
            moved = rest.copy()
            moved[i, a] += sign * displacement
            atoms.set_positions(moved)
            forces.append(np.asarray(atoms.get_forces(), float))
        if not np.all(np.isfinite(forces)):
            raise ValueError(f"calculator: forces are not finite with atom {i} displaced along {'xyz'[a]}")
        slope = (forces[1] - forces[0]) / (2.0 * displacement)
        values[i, :, :, a, :] = slope.reshape(-1, n, dim).transpose(1, 0, 2)
    found = ForceConstants(crystal, values, matrix)
    return found.with_sum_rule() if sum_rule else found
