"""Neighbour lists of configurations: made on the host, with a skin, and checked where they are used.

A list names, for each atom, the images of atoms within a radius beyond the cut-off. It stays complete while nothing
that it leaves out can have come within the cut-off, and says so in traced code (:func:`incomplete`).
"""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from msjax.crystal.configurations.configuration import Configuration
from msjax.crystal.configurations.search import Pairs, pairs_within
from msjax.crystal.potential import Potential
from msjax.tensors import inverse, stretches_exceed
from msjax.typing import Array, Flag, Float, Int, Scalar, concrete

SKIN = 0.1
"""Default width of the skin, as a fraction of the cut-off."""
PIECE = 256
"""Atoms whose bonds are worked on together on the CPU, so that what they need stays in its cache."""
SPARE = 1.1
"""A list that has outgrown its capacity is made larger than it must be by this factor, so that it grows rarely."""


class NeighbourList(eqx.Module):
    """The neighbours of each atom within ``radius``, Å; build it with :func:`neighbour_list`.

    Bonds lead to *entries*: atom ``owner[e]`` moved by ``image[e]`` cells. The first entries are the atoms themselves,
    taken into the cell and padded to a whole number of pieces; then come periodic images, and last an entry that is
    nobody, far from all, which fills the table where an atom has fewer neighbours than others.

    Array leaves: ``partner`` (k, rows), entries, a column for each atom; ``owner`` (m,) and ``image`` (m, d);
    ``positions`` (n, d), ``cell`` (d, d) where it was made, Å; ``radius``, Å. Static: ``periodic``, ``piece`` and
    ``species``.
    """

    partner: Int[Array, "k rows"]
    owner: Int[Array, " m"]
    image: Int[Array, "m d"]
    positions: Float[Array, "n d"]
    cell: Float[Array, "d d"]
    radius: Scalar
    periodic: tuple[bool, ...] = eqx.field(static=True)
    piece: int = eqx.field(static=True)
    species: tuple[str, ...] = eqx.field(static=True)

    def __repr__(self):
        return f"NeighbourList({self.atoms} atoms, at most {self.capacity} neighbours, {len(self.owner)} entries)"

    @property
    def atoms(self) -> int:
        """Number of atoms n."""
        return self.positions.shape[0]

    @property
    def capacity(self) -> int:
        """Number k of neighbours there is room for."""
        return self.partner.shape[0]

    @property
    def mask(self) -> np.ndarray:
        """(n, k): where there is a neighbour."""
        return np.asarray(self.partner).T[: self.atoms] < len(self.owner)

    @property
    def indices(self) -> np.ndarray:
        """(n, k): the atom that each neighbour is an image of, 0 where there is none."""
        return np.append(np.asarray(self.owner), 0)[np.asarray(self.partner).T[: self.atoms]]

    @property
    def shifts(self) -> np.ndarray:
        """(n, k, d): whole cells S, the bond being positions[j] + S·cell − positions[i]; 0 where there is none."""
        image = np.asarray(self.image)
        last = np.concatenate([image, np.zeros((1, image.shape[1]), image.dtype)])
        of_bond = last[np.asarray(self.partner).T[: self.atoms]] - image[: self.atoms, None, :]
        return np.where(self.mask[:, :, None], of_bond, 0)


def neighbour_list(
    configuration: Configuration,
    potential: Potential,
    *,
    skin: float | None = None,
    piece: int | None = None,
    previous: NeighbourList | None = None,
) -> NeighbourList:
    """All neighbours within the potential's cut-off and a ``skin`` beyond it, Å (default: 0.1 of the cut-off).

    Any cell: skewed, smaller than the cut-off, periodic in some directions only; atoms may lie outside. The list is
    good until two atoms can have approached by the skin (see :func:`incomplete`). A wide skin lasts longer and costs
    time at every evaluation. ``piece``: how many atoms are worked on at once (default: 256 on the CPU, all
    elsewhere). With ``previous``, a list of the same atoms, sizes are kept where they suffice, so that nothing is
    compiled anew.

    Raises ``ValueError`` for a negative skin, traced values (build it outside of jit, grad and vmap and pass it in),
    springs, whose bonds belong to a crystal, and atoms that coincide, which it names.

    >>> import msjax as ms
    >>> copper = Configuration.of(ms.bulk("Cu", "fcc", a=3.615), 2)
    >>> neighbour_list(copper, ms.LennardJones(sigma=2.3, outer=4.0), skin=0.2)
    NeighbourList(8 atoms, at most 18 neighbours, 70 entries)
    """
    if potential.topological:
        raise ValueError("potential: springs belong to the bonds of a crystal; they cannot find neighbours")
    if not concrete(configuration.cell, configuration.positions, potential.cutoff):
        raise ValueError(
            "configuration and potential must be concrete when neighbours are found: build the list outside of jit, "
            "grad or vmap and pass it in"
        )
    cutoff = float(potential.cutoff)
    skin = SKIN * cutoff if skin is None else float(skin)
    if not 0.0 <= skin < np.inf:
        raise ValueError(f"skin: must be finite and not negative, got {skin}")
    positions, cell = np.asarray(configuration.positions, float), np.asarray(configuration.cell, float)
    for name, values in (("positions", positions), ("cell", cell)):
        if not np.all(np.isfinite(values)):
            raise ValueError(f"{name}: must be finite to find neighbours")
    pairs = pairs_within(cell, positions, configuration.periodic, cutoff + skin)
    n = len(positions)
    if piece is not None and piece < 1:
        raise ValueError(f"piece: must be positive, got {piece}")
    if piece is None:
        piece = PIECE if jax.default_backend() == "cpu" else n
    pieces = -(-n // piece)
    piece = -(-n // pieces)
    counts, images = int(np.max(np.diff(pairs.start))), len(pairs.owner) - n
    if previous is not None and previous.atoms == n and previous.piece == piece:
        counts = _room(counts, previous.capacity)
        images = _room(images, len(previous.owner) - pieces * piece)
    table, owner, image = _arrays(pairs, n, pieces * piece, max(counts, 1), images)
    return NeighbourList(
        jnp.asarray(table),
        jnp.asarray(owner),
        jnp.asarray(image),
        jnp.asarray(positions),
        jnp.asarray(cell),
        jnp.asarray(cutoff + skin),
        configuration.periodic,
        piece,
        configuration.species,
    )


def _room(needed: int, had: int) -> int:
    return had if needed <= had else int(np.ceil(SPARE * needed))


def _arrays(pairs: Pairs, n: int, rows: int, capacity: int, images: int):
    """The table of fixed size, a column for each atom, and its entries."""
    entries = rows + images
    owner, image = np.zeros(entries, np.int32), np.zeros((entries, pairs.image.shape[1]), np.int32)
    place = np.arange(len(pairs.owner))
    place[n:] += rows - n
    owner[place], image[place] = pairs.owner, pairs.image
    table = np.full((capacity, rows), entries, np.int32)
    counts = np.diff(pairs.start)
    atom = np.repeat(np.arange(n), counts)
    slot = np.arange(len(pairs.partner)) - pairs.start[atom]
    table[slot, atom] = place[pairs.partner]
    return table, owner, image


def incomplete(
    neighbours: NeighbourList, positions: Float[Array, "n d"], cell: Float[Array, "d d"], cutoff: Scalar | float
) -> Flag:
    """Whether an atom that is not in the list may have come within ``cutoff``.

    With G the deformation of the periods since the list was made and u = x − G x₀ less its mean, a bond that was
    left out is longer than min stretch(G) · radius − 2 max |u|.
    """
    change = _deformation(neighbours, cell)
    moved = positions - neighbours.positions @ change.T
    moved = moved - jnp.mean(moved, axis=0, keepdims=True)
    largest = jnp.sqrt(jnp.max(jnp.sum(moved * moved, axis=1)))
    # a list used where it was made is complete to round-off even without a skin
    return ~stretches_exceed(change, (cutoff + 2.0 * largest) / neighbours.radius * (1.0 - 1e-12))


def _deformation(neighbours: NeighbourList, cell: Float[Array, "d d"]) -> Float[Array, "d d"]:
    """G with periods = G·(the list's periods), and nothing done across them."""
    directions = np.flatnonzero(neighbours.periodic)
    if not len(directions):
        return jnp.eye(cell.shape[0])
    before = neighbours.cell[directions]
    return jnp.eye(cell.shape[0]) + (dual_of(before) @ (cell[directions] - before)).T


def dual_of(periods: Float[Array, "p d"]) -> Float[Array, "d p"]:
    """The pseudo-inverse of p ≤ d independent periods: Pᵀ(P Pᵀ)⁻¹."""
    return periods.T @ inverse(periods @ periods.T)
