"""Stability over a plane of deformations, and its figure."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.crystal.phonons import Plane, Verdict, stability_map
from msjax.status import Code

STRETCHES = (np.diag([1.0, 0.0]), np.diag([0.0, 1.0]))
LINE = np.array([-0.3, -0.25, -0.2, -0.1, 0.0, 0.1])
TWINNING = np.outer([1.0, 1.0, -2.0], [1.0, 1.0, 1.0]) / np.sqrt(18.0)


def square(lengths=(1.0, 2.0**0.5)):
    return ms.CauchyBorn(ms.bulk("X", "square", a=1.0), ms.Springs([1.0, 1.0], lengths, shells=[1.0, 2.0**0.5]))


@pytest.fixture(scope="module")
def found():
    """With one inverted deformation, x = −1.2."""
    plane = Plane(*STRETCHES, x=np.concatenate([[-1.2], LINE]), y=LINE, names=("along", "across"))
    return stability_map(square(), plane, chunk=10)


@pytest.mark.slow
def test_each_point_is_the_stability_there(found):
    material = square()
    assert found.omega2.shape == found.modulus.shape == (7, 6)
    assert found.q.shape == (7, 6, 2)
    for i, j in ((1, 1), (2, 5), (4, 4), (6, 0)):
        one = ms.phonons.stability(material, found.plane.deformations[i, j])
        assert int(found.verdict_code[i, j]) == int(one.verdict_code)
        np.testing.assert_allclose(found.modulus[i, j], one.lowest_modulus, rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(found.acoustic[i, j], one.ellipticity.value, rtol=1e-9, atol=1e-12)
        grid = ms.phonons.modes(material, ms.phonons.zone_grid(2, 8), found.plane.deformations[i, j]).omega2
        lowest = float(jnp.min(grid)) if one.stable else min(float(jnp.min(grid)), float(one.omega2))
        np.testing.assert_allclose(found.omega2[i, j], lowest, rtol=1e-6, atol=1e-9)


@pytest.mark.slow
def test_equal_stretches_are_stable_down_to_five_sixths(found):
    """λ = 5/6 in closed form, long waves first."""
    diagonal = [int(found.verdict_code[i + 1, i]) for i in range(len(LINE))]
    expected = [Verdict.ELLIPTICITY_LOST if 1.0 + x < 5.0 / 6.0 else Verdict.STABLE for x in LINE]
    assert diagonal == [int(v) for v in expected]
    # x and y are alike
    np.testing.assert_array_equal(found.verdict_code[1:], found.verdict_code[1:].T)


def test_a_failed_deformation_is_unknown_and_harms_no_other(found):
    assert np.all(found.verdict_code[0] == int(Verdict.UNKNOWN))
    assert np.all(found.status.code[0] == int(Code.INVERTED))
    assert np.all(np.isnan(found.omega2[0]))
    assert np.all(np.isfinite(found.omega2[1:]))
    assert np.array_equal(np.asarray(found.omega2[1:]) > 0, found.stable[1:])
    assert np.array_equal(np.asarray(found.frequency[1:]) > 0, found.stable[1:])
    assert "6 UNKNOWN" in str(found)


@pytest.mark.slow
def test_a_map_has_first_derivatives():
    material = square((1.0, 1.3))
    plane = Plane(*STRETCHES, x=[-0.2, 0.02], y=[-0.1, 0.05])

    def total(lengths, x):
        changed = eqx.tree_at(lambda m: m.potential.length, material, lengths)
        found = stability_map(changed, eqx.tree_at(lambda p: p.x, plane, x), grid=4)
        return jnp.sum(found.omega2 + 0.3 * found.acoustic)

    at = (material.potential.length, plane.x)
    along = (jnp.array([0.4, -0.2]), jnp.array([1.0, 0.5]))
    slope = sum(float(jnp.vdot(g, d)) for g, d in zip(jax.jit(jax.grad(total, (0, 1)))(*at), along, strict=True))
    h = 1e-5
    ends = [total(*(a + s * h * d for a, d in zip(at, along, strict=True))) for s in (1, -1)]
    assert abs(slope - float(ends[0] - ends[1]) / (2 * h)) < 1e-5 * abs(slope)


@pytest.mark.slow
def test_the_twinning_shear_of_copper_crosses_all_regions(potential_file, reference):
    """Soft phonon before ellipticity, and ω² of the zone's grid, as in stability.json (LAMMPS)."""
    a0 = reference("lattice_response")["EAM_Cu_mishin1"]["a0"]
    copper = ms.CauchyBorn(ms.bulk("Cu", "fcc", a0, mass=63.55), ms.EAM.setfl(potential_file("Cu_mishin1.eam.alloy")))
    path = reference("stability")["EAM_Cu_mishin1"]["shear_[11-2](111)"]
    soft, lost = path["first_soft_phonon_strain"], path["ellipticity_loss_strain"]
    rows = {round(row["e"], 6): row["w2min"] for row in path["table"] if "w2min" in row}
    shears = np.array([0.0, 0.04, 0.08, 0.12, 0.99 * soft, 0.5 * (soft + lost), 1.01 * lost, 0.2])
    found = stability_map(copper, Plane(TWINNING, np.eye(3), x=shears, y=[0.0]))
    expected = [Verdict.STABLE] * 5 + [Verdict.SOFT_PHONON] + [Verdict.ELLIPTICITY_LOST] * 2
    assert found.verdict_code[:, 0].tolist() == [int(v) for v in expected]
    scale = max(abs(x) for x in rows.values())
    for shear, omega2 in zip(shears[:4], found.omega2[:4, 0], strict=True):
        assert abs(float(omega2) - rows[round(float(shear), 6)]) < 1e-3 * scale


def test_the_figure_shows_the_regions(found):
    plot = pytest.importorskip("msjax.plot", reason="figures need matplotlib: pip install 'msjax[plot]'")
    pytest.importorskip("matplotlib", reason="figures need matplotlib: pip install 'msjax[plot]'")
    figure = plot.stability_map(found)
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("along", "across")
    np.testing.assert_array_equal(
        np.asarray(axes.collections[0].get_array()).ravel(), np.asarray(found.verdict_code).T.ravel()
    )
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert words == ["stable", "ellipticity lost", "unknown"]
    cross = axes.lines[0]
    assert (cross.get_xdata()[0], cross.get_ydata()[0]) == (0.0, 0.0)
    with pytest.raises(ValueError, match="at least 2 × 2 points"):
        plot.stability_map(found._replace(plane=Plane(*STRETCHES, x=[0.0], y=[0.0, 0.1])))


def test_planes_that_are_none_are_refused():
    with pytest.raises(ValueError, match="are parallel"):
        Plane(np.eye(2), 2 * np.eye(2), x=[0.0], y=[0.0])
    with pytest.raises(ValueError, match="x: expected finite numbers"):
        Plane(*STRETCHES, x=[np.nan], y=[0.0])
    with pytest.raises(ValueError, match=r"first: expected shape \(d, d\)"):
        Plane([1.0, 0.0], np.eye(2), x=[0.0], y=[0.0])
    with pytest.raises(ValueError, match="holds F of 3 dimensions"):
        stability_map(square(), Plane(np.eye(3), np.diag([1.0, 0, 0]), x=[0.0], y=[0.0]))
