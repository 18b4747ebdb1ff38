"""Random sequential addition of particles that are not round."""

import itertools
from collections.abc import Callable

import numpy as np

from msjax.homogenization.microstructures.microstructure import nearest_image

ATTEMPTS = 4000
"""Candidates tried for one particle before the addition counts as jammed."""

Separate = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""``separate(offsets, others, axes)``: which of the others, at these offsets with these axes, the new one clears."""


def add_in_turn(
    axes: np.ndarray,
    lengths: tuple[float, ...],
    diameter: float,
    separate: Separate,
    rng: np.random.Generator,
) -> np.ndarray:
    """Centres (n, d) of equal particles with the given ``axes`` (n, d, d), added one after another without overlap.

    A particle keeps its orientation and looks for a place, so that the orientations stay those that were drawn.

    Args:
        axes: orientation of every particle.
        lengths: edges of the cell, none below ``diameter``.
        diameter: of the ball about the centre that holds a particle; nothing farther apart is tested.
        separate: the test of one new particle against others.
        rng: the random stream.

    Raises:
        ValueError: a particle reaches its own image, or a particle finds no place.
    """
    edges, dimension = np.asarray(lengths), len(lengths)
    if diameter > edges.min():
        raise ValueError(
            f"lengths: particles of extent {diameter:.4g} (gap included) reach their own periodic images in the cell "
            f"{lengths}; make the cell larger or allow overlapping=True"
        )
    # within half a cell only the nearest image can touch
    steps = (0,) if 2 * diameter <= edges.min() else (-1, 0, 1)
    shifts = edges * np.array(list(itertools.product(steps, repeat=dimension)))
    centres = np.zeros((len(axes), dimension))
    for new in range(len(axes)):
        for _ in range(ATTEMPTS):
            centre = rng.random(dimension) * edges
            offsets = nearest_image(centres[:new] - centre, edges)[:, None] + shifts
            other, image = np.nonzero(np.sum(offsets**2, axis=-1) < diameter**2)
            if np.all(separate(offsets[other, image], axes[other], axes[new])):
                centres[new] = centre
                break
        else:
            raise ValueError(
                f"fraction: random addition jammed: particle {new} of {len(axes)} found no place in {ATTEMPTS} "
                "attempts; ask for a smaller fraction, more order, shorter particles, or overlapping=True"
            )
    return centres
