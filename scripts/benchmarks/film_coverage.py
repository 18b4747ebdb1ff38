"""Coverage of the film law's 90 % intervals with a second seed, and the time of 1,000 fits.

Run: python scripts/benchmarks/film_coverage.py [seed]

The law is the one of the main job: nonlinear bulk (elastic constants to third order, so that it runs everywhere), Γ to
fourth order, seven constants whose truth is drawn from the prior; ε*, A11 and A12 of 13 films with 2 % noise.
"""

import sys
import time

import jax
import numpy as np

from msjax.calibration import coverage
from msjax.studies import FilmLaw, film_bulk, shipped_films, surface_parameters, with_noise

SECOND_SEED = 987654321


def main(seed: int) -> None:
    """Print the coverage and the times."""
    law = FilmLaw(film_bulk("Al", "constants").sheet)
    films = with_noise(shipped_films("Al").window("h_nom", at_least=2.0), 0.02, seed=1)
    print(f"JAX {jax.__version__}, seed {seed}")
    for run in ("cold, compilation included", "warm"):
        began = time.perf_counter()
        found = coverage(law, films, surface_parameters(), jax.random.key(seed), sets=1000, chunk=250)
        print(f"1,000 fits, {run}: {time.perf_counter() - began:.2f} s")
    print(found)
    within = np.all((found.fraction >= 0.87) & (found.fraction <= 0.93))
    print(f"every parameter within 87-93 %: {'yes' if within else 'NO'}")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SECOND_SEED)
