"""Slabs: a stack of primitive surface cells, its bonds, and which atoms move together."""

import dataclasses

import jax.numpy as jnp
import numpy as np

from msjax.crystal.lattice import Crystal
from msjax.crystal.neighbours import Neighbours, find
from msjax.crystal.surfaces.face import Face
from msjax.typing import Array, Float


@dataclasses.dataclass(frozen=True, eq=False)
class Slab:
    """A free slab, periodic along its face; static structure, hashed by content.

    ``cell`` (3, 3): the crystal's cell in the face's axes when the slab was built; ``cells`` (N, 3): the integer cell
    of each atom and ``sublattice`` (N,): its basis atom, from the lowest atom to the highest; ``pattern`` (N, m):
    displacements of all atoms are ``pattern @ unknowns``; ``leaders`` (m,): the atom each unknown is the displacement
    of; ``neighbours``: bonds of the sites that are computed; ``repeats``: primitive cells through the thickness;
    ``centred``: whether inversion through the middle maps the slab onto itself.

    A centred slab has equal faces: atoms come in pairs with opposite displacements, which halves unknowns and bonds
    and leaves no translation. Otherwise the lowest atom is held and energies are means over two different faces.
    """

    face: Face
    cell: np.ndarray
    cells: np.ndarray
    sublattice: np.ndarray
    pattern: np.ndarray
    leaders: np.ndarray
    neighbours: Neighbours
    repeats: int
    centred: bool

    def _content(self):
        arrays = (self.cell, self.cells, self.sublattice, self.pattern, self.leaders)
        return (self.face, *(a.tobytes() for a in arrays), self.neighbours, self.repeats, self.centred)

    def __hash__(self):
        return hash(self._content())

    def __eq__(self, other):
        return isinstance(other, Slab) and self._content() == other._content()

    def __repr__(self):
        kind = "centred" if self.centred else "two different faces"
        return f"Slab({self.face.miller}, {self.repeats} cells, {len(self.cells)} atoms, {kind}, {self.neighbours})"

    @property
    def bond_pattern(self) -> np.ndarray:
        """(nb, m): how each bond feels the unknowns."""
        return self.pattern[self.neighbours.partner] - self.pattern[self.neighbours.origin]

    @property
    def shift_of_bond(self) -> np.ndarray:
        """(nb, basis atoms − 1): how each bond feels the bulk's inner shifts."""
        shift = np.eye(int(self.sublattice.max()) + 1)[self.sublattice][:, 1:]
        return shift[self.neighbours.partner] - shift[self.neighbours.origin]

    def positions(self, cell: Float[Array, "3 3"], basis: Float[Array, "n 3"]) -> Float[Array, "N 3"]:
        """Reference positions in the face's axes, Å, with mean height zero; differentiable in the crystal."""
        positions = (jnp.asarray(self.cells, float) @ cell + basis[self.sublattice]) @ self.face.axes(cell).T
        return positions - jnp.array([[0.0, 0.0, 1.0]]) * jnp.mean(positions[:, 2])

    def reference_bonds(self, cell: Float[Array, "3 3"], basis: Float[Array, "n 3"]) -> Float[Array, "nb 3"]:
        """Reference bond vectors in the face's axes, Å."""
        in_plane = jnp.asarray(self.face.plane, float) @ cell @ self.face.axes(cell).T
        return self.neighbours.vectors(in_plane, self.positions(cell, basis))


def build_slab(
    crystal: Crystal, face: Face, reach: float, repeats: int, termination: int | None = None, *, centred: bool = True
) -> Slab:
    """Stack ``repeats`` primitive cells and find the bonds up to ``reach``, Å, on the host.

    ``termination`` numbers the atomic planes of one repeat, from the lowest up, and says which comes first; by default
    the cut goes where it breaks the fewest nearest-neighbour bonds. With ``centred=False`` the two faces are treated
    as different even where they are not. Raises ``ValueError`` for a termination that does not exist.
    """
    cell, basis = np.asarray(crystal.cell, float), np.asarray(crystal.basis, float)
    axes = np.asarray(face.axes(crystal.cell))
    in_plane = np.array(face.plane) @ cell @ axes.T
    spacing = float((np.array(face.stacking) @ cell @ axes.T)[2])
    heights, start = _cut(crystal, axes, spacing, termination)
    lift = np.ceil((start - heights) / spacing - 1e-9).astype(int)  # first copy of each basis atom at or above the cut
    sublattice = np.tile(np.arange(len(basis)), repeats)
    level = np.repeat(np.arange(repeats), len(basis)) + lift[sublattice]
    order = np.argsort(heights[sublattice] + level * spacing, kind="stable")
    sublattice, level = sublattice[order], level[order]
    cells = level[:, None] * np.array(face.stacking)[None, :]
    # wrap the stacking's drift back along the face
    lateral = (cells @ cell + basis[sublattice]) @ axes.T
    back = np.rint(lateral[:, :2] @ np.linalg.inv(in_plane[:, :2])).astype(int)
    cells = cells - back @ np.array(face.plane)
    positions = (cells @ cell + basis[sublattice]) @ axes.T
    positions[:, 2] -= positions[:, 2].mean()

    species = tuple(crystal.species[b] for b in sublattice)
    partner = _inversion(positions, in_plane, species) if centred else None
    bonds = find(in_plane, positions, species, reach)
    if partner is None:
        pattern = np.eye(len(cells))[:, 1:]
        leaders = np.arange(1, len(cells))
    else:
        leaders = np.flatnonzero(np.arange(len(cells)) < partner)
        pattern = np.zeros((len(cells), len(leaders)))
        pattern[leaders, np.arange(len(leaders))] = 1.0
        pattern[partner[leaders], np.arange(len(leaders))] = -1.0
        bonds = _half(bonds, partner)
    return Slab(face, cell @ axes.T, cells, sublattice, pattern, leaders, bonds, repeats, partner is not None)


def spacing_of(crystal: Crystal, face: Face) -> float:
    """Thickness that one primitive cell adds to a slab, Å."""
    return float(crystal.volume) / float(face.area(crystal.cell))


def _cut(crystal: Crystal, axes: np.ndarray, spacing: float, termination: int | None) -> tuple[np.ndarray, float]:
    """Heights of the basis atoms, and the height of the plane that comes first."""
    cell, basis = np.asarray(crystal.cell, float), np.asarray(crystal.basis, float)
    heights = basis @ axes[2]
    planes = np.unique(np.round(np.mod(heights / spacing + 1e-7, 1.0), 6)) * spacing
    if termination is not None:
        if not 0 <= termination < len(planes):
            raise ValueError(f"termination: this face has {len(planes)}, numbered from 0; got {termination}")
        return heights, float(planes[termination])
    if len(planes) == 1:
        return heights, float(planes[0])
    nearest = find(cell, basis, crystal.species, 1.05 * nearest_distance(cell, basis), reduced=False)
    low = heights[nearest.origin]
    high = low + (nearest.image @ cell + basis[nearest.partner] - basis[nearest.origin]) @ axes[2]
    upward = high > low + 1e-6
    low, high = low[upward], high[upward]

    def broken(plane: float) -> int:
        edge = plane - 1e-3 * spacing
        return int(np.sum(np.floor((high - edge) / spacing) - np.floor((low - edge) / spacing)))

    return heights, float(min(planes, key=broken))


def nearest_distance(cell: np.ndarray, basis: np.ndarray) -> float:
    """Shortest distance between atoms of a crystal with a reduced cell, Å."""
    images = np.stack(np.meshgrid(*([np.arange(-2, 3)] * 3), indexing="ij"), axis=-1).reshape(-1, 3)
    vectors = (images @ cell)[:, None, None, :] + basis[None, None, :, :] - basis[None, :, None, :]
    distances = np.linalg.norm(vectors, axis=-1)
    return float(np.min(distances[distances > 1e-6]))


def _inversion(positions: np.ndarray, in_plane: np.ndarray, species: tuple[str, ...]) -> np.ndarray | None:
    """partner[i] with −x_i + centre ≡ x_partner[i] along the face; None when the slab has no inversion centre."""
    lateral = positions[:, :2] @ np.linalg.inv(in_plane[:, :2])
    height = positions[:, 2] / np.ptp(positions[:, 2])
    kinds = np.array(species)
    for top in np.flatnonzero(np.abs(height + height[0]) < 1e-6):
        mirrored = lateral[0] + lateral[top] - lateral
        apart = mirrored[:, None, :] - lateral[None, :, :]
        meets = np.all(np.abs(apart - np.rint(apart)) < 1e-5, axis=2)
        meets &= np.abs(-height[:, None] - height[None, :]) < 1e-6
        meets &= kinds[:, None] == kinds[None, :]
        if np.all(np.sum(meets, axis=1) == 1):
            return np.argmax(meets, axis=1)
    return None


def _half(bonds: Neighbours, partner: np.ndarray) -> Neighbours:
    """Bonds of one site of each pair, which then stands for two."""
    sites = np.flatnonzero(np.arange(len(partner)) <= partner)
    kept = np.isin(bonds.origin, sites)
    return dataclasses.replace(
        bonds,
        site=np.searchsorted(sites, bonds.origin[kept]),
        origin=bonds.origin[kept],
        partner=bonds.partner[kept],
        image=bonds.image[kept],
        doubled=bonds.doubled[kept],
        representatives=sites,
        multiplicity=np.where(sites == partner[sites], 1.0, 2.0),
    )
