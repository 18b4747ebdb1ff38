"""Calibration at any scale: parameters, observations, fits, identifiability and intervals."""

from msjax.calibration.fit import Band, Fit
from msjax.calibration.fitting import calibrate
from msjax.calibration.implicit import estimate
from msjax.calibration.joint import Joined, JointModel, joined
from msjax.calibration.laplace import Identifiability
from msjax.calibration.observations import Observations
from msjax.calibration.parameter import Parameter
from msjax.calibration.priors import LogNormal, Normal, Uniform
from msjax.calibration.synthetic import Coverage, coverage

__all__ = [
    "Band",
    "Coverage",
    "Fit",
    "Joined",
    "JointModel",
    "Identifiability",
    "LogNormal",
    "Normal",
    "Observations",
    "Parameter",
    "Uniform",
    "calibrate",
    "coverage",
    "estimate",
    "joined",
]
