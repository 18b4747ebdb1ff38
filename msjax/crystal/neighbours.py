"""Static neighbour shells: integer images instead of minimum images, with a strain margin that is checked.

A lattice under a homogeneous deformation keeps its neighbours' integer coordinates, so the list is made once, on the
host, out to the cut-off over (1 − margin); ``outside`` is the shortest reference distance that was left out. While
every principal stretch of F times ``outside`` exceeds the cut-off nothing can have come in unseen.
"""

import dataclasses

import jax.numpy as jnp
import numpy as np

from msjax.tensors import stretches_exceed
from msjax.typing import Array, Flag, Float, Scalar

STRAIN_MARGIN = 0.15
"""Default compression up to which no neighbour is missed."""


@dataclasses.dataclass(frozen=True, eq=False)
class Neighbours:
    """Bonds (site, partner, image) of the representative sites of a periodic arrangement; hashed by content.

    ``site`` (nb,): row of the bond's representative site in ``representatives``; ``origin`` (nb,) and ``partner``
    (nb,): atom indices; ``image`` (nb, p): integer cell of the partner for p periodic directions; ``doubled`` (nb,):
    the bond also stands for its inverse; ``representatives`` (ns,): atoms; ``multiplicity`` (ns,): how many atoms of
    the cell each stands for; ``atoms``: atoms per cell; ``outside``: shortest reference distance left out (inf when
    bonds are topological); ``cell`` (p, d) and ``basis`` (atoms, d): where all this was found; ``species``: a symbol
    for each atom.
    """

    site: np.ndarray
    origin: np.ndarray
    partner: np.ndarray
    image: np.ndarray
    doubled: np.ndarray
    representatives: np.ndarray
    multiplicity: np.ndarray
    atoms: int
    outside: float
    cell: np.ndarray
    basis: np.ndarray
    species: tuple[str, ...]

    def _content(self):
        arrays = (self.site, self.origin, self.partner, self.image, self.doubled, self.representatives)
        arrays += (self.multiplicity, self.cell, self.basis)
        return tuple(a.tobytes() for a in arrays) + (self.atoms, self.outside, self.species)

    def __hash__(self):
        return hash(self._content())

    def __eq__(self, other):
        return isinstance(other, Neighbours) and self._content() == other._content()

    def __repr__(self):
        return f"Neighbours({self.bonds} bonds, {len(self.representatives)} of {self.atoms} sites)"

    @property
    def bonds(self) -> int:
        """Number of stored bonds."""
        return len(self.site)

    @property
    def coordination(self) -> int:
        """Number of neighbours of the first site."""
        mine = self.site == 0
        return int(np.sum(np.where(self.doubled[mine], 2, 1)))

    @property
    def shift_of_bond(self) -> np.ndarray:
        """(nb, atoms − 1) table: +1 for the partner's shift, −1 for the origin's; atom 0 does not shift."""
        table = np.zeros((self.bonds, self.atoms))
        rows = np.arange(self.bonds)
        np.add.at(table, (rows, self.partner), 1.0)
        np.add.at(table, (rows, self.origin), -1.0)
        return table[:, 1:]

    def only(self, keep: np.ndarray) -> "Neighbours":
        """The bonds where ``keep`` (nb,) is true, with the same sites."""
        names = ("site", "origin", "partner", "image", "doubled")
        return dataclasses.replace(self, **{name: getattr(self, name)[keep] for name in names})

    def vectors(self, cell: Float[Array, "p d"], basis: Float[Array, "n d"]) -> Float[Array, "nb d"]:
        """Reference bond vectors, Å, differentiable in cell and basis."""
        return jnp.asarray(self.image.astype(float)) @ cell + basis[self.partner] - basis[self.origin]


def find(
    cell: np.ndarray, basis: np.ndarray, species: tuple[str, ...], reach: float, *, reduced: bool = True
) -> Neighbours:
    """All bonds no longer than ``reach`` between atoms of a periodic arrangement.

    ``cell`` (p, d) holds the periodic vectors as rows (p ≤ d: a slab has p = 2, d = 3), ``basis`` (n, d) the atoms.
    With ``reduced``, a bond and its inverse on the same sublattice are stored once, and sites that are the inverse of
    one another are stored once; phonons, where the two carry different phases, want ``reduced=False``.
    """
    cell, basis = np.asarray(cell, float), np.asarray(basis, float)
    periods = len(cell)
    images = _images_within(cell, reach + 2.0 * _spread(basis))
    shifts = images @ cell
    rows: list[tuple[int, int, int, float]] = []  # site, partner, image row, distance
    outside = np.inf
    for i in range(len(basis)):
        for j in range(len(basis)):
            distance = np.linalg.norm(shifts + basis[j] - basis[i], axis=1)
            distance[distance < 1e-9] = np.inf  # the atom itself
            near = distance <= reach * (1 + 1e-12)
            rows.extend((i, j, int(k), float(distance[k])) for k in np.flatnonzero(near))
            if np.any(~near):
                outside = min(outside, float(np.min(distance[~near])))
    if not rows:
        raise ValueError(f"neighbours: no atoms within {reach:g} of one another; the cut-off is too short")
    rows.sort(key=lambda row: (row[0], round(row[3], 6), row[1], tuple(images[row[2]])))
    origin, partner, image_row = (np.array([row[c] for row in rows]) for c in range(3))
    image = images[image_row].reshape(len(rows), periods)
    if reduced:
        keep_sites, multiplicity = _inversion_classes(origin, partner, image, len(basis), species)
    else:
        keep_sites, multiplicity = np.arange(len(basis)), np.ones(len(basis))
    kept = np.isin(origin, keep_sites)
    doubled = np.zeros(len(rows), bool)
    if reduced:
        same = origin == partner
        first = np.array([tuple(n) > tuple(-n) for n in image])
        kept &= ~same | first
        doubled = same & first
    origin, partner, image, doubled = origin[kept], partner[kept], image[kept], doubled[kept]
    return Neighbours(
        site=np.searchsorted(keep_sites, origin),
        origin=origin,
        partner=partner,
        image=image,
        doubled=doubled,
        representatives=keep_sites,
        multiplicity=multiplicity,
        atoms=len(basis),
        outside=outside,
        cell=cell,
        basis=basis,
        species=tuple(species),
    )


def topological(neighbours: Neighbours) -> Neighbours:
    """The same bonds, never to be outrun: for springs that hold whatever the distance."""
    return dataclasses.replace(neighbours, outside=np.inf)


def _spread(basis: np.ndarray) -> float:
    return float(np.max(np.linalg.norm(basis - basis[0], axis=1)))


def _images_within(cell: np.ndarray, reach: float) -> np.ndarray:
    """Integer combinations whose translation can be ``reach`` long, with two further layers for ``outside``."""
    widths = 1.0 / np.linalg.norm(np.linalg.pinv(cell), axis=0)  # distances between lattice planes
    counts = np.ceil(reach / widths).astype(int) + 2
    grids = np.meshgrid(*(np.arange(-c, c + 1) for c in counts), indexing="ij")
    return np.stack([g.ravel() for g in grids], axis=1)


def _inversion_classes(origin, partner, image, atoms, species):
    """Sites whose bonds are the inverse of another site's, for any deformation and any shifts: compute one, twice.

    The comparison is by integers (image, and which shifts the bond feels), so it holds identically, not only at the
    reference positions.
    """
    signatures = []
    for i in range(atoms):
        mine = origin == i
        bonds = []
        for j, n in zip(partner[mine], image[mine], strict=True):
            shift = np.zeros(atoms, int)
            shift[j] += 1
            shift[i] -= 1
            bonds.append((tuple(n.tolist()), tuple(shift.tolist()), species[j]))
        signatures.append((species[i], frozenset(bonds)))
    representatives, multiplicity = [], []
    for i, (kind, bonds) in enumerate(signatures):
        inverse = frozenset((tuple(-x for x in n), tuple(-x for x in shift), sp) for n, shift, sp in bonds)
        for position, other in enumerate(representatives):
            if signatures[other] == (kind, inverse):
                multiplicity[position] += 1.0
                break
        else:
            representatives.append(i)
            multiplicity.append(1.0)
    return np.array(representatives), np.array(multiplicity)


def check_margin(strain_margin: float) -> None:
    """Refuse margins outside [0, 0.9)."""
    if not 0.0 <= strain_margin < 0.9:
        raise ValueError(f"strain_margin: expected a compression in [0, 0.9), got {strain_margin}")


def bound_on_stretch(neighbours: Neighbours, cutoff, largest_shift) -> Float[Array, ""]:
    """Principal stretches below this may have brought in a neighbour that is not in the list."""
    if np.isinf(neighbours.outside):
        return jnp.zeros(())
    return (cutoff + largest_shift) / neighbours.outside


def may_miss(
    neighbours: Neighbours,
    cutoff: Scalar | float,
    cell: Float[Array, "d d"],
    basis: Float[Array, "n d"],
    deformation: Float[Array, "d d"],
    shifts: Float[Array, "m d"],
) -> Flag:
    """Whether a neighbour that is not in the list may have come within ``cutoff``.

    The crystal may differ from the one the list was made for (leaves exchanged, relaxed, traced): with G the
    deformation from the list's cell to ``cell`` and δ = basis − G·(list's basis), bonds are F G R + (F δ + s), so the
    stretches of F G count, and the differences of F δ + s between sublattices.
    """
    if np.isinf(neighbours.outside):
        return jnp.zeros((), bool)
    change = jnp.asarray(np.linalg.inv(neighbours.cell)) @ cell  # Gᵀ
    largest = jnp.zeros(())
    if neighbours.atoms > 1:
        moved = (basis - jnp.asarray(neighbours.basis) @ change) @ deformation.T
        moved = moved + jnp.concatenate([jnp.zeros((1, shifts.shape[1])), shifts])
        apart = moved[:, None, :] - moved[None, :, :]
        largest = jnp.sqrt(jnp.max(jnp.sum(apart**2, axis=2)))
    return ~stretches_exceed(deformation @ change.T, bound_on_stretch(neighbours, cutoff, largest))
