"""What the data cannot say is said in words."""

import jax.numpy as jnp
import numpy as np
import pytest

from msjax import units
from msjax.calibration import Normal, Observations, Parameter, calibrate

H = np.array([20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0, 90.0, 100.0, 110.0, 120.0])
TRUTH = {"E": 130.0, "tau": 1.2, "S": -6.0}


def beams(values, controls):
    """Apparent moduli of cantilevers, 1 + 6S/(Eh), and of clamped-clamped beams, which tension stiffens."""
    h = controls["h"]
    length = 40.0 * h
    free = values["E"] + 6.0 * values["S"] / h
    return {"E_cantilever": free, "E_bridge": free + 1.2 * values["tau"] * length**2 / h**3}


PARAMETERS = [
    Parameter("E", "GPa", prior=Normal(130.0, 20.0), positive=True),
    Parameter("tau", "N/m", prior=Normal(0.0, 2.0)),
    Parameter("S", "N/m", prior=Normal(0.0, 6.0)),
]


def observed(noise_seed: int) -> Observations:
    internal = {"E": units.GPa, "tau": units.N_per_m, "S": units.N_per_m}
    values = {k: jnp.asarray(x * internal[k]) for k, x in TRUTH.items()}
    exact = beams(values, {"h": jnp.asarray(H * units.nm)})
    noise = np.random.default_rng(noise_seed).standard_normal((2, H.size))
    return Observations.of(
        {f"{k} [GPa]": np.asarray(exact[k]) / units.GPa * (1 + 0.02 * noise[i]) for i, k in enumerate(exact)},
        controls={"h [nm]": H},
        relative_sd=0.02,
    )


@pytest.mark.slow
def test_the_surface_modulus_of_nano_cantilevers_is_not_identified():
    fit = calibrate(beams, observed(3), PARAMETERS)
    verdicts = dict(zip(fit.names, fit.identifiability.verdicts, strict=True))
    assert verdicts == {"E": "identified", "tau": "identified", "S": "not identified by these data"}
    # exactly one direction of which the data say less than the prior, and it is named
    assert np.sum(fit.identifiability.eigenvalues < 1.0) == 1
    assert fit.identifiability.worst.split()[1] == "S"
    for name, (low, high) in fit.intervals().items():
        assert low < TRUTH[name] < high
    line = next(line for line in fit.report().splitlines() if line.startswith("S "))
    assert "not identified by these data" in line
    assert "the prior speaks; sign open" in line
    assert f"{fit.values['S']:.1f}" not in line  # never a bare number
    assert "±" not in line
    assert "hardly seen by these data: 1.00 S" in fit.report()


@pytest.mark.slow
def test_the_verdict_is_in_units_of_the_prior():
    # the same data and a prior a hundred times wider: now the data say more than was known before
    wide = [*PARAMETERS[:2], Parameter("S", "N/m", prior=Normal(0.0, 600.0))]
    fit = calibrate(beams, observed(3), wide, starts=1)
    assert fit.identifiability.verdicts[2] == "identified"
    assert 5.0 < fit.sd["S"] < 15.0  # the same eight newtons per metre or so: it is the question that changed


@pytest.mark.slow
def test_one_thickness_does_not_separate_bulk_from_surface():
    data = observed(3).window("h", at_least=19.0, at_most=21.0)
    fit = calibrate(lambda v, c: {"E_cantilever": beams(v, c)["E_cantilever"], "E_bridge": beams(v, c)["E_bridge"]},
                    data, PARAMETERS, starts=2)  # fmt: skip
    assert fit.identifiability.eigenvalues[-1] < 1e-9
    assert fit.identifiability.verdicts[2].startswith("not identified")
    # E + 6 S/h is what is measured: along the unseen direction it does not change
    direction = fit.identifiability.directions[:, -1]
    assert abs(direction[1]) < 1e-6
    assert direction[0] * direction[2] < 0
    combination = fit.derived(lambda v: v["E"] + 6.0 * v["S"] / (20.0 * units.nm), "GPa")
    assert combination.sd < 0.5 * fit.sd["E"] + 2.0
    assert abs(combination.value - 128.2) < 6.0


def test_eigenvalues_are_those_of_the_scaled_fisher_information():
    fit = calibrate(beams, observed(3), PARAMETERS, starts=1, curvature="full")
    # by finite differences of the model in stated units, scaled by the prior's standard deviations; E is log-normal,
    # with slope value * log_sd there
    data = fit.observations
    step = {"E": 1e-3, "tau": 1e-4, "S": 1e-3}
    scale = {"E": fit.values["E"] * float(PARAMETERS[0].prior.log_sd), "tau": 2.0, "S": 6.0}
    unit = {"E": units.GPa, "tau": units.N_per_m, "S": units.N_per_m}
    columns = []
    for name in fit.names:
        ends = []
        for sign in (1, -1):
            values = {k: v + sign * step[k] * (k == name) for k, v in fit.values.items()}
            found = beams({k: v * unit[k] for k, v in values.items()}, data.controls)
            ends.append(np.concatenate([np.asarray(found[k] / data.sd[k]) for k in data.names]))
        columns.append((ends[0] - ends[1]) / (2 * step[name]) * scale[name])
    jacobian = np.stack(columns, axis=1)
    expected = np.linalg.eigvalsh(jacobian.T @ jacobian)[::-1]
    np.testing.assert_allclose(fit.identifiability.eigenvalues, expected, rtol=1e-6)
