"""All bonds of all atoms, from a list that keeps one of each ± pair and one site of each inverse pair.

Under a wave a bond and its inverse carry different phases, so that phonons want every bond of every atom.
"""

import dataclasses
from functools import lru_cache

import numpy as np

from msjax.crystal.neighbours import Neighbours


@lru_cache(maxsize=64)
def complete(neighbours: Neighbours) -> Neighbours:
    """The same bonds with nothing left out: every atom is its own representative.

    Integers only, so it works whatever is traced. A site that stands for its inverse has bonds to that one other
    sublattice and to its own (see ``neighbours.find``): the partner's bonds are these, inverted.
    """
    rows: list[tuple[int, int, tuple[int, ...]]] = []
    for origin, partner, image, doubled in zip(
        neighbours.origin, neighbours.partner, neighbours.image, neighbours.doubled, strict=True
    ):
        n = tuple(int(x) for x in image)
        rows.append((int(origin), int(partner), n))
        if doubled:
            rows.append((int(origin), int(origin), _inverse(n)))
    represented = {int(i) for i in neighbours.representatives}
    for site in sorted(represented):
        mine = [row for row in rows if row[0] == site]
        others = {j for _, j, _ in mine} - represented
        for other in others:
            rows.extend((other, site if j == other else other, _inverse(n)) for _, j, n in mine if j in (site, other))
    rows.sort(key=lambda row: row[0])
    origin, partner = (np.array([row[c] for row in rows]) for c in range(2))
    atoms = neighbours.atoms
    if set(origin.tolist()) != set(range(atoms)) and len(rows):
        raise ValueError("neighbours: an atom has no bonds; the cut-off is too short")
    return dataclasses.replace(
        neighbours,
        site=origin,
        origin=origin,
        partner=partner,
        image=np.array([row[2] for row in rows]),
        doubled=np.zeros(len(rows), bool),
        representatives=np.arange(atoms),
        multiplicity=np.ones(atoms),
    )


def _inverse(n: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(-x for x in n)


def leading(vector) -> bool:
    """Whether the first component that is not zero is positive: one of each ± pair."""
    for x in vector:
        if x != 0:
            return bool(x > 0)
    return False
