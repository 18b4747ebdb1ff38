"""Classical problems of solids against closed forms, published numbers and another code.

S. P. Timoshenko and J. N. Goodier, Theory of Elasticity (3rd ed., 1970): Lamé's cylinder and sphere, Kirsch's hole.
R. Hill, The Mathematical Theory of Plasticity (1950), ch. V: the plastic sphere. R. D. Cook, J. Struct. Div. ASCE 100
(1974) 1851: the membrane. NAFEMS, The Standard NAFEMS Benchmarks (1990): LE1 and LE10.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.optimize import brentq

import msjax as ms
from msjax.fe import Dirichlet, Problem, Traction
from msjax.fe.fields import at_points
from msjax.fe.linear import Direct

from .elements import gradients_at_node, node_at


def solve(problem, **options):
    """By factorisation, which compiles fastest."""
    return ms.solve(problem, solver=Direct(symmetric=problem.symmetric), **options)


def plane_stress(young, poisson):
    """The linear medium of plane stress, in closed form."""
    one, nu = young / (1.0 - poisson**2), poisson
    return ms.LinearElastic(one * np.array([[1.0, nu, 0.0], [nu, 1.0, 0.0], [0.0, 0.0, (1.0 - nu) / 2.0]]))


def push(x):
    """Unit traction away from the origin: pressure on an inner circle or sphere."""
    return x / jnp.sqrt(jnp.sum(x**2))


@pytest.mark.slow
def test_cooks_membrane():
    """48 wide, 44 high at its clamped left side and 16 at its right, sheared there by a unit force; plane stress,
    E = 1, ν = 1/3: the middle of the right side moves by 23.96."""

    def place(x):
        return np.stack([48.0 * x[:, 0], 44.0 * x[:, 0] * (1.0 - x[:, 1]) + (44.0 + 16.0 * x[:, 0]) * x[:, 1]], axis=1)

    mesh = ms.fe.rectangle((1.0, 1.0), (10, 10), "quad9").moved(place)
    load = Traction("x+", [0.0, 1.0 / 16.0])
    solution = solve(Problem(mesh, plane_stress(1.0, 1.0 / 3.0), [Dirichlet("x-")], [load]))
    assert float(solution.u[node_at(mesh, [48.0, 52.0]), 1]) == pytest.approx(23.96, rel=2e-3)


def stress_at(problem, solution, node):
    """At a node, of the mean displacement gradient of the cells around it; the hoop strain of axial symmetry is u/r."""
    mesh, u = problem.mesh, solution.u
    strain = jnp.zeros((3, 3)).at[: mesh.dim, : mesh.dim].set(gradients_at_node(mesh, u, node))
    if problem.formulation.kinematics.axisymmetric:
        strain = strain.at[2, 2].set(u[node, 0] / mesh.points[node, 0])
    return problem.parts[0].material.respond(jnp.eye(3) + strain).stress


@pytest.mark.slow
@pytest.mark.parametrize("kinematics", ["plane_strain", "axisymmetric"])
def test_lames_cylinder(kinematics):
    """a = 1, b = 2, p = 1, E = 1, ν = 0.3 in plane strain."""
    if kinematics == "plane_strain":
        mesh = ms.fe.annulus(1.0, 2.0, (4, 4), kind="quad9", grading=3.0)
        held, load = [Dirichlet("start", 0.0, "y"), Dirichlet("end", 0.0, "x")], Traction("inner", push)
    else:
        mesh = ms.fe.mapped(lambda x: np.stack([2.0 ** x[:, 0], x[:, 1]], axis=1), (4, 1), "quad9")
        held, load = [Dirichlet("y-", 0.0, "y"), Dirichlet("y+", 0.0, "y")], Traction("x-", [1.0, 0.0])
    problem = Problem(mesh, ms.IsotropicElastic(1.0, 0.3), held, [load], kinematics=kinematics)
    solution = solve(problem)
    a, b = node_at(mesh, [1.0, 0.0]), node_at(mesh, [2.0, 0.0])
    assert float(solution.u[a, 0]) == pytest.approx(1.9066667, rel=2e-4)
    assert float(solution.u[b, 0]) == pytest.approx(1.2133333, rel=2e-4)
    hoop, axial = (1, 2) if kinematics == "plane_strain" else (2, 1)
    for node, radial, around in ((a, -1.0, 5.0 / 3.0), (b, 0.0, 2.0 / 3.0)):
        stress = stress_at(problem, solution, node)
        expected = {0: radial, hoop: around, axial: 0.2}
        np.testing.assert_allclose(np.diag(stress), [expected[n] for n in range(3)], atol=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("kinematics", ["solid", "axisymmetric"])
def test_lames_sphere(kinematics):
    """a = 1, b = 2, p = 1, E = 1, ν = 0.3: u(a) = 0.8 and hoop stress 5/7; an octant, and half a meridian section."""
    if kinematics == "solid":
        mesh = ms.fe.hollow_sphere(1.0, 2.0, (3, 2), kind="hex27", grading=3.0)
        held = [Dirichlet(f"{axis}-", 0.0, axis) for axis in "xyz"]
    else:
        mesh = ms.fe.annulus(1.0, 2.0, (4, 4), kind="quad9", grading=3.0)
        held = [Dirichlet("start", 0.0, "y"), Dirichlet("end", 0.0, "x")]
    problem = Problem(mesh, ms.IsotropicElastic(1.0, 0.3), held, [Traction("inner", push)], kinematics=kinematics)
    solution = solve(problem)
    inner = np.abs(np.linalg.norm(np.asarray(mesh.points), axis=1) - 1.0) < 1e-9
    np.testing.assert_allclose(np.linalg.norm(np.asarray(solution.u)[inner], axis=1), 0.8, rtol=1e-3)
    stress = stress_at(problem, solution, node_at(mesh, np.eye(mesh.dim)[0]))
    np.testing.assert_allclose(np.diag(stress), [-1.0, 5.0 / 7.0, 5.0 / 7.0], atol=0.035)


@pytest.mark.slow
def test_kirschs_hole():
    """Pulled along x: 3 above the hole, −1 beside it. The plate is cut out of the infinite one, whose tractions act."""

    def infinite(x):
        r2, t = jnp.sum(x**2), jnp.arctan2(x[1], x[0])
        s, c2, s2, c4, s4 = 1.0 / r2, jnp.cos(2 * t), jnp.sin(2 * t), jnp.cos(4 * t), jnp.sin(4 * t)
        xx = 1.0 - s * (1.5 * c2 + c4) + 1.5 * s**2 * c4
        yy = -s * (0.5 * c2 - c4) - 1.5 * s**2 * c4
        xy = -s * (0.5 * s2 + s4) + 1.5 * s**2 * s4
        return jnp.stack([jnp.stack([xx, xy]), jnp.stack([xy, yy])])

    mesh = ms.fe.holed_plate((3.0, 3.0), 1.0, (6, 5), "quad9")
    loads = [Traction("x+", lambda x: infinite(x)[0]), Traction("y+", lambda x: infinite(x)[1])]
    held = [Dirichlet("x-", 0.0, "x"), Dirichlet("y-", 0.0, "y")]
    problem = Problem(mesh, ms.IsotropicElastic(1.0, 0.3, dim=2), held, loads)
    solution = solve(problem)
    stress = ms.fe.stress(problem, solution, at="nodes")
    assert float(stress[node_at(mesh, [0.0, 1.0])][0, 0]) == pytest.approx(3.0, rel=0.02)
    assert float(stress[node_at(mesh, [1.0, 0.0])][1, 1]) == pytest.approx(-1.0, rel=0.03)
    inside = ms.fe.stress(problem, solution, at="cells")
    centres = jnp.mean(mesh.points[mesh.cells], axis=1)
    far = np.linalg.norm(np.asarray(centres), axis=1) > 2.0
    np.testing.assert_allclose(inside[far], jax.vmap(infinite)(centres)[far], atol=0.03)


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "shape"), [("quad4", (16, 24)), ("tri6", (8, 12))])
def test_nafems_le1(kind, shape):
    """The elliptic membrane pulled outward by 10 MPa: σ_yy(D) = 92.7 MPa."""

    def outward(x):
        normal = x / jnp.array([3.25, 2.75]) ** 2
        return 10.0 * normal / jnp.sqrt(jnp.sum(normal**2))

    mesh = ms.fe.nafems_le1(shape, kind)
    held = [Dirichlet("y-", 0.0, "y"), Dirichlet("x-", 0.0, "x")]
    problem = Problem(mesh, ms.PlaneStress(ms.IsotropicElastic(210e3, 0.3)), held, [Traction("outer", outward)])
    stress = ms.fe.stress(problem, solve(problem), at="nodes")[node_at(mesh, [2.0, 0.0])]
    assert float(stress[1, 1]) == pytest.approx(92.7, rel=5e-3)


@pytest.mark.slow
def test_nafems_le10():
    """The thick plate under 1 MPa: σ_yy(D) = −5.38 MPa, of the displacement in the cell at D."""
    mesh = ms.fe.nafems_le10((6, 6, 4), "hex27")
    half = np.flatnonzero(np.abs(np.asarray(mesh.points)[:, 2] - 0.3) < 1e-9)
    middle = np.intersect1d(mesh.nodes_of("outer"), half)
    held = [Dirichlet("y-", 0.0, "y"), Dirichlet("x-", 0.0, "x"), Dirichlet("outer", 0.0, "xy")]
    held.append(Dirichlet(middle, 0.0, "z"))
    problem = Problem(mesh, ms.IsotropicElastic(210e3, 0.3), held, [Traction("z+", [0.0, 0.0, -1.0])])
    solution = solve(problem)
    stress = stress_at(problem, solution, node_at(mesh, [2.0, 0.0, 0.6]))
    assert float(stress[1, 1]) == pytest.approx(-5.38, rel=0.02)


@pytest.mark.slow
def test_the_cube_at_finite_strain():
    """20³ hexahedra, E = 1, ν = 0.3, the bottom clamped, the top moved by 0.15 along z and held sideways: the top's
    reaction, which other codes gave as 0.144000035."""
    mesh = ms.fe.box((1.0, 1.0, 1.0), (20, 20, 20))
    material = ms.NeoHooke(mu=1.0 / 2.6, lam=0.3 / (1.3 * 0.4))
    held = [Dirichlet("z-"), Dirichlet("z+", [0.0, 0.0, 0.15])]
    problem = Problem(mesh, material, held)
    force = ms.fe.resultant(problem, ms.solve(problem, tolerance=1e-9), "z+").force
    assert float(force[2]) == pytest.approx(0.144000035, abs=2e-9)


@pytest.mark.slow
def test_an_inflated_tube_of_rubber():
    """Neo-Hooke in plane strain under a pressure that follows: if incompressible, p = μ [ln λ − 1/(2 λ²)] between the
    stretches of the outer and the inner radius (R. W. Ogden, Non-Linear Elastic Deformations, 1984, ch. 5)."""
    inside = 1.5
    outside = np.sqrt(1.0 + (inside**2 - 1.0) / 4.0)
    pressure = np.log(inside / outside) + 0.5 / outside**2 - 0.5 / inside**2
    mesh = ms.fe.annulus(1.0, 2.0, (3, 3), kind="quad9")
    held = [Dirichlet("start", 0.0, "y"), Dirichlet("end", 0.0, "x")]
    problem = Problem(
        mesh, ms.NeoHooke(1.0, 1e4), held, [ms.fe.Pressure("inner", pressure)], formulation="mean_dilatation"
    )
    path = ms.fe.load_steps(problem, [0.25, 0.5, 0.75, 1.0], solver=Direct(symmetric=False))
    assert float(path.u[-1, node_at(mesh, [1.0, 0.0]), 0]) == pytest.approx(inside - 1.0, rel=4e-3)
    assert float(path.u[-1, node_at(mesh, [2.0, 0.0]), 0]) == pytest.approx(2.0 * (outside - 1.0), rel=4e-3)


@pytest.mark.slow
def test_a_perfectly_plastic_sphere():
    """Yield begins at p = ⅔ Y (1 − a³/b³); beyond it is plastic within c, p = 2 Y ln(c/a) + ⅔ Y (1 − c³/b³), and the
    outside moves by u(b) = Y (1 − ν) c³/(E b²)."""
    young, poisson, strength = 1000.0, 0.3, 1.0
    first = 2.0 / 3.0 * strength * (1.0 - 1.0 / 8.0)

    def pressure(c):
        return 2.0 * strength * np.log(c) + 2.0 / 3.0 * strength * (1.0 - c**3 / 8.0)

    mesh = ms.fe.annulus(1.0, 2.0, (6, 2), kind="quad9")
    held = [Dirichlet("start", 0.0, "y"), Dirichlet("end", 0.0, "x")]
    material = ms.J2Plasticity(young, poisson, strength)
    problem = Problem(mesh, material, held, [Traction("inner", push)], kinematics="axisymmetric")
    pressures = np.array([0.98 * first, 0.8, 1.0])
    path = ms.fe.load_steps(problem, pressures, solver=Direct())
    plastic = np.asarray(path.state[0].accumulated) > 0
    radii = np.linalg.norm(np.asarray(at_points(problem, path.u[0], "strain").positions), axis=-1)
    spacing = 1.0 / 12.0  # of the quadrature points along a radius, at most
    assert not plastic[0].any()
    for step in (1, 2):
        front = brentq(lambda c, step=step: pressure(c) - pressures[step], 1.0, 2.0)
        assert plastic[step][radii < front - spacing].all()
        assert not plastic[step][radii > front + spacing].any()
        outside = path.u[step, node_at(mesh, [2.0, 0.0]), 0]
        assert float(outside) == pytest.approx(strength * (1.0 - poisson) * front**3 / (4.0 * young), rel=3e-3)


def returned(strain, plastic, accumulated, young, poisson, strength, hardening):
    """Radial return of J2 plasticity with linear isotropic hardening in plane strain, for columns (xx, yy, zz, xy) of
    tensor components (J. C. Simo and T. J. R. Hughes, Computational Inelasticity, 1998, box 3.2): stress, consistent
    tangent (4, 4, …) of tensor components and new history."""
    bulk, shear = young / (3 * (1 - 2 * poisson)), young / (2 * (1 + poisson))
    one, count = np.array([1.0, 1.0, 1.0, 0.0]), np.array([1.0, 1.0, 1.0, 2.0])
    rows = np.diag([1.0, 1.0, 1.0, 0.5]) - np.outer(one, one) / 3.0  # deviator, of columns with doubled shears
    axes = (slice(None),) + (None,) * (strain.ndim - 1)
    trace = strain[:3].sum(axis=0)
    trial = 2 * shear * (strain - one[axes] * trace / 3.0 - plastic)
    norm = np.sqrt(np.einsum("i,i...->...", count, trial**2))
    over = norm - np.sqrt(2.0 / 3.0) * (strength + hardening * accumulated)
    flows = over > 0
    gamma = np.where(flows, over / (2 * shear + 2.0 / 3.0 * hardening), 0.0)
    normal = trial / np.where(flows, norm, 1.0)
    theta = np.where(flows, 1.0 - 2 * shear * gamma / np.where(flows, norm, 1.0), 1.0)
    last = np.where(flows, 1.0 / (1.0 + hardening / (3.0 * shear)) - (1.0 - theta), 0.0)
    stress = bulk * trace * one[axes] + trial - 2 * shear * gamma * normal
    tangent = (
        bulk * np.outer(one, one)[(...,) + (None,) * (strain.ndim - 1)]
        + 2 * shear * (theta * rows[(...,) + (None,) * (strain.ndim - 1)] - last * normal[:, None] * normal[None])
    )  # fmt: skip
    return stress, tangent, plastic + gamma * normal, accumulated + np.sqrt(2.0 / 3.0) * gamma


@pytest.mark.slow
def test_an_elastoplastic_plate_with_a_hole_against_scikit_fem():
    """The quarter of a plate in plane strain, stretched, stretched further and released: displacements, reactions and
    plastic strains of a Newton method written on scikit-fem's assembly."""
    skfem = pytest.importorskip("skfem", reason="compares with scikit-fem, of msjax[test]")
    numbers = {"young": 100.0, "poisson": 0.3, "strength": 1.0, "hardening": 5.0}
    stretches = [0.02, 0.06, 0.05, -0.01]
    mesh = ms.fe.holed_plate((2.0, 3.0), 1.0, (4, 3))
    held = [Dirichlet("x-", 0.0, "x"), Dirichlet("y-", 0.0, "y"), Dirichlet("y+", 1.0, "y")]
    hardened = ms.LinearHardening(numbers["strength"], numbers["hardening"])
    problem = Problem(mesh, ms.J2Plasticity(numbers["young"], numbers["poisson"], hardened, dim=2), held)
    times = np.arange(1.0, 5.0)
    given = jnp.asarray(stretches)
    path = ms.fe.load_steps(
        problem, times, lambda p, t: p.scaled(given[t.astype(int) - 1]), solver=Direct(), tolerance=1e-12
    )

    order = [0, 2, 3, 1]  # counterclockwise
    other = skfem.MeshQuad(np.asarray(mesh.points).T, np.asarray(mesh.cells)[:, order].T)
    basis = skfem.Basis(other, skfem.ElementVector(skfem.ElementQuad1()), intorder=3)
    assert basis.X.shape[1] == len(problem.formulation.rule(mesh).weights)
    nodal = basis.nodal_dofs
    fixed = {"x": mesh.nodes_of("x-"), "y": mesh.nodes_of("y-")}
    pulled = nodal[1, mesh.nodes_of("y+")]
    pinned = np.unique(np.concatenate([nodal[0, fixed["x"]], nodal[1, fixed["y"]], pulled]))

    def column(u):
        """Gradients as (xx, yy, zz, xy)."""
        return np.stack([u.grad[0, 0], u.grad[1, 1], 0.0 * u.grad[0, 0], 0.5 * (u.grad[0, 1] + u.grad[1, 0])])

    def doubled(u):
        return column(u) * np.array([1.0, 1.0, 1.0, 2.0])[:, None, None]

    @skfem.LinearForm
    def forces(v, w):
        return np.einsum("i...,i...->...", doubled(v), w["stress"])

    @skfem.BilinearForm
    def stiffness(u, v, w):
        return np.einsum("i...,ij...,j...->...", doubled(v), w["tangent"], doubled(u))

    free = np.setdiff1d(np.arange(basis.N), pinned)
    u, history = np.zeros(basis.N), (0.0, 0.0)
    for step, stretch in enumerate(stretches):
        ahead = np.zeros(basis.N)
        ahead[pulled] = stretch - u[pulled]  # with the first correction, so that the whole plate follows
        for _ in range(20):
            stress, tangent, *trial = returned(column(basis.interpolate(u)), *history, **numbers)
            residual = forces.assemble(basis, stress=skfem.DiscreteField(stress))
            if not ahead.any() and np.linalg.norm(residual[free]) < 1e-12 * np.linalg.norm(residual):
                break
            matrix = stiffness.assemble(basis, tangent=skfem.DiscreteField(tangent))
            u += skfem.solve(*skfem.condense(matrix, -residual, x=ahead, D=pinned))
            ahead[:] = 0.0
        else:
            pytest.fail(f"Newton's method on scikit-fem did not converge in step {step}")
        history = trial
        np.testing.assert_allclose(path.u[step], u[nodal].T, atol=1e-10 * np.abs(u).max())
        np.testing.assert_allclose(path.reactions[step], residual[nodal].T, atol=1e-9 * np.abs(residual).max())
        ours = np.sort(np.asarray(path.state[0].accumulated[step]), axis=1)
        np.testing.assert_allclose(ours, np.sort(history[1], axis=1), atol=1e-10)
    assert 0.2 < np.mean(history[1] > 0) <= 1.0
