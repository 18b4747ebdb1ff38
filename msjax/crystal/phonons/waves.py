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
from msjax.crystal.potential import General, Radial
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
    waves, moments = coefficients(material, safe, shifts)
    status = screen_neighbours(material, safe, shifts, status)
    bonds = material.neighbours if is_simple(material) else complete(material.neighbours)
    status = screen_tables(material.potential, bonds, moments, status)
    finite = jnp.all(jnp.isfinite(waves.constant)) & jnp.all(jnp.isfinite(waves.even))
    return waves, screen(status, ~finite, Code.NONFINITE)


def waves_beside(material: CauchyBorn, deformation: Float[Array, "d d"], response: Response) -> Waves:
    """Coefficients at F where the response is at hand; see :func:`waves_at`."""
    safe, _ = safe_deformation(deformation)
    shifts = jnp.where(response.status.failed, jnp.zeros_like(response.state), response.state)
    return coefficients(material, safe, shifts)[0]


def coefficients(
    material: CauchyBorn, deformation: Float[Array, "d d"], shifts: Float[Array, "n d"]
) -> tuple[Waves, Float[Array, "ns k"]]:
    """Coefficients at given F and shifts, and the moments of the sites."""
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
    blocks = _blocks(plan, _site_hessians(expansion, plan, potential))
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


def _site_hessians(expansion: Expansion, plan: "_Plan", potential) -> Float[Array, "s n d n d"]:
    """Second derivatives of each site's energy in its bond vectors; sites with fewer bonds are padded with zeros."""
    sites, n = plan.bonds.shape
    dim = expansion.slope.shape[1]
    second = expansion.embedding_curvature
    if isinstance(potential, General):  # its moments are the bond vectors themselves
        return second.reshape(sites, n, dim, n, dim)
    own = jnp.where(plan.present[:, :, None, None], expansion.curvature[plan.bonds], 0.0)
    full = jnp.eye(n)[None, :, None, :, None] * own[:, :, :, None, :]
    k = second.shape[1]
    if k:
        slopes = jnp.where(plan.present[:, :, None, None], expansion.density_slope[plan.bonds], 0.0)
        slopes = slopes.transpose(0, 2, 1, 3).reshape(sites, k, n * dim)
        full = full + (slopes.transpose(0, 2, 1) @ (second @ slopes)).reshape(sites, n, dim, n, dim)
    return full


class _Plan(NamedTuple):
    """Where the blocks of the sites' Hessians go: static tables, and the targets of all blocks in order.

    ``bonds`` (sites, n) are each site's bonds, ``present`` which of them are there. A row of ``pairs`` is (site, bond,
    bond), one of ``to_centre`` and ``from_centre`` (site, bond).
    """

    vectors: np.ndarray
    bonds: np.ndarray
    present: np.ndarray
    pairs: np.ndarray
    to_centre: np.ndarray
    from_centre: np.ndarray
    target: np.ndarray


@lru_cache(maxsize=64)
def _plan(bonds: Neighbours) -> _Plan:
    """One of each ± lattice vector is kept: what belongs to its inverse is the transpose, counted by symmetry."""
    found: dict[tuple[int, ...], int] = {}
    n = bonds.atoms
    of_site = [np.flatnonzero(bonds.site == site) for site in range(n)]
    widest = max(len(mine) for mine in of_site)
    pairs: list[tuple[int, ...]] = []
    to_centre: list[tuple[int, ...]] = []
    from_centre: list[tuple[int, ...]] = []

    def index(vector) -> int | None:
        """0 for the home cell, 1 … for leading vectors, None for their inverses."""
        key = tuple(int(x) for x in vector)
        if not any(key):
            return 0
        return found.setdefault(key, len(found) + 1) if leading(key) else None

    for site, mine in enumerate(of_site):
        partner, image = bonds.partner[mine], bonds.image[mine]
        for b in range(len(mine)):
            for c in range(len(mine)):
                m = index(image[c] - image[b])
                if m is not None:
                    pairs.append((site, b, c, (m * n + partner[b]) * n + partner[c]))
            m = index(-image[b])
            if m is not None:
                to_centre.append((site, b, (m * n + partner[b]) * n + site))
            m = index(image[b])
            if m is not None:
                from_centre.append((site, b, (m * n + site) * n + partner[b]))
    centre = [(site * n + site,) for site in range(n)]
    target = np.array([row[-1] for rows in (pairs, to_centre, from_centre, centre) for row in rows])
    padded = np.array([np.pad(mine, (0, widest - len(mine))) for mine in of_site])
    present = np.array([np.arange(widest) < len(mine) for mine in of_site])
    vectors = np.array(list(found), int).reshape(-1, bonds.image.shape[1])
    pair, to, away = (np.array(rows, int)[:, :-1].T for rows in (pairs, to_centre, from_centre))
    return _Plan(vectors, padded, present, pair, to, away, target)


def _blocks(plan: _Plan, hessians: Float[Array, "s n d n d"]) -> Float[Array, "t d d"]:
    """Force-constant blocks in the order of the plan: neighbour–neighbour, neighbour–centre, centre–neighbour,
    centre–centre."""
    rows = jnp.sum(hessians, axis=3)  # (site, bond, d, d): neighbour against centre
    return jnp.concatenate(
        [
            hessians.transpose(0, 1, 3, 2, 4)[tuple(plan.pairs)],
            -rows[tuple(plan.to_centre)],
            -rows.transpose(0, 1, 3, 2)[tuple(plan.from_centre)],
            jnp.sum(rows, axis=1),
        ]
    )
