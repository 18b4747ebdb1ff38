"""The crystal's second variation under plane waves, as sums over static lattice vectors.

Displacements u_i e^{2πi q·m} of atom i in cell m give a bond from atom i to atom j in cell m the change
dr = u_j e^{2πi q·m} − u_i, and the second-order expansion in bond vectors (msjax.crystal.expansion) becomes the
Hermitian form uᴴ D(q) u. Lattice vectors are integer cells: the phases depend neither on F nor on the shifts.
"""

from functools import lru_cache
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.cauchy_born import SHIFT_SOLVER, CauchyBorn, bind, screen_neighbours, screen_tables
from msjax.crystal.expansion import Expansion, expand
from msjax.crystal.hermitian import Hermitian, upper
from msjax.crystal.multilattice import Arguments, Shifts, bond_vectors
from msjax.crystal.neighbours import Neighbours
from msjax.crystal.phonons.bonds import complete, leading
from msjax.crystal.potential import Radial, SiteEnergy
from msjax.material.response import Response, safe_deformation
from msjax.solvers.stationary import stationary
from msjax.status import Code, Status, first_failure, screen
from msjax.typing import Array, Float


class Waves(NamedTuple):
    """Coefficients of D(q), not weighted by mass, eV/Å² (N = atoms × d rows; m runs over one lattice vector of each ±
    pair, φ = 2π q·m):

        D(q) = constant − Σ_m even_m 2 sin²(φ/2) + i Σ_m odd_m sin φ + Σ_kl U″_kl v_k v_lᵀ,   v_k = Σ_m slope_km sin φ.

    ``constant`` and ``even`` are upper triangles with, ``odd`` without diagonal. Bravais lattices with radial
    functions use the last sum and no ``odd``; all others fold the embedding into ``even`` and ``odd``.
    """

    constant: Float[Array, " a"]
    even: Float[Array, "a m"]
    odd: Float[Array, "b m"]
    slope: Float[Array, "k d m"]
    embedding: Float[Array, "k k"]


class Phases(NamedTuple):
    """2 sin²(φ/2) and sin φ for lattice vectors (m) and wave vectors (q)."""

    versine: Float[Array, "m q"]
    sine: Float[Array, "m q"]


def is_simple(material: CauchyBorn) -> bool:
    """Whether the crystal takes the short route: one atom per cell, radial functions."""
    return material.crystal.atoms_per_cell == 1 and isinstance(material.potential, Radial)


def lattice_vectors(material: CauchyBorn) -> np.ndarray:
    """Integer lattice vectors (m, d) of the coefficients, one of each ± pair."""
    if is_simple(material):
        return material.neighbours.image
    return _plan(complete(material.neighbours)).vectors


def phases(vectors: np.ndarray, q: Float[Array, "q d"]) -> Phases:
    """Phase functions, by half angles: exact also for long waves, where 1 − cos φ would cancel."""
    half = jnp.pi * (vectors.astype(float) @ q.T)
    s, c = jnp.sin(half), jnp.cos(half)
    return Phases(2.0 * s * s, 2.0 * s * c)


def waves_at(material: CauchyBorn, deformation: Float[Array, "d d"]) -> tuple[Waves, Status]:
    """Coefficients at F with relaxed shifts, and the status: that of :meth:`CauchyBorn.respond`, without paying for it.

    Where the status has failed the coefficients are those of F = I, or of no shift: pass what follows through
    :func:`msjax.status.guard`.
    """
    safe, status = safe_deformation(deformation)
    shifts = material.initial_state()
    if material.inner == "relaxed" and shifts.size:
        reference = material.reference_bonds
        arguments = Arguments(safe, reference, bind(material.potential, reference))
        flat, of_shifts = stationary(Shifts(material.neighbours), shifts.reshape(-1), arguments, SHIFT_SOLVER)
        shifts, status = flat.reshape(shifts.shape), first_failure(status, of_shifts)
    waves, moments = _coefficients(material, safe, shifts)
    status = screen_neighbours(material, safe, shifts, status)
    if isinstance(material.potential, Radial):
        status = screen_tables(material.potential, moments, status)
    finite = jnp.all(jnp.isfinite(waves.constant)) & jnp.all(jnp.isfinite(waves.even))
    return waves, screen(status, ~finite, Code.NONFINITE)


def waves_beside(material: CauchyBorn, deformation: Float[Array, "d d"], response: Response) -> Waves:
    """Coefficients at F where the response is at hand; see :func:`waves_at`."""
    safe, _ = safe_deformation(deformation)
    shifts = jnp.where(response.status.failed, jnp.zeros_like(response.state), response.state)
    return _coefficients(material, safe, shifts)[0]


def _coefficients(material: CauchyBorn, deformation: Float[Array, "d d"], shifts: Float[Array, "n d"]):
    if is_simple(material):
        return _simple(material, deformation)
    return _general(material, deformation, shifts)


def hermitian(waves: Waves, table: Phases) -> Hermitian:
    """D(q) for all wave vectors of the table, entry by entry, eV/Å²."""
    even = waves.constant[:, None] - waves.even @ table.versine
    real = list(even)
    k, dim, count = waves.slope.shape
    if k:
        v = (waves.slope.reshape(k * dim, count) @ table.sine).reshape(k, dim, -1)
        weighted = jnp.einsum("kl,ldq->kdq", waves.embedding, v) if k > 1 else waves.embedding[0, 0] * v
        for row, (i, j) in enumerate(upper(dim)):
            for m in range(k):
                real[row] = real[row] + weighted[m, i] * v[m, j]
    if waves.odd.shape[0] == 0:
        return Hermitian(tuple(real), ())
    return Hermitian(tuple(real), tuple(waves.odd @ table.sine))


def _simple(material: CauchyBorn, deformation: Float[Array, "d d"]) -> tuple[Waves, Float[Array, "ns k"]]:
    """|e^{iφ} − 1|² = 2·2 sin²(φ/2) on each stored bond; an even density feels 2i sin φ (the 2 is in the expansion)."""
    reference = material.reference_bonds
    expansion = expand(bind(material.potential, reference), material.neighbours, reference @ deformation.T)
    dim = material.dim
    rows, columns = np.array(upper(dim)).T
    even = -2.0 * expansion.curvature[:, rows, columns].T
    waves = Waves(
        constant=jnp.zeros((len(rows),)),
        even=even,
        odd=jnp.zeros((0, even.shape[1])),
        slope=expansion.density_slope.transpose(1, 2, 0),
        embedding=expansion.embedding_curvature[0],
    )
    return waves, expansion.moments


def _general(
    material: CauchyBorn, deformation: Float[Array, "d d"], shifts: Float[Array, "n d"]
) -> tuple[Waves, Float[Array, "ns k"]]:
    bonds = complete(material.neighbours)
    plan = _plan(bonds)
    reference = bonds.vectors(material.crystal.cell, material.crystal.basis)
    potential = bind(material.potential, reference)
    r = bond_vectors(bonds, deformation, reference, shifts)
    expansion = expand(potential, bonds, r)
    blocks = jnp.concatenate(
        [
            part
            for site in range(bonds.atoms)
            for part in _site_blocks(plan, bonds, site, _site_hessian(expansion, bonds, site, potential))
        ]
    )
    dim, n = material.dim, bonds.atoms
    count = (len(plan.vectors) + 1) * n * n
    summed = jax.ops.segment_sum(blocks, plan.target, count)
    constants = summed.reshape(len(plan.vectors) + 1, n, n, dim, dim).transpose(0, 1, 3, 2, 4)
    constants = constants.reshape(-1, n * dim, n * dim)
    home, away = constants[0], constants[1:]
    even, odd = away + away.transpose(0, 2, 1), away - away.transpose(0, 2, 1)
    rows, columns = np.array(upper(n * dim)).T
    above = np.array(upper(n * dim, 1)).reshape(-1, 2).T
    even = even[:, rows, columns].T
    waves = Waves(
        constant=0.5 * (home + home.T)[rows, columns] + jnp.sum(even, axis=1),
        even=even,
        odd=odd[:, above[0], above[1]].T,
        slope=jnp.zeros((0, dim, len(plan.vectors))),
        embedding=jnp.zeros((0, 0)),
    )
    return waves, expansion.moments


def _site_hessian(expansion: Expansion, bonds: Neighbours, site: int, potential) -> Float[Array, "n d n d"]:
    """Second derivative of one site's energy in its bond vectors."""
    mine = np.flatnonzero(bonds.site == site)
    n, dim = len(mine), expansion.slope.shape[1]
    second = expansion.embedding_curvature[site]
    if isinstance(potential, SiteEnergy):  # its moments are the bond vectors themselves
        return second[: n * dim, : n * dim].reshape(n, dim, n, dim)
    full = jnp.zeros((n, dim, n, dim)).at[np.arange(n), :, np.arange(n), :].add(expansion.curvature[mine])
    k = second.shape[0]
    if k:
        slopes = expansion.density_slope[mine].transpose(1, 0, 2).reshape(k, n * dim)
        full = full + (slopes.T @ (second @ slopes)).reshape(n, dim, n, dim)
    return full


class _Plan(NamedTuple):
    """Where the blocks of a site's Hessian go: static tables for each site, and the targets of all blocks in order."""

    vectors: np.ndarray
    pairs: tuple[np.ndarray, ...]
    to_centre: tuple[np.ndarray, ...]
    from_centre: tuple[np.ndarray, ...]
    target: np.ndarray


@lru_cache(maxsize=64)
def _plan(bonds: Neighbours) -> _Plan:
    """One of each ± lattice vector is kept: what belongs to its inverse is the transpose, counted by symmetry."""
    found: dict[tuple[int, ...], int] = {}
    pairs, to_centre, from_centre, targets = [], [], [], []
    n = bonds.atoms

    def index(vector) -> int | None:
        """0 for the home cell, 1 … for leading vectors, None for their inverses."""
        key = tuple(int(x) for x in vector)
        if not any(key):
            return 0
        return found.setdefault(key, len(found) + 1) if leading(key) else None

    for site in range(n):
        mine = np.flatnonzero(bonds.site == site)
        partner, image = bonds.partner[mine], bonds.image[mine]
        here: list[list] = [[], [], []]
        for b in range(len(mine)):
            for c in range(len(mine)):
                m = index(image[c] - image[b])
                if m is not None:
                    here[0].append((b, c, (m * n + partner[b]) * n + partner[c]))
            m = index(-image[b])
            if m is not None:
                here[1].append((b, (m * n + partner[b]) * n + site))
            m = index(image[b])
            if m is not None:
                here[2].append((b, (m * n + site) * n + partner[b]))
        pairs.append(np.array([row[:2] for row in here[0]], int).reshape(-1, 2))
        to_centre.append(np.array([row[0] for row in here[1]], int))
        from_centre.append(np.array([row[0] for row in here[2]], int))
        targets += [row[-1] for rows in here for row in rows] + [site * n + site]
    dim = bonds.image.shape[1]
    vectors = np.array(list(found), int).reshape(-1, dim)
    return _Plan(vectors, tuple(pairs), tuple(to_centre), tuple(from_centre), np.array(targets))


def _site_blocks(plan: _Plan, bonds: Neighbours, site: int, hessian: Float[Array, "n d n d"]):
    """Force-constant blocks (·, d, d) of one site, in the order of the plan: neighbour–neighbour, neighbour–centre,
    centre–neighbour, centre–centre."""
    b, c = plan.pairs[site].T
    rows = jnp.sum(hessian, axis=2)  # (bond, d, d): neighbour against centre
    yield hessian.transpose(0, 2, 1, 3)[b, c]
    yield -rows[plan.to_centre[site]]
    yield -rows.transpose(0, 2, 1)[plan.from_centre[site]]
    yield jnp.sum(rows, axis=0)[None]
