"""Elastic constants of Stillinger–Weber silicon against matscipy's analytic second derivatives, clamped and relaxed."""

import numpy as np
import pytest

import msjax as ms
from msjax import units

LATTICE_CONSTANT = 5.430949778


@pytest.mark.slow
def test_stillinger_weber_silicon_of_matscipy():
    """Clamped (Born) and relaxed constants to 1e-6, with C44 from 109.7565 GPa to 56.4493 GPa."""
    manybody = pytest.importorskip("matscipy.calculators.manybody", reason="needs matscipy")
    forms = pytest.importorskip("matscipy.calculators.manybody.explicit_forms.stillinger_weber")
    import ase.build
    from matscipy import elasticity

    atoms = ase.build.bulk("Si", "diamond", a=LATTICE_CONSTANT, cubic=True) * (2, 2, 2)
    atoms.calc = manybody.Manybody(**forms.StillingerWeber(forms.Stillinger_Weber_PRB_31_5262_Si))
    born = atoms.calc.get_property("born_constants", atoms)
    non_affine = elasticity.nonaffine_elastic_contribution(atoms)
    clamped, relaxed = (
        elasticity.full_3x3x3x3_to_Voigt_6x6(c, check_symmetry=False) for c in (born, born + non_affine)
    )
    ours = ms.CauchyBorn(ms.bulk("Si", "diamond", a=LATTICE_CONSTANT), ms.StillingerWeber())
    close = {"rtol": 1e-6, "atol": 1e-6 * np.max(clamped)}
    np.testing.assert_allclose(ms.clamped_stiffness(ours), clamped, **close)
    np.testing.assert_allclose(ms.relaxed_stiffness(ours), relaxed, **close)
    assert clamped[3, 3] / units.GPa == pytest.approx(109.7565, rel=1e-6)
    assert relaxed[3, 3] / units.GPa == pytest.approx(56.4493, rel=1e-6)
