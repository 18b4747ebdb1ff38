"""Bulk sheets and faces on the equibiaxial line."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.surfaces.polynomial import SurfacePolynomial
from msjax.material.stress_driven import PlaneStress
from msjax.nano import FilmFace, LinearSheet, MaterialSheet, TabulatedSheet
from msjax.status import Code


@pytest.fixture(scope="module")
def copper():
    return PlaneStress(ms.CauchyBorn(ms.bulk("Cu", "fcc", a=3.615), ms.EAM.gupta("Cu")))


@pytest.mark.slow
def test_a_table_answers_as_the_material_it_was_made_of(copper):
    exact = MaterialSheet(copper)
    table = TabulatedSheet.of(exact, (-0.04, 0.02))
    assert table.ends == pytest.approx((-0.04, 0.02))
    for e in (-0.03123, -0.01007, 0.00051, 0.0189):
        found, expected = table.at(jnp.asarray(e)), exact.at(jnp.asarray(e))
        np.testing.assert_allclose(found.energy, expected.energy, rtol=1e-12)
        np.testing.assert_allclose(found.stress, expected.stress, rtol=0, atol=1e-9)
        np.testing.assert_allclose(found.stiffness11, expected.stiffness11, rtol=1e-8)
        np.testing.assert_allclose(found.stiffness12, expected.stiffness12, rtol=1e-8)


@pytest.mark.slow
def test_a_table_ends_where_the_material_fails_and_says_so(copper):
    # under equal compression the thickness grows without end somewhere before -40 %
    sheet = MaterialSheet(copper)
    table = TabulatedSheet.of(sheet, (-0.30, 0.02), step=2e-3)
    low, high = table.ends
    assert -0.30 <= low < -0.05
    assert high == pytest.approx(0.02)
    assert int(table.at(jnp.asarray(low - 0.01)).status.code) == Code.OUTSIDE_TABLE
    assert int(table.at(jnp.asarray(low + 1e-6)).status.code) == Code.CONVERGED


@pytest.mark.slow
def test_stiffnesses_are_derivatives_of_the_stress(copper):
    # dP1/de along the line is W11 + W12
    sheet = MaterialSheet(copper)
    e = jnp.asarray(-0.012)
    slope = jax.jit(jax.jacfwd(lambda e: sheet.at(e).stress))(e)
    here = sheet.at(e)
    np.testing.assert_allclose(slope, here.stiffness11 + here.stiffness12, rtol=1e-9)
    np.testing.assert_allclose(jax.jit(jax.grad(lambda e: sheet.at(e).energy))(e), 2.0 * here.stress, rtol=1e-9)


POLYNOMIAL = SurfacePolynomial.square(1.3, 1.5, -1.6, 4.6, -12.0, 7.0, 300.0, -150.0, 220.0)


@pytest.mark.parametrize("e", [-0.02, 0.0, 0.013])
def test_a_face_is_the_polynomial_on_the_line(e):
    face, here = FilmFace.of(POLYNOMIAL), jnp.asarray(e)
    found = face.at(here)
    np.testing.assert_allclose(found.energy, POLYNOMIAL.energy(e, e), rtol=1e-14)
    np.testing.assert_allclose(found.stress, POLYNOMIAL.stress(e, e)[0], rtol=1e-14)
    np.testing.assert_allclose(found.stiffness11, POLYNOMIAL.stiffness(e, e)[0], rtol=1e-13)
    np.testing.assert_allclose(found.stiffness12, POLYNOMIAL.stiffness(e, e)[1], rtol=1e-13)


def test_a_polynomial_of_low_order_makes_a_face_too():
    face = FilmFace.of(SurfacePolynomial(jnp.array([1.0, 0.5, 0.5, -2.0, 3.0, -2.0]), 2))
    assert [float(x) for x in (face.gamma, face.tau0, face.G11, face.G12, face.dG11, face.d2G12)] == [
        1.0, 0.5, -2.0, 3.0, 0.0, 0.0,
    ]  # fmt: skip


def test_mistakes_are_named(copper):
    with pytest.raises(ValueError, match=r"expected a material in plane stress \(dim 2\), got CauchyBorn with dim 3"):
        MaterialSheet(copper.material)
    for strains in ((0.01, 0.02), (-0.01, 0.0), (-1e-5, 0.01)):
        with pytest.raises(ValueError, match="strains: expected a range around 0"):
            TabulatedSheet.of(LinearSheet(1.0, 0.3), strains)
    with pytest.raises(ValueError, match="fails at e = 0"):
        TabulatedSheet.of(LinearSheet(jnp.nan, 0.3))
