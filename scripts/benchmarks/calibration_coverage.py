"""Coverage of the 90 % intervals with a second seed, the time of 1,000 fits, and the solver beside SciPy's.

Run: python scripts/benchmarks/calibration_coverage.py [seed]

The model is the film of the tests: equilibrium strain and membrane tangent against thickness, four unknowns, 2 % noise.
Ratios are against scipy.optimize.least_squares (method "lm", MINPACK) with the same whitened residuals and the exact
Jacobian, both as compiled functions; compile and run are told apart.
"""

import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from scipy.optimize import least_squares

sys.path.insert(0, str(Path(__file__).parents[2]))
from msjax.calibration import coverage
from msjax.calibration.posterior import residuals
from tests.calibration.models import FILM_PARAMETERS, film, film_template

SECOND_SEED = 987654321


def main(seed: int) -> None:
    """Print coverage, times and the ratio."""
    data = film_template()
    began = time.perf_counter()
    found = coverage(film, data, FILM_PARAMETERS, jax.random.key(seed), sets=1000)
    cold = time.perf_counter() - began
    began = time.perf_counter()
    coverage(film, data, FILM_PARAMETERS, jax.random.key(seed), sets=1000)
    warm = time.perf_counter() - began
    print(f"JAX {jax.__version__}, seed {seed}")
    print(found)
    within = np.all((found.fraction >= 0.87) & (found.fraction <= 0.93))
    print(f"every parameter within 87-93 %: {'yes' if within else 'NO'}")
    iterations = np.asarray(found.status.iterations)
    print(f"1,000 fits: {cold:.2f} s cold (compilation included), {warm:.3f} s warm; "
          f"iterations {iterations.mean():.1f} mean, {iterations.max()} most")  # fmt: skip

    @jax.jit
    def whitened(z, values):
        return jnp.concatenate([residuals(film, data.with_values(values), FILM_PARAMETERS, z), z])

    jacobian = jax.jit(jax.jacfwd(whitened))
    z = np.asarray(found.truth[0])
    exact = film_values(data, z)
    least_squares(whitened, np.zeros(4), jacobian, method="lm", args=(exact,))  # compiles
    began = time.perf_counter()
    apart = 0.0
    rng = np.random.default_rng(seed)
    sets = 50
    for member in range(sets):
        values = film_values(data, found.truth[member])
        values = {k: v + data.sd[k] * rng.standard_normal(data.rows) for k, v in values.items()}
        result = least_squares(whitened, np.zeros(4), jacobian, method="lm", args=(values,), xtol=1e-10, ftol=1e-10)
        apart += float(result.cost)
    scipy_time = (time.perf_counter() - began) / sets
    print(f"one fit by SciPy (lm, exact Jacobian): {1e3 * scipy_time:.2f} ms; here, in the batch of 1,000: "
          f"{1e3 * warm / 1000:.3f} ms; ratio {scipy_time / (warm / 1000):.0f}; "
          f"mean chi2 by SciPy {2 * apart / sets:.1f} for {data.count} data")  # fmt: skip


def film_values(data, z):
    """The film's predictions at normal scores z, by name."""
    from msjax.calibration.parameter import values_at

    return film(values_at(FILM_PARAMETERS, jnp.asarray(z)), data.controls)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else SECOND_SEED)
