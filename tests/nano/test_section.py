"""Cross-sections against closed forms, integrals over their points, and copper wires of molecular statics."""

import csv

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import quad

from msjax.nano import SurfaceElasticity
from msjax.nano.section import circle, polygon, rectangle, rhombus, square

E, S, TAU = 130.0, -10.655, 0.605  # GPa and N/m with lengths in nm


def moments(found):
    return [
        float(x) for x in (found.area, found.second_moment, found.perimeter, found.surface_second_moment,
                           jnp.sum(found.projections), found.thickness)
    ]  # fmt: skip


def test_sections_in_closed_form():
    b, h = 3.0, 2.0
    np.testing.assert_allclose(
        moments(rectangle(b, h)), [b * h, b * h**3 / 12, 2 * (b + h), b * h**2 / 2 + h**3 / 6, 2 * b, h], rtol=1e-14
    )
    np.testing.assert_allclose(moments(circle(h)), [np.pi, np.pi / 4, 2 * np.pi, np.pi, np.pi, 2.0], rtol=1e-14)
    side = np.hypot(b, h) / 2
    np.testing.assert_allclose(
        moments(rhombus(b, h)), [b * h / 2, b * h**3 / 48, 4 * side, 4 * side * h**2 / 12, b**2 / side, h], rtol=1e-14
    )
    assert [float(f(2.0).shear_coefficient) for f in (square, circle)] == pytest.approx([5 / 6, 0.9])


def test_the_shear_coefficient_is_that_of_the_parabolic_shear_stress():
    # k = I²/(A ∫ (Q(y)/b(y))² b dy) with Q(y) = ∫_y t b(t) dt, by quadrature
    widths = {square: lambda y: 2.0, circle: lambda y: 2.0 * np.sqrt(1.0 - y**2)}
    widths[lambda h: rhombus(3.0, h)] = lambda y: 3.0 * (1.0 - abs(y))
    for make, b in widths.items():
        found = make(2.0)

        def rate(y, b=b):
            return quad(lambda t: t * b(t), y, 1.0)[0] ** 2 / b(y)

        integral = 2.0 * quad(rate, 0.0, 1.0 - 1e-9)[0]
        expected = found.second_moment**2 / (found.area * integral)
        np.testing.assert_allclose(found.shear_coefficient, expected, rtol=1e-6)


def test_any_polygon_is_the_sum_over_its_points():
    # a trapezium with a notch, off the origin, clockwise: moments of area by a fine grid, of faces by quadrature
    corners = np.array([[1.0, 1.0], [1.0, 4.0], [2.5, 2.5], [4.0, 4.0], [6.0, 1.0]])
    found = polygon(corners)
    n = 2000
    grid = (np.arange(n) + 0.5) / n
    z, y = 1.0 + 5.0 * grid[None, :], 1.0 + 3.0 * grid[:, None]
    inside = (y < np.where(z < 2.5, 5.0 - z, np.where(z < 4.0, z, 4.0 - 1.5 * (z - 4.0)))) & (z > 1.0)
    cell = 15.0 / n**2
    area = inside.sum() * cell
    centre = (inside * y).sum() * cell / area
    np.testing.assert_allclose(found.area, area, rtol=1e-3)
    np.testing.assert_allclose(found.second_moment, (inside * (y - centre) ** 2).sum() * cell, rtol=3e-3)
    np.testing.assert_allclose(found.edges, corners[:, 1] - centre, atol=3e-3)
    after, centre = np.roll(corners, -1, axis=0), corners[0, 1] - float(found.edges[0])
    for i in range(5):
        length = np.hypot(*(after[i] - corners[i]))

        def along(s, i=i):
            return corners[i, 1] + s * (after[i, 1] - corners[i, 1]) - centre

        np.testing.assert_allclose(found.lengths[i], length, rtol=1e-13)
        np.testing.assert_allclose(found.first_moments[i], length * quad(along, 0, 1)[0], rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(found.second_moments[i], length * quad(lambda s: along(s) ** 2, 0, 1)[0], rtol=1e-10)
    np.testing.assert_allclose(moments(polygon(corners[::-1].copy())), moments(found), rtol=1e-13)
    np.testing.assert_allclose(moments(polygon(corners + 100.0)), moments(found), rtol=1e-9)


def test_a_polygon_of_many_corners_is_a_circle():
    angle = 2 * np.pi * np.arange(4000) / 4000
    found = jax.jit(polygon)(jnp.asarray(np.stack([np.cos(angle), np.sin(angle)], axis=1)))
    np.testing.assert_allclose(moments(found), moments(circle(2.0)), rtol=2e-6)


def test_factors_of_tension_and_bending():
    # plate 2 and 6, square bar 4 and 8
    h, all_faces = 4.0, SurfaceElasticity(stiffness=S)
    plate = SurfaceElasticity(stiffness=jnp.array([S, 0.0, S, 0.0]))
    cases = (rectangle(7.0, h), plate, 2, 6), (square(h), all_faces, 4, 8), (circle(h), all_faces, 4, 8)
    for bar, surface, tension, bending in cases:
        found = bar.rigidity(E, surface)
        np.testing.assert_allclose(found.tension / (E * bar.area), 1 + tension * S / (E * h), rtol=1e-13)
        np.testing.assert_allclose(found.bending / (E * bar.second_moment), 1 + bending * S / (E * h), rtol=1e-13)
        assert abs(found.coupling) < 1e-12
    silicon = rectangle(200.0, 50.0).rigidity(E, SurfaceElasticity(stiffness=S))
    np.testing.assert_allclose(silicon.bending, E * 200 * 50**3 / 12 + S * (200 * 50**2 / 2 + 50**3 / 6), rtol=1e-14)


def energy(found, E, surface, strain, curvature):
    """Per length, from the section's points; rectangles only: 4-point Gauss in the bulk and on the faces."""
    x, w = np.polynomial.legendre.leggauss(4)
    h = found.thickness
    b = found.area / h
    e = strain + curvature * (h / 2) * x
    bulk = jnp.sum(w / 2 * b * h * 0.5 * E * e**2)
    top, bottom = strain + curvature * h / 2, strain - curvature * h / 2
    tau, s = jnp.broadcast_to(surface.stress, (4,)), jnp.broadcast_to(surface.stiffness, (4,))

    def face(i, e):
        return tau[i] * e + 0.5 * s[i] * e**2

    faces = b * (face(0, bottom) + face(2, top)) + h * jnp.sum(w / 2 * (face(1, e) + face(3, e)))
    t, k = jnp.broadcast_to(surface.edge_stress, (4,)), jnp.broadcast_to(surface.edge_stiffness, (4,))
    corners = jnp.stack([bottom, bottom, top, top])
    return bulk + faces + jnp.sum(t * corners + 0.5 * k * corners**2)


@pytest.mark.slow
def test_rigidities_and_relaxation_are_derivatives_of_the_energy():
    # unequal faces and edges: tension and bending couple
    surface = SurfaceElasticity(
        jnp.array([0.3, 1.0, -0.4, 0.2]), jnp.array([-5.0, 3.0, 8.0, 1.0]), jnp.array([0.1, 0.2, 0.5, -0.3]),
        jnp.array([2.0, -1.0, 3.0, 0.5]),
    )  # fmt: skip
    found = rectangle(3.0, 2.0)
    f = lambda q: energy(found, 70.0, surface, q[0], q[1])  # noqa: E731
    h, g = jax.hessian(f)(jnp.zeros(2)), jax.grad(f)(jnp.zeros(2))
    rigidity = found.rigidity(70.0, surface)
    np.testing.assert_allclose([rigidity.tension, rigidity.coupling], h[0], rtol=1e-12)
    np.testing.assert_allclose(rigidity.bending, h[1, 1] - h[0, 1] ** 2 / h[0, 0], rtol=1e-12)
    np.testing.assert_allclose(found.relaxed(70.0, surface), -jnp.linalg.solve(h, g), rtol=1e-12)
    np.testing.assert_allclose(found.surface_tension(surface), g[0], rtol=1e-13)


def test_equilibrium_strain_and_stoney_of_a_beam():
    h = 5.0
    found = square(h).relaxed(E, SurfaceElasticity(TAU, S))
    np.testing.assert_allclose(found.strain, -4 * TAU / (E * h + 4 * S), rtol=1e-14)
    np.testing.assert_allclose(found.curvature, 0.0, atol=1e-16)
    top = SurfaceElasticity(stress=jnp.array([0.0, 0.0, TAU, 0.0]))
    np.testing.assert_allclose(rectangle(20.0, h).relaxed(E, top).curvature, -6 * TAU / (E * h**2), rtol=1e-13)


def test_edges_and_the_young_laplace_load():
    surface = SurfaceElasticity(TAU, 0.0, edge_stress=0.7, edge_stiffness=4.0)
    bar = square(2.0)
    np.testing.assert_allclose(bar.surface_tension(surface), 8 * TAU + 4 * 0.7, rtol=1e-14)
    np.testing.assert_allclose(bar.rigidity(E, surface)[0::2], [4 * E + 16, 16 * E / 12 + 16], rtol=1e-14)
    np.testing.assert_allclose(circle(2.0).surface_tension(surface), 2 * np.pi * TAU, rtol=1e-14)
    np.testing.assert_allclose(rectangle(200.0, 50.0).young_laplace_load(surface), 400 * TAU, rtol=1e-14)


def test_a_nonlocal_bulk_stiffens_bending_alone():
    bar = rectangle(7.0, 2.0)
    local, nonlocal_ = bar.rigidity(E), bar.rigidity(E, bending_length=0.3)
    np.testing.assert_allclose(nonlocal_.bending / local.bending, 1 + (0.3 / 2.0) ** 2, rtol=1e-14)
    assert nonlocal_.tension == local.tension


def test_copper_wires_shrink_as_the_linear_section_says(data_directory):
    # LAMMPS, square <100> wires; τ = τ₀ (1 − ν) of slabs. What is left out (bulk nonlinearity, edges) falls as 1/D
    lines = (data_directory / "wires_100_Cu_mishin1.csv").read_text().splitlines()
    rows = list(csv.DictReader(line for line in lines if not line.startswith("#")))
    surface = SurfaceElasticity(stress=1.501433 * (1 - 0.41915))
    miss = {}
    for row in rows:
        D = float(row["D_nom_nm"])
        miss[D] = float(square(D).relaxed(67.1143, surface).strain) / float(row["eps_star"]) - 1.0
    thick = [D for D in sorted(miss) if D > 3.0]
    assert all(-0.06 < miss[D] < 0.0 for D in thick), miss
    assert all(abs(miss[b]) < abs(miss[a]) for a, b in zip(thick, thick[1:], strict=False)), miss


@pytest.mark.slow
def test_gradients_against_finite_differences():
    def curvature(p):
        found = polygon(jnp.array([[0.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 0.0]]) * p[0]
                        + jnp.array([[0.0, 0.0], [0.0, 0.1], [0.0, 1.0], [0.0, 1.2]]) * p[1])  # fmt: skip
        return found.relaxed(p[2], SurfaceElasticity(stress=p[3], stiffness=p[4])).curvature

    p = jnp.array([2.0, 1.5, 70.0, 1.0, -3.0])
    gradient, errors = jax.jit(jax.grad(curvature))(p), []
    value = jax.jit(curvature)
    for step in 10.0 ** -np.arange(1.0, 10.0):
        eye = step * jnp.eye(5)
        difference = jnp.stack([(value(p + d) - value(p - d)) / (2 * step) for d in eye])
        errors.append(float(jnp.max(jnp.abs(difference - gradient)) / jnp.max(jnp.abs(gradient))))
    best = int(np.argmin(errors))
    assert errors[best] < 1e-8
    assert errors[0] > 1e3 * errors[best]  # a V
    assert errors[-1] > 10 * errors[best]


def test_batches_are_loops():
    sides = jnp.array([2.0, 5.0, 50.0])

    def bending(side):
        return square(side).rigidity(E, SurfaceElasticity(stiffness=S)).bending

    np.testing.assert_allclose(jax.jit(jax.vmap(bending))(sides), [bending(s) for s in sides], rtol=1e-14)


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="thickness: expected one positive number, got 0.0"):
        rectangle(1.0, 0.0)
    with pytest.raises(ValueError, match="diameter: expected one positive number, got nan"):
        circle(np.nan)
    with pytest.raises(ValueError, match=r"three or more points \(n, 2\), got shape \(2, 2\)"):
        polygon(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="corner 1 is not finite"):
        polygon(np.array([[0.0, 0.0], [np.inf, 0.0], [0.0, 1.0]]))
    with pytest.raises(ValueError, match="faces 0 and 2 meet"):
        polygon(np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]))
    with pytest.raises(ValueError, match="face 1 has no length"):
        polygon(np.array([[0.0, 0.0], [1.0, 1.0], [1.0, 1.0], [0.0, 1.0]]))
    with pytest.raises(ValueError, match="no area"):
        polygon(np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]]))
    with pytest.raises(ValueError, match=r"surface.stiffness: expected one number or one for each face \(4\), got"):
        square(1.0).rigidity(E, SurfaceElasticity(stiffness=jnp.ones(3)))
    with pytest.raises(ValueError, match=r"surface.edge_stress: expected one number or one for each edge \(4\)"):
        square(1.0).relaxed(E, SurfaceElasticity(edge_stress=jnp.ones(2)))
