"""How often intervals hold the truth, over many synthetic sets."""

import numpy as np

SETS = 1000


def covers(intervals, truth) -> np.ndarray:
    lower, upper = np.array([[x.lower, x.upper] for x in intervals]).T
    return (lower <= truth) & (truth <= upper)


def assert_nominal(covered, nominal=0.95, errors=3.0, low=0.0):
    """The share of sets covered lies within so many standard errors of the promise (and ``low`` below, if known)."""
    error = np.sqrt(nominal * (1 - nominal) / len(covered))
    share = np.mean(covered)
    assert nominal - low - errors * error <= share <= nominal + errors * error, share


def weibull(rng, modulus, scale, shape):
    return scale * rng.exponential(size=shape) ** (1.0 / modulus)
