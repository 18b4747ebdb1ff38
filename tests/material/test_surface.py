"""Elastic surfaces against closed forms and the contract of materials."""

import jax.numpy as jnp
import numpy as np
import pytest

from msjax.material.check import check_material
from msjax.material.surface import GurtinMurdoch, LinearGurtinMurdoch
from msjax.status import Code


@pytest.mark.slow
@pytest.mark.parametrize("dim", [2, 3])
@pytest.mark.parametrize("kind", [GurtinMurdoch, LinearGurtinMurdoch])
def test_the_contract(kind, dim):
    assert check_material(kind(0.3, 1.0, 0.7, dim=dim)).passed


def test_a_liquid_surface_is_its_area():
    """γ = τ₀ J_s, P = τ₀ ∂J_s: with F_s = (a, 0; 0, b; 0, 0) P = τ₀ (b, 0; 0, a; 0, 0)."""
    found = GurtinMurdoch(tension=2.0).respond(jnp.array([[1.2, 0.0], [0.0, 0.7], [0.0, 0.0]]))
    assert float(found.energy) == pytest.approx(2.0 * 1.2 * 0.7)
    np.testing.assert_allclose(found.stress, [[1.4, 0.0], [0.0, 2.4], [0.0, 0.0]], atol=1e-14)


def test_tangent_at_rest_is_gurtin_and_murdochs():
    """S = τ₀ 1 + 2(μ₀ − τ₀) ε + (λ₀ + τ₀) tr ε 1 + τ₀ H, with the out-of-plane part τ₀ ∂u_n/∂s
    (doi:10.1007/BF00261375); finite and linear surfaces agree there."""
    tension, lam, mu = 0.3, -0.4, 0.7
    rng = np.random.default_rng(0)
    gradient = 1e-6 * rng.normal(size=(3, 2))
    within = gradient[:2]
    strain = 0.5 * (within + within.T)
    expected = tension * gradient
    expected[:2] += 2.0 * (mu - tension) * strain + (lam + tension) * np.trace(strain) * np.eye(2)
    for kind in (GurtinMurdoch, LinearGurtinMurdoch):
        material = kind(tension, lam, mu)
        rest = material.respond(material.reference_strain)
        np.testing.assert_allclose(rest.stress, tension * np.eye(3, 2), atol=1e-14)
        np.testing.assert_allclose(np.tensordot(rest.tangent, gradient, 2), expected, atol=1e-17)


def test_a_line_is_a_surface_in_plane_strain():
    for kind in (GurtinMurdoch, LinearGurtinMurdoch):
        line = kind(0.3, 1.0, 0.7, dim=2).respond(jnp.array([[1.1], [0.2]]))
        surface = kind(0.3, 1.0, 0.7).respond(jnp.array([[1.1, 0.0], [0.0, 1.0], [0.2, 0.0]]))
        assert float(line.energy) == pytest.approx(float(surface.energy), rel=1e-14)
        np.testing.assert_allclose(line.stress[:, 0], np.asarray(surface.stress)[[0, 2], 0], rtol=1e-13)


def test_what_is_wrong_says_so():
    with pytest.raises(ValueError, match="dim: expected 2"):
        GurtinMurdoch(dim=1)
    with pytest.raises(ValueError, match="mu: must be finite"):
        GurtinMurdoch(mu=np.inf)
    with pytest.raises(ValueError, match=r"shape \(3, 2\), got \(3, 3\)"):
        GurtinMurdoch().respond(jnp.eye(3))
    flat = GurtinMurdoch(1.0).respond(jnp.array([[1.0, 2.0], [0.5, 1.0], [0.0, 0.0]]))
    assert int(flat.status.code) == Code.INVERTED
    assert np.isnan(flat.energy)
