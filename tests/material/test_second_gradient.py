"""Second-gradient media keep the contract, with strains (F, ∇F)."""

import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.material.check import CheckFailed, check_material
from msjax.material.second_gradient import GradientEnhanced, SecondGradient, StrainGradientElastic


@pytest.mark.slow
@pytest.mark.parametrize(
    "material",
    [
        StrainGradientElastic(1.0, 0.7, 0.3, dim=1),
        StrainGradientElastic(1.0, 0.7, 0.3, dim=2),
        GradientEnhanced(ms.NeoHooke(1.0, 2.0, dim=2), 0.7, 0.3),
        GradientEnhanced(ms.NeoHooke(1.0, 2.0), 0.7, 0.3),
    ],
)
def test_the_contract(material):
    assert check_material(material).passed


@pytest.mark.slow
def test_a_false_claim_is_refused():
    class Wrong(GradientEnhanced):
        def respond(self, strain, state=None, inputs=None):
            found = super().respond(strain, state, inputs)
            return found._replace(stress=found.stress._replace(gradient=1.001 * found.stress.gradient))

    with pytest.raises(CheckFailed, match="Wrong"):
        check_material(Wrong(ms.NeoHooke(1.0, 2.0, dim=2), 0.7, 0.3), parameters=False)


@pytest.mark.slow
def test_shear_and_dilation_in_closed_form():
    """u₁,₂₂ = g: W = ½ μ ℓ² g²; u₁,₁₁ = g: ½ (λ + 2μ) ℓ² g²; the double stresses are their derivatives."""
    medium = StrainGradientElastic(2.0, 0.7, 0.3)
    rest = medium.reference_strain
    shear = medium.respond(rest._replace(gradient=rest.gradient.at[0, 1, 1].set(0.1)))
    assert float(shear.energy) == pytest.approx(0.5 * 2.0 * 0.09 * 0.01)
    assert float(shear.stress.gradient[0, 1, 1]) == pytest.approx(2.0 * 0.09 * 0.1)
    assert float(shear.stress.gradient[1, 0, 1]) == pytest.approx(2.0 * 0.09 * 0.1)
    dilation = medium.respond(rest._replace(gradient=rest.gradient.at[0, 0, 0].set(0.1)))
    assert float(dilation.energy) == pytest.approx(0.5 * 4.7 * 0.09 * 0.01)
    np.testing.assert_allclose(rest.deformation, medium.respond(rest).stress.deformation + jnp.eye(3))


def test_what_is_wrong_says_so():
    medium = StrainGradientElastic(1.0, 1.0, 0.1, dim=2)
    with pytest.raises(ValueError, match="expected SecondGradient"):
        medium.respond(jnp.eye(2))
    with pytest.raises(ValueError, match=r"expected shapes \(2, 2\) and \(2, 2, 2\)"):
        medium.respond(SecondGradient(jnp.eye(3), jnp.zeros((3, 3, 3))))
    with pytest.raises(ValueError, match="length: must be finite"):
        StrainGradientElastic(1.0, 1.0, -0.1)
    with pytest.raises(ValueError, match="mu, lam"):
        StrainGradientElastic(-1.0, 1.0, 0.1)
    with pytest.raises(ValueError, match="modulus"):
        GradientEnhanced(ms.NeoHooke(1.0, 1.0), 0.0, 1.0)
    with pytest.raises(ValueError, match="expected one with strains F"):
        GradientEnhanced(ms.Conductor(1.0), 1.0, 1.0)
