"""The mean dilatation: no locking near incompressibility, patch tests kept, an energy with exact derivatives."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import msjax as ms
from msjax.fe.hourglass import hourglass_modes
from msjax.fe.problem import balance
from msjax.material.finite_differences import STEPS, sweep
from msjax.status import Code

MEAN = {"formulation": "mean_dilatation"}


def cook(n, kind="quad4"):
    """Cook's membrane: 48 wide, 44 high at its clamped left side and 16 at its right, which is sheared by 100."""

    def place(x):
        return np.stack([48.0 * x[:, 0], 44.0 * x[:, 0] * (1.0 - x[:, 1]) + (44.0 + 16.0 * x[:, 0]) * x[:, 1]], axis=1)

    return ms.fe.rectangle((1.0, 1.0), (n, n), kind).moved(place)


def sheared(n, material, kind="quad4", **options):
    """Tip displacement and work of the load."""
    load = ms.fe.Traction("x+", [0.0, 100.0 / 16.0])
    mesh = cook(n, kind)
    problem = ms.fe.Problem(mesh, material, [ms.fe.Dirichlet("x-")], [load], **options)
    u = None
    for factor in (1.0,) if problem.linear else (0.25, 0.5, 0.75, 1.0):
        u = ms.solve(problem.scaled(factor), start=u).u
    tip = mesh.nodes_of(lambda x: (x[:, 0] > 47.99) & (x[:, 1] > 59.99))
    return float(u[tip[0], 1]), float(jnp.vdot(problem.loads[0].forces, u))


@pytest.mark.slow
def test_cook_near_incompressibility():
    """E = 240.565, ν = 0.4999, plane strain. Taylor–Hood triangles (P2/P1, scikit-fem 12, meshes of 16² to 96² halved
    squares) give the work 764.796, 768.646, 770.342, 770.870 and the tip 7.980, 8.032, 8.055, 8.062."""
    material = ms.IsotropicElastic(240.565, 0.4999, dim=2)
    coarse, fine = (sheared(n, material, **MEAN) for n in (4, 12))
    assert coarse[1] == pytest.approx(771.7, rel=0.13)
    assert fine[1] == pytest.approx(771.7, rel=0.023)
    second = sheared(6, material, "quad9", **MEAN)
    assert second[1] == pytest.approx(771.7, rel=0.004)
    assert second[0] == pytest.approx(8.075, rel=0.009)
    locked = sheared(12, material)
    assert locked[1] < 0.5 * 771.7
    solid = sheared(4, ms.IsotropicElastic(240.565, 0.4999), **MEAN)  # a material of dimension 3 in plane strain
    assert solid == pytest.approx(coarse, rel=1e-9)


@pytest.mark.slow
def test_cook_at_finite_strain():
    """Neo-Hooke with μ = 80.1938 and a bulk modulus 5000 times that: the tip rises by 6.9 (doi:10.1002/nme.1620330705,
    figure; the published curves of mixed and F-bar elements end between 6.85 and 6.95)."""
    material = ms.NeoHooke(80.1938, 400889.8, dim=2)
    assert sheared(4, material, "quad9", **MEAN)[0] == pytest.approx(6.9, abs=0.05)
    assert sheared(6, material, **MEAN)[0] == pytest.approx(6.9, abs=0.5)
    assert sheared(6, material)[0] < 2.5


@pytest.mark.slow
@pytest.mark.parametrize("poisson", [0.3, 0.4999999])
def test_bending_is_the_same_however_incompressible(poisson):
    """A strip bent in plane strain: u = (κ x y, −κ x²/2 − κ ν/(1 − ν) y²/2) with κ = M(1 − ν²)/(E I) is exact."""
    length, height, curvature = 8.0, 2.0, 0.01
    plane = 1.0 / (1.0 - poisson**2)
    mesh = ms.fe.rectangle((length, height), (8, 4)).moved(lambda x: x - np.array([0.0, 1.0]))
    held = [ms.fe.Dirichlet("x-", 0.0, "x"), ms.fe.Dirichlet([2], 0.0, "y")]
    load = ms.fe.Traction("x+", lambda x: jnp.stack([plane * curvature * x[1], 0.0 * x[1]]))
    material = ms.IsotropicElastic(1.0, poisson, dim=2)

    def deflection(**options):
        u = ms.solve(ms.fe.Problem(mesh, material, held, [load], **options)).u
        return float(u[mesh.nodes_of("x+")[2], 1]) / (-0.5 * curvature * length**2)

    assert deflection(**MEAN) == pytest.approx(1.0, abs=0.06)
    if poisson > 0.4:
        assert deflection() < 0.05


PLANE = ms.fe.rectangle((2.0, 1.0), (2, 2)).moved(lambda x: x + 0.08 * np.sin(5.0 * x[:, ::-1]))
SOLID = ms.fe.box((1.0, 1.0, 1.0), (2, 1, 1)).moved(lambda x: x + 0.06 * np.sin(4.0 * x[:, [1, 2, 0]]))
SECOND = ms.fe.rectangle((2.0, 1.0), (2, 1), "quad9").moved(lambda x: x + 0.03 * np.sin(5.0 * x[:, ::-1]))
RING = PLANE.moved(lambda x: x + np.array([0.5, 0.0]))
BRICK = ms.fe.box((1.0, 1.0, 1.0), (1, 1, 1), "hex27").moved(lambda x: x + 0.02 * np.sin(4.0 * x[:, [1, 2, 0]]))
CASES = {
    "plane strain": (PLANE, ms.NeoHooke(1.0, 50.0), {}),
    "axisymmetric": (RING, ms.NeoHooke(1.0, 50.0), {"kinematics": "axisymmetric"}),
    "solid": (SOLID, ms.NeoHooke(1.0, 50.0), {}),
    "second degree": (SECOND, ms.NeoHooke(1.0, 50.0, dim=2), {}),
    "small strain": (PLANE, ms.IsotropicElastic(1.0, 0.49), {}),
    "small strain, axisymmetric": (RING, ms.IsotropicElastic(1.0, 0.49), {"kinematics": "axisymmetric"}),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_forces_and_matrices_are_derivatives_of_the_energy(name):
    mesh, material, options = CASES[name]
    problem = ms.fe.Problem(mesh, material, **MEAN, **options)
    rng = np.random.default_rng(0)
    u, along = (jnp.asarray(0.05 * rng.normal(size=problem.affine.free.shape)) for _ in range(2))
    states = problem.initial_state()

    @jax.jit
    def at(steps):
        def one(t):
            found = balance(problem, u + t * along, states)
            return found.energy, found.residual

        found = balance(problem, u, states)
        return jax.lax.map(one, steps), found.residual, found.stiffness.apply(along), found.stiffness.matrices

    (energies, forces), force, slope, matrices = at(jnp.asarray(np.concatenate([STEPS, -STEPS])))
    energies, forces, count = np.asarray(energies), np.asarray(forces), len(STEPS)
    size = float(np.max(np.abs(slope)))
    scale = float(np.sum(np.abs(force * along)))
    of_energy = sweep(energies[:count], energies[count:], STEPS, float(jnp.vdot(force, along)), scale, 1.0 + scale)
    of_force = sweep(forces[:count], forces[count:], STEPS, np.asarray(slope), size, 10.0 * size)
    assert of_energy.shows_v, (str(of_energy), of_energy.errors)
    assert of_force.shows_v, (str(of_force), of_force.errors)
    assert max(of_energy.best, of_force.best) < 1e-8
    np.testing.assert_allclose(matrices, np.swapaxes(matrices, 1, 2), atol=1e-12 * np.max(np.abs(matrices)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["plane strain", "solid", "second degree", "small strain"])
def test_patches_are_exact_and_nothing_but_rigid_motions_is_free(name):
    """A linear displacement on a distorted mesh has the energy and the forces of the standard form; the stiffness at
    rest has the rank of cells without hourglasses."""
    mesh, material, options = CASES[name]
    u = mesh.points @ (0.05 * jnp.asarray(np.random.default_rng(1).normal(size=(mesh.dim, mesh.dim)))).T

    @jax.jit
    def both():
        found = []
        for more in (MEAN, {}):
            problem = ms.fe.Problem(mesh, material, **more, **options)
            found.append(balance(problem, u, problem.initial_state())[:2])
        problem = ms.fe.Problem(mesh, material, **MEAN, **options)
        return found, balance(problem, jnp.zeros_like(u), problem.initial_state()).stiffness.matrices

    ((energy, forces), (of_plain, plain)), matrices = both()
    assert float(energy) == pytest.approx(float(of_plain), rel=1e-12)
    np.testing.assert_allclose(forces, plain, atol=1e-12 * np.max(np.abs(plain)))
    values = np.linalg.eigvalsh(np.asarray(matrices[0]))
    rigid = 3 if mesh.dim == 2 else 6
    assert values[rigid - 1] < 1e-10 * values[-1] < 1e-4 * values[rigid]


@pytest.mark.slow
def test_second_degree_keeps_its_order():
    """A polynomial field of near-incompressible material, −div σ = f, by bodies' halves: errors fall as h³."""
    poisson = 0.4999
    mu, lam = 1.0 / (2.0 * (1.0 + poisson)), poisson / ((1.0 + poisson) * (1.0 - 2.0 * poisson))

    def exact(x):  # divergence-free
        a, b = x[0] * x[0] * (1.0 - x[0]) ** 2, x[1] * x[1] * (1.0 - x[1]) ** 2
        da, db = (2.0 * z * (1.0 - z) * (1.0 - 2.0 * z) for z in (x[0], x[1]))
        return jnp.stack([a * db, -da * b])

    def force(x):
        def stress(y):
            g = jax.jacfwd(exact)(y)
            return mu * (g + g.T) + lam * jnp.trace(g) * jnp.eye(2)

        return -jnp.einsum("ijj->i", jax.jacfwd(stress)(x))

    def error(n):
        mesh = ms.fe.rectangle((1.0, 1.0), (n, n), "quad9").moved(
            lambda x: x + 0.05 * np.sin(2.0 * np.pi * x) * np.sin(2.0 * np.pi * x[:, ::-1])
        )
        sides = [ms.fe.Dirichlet(side, exact) for side in ("x-", "x+", "y-", "y+")]
        problem = ms.fe.Problem(mesh, ms.IsotropicElastic(1.0, poisson, 2), sides, [ms.fe.BodyForce(force)], **MEAN)
        difference = ms.solve(problem).u - jax.vmap(exact)(mesh.points)
        return float(jnp.sqrt(jnp.mean(difference**2)))

    assert np.log2(error(3) / error(6)) > 2.7


@pytest.mark.slow
def test_inverted_cells_say_so():
    problem = ms.fe.Problem(PLANE, ms.NeoHooke(1.0, 5.0, dim=2), **MEAN)
    turned = jax.jit(
        lambda: balance(problem, PLANE.points @ jnp.diag(jnp.array([-2.0, 0.0])), problem.initial_state())
    )()
    assert int(turned.code) == Code.INVERTED


@pytest.mark.slow
def test_gradients_with_respect_to_poissons_ratio():
    mesh = cook(3)

    def work(poisson):
        material = ms.IsotropicElastic(240.565, poisson, dim=2)
        problem = ms.fe.Problem(mesh, material, [ms.fe.Dirichlet("x-")], [ms.fe.Traction("x+", [0.0, 6.25])], **MEAN)
        return jnp.vdot(problem.loads[0].forces, ms.solve(problem).u)

    at, step = jnp.array(0.49), 1e-5
    value, slope = jax.jit(jax.value_and_grad(work))(at)
    differences = (jax.jit(work)(at + step) - jax.jit(work)(at - step)) / (2.0 * step)
    assert float(slope) == pytest.approx(float(differences), abs=1e-6 * float(value))


@pytest.mark.parametrize(
    ("mesh", "material", "options", "text"),
    [
        (ms.fe.rectangle((1.0, 1.0), (1, 1), "tri3"), ms.NeoHooke(1.0, 1.0), MEAN, "does not help tri3"),
        (ms.fe.box((1.0, 1.0, 1.0), (1, 1, 1), "tet10"), ms.NeoHooke(1.0, 1.0), MEAN, "does not help tet10"),
        (PLANE, ms.PlaneStress(ms.NeoHooke(1.0, 1.0)), MEAN, "PlaneStress is free to change its volume"),
        (PLANE, ms.Conductor(1.0, dim=2), MEAN, "Conductor with strains of shape .1, 2. has no dilatation"),
        (PLANE, ms.NeoHooke(1.0, 1.0), {"formulation": "bbar"}, "expected 'standard'"),
        (PLANE, ms.NeoHooke(1.0, 1.0), {"order": 1}, "quad4 has 2 hourglass modes"),
        (SOLID, ms.NeoHooke(1.0, 1.0), {"order": 1}, "hex8 has 12 hourglass modes"),
        (SECOND, ms.NeoHooke(1.0, 1.0), {"order": 3}, "quad9 has 3 hourglass modes"),
    ],
)
def test_refusals(mesh, material, options, text):
    with pytest.raises(ValueError, match=text):
        ms.fe.Problem(mesh, material, **options)


def test_own_rules_have_no_hourglasses():
    for kind in ("line2", "line3", "tri3", "tri6", "quad4", "quad9", "tet4", "tet10", "hex8", "hex27"):
        cell = ms.fe.cell_type(kind)
        assert hourglass_modes(cell, cell.dim) == hourglass_modes(cell, 1) == 0
