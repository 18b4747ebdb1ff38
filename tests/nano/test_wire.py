"""Bars with a section that relaxes: closed forms of linear theory, the wedge, claims of a material, bad input."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.material.surface import GurtinMurdoch, LinearGurtinMurdoch
from msjax.nano import SurfaceElasticity, Wire, circle, polygon, rectangle, rhombus, square, wire_rigidity
from msjax.status import Code

E, NU = 100.0, 0.3
ISOTROPIC = ms.IsotropicElastic(E, NU)
RUBBER = ms.NeoHooke(mu=1.0, lam=1.5)
LINE = GurtinMurdoch(dim=2)  # a surface of the plane
STRAIGHT = jnp.array([[1.0, 0.0]])


@pytest.mark.slow
@pytest.mark.parametrize(
    "section",
    [
        square(2.0),
        rectangle(3.0, 1.0),
        rhombus(3.0, 1.0),
        circle(2.0),
        polygon(np.array([[0.0, 0.0], [2.0, 0.0], [2.5, 1.5], [0.5, 2.5], [-0.5, 1.0]])),
    ],
    ids=["square", "rectangle", "rhombus", "circle", "pentagon"],
)
def test_without_surfaces_bars_have_ea_and_ei(section):
    """Saint-Venant's bending is a polynomial of degree two: EA, EI and nothing between, whatever the section."""
    tangent = Wire(ISOTROPIC, section).respond(STRAIGHT).tangent.reshape(2, 2)
    expected = np.diag([E * float(section.area), E * float(section.second_moment)])
    if section.corners.shape[0] == 5:
        # y is no principal axis of it: with the z axis through the centroid held, it bends in its plane all the same
        expected[1, 1] = tangent[1, 1]
        assert float(tangent[1, 1]) >= E * float(section.second_moment) * (1.0 - 1e-9)
    np.testing.assert_allclose(tangent, expected, rtol=1e-9, atol=1e-9 * expected[0, 0])


@pytest.mark.slow
def test_a_bent_bar_takes_its_anticlastic_shape():
    """u_z = −ν κ z y, u_y = ½ ν κ (z² − y²) (Timoshenko and Goodier, §102), for a small κ."""
    wire, curvature = Wire(ISOTROPIC, rectangle(3.0, 2.0)), 1e-6
    shape = wire.respond(jnp.array([[1.0, curvature]])).state
    for z, y in [(1.5, 1.0), (-0.7, 0.4), (0.3, -0.9)]:
        u = wire.shape.displacement(shape, jnp.array([z, y]))
        expected = np.array([-NU * z * y, 0.5 * NU * (z**2 - y**2), 0.0])
        np.testing.assert_allclose(u / curvature, expected, atol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize(
    "section", [rectangle(3.0, 2.0), rhombus(3.0, 2.0), circle(2.0)], ids=["rectangle", "rhombus", "circle"]
)
def test_faces_and_edges_count_as_in_the_linear_section(section):
    """Without Poisson's ratio and residual stress nothing moves sideways: EA* and EI* of Section.rigidity."""
    bulk, face = ms.IsotropicElastic(E, 0.0), LinearGurtinMurdoch(mu=2.0)
    edges = 3.0 if section.corners.shape[0] else 0.0
    tangent = Wire(bulk, section, face, edge_stiffness=edges).respond(STRAIGHT).tangent.reshape(2, 2)
    expected = section.rigidity(E, SurfaceElasticity(stiffness=4.0, edge_stiffness=edges))
    assert float(tangent[0, 0]) == pytest.approx(float(expected.tension), rel=1e-9)
    assert float(tangent[1, 1]) == pytest.approx(float(expected.bending), rel=1e-9)


@pytest.mark.slow
def test_faces_that_differ_curl_a_bar():
    """Strain and curvature at rest of the linear section, and no sideways pull of a tension along the beam alone."""
    bulk, section, tension = ms.IsotropicElastic(E, 0.0), rectangle(3.0, 2.0), 1e-6
    pulling, idle = GurtinMurdoch(tension=tension), GurtinMurdoch()
    faces = [idle, idle, pulling, idle]
    found = wire_rigidity(Wire(bulk, section, faces))
    round_about = polygon(np.array([[-1.5, 1.0], [1.5, 1.0], [1.5, -1.0], [-1.5, -1.0]]))
    turned = wire_rigidity(Wire(bulk, round_about, [pulling, idle, idle, idle]))
    assert float(turned.curvature) == pytest.approx(float(found.curvature), rel=1e-9)
    expected = section.relaxed(E, SurfaceElasticity(stress=jnp.array([0.0, 0.0, tension, 0.0])))
    assert float(found.strain) == pytest.approx(float(expected.strain), rel=1e-5)
    assert float(found.curvature) == pytest.approx(float(expected.curvature), rel=1e-5)


@pytest.mark.slow
def test_tension_of_the_faces_shortens_a_square_bar():
    """ε = −4 τ (1 − ν)/(E D): the sides' tension along the beam, and across it by Poisson's effect; to first order."""
    tension, side = 1e-5, 2.0
    found = wire_rigidity(Wire(ISOTROPIC, square(side), GurtinMurdoch(tension=tension)))
    assert float(found.strain) == pytest.approx(-4.0 * tension * (1.0 - NU) / (E * side), rel=1e-4)
    assert float(found.poisson) == pytest.approx(NU, rel=1e-4)


@pytest.mark.slow
def test_a_corner_holds_the_energy_of_a_wedge():
    """Two faces pull a right-angled edge with P = √2 τ along its bisector. The energy of a wedge of angle 2α between
    radii core and R is −P²(1 − ν²)/(2E (α + ½ sin 2α)) ln(R/core) (Timoshenko and Goodier, §38): four corners'
    slope in ln core; a quarter of it is lost without its angular fields."""
    tension = 1e-4
    wire = Wire(ISOTROPIC, square(2.0), GurtinMurdoch(tension=tension), core=0.02)

    def energy(core):
        return eqx.tree_at(lambda w: w.core, wire, jnp.asarray(core)).respond(STRAIGHT).energy

    slope = (float(energy(0.03)) - float(energy(0.02))) / np.log(1.5)
    alpha = np.pi / 4.0
    wedge = 4.0 * 2.0 * tension**2 * (1.0 - NU**2) / (2.0 * E * (alpha + 0.5 * np.sin(2.0 * alpha)))
    assert slope == pytest.approx(wedge, rel=0.05)


@pytest.mark.slow
def test_turned_axes_are_a_turned_crystal():
    """A cubic bar along [110] has the Young's modulus of that direction, 1/E = s11 − ½(s11 − s12 − ½s44)."""
    c11, c12, c44 = 168.0, 121.0, 75.0
    block = np.full((3, 3), c12) + (c11 - c12) * np.eye(3)
    bulk = ms.LinearElastic(np.block([[block, np.zeros((3, 3))], [np.zeros((3, 3)), c44 * np.eye(3)]]))
    half = np.sqrt(0.5)
    axes = np.array([[half, -half, 0.0], [0.0, 0.0, -1.0], [half, half, 0.0]])
    found = wire_rigidity(Wire(bulk, square(2.0), axes=axes))
    s11 = (c11 + c12) / ((c11 - c12) * (c11 + 2.0 * c12))
    s12 = -c12 / ((c11 - c12) * (c11 + 2.0 * c12))
    assert float(found.young) == pytest.approx(1.0 / (s11 - 0.5 * (s11 - s12 - 0.5 / c44)), rel=1e-9)


@pytest.mark.slow
def test_every_claim_holds():
    """N and M are derivatives of the energy, the tangent is theirs, a batch is its members."""
    wire = Wire(RUBBER, square(2.0), GurtinMurdoch(tension=0.05, mu=0.1), edge_stress=0.02)
    strains = jnp.array([[[1.03, 0.02]], [[0.98, -0.04]]])
    assert ms.check_material(wire, strains, parameters=False).passed


@pytest.mark.slow
def test_rigidities_follow_size_faces_edges_and_core():
    """One reverse pass against central differences."""

    def bending(values):
        face = GurtinMurdoch(tension=values["tension"], mu=0.1)
        wire = Wire(RUBBER, square(values["side"]), face, edge_stress=values["edge"], core=values["core"])
        return wire_rigidity(wire, throw=False).bending

    bending = jax.jit(jax.value_and_grad(bending))
    values = {"tension": 0.05, "side": 2.0, "edge": 0.02, "core": 0.3}
    values = {name: jnp.asarray(value) for name, value in values.items()}
    _, exact = bending(values)
    for name, value in values.items():
        step = 1e-4 * value
        ends = [float(bending(values | {name: value + sign * step})[0]) for sign in (1.0, -1.0)]
        assert float(exact[name]) == pytest.approx((ends[0] - ends[1]) / (2.0 * float(step)), rel=1e-6), name


@pytest.mark.slow
def test_failures_are_nan_with_their_code():
    """A strain that is no number and one without length, beside one that is good."""
    wire = Wire(RUBBER, square(2.0))
    strains = jnp.array([[[np.nan, 0.0]], [[-1.0, 0.0]], [[1.01, 0.01]]])
    found = jax.vmap(wire.respond)(strains)
    assert found.status.code.tolist() == [Code.NONFINITE, Code.INVERTED, Code.CONVERGED]
    assert np.isnan(found.energy).tolist() == [True, True, False]
    alone = wire.respond(strains[2])
    np.testing.assert_allclose(found.stress[2], alone.stress, rtol=1e-12)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bulk": ms.NeoHooke(mu=1.0, lam=1.0, dim=2)}, "bulk: expected a conservative material of dimension 3"),
        ({"degree": 0}, "degree: expected an integer of at least 1"),
        ({"axes": np.eye(3)[:2]}, "axes: expected three rows"),
        ({"axes": np.diag([1.0, 1.0, -1.0])}, "axes: expected a right-handed set"),
        ({"axes": np.ones((3, 3))}, "axes: expected three orthogonal rows"),
        ({"faces": [GurtinMurdoch()] * 3}, "faces: expected one surface or one for each of 4 faces, got 3"),
        ({"faces": [GurtinMurdoch(), LINE, GurtinMurdoch(), GurtinMurdoch()]}, r"faces\[1\]: expected a surface of"),
        ({"edge_stress": jnp.ones(2)}, r"edge_stress: expected one number or one for each edge \(4\)"),
        ({"core": -1.0}, "core: expected one positive length"),
        ({"section": circle(2.0), "core": 1.0}, "core: this section has no edges"),
        ({"section": circle(2.0), "edge_stiffness": 1.0}, "edge_stiffness: this section has no edges"),
    ],
    ids=lambda x: "" if isinstance(x, dict) else x[:20],
)
def test_bad_input_is_refused(change, words):
    """One error that names the argument."""
    with pytest.raises(ValueError, match=words):
        Wire(**{"bulk": ISOTROPIC, "section": square(2.0)} | change)
    with pytest.raises(ValueError, match=r"strain: expected stretch and curvature"):
        Wire(ISOTROPIC, square(2.0)).respond(jnp.eye(3))


def test_a_face_must_hold_the_beam():
    """{111} faces do not lie along [001]."""
    axes = jnp.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    face = ms.surfaces.ExpandedSurface(ms.surfaces.SurfacePolynomial.square(tau0=1.0), axes=axes)
    assert len(Wire(ISOTROPIC, square(2.0), face).kinds) == 1
    turned = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    with pytest.raises(ValueError, match=r"faces\[0\]: its plane does not hold the beam's axis \(they meet at 90°\)"):
        Wire(ISOTROPIC, square(2.0), face, axes=turned)
