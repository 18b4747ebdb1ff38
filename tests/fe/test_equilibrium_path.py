"""Equilibrium paths through limit points, bifurcations, snap-through and snap-back, against closed forms."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe.continuation import ArcLength, Dissipation
from msjax.fe.equilibrium_path import limit_load, trace
from msjax.material.bar import Bar
from msjax.material.hyperelastic import Hyperelastic
from msjax.material.response import Material, Response
from msjax.status import SolveError, Status


class Green(Hyperelastic):
    """w = E/8 (λ² − 1)²."""

    young: jax.Array

    @property
    def dim(self):
        return 1

    def stored_energy(self, deformation):
        return self.young / 8.0 * (deformation[0, 0] ** 2 - 1.0) ** 2


def rods(young=1.0, area=1.0):
    return Bar(Green(jnp.asarray(young)), area)


def truss(width, height, sideways=False):
    """Von Mises' truss with a unit load on its apex."""
    mesh = ms.fe.Mesh([[-width, 0.0], [0.0, height], [width, 0.0]], [[0, 1], [1, 2]], "line2")
    held = [ms.fe.Dirichlet([0, 2])] + ([] if sideways else [ms.fe.Dirichlet([1], 0.0, "x")])
    return ms.fe.Problem(mesh, rods(), held, [ms.fe.NodalForce([1], [0.0, -1.0])])


def load(z, width, height):
    """Of the truss whose apex is at height z, bars of E A = 1."""
    length = np.hypot(width, height)
    return (height**2 * z - z**3) / length**3


@pytest.mark.slow
@pytest.mark.parametrize("control", [ArcLength(), ArcLength(0.0)], ids=["spherical", "cylindrical"])
def test_snap_through_of_a_shallow_truss(control):
    height = 0.3
    path = trace(
        truss(1.0, height), control=control, first=2e-3, steps=80, stop=lambda factor, u: u[1, 1] < -2.3 * height
    )
    assert path.stopped.startswith("stopped as asked")
    z = height + np.asarray(path.u[:, 1, 1])
    np.testing.assert_allclose(path.factors, load(z, 1.0, height), atol=1e-10)
    peak = load(height / np.sqrt(3), 1.0, height)
    np.testing.assert_allclose(path.limit_loads, [peak, -peak], rtol=1e-6)
    assert [p.kind for p in path.points] == ["maximum", "minimum"]
    np.testing.assert_array_equal(path.negative, np.abs(z) < height / np.sqrt(3))
    np.testing.assert_allclose(path.points[0].mode, [[0, 0], [0, 1], [0, 0]], atol=1e-12)
    np.testing.assert_allclose(path.energy, (z**2 - height**2) ** 2 / 4 / (1 + height**2) ** 1.5 - path.factors
                               * (height - z), atol=1e-10)  # fmt: skip


@pytest.mark.slow
def test_limit_load_and_none():
    found = limit_load(truss(1.0, 0.3), first=2e-3)
    np.testing.assert_allclose(found.factor, load(0.3 / np.sqrt(3), 1.0, 0.3), rtol=1e-6)
    with pytest.raises(SolveError, match="no limit point"):
        limit_load(truss(1.0, 0.3), first=-1e-3, steps=5)


@pytest.mark.slow
def test_a_steep_truss_bifurcates_before_its_limit_point():
    """Sideways at z² = h² − 2 b²."""
    path = trace(truss(1.0, 2.0, sideways=True), first=2e-2, steps=60, stop=lambda factor, u: u[1, 1] < -2.5)
    kinds = [p.kind for p in path.points]
    assert kinds[:2] == ["bifurcation", "maximum"]
    np.testing.assert_allclose(path.points[0].factor, load(np.sqrt(2.0), 1.0, 2.0), rtol=1e-5)
    np.testing.assert_allclose(np.abs(path.points[0].mode[1]), [1.0, 0.0], atol=1e-8)
    np.testing.assert_allclose(path.points[1].factor, load(2.0 / np.sqrt(3), 1.0, 2.0), rtol=1e-6)
    np.testing.assert_allclose(path.u[:, 1, 0], 0.0, atol=1e-9)
    assert set(path.negative.tolist()) == {0, 1, 2}


@pytest.mark.slow
def test_snap_back_of_a_truss_loaded_through_a_soft_rod():
    """The rod is so soft that its end turns back while the truss snaps."""
    height, length, soft = 0.3, 1.5, 0.06
    mesh = ms.fe.Mesh(
        [[-1.0, 0.0], [0.0, height], [1.0, 0.0], [0.0, height + length]], [[0, 1], [1, 2], [1, 3]], "line2",
        regions=[0, 0, 1], region_names=("truss", "rod"),
    )  # fmt: skip
    held = [ms.fe.Dirichlet([0, 2]), ms.fe.Dirichlet([1, 3], 0.0, "x")]
    problem = ms.fe.Problem(mesh, {"truss": rods(), "rod": rods(area=soft)}, held, [ms.fe.NodalForce([3], [0.0, -1.0])])
    path = trace(problem, first=1e-3, steps=150, stop=lambda factor, u: u[1, 1] < -2.05 * height)
    assert path.stopped.startswith("stopped as asked")
    z = height + np.asarray(path.u[:, 1, 1])
    np.testing.assert_allclose(path.factors, load(z, 1.0, height), atol=1e-9)
    # force in the rod: soft λ (λ² − 1)/2 = −P
    stretch = [max(np.roots([1.0, 0.0, -1.0, 2.0 * p / soft]).real) for p in np.asarray(path.factors)]
    end = np.asarray(path.displacement(problem, [3], 1))
    np.testing.assert_allclose(end, z - height + length * (np.array(stretch) - 1.0), atol=1e-8)
    assert np.any(np.diff(end) > 1e-3)  # it goes back up although it is pushed down
    peak = load(height / np.sqrt(3), 1.0, height)
    np.testing.assert_allclose(path.limit_loads, [peak, -peak], rtol=1e-6)


@pytest.mark.slow
def test_shallow_clamped_arch_of_solid_elements():
    """w₀ = H/2 (1 − cos kx), k = 2π/L, under p cos kx: shallow-arch theory has
    p = E I k⁴ (H − z)/2 + E A k⁴ z (H² − z²)/32 with rise z; corrections are of the order of slopes squared."""
    depth, rise = 0.01, 0.02
    mesh = ms.fe.rectangle((0.5, depth), (8, 1), "quad9")  # half of it
    wave = 2 * np.pi

    def shape(x):
        return np.stack([x[:, 0], x[:, 1] + rise / 2 * (1 - np.cos(wave * x[:, 0]))], axis=1)

    scale = depth**3 / 12 * wave**4 / 2  # E I k⁴ t/2 per depth
    push = ms.fe.BodyForce(lambda x: jnp.stack([0.0 * x[0], scale * jnp.cos(wave * x[0])]))
    held = [ms.fe.Dirichlet("x-"), ms.fe.Dirichlet("x+", 0.0, "x")]
    problem = ms.fe.Problem(mesh.moved(shape), ms.NeoHooke(0.5, 0.0, 2), held, [push])
    path = trace(problem, first=0.5, steps=60, stop=lambda factor, u: u[-2, 1] < -2.2 * rise)
    zeta = np.array([1.0, -1.0]) * np.sqrt(8.0 / 9.0)
    expected = (2 - zeta) + 0.75 * zeta * (4 - zeta**2)
    np.testing.assert_allclose(path.limit_loads, expected, atol=0.01 * expected[0])
    np.testing.assert_allclose(path.limit_loads[0], expected[0], rtol=1e-3)
    assert path.stopped.startswith("stopped as asked")


class Softening(Material):
    """Local damage in one dimension: σ = (1 − d(κ)) E ε falls linearly from the strength to 0 at ``last``."""

    young: jax.Array
    strength: jax.Array
    last: jax.Array

    objective: ClassVar[bool] = False
    conservative: ClassVar[bool] = False

    @property
    def dim(self):
        return 1

    def initial_state(self):
        return jnp.zeros(())

    def respond(self, strain, state=None, inputs=None):
        strain = jnp.asarray(strain)[0, 0] - 1.0
        first = self.strength / self.young
        before = jnp.maximum(state, first)
        kappa = jnp.maximum(before, strain)
        intact = jnp.clip(self.strength * (self.last - kappa) / (self.last - first) / (self.young * kappa), 0.0, 1.0)
        stress = intact * self.young * strain
        softening = -self.strength / (self.last - first)
        slope = jnp.where((strain > before) & (strain < self.last), softening, intact * self.young)
        return Response(
            0.5 * stress * strain, stress[None, None], slope[None, None, None, None], kappa, Status.of(), Status.of()
        )


def softening_bar(cells=5):
    """Of E = 1 with a weak first cell, pulled by a unit force."""
    mesh = ms.fe.interval(1.0, cells)
    weak = jnp.where(jnp.arange(cells) == 0, 0.9, 1.0)
    material = ms.fe.PerCell(jax.vmap(lambda s: Softening(jnp.asarray(100.0), s, jnp.asarray(0.03)))(weak))
    return ms.fe.Problem(mesh, material, [ms.fe.Dirichlet("x-")], [ms.fe.NodalForce([cells], [1.0])])


@pytest.mark.slow
def test_softening_bar_by_dissipation():
    """All of the snap-back, sharp corner included, down to a hundredth of the strength."""
    cells = 5
    problem = softening_bar(cells)
    path = trace(problem, control=Dissipation(), first=0.2, steps=80, stop=lambda factor, u: u[1, 0] > 0.0299 / cells)
    assert path.stopped.startswith("stopped as asked")
    factors, end = np.asarray(path.factors), np.asarray(path.displacement(problem, [cells], 0))
    weak = np.asarray(path.u[:, 1, 0]) * cells
    elastic = weak <= 0.009 + 1e-9
    stress = np.where(elastic, 100.0 * weak, 0.9 * (0.03 - weak) / (0.03 - 0.009))
    np.testing.assert_allclose(factors, stress, atol=1e-7)
    np.testing.assert_allclose(end, weak / cells + (1 - 1 / cells) * stress / 100.0, atol=1e-9)
    assert end[-1] < np.max(end) - 1e-4  # snap-back
    np.testing.assert_allclose(path.limit_loads, [0.9], rtol=1e-3)
    done = path.dissipated[~elastic][1:]  # on the straight branch the measure is exact
    secant = 0.5 * (0.9 * weak - stress * 0.009)[~elastic] / cells
    np.testing.assert_allclose(done, np.diff(secant), rtol=1e-5)
    assert not path.stable[-1]


def test_a_path_that_ends_says_so_and_bad_input_is_named():
    problem = truss(1.0, 0.3)
    path = trace(problem, first=2e-3, steps=3)
    assert path.factors.shape == (4,)
    assert "made all steps at load factor" in path.stopped
    with pytest.raises(ValueError, match="first"):
        trace(problem, first=0.0)
    with pytest.raises(ValueError, match="steps"):
        trace(problem, steps=0)
    with pytest.raises(ValueError, match="largest"):
        trace(problem, largest=-1.0)
